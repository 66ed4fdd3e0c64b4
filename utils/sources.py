"""The source text of a class or function, wherever it was defined.

`source_of(obj)` is the text of the class or function alone. `standalone(obj)` is the text of a
module that defines it by itself: the imports, constants, helpers and base classes it needs, then
`obj`. `load(text, name)` runs such a text and gives back what it defines.

In a notebook a class has no file, and `inspect.getsource` fails. Its methods do know the cell they
came from, and `linecache` has the text of every cell that ran.
"""

import ast
import builtins
import hashlib
import inspect
import linecache
import math
import symtable
import sys
import sysconfig
import textwrap
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LONGEST_CONSTANT = 2_000  # characters; anything longer is data, not a constant
LITERALS = (type(None), bool, int, float, complex, str, bytes, tuple, list, set, dict)
UNNAMED = ("lambda", "listcomp", "setcomp", "dictcomp", "genexpr")  # what `symtable` calls them

Definition = type | types.FunctionType
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
NamedNode = ast.ClassDef | FunctionNode
Node = NamedNode | ast.Assign  # an assignment, where a lambda was given a name


class SourceError(ValueError):
    """The text of a class or function cannot be found, kept or run. The message says why."""


def source_of(obj: Any) -> str:
    """Return the text of one class or function, decorators included, dedented.

    Args:
        obj: a class, a function, a method, or a lambda that was given a name (`f = lambda x: x`).

    Raises:
        SourceError: `obj` is something else, or its text cannot be found.
    """
    text, node = _find(_definition(obj))
    return _cut(text, node)


def standalone(obj: Any) -> str:
    """Return the text of a module that defines `obj` and everything it needs.

    What was imported is imported again. What was defined beside `obj`, in the same file or in any
    cell of the notebook, is copied. Numbers, strings, containers of them and small arrays become
    assignments. A class of an installed library is imported.

    Args:
        obj: a class or a function.

    Raises:
        SourceError: `obj` uses a live object (a model, a tensor, an open file), or its text is no
            longer what runs. The message names it, the function that uses it, and what to do.
    """
    obj = _definition(obj)
    if obj.__name__ == "<lambda>":
        raise SourceError("A lambda has no name to keep it under. Write it with `def`.")
    kept = _Kept(home=None if _is_installed(obj) else obj.__module__)
    kept.add_name(obj.__name__, obj, user=obj.__name__)
    return kept.text()


