"""The exam of `FlatAdam` (lesson 16): Adam on vectors that variables share."""

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Exam, Mistake, see
from ._optimizers import beside, owes, step_table, updates, variables
from ._oracle import normal

KERAS = keras.optimizers.Adam
ROOTS = ("Sqrt", "Rsqrt", "ResourceApplyAdam")  # operations that take a root
MIXED = {  # name: shape and dtype; a shape may come twice
    "kernel": ((3, 2), "float32"),
    "first_half": ((5,), "bfloat16"),
    "wide": ((2, 20_000), "float32"),
    "left": ((2, 2), "float64"),
    "right": ((2, 2), "float64"),
    "second_half": ((4,), "bfloat16"),
    "scalar": ((), "float32"),
    "single": ((3,), "float16"),
}


def mixed():
    """Variables of four dtypes; `wide` is large, `single` has no other of its dtype."""
    return [
        keras.Variable(normal(*shape, seed=place), dtype=dtype, name=name)
        for place, (name, (shape, dtype)) in enumerate(MIXED.items())
    ]


def mixed_gradients(step):
    """A gradient for each of `mixed`; those of `wide` and `single` are sparse in the second step."""
    arrived = [
        tf.cast(normal(*shape, seed=50 * step + place, scale=0.4 * 2 ** (place % 3)), dtype)
        for place, (shape, dtype) in enumerate(MIXED.values())
    ]
    if step == 1:
        arrived[2] = tf.IndexedSlices(arrived[2][1:], tf.constant([0]), tf.constant([2, 20_000]))
        arrived[7] = tf.IndexedSlices(arrived[7][1:], tf.constant([0, 2]), tf.constant([3]))
    return arrived


def moves_as_adam(candidate):
    """Every variable moves as Adam moves it."""
    yield from beside(candidate, KERAS, steps=4, learning_rate=0.1, beta_1=0.5, beta_2=0.75)
    yield from beside(candidate, KERAS, learning_rate=0.5, beta_1=0.0, beta_2=0.9, epsilon=0.25)


def moves_large_ones_and_other_dtypes(candidate):
    """Large variables, and those of another dtype, move as Adam moves them too."""
    moments = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75}
    mine, right = (
        updates(make(**moments), 3, mixed_gradients, mixed()) for make in (candidate, KERAS)
    )
    for step, (received, expected) in enumerate(zip(mine, right, strict=True), start=1):
        for name, update in expected.items():
            shape, dtype = MIXED[name]
            given = f"eight variables of four dtypes; this one: {shape}, {dtype}"
            tolerance = 0.05 if dtype.endswith("16") else 1e-4
            what = f"update of {name} in step {step}"
            if update.size > 100:  # enough to see: the first numbers and the last
                ends = [0, 1, 2, -2, -1]
                received[name], update = received[name].ravel()[ends], update.ravel()[ends]
            yield see(what, received[name], update, given, tolerance)


def takes_one_root_for_many(candidate):
    """Small variables are moved together: one operation of each kind for many of them."""
    own = [keras.Variable(normal(4, seed=place)) for place in range(30)]
    optimizer = candidate(learning_rate=0.1)
    optimizer.build(own)
    arriving = [tf.ones(4) for _ in own]
    step = tf.function(lambda: optimizer.apply(arriving, own), autograph=False)
    graph = step.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    few = sum(node.op in ROOTS for node in nodes) < 10
    given = "30 variables of 4 numbers; the graph of one step"
    yield see("claim that fewer than 10 roots are taken", few, True, given)


def leaves_large_ones_alone(candidate):
    """A large variable shares no vector: it would be copied there and back for nothing."""
    own = [keras.Variable(np.zeros(size, "float32")) for size in (200_000, 8, 300_000, 8)]
    optimizer = candidate()
    optimizer.build(own)
    largest = max(int(np.prod(variable.shape)) for variable in optimizer.variables)
    given = "variables of 200,000, 8, 300,000 and 8 numbers"
    yield see("claim that no slot is larger than a variable", largest <= 300_000, True, given)


def has_slots_for_all(candidate):
    """Two numbers are kept for each number that is trained: m and v."""
    own = variables()
    optimizer = candidate()
    before = len(optimizer.variables)
    optimizer.build(own)
    kept = sum(int(np.prod(variable.shape)) for variable in optimizer.variables[before:])
    trained = sum(int(np.prod(variable.shape)) for variable in own)
    yield see("claim that the slots hold twice the variables, or more", kept >= 2 * trained, True)


