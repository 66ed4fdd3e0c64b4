"""Exam of lesson 01's judge of gradients: central differences."""

import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Exam, Mistake, see


def straight_and_bent_by_hand(numerical_gradient):
    """Of x * x + 3 * y the gradient at (2, 5) is (4, 3)."""
    received = numerical_gradient(lambda v: v[0] ** 2 + 3 * v[1], np.array([2.0, 5.0]))
    given = "the function x * x + 3 * y at (2, 5)"
    yield see("gradient", received, [4.0, 3.0], given, tolerance=1e-7)


def goes_to_both_sides_by_step(numerical_gradient):
    """It goes a `step` to either side: on a cubic that adds step * step exactly, a millionth by default."""
    cubic = lambda v: np.sum(v**3)  # noqa: E731
    for step in (0.5, 0.1):
        received = numerical_gradient(cubic, np.array([1.0, 2.0]), step)
        right = np.array([3.0, 12.0]) + step**2
        given = f"the sum of x ** 3 at (1, 2) and step {step}"
        yield see("gradient", received, right, given, tolerance=1e-7)
    received = numerical_gradient(cubic, np.zeros(2))
    yield see("gradient", received, [1e-6, 1e-6], "the sum of x ** 3 at (0, 0), step left out")


def _of_sines(numerical_gradient, inputs, given):
    """The gradient of a sum of sines, each with a factor of its own."""
    factors = np.random.default_rng(0).normal(size=inputs.shape)
    received = numerical_gradient(lambda v: np.sum(factors * np.sin(v)), inputs)
    yield see("gradient", received, factors * np.cos(inputs), given)


def takes_any_shape(numerical_gradient):
    """The gradient has the shape of the inputs, and each number is its own derivative."""
    for shape in ((2, 3), (3,), (2, 1, 2)):
        inputs = np.random.default_rng(1).normal(size=shape)
        yield from _of_sines(numerical_gradient, inputs, f"inputs of shape {shape}")
    inputs = np.random.default_rng(1).normal(size=(2, 3)).T
    yield from _of_sines(numerical_gradient, inputs, "the transpose of an array of shape (2, 3)")


def takes_a_single_number(numerical_gradient):
    """Given inputs of shape (), a single number, the gradient is a number too."""
    yield from _of_sines(numerical_gradient, np.array(0.5), "inputs of shape ()")


def sees_how_inputs_meet(numerical_gradient):
    """Where inputs are multiplied by each other, all others stay as they are while one moves."""
    inputs = np.array([2.0, 3.0, 5.0])
    received = numerical_gradient(np.prod, inputs)
    yield see("gradient", received, [15.0, 10.0, 6.0], "the product of (2, 3, 5)", tolerance=1e-7)


def takes_integers_and_lists(numerical_gradient):
    """Integers are computed with as float64, and so is what the function is handed."""
    handed = []

    def function(v):
        handed.append(np.asarray(v).dtype.name)
        return np.sum(v**2)

    for inputs in (np.array([1, 2]), [1, 2], np.array([1, 2], "float32")):
        received = numerical_gradient(function, inputs)
        kind = inputs.dtype if isinstance(inputs, np.ndarray) else "a list"
        yield see("gradient", received, [2.0, 4.0], f"inputs [1, 2], {kind}", tolerance=1e-7)
    yield see("list of dtypes handed to the function", sorted(set(handed)), ["float64"])
    yield see("dtype of the gradient", np.asarray(received).dtype.name, "float64")


def takes_tensors_from_the_function(numerical_gradient):
    """The function may return a tensor, as a layer does."""
    received = numerical_gradient(lambda v: tf.reduce_sum(tf.square(v)), np.array([1.0, -3.0]))
    yield see("gradient", received, [2.0, -6.0], "a function that returns a tensor", tolerance=1e-7)


def hides_nothing(numerical_gradient):
    """Where the function is not a number, the gradient is not a number either."""
    received = numerical_gradient(
        lambda v: np.nan if v[1] > 2 else np.sum(v**2), np.array([1.0, 2.0])
    )
    given = "the function x * x + y * y, NaN beyond y = 2, at (1, 2)"
    yield see("gradient", received, [2.0, np.nan], given, tolerance=1e-7)


def leaves_the_inputs_alone(numerical_gradient):
    """The caller's array stays as it is, bit for bit, while the function is asked and afterwards."""
    inputs = np.random.default_rng(1).normal(size=20)
    before, moved = inputs.copy(), []

    def function(v):
        moved.append(np.max(np.abs(inputs - before)))
        return np.sum(v**2)

    numerical_gradient(function, inputs)
    given = "20 normal numbers"
    yield see("array that was handed in", inputs, before, given, tolerance=0)
    yield see("largest change of it while the function is asked", max(moved), 0.0, given)


