# %% [markdown]
# # 02 · Why deep nets stall
#
# **You build** three instruments: one reads the signal layer by layer, one reads the gradient layer
# by layer, and one says how large random weights should be.
#
# **You need** your `Dense` from lesson 01 (the course's stands in if you have none), the chain
# rule, and mean and variance.
#
# **It takes** about 50 minutes. Run every cell in order, from the top (Shift+Enter).
#
# Stack twenty layers, start training, and often nothing happens: the loss stays where it was, at
# any learning rate. No error is raised. Today you find out where in the network it got stuck,
# before the first training step. Lesson 03 then builds the layer that was invented against this.

# %% tags=["setup"]

# %% [markdown]
# ## The patient
#
# Twenty hidden layers of 64 units, then ten outputs, one for each digit. The images have 64 pixels,
# so every layer has 64 inputs (its *fan-in*). You will want the same network with many different
# starting weights; building it once and drawing the weights anew is quicker than building it again.

# %%
Dense = recall("Dense")
(x_train, y_train), (x_test, y_test) = datasets.digits()


def deep_net(activation, width=64, depth=20):
    """A stack of `depth` hidden layers, then ten logits, for inputs with `width` features."""
    hidden = [Dense(width, activation=activation) for _ in range(depth)]
    return keras.Sequential([keras.Input((width,)), *hidden, Dense(10)])


def draw(net, stddev, seed):
    """Fill every kernel with normal numbers of standard deviation `stddev`, every bias with 0."""
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        layer.kernel.assign(rng.normal(0, stddev, layer.kernel.shape))
        layer.bias.assign(np.zeros(layer.bias.shape))
    return net


def power_of_ten(values):
    """The size of positive numbers, in words that do not hang on the last digit."""
    return f"10^{int(np.round(np.log10(values).mean()))}"


relu_net = deep_net("relu")

# %% [markdown]
# ### Exercise 2.1 · `activation_statistics`
# *Difficulty 2 of 5 · needed again: in this lesson and in 03 and 05 · 8 minutes*
#
# Send `inputs`, shape `(batch, features)`, through a `Sequential` model layer by layer. Return an
# array of shape `(num_layers, 2)`: for each layer the mean and the standard deviation of all
# numbers it gives out.


# %% exercise="activation_statistics" export="diagnostics"
def activation_statistics(model, inputs):
    """Return mean and standard deviation of what each layer gives out.

    Args:
        model: a built `keras.Sequential`.
        inputs: `(batch, features)`.

    Returns: array `(num_layers, 2)`. Column 0: means. Column 1: standard deviations.
    """
    ### BEGIN SOLUTION
    # TODO: Hand the output of each layer of `model.layers` to the next.
    # TODO: Note the mean and the standard deviation over the batch and all units.
    statistics = []
    for layer in model.layers:
        inputs = layer(inputs)
        statistics.append((ops.mean(inputs), ops.std(inputs)))
    return np.array(statistics)
    ### END SOLUTION


# %%
check(activation_statistics, strict=True)
# hint("activation_statistics")      # one more hint each time you run it
# solution("activation_statistics")  # the course's own, and why it is written so
activation_statistics = finish(activation_statistics)

# %% [markdown]
# ## Signals shrink, or grow, by a power
#
# Whatever one layer does to the size of the signal, twenty layers do twenty times over. Start the
# ReLU net with weights of three sizes, each about twice the one before.

# %%
predict(
    "02-half",
    "Weights half as large: how large is the signal of layer 20, compared with before?",
    choices=["about a half", "about a twentieth", "about a millionth"],
    guess=None,
)

# %%
arms = {"weights of 0.09": 0.09, "weights of 0.18": 0.18, "weights of 0.36": 0.36}
batch = x_train[:256], y_train[:256]
signals = {
    name: np.array([
        activation_statistics(draw(relu_net, stddev, seed), batch[0])[:20, 1] for seed in range(5)
    ])
    for name, stddev in arms.items()
}
plots.per_layer(signals, title="One size of weights keeps the signal alive",
                ylabel="standard deviation of the activations")
plots.show(alt="Standard deviation per layer, logarithmic: a straight line for each size of "
           "weights, level for 0.18, falling for 0.09, rising for 0.36.")

