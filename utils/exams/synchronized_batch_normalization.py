"""The exam of synchronized batch normalization: two replicas, held to Keras's layer on the joined batch."""

import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate, Exam, Mistake, Observation, see
from ._oracle import channels, normal, weight
from ._replicas import of_replica, on_replicas, two_replicas
from .batch_normalization import (
    computes_in_float32_inside,
    config_makes_it_again,
    ignores_masked_positions,
    normalizes_along_any_axis,
    refuses_a_mask_of_the_wrong_rank,
    survives_a_mask_that_hides_everything,
    training_moves_the_statistics,
    works_inside_a_compiled_function,
)

STATISTICS = ("moving_mean", "moving_variance")
MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0]], "bool")
ON_BOTH = "on two replicas, training=True"


def features(*shape: int) -> np.ndarray:
    """Inputs of which some are exactly 0, as they come from a ReLU."""
    return np.maximum(channels(*shape) - 3, 0)


def set_weights(layer: keras.Layer) -> None:
    """Random weights, never initial ones; the same for every layer."""
    for place, name in enumerate(("gamma", "beta", *STATISTICS)):
        variable = weight(layer, name)
        variable.assign(normal(*variable.shape, seed=90 + place, mean=1.5, scale=0.4))


def halves(split: int, *arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """What the first and what the second replica gets of arrays with the batch in front."""
    return [tuple(array[part] for array in arrays) for part in np.s_[:split, split:]]


def joined_layer(candidate: Candidate, shape: tuple, **arguments: Any) -> keras.Layer:
    """A layer of the candidate that lives on both replicas."""
    with two_replicas().scope():
        layer = candidate(**arguments)
        layer.build((None, *shape[1:]))
        set_weights(layer)
    return layer


def as_on_one_device(
    candidate: Candidate,
    inputs: np.ndarray,
    split: int,
    given: str,
    mask: np.ndarray | None = None,
    training: bool = True,
    tolerance: float = 1e-5,
    **arguments: Any,
) -> Iterator[Observation]:
    """Outputs and statistics of both replicas, beside those of Keras's layer on the whole batch.

    Args:
        split: how many examples the first replica has.
        given: the input, in words.
        arguments: for the constructors of both.
    """
    right = keras.layers.BatchNormalization(**arguments)
    right.build(inputs.shape)
    set_weights(right)
    expected = right(inputs, training=training, mask=mask)
    layer = joined_layer(candidate, inputs.shape, **arguments)

    def replica(inputs, mask=None):
        return layer(inputs, training=training, mask=mask)

    arrays = (inputs,) if mask is None else (inputs, mask)
    outputs = on_replicas(replica, *halves(split, *arrays))
    for place, (received, wanted) in enumerate(
        zip(outputs, (expected[:split], expected[split:]), strict=True), 1
    ):
        yield see(f"output of replica {place}", received, wanted, given, tolerance)
    for name in STATISTICS:
        for place in range(2):
            received = of_replica(weight(layer, name).value, place)
            what = f"{name} on replica {place + 1}"
            yield see(what, received, weight(right, name), given, tolerance)


# --- On one device ----------------------------------------------------------------------------------


def alone_it_is_batch_normalization(candidate):
    """On one device, without a strategy, it is batch normalization."""
    inputs, layers = channels(6, 3), (candidate(), keras.layers.BatchNormalization())
    for layer in layers:
        layer.build((None, 3))
        set_weights(layer)
    for training in (True, False):
        received, expected = (layer(inputs, training=training) for layer in layers)
        given = f"inputs of shape (6, 3), training={training}, one device"
        yield see("output", received, expected, given)


# --- On two -----------------------------------------------------------------------------------------


def replicas_share_statistics(candidate):
    """Every replica normalizes by the mean and variance of the joined batch, and remembers those."""
    given = f"inputs of shape (6, 3), three examples on each replica, {ON_BOTH}"
    yield from as_on_one_device(candidate, features(6, 3), 3, given, momentum=0.5)


def replicas_of_unequal_size(candidate):
    """Every example counts alike, also where one replica has more of them."""
    given = f"inputs of shape (6, 3), five examples on one replica and one on the other, {ON_BOTH}"
    yield from as_on_one_device(candidate, channels(6, 3), 5, given, momentum=0.5)


@functools.cache
def right_gradients() -> tuple[np.ndarray, ...]:
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    set_weights(layer)
    inputs, arriving = map(tf.convert_to_tensor, (channels(6, 3), normal(6, 3, seed=5)))
    return tuple(np.array(each) for each in gradients(layer, inputs, arriving))


def gradients(layer: keras.Layer, inputs: tf.Tensor, arriving: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The gradients with respect to the inputs, gamma and beta."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(layer(inputs, training=True) * arriving)
    sources = inputs, weight(layer, "gamma").value, weight(layer, "beta").value
    return tape.gradient(total, sources, unconnected_gradients="zero")


def gradients_cross_the_replicas(candidate):
    """Gradients flow through the joined statistics, to the inputs of both replicas."""
    layer = joined_layer(candidate, (None, 3))
    parts = halves(4, channels(6, 3), normal(6, 3, seed=5))
    one, other = on_replicas(lambda *arrays: gradients(layer, *arrays), *parts)
    given = f"inputs of shape (6, 3), four examples on one replica and two on the other, {ON_BOTH}"
    right, *right_of_weights = right_gradients()
    received = np.concatenate([one[0], other[0]])
    yield see("gradient with respect to the inputs", received, right, given)
    for name, *parts, expected in zip(
        ("gamma", "beta"), one[1:], other[1:], right_of_weights, strict=True
    ):
        yield see(f"gradient of {name}, summed", np.add(*parts), expected, given)


def masks_on_replicas(candidate):
    """With masks only what they show counts, however much that is on each replica."""
    inputs = features(5, 4, 3)
    given = f"inputs of shape (5, 4, 3) and a mask, three examples on one replica, {ON_BOTH}"
    yield from as_on_one_device(candidate, inputs, 3, given, mask=MASK, momentum=0.5)
    hidden = np.concatenate([MASK[:3], np.zeros((2, 4), "bool")])
    given = f"{given}, and everything hidden on the other"
    yield from as_on_one_device(candidate, inputs, 3, given, mask=hidden, momentum=0.5)
    one = np.zeros((5, 4), "bool")
    one[1, 2] = True
    given = f"inputs of shape (5, 4, 3) and a mask that shows one position of all, {ON_BOTH}"
    yield from as_on_one_device(candidate, inputs, 3, given, mask=one, momentum=0.5)


def replica_without_examples(candidate):
    """A replica for which a last batch leaves nothing changes nothing."""
    given = f"inputs of shape (4, 3), all on one replica, {ON_BOTH}"
    yield from as_on_one_device(candidate, channels(4, 3), 4, given, momentum=0.5)


def other_axes_on_replicas(candidate):
    """`axis` names the features' axis on replicas too."""
    given = f"axis=1, inputs of shape (4, 3, 5), {ON_BOTH}"
    yield from as_on_one_device(candidate, channels(4, 3, 5), 3, given, axis=1, momentum=0.5)


def stays_exact_on_replicas(candidate):
    """Where the mean is large beside the spread, the variance keeps its digits."""
    inputs = (1000 + normal(6, 2)).astype("float32")
    given = f"inputs of shape (6, 2) around 1,000 with a spread of 1, {ON_BOTH}"
    yield from as_on_one_device(candidate, inputs, 4, given, tolerance=1e-3)


def inference_needs_no_other_replica(candidate):
    """In inference each replica normalizes by the moving statistics, and these stay."""
    given = "inputs of shape (6, 3) on two replicas, training=False"
    yield from as_on_one_device(candidate, channels(6, 3), 4, given, training=False)


SYNCHRONIZED = Exam(
    name="SynchronizedBatchNormalization",
    block="distributed",
    probes=(
        alone_it_is_batch_normalization,
        replicas_share_statistics,
        replicas_of_unequal_size,
        stays_exact_on_replicas,
        gradients_cross_the_replicas,
        masks_on_replicas,
        replica_without_examples,
        inference_needs_no_other_replica,
        other_axes_on_replicas,
        training_moves_the_statistics,
        ignores_masked_positions,
        survives_a_mask_that_hides_everything,
        refuses_a_mask_of_the_wrong_rank,
        normalizes_along_any_axis,
        computes_in_float32_inside,
        works_inside_a_compiled_function,
        config_makes_it_again,
    ),
    mistakes=(
        Mistake(
            "not-synchronized",
            find="return all_sum(own_sum)",
            put="return own_sum",
            says="Every replica normalizes by its own batch: nothing is asked of the others. Give the "
            "sums to `all_sum`.",
        ),
        Mistake(
            "inputs-joined-first",
            find="return all_sum(own_sum)",
            put="return ops.sum(all_sum(ops.where(shown, values, 0)), axes, keepdims=True)",
            says="You add the replicas' values up position by position, which needs equally many on "
            "each. Sum over `axes` first, then join the sums.",
        ),
        Mistake(
            "joins-without-masks-only",
            find="        def joined_sum(values):",
            put="        if mask is not None:\n"
            "            return super().batch_statistics(inputs, mask)\n\n"
            "        def joined_sum(values):",
            says="With a mask every replica normalizes by its own batch. Join the sums there too.",
        ),
        Mistake(
            "mean-over-replicas",
            find="return all_sum(own_sum)",
            put="return all_sum(own_sum) / all_sum(ops.ones_like(own_sum))",
            says="You take means over the replicas, of the count as well. Where a single value is shown, "
            "your count is a fraction, and becomes 1. Join sums.",
        ),
        Mistake(
            "own-squares",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="squares = ops.where(shown, ops.square(inputs - mean), 0)\n"
            "        return mean, ops.sum(squares, axes, keepdims=True) / count",
            says="You divide the squares of one replica by the count on all of them: the variance is too "
            "small. Join the squares as well.",
        ),
        Mistake(
            "mean-of-variances",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="own_count = ops.maximum(ops.sum(ops.cast(shown, inputs.dtype), axes, keepdims=True), 1)\n"
            "        own_mean = ops.sum(ops.where(shown, inputs, 0), axes, keepdims=True) / own_count\n"
            "        return mean, joined_sum(ops.square(inputs - own_mean)) / count",
            says="You average the variances of the replicas. The variance of the joined batch is that "
            "plus the variance of their means: measure the distances from the joined mean.",
        ),
        Mistake(
            "own-variance",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="return mean, super().batch_statistics(inputs, mask)[1]",
            says="The mean is that of all replicas, the variance each replica's own. Join both.",
        ),
        Mistake(
            "own-mean",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="variance = joined_sum(ops.square(inputs - mean)) / count\n"
            "        return super().batch_statistics(inputs, mask)[0], variance",
            says="The variance is that of all replicas, the mean each replica's own. Join both.",
        ),
        Mistake(
            "average-of-averages",
            find="        mean = joined_sum(inputs) / count\n"
            "        return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="        own_count = ops.sum(ops.cast(shown, inputs.dtype), axes, keepdims=True)\n"
            "        own_count = ops.maximum(own_count, 1)\n"
            "        replicas = all_sum(ops.ones_like(own_count))\n"
            "        mean = joined_sum(inputs / own_count) / replicas\n"
            "        return mean, joined_sum(ops.square(inputs - mean) / own_count) / replicas",
            says="You average the averages of the replicas. That is right only where they have equally "
            "many values: join sums and counts, and divide once.",
        ),
        Mistake(
            "own-count",
            find="count = ops.maximum(joined_sum(ops.ones_like(inputs)), 1)",
            put="count = ops.sum(ops.cast(shown, inputs.dtype), axes, keepdims=True)\n"
            "        count = ops.maximum(count, 1)",
            says="You divide the sum over all replicas by the count of one. Join the counts as well.",
        ),
        Mistake(
            "unbiased-variance",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="return mean, joined_sum(ops.square(inputs - mean)) / ops.maximum(count - 1, 1)",
            says="Your variance divides by n - 1. Keras, like the paper, divides by n.",
        ),
        Mistake(
            "gradient-stops-at-the-border",
            find="return all_sum(own_sum)",
            put="return all_sum(ops.stop_gradient(own_sum))",
            says="Outputs are right, gradients are not: none flows through the joined sums. `all_sum` "
            "passes gradients on if it is given the tensor itself.",
        ),
        Mistake(
            "gradient-of-its-own-only",
            find="return all_sum(own_sum)",
            put="return own_sum + ops.stop_gradient(all_sum(own_sum) - own_sum)",
            says="Outputs are right, gradients are not: what the outputs of one replica owe to the "
            "inputs of the other is missing. Let the gradient pass through `all_sum`.",
        ),
        Mistake(
            "variance-detached",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="return mean, ops.stop_gradient(joined_sum(ops.square(inputs - mean)) / count)",
            says="Outputs are right, gradients are not: none flows through the variance.",
        ),
        Mistake(
            "mean-detached",
            find="        mean = joined_sum(inputs) / count\n"
            "        return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="        mean = ops.stop_gradient(joined_sum(inputs) / count)\n"
            "        return mean, joined_sum(ops.square(inputs - mean)) / count",
            says="Outputs are right, gradients are not: none flows through the mean.",
        ),
        Mistake(
            "counted-as-a-mean",
            find="mean = joined_sum(inputs) / count",
            put="mean = joined_sum(inputs) / all_sum(ops.ones_like(count)) / count",
            says="You divide the joined mean by the number of replicas as well. The sum over all "
            "replicas, divided by the count on all of them, is the mean already.",
        ),
        Mistake(
            "moving-statistics-of-each-replica",
            find="        return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="        self.own = super().batch_statistics(inputs, mask)\n"
            "        return mean, joined_sum(ops.square(inputs - mean)) / count\n\n"
            "    def follow(self, moving, batch_value):\n"
            "        super().follow(moving, self.own[moving is self.moving_variance])",
            says="Outputs are right, but the moving statistics follow each replica's own batch, so that "
            "the replicas drift apart.",
        ),
        Mistake(
            "synchronizes-in-inference",
            find="        return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="        return mean, joined_sum(ops.square(inputs - mean)) / count\n\n"
            "    def call(self, inputs, training=None, mask=None):\n"
            "        return super().call(inputs, training=True, mask=mask)",
            says="You measure the batch in inference too. There the moving statistics normalize, and "
            "no replica needs another.",
        ),
        Mistake(
            "one-pass",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="return mean, joined_sum(ops.square(inputs)) / count - ops.square(mean)",
            says="mean(square(x)) - square(mean(x)) loses its digits where the mean is large beside the "
            "spread. Join the mean first, then sum square(x - mean).",
        ),
        Mistake(
            "mask-ignored",
            find="ops.where(shown, values, 0)",
            put="values",
            says="The mask has no effect: masked positions count. Sum what is shown.",
        ),
        Mistake(
            "mask-ignored-in-the-variance",
            find="joined_sum(ops.square(inputs - mean))",
            put="all_sum(ops.sum(ops.square(inputs - mean), axes, keepdims=True))",
            says="The squares of masked positions enter your variance. Sum what is shown there too.",
        ),
        Mistake(
            "mask-upside-down",
            find="ops.where(shown, values, 0)",
            put="ops.where(shown, 0, values)",
            says="You sum what the mask hides. `shown` is true where a value counts.",
        ),
        Mistake(
            "masked-count",
            find="joined_sum(ops.ones_like(inputs))",
            put="all_sum(ops.sum(ops.ones_like(inputs), axes, keepdims=True))",
            says="You leave masked positions out of the sums and still count them. Count what is shown.",
        ),
        Mistake(
            "count-of-all-features",
            find="count = ops.maximum(joined_sum(ops.ones_like(inputs)), 1)",
            put="count = ops.maximum(ops.sum(joined_sum(ops.ones_like(inputs))), 1)",
            says="You divide by the number of values of all features together. Each has its own count.",
        ),
        Mistake(
            "count-of-replicas",
            find="count = ops.maximum(joined_sum(ops.ones_like(inputs)), 1)",
            put="count = all_sum(ops.ones_like(ops.sum(inputs, axes, keepdims=True)))",
            says="You divide by the number of replicas. Divide by the number of values on all of them.",
        ),
        Mistake(
            "divides-by-zero",
            find="ops.maximum(joined_sum(ops.ones_like(inputs)), 1)",
            put="joined_sum(ops.ones_like(inputs))",
            says="Where masks hide everything on all replicas, you divide 0 by 0. Let the count be at "
            "least 1.",
        ),
        Mistake(
            "own-count-at-least-one",
            find="            return all_sum(own_sum)\n\n"
            "        count = ops.maximum(joined_sum(ops.ones_like(inputs)), 1)",
            put="            return all_sum(own_sum)\n\n"
            "        own_count = ops.sum(ops.cast(shown, inputs.dtype), axes, keepdims=True)\n"
            "        count = all_sum(ops.maximum(own_count, 1))",
            says="A replica that shows nothing still counts as one value. Join the counts first, and "
            "let the joined one be at least 1.",
        ),
        Mistake(
            "batch-axis-only",
            find="axes = [axis for axis in range(rank) if axis != self.axis % rank]",
            put="axes = [0]",
            says="You sum over the batch alone. With more axes than two, sum over all but `axis`.",
        ),
        Mistake(
            "axes-dropped",
            find="keepdims=True",
            put="keepdims=False",
            says="Your sums lose the axes they are taken over, and fit the inputs no longer where the "
            "features' axis is not the last. Keep the axes: `keepdims=True`.",
        ),
        Mistake(
            "axis-ignored",
            find="axes = [axis for axis in range(rank) if axis != self.axis % rank]",
            put="axes = [axis for axis in range(rank) if axis != rank - 1]",
            says="You keep the last axis, whatever `axis` says. Keep the axis it names.",
        ),
        Mistake(
            "standard-deviation",
            find="return mean, joined_sum(ops.square(inputs - mean)) / count",
            put="return mean, ops.sqrt(joined_sum(ops.square(inputs - mean)) / count)",
            says="You return the standard deviation. The variance is asked for: leave out the root.",
        ),
        Mistake(
            "absolute-distance",
            find="ops.square(inputs - mean)",
            put="ops.abs(inputs - mean)",
            says="You average the distances from the mean. Average their squares.",
        ),
    ),
    hints=(
        "Averages of the replicas cannot be joined by averaging them, where one has seen more than "
        "another. What can be added up? The mean is a sum divided by a count.",
        "`joined_sum`: zero where a value does not count (`ops.where`), summed over `axes` with "
        "`keepdims=True`, then `all_sum`. The count is the `joined_sum` of ones.",
        "The variance needs the joined mean: first that, then a second `joined_sum`, of the squared "
        "distances from it.",
    ),
    why="Sums and counts can be added up over replicas, averages cannot. A replica that shows nothing adds "
    "0 to both. The mean is joined before the squares are taken: two rounds of messages, where Keras's "
    "`synchronized=True` takes the difference of two large numbers after one. The gradient needs no care: "
    "that of a sum over all replicas is again a sum over all replicas, and TensorFlow knows it.",
)

EXAMS = (SYNCHRONIZED,)
