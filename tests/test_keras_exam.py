"""The Keras exam: Keras's own tests run on a class, whatever the class does."""

import json
from html.parser import HTMLParser
from pathlib import Path

import keras
import pytest

from utils.keras_exam import (
    NOT_ASKED,
    NOT_FINISHED,
    PASSED,
    SKIPPED,
    KerasReport,
    KerasTest,
    _Results,
    keras_exam,
    keras_exams,
    main,
)
from utils.sources import load

RENORM_TESTS = 6  # of Keras 3.15's 33 tests of BatchNormalization

AS_KERAS = """
import keras

class BatchNormalization(keras.layers.BatchNormalization):
    pass
"""

FAULTY = """
import os
import keras
from keras import ops

class BatchNormalization(keras.layers.BatchNormalization):
    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) == 4 and self.axis == 1:
            raise RuntimeError("<script>no axis</script>")

    def call(self, inputs, training=None, mask=None):
        if self.momentum == 0.8:
            os._exit(3)
        if mask is not None and not self.center:
            return ops.ones_like(inputs)
        return super().call(inputs, training=training, mask=mask)

    def get_config(self):
        config = super().get_config()
        del config["axis"]
        return {**config, "axes": self.axis}
"""


@pytest.fixture(scope="module")
def faulty() -> KerasReport:
    candidate = load(FAULTY, "BatchNormalization")
    return keras_exam(candidate, without=("renorm",), show_progress=False)


def only(report: KerasReport, name: str) -> KerasTest:
    (test,) = [test for test in report.tests if test.name == name]
    return test


