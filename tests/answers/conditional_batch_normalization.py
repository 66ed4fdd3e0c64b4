"""Conditional batch normalization written in other ways."""

import keras
import tensorflow as tf
from keras import ops

from solutions.blocks.layers import Dense
from solutions.blocks.normalization import BatchNormalization


class OneMapCutInTwo(keras.Layer):
    """One Dense layer of Keras gives both, as changes of 1 and of 0."""

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = float(momentum), float(epsilon)

    def build(self, inputs_shape, context_shape):
        self.inner = keras.layers.BatchNormalization(
            -1, self.momentum, self.epsilon, center=False, scale=False, dtype=self.dtype_policy
        )
        self.inner.build(inputs_shape)
        self.changes = keras.layers.Dense(
            2 * inputs_shape[-1], kernel_initializer="zeros", dtype=self.dtype_policy
        )
        self.changes.build(context_shape)

    def call(self, inputs, context, training=None):
        changes = self.changes(context)
        for _ in range(inputs.ndim - 2):
            changes = changes[:, None]
        of_gamma, of_beta = ops.split(changes, 2, axis=-1)
        normalized = self.inner(inputs, training=training)
        return normalized + of_gamma * normalized + of_beta

    def compute_output_shape(self, inputs_shape, context_shape):
        return inputs_shape

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "epsilon": self.epsilon}


class WithTheCoursesDense(OneMapCutInTwo):
    """Two `Dense` layers of lesson 01, and the features moved to the front."""

    def build(self, inputs_shape, context_shape):
        features = inputs_shape[-1]
        self.norm = BatchNormalization(
            scale=False, center=False, momentum=self.momentum, epsilon=self.epsilon,
            dtype=self.dtype_policy, name="norm",
        )  # fmt: skip
        self.shift = Dense(features, kernel_initializer="zeros", dtype=self.dtype_policy)
        self.stretch = Dense(features, None, True, "zeros", "ones", dtype=self.dtype_policy)
        self.norm.build(inputs_shape)
        self.shift.build(context_shape)
        self.stretch.build(context_shape)

    def call(self, inputs, context, training=None):
        outputs = ops.moveaxis(
            self.norm(inputs, training=training), 0, -2
        )  # (..., batch, features)
        outputs = outputs * self.stretch(context) + self.shift(context)
        return ops.moveaxis(outputs, -2, 0)


class AllByHand(OneMapCutInTwo):
    """No layer inside: kernels, constants and moving statistics are weights of its own."""

    def build(self, inputs_shape, context_shape):
        features = inputs_shape[-1]
        matrix, row = (context_shape[-1], features), (features,)
        self.b0 = self.add_weight(row, "zeros", name="b0", autocast=False)
        self.b = self.add_weight(matrix, "zeros", name="b", autocast=False)
        self.g = self.add_weight(matrix, "zeros", name="g", autocast=False)
        self.g0 = self.add_weight(row, "ones", name="g0", autocast=False)
        self.mean = self.add_weight(row, "zeros", trainable=False, autocast=False)
        self.var = self.add_weight(row, "ones", trainable=False, autocast=False)

    def call(self, inputs, context, training=None):
        x, c = ops.cast(inputs, "float32"), ops.cast(context, "float32")
        mean, var = self.mean + 0, self.var + 0
        if training and self.trainable:
            mean, var = ops.moments(x, list(range(x.ndim - 1)))
            self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * mean)
            self.var.assign(self.momentum * self.var + (1 - self.momentum) * var)
        scale = (self.g0 + c @ self.g) / ops.sqrt(var + self.epsilon)
        shift = self.b0 + c @ self.b - mean * scale
        shape = (-1, *[1] * (x.ndim - 2), x.shape[-1])
        y = x * ops.reshape(scale, shape) + ops.reshape(shift, shape)
        return ops.cast(y, self.compute_dtype)


class ContextWithAOne(OneMapCutInTwo):
    """A 1 beside the context, and one array of numbers for both maps; TensorFlow's functions."""

    def build(self, inputs_shape, context_shape):
        self.normalize = BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, center=False, scale=False, dtype="float32"
        )
        self.normalize.build(inputs_shape)
        size = (2, inputs_shape[-1], context_shape[-1] + 1)

        def start(shape, dtype=None):
            constants = tf.constant([[[1.0]], [[0.0]]])
            kernels = tf.zeros((2, shape[1], shape[2] - 1))
            return tf.concat([kernels, constants + tf.zeros((2, shape[1], 1))], axis=-1)

        self.maps = self.add_weight(size, start, name="maps", autocast=False)

    def call(self, inputs, context, training=None):
        context = tf.cast(context, tf.float32)
        context = tf.concat([context, tf.ones_like(context[:, :1])], axis=-1)
        gamma, beta = tf.unstack(tf.einsum("bc,mfc->mbf", context, self.maps.value))
        normalized = self.normalize(inputs, training=training)
        letters = "hwd"[: len(inputs.shape) - 2]
        outputs = tf.einsum(f"b{letters}f,bf->b{letters}f", normalized, gamma)
        spread = tf.einsum(f"b{letters}f,bf->b{letters}f", tf.ones_like(normalized), beta)
        return tf.cast(outputs + spread, self.compute_dtype)


class ExtendsBatchNormalization(BatchNormalization):
    """A batch normalization without gamma and beta that corrects what its base class returns."""

    def __init__(self, momentum=0.99, epsilon=0.001, **kwargs):
        kwargs |= {"center": False, "scale": False}
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def build(self, inputs_shape, context_shape):
        super().build(inputs_shape)
        self.input_spec = None
        features = inputs_shape[-1]
        self.scaling = keras.layers.Dense(
            features, kernel_initializer="zeros", bias_initializer="ones"
        )
        self.shifting = keras.layers.Dense(features, kernel_initializer="zeros")
        self.scaling.build(context_shape)
        self.shifting.build(context_shape)

    def call(self, inputs, context, training=None):
        shape = (-1, *[1] * (len(inputs.shape) - 2), inputs.shape[-1])
        normalized = super().call(inputs, training=training)
        scale, shift = (ops.reshape(f(context), shape) for f in (self.scaling, self.shifting))
        return ops.cast(ops.add(ops.multiply(scale, normalized), shift), self.compute_dtype)

    def compute_output_shape(self, inputs_shape, context_shape):
        return inputs_shape


ANSWERS = {
    "ConditionalBatchNormalization": [
        OneMapCutInTwo,
        WithTheCoursesDense,
        AllByHand,
        ContextWithAOne,
        ExtendsBatchNormalization,
    ],
}
