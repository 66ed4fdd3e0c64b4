"""Exams of lesson 11: Adagrad, RMSprop and Adadelta, which have a rate for each number."""

import keras
import numpy as np

from ._exam import Candidate, Exam, Mistake, Probe, see
from ._optimizers import beside, owes, step_table

optimizers = keras.optimizers


def refuses(**wrong: tuple[float, ...]) -> Probe:
    """The probe that each of these values of an argument is refused, and its least one is not."""

    def refuses_arguments_out_of_range(candidate):
        """Arguments out of their range, and NaN, are refused with a ValueError that names them."""
        for name, values in wrong.items():
            for value in (*values, np.nan):
                received = _refusal(candidate, name, value)
                yield see("constructor", received, f"ValueError about {name}", f"{name}={value}")
            yield see("constructor", _refusal(candidate, name, 0.0), "no error", f"{name}=0.0")

    return refuses_arguments_out_of_range


def _refusal(candidate: Candidate, name: str, value: float) -> str:
    try:
        candidate(**{name: value})
    except ValueError as error:
        return f"ValueError about {name}" if f"`{name}`" in str(error) else f"ValueError: {error}"
    return "no error"


def mistaken_everywhere(left_out: str) -> tuple[Mistake, ...]:
    """What goes wrong in any of the three: signs, slots, the schedule, sparse gradients, the config.

    Args:
        left_out: the end of `get_config`'s return.
    """
    return (
        Mistake(
            "uphill",
            find="self.assign_sub(variable,",
            put="self.assign_add(variable,",
            says="You add the step: that climbs. The gradient points uphill, so the step goes against it.",
        ),
        Mistake(
            "nothing-assigned",
            find="self.assign_sub(variable,",
            put="variable = ops.subtract(variable,",
            says="Your variable never changes: `variable = …` gives a name to a new tensor. "
            "`self.assign_sub` changes the variable itself.",
        ),
        Mistake(
            "sign-only",
            find="self.assign_sub(variable,",
            put="self.assign_sub(variable, rate * ops.sign(gradient) + 0 *",
            says="You step by the sign of the gradient alone. Its size beside earlier ones counts too.",
        ),
        Mistake(
            "first-slot-for-all",
            find="place = self._get_variable_index(variable)",
            put="place = 0",
            says="You take the slot of the first variable for all of them. "
            "`self._get_variable_index(variable)` says which one belongs to this variable.",
        ),
        Mistake(
            "slots-by-shape",
            find="place = self._get_variable_index(variable)",
            put="place = [v.shape for v in self._trainable_variables].index(variable.shape)",
            says="Two variables of the same shape share a slot. Every variable has its own.",
        ),
        Mistake(
            "first-rate-for-ever",
            find="(gradient, learning_rate))",
            put="(gradient, self.__dict__.setdefault('first', learning_rate)))",
            says="Your rate is that of the first step for ever. `update_step` is given the rate of "
            "each step, which a schedule changes.",
        ),
        Mistake(
            "rate-twice",
            find="self.assign_sub(variable,",
            put="self.assign_sub(variable, rate *",
            says="You multiply by the learning rate twice.",
        ),
        Mistake(
            "config-lacks",
            find=left_out,
            put="",
            says="`get_config` lacks an argument of the constructor: a copy made from it would have "
            "the default.",
        ),
    )


# --- Adagrad ----------------------------------------------------------------------------------------


def adds_up_squares(candidate):
    """The squares of all gradients add up, and each step is divided by the root of their sum."""
    yield from beside(candidate, optimizers.Adagrad, steps=4, learning_rate=0.5)


def starts_from_the_initial_value(candidate):
    """The accumulators start from `initial_accumulator_value`."""
    for value in (2.0, 0.0):
        given = {"learning_rate": 0.5, "initial_accumulator_value": value}
        yield from beside(candidate, optimizers.Adagrad, **given)


def adds_epsilon_to_the_sum(candidate):
    """`epsilon` is added to the sum before its root is taken."""
    given = {"learning_rate": 0.5, "initial_accumulator_value": 0.0, "epsilon": 0.3}
    yield from beside(candidate, optimizers.Adagrad, **given)


ROOT = "root = ops.sqrt(accumulator + self.epsilon)"
ADDED = "self.assign_add(accumulator, ops.square(gradient))"

