# %% [markdown]
# # 12 · Adam
#
# **You build** `Adam` with AMSGrad, `AdamW`, `Nadam` and, as an extra, `Adamax`. Then a probe that convicts
# a wrong Adam which trains better than the right one.
#
# **You need** lessons 10 and 11 (momentum, RMSprop). Where blocks of yours are missing, the course's
# own stand in.
#
# **It takes** about 60 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %% [markdown]
# ## Two means that begin at zero
#
# Momentum follows the mean of past gradients, RMSprop divides by the root of their mean square. Adam
# does both:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,g \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2$$
#
# Both begin at 0, which is too small. Let the gradient be the same $g$ in every step: after $t$ of them
# $m = (1 - \beta_1^t)\,g$ and $v = (1 - \beta_2^t)\,g^2$. Divided by what they have seen, both are right
# from the first step on. That is *bias correction*, and it comes down to one factor of the step:
#
# $$w \leftarrow w - \eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,\frac{m}{\sqrt{v} + \epsilon}$$
#
# Here $\epsilon$ is added to the root of the plain $v$, as Keras does it and the paper's last formula
# of section 2. Its Algorithm 1 and PyTorch add it to the corrected root.

# %%
predict(
    "12-first",
    "Leave the correction out, with beta_1=0.9 and beta_2=0.999. The first step is ...",
    choices=["a tenth of the rate", "the rate", "about 3 times the rate"],
    guess=None,
)

# %% [markdown]
# Arguments and their refusals are given.

# %%
check_rate, check_share = recall("check_rate"), recall("check_share")
check_not_negative, SGD = recall("check_not_negative"), recall("SGD")

