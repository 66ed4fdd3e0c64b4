"""The builder, on small courses of its own in a temporary folder."""

import json
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from utils import build
from utils.build import ROOT
from utils.lessons import FORMAT, parts, read_lessons

SOURCE = '''\
# %% [markdown]
# # A small lesson

# %% tags=["setup"]
# the set-up cell

# %% [markdown]
# ## Scale

# %% exercise="Scale" export="layers"
class Scale(keras.layers.Layer):
    """Multiply the inputs by a factor."""

    def call(self, inputs):
        ### BEGIN SOLUTION
        # TODO: multiply the inputs
        #   by the factor
        outputs = _secret_product(inputs, self.factor)
        # a remark on the secret
        if self.shift:
            # TODO: add the shift
            outputs = outputs + self.shift
        return outputs
        ### END SOLUTION


def _secret_product(a, b):
    ### BEGIN SOLUTION
    # TODO: one line
    return ops.multiply(a, b)
    ### END SOLUTION


# %%
check(Scale, strict=True)
# copy the weights: a comment that looks like a shell command
Scale = finish(Scale)

# %% tags=["solution-only"]
secret = 1
'''
SETUP = '# %% tags=["setup"]\n'


class Course:
    """A course in a temporary folder, with the one lesson given."""

    def __init__(self, root: Path, source: str = SOURCE):
        self.root = root
        self.source = root / "solutions/01_small.py"
        self.solved = root / "solutions/01_small.ipynb"
        self.blank = root / "lessons/01_small.ipynb"
        self.block = root / "solutions/blocks/layers.py"
        self.source.parent.mkdir()
        self.source.write_text(source)
        (root / "course.py").touch()
        self.set_repository("")

    def set_repository(self, address: str) -> None:
        (self.root / "pyproject.toml").write_text(f'[tool.course]\nrepository = "{address}"\n')

    def build(self, *argv: str) -> int:
        return build.main(list(argv), self.root)

    def change(self, old: str, new: str) -> None:
        text = self.source.read_text()
        assert old in text
        self.source.write_text(text.replace(old, new))

    def pretend_executed(self) -> None:
        """Give every code cell of the solved notebook an output, as an execution would."""
        notebook = nbformat.read(self.solved, 4)
        for count, cell in enumerate(build.code_cells(notebook), start=1):
            cell.execution_count = count
            cell.outputs = [nbformat.v4.new_output("stream", text=f"output {count}\n")]
        self.solved.write_text(build.notebook_text(notebook))

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def course(tmp_path) -> Course:
    return Course(tmp_path)


@pytest.fixture
def built(course, capsys) -> Course:
    """A course in perfect order."""
    course.build()
    course.pretend_executed()
    assert course.build("--check") == 0
    assert capsys.readouterr().out.endswith("--execute`.\n")
    return course


def complaints(course: Course, capsys) -> list[str]:
    """What `build --check` lists; it must fail."""
    assert course.build("--check") == 1
    return capsys.readouterr().out.splitlines()


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, 4).cells]


# What is made


def test_blank_lesson_keeps_only_the_steps(course):
    course.build()
    _, _, _, exercise, check = sources(course.blank)
    assert (
        exercise
        == '''\
class Scale(keras.layers.Layer):
    """Multiply the inputs by a factor."""

    def call(self, inputs):
        # TODO: multiply the inputs
        #   by the factor
        # TODO: add the shift
        raise NotImplementedError("Your turn: Scale.call")


def _secret_product(a, b):
    # TODO: one line
    raise NotImplementedError("Your turn: Scale")'''
    )
    assert (
        check
        == """\
check(Scale)
# copy the weights: a comment that looks like a shell command
Scale = finish(Scale)"""
    )


def test_blank_lesson_has_no_trace_of_the_solution(built):
    built.build()
    text = built.blank.read_text()
    for trace in (
        "outputs = ",
        "remark",
        "secret = 1",
        "multiply(",
        "SOLUTION",
        "strict",
        "export",
    ):
        assert trace not in text
    cells = build.code_cells(nbformat.read(built.blank, 4))
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def test_solved_notebook_keeps_everything_but_markers_and_steps(course):
    course.build()
    exercise = sources(course.solved)[3]
    assert "BEGIN" not in exercise and "TODO" not in exercise and "by the factor" not in exercise
    assert (
        """
        outputs = _secret_product(inputs, self.factor)
        # a remark on the secret
        if self.shift:
            outputs = outputs + self.shift
        return outputs
"""
        in exercise
    )
    assert sources(course.solved)[4].startswith("check(Scale, strict=True)")