ADAGRAD = Exam(
    name="Adagrad",
    block="optimizers",
    probes=(
        adds_up_squares,
        starts_from_the_initial_value,
        adds_epsilon_to_the_sum,
        *owes(optimizers.Adagrad, initial_accumulator_value=0.2, epsilon=0.3),
        refuses(learning_rate=(-0.1,), initial_accumulator_value=(-0.1,), epsilon=(-0.1,)),
    ),
    mistakes=(
        Mistake(
            "epsilon-outside",
            find=ROOT,
            put="root = ops.sqrt(accumulator) + self.epsilon",
            says="You add epsilon to the root. Keras's Adagrad adds it to the sum, under the root.",
        ),
        Mistake(
            "no-epsilon",
            find=ROOT,
            put="root = ops.sqrt(accumulator)",
            says="You leave epsilon out. It is added to the sum, under the root.",
        ),
        Mistake(
            "no-root",
            find=ROOT,
            put="root = accumulator + self.epsilon",
            says="You divide by the sum of squares itself. It takes its root to have the gradient's unit.",
        ),
        Mistake(
            "sizes-not-squares",
            find="ops.square(gradient)",
            put="ops.abs(gradient)",
            says="You add up the sizes of the gradients. Adagrad adds up their squares.",
        ),
        Mistake(
            "gradients-not-squares",
            find="ops.square(gradient)",
            put="gradient",
            says="You add up the gradients themselves, so that signs cancel and the root of a negative "
            "sum is NaN. Square them first.",
        ),
        Mistake(
            "only-this-gradient",
            find=ADDED,
            put="self.assign(accumulator, ops.square(gradient))",
            says="Your accumulator holds the square of this step's gradient only. All of them add up: "
            "`self.assign_add`.",
        ),
        Mistake(
            "not-kept",
            find=ADDED,
            put="accumulator = accumulator + ops.square(gradient)",
            says="Your accumulator is not kept from one step to the next: `accumulator = …` gives a "
            "name to a new tensor. `self.assign_add` changes the slot itself.",
        ),
        Mistake(
            "forgets",
            find=ADDED,
            put="self.assign(accumulator, 0.9 * accumulator + 0.1 * ops.square(gradient))",
            says="Your accumulator is a moving average: that is RMSprop. Adagrad's is a sum, which "
            "forgets nothing.",
        ),
        Mistake(
            "sum-of-earlier-steps",
            find=ROOT,
            put="root = ops.sqrt(accumulator - ops.square(gradient) + self.epsilon)",
            says="You take the root before this step's gradient has been added. Add it first.",
        ),
        Mistake(
            "adds-up-steps",
            find="ops.square(gradient)",
            put="ops.square(ops.multiply(gradient, rate))",
            says="You add up the squares of rate times gradient. The gradient alone is squared.",
        ),
        Mistake(
            "one-rate-for-a-variable",
            find="ops.square(gradient)",
            put="ops.mean(ops.square(gradient)) + 0 * gradient",
            says="All numbers of a variable share one sum. Each has its own.",
        ),
        Mistake(
            "start-ignored",
            find=", initializer=start",
            put="",
            says="Your accumulators start from 0. They start from `initial_accumulator_value`.",
        ),
        Mistake(
            "dense-only",
            find="ops.square(gradient)",
            put="gradient**2",
            says="Operators such as `**` fail on the sparse gradient of an embedding. "
            "`ops.square` takes both kinds.",
        ),
        Mistake(
            "another-rate",
            find="learning_rate=0.001, initial",
            put="learning_rate=0.01, initial",
            says="The default learning rate of Keras's Adagrad is 0.001 (PyTorch's is 0.01).",
        ),
        Mistake(
            "another-start",
            find="initial_accumulator_value=0.1,",
            put="initial_accumulator_value=0.0,",
            says="Keras's accumulators start from 0.1 by default (PyTorch's from 0).",
        ),
        Mistake(
            "another-epsilon",
            find="epsilon=1e-7",
            put="epsilon=1e-10",
            says="Keras's default epsilon is 1e-7 (PyTorch's, for Adagrad, 1e-10).",
        ),
        *mistaken_everywhere(' | {"epsilon": self.epsilon}'),
    ),
    hints=(
        "One slot for each variable remembers how much gradient its numbers have seen. Squares, so that "
        "signs do not cancel.",
        "`add_optimizer_variables(variables, name, initializer=…)` makes the slots, in the order of the "
        "variables; `place` is the place of this one. First the slot changes, by `self.assign_add`, then "
        "the variable, by `self.assign_sub`.",
        "`ops.square`, `ops.multiply` and `ops.divide` also take the sparse gradient of an embedding; "
        "for the slot, which is dense, operators will do.",
    ),
    why=(
        "The slot is changed before the step, so that a first gradient, however large, is divided by at "
        "least its own size: no step is longer than the rate. `epsilon` stands under the root, as in "
        "Keras; PyTorch adds it outside, and at 1e-7 or 1e-10 the two differ only where the gradients "
        "are tiny. The initial value does the same work more openly: numbers whose gradients are small "
        "beside its root keep a rate of their own size for long."
    ),
    close_up=step_table(optimizers.Adagrad, learning_rate=0.1),
)

