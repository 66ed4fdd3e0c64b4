"""Keras's own unit tests, run on a class of your own.

The tests ship inside the installed Keras (`keras/src/**/*_test.py`). `keras_exam` runs the file
that tests the Keras class of the same name, in a process of its own, with the given class standing
in for Keras's wherever the tests look it up.

    python -m utils.keras_exam my_layers.py BatchNormalization --without renorm
"""

import argparse
import ast
import contextlib
import html
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pytest

from utils.sources import SourceError, innermost_line, load, standalone
from utils.status import status_line

ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT = 60.0  # seconds, for the whole exam
LONGEST_MESSAGE = 300  # characters
TEST_CASES = str(Path("keras", "src", "testing"))  # where Keras's own assertions are written
TEXT, RESULTS = "candidate.py", "results.jsonl"  # files in the temporary folder

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
NOT_ASKED, NOT_FINISHED = "not asked", "not finished"
MARKS = {PASSED: "✓", FAILED: "✗", SKIPPED: "–", NOT_ASKED: "–", NOT_FINISHED: "?"}
COLOURS = {PASSED: "#1b7f5c", FAILED: "#b3261e", NOT_FINISHED: "#b3261e"}
GREY = "#6b6b6b"


@dataclass(frozen=True)
class KerasTest:
    """One of Keras's tests and how it went.

    Args:
        name: name of the test method.
        arguments: what it was run with, as `(axis=1)`; empty for a test without parameters.
        outcome: "passed", "failed", "skipped", "not asked" or "not finished".
        message: why, in one line; empty for a test that passed.
    """

    name: str
    arguments: str
    outcome: str
    message: str = ""


