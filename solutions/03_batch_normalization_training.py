# %% [markdown]
# # 03 · Batch normalization: training
#
# **You build** the half of batch normalization that trains: a layer that measures its batch and
# normalizes by what it finds, and its backward pass, by hand.
#
# **You need** lessons 01 and 02 (`Dense`, `numerical_gradient`; where yours is missing the
# course's own stands in), and the chain rule.
#
# **It takes** about 55 minutes. Run every cell in order, from the top (Shift+Enter). Lesson 04 adds
# the half that predicts.

# %% tags=["setup"]

# %% [markdown]
# ## Measure, then normalize
#
# Lesson 02 chose the scale of the initial weights so that a signal keeps its size through many
# layers. That is a promise for step zero alone: the first update changes the weights, and nobody
# measures again. Batch normalization measures at every step. For each feature it takes the mean
# and variance over the batch,
#
# $$\mu = \frac1n \sum_i x_i \qquad \sigma^2 = \frac1n \sum_i (x_i - \mu)^2$$
#
# In an image batch of shape `(batch, height, width, channels)` a feature is a channel, and *all*
# other axes are averaged over. The code names are `mean`, `variance` and `axes`.
#
# ### Exercise 3.1 · `moments`
# *Difficulty 1 of 5 · needed again: in every block of lessons 03 to 06 · 5 minutes*
#
# From `inputs` of any shape, return `(mean, variance)` over `axes`. The axes stay, with size 1,
# so that both line up with the inputs: `(32, 8, 8, 3)` over `(0, 1, 2)` gives twice
# `(1, 1, 1, 3)`.

# %% exercise="moments" export="normalization"
def moments(inputs, axes):
    """Mean and variance of `inputs` over `axes`, which stay as dimensions of size 1.

    `variance = mean(square(inputs - mean))`: divided by the count n, not by n - 1.
    """
    ### BEGIN SOLUTION
    # TODO: The mean over the axes, kept as dimensions of size 1.
    mean = ops.mean(inputs, axis=axes, keepdims=True)
    # TODO: The variance: the mean squared distance from that mean.
    variance = ops.mean(ops.square(inputs - mean), axis=axes, keepdims=True)
    # TODO: Return both, the mean first.
    return mean, variance
    ### END SOLUTION


# %%
check(moments, strict=True)
# hint("moments")      # one more hint each time you run it
# solution("moments")  # the course's own, and why it is written so
moments = finish(moments)

# %% [markdown]
# Two columns, two examples:

# %%
mean, variance = moments(ops.array([[1.0, 10.0], [3.0, 50.0]]), axes=(0,))
print("mean    ", ops.convert_to_numpy(mean))
print("variance", ops.convert_to_numpy(variance))

# %% [markdown]
# Each column has its own pair of numbers. Of 1 and 3 the variance is 1, because both are 1 away
# from their mean; with $n - 1$ below the fraction it would be 2. Keras and the paper divide by
# $n$.
#
# Now the layer. It normalizes, and then gives the network back the freedom to choose another mean
# and scale, with two trained numbers per feature, $\gamma$ (`gamma`, first 1) and $\beta$
# (`beta`, first 0):
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad y = \gamma\,\hat x + \beta$$
#
# The small $\epsilon$ (`epsilon`) stands inside the root, and keeps a feature that never varies
# from being divided by zero.

# %%
predict(
    "03-alone",
    "A batch of one single image goes through a new layer. What comes out?",
    choices=["the image", "zeros", "not a number (NaN)"],
    guess=None,
)

# %% [markdown]
# ### Exercise 3.2 · `BatchNormalizationTrainingOnly`
# *Difficulty 2 of 5 · needed again: in 3.4 and lesson 04 · 10 minutes*
#
# `build` makes `gamma` and `beta`, one number per feature, where the features are the last axis.
# `call` normalizes over all other axes, at any rank.

