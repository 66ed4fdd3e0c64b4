"""Inputs on which mistakes show, and a learner's layer beside Keras's with the same random weights."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate


class MissingWeight(Exception):
    """A layer lacks a weight that its exercise names."""


def normal(*shape: int, seed: int = 0, mean: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Float32 normal numbers; another `seed`, other numbers."""
    return np.random.default_rng(seed).normal(mean, scale, shape).astype("float32")


def channels(*shape: int, seed: int = 0) -> np.ndarray:
    """Float32 numbers whose last axis has another mean and another scale in every channel."""
    spread = 0.5 + 1.5 * np.arange(shape[-1])
    return (normal(*shape, seed=seed) * spread + 3 * spread[::-1]).astype("float32")


def weight(layer: keras.Layer, name: str) -> keras.Variable:
    """The weight of `layer` called `name`, by `add_weight`'s name or as an attribute."""
    for each in layer.weights:
        if each.name == name:
            return each
    if isinstance(getattr(layer, name, None), keras.Variable):
        return getattr(layer, name)
    have = ", ".join(each.name for each in layer.weights) or "none"
    raise MissingWeight(f"Expected a weight called {name!r}. The weights after build: {have}.")


def beside_keras(
    candidate: Candidate,
    keras_class: type,
    input_shape: tuple,
    names: Sequence[str] | None = None,
    **arguments: Any,
) -> tuple[keras.Layer, keras.Layer]:
    """The learner's layer and Keras's, both built, with the same random weights (never initial ones).

    Args:
        names: the weights that the learner's layer has; all of Keras's where it is None.
        arguments: for the constructors of both.
    """
    layer, right = candidate(**arguments), keras_class(**arguments)
    layer.build(input_shape)
    right.build(input_shape)
    for place, theirs in enumerate(right.weights):
        if names is not None and theirs.name not in names:
            continue
        value = normal(*theirs.shape, seed=90 + place, mean=1.5, scale=0.4)
        theirs.assign(value)
        weight(layer, theirs.name).assign(value)
    return layer, right


def reloaded(layer: keras.Layer, input_shape: tuple) -> keras.Model:
    """A model that holds `layer`, after a way through a `.keras` file."""
    inputs = keras.Input(input_shape[1:])
    model = keras.Model(inputs, layer(inputs))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        return keras.models.load_model(file, custom_objects={type(layer).__name__: type(layer)})


def compiled(layer: keras.Layer, inputs: np.ndarray, **arguments: Any) -> tf.Tensor:
    """The output of `layer` inside a `tf.function` that does not know the inputs' sizes, save the last."""
    signature = tf.TensorSpec([None] * (inputs.ndim - 1) + [inputs.shape[-1]], inputs.dtype)
    traced = tf.function(lambda x: layer(x, **arguments)).get_concrete_function(signature)
    return traced(tf.convert_to_tensor(inputs))


def outcome(call: Callable[[], Any]) -> str:
    """The name of Python's exception that `call` raises, as it is or derived; or "no error"."""
    try:
        call()
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        return kinds[0]
    return "no error"
