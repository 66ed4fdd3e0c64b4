"""Exams of lesson 09: normal noise that multiplies (`GaussianDropout`) and that is added.

What is exact comes first: noise that multiplies leaves a 0 alone and is its own gradient, noise that is
added has the gradient 1. Mean, spread and shape of the noise are measured on 160,000 numbers, with
margins that a right answer misses less than once in 10^12 checks: `tests/test_dropout_family.py`.
"""

import numpy as np

from utils.gradients import backpropagate

from ._exam import Exam, Mistake, see
from ._noise import (
    config_makes_it_again,
    different,
    draws_anew_at_every_call,
    draws_anew_in_a_compiled_function,
    draws_for_every_unit_of_every_example,
    keeps_the_dtype,
    numbers,
    passes_masks_on,
    refuses_integers,
    refuses_what_is_no_share,
    repeats_itself_by_its_seed,
    rests_in_inference,
    returns_something,
    using,
    works_when_frozen,
)
from ._oracle import normal, outcome
from .dropout import knows_its_output_shape

CROWD = (400, 400)  # where the noise is measured
MARGIN = 0.03  # how exactly: mean and standard deviation, as a share of the larger of the two
NEAR, NEAR_MARGIN = 0.4515, 0.15  # normal numbers within 0.6 standard deviations; a share of it
RATES, STDDEVS = (0.2, 0.5, 0.7), (0.2, 0.5, 1.0)


def with_gradient(layer, inputs):
    """Outputs of one training call, and the gradient of their sum with respect to the inputs."""
    seen = []

    def call(x):
        seen.append(layer(x, training=True))
        return seen[-1]

    gradient, _ = backpropagate(call, inputs, np.ones_like(inputs))
    return numbers(seen[-1]), gradient


def multiplies(candidate):
    """The noise multiplies: a 0 stays 0, and the gradient is the noise itself."""
    inputs = normal(64, 64)
    inputs[:, ::2] = 0
    outputs, gradient = with_gradient(candidate(0.5), inputs)
    given = "rate 0.5 and inputs with zeros among them"
    yield see("shape of the output", outputs.shape, (64, 64), given)
    rest = not outputs[:, ::2].any()
    yield see("claim that a 0 stays 0", rest, True, given)
    is_factor = np.allclose(gradient * inputs, outputs, atol=1e-5)
    yield see("claim that gradient * inputs is the output", is_factor, True, given)


def adds(candidate):
    """The noise is added: it does not depend on the inputs, and their gradient is 1."""
    inputs = normal(64, 64)
    outputs, gradient = with_gradient(candidate(0.5), inputs)
    given = "stddev 0.5"
    yield see("shape of the output", outputs.shape, (64, 64), given)
    reached = bool(gradient.any())
    yield see("claim that a gradient reaches the inputs", reached, True, given)
    if reached:
        yield see("claim that the gradient is 1", np.allclose(gradient, 1), True, given)


def has_the_spread_of_dropout(candidate):
    """The factors are normal numbers of mean 1 and standard deviation `sqrt(rate / (1 - rate))`."""
    inputs = np.full(CROWD, 2, "float32")
    for rate in RATES:
        factors = numbers(candidate(rate)(inputs, training=True)) / 2
        yield from _gauges("factor", factors, 1, (rate / (1 - rate)) ** 0.5, f"rate {rate}")


def has_the_spread_it_is_told(candidate):
    """What is added are normal numbers of mean 0 and standard deviation `stddev`."""
    inputs = np.full(CROWD, 2, "float32")
    for stddev in STDDEVS:
        added = numbers(candidate(stddev)(inputs, training=True)) - 2
        yield from _gauges("noise", added, 0, stddev, f"stddev {stddev}")


def _gauges(what, values, mean, stddev, given):
    """Mean and standard deviation, and how many values lie near the mean, which tells the shape."""
    # Of 160,000 normal numbers: that the mean is 3 % of the standard deviation off, 12 times its own,
    # < 1e-32; the standard deviation 3 %, < 1e-60; the share 15 %, < 1e-90.
    if np.any(values != mean) and min(different(values, 0), different(values, 1)) < 400:
        return  # units share their noise, as another probe says: too little of it to measure
    given = f"{given} and 160,000 units with inputs of 2"
    found = [values.mean(), values.std()]
    near = np.mean(np.abs(values - values.mean()) < 0.6 * values.std())
    yield see(f"mean and standard deviation of the {what}", found, [mean, stddev], given, MARGIN)
    within = "share of units within 0.6 standard deviations of the mean"
    yield see(within, near, NEAR, given, NEAR_MARGIN)


