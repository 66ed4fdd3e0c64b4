"""Right answers to the exercises of lesson 12."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf

# --- Adam -------------------------------------------------------------------------------------------


class Base(keras.optimizers.Optimizer):
    """Arguments, two slots in a list of pairs, and a config."""

    slots = ("momentum", "velocity")
    own = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

    def __init__(self, **kwargs):
        self_values = self.own | {name: kwargs.pop(name) for name in self.own if name in kwargs}
        super().__init__(learning_rate=self_values.pop("learning_rate"), **kwargs)
        self.values = self_values
        for name, value in self_values.items():
            setattr(self, name, value)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.pairs = list(
            zip(
                *(self.add_optimizer_variables(variables, name) for name in self.slots), strict=True
            )
        )

    def of(self, variable):
        return self.pairs[self._get_variable_index(variable)]

    def get_config(self):
        return super().get_config() | dict(self.values)


class AmsBase(Base):
    own = Base.own | {"amsgrad": False}
    slots = ("m", "v", "largest")


class Functional(AmsBase):
    """Works on tensors, and assigns at the end."""

    def update_step(self, gradient, variable, learning_rate):
        slots = self.of(variable)
        dtype = variable.dtype
        gradient, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.convert_to_tensor(gradient)
        t = ops.cast(self.iterations + 1, dtype)
        m = self.beta_1 * ops.convert_to_tensor(slots[0]) + (1 - self.beta_1) * gradient
        v = self.beta_2 * ops.convert_to_tensor(slots[1]) + (1 - self.beta_2) * gradient**2
        top = ops.maximum(v, slots[2])
        for slot, value in zip(slots, (m, v, top), strict=True):
            self.assign(slot, value)
        root = ops.sqrt(1 - self.beta_2**t)
        step = m / (1 - self.beta_1**t) / (ops.sqrt(top if self.amsgrad else v) + self.epsilon)
        self.assign(variable, variable - rate * root * step)


class CorrectedMoments(AmsBase):
    """Corrects both moments, in float32; epsilon goes along."""

    def update_step(self, gradient, variable, learning_rate):
        m, v, top = self.of(variable)
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations, "float32") + 1
        seen_1, seen_2 = 1 - ops.power(self.beta_1, t), 1 - ops.power(self.beta_2, t)
        self.assign(m, ops.add(self.beta_1 * m, ops.multiply(gradient, 1 - self.beta_1)))
        self.assign(
            v, ops.add(self.beta_2 * v, ops.multiply(ops.square(gradient), 1 - self.beta_2))
        )
        if self.amsgrad:
            self.assign(top, ops.maximum(top, v))
        m_hat = ops.cast(m, "float32") / seen_1
        v_hat = ops.cast(top if self.amsgrad else v, "float32") / seen_2
        below = ops.sqrt(v_hat) + self.epsilon / ops.sqrt(seen_2)
        self.assign_sub(variable, ops.cast(learning_rate, "float32") * m_hat / below)


class RunningPowers(AmsBase):
    """Keeps beta to the power of the step as state of its own, which moves once for a step."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.power_1 = self.add_variable((), initializer="ones", name="power_1")
        self.power_2 = self.add_variable((), initializer="ones", name="power_2")

    def _backend_update_step(self, gradients, variables, learning_rate):
        self.power_1.assign(self.power_1 * self.beta_1)
        self.power_2.assign(self.power_2 * self.beta_2)
        super()._backend_update_step(gradients, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        m, v, top = self.of(variable)
        gradient = ops.cast(gradient, variable.dtype)
        factor = ops.sqrt(1 - self.power_2) / (1 - self.power_1)
        rate = ops.cast(ops.cast(learning_rate, "float32") * factor, variable.dtype)
        self.assign_add(m, ops.multiply(ops.subtract(gradient, m), 1 - self.beta_1))
        self.assign_add(v, ops.multiply(ops.subtract(ops.square(gradient), v), 1 - self.beta_2))
        if self.amsgrad:
            self.assign(top, ops.maximum(top, v))
            v = top
        self.assign_sub(variable, rate * ops.divide(m, ops.sqrt(v) + self.epsilon))


class WithTensorFlow(AmsBase):
    """Float32 arithmetic by TensorFlow's functions, and slots in a dictionary."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.by_key = {
            self._var_key(variable): slots
            for variable, slots in zip(variables, self.pairs, strict=True)
        }

    def update_step(self, gradient, variable, learning_rate):
        m, v, top = (slot.value for slot in self.by_key[self._var_key(variable)])
        gradient = tf.cast(tf.convert_to_tensor(gradient), m.dtype)
        t = tf.cast(self.iterations + 1, tf.float32)
        m.assign(self.beta_1 * m + (1 - self.beta_1) * gradient)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(gradient))
        top.assign(tf.maximum(top, v))
        chosen = tf.cast(top if self.amsgrad else v, tf.float32)
        factor = tf.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        step = factor * tf.cast(m, tf.float32) / (tf.sqrt(chosen) + self.epsilon)
        variable.assign_sub(tf.cast(tf.cast(learning_rate, tf.float32) * step, variable.dtype))


# --- AdamW ------------------------------------------------------------------------------------------


class LeftToKeras(keras.optimizers.Adam):
    """Keras's base class decays by itself."""

    def __init__(self, learning_rate=0.001, weight_decay=0.004, **kwargs):
        if not isinstance(weight_decay, float):
            raise ValueError(f"Expected a float. Received: {weight_decay}")
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **kwargs)


