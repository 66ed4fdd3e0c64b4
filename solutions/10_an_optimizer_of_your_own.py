# %% [markdown]
# # 10 · An optimizer of your own
#
# **You build** `GradientDescent`, then `SGD` with momentum and Nesterov's variant: real Keras
# optimizers that `compile` and `fit` take. Then you measure what momentum does, and what it is only
# said to do.
#
# **You need** lesson 01 (`Dense`; where yours is missing the course's own stands in).
#
# **It takes** about 55 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %%
Dense, check_number = recall("Dense"), recall("check_number")
(x_train, y_train), (x_test, y_test) = datasets.digits()

# %% [markdown]
# ## The contract
#
# `fit` computes the gradients; what becomes of them is the optimizer's business. Keras asks four
# things of one:
#
# - **`__init__`** takes the learning rate: a float, a schedule, or a function without arguments;
# - **`build(variables)`** makes the state, a *slot* for each variable, once;
# - **`update_step(gradient, variable, learning_rate)`** changes one variable. Keras calls it for
#   each variable in each step, with the rate of that step;
# - **`get_config`** returns what `__init__` was told.
#
# Everything else comes with `keras.optimizers.Optimizer`: `apply(gradients, variables)`, clipping,
# weight decay, averages of the weights, saving. The first optimizer has no state, so `build` and
# `get_config` are inherited too. Refusing bad rates is given:

# %% export="optimizers"
def check_rate(learning_rate):
    """Return the learning rate; refuse a number below 0 and NaN. Keras looks at the rest."""
    if isinstance(learning_rate, float):
        check_number("learning_rate", learning_rate, lambda rate: rate >= 0, "a float of at least 0")
    return learning_rate

# %% [markdown]
# ### Exercise 10.1 · `GradientDescent`
# *Difficulty 1 of 5 · needed again: in this lesson · 5 minutes*
#
# $$w \leftarrow w - \eta\, g$$
#
# A variable `w`, its gradient $g$, the rate $\eta$.

# %% exercise="GradientDescent" export="optimizers"
class GradientDescent(keras.optimizers.Optimizer):
    """Gradient descent: `variable -= learning_rate * gradient`. It has no momentum yet.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Cauchy, 1847, Comptes rendus 25.
    """

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        ### BEGIN SOLUTION
        # TODO: Gradient times rate, by `ops.multiply`, which keeps sparse gradients sparse.
        step = ops.multiply(gradient, rate)
        # TODO: Step against it, by `self.assign_sub`.
        self.assign_sub(variable, step)
        ### END SOLUTION


# %%
check(GradientDescent, strict=True)
# hint("GradientDescent")
# solution("GradientDescent")
GradientDescent = finish(GradientDescent)

# %% [markdown]
# The **microscope** shows what an optimizer does in each step to each number, here beside Keras's
# own. The *effective rate* is − update / gradient: the rate at which gradient descent would have made
# the same step.

# %%
watched = microscope(GradientDescent(0.1), beside=keras.optimizers.SGD(0.1))
assert watched.first_difference is None
watched

# %% [markdown]
# `compile` takes it like any other:

# %%
def network():
    """Two hidden layers of 64 units, and ten logits."""
    layers = [layer for _ in range(2) for layer in (Dense(64), keras.layers.ReLU())]
    return keras.Sequential([keras.Input((64,)), *layers, Dense(10)])


