"""Exams of lesson 13: schedules of the learning rate."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate, Exam, Mistake, Observation, Probe, see
from ._oracle import outcome

KERAS = keras.optimizers.schedules


def rates(schedule: Callable[[Any], Any], steps: Sequence[Any]) -> np.ndarray | None:
    """The rate of each step; None where a schedule returns nothing."""
    values = [schedule(step) for step in steps]
    if any(value is None for value in values):
        return None
    return np.array([keras.ops.convert_to_numpy(value) for value in values])


def beside(
    candidate: Candidate, keras_class: type, steps: Sequence[int], **arguments: Any
) -> Iterator[Observation]:
    """The learner's rates and those of Keras's class."""
    received, expected = (rates(each(**arguments), steps) for each in (candidate, keras_class))
    yield see("array of rates", received, expected, f"{told(arguments)} and the steps {steps}")


def told(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def owes(
    keras_class: type, whole: dict[str, Any], exact: Callable[[type], dict], **arguments: Any
) -> tuple[Probe, ...]:
    """The probes that every schedule has to satisfy, whatever its shape.

    Args:
        keras_class: whose rates are right.
        whole: arguments of which some are ints that could as well be floats.
        exact: arguments with rates that a function given to it has made, as `np.float64`.
        arguments: for every argument of the class another value than its default.
    """
    steps = [0, 1, 3, 4, 5, 8, 11, 30]

    def takes_an_int_for_a_rate(candidate):
        """An int is a rate too: what follows is not cut off after the point."""
        as_floats = {
            name: [float(each) for each in value] if isinstance(value, list) else float(value)
            for name, value in whole.items()
        }
        received = rates(candidate(**whole), steps)
        expected = rates(keras_class(**as_floats), steps)
        yield see("array of rates", received, expected, f"{told(whole)} and the steps {steps}")

    def keeps_the_precision_of_the_rate(candidate):
        """A rate of type float64 gives rates of type float64."""
        given = exact(np.float64)
        received = candidate(**given)(3)
        yield see("dtype", _dtype(received), "float64", "a rate of type np.float64")
        expected = keras_class(**given)(3)
        yield see("rate", received, expected, "np.float64 rates and step 3", tolerance=1e-6)

    def takes_the_optimizers_counter(candidate):
        """The step comes as the optimizer's counter, a variable, or as a tensor of ints or floats."""
        schedule, right = candidate(**arguments), keras_class(**arguments)
        for kind, make in (
            ("keras.Variable of ints", lambda step: keras.Variable(step, dtype="int32")),
            ("tensor of dtype int64", lambda step: tf.constant(step, "int64")),
            ("tensor of dtype float32", lambda step: tf.constant(step, "float32")),
        ):
            received, expected = (rates(each, [make(5)]) for each in (schedule, right))
            yield see(
                "array of rates", received, expected, f"{told(arguments)} and step 5 as a {kind}"
            )

    def works_inside_a_compiled_function(candidate):
        """Inside `tf.function`, where a step has no value yet, the rates are the same."""
        compiled = tf.function(
            candidate(**arguments), input_signature=[tf.TensorSpec((), "int64")], autograph=False
        )  # as Keras compiles a training step: without a translation of `if`
        received = rates(lambda step: compiled(tf.constant(step, "int64")), steps)
        expected = rates(keras_class(**arguments), steps)
        yield see("array of rates", received, expected, f"tf.function and the steps {steps}")

    def gives_the_same_rate_again(candidate):
        """The rate depends on the step alone, not on how often or in which order it is asked."""
        schedule = candidate(**arguments)
        first, *_, again = (rates(schedule, [step]) for step in (3, 9, 1, 3))
        yield see("rate", again, first, "step 3, asked again after steps 9 and 1")

    def takes_a_rate_for_each_of_several_copies(candidate):
        """A rate may be a tensor, such as a rate for each of several nets trained together."""
        given = exact(lambda rate: tf.constant([[rate], [2 * rate]], "float32"))
        expected = [keras_class(**exact(lambda rate, n=n: n * rate))(3) for n in (1, 2)]
        received = candidate(**given)(3)
        yield see(
            "array of rates",
            received,
            np.reshape(expected, (2, 1)),
            "rates of shape (2, 1), step 3",
        )

    def has_kerass_defaults(candidate):
        """Arguments that are not given have the values that they have in Keras's class."""
        needed = exact(float)
        config, right = (each(**needed).get_config() for each in (candidate, keras_class))
        for name in arguments:
            yield see(f"default of {name}", config.get(name), right[name], told(needed))

    def config_makes_it_again(candidate):
        """`get_config` holds every argument; `from_config` makes the same schedule again."""
        config = candidate(**arguments).get_config()
        missing = [name for name in arguments if name not in config]
        yield see("list of keys that get_config lacks", missing, [])
        again = candidate.from_config(json.loads(json.dumps(config))).get_config()
        for name, value in arguments.items():
            yield see(f"{name} after from_config", again.get(name), value)

    return (
        takes_an_int_for_a_rate,
        keeps_the_precision_of_the_rate,
        takes_the_optimizers_counter,
        works_inside_a_compiled_function,
        gives_the_same_rate_again,
        takes_a_rate_for_each_of_several_copies,
        has_kerass_defaults,
        config_makes_it_again,
    )


