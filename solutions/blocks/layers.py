# Made from the sources named below by `python3 course.py build`, checksum a2b29b43f63eb0ad
"""The blocks of the course in `layers`, as its lessons solve them.

DenseForward: solutions/01_a_layer_of_your_own.py
Dense: solutions/01_a_layer_of_your_own.py
numerical_gradient: solutions/01_a_layer_of_your_own.py
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
