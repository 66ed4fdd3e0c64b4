"""Probes of layers that put chance into their inputs in training, whatever it is that chance does.

A layer is made as `candidate(0.5)`: the number is its rate, or the standard deviation of its noise. On
inputs of ones the outputs are the noise itself. Where chance decides whether a right answer passes, a
comment says how likely it is refused; it speaks of fair coins, since noise of normal numbers is alike
still less often. `tests/test_dropout.py` and `tests/test_dropout_family.py` compute it.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf

from ._exam import Probe, see
from ._oracle import normal, outcome

BATCH = (64, 64)  # examples and units of most inputs
IMAGES = (64, 2, 3, 4)
REFUSALS = ("ValueError", "TypeError")


def using(probe: Probe, **settings: Any) -> Probe:
    """The same probe with other settings than its own."""
    return functools.update_wrapper(functools.partial(probe, **settings), probe)


def on(shape: tuple, *probes: Probe) -> tuple[Probe, ...]:
    """The same probes with inputs of another shape."""
    return tuple(using(probe, shape=shape) for probe in probes)


def numbers(values: Any) -> np.ndarray:
    """An array of Keras's, as float64."""
    return np.asarray(ops.convert_to_numpy(ops.cast(values, "float64")))


def noise(layer: Callable, *shape: int) -> np.ndarray:
    """What a training call makes of ones."""
    return numbers(layer(np.ones(shape, "float32"), training=True))


def traced(layer: Callable, *sizes: int | None) -> Callable:
    """`layer` in training, inside a `tf.function` that knows these sizes of its inputs, or None."""
    signature = [tf.TensorSpec(sizes, "float32")]
    return tf.function(
        lambda x: layer(x, training=True), input_signature=signature, autograph=False
    )


def factors(outputs: Any, inputs: Any) -> np.ndarray:
    """By what the inputs have been multiplied: the different factors, rounded."""
    return np.unique(np.round(numbers(outputs) / numbers(inputs), 4) + 0.0)


def different(values: np.ndarray, axis: int) -> int:
    """How many different patterns an array shows along an axis, one for each position there."""
    return len({pattern.tobytes() for pattern in np.moveaxis(values, axis, 0)})


def shared_axes(values: np.ndarray) -> str:
    """The axes along which nothing changes."""
    return str([axis for axis in range(values.ndim) if np.ptp(values, axis=axis).max() < 1e-5])


def few(values: np.ndarray) -> np.ndarray | str:
    """These different values, or in a few words that chance has no part in."""
    return values if len(values) < 6 else "many different numbers"


# --- When, and how often anew -----------------------------------------------------------------------


def returns_something(candidate):
    """A call returns its outputs, in training as in inference."""
    for training in (True, False):
        outputs = candidate(0.5)(np.ones((2, 2), "float32"), training=training)
        received = None if outputs is None else "something"
        yield see("output", received, "something", f"Layer(0.5), training={training}")


def rests_in_inference(candidate, shape=BATCH):
    """In inference, and without a word about training, the inputs pass unchanged."""
    inputs = normal(*shape)
    for arguments in ({"training": False}, {}):
        given = f"Layer(0.4), {'training=False' if arguments else 'no word about training'}"
        outputs = candidate(0.4)(inputs, **arguments)
        found = few(factors(outputs, inputs))
        yield see("list of factors, output / input,", found, [1.0], given)
        unchanged = np.array_equal(numbers(outputs), numbers(inputs))
        yield see("claim that outputs are the inputs, bit for bit", unchanged, True, given)


def draws_for_every_unit_of_every_example(candidate):
    """Each unit of each example is drawn for on its own."""
    # Two of 64 rows or columns of 64 fair coins alike: 2 * 2016 / 2**64 < 1e-15; images are fewer.
    drawn = noise(candidate(0.5), *BATCH)
    given = "inputs of shape (64, 64), Layer(0.5)"
    examples = different(drawn, 0)
    yield see("number of examples with noise of their own", examples, 64, given)
    if examples < 64:
        return  # how many units are then alike is a matter of chance
    units = different(drawn, 1)
    yield see("number of units with noise of their own", units, 64, given)
    if units < 64:
        return  # such noise may not even fit images
    drawn = noise(candidate(0.5), *IMAGES)
    given = "inputs of shape (64, 2, 3, 4), Layer(0.5)"
    units = different(drawn.reshape(64, -1), 1)
    yield see("number of units with noise of their own", units, 24, given)


def draws_anew_at_every_call(candidate, shape=BATCH):
    """Every training call draws anew."""
    # Two of four draws of 1,000 fair coins or more alike: 6 / 2**1000.
    for seed in (None, 5):
        layer = candidate(0.5, seed=seed)
        drawn = np.array([noise(layer, *shape) for _ in range(4)])
        given = f"Layer(0.5, seed={seed}), four calls"
        yield see("number of different outputs", different(drawn, 0), 4, given)


