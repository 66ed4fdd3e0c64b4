"""The exam of lesson 16's batch normalization: the results of Keras's, and the kernel where it pays."""

import keras
import numpy as np

from utils.gradients import backpropagate
from utils.quiet import tensorflow as tf

from . import batch_normalization as plain
from ._exam import Exam, Mistake, see
from ._oracle import beside_keras, normal, weight

KERAS = keras.layers.BatchNormalization
LARGE, SMALL = (32, 8, 8, 64), (16, 24)  # 2**17 numbers, and fewer than 2**9


def features(*shape):
    """Float32 numbers whose last axis has other means and scales, near zero however many there are."""
    place = np.arange(shape[-1]) % 5
    return (normal(*shape) * (0.5 + place) + (place - 2.0)).astype("float32")


def as_keras(candidate, inputs, given, *, tolerance=1e-5, **arguments):
    """Output, gradients and moving statistics of a training call beside those of Keras's layer."""
    shape = inputs.shape
    layer, right = beside_keras(candidate, KERAS, shape, momentum=0.6, **arguments)
    received, expected = (each(inputs, training=True) for each in (layer, right))
    yield see("output", received, expected, given, tolerance=tolerance)
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), given, tolerance=1e-5)
    arriving = normal(*shape, seed=5)
    received, received_weights = backpropagate(layer, inputs, arriving, training=True)
    expected, expected_weights = backpropagate(right, inputs, arriving, training=True)
    what = "gradient with respect to"
    yield see(f"{what} the inputs", received, expected, given, tolerance=10 * tolerance)
    names = [each.name for each in layer.trainable_weights]
    for theirs, gradient in zip(right.trainable_weights, expected_weights, strict=True):
        mine = received_weights[names.index(weight(layer, theirs.name).name)]
        yield see(f"{what} {theirs.name}", mine, gradient, given, tolerance=10 * tolerance)


def small_batches_as_keras(candidate):
    """A small batch: output, moving statistics and gradients are those of Keras's layer."""
    yield from as_keras(candidate, features(*SMALL), f"inputs of shape {SMALL}")


def large_batches_as_keras(candidate):
    """A large batch, as for the kernel: all is as in Keras's layer, the gradients too."""
    yield from as_keras(candidate, features(*LARGE), f"inputs of shape {LARGE}")


def moving_variance_of_few_examples(candidate):
    """The moving variance follows the batch's variance divided by n, also from the kernel."""
    shape = (5, 2**15)
    layer, right = beside_keras(candidate, KERAS, shape, momentum=0.5)
    inputs = normal(*shape, scale=3.0)
    for each in (layer, right):
        each(inputs, training=True)
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), "five examples, 32,768 features")


def epsilon_is_what_it_was_told(candidate):
    """A tiny epsilon counts as it is, at a tiny variance, in small batches and in large ones."""
    for shape in (SMALL, LARGE):
        layer, right = beside_keras(candidate, KERAS, shape, epsilon=1e-7)
        inputs = normal(*shape, scale=1e-3)
        received, expected = (each(inputs, training=True) for each in (layer, right))
        given = f"epsilon=1e-7, inputs of shape {shape} with a standard deviation of 0.001"
        yield see("output", received, expected, given, tolerance=1e-4)


def works_without_gamma_or_beta(candidate):
    """`center=False` and `scale=False` work in small batches and in large ones."""
    for switch in ("center", "scale"):
        given = f"{switch}=False, inputs of shape {SMALL}"
        yield from as_keras(candidate, features(*SMALL), given, **{switch: False})
    layer, right = beside_keras(candidate, KERAS, LARGE, center=False, scale=False)
    received, expected = (each(features(*LARGE), training=True) for each in (layer, right))
    yield see("output", received, expected, f"center=False, scale=False, inputs of shape {LARGE}")


def any_axis_as_keras(candidate):
    """`axis` names the features' axis, in small batches and in large ones."""
    for axis, shape in ((1, (3, 4, 5)), (-2, (2, 3, 4, 5)), (1, (16, 32, 16, 16))):
        others = [size for place, size in enumerate(shape) if place != axis % len(shape)]
        inputs = np.moveaxis(features(*others, shape[axis]), -1, axis)
        given = f"axis={axis}, inputs of shape {shape}"
        yield from as_keras(candidate, np.ascontiguousarray(inputs), given, axis=axis)


