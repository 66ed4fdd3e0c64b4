"""Lesson 04 answered in other ways."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from solutions.blocks.normalization import (
    BatchNormalizationTrainingOnly,
    BatchNormalizationVariables,
    moments,
)


def one_line(moving, batch_value, momentum):
    return batch_value + momentum * (moving - batch_value)


def with_a_step(moving, batch_value, momentum):
    step = (batch_value - moving) * (1.0 - momentum)
    return moving + step


def in_float64(moving, batch_value, momentum):
    old, new = np.asarray(moving, "float64"), np.asarray(batch_value, "float64")
    return np.average([old, new], axis=0, weights=[momentum, 1 - momentum])


def with_tensorflow(moving, batch_value, momentum):
    return tf.add(tf.multiply(moving, momentum), tf.multiply(batch_value, 1 - momentum))


class TwoReturns(BatchNormalizationTrainingOnly):
    """Both cases written out, each with a `return` of its own."""

    def __init__(self, momentum=0.99, epsilon=0.001):
        super().__init__(epsilon)
        self.m = momentum

    def build(self, shape):
        super().build(shape)
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=shape[-1:], initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=shape[-1:], initializer="ones", trainable=False
        )

    def call(self, x, training=False):
        if not training:
            scale = self.gamma / ops.sqrt(self.moving_variance + self.epsilon)
            return x * scale + (self.beta - self.moving_mean * scale)
        axes = list(range(x.ndim - 1))
        mu, var = ops.mean(x, axes), ops.var(x, axes)
        self.moving_mean.assign_sub((1 - self.m) * (self.moving_mean - mu))
        self.moving_variance.assign_sub((1 - self.m) * (self.moving_variance - var))
        return self.gamma * ((x - mu) / ops.sqrt(var + self.epsilon)) + self.beta


class KeepsDimensions(BatchNormalizationTrainingOnly):
    """Keeps the dimensions of size 1, and assigns through `.value`-free operators."""

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        super().build(input_shape)
        self.mean_so_far = self.add_weight(
            (input_shape[-1],), "zeros", trainable=False, name="moving_mean"
        )
        self.variance_so_far = self.add_weight(
            (input_shape[-1],), "ones", trainable=False, name="moving_variance"
        )

    def call(self, inputs, training=None):
        if training:
            mean, variance = moments(inputs, tuple(range(len(inputs.shape) - 1)))
            keep = self.momentum
            self.mean_so_far.assign(keep * self.mean_so_far + (1 - keep) * ops.ravel(mean))
            self.variance_so_far.assign(
                keep * self.variance_so_far + (1 - keep) * ops.ravel(variance)
            )
        else:
            mean, variance = self.mean_so_far, self.variance_so_far
        return (inputs - mean) * self.gamma * (variance + self.epsilon) ** -0.5 + self.beta


class WithOpsMoments(BatchNormalizationVariables):
    """`ops.moments` in one call; a mask by weights."""

    def call(self, inputs, training=None, mask=None):
        x = ops.cast(inputs, "float32")
        axis = self.axis % len(x.shape)
        axes = [a for a in range(len(x.shape)) if a != axis]
        shape = [1] * len(x.shape)
        shape[axis] = -1
        if training and self.trainable:
            mean, variance = self.statistics(x, axes, mask)
            self.move(self.moving_mean, mean)
            self.move(self.moving_variance, variance)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        y = (x - ops.reshape(mean, shape)) / ops.sqrt(ops.reshape(variance, shape) + self.epsilon)
        if self.gamma is not None:
            y *= ops.reshape(self.gamma, shape)
        if self.beta is not None:
            y += ops.reshape(self.beta, shape)
        return ops.cast(y, self.compute_dtype)

    def move(self, variable, value):
        variable.assign(variable * self.momentum + value * (1 - self.momentum))

    def statistics(self, x, axes, mask):
        if mask is None:
            return ops.moments(x, axes)
        if mask.ndim + 1 != x.ndim:
            raise ValueError("the mask has one dimension less than the inputs")
        weight = ops.cast(mask, x.dtype)[..., None] * ops.ones_like(x)
        total = ops.sum(weight, axes, keepdims=True) + 1e-7
        mean = ops.sum(x * weight, axes, keepdims=True) / total
        variance = ops.sum(weight * (x - mean) ** 2, axes, keepdims=True) / total
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        names = "axis momentum epsilon center scale synchronized".split()
        names += [f"{w}_initializer" for w in "beta gamma moving_mean moving_variance".split()]
        names += [
            f"{w}_{kind}" for w in ("beta", "gamma") for kind in ("regularizer", "constraint")
        ]
        return super().get_config() | {name: serialize(getattr(self, name)) for name in names}


class WithOpsBatchNormalization(WithOpsMoments):
    """`ops.batch_normalization` does the last step."""

    def call(self, inputs, training=None, mask=None):
        x = ops.cast(inputs, "float32")
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            axes = list(range(len(x.shape)))
            del axes[self.axis]
            mean, variance = self.statistics(x, axes, mask)
            self.move(self.moving_mean, mean)
            self.move(self.moving_variance, variance)
        y = ops.batch_normalization(
            x, mean, variance, self.axis, self.beta, self.gamma, epsilon=self.epsilon
        )
        return ops.cast(y, self.compute_dtype)


class InFloat64(WithOpsMoments):
    """Everything computed in float64."""

    def call(self, inputs, training=None, mask=None):
        wide = ops.cast(inputs, "float64")
        shape = [1] * len(wide.shape)
        shape[self.axis] = -1
        if training and self.trainable:
            axes = [a for a in range(len(wide.shape)) if a != self.axis % len(wide.shape)]
            mean, variance = self.statistics(wide, axes, mask)
            self.move(self.moving_mean, ops.cast(mean, "float32"))
            self.move(self.moving_variance, ops.cast(variance, "float32"))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        mean, variance = (ops.reshape(ops.cast(v, "float64"), shape) for v in (mean, variance))
        outputs = (wide - mean) / (variance + self.epsilon) ** 0.5
        if self.scale:
            outputs = outputs * ops.reshape(ops.cast(self.gamma, "float64"), shape)
        if self.center:
            outputs = outputs + ops.reshape(ops.cast(self.beta, "float64"), shape)
        return ops.cast(outputs, self.compute_dtype)


class Transposed(WithOpsMoments):
    """Moves the features' axis to the end, works on a matrix, and moves it back."""

    def call(self, inputs, training=None, mask=None):
        x = ops.cast(inputs, "float32")
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            axes = list(range(len(x.shape)))
            del axes[self.axis]
            mean, variance = self.statistics(x, axes, mask)
            self.move(self.moving_mean, mean)
            self.move(self.moving_variance, variance)
        scale = ops.rsqrt(variance + self.epsilon) * (self.gamma if self.scale else 1.0)
        y = (ops.moveaxis(x, self.axis, -1) - mean) * scale + (self.beta if self.center else 0.0)
        return ops.cast(ops.moveaxis(y, -1, self.axis), self.compute_dtype)


