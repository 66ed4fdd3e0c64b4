# %% [markdown]
# # 07 · Dropout
#
# **You build** `Dropout` as Keras has it: its scaling derived, at any rank and precision, with masks
# that are new at every call and a stream of them that survives saving. Then a probe that convicts a
# wrong one which Keras's own tests accept.
#
# **You need** lesson 01 (`Dense`; where yours is missing the course's own stands in), and the
# variance of a random variable.
#
# **It takes** about 50 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %% [markdown]
# ## What is left must count for more
#
# Dropout sets each unit to zero at random, with probability `rate`, at every step of training; in
# inference all units are there. Whatever comes after a dropped-out layer adds many units up. With a
# part of them gone the sum shrinks, and training would prepare the net for other inputs than
# inference brings. So the units that stay are multiplied by some factor $s$. Which?
#
# One unit has the value $x$. With the rate $r$, its output is $y = s\,x$ with probability $1 - r$,
# and else 0. Then
#
# $$E[y] = (1 - r)\,s\,x \qquad
# \mathrm{Var}[y] = (1 - r)\,s^2 x^2 - E[y]^2 = r\,(1 - r)\,s^2 x^2$$
#
# Choose $s$ so that the mean is $x$.

# %%
predict(
    "07-scale",
    "Rate 0.8. What becomes of an input of 1 that is kept?",
    choices=["0.2", "1", "1.25", "5"],
    guess=None,
)

# %% [markdown]
# ### Exercise 7.1 · `inverted_dropout`
# *Difficulty 1 of 5 · needed again: in 7.2 · 5 minutes*
#
# The mask is given: True where a unit is kept. It may have fewer entries than the inputs, where
# several of them share one: `ops` functions broadcast it.

# %% exercise="inverted_dropout" export="dropout"
def inverted_dropout(inputs, mask, rate):
    """Zero the inputs where `mask` is False, and scale up the others so that the mean is kept.

    Args:
        inputs: tensor of floating-point numbers.
        mask: boolean tensor that broadcasts against `inputs`; True where a unit is kept.
        rate: float in [0, 1). The probability with which each entry of the mask is False.

    Output shape and dtype: those of the inputs.
    Reference: Srivastava et al., 2014, JMLR 15, section 4, where `p` is `1 - rate`, and inference
    scales instead.
    """
    ### BEGIN SOLUTION
    # TODO: What is kept, times the factor that you derived; 0 elsewhere.
    return ops.where(mask, inputs / (1 - rate), 0)
    ### END SOLUTION


# %%
check(inverted_dropout, strict=True)
# hint("inverted_dropout")      # one more hint each time you run it
# solution("inverted_dropout")  # the course's own, and why it is written so
inverted_dropout = finish(inverted_dropout)

# %% [markdown]
# There is another way to make both phases meet: leave what is kept as it is, and multiply by $1 - r$
# in inference. One unit of a next layer, 64 inputs, 20,000 masks:

# %%
rng = np.random.default_rng(0)
rate, inputs, weights = 0.8, rng.normal(1, 1, 64), rng.normal(0.1, 0.2, 64)
masks = rng.random((20_000, 64)) >= rate  # (masks, units)
inverted = ops.convert_to_numpy(inverted_dropout(ops.array(inputs), ops.array(masks), rate))
training = {
    "scaled in training": np.mean(inverted @ weights),
    "scaled in inference": np.mean(np.where(masks, inputs, 0) @ weights),
}
inference = {
    "scaled in training": inputs @ weights,
    "scaled in inference": (1 - rate) * inputs @ weights,
}
for name in training:
    assert abs(training[name] / inference[name] - 1) < 0.05
kept = float(np.max(inverted_dropout(ops.ones((1,)), ops.ones((1,), "bool"), rate)))
reveal("07-scale", f"{kept:.3g}")
plots.table({"": list(training), "mean over the masks": list(training.values()),
             "in inference": list(inference.values())})

# %% [markdown]
# Each row agrees with itself: both ways are right, at another scale. The second is how dropout was
# first published (Srivastava et al., 2014, section 4). The first, *inverted* dropout, is what
# libraries have: in inference nothing is left to do, and whoever uses the net need not know that
# there was dropout.
#
# What it costs is noise. Put your $s$ into the variance above: $\mathrm{Var}[y] = \frac{r}{1-r} x^2$.

# %%
predict(
    "07-variance",
    "The rate goes from 0.5 to 0.9. By which factor does the variance grow?",
    choices=["1.8", "5", "9"],
    guess=None,
)

