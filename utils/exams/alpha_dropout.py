"""Exam of lesson 09: dropout that keeps mean 0 and variance 1 of a self-normalizing net.

Nearly all of it is exact: what is dropped has one value, what is kept lies on one straight line of the
inputs, and both are known from the rate. Chance decides only how many are dropped; it refuses a right
answer less than once in 10^12 checks: `tests/test_dropout_family.py`.
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
    noise,
    numbers,
    passes_masks_on,
    refuses_integers,
    refuses_what_is_no_share,
    repeats_itself_by_its_seed,
    rests_in_inference,
    returns_something,
    shares_by_its_noise_shape,
    using,
    works_when_frozen,
)
from ._oracle import normal
from .dropout import RATES, SHARE_MARGIN, SHARE_OF, knows_its_output_shape
from .gaussian_noise import adds_nothing_at_0, refuses_rate_1

LOWEST = -1.0507009873554805 * 1.6732632423543772  # of SELU
FEWEST = 0.05  # the share of units with one value from which on they count as dropped
MANY = (100, 1_000)  # so many units that chance decides nothing, were it one mask for all examples


def split(outputs):
    """The value that dropped units have, or None, and where the others are."""
    values, counts = np.unique(np.round(outputs, 4), return_counts=True)
    if counts.max() < FEWEST * outputs.size:
        return None, np.ones_like(outputs, bool)
    value = values[np.argmax(counts)]
    return value, np.abs(outputs - value) > 1e-3


def right_line(rate):
    """Factor and offset of what is kept: they give mean 0 and variance 1 back."""
    factor = ((1 - rate) * (1 + rate * LOWEST**2)) ** -0.5
    return factor, -factor * rate * LOWEST


def saturates_or_keeps(candidate):
    """A unit is `a * lowest + b` or `a * inputs + b`, where lowest is SELU's lowest value."""
    # That less than 5 % of 100,000 units are dropped, at rates of 0.2 and more, or less than 5 % kept
    # at 0.9: < 1e-700; of 1,000, if all examples have the same mask: < 1e-8.
    inputs = 2 + np.abs(normal(*MANY))  # far from the lowest value: what is kept is told apart
    for rate in RATES:
        layer = candidate(rate)
        outputs = numbers(layer(inputs, training=True))
        dropped, kept = split(outputs)
        given = f"rate {rate} and inputs above 2"
        some = kept.mean() > FEWEST
        yield see("claim that some are kept", some, True, given)
        if some:
            line = np.polyfit(inputs[kept], outputs[kept], 1)
            is_line = np.allclose(np.polyval(line, inputs[kept]), outputs[kept], atol=1e-4)
            yield see("claim that what is kept is a * inputs + b", is_line, True, given)
            if is_line:
                others = numbers(layer(3 * inputs, training=True))
                _, left = split(others)
                again = np.polyfit(3 * inputs[left], others[left], 1)
                is_same = np.allclose(line, again, atol=1e-3)
                yield see("claim that a and b are those of another batch", is_same, True, given)
                if not is_same:
                    return  # they are then a matter of chance
                right = right_line(rate)
                yield see("factor a and offset b of what is kept", line, right, given, 1e-3)
        received = "none" if dropped is None else dropped
        right = np.polyval(right_line(rate), LOWEST)
        yield see("one value of all that is dropped", received, right, given, 1e-3)


def keeps_zeros(candidate):
    """An input that is exactly 0 is kept like any other: 0 is not the sign of a dropped unit."""
    # That all of 100,000 units are kept, at rate 0.1, or all dropped, at 0.5: < 1e-4000.
    for rate in (0.1, 0.5):
        outputs = numbers(candidate(rate)(np.zeros(MANY, "float32"), training=True))
        are_two = len(np.unique(np.round(outputs, 4))) == 2
        what = "claim that outputs are of two kinds, dropped and kept,"
        yield see(what, are_two, True, f"rate {rate} and inputs of zeros")


