"""Exams of lesson 12: Adam with AMSGrad, and AdamW."""

import functools

import keras
import numpy as np

from ._exam import Exam, Mistake, see
from ._optimizers import beside, owes, step_table, told, updates, variables
from ._oracle import outcome

KERAS = keras.optimizers.Adam
KERAS_W = keras.optimizers.AdamW


def arrives_with_keras(keras_class, **arguments):
    """A probe that is quick, and sees all parts of a rule at once: it tells mistakes apart."""

    arguments["learning_rate"] = keras.optimizers.schedules.ExponentialDecay(0.2, 1, 0.5)

    def arrive(make):
        optimizer, variable = make(**arguments), keras.Variable([1.0, -2.0, 0.5])
        for gradient in ([0.8, -2.0, 0.1], [-0.4, -1.0, 0.05], [0.1, 0.2, 0.3]):
            optimizer.apply([keras.ops.array(gradient)], [variable])
        return variable.numpy()

    right = functools.cache(lambda: arrive(keras_class))

    def arrives(candidate):
        """After three steps a variable is where Keras's class takes it."""
        yield see("variable after three steps", arrive(candidate), right(), told(arguments))

    return arrives


# --- Adam -------------------------------------------------------------------------------------------


def goes_at_the_rate(candidate):
    """By a gradient that stays the same, every step is as long as the rate."""
    optimizer, own = candidate(learning_rate=0.5, beta_1=0.75, beta_2=0.5), variables()
    gradients = [np.full(variable.shape, 3.0, "float32") for variable in own]
    for step, update in enumerate(updates(optimizer, 3, lambda _: gradients, own), start=1):
        for name, received in update.items():
            what = f"update of {name} in step {step}"
            right = np.full(received.shape, -0.5)
            yield see(what, received, right, "learning_rate=0.5, all gradients 3", 1e-4)


def follows_two_moments(candidate):
    """The step is the mean of past gradients over the root of the mean of their squares."""
    yield from beside(candidate, KERAS, steps=4, learning_rate=0.1, beta_1=0.5, beta_2=0.75)
    yield from beside(candidate, KERAS, learning_rate=0.5, beta_1=0.0, beta_2=0.9)


def adds_epsilon_to_the_root(candidate):
    """Epsilon is added to the root of the second moment, as it is before the correction."""
    moments = {"beta_1": 0.5, "beta_2": 0.75}
    yield from beside(candidate, KERAS, learning_rate=0.1, **moments, epsilon=0.25)


def keeps_the_largest_second_moment(candidate):
    """With `amsgrad=True` the second moment counts as the largest that it has been."""
    moments = {"beta_1": 0.5, "beta_2": 0.25}
    yield from beside(candidate, KERAS, steps=5, learning_rate=0.1, **moments, amsgrad=True)


ALL = {"beta_1": 0.75, "beta_2": 0.5, "epsilon": 0.05, "amsgrad": True}
CORRECTION = "return ops.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)"
STEP = 'step = ops.cast(self.iterations + 1, "float32")  # 1 in the first step'
M = "self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))"
LARGEST = "self.assign(largest, ops.maximum(largest, v))"
ANSWER = "self.assign_sub(variable, rate * m / (ops.sqrt(v) + self.epsilon))"
RATE = "rate = ops.cast(learning_rate * self.bias_correction(), dtype)"

