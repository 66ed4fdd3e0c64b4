"""Exams of lesson 03: the moments, the training-time layer, its gradients, and a probe for them."""

import keras
import numpy as np
from keras import ops

from utils.gradients import backpropagate

from ._exam import Exam, Mistake, see
from ._oracle import beside_keras, channels, compiled, normal, weight

KERAS = keras.layers.BatchNormalization
GAMMA_BETA = ("gamma", "beta")


# --- moments ----------------------------------------------------------------------------------------


def mean_and_variance_by_hand(moments):
    """Of 1, 3 and 8 the mean is 4 and the variance (9 + 1 + 16) / 3."""
    mean, variance = moments(ops.convert_to_tensor([[1.0], [3.0], [8.0]]), (0,))
    yield see("mean", np.ravel(mean), [4.0], "inputs [[1], [3], [8]] and axes (0,)")
    yield see("variance", np.ravel(variance), [26 / 3], "inputs [[1], [3], [8]] and axes (0,)")


def averages_over_the_axes_named(moments):
    """It averages over the axes it is given, no more and no less, and keeps them with size 1."""
    for axes, shape in (
        ((0,), (5, 3)),
        ((0, 1, 2), (2, 3, 4, 2)),
        ((0, 2), (4, 3, 5)),
        ((1,), (3, 4)),
    ):
        inputs = channels(*shape)
        mean, variance = moments(ops.convert_to_tensor(inputs), axes)
        given = f"inputs of shape {shape} and axes {axes}"
        wide = inputs.astype("float64")
        yield see("mean", mean, wide.mean(axes, keepdims=True), given)
        yield see("variance", variance, wide.var(axes, keepdims=True), given)


def keeps_its_digits_far_from_zero(moments):
    """A large mean does not spoil the variance."""
    inputs = normal(64, 3, seed=1, mean=3000.0)
    _, variance = moments(ops.convert_to_tensor(inputs), (0,))
    right = inputs.astype("float64").var(0, keepdims=True)
    error = np.abs(np.asarray(variance, "float64") - right).max() / right.max()
    given = "numbers around 3,000 with variance 1"
    yield see("claim that the variance is right within one thousandth", error < 1e-3, True, given)


def works_with_unknown_sizes(moments):
    """Inside `tf.function`, as in `fit`, the size of the batch is not known beforehand."""
    inputs = channels(6, 3)
    traced = compiled(lambda x: ops.concatenate(moments(x, (0,)), 0), inputs)
    right = np.stack([inputs.mean(0), inputs.var(0)])
    yield see(
        "list of mean and variance", traced, right, "inputs of shape (None, 3) in tf.function"
    )


def lets_gradients_through(moments):
    """Gradients flow from mean and variance back to the inputs."""
    inputs = channels(4, 2)
    gradient, _ = backpropagate(lambda x: moments(x, (0,))[0], inputs, np.ones((1, 2)))
    yield see("gradient of the mean", gradient, np.full((4, 2), 0.25), "inputs of shape (4, 2)")
    gradient, _ = backpropagate(lambda x: moments(x, (0,))[1], inputs, np.ones((1, 2)))
    right = 2 / 4 * (inputs - inputs.mean(0))
    yield see("gradient of the variance", gradient, right, "inputs of shape (4, 2)")