# %% [markdown]
# ## A layer of it
#
# The arithmetic was one line. The rest of dropout is about the mask:
#
# - **one element for each unit of each example**, independent of all others;
# - **`noise_shape`**: where units are to share their fate, the mask has size 1 there. For inputs of
#   shape `(batch, time, features)`, `(None, 1, None)` drops a feature at all times at once; None
#   stands for the inputs' own size;
# - **a new mask at every call**, and still the same masks again for the same `seed`. Keras's random
#   functions have no memory: the same integer gives the same numbers. Memory is a
#   `keras.random.SeedGenerator`, which hands them another seed each time. Its state is a variable
#   of the layer, which advances inside compiled functions too;
# - **`training`**: only then. (Freezing is no matter: with `trainable = False` it still drops.)
#
# Arguments and their refusals are given:

# %% export="dropout"
class DropoutArguments(keras.Layer):
    """What dropout is told, as Keras names it, and what it refuses; no computation."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                f"Received: rate={rate!r}. It is the share to drop; rate=0 switches dropout off."
            )
        self.rate, self.seed = float(rate), seed
        self.noise_shape = None if noise_shape is None else self.checked(noise_shape)
        self.supports_masking = True
        # There are no weights to build, unless a subclass has some.
        self.built = type(self).build is keras.Layer.build

    def checked(self, noise_shape):
        refused = "Invalid value received for argument `noise_shape`."
        if not isinstance(noise_shape, (list, tuple)):
            raise ValueError(
                f"{refused} Expected a tuple or list of integers. Received: {noise_shape!r}. "
                "Write noise_shape=(None, 1, None) to share one mask along axis 1."
            )
        for size in noise_shape:
            if size is not None and not isinstance(size, int):
                raise ValueError(
                    f"{refused} Expected all elements to be integers or None. "
                    f"Received: {size!r} in noise_shape={noise_shape}."
                )
            if size is not None and size <= 0:
                raise ValueError(
                    f"{refused} Expected all dimensions to be positive integers or None. "
                    f"Received: {size} in noise_shape={noise_shape}."
                )
        return tuple(noise_shape)

    def check_inputs(self, inputs):
        """Refuse what cannot be dropped out: integers, and a shape that `noise_shape` does not fit."""
        if not keras.backend.is_float_dtype(inputs.dtype):
            raise ValueError(
                "`inputs` must be floating-point numbers in training: what is kept is divided by "
                f"1 - rate. Received: dtype={keras.backend.standardize_dtype(inputs.dtype)}. Cast "
                'them first, as with `ops.cast(inputs, "float32")`.'
            )
        wanted, sizes = self.noise_shape or (), tuple(inputs.shape)
        pairs = zip(wanted[::-1], sizes[::-1], strict=False)
        fits = all(size is None or want in (None, 1, size) for want, size in pairs)
        if len(wanted) > len(sizes) or not fits:
            raise ValueError(
                "`noise_shape` must fit the inputs: along each axis their size, 1 or None. "
                f"Received: noise_shape={wanted}, inputs.shape={sizes}."
            )

    def compute_output_shape(self, input_shape):
        return input_shape

# %% [markdown]
# ### Exercise 7.2 · `Dropout`
# *Difficulty 3 of 5 · needed again: in 7.3 and every lesson on dropout · 20 minutes*
#
# Four gaps. In `__init__`, `seed_generator` (the given code that saves its state asks for that
# name). In `draw_mask`, the mask's shape, then the mask,
# with `keras.random.uniform(shape, seed=...)` (`ops.shape` gives the sizes also where they are not
# known before a compiled function runs). In `call`, when to drop, and what. In `get_config`, the
# arguments.

# %% exercise="Dropout" export="dropout"
class Dropout(DropoutArguments):
    """Zero a random fraction of the inputs during training.

    Training: `where(uniform >= rate, inputs / (1 - rate), 0)`. Inference: `inputs`.

    Args:
        rate: float in [0, 1]. Probability with which each unit is set to zero.
        noise_shape: tuple of ints and None, or None, the default: a mask of the inputs' shape.
            None in the tuple stands for the inputs' size, 1 for a mask shared along that axis.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Srivastava et al., 2014, JMLR 15, section 4.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, noise_shape, seed, **kwargs)
        ### BEGIN SOLUTION
        # TODO: seed_generator: it begins with `seed`, and belongs to the layer.
        self.seed_generator = keras.random.SeedGenerator(seed)
        ### END SOLUTION

    def draw_mask(self, inputs):
        """Booleans in a shape that broadcasts against the inputs: True where a unit is kept."""
        self.check_inputs(inputs)
        ### BEGIN SOLUTION
        # TODO: The mask's shape: that of the inputs, or `noise_shape` with each None filled in.
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            own = shape[len(shape) - len(self.noise_shape) :]  # they meet at the last axis
            pairs = zip(self.noise_shape, own, strict=True)
            shape = [size if wanted is None else wanted for wanted, size in pairs]
        # TODO: New numbers, uniform between 0 and 1: which of them lie below `rate`?
        return keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        ### END SOLUTION

    def call(self, inputs, training=False):
        if training and self.rate == 1:  # nothing is kept, and 1 / (1 - rate) is infinite
            return ops.zeros_like(inputs)
        ### BEGIN SOLUTION
        # TODO: In inference, and at rate 0, the inputs as they are.
        if not training or self.rate == 0:
            return inputs
        # TODO: In training, inverted dropout with a new mask.
        return inverted_dropout(inputs, self.draw_mask(inputs), self.rate)
        ### END SOLUTION

    def get_config(self):
        ### BEGIN SOLUTION
        # TODO: The base layer's config, and the arguments of `__init__`.
        config = {"rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **config}
        ### END SOLUTION

    def save_own_variables(self, store):
        store["seed_state"] = self.seed_generator.state  # how far the stream of masks has come

    def load_own_variables(self, store):
        if "seed_state" in store.keys():  # a file with Keras's own layer has none
            self.seed_generator.state.assign(store["seed_state"])


# %%
check(Dropout, strict=True)
# hint("Dropout")      # one more hint each time you run it
# solution("Dropout")  # the course's own, and why it is written so
Dropout = finish(Dropout)

# %% [markdown]
# Do mean and variance follow the law? Inputs of 1, five seeds, 100,000 units each:

# %%
rates = np.arange(1, 10) / 10
outputs = [
    [ops.convert_to_numpy(Dropout(rate, seed=seed)(np.ones(100_000), training=True)) for rate in rates]
    for seed in range(5)
]  # (seeds, rates, units)
mean, variance = np.mean(outputs, axis=-1), np.var(outputs, axis=-1)
theory = rates / (1 - rates)
assert np.abs(mean - 1).max() < 0.06 and np.abs(variance / theory - 1).max() < 0.06

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
plots.lines(rates, {"theory": np.ones(9), "measured": mean}, title="The mean stays",
            xlabel="rate", ylabel="mean of the outputs", ax=left)
left.set_ylim(0, 2)
plots.lines(rates, {"theory": theory, "measured": variance}, title="The variance is r / (1 - r)",
            xlabel="rate", ylabel="variance of the outputs", log="y", ax=right)
plots.show(alt="Over rates 0.1 to 0.9 the mean stays at 1; the variance climbs along r / (1 - r).")
grown = variance[:, 8].mean() / variance[:, 4].mean()
reveal("07-variance", min(["1.8", "5", "9"], key=lambda choice: abs(float(choice) - grown)))
shown = [0, 2, 4, 6, 8]
plots.table({"rate": rates[shown].round(1).tolist(), "mean": list(mean.T[shown]),
             "variance": list(variance.T[shown]), "r / (1 - r)": list(theory[shown])})

# %% [markdown]
# Rate 0.5 adds noise as large as the signal, rate 0.9 a variance nine times the signal's square. A
# rate is no linear knob: from 0.8 to 0.9 is further than from 0.1 to 0.5.
#
# Now shapes and streams:

# %%
layer = Dropout(0.5, noise_shape=(None, 1, None), seed=1)
print("one example, 3 times x 8 features, noise_shape=(None, 1, None):")
print(ops.convert_to_numpy(layer(np.ones((1, 3, 8)), training=True))[0].astype(int))



def masks_around_a_file(layer_class):
    """A net's first mask; its next one after saving; that of the net loaded from the file."""
    model, ones = keras.Sequential([keras.Input((16,)), layer_class(0.5, seed=7)]), np.ones((1, 16))
    outputs = [model(ones, training=True)]
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        own = {layer_class.__name__: layer_class}
        loaded = keras.models.load_model(f"{folder}/model.keras", custom_objects=own)
    outputs += [model(ones, training=True), loaded(ones, training=True)]
    return ["".join("x" if kept else "." for kept in np.ravel(each)) for each in outputs]


both = {"yours": Dropout, "Keras": keras.layers.Dropout}
plots.table({"mask (x is kept)": ["the first", "the next", "the next, of the net loaded"]}
            | {name: masks_around_a_file(block) for name, block in both.items()})

# %% [markdown]
# Yours goes on with the masks that it would have had. Keras's own (3.15) forgets: a file holds its seed,
# not how far the stream had come, so that training resumed from it begins the same masks again.
#
# ## What `fit` reports
#
# Two hidden layers of 64 units, each followed by dropout at rate 0.5, on 1,200 clean digits. `fit`
# reports `accuracy` on the training images and `val_accuracy` on test images.

# %%
predict(
    "07-fit",
    "With dropout, after 15 epochs: the training accuracy that `fit` reports, beside the test's?",
    choices=["above it", "within one point", "below it"],
    guess=None,
)

# %%
(x_train, y_train), (x_test, y_test) = datasets.digits()
Dense = recall("Dense")


def network():
    """Two hidden layers, each followed by dropout."""
    hidden = [[Dense(64, activation="relu"), Dropout(0.5, seed=place)] for place in range(2)]
    return keras.Sequential([keras.Input((64,)), *sum(hidden, []), Dense(10, activation="softmax")])


model, runs, afterwards = network(), [], []
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"],
              jit_compile=False, steps_per_execution=19)  # an epoch in one call
