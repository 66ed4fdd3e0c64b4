# %% [markdown]
# # 06 · When it breaks, and its relatives
#
# **You build** `LayerNormalization`, `RMSNormalization`, `GroupNormalization`, batch
# renormalization, and a batch normalization whose gamma and beta depend on a context.
#
# **You need** `BatchNormalization`, `moments` and `update_moving_average` (lessons 03 and 04;
# where yours is missing the course's own stands in).
#
# **It takes** about 75 minutes. Run every cell in order, from the top (Shift+Enter). At the end
# Keras's own unit tests examine four of your classes.

# %% tags=["setup"]

# %%
Dense, moments = recall("Dense"), recall("moments")
update_moving_average = recall("update_moving_average")
BatchNormalization = recall("BatchNormalization")
(x_train, y_train), (x_test, y_test) = datasets.digits()

# %% [markdown]
# ## A batch of two
#
# Batch normalization borrows from the neighbours: an example is measured against the rest of its
# batch. What if the batch is small, because large images leave room for no more? For a feature
# with the values $a > b$ in a batch of two the mean is $(a+b)/2$, the standard deviation
# $(a-b)/2$.

# %%
predict(
    "06-two",
    "A batch of two, normalized in training. What is left of a feature's two values?",
    choices=["their distance", "only which is larger", "nothing: both become 0"],
    guess=None,
)

# %%
for pair in [[3.0, 2.0], [-50.0, 900.0], [7.0, 4.5]]:
    normalized = np.ravel(BatchNormalization()(np.transpose([pair]), training=True))
    print(pair, "->", normalized.round(2))
signs = np.sign(np.subtract(pair, np.mean(pair)))
reveal("06-two", "only which is larger" if np.allclose(normalized, signs, atol=0.01) else "their distance")

# %% [markdown]
# One bit of each feature, and that depends on the neighbour. Train on it: two hidden layers
# on digits, 300 steps of gradient descent, five seeds, with and without batch normalization
# (momentum 0.9). Every arm has the same three learning rates to choose from at each batch size; the
# one with the best mean counts. (300 small batches show fewer images than 300 large ones, to both
# arms alike: compare within a row of the table.)

# %%
predict(
    "06-small",
    "From which batch size on is the net with it within a point of the net without?",
    choices=["2", "4 or 8", "64"],
    guess=None,
)


# %%
def network(normalization, depth=2):
    """Hidden layers of 64 units and ten outputs."""
    layers = [keras.Input((64,))]
    for _ in range(depth):
        layers += [Dense(64)] + ([normalization()] if normalization else []) + [keras.layers.ReLU()]
    return keras.Sequential([*layers, Dense(10)])


def tuned(runs):
    """Test accuracy of each arm at the learning rate with the best mean: name -> `(..., seeds)`."""
    accuracy = runs.test_accuracy.values[..., -1]  # (arms, ..., rates, seeds), after the last step
    best = np.argmax(accuracy.mean(axis=-1), axis=-1)[..., np.newaxis, np.newaxis]
    best = np.take_along_axis(accuracy, best, axis=-2)[..., 0, :]
    return dict(zip(runs.test_accuracy.axes["normalization"], best, strict=True))


digits = dict(train=(x_train, y_train), test=(x_test, y_test), seeds=range(5),
              learning_rate=[0.03, 0.1, 0.3], steps=300, test_every=300)

# %% tags=["nbval-ignore-output"]
arms = {"none": None, "batch normalization": lambda: BatchNormalization(momentum=0.9)}
sizes = [2, 4, 8, 64]
by_size = tuned(sweep(network, **digits, normalization=arms, batch_size=sizes))  # (sizes, seeds)

behind = (by_size["none"] - by_size["batch normalization"]).mean(axis=1)
assert behind[0] > 0.1 and behind[2] < 0.01
reveal("06-small", ["2", "4 or 8", "4 or 8", "64"][np.argmax(behind < 0.01)])
plots.table({"batch size": sizes} | {name: list(values) for name, values in by_size.items()})

# %% [markdown]
# At two it breaks; at eight the harm is gone. Two ways lead out: measure an example by itself
# alone, or lean on the batches before.
#
# ## Nothing from the neighbours
#
# **Layer normalization** takes mean and variance over the features of one example. Training and
# inference are the same, there is nothing to remember, and a batch of one will do.
#
# Two helpers are given. The axes to normalize may be one or several, counted from either end;
# and weights that live on those axes must meet the inputs in shape and dtype.

# %% export="normalization"
def feature_axes(axis, rank):
    """The axes that `axis` (an int or a list of them) names in inputs of this rank, sorted."""
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    if not all(-rank <= each < rank for each in axes):
        raise ValueError(
            f"`axis` must name axes of the inputs: integers from {-rank} to {rank - 1}. "
            f"Received: axis={axis}."
        )
    return tuple(sorted(each % rank for each in axes))


# %% export="normalization"
def align(values, axes, inputs):
    """Weights over these axes (sorted) of the inputs, ready to meet them in shape and dtype."""
    shape = [1] * len(inputs.shape)
    for axis, size in zip(axes, values.shape, strict=True):
        shape[axis] = size
    return ops.cast(ops.reshape(values, shape[axes[0] :]), inputs.dtype)