class DecayInAHook(LeftToKeras):
    """All variables at once, in the method that the base class has for it."""

    def _apply_weight_decay(self, variables):
        for variable in filter(self._use_weight_decay, variables):
            keep = 1 - ops.cast(self.learning_rate, variable.dtype) * self.weight_decay
            variable.assign(variable * keep)


class DecayBesideTheStep(LeftToKeras):
    """Remembers what decays, makes the step, and takes the share off afterwards."""

    def _use_weight_decay(self, variable):
        return False

    def update_step(self, gradient, variable, learning_rate):
        decays = super()._use_weight_decay(variable)
        share = ops.cast(learning_rate, variable.dtype) * (self.weight_decay if decays else 0.0)
        lost = share * ops.convert_to_tensor(variable)
        super().update_step(gradient, variable, learning_rate)
        self.assign_sub(variable, lost)


class OnFunctional(Functional):
    """Decays, then makes the step of another right Adam."""

    own = AmsBase.own | {"weight_decay": 0.004}

    def __init__(self, **kwargs):
        if kwargs.get("weight_decay", 0.004) is None:
            raise ValueError("Expected a decay. Received: None")
        super().__init__(**kwargs)

    def _use_weight_decay(self, variable):
        return False

    def update_step(self, gradient, variable, learning_rate):
        if keras.optimizers.Optimizer._use_weight_decay(self, variable):
            rate = ops.cast(learning_rate, variable.dtype)
            variable.assign(variable - variable * rate * self.weight_decay)
        super().update_step(gradient, variable, learning_rate)


# --- Nadam ------------------------------------------------------------------------------------------


def _mu(beta_1, step):
    return beta_1 * (1.0 - 0.5 * ops.power(0.96, ops.cast(step, "float32")))