ADAM = Exam(
    name="Adam",
    block="optimizers",
    probes=(
        goes_at_the_rate,
        follows_two_moments,
        adds_epsilon_to_the_root,
        keeps_the_largest_second_moment,
        arrives_with_keras(KERAS, **ALL | {"epsilon": 0.25}),
        *owes(KERAS, **ALL),
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
            "betas-swapped-in-the-correction",
            find=CORRECTION,
            put="return ops.sqrt(1 - self.beta_1**step) / (1 - self.beta_2**step)",
            says="Your moments are right, but in their correction beta_1 and beta_2 are swapped. m, "
            "which follows beta_1, is divided by 1 - beta_1**t.",
        ),
        Mistake(
            "no-correction",
            find=CORRECTION,
            put="return 1.0",
            says="You do not correct the moments. Both begin at 0, so that in step t they have seen "
            "1 - beta**t of their mean.",
        ),
        Mistake(
            "first-moment-uncorrected",
            find=CORRECTION,
            put="return ops.sqrt(1 - self.beta_2**step)",
            says="You correct the second moment only. m begins at 0 too: divide by 1 - beta_1**t.",
        ),
        Mistake(
            "second-moment-uncorrected",
            find=CORRECTION,
            put="return 1 / (1 - self.beta_1**step)",
            says="You correct the first moment only. v begins at 0 too: the step is multiplied by "
            "the root of 1 - beta_2**t.",
        ),
        Mistake(
            "correction-without-root",
            find=CORRECTION,
            put="return (1 - self.beta_2**step) / (1 - self.beta_1**step)",
            says="You correct by 1 - beta_2**t. The step holds the root of v, so that the correction "
            "is a root too.",
        ),
        Mistake(
            "correction-upside-down",
            find=CORRECTION,
            put="return (1 - self.beta_1**step) / ops.sqrt(1 - self.beta_2**step)",
            says="Your correction is upside down. m is below the line it approaches, so it is divided "
            "by what it has seen; v stands below the fraction bar.",
        ),
        Mistake(
            "beta-times-step",
            find=CORRECTION,
            put="return ops.sqrt(ops.abs(1 - self.beta_2 * step)) / (1 - self.beta_1 * step)",
            says="You multiply beta by the step. What m has not seen after t steps is beta**t.",
        ),
        Mistake(
            "corrected-in-place",
            find=M,
            put=M + "\n        self.assign(m, m / ops.cast(1 - self.beta_1 ** "
            '(ops.cast(self.iterations, "float32") + 1), dtype))\n'
            "        rate = rate * ops.cast(1 - self.beta_1 ** "
            '(ops.cast(self.iterations, "float32") + 1), dtype)',
            says="You write the corrected moment back into its slot, and correct it again in the next "
            "step. The slot keeps the plain one.",
        ),
        Mistake(
            "counter-never-advances",
            find=STEP,
            put='step = ops.cast(1, "float32")',
            says="Your step is 1 for ever: the correction is always that of the first step.",
        ),
        Mistake(
            "counter-starts-at-0",
            find=STEP,
            put='step = ops.cast(self.iterations, "float32")',
            says="Your first step is step 0: you divide by 1 - beta_1**0, which is 0. "
            "`self.iterations` counts the steps that are over.",
        ),
        Mistake(
            "counter-one-ahead",
            find=STEP,
            put='step = ops.cast(self.iterations + 2, "float32")',
            says="Your counter is one step ahead. The first step is 1.",
        ),
        Mistake(
            "counter-per-variable",
            find=STEP,
            put="self.calls = getattr(self, 'calls', 0) + 1\n"
            '        step = ops.cast(self.calls, "float32")',
            says="Your counter advances once for every variable. All variables of one step share its "
            "number: `self.iterations + 1`.",
        ),
        Mistake(
            "counter-frozen-when-compiled",
            find=STEP,
            put="self.calls = getattr(self, 'calls', 0) + 1\n"
            "        step = (self.calls - 1) // len(self._trainable_variables) + 1\n"
            '        step = ops.cast(step, "float32")',
            says="Your counter is a number of Python's. A compiled function keeps the one it saw when it "
            "was traced, and a call that leaves out a variable miscounts. `self.iterations` is a variable.",
        ),
        Mistake(
            "epsilon-forgotten",
            find="(ops.sqrt(v) + self.epsilon)",
            put="ops.sqrt(v)",
            says="Your epsilon is missing. It is added to the root of the second moment.",
        ),
        Mistake(
            "epsilon-inside-the-root",
            find="(ops.sqrt(v) + self.epsilon)",
            put="ops.sqrt(v + self.epsilon)",
            says="Your epsilon is inside the root, where its own root counts: 1e-7 becomes 3e-4. Add it "
            "to the root.",
        ),
        Mistake(
            "epsilon-after-the-correction",
            find=ANSWER,
            put='step = ops.cast(self.iterations + 1, "float32")\n'
            "        root = ops.cast(ops.sqrt(1 - self.beta_2**step), dtype)\n"
            "        self.assign_sub(variable, rate * m / (ops.sqrt(v) + root * self.epsilon))",
            says="You add epsilon to the root of the corrected moment, as the paper's Algorithm 1 and "
            "PyTorch do. Keras adds it to the root of the plain one.",
        ),
        Mistake(
            "epsilon-as-a-floor",
            find="(ops.sqrt(v) + self.epsilon)",
            put="ops.maximum(ops.sqrt(v), self.epsilon)",
            says="Your epsilon is a lower bound of the root. It is added to it.",
        ),
        Mistake(
            "no-root",
            find="ops.sqrt(v)",
            put="v",
            says="You divide by the second moment itself. Its root has the size of a gradient.",
        ),
        Mistake(
            "steps-by-the-gradient",
            find="rate * m / (",
            put="rate * gradient / (",
            says="You step by the gradient, as RMSprop does. Adam steps by the first moment.",
        ),
        Mistake(
            "square-of-the-mean",
            find="ops.square(gradient), v)",
            put="ops.square(m), v)",
            says="Your second moment averages the squares of m. It averages those of the gradient.",
        ),
        Mistake(
            "centered",
            find="ops.square(gradient), v)",
            put="ops.square(ops.subtract(gradient, m)), v)",
            says="Your second moment averages the squared distance from m. It averages the squared "
            "gradient, mean and all.",
        ),
        Mistake(
            "one-rate-for-a-variable",
            find="ops.square(gradient), v)",
            put="ops.mean(ops.square(gradient)), v)",
            says="All numbers of a variable share one second moment. Each has its own: do not take a "
            "mean over the variable.",
        ),
        Mistake(
            "shares-swapped",
            find=M,
            put="self.assign_add(m, ops.subtract(gradient, m) * self.beta_1)",
            says="Your first moment keeps 1 - beta_1 of itself. It keeps beta_1, and takes 1 - beta_1 of "
            "the gradient.",
        ),
        Mistake(
            "sum-instead-of-mean",
            find=M,
            put="self.assign(m, ops.add(m * self.beta_1, gradient))",
            says="Your first moment adds the whole gradient, as SGD's momentum does. Adam's is a mean: "
            "the gradient comes in with 1 - beta_1.",
        ),
        Mistake(
            "moments-not-kept",
            find=M,
            put="m = m + ops.subtract(gradient, m) * (1 - self.beta_1)",
            says="Your first moment is forgotten after each step: `m = …` changes no slot. Use "
            "`self.assign` or `self.assign_add`.",
        ),
        Mistake(
            "uphill",
            find="self.assign_sub(variable, rate",
            put="self.assign_add(variable, rate",
            says="You add the step: that climbs. The step goes against the gradient.",
        ),
        Mistake(
            "slots-shared",
            find="dtype, place = variable.dtype, self._get_variable_index(variable)",
            put="dtype = variable.dtype\n"
            "        place = [tuple(each.shape) for each in self.momentums].index(tuple(variable.shape))",
            says="Two variables of the same shape share their slots. Each has its own: "
            "`self._get_variable_index(variable)` says which.",
        ),
        Mistake(
            "amsgrad-ignored",
            find="            v = largest\n",
            put="",
            says="With `amsgrad=True` your step is that of plain Adam. The largest v so far has to take "
            "v's place.",
        ),
        Mistake(
            "amsgrad-in-the-slot",
            find="            v = largest\n",
            put="            self.assign(v, largest)\n",
            says="Your AMSGrad writes the largest second moment into v's own slot, so that v never falls "
            "again. The two have a slot each.",
        ),
        Mistake(
            "amsgrad-of-the-last-two",
            find=LARGEST,
            put="before, now = ops.copy(largest), ops.copy(v)\n"
            "            self.assign(largest, now)\n"
            "            largest = ops.maximum(before, now)",
            says="Your AMSGrad takes the larger of the last two second moments. It takes the largest of all.",
        ),
        Mistake(
            "first-rate-for-ever",
            find=RATE,
            put="self.first_rate = getattr(self, 'first_rate', None) or float(self.learning_rate)\n"
            "        rate = ops.cast(self.first_rate * self.bias_correction(), dtype)",
            says="Your rate is that of the first step for ever. `update_step` is given the rate of "
            "each step, which a schedule may have changed.",
        ),
        Mistake(
            "dense-only",
            find=M,
            put="self.assign(m, m * self.beta_1 + gradient * (1 - self.beta_1))",
            says="Operators such as `*` fail on the sparse gradient of an embedding. `ops.subtract`, "
            "`ops.multiply` and `ops.square` take both kinds.",
        ),
        Mistake(
            "no-cast",
            find=RATE,
            put="rate = ops.multiply(learning_rate, self.bias_correction())",
            says="Your rate stays float32 beside variables of 16 bits. Cast it to the variable's dtype.",
        ),
        Mistake(
            "rate-of-sgd",
            find="self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad",
            put="self, learning_rate=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad",
            says="The default learning rate of Adam is 0.001.",
        ),
        Mistake(
            "another-beta",
            find="self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad",
            put="self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, epsilon=1e-7, amsgrad",
            says="The default of beta_2 is 0.999.",
        ),
        Mistake(
            "epsilon-of-pytorch",
            find="self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad",
            put="self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, amsgrad",
            says="The default epsilon is PyTorch's and the paper's, 1e-8. Keras has 1e-7.",
        ),
        Mistake(
            "amsgrad-not-in-config",
            find='return super().get_config() | {"amsgrad": self.amsgrad}',
            put="return super().get_config()",
            says="Your config lacks `amsgrad`: an optimizer loaded from a file would be plain Adam.",
        ),
    ),
    hints=(
        "Both moments are means of what has been: `m` of gradients, `v` of their squares. A mean moves a "
        "share 1 - beta of the way to what is new.",
        "After t equal gradients m has reached 1 - beta_1**t of them, v 1 - beta_2**t of their square. "
        "Divide m by what it has seen, and the root of v by the root of that: which factor is left?",
        "In `build`, two calls of `add_optimizer_variables` and a third for AMSGrad. In `update_step`, "
        "`assign_add` on m and on v, a maximum for AMSGrad, then one `assign_sub` on the variable.",
    ),
    why="Both corrections are one factor of the rate, in float32 whatever is trained: in bfloat16 a "
    "beta_2 of 0.999 is 1, and the factor would be 0 for ever. Keras's own computes it there, and does "
    "not move. A method of its own lets the lesson switch the correction off. `ops.subtract` and "
    "`ops.square` are the first to touch the gradient, since a sparse one has no operators; what they "
    "return is dense. Epsilon meets the plain root, the paper's *epsilon hat*; its Algorithm 1 and PyTorch "
    "add it after the correction.",
    close_up=step_table(KERAS, learning_rate=0.1, beta_1=0.5, beta_2=0.75),
)