# %%
lasts = [signal[:, -1] for signal in signals.values()]  # layer 20
shrinks = np.mean(lasts[0] / lasts[1])
assert np.all(np.abs(np.log10(lasts[1])) < 1)
choices = {0: "about a half", 1: "about a twentieth", 6: "about a millionth"}
reveal("02-half", choices[round(-np.log10(shrinks))])
plots.table({
    "standard deviation of the weights": arms.values(),
    "of the signal in layer 20": [power_of_ten(last) for last in lasts],
    "seeds within a factor of 10 of the median": [
        f"{np.sum(np.abs(np.log10(last / np.median(last))) < 1)} of 5" for last in lasts
    ],
})

# %% [markdown]
# On a logarithmic axis the three curves are straight lines. Half the weights halve the signal in
# each of twenty layers: one half to the power of twenty is a millionth, `10^-6` in the table
# (and `10^0` is 1). A network is a long lever.
#
# ## Gradients run the same lever backwards
#
# A weight learns from the gradient that reaches it, and that gradient has come through all layers
# above.
#
# ### Exercise 2.2 · `gradient_norms`
# *Difficulty 3 of 5 · needed again: in this lesson and in 05 · 12 minutes*
#
# Return the length (the Euclidean norm, `ops.norm`) of the loss's gradient for each kernel, from
# the first layer to the last.
#
# The model's outputs are *logits*: any numbers, one for each class, which softmax would turn into
# probabilities. *Sparse categorical cross-entropy* is minus the logarithm of the probability given
# to the right class; sparse, because a label is that class's number.
# `keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)` returns one for
# each example, and the loss is their mean. A *tape* is how TensorFlow differentiates:
# `with tf.GradientTape() as tape:` records what is computed in its block, and
# `tape.gradient(loss, variables)` then returns the gradient for each of a list of variables.


# %% exercise="gradient_norms" export="diagnostics"
def gradient_norms(model, inputs, labels):
    """Return the norm of the loss's gradient for each kernel of a classifier.

    The loss is `mean(sparse_categorical_crossentropy(labels, logits))`.

    Args:
        model: a built `keras.Sequential` of dense layers whose last one gives logits. Layers
            without a kernel are passed over.
        inputs: `(batch, features)`.
        labels: integers `(batch,)`.

    Returns: array `(num_kernels,)`, from the first layer to the last.
    """
    ### BEGIN SOLUTION
    # TODO: Collect the kernels of the layers that have one.
    # TODO: Under a tape, compute the mean cross-entropy of the labels from the model's logits.
    # TODO: Take the gradient for each kernel, and its norm.
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, model(inputs), from_logits=True
        )
        loss = ops.mean(losses)
    return np.array([ops.norm(gradient) for gradient in tape.gradient(loss, kernels)])
    ### END SOLUTION


# %%
check(gradient_norms, strict=True)
# hint("gradient_norms")      # one more hint each time you run it
# solution("gradient_norms")  # the course's own, and why it is written so
gradient_norms = finish(gradient_norms)

# %% [markdown]
# Now read the gradient of the ReLU net at its three sizes, and of a net of the same shape with the
# sigmoid, `1 / (1 + exp(-x))`, the standard for decades. Its slope is at most 1/4. Its weights are
# 0.125: at that size a layer without activation would keep the signal as it is.

# %%
predict(
    "02-sigmoid",
    "Sigmoid, 20 layers: how much smaller is the gradient of layer 1 than that of layer 20?",
    choices=["about 20 times", "about 10 thousand times", "more than a billion times"],
    guess=None,
)

# %%
sigmoid_net = deep_net("sigmoid")
norms = {
    f"{title}, weights of {stddev}": np.array([
        gradient_norms(draw(net, stddev, seed), *batch)[:20] for seed in range(5)
    ])
    for title, net, stddev in [
        ("ReLU", relu_net, 0.09), ("ReLU", relu_net, 0.18), ("ReLU", relu_net, 0.36),
        ("sigmoid", sigmoid_net, 0.125),
    ]
}
ax = plots.per_layer(norms, title="ReLU: level, at three heights. Sigmoid: gone by layer 1",
                     ylabel="norm of the kernel's gradient")
ax.legend(
    loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, title="mean and range of 5 seeds"
)
plots.show(alt="Gradient norm per layer, logarithmic: three level lines at different heights for "
           "ReLU, one that falls steadily from layer 20 to layer 1 for sigmoid.")