DIFFERENCE = "(function(inputs + shift) - function(inputs - shift)) / (2 * step)"
SHIFTED = (
    "shift = np.zeros_like(inputs)\n        shift[index] = step\n        gradient[index] = "
    + DIFFERENCE
)

LOOP = (
    '    inputs = np.asarray(inputs, dtype="float64")\n'
    "    gradient = np.zeros_like(inputs)\n"
    "    for index in np.ndindex(inputs.shape):\n        " + SHIFTED + "\n    return gradient"
)
PUT_BACK = (
    "    gradient = np.zeros(x.shape)\n"
    "    for index in np.ndindex(x.shape):\n"
    "        kept = x[index]\n"
    "        x[index] = kept + step\n"
    "        above = function(x)\n"
    "        x[index] = kept - step\n"
    "        gradient[index] = (above - function(x)) / (2 * step)\n"
    "        x[index] = kept\n"
    "    return gradient"
)
MOVED_BACK = (
    "    gradient = np.zeros(x.shape)\n"
    "    for index in np.ndindex(x.shape):\n"
    "        x[index] += step\n"
    "        above = function(x)\n"
    "        x[index] -= 2 * step\n"
    "        below = function(x)\n"
    "        x[index] += step\n"
    "        gradient[index] = (above - below) / (2 * step)\n"
    "    return gradient"
)
SECOND_NAME = (
    "`x = inputs` is a second name for the caller's array, not a copy: you move the caller's numbers. "
    '`np.array(inputs, dtype="float64")` copies, and makes integers and lists float64 too.'
)

