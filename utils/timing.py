"""How fast things are: beside each other, and beside the memory they run in.

    timings = compare({"Keras": step, "yours": other_step})
    timings.ratio("yours", "Keras")      # 2.31 (2.25–2.40): so many times as fast

A computer's speed changes from second to second, with its heat and with whatever else it runs. So
everything is timed in one process and in turns, a little of each in every round, and compared within
the round: what slows one down then slows down the other too.
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from utils.quiet import tensorflow as tf

Call = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """How many times as fast: the middle of all rounds, and between what half of them lie."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f}–{self.high:.2f})"


@dataclass(frozen=True)
class Timings:
    """What `compare` measured: for each call by name, the seconds it took in every round."""

    rounds: dict[str, list[float]]

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds that one call takes, the middle of all rounds."""
        return {name: statistics.median(times) for name, times in self.rounds.items()}

    def ratio(self, name: str, other: str) -> Ratio:
        """How many times as fast as `other` the call `name` is, round by round."""
        pairs = zip(self.rounds[name], self.rounds[other], strict=True)
        low, middle, high = statistics.quantiles([theirs / own for own, theirs in pairs], n=4)
        return Ratio(middle, low, high)


def compare(calls: dict[str, Call], seconds: float = 2.0, rounds: int = 15) -> Timings:
    """Time `calls` in turns, in one process.

    Args:
        calls: by name, functions without arguments. One that returns before its work is done, as on
            a GPU, has to wait for it itself.
        seconds: about how long all of it may take, first calls (which compile) not counted.
        rounds: how often each has its turn; every other round goes backwards.
    """
    for call in calls.values():
        call()  # compiles
    turn = seconds / rounds / len(calls)
    repeats = {name: _repeats(call, turn) for name, call in calls.items()}
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name in calls:
            times[name].append(_seconds(calls[name], repeats[name]))
        calls = dict(reversed(calls.items()))
    return Timings(times)


def _repeats(call: Call, turn: float) -> int:
    """How many calls fill a turn of so many seconds."""
    call()  # the second call may compile again
    return max(1, round(turn / max(_seconds(call, 3), 1e-7)))


def _seconds(call: Call, repeats: int) -> float:
    """Seconds that one call takes, of so many in a row."""
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def moving(num_bytes: int) -> Call:
    """A call that moves so many bytes, half of them read and half written, on all processors.

    Nothing that has as many bytes to read and to write can be faster. In `compare` it measures the
    memory there and then, and its caches too, where so many bytes fit.
    """
    parts = os.cpu_count() or 1
    pool = ThreadPoolExecutor(parts)
    size = max(1, num_bytes // 2 // parts // 4)  # float32 numbers
    pairs = [(np.zeros(size, "float32"), np.ones(size, "float32")) for _ in range(parts)]
    return lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs))


def peak_memory(call: Call) -> int | None:
    """Bytes of tensors that were alive at once, at the most, in a call, beside those alive before.

    None where TensorFlow does not count them (on a processor without oneDNN). The call has run
    before, so that nothing is compiled.
    """
    try:
        before = tf.config.experimental.get_memory_info("CPU:0")["current"]
    except ValueError:
        return None
    tf.config.experimental.reset_memory_stats("CPU:0")
    call()
    return tf.config.experimental.get_memory_info("CPU:0")["peak"] - before