def adds_nothing_at_0(candidate):
    """At 0 the inputs pass unchanged, also in training."""
    inputs = normal(8, 16)
    yield see("output", candidate(0)(inputs, training=True), inputs, "Layer(0)", tolerance=0)


def refuses_rate_1(candidate):
    """At rate 1 the noise would have no bounds: the layer is refused, or its call."""
    error = outcome(lambda: candidate(1.0)(np.ones((2, 3)), training=True))
    yield see("claim that rate 1 is refused", error != "no error", True, "rate 1, training=True")


# --- The exams --------------------------------------------------------------------------------------

ALWAYS = (
    draws_anew_at_every_call,
    draws_anew_in_a_compiled_function,
    repeats_itself_by_its_seed,
    works_when_frozen,
    adds_nothing_at_0,
    keeps_the_dtype,
    refuses_integers,
)
HANDS_ON = (passes_masks_on, knows_its_output_shape)

STDDEV = "stddev = (self.rate / (1 - self.rate)) ** 0.5"
DRAW = "noise = keras.random.normal(shape, 1.0, stddev, dtype=inputs.dtype, seed=seed)"
APPLY = "return inputs * noise"
SOURCE = "shape, seed = ops.shape(inputs), self.seed_generator\n"
REST = "            return inputs\n        self.check_inputs(inputs)\n"

