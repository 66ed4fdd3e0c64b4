"""Dense layers, answered in other ways."""

import keras
import tensorflow as tf
from keras import ops


class ByKeywords(keras.Layer):
    """Positional arguments for `add_weight`, `@` for the product."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), "glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, inputs):
        return ops.convert_to_tensor(inputs) @ ops.convert_to_tensor(self.kernel) + self.bias


class WithEinsum(ByKeywords):
    """Names the axes."""

    def call(self, x):
        return ops.add(self.bias, ops.einsum("bf,fu->bu", x, self.kernel))


class WithTensorFlow(keras.Layer):
    """Other attribute names, an initializer object, TensorFlow's own functions, an early build."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        batch, features = input_shape
        glorot = keras.initializers.GlorotUniform()
        self.w = self.add_weight(name="kernel", shape=[features, self.units], initializer=glorot)
        self.b = self.add_weight(
            name="bias", shape=[self.units], initializer=keras.initializers.Zeros()
        )
        self.built = True

    def call(self, inputs):
        return tf.nn.bias_add(tf.matmul(inputs, self.w.value), self.b.value)


class Nameless(ByKeywords):
    """Weights that are known by their attributes only."""

    def build(self, input_shape):
        self.bias = self.add_weight((self.units,), initializer="zeros")
        self.kernel = self.add_weight((input_shape[-1], self.units))


class Compact(keras.Layer):
    """As short as it gets, with the config in one expression."""

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if type(units) is not int or units <= 0:
            raise ValueError(f"`units` must be a positive integer. Received: units={units}")
        self.units, self.use_bias = units, use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), self.kernel_initializer, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias")
        else:
            self.bias = 0.0

    def call(self, inputs):
        return self.activation(ops.dot(inputs, self.kernel) + self.bias)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[-1] = self.units
        return tuple(shape)

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


class ByTensordot(Compact):
    """Two returns in `call`; the bias kept as None; a config built step by step."""

    def build(self, input_shape):
        *_, features = input_shape
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, self.units),
            initializer=self.kernel_initializer,
            dtype=self.variable_dtype,
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.units,), initializer=self.bias_initializer)
            if self.use_bias
            else None
        )

    def call(self, inputs):
        product = ops.tensordot(inputs, self.kernel, axes=[[-1], [0]])
        if self.bias is None:
            return self.activation(product)
        return self.activation(ops.add(product, self.bias))

    def compute_output_shape(self, input_shape):
        return input_shape[:-1] + (self.units,)

    def get_config(self):
        config = super().get_config()
        config["kernel_initializer"] = keras.saving.serialize_keras_object(self.kernel_initializer)
        config["bias_initializer"] = keras.saving.serialize_keras_object(self.bias_initializer)
        return config


class Flattened(Compact):
    """Makes every input a matrix first, and gives it its shape back."""

    def call(self, inputs):
        shape = ops.shape(inputs)
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        outputs = self.activation(ops.matmul(rows, self.kernel) + self.bias)
        return ops.reshape(outputs, (*shape[:-1], self.units))


class KeepsWhatWasGiven(Compact):
    """Strings stay strings in the config, and `from_config` takes it apart."""

    def __init__(self, units, activation=None, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(units, activation, kernel_initializer=kernel_initializer, **kwargs)
        self.given = {"activation": activation, "kernel_initializer": kernel_initializer}

    def get_config(self):
        plain = {
            key: value if isinstance(value, str) else keras.saving.serialize_keras_object(value)
            for key, value in self.given.items()
        }
        return {**super().get_config(), **plain}

    @classmethod
    def from_config(cls, config):
        units = config.pop("units")
        return cls(units, **config)


class SerializesObjects(Compact):
    """One function of Keras for everything that is no plain value."""

    def get_config(self):
        config = super().get_config()
        for name in ("activation", "kernel_initializer", "bias_initializer"):
            config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config


ANSWERS = {
    "DenseForward": [ByKeywords, WithEinsum, WithTensorFlow, Nameless, keras.layers.Dense],
    "Dense": [
        Compact,
        ByTensordot,
        Flattened,
        KeepsWhatWasGiven,
        SerializesObjects,
        keras.layers.Dense,
    ],
}
