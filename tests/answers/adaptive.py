"""Right answers to the exercises of lesson 11."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf


class Checked(keras.optimizers.Optimizer):
    """Arguments as attributes, refused outside their range, and in the config."""

    defaults: dict

    def __init__(self, learning_rate=0.001, **kwargs):
        own = {name: kwargs.pop(name, default) for name, default in self.defaults.items()}
        for name, value in (own | {"learning_rate": learning_rate}).items():
            below = 1 if name in ("rho", "momentum") else np.inf
            if isinstance(value, float) and not 0 <= value < below:
                raise ValueError(f"`{name}` is out of its range: {value}")
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.own = own
        self.__dict__.update(own)

    def get_config(self):
        return {**super().get_config(), **self.own}


# --- Adagrad ----------------------------------------------------------------------------------------


class AdagradChecked(Checked):
    defaults = {"initial_accumulator_value": 0.1, "epsilon": 1e-7}


class AdagradInPlace(AdagradChecked):
    """Slots of zeros, to which the initial value is added when they are used; other names."""

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.sums = self.add_optimizer_variables(variables, "sum_of_squares")

    def update_step(self, gradient, variable, learning_rate):
        seen = self.sums[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        self.assign_add(seen, ops.multiply(gradient, gradient))
        scale = ops.rsqrt(seen + self.initial_accumulator_value + self.epsilon)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, ops.multiply(gradient, scale * rate))


class AdagradDense(AdagradChecked):
    """Makes every gradient dense, and goes through TensorFlow's own functions."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slots = [
            self.add_variable_from_reference(
                variable,
                "seen",
                initializer=lambda shape, dtype: tf.fill(
                    shape, tf.cast(self.initial_accumulator_value + self.epsilon, dtype)
                ),
            )
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        slot = self.slots[self._get_variable_index(variable)]
        self.assign(slot, slot + tf.square(gradient))
        rate = tf.cast(learning_rate, variable.dtype)
        self.assign(variable, variable - rate * gradient / tf.sqrt(slot))


class AdagradInADictionary(AdagradChecked):
    """A dictionary of slots, by the place of the variable."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        start = keras.initializers.Constant(self.initial_accumulator_value)
        made = self.add_optimizer_variables(variables, "accumulator", initializer=start)
        self.accumulator_of = dict(zip(map(self._var_key, variables), made, strict=True))

    def update_step(self, gradient, variable, learning_rate):
        accumulator = self.accumulator_of[self._var_key(variable)]
        step = ops.multiply(gradient, ops.cast(learning_rate, gradient.dtype))
        self.assign_add(accumulator, ops.square(ops.cast(gradient, variable.dtype)))
        self.assign_add(
            variable, ops.negative(ops.divide(step, (accumulator + self.epsilon) ** 0.5))
        )


class AdagradKeepsTheRoot(AdagradChecked):
    """The slot holds the root of the sum, epsilon included."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        start = (self.initial_accumulator_value + self.epsilon) ** 0.5
        self.roots = self.add_optimizer_variables(
            variables, "root", initializer=keras.initializers.Constant(start)
        )

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        root = self.roots[self._get_variable_index(variable)]
        self.assign(root, ops.sqrt(ops.add(ops.square(root), ops.square(gradient))))
        step = ops.multiply(ops.cast(learning_rate, variable.dtype), ops.divide(gradient, root))
        self.assign_sub(variable, step)


class KerasAdagrad(keras.optimizers.Adagrad):
    """Keras's own, with arguments refused."""

    def __init__(self, learning_rate=0.001, **kwargs):
        AdagradChecked(learning_rate=learning_rate, **kwargs)
        super().__init__(learning_rate=learning_rate, **kwargs)


# --- RMSprop ----------------------------------------------------------------------------------------


class RMSpropChecked(Checked):
    defaults = {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}


class RMSpropWithAllSlots(RMSpropChecked):
    """All three slots, always; the one that is not asked for is multiplied by 0."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["mean_square", "mean", "last_step"]
        self.slots = list(zip(*self.add_optimizer_variables(variables, names), strict=True))

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        rate, kept = ops.cast(learning_rate, variable.dtype), self.rho
        mean_square, mean, last = self.slots[self._get_variable_index(variable)]
        self.assign_add(mean_square, (1 - kept) * (gradient**2 - mean_square))
        self.assign_add(mean, (1 - kept) * (gradient - mean))
        variance = mean_square - float(self.centered) * mean**2
        self.assign(last, self.momentum * last + rate * gradient / (variance + self.epsilon) ** 0.5)
        self.assign_sub(variable, last)


class RMSpropDownhill(RMSpropChecked):
    """The momentum points downhill and is added; slots where they are needed."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        needed = {"v": True, "g": self.centered, "m": self.momentum > 0}
        self.slots = {
            name: self.add_optimizer_variables(variables, name) if is_needed else None
            for name, is_needed in needed.items()
        }

    def averaged(self, name, place, value):
        slot = self.slots[name][place]
        self.assign(slot, ops.add(slot * self.rho, ops.multiply(value, 1 - self.rho)))
        return slot

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        place = self._get_variable_index(variable)
        under = self.averaged("v", place, ops.square(gradient)) + self.epsilon
        if self.centered:
            under = under - ops.square(self.averaged("g", place, gradient))
        down = ops.multiply(gradient, -ops.cast(learning_rate, variable.dtype) * ops.rsqrt(under))
        if self.slots["m"] is not None:
            slot = self.slots["m"][place]
            self.assign(slot, ops.add(slot * self.momentum, down))
            down = slot
        self.assign_add(variable, down)


