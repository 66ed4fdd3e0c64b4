"""The optimizer microscope: what an optimizer does in each step, beside another one.

    microscope(Adam(0.1), beside=keras.optimizers.Adam(0.1))

shows for every step and every number that is trained: the gradient, the optimizer's state (its
slots), the slots corrected for their start at zero where the optimizer does that, the effective rate
(how far the number moved against a gradient of 1) and the update. The first entry that differs is
marked.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

START = {"w": [0.2, -0.1], "b": [0.05]}
GRADIENTS = (  # for each step
    {"w": [1.0, -0.2], "b": [0.5]},
    {"w": [0.4, -0.1], "b": [-2.0]},
    {"w": [-0.6, 0.3], "b": [0.1]},
)
# Slots that an optimizer divides by `1 - hyperparameter ** step`.
CORRECTED = {
    "Adam": {"momentum": "beta_1", "velocity": "beta_2"},
    "AdamW": {"momentum": "beta_1", "velocity": "beta_2"},
    "Adamax": {"momentum": "beta_1"},
    "Lamb": {"momentum": "beta_1", "velocity": "beta_2"},
}
NEAR = 2e-4  # of a column's largest entry: some ten times what float32 rounds


@dataclass(frozen=True)
class Difference:
    """An entry that is not as expected."""

    step: int
    number: str
    column: str
    received: float
    expected: float

    def __str__(self) -> str:
        text = f"step {self.step}: the {self.column} of {self.number} is {self.received:.5g}"
        text += f"; expected: {self.expected:.5g}"
        ratio = self.received / self.expected if self.received and self.expected else np.nan
        return f"{text} ({ratio:.4g} times that)" if np.isfinite(ratio) else text


class Microscope:
    """The steps of an optimizer, and of another beside it; a notebook shows them as a table.

    Attributes:
        entries: (step, number) -> column -> value.
        expected: those of the other optimizer; empty if there is none.
        first_difference: a `Difference`, or None where all columns that both have agree.
    """

    def __init__(self, name: str, entries: dict, expected: dict) -> None:
        self.name, self.entries, self.expected = name, entries, expected
        self.first_difference = next(_differences(entries, expected), None)

    @property
    def verdict(self) -> str:
        if not self.expected:
            return f"{self.name}, step by step."
        if self.first_difference is None:
            return f"{self.name}: every entry is as expected."
        return f"{self.name} first differs in {self.first_difference}."

    def rows(self) -> list[list[str]]:
        """The headings, then a row for each number, to the first difference; that row is there twice."""
        columns = list(next(iter(self.entries.values())))
        rows, first = [["step", "of", *columns]], self.first_difference
        for (step, number), values in self.entries.items():
            if first and (step, number) == (first.step, first.number):
                right = self.expected[step, number]
                marked = [
                    ("▶ " if name == first.column else "") + _text(values[name]) for name in columns
                ]
                rows.append([str(step), number, *marked])
                rows.append(["", "expected", *(_text(right.get(name)) for name in columns)])
                break
            rows.append([str(step), number, *map(_text, values.values())])
        return rows

    def __repr__(self) -> str:
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        return "\n".join([*lines, self.verdict])

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

        head, *rows = self.rows()
        body = line(head, "th") + "".join(line(row, "td") for row in rows)
        return f"<table>{body}</table><p>{html.escape(self.verdict)}</p>"


def microscope(
    optimizer: keras.optimizers.Optimizer,
    beside: keras.optimizers.Optimizer | None = None,
    *,
    start: Mapping[str, Any] = START,
    gradients: Sequence[Mapping[str, Any]] = GRADIENTS,
) -> Microscope:
    """Watch an optimizer step by step, beside another one that gets the same gradients.

    Slots are those made by `add_optimizer_variables`. Where the two optimizers call as many slots
    differently, they are compared in the order in which they were made.

    Args:
        optimizer: one that has not made a step yet.
        beside: another one, say Keras's own; its entries are the expected ones.
        start: name -> array. The variables.
        gradients: for each step name -> array, of the variables' shapes.

    Returns:
        A `Microscope`: a table, and `first_difference`.

    Raises:
        ValueError: an optimizer has been used already, or gradients do not fit the variables.
    """
    shapes = {name: np.shape(value) for name, value in start.items()}
    for step, each in enumerate(gradients, start=1):
        received = {name: np.shape(value) for name, value in each.items()}
        if received != shapes:
            raise ValueError(
                f"Expected in every step a gradient for each variable, of shapes {shapes}. "
                f"Received in step {step}: {received}"
            )
    name = type(optimizer).__name__
    if beside is None:
        return Microscope(name, _watched(optimizer, start, gradients), {})
    expected = _watched(beside, start, gradients)
    slots = list(_slots(beside, start))
    corrected = CORRECTED.get(type(beside).__name__, {})
    return Microscope(name, _watched(optimizer, start, gradients, slots, corrected), expected)


def _watched(
    optimizer: keras.optimizers.Optimizer,
    start: Mapping[str, Any],
    gradients: Sequence[Mapping[str, Any]],
    called: Sequence[str] = (),
    corrected: Mapping[str, str] | None = None,
) -> dict[tuple[int, str], dict[str, float]]:
    """What happens to every number in every step.

    Args:
        called: names for the slots, if there are as many.
        corrected: slot -> hyperparameter by which it is corrected; by the optimizer's name if None.
    """
    if optimizer.built:
        raise ValueError(
            "Expected an optimizer that has not been used yet. Received: "
            f"{type(optimizer).__name__} that already has variables of its own. Make a new one."
        )
    variables = [
        keras.Variable(np.asarray(value, "float32"), name=name) for name, value in start.items()
    ]
    optimizer.build(variables)
    slots = _slots(optimizer, start)
    if set(called) != set(slots) and len(called) == len(slots):
        slots = dict(zip(called, slots.values(), strict=True))
    if corrected is None:
        corrected = CORRECTED.get(type(optimizer).__name__, {})

    entries = {}
    for step, arriving in enumerate(gradients, start=1):
        before = [variable.numpy() for variable in variables]
        arriving = [np.asarray(arriving[variable.name], "float32") for variable in variables]
        optimizer.apply([keras.ops.convert_to_tensor(each) for each in arriving], variables)
        for place, variable in enumerate(variables):
            update = variable.numpy() - before[place]
            columns = {"gradient": arriving[place]}
            columns |= {name: each[place].numpy() for name, each in slots.items()}
            for name, hyperparameter in corrected.items():
                if name in slots and hasattr(optimizer, hyperparameter):
                    left = 1 - float(getattr(optimizer, hyperparameter)) ** step
                    columns[f"corrected {name}"] = columns[name] / left if left else np.inf
            with np.errstate(divide="ignore", invalid="ignore"):
                columns["effective rate"] = -update / arriving[place]
            columns["update"] = update
            for index in np.ndindex(update.shape):
                where = f"[{', '.join(map(str, index))}]" if update.size > 1 else ""
                entries[step, variable.name + where] = {
                    name: float(np.broadcast_to(values, update.shape)[index])
                    for name, values in columns.items()
                }
    return entries


def _slots(
    optimizer: keras.optimizers.Optimizer, trained: Mapping[str, Any]
) -> dict[str, list[keras.Variable]]:
    """Name of a slot -> its variable for each of the trained variables."""
    found: dict[str, list[keras.Variable]] = {}
    for name, value in trained.items():
        for each in optimizer.variables:
            if each.name.startswith(f"{name}_") and tuple(each.shape) == np.shape(value):
                found.setdefault(each.name.removeprefix(f"{name}_"), []).append(each)
    return {slot: parts for slot, parts in found.items() if len(parts) == len(trained)}


def _differences(entries: dict, expected: dict) -> Iterator[Difference]:
    """The entries that are not as expected, in the order in which they came about."""
    for place, right in expected.items():
        for column in right:
            if column not in entries[place] or column == "effective rate":  # the update tells
                continue
            largest = max(abs(each[column]) for each in expected.values())
            received = entries[place][column]
            if not abs(received - right[column]) <= NEAR * largest:
                yield Difference(*place, column, received, right[column])


def _text(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.4g}"  # -0.0 + 0.0 is 0.0
