"""Right answers to the exercises on schedules, lesson 13."""

import math

import keras
import numpy as np
from keras import ops

from solutions.blocks import schedules as reference
from utils.quiet import tensorflow as tf

KERAS = keras.optimizers.schedules

# --- ExponentialDecay -------------------------------------------------------------------------------


class ByLogarithms(reference.ExponentialDecay):
    def __call__(self, step):
        rate, step = reference.floats(self.initial_learning_rate, step)
        times = step / self.decay_steps
        times = ops.floor(times) if self.staircase else times
        return rate * ops.exp(math.log(self.decay_rate) * times)


class ByRemainder(reference.ExponentialDecay):
    """The steps since the last stair are left out."""

    def __call__(self, step):
        rate, step, factor = reference.floats(self.initial_learning_rate, step, self.decay_rate)
        since = step % self.decay_steps if self.staircase else 0.0
        return ops.multiply(ops.power(factor, (step - since) / self.decay_steps), rate)


class BySelection(reference.ExponentialDecay):
    def __call__(self, step):
        rate, step, factor = reference.floats(self.initial_learning_rate, step, self.decay_rate)
        p = ops.divide(step, ops.cast(self.decay_steps, step.dtype))
        return rate * ops.power(factor, ops.where(self.staircase, ops.floor(p), p))


class FactorOfOneStep(reference.ExponentialDecay):
    def __call__(self, step):
        rate, step = reference.floats(self.initial_learning_rate, step)
        if self.staircase:
            step = ops.floor(step / self.decay_steps) * self.decay_steps
        return rate * (self.decay_rate ** (1 / self.decay_steps)) ** step


class KerasExponential(KERAS.ExponentialDecay):
    """Keras's own, with a float for a rate."""

    def __init__(self, initial_learning_rate, *args, **kwargs):
        super().__init__(_positive(initial_learning_rate), *args, **kwargs)


def _positive(rate):
    """A rate as Keras's schedules need it."""
    if isinstance(rate, int | float) and rate < 0:
        raise ValueError(f"a rate of {rate}")
    return float(rate) if isinstance(rate, int) else rate


# --- CosineDecay ------------------------------------------------------------------------------------


class InOneGo(reference.CosineDecay):
    """Without the method for the wave, and with `ops.cond`."""

    def __call__(self, step):
        rate, step = reference.floats(self.initial_learning_rate, step)
        warmup_steps, start = 0, rate
        if self.warmup_target is not None:
            warmup_steps, start = self.warmup_steps, ops.cast(self.warmup_target, rate.dtype)
        share = ops.clip((step - warmup_steps) / self.decay_steps, 0.0, 1.0)
        cosine = start * ((1 - self.alpha) * 0.5 * (1 + ops.cos(share * math.pi)) + self.alpha)
        if not warmup_steps:
            return cosine
        return ops.cond(
            step < warmup_steps,
            lambda: rate + step * (start - rate) / warmup_steps,
            lambda: cosine,
        )


class BySquaredCosine(reference.CosineDecay):
    """Half of 1 + cos(x) is the square of cos(x / 2)."""

    def wave(self, step, rate):
        end = self.alpha * rate
        share = ops.minimum(step, self.decay_steps) / self.decay_steps
        return end + (rate - end) * ops.square(ops.cos(share * np.pi / 2))


class BySine(reference.CosineDecay):
    def wave(self, step, rate):
        left = ops.maximum(1 - step / self.decay_steps, 0)
        wave = 0.5 - 0.5 * ops.sin(np.pi * (0.5 - left))
        return rate * wave + self.alpha * rate * (1 - wave)


class BySharesOfTheLine(reference.CosineDecay):
    def __call__(self, step):
        rate, step = reference.floats(self.initial_learning_rate, step)
        if self.warmup_target is None:
            return self.wave(step, rate)
        target = ops.cast(self.warmup_target, rate.dtype)
        done = ops.cast(step >= self.warmup_steps, rate.dtype)
        share = step / max(self.warmup_steps, 1)
        line = (1 - share) * rate + share * target
        return done * self.wave(step - self.warmup_steps, target) + (1 - done) * line


class WithTensorFlow(reference.CosineDecay):
    def wave(self, step, rate):
        share = tf.minimum(step / tf.cast(self.decay_steps, step.dtype), 1)
        return rate * ((1 - self.alpha) * (tf.cos(share * math.pi) + 1) / 2 + self.alpha)


class KerasCosine(KERAS.CosineDecay):
    """Keras's own, with a float for a rate."""

    def __init__(self, initial_learning_rate, *args, **kwargs):
        super().__init__(_positive(initial_learning_rate), *args, **kwargs)