# %%
ratios = {name: norm[:, 19] / norm[:, 0] for name, norm in norms.items()}  # layer 20 over layer 1
sigmoid = ratios["sigmoid, weights of 0.125"]
assert ratios["ReLU, weights of 0.18"].max() < 5
reveal("02-sigmoid", "more than a billion times" if sigmoid.min() > 1e9 else
       "about 10 thousand times" if sigmoid.min() > 1e3 else "about 20 times")
print("4 to the power of 19:", power_of_ten(4.0**19))
plots.table({
    "net": norms.keys(),
    "gradient in layer 1": [power_of_ten(norm[:, 0]) for norm in norms.values()],
    "layer 20 over layer 1": [power_of_ten(ratio) for ratio in ratios.values()],
})

# %% [markdown]
# Two ways to stall. With ReLU and small weights the gradient is the same in all layers, and far too
# small in all of them: a level line is not yet a healthy one. With the sigmoid, the weights leave
# the gradient's size as it is in each of the 19 layers on the way back, and the slope divides it by
# at least four. The number above the table shows that this alone explains the loss: the layers near
# the input hear nothing.
#
# ## The size that neither shrinks nor grows
#
# A unit adds `fan_in` products. How large is the sum? If the weights are independent of each other
# and of the inputs, and have mean 0, then its variance $\mathrm{Var}$ (the mean squared distance
# from the mean) follows from that of the weights and from $\mathrm{E}[x^2]$, the mean square of the
# inputs:
#
# $$\mathrm{Var}(\textstyle\sum_i x_i k_i) = n\,\mathrm{Var}(k)\;\mathrm{E}[x^2]
# \qquad\text{with } n = \texttt{fan\_in}$$
#
# With no activation the right variance is $1/n$ (LeCun and others, 1998). It is also right for tanh
# near zero, where tanh has slope 1. (Glorot and Bengio, 2010, average $n$ with the number of
# outputs, for the sake of the gradient; in square layers that is the same.) ReLU sets half of a
# symmetric signal to zero and with it half of $\mathrm{E}[x^2]$. Twice the variance makes up for
# it: $2/n$ (He and others, 2015).
#
# ### Exercise 2.3 · `initial_scale`
# *Difficulty 1 of 5 · needed again: in 05 · 5 minutes*
#
# Return the **standard deviation** for the activations "linear", "tanh" and "relu"; the *gain* is
# the number that stands above $n$. For any other name raise a `ValueError` that says which names
# are known and which one came.


# %% exercise="initial_scale" export="diagnostics"
def initial_scale(fan_in, activation):
    """Return the standard deviation of random weights that keeps the signal's size.

    `sqrt(gain / fan_in)` with gain 2 for "relu" and 1 for "linear" and "tanh".

    Args:
        fan_in: int > 0. Number of inputs of a unit.
        activation: "linear", "tanh" or "relu".

    Raises:
        ValueError: the activation is not one of these.

    Reference: He et al., 2015, Delving deep into rectifiers, for "relu"; LeCun et al., 1998,
        Efficient BackProp, and Glorot & Bengio, 2010, for the others.
    """
    ### BEGIN SOLUTION
    # TODO: Find the gain of the activation; refuse a name that has none.
    # TODO: Divide by the fan-in, and turn the variance into a standard deviation.
    gains = {"linear": 1.0, "tanh": 1.0, "relu": 2.0}
    if activation not in gains:
        raise ValueError(
            f"`activation` must be one of {', '.join(gains)}. Received: activation={activation!r}."
        )
    return np.sqrt(gains[activation] / fan_in)
    ### END SOLUTION


# %%
check(initial_scale, strict=True)
# hint("initial_scale")      # one more hint each time you run it
# solution("initial_scale")  # the course's own, and why it is written so
initial_scale = finish(initial_scale)

# %% [markdown]
# The formula knows the width. Does the signal stay at 1 whatever the width? (If it does not for one
# of them, look at what the formula assumed.)


# %%
def signal_in_layer_20(net, width, activation, seed):
    """Standard deviation in layer 20, for normal inputs and weights of `initial_scale`."""
    draw(net, initial_scale(width, activation), seed)
    inputs = np.random.default_rng(seed).normal(size=(256, width))
    return activation_statistics(net, inputs)[19, 1]


sizes = {"width": [16, 64, 256], "linear": [], "relu": [], "tanh": []}
for activation in ("linear", "relu", "tanh"):
    for width in sizes["width"]:
        net = deep_net(activation, width)
        five = [signal_in_layer_20(net, width, activation, seed) for seed in range(5)]
        sizes[activation].append(np.median(five))
