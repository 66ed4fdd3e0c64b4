"""Lesson 06's layers that normalize each example by itself, answered in other ways."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from solutions.blocks.normalization import NormalizationVariables, align, feature_axes, moments

# --- LayerNormalization -----------------------------------------------------------------------------


class Axes(NormalizationVariables):
    """All of `LayerNormalization` but its `call`."""

    def __init__(self, axis=-1, epsilon=1e-3, rms_scaling=False, **kwargs):
        if rms_scaling:
            kwargs |= {"center": False, "scale": True}
        super().__init__(epsilon=epsilon, **kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError("axis")
        self.axis, self.rms_scaling = axis, rms_scaling

    def build(self, input_shape):
        axes = sorted(a % len(input_shape) for a in np.ravel(self.axis))
        self.add_gamma_and_beta(tuple(input_shape[a] for a in axes))

    def get_config(self):
        return super().get_config() | {"axis": self.axis, "rms_scaling": self.rms_scaling}


class WithOpsMoments(Axes):
    """`ops.moments` in one call, and a division: in a graph TensorFlow may fuse the whole."""

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        axes = feature_axes(self.axis, x.ndim)
        mean, variance = ops.moments(x, axes, keepdims=True)
        centred = x if self.rms_scaling else x - mean
        return self.scale_and_shift(centred / (variance + self.epsilon) ** 0.5, axes)


class WithOpsLayerNormalization(Axes):
    """Keras's function does everything."""

    def call(self, inputs):
        outputs = ops.layer_normalization(
            inputs, self.gamma, self.beta, self.axis, self.epsilon, rms_scaling=self.rms_scaling
        )
        return ops.cast(outputs, self.compute_dtype)


class InFloat64(Axes):
    """Everything computed in float64, the mean divided by itself."""

    def call(self, inputs):
        wide = ops.cast(inputs, "float64")
        axes = feature_axes(self.axis, len(inputs.shape))
        spread = ops.sqrt(ops.var(wide, axis=axes, keepdims=True) + self.epsilon)
        mean = 0.0 if self.rms_scaling else ops.mean(wide, axis=axes, keepdims=True)
        return self.scale_and_shift(wide / spread - mean / spread, axes)


class Transposed(Axes):
    """Moves the axes to the end, works on a matrix of one example a row, and moves them back."""

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        axes = feature_axes(self.axis, len(x.shape))
        last = tuple(range(-len(axes), 0))
        moved = ops.moveaxis(x, axes, last)
        rows = ops.reshape(moved, (-1, int(np.prod([x.shape[axis] for axis in axes]))))
        centred = rows - ops.mean(rows, 1, keepdims=True)
        variance = ops.mean(centred * centred, 1, keepdims=True)
        rows = (rows if self.rms_scaling else centred) / ops.sqrt(variance + self.epsilon)
        if self.scale:
            rows = rows * ops.reshape(self.gamma, (-1,))
        if self.center:
            rows = rows + ops.reshape(self.beta, (-1,))
        return ops.cast(
            ops.moveaxis(ops.reshape(rows, ops.shape(moved)), last, axes), self.compute_dtype
        )


class WithTensorFlow(Axes):
    """TensorFlow's own functions."""

    def call(self, inputs):
        x = tf.cast(inputs, tf.float32)
        axes = [axis % x.shape.rank for axis in np.ravel(self.axis)]
        mean, variance = tf.nn.moments(x, axes, keepdims=True)
        shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        y = tf.nn.batch_normalization(
            x,
            tf.zeros_like(mean) if self.rms_scaling else mean,
            variance,
            tf.reshape(self.beta.value, shape) if self.center else None,
            tf.reshape(self.gamma.value, shape) if self.scale else None,
            self.epsilon,
        )
        return tf.cast(y, self.compute_dtype)


