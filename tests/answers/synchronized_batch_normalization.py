"""Synchronized batch normalization, written in other ways."""

import tensorflow as tf
from keras import ops

from solutions.blocks.distributed import SynchronizedBatchNormalization, all_sum
from solutions.blocks.normalization import BatchNormalization


def own_sums(layer, inputs, mask):
    """Where values count, the axes to sum over, and the count of each feature."""
    shown = SynchronizedBatchNormalization.shown(layer, inputs, mask)
    axes = [axis for axis in range(len(inputs.shape)) if axis != layer.axis % len(inputs.shape)]
    return shown, axes, ops.sum(ops.cast(shown, inputs.dtype), axes, keepdims=True)


class LawOfTotalVariance(BatchNormalization):
    """The variances of the replicas, plus the variance of their means, weighed by their counts."""

    def batch_statistics(self, inputs, mask):
        _, _, own = own_sums(self, inputs, mask)
        mean, variance = super().batch_statistics(inputs, mask)
        # A replica without examples has no mean.
        mean, variance = (ops.where(own > 0, each, 0) for each in (mean, variance))
        count = ops.maximum(all_sum(own), 1)
        joined = all_sum(own * mean) / count
        return joined, all_sum(own * (variance + ops.square(mean - joined))) / count


class SumsTogether(BatchNormalization):
    """Sum and count in one message, the squares in a second."""

    def batch_statistics(self, inputs, mask):
        shown, axes, count = own_sums(self, inputs, mask)
        total = ops.sum(ops.where(shown, inputs, 0), axes, keepdims=True)
        total, count = ops.split(all_sum(ops.concatenate([total, count], self.axis)), 2, self.axis)
        count = ops.maximum(count, 1)
        mean = total / count
        squares = ops.where(shown, ops.square(inputs - mean), 0)
        return mean, all_sum(ops.sum(squares, axes, keepdims=True)) / count


class NoDivisionByZero(BatchNormalization):
    """TensorFlow's division that gives 0 for 0 / 0, and zeros by multiplication."""

    def batch_statistics(self, inputs, mask):
        shown, axes, count = own_sums(self, inputs, mask)
        shown, count = ops.cast(shown, inputs.dtype), all_sum(count)

        def average(values):
            total = tf.reduce_sum(values * shown, axes, keepdims=True)
            return tf.math.divide_no_nan(all_sum(total), count)

        mean = average(inputs)
        return mean, average((inputs - mean) ** 2)


class ByTensorFlow(BatchNormalization):
    """TensorFlow's own all-reduce, where there is a replica context."""

    def batch_statistics(self, inputs, mask):
        shown, axes, count = own_sums(self, inputs, mask)
        context = tf.distribute.get_replica_context()

        def joined(own):
            return own if context is None else context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        count = tf.maximum(joined(count), 1)
        mean = joined(tf.reduce_sum(tf.where(shown, inputs, 0), axes, keepdims=True)) / count
        distance = tf.where(shown, inputs - mean, 0)
        return mean, joined(tf.reduce_sum(distance**2, axes, keepdims=True)) / count


class ShiftedOnePass(BatchNormalization):
    """Squares in the same message as the sums, around a point that all replicas know."""

    def batch_statistics(self, inputs, mask):
        shown, axes, own = own_sums(self, inputs, mask)
        count = ops.maximum(all_sum(own), 1)
        own_mean = ops.sum(ops.where(shown, inputs, 0), axes, keepdims=True) / count
        around = ops.stop_gradient(all_sum(own_mean))
        moved = ops.where(shown, inputs - around, 0)
        sums = [ops.sum(each, axes, keepdims=True) for each in (moved, ops.square(moved))]
        mean, square = (all_sum(each) / count for each in sums)
        return around + mean, square - ops.square(mean)


ANSWERS = {
    "SynchronizedBatchNormalization": [
        LawOfTotalVariance,
        SumsTogether,
        NoDivisionByZero,
        ByTensorFlow,
        ShiftedOnePass,
    ],
}
