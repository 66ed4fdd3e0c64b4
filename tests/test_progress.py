"""The learner's record: what it keeps, and what it survives."""

import html
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from utils import progress, record
from utils.progress import Event, Lesson

ROOT = Path(__file__).resolve().parent.parent
# Prints a number once the event with that number is in the record.
WRITER = """
import sys
from utils import progress
for number in range(int(sys.argv[1])):
    progress.record("checked", sys.argv[2], number=number)
    print(number, flush=True)
"""


def start_writer(how_many: int, name: str) -> subprocess.Popen:
    """Another notebook's kernel, as far as the record can tell."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(how_many), name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_record_keeps_events_in_order_for_the_next_process() -> None:
    progress.record("checked", "Dense", passed=False, attempted=True, mistake="no-bias")
    progress.record("hinted", "Dense")
    progress.forget()
    first, second = progress.events()
    assert (first.kind, first.name) == ("checked", "Dense")
    assert first.data == {"passed": False, "attempted": True, "mistake": "no-bias"}
    assert (second.kind, second.name, second.data) == ("hinted", "Dense", {})
    assert first.time <= second.time


def test_events_are_selected_by_kind_and_name() -> None:
    for kind, name in [("hinted", "Dense"), ("hinted", "Dropout"), ("solution", "Dense")]:
        progress.record(kind, name)
    assert len(progress.events()) == 3
    assert [e.name for e in progress.events("hinted")] == ["Dense", "Dropout"]
    assert [e.kind for e in progress.events("hinted", "Dense")] == ["hinted"]
    assert progress.events(name="Adam") == []


def test_record_keeps_numpy_values_as_plain_ones() -> None:
    np = pytest.importorskip("numpy")
    progress.record("revealed", "a", right=np.bool_(False), answer=np.float32(0.5), at=Path("x"))
    assert progress.events()[0].data == {"right": False, "answer": 0.5, "at": "x"}


def test_events_without_a_record_are_none_and_make_no_file(empty_record: Path) -> None:
    assert progress.events() == []
    assert not empty_record.exists()


def test_pause_neither_writes_nor_reads_the_record() -> None:
    progress.record("hinted", "Dense")
    progress.pause()
    progress.record("solution", "Dense")
    assert progress.is_paused()
    assert [e.kind for e in progress.events()] == ["solution"]
    progress.forget()
    assert [e.kind for e in progress.events()] == ["hinted"]


def test_directory_is_in_the_course_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_RECORD")
    assert progress.directory() == ROOT / "lessons" / "my_blocks"


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9 on Windows")
@pytest.mark.parametrize("after", [1, 5, 20, 60])
def test_record_survives_a_kernel_killed_while_it_writes(after: int) -> None:
    writer = start_writer(10**6, "killed")
    written = [writer.stdout.readline() for _ in range(after)]
    writer.send_signal(signal.SIGKILL)
    written += writer.communicate()[0].splitlines(keepends=True)
    written = [line for line in written if line.endswith("\n")]
    kept = [e.data["number"] for e in progress.events("checked", "killed")]
    assert kept == list(range(len(kept)))
    assert len(written) <= len(kept) <= len(written) + 1
    progress.record("hinted", "afterwards")
    progress.forget()
    assert len(progress.events("hinted")) == 1


def test_record_keeps_all_events_of_two_notebooks_that_write_at_once() -> None:
    writers = [start_writer(200, name) for name in ("one", "two")]
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0]
    for name in ("one", "two"):
        assert [e.data["number"] for e in progress.events(name=name)] == list(range(200))


def folder_is_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("not a folder")


def file_is_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "record.sqlite").mkdir(parents=True)


def file_is_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with one event on a read-only disk; permissions would not stop an administrator."""
    progress.record("hinted", "earlier")
    connect = sqlite3.connect
    monkeypatch.setattr(
        progress.sqlite3,
        "connect",
        lambda path, **options: connect(f"{path.as_uri()}?mode=ro", uri=True, **options),
    )