def drops_the_share_it_is_told(candidate):
    """The share of the units that is dropped is `rate`."""
    # 160,000 units, within 0.01: exactly binomial, < 1e-14 for the three rates.
    for rate in RATES:
        drawn = noise(candidate(rate), *SHARE_OF)
        mask = drawn < drawn.max() - 1e-3  # 1 lies above the lowest value
        if different(mask, 0) < 400 or different(mask, 1) < 400:
            continue  # units share their fate, as another probe says: too few coins for a share
        share = mask.mean()
        shown = rate if abs(share - rate) < SHARE_MARGIN else np.round(share * 20) / 20
        yield see("share of dropped units (about)", shown, rate, f"rate {rate} and 160,000 units")


def gradients_take_the_same_mask(candidate):
    """The gradient is the factor a where a unit was kept, and 0 where it was dropped."""
    layer, inputs, seen = candidate(0.5), 2 + np.abs(normal(64, 64)), []

    def call(x):
        seen.append(layer(x, training=True))
        return seen[-1]

    gradient, _ = backpropagate(call, inputs, np.ones_like(inputs))
    dropped, kept = split(numbers(seen[-1]))
    where_kept = np.allclose(gradient[kept], right_line(0.5)[0], atol=1e-4)
    yield see("claim that the gradient is a, where kept", where_kept, True, "rate 0.5")
    if dropped is not None:
        where_dropped = not gradient[~kept].any()
        yield see("claim that the gradient is 0, where dropped", where_dropped, True, "rate 0.5")


# --- The exam ---------------------------------------------------------------------------------------

ABOVE = "above = (1 - self.rate) * super().call(inputs - self.saturation, training=True)"
MIXED = "mixed = above + self.saturation"
MEAN = "mean = self.rate * self.saturation"
VARIANCE = "variance = (1 - self.rate) * (1 + self.rate * self.saturation**2)"
BACK = "return (mixed - mean) / variance**0.5"
REST = "if not training or self.rate == 0:\n            return inputs\n        self.check_inputs(inputs)\n"
LAST = "saturation = -1.0507009873554805 * 1.6732632423543772"