def draws_anew_in_a_compiled_function(candidate, shape=BATCH):
    """Inside `tf.function`, with the batch's size unknown, every training call draws anew too."""
    # As above.
    call = traced(candidate(0.5), None, *shape[1:])
    drawn = np.array([numbers(call(tf.ones(shape))) for _ in range(4)])
    given = f"inputs of shape {(None, *shape[1:])} in tf.function, four calls"
    yield see("number of different outputs", different(drawn, 0), 4, given)


def repeats_itself_by_its_seed(candidate, shape=BATCH):
    """The same seed draws the same, call after call; another seed, or none, draws otherwise."""
    # Keras draws a missing seed from 10**9 numbers: three times the same, 1e-18.
    first, again, other = (candidate(0.5, seed=seed) for seed in (5, 5, 6))
    pairs = [(noise(first, *shape), noise(again, *shape)) for _ in range(2)]
    alike = all(np.array_equal(*pair) for pair in pairs)
    yield see("claim that their outputs are the same", alike, True, "two layers with seed=5")
    is_other = not np.array_equal(pairs[0][0], noise(other, *shape))
    yield see("claim that their outputs differ", is_other, True, "seed=5 and seed=6")
    drawn = np.array([noise(candidate(0.5), *shape) for _ in range(3)])
    given = "three layers without a seed"
    yield see("claim that their outputs differ", different(drawn, 0) > 1, True, given)


def shares_by_its_noise_shape(candidate):
    """Where `noise_shape` is 1 units are drawn for together; None stands for the inputs' own size."""
    # 64 fair coins that all fall alike: 2**-63; other axes have more.
    sizes, found = (64, 40, 50), "list of axes along which nothing changes"
    for noise_shape, right in (
        ((None, 1, None), "[1]"),
        ([64, 1, 50], "[1]"),
        ((1, None, None), "[0]"),
        ((None, 1, 1), "[1, 2]"),
    ):
        received = shared_axes(noise(candidate(0.5, noise_shape=noise_shape), *sizes))
        yield see(found, received, right, f"{noise_shape=}, inputs of ones of shape {sizes}")
    for noise_shape in ((None, 1, None), (64, 1, 50)):
        call = traced(candidate(0.5, noise_shape=noise_shape), None, None, 50)
        given = f"{noise_shape=}, inputs of ones of shape (None, None, 50) in tf.function"
        yield see(found, shared_axes(numbers(call(tf.ones(sizes)))), "[1]", given)


def works_when_frozen(candidate, shape=BATCH):
    """`trainable = False` makes no difference: there is nothing to train, and it works as before."""
    # 1,000 fair coins that all fall alike: 2**-999.
    layer = candidate(0.5)
    layer.trainable = False
    is_working = len(np.unique(noise(layer, *shape))) > 1
    yield see("claim that it works", is_working, True, "trainable = False, training=True")


# --- What it is told, and what it hands on ----------------------------------------------------------


def keeps_the_dtype(candidate, shape=BATCH):
    """Outputs have the dtype of the layer's policy."""
    for policy, dtype in (
        ("mixed_float16", "float16"),
        ("mixed_bfloat16", "bfloat16"),
        ("float64", "float64"),
    ):
        layer = candidate(0.5, dtype=policy)
        for training in (True, False):
            outputs = layer(ops.cast(np.ones(shape), dtype), training=training)
            received = keras.backend.standardize_dtype(outputs.dtype)
            given = f"dtype={policy!r}, training={training}"
            yield see("dtype of the output", received, dtype, given)


def refuses_integers(candidate, shape=(2, 2)):
    """Integers pass in inference, and are refused in training, where they would become fractions."""
    inputs = ops.ones(shape, "int32")
    yield see("output", candidate(0.5)(inputs), inputs, "integers, no word about training")
    error = outcome(lambda: candidate(0.5)(inputs, training=True))
    given = "integers and training=True"
    yield see("claim that the call is refused", error != "no error", True, given)


def refuses_what_is_no_share(candidate, name="rate"):
    """A number below 0 or above 1, NaN, and text are refused."""
    for number in (-0.5, 1.5, float("nan")):
        error = outcome(lambda number=number: candidate(number))
        yield see("`__init__`", error, "ValueError", f"{name}={number}")
    refused = outcome(lambda: candidate("0.5")) in REFUSALS
    yield see("claim that it is refused", refused, True, f"{name}='0.5'")


def passes_masks_on(candidate):
    """The layer supports masking: the mask of its inputs reaches the next layer."""
    yield see("supports_masking", candidate(0.5).supports_masking, True)


def config_makes_it_again(candidate, **arguments):
    """`get_config` holds every argument; `from_config` makes the same layer again."""
    arguments = {**arguments, "seed": 11, "name": "mine"}
    config = candidate(**arguments).get_config()
    yield see("list of keys that get_config lacks", [k for k in arguments if k not in config], [])
    again = candidate.from_config(dict(config)).get_config()
    for key, right in arguments.items():
        received = tuple(again[key]) if isinstance(again[key], list) else again[key]
        if key == "name" and received != right:
            received = "another one"  # with a number that counts layers
        yield see(f"{key} after from_config", str(received), str(right), f"{key}={right}")
