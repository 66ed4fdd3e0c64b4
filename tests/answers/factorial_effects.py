"""Right answers to the exercises on factorial experiments."""

import itertools
import math
import statistics

import numpy as np
from keras import ops

from utils.named_array import NamedArray


def _factors(values, weights):
    factors = [name for name in values.axes if name != "seed"]
    for name in weights:
        if name not in factors:
            raise ValueError(f"{name} is none of {factors}.")
    return factors


def from_the_last_factor(values, **weights):
    """Backwards over the axes, so that their numbers stay true."""
    results = np.array(values)
    for axis, name in reversed(list(enumerate(_factors(values, weights)))):
        if name in weights:
            results = np.moveaxis(results, axis, -1) @ np.asarray(weights[name], "float64")
        else:
            results = results.mean(axis=axis)
    return results


def cell_by_cell(values, **weights):
    """The sum as it is written: over all settings."""
    factors, total = _factors(values, weights), np.zeros(len(values.axes["seed"]))
    sizes = {name: len(values.axes[name]) for name in factors}
    for setting in itertools.product(*map(range, sizes.values())):
        weight = 1.0
        for name, level in zip(factors, setting, strict=True):
            weight *= weights[name][level] if name in weights else 1 / sizes[name]
        total = total + weight * values.values[setting]
    return total


def with_names(values, **weights):
    """By the named array's own methods."""
    _factors(values, weights)
    averaged = [n for n in values.axes if n != "seed" and n not in weights]
    if averaged:
        values = values.mean(*averaged)
    for name, numbers in weights.items():
        parts = [values.at(**{name: label}) for label in values.axes[name]]
        values = sum(number * part for number, part in zip(numbers, parts, strict=True))
    return values.values if isinstance(values, NamedArray) else values


def with_one_table(values, **weights):
    """All weights multiplied into one table, then one sum."""
    table = np.ones(())
    for name in _factors(values, weights):
        size = len(values.axes[name])
        table = np.multiply.outer(table, weights.get(name, np.ones(size) / size))
    return np.sum(table[..., None] * values.values, axis=tuple(range(table.ndim)))


def with_keras(values, **weights):
    """A Keras tensor."""
    results = ops.convert_to_tensor(values.values)
    for name in _factors(values, weights):
        numbers = weights.get(name)
        if numbers is None:
            results = ops.mean(results, axis=0)
        else:
            results = sum(float(w) * results[place] for place, w in enumerate(numbers))
    return results


QUANTILES = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]


def by_hand(values):
    """Sums and squares."""
    n = len(values)
    mean = sum(values) / n
    squares = sum((value - mean) ** 2 for value in values)
    return mean, QUANTILES[n - 2] * math.sqrt(squares / (n - 1) / n)


def with_statistics(values):
    """Python's own module."""
    values = [float(value) for value in values]
    error = statistics.stdev(values) / len(values) ** 0.5
    return statistics.fmean(values), QUANTILES[len(values) - 2] * error


def divided_by_n(values):
    """A standard deviation that divides by n, over the root of n - 1: the same."""
    error = np.std(values) / np.sqrt(len(values) - 1)
    return np.array([np.mean(values), QUANTILES[len(values) - 2] * error])


def by_variance(values):
    """The root of the variance of a mean; a list."""
    values = np.asarray(values, "float64")
    return [values.mean(), QUANTILES[values.size - 2] * (values.var(ddof=1) / values.size) ** 0.5]


def by_pairs(values):
    """The variance from the differences of all pairs."""
    values = np.asarray(values)
    n = values.size
    variance = np.sum((values[:, None] - values) ** 2) / (2 * n * (n - 1))
    return values.mean(), QUANTILES[n - 2] * np.sqrt(variance / n)


ANSWERS = {
    "contrast": [from_the_last_factor, cell_by_cell, with_names, with_one_table, with_keras],
    "confidence_interval": [by_hand, with_statistics, divided_by_n, by_variance, by_pairs],
}
