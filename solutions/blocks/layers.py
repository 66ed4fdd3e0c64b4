# Made from the sources named below by `python3 course.py build`, checksum a5a3209414881389
"""The blocks of the course in `layers`, as its lessons solve them.

DenseForward: solutions/01_a_layer_of_your_own.py
Dense: solutions/01_a_layer_of_your_own.py
numerical_gradient: solutions/01_a_layer_of_your_own.py
Conv2DArguments: solutions/18_capstone.py
Conv2D: solutions/18_capstone.py
"""

import keras
import numpy as np
from keras import ops


class DenseForward(keras.Layer):
    """Connect every input to every unit, and no more: no activation, no config.

    `outputs = inputs @ kernel + bias`

    Args:
        units: int > 0. Number of outputs.

    Input shape: `(batch, features)`. Output shape: `(batch, units)`.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        features = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(features, self.units), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias


class Dense(keras.Layer):
    """Connect every input to every unit.

    `outputs = activation(inputs @ kernel + bias)`

    Args:
        units: int > 0. Number of outputs.
        activation: name or function, applied to each output. Default None: they stay as they are.
        use_bias: bool. Whether a bias is added. Default True.
        kernel_initializer: name or initializer. Default "glorot_uniform".
        bias_initializer: name or initializer. Default "zeros".
        **kwargs: name, dtype and trainable, as for every layer.

    Input shape: `(batch, ..., features)`. Output shape: `(batch, ..., units)`.

    Raises:
        ValueError: `units` is not a positive integer, or the inputs have fewer than two axes.
    """

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
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"`units` must be a positive integer. Received: units={units!r}.")
        self.units = units
        self.activation = keras.activations.get(activation)  # a function, whatever was given
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self.input_spec = keras.InputSpec(min_ndim=2)  # anything less is refused with a message

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer
            )

    def call(self, inputs):
        outputs = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            activation=keras.activations.serialize(self.activation),
            use_bias=self.use_bias,
            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),
            bias_initializer=keras.initializers.serialize(self.bias_initializer),
        )
        return config


def numerical_gradient(function, inputs, step=1e-3):
    """Return the gradient of a function by central differences.

    `gradient[i] = (function(inputs + step * e_i) - function(inputs - step * e_i)) / (2 * step)`

    Args:
        function: takes a float64 array of the shape of `inputs`, returns a number.
        inputs: array of any shape. Stays as it is.
        step: float > 0. How far to go to either side. Default 1e-3.

    Returns: float64 array of the shape of `inputs`.
    """
    inputs = np.asarray(inputs, dtype="float64")
    gradient = np.zeros_like(inputs)
    for index in np.ndindex(inputs.shape):
        shift = np.zeros_like(inputs)
        shift[index] = step
        gradient[index] = (function(inputs + shift) - function(inputs - shift)) / (2 * step)
    return gradient


class Conv2DArguments(keras.Layer):
    """What a convolution is told, as Keras names it, and what it refuses; no computation."""

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format="channels_last",
        dilation_rate=1, groups=1, activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = self.positive("argument `filters`", filters)
        self.kernel_size = self.pair("kernel_size", kernel_size)
        self.strides = self.pair("strides", strides)
        self.dilation_rate = self.pair("dilation_rate", dilation_rate)
        self.padding, self.data_format = str(padding).lower(), data_format
        self.groups = self.positive("number of groups", groups)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.input_spec = keras.InputSpec(ndim=4)
        self.check()

    def positive(self, what, value):
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"Invalid value for {what}. Expected a positive integer. Received: {value!r}."
            )
        return value

    def pair(self, name, value):
        """A number for both axes, or one for each."""
        sizes = (value, value) if isinstance(value, int) else tuple(value)
        if len(sizes) != 2:
            raise ValueError(f"`{name}` must be an integer or two of them. Received: {value!r}.")
        return tuple(self.positive(f"argument `{name}`", size) for size in sizes)

    def check(self):
        if self.padding not in ("valid", "same"):
            raise ValueError(f'`padding` must be "valid" or "same". Received: {self.padding!r}.')
        if self.data_format not in (None, "channels_last"):
            raise ValueError(
                f'`data_format` must be "channels_last". Received: {self.data_format!r}. '
                "Turn the images with `ops.transpose` first."
            )
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, filters={self.filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def check_inputs(self, input_shape):
        """Refuse channels that make no equal groups, and images smaller than the window."""
        if input_shape[-1] % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, input_shape={input_shape}."
            )
        if 0 in (places := self.compute_output_shape(input_shape)[1:3]):
            raise ValueError(
                f"The window has no place in the image: {places}. "
                f"Received: kernel_size={self.kernel_size}, input_shape={input_shape}."
            )

    def get_config(self):
        names = (
            "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
            "groups", "activation", "use_bias", "kernel_initializer", "bias_initializer",
        )
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | keras.saving.serialize_keras_object(own)


class Conv2D(Conv2DArguments):
    """Lay a small window of weights on every place of an image.

    Args:
        filters: int > 0. Number of channels that come out.
        kernel_size: int > 0, or one each for rows and columns. The window.
        strides: int > 0, or two. From one place of the window to the next.
        padding: "valid", inside the image, or "same", surrounded by zeros.
        data_format: "channels_last", the only one here.
        dilation_rate: int > 0, or two. From one pixel that the window sees to the next.
        groups: int > 0. In how many groups channels and filters are divided.
        activation: name or function. Default None: the outputs stay as they are.
        use_bias: bool. Whether each filter adds a number.
        kernel_initializer, bias_initializer: names or initializers.

    Input shape: `(batch, rows, columns, channels)`.
    Output shape: `(batch, places in a column, places in a row, filters)`.

    Raises:
        ValueError: an argument cannot be, or does not fit the others or the inputs.
    """

    def build(self, input_shape):
        self.check_inputs(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, input_shape[-1] // self.groups, self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )

    def call(self, inputs):
        outputs = ops.conv(
            inputs, self.kernel, strides=self.strides, padding=self.padding,
            data_format="channels_last", dilation_rate=self.dilation_rate,
        )
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def places(self, size, window, stride, dilation):
        """How many places the window has on a side of `size` pixels; None where that is unknown."""
        if size is None:
            return None
        needed = (window - 1) * dilation + 1 if self.padding == "valid" else 1
        return max((size - needed) // stride + 1, 0)

    def compute_output_shape(self, input_shape):
        batch, *sizes, _ = input_shape
        sides = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return (batch, *(self.places(*side) for side in sides), self.filters)
