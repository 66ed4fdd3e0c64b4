"""What a lesson calls: `check`, `hint`, `solution`, `finish`, `recall`, `predict`, `reveal`.

Nothing here is about any one block: what is asked of an answer stands in `utils.exams`.
"""

import difflib
import inspect
import re
from collections.abc import Sequence
from typing import Any

from IPython import get_ipython

from utils import progress, sources
from utils.exams import SECONDS, Report, exam, examine, given

from ._card import show

__all__ = ["WrongAnswer", "check", "finish", "hint", "predict", "recall", "reveal", "solution"]


OLDER_VERSION = (
    "\nThis is your `{0}` of an earlier run: the newest cell that defines it ended in an error. "
    "Mend that cell and run it again."
)


class WrongAnswer(AssertionError):
    """Raised by `check(..., strict=True)` for an answer that does not pass."""


def check(candidate: Any, *, strict: bool = False, seconds: float = SECONDS) -> None:
    """Say whether an answer is right, not written yet, or wrong, and why.

    Args:
        candidate: your class or function, as in `check(Dense)`.
        strict: raise `WrongAnswer` instead of going on when it is not right.
        seconds: how long your code may compute.
    """
    name = _name_of(candidate, "check")
    if candidate is exam(name).reference:
        show(
            "note",
            f"{name}: this is the course's own, which stands in for yours.\n"
            f"Run the cell with your `{name}` again, then this one.",
        )
        return
    report = examine(name, candidate, seconds)
    global _last
    _last = candidate, report
    progress.record(
        "checked", name, passed=report.passed, attempted=report.attempted, mistake=report.mistake
    )
    kind = "right" if report.passed else "wrong" if report.attempted else "open"
    show(kind, report.message + (OLDER_VERSION.format(name) if _is_outdated(candidate) else ""))
    if strict and not report.passed:
        raise WrongAnswer(report.message)


def finish(candidate: Any) -> Any:
    """Keep an answer that passes, and return it; else return the course's own, and say so.

    What is kept stands in `lessons/my_blocks`, where later lessons `recall` it from.
    """
    name = _name_of(candidate, "finish")
    reference = exam(name).reference
    if candidate is reference:
        return candidate
    if not _examined(name, candidate).passed:
        progress.record("finished", name, own=False)
        show("open", f"{name}: the course's own stands in from here on. Yours stays in its cell.")
        return reference
    progress.record("finished", name, own=True)
    if progress.is_paused():
        return candidate
    try:
        text = sources.standalone(candidate)
        file = progress.directory() / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sources.load(file, name)
    except (sources.SourceError, OSError) as error:
        show("note", f"{name}: used here, but not kept for later lessons.\n{error}")
    else:
        show(
            "note", f"{name}: yours from here on; kept in `my_blocks/{name}.py` for later lessons."
        )
    return candidate


def recall(name: str) -> Any:
    """The class or function that you built in an earlier lesson, if it still passes; else the course's.

    What an earlier lesson gave, and did not ask for, comes as it is.
    """
    if (helper := given(name)) is not None:
        return helper
    reference = exam(name).reference
    file = progress.directory() / f"{name}.py"
    if progress.is_paused() or not file.exists():
        show("note", f"{name}: the course's own.")
        return reference
    try:
        candidate = sources.load(file, name)
    except Exception as error:
        show(
            "note",
            f"{name}: the course's own. Yours does not load: {type(error).__name__}: {error}",
        )
        return reference
    report = examine(name, candidate)
    if report.passed:
        show("note", f"{name}: yours.")
        return candidate
    show(
        "note",
        f"{name}: the course's own. Yours, in `{file.name}`, does not pass:\n{report.message}",
    )
    return reference


def hint(exercise: Any) -> None:
    """Show one more hint for an exercise each time it is called."""
    name = _name_of(exercise, "hint")
    hints = exam(name).hints
    given = len(progress.events("hinted", name))
    progress.record("hinted", name)
    place = min(given, len(hints) - 1)
    last = (
        ""
        if place < len(hints) - 1
        else f"\nThat was the last one. `solution({name!r})` shows it all."
    )
    show("note", f"{name}, hint {place + 1} of {len(hints)}\n{hints[place]}{last}")


def solution(exercise: Any) -> None:
    """Show the course's own answer, and why it is written so."""
    name = _name_of(exercise, "solution")
    progress.record("solution", name)
    code = inspect.getsource(exam(name).reference)
    show("note", f"{name}, the course's own\n{exam(name).why}", code)


