"""Exams of lesson 06: normalization within each example, over features, by their size alone, in groups."""

import json
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from utils.gradients import backpropagate

from ._exam import Candidate, Exam, Mistake, Observation, see
from ._oracle import (
    beside_keras,
    channels,
    compiled,
    kept_shape,
    normal,
    outcome,
    same_after_a_file,
    uses_of_arguments,
    weight,
)
from .batch_normalization import passes_masks_on

LAYER, RMS, GROUP = (
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.GroupNormalization,
)
VARIABLES = {
    "epsilon": 0.25,
    "center": False,
    "scale": False,
    "beta_initializer": "ones",
    "gamma_initializer": "he_normal",
    "beta_regularizer": "l1",
    "gamma_regularizer": "l2",
    "beta_constraint": "non_neg",
    "gamma_constraint": "unit_norm",
    "name": "mine",
}


# --- What all three have in common ------------------------------------------------------------------


def _as_keras(
    candidate: Candidate, keras_class: type, *shapes: tuple, **arguments: Any
) -> Iterator[Observation]:
    """The outputs beside those of Keras's layer, for inputs of several shapes."""
    told = ", ".join(f"{key}={value}" for key, value in arguments.items())
    for shape in shapes:
        layer, right = beside_keras(candidate, keras_class, (None, *shape[1:]), **arguments)
        given = ", ".join(filter(None, [told, f"inputs of shape {shape}"]))
        yield see("output", layer(channels(*shape)), right(channels(*shape)), given)


def _of_another_rank(candidate: Candidate, keras_class: type) -> Iterator[Observation]:
    """The outputs for inputs of more dimensions than at build, beside those of Keras's layer."""
    for axis in (-1, [-2, -1]):
        layer, right = beside_keras(candidate, keras_class, (2, 4, 3), axis=axis)
        inputs = channels(2, 5, 4, 3)
        given = f"axis={axis}, built for shape (2, 4, 3), inputs of shape (2, 5, 4, 3)"
        yield see("output", layer(inputs), right(inputs), given)


def _gradients(
    candidate: Candidate, keras_class: type, names: tuple[str, ...], **arguments: Any
) -> Iterator[Observation]:
    """The gradients beside those of Keras's layer."""
    inputs, arriving = channels(3, 5, 4), normal(3, 5, 4, seed=5)
    layer, right = beside_keras(candidate, keras_class, (None, 5, 4), **arguments)
    received, received_weights = backpropagate(layer, inputs, arriving)
    expected, expected_weights = backpropagate(right, inputs, arriving)
    yield see(
        "gradient with respect to the inputs", received, expected, "inputs of shape (3, 5, 4)"
    )
    for name in names:
        mine = [each.path for each in layer.trainable_weights].index(weight(layer, name).path)
        its = [each.path for each in right.trainable_weights].index(weight(right, name).path)
        yield see(f"gradient of {name}", received_weights[mine], expected_weights[its])


def _sixteen_bits(
    candidate: Candidate, keras_class: type, **arguments: Any
) -> Iterator[Observation]:
    """The outputs in float16 and bfloat16 beside those of Keras's layer."""
    for dtype, size, tolerance in (("float16", 400, 4e-3), ("bfloat16", 1, 3e-2)):
        policy = f"mixed_{dtype}"
        layer, right = beside_keras(candidate, keras_class, (None, 6), dtype=policy, **arguments)
        inputs = keras.ops.cast(channels(4, 6) * size, dtype)  # squares of 400 exceed float16
        received, expected = layer(inputs), right(inputs)
        given = f"{dtype} inputs of around {10 * size:,}, dtype={policy!r}"
        kind = keras.backend.standardize_dtype(received.dtype)
        yield see("dtype of the output", kind, dtype, given)
        yield see("output", received, expected, given, tolerance)


def _config(
    candidate: Candidate, keras_class: type, arguments: dict[str, Any]
) -> Iterator[Observation]:
    """The config beside that of Keras's layer, and after a round through `from_config`."""
    config, right = candidate(**arguments).get_config(), keras_class(**arguments).get_config()
    missing = [key for key in arguments if key not in config]
    yield see("list of keys that get_config lacks", missing, [])
    config = json.loads(json.dumps(config))  # as a file keeps it
    again = json.loads(json.dumps(candidate.from_config(config).get_config()))
    yield see(
        "config after from_config",
        {key: again.get(key) for key in arguments},
        {key: json.loads(json.dumps(right[key])) for key in arguments},
        "another value than the default for every argument",
    )


def _far_from_zero(
    candidate: Candidate, keras_class: type, **arguments: Any
) -> Iterator[Observation]:
    """Whether outputs keep their digits where the mean is large beside the spread."""
    layer, right = beside_keras(candidate, keras_class, (None, 64), **arguments)
    inputs = normal(3, 64, seed=2, mean=2000.0)
    error = np.abs(np.asarray(layer(inputs)) - np.asarray(right(inputs))).max()
    given = "numbers around 2,000 with variance 1"
    yield see("claim that outputs are right within one hundredth", error < 0.01, True, given)


def _tiny(
    candidate: Candidate, keras_class: type, size: float, *several: dict[str, Any]
) -> Iterator[Observation]:
    """The outputs for inputs so small that epsilon shows, beside those of Keras's layer."""
    for arguments in several:
        layer, right = beside_keras(candidate, keras_class, (None, 6), **arguments)
        inputs = size * channels(5, 6)
        told = ", ".join(f"{key}={value}" for key, value in arguments.items())
        given = ", ".join(filter(None, ["tiny inputs", told]))
        yield see("output", layer(inputs), right(inputs), given)


def _switched_off(
    candidate: Candidate, keras_class: type, **arguments: Any
) -> Iterator[Observation]:
    """The weights and outputs without beta, gamma or both, beside those of Keras's layer."""
    for off in ({"center": False}, {"scale": False}, {"center": False, "scale": False}):
        layer, right = beside_keras(candidate, keras_class, (None, 4), **off, **arguments)
        given = ", ".join(f"{key}={value}" for key, value in off.items())
        yield see("number of weights", len(layer.weights), len(right.weights), given)
        yield see("output", layer(channels(6, 4)), right(channels(6, 4)), given)


def _compiled(candidate: Candidate, keras_class: type, **arguments: Any) -> Iterator[Observation]:
    """The outputs outside and inside `tf.function` beside those of Keras's layer."""
    layer, right = beside_keras(candidate, keras_class, (None, None, 4), **arguments)
    inputs = channels(3, 2, 4)
    expected = right(inputs)
    yield see("output", layer(inputs), expected, "inputs of shape (3, 2, 4)")
    given = "inputs of shape (None, None, 4) in tf.function"
    yield see("output", compiled(layer, inputs), expected, given)


def _file(candidate: Candidate, keras_class: type, **arguments: Any) -> Iterator[Observation]:
    """Whether the outputs are the same after a round through a file."""
    layer, _ = beside_keras(candidate, keras_class, (None, 3, 4), epsilon=0.1, **arguments)
    yield from same_after_a_file(layer, channels(5, 3, 4))


