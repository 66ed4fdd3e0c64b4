# %% [markdown]
# # 04 · Batch normalization: inference
#
# **You build** `BatchNormalization` as Keras has it: it remembers what it saw in training,
# predicts one image at a time, and takes any axis, masks, freezing, 16-bit numbers and a config.
#
# **You need** lesson 03 (`moments`, `BatchNormalizationTrainingOnly`; where yours is missing the
# course's own stands in).
#
# **It takes** about 60 minutes. Run every cell in order, from the top (Shift+Enter). At the end
# Keras's own unit tests examine your class.

# %% tags=["setup"]

# %%
moments = recall("moments")
BatchNormalizationTrainingOnly = recall("BatchNormalizationTrainingOnly")
(x_train, y_train), (x_test, y_test) = datasets.digits()

# %% [markdown]
# ## A memory for statistics
#
# The layer of lesson 03 shows an image differently in every company, and turns an image that
# comes alone into zeros. In use there is no batch to measure. So the layer remembers the
# statistics of its training batches, as *moving averages*, and normalizes by those:
#
# $$m \leftarrow \alpha\, m + (1 - \alpha)\, b$$
#
# where $m$ is `moving`, $b$ the `batch_value` and $\alpha$ the `momentum`.
#
# Keras's `momentum` is the share that is *kept*, 0.99 by default. (PyTorch uses the same word for
# the share that is *new*: its 0.1 is 0.9 here. It has nothing to do with the momentum of an
# optimizer.)
#
# ### Exercise 4.1 · `update_moving_average`
# *Difficulty 1 of 5 · needed again: in 4.2 and 4.3 · 3 minutes*
#
# Return the moving average after one more batch; all shapes are alike.

# %% exercise="update_moving_average" export="normalization"
def update_moving_average(moving, batch_value, momentum):
    """The moving average after one more batch; `momentum` is the share of the old value it keeps.

    `momentum * moving + (1 - momentum) * batch_value`
    """
    ### BEGIN SOLUTION
    # TODO: Keep the fraction `momentum` of the old value, fill the rest with the new one.
    return momentum * moving + (1 - momentum) * batch_value
    ### END SOLUTION


# %%
check(update_moving_average, strict=True)
# hint("update_moving_average")      # one more hint each time you run it
# solution("update_moving_average")  # the course's own, and why it is written so
update_moving_average = finish(update_moving_average)

# %% [markdown]
# A moving mean starts at 0 and a moving variance at 1, whatever the data. How long does the start
# show?

# %%
predict(
    "04-start",
    "Momentum 0.99, one epoch of 10 steps. How much of a moving mean is still its start?",
    choices=["next to nothing", "about half", "about nine tenths"],
    guess=None,
)

# %%
batch_means = np.random.default_rng(0).normal(1, 0.1, size=300)
curves = {}
for momentum in [0.9, 0.99, 0.999]:
    values = [0.0]
    for batch_mean in batch_means:
        values.append(update_moving_average(values[-1], batch_mean, momentum))
    curves[f"momentum {momentum}"] = values
plots.lines(range(301), curves, title="The larger the momentum, the longer the start remains",
            xlabel="training step", ylabel="moving mean (the batches' is 1)")
plots.show(alt="Moving mean over 300 steps: momentum 0.9 arrives early, 0.99 late, 0.999 does not.")
start_left = 0.99**10
answers = ["next to nothing", "about half", "about nine tenths"]
reveal("04-start", answers[np.digitize(start_left, [0.1, 0.8])])
print(f"start left after 10 steps: {start_left:.2f}, after 80: {0.99**80:.2f}")

# %% [markdown]
# After $k$ steps $\text{momentum}^k$ of the start is left. A long memory is steady (the noise of
# single batches averages out) and slow. You will soon see what slow costs.
#
# ### Exercise 4.2 · `BatchNormalizationWithMovingStatistics`
# *Difficulty 3 of 5 · needed again: in 4.3 · 12 minutes*
#
# Extend the class of lesson 03, whose `build` makes `gamma` and `beta`. Add the two moving
# statistics, one number per feature, which gradients must not train. With `training=True`
# normalize by the batch and update them; without, normalize by them and leave them alone.
# `moments` keeps its axes: make its results `(features,)` before they meet the moving ones.

