"""The exam of lesson 17's loss: shares of a mean over a batch that is spread over replicas."""

import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate, Exam, Mistake, see
from ._oracle import normal
from ._replicas import on_replicas

LOSSES = np.array([4.0, 1.0, 7.0, 2.0, 5.0, 3.0], "float32")
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.0, 3.0, 0.25], "float32")


def shares(candidate: Candidate, split: int, *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the shares, and the gradient of that sum for each loss.

    Args:
        split: how many examples the first replica has.
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
    (one, one_gradient), (other, other_gradient) = on_replicas(replica, *own)
    return np.add(one, other), np.concatenate([one_gradient, other_gradient])


def mean_on_one_device(global_mean):
    """On one device the share is the whole: the mean of the losses."""
    yield see("share", global_mean(LOSSES), 22 / 6, f"losses {LOSSES.tolist()}, one device")
    share = global_mean(LOSSES, sample_weight=WEIGHTS)
    given = f"losses {LOSSES.tolist()} and sample_weight {WEIGHTS.tolist()}, one device"
    yield see("share", share, 34.25 / 6, given)


def shares_of_equal_batches_add_up(global_mean):
    """The shares of all replicas add up to the mean over the global batch."""
    given = "losses [4, 1, 7] on one replica and [2, 5, 3] on the other"
    total, gradient = shares(global_mean, 3, LOSSES)
    yield see("sum of the shares", total, 22 / 6, given)
    yield see("gradient of that sum for each loss", gradient, np.full(6, 1 / 6), given)


def shares_of_unequal_batches_add_up(global_mean):
    """Every example counts alike, also where one replica has more of them."""
    given = "losses [4, 1, 7, 2, 5] on one replica and [3] on the other"
    total, gradient = shares(global_mean, 5, LOSSES)
    yield see("sum of the shares", total, 22 / 6, given)
    yield see("gradient of that sum for each loss", gradient, np.full(6, 1 / 6), given)


def weights_multiply_the_losses(global_mean):
    """Sample weights multiply the losses; the sum is divided by the number of examples, as in Keras."""
    given = "four losses and weights on one replica, two on the other"
    total, gradient = shares(global_mean, 4, LOSSES, WEIGHTS)
    yield see("sum of the shares", total, 34.25 / 6, given)
    yield see("gradient of that sum for each loss", gradient, WEIGHTS / 6, given)


def replica_without_examples(global_mean):
    """A replica for which a last batch leaves nothing has the share 0."""
    given = "six losses on one replica and none on the other"
    total, gradient = shares(global_mean, 6, LOSSES)
    yield see("sum of the shares", total, 22 / 6, given)
    yield see("gradient of that sum for each loss", gradient, np.full(6, 1 / 6), given)


def half_precision_does_not_overflow(global_mean):
    """Losses in float16 are added up in float32: their sum may exceed 65,504."""
    losses = (500 + 10 * normal(400)).astype("float16")
    right = losses.astype("float32").mean()
    yield see("share", global_mean(losses), right, "400 losses of about 500 in float16", 1e-3)


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