def test_block_reads_like_a_module(course):
    course.build()
    head, *lines = course.block.read_text().splitlines()
    assert head.startswith("# Made from the sources named below by `python3 course.py build`")
    assert lines[:10] == [
        '"""The blocks of the course in `layers`, as its lessons solve them.',
        "",
        "Scale: solutions/01_small.py",
        '"""',
        "",
        "import keras",
        "from keras import ops",
        "",
        "",
        "class Scale(keras.layers.Layer):",
    ]


def test_block_imports_what_another_module_defines(course):
    extra = (
        '\n# %% export="dropout"\ndef twice(x):\n    return np.sum([Scale()(x) for _ in [0, 1]])\n'
    )
    course.source.write_text(SOURCE + extra)
    course.build()
    text = (course.root / "solutions/blocks/dropout.py").read_text()
    assert "import numpy as np\n\nfrom solutions.blocks.layers import Scale\n\n\ndef twice" in text


def test_blocks_pass_ruff(course):
    course.build()
    command = [sys.executable, "-m", "ruff", "--isolated"]
    for action in (["check", "--select=E,F,I,UP,B"], ["format", "--check"]):
        subprocess.run([*command, *action, "--line-length=100", course.block], check=True)


def test_made_notebooks_say_what_they_are_made_from(course):
    course.build()
    for path in (course.blank, course.solved):
        notebook = nbformat.read(path, 4)
        assert notebook.metadata.course.made_from == "solutions/01_small.py"
        sentence = "<!-- Made from solutions/01_small.py by `python3 course.py build`. -->"
        assert notebook.cells[0].source.endswith(sentence)


def test_made_notebooks_open_in_jupytext(course):
    course.build()
    for path in (course.blank, course.solved):
        notebook = jupytext.read(path)
        nbformat.validate(notebook)
        again = jupytext.reads(jupytext.writes(notebook, FORMAT), FORMAT)
        assert [cell.source for cell in again.cells] == sources(path)


def test_building_twice_changes_no_byte(built):
    built.build()
    before = built.files()
    assert built.build() == 0
    assert built.files() == before


def test_cell_ids_last_when_cells_come_before_them(course):
    course.build()
    before = {cell.source: cell.id for cell in nbformat.read(course.solved, 4).cells}
    course.change("# ## Scale", "# Some words.\n\n# %%\nx = 1\n\n# %% [markdown]\n# ## Scale")
    course.build()
    after = {cell.source: cell.id for cell in nbformat.read(course.solved, 4).cells}
    assert len(after) == len(before) + 2 and len(set(after.values())) == len(after)
    assert before.items() <= after.items()
    assert "Scale" in after.values()


@pytest.mark.parametrize("repository", ["", "https://example.org/course.git"])
def test_setup_cell_is_short_and_written_for_all_lessons(course, repository):
    course.set_repository(repository)
    course.build()
    blank, solved = sources(course.blank)[1], sources(course.solved)[1]
    assert len(list(filter(None, blank.splitlines()))) <= 18 + 3 * bool(repository)
    assert solved.startswith(blank) and "progress.pause()" in solved.removeprefix(blank)
    assert repository in blank and ("clone" in blank) == bool(repository)


def run_setup(course: Course, folder: Path) -> subprocess.CompletedProcess:
    """Run the lines of the set-up cell that find the course, in the folder."""
    course.build()
    code = sources(course.blank)[1].split("\n\nfrom utils")[0] + "\nprint(sys.path[0])"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("folder", [".", "lessons", "solutions/blocks"])
def test_setup_cell_finds_the_course_from_its_folders(course, folder):
    course.build()
    assert run_setup(course, course.root / folder).stdout.strip() == str(course.root)