MOMENTS = Exam(
    name="moments",
    block="normalization",
    probes=(
        mean_and_variance_by_hand,
        averages_over_the_axes_named,
        keeps_its_digits_far_from_zero,
        lets_gradients_through,
        works_with_unknown_sizes,
    ),
    mistakes=(
        Mistake(
            "unbiased-variance",
            find="variance = ops.mean(ops.square(inputs - mean), axis=axes, keepdims=True)",
            put="n = ops.cast(ops.size(inputs) / ops.size(mean), inputs.dtype)\n"
            "    variance = ops.sum(ops.square(inputs - mean), axis=axes, keepdims=True) / (n - 1)",
            says="Your variance divides by n - 1. Batch normalization, like the paper, divides by n.",
        ),
        Mistake(
            "standard-deviation",
            find="return mean, variance",
            put="return mean, ops.sqrt(variance)",
            says="You return the standard deviation. The variance is its square: leave the root away.",
        ),
        Mistake(
            "mean-absolute-deviation",
            find="ops.square(inputs - mean)",
            put="ops.abs(inputs - mean)",
            says="You average the distances from the mean. The variance averages their squares.",
        ),
        Mistake(
            "not-centred",
            find="ops.square(inputs - mean)",
            put="ops.square(inputs)",
            says="You average the squares of the inputs themselves. Subtract the mean first.",
        ),
        Mistake(
            "one-pass",
            find="variance = ops.mean(ops.square(inputs - mean), axis=axes, keepdims=True)",
            put="variance = ops.mean(ops.square(inputs), axis=axes, keepdims=True) - ops.square(mean)",
            says="mean(square(x)) - square(mean(x)) subtracts two large numbers that are almost equal: "
            "in float32 the digits are gone, and the result may be negative. Average square(x - mean).",
        ),
        Mistake(
            "axes-dropped",
            find="return mean, variance",
            put="return ops.squeeze(mean, axes), ops.squeeze(variance, axes)",
            says="The averaged axes are gone from your results. Keep them with size 1 (keepdims=True), "
            "so that mean and variance line up with the inputs again.",
        ),
        Mistake(
            "no-keepdims",
            find="mean = ops.mean(inputs, axis=axes, keepdims=True)\n"
            "    variance = ops.mean(ops.square(inputs - mean), axis=axes, keepdims=True)",
            put="mean = ops.mean(inputs, axis=axes)\n"
            "    variance = ops.mean(ops.square(inputs - mean), axis=axes)",
            says="The averaged axes are gone from your results. Keep them with size 1 (keepdims=True), "
            "so that mean and variance line up with the inputs again.",
        ),
        Mistake(
            "swapped",
            find="return mean, variance",
            put="return variance, mean",
            says="You return the variance first. The mean comes first.",
        ),
        Mistake(
            "sums",
            find="mean = ops.mean(inputs, axis=axes, keepdims=True)",
            put="mean = ops.sum(inputs, axis=axes, keepdims=True)",
            says="Your mean is the sum: divide it by the number of values.",
        ),
        Mistake(
            "every-axis",
            find="mean = ops.mean(inputs, axis=axes, keepdims=True)",
            put="axes = tuple(range(len(inputs.shape)))\n"
            "    mean = ops.mean(inputs, axis=axes, keepdims=True)",
            says="You average over every axis. Average over `axes` alone: each feature keeps its own.",
        ),
        Mistake(
            "first-axis-only",
            find="mean = ops.mean(inputs, axis=axes, keepdims=True)",
            put="axes = 0\n    mean = ops.mean(inputs, axis=axes, keepdims=True)",
            says="You average over the first axis, whatever `axes` says.",
        ),
        Mistake(
            "last-axis",
            find="mean = ops.mean(inputs, axis=axes, keepdims=True)",
            put="axes = -1\n    mean = ops.mean(inputs, axis=axes, keepdims=True)",
            says="You average over the last axis: that is layer normalization. Average over `axes`.",
        ),
        Mistake(
            "detached",
            find="mean = ops.mean(inputs, axis=axes, keepdims=True)",
            put="inputs = ops.stop_gradient(inputs)\n"
            "    mean = ops.mean(inputs, axis=axes, keepdims=True)",
            says="No gradient flows through your moments. They depend on the inputs: stay with "
            "keras.ops all the way, without NumPy and without stop_gradient.",
        ),
    ),
    hints=(
        "Both are averages: the mean of the inputs, and the mean of something squared.",
        "`ops.mean` takes `axis=` (a tuple will do) and `keepdims=True`.",
        "Subtract the mean from the inputs, square with `ops.square`, and average over the same axes.",
    ),
    why="Two passes over the data: first the mean, then the average squared distance from it. The "
    "one-pass form `mean(x²) - mean(x)²` saves a pass and loses the digits as soon as the mean is "
    "large beside the spread. `keepdims=True` lets the results broadcast against the inputs, "
    "whichever axes were averaged.",
)


# --- BatchNormalizationTrainingOnly -----------------------------------------------------------------