DROPOUT = Exam(
    name="GaussianDropout",
    block="dropout",
    probes=(
        returns_something,
        rests_in_inference,
        multiplies,
        draws_for_every_unit_of_every_example,
        has_the_spread_of_dropout,
        *ALWAYS,
        refuses_what_is_no_share,
        refuses_rate_1,
        *HANDS_ON,
        using(config_makes_it_again, rate=0.3),
    ),
    mistakes=(
        Mistake(
            "variance-as-stddev",
            find=STDDEV,
            put="stddev = self.rate / (1 - self.rate)",
            says="rate / (1 - rate) is the variance. The standard deviation is its root.",
        ),
        Mistake(
            "rate-as-stddev",
            find=STDDEV,
            put="stddev = self.rate",
            says="You take the rate for the standard deviation. It is sqrt(rate / (1 - rate)), that of "
            "plain dropout.",
        ),
        Mistake(
            "root-of-the-rate",
            find=STDDEV,
            put="stddev = self.rate**0.5",
            says="You take the root of the rate: divide by 1 - rate first.",
        ),
        Mistake(
            "spread-of-a-coin",
            find=STDDEV,
            put="stddev = (self.rate * (1 - self.rate)) ** 0.5",
            says="sqrt(rate * (1 - rate)) is the standard deviation of the mask. Dropout divides the mask by "
            "1 - rate: sqrt(rate / (1 - rate)).",
        ),
        Mistake(
            "root-of-the-mean-square",
            find=STDDEV,
            put="stddev = (1 / (1 - self.rate)) ** 0.5",
            says="1 / (1 - rate) is the mean square. The variance is that less the square of the mean, 1: "
            "rate / (1 - rate).",
        ),
        Mistake(
            "rate-as-keep-probability",
            find=STDDEV,
            put="stddev = ((1 - self.rate) / self.rate) ** 0.5",
            says="Your rate is the share that is kept. Keras's is the share that is dropped: "
            "sqrt(rate / (1 - rate)).",
        ),
        Mistake(
            "mean-of-zero",
            find=DRAW,
            put=DRAW.replace("1.0", "0.0"),
            says="Your factors have the mean 0: on average nothing is left. Their mean is 1.",
        ),
        Mistake(
            "noise-alone",
            find=APPLY,
            put="return noise",
            says="You return the noise. Multiply the inputs by it.",
        ),
        Mistake(
            "noise-added",
            find=APPLY,
            put="return inputs + noise",
            says="You add the noise. It multiplies.",
        ),
        Mistake(
            "noise-of-mean-zero-added",
            find=APPLY,
            put="return inputs + noise - 1",
            says="You add noise that does not depend on the inputs, as GaussianNoise does. It multiplies.",
        ),
        Mistake(
            "rescaled",
            find=APPLY,
            put="return inputs * noise / (1 - self.rate)",
            says="You divide by 1 - rate as well. The noise has the mean 1: there is nothing to make up for.",
        ),
        Mistake(
            "noise-not-negative",
            find=APPLY,
            put="return inputs * ops.maximum(noise, 0)",
            says="You cut the noise off at 0. Normal numbers are negative now and then.",
        ),
        Mistake(
            "plain-dropout",
            find=APPLY,
            put="return super().call(inputs, training=True)",
            says="You drop units. Multiply by normal numbers instead.",
        ),
        Mistake(
            "uniform-noise",
            find=DRAW,
            put="root = 3**0.5 * stddev\n"
            "        noise = keras.random.uniform(shape, 1 - root, 1 + root, inputs.dtype, seed)",
            says="Your numbers are uniform. Use `keras.random.normal`.",
        ),
        Mistake(
            "truncated-noise",
            find=DRAW,
            put=DRAW.replace(".normal", ".truncated_normal"),
            says="Your numbers are cut off at two standard deviations. Use `keras.random.normal`.",
        ),
        Mistake(
            "one-noise-for-the-batch",
            find=DRAW,
            put="shape = (1, *shape[1:])\n        " + DRAW,
            says="All examples of a batch have the same noise. Draw a number for each unit of each example.",
        ),
        Mistake(
            "one-noise-for-all-units",
            find=DRAW,
            put="shape = (shape[0], *[1 for size in shape[1:]])\n        " + DRAW,
            says="All units of an example have the same noise. Draw a number for each unit of each example.",
        ),
        Mistake(
            "one-noise-for-a-channel",
            find=DRAW,
            put="if len(shape) > 2:\n"
            "            shape = (shape[0], *[1 for size in shape[1:-1]], shape[-1])\n        "
            + DRAW,
            says="A channel has the same noise at all its places. Draw a number for each of them.",
        ),
        Mistake(
            "sizes-must-be-known",
            find="shape, seed = ops.shape(inputs), self",
            put="shape, seed = tuple(inputs.shape), self",
            says="`inputs.shape` has None where a size is not known before a compiled function runs. "
            "`ops.shape(inputs)` gives it.",
        ),
        Mistake(
            "active-in-inference",
            find="if not training or self.rate == 0:\n" + REST,
            put="if self.rate == 0:\n" + REST,
            says="You multiply by noise in inference too. There the inputs pass unchanged.",
        ),
        Mistake(
            "training-upside-down",
            find="if not training or self.rate == 0:\n" + REST,
            put="if training or self.rate == 0:\n" + REST,
            says="Training and inference have changed places.",
        ),
        Mistake(
            "inactive-in-training",
            find=APPLY,
            put="return inputs",
            says="In training the inputs come out as they went in: noise is not applied, or its standard "
            "deviation is 0.",
        ),
        Mistake(
            "same-noise-every-call",
            find=DRAW,
            put=DRAW.replace("seed=seed", "seed=self.seed or 0"),
            says="Every call has the same noise: an integer seed gives the same numbers each time. Hand over "
            "the layer's generator.",
        ),
        Mistake(
            "same-noise-every-call-with-a-seed",
            find=DRAW,
            put=DRAW.replace("seed=seed", "seed=self.seed"),
            says="With a seed every call has the same noise: an integer gives the same numbers each time. "
            "Hand over the layer's generator.",
        ),
        Mistake(
            "seed-ignored",
            find=DRAW,
            put=DRAW.replace(", seed=seed", ""),
            says="The seed has no effect: hand the layer's generator to `keras.random.normal`.",
        ),
        Mistake(
            "detached",
            find=APPLY,
            put="return ops.stop_gradient(inputs) * noise",
            says="No gradient flows back to the inputs: stay with keras.ops, without stop_gradient.",
        ),
        Mistake(
            "output-becomes-float32",
            find=APPLY,
            put='return ops.cast(inputs, "float32") * ops.cast(noise, "float32")',
            says="In training your outputs are float32 whatever the inputs are. Keep their dtype.",
        ),
        Mistake(
            "integers-taken",
            find=REST,
            put="            return inputs\n        inputs = ops.cast(inputs, self.compute_dtype)\n",
            says="Integers in training become fractions without a word. Raise a ValueError.",
        ),
    ),
    hints=(
        "For an input of 1, dropout gives 1 / (1 - rate) with the probability 1 - rate, and otherwise 0. "
        "Its mean is 1. What is its variance?",
        "The standard deviation is the root of rate / (1 - rate). `keras.random.normal` takes a shape, a "
        "mean, a standard deviation, a dtype and a seed, which can be the layer's generator.",
    ),
    why="Mean and variance are those of plain dropout, so that the rate means the same. The noise has the "
    "dtype of the inputs, so that nothing is cast, and comes from the generator that `Dropout` made.",
)

