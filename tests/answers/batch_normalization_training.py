"""Lesson 03 answered in other ways."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from utils import gradients


def with_ops_moments(inputs, axes):
    return ops.moments(inputs, axes=axes, keepdims=True)


def with_var(inputs, axes):
    return ops.mean(inputs, axes, keepdims=True), ops.var(inputs, axes, keepdims=True)


def by_sums(x, axis):
    count = 1.0
    for a in axis:
        count = count * ops.cast(ops.shape(x)[a], x.dtype)
    mean = ops.sum(x, axis, True) / count
    return mean, ops.sum((x - mean) ** 2, axis, True) / count


def with_tensorflow(inputs, axes):
    return tf.nn.moments(inputs, axes, keepdims=True)


def in_float64(inputs, axes):
    wide = ops.cast(inputs, "float64")
    mean = ops.mean(wide, axes, keepdims=True)
    return mean, ops.mean(ops.square(wide), axes, keepdims=True) - ops.square(mean)


def shifted_first(inputs, axes):
    """One pass, but around a value of the data, so that no digits are lost."""
    some = ops.stop_gradient(ops.max(inputs, axes, keepdims=True))
    mean = ops.mean(inputs - some, axes, keepdims=True)
    square = ops.mean(ops.square(inputs - some), axes, keepdims=True)
    return mean + some, square - ops.square(mean)


class WithOpsMoments(keras.layers.Layer):
    def __init__(self, epsilon=0.001):
        super().__init__()
        self.eps = epsilon

    def build(self, shape):
        self.gamma = self.add_weight(name="gamma", shape=(shape[-1],), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(shape[-1],), initializer="zeros")

    def call(self, x, training=None):
        m, v = ops.moments(x, axes=list(range(x.ndim - 1)))
        return (x - m) * ops.rsqrt(v + self.eps) * self.gamma + self.beta


class Flattened(keras.Layer):
    """Works on a matrix, whatever the rank."""

    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        ones, zeros = keras.initializers.Ones(), keras.initializers.Zeros()
        self.scale = self.add_weight((input_shape[-1],), ones, name="gamma")
        self.shift = self.add_weight((input_shape[-1],), zeros, name="beta")

    def call(self, inputs, training=None):
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        centred = rows - ops.mean(rows, 0)
        deviation = (ops.mean(centred * centred, 0) + self.epsilon) ** 0.5
        return ops.reshape(centred / deviation * self.scale + self.shift, ops.shape(inputs))


class WithOpsBatchNormalization(WithOpsMoments):
    def call(self, x, training=None):
        mean, variance = tf.nn.moments(x, tuple(range(len(x.shape) - 1)))
        return ops.batch_normalization(
            x, mean, variance, -1, self.beta, self.gamma, epsilon=self.eps
        )


class InFloat64(WithOpsMoments):
    def call(self, x, training=None):
        axes = tuple(range(len(x.shape) - 1))
        wide = ops.cast(x, "float64")
        standard = (wide - ops.mean(wide, axes)) / ops.sqrt(ops.var(wide, axes) + self.eps)
        return ops.cast(standard, "float32") * self.gamma + self.beta


def in_one_formula(x, gamma, dy, epsilon=1e-3):
    """The paper's three lines, folded into one."""
    x, gamma, dy = (np.array(a, dtype=float) for a in (x, gamma, dy))
    n, inverse = len(x), 1 / np.sqrt(x.var(0) + epsilon)
    z = (x - x.mean(0)) * inverse
    dgamma, dbeta = (dy * z).sum(0), dy.sum(0)
    return gamma * inverse / n * (n * dy - dbeta - z * dgamma), dgamma, dbeta


def as_the_paper_writes_it(x, gamma, dy, epsilon=1e-3):
    x, dy = np.asarray(x, "float64"), np.asarray(dy, "float64")
    m, mean = x.shape[0], np.mean(x, 0)
    variance = np.mean((x - mean) ** 2, 0)
    d_normalized = dy * gamma
    d_variance = np.sum(d_normalized * (x - mean), 0) * -0.5 * (variance + epsilon) ** -1.5
    d_mean = np.sum(-d_normalized / np.sqrt(variance + epsilon), 0)
    d_mean = d_mean + d_variance * np.sum(-2 * (x - mean), 0) / m
    d_x = d_normalized / np.sqrt(variance + epsilon) + d_variance * 2 * (x - mean) / m + d_mean / m
    normalized = (x - mean) / np.sqrt(variance + epsilon)
    return d_x, np.sum(dy * normalized, 0), np.sum(dy, 0)


