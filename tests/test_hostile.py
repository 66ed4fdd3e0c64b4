"""Whatever an answer does, a check says so in a few lines, and nothing of the course breaks."""

import random
import threading
import time

import keras
import numpy as np
import pytest

from tests.written import written
from utils import progress
from utils.exams import examine, exams
from utils.exercise import check, predict, reveal
from utils.exercise._card import Card
from utils.quiet import tensorflow as tf

LONGEST_MESSAGE = 12  # lines
BUILT = """
import sys, time, keras, numpy as np
from keras import ops
class BatchNormalizationTrainingOnly(keras.Layer):
    def __init__(self, epsilon=1e-3):
        super().__init__()
    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")
    def call(self, inputs, training=None):
"""

HOSTILE = {
    # name: (body of `call`, what the message says)
    "raises": ("raise RuntimeError('out of ideas')", ["RuntimeError", "out of ideas"]),
    "exits": ("sys.exit(3)", ["SystemExit", "sys.exit(3)"]),
    "interrupts": ("raise KeyboardInterrupt", ["KeyboardInterrupt", "raise KeyboardInterrupt"]),
    "cancels": ("import asyncio; raise asyncio.CancelledError()", ["CancelledError"]),
    "raises what the checker raises": (
        "from utils.exams._sandbox import TimeIsUp; raise TimeIsUp",
        ["TimeIsUp"],
    ),
    "raises what cannot be shown": (
        "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
        ["cannot be shown"],
    ),
    "raises a long story": ("raise ValueError('word ' * 100_000)", ["ValueError", "word word"]),
    "raises many lines": ("raise ValueError('line\\n' * 1000)", ["ValueError", "line", "…"]),
    "divides by zero": ("return inputs * (1 // 0)", ["ZeroDivisionError", "1 // 0"]),
    "recurses for ever": ("return self(inputs)", ["RecursionError", "return self(inputs)"]),
    "uses an unknown name": ("return inputs - moan", ["NameError", "return inputs - moan"]),
    "returns None": ("pass", ["is None", "`return` missing"]),
    "returns a string": ("return 'done'", ["'done'"]),
    "returns a pair": ("return inputs, inputs", ["has shape (2, 6, 3)", "(6, 3)"]),
    "returns a wrong shape": ("return inputs[:2]", ["has shape (2, 3)", "(6, 3)"]),
    "returns integers": ("return ops.cast(inputs, 'int32')", ["expected"]),
    "returns text in an array": ("return np.array(['a'])", ["array(['a']"]),
    "returns complex numbers": ("return np.ones((6, 3)) + 5j", ["5.j"]),
    "returns what cannot be shown": (
        "return type('R', (), {'__repr__': lambda self: 1 / 0})()",
        ["an object of type R"],
    ),
    "returns what refuses to be an array": (
        "return type('R', (), {'__array__': lambda self, *a, **k: 1 / 0})()",
        ["R object"],
    ),
    "patches the clock": ("time.perf_counter = None; raise ValueError", ["ValueError"]),
    "returns NaN": ("return inputs * float('nan')", ["18 of 18 values", "NaN"]),
    "assigns to its input": ("inputs[0] = 0", ["TypeError", "inputs[0] = 0"]),
    "loops for ever": ("while True: pass", ["still computing", "while True: pass"]),
    "sleeps for a minute": ("time.sleep(60)", ["waited", "time.sleep(60)"]),
    "swallows everything": (
        "while True:\n            try: time.sleep(0.001)\n            except Exception: pass",
        ["waited", "time.sleep(0.001)"],
    ),
    "prints a megabyte": ("print('x' * 10**6)", ["Your code printed", "xxx"]),
    "prints a thousand lines": ("print('spam\\n' * 1000)", ["Your code printed", "spam", "…"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answer_gets_a_short_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        time, "perf_counter", time.perf_counter
    )  # put back after the one that patches it
    body, words = HOSTILE[name]
    candidate = written(BUILT + f"        {body}\n", "BatchNormalizationTrainingOnly")
    report = examine("BatchNormalizationTrainingOnly", candidate)
    assert not report.passed
    lines = report.message.splitlines()
    assert lines[0] == "BatchNormalizationTrainingOnly: not right yet."
    assert len(lines) <= LONGEST_MESSAGE and max(map(len, lines)) < 400, report.message
    assert all(word in report.message for word in words), report.message
    assert "Traceback" not in report.message and "utils/exams" not in report.message


def test_hostile_answer_that_loops_is_stopped() -> None:
    candidate = written(BUILT + "        while True: pass\n", "BatchNormalizationTrainingOnly")
    before = threading.active_count()
    examine("BatchNormalizationTrainingOnly", candidate)
    assert threading.active_count() == before


def test_check_is_right_after_an_answer_that_swallows_everything() -> None:
    body = "        while True:\n            try: pass\n            except BaseException: pass\n"
    stubborn = written(BUILT + body, "BatchNormalizationTrainingOnly")
    assert "still computing" in examine("BatchNormalizationTrainingOnly", stubborn).message
    assert examine("BatchNormalization", keras.layers.BatchNormalization).passed


def test_check_looks_again_when_a_helper_was_mended() -> None:
    text = (
        "import keras\nhelper = None\ndef moments(inputs, axes):\n    return helper(inputs, axes)\n"
    )
    candidate = written(text, "moments")
    candidate.__globals__["helper"] = lambda inputs, axes: (inputs, inputs)
    check(candidate)
    candidate.__globals__["helper"] = lambda inputs, axes: keras.ops.moments(
        inputs, axes, keepdims=True
    )
    check(candidate)
    passed = [event.data["passed"] for event in progress.events("checked", "moments")]
    assert passed == [False, True]


def test_answer_under_tf_function_is_taken() -> None:
    candidate = tf.function(
        written("def moments(inputs, axes):\n    return inputs, inputs\n", "moments")
    )
    check(candidate)
    assert progress.events("checked", "moments")


def test_slip_in_a_guess_does_not_stop_the_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    predict("slip", "How many?", choices=["zero", "one"], guess="zeros")
    assert "Did you mean 'zero'?" in capsys.readouterr().out
    reveal("slip", "one")
    reveal("never asked", "one")
    assert capsys.readouterr().out.count("Measured: one.") == 2
    assert progress.scored(progress.events()) == []


def test_answer_that_needs_longer_is_given_time() -> None:
    patient = written(
        "def moments(inputs, axes):\n"
        "    import keras, time\n"
        "    start = time.process_time()\n"
        "    while time.process_time() - start < 0.4: pass\n"
        "    return keras.ops.moments(inputs, axes, keepdims=True)\n",
        "moments",
    )
    assert "seconds=30" in examine("moments", patient).message
    assert examine("moments", patient, seconds=30).passed


def test_right_answer_on_a_slow_machine_is_given_the_time_its_reference_takes():
    reference = exams()["LayerNormalization"].reference
    assert examine("LayerNormalization", reference, seconds=0.02).passed


def test_answer_that_changes_its_arrays_is_told() -> None:
    candidate = written(
        "import numpy as np\n"
        "from solutions.blocks.normalization import batch_normalization_gradients as right\n"
        "def batch_normalization_gradients(inputs, gamma, output_gradient, epsilon=1e-3):\n"
        "    results = right(inputs, gamma, output_gradient, epsilon)\n"
        "    inputs -= inputs.mean(0)\n"
        "    return results\n",
        "batch_normalization_gradients",
    )
    report = examine("batch_normalization_gradients", candidate)
    assert "looking at them afterwards, the array `inputs` is" in report.message


def test_answer_without_the_right_arguments_is_told() -> None:
    candidate = written("def moments(inputs):\n    return inputs, inputs\n", "moments")
    message = examine("moments", candidate).message
    assert "TypeError" in message and "takes 1 positional argument but 2 were given" in message


def test_weight_with_another_name_is_told() -> None:
    text = BUILT.replace('name="gamma"', 'name="scale"').replace("self.gamma", "self.scale")
    candidate = written(text + "        return inputs\n", "BatchNormalizationTrainingOnly")
    message = examine("BatchNormalizationTrainingOnly", candidate).message
    assert "Expected a weight called 'gamma'. The weights after build: scale, beta." in message


@pytest.mark.parametrize("thing", [None, 3, "moments", np.zeros(3)])
def test_not_an_answer_is_told(thing: object) -> None:
    report = examine("moments", thing)
    assert not report.attempted and "nothing to examine" in report.message
    with pytest.raises((TypeError, ValueError), match="check"):
        check(thing)


def test_instance_is_told_from_its_class() -> None:
    with pytest.raises(TypeError, match="takes the class or function itself"):
        check(keras.layers.Dense(3))


def test_unknown_exercise_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean: moments"):
        examine("moment", len)


def test_check_leaves_the_random_numbers_alone() -> None:
    random.seed(1), np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1), np.random.seed(1)
    keras.config.set_epsilon(1e-3)
    examine("BatchNormalization", keras.layers.BatchNormalization)
    assert (random.random(), np.random.rand()) == expected
    assert keras.config.epsilon() == 1e-3
    keras.config.set_epsilon(1e-7)


def test_check_is_not_disturbed_by_the_learners_policy() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        report = examine("BatchNormalization", keras.layers.BatchNormalization)
    finally:
        keras.config.set_dtype_policy(before)
    assert report.passed, report.message


def test_card_escapes_what_is_the_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    text = BUILT + "        raise ValueError('<script>alert(1)</script>')\n"
    report = examine(
        "BatchNormalizationTrainingOnly", written(text, "BatchNormalizationTrainingOnly")
    )
    card = Card("wrong", report.message)
    assert "<script>" in repr(card)
    assert "<script>" not in card._repr_html_() and "&lt;script&gt;" in card._repr_html_()


def test_check_records_what_it_found() -> None:
    before = len(progress.events("checked", "moments"))
    check(written("def moments(inputs, axes):\n    return inputs, inputs\n", "moments"))
    events = progress.events("checked", "moments")
    assert len(events) == before + 1
    assert events[-1].data == {"passed": False, "attempted": True, "mistake": None}
