"""Exams of lesson 15: the effects of a factorial experiment, and how well they are known."""

import numpy as np

from utils.named_array import NamedArray

from ._exam import Exam, Mistake, see
from ._oracle import outcome


def _experiment(*levels: int, seeds: int = 3, seed: int = 0) -> NamedArray:
    """Results of an experiment with factors of so many levels; all numbers are different."""
    values = np.random.default_rng(seed).normal(0.8, 0.1, (*levels, seeds))
    names = ("normalization", "dropout", "optimizer")[: len(levels)]
    labels = [[f"level {place}" for place in range(count)] for count in levels]
    return NamedArray(values, dict(zip(names, labels, strict=True)) | {"seed": range(seeds)})


# --- contrast ---------------------------------------------------------------------------------------


def _four() -> NamedArray:
    """Dropout's effects: 0.03 and 0.04 without normalization, 0.09 and 0.14 with it."""
    return NamedArray(
        [[[0.70, 0.72], [0.73, 0.76]], [[0.75, 0.74], [0.84, 0.88]]],
        {"normalization": ["none", "BN"], "dropout": [0.0, 0.5], "seed": [0, 1]},
    )


def _copy(values: NamedArray) -> NamedArray:
    """The same results in an array of their own: an answer may change what it is given."""
    return NamedArray(values.values.copy(), values.axes)


def second_minus_first(contrast):
    """With one factor of two levels: the second level's result minus the first's, of each seed."""
    values = NamedArray([[0.5, 0.6, 0.9], [0.7, 0.5, 1.0]], {"dropout": [0, 0.5], "seed": range(3)})
    given = "dropout=[-1, 1] and results [0.5, 0.6, 0.9], [0.7, 0.5, 1.0]"
    yield see("contrast", contrast(values, dropout=[-1, 1]), [0.2, -0.1, 0.1], given)


def averages_over_other_factors(contrast):
    """A main effect is the mean of the effects at all levels of the other factors."""
    right = [(0.03 + 0.09) / 2, (0.04 + 0.14) / 2]
    given = "dropout=[-1, 1], two levels of normalization and two seeds"
    yield see("contrast", contrast(_four(), dropout=[-1, 1]), right, given)
    values = _experiment(2, 3, 4)
    right = np.mean(values.values[1] - values.values[0], axis=(0, 1))
    given = "normalization=[-1, 1] and an experiment of 2 x 3 x 4 levels"
    yield see("contrast", contrast(values, normalization=[-1, 1]), right, given)


def weighs_each_level(contrast):
    """Each level of a named factor counts with its weight, as it was given."""
    values = _experiment(2, 2, 3, seed=1)
    by_level = values.values.mean(axis=(0, 1))  # (optimizers, seeds)
    for weights in ([-1, 0, 1], [0, 0, 1], [-0.5, -0.5, 1], [-2, 1, 1]):
        right = np.dot(weights, by_level)
        given = f"optimizer={weights}, two levels of normalization and of dropout"
        yield see("contrast", contrast(_copy(values), optimizer=weights), right, given)


def interaction_is_a_difference_of_differences(contrast):
    """Two factors of weights [-1, 1]: by how much one's effect is greater at the other's second level."""
    given = "normalization=[-1, 1], dropout=[-1, 1] and two seeds"
    received = contrast(_four(), normalization=[-1, 1], dropout=[-1, 1])
    yield see("contrast", received, [0.09 - 0.03, 0.14 - 0.04], given)
    values = _experiment(2, 2, 3, seed=2)
    none, drop = values.values[:, 0], values.values[:, 1]
    right = np.mean((drop - none)[1] - (drop - none)[0], axis=0)
    received = contrast(values, dropout=[-1, 1], normalization=[-1, 1])
    given = "dropout=[-1, 1], normalization=[-1, 1] and three optimizers"
    yield see("contrast", received, right, given)


