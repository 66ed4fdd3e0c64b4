"""Exams of lesson 10: gradient descent, and SGD with momentum."""

import keras

from ._exam import Exam, Mistake, see
from ._optimizers import beside, owes, step_table, variables
from ._oracle import outcome

KERAS = keras.optimizers.SGD


def steps_against_the_gradient(candidate):
    """Every variable moves by the rate times its gradient, downwards."""
    yield from beside(candidate, KERAS, learning_rate=0.1)
    yield from beside(candidate, KERAS, learning_rate=0.5)


GRADIENT_DESCENT = Exam(
    name="GradientDescent",
    block="optimizers",
    probes=(steps_against_the_gradient, *owes(KERAS)),
    mistakes=(
        Mistake(
            "uphill",
            find="self.assign_sub(variable, step)",
            put="self.assign_add(variable, step)",
            says="You add the step: that climbs. The gradient points uphill, so the step goes against it.",
        ),
        Mistake(
            "no-rate",
            find="step = ops.multiply(gradient, rate)",
            put="step = gradient",
            says="You step by the whole gradient. It is multiplied by the learning rate first.",
        ),
        Mistake(
            "divides-by-the-rate",
            find="ops.multiply(gradient, rate)",
            put="ops.divide(gradient, rate)",
            says="You divide by the learning rate. A higher rate should make a longer step.",
        ),
        Mistake(
            "replaces-the-variable",
            find="self.assign_sub(variable, step)",
            put="self.assign(variable, step)",
            says="You replace the variable by the step. The step is subtracted from what is there.",
        ),
        Mistake(
            "nothing-assigned",
            find="self.assign_sub(variable, step)",
            put="variable = variable - step",
            says="Your variable never changes. `variable = …` gives a name to a new tensor, and what "
            "`update_step` returns is looked at by nobody: `self.assign_sub` changes the variable itself.",
        ),
        Mistake(
            "subtracts-from-the-step",
            find="self.assign_sub(variable, step)",
            put="self.assign_sub(step, variable)",
            says="`self.assign_sub` takes first what is to change, the variable, then what is subtracted.",
        ),
        Mistake(
            "sign-only",
            find="ops.multiply(gradient, rate)",
            put="ops.multiply(ops.sign(gradient), rate)",
            says="You step by the sign of the gradient. Plain gradient descent goes by its size too.",
        ),
        Mistake(
            "normalized",
            find="ops.multiply(gradient, rate)",
            put="ops.multiply(gradient, rate) / ops.norm(gradient)",
            says="You divide the gradient by its norm. Plain gradient descent takes it as it comes.",
        ),
        Mistake(
            "mean-gradient",
            find="ops.multiply(gradient, rate)",
            put="ops.multiply(ops.mean(gradient), rate)",
            says="You use the mean of the gradient. Every entry of the variable goes by its own.",
        ),
        Mistake(
            "rate-decays",
            find="ops.multiply(gradient, rate)",
            put="ops.multiply(gradient, rate / ops.cast(self.iterations + 1, rate.dtype))",
            says="Your rate falls from step to step. It is the one that `update_step` is given; "
            "let schedules decide how it changes.",
        ),
        Mistake(
            "first-rate-for-ever",
            find="step = ops.multiply(gradient, rate)",
            put="self.first_rate = getattr(self, 'first_rate', None) or float(self.learning_rate)\n"
            "        step = ops.multiply(gradient, self.first_rate)",
            says="Your rate is that of the first step for ever. `update_step` is given the rate of "
            "each step, which a schedule may have changed.",
        ),
        Mistake(
            "another-default",
            find="learning_rate=0.01, **kwargs",
            put="learning_rate=0.001, **kwargs",
            says="The default learning rate of Keras's SGD is 0.01.",
        ),
    ),
    hints=(
        "Downhill is against the gradient. How far? What does the call hand you besides the gradient?",
        "Two steps: multiply, subtract. `variable = …` inside a method changes nothing outside; "
        "an optimizer's `assign_sub` does.",
        "An embedding's gradient is sparse: a few rows and their places. Operators may refuse it; "
        "`ops.multiply` takes it, and `assign_sub` takes what comes out.",
    ),
    why=(
        "`self.assign_sub(variable, …)` rather than `variable.assign_sub(…)`: under "
        "`tf.distribute` and in the other backends the optimizer knows how to change a variable. "
        "`ops.multiply` rather than `*`: the gradient of an embedding is a `tf.IndexedSlices`, rows and "
        "their places. `gradient * rate` makes a table of the embedding's size of it, "
        "`gradient * gradient` raises; `ops` functions keep to the rows. Rate and gradient are cast to "
        "the variable's dtype first, as in Keras's own optimizers: of a rate in float32 and a gradient in "
        "bfloat16 the product is float32, twice the memory for a step that is rounded when it is "
        "assigned."
    ),
    close_up=step_table(KERAS, learning_rate=0.1),
)

