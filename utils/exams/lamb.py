"""The exam of Lamb, from lesson 14."""

import keras
import numpy as np

from ._exam import Exam, Mistake, see
from ._optimizers import beside, gradients, owes, step_table, updates, variables

KERAS = keras.optimizers.Lamb


def steps_by_a_share_of_the_variable(candidate):
    """A step is as long as the variable, times the learning rate."""
    own = variables()
    lengths = [float(np.linalg.norm(variable)) for variable in own]
    optimizer = candidate(learning_rate=0.25, beta_1=0.5, beta_2=0.75)
    (moved,) = updates(optimizer, 1, trained=own)
    for (name, update), length in zip(moved.items(), lengths, strict=True):
        given = f"learning_rate=0.25, {name} of length {length:.3f}"
        yield see(
            f"length of the update of {name}", np.linalg.norm(update), 0.25 * length, given, 1e-4
        )


def follows_two_moments(candidate):
    """The direction is Adam's: the mean of gradients over the root of the mean of their squares."""
    yield from beside(candidate, KERAS, learning_rate=0.1, beta_1=0.5, beta_2=0.75)
    yield from beside(candidate, KERAS, steps=2, learning_rate=0.5, beta_1=0.0, beta_2=0.9)


def adds_epsilon_to_the_corrected_root(candidate):
    """Epsilon is added to the root of the second moment, as it is after the correction."""
    moments = {"beta_1": 0.5, "beta_2": 0.75}
    yield from beside(candidate, KERAS, steps=2, learning_rate=0.1, **moments, epsilon=0.25)


def trusts_what_has_no_length(candidate):
    """Where the variable or the direction is 0, the step is Adam's."""
    optimizer, own = candidate(learning_rate=0.25, beta_1=0.5, beta_2=0.75), variables()
    for variable in own:
        variable.assign(variable * 0)
    (moved,) = updates(optimizer, 1, trained=own)
    for update, gradient, name in zip(moved.values(), gradients(0), moved, strict=True):
        right = -0.25 * np.sign(gradient)
        yield see(f"update of {name}", update, right, "variables of zeros", 1e-4)
    optimizer = candidate(learning_rate=0.25)
    zeros = [np.zeros_like(each) for each in gradients(0)]
    (moved,) = updates(optimizer, 1, lambda _: zeros)
    for name, update in moved.items():
        yield see(f"update of {name}", update, np.zeros_like(update), "gradients of zeros")


ALL = {"beta_1": 0.75, "beta_2": 0.5, "epsilon": 0.05}
T = 't = ops.cast(self.iterations + 1, "float32")  # 1 in the first step'
M = "self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))"
V = "self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))"
M_HAT = "m_hat = m / ops.cast(1 - self.beta_1**t, dtype)"
V_HAT = "v_hat = v / ops.cast(1 - self.beta_2**t, dtype)"
DIRECTION = "direction = m_hat / (ops.sqrt(v_hat) + self.epsilon)"
NORMS = "own, other = self.norm(variable), self.norm(direction)"
TRUST = "trust = ops.where(ops.logical_and(own > 0, other > 0), own / other, 1)"
STEP = "self.assign_sub(variable, rate * trust * direction)"
SLOTS = 'self.momentums = self.add_optimizer_variables(variables, "momentum")'
RATES = "gradient, rate = (ops.cast(x, dtype) for x in (gradient, learning_rate))"
DEFAULTS = "learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs"

