"""Exams of lesson 13: clipping gradients, and averaging weights."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Candidate, Exam, Mistake, Observation, see
from ._oracle import normal, outcome

# --- clip_gradients ---------------------------------------------------------------------------------

SHAPES = {"kernel": (3, 2), "bias": (2,), "scale": (4,)}


def gradients(dtype: str = "float32") -> list[tf.Tensor]:
    """Gradients with norms of about 2, 1 and 0.2."""
    return [
        tf.cast(normal(*shape, seed=place + 3, scale=0.9 / (1 + place) ** 2), dtype)
        for place, shape in enumerate(SHAPES.values())
    ]


def clipped_by_keras(given: list[Any], **limit: float) -> list[np.ndarray | None]:
    """What Keras's SGD subtracts from variables of zeros at rate 1."""
    own = [keras.Variable(np.zeros(each.shape), dtype=each.dtype) for each in given]
    keras.optimizers.SGD(1.0, **limit).apply(given, own)
    return [-variable.numpy().astype("float32") for variable in own]


def beside_keras(
    candidate: Candidate, given: list[Any], what: str, tolerance: float = 1e-5, **limit: float
) -> Iterator[Observation]:
    yield from _compared(
        candidate(list(given), **limit), clipped_by_keras(given, **limit), what, limit, tolerance
    )


def _compared(
    received: Any, expected: list[Any], what: str, limit: dict[str, float], tolerance: float = 1e-5
) -> Iterator[Observation]:
    told = ", ".join(f"{name}={value}" for name, value in limit.items()) or "no limit"
    received = None if received is None else list(received)
    length = None if received is None else len(received)
    yield see("number of gradients returned", length, len(expected), what)
    if length == len(expected):
        for name, value, right in zip(SHAPES, received, expected, strict=True):
            if isinstance(value, tf.IndexedSlices):
                value = tf.convert_to_tensor(value)
            yield see(f"gradient of {name}", value, right, f"{what} and {told}", tolerance)


THREE = "gradients of kernel (3, 2), bias (2,) and scale (4,)"


def limits_each_number(clip_gradients):
    """By value: every number is cut off at the limit, above and below."""
    for limit in (0.3, 0.05):
        yield from beside_keras(clip_gradients, gradients(), THREE, clipvalue=limit)


def limits_each_norm(clip_gradients):
    """By norm: every gradient is scaled down to the limit on its own, and keeps its direction."""
    for limit in (0.5, 0.1, 1.5):
        yield from beside_keras(clip_gradients, gradients(), THREE, clipnorm=limit)


def limits_the_norm_of_all(clip_gradients):
    """By global norm: all gradients are scaled by one factor, so that together they meet the limit."""
    for limit in (0.5, 0.1, 1.5):
        yield from beside_keras(clip_gradients, gradients(), THREE, global_clipnorm=limit)


def leaves_what_is_below(clip_gradients):
    """Gradients below the limit stay as they are, bit for bit; so do all without a limit."""
    for limit in ({"clipvalue": 9.0}, {"clipnorm": 9.0}, {"global_clipnorm": 9.0}, {}):
        yield from _compared(clip_gradients(gradients(), **limit), gradients(), THREE, limit, 0)


def takes_gradients_of_zeros(clip_gradients):
    """Gradients of zeros stay zeros: nothing is divided by their norm."""
    zeros = [tf.zeros(shape) for shape in SHAPES.values()]
    for limit in ({"clipvalue": 1.0}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}):
        yield from _compared(clip_gradients(list(zeros), **limit), zeros, "zeros", limit)


def lets_none_pass(clip_gradients):
    """A gradient of None stays None, in its place."""
    kernel, _, scale = gradients()
    for limit in ({"clipvalue": 0.1}, {"clipnorm": 0.1}, {"global_clipnorm": 0.1}, {}):
        received = clip_gradients([kernel, None, scale], **limit)
        first, last = clipped_by_keras([kernel, scale], **limit)
        yield from _compared(received, [first, None, last], "None for bias", limit)


def keeps_the_dtype(clip_gradients):
    """Gradients of 16 bits stay what they are."""
    given = gradients("bfloat16")
    for limit in ({"clipvalue": 0.3}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}):
        received = list(clip_gradients(list(given), **limit))
        dtypes = [keras.backend.standardize_dtype(each.dtype) for each in received]
        yield see("list of dtypes", dtypes, ["bfloat16"] * 3, "gradients of dtype bfloat16")
        right = clipped_by_keras([tf.cast(each, "float32") for each in given], **limit)
        yield from _compared(received, right, "gradients of dtype bfloat16", limit, 0.02)


