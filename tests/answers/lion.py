"""Right answers to the exercise on Lion, of lesson 14."""

import keras
from keras import ops

from utils.quiet import tensorflow as tf


class KerasLion(keras.optimizers.Lion):
    """Keras's own."""


class _Lion(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if beta_1 <= 0 or beta_1 > 1:
            raise ValueError(f"beta_1 must be in (0, 1]. Received: {beta_1}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.remembered = self.add_optimizer_variables(variables, "remembered")

    def get_config(self):
        config = super().get_config()
        config.update(beta_1=self.beta_1, beta_2=self.beta_2)
        return config


class ByDifferences(_Lion):
    """Both means as steps towards the gradient, the old momentum copied first."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.remembered[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        old = ops.copy(m)
        towards = ops.subtract(gradient, old)
        self.assign_add(m, towards * (1 - self.beta_2))
        sign = ops.sign(old + towards * (1 - self.beta_1))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * sign)


class ByComparison(_Lion):
    """The sign is written as a choice; the variable is assigned as a whole."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.remembered[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.convert_to_tensor(tf.convert_to_tensor(gradient), dtype=variable.dtype)
        mixed = self.beta_1 * m + (1 - self.beta_1) * gradient
        up = ops.where(mixed > 0, variable - rate, variable)
        self.assign(variable, ops.where(mixed < 0, variable + rate, up))
        self.assign(m, self.beta_2 * m + (1 - self.beta_2) * gradient)


class ByTensorFlow(_Lion):
    """TensorFlow's functions; the mixture divided by beta_1, which changes no sign."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.remembered[self._get_variable_index(variable)]
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        sign = tf.sign(tf.convert_to_tensor(m) + gradient * (1 / self.beta_1 - 1))
        variable.assign_sub(tf.cast(learning_rate, variable.dtype) * sign)
        m.assign(tf.add(m * self.beta_2, gradient * (1 - self.beta_2)))


class OneDictionary(_Lion):
    """The slots in a dictionary, by the variable's place."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.memory = dict(enumerate(self.remembered))

    def update_step(self, gradient, variable, learning_rate):
        m = self.memory[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        mixture = ops.add(ops.multiply(gradient, 1 - self.beta_1), ops.multiply(m, self.beta_1))
        step = ops.multiply(ops.sign(mixture), -ops.cast(learning_rate, variable.dtype))
        self.assign_add(variable, step)
        self.assign(m, ops.multiply(m, self.beta_2))
        self.assign_add(m, ops.multiply(gradient, 1 - self.beta_2))


ANSWERS = {"Lion": (KerasLion, ByDifferences, ByComparison, ByTensorFlow, OneDictionary)}
