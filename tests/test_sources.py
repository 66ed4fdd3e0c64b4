"""Sources: the text of what was defined in a notebook, and what comes along with it."""

import linecache
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import nbclient
import nbformat
import numpy as np
import pytest

from utils import sources
from utils.quiet import tensorflow as tf
from utils.sources import SourceError, load, source_of, standalone

Cell = Callable[[str], Any]


@pytest.fixture
def cell() -> Iterator[Cell]:
    """Run texts in one namespace, as ipykernel does; each gives back what it defined last."""
    notebook = types.ModuleType("notebook")
    vars(notebook).update(keras=keras, ops=keras.ops, np=np, tf=tf)
    sys.modules["notebook"] = notebook
    names = []

    def run(text: str) -> Any:
        name = f"/nowhere/ipykernel_1/{len(names)}.py"
        names.append(name)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), vars(notebook))
        return list(vars(notebook).values())[-1]

    yield run
    del sys.modules["notebook"]
    for name in names:
        linecache.cache.pop(name)


def refusal(function: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(SourceError) as caught:
        function(*arguments)
    return str(caught.value)


# source_of


def test_source_of_a_class_is_its_part_of_the_cell(cell: Cell) -> None:
    text = "@mark\nclass A:\n    def f(self):\n        return 1\n"
    cell("def mark(cls):\n    return cls\n")
    assert source_of(cell("x = 1\n" + text + "\n\nclass B:\n    pass\nB = A")) == text


def test_source_of_a_redefined_class_is_the_newest(cell: Cell) -> None:
    cell("class A:\n    def f(self):\n        return 1\n")
    newest = cell("del A\nclass A:\n    def f(self):\n        return 2\n")
    assert "return 2" in source_of(newest)


def test_source_of_each_of_two_classes_of_one_name_is_its_own(cell: Cell) -> None:
    cell(
        "class A:\n    def f(self):\n        return 1\nold = A\n"
        "class A:\n    def f(self):\n        return 2\n"
    )
    assert "return 1" in source_of(sys.modules["notebook"].old)
    assert "return 2" in source_of(sys.modules["notebook"].A)


def test_source_of_a_class_without_methods_is_found(cell: Cell) -> None:
    empty = cell("class Empty:\n    rate = 0.5\n")
    cell("del Empty\nclass Empty:\n    def f(self):\n        pass\n")
    assert source_of(empty) == "class Empty:\n    rate = 0.5\n"


def test_source_of_a_method_and_a_wrapped_function_has_the_decorator(cell: Cell) -> None:
    cell("import functools\nclass A:\n    @staticmethod\n    def f():\n        return 1\n")
    assert source_of(sys.modules["notebook"].A.f) == "@staticmethod\ndef f():\n    return 1\n"
    text = "@functools.lru_cache\ndef g(x):\n    return x\n"
    assert source_of(cell(text)) == text
    assert source_of(cell("square = lambda x: x * x")) == "square = lambda x: x * x\n"


def test_source_of_a_class_in_a_file_is_its_text() -> None:
    assert source_of(SourceError) == (
        "class SourceError(ValueError):\n"
        '    """The text of a class or function cannot be found, kept or run. '
        'The message says why."""\n'
    )


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (
            3,
            "Expected a class or a function. Received: an object of type int. "
            "Give the class itself, without parentheses.",
        ),
        (len, "`len` is compiled code: there is no Python text of it."),
        (np.sqrt, "`sqrt` is compiled code: there is no Python text of it."),
        (
            (lambda: 1),
            "A lambda inside an expression has no name. Write it with `def`.",
        ),
        (
            type("Made", (), {}),
            "The text of `Made` cannot be found. Run the cell that defines it again, "
            "or save its file and import it again.",
        ),
    ],
)
def test_source_of_what_has_no_text_is_refused(thing: Any, message: str) -> None:
    assert refusal(source_of, thing) == message


# standalone


