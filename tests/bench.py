"""`python3 course.py bench`: how long a check takes, and Keras's own tests on a class.

Everything is measured in one process, one thing at a time. Nothing is asserted here: a machine that
is busy with other things measures those too.
"""

import statistics
import sys
import time
from collections.abc import Callable

from tests.written import written
from utils.exams import Exam, examine, exams
from utils.keras_exam import keras_exam

LIMIT = 2.0  # seconds that any check may take
SLEEPS = "def moments(inputs, axes):\n    import time\n    time.sleep(60)\n"
LOOPS = "def moments(inputs, axes):\n    while True:\n        pass\n"


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure(exam: Exam) -> tuple[float, float, float, float]:
    """Seconds of a first check, of a right answer, and of wrong ones: the middle and the slowest."""
    first = seconds(lambda: examine(exam.name, exam.reference))
    right = statistics.median(seconds(lambda: examine(exam.name, exam.reference)) for _ in range(5))
    answers = [exam.with_mistake(mistake) for mistake in exam.mistakes]
    wrong = [seconds(lambda answer=answer: examine(exam.name, answer)) for answer in answers]
    return first, right, statistics.median(wrong), max(wrong)


def main() -> int:
    slowest = 0.0
    print(f"{'seconds a check takes':<42}{'first':>8}{'right':>8}{'wrong':>8}{'slowest':>9}")
    for exam in exams().values():
        figures = measure(exam)
        slowest = max(slowest, *figures)
        print(f"{exam.name:<42}" + "".join(f"{figure:8.2f}" for figure in figures))
    for what, text in (("an answer that sleeps", SLEEPS), ("an answer that never ends", LOOPS)):
        answer = written(text, "moments")
        figure = seconds(lambda answer=answer: examine("moments", answer))
        slowest = max(slowest, figure)
        print(f"{what:<42}{figure:8.2f}")
    verdict = "within" if slowest <= LIMIT else "over"
    print(f"The slowest check took {slowest:.2f} s, {verdict} the {LIMIT:.0f} s it may take.")

    reference = exams()["BatchNormalization"].reference
    figure = seconds(lambda: keras_exam(reference, without=("renorm",), show_progress=False))
    print(f"Keras's own tests on BatchNormalization took {figure:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