# --- AdamW ------------------------------------------------------------------------------------------


def is_adam_without_decay(candidate):
    """Without decay the steps are Adam's."""
    yield from beside(candidate, KERAS_W, learning_rate=0.1, weight_decay=0.0, **ALL)


def loses_a_share_of_itself(candidate):
    """A gradient of 0 leaves the decay alone: a variable loses rate times decay of itself."""
    optimizer, own = candidate(learning_rate=0.5, weight_decay=0.25), variables()
    given = "learning_rate=0.5, weight_decay=0.25, gradients of 0"
    zeros = [np.zeros(variable.shape, "float32") for variable in own]
    for step in (1, 2):
        before = {variable.name: variable.numpy() for variable in own}
        update = next(updates(optimizer, 1, lambda _: zeros, own))
        for name, received in update.items():
            yield see(f"update of {name} in step {step}", received, -0.125 * before[name], given)


def keeps_decay_out_of_the_moments(candidate):
    """The decay is beside Adam's step: neither moment sees it, and no moment scales it."""
    moments = {"beta_1": 0.5, "beta_2": 0.75}
    yield from beside(candidate, KERAS_W, learning_rate=0.1, weight_decay=0.5, **moments)


def spares_what_is_excluded(candidate):
    """What `exclude_from_weight_decay` names, by variable or by a part of its name, does not decay."""
    for given, how in (
        ("var_names=['bias', 'lef']", lambda own: {"var_names": ["bias", "lef"]}),
        ("var_list=[kernel]", lambda own: {"var_list": own[:1]}),
    ):
        pair = []
        for make in (candidate, KERAS_W):
            optimizer, own = make(learning_rate=0.1, weight_decay=0.5), variables()
            optimizer.exclude_from_weight_decay(**how(own))
            pair.append(updates(optimizer, 2, trained=own))
        for step, (received, expected) in enumerate(zip(*pair, strict=True), start=1):
            for name, update in expected.items():
                yield see(f"update of {name} in step {step}", received[name], update, given, 1e-4)


