# Made from the sources named below by `python3 course.py build`, checksum ddd603f971ae14d7
"""The blocks of the course in `dropout`, as its lessons solve them.

inverted_dropout: solutions/07_dropout.py
DropoutArguments: solutions/07_dropout.py
Dropout: solutions/07_dropout.py
drops_independently: solutions/07_dropout.py
DropoutWithoutShape: solutions/09_dropout_family.py
SpatialDropout1D: solutions/09_dropout_family.py
SpatialDropout2D: solutions/09_dropout_family.py
check_number: solutions/09_dropout_family.py
check_floats: solutions/09_dropout_family.py
GaussianDropout: solutions/09_dropout_family.py
GaussianNoise: solutions/09_dropout_family.py
AlphaDropout: solutions/09_dropout_family.py
monte_carlo: solutions/09_dropout_family.py
ConcreteDropout: solutions/09_dropout_family.py
"""

import keras
import numpy as np
from keras import ops


def inverted_dropout(inputs, mask, rate):
    """Zero the inputs where `mask` is False, and scale up the others so that the mean is kept.

    Args:
        inputs: tensor of floating-point numbers.
        mask: boolean tensor that broadcasts against `inputs`; True where a unit is kept.
        rate: float in [0, 1). The probability with which each entry of the mask is False.

    Output shape and dtype: those of the inputs.
    Reference: Srivastava et al., 2014, JMLR 15, section 4, where `p` is `1 - rate`, and inference
    scales instead.
    """
    return ops.where(mask, inputs / (1 - rate), 0)


