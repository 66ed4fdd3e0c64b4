"""The exam of batch renormalization, held to what Keras's BatchNormalization does with `renorm=True`."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from utils.gradients import backpropagate

from ._exam import Candidate, Exam, Mistake, Probe, see, snapshot
from ._oracle import channels, compiled, normal, outcome, reloaded, weight
from .batch_normalization import (
    config_makes_it_again,
    leaves_out_what_is_switched_off,
    moving_statistics_start_at_zero_and_one,
    passes_masks_on,
    training_moves_the_statistics,
    uses_what_it_is_given,
)

STATISTICS = ("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev")
CLIPPING = {"rmax": 1.5, "rmin": 0.7, "dmax": 4.0}
TRAINING = "renorm=True, training=True"

Sight = tuple[
    Any, ...
]  # what it is, its value, on which input, and the tolerance where it is another


def as_keras_does(look: Callable[[Candidate], Iterator[Sight]]) -> Probe:
    """A probe out of a function that looks at one class: right is what it sees of Keras's.

    Keras's class is looked at once, which makes a check twice as quick.
    """

    @functools.cache
    def right() -> list[Any]:
        return [snapshot(value) for _, value, *_ in look(keras.layers.BatchNormalization)]

    @functools.wraps(look)
    def probe(candidate):
        for sight, expected in zip(look(candidate), right(), strict=True):
            what, value, *rest = sight
            yield see(what, value, expected, *rest)

    return probe


def renormalizing(
    candidate: Candidate, shape: tuple, names: tuple = ("gamma", "beta"), **arguments: Any
) -> keras.Layer:
    """A layer with `renorm=True`, built, and with random weights that are the same for every class."""
    layer = candidate(renorm=True, **arguments)
    layer.build(shape)
    for seed, name in enumerate((*names, *STATISTICS)):
        variable = weight(layer, name)
        variable.assign(normal(*variable.shape, seed=90 + seed, mean=1.5, scale=0.4))
    return layer


def statistics(layer: keras.Layer, given: str) -> Iterator[Sight]:
    """What the layer remembers."""
    for name in STATISTICS:
        yield name, weight(layer, name), given


# --- What it remembers ------------------------------------------------------------------------------


@as_keras_does
def without_renorm_it_is_batch_normalization(candidate):
    """With `renorm=False`, the default, it is batch normalization, and has no further weights."""
    layer = candidate(momentum=0.5)
    inputs = channels(4, 5, 3)
    mask = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1]], "bool")
    given = "no word about renorm"
    yield "output", layer(inputs, training=True), given
    yield "output", layer(inputs, training=True, mask=mask), f"{given}, and a mask"
    yield "output", layer(inputs, training=False), f"{given}, training=False"
    yield "number of weights", len(layer.weights), given


def has_three_more_statistics(candidate):
    """renorm_mean starts where moving_mean does, both stddevs at the root of moving_variance's start."""
    layer = candidate(
        renorm=True,
        moving_mean_initializer=keras.initializers.Constant(3.0),
        moving_variance_initializer=keras.initializers.Constant(16.0),
    )
    layer.build((None, 2))
    given = "moving_mean_initializer=Constant(3) and moving_variance_initializer=Constant(16)"
    for name, right in zip(STATISTICS, (3, 16, 4, 3, 4), strict=True):
        yield see(f"initial {name}", weight(layer, name), np.full(2, right, "float32"), given)
    trainable = sorted(each.name for each in layer.trainable_weights)
    yield see("list of trainable weights", trainable, ["beta", "gamma"], "renorm=True")


# --- Training ---------------------------------------------------------------------------------------


@as_keras_does
def corrects_by_r_and_d(candidate):
    """In training r and d replace the batch's statistics by those of earlier batches."""
    layer = renormalizing(candidate, (None, 3))
    yield "output", layer(channels(6, 3), training=True), f"inputs of shape (6, 3), {TRAINING}"


