# %% [markdown]
# # 14 · Newer optimizers
#
# **You build** `Lion`, `Muon` and `ScheduleFreeAdamW` as Keras has them, and `Lamb` if you like. Then you
# let them race the older ones, each tuned alike, and call a tie a tie.
#
# **You need** `SGD` (lesson 10) and `AdamW` (lesson 12; where yours are missing the course's own stand in),
# and singular values: every matrix is $U S V^\top$.
#
# **It takes** about 60 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %%
check_rate, check_number = recall("check_rate"), recall("check_number")
check_share, check_not_negative = recall("check_share"), recall("check_not_negative")
AdamArguments, SGD, AdamW = recall("AdamArguments"), recall("SGD"), recall("AdamW")

# %% [markdown]
# ## Lion: only the sign
#
# Chen and others (2023) let a program write programs, and kept the one that trained best:
#
# $$w \leftarrow w - \eta\,\mathrm{sign}\big(\beta_1 m + (1-\beta_1)\, g\big) \qquad
# m \leftarrow \beta_2 m + (1-\beta_2)\, g$$
#
# Every number moves by exactly the rate, however large its gradient. The newest gradient weighs more
# in the step ($1 - \beta_1 = 0.1$) than in what is remembered ($1 - \beta_2 = 0.01$). There is no second
# moment.
#
# ### Exercise 14.1 · `Lion`
# *Difficulty 2 of 5 · needed again: in the race · 8 minutes*

