"""Arrays whose axes have names and whose places have labels."""

import numpy as np
import pytest

from utils.named_array import NamedArray


@pytest.fixture
def accuracy() -> NamedArray:
    values = [[[0.1, 0.5, 0.9], [0.2, 0.6, 0.7]], [[0.3, 0.3, 0.4], [0.8, 0.9, 1.0]]]
    return NamedArray(values, {"rate": [0.1, 1.0], "seed": range(2), "step": [10, 20, 30]})


def test_named_array_at_leaves_out_the_axes_it_was_given(accuracy):
    part = accuracy.at(rate=1.0, step=30)
    assert part.axes == {"seed": (0, 1)} and part.values.tolist() == [0.4, 1.0]
    assert accuracy.at(rate=0.1, seed=1, step=20) == 0.6


def test_named_array_at_keeps_axes_of_length_one_that_were_not_named():
    one = NamedArray([[5.0]], {"rate": [0.1], "seed": [7]})
    assert one.at(seed=7).axes == {"rate": (0.1,)}


def test_named_array_reduces_along_named_axes(accuracy):
    assert accuracy.mean("seed").axes == {"rate": (0.1, 1.0), "step": (10, 20, 30)}
    np.testing.assert_allclose(accuracy.mean("seed").values, accuracy.values.mean(axis=1))
    np.testing.assert_allclose(accuracy.spread("seed").values, accuracy.values.std(axis=1))
    assert accuracy.min("rate", "step").values.tolist() == [0.1, 0.2]
    assert accuracy.max() == 1.0


def test_named_array_counts_how_many_seeds_agree(accuracy):
    agree = (accuracy.at(step=30) > 0.6).count("seed")
    assert agree.values.tolist() == [2, 1]
    assert (accuracy.at(step=30) > 0.6).all("seed").values.tolist() == [True, False]


def test_named_array_first_is_the_first_label_at_which_it_is_true(accuracy):
    steps = (accuracy >= 0.6).first("step")
    assert steps.axes == {"rate": (0.1, 1.0), "seed": (0, 1)}
    assert steps.values.tolist() == [[30, 20], [np.inf, 10]]


def test_named_array_best_takes_nan_for_the_least():
    loss = NamedArray([np.nan, -0.3, -0.2], {"rate": [1, 2, 3]})
    assert loss.best("rate") == 3


def test_named_array_takes_part_in_arithmetic_as_its_values_do(accuracy):
    gap = 1 - accuracy
    assert gap.axes == accuracy.axes
    np.testing.assert_allclose(gap.values, 1 - accuracy.values)
    np.testing.assert_allclose(np.log(accuracy).values, np.log(accuracy.values))
    np.testing.assert_allclose((gap + accuracy).values, 1)
    np.testing.assert_allclose(np.asarray(accuracy), accuracy.values)


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda a: a.at(rate=0.3), "`rate` must be one of [0.1, 1.0]. Received: rate=0.3."),
        (
            lambda a: a.mean("depth"),
            "An axis is one of ['rate', 'seed', 'step']. Received: 'depth'.",
        ),
        (
            lambda a: a + a.at(rate=0.1),
            "Arrays with names meet only where their axes are the same. Received: "
            "NamedArray(rate: 2, seed: 2, step: 3) and NamedArray(seed: 2, step: 3).",
        ),
        (
            lambda a: NamedArray(a.values, {"rate": [1]}),
            "`axes` must have a label for each place of the values, of shape (2, 2, 3). "
            "Received: axes of lengths (1,).",
        ),
    ],
)
def test_named_array_says_what_it_expected(accuracy, ask, message):
    with pytest.raises(ValueError) as caught:
        ask(accuracy)
    assert str(caught.value) == message