def any_number_of_factors(contrast):
    """Factors may be named in any order, two or all of them; weights may be lists or arrays."""
    values = _experiment(2, 2, 3, seed=3)
    one, two, three = np.array([-1, 1]), (-1.0, 1.0), [-1, 0, 1]
    right = np.einsum("i,j,k,ijks->s", one, two, three, values.values)
    received = contrast(_copy(values), optimizer=three, normalization=one, dropout=two)
    given = "optimizer=[-1, 0, 1], normalization=[-1, 1], dropout=[-1, 1]"
    yield see("contrast", received, right, given)
    values = _experiment(3, 3, seed=4)
    right = np.einsum("i,j,ijs->s", [0, -1, 1], [1, 0, 0], values.values)
    received = contrast(_copy(values), dropout=[1, 0, 0], normalization=[0, -1, 1])
    yield see("contrast", received, right, "dropout=[1, 0, 0], normalization=[0, -1, 1]")
    received = contrast(_copy(values))
    yield see("contrast", received, values.values.mean(axis=(0, 1)), "no factor named")


def one_seed(contrast):
    """With a single seed it is an array of a single number."""
    values = _experiment(2, 2, seeds=1, seed=5)
    right = np.mean(values.values[:, 1] - values.values[:, 0], axis=0)
    given = "dropout=[-1, 1] and one seed"
    yield see("contrast", contrast(values, dropout=[-1, 1]), right, given)


def leaves_the_results_alone(contrast):
    """The results stay as they are."""
    values = _four()
    contrast(values, normalization=[-1, 1], dropout=[-1, 1])
    is_changed = not np.array_equal(values.values, _four().values)
    yield see("answer to 'are the caller's results changed?'", is_changed, False)


def refuses_other_names(contrast):
    """A factor that the experiment does not have is refused."""
    received = outcome(lambda: contrast(_four(), dropuot=[-1, 1]))
    yield see("exception", received, "ValueError", "dropuot=[-1, 1]")
    received = outcome(lambda: contrast(_four(), seed=[-1, 1]))
    yield see("exception", received, "ValueError", "seed=[-1, 1]")


WEIGHTS = "weights.get(factor, np.full(len(levels), 1 / len(levels)))"
LOOP = "for factor, levels in factors.items():"
WEIGH = "results = np.tensordot(factor_weights, results, axes=1)"
RETURN = "return results"