LAMB = Exam(
    name="Lamb",
    block="optimizers",
    probes=(
        steps_by_a_share_of_the_variable,
        follows_two_moments,
        adds_epsilon_to_the_corrected_root,
        trusts_what_has_no_length,
        *owes(KERAS, **ALL),
    ),
    mistakes=(
        Mistake(
            "no-trust",
            find=STEP,
            put="self.assign_sub(variable, rate * direction)",
            says="You make Adam's step. It is multiplied by the trust ratio.",
        ),
        Mistake(
            "trust-upside-down",
            find=TRUST,
            put="trust = ops.where(ops.logical_and(own > 0, other > 0), other / own, 1)",
            says="Your trust ratio is upside down: the variable's length is divided by the direction's.",
        ),
        Mistake(
            "trust-from-the-gradient",
            find=NORMS,
            put="own, other = self.norm(variable), self.norm(gradient)",
            says="You compare the variable with the gradient. It is the direction, Adam's, whose "
            "length counts.",
        ),
        Mistake(
            "trust-for-every-number",
            find=NORMS,
            put="own, other = ops.abs(variable), ops.abs(direction)",
            says="You have a trust ratio for every number. There is one for a variable: its length "
            "over the direction's.",
        ),
        Mistake(
            "zeros-stay",
            find=TRUST,
            put="trust = ops.where(other > 0, own / other, 1)",
            says="A variable of zeros never moves: its length is 0, and so is your trust ratio. "
            "There the ratio is 1.",
        ),
        Mistake(
            "zeros-make-nan",
            find=TRUST,
            put="trust = ops.where(own > 0, own / other, 1)",
            says="Without a gradient you divide by a length of 0. There the ratio is 1.",
        ),
        Mistake(
            "first-moment-uncorrected",
            find=M_HAT,
            put="m_hat = m + 0",
            says="You do not correct the first moment. The trust ratio hides it: where a direction is "
            "too short, it makes it longer. Where the ratio is 1, it shows.",
        ),
        Mistake(
            "second-moment-uncorrected",
            find=V_HAT,
            put="v_hat = v + 0",
            says="You do not correct the second moment. The trust ratio hides most of it, but epsilon "
            "then weighs more, and where the ratio is 1 it shows.",
        ),
        Mistake(
            "correction-of-the-first-step",
            find=T,
            put="t = 1.0",
            says="You correct every step as if it were the first. t is `self.iterations + 1`.",
        ),
        Mistake(
            "betas-swapped",
            find="super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)",
            put="super().__init__(learning_rate, beta_2, beta_1, epsilon, **kwargs)",
            says="You have swapped beta_1 and beta_2. beta_1 is for the mean of the gradients, beta_2 "
            "for the mean of their squares.",
        ),
        Mistake(
            "one-beta-for-both",
            find=V,
            put="self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_1))",
            says="Your second moment moves by beta_1. It has a share of its own, beta_2.",
        ),
        Mistake(
            "epsilon-inside",
            find=DIRECTION,
            put="direction = m_hat / ops.sqrt(v_hat + self.epsilon)",
            says="Your epsilon is under the root. It is added to the root.",
        ),
        Mistake(
            "epsilon-left-out",
            find=DIRECTION,
            put="direction = m_hat / ops.maximum(ops.sqrt(v_hat), 1e-30)",
            says="You leave epsilon out. It is added to the root.",
        ),
        Mistake(
            "uphill",
            find=STEP,
            put="self.assign_add(variable, rate * trust * direction)",
            says="You add the step: that climbs. The step goes against the gradients.",
        ),
        Mistake(
            "momentums-shared",
            find=SLOTS,
            put=f"{SLOTS}\n        first = {{}}\n        self.momentums = "
            "[first.setdefault(tuple(m.shape), m) for m in self.momentums]",
            says="Variables of the same shape share a momentum. Each has one of its own.",
        ),
        Mistake(
            "first-rate-for-ever",
            find=RATES,
            put="self.first = getattr(self, 'first', None) or float(self.learning_rate)\n"
            "        gradient, rate = (ops.cast(x, dtype) for x in (gradient, self.first))",
            says="Your rate is that of the first step for ever. `update_step` is given the rate of "
            "each step, which a schedule may have changed.",
        ),
        Mistake(
            "epsilon-of-the-paper",
            find=DEFAULTS,
            put="learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-6, **kwargs",
            says="The default epsilon of Keras's Lamb is 1e-7.",
        ),
    ),
    hints=(
        "Begin with Adam, both moments corrected. How long is its direction, how long the variable?",
        "A step of length rate times the variable's: multiply the direction by one length over the "
        "other, and think of a bias, which begins at 0.",
    ),
    why=(
        "Times `own / other`, the direction is as long as the variable, so that the rate says by what "
        "share a variable changes, whatever layer it is in. A bias begins at 0 and would stay there: "
        "hence the 1. Both corrections nearly cancel in the ratio; they are kept for the variables "
        "whose ratio is 1, and since epsilon would weigh more without them. Keras's weight decay "
        "comes before and apart; in the paper it is part of the direction."
    ),
    close_up=step_table(KERAS, learning_rate=0.1),
)

EXAMS = (LAMB,)
