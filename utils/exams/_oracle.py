"""Inputs on which mistakes show, and a learner's layer beside Keras's with the same random weights."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate, Observation, see


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


def kept_shape(layer: keras.Layer, *sizes: int) -> Iterator[Observation]:
    """The sizes of the output for a symbolic input of `(None, *sizes)`: they should be the same."""
    right, given = ["None", *map(str, sizes)], f"a symbolic input {(None, *sizes)}"
    output = layer(keras.Input(sizes))
    yield see("list of the output's sizes", [str(size) for size in output.shape], right, given)
    if type(layer).compute_output_shape is not keras.Layer.compute_output_shape:
        received = [str(size) for size in layer.compute_output_shape((None, *sizes))]
        yield see("list from compute_output_shape", received, right, f"{(None, *sizes)}")


def same_after_a_file(layer: keras.Layer, inputs: np.ndarray) -> Iterator[Observation]:
    """Whether the output in inference is the same after a way through a file."""
    loaded = reloaded(layer, inputs.shape)
    is_same = np.array_equal(loaded(inputs, training=False), layer(inputs, training=False))
    given = "a model with this layer, saved and loaded"
    yield see("claim that the output is the same bit for bit", is_same, True, given)


def uses_of_arguments(
    candidate: Candidate, input_shape: tuple, **initial: float
) -> Iterator[Observation]:
    """What becomes of initializers, and of the regularizers and constraints of beta and gamma.

    Args:
        initial: a number for the initializer of each weight.
    """
    initializers = {
        f"{name}_initializer": keras.initializers.Constant(value) for name, value in initial.items()
    }
    layer = candidate(
        **initializers,
        beta_regularizer=keras.regularizers.L2(0.5),
        gamma_regularizer=keras.regularizers.L1(0.25),
        beta_constraint=keras.constraints.MaxNorm(0.7),
        gamma_constraint="non_neg",
    )
    layer.build(input_shape)
    size = input_shape[-1]
    for name, value in initial.items():
        right = np.full(size, value, "float32")
        given = f"{name}_initializer=Constant({value})"
        yield see(f"initial {name}", weight(layer, name), right, given)
    losses = sorted([0.5 * size * initial["beta"] ** 2, 0.25 * size * initial["gamma"]])
    given = f"beta_regularizer=L2(0.5), gamma_regularizer=L1(0.25) and {size} features"
    yield see("layer.losses", sorted(float(loss) for loss in layer.losses), losses, given)
    for name, right in (("beta", "MaxNorm"), ("gamma", "NonNeg")):
        yield see(f"constraint of {name}", type(weight(layer, name).constraint).__name__, right)


def outcome(call: Callable[[], Any]) -> str:
    """The name of Python's exception that `call` raises, as it is or derived; or "no error"."""
    try:
        call()
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        return kinds[0]
    return "no error"
