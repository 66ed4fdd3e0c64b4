"""`python3 course.py bench`: how long a sweep takes, a check, and Keras's own tests on a class.

Everything is measured in one process, one thing at a time. Nothing is asserted here: a machine that
is busy with other things measures those too.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import keras
import psutil

from solutions.blocks.dropout import Dropout
from solutions.blocks.normalization import BatchNormalization
from tests.written import written
from utils.datasets import digits
from utils.exams import Exam, examine, exams
from utils.keras_exam import keras_exam
from utils.sweep import sweep

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


def eight_layers(block: Callable[[], keras.Layer]) -> keras.Model:
    """An MLP of eight layers of 64 units, each with a layer that `block` makes."""
    layers = [keras.Input((64,))]
    for _ in range(8):
        layers += [keras.layers.Dense(64), block(), keras.layers.Activation("relu")]
    return keras.Sequential([*layers, keras.layers.Dense(10)])


def measure_sweep(name: str, block: Callable[[], keras.Layer], pairs: int = 5) -> None:
    """48 copies in one sweep of 200 steps beside one `fit` of as many, pair by pair."""
    train, _ = digits()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model, batch_size, epochs = eight_layers(block), 60, 10  # 1200 images: 20 steps an epoch
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])

    def one() -> None:
        model.fit(*train, batch_size=batch_size, epochs=epochs, verbose=0)

    def many() -> None:
        rates = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
        sweep(
            partial(eight_layers, block),
            train,
            seeds=range(8),
            learning_rate=rates,
            batch_size=batch_size,
        )

    first = [seconds(one), seconds(many)]
    timed = [(seconds(one), seconds(many)) for _ in range(pairs)]
    fits, sweeps = (statistics.median(each) for each in zip(*timed, strict=True))
    ratio = statistics.median(of_many / of_one for of_one, of_many in timed)
    memory = psutil.Process().memory_info().rss / 1e9  # GB
    print(f"Eight layers with {name}: one fit of 200 steps took {fits:.2f} s.")
    print(f"A sweep of 48 copies took {sweeps:.2f} s, {ratio:.1f} times as long.")
    print(f"The first calls, which compile, took {first[0]:.2f} s and {first[1]:.2f} s.")
    print(f"This process now holds {memory:.2f} GB.")


def main() -> int:
    measure_sweep("BatchNormalization", BatchNormalization)
    measure_sweep("Dropout", partial(Dropout, 0.2))
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