def has_gamma_and_beta(candidate):
    """After build there are a trainable gamma of ones and a beta of zeros, one number a feature."""
    layer = candidate()
    layer.build((None, 3))
    yield see("gamma", weight(layer, "gamma"), np.ones(3, "float32"), "inputs with 3 features")
    yield see("beta", weight(layer, "beta"), np.zeros(3, "float32"), "inputs with 3 features")
    trainable = sorted(each.name for each in layer.trainable_weights)
    yield see("list of trainable weights", trainable, ["beta", "gamma"])


def normalizes_each_feature(candidate):
    """Each feature is normalized over the batch, then scaled by gamma and shifted by beta."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), GAMMA_BETA)
    inputs = channels(6, 3)
    yield see(
        "output",
        layer(inputs, training=True),
        right(inputs, training=True),
        "inputs of shape (6, 3)",
    )


def epsilon_is_inside_the_root(candidate):
    """epsilon is added to the variance, before the root."""
    for epsilon in (1e-3, 0.5):
        layer, right = beside_keras(candidate, KERAS, (None, 3), GAMMA_BETA, epsilon=epsilon)
        inputs = 0.02 * channels(6, 3)
        given = f"inputs whose variance is tiny, epsilon={epsilon}"
        yield see("output", layer(inputs, training=True), right(inputs, training=True), given)


def averages_over_all_but_the_last_axis(candidate):
    """With images or sequences a feature is averaged over the batch and over all positions."""
    for shape in ((3, 4, 3), (2, 3, 4, 3)):
        layer, right = beside_keras(candidate, KERAS, shape, GAMMA_BETA)
        inputs = channels(*shape)
        yield see(
            "output",
            layer(inputs, training=True),
            right(inputs, training=True),
            f"inputs of shape {shape}",
        )


def ignores_training(candidate):
    """It uses the batch at hand whatever `training` says, and remembers nothing between calls."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), GAMMA_BETA)
    for seed, arguments in enumerate(({}, {"training": False}, {"training": True})):
        inputs = channels(6, 3, seed=seed)
        given = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "no `training`"
        received, expected = layer(inputs, **arguments), right(inputs, training=True)
        yield see("output", received, expected, f"{given}, call number {seed + 1}")


def survives_a_single_example(candidate):
    """A batch of one has variance 0: the output is beta, and finite."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), GAMMA_BETA)
    inputs = channels(1, 3)
    yield see(
        "output",
        layer(inputs, training=True),
        right(inputs, training=True),
        "a batch of one example",
    )


def stays_exact_far_from_zero(candidate):
    """Features with a large mean are normalized as well as others."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), GAMMA_BETA)
    inputs = normal(32, 3, seed=2, mean=2000.0)
    received, expected = layer(inputs, training=True), right(inputs, training=True)
    error = np.abs(np.asarray(received) - np.asarray(expected)).max()
    given = "numbers around 2,000 with variance 1"
    yield see("claim that outputs are right within one hundredth", error < 0.01, True, given)


def gradients_flow_through_the_statistics(candidate):
    """Gradients are those of Keras: also through the mean and through the variance."""
    layer, right = beside_keras(candidate, KERAS, (None, 4, 3), GAMMA_BETA)
    inputs, arriving = channels(2, 4, 3), normal(2, 4, 3, seed=5)
    received, received_weights = backpropagate(layer, inputs, arriving, training=True)
    expected, (gamma, beta) = backpropagate(right, inputs, arriving, training=True)
    yield see(
        "gradient with respect to the inputs", received, expected, "inputs of shape (2, 4, 3)"
    )
    names = [each.name for each in layer.trainable_weights]
    for name, gradient in (("gamma", gamma), ("beta", beta)):
        yield see(f"gradient of {name}", received_weights[names.index(name)], gradient)


