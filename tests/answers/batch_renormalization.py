"""Batch renormalization written in other ways."""

import keras
import tensorflow as tf
from keras import ops

from solutions.blocks.normalization import BatchNormalization, BatchNormalizationVariables


class WithRenormVariables(BatchNormalization):
    """The arguments and the variables of renorm, for the answers below."""

    def __init__(self, renorm=False, renorm_clipping=None, renorm_momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        clipping = {k: v for k, v in (renorm_clipping or {}).items() if v is not None}
        if not clipping.keys() <= {"rmin", "rmax", "dmax"}:
            raise ValueError(f"unknown keys in {clipping}")
        if clipping.get("rmin", 0) > clipping.get("rmax", float("inf")):
            raise ValueError("rmin above rmax")
        if clipping.get("dmax", 0) < 0:
            raise ValueError("dmax below 0")
        self.renorm, self.renorm_clipping = renorm, renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.rmin, self.rmax = clipping.get("rmin", 0.0), clipping.get("rmax", float("inf"))
        self.dmax = clipping.get("dmax", float("inf"))

    def build(self, input_shape):
        super().build(input_shape)
        if self.renorm:
            for name in ("moving_stddev", "renorm_mean", "renorm_stddev"):
                variable = self.add_weight(
                    (input_shape[self.axis],), name=name, trainable=False, autocast=False
                )
                setattr(self, name, variable)
            self.renorm_mean.assign(self.moving_mean)
            self.moving_stddev.assign(ops.sqrt(self.moving_variance))
            self.renorm_stddev.assign(ops.sqrt(self.moving_variance))

    def get_config(self):
        return super().get_config() | {
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


class FoldedIntoGammaAndBeta(WithRenormVariables):
    """r and d change gamma and beta, and `ops.batch_normalization` does the rest, as in Keras."""

    def call(self, inputs, training=None, mask=None):
        if not (self.renorm and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        x = ops.cast(inputs, "float32")
        mean, variance = (ops.reshape(s, (-1,)) for s in self.batch_statistics(x, mask))
        stddev = ops.sqrt(variance + self.epsilon)
        scale = 1 / ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r = ops.stop_gradient(ops.clip(stddev * scale, self.rmin, self.rmax))
        d = ops.stop_gradient(ops.clip((mean - self.renorm_mean) * scale, -self.dmax, self.dmax))
        gamma = self.gamma if self.scale else 1.0
        beta = self.beta if self.center else 0.0
        y = ops.batch_normalization(
            x, mean, variance, self.axis, beta + gamma * d, r * gamma, self.epsilon
        )
        self.remember(mean, stddev)
        return ops.cast(y, self.compute_dtype)

    def remember(self, mean, stddev):
        for momentum, variable, new in (
            (self.renorm_momentum, self.renorm_mean, mean),
            (self.renorm_momentum, self.renorm_stddev, stddev),
            (self.momentum, self.moving_mean, mean),
            (self.momentum, self.moving_stddev, stddev),
        ):
            variable.assign(momentum * variable + (1 - momentum) * new)
        self.moving_variance.assign(ops.maximum(self.moving_stddev**2 - self.epsilon, 0))


class Transposed(FoldedIntoGammaAndBeta):
    """Moves the features' axis to the end; constants by detaching what goes into r and d."""

    def call(self, inputs, training=None, mask=None):
        if not self.trainable or not training or not self.renorm:
            return super().call(
                inputs, training=False if not self.trainable else training, mask=mask
            )
        x = ops.cast(inputs, "float32")
        mean, variance = (ops.ravel(s) for s in self.batch_statistics(x, mask))
        stddev = ops.sqrt(variance + self.epsilon)
        fixed_mean, fixed_stddev = ops.stop_gradient(mean), ops.stop_gradient(stddev)
        renorm_stddev = ops.maximum(self.renorm_stddev, ops.sqrt(self.epsilon))
        r = ops.minimum(ops.maximum(fixed_stddev / renorm_stddev, self.rmin), self.rmax)
        d = (fixed_mean - self.renorm_mean) / renorm_stddev
        d = ops.maximum(ops.minimum(d, self.dmax), -self.dmax)
        y = (ops.moveaxis(x, self.axis, -1) - mean) / stddev * r + d
        if self.scale:
            y *= self.gamma
        if self.center:
            y += self.beta
        self.remember(mean, stddev)
        return ops.cast(ops.moveaxis(y, -1, self.axis), self.compute_dtype)


class WithTensorFlow(WithRenormVariables):
    """TensorFlow's own functions and gradients; the correction is a change of mean and deviation."""

    def call(self, inputs, training=None, mask=None):
        if not (self.renorm and training and self.trainable):
            return super().call(inputs, training, mask)
        x = tf.cast(inputs, tf.float32)
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        mean, variance = self.batch_statistics(x, mask)
        deviation = tf.sqrt(variance + self.epsilon)
        old_mean = tf.reshape(self.renorm_mean.value, shape)
        old_deviation = tf.reshape(self.renorm_stddev.value, shape)
        old_deviation = tf.maximum(old_deviation, tf.sqrt(tf.constant(self.epsilon)))
        r = tf.clip_by_value(deviation / old_deviation, self.rmin, self.rmax)
        d = tf.clip_by_value((mean - old_mean) / old_deviation, -self.dmax, self.dmax)
        y = (x - mean) * (tf.stop_gradient(r) / deviation) + tf.stop_gradient(d)
        y = y * tf.reshape(self.gamma.value, shape) if self.scale else y
        y = y + tf.reshape(self.beta.value, shape) if self.center else y
        mean, deviation = tf.reshape(mean, [-1]), tf.reshape(deviation, [-1])
        keep = self.renorm_momentum
        self.renorm_mean.assign_sub((1 - keep) * (self.renorm_mean.value - mean))
        self.renorm_stddev.assign_sub((1 - keep) * (self.renorm_stddev.value - deviation))
        self.moving_mean.assign_sub((1 - self.momentum) * (self.moving_mean.value - mean))
        self.moving_stddev.assign_sub((1 - self.momentum) * (self.moving_stddev.value - deviation))
        self.moving_variance.assign(tf.nn.relu(tf.square(self.moving_stddev) - self.epsilon))
        return tf.cast(y, self.compute_dtype)


class InFloat64(FoldedIntoGammaAndBeta):
    """Everything computed in float64."""

    def call(self, inputs, training=None, mask=None):
        if not (self.renorm and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        x = ops.cast(inputs, "float64")
        shape = [1] * len(x.shape)
        shape[self.axis] = -1

        def wide(variable):
            return ops.reshape(ops.cast(variable, "float64"), shape)

        mean, variance = self.batch_statistics(x, mask)
        stddev = (variance + self.epsilon) ** 0.5
        renorm_stddev = ops.maximum(wide(self.renorm_stddev), self.epsilon**0.5)
        r = ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)
        d = ops.clip((mean - wide(self.renorm_mean)) / renorm_stddev, -self.dmax, self.dmax)
        y = ops.stop_gradient(d) + ops.stop_gradient(r) * (x - mean) / stddev
        y = y * (wide(self.gamma) if self.scale else 1) + (wide(self.beta) if self.center else 0)
        self.remember(*(ops.cast(ops.ravel(s), "float32") for s in (mean, stddev)))
        return ops.cast(y, self.compute_dtype)


class WithoutTheBaseClass(BatchNormalizationVariables):
    """Built on the variables alone, with statistics, mask and both cases in one `call`."""

    def __init__(self, *args, renorm=False, renorm_clipping=None, renorm_momentum=0.99, **kwargs):
        super().__init__(*args, **kwargs)
        self.renorm, self.renorm_momentum = bool(renorm), float(renorm_momentum)
        self.renorm_clipping = {"rmin": None, "rmax": None, "dmax": None}
        for key, value in (renorm_clipping or {}).items():
            if key not in self.renorm_clipping:
                raise ValueError(key)
            self.renorm_clipping[key] = value
        low, high, most = self.renorm_clipping.values()
        if low is not None and high is not None and low > high or most is not None and most < 0:
            raise ValueError("impossible clipping")

    def build(self, shape):
        super().build(shape)
        if not self.renorm:
            return

        def root(shape, dtype=None):
            return ops.sqrt(self.moving_variance_initializer(shape, dtype))

        for name, start in (
            ("renorm_stddev", root),
            ("renorm_mean", self.moving_mean_initializer),
            ("moving_stddev", root),
        ):
            shape = self.moving_mean.shape
            variable = self.add_weight(shape, start, trainable=False, autocast=False, name=name)
            setattr(self, name, variable)

    def call(self, inputs, training=None, mask=None):
        x = ops.cast(inputs, "float32")
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        axes = [a for a in range(len(shape)) if a != self.axis % len(shape)]
        mean, variance = self.moving_mean.value, self.moving_variance.value
        r, d = 1.0, 0.0
        if training and self.trainable:
            weights = ops.ones_like(x)
            if mask is not None:
                weights = weights * ops.cast(mask, "float32")[..., None]
            count = ops.maximum(ops.sum(weights, axes), 1.0)
            mean = ops.sum(weights * x, axes) / count
            deviation = x - ops.reshape(mean, shape)
            variance = ops.sum(weights * deviation**2, axes) / count
            self.average(self.moving_mean, mean, self.momentum)
            if not self.renorm:
                self.average(self.moving_variance, variance, self.momentum)
            else:
                stddev = ops.sqrt(variance + self.epsilon)
                r, d = self.corrections(ops.stop_gradient(mean), ops.stop_gradient(stddev))
                self.average(self.renorm_mean, mean, self.renorm_momentum)
                self.average(self.renorm_stddev, stddev, self.renorm_momentum)
                self.average(self.moving_stddev, stddev, self.momentum)
                variance_now = ops.square(self.moving_stddev) - self.epsilon
                self.moving_variance.assign(ops.relu(variance_now))
        scale = r * ops.rsqrt(variance + self.epsilon)
        shift = d - mean * scale
        if self.scale:
            scale, shift = scale * self.gamma, shift * self.gamma
        if self.center:
            shift = shift + self.beta
        return ops.cast(
            x * ops.reshape(scale, shape) + ops.reshape(shift, shape), self.compute_dtype
        )

    def corrections(self, mean, stddev):
        low, high, most = (self.renorm_clipping[key] for key in ("rmin", "rmax", "dmax"))
        divisor = ops.maximum(self.renorm_stddev, ops.sqrt(self.epsilon))
        r, d = stddev / divisor, (mean - self.renorm_mean) / divisor
        r = r if low is None else ops.maximum(r, low)
        r = r if high is None else ops.minimum(r, high)
        return r, d if most is None else ops.clip(d, -most, most)

    def average(self, variable, new, momentum):
        variable.assign(variable * momentum + new * (1 - momentum))

    def get_config(self):
        names = "axis momentum epsilon center scale synchronized renorm renorm_momentum".split()
        names += [f"{w}_initializer" for w in "beta gamma moving_mean moving_variance".split()]
        names += [f"{w}_{k}" for w in ("beta", "gamma") for k in ("regularizer", "constraint")]
        serialize = keras.saving.serialize_keras_object
        clipping = {k: v for k, v in self.renorm_clipping.items() if v is not None}
        config = {name: serialize(getattr(self, name)) for name in names}
        return {**super().get_config(), **config, "renorm_clipping": clipping or None}


class Borrowed(keras.layers.BatchNormalization):
    """Keras's own, renamed."""


ANSWERS = {
    "BatchNormalizationWithRenorm": [
        FoldedIntoGammaAndBeta,
        Transposed,
        WithTensorFlow,
        InFloat64,
        WithoutTheBaseClass,
        Borrowed,
    ],
}
