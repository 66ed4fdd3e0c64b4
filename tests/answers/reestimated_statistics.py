"""Right answers to the exercise on statistics measured again."""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf


def _is_normalization(layer):
    return type(layer).__name__ == "BatchNormalization"


def with_numpy(model, inputs):
    """Arrays, and the layer's own variables found by name."""
    values = np.asarray(inputs)
    for layer in model.layers:
        if _is_normalization(layer):
            features = np.moveaxis(values, layer.axis, -1).reshape(-1, values.shape[layer.axis])
            statistics = {"moving_mean": features.mean(0), "moving_variance": features.var(0)}
            for variable in layer.weights:
                if variable.name in statistics:
                    variable.assign(statistics[variable.name])
        values = ops.convert_to_numpy(layer(values))
    return model


def one_call_in_training(model, inputs):
    """Momentum and rates 0, nothing frozen, one call in training; then everything as it was."""
    changed = []
    for layer in model.layers:
        for name, value in (("momentum", 0.0), ("rate", 0.0), ("trainable", True)):
            is_meant = name != "trainable" or _is_normalization(layer)
            if hasattr(layer, name) and is_meant:
                changed.append((layer, name, getattr(layer, name)))
                setattr(layer, name, value)
    model(inputs, training=True)
    for layer, name, value in changed:
        setattr(layer, name, value)


def from_the_start_each_time(model, inputs):
    """A model of all layers before each normalization."""
    for place, layer in enumerate(model.layers):
        if hasattr(layer, "moving_variance"):
            before = tf.convert_to_tensor(inputs)
            for earlier in model.layers[:place]:
                before = earlier(before, training=False)
            axes = [*range(len(before.shape))]
            axes.pop(layer.axis)
            mean = tf.reduce_mean(before, axes, keepdims=True)
            layer.moving_variance.assign(tf.reduce_mean(tf.square(before - mean), axes))
            layer.moving_mean.assign(tf.reshape(mean, [-1]))


def in_batches(model, inputs):
    """Sums and sums of squares over batches of 50, one normalization after the other."""
    for place, layer in enumerate(model.layers):
        if not hasattr(layer, "moving_mean"):
            continue
        count, total, squares = 0, 0.0, 0.0
        for start in range(0, len(inputs), 50):
            batch = inputs[start : start + 50]
            for earlier in model.layers[:place]:
                batch = earlier(batch, training=False)
            batch = np.moveaxis(np.asarray(batch, "float64"), layer.axis, -1)
            batch = batch.reshape(-1, batch.shape[-1])
            count, total = count + len(batch), total + batch.sum(0)
            squares = squares + (batch**2).sum(0)
        layer.moving_mean.assign(total / count)
        layer.moving_variance.assign(squares / count - (total / count) ** 2)


def by_predict(model, inputs):
    """Keras models of the layers so far."""
    x = model.inputs[0]
    for layer in model.layers:
        if hasattr(layer, "moving_mean"):
            reaching = keras.Model(model.inputs, x)(inputs, training=False)
            rank = len(reaching.shape)
            axes = tuple(a for a in range(rank) if a % rank != layer.axis % rank)
            layer.moving_mean.assign(ops.mean(reaching, axes))
            layer.moving_variance.assign(ops.var(reaching, axes))
        x = layer(x)


ANSWERS = {
    "reestimate_statistics": [
        with_numpy,
        one_call_in_training,
        from_the_start_each_time,
        in_batches,
        by_predict,
    ]
}
