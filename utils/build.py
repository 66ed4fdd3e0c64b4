"""Make the notebooks and the blocks of the course from the one source of each lesson.

    python3 course.py build                    write what has changed
    python3 course.py build --execute          ... and run the solved notebooks whose code has
    python3 course.py build --execute 01 03    ... and run these
    python3 course.py build --check            change nothing, list all that is not in order

From `solutions/NN_topic.py` (what it looks like: `utils/lessons.py`) come

    solutions/NN_topic.ipynb    solved and executed, with its outputs
    lessons/NN_topic.ipynb      blank: each solution replaced by its TODO comments
    solutions/blocks/*.py       the solved cells marked `export="..."`, as modules

Every made file carries a checksum of itself. It tells a file that was edited by hand from one
that is older than its source.
"""

import argparse
import asyncio
import copy
import hashlib
import os
import re
import sys
import tempfile
import tomllib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.reader import NotJSONError

from utils.lessons import (
    BLOCK_IMPORTS,
    Lesson,
    Problem,
    blank_code,
    defined_names,
    free_names,
    place,
    public,
    read_lessons,
    solved_code,
    source_problems,
    style_problems,
    tags,
)

ROOT = Path(__file__).resolve().parent.parent
BUILD = "`python3 course.py build`"
EXECUTE = "`python3 course.py build --execute`"

UNSEALED = "checksum " + 16 * "0"
SEAL = re.compile(r"\bchecksum [0-9a-f]{16}\b")

SETUP = """\
import sys
import tempfile
from pathlib import Path

here = Path.cwd()
root = next((p for p in [here, *here.parents] if (p / "course.py").exists()), None)
if root is None:
OTHERWISE
sys.path.insert(0, str(root))

from utils.quiet import tensorflow as tf  # before Keras: it keeps TensorFlow's log lines away
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from utils import datasets, gradients, plots
from utils.exercise import check, finish, hint, predict, recall, reveal, solution
from utils.keras_exam import keras_exam, keras_exams
from utils.microscope import microscope
from utils.sweep import sweep"""

SETUP_RAISE = """\
    raise FileNotFoundError(f"No course.py in or above {here}: open the notebook in the course")"""

SETUP_CLONE = """\
    import subprocess
    root = here / "course"  # only the notebook is here, as on Colab: fetch the rest
    if not root.exists():
        subprocess.run(["git", "clone", "--quiet", "--depth=1", "REPOSITORY", root], check=True)"""

SETUP_SOLVED = """
from utils import progress, status
progress.pause()  # a solved notebook leaves your own record alone,
status.silence()  # and keeps no trace of what was under way"""


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Build or check the course in the folder `root`; 0 if all is in order."""
    parser = argparse.ArgumentParser(prog="course.py build", description="Make the notebooks.")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="change nothing, list what is wrong")
    modes.add_argument("--execute", nargs="*", metavar="NN", help="run these, or all that need it")
    options = parser.parse_args(argv)
    lessons = read_lessons(root)
    unknown = set(options.execute or []) - {lesson.path.name[:2] for lesson in lessons}
    if unknown:
        parser.error(f"no lesson has the number {', '.join(sorted(unknown))}: use two digits.")

    problems = source_problems(lessons)
    texts = made_texts(root, lessons, broken={problem.file for problem in problems})
    if options.check:
        problems += style_problems(lessons) + made_problems(root, lessons, texts)
    else:
        for path, text in texts.items():
            write(path, text, root)
        problems += execute_all(root, lessons, texts, options.execute)
    for problem in problems:
        print(problem)
    return int(bool(problems))


# Notebooks


def make_notebook(lesson: Lesson, root: Path, solved: bool) -> NotebookNode:
    """The solved or the blank notebook of a lesson, without outputs."""
    cells = [copy.deepcopy(c) for c in lesson.cells if solved or "solution-only" not in tags(c)]
    for cell in cells:
        cell.metadata.pop("export", None)
        if "setup" in tags(cell):
            cell.source = setup_code(root, solved)
        elif cell.cell_type == "code":
            cell.source = solved_code(cell) if solved else blank_code(cell)
    if cells[0].cell_type == "markdown":
        cells[0].source += f"\n\n<!-- Made from {lesson.source} by {BUILD}. -->"
    metadata = {
        "course": {"made_from": lesson.source, "seal": UNSEALED},
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def setup_code(root: Path, solved: bool) -> str:
    """The first code cell: find the course or fetch it, and import what every lesson uses."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    repository = settings["tool"]["course"]["repository"]
    otherwise = SETUP_CLONE.replace("REPOSITORY", repository) if repository else SETUP_RAISE
    return SETUP.replace("OTHERWISE", otherwise) + (SETUP_SOLVED if solved else "")


