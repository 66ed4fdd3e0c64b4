"""Joined gradients, written in other ways."""

import tensorflow as tf
from keras import ops

from solutions.blocks.distributed import all_sum
from solutions.blocks.optimizers import clip_gradients


def replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


def in_one_line(gradients, **limits):
    """All in one line."""
    return [g / replicas() for g in clip_gradients([all_sum(g) for g in gradients], **limits)]


def all_at_once(gradients, **limits):
    """One message for all gradients, by TensorFlow's own all-reduce."""
    context = tf.distribute.get_replica_context()
    clipped = clip_gradients(context.all_reduce(tf.distribute.ReduceOp.SUM, gradients), **limits)
    return [g / context.num_replicas_in_sync for g in clipped]


def reciprocal(gradients, **limits):
    """Multiplied by a part instead of divided by a number."""
    part, shared = 1 / replicas(), []
    for gradient in clip_gradients(list(map(all_sum, gradients)), **limits):
        shared.append(ops.multiply(gradient, part))
    return shared


def mean_times_replicas(gradients, **limits):
    """The mean over the replicas, clipped by a part of each limit."""
    n = replicas()
    means = [all_sum(gradient / n) for gradient in gradients]
    return clip_gradients(means, **{name: limit / n for name, limit in limits.items()})


def counted_by_the_replicas(gradients, **limits):
    """The number of replicas is itself a sum over them."""
    n = all_sum(ops.ones(()))
    joined = clip_gradients(tuple(all_sum(gradient) for gradient in gradients), **limits)
    return [gradient / n for gradient in joined]


def list_of_all(gradients, **limits):
    """All gradients handed to `all_sum` as a list."""
    return [g / replicas() for g in clip_gradients(all_sum(list(gradients)), **limits)]


ANSWERS = {
    "joined_gradients": [
        in_one_line,
        all_at_once,
        reciprocal,
        mean_times_replicas,
        counted_by_the_replicas,
        list_of_all,
    ],
}