def computes_other_dtypes(candidate):
    """Large batches of float16 are computed in float32, and those of float64 in float64."""
    for policy, dtype, tolerance in (
        ("mixed_float16", "float16", 2e-3),
        ("float64",) * 2 + (1e-8,),
    ):
        inputs = features(*LARGE).astype(dtype)
        layer, right = beside_keras(candidate, KERAS, LARGE, dtype=policy, momentum=0.5)
        received, expected = (each(inputs, training=True) for each in (layer, right))
        given = f"dtype={policy!r}, inputs of shape {LARGE}"
        output_dtype = keras.backend.standardize_dtype(received.dtype)
        yield see("dtype of the output", output_dtype, dtype, given)
        yield see("output", received, expected, given, tolerance=tolerance)
        received, expected = weight(layer, "moving_variance"), weight(right, "moving_variance")
        yield see("moving_variance", received, expected, given, tolerance=1e-5)


def same_gradient_of_a_gradient(candidate):
    """A second derivative is that of Keras's layer too."""

    def second(layer):
        inputs = tf.convert_to_tensor(features(*SMALL))
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                total = tf.reduce_sum(tf.tanh(layer(inputs, training=True)))
            size = tf.reduce_sum(inner.gradient(total, inputs) ** 2)
        return outer.gradient(size, inputs)

    layer, right = beside_keras(candidate, KERAS, SMALL)
    given = "the squared gradient of tanh of the output, differentiated"
    yield see("second derivative", second(layer), second(right), given, tolerance=1e-4)


def masks_of_large_batches(candidate):
    """A mask leaves positions out of the statistics of a large batch too."""
    shape = (32, 64, 64)
    mask = np.arange(64)[None] < np.arange(1, 65, 2)[:, None]  # (batch, positions)
    layer, right = beside_keras(candidate, KERAS, shape, momentum=0.6)
    received, expected = (
        each(features(*shape), training=True, mask=mask) for each in (layer, right)
    )
    given = f"inputs of shape {shape} and a mask of shape {shape[:2]}"
    yield see("output", received, expected, given, tolerance=1e-4)
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), given, tolerance=1e-4)


# --- Which way it takes -----------------------------------------------------------------------------


def kernel_in_the_graph(candidate, *shape, jit_compile=False):
    """Whether the fused kernel is in the graph of a training call. A size of None is not known."""
    layer = candidate()
    layer.build(shape)
    call = tf.function(lambda x: layer(x, training=True), autograph=False, jit_compile=jit_compile)
    graph = call.get_concrete_function(tf.TensorSpec(shape)).graph
    used = any(each.type.startswith("FusedBatchNorm") for each in graph.get_operations())
    return "the fused kernel" if used else "other operations"


def kernel_where_it_pays(candidate):
    """A large batch goes to the fused kernel, also where the number of examples is not known yet."""
    for shape in (LARGE, (None, *LARGE[1:])):
        received = kernel_in_the_graph(candidate, *shape)
        yield see(
            "graph of a training call", received, "the fused kernel", f"inputs of shape {shape}"
        )


def no_kernel_for_small_batches(candidate):
    """A small batch does not go to the fused kernel, which is slower there."""
    for shape in (SMALL, (128, 256), (None, 64)):
        received = kernel_in_the_graph(candidate, *shape)
        yield see(
            "graph of a training call", received, "other operations", f"inputs of shape {shape}"
        )


def no_kernel_under_xla(candidate):
    """Under `jit_compile=True` the fused kernel is not used: XLA's variance loses digits."""
    received = kernel_in_the_graph(candidate, *LARGE, jit_compile=True)
    given = f"inputs of shape {LARGE}, jit_compile=True"
    yield see("graph of a training call", received, "other operations", given)


# --- The exam ---------------------------------------------------------------------------------------