@dataclass(frozen=True)
class KerasReport:
    """What Keras's tests say about a class.

    Args:
        subject: name of the class.
        tests: one entry a test, in the order in which they ran.
        problem: why no test could run; empty where they did.
    """

    subject: str
    tests: tuple[KerasTest, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether at least one test was passed, and every test that was asked."""
        failed = self.count(FAILED) + self.count(NOT_FINISHED)
        return self.count(PASSED) > 0 and failed == 0

    def count(self, outcome: str) -> int:
        """Return the number of tests with this outcome."""
        return sum(test.outcome == outcome for test in self.tests)

    def headline(self) -> str:
        """Return the verdict in one sentence."""
        if self.problem:
            return f"Keras's own tests did not run on {self.subject}. {self.problem}"
        asked = len(self.tests) - self.count(NOT_ASKED) - self.count(SKIPPED)
        counts = [f"{self.count(PASSED)} of {asked} passed"]
        for outcome in (FAILED, NOT_FINISHED, SKIPPED, NOT_ASKED):
            if self.count(outcome):
                counts.append(f"{self.count(outcome)} {outcome}")
        return f"Keras's own tests on {self.subject}: {', '.join(counts)}."

    def _groups(self) -> Iterator[tuple[str, list[KerasTest], list[str]]]:
        """Yield, for each test method, its name, its runs, and what there is to say of them."""
        for name in dict.fromkeys(test.name for test in self.tests):
            runs = [test for test in self.tests if test.name == name]
            lines: dict[str, str] = {}  # what differs only in its numbers is said once
            for test in runs:
                if test.message:
                    said = f"{test.outcome}: {test.message}"
                    lines.setdefault(
                        re.sub(r"[\d.]+", "", said), f"{said} {test.arguments}".strip()
                    )
            yield name, runs, list(lines.values())

    def __repr__(self) -> str:
        lines = [self.headline()]
        for name, runs, messages in self._groups():
            lines.append(f"{''.join(MARKS[test.outcome] for test in runs)} {name}")
            lines.extend(f"    {message}" for message in messages)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for name, runs, messages in self._groups():
            tiles = "".join(_tile(test) for test in runs)
            said = "".join(f"<div>{html.escape(message)}</div>" for message in messages)
            rows.append(
                f'<tr><td style="text-align:left;vertical-align:top"><code>{html.escape(name)}'
                f'</code></td><td style="text-align:left">{tiles}{said}</td></tr>'
            )
        colour = COLOURS[PASSED] if self.passed else COLOURS[FAILED]
        mark = MARKS[PASSED] if self.passed else MARKS[FAILED]
        return (
            f'<div><strong style="color:{colour}">{mark} {html.escape(self.headline())}</strong>'
            f"<table>{''.join(rows)}</table></div>"
        )


def _tile(test: KerasTest) -> str:
    title = html.escape(f"{test.outcome} {test.arguments}".strip())
    colour = COLOURS.get(test.outcome, GREY)
    return (
        f'<span title="{title}" style="display:inline-block;width:1.5em;margin:1px;color:white;'
        f'background:{colour};text-align:center">{MARKS[test.outcome]}</span>'
    )


def keras_exam(
    candidate: type,
    *,
    tests_of: str | None = None,
    without: Iterable[str] = (),
    show_progress: bool = True,
    time_limit: float = TIME_LIMIT,
) -> KerasReport:
    """Run Keras's tests of one of its classes on `candidate`.

    Args:
        candidate: class, as `BatchNormalization`. Its text is kept by `utils.sources.standalone`,
            so it may come from a notebook.
        tests_of: name of the Keras class whose tests are run; that of `candidate` where it is None.
        without: names of features it does not have, as `("renorm",)`. Tests that use one are not
            asked.
        show_progress: whether to show how far the exam is, in a notebook or a terminal.
        time_limit: seconds after which the exam is stopped. Tests that finished by then count.

    Returns:
        A report, also where nothing could run; `report.problem` then says why.
    """
    if not isinstance(candidate, type):
        kind = type(candidate).__name__
        problem = f"Expected a class. Received: an object of type {kind}."
        return KerasReport(getattr(candidate, "__name__", kind), problem=problem)
    try:
        with _READING:
            text = standalone(candidate)
    except SourceError as error:
        return KerasReport(candidate.__name__, problem=str(error))
    words = (without,) if isinstance(without, str) else tuple(without)
    progress = status_line(show_progress)
    return _examine(text, candidate.__name__, tests_of, words, progress, time_limit)


def keras_exams(
    candidates: Sequence[type], *, tests_of: Sequence[str | None] = (), **options: Any
) -> list[KerasReport]:
    """Run Keras's own unit tests on several classes, two at a time.

    Args:
        candidates: classes, as `keras_exam` takes them.
        tests_of: for each of them a Keras class whose tests it is asked, or None for the one of the
            same name. Default: None for all.
        options: what `keras_exam` takes besides.
    """

    def ask(candidate: type, of: str | None) -> KerasReport:
        return keras_exam(candidate, tests_of=of, **{"show_progress": False, **options})

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(ask, candidates, tests_of or [None] * len(candidates)))


_READING = threading.Lock()  # Python 3.11 parses code for one thread at a time


# The process that asks


def _examine(
    text: str,
    name: str,
    tests_of: str | None,
    without: tuple[str, ...],
    progress: Callable[[str], None],
    time_limit: float,
) -> KerasReport:
    """Run the tests on the class `name` of `text` in another process, and collect the results."""
    with tempfile.TemporaryDirectory(prefix="keras_exam_", ignore_cleanup_errors=True) as folder:
        Path(folder, TEXT).write_text(text, encoding="utf-8")
        Path(folder, RESULTS).touch()
        Path(folder, "pytest.ini").write_text("[pytest]\n")
        process = subprocess.Popen(
            [sys.executable, "-c", _START, name, tests_of or name, *without],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + time_limit
        shown = ""
        try:
            while True:
                is_over = process.poll() is not None or time.monotonic() > deadline
                exam = _Results.read(Path(folder, RESULTS))
                if exam.progress() != shown:
                    shown = exam.progress()
                    progress(shown)
                if is_over or exam.is_complete():
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.1)
            exit_code = process.poll()
        finally:
            process.kill()
            process.wait()
            progress("")
    if exit_code is None:
        reason = f"stopped after {time_limit:g} s"
    else:
        reason = f"Python ended (exit code {exit_code})"
    return exam.report(name, reason)


_START = "import sys; from utils.keras_exam import sit_exam; sit_exam(*sys.argv[1:])"


def _environment(folder: str) -> dict[str, str]:
    """Return the environment of the process: nothing is read from or written to the home folder."""
    path = [str(ROOT), *(entry or os.getcwd() for entry in sys.path)]
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",  # the notebook may hold the memory of the graphics card
        "KERAS_HOME": folder,
        "PYTEST_ADDOPTS": "",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(path),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder),
    }


@dataclass(frozen=True)
class _Results:
    """What the process has written so far: the tests it found, then one line a test."""

    problem: str
    found: list[dict[str, str]]
    done: dict[int, dict[str, str]]

    @classmethod
    def read(cls, file: Path) -> "_Results":
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]  # the last may be half written
        entries = [json.loads(line) for line in lines]
        done = {entry["number"]: entry for entry in entries if "number" in entry}
        first = entries[0] if entries else {}
        return cls(first.get("problem", ""), first.get("found", []), done)

    def is_complete(self) -> bool:
        return bool(self.problem) or 0 < len(self.found) == len(self.done)

    def progress(self) -> str:
        if not self.found:
            return "Keras's tests: starting"
        return f"Keras's tests: {len(self.done)} of {len(self.found)}"

    def report(self, name: str, reason: str) -> KerasReport:
        """Return the report; `reason` says why the process ended, should tests be missing."""
        if self.problem or not self.found:
            problem = self.problem or f"No test was reached: {reason}."
            return KerasReport(name, problem=problem)
        tests = []
        for number, test in enumerate(self.found):
            if number in self.done:
                result = self.done[number]
                outcome, message = result["outcome"], result["message"]
            else:
                outcome = NOT_FINISHED
                is_first = all(earlier.outcome != NOT_FINISHED for earlier in tests)
                message = f"{reason} while this test ran" if is_first else "not reached"
            tests.append(KerasTest(test["name"], test["arguments"], outcome, message))
        return KerasReport(name, tuple(tests))


# The process that is asked


def sit_exam(name: str, tests_of: str, *without: str) -> None:
    """Run the tests of Keras's `tests_of` on the class `name`; started by `keras_exam`."""
    with open(RESULTS, "a", encoding="utf-8") as results:
        try:
            candidate = load(Path(TEXT).read_text(encoding="utf-8"), name)
            original, test_file = _find_tests(tests_of, candidate)
        except SourceError as error:
            _write(results, problem=str(error))
            return
        _stand_in(original, candidate)
        plugin = _Plugin(results, original, candidate, test_file, without)
        options = ["-c", "pytest.ini", "--capture=no", "--assert=plain"]
        switched_off = ["-p", "no:cacheprovider", "-p", "no:warnings"]
        pytest.main([str(test_file), *options, *switched_off], plugins=[plugin])


def _write(results: TextIO, **entry: Any) -> None:
    results.write(json.dumps(entry) + "\n")
    results.flush()


def _find_tests(name: str, candidate: Any) -> tuple[type, Path]:
    """Return the Keras class called `name` and the file that tests it."""
    if not isinstance(candidate, type):
        raise SourceError(f"Expected a class. Received: a {type(candidate).__name__}.")
    import keras  # here and not above: the process that asks has no need of it

    rooms = (
        keras.layers,
        keras.optimizers,
        keras.optimizers.schedules,
        keras.initializers,
        keras.regularizers,
        keras.constraints,
        keras.losses,
        keras.metrics,
    )
    original = next((vars(room)[name] for room in rooms if name in vars(room)), None)
    if original is None:
        raise SourceError(
            f"Keras has no class called `{name}`. Give your class the name that Keras's has, or "
            'say whose tests to run: keras_exam(..., tests_of="BatchNormalization").'
        )
    file = Path(inspect.getfile(original))
    test_file = file.with_name(f"{file.stem}_test.py")
    if not test_file.exists():  # some files test several classes, as conv_test.py
        tests = sorted(file.parent.glob("*_test.py"))
        test_file = next((each for each in tests if _mentions(each.read_text("utf-8"), name)), None)
    if test_file is None:
        raise SourceError(f"The installed Keras has no tests of `{name}`.")
    return original, test_file


def _stand_in(original: type, candidate: type) -> None:
    """Put `candidate` in place of `original` wherever Keras looks it up."""
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] != "keras":
            continue
        for name, value in list(vars(module).items()):
            if value is original:
                setattr(module, name, candidate)
            elif type(value) is dict:  # registries, by name and by class
                for key in [key for key, entry in value.items() if entry is original]:
                    value[key] = candidate
                if original in value:
                    value[candidate] = value[original]
            elif type(value) is set and original in value:
                value.add(candidate)


