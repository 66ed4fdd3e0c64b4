"""Runs a learner's code so that nothing it does disturbs the notebook.

It may raise, print, loop for ever or sleep: what comes back is a list of outcomes and, where it
stopped early, the learner's own line.
"""

import contextlib
import ctypes
import io
import linecache
import random
import re
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from utils.quiet import quiet_stderr

COURSE = Path(__file__).resolve().parents[2]
NOT_THE_LEARNERS = tuple(
    str(folder)
    for folder in (
        COURSE / "utils",
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        "<frozen",
        "<__array_function__",
    )
)
STALLED_AFTER = 1.0  # seconds without using the processor: the code sleeps or waits
KEPT_OUTPUT = 2_000  # characters of what an answer prints
YOUR_TURN = "Your turn"


@dataclass(frozen=True)
class LearnerError:
    """What went wrong inside an answer: `kind` is the exception's class name, "TimeIsUp" for too slow."""

    kind: str
    message: str
    line: str = ""
    line_number: int = 0

    @property
    def is_stub(self) -> bool:
        """The exercise has not been written: its `NotImplementedError("Your turn: …")` was reached."""
        return self.kind == "NotImplementedError" and YOUR_TURN in self.message

    def __str__(self) -> str:
        where = f" in your line {self.line_number}, `{self.line}`" if self.line else ""
        if self.kind == "TimeIsUp":
            return f"{self.message}{where}."
        return f"{self.kind}{where}: {self.message}"

    @classmethod
    def of(cls, error: BaseException) -> "LearnerError":
        frames, step = [], error.__traceback__
        while step is not None:
            frames.append((step.tb_frame, step.tb_lineno))
            step = step.tb_next
        return cls(type(error).__name__, _without_wrapping(str(error)), *_own_line(frames[::-1]))


class TimeIsUp(BaseException):
    """Raised inside the learner's code when its time is over; no `except Exception` swallows it."""


class Printed(io.TextIOBase):
    """A stream that keeps the beginning of what is written to it and forgets the rest."""

    def __init__(self) -> None:
        self.text = ""
        self.is_cut = False

    def write(self, text: str) -> int:
        room = KEPT_OUTPUT - len(self.text)
        self.text += text[:room]
        self.is_cut |= len(text) > room
        return len(text)


def run(steps: Iterator[Callable[[], None]], seconds: float) -> tuple[LearnerError | None, Printed]:
    """Call one step after the other in a thread of its own; stop when the time is over.

    The time that counts is the processor's, so that a busy machine does not cut off a right answer;
    code that sleeps instead is stopped after `STALLED_AFTER` seconds. The state of Python's random
    numbers is the same afterwards.
    """
    printed, state = Printed(), random.getstate()

    def work() -> None:
        with contextlib.suppress(TimeIsUp):
            for step in steps:
                step()

    with warnings.catch_warnings(), contextlib.redirect_stdout(printed), quiet_stderr():
        warnings.simplefilter("ignore")
        late = _wait(_start(work), seconds)
    random.setstate(state)
    return late, printed


def _start(work: Callable[[], None]) -> threading.Thread:
    previous = threading.stack_size(
        16 * 2**20
    )  # room for a learner's endless recursion through Keras
    try:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
    finally:
        threading.stack_size(previous)
    return thread


def _wait(thread: threading.Thread, seconds: float) -> LearnerError | None:
    """None when the thread came to its end; else where it was when its time was over."""
    started, used_before = time.monotonic(), time.process_time()
    awake, used_last = started, used_before
    while True:
        thread.join(0.05)
        if not thread.is_alive():
            return None
        now, used = time.monotonic(), time.process_time()
        if used - used_last > 0.005:
            awake = now
        used_last = used
        if now - awake > STALLED_AFTER:
            said = f"It waited for {STALLED_AFTER:.0f} second without computing anything"
        elif min(used - used_before, now - started) > seconds:
            said = f"It was still computing after {seconds:g} seconds"
        else:
            continue
        frame = sys._current_frames().get(thread.ident)
        line = _own_line(_outward(frame)) if frame else ()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(TimeIsUp)
        )
        thread.join(0.1)
        return LearnerError("TimeIsUp", said, *line)


def _outward(frame: FrameType | None) -> list[tuple[FrameType, int]]:
    frames = []
    while frame is not None:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    return frames


def _own_line(frames: list[tuple[FrameType, int]]) -> tuple[str, int] | tuple[()]:
    """Text and number of the innermost line that is the learner's; `frames` begin at the innermost."""
    for frame, number in frames:
        filename = frame.f_code.co_filename
        if not filename.startswith(NOT_THE_LEARNERS):
            text = linecache.getline(filename, number, frame.f_globals).strip()
            if text:
                return text, number
    return ()


def _without_wrapping(message: str) -> str:
    """The learner's own message out of the one that Keras makes of it when a layer's `call` raises."""
    wrapped = re.search(
        r"Exception encountered when calling .*?\n\n(?:\x1b\[1m)?(.*?)(?:\x1b\[0m)?\n\nArguments received by",
        message,
        re.DOTALL,
    )
    return (wrapped[1] if wrapped else message).strip()
