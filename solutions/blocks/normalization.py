# Made from the sources named below by `python3 course.py build`, checksum 4b007033f389fd7f
"""The blocks of the course in `normalization`, as its lessons solve them.

moments: solutions/03_batch_normalization_training.py
BatchNormalizationTrainingOnly: solutions/03_batch_normalization_training.py
batch_normalization_gradients: solutions/03_batch_normalization_training.py
DetachedBatchNormalization: solutions/03_batch_normalization_training.py
gradient_flows_through_statistics: solutions/03_batch_normalization_training.py
update_moving_average: solutions/04_batch_normalization_inference.py
BatchNormalizationWithMovingStatistics: solutions/04_batch_normalization_inference.py
BatchNormalizationVariables: solutions/04_batch_normalization_inference.py
BatchNormalization: solutions/04_batch_normalization_inference.py
feature_axes: solutions/06_when_it_breaks.py
align: solutions/06_when_it_breaks.py
NormalizationVariables: solutions/06_when_it_breaks.py
LayerNormalization: solutions/06_when_it_breaks.py
RMSNormalization: solutions/06_when_it_breaks.py
GroupNormalization: solutions/06_when_it_breaks.py
BatchNormalizationWithRenorm: solutions/06_when_it_breaks.py
ConditionalBatchNormalization: solutions/06_when_it_breaks.py
reestimate_statistics: solutions/15_together.py
"""

import keras
import numpy as np
from keras import ops

from utils import gradients


def moments(inputs, axes):
    """Mean and variance of `inputs` over `axes`, which stay as dimensions of size 1.

    `variance = mean(square(inputs - mean))`: divided by the count n, not by n - 1.
    """
    mean = ops.mean(inputs, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(inputs - mean), axis=axes, keepdims=True)
    return mean, variance


class BatchNormalizationTrainingOnly(keras.Layer):
    """Normalize each feature with the mean and variance of the batch at hand.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`

    It lacks moving statistics: `training` is accepted and ignored, so an output always
    depends on the other examples of its batch. Lesson 04 mends that.

    Args:
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.

    Input shape: `(batch, ..., features)`. Output shape: same as the input.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 1.
    """

    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        features = (input_shape[-1],)
        self.gamma = self.add_weight(shape=features, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=features, initializer="zeros", name="beta")

    def call(self, inputs, training=None):
        mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))
        normalized = (inputs - mean) / ops.sqrt(variance + self.epsilon)
        return self.gamma * normalized + self.beta


def batch_normalization_gradients(inputs, gamma, output_gradient, epsilon=1e-3):
    """The three gradients of batch normalization over `(batch, features)`, in NumPy.

    Args:
        inputs: array `(batch, features)`, what the layer was given.
        gamma: array `(features,)`.
        output_gradient: array `(batch, features)`, the loss's gradient for the outputs.
        epsilon: float > 0, default 1e-3.

    Returns `(input_gradient, gamma_gradient, beta_gradient)`, each in float64 and in the
    shape of what it belongs to.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, section 3.
    """
    inputs, gamma, output_gradient = (
        np.asarray(array, "float64") for array in (inputs, gamma, output_gradient)
    )
    deviation = np.sqrt(inputs.var(axis=0) + epsilon)
    normalized = (inputs - inputs.mean(axis=0)) / deviation
    gamma_gradient = np.sum(output_gradient * normalized, axis=0)
    beta_gradient = np.sum(output_gradient, axis=0)
    direct = output_gradient * gamma / deviation
    through_mean = -np.mean(direct, axis=0)
    through_variance = -normalized * np.mean(direct * normalized, axis=0)
    return direct + through_mean + through_variance, gamma_gradient, beta_gradient


class DetachedBatchNormalization(BatchNormalizationTrainingOnly):
    """Batch normalization as a colleague wrote it: every output is right."""

    def call(self, inputs, training=None):
        mean, variance = ops.moments(ops.stop_gradient(inputs), axes=[*range(inputs.ndim - 1)])
        return ops.batch_normalization(
            inputs, mean, variance, axis=-1, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )


def gradient_flows_through_statistics(layer_class):
    """Whether the input gradient of `layer_class()` includes both paths through the statistics.

    Args:
        layer_class: a batch normalization, called as `layer_class()(inputs, training=True)`.

    Returns True or False.
    """
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(16, 3)).astype("float32")
    output_gradient = rng.normal(size=(16, 3)).astype("float32")
    input_gradient, _ = gradients.backpropagate(
        layer_class(), inputs, output_gradient, training=True
    )
    shift = np.sum(input_gradient, axis=0)
    stretch = np.sum(input_gradient * (inputs - inputs.mean(axis=0)), axis=0)
    return bool(np.all(np.abs([shift, stretch]) < 0.02))


def update_moving_average(moving, batch_value, momentum):
    """The moving average after one more batch; `momentum` is the share of the old value it keeps.

    `momentum * moving + (1 - momentum) * batch_value`
    """
    return momentum * moving + (1 - momentum) * batch_value


class BatchNormalizationWithMovingStatistics(BatchNormalizationTrainingOnly):
    """Batch statistics in training, their moving averages in inference.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`

    It lacks: an axis other than the last, masks, freezing, 16-bit precision, a config.

    Args:
        momentum: float in [0, 1], default 0.99. Share of a moving statistic kept per batch.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.

    Input shape: `(batch, ..., features)`. Output shape: same as the input.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 2.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        super().build(input_shape)
        features = (input_shape[-1],)
        self.moving_mean = self.add_weight(
            shape=features, initializer="zeros", name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape=features, initializer="ones", name="moving_variance", trainable=False
        )

    def call(self, inputs, training=None):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))
            mean, variance = ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))
            for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(update_moving_average(moving, batch_value, self.momentum))
        normalized = (inputs - mean) / ops.sqrt(variance + self.epsilon)
        return self.gamma * normalized + self.beta


class BatchNormalizationVariables(keras.Layer):
    """What batch normalization is told and what it remembers, as Keras names it; no computation."""

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones",
        moving_mean_initializer="zeros", moving_variance_initializer="ones",
        beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None,
        synchronized=False, **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        if synchronized:
            raise ValueError(
                "`synchronized` must be False: statistics across devices come in lesson 17. "
                f"Received: synchronized={synchronized}."
            )

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` must be an axis of the inputs: an integer from {-rank} to {rank - 1}. "
                f"Received: axis={self.axis}, input_shape={input_shape}."
            )
        features = input_shape[self.axis]

        def variable(name, **options):
            initializer = getattr(self, f"{name}_initializer")
            return self.add_weight(
                shape=(features,), initializer=initializer, name=name, autocast=False, **options
            )

        self.gamma = self.beta = None
        if self.scale:
            self.gamma = variable(
                "gamma", regularizer=self.gamma_regularizer, constraint=self.gamma_constraint
            )
        if self.center:
            self.beta = variable(
                "beta", regularizer=self.beta_regularizer, constraint=self.beta_constraint
            )
        self.moving_mean = variable("moving_mean", trainable=False)
        self.moving_variance = variable("moving_variance", trainable=False)
        self.input_spec = keras.InputSpec(ndim=rank, axes={self.axis: features})


class BatchNormalization(BatchNormalizationVariables):
    """Normalize each feature: over the batch in training, by moving averages in inference.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`

    A frozen layer (`trainable = False`) normalizes by its moving averages, always.

    Args:
        axis: int, default -1. The axis of the features; all others are averaged over.
        momentum: float in [0, 1], default 0.99. Share of a moving statistic kept per batch.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.
        center, scale: bool, default True. Whether there is a `beta`, a `gamma`.
        *_initializer, *_regularizer, *_constraint: as `keras.layers` takes them.
        synchronized: False; statistics across devices come in lesson 17.

    Call arguments: inputs; training: bool; mask: inputs' shape without its last axis, True
    where a position counts towards the statistics.
    Input shape: any. Output shape: same as the input.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithms 1 and 2.
    """

    def build(self, input_shape):
        super().build(input_shape)
        rank = len(input_shape)
        self.reduction_axes = tuple(axis for axis in range(rank) if axis != self.axis % rank)
        self.aligned_shape = tuple(1 if axis in self.reduction_axes else -1 for axis in range(rank))

    def batch_statistics(self, inputs, mask):
        if mask is None:
            return moments(inputs, self.reduction_axes)
        if len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "`mask` must have one dimension less than the inputs: all but the last. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}."
            )
        shown = ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), ops.shape(inputs))
        count = ops.sum(ops.cast(shown, inputs.dtype), self.reduction_axes, keepdims=True)

        def average(values):
            total = ops.sum(ops.where(shown, values, 0), self.reduction_axes, keepdims=True)
            return total / ops.maximum(count, 1)

        mean = average(inputs)
        return mean, average(ops.square(inputs - mean))

    def follow(self, moving, batch_value):
        batch_value = ops.reshape(batch_value, moving.shape)
        old_value = ops.cast(moving, batch_value.dtype)
        moving.assign(update_moving_average(old_value, batch_value, self.momentum))

    def call(self, inputs, training=None, mask=None):
        # In float16 a square overflows at 256, in bfloat16 a long sum loses its digits.
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))

        def align(values):
            return ops.reshape(ops.cast(values, inputs.dtype), self.aligned_shape)

        if training and self.trainable:
            mean, variance = self.batch_statistics(inputs, mask)
            self.follow(self.moving_mean, mean)
            self.follow(self.moving_variance, variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        outputs = (inputs - align(mean)) * ops.rsqrt(align(variance) + self.epsilon)
        if self.scale:
            outputs = outputs * align(self.gamma)
        if self.center:
            outputs = outputs + align(self.beta)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        arguments = (
            "axis", "momentum", "epsilon", "center", "scale", "synchronized",
            "beta_initializer", "gamma_initializer",
            "moving_mean_initializer", "moving_variance_initializer",
            "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",
        )
        config = {name: getattr(self, name) for name in arguments}
        return {**super().get_config(), **keras.saving.serialize_keras_object(config)}


def feature_axes(axis, rank):
    """The axes that `axis` (an int or a list of them) names in inputs of this rank, sorted."""
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    if not all(-rank <= each < rank for each in axes):
        raise ValueError(
            f"`axis` must name axes of the inputs: integers from {-rank} to {rank - 1}. "
            f"Received: axis={axis}."
        )
    return tuple(sorted(each % rank for each in axes))


def align(values, axes, inputs):
    """Weights over these axes (sorted) of the inputs, ready to meet them in shape and dtype."""
    shape = [1] * len(inputs.shape)
    for axis, size in zip(axes, values.shape, strict=True):
        shape[axis] = size
    return ops.cast(ops.reshape(values, shape[axes[0] :]), inputs.dtype)


class NormalizationVariables(keras.Layer):
    """A gamma and a beta, as Keras's layers name and configure them; no normalization."""

    def __init__(
        self, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones",
        beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False  # inputs beyond float16 arrive as they are
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)

    def add_gamma_and_beta(self, shape):
        """Make the two variables; a layer without scale has no gamma, without center no beta."""
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape, initializer=self.gamma_initializer, name="gamma", autocast=False,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape, initializer=self.beta_initializer, name="beta", autocast=False,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )

    def scale_and_shift(self, normalized, axes):
        """The outputs: `gamma * normalized + beta`, gamma and beta standing on `axes`."""
        if self.scale:
            normalized = normalized * align(self.gamma, axes, normalized)
        if self.center:
            normalized = normalized + align(self.beta, axes, normalized)
        return ops.cast(normalized, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        arguments = (
            "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
            "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",
        )
        config = {name: getattr(self, name) for name in arguments}
        return {**super().get_config(), **keras.saving.serialize_keras_object(config)}


class LayerNormalization(NormalizationVariables):
    """Normalize each example by itself, over its features.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`, mean and variance over `axis`

    Args:
        axis: int or list of ints, default -1. The axes to normalize over; gamma and beta have a
            number for each position on them.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.
        center, scale: bool, default True. Whether there is a `beta`, a `gamma`.
        rms_scaling: bool, default False. Deprecated: do not subtract the mean, have no beta.
        **kwargs: *_initializer, *_regularizer, *_constraint and more, as `keras.layers` takes them.

    Input shape: any. Output shape: same as the input.
    Reference: Ba, Kiros and Hinton, 2016, arXiv:1607.06450.
    """

    def __init__(
        self, axis=-1, epsilon=1e-3, center=True, scale=True, *, rms_scaling=False, **kwargs
    ):
        center, scale = center and not rms_scaling, scale or rms_scaling
        super().__init__(epsilon, center, scale, **kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                "Expected an int or a list/tuple of ints for the argument 'axis', "
                f"but received: {axis!r}. Use axis=-1 for the features."
            )
        self.axis, self.rms_scaling = axis, rms_scaling

    def build(self, input_shape):
        axes = feature_axes(self.axis, len(input_shape))
        self.add_gamma_and_beta([input_shape[axis] for axis in axes])

    def call(self, inputs):
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axes = feature_axes(self.axis, len(inputs.shape))
        if self.rms_scaling:
            deviation = ops.sqrt(ops.var(inputs, axes, keepdims=True) + self.epsilon)
            return self.scale_and_shift(inputs / deviation, axes)
        mean, variance = moments(inputs, axes)
        normalized = (inputs - mean) * ops.rsqrt(variance + self.epsilon)
        return self.scale_and_shift(normalized, axes)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "rms_scaling": self.rms_scaling}


class RMSNormalization(keras.Layer):
    """Divide each example by the root of its mean square; subtract nothing, shift nothing.

    `scale * inputs / sqrt(mean(square(inputs)) + epsilon)`, the mean over `axis`

    Args:
        axis: int or list of ints, default -1. The axes to normalize over; `scale` has a number for
            each position on them.
        epsilon: float > 0, default 1e-6. Added to the mean square, inside the root.

    Input shape: any. Output shape: same as the input.
    Reference: Zhang and Sennrich, 2019, arXiv:1910.07467.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape):
        rank = len(input_shape)
        shape = [input_shape[axis] for axis in feature_axes(self.axis, rank)]
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale", autocast=False)

    def call(self, inputs):
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axes = feature_axes(self.axis, len(inputs.shape))
        mean_square = ops.mean(ops.square(inputs), axes, keepdims=True)
        normalized = inputs * ops.rsqrt(mean_square + self.epsilon)
        outputs = normalized * align(self.scale, axes, inputs)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class GroupNormalization(NormalizationVariables):
    """Normalize each example by itself, in groups of neighbouring channels.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`; mean and variance are those of one
    group of one example, over its channels and all positions; gamma and beta are per channel.

    Args:
        groups: int, default 32. Number of groups; it divides the number of channels. -1: every
            channel is a group of its own (instance normalization).
        axis: int, default -1. The axis of the channels.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.
        **kwargs: center, scale, *_initializer, *_regularizer, *_constraint and more, as
            `keras.layers` takes them.

    Input shape: `(batch, ..., channels, ...)`. Output shape: same as the input.
    Reference: Wu and He, 2018, arXiv:1803.08494.
    """

    def __init__(self, groups=32, axis=-1, epsilon=1e-3, **kwargs):
        if not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer "
                f"(or `-1` for instance normalization). Received: groups={groups}"
            )
        super().__init__(epsilon, **kwargs)
        self.groups, self.axis = groups, axis

    def build(self, input_shape):
        [axis] = feature_axes(self.axis, len(input_shape))
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer "
                f"received an input with shape {input_shape}."
            )
        if self.groups > channels:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels "
                f"({channels})."
            )
        if channels % self.groups:
            raise ValueError(  # Keras's words; it means that the groups must divide the channels
                f"Number of groups ({self.groups}) must be a multiple of the number of channels "
                f"({channels})."
            )
        self.input_spec = keras.InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self.add_gamma_and_beta([channels])

    def call(self, inputs):
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        shape = ops.shape(inputs)
        [axis] = feature_axes(self.axis, len(shape))
        groups = shape[axis] if self.groups == -1 else self.groups
        split = (groups, shape[axis] // groups)
        grouped = ops.reshape(inputs, (*shape[:axis], *split, *shape[axis + 1 :]))
        rank = len(grouped.shape)
        mean, variance = moments(grouped, [i for i in range(rank) if i not in (0, axis)])
        normalized = (grouped - mean) * ops.rsqrt(variance + self.epsilon)
        normalized = ops.reshape(normalized, shape)
        return self.scale_and_shift(normalized, [axis])

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


class BatchNormalizationWithRenorm(BatchNormalization):
    """Batch normalization that can, in training too, normalize by statistics of many batches.

    `gamma * ((inputs - mean) / stddev * r + d) + beta`, `stddev = sqrt(variance + epsilon)`,
    `r = stddev / renorm_stddev` and `d = (mean - renorm_mean) / renorm_stddev` without gradient

    Args:
        renorm: bool, default False. Whether to; without it this is batch normalization.
        renorm_clipping: dict, default None. Limits: `rmin <= r <= rmax`, `-dmax <= d <= dmax`.
        renorm_momentum: float in [0, 1], default 0.99. As `momentum`, for `renorm_mean` and
            `renorm_stddev`.
        *args, **kwargs: as `BatchNormalization` takes them.

    Call arguments and shapes: as `BatchNormalization`.
    Reference: Ioffe, 2017, arXiv:1702.03275, algorithm 1.
    """

    def __init__(
        self, *args, renorm=False, renorm_clipping=None, renorm_momentum=0.99, **kwargs
    ):
        super().__init__(*args, **kwargs)
        if renorm:
            renorm_clipping = renorm_clipping or {}
            limits = {"rmin": 0.0, "rmax": np.inf, "dmax": np.inf}
            if set(renorm_clipping) - set(limits):
                raise ValueError(
                    "Received invalid keys for `renorm_clipping` argument: "
                    f"{renorm_clipping}. Supported values: {list(limits)}."
                )
            limits |= {name: limit for name, limit in renorm_clipping.items() if limit is not None}
            self.rmin, self.rmax, self.dmax = limits.values()
            if self.rmax < self.rmin:
                raise ValueError(
                    "rmax should be greater than rmin in the `renorm_clipping` argument. "
                    f"Received: rmax={self.rmax}, rmin={self.rmin}."
                )
            if self.dmax < 0:
                raise ValueError(
                    "dmax should be non-negative in the `renorm_clipping` argument. "
                    f"Received: dmax={self.dmax}."
                )
        self.renorm, self.renorm_clipping = renorm, renorm_clipping
        self.renorm_momentum = renorm_momentum

    def build(self, input_shape):
        super().build(input_shape)

        def initial_stddev(shape, dtype=None):
            return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

        def statistic(name, initializer):
            return self.add_weight(
                shape=(input_shape[self.axis],), initializer=initializer, name=name,
                trainable=False, autocast=False,
            )

        if self.renorm:
            self.moving_stddev = statistic("moving_stddev", initial_stddev)
            self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = statistic("renorm_stddev", initial_stddev)

    def correction(self, mean, stddev):
        """`r` and `d`: what turns a value normalized by the batch into one by the renorm ones."""
        axes = feature_axes(self.axis, len(mean.shape))
        renorm_mean = align(self.renorm_mean, axes, mean)
        renorm_stddev = align(self.renorm_stddev, axes, mean)
        renorm_stddev = ops.maximum(renorm_stddev, self.epsilon**0.5)
        r = ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)
        d = ops.clip((mean - renorm_mean) / renorm_stddev, -self.dmax, self.dmax)
        return ops.stop_gradient(r), ops.stop_gradient(d)

    def remember(self, mean, stddev):
        """Let all five statistics follow those of the batch."""
        mean = ops.reshape(mean, self.moving_mean.shape)
        stddev = ops.reshape(stddev, self.moving_stddev.shape)

        def follow(moving, batch_value, momentum):
            old_value = ops.cast(moving, batch_value.dtype)
            moving.assign(update_moving_average(old_value, batch_value, momentum))

        follow(self.renorm_mean, mean, self.renorm_momentum)
        follow(self.renorm_stddev, stddev, self.renorm_momentum)
        follow(self.moving_mean, mean, self.momentum)
        follow(self.moving_stddev, stddev, self.momentum)
        variance = ops.square(self.moving_stddev) - self.epsilon
        self.moving_variance.assign(ops.maximum(variance, 0))

    def call(self, inputs, training=None, mask=None):
        if not (self.renorm and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = self.batch_statistics(inputs, mask)
        stddev = ops.sqrt(variance + self.epsilon)
        r, d = self.correction(mean, stddev)
        self.remember(mean, stddev)
        outputs = (inputs - mean) / stddev * r + d
        return self.scale_and_shift(outputs)

    def scale_and_shift(self, normalized):
        """The outputs: `gamma * normalized + beta`."""
        axes = feature_axes(self.axis, len(normalized.shape))
        if self.scale:
            normalized = normalized * align(self.gamma, axes, normalized)
        if self.center:
            normalized = normalized + align(self.beta, axes, normalized)
        return ops.cast(normalized, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


class ConditionalBatchNormalization(keras.Layer):
    """Batch normalization whose gamma and beta depend on a context.

    `gamma(context) * normalized + beta(context)`, both learned linear maps of the context, with
    a constant; at the start gamma is 1 and beta 0 whatever the context.

    Args:
        momentum: float in [0, 1], default 0.99. Share of a moving statistic kept per batch.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.

    Call arguments: inputs; context; training: bool.
    Input shapes: inputs `(batch, ..., features)`, context `(batch, context_features)`.
    Output shape: same as the inputs.
    Reference: de Vries et al., 2017, arXiv:1707.00683.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, inputs_shape, context_shape):
        features = inputs_shape[-1]

        def start_at(value):  # a map of the context that starts as this constant
            return keras.layers.Dense(
                features, kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(value), dtype=self.dtype_policy,
            )

        self.normalization = BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, center=False, scale=False,
            dtype=self.dtype_policy,
        )
        self.gamma = start_at(1.0)
        self.beta = start_at(0.0)
        self.normalization.build(inputs_shape)
        self.gamma.build(context_shape)
        self.beta.build(context_shape)

    def call(self, inputs, context, training=None):
        normalized = self.normalization(inputs, training=training)
        between = tuple(range(1, len(inputs.shape) - 1))
        gamma = ops.expand_dims(self.gamma(context), between)
        beta = ops.expand_dims(self.beta(context), between)
        return gamma * normalized + beta

    def compute_output_shape(self, inputs_shape, context_shape):
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


def reestimate_statistics(model, inputs):
    """Give every batch normalization the mean and variance of what reaches it in inference.

    Afterwards, for each of them: `moving_mean = mean(x)`, `moving_variance = mean((x - mean(x))**2)`,
    where `x` is what the model, in inference, hands it for these inputs. Frozen layers are
    included; nothing else changes.

    Args:
        model: a built `keras.Sequential`, changed in place. A batch normalization is a layer with a
            `moving_mean`, a `moving_variance` and an `axis`, whoever wrote its class.
        inputs: array or tensor `(examples, ...)`, all of them at once.
    """
    for layer in model.layers:
        if hasattr(layer, "moving_mean"):
            rank = len(inputs.shape)
            axes = [axis for axis in range(rank) if axis != layer.axis % rank]
            mean, variance = ops.moments(inputs, axes)
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)
        inputs = layer(inputs, training=False)