class NadamOfPairs(Base):
    """Counts the product up in `apply_gradients`' inner step, and adds up two steps."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.product = self.add_variable((), initializer="ones", name="product")

    def _backend_update_step(self, gradients, variables, learning_rate):
        self.product.assign(self.product * _mu(self.beta_1, self.iterations + 1))
        super()._backend_update_step(gradients, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.of(variable)
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.convert_to_tensor(gradient)
        t = ops.cast(self.iterations + 1, "float32")
        now, ahead = _mu(self.beta_1, t), _mu(self.beta_1, t + 1)
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * gradient)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * gradient**2)
        below = ops.sqrt(v / ops.cast(1 - self.beta_2**t, dtype)) + self.epsilon
        rate = ops.cast(learning_rate, "float32")
        by_gradient = ops.cast(rate * (1 - now) / (1 - self.product), dtype)
        by_momentum = ops.cast(rate * ahead / (1 - self.product * ahead), dtype)
        self.assign_sub(variable, (by_gradient * gradient + by_momentum * m) / below)


class NadamWithoutState(NadamOfPairs):
    """Multiplies all mu so far anew in every step."""

    def _backend_update_step(self, gradients, variables, learning_rate):
        steps = ops.arange(1, 101, dtype="int64")
        mu = _mu(self.beta_1, steps)
        so_far = ops.prod(ops.where(steps <= ops.cast(self.iterations + 1, "int64"), mu, 1.0))
        self.product.assign(so_far)
        keras.optimizers.Optimizer._backend_update_step(self, gradients, variables, learning_rate)


class NadamOfLogarithms(NadamOfPairs):
    """The product as a sum of logarithms."""

    def _backend_update_step(self, gradients, variables, learning_rate):
        logarithm = ops.log(self.product) + ops.log(_mu(self.beta_1, self.iterations + 1))
        self.product.assign(ops.exp(logarithm))
        keras.optimizers.Optimizer._backend_update_step(self, gradients, variables, learning_rate)


class NadamWithAFoldedRoot(NadamOfPairs):
    """The correction of the velocity is folded into the rate, and epsilon goes along."""

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.of(variable)
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, "float32")
        now, ahead = _mu(self.beta_1, t), _mu(self.beta_1, t + 1)
        root = ops.sqrt(1 - self.beta_2**t)
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))
        terms = [
            ops.multiply(each, ops.cast(factor * root, variable.dtype))
            for each, factor in (
                (m, ahead / (1 - self.product * ahead)),
                (gradient, (1 - now) / (1 - self.product)),
            )
        ]
        below = ops.sqrt(v) + ops.cast(root * self.epsilon, variable.dtype)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * ops.add(*terms) / below)


# --- Adamax -----------------------------------------------------------------------------------------


class AdamaxOfPairs(Base):
    slots = ("first", "largest")

    def update_step(self, gradient, variable, learning_rate):
        m, u = self.of(variable)
        gradient = ops.cast(gradient, variable.dtype)
        self.assign(m, self.mean(m, gradient))
        self.assign(u, self.norm(u, gradient))
        t = ops.cast(self.iterations + 1, variable.dtype)
        m_hat = m / (1 - ops.power(self.beta_1, t))
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * m_hat / (u + self.epsilon))

    def mean(self, m, gradient):
        return ops.add(m * self.beta_1, ops.multiply(gradient, 1 - self.beta_1))

    def norm(self, u, gradient):
        return ops.maximum(ops.multiply(u, self.beta_2), ops.abs(gradient))


class AdamaxByRoot(AdamaxOfPairs):
    """The size of a gradient as the root of its square."""

    def norm(self, u, gradient):
        return ops.sqrt(ops.maximum(ops.square(u * self.beta_2), ops.square(gradient)))


class AdamaxByStack(AdamaxOfPairs):
    def norm(self, u, gradient):
        gradient = tf.convert_to_tensor(gradient)
        return ops.max(ops.stack([u * self.beta_2, gradient, -gradient]), axis=0)


class AdamaxByWhere(AdamaxOfPairs):
    def norm(self, u, gradient):
        size, old = ops.abs(tf.convert_to_tensor(gradient)), u * self.beta_2
        return ops.where(size > old, size, old)


# --- counts_its_steps -------------------------------------------------------------------------------


def _path(optimizer_class, arriving, **arguments):
    """Where two weights are after each compiled step."""
    optimizer = optimizer_class(learning_rate=0.1, **arguments)
    weights = [keras.Variable(np.zeros(3, "float32"), name=name) for name in "ab"]
    optimizer.build(weights)
    step = tf.function(lambda given: optimizer.apply([given, given], weights), autograph=False)
    path = []
    for gradient in arriving:
        step(tf.constant(gradient, "float32"))
        path.append([weight.numpy() for weight in weights])
    return np.array(path)


def beside_keras(optimizer_class):
    arriving = np.random.default_rng(0).normal(size=(4, 3))
    betas = {"beta_1": 0.8, "beta_2": 0.9}
    mine, right = (
        _path(each, arriving, **betas) for each in (optimizer_class, keras.optimizers.Adam)
    )
    return np.allclose(mine, right, atol=1e-4)


def by_hand(optimizer_class):
    """A float64 Adam in NumPy."""
    m = v = where = np.zeros(3)
    right, arriving = [], np.random.default_rng(1).normal(size=(4, 3))
    for t, gradient in enumerate(arriving, start=1):
        m, v = 0.5 * m + 0.5 * gradient, 0.75 * v + 0.25 * gradient**2
        where = where - 0.1 * (m / (1 - 0.5**t)) / np.sqrt(v / (1 - 0.75**t))
        right.append([where, where])
    return np.allclose(_path(optimizer_class, arriving, beta_1=0.5, beta_2=0.75), right, atol=1e-4)


def by_line(optimizer_class):
    """By a constant gradient the weights go down a straight line."""
    path = _path(optimizer_class, np.full((6, 3), -2.0), beta_1=0.5, beta_2=0.75)
    line = 0.1 * np.arange(1, 7)[:, None, None]
    return bool(np.abs(path - line).max() < 1e-3)


def by_the_default_betas(optimizer_class):
    path = _path(optimizer_class, np.full((4, 3), 0.3))
    return bool(np.isfinite(path).all() and np.ptp(np.diff(path, axis=0, prepend=0.0)) < 1e-3)


ANSWERS = {
    "Adam": [Functional, CorrectedMoments, RunningPowers, WithTensorFlow, keras.optimizers.Adam],
    "AdamW": [
        LeftToKeras,
        DecayInAHook,
        DecayBesideTheStep,
        OnFunctional,
        keras.optimizers.AdamW,
    ],
    "Nadam": [
        NadamOfPairs,
        NadamWithoutState,
        NadamOfLogarithms,
        NadamWithAFoldedRoot,
        keras.optimizers.Nadam,
    ],
    "Adamax": [
        AdamaxOfPairs,
        AdamaxByRoot,
        AdamaxByStack,
        AdamaxByWhere,
        keras.optimizers.Adamax,
    ],
    "counts_its_steps": [beside_keras, by_hand, by_line, by_the_default_betas],
}