MOMENTUM = {"momentum": 0.9, "nesterov": True}


def keeps_a_share_of_the_last_step(candidate):
    """With momentum, each step adds a share of the step before."""
    yield from beside(candidate, KERAS, learning_rate=0.1, momentum=0.9)
    yield from beside(candidate, KERAS, learning_rate=0.5, momentum=0.25)
    yield from beside(candidate, KERAS, steps=1, learning_rate=0.1, momentum=1.0)


def looks_ahead(candidate):
    """With `nesterov=True` the step is made as if the momentum had been followed already."""
    given = {"learning_rate": 0.1, "momentum": 0.9}
    yield from beside(candidate, KERAS, steps=2, **given, nesterov=False)
    yield from beside(candidate, KERAS, steps=2, **given, nesterov=True)
    yield from beside(candidate, KERAS, steps=1, learning_rate=0.1, nesterov=True)  # no momentum


def has_no_state_without_momentum(candidate):
    """Without momentum there are no slots: two variables, the count of steps and the rate."""
    optimizer = candidate(learning_rate=0.1)
    optimizer.build(variables())
    yield see("number of the optimizer's variables", len(optimizer.variables), 2, "momentum=0.0")


def refuses_a_momentum_out_of_range(candidate):
    """A momentum below 0 or above 1 is refused with a ValueError."""
    for momentum in (-0.1, 1.5):
        error = outcome(lambda momentum=momentum: candidate(momentum=momentum))
        yield see("constructor", error, "ValueError", f"momentum={momentum}")


SLOT = "self.assign(m, ops.subtract(m * self.momentum, step))"
VARIABLE = (
    "self.assign_add(variable, ops.subtract(m * self.momentum, step) if self.nesterov else m)"
)
BOTH = f"{SLOT}\n        {VARIABLE}"
LOOK_AHEAD = "ops.subtract(m * self.momentum, step) if self.nesterov else m"