def an_example_does_not_depend_on_its_company(candidate):
    """An example's output is the same alone as in any batch, in training as in inference."""
    layer = candidate()
    inputs = channels(4, 3, 64)
    together = layer(inputs)
    yield see("output", layer(inputs[:1]), together[:1], "the first of 4 examples alone")
    yield see("output", layer(inputs, training=True), together, "training=True, then without it,")


def knows_its_output_shape(candidate):
    """The output has the shape of the inputs, also where nothing is computed yet."""
    yield from kept_shape(candidate(), 3, 64)


def uses_what_it_is_given(candidate):
    """Initializers, regularizers and constraints reach the weights they are named after."""
    yield from uses_of_arguments(candidate, (None, 4, 32), beta=2.0, gamma=3.0)


def keeps_its_weights_in_float32(candidate):
    """Under mixed precision gamma and beta are not rounded to 16 bits."""
    gamma, beta = (keras.initializers.Constant(value) for value in (2049.0, 2051.0))
    layer = candidate(
        epsilon=1e-9, gamma_initializer=gamma, beta_initializer=beta, dtype="mixed_float16"
    )
    inputs = np.tile([-1.0, 1.0], (2, 32)).astype("float16")
    given = "inputs -1, 1, -1, 1, …, gamma 2,049, beta 2,051 and dtype='mixed_float16'"
    yield see("output", layer(inputs), 2049 * inputs.astype("float32") + 2051, given)


def takes_inputs_beyond_float16(candidate):
    """Under mixed precision float32 inputs are not rounded to 16 bits before they are normalized."""
    layer = candidate(epsilon=1e-9, dtype="mixed_float16")
    inputs = np.tile([70_000.0, 90_000.0], (2, 32)).astype("float32")
    given = "float32 inputs of 70,000 and 90,000, dtype='mixed_float16'"
    yield see("output", layer(inputs), np.tile([-1.0, 1.0], (2, 32)), given)


# --- LayerNormalization -----------------------------------------------------------------------------


def each_example_by_its_own_mean_and_variance(candidate):
    """Each example is normalized by its own mean and variance: 300 is 1.4 deviations below 1,000."""
    inputs = [[300, 900, 1_100, 1_700], [7_000, 1_000, -1_000, -7_000], [5, 5, 5, 5]]
    received = candidate()(np.array(inputs, "float32"))
    right = [[-1.4, -0.2, 0.2, 1.4], [1.4, 0.2, -0.2, -1.4], [0.0, 0.0, 0.0, 0.0]]
    yield see("output", received, right, f"inputs {inputs}")


def has_a_gamma_and_a_beta_for_each_number_it_normalizes(candidate):
    """gamma (ones) and beta (zeros) have the sizes of the normalized axes, in the inputs' order."""
    for axis, sizes in ((-1, (3,)), (1, (5,)), ([1, 2], (5, 3)), ([2, 1], (5, 3)), ((1,), (5,))):
        layer = candidate(axis=axis)
        layer.build((None, 5, 3))
        given = f"axis={axis} and inputs of shape (None, 5, 3)"
        yield see("initial gamma", weight(layer, "gamma"), np.ones(sizes, "float32"), given)
        yield see("initial beta", weight(layer, "beta"), np.zeros(sizes, "float32"), given)
    trainable = sorted(each.name for each in layer.trainable_weights)
    yield see("list of trainable weights", trainable, ["beta", "gamma"])


def normalizes_the_last_axis(candidate):
    """At any rank it normalizes the last axis, multiplies by gamma, then adds beta."""
    yield from _as_keras(candidate, LAYER, (6, 3), (4, 5, 3), (2, 3, 4, 3), (2, 2, 3, 2, 4))


def normalizes_the_axes_it_is_told(candidate):
    """`axis` is one axis or several, in any order, counted from either end."""
    for axis, shape in (
        (1, (4, 3, 5)),
        (-2, (2, 3, 4, 2)),
        ([1, 2], (4, 3, 5)),
        ([2, 1], (4, 3, 3)),
        ([-1, -2], (4, 3, 3)),
        ([1, 3], (2, 3, 4, 3)),
        ((1, 2, 3), (3, 2, 2, 3)),
    ):
        yield from _as_keras(candidate, LAYER, shape, axis=axis)


def counts_from_the_end_of_what_it_is_called_with(candidate):
    """A negative axis counts from the end of the inputs at hand, whatever the rank at build."""
    yield from _of_another_rank(candidate, LAYER)


def epsilon_is_inside_the_root(candidate):
    """epsilon is added to the variance, before the root; it is 0.001 where none is given."""
    yield from _tiny(candidate, LAYER, 0.02, {}, {"epsilon": 0.5})


def stays_exact_far_from_zero(candidate):
    """Numbers with a large mean are normalized as well as others."""
    yield from _far_from_zero(candidate, LAYER)


def leaves_out_what_is_switched_off(candidate):
    """`center=False` makes no beta, `scale=False` no gamma."""
    yield from _switched_off(candidate, LAYER)


def scales_by_the_variance_where_told(candidate):
    """`rms_scaling=True`, deprecated, divides by the deviation without subtracting the mean."""
    for arguments in ({"rms_scaling": True}, {"rms_scaling": True, "scale": False}):
        layer, _ = beside_keras(candidate, LAYER, (None, 3), **arguments)
        yield see("number of weights", len(layer.weights), 1, str(arguments))
        yield from _as_keras(candidate, LAYER, (4, 3), (2, 4, 3), **arguments)


def gradients_are_those_of_keras(candidate):
    """Gradients with respect to the inputs, gamma and beta are those of Keras's layer."""
    yield from _gradients(candidate, LAYER, ("gamma", "beta"))


def computes_in_float32_inside(candidate):
    """It takes and gives 16-bit numbers, and computes in float32 between."""
    yield from _sixteen_bits(candidate, LAYER)


