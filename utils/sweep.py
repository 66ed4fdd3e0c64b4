"""Train one Keras model many times, over seeds and settings, in one compiled loop.

    runs = sweep(network, (x_train, y_train), learning_rate=[0.1, 1.0], depth=[3, 8])
    runs.loss                                     # axes: depth, learning_rate, seed, step
    runs.loss.at(depth=8, step=200).mean("seed")  # axis: learning_rate

Copies of a model that compute the same are trained together. Each of its variables is stacked into
one of shape `(copies, size)`, one call of the model is mapped over the copies
(`tf.vectorized_map`), and the optimizer, which works element by element, updates all copies at
once, each with a learning rate of its own.
"""

import hashlib
import itertools
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np

from utils.named_array import NamedArray
from utils.quiet import tensorflow as tf
from utils.status import bar, status_line

# How `tf.vectorized_map` is taught an operation; not in TensorFlow's public interface.
from tensorflow.python.ops.parallel_for.pfor import RegisterPFor, wrap  # isort: skip

STEPS_AT_ONCE = 25  # between two looks at the test data, and at how far a sweep is


def shuffled(
    labels: np.ndarray, steps: int, batch_size: int, generator: np.random.Generator
) -> np.ndarray:
    """The rows of each batch, `(steps, batch_size)`: every epoch all examples, in a new order."""
    epochs = math.ceil(steps * batch_size / len(labels))
    rows = np.concatenate([generator.permutation(len(labels)) for _ in range(epochs)])
    return rows[: steps * batch_size].reshape(steps, batch_size)


