# %% [markdown]
# # 16 · From correct to fast
#
# **You build** `FusedBatchNormalization`, which gives the results of your `BatchNormalization` in
# a fraction of its time, and `FlatAdam`, which updates all small variables of a net as one. On the
# way you find out where the time of a training step goes, and how fast it could be.
#
# **You need** `BatchNormalization` (lesson 04), the gradients of lesson 03 and `Adam` (lesson 12;
# where yours is missing the course's own stands in).
#
# **It takes** about 60 minutes. Run every cell in order, from the top (Shift+Enter). Close what
# else keeps your computer busy.

# %% tags=["setup"]

# %%
from utils.timing import compare, moving, peak_memory

tf.get_logger().setLevel("ERROR")  # every step below is traced once; that is no cause for a warning
moments, update_moving_average = recall("moments"), recall("update_moving_average")
BatchNormalization, Dropout = recall("BatchNormalization"), recall("Dropout")

# %% [markdown]
# ## Where a training step spends its time
#
# A small convolutional net, and one step of its training. `compare` times several functions in
# turns, a little of each in every round, and compares within a round: a computer's speed drifts,
# and a number taken a minute ago says little about now.

# %%
def glyph_net(block=keras.layers.BatchNormalization, dropout=keras.layers.Dropout):
    layers = [keras.Input((28, 28, 1))]
    for filters in [32, 64]:
        layers += [keras.layers.Conv2D(filters, 3, use_bias=False), *([block()] if block else []),
                   keras.layers.ReLU(), keras.layers.MaxPooling2D()]
    layers += [keras.layers.Flatten(), *([dropout(0.5)] if dropout else []), keras.layers.Dense(10)]
    return keras.Sequential(layers)


def training_step(net, optimizer, **how):
    optimizer.build(net.trainable_variables)
    images, labels = tf.random.normal((64, 28, 28, 1)), tf.range(64) % 10
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step():
        with tf.GradientTape() as tape:
            loss = loss_of(labels, net(images, training=True))
        optimizer.apply(tape.gradient(loss, net.trainable_variables))
        return loss

    return tf.function(step, autograph=False, **how) if how else step