# --- RMSprop ----------------------------------------------------------------------------------------


def averages_squares(candidate):
    """The velocity is a moving average of squared gradients; each step is divided by its root."""
    yield from beside(candidate, optimizers.RMSprop, steps=4, learning_rate=0.1)
    yield from beside(candidate, optimizers.RMSprop, steps=4, learning_rate=0.3, rho=0.6)


def adds_epsilon_to_the_velocity(candidate):
    """`epsilon` is added to the velocity before its root is taken."""
    yield from beside(candidate, optimizers.RMSprop, learning_rate=0.3, rho=0.6, epsilon=0.2)


def subtracts_the_square_of_the_average(candidate):
    """With `centered=True` a variance is under the root: the velocity less a squared average."""
    given = {"learning_rate": 0.3, "rho": 0.6, "epsilon": 0.2, "centered": True}
    yield from beside(candidate, optimizers.RMSprop, steps=4, **given)


def keeps_a_share_of_the_last_step(candidate):
    """With momentum, a share of the last step comes on top of each step."""
    yield from beside(candidate, optimizers.RMSprop, steps=4, learning_rate=0.1, momentum=0.7)


VELOCITY = "self.assign(velocity, ops.add(self.rho * velocity, squares))"
STEP = "ops.sqrt(spread + self.epsilon)"
SPREAD = "spread = velocity\n"
CENTERED = "spread = velocity - ops.square(average)"
MOMENTUM = "ops.add(self.momentum * momentum, step)"