# %% exercise="Lion" export="optimizers"
class Lion(keras.optimizers.Optimizer):
    """A step of the same size for every number: only the sign of its gradients counts.

    `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, and only then
    `m = beta_2 * m + (1 - beta_2) * g`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        beta_1: float in (0, 1]. The momentum's share in the step.
        beta_2: float in [0, 1). The share of the momentum that is kept in each step.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Chen et al., 2023, "Symbolic discovery of optimization algorithms".
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        if not isinstance(beta_1, (int, float, np.floating)) or not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates "
                f"to SignSGD. Received: beta_1={beta_1}. 0 itself is refused too."
            )
        check_share("beta_2", beta_2)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        m = self.momentums[self._get_variable_index(variable)]
        ### BEGIN SOLUTION
        # TODO: The mixture of momentum and gradient that this step goes by.
        mixture = ops.add(m * self.beta_1, ops.multiply(gradient, 1 - self.beta_1))
        # TODO: Step against its sign.
        self.assign_sub(variable, rate * ops.sign(mixture))
        # TODO: Now the momentum, which remembers for longer than the step does.
        self.assign(m, ops.add(m * self.beta_2, ops.multiply(gradient, 1 - self.beta_2)))
        ### END SOLUTION

    def get_config(self):
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}

# %%
check(Lion, strict=True)
# hint("Lion")      # one more hint each time you run it
# solution("Lion")  # the course's own, and why it is written so
Lion = finish(Lion)

# %% [markdown]
# ## Muon: equal singular values
#
# Adam and Lion look at a weight at a time. A kernel is a matrix, and its gradients are often nearly
# of low rank: a few singular values are large, all others tiny, so that a step goes along a few
# directions. Muon (Jordan and others, 2024) replaces $U S V^\top$ by $U V^\top$, and goes along all of
# them equally far.
#
# A decomposition would be slow. But for any polynomial of odd powers
#
# $$a X + b\,(X X^\top) X + c\,(X X^\top)^2 X = U\,(a S + b S^3 + c S^5)\,V^\top$$
#
# so a few products of matrices bend all singular values at once. Keras's $a$, $b$, $c$ lift small ones
# quickly, as long as none exceeds 1.

# %%
predict(
    "14-spread",
    "A kernel's singular value is 100 times smaller than the norm. After five iterations it is…",
    choices=["about 0.01 still", "about 0.1", "about 1"],
    guess=None,
)

# %% [markdown]
# What is no matrix, such as biases and the four-dimensional kernels of convolutions, goes by Adam, and so
# should embeddings and the last layer (`exclude_layers=["logits"]`). All that is given:

# %% export="optimizers"
class MuonArguments(keras.optimizers.Optimizer):
    """What Muon is told, its slots, and Adam's step for what is not a matrix.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        adam_beta_1, adam_beta_2: floats in [0, 1). The shares that Adam's two moments keep.
        adam_weight_decay: float of at least 0, or None. The decay of what goes by Adam.
        epsilon: float of at least 0. Keeps Adam's step finite where the second moment is 0.
        weight_decay: float of at least 0, or None. The decay of the matrices.
        exclude_layers: list of strings, patterns (`re`) of variable paths that go by Adam as well,
            such as the last layer's. None for an empty list.
        exclude_embeddings: bool. Whether embeddings go by Adam as well.
        muon_a, muon_b, muon_c: floats. Coefficients of the Newton–Schulz iteration.
        adam_lr_ratio: float of at least 0. Adam's learning rate over Muon's.
        momentum: float in [0, 1). The share of the last step that is made again.
        ns_steps: int of at least 0. Newton–Schulz iterations.
        nesterov: bool. Whether to look ahead.
        rms_rate: float of at least 0, or None. Root mean square of an update at rate 1; None leaves
            it as it comes.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `use_ema`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(
            learning_rate=check_rate(learning_rate), weight_decay=weight_decay, **kwargs
        )
        check_share("adam_beta_1", adam_beta_1)
        check_share("adam_beta_2", adam_beta_2)
        check_share("momentum", momentum)
        check_not_negative("epsilon", epsilon)
        check_not_negative("adam_lr_ratio", adam_lr_ratio)
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay, self.epsilon = adam_weight_decay, epsilon
        self.adam_lr_ratio = adam_lr_ratio
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps = momentum, ns_steps
        self.nesterov, self.rms_rate = nesterov, rms_rate

    def _should_use_adamw(self, variable):
        import re

        if len(variable.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.adam_velocities = [
            self.add_variable_from_reference(variable, "velocity")
            if self._should_use_adamw(variable)
            else None
            for variable in variables
        ]

    def _apply_weight_decay(self, variables):
        for variable in variables:
            by_adam = self._should_use_adamw(variable)
            decay = self.adam_weight_decay if by_adam else self.weight_decay
            if decay and self._use_weight_decay(variable):
                share = ops.cast(self.learning_rate * decay, variable.dtype)
                self.assign_sub(variable, ops.multiply(variable, share))

    def _adamw_update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        m, v = self.momentums[place], self.adam_velocities[place]
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1 - self.adam_beta_2**step) / (1 - self.adam_beta_1**step)
        rate = ops.cast(learning_rate * self.adam_lr_ratio * correction, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        self.assign_add(m, ops.multiply(ops.subtract(gradient, m), 1 - self.adam_beta_1))
        new = ops.subtract(ops.square(gradient), v)
        self.assign_add(v, ops.multiply(new, 1 - self.adam_beta_2))
        self.assign_sub(variable, ops.divide(rate * m, ops.sqrt(v) + self.epsilon))

    def get_config(self):
        names = [
            "adam_beta_1", "adam_beta_2", "adam_weight_decay", "epsilon", "exclude_layers",
            "exclude_embeddings", "muon_a", "muon_b", "muon_c", "adam_lr_ratio", "momentum",
            "ns_steps", "nesterov", "rms_rate",
        ]  # fmt: skip
        return super().get_config() | {name: getattr(self, name) for name in names}

# %% [markdown]
# ### Exercise 14.2 · `Muon`
# *Difficulty 4 of 5 · needed again: in the race · 20 minutes*
#
# Three gaps: the iteration, the size of its result, and the step. The names are Keras's.

# %% exercise="Muon" export="optimizers"
class Muon(MuonArguments):
    """For each matrix a step whose singular values are all about equal; Adam for the rest.

    `m = momentum * m + g`, with Nesterov's look ahead `g + momentum * m` in its place, then
    `w -= learning_rate * lr_adjust(zeropower_via_newtonschulz5(m, ns_steps))`.

    Args: see `MuonArguments`.

    Reference: Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks"; the
    adjusted rate: Liu et al., 2025, "Muon is scalable for LLM training".
    """

    def zeropower_via_newtonschulz5(self, x, steps):
        """Move the singular values of a matrix towards 1, and leave its singular vectors.

        From `x / norm(x)`, `steps` times `x = a x + b (x xᵀ) x + c (x xᵀ)² x`.
        """
        is_tall = x.shape[0] > x.shape[1]
        ### BEGIN SOLUTION
        # TODO: Lay a tall matrix on its side, so that x xᵀ is the smaller of the two products.
        x = ops.transpose(x) if is_tall else x
        # TODO: Divide by the norm, plus 1e-7 for a matrix of zeros: no singular value is above 1.
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        # TODO: Iterate; x xᵀ is needed twice.
        for _ in range(steps):
            gram = ops.matmul(x, ops.transpose(x))
            polynomial = self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)
            x = self.muon_a * x + ops.matmul(polynomial, x)
        # TODO: Put a tall matrix upright again.
        return ops.transpose(x) if is_tall else x
        ### END SOLUTION

    def lr_adjust(self, x):
        """Scale an orthogonal matrix so that its root mean square is `rms_rate`.

        That of an orthogonal one is 1 over the root of its longer side.
        """
        ### BEGIN SOLUTION
        # TODO: Without an `rms_rate`, x as it is.
        if self.rms_rate is None:
            return x
        # TODO: Else times the rate, and times the root of the longer side.
        return x * (self.rms_rate * max(x.shape) ** 0.5)
        ### END SOLUTION

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        if self.adam_velocities[place] is not None:
            self._adamw_update_step(gradient, variable, learning_rate)
            return
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        m = self.momentums[place]
        ### BEGIN SOLUTION
        # TODO: The momentum keeps a share of itself, and takes in all of the gradient.
        self.assign(m, m * self.momentum + gradient)
        # TODO: What the step goes by: the momentum; with Nesterov's look ahead, see above.
        direction = gradient + m * self.momentum if self.nesterov else m
        # TODO: Make it orthogonal, adjust its size, and step against it.
        update = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        self.assign_sub(variable, rate * self.lr_adjust(update))
        ### END SOLUTION

