"""Exams of lesson 12: Nadam, Adamax, and a probe that finds an Adam which miscounts its steps."""

import keras

from ._exam import Exam, Mistake, see
from ._optimizers import beside, owes, step_table
from .adam import ADAM, arrives_with_keras

NADAM_OF_KERAS = keras.optimizers.Nadam
ADAMAX_OF_KERAS = keras.optimizers.Adamax
MOMENTS = {"beta_1": 0.5, "beta_2": 0.75}
ALL = {"beta_1": 0.75, "beta_2": 0.5, "epsilon": 0.25}

# --- Nadam ------------------------------------------------------------------------------------------


def looks_ahead_of_two_moments(candidate):
    """The step is led by the momentum to come and by this step's gradient, each corrected."""
    yield from beside(candidate, NADAM_OF_KERAS, steps=4, learning_rate=0.1, **MOMENTS)
    yield from beside(candidate, NADAM_OF_KERAS, learning_rate=0.5, beta_1=0.9, beta_2=0.5)


def adds_epsilon_to_the_corrected_root(candidate):
    """Epsilon is added to the root of the corrected second moment (in Adam, to the plain one)."""
    yield from beside(candidate, NADAM_OF_KERAS, learning_rate=0.1, **MOMENTS, epsilon=0.25)


SLOTS = "dtype, place = variable.dtype, self._get_variable_index(variable)\n"
SHARED = (
    "dtype = variable.dtype\n"
    "        place = [tuple(each.shape) for each in self.momentums].index(tuple(variable.shape))\n"
)
SHARED_SAYS = (
    "Two variables of the same shape share their slots. Each has its own: "
    "`self._get_variable_index(variable)` says which."
)
M = "self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))"
DEFAULTS = "def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7"
PRODUCT = "self.assign(self._u_product, self._u_product * self.mu(self.iterations + 1))"
M_HAT = "m_hat = ops.add(m * of_m, ops.multiply(gradient, of_gradient))"
NADAM_STEP = "self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.epsilon))"