def test_setup_cell_without_the_course_says_what_to_do(course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    error = run_setup(course, folder).stderr.splitlines()[-1]
    sentence = f"No course.py in or above {folder}: open the notebook in the course"
    assert error == f"FileNotFoundError: {sentence}"


def test_setup_cell_clones_the_course_once(course, tmp_path_factory):
    git = ["git", "-C", course.root, "-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "course.py"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "course"], check=True)
    course.set_repository(course.root.as_uri())
    folder = tmp_path_factory.mktemp("elsewhere")
    for _ in range(2):
        assert run_setup(course, folder).stdout.strip() == str(folder / "course")
        assert (folder / "course/course.py").exists()


# Outputs


def test_outputs_stay_when_only_prose_changes(built, capsys):
    before = build.code_cells(nbformat.read(built.solved, 4))
    built.change("# # A small lesson", "# # A small lesson\n#\n# With more words.")
    assert built.build() == 0
    assert build.code_cells(nbformat.read(built.solved, 4)) == before
    assert "has to be executed" not in capsys.readouterr().out
    assert built.build("--check") == 0


def test_outputs_go_when_code_changes(built, capsys):
    built.change("self.factor)", "self.factor * 1)")
    assert built.build() == 0
    assert not any(cell.outputs for cell in build.code_cells(nbformat.read(built.solved, 4)))
    expected = "01_small.ipynb has to be executed: run `python3 course.py build --execute`."
    assert expected in capsys.readouterr().out


def test_build_keeps_what_was_edited_by_hand(built, capsys):
    edited = built.blank.read_text().replace("# TODO: one line", "# my own line")
    built.blank.write_text(edited)
    built.build()
    assert built.blank.with_name("01_small.ipynb.edited").read_text() == edited
    assert "that version is now lessons/01_small.ipynb.edited" in capsys.readouterr().out
    assert built.build("--check") == 0


STUBS = {
    "keras.py": "ops = None",
    "utils/__init__.py": "",
    "utils/quiet.py": "tensorflow = None",
    **dict.fromkeys(("utils/datasets.py", "utils/gradients.py", "utils/plots.py"), ""),
    "utils/keras_exam.py": "keras_exam = keras_exams = None",
    "utils/microscope.py": "microscope = None",
    "utils/sweep.py": "sweep = None",
    "utils/status.py": "def silence(): pass",
    "utils/progress.py": "def pause(): print('paused')",
    "utils/exercise.py": "check = finish = hint = predict = recall = reveal = solution = None",
}
CELL = """
# %% alt="A rising line"
import os
print("a", flush=True)
print("b", os.environ["COURSE_RECORD"] != "mine", Path.cwd().name)
plt.plot([1, 2])
plt.show()

# %%
2 + 3
"""


def test_execute_keeps_outputs_and_no_traces_of_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_RECORD", "mine")
    course = Course(tmp_path, SETUP + CELL)
    for name, text in STUBS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert course.build("--execute") == 0
    assert "executed solutions/01_small.ipynb\n" in capsys.readouterr().out
    first = course.solved.read_bytes()
    notebook = json.loads(first)
    setup, plot, value = notebook["cells"]
    assert setup["outputs"][0]["text"] == ["paused\n"]
    assert plot["outputs"][0]["text"] == ["a\n", "b True solutions\n"]
    assert "image/png" in plot["outputs"][1]["data"] and plot["metadata"] == {
        "alt": "A rising line"
    }
    assert value["outputs"][0]["data"] == {"text/plain": ["5"]}
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2, 3]
    assert setup["metadata"] == {"tags": ["setup"]} and value["metadata"] == {}
    assert notebook["metadata"].keys() == {"course", "kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert course.build("--check") == 0

    assert course.build("--execute", "01") == 0
    assert course.solved.read_bytes() == first

    course.change("2 + 3", "2 / 0")
    assert course.build("--execute") == 1
    expected = "solutions/01_small.ipynb, cell 3 (start--3): ZeroDivisionError: division by zero"
    assert capsys.readouterr().out.splitlines()[-1] == expected


def test_normalise_merges_streams_and_drops_widgets():
    output = nbformat.v4.new_output
    widget = {"text/plain": "bar", "application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    streams = [output("stream", text=text) for text in ("a\n", "b\n")]
    stderr = output("stream", name="stderr", text="c\n")
    bar, result = output("display_data", widget), output("execute_result", execution_count=9)
    cell = nbformat.v4.new_code_cell(outputs=[*streams, stderr, bar, result])
    build.normalise(cell, 4)
    assert [o.get("text") for o in cell.outputs] == ["a\nb\n", "c\n", None, None]
    assert cell.outputs[2].data == {"text/plain": "bar"}
    assert cell.execution_count == cell.outputs[3].execution_count == 4


def test_execute_refuses_an_unknown_lesson(course, capsys):
    with pytest.raises(SystemExit):
        course.build("--execute", "07")
    assert "no lesson has the number 07: use two digits." in capsys.readouterr().err


# What --check finds in made files


def test_check_finds_a_missing_file(built, capsys):
    built.blank.unlink()
    assert complaints(built, capsys) == [
        "lessons/01_small.ipynb: missing: run `python3 course.py build`."
    ]


def test_check_finds_stale_files(built, capsys):
    built.change("ops.multiply(a, b)", "ops.multiply(b, a)")
    built.change("TODO: one line", "TODO: two lines")
    stale = "stale, its source or the builder changed: run `python3 course.py build"
    assert complaints(built, capsys) == [
        f"lessons/01_small.ipynb, cell 4 (Scale): {stale}`.",
        f"solutions/01_small.ipynb, cell 4 (Scale): {stale} --execute`.",
        f"solutions/blocks/layers.py, line 23: {stale}`.",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "where"),
    [
        ("blank", "TODO: one line", "TODO: two lines", "lessons/01_small.ipynb, cell 4 (Scale)"),
        ("solved", "A small lesson", "My lesson", "solutions/01_small.ipynb, cell 1 (a-small-"),
        ("solved", "output 2", "output 3", "solutions/01_small.ipynb, outputs or metadata"),
        ("block", "ops.multiply(a, b)", "a * b", "solutions/blocks/layers.py, line 23"),
    ],
)
@pytest.mark.parametrize("source_changed_too", [False, True])
def test_check_finds_edits_by_hand(built, capsys, file, old, new, where, source_changed_too):
    path = getattr(built, file)
    path.write_text(path.read_text().replace(old, new))
    if source_changed_too:
        built.change("# ## Scale", "# ## Scales")
    (complaint,) = [line for line in complaints(built, capsys) if "edited by hand" in line]
    assert complaint.startswith(where if not source_changed_too else where.split(",")[0])
    source = "its source" if file == "block" else "solutions/01_small.py"
    expected = f"edited by hand: put the change into {source}, then run `python3 course.py build`."
    assert complaint.endswith(f": {expected}")


def test_check_survives_a_notebook_that_is_no_json(built, capsys):
    built.solved.write_text("<<<<<<< HEAD\n" + built.solved.read_text())
    assert "solutions/01_small.ipynb, line 2: edited by hand" in complaints(built, capsys)[0]
    assert built.build() == 0


@pytest.mark.parametrize(
    "name", ["lessons/02_b.ipynb", "solutions/02_b.ipynb", "solutions/blocks/fast.py"]
)
def test_check_finds_orphans(built, capsys, name):
    (built.root / name).touch()
    assert complaints(built, capsys) == [
        f"{name}: orphaned, no source makes it: delete it, or bring its source back."
    ]


def test_check_finds_a_notebook_that_was_not_executed(course, capsys):
    course.build()
    capsys.readouterr()
    assert complaints(course, capsys) == [
        "solutions/01_small.ipynb, cell 2 (a-small-lesson--2): not executed: "
        "run `python3 course.py build --execute`."
    ]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
            "it ended in ValueError: no",
        ),
        (
            nbformat.v4.new_output("stream", name="stderr", text="careful\n"),
            "it wrote to stderr: careful",
        ),
    ],
)
def test_check_finds_errors_in_outputs(built, capsys, output, message):
    notebook = nbformat.read(built.solved, 4)
    notebook.cells[3].outputs = [output]
    built.solved.write_text(build.notebook_text(notebook))
    assert complaints(built, capsys) == [f"solutions/01_small.ipynb, cell 4 (Scale): {message}"]