assert 0.03 < min(sizes["relu"] + sizes["tanh"]) and 0.5 < sizes["relu"][2] < 2
plots.table(sizes, decimals=1)

# %% [markdown]
# Wide linear and ReLU layers do as the formula says. With 16 ReLUs a layer the signal wanders off:
# the formula speaks of the average over all random weights, and a narrow net is a small sample.
# Tanh loses some at any width: it is flatter than a straight line, and the formula took it for one.
#
# ## Saturation, and the textbook story
#
# With weights that are too large, tanh units end up at -1 or 1, where the curve is flat. The
# story goes on: a flat curve passes no gradient, so gradients vanish. Look at both.

# %%
predict(
    "02-saturated",
    "Tanh, weights four times too large: the gradient of layer 1, beside that of layer 20, is…",
    choices=["ten times smaller or less", "about as large", "ten times larger or more"],
    guess=None,
)

# %%
tanh_net = deep_net("tanh")
first_ten = keras.Sequential(tanh_net.layers[:10])
factors = {"half as large": 0.5, "as the formula says": 1.0, "four times as large": 4.0}
outputs, growth = {}, {}
for name, factor in factors.items():
    norms = []
    for seed in range(5):
        draw(tanh_net, factor * initial_scale(64, "tanh"), seed)
        norms.append(gradient_norms(tanh_net, *batch))
    outputs[name] = first_ten(batch[0])
    growth[name] = np.array([norm[0] / norm[19] for norm in norms])  # layer 1 over layer 20
plots.histograms(outputs, title="Weights too large drive tanh to its ends",
                 xlabel="activation in layer 10")
plots.show(alt="Histograms of tanh activations: a spike at zero, a bell, two heaps at -1 and 1.")

large = growth["four times as large"].min()
reveal("02-saturated", "ten times smaller or less" if large < 0.1 else
       "about as large" if large < 10 else "ten times larger or more")
plots.table({
    "weights": factors.keys(),
    "share beyond 0.99": [np.mean(np.abs(output) > 0.99) for output in outputs.values()],
    "gradient, layer 1 over layer 20, least of 5 seeds": [
        power_of_ten(each.min()) for each in growth.values()
    ],
})

# %% [markdown]
# Nearly half of the activations are saturated, and the gradient *grows* on its way to the input.
# Every layer multiplies it by the slopes, most of them near 0, and by the weights, which are four
# times too large: the few units in the steep part more than make up for the others. The story does
# hold for the sigmoid, whose slope is never above a quarter, saturated or not.
#
# ## Does it train?
#
# The instruments have spoken before the first step. Now ask the training itself: four networks,
# three learning rates, five seeds, 400 steps of plain gradient descent each. "ReLU, Keras's
# default" has weights of variance $1/n$, which is what "glorot_uniform" gives a square layer.

# %%
predict(
    "02-train",
    "How many of three rates, 0.01 to 0.1, lift the 20-layer sigmoid net above 20 % accuracy?",
    choices=["none", "one or two", "all three"],
    guess=None,
)


# %%
def compiled_training(net):
    """Return a function that takes a step of gradient descent for each batch of indices."""
    weights = [variable.value for variable in net.trainable_variables]

    @tf.function
    def train(rate, batches):
        for batch in batches:
            with tf.GradientTape() as tape:
                logits = net(tf.gather(x_train, batch), training=True)
                loss = keras.losses.sparse_categorical_crossentropy(
                    tf.gather(y_train, batch), logits, from_logits=True
                )
                loss = ops.mean(loss)
            for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
                weight.assign_sub(rate * gradient)

    return train


def accuracies(net, stddev, rates):
    """Accuracy on the test images, `(seeds, rates)`."""
    train, results = compiled_training(net), np.zeros((5, len(rates)))
    for seed, column in np.ndindex(results.shape):
        draw(net, stddev, seed)
        batches = np.random.default_rng(seed).integers(0, len(x_train), (400, 32))
        train(tf.constant(rates[column]), tf.constant(batches))
        results[seed, column] = np.mean(np.argmax(net(x_test), axis=-1) == y_test)
    return results