class OnItsOwn(keras.layers.Layer):
    """Written without the given base class, every argument by hand."""

    def __init__(
        self,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        rms_scaling=False,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"axis: {axis}")
        self.axis, self.epsilon, self.rms_scaling = axis, epsilon, rms_scaling
        self.center, self.scale = center, scale
        self.of_beta = {
            "initializer": keras.initializers.get(beta_initializer),
            "regularizer": keras.regularizers.get(beta_regularizer),
            "constraint": keras.constraints.get(beta_constraint),
        }
        self.of_gamma = {
            "initializer": keras.initializers.get(gamma_initializer),
            "regularizer": keras.regularizers.get(gamma_regularizer),
            "constraint": keras.constraints.get(gamma_constraint),
        }
        self.supports_masking = True

    def build(self, input_shape):
        rank = len(input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        self.from_the_end = sorted(axis if axis < 0 else axis - rank for axis in axes)
        sizes = [input_shape[axis] for axis in self.from_the_end]
        if self.scale or self.rms_scaling:
            self.factor = self.add_weight(sizes, name="gamma", autocast=False, **self.of_gamma)
        if self.center and not self.rms_scaling:
            self.offset = self.add_weight(sizes, name="beta", autocast=False, **self.of_beta)

    def call(self, inputs, training=False):
        x = ops.cast(inputs, "float32")
        sizes = [1] * len(x.shape)
        for axis in self.from_the_end:
            sizes[axis] = x.shape[axis]
        mean = ops.mean(x, self.from_the_end, keepdims=True)
        variance = ops.mean(ops.square(x - mean), self.from_the_end, keepdims=True)
        factor = 1 / ops.sqrt(variance + self.epsilon)
        if hasattr(self, "factor"):
            factor = factor * ops.reshape(self.factor, sizes)
        y = x * factor if self.rms_scaling else (x - mean) * factor
        if hasattr(self, "offset"):
            y = y + ops.reshape(self.offset, sizes)
        return ops.cast(y, self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        for name in ("axis", "epsilon", "center", "scale", "rms_scaling"):
            config[name] = getattr(self, name)
        for name, options in (("beta", self.of_beta), ("gamma", self.of_gamma)):
            for kind, value in options.items():
                config[f"{name}_{kind}"] = keras.saving.serialize_keras_object(value)
        return config


class Borrowed(keras.layers.LayerNormalization):
    """Keras's own, renamed."""


# --- RMSNormalization -------------------------------------------------------------------------------


class Sized(keras.Layer):
    """All of `RMSNormalization` but its `call`."""

    def __init__(self, axis=-1, epsilon=0.000001, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon

    def build(self, input_shape):
        axes = sorted(a % len(input_shape) for a in np.ravel(self.axis))
        self.scale = self.add_weight([input_shape[a] for a in axes], "ones", name="scale")

    def get_config(self):
        return super().get_config() | {"axis": self.axis, "epsilon": self.epsilon}


class RootOfTheMean(Sized):
    """In the order of its name, the root in the denominator."""

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        axes = feature_axes(self.axis, len(x.shape))
        rms = ops.sqrt(ops.mean(x**2, axes, keepdims=True) + self.epsilon)
        return ops.cast(x / rms * align(self.scale, axes, x), self.compute_dtype)


class WithOpsRMSNormalization(Sized):
    """Keras's function, which lines `scale` up with the last axes."""

    def call(self, x):
        axis = list(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        return ops.rms_normalization(x, self.scale, axis=axis, epsilon=self.epsilon)


class RMSInFloat64(Sized):
    """By the length of the vector, in float64."""

    def call(self, inputs):
        wide = ops.cast(inputs, "float64")
        axes = feature_axes(self.axis, len(wide.shape))
        count = np.prod([wide.shape[axis] for axis in axes])
        squares = ops.sum(wide * wide, axes, keepdims=True)
        wide = wide * (count / (squares + count * self.epsilon)) ** 0.5
        return ops.cast(wide * align(self.scale, axes, wide), self.compute_dtype)


class RMSTransposed(Sized):
    """Moves the axes to the end, where `scale` fits by itself, and back."""

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        axes = feature_axes(self.axis, len(x.shape))
        last = list(range(len(x.shape)))[-len(axes) :]
        x = ops.moveaxis(x, axes, last)
        x = x * ops.rsqrt(ops.mean(ops.square(x), last, keepdims=True) + self.epsilon)
        x = x * ops.cast(self.scale, "float32")
        return ops.cast(ops.moveaxis(x, last, axes), self.compute_dtype)


class RMSWithTensorFlow(Sized):
    """TensorFlow's own functions; the variance about zero."""

    def call(self, inputs):
        x = tf.cast(inputs, tf.float32)
        axes = [axis % x.shape.rank for axis in np.ravel(self.axis)]
        mean, variance = tf.nn.moments(x, axes, keepdims=True)
        scale = tf.reshape(
            tf.cast(ops.convert_to_tensor(self.scale), tf.float32),
            [size if axis in axes else 1 for axis, size in enumerate(x.shape)],
        )
        x = x * scale * tf.math.rsqrt(variance + tf.square(mean) + self.epsilon)
        return tf.cast(x, self.compute_dtype)


class RMSBorrowed(keras.layers.RMSNormalization):
    """Keras's own, renamed."""


# --- GroupNormalization -----------------------------------------------------------------------------


class Grouped(NormalizationVariables):
    """All of `GroupNormalization` but its `call`."""

    def __init__(self, groups=32, axis=-1, epsilon=0.001, **kwargs):
        if type(groups) is not int or groups == 0 or groups < -1:
            raise ValueError("groups")
        super().__init__(epsilon=epsilon, **kwargs)
        self.groups = groups
        self.axis = axis

    def build(self, input_shape):
        features = input_shape[self.axis]
        if features is None or self.groups > features or features % self.groups:
            raise ValueError("groups and channels")
        self.count = features if self.groups == -1 else self.groups
        self.add_gamma_and_beta((features,))

    def get_config(self):
        return super().get_config() | {"groups": self.groups, "axis": self.axis}


class GroupByGroup(Grouped):
    """Splits the channels, normalizes each part by itself, and joins the parts."""

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        parts = []
        for part in ops.split(x, self.count, axis=self.axis):
            mean, variance = ops.moments(part, list(range(1, len(x.shape))), keepdims=True)
            parts.append((part - mean) / ops.sqrt(variance + self.epsilon))
        joined = ops.concatenate(parts, self.axis)
        return self.scale_and_shift(joined, feature_axes(self.axis, len(x.shape)))


class ChannelsLast(Grouped):
    """Moves the channels to the end, where gamma and beta fit by themselves, and back."""

    def call(self, inputs):
        x = ops.moveaxis(ops.cast(inputs, "float32"), self.axis, -1)
        shape = ops.shape(x)
        grouped = ops.reshape(x, (shape[0], -1, self.count, shape[-1] // self.count))
        mean, variance = moments(grouped, (1, 3))
        y = ops.reshape((grouped - mean) * (variance + self.epsilon) ** -0.5, shape)
        y = y * self.gamma if self.scale else y
        y = y + self.beta if self.center else y
        return ops.cast(ops.moveaxis(y, -1, self.axis), self.compute_dtype)


class OneRowAGroup(Grouped):
    """Channels first, then one row of a matrix for each group of each example."""

    def call(self, inputs):
        x = ops.moveaxis(ops.cast(inputs, "float64"), self.axis, 1)
        rows = ops.reshape(x, (ops.shape(x)[0], self.count, -1))
        rows = ops.layer_normalization(rows, axis=-1, epsilon=self.epsilon)
        y = ops.moveaxis(ops.reshape(rows, ops.shape(x)), 1, self.axis)
        return self.scale_and_shift(y, [self.axis % len(y.shape)])


class GroupsWithTensorFlow(Grouped):
    """TensorFlow's own functions; averages of channels first, then of groups."""

    def call(self, inputs):
        x = tf.cast(inputs, tf.float32)
        axis, rank = self.axis % x.shape.rank, x.shape.rank
        positions = [i for i in range(1, rank) if i != axis]
        size = x.shape[axis] // self.count

        def average(values):  # (batch, 1, ..., channels, ..., 1)
            values = tf.reduce_mean(values, positions, keepdims=True)
            shape = [-1 if i == 0 else self.count if i == axis else 1 for i in range(rank)]
            flat = tf.reshape(values, [-1, self.count, size])
            return tf.repeat(tf.reshape(tf.reduce_mean(flat, 2), shape), size, axis)

        mean = average(x)
        variance = average(tf.math.squared_difference(x, mean))
        shape = [x.shape[axis] if i == axis else 1 for i in range(rank)]
        y = tf.nn.batch_normalization(
            x,
            mean,
            variance,
            tf.reshape(self.beta.value, shape) if self.center else None,
            tf.reshape(self.gamma.value, shape) if self.scale else None,
            self.epsilon,
        )
        return tf.cast(y, self.compute_dtype)


class GroupBorrowed(keras.layers.GroupNormalization):
    """Keras's own, renamed."""


ANSWERS = {
    "LayerNormalization": [
        WithOpsMoments,
        WithOpsLayerNormalization,
        InFloat64,
        Transposed,
        WithTensorFlow,
        OnItsOwn,
        Borrowed,
    ],
    "RMSNormalization": [
        RootOfTheMean,
        WithOpsRMSNormalization,
        RMSInFloat64,
        RMSTransposed,
        RMSWithTensorFlow,
        RMSBorrowed,
    ],
    "GroupNormalization": [
        GroupByGroup,
        ChannelsLast,
        OneRowAGroup,
        GroupsWithTensorFlow,
        GroupBorrowed,
    ],
}