def test_exam_of_kerass_own_class_passes_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(AS_KERAS)
    shown: list[str] = []
    monkeypatch.setattr("utils.keras_exam.status_line", lambda *_: shown.append)
    assert main([str(file), "BatchNormalization"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Keras's own tests on BatchNormalization: 33 of 33 passed.\n✓✓✓✓✓✓ ")
    assert shown[0] == "Keras's tests: starting"
    assert shown[-2:] == ["Keras's tests: 33 of 33", ""]
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["mine.py"]


def test_exam_runs_the_given_class_and_not_kerass(faulty: KerasReport) -> None:
    assert not faulty.passed
    assert faulty.count("failed") > 5
    assert faulty.count(PASSED) > 5


def test_exam_leaves_out_what_a_class_is_without(faulty: KerasReport) -> None:
    unasked = [test for test in faulty.tests if test.outcome == NOT_ASKED]
    assert len(unasked) == RENORM_TESTS
    assert {test.message for test in unasked} == {"uses renorm"}
    assert "test_serialization" in [test.name for test in unasked]


def test_exam_says_which_assertion_failed(faulty: KerasReport) -> None:
    assert only(faulty, "test_input_fully_masked").message == (
        "`y` should be close to `np.zeros_like(x, dtype=np.float32)`; the largest difference is 1"
    )


def test_exam_names_the_learners_own_line(faulty: KerasReport) -> None:
    messages = {test.message for test in faulty.tests if test.arguments.startswith("(axis=1")}
    assert (
        'your line `raise RuntimeError("<script>no axis</script>")`, in `build`, raised '
        "RuntimeError: <script>no axis</script>"
    ) in messages


def test_exam_says_what_the_config_lacks(faulty: KerasReport) -> None:
    assert only(faulty, "test_bn_basics").message == (
        "Keras's line `revived_instance = cls.from_config(config)` raised TypeError: Unrecognized "
        "keyword arguments passed to BatchNormalization: {'axes': -1} "
        "(made with center=True, scale=True)"
    )


def test_exam_keeps_what_finished_before_the_process_ended(faulty: KerasReport) -> None:
    assert only(faulty, "test_trainable_behavior") == KerasTest(
        "test_trainable_behavior",
        "",
        NOT_FINISHED,
        "Python ended (exit code 3) while this test ran",
    )


def test_exam_of_a_class_that_hangs_is_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Dense:\n    while True:\n        pass\n")
    monkeypatch.setattr("utils.keras_exam.TIME_LIMIT", 1.0)
    assert main([str(file), "Dense"]) == 1
    assert capsys.readouterr().out.endswith("Dense. No test was reached: stopped after 1 s.\n")


def test_results_of_a_cut_exam_keep_the_finished_tests(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    found = [{"name": f"test_{letter}", "arguments": ""} for letter in "abc"]
    done = {"number": 0, "outcome": PASSED, "message": ""}
    half_written = '{"number": 1, "outc'
    file.write_text(f"{json.dumps({'found': found})}\n{json.dumps(done)}\n{half_written}")
    results = _Results.read(file)
    assert results.progress() == "Keras's tests: 1 of 3"
    assert not results.is_complete()
    report = results.report("Dense", "stopped after 60 s")
    assert repr(report) == (
        "Keras's own tests on Dense: 1 of 3 passed, 2 not finished.\n"
        "✓ test_a\n"
        "? test_b\n"
        "    not finished: stopped after 60 s while this test ran\n"
        "? test_c\n"
        "    not finished: not reached"
    )
    assert not report.passed


@pytest.mark.parametrize(
    ("candidate", "problem"),
    [
        (keras.layers.Flatten(name="x"), "Expected a class. Received: an object of type Flatten."),
        (len, "Expected a class. Received: an object of type builtin_function_or_method."),
        (
            type("Made", (), {}),
            "The text of `Made` cannot be found. Run the cell that defines it again, or save its "
            "file and import it again.",
        ),
    ],
)
def test_exam_of_no_class_says_so(candidate: object, problem: str) -> None:
    report = keras_exam(candidate, show_progress=False)
    assert report.problem == problem
    assert report.tests == ()


def test_exam_of_a_name_unknown_to_keras_says_so() -> None:
    unknown = load("class BatchNormalisation:\n    pass\n", "BatchNormalisation")
    assert repr(keras_exam(unknown, show_progress=False)) == (
        "Keras's own tests did not run on BatchNormalisation. Keras has no class called "
        "`BatchNormalisation`. Give your class the name that Keras's has, or say whose tests to "
        'run: keras_exam(..., tests_of="BatchNormalization").'
    )


def test_exam_of_a_missing_file_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.py", "Dense"]) == 1
    assert "Dense. nowhere.py cannot be read: " in capsys.readouterr().out


def test_report_without_a_passed_test_is_not_passed() -> None:
    skipped = KerasTest("test_a", "", SKIPPED, "needs a graphics card")
    assert not KerasReport("Dense", (skipped,)).passed
    assert KerasReport("Dense", (skipped, KerasTest("test_b", "", PASSED))).passed


def test_report_says_the_same_in_html_and_in_text(faulty: KerasReport) -> None:
    said: list[str] = []
    tags: set[str] = set()
    parser = HTMLParser()
    parser.handle_data = said.append
    parser.handle_starttag = lambda tag, attributes: tags.add(tag)
    parser.feed(faulty._repr_html_())
    assert tags <= {"div", "strong", "table", "tr", "td", "code", "span"}  # no <script>
    text = repr(faulty)
    words = [word for word in said if word not in "✓✗–?"]
    assert words[0] == "✗ " + faulty.headline()
    assert all(word in text for word in words[1:])
    lines = [line.strip("✓✗–? ") for line in text.splitlines()[1:]]
    assert sorted(lines) == sorted(words[1:])


def test_exams_of_several_classes_are_those_of_each() -> None:
    text = "import keras\n\nclass {0}(keras.layers.{0}):\n    pass\n"
    relu, elu = (load(text.format(name), name) for name in ("ReLU", "ELU"))
    reports = keras_exams([relu, elu, relu], tests_of=[None, None, "ELU"])
    assert [report.subject for report in reports] == ["ReLU", "ELU", "ReLU"]
    assert [report.passed for report in reports] == [True, True, False]
