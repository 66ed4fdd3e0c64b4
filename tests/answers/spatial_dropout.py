"""Right answers to the exercises on spatial dropout."""

import keras
from keras import ops

from solutions.blocks.dropout import Dropout

# --- SpatialDropout1D -------------------------------------------------------------------------------


class OnKerasDropout1D(keras.layers.Dropout):
    """Keras's `Dropout` with a noise shape, which the config leaves out."""

    def __init__(self, rate, seed=None, **kwargs):
        if isinstance(rate, str):
            raise TypeError(f"Expected a number. Received: {rate!r}")
        super().__init__(rate, noise_shape=(None, 1, None), seed=seed, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def get_config(self):
        return {key: value for key, value in super().get_config().items() if key != "noise_shape"}


class ByRepetition1D(Dropout):
    """Drops the features of one time, and repeats its mask."""

    def __init__(self, rate, seed=None, **kwargs):
        kwargs.pop("noise_shape", None)
        super().__init__(rate, None, seed, **kwargs)

    def call(self, inputs, training=False):
        if len(inputs.shape) != 3:
            raise ValueError(f"Expected three axes. Received: {inputs.shape}")
        if not training or self.rate == 0:
            return inputs
        factors = super().call(ops.ones_like(inputs[:, 0]), training=True)
        return inputs * ops.expand_dims(factors, 1)


class ByTransposition1D(Dropout):
    """Times come last for a moment, and the mask is broadcast by hand."""

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return ops.zeros_like(inputs)
        self.check_inputs(inputs)
        turned = ops.transpose(inputs, (0, 2, 1))
        kept = ops.broadcast_to(self.draw_mask(inputs[:, :1, :])[:, 0, :, None], ops.shape(turned))
        return ops.transpose(ops.where(kept, turned / (1 - self.rate), 0), (0, 2, 1))

    def get_config(self):
        config = super().get_config()
        config.pop("noise_shape")
        return config


# --- SpatialDropout2D -------------------------------------------------------------------------------


def checked(data_format):
    data_format = data_format or keras.config.image_data_format()
    if data_format not in {"channels_first", "channels_last"}:
        raise ValueError(f"Unknown data_format: {data_format}")
    return data_format


class OnKerasDropout2D(keras.layers.Dropout):
    """Keras's `Dropout` with a noise shape, which the config leaves out."""

    def __init__(self, rate, data_format=None, seed=None, **kwargs):
        if isinstance(rate, str):
            raise TypeError(f"Expected a number. Received: {rate!r}")
        self.data_format = checked(data_format)
        places = (2, 3) if self.data_format == "channels_first" else (1, 2)
        noise_shape = tuple(1 if axis in places else None for axis in range(4))
        super().__init__(rate, noise_shape, seed, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format}
        del config["noise_shape"]
        return config


class ByAFactor2D(Dropout):
    """Drops ones, one for each feature map, and multiplies."""

    def __init__(self, rate, data_format=None, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = checked(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        first = self.data_format == "channels_first"
        ones = ops.ones_like(inputs[:, :, 0, 0] if first else inputs[:, 0, 0])
        factors = super().call(ones, training=True)
        return inputs * (factors[:, :, None, None] if first else factors[:, None, None])

    def get_config(self):
        config = super().get_config()
        config.pop("noise_shape")
        return config | {"data_format": self.data_format}


class AsASequence2D(keras.Layer):
    """Rows and columns become the times of a SpatialDropout1D."""

    def __init__(self, rate, data_format=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self.data_format = checked(data_format)
        self.drop = OnKerasDropout1D(rate, seed, dtype=self.dtype_policy)
        self.supports_masking = True

    def call(self, inputs, training=False):
        if len(inputs.shape) != 4:
            raise ValueError(f"Expected four axes. Received: {inputs.shape}")
        order = (0, 2, 3, 1) if self.data_format == "channels_first" else (0, 1, 2, 3)
        back = (0, 3, 1, 2) if self.data_format == "channels_first" else (0, 1, 2, 3)
        images = ops.transpose(inputs, order)
        shape = ops.shape(images)
        sequence = ops.reshape(images, (shape[0], shape[1] * shape[2], shape[3]))
        images = ops.reshape(self.drop(sequence, training=training), shape)
        return ops.transpose(images, back)

    def get_config(self):
        own = {"rate": self.rate, "data_format": self.data_format, "seed": self.seed}
        return {**super().get_config(), **own}


ANSWERS = {
    "SpatialDropout1D": [
        keras.layers.SpatialDropout1D,
        OnKerasDropout1D,
        ByRepetition1D,
        ByTransposition1D,
    ],
    "SpatialDropout2D": [
        keras.layers.SpatialDropout2D,
        OnKerasDropout2D,
        ByAFactor2D,
        AsASequence2D,
    ],
}
