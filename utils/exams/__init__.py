"""The exams: does an answer do what its exercise asks, and if not, which mistake does it contain?

    from utils.exams import examine
    report = examine("BatchNormalization", MyClass)
    report.passed, report.mistake, print(report.message)

Each file of this folder holds the exams of one block (`EXAMS`, a tuple of `Exam`); adding a block
means adding a file. Files that begin with an underscore are the engine: `_exam` (what an exam is made
of), `_sandbox` (running learners' code), `_examine` (judging and naming).
"""

import difflib
import functools
import importlib
import pkgutil

import utils.quiet  # noqa: F401  TensorFlow without its log lines: before Keras imports it
from solutions import blocks

from ._exam import Candidate, Exam, Mistake, Observation, see
from ._examine import SECONDS, Report, hold

__all__ = [
    "SECONDS", "Exam", "Mistake", "Observation", "Report", "exam", "exams", "examine", "given", "see",
]  # fmt: skip


@functools.cache
def exams() -> dict[str, Exam]:
    """All exams by name, from every file of this folder that holds some."""
    files = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    found = [exam for file in files for exam in importlib.import_module(f"{__name__}.{file}").EXAMS]
    return {exam.name: exam for exam in found}


def given(name: str) -> Candidate | None:
    """What the lessons export under this name without asking for it, such as a check of arguments."""
    if name in exams():
        return None
    for block in pkgutil.iter_modules(blocks.__path__):
        found = getattr(importlib.import_module(f"{blocks.__name__}.{block.name}"), str(name), None)
        if getattr(found, "__module__", None) == f"{blocks.__name__}.{block.name}":
            return found
    return None


def exam(name: str) -> Exam:
    """The exam called `name`. Raises `ValueError` with the nearest names where there is none."""
    if name in exams():
        return exams()[name]
    near = difflib.get_close_matches(str(name), exams(), n=3, cutoff=0.4) or sorted(exams())
    raise ValueError(f"There is no exercise called {name!r}. Did you mean: {', '.join(near)}?")


def examine(name: str, candidate: Candidate, seconds: float = SECONDS) -> Report:
    """Hold `candidate`, a class or a function, to the exam called `name`.

    Args:
        name: the exercise, as in "BatchNormalization".
        candidate: the answer; whatever it does, it does not raise from here.
        seconds: the processor's time that it may take.
    """
    return hold(exam(name), candidate, seconds)