def works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same."""
    layer, right = beside_keras(candidate, KERAS, (None, None, 3), GAMMA_BETA)
    inputs = channels(4, 2, 3)
    given = "inputs of shape (None, None, 3) in tf.function"
    yield see("output", compiled(layer, inputs, training=True), right(inputs, training=True), given)


TRAINING_ONLY = Exam(
    name="BatchNormalizationTrainingOnly",
    block="normalization",
    probes=(
        has_gamma_and_beta,
        normalizes_each_feature,
        epsilon_is_inside_the_root,
        averages_over_all_but_the_last_axis,
        ignores_training,
        survives_a_single_example,
        stays_exact_far_from_zero,
        gradients_flow_through_the_statistics,
        works_inside_a_compiled_function,
    ),
    mistakes=(
        Mistake(
            "epsilon-outside-the-root",
            find="ops.sqrt(variance + self.epsilon)",
            put="(ops.sqrt(variance) + self.epsilon)",
            says="You add epsilon to the standard deviation. It belongs inside the root, to the variance.",
        ),
        Mistake(
            "epsilon-squared",
            find="ops.sqrt(variance + self.epsilon)",
            put="ops.sqrt(variance + self.epsilon**2)",
            says="You add the square of epsilon to the variance. Add epsilon itself.",
        ),
        Mistake(
            "epsilon-missing",
            find="ops.sqrt(variance + self.epsilon)",
            put="ops.sqrt(variance)",
            says="epsilon is missing: a feature that is constant in a batch divides by zero.",
        ),
        Mistake(
            "epsilon-ignored",
            find="ops.sqrt(variance + self.epsilon)",
            put="ops.sqrt(variance + 1e-3)",
            says="You add 0.001 whatever `epsilon` was given. Use `self.epsilon`.",
        ),
        Mistake(
            "divides-by-variance",
            find="ops.sqrt(variance + self.epsilon)",
            put="(variance + self.epsilon)",
            says="You divide by the variance. Divide by its root, the standard deviation.",
        ),
        Mistake(
            "not-centred",
            find="normalized = (inputs - mean) /",
            put="normalized = inputs /",
            says="You divide without subtracting the mean first.",
        ),
        Mistake(
            "mean-not-divided",
            find="(inputs - mean) / ops.sqrt(variance + self.epsilon)",
            put="inputs - mean / ops.sqrt(variance + self.epsilon)",
            says="You divide only the mean by the deviation. Put `inputs - mean` in parentheses.",
        ),
        Mistake(
            "no-gamma",
            find="return self.gamma * normalized + self.beta",
            put="return normalized + self.beta",
            says="gamma has no effect: multiply the normalized inputs by it.",
        ),
        Mistake(
            "no-beta",
            find="return self.gamma * normalized + self.beta",
            put="return self.gamma * normalized",
            says="beta has no effect: add it after multiplying by gamma.",
        ),
        Mistake(
            "no-gamma-no-beta",
            find="return self.gamma * normalized + self.beta",
            put="return normalized",
            says="gamma and beta have no effect: multiply the normalized inputs by gamma, then add beta.",
        ),
        Mistake(
            "inference-untouched",
            find="        mean, variance = moments(inputs, axes",
            put="        if not training:\n            return inputs\n"
            "        mean, variance = moments(inputs, axes",
            says="Without training=True you return the inputs. This stage has no inference yet: "
            "it normalizes by the batch, always.",
        ),
        Mistake(
            "gamma-times-beta",
            find="return self.gamma * normalized + self.beta",
            put="return self.gamma * (normalized + self.beta)",
            says="You add beta before multiplying by gamma. Multiply first, then add beta.",
        ),
        Mistake(
            "gamma-and-beta-swapped",
            find="return self.gamma * normalized + self.beta",
            put="return self.beta * normalized + self.gamma",
            says="gamma and beta have changed places: gamma scales, beta shifts.",
        ),
        Mistake(
            "gamma-starts-at-zero",
            find='initializer="ones", name="gamma"',
            put='initializer="zeros", name="gamma"',
            says="gamma starts at 0, so that a new layer gives 0 for everything. It starts at 1.",
        ),
        Mistake(
            "beta-starts-at-one",
            find='initializer="zeros", name="beta"',
            put='initializer="ones", name="beta"',
            says="beta starts at 1. It starts at 0: a new layer normalizes and no more.",
        ),
        Mistake(
            "gamma-frozen",
            find='initializer="ones", name="gamma"',
            put='initializer="ones", name="gamma", trainable=False',
            says="gamma is not trainable. gamma and beta are what this layer learns.",
        ),
        Mistake(
            "first-axis-only",
            find="axes=tuple(range(len(inputs.shape) - 1))",
            put="axes=(0,)",
            says="You average over the batch alone. With more axes than two, average over all but the last.",
        ),
        Mistake(
            "layer-normalization",
            find="axes=tuple(range(len(inputs.shape) - 1))",
            put="axes=(-1,)",
            says="You normalize each example over its features: that is layer normalization. "
            "Average over every axis but the last.",
        ),
        Mistake(
            "every-axis",
            find="axes=tuple(range(len(inputs.shape) - 1))",
            put="axes=tuple(range(len(inputs.shape)))",
            says="You average over every axis, features included. Each feature has moments of its own.",
        ),
        Mistake(
            "unbiased-variance",
            find="mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))",
            put="mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))\n"
            "        n = ops.cast(ops.size(inputs) / inputs.shape[-1], variance.dtype)\n"
            "        variance = variance * n / (n - 1)",
            says="Your variance divides by n - 1. Keras, like the paper, divides by n.",
        ),
        Mistake(
            "one-pass",
            find="mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))",
            put="axes = tuple(range(len(inputs.shape) - 1))\n"
            "        mean = ops.mean(inputs, axes)\n"
            "        variance = ops.mean(ops.square(inputs), axes) - ops.square(mean)",
            says="mean(square(x)) - square(mean(x)) loses its digits where the mean is large beside the "
            "spread. Average square(x - mean).",
        ),
        Mistake(
            "statistics-detached",
            find="mean, variance = moments(inputs,",
            put="mean, variance = moments(ops.stop_gradient(inputs),",
            says="Outputs are right, gradients are not: none flows through the mean and the variance. "
            "They depend on the inputs too.",
        ),
        Mistake(
            "mean-detached",
            find="normalized = (inputs - mean)",
            put="normalized = (inputs - ops.stop_gradient(mean))",
            says="Outputs are right, gradients are not: none flows through the mean.",
        ),
        Mistake(
            "variance-detached",
            find="ops.sqrt(variance + self.epsilon)",
            put="ops.sqrt(ops.stop_gradient(variance) + self.epsilon)",
            says="Outputs are right, gradients are not: none flows through the variance.",
        ),
    ),
    hints=(
        "`build` makes two weights with `self.add_weight`, each of shape `(input_shape[-1],)`.",
        "Call your `moments` with every axis but the last: `len(inputs.shape)` tells how many there are.",
        "Subtract the mean, divide by `ops.sqrt(variance + self.epsilon)`, then gamma times that, plus beta.",
    ),
    why="The axes are worked out from the inputs' rank, so that one class serves vectors, sequences and "
    "images. epsilon stands inside the root: the derivative of the root is unbounded at 0, and inside "
    "it is bounded there too.",
)


# --- batch_normalization_gradients ------------------------------------------------------------------


def gradients_by_hand(function):
    """For one feature with the values 1 and -1 the path through the statistics cancels the direct one."""
    arguments = np.array([[1.0], [-1.0]]), np.array([2.0]), np.array([[1.0], [0.0]])
    input_gradient, gamma_gradient, beta_gradient = function(*arguments, epsilon=1.0)
    given = "inputs [[1], [-1]], gamma [2], output_gradient [[1], [0]], epsilon=1"
    yield see("beta_gradient", beta_gradient, [1.0], given)
    yield see("gamma_gradient", gamma_gradient, [np.sqrt(0.5)], given)
    right = np.sqrt(0.5) * np.array([[0.5], [-0.5]])
    yield see("input_gradient", input_gradient, right, given)


def gradients_of_keras(function):
    """All three gradients are those of Keras's layer."""
    inputs, arriving = channels(7, 3), normal(7, 3, seed=5)
    for epsilon in (1e-3, 0.5):
        right = KERAS(epsilon=epsilon)
        right.build((None, 3))
        right.gamma.assign([0.5, -1.0, 2.0])
        given = f"inputs of shape (7, 3), gamma [0.5, -1, 2], epsilon={epsilon}"
        received = function(inputs, right.gamma.numpy(), arriving, epsilon=epsilon)
        expected, (gamma, beta) = backpropagate(right, inputs, arriving, training=True)
        input_gradient, gamma_gradient, beta_gradient = received
        yield see("beta_gradient", beta_gradient, beta, given, tolerance=1e-5)
        yield see("gamma_gradient", gamma_gradient, gamma, given, tolerance=1e-5)
        yield see("input_gradient", input_gradient, expected, given, tolerance=1e-5)