def works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same."""
    yield from _compiled(candidate, LAYER)


def config_makes_it_again(candidate):
    """`get_config` holds every argument; `from_config` makes the same layer again."""
    yield from _config(candidate, LAYER, {"axis": [1, 2], **VARIABLES})
    yield from _config(candidate, LAYER, {"rms_scaling": True})


def survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    yield from _file(candidate, LAYER)


def refuses_an_axis_that_is_no_axis(candidate):
    """An `axis` that is neither an integer nor a list of integers is refused with a TypeError."""
    error = outcome(lambda: candidate(axis={"axis": -1}))
    yield see("constructor", error, "TypeError", "axis={'axis': -1}")


# --- RMSNormalization -------------------------------------------------------------------------------


def divides_by_the_root_of_the_mean_square(candidate):
    """Each example is divided by the root of its mean square; no mean is subtracted."""
    received = candidate()(np.array([[1.0, 7.0], [-10.0, 70.0], [3.0, 3.0]], "float32"))
    right = [[0.2, 1.4], [-0.2, 1.4], [1.0, 1.0]]
    yield see("output", received, right, "inputs [[1, 7], [-10, 70], [3, 3]]")


def has_a_scale(candidate):
    """Its one weight, `scale`, is of ones, in the sizes of the normalized axes."""
    for axis, sizes in ((-1, (3,)), (1, (5,)), ([1, 2], (5, 3)), ([2, 1], (5, 3)), ((1,), (5,))):
        layer = candidate(axis=axis)
        layer.build((None, 5, 3))
        given = f"axis={axis} and inputs of shape (None, 5, 3)"
        yield see("initial scale", weight(layer, "scale"), np.ones(sizes, "float32"), given)
    yield see(
        "list of trainable weights", [each.name for each in layer.trainable_weights], ["scale"]
    )


def rms_normalizes_the_last_axis(candidate):
    """At any rank it normalizes the last axis and multiplies by scale."""
    yield from _as_keras(candidate, RMS, (6, 3), (4, 5, 3), (2, 3, 4, 3), (2, 2, 3, 2, 4))


def rms_normalizes_several_axes(candidate):
    """`axis` may be several axes, in any order, counted from either end."""
    for axis, shape in (
        ([1, 2], (4, 3, 5)),
        ([2, 1], (4, 3, 3)),
        ([-1, -2], (4, 3, 3)),
        ((1, 2, 3), (3, 2, 2, 3)),
    ):
        yield from _as_keras(candidate, RMS, shape, axis=axis)


def rms_normalizes_other_axes_than_the_last(candidate):
    """`axis` may be any axis, or several that do not lie side by side."""
    # Here Keras's layer lines `scale` up with the last axes all the same. Either is accepted; the
    # sizes are such that Keras's layer does not raise.
    for axis, axes, shape in (
        (1, (1,), (4, 3, 3)),
        (-2, (2,), (2, 3, 4, 4)),
        ([1, 3], (1, 3), (2, 3, 3, 3)),
    ):
        layer, keras_layer = beside_keras(candidate, RMS, shape, axis=axis)
        inputs = channels(*shape)
        given = f"axis={axis}, inputs of shape {shape}"
        aligned = [size if each in axes else 1 for each, size in enumerate(shape)]
        scale = np.asarray(weight(layer, "scale")).reshape(aligned)
        mean_square = np.mean(inputs.astype("float64") ** 2, axes, keepdims=True)
        as_keras = see("output", layer(inputs), keras_layer(inputs), given)
        right = see("output", layer(inputs), inputs / np.sqrt(mean_square + 1e-6) * scale, given)
        yield as_keras if as_keras.ok else right


def rms_counts_from_the_end_of_what_it_is_called_with(candidate):
    """A negative axis counts from the end of the inputs at hand, whatever the rank at build."""
    yield from _of_another_rank(candidate, RMS)


def rms_epsilon_is_inside_the_root(candidate):
    """epsilon is added to the mean square, before the root; it is 1e-6 where none is given."""
    yield from _tiny(candidate, RMS, 1e-4, {}, {"epsilon": 0.01})


def survives_zeros(candidate):
    """An example of zeros stays zeros."""
    yield see("output", candidate()(np.zeros((2, 3), "float32")), np.zeros((2, 3)), "zeros")


def rms_gradients_are_those_of_keras(candidate):
    """Gradients with respect to the inputs and scale are those of Keras's layer."""
    yield from _gradients(candidate, RMS, ("scale",))


def rms_computes_in_float32_inside(candidate):
    """It takes and gives 16-bit numbers, and computes in float32 between."""
    yield from _sixteen_bits(candidate, RMS)


def rms_works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same."""
    yield from _compiled(candidate, RMS)


def rms_config_makes_it_again(candidate):
    """`get_config` holds every argument; `from_config` makes the same layer again."""
    yield from _config(candidate, RMS, {"axis": [1, 2], "epsilon": 0.25, "name": "mine"})


def rms_survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    yield from _file(candidate, RMS)


# --- GroupNormalization -----------------------------------------------------------------------------


def neighbours_share_a_group(candidate):
    """`groups` groups of neighbouring channels; each is normalized by its own mean and variance."""
    inputs = [[300, 900, 1_100, 1_700, 7_000, 1_000, -1_000, -7_000]]
    received = candidate(groups=2)(np.array(inputs, "float32"))
    right = [[-1.4, -0.2, 0.2, 1.4, 1.4, 0.2, -0.2, -1.4]]
    yield see("output", received, right, f"groups=2 and inputs {inputs}")


def has_a_gamma_and_a_beta_for_each_channel(candidate):
    """gamma (ones) and beta (zeros) have one number a channel."""
    for groups, axis, features in ((3, -1, 6), (1, 1, 5), (5, 1, 5)):
        layer = candidate(groups=groups, axis=axis)
        layer.build((None, 5, 6))
        given = f"groups={groups}, axis={axis} and inputs of shape (None, 5, 6)"
        yield see("initial gamma", weight(layer, "gamma"), np.ones(features, "float32"), given)
        yield see("initial beta", weight(layer, "beta"), np.zeros(features, "float32"), given)
    trainable = sorted(each.name for each in layer.trainable_weights)
    yield see("list of trainable weights", trainable, ["beta", "gamma"])


def averages_over_a_group_and_all_positions(candidate):
    """A group is averaged over its channels and over all positions, at any rank."""
    shapes = (6, 6), (3, 5, 6), (2, 3, 2, 6), (2, 2, 3, 2, 6)
    yield from _as_keras(candidate, GROUP, *shapes, groups=2)
    yield from _as_keras(candidate, GROUP, (3, 5, 6), groups=3)


def takes_one_group_or_as_many_as_channels(candidate):
    """One group holds all channels; with groups=-1 each channel is a group; 32 where none is given."""
    for groups in (1, 4, -1):
        yield from _as_keras(candidate, GROUP, (3, 5, 4), groups=groups)
    yield from _as_keras(candidate, GROUP, (3, 2, 64))


def groups_along_any_axis(candidate):
    """`axis` names the channels' axis, counted from either end."""
    for axis, shape in ((1, (2, 4, 4)), (-2, (3, 4, 5)), (1, (2, 4, 3, 2)), (2, (2, 3, 6, 2))):
        yield from _as_keras(candidate, GROUP, shape, groups=2, axis=axis)


def group_epsilon_is_inside_the_root(candidate):
    """epsilon is added to the variance, before the root; it is 0.001 where none is given."""
    yield from _tiny(candidate, GROUP, 0.02, {"groups": 2}, {"groups": 2, "epsilon": 0.5})


def group_stays_exact_far_from_zero(candidate):
    """Numbers with a large mean are normalized as well as others."""
    yield from _far_from_zero(candidate, GROUP, groups=2)


def group_leaves_out_what_is_switched_off(candidate):
    """`center=False` makes no beta, `scale=False` no gamma."""
    yield from _switched_off(candidate, GROUP, groups=2)


def group_gradients_are_those_of_keras(candidate):
    """Gradients with respect to the inputs, gamma and beta are those of Keras's layer."""
    yield from _gradients(candidate, GROUP, ("gamma", "beta"), groups=2)


