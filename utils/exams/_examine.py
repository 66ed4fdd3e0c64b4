"""Holds an answer to its exam, and finds which known mistake it contains."""

import functools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from ._exam import Candidate, Exam, Mistake, Observation, Probe, alike, shortened
from ._sandbox import YOUR_TURN, LearnerError, Printed, run

SECONDS = 1.4  # of the processor's time for one answer; checks are to answer within two seconds
PATIENCE = 3.0  # times as long as the reference takes: the time for one answer on a slow machine
SECONDS_TO_NAME = 4.0  # of the processor's time to find the mistake; it seldom takes a quarter
SHOWN_LINES = 6  # of what an answer printed
MOST_NAMES = 3  # mistakes that look alike
UNFINISHED = LearnerError("Exception", "the check itself was interrupted; run it again")


@dataclass
class ProbeResult:
    """What one probe saw of one answer."""

    name: str
    property: str
    observations: list[Observation] = field(default_factory=list)
    error: LearnerError | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.error is None and all(seen.ok for seen in self.observations)

    @property
    def first_difference(self) -> Observation | None:
        return next((seen for seen in self.observations if not seen.ok), None)

    @property
    def expected(self) -> Any:
        seen = self.first_difference or (self.observations and self.observations[-1])
        return seen.expected if seen else None

    @property
    def received(self) -> Any:
        if self.first_difference is None and self.error:
            return self.error
        seen = self.first_difference or (self.observations and self.observations[-1])
        return seen.received if seen else None


@dataclass
class Report:
    """What an exam found.

    Attributes:
        name: the exercise.
        passed: every probe is satisfied.
        attempted: the answer has been begun; False while its "Your turn" is still reached.
        mistake: id of the known mistake that the answer contains, or None.
        mistakes: all known mistakes that look like the answer, the likeliest first.
        message: what the learner reads; the first line is the verdict.
        probes: one `ProbeResult` a probe, with `name`, `ok`, `expected` and `received`.
    """

    name: str
    passed: bool
    attempted: bool
    message: str
    probes: list[ProbeResult] = field(default_factory=list)
    mistakes: tuple[str, ...] = ()

    @property
    def mistake(self) -> str | None:
        return self.mistakes[0] if self.mistakes else None

    def __str__(self) -> str:
        return self.message


def hold(exam: Exam, candidate: Candidate, seconds: float = SECONDS) -> Report:
    """Run every probe of `exam` on `candidate` and say what was found."""
    if not callable(candidate):
        message = (
            f"{exam.name}: nothing to examine.\n"
            f"Expected a class or a function. Received: {shortened(candidate)}. "
            f"Hand over the thing itself, without calling it: check({exam.name})."
        )
        return Report(exam.name, passed=False, attempted=False, message=message)
    results, late, printed = probe_results(exam.probes, candidate, seconds)
    if late and (enough := PATIENCE * _seconds_of_reference(exam)) > seconds:  # a slow machine
        results, late, printed = probe_results(exam.probes, candidate, enough)
    if len(results) == len(exam.probes) and all(result.ok for result in results):
        count = f" All {len(results)} properties hold." if len(results) > 1 else ""
        return Report(exam.name, True, True, f"{exam.name}: right.{count}", results)
    clues = [] if late else probe_results(exam.clues, candidate, seconds)[0]
    report = _judge(exam, candidate, results, clues, late)
    if printed.text:
        lines = printed.text.strip().splitlines()
        more = " …" if printed.is_cut or len(lines) > SHOWN_LINES else ""
        shown = "\n".join(f"    {line[:100]}" for line in lines[:SHOWN_LINES])
        report.message += f"\nYour code printed:\n{shown}{more}"
    return report


@functools.cache
def _seconds_of_reference(exam: Exam) -> float:
    results, _, _ = probe_results(exam.probes, exam.reference, seconds=60)
    return sum(result.seconds for result in results)


def probe_results(
    probes: tuple[Probe, ...], candidate: Candidate, seconds: float = SECONDS
) -> tuple[list[ProbeResult], LearnerError | None, Printed]:
    """What each probe sees of an answer, where it was when its time was over, and what it printed."""
    results = []

    def step(probe: Probe) -> None:
        first_line = (probe.__doc__ or probe.__name__).strip().splitlines()[0]
        result = ProbeResult(probe.__name__, first_line, error=UNFINISHED)
        results.append(result)
        started = perf_counter()
        try:
            for seen in _observed(probe, candidate):
                result.observations.append(seen)
            result.error = None
        except BaseException as error:
            result.error = LearnerError.of(error)
        result.seconds = perf_counter() - started

    late, printed = run((functools.partial(step, probe) for probe in probes), seconds)
    if late:
        results[-1].error = late
    return results, late, printed