def takes_sparse_gradients(clip_gradients):
    """An embedding's gradient comes as `tf.IndexedSlices`: rows and their places."""
    kernel, *rest = gradients()
    sparse = tf.IndexedSlices(kernel[:2], tf.constant([2, 0]), tf.constant([3, 2]))
    dense = [tf.convert_to_tensor(sparse), *rest]
    for limit in ({"clipvalue": 0.3}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}):
        received = clip_gradients([sparse, *rest], **limit)
        expected = clipped_by_keras(dense, **limit)
        yield from _compared(received, expected, "tf.IndexedSlices for two rows of kernel", limit)


def works_inside_a_compiled_function(clip_gradients):
    """Inside a compiled training step, where no number is known yet, the result is the same."""
    for limit in ({"clipvalue": 0.3}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}):
        compiled = tf.function(
            lambda given, limit=limit: list(clip_gradients(given, **limit)), autograph=False
        )
        expected = clipped_by_keras(gradients(), **limit)
        yield from _compared(compiled(gradients()), expected, f"tf.function, {THREE}", limit)


def refuses_limits_that_cannot_be(clip_gradients):
    """Two limits at once, or one that is not above 0, are refused with a ValueError."""
    for limits in (
        {"clipvalue": 1.0, "clipnorm": 1.0},
        {"clipnorm": 1.0, "global_clipnorm": 1.0},
        {"clipvalue": 1.0, "global_clipnorm": 1.0},
        {"clipnorm": 0.0},
        {"global_clipnorm": -1.0},
        {"clipvalue": float("nan")},
    ):
        error = outcome(lambda limits=limits: clip_gradients(gradients(), **limits))
        yield see("function", error, "ValueError", str(limits))


BY_VALUE = "ops.clip(g, -clipvalue, clipvalue)"
SQUARES = "squares = [ops.sum(ops.square(g)) for g in floats32]"
TOGETHER = "squares = [sum(squares)] * len(squares)"
FACTOR = "limit / ops.maximum(ops.sqrt(square), limit)"
RESULT = "return [g if g is None else ops.multiply(g, ops.cast(f, g.dtype)) for g, f in pairs]"