# %% exercise="BatchNormalizationTrainingOnly" export="normalization"
class BatchNormalizationTrainingOnly(keras.Layer):
    """Normalize each feature with the mean and variance of the batch at hand.

    `gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`

    It lacks moving statistics: `training` is accepted and ignored, so an output always
    depends on the other examples of its batch. Lesson 04 mends that.

    Args:
        epsilon: float > 0, default 1e-3. Added to the variance, inside the root.

    Input shape: `(batch, ..., features)`. Output shape: same as the input.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 1.
    """

    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        ### BEGIN SOLUTION
        # TODO: gamma and beta: trainable, one number per feature, starting at 1 and 0.
        features = (input_shape[-1],)
        self.gamma = self.add_weight(shape=features, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=features, initializer="zeros", name="beta")
        ### END SOLUTION

    def call(self, inputs, training=None):
        ### BEGIN SOLUTION
        # TODO: The moments over every axis but the last.
        mean, variance = moments(inputs, axes=tuple(range(len(inputs.shape) - 1)))
        # TODO: Normalize: mean 0, variance (almost) 1.
        normalized = (inputs - mean) / ops.sqrt(variance + self.epsilon)
        # TODO: Scale by gamma, shift by beta.
        return self.gamma * normalized + self.beta
        ### END SOLUTION


# %%
check(BatchNormalizationTrainingOnly, strict=True)
# hint("BatchNormalizationTrainingOnly")      # one more hint each time you run it
# solution("BatchNormalizationTrainingOnly")  # the course's own, and why it is written so
BatchNormalizationTrainingOnly = finish(BatchNormalizationTrainingOnly)

# %% [markdown]
# See what it does to the digits. Three hidden units with outputs of quite different place and
# width, before and after:

# %%
(x_train, y_train), (x_test, y_test) = datasets.digits()
layer = BatchNormalizationTrainingOnly()
kernel = np.random.default_rng(0).normal(size=(64, 3)) * [0.2, 0.6, 1.2]
hidden = (x_train @ kernel + [20, -15, 0]).astype("float32")
normalized = ops.convert_to_numpy(layer(hidden))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
panels = [(left, hidden, "before"), (right, normalized, "after: one place, one width")]
for ax, values, title in panels:
    units = {f"unit {unit + 1}": values[:, unit] for unit in range(3)}
    plots.histograms(units, title=title, xlabel="output of the unit", ax=ax)
plots.show(alt="Three histograms, at different places and widths before the layer, alike after it.")
print("means", normalized.mean(axis=0).round(2) + 0, "deviations", normalized.std(axis=0).round(2))

# %% [markdown]
# Place and width are gone; the shape of each histogram stays. So the layer before may shift and
# stretch a unit as it likes, and this layer's output will not change. Remember that: the rest of
# the lesson follows from it. (One thing follows at once. A bias in the `Dense` before has no
# effect at all, and you may leave it out.)
#
# Now one image, in two different batches and alone:

# %%
layer, image = BatchNormalizationTrainingOnly(), x_train[:1]
for name, others in [("with images 1–7", x_train[1:8]), ("with images 8–14", x_train[8:15])]:
    outputs = ops.convert_to_numpy(layer(np.concatenate([image, others])))
    print(f"{name:16}", outputs[0, 18:24].round(2))
alone = ops.convert_to_numpy(layer(image))
print(f"{'alone':16}", alone[0, 18:24].round(2))
seen = "zeros" if np.allclose(alone, 0) else "the image"
reveal("03-alone", "not a number (NaN)" if np.isnan(alone).any() else seen)