class Renamed(BatchNormalizationVariables):
    """Other attribute names and helper methods; everything with TensorFlow's own functions."""

    def build(self, shape):
        super().build(shape)
        self.others = [i for i in range(len(shape)) if i not in (self.axis, self.axis + len(shape))]
        self.aligned = [n if i not in self.others else 1 for i, n in enumerate(shape)]

    def call(self, inputs, training=None, mask=None):
        x = tf.cast(inputs, tf.float32)
        if bool(training) is False or self.trainable is False:
            centre, spread = self._remembered()
        else:
            centre, spread = self._measured(x, mask)
            for variable, new in ((self.moving_mean, centre), (self.moving_variance, spread)):
                new = tf.reshape(new, [-1])
                variable.assign_add((new - variable.value) * (1 - self.momentum))
        y = tf.nn.batch_normalization(
            x,
            tf.reshape(centre, self.aligned),
            tf.reshape(spread, self.aligned),
            tf.reshape(self.beta.value, self.aligned) if self.center else None,
            tf.reshape(self.gamma.value, self.aligned) if self.scale else None,
            self.epsilon,
        )
        return tf.cast(y, self.compute_dtype)

    def _remembered(self):
        return self.moving_mean.value, self.moving_variance.value

    def _measured(self, x, mask):
        if mask is None:
            return tf.nn.moments(x, self.others)
        if len(mask.shape) != len(x.shape) - 1:
            raise ValueError(f"mask of shape {mask.shape} for inputs of shape {x.shape}")
        weights = tf.cast(tf.expand_dims(mask, -1), x.dtype) * tf.ones_like(x)
        mean, variance = tf.nn.weighted_moments(x, self.others, weights)
        hidden = tf.reduce_sum(weights) == 0
        return tf.where(hidden, 0.0, mean), tf.where(hidden, 0.0, variance)

    def get_config(self):
        config = super().get_config()
        for name in ("axis", "momentum", "epsilon", "center", "scale", "synchronized"):
            config[name] = getattr(self, name)
        for kind, serialize in (
            ("initializer", keras.initializers.serialize),
            ("regularizer", keras.regularizers.serialize),
            ("constraint", keras.constraints.serialize),
        ):
            for weight in ("beta", "gamma", "moving_mean", "moving_variance"):
                if hasattr(self, f"{weight}_{kind}"):
                    config[f"{weight}_{kind}"] = serialize(getattr(self, f"{weight}_{kind}"))
        return config


