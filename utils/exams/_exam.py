"""What an exam is made of: probes that look at an answer, and the mistakes it may contain.

A **probe** looks at one property of an answer. It is a generator function of one argument, the
learner's class or function, that yields what it saw, each time beside what is right:

    def divides_by_n(moments):
        \"\"\"The variance is the mean squared distance from the mean: it divides by n.\"\"\"
        inputs = [[1.0], [3.0]]
        _, variance = moments(inputs, axes=(0,))
        yield see("variance", variance, expected=[[1.0]], given="inputs [[1.], [3.]] and axes (0,)")

The first line of its docstring is what a learner reads. A **mistake** is a one-line edit of the
reference in `solutions/blocks`: it runs through the same probes, and an answer that shows the same
values has the same mistake.
"""

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from numpy import allclose, asarray, bool_, isfinite, ndarray  # by name: an answer may patch NumPy

Candidate = Callable[..., Any]  # a learner's class or function
LARGEST = 10**7  # numbers in an array that is looked at


@dataclass(frozen=True)
class Observation:
    """One thing a probe saw: `what` it is, on which input (`given`), and the value that is right.

    Numbers, tensors and arrays are held as NumPy arrays and compared within `tolerance`, relative to
    the largest expected value; anything else is compared with `==`.
    """

    what: str
    received: Any
    expected: Any
    given: str
    tolerance: float

    @property
    def ok(self) -> bool:
        return alike(self.received, self.expected, self.tolerance)


Probe = Callable[[Candidate], Iterator[Observation]]


def see(
    what: str, received: Any, expected: Any, given: str = "", tolerance: float = 1e-5
) -> Observation:
    """An `Observation` of values as they are now, whatever later happens to the variables."""
    return Observation(what, snapshot(received), snapshot(expected), given, tolerance)


@dataclass(frozen=True)
class Opaque:
    """Stands for a value that is neither numbers nor plain data: what it looks like, in short."""

    text: str

    def __repr__(self) -> str:
        return self.text


def snapshot(value: Any) -> Any:
    """What can be compared later, whatever becomes of the value itself.

    Numbers, tensors and variables become a NumPy array; None, text, booleans, and lists and
    dictionaries of such stay as they are; anything else becomes `Opaque`.
    """
    if value is None or type(value) in (str, bool):
        return value
    if type(value) is bool_:
        return bool(value)
    if type(value) is dict:
        return _plain(value)
    if type(value) in (list, tuple) and all(type(entry) is str for entry in value):
        return list(value)
    try:
        array = asarray(value)
        is_real = array.dtype.kind in "fiub" or "float" in array.dtype.name  # bfloat16 is kind V
        if is_real and array.size <= LARGEST:
            return array.copy()
    except Exception:  # a ragged list, or an object that refuses
        pass
    return Opaque(shortened(value))


def _plain(value: Any) -> Any:
    """A config's value, through and through of types that `==` compares safely."""
    if type(value) is dict:
        return {str(key): _plain(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return [_plain(entry) for entry in value]
    if value is None or type(value) in (str, bool, int, float):
        return value
    return Opaque(shortened(value))


def shortened(value: Any, length: int = 80) -> str:
    """`repr(value)` in at most `length` characters, without addresses; it never raises."""
    try:
        text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= length else text[: length - 1] + "…"


def alike(received: Any, expected: Any, tolerance: float) -> bool:
    """Whether two snapshots are the same: arrays within `tolerance`, anything else by `==`."""
    if not isinstance(received, ndarray) or not isinstance(expected, ndarray):
        return type(received) is type(expected) and bool(received == expected)
    if received.shape != expected.shape:
        return False
    if 0 in expected.shape:
        return True
    received, expected = received.astype("float64"), expected.astype("float64")
    finite = expected[isfinite(expected)]
    scale = abs(finite).max() if finite.size else 0.0
    return bool(
        allclose(received, expected, rtol=0, atol=tolerance * (scale or 1.0), equal_nan=True)
    )


@dataclass(frozen=True)
class Mistake:
    """A known mistake: in the reference, replace `find`, which stands there once, by `put`.

    `says` is what a learner reads: what the answer does, and what would be right.
    """

    id: str
    find: str
    put: str
    says: str


@dataclass(frozen=True)
class Exam:
    """The exam of one exercise.

    Args:
        name: the name of the class or function that is asked for, as `solutions/blocks` exports it.
        block: the module of `solutions/blocks` that holds the reference.
        probes: in the order in which an answer grows; the first that fails is what a learner reads.
        close_up: what else to show of an answer that contains no known mistake, as text.
        clues: probes of single steps, for an answer that is not right yet. They say where it goes
            wrong; an answer that satisfies all `probes` may take other steps.
        mistakes: what is known to go wrong.
        hints: from a nudge to nearly there.
        why: why the reference is written as it is, in Markdown.
    """

    name: str
    block: str
    probes: tuple[Probe, ...]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    why: str
    clues: tuple[Probe, ...] = ()
    close_up: Callable[[Candidate], str] | None = None

    @property
    def module(self) -> ModuleType:
        return importlib.import_module(f"solutions.blocks.{self.block}")

    @property
    def reference(self) -> Candidate:
        return getattr(self.module, self.name)

    def sources(self) -> list[str]:
        """The text of the reference, after those of the classes of its module that it builds on."""
        return _sources(self.reference)

    def with_text(self, text: str) -> Candidate:
        """The class or function that `text` defines where the reference stands."""
        namespace = dict(vars(self.module))
        exec(compile(text, f"<{self.name}>", "exec"), namespace)
        return namespace[self.name]

    def with_mistake(self, mistake: Mistake) -> Candidate:
        """The reference with one mistake put in."""
        text = "\n\n".join(self.sources())
        if text.count(mistake.find) != 1:
            raise ValueError(
                f"Mistake {mistake.id!r} of {self.name} expects its `find` once in the reference. "
                f"Found {text.count(mistake.find)} times: {mistake.find!r}. "
                f"Quote the line as it stands in solutions/blocks/{self.block}.py, with enough around it."
            )
        return self.with_text(text.replace(mistake.find, mistake.put))


@functools.cache
def _sources(reference: Candidate) -> list[str]:
    lineage = reference.__mro__[::-1] if isinstance(reference, type) else [reference]
    own = [part for part in lineage if part.__module__ == reference.__module__]
    return [inspect.getsource(part) for part in own]