class _Plugin:
    """The part of pytest that chooses the tests and writes down how each went."""

    def __init__(
        self,
        results: TextIO,
        original: type,
        candidate: type,
        test_file: Path,
        without: tuple[str, ...],
    ) -> None:
        self.results = results
        self.name = original.__name__
        self.explain = _Explainer(inspect.getfile(candidate), test_file)
        self.without = without
        # Some files test several classes: what is only about the others is left out.
        neighbours = vars(sys.modules[original.__module__]).items()
        self.others = [
            name
            for name, value in neighbours
            if isinstance(value, type) and value.__module__ == original.__module__
        ]
        self.numbers: dict[str, int] = {}
        self.verdicts: dict[str, tuple[str, str]] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            reason = _one_line(str(report.longrepr).splitlines()[-1])
            _write(self.results, problem=f"Keras's file of tests cannot be loaded. {reason}")

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        texts = {item.nodeid: _text_of_test(item) for item in items}
        items[:] = [item for item in items if self.is_about_candidate(texts[item.nodeid])]
        self.numbers = {item.nodeid: number for number, item in enumerate(items)}
        found = [_name_of_test(item) for item in items]
        _write(self.results, found=found)
        for item in list(items):
            unasked = [word for word in self.without if _mentions(texts[item.nodeid], word)]
            if unasked:
                items.remove(item)
                self.record(item, NOT_ASKED, f"uses {' and '.join(unasked)}")

    def is_about_candidate(self, text: str) -> bool:
        return _mentions(text, self.name) or not any(_mentions(text, each) for each in self.others)

    def pytest_runtest_setup(self) -> None:
        sys.modules["keras"].utils.set_random_seed(1)  # the same numbers in every message

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if item.nodeid not in self.verdicts and not report.passed:
            error = call.excinfo.value
            if report.skipped:
                self.verdicts[item.nodeid] = SKIPPED, _one_line(str(error))
            else:
                self.verdicts[item.nodeid] = FAILED, self.explain(error)
        if report.when == "teardown":
            self.record(item, *self.verdicts.get(item.nodeid, (PASSED, "")))
        return report

    def record(self, item: pytest.Function, outcome: str, message: str) -> None:
        number = self.numbers[item.nodeid]
        _write(self.results, number=number, outcome=outcome, message=message)