CONTRAST = Exam(
    name="contrast",
    block="diagnostics",
    probes=(
        second_minus_first,
        averages_over_other_factors,
        weighs_each_level,
        interaction_is_a_difference_of_differences,
        any_number_of_factors,
        one_seed,
        leaves_the_results_alone,
        refuses_other_names,
    ),
    mistakes=(
        Mistake(
            "others-summed",
            find="np.full(len(levels), 1 / len(levels))",
            put="np.ones(len(levels))",
            says="You add up over the factors that are not named. Average over them: 1 / n for each of n "
            "levels.",
        ),
        Mistake(
            "others-at-the-first-level",
            find="np.full(len(levels), 1 / len(levels))",
            put="np.eye(len(levels))[0]",
            says="You hold the other factors at their first level. That is a simple effect, true of one "
            "setting; average over all of their levels.",
        ),
        Mistake(
            "others-at-the-last-level",
            find="np.full(len(levels), 1 / len(levels))",
            put="np.eye(len(levels))[-1]",
            says="You hold the other factors at their last level. That is a simple effect, true of one "
            "setting; average over all of their levels.",
        ),
        Mistake(
            "median",
            find=WEIGH,
            put="if factor in weights:\n"
            "            results = np.tensordot(factor_weights, results, axes=1)\n"
            "        else:\n"
            "            results = np.median(results, axis=0)",
            says="You take the median over the other factors. Take the mean.",
        ),
        Mistake(
            "seeds-averaged",
            find=RETURN,
            put="return np.mean(results)",
            says="You average over the seeds. Leave them: without a value for each seed nobody knows how "
            "sure the effect is.",
        ),
        Mistake(
            "seeds-summed",
            find=RETURN,
            put="return np.sum(results)",
            says="You add up over the seeds. Leave them: a contrast is a number for each seed.",
        ),
        Mistake(
            "sign",
            find=WEIGH,
            put="if factor in weights:\n            factor_weights = -np.asarray(factor_weights)\n"
            "        " + WEIGH,
            says="You turn the weights' sign for each factor: [-1, 1] is the second level minus the first.",
        ),
        Mistake(
            "absolute",
            find=RETURN,
            put="return np.abs(results)",
            says="You take absolute values. Then harm looks like help: leave the sign.",
        ),
        Mistake(
            "sum-of-effects",
            find=RETURN,
            put="if len(weights) > 1:\n"
            "        results = sum(contrast(values, **{name: w}) for name, w in weights.items())\n"
            "    return results",
            says="You add one factor's effect to the other's: that is both parts beside neither. An "
            "interaction is what comes on top: weights of several factors are multiplied.",
        ),
        Mistake(
            "weights-added",
            find=WEIGH,
            put="pass\n"
            "    tables = np.meshgrid(*(weights.get(f, np.zeros(len(n))) for f, n in factors.items()), "
            "indexing='ij')\n"
            "    others = [len(n) for f, n in factors.items() if f not in weights]\n"
            "    table = np.sum(tables, axis=0) / np.prod(others)\n"
            "    results = np.tensordot(table, results, axes=len(factors))",
            says="You add the weights of several factors, cell by cell. Multiply them: the weight of a cell "
            "is their product.",
        ),
        Mistake(
            "product-of-effects",
            find=RETURN,
            put="if len(weights) > 1:\n"
            "        effects = [contrast(values, **{name: w}) for name, w in weights.items()]\n"
            "        results = np.prod(effects, axis=0)\n"
            "    return results",
            says="You multiply one factor's effect by the other's. Multiply the weights, result by result, "
            "and add up then.",
        ),
        Mistake(
            "first-factor-only",
            find=RETURN,
            put="first = dict(list(weights.items())[:1])\n"
            "    return contrast(values, **first) if len(weights) > 1 else results",
            says="You weigh one factor and average over the others, also where several are named.",
        ),
        Mistake(
            "last-factor-only",
            find=RETURN,
            put="last = dict(list(weights.items())[-1:])\n"
            "    return contrast(values, **last) if len(weights) > 1 else results",
            says="You weigh the factor named last and average over the others, also where several are named.",
        ),
        Mistake(
            "interaction-halved",
            find=RETURN,
            put="return results / 2 ** max(0, len(weights) - 1)",
            says="You halve interactions. Some textbooks do (Box, Hunter and Hunter); here it is the whole "
            "difference of differences.",
        ),
        Mistake(
            "weights-made-to-sum-to-one",
            find=WEIGH,
            put="factor_weights = np.asarray(factor_weights) / np.sum(np.abs(factor_weights))\n"
            "        " + WEIGH,
            says="You divide the weights by the sum of their sizes, so that [-1, 1] gives half the "
            "difference. Take weights as they come.",
        ),
        Mistake(
            "weights-divided-by-the-largest",
            find=WEIGH,
            put="factor_weights = np.asarray(factor_weights) / np.max(np.abs(factor_weights))\n"
            "        if factor not in weights:\n"
            "            factor_weights = factor_weights / len(levels)\n"
            "        " + WEIGH,
            says="You divide the weights by the largest of them. Take weights as they come.",
        ),
        Mistake(
            "factors-backwards",
            find=LOOP,
            put=LOOP.replace("factors.items()", "reversed(factors.items())"),
            says="You go through the factors from the last to the first, but weigh the first axis that is "
            "left. Go in the order of the axes.",
        ),
        Mistake(
            "in-the-order-of-the-arguments",
            find=WEIGHTS,
            put="(list(weights.values()) + [np.full(n, 1 / n) for n in np.shape(values)[:-1]]"
            "[len(weights):])[list(values.axes).index(factor)]",
            says="You deal the weights out in the order in which they were named: the first to the first "
            "axis. Look for each factor's name among the axes.",
        ),
        Mistake(
            "last-axis-first",
            find=WEIGH,
            put="results = np.tensordot(results, factor_weights, axes=1)",
            says="You weigh the last axis that is left: that is the seeds'. The factor at hand is the first "
            "axis.",
        ),
        Mistake(
            "relative",
            find=RETURN,
            put="return results / values.values[(0,) * (values.values.ndim - 1)]",
            says="You divide by the result of the first setting. A contrast is a difference, in the units of "
            "the results.",
        ),
        Mistake(
            "squeezed",
            find=RETURN,
            put="return np.squeeze(results)",
            says="`np.squeeze` without an axis takes every axis of length 1 away, that of a single seed too. "
            "Nothing has to be squeezed: each sum takes its factor's axis away.",
        ),
        Mistake(
            "results-changed",
            find=WEIGH,
            put="shape = (-1,) + (1,) * (results.ndim - 1)\n"
            "        results *= np.reshape(factor_weights, shape)\n"
            "        results = np.sum(results, axis=0)",
            says="You change the caller's `values.values`: `*=`, `-=` and `[…] =` work in place. Make a new "
            "array: `results = results * …`.",
        ),
        Mistake(
            "list-of-levels",
            find=RETURN,
            put="return values.values",
            says="You return the results as they came. Weigh them, and add up along every factor.",
        ),
        Mistake(
            "returns-too-early",
            find=RETURN,
            put="    return results",
            says="You return inside the loop, after the first factor. Move `return` out of it.",
        ),
        Mistake(
            "no-return",
            find=RETURN,
            put="pass",
            says="Your function returns nothing: end it with `return`.",
        ),
    ),
    hints=(
        "Take one factor after the other. Multiply its levels by their weights and add up: the factor's axis "
        "is gone, and the next factor's is the first.",
        "A factor that is not named has weights as well: 1 / n for each of its n levels. "
        "`weights.get(factor, these)` returns a named factor's weights, and `these` for any other.",
        "`np.tensordot(w, results, axes=1)` adds up `w[i] * results[i]` over the first axis.",
    ),
    why="An experiment over several factors is a table with an axis for each. A main effect, an effect at "
    "one setting, an interaction of two factors or of three: each is a sum over that table, and the weight "
    "of a cell is the product of the factors' weights. So one loop is enough for them all. The seeds' axis "
    "stays: all arms of a seed share their batches, and the spread of their *differences* is what counts.",
)


