"""The exam of Lion, from lesson 14."""

import keras

from ._exam import Exam, Mistake, see
from ._optimizers import beside, owes, step_table
from ._oracle import outcome

KERAS = keras.optimizers.Lion


def steps_by_the_sign(candidate):
    """Every number moves by the learning rate, against the sign of its gradients."""
    yield from beside(candidate, KERAS, steps=1, learning_rate=0.25)


def mixes_before_it_remembers(candidate):
    """The sign is that of momentum and gradient mixed by beta_1; then the momentum moves by beta_2."""
    for betas in ({"beta_1": 0.75, "beta_2": 0.5}, {"beta_1": 0.5, "beta_2": 0.875}):
        yield from beside(candidate, KERAS, steps=6, learning_rate=0.25, **betas)


def refuses_betas_out_of_range(candidate):
    """A beta_1 of 0 or above 1 is refused with a ValueError."""
    for beta_1 in (0.0, 1.5):
        error = outcome(lambda beta_1=beta_1: candidate(beta_1=beta_1))
        yield see("constructor", error, "ValueError", f"beta_1={beta_1}")


MIXTURE = "mixture = ops.add(m * self.beta_1, ops.multiply(gradient, 1 - self.beta_1))"
STEP = "self.assign_sub(variable, rate * ops.sign(mixture))"
MOMENTUM = "self.assign(m, ops.add(m * self.beta_2, ops.multiply(gradient, 1 - self.beta_2)))"
SLOTS = 'self.momentums = self.add_optimizer_variables(variables, "momentum")'
RATES = "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))"
DEFAULTS = "learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs"