def _dtype(value: Any) -> str:
    return keras.backend.standardize_dtype(value.dtype) if hasattr(value, "dtype") else "none"


def refuses_what_cannot_be(candidate):
    """A `decay_steps` of 0 or below is refused with a ValueError, as is a negative rate."""
    for steps in (0, -3):
        error = outcome(lambda steps=steps: candidate(0.5, steps, 0.5))
        yield see("constructor", error, "ValueError", f"decay_steps={steps}")
    error = outcome(lambda: candidate(-0.5, 4, 0.5))
    yield see("constructor", error, "ValueError", "initial_learning_rate=-0.5")


def mistakes_of_all(result: str, config: str, nameless: str) -> tuple[Mistake, ...]:
    """Mistakes that any schedule may contain.

    Args:
        result: the line of the reference that computes the rate, with its `return`.
        config: what stands in `get_config`, its name in it.
        nameless: the same without the name.
    """
    value = result.removeprefix("return ")
    return (
        Mistake(
            "always-float32",
            find=result,
            put=f'return ops.cast({value}, "float32")',
            says="Your rate is float32 always. It has the precision of the rate that it is given.",
        ),
        Mistake(
            "python-number",
            find=result,
            put=f"return float({value})",
            says="You turn the rate into a Python number. In a compiled training step there are no "
            "numbers yet: return the tensor.",
        ),
        Mistake(
            "name-not-in-config",
            find=config,
            put=nameless,
            says="`get_config` leaves out `name`, so that a loaded schedule has lost it.",
        ),
    )


COUNTS_FROM_ONE = (
    "You count steps from 1. The optimizer's counter is 0 before the first step, and the rate of step 0 "
    "is the initial one."
)
CUT_OFF = (
    "With an int as rate, everything is cast to ints, and what stands after the point is cut off. "
    "`floats` makes a float of the rate first. (Keras's own schedules have this trap.)"
)
OWN_RATE = (
    "You write the new rate over `initial_learning_rate`, so that the next call starts from it. A "
    "schedule computes each rate from the step alone."
)
UNCHECKED = "`decay_steps` of 0 or below has to be refused, with a ValueError."


# --- ExponentialDecay -------------------------------------------------------------------------------


def multiplies_by_the_factor(candidate):
    """In the course of every `decay_steps` steps the rate is multiplied by `decay_rate`."""
    steps = [0, 1, 2, 4, 6, 8, 20]
    for decay_rate in (0.5, 0.9, 2.0):
        given = {"initial_learning_rate": 0.8, "decay_steps": 4, "decay_rate": decay_rate}
        yield from beside(candidate, KERAS.ExponentialDecay, steps, **given)


def walks_down_a_staircase(candidate):
    """With `staircase=True` the rate stays for `decay_steps` steps, then drops by the factor."""
    given = {"initial_learning_rate": 0.8, "decay_steps": 4, "decay_rate": 0.5, "staircase": True}
    yield from beside(candidate, KERAS.ExponentialDecay, [0, 1, 2, 3, 4, 5, 7, 8, 11, 12], **given)


TIMES = "times = step / decay_steps"
EXPONENTIAL = "return rate * decay_rate**times"