_asked: dict[str, dict[str, Any]] = {}  # the predictions of this notebook


def predict(
    name: str,
    question: str,
    choices: Sequence[str],
    guess: str | None = None,
    confidence: float | None = None,
) -> None:
    """Write down a guess before the experiment is run; `reveal` compares it with what comes out.

    Args:
        name: the prediction, as in "03-detached".
        question: what is asked.
        choices: the possible answers.
        guess: one of them, or None for no guess; the lesson goes on either way.
        confidence: how sure you are, from 0 to 1.
    """
    problem = _problem_with(choices, guess, confidence)
    _asked[name] = {"choices": list(choices), "guess": None if problem else guess}
    if problem:
        show("wrong", f"{problem}\nNothing is written down yet: mend it and run the cell again.")
        return
    options = "\n".join(f"    {'▸' if choice == guess else ' '} {choice}" for choice in choices)
    if guess is None:
        show(
            "open",
            f"{question}\n{options}\nType one of them, in quotes, behind `guess=` and run the cell again.",
        )
        return
    progress.record("predicted", name, guess=guess, choices=list(choices), confidence=confidence)
    show("note", f"{question}\n{options}\nWritten down.")


def reveal(name: str, answer: str) -> None:
    """Compare the guess made in `predict(name, …)` with the answer that the experiment gave."""
    asked = _asked.get(name, {"choices": [answer], "guess": None})  # its cell may not have been run
    choices, guess = asked["choices"], asked["guess"]
    if answer not in choices:
        raise ValueError(
            f"`answer` must be one of the choices {choices}. Received: answer={answer!r}."
        )
    is_first = not progress.events("revealed", name)
    right = None if guess is None else guess == answer
    progress.record("revealed", name, answer=answer, right=right)
    if guess is None:
        show("note", f"Measured: {answer}.")
    elif not is_first:
        show("note", f"Measured: {answer}. You had seen it before: only an earlier guess counts.")
    elif right:
        show("right", f"Measured: {answer}. As you predicted.")
    else:
        show("wrong", f"Measured: {answer}. You predicted: {guess}. What did you not expect?")


def _problem_with(choices: Sequence[str], guess: Any, confidence: Any) -> str:
    """What is wrong with a guess, in a sentence; empty where nothing is."""
    if guess is not None and guess not in choices:
        near = difflib.get_close_matches(str(guess), choices, n=1)
        also = f" Did you mean {near[0]!r}?" if near else ""
        return f"`guess` must be one of {list(choices)}. Received: guess={guess!r}.{also}"
    is_number = isinstance(confidence, int | float)
    if confidence is not None and not (is_number and 0 <= confidence <= 1):
        return f"`confidence` must be a number from 0 to 1. Received: confidence={confidence!r}."
    return ""


def _is_outdated(candidate: Any) -> bool:
    """Whether a newer cell of the notebook defines an answer anew, and did not run to its end."""
    cells = getattr(get_ipython(), "user_ns", {}).get("In", [])  # none outside of a notebook
    definition = re.compile(rf"^(class|def) {candidate.__name__}\b", re.MULTILINE)
    newest = next((cell for cell in reversed(cells) if definition.search(cell)), None)
    try:
        return newest is not None and sources.source_of(candidate).strip() not in newest
    except sources.SourceError:
        return False


_last: tuple[Any, Report] | None = None  # what `check` found, for the `finish` that follows it


def _examined(name: str, candidate: Any) -> Report:
    """The report on an answer: that of a `check` before, once, since what it uses may change."""
    global _last
    known, _last = _last, None
    return known[1] if known and known[0] is candidate else examine(name, candidate)


def _name_of(exercise: Any, asked_by: str) -> str:
    """The name of the exercise that is meant by a class, a function or, for `hint`, a name."""
    if isinstance(exercise, str) and asked_by in ("hint", "solution"):
        return exam(exercise).name
    written = inspect.unwrap(getattr(exercise, "python_function", exercise))  # under tf.function
    if getattr(written, "__name__", "") == "<lambda>":
        raise TypeError(f"A lambda has no name to {asked_by} it by. Write it with `def`.")
    if isinstance(written, type) or inspect.isfunction(written):
        return exam(written.__name__).name
    name = exercise if isinstance(exercise, str) else type(exercise).__name__
    raise TypeError(
        f"`{asked_by}` takes the class or function itself. Received: {type(exercise).__name__}. "
        f"Write {asked_by}({name}), with neither quotes nor a call."
    )
