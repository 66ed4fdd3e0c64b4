# Made from the sources named below by `python3 course.py build`, checksum c5155e23669ba29d
"""The blocks of the course in `diagnostics`, as its lessons solve them.

activation_statistics: solutions/02_why_deep_nets_stall.py
gradient_norms: solutions/02_why_deep_nets_stall.py
initial_scale: solutions/02_why_deep_nets_stall.py
"""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf


def activation_statistics(model, inputs):
    """Return mean and standard deviation of what each layer gives out.

    Args:
        model: a built `keras.Sequential`.
        inputs: `(batch, features)`.

    Returns: array `(num_layers, 2)`. Column 0: means. Column 1: standard deviations.
    """
    statistics = []
    for layer in model.layers:
        inputs = layer(inputs)
        statistics.append((ops.mean(inputs), ops.std(inputs)))
    return np.array(statistics)


def gradient_norms(model, inputs, labels):
    """Return the norm of the loss's gradient for each kernel of a classifier.

    The loss is `mean(sparse_categorical_crossentropy(labels, logits))`.

    Args:
        model: a built `keras.Sequential` of dense layers whose last one gives logits. Layers
            without a kernel are passed over.
        inputs: `(batch, features)`.
        labels: integers `(batch,)`.

    Returns: array `(num_kernels,)`, from the first layer to the last.
    """
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, model(inputs), from_logits=True
        )
        loss = ops.mean(losses)
    return np.array([ops.norm(gradient) for gradient in tape.gradient(loss, kernels)])


def initial_scale(fan_in, activation):
    """Return the standard deviation of random weights that keeps the signal's size.

    `sqrt(gain / fan_in)` with gain 2 for "relu" and 1 for "linear" and "tanh".

    Args:
        fan_in: int > 0. Number of inputs of a unit.
        activation: "linear", "tanh" or "relu".

    Raises:
        ValueError: the activation is not one of these.

    Reference: He et al., 2015, Delving deep into rectifiers, for "relu"; LeCun et al., 1998,
        Efficient BackProp, and Glorot & Bengio, 2010, for the others.
    """
    gains = {"linear": 1.0, "tanh": 1.0, "relu": 2.0}
    if activation not in gains:
        raise ValueError(
            f"`activation` must be one of {', '.join(gains)}. Received: activation={activation!r}."
        )
    return np.sqrt(gains[activation] / fan_in)