# %%
check(Muon, strict=True)
# hint("Muon")
# solution("Muon")
Muon = finish(Muon)

# %% [markdown]
# Watch it on a real gradient: the kernel between two hidden layers, for 256 digits.

# %%
(x_train, y_train), (x_test, y_test) = datasets.digits()
layers, crossentropy = keras.layers, keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def dense_net():
    hidden = [layers.Dense(128, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(10, name="logits")])


keras.utils.set_random_seed(0)
net = dense_net()
with tf.GradientTape() as tape:
    loss = crossentropy(y_train[:256], net(x_train[:256]))
gradient = tape.gradient(loss, net.layers[1].kernel)
spectra = {"gradient / norm": gradient / tf.norm(gradient)} | {
    f"{steps} iterations": Muon().zeropower_via_newtonschulz5(gradient, steps) for steps in [2, 5]
}
spectra = {name: np.linalg.svd(matrix, compute_uv=False) for name, matrix in spectra.items()}
ax = plots.lines(range(1, 129), spectra, title="Five iterations lift all but the smallest to about 1",
                 xlabel="singular value, the largest first", ylabel="its size", log="y")
ax.set_ylim(1e-6, 3)
plots.show(alt="The gradient's singular values fall by orders of magnitude; after five "
           "iterations those that were above a hundredth lie near 1.")

# %%
before, after = spectra["gradient / norm"], spectra["5 iterations"]
lifted = after[before > 0.01]
assert len(lifted) > 5 and lifted.min() > 0.5 and lifted.max() < 1.4
at_one_hundredth = after[np.argmin(np.abs(before - 0.01))]
sizes = ["about 0.01 still", "about 0.1", "about 1"]
reveal("14-spread", sizes[np.digitize(at_one_hundredth, [0.03, 0.3])])
plots.table({"": ["gradient / norm", "5 iterations"], "largest": [before[0], after[0]],
             "8th": [before[7], after[7]], "16th": [before[15], after[15]]}, decimals=3)

# %% [markdown]
# "Orthogonal" is generous: what comes out lies somewhere near 1, and tiny singular values stay behind.
# Nobody needs more. The root mean square of the result depends on the matrix's longer side, which
# `lr_adjust` takes back out (Liu and others, 2025).
#
# ## Schedule-free: averages for a schedule
#
# A falling rate calms the noise of the last steps, but you have to know when the last one comes. Defazio
# and others (2024) keep the rate, and average:
#
# - **z** makes the steps, as Adam without a first moment;
# - **x** is the mean of all z so far. It is for evaluation;
# - **y** $= (1-\beta_1) z + \beta_1 x$ is where gradients are computed. It is what the model holds.
#
# ### Exercise 14.3 · `ScheduleFreeAdamW`
# *Difficulty 4 of 5 · needed again: in the race · 15 minutes*
#
# Keras keeps y in the variable and z in a slot called "momentum". x is nowhere: it follows from both.