@pytest.mark.parametrize("how", [folder_is_a_file, file_is_a_folder, file_is_read_only])
def test_record_goes_on_in_memory_with_one_notice_where_it_cannot_write(
    how: Callable[[Path, pytest.MonkeyPatch], None],
    empty_record: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    how(empty_record, monkeypatch)
    earlier = 1 if how is file_is_read_only else 0
    for _ in range(3):
        progress.record("checked", "Dense", passed=True)
    assert [e.kind for e in progress.events()] == ["hinted"] * earlier + ["checked"] * 3
    notices = capsys.readouterr().out.splitlines()
    assert len(notices) == 1
    assert notices[0].startswith(f"Your progress cannot be kept in {empty_record} (")
    assert "set the environment variable COURSE_RECORD" in notices[0]


def test_record_goes_on_in_memory_where_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.record("hinted", "earlier")
    connect = sqlite3.connect

    def connect_without_room(path: Path, **options: float) -> sqlite3.Connection:
        database = connect(path, **options)
        database.execute("PRAGMA max_page_count = 1")  # SQLite makes that the present size
        return database

    monkeypatch.setattr(progress.sqlite3, "connect", connect_without_room)
    for _ in range(2):
        progress.record("checked", "Dense", note="x" * 100_000)
    assert [e.kind for e in progress.events()] == ["hinted", "checked", "checked"]
    assert capsys.readouterr().out.count("(database or disk is full)") == 1


def overwrite_all(file: Path) -> None:
    file.write_bytes(b"this is no database" * 100)


def overwrite_inside(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize("first", ["record", "events"])
@pytest.mark.parametrize("damage", [overwrite_all, overwrite_inside, cut_off])
def test_damaged_record_is_set_aside_with_one_notice(
    damage: Callable[[Path], None],
    first: str,
    empty_record: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(10):
        progress.record("checked", "Dense", note="x" * 2000)
    file = empty_record / "record.sqlite"
    damage(file)
    damaged = file.read_bytes()
    if first == "events":
        assert progress.events() == []
    progress.record("hinted", "Dense")
    progress.forget()
    assert [e.kind for e in progress.events()] == ["hinted"]
    (kept,) = empty_record.glob("record-damaged-*.sqlite")
    assert kept.read_bytes() == damaged
    assert capsys.readouterr().out.splitlines() == [
        f"Your record was damaged. It is kept as {kept}, and a new one begins."
    ]


COURSE = [
    Lesson("01  A layer", ["Dense", "find_the_bug"], ["p1", "p2", "p3"]),
    Lesson("02  Deep nets", ["signal", "gradient", "scale"], []),
]


def happened(kind: str, name: str, **data: object) -> Event:
    return Event(0.0, kind, name, data)


def test_report_says_how_far_each_exercise_is() -> None:
    wrong = {"attempted": True, "passed": False}
    text = progress.report(
        [
            happened("checked", "Dense", attempted=False, passed=False, mistake=None),
            happened("checked", "Dense", **wrong, mistake="no-bias"),
            happened("hinted", "Dense"),
            happened("checked", "Dense", **wrong, mistake="no-bias"),
            happened("checked", "Dense", attempted=True, passed=True, mistake=None),
            happened("finished", "Dense", own=True),
            happened("checked", "find_the_bug", attempted=True, passed=True, mistake=None),
            happened("checked", "signal", **wrong, mistake=None),
            happened("solution", "signal"),
            happened("finished", "gradient", own=False),
        ],
        COURSE,
    )
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in text.splitlines() if line}
    assert lines["Dense"] == "done, yours, 3 checks, 1 hint, 1 known mistake"
    assert lines["find_the_bug"] == "right, not kept yet (run `finish`), 1 check"
    assert lines["signal"] == "not right yet, 1 check, solution seen"
    assert lines["gradient"] == "open, the course's own stands in"
    assert lines["scale"] == "open"


def test_report_counts_only_guesses_made_before_the_answer_was_seen() -> None:
    text = progress.report(
        [
            happened("predicted", "p1", guess="a", confidence=0.9),
            happened("predicted", "p1", guess="b", confidence=0.6),  # a change of mind counts
            happened("revealed", "p1", answer="b", right=True),
            happened("predicted", "p2", guess="a", confidence=0.8),
            happened("revealed", "p2", answer="b", right=False),
            happened("predicted", "p2", guess="b", confidence=1.0),  # seen already
            happened("revealed", "p2", answer="b", right=True),
        ],
        COURSE,
    )
    assert "1 of 2 right, 1 still to make" in text
    assert "Predictions: 1 of 2 (50%) right." in text
    assert "Where you said how sure you were: 70% sure, 1 of 2 (50%) right." in text
    assert "    50% to 75% sure: 1 of 1 (100%) right" in text
    assert "    75% to 100% sure: 0 of 1 (0%) right" in text


@pytest.mark.parametrize(
    ("confidence", "verdict"),
    [
        (1.0, "You are surer than you are right."),
        (0.6, "You know well how much you know."),
        (0.2, "You know more than you say."),
    ],
)
def test_report_judges_confidence_against_hits(confidence: float, verdict: str) -> None:
    events = []
    for number, right in enumerate([True, True, True, False, False]):
        events.append(happened("predicted", f"q{number}", guess="a", confidence=confidence))
        events.append(happened("revealed", f"q{number}", answer="a", right=right))
    assert progress.report(events, COURSE).splitlines()[-1] == verdict
    assert "After five of these" in progress.report(events[:8], COURSE)


def test_report_without_confidence_says_how_to_give_it() -> None:
    events = [
        happened("predicted", "p1", guess="a", confidence=None),
        happened("revealed", "p1", answer="a", right=True),
    ]
    assert "With `confidence=` in `predict`" in progress.report(events, COURSE)
    assert progress.report([], COURSE).endswith("has been compared with its answer yet.")


def test_lessons_are_read_from_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01_layer.py").write_text(
        '# %% [markdown]\n# # 01 · A layer\n\n# %% exercise="Dense" export="layers"\n'
        'class Dense: ...\n\n# %%\npredict(\n    "01-sign", "Which?", choices=["a"])\n'
    )
    (tmp_path / "solutions" / "notes.py").write_text('# %% exercise="no lesson"\n')
    monkeypatch.setattr(progress, "ROOT", tmp_path)
    assert progress.lessons() == [Lesson("01  A layer", ["Dense"], ["01-sign"])]


def test_exercise_lists_mistakes_met_and_those_mended() -> None:
    wrong, right = {"attempted": True, "passed": False}, {"attempted": True, "passed": True}
    done = progress.exercise(
        "Dense",
        [
            happened("checked", "Dense", **wrong, mistake="no-bias"),
            happened("checked", "Dense", **wrong, mistake="transposed"),
            happened("checked", "signal", **wrong, mistake="another exercise's"),
            happened("checked", "Dense", **right, mistake=None),
            happened("checked", "Dense", **wrong, mistake="no-bias"),
            happened("finished", "Dense", own=True),
        ],
    )
    assert (done.checks, done.is_yours) == (4, True)
    assert done.met == ["no-bias", "transposed"]
    assert done.mended == ["transposed"]  # the other one is back


def predicted(name: str, right: bool, choices: int, confidence: float | None = None) -> list[Event]:
    guess = {"guess": "a", "choices": ["a", "b", "c", "d"][:choices], "confidence": confidence}
    return [happened("predicted", name, **guess), happened("revealed", name, right=right)]


def test_guessing_is_what_chance_would_hit() -> None:
    events = [*predicted("p1", True, 2), *predicted("p2", True, 4), *predicted("p3", False, 4)]
    predictions = progress.scored(events)
    assert record.guessing(predictions) == 1.0
    # Two or three hits: 1/2 1/4 1/4 + 1/2 1/4 3/4 twice + 1/2 1/4 1/4.
    assert record.luck(predictions) == pytest.approx(1 / 32 + 6 / 32 + 1 / 32)
    assert record.luck([]) == 1.0


EVENTS = [
    happened("checked", "Dense", attempted=True, passed=False, mistake="no-bias"),
    happened("checked", "Dense", attempted=True, passed=True, mistake=None),
    happened("finished", "Dense", own=True),
    happened("checked", "signal", attempted=True, passed=False, mistake="of-two-axes"),
    *predicted("p1", True, 2, 0.9),
    *predicted("p2", False, 4),
]


def test_figure_is_drawn_and_said_in_a_sentence() -> None:
    alt = record.draw(EVENTS, COURSE)
    left, _ = plt.gcf().axes
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "01  A layer",
        "02  Deep nets",
    ]
    assert [text.get_text() for text in left.texts] == ["1 of 1 mended", "0 of 1 mended"]
    assert alt == (
        "A row for each of 2 lessons. Left, 1 of 5 exercises built and 1 of 2 known mistakes "
        "mended; right, 1 of 2 predictions came out, where guessing hits 0.8."
    )
    plt.close()