def wants_a_decay(candidate):
    """`weight_decay=None` is refused with a ValueError: AdamW without decay is Adam."""
    error = outcome(lambda: candidate(weight_decay=None))
    yield see("constructor", error, "ValueError", "weight_decay=None")


ALL_W = {"weight_decay": 0.3} | ALL
SHARE = "share = ops.cast(learning_rate * self.weight_decay, variable.dtype)"
DECAY = "self.assign_sub(variable, share * variable)"
ADAMS_STEP = "super().update_step(gradient, variable, learning_rate)"
IF_IT_DECAYS = "if self._use_weight_decay(variable):"
NOT_BY_KERAS = 'would do before every step: here `update_step` does it."""'
COUPLED = (
    "share = ops.cast(self.weight_decay, variable.dtype)\n"
    "            gradient = ops.add(gradient, share * variable)"
)

ADAM_W = Exam(
    name="AdamW",
    block="optimizers",
    probes=(
        is_adam_without_decay,
        loses_a_share_of_itself,
        keeps_decay_out_of_the_moments,
        spares_what_is_excluded,
        arrives_with_keras(KERAS_W, **ALL_W),
        *owes(KERAS_W, **ALL_W),
        wants_a_decay,
    ),
    mistakes=(
        Mistake(
            "coupled",
            find=SHARE + "\n            " + DECAY,
            put=COUPLED,
            says="Your decay goes into the gradient: that is L2 in the loss. The moments see it, and "
            "divide it away where gradients are large. Take the share off the variable itself.",
        ),
        Mistake(
            "no-decay",
            find=DECAY,
            put="pass",
            says="Nothing decays: your class is Adam.",
        ),
        Mistake(
            "decay-without-rate",
            find="learning_rate * self.weight_decay",
            put="self.weight_decay",
            says="You take off `weight_decay` of the variable. In Keras, as in PyTorch, the share is "
            "rate times decay.",
        ),
        Mistake(
            "rate-squared",
            find="learning_rate * self.weight_decay",
            put="learning_rate * learning_rate * self.weight_decay",
            says="Your decay has the rate in it twice. The share is rate times decay.",
        ),
        Mistake(
            "decay-corrected",
            find="learning_rate * self.weight_decay",
            put="learning_rate * self.bias_correction() * self.weight_decay",
            says="Your decay is scaled by Adam's correction. It has nothing to do with the moments: the "
            "share is rate times decay.",
        ),
        Mistake(
            "decay-grows",
            find=DECAY,
            put="self.assign_add(variable, share * variable)",
            says="Your variables grow by their share. Decay takes it off.",
        ),
        Mistake(
            "only-the-share-stays",
            find=DECAY,
            put="self.assign(variable, share * variable)",
            says="You keep the share and drop the rest. The share is what goes.",
        ),
        Mistake(
            "decay-by-sign",
            find=DECAY,
            put="self.assign_sub(variable, share * ops.sign(variable))",
            says="Every number shrinks by the same amount, as under an L1 penalty. Decay takes a share of "
            "the number.",
        ),
        Mistake(
            "decay-after-the-step",
            find=SHARE + "\n            " + DECAY + "\n        " + ADAMS_STEP,
            put="pass\n        "
            + ADAMS_STEP
            + "\n        "
            + IF_IT_DECAYS
            + "\n            "
            + SHARE
            + "\n            "
            + DECAY,
            says="You decay after Adam's step, so that a share of the step goes too. Decay first.",
        ),
        Mistake(
            "exclusions-ignored",
            find=IF_IT_DECAYS,
            put="if True:",
            says="What `exclude_from_weight_decay` has named decays too. Ask `self._use_weight_decay`.",
        ),
        Mistake(
            "exclusions-upside-down",
            find=IF_IT_DECAYS,
            put="if not self._use_weight_decay(variable):",
            says="You decay what is excluded, and nothing else. `_use_weight_decay` is True for what "
            "decays.",
        ),
        Mistake(
            "excluded-rest",
            find="        " + ADAMS_STEP,
            put="            " + ADAMS_STEP,
            says="Excluded variables make no step at all. They go without decay, not without Adam.",
        ),
        Mistake(
            "matrices-only",
            find=IF_IT_DECAYS,
            put="if self._use_weight_decay(variable) and len(variable.shape) > 1:",
            says="You decay matrices only. That may be wise, but it is for `exclude_from_weight_decay` to "
            "say; AdamW decays everything else.",
        ),
        Mistake(
            "decay-twice",
            find=NOT_BY_KERAS,
            put=NOT_BY_KERAS + "\n        super()._apply_weight_decay(variables)",
            says="Your variables decay twice: in `update_step`, and in Keras's base class, whose "
            "`_apply_weight_decay` decays them before every step.",
        ),
        Mistake(
            "decay-is-all",
            find="        " + ADAMS_STEP,
            put="        pass",
            says="Your variables decay, but Adam's step is missing.",
        ),
        Mistake(
            "own-rate-for-ever",
            find="learning_rate * self.weight_decay",
            put="getattr(self, 'first', None) or self.__dict__.setdefault('first', "
            "float(self.learning_rate) * self.weight_decay)",
            says="Your decay goes by the rate of the first step for ever. Take the one that `update_step` "
            "is given: a schedule may have changed it.",
        ),
        Mistake(
            "decay-of-pytorch",
            find="weight_decay=0.004,",
            put="weight_decay=0.01,",
            says="The default decay is PyTorch's, 0.01. Keras has 0.004.",
        ),
        Mistake(
            "none-accepted",
            find="if weight_decay is None:",
            put="weight_decay = weight_decay or 0.0\n        if weight_decay is None:",
            says="You take None for a decay of 0. Keras refuses it: who writes AdamW wants a decay.",
        ),
    ),
    hints=(
        "Two things, one after the other: the variable loses a share of itself, then Adam makes its step "
        "as if nothing had been.",
        "The share is the rate that `update_step` was given, times `self.weight_decay`. Adam's step is "
        "there already, in the class that you build on.",
    ),
    why="Keras's own AdamW has no code for the decay: its base class does it for every optimizer with a "
    "`weight_decay`, in a loop over all variables before the step. Here it stands where you can read it, "
    "and where each copy of a variable is at hand under `tf.distribute`. The decay is outside Adam: what "
    "m and v see is the gradient of the loss alone.",
    close_up=step_table(KERAS_W, learning_rate=0.1, weight_decay=0.5, beta_1=0.5, beta_2=0.75),
)

EXAMS = (ADAM, ADAM_W)
