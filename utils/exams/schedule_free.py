"""The exam of schedule-free AdamW, from lesson 14."""

import keras
import numpy as np

from ._exam import Exam, Mistake, see
from ._optimizers import beside, gradients, owes, step_table, updates, variables


class Published(keras.optimizers.ScheduleFreeAdamW):
    """Keras's class with the paper's update.

    Keras 3.15 recovers x after z has moved wherever variables are changed in place, as TensorFlow's
    are (`momentum.value` is no copy). Its z is right; the variable then is the mean of all z, whatever
    beta_1 is.
    """

    def update_step(self, gradient, variable, learning_rate):
        z = self._momentums[self._get_variable_index(variable)]
        x = (variable - z * (1 - self.beta_1)) / self.beta_1
        super().update_step(gradient, variable, learning_rate)
        x = x + (z - x) / keras.ops.cast(self.iterations + 1, variable.dtype)
        self.assign(variable, z * (1 - self.beta_1) + x * self.beta_1)


def averages_every_z(candidate):
    """`average` gives x: the mean of all z so far, which have made plain steps from the start."""
    rate, beta_2 = 0.25, 0.75
    optimizer, own = candidate(learning_rate=rate, beta_1=0.75, beta_2=beta_2), variables()
    z = [variable.numpy().astype("float64") for variable in own]
    v, total = [0.0] * len(own), [0.0] * len(own)
    for step, _ in enumerate(updates(optimizer, 2, trained=own), start=1):
        for place, gradient in enumerate(gradients(step - 1)):
            v[place] = beta_2 * v[place] + (1 - beta_2) * gradient.astype("float64") ** 2
            z[place] = z[place] - rate * gradient / np.sqrt(v[place] / (1 - beta_2**step))
            total[place] = total[place] + z[place]
            given = "learning_rate=0.25, beta_1=0.75, beta_2=0.75"
            what = f"average of {own[place].name} after step {step}"
            yield see(what, optimizer.average(own[place]), total[place] / step, given, 1e-4)


def lies_between_z_and_x(candidate):
    """The variable is y: the share beta_1 of x, and the rest of z."""
    yield from beside(candidate, Published, learning_rate=0.1, beta_1=0.75)


def follows_the_second_moment(candidate):
    """z goes by the gradient over the root of the corrected second moment, plus epsilon."""
    given = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75}
    yield from beside(candidate, Published, **given)
    yield from beside(candidate, Published, steps=2, **given, epsilon=0.25)


def warms_up(candidate):
    """In the first `warmup_steps` steps the rate climbs to its value."""
    yield from beside(candidate, Published, learning_rate=0.1, warmup_steps=2)


ALL = {"beta_1": 0.75, "beta_2": 0.5, "epsilon": 0.05, "warmup_steps": 2}
# In 16 bits: recovering x loses digits.
OWED = owes(Published, in_16_bits=(2, 0.25), **ALL)

X = "x = self.average(variable)"
SOLVED = "return (variable - z * (1 - self.beta_1)) / self.beta_1"
V = "self.assign_add(v, ops.subtract(ops.square(gradient), v) * ops.cast(1 - beta_2, dtype))"
V_HAT = "v_hat = v / ops.cast(1 - beta_2**t, dtype)"
STEP = "step = ops.divide(ops.multiply(gradient, rate), ops.sqrt(v_hat) + self.epsilon)"
Z = "self.assign_sub(z, step)"
MEAN = "x = x + (z - x) / ops.cast(t, dtype)"
Y = "self.assign(variable, z * (1 - self.beta_1) + x * self.beta_1)"
START = "each=each: ops.copy(each)"
T = 't = ops.cast(self.iterations + 1, "float32")  # 1 in the first step'
SLOTS = 'self.velocities = self.add_optimizer_variables(variables, "velocity")'

