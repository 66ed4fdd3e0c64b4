"""Right answers to the exercise `FlatAdam` of lesson 16."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf

LARGE = 50_000  # numbers; from here on a variable is alone


def size_of(variable):
    return int(np.prod(variable.shape))


def cut(vector, sizes):
    """Pieces of these sizes; `ops.split` refuses to make one piece."""
    return ops.split(vector, np.cumsum(sizes)[:-1]) if len(sizes) > 1 else [vector]


class Base(keras.optimizers.Optimizer):
    """Arguments and config; small variables of one dtype in one vector, however long; large ones apart."""

    num_slots = 2

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.groups = []  # the places of its variables, and its slots
        small = {}
        for place, variable in enumerate(variables):
            key = variable.dtype if size_of(variable) < LARGE else place
            small.setdefault(key, []).append(place)
        for places in small.values():
            length, dtype = sum(size_of(variables[p]) for p in places), variables[places[0]].dtype
            slots = [
                self.add_variable((length,), dtype=dtype, name=f"slot_{number}")
                for number in range(self.num_slots)
            ]
            self.groups.append((places, slots))

    def factor(self):
        t = ops.cast(self.iterations, "float32") + 1
        return ops.sqrt(1 - ops.power(self.beta_2, t)) / (1 - ops.power(self.beta_1, t))

    def _backend_update_step(self, gradients, variables, learning_rate):
        arrived = dict(zip(map(self._get_variable_index, variables), gradients, strict=True))
        rate = ops.cast(learning_rate, "float32") * self.factor()
        for places, slots in self.groups:
            if any(place in arrived for place in places):
                group = [self._trainable_variables[place] for place in places]
                self.move([arrived.get(place) for place in places], group, slots, rate)

    def move(self, gradients, variables, slots, rate):
        raise NotImplementedError


class Masked(Base):
    """A mask chooses between what the slots were and what they become; slices instead of a split."""

    def move(self, gradients, variables, slots, rate):
        m, v = slots
        parts, mask = [], []
        for gradient, variable in zip(gradients, variables, strict=True):
            there = gradient is not None
            dense = tf.convert_to_tensor(gradient) if there else tf.zeros(variable.shape, v.dtype)
            parts.append(tf.reshape(tf.cast(dense, v.dtype), [-1]))
            mask.append(tf.fill([size_of(variable)], there))
        flat, mask = tf.concat(parts, 0), tf.concat(mask, 0)
        m.assign(tf.where(mask, self.beta_1 * m + (1 - self.beta_1) * flat, m))
        v.assign(tf.where(mask, self.beta_2 * v + (1 - self.beta_2) * flat**2, v))
        step = ops.cast(rate, v.dtype) * m / (ops.sqrt(v) + self.epsilon)
        start = 0
        for gradient, variable in zip(gradients, variables, strict=True):
            end = start + size_of(variable)
            if gradient is not None:
                variable.assign_sub(ops.reshape(step[start:end], variable.shape))
            start = end


class OnlyWhatArrived(Base):
    """Cuts the slots into pieces, joins those whose gradient has arrived, and puts all together again."""

    def move(self, gradients, variables, slots, rate):
        sizes = [size_of(variable) for variable in variables]
        here = [place for place, gradient in enumerate(gradients) if gradient is not None]
        pieces = [cut(ops.convert_to_tensor(slot), sizes) for slot in slots]
        m, v = (ops.concatenate([parts[place] for place in here]) for parts in pieces)
        flat = ops.concatenate(
            [ops.reshape(ops.cast(gradients[place], m.dtype), (-1,)) for place in here]
        )
        m = m + (flat - m) * (1 - self.beta_1)
        v = v + (flat * flat - v) * (1 - self.beta_2)
        step = m / (ops.sqrt(v) + self.epsilon) * ops.cast(rate, m.dtype)
        sizes = [sizes[place] for place in here]
        moved = zip(here, *(cut(whole, sizes) for whole in (m, v, step)), strict=True)
        for place, new_m, new_v, update in moved:
            pieces[0][place], pieces[1][place] = new_m, new_v
            self.assign_sub(variables[place], ops.reshape(update, variables[place].shape))
        for slot, parts in zip(slots, pieces, strict=True):
            slot.assign(ops.concatenate(parts))


class WeightsInAVector(Base):
    """The weights go into a vector too, are moved there, and come back."""

    def move(self, gradients, variables, slots, rate):
        m, v = slots
        weights = ops.concatenate([ops.reshape(variable, (-1,)) for variable in variables])
        there = [gradient is not None for gradient in gradients]
        sizes = [size_of(variable) for variable in variables]
        flat = ops.concatenate(
            [
                ops.reshape(ops.cast(gradient, m.dtype), (-1,))
                if moves
                else ops.zeros(size, m.dtype)
                for gradient, moves, size in zip(gradients, there, sizes, strict=True)
            ]
        )
        moves = ops.repeat(ops.cast(there, m.dtype), sizes)
        m.assign_add((1 - self.beta_1) * moves * (flat - m))
        v.assign_add((1 - self.beta_2) * moves * (ops.square(flat) - v))
        weights = weights - moves * ops.cast(rate, m.dtype) * m / (ops.sqrt(v) + self.epsilon)
        for variable, piece in zip(variables, cut(weights, sizes), strict=True):
            variable.assign(ops.reshape(piece, variable.shape))


@tf.function(jit_compile=True, autograph=False)
def adam(flat, m, v, rate, moves, betas, epsilon):
    """New m, new v, and the step."""
    m = m + moves * (flat - m) * (1 - betas[0])
    v = v + moves * (flat * flat - v) * (1 - betas[1])
    return m, v, rate * m / (tf.sqrt(v) + epsilon)


class Compiled(Base):
    """The arithmetic on vectors is compiled by XLA, whatever is around it."""

    def move(self, gradients, variables, slots, rate):
        m, v = slots
        dtype, sizes = v.dtype, [size_of(variable) for variable in variables]
        parts = [
            tf.zeros([size], dtype)
            if gradient is None
            else tf.reshape(tf.cast(tf.convert_to_tensor(gradient), dtype), [-1])
            for gradient, size in zip(gradients, sizes, strict=True)
        ]
        moves = tf.repeat([0.0 if gradient is None else 1.0 for gradient in gradients], sizes)
        new_m, new_v, step = adam(
            tf.concat(parts, 0),
            m.value,
            v.value,
            tf.cast(rate, dtype),
            tf.cast(moves, dtype),
            (self.beta_1, self.beta_2),
            self.epsilon,
        )
        m.assign(new_m)
        v.assign(new_v)
        for gradient, variable, piece in zip(
            gradients, variables, tf.split(step, sizes), strict=True
        ):
            if gradient is not None:
                variable.assign_sub(tf.reshape(piece, variable.shape))


class InnerKeras(Base):
    """Keras's own Adam trains a long variable for each group; the others copy what it does."""

    num_slots = 1

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.inner = [
            keras.optimizers.Adam(1.0, self.beta_1, self.beta_2, self.epsilon) for _ in self.groups
        ]
        for inner, (_, slots) in zip(self.inner, self.groups, strict=True):
            inner.build(slots)
            for variable in inner.variables[2:]:
                self._track_variable(variable)

    def move(self, gradients, variables, slots, rate):
        [moved] = slots  # zeros before a step, and after it what the step adds
        [inner] = [inner for inner in self.inner if moved is inner._trainable_variables[0]]
        before = [ops.copy(each) for each in inner.variables[2:]]
        sizes = [size_of(variable) for variable in variables]
        flat = ops.concatenate(
            [
                ops.zeros(size, moved.dtype)
                if gradient is None
                else ops.reshape(ops.cast(gradient, moved.dtype), (-1,))
                for gradient, size in zip(gradients, sizes, strict=True)
            ]
        )
        moved.assign(ops.zeros_like(moved))
        inner._iterations.assign(self.iterations)
        inner.update_step(flat, moved, rate / self.factor())
        moves = ops.repeat([gradient is not None for gradient in gradients], sizes)
        for slot, old in zip(inner.variables[2:], before, strict=True):
            slot.assign(ops.where(moves, slot, old))
        added = ops.where(moves, moved, 0)
        pieces = cut(added, sizes)
        for variable, piece in zip(variables, pieces, strict=True):
            variable.assign_add(ops.reshape(piece, variable.shape))


ANSWERS = {"FlatAdam": [Masked, OnlyWhatArrived, WeightsInAVector, Compiled, InnerKeras]}
