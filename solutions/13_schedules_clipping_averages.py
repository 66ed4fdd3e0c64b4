# %% [markdown]
# # 13 · Schedules, clipping, averages
#
# **You build** what stands around an optimizer: schedules for its rate (`ExponentialDecay`,
# `CosineDecay` with warm-up, and two more as extras), `clip_gradients` before the step and
# `WeightAverage` after it. Then you measure what each of them buys.
#
# **You need** `Dense` and `BatchNormalization` (lessons 01 and 04) and `SGD` (lesson 10; where yours
# is missing the course's own stands in).
#
# **It takes** about 55 minutes, and 10 more with what is marked *Extra*. Run every cell in order,
# from the top (Shift+Enter).

# %% tags=["setup"]

# %%
Dense, BatchNormalization, SGD = recall("Dense"), recall("BatchNormalization"), recall("SGD")
check_rate, check_number = recall("check_rate"), recall("check_number")

# %% [markdown]
# ## A rate that changes
#
# Far from the minimum you want long steps; near it, long steps throw you from wall to wall. A
# schedule turns the number of steps made so far into a rate. In Keras it is an object that the
# optimizer calls, with its step counter as a tensor, before every step: so it computes by `ops`,
# without a Python `if` on `step`. Two helpers first.

# %% export="schedules"
def floats(rate, *others):
    """`rate` as a tensor of floats, also where it is an int, and `others` in its dtype."""
    rate = ops.convert_to_tensor(rate)
    if not keras.backend.is_float_dtype(rate.dtype):
        rate = ops.cast(rate, keras.config.floatx())
    return rate, *(ops.cast(other, rate.dtype) for other in others)


# %% export="schedules"
def check_decay_steps(decay_steps):
    """Return the number of steps; refuse one that is not above 0."""
    if not decay_steps > 0:
        raise ValueError(
            f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}. "
            "It counts training steps (batches), not epochs."
        )
    return decay_steps


# %% [markdown]
# ### Exercise 13.1 · `ExponentialDecay`
# *Difficulty 1 of 5 · needed again: below, in lessons 14 and 15 · 8 minutes*
#
# $$\eta_t = \eta_0\; d^{\,t/T}$$
#
# $\eta_0$ is `initial_learning_rate`, $d$ `decay_rate`, $T$ `decay_steps`. On a staircase $t/T$ is
# rounded down, so that the rate stays where it is for $T$ steps and then drops.