# --- PiecewiseConstantDecay -------------------------------------------------------------------------


class ByCounting(reference.PiecewiseConstantDecay):
    """The number of boundaries passed is the place of the value."""

    def __call__(self, step):
        values = ops.stack(list(reference.floats(*self.values)))
        passed = sum(
            ops.cast(ops.cast(step, "float32") > each, "int32") for each in self.boundaries
        )
        return ops.take(values, passed, axis=0)


class BySearch(reference.PiecewiseConstantDecay):
    def __call__(self, step):
        values = ops.stack(list(reference.floats(*self.values)))
        step, boundaries = ops.cast(step, "float32"), ops.cast(self.boundaries, "float32")
        return values[ops.sum(ops.cast(step > boundaries, "int32"))]


class FromTheEnd(reference.PiecewiseConstantDecay):
    def __call__(self, step):
        *others, rate = reference.floats(*self.values)
        step = ops.cast(step, "float32")
        for boundary, value in zip(self.boundaries[::-1], others[::-1], strict=True):
            rate = ops.where(step <= boundary, value, rate)
        return rate


class ByDifferences(reference.PiecewiseConstantDecay):
    """Each boundary adds the difference of its two values."""

    def __call__(self, step):
        values, step = reference.floats(*self.values), ops.cast(step, "float32")
        differences = [after - before for before, after in zip(values, values[1:], strict=False)]
        return values[0] + sum(
            ops.cast(step > boundary, values[0].dtype) * difference
            for boundary, difference in zip(self.boundaries, differences, strict=True)
        )


class KerasPiecewise(KERAS.PiecewiseConstantDecay):
    """Keras's own, with floats for values."""

    def __call__(self, step):
        given, self.values = self.values, [_positive(value) for value in self.values]
        try:
            return super().__call__(step)
        finally:
            self.values = given


# --- PolynomialDecay --------------------------------------------------------------------------------


class ByMinimum(reference.PolynomialDecay):
    def __call__(self, step):
        rate, step, end = reference.floats(self.initial_learning_rate, step, self.end_learning_rate)
        steps = ops.cast(self.decay_steps, rate.dtype)
        if self.cycle:
            cycles = ops.ceil(step / steps)
            steps = steps * ops.where(cycles == 0, ops.ones_like(cycles), cycles)
        else:
            step = ops.minimum(step, steps)
        return (rate - end) * ops.power(1 - step / steps, self.power) + end


class ByShares(reference.PolynomialDecay):
    def __call__(self, step):
        rate, step = reference.floats(self.initial_learning_rate, step)
        cycles = ops.maximum(1.0, ops.ceil(step / self.decay_steps)) if self.cycle else 1.0
        over = ops.clip(step / (self.decay_steps * ops.cast(cycles, rate.dtype)), 0.0, 1.0)
        left = (1 - over) ** self.power
        return left * rate + (1 - left) * self.end_learning_rate


class ByWholeCycles(reference.PolynomialDecay):
    def __call__(self, step):
        rate, step, end = reference.floats(self.initial_learning_rate, step, self.end_learning_rate)
        if self.cycle:
            over = -ops.floor(-ops.maximum(step, 1) / self.decay_steps) * self.decay_steps
        else:
            over = ops.cast(self.decay_steps, rate.dtype)
        left = ops.relu(1 - step / over)
        return end + ops.multiply(rate - end, ops.power(left, self.power))


class WithTensorFlowsPower(reference.PolynomialDecay):
    def __call__(self, step):
        rate, step, steps, end, power = reference.floats(
            self.initial_learning_rate, step, self.decay_steps, self.end_learning_rate, self.power
        )
        if self.cycle:
            steps *= tf.maximum(tf.math.ceil(step / steps), 1)
        return tf.pow(tf.maximum((steps - step) / steps, 0), power) * (rate - end) + end


class KerasPolynomial(KERAS.PolynomialDecay):
    """Keras's own, with a float for a rate."""

    def __init__(self, initial_learning_rate, *args, **kwargs):
        super().__init__(_positive(initial_learning_rate), *args, **kwargs)


ANSWERS = {
    "ExponentialDecay": [ByLogarithms, ByRemainder, BySelection, FactorOfOneStep, KerasExponential],
    "CosineDecay": [
        InOneGo, BySquaredCosine, BySine, BySharesOfTheLine, WithTensorFlow, KerasCosine,
    ],
    "PiecewiseConstantDecay": [ByCounting, BySearch, FromTheEnd, ByDifferences, KerasPiecewise],
    "PolynomialDecay": [
        ByMinimum, ByShares, ByWholeCycles, WithTensorFlowsPower, KerasPolynomial,
    ],
}  # fmt: skip