def spares_what_is_excluded(candidate):
    """With a `weight_decay`, what `exclude_from_weight_decay` names does not decay."""
    pair = []
    for make in (candidate, KERAS):
        optimizer, own = make(learning_rate=0.1, weight_decay=0.5), variables()
        optimizer.exclude_from_weight_decay(var_names=["bias", "lef"])
        pair.append(updates(optimizer, 2, trained=own))
    given = "weight_decay=0.5, exclude_from_weight_decay(var_names=['bias', 'lef'])"
    for step, (received, expected) in enumerate(zip(*pair, strict=True), start=1):
        for name, update in expected.items():
            yield see(f"update of {name} in step {step}", received[name], update, given, 1e-4)


def counts_once_a_step(candidate):
    """The steps are counted once for the whole optimizer, not once for each vector."""
    optimizer, own = candidate(learning_rate=0.1), mixed()
    list(updates(optimizer, 2, mixed_gradients, own))
    given = "two steps; eight variables of four dtypes"
    yield see("optimizer.iterations", int(optimizer.iterations), 2, given)


ALL = {"beta_1": 0.75, "beta_2": 0.5, "epsilon": 0.05}
M = "self.assign_add(m, ops.subtract(gradient, m) * (share * (1 - self.beta_1)))"
V = "self.assign_add(v, ops.subtract(ops.square(gradient), v) * (share * (1 - self.beta_2)))"
ANSWER = "return rate * m / (ops.sqrt(v) + self.epsilon)"
RATE = "return ops.cast(learning_rate * ops.sqrt(seen_by_v) / seen_by_m, dtype)"
FLAT = "ops.ravel(ops.cast(each, m.dtype))"
JOINED = "ops.concatenate(flat)"
CUT = "np.cumsum(sizes)[:-1]"
PIECE = "self.assign_sub(variable, ops.reshape(piece, variable.shape))"
IF_IT_MOVES = "            if moves:\n                " + PIECE
LONG_V = 'v = self.add_variable((sum(sizes),), dtype=first.dtype, name="velocity")'
VECTORS = "shared_vectors(variables, self.longest if self.is_flat else 0)"
DEFAULTS = "self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs"
ALONE = "self.assign_sub(variable, self.moved(gradient, m, v, rate))"

