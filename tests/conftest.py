"""What every test needs: the course on the path, and a learner's record of its own."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# Before anything of the course is imported, and for the kernels that tests start.
RECORD = tempfile.TemporaryDirectory()
os.environ["COURSE_RECORD"] = RECORD.name

import utils.quiet  # noqa: E402, F401  TensorFlow without its log lines
from utils import progress  # noqa: E402


@pytest.fixture(autouse=True)
def empty_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record in a folder of this test's own, and nothing remembered from the test before."""
    folder = tmp_path / "record"
    monkeypatch.setenv("COURSE_RECORD", str(folder))
    progress.forget()
    return folder


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a busy machine longer than nbval's 5 seconds to deliver a cell's output."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = 60


LONG = ("::test_exam_numbers[", "::test_half_solved_lesson_runs_to_its_end[")


class Scheduler(LoadScopeScheduling):
    """A test file or a notebook stays with one process; tests that take long are dealt out singly."""

    def _split_scope(self, nodeid: str) -> str:
        is_long = any(name in nodeid for name in LONG)
        return nodeid if is_long else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduler:
    return Scheduler(config, log)


def pytest_unconfigure() -> None:
    RECORD.cleanup()