CLIP_GRADIENTS = Exam(
    name="clip_gradients",
    block="optimizers",
    probes=(
        limits_each_number,
        limits_each_norm,
        limits_the_norm_of_all,
        leaves_what_is_below,
        takes_gradients_of_zeros,
        lets_none_pass,
        keeps_the_dtype,
        takes_sparse_gradients,
        works_inside_a_compiled_function,
        refuses_limits_that_cannot_be,
    ),
    mistakes=(
        Mistake(
            "each-instead-of-all",
            find=TOGETHER,
            put="pass",
            says="Your global norm is that of each gradient on its own. It is one norm for all "
            "gradients together, and one factor.",
        ),
        Mistake(
            "all-instead-of-each",
            find="if global_clipnorm:",
            put="if True:",
            says="`clipnorm` uses the norm of all gradients together. It limits each on its own.",
        ),
        Mistake(
            "sum-of-norms",
            find=TOGETHER,
            put="squares = [sum(square**0.5 for square in squares) ** 2] * len(squares)",
            says="You add up the norms. The global norm is the root of the sum of all squares.",
        ),
        Mistake(
            "largest-norm",
            find=TOGETHER,
            put="squares = [ops.max(ops.stack(squares))] * len(squares)",
            says="You take the largest norm for the global one. That is the root of the sum of all "
            "squares.",
        ),
        Mistake(
            "mean-over-gradients",
            find=TOGETHER,
            put="squares = [sum(squares) / len(squares)] * len(squares)",
            says="You divide the sum of squares by the number of gradients. A norm is a sum, not a mean.",
        ),
        Mistake(
            "mean-square",
            find=SQUARES,
            put="squares = [ops.mean(ops.square(g)) for g in floats32]",
            says="You take the mean of the squares. The norm is the root of their sum.",
        ),
        Mistake(
            "sum-of-absolute-values",
            find=SQUARES,
            put="squares = [ops.square(ops.sum(ops.abs(g))) for g in floats32]",
            says="You add up absolute values. The norm is the root of the sum of squares.",
        ),
        Mistake(
            "largest-number",
            find=SQUARES,
            put="squares = [ops.square(ops.max(ops.abs(ops.add(g, 0.0)))) for g in floats32]",
            says="You take the largest number for the norm, which is the root of the sum of squares.",
        ),
        Mistake(
            "norm-squared",
            find=FACTOR,
            put="limit / ops.maximum(square, limit)",
            says="You compare the square of the norm with the limit: take the root.",
        ),
        Mistake(
            "scales-up",
            find=FACTOR,
            put="limit / (ops.sqrt(square) + 1e-12)",
            says="Every gradient gets the norm of the limit, so that small ones grow. The factor is "
            "at most 1.",
        ),
        Mistake(
            "divides-by-zero",
            find=FACTOR,
            put="ops.minimum(limit / ops.sqrt(square), 1) * square / square",
            says="At a norm of 0 you divide 0 by 0, which is NaN. With `maximum(norm, limit)` below the "
            "line it cannot happen.",
        ),
        Mistake(
            "only-small-ones",
            find=FACTOR,
            put="limit / ops.maximum(ops.minimum(ops.sqrt(square), limit), 1e-12)",
            says="You scale small gradients up and leave the large ones: minimum and maximum are "
            "exchanged.",
        ),
        Mistake(
            "limit-forgotten",
            find=FACTOR,
            put="1 / ops.maximum(ops.sqrt(square), 1)",
            says="You scale to a norm of 1, whatever the limit is.",
        ),
        Mistake(
            "limit-not-above",
            find=FACTOR,
            put="1 / ops.maximum(ops.sqrt(square), limit)",
            says="Your factor lacks the limit above the line: a gradient below it is not kept.",
        ),
        Mistake(
            "upside-down",
            find=FACTOR,
            put="ops.maximum(ops.sqrt(square), limit) / limit",
            says="Your factor is upside down: long gradients become longer.",
        ),
        Mistake(
            "drops-long-ones",
            find=FACTOR,
            put="ops.where(ops.sqrt(square) > limit, 0.0, 1.0)",
            says="A gradient above the limit becomes 0. It is scaled down to the limit.",
        ),
        Mistake(
            "subtracts",
            find=RESULT,
            put="return [g if g is None else ops.subtract(g, ops.cast(1 - f, g.dtype)) for g, f in pairs]",
            says="You subtract what is too much from every number. Multiply: the direction stays.",
        ),
        Mistake(
            "sign-lost",
            find=BY_VALUE,
            put="ops.clip(ops.abs(g), -clipvalue, clipvalue)",
            says="The sign is lost: a gradient of -5 at limit 1 becomes 1. It becomes -1.",
        ),
        Mistake(
            "from-zero",
            find=BY_VALUE,
            put="ops.clip(g, 0, clipvalue)",
            says="You cut off everything below 0. The lower limit is -clipvalue.",
        ),
        Mistake(
            "above-only",
            find=BY_VALUE,
            put="ops.minimum(g, clipvalue)",
            says="You limit from above only. The lower limit is -clipvalue.",
        ),
        Mistake(
            "signs-only",
            find=BY_VALUE,
            put="ops.multiply(ops.sign(g), clipvalue)",
            says="Every number becomes as large as the limit. Numbers below it stay.",
        ),
        Mistake(
            "value-scales",
            find=BY_VALUE,
            put="ops.multiply(g, clipvalue / ops.maximum(ops.max(ops.abs(ops.add(g, 0.0))), clipvalue))",
            says="You scale the gradient until its largest number meets the limit. By value, each "
            "number is cut off on its own.",
        ),
        Mistake(
            "none-left-out",
            find=RESULT,
            put="return [ops.multiply(g, ops.cast(f, g.dtype)) for g, f in pairs if g is not None]",
            says="You leave gradients of None out, so that those after them meet the wrong variables.",
        ),
        Mistake(
            "none-not-foreseen",
            find='ops.zeros(()) if g is None else ops.cast(g, "float32")',
            put='ops.cast(g, "float32")',
            says="A gradient may be None, where a variable has no part in the loss. It has no norm.",
        ),
        Mistake(
            "no-cast",
            find="ops.multiply(g, ops.cast(f, g.dtype))",
            put="ops.multiply(g, f)",
            says="Your factor is float32, and gradients of 16 bits become float32 by it. Cast it to the "
            "gradient's dtype.",
        ),
        Mistake(
            "dense-squares-only",
            find="ops.sum(ops.square(g))",
            put="ops.sum(g**2)",
            says="Operators such as `**` fail on the sparse gradient of an embedding. "
            "`ops.square` takes both kinds.",
        ),
        Mistake(
            "python-if",
            find=FACTOR,
            put="limit / ops.sqrt(square) if bool(ops.sqrt(square) > limit) else 1.0",
            says="A Python `if` on a norm works in eager mode only: a compiled training step has no "
            "numbers yet. `ops.maximum` does without.",
        ),
        Mistake(
            "two-limits",
            find="if len(limits) > 1:",
            put="if len(limits) > 2:",
            says="Two limits at once have to be refused, with a ValueError.",
        ),
        Mistake(
            "limit-of-zero",
            find="lambda number: number > 0",
            put="lambda number: number >= 0",
            says="A limit of 0 has to be refused, with a ValueError: nothing would be left.",
        ),
        Mistake(
            "limits-unchecked",
            find='check_number(name, limit, lambda number: number > 0, "a float above 0")',
            put="pass",
            says="A limit that is not above 0 has to be refused, with a ValueError.",
        ),
    ),
    hints=(
        "By value is one call of `ops.clip`. For both kinds of norm you need the sum of squares of each "
        "gradient. What differs between them?",
        "The factor is limit / norm where the norm is larger, else 1: that is limit over the larger of "
        "both.",
    ),
    why=(
        "`limit / maximum(norm, limit)` says in one expression what an `if` would: 1 below the limit, "
        "limit / norm above it, and never 0 / 0. The squares are added up in float32: in float16 the "
        "square of 256 is infinite already. One global factor keeps the direction of the "
        "whole step; a factor for each gradient turns it, and clipping by value turns each gradient "
        "besides."
    ),
)