# %% exercise="ScheduleFreeAdamW" export="optimizers"
class ScheduleFreeAdamW(AdamArguments):
    """AdamW whose averages make up for a schedule of the learning rate.

    Three sequences: z makes the steps; x is the mean of all z so far, to be evaluated with; y, between
    the two, is where gradients are computed: the variable itself. In step t, counted from 1:
    `v += (g**2 - v) * (1 - beta_2)`, `v_hat = v / (1 - beta_2**t)`,
    `z -= learning_rate * g / (sqrt(v_hat) + epsilon)`,
    `x += (z - x) / t`, `y = (1 - beta_1) * z + beta_1 * x`.

    Args: learning_rate, beta_2, epsilon, kwargs: see `AdamArguments`.
        beta_1: float in (0, 1). How near to x the gradients are computed.
        warmup_steps: int of at least 0. Steps in which the learning rate climbs to its value.

    Reference: Defazio et al., 2024, "The road less scheduled".
    """

    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        **kwargs,
    ):
        check_number("beta_1", beta_1, lambda share: 0 < share < 1, "a float in (0, 1)")
        check_not_negative("warmup_steps", warmup_steps)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.warmup_steps = warmup_steps

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # z starts where the variable is, by its initializer: `fit` builds an optimizer while it traces
        # the step, and an `assign` there is written into a trace that never runs.
        self.momentums = [
            self.add_variable_from_reference(
                each, "momentum", initializer=lambda shape, dtype, each=each: ops.copy(each)
            )
            for each in variables
        ]
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def average(self, variable):
        """x of a variable: nobody keeps it, since it follows from y and z."""
        ### BEGIN SOLUTION
        # TODO: The variable is y; its z is among the slots.
        z = self.momentums[self._get_variable_index(variable)]
        # TODO: Solve y = (1 - beta_1) z + beta_1 x for x.
        return (variable - z * (1 - self.beta_1)) / self.beta_1
        ### END SOLUTION

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        z, v = self.momentums[place], self.velocities[place]
        t = ops.cast(self.iterations + 1, "float32")  # 1 in the first step
        if self.warmup_steps:
            learning_rate = learning_rate * ops.minimum(t / self.warmup_steps, 1)
        gradient, rate = (ops.cast(x, dtype) for x in (gradient, learning_rate))
        beta_2 = ops.cast(self.beta_2, "float32")  # rounded once: v and its correction agree
        ### BEGIN SOLUTION
        # TODO: x as it is: once z has moved, it cannot be recovered.
        x = self.average(variable)
        # TODO: The second moment as in Adam, and corrected.
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * ops.cast(1 - beta_2, dtype))
        v_hat = v / ops.cast(1 - beta_2**t, dtype)
        # TODO: z makes a step by the gradient; there is no first moment.
        step = ops.divide(ops.multiply(gradient, rate), ops.sqrt(v_hat) + self.epsilon)
        self.assign_sub(z, step)
        # TODO: x takes in the new z, as the mean of t values.
        x = x + (z - x) / ops.cast(t, dtype)
        # TODO: The variable is the new y.
        self.assign(variable, z * (1 - self.beta_1) + x * self.beta_1)
        ### END SOLUTION

    def get_config(self):
        return super().get_config() | {"warmup_steps": self.warmup_steps}

# %%
check(ScheduleFreeAdamW, strict=True)
# hint("ScheduleFreeAdamW")
# solution("ScheduleFreeAdamW")
ScheduleFreeAdamW = finish(ScheduleFreeAdamW)

# %% [markdown]
# A hundred numbers, each pulled to 0 at a curvature of its own, with noise in every gradient. Where
# are the three?

# %%
curvature = tf.constant(np.logspace(-2, 0, 100), "float32")
w, optimizer = keras.Variable(np.ones(100, "float32")), ScheduleFreeAdamW(0.03)
optimizer.build([w])


@tf.function
def height_of_three():
    """One step; then the loss at z, at y and at x."""
    noise = tf.random.stateless_normal([100], [0, optimizer.iterations.value])
    optimizer.apply([curvature * w + noise], [w])
    places = [optimizer.momentums[0], w, optimizer.average(w)]
    return [tf.reduce_sum(curvature * tf.square(place)) / 2 for place in places]