# --- confidence_interval ----------------------------------------------------------------------------


def _right_interval(values):
    quantiles = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # n = 2, 3, …
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return [np.mean(values), quantiles[len(values) - 2] * error]


def two_values_by_hand(confidence_interval):
    """Of 1 and 3: the mean is 2, the standard deviation sqrt(2), the standard error 1."""
    received = confidence_interval(np.array([1.0, 3.0]))
    yield see("pair of mean and half width", received, [2.0, 12.706], "values 1 and 3")


def knows_the_mean_better_with_more_values(confidence_interval):
    """The half width falls with the root of the number of values, and with Student's quantile."""
    for count in (5, 8, 3, 4, 6, 7, 9, 10):
        values = np.random.default_rng(count).normal(-0.02, 0.01, count)
        given = f"{count} values around {values.mean():.2f}"
        received = confidence_interval(values.copy())
        yield see("pair of mean and half width", received, _right_interval(values), given)


def takes_a_list(confidence_interval):
    """A list is as good as an array, and nothing is left of its order."""
    for values in ([0.4, 0.1, 0.3, 0.9], [0.9, 0.3, 0.1, 0.4]):
        received = confidence_interval(list(values))
        yield see("pair", received, _right_interval(values), f"the list {values}")


def leaves_the_values_alone(confidence_interval):
    """The values stay as they are, and in their order."""
    values = np.array([0.4, 0.1, 0.3, 0.9])
    confidence_interval(values)
    is_changed = not np.array_equal(values, [0.4, 0.1, 0.3, 0.9])
    yield see("answer to 'are the caller's values changed?'", is_changed, False)


def alike_values_have_no_width(confidence_interval):
    """Where all values are the same the half width is 0."""
    received = confidence_interval(np.full(10, 0.5))
    yield see("pair of mean and half width", received, [0.5, 0.0], "ten times 0.5")