def test_standalone_brings_imports_constants_helpers_and_bases(cell: Cell) -> None:
    cell("from keras.layers import Layer\nfrom keras.ops import mean as average\n")
    cell("EPSILON = 1e-3\nTABLE = np.array([1.0, 2.0])\n")
    cell(
        "def inner(x):\n    return ops.sqrt(x + EPSILON)\n\n\ndef helper(x):\n    return inner(x)\n"
    )
    cell(
        "class Base(Layer):\n    limit = float(EPSILON)\n\n    def f(self):\n        return TABLE\n"
    )
    last = cell(
        "class Scale(Base):\n"
        '    """It says model, and np."""\n\n'
        "    def call(self, x):\n"
        "        return [average(helper(tf.nn.relu(y))) for y in x]\n"
    )
    assert standalone(last) == (
        "import numpy\n"
        "from keras import Layer\n"
        "from keras import ops\n"
        "from keras.ops import mean as average\n"
        "from utils.quiet import tensorflow as tf\n"
        "\n"
        "EPSILON = 0.001\n"
        'TABLE = numpy.array([1.0, 2.0], dtype="float64")\n'
        "\n\n"
        "class Base(Layer):\n    limit = float(EPSILON)\n\n    def f(self):\n        return TABLE\n"
        "\n\n"
        "def inner(x):\n    return ops.sqrt(x + EPSILON)\n"
        "\n\n"
        "def helper(x):\n    return inner(x)\n"
        "\n\n"
        "class Scale(Base):\n"
        '    """It says model, and np."""\n\n'
        "    def call(self, x):\n"
        "        return [average(helper(tf.nn.relu(y))) for y in x]\n"
    )


def test_standalone_text_loads_runs_and_is_kept_again(cell: Cell) -> None:
    cell("def double(x):\n    return ops.add(x, x)\n")
    layer = cell(
        "class Twice(keras.layers.Layer):\n    def call(self, x):\n        return double(x)\n"
    )
    text = standalone(layer)
    loaded = load(text, "Twice")
    assert loaded is not layer
    np.testing.assert_array_equal(loaded()(np.ones(3)), np.full(3, 2.0))
    assert standalone(loaded) == text


def test_standalone_follows_a_class_grown_over_cells(cell: Cell) -> None:
    cell("class A:\n    def f(self):\n        return 1\n")
    cell("class A(A):\n    pass\n")
    cell("class A(A):\n    def g(self):\n        return super().f() + 1\n")
    text = standalone(sys.modules["notebook"].A)
    assert text.count("class A") == 3
    assert load(text, "A")().g() == 2


def test_standalone_keeps_values_of_the_function_around(cell: Cell) -> None:
    cell(
        "def make(rate):\n"
        "    class Inner:\n"
        "        def f(self):\n"
        "            return rate\n"
        "    return Inner\n"
    )
    assert load(standalone(cell("Made = make(0.25)")), "Inner")().f() == 0.25


def test_standalone_annotations_ask_for_nothing(cell: Cell) -> None:
    cell("from __future__ import annotations\nimport typing\n")
    cell("class Picture:\n    pass\nsome = Picture()\n")
    function = cell(
        "def f(x: 'some', y: Picture = 1, z: np.ndarray = 1) -> typing.Any:\n    return x\n"
    )
    text = standalone(function)
    assert "some" not in text.replace("'some'", "") and "class Picture" not in text
    assert text.startswith(
        "from __future__ import annotations\nimport numpy as np\nimport typing\n"
    )
    assert load(text, "f")(5) == 5


def test_standalone_of_functions_that_call_each_other_ends(cell: Cell) -> None:
    cell(
        "def odd(n):\n    return n != 0 and even(n - 1)\n"
        "def even(n):\n    return n == 0 or odd(n - 1)\n"
    )
    assert load(standalone(sys.modules["notebook"].odd), "odd")(7) is True


def test_standalone_of_a_keras_class_imports_it() -> None:
    assert standalone(keras.layers.Dense) == "from keras.layers import Dense\n"