# %% [markdown]
# What a digit looks like depends on its neighbours, and alone it is its own mean, so nothing is
# left of it. That is why the class is called `…TrainingOnly`. Lesson 04 mends it.
#
# ## Three ways back
#
# Training needs the gradient of the loss for the inputs. It is the part of batch normalization
# that most explanations leave to the framework, and you will soon see a class that gets it wrong
# without anyone noticing. Take one feature, write $g_i = \partial L / \partial y_i$ for what
# arrives from above, and $s = \sqrt{\sigma^2 + \epsilon}$ (`deviation`). An input $x_i$ reaches
# the loss on three paths.
#
# **Direct.** With $\mu$ and $s$ held fixed, $y_i = \gamma (x_i - \mu)/s + \beta$:
#
# $$d_i = g_i\,\gamma / s$$
#
# **Through the mean.** When $\mu$ grows by a little, every output falls, by $\gamma / s$ each;
# all of the batch together gives $-\sum_j d_j$. And $x_i$ has a share of $1/n$ in $\mu$:
#
# $$m_i = -\frac1n \sum_j d_j$$
#
# **Through the variance.** $\hat x_j = (x_j - \mu)\,(\sigma^2 + \epsilon)^{-1/2}$, so its
# derivative for $\sigma^2$ is $-\hat x_j / (2 s^2)$. Times $\gamma g_j = s\, d_j$ and summed:
# $-\sum_j d_j \hat x_j / (2 s)$. And
# $\partial \sigma^2 / \partial x_i = 2 (x_i - \mu) / n = 2 s \hat x_i / n$. (By way of $\mu$
# nothing is added: $\partial \sigma^2 / \partial \mu = -\frac2n \sum_j (x_j - \mu) = 0$.)
#
# $$v_i = -\hat x_i \cdot \frac1n \sum_j d_j \hat x_j$$
#
# The gradient is $d_i + m_i + v_i$. And $\gamma$ and $\beta$, shared by the whole batch, collect
# $\sum_i g_i \hat x_i$ and $\sum_i g_i$.

# %%
predict(
    "03-sum",
    "Add up the inputs' gradient over the batch. What do you get?",
    choices=["zero", "the sum of the output's gradient", "it depends on the inputs"],
    guess=None,
)

# %% [markdown]
# ### Exercise 3.3 · `batch_normalization_gradients`
# *Difficulty 4 of 5 · needed again: it explains 3.4 · 15 minutes*
#
# In NumPy, for arrays of shape `(batch, features)`: return the gradients for the inputs
# `(batch, features)`, for gamma `(features,)` and for beta `(features,)`.

# %% exercise="batch_normalization_gradients" export="normalization"
def batch_normalization_gradients(inputs, gamma, output_gradient, epsilon=1e-3):
    """The three gradients of batch normalization over `(batch, features)`, in NumPy.

    Args:
        inputs: array `(batch, features)`, what the layer was given.
        gamma: array `(features,)`.
        output_gradient: array `(batch, features)`, the loss's gradient for the outputs.
        epsilon: float > 0, default 1e-3.

    Returns `(input_gradient, gamma_gradient, beta_gradient)`, each in float64 and in the
    shape of what it belongs to.
    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167, section 3.
    """
    inputs, gamma, output_gradient = (
        np.asarray(array, "float64") for array in (inputs, gamma, output_gradient)
    )
    ### BEGIN SOLUTION
    # TODO: The forward pass again: the deviation sqrt(variance + epsilon), the normalized inputs.
    deviation = np.sqrt(inputs.var(axis=0) + epsilon)
    normalized = (inputs - inputs.mean(axis=0)) / deviation
    # TODO: The gradients of gamma and of beta, which every example of the batch shares.
    gamma_gradient = np.sum(output_gradient * normalized, axis=0)
    beta_gradient = np.sum(output_gradient, axis=0)
    # TODO: Three paths to the inputs: direct, through the mean, through the variance.
    direct = output_gradient * gamma / deviation
    through_mean = -np.mean(direct, axis=0)
    through_variance = -normalized * np.mean(direct * normalized, axis=0)
    # TODO: Return the sum of the three paths, then the gradients of gamma and of beta.
    return direct + through_mean + through_variance, gamma_gradient, beta_gradient
    ### END SOLUTION


# %%
check(batch_normalization_gradients, strict=True)
# hint("batch_normalization_gradients")      # one more hint each time you run it
# solution("batch_normalization_gradients")  # the course's own, and why it is written so
batch_normalization_gradients = finish(batch_normalization_gradients)

# %% [markdown]
# Two independent witnesses: your `numerical_gradient` of lesson 01, which knows no calculus, and
# Keras's own layer, differentiated by TensorFlow.