MEAN = "mean = np.mean(values)"
ERROR = "standard_error = np.std(values, ddof=1) / np.sqrt(len(values))"
INTERVAL = "return mean, quantile * standard_error"

CONFIDENCE = Exam(
    name="confidence_interval",
    block="diagnostics",
    probes=(
        two_values_by_hand,
        knows_the_mean_better_with_more_values,
        takes_a_list,
        leaves_the_values_alone,
        alike_values_have_no_width,
    ),
    mistakes=(
        Mistake(
            "divides-by-n",
            find="ddof=1",
            put="ddof=0",
            says="Your standard deviation divides by n. The mean was fitted to these values: divide by n - 1 "
            "(`ddof=1`).",
        ),
        Mistake(
            "no-root-of-n",
            find=" / np.sqrt(len(values))",
            put=" / len(values)",
            says="You divide by n. A mean's standard error falls with the root of n.",
        ),
        Mistake(
            "spread-for-error",
            find=" / np.sqrt(len(values))",
            put="",
            says="You return how far single values lie apart. The mean is known better: divide by the root "
            "of n.",
        ),
        Mistake(
            "variance",
            find=ERROR,
            put="standard_error = np.var(values, ddof=1) / len(values)",
            says="Your standard error is a variance. Take its root.",
        ),
        Mistake(
            "variance-over-root",
            find="np.std(values, ddof=1)",
            put="np.var(values, ddof=1)",
            says="You divide the variance by the root of n. Take the standard deviation.",
        ),
        Mistake(
            "root-of-n-minus-one",
            find="np.sqrt(len(values))",
            put="np.sqrt(len(values) - 1)",
            says="You take away 1 twice: ddof=1 is enough, the root is of n.",
        ),
        Mistake(
            "normal-quantile",
            find="quantile * standard_error",
            put="1.96 * standard_error",
            says="1.96 is for many values. With so few the standard deviation itself is uncertain: take "
            "`quantile`.",
        ),
        Mistake(
            "one-standard-error",
            find="quantile * standard_error",
            put="standard_error",
            says="You return one standard error. For 95 % multiply it by `quantile`.",
        ),
        Mistake(
            "whole-width",
            find="quantile * standard_error",
            put="2 * quantile * standard_error",
            says="You return the whole width. It is asked for half of it: what stands behind the ±.",
        ),
        Mistake(
            "bounds",
            find=INTERVAL,
            put="return mean - quantile * standard_error, mean + quantile * standard_error",
            says="You return the two ends. It is asked for the mean and half the width.",
        ),
        Mistake(
            "swapped",
            find=INTERVAL,
            put="return quantile * standard_error, mean",
            says="The mean comes first, then half the width.",
        ),
        Mistake(
            "median",
            find=MEAN,
            put="mean = np.median(values)",
            says="Your first result is the median. Take the mean.",
        ),
        Mistake(
            "range",
            find=ERROR,
            put="standard_error = np.ptp(values) / 2 / quantile",
            says="Your half width is half the range. That grows with the number of values: take "
            "`quantile` standard errors.",
        ),
        Mistake(
            "absolute",
            find=MEAN,
            put="mean = np.abs(np.mean(values))",
            says="Your mean has lost its sign.",
        ),
        Mistake(
            "values-changed",
            find=INTERVAL,
            put="values[:] = sorted(values)\n    " + INTERVAL,
            says="You change the caller's values: `-=`, `[…] =` and `values.sort()` work in place. Make a "
            "new array: `values - mean`.",
        ),
        Mistake(
            "no-return",
            find=INTERVAL,
            put="pass",
            says="Your function returns nothing: return the mean and half the width.",
        ),
    ),
    hints=(
        "How far single values lie apart is their standard deviation; since the mean was computed from the "
        "same values, it divides by n - 1.",
        "A mean of n values is known better than one of them, by the root of n. The given quantile makes "
        "95 % of it.",
    ),
    why="With five values the standard deviation is itself a guess, which Student's quantile allows for: "
    "2.78 in place of 1.96. An interval that holds 0 does not prove that there is no effect, only that these "
    "seeds cannot tell it from none.",
)

EXAMS = (CONTRAST, CONFIDENCE)
