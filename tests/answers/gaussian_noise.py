"""Right answers to the exercises on normal noise."""

import math

import keras
from keras import ops

from solutions.blocks.dropout import DropoutWithoutShape
from utils.quiet import tensorflow as tf

# --- GaussianDropout --------------------------------------------------------------------------------


class AroundOne(DropoutWithoutShape):
    """One plus noise of mean 0."""

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, None, seed, **kwargs)
        if rate == 1:
            raise ValueError("rate 1 drops everything")

    def call(self, inputs, training=False):
        if training and self.rate > 0:
            self.check_inputs(inputs)
            return inputs * (1 + self.spread() * ops.cast(self.normal(inputs), inputs.dtype))
        return inputs

    def spread(self):
        return math.sqrt(self.rate) / math.sqrt(1 - self.rate)

    def normal(self, inputs):
        return keras.random.normal(ops.shape(inputs), seed=self.seed_generator)


class OfTheInputs(AroundOne):
    """The inputs plus noise of their size."""

    def call(self, inputs, training=False):
        if not training:
            return inputs
        self.check_inputs(inputs)
        size = ops.abs(inputs) * self.spread()
        return inputs + ops.sign(inputs) * size * ops.cast(self.normal(inputs), inputs.dtype)


class WithTensorFlow(AroundOne):
    """TensorFlow's stateless numbers, seeded by Keras's generator."""

    def normal(self, inputs):
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return tf.random.stateless_normal(tf.shape(inputs), seed)


class FromUniformNumbers(AroundOne):
    """Normal numbers as Box and Muller make them."""

    def normal(self, inputs):
        shape, seed = ops.shape(inputs), self.seed_generator
        radius = ops.sqrt(-2 * ops.log(1 - keras.random.uniform(shape, seed=seed)))
        return radius * ops.cos(2 * math.pi * keras.random.uniform(shape, seed=seed))


# --- GaussianNoise ----------------------------------------------------------------------------------


class ScaledNoise(keras.Layer):
    """Standard normal numbers times `stddev`."""

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(stddev, str) or not 0 <= stddev <= 1:
            raise ValueError(f"Expected a number between 0 and 1. Received: {stddev}")
        self.stddev, self.seed = stddev, seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=None):
        if not training:
            return inputs
        if "float" not in keras.backend.standardize_dtype(inputs.dtype):
            raise TypeError("noise is added to floats")
        return inputs + ops.cast(self.stddev * self.normal(inputs), inputs.dtype)

    def normal(self, inputs):
        return keras.random.normal(ops.shape(inputs), seed=self.generator)

    def get_config(self):
        config = super().get_config()
        config.update(stddev=self.stddev, seed=self.seed)
        return config


class ByQuantiles(ScaledNoise):
    """Uniform numbers through the inverse of the normal distribution."""

    def normal(self, inputs):
        uniform = keras.random.uniform(ops.shape(inputs), 1e-7, 1 - 1e-7, seed=self.generator)
        return math.sqrt(2) * ops.erfinv(2 * uniform - 1)


class TensorFlowNoise(ScaledNoise):
    """TensorFlow's stateless numbers, seeded by Keras's generator."""

    def normal(self, inputs):
        seed = tf.cast(self.generator.next(), tf.int32)
        return tf.random.stateless_normal(tf.shape(inputs), seed)


class OnKerasNoise(keras.layers.GaussianNoise):
    """Keras's own, told in another way what not to add."""

    def call(self, inputs, training=False):
        return super().call(inputs, training=True) if training else inputs


ANSWERS = {
    "GaussianDropout": [
        keras.layers.GaussianDropout,
        AroundOne,
        OfTheInputs,
        WithTensorFlow,
        FromUniformNumbers,
    ],
    "GaussianNoise": [
        keras.layers.GaussianNoise,
        ScaledNoise,
        ByQuantiles,
        TensorFlowNoise,
        OnKerasNoise,
    ],
}