NADAM = Exam(
    name="Nadam",
    block="optimizers",
    probes=(
        looks_ahead_of_two_moments,
        adds_epsilon_to_the_corrected_root,
        arrives_with_keras(NADAM_OF_KERAS, **ALL),
        *owes(NADAM_OF_KERAS, **ALL),
    ),
    mistakes=(
        Mistake(
            "betas-swapped",
            find="self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon",
            put="self.beta_2, self.beta_1, self.epsilon = beta_1, beta_2, epsilon",
            says="You have swapped beta_1 and beta_2. beta_1 is for the mean of the gradients, beta_2 "
            "for the mean of their squares.",
        ),
        Mistake(
            "no-look-ahead",
            find=M_HAT,
            put="m_hat = m / ops.cast(1 - self.beta_1**step, dtype)",
            says="Your step is Adam's. Nesterov's momentum adds this step's gradient to the momentum of "
            "the next step.",
        ),
        Mistake(
            "mu-constant",
            find='return self.beta_1 * (1 - 0.5 * 0.96 ** ops.cast(step, "float32"))',
            put='return self.beta_1 + 0 * ops.cast(step, "float32")',
            says="Your mu is beta_1 in every step. It grows from about half of beta_1 towards it.",
        ),
        Mistake(
            "mu-of-the-paper",
            find='0.96 ** ops.cast(step, "float32")',
            put='0.96 ** (0.004 * ops.cast(step, "float32"))',
            says="Your mu has the paper's slow schedule, 0.96**(t / 250). Keras 3 has 0.96**t.",
        ),
        Mistake(
            "product-per-variable",
            find=PRODUCT,
            put="pass\n        gradients = list(gradients)\n"
            "        for _ in gradients:\n"
            "            self.assign(self._u_product, self._u_product * self.mu(self.iterations + 1))",
            says="Your product takes in a mu for every variable. It takes in one for each step, before "
            "the variables have their turn.",
        ),
        Mistake(
            "product-never-advances",
            find=PRODUCT,
            put="self.assign(self._u_product, self.mu(1))",
            says="Your product stays that of the first step. It is multiplied by the mu of each step.",
        ),
        Mistake(
            "power-for-the-product",
            find=PRODUCT,
            put="self.assign(self._u_product, self.beta_1 ** "
            'ops.cast(self.iterations + 1, "float32"))',
            says="Your product is beta_1**t. The mu of the steps differ: it is the product of them.",
        ),
        Mistake(
            "product-a-step-late",
            find=PRODUCT,
            put='last = ops.cast(self.iterations, "float32")\n'
            "        factor = ops.where(last > 0, self.mu(last), 0.5)\n"
            "        self.assign(self._u_product, self._u_product * factor)",
            says="Your product is a step late. In step t it holds mu(1) to mu(t).",
        ),
        Mistake(
            "momentum-of-this-step",
            find="ahead, u = self.mu(step + 1), self._u_product",
            put="ahead, u = self.mu(step), self._u_product",
            says="Your momentum counts with the mu of this step. To look ahead it takes the next one.",
        ),
        Mistake(
            "momentum-corrected-by-this-step",
            find="of_m = ops.cast(ahead / (1 - u * ahead), dtype)",
            put="of_m = ops.cast(ahead / (1 - u), dtype)",
            says="You correct the momentum by the product up to this step. It looks ahead: the next mu "
            "belongs to its product.",
        ),
        Mistake(
            "gradient-corrected-by-the-next-step",
            find="of_gradient = ops.cast((1 - self.mu(step)) / (1 - u), dtype)",
            put="of_gradient = ops.cast((1 - self.mu(step)) / (1 - u * ahead), dtype)",
            says="You correct the gradient by the product of the next step. It is of this step.",
        ),
        Mistake(
            "gradient-uncorrected",
            find="of_gradient = ops.cast((1 - self.mu(step)) / (1 - u), dtype)",
            put="of_gradient = ops.cast(1 - self.mu(step), dtype)",
            says="Your gradient is not corrected: divide its share by 1 - u.",
        ),
        Mistake(
            "velocity-uncorrected",
            find="v_hat = v / ops.cast(1 - beta_2**step, dtype)",
            put="v_hat = v",
            says="You do not correct the second moment. It begins at 0: divide by 1 - beta_2**t.",
        ),
        Mistake(
            "epsilon-before-the-correction",
            find=NADAM_STEP,
            put="root = ops.cast(ops.sqrt(1 - self.beta_2**step), dtype)\n"
            "        self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.epsilon / root))",
            says="You add epsilon to the plain root, as Keras's Adam does. Its Nadam adds it to the "
            "corrected one.",
        ),
        Mistake(
            "epsilon-inside-the-root",
            find="(ops.sqrt(v_hat) + self.epsilon)",
            put="ops.sqrt(v_hat + self.epsilon)",
            says="Your epsilon is inside the root. Add it to the root.",
        ),
        Mistake(
            "no-root",
            find="ops.sqrt(v_hat)",
            put="v_hat",
            says="You divide by the second moment itself. Its root has the size of a gradient.",
        ),
        Mistake(
            "uphill",
            find="self.assign_sub(variable, rate",
            put="self.assign_add(variable, rate",
            says="You add the step: that climbs. The step goes against the gradient.",
        ),
        Mistake("slots-shared", find=SLOTS, put=SHARED, says=SHARED_SAYS),
        Mistake(
            "another-default",
            find=DEFAULTS,
            put=DEFAULTS.replace("0.001", "0.002"),
            says="The default learning rate of Keras's Nadam is 0.001; PyTorch's is 0.002.",
        ),
    ),
    hints=(
        "Take the docstring's formulas one by one: mu of this step and of the next, the product up to each.",
        "`_backend_update_step` runs once in a step, `update_step` once for each variable. The product "
        "takes in the mu of this step in the first of them.",
        "The factor of m is mu(t + 1) over 1 less the product up to t + 1; that of the gradient is "
        "1 - mu(t) over 1 less the product up to t.",
    ),
    why="The product is state of the whole optimizer, so it advances where the whole optimizer makes its "
    "step: in `update_step` it would take in a mu for every variable. The two factors are computed in "
    "float32, whatever is trained: in bfloat16 `1 - beta_2**t` is 0 at the defaults. Keras 3 raises 0.96 "
    "to the step, where Dozat and older versions have a schedule 250 times slower.",
    close_up=step_table(NADAM_OF_KERAS, learning_rate=0.1, **MOMENTS),
)

