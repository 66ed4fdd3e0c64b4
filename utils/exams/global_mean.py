"""The exam of lesson 17's loss: shares of a mean over a batch that is spread over replicas."""

from collections.abc import Iterator

import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate, Exam, Mistake, Observation, see
from ._oracle import normal
from ._replicas import on_replicas

LOSSES = np.array([4.0, 1.0, 7.0, 2.0, 5.0, 3.0], "float32")
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.0, 3.0, 0.25], "float32")


def shares_add_up(
    candidate: Candidate, split: int, given: str, mean: float, *arrays: np.ndarray
) -> Iterator[Observation]:
    """The sum of the shares beside the mean, and the gradient of that sum for each loss.

    Args:
        split: how many examples the first replica has.
        given: the arrays, in words.
        mean: what is right.
        arrays: losses and, where there are any, sample weights.
    """

    def replica(losses, *weights):
        with tf.GradientTape() as tape:
            tape.watch(losses)
            share = candidate(losses, *weights)
            total = tf.reduce_sum(tf.cast(share, "float32"))
        gradient = tape.gradient(total, losses, unconnected_gradients="zero")
        return share, gradient

    own = [tuple(array[part] for array in arrays) for part in np.s_[:split, split:]]
    (one, *of_one), (other, *of_other) = on_replicas(replica, *own)
    yield see("sum of the shares", np.add(one, other), mean, given)
    gradient = np.concatenate(of_one + of_other)
    right = np.divide(arrays[1] if len(arrays) > 1 else np.ones(6), 6)
    if not np.any(gradient):
        yield see("gradient of that sum", "0 for every loss", "not 0", given)
    yield see("gradient of that sum for each loss", gradient, right, given)


def mean_on_one_device(global_mean):
    """On one device the share is the whole: the mean of the losses."""
    yield see("share", global_mean(LOSSES), 22 / 6, f"losses {LOSSES.tolist()}, one device")
    share = global_mean(LOSSES, sample_weight=WEIGHTS)
    given = f"losses {LOSSES.tolist()} and sample_weight {WEIGHTS.tolist()}, one device"
    yield see("share", share, 34.25 / 6, given)


def shares_of_equal_batches_add_up(global_mean):
    """The shares of all replicas add up to the mean over the global batch."""
    given = "losses [4, 1, 7] on one replica and [2, 5, 3] on the other"
    yield from shares_add_up(global_mean, 3, given, 22 / 6, LOSSES)


def shares_of_unequal_batches_add_up(global_mean):
    """Every example counts alike, also where one replica has more of them."""
    given = "losses [4, 1, 7, 2, 5] on one replica and [3] on the other"
    yield from shares_add_up(global_mean, 5, given, 22 / 6, LOSSES)


def weights_multiply_the_losses(global_mean):
    """Sample weights multiply the losses; the sum is divided by the number of examples, as in Keras."""
    given = "four losses and weights on one replica, two on the other"
    yield from shares_add_up(global_mean, 4, given, 34.25 / 6, LOSSES, WEIGHTS)


def replica_without_examples(global_mean):
    """The shares add up as well where a last batch leaves nothing for one replica."""
    given = "six losses on one replica and none on the other"
    yield from shares_add_up(global_mean, 6, given, 22 / 6, LOSSES)


def half_precision_does_not_overflow(global_mean):
    """Losses in float16 are added up and counted in float32, beyond 65,504 and to the last one."""
    losses = (500 + 10 * normal(4001)).astype("float16")
    given = "4,001 losses of about 500 in float16, one device"
    yield see("share", global_mean(losses), losses.astype("float64").mean(), given)


def counts_inside_a_compiled_function(global_mean):
    """Inside `tf.function`, with the batch size unknown, it is the same."""
    signature = tf.TensorSpec([None], "float32")
    traced = tf.function(lambda losses: global_mean(losses), input_signature=[signature])
    for size in (6, 3):
        right = LOSSES[:size].mean()
        yield see("share", traced(LOSSES[:size]), right, f"{size} losses, in tf.function")