def test_check_changes_nothing(built, capsys):
    built.change("secret = 1", "secret = 2")
    before = built.files()
    complaints(built, capsys)
    assert built.files() == before


def test_check_does_not_import_tensorflow(built):
    code = f"""
import sys, pathlib
from utils import build
assert build.main(["--check"], pathlib.Path({str(built.root)!r})) == 0
assert not {{"tensorflow", "keras"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=build.ROOT)


# What --check finds in sources


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            '# %% tags=["setup"]',
            "# %%",
            'the set-up cell is missing: put `# %% tags=["setup"]` before all other code.',
        ),
        (
            "secret = 1",
            "%matplotlib inline",
            "cell 6 (Scale--3): `%matplotlib inline` is a magic or a shell line: "
            "write it in Python.",
        ),
        (
            "secret = 1",
            "!ls",
            "cell 6 (Scale--3): `!ls` is a magic or a shell line: write it in Python.",
        ),
        (
            "secret = 1",
            "secret =",
            "cell 6 (Scale--3): `secret =` is not valid Python (invalid syntax): correct it.",
        ),
        (
            "return outputs\n        ### END SOLUTION",
            "return outputs",
            "cell 4 (Scale): `### BEGIN SOLUTION` inside a region: "
            "close the first one with `### END SOLUTION`.",
        ),
        (
            "    return ops.multiply(a, b)\n    ### END SOLUTION",
            "    return ops.multiply(a, b)",
            "cell 4 (Scale): `### BEGIN SOLUTION` without `### END SOLUTION` after it: add one.",
        ),
        (
            "    ### BEGIN SOLUTION\n    # TODO: one line\n",
            "",
            "cell 4 (Scale): `### END SOLUTION` without `### BEGIN SOLUTION` before it: add one.",
        ),
        (
            "    ### BEGIN SOLUTION\n    # TODO: one line",
            "    # Begin solution\n    # TODO: one line",
            "cell 4 (Scale): `# Begin solution` is not a marker: "
            "write `### BEGIN SOLUTION` or `### END SOLUTION`.",
        ),
        (
            "    # TODO: one line\n",
            "",
            "cell 4 (Scale): a solution without a step: begin it with a `# TODO: ...` comment.",
        ),
        (
            'exercise="Scale" ',
            "",
            'cell 4 (scale--2): a solution without a name: add `exercise="..."` '
            "to the `# %%` line.",
        ),
        (
            "secret = 1",
            '# %% export="fast"\nclass Scale:\n    pass',
            "cell 7 (Scale--4): `Scale` is exported twice, first by solutions/01_small.py, "
            "cell 4 (Scale): export it once.",
        ),
        (
            "secret = 1",
            '# %% export="fast"\nclass A:\n    pass\n\nclass B:\n    pass',
            "cell 7 (Scale--4): an exported cell holds one public class or function, no more.",
        ),
        (
            "secret = 1",
            '# %% export="fast"\nclass A:\n    pass\n\nA()',
            "cell 7 (Scale--4): an exported cell holds one public class or function, no more.",
        ),
        (
            "secret = 1",
            '# %% export="fast"\ndef f(x):\n    return plots.line(keras, np, ops, x, len, Scale)',
            "cell 7 (Scale--4): exported code uses `plots`, which its module does not have. "
            "Export `plots` before it, or import it inside; only keras, np, ops, gradients, tf are given.",
        ),
        (
            "secret = 1",
            "x = 1\n" * 26,
            "cell 6 (Scale--3): 26 lines of code, more than 25: split the cell.",
        ),
    ],
)
def test_check_finds_what_is_wrong_with_a_source(built, capsys, old, new, complaint):
    built.change(old, new)
    found = [line for line in complaints(built, capsys) if "stale" not in line]
    separator = ", " if complaint.startswith("cell") else ": "
    assert found == [f"solutions/01_small.py{separator}{complaint}"]


def test_name_exported_by_two_lessons_is_found(built, capsys):
    again = SETUP + '# %% export="fast"\nclass Scale:\n    pass\n'
    (built.root / "solutions/02_again.py").write_text(again)
    expected = "`Scale` is exported twice, first by solutions/01_small.py, cell 4 (Scale)"
    assert f"02_again.py, cell 2 (start--2): {expected}" in complaints(built, capsys)[0]


def test_broken_source_stops_only_what_it_goes_into(built, capsys):
    (built.root / "solutions/02_broken.py").write_text(SETUP + "\n# %%\nx =\n")
    built.change("# # A small lesson", "# # A renamed lesson")
    block = built.block.read_bytes()
    assert built.build() == 1
    assert "# A renamed lesson" in sources(built.blank)[0]
    assert built.block.read_bytes() == block
    assert not (built.root / "lessons/02_broken.ipynb").exists()
    assert "solutions/02_broken.py, cell 2 (start--2): `x =`" in capsys.readouterr().out


# The course itself


@pytest.mark.parametrize("lesson", read_lessons(ROOT), ids=lambda lesson: lesson.path.stem)
def test_blank_lesson_shows_no_line_of_a_solution(lesson):
    blank = nbformat.read(ROOT / "lessons" / f"{lesson.path.stem}.ipynb", as_version=4)
    shown = {line.strip() for cell in blank.cells for line in cell.source.splitlines()}
    for _, cell in lesson.code():
        answers = {line.strip() for line, part in parts(cell.source) if part == "answer"}
        told = {line for line in answers & shown if len(line) > 35}  # shorter ones are idioms
        assert not told, f"{cell.id}: {told}"
    assert all(not cell.get("outputs") for cell in blank.cells)