EXPONENTIAL_DECAY = Exam(
    name="ExponentialDecay",
    block="schedules",
    probes=(
        multiplies_by_the_factor,
        walks_down_a_staircase,
        *owes(
            KERAS.ExponentialDecay,
            whole={"initial_learning_rate": 1, "decay_steps": 8, "decay_rate": 0.5},
            exact=lambda kind: {
                "initial_learning_rate": kind(0.1),
                "decay_steps": 7,
                "decay_rate": 0.3,
            },
            initial_learning_rate=0.4,
            decay_steps=3,
            decay_rate=0.7,
            staircase=True,
            name="mine",
        ),
        refuses_what_cannot_be,
    ),
    mistakes=(
        Mistake(
            "counts-from-one",
            find=TIMES,
            put="times = (step + 1) / decay_steps",
            says=COUNTS_FROM_ONE,
        ),
        Mistake(
            "decay-steps-ignored",
            find=TIMES,
            put="times = step",
            says="You multiply by `decay_rate` at every step. It takes `decay_steps` steps for one factor.",
        ),
        Mistake(
            "upside-down",
            find=TIMES,
            put="times = decay_steps / step",
            says="Your exponent is `decay_steps / step`. It grows with the step: `step / decay_steps`.",
        ),
        Mistake(
            "stops-after-one-factor",
            find=TIMES,
            put="times = ops.minimum(step / decay_steps, 1)",
            says="Your rate stops falling after `decay_steps`. An exponential decay has no end.",
        ),
        Mistake(
            "staircase-ignored",
            find="times = ops.floor(times)",
            put="pass",
            says="`staircase=True` changes nothing: `step / decay_steps` is to be rounded down then.",
        ),
        Mistake(
            "staircase-always",
            find="if self.staircase:",
            put="if True:",
            says="You round down always. Without `staircase` the rate falls a little at every step.",
        ),
        Mistake(
            "staircase-upside-down",
            find="if self.staircase:",
            put="if not self.staircase:",
            says="You have a staircase where none is asked for, and none where it is.",
        ),
        Mistake(
            "rounds-to-the-nearest",
            find="ops.floor(times)",
            put="ops.round(times)",
            says="You round to the nearest integer, so that the rate drops half a stair too early. "
            "Round down.",
        ),
        Mistake(
            "rounds-up",
            find="ops.floor(times)",
            put="ops.ceil(times)",
            says="You round up, so that the rate drops a whole stair too early. Round down.",
        ),
        Mistake(
            "floor-in-python",
            find="ops.floor(times)",
            put="float(int(times))",
            says="`int(…)` needs a number, and in a compiled training step there are none yet: "
            "`ops.floor` rounds tensors.",
        ),
        Mistake(
            "power-of-e",
            find=EXPONENTIAL,
            put="return rate * ops.exp(-decay_rate * times)",
            says="You take a power of e. Here the factor itself is raised: `decay_rate ** times`.",
        ),
        Mistake(
            "inverse-time",
            find=EXPONENTIAL,
            put="return rate / (1 + decay_rate * times)",
            says="That is `InverseTimeDecay`: the rate over 1 + decay_rate * times. Exponential is "
            "`decay_rate ** times`.",
        ),
        Mistake(
            "straight-line",
            find=EXPONENTIAL,
            put="return rate * (1 - (1 - decay_rate) * times)",
            says="Your rate falls in a straight line, and below 0 in the end. Each stretch multiplies it.",
        ),
        Mistake(
            "rate-under-the-power",
            find=EXPONENTIAL,
            put="return (rate * decay_rate) ** times",
            says="You raise the rate to the power as well. Only the factor is raised.",
        ),
        Mistake(
            "power-swapped",
            find=EXPONENTIAL,
            put="return rate * times**decay_rate",
            says="Base and exponent are swapped: it is `decay_rate ** times`.",
        ),
        Mistake(
            "rate-forgotten",
            find=EXPONENTIAL,
            put="return decay_rate**times",
            says="That is the factor. The rate is the initial one times it.",
        ),
        Mistake(
            "changes-its-own-rate",
            find=EXPONENTIAL,
            put="self.initial_learning_rate = rate * decay_rate**times\n"
            "        return self.initial_learning_rate",
            says=OWN_RATE,
        ),
        Mistake(
            "int-cuts-off",
            find="= floats(\n            self.initial_learning_rate, step, self.decay_steps, "
            "self.decay_rate\n        )",
            put="= (\n            ops.cast(x, ops.convert_to_tensor(self.initial_learning_rate).dtype)\n"
            "            for x in (self.initial_learning_rate, step, self.decay_steps, self.decay_rate)"
            "\n        )",
            says=CUT_OFF,
        ),
        Mistake(
            "staircase-not-in-config",
            find='"decay_rate", "staircase", "name"',
            put='"decay_rate", "name"',
            says="`get_config` leaves out `staircase`: a loaded model would go on without stairs.",
        ),
        Mistake(
            "another-default",
            find="staircase=False,",
            put="staircase=True,",
            says="Without being asked, Keras's class makes no stairs.",
        ),
        Mistake(
            "unchecked",
            find="check_decay_steps(decay_steps)",
            put="decay_steps",
            says=UNCHECKED,
        ),
        *mistakes_of_all(EXPONENTIAL, '"staircase", "name"', '"staircase",'),
    ),
    hints=(
        "After `decay_steps` steps the factor applies once, after twice as many twice. After half as many?",
        "The exponent is the number of stretches gone by, a float; `ops.floor` makes whole ones of it.",
    ),
    why=(
        "`if self.staircase` is a Python `if` and may be one: its value is known when the training step "
        "is compiled. The step is not, it is a tensor, so rounding is `ops.floor`. "
        "Everything is cast to the rate's dtype first, as in Keras, and the rate to a float before "
        "that: with `initial_learning_rate=1` Keras casts `decay_rate` to an int, and the rate is 0 "
        "from the first step on."
    ),
)

# --- CosineDecay ------------------------------------------------------------------------------------


def follows_half_a_wave(candidate):
    """The rate follows half a cosine wave: whole at step 0, half in the middle, none at the end."""
    for rate, steps in ((0.8, 8), (0.1, 5)):
        given = {"initial_learning_rate": rate, "decay_steps": steps}
        yield from beside(candidate, KERAS.CosineDecay, [0, 1, 2, 3, 4, 5], **given)