class Standalone(keras.layers.Layer):
    """Written without the given base class, every argument by hand."""

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.arguments = {
            "axis": axis,
            "momentum": momentum,
            "epsilon": epsilon,
            "center": center,
            "scale": scale,
            "synchronized": synchronized,
        }
        self.initializers = {
            "beta": keras.initializers.get(beta_initializer),
            "gamma": keras.initializers.get(gamma_initializer),
            "moving_mean": keras.initializers.get(moving_mean_initializer),
            "moving_variance": keras.initializers.get(moving_variance_initializer),
        }
        self.regularizers = {
            "beta": keras.regularizers.get(beta_regularizer),
            "gamma": keras.regularizers.get(gamma_regularizer),
        }
        self.constraints = {
            "beta": keras.constraints.get(beta_constraint),
            "gamma": keras.constraints.get(gamma_constraint),
        }
        self.supports_masking = True

    def build(self, input_shape):
        wanted = {"gamma": self.arguments["scale"], "beta": self.arguments["center"]}
        self.variable = {}
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            if wanted.get(name, True):
                self.variable[name] = self.add_weight(
                    shape=(input_shape[self.arguments["axis"]],),
                    name=name,
                    initializer=self.initializers[name],
                    regularizer=self.regularizers.get(name),
                    constraint=self.constraints.get(name),
                    trainable=name in wanted,
                    autocast=False,
                )

    def call(self, inputs, training=None, mask=None):
        x, axis = ops.cast(inputs, "float32"), self.arguments["axis"]
        v = dict(self.variable)
        if training and self.trainable:
            keep = [1] * x.ndim
            if mask is None:
                weights = ops.ones_like(x)
            elif mask.ndim != x.ndim - 1:
                raise ValueError("mask")
            else:
                weights = ops.cast(ops.broadcast_to(mask[..., None], ops.shape(x)), "float32")
            axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
            count = ops.maximum(ops.sum(weights, axes), 1.0)
            keep[axis] = -1
            mean = ops.sum(weights * x, axes) / count
            deviation = x - ops.reshape(mean, keep)
            variance = ops.sum(weights * deviation * deviation, axes) / count
            m = self.arguments["momentum"]
            for name, new in (("moving_mean", mean), ("moving_variance", variance)):
                v[name].assign(m * v[name] + (1 - m) * new)
            v |= {"moving_mean": mean, "moving_variance": variance}
        return ops.cast(
            ops.batch_normalization(
                x,
                ops.convert_to_tensor(v["moving_mean"]),
                ops.convert_to_tensor(v["moving_variance"]),
                axis,
                v.get("beta"),
                v.get("gamma"),
                self.arguments["epsilon"],
            ),
            self.compute_dtype,
        )

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        config = {**super().get_config(), **self.arguments}
        for kind in ("initializer", "regularizer", "constraint"):
            for name, value in getattr(self, kind + "s").items():
                config[f"{name}_{kind}"] = serialize(value)
        return config


class LikeNumPy(WithOpsMoments):
    """Plain operators and indexing with None, as one would write it with NumPy."""

    def call(self, inputs, training=None, mask=None):
        inputs = ops.cast(inputs, "float32")
        rank = inputs.ndim
        around = tuple(slice(None) if a == self.axis % rank else None for a in range(rank))
        mean, variance = self.moving_mean + 0, self.moving_variance + 0
        if training and self.trainable:
            weights = ops.ones_like(inputs)
            if mask is not None:
                if mask.ndim != rank - 1:
                    raise ValueError("mask")
                weights = weights * ops.cast(mask[..., None], "float32")
            axes = tuple(set(range(rank)) - {self.axis % rank})
            n = ops.maximum(ops.sum(weights, axes), 1)
            mean = ops.sum(inputs * weights, axes) / n
            variance = ops.sum((inputs - mean[around]) ** 2 * weights, axes) / n
            self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
            self.moving_variance.assign(
                self.moving_variance * self.momentum + variance * (1 - self.momentum)
            )
        outputs = (inputs - mean[around]) / (variance[around] + self.epsilon) ** 0.5
        outputs = outputs * (self.gamma + 0)[around] if self.scale else outputs
        outputs = outputs + (self.beta + 0)[around] if self.center else outputs
        return ops.cast(outputs, self.compute_dtype)


class Borrowed(keras.layers.BatchNormalization):
    """Keras's own, renamed."""


ANSWERS = {
    "update_moving_average": [one_line, with_a_step, in_float64, with_tensorflow],
    "BatchNormalizationWithMovingStatistics": [TwoReturns, KeepsDimensions, Borrowed],
    "BatchNormalization": [
        WithOpsMoments,
        WithOpsBatchNormalization,
        InFloat64,
        Transposed,
        Renamed,
        Standalone,
        LikeNumPy,
        Borrowed,
    ],
}