for seed in range(5):
    keras.utils.set_random_seed(seed)
    model.set_weights(network().get_weights())
    data = dict(x=x_train, y=y_train, validation_data=(x_test, y_test), batch_size=64)
    runs.append(model.fit(**data, epochs=15, verbose=0).history)
    afterwards.append(np.mean(np.argmax(model(x_train), axis=1) == y_train))
reported, test = (np.array([run[key] for run in runs]) for key in ["accuracy", "val_accuracy"])

# %%
plots.lines(range(1, 16), {"training, as fit reports it": reported, "test": test},
            title="Training accuracy, as reported, is that of half-empty nets",
            xlabel="epoch", ylabel="accuracy")
plots.show(alt="Accuracy over 15 epochs: what fit reports for training lies below the test's.")
gap = reported[:, -1] - test[:, -1]
assert gap.max() < -0.01
reveal("07-fit", ["below it", "within one point", "above it"][np.digitize(gap.mean(), [-0.01, 0.01])])
plots.table({"after 15 epochs": ["training, as fit reports it", "the same images, in inference",
                                  "test"], "accuracy": [reported[:, -1], afterwards, test[:, -1]]})

# %% [markdown]
# No contradiction. The reported accuracy is that of half-empty nets; the same weights with all units
# there know the training images better than the test's, as ever. So a training curve below the test
# curve is the ordinary look of dropout, and the gap between the two says nothing about overfitting:
# for that, evaluate the training images in inference. What dropout is good for, and where it hurts,
# is lesson 08.
#
# ## Keras's own tests