def stays_at_its_end(candidate):
    """After `decay_steps` the rate stays where it is."""
    for alpha in (0.0, 0.25):
        given = {"initial_learning_rate": 0.8, "decay_steps": 8, "alpha": alpha}
        yield from beside(candidate, KERAS.CosineDecay, [7, 8, 9, 12, 16, 40], **given)


def leaves_a_share(candidate):
    """The share `alpha` of the rate is left at the end, and the wave runs between."""
    for alpha in (0.25, 0.5):
        given = {"initial_learning_rate": 0.8, "decay_steps": 8, "alpha": alpha}
        yield from beside(candidate, KERAS.CosineDecay, [0, 2, 4, 6, 8], **given)


def warms_up(candidate):
    """With a `warmup_target` a straight line leads there; then the wave starts from the target."""
    given = {"decay_steps": 8, "alpha": 0.25, "warmup_target": 0.8, "warmup_steps": 4}
    steps = [0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 20]
    for rate in (0.0, 0.2):
        yield from beside(candidate, KERAS.CosineDecay, steps, initial_learning_rate=rate, **given)


def needs_a_target_to_warm_up(candidate):
    """Without a `warmup_target` there is no line, whatever `warmup_steps` says; nor without steps."""
    given = {"initial_learning_rate": 0.8, "decay_steps": 8, "warmup_steps": 4}
    yield from beside(candidate, KERAS.CosineDecay, [0, 1, 4, 8], **given)
    given |= {"warmup_target": 0.4, "warmup_steps": 0}
    yield from beside(candidate, KERAS.CosineDecay, [0, 1, 4, 8], **given)


SHARE = "share = ops.minimum(step / self.decay_steps, 1)"
WAVE = "wave = (1 + ops.cos(np.pi * share)) / 2"
COSINE = "return rate * (self.alpha + (1 - self.alpha) * wave)"
LINE = "line = rate + (target - rate) * step / length"
JOINED = "return ops.where(step < length, line, self.wave(step - length, target))"

