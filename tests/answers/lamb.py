"""Right answers to the exercise on Lamb, of lesson 14."""

import keras
from keras import ops

from utils.quiet import tensorflow as tf


class KerasLamb(keras.optimizers.Lamb):
    """Keras's own."""


class _Lamb(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        slots = self.add_optimizer_variables(variables, ["first", "second"])
        self.moments = list(zip(*slots, strict=True))

    def get_config(self):
        config = super().get_config()
        config.update(beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)
        return config


class ByMeans(_Lamb):
    """Moments as weighted sums; the ratio by a condition on the product of both lengths."""

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.moments[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        self.assign(m, ops.add(self.beta_1 * m, ops.multiply(gradient, 1 - self.beta_1)))
        square = ops.square(gradient)
        self.assign(v, ops.add(self.beta_2 * v, ops.multiply(square, 1 - self.beta_2)))
        root = ops.sqrt(v / (1 - ops.power(self.beta_2, t))) + self.epsilon
        update = m / (1 - ops.power(self.beta_1, t)) / root
        lengths = [ops.sqrt(ops.sum(each * each)) for each in (variable, update)]
        both = lengths[0] * lengths[1]
        ratio = ops.where(both > 0, lengths[0] / ops.maximum(lengths[1], 1e-30), 1.0)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * ratio * update)


class CorrectionFoldedIn(_Lamb):
    """The correction of the first moment is kept for where the ratio is 1: elsewhere it cancels."""

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.moments[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        self.assign_add(m, (1 - self.beta_1) * ops.subtract(gradient, m))
        self.assign_add(v, (1 - self.beta_2) * ops.subtract(ops.square(gradient), v))
        direction = m / (ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        length = ops.norm(ops.reshape(direction, (-1,)))
        own = ops.norm(ops.reshape(variable, (-1,)))
        adam = 1 / (1 - self.beta_1**t)
        factor = ops.where(ops.logical_or(own == 0, length == 0), adam, own / length)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * factor * direction)


class RootFoldedIn(_Lamb):
    """Numerator and denominator both times the root of the second correction."""

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.moments[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, "float32")
        self.assign_add(m, (1 - self.beta_1) * ops.subtract(gradient, m))
        self.assign_add(v, (1 - self.beta_2) * ops.subtract(ops.square(gradient), v))
        seen = ops.sqrt(1 - self.beta_2**t)
        scale = ops.cast(seen / (1 - self.beta_1**t), variable.dtype)
        direction = scale * m / (ops.sqrt(v) + ops.cast(seen * self.epsilon, variable.dtype))
        ratio = self.ratio(variable, direction)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * ratio * direction)

    def ratio(self, variable, direction):
        quotient = ops.sum(ops.square(variable)) / ops.sum(ops.square(direction))
        usable = ops.logical_and(ops.isfinite(quotient), quotient > 0)
        return ops.where(usable, ops.sqrt(quotient), ops.ones_like(quotient))


class ByTensorFlow(_Lamb):
    """TensorFlow's functions, in float32, assigned as a whole."""

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.moments[self._get_variable_index(variable)]
        gradient = tf.cast(tf.convert_to_tensor(gradient), "float32")
        t = tf.cast(self.iterations + 1, "float32")
        first, second = (tf.cast(tf.convert_to_tensor(each), "float32") for each in (m, v))
        first = self.beta_1 * first + (1 - self.beta_1) * gradient
        second = self.beta_2 * second + (1 - self.beta_2) * gradient**2
        m.assign(tf.cast(first, m.dtype))
        v.assign(tf.cast(second, v.dtype))
        root = tf.sqrt(second / (1 - self.beta_2**t)) + self.epsilon
        update = first / (1 - self.beta_1**t) / root
        own, other = tf.norm(tf.cast(variable, "float32")), tf.norm(update)
        ratio = tf.where(own * other > 0, tf.math.divide_no_nan(own, other), 1.0)
        step = tf.cast(learning_rate, "float32") * ratio * update
        variable.assign_sub(tf.cast(step, variable.dtype))


ANSWERS = {"Lamb": (KerasLamb, ByMeans, CorrectionFoldedIn, RootFoldedIn, ByTensorFlow)}