# %%
numerical_gradient = recall("numerical_gradient")
rng = np.random.default_rng(1)
inputs, output_gradient = rng.normal(3, 2, size=(6, 4)), rng.normal(size=(6, 4))
keras_layer = keras.layers.BatchNormalization(dtype="float64")
keras_layer.build(inputs.shape)
keras_layer.gamma.assign([0.5, 1.0, 1.5, -2.0])
gamma = keras_layer.gamma.numpy()


def loss(x):
    return np.sum(output_gradient * gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3))


by_hand, *by_hand_weights = batch_normalization_gradients(inputs, gamma, output_gradient)
by_keras, keras_weights = gradients.backpropagate(
    keras_layer, inputs, output_gradient, training=True
)
by_differences = numerical_gradient(loss, inputs)
print("inputs: as finite differences:", np.allclose(by_hand, by_differences, rtol=1e-4))
print("inputs: as Keras:             ", np.allclose(by_hand, by_keras, rtol=1e-6))
print("gamma and beta: as Keras:     ", np.allclose(by_hand_weights, keras_weights, rtol=1e-6))

# %% [markdown]
# And now look at what the two paths through the statistics *do*. One feature, 40 examples, and a
# gradient from above with a mean and a trend:

# %%
x = rng.normal(size=(40, 1))
from_above = 0.5 + 0.8 * x + 0.6 * rng.normal(size=(40, 1))
deviation = np.sqrt(x.var() + 1e-3)
normalized = (x - x.mean()) / deviation
arms = {
    "direct path alone": from_above / deviation,
    "all three paths": batch_normalization_gradients(x, np.ones(1), from_above)[0],
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True)
for ax, (name, gradient), marker in zip(axes, arms.items(), "so", strict=True):
    slope, middle = np.polyfit(normalized[:, 0], gradient[:, 0], 1)
    ax.plot(normalized, gradient, marker, alpha=0.7)
    ax.axline((0, middle), slope=slope, color="black", linestyle="--")
    total, slope = abs(gradient.sum()), round(slope, 2) + 0
    ax.set(title=f"{name}: slope {slope:.2f}", xlabel="normalized input")
    print(f"{name:17}  sum over the batch {total:5.2f}   slope {slope:.2f}")
axes[0].set_ylabel("gradient for the input")
plots.show(alt="Gradient against normalized input: with a trend on the direct path only.")
reveal("03-sum", "zero" if total < 1e-6 else "it depends on the inputs")

# %% [markdown]
# The path through the mean subtracts the gradient's mean; the path through the variance subtracts
# its trend. (All but a remainder of the trend: $\epsilon$ lets a trace of the scale through.) Of
# course it does: the outputs ignore a common shift and a common stretch of the inputs, so the
# gradient must have nothing to say about either.
#
# ## Find the bug
#
# A colleague hands you this class. You look for what is wrong with its outputs first:

# %% export="normalization"
class DetachedBatchNormalization(BatchNormalizationTrainingOnly):
    """Batch normalization as a colleague wrote it: every output is right."""

    def call(self, inputs, training=None):
        mean, variance = ops.moments(ops.stop_gradient(inputs), axes=[*range(inputs.ndim - 1)])
        return ops.batch_normalization(
            inputs, mean, variance, axis=-1, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )

# %%
batch = x_train[:32]
apart = DetachedBatchNormalization()(batch) - BatchNormalizationTrainingOnly()(batch)
print("every output the same, but for rounding:", bool(ops.max(ops.abs(apart)) < 1e-5))

# %% [markdown]
# No test of a single forward pass can tell the two apart. What separates them is what you have
# just learned.
#
# ### Exercise 3.4 · `gradient_flows_through_statistics`
# *Difficulty 3 of 5 · needed again: in lesson 04 · 10 minutes*
#
# Write the probe that convicts it: True for a right class, False for one whose gradient misses
# the path through the mean, through the variance, or both.
# `gradients.backpropagate(layer, inputs, output_gradient, training=True)` returns the gradient
# for the inputs and a list of those for the weights. Mind $\epsilon$: an exact zero is too much
# to ask.