# %%
rates = [0.01, 0.03, 0.1]
accuracy = {
    "sigmoid": accuracies(sigmoid_net, initial_scale(64, "linear"), rates),
    "ReLU, Keras's default": accuracies(relu_net, initial_scale(64, "linear"), rates),
    "ReLU, initial_scale": accuracies(relu_net, initial_scale(64, "relu"), rates),
    "tanh, initial_scale": accuracies(tanh_net, initial_scale(64, "tanh"), rates),
}
ax = plots.lines(rates, accuracy, title="20 layers train where the signal survives", log="x",
                 xlabel="learning rate", ylabel="accuracy on the test images")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1), title="mean and range of 5 seeds")
plots.show(alt="Accuracy against learning rate: tanh highest, then ReLU with the right scale, both "
           "well above ReLU with Keras's default and sigmoid.")

best = {name: values[:, values.mean(axis=0).argmax()] for name, values in accuracy.items()}
assert best["ReLU, Keras's default"].max() < 0.5
assert np.median(best["ReLU, initial_scale"]) > 0.7 and best["tanh, initial_scale"].min() > 0.8
lifted = np.sum(accuracy["sigmoid"].mean(axis=0) > 0.2)
reveal("02-train", ["none", "one or two", "one or two", "all three"][lifted])
plots.table({
    "20 layers": best.keys(),
    "best rate": [rates[values.mean(axis=0).argmax()] for values in accuracy.values()],
    "accuracy there, median of 5": [np.median(values) for values in best.values()],
    "seeds above 0.7": [f"{np.sum(values > 0.7)} of 5" for values in best.values()],
})

# %% [markdown]
# The sigmoid net learns nothing at any of these rates. ReLU with the weights that Keras gives by
# default stays far behind too, and twice their variance is all it takes. (Keras cannot know which
# activation you will use; pass `kernel_initializer="he_normal"` with ReLU.) Tanh, out of fashion,
# does best here, at any of the three rates much alike. ReLU, rightly scaled, loses as the rate
# grows: look at the right end of the figure.
#
# ## What an instrument can hide
#
# Go back to the sigmoid net and read its signal once more, in two ways: the spread of all
# activations of layer 20, which is what `activation_statistics` returns, and the spread of each
# unit over the images.

# %%
draw(sigmoid_net, 0.125, seed=0)
outputs = np.array(keras.Sequential(sigmoid_net.layers[:20])(batch[0]))  # (images, units)
over_images = outputs.std(axis=0, dtype="float64").mean()
assert activation_statistics(sigmoid_net, batch[0])[19, 1] > 0.05 and over_images < 1e-5
print(f"all activations: {outputs.std():.2f}; one unit over the images: below {1e-5:.0e}")

# %% [markdown]
# The units differ from each other, and that is what you measured. Each of them gives the same
# number for every image. The network has forgotten its input. A statistic over the *batch*, unit by
# unit, would have told you, and that is exactly the statistic that batch normalization takes hold
# of in lesson 03.
#
# ## What can go wrong
#
# - **The variance for the standard deviation.** Initializers take `stddev`: `sqrt(2 / fan_in)`.
#   Without the root, weights are several times too small, and the lever does the rest.
# - **Fan-in and fan-out swapped.** In square layers nobody notices. In Keras `kernel.shape[0]` is
#   the fan-in, in PyTorch `weight.shape[1]`.
# - **Logits taken for probabilities.** Without `from_logits=True` the loss clips what you hand it,
#   and the gradient you read belongs to another function.
# - **A tape that saw nothing.** `tape.gradient` returns None for a variable that the loss does not
#   depend on, or that was converted to NumPy on the way.
# - **Trusting a level line.** Look at its height too, and at the spread over the examples.
#
# ## Summary
#
# - Depth turns a factor per layer into a power: signals and gradients shrink or grow by powers of
#   ten.
# - Weights of variance `2 / fan_in` for ReLU and `1 / fan_in` for linear and tanh units keep the
#   signal.
# - The sigmoid's slope divides the gradient by at least four in every layer; no learning rate tried
#   here mends it.
# - Saturated tanh units with large weights let gradients grow, not vanish.
# - The right scale holds at the start. Nothing keeps it there while the weights move.
#
# ## Open questions
#
# 1. The formula needs the weights to be independent of the inputs. After a hundred steps they are
#    not. What would you measure to see whether the signal's size still holds?
# 2. A layer that computes `inputs + f(inputs)` has a slope of at least the identity. What would
#    your two curves look like for 20 of them?
# 3. Suppose you set the mean and the variance of every unit right by force, at every step. Which of
#    the four networks of the last figure would that help? (Lesson 05 measures it, and one answer
#    surprises.)
