"""Signal and gradient diagnostics, answered in other ways."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def with_numpy(model, inputs):
    rows = []
    for layer in model.layers:
        inputs = np.array(layer(inputs))
        rows.append([inputs.mean(), inputs.std()])
    return np.array(rows)


def with_one_model(model, inputs):
    """A model that gives out what every layer gives."""
    outputs = keras.Model(model.inputs, [layer.output for layer in model.layers])(inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return np.stack([(ops.mean(each), ops.sqrt(ops.var(each))) for each in outputs])


def filling_an_array(model, inputs):
    statistics = np.zeros((len(model.layers), 2))
    signal = tf.convert_to_tensor(inputs)
    for row, layer in enumerate(model.layers):
        signal = layer(signal)
        mean, variance = tf.nn.moments(tf.reshape(signal, [-1]), axes=0)
        statistics[row] = mean, tf.sqrt(variance)
    return statistics


def by_variable_names(model, inputs, labels):
    kernels = [v.value for v in model.trainable_variables if v.name == "kernel"]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(labels, model(inputs, training=False))
    return np.array([tf.norm(gradient).numpy() for gradient in tape.gradient(value, kernels)])


def with_tensorflow(model, inputs, labels):
    with tf.GradientTape() as tape:
        logits = model(inputs)
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )
    variables = model.trainable_variables
    found = zip(variables, tape.gradient(loss, variables), strict=True)
    norms = [np.linalg.norm(gradient) for variable, gradient in found if len(variable.shape) == 2]
    return np.array(norms)


def one_hot(model, inputs, labels):
    """Cross-entropy written out, and one tape asked again and again."""
    kernels = [layer.kernel for layer in model.layers if getattr(layer, "kernel", None) is not None]
    with tf.GradientTape(persistent=True) as tape:
        logits = model(inputs)
        wanted = ops.one_hot(labels, logits.shape[-1])
        loss = -ops.mean(ops.sum(wanted * ops.log_softmax(logits), axis=-1))
    squares = [ops.sum(ops.square(tape.gradient(loss, kernel.value))) for kernel in kernels]
    return np.sqrt(np.array(squares))


class UnknownActivation(ValueError):
    """A ValueError with a name of its own."""


def with_branches(fan_in, activation):
    if activation == "relu":
        return math.sqrt(2 / fan_in)
    if activation in ("linear", "tanh"):
        return 1 / math.sqrt(fan_in)
    raise UnknownActivation(f"known are relu, linear and tanh, not {activation}")


def with_match(fan_in, activation):
    match activation:
        case "relu":
            variance = 2.0 / fan_in
        case "linear" | "tanh":
            variance = 1.0 / fan_in
        case _:
            raise ValueError(f"Expected 'linear', 'tanh' or 'relu'. Received: {activation!r}.")
    return variance**0.5


def with_keras(fan_in, activation):
    """The spread that Keras's own initializer uses."""
    known = {"linear": 1.0, "tanh": 1.0, "relu": 2.0}
    try:
        scale = known[activation]
    except KeyError:
        raise ValueError(f"{activation!r} is not one of {sorted(known)}") from None
    initializer = keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")
    return np.float32(np.sqrt(initializer.scale / fan_in))


ANSWERS = {
    "activation_statistics": [with_numpy, with_one_model, filling_an_array],
    "gradient_norms": [by_variable_names, with_tensorflow, one_hot],
    "initial_scale": [with_branches, with_match, with_keras],
}