COSINE_DECAY = Exam(
    name="CosineDecay",
    block="schedules",
    probes=(
        follows_half_a_wave,
        stays_at_its_end,
        leaves_a_share,
        warms_up,
        needs_a_target_to_warm_up,
        *owes(
            KERAS.CosineDecay,
            whole={
                "initial_learning_rate": 0,
                "decay_steps": 8,
                "alpha": 0.3,
                "warmup_target": 1,
                "warmup_steps": 2,
            },
            exact=lambda kind: {"initial_learning_rate": kind(0.1), "decay_steps": 7},
            initial_learning_rate=0.1,
            decay_steps=9,
            alpha=0.2,
            name="mine",
            warmup_target=0.4,
            warmup_steps=4,
        ),
        refuses_what_cannot_be,
    ),
    mistakes=(
        Mistake(
            "counts-from-one",
            find=SHARE,
            put="share = ops.minimum((step + 1) / self.decay_steps, 1)",
            says=COUNTS_FROM_ONE,
        ),
        Mistake(
            "rises-again",
            find=SHARE,
            put="share = step / self.decay_steps",
            says="After `decay_steps` your wave rises again. The share that is over is at most 1.",
        ),
        Mistake(
            "falls-to-zero-after-the-end",
            find=COSINE,
            put="return ops.where(share < 1, rate * (self.alpha + (1 - self.alpha) * wave), 0 * rate)",
            says="After the end your rate is 0. It stays at `alpha` times the rate.",
        ),
        Mistake(
            "whole-wave",
            find="np.pi * share",
            put="2 * np.pi * share",
            says="You go through a whole wave, down and up again. It is half a one: up to pi.",
        ),
        Mistake(
            "quarter-wave",
            find=WAVE,
            put="wave = ops.cos(np.pi * share / 2)",
            says="You go through a quarter of a wave, which is still steep at its end. It is half a "
            "wave, flat at both ends.",
        ),
        Mistake(
            "without-pi",
            find="np.pi * share",
            put="share",
            says="Your angle ends at 1. Half a wave ends at pi.",
        ),
        Mistake(
            "pi-is-three",
            find="np.pi * share",
            put="3 * share",
            says="Your pi is 3.",
        ),
        Mistake(
            "sine",
            find="ops.cos(np.pi * share)",
            put="ops.sin(np.pi * share)",
            says="You take the sine, which starts in the middle of its wave. Take the cosine.",
        ),
        Mistake(
            "upwards",
            find=WAVE,
            put="wave = (1 - ops.cos(np.pi * share)) / 2",
            says="Your wave leads upwards, from 0 to the rate: the sign of the cosine is wrong.",
        ),
        Mistake(
            "not-halved",
            find=WAVE,
            put="wave = 1 + ops.cos(np.pi * share)",
            says="Your wave starts at 2. Halve it.",
        ),
        Mistake(
            "around-zero",
            find=WAVE,
            put="wave = ops.cos(np.pi * share)",
            says="Your wave leads from 1 to -1, and a negative rate climbs. Raise it by 1 and halve it.",
        ),
        Mistake(
            "straight-line",
            find=WAVE,
            put="wave = 1 - share",
            says="You go down in a straight line.",
        ),
        Mistake(
            "alpha-forgotten",
            find=COSINE,
            put="return rate * wave",
            says="`alpha` is not used: your rate goes down to 0. The share `alpha` of it is to be left.",
        ),
        Mistake(
            "alpha-added",
            find=COSINE,
            put="return rate * (self.alpha + wave)",
            says="You add `alpha` to the wave, so that the rate starts above its start. The wave is to "
            "run between 1 and alpha: multiply it by 1 - alpha.",
        ),
        Mistake(
            "alpha-as-a-rate",
            find=COSINE,
            put="return self.alpha + (rate - self.alpha) * wave",
            says="You take `alpha` for the rate at the end. It is a share of the rate.",
        ),
        Mistake(
            "alpha-as-a-floor",
            find=COSINE,
            put="return rate * ops.maximum(self.alpha, wave)",
            says="You cut the wave off at `alpha`. It is to be squeezed: it arrives at alpha at the end.",
        ),
        Mistake(
            "alpha-swapped",
            find=COSINE,
            put="return rate * (1 - self.alpha + self.alpha * wave)",
            says="`alpha` and `1 - alpha` are swapped.",
        ),
        Mistake(
            "warm-up-from-zero",
            find=LINE,
            put="line = target * step / length",
            says="Your warm-up starts from 0. It starts from `initial_learning_rate`.",
        ),
        Mistake(
            "warm-up-without-its-start",
            find=LINE,
            put="line = (target - rate) * step / length",
            says="You forget to add the rate that the line starts from.",
        ),
        Mistake(
            "warm-up-off-by-one",
            find=LINE,
            put="line = rate + (target - rate) * (step + 1) / length",
            says="Your warm-up is one step ahead: step 0 has the initial rate, and step `warmup_steps` "
            "the target.",
        ),
        Mistake(
            "warm-up-one-too-long",
            find=LINE,
            put="line = rate + (target - rate) * step / (length + 1)",
            says="You divide the warm-up into one step too many: after `warmup_steps` steps the rate is "
            "the target.",
        ),
        Mistake(
            "warm-up-overshoots",
            find=LINE,
            put="line = rate + target * step / length",
            says="Your warm-up adds the whole target to the rate. It adds the difference of the two.",
        ),
        Mistake(
            "wave-from-the-initial-rate",
            find=JOINED,
            put="return ops.where(step < length, line, self.wave(step - length, rate))",
            says="After the warm-up your wave starts from the initial rate. It starts from the target.",
        ),
        Mistake(
            "wave-not-shifted",
            find=JOINED,
            put="return ops.where(step < length, line, self.wave(step, target))",
            says="After the warm-up your wave is already under way: its steps count from the end of the "
            "warm-up.",
        ),
        Mistake(
            "warm-up-inside-the-wave",
            find=JOINED,
            put="after = (step - length) * self.decay_steps / (self.decay_steps - length)\n"
            "        return ops.where(step < length, line, self.wave(after, target))",
            says="You take the warm-up out of `decay_steps`. Keras counts them after it: the end is at "
            "step warmup_steps + decay_steps.",
        ),
        Mistake(
            "smaller-of-the-two",
            find=JOINED,
            put="return ops.minimum(line, self.wave(step, target))",
            says="You take the smaller of line and wave. The line ends at `warmup_steps`, and only then "
            "does the wave start.",
        ),
        Mistake(
            "no-warm-up",
            find=JOINED,
            put="return self.wave(step, rate)",
            says="`warmup_target` changes nothing.",
        ),
        Mistake(
            "python-if",
            find=JOINED,
            put="return line if bool(step < length) else self.wave(step - length, target)",
            says="A Python `if` on the step works in eager mode only. In a compiled training step the "
            "step has no value yet: `ops.where` chooses between tensors.",
        ),
        Mistake(
            "line-without-target",
            find="if self.warmup_target is None:\n            return self.wave(step, rate)",
            put="if not self.warmup_steps:\n            return self.wave(step, self.warmup_target or rate)",
            says="Whether there is a warm-up depends on `warmup_target`, not on `warmup_steps`.",
        ),
        Mistake(
            "int-cuts-off",
            find="rate, step = floats(self.initial_learning_rate, step)",
            put="rate = ops.convert_to_tensor(self.initial_learning_rate)\n"
            "        step = ops.cast(step, rate.dtype)",
            says=CUT_OFF,
        ),
        Mistake(
            "changes-its-own-rate",
            find=COSINE,
            put="self.initial_learning_rate = rate * (self.alpha + (1 - self.alpha) * wave)\n"
            "        return self.initial_learning_rate",
            says=OWN_RATE,
        ),
        Mistake(
            "warm-up-not-in-config",
            find='names += "name", "warmup_target", "warmup_steps"',
            put='names += ("name",)',
            says="`get_config` leaves out the warm-up: a loaded model would go on without it.",
        ),
        Mistake(
            "another-default",
            find="alpha=0.0,",
            put="alpha=0.1,",
            says="Without being asked, Keras's wave goes down to 0.",
        ),
        Mistake(
            "unchecked",
            find="check_decay_steps(decay_steps)",
            put="decay_steps",
            says=UNCHECKED,
        ),
        *mistakes_of_all(COSINE, '"name", "warmup_target"', '"warmup_target"'),
    ),
    hints=(
        "First the wave alone: which angle belongs to step 0, which to the last one? Then squeeze it "
        "between 1 and alpha.",
        "A line from a to b is a + (b - a) * share. `ops.where(condition, this, that)` chooses between "
        "tensors; the wave after the warm-up is the same method, called with other arguments.",
    ),
    why=(
        "The warm-up is chosen by `ops.where`: both its branches are computed, which costs nothing "
        "here, and no Python `if` looks into a tensor. The wave is a method of the rate that it starts "
        "from, so that it serves with and without warm-up. Python numbers such as `alpha` and "
        "`np.pi` take the dtype of the tensor that they meet."
    ),
)