# --- Adamax -----------------------------------------------------------------------------------------


def divides_by_the_largest(candidate):
    """The step is the mean of past gradients over the largest of them, which is forgotten slowly."""
    yield from beside(candidate, ADAMAX_OF_KERAS, steps=4, learning_rate=0.1, **MOMENTS)
    yield from beside(candidate, ADAMAX_OF_KERAS, learning_rate=0.5, beta_1=0.0, beta_2=0.9)


def adds_epsilon_to_the_norm(candidate):
    """Epsilon is added to the norm."""
    yield from beside(candidate, ADAMAX_OF_KERAS, learning_rate=0.1, **MOMENTS, epsilon=0.25)


NORM = "self.assign(u, ops.maximum(u * self.beta_2, ops.abs(gradient)))"
CORRECTED_RATE = "rate = ops.cast(learning_rate / (1 - self.beta_1**step), dtype)"

ADAMAX = Exam(
    name="Adamax",
    block="optimizers",
    probes=(
        divides_by_the_largest,
        adds_epsilon_to_the_norm,
        arrives_with_keras(ADAMAX_OF_KERAS, **ALL),
        *owes(ADAMAX_OF_KERAS, **ALL),
    ),
    mistakes=(
        Mistake(
            "betas-swapped",
            find="self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon",
            put="self.beta_2, self.beta_1, self.epsilon = beta_1, beta_2, epsilon",
            says="You have swapped beta_1 and beta_2. beta_1 is for the mean of the gradients, beta_2 "
            "for the norm.",
        ),
        Mistake(
            "norm-not-forgotten",
            find="u * self.beta_2",
            put="u",
            says="Your norm never falls. Before each comparison it keeps beta_2 of itself.",
        ),
        Mistake(
            "sign-forgotten",
            find="ops.abs(gradient)",
            put="gradient + 0",
            says="You compare with the gradient, sign and all. The norm is of its size.",
        ),
        Mistake(
            "norm-squared",
            find="ops.abs(gradient)",
            put="ops.square(gradient)",
            says="Your norm takes the squared gradient. It takes its size, and no root comes after.",
        ),
        Mistake(
            "root-of-the-norm",
            find="(u + self.epsilon)",
            put="(ops.sqrt(u) + self.epsilon)",
            says="You take the root of the norm. It has the size of a gradient already.",
        ),
        Mistake(
            "norm-averaged",
            find=NORM,
            put="self.assign_add(u, ops.subtract(ops.abs(gradient), u) * (1 - self.beta_2))",
            says="Your norm is a mean of sizes. It is the largest of them, each as far as not forgotten.",
        ),
        Mistake(
            "smallest",
            find="ops.maximum(u",
            put="ops.minimum(u",
            says="You keep the smaller of the two. The norm is the larger.",
        ),
        Mistake(
            "norm-of-the-variable",
            find="ops.abs(gradient)))",
            put="ops.max(ops.abs(gradient))))",
            says="All numbers of a variable share one norm. Each has its own.",
        ),
        Mistake(
            "no-correction",
            find=CORRECTED_RATE,
            put="rate = ops.cast(learning_rate, dtype)",
            says="You do not correct the momentum. It begins at 0: divide the rate by 1 - beta_1**t.",
        ),
        Mistake(
            "corrected-like-adam",
            find=CORRECTED_RATE,
            put="root = ops.sqrt(1 - self.beta_2**step)\n"
            "        rate = ops.cast(learning_rate * root / (1 - self.beta_1**step), dtype)",
            says="You correct the norm as if it was a mean that begins at 0. A maximum needs no correction.",
        ),
        Mistake(
            "counter-starts-at-0",
            find='step = ops.cast(self.iterations + 1, "float32")',
            put='step = ops.cast(self.iterations, "float32")',
            says="Your first step is step 0: you divide by 1 - beta_1**0, which is 0.",
        ),
        Mistake(
            "counter-never-advances",
            find='step = ops.cast(self.iterations + 1, "float32")',
            put='step = ops.cast(1, "float32")',
            says="Your step is 1 for ever: the correction is always that of the first step.",
        ),
        Mistake(
            "epsilon-forgotten",
            find="(u + self.epsilon)",
            put="u",
            says="Your epsilon is missing. It is added to the norm.",
        ),
        Mistake(
            "steps-by-the-gradient",
            find="rate * m / (",
            put="rate * gradient / (",
            says="You step by the gradient. The step goes by the momentum.",
        ),
        Mistake(
            "sum-instead-of-mean",
            find=M,
            put="self.assign(m, ops.add(m * self.beta_1, gradient))",
            says="Your momentum adds the whole gradient, as SGD's does. Here it is a mean: the gradient "
            "comes in with 1 - beta_1.",
        ),
        Mistake(
            "uphill",
            find="self.assign_sub(variable, rate",
            put="self.assign_add(variable, rate",
            says="You add the step: that climbs. The step goes against the gradient.",
        ),
        Mistake("slots-shared", find=SLOTS, put=SHARED, says=SHARED_SAYS),
        Mistake(
            "another-default",
            find=DEFAULTS,
            put=DEFAULTS.replace("0.001", "0.002"),
            says="The default learning rate of Keras's Adamax is 0.001; the paper's and PyTorch's is "
            "0.002.",
        ),
    ),
    hints=(
        "In place of a mean of squares, a maximum: what is left of the old norm, or the new gradient.",
        "Three assignments: the momentum, the norm, the variable. Of the two slots one begins too low.",
    ),
    why="A mean of p-th powers, its p-th root taken, becomes a maximum as p grows. A maximum does not "
    "start too low, so only the momentum is corrected; that is a number for all variables, and scales "
    "the rate.",
    close_up=step_table(ADAMAX_OF_KERAS, learning_rate=0.1, **MOMENTS),
)