EXAM = Exam(
    name="numerical_gradient",
    block="layers",
    probes=(
        straight_and_bent_by_hand,
        goes_to_both_sides_by_step,
        takes_any_shape,
        takes_a_single_number,
        sees_how_inputs_meet,
        takes_integers_and_lists,
        takes_tensors_from_the_function,
        hides_nothing,
        leaves_the_inputs_alone,
    ),
    mistakes=(
        Mistake(
            "forward-difference",
            find=DIFFERENCE,
            put="(function(inputs + shift) - function(inputs)) / step",
            says="You go to one side only. The error of that shrinks with the step; that of the "
            "difference between both sides shrinks with its square.",
        ),
        Mistake(
            "backward-difference",
            find=DIFFERENCE,
            put="(function(inputs) - function(inputs - shift)) / step",
            says="You go to the lower side only. Take the difference between both sides.",
        ),
        Mistake(
            "divided-by-one-step",
            find="inputs - shift)) / (2 * step)",
            put="inputs - shift)) / step",
            says="You divide by the step. The two points are two steps apart: divide by 2 * step.",
        ),
        Mistake(
            "parentheses-missing",
            find="inputs - shift)) / (2 * step)",
            put="inputs - shift)) / 2 * step",
            says="`/ 2 * step` divides by 2 and multiplies by the step. Write `/ (2 * step)`.",
        ),
        Mistake(
            "not-divided",
            find="inputs - shift)) / (2 * step)",
            put="inputs - shift))",
            says="You do not divide the difference by the distance of the two points, 2 * step.",
        ),
        Mistake(
            "sides-swapped",
            find="function(inputs + shift) - function(inputs - shift)",
            put="function(inputs - shift) - function(inputs + shift)",
            says="You subtract the upper value from the lower one: the sign is wrong.",
        ),
        Mistake(
            "sides-added",
            find="function(inputs + shift) - function(inputs - shift)",
            put="function(inputs + shift) + function(inputs - shift)",
            says="You add the two values. Take their difference.",
        ),
        Mistake(
            "half-a-step",
            find="shift[index] = step",
            put="shift[index] = step / 2",
            says="You go half a step to either side but divide by two steps. Go a whole step.",
        ),
        Mistake(
            "half-a-step-throughout",
            find="shift[index] = step\n        gradient[index] = " + DIFFERENCE,
            put="shift[index] = step / 2\n        gradient[index] = "
            "(function(inputs + shift) - function(inputs - shift)) / step",
            says="You go half a step to either side. Go a whole step, and divide by two steps.",
        ),
        Mistake(
            "step-ignored",
            find="shift[index] = step",
            put="step = 1e-3\n        shift[index] = step",
            says="You use a step of 0.001 whatever `step` is.",
        ),
        Mistake(
            "all-at-once",
            find="shift = np.zeros_like(inputs)\n        shift[index] = step",
            put="shift = np.full_like(inputs, step)",
            says="You move all inputs at once, and get the sum of all derivatives. Move one at a time.",
        ),
        Mistake(
            "earlier-steps-kept",
            find="for index in np.ndindex(inputs.shape):\n        shift = np.zeros_like(inputs)\n",
            put="shift = np.zeros_like(inputs)\n    for index in np.ndindex(inputs.shape):\n",
            says="While one input moves, those before it are still moved. Begin with no shift at each.",
        ),
        Mistake(
            "single-precision",
            find='dtype="float64"',
            put='dtype="float32"',
            says="You compute in float32: the difference of two nearly equal numbers loses its digits. "
            "Make the inputs float64 first.",
        ),
        Mistake(
            "dtype-of-the-inputs",
            find='np.asarray(inputs, dtype="float64")',
            put="np.asarray(inputs)",
            says="You keep the dtype of the inputs. A step of 0.001 vanishes in integers, and float32 "
            "loses the digits of the difference: make them float64 first.",
        ),
        Mistake(
            "flattened",
            find="return gradient",
            put="return gradient.ravel()",
            says="Your gradient is flat. It has the shape of the inputs.",
        ),
        Mistake(
            "inputs-changed",
            find=SHIFTED,
            put="inputs[index] += step\n        above = function(inputs)\n"
            "        inputs[index] -= 2 * step\n"
            "        gradient[index] = (above - function(inputs)) / (2 * step)",
            says="You move the inputs and do not move them back. That changes the caller's array, and "
            "each later position is looked at in the wrong place. Work on a copy.",
        ),
        Mistake(
            "inputs-moved-and-back",
            find=SHIFTED,
            put="inputs[index] += step\n        above = function(inputs)\n"
            "        inputs[index] -= 2 * step\n"
            "        gradient[index] = (above - function(inputs)) / (2 * step)\n"
            "        inputs[index] += step",
            says="You move the caller's array and move it back, and rounding keeps a trace in its last "
            "digits. Work on a copy.",
        ),
        Mistake(
            "inputs-put-back",
            find=LOOP,
            put='    x = np.asarray(inputs, dtype="float64")\n' + PUT_BACK,
            says="You move the caller's array and put it back: while the function is asked, it is "
            "changed. `np.asarray` makes no copy of a float64 array; `np.array` does.",
        ),
        Mistake(
            "second-name",
            find=LOOP,
            put="    x = inputs\n" + PUT_BACK,
            says=SECOND_NAME,
        ),
        Mistake(
            "second-name-moved-back",
            find=LOOP,
            put="    x = inputs\n" + MOVED_BACK,
            says=SECOND_NAME,
        ),
        Mistake(
            "copy-of-integers",
            find=LOOP,
            put="    x = np.array(inputs)\n" + PUT_BACK,
            says="Your copy keeps the dtype of the inputs: integers drop the step's digits. Make it "
            'float64: `np.array(inputs, dtype="float64")`.',
        ),
        Mistake(
            "return-in-the-loop",
            find="\n    return gradient",
            put="\n        return gradient",
            says="You return inside the loop, after the first position. Move `return` out of it.",
        ),
        Mistake(
            "all-at-once-without-a-loop",
            find=LOOP,
            put='    inputs = np.asarray(inputs, dtype="float64")\n'
            "    return (function(inputs + step) - function(inputs - step)) / (2 * step)",
            says="`inputs + step` moves all inputs at once. Go over the positions and move one at a "
            "time: the gradient has a number for each.",
        ),
        Mistake(
            "first-axis-only",
            find="for index in np.ndindex(inputs.shape):",
            put="for index in range(len(inputs)):",
            says="You go over the first axis only and move whole rows. `np.ndindex(inputs.shape)` "
            "visits each position, whatever the shape.",
        ),
        Mistake(
            "nan-hidden",
            find="return gradient",
            put="return np.nan_to_num(gradient)",
            says="You turn NaN into 0, which hides that the function was not a number there.",
        ),
    ),
    hints=(
        "A derivative is a difference divided by a distance. How far apart are the two points that the "
        "formula asks the function for?",
        "`for index in np.ndindex(inputs.shape)` visits every position. An array of zeros with `step` "
        "at `index` can be added to the inputs, and subtracted from them.",
        "At each position: make the array of zeros, put `step` in, ask the function for inputs plus it "
        "and inputs minus it, and keep their difference, divided by twice the step.",
    ),
    why="The shifted inputs are new arrays, so the caller's is never touched, and a function that keeps "
    "what it is handed does no harm. `np.ndindex` makes one loop do for all shapes. float64 pays for "
    "itself: what is left of the difference after rounding is divided by a small number.",
)

EXAMS = (EXAM,)