def keep_outputs(notebook: NotebookNode, path: Path) -> None:
    """Take over the outputs of the notebook at `path` if its code is the same."""
    if not path.exists() or not is_sealed(read(path)):
        return
    new, old = code_cells(notebook), code_cells(nbformat.read(path, as_version=4))
    if [cell.source for cell in new] == [cell.source for cell in old]:
        for new_cell, old_cell in zip(new, old, strict=True):
            new_cell.outputs = old_cell.outputs
            new_cell.execution_count = old_cell.execution_count


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Blocks


def make_blocks(lessons: list[Lesson]) -> dict[str, str]:
    """The text of each module of `solutions/blocks/`, by name."""
    exports, module_of = defaultdict(list), {}
    for lesson in lessons:
        for _, cell in lesson.code():
            if module := cell.metadata.get("export"):
                code = solved_code(cell).strip()
                exports[module].append((lesson, code))
                module_of |= dict.fromkeys(defined_names(code), module)
    return {module: block_text(module, exports[module], module_of) for module in exports}


def block_text(module: str, exports: list[tuple[Lesson, str]], module_of: dict[str, str]) -> str:
    """A module that reads as if written by hand: docstring, imports, definitions."""
    used = set().union(*(free_names(code) for _, code in exports))
    imported = defaultdict(list)
    for name in sorted(used - BLOCK_IMPORTS.keys(), key=lambda name: (module_of[name], name)):
        imported[module_of[name]].append(name)
    imported.pop(module, None)
    origins = [f"{public(defined_names(code))[0]}: {lesson.source}" for lesson, code in exports]
    head = [
        f"# Made from the sources named below by {BUILD}, {UNSEALED}",
        f'"""The blocks of the course in `{module}`, as its lessons solve them.\n',
        *origins,
        '"""',
    ]
    given = [line for name, line in BLOCK_IMPORTS.items() if name in used]
    own = [f"from solutions.blocks.{m} import {', '.join(imported[m])}" for m in imported]
    own += [line for line in given if line.startswith("from utils")]
    libraries = [line for line in given if line not in own]
    top = "\n\n".join("\n".join(lines) for lines in (head, libraries, own) if lines)
    return "\n\n\n".join([top, *(code for _, code in exports)]) + "\n"


# Writing


def made_texts(root: Path, lessons: list[Lesson], broken: set[str]) -> dict[Path, str]:
    """What every made file must contain, leaving out what broken sources would go into."""
    texts = {}
    for lesson in lessons:
        if lesson.source not in broken:
            blank, solved = notebook_paths(root, lesson)
            texts[blank] = notebook_text(make_notebook(lesson, root, solved=False))
            notebook = make_notebook(lesson, root, solved=True)
            keep_outputs(notebook, solved)
            texts[solved] = notebook_text(notebook)
    if not broken:
        for module, text in make_blocks(lessons).items():
            texts[block_path(root, module)] = seal(text)
    return texts


def notebook_paths(root: Path, lesson: Lesson) -> tuple[Path, Path]:
    """Where the blank and the solved notebook of a lesson are."""
    name = f"{lesson.path.stem}.ipynb"
    return root / "lessons" / name, root / "solutions" / name


def block_path(root: Path, module: str) -> Path:
    return root / "solutions" / "blocks" / f"{module}.py"


def notebook_text(notebook: NotebookNode) -> str:
    return seal(nbformat.writes(notebook) + "\n")


def seal(text: str) -> str:
    """Put a checksum of the text into the text."""
    text = SEAL.sub(UNSEALED, text)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return text.replace(UNSEALED, f"checksum {digest}")


def is_sealed(text: str) -> bool:
    """Whether a made file is as the builder left it."""
    return bool(SEAL.search(text)) and seal(text) == text


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def write(path: Path, text: str, root: Path) -> None:
    """Write a made file if that changes it; keep a version that was edited by hand beside it."""
    old = read(path) if path.exists() else None
    if old == text:
        return
    print(f"made {shown(path, root)}")
    if old is not None and not is_sealed(old):
        edited = path.replace(path.with_name(path.name + ".edited"))
        print(f"  it was edited by hand; that version is now {shown(edited, root)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


# Executing


def execute_all(
    root: Path, lessons: list[Lesson], texts: dict[Path, str], numbers: list[str] | None
) -> list[Problem]:
    """Run the solved notebooks with these numbers, or those that need it; None: only name them."""
    solved = [path for x in lessons if (path := notebook_paths(root, x)[1]) in texts]
    if numbers:
        chosen = [path for path in solved if path.name[:2] in numbers]
    else:
        chosen = [path for path in solved if not is_executed(path)]
    if numbers is None:
        for path in chosen:
            print(f"{shown(path, root)} has to be executed: run {EXECUTE}.")
        return []
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda path: execute(path, root), chosen)
        return [problem for problems in results for problem in problems]


