"""Every lesson runs to its end when some exercises are right, some wrong and some blank."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from utils.build import ROOT, make_notebook
from utils.exams import Mistake, exam
from utils.lessons import Lesson, read_lessons, solved_code

STATES = ("right", "wrong", "blank")
LESSONS = [
    lesson
    for lesson in read_lessons(ROOT)
    if any(cell.metadata.get("exercise") for cell in lesson.cells)
]


def some_mistake(name: str, code: str) -> Mistake:
    """The first known mistake of an exercise that can be put into its cell."""
    return next(mistake for mistake in exam(name).mistakes if code.count(mistake.find) == 1)


def half_solved(lesson: Lesson, shift: int) -> tuple[NotebookNode, dict[str, str]]:
    """The blank notebook with its exercises right, wrong and blank in turn; and what each check says."""
    notebook = make_notebook(lesson, ROOT, solved=False)
    answers = {c.id: solved_code(c) for _, c in lesson.code() if c.id == c.metadata.get("exercise")}
    verdicts = {}
    for number, (name, code) in enumerate(answers.items()):
        state = STATES[(number + shift) % len(STATES)]
        cell = next(cell for cell in notebook.cells if cell.id == name)
        verdicts[name] = f"○ {name}: not written yet."
        if state == "right":
            cell.source, verdicts[name] = code, f"✓ {name}: right."
        elif state == "wrong":
            mistake = some_mistake(name, code)
            cell.source = code.replace(mistake.find, mistake.put)
            verdicts[name] = f"✗ {name}: not right yet.\n{mistake.says}"
    return notebook, verdicts


def shown(notebook: NotebookNode) -> Iterator[str]:
    """Everything that the cells of a notebook print or show, as text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield output.get("text") or output.get("data", {}).get("text/plain", "")


def execute(notebook: NotebookNode, record: Path, **options: bool) -> str:
    """Run a notebook in the folder of the lessons; everything that it shows."""
    resources = {"metadata": {"path": str(ROOT / "lessons")}}
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=300, resources=resources, **options
    )
    client.execute(env=os.environ | {"COURSE_RECORD": str(record)})
    return "\n".join(shown(notebook))


def test_check_after_a_cell_with_an_error_says_which_version_it_looked_at(tmp_path: Path) -> None:
    first = (
        "from utils.exercise import check\ndef moments(inputs, axes):\n    return inputs, inputs"
    )
    cells = [
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{first}",
        "check(moments)",
        "def moments(inputs, axes)\n    return inputs, inputs",  # no colon
        "check(moments)",
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    text = execute(notebook, tmp_path, allow_errors=True)
    _, before, after = text.split("✗")
    assert "of an earlier run" not in before and "of an earlier run" in after, text


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_half_solved_lesson_runs_to_its_end(lesson: Lesson, tmp_path: Path) -> None:
    shift = int(lesson.path.name[:2])
    notebook, verdicts = half_solved(lesson, shift)
    text = execute(notebook, tmp_path)
    for name, verdict in verdicts.items():
        assert verdict in text, f"{name}: expected {verdict!r} in\n{text}"
        is_kept = (tmp_path / f"{name}.py").exists()
        assert is_kept == verdict.startswith("✓"), f"{name} is {'' if is_kept else 'not '}kept"
