"""The exam of Muon, from lesson 14."""

import keras
import numpy as np
from keras import ops

from ._exam import Exam, Mistake, see
from ._optimizers import owes, step_table, updates
from ._oracle import normal

KERAS = keras.optimizers.Muon
COEFFICIENTS = {"muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5}
MATRICES = {"wide": (2, 4), "left": (3, 2), "right": (3, 2)}


def orthogonalizes(candidate):
    """Newton and Schulz's iteration moves all singular values towards 1."""
    for steps, coefficients in ((1, {}), (3, COEFFICIENTS)):
        optimizer, right = candidate(**coefficients), KERAS(**coefficients)
        for name, shape in {"square": (3, 3), "tall": (4, 2), "wide": (2, 5)}.items():
            matrix = ops.convert_to_tensor(normal(*shape, seed=len(name)))
            received, expected = (
                each.zeropower_via_newtonschulz5(matrix, steps) for each in (optimizer, right)
            )
            given = f"a {name} matrix {shape}, steps={steps}"
            yield see("zeropower_via_newtonschulz5", received, expected, given, 1e-3)
        zeros = ops.zeros((2, 3))
        received = optimizer.zeropower_via_newtonschulz5(zeros, steps)
        yield see("zeropower_via_newtonschulz5", received, zeros, "a matrix of zeros")


def adjusts_the_size(candidate):
    """`lr_adjust` gives an orthogonal matrix of any shape the root mean square `rms_rate`."""
    for rms_rate in (0.5, 0.2, None):
        for shape in ((4, 2), (2, 9), (3, 3)):
            factor = 1.0 if rms_rate is None else rms_rate * max(shape) ** 0.5
            received = candidate(rms_rate=rms_rate).lr_adjust(ops.ones(shape))
            given = f"rms_rate={rms_rate} and ones of shape {shape}"
            yield see("lr_adjust", received, np.full(shape, factor), given)


def steps_by_matrices(candidate):
    """Each matrix has a momentum, and moves by that made orthogonal; `nesterov` looks ahead."""

    def moved(make, **arguments):
        trained = [
            keras.Variable(normal(*shape, seed=place), name=name)
            for place, (name, shape) in enumerate(MATRICES.items())
        ]

        def arriving(step):
            return [
                normal(*shape, seed=20 * step + place, scale=2.0**place)
                for place, shape in enumerate(MATRICES.values())
            ]

        optimizer = make(learning_rate=0.5, weight_decay=None, **arguments)
        return updates(optimizer, 2, arriving, trained)

    for arguments in (
        {"momentum": 0.5, "nesterov": False, "ns_steps": 1},
        {"momentum": 0.75, "nesterov": True, "ns_steps": 2, "rms_rate": None},
    ):
        given = ", ".join(f"{name}={value}" for name, value in arguments.items())
        pair = (moved(each, **arguments) for each in (candidate, KERAS))
        for step, (received, expected) in enumerate(zip(*pair, strict=True), start=1):
            for name, update in expected.items():
                yield see(f"update of {name} in step {step}", received[name], update, given, 1e-3)


def leaves_the_rest_to_adam(candidate):
    """What is no matrix goes by Adam, and so do embeddings and what `exclude_layers` names."""
    for name, shape, arguments, by_adam in (
        ("kernel", (3, 2), {}, False),
        ("bias", (3,), {}, True),
        ("kernel", (2, 2, 1), {}, True),
        ("embeddings", (3, 2), {}, True),
        ("embeddings", (3, 2), {"exclude_embeddings": False}, False),
        ("kernel", (3, 2), {"exclude_layers": ["bias", "ker.el"]}, True),
    ):
        variable = keras.Variable(np.zeros(shape, "float32"), name=name)
        received = candidate(**arguments)._should_use_adamw(variable)
        yield see("_should_use_adamw", received, by_adam, f"{name} of shape {shape}, {arguments}")


ALL = {
    "adam_beta_1": 0.5,
    "adam_beta_2": 0.75,
    "adam_weight_decay": 0.2,
    "epsilon": 0.05,
    "weight_decay": 0.1,
    "adam_lr_ratio": 0.25,
    "momentum": 0.5,
    "ns_steps": 1,
    "nesterov": True,
    "rms_rate": 0.5,
    **COEFFICIENTS,
}
# In 16 bits: the iteration magnifies what is rounded.
OWED = owes(KERAS, sparse=False, in_16_bits=(1, 0.25), **ALL)

NORM = "x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)"
GRAM = "gram = ops.matmul(x, ops.transpose(x))"
POLYNOMIAL = "polynomial = self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)"
ITERATION = "x = self.muon_a * x + ops.matmul(polynomial, x)"
UPRIGHT = "return ops.transpose(x) if is_tall else x"
ADJUSTED = "return x * (self.rms_rate * max(x.shape) ** 0.5)"
MOMENTUM = "self.assign(m, m * self.momentum + gradient)"
DIRECTION = "direction = gradient + m * self.momentum if self.nesterov else m"
UPDATE = "update = self.zeropower_via_newtonschulz5(direction, self.ns_steps)"
STEP = "self.assign_sub(variable, rate * self.lr_adjust(update))"
SLOTS = 'self.momentums = self.add_optimizer_variables(variables, "momentum")'

MUON = Exam(
    name="Muon",
    block="optimizers",
    probes=(
        orthogonalizes,
        adjusts_the_size,
        steps_by_matrices,
        leaves_the_rest_to_adam,
        *OWED,
    ),
    mistakes=(
        Mistake(
            "not-normalized",
            find=NORM,
            put="pass",
            says="You do not divide by the norm first. The iteration needs singular values of at most 1; "
            "larger ones run away.",
        ),
        Mistake(
            "normalized-by-the-largest-entry",
            find=NORM,
            put="x = x / (ops.max(ops.abs(x)) + 1e-7)",
            says="You divide by the largest entry. A matrix's singular values may lie above that: "
            "divide by the root of the sum of all squares.",
        ),
        Mistake(
            "zeros-make-nan",
            find=NORM,
            put="x = x / ops.sqrt(ops.sum(ops.square(x)))",
            says="A matrix of zeros becomes NaN: you divide 0 by 0. Add 1e-7 to the norm.",
        ),
        Mistake(
            "normalized-each-time",
            find=GRAM,
            put=f"x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)\n            {GRAM}",
            says="You divide by the norm in every iteration. Once, before the first, is enough; later "
            "it throws back what the iteration has gained.",
        ),
        Mistake(
            "b-and-c-swapped",
            find=POLYNOMIAL,
            put="polynomial = self.muon_c * gram + self.muon_b * ops.matmul(gram, gram)",
            says="You have swapped b and c: b goes with x xᵀ, c with its square.",
        ),
        Mistake(
            "no-fifth-power",
            find=POLYNOMIAL,
            put="polynomial = self.muon_b * gram",
            says="Your iteration lacks its last term, c (x xᵀ)² x.",
        ),
        Mistake(
            "squares-of-entries",
            find=POLYNOMIAL,
            put="polynomial = self.muon_b * gram + self.muon_c * gram * gram",
            says="You square the entries of x xᵀ. Its square is a matrix product.",
        ),
        Mistake(
            "x-is-lost",
            find=ITERATION,
            put="x = ops.matmul(polynomial, x)",
            says="Your iteration lacks its first term, a x.",
        ),
        Mistake(
            "always-five",
            find="for _ in range(steps):",
            put="for _ in range(5):",
            says="You always iterate five times. How often is an argument: `steps`.",
        ),
        Mistake(
            "stays-on-its-side",
            find=UPRIGHT,
            put="return x",
            says="A tall matrix comes back lying on its side. Transpose it again at the end.",
        ),
        Mistake(
            "shorter-side",
            find=ADJUSTED,
            put="return x * (self.rms_rate * min(x.shape) ** 0.5)",
            says="You adjust by the shorter side. An orthogonal matrix has as many singular values of 1 "
            "as its shorter side is long; spread over all entries that leaves the longer one.",
        ),
        Mistake(
            "side-without-root",
            find=ADJUSTED,
            put="return x * (self.rms_rate * max(x.shape))",
            says="You multiply by the longer side itself. A root mean square goes with its root.",
        ),
        Mistake(
            "rms-rate-left-out",
            find=ADJUSTED,
            put="return x * max(x.shape) ** 0.5",
            says="`lr_adjust` forgets `rms_rate`: the root of the longer side is multiplied by it.",
        ),
        Mistake(
            "not-adjusted",
            find=STEP,
            put="self.assign_sub(variable, rate * update)",
            says="Your step leaves out `lr_adjust`: its size depends on the matrix's shape.",
        ),
        Mistake(
            "not-orthogonal",
            find=UPDATE,
            put="update = direction",
            says="Your step goes by the momentum itself. Make it orthogonal first.",
        ),
        Mistake(
            "orthogonal-too-early",
            find=MOMENTUM,
            put="gradient = self.zeropower_via_newtonschulz5(gradient, self.ns_steps)\n"
            f"        {MOMENTUM}",
            says="You make the gradient orthogonal before the momentum takes it in. The momentum adds "
            "gradients as they are; what is made orthogonal is the sum.",
        ),
        Mistake(
            "nesterov-ignored",
            find=DIRECTION,
            put="direction = m",
            says="`nesterov` changes nothing: with it the step goes by the gradient plus the momentum's "
            "share.",
        ),
        Mistake(
            "nesterov-always",
            find=DIRECTION,
            put="direction = gradient + m * self.momentum",
            says="You look ahead always. With `nesterov=False` the step goes by the momentum.",
        ),
        Mistake(
            "momentum-is-a-mean",
            find=MOMENTUM,
            put="self.assign(m, m * self.momentum + gradient * (1 - self.momentum))",
            says="Your momentum takes in a share of the gradient. Keras's takes in all of it; the look "
            "ahead, which adds the gradient to the momentum, shows the difference.",
        ),
        Mistake(
            "no-momentum",
            find=MOMENTUM,
            put="self.assign(m, gradient)",
            says="Your slot holds the last gradient only. It keeps a share of what it was.",
        ),
        Mistake(
            "uphill",
            find=STEP,
            put="self.assign_add(variable, rate * self.lr_adjust(update))",
            says="You add the step: that climbs. The step goes against the gradients.",
        ),
        Mistake(
            "momentums-shared",
            find=SLOTS,
            put=f"{SLOTS}\n        first = {{}}\n        self.momentums = "
            "[first.setdefault(tuple(m.shape), m) for m in self.momentums]",
            says="Variables of the same shape share a momentum. Each has one of its own.",
        ),
    ),
    hints=(
        "If x = U S Vᵀ, then (x xᵀ) x = U S³ Vᵀ: the iteration is one polynomial, applied to every "
        "singular value at once. What has to be true of them before the first?",
        "In the loop two products of matrices give x xᵀ and its square, a third one brings x back in. "
        "In `update_step`: momentum, look ahead, orthogonalize, adjust, step.",
    ),
    why=(
        "(x xᵀ) x = U S³ Vᵀ, so that the iteration applies a s + b s³ + c s⁵ to every singular value, "
        "and no decomposition is needed. The coefficients are chosen to lift small ones quickly; "
        "they end *near* 1, not at it. A tall matrix is laid on its side because x xᵀ is then the "
        "smaller square; the result is the same. The momentum is summed up before it is made "
        "orthogonal, as an orthogonal matrix has forgotten how large the gradient was."
    ),
    close_up=step_table(KERAS, learning_rate=0.1),
)

EXAMS = (MUON,)
