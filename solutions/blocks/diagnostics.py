# Made from the sources named below by `python3 course.py build`, checksum e220bf2f30258276
"""The blocks of the course in `diagnostics`, as its lessons solve them.

activation_statistics: solutions/02_why_deep_nets_stall.py
gradient_norms: solutions/02_why_deep_nets_stall.py
initial_scale: solutions/02_why_deep_nets_stall.py
contrast: solutions/15_together.py
confidence_interval: solutions/15_together.py
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


def contrast(values, **weights):
    """A contrast of a factorial experiment, for each seed.

    The sum of `w_1[i] * w_2[j] * … * values[i, j, …, seed]` over the levels of all factors. A
    factor that is not named is averaged over: all its weights are 1 / number of levels.

    Args:
        values: `NamedArray`, an axis for each factor and "seed" as the last.
        weights: factor -> a number for each of its levels, as `dropout=[-1, 1]` for a main effect,
            and with a second factor for an interaction.

    Returns: array `(seeds,)`.

    Raises:
        ValueError: a name is not that of a factor.
    """
    results = values.values  # (levels of the first factor, levels of the second, …, seeds)
    factors = {name: levels for name, levels in values.axes.items() if name != "seed"}
    if not weights.keys() <= factors.keys():
        raise ValueError(f"Factors are {list(factors)}. Received: {list(weights)}.")
    for factor, levels in factors.items():
        factor_weights = weights.get(factor, np.full(len(levels), 1 / len(levels)))
        results = np.tensordot(factor_weights, results, axes=1)
    return results


def confidence_interval(values):
    """The mean of a few independent values, and half the width of its 95 % confidence interval.

    Half the width is Student's quantile times the standard error: the standard deviation, which
    divides by n - 1, over the root of n.

    Args:
        values: list or array of n numbers, n from 2 to 10.

    Returns: `(mean, half_width)`.
    """
    # Student's t for n - 1 degrees of freedom: 97.5 % lie below.
    quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]
    quantile = quantiles[len(values) - 2]
    mean = np.mean(values)
    standard_error = np.std(values, ddof=1) / np.sqrt(len(values))
    return mean, quantile * standard_error