def with_a_jacobian(x, gamma, dy, epsilon=1e-3):
    """Feature by feature, with the whole matrix of derivatives."""
    x, gamma, dy = np.asarray(x, float), np.asarray(gamma, float), np.asarray(dy, float)
    n = x.shape[0]
    d_x = np.empty_like(x)
    z = (x - x.mean(0)) / np.sqrt(x.var(0) + epsilon)
    for f in range(x.shape[1]):
        s = np.sqrt(x[:, f].var() + epsilon)
        jacobian = (np.eye(n) - 1 / n - np.outer(z[:, f], z[:, f]) / n) / s
        d_x[:, f] = jacobian @ (gamma[f] * dy[:, f])
    return d_x, np.einsum("nf,nf->f", dy, z), np.einsum("nf->f", dy)


def by_tensorflow(inputs, gamma, output_gradient, epsilon=1e-3):
    layer = keras.layers.BatchNormalization(epsilon=epsilon)
    layer.build(inputs.shape)
    layer.gamma.assign(gamma)
    first, (second, third) = gradients.backpropagate(layer, inputs, output_gradient, training=True)
    return first, second, third


def _layer_gradients(layer_class, batch):
    rng = np.random.default_rng(3)
    inputs = rng.normal(2.0, 3.0, (batch, 4)).astype("float32")
    arriving = rng.normal(size=inputs.shape).astype("float32")
    layer = layer_class()
    return inputs, arriving, gradients.backpropagate(layer, inputs, arriving, training=True)[0]


def beside_the_formula(layer_class):
    inputs, arriving, received = _layer_gradients(layer_class, 8)
    expected = in_one_formula(inputs, np.ones(4), arriving)[0]
    return np.allclose(received, expected, atol=1e-2)


def beside_keras(layer_class):
    _, _, received = _layer_gradients(layer_class, 10)
    _, _, expected = _layer_gradients(keras.layers.BatchNormalization, 10)
    return bool(np.max(np.abs(received - expected)) < 0.01)


def with_assertions(layer_class):
    """Convicts by raising, acquits by coming to the end."""
    inputs, _, received = _layer_gradients(layer_class, 12)
    try:
        np.testing.assert_allclose(received.sum(0), 0, atol=1e-3)
        along = (received * (inputs - inputs.mean(0))).sum(0)
        np.testing.assert_allclose(along, 0, atol=0.02)
    except AssertionError:
        return False
    return True


def by_finite_differences(layer_class):
    """Nudges one input and compares with the gradient that TensorFlow gives."""
    rng = np.random.default_rng(0)
    inputs, arriving = rng.normal(size=(2, 5, 2)).astype("float32")
    layer = layer_class()

    def total(x):
        return float(ops.sum(layer(ops.convert_to_tensor(x), training=True) * arriving))

    layer(ops.convert_to_tensor(inputs), training=True)
    received, _ = gradients.backpropagate(layer, inputs, arriving, training=True)
    for place in np.ndindex(*inputs.shape):
        nudge = np.zeros_like(inputs)
        nudge[place] = 1e-2
        slope = (total(inputs + nudge) - total(inputs - nudge)) / 2e-2
        if abs(slope - received[place]) > 0.02:
            return False
    return True


ANSWERS = {
    "moments": [with_ops_moments, with_var, by_sums, with_tensorflow, in_float64, shifted_first],
    "BatchNormalizationTrainingOnly": [
        WithOpsMoments,
        Flattened,
        WithOpsBatchNormalization,
        InFloat64,
    ],
    "batch_normalization_gradients": [
        in_one_formula,
        as_the_paper_writes_it,
        with_a_jacobian,
        by_tensorflow,
    ],
    "gradient_flows_through_statistics": [
        beside_the_formula,
        beside_keras,
        with_assertions,
        by_finite_differences,
    ],
}