def test_page_says_what_happened() -> None:
    text = record.page(EVENTS, COURSE)
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    cells = {
        row[0]: row[1:] for row in (re.findall(r"<td>(.*?)</td>", each) for each in rows) if row
    }
    assert cells["Dense"] == ["done, yours", "2", "0", "no bias", ""]
    assert cells["signal"] == ["not right yet", "1", "0", "", "of two axes"]
    assert "Guessing hits 0.8 of them on average" in text
    assert "1 of 2 predictions came out; guessing hits 0.8." in text
    assert "Where you said how sure you were: 90% sure, 1 of 1 (100%) right." in text
    assert text.count('<img src="data:image/png;base64,') == 1 and "http" not in text


def test_page_escapes_what_is_written_in_the_record() -> None:
    evil = "<script>alert(1)</script>"
    course = [Lesson(evil, [evil], ["p1"])]
    events = [
        happened("checked", evil, attempted=True, passed=False, mistake=evil),
        *predicted("p1", True, 2),
    ]
    text = record.page(events, course)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 3


def test_page_of_an_empty_record_and_of_the_whole_course() -> None:
    text = record.page([])
    assert "Nothing is written down yet." in text and "No prediction has been compared" in text
    assert all(html.escape(lesson.title) in text for lesson in progress.lessons())


def test_page_names_no_folder_of_the_machine(
    empty_record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.keep(EVENTS, COURSE)
    text = (empty_record / "record.html").read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert said == "Kept: record.html in record. Open it in a browser.\n"
    for place in (str(empty_record.parent), str(ROOT), str(Path.home())):
        assert place not in text and place not in said
    assert [file.name for file in empty_record.iterdir()] == ["record.html"]


def test_page_is_not_written_while_the_record_is_left_alone(
    empty_record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.pause()
    record.keep(EVENTS, COURSE)
    assert not empty_record.exists()
    assert "leaves your record alone" in capsys.readouterr().out


def test_page_that_cannot_be_written_is_a_sentence_and_leaves_the_old_one(
    empty_record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record.keep(EVENTS, COURSE)
    old = (empty_record / "record.html").read_bytes()

    def half_written(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text.encode()[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half_written)
    record.keep([], COURSE)
    assert "could not be written (No space left on device). Make room" in capsys.readouterr().out
    assert [file.name for file in empty_record.iterdir()] == ["record.html"]
    assert (empty_record / "record.html").read_bytes() == old
