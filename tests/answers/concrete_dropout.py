"""Right answers to the exercise on concrete dropout."""

import keras
from keras import ops

from solutions.blocks.dropout import ConcreteDropout
from utils.quiet import tensorflow as tf


def uniform(layer, inputs):
    """Uniform numbers that are neither 0 nor 1."""
    shape, seed = ops.shape(inputs), layer.seed_generator
    return keras.random.uniform(shape, 1e-7, 1 - 1e-7, layer.logit.dtype, seed)


class ByTheKeptShare(ConcreteDropout):
    """The mask by the logit of the share that is kept; the entropy by softplus."""

    def relaxed_mask(self, inputs):
        noise = uniform(self, inputs)
        logit = ops.log_sigmoid(-self.logit) - ops.log_sigmoid(self.logit)
        return ops.sigmoid((logit + ops.log(noise / (1 - noise))) / self.temperature)

    def penalty(self):
        rate, kept = self.rate, 1 / (1 + ops.exp(self.logit))
        negative_entropy = -rate * ops.softplus(-self.logit) - kept * ops.softplus(self.logit)
        squares = ops.sum(ops.cast(self.layer.kernel, rate.dtype) ** 2)
        return (
            self.weight_regularizer * squares / kept
            + self.dropout_regularizer * negative_entropy * self.num_inputs
        )


class WithGumbels(ConcreteDropout):
    """The difference of two Gumbel numbers is logistic."""

    def relaxed_mask(self, inputs):
        kept, dropped = (-ops.log(-ops.log(uniform(self, inputs))) for _ in range(2))
        return ops.sigmoid((kept - dropped - self.logit) / self.temperature)


class WithATangent(ConcreteDropout):
    """A sigmoid is half of a hyperbolic tangent and one."""

    def relaxed_mask(self, inputs):
        noise = uniform(self, inputs)
        logit = ops.log(noise) - ops.log1p(-noise) - self.logit
        return (1 + ops.tanh(logit / self.temperature / 2)) / 2


class WithTwoLosses(ConcreteDropout):
    """Two losses for two terms, and TensorFlow's operations."""

    def call(self, inputs, training=False):
        logit = self.logit.value
        rate, kept = tf.sigmoid(logit), tf.sigmoid(-logit)
        kernel = tf.cast(tf.convert_to_tensor(self.layer.kernel), rate.dtype)
        self.add_loss(2 * self.weight_regularizer * tf.nn.l2_loss(kernel) / kept)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(rate, logit)
        self.add_loss(-self.dropout_regularizer * inputs.shape[-1] * entropy)
        if training:
            if not inputs.dtype.is_floating:
                raise TypeError("floats only")
            factors = self.relaxed_mask(inputs) / kept
            inputs = inputs * tf.cast(factors, inputs.dtype)
        return self.layer(inputs)


ANSWERS = {"ConcreteDropout": [ByTheKeptShare, WithGumbels, WithATangent, WithTwoLosses]}