class RMSpropScaled(RMSpropChecked):
    """Keeps the averages divided by the share of the new; the factors come in at the step."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.squares = self.add_optimizer_variables(variables, "squares")
        self.sums = self.add_optimizer_variables(variables, "sums")
        self.steps = self.add_optimizer_variables(variables, "steps")

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        place = self._get_variable_index(variable)
        squares, sums, steps = self.squares[place], self.sums[place], self.steps[place]
        for slot, new in ((squares, ops.square(gradient)), (sums, gradient)):
            self.assign(slot, slot * self.rho)
            self.assign_add(slot, new)
        under = squares * (1 - self.rho) + self.epsilon
        if self.centered:
            under -= (sums * (1 - self.rho)) ** 2
        self.assign(steps, steps * self.momentum)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_add(steps, ops.divide(ops.multiply(rate, gradient), ops.sqrt(under)))
        self.assign_sub(variable, steps)


class RMSpropByTensorFlow(RMSpropWithAllSlots):
    """TensorFlow's functions instead of operators."""

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        mean_square, mean, last = self.slots[self._get_variable_index(variable)]
        old, new = tf.cast(self.rho, gradient.dtype), tf.cast(1 - self.rho, gradient.dtype)
        square = tf.add(old * mean_square, new * tf.square(gradient))
        average = tf.add(old * mean, new * gradient)
        under = square - tf.square(average) if self.centered else square
        step = (
            gradient * tf.cast(learning_rate, gradient.dtype) * tf.math.rsqrt(under + self.epsilon)
        )
        step = tf.cast(self.momentum, gradient.dtype) * last + step
        for slot, value in ((mean_square, square), (mean, average), (last, step)):
            self.assign(slot, value)
        self.assign(variable, variable - step)


class KerasRMSprop(keras.optimizers.RMSprop):
    """Keras's own, with arguments refused."""

    def __init__(self, learning_rate=0.001, **kwargs):
        RMSpropChecked(learning_rate=learning_rate, **kwargs)
        super().__init__(learning_rate=learning_rate, **kwargs)


# --- Adadelta ---------------------------------------------------------------------------------------


class AdadeltaChecked(Checked):
    defaults = {"rho": 0.95, "epsilon": 1e-7}


class AdadeltaDownhill(AdadeltaChecked):
    """Steps with their sign, one root of a ratio, slots in a list of pairs."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.pairs = [
            (
                self.add_variable_from_reference(variable, "g"),
                self.add_variable_from_reference(variable, "d"),
            )
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        of_gradients, of_steps = self.pairs[self._get_variable_index(variable)]
        self.average(of_gradients, gradient)
        ratio = ops.sqrt((of_steps + self.epsilon) / (of_gradients + self.epsilon))
        down = ops.multiply(gradient, -ratio)
        self.average(of_steps, down)
        self.assign_add(variable, ops.multiply(down, ops.cast(learning_rate, variable.dtype)))

    def average(self, slot, value):
        self.assign(slot, ops.add(self.rho * slot, ops.multiply(1 - self.rho, ops.square(value))))


class AdadeltaInPlace(AdadeltaDownhill):
    """Slots are first multiplied, then added to."""

    def average(self, slot, value):
        self.assign(slot, slot * self.rho)
        self.assign_add(slot, ops.multiply(ops.square(value), 1 - self.rho))


class AdadeltaDense(AdadeltaDownhill):
    """Makes every gradient dense; the average moves a part of the way."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)

    def average(self, slot, value):
        self.assign_add(slot, (1 - self.rho) * (value**2 - slot))


class AdadeltaWithEpsilonInside(AdadeltaChecked):
    """The slots start from epsilon, so that it need not be added; it is given back as it fades."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        start = keras.initializers.Constant(self.epsilon)
        names = ["grads", "steps"]
        self.grads, self.steps = self.add_optimizer_variables(
            variables, names, initializer=[start, start]
        )

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        place = self._get_variable_index(variable)
        grads, steps, new = self.grads[place], self.steps[place], 1 - self.rho
        fading = new * self.epsilon
        squares = ops.multiply(new, ops.square(gradient))
        self.assign(grads, ops.add(self.rho * grads + fading, squares))
        step = ops.multiply(gradient, ops.sqrt(steps) * ops.rsqrt(grads))
        squares = ops.multiply(new, ops.square(step))
        self.assign(steps, ops.add(self.rho * steps + fading, squares))
        self.assign_sub(variable, ops.multiply(rate, step))


class KerasAdadelta(keras.optimizers.Adadelta):
    """Keras's own, with arguments refused."""

    def __init__(self, learning_rate=0.001, **kwargs):
        AdadeltaChecked(learning_rate=learning_rate, **kwargs)
        super().__init__(learning_rate=learning_rate, **kwargs)


ANSWERS = {
    "Adagrad": [
        AdagradInPlace,
        AdagradDense,
        AdagradInADictionary,
        AdagradKeepsTheRoot,
        KerasAdagrad,
    ],
    "RMSprop": [
        RMSpropWithAllSlots,
        RMSpropDownhill,
        RMSpropScaled,
        RMSpropByTensorFlow,
        KerasRMSprop,
    ],
    "Adadelta": [
        AdadeltaDownhill,
        AdadeltaInPlace,
        AdadeltaDense,
        AdadeltaWithEpsilonInside,
        KerasAdadelta,
    ],
}