# %% [markdown]
# Arguments and variables are given too; layer and group normalization share them.

# %% export="normalization"
class NormalizationVariables(keras.Layer):
    """A gamma and a beta, as Keras's layers name and configure them; no normalization."""

    def __init__(
        self, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones",
        beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False  # inputs beyond float16 arrive as they are
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)

    def add_gamma_and_beta(self, shape):
        """Make the two variables; a layer without scale has no gamma, without center no beta."""
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape, initializer=self.gamma_initializer, name="gamma", autocast=False,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape, initializer=self.beta_initializer, name="beta", autocast=False,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )

    def scale_and_shift(self, normalized, axes):
        """The outputs: `gamma * normalized + beta`, gamma and beta standing on `axes`."""
        if self.scale:
            normalized = normalized * align(self.gamma, axes, normalized)
        if self.center:
            normalized = normalized + align(self.beta, axes, normalized)
        return ops.cast(normalized, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        arguments = (
            "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
            "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",
        )
        config = {name: getattr(self, name) for name in arguments}
        return {**super().get_config(), **keras.saving.serialize_keras_object(config)}

# %% [markdown]
# ### Exercise 6.1 · `LayerNormalization`
# *Difficulty 2 of 5 · needed again: 6.2 and 6.3 resemble it · 10 minutes*
#
# Two gaps: the shape of gamma and beta in `build`, the formula in `call`, where the given
# `scale_and_shift` finishes. (`rms_scaling` is a wrong turn in Keras's class, deprecated, and given:
# it divides by the standard deviation and subtracts no mean.)

# %% exercise="LayerNormalization" export="normalization"
class LayerNormalization(NormalizationVariables):
    """Normalize each example by itself, over its features.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`, mean and variance over `axis`

    Args:
        axis: int or list of ints, default -1. The axes to normalize over; gamma and beta have a
            number for each position on them.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.
        center, scale: bool, default True. Whether there is a `beta`, a `gamma`.
        rms_scaling: bool, default False. Deprecated: do not subtract the mean, have no beta.
        **kwargs: *_initializer, *_regularizer, *_constraint and more, as `keras.layers` takes them.

    Input shape: any. Output shape: same as the input.
    Reference: Ba, Kiros and Hinton, 2016, arXiv:1607.06450.
    """

    def __init__(
        self, axis=-1, epsilon=1e-3, center=True, scale=True, *, rms_scaling=False, **kwargs
    ):
        center, scale = center and not rms_scaling, scale or rms_scaling
        super().__init__(epsilon, center, scale, **kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                "Expected an int or a list/tuple of ints for the argument 'axis', "
                f"but received: {axis!r}. Use axis=-1 for the features."
            )
        self.axis, self.rms_scaling = axis, rms_scaling

    def build(self, input_shape):
        ### BEGIN SOLUTION
        # TODO: gamma and beta: a number for each position on the axes to normalize over.
        axes = feature_axes(self.axis, len(input_shape))
        self.add_gamma_and_beta([input_shape[axis] for axis in axes])
        ### END SOLUTION

    def call(self, inputs):
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axes = feature_axes(self.axis, len(inputs.shape))
        if self.rms_scaling:
            deviation = ops.sqrt(ops.var(inputs, axes, keepdims=True) + self.epsilon)
            return self.scale_and_shift(inputs / deviation, axes)
        ### BEGIN SOLUTION
        # TODO: Mean and variance of every example by itself.
        mean, variance = moments(inputs, axes)
        # TODO: Normalize, scale and shift.
        normalized = (inputs - mean) * ops.rsqrt(variance + self.epsilon)
        return self.scale_and_shift(normalized, axes)
        ### END SOLUTION

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "rms_scaling": self.rms_scaling}


# %%
check(LayerNormalization, strict=True)
# hint("LayerNormalization")      # one more hint each time you run it
# solution("LayerNormalization")  # the course's own, and why it is written so
LayerNormalization = finish(LayerNormalization)

# %% [markdown]
# **RMS normalization** does without the mean: $x / \sqrt{\overline{x^2} + \epsilon}$ times a `scale`,
# one pass fewer over the data. Most large language models use it.
#
# ### Exercise 6.2 · `RMSNormalization`
# *Difficulty 2 of 5 · needed again: below · 6 minutes*