def group_computes_in_float32_inside(candidate):
    """It takes and gives 16-bit numbers, and computes in float32 between."""
    yield from _sixteen_bits(candidate, GROUP, groups=2)


def group_works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same."""
    yield from _compiled(candidate, GROUP, groups=2)


def group_config_makes_it_again(candidate):
    """`get_config` holds every argument; `from_config` makes the same layer again."""
    yield from _config(candidate, GROUP, {"groups": 4, "axis": 1, **VARIABLES})


def group_survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    yield from _file(candidate, GROUP, groups=2)


def refuses_groups_that_do_not_fit(candidate):
    """`groups` that make no sense, or do not divide the channels, are refused with a ValueError."""
    for groups in (0, -2, 1.5, "32"):
        error = outcome(lambda groups=groups: candidate(groups=groups))
        yield see("constructor", error, "ValueError", f"groups={groups!r}")
    for groups, size in ((5, 4), (3, 4), (2, None)):
        layer = candidate(groups=groups)
        error = outcome(lambda layer=layer, size=size: layer.build((2, 3, size)))
        yield see("build", error, "ValueError", f"groups={groups}, inputs of shape (2, 3, {size})")


# --- The exams --------------------------------------------------------------------------------------

EPSILON_OUTSIDE = "You add epsilon after the root. It belongs inside, before the root is taken."
EPSILON_ADDED = "You add epsilon to the outputs. It belongs inside the root: mind the brackets."
EPSILON_MISSING = "epsilon is missing: where all numbers are the same you divide by zero."
EPSILON_IGNORED = "You add 0.001 whatever `epsilon` was given. Use `self.epsilon`."
UNBIASED = "Your variance divides by n - 1. Keras, like the paper, divides by n."
ONE_PASS = (
    "mean(square(x)) - square(mean(x)) loses its digits where the mean is large beside the spread. "
    "Average square(x - mean)."
)
DETACHED = "Outputs are right, gradients are not: none flows through the mean and the variance."
NO_ROOT = "You divide by the variance. Divide by its root, the standard deviation."
NOT_CENTRED = "You divide without subtracting the mean first."
FORGOTTEN = "You normalize and stop: gamma and beta have no effect. Scale and shift at the end."
GAMMA_MISSING = "gamma has no effect: multiply the normalized inputs by it."
BETA_MISSING = "beta has no effect: add it at the end."
NOT_ALIGNED = (
    "You use gamma and beta as they are: they meet the last axis, wherever `axis` is, and with "
    "center=False or scale=False one of them is None. `scale_and_shift` sees to both."
)
FLOAT16 = (
    "You compute in float16, where a square overflows above 65,504. Cast to float32 first, and back at "
    "the end."
)
STAYS_FLOAT32 = (
    "Under mixed precision your outputs stay float32. Cast them back to the compute dtype."
)
ON_GAMMA_AND_BETA = (
    Mistake(
        "scale-ignored",
        find="        if self.scale:\n"
        "            normalized = normalized * align(self.gamma, axes, normalized)\n",
        put="",
        says=GAMMA_MISSING,
    ),
    Mistake(
        "center-ignored",
        find="        if self.center:\n"
        "            normalized = normalized + align(self.beta, axes, normalized)\n",
        put="",
        says=BETA_MISSING,
    ),
    Mistake(
        "beta-before-gamma",
        find="            normalized = normalized * align(self.gamma, axes, normalized)\n"
        "        if self.center:\n"
        "            normalized = normalized + align(self.beta, axes, normalized)\n",
        put="            beta = align(self.beta, axes, normalized) if self.center else 0\n"
        "            normalized = (normalized + beta) * align(self.gamma, axes, normalized)\n"
        "        elif self.center:\n"
        "            normalized = normalized + align(self.beta, axes, normalized)\n",
        says="You add beta before multiplying by gamma. Multiply first, then add beta.",
    ),
    Mistake(
        "gamma-and-beta-swapped",
        find="            normalized = normalized * align(self.gamma, axes, normalized)\n"
        "        if self.center:\n"
        "            normalized = normalized + align(self.beta, axes, normalized)\n",
        put="            normalized = normalized + align(self.gamma, axes, normalized)\n"
        "        if self.center:\n"
        "            normalized = normalized * align(self.beta, axes, normalized)\n",
        says="gamma and beta have changed places: gamma multiplies, beta is added.",
    ),
    Mistake(
        "output-stays-float32",
        find="return ops.cast(normalized, self.compute_dtype)",
        put="return normalized",
        says=STAYS_FLOAT32,
    ),
    Mistake(
        "inputs-cast-before-call",
        find="self.autocast = False",
        put="self.autocast = True",
        says="Under mixed precision Keras casts inputs to float16 before `call` sees them, and 70,000 "
        "becomes infinite. Set `self.autocast = False` in `__init__`.",
    ),
    Mistake(
        "masks-not-supported",
        find="self.supports_masking = True",
        put="self.supports_masking = False",
        says="The mask of the inputs does not reach the next layer: set supports_masking to True.",
    ),
    Mistake(
        "default-epsilon",
        find="axis=-1, epsilon=1e-3",
        put="axis=-1, epsilon=1e-5",
        says="Your default epsilon is 1e-5, as PyTorch has it. In Keras it is 1e-3.",
    ),
)
NORMALIZED = "(inputs - mean) * ops.rsqrt(variance + self.epsilon)"

LAYER_NORMALIZATION = Exam(
    name="LayerNormalization",
    block="normalization",
    probes=(
        has_a_gamma_and_a_beta_for_each_number_it_normalizes,
        each_example_by_its_own_mean_and_variance,
        normalizes_the_last_axis,
        an_example_does_not_depend_on_its_company,
        normalizes_the_axes_it_is_told,
        counts_from_the_end_of_what_it_is_called_with,
        epsilon_is_inside_the_root,
        stays_exact_far_from_zero,
        gradients_are_those_of_keras,
        works_inside_a_compiled_function,
        leaves_out_what_is_switched_off,
        scales_by_the_variance_where_told,
        uses_what_it_is_given,
        passes_masks_on,
        computes_in_float32_inside,
        keeps_its_weights_in_float32,
        takes_inputs_beyond_float16,
        knows_its_output_shape,
        config_makes_it_again,
        survives_a_file,
        refuses_an_axis_that_is_no_axis,
    ),
    mistakes=(
        Mistake(
            "batch-normalization",
            find="moments(inputs, axes)",
            put="moments(inputs, (0,))",
            says="You average over the batch: that is batch normalization. Average over `axes`, the "
            "features of one example.",
        ),
        Mistake(
            "all-but-the-features",
            find="moments(inputs, axes)",
            put="moments(inputs, [i for i in range(len(inputs.shape)) if i not in axes])",
            says="You average over all axes but `axis`: that is batch normalization. In layer "
            "normalization `axis` names the axes to average over.",
        ),
        Mistake(
            "batch-too",
            find="moments(inputs, axes)",
            put="moments(inputs, (0, *axes))",
            says="You average over the batch as well: an output then depends on the other examples. "
            "Average over `axes` alone.",
        ),
        Mistake(
            "all-but-the-batch",
            find="moments(inputs, axes)",
            put="moments(inputs, tuple(range(1, len(inputs.shape))))",
            says="You average over all axes but the batch. Average over `axes` alone: in a sequence, "
            "each position is normalized by itself.",
        ),
        Mistake(
            "every-axis",
            find="moments(inputs, axes)",
            put="moments(inputs, tuple(range(len(inputs.shape))))",
            says="You average over every axis. Average over `axes` alone.",
        ),
        Mistake(
            "last-axis",
            find="moments(inputs, axes)",
            put="moments(inputs, (-1,))",
            says="You average over the last axis, whatever `axis` says.",
        ),
        Mistake(
            "first-of-several-axes",
            find="moments(inputs, axes)",
            put="moments(inputs, axes[:1])",
            says="Of several axes you average over the first alone. Average over all of them together.",
        ),
        Mistake(
            "axes-dropped",
            find="mean, variance = moments(inputs, axes)",
            put="mean, variance = ops.mean(inputs, axes), ops.var(inputs, axes)",
            says="The averaged axes are gone from your mean and variance. Keep them with size 1 "
            "(keepdims=True), so that they line up with the inputs again.",
        ),
        Mistake(
            "weights-of-one-axis",
            find="self.add_gamma_and_beta([input_shape[axis] for axis in axes])",
            put="self.add_gamma_and_beta([input_shape[self.axis]])",
            says="You look up the size of `self.axis`, which may be a list. Look up the size of each of "
            "`axes`.",
        ),
        Mistake(
            "axes-for-sizes",
            find="self.add_gamma_and_beta([input_shape[axis] for axis in axes])",
            put="self.add_gamma_and_beta(axes)",
            says="You take the numbers of the axes for their sizes. Look the sizes up in `input_shape`.",
        ),
        Mistake(
            "weights-of-the-last-axis",
            find="self.add_gamma_and_beta([input_shape[axis] for axis in axes])",
            put="self.add_gamma_and_beta([input_shape[-1]])",
            says="gamma and beta have the size of the last axis, whatever `axis` says. They have the "
            "sizes of all axes that are normalized.",
        ),
        Mistake(
            "weights-of-all-axes",
            find="self.add_gamma_and_beta([input_shape[axis] for axis in axes])",
            put="self.add_gamma_and_beta(input_shape[1:])",
            says="gamma and beta have the sizes of all axes but the batch. They have the sizes of those "
            "that are normalized.",
        ),
        Mistake(
            "weights-of-size-one",
            find="self.add_gamma_and_beta([input_shape[axis] for axis in axes])",
            put="self.add_gamma_and_beta([1 for axis in axes])",
            says="gamma and beta are single numbers. They have one number for each position that is "
            "normalized.",
        ),
        Mistake(
            "axes-as-given",
            find="axes = feature_axes(self.axis, len(input_shape))",
            put="axes = np.ravel(self.axis)",
            says="gamma and beta have the sizes of the axes in the order in which they were given. Sort "
            "the axes, so that [2, 1] means the same as [1, 2]: `feature_axes` does.",
        ),
        Mistake(
            "epsilon-outside-the-root",
            find=NORMALIZED,
            put="(inputs - mean) / (ops.sqrt(variance) + self.epsilon)",
            says=EPSILON_OUTSIDE,
        ),
        Mistake(
            "epsilon-missing",
            find=NORMALIZED,
            put="(inputs - mean) * ops.rsqrt(variance)",
            says=EPSILON_MISSING,
        ),
        Mistake(
            "epsilon-ignored",
            find=NORMALIZED,
            put="(inputs - mean) * ops.rsqrt(variance + 1e-3)",
            says=EPSILON_IGNORED,
        ),
        Mistake(
            "epsilon-as-a-floor",
            find=NORMALIZED,
            put="(inputs - mean) * ops.rsqrt(ops.maximum(variance, self.epsilon))",
            says="You take the larger of the variance and epsilon. Add epsilon to the variance.",
        ),
        Mistake(
            "epsilon-added-to-the-output",
            find=NORMALIZED,
            put="(inputs - mean) / ops.sqrt(variance) + self.epsilon",
            says=EPSILON_ADDED,
        ),
        Mistake(
            "divides-by-variance",
            find=NORMALIZED,
            put="(inputs - mean) / (variance + self.epsilon)",
            says=NO_ROOT,
        ),
        Mistake(
            "multiplies-by-the-deviation",
            find=NORMALIZED,
            put="(inputs - mean) * ops.sqrt(variance + self.epsilon)",
            says="You multiply by the standard deviation. Divide by it.",
        ),
        Mistake(
            "not-centred",
            find=NORMALIZED,
            put="inputs * ops.rsqrt(variance + self.epsilon)",
            says=NOT_CENTRED,
        ),
        Mistake(
            "only-centred",
            find=NORMALIZED,
            put="inputs - mean",
            says="You subtract the mean and stop. Divide by the standard deviation as well.",
        ),
        Mistake(
            "unbiased-variance",
            find=NORMALIZED,
            put="(inputs - mean) * ops.rsqrt(variance * (n := np.prod([inputs.shape[axis] for axis in "
            "axes])) / (n - 1) + self.epsilon)",
            says=UNBIASED,
        ),
        Mistake(
            "one-pass",
            find="mean, variance = moments(inputs, axes)",
            put="mean = ops.mean(inputs, axes, keepdims=True)\n"
            "        variance = ops.mean(ops.square(inputs), axes, keepdims=True) - ops.square(mean)",
            says=ONE_PASS,
        ),
        Mistake(
            "statistics-detached",
            find="moments(inputs, axes)",
            put="moments(ops.stop_gradient(inputs), axes)",
            says=DETACHED,
        ),
        Mistake(
            "numpy-inside",
            find="mean, variance = moments(inputs, axes)",
            put="inputs = np.asarray(inputs)\n        mean, variance = moments(inputs, axes)",
            says="You compute with NumPy: no gradient flows through it, and inside `fit` it raises. Stay "
            "with keras.ops.",
        ),
        Mistake(
            "variance-detached",
            find=NORMALIZED,
            put="(inputs - mean) * ops.rsqrt(ops.stop_gradient(variance) + self.epsilon)",
            says="Outputs are right, gradients are not: none flows through the variance.",
        ),
        Mistake(
            "mean-detached",
            find=NORMALIZED,
            put="(inputs - ops.stop_gradient(mean)) * ops.rsqrt(variance + self.epsilon)",
            says="Outputs are right, gradients are not: none flows through the mean.",
        ),
        Mistake(
            "axis-for-axes",
            find="return self.scale_and_shift(normalized, axes)",
            put="return self.scale_and_shift(normalized, self.axis)",
            says="You hand `self.axis` on, which may be one number or a list in any order. Hand on `axes`.",
        ),
        Mistake(
            "not-scaled-or-shifted",
            find="return self.scale_and_shift(normalized, axes)",
            put="return normalized",
            says=FORGOTTEN,
        ),
        Mistake(
            "weights-not-aligned",
            find="return self.scale_and_shift(normalized, axes)",
            put="return self.gamma * normalized + self.beta",
            says=NOT_ALIGNED,
        ),
        *ON_GAMMA_AND_BETA,
        Mistake(
            "float16-inside",
            find='inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))',
            put="inputs = ops.cast(inputs, self.compute_dtype)",
            says=FLOAT16,
        ),
        Mistake(
            "config-without-axis",
            find='"axis": self.axis, ',
            put="",
            says="`get_config` lacks `axis`.",
        ),
    ),
    hints=(
        "Batch normalization keeps `axis` and averages over the others. Here `axis` is what is averaged "
        "over. What sizes must gamma and beta have, so that each normalized number has its own?",
        "`feature_axes(axis, rank)` turns whatever `axis` is into a sorted tuple. For the weights, look "
        "up the size of the inputs on each of those axes.",
        "In `call` it is lesson 03 with other axes: `moments`, subtract, divide by the root of variance "
        "plus epsilon. `scale_and_shift` does the rest when it is told the axes.",
    ),
    why="Nothing is averaged over the batch, so there is nothing to remember: no moving statistics, no "
    "`training`, and the output for an example is the same in any company. `feature_axes` is asked again "
    "in `call`: with `axis=-1` a layer built for sequences may be called on a batch of one more dimension. "
    "Axes are sorted, so that `[2, 1]` and `[1, 2]` make the same weights in the same order. `align` "
    "leaves leading dimensions of size 1 out: in a graph, TensorFlow may replace a layer normalization "
    "that it recognizes by one fused operation, which takes gamma in one dimension only.",
)

RMS_NORMALIZED = "inputs * ops.rsqrt(mean_square + self.epsilon)"
MEAN_SQUARE = "mean_square = ops.mean(ops.square(inputs), axes, keepdims=True)"

RMS_NORMALIZATION = Exam(
    name="RMSNormalization",
    block="normalization",
    probes=(
        has_a_scale,
        divides_by_the_root_of_the_mean_square,
        rms_normalizes_the_last_axis,
        an_example_does_not_depend_on_its_company,
        rms_normalizes_several_axes,
        rms_normalizes_other_axes_than_the_last,
        rms_counts_from_the_end_of_what_it_is_called_with,
        rms_epsilon_is_inside_the_root,
        survives_zeros,
        rms_gradients_are_those_of_keras,
        rms_works_inside_a_compiled_function,
        rms_computes_in_float32_inside,
        knows_its_output_shape,
        rms_config_makes_it_again,
        rms_survives_a_file,
    ),
    mistakes=(
        Mistake(
            "layer-normalization",
            find=MEAN_SQUARE,
            put=f"inputs = inputs - ops.mean(inputs, axes, keepdims=True)\n        {MEAN_SQUARE}",
            says="You subtract the mean first: that is layer normalization. RMS normalization subtracts "
            "nothing.",
        ),
        Mistake(
            "standard-deviation",
            find=MEAN_SQUARE,
            put="mean_square = ops.var(inputs, axes, keepdims=True)",
            says="You divide by the standard deviation, which looks at distances from the mean. Average "
            "the squares of the inputs themselves.",
        ),
        Mistake(
            "centred-numerator",
            find=RMS_NORMALIZED,
            put="(inputs - ops.mean(inputs, axes, keepdims=True)) * ops.rsqrt(mean_square + self.epsilon)",
            says="You subtract the mean before you divide. RMS normalization subtracts nothing.",
        ),
        Mistake(
            "sum-of-squares",
            find=MEAN_SQUARE,
            put="mean_square = ops.sum(ops.square(inputs), axes, keepdims=True)",
            says="You sum the squares, so that each example gets length 1. Take their mean.",
        ),
        Mistake(
            "square-of-the-mean",
            find=MEAN_SQUARE,
            put="mean_square = ops.square(ops.mean(inputs, axes, keepdims=True))",
            says="You square the mean. Square first, then average: the mean of the squares.",
        ),
        Mistake(
            "mean-of-the-sizes",
            find=MEAN_SQUARE,
            put="mean_square = ops.square(ops.mean(ops.abs(inputs), axes, keepdims=True))",
            says="You divide by the mean size of the inputs. Divide by the root of their mean square.",
        ),
        Mistake(
            "axes-dropped",
            find=MEAN_SQUARE,
            put="mean_square = ops.mean(ops.square(inputs), axes)",
            says="The averaged axes are gone from your mean square. Keep them with size 1 "
            "(keepdims=True), so that it lines up with the inputs again.",
        ),
        Mistake(
            "batch-axis",
            find=MEAN_SQUARE,
            put="mean_square = ops.mean(ops.square(inputs), (0,), keepdims=True)",
            says="You average over the batch. Average over `axes`, the features of one example.",
        ),
        Mistake(
            "batch-too",
            find=MEAN_SQUARE,
            put="mean_square = ops.mean(ops.square(inputs), (0, *axes), keepdims=True)",
            says="You average over the batch as well: an output then depends on the other examples. "
            "Average over `axes` alone.",
        ),
        Mistake(
            "all-but-the-batch",
            find=MEAN_SQUARE,
            put="mean_square = ops.mean(ops.square(inputs), range(1, len(inputs.shape)), keepdims=True)",
            says="You average over all axes but the batch. Average over `axes` alone: in a sequence, "
            "each position is normalized by itself.",
        ),
        Mistake(
            "every-axis",
            find=MEAN_SQUARE,
            put="mean_square = ops.mean(ops.square(inputs), keepdims=True)",
            says="You average over every axis. Average over `axes` alone.",
        ),
        Mistake(
            "last-axis",
            find=MEAN_SQUARE,
            put="mean_square = ops.mean(ops.square(inputs), -1, keepdims=True)",
            says="You average over the last axis, whatever `axis` says.",
        ),
        Mistake(
            "no-root",
            find=RMS_NORMALIZED,
            put="inputs / (mean_square + self.epsilon)",
            says="You divide by the mean square. Divide by its root.",
        ),
        Mistake(
            "multiplies",
            find=RMS_NORMALIZED,
            put="inputs * ops.sqrt(mean_square + self.epsilon)",
            says="You multiply by the root of the mean square. Divide by it.",
        ),
        Mistake(
            "epsilon-outside-the-root",
            find=RMS_NORMALIZED,
            put="inputs / (ops.sqrt(mean_square) + self.epsilon)",
            says=EPSILON_OUTSIDE,
        ),
        Mistake(
            "epsilon-missing",
            find=RMS_NORMALIZED,
            put="inputs * ops.rsqrt(mean_square)",
            says="epsilon is missing: an example of zeros divides by zero.",
        ),
        Mistake(
            "epsilon-ignored",
            find=RMS_NORMALIZED,
            put="inputs * ops.rsqrt(mean_square + 1e-6)",
            says="You add 0.000001 whatever `epsilon` was given. Use `self.epsilon`.",
        ),
        Mistake(
            "epsilon-as-a-floor",
            find=RMS_NORMALIZED,
            put="inputs * ops.rsqrt(ops.maximum(mean_square, self.epsilon))",
            says="You take the larger of the mean square and epsilon. Add epsilon to the mean square.",
        ),
        Mistake(
            "epsilon-added-to-the-output",
            find=RMS_NORMALIZED,
            put="inputs / ops.sqrt(mean_square) + self.epsilon",
            says=EPSILON_ADDED,
        ),
        Mistake(
            "default-epsilon",
            find="epsilon=1e-6",
            put="epsilon=1e-3",
            says="Your default epsilon is 1e-3, as for layer normalization. Here it is 1e-6.",
        ),
        Mistake(
            "detached",
            find=RMS_NORMALIZED,
            put="inputs * ops.rsqrt(ops.stop_gradient(mean_square) + self.epsilon)",
            says="Outputs are right, gradients are not: none flows through the mean square.",
        ),
        Mistake(
            "scale-ignored",
            find="outputs = normalized * align(self.scale, axes, inputs)",
            put="outputs = normalized",
            says="`scale` has no effect: multiply the normalized inputs by it.",
        ),
        Mistake(
            "scale-added",
            find="outputs = normalized * align(self.scale, axes, inputs)",
            put="outputs = normalized + align(self.scale, axes, inputs)",
            says="You add `scale`. Multiply by it.",
        ),
        Mistake(
            "scale-before",
            find=MEAN_SQUARE,
            put=f"inputs = inputs * align(self.scale, axes, inputs)\n        {MEAN_SQUARE}\n"
            "        return ops.cast(inputs * ops.rsqrt(mean_square + self.epsilon), self.compute_dtype)",
            says="You multiply by `scale` before you normalize, which takes part of it away again. "
            "Normalize first.",
        ),
        Mistake(
            "scale-of-size-one",
            find="shape = [input_shape[axis] for axis in feature_axes(self.axis, rank)]",
            put="shape = [1 for axis in feature_axes(self.axis, rank)]",
            says="`scale` is a single number. It has one number for each position that is normalized.",
        ),
        Mistake(
            "scale-starts-at-zero",
            find='initializer="ones"',
            put='initializer="zeros"',
            says="`scale` starts at 0: every output is 0. It starts at 1.",
        ),
        Mistake(
            "float16-inside",
            find='inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))',
            put="inputs = ops.cast(inputs, self.compute_dtype)",
            says=FLOAT16,
        ),
        Mistake(
            "output-stays-float32",
            find="return ops.cast(outputs, self.compute_dtype)",
            put="return outputs",
            says=STAYS_FLOAT32,
        ),
        Mistake(
            "config-without-epsilon",
            find=', "epsilon": self.epsilon}',
            put="}",
            says="`get_config` lacks `epsilon`.",
        ),
    ),
    hints=(
        "The name says it from the inside out, read backwards: square, mean, root.",
        "`ops.mean(ops.square(…), …, keepdims=True)` over the axes that `feature_axes` returns. No mean "
        "is subtracted anywhere.",
        "Divide by the root of mean square plus epsilon, multiply by `align(self.scale, …)`, and cast to "
        "`self.compute_dtype`.",
    ),
    why="Layer normalization without its mean and its beta: one average less. The squares are taken in "
    "float32, since in float16 the square of 256 is too large already. `align` puts `scale` on the axes it "
    "belongs to. Keras's own layer leaves that out: with another axis than the last it raises, or, where "
    "the sizes happen to fit, scales the last axis. The check accepts either there.",
)

GROUP_NORMALIZED = "(grouped - mean) * ops.rsqrt(variance + self.epsilon)"
GROUP_MOMENTS = "moments(grouped, [i for i in range(rank) if i not in (0, axis)])"
SPLIT = "split = (groups, shape[axis] // groups)"

GROUP_NORMALIZATION = Exam(
    name="GroupNormalization",
    block="normalization",
    probes=(
        has_a_gamma_and_a_beta_for_each_channel,
        neighbours_share_a_group,
        averages_over_a_group_and_all_positions,
        an_example_does_not_depend_on_its_company,
        takes_one_group_or_as_many_as_channels,
        groups_along_any_axis,
        group_epsilon_is_inside_the_root,
        group_stays_exact_far_from_zero,
        group_gradients_are_those_of_keras,
        group_works_inside_a_compiled_function,
        group_leaves_out_what_is_switched_off,
        uses_what_it_is_given,
        passes_masks_on,
        group_computes_in_float32_inside,
        keeps_its_weights_in_float32,
        takes_inputs_beyond_float16,
        knows_its_output_shape,
        group_config_makes_it_again,
        group_survives_a_file,
        refuses_groups_that_do_not_fit,
    ),
    mistakes=(
        Mistake(
            "channels-per-group",
            find=SPLIT,
            put="split = (shape[axis] // groups, groups)",
            says="You take `groups` for the number of channels in a group. It is the number of groups.",
        ),
        Mistake(
            "interleaved",
            find=f"{SPLIT}\n"
            "        grouped = ops.reshape(inputs, (*shape[:axis], *split, *shape[axis + 1 :]))\n"
            "        rank = len(grouped.shape)\n"
            f"        mean, variance = {GROUP_MOMENTS}",
            put="split = (shape[axis] // groups, groups)\n"
            "        grouped = ops.reshape(inputs, (*shape[:axis], *split, *shape[axis + 1 :]))\n"
            "        rank = len(grouped.shape)\n"
            "        mean, variance = moments(grouped, "
            "[i for i in range(rank) if i not in (0, axis + 1)])",
            says="Your groups are interleaved, like cards dealt to players. A group holds neighbouring "
            "channels: split the axis into (groups, channels of a group), in this order.",
        ),
        Mistake(
            "channels-twice",
            find="*split, *shape[axis + 1 :])",
            put="*split, *shape[axis:])",
            says="The axis of the channels is still there beside the two that it was split into. Go on "
            "with the axis behind it.",
        ),
        Mistake(
            "dimensions-dropped",
            find=GROUP_MOMENTS,
            put=f"ops.{GROUP_MOMENTS}",
            says="The averaged axes are gone, and the statistics do not meet the groups they belong to. "
            "Keep them as dimensions of size 1: keepdims=True.",
        ),
        Mistake(
            "axes-of-the-text",
            find=GROUP_MOMENTS,
            put="moments(grouped, (1, 2, 4))",
            says="You average over axes 1, 2 and 4: right for images with their channels last, the "
            "example in the text. Other inputs have other axes: all but 0 and that of the groups.",
        ),
        Mistake(
            "rank-of-the-inputs",
            find="rank = len(grouped.shape)",
            put="rank = len(shape)",
            says="You count the axes before the split: there is one more after it, and you do not average "
            "over the last.",
        ),
        Mistake(
            "over-the-channels-of-a-group-only",
            find=GROUP_MOMENTS,
            put="moments(grouped, (axis + 1,))",
            says="You average over the channels of a group at one position. Average over all positions too.",
        ),
        Mistake(
            "each-channel-by-itself",
            find=GROUP_MOMENTS,
            put="moments(grouped, [i for i in range(rank) if i not in (0, axis, axis + 1)])",
            says="You normalize each channel by itself: that is instance normalization. Average over the "
            "channels of a group too.",
        ),
        Mistake(
            "groups-ignored",
            find=GROUP_MOMENTS,
            put="moments(grouped, [i for i in range(rank) if i != 0])",
            says="You average over the groups as well, as if there were one. Keep their axis.",
        ),
        Mistake(
            "reshaped-across-positions",
            find="grouped = ops.reshape(inputs, (*shape[:axis], *split, *shape[axis + 1 :]))",
            put="grouped = ops.reshape(inputs, (shape[0], *(1 for _ in shape[1:axis]), groups, -1, "
            "*(1 for _ in shape[axis + 1 :])))",
            says="You reshape an example into one row a group. With the channels behind the positions, "
            "such a row holds some positions whole, and no group. Split the axis of the channels alone.",
        ),
        Mistake(
            "over-the-groups",
            find=GROUP_MOMENTS,
            put="moments(grouped, [i for i in range(rank) if i not in (0, axis + 1)])",
            says="You average over the groups and keep the channels of a group apart. Average over the "
            "channels of a group, and keep the groups apart.",
        ),
        Mistake(
            "batch-too",
            find=GROUP_MOMENTS,
            put="moments(grouped, [i for i in range(rank) if i != axis])",
            says="You average over the batch as well: an output then depends on the other examples. "
            "Leave axis 0 out.",
        ),
        Mistake(
            "batch-only",
            find=GROUP_MOMENTS,
            put="moments(grouped, (0,))",
            says="You average over the batch. Average over all axes but those of the examples and the "
            "groups.",
        ),
        Mistake(
            "axis-ignored",
            find="[axis] = feature_axes(self.axis, len(shape))",
            put="axis = len(shape) - 1",
            says="You split the last axis, whatever `axis` says.",
        ),
        Mistake(
            "not-joined",
            find="        normalized = ops.reshape(normalized, shape)\n",
            put="",
            says="Your outputs still have the groups as an axis of their own. Reshape them to the shape "
            "of the inputs.",
        ),
        Mistake(
            "gamma-on-the-last-axis",
            find="return self.scale_and_shift(normalized, [axis])",
            put="return self.scale_and_shift(normalized, [len(shape) - 1])",
            says="gamma and beta stand on the last axis, whatever `axis` says. They belong to the channels.",
        ),
        Mistake(
            "weights-per-group",
            find="self.add_gamma_and_beta([channels])",
            put="self.add_gamma_and_beta([self.groups])",
            says="gamma and beta have one number a group. They have one a channel.",
        ),
        Mistake(
            "minus-one-is-one-group",
            find="groups = shape[axis] if self.groups == -1 else self.groups",
            put="groups = abs(self.groups)",
            says="With groups=-1 you make one group. It means as many groups as channels.",
        ),
        Mistake(
            "sizes-known-beforehand",
            find="shape = ops.shape(inputs)",
            put="shape = inputs.shape",
            says="You take the sizes from `inputs.shape`. In `fit` some of them are None; `ops.shape` "
            "gives sizes that can be computed with.",
        ),
        Mistake(
            "epsilon-outside-the-root",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) / (ops.sqrt(variance) + self.epsilon)",
            says=EPSILON_OUTSIDE,
        ),
        Mistake(
            "epsilon-missing",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) * ops.rsqrt(variance)",
            says=EPSILON_MISSING,
        ),
        Mistake(
            "epsilon-ignored",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) * ops.rsqrt(variance + 1e-3)",
            says=EPSILON_IGNORED,
        ),
        Mistake(
            "epsilon-added-to-the-output",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) / ops.sqrt(variance) + self.epsilon",
            says=EPSILON_ADDED,
        ),
        Mistake(
            "divides-by-variance",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) / (variance + self.epsilon)",
            says=NO_ROOT,
        ),
        Mistake(
            "not-centred",
            find=GROUP_NORMALIZED,
            put="grouped * ops.rsqrt(variance + self.epsilon)",
            says=NOT_CENTRED,
        ),
        Mistake(
            "unbiased-variance",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) * ops.rsqrt(variance * (n := ops.cast("
            "ops.size(grouped) // ops.size(mean), variance.dtype)) / (n - 1) + self.epsilon)",
            says=UNBIASED,
        ),
        Mistake(
            "one-pass",
            find=f"mean, variance = {GROUP_MOMENTS}",
            put="axes = [i for i in range(rank) if i not in (0, axis)]\n"
            "        mean = ops.mean(grouped, axes, keepdims=True)\n"
            "        variance = ops.mean(ops.square(grouped), axes, keepdims=True) - ops.square(mean)",
            says=ONE_PASS,
        ),
        Mistake(
            "statistics-detached",
            find=GROUP_MOMENTS,
            put="moments(ops.stop_gradient(grouped), [i for i in range(rank) if i not in (0, axis)])",
            says=DETACHED,
        ),
        Mistake(
            "variance-detached",
            find=GROUP_NORMALIZED,
            put="(grouped - mean) * ops.rsqrt(ops.stop_gradient(variance) + self.epsilon)",
            says="Outputs are right, gradients are not: none flows through the variance.",
        ),
        Mistake(
            "not-scaled-or-shifted",
            find="return self.scale_and_shift(normalized, [axis])",
            put="return normalized",
            says=FORGOTTEN,
        ),
        Mistake(
            "weights-not-aligned",
            find="return self.scale_and_shift(normalized, [axis])",
            put="return self.gamma * normalized + self.beta",
            says=NOT_ALIGNED,
        ),
        *ON_GAMMA_AND_BETA,
        Mistake(
            "float16-inside",
            find='inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))',
            put="inputs = ops.cast(inputs, self.compute_dtype)",
            says=FLOAT16,
        ),
        Mistake(
            "config-without-groups",
            find='"groups": self.groups, ',
            put="",
            says="`get_config` lacks `groups`.",
        ),
    ),
    hints=(
        "Give each group an axis of its own: a reshape of (batch, 6) with two groups gives (batch, 2, 3). "
        "Which axes are then averaged over, and which two stay?",
        "`shape` is a tuple: what stands before the channels' axis, then two sizes in place of one, then "
        "what stands behind it. The axis of the groups is then `axis`.",
        "Average over every axis but 0 and `axis` with `moments`, normalize, reshape to `shape`. gamma "
        "and beta are per channel, so they come after that: `scale_and_shift` along `[axis]`.",
    ),
    why="A reshape gives each group an axis of its own, and what is left is layer normalization over all "
    "other axes. Neighbouring channels form a group because the group is the slower of the two new axes. "
    "`ops.shape` gives sizes that can be computed with where they are not known beforehand. gamma and "
    "beta are per channel, so they come after the groups are joined again.",
)

EXAMS = (LAYER_NORMALIZATION, RMS_NORMALIZATION, GROUP_NORMALIZATION)