keras.utils.set_random_seed(0)
net = network()
net.compile(GradientDescent(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"])
history = net.fit(x_train, y_train, epochs=5, verbose=0).history["accuracy"]
assert history[-1] > 0.9
plots.table({"epoch": range(1, 6), "training accuracy": history})

# %% [markdown]
# ## Momentum
#
# Gradient descent forgets each gradient once it has stepped. *Momentum* (Polyak, 1964, who thought of
# a heavy ball) makes a share $\mu$ of the last step again:
#
# $$m \leftarrow \mu\, m - \eta\, g \qquad w \leftarrow w + m$$

# %%
predict(
    "10-constant",
    "A gradient of 1 in every step, momentum 0.9. How long does the step become?",
    choices=["0.9 times the rate", "the rate", "10 times the rate", "longer and longer"],
    guess=None,
)

# %% [markdown]
# *Nesterov's* variant asks for the gradient not where $w$ is but where the momentum will take it, at
# $\hat w = w + \mu\, m$. From there the new slot is $m' = \mu\, m - \eta\, g$, the next place
# $w + m'$, and the place looked at in the next step
#
# $$w + m' + \mu\, m' = \hat w - \mu\, m + m' + \mu\, m' = \hat w + \mu\, m' - \eta\, g$$
#
# Keep track of $\hat w$ alone, call it $w$, and the rule needs no second gradient:
#
# $$m' = \mu\, m - \eta\, g \qquad w \leftarrow w + \mu\, m' - \eta\, g \qquad m \leftarrow m'$$
#
# ### Exercise 10.2 · `SGD`
# *Difficulty 3 of 5 · needed again: in lessons 11 to 15 · 15 minutes*
#
# The slots come from `self.add_optimizer_variables(variables, name)`, a list in the order of the
# variables; `self._get_variable_index(variable)` says which belongs to which. A slot is changed by
# `self.assign(slot, value)`.

# %% exercise="SGD" export="optimizers"
class SGD(keras.optimizers.Optimizer):
    """Gradient descent with momentum, and with Nesterov's look ahead.

    `m = momentum * m - learning_rate * gradient`, then `variable += m`; with `nesterov=True`
    instead `variable += momentum * m - learning_rate * gradient`, with the new `m`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        momentum: float in [0, 1]. The share of the last step that is made again.
        nesterov: bool. Whether to step as if the momentum had been followed already.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Sutskever et al., 2013, "On the importance of initialization and momentum in deep
    learning".
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        if not isinstance(momentum, (float, np.floating)) or not 0 <= momentum <= 1:
            raise ValueError(
                f"`momentum` must be a float between [0, 1]. Received: momentum={momentum!r}. "
                "Use momentum=0.0 for plain gradient descent."
            )
        self.momentum, self.nesterov = float(momentum), nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        ### BEGIN SOLUTION
        # TODO: One slot for each variable, called "momentum", unless there is no momentum.
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")
        ### END SOLUTION

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        step = ops.multiply(gradient, rate)
        ### BEGIN SOLUTION
        # TODO: Without momentum, a step of gradient descent, and done.
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        # TODO: The slot of this variable: a share of it is kept, and the step goes against the gradient.
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, ops.subtract(m * self.momentum, step))
        # TODO: Add it to the variable; Nesterov's variant adds what the next step would make of it.
        self.assign_add(variable, ops.subtract(m * self.momentum, step) if self.nesterov else m)
        ### END SOLUTION

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}


# %%
check(SGD, strict=True)
# hint("SGD")
# solution("SGD")
SGD = finish(SGD)

# %%
rule = dict(momentum=0.9, nesterov=True)
watched = microscope(SGD(0.1, **rule), beside=keras.optimizers.SGD(0.1, **rule))
assert watched.first_difference is None
steady = microscope(SGD(1.0, momentum=0.9), start={"w": 0.0}, gradients=[{"w": 1.0}] * 100)
length = steady.entries[100, "w"]["effective rate"]
reveal("10-constant", ["0.9 times the rate", "the rate", "10 times the rate", "longer and longer"][
    np.digitize(length, [0.95, 5, 20])])
watched

# %% [markdown]
# The steps form a geometric series: they grow to $\eta / (1 - \mu)$. So momentum 0.9 is, among
# other things, a rate ten times as high; keep that in mind when it is said to be faster.
#
# ## Keras's own tests
#
# Beside yours stands a class that takes `momentum` and never uses it.

# %%
predict(
    "10-forgetful",
    "Keras's tests of SGD, on a class that ignores momentum: how many notice?",
    choices=["none", "one or two", "more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
class Forgetful(keras.optimizers.SGD):
    """Momentum is asked for, and ignored."""

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, ops.multiply(gradient, ops.cast(learning_rate, variable.dtype)))


report, forgetful = keras_exams([SGD, Forgetful], tests_of=["SGD", "SGD"])  # in some ten seconds

# %%
assert report.passed
reveal("10-forgetful", ["none", "one or two", "more"][np.digitize(forgetful.count("failed"), [1, 3])])
print(forgetful.headline())
print(microscope(Forgetful(0.1, momentum=0.9), beside=keras.optimizers.SGD(0.1, momentum=0.9)).verdict)
report

# %% [markdown]
# The test that compares numbers asks for `nesterov=True` and leaves the momentum at 0. The
# microscope sees at once that the slot stays empty.
#
# ## "Momentum overcomes ravines"
#
# A ravine is a loss that is steep in one direction and flat in another. The ratio of the two
# curvatures is its *condition number* $\kappa$. The steep direction limits the rate; the flat one
# waits. For $\frac12 \sum_i \lambda_i w_i^2$ with curvatures from 1 to $\kappa$, theory has rates
# and momenta that are good for each method, and says how many steps they take:
#
# | | rate | momentum | steps grow as |
# | --- | --- | --- | --- |
# | gradient descent | $2 / (\kappa + 1)$ | 0 | $\kappa$ |
# | heavy ball | $4 / (\sqrt\kappa + 1)^2$ | $\left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^2$ | $\sqrt\kappa$ |
# | Nesterov | $1 / \kappa$ | $\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}$ | $\sqrt\kappa$ |
# | momentum 0.9 | $0.1 / \sqrt\kappa$ | 0.9 | – |
#
# No theory chose the last row: it is the usual momentum, at rates found by trial.
#
# `walk` records every point on the way down a loss, and `judge` writes down verdicts: each claim
# is tried under several conditions, and code decides under which of them it held.

# %%
def walk(optimizer, loss, start, steps):
    """The points on the way down, `(steps + 1, ...)`. Each row of `start` goes its own way."""
    w = keras.Variable(start)
    optimizer.build([w])

    def step(*_):
        with tf.GradientTape() as tape:
            total = ops.sum(loss(w))
        optimizer.apply(tape.gradient(total, [w.value]), [w])
        return tf.identity(w)

    first = tf.constant(start)
    walking = tf.function(lambda: tf.scan(step, tf.range(steps), first), autograph=False)
    return np.concatenate([[start], walking.get_concrete_function()()])


judge = plots.Verdicts("momentum …")

# %%
predict(
    "10-ravine",
    "Momentum 0.9 in a mild ravine of condition number 10, beside gradient descent: it takes…",
    choices=["fewer steps", "about as many", "more steps"],
    guess=None,
)

# %% [markdown]
# Twenty curvatures from 1 to $\kappa$, five random starts, down to a thousandth of the first distance:

# %%
kappas = [1, 3, 10, 30, 100, 300, 1000]
methods = {
    "gradient descent": lambda k: GradientDescent(2 / (k + 1)),
    "heavy ball": lambda k: SGD(4 / (k**0.5 + 1) ** 2, ((k**0.5 - 1) / (k**0.5 + 1)) ** 2),
    "Nesterov": lambda k: SGD(1 / k, (k**0.5 - 1) / (k**0.5 + 1), nesterov=True),
    "momentum 0.9": lambda k: SGD(0.1 / k**0.5, 0.9),
}
starts = np.random.default_rng(0).normal(size=(5, 20)).astype("float32")  # (seeds, directions)


def steps_down(method, kappa, starts=starts):
    """Steps of each start to a thousandth of its distance."""
    curvature = np.geomspace(1, kappa, 20, dtype="float32")
    points = walk(method(kappa), lambda w: curvature / 2 * ops.square(w), starts, 5 * kappa + 200)
    distance = np.linalg.norm(points, axis=-1)  # (steps + 1, seeds)
    near = distance < distance[0] / 1000
    return np.where(near.any(axis=0), near.argmax(axis=0), np.inf)


steps = {name: np.transpose([steps_down(method, kappa) for kappa in kappas])
         for name, method in methods.items()}  # (seeds, kappas)

# %% tags=["nbval-ignore-output"]
ax = plots.lines(kappas, steps, title="Momentum gains the root of the condition number", log="xy",
                 xlabel="condition number", ylabel="steps")
ax.lines[-1].set(marker="v", linestyle=":")  # told from the heavy ball in grey, too
ax.legend(title="mean and range of 5 seeds")
plots.show(alt="Steps against condition number, logarithmic: gradient descent along slope 1, heavy "
           "ball and Nesterov along one half; momentum 0.9 is level and meets it between 30 and 100.")
slopes = {name: np.polyfit(np.log(kappas[2:]), np.log(each.T[2:]), 1)[0]
          for name, each in steps.items()}
theory = dict(zip(methods, [1.0, 0.5, 0.5, 0.0], strict=True))
assert all(np.all(np.abs(slopes[name] - theory[name]) < 0.09) for name in methods)
gain = {kappa: (steps["gradient descent"] / steps["momentum 0.9"])[:, kappas.index(kappa)]
        for kappa in [10, 1000]}
assert gain[10].max() < 0.5 and gain[1000].min() > 10
reveal("10-ravine", ["more steps", "about as many", "fewer steps"][
    np.digitize(gain[10].mean(), [0.8, 1.25])])
tuned = steps["gradient descent"][:, 2:] / steps["heavy ball"][:, 2:]
judge("overcomes ravines", {"tuned to them": tuned.min() > 1} | {
    f"with 0.9 at κ = {kappa}": gain[kappa].mean() > 1 for kappa in gain},
    "times fewer steps with 0.9: " + ", ".join(
        f"{each.mean():.1f} at κ = {kappa}" for kappa, each in gain.items()))
plots.table({"method": methods, "slope from κ = 10 on": slopes.values(), "theory": theory.values()}
            | {f"steps, κ = {kappa}": [f"{each[:, kappas.index(kappa)].mean():.0f}"
                                       for each in steps.values()] for kappa in [1, 10, 100, 1000]})

# %% [markdown]
# The law nearly holds. Theory speaks of deep ravines and of late steps; these ravines end at 1000, and
# the first steps count, in which the heavy ball overshoots. So both slopes lie a little above one half.
#
# The last line of the table shows the price of a fixed momentum: it forgets slowly, and takes about
# as many steps at $\kappa = 10$ as at 1000, and dozens in a round bowl, where the others take one. Up to
# where the lines cross, between 30 and 100, plain descent at its best rate is the faster one.
#
# Was momentum given a bad rate at $\kappa = 10$? A learning rate may be a function that returns a
# *column*: then each row goes by a rate of its own, and a dozen rates are tried at once.

# %% tags=["nbval-ignore-output"]
dozen = np.geomspace(0.01, 0.25, 12, dtype="float32")
column = np.repeat(dozen, len(starts))[:, None]
best = {}  # momentum -> the fewest steps, and their rate
for momentum in [0.9, 0.3]:
    took = steps_down(lambda _, mu=momentum: SGD(lambda: tf.constant(column), mu), 10,
                      np.tile(starts, (len(dozen), 1))).reshape(len(dozen), -1).mean(axis=1)
    best[momentum] = took.min(), dozen[took.argmin()]
assert best[0.9][0] > 110 and best[0.3][0] < 25
plots.table({"momentum, κ = 10": [f"{momentum:g}" for momentum in best],
             "best of 12 rates": [f"{rate:.2g}" for _, rate in best.values()],
             "steps": [f"{fewest:.0f}" for fewest, _ in best.values()]})

# %% [markdown]
# None of the dozen helps: with momentum 0.9 the slot itself needs that long to fade. A smaller momentum
# suits a mild ravine.
#
# ## Around a bend, and off a saddle
#
# Two losses that are no bowls. Rosenbrock's banana is a bent ravine; the other has a saddle at 0,
# between two minima. Forty rates are tried at once.

# %%
def rosenbrock(w):
    return (1 - w[..., 0]) ** 2 + 100 * (w[..., 1] - w[..., 0] ** 2) ** 2


def saddle(w):
    return 5 * w[..., 0] ** 2 - w[..., 1] ** 2 / 2 + w[..., 1] ** 4 / 4


rules = {"SGD": {}, "momentum": dict(momentum=0.9), "Nesterov": dict(momentum=0.9, nesterov=True)}
landscapes = {  # loss, start, minima, steps
    "Rosenbrock": (rosenbrock, [-1.5, 1.5], [[1, 1]], 4000),
    "saddle": (saddle, [1.0, 1e-4], [[0, 1], [0, -1]], 1000),
}


def settled(points, minima):
    """After how many steps each row stays within 0.1 of a minimum; infinity if it does not."""
    distance = np.min([np.linalg.norm(points - each, axis=-1) for each in minima], axis=0)
    outside = ~(distance < 0.1)  # (steps + 1, rows), true for NaN
    return np.where(outside[-1], np.inf, len(outside) - outside[::-1].argmax(axis=0))


# %%
predict(
    "10-saddle",
    "Momentum 0.9 at its best rate, against plain descent at its own: where does it save more?",
    choices=["around the bend", "off the saddle"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
rates, paths, taken = np.geomspace(1e-4, 0.3, 40, dtype="float32"), {}, {}
for place, (loss, start, minima, steps) in landscapes.items():
    for arm, rule in rules.items():
        many = np.tile(np.float32(start), (len(rates), 1))
        points = walk(SGD(lambda: tf.constant(rates[:, None]), **rule), loss, many, steps)
        taken[place, arm] = settled(points, minima)
        paths[place, arm] = points[:, taken[place, arm].argmin()]
fewest = {key: took.min() for key, took in taken.items()}
saved = {key: fewest[key[0], "SGD"] / fewest[key] for key in taken}  # at the best rates
bend, heavy, nesterov = (saved[key] for key in [
    ("Rosenbrock", "momentum"), ("saddle", "momentum"), ("saddle", "Nesterov")])
plain = taken["saddle", "SGD"]
same = {rates[place]: plain[place] / taken["saddle", "momentum"][place]  # at one rate for both
        for place in [np.isfinite(plain).argmax(), plain.argmin()]}  # the lowest, and its best
low, near = same.values()
assert bend > 5 and heavy < 1.3 and nesterov > 1.5 and low > 3 and near < 1.3
reveal("10-saddle", "around the bend" if bend > heavy else "off the saddle")
judge("leaves saddles sooner", {
    "at one low rate": low > 1.3, "at plain descent's best rate": near > 1.3,
    "Nesterov, each at its best": nesterov > 1.3, "heavy ball, each at its best": heavy > 1.3,
}, "times fewer steps: " + ", ".join(f"{each:.1f} at {rate:.2g}" for rate, each in same.items())
   + f"; at the best rates Nesterov {nesterov:.1f}, heavy ball {heavy:.1f}")
plots.table({"": [f"{place}, {arm}" for place, arm in taken],
             "best rate": [f"{rates[took.argmin()]:.2g}" for took in taken.values()],
             "steps": [f"{each:.0f}" for each in fewest.values()]})

# %% tags=["nbval-ignore-output"]
windows = {"Rosenbrock": ((-2, 2), (-1, 3), 300), "saddle": ((-1.2, 1.2), (-1.6, 1.6), 60)}


def picture(ax, place):
    """Draw a landscape; return a line without points for each arm."""
    across, up, _ = windows[place]
    x, y = np.meshgrid(np.linspace(*across, 120), np.linspace(*up, 120))
    height = landscapes[place][0](np.stack([x, y], axis=-1))
    ax.contour(x, y, np.log(height - height.min() + 0.1), 9, colors="#C8C8C8", linewidths=0.6,
               linestyles="solid", antialiased=False)
    ax.set(xlim=across, ylim=up, xticks=[], yticks=[])
    looks = {arm: plots.method(arm) for arm in rules}
    return {arm: ax.plot([], [], label=arm, markevery=[-1], **looks[arm])[0] for arm in rules}


def draw(drawn, place, part):
    """Give the lines their points up to a part of the time; say which step that is."""
    step = int(part * windows[place][2])
    for arm, line in drawn.items():
        line.set_data(*paths[place, arm][: step + 1].T)
    return f"{place}, step {step}"

# %% tags=["nbval-ignore-output"]
figure, grid = plt.subplots(2, 4, figsize=(10, 5.4))
for row, place in zip(grid, windows, strict=True):
    for ax, part in zip(row, [0.04, 0.2, 0.5, 1.0], strict=True):
        ax.set_title(draw(picture(ax, place), place, part), fontsize=11)
grid[0, 0].legend(loc="lower left", fontsize=9)
plots.show(alt="Four moments on two landscapes. Rosenbrock: momentum swings about and reaches the "
           "minimum while SGD is still on its way to the bend. Saddle: Nesterov leaves first, SGD last.")

# %% tags=["nbval-ignore-output"]
# Extra: the same as a film.
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), dpi=50)
drawn = {place: picture(ax, place) for ax, place in zip(axes, windows, strict=True)}
axes[0].legend(loc="lower left")


def frame(number):
    for ax, place in zip(axes, windows, strict=True):
        ax.set_title(draw(drawn[place], place, number / 12))


plots.film(figure, frame, 13, alt="The same two landscapes as a film of 13 frames.")

# %% [markdown]
# In the bent ravine momentum swings from wall to wall and is through long before plain descent.
# At the saddle all of them wait: the push off it starts from almost nothing. At one low rate for both,
# momentum is sooner away, since its steps add up. The higher that rate, the less it saves: plain
# descent takes fewer and fewer steps, while the heavy ball still has to swing itself out about the
# minimum. With each at its best rate little is left of its lead; Nesterov's variant keeps one.
#
# ## "Momentum overcomes local minima"
#
# A ball that rolls has the swing to get out of a hollow: so the story goes. Try it on two losses of
# one number, from 200 random starts for each of five seeds, every method at the best of 16 rates,
# chosen on five seeds of its own. *Ripples* are many small hollows on the slope of a bowl. *Two
# wells* are two large ones, the left a little deeper.

# %%
predict(
    "10-minima",
    "At the best rate of each: where does the heavy ball end in the best minimum for at least "
    "10 in 100 starts more?",
    choices=["in both", "over ripples only", "out of the wrong well only", "in neither"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
def ripples(w):
    return w**2 / 2 - ops.cos(2 * np.pi * w) / (2 * np.pi)


def two_wells(w):
    return w**4 / 4 - w**2 / 2 + 0.1 * w


hills = {"over ripples": (ripples, 5.0, 0.0), "out of a well": (two_wells, 2.0, -1.05)}
seeds, rates = [0, 1, 2, 3, 4, 100, 101, 102, 103, 104], np.geomspace(0.003, 1, 16, dtype="float32")
share, moved, at_rate = {}, {}, {}  # of the starts of each seed; the chosen rates
for place, (loss, widest, goal) in hills.items():
    start = [np.random.default_rng(seed).uniform(-widest, widest, 200) for seed in seeds]
    many = np.tile(np.float32(start).ravel(), (len(rates), 1))
    for arm, rule in rules.items():
        points = walk(SGD(lambda: tf.constant(rates[:, None]), **rule), loss, many, 300)
        ended = np.reshape(np.abs(points[-1] - goal) < 0.3, (len(rates), len(seeds), 200))
        chosen = ended[:, 5:].mean(axis=(1, 2)).argmax()  # on the seeds from 100 on
        share[place, arm] = ended[chosen, :5].mean(axis=-1)  # end in the best minimum
        sides = np.reshape(points[[0, -1]] > 0.1, (2, *ended.shape))[:, chosen, :5]
        moved[place, arm] = np.mean(sides[0] != sides[1], axis=-1)  # over the top between
        at_rate[place, arm] = f"{rates[chosen]:.2g}"

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(10, 3))
for ax, place, title in zip(axes, hills, ["Ripples: overcome", "A well: hardly"], strict=True):
    plots.dots({arm: share[place, arm] for arm in rules}, title=title, ax=ax,
               xlabel="share that ends in the best minimum")
    ax.set_xlim(0, 1)
plots.show(alt="Share of starts that end in the best minimum. Ripples: about half for SGD, nearly "
           "nine in ten with momentum. Two wells: little more than half for all three.")
more = {place: np.mean(share[place, "momentum"] - share[place, "SGD"]) for place in hills}
assert more["over ripples"] > 0.2 and abs(more["out of a well"]) < 0.1
assert all(np.mean(moved["out of a well", arm]) < 0.25 for arm in rules)
clear = [each > 0.1 for each in more.values()]
reveal("10-minima", {(True, True): "in both", (True, False): "over ripples only",
                     (False, True): "out of the wrong well only"}.get(tuple(clear), "in neither"))
judge("overcomes local minima", dict(zip(hills, clear, strict=True)), ", ".join(
    f"{100 * each:+.0f} points {place}" for place, each in more.items()))
columns = {f"{place}{name}": [each[place, arm] for arm in rules]
           for place in hills for name, each in [("", share), (", rate", at_rate)]}
plots.table({"": rules, **columns, "well changed": [moved["out of a well", arm] for arm in rules]})

# %% [markdown]
# The story holds for hollows that are small beside the swing. A well that is the landscape keeps most
# of what starts in it, with or without momentum: the last column counts the starts that end in the
# other one, for better or worse. They are few, and the left well gains little by them.
#
# ## A net
#
# Is it faster where you will use it? Two hidden layers, the digits, batches of 64, 200 steps. Each
# rule at each rate; its best rate is the one with the fewest steps to 95 % on the test images, on
# five seeds that have no part in the result.

# %%
predict(
    "10-net",
    "To 95 %, each at its best rate: how many times the steps of the heavy ball with momentum 0.9 "
    "does plain descent take?",
    choices=["about 1", "about 1.5", "2 to 5", "about 10"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
net_rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
optimizers = {arm: lambda rate, rule=rule: SGD(rate, **rule) for arm, rule in rules.items()}
runs = sweep(network, (x_train, y_train), test=(x_test, y_test), seeds=seeds, optimizer=optimizers,
             learning_rate=net_rates, steps=200, test_every=5)
accuracy = {arm: runs.test_accuracy.at(optimizer=arm, step=200).values for arm in rules}
steps = {arm: (runs.test_accuracy.at(optimizer=arm) >= 0.95).first("step").values for arm in rules}
plots.lines(net_rates, {arm: each[:, :5].T for arm, each in accuracy.items()}, log="x",
            title="At low rates momentum 0.9 is worth ten times the rate",
            xlabel="learning rate", ylabel="test accuracy after 200 steps")
plots.show(alt="Test accuracy against learning rate: with momentum it is high from 0.003 on and "
           "falls off after 0.1, with SGD high from 0.03 on, falling off after 0.3; equal at best.")

# %% tags=["nbval-ignore-output"]
chosen = {arm: each[:, 5:].mean(axis=1).argmin() for arm, each in steps.items()}
least = {arm: each[chosen[arm], :5] for arm, each in steps.items()}
final = {arm: each[chosen[arm], :5] for arm, each in accuracy.items()}
same = {arm: accuracy[arm][net_rates.index(0.01), :5] for arm in rules}
factor = {arm: least["SGD"].mean() / least[arm].mean() for arm in ["momentum", "Nesterov"]}
assert np.all(same["momentum"] > same["SGD"] + 0.03) and factor["momentum"] < 1.6
assert factor["Nesterov"] > 1.1 and abs(np.mean(final["momentum"] - final["SGD"])) < 0.015
reveal("10-net", ["about 1", "about 1.5", "2 to 5", "about 10"][
    np.digitize(factor["momentum"], [1.25, 1.8, 7])])
judge("trains a net faster", {
    "at the same rate": np.all(same["momentum"] > same["SGD"]),
    "with Nesterov at the best rates": factor["Nesterov"] > 1.2,
    "with the heavy ball at the best rates": factor["momentum"] > 1.2,
}, "times fewer steps at the best rates: "
   f"{factor['Nesterov']:.1f} and {factor['momentum']:.1f}")
judge("generalizes better", {"at the best rates": np.mean(final["momentum"] - final["SGD"]) > 0.01},
      f"accuracy {100 * np.mean(final['momentum'] - final['SGD']):+.1f} points at the best rates")
plots.table({"": rules, "rate 0.01": same.values(),
             "best rate": [f"{net_rates[place]:g}" for place in chosen.values()],
             "steps to 95 % there": [f"{each.mean():.0f}" for each in least.values()],
             "accuracy there": final.values()})

# %% [markdown]
# At one rate for all, momentum looks like a great leap; it is mostly the factor $1 / (1 - \mu)$.
# Give plain descent a rate that suits it, and the heavy ball's lead is gone. Nesterov's variant keeps
# a small one in steps. In the end the three tie.
#
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# ## What can go wrong
#
# - **`variable = variable - step`.** It gives a name to a new tensor; the variable stays as it is,
#   nothing is said, and the loss stays flat.
# - **A counter of your own.** `self.count += 1` runs once, while `tf.function` traces, and is 1 for
#   ever. Keras counts in `self.iterations`, a variable.
# - **Operators on a sparse gradient.** An embedding's gradient is a `tf.IndexedSlices`, rows and their
#   places. Let an `ops` function be the first that touches it: `ops.multiply` and `ops.square` keep to
#   the rows, while `0.1 * g` and `g * g` raise, and `g` times a tensor makes a table of the
#   embedding's size.
# - **An integer rate.** `SGD(1)` is refused by Keras, rightly: in schedules an integer rate goes
#   wrong in silence: `ExponentialDecay(1, 10, 0.5)` rounds down to 0.
# - **Another library's momentum.** PyTorch's slot sums gradients and multiplies by the rate at the
#   end. It is the same while the rate stays; under a schedule it is another rule.
# - **Momentum compared at one rate.** Whoever picks it decides who wins.
#
# ## In short
#
# An optimizer is a rule for one variable, a slot for what it remembers, and a config. Momentum adds
# up steps: it multiplies the rate where gradients agree, and evens out where they alternate. In a
# deep ravine, tuned, that turns $\kappa$ steps into $\sqrt\kappa$; in a shallow one, left at 0.9, it costs. It
# rolls over ripples, not out of wells. On a small net most of its fame is a higher rate.
#
# ## Open questions
#
# 1. Which momentum does theory give the heavy ball for $\kappa = 1000$? What becomes of the steps
#    with 0.05 less, and with 0.05 more?
# 2. Batches of 4 make gradients noisy. Does momentum still tie with ten times the rate?
# 3. The ravines here may be turned by any angle without a change for these rules. Will that be so
#    when every parameter has a rate of its own? (Lesson 11.)