# %% export="optimizers"
class AdamArguments(keras.optimizers.Optimizer):
    """What Adam and its relatives are told, and what they refuse; no slots and no update.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        beta_1: float in [0, 1). The share of the first moment that is kept in each step.
        beta_2: float in [0, 1). The same for the second moment.
        epsilon: float of at least 0. Keeps the step finite where the second moment is 0.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.
    """

    def __init__(self, learning_rate, beta_1, beta_2, epsilon, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        check_share("beta_1", beta_1)
        check_share("beta_2", beta_2)
        check_not_negative("epsilon", epsilon)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own

# %% [markdown]
# ### Exercise 12.1 · `Adam`
# *Difficulty 3 of 5 · needed again: in every lesson from here · 15 minutes*
#
# Three gaps: slots, the factor above, the step. With `amsgrad=True` a third slot keeps the largest
# $v$ so far, which stands in for $v$ (below you see what for). `self.iterations` counts the steps
# that are over.

# %% exercise="Adam" export="optimizers"
class Adam(AdamArguments):
    """A step by the mean of past gradients, over the root of the mean of their squares.

    In step t, counted from 1:
    `m += (g - m) * (1 - beta_1)`, `v += (g**2 - v) * (1 - beta_2)`,
    `bias_correction = sqrt(1 - beta_2**t) / (1 - beta_1**t)`,
    `w -= learning_rate * bias_correction * m / (sqrt(v) + epsilon)`.
    With `amsgrad=True` the largest v so far stands in for v.

    Args: learning_rate, beta_1, beta_2, epsilon, kwargs: see `AdamArguments`.
        amsgrad: bool. Whether a rate once lowered stays low.

    Reference: Kingma and Ba, 2015, "Adam: a method for stochastic optimization", the last formula
    of section 2; Reddi et al., 2018, "On the convergence of Adam and beyond".
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        ### BEGIN SOLUTION
        # TODO: Two slots for each variable: "momentum" and "velocity".
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.velocities = self.add_optimizer_variables(variables, "velocity")
        # TODO: For AMSGrad a third one, "velocity_hat".
        if self.amsgrad:
            self.velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")
        ### END SOLUTION

    def bias_correction(self):
        """By how much a step is longer or shorter since both moments begin at 0. A float32."""
        step = ops.cast(self.iterations + 1, "float32")  # 1 in the first step
        ### BEGIN SOLUTION
        # TODO: The root of what v has seen of its mean so far, over what m has seen of its own.
        return ops.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        ### END SOLUTION

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        rate = ops.cast(learning_rate * self.bias_correction(), dtype)
        ### BEGIN SOLUTION
        # TODO: Both moments of this variable move: towards the gradient, towards its square.
        m, v = self.momentums[place], self.velocities[place]
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))
        # TODO: With AMSGrad the largest v so far takes its place.
        if self.amsgrad:
            largest = self.velocity_hats[place]
            self.assign(largest, ops.maximum(largest, v))
            v = largest
        # TODO: The step; epsilon is added to the root.
        self.assign_sub(variable, rate * m / (ops.sqrt(v) + self.epsilon))
        ### END SOLUTION

    def get_config(self):
        return super().get_config() | {"amsgrad": self.amsgrad}


# %%
check(Adam, strict=True)
# hint("Adam")
# solution("Adam")
Adam = finish(Adam)

# %%
microscope(Adam(0.1), beside=keras.optimizers.Adam(0.1))

# %% [markdown]
# ## What the correction does
#
# The factor is a method of its own, so you can switch it off. Twenty steps by a gradient of 1:

# %%
class UncorrectedAdam(Adam):
    """Adam whose moments count as they are."""

    def bias_correction(self):
        return 1.0


def step_lengths(optimizer, num_steps=20):
    """How far each step goes by a gradient of 1, in units of the rate."""
    weight = keras.Variable(0.0)
    places = [0.0]
    for _ in range(num_steps):
        optimizer.apply([ops.ones(())], [weight])
        places.append(float(weight))
    return -np.diff(places) / float(optimizer.learning_rate)


lengths = {"corrected": step_lengths(Adam(0.01))}
lengths |= {f"without, beta_2={beta}": step_lengths(UncorrectedAdam(0.01, beta_2=beta))
            for beta in [0.999, 0.9999]}
plots.lines(np.arange(1, 21), lengths, title="Without correction the first steps are far too long",
            xlabel="step", ylabel="length / learning rate")
plots.show(alt="Lengths of twenty steps: corrected they stay at 1; without they begin at 3 and 10 "
           "and rise to 6 and 20.")
first, longest = ([each[0] for each in lengths.values()], [max(each) for each in lengths.values()])
assert np.allclose(lengths["corrected"], 1, atol=1e-3) and 3.1 < first[1] < 3.2 and first[2] > 9.9
reveal("12-first", ["a tenth of the rate", "the rate", "about 3 times the rate"][
    np.digitize(first[1], [0.5, 2])])
plots.table({"": lengths, "first step": first, "longest of 20": longest})

# %% [markdown]
# $v$ is so young that its root is tiny: the step is too *long*, and gets longer while $m$ grows up
# faster than $v$. That is what happens. Does it harm? Two hidden layers and one more, 200 steps on the
# digits:

# %%
predict(
    "12-correction",
    "Rate 0.001, the default. After 200 steps the training loss is lower ...",
    choices=["with correction", "without", "the same"],
    guess=None,
)

# %%
digits = dict(zip(["train", "test"], datasets.digits(), strict=True))


def network(width=64, depth=3, l2=0.0):
    """Hidden layers of ReLU units, and ten logits; `l2` is the penalty of all weights."""
    penalty = {f"{name}_regularizer": keras.regularizers.L2(l2) if l2 else None
               for name in ["kernel", "bias"]}
    hidden = {"activation": "relu", "kernel_initializer": "he_normal"} | penalty
    layers = [keras.layers.Dense(width, **hidden) for _ in range(depth)]
    return keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10, **penalty)])


judge = plots.Verdicts("claim")

# %% tags=["nbval-ignore-output"]
arms = {"corrected, 0.999": (Adam, 0.999), "corrected, 0.9999": (Adam, 0.9999),
        "without, 0.999": (UncorrectedAdam, 0.999), "without, 0.9999": (UncorrectedAdam, 0.9999)}
rates = [0.001, 0.003, 0.01, 0.03]
runs = sweep(network, **digits, learning_rate=rates, optimizer={
    arm: lambda rate, make=make, beta=beta: make(rate, beta_2=beta)
    for arm, (make, beta) in arms.items()})
late = {arm: runs.loss.at(optimizer=arm).values[..., -20:].mean(axis=-1) for arm in arms}

# %% tags=["nbval-ignore-output"]
plots.lines(rates, {arm: values.T for arm, values in late.items()}, log="xy",
            title="Uncorrected: ahead at low rates, lost at high ones", xlabel="learning rate",
            ylabel="training loss, steps 181 to 200")
plots.show(alt="Training loss against rate: without correction lower at 0.001, and above 1 from "
           "0.01 (beta_2 0.9999) or 0.03 (0.999) on; with correction low everywhere.")
at = dict(zip(rates, zip(*late.values(), strict=True), strict=True))  # rate -> arms, each (seeds,)
gain = np.median(at[0.001][0] / at[0.001][2])
assert gain > 3 and at[0.01][3].min() > 4 * at[0.01][1].max()
reveal("12-correction", ["with correction", "the same", "without"][np.digitize(gain, [0.9, 1.1])])
lost = int(np.sum(at[0.01][3] > 0.5))  # seeds
judge("Adam needs its bias correction",
      {"at rate 0.01 with beta_2=0.9999": lost > 3, "at rate 0.001": gain < 1},
      f"without: at 0.001 a loss {gain:.0f} times lower, at 0.01 lost in {lost} of 5 seeds")
plots.table({"median loss": arms} | {f"rate {rate:g}": [np.median(each) for each in at[rate]]
                                     for rate in rates}, decimals=3)

# %% [markdown]
# Both are true. At low rates the long first steps are a gift: they do what a higher rate would. With
# a slow second moment at rate 0.01 they throw the net where nothing trains any more. Correction
# makes the rate mean the same in every step; it does not make every training faster.
#
# ## "Adam combines RMSprop and momentum"
#
# Then each should be hidden in it. Switch one half off at a time:

# %%
def updates(optimizer):
    """All updates that the microscope sees."""
    return np.array([values["update"] for values in microscope(optimizer).entries.values()])


pairs = {
    "RMSprop: no first moment": (UncorrectedAdam(0.1, beta_1=0.0, beta_2=0.9),
                                 keras.optimizers.RMSprop(0.1, rho=0.9)),
    # Epsilon so large that v no longer counts; a mean of gradients is a tenth of their sum.
    "momentum: no second moment": (UncorrectedAdam(1e6, beta_1=0.9, epsilon=1e6),
                                   SGD(0.1, momentum=0.9)),
}
apart = {name: np.abs(updates(one) - updates(other)).max() for name, (one, other) in pairs.items()}
assert max(apart.values()) < 1e-5
judge("Adam combines RMSprop and momentum", {"": max(apart.values()) < 1e-5},
      "with one half switched off, the other's updates to five decimals")
plots.table({"Adam without correction is ...": pairs, "largest difference of an update":
             [f"below {10.0 ** np.ceil(np.log10(each)):.0e}" for each in apart.values()]})

# %% [markdown]
# The claim holds to the letter. What neither of the two has is the correction.
#
# ## "It converges"
#
# A long-accepted proof said so. Reddi and others (2018, section 3) found a hole in it, and an example:
# each round brings a gradient. Every third is $C = 3$, the others are $-1$. Over three rounds they add up
# to 1, so $w$ should go *down*, to the end of the allowed range $[-1, 1]$.

# %%
predict(
    "12-online",
    "beta_1=0, beta_2=0.1, rates that fall as 1 / root of t. Where does Adam end?",
    choices=["at -1, the best point", "near 0", "at +1, the worst"],
    guess=None,
)

# %%
def online(optimizer, num_rounds=3000):
    """Five starts at once; where each of them is after every round."""
    weights = keras.Variable(np.linspace(-1, 1, 5), dtype="float32")
    weights.constraint = lambda w: ops.clip(w, -1, 1)
    optimizer.build([weights])

    @tf.function(autograph=False)
    def play(gradient, rate):
        optimizer.learning_rate.assign(rate)
        optimizer.apply([gradient * tf.ones(5)], [weights])
        return tf.identity(weights.value)

    gradients = [3.0 if place % 3 == 0 else -1.0 for place in range(num_rounds)]
    rates = 0.5 / np.sqrt(np.arange(1, num_rounds + 1))
    return np.array([play(*map(tf.constant, pair)) for pair in zip(gradients, rates, strict=True)])

# %%
paths = {"Adam": online(Adam(0.5, beta_1=0.0, beta_2=0.1)),
         "AMSGrad": online(Adam(0.5, beta_1=0.0, beta_2=0.1, amsgrad=True))}
ax = plots.lines(np.arange(1, 3001), {name: path.T for name, path in paths.items()}, log="x",
                 title="Adam goes to the worst point, AMSGrad to the best", xlabel="round",
                 ylabel="w")
ax.legend(title="mean and range of five starts")
plots.show(alt="The weight over 3,000 rounds from five starts: Adam's all end at +1, AMSGrad's "
           "near -1.")
end = {name: path[-300:].mean() for name, path in paths.items()}
assert end["Adam"] > 0.9 and end["AMSGrad"] < -0.9
reveal("12-online", ["at -1, the best point", "near 0", "at +1, the worst"][
    np.digitize(end["Adam"], [-0.5, 0.5])])
judge("Adam converges", {"with AMSGrad": end["AMSGrad"] < -0.9, "without": end["Adam"] < -0.9},
      f"it ends at {end['Adam']:+.1f}; the best point is -1")
plots.table({"": paths, "mean of the last 300 rounds": end.values()})

# %% [markdown]
# The gradient of 3 meets a $v$ that it has swollen itself; two rounds later $v$ has forgotten, and the
# small gradients make long steps. AMSGrad remembers: a rate once lowered stays low. It is a made-up
# problem, with a memory far shorter than the default's. That training of nets fails by this, nobody
# has to believe.
#
# ### Exercise 12.2 · `AdamW`
# *Difficulty 2 of 5 · needed again: in lessons 14 and 15 · 8 minutes*
#
# An L2 penalty adds $\lambda w$ to the *gradient*, and $\sqrt{v}$ divides it: weights whose gradients are
# large shrink less. Decoupled decay takes a share of $w$ itself, beside Adam's step:
# $w \leftarrow w - \eta\lambda w$. (In the paper a schedule's factor stands in for $\eta$. In Keras and
# PyTorch it is the whole rate.)

# %% exercise="AdamW" export="optimizers"
class AdamW(Adam):
    """Adam, and in each step every variable loses a share `learning_rate * weight_decay` of itself.

    `w -= learning_rate * weight_decay * w`, then Adam's step, whose moments see nothing of it.

    Args: learning_rate, beta_1, beta_2, epsilon, amsgrad, kwargs: see `Adam`.
        weight_decay: float of at least 0.

    Reference: Loshchilov and Hutter, 2019, "Decoupled weight decay regularization".
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        **kwargs,
    ):
        if weight_decay is None:
            raise ValueError(
                "Argument `weight_decay` must be a float. Received: weight_decay=None. "
                "Use Adam for no decay."
            )
        check_not_negative("weight_decay", weight_decay)
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs
        )

    def _apply_weight_decay(self, variables):
        """What Keras's base class would do before every step: here `update_step` does it."""

    def update_step(self, gradient, variable, learning_rate):
        ### BEGIN SOLUTION
        # TODO: Whether this variable decays at all; `self._use_weight_decay` knows what is excluded.
        if self._use_weight_decay(variable):
            # TODO: The others lose their share, in their own dtype.
            share = ops.cast(learning_rate * self.weight_decay, variable.dtype)
            self.assign_sub(variable, share * variable)
        # TODO: Then Adam's step.
        super().update_step(gradient, variable, learning_rate)
        ### END SOLUTION