# %% exercise="ExponentialDecay" export="schedules"
class ExponentialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is multiplied by `decay_rate` in the course of every `decay_steps` steps.

    `initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: float of at least 0. The rate of step 0.
        decay_steps: int above 0.
        decay_rate: float above 0. The factor.
        staircase: bool. Whether `step / decay_steps` is rounded down.
        name: string.

    Raises:
        ValueError: `decay_steps` is not above 0, or the rate is below 0.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False,
        name="ExponentialDecay",
    ):
        self.initial_learning_rate = check_rate(initial_learning_rate)
        self.decay_steps, self.decay_rate = check_decay_steps(decay_steps), decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step):
        rate, step, decay_steps, decay_rate = floats(
            self.initial_learning_rate, step, self.decay_steps, self.decay_rate
        )
        ### BEGIN SOLUTION
        # TODO: How often `decay_steps` steps have gone by; on a staircase, whole times only.
        times = step / decay_steps
        if self.staircase:
            times = ops.floor(times)
        # TODO: The rate, multiplied that often by `decay_rate`.
        return rate * decay_rate**times
        ### END SOLUTION

    def get_config(self):
        names = "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name"
        return {name: getattr(self, name) for name in names}


# %%
check(ExponentialDecay, strict=True)
# hint("ExponentialDecay")
# solution("ExponentialDecay")
ExponentialDecay = finish(ExponentialDecay)

# %% [markdown]
# ### Exercise 13.2 · `CosineDecay`
# *Difficulty 3 of 5 · needed again: below, in lessons 14 to 16 and 18 · 15 minutes*
#
# Half a cosine wave leads from the rate down to the share `alpha` of it:
#
# $$\eta_t = \eta_0 \left(\alpha + (1 - \alpha)\,\frac{1 + \cos(\pi\, t/T)}{2}\right),
# \qquad t \le T$$
#
# With a `warmup_target` there is a straight line first, from $\eta_0$ at step 0 to the target after
# `warmup_steps`. The wave then starts there, from the target: its $t$ counts from the end of the line.

# %% exercise="CosineDecay" export="schedules"
class CosineDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine wave from the rate down to `alpha` times the rate; before it, a warm-up.

    With `share = min(step / decay_steps, 1)`, the rate is
    `initial_learning_rate * (alpha + (1 - alpha) * (1 + cos(pi * share)) / 2)`.

    Args:
        initial_learning_rate: float of at least 0. The rate of step 0.
        decay_steps: int above 0. Length of the wave; after it the rate stays where it is.
        alpha: float. The share of the rate that is left at the end.
        name: string.
        warmup_target: float or None. Where the line leads, and the wave starts. Without it there
            is no warm-up.
        warmup_steps: int of at least 0. Length of the line.

    Raises:
        ValueError: `decay_steps` is not above 0, or the rate is below 0.

    Reference: Loshchilov and Hutter, 2017, "SGDR: stochastic gradient descent with warm restarts".
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay",
        warmup_target=None, warmup_steps=0,
    ):
        self.initial_learning_rate = check_rate(initial_learning_rate)
        self.decay_steps, self.alpha = check_decay_steps(decay_steps), alpha
        self.warmup_target, self.warmup_steps, self.name = warmup_target, warmup_steps, name

    def __call__(self, step):
        rate, step = floats(self.initial_learning_rate, step)
        if self.warmup_target is None:
            return self.wave(step, rate)
        target, length = (ops.cast(x, rate.dtype) for x in (self.warmup_target, self.warmup_steps))
        ### BEGIN SOLUTION
        # TODO: The line: `rate` at step 0, `target` after `length` steps.
        line = rate + (target - rate) * step / length
        # TODO: The line as long as it lasts; from step `length` on the wave, which starts there.
        return ops.where(step < length, line, self.wave(step - length, target))
        ### END SOLUTION

    def wave(self, step, rate):
        """The rate on the wave, `step` steps after its start from `rate`."""
        ### BEGIN SOLUTION
        # TODO: Which share of the wave is over? Never more than all of it.
        share = ops.minimum(step / self.decay_steps, 1)
        # TODO: The wave itself: 1 at its start, 0 at its end.
        wave = (1 + ops.cos(np.pi * share)) / 2
        # TODO: Between the rate and `alpha` times the rate.
        return rate * (self.alpha + (1 - self.alpha) * wave)
        ### END SOLUTION

    def get_config(self):
        names = "initial_learning_rate", "decay_steps", "alpha"
        names += "name", "warmup_target", "warmup_steps"
        return {name: getattr(self, name) for name in names}


# %%
check(CosineDecay, strict=True)
# hint("CosineDecay")
# solution("CosineDecay")
CosineDecay = finish(CosineDecay)

# %% [markdown]
# ### Extra: Exercise 13.3 · `PiecewiseConstantDecay`
# *Difficulty 2 of 5 · not needed again · 5 minutes*
#
# A value for each stretch of the training. The value before a boundary still holds *at* it.

# %% exercise="PiecewiseConstantDecay" export="schedules"
# Extra:
class PiecewiseConstantDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`values[0]` up to step `boundaries[0]`, then `values[1]` up to `boundaries[1]`, and so on.

    Args:
        boundaries: list of numbers, each larger than the one before. The last step of each value.
        values: list of floats, one more than boundaries.
        name: string.

    Raises:
        ValueError: the number of values is not one more than that of the boundaries.
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of "
                f"length {len(values)}. The first value is that of the steps before all boundaries."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        boundaries = [ops.cast(boundary, step.dtype) for boundary in self.boundaries]
        first, *others = floats(*self.values)
        ### BEGIN SOLUTION
        # TODO: Begin with the first value.
        rate = first
        # TODO: For every boundary: a step above it takes the value that follows.
        for boundary, value in zip(boundaries, others, strict=True):
            rate = ops.where(step > boundary, value, rate)
        return rate
        ### END SOLUTION

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


# %%
check(PiecewiseConstantDecay, strict=True)
# hint("PiecewiseConstantDecay")
# solution("PiecewiseConstantDecay")
PiecewiseConstantDecay = finish(PiecewiseConstantDecay)

# %% [markdown]
# ### Extra: Exercise 13.4 · `PolynomialDecay`
# *Difficulty 2 of 5 · needed again: below, as the straight line · 5 minutes*
#
# $$\eta_t = \eta_{\mathrm{end}} + (\eta_0 - \eta_{\mathrm{end}})\,(1 - t/T)^{p}, \qquad t \le T$$
#
# With `cycle=True` there is no end: $T$ becomes its own first multiple that is not below $t$.

# %% exercise="PolynomialDecay" export="schedules"
# Extra:
class PolynomialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """From one rate down to another: in a straight line, or in another power of what is left.

    With `left = 1 - min(step / decay_steps, 1)`, the rate is
    `end_learning_rate + (initial_learning_rate - end_learning_rate) * left ** power`.

    Args:
        initial_learning_rate: float of at least 0. The rate of step 0.
        decay_steps: int above 0.
        end_learning_rate: float. The rate after `decay_steps` steps.
        power: float above 0.
        cycle: bool. Whether `decay_steps` is multiplied, past its end, by the first integer that
            makes it as large as `step`.
        name: string.

    Raises:
        ValueError: `decay_steps` is not above 0, or the rate is below 0.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = check_rate(initial_learning_rate)
        self.decay_steps = check_decay_steps(decay_steps)
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step):
        rate, step, decay_steps, end, power = floats(
            self.initial_learning_rate, step, self.decay_steps, self.end_learning_rate, self.power
        )
        ### BEGIN SOLUTION
        # TODO: In cycles, the first multiple of `decay_steps` that `step` does not exceed.
        if self.cycle:
            decay_steps *= ops.maximum(ops.ceil(step / decay_steps), 1)
        # TODO: Which share is left? Never less than none.
        left = ops.maximum(1 - step / decay_steps, 0)
        # TODO: From the end, up by that power of the way back to the start.
        return end + (rate - end) * left**power
        ### END SOLUTION

    def get_config(self):
        names = "initial_learning_rate", "decay_steps", "end_learning_rate"
        names += "power", "cycle", "name"
        return {name: getattr(self, name) for name in names}


# %%
check(PolynomialDecay, strict=True)
# hint("PolynomialDecay")
# solution("PolynomialDecay")
PolynomialDecay = finish(PolynomialDecay)

# %% [markdown]
# Keras's own tests of its schedules, on yours (half a minute at most):

# %%
schedules = [ExponentialDecay, CosineDecay, PiecewiseConstantDecay, PolynomialDecay]
reports = keras_exams(schedules)
assert all(report.passed for report in reports)
plots.table({
    "schedule": [report.subject for report in reports],
    "Keras's tests passed": [f"{report.count('passed')} of {len(report.tests)}"
                             for report in reports],
})

# %% [markdown]
# ## Four ways down

# %%
predict(
    "13-cosine",
    "After a quarter of the steps: which share of its rate does a cosine still have?",
    choices=["1/2", "3/4", "more than 3/4"],
    guess=None,
)

# %%
STEPS = 600
down = {
    "constant": lambda rate: ExponentialDecay(rate, STEPS, 1.0),
    "step": lambda rate: ExponentialDecay(rate, 200, 0.1, staircase=True),
    "cosine": lambda rate: CosineDecay(rate, STEPS),
    "linear": lambda rate: PolynomialDecay(rate, STEPS, end_learning_rate=0.0),
    "cosine, warm-up": lambda rate: CosineDecay(0.0, 540, warmup_target=rate, warmup_steps=60),
}
shown = {name: [float(make(1.0)(step)) for step in range(STEPS + 1)]
         for name, make in down.items()}
plots.lines(range(STEPS + 1), shown, title="Long steps first, short ones at the end",
            xlabel="training step", ylabel="rate, as a share of the highest")
for line in plt.gca().lines:
    line.set_markevery(100)
plots.show(alt="Rate against step: level, a staircase of three stairs, half a cosine wave, a "
           "straight line, and a cosine after a short straight rise.")
share = shown["cosine"][STEPS // 4]
reveal("13-cosine", ["1/2", "3/4", "more than 3/4"][np.digitize(share, [0.6, 0.8])])
plots.table({"after": ["a quarter", "a half", "three quarters"]} | {
    name: [rates[STEPS * part // 4] for part in (1, 2, 3)] for name, rates in shown.items()})

# %% [markdown]
# ## What a schedule buys
#
# A small net, batches of 16 and a tenth of the labels wrong: a noisy gradient. Every arm may choose
# among the same four rates, and each is trained from ten seeds.

# %%
predict(
    "13-gain",
    "Test accuracy of a cosine, less that of a constant rate, both tuned:",
    choices=["0 or less", "about a point", "five points or more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
(x_train, y_train), (x_test, y_test) = datasets.digits(wrong_labels=0.1)
RATES = [0.01, 0.03, 0.1, 0.3]


def network():
    hidden = [Dense(64, activation="relu", kernel_initializer="he_normal") for _ in range(3)]
    return keras.Sequential([keras.Input((64,)), *hidden, Dense(10)])


optimizers = {name: lambda rate, make=make: SGD(make(rate)) for name, make in down.items()}
runs = sweep(network, (x_train, y_train), test=(x_test, y_test), seeds=range(10), batch_size=16,
             learning_rate=RATES, optimizer=optimizers, steps=STEPS, test_every=100)

# %% tags=["nbval-ignore-output"]
final = runs.test_accuracy.at(step=STEPS)  # axes: optimizer, learning_rate, seed
best = final.mean("seed").best("learning_rate")
tuned = {arm: final.at(optimizer=arm, learning_rate=best.at(optimizer=arm)).values for arm in down}
some = ["constant", "step", "cosine"]
plots.lines(RATES, {arm: final.at(optimizer=arm).values.T for arm in some},
            title="A rate that falls forgives a high start", log="x", xlabel="(highest) rate",
            ylabel="test accuracy after 600 steps")
plots.show(alt="Test accuracy against rate: at 0.01 the constant rate is ahead, from 0.1 on the two "
           "schedules are, while the constant falls off, with a wide band.")
gain = {arm: values - tuned["constant"] for arm, values in tuned.items()}
shapes = [tuned[arm].mean() for arm in ["step", "cosine", "linear"]]
assert min(gain[arm].mean() for arm in ["step", "cosine", "linear"]) > 0.006
assert np.ptp(shapes) < 0.012
reveal("13-gain", ["0 or less", "about a point", "five points or more"][
    np.digitize(gain["cosine"].mean(), [0.003, 0.04])])
plots.table({"schedule": tuned, "best rate": [f"{best.at(optimizer=arm):g}" for arm in down],
             "accuracy (%)": [100 * values for values in tuned.values()],
             "gain (points)": [100 * values for values in gain.values()],
             "seeds ahead": [f"{np.sum(values > 0)} of 10" for values in gain.values()]},
            decimals=1)

# %% tags=["nbval-ignore-output"]
judge = plots.Verdicts("claim")
warmed = tuned["cosine, warm-up"] - tuned["cosine"]
gains = [100 * gain[arm].mean() for arm in ["step", "cosine", "linear"]]
judge("a schedule beats a constant rate", {"here": min(gains) > 0.6},
      f"{min(gains):.1f} to {max(gains):.1f} points")
judge("its shape matters", {"here": np.ptp(shapes) > 0.012},
      f"{100 * np.ptp(shapes):.1f} points between three shapes")
assert np.abs(warmed.mean()) < 0.012
judge("warm-up helps", {"here": warmed.mean() > 0.012},
      f"{100 * warmed.mean() + 0.0:.1f} points over the cosine without")

# %% [markdown]
# One rate cannot be right at both ends: where it is high enough to get far, it keeps the last
# weights trembling. A schedule takes the high rate first and lets the trembling die down, and so
# the choice of the rate matters less. *How* it goes down hardly matters. Warm-up buys nothing in
# this net, which stands its highest rate from the first step. It was made for nets that do not:
# very large batches, Adam's first steps, attention without normalization.
#
# ## A step that is too long
#
# One bad batch can undo the training. Clipping limits what a single step may do: each number of
# the gradients, the norm of each gradient, or the norm of all of them together.
#
# ### Exercise 13.5 · `clip_gradients`
# *Difficulty 3 of 5 · needed again: below, in lesson 14 · 12 minutes*
#
# $$g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert}\right)$$

# %% exercise="clip_gradients" export="optimizers"
def clip_gradients(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    """Limit gradients: each number, the norm of each gradient, or the norm of all together.

    A gradient above its limit is scaled down to it, so that it keeps its direction; one below stays
    as it is. Only `clipvalue`, which limits every number to [-clipvalue, clipvalue], turns it.

    Args:
        gradients: list of tensors; None for a variable without gradient, which stays None.
        clipvalue, clipnorm, global_clipnorm: float above 0, or None. At most one of them is given.

    Returns: a list as long as `gradients`.

    Raises:
        ValueError: more than one limit is given, or one that is not above 0.

    Reference: Pascanu, Mikolov and Bengio, 2013, "On the difficulty of training recurrent neural
    networks".
    """
    limits = {"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    if len(limits) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
            f"{', '.join(f'{name}={limit}' for name, limit in limits.items())}."
        )
    for name, limit in limits.items():
        check_number(name, limit, lambda number: number > 0, "a float above 0")
    ### BEGIN SOLUTION
    # TODO: No limit: all as they are. By value: each number between -clipvalue and clipvalue.
    if not limits:
        return list(gradients)
    if clipvalue:
        return [g if g is None else ops.clip(g, -clipvalue, clipvalue) for g in gradients]
    # TODO: By norm: the sum of squares of each gradient, in float32 (None has 0); globally, of all.
    floats32 = [ops.zeros(()) if g is None else ops.cast(g, "float32") for g in gradients]
    squares = [ops.sum(ops.square(g)) for g in floats32]
    if global_clipnorm:
        squares = [sum(squares)] * len(squares)
    # TODO: The factor for each: limit over norm, but never above 1.
    factors = [limit / ops.maximum(ops.sqrt(square), limit) for square in squares]
    # TODO: Each gradient times its factor, in the gradient's dtype, by `ops.multiply`.
    pairs = zip(gradients, factors, strict=True)
    return [g if g is None else ops.multiply(g, ops.cast(f, g.dtype)) for g, f in pairs]
    ### END SOLUTION


# %%
check(clip_gradients, strict=True)
# hint("clip_gradients")
# solution("clip_gradients")
clip_gradients = finish(clip_gradients)

# %% [markdown]
# `network` again, at the rate that was best for a constant. In a second set of batches, one image in
# every fiftieth has pixels a thousand times too large, as a broken sensor would send them.

# %%
crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled_steps(net, optimizer, average=None, **limit):
    """A function that makes a step for each batch, and returns the gradient norm of each."""
    weights = net.trainable_variables
    optimizer.build(weights)

    def step(batch):
        images, labels = batch
        with tf.GradientTape() as tape:
            loss = crossentropy(labels, net(images, training=True))
        gradients = tape.gradient(loss, weights)
        optimizer.apply(clip_gradients(gradients, **limit), weights)
        if average is not None:
            average.update()
        return tf.linalg.global_norm(gradients)

    spec = [tf.TensorSpec((None, None, 64)), tf.TensorSpec((None, None), "int32")]

    @tf.function(input_signature=spec, autograph=False)  # Keras compiles its steps so, too
    def steps(images, labels):  # one batch after the other
        return tf.map_fn(step, (images, labels), parallel_iterations=1,
                         fn_output_signature="float32")

    return steps

# %%
def batches(seed):
    """Images and labels of 600 batches of 16: those of the sweep."""
    generator = np.random.default_rng(seed)
    rows = np.concatenate([generator.permutation(len(x_train)) for _ in range(8)])
    return x_train[rows].reshape(STEPS, 16, 64), y_train[rows].reshape(STEPS, 16)


def accuracy(net):
    return np.mean(np.argmax(net(x_test), axis=-1) == y_test)


def outliers(images):
    """The first image of every fiftieth batch a thousand times too large."""
    images = images.copy()
    images[49::50, 0] *= 1000
    return images

# %% [markdown]
# Look at the norms before you limit them: a limit belongs above those that are usual.

# %% tags=["nbval-ignore-output"]
rate = float(best.at(optimizer="constant"))
keras.utils.set_random_seed(0)
net = network()
images, labels = batches(0)
with tf.GradientTape() as tape:
    loss = crossentropy(labels[49], net(outliers(images)[49]))
wild = tape.gradient(loss, net.trainable_variables)
norms = compiled_steps(net, SGD(rate))(images, labels).numpy()
plots.table({"norm of the gradient": ["median step", "99 steps of 100 below", "with an outlier"],
             "": [np.median(norms), np.quantile(norms, 0.99), float(tf.linalg.global_norm(wild))]},
            decimals=0)

# %%
predict(
    "13-clip",
    "Which kind of clipping never changes the direction of the whole step?",
    choices=["clipvalue", "clipnorm", "global_clipnorm"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
limits = {"none": {}, "clipvalue": {"clipvalue": 0.5}, "clipnorm": {"clipnorm": 3.0},
          "global_clipnorm": {"global_clipnorm": 5.0}}
clean, broken = {}, {}  # arm -> test accuracy of each seed
for arm, limit in limits.items():
    net = network()
    steps = compiled_steps(net, SGD(rate), **limit)
    for results, change in [(clean, np.asarray), (broken, outliers)]:
        results[arm] = []
        for seed in range(5):
            keras.utils.set_random_seed(seed)
            net.set_weights(network().get_weights())
            images, labels = batches(seed)
            steps(change(images), labels)
            results[arm].append(accuracy(net))

# %% [markdown]
# And the direction: the angle between the wild gradient from above, all its parts as one vector, and
# what clipping makes of it.

# %% tags=["nbval-ignore-output"]
def angle(ones, others):
    """Degrees between two lists of arrays, each taken as one long vector."""
    one, other = (np.concatenate([np.ravel(part) for part in parts]) for parts in (ones, others))
    cosine = np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other)
    return np.degrees(np.arccos(min(cosine, 1.0)))


turned = {arm: angle(wild, clip_gradients(wild, **limit)) for arm, limit in limits.items()}

# %% tags=["nbval-ignore-output"]
plots.dots(broken, title="With outliers, clipping decides", decimals=2,
           xlabel="test accuracy, one image in 800 an outlier")
plots.show(alt="Test accuracy of five seeds for four arms: without clipping most are near chance, "
           "with each kind of clipping above 0.9.")
saved = [np.mean(broken[arm]) for arm in limits if arm != "none"]
change = {arm: np.mean(clean[arm]) - np.mean(clean["none"]) for arm in limits}
assert np.mean(broken["none"]) < 0.6 and min(saved) > 0.85
assert turned["global_clipnorm"] < 1 < min(turned["clipvalue"], turned["clipnorm"])
reveal("13-clip", min(list(limits)[1:], key=turned.get))
judge("clipping saves a run", {"from outliers": min(saved) > np.mean(broken["none"]) + 0.1},
      f"accuracy {np.mean(broken['none']):.2f} → {min(saved):.2f} and more")
changes = [change[arm] for arm in limits if arm != "none"]
assert np.abs(changes).max() < 0.012
judge("clipping helps a run without outliers", {"": min(changes) > 0.012},
      f"{100 * min(changes) + 0.0:.1f} to {100 * max(changes) + 0.0:.1f} points")
plots.table({"clipping": limits, "with outliers": [np.array(each) for each in broken.values()],
             "without": [np.array(each) for each in clean.values()],
             "turned by (degrees)": [f"{each:.0f}" for each in turned.values()]})

# %% [markdown]
# A single step in fifty ruins most runs, and any of the three limits keeps them, at no cost to the
# runs without outliers: most of their gradients lie below the limit. What differs is the direction.
# By value, and by the norm of each gradient, the large parts are cut more than the small ones, and
# the step turns. One factor for all leaves it where it points.
#
# ## An average instead of a last step
#
# With a constant rate the weights tremble around a good place. Instead of calming them, take the
# mean of where they have been: the gradients never see it.
#
# ### Exercise 13.6 · `WeightAverage`
# *Difficulty 2 of 5 · needed again: in lesson 14 · 10 minutes*
#
# $$\bar w \leftarrow m\,\bar w + (1 - m)\, w$$

# %% exercise="WeightAverage" export="optimizers"
class WeightAverage:
    """An exponential moving average of weights, as Keras's optimizers keep it with `use_ema=True`.

    `average = momentum * average + (1 - momentum) * variable` after every step of the optimizer;
    the first time `average = variable`.

    Args:
        variables: list of variables, as `model.trainable_variables`.
        momentum: float in [0, 1]. The share of the old average that is kept.

    Reference: Polyak and Juditsky, 1992, "Acceleration of stochastic approximation by averaging", for
    the average with equal weights.
    """

    def __init__(self, variables, momentum=0.99):
        check_number("momentum", momentum, lambda share: 0 <= share <= 1, "a float in [0, 1]")
        self.variables, self.momentum = list(variables), momentum
        self.averages = [
            keras.Variable(ops.zeros_like(variable), trainable=False) for variable in self.variables
        ]
        self.updates = keras.Variable(0, trainable=False, dtype="int32")

    def update(self):
        """Take the weights as they are now into the average."""
        ### BEGIN SOLUTION
        # TODO: The share of the old average that is kept: none in the first update.
        kept = ops.where(self.updates == 0, 0.0, self.momentum)
        # TODO: Each average: that share of it, and the rest from its variable.
        for average, variable in zip(self.averages, self.variables, strict=True):
            average.assign(average * kept + variable * (1 - kept))
        # TODO: Count the update.
        self.updates.assign_add(1)
        ### END SOLUTION

    def swap(self):
        """Exchange weights and averages: once to evaluate the average, once more to train on."""
        ### BEGIN SOLUTION
        # TODO: Give each variable the value of its average, and the other way round.
        for average, variable in zip(self.averages, self.variables, strict=True):
            value = ops.copy(variable)
            variable.assign(average)
            average.assign(value)
        ### END SOLUTION


# %%
check(WeightAverage, strict=True)
# hint("WeightAverage")
# solution("WeightAverage")
WeightAverage = finish(WeightAverage)

# %%
predict(
    "13-average",
    "Constant rate 0.1, momentum 0.99. After 50 of 600 steps the average of the weights is…",
    choices=["better than the weights", "about as good", "far worse"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
looks = [25, 50, 100, 200, 300, 400, 500, 600]
curves = {"last weights": [], "their average": []}  # (seeds, looks)
for seed in range(5):
    keras.utils.set_random_seed(seed)
    net = network()
    average = WeightAverage(net.trainable_variables, momentum=0.99)
    steps = compiled_steps(net, SGD(0.1), average)
    images, labels = batches(seed)
    for results in curves.values():
        results.append([])
    for start, end in zip([0, *looks[:-1]], looks, strict=True):
        steps(images[start:end], labels[start:end])
        for results in curves.values():  # the weights, then, swapped, the average
            results[-1].append(accuracy(net))
            average.swap()

# %% tags=["nbval-ignore-output"]
errors = {name: 1 - np.array(values) for name, values in curves.items()}
plots.lines(looks, errors, title="The average is late, and then ahead", log="y",
            ylabel="test error", xlabel="training step, at rate 0.1")
plots.show(alt="Test error against step: that of the weights falls at once and then trembles "
           "around 0.05; that of their average starts far above and ends at 0.03, smooth.")
weights, averaged = (np.array(each) for each in curves.values())
cosine = final.at(optimizer="cosine", learning_rate=0.1).values[:5]
early, late = (averaged - weights)[:, [1, -1]].T
assert early.mean() < -0.1 and late.mean() > 0.01
reveal("13-average", ["far worse", "about as good", "better than the weights"][
    np.digitize(early.mean(), [-0.05, 0.01])])
judge("an average of the weights beats the last ones",
      {"after 600 steps": late.mean() > 0.01, "after 50": early.mean() > 0.01},
      f"{100 * early.mean():.0f} points after 50, {100 * late.mean():+.1f} after 600")
behind = averaged[:, -1].mean() - cosine.mean()
assert np.abs(behind) < 0.012
judge("it stands in for a decayed rate", {"at rate 0.1": behind > -0.012},
      f"{100 * behind:+.1f} points to the cosine")
plots.table({"step": looks, "last weights": list(weights.T), "their average": list(averaged.T),
             "share of the first weights": [0.99 ** (n - 1) for n in looks]})

# %% [markdown]
# At rate 0.1 the last weights depend on the last few batches; their average does not, and comes out
# with the cosine, from a training that never slowed down. Its price is the beginning: with momentum 0.99
# it is the mean of about the last hundred steps, and at first holds mostly the first weights, which
# know nothing (the last column). An average that starts from zeros would lack that share altogether:
# it would be too small instead of too old.
#
# ## Four small batches for a large one
#
# Where a batch does not fit into memory, gradients are added up over several smaller ones before a
# step is made. Keras's optimizers do it with `gradient_accumulation_steps`, and yours inherits it.
# Is a step from four batches of 16 the same as one from a batch of 64?

# %%
predict(
    "13-accumulate",
    "In which net are four batches of 16, accumulated, the same as one batch of 64?",
    choices=["both", "only without batch normalization", "neither"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
def trained_weights(norm, size, **options):
    """All trained weights, before and after two epochs of batches in a fixed order."""
    keras.utils.set_random_seed(0)
    layers = [Dense(64), BatchNormalization()] if norm else [Dense(64)]
    net = keras.Sequential([keras.Input((64,)), *layers, keras.layers.ReLU(), Dense(10)])
    net.compile(SGD(0.1, **options), crossentropy)
    start = np.concatenate([np.ravel(each) for each in net.trainable_variables])
    net.fit(x_train[:1024], y_train[:1024], batch_size=size, epochs=2, shuffle=False, verbose=0)
    return start, np.concatenate([np.ravel(each) for each in net.trainable_variables])


apart = {}
for name, norm in [("without", False), ("with", True)]:
    start, large = trained_weights(norm, 64)
    _, small = trained_weights(norm, 16, gradient_accumulation_steps=4)
    apart[name] = np.linalg.norm(small - large) / np.linalg.norm(large - start)
assert apart["without"] < 0.001 and apart["with"] > 0.05
reveal("13-accumulate", "only without batch normalization")
judge("accumulation is a large batch",
      {f"{name} batch normalization": value < 0.001 for name, value in apart.items()},
      f"apart, as a share of the way: {apart['without']:.2f} and {apart['with']:.2f}")
plots.table({"batch normalization": apart, "apart, as a share of the way": apart.values()})

# %% [markdown]
# The mean of four means is the mean of all, so the gradients agree, up to rounding. Batch
# normalization computes its statistics from the 16 images that it sees: sixteen are not
# sixty-four, however the gradients are added up.
#
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# ## What can go wrong
#
# **An int for a rate.** `keras.optimizers.schedules.ExponentialDecay(1, 10, 0.5)` gives rate 0 at step 5:
# Keras casts everything to the type of the first argument, so that 0.5 becomes 0, and pi in a
# cosine 3. Write `1.0`; yours takes both.

# %%
kerass, yours = (
    [float(module(1, 10, 0.5)(step)) for step in (0, 5, 10)]
    for module in (keras.optimizers.schedules.ExponentialDecay, ExponentialDecay)
)
plots.table({"step": [0, 5, 10], "Keras's, rate 1": kerass, "yours, rate 1": yours})

# %% [markdown]
# **Epochs for steps.** `decay_steps` counts batches. `CosineDecay(0.1, 20)` for twenty epochs is over
# within the first one, and the rest is trained at rate 0.
#
# **A schedule and a callback.** `ReduceLROnPlateau` sets the rate, which a schedule does not let it:
# Keras raises an error. Use one of them.
#
# **Warm-up on top.** In `CosineDecay` the decay starts *after* the warm-up: the whole takes
# `warmup_steps + decay_steps`.
#
# **Clipping mends no NaN.** Infinite times a factor of 0 is NaN. Clipping limits long gradients,
# not broken ones. It also hides a rate that is too high: look at the norms before you limit them.
#
# **An average without its statistics.** Averaged weights meet the moving statistics that batch normalization
# took from the *other* weights. Recompute them on training data after a swap. And remember to swap
# back before you train on; Keras's `use_ema` overwrites the weights at the end of `fit`.
#
# ## Summary
#
# - A schedule is a function of the step, computed by `ops`. It beats the tuned constant rate where
#   gradients are noisy; its shape hardly matters, and neither does warm-up in a net as small as this.
# - Clipping is an insurance: without outliers it changes little, with them it saves the run. Only one
#   factor for all keeps the direction.
# - An average of the weights calms them as a falling rate does. It lags at first, by about
#   1 / (1 - momentum) steps.
# - Accumulated gradients are a large batch, unless a layer looks at the batch.
#
# **To think about**
#
# 1. A cosine has to know when training ends. What would you do if you did not?
# 2. Adam divides the gradient by its size. What is left for `clipnorm` to do? And if you clipped after
#    Adam's division?
# 3. Average the last ten weights with equal shares instead. When would you expect that to be better?