@as_keras_does
def statistics_follow_the_batches(candidate):
    """Renorm statistics move by (1 - renorm_momentum), the moving ones by (1 - momentum)."""
    layer = renormalizing(candidate, (None, 4, 3), momentum=0.8, renorm_momentum=0.6)
    for step in range(3):
        given = f"momentum 0.8, renorm_momentum 0.6, training call {step + 1}"
        yield "output", layer(channels(5, 4, 3, seed=step), training=True), given
        yield from statistics(layer, given)


@as_keras_does
def clips_r_and_d(candidate):
    """`renorm_clipping` holds r between rmin and rmax, and d between -dmax and dmax."""
    inputs = channels(6, 4) * np.array([1, -1, 1, -1], "float32")
    for clipping in (CLIPPING, {"rmax": 1.5, "dmax": None}, {"rmin": 0.7}, {"dmax": 4.0}, {}):
        layer = renormalizing(candidate, (None, 4), renorm_clipping=clipping)
        yield "output", layer(inputs, training=True), f"renorm_clipping={clipping}, {TRAINING}"


def refuses_impossible_clipping(candidate):
    """Clipping with an unknown key, with rmax below rmin or dmax below 0 is refused with a ValueError."""
    for clipping, right in (
        ({"maximum": 3.0}, "ValueError"),
        ({"rmax": 3.0, "dmin": 1.0}, "ValueError"),
        ({"rmax": 0.5, "rmin": 1.0}, "ValueError"),
        ({"dmax": -1.0}, "ValueError"),
        ({"rmax": 1.0, "rmin": 1.0, "dmax": 0.0}, "no error"),
    ):
        received = outcome(lambda c=clipping: candidate(renorm=True, renorm_clipping=c))
        yield see("outcome of the constructor", received, right, f"renorm_clipping={clipping}")


@as_keras_does
def survives_a_tiny_stddev(candidate):
    """Where renorm_stddev is tiny, r and d are divided by sqrt(epsilon) at the least."""
    layer = renormalizing(candidate, (None, 3), epsilon=0.04)
    weight(layer, "renorm_stddev").assign([0.0, 0.05, 0.3])
    given = "renorm_stddev [0, 0.05, 0.3] and epsilon 0.04"
    yield "output", layer(channels(6, 3), training=True), given


@as_keras_does
def variance_is_never_negative(candidate):
    """moving_variance is square(moving_stddev) - epsilon, and 0 where rounding makes that negative."""
    layer = renormalizing(candidate, (None, 3), momentum=0.5, epsilon=0.25)
    weight(layer, "moving_stddev").assign([0.0, 0.2, 1.0])
    layer(np.full((4, 3), 2.0, "float32"), training=True)
    yield from statistics(layer, "inputs without any variance and epsilon 0.25")


@as_keras_does
def default_arguments_of_renorm(candidate):
    """Without arguments renorm_momentum is 0.99, and nothing is clipped."""
    layer = renormalizing(candidate, (None, 3))
    given = "renorm=True alone, and large inputs"
    yield "output", layer(channels(6, 3) * 50, training=True), given
    yield from statistics(layer, f"{given}, after one training call")


@as_keras_does
def gradients_stop_at_r_and_d(candidate):
    """The gradient flows through the batch's mean and stddev, and treats r and d as constants."""
    inputs, arriving = channels(3, 4, 3), normal(3, 4, 3, seed=5)
    for clipping in (None, CLIPPING):
        layer = renormalizing(candidate, (None, 4, 3), renorm_clipping=clipping)
        given = f"inputs of shape (3, 4, 3), renorm_clipping={clipping}, {TRAINING}"
        gradient, gradients = backpropagate(layer, inputs, arriving, training=True)
        yield "gradient with respect to the inputs", gradient, given
        paths = [variable.path for variable in layer.trainable_weights]
        for name in ("gamma", "beta"):
            place = paths.index(weight(layer, name).path)
            yield f"gradient of {name}", gradients[place], given


# --- Inference, and when frozen ---------------------------------------------------------------------


@as_keras_does
def inference_does_not_renormalize(candidate):
    """In inference moving_mean and moving_variance normalize, and no statistic moves."""
    layer = renormalizing(candidate, (None, 3), renorm_clipping=CLIPPING)
    inputs, given = channels(6, 3), "renorm=True, training=False"
    yield "output", layer(inputs, training=False), given
    yield "output", layer(inputs[:1]), "renorm=True, a batch of one example, no word about training"
    yield from statistics(layer, given)