# --- PiecewiseConstantDecay -------------------------------------------------------------------------


def has_a_value_for_each_stretch(candidate):
    """Each stretch has its value; a boundary belongs to the stretch before it."""
    steps = [0, 2, 3, 4, 6, 7, 8, 20]
    for boundaries in ([3, 7], [2, 6]):
        given = {"boundaries": boundaries, "values": [0.8, 0.3, 0.1]}
        yield from beside(candidate, KERAS.PiecewiseConstantDecay, steps, **given)
    given = {"boundaries": [5], "values": [0.2, 0.7]}  # upwards
    yield from beside(candidate, KERAS.PiecewiseConstantDecay, [0, 5, 6], **given)


def refuses_lengths_that_do_not_fit(candidate):
    """There is one value more than boundaries; other numbers are refused with a ValueError."""
    for values in ([0.1, 0.2], [0.1, 0.2, 0.3, 0.4]):
        error = outcome(lambda values=values: candidate([1, 2], values))
        yield see("constructor", error, "ValueError", f"boundaries=[1, 2], values={values}")


CHOSEN = "rate = ops.where(step > boundary, value, rate)"
PAIRED = "zip(boundaries, others, strict=True)"

PIECEWISE_CONSTANT_DECAY = Exam(
    name="PiecewiseConstantDecay",
    block="schedules",
    probes=(
        has_a_value_for_each_stretch,
        *owes(
            KERAS.PiecewiseConstantDecay,
            whole={"boundaries": [3, 8], "values": [1, 0.5, 0.25]},
            exact=lambda kind: {"boundaries": [2, 5], "values": [kind(0.3), kind(0.1), kind(0.7)]},
            boundaries=[3, 8],
            values=[0.5, 0.2, 0.1],
            name="mine",
        ),
        refuses_lengths_that_do_not_fit,
    ),
    mistakes=(
        Mistake(
            "boundary-exclusive",
            find="step > boundary",
            put="step >= boundary",
            says="Your values come one step too early: at the boundary the old one still holds, so it is "
            "`step > boundary`, with steps that count from 0.",
        ),
        Mistake(
            "turned-round",
            find="step > boundary",
            put="step <= boundary",
            says="Your comparison is turned round: a value holds from the step after its boundary on.",
        ),
        Mistake(
            "last-value-only",
            find=CHOSEN,
            put="rate = ops.where(step > boundary, value, first)",
            says="Before the last boundary you fall back to the first value: keep what the boundaries "
            "before have chosen.",
        ),
        Mistake(
            "adds-up",
            find=CHOSEN,
            put="rate = rate + ops.where(step > boundary, value, 0)",
            says="You add the values up. A new value replaces the old one.",
        ),
        Mistake(
            "multiplies",
            find=CHOSEN,
            put="rate = rate * ops.where(step > boundary, value, 1)",
            says="You multiply the values. They are rates, not factors.",
        ),
        Mistake(
            "backwards",
            find=PAIRED,
            put="zip(boundaries[::-1], others[::-1], strict=True)",
            says="You go through the boundaries from the last to the first, and the first one that is "
            "passed wins at the end. Go forwards.",
        ),
        Mistake(
            "one-value-behind",
            find=PAIRED,
            put="zip(boundaries, [first, *others[:-1]], strict=True)",
            says="After a boundary you take the value before it. `values[i + 1]` follows "
            "`boundaries[i]`.",
        ),
        Mistake(
            "starts-from-zero",
            find="rate = first",
            put="rate = 0 * first",
            says="Up to the first boundary your rate is 0. It is the first value.",
        ),
        Mistake(
            "first-value-for-ever",
            find=CHOSEN,
            put="pass",
            says="Your rate is the first value at every step.",
        ),
        Mistake(
            "python-if",
            find=CHOSEN,
            put="rate = value if bool(step > boundary) else rate",
            says="A Python `if` on the step works in eager mode only. In a compiled training step the "
            "step has no value yet: `ops.where` chooses between tensors.",
        ),
        Mistake(
            "int-cuts-off",
            find="first, *others = floats(*self.values)",
            put="first, *others = map(ops.convert_to_tensor, self.values)\n"
            "        others = [ops.cast(value, first.dtype) for value in others]",
            says=CUT_OFF,
        ),
        Mistake(
            "values-not-in-config",
            find='"boundaries": self.boundaries, "values": self.values,',
            put='"boundaries": self.boundaries,',
            says="`get_config` leaves out `values`.",
        ),
        Mistake(
            "lengths-unchecked",
            find="if len(boundaries) != len(values) - 1:",
            put="if len(boundaries) > len(values) - 1:",
            says="More values than fit have to be refused as well, with a ValueError.",
        ),
        Mistake(
            "another-default",
            find='name="PiecewiseConstant"',
            put='name="PiecewiseConstantDecay"',
            says="The default name is that of Keras's class: PiecewiseConstant.",
        ),
        *mistakes_of_all("return rate", ', "name": self.name', ""),
    ),
    hints=(
        "A Python list cannot be asked for its entry number `step`: the step is a tensor.",
        "Begin with the first value, and let every boundary that has been passed replace it, by "
        "`ops.where(condition, this, that)`. The loop over the boundaries is one of Python.",
    ),
    why=(
        "The loop runs once, when the training step is compiled, and leaves one `ops.where` for each "
        "boundary. `step > boundary` and not `>=`: Keras's boundaries are the last steps of their "
        "value."
    ),
)

