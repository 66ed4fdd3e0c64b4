"""The learner's record: what was checked, predicted and finished, kept outside git.

Events are appended to an SQLite file, `record.sqlite`, and never changed. SQLite is what makes
the record survive a kernel killed in the middle of a write and two notebooks that write at once.
Where the record cannot be kept the lesson goes on: one notice, and the events stay in memory.
"""

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BUSY_SECONDS = 10.0  # how long to wait for another notebook's write


class Event(NamedTuple):
    """One thing that happened: when (seconds since 1970), what kind, to what, and details."""

    time: float
    kind: str
    name: str
    data: dict[str, Any]


_in_memory: list[Event] = []
_paused = False
_unusable = False  # the file, because of what the one notice said


def directory() -> Path:
    """The folder of the record: environment variable COURSE_RECORD, else lessons/my_blocks."""
    return Path(os.environ.get("COURSE_RECORD") or ROOT / "lessons" / "my_blocks")


def record(kind: str, name: str, **data: Any) -> None:
    """Append an event; never raises.

    Args:
        kind: "checked", "hinted", "solution", "finished", "predicted" or "revealed".
        name: the exercise's or the prediction's name.
        **data: details. What JSON does not know is kept as a list, a number or text.
    """
    event = Event(time.time(), kind, name, data)
    if not (_paused or _unusable):
        try:
            _append(event)
            return
        except (OSError, sqlite3.Error, ValueError, TypeError) as problem:
            _give_up(problem)
    _in_memory.append(event)


def events(kind: str | None = None, name: str | None = None) -> list[Event]:
    """The events so far, oldest first; only those of a kind or a name where these are given.

    While paused these are the events of this process alone.
    """
    kept = [] if _paused else _read()
    return [
        event
        for event in kept + _in_memory
        if kind in (None, event.kind) and name in (None, event.name)
    ]


def pause() -> None:
    """From now on leave the learner's record alone: nothing is written to it or read from it."""
    global _paused
    _paused = True


def is_paused() -> bool:
    """Whether the record is left alone."""
    return _paused


def forget() -> None:
    """Start as a new process does: not paused, nothing in memory. The file stays."""
    global _paused, _unusable
    _paused = _unusable = False
    _in_memory.clear()


# The file


def _give_up(problem: Exception) -> None:
    """Keep events in memory from now on, and say so the first time."""
    global _unusable
    if not _unusable:
        print(
            f"Your progress cannot be kept in {directory()} ({problem}). The lesson goes on. To "
            "keep it, make that folder writable, or set the environment variable COURSE_RECORD "
            "to one that is, and restart the notebook."
        )
    _unusable = True


def _append(event: Event) -> None:
    folder = directory()
    folder.mkdir(parents=True, exist_ok=True)
    row = (event.time, event.kind, event.name, json.dumps(event.data, default=_plain))
    _execute(folder, "INSERT INTO events (time, kind, name, data) VALUES (?, ?, ?, ?)", row)


def _read() -> list[Event]:
    """The events in the file; none where there is no file or it cannot be read."""
    folder = directory()
    try:
        if not (folder / "record.sqlite").exists():
            return []
        rows = _execute(folder, "SELECT time, kind, name, data FROM events ORDER BY id")
        return [Event(*row[:3], json.loads(row[3])) for row in rows]
    except (OSError, sqlite3.Error, ValueError, TypeError) as problem:
        _give_up(problem)
        return []


def _execute(folder: Path, statement: str, values: tuple = ()) -> list[tuple]:
    """Run one statement, in a new file where the old one is damaged."""
    try:
        return _execute_once(folder, statement, values)
    except sqlite3.DatabaseError as problem:
        damaged = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        if getattr(problem, "sqlite_errorcode", None) not in damaged:
            raise
        _set_aside(folder)
    return _execute_once(folder, statement, values)


def _execute_once(folder: Path, statement: str, values: tuple) -> list[tuple]:
    with closing(sqlite3.connect(folder / "record.sqlite", timeout=BUSY_SECONDS)) as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS events "
            "(id INTEGER PRIMARY KEY, time REAL, kind TEXT, name TEXT, data TEXT)"
        )
        with database:  # commits
            return database.execute(statement, values).fetchall()


def _set_aside(folder: Path) -> None:
    """Rename a damaged file, and the journal that belongs to it, and say so."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    kept = folder / f"record-damaged-{stamp}-{os.getpid()}.sqlite"
    (folder / "record.sqlite").rename(kept)
    journal = folder / "record.sqlite-journal"
    if journal.exists():
        journal.rename(folder / f"{kept.name}-journal")
    print(f"Your record was damaged. It is kept as {kept}, and a new one begins.")


def _plain(value: Any) -> Any:
    """What JSON can hold of a NumPy value or tensor, or else its text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


# The report


class Lesson(NamedTuple):
    """What a lesson holds: the names of its exercises and of its predictions."""

    title: str
    exercises: list[str]
    predictions: list[str]


class Exercise(NamedTuple):
    """How far an exercise is, and what it took; mistakes are known ones, in the order met."""

    name: str
    standing: str
    is_yours: bool  # a class or function of the learner's own was kept
    checks: int
    hints: int
    met: list[str]
    mended: list[str]  # those of them after which a check passed
    has_seen_solution: bool


