"""Right answers to the exercise on Monte Carlo dropout."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf


def _normalizations(model):
    """All batch normalizations of a model, whoever wrote them: they have a moving mean."""
    return [layer for layer in model._flatten_layers() if hasattr(layer, "moving_mean")]


def freezes_for_a_while(model, inputs, num_passes=50):
    """Freezes batch normalization in the model itself, and gives back what was trainable."""
    normalizations = _normalizations(model)
    before = [layer.trainable for layer in normalizations]
    try:
        for layer in normalizations:
            layer.trainable = False
        passes = [np.asarray(model(inputs, training=True)) for _ in range(num_passes)]
    finally:
        for layer, trainable in zip(normalizations, before, strict=True):
            layer.trainable = trainable
    return np.mean(passes, axis=0), np.std(passes, axis=0)


def one_large_batch(model, inputs, num_passes=50):
    """All passes in one batch: each copy of an example has a mask of its own."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in _normalizations(copy):
        layer.trainable = False
    many = np.concatenate([np.asarray(inputs)] * num_passes)
    outputs = ops.convert_to_numpy(copy(many, training=True))
    passes = outputs.reshape(num_passes, len(inputs), *outputs.shape[1:])
    return passes.mean(0), passes.std(0)


def while_it_goes(model, inputs, num_passes=50):
    """Sums and sums of squares, pass by pass, in a compiled function."""
    copy = keras.models.clone_model(model)
    copy.trainable = False
    copy.set_weights(model.get_weights())
    step = tf.function(lambda x: copy(x, training=True), autograph=False)
    total = squares = 0.0
    for _ in range(num_passes):
        outputs = np.asarray(step(tf.convert_to_tensor(inputs)), "float64")
        total, squares = total + outputs, squares + outputs**2
    mean = total / num_passes
    return mean, np.sqrt(np.maximum(squares / num_passes - mean**2, 0))


def as_tensors(model, inputs, num_passes=50):
    """A list of two tensors."""
    copy = keras.models.clone_model(model)
    for mine, theirs in zip(copy.weights, model.weights, strict=True):
        mine.assign(theirs)
    copy.trainable = False
    passes = tf.stack([copy(inputs, training=True) for _ in range(num_passes)], axis=-1)
    return [tf.reduce_mean(passes, -1), tf.math.reduce_std(passes, -1)]


ANSWERS = {"monte_carlo": [freezes_for_a_while, one_large_batch, while_it_goes, as_tensors]}