FLAT_ADAM = Exam(
    name="FlatAdam",
    block="fast",
    probes=(
        moves_as_adam,
        moves_large_ones_and_other_dtypes,
        takes_one_root_for_many,
        leaves_large_ones_alone,
        has_slots_for_all,
        spares_what_is_excluded,
        counts_once_a_step,
        *owes(KERAS, **ALL),
    ),
    mistakes=(
        Mistake(
            "cut-by-sizes",
            find=CUT,
            put="sizes[:-1]",
            says="You hand the sizes to `ops.split`. It asks for the places where to cut: each is the "
            "sum of all sizes before it.",
        ),
        Mistake(
            "cut-in-equal-pieces",
            find=CUT,
            put="len(sizes)",
            says="You cut the step into pieces of one size. Each variable's piece is as long as the "
            "variable.",
        ),
        Mistake(
            "cut-too-late",
            find=CUT,
            put="np.cumsum(sizes)[:-1] + 1",
            says="You cut one number too late: the first piece ends at the size of the first variable.",
        ),
        Mistake(
            "pieces-of-the-first",
            find="step = self.moved(" + JOINED + ", m, v, rate, share)",
            put="step = self.moved(" + JOINED + ", m, v, rate, share)\n"
            "        step = ops.concatenate([step[:size] for size in sizes])",
            says="Every variable takes its piece from the front of the step. Each piece begins where the "
            "one before it ends.",
        ),
        Mistake(
            "joined-backwards",
            find=JOINED,
            put="ops.concatenate(flat[::-1])",
            says="You join the gradients in another order than that in which you hand out the pieces.",
        ),
        Mistake(
            "column-by-column",
            find=FLAT,
            put="ops.ravel(ops.transpose(ops.cast(each, m.dtype)))",
            says="You flatten column by column, but `ops.reshape` makes rows out of the pieces. Flatten "
            "row by row, as `ops.ravel` and `ops.reshape(…, (-1,))` do.",
        ),
        Mistake(
            "pieces-column-by-column",
            find="ops.reshape(piece, variable.shape)",
            put="ops.transpose(ops.reshape(piece, variable.shape[::-1]))",
            says="Your pieces become columns, but `ops.ravel` made the vector from rows. Reshape a "
            "piece to the variable's shape, no more.",
        ),
        Mistake(
            "piece-not-reshaped",
            find="ops.reshape(piece, variable.shape)",
            put="piece",
            says="Your pieces stay vectors: a matrix cannot take one. Reshape each to its variable's shape.",
        ),
        Mistake(
            "none-is-left-out",
            find="ops.zeros((size,), m.dtype) if each is None else " + FLAT,
            put=FLAT,
            says="A gradient that is None cannot be flattened. Put zeros in its place, so that the other "
            "gradients stay where their slots are.",
        ),
        Mistake(
            "resting-variable-moves",
            find=IF_IT_MOVES,
            put="            " + PIECE,
            says="A variable without gradient moves on by its old momentum. It rests in this step.",
        ),
        Mistake(
            "resting-momentum-fades",
            find=M,
            put="self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))",
            says="Where a variable rests, your first moment fades. Multiply by `share`: it is 0 there.",
        ),
        Mistake(
            "resting-velocity-fades",
            find=V,
            put="self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))",
            says="Where a variable rests, your second moment fades. Multiply by `share`: it is 0 there.",
        ),
        Mistake(
            "momentum-not-kept",
            find=M,
            put="m = m + ops.subtract(gradient, m) * (share * (1 - self.beta_1))",
            says="Your first moment is forgotten after each step: `m = …` changes no slot. Use "
            "`self.assign_add`.",
        ),
        Mistake(
            "velocity-not-kept",
            find=V,
            put="v = v + ops.subtract(ops.square(gradient), v) * (share * (1 - self.beta_2))",
            says="Your second moment is forgotten after each step: `v = …` changes no slot. Use "
            "`self.assign_add`.",
        ),
        Mistake(
            "one-slot-for-both",
            find=LONG_V,
            put="v = m",
            says="Your m and v are one vector: what one of them learns, the other forgets. Each needs "
            "its own.",
        ),
        Mistake(
            "slots-of-the-first",
            find='m = self.add_variable((sum(sizes),), dtype=first.dtype, name="momentum")',
            put='m = self.add_variable((sizes[0],), dtype=first.dtype, name="momentum")',
            says="Your momentum is as long as the first variable. It has to hold all of them.",
        ),
        Mistake(
            "betas-swapped",
            find=M + "\n        " + V,
            put=M.replace("beta_1", "beta_2") + "\n        " + V.replace("beta_2", "beta_1"),
            says="You have swapped beta_1 and beta_2. beta_1 is for the mean of the gradients, beta_2 "
            "for the mean of their squares.",
        ),
        Mistake(
            "no-square",
            find="ops.square(gradient)",
            put="ops.absolute(ops.add(gradient, 0))",
            says="Your second moment follows the gradient's size. It follows its square.",
        ),
        Mistake(
            "sum-instead-of-mean",
            find=M,
            put="self.assign_add(m, share * ops.subtract(gradient, m * (1 - self.beta_1)))",
            says="Your first moment adds the whole gradient, as SGD's momentum does. Adam's is a mean: "
            "the gradient comes in with 1 - beta_1.",
        ),
        Mistake(
            "epsilon-in-the-root",
            find=ANSWER,
            put="return rate * m / ops.sqrt(v + self.epsilon)",
            says="Your epsilon is inside the root. It is added to the root.",
        ),
        Mistake(
            "no-epsilon",
            find=ANSWER,
            put="return rate * m / ops.sqrt(v)",
            says="You leave epsilon out. It is added to the root.",
        ),
        Mistake(
            "no-root",
            find=ANSWER,
            put="return rate * m / (v + self.epsilon)",
            says="You divide by the second moment. Adam divides by its root.",
        ),
        Mistake(
            "no-first-moment",
            find=ANSWER,
            put="return ops.multiply(gradient, rate) / (ops.sqrt(v) + self.epsilon)",
            says="Your step goes by the gradient, as RMSprop's does. Adam's goes by its mean, m.",
        ),
        Mistake(
            "step-without-rate",
            find=ANSWER,
            put="return m / (ops.sqrt(v) + self.epsilon)",
            says="Your step has no rate. It is multiplied by `rate`, which holds the correction too.",
        ),
        Mistake(
            "corrected-twice",
            find=ANSWER,
            put="return self.corrected_rate(rate, v.dtype) * m / (ops.sqrt(v) + self.epsilon)",
            says="You correct the moments twice: `rate` holds their correction already.",
        ),
        Mistake(
            "no-correction",
            find=RATE,
            put="return ops.cast(learning_rate, dtype)",
            says="You do not correct the moments. Both begin at 0, so that in step t they have seen "
            "1 - beta**t of their mean.",
        ),
        Mistake(
            "correction-by-vectors",
            find="rate = self.corrected_rate(learning_rate, m.dtype)",
            put="rate = self.corrected_rate(learning_rate, m.dtype)\n        self._iterations.assign_add(1)",
            says="You count a step for each vector. There is one count for the whole optimizer, and "
            "`apply` advances it.",
        ),
        Mistake(
            "uphill",
            find=PIECE,
            put="self.assign_add(variable, ops.reshape(piece, variable.shape))",
            says="You add the step: that climbs. It is to be subtracted.",
        ),
        Mistake(
            "step-assigned",
            find=PIECE,
            put="self.assign(variable, ops.reshape(piece, variable.shape))",
            says="You put the step in the variable's place. It is to be subtracted from it.",
        ),
        Mistake(
            "decays-all",
            find=PIECE,
            put="piece = ops.reshape(piece, variable.shape)\n"
            "                decay = ops.cast(self.learning_rate, m.dtype) * (self.weight_decay or 0)\n"
            "                self.assign_sub(variable, piece + decay * variable)",
            says="You decay the variables, all of them. Keras has done so before, and spared what is "
            "excluded: leave the decay out.",
        ),
        Mistake(
            "dense-only",
            find=M,
            put="self.assign_add(m, share * (gradient * (1 - self.beta_1) - m * (1 - self.beta_1)))",
            says="Operators such as `*` fail on the sparse gradient of an embedding that is alone. "
            "`ops.subtract` and `ops.square` take both kinds.",
        ),
        Mistake(
            "no-cast",
            find=RATE,
            put="return learning_rate * ops.sqrt(seen_by_v) / seen_by_m",
            says="Your rate stays float32 beside variables of 16 bits. Cast it to their dtype.",
        ),
        Mistake(
            "all-in-one-vector",
            find=VECTORS,
            put="shared_vectors(variables, 10**12)",
            says="Your large variables share a vector too: their gradients are copied into it and the "
            "steps out of it, which costs more than it saves. Leave them alone.",
        ),
        Mistake(
            "every-one-alone",
            find=VECTORS,
            put="shared_vectors(variables, 0)",
            says="Right, and as slow as before: no two variables share a vector.",
        ),
        Mistake(
            "dtypes-mixed",
            find="first, sizes = variables[places[0]]",
            put="first, sizes = variables[0]",
            says="Your slots are like the first of all variables. Take the first of the vector, whose "
            "dtype is that of all in it.",
        ),
        Mistake(
            "rate-of-sgd",
            find=DEFAULTS,
            put=DEFAULTS.replace("learning_rate=0.001", "learning_rate=0.01"),
            says="The default learning rate of Adam is 0.001.",
        ),
        Mistake(
            "epsilon-of-pytorch",
            find=DEFAULTS,
            put=DEFAULTS.replace("1e-7", "1e-8"),
            says="The default epsilon is PyTorch's and the paper's, 1e-8. Keras has 1e-7.",
        ),
    ),
    hints=(
        "A vector is the variables' numbers one after the other, row by row. Slots, gradients and the "
        "step all lie in it in one order, so that arithmetic on vectors needs no names.",
        "Sizes 6, 2 and 4 make a vector of 12 numbers, which is cut at 6 and at 8: sums of sizes. What "
        "does not arrive still takes its room.",
        "Slots: `add_variable_from_reference` twice, or `add_variable` twice with the sum of the sizes. "
        "`moved`: Adam's two `assign_add`, each with `share` as a factor, then the step is returned. "
        "`update_vector`: a list of flat gradients, `ops.concatenate`, `self.moved`, `ops.split`, and "
        "one `assign_sub` with `ops.reshape` for each variable.",
    ),
    why="Keras updates variable by variable, with a dozen operations each; starting one takes longer "
    "than the arithmetic on a bias. Here that price is paid once for a vector. What is left for each "
    "variable is a place in `concatenate`, one in `split`, and an `assign_sub`. Vectors are "
    "kept short: a longer one TensorFlow shares out among its threads, operation by operation, and to wake "
    "a thread takes longer than the operation. A large variable has no price of starting worth speaking "
    "of, but every pass over it counts: `ResourceApplyAdam` does all of Adam in one. It takes the betas in "
    "the variable's dtype, and 0.999 is 1 in bfloat16, which is why other dtypes than float32 go the "
    "plain way. `share` is 0 where a variable got no gradient: Adam lets it rest, and its moments with "
    "it. Clipping, decay, averages and accumulation are Keras's, from the base class, and still go "
    "variable by variable.",
    close_up=step_table(KERAS, learning_rate=0.1, beta_1=0.5, beta_2=0.75),
)

EXAMS = (FLAT_ADAM,)