@pytest.mark.parametrize("value", [1, -0.5, float("inf"), "é", (1,), [1, {"a": None}], {1}, True])
def test_standalone_constants_come_back_equal(cell: Cell, value: Any) -> None:
    cell("def f():\n    return VALUE\n")
    sys.modules["notebook"].VALUE = value
    assert load(standalone(sys.modules["notebook"].f), "f")() == value


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "<U1"])
def test_standalone_small_arrays_keep_their_dtype(cell: Cell, dtype: str) -> None:
    cell("def f():\n    return VALUES\n")
    sys.modules["notebook"].VALUES = values = np.array([[0, 1]]).astype(dtype)
    kept = load(standalone(sys.modules["notebook"].f), "f")()
    np.testing.assert_array_equal(kept, values, strict=True)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ("keras.Sequential()", "Sequential"),
        ("tf.constant(1.0)", "EagerTensor"),
        ("keras.Variable(1.0)", "Variable"),
        ("np.zeros(5000)", "ndarray"),
        ("[ops]", "list"),
        ("tf.function(len)", "Function"),
    ],
)
def test_standalone_names_the_live_object_and_its_user(cell: Cell, made: str, kind: str) -> None:
    cell(f"thing = {made}\n")
    user = cell("class A:\n    def f(self):\n        return [thing for _ in 'ab']\n")
    message = refusal(standalone, user)
    assert message.startswith(
        "`thing`, which `A.f` uses, cannot be kept as text: it is an object of"
    )
    assert message.endswith(f"{kind}. Make it inside `A.f`, or pass it in as an argument.")


def test_standalone_refuses_a_method_put_in_from_another_cell(cell: Cell) -> None:
    cell("class A:\n    def f(self):\n        return 1\n")
    cell("def better(self):\n    return 2\nA.f = better\n")
    assert refusal(standalone, sys.modules["notebook"].A) == (
        "`A.f` was put into the class after its text had run. "
        "Write `f` inside `class A` and run that cell again."
    )


def test_standalone_refuses_a_name_with_two_meanings(cell: Cell) -> None:
    cell("class Base:\n    def f(self):\n        return 1\n")
    cell("def helper():\n    return Base()\n")
    cell("class A(Base):\n    def g(self):\n        return helper()\n")
    cell("class Base:\n    def f(self):\n        return 2\n")
    assert refusal(standalone, sys.modules["notebook"].A) == (
        "`Base`, which `helper` uses, stands for two different things: it was defined anew in "
        "between. Run the cells again from the top, or rename one of the two."
    )


# load


def test_load_refuses_what_cannot_be_run(tmp_path: Path) -> None:
    file = tmp_path / "block.py"
    assert refusal(load, file, "A").startswith(f"{file} cannot be read: ")
    file.write_text("class A:\n    x = 1 / 0\n")
    assert refusal(load, file, "A") == (
        f"{file} cannot be run: line 2, `x = 1 / 0`, raised ZeroDivisionError: division by zero."
    )
    assert refusal(load, "raise SystemExit(3)", "A").endswith("raised SystemExit: 3.")
    assert "SyntaxError: expected ':'" in refusal(load, "class A\n", "A")
    assert refusal(load, "class B:\n    pass\n", "A") == (
        "The text of `A` does not define `A`. It defines: B. Give the class the name A."
    )


def test_loaded_text_outlives_a_changed_file(tmp_path: Path) -> None:
    file = tmp_path / "block.py"
    file.write_text("class A:\n    def f(self):\n        return 1\n")
    loaded = load(file, "A")
    file.write_text("class B: pass\n")
    linecache.checkcache()
    assert "return 1" in source_of(loaded)


def test_sources_work_in_a_real_kernel() -> None:
    root = Path(sources.__file__).parents[1]
    cells = [
        f"import sys; sys.path.insert(0, {str(root)!r})\nfrom utils.sources import standalone",
        "RATE = 0.5",
        "class A:\n    pass",
        "class A(A):\n    def f(self):\n        return RATE",
        "print(standalone(A))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    assert notebook.cells[-1].outputs[0].text == (
        "RATE = 0.5\n\n\nclass A:\n    pass\n\n\n"
        "class A(A):\n    def f(self):\n        return RATE\n\n"
    )


def test_standalone_takes_one_text_that_was_kept_in_two_files() -> None:
    """A helper recalled by itself, and once more beside a base class that uses it."""
    helper = "def double(x):\n    return 2 * x\n"
    base = helper + "\n\nclass Base:\n    def call(self, x):\n        return double(x)\n"
    namespace = {"__name__": "__main__"}
    namespace |= {"double": load(helper, "double"), "Base": load(base, "Base")}
    text = "class Derived(Base):\n    def call(self, x):\n        return double(super().call(x))\n"
    linecache.cache["<derived>"] = (len(text), None, text.splitlines(keepends=True), "<derived>")
    exec(compile(text, "<derived>", "exec"), namespace)
    kept = standalone(namespace["Derived"])
    assert kept.count("def double") == 1
    assert load(kept, "Derived")().call(1) == 4
