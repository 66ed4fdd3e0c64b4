"""One-token mutants of a program: an exam that accepts one has a hole, or the mutant means the same."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.Pow: "*",
    ast.MatMult: "*",
}
COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
FUNCTIONS = {
    "mean": "sum", "sum": "mean", "square": "abs", "sqrt": "square", "rsqrt": "sqrt", "zeros": "ones",
    "ones": "zeros", "maximum": "minimum", "minimum": "maximum", "add": "subtract", "subtract": "add",
    "multiply": "divide", "divide": "multiply", "max": "min", "min": "max", "any": "all", "all": "any",
    "zeros_like": "ones_like", "ones_like": "zeros_like", "std": "var", "var": "std",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    line: str  # as it stands in the program
    old: str
    new: str
    text: str  # the whole program, changed

    def __str__(self) -> str:
        return f"{self.line}  [{self.old} -> {self.new}]"


def mutants(program: str) -> Iterator[Mutant]:
    """Every program that differs from `program` in one token, docstrings and error messages aside."""
    lines = program.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    data = program.encode()

    def span(node: ast.AST) -> tuple[int, int]:
        first = starts[node.lineno - 1] + node.col_offset
        return first, starts[node.end_lineno - 1] + node.end_col_offset

    def changed(first: int, last: int, new: str) -> Mutant:
        line = data[:first].count(b"\n")
        text = (data[:first] + new.encode() + data[last:]).decode()
        return Mutant(lines[line].strip(), data[first:last].decode().strip(), new.strip(), text)

    tree = ast.parse(program)
    for node, other in _with_another_name(tree):
        last = span(node)[1]
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        yield changed(last - len(name.encode()), last, other)
    for node in _worth_changing(tree):
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            first, last = span(node.left)[1], span(node.right)[0]
            between = data[first:last].decode()
            symbol = between.strip().strip("()").strip()
            at = first + between.index(symbol)
            yield changed(at, at + len(symbol), OPERATORS[type(node.op)])
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            first, last = span(node.left)[1], span(node.comparators[0])[0]
            yield changed(first, last, f" {COMPARISONS[type(node.ops[0])]} ")
        elif isinstance(node, ast.BoolOp):
            first, last = span(node.values[0])[1], span(node.values[1])[0]
            yield changed(first, last, " or " if isinstance(node.op, ast.And) else " and ")
        elif isinstance(node, ast.UnaryOp):
            yield changed(*span(node), data[slice(*span(node.operand))].decode())
        elif isinstance(node, ast.Constant):
            for new in _other_constants(node.value):
                yield changed(*span(node), new)
        elif isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
            last = span(node)[1]
            yield changed(last - len(node.attr), last, FUNCTIONS[node.attr])


def _with_another_name(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Each use of a local variable with the next one of its function, of `self.x` with `self.y`."""
    body = [part for node in tree.body for part in getattr(node, "body", [node])]
    functions = [node for node in [*tree.body, *body] if isinstance(node, ast.FunctionDef)]
    for function in functions:
        names = [node for node in _worth_changing(function) if isinstance(node, ast.Name)]
        parameters = [node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)]
        own = {*parameters, *(n.id for n in names if isinstance(n.ctx, ast.Store))} - {"self"}
        uses = [node for node in names if isinstance(node.ctx, ast.Load) and node.id in own]
        yield from _shifted(uses, [node.id for node in uses])
    attributes = [
        node
        for node in _worth_changing(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    ]
    yield from _shifted(attributes, [node.attr for node in attributes])


def _shifted(nodes: list[ast.expr], names: list[str]) -> Iterator[tuple[ast.expr, str]]:
    distinct = [*dict.fromkeys(names)]
    for node, name in zip(nodes, names, strict=True):
        if len(distinct) > 1:
            yield node, distinct[(distinct.index(name) + 1) % len(distinct)]


def _other_constants(value: object) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1)]
    if isinstance(value, float):
        return [repr(value * 2) if value else "1.0"]
    if isinstance(value, str):
        return [repr(value + "_")]
    return []


def _worth_changing(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node`, save docstrings, what is raised, and f-strings (what a reader is told)."""
    if isinstance(node, (ast.Raise, ast.JoinedStr)):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _worth_changing(child)
