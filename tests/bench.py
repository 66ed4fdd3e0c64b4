"""`python3 course.py bench`: how fast the blocks are beside Keras's, a sweep, a check, Keras's tests.

Everything is measured in one process, one thing at a time. Nothing is asserted here: a machine that
is busy with other things measures those too.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np
import psutil

from solutions.blocks.dropout import Dropout
from solutions.blocks.fast import FlatAdam, FusedBatchNormalization
from solutions.blocks.normalization import BatchNormalization
from tests.written import written
from utils.datasets import digits
from utils.exams import Exam, examine, exams
from utils.keras_exam import keras_exam
from utils.quiet import tensorflow as tf
from utils.sweep import sweep
from utils.timing import Call, Timings, compare, moving, peak_memory

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


# Blocks beside Keras's: each traced by `tf.function` and compiled by XLA

MODES = {"tf.function": False, "jit": True}
SHAPES = [
    (64, 32, 32, 64), (16, 56, 56, 64), (64, 28, 28, 16), (64, 16, 16, 32), (64, 8, 8, 128),
    (64, 4, 4, 256), (8, 100, 64), (256, 1024), (512, 512), (32, 1024), (128, 256), (64, 64), (4, 32),
]  # fmt: skip


def there_and_back(
    layer: keras.Layer, shape: Sequence[int], jit_compile: bool, dtype: str = "float32"
) -> Call:
    """A batch forwards through a layer, and a gradient backwards."""
    layer.build(shape)
    inputs, arriving = (tf.cast(tf.random.normal(shape), dtype) for _ in range(2))

    def step() -> object:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
        return tape.gradient(outputs, [inputs, layer.trainable_weights], arriving)

    return tf.function(step, autograph=False, jit_compile=jit_compile)


def measure_layer(
    ours: Callable[..., keras.Layer],
    kerass: Callable[..., keras.Layer],
    shape: Sequence[int],
    tensors: int,
    dtype: str = "float32",
) -> None:
    """One line of a table: both layers in both modes at one shape.

    `tensors`: how many tensors of this shape are moved at the least.
    """
    makes = {"Keras": kerass, "ours": ours}
    calls = {
        f"{name}, {mode}": there_and_back(make(), shape, jit_compile, dtype)
        for name, make in makes.items()
        for mode, jit_compile in MODES.items()
    }
    calls["memory"] = moving(tensors * math.prod(shape) * tf.as_dtype(dtype).size)
    print_timings("×".join(map(str, shape)) + ("" if dtype == "float32" else f" {dtype}"), calls)


def better(timings: Timings, name: str) -> str:
    """The faster of the two modes."""
    return min((f"{name}, {mode}" for mode in MODES), key=timings.seconds.__getitem__)


def print_head(what: str) -> None:
    """Times; how many times as fast ours are in the same mode, both better ones; as moving the bytes."""
    times = ("Keras", "Keras jit", "ours", "ours jit")
    ratios = ("ours / Keras", "both jit", "better / better", "better / memory")
    cells = [f"{head:>10}" for head in times] + [f"{head:>18}" for head in ratios]
    print(
        f"\n{what:<24}" + "".join(cells) + "".join(f"{head:>10}" for head in ("MB, Keras", "ours"))
    )


def print_timings(what: str, calls: dict[str, Call], steps: int = 1) -> None:
    """One line: microseconds, ratios, and the bytes of tensors that are alive at the peak."""
    timings = compare(calls)
    names = [f"{name}, {mode}" for name in ("Keras", "ours") for mode in MODES]
    kerass, ours = (better(timings, name) for name in ("Keras", "ours"))
    ratios = [timings.ratio(f"ours, {mode}", f"Keras, {mode}") for mode in MODES]
    ratios += [timings.ratio(ours, kerass)]
    ratios += [timings.ratio(ours, "memory") if "memory" in calls else ""]
    peaks = [(peak_memory(calls[name]) or 0) / 1e6 for name in (kerass, ours)]
    cells = [f"{1e6 * timings.seconds[name] / steps:>10.0f}" for name in names]
    cells += [f"{each!s:>18}" for each in ratios] + [f"{peak:>10.1f}" for peak in peaks]
    print(f"{what:<24}" + "".join(cells), flush=True)


def measure_layers() -> None:
    """Batch normalization and dropout, forwards and backwards, at many shapes."""
    print_head("batch normalization, us")
    for shape in SHAPES:
        kerass = keras.layers.BatchNormalization
        measure_layer(FusedBatchNormalization, kerass, shape, 5)
    for shape, options, dtype in (
        ((64, 64, 32, 32), {"axis": 1}, "float32"),
        ((64, 32, 32, 64), {"dtype": "mixed_bfloat16"}, "bfloat16"),
    ):
        makes = (FusedBatchNormalization, keras.layers.BatchNormalization)
        measure_layer(*(partial(make, **options) for make in makes), shape, 5, dtype)
    print_head("dropout, us")
    for shape in SHAPES[::3]:
        measure_layer(partial(Dropout, 0.5), partial(keras.layers.Dropout, 0.5), shape, 4)


def updates(
    make: Callable[[], keras.Optimizer], sizes: Sequence[int], jit_compile: bool, steps: int
) -> Call:
    """So many steps of an optimizer, on variables of these sizes."""
    variables = [keras.Variable(np.zeros(size, "float32")) for size in sizes]
    gradients = [tf.random.normal([size]) for size in sizes]
    optimizer = make()
    optimizer.build(variables)

    def one_more(done: int | tf.Tensor) -> int | tf.Tensor:
        optimizer.apply(gradients, variables)
        return done + 1

    def step() -> None:
        if jit_compile:  # unrolled, the steps of 200 variables would take XLA a minute
            tf.while_loop(lambda done: done < steps, one_more, [0])
        else:
            for done in range(steps):
                one_more(done)

    return tf.function(step, autograph=False, jit_compile=jit_compile)


def measure_optimizers() -> None:
    """Adam on few and many variables, small and large.

    A call from Python hands over every variable and slot, which takes its time whatever is done then.
    Small variables therefore make five steps a call.
    """
    small = [64, 128, 256, 512, 1024, 2048, 4096]
    sizes = {f"{count} of 64–4,096": (small * 29)[:count] for count in (10, 100, 200)}
    sizes |= {"4 of 4 M": [2**22] * 4, "1 of 16 M": [2**24]}
    print_head("Adam, us a step")
    for what, numbers in sizes.items():
        steps = 5 if max(numbers) < 10_000 else 1
        makes = {"Keras": keras.optimizers.Adam, "ours": FlatAdam}
        calls = {
            f"{name}, {mode}": updates(make, numbers, jit_compile, steps)
            for name, make in makes.items()
            for mode, jit_compile in MODES.items()
        }
        calls["memory"] = moving(7 * 4 * sum(numbers) * steps)  # reads g, w, m, v; writes w, m, v
        print_timings(what, calls, steps)


def net_step(
    batch_normalization: Callable[..., keras.Layer] | None,
    dropout: type[keras.Layer] | None,
    adam: type[keras.Optimizer],
    jit_compile: bool,
) -> Call:
    """A training step of the capstone's net; None leaves a layer out."""
    layers = [keras.Input((28, 28, 1))]
    for filters in (16, 32, 64):
        layers.append(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False))
        layers += [batch_normalization(momentum=0.9)] if batch_normalization else []
        layers += [keras.layers.ReLU(), keras.layers.MaxPooling2D()]
    layers += [keras.layers.Flatten(), *([dropout(0.3)] if dropout else []), keras.layers.Dense(10)]
    net, optimizer = keras.Sequential(layers), adam(0.003)
    optimizer.build(net.trainable_variables)
    images, labels = tf.random.normal((64, 28, 28, 1)), tf.range(64) % 10
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, net(images, training=True))
        optimizer.apply(tape.gradient(loss, net.trainable_variables))
        return loss

    return tf.function(step, autograph=False, jit_compile=jit_compile)


def measure_net() -> None:
    """A training step of the capstone's net, and what batch normalization and dropout add to it."""
    parts = {
        "Keras": (keras.layers.BatchNormalization, keras.layers.Dropout, keras.optimizers.Adam),
        "ours": (FusedBatchNormalization, Dropout, FlatAdam),
    }
    left_out = {"capstone's step": (), "... without dropout": (1,), "... nor normalization": (0, 1)}
    print_head("training steps, us")
    for what, places in left_out.items():
        calls = {}
        for name, whole in parts.items():
            rest = [None if place in places else part for place, part in enumerate(whole)]
            for mode, jit_compile in MODES.items():
                calls[f"{name}, {mode}"] = net_step(*rest, jit_compile)
        print_timings(what, calls)


def main() -> int:
    tf.get_logger().setLevel("ERROR")  # every step is traced once; that is no cause for a warning
    measure_layers()
    measure_optimizers()
    measure_net()
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
