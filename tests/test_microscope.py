"""The optimizer microscope."""

import keras
import numpy as np
import pytest

from utils.microscope import GRADIENTS, microscope

ALL = ["SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam", "Lion", "Lamb"]


class NeverCounts(keras.optimizers.Adam):
    """Adam whose step counter stays at the first step, and whose slots have names of their own."""

    def build(self, variables):
        keras.optimizers.Optimizer.build(self, variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["m", "v"])

    @property
    def iterations(self):
        return 0


@pytest.mark.parametrize("name", ALL)
def test_microscope_finds_no_difference_between_two_of_a_class(name):
    make = getattr(keras.optimizers, name)
    seen = microscope(make(0.1), beside=make(0.1))
    assert seen.first_difference is None
    assert seen.verdict == f"{name}: every entry is as expected."
    assert len(seen.entries) == 3 * len(GRADIENTS)


def test_microscope_shows_adams_numbers():
    entries = microscope(keras.optimizers.Adam(0.1, beta_1=0.9, beta_2=0.99)).entries
    first = entries[1, "w[1]"]
    assert first["gradient"] == pytest.approx(-0.2)
    assert first["momentum"] == pytest.approx(-0.02)
    assert first["velocity"] == pytest.approx(0.01 * 0.04)
    assert first["corrected momentum"] == pytest.approx(-0.2)
    assert first["corrected velocity"] == pytest.approx(0.04)
    assert first["update"] == pytest.approx(0.1, rel=1e-4)
    assert first["effective rate"] == pytest.approx(0.5, rel=1e-4)
    second = entries[2, "b"]
    momentum = (0.9 * 0.1 * 0.5 + 0.1 * -2) / (1 - 0.9**2)
    assert second["corrected momentum"] == pytest.approx(momentum, rel=1e-5)


def test_microscope_marks_the_first_difference():
    seen = microscope(NeverCounts(0.1), beside=keras.optimizers.Adam(0.1))
    first = seen.first_difference
    assert (first.step, first.number, first.column) == (2, "w[0]", "update")
    assert seen.verdict.startswith("NeverCounts first differs in step 2: the update of w[0] is ")
    headings, *rows = seen.rows()
    assert headings[3:5] == ["momentum", "velocity"]  # as the other calls the learner's m and v
    assert rows[-2][-1].startswith("▶ ") and rows[-1][1] == "expected"
    assert [row[:2] for row in rows[:3]] == [["1", "w[0]"], ["1", "w[1]"], ["1", "b"]]
    assert "▶" in repr(seen) and "▶" in seen._repr_html_()


def test_microscope_names_the_slot_that_differs_before_the_update():
    seen = microscope(keras.optimizers.Adam(0.1, beta_1=0.8), beside=keras.optimizers.Adam(0.1))
    assert str(seen.first_difference) == (
        "step 1: the momentum of w[0] is 0.2; expected: 0.1 (2 times that)"
    )


def test_microscope_shows_an_optimizer_that_leaves_the_numbers():
    class ToNaN(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            self.assign(variable, gradient * np.nan)

    seen = microscope(ToNaN(0.1), beside=keras.optimizers.SGD(0.1))
    assert str(seen.first_difference) == "step 1: the update of w[0] is nan; expected: -0.1"


def test_microscope_takes_variables_of_any_shape():
    given = {"kernel": [[1.0, 2.0], [3.0, 4.0]]}
    seen = microscope(keras.optimizers.SGD(0.5), start=given, gradients=[given])
    assert seen.entries[1, "kernel[1, 0]"]["update"] == pytest.approx(-1.5)


def test_microscope_refuses_a_used_optimizer_and_gradients_that_do_not_fit():
    used = keras.optimizers.SGD(0.1)
    used.build([keras.Variable([1.0])])
    with pytest.raises(
        ValueError, match="an optimizer that has not been used yet.* Make a new one"
    ):
        microscope(used)
    with pytest.raises(ValueError, match=r"Received in step 2: \{'w': \(1,\), 'b': \(1,\)\}"):
        microscope(keras.optimizers.SGD(0.1), gradients=[GRADIENTS[0], {"w": [1.0], "b": [1.0]}])
