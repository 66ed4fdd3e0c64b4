"""The front door: what it says, when it installs, and how it ends."""

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import namedtuple
from pathlib import Path

import pytest

import course

# `course.py`, with the environment that the tests run in.
COURSE_HERE = """
import sys
from pathlib import Path
import course
course.ENVIRONMENT = Path(sys.prefix)
course.make_environment = lambda requirements: None
sys.exit(course.main(sys.argv[1:]))
"""
needs_posix = pytest.mark.skipif(os.name == "nt", reason="scripts and signals of Linux and macOS")


def write_script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# What it says


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_has_one_line_for_each_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert course.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "python3 course.py COMMAND"
    assert [line.split()[0] for line in lines[2:]] == list(course.COMMANDS)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("labb", "There is no command `labb`. Did you mean `lab`?"),
        ("tests", "There is no command `tests`. Did you mean `test`?"),
        ("xyz", "There is no command `xyz`. There are: lab, progress, check, test, build, bench."),
    ],
)
def test_unknown_command_names_the_nearest(
    word: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert course.main([word]) == 2
    assert capsys.readouterr().err.strip() == answer


def test_progress_prints_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert course.main(["progress"]) == 0
    assert "No prediction has been compared with its answer yet." in capsys.readouterr().out


@pytest.mark.parametrize("port", ["abc", "0", "65536"])
def test_lab_refuses_what_is_no_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        course.main(["lab", "--port", port])
    assert f"argument --port: invalid port_number value: '{port}'" in capsys.readouterr().err


# Which Python


def test_course_file_parses_on_python_3_6() -> None:
    ast.parse(Path(course.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


@needs_posix
def test_supported_python_is_found_behind_one_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_script(tmp_path / "python3.13", "exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert course.find_supported_python() is None
    write_script(tmp_path / "python3.12", "echo 3.12")
    write_script(tmp_path / "python3.11", "echo 3.11")
    assert course.find_supported_python() == ["python3.12"]


@needs_posix
def test_supported_python_takes_over_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_script(tmp_path / "python3.12", '[ "$1" = -c ] && echo 3.12 && exit; echo "$@"; exit 7')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(course.sys, "argv", ["course.py", "lab"])
    assert course.run_on_supported_python() == 7
    first, second = capfd.readouterr().out.splitlines()
    assert first == f"{course.NEEDS}, so python3.12 takes over."
    assert second == "course.py lab"


def test_unsupported_python_alone_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "find_supported_python", lambda: None)
    assert course.run_on_supported_python() == (
        f"{course.NEEDS}. Install one of them from https://www.python.org/downloads/ and try again."
    )


@pytest.mark.parametrize(
    ("system", "machine", "maxsize", "says"),
    [
        ("darwin", "x86_64", 2**63 - 1, "no build for Macs with an Intel processor"),
        ("win32", "x86", 2**31 - 1, "needs a 64-bit Python"),
    ],
)
def test_machine_without_tensorflow_ends_in_a_sentence(
    system: str, machine: str, maxsize: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course.sys, "platform", system)
    monkeypatch.setattr(course.sys, "maxsize", maxsize)
    monkeypatch.setattr(course.platform, "machine", lambda: machine)
    with pytest.raises(course.Problem, match=says):
        course.check_machine()


# The environment


@pytest.fixture
def small_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A course with small requirements, whose installations are only noted down."""
    for name in ("requirements.txt", "constraints.txt", "tests.txt"):
        (tmp_path / name).write_text(f"# {name}\n")
    monkeypatch.setattr(course, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(course, "REQUIREMENTS", [tmp_path / "requirements.txt"])
    monkeypatch.setattr(
        course, "TEST_REQUIREMENTS", [tmp_path / "requirements.txt", tmp_path / "tests.txt"]
    )
    monkeypatch.setattr(course, "CONSTRAINTS", tmp_path / "constraints.txt")
    steps = []

    def make_empty() -> None:
        steps.append("empty")
        python = Path(course.in_environment()[0])
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(course, "make_empty_environment", make_empty)
    monkeypatch.setattr(course, "install", lambda files: steps.append([f.stem for f in files]))
    return steps


def test_environment_is_made_once(small_course: list[str]) -> None:
    course.make_environment(course.REQUIREMENTS)
    course.make_environment(course.REQUIREMENTS)
    assert small_course == ["empty", ["requirements"]]


def test_environment_keeps_jupyter_from_asking_about_news(small_course: list[str]) -> None:
    course.make_environment(course.REQUIREMENTS)
    (settings,) = course.ENVIRONMENT.rglob("overrides.json")
    assert json.loads(settings.read_text()) == {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}
    }


def test_environment_for_tests_keeps_what_is_installed(small_course: list[str]) -> None:
    course.make_environment(course.REQUIREMENTS)
    course.make_environment(course.TEST_REQUIREMENTS)
    course.make_environment(course.TEST_REQUIREMENTS)
    course.make_environment(course.REQUIREMENTS)
    assert small_course == ["empty", ["requirements"], ["requirements", "tests"]]


@pytest.mark.parametrize("file", ["requirements.txt", "constraints.txt"])
def test_environment_is_made_anew_when_its_requirements_change(
    file: str, small_course: list[str]
) -> None:
    course.make_environment(course.TEST_REQUIREMENTS)
    (course.CONSTRAINTS.parent / file).write_text("numpy==0\n")
    course.make_environment(course.REQUIREMENTS)
    assert small_course == ["empty", ["requirements", "tests"], "empty", ["requirements"]]


def test_environment_is_made_anew_for_another_python(
    small_course: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    course.make_environment(course.REQUIREMENTS)
    monkeypatch.setattr(course.sys, "version_info", (3, 99, 0))
    assert not course.is_current(course.REQUIREMENTS)


def test_environment_is_made_anew_when_its_python_is_gone(small_course: list[str]) -> None:
    course.make_environment(course.REQUIREMENTS)
    Path(course.in_environment()[0]).unlink()
    assert not course.is_current(course.REQUIREMENTS)


@pytest.mark.parametrize("end", [KeyboardInterrupt, course.Problem])
def test_interrupted_installation_is_done_again(
    end: type[BaseException], small_course: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(requirements: list[Path]) -> None:
        raise end

    with monkeypatch.context() as failing:
        failing.setattr(course, "install", fail)
        with pytest.raises(end):
            course.make_environment(course.REQUIREMENTS)
    assert not course.is_current(course.REQUIREMENTS)
    course.make_environment(course.REQUIREMENTS)
    assert small_course == ["empty", "empty", ["requirements"]]


def test_full_disk_is_noticed_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(course, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: usage(free=5 * 10**8))
    with pytest.raises(course.Problem, match=r"needs 3 GB in .*, where 0\.5 GB are free"):
        course.make_empty_environment()
    assert not course.ENVIRONMENT.exists()


@needs_posix
@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("because ensurepip is not available", "run `sudo apt install python3-venv`"),
        ("Error: [Errno 13] Permission denied", "could not be made in .*Permission denied"),
    ],
)
def test_python_that_makes_no_environment_ends_in_a_sentence(
    says: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = write_script(tmp_path / "python", f"echo '{says}'; exit 1")
    monkeypatch.setattr(course, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(course, "check_disk", lambda: None)
    monkeypatch.setattr(course.sys, "executable", str(python))
    with pytest.raises(course.Problem, match=sentence):
        course.make_empty_environment()


@needs_posix
def test_failed_installation_keeps_the_log_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(course, "LOG", tmp_path / "install.log")
    (tmp_path / "bin").mkdir()
    write_script(tmp_path / "bin" / "python", "echo Collecting keras; echo 'ERROR: Boom'; exit 1")
    with pytest.raises(course.Problem) as problem:
        course.install(course.REQUIREMENTS)
    assert str(problem.value) == (
        f"pip could not install the packages: ERROR: Boom (pip's log: {tmp_path / 'install.log'})"
    )
    assert (tmp_path / "install.log").read_text() == "Collecting keras\nERROR: Boom\n"


NO_NETWORK = """\
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after \
connection broken by 'NewConnectionError('<HTTPSConnection object>: Failed to establish a new \
connection: [Errno -3] Temporary failure in name resolution')': /simple/tensorflow/
ERROR: Could not find a version that satisfies the requirement tensorflow==2.21.0
ERROR: No matching distribution found for tensorflow==2.21.0
"""


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (NO_NETWORK, "The packages could not be fetched: no connection to the package index."),
        (
            "ERROR: No matching distribution found for tensorflow==2.21.0\n",
            "There is no build of tensorflow==2.21.0 for Python",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
            "device\n",
            "The disk is full: the environment needs 3 GB in",
        ),
        ("", "pip could not install the packages: no reason given"),
    ],
)
def test_failed_installation_is_explained_in_a_sentence(output: str, sentence: str) -> None:
    explained = course.explain_pip(output.splitlines(keepends=True), Path("install.log"))
    assert explained.startswith(sentence)
    assert "\n" not in explained


def test_installation_shows_which_package_of_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("keras==3\nnumpy==2 ; python_version < '3'\nnumpy==3\n")
    monkeypatch.setattr(course, "CONSTRAINTS", constraints)
    installed = 10
    monkeypatch.setattr(course.Progress, "count_installed", lambda self: installed)
    display = course.Progress()
    display.update("Collecting keras==3 (from -r requirements.txt (line 1))\n")
    display.update("  Downloading keras-3-py3-none-any.whl.metadata (5.8 kB)\n")
    display.update("Downloading keras-3-py3-none-any.whl (1.7 MB)\n")
    display.update("Installing collected packages: numpy, keras\n")
    installed = 11
    display.update(None)
    display.close()
    assert capsys.readouterr().out.splitlines() == [
        "Finding package 1 of about 2: keras",
        "Fetching package 1 of about 2: keras (1.7 MB)",
        "Installing package 1 of 2: numpy",
    ]
    assert display.shown == ("Installing", 2, "keras")  # a terminal would show it


def test_requirements_are_pinned_exactly_and_agree_with_the_constraints() -> None:
    locked = course.read_lines(course.CONSTRAINTS)
    direct = [line for path in course.TEST_REQUIREMENTS for line in course.read_lines(path)]
    assert {line.split(" ;")[0] for line in direct} <= {line.split(" ;")[0] for line in locked}
    assert [line for line in direct + locked if not re.match(r"[\w.-]+==[\w.]+( ;|$)", line)] == []


# The commands


@needs_posix
def test_lab_opens_the_first_lesson_on_the_next_free_port_and_ends_quietly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        lab = subprocess.Popen(
            [sys.executable, "-c", COURSE_HERE, "lab", "--no-browser", "--port", str(busy)],
            cwd=course.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that the signal below reaches all of it, as Ctrl-C does
        )
        assert lab.stdout.readline() == "The course is open. Ctrl-C here ends it. Its address:\n"
        address = lab.stdout.readline().strip()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/lab/tree/(\S+)\?token=\w+", address)
        assert int(match[1]) > busy
        assert match[2] == course.FIRST_LESSON
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(address) as page:
            assert b"JupyterLab" in page.read()
        os.killpg(lab.pid, signal.SIGINT)
        output, _ = lab.communicate()
    assert (lab.returncode, output) == (0, "\nClosing the course.\n")


def test_lab_that_ends_at_its_start_is_a_sentence() -> None:
    server = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    server.wait()
    with pytest.raises(course.Problem, match=r"JupyterLab ended at its start \(exit code 3\)"):
        course.wait_until_it_answers(server, "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("codes", "exit_code", "last_line"),
    [([0, 0, 0], 0, "All passed ("), ([1, 0, 2], 1, "Failed: ruff, pytest and notebooks (")],
)
def test_test_runs_every_step_and_sums_up(
    codes: list[int],
    exit_code: int,
    last_line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran = []

    def run_module(module: list[str], COURSE_RECORD: str) -> int:
        assert os.listdir(COURSE_RECORD) == []
        ran.append(module)
        return codes[len(ran) - 1]

    monkeypatch.setattr(course, "make_environment", lambda requirements: None)
    monkeypatch.setattr(course, "run_module", run_module)
    assert course.main(["test", "tests/test_course.py"]) == exit_code
    assert [module[0] for module in ran] == ["ruff", "utils.build", "pytest"]
    assert ran[-1][-1] == "tests/test_course.py"
    assert capsys.readouterr().out.splitlines()[-1].startswith(last_line)


def test_check_hands_on_the_file_from_where_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(course, "make_environment", lambda requirements: None)
    monkeypatch.setattr(course, "run_module", lambda module: module)
    expected = ["utils.exams", "Dense", str(tmp_path / "mine.py")]
    assert course.main(["check", "Dense", "mine.py"]) == expected