# %% exercise="gradient_flows_through_statistics" export="normalization"
def gradient_flows_through_statistics(layer_class):
    """Whether the input gradient of `layer_class()` includes both paths through the statistics.

    Args:
        layer_class: a batch normalization, called as `layer_class()(inputs, training=True)`.

    Returns True or False.
    """
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(16, 3)).astype("float32")
    output_gradient = rng.normal(size=(16, 3)).astype("float32")
    ### BEGIN SOLUTION
    # TODO: The gradient that the layer sends back to its inputs.
    input_gradient, _ = gradients.backpropagate(
        layer_class(), inputs, output_gradient, training=True
    )
    # TODO: Nudge all inputs of a feature alike: by how much do the outputs change?
    shift = np.sum(input_gradient, axis=0)
    # TODO: Stretch all inputs of a feature about their mean: the same question.
    stretch = np.sum(input_gradient * (inputs - inputs.mean(axis=0)), axis=0)
    # TODO: True where both answers are zero, up to epsilon and rounding.
    return bool(np.all(np.abs([shift, stretch]) < 0.02))
    ### END SOLUTION


# %%
check(gradient_flows_through_statistics, strict=True)
# hint("gradient_flows_through_statistics")      # one more hint each time you run it
# solution("gradient_flows_through_statistics")  # the course's own, and why it is written so
gradient_flows_through_statistics = finish(gradient_flows_through_statistics)

# %% [markdown]
# Your probe, and three suspects:

# %%
ours = [BatchNormalizationTrainingOnly, DetachedBatchNormalization]
for suspect in [*ours, keras.layers.BatchNormalization]:
    print(f"{suspect.__name__:31}", gradient_flows_through_statistics(suspect))

# %% [markdown]
# One word convicts it: `stop_gradient`. The statistics are computed, but treated as constants.
#
# ## What detaching costs
#
# Ioffe and Szegedy (2015, section 2) warn of it: the optimizer moves a bias, the normalization
# takes the move back, and so "b will grow indefinitely while the loss remains fixed". Measure it.
# Three nets, three hidden layers each: without normalization, with yours, with the detached one;
# 200 steps of plain gradient descent, four learning rates, five seeds.

# %%
predict(
    "03-detached",
    "Test accuracy at learning rate 0.1: where does the detached net end up?",
    choices=["best of the three", "between the other two", "behind the net without normalization"],
    guess=None,
)

# %%
Dense = recall("Dense")


def network(normalization=None):
    """Three hidden layers of 64 units and ten outputs."""
    layers = [keras.Input((64,))]
    for _ in range(3):
        layers += [Dense(64)] + ([normalization()] if normalization else []) + [keras.layers.ReLU()]
    return keras.Sequential([*layers, Dense(10)])


@tf.function
def train(model, batches, learning_rate):
    """Take a step of gradient descent for each row of `batches`, which numbers 64 images."""
    score = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_variables
    for rows in batches:
        with tf.GradientTape() as tape:
            loss = score(tf.gather(y_train, rows), model(tf.gather(x_train, rows), training=True))
        steps = tape.gradient(loss, [weight.value for weight in weights])
        for weight, gradient in zip(weights, steps, strict=True):
            weight.assign_sub(learning_rate * gradient)

# %% [markdown]
# `run` starts from the weights of one seed, trains, and measures: the accuracy on the test images
# (all in one batch, as this class needs it), how many times its first length the first kernel has,
# and the largest bias of the hidden layers. Each net is built and traced once and then starts anew.

# %%
def run(model, start, learning_rate, seed):
    model.set_weights(start)
    hidden = [layer for layer in model.layers if isinstance(layer, Dense)][:-1]
    length = np.linalg.norm(hidden[0].kernel)
    batches = np.random.default_rng(seed).integers(len(x_train), size=(200, 64))
    train(model, tf.constant(batches), tf.constant(learning_rate))
    accuracy = np.mean(np.argmax(model(x_test, training=True), axis=1) == y_test)
    bias = max(np.abs(layer.bias).max() for layer in hidden)
    return accuracy, np.linalg.norm(hidden[0].kernel) / length, bias