SCHEDULE_FREE = Exam(
    name="ScheduleFreeAdamW",
    block="optimizers",
    probes=(
        averages_every_z,
        lies_between_z_and_x,
        follows_the_second_moment,
        warms_up,
        *OWED,
    ),
    mistakes=(
        Mistake(
            "x-after-z-has-moved",
            find=MEAN,
            put=f"x = self.average(variable)\n        {MEAN}",
            says="You recover x after z has moved: y still belongs to the old z. beta_1 then has no "
            "effect, and y becomes the mean of all z. (Keras 3.15's own class does so on TensorFlow.)",
        ),
        Mistake(
            "y-for-x",
            find=SOLVED,
            put="return variable + 0",
            says="Your `average` is the variable itself. That is y; x is what y is partly made of.",
        ),
        Mistake(
            "solved-with-shares-swapped",
            find=SOLVED,
            put="return (variable - z * self.beta_1) / (1 - self.beta_1)",
            says="Your `average` has the shares the wrong way round: y holds beta_1 of x, the rest of z.",
        ),
        Mistake(
            "shares-swapped",
            find=Y,
            put="self.assign(variable, z * self.beta_1 + x * (1 - self.beta_1))",
            says="Your new y has the shares the wrong way round: beta_1 is the share of x.",
        ),
        Mistake(
            "variable-is-x",
            find=Y,
            put="self.assign(variable, x)",
            says="You put x into the variable. Gradients are computed at y, between z and x; x is "
            "recovered where it is needed.",
        ),
        Mistake(
            "variable-is-z",
            find=Y,
            put="self.assign(variable, z)",
            says="You put z into the variable. Gradients are computed at y, between z and x.",
        ),
        Mistake(
            "moving-average",
            find=MEAN,
            put="x = x + (z - x) * (1 - self.beta_1)",
            says="Your x takes in a fixed share of z. It is the mean of all z: the share in step t "
            "is 1 / t.",
        ),
        Mistake(
            "counts-from-two",
            find=MEAN,
            put="x = x + (z - x) / ops.cast(t + 1, dtype)",
            says="Your mean counts the start as one of the z. In step t it is of t values: after the "
            "first step x is z.",
        ),
        Mistake(
            "step-counter-stands",
            find=T,
            put="t = 1.0",
            says="Your t is 1 for ever: then x is the last z. It is `self.iterations + 1`.",
        ),
        Mistake(
            "v-uncorrected",
            find=V_HAT,
            put="v_hat = v + 0",
            says="You do not correct the second moment. It begins at 0: divide by 1 - beta_2**t.",
        ),
        Mistake(
            "v-by-beta-1",
            find=V,
            put="self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_1))",
            says="Your second moment moves by beta_1. It has a share of its own, beta_2.",
        ),
        Mistake(
            "betas-swapped",
            find="super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)",
            put="super().__init__(learning_rate, beta_2, beta_1, epsilon, **kwargs)",
            says="You have swapped beta_1 and beta_2. beta_1 says where y lies, beta_2 is for the mean "
            "of squares.",
        ),
        Mistake(
            "epsilon-inside",
            find=STEP,
            put="step = ops.multiply(gradient, rate) / ops.sqrt(v_hat + self.epsilon)",
            says="Your epsilon is under the root. It is added to the root.",
        ),
        Mistake(
            "uphill",
            find=Z,
            put="self.assign_add(z, step)",
            says="Your z climbs. Its step goes against the gradient.",
        ),
        Mistake(
            "z-starts-at-0",
            find=START,
            put="each=each: 0 * each",
            says="Your z starts at 0. All three sequences start where the variable is.",
        ),
        Mistake(
            "moments-shared",
            find=SLOTS,
            put=f"{SLOTS}\n        first = {{}}\n        self.velocities = "
            "[first.setdefault(tuple(v.shape), v) for v in self.velocities]",
            says="Variables of the same shape share a second moment. Each has one of its own.",
        ),
        Mistake(
            "warm-up-ignored",
            find="if self.warmup_steps:",
            put="if False:",
            says="`warmup_steps` changes nothing: in step t of the warm-up the rate is multiplied by "
            "t / warmup_steps.",
        ),
        Mistake(
            "rate-of-adam",
            find="learning_rate=0.0025,",
            put="learning_rate=0.001,",
            says="The default learning rate of Keras's ScheduleFreeAdamW is 0.0025.",
        ),
        Mistake(
            "epsilon-of-adam",
            find="epsilon=1e-8,",
            put="epsilon=1e-7,",
            says="The default epsilon of Keras's ScheduleFreeAdamW is 1e-8.",
        ),
    ),
    hints=(
        "Nobody stores x. While y and z belong to the same step, one equation gives it.",
        "Order: x from the old y and z; the second moment; z; the mean, into which z goes as one of t; "
        "the new y.",
    ),
    why=(
        "Of the three sequences two are kept: y is the variable, z a slot. x follows from both, but only "
        "as long as both are of the same step, so it is computed first. `self.average` computes a "
        "new tensor: a name for a variable's value would not do, since TensorFlow changes a variable "
        "in place and the name then shows the new value. Keras 3.15 falls into that trap, and on "
        "TensorFlow its beta_1 has no effect. In step 1 the mean is of one value: x is z, and all three meet."
    ),
    close_up=step_table(Published, learning_rate=0.1, beta_1=0.75),
)

EXAMS = (SCHEDULE_FREE,)
