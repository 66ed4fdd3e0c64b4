# Made from the sources named below by `python3 course.py build`, checksum 5dd55ec1e205cf78
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