ALPHA = Exam(
    name="AlphaDropout",
    block="dropout",
    probes=(
        returns_something,
        rests_in_inference,
        saturates_or_keeps,
        keeps_zeros,
        drops_the_share_it_is_told,
        draws_for_every_unit_of_every_example,
        draws_anew_at_every_call,
        draws_anew_in_a_compiled_function,
        repeats_itself_by_its_seed,
        shares_by_its_noise_shape,
        gradients_take_the_same_mask,
        works_when_frozen,
        adds_nothing_at_0,
        keeps_the_dtype,
        refuses_integers,
        refuses_what_is_no_share,
        refuses_rate_1,
        passes_masks_on,
        knows_its_output_shape,
        using(config_makes_it_again, rate=0.3, noise_shape=(None, 1)),
    ),
    mistakes=(
        Mistake(
            "plain-dropout",
            find=BACK,
            put="return super().call(inputs, training=True)",
            says="This is plain dropout: units become 0, and the variance grows with every layer. Set them "
            "to SELU's lowest value, and bring mean and variance back.",
        ),
        Mistake(
            "drops-to-zero",
            find=MIXED,
            put="mixed = (1 - self.rate) * super().call(inputs, training=True)",
            says="You set units to 0. Set them to SELU's lowest value, where it switches a unit off.",
        ),
        Mistake(
            "zeros-taken-for-dropped",
            find=MIXED,
            put="zero = super().call(inputs, training=True) == 0\n"
            "        mixed = ops.where(zero, self.saturation, inputs)",
            says="You find dropped units by their 0, and an input that is 0 is taken for one. Shift what "
            "you give to `super().call`, so that the 0 of a dropped unit lies where you want it, or choose "
            "by the mask itself.",
        ),
        Mistake(
            "not-shifted-back",
            find=MIXED,
            put="mixed = above",
            says="You subtract the lowest value before plain dropout and do not add it again afterwards.",
        ),
        Mistake(
            "shifted-the-wrong-way",
            find=ABOVE,
            put=ABOVE.replace("inputs - self", "inputs + self"),
            says="You add the lowest value before plain dropout and once more afterwards. Subtract it "
            "before: its 0 then stands for the lowest value.",
        ),
        Mistake(
            "shifted-back-alone",
            find=ABOVE,
            put=ABOVE.replace("inputs - self.saturation", "inputs"),
            says="You add the lowest value after plain dropout without having subtracted it before.",
        ),
        Mistake(
            "statistics-of-the-batch",
            find=BACK,
            put="return (mixed - ops.mean(mixed)) / ops.std(mixed)",
            says="You take mean and standard deviation from the batch at hand. They are those of inputs of "
            "mean 0 and variance 1, and follow from the rate alone.",
        ),
        Mistake(
            "statistics-of-each-unit-in-the-batch",
            find=BACK,
            put="return (mixed - ops.mean(mixed, axis=0)) / ops.std(mixed, axis=0)",
            says="You take mean and standard deviation from the batch, for each unit. They are those of "
            "inputs of mean 0 and variance 1, and follow from the rate alone.",
        ),
        Mistake(
            "neither-a-nor-b",
            find=BACK,
            put="return mixed",
            says="You leave mean and variance as the mask made them. Subtract that mean, divide by the root "
            "of that variance.",
        ),
        Mistake(
            "a-alone",
            find=BACK,
            put="return mixed / variance**0.5",
            says="You bring the variance back, and not the mean: b is missing.",
        ),
        Mistake(
            "b-alone",
            find=BACK,
            put="return mixed - mean",
            says="You bring the mean back, and not the variance: a is missing.",
        ),
        Mistake(
            "a-without-root",
            find=BACK,
            put="return (mixed - mean) / variance",
            says="You divide by the variance. Divide by its root.",
        ),
        Mistake(
            "a-upside-down",
            find=BACK,
            put="return (mixed - mean) * variance**0.5",
            says="You multiply by the standard deviation. Divide by it.",
        ),
        Mistake(
            "b-with-the-wrong-sign",
            find=BACK,
            put="return (mixed + mean) / variance**0.5",
            says="You add the mean that the mask made. Subtract it: b is -a * rate * lowest, above 0.",
        ),
        Mistake(
            "b-not-scaled",
            find=BACK,
            put="return mixed / variance**0.5 - mean",
            says="You subtract the mean after dividing. It is divided too: b is -a * rate * lowest.",
        ),
        Mistake(
            "a-and-b-swapped",
            find=BACK,
            put="return -mean / variance**0.5 * mixed + 1 / variance**0.5",
            says="a and b have changed places: a multiplies, b is added.",
        ),
        Mistake(
            "lowest-with-the-wrong-sign",
            find=LAST,
            put=LAST.replace("-", "+"),
            says="You set units to +1.76. SELU ends at -1.76, below 0.",
        ),
        Mistake(
            "lowest-without-scale",
            find=LAST,
            put="saturation = -1.6732632423543772",
            says="You set units to -alpha. SELU ends at -scale * alpha.",
        ),
        Mistake(
            "lowest-without-alpha",
            find=LAST,
            put="saturation = -1.0507009873554805",
            says="You set units to -scale. SELU ends at -scale * alpha.",
        ),
        Mistake(
            "kept-units-rescaled",
            find=ABOVE,
            put="above = super().call(inputs - self.saturation, training=True)",
            says="What is kept is divided by 1 - rate, as in plain dropout. Here it stays, and the whole is "
            "scaled by a.",
        ),
        Mistake(
            "mean-of-the-kept-share",
            find=MEAN,
            put="mean = (1 - self.rate) * self.saturation",
            says="Your mean is that of a share of 1 - rate at the lowest value. The share there is rate.",
        ),
        Mistake(
            "mean-of-the-lowest-value",
            find=MEAN,
            put="mean = self.saturation",
            says="Your mean is the lowest value. A share of `rate` lies there, the others have the mean 0.",
        ),
        Mistake(
            "variance-of-what-is-kept",
            find=VARIANCE,
            put="variance = 1 - self.rate",
            says="Your variance leaves out that the lowest value is not 0: (1 - rate) * (1 + rate * "
            "lowest^2).",
        ),
        Mistake(
            "variance-not-of-the-kept-share",
            find=VARIANCE,
            put="variance = 1 + self.rate * self.saturation**2",
            says="In your variance the factor 1 - rate is missing: (1 - rate) * (1 + rate * lowest^2).",
        ),
        Mistake(
            "variance-of-the-mask",
            find=VARIANCE,
            put="variance = (1 - self.rate) * self.rate * self.saturation**2",
            says="Your variance leaves out the inputs' own: (1 - rate) * (1 + rate * lowest^2).",
        ),
        Mistake(
            "mean-square-for-variance",
            find=VARIANCE,
            put="variance = 1 - self.rate + self.rate * self.saturation**2",
            says="Your variance is the mean square. Subtract the square of the mean: what is left is "
            "(1 - rate) * (1 + rate * lowest^2).",
        ),
        Mistake(
            "variance-of-the-kept-share",
            find=VARIANCE,
            put="variance = self.rate * (1 + (1 - self.rate) * self.saturation**2)",
            says="In your variance rate and 1 - rate have changed places.",
        ),
        Mistake(
            "mask-upside-down",
            find=MIXED,
            put="mixed = ops.where(self.draw_mask(inputs), self.saturation, inputs)",
            says="You drop what the mask keeps: True marks a unit that is kept.",
        ),
        Mistake(
            "active-in-inference",
            find=REST,
            put=REST.replace("not training or ", ""),
            says="You drop in inference too. There the inputs pass unchanged.",
        ),
        Mistake(
            "training-upside-down",
            find=REST,
            put=REST.replace("not training", "training"),
            says="Training and inference have changed places.",
        ),
        Mistake(
            "inactive-in-training",
            find=ABOVE,
            put=ABOVE.replace(", training=True", ""),
            says="Nothing is dropped in training: the class you build on is not told that it is training.",
        ),
        Mistake(
            "one-mask-for-the-batch",
            find=MIXED,
            put="mask = self.draw_mask(inputs[:1])\n"
            "        mixed = ops.where(mask, inputs, self.saturation)",
            says="All examples of a batch have the same mask. Draw one element for each unit of each "
            "example.",
        ),
        Mistake(
            "same-mask-every-call",
            find="keras.random.uniform(shape, seed=self.seed_generator)",
            put="keras.random.uniform(shape, seed=self.seed or 0)",
            says="Every call has the same mask: an integer seed gives the same numbers each time. Hand over "
            "a generator instead.",
        ),
        Mistake(
            "detached",
            find=MIXED,
            put="mixed = ops.stop_gradient(above) + self.saturation",
            says="No gradient flows back to the inputs: stay with keras.ops, without stop_gradient.",
        ),
        Mistake(
            "gradient-through-all",
            find=BACK,
            put="outputs = (mixed - mean) / variance**0.5\n"
            "        return inputs / variance**0.5 + ops.stop_gradient("
            "outputs - inputs / variance**0.5)",
            says="The gradient passes where units were dropped. It takes the same mask as the outputs.",
        ),
        Mistake(
            "output-becomes-float32",
            find=BACK,
            put='return ops.cast((mixed - mean) / variance**0.5, "float32")',
            says="In training your outputs are float32 whatever the inputs are. Keep their dtype.",
        ),
        Mistake(
            "noise-shape-forgotten",
            find="super().__init__(rate, noise_shape, seed, **kwargs)\n        expected",
            put="super().__init__(rate, None, seed, **kwargs)\n        expected",
            says="`noise_shape` has no effect: hand it on.",
        ),
        Mistake(
            "seed-forgotten",
            find="super().__init__(rate, noise_shape, seed, **kwargs)\n        expected",
            put="super().__init__(rate, noise_shape, **kwargs)\n        expected",
            says="The seed has no effect: hand it on.",
        ),
    ),
    hints=(
        "Three steps: set units to the lowest value, call it s; work out mean and variance of that, for "
        "inputs of mean 0 and variance 1; subtract the one, divide by the root of the other.",
        "Plain dropout of inputs - s, which is what `super().call` gives in training, is 0 where a unit is "
        "dropped: add s, and it lies at s. What is kept was divided by 1 - rate: multiply by that before you "
        "add s.",
        "A share of `rate` lies at s; the others have the mean 0 and the variance "
        "1. The mean is rate * s. The mean square is (1 - rate) + rate * s^2.",
        "The mean square less the square of the mean is (1 - rate) * (1 + rate * s^2). Subtract the mean, "
        "divide by the root of that.",
    ),
    why="Plain dropout of inputs - s leaves 0 where it drops, which is s once s is added again: its mask, "
    "its noise shape and its gradient are used as they are. Times 1 - rate takes its scaling back.",
)

EXAMS = (ALPHA,)