def _name_of_test(item: pytest.Function) -> dict[str, str]:
    """Return the name of the method, and the arguments that absl's `parameterized` gave it."""
    arguments = _one_line(getattr(item.function, "__x_params_repr__", ""))
    if getattr(item.function, "__x_use_name__", False) or not arguments:
        return {"name": item.originalname, "arguments": arguments}
    return {"name": item.function.__name__, "arguments": arguments}


def _text_of_test(item: pytest.Function) -> str:
    """Return the code of a test without its comments, and its arguments."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(item.function)))
    return ast.unparse(ast.parse(source)) + _name_of_test(item)["arguments"]


def _mentions(text: str, word: str) -> bool:
    """Whether `word` stands in `text` as a word of its own, or as part of one: `renorm_mean`."""
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


# What a failure says

WORDS = {  # Keras's assertions; {0}, {1} are what they were given
    "assertAllClose": "`{0}` should be close to `{1}`",
    "assertNotAllClose": "`{0}` should differ from `{1}`",
    "assertAlmostEqual": "`{0}` should be close to `{1}`",
    "assertAllEqual": "`{0}` should equal `{1}`",
    "assertEqual": "`{0}` should equal `{1}`",
    "assertNotEqual": "`{0}` should differ from `{1}`",
    "assertTrue": "`{0}` should be true",
    "assertFalse": "`{0}` should be false",
    "assertLen": "`{0}` should have `{1}` entries",
    "assertIn": "`{0}` should be in `{1}`",
    "assertNotIn": "`{0}` should not be in `{1}`",
    "assertIs": "`{0}` should be `{1}`",
    "assertIsNone": "`{0}` should be None",
    "assertIsNotNone": "`{0}` should not be None",
    "assertIsInstance": "`{0}` should be of type `{1}`",
    "assertDType": "`{0}` should have dtype `{1}`",
    "assertLess": "`{0}` should be less than `{1}`",
    "assertGreater": "`{0}` should be greater than `{1}`",
    "assertRaises": "this should raise `{0}`",
    "assertRaisesRegex": "this should raise `{0}` with a message like `{1}`",
}
NUMPY_DETAILS = {  # what NumPy says where arrays differ
    r"\(shapes (.*\)), (\(.*)\ mismatch\)": r"their shapes are \1 and \2",
    r"nan location mismatch": "NaN stands in different places",
    r"Max absolute difference among violations: (\S+)": r"the largest difference is \1",
}


class _Explainer:
    """Turns what a test raised into one line.

    Args:
        learners_file: name of the file of the learner's class, as it stands in a traceback.
        test_file: the file of Keras's tests.
    """

    def __init__(self, learners_file: str, test_file: Path) -> None:
        self.learners_file = learners_file
        self.test_file = str(test_file)

    def __call__(self, error: BaseException) -> str:
        raised = f"{type(error).__name__}: {_last_words(str(error))}"
        own_line = innermost_line(error, self.learners_file)
        statement, method = self.statement_of_test(error)
        if own_line:
            says = f"your line `{own_line.line}`, in `{own_line.name}`, raised {raised}"
        elif isinstance(error, AssertionError) and statement:
            says = _in_words(statement, str(error))
            if method == "run_class_serialization_test":
                says = f"a copy made from `get_config()`: {says}"
        else:
            says = (
                f"Keras's line `{ast.unparse(statement)}` raised {raised}" if statement else raised
            )
        return _one_line(says + self.setting(error))

    def statement_of_test(self, error: BaseException) -> tuple[ast.stmt | None, str]:
        """Return the last statement of Keras's tests that ran, and the method it stands in."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            is_shared = TEST_CASES in frame.filename and frame.name.startswith("run_")
            if frame.filename == self.test_file or is_shared:
                nodes = ast.walk(ast.parse(Path(frame.filename).read_text(encoding="utf-8")))
                around = [
                    node
                    for node in nodes
                    if isinstance(node, ast.stmt) and node.lineno <= frame.lineno <= node.end_lineno
                ]
                return max(around, key=lambda node: node.lineno), frame.name
        return None, ""

    def setting(self, error: BaseException) -> str:
        """Return the arguments that Keras's `run_layer_test` gave the class."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_name == "run_layer_test":
                arguments = frame.f_locals["init_kwargs"]
                if arguments:
                    return f" (made with {', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
        return ""


def _in_words(statement: ast.stmt, details: str) -> str:
    """Say what an assertion asks for, and in what it was disappointed."""
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    call = next((each for each in calls if ast.unparse(each.func).startswith("self.assert")), None)
    if call is None:
        return f"`{ast.unparse(statement)}` does not hold"
    arguments = [ast.unparse(each) for each in call.args]
    try:
        says = WORDS[call.func.attr].format(*arguments)
    except (KeyError, IndexError):  # an assertion that is not in the list, or with keywords
        says = f"`{ast.unparse(call)}` does not hold"
    for pattern, detail in NUMPY_DETAILS.items():
        if found := re.search(pattern, details):
            detail = re.sub(
                r"\d+\.\d*(e[-+]\d+)?",
                lambda number: f"{float(number[0]):.3g}",
                found.expand(detail),
            )
            return f"{says}; {detail}"
    lines = [line.strip() for line in details.splitlines() if line.strip()]
    differing = [f"`{line[2:].strip()}`" for line in lines if line.startswith(("- ", "+ "))][:2]
    if differing:
        return f"{says}; they differ in {' and '.join(differing)}"
    return f"{says}; {' '.join(lines[:2])}" if lines else says


def _last_words(text: str) -> str:
    """Return the part of an error message that says what is wrong."""
    if text.startswith("in user code:"):  # a traceback of TensorFlow's comes first
        text = text.strip().splitlines()[-1]
    text = text.rpartition("Exception encountered: ")[2]  # Keras puts a long config before it
    return re.sub(r"\{\{.*?\}\}|\[Op:.*", "", text).strip()  # names of TensorFlow's operations


def _one_line(text: str) -> str:
    """Return the text without colours, addresses and line breaks, and not too long."""
    text = re.sub(r"\x1b\[[0-9;]*m| at 0x[0-9a-fA-F]+", "", text)
    text = text.replace(os.getcwd(), "…")  # the temporary folder, another one each time
    return textwrap.shorten(text, LONGEST_MESSAGE, placeholder=" …")


# The command line


def main(arguments: list[str] | None = None) -> int:
    """Run the exam on a class in a file; return 0 where it is passed, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.keras_exam", description=keras_exam.__doc__.splitlines()[0]
    )
    parser.add_argument("file", type=Path, help="Python file that defines the class")
    parser.add_argument("name", help="name of the class, which is that of a Keras class")
    parser.add_argument("--tests-of", help="name of the Keras class, where it is another one")
    parser.add_argument("--without", nargs="*", default=[], help="features it does not have")
    options = parser.parse_args(arguments)
    sys.path.append(str(options.file.resolve().parent))  # it may import its neighbours
    try:
        text = options.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        report = KerasReport(options.name, problem=f"{options.file} cannot be read: {error}.")
    else:
        without = tuple(options.without)
        report = _examine(text, options.name, options.tests_of, without, status_line(), TIME_LIMIT)
    print(report)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
