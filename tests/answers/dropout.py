"""Right answers to the exercises of lesson 07."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf

# --- inverted_dropout -------------------------------------------------------------------------------


def by_a_product(inputs, mask, rate):
    return inputs * ops.cast(mask, inputs.dtype) / (1.0 - rate)


def mask_scaled_first(inputs, mask, rate):
    scale = ops.cast(mask, inputs.dtype) * (1 / (1 - rate))
    return ops.multiply(inputs, scale)


def by_tensorflow(inputs, mask, rate):
    kept = tf.cast(mask, inputs.dtype)
    return tf.math.divide_no_nan(inputs, tf.cast(1 - rate, inputs.dtype)) * kept


def dropped_first(inputs, mask, rate):
    keep = 1 - rate
    dropped = ops.where(ops.logical_not(mask), ops.zeros_like(inputs), inputs)
    return dropped / keep


# --- Dropout ----------------------------------------------------------------------------------------


class WithKerasRandom(keras.Layer):
    """`keras.random.dropout` does it all."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(rate, str) or not 0 <= rate <= 1:
            raise ValueError(f"Expected a rate between 0 and 1. Received: {rate}")
        if noise_shape is not None:
            noise_shape = self.as_tuple(noise_shape)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @staticmethod
    def as_tuple(noise_shape):
        is_list = isinstance(noise_shape, (list, tuple))
        if is_list and all(n is None or (type(n) is int and n > 0) for n in noise_shape):
            return tuple(noise_shape)
        raise ValueError(f"Expected positive integers or None. Received: {noise_shape}")

    def call(self, inputs, training=None):
        if training:
            return keras.random.dropout(inputs, self.rate, self.noise_shape, seed=self.generator)
        return inputs

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["seeds"] = self.generator.state

    def load_own_variables(self, store):
        self.generator.state.assign(store["seeds"])

    def get_config(self):
        config = super().get_config()
        config.update(rate=self.rate, seed=self.seed, noise_shape=self.noise_shape)
        return config


class ByHand(WithKerasRandom):
    """Draws a mask by `kept`, and multiplies with it."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        if "float" not in keras.backend.standardize_dtype(inputs.dtype):
            raise TypeError("integers cannot be scaled")
        if self.rate >= 1:
            return inputs * 0
        kept = ops.cast(self.kept(self.shape(inputs)), inputs.dtype)
        return inputs * ops.broadcast_to(kept, ops.shape(inputs)) / (1 - self.rate)

    def shape(self, inputs):
        sizes = list(ops.shape(inputs))
        for axis, size in enumerate(self.noise_shape or ()):
            if size is not None:
                sizes[axis] = size
        return tuple(sizes)

    def kept(self, shape):
        return keras.random.uniform(shape, seed=self.generator) < 1 - self.rate


class WithBinomial(ByHand):
    """Each fate is one throw of a coin."""

    def kept(self, shape):
        counts = keras.random.binomial(
            shape, ops.ones(()), ops.convert_to_tensor(1.0 - self.rate), seed=self.generator
        )
        return ops.not_equal(counts, 0)


class WithNormalNumbers(ByHand):
    """Normal numbers below their own quantile."""

    def kept(self, shape):
        quantile = ops.erfinv(2 * ops.convert_to_tensor(1.0 - self.rate) - 1) * 2**0.5
        return keras.random.normal(shape, seed=self.generator) <= quantile


class WithTensorFlow(ByHand):
    """TensorFlow's stateless numbers, seeded by Keras's generator."""

    def kept(self, shape):
        seed = tf.cast(self.generator.next(), tf.int32)
        return tf.random.stateless_uniform(shape, seed=seed) > self.rate


class WithIntegers(ByHand):
    """Integers below 2**30, compared with the rate's share of it."""

    def kept(self, shape):
        numbers = keras.random.randint(shape, 0, 2**30, seed=self.generator)
        return numbers >= int(self.rate * 2**30)


class KerasWithAMemory(keras.layers.Dropout):
    """Keras's own, which forgets where its masks were."""

    def save_own_variables(self, store):
        store["0"] = self.seed_generator.state

    def load_own_variables(self, store):
        self.seed_generator.state.assign(store["0"])


# --- drops_independently ----------------------------------------------------------------------------


def _masks(layer_class, calls=2, examples=40, units=50):
    layer = layer_class(0.5)
    inputs = np.ones((examples, units), "float32")
    return np.array([np.asarray(layer(inputs, training=True)) == 0 for _ in range(calls)])


def by_repetitions(layer_class):
    """Counts masks that come twice."""
    masks = _masks(layer_class)
    rows, columns = masks.reshape(-1, 50), np.moveaxis(masks, 2, 0).reshape(50, -1)
    return all(len(np.unique(each, axis=0)) == len(each) for each in (rows, columns))


def by_correlation(layer_class):
    one, other = _masks(layer_class).astype("float64") - 0.5
    calls = abs(np.mean(4 * one * other))
    examples = abs(np.mean(4 * one[::2] * one[1::2]))
    units = abs(np.mean(4 * one[:, ::2] * one[:, 1::2]))
    return bool(max(calls, examples, units) < 0.25)


def with_assertions(layer_class):
    first, second = _masks(layer_class)
    try:
        assert not np.array_equal(first, second)
        for row, following in zip(first, first[1:], strict=False):
            assert not np.array_equal(row, following)
        assert all(0 < row.sum() < row.size for row in first)
    except AssertionError:
        return False
    return True


def by_variances(layer_class):
    """Means over examples, over units and over calls all lie near one half."""
    masks = _masks(layer_class, calls=12).astype("float64")
    spreads = [np.mean((masks.mean(axis) - 0.5) ** 2) * masks.shape[axis] for axis in range(3)]
    return all(spread < 0.5 for spread in spreads)


ANSWERS = {
    "inverted_dropout": [by_a_product, mask_scaled_first, by_tensorflow, dropped_first],
    "Dropout": [
        WithKerasRandom,
        ByHand,
        WithBinomial,
        WithNormalNumbers,
        WithTensorFlow,
        WithIntegers,
        KerasWithAMemory,
    ],
    "drops_independently": [by_repetitions, by_correlation, with_assertions, by_variances],
}