def _observed(probe: Probe, candidate: Candidate) -> Iterator[Observation]:
    """What a probe sees where chance begins the same every time, so that a check repeats itself."""
    random.seed(0)  # what Keras draws a missing seed from
    np.random.seed(0)
    yield from probe(candidate)


def _judge(
    exam: Exam,
    candidate: Candidate,
    results: list[ProbeResult],
    clues: list[ProbeResult],
    late: LearnerError | None,
) -> Report:
    """The report on an answer that is not right; where it was too slow, `late` says in which line."""
    right = sum(result.ok for result in results)
    failed = [result for result in (*clues, *results) if not result.ok]
    first = failed[-1] if late else failed[0]
    if first.error and first.error.is_stub:
        return Report(exam.name, False, False, _not_written(exam, first.error, right), results)

    is_nobodys = first.error is not None and first.error.kind == "MissingDevice"  # no mistake's
    mistakes, is_all = ((), True) if late or is_nobodys else _explained(exam, results)
    lines = [f"{exam.name}: not right yet."]
    if mistakes:
        lines.append("\nOr: ".join(mistake.says for mistake in mistakes[:MOST_NAMES]))
        if not is_all:
            lines.append("That may not be all: mend it and check again.")
    lines.append(f"Seen in: {first.property}")
    if first.first_difference:
        lines.append(describe(first.first_difference))
    else:
        lines.append(str(first.error))
    if exam.close_up and not mistakes and not late:
        lines += [f"    {line}" for line in _close_up(exam, candidate)]
    if late:
        lines.append(
            f"If it is meant to take that long, give it more time: check({exam.name}, seconds=30)."
        )
    lines.append(f"{right} of {len(exam.probes)} properties hold.")
    ids = tuple(mistake.id for mistake in mistakes)
    return Report(exam.name, False, True, "\n".join(lines), results, ids)


def _close_up(exam: Exam, candidate: Candidate) -> list[str]:
    """What the exam's close-up shows of an answer; nothing where it cannot be looked at."""
    shown: list[str] = []
    run(iter([lambda: shown.append(exam.close_up(candidate))]), SECONDS)
    return shown[0].splitlines() if shown else []


def _not_written(exam: Exam, stub: LearnerError, right: int) -> str:
    what = stub.message.partition(YOUR_TURN)[2].lstrip(": ")
    if what in ("", exam.name):
        says = "Write what its TODO comments ask for in place of the `raise`."
    else:
        says = f"Next: {what}."
    so_far = f" {right} of {len(exam.probes)} properties hold already." if right else ""
    return f"{exam.name}: not written yet.\n{says}{so_far}"


# --- Which mistake is it? ---------------------------------------------------------------------------


def _explained(exam: Exam, results: list[ProbeResult]) -> tuple[tuple[Mistake, ...], bool]:
    """What `_explain` finds, with settings like those of the answer; nothing if it takes too long."""
    found = []
    run(iter([lambda: found.append(_explain(exam, results))]), SECONDS_TO_NAME)
    return found[0] if found else ((), True)


def _explain(exam: Exam, results: list[ProbeResult]) -> tuple[tuple[Mistake, ...], bool]:
    """The known mistakes that look like the answer, and whether they explain all of it.

    A mistake is dropped at the first value in which it differs from the answer. The failed probes
    come first, since there the mistakes differ most, and of these the quickest.
    """
    order = sorted(
        range(len(results)), key=lambda place: (results[place].ok, results[place].seconds)
    )
    left = list(exam.mistakes)
    for place in order:
        left = [mistake for mistake in left if _behaves_like(results[place], exam, mistake, place)]
    if left:
        return tuple(left), True
    first = next(place for place, result in enumerate(results) if not result.ok)
    seen = results[first].first_difference
    if seen is None or not _is_telling(seen):
        return (), True
    partly = [m for m in exam.mistakes if _behaves_like(results[first], exam, m, first)]
    for place, result in enumerate(results):
        if result.ok:  # what the answer does right, the mistake must not spoil
            partly = [m for m in partly if _behaves_like(result, exam, m, place)]
    return tuple(partly), False


