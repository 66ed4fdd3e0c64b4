"""The sources of the lessons: read them, cut out the solutions, say what is wrong with them.

A source is a jupytext file in the percent format, `solutions/NN_topic.py`. Its first code cell
carries `tags=["setup"]`; an exercise carries `exercise="Dense"` and holds its answer between
`### BEGIN SOLUTION` and `### END SOLUTION`, with the steps as `# TODO: ...` comments inside; a
cell with `export="layers"` goes to `solutions/blocks/layers.py` as well.
"""

import ast
import builtins
import re
import symtable
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

# With `comment_magics` jupytext would take the comment "# copy the weights" for a shell command.
FORMAT = {"extension": ".py", "format_name": "percent", "comment_magics": False}
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
LONGEST_CELL = 25  # lines of code

# What exported code may use besides exported names, in the order of the import lines.
BLOCK_IMPORTS = {
    "keras": "import keras",
    "np": "import numpy as np",
    "ops": "from keras import ops",
    "gradients": "from utils import gradients",
    "tf": "from utils.quiet import tensorflow as tf",
}


@dataclass(frozen=True)
class Problem:
    """What is not in order: in which file and cell, and what to do about it."""

    file: str
    cell: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}{', ' if self.cell else ''}{self.cell}: {self.message}"


@dataclass(frozen=True)
class Lesson:
    """A source and its cells, as they are written there but with lasting ids."""

    path: Path
    cells: list[NotebookNode]

    @property
    def source(self) -> str:
        """The file's name as messages and made files show it."""
        return f"solutions/{self.path.name}"

    def code(self) -> Iterator[tuple[str, NotebookNode]]:
        """The code cells, each with the name that messages give it."""
        for index, cell in enumerate(self.cells):
            if cell.cell_type == "code":
                yield place(index, cell), cell


def place(index: int, cell: NotebookNode) -> str:
    """How messages call a cell: its position, counted from 1, and its id."""
    return f"cell {index + 1} ({cell.id})"


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def read_lessons(root: Path) -> list[Lesson]:
    """All lessons of the course, in order."""
    lessons = []
    for path in sorted((root / "solutions").glob("[0-9][0-9]_*.py")):
        cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt=FORMAT).cells
        for cell, cell_id in zip(cells, cell_ids(cells), strict=True):
            cell.id = cell_id
            cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note to itself
        lessons.append(Lesson(path, cells))
    return lessons


def cell_ids(cells: list[NotebookNode]) -> list[str]:
    """The exercise's name, or the cell's place after the last exercise or heading.

    A new cell therefore changes only the ids that follow it in its own section.
    """
    ids, section, count = [], "start", Counter()
    for cell in cells:
        exercise = cell.metadata.get("exercise")
        heading = re.match(r"#+ (.+)", cell.source) if cell.cell_type == "markdown" else None
        if exercise:
            section = exercise
        elif heading:
            section = re.sub(r"[^a-z0-9]+", "-", heading[1].lower()).strip("-")[:50]
        count[section] += 1
        is_named = exercise and exercise not in ids
        ids.append(exercise if is_named else f"{section}--{count[section]}")
    return ids


# Solutions in and out


def solved_code(cell: NotebookNode) -> str:
    """The code of a cell without the markers and the TODO comments between them."""
    return "\n".join(line for line, part in parts(cell.source) if part in ("outside", "answer"))


def blank_code(cell: NotebookNode) -> str:
    """The code of a cell where TODO comments and an error stand in for each solution."""
    lines = []
    for number, (line, part) in enumerate(parts(cell.source), start=1):
        if part == "begin":
            indent, turn = line[: line.index("#")], exercise_step(cell, number)
        elif part == "outside":
            lines.append(line)
        elif part == "todo":
            lines.append(indent + line.strip())
        elif part == "end":
            lines.append(f'{indent}raise NotImplementedError("Your turn: {turn}")')
    return re.sub(r"(\bcheck\(.*?), strict=True(?=[,)])", r"\1", "\n".join(lines))


def parts(source: str) -> Iterator[tuple[str, str]]:
    """Each line of a cell and what it is: outside, begin, todo, answer or end."""
    part = "outside"
    for line in source.splitlines():
        text = line.strip()
        if text == BEGIN:
            part = "begin"
        elif text == END:
            part = "end"
        elif part in ("outside", "end"):
            part = "outside"
        elif text.startswith("# TODO") or (part == "todo" and text.startswith("#  ")):
            part = "todo"
        else:
            part = "answer"
        yield line, part