heights = np.array([[float(each) for each in height_of_three()] for _ in range(1000)]).T
plots.lines(range(1, 1001), dict(zip(["z", "y", "x"], heights, strict=True)), log="xy",
            title="z keeps jumping, its mean settles", xlabel="step", ylabel="loss")
plots.show(alt="Loss against step, logarithmic: z stays at a noisy level, x falls far below it, y "
           "follows x.")
late = heights[:, -200:].mean(axis=1)
assert late[0] > 3 * late[2]
plots.table({"": ["z", "y", "x"], "loss, mean of the last 200 steps": late})

# %% [markdown]
# At a rate that never falls, z never rests; the mean does. So a net has to be evaluated at x, and the
# model holds y. Keras has no switch for that: put `optimizer.average(variable)` into the variables
# before you evaluate, and y back before you train on.
#
# ## Find the bug, in Keras
#
# $\beta_1$ says where y lies. Take the same ten gradients, with $\beta_1$ 0.5 and with 0.9.

# %%
predict(
    "14-beta",
    "Keras 3.15's own ScheduleFreeAdamW passes its own tests. What does another beta_1 change?",
    choices=["the weights, as in yours", "nothing"],
    guess=None,
)

# %%
def weights_after_ten(make, beta_1):
    generator, weights = np.random.default_rng(0), keras.Variable(np.zeros(4, "float32"))
    optimizer = make(0.1, beta_1=beta_1)
    for _ in range(10):
        optimizer.apply([tf.constant(generator.normal(size=4), "float32")], [weights])
    return weights.numpy()


classes = {"yours": ScheduleFreeAdamW, "Keras": keras.optimizers.ScheduleFreeAdamW}
apart = {name: np.abs(weights_after_ten(make, 0.5) - weights_after_ten(make, 0.9)).max()
         for name, make in classes.items()}
assert apart["yours"] > 0.005 and apart["Keras"] < 1e-5
reveal("14-beta", "nothing" if apart["Keras"] < 1e-5 else "the weights, as in yours")
plots.table({"class": apart, "largest difference of a weight": apart.values()}, decimals=3)

# %% [markdown]
# Keras writes `momentum_old = momentum.value`, moves the momentum, and recovers x with
# `momentum_old`. On JAX `.value` is an array that stays as it was. On TensorFlow it is the variable itself,
# and already moved: what should be x is not, and y comes out as the plain mean of all z. Eight tests
# do not notice, and the loss goes down. The race below is with *your* class.
#
# ## Extra: Lamb
#
# For batches of many thousands You and others (2020) let each variable move by a share of its own
# length: Adam's direction, times `norm(variable) / norm(direction)`.
#
# ### Exercise 14.4 · `Lamb`
# *Difficulty 3 of 5 · not needed again · 10 minutes*