def is_executed(path: Path) -> bool:
    notebook = nbformat.read(path, as_version=4)
    return all(cell.execution_count for cell in code_cells(notebook))


def execute(path: Path, root: Path) -> list[Problem]:
    """Run a solved notebook and keep its outputs; else say which cell failed, and why."""
    notebook = nbformat.read(path, as_version=4)
    metadata, started = copy.deepcopy(notebook.metadata), []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: started.append(place(cell_index, cell)),
    )
    with tempfile.TemporaryDirectory() as record:
        try:
            asyncio.run(client.async_execute(env=os.environ | {"COURSE_RECORD": record}))
        except CellExecutionError as error:
            return [Problem(shown(path, root), started[-1], f"{error.ename}: {error.evalue}")]
        except (CellTimeoutError, DeadKernelError) as error:
            return [Problem(shown(path, root), started[-1], str(error).splitlines()[0])]
    notebook.metadata = metadata  # without what the kernel says about itself
    for count, cell in enumerate(code_cells(notebook), start=1):
        normalise(cell, count)
    path.write_text(notebook_text(notebook), encoding="utf-8", newline="\n")
    print(f"executed {shown(path, root)}")
    return output_problems(path, root)


def normalise(cell: NotebookNode, count: int) -> None:
    """Leave only what does not depend on how fast a cell ran: one stream in a row, no widgets."""
    outputs = []
    for output in cell.outputs:
        if outputs and output.output_type == "stream" and output.name == outputs[-1].get("name"):
            outputs[-1].text += output.text
            continue
        if output.output_type == "execute_result":
            output.execution_count = count
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
        outputs.append(output)
    cell.outputs, cell.execution_count = outputs, count


# Checking


def made_problems(root: Path, lessons: list[Lesson], texts: dict[Path, str]) -> list[Problem]:
    """Made files that are missing, stale, edited by hand, orphaned or not well executed."""
    found = [problem for path in texts for problem in file_problems(path, texts[path], root)]
    codes = [cell for lesson in lessons for _, cell in lesson.code()]
    owned = {block_path(root, c.metadata.export) for c in codes if "export" in c.metadata}
    owned |= {path for lesson in lessons for path in notebook_paths(root, lesson)}
    for pattern in ("lessons/*.ipynb", "solutions/*.ipynb", "solutions/blocks/*.py"):
        for path in sorted(set(root.glob(pattern)) - owned):
            message = "orphaned, no source makes it: delete it, or bring its source back."
            found.append(Problem(shown(path, root), "", message))
    return found


def file_problems(path: Path, text: str, root: Path) -> list[Problem]:
    """What is wrong with a made file that must contain `text`."""
    name, is_solved = shown(path, root), path.parent == root / "solutions"
    if not path.exists():
        return [Problem(name, "", f"missing: run {BUILD}.")]
    present = read(path)
    if present == text:
        return output_problems(path, root) if is_solved else []
    if is_sealed(present):
        command = EXECUTE if is_solved else BUILD
        message = f"stale, its source or the builder changed: run {command}."
    else:
        source = f"solutions/{path.stem}.py" if path.suffix == ".ipynb" else "its source"
        message = f"edited by hand: put the change into {source}, then run {BUILD}."
    return [Problem(name, difference(present, text), message)]


def difference(present: str, expected: str) -> str:
    """Where a made file first differs from what it must be: its cell, or its line."""
    try:
        old, new = (nbformat.reads(text, as_version=4).cells for text in (present, expected))
    except NotJSONError:
        lines = zip_longest(present.splitlines()[1:], expected.splitlines()[1:])
        return f"line {next((n for n, (a, b) in enumerate(lines, start=2) if a != b), 1)}"
    for index, (a, b) in enumerate(zip_longest(old, new, fillvalue={})):
        if any(a.get(key) != b.get(key) for key in ("id", "cell_type", "source")):
            return place(index, b or a)
    return "outputs or metadata"


def output_problems(path: Path, root: Path) -> list[Problem]:
    """The first cell of a solved notebook that was not executed; all that report an error."""
    found, is_executed = [], True
    for index, cell in enumerate(nbformat.read(path, as_version=4).cells):
        messages = []
        if is_executed and cell.cell_type == "code" and not cell.execution_count:
            messages.append(f"not executed: run {EXECUTE}.")
            is_executed = False
        for output in cell.get("outputs", []):
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                messages.append(f"it ended in {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                messages.append(f"it wrote to stderr: {output.text.strip()[:200]}")
        found += [Problem(shown(path, root), place(index, cell), text) for text in messages]
    return found


if __name__ == "__main__":
    sys.exit(main())