# %% exercise="BatchNormalizationWithMovingStatistics" export="normalization"
class BatchNormalizationWithMovingStatistics(BatchNormalizationTrainingOnly):
    """Batch statistics in training, their moving averages in inference.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`

    It lacks: an axis other than the last, masks, freezing, 16-bit precision, a config.

    Args:
        momentum: float in [0, 1], default 0.99. Share of a moving statistic kept per batch.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.

    Input shape: `(batch, ..., features)`. Output shape: same as the input.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 2.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        super().build(input_shape)
        ### BEGIN SOLUTION
        # TODO: moving_mean and moving_variance: not trainable, starting at 0 and 1.
        features = (input_shape[-1],)
        self.moving_mean = self.add_weight(
            shape=features, initializer="zeros", name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape=features, initializer="ones", name="moving_variance", trainable=False
        )
        ### END SOLUTION

    def call(self, inputs, training=None):
        ### BEGIN SOLUTION
        # TODO: Inference: the moving statistics.
        mean, variance = self.moving_mean, self.moving_variance
        # TODO: Training: the batch's own, which also move the moving ones.
        if training:
            mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))
            mean, variance = ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))
            for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(update_moving_average(moving, batch_value, self.momentum))
        # TODO: Normalize, scale and shift as before.
        normalized = (inputs - mean) / ops.sqrt(variance + self.epsilon)
        return self.gamma * normalized + self.beta
        ### END SOLUTION


# %%
check(BatchNormalizationWithMovingStatistics, strict=True)
# hint("BatchNormalizationWithMovingStatistics")      # one more hint each time you run it
# solution("BatchNormalizationWithMovingStatistics")  # the course's own, and why it is written so
BatchNormalizationWithMovingStatistics = finish(BatchNormalizationWithMovingStatistics)

# %% [markdown]
# ## A net that has learned and does not show it
#
# Moving statistics have no part in training. So train the classifier of every introduction
# (`Dense`, normalization, `Dense`, normalization, softmax) twice, from the same weights and on
# the same batches, with two momenta: the trained weights come out *the same*. The `accuracy` that
# `fit` reports is taken in training mode, and `val_accuracy`, on the test images, in inference.

# %%
predict(
    "04-lag",
    "Default momentum 0.99, after three epochs: the test accuracy beside that in training?",
    choices=["about the same", "lower by five points or more", "no better than guessing"],
    guess=None,
)

# %%
Dense = recall("Dense")


def network(normalization, **arguments):
    """Dense, normalization, Dense, normalization, softmax."""
    layers = [keras.Input((64,))]
    for _ in range(2):
        layers += [Dense(64, activation="relu"), normalization(**arguments)]
    return keras.Sequential([*layers, Dense(10, activation="softmax")])


def accuracies(normalization, **arguments):
    """Train anew for each of five seeds: accuracy in training and in inference, (seeds, epochs)."""
    model, runs = network(normalization, **arguments), []
    sgd = keras.optimizers.SGD(0.3)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"],
                  jit_compile=False, steps_per_execution=10)  # an epoch in one call
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        model.set_weights(network(normalization, **arguments).get_weights())
        data = dict(x=x_train, y=y_train, validation_data=(x_test, y_test), batch_size=128)
        runs.append(model.fit(**data, epochs=8, verbose=0).history)
    return [np.array([run[key] for run in runs]) for key in ["accuracy", "val_accuracy"]]

# %% [markdown]
# Run every seed on one compiled net. The arm called "training" belongs to both momenta:

# %%
block, arms = BatchNormalizationWithMovingStatistics, {}
arms["training"], arms["test, momentum 0.9"] = accuracies(block, momentum=0.9)
again, arms["test, momentum 0.99"] = accuracies(block, momentum=0.99)
assert np.array_equal(arms["training"], again)

plots.lines(range(1, 9), arms, xlabel="epoch (of 10 steps)", ylabel="accuracy",
            title="The same weights, through a short and a long memory")
plots.show(alt="Test accuracy by epoch: near training with momentum 0.9, far below with 0.99.")
late = (arms["test, momentum 0.9"] - arms["test, momentum 0.99"])[:, 2]  # after three epochs
gap = (arms["training"] - arms["test, momentum 0.99"])[:, 2].mean()
assert late.min() > 0.02
answers = ["about the same", "lower by five points or more", "no better than guessing"]
reveal("04-lag", answers[np.digitize(gap, [0.05, 0.8])])
columns = {name: [values[:, epoch - 1] for epoch in [1, 3, 8]] for name, values in arms.items()}
plots.table({"epoch": [1, 3, 8]} | columns)

# %% [markdown]
# The weights are as good as the upper curves say; the lowest reads them through statistics that
# are still partly their start, 0 and 1. Eight epochs are not enough for it: the line printed before
# exercise 4.2 says how much of the start is left after 80 steps. (After one epoch a test curve lies *above* training, which is averaged over
# the epoch, early steps included, and over other images.) A learner who sees the lowest curve
# suspects overfitting and reaches for dropout. Count your steps first: with $k$ steps behind you,
# $\text{momentum}^k$ should be small.
#
# ## What Keras's class has besides
#
# - **axis**: the features' axis may be any. Statistics are taken over all *other* axes, and one
#   number per feature must be brought into line with the inputs, as `(1, features, 1)` for inputs
#   of rank 3.
# - **mask**: padded positions must not count. A mask has the inputs' shape without the last axis,
#   and is true where a position is real.
# - **freezing**: with `layer.trainable = False` Keras keeps not only gamma and beta as they are.
# - **16-bit numbers**: in float16 the square of 256 is already infinite.
# - **center, scale, initializers, regularizers, constraints**, and a config that carries them
#   all.
#
# Arguments and variables are given. (`autocast=False` keeps the variables in float32 where the
# rest of a model computes in float16; `input_spec` makes Keras refuse inputs of another rank or
# number of features; `synchronized` would measure one batch spread over several devices.)

# %% export="normalization"
class BatchNormalizationVariables(keras.Layer):
    """What batch normalization is told and what it remembers, as Keras names it; no computation."""

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones",
        moving_mean_initializer="zeros", moving_variance_initializer="ones",
        beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None,
        synchronized=False, **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        if synchronized:
            raise ValueError(
                "`synchronized` must be False: statistics across devices come in lesson 17. "
                f"Received: synchronized={synchronized}."
            )

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` must be an axis of the inputs: an integer from {-rank} to {rank - 1}. "
                f"Received: axis={self.axis}, input_shape={input_shape}."
            )
        features = input_shape[self.axis]

        def variable(name, **options):
            initializer = getattr(self, f"{name}_initializer")
            return self.add_weight(
                shape=(features,), initializer=initializer, name=name, autocast=False, **options
            )

        self.gamma = self.beta = None
        if self.scale:
            self.gamma = variable(
                "gamma", regularizer=self.gamma_regularizer, constraint=self.gamma_constraint
            )
        if self.center:
            self.beta = variable(
                "beta", regularizer=self.beta_regularizer, constraint=self.beta_constraint
            )
        self.moving_mean = variable("moving_mean", trainable=False)
        self.moving_variance = variable("moving_variance", trainable=False)
        self.input_spec = keras.InputSpec(ndim=rank, axes={self.axis: features})

# %%
predict(
    "04-frozen",
    "`layer.trainable = False`, then `layer(inputs, training=True)`. What normalizes the inputs?",
    choices=["the batch's statistics", "the moving statistics"],
    guess=None,
)

# %% [markdown]
# ### Exercise 4.3 · `BatchNormalization`
# *Difficulty 4 of 5 · needed again: in every lesson to the capstone · 25 minutes*
#
# Four gaps. In `build`, note the axes to average over, `reduction_axes`, and the shape in which
# `(features,)` meets the inputs, `aligned_shape`: the given code uses these names. In
# `batch_statistics`, the moments of what a mask shows, in the shape that `moments` returns. In
# `call`, choose the statistics, let the moving ones `follow`, and normalize. (`result_type` returns
# the wider of two dtypes; `align` gives any `(features,)` the right shape and dtype.) In
# `get_config`, serialize as in lesson 01, or a whole dictionary at once with
# `keras.saving.serialize_keras_object(config)`. Run the check after each: its message says how
# far you are.

# %% exercise="BatchNormalization" export="normalization"
class BatchNormalization(BatchNormalizationVariables):
    """Normalize each feature: over the batch in training, by moving averages in inference.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`

    A frozen layer (`trainable = False`) normalizes by its moving averages, always.

    Args:
        axis: int, default -1. The axis of the features; all others are averaged over.
        momentum: float in [0, 1], default 0.99. Share of a moving statistic kept per batch.
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.
        center, scale: bool, default True. Whether there is a `beta`, a `gamma`.
        *_initializer, *_regularizer, *_constraint: as `keras.layers` takes them.
        synchronized: False; statistics across devices come in lesson 17.

    Call arguments: inputs; training: bool; mask: inputs' shape without its last axis, True
    where a position counts towards the statistics.
    Input shape: any. Output shape: same as the input.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithms 1 and 2.
    """

    def build(self, input_shape):
        super().build(input_shape)
        ### BEGIN SOLUTION
        # TODO: reduction_axes: every axis but that of the features (axis may be negative).
        rank = len(input_shape)
        self.reduction_axes = tuple(axis for axis in range(rank) if axis != self.axis % rank)
        # TODO: aligned_shape: one number per feature, in the rank of the inputs.
        self.aligned_shape = tuple(1 if axis in self.reduction_axes else -1 for axis in range(rank))
        ### END SOLUTION

    def batch_statistics(self, inputs, mask):
        if mask is None:
            return moments(inputs, self.reduction_axes)
        if len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "`mask` must have one dimension less than the inputs: all but the last. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}."
            )
        ### BEGIN SOLUTION
        # TODO: Stretch the mask over the inputs, and count what it shows.
        shown = ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), ops.shape(inputs))
        count = ops.sum(ops.cast(shown, inputs.dtype), self.reduction_axes, keepdims=True)

        # TODO: An average: the sum of what is shown, divided by the count.
        # TODO: Where the mask shows nothing, the average is 0: never divide by a count of 0.
        def average(values):
            total = ops.sum(ops.where(shown, values, 0), self.reduction_axes, keepdims=True)
            return total / ops.maximum(count, 1)

        # TODO: Mean and variance as in `moments`, with that average.
        mean = average(inputs)
        return mean, average(ops.square(inputs - mean))
        ### END SOLUTION

    def follow(self, moving, batch_value):
        batch_value = ops.reshape(batch_value, moving.shape)
        old_value = ops.cast(moving, batch_value.dtype)
        moving.assign(update_moving_average(old_value, batch_value, self.momentum))

    def call(self, inputs, training=None, mask=None):
        # In float16 a square overflows at 256, in bfloat16 a long sum loses its digits.
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))

        def align(values):
            return ops.reshape(ops.cast(values, inputs.dtype), self.aligned_shape)

        ### BEGIN SOLUTION
        # TODO: In training the batch's statistics, which the moving ones follow.
        if training and self.trainable:
            mean, variance = self.batch_statistics(inputs, mask)
            self.follow(self.moving_mean, mean)
            self.follow(self.moving_variance, variance)
        # TODO: In inference, or frozen, the moving ones.
        else:
            mean, variance = self.moving_mean, self.moving_variance
        # TODO: Normalize; scale where there is a gamma, shift where there is a beta.
        outputs = (inputs - align(mean)) * ops.rsqrt(align(variance) + self.epsilon)
        if self.scale:
            outputs = outputs * align(self.gamma)
        if self.center:
            outputs = outputs + align(self.beta)
        # TODO: Return them in the dtype that the rest of the model computes in.
        return ops.cast(outputs, self.compute_dtype)
        ### END SOLUTION

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        ### BEGIN SOLUTION
        # TODO: The base layer's config and all arguments of `__init__`, in a form JSON can hold.
        arguments = (
            "axis", "momentum", "epsilon", "center", "scale", "synchronized",
            "beta_initializer", "gamma_initializer",
            "moving_mean_initializer", "moving_variance_initializer",
            "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",
        )
        config = {name: getattr(self, name) for name in arguments}
        return {**super().get_config(), **keras.saving.serialize_keras_object(config)}
        ### END SOLUTION


# %%
check(BatchNormalization, strict=True)
# hint("BatchNormalization")      # one more hint each time you run it
# solution("BatchNormalization")  # the course's own, and why it is written so
BatchNormalization = finish(BatchNormalization)

# %% [markdown]
# Look at three of the new abilities:

# %%
padded = np.array([[[1.0], [3.0], [0.0], [0.0]], [[5.0], [7.0], [9.0], [0.0]]])  # (batch, time, 1)
for name, mask in [("without a mask", None), ("with a mask", padded[..., 0] != 0)]:
    layer = BatchNormalization(momentum=0.0)
    layer(padded, training=True, mask=mask)
    print(f"mean {name}: {float(layer.moving_mean[0]):.3f}")

layer.trainable = False
output = layer(padded, training=True)
as_inference = np.allclose(output, layer(padded, training=False))
reveal("04-frozen", "the moving statistics" if as_inference else "the batch's statistics")

large = np.array([[300.0], [-300.0]], "float16")
print("float16, squared:   ", np.ravel(ops.square(ops.array(large))))
layer = BatchNormalization(dtype="mixed_float16")
print("float16, your layer:", np.ravel(layer(large, training=True)))

# %% [markdown]
# Zeros that only fill up a sequence had pulled the mean down. A frozen layer is in inference,
# whatever `training` says; this is Keras's rule for this one layer, made for fine-tuning on a few
# images, whose statistics would spoil the good ones. And 300 squared is too large for float16, so
# the layer computes in float32 and hands float16 back.
#
# ## Beside Keras's own
#
# Now the final class in the classifier, and Keras's in its place: same seeds, same weights, same
# batches.

# %%
both = {"yours": BatchNormalization, "Keras": keras.layers.BatchNormalization}
arms = {name: accuracies(block, momentum=0.9)[1] for name, block in both.items()}
plots.lines(range(1, 9), arms, xlabel="epoch (of 10 steps)", ylabel="test accuracy",
            title="One curve, twice")
plots.show(alt="Test accuracy over eight epochs: your class's curve lies upon Keras's.")
largest = np.abs(arms["yours"] - arms["Keras"]).max()
assert largest < 0.01
print(f"never a hundredth apart, at any epoch of any seed: {largest < 0.01}")
last = [values[:, -1].mean() for values in arms.values()]
plots.table({"": list(arms), "mean after 8 epochs": last})

# %% [markdown]
# Equal curves are a good sign and no proof: you know from lesson 03 how well a wrong class can
# look. So two examinations. First your own probe:

# %%
gradient_flows_through_statistics = recall("gradient_flows_through_statistics")
flows = gradient_flows_through_statistics(BatchNormalization)
print("gradient flows through the statistics:", flows)

# %% [markdown]
# And then Keras's own unit tests. They ship inside the package you have installed, and usually
# run on Keras's class. Here yours takes its place. One argument is left out, `renorm`: batch
# renormalization, which brings the moving statistics into training. Lesson 06 builds it, and then
# the list is complete.

# %% tags=["nbval-ignore-output"]
report = keras_exam(BatchNormalization, without=("renorm",))

# %%
report

# %% [markdown]
# Tests that use `renorm` are not asked. `test_serialization` is one of them; the way into a config
# and back is examined all the same, in `test_bn_basics`.
#
# This is the class that the next lessons use: yours, if it passed. One question is left. Would
# Keras's tests have found the mistake of the colleague from lesson 03, whose class lets no gradient
# through its statistics? Make it in Keras's own class, which has `renorm`, and ask every test.

# %%
predict(
    "04-detached",
    "All of Keras's tests, on Keras's own class, detached. How many does it fail?",
    choices=["none", "a few", "most"],
    guess=None,
)


# %% tags=["nbval-ignore-output"]
class Detached(keras.layers.BatchNormalization):
    """Keras's own class, with no gradient through mean and variance."""

    def _moments(self, inputs, mask):  # Keras's own method for the batch's statistics
        return super()._moments(ops.stop_gradient(inputs), mask)


detached = keras_exam(Detached, tests_of="BatchNormalization")

# %%
failed = detached.count("failed")
reveal("04-detached", "none" if failed == 0 else "a few" if failed < 10 else "most")
print(detached.headline())
print("gradient flows through the statistics:", gradient_flows_through_statistics(Detached))

# %% [markdown]
# Keras's tests look at outputs, shapes, configs and files. They were written for a class whose
# gradient nobody doubts. The probe that you wrote in lesson 03 sees what they do not.
#
# ## What can go wrong
#
# - **A forgotten `training=True`** in a training loop of your own: the layer normalizes by its
#   start, 0 and 1, for ever, and no error comes. `fit` passes it on for you.
# - **Few steps, momentum 0.99**: see above. Take 0.9, or train for longer, before you blame the
#   net.
# - **Freezing after the first `fit`** has no effect until you compile again.
# - **A trainable layer on few images** while fine-tuning: its moving statistics drift to the new
#   data.
# - **Momentum from PyTorch**: 0.1 there is 0.9 here. Taken over as it is, it forgets nearly
#   everything at each step. (PyTorch also keeps the variance divided by $n - 1$, and Keras by
#   $n$.)
# - **Outputs at masked positions** are not zero: a mask keeps them out of the statistics only.
# - **Statistics as trainable weights**, updated by the optimizer or decayed with the weights.
#
# ## In short
#
# Training normalizes by the batch and lets two moving averages follow; inference, and a frozen
# layer, normalize by those. How long they need is a matter of momentum and of the number of
# steps, and while they lag, a good net looks bad. All the rest is bookkeeping, about axes, masks,
# numbers and configs, and Keras's tests have looked through it.
#
# ## Open questions
#
# 1. After training, could you merge the layer into the `Dense` before it? Write down its new
#    kernel.
# 2. How would you correct the start, so that momentum 0.999 is right from the first step? (Lesson
#    12 does so for Adam.)
# 3. The moving variance averages variances of batches. Is it that of all the data? What is
#    missing?
