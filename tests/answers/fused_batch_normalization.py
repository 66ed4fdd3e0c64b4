"""`FusedBatchNormalization` of lesson 16 answered in other ways."""

import math

import keras
from keras import ops

from solutions.blocks.fast import FusedBatchNormalization, under_xla
from solutions.blocks.normalization import BatchNormalization, moments
from utils.quiet import tensorflow as tf


class KernelOrPlain(BatchNormalization):
    """The kernel on large batches, its statistics by hand; else the plain class."""

    def call(self, inputs, training=None, mask=None):
        features_last = self.axis in (-1, len(inputs.shape) - 1)
        size = math.prod(size or 32 for size in inputs.shape)
        if not training or not self.trainable or mask is not None or not features_last:
            return super().call(inputs, training, mask)
        if (
            size < 100_000
            or under_xla()
            or keras.backend.standardize_dtype(inputs.dtype) == "float64"
        ):
            return super().call(inputs, training, mask)
        x = tf.reshape(tf.cast(inputs, tf.float32), (-1, 1, 1, inputs.shape[-1]))
        gamma = tf.ones(inputs.shape[-1:]) if self.gamma is None else self.gamma.value
        beta = tf.zeros(inputs.shape[-1:]) if self.beta is None else self.beta.value
        y, mean, variance = tf.raw_ops.FusedBatchNormV2(
            x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=self.epsilon
        )[:3]
        examples = tf.cast(tf.shape(x)[0], tf.float32)
        variance *= 1 - 1 / examples
        keep = self.momentum
        self.moving_mean.assign(keep * self.moving_mean + (1 - keep) * mean)
        self.moving_variance.assign(keep * self.moving_variance + (1 - keep) * variance)
        return tf.cast(tf.reshape(y, tf.shape(inputs)), self.compute_dtype)


class MeasuredAgain(KernelOrPlain):
    """The batch's variance measured again, so that the kernel's is not needed."""

    def call(self, inputs, training=None, mask=None):
        before = ops.copy(self.moving_variance)
        outputs = super().call(inputs, training, mask)
        if training and self.trainable and mask is None:
            x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
            axes = [axis for axis in range(len(x.shape)) if axis != self.axis % len(x.shape)]
            variance = ops.var(x, axes)
            self.moving_variance.assign(
                self.momentum * before + (1 - self.momentum) * ops.cast(variance, before.dtype)
            )
        return outputs


class Automatic(FusedBatchNormalization):
    """`few_passes` differentiated by TensorFlow."""

    def few_passes(self, inputs, gamma, beta):
        mean, variance = ops.moments(inputs, (0, 2), keepdims=True)
        normalized = (inputs - mean) / ops.sqrt(variance + self.epsilon)
        return normalized * gamma + beta, mean, variance


class ThreePaths(FusedBatchNormalization):
    """The gradient of lesson 03, path by path."""

    def few_passes(self, inputs, gamma, beta):
        mean, variance = moments(inputs, (0, 2))
        deviation = tf.sqrt(variance + self.epsilon)

        @tf.custom_gradient
        def normalize(inputs, gamma, beta, mean, deviation):
            def gradients(arriving):
                normalized = (inputs - mean) / deviation
                direct = arriving * gamma / deviation
                through_mean = -tf.reduce_mean(direct, (0, 2), keepdims=True)
                products = tf.reduce_mean(direct * normalized, (0, 2), keepdims=True)
                of_gamma = tf.reduce_sum(arriving * normalized, (0, 2), keepdims=True)
                of_beta = tf.reduce_sum(arriving, (0, 2), keepdims=True)
                return direct + through_mean - normalized * products, of_gamma, of_beta, None, None

            return gamma * (inputs - mean) / deviation + beta, gradients

        return normalize(inputs, gamma, beta, mean, deviation), mean, variance


class ByTheOldName(FusedBatchNormalization):
    """`tf.compat.v1.nn.fused_batch_norm`, where it leaves epsilon alone."""

    def one_kernel(self, inputs, gamma, beta):
        image = ops.reshape(inputs, (1, -1, 1, ops.shape(inputs)[1]))
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            image, ops.squeeze(gamma, (0, 2)), ops.squeeze(beta, (0, 2)), epsilon=self.epsilon
        )
        count = image.shape[1] or tf.shape(image)[1]
        correction = (tf.cast(count, "float32") - 1.0) / tf.cast(count, "float32")
        return ops.reshape(outputs, ops.shape(inputs)), mean, variance * correction

    def kernel_pays(self, shape, dtype, features_last):
        size = 1
        for each in shape:
            size *= self.usual_batch if each is None else each
        fits = features_last and dtype == "float32" and self.epsilon > 1.001e-5
        return fits and size >= self.kernel_from and not under_xla()


class MovesTheAxis(FusedBatchNormalization):
    """The kernel for any axis, which is moved to the end and back."""

    def call(self, inputs, training=None, mask=None):
        axis = self.axis % len(inputs.shape)
        if axis == len(inputs.shape) - 1 or mask is not None or not training:
            return super().call(inputs, training, mask)
        own, self.axis = self.axis, -1
        outputs = super().call(ops.moveaxis(inputs, own, -1), training)
        self.axis = own
        return ops.moveaxis(outputs, -1, own)


ANSWERS = {
    "FusedBatchNormalization": [
        KernelOrPlain, MeasuredAgain, Automatic, ThreePaths, ByTheOldName, MovesTheAxis,
    ],
}  # fmt: skip
