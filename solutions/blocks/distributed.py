# Made from the sources named below by `python3 course.py build`, checksum 48972675a18aa1dc
"""The blocks of the course in `distributed`, as its lessons solve them.

all_sum: solutions/17_more_than_one_device.py
global_mean: solutions/17_more_than_one_device.py
SynchronizedBatchNormalization: solutions/17_more_than_one_device.py
joined_gradients: solutions/17_more_than_one_device.py
"""

import keras
from keras import ops

from solutions.blocks.normalization import BatchNormalization
from solutions.blocks.optimizers import clip_gradients
from utils.quiet import tensorflow as tf


def all_sum(values):
    """The sum of `values` over all replicas, known to each; on one device `values` themselves.

    Every replica must call it, as often as the others, also one that has no examples.

    Args:
        values: number, tensor, or list of them: what this replica hands in, in the same shape
            as the others. Whole numbers become float32, so that a count can be divided by.

    Gradients flow through it: that of `values` here is the sum of what arrives on all replicas.
    """
    values = keras.tree.map_structure(lambda each: ops.add(each, 0.0), values)  # as floats
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)


def global_mean(losses, sample_weight=None):
    """This replica's share of the mean loss over the global batch.

    The shares of all replicas add up to `sum(losses * sample_weight) / number of examples`.

    Args:
        losses: `(batch,)`, those of this replica's examples; there may be none.
        sample_weight: `(batch,)`, or None for 1 each.

    Returns: a float32 number.
    """
    losses = ops.cast(losses, "float32")  # a sum of float16 numbers overflows at 65,504
    if sample_weight is not None:
        losses = losses * ops.cast(sample_weight, losses.dtype)
    count = all_sum(ops.cast(ops.size(losses), losses.dtype))
    return ops.sum(losses) / count


class SynchronizedBatchNormalization(BatchNormalization):
    """Batch normalization by the mean and variance over the batches of all replicas.

    `mean = sum(inputs) / count`, `variance = sum(square(inputs - mean)) / count`, the sums and the
    count over all replicas. On one device it is `BatchNormalization`.

    Args:
        **kwargs: as `BatchNormalization` takes them.

    Call arguments: inputs; training: bool; mask: inputs' shape without its last axis, True
    where a position counts towards the statistics.
    Input shape: any. Output shape: same as the input.
    """

    def shown(self, inputs, mask):
        everything = ops.ones_like(inputs, dtype="bool")
        if mask is None:
            return everything
        if len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "`mask` must have one dimension less than the inputs: all but the last. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}."
            )
        return ops.logical_and(everything, ops.expand_dims(ops.cast(mask, "bool"), -1))

    def batch_statistics(self, inputs, mask):
        rank, shown = len(inputs.shape), self.shown(inputs, mask)
        axes = [axis for axis in range(rank) if axis != self.axis % rank]
        def joined_sum(values):
            own_sum = ops.sum(ops.where(shown, values, 0), axes, keepdims=True)
            return all_sum(own_sum)

        count = ops.maximum(joined_sum(ops.ones_like(inputs)), 1)
        mean = joined_sum(inputs) / count
        return mean, joined_sum(ops.square(inputs - mean)) / count


def joined_gradients(gradients, **limits):
    """What every replica hands to its optimizer: an equal part of the joined and clipped gradient.

    The optimizer's sum over the replicas is then the joined gradient, clipped once. And where that is
    not finite, every replica sees it.

    Args:
        gradients: list of tensors, those of this replica's share of the loss.
        **limits: clipvalue, clipnorm or global_clipnorm, as `clip_gradients` takes them.

    Returns: a list of tensors like `gradients`, the same on every replica.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    gradients = [all_sum(gradient) for gradient in gradients]
    gradients = clip_gradients(gradients, **limits)
    return [gradient / replicas for gradient in gradients]
