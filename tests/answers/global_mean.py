"""Shares of a global mean, written in other ways."""

import tensorflow as tf
from keras import ops

from solutions.blocks.distributed import all_sum


def weights_of_one(losses, sample_weight=None):
    """Weights of 1 where none are given: one way for both."""
    losses = ops.cast(losses, "float32")
    weights = ops.ones_like(losses) if sample_weight is None else ops.cast(sample_weight, "float32")
    return ops.sum(losses * weights) / all_sum(ops.sum(ops.ones_like(losses)))


def sum_of_quotients(losses, sample_weight=None):
    """Every loss is divided by the count, then they are summed."""
    losses = ops.cast(losses, "float32")
    if sample_weight is not None:
        losses = ops.multiply(losses, sample_weight)
    return ops.sum(losses / all_sum(ops.cast(ops.shape(losses)[0], "float32")))


def own_mean_weighed_by_size(losses, sample_weight=None):
    """This replica's mean, times its part of the examples."""
    losses = ops.cast(losses, "float32")
    if sample_weight is not None:
        losses = losses * sample_weight
    own = ops.cast(ops.size(losses), "float32")
    own_mean = ops.sum(losses) / ops.maximum(own, 1)
    return own_mean * own / all_sum(own)


def equal_parts_of_the_whole(losses, sample_weight=None):
    """The whole mean, known to every replica, in equal parts: its gradient crosses the replicas."""
    losses = ops.cast(losses, "float32")
    if sample_weight is not None:
        losses = losses * sample_weight
    count = all_sum(ops.cast(ops.size(losses), "float32"))
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return all_sum(ops.sum(losses)) / count / replicas


def by_tensorflow(losses, sample_weight=None):
    """With TensorFlow's own functions, and its own all-reduce."""
    losses = tf.cast(losses, tf.float32)
    if sample_weight is not None:
        losses *= tf.cast(sample_weight, tf.float32)
    count = tf.cast(tf.size(losses), tf.float32)
    context = tf.distribute.get_replica_context()
    return tf.reduce_sum(losses) / context.all_reduce("sum", count)


def whole_number(losses, sample_weight=None):
    """The count handed in as the whole number it is."""
    losses = ops.cast(losses, "float32")
    if sample_weight is not None:
        losses = losses * sample_weight
    return ops.sum(losses) / all_sum(losses.shape[0] or ops.size(losses))


ANSWERS = {
    "global_mean": [
        weights_of_one,
        sum_of_quotients,
        own_mean_weighed_by_size,
        equal_parts_of_the_whole,
        by_tensorflow,
        whole_number,
    ],
}
