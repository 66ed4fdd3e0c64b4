"""Gradients by automatic differentiation, to hold gradients worked out by hand against."""

from collections.abc import Callable
from typing import Any

import numpy as np

from utils.quiet import tensorflow as tf


def backpropagate(
    layer: Callable[..., Any],
    inputs: np.ndarray,
    output_gradient: np.ndarray,
    **call_arguments: Any,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The gradients that `layer` passes back for a gradient that arrives at its output.

    They are those of `sum(layer(inputs) * output_gradient)`.

    Args:
        layer: a built Keras layer, or a function of one tensor.
        inputs: array of any shape.
        output_gradient: array of the shape of the layer's output.
        call_arguments: passed on to the layer, as `training=True`.

    Returns:
        The gradient with respect to the inputs (their shape), and a list with the gradient for each of
        the layer's trainable weights, in their order (empty for a function).
    """
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, **call_arguments)
        total = tf.reduce_sum(outputs * tf.cast(output_gradient, outputs.dtype))
    weights = [weight.value for weight in getattr(layer, "trainable_weights", [])]
    gradient, weight_gradients = tape.gradient(
        total, (inputs, weights), unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return gradient.numpy(), [each.numpy() for each in weight_gradients]