# %% tags=["nbval-ignore-output"]
report = keras_exam(Dropout)

# %%
report

# %% [markdown]
# ## Find the bug
#
# Random numbers cost time. A colleague's class draws fewer of them:

# %%
class ThriftyDropout(keras.layers.Dropout):
    """Keras's dropout as a colleague speeds it up."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (1, *(self.noise_shape or inputs.shape)[1:])
        return keras.random.dropout(inputs, self.rate, shape, seed=self.seed_generator)

# %%
predict(
    "07-thrifty",
    "Keras's 14 tests, on the colleague's class. How many does it fail?",
    choices=["none", "one or two", "more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
thrifty = keras_exam(ThriftyDropout, tests_of="Dropout")

# %%
reveal("07-thrifty", ["none", "one or two", "more"][np.digitize(thrifty.count("failed"), [1, 3])])
print(thrifty.headline())
means = {
    name: [np.mean(block(0.5, seed=seed)(np.ones((20, 500)), training=True)) for seed in range(100)]
    for name, block in {"yours": Dropout, "the colleague's": ThriftyDropout}.items()
}
for name, values in means.items():
    print(f"{name:15} mean within 0.02 of 1 for {np.sum(np.abs(np.array(values) - 1) < 0.02)} seeds of 100")

# %% [markdown]
# `test_dropout_rescaling` asks for a mean within 0.02 of 1, of 20 times 500 ones. The colleague's mask
# has 500 coins, not 10,000, so it fails with most seeds; the seed that stands in the test happens to
# be a lucky one. And a right class, too, fails with some. A test of chance needs a margin that is
# computed, or better, a question that chance cannot answer wrongly.
#
# ### Exercise 7.3 · `drops_independently`
# *Difficulty 3 of 5 · needed again: in lesson 09 · 10 minutes*
#
# Write the probe: False where a mask is shared by all examples, by all units of an example, or by
# all calls. Two fair coins agree half of the time; a coin agrees with itself always. How far from
# one half may so many pairs come by chance?

# %% exercise="drops_independently" export="dropout"
def drops_independently(layer_class):
    """Whether masks of `layer_class(0.5)` differ between examples, between units, between calls.

    Args:
        layer_class: a dropout, called as `layer_class(0.5)(inputs, training=True)`.

    Returns True or False.
    """
    layer, inputs = layer_class(0.5), np.ones((512, 512), "float32")  # (examples, units)
    first, second = (
        ops.convert_to_numpy(layer(inputs, training=True)) == 0 for _ in range(2)
    )  # True where a unit is dropped, in the first and in the second call
    ### BEGIN SOLUTION
    # TODO: How often does a unit meet the same fate in one example and in the next?
    examples = np.mean(first[1:] == first[:-1])
    # TODO: And one unit of an example as the next unit?
    units = np.mean(first[:, 1:] == first[:, :-1])
    # TODO: And in the first call as in the second?
    calls = np.mean(first == second)
    # TODO: True where all three are about one half.
    return bool(np.all(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15))
    ### END SOLUTION


# %%
check(drops_independently, strict=True)
# hint("drops_independently")      # one more hint each time you run it
# solution("drops_independently")  # the course's own, and why it is written so
drops_independently = finish(drops_independently)

# %% [markdown]
# Two more suspects from the wild, and a scoreboard:

# %% tags=["nbval-ignore-output"]
class SameMaskDropout(keras.layers.Dropout):
    """An integer where a generator should be."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return keras.random.dropout(inputs, self.rate, self.noise_shape, seed=self.seed or 0)