class DropoutArguments(keras.Layer):
    """What dropout is told, as Keras names it, and what it refuses; no computation."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                f"Received: rate={rate!r}. It is the share to drop; rate=0 switches dropout off."
            )
        self.rate, self.seed = float(rate), seed
        self.noise_shape = None if noise_shape is None else self.checked(noise_shape)
        self.supports_masking = True
        # There are no weights to build, unless a subclass has some.
        self.built = type(self).build is keras.Layer.build

    def checked(self, noise_shape):
        refused = "Invalid value received for argument `noise_shape`."
        if not isinstance(noise_shape, (list, tuple)):
            raise ValueError(
                f"{refused} Expected a tuple or list of integers. Received: {noise_shape!r}. "
                "Write noise_shape=(None, 1, None) to share one mask along axis 1."
            )
        for size in noise_shape:
            if size is not None and not isinstance(size, int):
                raise ValueError(
                    f"{refused} Expected all elements to be integers or None. "
                    f"Received: {size!r} in noise_shape={noise_shape}."
                )
            if size is not None and size <= 0:
                raise ValueError(
                    f"{refused} Expected all dimensions to be positive integers or None. "
                    f"Received: {size} in noise_shape={noise_shape}."
                )
        return tuple(noise_shape)

    def check_inputs(self, inputs):
        """Refuse what cannot be dropped out: integers, and a shape that `noise_shape` does not fit."""
        if not keras.backend.is_float_dtype(inputs.dtype):
            raise ValueError(
                "`inputs` must be floating-point numbers in training: what is kept is divided by "
                f"1 - rate. Received: dtype={keras.backend.standardize_dtype(inputs.dtype)}. Cast "
                'them first, as with `ops.cast(inputs, "float32")`.'
            )
        wanted, sizes = self.noise_shape or (), tuple(inputs.shape)
        pairs = zip(wanted[::-1], sizes[::-1], strict=False)
        fits = all(size is None or want in (None, 1, size) for want, size in pairs)
        if len(wanted) > len(sizes) or not fits:
            raise ValueError(
                "`noise_shape` must fit the inputs: along each axis their size, 1 or None. "
                f"Received: noise_shape={wanted}, inputs.shape={sizes}."
            )

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(DropoutArguments):
    """Zero a random fraction of the inputs during training.

    Training: `where(uniform >= rate, inputs / (1 - rate), 0)`. Inference: `inputs`.

    Args:
        rate: float in [0, 1]. Probability with which each unit is set to zero.
        noise_shape: tuple of ints and None, or None, the default: a mask of the inputs' shape.
            None in the tuple stands for the inputs' size, 1 for a mask shared along that axis.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Srivastava et al., 2014, JMLR 15, section 4.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, noise_shape, seed, **kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw_mask(self, inputs):
        """Booleans in a shape that broadcasts against the inputs: True where a unit is kept."""
        self.check_inputs(inputs)
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            own = shape[len(shape) - len(self.noise_shape) :]  # they meet at the last axis
            pairs = zip(self.noise_shape, own, strict=True)
            shape = [size if wanted is None else wanted for wanted, size in pairs]
        return keras.random.uniform(shape, seed=self.seed_generator) >= self.rate

    def call(self, inputs, training=False):
        if training and self.rate == 1:  # nothing is kept, and 1 / (1 - rate) is infinite
            return ops.zeros_like(inputs)
        if not training or self.rate == 0:
            return inputs
        return inverted_dropout(inputs, self.draw_mask(inputs), self.rate)

    def get_config(self):
        config = {"rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **config}

    def save_own_variables(self, store):
        store["seed_state"] = self.seed_generator.state  # how far the stream of masks has come

    def load_own_variables(self, store):
        if "seed_state" in store.keys():  # a file with Keras's own layer has none
            self.seed_generator.state.assign(store["seed_state"])


def drops_independently(layer_class):
    """Whether masks of `layer_class(0.5)` differ between examples, between units, between calls.

    Args:
        layer_class: a dropout, called as `layer_class(0.5)(inputs, training=True)`.

    Returns True or False.
    """
    layer, inputs = layer_class(0.5), np.ones((512, 512), "float32")  # (examples, units)
    first, second = (
        ops.convert_to_numpy(layer(inputs, training=True)) == 0 for _ in range(2)
    )  # True where a unit is dropped, in the first and in the second call
    examples = np.mean(first[1:] == first[:-1])
    units = np.mean(first[:, 1:] == first[:, :-1])
    calls = np.mean(first == second)
    return bool(np.all(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15))


class DropoutWithoutShape(Dropout):
    """A `Dropout` that takes no `noise_shape`: its config leaves it out."""

    def get_config(self):
        config = super().get_config()
        del config["noise_shape"]
        return config


class SpatialDropout1D(DropoutWithoutShape):
    """Drop whole features of a sequence during training: at all times, or at none.

    Args:
        rate: float in [0, 1]. Probability with which each feature is set to zero.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: `(batch, times, features)`. Output shape: same as the input.
    Reference: Tompson et al., 2015, Efficient Object Localization Using Convolutional Networks.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, noise_shape=(None, 1, None), seed=seed, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)


class SpatialDropout2D(DropoutWithoutShape):
    """Drop whole feature maps of an image during training.

    Args:
        rate: float in [0, 1]. Probability with which each feature map is set to zero.
        data_format: "channels_last", "channels_first", or None for Keras's setting.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: `(batch, rows, columns, channels)`, or `(batch, channels, rows, columns)` with
    "channels_first". Output shape: same as the input.
    Reference: Tompson et al., 2015, Efficient Object Localization Using Convolutional Networks.
    """

    def __init__(self, rate, data_format=None, seed=None, **kwargs):
        data_format = str(data_format or keras.config.image_data_format()).lower()
        if data_format not in ("channels_first", "channels_last"):
            raise ValueError(
                "The `data_format` argument must be one of ('channels_first', 'channels_last'). "
                f"Received: data_format={data_format!r}."
            )
        last = data_format == "channels_last"
        noise_shape = (None, 1, 1, None) if last else (None, None, 1, 1)
        super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)
        self.data_format = data_format
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


def check_number(name, value, fits, expected):
    """Refuse an argument that is no number, or for which `fits(value)` is False (so is NaN)."""
    if not isinstance(value, (int, float, np.floating)) or not fits(value):
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected {expected}. "
            f"Received: {name}={value!r}."
        )


def check_floats(inputs):
    """Refuse inputs to which noise cannot be added: integers."""
    if not keras.backend.is_float_dtype(inputs.dtype):
        raise ValueError(
            "`inputs` must be floating-point numbers in training: noise is added to them. Received: "
            f"dtype={keras.backend.standardize_dtype(inputs.dtype)}. Cast them first, as with "
            '`ops.cast(inputs, "float32")`.'
        )


class GaussianDropout(DropoutWithoutShape):
    """Multiply by normal noise of mean 1 during training, as strong as dropout's.

    Training: `inputs * normal(mean=1, stddev=sqrt(rate / (1 - rate)))`. Inference: `inputs`.

    Args:
        rate: float in [0, 1). The noise has the mean and variance of dropout at this rate.
        seed: int, or None for other noise in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Srivastava et al., 2014, JMLR 15 ("multiplicative Gaussian noise").
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        expected = "a float value between 0 and 1, and less than 1: rate / (1 - rate) is finite"
        check_number("rate", self.rate, lambda rate: rate < 1, expected)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        self.check_inputs(inputs)
        stddev = (self.rate / (1 - self.rate)) ** 0.5
        shape, seed = ops.shape(inputs), self.seed_generator
        noise = keras.random.normal(shape, 1.0, stddev, dtype=inputs.dtype, seed=seed)
        return inputs * noise


class GaussianNoise(keras.Layer):
    """Add normal noise of mean 0 during training.

    Training: `inputs + normal(mean=0, stddev=stddev)`. Inference: `inputs`.

    Args:
        stddev: float in [0, 1]. Standard deviation of the noise.
        seed: int, or None for other noise in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_number(
            "stddev", stddev, lambda value: 0 <= value <= 1, "a float value between 0 and 1"
        )
        self.stddev = float(stddev)
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = type(self).build is keras.Layer.build  # no weights, unless a subclass has some

    def call(self, inputs, training=False):
        if training:
            check_floats(inputs)
        if not training or self.stddev == 0:
            return inputs
        shape, seed = ops.shape(inputs), self.seed_generator
        return inputs + keras.random.normal(shape, 0.0, self.stddev, inputs.dtype, seed)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}

    save_own_variables = Dropout.save_own_variables  # how far the stream of noise has come
    load_own_variables = Dropout.load_own_variables


class AlphaDropout(Dropout):
    """Set units to SELU's lowest value during training, and keep mean 0 and variance 1.

    Training: `a * where(uniform >= rate, inputs, saturation) + b`, where `saturation` is about -1.76
    and `a` and `b` give inputs of mean 0 and variance 1 their mean and variance back.
    Inference: `inputs`.

    Args:
        rate: float in [0, 1). Probability with which each unit is set to the saturation value.
        noise_shape: as that of `Dropout`.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Klambauer et al., 2017, Self-Normalizing Neural Networks.
    """

    saturation = -1.0507009873554805 * 1.6732632423543772  # where SELU ends: -scale * alpha

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, noise_shape, seed, **kwargs)
        expected = "a float value between 0 and 1, and less than 1: some units must be left"
        check_number("rate", self.rate, lambda rate: rate < 1, expected)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        self.check_inputs(inputs)
        above = (1 - self.rate) * super().call(inputs - self.saturation, training=True)
        mixed = above + self.saturation
        mean = self.rate * self.saturation
        variance = (1 - self.rate) * (1 + self.rate * self.saturation**2)
        return (mixed - mean) / variance**0.5


def monte_carlo(model, inputs, num_passes=50):
    """Predict with dropout switched on, many times; all other layers are in inference.

    Args:
        model: Sequential or functional Keras model, with dropout in it. It stays as it is.
        inputs: what the model takes, `(batch, ...)`.
        num_passes: int > 0. Number of passes, each with masks of its own.

    Returns mean and standard deviation over the passes, two arrays of the outputs' shape.
    Reference: Gal and Ghahramani, 2016, Dropout as a Bayesian Approximation.
    """
    awake = keras.models.clone_model(model)
    awake.set_weights(model.get_weights())
    awake.trainable = False
    outputs = ops.stack([awake(inputs, training=True) for _ in range(num_passes)])
    statistics = ops.mean(outputs, axis=0), ops.std(outputs, axis=0)
    return tuple(ops.convert_to_numpy(each) for each in statistics)


class ConcreteDropout(keras.layers.Wrapper):
    """Drop the inputs of a layer, at a rate that is learned together with the weights.

    Training: `layer(inputs * mask / (1 - rate))`, where
    `mask = 1 - sigmoid((logit + log(uniform) - log(1 - uniform)) / temperature)` and
    `rate = sigmoid(logit)`. Inference: `layer(inputs)`. It adds to the loss
    `weight_regularizer * sum(kernel ** 2) / (1 - rate)
    + dropout_regularizer * num_inputs * (rate * log(rate) + (1 - rate) * log(1 - rate))`.

    Args:
        layer: `Dense`, or another with a `kernel` for the last axis of its inputs.
        weight_regularizer: float >= 0. Weight of the squared kernel, in units of the loss. For
            `num_examples` examples and a mean loss: squared prior length scale / 2 / num_examples.
        dropout_regularizer: float >= 0. Weight of the entropy. For a mean loss: 1 / num_examples.
        initial_rate: float in (0, 1). The rate to begin with.
        temperature: float > 0. How soft the mask is; at 0 it would be dropout's, without gradient.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: what the layer takes. Output shape: what the layer returns.
    Reference: Gal, Hron and Kendall, 2017, Concrete Dropout.
    """

    def __init__(
        self, layer, weight_regularizer=1e-6, dropout_regularizer=1e-5,
        initial_rate=0.1, temperature=0.1, seed=None, **kwargs,
    ):
        super().__init__(layer, **kwargs)
        for name, value in [("weight_regularizer", weight_regularizer),
                            ("dropout_regularizer", dropout_regularizer)]:
            check_number(name, value, lambda value: 0 <= value < np.inf, "a float of at least 0")
        check_number("initial_rate", initial_rate, lambda rate: 0 < rate < 1,
                     "a float value between 0 and 1, both excluded")
        check_number("temperature", temperature, lambda value: 0 < value < np.inf,
                     "a float greater than 0")
        self.weight_regularizer, self.dropout_regularizer = weight_regularizer, dropout_regularizer
        self.initial_rate, self.temperature = initial_rate, temperature
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        if not hasattr(self.layer, "kernel"):
            raise ValueError(
                "`layer` must have a `kernel`, whose squares the penalty adds up, as Dense has. "
                f"Received: layer={self.layer}."
            )
        self.num_inputs = input_shape[-1]
        begin = keras.initializers.Constant(np.log(self.initial_rate / (1 - self.initial_rate)))
        self.logit = self.add_weight(name="logit", shape=(), initializer=begin, autocast=False)

    @property
    def rate(self):
        """The rate that it has learned so far."""
        return ops.sigmoid(self.logit)

    def relaxed_mask(self, inputs):
        """Numbers between 0 and 1 of the inputs' shape, most of them near an end: 1 where kept."""
        uniform = keras.random.uniform(
            ops.shape(inputs), dtype=self.logit.dtype, seed=self.seed_generator
        )
        noise = ops.log(uniform) - ops.log(1 - uniform)
        dropped = ops.sigmoid((self.logit + noise) / self.temperature)
        return 1 - dropped

    def penalty(self):
        """What is added to the loss: it keeps weights small, and the rate from going to 0."""
        kernel = ops.cast(self.layer.kernel, self.logit.dtype)  # also of a layer in float16
        kept = ops.sigmoid(-self.logit)
        weights = ops.sum(ops.square(kernel)) / kept
        entropy = -self.rate * ops.log_sigmoid(self.logit) - kept * ops.log_sigmoid(-self.logit)
        coins = self.num_inputs * entropy
        return self.weight_regularizer * weights - self.dropout_regularizer * coins

    def call(self, inputs, training=False):
        self.add_loss(self.penalty())
        if training:
            check_floats(inputs)
            factors = self.relaxed_mask(inputs) / ops.sigmoid(-self.logit)  # 1 - rate, never 0
            inputs = inputs * ops.cast(factors, inputs.dtype)
        return self.layer(inputs)

    def get_config(self):
        arguments = ("weight_regularizer", "dropout_regularizer", "initial_rate", "temperature", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments}}

    def save_own_variables(self, store):
        super().save_own_variables(store)
        Dropout.save_own_variables(self, store)  # how far the stream of masks has come

    def load_own_variables(self, store):
        super().load_own_variables({"0": store["0"]})
        Dropout.load_own_variables(self, store)