def exercise_step(cell: NotebookNode, line: int) -> str:
    """The exercise's name, with the method around the line: `Dense.call`, or `moments`."""
    for node in ast.parse(cell.source).body:
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(method, ast.FunctionDef) and method.lineno <= line <= method.end_lineno:
                return f"{cell.metadata.exercise}.{method.name}"
    return cell.metadata.exercise


def defined_names(code: str) -> list[str]:
    """The classes and functions that the code defines."""
    definitions = (ast.ClassDef, ast.FunctionDef)
    return [node.name for node in ast.parse(code).body if isinstance(node, definitions)]


def free_names(code: str) -> set[str]:
    """The names that the code uses and that neither it nor Python defines."""

    def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
        yield table
        for child in table.get_children():
            yield from scopes(child)

    tables = scopes(symtable.symtable(code, "cell", "exec"))
    used = {symbol.get_name() for t in tables for symbol in t.get_symbols() if symbol.is_global()}
    return used - set(dir(builtins)) - set(defined_names(code))


# What is wrong with the sources


def source_problems(lessons: list[Lesson]) -> list[Problem]:
    """What keeps the sources from being built."""
    found = []
    for lesson in lessons:
        code = [cell for _, cell in lesson.code()]
        if not code or "setup" not in tags(code[0]):
            message = 'the set-up cell is missing: put `# %% tags=["setup"]` before all other code.'
            found.append(Problem(lesson.source, "", message))
        for where, cell in lesson.code():
            message = syntax_problem(cell.source) or region_problem(cell)
            if message:
                found.append(Problem(lesson.source, where, message))
    broken = {problem.file for problem in found}
    return found + export_problems([lesson for lesson in lessons if lesson.source not in broken])


def syntax_problem(code: str) -> str | None:
    """The line that is not Python, if there is one."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        line = code.splitlines()[error.lineno - 1].strip()
        if line.startswith(("%", "!")):
            return f"`{line}` is a magic or a shell line: write it in Python."
        return f"`{line}` is not valid Python ({error.msg}): correct it."
    return None


def region_problem(cell: NotebookNode) -> str | None:
    """What is wrong with the solution regions of a cell, if anything."""
    region = None  # inside a region: what its lines are
    for line, part in parts(cell.source):
        if part == "begin":
            if region is not None:
                return f"`{BEGIN}` inside a region: close the first one with `{END}`."
            if "exercise" not in cell.metadata:
                return 'a solution without a name: add `exercise="..."` to the `# %%` line.'
            region = set()
        elif part == "end":
            if region is None:
                return f"`{END}` without `{BEGIN}` before it: add one."
            if "todo" not in region:
                return "a solution without a step: begin it with a `# TODO: ...` comment."
            region = None
        elif re.match(r"\s*#+\s*(BEGIN|END)\s+SOLUTION", line, re.IGNORECASE):
            return f"`{line.strip()}` is not a marker: write `{BEGIN}` or `{END}`."
        elif region is not None:
            region.add(part)
    return None if region is None else f"`{BEGIN}` without `{END}` after it: add one."


def export_problems(lessons: list[Lesson]) -> list[Problem]:
    """What keeps exported cells from standing in a module of their own."""
    found, origin = [], {}
    for lesson in lessons:
        for where, cell in lesson.code():
            if "export" not in cell.metadata:
                continue
            code = solved_code(cell)
            names = defined_names(code)
            messages = [
                f"`{name}` is exported twice, first by {origin[name]}: export it once."
                for name in names
                if name in origin
            ]
            origin |= dict.fromkeys(names, f"{lesson.source}, {where}")
            if len(names) < len(ast.parse(code).body) or len(public(names)) != 1:
                messages.append("an exported cell holds one public class or function, no more.")
            messages += [
                f"exported code uses `{name}`, which its module does not have. Export `{name}` "
                f"before it, or import it inside; only {', '.join(BLOCK_IMPORTS)} are given."
                for name in sorted(free_names(code) - BLOCK_IMPORTS.keys() - origin.keys())
            ]
            found += [Problem(lesson.source, where, message) for message in messages]
    return found


def public(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def style_problems(lessons: list[Lesson]) -> list[Problem]:
    """Cells longer than the house style has them; an exported class is as long as it must be."""
    found = []
    for lesson in lessons:
        for where, cell in lesson.code():
            lines = [line.strip() for line in cell.source.splitlines()]
            length = sum(bool(line) and not line.startswith("#") for line in lines)
            if length > LONGEST_CELL and "export" not in cell.metadata:
                message = f"{length} lines of code, more than {LONGEST_CELL}: split the cell."
                found.append(Problem(lesson.source, where, message))
    return found
