"""Convolutions, answered in other ways."""

import math

import keras
import tensorflow as tf
from keras import ops

from solutions.blocks.layers import Conv2DArguments


class ByTensorFlow(Conv2DArguments):
    """TensorFlow's own functions; the places by formulas of their own for each padding."""

    def build(self, input_shape):
        self.check_inputs(input_shape)
        rows, columns = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=[rows, columns, input_shape[-1] // self.groups, self.filters],
            initializer=self.kernel_initializer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=[self.filters], initializer=self.bias_initializer
            )

    def call(self, inputs):
        kernel = ops.convert_to_tensor(self.kernel)
        pairs = zip(
            tf.split(inputs, self.groups, -1), tf.split(kernel, self.groups, -1), strict=True
        )
        options = {"padding": self.padding.upper(), "dilations": self.dilation_rate}
        outputs = tf.concat([tf.nn.conv2d(*pair, self.strides, **options) for pair in pairs], -1)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, ops.convert_to_tensor(self.bias))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        sizes = []
        for axis, size in enumerate(input_shape[1:3]):
            window, stride, dilation = (
                each[axis] for each in (self.kernel_size, self.strides, self.dilation_rate)
            )
            if size is None:
                sizes.append(None)
            elif self.padding == "same":
                sizes.append(math.ceil(size / stride))
            else:
                sizes.append(max(0, math.ceil((size - dilation * (window - 1)) / stride)))
        return (input_shape[0], *sizes, self.filters)


class BySymbols(ByTensorFlow):
    """Asks `ops.conv` which shape comes out."""

    def call(self, inputs):
        outputs = self.convolved(inputs, self.kernel)
        return self.activation(outputs + self.bias if self.use_bias else outputs)

    def convolved(self, inputs, kernel):
        return ops.conv(inputs, kernel, self.strides, self.padding, None, self.dilation_rate)

    def compute_output_shape(self, input_shape):
        inputs = keras.KerasTensor(input_shape)
        kernel = keras.KerasTensor((*self.kernel_size, input_shape[-1], self.filters))
        return self.convolved(inputs, kernel).shape


class BiasOfFourAxes(BySymbols):
    """Shapes the bias itself; counts the places one by one."""

    def call(self, inputs):
        outputs = self.convolved(inputs, self.kernel)
        if self.use_bias:
            outputs = ops.add(outputs, ops.reshape(self.bias, (1, 1, 1, -1)))
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        def count(size, window, stride, dilation):
            if size is None:
                return None
            last = (window - 1) * dilation if self.padding == "valid" else 0
            return len(range(0, size - last, stride))

        rows, columns = map(
            count, input_shape[1:3], self.kernel_size, self.strides, self.dilation_rate
        )
        return input_shape[0], rows, columns, self.filters


class ByShifts(BiasOfFourAxes):
    """One matrix product for each pixel of the window, added up; pads by itself."""

    def convolved(self, inputs, kernel):
        inputs, kernel = ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel)
        sizes = ops.shape(inputs)[1:3]
        padded, places = inputs, []
        margins = [(0, 0)]
        for size, window, stride, dilation in zip(
            sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True
        ):
            span = (window - 1) * dilation + 1
            if self.padding == "same":
                count = -(-size // stride)
                missing = ops.maximum((count - 1) * stride + span - size, 0)
                margins.append((missing // 2, missing - missing // 2))
            else:
                count = (size - span) // stride + 1
                margins.append((0, 0))
            places.append(count)
        padded = tf.pad(padded, [*margins, (0, 0)])
        group = kernel.shape[2]
        total = 0
        for row in range(self.kernel_size[0]):
            for column in range(self.kernel_size[1]):
                top, left = row * self.dilation_rate[0], column * self.dilation_rate[1]
                seen = padded[:, top :: self.strides[0], left :: self.strides[1]]
                seen = seen[:, : places[0], : places[1]]
                width = self.filters // self.groups
                parts = [
                    seen[..., n * group : (n + 1) * group]
                    @ kernel[row, column, :, n * width : (n + 1) * width]
                    for n in range(self.groups)
                ]
                total = total + ops.concatenate(parts, -1)
        return total


class WithKerasInside(keras.Layer):
    """Keras's own layer does the work; its weights are the weights."""

    def __init__(self, *arguments, **options):
        own = {name: options.pop(name) for name in ("name", "trainable") if name in options}
        self.arguments = dict(zip(("filters", "kernel_size"), arguments, strict=False))
        self.arguments |= dict(zip(("strides", "padding"), arguments[2:], strict=False)) | options
        super().__init__(dtype=options.get("dtype"), **own)
        filters = self.arguments["filters"]
        if not isinstance(filters, int):
            raise ValueError(f"`filters` must be an integer. Received: {filters}.")
        if self.arguments.get("padding", "valid").lower() not in ("same", "valid"):
            raise ValueError("`padding` must be same or valid.")
        self.inner = keras.layers.Conv2D(**self.arguments)

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"Images have four axes. Received: {input_shape}.")
        self.inner.build(input_shape)
        self.kernel, self.bias = self.inner._kernel, self.inner.bias

    def call(self, inputs):
        return self.inner(inputs)

    def compute_output_shape(self, input_shape):
        return self.inner.compute_output_shape(input_shape)

    def get_config(self):
        config = self.inner.get_config() | super().get_config()
        return {
            name: value
            for name, value in config.items()
            if "regularizer" not in name and "constraint" not in name
        }


ANSWERS = {"Conv2D": [ByTensorFlow, BySymbols, BiasOfFourAxes, ByShifts, WithKerasInside]}
