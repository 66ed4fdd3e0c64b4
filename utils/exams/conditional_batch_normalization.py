"""The exam of conditional batch normalization, held to float64 NumPy.

Keras has no such class, and an answer may call its weights as it likes. So it is judged by what it
does: gamma and beta are read off its outputs, and moved by gradient descent.
"""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from utils.gradients import backpropagate
from utils.quiet import tensorflow as tf

from ._exam import Candidate, Exam, Mistake, see
from ._oracle import channels, normal

FEATURES, CONTEXT_FEATURES = 3, 2
CONTEXTS = normal(4, CONTEXT_FEATURES, seed=7)


def normalized(inputs: np.ndarray, epsilon: float = 1e-3) -> np.ndarray:
    """`inputs` less their mean, over the root of their variance, for each feature, in float64."""
    wide = inputs.astype("float64")
    axes = tuple(range(wide.ndim - 1))
    return (wide - wide.mean(axes)) / np.sqrt(wide.var(axes) + epsilon)


def by_example(values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """`values` of shape (batch, features), in line with `inputs` of any rank."""
    return values.reshape(len(values), *[1] * (inputs.ndim - 2), values.shape[-1])


def contexts_matter(layer: keras.Layer, rank: int) -> bool:
    """Whether one and the same example comes out otherwise in another context."""
    outputs = np.asarray(layer(np.ones((4, *[4] * (rank - 2), FEATURES), "float32"), CONTEXTS))
    return bool(np.ptp(outputs.astype("float64"), axis=0).max() > 1e-6)


def new(candidate: Candidate, rank: int = 2, **arguments: Any) -> keras.Layer:
    """A layer at its start, for inputs of that rank. Raises `ValueError` where it starts wrong."""
    layer = candidate(**arguments)
    if contexts_matter(layer, rank):
        raise ValueError("gamma and beta do not start as constants: no context may matter at first")
    return layer


def descended(candidate: Candidate, *sizes: int, **arguments: Any) -> keras.Layer:
    """A layer after one step of gradient descent: its gamma and beta depend on the context.

    Args:
        sizes: those of the inputs between batch and features.
        arguments: for the constructor.
    """
    inputs, arriving = (normal(4, *sizes, FEATURES, seed=seed, mean=0.5) for seed in (1, 2))
    layer = new(candidate, inputs.ndim, **arguments)
    _, gradients = backpropagate(layer, inputs, arriving, context=CONTEXTS, training=False)
    rate = 1 / np.prod(sizes, initial=1)
    for variable, gradient in zip(layer.trainable_weights, gradients, strict=True):
        variable.assign(variable - rate * gradient)
    return layer


def gamma_and_beta(
    layer: keras.Layer, contexts: np.ndarray, *sizes: int, epsilon: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """What multiplies and what is added, (batch, features), read off a layer that was never trained.

    Its moving statistics are still 0 and 1, so that inputs of 0 give beta.
    """
    zeros = np.zeros((len(contexts), *[1] * len(sizes), FEATURES), "float32")
    beta, both = (np.asarray(layer(x, contexts), "float64") for x in (zeros, zeros + 1))
    return tuple(
        each.reshape(len(contexts), FEATURES)
        for each in ((both - beta) * np.sqrt(1 + epsilon), beta)
    )


# --- The start --------------------------------------------------------------------------------------


def starts_as_batch_normalization(candidate):
    """A new layer is a batch normalization with gamma 1 and beta 0, whatever the context."""
    for shape in ((4, FEATURES), (4, 5, FEATURES)):
        layer, inputs = candidate(), channels(*shape)
        given = f"a new layer and inputs of shape {shape}"
        differs = contexts_matter(layer, len(shape))
        yield see("answer to whether the context changes the output", differs, False, given)
        if differs:
            return
        received, right = layer(inputs, CONTEXTS, training=False), inputs / np.sqrt(1.001)
        yield see("output", received, right, f"{given}, training=False")
        received = layer(inputs, CONTEXTS, training=True)
        yield see("output", received, normalized(inputs), f"{given}, training=True")


def has_two_maps_and_no_more(candidate):
    """The trainable numbers are those of two maps of the context, each with a constant."""
    layer = candidate()
    layer(channels(4, FEATURES), CONTEXTS)
    received = sum(int(np.prod(each.shape)) for each in layer.trainable_weights)
    right = 2 * (CONTEXT_FEATURES + 1) * FEATURES
    given = f"{FEATURES} features and {CONTEXT_FEATURES} of the context"
    yield see("number of trainable numbers", received, right, given)


# --- Learned maps of the context --------------------------------------------------------------------


def learns_both_maps(candidate):
    """Gradient descent makes gamma and beta depend on the context, and moves their constants."""
    layer = descended(candidate)
    given = "a layer after one step of gradient descent"
    values = gamma_and_beta(layer, CONTEXTS)
    constants = gamma_and_beta(layer, 0 * CONTEXTS)
    names = ("gamma", "beta")
    received = [n for n, value in zip(names, values, strict=True) if np.ptp(value, 0).max() > 1e-3]
    yield see("list of what depends on the context", received, [*names], given)
    received = [n for n, c, start in zip(names, constants, (1, 0), strict=True)
                if not np.allclose(c, start, atol=1e-3)]  # fmt: skip
    yield see("list of what has moved where the context is 0", received, [*names], given)


def gamma_and_beta_are_learned_apart(candidate):
    """What beta learns leaves gamma as it is, and the other way round."""
    inputs = np.array([[1.0] * FEATURES, [-1.0] * FEATURES] * 2, "float32")
    contexts = np.repeat(CONTEXTS[:2], 2, axis=0)
    for arriving, name, place, right in (
        (np.ones_like(inputs), "gamma", 0, np.ones_like(inputs)),
        (inputs, "beta", 1, np.zeros_like(inputs)),
    ):
        layer = new(candidate)
        _, gradients = backpropagate(layer, inputs, arriving, context=contexts, training=False)
        for variable, gradient in zip(layer.trainable_weights, gradients, strict=True):
            variable.assign(variable - gradient)
        other = "beta" if name == "gamma" else "gamma"
        given = f"a step of gradient descent that is to move {other} alone"
        yield see(name, gamma_and_beta(layer, contexts)[place], right, given)


def maps_are_linear(candidate):
    """gamma and beta are linear in the context: in the middle of two contexts lies their mean."""
    layer = descended(candidate)
    between = 3 * CONTEXTS - 2 * CONTEXTS[::-1]  # far out on the line through two contexts
    ends, received = (gamma_and_beta(layer, c) for c in (CONTEXTS, between))
    for name, end, value in zip(("gamma", "beta"), ends, received, strict=True):
        given = "the context 3 * a - 2 * b, beside those in the contexts a and b"
        yield see(name, value, 3 * end - 2 * end[::-1], given, tolerance=1e-4)


def every_example_has_its_own_context(candidate):
    """Each example has the gamma and beta of its own context, the same at all of its positions."""
    for sizes in ((3, 4), (4,), ()):
        layer, inputs = descended(candidate, *sizes), channels(4, *sizes, FEATURES)
        alone = [gamma_and_beta(layer, CONTEXTS[i : i + 1], *sizes) for i in range(4)]
        gamma, beta = (by_example(np.concatenate(v), inputs) for v in zip(*alone, strict=True))
        given = f"inputs of shape {inputs.shape}, four contexts in a batch"
        right = gamma * inputs / np.sqrt(1.001) + beta
        yield see("output", layer(inputs, CONTEXTS, training=False), right, given, tolerance=1e-4)


# --- Training and inference -------------------------------------------------------------------------


def training_uses_the_batch(candidate):
    """In training the batch's mean and variance, over all axes but the last, normalize."""
    for sizes in ((), (5,)):
        layer, inputs = descended(candidate, *sizes), channels(4, *sizes, FEATURES)
        gamma, beta = (by_example(v, inputs) for v in gamma_and_beta(layer, CONTEXTS, *sizes))
        right = gamma * normalized(inputs) + beta
        given = f"inputs of shape {inputs.shape}, training=True"
        yield see("output", layer(inputs, CONTEXTS, training=True), right, given, tolerance=1e-4)


def moving_statistics_follow(candidate):
    """Moving statistics follow by (1 - momentum), and normalize in inference."""
    momentum, epsilon = 0.7, 0.25
    layer = descended(candidate, momentum=momentum, epsilon=epsilon)
    gamma, beta = gamma_and_beta(layer, CONTEXTS, epsilon=epsilon)
    mean, variance = np.zeros(FEATURES), np.ones(FEATURES)
    for step in range(3):
        inputs = channels(4, FEATURES, seed=step) * 0.3
        right = gamma * normalized(inputs, epsilon) + beta
        given = f"momentum {momentum}, epsilon {epsilon}, training call {step + 1}"
        yield see("output", layer(inputs, CONTEXTS, training=True), right, given, tolerance=1e-4)
        mean = momentum * mean + (1 - momentum) * inputs.mean(0)
        variance = momentum * variance + (1 - momentum) * inputs.var(0)
        right = gamma * (inputs - mean) / np.sqrt(variance + epsilon) + beta
        given = f"{given}, then no word about training"
        yield see("output", layer(inputs, CONTEXTS), right, given, tolerance=1e-4)


def default_arguments(candidate):
    """Without arguments momentum is 0.99 and epsilon 0.001."""
    layer, inputs = new(candidate), channels(4, FEATURES) * 0.02
    received = layer(inputs, CONTEXTS, training=True)
    yield see("output", received, normalized(inputs), "a tiny variance, training=True")
    right = (inputs - 0.01 * inputs.mean(0)) / np.sqrt(0.991 + 0.01 * inputs.var(0))
    yield see("output", layer(inputs, CONTEXTS), right, "inference after one training call")


def stays_put_when_frozen(candidate):
    """With `trainable = False` it behaves as in inference, even under training=True."""
    layer, inputs = descended(candidate), channels(4, FEATURES)
    layer.trainable = False
    right = np.array(layer(inputs, CONTEXTS, training=False))
    for call in ("output", "output of a second call"):
        received = layer(inputs, CONTEXTS, training=True)
        yield see(call, received, right, "trainable = False, training=True")


def gradients_reach_inputs_and_context(candidate):
    """Gradients flow to the inputs, and through gamma and beta to the context."""
    layer, inputs = descended(candidate, 5), channels(4, 5, FEATURES)
    arriving, given = normal(4, 5, FEATURES, seed=5), "inputs of shape (4, 5, 3), training=True"
    gamma, _ = gamma_and_beta(layer, CONTEXTS, 5)
    plain = keras.layers.BatchNormalization(center=False, scale=False)
    plain.build(inputs.shape)
    right, _ = backpropagate(plain, inputs, arriving * by_example(gamma, inputs), training=True)
    corners = np.concatenate([np.zeros((1, CONTEXT_FEATURES)), np.eye(CONTEXT_FEATURES)])
    maps = [v[1:] - v[0] for v in gamma_and_beta(layer, corners.astype("float32"), 5)]
    received, _ = backpropagate(layer, inputs, arriving, context=CONTEXTS, training=True)
    yield see("gradient with respect to the inputs", received, right, given, tolerance=1e-4)
    to_gamma = np.sum(arriving * normalized(inputs), axis=1)
    right = to_gamma @ maps[0].T + arriving.sum(axis=1) @ maps[1].T
    received, _ = backpropagate(lambda c: layer(inputs, c, training=True), CONTEXTS, arriving)
    yield see("gradient with respect to the context", received, right, given, tolerance=1e-4)


# --- A Keras layer ----------------------------------------------------------------------------------


def config_makes_it_again(candidate):
    """`get_config` holds momentum and epsilon; `from_config` makes the same layer again."""
    arguments = {"momentum": 0.8, "epsilon": 0.25, "name": "mine"}
    config = candidate(**arguments).get_config()
    for which in (config, candidate.from_config(dict(config)).get_config()):
        held = {key: which[key] for key in arguments if key in which}
        yield see("part of the config", held, arguments, "another value than the default for each")


def survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    layer, inputs = descended(candidate, epsilon=0.1, momentum=0.5), channels(4, FEATURES)
    layer(inputs, CONTEXTS, training=True)
    ends = keras.Input((FEATURES,)), keras.Input((CONTEXT_FEATURES,))
    model = keras.Model(ends, layer(*ends))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        loaded = keras.models.load_model(file, custom_objects={candidate.__name__: candidate})
    given = "a model with this layer, saved and loaded"
    for training in (False, True):
        received = loaded([inputs, CONTEXTS], training=training)
        right = layer(inputs, CONTEXTS, training=training)
        yield see("output", received, right, f"{given}, training={training}", tolerance=0)


def gives_float16_under_mixed_precision(candidate):
    """Under mixed precision it takes and gives float16, and normalizes in float32 between."""
    layer = descended(candidate, dtype="mixed_float16")
    inputs = (channels(4, FEATURES) * 400).astype("float16")  # their squares exceed float16
    gamma, beta = gamma_and_beta(layer, CONTEXTS)
    outputs = layer(inputs, CONTEXTS, training=True)
    given = "float16 inputs of around 1,000, dtype='mixed_float16'"
    dtype = keras.backend.standardize_dtype(outputs.dtype)
    yield see("dtype of the output", dtype, "float16", given)
    yield see("output", outputs, gamma * normalized(inputs) + beta, given, tolerance=1e-2)


def works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same and still moves its statistics."""
    first, second = (descended(candidate, 2, momentum=0.5) for _ in range(2))
    inputs = channels(4, 2, FEATURES)
    signature = (
        tf.TensorSpec([None, None, FEATURES], "float32"),
        tf.TensorSpec([None, CONTEXT_FEATURES], "float32"),
    )
    step = tf.function(lambda x, c: second(x, c, training=True)).get_concrete_function(*signature)
    given = "inputs of shape (None, None, 3) and a context of shape (None, 2) in tf.function"
    right = first(inputs, CONTEXTS, training=True)
    yield see("output", step(tf.constant(inputs), tf.constant(CONTEXTS)), right, given)
    received, right = (layer(inputs, CONTEXTS, training=False) for layer in (second, first))
    yield see("output", received, right, f"{given}, then training=False")


def knows_its_output_shape(candidate):
    """The output has the shape of the inputs, also where nothing is computed yet."""
    outputs = candidate()(keras.Input((5, 7, FEATURES)), keras.Input((CONTEXT_FEATURES,)))
    sizes = [str(size) for size in outputs.shape]
    given = "symbolic inputs (None, 5, 7, 3) and a symbolic context (None, 2)"
    yield see("list of the output's sizes", sizes, ["None", "5", "7", "3"], given)


# --- The exam ---------------------------------------------------------------------------------------

CONDITIONAL_BATCH_NORMALIZATION = Exam(
    name="ConditionalBatchNormalization",
    block="normalization",
    probes=(
        starts_as_batch_normalization,
        learns_both_maps,
        every_example_has_its_own_context,
        training_uses_the_batch,
        moving_statistics_follow,
        default_arguments,
        maps_are_linear,
        gamma_and_beta_are_learned_apart,
        has_two_maps_and_no_more,
        stays_put_when_frozen,
        gradients_reach_inputs_and_context,
        config_makes_it_again,
        survives_a_file,
        gives_float16_under_mixed_precision,
        works_inside_a_compiled_function,
        knows_its_output_shape,
    ),
    mistakes=(
        Mistake(
            "gamma-starts-at-zero",
            find="self.gamma = start_at(1.0)",
            put="self.gamma = start_at(0.0)",
            says="gamma starts at 0, so that a new layer gives 0 for all inputs. It starts at 1.",
        ),
        Mistake(
            "gamma-starts-at-two",
            find="return gamma * normalized + beta",
            put="return (1 + gamma) * normalized + beta",
            says="gamma starts at 2: one is added to a map that starts at 1 already.",
        ),
        Mistake(
            "beta-starts-at-one",
            find="self.beta = start_at(0.0)",
            put="self.beta = start_at(1.0)",
            says="beta starts at 1. It starts at 0.",
        ),
        Mistake(
            "starts-swapped",
            find="        self.gamma = start_at(1.0)\n        self.beta = start_at(0.0)\n",
            put="        self.gamma = start_at(0.0)\n        self.beta = start_at(1.0)\n",
            says="gamma starts at 0 and beta at 1. It is the other way round.",
        ),
        Mistake(
            "kernels-start-at-random",
            find='kernel_initializer="zeros"',
            put='kernel_initializer="glorot_uniform"',
            says="The maps start with random kernels: gamma is not 1 and beta not 0. A kernel of zeros "
            "leaves the constant alone, whatever the context.",
        ),
        Mistake(
            "gamma-missing",
            find="return gamma * normalized + beta",
            put="return normalized + beta",
            says="gamma has no effect: multiply what is normalized by it.",
        ),
        Mistake(
            "beta-missing",
            find="return gamma * normalized + beta",
            put="return gamma * normalized",
            says="beta has no effect: add it at the end.",
        ),
        Mistake(
            "gamma-without-context",
            find="self.gamma(context)",
            put="self.gamma(ops.zeros_like(context))",
            says="gamma is the same in every context: map the context to it.",
        ),
        Mistake(
            "beta-without-context",
            find="self.beta(context)",
            put="self.beta(ops.zeros_like(context))",
            says="beta is the same in every context: map the context to it.",
        ),
        Mistake(
            "constants-missing",
            find="return gamma * normalized + beta",
            put="gamma = 1 + gamma - ops.expand_dims(self.gamma(0 * context), between)\n"
            "        beta = beta - ops.expand_dims(self.beta(0 * context), between)\n"
            "        return gamma * normalized + beta",
            says="gamma and beta have no learned constant: where the context is 0 they stay 1 and 0.",
        ),
        Mistake(
            "one-map-for-both",
            find="return gamma * normalized + beta",
            put="return (1 + beta) * normalized + beta",
            says="gamma and beta come from one and the same map. Each has its own.",
        ),
        Mistake(
            "beta-before-gamma",
            find="return gamma * normalized + beta",
            put="return gamma * (normalized + beta)",
            says="You add beta before multiplying by gamma. Multiply first, then add beta.",
        ),
        Mistake(
            "divided-by-gamma",
            find="return gamma * normalized + beta",
            put="return normalized / gamma + beta",
            says="You divide by gamma. Multiply by it.",
        ),
        Mistake(
            "gamma-not-linear",
            find="return gamma * normalized + beta",
            put="return ops.exp(gamma - 1) * normalized + beta",
            says="gamma is not a linear map of the context: leave the activation out.",
        ),
        Mistake(
            "gamma-never-negative",
            find="return gamma * normalized + beta",
            put="return ops.relu(gamma) * normalized + beta",
            says="Your gamma is never below 0. It is a linear map of the context: leave the activation "
            "out.",
        ),
        Mistake(
            "beta-not-linear",
            find="return gamma * normalized + beta",
            put="return gamma * normalized + ops.tanh(beta)",
            says="beta is not a linear map of the context: leave the activation out.",
        ),
        Mistake(
            "context-averaged",
            find="normalized = self.normalization(inputs, training=training)\n",
            put="normalized = self.normalization(inputs, training=training)\n"
            "        context = ops.mean(context, axis=0, keepdims=True)\n",
            says="All examples of a batch get one gamma and one beta, those of their mean context. Each "
            "has its own.",
        ),
        Mistake(
            "not-broadcast",
            find="between = tuple(range(1, len(inputs.shape) - 1))",
            put="between = ()",
            says="With more axes than two, gamma of shape (batch, features) meets the last two axes of "
            "the inputs. Put axes of size 1 between batch and features.",
        ),
        Mistake(
            "broadcast-after-the-features",
            find="between = tuple(range(1, len(inputs.shape) - 1))",
            put="between = tuple(range(2, len(inputs.shape)))",
            says="With more axes than two, the axes of size 1 stand after the features. They belong "
            "between batch and features.",
        ),
        Mistake(
            "one-axis-for-any-rank",
            find="between = tuple(range(1, len(inputs.shape) - 1))",
            put="between = (1,) if len(inputs.shape) > 2 else ()",
            says="Images have two axes between batch and features, and you put one there. Put as many "
            "as the inputs have.",
        ),
        Mistake(
            "gamma-and-beta-of-its-own",
            find="momentum=self.momentum, epsilon=self.epsilon, center=False, scale=False,",
            put="momentum=self.momentum, epsilon=self.epsilon,",
            says="The inner batch normalization still has a gamma and a beta of its own. Switch them "
            "off with center=False and scale=False.",
        ),
        Mistake(
            "beta-of-its-own",
            find="center=False, scale=False,",
            put="scale=False,",
            says="The inner batch normalization still has a beta of its own: center=False.",
        ),
        Mistake(
            "gamma-of-its-own",
            find="center=False, scale=False,",
            put="center=False,",
            says="The inner batch normalization still has a gamma of its own: scale=False.",
        ),
        Mistake(
            "always-the-batch",
            find="self.normalization(inputs, training=training)",
            put="self.normalization(inputs, training=True)",
            says="You use the batch's statistics in inference too: hand `training` on.",
        ),
        Mistake(
            "never-the-batch",
            find="self.normalization(inputs, training=training)",
            put="self.normalization(inputs, training=False)",
            says="You use the moving statistics in training too: hand `training` on.",
        ),
        Mistake(
            "not-normalized",
            find="normalized = self.normalization(inputs, training=training)",
            put="normalized = inputs",
            says="Nothing is normalized: gamma multiplies the inputs as they come.",
        ),
        Mistake(
            "normalized-last",
            find="        normalized = self.normalization(inputs, training=training)\n"
            "        between = tuple(range(1, len(inputs.shape) - 1))\n"
            "        gamma = ops.expand_dims(self.gamma(context), between)\n"
            "        beta = ops.expand_dims(self.beta(context), between)\n"
            "        return gamma * normalized + beta\n",
            put="        between = tuple(range(1, len(inputs.shape) - 1))\n"
            "        gamma = ops.expand_dims(self.gamma(context), between)\n"
            "        beta = ops.expand_dims(self.beta(context), between)\n"
            "        return self.normalization(gamma * inputs + beta, training=training)\n",
            says="You normalize after gamma and beta. Normalize the inputs first.",
        ),
        Mistake(
            "momentum-ignored",
            find="momentum=self.momentum, epsilon=self.epsilon, center",
            put="epsilon=self.epsilon, center",
            says="`momentum` has no effect: hand it to the batch normalization.",
        ),
        Mistake(
            "epsilon-ignored",
            find="momentum=self.momentum, epsilon=self.epsilon, center",
            put="momentum=self.momentum, center",
            says="`epsilon` has no effect: hand it to the batch normalization.",
        ),
        Mistake(
            "momentum-and-epsilon-ignored",
            find="momentum=self.momentum, epsilon=self.epsilon, center",
            put="center",
            says="`momentum` and `epsilon` have no effect: hand them to the batch normalization.",
        ),
        Mistake(
            "dtype-not-handed-on",
            find="center=False, scale=False,\n            dtype=self.dtype_policy,\n",
            put="center=False, scale=False,\n",
            says="Under mixed precision the inner batch normalization still gives float32, and gamma is "
            "float16. Hand `dtype=self.dtype_policy` on, as `start_at` does.",
        ),
        Mistake(
            "inputs-detached",
            find="return gamma * normalized + beta",
            put="return gamma * ops.stop_gradient(normalized) + beta",
            says="Outputs are right, but no gradient reaches the inputs.",
        ),
        Mistake(
            "context-detached",
            find="normalized = self.normalization(inputs, training=training)\n",
            put="normalized = self.normalization(inputs, training=training)\n"
            "        context = ops.stop_gradient(context)\n",
            says="Outputs are right, but no gradient reaches the context: what computes it could not "
            "learn.",
        ),
        Mistake(
            "maps-detached",
            find="return gamma * normalized + beta",
            put="return ops.stop_gradient(gamma) * normalized + ops.stop_gradient(beta)",
            says="No gradient reaches the two maps: they stay what they are at the start.",
        ),
        Mistake(
            "default-momentum",
            find="momentum=0.99, epsilon=1e-3, **kwargs):\n        super().__init__(**kwargs)\n"
            "        self.momentum",
            put="momentum=0.9, epsilon=1e-3, **kwargs):\n        super().__init__(**kwargs)\n"
            "        self.momentum",
            says="Your default momentum is 0.9. In Keras it is 0.99.",
        ),
        Mistake(
            "no-config",
            find='{**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}',
            put="super().get_config()",
            says="`get_config` holds neither `momentum` nor `epsilon`: a layer loaded from a file has "
            "the defaults again.",
        ),
    ),
    hints=(
        "Normalization and context meet only at the end. What of a batch normalization is not needed "
        "before, and how is it switched off? It takes momentum, epsilon and dtype from this layer.",
        "Ask `start_at` for both maps. A map of zeros plus a constant does not look at the context at "
        "first; its kernel learns to.",
        "`self.gamma(context)` has the shape (batch, features). `ops.expand_dims` takes a tuple of axes: "
        "between batch and features go as many of size 1 as the inputs have there.",
    ),
    why="The statistics are shared by all contexts, gamma and beta are not. Kernels of zeros let a new "
    "layer be a plain batch normalization, whatever the context: the net may begin with what it can do "
    "without, and learns from there how far the context matters.",
)

EXAMS = (CONDITIONAL_BATCH_NORMALIZATION,)
