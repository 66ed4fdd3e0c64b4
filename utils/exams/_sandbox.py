"""Runs a learner's code so that nothing it does disturbs the notebook.

It may raise, print, loop for ever or sleep: what comes back is what the steps noted and, where it
was stopped early, the learner's own line. Only a call that never gives Python's lock back, as some
in C, cannot be stopped.
"""

import contextlib
import ctypes
import io
import linecache
import logging
import os
import random
import re
import site
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time  # by name: an answer may patch `time`
from types import FrameType

import keras
import numpy as np

from utils.quiet import quiet_stderr

COURSE = Path(__file__).resolve().parents[2]
LIBRARIES = {
    os.path.join(folder, "")
    for name in (
        COURSE / "utils",
        *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")),
        site.getusersitepackages(),
    )
    for folder in (str(name), os.path.realpath(name))
}
NOT_THE_LEARNERS = (*LIBRARIES, "<frozen", "<__array_function__")
STALLED_AFTER = 1.0  # seconds without using the processor: the code sleeps or waits
LONGEST_WAIT = 10.0  # seconds, on however busy a machine
STOP_FOR = 0.5  # seconds in which code that goes on is told to stop again and again
KEPT_OUTPUT = 2_000  # characters of what an answer prints
KEPT_LINES, KEPT_WIDTH = 6, 200  # of the message of an exception
YOUR_TURN = "Your turn"
# Kinds whose names say nothing to a learner
SPEAKS_FOR_ITSELF = ("MissingWeight", "MissingDevice", "too slow")


@dataclass(frozen=True)
class LearnerError:
    """What went wrong inside an answer: `kind` is the exception's class name, or "too slow"."""

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
        if self.kind in SPEAKS_FOR_ITSELF:
            return f"{self.message}{where}".rstrip(".") + "."
        return f"{self.kind}{where}" + (f": {self.message}" if self.message else "")

    @classmethod
    def of(cls, error: BaseException) -> "LearnerError":
        """What is said of an exception, even of one that cannot be shown."""
        frames, step = [], error.__traceback__
        while step is not None:
            frames.append((step.tb_frame, step.tb_lineno))
            step = step.tb_next
        line = _own_line(frames[::-1])
        try:
            message = _without_wrapping(str(error))
        except Exception:
            message = "its message cannot be shown"
        if "non-iterable NoneType" in message and not line:
            message = "it returned None where several values were expected: is a `return` missing?"
        return cls(type(error).__name__, message, *line)


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

    Threads that the steps start, as `tf.distribute` does for each replica, are part of it.

    The time that counts is the processor's, so that a busy machine does not cut off a right answer;
    code that sleeps instead is stopped after `STALLED_AFTER` seconds. What an answer changes of
    Python's, NumPy's and Keras's settings is put back, and it meets them as they are by default.
    """
    printed, is_over = Printed(), threading.Event()
    others = {*threading.enumerate()}

    def work() -> None:
        with contextlib.suppress(BaseException):  # a step notes what it raises; this is TimeIsUp
            for step in steps:
                if is_over.is_set():
                    break
                step()

    with _put_back(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        thread = _start(work)
        try:
            late = _wait(thread, seconds, others)
        finally:  # also where the learner interrupts the check
            is_over.set()
            _stop(thread, others)
    return late, printed


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    """Default settings inside; afterwards everything as it was before."""
    states = random.getstate(), np.random.get_state(), np.geterr(), os.getcwd()
    limit, log_level = sys.getrecursionlimit(), logging.getLogger("tensorflow").level
    floatx, epsilon = keras.config.floatx(), keras.config.epsilon()
    hooks = sys.unraisablehook, threading.excepthook

    def unless_time_is_up(hook: Callable) -> Callable:
        # It may hit a finalizer, or a thread that waits, where Python can only report it.
        return lambda seen: None if seen.exc_type is TimeIsUp else hook(seen)

    sys.unraisablehook, threading.excepthook = map(unless_time_is_up, hooks)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    try:
        with warnings.catch_warnings(), quiet_stderr():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.unraisablehook, threading.excepthook = hooks
        keras.config.set_floatx(floatx)
        keras.config.set_epsilon(epsilon)
        logging.getLogger("tensorflow").setLevel(log_level)
        sys.setrecursionlimit(limit)
        random.setstate(states[0])
        np.random.set_state(states[1])
        np.seterr(**states[2])
        os.chdir(states[3])


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


def _wait(
    thread: threading.Thread, seconds: float, others: set[threading.Thread]
) -> LearnerError | None:
    """None when the thread came to its end; else where it was when its time was over."""
    started, own_time = monotonic(), _own_clock(others)
    awake, used_last = started, process_time()
    while True:
        thread.join(0.05)
        if not thread.is_alive():
            return None
        now, used = monotonic(), process_time()
        if used - used_last > 0.005:
            awake = now
        used_last = used
        if now - awake > STALLED_AFTER:
            said = f"It waited for {STALLED_AFTER:.0f} second without computing anything"
        elif own_time() > seconds or now - started > max(seconds, LONGEST_WAIT):
            said = f"It was still computing after {seconds:g} seconds"
        else:
            continue
        frames = sys._current_frames()
        lines = (_own_line(_outward(frames.get(each.ident))) for each in _started_since(others))
        return LearnerError("too slow", said, *next(filter(None, lines), ()))


def _started_since(others: set[threading.Thread]) -> list[threading.Thread]:
    """The threads of an answer: all that are alive now and were not before it."""
    begun = [thread for thread in threading.enumerate() if thread.native_id]
    return [thread for thread in begun if thread not in others]


def _own_clock(others: set[threading.Thread]) -> Callable[[], float]:
    """Seconds that the threads of an answer have computed; those of the process off Linux."""
    if sys.platform != "linux":
        started = process_time()
        return lambda: process_time() - started
    seconds: dict[threading.Thread, float] = {}

    def own_time() -> float:
        for thread in _started_since(others):
            # As Linux numbers it: asked for that of a thread that has ended, pthread crashes.
            clock = ~thread.native_id << 3 | 6
            with contextlib.suppress(OSError):  # it ended just now
                seconds[thread] = time.clock_gettime(clock)
        return sum(seconds.values())

    return own_time


def _stop(thread: threading.Thread, others: set[threading.Thread]) -> None:
    """Raise `TimeIsUp` in an answer's threads until it ends, for a while; then leave it behind."""
    given_up = monotonic() + STOP_FOR
    while thread.is_alive() and monotonic() < given_up:
        for each in _started_since(others):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(each.ident), ctypes.py_object(TimeIsUp)
            )
        thread.join(0.05)


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
    """The message alone, out of what Keras and TensorFlow put around it, and not too long."""
    wrapped = re.search(
        r"Exception encountered when calling .*?\n\n(?:\x1b\[1m)?(.*?)(?:\x1b\[0m)?\n\nArguments received by",
        message,
        re.DOTALL,
    )
    message = wrapped[1] if wrapped else message
    if message.startswith("in user code:"):  # the lines that led there, then the error itself
        message = re.split(r"^ {4}\w+(?:Error|Exception): ", message, maxsplit=1, flags=re.M)[-1]
    message = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", message)  # names of TensorFlow's operations
    message = re.sub(r"\x1b\[[0-9;]*m|[^\S\n]+|[\x00-\x08\x0b-\x1f]", " ", message)
    lines = [line.strip()[:KEPT_WIDTH] for line in message.strip().splitlines()]
    return "\n".join(lines[:KEPT_LINES]) + (" …" if len(lines) > KEPT_LINES else "")
