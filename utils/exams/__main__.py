"""`python3 course.py check NAME FILE`: hold the class or function NAME in FILE to its exam."""

import sys
from pathlib import Path

from utils import sources
from utils.exams import exam, examine


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("Usage: python3 course.py check NAME FILE, as in: check Dense my_dense.py")
        return 2
    name, file = arguments[0], Path(arguments[1])
    if not file.is_file():
        print(f"Expected a Python file. Received: {file}, which is not there.")
        return 2
    try:
        name = exam(name).name
        candidate = sources.load(file, name)
    except Exception as error:
        print(f"{file}: {type(error).__name__}: {error}")
        return 2
    report = examine(name, candidate)
    print(report)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