@as_keras_does
def stays_put_when_frozen_with_renorm(candidate):
    """With `trainable = False` it behaves as in inference, with renorm too."""
    layer = renormalizing(candidate, (None, 3))
    layer.trainable = False
    given = f"{TRAINING}, trainable = False"
    yield "output", layer(channels(6, 3), training=True), given
    yield from statistics(layer, given)


# --- All that batch normalization can do ------------------------------------------------------------


@as_keras_does
def renormalizes_along_any_axis(candidate):
    """`axis` names the channels' axis with renorm too, at any rank."""
    for axis, shape in ((1, (4, 3, 5)), (-1, (4, 2, 2, 3)), (1, (2, 3, 4, 2)), (-2, (3, 2, 4))):
        layer = renormalizing(candidate, shape, axis=axis, momentum=0.5)
        given = f"{TRAINING}, axis={axis}, inputs of shape {shape}"
        yield "output", layer(channels(*shape), training=True), given
        yield from statistics(layer, given)


@as_keras_does
def renormalizes_without_gamma_or_beta(candidate):
    """With `center=False` or `scale=False` r and d still correct."""
    inputs = channels(6, 3)
    for names, switched in (
        (("gamma",), {"center": False}),
        (("beta",), {"scale": False}),
        ((), {"center": False, "scale": False}),
    ):
        layer = renormalizing(candidate, (None, 3), names, **switched)
        given = ", ".join([TRAINING, *(f"{key}=False" for key in switched)])
        yield "output", layer(inputs, training=True), given


@as_keras_does
def ignores_masked_positions_with_renorm(candidate):
    """With a mask r, d and all statistics come from the unmasked positions alone."""
    mask = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1]], "bool")
    for axis in (-1, 1):
        layer = renormalizing(candidate, (4, 5, 3), axis=axis, momentum=0.6)
        given = f"{TRAINING}, axis={axis}, inputs of shape (4, 5, 3) and a mask of shape (4, 5)"
        yield "output", layer(channels(4, 5, 3), training=True, mask=mask), given
        yield from statistics(layer, given)


@as_keras_does
def survives_a_hidden_batch_with_renorm(candidate):
    """A batch in which every position is masked gives finite numbers with renorm too."""
    layer = renormalizing(candidate, (2, 3, 2))
    given = f"{TRAINING}, inputs of shape (2, 3, 2) and a mask that is False everywhere"
    outputs = layer(channels(2, 3, 2), training=True, mask=np.zeros((2, 3), "bool"))
    yield "output", outputs, given, 1e-4
    yield from statistics(layer, given)


@as_keras_does
def computes_renorm_in_float32_inside(candidate):
    """Under mixed precision it takes and gives float16, and computes in float32 between."""
    layer = renormalizing(candidate, (None, 3), dtype="mixed_float16", momentum=0.5)
    inputs = (channels(6, 3) * 400).astype("float16")  # their squares and variance exceed float16
    given = f"{TRAINING}, float16 inputs of around 1,000, dtype='mixed_float16'"
    outputs = layer(inputs, training=True)
    yield "output", outputs, given, 2e-3
    yield "output", layer(inputs, training=False), f"{given}, then training=False", 2e-3
    yield from statistics(layer, given)
    for what, values in (("the output", outputs), *((n, weight(layer, n)) for n in STATISTICS)):
        yield f"dtype of {what}", keras.backend.standardize_dtype(values.dtype), given