def default_epsilon(function):
    """Without a word about it, epsilon is 0.001."""
    arguments = 0.02 * channels(5, 2), np.ones(2), normal(5, 2, seed=6)
    for name, received, right in zip(
        ("input_gradient", "gamma_gradient", "beta_gradient"),
        function(*arguments),
        function(*arguments, epsilon=1e-3),
        strict=True,
    ):
        yield see(name, received, right, "a tiny variance")


def leaves_its_arguments_alone(function):
    """The arrays it is given are the same afterwards."""
    for dtype in ("float32", "float64"):
        arrays = channels(5, 2), np.ones(2), normal(5, 2, seed=6)
        arguments = [array.astype(dtype) for array in arrays]
        function(*arguments)
        for name, argument, array in zip(
            ("inputs", "gamma", "output_gradient"), arguments, arrays, strict=True
        ):
            given = f"{dtype} arrays, and looking at them afterwards"
            yield see(f"array `{name}`", argument, array.astype(dtype), given, tolerance=0)


GRADIENTS = Exam(
    name="batch_normalization_gradients",
    block="normalization",
    probes=(gradients_by_hand, gradients_of_keras, default_epsilon, leaves_its_arguments_alone),
    mistakes=(
        Mistake(
            "direct-path-only",
            find="return direct + through_mean + through_variance,",
            put="return direct,",
            says="You take the direct path alone, as if mean and variance were constants. They depend on "
            "the inputs: add the paths through both.",
        ),
        Mistake(
            "no-path-through-the-mean",
            find="return direct + through_mean + through_variance,",
            put="return direct + through_variance,",
            says="The path through the mean is missing from the gradient of the inputs.",
        ),
        Mistake(
            "no-path-through-the-variance",
            find="return direct + through_mean + through_variance,",
            put="return direct + through_mean,",
            says="The path through the variance is missing from the gradient of the inputs.",
        ),
        Mistake(
            "path-through-the-mean-with-the-wrong-sign",
            find="through_mean = -np.mean(direct, axis=0)",
            put="through_mean = np.mean(direct, axis=0)",
            says="The path through the mean has the wrong sign: a larger mean makes the outputs smaller.",
        ),
        Mistake(
            "path-through-the-variance-with-the-wrong-sign",
            find="through_variance = -normalized",
            put="through_variance = normalized",
            says="The path through the variance has the wrong sign: a larger variance pulls outputs to 0.",
        ),
        Mistake(
            "sums-for-means",
            find="through_mean = -np.mean(direct, axis=0)",
            put="through_mean = -np.sum(direct, axis=0)",
            says="The path through the mean is a sum over the batch; divide by n, as the mean does.",
        ),
        Mistake(
            "sum-through-the-variance",
            find="np.mean(direct * normalized, axis=0)",
            put="np.sum(direct * normalized, axis=0)",
            says="The path through the variance is a sum over the batch; divide by n, as the variance does.",
        ),
        Mistake(
            "twice-through-the-variance",
            find="through_variance = -normalized",
            put="through_variance = -2 * normalized",
            says="The path through the variance counts twice: the 2 of the square and the 1/2 of the root "
            "cancel.",
        ),
        Mistake(
            "gamma-forgotten",
            find="direct = output_gradient * gamma / deviation",
            put="direct = output_gradient / deviation",
            says="gamma is missing from the gradient of the inputs: outputs are gamma times normalized.",
        ),
        Mistake(
            "deviation-forgotten",
            find="direct = output_gradient * gamma / deviation",
            put="direct = output_gradient * gamma",
            says="The gradient of the inputs is not divided by the deviation sqrt(variance + epsilon).",
        ),
        Mistake(
            "gamma-by-inputs",
            find="np.sum(output_gradient * normalized, axis=0)",
            put="np.sum(output_gradient * inputs, axis=0)",
            says="gamma multiplies the normalized inputs: its gradient sums output_gradient * normalized.",
        ),
        Mistake(
            "both-weights-averaged",
            find="gamma_gradient = np.sum(output_gradient * normalized, axis=0)\n"
            "    beta_gradient = np.sum(output_gradient, axis=0)",
            put="gamma_gradient = np.mean(output_gradient * normalized, axis=0)\n"
            "    beta_gradient = np.mean(output_gradient, axis=0)",
            says="The gradients of gamma and beta are averaged over the batch. Every example adds to "
            "them: sums.",
        ),
        Mistake(
            "epsilon-ignored",
            find="inputs.var(axis=0) + epsilon",
            put="inputs.var(axis=0) + 1e-3",
            says="You add 0.001 whatever `epsilon` was given. Use `epsilon`.",
        ),
        Mistake(
            "variance-for-deviation",
            find="np.sqrt(inputs.var(axis=0) + epsilon)",
            put="inputs.var(axis=0) + epsilon",
            says="Your deviation is the variance: take the root of variance + epsilon.",
        ),
        Mistake(
            "mean-over-everything",
            find="through_mean = -np.mean(direct, axis=0)",
            put="through_mean = -np.mean(direct)",
            says="The path through the mean averages over the features too. Each feature has a mean of "
            "its own: axis=0.",
        ),
        Mistake(
            "variance-path-without-normalizing",
            find="through_variance = -normalized",
            put="through_variance = -(inputs - inputs.mean(axis=0))",
            says="In the path through the variance stands (inputs - mean) where `normalized` belongs: "
            "divide it by the deviation once more.",
        ),
        Mistake(
            "gamma-and-beta-averaged",
            find="gamma_gradient = np.sum(output_gradient * normalized, axis=0)",
            put="gamma_gradient = np.mean(output_gradient * normalized, axis=0)",
            says="The gradient of gamma is averaged over the batch. Every example adds to it: a sum.",
        ),
        Mistake(
            "beta-averaged",
            find="beta_gradient = np.sum(output_gradient, axis=0)",
            put="beta_gradient = np.mean(output_gradient, axis=0)",
            says="The gradient of beta is averaged over the batch. Every example adds to it: a sum.",
        ),
        Mistake(
            "epsilon-forgotten",
            find="deviation = np.sqrt(inputs.var(axis=0) + epsilon)",
            put="deviation = np.sqrt(inputs.var(axis=0))",
            says="epsilon is missing from the deviation.",
        ),
        Mistake(
            "unbiased-variance",
            find="inputs.var(axis=0)",
            put="inputs.var(axis=0, ddof=1)",
            says="Your variance divides by n - 1. Batch normalization divides by n.",
        ),
        Mistake(
            "gamma-and-beta-swapped",
            find="through_variance, gamma_gradient, beta_gradient",
            put="through_variance, beta_gradient, gamma_gradient",
            says="The gradients of gamma and beta have changed places in what you return.",
        ),
    ),
    hints=(
        "Write down the forward pass first. Then go back from the outputs, one line at a time.",
        "gamma meets every example of the batch: its gradient is a sum of output_gradient * normalized.",
        "An input acts on the outputs in three ways: itself (output_gradient * gamma / deviation), by "
        "moving the mean of all, and by changing the variance of all. The last two are averages of the "
        "first over the batch, the second of them weighted with `normalized`; both are subtracted.",
    ),
    why="Write `direct` for what an input would receive if the statistics were constants. The mean's "
    "path takes its average away, the variance's path takes away what of it points along `normalized`. "
    "What is left sums to 0 over the batch and is (up to epsilon) at right angles to the normalized "
    "inputs: shifting or stretching all inputs changes no output, so no gradient asks for it.",
)