# %%
check(AdamW, strict=True)
# hint("AdamW")
# solution("AdamW")
AdamW = finish(AdamW)

# %% [markdown]
# ## "Decoupled decay is better, and separable"
#
# 200 digits, a fifth of their labels wrong, two layers of 128 units: there is something to memorise.
# AdamW over three rates and five decays, and Adam with an L2 penalty over as many.

# %%
predict(
    "12-decay",
    "Each at the best point of its grid: AdamW's test accuracy is ...",
    choices=["ahead by 2 points or more", "within a point", "behind by 2 points or more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
few = dict(zip(["train", "test"], datasets.digits(num_train=200, wrong_labels=0.2), strict=True))
setting = dict(depth=[2], width=[128], learning_rate=[0.001, 0.003, 0.01], test_every=200)
where = dict(depth=2, width=128, step=200)
decays, penalties = [1, 3, 6, 12, 24], [0.003, 0.01, 0.02, 0.04, 0.08]
decoupled = sweep(network, **few, **setting, optimizer={
    f"{decay}": lambda rate, decay=decay: AdamW(rate, weight_decay=decay) for decay in decays})
coupled = sweep(network, **few, **setting, optimizer=Adam, l2=penalties)
reached = decoupled.test_accuracy.at(**where), coupled.test_accuracy.at(**where)
grids = {"AdamW": np.array([reached[0].at(optimizer=f"{each}") for each in decays]),
         "L2": np.array([reached[1].at(l2=each) for each in penalties])}  # (decays, rates, seeds)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
for ax, (name, grid), rows in zip(axes, grids.items(), [decays, penalties], strict=True):
    plots.heatmap(grid.mean(axis=-1), rows, setting["learning_rate"], xlabel="learning rate",
                  ylabel="decay" if name == "AdamW" else "penalty", ax=ax,
                  title=f"{name}: best {grid.mean(axis=-1).max():.2f}")
plots.show(alt="Test accuracy over rate and decay, for AdamW and for L2: both have their best "
           "column at the lowest rate, near the largest decay that still trains.")

# %% tags=["nbval-ignore-output"]
best = {name: grid.mean(axis=-1).argmax() for name, grid in grids.items()}  # over decays and rates
at_best = {name: grids[name].reshape(15, 5)[place] for name, place in best.items()}
usual = {name: grid[:2].mean(axis=-1).max() for name, grid in grids.items()}  # the mild half
row = {name: grid.mean(axis=-1).argmax(axis=0) for name, grid in grids.items()}  # of each rate
assert usual["AdamW"] > usual["L2"] and max(np.ptp(each) for each in row.values()) < 2
ahead = np.mean(at_best["AdamW"] - at_best["L2"])
assert np.abs(ahead) < 0.015
reveal("12-decay", ["behind by 2 points or more", "within a point", "ahead by 2 points or more"][
    np.digitize(ahead, [-0.015, 0.015])])
judge("decoupled decay beats L2", {"if the grid ends early": usual["AdamW"] - usual["L2"] > 0.01,
                                   "at each one's best": ahead > 0.015},
      f"by {usual['AdamW'] - usual['L2']:.2f} on the first two rows, by {ahead:.2f} at best")
judge("it separates decay from rate", {"": np.ptp(row["AdamW"]) + 1 < np.ptp(row["L2"])},
      f"rows between the best of three rates: {np.ptp(row['AdamW'])}, with L2 {np.ptp(row['L2'])}")
plots.table({"": grids, "best of the first two rows": usual.values(),
             "best of all": at_best.values(),
             "best row at each rate": [str((each + 1).tolist()) for each in row.values()]})

# %% [markdown]
# Look at the first two rows, sizes that many a grid stops at: AdamW leads. Go on to where training
# breaks, and L2 catches up to within a point. *Better* depended on where the grid ended. And "separable"
# would mean that the best row stays the same over the rates for AdamW, and moves for L2. Over a factor of ten
# in the rate neither moves by more than one.
#
# ### Exercise 12.3 · `Nadam`
# *Difficulty 4 of 5 · needed again: in no later lesson · 12 minutes*
#
# Nesterov's look ahead for Adam (Dozat, 2016): the step takes the momentum of the *next* step and the
# gradient of this one, each corrected. Its momentum $\mu_t$ warms up from about half of $\beta_1$. So the
# correction is by a product of all $\mu$ so far, which is state of the whole optimizer: it advances once
# for a step, not once for a variable. Epsilon is added to the corrected root here.

# %% exercise="Nadam" export="optimizers"
class Nadam(AdamArguments):
    """Adam with Nesterov's look ahead.

    With `mu(t) = beta_1 * (1 - 0.5 * 0.96**t)` and `u(t) = mu(1) * … * mu(t)`, in step t:
    m and v as in Adam,
    `m_hat = mu(t + 1) * m / (1 - u(t + 1)) + (1 - mu(t)) * g / (1 - u(t))`,
    `v_hat = v / (1 - beta_2**t)`, `w -= learning_rate * m_hat / (sqrt(v_hat) + epsilon)`.

    Args: see `AdamArguments`.

    Reference: Dozat, 2016, "Incorporating Nesterov momentum into Adam".
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["momentum", "velocity"]
        self.momentums, self.velocities = self.add_optimizer_variables(variables, names)
        self._u_product = keras.Variable(1.0, name="u_product")  # Keras's tests ask for the name

    def mu(self, step):
        """The share of the momentum that counts in a step."""
        return self.beta_1 * (1 - 0.5 * 0.96 ** ops.cast(step, "float32"))

    def _backend_update_step(self, gradients, variables, learning_rate):
        """One step of the whole optimizer; it calls `update_step` for each variable."""
        ### BEGIN SOLUTION
        # TODO: The product of all mu takes in that of this step.
        self.assign(self._u_product, self._u_product * self.mu(self.iterations + 1))
        ### END SOLUTION
        super()._backend_update_step(gradients, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        m, v = (slots[place] for slots in (self.momentums, self.velocities))
        step = ops.cast(self.iterations + 1, "float32")
        beta_2 = ops.cast(self.beta_2, "float32")  # rounded once: v and its correction agree
        ### BEGIN SOLUTION
        # TODO: The moments, as in Adam.
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * ops.cast(1 - beta_2, dtype))
        # TODO: Two factors: that of the momentum, which looks a step ahead, and that of the gradient.
        ahead, u = self.mu(step + 1), self._u_product
        of_m = ops.cast(ahead / (1 - u * ahead), dtype)
        of_gradient = ops.cast((1 - self.mu(step)) / (1 - u), dtype)
        # TODO: The corrected velocity, and the step.
        v_hat = v / ops.cast(1 - beta_2**step, dtype)
        m_hat = ops.add(m * of_m, ops.multiply(gradient, of_gradient))
        rate = ops.cast(learning_rate, dtype)
        self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.epsilon))
        ### END SOLUTION


# %%
check(Nadam, strict=True)
# hint("Nadam")
# solution("Nadam")
Nadam = finish(Nadam)

# %% [markdown]
# ### Exercise 12.4 · `Adamax`, an extra
# *Difficulty 2 of 5 · needed again: in no later lesson · 6 minutes*

# %% exercise="Adamax" export="optimizers"
# Extra: the largest of past gradients in place of their mean square.
class Adamax(AdamArguments):
    """Adam with the largest gradient of late in place of the mean square.

    In step t: m as in Adam, `u = max(beta_2 * u, |g|)`,
    `w -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)`.

    Args: see `AdamArguments`.

    Reference: Kingma and Ba, 2015, section 7.1.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["momentum", "norm"]
        self.momentums, self.norms = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        m, u = self.momentums[place], self.norms[place]
        step = ops.cast(self.iterations + 1, "float32")
        ### BEGIN SOLUTION
        # TODO: The momentum, as in Adam.
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        # TODO: The norm: a share of itself, or the gradient's size where that is larger.
        self.assign(u, ops.maximum(u * self.beta_2, ops.abs(gradient)))
        # TODO: The rate, corrected for the momentum's start at 0; the norm needs no correction. The step.
        rate = ops.cast(learning_rate / (1 - self.beta_1**step), dtype)
        self.assign_sub(variable, rate * m / (u + self.epsilon))
        ### END SOLUTION


# %%
check(Adamax, strict=True)
# hint("Adamax")
# solution("Adamax")
Adamax = finish(Adamax)

# %% [markdown]
# ## "It suits sparse or noisy gradients"
#
# The paper's summary says so. *Sparse*: yes-or-no features, the k-th present in a share of 3 / k of the
# examples (at most all), and a logistic regression. *Noisy*: the digits in batches of 2, beside batches of
# 64. The rival is your `SGD` with momentum 0.9, every rate tuned.

# %%
def rare_features(num_examples, rng, num_features=1000):
    """Features that are rarer and rarer, and labels drawn from a logistic model of them."""
    present = rng.random((num_examples, num_features)) < 3 / np.arange(1, num_features + 1)
    logits = present @ np.random.default_rng(3).normal(0, 1.5, num_features)
    labels = rng.random(num_examples) < 1 / (1 + np.exp(-logits))
    return present.astype("float32"), labels.astype("int32")


def logistic_regression():
    outputs = keras.layers.Dense(2, kernel_initializer="zeros")
    return keras.Sequential([keras.Input((1000,)), outputs])


rng = np.random.default_rng(4)
words = {"train": rare_features(6000, rng), "test": rare_features(4000, rng)}
problems = {  # net, data, batch size, steps, Adam's rates, momentum's
    "rare features": (logistic_regression, words, 64, 300, [0.01, 0.02, 0.04], [0.1, 0.2, 0.4]),
    "batches of 64": (network, digits, 64, 200, [0.001, 0.003, 0.01], [0.01, 0.03, 0.1]),
    "batches of 2": (network, digits, 2, 800, [5e-4, 1e-3, 2e-3, 4e-3], [5e-4, 1e-3, 2e-3, 4e-3]),
}

# %%
rivals = {"Adam": Adam, "momentum": lambda rate: SGD(rate, momentum=0.9)}
scores = {}  # problem -> rival -> test loss and test accuracy of each seed at the best rate
for problem, (model, data, batch_size, steps, *tried) in problems.items():
    for (rival, make), rates in zip(rivals.items(), tried, strict=True):
        run = sweep(model, **data, optimizer=make, learning_rate=rates, batch_size=batch_size,
                    steps=steps, test_every=steps)
        loss, accuracy = (each.at(step=steps) for each in (run.test_loss, run.test_accuracy))
        rate = (-loss.mean("seed")).best("learning_rate")
        scores.setdefault(problem, {})[rival] = [
            each.at(learning_rate=rate).values for each in (loss, accuracy)]

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(1, 3, figsize=(11, 2.8))
for ax, (problem, both) in zip(axes, scores.items(), strict=True):
    plots.dots({rival: loss for rival, (loss, _) in both.items()}, title=problem.capitalize(),
               xlabel="test loss at the best rate", ax=ax)
plots.show(alt="Test loss of five seeds, Adam beside momentum: lower with rare features and in "
           "batches of 2; about the same in batches of 64.")
wins = {problem: int(np.sum(both["Adam"][0] < both["momentum"][0]))
        for problem, both in scores.items()}
lead = {problem: np.mean(both["Adam"][1] - both["momentum"][1]) for problem, both in scores.items()}
assert wins["rare features"] >= 4
judge("Adam suits sparse gradients", {"": wins["rare features"] >= 4},
      f"lower loss in {wins['rare features']} of 5 seeds, accuracy {lead['rare features']:+.3f}")
noisy, quiet = (f"batches of {size}" for size in [2, 64])
judge("Adam suits noisy gradients", {"": wins[noisy] >= 4 and lead[noisy] > lead[quiet] + 0.005},
      f"accuracy ahead by {lead[noisy]:+.3f} in {noisy}, {lead[quiet]:+.3f} in {quiet}")
plots.table({"problem": problems, "Adam's loss lower": [f"{each} of 5" for each in wins.values()],
             "accuracy, Adam's - momentum's": lead.values()}, decimals=3)

# %% [markdown]
# A rare feature has a small $v$, so its weight makes long steps when it comes. Small batches help Adam as
# well, by little. Against another rival, or with a falling rate, look again (lesson 13).
#
# ## Find the bug
#
# `SuspectAdam` counts its steps with a variable of its own. Train it beside yours at the default rate:

# %%
class SuspectAdam(Adam):
    """Adam that keeps its own count of steps, so that it can be reset."""

    def build(self, variables):
        super().build(variables)
        self.steps_made = keras.Variable(0.0, name="steps_made")

    def bias_correction(self):
        step = self.steps_made + 1
        kept_1, kept_2 = self.beta_1**step, self.beta_2**step
        return ops.sqrt(1 - kept_2) / (1 - kept_1)

# %%
predict(
    "12-suspect",
    "Five seeds, 300 steps. Whose training loss is lower between step 100 and step 200?",
    choices=["yours", "the suspect's", "that varies"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
trial = sweep(network, **digits, optimizer={"right": Adam, "suspect": SuspectAdam},
              learning_rate=0.001, steps=300)
losses = {name: trial.loss.at(optimizer=name).values for name in ["right", "suspect"]}
smooth = {name: each.reshape(5, 30, 10).mean(axis=-1) for name, each in losses.items()}
plots.lines(np.arange(10, 301, 10), smooth, title="The wrong one trains better", log="y",
            xlabel="step", ylabel="training loss (mean of ten steps)")
plots.show(alt="Training loss over 300 steps: the suspect's lies below that of the right Adam "
           "until they meet.")
middle = {name: each[:, 100:200].mean(axis=-1) for name, each in losses.items()}  # (seeds,)
lower = int(np.sum(middle["suspect"] < middle["right"]))
assert np.all(middle["suspect"] < 0.9 * middle["right"])
reveal("12-suspect", "the suspect's" if lower == 5 else "that varies" if lower else "yours")
judge("a lower loss means a right optimizer", {"": lower < 3},
      f"between steps 100 and 200 a wrong Adam is lower in {lower} of 5 seeds")
plots.table({"training loss": losses, "steps 101 to 200": middle.values(),
             "271 to 300": [each[:, -30:].mean(axis=-1) for each in losses.values()]}, decimals=3)

# %% [markdown]
# ### Exercise 12.5 · `counts_its_steps`
# *Difficulty 3 of 5 · needed again: in lesson 14 · 10 minutes*
#
# Write the probe: False for an Adam that counts its steps wrongly, be it that the counter stands
# still, begins elsewhere, advances with every variable, or stops when it is compiled. What you derived at the
# top of this lesson, for a gradient that stays the same, is all you need.

# %% exercise="counts_its_steps" export="optimizers"
def counts_its_steps(optimizer_class):
    """Whether an Adam corrects its moments by the number of the step it is in, compiled or not.

    Args:
        optimizer_class: called as `optimizer_class(learning_rate=…, beta_1=…, beta_2=…)`.

    Returns True or False.
    """
    optimizer = optimizer_class(learning_rate=0.1, beta_1=0.5, beta_2=0.9)
    weights = [keras.Variable(np.zeros(2), name=name) for name in ["one", "other"]]
    optimizer.build(weights)
    # As `fit` does it: compiled, so that Python runs once and TensorFlow every time it is called.
    make_step = tf.function(lambda: optimizer.apply([tf.ones(2)] * 2, weights), autograph=False)
    ### BEGIN SOLUTION
    places = [np.zeros((2, 2))]
    for _ in range(5):
        # TODO: Several steps, and where the weights are after each.
        make_step()
        places.append(np.array([weight.numpy() for weight in weights]))
    # TODO: How far did every weight go in every step, and how far does a right Adam go?
    return bool(np.all(np.abs(np.diff(places, axis=0) + 0.1) < 0.001))
    ### END SOLUTION


# %%
check(counts_its_steps, strict=True)
# hint("counts_its_steps")
# solution("counts_its_steps")
counts_its_steps = finish(counts_its_steps)

# %% [markdown]
# Yours, the suspect, and one more that counts by a number of Python's, before your probe and before
# Keras's own tests:

# %% tags=["nbval-ignore-output"]
class PythonicAdam(Adam):
    """Adam that counts the calls of `apply`."""

    def apply(self, grads, trainable_variables=None):
        self.calls = getattr(self, "calls", 0) + 1
        super().apply(grads, trainable_variables)

    def bias_correction(self):
        kept_1, kept_2 = self.beta_1**self.calls, self.beta_2**self.calls
        return (1 - kept_2) ** 0.5 / (1 - kept_1)


blocks = [Adam, AdamW, Nadam, Adamax, SuspectAdam, PythonicAdam]
reports = keras_exams(blocks, tests_of=[None, None, None, None, "Adam", "Adam"])
assert all(report.passed for report in reports if report is not reports[4])
passed = [f"{report.count('passed')} of {len(report.tests)}" for report in reports]
plots.table({"class": [block.__name__ for block in blocks], "Keras's tests passed": passed,
             "counts its steps": [counts_its_steps(block) for block in blocks]})

# %% [markdown]
# The suspect's `steps_made` never advances. One of Keras's tests, with numbers for six steps, notices. The
# second wrong one passes them all: they run uncompiled, where it counts right, and `fit` compiles. Your probe
# finds both. (Nadam's look ahead makes other steps by a constant gradient: a right optimizer
# that your probe was not made for.)
#
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# ## What can go wrong
#
# - **Epsilon.** Keras's 1e-7 meets the plain root, PyTorch's 1e-8 the corrected one. Where gradients are
#   tiny that is a difference.
# - **A counter of your own.** Python's numbers stop when a function is compiled; `self.iterations` does not.
# - **bfloat16 variables.** 0.999 rounds to 1 there, and $1 - \beta_2^t$ to 0. Run the last cell.
# - **Decay of everything.** Biases and the scales of a normalization decay too, unless
#   `exclude_from_weight_decay` names them, before the optimizer is built.
# - **Repeated rows.** Keras squares each row of an embedding's sparse gradient for itself; the
#   same gradient made dense is squared after adding up.

# %%
moved = {}
for name, optimizer in {"Keras": keras.optimizers.Adam(0.1), "yours": Adam(0.1)}.items():
    weight = keras.Variable(np.ones(1), dtype="bfloat16")
    for _ in range(5):
        optimizer.apply([ops.ones((1,))], [weight])
    moved[name] = float(ops.cast(weight[0], "float32"))
plots.table({"bfloat16": moved, "weight after five steps from 1": moved.values()})

# %% [markdown]
# ## In short
#
# Adam steps by the mean of past gradients over the root of their mean square, both corrected for their start
# at 0, so that the first step is as long as the rate, and not three times that. It is RMSprop and
# momentum, exactly. On a made-up problem it goes the wrong way, and AMSGrad does not. AdamW shrinks weights
# beside Adam's step. What a loss says of an optimizer's rightness is little; what it does by a
# gradient that you chose says much.
#
# ## Open questions
#
# 1. Which warm-up of the rate would do the same for an uncorrected Adam as the correction?
# 2. By a gradient that flips its sign in every step, how long are Adam's steps after many of them?
# 3. The suspect was ahead at the default rate. At which rates would you expect it to fall behind, and after
#    how many steps?
