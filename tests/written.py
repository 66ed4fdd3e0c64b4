"""Answers as they are written in a notebook: text that Python's `linecache` knows, run as `__main__`."""

import itertools
import linecache
from typing import Any

_cells = itertools.count()


def written(text: str, name: str) -> Any:
    """The class or function that `text` defines, as if it stood in a notebook cell."""
    file = f"<cell {next(_cells)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {"__name__": "__main__"}
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]
