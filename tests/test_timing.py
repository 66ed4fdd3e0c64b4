"""Timings in turns, ratios round by round, bytes that are moved and bytes that are held."""

import time

import numpy as np
import pytest

from utils.quiet import tensorflow as tf
from utils.timing import Ratio, Timings, compare, moving, peak_memory


def test_ratio_is_the_middle_of_the_rounds():
    timings = Timings({"ours": [1.0, 1.0, 2.0, 1.0, 1.0], "theirs": [2.0, 3.0, 4.0, 2.0, 9.0]})
    ratio = timings.ratio("ours", "theirs")
    assert ratio.middle == 2.0  # of 2, 3, 2, 2, 9; the medians' ratio is 3
    assert (ratio.low, ratio.high) == (2.0, 6.0)
    assert str(ratio) == "2.00 (2.00–6.00)"
    assert timings.seconds == {"ours": 1.0, "theirs": 3.0}


def test_calls_take_turns_and_every_other_round_goes_backwards():
    order = []

    def slow(name):
        return lambda: (order.append(name), time.sleep(0.02))

    timings = compare({"a": slow("a"), "b": slow("b")}, seconds=0.01, rounds=4)
    assert "".join(order[-8:]) == "abbaabba"
    assert len(timings.rounds["a"]) == len(timings.rounds["b"]) == 4


def test_a_drifting_clock_leaves_the_ratio_alone(monkeypatch):
    now, speed = [0.0], [1.0]

    def takes(seconds):
        def call():
            now[0] += seconds * speed[0]
            speed[0] *= 1.001  # slower with every call

        return call

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    timings = compare({"one": takes(1e-3), "two": takes(2e-3)}, seconds=0.3)
    assert max(timings.rounds["one"]) > 1.1 * min(timings.rounds["one"])
    assert timings.ratio("one", "two").middle == pytest.approx(2, rel=0.02)


def test_moving_moves_all_of_the_bytes(monkeypatch):
    moved = []
    copy = np.copyto
    monkeypatch.setattr(np, "copyto", lambda to, of: (moved.append(of.nbytes), copy(to, of)))
    moving(8_000_000)()
    assert 2 * sum(moved) == pytest.approx(8_000_000, rel=1e-3)


def test_peak_memory_counts_what_is_alive_at_once():
    numbers = tf.ones((1000, 1000))  # 4 MB
    peak = peak_memory(lambda: tf.reduce_sum(tf.exp(numbers) + tf.sin(numbers)))
    if peak is None:
        pytest.skip("TensorFlow counts no bytes on this processor")
    assert 8e6 <= peak < 17e6


def test_ratio_reads_as_one_text():
    assert str(Ratio(1.0, 0.5, 1.25)) == "1.00 (0.50–1.25)"