def sweep(
    make_model: Callable[..., keras.Model],
    train: tuple[Any, Any],
    *,
    test: tuple[Any, Any] | None = None,
    seeds: Sequence[int] = range(5),
    learning_rate: float | Sequence[float] = 0.1,
    optimizer: Callable[..., Any] | Mapping[str, Callable[..., Any]] = keras.optimizers.SGD,
    loss: Any = None,
    batch_size: int | Sequence[int] = 64,
    steps: int = 200,
    test_every: int | None = None,
    batches: Callable[..., np.ndarray] = shuffled,
    show_progress: bool = True,
    **settings: Sequence[Any] | Mapping[str, Any],
) -> "Runs":
    """Train a model for every setting, learning rate and seed, and return what was measured.

    Seed and setting make a copy's initial weights (`keras.utils.set_random_seed(seed)`, then
    `make_model(**setting)`); the seed alone, the order of its examples. Copies do not disturb each
    other: one that diverges is marked, and the others go on.

    Args:
        make_model: called with one value of each setting; returns a built Keras model.
        train: inputs `(examples, ...)` and labels `(examples, ...)`.
        test: the same, of examples held out. Default: nothing is measured on such.
        seeds: at least two different ints.
        learning_rate: float > 0; several of them become an axis.
        optimizer: class or function that makes an optimizer of a learning rate; a dictionary of
            them becomes an axis.
        loss: a Keras loss or its name. Default: sparse categorical crossentropy of logits.
        batch_size: int from 1 to the number of examples; several of them become an axis.
        steps: int >= 1. Training steps of each copy.
        test_every: int from 1 to `steps`. Steps between two measurements on the test data.
            Default: 25, or all steps where there are fewer.
        batches: what is in which batch, as a function like `shuffled`, which is the default.
        show_progress: bool. Whether to show how far it is.
        **settings: an argument of `make_model` -> its values, or a name for each value -> the
            value. Each becomes an axis.

    Returns `Runs`. Its axes are the settings, then whichever of batch_size, optimizer and
    learning_rate is several, then seed.

    Raises:
        ValueError: an argument is out of range, data are not finite, or a model has nothing to
            train.
    """
    if test_every is None:
        test_every = min(steps, STEPS_AT_ONCE) if isinstance(steps, int) else steps
    task = _Task(
        train=_finite("train", train),
        test=None if test is None else _finite("test", test),
        loss=keras.losses.get(loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        steps=_whole("steps", steps, 1),
        test_every=_whole("test_every", test_every, 1, steps),
        batches=batches,
    )
    common = {"batch_size": batch_size, "optimizer": optimizer, "learning_rate": learning_rate}
    several = {name: value for name, value in common.items() if _several(value)}
    choices = {
        name: _choices(name, values)
        for name, values in (settings | several | {"seed": _seeds(seeds)}).items()
    }
    for size in choices.get("batch_size", {None: batch_size}).values():
        _whole("batch_size", size, 1, len(task.train[0]))
    for rate in choices.get("learning_rate", {None: learning_rate}).values():
        _positive("learning_rate", rate)

    copies, stacks = _planned(make_model, choices, common, list(settings), task)
    line = status_line(show_progress)
    done, total = 0, len(copies) * task.steps
    for stack in stacks:
        for steps in _trained(stack, task):
            done += steps
            line(bar(done, total))
    line("")
    return _collected(
        make_model, {name: tuple(each) for name, each in choices.items()}, copies, task
    )


@dataclass(frozen=True)
class Runs:
    """What a sweep measured.

    Attributes:
        loss: of the batch of each step, before the step, penalties of regularizers included.
            Axes: those of the sweep, and step, from 1. NaN from where a copy has diverged.
        accuracy: of the same batches; None where labels are not classes. 0 for a diverged copy.
        test_loss, test_accuracy: of the test data, in inference, after each `test_every` steps;
            None without test data.
        diverged: whether a copy's loss left the finite numbers. Axes of the sweep.
    """

    loss: NamedArray
    accuracy: NamedArray | None
    test_loss: NamedArray | None
    test_accuracy: NamedArray | None
    diverged: NamedArray
    make_model: Callable[..., keras.Model]
    copies: Sequence["_Copy"]

    def model(self, **labels: Any) -> keras.Model:
        """The trained model of one copy, as in `model(depth=8, learning_rate=0.1, seed=0)`."""
        places = NamedArray(
            np.arange(len(self.copies)).reshape(self.diverged.values.shape), self.diverged.axes
        )
        place = places.at(**labels)
        if isinstance(place, NamedArray):
            raise ValueError(f"Choose one copy: name a label of {list(place.axes)} as well.")
        copy = self.copies[place]
        model = self.make_model(**copy.setting)
        for variable, value in zip(_variables(model), copy.weights, strict=True):
            variable.assign(value)
        return model


@dataclass(frozen=True)
class _Task:
    """What all copies have in common."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray] | None
    loss: Callable[..., Any]
    steps: int
    test_every: int
    batches: Callable[..., np.ndarray]

    def rows(self, seed: int, batch_size: int) -> np.ndarray:
        """The rows of each of a seed's batches, `(steps, batch_size)`."""
        labels, generator = self.train[1], np.random.default_rng(seed)
        rows = np.asarray(self.batches(labels, self.steps, batch_size, generator))
        if rows.shape != (self.steps, batch_size):
            raise ValueError(
                f"`batches` must return rows of shape (steps, batch_size), here "
                f"{(self.steps, batch_size)}. Received: shape {rows.shape}."
            )
        if rows.min() < 0 or rows.max() >= len(labels):
            raise ValueError(
                f"`batches` must return rows of the training data, ints from 0 to {len(labels) - 1}. "
                f"Received: rows from {rows.min()} to {rows.max()}."
            )
        return rows.astype("int32")


@dataclass
class _Copy:
    """One model on its way: its weights, first initial, then trained, and what was measured."""

    setting: dict[str, Any]
    seed: int
    rate: float
    weights: list[np.ndarray]
    curves: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class _Stack:
    """Copies that compute the same, and can be trained together."""

    model: keras.Model
    computation: str
    make_optimizer: Callable[..., Any]
    batch_size: int
    copies: list[_Copy] = field(default_factory=list)


def _planned(
    make_model: Callable[..., keras.Model],
    choices: dict[str, dict[Any, Any]],
    common: dict[str, Any],
    settings: list[str],
    task: _Task,
) -> tuple[list[_Copy], list[_Stack]]:
    """All copies, in the order of the axes, and the stacks in which they are trained."""
    models: dict[tuple, tuple[keras.Model, str]] = {}  # setting -> a model of it, what it computes
    initial: dict[tuple, list[np.ndarray]] = {}  # setting and seed -> initial weights
    stacks: dict[tuple, _Stack] = {}
    copies = []
    for place in itertools.product(*choices.values()):
        labels = dict(zip(choices, place, strict=True))
        chosen = common | {name: choices[name][label] for name, label in labels.items()}
        setting, seed = {name: chosen[name] for name in settings}, chosen["seed"]
        made_of = tuple(labels[name] for name in settings)
        if (made_of, seed) not in initial:
            keras.utils.set_random_seed(seed)
            model = _trainable(make_model(**setting), setting)
            initial[made_of, seed] = [variable.numpy() for variable in _variables(model)]
            if made_of not in models:
                models[made_of] = model, _computation(model, task)
        model, computation = models[made_of]
        stack = stacks.setdefault(
            (computation, labels.get("batch_size"), labels.get("optimizer")),
            _Stack(model, computation, chosen["optimizer"], chosen["batch_size"]),
        )
        rate = float(chosen["learning_rate"])
        copies.append(_Copy(setting, seed, rate, initial[made_of, seed]))
        stack.copies.append(copies[-1])
    return copies, list(stacks.values())


def _trained(stack: _Stack, task: _Task) -> Iterator[int]:
    """Train the copies of a stack; yield, again and again, how many steps they have made since."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("CRITICAL")  # what TensorFlow cannot map over copies it logs at length
    try:
        _refuse_what_couples(stack.make_optimizer)
        program, state = _program(stack, task)
    except Exception as error:  # whatever it is: if it is the model's own, Keras will say it too
        print(f"Trained one after the other, since copies cannot be stacked: {_reason(error)}.")
        program = None
    finally:
        logger.setLevel(level)
    if program is None:
        yield from _one_after_other(stack, task)
    else:
        yield from _together(program, state, stack, task)


def _reason(error: Exception) -> str:
    """Why copies cannot be stacked, in a line."""
    text = str(error)
    if operation := re.search(r"(?:No pfor vectorization defined for|of op) '?(\w+)", text):
        return f"TensorFlow does not map its operation {operation[1]} over copies"
    said = re.search(r"^\s*\w+(?:Error|Exception): (.+)$", text, re.MULTILINE)  # below a traceback
    return (said[1] if said else text.strip().partition("\n")[0]).rstrip(".")


# Together

# Of each stacked trained weight `(copies, size)`; of the other weights `(copies, …)`; the optimizer's.
State = tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]
Program = Callable[..., tuple[State, dict[str, tf.Tensor]]]

_programs: dict[tuple, Program] = {}  # compiled, by what they compute
_MOST_PROGRAMS = 32


def _together(program: Program, state: State, stack: _Stack, task: _Task) -> Iterator[int]:
    """Train all copies of a stack in one compiled loop."""
    rows = {
        seed: task.rows(seed, stack.batch_size) for seed in {copy.seed for copy in stack.copies}
    }
    rows = np.stack([rows[copy.seed] for copy in stack.copies], axis=1)  # (steps, copies, …)
    measured: dict[str, list[np.ndarray]] = defaultdict(list)
    for start in range(0, task.steps, task.test_every):
        now = rows[start : start + task.test_every]
        padding = task.test_every - len(now)  # the last ones may be fewer
        padded = np.pad(now, ((0, padding), (0, 0), (0, 0)))
        state, curves = program(state, tf.constant(padded), tf.constant(len(now)))
        for name, values in curves.items():
            measured[name].append(values.numpy()[: len(now)])
        yield len(now) * len(stack.copies)
    trained, others, _ = ([values.numpy() for values in part] for part in state)
    shapes = [variable.shape for variable in stack.model.trainable_variables]
    for place, copy in enumerate(stack.copies):
        copy.curves = {name: np.concatenate(parts)[:, place] for name, parts in measured.items()}
        rows = zip(trained, shapes, strict=True)
        copy.weights = [values[place].reshape(shape) for values, shape in rows]
        copy.weights += [values[place] for values in others]


def _program(stack: _Stack, task: _Task) -> tuple[Program, State]:
    """The compiled loop of a stack, and the state it starts from.

    The loop takes a state, the rows of the next batches, `(steps, copies, batch_size)`, and how many
    of these steps to make; it returns the next state and what was measured, `(steps, copies)`.
    """
    copies = stack.copies
    weights = [np.stack(values) for values in zip(*(copy.weights for copy in copies), strict=True)]
    num_trained = len(stack.model.trainable_variables)
    trained = [tf.reshape(values, (len(copies), -1)) for values in weights[:num_trained]]
    others = [tf.constant(values) for values in weights[num_trained:]]
    schedule = _Rates([copy.rate for copy in copies])
    optimizer = _stateless(stack.make_optimizer(schedule))
    optimizer.build([keras.Variable(values) for values in trained])
    state = trained, others, [tf.convert_to_tensor(slot) for slot in optimizer.variables]
    data = [tuple(map(tf.constant, each)) for each in (task.train, task.test or ())]
    rows = tf.TensorSpec((task.test_every, len(copies), None), "int32")  # any batch size

    key = stack.computation, _update(optimizer, schedule, state), *map(_form, (data, state, rows))
    if key not in _programs:
        while len(_programs) >= _MOST_PROGRAMS:
            del _programs[next(iter(_programs))]  # the oldest
        loop = tf.function(
            partial(_advance, stack.model, optimizer, schedule, task.loss),
            jit_compile=True,
            autograph=False,
        )
        loop = loop.get_concrete_function(data, schedule.rates, state, rows, tf.constant(0))
        _programs[key] = loop
    no_rows = tf.zeros((*rows.shape[:2], stack.batch_size), rows.dtype)
    _programs[key](data, schedule.rates, state, no_rows, tf.constant(0))  # compiles, for this size
    return partial(_programs[key], data, schedule.rates), state


def _advance(model, optimizer, schedule, loss, data, rates, state, rows, steps):
    """Make `steps` training steps with all copies, then look at the test data."""
    (inputs, labels), test = data
    shapes = [variable.shape for variable in model.trainable_variables]

    def outcome(trained, others, inputs, labels, training):
        """What is measured in one call of one copy, and its other weights after it."""
        trained = [tf.reshape(row, shape) for row, shape in zip(trained, shapes, strict=True)]
        return _outcome(model, loss, trained, others, inputs, labels, training)

    def with_gradients(trained, others, inputs, labels):
        with tf.GradientTape() as tape:  # inside the map: outside, XLA would compile at each call
            tape.watch(trained)
            measured, others = outcome(trained, others, inputs, labels, training=True)
        gradients = tape.gradient(measured["loss"], trained, unconnected_gradients="zero")
        return measured, others, gradients

    def over_copies(call, *stacked):
        return tf.vectorized_map(lambda each: call(*each), stacked, fallback_to_while_loop=False)

    def step(place, state, curves):
        trained, others, slots = state
        batch = tf.gather(inputs, rows[place]), tf.gather(labels, rows[place])
        measured, others, gradients = over_copies(with_gradients, trained, others, *batch)
        with schedule.standing_in(rates):
            trained, slots = optimizer.stateless_apply(slots, gradients, trained)
        curves = {name: curves[name].write(place, values) for name, values in measured.items()}
        return place + 1, (list(trained), list(others), list(slots)), curves

    most_steps, num_copies, _ = rows.shape
    names = ("loss", "accuracy") if _has_classes(model, (inputs, labels)) else ("loss",)
    empty = partial(tf.TensorArray, tf.float32, most_steps, element_shape=(num_copies,))
    _, state, curves = tf.while_loop(
        lambda place, *_: place < steps, step, (0, state, {name: empty() for name in names})
    )
    curves = {name: values.stack() for name, values in curves.items()}
    if test:
        measured, _ = over_copies(
            lambda trained, others: outcome(trained, others, *test, training=False), *state[:2]
        )
        curves |= {f"test_{name}": values[None] for name, values in measured.items()}
    return state, curves


def _outcome(model, loss, trained, others, inputs, labels, training):
    """Loss (and accuracy, of classes) of one call of a model, and its other weights after it."""
    outputs, others, penalties = model.stateless_call(
        trained, others, inputs, training=training, return_losses=True
    )
    measured = {"loss": tf.reduce_mean(loss(labels, outputs)) + sum(penalties)}
    if _are_classes(labels, outputs):
        measured["accuracy"] = _accuracy(labels, outputs)
    return measured, others


def _accuracy(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """The share of examples whose greatest output is that of their class."""
    guesses = tf.argmax(outputs, axis=-1, output_type=labels.dtype)
    return tf.reduce_mean(tf.cast(guesses == labels, tf.float32))


def _has_classes(model: keras.Model, data: tuple[Any, Any]) -> bool:
    """Whether a model trained on these data tells classes apart."""
    inputs, labels = data
    example = keras.KerasTensor(
        (None, *inputs.shape[1:]), keras.backend.standardize_dtype(inputs.dtype)
    )
    return _are_classes(labels, model.compute_output_spec(example))


def _are_classes(labels: Any, outputs: Any) -> bool:
    """Whether the labels are numbers of classes, and the outputs have a column for each."""
    is_integer = np.issubdtype(keras.backend.standardize_dtype(labels.dtype), np.integer)
    return (
        is_integer and len(labels.shape) == 1 and len(outputs.shape) == 2 and outputs.shape[1] > 1
    )


class _Rates(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for each copy, `(copies, 1)`, which meets stacked weights `(copies, size)`.

    An optimizer takes it as its learning rate. A schedule that starts from a learning rate takes it
    for one too, since it becomes a tensor where one is asked for.
    """

    def __init__(self, rates: Any):
        self.rates = tf.reshape(tf.cast(rates, "float32"), (-1, 1))

    @contextmanager
    def standing_in(self, rates: tf.Tensor) -> Iterator[None]:
        """Other rates for a while: those that a compiled loop is going to be given."""
        own, self.rates = self.rates, rates
        try:
            yield
        finally:
            self.rates = own

    def __call__(self, step: Any) -> tf.Tensor:
        return self.rates

    def get_config(self) -> dict[str, Any]:
        return {"rates": np.ravel(self.rates).tolist()}


tf.register_tensor_conversion_function(
    _Rates, lambda rates, dtype=None, **_: tf.cast(rates.rates, dtype or "float32")
)


def _stateless(optimizer: Any) -> Any:
    """Give an optimizer the `stateless_apply` that Keras has for its other backends.

    Keras's TensorFlow optimizers replace methods of `BaseOptimizer` by ones that need a
    `tf.Variable`, for `tf.distribute`. Here the replaced ones come back: they are looked up before
    those, and after what the optimizer has of its own.
    """
    family = {each.__name__: each for each in keras.optimizers.Optimizer.__mro__}
    base, replaced = vars(family["BaseOptimizer"]), vars(family["TFOptimizer"])
    methods = {name: base[name] for name in replaced if name in base and not name.startswith("__")}
    first = type("BackAgain", (), methods)

    class Lineage(type):
        def mro(cls) -> list[type]:
            lineage = super().mro()
            place = lineage.index(family["TFOptimizer"])
            return [*lineage[:place], first, *lineage[place:]]

    optimizer.__class__ = Lineage(type(optimizer).__name__, (type(optimizer),), {})
    return optimizer


def _refuse_what_couples(make_optimizer: Callable[..., Any]) -> None:
    """Raise `ValueError` for an optimizer that does not treat stacked copies as it does each alone.

    Clipping by a norm does not, nor does a rule for matrices: both look at more than one element.
    """
    generator = np.random.default_rng(0)
    shapes, rates, steps = ((3, 2), (2,)), (0.02, 0.3), 3
    start = [generator.normal(size=(len(rates), *shape)).astype("float32") for shape in shapes]
    gradients = [
        [generator.normal(size=each.shape).astype("float32") for each in start]
        for _ in range(steps)
    ]

    def flat(arrays):
        return [tf.reshape(array, (len(rates), -1)) for array in arrays]

    optimizer = _stateless(make_optimizer(_Rates(rates)))
    stacked = flat(start)
    optimizer.build([keras.Variable(values) for values in stacked])
    slots = [tf.convert_to_tensor(slot) for slot in optimizer.variables]
    for each in gradients:
        stacked, slots = optimizer.stateless_apply(slots, flat(each), stacked)
    for copy, rate in enumerate(rates):
        alone, optimizer = [keras.Variable(values[copy]) for values in start], make_optimizer(rate)
        for each in gradients:
            optimizer.apply([tf.constant(gradient[copy]) for gradient in each], alone)
        for variable, values in zip(alone, stacked, strict=True):
            if not np.allclose(np.ravel(variable), values[copy], rtol=1e-4, atol=1e-6):
                raise ValueError(
                    "its optimizer does not work element by element, so that one copy's update "
                    "would depend on the others"
                )


# Random numbers: TensorFlow does not map these operations over copies. All copies draw from one stream
# instead, each a part of its own; where they start depends on the seeds of all. The algorithm is the one
# that XLA computes fastest on a CPU.

_THREEFRY = 2


def _start_of_stream(mapped: Any) -> list[Any]:
    seeds = mapped.stacked_input(0)  # (copies, 2)
    start = tf.raw_ops.StatelessRandomGetKeyCounter(seed=tf.reduce_sum(seeds, axis=0))
    return [wrap(tf.repeat(each[None], tf.shape(seeds)[0], axis=0), True) for each in start]


def _draw_for_all(mapped: Any) -> list[Any]:
    shape, *limits = (mapped.unstacked_input(i) for i in (0, *range(4, mapped.num_inputs)))
    key, counter = (mapped.stacked_input(place)[0] for place in (1, 2))  # the same for all
    options = dict(zip(("minval", "maxval"), limits, strict=False))  # of ints; else a dtype
    options = options or {"dtype": mapped.outputs[0].dtype}
    shape = tf.concat([tf.cast(mapped.pfor.loop_len_vector, shape.dtype), shape], axis=0)
    draw = getattr(tf.raw_ops, mapped.op_type)
    numbers = draw(shape=shape, key=key, counter=counter, alg=_THREEFRY, **options)
    return [wrap(numbers, True)]


def _teach_random_numbers() -> None:
    kinds = ("RandomUniform", "RandomUniformInt", "RandomNormal", "TruncatedNormal")
    with suppress(AssertionError):  # taught before: this module was reloaded
        RegisterPFor("StatelessRandomGetKeyCounter")(_start_of_stream)
        for kind in kinds:
            RegisterPFor(f"Stateless{kind}V2")(_draw_for_all)


_teach_random_numbers()


# One after the other


def _one_after_other(stack: _Stack, task: _Task) -> Iterator[int]:
    """Train the copies of a stack as Keras does, with one compiled model for each learning rate."""
    model, variables = stack.model, _variables(stack.model)
    metrics = ["accuracy"] if _has_classes(model, task.train) else None
    rate_of = operator.attrgetter("rate")
    for rate, copies in itertools.groupby(sorted(stack.copies, key=rate_of), key=rate_of):
        optimizer = stack.make_optimizer(rate)
        model.compile(optimizer, task.loss, metrics=metrics)
        optimizer.build(model.trainable_variables)
        fresh = [variable.numpy() for variable in optimizer.variables]
        for copy in copies:
            weights = zip(variables + optimizer.variables, copy.weights + fresh, strict=True)
            for variable, value in weights:
                variable.assign(value)
            curves = defaultdict(list)
            for step, rows in enumerate(task.rows(copy.seed, stack.batch_size), 1):
                model.reset_metrics()
                inputs, labels = (array[rows] for array in task.train)
                now = model.train_on_batch(inputs, labels, return_dict=True)
                if task.test and (step % task.test_every == 0 or step == task.steps):
                    now |= _of_test(model, task)
                for name, value in now.items():
                    curves[name].append(float(value))
            copy.curves = {name: np.array(values) for name, values in curves.items()}
            copy.weights = [variable.numpy() for variable in variables]
            yield task.steps


def _of_test(model: keras.Model, task: _Task) -> dict[str, float]:
    measured = model.evaluate(*task.test, batch_size=len(task.test[0]), verbose=0, return_dict=True)
    return {f"test_{name}": value for name, value in measured.items()}


# What is asked, and what is returned


def _several(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence | np.ndarray) and not isinstance(value, str)


def _choices(name: str, values: Any) -> dict[Any, Any]:
    """The values along an axis, by their labels."""
    try:
        if not _several(values) or len(values) == 0:
            raise TypeError
        named = dict(values) if isinstance(values, Mapping) else {each: each for each in values}
    except TypeError:  # also of values that cannot be labels, as lists
        raise ValueError(
            f"`{name}` must be a list of values, or a dictionary with a name for each. "
            f"Received: {name}={values!r}."
        ) from None
    if len(named) < len(values):
        raise ValueError(f"`{name}` holds a value twice. Received: {name}={values!r}.")
    return named


def _whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    if isinstance(value, int | np.integer) and least <= value and (most is None or value <= most):
        return int(value)
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise ValueError(f"`{name}` must be an int {limits}. Received: {name}={value!r}.")


def _positive(name: str, value: Any) -> None:
    if not (isinstance(value, int | float | np.number) and 0 < value < math.inf):
        raise ValueError(
            f"`{name}` must be greater than 0 and finite: try 0.1, and powers of ten around it. "
            f"Received: {name}={value!r}."
        )


def _seeds(seeds: Sequence[int]) -> list[int]:
    seeds = list(seeds)
    if len(set(seeds)) < 2 or len(set(seeds)) < len(seeds):
        raise ValueError(
            "`seeds` must be at least two different ints: one run says nothing about the spread. "
            f"Received: seeds={seeds}. Use seeds=range(5)."
        )
    return [_whole("seeds", seed, 0) for seed in seeds]


def _finite(name: str, data: tuple[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The inputs and labels of `train` or `test`, as arrays that a net can be trained on."""
    if not (isinstance(data, tuple | list) and len(data) == 2):
        raise ValueError(
            f"`{name}` must be a pair of inputs and labels, as in (x_{name}, y_{name}). "
            f"Received: {type(data).__name__}."
        )
    inputs, labels = (np.asarray(array) for array in data)
    if len(inputs) != len(labels) or len(inputs) == 0:
        raise ValueError(
            f"`{name}` must hold as many labels as inputs, and at least one. "
            f"Received: {len(inputs)} inputs, {len(labels)} labels."
        )
    for what, array in (("inputs", inputs), ("labels", labels)):
        bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1).astype("float64")).all(1))
        if len(bad):
            raise ValueError(
                f"`{name}` must hold finite numbers alone. Received: {what} with NaN or infinity in "
                f"{len(bad)} of {len(array)} examples, the first at row {bad[0]}. Leave those "
                f"examples out, or replace the values."
            )
    if np.issubdtype(inputs.dtype, np.floating):
        inputs = inputs.astype(keras.config.floatx())
    if np.issubdtype(labels.dtype, np.integer):
        return inputs, labels.astype("int32")
    return inputs, labels.astype(keras.config.floatx())


def _trainable(model: Any, setting: dict[str, Any]) -> keras.Model:
    """`model`, if it is one that can be trained."""
    call = f"make_model({', '.join(f'{name}={value!r}' for name, value in setting.items())})"
    if not (isinstance(model, keras.Model) and model.built):
        raise ValueError(
            f"`make_model` must return a built Keras model, as one that begins with keras.Input. "
            f"Received from {call}: {model!r}."
        )
    if not model.trainable_variables:
        raise ValueError(
            f"`make_model` must return a model with trainable weights: here there is nothing to "
            f"train. Received from {call}: {model.name!r} with {len(model.weights)} weights, none "
            f"of them trainable. Is a layer missing, or `trainable` False?"
        )
    return model


def _variables(model: keras.Model) -> list[Any]:
    return model.trainable_variables + model.non_trainable_variables


def _computation(model: keras.Model, task: _Task) -> str:
    """What a model and its loss compute, in training and in inference."""
    data = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in task.train]

    def both(*arguments):
        return [_outcome(model, task.loss, *arguments, training=mode) for mode in (True, False)]

    return _graph(both, model.trainable_variables, model.non_trainable_variables, *data)


def _update(optimizer: Any, schedule: _Rates, state: State) -> str:
    """What an optimizer computes, of whatever learning rates."""

    def update(rates, gradients, trained, slots):
        with schedule.standing_in(rates):
            return optimizer.stateless_apply(slots, gradients, trained)

    trained, _, slots = state
    return _graph(update, schedule.rates, trained, trained, slots)


def _graph(function: Callable, *arguments: Any) -> str:
    """A fingerprint of the operations of a function of tensors; their names have no part in it."""
    with tf.Graph().as_default() as graph:
        function(
            *tf.nest.map_structure(
                lambda each: tf.compat.v1.placeholder(each.dtype, each.shape), arguments
            )
        )
    operations = graph.get_operations()
    place = {operation.name: number for number, operation in enumerate(operations)}
    fingerprint = hashlib.sha256()
    for operation in operations:
        attributes = operation.node_def.attr
        inputs = [(place[each.op.name], each.value_index) for each in operation.inputs]
        values = [(name, attributes[name].SerializeToString()) for name in sorted(attributes)]
        fingerprint.update(repr((operation.type, inputs, values)).encode())
    return fingerprint.hexdigest()


def _form(tensors: Any) -> tuple:
    """The shapes and dtypes of nested tensors."""
    return tuple((each.dtype, *each.shape) for each in tf.nest.flatten(tensors))


def _collected(
    make_model: Callable[..., keras.Model],
    axes: dict[str, tuple],
    copies: list[_Copy],
    task: _Task,
) -> Runs:
    """What was measured, as arrays with the axes of the sweep."""
    tested = (*range(task.test_every, task.steps, task.test_every), task.steps)
    diverged = [_mark_divergence(copy.curves, tested) for copy in copies]
    lengths = tuple(len(labels) for labels in axes.values())

    def named(name: str, steps: Sequence[int]) -> NamedArray | None:
        if name not in copies[0].curves:
            return None
        values = np.reshape([copy.curves[name] for copy in copies], (*lengths, len(steps)))
        return NamedArray(values, axes | {"step": tuple(steps)})

    trained = range(1, task.steps + 1)
    return Runs(
        loss=named("loss", trained),
        accuracy=named("accuracy", trained),
        test_loss=named("test_loss", tested),
        test_accuracy=named("test_accuracy", tested),
        diverged=NamedArray(np.reshape(diverged, lengths), axes),
        make_model=make_model,
        copies=copies,
    )


def _mark_divergence(curves: dict[str, np.ndarray], tested: Sequence[int]) -> bool:
    """Write NaN for the loss and 0 for the accuracy from where a copy left the finite numbers."""
    left = np.maximum.accumulate(~np.isfinite(curves["loss"]))
    left_at_test = left[np.array(tested) - 1]
    if "test_loss" in curves:
        left_at_test |= ~np.isfinite(curves["test_loss"])
    for name, at in (("", left), ("test_", left_at_test)):
        for what, value in (("loss", np.nan), ("accuracy", 0.0)):
            if name + what in curves:
                curves[name + what] = np.where(at, value, curves[name + what])
    return bool(left[-1] or left_at_test[-1])