# --- PolynomialDecay --------------------------------------------------------------------------------


def goes_down_in_a_line(candidate):
    """With power 1, in a straight line from the initial rate to the one at the end."""
    for end in (0.0, 0.2):
        given = {"initial_learning_rate": 0.8, "decay_steps": 8, "end_learning_rate": end}
        yield from beside(candidate, KERAS.PolynomialDecay, [0, 1, 3, 4, 7, 8], **given)


def bends_by_its_power(candidate):
    """Another power bends the way: the share that is left is raised to it."""
    for power in (0.5, 2.0, 3.0):
        given = {
            "initial_learning_rate": 0.8, "decay_steps": 8, "end_learning_rate": 0.2, "power": power,
        }  # fmt: skip
        yield from beside(candidate, KERAS.PolynomialDecay, [0, 1, 4, 7, 8], **given)


def ends(candidate):
    """After `decay_steps` the rate stays at `end_learning_rate`."""
    for power in (1.0, 2.0):
        given = {
            "initial_learning_rate": 0.8, "decay_steps": 8, "end_learning_rate": 0.2, "power": power,
        }  # fmt: skip
        yield from beside(candidate, KERAS.PolynomialDecay, [8, 9, 12, 40], **given)


def cycles(candidate):
    """With `cycle=True`, `decay_steps` is stretched to its first multiple that is not below the step."""
    given = {
        "initial_learning_rate": 0.8, "decay_steps": 8, "end_learning_rate": 0.2, "power": 2.0,
        "cycle": True,
    }  # fmt: skip
    yield from beside(candidate, KERAS.PolynomialDecay, [0, 1, 4, 8, 9, 12, 16, 17, 30], **given)


STRETCHED = "decay_steps *= ops.maximum(ops.ceil(step / decay_steps), 1)"
LEFT = "left = ops.maximum(1 - step / decay_steps, 0)"
POLYNOMIAL = "return end + (rate - end) * left**power"