class Prediction(NamedTuple):
    """A guess that was compared with what came out."""

    name: str
    right: bool
    confidence: float | None
    choices: int  # among how many it was made


def lessons() -> list[Lesson]:
    """The lessons in order, read from their sources."""
    found = []
    for path in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py")):
        text = path.read_text(encoding="utf-8")
        heading = re.search(r"^# # (?:\d+ · )?(.+)$", text, re.MULTILINE)
        found.append(
            Lesson(
                title=f"{path.stem[:2]}  {heading[1] if heading else path.stem[3:]}",
                exercises=re.findall(r'^# %%.*\bexercise="([^"]+)"', text, re.MULTILINE),
                predictions=re.findall(r'^predict\(\s*"([^"]+)"', text, re.MULTILINE),
            )
        )
    return found


def scored(events: Iterable[Event]) -> list[Prediction]:
    """The predictions whose answer is known; the first answer shown for each one counts.

    A guess changed after the answer was seen is no prediction any more.
    """
    guesses: dict[str, dict[str, Any]] = {}
    first: dict[str, Prediction | None] = {}  # None: the answer was seen before a guess was made
    for event in events:
        if event.kind == "predicted":
            guesses[event.name] = event.data
        elif event.kind == "revealed" and event.name not in first:
            right, guess = event.data.get("right"), guesses.get(event.name, {})
            choices = len(guess.get("choices", ()))
            known = Prediction(event.name, bool(right), guess.get("confidence"), choices)
            first[event.name] = None if right is None else known
    return [prediction for prediction in first.values() if prediction]


def report(events: Iterable[Event], course: list[Lesson] | None = None) -> str:
    """What is done, what was predicted and how well, as plain text.

    Args:
        events: those of `events()`.
        course: the lessons to report on; those of the course by default.
    """
    events = list(events)
    course = lessons() if course is None else course
    predictions = scored(events)
    lines = []
    for lesson in course:
        lines.append(lesson.title)
        for name in lesson.exercises:
            lines.append(f"    {name:<40} {_in_words(exercise(name, events))}")
        if lesson.predictions:
            known = [p for p in predictions if p.name in lesson.predictions]
            lines.append(
                f"    {'predictions':<40} {sum(p.right for p in known)} of {len(known)} right, "
                f"{len(lesson.predictions) - len(known)} still to make"
            )
    return "\n".join([*lines, "", *calibration(predictions)])


def exercise(name: str, events: Iterable[Event]) -> Exercise:
    """How far the exercise `name` is, from the events of all."""
    events = [event for event in events if event.name == name]
    checks = [e.data for e in events if e.kind == "checked" and e.data.get("attempted")]
    passed = [bool(check.get("passed")) for check in checks]
    finishes = [bool(e.data.get("own")) for e in events if e.kind == "finished"]
    if any(finishes):
        standing = "done, yours"
    elif passed and passed[-1]:
        standing = "right, not kept yet (run `finish`)"
    elif passed:
        standing = "not right yet"
    elif finishes:
        standing = "open, the course's own stands in"
    else:
        standing = "open"
    last_seen = {check["mistake"]: n for n, check in enumerate(checks) if check.get("mistake")}
    return Exercise(
        name=name,
        standing=standing,
        is_yours=any(finishes),
        checks=len(checks),
        hints=sum(e.kind == "hinted" for e in events),
        met=list(last_seen),
        mended=[mistake for mistake, place in last_seen.items() if any(passed[place:])],
        has_seen_solution=any(e.kind == "solution" for e in events),
    )


def _in_words(exercise: Exercise) -> str:
    counted = [
        (exercise.checks, "check"),
        (exercise.hints, "hint"),
        (len(exercise.met), "known mistake"),
    ]
    details = [f"{n} {what}{'s' if n > 1 else ''}" for n, what in counted if n]
    if exercise.has_seen_solution:
        details.append("solution seen")
    return ", ".join([exercise.standing, *details])


def calibration(predictions: list[Prediction]) -> list[str]:
    """How often predictions were right, beside how sure the learner was."""
    if not predictions:
        return ["No prediction has been compared with its answer yet."]
    lines = [f"Predictions: {_share(predictions)} right."]
    sure = [p for p in predictions if p.confidence is not None]
    if not sure:
        return [*lines, "With `confidence=` in `predict` you also see how well you know it."]
    stated = sum(p.confidence for p in sure) / len(sure)
    lines.append(f"Where you said how sure you were: {stated:.0%} sure, {_share(sure)} right.")
    for low, high in ((0.0, 0.5), (0.5, 0.75), (0.75, 1.0)):
        band = [p for p in sure if low <= p.confidence < high or p.confidence == high == 1.0]
        if band:
            lines.append(f"    {low:.0%} to {high:.0%} sure: {_share(band)} right")
    gap = stated - sum(p.right for p in sure) / len(sure)
    if len(sure) < 5:
        lines.append("After five of these you see here whether you are too sure.")
    elif abs(gap) <= 0.1:
        lines.append("You know well how much you know.")
    elif gap > 0:
        lines.append("You are surer than you are right.")
    else:
        lines.append("You know more than you say.")
    return lines


def _share(predictions: list[Prediction]) -> str:
    right = sum(p.right for p in predictions)
    return f"{right} of {len(predictions)} ({right / len(predictions):.0%})"
