"""Right answers to the exercise on schedule-free AdamW, of lesson 14."""

import keras
from keras import ops

from utils.exams.schedule_free import Published
from utils.quiet import tensorflow as tf


class KerasMended(Published):
    """Keras's own with the paper's update, and a way to ask for x."""

    def average(self, variable):
        z = self._momentums[self._get_variable_index(variable)]
        return (variable - (1 - self.beta_1) * z) / self.beta_1


class _ScheduleFree(keras.optimizers.Optimizer):
    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        slots = self.add_optimizer_variables(variables, ["fast", "squares"])
        self.slots = list(zip(*slots, strict=True))
        for (fast, _), variable in zip(self.slots, variables, strict=True):
            fast.assign(variable)

    def average(self, variable):
        z, _ = self.slots[self._get_variable_index(variable)]
        return z + (variable - z) / self.beta_1

    def rate(self, learning_rate, variable):
        rate = ops.cast(learning_rate, variable.dtype)
        if self.warmup_steps > 0:
            t = ops.cast(self.iterations + 1, variable.dtype)
            rate = rate * ops.clip(t / self.warmup_steps, 0, 1)
        return rate

    def get_config(self):
        config = super().get_config()
        names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return config | {name: getattr(self, name) for name in names}


class NewValuesFirst(_ScheduleFree):
    """All three computed as tensors, assigned together at the end."""

    def update_step(self, gradient, variable, learning_rate):
        z, v = self.slots[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        squares = ops.add(self.beta_2 * v, ops.multiply(ops.square(gradient), 1 - self.beta_2))
        root = ops.sqrt(squares / (1 - ops.power(self.beta_2, t))) + self.epsilon
        step = ops.divide(ops.multiply(gradient, self.rate(learning_rate, variable)), root)
        new_z = ops.subtract(z, step)
        new_x = (1 - 1 / t) * self.average(variable) + new_z / t
        self.assign(v, squares)
        self.assign(z, new_z)
        self.assign(variable, (1 - self.beta_1) * new_z + self.beta_1 * new_x)


class OldZCopied(_ScheduleFree):
    """z moves first; a copy of the old one recovers x."""

    def update_step(self, gradient, variable, learning_rate):
        z, v = self.slots[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        old = ops.copy(z)
        self.assign_add(v, (1 - self.beta_2) * ops.subtract(ops.square(gradient), v))
        root = ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon
        self.assign_sub(
            z, ops.divide(ops.multiply(self.rate(learning_rate, variable), gradient), root)
        )
        x = ops.subtract(variable, (1 - self.beta_1) * old) / self.beta_1
        weight = 1.0 / t
        x = (1 - weight) * x + weight * z
        self.assign(variable, (1 - self.beta_1) * z + self.beta_1 * x)


class MovesByDifferences(_ScheduleFree):
    """y moves by what z and x move: nothing but z and y is ever assigned."""

    def update_step(self, gradient, variable, learning_rate):
        z, v = self.slots[self._get_variable_index(variable)]
        gradient = ops.cast(tf.convert_to_tensor(gradient), variable.dtype)
        t = ops.cast(self.iterations + 1, "float32")
        self.assign_add(v, (1 - self.beta_2) * ops.subtract(ops.square(gradient), v))
        seen = ops.cast(ops.sqrt(1 - self.beta_2**t), variable.dtype)
        scaled = ops.multiply(gradient, self.rate(learning_rate, variable) * seen)
        step = ops.divide(scaled, ops.sqrt(v) + seen * self.epsilon)
        x = self.average(variable)
        moved = ops.subtract(z - x, step) / ops.cast(t, variable.dtype)
        self.assign_sub(z, step)
        self.assign_add(variable, ops.subtract(self.beta_1 * moved, (1 - self.beta_1) * step))


class ByTensorFlow(_ScheduleFree):
    """TensorFlow's functions, in float32."""

    def update_step(self, gradient, variable, learning_rate):
        z, v = self.slots[self._get_variable_index(variable)]
        gradient = tf.cast(tf.convert_to_tensor(gradient), "float32")
        t = tf.cast(self.iterations + 1, "float32")
        y, fast, squares = (tf.cast(tf.identity(each), "float32") for each in (variable, z, v))
        x = (y - (1 - self.beta_1) * fast) / self.beta_1
        squares = self.beta_2 * squares + (1 - self.beta_2) * gradient**2
        root = tf.sqrt(squares / (1 - self.beta_2**t)) + self.epsilon
        fast -= tf.cast(self.rate(learning_rate, variable), "float32") * gradient / root
        x += (fast - x) / t
        v.assign(tf.cast(squares, v.dtype))
        z.assign(tf.cast(fast, z.dtype))
        variable.assign(tf.cast((1 - self.beta_1) * fast + self.beta_1 * x, variable.dtype))


ANSWERS = {
    "ScheduleFreeAdamW": (
        KerasMended,
        NewValuesFirst,
        OldZCopied,
        MovesByDifferences,
        ByTensorFlow,
    )
}