def load(text_or_path: str | Path, name: str) -> Any:
    """Run a text in a module of its own and return the class or function `name` it defines.

    `source_of` and `standalone` work on what comes back.

    Args:
        text_or_path: the text (a `str`), or the file that holds it (a `Path`).
        name: what to return, the name of a class or function.

    Raises:
        SourceError: the file cannot be read, or the text cannot be run or does not define `name`.
    """
    if isinstance(text_or_path, Path):
        label = filename = str(text_or_path)
        try:
            text = text_or_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{label} cannot be read: {error}.") from error
        digest = _digest(text)
    else:
        text = text_or_path
        digest = _digest(text)
        label, filename = f"The text of `{name}`", f"<{name} {digest}>"

    module = types.ModuleType(f"loaded_{name}_{digest}")
    module.__file__ = filename
    sys.modules[module.__name__] = module
    # An entry without a time: `linecache.checkcache` leaves it alone.
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    try:
        exec(compile(text, filename, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        frame = innermost_line(error, filename)
        line = f"line {frame.lineno}, `{frame.line}`, raised " if frame else ""
        reason = f"{type(error).__name__}: {error}"
        raise SourceError(f"{label} cannot be run: {line}{reason}.") from error
    if not hasattr(module, name):
        defined = [node.name for node in ast.parse(text).body if isinstance(node, NamedNode)]
        raise SourceError(
            f"{label} does not define `{name}`. It defines: {', '.join(defined) or 'no class'}. "
            f"Give the class the name {name}."
        )
    return getattr(module, name)


def innermost_line(error: BaseException, filename: str) -> traceback.FrameSummary | None:
    """Return the last line of the file `filename` that ran before `error` was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame for frame in reversed(frames) if frame.filename == filename), None)


# Finding the text of one definition


def _definition(obj: Any) -> Definition:
    """Return the class or plain function behind `obj`: methods and wrappers are opened."""
    if isinstance(obj, type):
        return obj
    function = inspect.unwrap(getattr(obj, "__func__", obj)) if callable(obj) else None
    if isinstance(function, types.FunctionType):
        return function
    if isinstance(obj, types.BuiltinFunctionType | np.ufunc):
        raise SourceError(f"`{obj.__name__}` is compiled code: there is no Python text of it.")
    raise SourceError(
        f"Expected a class or a function. Received: an object of type {type(obj).__name__}. "
        f"Give the class itself, without parentheses."
    )


def _find(obj: Definition) -> tuple[str, Node]:
    """Return the text in which `obj` was defined, and its node in the syntax tree of that text."""
    for text, line in _places(obj):
        nodes = [node for node in ast.walk(_parse(text)) if _defines(node, obj, line)]
        if nodes:
            return text, max(nodes, key=_first_line)  # the innermost, or the newest
    if obj.__name__ == "<lambda>":
        raise SourceError("A lambda inside an expression has no name. Write it with `def`.")
    raise SourceError(
        f"The text of `{obj.__name__}` cannot be found. "
        "Run the cell that defines it again, or save its file and import it again."
    )


def _places(obj: Definition) -> Iterator[tuple[str, int | None]]:
    """Yield the texts that may define `obj`, each with a line number inside the definition."""
    functions = [obj] if isinstance(obj, types.FunctionType) else _methods(obj)
    for function in functions:
        code = function.__code__
        yield _text_of_file(code.co_filename, function.__globals__), code.co_firstlineno
    if not functions:  # nothing to go by: the file of its module, then the cells, newest first
        file = getattr(sys.modules.get(obj.__module__), "__file__", None)
        cells = [name for name in reversed(linecache.cache) if not Path(name).exists()]
        for filename in [file, *cells] if file else cells:
            yield _text_of_file(filename), None


def _methods(cls: type) -> list[types.FunctionType]:
    """Return the functions that were written inside the class, not put there afterwards."""
    functions = []
    for value in vars(cls).values():
        value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if callable(value) and not isinstance(value, type):
            value = inspect.unwrap(value)
        if isinstance(value, types.FunctionType):
            if value.__qualname__.startswith(f"{cls.__qualname__}."):
                functions.append(value)
    return functions


def _defines(node: ast.AST, obj: Definition, line: int | None) -> bool:
    """Whether `node` defines `obj`, one of whose lines is `line`."""
    if isinstance(obj, type):
        if not (isinstance(node, ast.ClassDef) and node.name == obj.__name__):
            return False
        if line is None:  # an older or newer class of the same name may bind other names
            return _bound_names(node) <= set(vars(obj))
        return _first_line(node) <= line <= node.end_lineno
    if obj.__name__ == "<lambda>":
        is_named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        return is_named and isinstance(node.value, ast.Lambda) and node.value.lineno == line
    is_named = isinstance(node, FunctionNode) and node.name == obj.__name__
    return is_named and _first_line(node) == line


def _bound_names(node: ast.ClassDef) -> set[str]:
    """Return the names that the body of a class gives a meaning, by `def`, `class` or `=`."""
    names = {each.name for each in node.body if isinstance(each, NamedNode)}
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            names.update(each.id for each in statement.targets if isinstance(each, ast.Name))
    return names


def _text_of_file(filename: str, module_globals: dict[str, Any] | None = None) -> str:
    return "".join(linecache.getlines(filename, module_globals))


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:  # a file that is not Python, or one that is being edited
        return ast.Module(body=[], type_ignores=[])


def _first_line(node: Node) -> int:
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])


def _cut(text: str, node: Node) -> str:
    lines = text.splitlines(keepends=True)[_first_line(node) - 1 : node.end_lineno]
    return textwrap.dedent("".join(lines)).rstrip() + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# What a definition needs


class _Kept:
    """The module that is being put together: its imports, constants and definitions.

    Args:
        home: name of the module whose definitions are copied, where others' are imported.
    """

    def __init__(self, home: str | None) -> None:
        self.home = home
        self.imports: set[str] = set()
        self.constants: list[str] = []
        self.definitions: list[str] = []
        self.meanings: dict[str, Any] = {}  # what each name of the module stands for
        self.begun: list[Definition] = []
        self.finished: list[Definition] = []

    def text(self) -> str:
        """Return the module: imports, then constants, then definitions."""
        imports = sorted(self.imports)
        imports.sort(key=lambda line: ("__future__" not in line, line.startswith("from")))
        head = ["\n".join(lines) + "\n" for lines in (imports, self.constants) if lines]
        return "\n\n".join(["\n".join(head), *self.definitions]).lstrip("\n")

    def add_name(self, name: str, value: Any, user: str) -> None:
        """Keep what `name` stands for where `user`, a class or function, uses it."""
        literal = _literal(value)
        if name in self.meanings:
            known = self.meanings[name]
            if known is value or (literal is not None and literal == _literal(known)):
                return
            if _is_same_text(known, value):  # kept in two files, or defined again as it was
                return
            raise SourceError(
                f"`{name}`, which `{user}` uses, stands for two different things: it was defined "
                "anew in between. Run the cells again from the top, or rename one of the two."
            )
        self.meanings[name] = value
        if literal is not None:
            self.constants.append(f"{name} = {literal}")
            if "numpy." in literal:
                self.imports.add("import numpy")
        elif statement := self.import_of(name, value):
            self.imports.add(statement)
        elif not self.add_definition(name, value, user):
            raise SourceError(
                f"`{name}`, which `{user}` uses, cannot be kept as text: it is an object of type "
                f"{type(value).__name__}. Make it inside `{user}`, or pass it in as an argument."
            )

    def import_of(self, name: str, value: Any) -> str | None:
        """Return the statement that imports `value` as `name`; None for what is to be copied."""
        if isinstance(value, types.ModuleType):
            if value.__spec__ is None or value.__name__ == "__main__":
                return None
            parent, _, own_name = value.__name__.rpartition(".")
            alias = "" if name == own_name else f" as {name}"
            if value.__name__ == "tensorflow":
                parent = "utils.quiet"  # which imports it without its log lines
            elif not parent or alias:
                return f"import {value.__name__}{alias}"
            else:
                parent = _public_home(value, parent, own_name) or parent
            return f"from {parent} import {own_name}{alias}"
        own_name = getattr(value, "__name__", name)
        module = getattr(value, "__module__", None)
        if not isinstance(module, str) or module in (self.home, "__main__"):
            return None
        home = _public_home(value, module, own_name)
        alias = "" if name == own_name else f" as {name}"
        return home and f"from {home} import {own_name}{alias}"

    def add_definition(self, name: str, value: Any, user: str) -> bool:
        """Copy the class or function `value`, known as `name`; False where it is neither."""
        definition = inspect.unwrap(value) if callable(value) else value
        if not isinstance(definition, Definition):
            return False
        text, node = _find(definition)
        is_assignment = isinstance(node, ast.Assign)
        if definition is not value and (is_assignment or not node.decorator_list):
            return False  # `name = wrapper(function)`: the text does not show the wrapper
        own_name = node.targets[0].id if is_assignment else node.name
        if own_name == name:
            self.copy(definition, text, node)
        else:
            self.add_name(own_name, value, user)
            self.definitions.append(f"{name} = {own_name}\n")
        return True

    def copy(self, obj: Definition, text: str, node: Node) -> None:
        """Copy the text of `obj`, after all that it needs."""
        if obj in self.begun:
            return  # two functions may call each other
        self.begun.append(obj)
        source = _cut(text, node)
        bases = _named_bases(obj, node)
        for name, base in bases.items():
            self.add_base(name, base, obj)
        namespace = _namespace(obj)
        used, annotations = _free_names(source)
        for name, user in used.items():
            if name == obj.__name__ or name in bases:
                continue
            if name in namespace:
                self.add_name(name, namespace[name], user)
            elif "<locals>" in obj.__qualname__ and not hasattr(builtins, name):
                raise SourceError(
                    f"`{name}`, which `{user}` uses, is local to the function in which `{user}` "
                    f"is defined. Define `{obj.__name__}` and `{name}` outside of any function."
                )
        for name in annotations.difference(used, bases, vars(builtins)):
            if statement := self.import_of(name, namespace.get(name)):
                self.imports.add(statement)
            else:
                self.imports.add("from __future__ import annotations")  # then nothing looks it up
        _refuse_patches(obj, node)
        self.definitions.append(source)
        self.finished.append(obj)

    def add_base(self, name: str, base: type, cls: type) -> None:
        """Keep a base class, which may bear the name of the class itself: `class A(A)`."""
        if base in self.begun and base not in self.finished:
            raise SourceError(
                f"`{base.__name__}` uses `{cls.__name__}`, which is derived from it. "
                f"Let `{base.__name__}` do without `{cls.__name__}`."
            )
        if name != cls.__name__:
            self.add_name(name, base, cls.__name__)
        elif statement := self.import_of(name, base):
            self.imports.add(statement)
        else:
            self.copy(base, *_find(base))


def _is_same_text(one: Any, other: Any) -> bool:
    """Whether two classes or functions were written in the same words."""
    if not isinstance(one, Definition) or not isinstance(other, Definition):
        return False
    return source_of(one) == source_of(other)


def _free_names(source: str) -> tuple[dict[str, str], set[str]]:
    """Return the names that a definition takes from outside, and those in its annotations.

    Each of the former comes with the class, method or function that uses it first.
    """
    tree = ast.parse(source)
    annotations: set[str] = set()
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if annotation := getattr(node, field, None):
                named = (each for each in ast.walk(annotation) if isinstance(each, ast.Name))
                annotations.update(each.id for each in named)
                setattr(node, field, ast.Constant(None))
    used: dict[str, str] = {}

    def visit(table: symtable.SymbolTable, path: tuple[str, ...]) -> None:
        for symbol in sorted(table.get_symbols(), key=symtable.Symbol.get_name):
            is_own = not path and symbol.is_assigned()
            is_special = symbol.get_name().startswith("__")  # every module has its own
            if symbol.is_global() and symbol.is_referenced() and not is_own and not is_special:
                used.setdefault(symbol.get_name(), ".".join(path) or own_name)
        for child in table.get_children():
            is_named = child.get_name().isidentifier() and child.get_name() not in UNNAMED
            visit(child, (*path, child.get_name()) if is_named else path or (own_name,))

    own_name = getattr(tree.body[0], "name", "lambda")
    visit(symtable.symtable(ast.unparse(tree), "<definition>", "exec"), ())
    return used, annotations


def _namespace(obj: Definition) -> dict[str, Any]:
    """Return what the free names of `obj` stand for."""
    functions = [obj] if isinstance(obj, types.FunctionType) else _methods(obj)
    namespace = dict(vars(sys.modules[obj.__module__])) if obj.__module__ in sys.modules else {}
    for function in functions:
        namespace.update(function.__globals__)
    for function in functions:
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            if name != "__class__":
                namespace[name] = cell.cell_contents
    return namespace


def _named_bases(obj: Definition, node: Node) -> dict[str, type]:
    """Return the base classes that the text gives by a plain name.

    The name may have got another meaning since: the class was built from what it meant then.
    """
    if not isinstance(node, ast.ClassDef) or len(node.bases) != len(obj.__bases__):
        return {}
    pairs = zip(node.bases, obj.__bases__, strict=True)
    return {written.id: base for written, base in pairs if isinstance(written, ast.Name)}


def _refuse_patches(obj: Definition, node: Node) -> None:
    """Raise where a method was put into a class after its text had run."""
    if not isinstance(node, ast.ClassDef) or node.decorator_list:
        return
    plain = {
        each.name for each in node.body if isinstance(each, NamedNode) and not each.decorator_list
    }
    made = _bound_names(node) - plain  # `build = build_dense`, or what a decorator gave back
    for name, value in vars(obj).items():
        if isinstance(value, types.FunctionType) and name not in made:
            if value.__qualname__ != f"{obj.__qualname__}.{name}":
                raise SourceError(
                    f"`{obj.__name__}.{name}` was put into the class after its text had run. "
                    f"Write `{name}` inside `class {obj.__name__}` and run that cell again."
                )


def _public_home(value: Any, module: str, name: str) -> str | None:
    """Return the shortest module name under which `value` can be imported as `name`."""
    parts = module.split(".")
    public = [part for part in parts if part != "src" and not part.startswith("_")]
    for path in (public, parts):
        for length in range(1, len(path) + 1):
            home = sys.modules.get(".".join(path[:length]))
            if getattr(home, "__spec__", None) and getattr(home, name, None) is value:
                return home.__name__
    return None


def _is_installed(obj: Definition) -> bool:
    """Whether `obj` belongs to Python or an installed library, and not to course or learner."""
    file = getattr(sys.modules.get(obj.__module__), "__file__", None)
    if file is None:
        return obj.__module__ in sys.builtin_module_names and hasattr(builtins, obj.__name__)
    in_library = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return bool(in_library) or Path(file).is_relative_to(sysconfig.get_path("stdlib"))


def _literal(value: Any) -> str | None:
    """Return Python text for a constant; None for anything else, and for what is too long."""
    if isinstance(value, np.ndarray | np.generic):
        items = _literal(value.tolist()) if value.size <= LONGEST_CONSTANT else None
        if items is None:
            return None
        if isinstance(value, np.generic):
            return f"numpy.{type(value).__name__}({items})"
        return f'numpy.array({items}, dtype="{value.dtype}")'
    if type(value) is float and not math.isfinite(value):
        return f'float("{value}")'
    if type(value) not in LITERALS:
        return None
    text = repr(value)
    try:
        is_faithful = len(text) <= LONGEST_CONSTANT and ast.literal_eval(text) == value
    except (ValueError, SyntaxError, TypeError):  # it holds something that is no constant
        return None
    return text if is_faithful else None