RMSPROP = Exam(
    name="RMSprop",
    block="optimizers",
    probes=(
        averages_squares,
        adds_epsilon_to_the_velocity,
        subtracts_the_square_of_the_average,
        keeps_a_share_of_the_last_step,
        *owes(optimizers.RMSprop, rho=0.6, momentum=0.7, epsilon=0.2, centered=True),
        refuses(learning_rate=(-0.1,), rho=(-0.1, 1.0), momentum=(-0.1, 1.0), epsilon=(-0.1,)),
    ),
    mistakes=(
        Mistake(
            "shares-swapped",
            find=VELOCITY,
            put="self.assign(velocity, ops.add(new * velocity, squares * self.rho / new))",
            says="Your shares are swapped: `rho` is the share of the old velocity that is kept, "
            "`1 - rho` that of the new square.",
        ),
        Mistake(
            "whole-square",
            find="squares = ops.multiply(new, ops.square(gradient))",
            put="squares = ops.square(gradient)",
            says="You add the whole square of the gradient. Its share in the average is `1 - rho`.",
        ),
        Mistake(
            "never-forgets",
            find=VELOCITY,
            put="self.assign_add(velocity, ops.square(gradient))",
            says="Your velocity is the sum of all squares: that is Adagrad. RMSprop's is a moving average.",
        ),
        Mistake(
            "only-this-gradient",
            find=VELOCITY,
            put="self.assign(velocity, squares + 0 * velocity)",
            says="Your velocity holds nothing of earlier steps. A share `rho` of it is kept, in the slot: "
            "`velocity = …` would give a name to a new tensor, `self.assign` changes the slot itself.",
        ),
        Mistake(
            "sizes-not-squares",
            find="squares = ops.multiply(new, ops.square(gradient))",
            put="squares = ops.multiply(new, ops.abs(gradient))",
            says="You average the sizes of the gradients. RMSprop averages their squares.",
        ),
        Mistake(
            "corrects-the-start",
            find=SPREAD,
            put="spread = velocity / (1 - self.rho ** ops.cast(self.iterations + 1, velocity.dtype))\n",
            says="You correct the velocity for its start at zero: that is Adam's. RMSprop does not.",
        ),
        Mistake(
            "one-rate-for-a-variable",
            find=SPREAD,
            put="spread = ops.mean(velocity)\n",
            says="All numbers of a variable share one velocity. Each has its own.",
        ),
        Mistake(
            "epsilon-outside",
            find=STEP,
            put="(ops.sqrt(spread) + self.epsilon)",
            says="You add epsilon to the root, as PyTorch does. Keras's RMSprop adds it under the root.",
        ),
        Mistake(
            "no-epsilon",
            find=STEP,
            put="ops.sqrt(spread)",
            says="You leave epsilon out. It is added under the root.",
        ),
        Mistake(
            "no-root",
            find=STEP,
            put="(spread + self.epsilon)",
            says="You divide by the mean square itself. Take its root, so that it has the gradient's unit.",
        ),
        Mistake(
            "centered-ignored",
            find=CENTERED,
            put="spread = velocity",
            says="`centered=True` changes nothing: the square of the average gradient is subtracted from "
            "the velocity under the root.",
        ),
        Mistake(
            "centered-added",
            find=CENTERED,
            put="spread = velocity + ops.square(average)",
            says="Centered, you add the square of the average gradient. It is subtracted: mean square "
            "less squared mean is the variance.",
        ),
        Mistake(
            "average-not-squared",
            find=CENTERED,
            put="spread = velocity - average",
            says="Centered, you subtract the average gradient itself. Its square is subtracted.",
        ),
        Mistake(
            "this-gradient-subtracted",
            find=CENTERED,
            put="spread = velocity - ops.square(gradient)",
            says="Centered, you subtract the square of this gradient. It is the square of the average one.",
        ),
        Mistake(
            "average-of-squares",
            find="ops.multiply(new, gradient)",
            put="squares",
            says="Centered, your average is one of squares. The second average is of the gradient itself.",
        ),
        Mistake(
            "average-adds-up",
            find="self.assign(average, ops.add(self.rho * average, ops.multiply(new, gradient)))",
            put="self.assign_add(average, ops.multiply(new, gradient))",
            says="Centered, your average gradient forgets nothing. A share `rho` of the old one is kept.",
        ),
        Mistake(
            "gradient-centered",
            find="ops.multiply(gradient, rate)",
            put="ops.multiply(ops.subtract(gradient, average) if self.centered else gradient, rate)",
            says="Centered, you step by the gradient less its average. Only the root is centered.",
        ),
        Mistake(
            "momentum-ignored",
            find="step = momentum",
            put="step = step",
            says="Your momentum is kept but not used: the step that is made is the plain one.",
        ),
        Mistake(
            "momentum-dampened",
            find=MOMENTUM,
            put="ops.add(self.momentum * momentum, ops.multiply(1 - self.momentum, step))",
            says="You give the new step the share `1 - momentum`. It counts in full.",
        ),
        Mistake(
            "nesterov",
            find="step = momentum",
            put="step = ops.add(self.momentum * momentum, step)",
            says="You look ahead, as Nesterov's momentum does. RMSprop's is plain.",
        ),
        Mistake(
            "momentum-of-gradients",
            find=MOMENTUM + ")\n            step = momentum",
            put="ops.add(self.momentum * momentum, step / rate))\n            step = rate * momentum",
            says="Your momentum is without the learning rate, which comes in at the end, as in PyTorch. "
            "Keras's holds steps with their own rates: after a change of rate the two differ.",
        ),
        Mistake(
            "dense-only",
            find="squares = ops.multiply(new, ops.square(gradient))",
            put="squares = new * gradient**2",
            says="Operators such as `**` fail on the sparse gradient of an embedding. "
            "`ops.square` and `ops.multiply` take both kinds.",
        ),
        Mistake(
            "another-rate",
            find="learning_rate=0.001, rho",
            put="learning_rate=0.01, rho",
            says="The default learning rate of Keras's RMSprop is 0.001 (PyTorch's is 0.01).",
        ),
        Mistake(
            "another-rho",
            find="rho=0.9,",
            put="rho=0.99,",
            says="The default of `rho` is 0.9 (PyTorch's alpha is 0.99).",
        ),
        *mistaken_everywhere(' | {"centered": self.centered}'),
    ),
    hints=(
        "Adagrad's sum, made an average that forgets: a share `rho` of the old, a share `1 - rho` of the "
        "new. Such an average starts at 0, and nothing corrects it for that.",
        "Mean of the square less square of the mean is a variance. The momentum is that of your SGD, with "
        "the plus sign: the slot is subtracted.",
        "Four changes in this order: velocity, average (only if centered), momentum (only if there is "
        "one), variable; the first three by `self.assign`, with `ops.add` where a gradient takes part.",
    ),
    why=(
        "`ops.add` and `ops.multiply` stand where a sparse gradient may take part; slots are dense, and "
        "operators read better. The momentum collects steps, rates included, as Keras does: after a "
        "change of rate, old steps count as they were made. Epsilon under the root also keeps the "
        "centered one from the root of a number slightly below 0, which rounding can leave where "
        "gradients hardly vary."
    ),
    close_up=step_table(optimizers.RMSprop, learning_rate=0.1, momentum=0.5, centered=True),
)