def _is_telling(seen: Observation) -> bool:
    """Whether a value is rich enough to name a mistake by it alone: several different finite numbers."""
    return (
        isinstance(seen.received, np.ndarray)
        and np.isfinite(seen.received).all()
        and len(np.unique(np.round(seen.received, 6))) >= 3
    )


@functools.cache
def _mistaken(exam: Exam, mistake: Mistake) -> Candidate:
    return exam.with_mistake(mistake)


def _behaves_like(result: ProbeResult, exam: Exam, mistake: Mistake, place: int) -> bool:
    """Whether the probe at `place` sees of a known mistake what it saw of the answer."""
    answers = iter(result.observations)
    raised = None
    try:
        for seen in _observed(exam.probes[place], _mistaken(exam, mistake)):
            answer = next(answers, None)
            if answer is None or not alike(answer.received, seen.received, answer.tolerance):
                return False
    except Exception as error:
        raised = LearnerError.of(error)
    return next(answers, None) is None and _cause(raised) == _cause(result.error)


def _cause(error: LearnerError | None) -> tuple[str, list[str], set[str]] | None:
    """What an exception is known by: its type, its first words, and the shapes that it mentions."""
    if error is None:
        return None
    message = re.sub(r"{{.*?}}", "", error.message)  # where TensorFlow met it
    shapes = re.findall(r"\[[\d,]+\]", message.replace(", ", ","))
    return error.kind, re.findall(r"[A-Za-z]+", message)[:3], set(shapes)


# --- In words ---------------------------------------------------------------------------------------


def describe(seen: Observation) -> str:
    """How a value differs from what is expected: by shape, ratio or offset, or where the most."""
    given = f"Given {seen.given}, the" if seen.given else "The"
    difference = _difference(seen.received, seen.expected, seen.tolerance)
    return f"{given} {seen.what} {difference}" + ("" if difference.endswith("?") else ".")


def _difference(received: Any, expected: Any, tolerance: float) -> str:
    if received is None:
        return "is None: is a `return` missing?"
    if isinstance(expected, dict) and isinstance(received, dict):
        key = next(key for key in (*expected, *received) if received.get(key) != expected.get(key))
        return f"has {shortened(received.get(key))} for {key!r}; expected: {shortened(expected.get(key))}"
    if not isinstance(expected, np.ndarray) or not isinstance(received, np.ndarray):
        return f"is {shortened(received)}; expected: {shortened(expected)}"
    if received.shape != expected.shape:
        turned = ": it is transposed" if alike(received.T, expected, tolerance) else ""
        return f"has shape {received.shape}; expected: {expected.shape}{turned}"
    received, expected = received.astype("float64"), expected.astype("float64")
    if not np.isfinite(received).all() and np.isfinite(expected).all():
        return f"holds {np.sum(~np.isfinite(received))} of {received.size} values that are NaN or infinite"
    near = tolerance * max(1.0, np.abs(expected).max())
    offset = received - expected
    if expected.size > 1:
        if np.ptp(offset) < near:
            return f"is off by {offset.flat[0]:+.4g} everywhere"
        ratio = _ratio(received, expected, near)
        if ratio is not None:
            return (
                "has the wrong sign"
                if abs(ratio + 1) < 1e-3
                else f"is {ratio:.4g} times what is right"
            )
        if alike(received.T, expected, tolerance):
            return "is transposed"
    worst = np.unravel_index(np.argmax(np.abs(offset)), offset.shape)
    place = f" at [{', '.join(map(str, worst))}]" if worst else ""
    off = np.sum(np.abs(offset) > near)
    share = f"; {off} of {offset.size} values differ" if offset.size > 1 else ""
    return f"is {received[worst]:.5g}{place}; expected: {expected[worst]:.5g}{share}"


def _ratio(received: np.ndarray, expected: np.ndarray, near: float) -> float | None:
    """The one number by which everything is multiplied, or None where there is no such number."""
    if not np.any(expected):
        return None
    ratio = float(np.sum(received * expected) / np.sum(expected * expected))
    return ratio if np.allclose(received, ratio * expected, rtol=0, atol=near) else None