SGD = Exam(
    name="SGD",
    block="optimizers",
    probes=(
        steps_against_the_gradient,
        keeps_a_share_of_the_last_step,
        looks_ahead,
        has_no_state_without_momentum,
        *owes(KERAS, **MOMENTUM),
        refuses_a_momentum_out_of_range,
    ),
    mistakes=(
        Mistake(
            "momentum-ignored",
            find=VARIABLE,
            put="self.assign_sub(variable, step)",
            says="Your slot is kept but not used: the variable makes a step of plain gradient descent.",
        ),
        Mistake(
            "uphill",
            find=BOTH,
            put=BOTH.replace("ops.subtract(", "ops.add("),
            says="With momentum you climb: the signs in the slot and in the variable's step do not go "
            "together. Subtract the step from the slot and add the slot, or the other way round.",
        ),
        Mistake(
            "momentum-backwards",
            find=BOTH,
            put=BOTH.replace("m * self.momentum", "m * -self.momentum"),
            says="Your momentum has the wrong sign: each step takes back a part of the one before.",
        ),
        Mistake(
            "dampened",
            find="step = ops.multiply(gradient, rate)",
            put="step = ops.multiply(gradient, rate * (1 - self.momentum))",
            says="You multiply the gradient by 1 - momentum, as for an average. The slot is a sum: "
            "`momentum * m` and the whole step.",
        ),
        Mistake(
            "rate-at-the-end",
            find="gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))\n"
            "        step = ops.multiply(gradient, rate)\n"
            "        if not self.momentum:\n"
            "            self.assign_sub(variable, step)\n"
            "            return\n"
            "        m = self.momentums[self._get_variable_index(variable)]\n"
            f"        {BOTH}",
            put="gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))\n"
            "        if not self.momentum:\n"
            "            self.assign_sub(variable, ops.multiply(gradient, rate))\n"
            "            return\n"
            "        m = self.momentums[self._get_variable_index(variable)]\n"
            "        self.assign(m, ops.subtract(m * self.momentum, gradient))\n"
            "        ahead = ops.subtract(m * self.momentum, gradient) if self.nesterov else m\n"
            "        self.assign_add(variable, rate * ahead)",
            says="Your slot sums gradients, and the rate multiplies the sum, as in PyTorch. While the "
            "rate stays that is the same. Where it changes, old steps change with it; Keras's slot "
            "holds steps, each at the rate of its time.",
        ),
        Mistake(
            "no-rate-in-the-slot",
            find=SLOT,
            put="self.assign(m, ops.subtract(m * self.momentum, gradient))",
            says="Your slot takes the gradient, and the rate is missing. It takes `step`, which has it.",
        ),
        Mistake(
            "rate-on-the-slot",
            find=SLOT,
            put="self.assign(m, rate * ops.subtract(m * self.momentum, gradient))",
            says="In the slot the rate multiplies what was there too. It belongs to the gradient alone: "
            "what the slot holds was multiplied by the rate of its own step.",
        ),
        Mistake(
            "rate-twice",
            find=VARIABLE,
            put=f"self.assign_add(variable, rate * ({LOOK_AHEAD}))",
            says="The rate is in the slot already, and you multiply by it once more.",
        ),
        Mistake(
            "momentum-on-the-step-too",
            find=SLOT,
            put="self.assign(m, ops.subtract(m, step) * self.momentum)",
            says="You multiply the new step by the momentum too. It shrinks only what the slot held.",
        ),
        Mistake(
            "nothing-fades",
            find=SLOT,
            put="self.assign(m, ops.subtract(m, step))",
            says="Your slot keeps all of every step. What it held is multiplied by `momentum` first.",
        ),
        Mistake(
            "slot-added-to-itself",
            find=SLOT,
            put=SLOT.replace("self.assign(", "self.assign_add("),
            says="You add the new value of the slot to the old one. `self.assign` replaces it.",
        ),
        Mistake(
            "slot-forgotten",
            find=SLOT,
            put="m = ops.subtract(m * self.momentum, step)",
            says="Your slot is 0 again in every step. `m = …` only gives a name to a new tensor; "
            "`self.assign` changes the slot itself, and what it held is part of the new value.",
        ),
        Mistake(
            "slot-replaced-in-the-list",
            find=SLOT,
            put="m = ops.subtract(m * self.momentum, step)\n"
            "        self.momentums[self._get_variable_index(variable)] = m",
            says="You put a tensor into the list where the slot was. Inside `tf.function` that happens "
            "once, while it traces, and nothing of it is saved: `self.assign` changes the slot itself.",
        ),
        Mistake(
            "variable-forgotten",
            find=VARIABLE,
            put="variable = variable + m",
            says="With momentum your variable never changes: `variable = …` gives a name to a new "
            "tensor. `self.assign_add` changes the variable itself.",
        ),
        Mistake(
            "step-twice",
            find=LOOK_AHEAD,
            put=LOOK_AHEAD.replace("else m", "else ops.subtract(m, step)"),
            says="You add the slot and, once more, the step, which is in the slot already.",
        ),
        Mistake(
            "slot-after-the-variable",
            find=BOTH,
            put=f"{VARIABLE}\n        {SLOT}",
            says="The variable moves by the slot of the step before: assign the slot first.",
        ),
        Mistake(
            "nesterov-ignored",
            find=VARIABLE,
            put="self.assign_add(variable, m)",
            says="`nesterov=True` changes nothing: the variable moves by `momentum * m` and the step "
            "then, instead of by `m`. (With the slot as it was before, the two are the same.)",
        ),
        Mistake(
            "nesterov-always",
            find=LOOK_AHEAD,
            put="ops.subtract(m * self.momentum, step)",
            says="You look ahead also without `nesterov=True`. Without it the variable moves by `m`.",
        ),
        Mistake(
            "nesterov-without-the-gradient",
            find=LOOK_AHEAD,
            put="m * self.momentum if self.nesterov else m",
            says="With `nesterov=True` you add `momentum * m` alone: the step of this gradient is missing.",
        ),
        Mistake(
            "nesterov-adds-the-whole-slot",
            find=LOOK_AHEAD,
            put="ops.subtract(m, step) if self.nesterov else m",
            says="With `nesterov=True` you add the whole slot and the step: the gradient counts twice. "
            "It is `momentum * m`, and the step.",
        ),
        Mistake(
            "nesterov-moves-twice",
            find=LOOK_AHEAD,
            put="m + m * self.momentum if self.nesterov else m",
            says="With `nesterov=True` you add the slot and its share of the next step. The slot has "
            "the step in it already: `momentum * m` and the step make the look ahead.",
        ),
        Mistake(
            "nesterov-uphill",
            find=LOOK_AHEAD,
            put=LOOK_AHEAD.replace("subtract", "add"),
            says="With `nesterov=True` you add the step to `momentum * m`. It goes against the gradient: "
            "subtract it.",
        ),
        Mistake(
            "nesterov-two-steps-ahead",
            find=LOOK_AHEAD,
            put=LOOK_AHEAD.replace("self.momentum", "self.momentum**2"),
            says="With `nesterov=True` you multiply the new slot by `momentum` twice. Once: the slot is "
            "assigned already.",
        ),
        Mistake(
            "nesterov-and-the-slot-too",
            find=VARIABLE,
            put="if self.nesterov:\n"
            "            self.assign_add(variable, ops.subtract(m * self.momentum, step))\n"
            "        self.assign_add(variable, m)",
            says="With `nesterov=True` the variable moves twice: by the look ahead, and by the slot as "
            "well. The one stands in place of the other: `else` is missing.",
        ),
        Mistake(
            "nesterov-in-the-slot",
            find=VARIABLE,
            put="if self.nesterov:\n"
            "            self.assign(m, ops.subtract(m * self.momentum, step))\n"
            "        self.assign_add(variable, m)",
            says="With `nesterov=True` you assign the slot twice. The look ahead goes to the variable "
            "alone; the slot is the same with it and without.",
        ),
        Mistake(
            "nesterov-twice-without-momentum",
            find="self.assign_sub(variable, step)\n            return",
            put="self.assign_sub(variable, step)\n"
            "            if self.nesterov:\n"
            "                self.assign_sub(variable, step)\n"
            "            return",
            says="With `momentum=0.0, nesterov=True` you make the step twice. Without momentum there is "
            "nothing to look ahead to: it is gradient descent.",
        ),
        Mistake(
            "one-slot-for-all",
            find="self.momentums[self._get_variable_index(variable)]",
            put="self.momentums[0]",
            says="All variables use one slot. Each has its own: `self._get_variable_index(variable)` "
            "is its place.",
        ),
        Mistake(
            "slot-by-shape",
            find="self.momentums[self._get_variable_index(variable)]",
            put="next(slot for slot in self.momentums if slot.shape == variable.shape)",
            says="Two variables of one shape share a slot. Each has its own: "
            "`self._get_variable_index(variable)` is its place.",
        ),
        Mistake(
            "slots-in-turn",
            find="m = self.momentums[self._get_variable_index(variable)]",
            put="self.turn = getattr(self, 'turn', -1) + 1\n"
            "        m = self.momentums[self.turn % len(self.momentums)]",
            says="You take the slots in turn. Where a variable has no gradient in a step, the others "
            "get each other's: ask `self._get_variable_index(variable)`.",
        ),
        Mistake(
            "slots-made-while-stepping",
            find="m = self.momentums[self._get_variable_index(variable)]",
            put="place = self._get_variable_index(variable)\n"
            "        self.slots = getattr(self, 'slots', {})\n"
            "        if place not in self.slots:\n"
            "            self.slots[place] = self.add_variable_from_reference(variable, 'm')\n"
            "        m = self.slots[place]",
            says="You make slots in `update_step`. Then a new optimizer has none to load saved ones "
            "into, and `tf.function` may refuse to make variables: `build` makes them all.",
        ),
        Mistake(
            "slots-of-your-own",
            find='self.momentums = self.add_optimizer_variables(variables, "momentum")',
            put="from utils.quiet import tensorflow as tf\n\n"
            "            self.momentums = [tf.Variable(ops.zeros_like(each)) for each in variables]",
            says="Your slots are variables that the optimizer does not know of: they are not saved with "
            "it. `self.add_optimizer_variables` makes slots that are.",
        ),
        Mistake(
            "slots-without-momentum",
            find="if self.momentum:",
            put="if True:",
            says="You make slots without momentum too: memory that is never used.",
        ),
        Mistake(
            "no-share-without-momentum",
            find="if not self.momentum:\n            self.assign_sub(variable, step)\n            return",
            put="if not self.momentum:\n            return",
            says="Without momentum your variables rest. Make a step of gradient descent then.",
        ),
        Mistake(
            "goes-on-without-momentum",
            find="self.assign_sub(variable, step)\n            return",
            put="self.assign_sub(variable, step)",
            says="Without momentum your method goes on after the plain step, to slots that do not exist: "
            "a `return` (or an `else`) is missing.",
        ),
        Mistake(
            "uphill-without-momentum",
            find="self.assign_sub(variable, step)\n            return",
            put="self.assign_add(variable, step)\n            return",
            says="Without momentum you add the step: that climbs. Subtract it.",
        ),
        Mistake(
            "default-momentum",
            find="momentum=0.0, nesterov=False",
            put="momentum=0.9, nesterov=False",
            says="Your momentum is 0.9 where none is asked for. Keras's default is 0.0.",
        ),
        Mistake(
            "default-nesterov",
            find="momentum=0.0, nesterov=False",
            put="momentum=0.0, nesterov=True",
            says="You look ahead where nobody asks for it. Keras's default is `nesterov=False`.",
        ),
        Mistake(
            "config-lacks-nesterov",
            find='{"momentum": self.momentum, "nesterov": self.nesterov}',
            put='{"momentum": self.momentum}',
            says="`get_config` lacks `nesterov`: an optimizer made again from it does not look ahead.",
        ),
        Mistake(
            "any-momentum",
            find="or not 0 <= momentum <= 1:",
            put="or False:",
            says="A momentum below 0 or above 1 is taken as it comes. Refuse it with a ValueError.",
        ),
    ),
    hints=(
        "The slot remembers the last step, and a part of it is made again. `build` keeps the list of "
        "slots in an attribute of yours; without momentum there is none, so `update_step` has to return "
        "after the plain step.",
        "Two assignments: first the slot, `momentum` times what it held less the step; then the "
        "variable, by what the slot holds now.",
        "Nesterov's variant changes the second one alone: it adds what the slot would become if the "
        "same gradient came once more.",
    ),
    why=(
        "The slot holds steps rather than gradients: when a schedule lowers the rate, steps made "
        "earlier keep the rate of their time. (PyTorch's slot sums gradients and multiplies by the "
        "rate at the end. While the rate stays the two are the same.) Nesterov's variant evaluates the "
        "gradient where the momentum leads; written for the variable *after* that look ahead, it needs "
        "no second gradient, only another use of the slot. `self._get_variable_index` finds a variable's "
        "slot also where another variable rests for want of a gradient. Without momentum no slot is "
        "made: it would double the memory of the weights for nothing. `m * self.momentum` may be an "
        "operator, since a slot is always dense; `step` may be sparse."
    ),
    close_up=step_table(
        KERAS,
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
        {"learning_rate": 0.1},
        learning_rate=0.1,
        momentum=0.9,
    ),
)

EXAMS = (GRADIENT_DESCENT, SGD)