# --- Adadelta ---------------------------------------------------------------------------------------


def steps_by_the_ratio_of_roots(candidate):
    """A step is the gradient times the root of averaged squared steps over that of squared gradients."""
    given = {"learning_rate": 1.0, "rho": 0.6, "epsilon": 0.2}
    yield from beside(candidate, optimizers.Adadelta, steps=1, **given)


def remembers_its_steps(candidate):
    """The average of squared steps, taken without the rate, sets the size of the next step."""
    given = {"learning_rate": 0.3, "rho": 0.6, "epsilon": 0.2}
    yield from beside(candidate, optimizers.Adadelta, steps=4, **given)
    yield from beside(candidate, optimizers.Adadelta, steps=4, learning_rate=2.0)


FIRST = "self.assign(squares, ops.add(self.rho * squares, new))"
SECOND = "self.assign(squared_steps, ops.add(self.rho * squared_steps, new))"
RATIO = "ops.sqrt(squared_steps + self.epsilon) / ops.sqrt(squares + self.epsilon)"

ADADELTA = Exam(
    name="Adadelta",
    block="optimizers",
    probes=(
        steps_by_the_ratio_of_roots,
        remembers_its_steps,
        *owes(optimizers.Adadelta, rho=0.6, epsilon=0.2),
        refuses(learning_rate=(-0.1,), rho=(-0.1, 1.0), epsilon=(-0.1,)),
    ),
    mistakes=(
        Mistake(
            "epsilon-outside",
            find=RATIO,
            put="(ops.sqrt(squared_steps) + self.epsilon) / (ops.sqrt(squares) + self.epsilon)",
            says="You add epsilon to the roots. It is added under both of them.",
        ),
        Mistake(
            "no-epsilon-above",
            find=RATIO,
            put="ops.sqrt(squared_steps) / ops.sqrt(squares + self.epsilon)",
            says="You leave epsilon out of the numerator: the average of steps starts at 0, and so "
            "no first step is ever made.",
        ),
        Mistake(
            "no-epsilon-below",
            find=RATIO,
            put="ops.sqrt(squared_steps + self.epsilon) / ops.sqrt(squares)",
            says="You leave epsilon out of the denominator. It is added under both roots.",
        ),
        Mistake(
            "upside-down",
            find=RATIO,
            put="ops.sqrt(squares + self.epsilon) / ops.sqrt(squared_steps + self.epsilon)",
            says="Your ratio is upside down: the root of the steps is above, that of the gradients below.",
        ),
        Mistake(
            "no-roots",
            find=RATIO,
            put="(squared_steps + self.epsilon) / (squares + self.epsilon)",
            says="Your ratio is one of mean squares. Take the root of both.",
        ),
        Mistake(
            "no-root-below",
            find=RATIO,
            put="ops.sqrt(squared_steps + self.epsilon) / (squares + self.epsilon)",
            says="You divide by the mean square of the gradient. Take its root.",
        ),
        Mistake(
            "no-ratio",
            find=RATIO,
            put="1 / ops.sqrt(squares + self.epsilon)",
            says="Your step does not look at earlier steps: that is RMSprop. The root of their average "
            "square belongs above.",
        ),
        Mistake(
            "rate-remembered",
            find="ops.square(step)",
            put="ops.square(ops.multiply(rate, step))",
            says="You remember the step with the learning rate in it. It is remembered without.",
        ),
        Mistake(
            "no-rate",
            find="ops.multiply(rate, step)",
            put="step",
            says="You leave the learning rate out, as the paper does. Keras's Adadelta has one.",
        ),
        Mistake(
            "steps-not-remembered",
            find=SECOND,
            put="new = ops.add(self.rho * squared_steps, new)",
            says="Your steps are not remembered: `new = …` gives a name to a tensor. "
            "`self.assign` changes the slot.",
        ),
        Mistake(
            "remembers-gradients",
            find="ops.square(step)",
            put="ops.square(gradient)",
            says="Both of your averages are of the gradient. The second is of the steps.",
        ),
        Mistake(
            "only-the-last-step",
            find=SECOND,
            put="self.assign(squared_steps, new + 0 * squared_steps)",
            says="Your second average holds nothing of earlier steps. A share `rho` of it is kept.",
        ),
        Mistake(
            "shares-swapped",
            find=FIRST,
            put="self.assign(squares, ops.add((1 - self.rho) * squares, self.rho * ops.square(gradient)))",
            says="The shares of your first average are swapped: `rho` is that of the old, `1 - rho` that "
            "of the new.",
        ),
        Mistake(
            "shares-of-steps-swapped",
            find=SECOND,
            put="self.assign(squared_steps, (1 - self.rho) * squared_steps + self.rho * ops.square(step))",
            says="The shares of your second average are swapped: `rho` is that of the old, `1 - rho` that "
            "of the new.",
        ),
        Mistake(
            "never-forgets",
            find=FIRST,
            put="self.assign_add(squares, ops.square(gradient))",
            says="Your squared gradients add up, as Adagrad's do. They are averaged, and a share `rho` of "
            "the old average is kept.",
        ),
        Mistake(
            "sizes-not-squares",
            find="ops.square(gradient)",
            put="ops.abs(gradient)",
            says="You average the sizes of the gradients. It is their squares.",
        ),
        Mistake(
            "step-before-its-gradient",
            find=RATIO,
            put="ops.sqrt(squared_steps + self.epsilon) / ops.sqrt(\n"
            "            (squares - (1 - self.rho) * ops.square(gradient)) / self.rho + self.epsilon)",
            says="You divide by the average before this gradient is in it. It comes in first.",
        ),
        Mistake(
            "dense-only",
            find="ops.square(gradient)",
            put="gradient**2",
            says="Operators such as `**` fail on the sparse gradient of an embedding. "
            "`ops.square` takes both kinds.",
        ),
        Mistake(
            "the-papers-rate",
            find="learning_rate=0.001,",
            put="learning_rate=1.0,",
            says="The default learning rate of Keras's Adadelta is 0.001 (the paper's and PyTorch's is 1).",
        ),
        Mistake(
            "another-rho",
            find="rho=0.95",
            put="rho=0.9",
            says="The default of `rho` is 0.95 (PyTorch's is 0.9).",
        ),
        Mistake(
            "another-epsilon",
            find="epsilon=1e-7",
            put="epsilon=1e-6",
            says="Keras's default epsilon is 1e-7 (the paper's and PyTorch's is 1e-6).",
        ),
        *mistaken_everywhere(', "epsilon": self.epsilon'),
    ),
    hints=(
        "Two averages that forget alike: one of squared gradients, one of squared steps. Which of them "
        "can already know this step?",
        "First the average of gradients, then the step, then the average of steps, last the variable. "
        "The rate has no part in any but the last.",
        "Both roots have epsilon under them. The first step is the gradient times the root of epsilon, "
        "over the other root.",
    ),
    why=(
        "The root above is that of the steps *before* this one, the root below has this gradient in it. "
        "The rate comes in last: were it remembered with the steps, a rate below 1 would shrink them "
        "again and again. `ops.multiply` touches the gradient first, since it may be sparse; "
        "the step is then as sparse as the gradient."
    ),
    close_up=step_table(optimizers.Adadelta, learning_rate=1.0, epsilon=0.01),
)

EXAMS = (ADAGRAD, RMSPROP, ADADELTA)
