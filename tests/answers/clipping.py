"""Right answers to the exercises on clipping and averaging, lesson 13."""

import keras
import numpy as np
from keras import ops

from solutions.blocks import optimizers as reference
from utils.quiet import tensorflow as tf

# --- clip_gradients ---------------------------------------------------------------------------------


def _checked(limits):
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if len(given) > 1 or any(not limit > 0 for limit in given.values()):
        raise ValueError(f"one limit above 0, not {given}")
    return given


def with_tensorflow(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    _checked({"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm})
    gradients = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
    if global_clipnorm:
        return tf.clip_by_global_norm(gradients, global_clipnorm)[0]
    if clipnorm:
        return [g if g is None else tf.clip_by_norm(g, clipnorm) for g in gradients]
    if clipvalue:
        return [g if g is None else tf.clip_by_value(g, -clipvalue, clipvalue) for g in gradients]
    return gradients


def as_pytorch_does(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    """With a small number beside the norm, and the factor cut off at 1."""
    limits = _checked({"value": clipvalue, "norm": clipnorm, "total": global_clipnorm})
    present = [tf.convert_to_tensor(g) for g in gradients if g is not None]
    if "value" in limits:
        present = [ops.maximum(ops.minimum(g, clipvalue), -clipvalue) for g in present]
    elif limits:
        norms = [ops.norm(ops.reshape(ops.cast(g, "float32"), (-1,))) for g in present]
        if "total" in limits:
            norms = [ops.norm(ops.stack(norms))] * len(present)
        factors = [ops.minimum(sum(limits.values()) / (norm + 1e-7), 1) for norm in norms]
        present = [g * ops.cast(f, g.dtype) for g, f in zip(present, factors, strict=True)]
    rest = iter(present)
    return [None if g is None else next(rest) for g in gradients]


def by_a_loop(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    _checked({"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm})
    gradients = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
    total = sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients if g is not None)
    clipped = []
    for gradient in gradients:
        if gradient is None:
            clipped.append(None)
            continue
        values = ops.cast(gradient, "float32")
        if clipvalue:
            values = ops.sign(values) * ops.minimum(ops.abs(values), clipvalue)
        if limit := clipnorm or global_clipnorm:
            norm = ops.sqrt(total if global_clipnorm else ops.sum(values * values))
            values = ops.where(norm > limit, values * limit / ops.maximum(norm, 1e-30), values)
        clipped.append(ops.cast(values, gradient.dtype))
    return clipped


def by_direction(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    """A direction of length 1, times a length that is limited."""
    _checked({"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm})
    limit = clipnorm or global_clipnorm
    places = [place for place, g in enumerate(gradients) if g is not None]
    clipped = [None] * len(gradients)
    values = [ops.add(gradients[place], 0.0) for place in places]
    lengths = [ops.sqrt(ops.sum(ops.square(ops.cast(g, "float32")))) for g in values]
    if global_clipnorm:
        lengths = [ops.sqrt(sum(ops.square(length) for length in lengths))] * len(lengths)
    for place, g, length in zip(places, values, lengths, strict=True):
        if clipvalue:
            g = ops.where(ops.abs(g) > clipvalue, ops.cast(clipvalue * ops.sign(g), g.dtype), g)
        elif limit:
            shorter = ops.divide_no_nan(ops.cast(g, "float32"), length) * limit
            g = ops.where(length > limit, ops.cast(shorter, g.dtype), g)
        clipped[place] = g
    return clipped


def by_the_dot_product(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    """A map over the gradients; of all of them in one long vector for the global norm."""
    _checked({"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm})
    dense = [g if g is None else tf.convert_to_tensor(g) for g in gradients]

    def long(several):
        return ops.concatenate([ops.ravel(ops.cast(g, "float32")) for g in several])

    def limited(g):
        if g is None or not (clipvalue or clipnorm or global_clipnorm):
            return g
        if clipvalue:
            return ops.clip(g, -clipvalue, clipvalue)
        whole = long([g] if clipnorm else [each for each in dense if each is not None])
        excess = ops.sqrt(ops.dot(whole, whole)) / (clipnorm or global_clipnorm)
        return g / ops.cast(ops.maximum(excess, 1.0), g.dtype)

    return tuple(map(limited, dense))


# --- WeightAverage ----------------------------------------------------------------------------------


class ByDifference(reference.WeightAverage):
    """Moves each average a share of the way to its weights."""

    def update(self):
        way = ops.where(ops.equal(self.updates, 0), 1.0, 1 - self.momentum)
        for average, variable in zip(self.averages, self.variables, strict=True):
            average.assign_add(ops.cast(way, average.dtype) * (variable - average))
        self.updates.assign(self.updates + 1)


class BySelection(reference.WeightAverage):
    """The values first, then the assignments."""

    def update(self):
        pairs = list(zip(self.averages, self.variables, strict=True))
        mixed = [self.momentum * a + (1 - self.momentum) * v for a, v in pairs]
        for (average, variable), value in zip(pairs, mixed, strict=True):
            average.assign(ops.where(self.updates > 0, value, variable))
        self.updates.assign_add(1)

    def swap(self):
        weights = [ops.copy(variable) for variable in self.variables]
        averages = [ops.copy(average) for average in self.averages]
        for variable, value in zip(self.variables, averages, strict=True):
            variable.assign(value)
        for average, value in zip(self.averages, weights, strict=True):
            average.assign(value)


class ByMultiplication(reference.WeightAverage):
    """As Keras writes it: the momentum times whether this is not the first update."""

    def update(self):
        for average, variable in zip(self.averages, self.variables, strict=True):
            later = ops.cast(ops.not_equal(self.updates, 0), variable.dtype)
            momentum = ops.multiply(later, self.momentum)
            kept = ops.multiply(momentum, average)
            average.assign(ops.add(kept, ops.multiply(ops.subtract(1, momentum), variable)))
        self.updates.assign_add(1)

    def swap(self):
        for average, variable in zip(self.averages, self.variables, strict=True):
            now, then = ops.convert_to_numpy(variable), ops.convert_to_numpy(average)
            variable.assign(np.array(then))
            average.assign(np.array(now))


class WithCond(reference.WeightAverage):
    def update(self):
        kept = ops.cond(self.updates > 0, lambda: float(self.momentum), lambda: 0.0)
        for place, average in enumerate(self.averages):
            value = ops.cast(self.variables[place], "float32")
            average.assign(kept * ops.cast(average, "float32") + (1 - kept) * value)
        self.updates.assign_add(1)


class WithFlags(reference.WeightAverage):
    """Reads through `value`, and keeps no counter of its own but whether it has begun."""

    def __init__(self, variables, momentum=0.99):
        super().__init__(variables, momentum)
        self.begun = keras.Variable(0.0, trainable=False)

    def update(self):
        for average, variable in zip(self.averages, self.variables, strict=True):
            share = ops.cast(self.begun * self.momentum, average.dtype)
            average.assign(average.value * share + variable.value * (1 - share))
        self.begun.assign(1.0)

    def swap(self):
        for place, variable in enumerate(self.variables):
            held = variable.numpy().copy()
            variable.assign(self.averages[place].numpy())
            self.averages[place].assign(held)


ANSWERS = {
    "clip_gradients": [
        with_tensorflow, as_pytorch_does, by_a_loop, by_direction, by_the_dot_product,
    ],
    "WeightAverage": [ByDifference, BySelection, ByMultiplication, WithCond, WithFlags],
}  # fmt: skip