@as_keras_does
def works_inside_a_compiled_function_with_renorm(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same and still moves its statistics."""
    layer = renormalizing(candidate, (None, None, 3), renorm_clipping=CLIPPING)
    given = f"inputs of shape (None, None, 3) in tf.function, {TRAINING}"
    yield "output", compiled(layer, channels(4, 2, 3), training=True), given
    yield from statistics(layer, given)


def config_holds_renorm(candidate):
    """`get_config` holds renorm, renorm_clipping and renorm_momentum; `from_config` takes them."""
    arguments = {"renorm": True, "renorm_clipping": CLIPPING, "renorm_momentum": 0.75}
    layer = candidate(axis=1, **arguments)
    for config in (layer.get_config(), candidate.from_config(layer.get_config()).get_config()):
        held = {key: config[key] for key in arguments if key in config}
        if isinstance(held.get("renorm_clipping"), dict):  # layers keep a subclass of dict
            held["renorm_clipping"] = dict(held["renorm_clipping"])
        yield see("part of the config", held, arguments, "another value than the default for each")


def survives_a_file_with_renorm(candidate):
    """Saved in a `.keras` file and loaded, it trains on bit for bit."""
    arguments = {"renorm_clipping": CLIPPING, "renorm_momentum": 0.5}
    layer = renormalizing(candidate, (None, 3), **arguments)
    loaded = reloaded(layer, (None, 3))
    inputs = channels(5, 3)
    given = "a model with this layer, saved and loaded"
    for training in (False, True):
        received, expected = (each(inputs, training=training) for each in (loaded, layer))
        yield see("output", received, expected, f"{given}, training={training}", tolerance=0)
    for name in STATISTICS:
        received = weight(loaded.layers[-1], name)
        yield see(name, received, weight(layer, name), f"{given}, then trained", tolerance=0)


# --- Clues: single steps of the class as the lesson lays it out -------------------------------------


def finds_r_and_d(candidate):
    """`correction` returns r and d, by what earlier batches have left."""
    if not hasattr(candidate, "correction"):
        return
    layer = candidate(renorm=True)
    layer.build((None, 2))
    for name, value in (("renorm_mean", [1.0, 2.0]), ("renorm_stddev", [2.0, 4.0])):
        weight(layer, name).assign(value)
    mean, stddev = (keras.ops.convert_to_tensor([row]) for row in ([5.0, 0.0], [4.0, 2.0]))
    r, d = layer.correction(mean, stddev)
    given = "mean [5, 0], stddev [4, 2], renorm_mean [1, 2] and renorm_stddev [2, 4]"
    yield see("r of `correction`", r, [[2.0, 0.5]], given)
    yield see("d of `correction`", d, [[2.0, -0.5]], given)


def remembers_a_batch(candidate):
    """`remember` lets all five statistics follow a batch's mean and stddev."""
    if not hasattr(candidate, "remember"):
        return
    layer = candidate(renorm=True, momentum=0.5, renorm_momentum=0.75, epsilon=0.25)
    layer.build((None, 1))
    layer.remember(*(keras.ops.convert_to_tensor([[number]]) for number in (8.0, 5.0)))
    given = "statistics as they start, mean 8, stddev 5, momentum 0.5, renorm_momentum 0.75"
    for name, right in zip(STATISTICS, (4.0, 8.75, 3.0, 2.0, 2.0), strict=True):
        yield see(f"{name} after `remember`", weight(layer, name), [right], given)


# --- The exam ---------------------------------------------------------------------------------------

CORRECTION = (
    "        r, d = self.correction(mean, stddev)\n"
    "        self.remember(mean, stddev)\n"
    "        outputs = (inputs - mean) / stddev * r + d\n"
)

BATCH_RENORMALIZATION = Exam(
    name="BatchNormalizationWithRenorm",
    block="normalization",
    probes=(
        without_renorm_it_is_batch_normalization,
        has_three_more_statistics,
        corrects_by_r_and_d,
        statistics_follow_the_batches,
        clips_r_and_d,
        survives_a_tiny_stddev,
        variance_is_never_negative,
        default_arguments_of_renorm,
        gradients_stop_at_r_and_d,
        inference_does_not_renormalize,
        stays_put_when_frozen_with_renorm,
        refuses_impossible_clipping,
        renormalizes_along_any_axis,
        renormalizes_without_gamma_or_beta,
        ignores_masked_positions_with_renorm,
        survives_a_hidden_batch_with_renorm,
        computes_renorm_in_float32_inside,
        works_inside_a_compiled_function_with_renorm,
        config_holds_renorm,
        survives_a_file_with_renorm,
        moving_statistics_start_at_zero_and_one,
        training_moves_the_statistics,
        leaves_out_what_is_switched_off,
        passes_masks_on,
        uses_what_it_is_given,
        config_makes_it_again,
    ),
    clues=(finds_r_and_d, remembers_a_batch),
    mistakes=(
        Mistake(
            "gradient-through-r-and-d",
            find="return ops.stop_gradient(r), ops.stop_gradient(d)",
            put="return r, d",
            says="Outputs are right, gradients are not: r and d are functions of the batch, and yours "
            "pass a gradient on. Treat them as constants, with `ops.stop_gradient`.",
        ),
        Mistake(
            "gradient-through-r",
            find="return ops.stop_gradient(r), ops.stop_gradient(d)",
            put="return r, ops.stop_gradient(d)",
            says="Outputs are right, gradients are not: r still passes a gradient on. It is a constant "
            "to the gradient, as d is.",
        ),
        Mistake(
            "gradient-through-d",
            find="return ops.stop_gradient(r), ops.stop_gradient(d)",
            put="return ops.stop_gradient(r), d",
            says="Outputs are right, gradients are not: d still passes a gradient on. It is a constant "
            "to the gradient, as r is.",
        ),
        Mistake(
            "statistics-detached",
            find="        mean, variance = self.batch_statistics(inputs, mask)\n        stddev",
            put="        mean, variance = self.batch_statistics(ops.stop_gradient(inputs), mask)\n"
            "        stddev",
            says="Outputs are right, gradients are not: none flows through the batch's mean and stddev. "
            "Only r and d are constants.",
        ),
        Mistake(
            "normalizes-by-the-renorm-statistics",
            find=CORRECTION,
            put="        axes = feature_axes(self.axis, len(inputs.shape))\n"
            "        outputs = inputs - align(self.renorm_mean, axes, inputs)\n"
            "        bound = self.epsilon**0.5\n"
            "        outputs /= ops.maximum(align(self.renorm_stddev, axes, inputs), bound)\n"
            "        self.remember(mean, stddev)\n",
            says="You normalize by renorm_mean and renorm_stddev alone. Then nothing can be clipped, and "
            "no gradient flows through the batch. Normalize by the batch, then correct by r and d.",
        ),
        Mistake(
            "r-upside-down",
            find="ops.clip(stddev / renorm_stddev,",
            put="ops.clip(renorm_stddev / stddev,",
            says="Your r is upside down. It is the batch's stddev, divided by renorm_stddev.",
        ),
        Mistake(
            "d-by-the-batch",
            find="(mean - renorm_mean) / renorm_stddev, -self.dmax",
            put="(mean - renorm_mean) / stddev, -self.dmax",
            says="You divide d by the batch's stddev. Divide it by renorm_stddev, as r.",
        ),
        Mistake(
            "d-undivided",
            find="(mean - renorm_mean) / renorm_stddev, -self.dmax",
            put="mean - renorm_mean, -self.dmax",
            says="Your d is the difference of the means. Divide it by renorm_stddev.",
        ),
        Mistake(
            "d-with-the-wrong-sign",
            find="(mean - renorm_mean) / renorm_stddev, -self.dmax",
            put="(renorm_mean - mean) / renorm_stddev, -self.dmax",
            says="d has the wrong sign. It is the batch's mean minus renorm_mean, and is added.",
        ),
        Mistake(
            "r-and-d-swapped",
            find="return ops.stop_gradient(r), ops.stop_gradient(d)",
            put="return ops.stop_gradient(d), ops.stop_gradient(r)",
            says="r and d have changed places: `correction` returns r first.",
        ),
        Mistake(
            "nothing-clipped",
            find="        r = ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)\n"
            "        d = ops.clip((mean - renorm_mean) / renorm_stddev, -self.dmax, self.dmax)\n",
            put="        r = stddev / renorm_stddev\n        d = (mean - renorm_mean) / renorm_stddev\n",
            says="`renorm_clipping` has no effect. Hold r between rmin and rmax, d between -dmax and "
            "dmax.",
        ),
        Mistake(
            "r-unclipped",
            find="ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)",
            put="stddev / renorm_stddev",
            says="rmin and rmax have no effect: hold r between them.",
        ),
        Mistake(
            "d-unclipped",
            find="ops.clip((mean - renorm_mean) / renorm_stddev, -self.dmax, self.dmax)",
            put="(mean - renorm_mean) / renorm_stddev",
            says="dmax has no effect: hold d between -dmax and dmax.",
        ),
        Mistake(
            "rmin-forgotten",
            find="ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)",
            put="ops.minimum(stddev / renorm_stddev, self.rmax)",
            says="rmin has no effect: r is not to fall below it.",
        ),
        Mistake(
            "rmax-forgotten",
            find="ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)",
            put="ops.maximum(stddev / renorm_stddev, self.rmin)",
            says="rmax has no effect: r is not to rise above it.",
        ),
        Mistake(
            "rmin-and-rmax-swapped",
            find="ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)",
            put="ops.clip(stddev / renorm_stddev, self.rmax, self.rmin)",
            says="rmin and rmax have changed places: the lower limit comes first.",
        ),
        Mistake(
            "dmax-above-only",
            find="ops.clip((mean - renorm_mean) / renorm_stddev, -self.dmax, self.dmax)",
            put="ops.minimum((mean - renorm_mean) / renorm_stddev, self.dmax)",
            says="You hold d below dmax, and let it fall without limit. Hold it above -dmax too.",
        ),
        Mistake(
            "r-and-d-after-remembering",
            find="        r, d = self.correction(mean, stddev)\n        self.remember(mean, stddev)\n",
            put="        self.remember(mean, stddev)\n        r, d = self.correction(mean, stddev)\n",
            says="You remember the batch before you compute r and d, so that they are measured against "
            "statistics that hold this batch already. Compute them first.",
        ),
        Mistake(
            "never-remembered",
            find="        self.remember(mean, stddev)\n",
            put="",
            says="No statistic moves. Let all five follow in every training call, with `remember`.",
        ),
        Mistake(
            "d-before-r",
            find="outputs = (inputs - mean) / stddev * r + d",
            put="outputs = ((inputs - mean) / stddev + d) * r",
            says="You add d before multiplying by r. Multiply first, then add d.",
        ),
        Mistake(
            "divided-by-r",
            find="outputs = (inputs - mean) / stddev * r + d",
            put="outputs = (inputs - mean) / stddev / r + d",
            says="You divide by r. Multiply by it.",
        ),
        Mistake(
            "d-forgotten",
            find="outputs = (inputs - mean) / stddev * r + d",
            put="outputs = (inputs - mean) / stddev * r",
            says="d has no effect: add it after multiplying by r.",
        ),
        Mistake(
            "r-forgotten",
            find="outputs = (inputs - mean) / stddev * r + d",
            put="outputs = (inputs - mean) / stddev + d",
            says="r has no effect: multiply what is normalized by it, then add d.",
        ),
        Mistake(
            "correction-forgotten",
            find="outputs = (inputs - mean) / stddev * r + d",
            put="outputs = (inputs - mean) / stddev",
            says="You normalize by the batch and do not correct: multiply by r and add d.",
        ),
        Mistake(
            "divides-by-variance",
            find="outputs = (inputs - mean) / stddev * r + d",
            put="outputs = (inputs - mean) / variance * r + d",
            says="You divide by the variance. Divide by its root, `stddev`.",
        ),
        Mistake(
            "epsilon-missing",
            find="        stddev = ops.sqrt(variance + self.epsilon)\n",
            put="        stddev = ops.sqrt(variance)\n",
            says="epsilon is missing from stddev: it is added to the variance, inside the root.",
        ),
        Mistake(
            "renorm-momentum-ignored",
            find="        follow(self.renorm_mean, mean, self.renorm_momentum)\n"
            "        follow(self.renorm_stddev, stddev, self.renorm_momentum)\n",
            put="        follow(self.renorm_mean, mean, self.momentum)\n"
            "        follow(self.renorm_stddev, stddev, self.momentum)\n",
            says="renorm_momentum has no effect. renorm_mean and renorm_stddev follow with it, not with "
            "momentum.",
        ),
        Mistake(
            "renorm-momentum-everywhere",
            find="        follow(self.moving_mean, mean, self.momentum)\n"
            "        follow(self.moving_stddev, stddev, self.momentum)\n",
            put="        follow(self.moving_mean, mean, self.renorm_momentum)\n"
            "        follow(self.moving_stddev, stddev, self.renorm_momentum)\n",
            says="All statistics follow with renorm_momentum. moving_mean and moving_stddev, which serve "
            "in inference, follow with momentum.",
        ),
        Mistake(
            "momenta-swapped",
            find="        follow(self.renorm_mean, mean, self.renorm_momentum)\n"
            "        follow(self.renorm_stddev, stddev, self.renorm_momentum)\n"
            "        follow(self.moving_mean, mean, self.momentum)\n"
            "        follow(self.moving_stddev, stddev, self.momentum)\n",
            put="        follow(self.renorm_mean, mean, self.momentum)\n"
            "        follow(self.renorm_stddev, stddev, self.momentum)\n"
            "        follow(self.moving_mean, mean, self.renorm_momentum)\n"
            "        follow(self.moving_stddev, stddev, self.renorm_momentum)\n",
            says="The two momenta have changed places: renorm_mean and renorm_stddev follow with "
            "renorm_momentum, the moving ones with momentum.",
        ),
        Mistake(
            "renorm-mean-never-moves",
            find="        follow(self.renorm_mean, mean, self.renorm_momentum)\n",
            put="",
            says="renorm_mean never moves. Let it follow the batch's mean.",
        ),
        Mistake(
            "renorm-stddev-never-moves",
            find="        follow(self.renorm_stddev, stddev, self.renorm_momentum)\n",
            put="",
            says="renorm_stddev never moves. Let it follow the batch's stddev.",
        ),
        Mistake(
            "moving-mean-never-moves",
            find="        follow(self.moving_mean, mean, self.momentum)\n",
            put="",
            says="moving_mean never moves, and inference needs it. Let it follow the batch's mean.",
        ),
        Mistake(
            "moving-stddev-never-moves",
            find="        follow(self.moving_stddev, stddev, self.momentum)\n",
            put="",
            says="moving_stddev never moves. Let it follow the batch's stddev.",
        ),
        Mistake(
            "moving-statistics-never-move",
            find="        follow(self.moving_mean, mean, self.momentum)\n"
            "        follow(self.moving_stddev, stddev, self.momentum)\n",
            put="",
            says="moving_mean and moving_stddev never move, and inference needs them. Let them follow "
            "the batch too, with momentum.",
        ),
        Mistake(
            "stddevs-follow-the-variance",
            find="self.remember(mean, stddev)",
            put="self.remember(mean, variance)",
            says="moving_stddev and renorm_stddev follow the variance. They follow its root, with "
            "epsilon inside: `stddev`.",
        ),
        Mistake(
            "moving-variance-never-moves",
            find="        self.moving_variance.assign(ops.maximum(variance, 0))\n",
            put="",
            says="moving_variance never moves, and inference divides by its root. Assign it, from "
            "moving_stddev.",
        ),
        Mistake(
            "moving-variance-with-epsilon",
            find="variance = ops.square(self.moving_stddev) - self.epsilon",
            put="variance = ops.square(self.moving_stddev)",
            says="Your moving_variance holds epsilon, which inference adds once more. Subtract it from "
            "square(moving_stddev).",
        ),
        Mistake(
            "moving-variance-by-itself",
            find="        self.moving_variance.assign(ops.maximum(variance, 0))\n",
            put="        variance = ops.square(stddev) - self.epsilon\n"
            "        follow(self.moving_variance, variance, self.momentum)\n",
            says="Your moving_variance follows the batch's variance. With renorm the stddev is what is "
            "averaged: moving_variance is square(moving_stddev) - epsilon.",
        ),
        Mistake(
            "moving-variance-negative",
            find="ops.maximum(variance, 0)",
            put="variance",
            says="Your moving_variance can fall below 0 where moving_stddev is small. Let it be at "
            "least 0.",
        ),
        Mistake(
            "stddev-starts-as-the-variance",
            find="return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))",
            put="return self.moving_variance_initializer(shape, dtype=dtype)",
            says="moving_stddev and renorm_stddev start where moving_variance starts. They start at its "
            "root.",
        ),
        Mistake(
            "no-lower-bound-of-stddev",
            find="        renorm_stddev = ops.maximum(renorm_stddev, self.epsilon**0.5)\n",
            put="",
            says="Where renorm_stddev is near 0, r and d grow without limit. Divide by sqrt(epsilon) at "
            "the least.",
        ),
        Mistake(
            "renorm-in-inference",
            find="if not (self.renorm and training and self.trainable):",
            put="if not (self.renorm and self.trainable):",
            says="You renormalize in inference too. There moving_mean and moving_variance normalize, as "
            "without renorm.",
        ),
        Mistake(
            "renorm-when-frozen",
            find="if not (self.renorm and training and self.trainable):",
            put="if not (self.renorm and training):",
            says="A frozen layer (`trainable = False`) still renormalizes and moves its statistics. It "
            "runs in inference mode.",
        ),
        Mistake(
            "mask-ignored",
            find="        mean, variance = self.batch_statistics(inputs, mask)\n        stddev",
            put="        mean, variance = self.batch_statistics(inputs, None)\n        stddev",
            says="With renorm the mask has no effect: masked positions count towards the statistics.",
        ),
        Mistake(
            "mask-not-handed-on",
            find="return super().call(inputs, training=training, mask=mask)",
            put="return super().call(inputs, training=training)",
            says="Without renorm the mask has no effect: hand it on to batch normalization.",
        ),
        Mistake(
            "float16-inside",
            find='        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))\n'
            "        mean,",
            put="        mean,",
            says="You compute in float16, where a square overflows above 65,504. Cast to float32 first, "
            "and back at the end.",
        ),
        Mistake(
            "config-without-renorm",
            find='            "renorm": self.renorm,\n',
            put="",
            says="`get_config` lacks `renorm`: a layer loaded from a file no longer renormalizes.",
        ),
        Mistake(
            "config-without-clipping",
            find='            "renorm_clipping": self.renorm_clipping,\n',
            put="",
            says="`get_config` lacks `renorm_clipping`.",
        ),
        Mistake(
            "config-without-renorm-momentum",
            find='            "renorm_momentum": self.renorm_momentum,\n',
            put="",
            says="`get_config` lacks `renorm_momentum`.",
        ),
        Mistake(
            "unknown-keys-accepted",
            find="if set(renorm_clipping) - set(limits):",
            put="renorm_clipping = {k: v for k, v in renorm_clipping.items() if k in limits}\n"
            "            if False:",
            says="An unknown key in `renorm_clipping` is taken without a word. Raise a ValueError: rmin, "
            "rmax and dmax are all there is.",
        ),
        Mistake(
            "impossible-limits-accepted",
            find="if self.rmax < self.rmin:",
            put="if False:",
            says="An rmax below rmin is taken without a word. Raise a ValueError.",
        ),
        Mistake(
            "negative-dmax-accepted",
            find="if self.dmax < 0:",
            put="if False:",
            says="A negative dmax is taken without a word. Raise a ValueError.",
        ),
        Mistake(
            "default-renorm-momentum",
            find="renorm_momentum=0.99",
            put="renorm_momentum=0.9",
            says="Your default renorm_momentum is 0.9. In Keras it is 0.99.",
        ),
    ),
    hints=(
        "Try it on paper: normalize a number by the batch, multiply by r, add d. Without limits what comes "
        "out is the number normalized by renorm_mean and renorm_stddev. Which r and d do that?",
        "`ops.clip(values, lowest, highest)` keeps limits, `ops.stop_gradient(values)` makes a constant. "
        "`update_moving_average`, behind `follow`, takes any momentum.",
        "r and d come before `remember`: they compare this batch with those before it. epsilon is already "
        "inside `stddev`; `moving_variance` is to be without it.",
    ),
    why="Forward, without limits, the result is that of normalizing by `renorm_mean` and `renorm_stddev`: "
    "nearly what inference will do. Backward, the batch's mean and stddev carry gradients as in batch "
    "normalization, because r and d are constants: gradients that did not know of the normalization "
    "would make weights grow. All that does not renormalize is handed to the base class.",
)

EXAMS = (BATCH_RENORMALIZATION,)
