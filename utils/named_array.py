"""Arrays whose axes have names and whose places have labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class NamedArray(NDArrayOperatorsMixin):
    """An array with a name for each axis and a label for each place along it.

    It takes part in arithmetic, comparisons and NumPy functions as its `values` do.

    Args:
        values: array.
        axes: name -> labels of the places, one name for each axis of `values`, in their order.

    >>> accuracy = NamedArray([[0.8, 0.9], [0.1, 0.7]], {"learning_rate": [0.1, 1.0], "seed": [0, 1]})
    >>> round(accuracy.at(learning_rate=0.1).mean("seed"), 2)
    0.85
    >>> (accuracy > 0.75).count("seed").values.tolist()
    [2, 0]
    """

    def __init__(self, values: Any, axes: dict[str, Sequence[Any]]):
        self.values = np.asarray(values)
        self.axes = {name: tuple(labels) for name, labels in axes.items()}
        lengths = tuple(len(labels) for labels in self.axes.values())
        if self.values.shape != lengths:
            raise ValueError(
                f"`axes` must have a label for each place of the values, of shape "
                f"{self.values.shape}. Received: axes of lengths {lengths}."
            )

    def at(self, **labels: Any) -> Any:
        """The part at these labels, as in `at(learning_rate=0.1, seed=0)`, without their axes.

        A number where no axis is left.
        """
        values = self.values
        for name, label in labels.items():
            place = self._axis(name)
            if label not in self.axes[name]:
                raise ValueError(
                    f"`{name}` must be one of {list(self.axes[name])}. Received: {name}={label!r}."
                )
            values = np.take(values, [self.axes[name].index(label)], axis=place)
        return self._without(tuple(labels), np.squeeze(values, self._places(tuple(labels))))

    def mean(self, *names: str) -> Any:
        """The mean along these axes."""
        return self._reduced(np.mean, names)

    def spread(self, *names: str) -> Any:
        """The standard deviation along these axes, divided by the count n."""
        return self._reduced(np.std, names)

    def min(self, *names: str) -> Any:
        """The least along these axes."""
        return self._reduced(np.min, names)

    def max(self, *names: str) -> Any:
        """The greatest along these axes."""
        return self._reduced(np.max, names)

    def count(self, *names: str) -> Any:
        """How many are true along these axes: `(accuracy > 0.9).count("seed")` seeds agree."""
        return self._reduced(np.count_nonzero, names)

    def all(self, *names: str) -> Any:
        """Whether all are true along these axes."""
        return self._reduced(np.all, names)

    def first(self, name: str) -> Any:
        """The first label along an axis at which it is true, infinity where it never is.

        `(accuracy >= 0.9).first("step")`: how many steps 90 % took.
        """
        place, labels = self._axis(name), np.asarray(self.axes[name], "float64")
        ever = np.any(self.values, axis=place)
        return self._without((name,), np.where(ever, labels[np.argmax(self.values, place)], np.inf))

    def best(self, name: str) -> Any:
        """The label along an axis at which the value is greatest; NaN counts as least."""
        values = np.where(np.isnan(self.values), -np.inf, self.values)
        labels = np.asarray(self.axes[name])
        return self._without((name,), labels[np.argmax(values, axis=self._axis(name))])

    def _axis(self, name: str) -> int:
        if name not in self.axes:
            raise ValueError(f"An axis is one of {list(self.axes)}. Received: {name!r}.")
        return list(self.axes).index(name)

    def _places(self, names: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self._axis(name) for name in names)

    def _reduced(self, function: Callable, names: tuple[str, ...]) -> Any:
        names = names or tuple(self.axes)
        return self._without(names, function(self.values, axis=self._places(names)))

    def _without(self, names: tuple[str, ...], values: Any) -> Any:
        axes = {name: labels for name, labels in self.axes.items() if name not in names}
        return NamedArray(values, axes) if axes else np.asarray(values).item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype) if copy else np.asarray(self.values, dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        named = [each for each in inputs if isinstance(each, NamedArray)]
        if any(each.axes != named[0].axes for each in named):
            raise ValueError(
                "Arrays with names meet only where their axes are the same. "
                f"Received: {' and '.join(map(repr, named))}."
            )
        plain = [each.values if isinstance(each, NamedArray) else each for each in inputs]
        return NamedArray(getattr(ufunc, method)(*plain, **kwargs), named[0].axes)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self):
        return iter(self.values)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {len(labels)}" for name, labels in self.axes.items())
        return f"NamedArray({sizes})"