POLYNOMIAL_DECAY = Exam(
    name="PolynomialDecay",
    block="schedules",
    probes=(
        goes_down_in_a_line,
        bends_by_its_power,
        ends,
        cycles,
        *owes(
            KERAS.PolynomialDecay,
            whole={"initial_learning_rate": 1, "decay_steps": 8, "end_learning_rate": 0},
            exact=lambda kind: {"initial_learning_rate": kind(0.3), "decay_steps": 7},
            initial_learning_rate=0.4,
            decay_steps=3,
            end_learning_rate=0.1,
            power=2.0,
            cycle=True,
            name="mine",
        ),
        refuses_what_cannot_be,
    ),
    mistakes=(
        Mistake(
            "counts-from-one",
            find=LEFT,
            put="left = ops.maximum(1 - (step + 1) / decay_steps, 0)",
            says=COUNTS_FROM_ONE,
        ),
        Mistake(
            "no-end",
            find=LEFT,
            put="left = 1 - step / decay_steps",
            says="After `decay_steps` your share that is left is negative. It is at least 0.",
        ),
        Mistake(
            "what-is-over",
            find=LEFT,
            put="left = ops.minimum(step / decay_steps, 1)",
            says="You take the share that is over, so that the rate goes from the end to the start.",
        ),
        Mistake(
            "end-ignored",
            find=POLYNOMIAL,
            put="return rate * left**power",
            says="`end_learning_rate` is not used: your rate goes down to 0.",
        ),
        Mistake(
            "end-added",
            find=POLYNOMIAL,
            put="return end + rate * left**power",
            says="You add the end to the whole rate, so that it starts too high. What shrinks is the way "
            "between the two: rate - end.",
        ),
        Mistake(
            "end-as-a-floor",
            find=POLYNOMIAL,
            put="return ops.maximum(end, rate * left**power)",
            says="You cut off at the end rate. It is to be reached at `decay_steps`, not before.",
        ),
        Mistake(
            "end-as-a-share",
            find=POLYNOMIAL,
            put="return rate * (end + (1 - end) * left**power)",
            says="You take `end_learning_rate` for a share of the rate. It is a rate itself.",
        ),
        Mistake(
            "end-not-added",
            find=POLYNOMIAL,
            put="return (rate - end) * left**power",
            says="That is the way that is left. Add the end.",
        ),
        Mistake(
            "power-ignored",
            find="left**power",
            put="left",
            says="`power` is not used: you always go down in a straight line.",
        ),
        Mistake(
            "power-as-a-factor",
            find="left**power",
            put="left * power",
            says="You multiply by `power`. What is left is raised to it.",
        ),
        Mistake(
            "power-of-what-is-over",
            find="left**power",
            put="(1 - (1 - left) ** power)",
            says="You raise the share that is over. The one that is left is raised.",
        ),
        Mistake(
            "power-of-all",
            find=POLYNOMIAL,
            put="return (end + (rate - end) * left) ** power",
            says="You raise the whole rate to the power. Only the share that is left is raised.",
        ),
        Mistake(
            "cycle-ignored",
            find=STRETCHED,
            put="pass",
            says="`cycle=True` changes nothing: your rate ends after `decay_steps`.",
        ),
        Mistake(
            "restarts",
            find=STRETCHED,
            put="step = step % decay_steps",
            says="You start again from the initial rate after `decay_steps`. In Keras's cycles the way is "
            "stretched instead: `decay_steps` times the first integer that makes it as large as the step.",
        ),
        Mistake(
            "next-cycle-too-early",
            find="ops.maximum(ops.ceil(step / decay_steps), 1)",
            put="(ops.floor(step / decay_steps) + 1)",
            says="At a multiple of `decay_steps` you are in the next cycle already. That step still "
            "belongs to the cycle that ends there: round up.",
        ),
        Mistake(
            "zero-cycles",
            find="ops.maximum(ops.ceil(step / decay_steps), 1)",
            put="ops.ceil(step / decay_steps)",
            says="At step 0 you stretch by 0, and divide 0 by 0. The first cycle has the factor 1.",
        ),
        Mistake(
            "cycle-always",
            find="if self.cycle:",
            put="if True:",
            says="Your rate has no end even without `cycle`.",
        ),
        Mistake(
            "changes-its-own-rate",
            find=POLYNOMIAL,
            put="self.initial_learning_rate = end + (rate - end) * left**power\n"
            "        return self.initial_learning_rate",
            says=OWN_RATE,
        ),
        Mistake(
            "int-cuts-off",
            find="= floats(\n            self.initial_learning_rate, step, self.decay_steps, "
            "self.end_learning_rate, self.power\n        )",
            put="= (\n            ops.cast(x, ops.convert_to_tensor(self.initial_learning_rate).dtype)\n"
            "            for x in (self.initial_learning_rate, step, self.decay_steps, "
            "self.end_learning_rate, self.power)\n        )",
            says=CUT_OFF,
        ),
        Mistake(
            "cycle-not-in-config",
            find='names += "power", "cycle", "name"',
            put='names += "power", "name"',
            says="`get_config` leaves out `cycle`.",
        ),
        Mistake(
            "another-default",
            find="end_learning_rate=0.0001,",
            put="end_learning_rate=0.0,",
            says="The default of `end_learning_rate` is 0.0001.",
        ),
        Mistake(
            "unchecked",
            find="check_decay_steps(decay_steps)",
            put="decay_steps",
            says=UNCHECKED,
        ),
        *mistakes_of_all(POLYNOMIAL, '"cycle", "name"', '"cycle",'),
    ),
    hints=(
        "Which share of the steps is left? Raise it to the power, and multiply the way between the two "
        "rates by it.",
        "In cycles only `decay_steps` changes, and the formula stays. How many times does it fit, rounded "
        "up? And at step 0?",
    ),
    why=(
        "The share that is left is held at 0 from below, so that one line serves with and without an end. "
        "In cycles it never gets there, since `decay_steps` has been stretched to reach the step."
    ),
)

EXAMS = (EXPONENTIAL_DECAY, COSINE_DECAY, PIECEWISE_CONSTANT_DECAY, POLYNOMIAL_DECAY)