EXAMS = (
    Exam(
        name="FusedBatchNormalization",
        block="fast",
        probes=(
            plain.moving_statistics_start_at_zero_and_one,
            plain.inference_uses_moving_statistics,
            plain.inference_changes_nothing,
            small_batches_as_keras,
            plain.default_arguments,
            any_axis_as_keras,
            large_batches_as_keras,
            moving_variance_of_few_examples,
            epsilon_is_what_it_was_told,
            works_without_gamma_or_beta,
            kernel_where_it_pays,
            no_kernel_for_small_batches,
            no_kernel_under_xla,
            computes_other_dtypes,
            plain.stays_put_when_frozen,
            plain.ignores_masked_positions,
            masks_of_large_batches,
            plain.refuses_a_mask_of_the_wrong_rank,
            plain.passes_masks_on,
            plain.works_inside_a_compiled_function,
            same_gradient_of_a_gradient,
            plain.config_makes_it_again,
            plain.survives_a_file,
            plain.knows_its_output_shape,
        ),
        mistakes=(
            # the gradient by hand
            Mistake(
                "mean-detached",
                find="(of_beta + normalized * of_gamma) / count",
                put="(normalized * of_gamma) / count",
                says="In `few_passes` nothing flows back through the mean: what goes through it is the "
                "mean of the gradient that arrives.",
            ),
            Mistake(
                "variance-detached",
                find="(of_beta + normalized * of_gamma) / count",
                put="of_beta / count",
                says="In `few_passes` nothing flows back through the variance: subtract `normalized` "
                "times the mean of `arriving * normalized` as well.",
            ),
            Mistake(
                "statistics-detached",
                find="of_inputs = gamma * scale * (arriving - through_both)",
                put="of_inputs = gamma * scale * arriving",
                says="In `few_passes` the gradient takes the direct path only, as if mean and variance "
                "were constants.",
            ),
            Mistake(
                "paths-added",
                find="(arriving - through_both)",
                put="(arriving + through_both)",
                says="In `few_passes` the paths through mean and variance are added. Subtract them.",
            ),
            Mistake(
                "sums-for-means",
                find="through_both = (of_beta + normalized * of_gamma) / count",
                put="through_both = of_beta + normalized * of_gamma",
                says="In `few_passes` mean and variance share a gradient among all `count` numbers of a "
                "feature: divide the two sums by `count`.",
            ),
            Mistake(
                "gamma-forgotten",
                find="of_inputs = gamma * scale *",
                put="of_inputs = scale *",
                says="In `few_passes` the gradient of the inputs lacks the factor gamma.",
            ),
            Mistake(
                "scale-forgotten",
                find="of_inputs = gamma * scale *",
                put="of_inputs = gamma *",
                says="In `few_passes` the gradient of the inputs lacks the factor 1 / sqrt(variance + "
                "epsilon), which is `scale`.",
            ),
            Mistake(
                "gamma-of-inputs",
                find="of_gamma = ops.sum(arriving * normalized,",
                put="of_gamma = ops.sum(arriving * inputs,",
                says="gamma multiplies the normalized inputs: its gradient is the sum of `arriving * "
                "normalized`, not of `arriving * inputs`.",
            ),
            Mistake(
                "not-divided",
                find="normalized = (inputs - mean) * scale\n",
                put="normalized = inputs - mean\n",
                says="In the gradients, what you call normalized is only centred. Multiply by `scale`.",
            ),
            Mistake(
                "gamma-and-beta-exchanged",
                find="return of_inputs, of_gamma, of_beta, None, None",
                put="return of_inputs, of_beta, of_gamma, None, None",
                says="The gradients of gamma and beta have changed places. They come in the order of the "
                "arguments of `normalize`.",
            ),
            # the kernel
            Mistake(
                "kernel-variance-as-it-is",
                find="        variance = variance * (count - 1) / count\n",
                put="",
                says="You keep the kernel's variance as it is, divided by n - 1. The moving variance "
                "follows the one divided by n: multiply by (n - 1) / n.",
            ),
            Mistake(
                "corrected-the-wrong-way",
                find="variance = variance * (count - 1) / count",
                put="variance = variance * count / (count - 1)",
                says="You multiply the kernel's variance by n / (n - 1). It has had that already: "
                "multiply by (n - 1) / n.",
            ),
            Mistake(
                "count-of-features",
                find="count = ops.cast(shape[0],",
                put="count = ops.cast(shape[1],",
                says="In `one_kernel` n is the number of features. A variance divides by the number of "
                "examples, `shape[0]`.",
            ),
            Mistake(
                "kernels-own-epsilon",
                find="mean=[], variance=[], epsilon=self.epsilon,",
                put="mean=[], variance=[],",
                says="You leave the kernel its own epsilon, 0.0001. Hand it `epsilon=self.epsilon`.",
            ),
            Mistake(
                "epsilon-raised",
                find="epsilon=self.epsilon,\n        )",
                put="epsilon=max(self.epsilon, 1.001e-5),\n        )",
                says="Your epsilon is never below 1.001e-5 in large batches, as `tf.compat.v1.nn."
                "fused_batch_norm` raises it for graphics cards. `tf.raw_ops.FusedBatchNormV3` takes it "
                "as it is.",
            ),
            Mistake(
                "gamma-and-beta-exchanged-in-the-kernel",
                find="scale=ops.ravel(gamma),\n            offset=ops.ravel(beta),",
                put="scale=ops.ravel(beta),\n            offset=ops.ravel(gamma),",
                says="In `one_kernel` gamma and beta have changed places: `scale` is gamma, `offset` beta.",
            ),
            Mistake(
                "kernel-in-inference",
                find="mean=[], variance=[], epsilon=self.epsilon,",
                put="mean=self.moving_mean, variance=self.moving_variance, epsilon=self.epsilon,\n"
                "            is_training=False,",
                says="You run the kernel with is_training=False: it normalizes by the moving statistics. "
                "In training the batch's own do.",
            ),
            Mistake(
                "averaged-twice",
                find="mean=[], variance=[], epsilon=self.epsilon,",
                put="mean=self.moving_mean, variance=self.moving_variance, epsilon=self.epsilon,\n"
                "            exponential_avg_factor=1 - self.momentum,",
                says="Through `exponential_avg_factor` the kernel returns moving averages already, and "
                "the given code averages them once more. Let it return the batch's statistics.",
            ),
            # the choice
            Mistake(
                "kernel-under-xla",
                find="if under_xla() or not features_last",
                put="if not features_last",
                says="You use the kernel under jit_compile=True as well. There XLA puts another formula in "
                "its place, which loses all digits at a large mean: ask `under_xla()`.",
            ),
            Mistake(
                "kernel-on-any-axis",
                find="if under_xla() or not features_last or dtype",
                put="if under_xla() or dtype",
                says="You use the kernel whatever the axis. It takes the last axis for the features.",
            ),
            Mistake(
                "kernel-on-float64",
                find=' or dtype != "float32":',
                put=":",
                says="You hand the kernel float64, which it does not take. Ask for dtype float32.",
            ),
            Mistake(
                "always-the-kernel",
                find="return np.prod([size or self.usual_batch for size in shape]) >= self.kernel_from",
                put="return True",
                says="You use the kernel for small batches too, where it is slower: compare their size with "
                "`self.kernel_from`.",
            ),
            Mistake(
                "never-the-kernel",
                find="return np.prod([size or self.usual_batch for size in shape]) >= self.kernel_from",
                put="return False",
                says="Your class never uses the kernel. A large float32 batch with its features last goes "
                "there, where XLA does not compile.",
            ),
            Mistake(
                "small-to-the-kernel",
                find=">= self.kernel_from",
                put="< self.kernel_from",
                says="Small batches go to the kernel and large ones do not. It is the other way round.",
            ),
            Mistake(
                "unknown-counts-as-one",
                find="size or self.usual_batch for size",
                put="size or 1 for size",
                says="Where the number of examples is not known while tracing, as in `fit`, your class does "
                "not use the kernel. Count `self.usual_batch` for a size that is None.",
            ),
            # what stays as it was
            Mistake(
                "mask-ignored",
                find="training and self.trainable and mask is None",
                put="training and self.trainable",
                says="Your class takes no notice of a mask. The short ways know none: hand such a batch, "
                "and the mask with it, to `super().call`.",
            ),
            Mistake(
                "training-not-handed-on",
                find="return super().call(inputs, training=training, mask=mask)",
                put="return super().call(inputs, mask=mask)",
                says="You do not hand `training` on to `super().call`: a masked batch is treated as in "
                "inference.",
            ),
            Mistake(
                "frozen-ignored",
                find="training and self.trainable and mask",
                put="training and mask",
                says="A frozen layer (`trainable = False`) goes on using the batch. It is to behave as in "
                "inference.",
            ),
            Mistake(
                "always-training",
                find="training and self.trainable and mask",
                put="self.trainable and mask",
                says="You normalize by the batch in inference too. There your own class normalizes, by the "
                "moving statistics.",
            ),
        ),
        hints=(
            "Start with `call`. The short ways know the batch's statistics only: what does not use these, "
            "or uses a part of the batch, goes to `super().call`.",
            "`few_passes`: with the sums `of_beta` of `arriving`, and `of_gamma` of `arriving * normalized`, "
            "the inputs' gradient is gamma * scale * (arriving - (of_beta + normalized * of_gamma) / "
            "count).",
            "`one_kernel`: x, scale, offset, mean=[], variance=[], epsilon. The first three of what it "
            "returns are the outputs, the mean and the variance divided by n - 1.",
            "`kernel_pays`: `shape` may hold None. `np.prod` of the sizes, with `self.usual_batch` in "
            "place of None, is what `self.kernel_from` is compared with.",
        ),
        why="Three ways to one result, and each is right only somewhere. The kernel wins by reading memory "
        "least, but loses on small batches to its own preparations, and under XLA it is another formula. "
        "`mean` and `scale` are arguments of `normalize`, without a gradient of their own, so that a "
        "second derivative still finds its way through them. The choice is made while the graph is traced: "
        "it costs nothing when the graph runs.",
    ),
)