# %% exercise="RMSNormalization" export="normalization"
class RMSNormalization(keras.Layer):
    """Divide each example by the root of its mean square; subtract nothing, shift nothing.

    `scale * inputs / sqrt(mean(square(inputs)) + epsilon)`, the mean over `axis`

    Args:
        axis: int or list of ints, default -1. The axes to normalize over; `scale` has a number for
            each position on them.
        epsilon: float > 0, default 1e-6. Added to the mean square, inside the root.

    Input shape: any. Output shape: same as the input.
    Reference: Zhang and Sennrich, 2019, arXiv:1910.07467.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape):
        rank = len(input_shape)
        shape = [input_shape[axis] for axis in feature_axes(self.axis, rank)]
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale", autocast=False)

    def call(self, inputs):
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axes = feature_axes(self.axis, len(inputs.shape))
        ### BEGIN SOLUTION
        # TODO: The mean of the squares, for every example by itself.
        mean_square = ops.mean(ops.square(inputs), axes, keepdims=True)
        # TODO: Normalize by its root, and scale.
        normalized = inputs * ops.rsqrt(mean_square + self.epsilon)
        outputs = normalized * align(self.scale, axes, inputs)
        # TODO: Return it in the dtype that the rest of the model computes in.
        return ops.cast(outputs, self.compute_dtype)
        ### END SOLUTION

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


# %%
check(RMSNormalization, strict=True)
# hint("RMSNormalization")      # one more hint each time you run it
# solution("RMSNormalization")  # the course's own, and why it is written so
RMSNormalization = finish(RMSNormalization)

# %% [markdown]
# **Group normalization** is for images: mean and variance of one example over all positions
# and a *group* of neighbouring channels. Two groups of four channels, positions first:
# `(batch, 8, 8, 4)` → `(batch, 8, 8, 2, 2)`, moments over axes 1, 2 and 4. With one group it is
# nearly layer normalization, with `groups=-1` (each channel a group) *instance normalization*.
#
# ### Exercise 6.3 · `GroupNormalization`
# *Difficulty 3 of 5 · needed again: below · 12 minutes*
#
# The channels may stand on any `axis` but the batch's. `ops.shape(inputs)` gives sizes that work
# where the batch size is unknown.

# %% exercise="GroupNormalization" export="normalization"
class GroupNormalization(NormalizationVariables):
    """Normalize each example by itself, in groups of neighbouring channels.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`; mean and variance are those of one
    group of one example, over its channels and all positions; gamma and beta are per channel.

    Args:
        groups: int, default 32. Number of groups; it divides the number of channels. -1: every
            channel is a group of its own (instance normalization).
        axis: int, default -1. The axis of the channels.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.
        **kwargs: center, scale, *_initializer, *_regularizer, *_constraint and more, as
            `keras.layers` takes them.

    Input shape: `(batch, ..., channels, ...)`. Output shape: same as the input.
    Reference: Wu and He, 2018, arXiv:1803.08494.
    """

    def __init__(self, groups=32, axis=-1, epsilon=1e-3, **kwargs):
        if not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer "
                f"(or `-1` for instance normalization). Received: groups={groups}"
            )
        super().__init__(epsilon, **kwargs)
        self.groups, self.axis = groups, axis

    def build(self, input_shape):
        [axis] = feature_axes(self.axis, len(input_shape))
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer "
                f"received an input with shape {input_shape}."
            )
        if self.groups > channels:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels "
                f"({channels})."
            )
        if channels % self.groups:
            raise ValueError(  # Keras's words; it means that the groups must divide the channels
                f"Number of groups ({self.groups}) must be a multiple of the number of channels "
                f"({channels})."
            )
        self.input_spec = keras.InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self.add_gamma_and_beta([channels])

    def call(self, inputs):
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        shape = ops.shape(inputs)
        [axis] = feature_axes(self.axis, len(shape))
        groups = shape[axis] if self.groups == -1 else self.groups
        ### BEGIN SOLUTION
        # TODO: Split the axis of the channels into two: groups, and the channels of a group.
        split = (groups, shape[axis] // groups)
        grouped = ops.reshape(inputs, (*shape[:axis], *split, *shape[axis + 1 :]))
        # TODO: Mean and variance over all axes but those of the examples and the groups.
        rank = len(grouped.shape)
        mean, variance = moments(grouped, [i for i in range(rank) if i not in (0, axis)])
        # TODO: Normalize, and join the groups again.
        normalized = (grouped - mean) * ops.rsqrt(variance + self.epsilon)
        normalized = ops.reshape(normalized, shape)
        # TODO: Scale and shift each channel.
        return self.scale_and_shift(normalized, [axis])
        ### END SOLUTION

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


# %%
check(GroupNormalization, strict=True)
# hint("GroupNormalization")      # one more hint each time you run it
# solution("GroupNormalization")  # the course's own, and why it is written so
GroupNormalization = finish(GroupNormalization)

# %% [markdown]
# Does an image look the same alone and in company, in training?

# %%
image, company = x_train[:1], x_train[:8]
for block in [BatchNormalization, LayerNormalization, RMSNormalization, GroupNormalization]:
    layer = block()
    alone, together = (layer(batch, training=True)[0] for batch in (image, company))
    print(f"{block.__name__:19} {np.allclose(alone, together, atol=1e-5)}")

# %% [markdown]
# ## Leaning on earlier batches
#
# **Batch renormalization** (Ioffe, 2017) normalizes in training, too, by moving statistics, here
# $\mu$ and $\sigma$. It writes this as the batch's normalization and a correction:
#
# $$\frac{x - \mu}{\sigma} = \frac{x - \mu_B}{\sigma_B}\, r + d, \qquad r = \frac{\sigma_B}{\sigma},
# \quad d = \frac{\mu_B - \mu}{\sigma}$$
#
# Why so? Because $r$ and $d$ are taken as constants in the backward pass: the value is that of the
# moving statistics, the gradient still knows that the batch's depend on the inputs. And $r$
# and $d$ can be limited (`renorm_clipping`) while the moving statistics are still young.
#
# ### Exercise 6.4 · `BatchNormalizationWithRenorm`
# *Difficulty 4 of 5 · needed again: below · 20 minutes*
#
# It extends your `BatchNormalization`, and without `renorm` is nothing else. Keras keeps five
# statistics: `renorm_mean` and `renorm_stddev` ($\mu$ and $\sigma$ above), and for inference
# `moving_mean`, `moving_stddev` and `moving_variance`. Where they are called `stddev`, epsilon is
# already inside: $\sqrt{\text{variance} + \epsilon}$. Three gaps, in `correction`, `remember` and
# `call`.

# %% exercise="BatchNormalizationWithRenorm" export="normalization"
class BatchNormalizationWithRenorm(BatchNormalization):
    """Batch normalization that can, in training too, normalize by statistics of many batches.

    `gamma * ((inputs - mean) / stddev * r + d) + beta`, `stddev = sqrt(variance + epsilon)`,
    `r = stddev / renorm_stddev` and `d = (mean - renorm_mean) / renorm_stddev` without gradient

    Args:
        renorm: bool, default False. Whether to; without it this is batch normalization.
        renorm_clipping: dict, default None. Limits: `rmin <= r <= rmax`, `-dmax <= d <= dmax`.
        renorm_momentum: float in [0, 1], default 0.99. As `momentum`, for `renorm_mean` and
            `renorm_stddev`.
        *args, **kwargs: as `BatchNormalization` takes them.

    Call arguments and shapes: as `BatchNormalization`.
    Reference: Ioffe, 2017, arXiv:1702.03275, algorithm 1.
    """

    def __init__(
        self, *args, renorm=False, renorm_clipping=None, renorm_momentum=0.99, **kwargs
    ):
        super().__init__(*args, **kwargs)
        if renorm:
            renorm_clipping = renorm_clipping or {}
            limits = {"rmin": 0.0, "rmax": np.inf, "dmax": np.inf}
            if set(renorm_clipping) - set(limits):
                raise ValueError(
                    "Received invalid keys for `renorm_clipping` argument: "
                    f"{renorm_clipping}. Supported values: {list(limits)}."
                )
            limits |= {name: limit for name, limit in renorm_clipping.items() if limit is not None}
            self.rmin, self.rmax, self.dmax = limits.values()
            if self.rmax < self.rmin:
                raise ValueError(
                    "rmax should be greater than rmin in the `renorm_clipping` argument. "
                    f"Received: rmax={self.rmax}, rmin={self.rmin}."
                )
            if self.dmax < 0:
                raise ValueError(
                    "dmax should be non-negative in the `renorm_clipping` argument. "
                    f"Received: dmax={self.dmax}."
                )
        self.renorm, self.renorm_clipping = renorm, renorm_clipping
        self.renorm_momentum = renorm_momentum

    def build(self, input_shape):
        super().build(input_shape)

        def initial_stddev(shape, dtype=None):
            return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

        def statistic(name, initializer):
            return self.add_weight(
                shape=(input_shape[self.axis],), initializer=initializer, name=name,
                trainable=False, autocast=False,
            )

        if self.renorm:
            self.moving_stddev = statistic("moving_stddev", initial_stddev)
            self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = statistic("renorm_stddev", initial_stddev)

    def correction(self, mean, stddev):
        """`r` and `d`: what turns a value normalized by the batch into one by the renorm ones."""
        axes = feature_axes(self.axis, len(mean.shape))
        renorm_mean = align(self.renorm_mean, axes, mean)
        renorm_stddev = align(self.renorm_stddev, axes, mean)
        renorm_stddev = ops.maximum(renorm_stddev, self.epsilon**0.5)
        ### BEGIN SOLUTION
        # TODO: r and d, each within its limits (rmin, rmax, dmax).
        r = ops.clip(stddev / renorm_stddev, self.rmin, self.rmax)
        d = ops.clip((mean - renorm_mean) / renorm_stddev, -self.dmax, self.dmax)
        # TODO: To the gradient they are constants.
        return ops.stop_gradient(r), ops.stop_gradient(d)
        ### END SOLUTION

    def remember(self, mean, stddev):
        """Let all five statistics follow those of the batch."""
        mean = ops.reshape(mean, self.moving_mean.shape)
        stddev = ops.reshape(stddev, self.moving_stddev.shape)

        def follow(moving, batch_value, momentum):
            old_value = ops.cast(moving, batch_value.dtype)
            moving.assign(update_moving_average(old_value, batch_value, momentum))

        ### BEGIN SOLUTION
        # TODO: Mean and stddev, in pairs: renorm_... with renorm_momentum, moving_... with momentum.
        follow(self.renorm_mean, mean, self.renorm_momentum)
        follow(self.renorm_stddev, stddev, self.renorm_momentum)
        follow(self.moving_mean, mean, self.momentum)
        follow(self.moving_stddev, stddev, self.momentum)
        # TODO: moving_variance, for inference: the variance that belongs to moving_stddev, not < 0.
        variance = ops.square(self.moving_stddev) - self.epsilon
        self.moving_variance.assign(ops.maximum(variance, 0))
        ### END SOLUTION

    def call(self, inputs, training=None, mask=None):
        if not (self.renorm and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = self.batch_statistics(inputs, mask)
        stddev = ops.sqrt(variance + self.epsilon)
        ### BEGIN SOLUTION
        # TODO: The correction, by what earlier batches have left; then remember this one.
        r, d = self.correction(mean, stddev)
        self.remember(mean, stddev)
        # TODO: Normalize by the batch, correct, then scale and shift.
        outputs = (inputs - mean) / stddev * r + d
        return self.scale_and_shift(outputs)
        ### END SOLUTION

    def scale_and_shift(self, normalized):
        """The outputs: `gamma * normalized + beta`."""
        axes = feature_axes(self.axis, len(normalized.shape))
        if self.scale:
            normalized = normalized * align(self.gamma, axes, normalized)
        if self.center:
            normalized = normalized + align(self.beta, axes, normalized)
        return ops.cast(normalized, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


# %%
check(BatchNormalizationWithRenorm, strict=True)
# hint("BatchNormalizationWithRenorm")      # one more hint each time you run it
# solution("BatchNormalizationWithRenorm")  # the course's own, and why it is written so
BatchNormalizationWithRenorm = finish(BatchNormalizationWithRenorm)

# %% [markdown]
# ## Five side by side
#
# The same runs as above for the three new arms: 8 groups of 8 units; renormalization within its
# usual limits.

# %%
predict(
    "06-five",
    "Batches of two: how much of what batch normalization lost does renormalization get back?",
    choices=["next to nothing", "a part", "all"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
limits = {"rmax": 3.0, "rmin": 1 / 3, "dmax": 5.0}
relatives = {
    "batch renormalization": lambda: BatchNormalizationWithRenorm(
        momentum=0.9, renorm=True, renorm_momentum=0.9, renorm_clipping=limits
    ),
    "group normalization": lambda: GroupNormalization(8),
    "layer normalization": LayerNormalization,
}
by_size |= tuned(sweep(network, **digits, normalization=relatives, batch_size=sizes))
curves = {name: values.T for name, values in by_size.items()}
ax = plots.lines(sizes, curves, log="x", title="Batches of two break batch normalization",
                 xlabel="batch size", ylabel="test accuracy")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
plots.show(alt="Test accuracy by batch size, five arms: far apart at two, together from eight on.")
at_two = {name: values[0] for name, values in by_size.items()}
broken = at_two["batch normalization"]
assert (at_two["layer normalization"] - broken).min() > 0.1
back = (at_two["batch renormalization"] - broken).mean() / (at_two["none"] - broken).mean()
reveal("06-five", ["next to nothing", "a part", "all"][np.digitize(back, [0.1, 0.9])])
plots.table({"batch size": sizes} | {name: list(values) for name, values in by_size.items()})

# %% [markdown]
# At two, layer and group normalization are about level with the net that has none.
# Renormalization gets a part back. And from eight on there is little to choose.
#
# ## One digit at a time
#
# Small is not the only way for a batch to be a bad sample. Data come sorted: by patient, by
# camera, by file. Batches of 64, each of images of one digit, or of two:

# %%
predict(
    "06-sorted",
    "Each batch shows one digit only. Test accuracy with batch normalization?",
    choices=["about as without", "some points lower", "no better than guessing"],
    guess=None,
)


# %%
def batches_of(count):
    """What draws `count` classes for each batch, then images of these."""

    def batches(labels, steps, batch_size, generator):
        rows = []
        for _ in range(steps):
            classes = generator.choice(10, count, replace=False)
            rows.append(generator.choice(np.flatnonzero(np.isin(labels, classes)), batch_size))
        return rows

    return batches


sorted_arms = {
    kind: tuned(sweep(network, **digits, normalization=arms | relatives, batch_size=64,
                      batches=batches_of(count)))
    for count, kind in [(1, "one digit"), (2, "two digits")]
}

# %% tags=["nbval-ignore-output"]
one_digit, two_digits = sorted_arms.values()
plots.dots(one_digit, title="A batch of one digit: what all have in common is lost",
           xlabel="test accuracy")
plots.show(alt="Dots: batch normalization guesses, renormalization lies between, the others do well.")
broken, mended = one_digit["batch normalization"], one_digit["layer normalization"]
assert broken.max() < 0.2 and mended.min() > 0.8
assert broken.max() + 0.1 < one_digit["batch renormalization"].mean() < mended.mean() - 0.1
reveal("06-sorted", "no better than guessing" if broken.mean() < 0.2 else "some points lower")
columns = {name: [arms[name] for arms in sorted_arms.values()] for name in one_digit}
plots.table({"a batch shows": list(sorted_arms)} | columns)

# %% [markdown]
# Subtracting the batch's mean subtracts what its examples have in common, and here that is
# the very thing to be learned. With two digits a batch, telling one from the other is enough to get
# most of it back.
#
# ## Too young to be trusted
#
# The third failure you know from lesson 04: moving statistics that lag behind. Depth makes it
# worse, because every layer hands its error on. Five convolutions, Keras's default momentum 0.99, 22
# steps an epoch. After each epoch read the same weights twice: by the moving statistics, and
# *re-estimated*: momentum 0, and all training images as one batch.

# %%
predict(
    "06-lag",
    "After four epochs this net knows its training images. Test accuracy by the moving statistics?",
    choices=["above 0.9", "0.7 to 0.9", "below 0.7"],
    guess=None,
)


# %%
def convolutional():
    """Five convolutions of 16 filters, each followed by batch normalization; ten outputs."""
    layers = [keras.Input((8, 8, 1))]
    for strides in [2, 1, 1, 1, 1]:
        convolution = keras.layers.Conv2D(16, 3, strides, padding="same", activation="relu")
        layers += [convolution, BatchNormalization()]
    return keras.Sequential([*layers, keras.layers.Flatten(), Dense(10)])


class ReadTwice(keras.callbacks.Callback):
    """Accuracy after each epoch: in training, by moving statistics, by re-estimated ones."""

    def on_epoch_end(self, epoch, logs):
        weights, by_moving = self.model.get_weights(), test_accuracy(self.model)
        self.set_momentum(0.0)
        self.model(squares, training=True)
        readings.append([logs["accuracy"], by_moving, test_accuracy(self.model)])
        self.set_momentum(0.99)
        self.model.set_weights(weights)

    def set_momentum(self, momentum):
        for layer in self.model.layers:
            layer.momentum = momentum


def test_accuracy(model):
    return np.mean(np.argmax(model(test_squares), axis=1) == y_test)

# %% tags=["nbval-ignore-output"]
squares, test_squares = (x.reshape(-1, 8, 8, 1) for x in (x_train, x_test))
model, runs = convolutional(), []
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.03), loss, metrics=["accuracy"],
              jit_compile=False, steps_per_execution=22)
for seed in range(5):
    keras.utils.set_random_seed(seed)
    model.set_weights(convolutional().get_weights())
    readings = []
    model.fit(squares, y_train, batch_size=55, epochs=4, verbose=0, callbacks=[ReadTwice()])
    runs.append(readings)
names = ["training", "test, momentum 0.99", "test, re-estimated"]
lag = dict(zip(names, np.moveaxis(runs, -1, 0), strict=True))  # name -> (seeds, epochs)
ax = plots.lines(range(1, 5), lag, title="The same weights, read by two sets of statistics",
                 xlabel="epoch (of 22 steps)", ylabel="accuracy")
ax.set_xticks(range(1, 5))
plots.show(alt="Accuracy by epoch: training and re-estimated near 1, momentum 0.99 far below.")
young, ripe = lag["test, momentum 0.99"][:, -1], lag["test, re-estimated"][:, -1]
assert (ripe - young).min() > 0.1 and ripe.min() > 0.9
reveal("06-lag", ["below 0.7", "0.7 to 0.9", "above 0.9"][np.digitize(young.mean(), [0.7, 0.9])])
plots.table({"epoch": [1, 2, 4]} | {n: [v[:, e] for e in [0, 1, 3]] for n, v in lag.items()})

# %% [markdown]
# Nothing was wrong with the weights. Re-estimating costs one pass over the data; momentum 0.9
# (lesson 04) shortens the wait, and norms that remember nothing do not lag. (The case is chosen to
# be clear: shallower nets and larger rates lag less.)
#
# ## The fix for each
#
# Per failure, the relative with the best mean. Look at the column "none" too: these nets are
# shallow, and leaving normalization out serves them as well.

# %% tags=["nbval-ignore-output"]
failures = {
    "batches of two": at_two,
    "one digit a batch": one_digit,
    "two digits a batch": two_digits,
}
rows = []
for failure, accuracy in failures.items():
    best = max(relatives, key=lambda name: accuracy[name].mean())
    rows.append([failure, *(accuracy[f"batch {name}normalization"] for name in ["", "re"]),
                 accuracy["none"], best, accuracy[best]])
rows.append(["young statistics", young, "not tried", "not tried", "re-estimated", ripe])
head = ["failure", "batch normalization", "renorm", "none", "fix", "with it"]
plots.table(dict(zip(head, zip(*rows, strict=True), strict=True)))

# %% [markdown]
# ## A context
#
# One gamma and one beta serve every example. They need not: let them depend on something known
# besides, a question, a camera, a style. **Conditional batch normalization** (de Vries et al., 2017)
# computes them from a context $c$, here by linear maps with a constant:
#
# $$y = \gamma(c)\,\hat x + \beta(c), \qquad \gamma(c) = 1 \text{ and } \beta(c) = 0 \text{ at the start}$$
#
# ### Exercise 6.5 · `ConditionalBatchNormalization`
# *Difficulty 3 of 5 · needed again: below · 12 minutes*
#
# Build it of your `BatchNormalization` and two `keras.layers.Dense`, which the given `start_at`
# makes. A gamma belongs to one example and to all of its positions.

# %% exercise="ConditionalBatchNormalization" export="normalization"
class ConditionalBatchNormalization(keras.Layer):
    """Batch normalization whose gamma and beta depend on a context.

    `gamma(context) * normalized + beta(context)`, both learned linear maps of the context, with
    a constant; at the start gamma is 1 and beta 0 whatever the context.

    Args:
        momentum: float in [0, 1], default 0.99. Share of a moving statistic kept per batch.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.

    Call arguments: inputs; context; training: bool.
    Input shapes: inputs `(batch, ..., features)`, context `(batch, context_features)`.
    Output shape: same as the inputs.
    Reference: de Vries et al., 2017, arXiv:1707.00683.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, inputs_shape, context_shape):
        features = inputs_shape[-1]

        def start_at(value):  # a map of the context that starts as this constant
            return keras.layers.Dense(
                features, kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(value), dtype=self.dtype_policy,
            )

        ### BEGIN SOLUTION
        # TODO: A batch normalization without a gamma and a beta of its own.
        self.normalization = BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, center=False, scale=False,
            dtype=self.dtype_policy,
        )
        # TODO: Two maps of the context, starting at 1 and at 0.
        self.gamma = start_at(1.0)
        self.beta = start_at(0.0)
        ### END SOLUTION
        self.normalization.build(inputs_shape)
        self.gamma.build(context_shape)
        self.beta.build(context_shape)

    def call(self, inputs, context, training=None):
        ### BEGIN SOLUTION
        # TODO: Normalize, in training or in inference.
        normalized = self.normalization(inputs, training=training)
        # TODO: gamma and beta of each example, the same at all of its positions.
        between = tuple(range(1, len(inputs.shape) - 1))
        gamma = ops.expand_dims(self.gamma(context), between)
        beta = ops.expand_dims(self.beta(context), between)
        return gamma * normalized + beta
        ### END SOLUTION

    def compute_output_shape(self, inputs_shape, context_shape):
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


# %%
check(ConditionalBatchNormalization, strict=True)
# hint("ConditionalBatchNormalization")      # one more hint each time you run it
# solution("ConditionalBatchNormalization")  # the course's own, and why it is written so
ConditionalBatchNormalization = finish(ConditionalBatchNormalization)

# %% [markdown]
# An image shows two digits side by side. Task *which one?*: the context says which is wanted. Task
# *which camera?*: it is always the left one, but the second camera swaps light and dark, and the
# context says which camera it was. Three ways to use a context: not at all, as two more inputs
# (concatenated), or in every normalization.

# %%
predict(
    "06-context",
    "Where does conditioning on the context raise test accuracy by more than five points?",
    choices=["in both tasks", "only in 'which one?'", "only in 'which camera?'", "in neither"],
    guess=None,
)


# %%
def pairs(task, images, labels, generator):
    """Two images and a context of two numbers side by side, and the label that is asked for."""
    rows = generator.integers(len(images), size=(2, 3000))
    context = generator.integers(2, size=3000)
    shown, wanted = np.hstack(images[rows]), labels[rows[0]]
    if task == "which one?":
        wanted = np.choose(context, labels[rows])
    else:
        shown = np.where(context, -shown.T, shown.T).T
    return np.hstack([shown, np.eye(2)[context]]).astype("float32"), wanted


def reader(normalization):
    """Two hidden layers; the last two of the inputs are the context."""
    inputs = keras.Input((130,))
    hidden, context = inputs[:, :-2], inputs[:, -2:]
    if normalization == "concatenated":
        hidden = inputs
    for _ in range(2):
        hidden = Dense(64)(hidden)
        if normalization == "conditional":
            hidden = ConditionalBatchNormalization(momentum=0.9)(hidden, context)
        else:
            hidden = BatchNormalization(momentum=0.9)(hidden)
        hidden = keras.layers.ReLU()(hidden)
    return keras.Model(inputs, Dense(10)(hidden))

# %% tags=["nbval-ignore-output"]
ways, by_task = ["not used", "concatenated", "conditional"], {}
for task in ["which one?", "which camera?"]:
    generator = np.random.default_rng(0)
    train = pairs(task, x_train, y_train, generator)
    test = pairs(task, x_test, y_test, generator)
    by_task[task] = tuned(sweep(reader, train, test=test, normalization=ways, seeds=range(5),
                                learning_rate=[0.1, 0.3], steps=200, test_every=200))

figure, panels = plt.subplots(2, sharex=True, figsize=(7, 5))
for ax, (task, accuracy) in zip(panels, by_task.items(), strict=True):
    plots.dots(accuracy, title=task, xlabel="test accuracy", decimals=3, ax=ax)
plots.show(alt="Dots: 'which one?' needs the context, conditional a little ahead; 'which camera?' does not.")
gains = [np.mean(a["conditional"] - a["not used"]) > 0.05 for a in by_task.values()]
lead = by_task["which one?"]["conditional"] - by_task["which one?"]["concatenated"]
assert gains == [True, False] and lead.mean() > 0
answers = {(1, 1): "in both tasks", (1, 0): "only in 'which one?'", (0, 1): "only in 'which camera?'"}
reveal("06-context", answers.get(tuple(gains), "in neither"))
print(f"seeds in which conditional is ahead of concatenated: {np.sum(lead > 0)} of 5")
plots.table({"context": ways} | {task: list(a.values()) for task, a in by_task.items()}, decimals=3)

# %% [markdown]
# Where the context decides what is asked, a net that does not know it is right half of the time.
# Conditioning then beats two more inputs, by a little. Where it only describes what can be seen in
# the image, it adds nothing: this net tells a negative by itself.
#
# ## Keras's own tests
#
# Four of the classes have a counterpart in Keras. Now, with `renorm`, no test of
# `BatchNormalization` is left out.

# %% tags=["nbval-ignore-output"]
blocks = [BatchNormalizationWithRenorm, LayerNormalization, RMSNormalization, GroupNormalization]
tests_of = ["BatchNormalization", None, None, None]  # None: the Keras class of the same name
reports = keras_exams(blocks, tests_of=tests_of)  # in about ten seconds

# %%
for report in reports:
    print(report.headline())

# %% [markdown]
# ## Extra: a norm without statistics
#
# **Dynamic tanh** (Zhu et al., 2025, arXiv:2503.10622) replaces layer normalization in transformers by
# $\gamma \tanh(\alpha x) + \beta$, with one learned number $\alpha$ that starts at 0.5. Does it
# replace it in a plain net of eight hidden layers as well?

# %% tags=["nbval-ignore-output"]
# Extra:
class DynamicTanh(keras.Layer):
    """`gamma * tanh(alpha * inputs) + beta`, one `alpha` for all, which starts at `alpha`."""

    def __init__(self, alpha):
        super().__init__()
        self.start = keras.initializers.Constant(alpha)

    def build(self, input_shape):
        self.alpha = self.add_weight(shape=(), initializer=self.start, name="alpha")
        self.gamma = self.add_weight(shape=input_shape[-1:], initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=input_shape[-1:], initializer="zeros", name="beta")

    def call(self, inputs):
        return self.gamma * ops.tanh(self.alpha * inputs) + self.beta


tanhs = {f"dynamic tanh, alpha {a}": lambda a=a: DynamicTanh(a) for a in [0.5, 1.0, 2.0]}
layer_norm = {"layer normalization": LayerNormalization}
deep = tuned(sweep(lambda normalization: network(normalization, depth=8),
                   normalization=tanhs | layer_norm, **digits | dict(steps=200, test_every=200)))
plots.dots(deep, title="Dynamic tanh lives on its start", xlabel="test accuracy")
plots.show(alt="Dots: dynamic tanh guesses at alpha 0.5, better at 1 and 2; layer norm ahead.")
at_its_start = deep["dynamic tanh, alpha 0.5"]
assert at_its_start.max() < 0.2
assert deep["layer normalization"].mean() > max(deep[name].mean() for name in tanhs) + 0.01
plots.table({"": list(deep), "test accuracy": list(deep.values())})

# %% [markdown]
# $\tanh(0.5x)$ halves a small signal, eight times over. A larger start, found by trying, helps; layer
# normalization needs no trying, since it divides by the signal's size, whatever that is. (A transformer
# adds each block to a path that passes it by, and so no signal has to get through all of them.)
#
# ## What can go wrong
#
# - **Fine-tuning on two images at a time** with batch normalization unfrozen: the first failure.
#   Freeze it (lesson 04), or take another norm from the start.
# - **Layer normalization in a convolutional net**: `axis=-1` normalizes every position by itself.
#   For whole images give `axis=[1, 2, 3]`; gamma then has a number for each pixel.
# - **Two epsilons**: 1e-3 here, 1e-6 in `RMSNormalization`, 1e-5 in PyTorch's layers. Where a signal is
#   small they differ.
# - **Keras 3.15 with other axes**: `RMSNormalization` scales the wrong axis or raises if `axis` is not
#   the last; `LayerNormalization(axis=[1, -1])` mixes up gamma's axes. Does yours? The check asks
#   for neither; `align` does it right.
# - **Keras's message** that the groups must be "a multiple of the number of channels" has it the
#   wrong way round.
#
# ## In short
#
# Batch normalization needs batches that look like the data, and statistics old enough to know them.
# Otherwise it fails, and no error says so. Norms of the single example cannot fail in this way;
# renormalization mends a part. With 64 mixed images a batch, and statistics that had time, none of
# this matters.
#
# ## Open questions
#
# 1. Layer normalization on two features: what is left of them? And RMS normalization?
# 2. Without clipping, and with `renorm_momentum` 1, what does renormalization do to the gradient
#    that batch normalization would give?
# 3. How would you fill a batch if your data come sorted on disk, too large to shuffle?