# --- gradient_flows_through_statistics --------------------------------------------------------------


class _Detached(KERAS):
    """Right outputs; the chosen statistics are constants to the gradient."""

    mean_flows = variance_flows = False

    def _moments(self, inputs, mask):
        mean, variance = super()._moments(inputs, mask)
        mean = mean if self.mean_flows else ops.stop_gradient(mean)
        return mean, variance if self.variance_flows else ops.stop_gradient(variance)


class _DetachedMean(_Detached):
    variance_flows = True


class _DetachedVariance(_Detached):
    mean_flows = True


class _DetachedNegative(_Detached):
    """Its gamma is -1: what is left over has the other sign."""

    def __init__(self, **kwargs):
        super().__init__(**{"gamma_initializer": keras.initializers.Constant(-1.0), **kwargs})


for _culprit in (_Detached, _DetachedMean, _DetachedVariance, _DetachedNegative):
    _culprit.__name__ = "BatchNormalization"  # a name gives nothing away


def acquits_right_layers(convicts):
    """A layer whose gradient is right passes: Keras's own, and the one built in this lesson."""
    yield see("verdict", bool(convicts(KERAS)), True, "keras.layers.BatchNormalization")
    right = TRAINING_ONLY.reference
    yield see("verdict", bool(convicts(right)), True, "a right BatchNormalizationTrainingOnly")