# --- counts_its_steps -------------------------------------------------------------------------------


class _Adam(keras.optimizers.Adam):
    """Keras's Adam, which takes each step for the one that `number` says; to others it counts right."""

    inside = False

    def number(self):
        return self._iterations + 1

    @property
    def iterations(self):
        return self.number() - 1 if self.inside else self._iterations

    def update_step(self, gradient, variable, learning_rate):
        self.inside = True
        super().update_step(gradient, variable, learning_rate)
        self.inside = False


class _Frozen(_Adam):
    def number(self):
        return 1


class _FrozenLater(_Adam):
    def number(self):
        return keras.ops.minimum(self._iterations + 1, 2)


class _FromZero(_Adam):
    def number(self):
        return self._iterations


class _OneAhead(_Adam):
    def number(self):
        return self._iterations + 2


class _ByVariable(_Adam):
    """Counts calls of `update_step`."""

    def build(self, variables):
        super().build(variables)
        self.updates = self.add_variable((), initializer="zeros", name="updates")

    def update_step(self, gradient, variable, learning_rate):
        self.updates.assign_add(1)
        super().update_step(gradient, variable, learning_rate)

    def number(self):
        return self.updates


class _ByPython(_Adam):
    """Counts right, until it is compiled."""

    def apply(self, grads, trainable_variables=None):
        self.calls = getattr(self, "calls", 0) + 1
        super().apply(grads, trainable_variables)

    def number(self):
        return self.calls


for _each in (_Frozen, _FrozenLater, _FromZero, _OneAhead, _ByVariable, _ByPython):
    _each.__name__ = "Adam"  # a name gives nothing away


def acquits_right_optimizers(counts_its_steps):
    """A right Adam passes: Keras's own, and the one of this lesson."""
    for given, right in (
        ("keras.optimizers.Adam", keras.optimizers.Adam),
        ("a right Adam", ADAM.reference),
    ):
        yield see("verdict", bool(counts_its_steps(right)), True, given)


