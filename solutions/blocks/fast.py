# Made from the sources named below by `python3 course.py build`, checksum db41f6149f3bad3d
"""The blocks of the course in `fast`, as its lessons solve them.

under_xla: solutions/16_from_correct_to_fast.py
FusedBatchNormalization: solutions/16_from_correct_to_fast.py
shared_vectors: solutions/16_from_correct_to_fast.py
FlatAdam: solutions/16_from_correct_to_fast.py
"""

import keras
import numpy as np
from keras import ops

from solutions.blocks.normalization import BatchNormalization, moments, update_moving_average
from solutions.blocks.optimizers import AdamArguments
from utils.quiet import tensorflow as tf


def under_xla():
    """Whether XLA compiles what is being traced now, as under `jit_compile=True`."""
    from tensorflow.python.ops import control_flow_util  # there is no public way to ask

    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


class FusedBatchNormalization(BatchNormalization):
    """Batch normalization in few passes over memory; the same results as `BatchNormalization`.

    Large float32 batches, features last: one fused kernel. Small ones, other axes, and all that XLA
    compiles: a gradient by hand. Masks, inference, other backends: the class it builds on.

    Args, call arguments, shapes: as `BatchNormalization`.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, section 3, for the gradients.
    """

    kernel_from = 2**17  # numbers in a batch from which on the kernel is faster: measured
    usual_batch = 32  # stands in for a size that is not known while tracing

    def few_passes(self, inputs, gamma, beta):
        """Outputs, mean and variance of inputs `(before, features, after)`."""
        mean, variance = moments(inputs, (0, 2))
        scale = ops.rsqrt(variance + self.epsilon)
        count = ops.cast(ops.size(inputs) / ops.size(gamma), inputs.dtype)

        @tf.custom_gradient
        def normalize(inputs, gamma, beta, mean, scale):
            def gradients(arriving):
                normalized = (inputs - mean) * scale
                of_beta = ops.sum(arriving, (0, 2), keepdims=True)
                of_gamma = ops.sum(arriving * normalized, (0, 2), keepdims=True)
                through_both = (of_beta + normalized * of_gamma) / count
                of_inputs = gamma * scale * (arriving - through_both)
                return of_inputs, of_gamma, of_beta, None, None

            return (inputs - mean) * (scale * gamma) + beta, gradients

        return normalize(inputs, gamma, beta, mean, scale), mean, variance

    def one_kernel(self, inputs, gamma, beta):
        """Outputs, mean and variance of inputs `(before, features, 1)`."""
        shape = ops.shape(inputs)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=ops.reshape(inputs, (1, 1, -1, shape[1])), scale=ops.ravel(gamma),
            offset=ops.ravel(beta), mean=[], variance=[], epsilon=self.epsilon,
        )
        count = ops.cast(shape[0], "float32")
        variance = variance * (count - 1) / count
        return ops.reshape(outputs, shape), mean, variance

    def kernel_pays(self, shape, dtype, features_last):
        """Whether the kernel is right and fast; `shape`: of the inputs, None where not known."""
        if under_xla() or not features_last or dtype != "float32":
            return False
        return np.prod([size or self.usual_batch for size in shape]) >= self.kernel_from

    def call(self, inputs, training=None, mask=None):
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        uses_batch = training and self.trainable and mask is None
        if not uses_batch or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        shape, axis = ops.shape(inputs), self.axis % len(inputs.shape)
        features, after = shape[axis], 1
        for size in shape[axis + 1 :]:
            after = after * size

        def aligned(weight, otherwise):
            weight = ops.full((features,), otherwise, dtype) if weight is None else weight
            return ops.reshape(ops.cast(weight, dtype), (1, features, 1))

        features_last = axis == len(shape) - 1
        pays = self.kernel_pays(tuple(inputs.shape), dtype, features_last)
        viewed = ops.reshape(ops.cast(inputs, dtype), (-1, features, after))
        normalize = self.one_kernel if pays else self.few_passes
        outputs, mean, variance = normalize(viewed, aligned(self.gamma, 1), aligned(self.beta, 0))
        for variable, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            old, new = ops.cast(variable, dtype), ops.reshape(new, variable.shape)
            variable.assign(update_moving_average(old, new, self.momentum))
        return ops.cast(ops.reshape(outputs, shape), self.compute_dtype)


def shared_vectors(variables, longest):
    """Which variables share a vector: lists of places in `variables`, each place once.

    Those of a list have one dtype, and together at most `longest` numbers; or it is a list of one.
    """
    vectors, filling = [], {}  # filling: for each dtype the vector that has room, and how much
    for place, variable in enumerate(variables):
        size = int(np.prod(variable.shape))
        vector, room = filling.get(variable.dtype, ([], 0))
        if size > room:
            vector, room = [], longest
        if not vector:
            vectors.append(vector)
        vector.append(place)
        if size <= longest:  # a larger one stays alone, and closes nothing
            filling[variable.dtype] = vector, room - size
    return vectors


