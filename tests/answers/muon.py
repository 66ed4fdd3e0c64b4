"""Right answers to the exercise on Muon, of lesson 14."""

import keras
import numpy as np
from keras import ops

from solutions.blocks.optimizers import MuonArguments
from utils.quiet import tensorflow as tf


class KerasMuon(keras.optimizers.Muon):
    """Keras's own."""


class NeverTurned(MuonArguments):
    """Tall matrices stay upright: the result is the same, the products are larger."""

    def zeropower_via_newtonschulz5(self, x, steps):
        x = x / (ops.norm(x) + 1e-7)
        a, b, c = self.muon_a, self.muon_b, self.muon_c
        for _ in range(steps):
            square = x @ ops.transpose(x)
            x = a * x + b * square @ x + c * square @ (square @ x)
        return x

    def lr_adjust(self, x):
        if self.rms_rate is None:
            return x
        return self.rms_rate * np.sqrt(max(x.shape)).item() * x

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        if self.adam_velocities[place] is not None:
            self._adamw_update_step(gradient, variable, learning_rate)
            return
        m = self.momentums[place]
        self.assign(m, ops.add(gradient, m * self.momentum))
        ahead = ops.add(gradient, self.momentum * m) if self.nesterov else ops.copy(m)
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
        self.assign_sub(variable, learning_rate * update)


class OtherSide(NeverTurned):
    """The product on the right, xᵀ x, so that wide matrices are the ones to be turned."""

    def zeropower_via_newtonschulz5(self, x, steps):
        is_wide = x.shape[0] < x.shape[1]
        if is_wide:
            x = ops.transpose(x)
        x = x / (ops.sqrt(ops.sum(x * x)) + 1e-7)
        for _ in range(steps):
            square = ops.transpose(x) @ x
            x = x @ (self.muon_b * square + self.muon_c * square @ square) + self.muon_a * x
        return ops.transpose(x) if is_wide else x


class BySingularValues(NeverTurned):
    """The polynomial applied to the singular values themselves."""

    def zeropower_via_newtonschulz5(self, x, steps):
        s, u, v = tf.linalg.svd(tf.cast(x, "float32"))
        s = s / (tf.norm(s) + 1e-7)
        for _ in range(steps):
            s = self.muon_a * s + self.muon_b * s**3 + self.muon_c * s**5
        return tf.cast(u @ tf.linalg.diag(s) @ tf.linalg.adjoint(v), x.dtype)


class RateFirst(NeverTurned):
    """Horner's form; the learning rate goes in before the size is adjusted."""

    def zeropower_via_newtonschulz5(self, x, steps):
        x = x / (ops.norm(x) + 1e-7)
        for _ in range(steps):
            square = ops.matmul(x, ops.transpose(x))
            inner = self.muon_b * x + self.muon_c * ops.matmul(square, x)
            x = self.muon_a * x + ops.matmul(square, inner)
        return x

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        if self.adam_velocities[place] is not None:
            self._adamw_update_step(gradient, variable, learning_rate)
            return
        m, rate = self.momentums[place], ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        self.assign_sub(m, ops.subtract(m * (1 - self.momentum), gradient))
        look = m + 0 if not self.nesterov else m * self.momentum + gradient
        orthogonal = self.zeropower_via_newtonschulz5(look, self.ns_steps)
        self.assign_add(variable, self.lr_adjust(-rate * orthogonal))


ANSWERS = {"Muon": (KerasMuon, NeverTurned, OtherSide, BySingularValues, RateFirst)}