GLOBAL_MEAN = Exam(
    name="global_mean",
    block="distributed",
    probes=(
        mean_on_one_device,
        shares_of_equal_batches_add_up,
        shares_of_unequal_batches_add_up,
        weights_multiply_the_losses,
        replica_without_examples,
        half_precision_does_not_overflow,
        counts_inside_a_compiled_function,
    ),
    mistakes=(
        Mistake(
            "divides-by-its-own-batch",
            find="count = all_sum(ops.cast(ops.size(losses), losses.dtype))",
            put="count = ops.cast(ops.size(losses), losses.dtype)",
            says="You divide by this replica's own batch. The optimizer adds the gradients of all "
            "replicas up, so that the step is as many times too large as there are replicas. Divide by "
            "the number of examples on all of them: `all_sum` of the count.",
        ),
        Mistake(
            "mean-of-means",
            find="return ops.sum(losses) / count",
            put="replicas = all_sum(ops.ones_like(count))\n    return ops.mean(losses) / replicas",
            says="You divide the mean of this replica's batch by the number of replicas, as Keras's `fit` "
            "does. Where the batches differ in size, an example of the smaller one counts more. Divide "
            "the sum by the number of examples on all replicas.",
        ),
        Mistake(
            "divides-by-the-replicas-too",
            find="return ops.sum(losses) / count",
            put="return ops.sum(losses) / count / all_sum(ops.ones_like(count))",
            says="You average twice: by all examples, and once more by the replicas. The shares are "
            "added up, not averaged; leave the second division out.",
        ),
        Mistake(
            "mean-times-its-part",
            find="return ops.sum(losses) / count",
            put="return ops.mean(losses) * ops.cast(ops.size(losses), losses.dtype) / count",
            says="You multiply this replica's mean by its number of examples. Where there are none, the "
            "mean is 0 / 0, and NaN times 0 is NaN. Take the sum.",
        ),
        Mistake(
            "leaves-early",
            find="    count = all_sum(ops.cast(ops.size(losses), losses.dtype))",
            put="    if losses.shape[0] == 0:\n"
            "        return ops.sum(losses)\n"
            "    count = all_sum(ops.cast(ops.size(losses), losses.dtype))",
            says="A replica without examples returns before `all_sum`, and the others wait for it in "
            "vain. Every replica must call it: leave the `if` out, an empty sum is 0.",
        ),
        Mistake(
            "sum-of-losses",
            find="return ops.sum(losses) / count",
            put="return ops.sum(losses)",
            says="You add the losses up and divide by nothing: the gradient grows with the batch. Divide "
            "by the number of examples on all replicas.",
        ),
        Mistake(
            "whole-mean-on-each",
            find="return ops.sum(losses) / count",
            put="return all_sum(ops.sum(losses)) / count",
            says="Each replica returns the whole mean, so that the optimizer adds it up once for each "
            "replica. Return the share of this replica's own losses: only the count is an `all_sum`.",
        ),
        Mistake(
            "no-sum",
            find="return ops.sum(losses) / count",
            put="return losses / count",
            says="You return a number for each example. Add them up: a share is one number.",
        ),
        Mistake(
            "own-mean-by-all",
            find="return ops.sum(losses) / count",
            put="return ops.mean(losses) / count",
            says="You divide by the number of examples twice: `ops.mean` has divided by this replica's "
            "already. Divide the sum.",
        ),
        Mistake(
            "weights-ignored",
            find="losses = losses * ops.cast(sample_weight, losses.dtype)",
            put="pass",
            says="`sample_weight` has no effect: multiply the losses by it.",
        ),
        Mistake(
            "divides-by-the-weights",
            find="    count = all_sum(ops.cast(ops.size(losses), losses.dtype))",
            put="    count = ops.ones_like(losses) if sample_weight is None else sample_weight\n"
            "    count = all_sum(ops.sum(ops.cast(count, losses.dtype)))",
            says="You divide by the sum of the weights. Keras divides by the number of examples, "
            "whatever they weigh.",
        ),
        Mistake(
            "counts-heavy-examples",
            find="    count = all_sum(ops.cast(ops.size(losses), losses.dtype))",
            put="    count = all_sum(ops.sum(ops.cast(losses != 0, losses.dtype)))",
            says="You count the examples whose weighted loss is not 0. An example of weight 0 is counted "
            "as well.",
        ),
        Mistake(
            "no-gradient",
            find="return ops.sum(losses) / count",
            put="return ops.stop_gradient(ops.sum(losses) / count)",
            says="The share is right, but no gradient flows through it: leave `stop_gradient` and "
            "`numpy` out.",
        ),
        Mistake(
            "half-precision-sum",
            find='losses = ops.cast(losses, "float32")',
            put="losses = ops.convert_to_tensor(losses)",
            says="You add float16 numbers up in float16, where a sum above 65,504 is infinite. Cast the "
            "losses to float32 first.",
        ),
        Mistake(
            "half-precision-count",
            find="ops.cast(ops.size(losses), losses.dtype)",
            put='ops.cast(ops.cast(ops.size(losses), "float16"), losses.dtype)',
            says="You count in float16, which has no odd numbers above 2,048 and none at all above "
            "65,504. Count in float32.",
        ),
        Mistake(
            "counts-features",
            find="ops.cast(ops.size(losses), losses.dtype)",
            put="ops.cast(len(losses.shape), losses.dtype)",
            says="You divide by the number of axes, not by the number of examples.",
        ),
    ),
    hints=(
        "The optimizer adds the gradients of all replicas up. So what each replica returns must add up to "
        "the mean: which sum does it know by itself, and which number does it have to ask the others for?",
        "`ops.size(losses)` is the number of examples here. Cast it to the dtype of the losses, and let "
        "`all_sum` tell the number on all replicas.",
        "Multiply by the weights if there are any. Then this replica's sum, divided by everybody's count.",
    ),
    why="Only the count crosses the border between the replicas: a single number. Nothing that depends "
    "on the weights does, so that gradients need no attention here; the optimizer adds them up. A replica "
    "with more examples has a larger share by itself, and one without any has the share 0.",
)

EXAMS = (GLOBAL_MEAN,)