class SleeplessDropout(keras.layers.Dropout):
    """It drops in inference as well."""

    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


wrong = {block: keras_exam(block, tests_of="Dropout") for block in [SameMaskDropout, SleeplessDropout]}

# %%
ones, scores = np.ones((4, 64), "float32"), {Dropout: report, ThriftyDropout: thrifty} | wrong
assert all(score.passed for score in [thrifty, *wrong.values()])
plots.table({
    "class": [block.__name__ for block in scores],
    "Keras's tests passed": [f"{score.count('passed')} of {len(score.tests)}" for score in scores.values()],
    "drops independently": [drops_independently(block) for block in scores],
    "rests in inference": [np.array_equal(block(0.5)(ones), ones) for block in scores],
})

# %% [markdown]
# Three wrong classes, and no test of Keras's finds one. Your probe finds two. The third is none of
# its business, and takes a probe of its own, one line long: a probe finds what it was written for,
# and nothing else.
#
# ## What can go wrong
#
# - **Rate or its opposite.** Keras's `rate` and PyTorch's `p` are the share that is *dropped*. The
#   paper's $p$ and TensorFlow 1's `keep_prob` are the share that is *kept*. At 0.5 nobody sees it.
# - **A forgotten `training=True`** in a training loop of your own: dropout is off, and no error comes.
#   `fit` passes it on.
# - **No rescaling.** The accuracy hardly tells; lesson 08 shows what does.
# - **A mask from NumPy** inside `call`: a compiled function draws it once, when it is traced, and keeps
#   it for ever.
# - **The same integer seed in two layers** of one size: both drop the same units, always.
# - **`trainable = False` for "off".** It has no effect on dropout. (Batch normalization is the layer
#   that freezing switches to inference.)
#
# ## In short
#
# Each unit of each example is dropped with probability `rate`, anew at each call, and what stays is
# divided by `1 - rate`: the mean is kept, and a variance of $\frac{r}{1-r}x^2$ comes in. All else is
# care about the mask: its shape, and a stream of seeds that is compiled, saved and resumed. Tests
# that look at a single output miss mistakes of the mask; probes that compare fates do not.
#
# ## Open questions
#
# 1. Which rate loses least, if an input of the *next* layer is the sum of n such units? Write down
#    mean and variance of the sum.
# 2. Dropout, then ReLU, or ReLU, then dropout: is there a difference?
# 3. Keep the variance instead of the mean: which factor is that for inputs of mean 0, and what does
#    inference have to do then?