# --- WeightAverage ----------------------------------------------------------------------------------


def weights(step: int) -> list[np.ndarray]:
    """What training makes of three variables, two of the same shape, in a step."""
    return [
        normal(*shape, seed=10 * step + place) for place, shape in enumerate([(3, 2), (4,), (4,)])
    ]


def tracked(candidate: Candidate, **arguments: Any) -> tuple[Any, list[keras.Variable]]:
    """An average, and the variables that it follows."""
    own = [keras.Variable(value) for value in weights(0)]
    return candidate(own, **arguments), own


def assign(own: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(own, values, strict=True):
        variable.assign(value)


def expected(steps: int, momentum: float) -> list[np.ndarray]:
    """The averages after the updates of steps 1, 2, …, in float64."""
    averages = [value.astype("float64") for value in weights(1)]
    for step in range(2, steps + 1):
        pairs = zip(averages, weights(step), strict=True)
        averages = [momentum * average + (1 - momentum) * value for average, value in pairs]
    return averages


def averages_seen(
    average: Any, right: list[np.ndarray], given: str, tolerance: float = 1e-5
) -> Iterator[Observation]:
    yield see("number of averages", len(average.averages), len(right), given)
    for place, (received, value) in enumerate(zip(average.averages, right, strict=False)):
        yield see(f"average {place}", received, value, given, tolerance)


def starts_from_the_first_weights(candidate):
    """The first update takes the weights as they are."""
    average, own = tracked(candidate, momentum=0.9)
    assign(own, weights(1))
    average.update()
    yield from averages_seen(average, weights(1), "one update and momentum=0.9")


def keeps_a_share_of_the_old_average(candidate):
    """Each later update keeps the share `momentum` of the average; the rest comes from the weights."""
    for momentum in (0.9, 0.25, 0.0):
        average, own = tracked(candidate, momentum=momentum)
        for step in range(1, 5):
            assign(own, weights(step))
            average.update()
            right = expected(step, momentum)
            yield from averages_seen(average, right, f"update {step} and momentum={momentum}")


def leaves_the_weights_alone(candidate):
    """An update changes no weight, and training on changes no average."""
    average, own = tracked(candidate, momentum=0.5)
    for step in (1, 2):
        assign(own, weights(step))
        average.update()
        for place, (variable, right) in enumerate(zip(own, weights(step), strict=True)):
            yield see(f"variable {place}", variable, right, f"update {step}")
    assign(own, weights(3))
    yield from averages_seen(average, expected(2, 0.5), "weights that changed after the update")


def swaps(candidate):
    """`swap` exchanges weights and averages; a second one brings both back, bit for bit."""
    average, own = tracked(candidate, momentum=0.5)
    for step in (1, 2):
        assign(own, weights(step))
        average.update()
    for times, (now, kept) in enumerate(
        [(expected(2, 0.5), weights(2)), (weights(2), expected(2, 0.5))], start=1
    ):
        average.swap()
        for place, (variable, right) in enumerate(zip(own, now, strict=True)):
            yield see(f"variable {place}", variable, right, f"swap number {times}")
        yield from averages_seen(average, kept, f"swap number {times}")
    exact = all(np.array_equal(a, b) for a, b in zip(own, weights(2), strict=True))
    yield see("claim that the weights are back bit for bit", exact, True, "two swaps")


def goes_on_after_swapping(candidate):
    """After two swaps the next updates go on as if nothing had been."""
    average, own = tracked(candidate, momentum=0.5)
    for step in range(1, 5):
        assign(own, weights(step))
        average.update()
        average.swap()
        average.swap()
    yield from averages_seen(average, expected(4, 0.5), "four updates, each followed by two swaps")


def updates_inside_a_compiled_function(candidate):
    """Inside a compiled training step the averages are the same, in the first update and later."""
    average, own = tracked(candidate, momentum=0.5)
    update = tf.function(average.update, autograph=False)
    for step in range(1, 5):
        assign(own, weights(step))
        update()
        yield from averages_seen(average, expected(step, 0.5), f"tf.function and update {step}")


def keeps_the_variables_dtype(candidate):
    """Variables of 16 bits have averages of 16 bits."""
    own = [keras.Variable(value, dtype="bfloat16") for value in weights(1)]
    average = candidate(own, momentum=0.5)
    for step in (1, 2, 3):
        assign(own, weights(step))
        average.update()
    given = "variables of dtype bfloat16, three updates"
    yield from averages_seen(average, expected(3, 0.5), given, tolerance=0.02)


def has_kerass_default(candidate):
    """The default momentum is that of Keras's `ema_momentum`."""
    average, own = tracked(candidate)
    for step in (1, 2):
        assign(own, weights(step))
        average.update()
    yield from averages_seen(average, expected(2, 0.99), "two updates, momentum left out")


def refuses_a_momentum_out_of_range(candidate):
    """A momentum below 0 or above 1 is refused with a ValueError."""
    for momentum in (-0.1, 1.5, float("nan")):
        error = outcome(lambda momentum=momentum: candidate([], momentum=momentum))
        yield see("constructor", error, "ValueError", f"momentum={momentum}")


KEPT = "kept = ops.where(self.updates == 0, 0.0, self.momentum)"
AVERAGED = "average.assign(average * kept + variable * (1 - kept))"
COUNTED = "self.updates.assign_add(1)"
COPIED = "value = ops.copy(variable)"

WEIGHT_AVERAGE = Exam(
    name="WeightAverage",
    block="optimizers",
    probes=(
        starts_from_the_first_weights,
        keeps_a_share_of_the_old_average,
        leaves_the_weights_alone,
        swaps,
        goes_on_after_swapping,
        updates_inside_a_compiled_function,
        keeps_the_variables_dtype,
        has_kerass_default,
        refuses_a_momentum_out_of_range,
    ),
    mistakes=(
        Mistake(
            "starts-from-zero",
            find=KEPT,
            put="kept = self.momentum",
            says="Your average starts from zeros, so that it is too small at first. The first update takes "
            "the weights as they are.",
        ),
        Mistake(
            "bias-corrected",
            find=KEPT,
            put='n = ops.cast(self.updates, "float32")\n'
            "        m = self.momentum\n"
            "        kept = m * (1 - m**n) / (1 - m ** (n + 1))",
            says="You correct the bias as Adam does. Keras's average starts from the first weights "
            "instead, and remembers them longer.",
        ),
        Mistake(
            "equal-weights",
            find=KEPT,
            put='kept = ops.cast(self.updates, "float32") / ops.cast(self.updates + 1, "float32")',
            says="You take the mean of all weights so far. Here the share of the old average is always "
            "`momentum`.",
        ),
        Mistake(
            "turned-round",
            find="ops.where(self.updates == 0, 0.0, self.momentum)",
            put="ops.where(self.updates == 0, self.momentum, 0.0)",
            says="You keep the old average in the first update, and nothing later. It is the other way "
            "round.",
        ),
        Mistake(
            "first-twice",
            find="self.updates == 0",
            put="self.updates <= 1",
            says="The second update takes the weights as they are, too. The first one does.",
        ),
        Mistake(
            "never-counts",
            find=COUNTED,
            put="pass",
            says="`updates` stays 0, so that every update counts as the first: your average is the "
            "last weights.",
        ),
        Mistake(
            "counts-each-variable",
            find=AVERAGED,
            put="kept = ops.where(self.updates == 0, 0.0, self.momentum)\n"
            "            average.assign(average * kept + variable * (1 - kept))\n"
            "            self.updates.assign_add(1)",
            says="You count an update for every variable, so that only the first one starts from its "
            "weights. Count once, after all of them.",
        ),
        Mistake(
            "counter-in-python",
            find=COUNTED,
            put="self.updates = self.updates + 1",
            says="`self.updates = …` puts a tensor where a variable was, which a compiled training step "
            "does not see. `assign_add` changes the variable.",
        ),
        Mistake(
            "shares-swapped",
            find=AVERAGED,
            put="mixed = average * (1 - kept) + variable * kept\n"
            "            average.assign(ops.where(self.updates == 0, variable, mixed))",
            says="The shares are swapped: `momentum` is what is kept of the old average.",
        ),
        Mistake(
            "adds-up",
            find=AVERAGED,
            put="average.assign(average * kept + variable)",
            says="You add the whole weights. An average takes the share 1 - momentum of them.",
        ),
        Mistake(
            "without-the-weights",
            find=AVERAGED,
            put="average.assign(ops.where(self.updates == 0, variable, average * kept))",
            says="After the first update the weights are left out: your average shrinks to 0.",
        ),
        Mistake(
            "nothing-assigned",
            find=AVERAGED,
            put="average = average * kept + variable * (1 - kept)",
            says="`average = …` gives a name to a new tensor. `average.assign` changes the variable.",
        ),
        Mistake(
            "into-the-weights",
            find=AVERAGED,
            put="average.assign(average * kept + variable * (1 - kept))\n"
            "            variable.assign(average)",
            says="You write the average into the weights at every step, so that the training goes on "
            "from it. The two are kept apart until you swap.",
        ),
        Mistake(
            "python-if",
            find=KEPT,
            put="kept = self.momentum if bool(self.updates > 0) else 0.0",
            says="A Python `if` on the counter works in eager mode only: a compiled training step has no "
            "numbers yet. `ops.where` chooses between tensors.",
        ),
        Mistake(
            "one-way",
            find="average.assign(value)",
            put="pass",
            says="Your `swap` overwrites the weights: there is no way back to them. Give the averages "
            "what the weights were.",
        ),
        Mistake(
            "swap-without-a-copy",
            find=COPIED,
            put="value = variable",
            says="`value = variable` copies nothing: after the next line it holds the average. "
            "`ops.copy` keeps the old value.",
        ),
        Mistake(
            "swaps-the-lists",
            find="value = ops.copy(variable)\n            variable.assign(average)\n"
            "            average.assign(value)",
            put="pass\n        self.variables, self.averages = self.averages, self.variables",
            says="You exchange the lists. The model holds its variables, and their values stay the same.",
        ),
        Mistake(
            "another-default",
            find="momentum=0.99",
            put="momentum=0.9",
            says="The default of Keras's `ema_momentum` is 0.99.",
        ),
        Mistake(
            "momentum-unchecked",
            find='check_number("momentum", momentum, lambda share: 0 <= share <= 1, "a float in [0, 1]")',
            put="pass",
            says="A momentum outside [0, 1] has to be refused, with a ValueError.",
        ),
    ),
    hints=(
        "What has to be kept of averages that hold zeros? `updates` tells you when that is.",
        "`ops.where(self.updates == 0, …, …)` gives the share that is kept. For `swap` you need the old "
        "value of one of the two before you overwrite it; reading a variable does not copy it.",
    ),
    why=(
        "A share of 0 in the first update makes the average the first weights, as Keras does; Adam's "
        "correction would be the alternative. The counter is a variable, not a Python number: a "
        "compiled training step is traced once, and would have the first value for ever. `ops.copy` in "
        "`swap`: `ops.convert_to_tensor(variable)` hands out the live value, which the next line changes."
    ),
)

EXAMS = (CLIP_GRADIENTS, WEIGHT_AVERAGE)
