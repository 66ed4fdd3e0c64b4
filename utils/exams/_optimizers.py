"""What the exams of optimizers share: variables, gradients, and a learner's updates beside Keras's.

Four variables are trained: two of different shapes, and two of the same, on which state that is
shared shows. The gradients differ in size and sign, from variable to variable and from step to step.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from utils.microscope import microscope
from utils.quiet import tensorflow as tf

from ._exam import Candidate, Observation, Probe, see
from ._oracle import normal

Optimizer = keras.optimizers.Optimizer
SHAPES = {"kernel": (3, 2), "bias": (2,), "left": (4,), "right": (4,)}
WHERE = "trains a kernel (3, 2), a bias (2,), and two variables of shape (4,)"


def variables(dtype: str = "float32") -> list[keras.Variable]:
    """The four variables, the same at every call."""
    return [
        keras.Variable(normal(*shape, seed=place), dtype=dtype, name=name)
        for place, (name, shape) in enumerate(SHAPES.items())
    ]


def gradients(step: int) -> list[np.ndarray]:
    """The gradients of the four variables in a step, counted from 0."""
    return [
        normal(*shape, seed=100 * step + place + 10, scale=0.4 * 2**place)
        for place, shape in enumerate(SHAPES.values())
    ]


def updates(
    optimizer: Optimizer,
    steps: int = 3,
    arriving: Callable[[int], list[Any]] = gradients,
    trained: Sequence[keras.Variable] | None = None,
    apply: Callable[..., Any] | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """What each step adds to each variable.

    Args:
        arriving: the gradients of a step, counted from 0; None for a variable without one.
        trained: the variables; `variables()` where it is None.
        apply: what applies them; the optimizer's own method where it is None.
    """
    trained = variables() if trained is None else list(trained)
    for step in range(steps):
        before = [variable.numpy().astype("float32") for variable in trained]
        given = [
            each
            if each is None or isinstance(each, tf.IndexedSlices)
            else tf.convert_to_tensor(each)
            for each in arriving(step)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a variable has no gradient
            (apply or optimizer.apply)(given, trained)
        yield {
            variable.name: variable.numpy().astype("float32") - old
            for variable, old in zip(trained, before, strict=True)
        }


_right: dict[
    tuple, list[dict[str, np.ndarray]]
] = {}  # what Keras's classes do, where it can be kept


def beside(
    candidate: Candidate,
    keras_class: type,
    given: str = "",
    steps: int = 3,
    arriving: Callable[[int], list[Any]] = gradients,
    dtype: str = "float32",
    tolerance: float = 1e-4,
    **arguments: Any,
) -> Iterator[Observation]:
    """The learner's updates and those of Keras's class, step by step and variable by variable."""
    mine = updates(candidate(**arguments), steps, arriving, variables(dtype))
    key = keras_class, steps, arriving, dtype, repr(arguments)
    right = _right.get(key)
    if right is None:
        right = list(updates(keras_class(**arguments), steps, arriving, variables(dtype)))
        if " at 0x" not in key[-1]:  # of a schedule, say: another one may stand there next time
            _right[key] = right
    yield from _compared(mine, right, given or told(arguments), tolerance)


def _compared(
    mine: Iterable[dict], right: Iterable[dict], given: str, tolerance: float = 1e-4
) -> Iterator[Observation]:
    for step, (received, expected) in enumerate(zip(mine, right, strict=True), start=1):
        for name, update in expected.items():
            yield see(f"update of {name} in step {step}", received[name], update, given, tolerance)


def told(arguments: dict[str, Any]) -> str:
    """Arguments as one writes them; an object by its class."""
    return ", ".join(
        f"{name}={value if isinstance(value, (int, float, str)) else type(value).__name__}"
        for name, value in arguments.items()
    )


def owes(
    keras_class: type,
    sparse: bool = True,
    in_16_bits: tuple[int, float] = (3, 0.05),
    **arguments: Any,
) -> tuple[Probe, ...]:
    """The probes that every optimizer has to satisfy, whatever its rule.

    Args:
        keras_class: whose updates are right.
        sparse: whether Keras's class takes `tf.IndexedSlices`.
        in_16_bits: how many steps are compared on variables of 16 bits, and how exactly: a right
            answer may round elsewhere than Keras, which some rules magnify.
        arguments: for both; such that every part of the rule is at work, without a learning rate.
    """

    def takes_a_schedule(candidate):
        """A schedule as learning rate: each step goes by its own rate."""
        schedule = keras.optimizers.schedules.ExponentialDecay(0.2, 1, 0.5)
        yield from beside(candidate, keras_class, learning_rate=schedule, **arguments)

    def takes_another_rate_later(candidate):
        """The learning rate can be set between two steps, as callbacks do."""

        def trained(make):
            optimizer, own = make(learning_rate=0.2, **arguments), variables()
            yield from updates(optimizer, 1, trained=own)
            optimizer.learning_rate = 0.05
            yield from updates(optimizer, 2, lambda step: gradients(step + 1), own)

        given = "learning_rate=0.2 in step 1, then set to 0.05"
        yield from _compared(trained(candidate), trained(keras_class), given)

    def takes_sparse_gradients(candidate):
        """An embedding's gradient comes as `tf.IndexedSlices`: rows and their places."""

        def arriving(step):
            kernel, *rest = gradients(step)
            rows = [2, 0] if step % 2 else [1]
            return [tf.IndexedSlices(kernel[rows], tf.constant(rows), tf.constant([3, 2])), *rest]

        given = "tf.IndexedSlices for two rows of kernel"
        yield from beside(
            candidate, keras_class, given, arriving=arriving, learning_rate=0.1, **arguments
        )

    def skips_a_variable_without_gradient(candidate):
        """A variable whose gradient is None rests in this step, with its state; the others go on."""

        def arriving(step):
            missing = {0: 1, 1: 0, 2: 2}.get(step)
            return [
                None if place == missing else each for place, each in enumerate(gradients(step))
            ]

        given = "None for bias in step 1, kernel in step 2, left in step 3"
        yield from beside(
            candidate, keras_class, given, 4, arriving, learning_rate=0.1, **arguments
        )

    def leaves_the_rest_to_keras(candidate):
        """What every Keras optimizer can do besides (clipping, weight decay, averages …) still works."""
        for more in (
            {"clipnorm": 0.5},
            {"global_clipnorm": 0.5},
            {"clipvalue": 0.2},
            {"weight_decay": 0.3},
            {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
            {"gradient_accumulation_steps": 2},
            {"loss_scale_factor": 8.0},
        ):
            more = arguments | more
            yield from beside(candidate, keras_class, told(more), 2, learning_rate=0.1, **more)

    def keeps_the_variables_dtype(candidate):
        """Variables of 16 bits stay what they are, and move about as Keras moves them."""
        given, (steps, tolerance) = "variables of dtype bfloat16", in_16_bits
        settings = {"dtype": "bfloat16", "tolerance": tolerance, "learning_rate": 0.25}
        yield from beside(candidate, keras_class, given, steps, **settings, **arguments)

    def works_inside_a_compiled_function(candidate):
        """Inside `tf.function`, where rate and counter are tensors, the updates are the same."""

        def compiled(make):
            optimizer, own = make(learning_rate=0.1, **arguments), variables()
            optimizer.build(own)
            step = tf.function(
                lambda given: optimizer.apply(given, own), autograph=False
            )  # as `fit`
            return updates(optimizer, trained=own, apply=lambda given, _: step(given))

        right = updates(keras_class(learning_rate=0.1, **arguments))
        yield from _compared(compiled(candidate), right, "optimizer.apply inside tf.function")

    def has_kerass_defaults(candidate):
        """Without arguments it has the values that Keras's class has."""
        config, right = (each().get_config() for each in (candidate, keras_class))
        for name in ["learning_rate", *arguments]:
            value, default = (_plain(each.get(name)) for each in (config, right))
            yield see(f"default of {name}", value, default)

    def config_makes_it_again(candidate):
        """`get_config` holds every argument; `from_config` makes the same optimizer again."""
        given = {"learning_rate": 0.25, **arguments, "clipnorm": 0.5, "name": "mine"}
        config = candidate(**given).get_config()
        missing = [name for name in given if name not in config]
        yield see("list of keys that get_config lacks", missing, [])
        again = candidate.from_config(json.loads(json.dumps(config))).get_config()
        for name, value in given.items():
            yield see(f"{name} after from_config", _plain(again.get(name)), _plain(value))

    def goes_on_after_saving(candidate):
        """Saved after two steps and loaded, it makes the step it would have made next, bit for bit."""
        optimizer, own = candidate(learning_rate=0.1, **arguments), variables()
        list(updates(optimizer, 2, trained=own))
        store: dict[str, Any] = {}
        optimizer.save_own_variables(store)
        loaded, copies = candidate(learning_rate=0.1, **arguments), variables()
        loaded.build(copies)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the numbers of variables differ
            loaded.load_own_variables(store)
        for copy, variable in zip(copies, own, strict=True):
            copy.assign(variable)
        received, expected = (
            next(updates(each, 1, lambda _: gradients(2), trained))
            for each, trained in ((loaded, copies), (optimizer, own))
        )
        given = (
            "two steps, saved, loaded into a new optimizer (all that `build` made), a third step"
        )
        same = all(np.array_equal(received[name], expected[name]) for name in expected)
        yield see("claim that the third step is the same bit for bit", same, True, given)

    probes = (
        takes_a_schedule,
        takes_another_rate_later,
        skips_a_variable_without_gradient,
        leaves_the_rest_to_keras,
        keeps_the_variables_dtype,
        works_inside_a_compiled_function,
        has_kerass_defaults,
        config_makes_it_again,
        goes_on_after_saving,
    )
    return (*probes, takes_sparse_gradients) if sparse else probes


def _plain(value: Any) -> Any:
    """A number of a config as Python's float: Keras gives a rate as NumPy's float32."""
    return float(f"{value:.6g}") if isinstance(value, (float, np.floating)) else value


def step_table(keras_class: type, *more: dict, **arguments: Any) -> Callable[[Candidate], str]:
    """For `Exam.close_up`: the first steps of an answer beside Keras's, the first difference marked.

    Args:
        more: further arguments, which are tried where those before show no difference.
    """

    def close_up(candidate: Candidate) -> str:
        for given in (arguments, *more):
            seen = microscope(candidate(**given), beside=keras_class(**given))
            if seen.first_difference:
                return f"{told(given)}:\n{seen!r}"
        return ""

    return close_up