def convicts_a_counter_that_stops(counts_its_steps):
    """An Adam that is in its first step for ever is found out, or in its second."""
    yield see("verdict", bool(counts_its_steps(_Frozen)), False, "always step 1")
    yield see("verdict", bool(counts_its_steps(_FrozenLater)), False, "step 1, then always step 2")


def convicts_a_counter_that_is_off(counts_its_steps):
    """An Adam that begins at step 0 is found out, and one that begins at step 2."""
    yield see("verdict", bool(counts_its_steps(_FromZero)), False, "the first step is step 0")
    yield see("verdict", bool(counts_its_steps(_OneAhead)), False, "the first step is step 2")


def convicts_a_counter_for_each_variable(counts_its_steps):
    """An Adam that advances its counter once for every variable is found out."""
    yield see("verdict", bool(counts_its_steps(_ByVariable)), False, "one step for each variable")


def convicts_a_counter_of_pythons(counts_its_steps):
    """An Adam that counts by a number of Python's, which stops when it is compiled, is found out."""
    verdict = bool(counts_its_steps(_ByPython))
    yield see("verdict", verdict, False, "right, until it is compiled")


VERDICT = "return bool(np.all(np.abs(np.diff(places, axis=0) + 0.1) < 0.001))"

COUNTS = Exam(
    name="counts_its_steps",
    block="optimizers",
    probes=(
        acquits_right_optimizers,
        convicts_a_counter_that_stops,
        convicts_a_counter_that_is_off,
        convicts_a_counter_for_each_variable,
        convicts_a_counter_of_pythons,
    ),
    mistakes=(
        Mistake(
            "always-true",
            find=VERDICT,
            put="return True",
            says="You acquit every optimizer. Look at how far each step went.",
        ),
        Mistake(
            "always-false",
            find=VERDICT,
            put="return False",
            says="You convict every optimizer, right ones too.",
        ),
        Mistake(
            "upside-down",
            find=VERDICT,
            put="return not np.all(np.abs(np.diff(places, axis=0) + 0.1) < 0.001)",
            says="Your verdict is upside down: True is for an optimizer that counts right.",
        ),
        Mistake(
            "one-step",
            find="range(5)",
            put="range(1)",
            says="You look at one step only. A counter that never advances has that one right.",
        ),
        Mistake(
            "any-step",
            find="np.all(np.abs(np.diff",
            put="np.any(np.abs(np.diff",
            says="You acquit an optimizer that has one step right. All of them have to be.",
        ),
        Mistake(
            "not-compiled",
            find="        make_step()",
            put="        optimizer.apply([tf.ones(2)] * 2, weights)",
            says="You take your steps outside the compiled function. There a counter of Python's counts "
            "right; use `make_step`.",
        ),
        Mistake(
            "uphill",
            find="axis=0) + 0.1)",
            put="axis=0) - 0.1)",
            says="Your expected step has the wrong sign. Against a gradient of 1 a weight goes down.",
        ),
        Mistake(
            "exactly",
            find="< 0.001",
            put="< 1e-12",
            says="You convict right optimizers: float32 is off in its seventh digit. Allow for it.",
        ),
        Mistake(
            "too-lenient",
            find="< 0.001",
            put="< 0.2",
            says="Your margin is so wide that wrong steps pass.",
        ),
        Mistake(
            "keras-counter",
            find=VERDICT,
            put="return int(optimizer.iterations) == 5",
            says="You ask for Keras's own counter, which advances whether it is used or not. Look at what "
            "the weights do.",
        ),
    ),
    hints=(
        "The gradients are the same in every step, all 1. After t steps, what are m and v, and what is "
        "left of them when both are corrected?",
        "A right Adam makes every step exactly the rate, downwards, with every weight. Call `make_step` "
        "several times, note the weights after each, and look at the differences.",
    ),
    why="By a constant gradient g, m is (1 - beta_1**t) g and v is (1 - beta_2**t) g**2. The corrections "
    "cancel exactly these factors, so that each step is the rate, whatever the betas are, if t is the "
    "number of the step. No second implementation is needed. The function is compiled, since `fit` "
    "compiles; two variables tell a counter for each of them.",
)

EXAMS = (NADAM, ADAMAX, COUNTS)