def convicts_the_detached_layer(convicts):
    """The layer whose statistics let no gradient through is found out."""
    for culprit in (_Detached, _DetachedNegative):
        yield see("verdict", bool(convicts(culprit)), False, "a layer with detached statistics")


def convicts_half_detached_layers(convicts):
    """A layer that detaches the mean alone, or the variance alone, is found out too."""
    yield see(
        "verdict", bool(convicts(_DetachedMean)), False, "a layer that detaches the mean only"
    )
    yield see(
        "verdict",
        bool(convicts(_DetachedVariance)),
        False,
        "a layer that detaches the variance only",
    )


PROBE = Exam(
    name="gradient_flows_through_statistics",
    block="normalization",
    probes=(acquits_right_layers, convicts_the_detached_layer, convicts_half_detached_layers),
    mistakes=(
        Mistake(
            "always-true",
            find="return bool(np.all(np.abs([shift, stretch]) < 0.02))",
            put="return True",
            says="You acquit every layer. The detached one has right outputs: look at its gradient.",
        ),
        Mistake(
            "always-false",
            find="return bool(np.all(np.abs([shift, stretch]) < 0.02))",
            put="return False",
            says="You convict every layer, right ones too.",
        ),
        Mistake(
            "upside-down",
            find="return bool(np.all(np.abs([shift, stretch]) < 0.02))",
            put="return not np.all(np.abs([shift, stretch]) < 0.02)",
            says="Your verdict is upside down: True is for a layer whose gradient flows.",
        ),
        Mistake(
            "not-training",
            find="layer_class(), inputs, output_gradient, training=True",
            put="layer_class(), inputs, output_gradient",
            says="You call the layer without training=True. In inference it uses no statistics of the "
            "batch, so that none can let a gradient through.",
        ),
        Mistake(
            "or-for-and",
            find="return bool(np.all(np.abs([shift, stretch]) < 0.02))",
            put="return bool(np.all(np.abs(shift) < 0.02) or np.all(np.abs(stretch) < 0.02))",
            says="You acquit a layer that satisfies one of the two conditions. It has to satisfy both.",
        ),
        Mistake(
            "too-strict",
            find="< 0.02",
            put="< 1e-9",
            says="You convict right layers: rounding and epsilon leave a small remainder. Allow for it.",
        ),
        Mistake(
            "mean-only",
            find="np.abs([shift, stretch])",
            put="np.abs([shift])",
            says="You find out a detached mean, not a detached variance. Stretching the inputs about "
            "their mean leaves the outputs (almost) as they are, too.",
        ),
        Mistake(
            "variance-only",
            find="np.abs([shift, stretch])",
            put="np.abs([stretch])",
            says="You find out a detached variance, not a detached mean. Shifting all inputs of a "
            "feature leaves the outputs as they are, too.",
        ),
    ),
    hints=(
        "The outputs are right to the last bit, so no test of outputs finds it. What is left to look at?",
        "`gradients.backpropagate(layer, inputs, output_gradient, training=True)` gives the gradient of "
        "the inputs. If you add the same number to all inputs of a feature, how do the outputs change?",
        "They do not change: the input gradient, summed over the batch, must be 0. If the inputs are "
        "stretched about their mean the outputs hardly change either: the sum of the gradient times "
        "(inputs - mean) must be nearly 0. A small tolerance takes care of epsilon and rounding.",
    ),
    why="A test of outputs cannot find this mistake, and the loss goes down with it too. The invariances "
    "find it without any second implementation: what no output depends on, no gradient may ask for.",
)

EXAMS = (MOMENTS, TRAINING_ONLY, GRADIENTS, PROBE)