# %%
predict(
    "16-eager",
    "The same step, traced by `tf.function`: how many times as fast?",
    choices=["less than 1.5 times", "1.5 to 3 times", "more than 3 times"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
steps = {
    name: training_step(glyph_net(), keras.optimizers.Adam(), **how) for name, how in {
        "eager": {}, "tf.function": {"jit_compile": False}, "jit_compile": {"jit_compile": True},
    }.items()
}
timings = compare(steps, seconds=2)
ratio = timings.ratio("tf.function", "eager").middle
reveal("16-eager", ["less than 1.5 times", "1.5 to 3 times", "more than 3 times"][
    (ratio > 1.5) + (ratio > 3)])
plots.table({"one step": list(steps), "milliseconds": [1e3 * t for t in timings.seconds.values()],
             "times as fast as eager": [timings.ratio(name, "eager") for name in steps]})

# %% [markdown]
# Eagerly, Python calls each operation by itself. `tf.function` records them once, as a graph, and
# runs that. `jit_compile=True` hands the graph to the compiler XLA, which merges operations into
# loops of its own. That should be fastest; look whether it was. XLA brings its own convolutions,
# and on a processor TensorFlow's are often better. Now remember that `fit` compiles by default:
# `model.compile(..., jit_compile=False)` can be the best optimization of the day. Measure yours.
#
# What is the step made of? Take parts away:

# %%
predict(
    "16-parts",
    "Which of these parts of the net takes the largest share of a step?",
    choices=["batch normalization", "dropout", "Adam"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
keras_adam, gradient_descent = keras.optimizers.Adam, keras.optimizers.SGD
nets = {
    "all of it": (glyph_net(), keras_adam()),
    "without batch normalization": (glyph_net(block=None), keras_adam()),
    "without dropout": (glyph_net(dropout=None), keras_adam()),
    "gradient descent for Adam": (glyph_net(), gradient_descent()),
}
steps = {name: training_step(*parts, jit_compile=False) for name, parts in nets.items()}
timings = compare(steps, seconds=2)
shares = [1 - 1 / timings.ratio(name, "all of it").middle for name in steps]
reveal("16-parts", ["batch normalization", "dropout", "Adam"][int(np.argmax(shares[1:]))])
plots.table({"one step, tf.function": list(steps),
             "milliseconds": [1e3 * seconds for seconds in timings.seconds.values()],
             "saves (percent)": [f"{100 * share:.0f}" for share in shares]})

# %% [markdown]
# So there is something to gain, and batch normalization is the place to look first.
#
# ## Passes over memory
#
# Batch normalization computes little: a few additions and multiplications for each number. But each
# operation of the graph reads whole tensors from memory and writes whole tensors back, only for
# the next operation to read them again. How long would it take if every tensor moved only once?
# Forward: read the inputs, write the outputs. Backward: read the inputs and the gradient that
# arrives, write the gradient that leaves. Five tensors. `moving` moves as many bytes and does
# nothing else, on all cores; beside it in `compare` it measures this memory, here and now.

# %%
def forward_and_backward(layer, shape, jit_compile=False, **options):
    """A call that sends a batch of this shape forwards and a gradient backwards through `layer`."""
    layer.build(shape)
    inputs, arriving = (tf.random.stateless_normal(shape, [0, seed]) for seed in [1, 2])

    def step():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True, **options)
        return tape.gradient(outputs, [inputs, layer.trainable_variables], arriving)

    return tf.function(step, autograph=False, jit_compile=jit_compile)


# %%
predict(
    "16-floor",
    "Keras's batch normalization beside moving five tensors once: how many times as long?",
    choices=["about as long", "2 to 4 times", "more than 4 times"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
shape = (64, 32, 32, 64)  # (batch, rows, columns, features): 17 MB
calls = {
    "five tensors moved": moving(5 * 4 * int(np.prod(shape))),
    "Keras, tf.function": forward_and_backward(keras.layers.BatchNormalization(), shape),
    "Keras, jit_compile": forward_and_backward(keras.layers.BatchNormalization(), shape, True),
    "yours, tf.function": forward_and_backward(BatchNormalization(), shape),
    "yours, jit_compile": forward_and_backward(BatchNormalization(), shape, True),
}
timings = compare(calls, seconds=2)
longer = {name: timings.ratio("five tensors moved", name) for name in calls}
times = longer["Keras, tf.function"].middle
choices = ["about as long", "2 to 4 times", "more than 4 times"]
reveal("16-floor", choices[(times > 2) + (times > 4)])
plots.table({f"forward and backward, {shape}": list(calls),
             "milliseconds": [1e3 * seconds for seconds in timings.seconds.values()],
             "times as long as moving": longer.values()})

# %% [markdown]
# The distance to the first line is what passes over memory cost, and what you can gain. (The middle
# of all rounds is shown, and in brackets between what half of them lie.) There are two ways to
# fewer passes:
#
# - **One kernel.** TensorFlow has an operation, made for this, that does all of the forward pass,
#   and another for the backward pass: `tf.raw_ops.FusedBatchNormV3`.
# - **A gradient by hand.** Automatic differentiation walks back through every operation of the
#   forward pass. Your formula from lesson 03 needs two sums and one more pass. Compiled by XLA it
#   is a loop or two.
#
# ## A kernel has its own mind
#
# Before you build on an operation that you did not write, hold it beside what you know.

# %%
predict(
    "16-kernel",
    "Which variance does the fused kernel return?",
    choices=["divided by n", "divided by n - 1"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
def kernel_variance(inputs):
    _, _, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=[1.0], offset=[0.0], mean=[], variance=[], epsilon=1e-3
    )
    return variance


ten = np.random.default_rng(0).normal(3000, 1, (1, 1, 10, 1)).astype("float32")
received = float(kernel_variance(ten)[0])
by_n, by_less = (ten.var(ddof=ddof, dtype="float64") for ddof in [0, 1])
reveal("16-kernel", "divided by n" if abs(received - by_n) < 1e-3 else "divided by n - 1")
compiled = float(tf.function(kernel_variance, jit_compile=True)(ten)[0])
assert abs(received - by_less) < 1e-3 < 0.05 < abs(compiled - by_less)
plots.table({"variance": ["divided by n", "divided by n - 1", "the kernel's", "the kernel's, jit"],
             "of ten numbers around 3,000": [by_n, by_less, received, compiled]})

# %% [markdown]
# Two traps in one table. The kernel normalizes by the variance divided by $n$, and *returns* the one
# divided by $n - 1$; Keras's moving variance follows the former. And XLA does not run this kernel:
# it puts a formula of its own in its place, $E[x^2] - E[x]^2$, which loses all digits where the mean
# is large. It is the one-pass variance that lesson 03 warned of. So under `jit_compile=True` the
# kernel is not to be used. Whether XLA compiles what is being traced, TensorFlow knows:

# %% export="fast"
def under_xla():
    """Whether XLA compiles what is being traced now, as under `jit_compile=True`."""
    from tensorflow.python.ops import control_flow_util  # there is no public way to ask

    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


# %% [markdown]
# ### Exercise 16.1 · `FusedBatchNormalization`
# *Difficulty 4 of 5 · needed again: below and in lesson 18 · 25 minutes*
#
# Four gaps. What no short way is made for goes to your own class, by `super().call(...)`. For all
# else the given code views the inputs as `(before, features, after)`, so that both methods see
# three axes, whatever the rank and the axis; `after` is 1 where the features come last. `gamma` and
# `beta` arrive as `(1, features, 1)`. In `few_passes`, write the gradients of lesson 03, but with
# axes `(0, 2)` kept. In `one_kernel`, call the kernel, on inputs in the shape `(1, 1, -1, features)`,
# and mend its variance. Last, `kernel_pays` chooses, while the graph is traced, by what is known
# then. Run the check after each.

# %% exercise="FusedBatchNormalization" export="fast"
class FusedBatchNormalization(BatchNormalization):
    """Batch normalization in few passes over memory; the same results as `BatchNormalization`.

    Large float32 batches, features last: one fused kernel. Small ones, other axes, and all that XLA
    compiles: a gradient by hand. Masks, inference, other backends: the class it builds on.

    Args, call arguments, shapes: as `BatchNormalization`.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, section 3, for the gradients.
    """

    kernel_from = 2**17  # numbers in a batch from which on the kernel is faster: measured
    usual_batch = 32  # stands in for a size that is not known while tracing

    def few_passes(self, inputs, gamma, beta):
        """Outputs, mean and variance of inputs `(before, features, after)`."""
        mean, variance = moments(inputs, (0, 2))
        scale = ops.rsqrt(variance + self.epsilon)
        count = ops.cast(ops.size(inputs) / ops.size(gamma), inputs.dtype)

        @tf.custom_gradient
        def normalize(inputs, gamma, beta, mean, scale):
            def gradients(arriving):
                ### BEGIN SOLUTION
                # TODO: The gradients of beta and gamma: sums over axes 0 and 2, which stay.
                normalized = (inputs - mean) * scale
                of_beta = ops.sum(arriving, (0, 2), keepdims=True)
                of_gamma = ops.sum(arriving * normalized, (0, 2), keepdims=True)
                # TODO: That of the inputs: direct, less what goes through mean and variance.
                through_both = (of_beta + normalized * of_gamma) / count
                of_inputs = gamma * scale * (arriving - through_both)
                # TODO: One for each argument; None for mean and scale: theirs are in the first.
                return of_inputs, of_gamma, of_beta, None, None
                ### END SOLUTION

            return (inputs - mean) * (scale * gamma) + beta, gradients

        return normalize(inputs, gamma, beta, mean, scale), mean, variance

    def one_kernel(self, inputs, gamma, beta):
        """Outputs, mean and variance of inputs `(before, features, 1)`."""
        shape = ops.shape(inputs)
        ### BEGIN SOLUTION
        # TODO: Call the kernel: an image (1, 1, -1, features), gamma and beta as vectors, epsilon.
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=ops.reshape(inputs, (1, 1, -1, shape[1])), scale=ops.ravel(gamma),
            offset=ops.ravel(beta), mean=[], variance=[], epsilon=self.epsilon,
        )
        # TODO: Its variance is divided by n - 1: make it the one divided by n.
        count = ops.cast(shape[0], "float32")
        variance = variance * (count - 1) / count
        # TODO: Return the outputs in the shape of the inputs, mean and variance.
        return ops.reshape(outputs, shape), mean, variance
        ### END SOLUTION

    def kernel_pays(self, shape, dtype, features_last):
        """Whether the kernel is right and fast; `shape`: of the inputs, None where not known."""
        ### BEGIN SOLUTION
        # TODO: False where it would be wrong, or does not fit: XLA, other axes, other dtypes.
        if under_xla() or not features_last or dtype != "float32":
            return False
        # TODO: Is the batch large enough? Take usual_batch for sizes that are None.
        return np.prod([size or self.usual_batch for size in shape]) >= self.kernel_from
        ### END SOLUTION

    def call(self, inputs, training=None, mask=None):
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        ### BEGIN SOLUTION
        # TODO: Inference, a frozen layer, a mask, another backend than TensorFlow: as before.
        uses_batch = training and self.trainable and mask is None
        if not uses_batch or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        ### END SOLUTION
        shape, axis = ops.shape(inputs), self.axis % len(inputs.shape)
        features, after = shape[axis], 1
        for size in shape[axis + 1 :]:
            after = after * size

        def aligned(weight, otherwise):
            weight = ops.full((features,), otherwise, dtype) if weight is None else weight
            return ops.reshape(ops.cast(weight, dtype), (1, features, 1))

        features_last = axis == len(shape) - 1
        pays = self.kernel_pays(tuple(inputs.shape), dtype, features_last)
        viewed = ops.reshape(ops.cast(inputs, dtype), (-1, features, after))
        normalize = self.one_kernel if pays else self.few_passes
        outputs, mean, variance = normalize(viewed, aligned(self.gamma, 1), aligned(self.beta, 0))
        for variable, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            old, new = ops.cast(variable, dtype), ops.reshape(new, variable.shape)
            variable.assign(update_moving_average(old, new, self.momentum))
        return ops.cast(ops.reshape(outputs, shape), self.compute_dtype)


# %%
check(FusedBatchNormalization, strict=True)
# hint("FusedBatchNormalization")      # one more hint each time you run it
# solution("FusedBatchNormalization")  # the course's own, and why it is written so
FusedBatchNormalization = finish(FusedBatchNormalization)

# %%
predict(
    "16-small",
    "A batch of (128, 256): does the fused kernel pay?",
    choices=["yes", "no"],
    guess=None,
)

# %% [markdown]
# ## The race
#
# Both classes, traced and compiled, at four shapes. What counts is your better mode beside
# Keras's better mode: who measures may choose.

# %%
class KernelAlways(FusedBatchNormalization):
    """The fused kernel whatever the size, to see what it is worth."""

    def kernel_pays(self, shape, dtype, features_last):
        return True


def race(shape, **blocks):
    """Timings of layers forwards and backwards, traced and compiled."""
    calls = {
        f"{name}, {mode}": forward_and_backward(block(), shape, mode == "jit")
        for name, block in blocks.items() for mode in ["graph", "jit"]
        if (name, mode) != ("kernel", "jit")
    }
    return compare(calls, seconds=1, rounds=9)


def better(timings, name):
    return min([f"{name}, graph", f"{name}, jit"], key=timings.seconds.get)


# %% tags=["nbval-ignore-output"]
shapes = [(64, 32, 32, 64), (64, 16, 16, 32), (128, 256), (64, 64)]
blocks = {"Keras": keras.layers.BatchNormalization, "yours": FusedBatchNormalization}
for shape in shapes[1:3]:  # first of all: are the gradients the same?
    expected, received = (forward_and_backward(block(), shape)()[0] for block in blocks.values())
    np.testing.assert_allclose(received, expected, atol=1e-4)
results = {shape: race(shape, **blocks, kernel=KernelAlways) for shape in shapes}
names = ["Keras, graph", "Keras, jit", "yours, graph", "yours, jit", "kernel, graph"]
fastest = [t.ratio(better(t, "yours"), better(t, "Keras")) for t in results.values()]
pays = results[128, 256].ratio("kernel, graph", "yours, graph").middle > 1
reveal("16-small", "yes" if pays else "no")
plots.table({"microseconds": ["×".join(map(str, shape)) for shape in shapes],
             **{n: [f"{1e6 * t.seconds[n]:.0f}" for t in results.values()] for n in names},
             "better, beside Keras's better": fastest})

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(figsize=(8, 3.5))
for place, (name, hatch) in enumerate({names[2]: "", names[3]: "//", names[4]: ".."}.items()):
    ratios = [t.ratio(name, better(t, "Keras")).middle for t in results.values()]
    where = np.arange(len(shapes)) + 0.27 * (place - 1)
    axes.bar(where, ratios, 0.25, color=f"C{place}", label=name, hatch=hatch, edgecolor="white")
axes.axhline(1, color="black", linewidth=1)
axes.set_xticks(range(len(shapes)), ["×".join(map(str, shape)) for shape in shapes], fontsize=8)
axes.set(ylabel="times as fast as\nKeras's better mode")
axes.set_title("The kernel pays on large batches only")
axes.legend()
plots.show(alt="Bars for four shapes: on large batches the kernel is far faster than Keras, "
           "on small ones it is slower and the gradient by hand under jit leads.")

# %% [markdown]
# On small batches there is little to win: the time goes into calling operations, whatever they do. The
# same kernel that wins on the left loses on the right. That is why `kernel_pays` asks for the size, and
# why `2**17` stands in the class and in no book: it was measured. On your computer the bars may cross
# elsewhere.
#
# ## Dropout under XLA
#
# Dropout moves fewer bytes, but it draws random numbers. `race` takes any layers:

# %%
predict(
    "16-dropout",
    "Keras's dropout under jit_compile, beside tf.function?",
    choices=["faster", "up to 10 times slower", "more than 10 times slower"],
    guess=None,
)


# %% tags=["nbval-ignore-output"]
class PhiloxDropout(keras.layers.Dropout):
    """Keras's dropout, its random numbers by an algorithm that is named, Philox."""

    def call(self, inputs, training=False):
        if not training:
            return inputs
        seed = ops.cast(self.seed_generator.next(), "int32")
        uniform = tf.random.stateless_uniform(ops.shape(inputs), seed, alg="philox")
        return ops.where(uniform >= self.rate, inputs / (1 - self.rate), 0)


blocks = {"Keras": keras.layers.Dropout, "yours": Dropout, "Philox": PhiloxDropout}
timings = race((64, 8, 8, 32), **{
    name: lambda block=block: block(0.5) for name, block in blocks.items()})
slower = timings.ratio("Keras, graph", "Keras, jit").middle
choices = ["faster", "up to 10 times slower", "more than 10 times slower"]
reveal("16-dropout", choices[(slower > 1) + (slower > 10)])
plots.table({"dropout, 64×8×8×32": list(timings.seconds),
             "milliseconds": [1e3 * seconds for seconds in timings.seconds.values()],
             "times as long": [timings.ratio("Keras, graph", n) for n in timings.seconds]})

# %% [markdown]
# Keras leaves the choice of the algorithm to TensorFlow (`alg="auto_select"`), and what XLA then takes
# for a processor is slow. One named algorithm mends it. No reading of code would have told you.

# %% [markdown]
# ## Two hundred small variables
#
# Now the optimizer. Adam takes about a dozen operations for each variable, and to start one takes its
# time, whether it then works on ten numbers or on a thousand. A net has many small variables: every
# bias, every `gamma`, every `beta`.

# %%
AdamArguments = recall("AdamArguments")


def sizes_of(count, seed=1):
    """Sizes from 64 to 4,096 numbers, as many below 512 as above."""
    return np.exp(np.random.default_rng(seed).uniform(*np.log([64, 4096]), count)).astype(int)


def adam_step(optimizer, sizes, jit_compile=False):
    """A call that makes one step, on variables of these sizes; `call.variables` are they."""
    draw = np.random.default_rng(0).normal(size=999).astype("float32")
    trained = [keras.Variable(np.resize(draw, size)) for size in sizes]
    arriving = [tf.constant(np.resize(draw[::-1], size)) for size in sizes]
    optimizer.build(trained)
    call = tf.function(lambda: optimizer.apply(arriving, trained),
                       autograph=False, jit_compile=jit_compile)
    call.variables = trained
    return call


# %%
predict(
    "16-many",
    "One step of Keras's Adam on 100 such variables, beside one on a single variable with as many "
    "numbers:",
    choices=["about as long", "2 to 4 times as long", "more than 4 times as long"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
sizes = sizes_of(100)
calls = {"in 100 variables": adam_step(keras.optimizers.Adam(), sizes),
         "in a single one": adam_step(keras.optimizers.Adam(), [sum(sizes)]),
         "their bytes moved": moving(7 * 4 * sum(sizes))}  # reads g, w, m and v; writes w, m and v
timings = compare(calls, seconds=1.5)
longer = timings.ratio("in a single one", "in 100 variables").middle
choices = ["about as long", "2 to 4 times as long", "more than 4 times as long"]
reveal("16-many", choices[(longer > 2) + (longer > 4)])
plots.table({f"{sum(sizes):,} numbers": list(calls),
             "microseconds": [f"{1e6 * each:.0f}" for each in timings.seconds.values()]})

# %% [markdown]
# The arithmetic is the same, number for number. Adam treats every number alike, whatever variable it
# belongs to: so let all variables stand in one vector, one after the other, row by row. Their
# gradients are joined, both moments *are* vectors, and of the step each variable takes its piece.
#
# A large variable is different. To start an operation costs nothing there, and every pass over the
# numbers counts, copying them into a vector first of all. It stays alone, and one kernel,
# `tf.raw_ops.ResourceApplyAdam`, does all of Adam in a single pass. Which variables share a vector is
# given:

# %% export="fast"
def shared_vectors(variables, longest):
    """Which variables share a vector: lists of places in `variables`, each place once.

    Those of a list have one dtype, and together at most `longest` numbers; or it is a list of one.
    """
    vectors, filling = [], {}  # filling: for each dtype the vector that has room, and how much
    for place, variable in enumerate(variables):
        size = int(np.prod(variable.shape))
        vector, room = filling.get(variable.dtype, ([], 0))
        if size > room:
            vector, room = [], longest
        if not vector:
            vectors.append(vector)
        vector.append(place)
        if size <= longest:  # a larger one stays alone, and closes nothing
            filling[variable.dtype] = vector, room - size
    return vectors


# %% [markdown]
# ### Exercise 16.2 · `FlatAdam`
# *Difficulty 4 of 5 · needed again: below and in lesson 18 · 20 minutes*
#
# Three gaps. In `build`, the slots: `self.vectors` lists which variables share a vector, and some
# are alone. In `moved`, Adam's rule, once for both kinds; the correction of the moments is in the
# rate. In `update_vector`, join, move, cut, hand out. Where a variable got no gradient (None), its
# numbers rest, with their moments: `share` is 0 there.

# %% exercise="FlatAdam" export="fast"
class FlatAdam(AdamArguments):
    """Adam that moves small variables together, in a few vectors, and large ones by one kernel.

    The steps are those of `Adam`. Under `tf.distribute`, and on other backends than TensorFlow,
    every variable goes alone.

    Args: learning_rate, beta_1, beta_2, epsilon, kwargs: see `AdamArguments`.

    Reference: Kingma and Ba, 2015, "Adam: a method for stochastic optimization", the last formula
    of section 2.
    """

    longest = 2**15  # numbers in a vector that is shared: measured

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.is_flat = keras.backend.backend() == "tensorflow" and not tf.distribute.has_strategy()
        self.vectors = shared_vectors(variables, self.longest if self.is_flat else 0)
        self.slots = []  # for each vector m and v
        for places in self.vectors:
            first, sizes = variables[places[0]], [int(np.prod(variables[p].shape)) for p in places]
            ### BEGIN SOLUTION
            # TODO: A variable alone: both slots like the variable, `add_variable_from_reference`.
            if len(places) == 1:
                m = self.add_variable_from_reference(first, "momentum")
                v = self.add_variable_from_reference(first, "velocity")
            # TODO: Several: both are vectors, long enough for all, in their dtype: `add_variable`.
            else:
                m = self.add_variable((sum(sizes),), dtype=first.dtype, name="momentum")
                v = self.add_variable((sum(sizes),), dtype=first.dtype, name="velocity")
            # TODO: Keep the pair in `self.slots`.
            self.slots.append((m, v))
            ### END SOLUTION

    def corrected_rate(self, learning_rate, dtype):
        """The learning rate, and in it the correction of both moments, which begin at 0."""
        t = ops.cast(self.iterations + 1, "float32")
        seen_by_m, seen_by_v = 1 - self.beta_1**t, 1 - self.beta_2**t
        return ops.cast(learning_rate * ops.sqrt(seen_by_v) / seen_by_m, dtype)

    def moved(self, gradient, m, v, rate, share=1.0):
        """Move both moments; the step. All of one shape; share: 0 where a number rests, else 1."""
        ### BEGIN SOLUTION
        # TODO: Both moments move, as in Adam, but not where share is 0.
        self.assign_add(m, ops.subtract(gradient, m) * (share * (1 - self.beta_1)))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (share * (1 - self.beta_2)))
        # TODO: Return the step, which is to be subtracted; its correction is in the rate.
        return rate * m / (ops.sqrt(v) + self.epsilon)
        ### END SOLUTION

    def update_vector(self, gradients, variables, m, v, learning_rate):
        """Move variables that share a vector; one whose gradient is None rests, and its slots."""
        sizes = [int(np.prod(variable.shape)) for variable in variables]
        arrived = [gradient is not None for gradient in gradients]
        share = 1.0 if all(arrived) else ops.repeat(ops.cast(arrived, m.dtype), sizes)
        rate = self.corrected_rate(learning_rate, m.dtype)
        ### BEGIN SOLUTION
        # TODO: Each gradient as a vector in m's dtype; zeros of the same size in place of None.
        flat = [
            ops.zeros((size,), m.dtype) if each is None else ops.ravel(ops.cast(each, m.dtype))
            for each, size in zip(gradients, sizes, strict=True)
        ]
        # TODO: All as one vector; its step, cut into pieces. `ops.split` asks where to cut.
        step = self.moved(ops.concatenate(flat), m, v, rate, share)
        pieces = ops.split(step, np.cumsum(sizes)[:-1])
        # TODO: Each variable with a gradient goes by its piece, in its own shape.
        for variable, piece, moves in zip(variables, pieces, arrived, strict=True):
            if moves:
                self.assign_sub(variable, ops.reshape(piece, variable.shape))
        ### END SOLUTION

    def update_step(self, gradient, variable, learning_rate):
        """Move a variable that is alone."""
        m, v = self.slots[self.vectors.index([self._get_variable_index(variable)])]
        dtype = keras.backend.standardize_dtype(variable.dtype)
        gradient, rate = ops.cast(gradient, dtype), self.corrected_rate(learning_rate, dtype)
        if self.is_flat and dtype == "float32":
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=m.value.handle, v=v.value.handle, grad=gradient, lr=rate,
                beta1=self.beta_1, beta2=self.beta_2, epsilon=self.epsilon,
                beta1_power=0.0, beta2_power=0.0,  # the correction is in the rate
            )
        else:
            self.assign_sub(variable, self.moved(gradient, m, v, rate))

    def _backend_update_step(self, gradients, variables, learning_rate):
        """One step of the whole optimizer: the vectors, then, by Keras's own loop, who is alone."""
        arriving = zip(gradients, variables, strict=True)
        given = {self._get_variable_index(variable): (g, variable) for g, variable in arriving}
        for places, slots in zip(self.vectors, self.slots, strict=True):
            if len(places) > 1:
                pairs = [given.pop(p, (None, self._trainable_variables[p])) for p in places]
                self.update_vector(*zip(*pairs, strict=True), *slots, learning_rate)
        if given:
            super()._backend_update_step(*zip(*given.values(), strict=True), learning_rate)


# %%
check(FlatAdam, strict=True)
# hint("FlatAdam")      # one more hint each time you run it
# solution("FlatAdam")  # the course's own, and why it is written so
FlatAdam = finish(FlatAdam)

# %% [markdown]
# Keras's own tests, on both of your classes. Left out is what they do not take: `renorm`, which
# lesson 06 builds, and `amsgrad`.

# %% tags=["nbval-ignore-output"]
reports = keras_exams([FusedBatchNormalization, FlatAdam], tests_of=["BatchNormalization", "Adam"],
                      without=("renorm", "amsgrad"))

# %%
assert all(report.passed for report in reports)
for report in reports:
    print(report.headline())

# %% [markdown]
# ## How long a vector?
#
# The class lets a vector grow to $2^{15}$ numbers. Why not put all small variables into one?

# %%
predict(
    "16-longest",
    "100 small variables. A step is fastest with ...",
    choices=["one vector for all of them", "a few vectors", "dozens of vectors"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
limits = 2 ** np.arange(11, 20, 2)
sizes, calls, shared = sizes_of(100), {}, []
for limit in map(int, limits):
    optimizer = type("Limited", (FlatAdam,), {"longest": limit})()
    calls[limit] = adam_step(optimizer, sizes)
    shared.append(len(optimizer.vectors) if hasattr(optimizer, "vectors") else "")
timings = compare(calls, seconds=1.5)
times = np.array(list(timings.seconds.values())) * 1e6
best = limits[times.argmin()]
plots.lines(limits, {"FlatAdam": times}, log="xy", xlabel="numbers in a vector, at most",
            ylabel="microseconds a step", title=f"Fastest here: vectors of {best:,} numbers")
plots.show(alt="Time of a step against the longest vector: it falls to its lowest at about 32,768 "
           "numbers, and rises again, by less, towards one vector for all.")
reveal("16-longest", "one vector for all of them" if best >= sum(sizes) else
       "a few vectors" if best > 2**14 else "dozens of vectors")
plots.table({"longest": [f"{limit:,}" for limit in limits], "vectors": shared,
             "microseconds": [f"{each:.0f}" for each in times]})

# %% [markdown]
# On the left, variables too large for the limit are alone again, and each vector has operations of
# its own to start. On the right TensorFlow shares an operation on a long vector out among its
# threads, and to wake a thread takes longer than such an operation. (Start Python with
# `TF_NUM_INTRAOP_THREADS=1` in its environment, and the right side is flat.)
#
# ## Beside Keras

# %%
predict(
    "16-flat",
    "50 small variables: FlatAdam beside the faster of Keras's two modes?",
    choices=["slower", "up to 1.5 times as fast", "more than 1.5 times as fast"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
cases = {"10 small": sizes_of(10), "50 small": sizes_of(50), "two of 4 million": [2**22] * 2}
ratios, peaks, apart = [], [], []
for sizes in cases.values():
    calls = {"Keras": adam_step(keras.optimizers.Adam(), sizes),
             "Keras, jit": adam_step(keras.optimizers.Adam(), sizes, jit_compile=True),
             "FlatAdam": adam_step(FlatAdam(), sizes)}
    for call in calls.values():
        call()
    kerass, own = ([v.numpy() for v in calls[name].variables] for name in ["Keras", "FlatAdam"])
    apart.append(max(np.abs(a - b).max() for a, b in zip(kerass, own, strict=True)))
    timings = compare(calls, seconds=1)
    ratios.append([timings.ratio("FlatAdam", name) for name in list(calls)[:2]])
    peaks.append([(peak_memory(calls[name]) or 0) / 1e6 for name in ["Keras", "FlatAdam"]])
assert max(apart) < 1e-6
least = min(each.middle for each in ratios[1])
reveal("16-flat", ["slower", "up to 1.5 times as fast", "more than 1.5 times as fast"][
    (least > 1) + (least > 1.5)])
plots.table({"FlatAdam, one step a call": list(cases),
             "times Keras, tf.function": [first for first, _ in ratios],
             "times Keras, jit": [second for _, second in ratios],
             "MB at the peak, Keras": [f"{first:.0f}" for first, _ in peaks],
             "FlatAdam": [f"{second:.0f}" for _, second in peaks]})

# %% [markdown]
# The variables agree to six decimals. On large ones `jit_compile` comes close to the kernel, since XLA
# merges Keras's operations as well. On small ones a part of what is left is not Adam at all: a call
# from Python hands over every variable, slot and gradient. So "how many times as fast" depends on
# what stands around the optimizer. Measure the step that you will run.

# %% [markdown]
# ## A whole step
#
# One training step of the net from the beginning, of Keras's parts and with yours (under jit, with
# Philox's dropout too). Speed is not the only price: `peak_memory` counts the bytes of all tensors
# that are alive at once.

# %%
predict(
    "16-step",
    "The whole step with your two parts: how many times as fast as Keras's?",
    choices=["less than 1.3 times", "1.3 to 2 times", "more than 2 times"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
fast = glyph_net(FusedBatchNormalization)
fast_under_jit = glyph_net(FusedBatchNormalization, PhiloxDropout)
steps = {
    "Keras, graph": training_step(glyph_net(), keras_adam(), jit_compile=False),
    "Keras, jit": training_step(glyph_net(), keras_adam(), jit_compile=True),
    "yours, graph": training_step(fast, FlatAdam(), jit_compile=False),
    "yours, jit": training_step(fast_under_jit, FlatAdam(), jit_compile=True),
}
timings = compare(steps, seconds=2.5, rounds=9)
best = better(timings, "Keras")
ratio = timings.ratio(better(timings, "yours"), best).middle
choices = ["less than 1.3 times", "1.3 to 2 times", "more than 2 times"]
reveal("16-step", choices[(ratio > 1.3) + (ratio > 2)])
peaks = [peak_memory(step) for step in steps.values()]
plots.table({"one training step": list(steps),
             "milliseconds": [1e3 * seconds for seconds in timings.seconds.values()],
             "beside Keras's better mode": [timings.ratio(name, best) for name in steps],
             "MB at the peak": ["?" if peak is None else f"{peak / 1e6:.0f}" for peak in peaks]})

# %% [markdown]
# The same numbers in less time. Most of the gain is batch normalization's; most of what
# is left is convolution, and that is not yours. Compare the lines of jit: XLA's convolutions stay
# slower than TensorFlow's on this processor, whatever you do around them. On a graphics card all of
# this may turn round. The way of asking does not.
#
# ## What can go wrong
#
# - **Fast and wrong.** Equal results come first. Keep the slow class: it is the test of the fast one,
#   at sizes where the fast way is taken.
# - **A clock that lies.** The first call compiles; a later one may find the processor hot, or shared. On
#   a graphics card a call returns before its work is done. Take turns, and quote the spread.
# - **Their slower mode.** Beside eager Keras everything is fast. Compare with the best that the other
#   side has.
# - **One size, one mode.** What wins at 64×32×32×64 loses at 128×256; what is fast under `tf.function`
#   may be slow, or wrong, when XLA compiles it.
# - **Unknown sizes.** In `fit` the number of examples is None while tracing; a choice by size must
#   live with that.
# - **State without names.** A slot of `FlatAdam` belongs to a place in a vector. A file saved by
#   Keras's Adam does not fit, nor one saved with another `longest` or another order of variables.
# - **A fast path nobody takes.** Clipping, weight decay and averages of weights are Keras's, and go
#   variable by variable. With them on, most of the gain is gone.
#
# ## In short
#
# Measure first: which part, in which mode, beside which bound. Batch normalization is bound by memory,
# and gains by passing over it less often, through one kernel or a gradient written by hand; small
# variables are bound by the number of operations, and gain by being updated together. Each short
# way is right only somewhere. The class that knows where gives the same results everywhere.
#
# ## Open questions
#
# 1. In inference, and in a frozen layer, yours takes the plain way. Which kernel call would do, and is
#    it faster?
# 2. The kernel takes features last. For `axis=1`, when do two transpositions pay?
# 3. Your class lies above the time of moving five tensors. Which tensors are moved more than once?
