"""Right answers to the exercises of lesson 10."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf

Optimizer = keras.optimizers.Optimizer

# --- GradientDescent --------------------------------------------------------------------------------


class ByTheVariable(Optimizer):
    """The variable changes itself."""

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        variable.assign_sub(ops.cast(ops.multiply(gradient, learning_rate), variable.dtype))


class MadeDense(ByTheVariable):
    """By operators, once the gradient is a table."""

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        variable.assign(variable - gradient * ops.cast(learning_rate, variable.dtype))


class AddsTheNegative(ByTheVariable):
    def update_step(self, gradient, variable, learning_rate):
        step = ops.multiply(
            ops.cast(gradient, variable.dtype), -ops.cast(learning_rate, variable.dtype)
        )
        self.assign_add(variable, step)


class WithAnOperator(ByTheVariable):
    """`*` takes sparse gradients too, where the other factor is a tensor."""

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, ops.cast(gradient, variable.dtype) * rate)


class InFloat64(ByTheVariable):
    """Computes in float64, and rounds once."""

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate, now = (
            ops.cast(x, "float64")
            for x in (gradient, learning_rate, tf.convert_to_tensor(variable))
        )
        self.assign(
            variable, ops.cast(ops.subtract(now, ops.multiply(gradient, rate)), variable.dtype)
        )


class KerasWithoutMomentum(keras.optimizers.SGD):
    """Keras's own."""


# --- SGD --------------------------------------------------------------------------------------------


class Arguments(Optimizer):
    """What the answers below are told."""

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"Expected a momentum between 0 and 1. Received: {momentum}")
        self.momentum, self.nesterov = momentum, nesterov

    def get_config(self):
        config = super().get_config()
        config.update(momentum=self.momentum, nesterov=self.nesterov)
        return config


class SignOfPyTorch(Arguments):
    """The slot, `velocity`, holds what is subtracted."""

    def build(self, variables):
        if not self.built:
            super().build(variables)
            if self.momentum > 0:
                self.velocities = self.add_optimizer_variables(variables, name="velocity")

    def update_step(self, gradient, variable, learning_rate):
        step = ops.multiply(
            ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        )
        if self.momentum > 0:
            velocity = self.velocities[self._get_variable_index(variable)]
            velocity.assign(ops.add(velocity * self.momentum, step))
            step = ops.add(velocity * self.momentum, step) if self.nesterov else velocity
        self.assign_sub(variable, step)


class FromOldAndNewSlot(Arguments):
    """Nesterov's step as `(1 + momentum) * new - momentum * old`; slots in a dictionary."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slots = {}
        if self.momentum != 0:
            for place, variable in enumerate(variables):
                self.slots[place] = self.add_variable_from_reference(variable, name="m")

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.convert_to_tensor(gradient)
        step = tf.cast(learning_rate, variable.dtype) * tf.cast(gradient, variable.dtype)
        slot = self.slots.get(self._get_variable_index(variable))
        if slot is None:
            self.assign(variable, ops.subtract(variable, step))
            return
        old = ops.copy(slot)
        new = self.momentum * old - step
        slot.assign(new)
        if self.nesterov:
            variable.assign_add((1 + self.momentum) * new - self.momentum * old)
        else:
            variable.assign_add(new)


class SlotsInPairs(Arguments):
    """Variables and their slots in one list of pairs; the slots in float32."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.pairs = []
        if self.momentum:
            for variable in variables:
                slot = self.add_variable(shape=variable.shape, dtype="float32", name="slot")
                self.pairs.append((variable, slot))

    def update_step(self, gradient, variable, learning_rate):
        change = tf.multiply(
            tf.cast(tf.convert_to_tensor(gradient), tf.float32), -tf.cast(learning_rate, tf.float32)
        )
        if self.pairs:
            _, slot = self.pairs[self._get_variable_index(variable)]
            slot.assign(slot * self.momentum + change)
            change = slot * self.momentum + change if self.nesterov else slot.value
        self.assign_add(variable, ops.cast(change, variable.dtype))


class OneVector(Arguments):
    """All slots end to end in one vector."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.ends = np.cumsum([0, *(int(np.prod(variable.shape)) for variable in variables)])
        if self.momentum:
            self.all = self.add_variable(shape=(int(self.ends[-1]),), name="momentums")

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        step = tf.convert_to_tensor(ops.multiply(gradient, rate))
        if not self.momentum:
            return self.assign_sub(variable, step)
        place = self._get_variable_index(variable)
        first, last = self.ends[place : place + 2]
        flat = ops.reshape(ops.cast(step, "float32"), (-1,))
        new = self.all[first:last] * self.momentum - flat
        self.assign(self.all, ops.slice_update(self.all.value, (first,), new))
        change = new * self.momentum - flat if self.nesterov else new
        self.assign_add(variable, ops.cast(ops.reshape(change, variable.shape), variable.dtype))


class OnGradientDescent(AddsTheNegative):
    """Hands the step of Nesterov's variant to gradient descent as its gradient."""

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if min(momentum, 1 - momentum) < 0:
            raise ValueError(f"Not a momentum: {momentum}")
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.slots = self.add_optimizer_variables(variables, "slot") if self.momentum else None

    def update_step(self, gradient, variable, learning_rate):
        if self.slots is None:
            return super().update_step(gradient, variable, learning_rate)
        rate = ops.cast(learning_rate, variable.dtype)
        step = ops.multiply(ops.cast(gradient, variable.dtype), rate)
        slot = self.slots[self._get_variable_index(variable)]
        self.assign(slot, ops.multiply(slot, self.momentum))
        self.assign_sub(slot, step)
        if self.nesterov:
            slot = ops.subtract(ops.multiply(slot, self.momentum), step)
        super().update_step(slot, variable, -1.0)

    def get_config(self):
        return {**super().get_config(), "nesterov": self.nesterov, "momentum": self.momentum}


class KerasItself(keras.optimizers.SGD):
    """Keras's own."""


ANSWERS = {
    "GradientDescent": [
        ByTheVariable,
        MadeDense,
        AddsTheNegative,
        WithAnOperator,
        InFloat64,
        KerasWithoutMomentum,
    ],
    "SGD": [
        SignOfPyTorch,
        FromOldAndNewSlot,
        SlotsInPairs,
        OneVector,
        OnGradientDescent,
        KerasItself,
    ],
}