class FlatAdam(AdamArguments):
    """Adam that moves small variables together, in a few vectors, and large ones by one kernel.

    The steps are those of `Adam`. Under `tf.distribute`, and on other backends than TensorFlow,
    every variable goes alone.

    Args: learning_rate, beta_1, beta_2, epsilon, kwargs: see `AdamArguments`.

    Reference: Kingma and Ba, 2015, "Adam: a method for stochastic optimization", the last formula
    of section 2.
    """

    longest = 2**15  # numbers in a vector that is shared: measured

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.is_flat = keras.backend.backend() == "tensorflow" and not tf.distribute.has_strategy()
        self.vectors = shared_vectors(variables, self.longest if self.is_flat else 0)
        self.slots = []  # for each vector m and v
        for places in self.vectors:
            first, sizes = variables[places[0]], [int(np.prod(variables[p].shape)) for p in places]
            if len(places) == 1:
                m = self.add_variable_from_reference(first, "momentum")
                v = self.add_variable_from_reference(first, "velocity")
            else:
                m = self.add_variable((sum(sizes),), dtype=first.dtype, name="momentum")
                v = self.add_variable((sum(sizes),), dtype=first.dtype, name="velocity")
            self.slots.append((m, v))

    def corrected_rate(self, learning_rate, dtype):
        """The learning rate, and in it the correction of both moments, which begin at 0."""
        t = ops.cast(self.iterations + 1, "float32")
        seen_by_m, seen_by_v = 1 - self.beta_1**t, 1 - self.beta_2**t
        return ops.cast(learning_rate * ops.sqrt(seen_by_v) / seen_by_m, dtype)

    def moved(self, gradient, m, v, rate, share=1.0):
        """Move both moments; the step. All of one shape; share: 0 where a number rests, else 1."""
        self.assign_add(m, ops.subtract(gradient, m) * (share * (1 - self.beta_1)))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (share * (1 - self.beta_2)))
        return rate * m / (ops.sqrt(v) + self.epsilon)

    def update_vector(self, gradients, variables, m, v, learning_rate):
        """Move variables that share a vector; one whose gradient is None rests, and its slots."""
        sizes = [int(np.prod(variable.shape)) for variable in variables]
        arrived = [gradient is not None for gradient in gradients]
        share = 1.0 if all(arrived) else ops.repeat(ops.cast(arrived, m.dtype), sizes)
        rate = self.corrected_rate(learning_rate, m.dtype)
        flat = [
            ops.zeros((size,), m.dtype) if each is None else ops.ravel(ops.cast(each, m.dtype))
            for each, size in zip(gradients, sizes, strict=True)
        ]
        step = self.moved(ops.concatenate(flat), m, v, rate, share)
        pieces = ops.split(step, np.cumsum(sizes)[:-1])
        for variable, piece, moves in zip(variables, pieces, arrived, strict=True):
            if moves:
                self.assign_sub(variable, ops.reshape(piece, variable.shape))

    def update_step(self, gradient, variable, learning_rate):
        """Move a variable that is alone."""
        m, v = self.slots[self.vectors.index([self._get_variable_index(variable)])]
        dtype = keras.backend.standardize_dtype(variable.dtype)
        gradient, rate = ops.cast(gradient, dtype), self.corrected_rate(learning_rate, dtype)
        if self.is_flat and dtype == "float32":
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=m.value.handle, v=v.value.handle, grad=gradient, lr=rate,
                beta1=self.beta_1, beta2=self.beta_2, epsilon=self.epsilon,
                beta1_power=0.0, beta2_power=0.0,  # the correction is in the rate
            )
        else:
            self.assign_sub(variable, self.moved(gradient, m, v, rate))

    def _backend_update_step(self, gradients, variables, learning_rate):
        """One step of the whole optimizer: the vectors, then, by Keras's own loop, who is alone."""
        arriving = zip(gradients, variables, strict=True)
        given = {self._get_variable_index(variable): (g, variable) for g, variable in arriving}
        for places, slots in zip(self.vectors, self.slots, strict=True):
            if len(places) > 1:
                pairs = [given.pop(p, (None, self._trainable_variables[p])) for p in places]
                self.update_vector(*zip(*pairs, strict=True), *slots, learning_rate)
        if given:
            super()._backend_update_step(*zip(*given.values(), strict=True), learning_rate)