LION = Exam(
    name="Lion",
    block="optimizers",
    probes=(
        steps_by_the_sign,
        mixes_before_it_remembers,
        *owes(KERAS, beta_1=0.5, beta_2=0.75),
        refuses_betas_out_of_range,
    ),
    mistakes=(
        Mistake(
            "uphill",
            find=STEP,
            put="self.assign_add(variable, rate * ops.sign(mixture))",
            says="You add the step: that climbs. Gradients point uphill, the step goes against them.",
        ),
        Mistake(
            "no-sign",
            find=STEP,
            put="self.assign_sub(variable, rate * mixture)",
            says="You step by the mixture itself. Only its sign counts: every number moves equally far.",
        ),
        Mistake(
            "mean-of-signs",
            find=MIXTURE,
            put="mixture = ops.add(m * self.beta_1, ops.sign(gradient) * (1 - self.beta_1))",
            says="You take the gradient's sign before you mix. The momentum and the gradient are mixed "
            "as they are; the sign is taken of the mixture.",
        ),
        Mistake(
            "sign-of-gradient",
            find=MIXTURE,
            put="mixture = gradient",
            says="You step by the sign of the gradient alone. The momentum has a share in the step, beta_1.",
        ),
        Mistake(
            "sign-of-old-momentum",
            find=MIXTURE,
            put="mixture = m + 0",
            says="You step by the sign of the momentum alone. The gradient has a share in the step, "
            "1 - beta_1.",
        ),
        Mistake(
            "momentum-first",
            find=MIXTURE,
            put=f"{MOMENTUM}\n        {MIXTURE}",
            says="The gradient is in your momentum before you mix. Mix with the momentum as the step "
            "found it; it takes the gradient in afterwards.",
        ),
        Mistake(
            "betas-swapped",
            find="self.beta_1, self.beta_2 = beta_1, beta_2",
            put="self.beta_2, self.beta_1 = beta_1, beta_2",
            says="You have swapped beta_1 and beta_2. beta_1 is for the step, beta_2 for the momentum.",
        ),
        Mistake(
            "one-beta-for-both",
            find=MOMENTUM,
            put="self.assign(m, mixture)",
            says="Your momentum moves by beta_1, as if the mixture were kept. It has a share of its "
            "own, beta_2.",
        ),
        Mistake(
            "beta-2-for-both",
            find=MIXTURE,
            put="mixture = ops.add(m * self.beta_2, ops.multiply(gradient, 1 - self.beta_2))",
            says="You mix by beta_2. That is what the momentum keeps; the step mixes by beta_1.",
        ),
        Mistake(
            "shares-swapped",
            find=MIXTURE,
            put="mixture = ops.add(m * (1 - self.beta_1), ops.multiply(gradient, self.beta_1))",
            says="Your mixture has the shares the wrong way round: beta_1 is the momentum's.",
        ),
        Mistake(
            "momentum-shares-swapped",
            find=MOMENTUM,
            put="self.assign(m, ops.add(m * (1 - self.beta_2), ops.multiply(gradient, self.beta_2)))",
            says="Your momentum has the shares the wrong way round: beta_2 is what it keeps.",
        ),
        Mistake(
            "momentum-of-signs",
            find=MOMENTUM,
            put="self.assign(m, m * self.beta_2 + ops.sign(mixture) * (1 - self.beta_2))",
            says="Your momentum takes in the sign. It takes in the gradient, as large as that is.",
        ),
        Mistake(
            "momentum-never-moves",
            find=MOMENTUM,
            put="m = ops.add(m * self.beta_2, ops.multiply(gradient, 1 - self.beta_2))",
            says="Your momentum stays at 0: `m = …` gives a name to a new tensor. `self.assign` changes "
            "the slot.",
        ),
        Mistake(
            "momentum-adds-up",
            find=MOMENTUM,
            put="self.assign(m, ops.add(m * self.beta_2, gradient))",
            says="Your momentum takes in the whole gradient. Its share is 1 - beta_2, so that the "
            "momentum is a mean of gradients and can be mixed with one.",
        ),
        Mistake(
            "momentums-shared",
            find=SLOTS,
            put=f"{SLOTS}\n        first = {{}}\n        self.momentums = "
            "[first.setdefault(tuple(m.shape), m) for m in self.momentums]",
            says="Variables of the same shape share a momentum. Each has one of its own.",
        ),
        Mistake(
            "decay-in-the-sign",
            find=MIXTURE,
            put=f"{MIXTURE}\n        mixture = mixture + (self.weight_decay or 0) * variable",
            says="Your weight decay goes into the sign as well. Keras has made the variable smaller "
            "before `update_step`: leave it to that.",
        ),
        Mistake(
            "first-rate-for-ever",
            find=RATES,
            put="self.first = getattr(self, 'first', None) or float(self.learning_rate)\n"
            "        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, self.first))",
            says="Your rate is that of the first step for ever. `update_step` is given the rate of "
            "each step, which a schedule may have changed.",
        ),
        Mistake(
            "rate-of-adam",
            find=DEFAULTS,
            put="learning_rate=0.0001, beta_1=0.9, beta_2=0.99, **kwargs",
            says="The default learning rate of Keras's Lion is 0.001.",
        ),
        Mistake(
            "beta-2-of-adam",
            find=DEFAULTS,
            put="learning_rate=0.001, beta_1=0.9, beta_2=0.999, **kwargs",
            says="The default of Lion's beta_2 is 0.99; 0.999 is Adam's.",
        ),
        Mistake(
            "config-without-betas",
            find='return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}',
            put="return super().get_config()",
            says="`get_config` lacks the betas: a loaded model would go on with the defaults.",
        ),
    ),
    hints=(
        "Two shares, two uses: which of them decides where this step goes, which what is remembered?",
        "Mix the slot, as it is, with the gradient; step against the sign; only then assign the slot.",
    ),
    why=(
        "The step looks at a mixture with beta_1 = 0.9, the slot forgets by beta_2 = 0.99: the newest "
        "gradient counts for more in the step than in what is remembered. That needs the mixture before "
        "the slot has moved. `ops.multiply` touches the gradient first, since that of an embedding "
        "is a `tf.IndexedSlices`. There is no epsilon: nothing is divided."
    ),
    close_up=step_table(KERAS, learning_rate=0.1, beta_1=0.5, beta_2=0.75),
)

EXAMS = (LION,)