def start(seed, normalization):
    keras.utils.set_random_seed(seed)
    return network(normalization).get_weights()

# %% [markdown]
# Three arms, five seeds, four rates; the arms start from the same kernels.

# %%
arms = {
    "none": None,
    "batch normalization": BatchNormalizationTrainingOnly,
    "detached": DetachedBatchNormalization,
}
rates, accuracy, growth, bias = [0.03, 0.1, 0.3, 1.0], {}, {}, {}
for name, normalization in arms.items():
    model, starts = network(normalization), [start(seed, normalization) for seed in range(5)]
    runs = [
        [run(model, weights, rate, seed) for rate in rates] for seed, weights in enumerate(starts)
    ]
    accuracy[name], growth[name], bias[name] = np.moveaxis(runs, -1, 0)  # each (seeds, rates)

plots.lines(
    rates, accuracy, log="x", xlabel="learning rate", ylabel="test accuracy after 200 steps",
    title="Detached statistics: worse than none, until the rate is 1",
)
plots.show(alt="Test accuracy over four rates: the detached net stays near 0.9, level at rate 1.")
plots.table({"learning rate": rates} | {name: list(values.T) for name, values in accuracy.items()})

# %% [markdown]
# And where do the steps of the detached net go?

# %%
at, right = rates.index(0.1), "batch normalization"
detached = accuracy["detached"]
behind = [(accuracy[other] - detached)[:, at] for other in ["none", right]]  # (2, seeds)
assert np.min(behind) > 0.02
assert abs((accuracy[right] - detached)[:, -1].mean()) < 0.02
places = ["best of the three", "between the other two", "behind the net without normalization"]
reveal("03-detached", places[sum(gap.mean() > 0 for gap in behind)])
plots.table({
    "at learning rate 0.1": list(arms),
    "length of the first kernel, times": [values[:, at] for values in growth.values()],
    "largest bias": [values[:, at] for values in bias.values()],
}, decimals=1)

# %% [markdown]
# The first half of the paper's warning shows here. Right statistics leave the biases where they
# were, at zero, and the kernel almost at its length, because the gradient never points where the
# output cannot follow. Detached, both drift, several times as far as in the plain net, where bias
# and length do count; and the next forward pass takes them out again. But the loss does *not* stay
# fixed. The detached net learns, to about nine digits in ten; and at every rate but the largest it
# would do better with no normalization at all.
#
# Now look at rate 1. There the plain net breaks down, and the detached one is level with the
# right one. Whoever tries their class at that one rate sees a good accuracy and finds nothing
# wrong. **A net that learns is no evidence that its gradient is right.** Your probe is.
#
# ## What can go wrong
#
# - **Gradients that skip the statistics.** `stop_gradient`, NumPy inside `call`, or a variable
#   that was assigned in between. Nothing but a probe of the gradient shows it.
# - **The wrong axes.** A variance over `axis=0` alone turns images of shape
#   `(batch, height, width, channels)` into one statistic per pixel. Shapes fit, and no error
#   comes.
# - **epsilon outside the root**, or far too small for 16-bit numbers. With ordinary variances
#   nobody sees it; with a feature that hardly varies it is a factor of many.
# - **Two formulas for the variance.** $\overline{x^2} - \mu^2$ needs one pass over the data, and
#   loses all its digits where the mean is large beside the deviation.
# - **Batches of one**, as the last of an epoch may be: zeros, and a gradient of zero.
#
# ## In short
#
# Batch normalization measures each feature over the batch, takes place and scale away, and gives
# two trained numbers back. Its outputs ignore common shifts and stretches of the inputs; so its
# gradient sums to zero and has no trend, which is what the two paths through the statistics are
# for. Without them a net still learns, and that is the trap.
#
# ## Open questions
#
# 1. The gradient for the kernel of a `Dense` before is at a right angle to that kernel (why?).
#    What must happen to the kernel's length with every step of gradient descent?
# 2. Two examples in a batch: what are the normalized values, and what is left of the inputs'
#    gradient?
# 3. What becomes of the detached net if its `Dense` layers have no bias? Try `use_bias=False`.