ADD = "return inputs + keras.random.normal(shape, 0.0, self.stddev, inputs.dtype, seed)"
NO_NOISE = "if not training or self.stddev == 0:"
CHECK = "stddev, lambda value: 0 <= value <= 1"
CONFIG = '{**super().get_config(), "stddev": self.stddev, "seed": self.seed}'

NOISE = Exam(
    name="GaussianNoise",
    block="dropout",
    probes=(
        returns_something,
        rests_in_inference,
        adds,
        draws_for_every_unit_of_every_example,
        has_the_spread_it_is_told,
        *ALWAYS,
        using(refuses_what_is_no_share, name="stddev"),
        *HANDS_ON,
        using(config_makes_it_again, stddev=0.3),
    ),
    mistakes=(
        Mistake(
            "noise-multiplies",
            find=ADD,
            put="return inputs * keras.random.normal(shape, 1.0, self.stddev, inputs.dtype, seed)",
            says="Your noise multiplies, as GaussianDropout's does. It is added.",
        ),
        Mistake(
            "noise-of-mean-zero-multiplies",
            find=ADD,
            put="return inputs * keras.random.normal(shape, 0.0, self.stddev, inputs.dtype, seed)",
            says="Your noise multiplies, and has the mean 0: on average nothing is left. It is added.",
        ),
        Mistake(
            "cut-off-at-zero",
            find=ADD,
            put=ADD.replace("inputs +", "ops.relu(inputs +") + ")",
            says="You cut the sum off at 0. It is the output as it is, also below 0.",
        ),
        Mistake(
            "noise-grows-with-the-inputs",
            find=ADD,
            put="noise = keras.random.normal(shape, 0.0, self.stddev, inputs.dtype, seed)\n"
            "        return inputs + ops.stop_gradient(inputs) * noise",
            says="Your noise is larger where the inputs are larger. It does not depend on them.",
        ),
        Mistake(
            "noise-replaces",
            find=ADD,
            put=ADD.replace("inputs + ", ""),
            says="You return the noise alone. Add it to the inputs.",
        ),
        Mistake(
            "mean-of-one",
            find=ADD,
            put=ADD.replace("0.0", "1.0"),
            says="Your noise has the mean 1. That is for noise that multiplies: here it is 0.",
        ),
        Mistake(
            "stddev-as-variance",
            find=ADD,
            put=ADD.replace("self.stddev,", "self.stddev**0.5,"),
            says="You take `stddev` for the variance. It is the standard deviation.",
        ),
        Mistake(
            "stddev-squared",
            find=ADD,
            put=ADD.replace("self.stddev,", "self.stddev**2,"),
            says="You hand over the variance. `keras.random.normal` takes a standard deviation.",
        ),
        Mistake(
            "stddev-ignored",
            find=ADD,
            put="return inputs + keras.random.normal(shape, dtype=inputs.dtype, seed=seed)",
            says="Your noise has the standard deviation 1, whatever was asked for.",
        ),
        Mistake(
            "stddev-as-rate",
            find=ADD,
            put="stddev = (self.stddev / (1.0001 - self.stddev)) ** 0.5\n"
            "        return inputs + keras.random.normal(shape, 0.0, stddev, inputs.dtype, seed)",
            says="You take `stddev` for a rate, as in GaussianDropout. It is the standard deviation itself.",
        ),
        Mistake(
            "uniform-noise",
            find=ADD,
            put="root = 3**0.5 * self.stddev\n"
            "        return inputs + keras.random.uniform(shape, -root, root, inputs.dtype, seed)",
            says="Your numbers are uniform. Use `keras.random.normal`.",
        ),
        Mistake(
            "truncated-noise",
            find=ADD,
            put=ADD.replace(".normal", ".truncated_normal"),
            says="Your numbers are cut off at two standard deviations. Use `keras.random.normal`.",
        ),
        Mistake(
            "one-noise-for-the-batch",
            find=ADD,
            put="shape = (1, *shape[1:])\n        " + ADD,
            says="All examples of a batch have the same noise. Draw a number for each unit of each example.",
        ),
        Mistake(
            "one-noise-for-all-units",
            find=ADD,
            put="shape = (shape[0], *[1 for size in shape[1:]])\n        " + ADD,
            says="All units of an example have the same noise. Draw a number for each unit of each example.",
        ),
        Mistake(
            "one-number-for-all",
            find=ADD,
            put=ADD.replace("(shape,", "((),"),
            says="You draw one number for the whole batch. Draw a number for each unit of each example.",
        ),
        Mistake(
            "sizes-must-be-known",
            find=SOURCE,
            put=SOURCE.replace("ops.shape(inputs)", "tuple(inputs.shape)"),
            says="`inputs.shape` has None where a size is not known before a compiled function runs. "
            "`ops.shape(inputs)` gives it.",
        ),
        Mistake(
            "active-in-inference",
            find=NO_NOISE,
            put="if self.stddev == 0:",
            says="You add noise in inference too. There the inputs pass unchanged.",
        ),
        Mistake(
            "inactive-in-training",
            find=NO_NOISE,
            put="if True:",
            says="You add nothing in training either.",
        ),
        Mistake(
            "training-upside-down",
            find=NO_NOISE,
            put="if training or self.stddev == 0:",
            says="Training and inference have changed places.",
        ),
        Mistake(
            "same-noise-every-call",
            find=ADD,
            put=ADD.replace("seed)", "self.seed or 0)"),
            says="Every call has the same noise: an integer seed gives the same numbers each time. Hand over "
            "the layer's generator.",
        ),
        Mistake(
            "same-noise-every-call-with-a-seed",
            find=ADD,
            put=ADD.replace("seed)", "self.seed)"),
            says="With a seed every call has the same noise: an integer gives the same numbers each time. "
            "Hand over the layer's generator.",
        ),
        Mistake(
            "seed-ignored",
            find=ADD,
            put=ADD.replace(", seed)", ")"),
            says="The seed has no effect: hand the layer's generator to `keras.random.normal`.",
        ),
        Mistake(
            "detached",
            find=ADD,
            put=ADD.replace("inputs +", "ops.stop_gradient(inputs) +"),
            says="No gradient flows back to the inputs: stay with keras.ops, without stop_gradient.",
        ),
        Mistake(
            "output-becomes-float32",
            find=ADD,
            put='inputs = ops.cast(inputs, "float32")\n        ' + ADD,
            says="In training your outputs are float32 whatever the inputs are. Keep their dtype.",
        ),
        Mistake(
            "integers-taken",
            find="check_floats(inputs)",
            put="inputs = ops.cast(inputs, self.compute_dtype)",
            says="Integers in training become fractions without a word. Raise a ValueError.",
        ),
        Mistake(
            "stddev-not-checked",
            find=CHECK,
            put="stddev, lambda value: True",
            says="Any number is taken for `stddev`. Raise a ValueError outside 0 to 1.",
        ),
        Mistake(
            "nan-as-stddev",
            find=CHECK,
            put="stddev, lambda value: not (value < 0 or value > 1)",
            says="NaN is neither below 0 nor above 1, and slips through. Ask `0 <= stddev <= 1`.",
        ),
        Mistake(
            "masks-not-supported",
            find="self.supports_masking = True",
            put="self.supports_masking = False",
            says="The mask of the inputs does not reach the next layer: set supports_masking to True.",
        ),
        Mistake(
            "config-without-stddev",
            find=CONFIG,
            put='{**super().get_config(), "seed": self.seed}',
            says="`get_config` lacks `stddev`.",
        ),
        Mistake(
            "config-without-seed",
            find=CONFIG,
            put='{**super().get_config(), "stddev": self.stddev}',
            says="`get_config` lacks `seed`.",
        ),
    ),
    hints=(
        "Two cases, as in every relative: no training, or no noise, where the inputs pass; and training.",
        "In training, the inputs plus `keras.random.normal` of their shape, with the mean 0, `self.stddev`, "
        "their dtype, and the layer's generator as the seed.",
    ),
    why="Noise that is added does not grow with the inputs: a net can outgrow it by making its activations "
    "large. That is why it stands at the inputs, whose scale is fixed, or behind a normalization.",
)

EXAMS = (DROPOUT, NOISE)