# %% exercise="Lamb" export="optimizers"
# Extra: Adam's direction, in steps as long as a share of the variable they change.
class Lamb(AdamArguments):
    """Adam's direction, in steps whose length is a share of the variable's own.

    Moments as in Adam, both corrected: `m_hat = m / (1 - beta_1**t)`, `v_hat = v / (1 - beta_2**t)`,
    `direction = m_hat / (sqrt(v_hat) + epsilon)`,
    `trust = norm(w) / norm(direction)`, or 1 where either is 0,
    `w -= learning_rate * trust * direction`.

    Args: learning_rate, beta_1, beta_2, epsilon, kwargs: see `AdamArguments`.

    Reference: You et al., 2020, "Large batch optimization for deep learning: training BERT in 76
    minutes".
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def norm(self, x):
        return ops.sqrt(ops.sum(ops.square(x)))

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient, rate = (ops.cast(x, dtype) for x in (gradient, learning_rate))
        m, v = self.momentums[place], self.velocities[place]
        t = ops.cast(self.iterations + 1, "float32")  # 1 in the first step
        ### BEGIN SOLUTION
        # TODO: The moments, as in Adam, and both corrected.
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))
        m_hat = m / ops.cast(1 - self.beta_1**t, dtype)
        v_hat = v / ops.cast(1 - self.beta_2**t, dtype)
        # TODO: Adam's direction.
        direction = m_hat / (ops.sqrt(v_hat) + self.epsilon)
        # TODO: The variable's length over the direction's, or 1 where one of them is 0.
        own, other = self.norm(variable), self.norm(direction)
        trust = ops.where(ops.logical_and(own > 0, other > 0), own / other, 1)
        # TODO: The step.
        self.assign_sub(variable, rate * trust * direction)
        ### END SOLUTION

# %%
check(Lamb, strict=True)
# hint("Lamb")
# solution("Lamb")
Lamb = finish(Lamb)

# %% [markdown]
# ## Keras's own tests

# %% tags=["nbval-ignore-output"]
reports = keras_exams([Lion, Muon, ScheduleFreeAdamW, Lamb])

# %%
def kept_for_each_weight(make):
    """How many numbers an optimizer keeps for each weight of the dense net, besides its counters."""
    optimizer = make(0.1)
    optimizer.build(net.trainable_variables)
    kept = sum(int(np.prod(slot.shape)) for slot in optimizer.variables if slot.shape)
    return kept / net.count_params()


newer = [Lion, Muon, ScheduleFreeAdamW, Lamb]
memory = {make.__name__: kept_for_each_weight(make) for make in [AdamW, *newer]}
scores = [f"{report.count('passed')} of {len(report.tests)}" for report in reports]
plots.table({"class": memory, "Keras's tests passed": ["(lesson 12)", *scores],
             "numbers kept for each weight": memory.values()})

# %% [markdown]
# ## The race
#
# The rules decide more than the runners:
#
# - equal steps, equal batches of 64, the same first weights for all in each seed;
# - four rates each, half a decade apart, of which the one with the lowest **training** loss on
#   seed 100 is taken. No test image has a say;
# - then five fresh seeds. Everything is compared with constant AdamW, **pair by pair**: the 95 % interval
#   of the mean difference, from five pairs, is their mean ± 2.78 standard errors. If it holds 0, it is
#   a tie.
#
# All run on the same track:

# %%
def racer(make_net, make_optimizer, images, steps):
    """A function of a rate, the curve it follows and a seed: trains, returns loss and accuracy."""
    model, optimizer = make_net(), make_optimizer(0.1)
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function
    def train(rows, rates):
        for step in tf.range(steps):
            optimizer.learning_rate.assign(rates[step])
            batch = tf.gather(images[0], rows[step])
            with tf.GradientTape() as tape:
                loss = crossentropy(tf.gather(y_train, rows[step]), model(batch, training=True))
            optimizer.apply(tape.gradient(loss, weights), weights)

    def run(rates, seed):
        restart(model, optimizer, make_net, make_optimizer, seed)
        train(batches(steps, seed), tf.constant(rates, "float32"))
        if isinstance(optimizer, ScheduleFreeAdamW):
            for weight in weights:
                weight.assign(optimizer.average(weight))  # to be evaluated at x
        accuracy = 100 * np.mean(np.argmax(model(images[1]), axis=1) == y_test)
        return np.log10(crossentropy(y_train, model(images[0]))), accuracy

    return run

# %%
def restart(model, optimizer, make_net, make_optimizer, seed):
    """The first weights of a seed, and an optimizer that has not made a step."""
    keras.utils.set_random_seed(seed)
    first, fresh = make_net(), make_optimizer(0.1)
    fresh.build(first.trainable_variables)
    pairs = zip(model.variables + optimizer.variables, first.variables + fresh.variables, strict=True)
    for variable, value in pairs:
        variable.assign(value)


def batches(steps, seed):
    """Rows of the training images, `(steps, 64)`: every epoch all of them, in a new order."""
    generator = np.random.default_rng(seed)
    rows = [generator.permutation(len(y_train)) for _ in range(steps * 64 // len(y_train) + 1)]
    return tf.constant(np.concatenate(rows)[: steps * 64].reshape(steps, 64).astype("int32"))


def race(make_net, images, steps, arms):
    """Name -> log10 of the final training loss and test accuracy in %, `(2, seeds)`; and the best rates."""
    results, best = {}, {}
    for name, (make, curve, rates) in arms.items():
        run, curve = racer(make_net, make, images, steps), curve(np.arange(steps) / steps)
        best[name] = min(rates, key=lambda rate: run(rate * curve, 100)[0])
        results[name] = np.transpose([run(best[name] * curve, seed) for seed in range(5)])
    return results, best

# %% [markdown]
# The decay of weights is the same for all, 0.004, where it is not 0 for `SGD`. Lion's rates are a
# tenth of Adam's: its steps are as long as a step can be.

# %%
def constant(progress):
    return np.ones_like(progress)


def cosine(progress):
    return (1 + np.cos(np.pi * progress)) / 2  # lesson 13


arms = {
    "Nesterov": (lambda rate: SGD(rate, 0.9, nesterov=True), constant, [0.01, 0.03, 0.1, 0.3]),
    "AdamW": (AdamW, constant, [0.001, 0.003, 0.01, 0.03]),
    "AdamW, cosine": (AdamW, cosine, [0.001, 0.003, 0.01, 0.03]),
    "schedule-free": (lambda rate: ScheduleFreeAdamW(rate, weight_decay=0.004), constant,
                      [0.003, 0.01, 0.03, 0.1]),
    "Lion": (lambda rate: Lion(rate, weight_decay=0.004), constant, [0.0001, 0.0003, 0.001, 0.003]),
    "Muon": (lambda rate: Muon(rate, exclude_layers=["logits"]), constant,
             [0.001, 0.003, 0.01, 0.03]),
}
predict(
    "14-race",
    "Dense net, 300 steps. Whose test accuracy is beyond a tie with AdamW's, and above?",
    choices=["nobody's", "one newer's", "several newer ones'"],
    guess=None,
)

# %%
def beside(results, other, measure):
    """What becomes of each arm beside `other`: ahead, tie or behind, seed by seed."""
    outcomes = {}
    for name, each in results.items():
        gain = (each[measure] - results[other][measure]) * [-1, 1][measure]  # loss: low is good
        half = 2.78 * gain.std(ddof=1) / np.sqrt(len(gain))
        outcomes[name] = "tie" if abs(gain.mean()) <= half else "ahead" if gain.mean() > 0 else "behind"
    return outcomes | {other: "–"}


def show_race(results, best, titles, alt):
    _, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    labels = ["training loss, power of ten", "test accuracy, %"]
    for measure, ax in enumerate(axes):
        values = {name: each[measure] for name, each in results.items()}
        plots.dots(values, title=titles[measure], xlabel=labels[measure], decimals=1, ax=ax)
    plots.show(alt=alt)
    return plots.table({
        "": list(results), "best rate of four": [f"{rate:g}" for rate in best.values()],
        labels[0]: [each[0] for each in results.values()],
        "beside AdamW": beside(results, "AdamW", 0).values(),
        labels[1]: [each[1] for each in results.values()],
        "beside AdamW ": beside(results, "AdamW", 1).values(),
    }, decimals=1)

# %% tags=["nbval-ignore-output"]
dense, dense_rates = race(dense_net, (x_train, x_test), 300, arms)
titles = ["Dense net: orders of magnitude apart", "Close together"]
gain = dense["AdamW"][0] - dense["Muon"][0]
assert gain.mean() > 0.5
assert abs(np.mean(dense["Muon"][1] - dense["AdamW"][1])) < 2
above = [beside(dense, "AdamW", 1)[name] for name in ["schedule-free", "Lion", "Muon"]].count("ahead")
reveal("14-race", ["nobody's", "one newer's", "several newer ones'"][min(above, 2)])
show_race(dense, dense_rates, titles, alt="Six optimizers, five seeds, dense net: training losses "
          "orders of magnitude apart, Muon lowest; test accuracies within two points.")

# %% [markdown]
# The losses look like a landslide: every image is learned long before the last step, and what
# differs is how *sure* the net is. On test images the field closes up. Look at the table before you say
# "newer": a gain counts only where the last column calls it one. And the oldest runner, momentum with
# Nesterov's look ahead, is no laggard beside constant AdamW.
#
# Now a convolutional net, half as many steps.

# %%
def convolutional_net():
    return keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(32, 3, strides=2, activation="relu"), layers.Flatten(),
        layers.Dense(64, activation="relu"), layers.Dense(10, name="logits"),
    ])


images = [each.reshape(-1, 8, 8, 1) for each in (x_train, x_test)]
muon, net = Muon(exclude_layers=["logits"]), convolutional_net()
by_muon = [w for w in net.trainable_variables if not muon._should_use_adamw(w)]
print("By Muon go:", ", ".join(f"a kernel {tuple(w.shape)}" for w in by_muon),
      f"of {len(net.trainable_variables)} variables.")

# %% tags=["nbval-ignore-output"]
convolutional, rates = race(convolutional_net, images, 150, arms)
titles = ["Convolutional net: another order", "Again close together"]
tests = np.array([each[1].mean() for each in convolutional.values()])
assert np.ptp(tests) < 6
gain = convolutional["AdamW"][0] - convolutional["schedule-free"][0]
assert gain.mean() > 0.5
show_race(convolutional, rates, titles, alt="The same six optimizers on a convolutional net: other "
          "ranks in training loss, test accuracies close together.")

# %% [markdown]
# In Keras, Muon takes matrices. A convolution's kernel has four dimensions and goes by Adam, so that here
# Muon is Adam but for one kernel.
#
# ## The verdicts

# %% tags=["nbval-ignore-output"]
nets, judge = {"dense": dense, "convolutional": convolutional}, plots.Verdicts("claim")
for measure, what in enumerate(["reaches a lower training loss", "is better on test images"]):
    for name in ["Lion", "schedule-free", "Muon"]:
        outcomes = {net: beside(results, "AdamW", measure)[name] for net, results in nets.items()}
        judge(f"{name} {what} than AdamW", {net: each == "ahead" for net, each in outcomes.items()},
              ", ".join(f"{net}: {each}" for net, each in outcomes.items()))
outcomes = [beside(results, "AdamW, cosine", measure)["schedule-free"]
            for results in nets.values() for measure in range(2)]
judge("schedule-free does without a schedule", {"": "behind" not in outcomes},
      f"beside AdamW, cosine: ahead {outcomes.count('ahead')}, tie {outcomes.count('tie')}, "
      f"behind {outcomes.count('behind')} of 4 times")
judge("Lion needs less memory", {"": memory["Lion"] < 0.6 * memory["AdamW"]},
      f"numbers for each weight: {memory['Lion']:.0f} beside {memory['AdamW']:.0f}")
judge("Muon makes updates orthogonal", {"above 0.01 of the norm": lifted.min() > 0.6,
                                        "below 0.0001 of it": after[before < 1e-4].max() > 0.6},
      f"{lifted.min():.1f} to {lifted.max():.1f} above, at most {after[before < 1e-4].max():.2f} below")
judge

# %% [markdown]
# A tie is what five pairs cannot tell apart; fifty might. And with so many comparisons at 95 %, one may be
# called by chance. All this is small. Papers report gains for nets a million times larger, with
# budgets for tuning that few have; what carries over is the way of asking.
#
# ## What can go wrong
#
# - **The default rate for all.** Lion's best rates lie far below Adam's. Whoever tunes one runner
#   only has decided the race.
# - **Evaluating y.** A schedule-free model holds y, in validation and in a saved file too.
# - **Decay in schedule-free.** Keras shrinks y; the paper shrinks z. Yours does as Keras.
# - **Muon on everything.** An embedding's rows, or the last layer's columns, are not what it is made for.
# - **A name for a variable's value.** `before = variable.value` follows the variable on TensorFlow.
#   Compute something from it, or take `ops.copy`.
# - **`assign` in `build`.** `fit` calls `build` while it traces the step, and keeps another trace. So Keras's
#   `ScheduleFreeAdamW` leaves z at 0, and its first step in `fit` throws the initial weights away. Run the
#   cell below; yours sets z by an initializer.
# - **Loss for quality.** Training loss below one in ten thousand says nothing about test images.

# %%
kept = {}
for name, make in {"Keras": keras.optimizers.ScheduleFreeAdamW, "yours": ScheduleFreeAdamW}.items():
    net = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    net.compile(make(0.001), "mse")
    net.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)  # right already: there is nothing to learn
    kept[name] = float(net.layers[0].kernel[0, 0])
plots.table({"a weight of 1": kept, "after a step in fit": kept.values()})

# %% [markdown]
# ## In short
#
# Lion steps by signs and keeps one number for each weight. Muon evens out a matrix's singular values by a
# few products, and where nets are made of matrices its training loss falls fastest here. Schedule-free
# averaging replaces a schedule, if you evaluate the average. On test images there is little between
# them and a tuned AdamW.
#
# ## Open questions
#
# 1. Reshape a convolution's kernel to `(height * width * in, out)`, and let Muon have it. Does the second
#    race change?
# 2. Which coefficients $a$, $b$, $c$ would bring singular values to exactly 1, and how many iterations
#    would they take?
# 3. Race again with `range(200, 205)` in place of `range(5)`. Which verdicts stand, and how many seeds would
#    you ask for?
