# %% [markdown]
# # 09 · The dropout family
#
# **You build** relatives of `Dropout`: `SpatialDropout1D` and `2D`, `GaussianDropout`,
# `GaussianNoise`, `AlphaDropout`, and `ConcreteDropout`, which learns its rate; and `monte_carlo`,
# a prediction that says how sure a net is.
#
# **You need** `Dense`, `BatchNormalization` and `Dropout` (lessons 01, 04 and 07; where yours is
# missing the course's own stands in).
#
# **It takes** about 60 minutes, and 15 more with what is marked *Extra*. Run every cell in order,
# from the top (Shift+Enter). At the end Keras's own unit tests examine five of your classes.

# %% tags=["setup"]

# %%
Dropout, Dense = recall("Dropout"), recall("Dense")
BatchNormalization = recall("BatchNormalization")
(x_train, y_train), (x_test, y_test) = datasets.digits()
judge = plots.Verdicts("claim")

# %% [markdown]
# ## Neighbours give it away
#
# In the feature maps of a convolution, neighbouring pixels resemble each other. Drop one, and those
# around it still tell what it was. *Spatial* dropout (Tompson et al., 2015) drops a whole feature
# map of an example, or leaves it whole: all its pixels share one element of the mask. Your
# `noise_shape` can do that already.
#
# Keras's spatial dropouts take no `noise_shape` of the user's. A given base leaves it out of the
# config:

# %% export="dropout"
class DropoutWithoutShape(Dropout):
    """A `Dropout` that takes no `noise_shape`: its config leaves it out."""

    def get_config(self):
        config = super().get_config()
        del config["noise_shape"]
        return config

# %% [markdown]
# ### Exercise 9.1 · `SpatialDropout1D`
# *Difficulty 1 of 5 · needed again: 9.2 resembles it · 4 minutes*
#
# One gap: hand the right noise shape to `Dropout`. A feature of a sequence is there at all times, or
# at none.

# %% exercise="SpatialDropout1D" export="dropout"
class SpatialDropout1D(DropoutWithoutShape):
    """Drop whole features of a sequence during training: at all times, or at none.

    Args:
        rate: float in [0, 1]. Probability with which each feature is set to zero.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: `(batch, times, features)`. Output shape: same as the input.
    Reference: Tompson et al., 2015, Efficient Object Localization Using Convolutional Networks.
    """

    def __init__(self, rate, seed=None, **kwargs):
        ### BEGIN SOLUTION
        # TODO: Dropout, and along which axis it shares a mask.
        super().__init__(rate, noise_shape=(None, 1, None), seed=seed, **kwargs)
        ### END SOLUTION
        self.input_spec = keras.layers.InputSpec(ndim=3)


# %%
check(SpatialDropout1D, strict=True)
# hint("SpatialDropout1D")      # one more hint each time you run it
# solution("SpatialDropout1D")  # the course's own, and why it is written so
SpatialDropout1D = finish(SpatialDropout1D)

# %% [markdown]
# ### Extra: Exercise 9.2 · `SpatialDropout2D`
# *Difficulty 2 of 5 · needed again: in the next experiment · 5 minutes*
#
# Where do rows and columns stand, with the channels last, and with the channels first?

# %% exercise="SpatialDropout2D" export="dropout"
class SpatialDropout2D(DropoutWithoutShape):
    """Drop whole feature maps of an image during training.

    Args:
        rate: float in [0, 1]. Probability with which each feature map is set to zero.
        data_format: "channels_last", "channels_first", or None for Keras's setting.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: `(batch, rows, columns, channels)`, or `(batch, channels, rows, columns)` with
    "channels_first". Output shape: same as the input.
    Reference: Tompson et al., 2015, Efficient Object Localization Using Convolutional Networks.
    """

    def __init__(self, rate, data_format=None, seed=None, **kwargs):
        data_format = str(data_format or keras.config.image_data_format()).lower()
        if data_format not in ("channels_first", "channels_last"):
            raise ValueError(
                "The `data_format` argument must be one of ('channels_first', 'channels_last'). "
                f"Received: data_format={data_format!r}."
            )
        ### BEGIN SOLUTION
        # TODO: Along which axes does a feature map lie, where the channels are last, and first?
        last = data_format == "channels_last"
        noise_shape = (None, 1, 1, None) if last else (None, None, 1, 1)
        # TODO: Dropout that shares a mask along them.
        super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)
        ### END SOLUTION
        self.data_format = data_format
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


# %%
check(SpatialDropout2D, strict=True)
# hint("SpatialDropout2D")      # one more hint each time you run it
# solution("SpatialDropout2D")  # the course's own, and why it is written so
SpatialDropout2D = finish(SpatialDropout2D)

# %% [markdown]
# How much is known of a dropped pixel? Put letters through eight random filters, drop half, and guess
# the true value of each dropped pixel by the linear function that fits best: from what is left of its
# eight neighbours, or from what is left at these nine places of the seven other maps. The share of
# the variance that is guessed, $R^2$, is 1 for a perfect guess and 0 for none.

# %%
predict(
    "09-neighbours",
    "Plain dropout, rate 0.5: which share of a dropped pixel's variance do its neighbours tell?",
    choices=["less than 0.1", "about 0.3", "more than 0.4"],
    guess=None,
)

# %%
def guessed(outputs, maps, from_others):
    """R squared of the best linear guess of dropped pixels from 3 x 3 places, over all maps."""
    windows = np.lib.stride_tricks.sliding_window_view(outputs, (3, 3), axis=(1, 2))
    shares = []
    for place in range(8):
        dropped = outputs[:, 1:-1, 1:-1, place] == 0
        others = [other for other in range(8) if other != place]
        left = windows[..., others if from_others else [place], :, :][dropped]
        left = np.insert(left.reshape(len(left), -1), 0, 1, axis=1)  # (pixels, 1 + places)
        truth = maps[:, 1:-1, 1:-1, place][dropped]
        error = truth - left @ np.linalg.lstsq(left, truth, rcond=None)[0]
        shares.append(1 - error.var() / truth.var())
    return np.mean(shares)


def feature_maps(seed):
    """20 letters through eight random filters: `(20, 28, 28, 8)`."""
    (letters, _), _ = datasets.glyphs(num_train=20, noise=0.0, seed=seed)
    filters = np.random.default_rng(seed).normal(size=(5, 5, 1, 8)).astype("float32")
    return ops.convert_to_numpy(ops.conv(letters, filters, padding="same"))

# %% [markdown]
# A control: the same maps with their pixels shuffled, so that neighbours have nothing in common.

# %%
def dropped_out(block, maps, seed):
    return ops.convert_to_numpy(block(0.5, seed=seed)(maps, training=True))


names = ["dropout", "spatial dropout", "dropout, pixels shuffled"]
own, others = {name: [] for name in names}, {name: [] for name in names}
for seed in range(5):
    maps = feature_maps(seed)
    shuffled = np.random.default_rng(seed).permutation(maps.ravel()).reshape(maps.shape)
    plain, spatial = (dropped_out(block, maps, seed) for block in [Dropout, SpatialDropout2D])
    cases = [(plain, maps), (spatial, maps), (dropped_out(Dropout, shuffled, seed), shuffled)]
    for name, case in zip(names, cases, strict=True):
        own[name].append(guessed(*case, from_others=False))
        others[name].append(guessed(*case, from_others=True))

# %%
assert min(own["dropout"]) > 0.4 and max(own["spatial dropout"]) < 0.1
assert min(others["dropout"]) > 0.4 and min(others["spatial dropout"]) > 0.4
shown = [np.moveaxis(each[0], -1, 0) for each in [maps, plain / 2, spatial / 2]]
rows = ["as it is", "dropout", "spatial dropout"]
labels = [row if place == 1 else "" for row in rows for place in range(8)]
plots.image_grid(np.concatenate(shown), labels, columns=8,
                 title="Neighbours show a dropped pixel, not a dropped map")
plots.show(alt="Eight feature maps of a letter: as they are; with half of the pixels gone, the letter "
           "still plain to see; with some of the maps gone as a whole.")
reveal("09-neighbours", ["less than 0.1", "about 0.3", "more than 0.4"][
    np.digitize(np.mean(own["dropout"]), [0.1, 0.4])])
for claim, shares in [("hides a pixel from its neighbours in its map", own),
                      ("hides a pixel from the other maps", others)]:
    judge(claim, {f"by {name}": max(shares[name]) < 0.1 for name in names[:2]},
          "R² {:.1f} and {:.1f}".format(*(np.mean(shares[name]) for name in names[:2])))
plots.table({"R² of a dropped pixel": names, "from its neighbours": list(own.values()),
             "from the other maps": list(others.values())})

# %% [markdown]
# With the pixels shuffled, plain dropout hides as well as spatial dropout does: it is the likeness of
# neighbours that undoes it. But neither hides a pixel from the other maps: all eight filters see the
# same letter, and what one map loses the seven others largely tell.
#
# ## Noise without zeros
#
# Dropout multiplies each unit by noise of mean 1 and variance $\frac{r}{1-r}$ that takes two values.
# Normal noise of the same mean and variance does as well (Srivastava et al., 2014), and nothing
# is zeroed. `GaussianNoise` is *added* instead: as large for small units as for large ones.
#
# Two given functions refuse what these layers cannot take:

# %% export="dropout"
def check_number(name, value, fits, expected):
    """Refuse an argument that is no number, or for which `fits(value)` is False (so is NaN)."""
    if not isinstance(value, (int, float, np.floating)) or not fits(value):
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected {expected}. "
            f"Received: {name}={value!r}."
        )


# %% export="dropout"
def check_floats(inputs):
    """Refuse inputs to which noise cannot be added: integers."""
    if not keras.backend.is_float_dtype(inputs.dtype):
        raise ValueError(
            "`inputs` must be floating-point numbers in training: noise is added to them. Received: "
            f"dtype={keras.backend.standardize_dtype(inputs.dtype)}. Cast them first, as with "
            '`ops.cast(inputs, "float32")`.'
        )

# %% [markdown]
# ### Exercise 9.3 · `GaussianDropout`
# *Difficulty 2 of 5 · needed again: 9.4 resembles it · 6 minutes*
#
# One gap: the noise, from `keras.random.normal(shape, mean, stddev, dtype=..., seed=...)`. At rate 1
# its variance would be infinite (Keras's own then divides by zero): given code refuses that.

# %% exercise="GaussianDropout" export="dropout"
class GaussianDropout(DropoutWithoutShape):
    """Multiply by normal noise of mean 1 during training, as strong as dropout's.

    Training: `inputs * normal(mean=1, stddev=sqrt(rate / (1 - rate)))`. Inference: `inputs`.

    Args:
        rate: float in [0, 1). The noise has the mean and variance of dropout at this rate.
        seed: int, or None for other noise in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Srivastava et al., 2014, JMLR 15 ("multiplicative Gaussian noise").
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        expected = "a float value between 0 and 1, and less than 1: rate / (1 - rate) is finite"
        check_number("rate", self.rate, lambda rate: rate < 1, expected)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        self.check_inputs(inputs)
        ### BEGIN SOLUTION
        # TODO: The standard deviation that plain dropout has for an input of 1.
        stddev = (self.rate / (1 - self.rate)) ** 0.5
        # TODO: A number of mean 1 for each unit, from the layer's own stream, in the inputs' dtype.
        shape, seed = ops.shape(inputs), self.seed_generator
        noise = keras.random.normal(shape, 1.0, stddev, dtype=inputs.dtype, seed=seed)
        # TODO: Noise that grows with the unit.
        return inputs * noise
        ### END SOLUTION


# %%
check(GaussianDropout, strict=True)
# hint("GaussianDropout")      # one more hint each time you run it
# solution("GaussianDropout")  # the course's own, and why it is written so
GaussianDropout = finish(GaussianDropout)

# %% [markdown]
# ### Extra: Exercise 9.4 · `GaussianNoise`
# *Difficulty 2 of 5 · not needed again · 5 minutes*

# %% exercise="GaussianNoise" export="dropout"
class GaussianNoise(keras.Layer):
    """Add normal noise of mean 0 during training.

    Training: `inputs + normal(mean=0, stddev=stddev)`. Inference: `inputs`.

    Args:
        stddev: float in [0, 1]. Standard deviation of the noise.
        seed: int, or None for other noise in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_number(
            "stddev", stddev, lambda value: 0 <= value <= 1, "a float value between 0 and 1"
        )
        self.stddev = float(stddev)
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = type(self).build is keras.Layer.build  # no weights, unless a subclass has some

    def call(self, inputs, training=False):
        if training:
            check_floats(inputs)
        ### BEGIN SOLUTION
        # TODO: In inference, and without noise, the inputs as they are.
        if not training or self.stddev == 0:
            return inputs
        # TODO: In training, plus a number for each unit, in the inputs' dtype.
        shape, seed = ops.shape(inputs), self.seed_generator
        return inputs + keras.random.normal(shape, 0.0, self.stddev, inputs.dtype, seed)
        ### END SOLUTION

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}

    save_own_variables = Dropout.save_own_variables  # how far the stream of noise has come
    load_own_variables = Dropout.load_own_variables


# %%
check(GaussianNoise, strict=True)
# hint("GaussianNoise")      # one more hint each time you run it
# solution("GaussianNoise")  # the course's own, and why it is written so
GaussianNoise = finish(GaussianNoise)

# %% [markdown]
# Each of them on inputs of 1, and of 3:

# %%
noisy = {"Dropout(0.5)": Dropout(0.5, seed=0), "GaussianDropout(0.5)": GaussianDropout(0.5, seed=0),
         "GaussianNoise(0.5)": GaussianNoise(0.5, seed=0)}
for size in [1.0, 3.0]:
    outputs = [block(np.full(100_000, size, "float32"), training=True) for block in noisy.values()]
    outputs = ops.convert_to_numpy(ops.stack(outputs))
    print(f"inputs of {size:.0f}")
    print(plots.table({"": noisy, "mean": outputs.mean(axis=1), "standard deviation": outputs.std(axis=1),
                       "share of zeros": np.mean(outputs == 0, axis=1)}, decimals=1))

# %% [markdown]
# ## A net that normalizes itself
#
# SELU, $\lambda x$ above 0 and $\lambda\alpha(e^x - 1)$ below, has constants for which mean 0 and
# variance 1 are a fixed point: through layers with kernels of variance 1 / inputs, units drift towards
# it (Klambauer et al., 2017). Dropout adds variance, and its zeros are not the value that SELU has to
# offer for "off": that is its lower end, $s = -\lambda\alpha \approx -1.76$. *Alpha dropout* sets units
# to $s$, then stretches and shifts all of them so that the fixed point stays.
#
# Inputs have mean 0 and variance 1; with probability $r$ one becomes $s$. What are mean and variance of
# the mixture? Subtract the first, divide by the root of the second.
#
# ### Exercise 9.5 · `AlphaDropout`
# *Difficulty 3 of 5 · needed again: in the next experiment · 12 minutes*
#
# Your `Dropout`, as `super().call`, sets units to 0, not to $s$. So give it what has its 0 at $s$.
# And it scales what is kept, which is not wanted here.

# %% exercise="AlphaDropout" export="dropout"
class AlphaDropout(Dropout):
    """Set units to SELU's lowest value during training, and keep mean 0 and variance 1.

    Training: `a * where(uniform >= rate, inputs, saturation) + b`, where `saturation` is about -1.76
    and `a` and `b` give inputs of mean 0 and variance 1 their mean and variance back.
    Inference: `inputs`.

    Args:
        rate: float in [0, 1). Probability with which each unit is set to the saturation value.
        noise_shape: as that of `Dropout`.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Klambauer et al., 2017, Self-Normalizing Neural Networks.
    """

    saturation = -1.0507009873554805 * 1.6732632423543772  # where SELU ends: -scale * alpha

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, noise_shape, seed, **kwargs)
        expected = "a float value between 0 and 1, and less than 1: some units must be left"
        check_number("rate", self.rate, lambda rate: rate < 1, expected)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        self.check_inputs(inputs)
        ### BEGIN SOLUTION
        # TODO: Plain dropout of what lies above the saturation value, without its scaling: what is
        # TODO: kept is as it was, what is dropped lies at the saturation value.
        above = (1 - self.rate) * super().call(inputs - self.saturation, training=True)
        mixed = above + self.saturation
        # TODO: Mean and variance of that, for inputs of mean 0 and variance 1.
        mean = self.rate * self.saturation
        variance = (1 - self.rate) * (1 + self.rate * self.saturation**2)
        # TODO: Back to mean 0 and variance 1.
        return (mixed - mean) / variance**0.5
        ### END SOLUTION


# %%
check(AlphaDropout, strict=True)
# hint("AlphaDropout")      # one more hint each time you run it
# solution("AlphaDropout")  # the course's own, and why it is written so
AlphaDropout = finish(AlphaDropout)

# %% [markdown]
# Now stack 50 layers, with inputs of mean 0 and variance 1.

# %%
predict(
    "09-selu",
    "50 layers, each followed by plain dropout at rate 0.1. Where does the variance grow without end?",
    choices=["with SELU", "with ReLU and He's initialization", "with both", "with neither"],
    guess=None,
)

# %%
def signal(unit, gain, block, rate=0.1, depth=50, units=256):
    """Mean and variance of the units after each layer, for five seeds: two of `(seeds, layers)`."""
    means, variances = np.empty((2, 5, depth))
    for seed in range(5):
        rng, noise = np.random.default_rng(seed), block(rate, seed=seed)
        outputs = rng.normal(size=(units, units)).astype("float32")
        for layer in range(depth):
            kernel = rng.normal(0, (gain / units) ** 0.5, (units, units)).astype("float32")
            outputs = noise(unit(ops.matmul(outputs, kernel)), training=True)
            means[seed, layer] = ops.mean(outputs)
            variances[seed, layer] = ops.var(outputs)
    return means, variances

# %% [markdown]
# SELU without dropout, with the plain and with yours, and ReLU with He's initialization:

# %%
def nothing(rate, seed):
    return keras.layers.Identity()


selu, relu = keras.activations.selu, keras.activations.relu
arms = {"SELU": (selu, 1, nothing), "SELU, dropout": (selu, 1, Dropout),
        "SELU, alpha dropout": (selu, 1, AlphaDropout), "ReLU": (relu, 2, nothing),
        "ReLU, dropout": (relu, 2, Dropout)}
signals = {name: signal(*arm) for name, arm in arms.items()}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
depths = np.arange(1, 51)
plots.lines(depths, {name: mean for name, (mean, _) in signals.items() if "SELU" in name},
            title="Mean: alpha dropout keeps it at 0", xlabel="layer", ylabel="mean of the units",
            ax=left)
left.set_ylim(-0.05, 0.15)
plots.lines(depths, {name: variance for name, (_, variance) in signals.items()}, log="y", ax=right,
            title="Variance: alpha dropout keeps it at 1", xlabel="layer", ylabel="variance")
plots.show(alt="Over 50 layers SELU keeps mean 0 and variance 1, alone and with alpha dropout. Plain "
           "dropout moves both to other values; with ReLU it makes the variance grow without end.")

# %%
last = {name: (mean[:, -1], variance[:, -1]) for name, (mean, variance) in signals.items()}
grown = {unit: (signals[f"{unit}, dropout"][1][:, -1] / signals[f"{unit}, dropout"][1][:, 24]).mean()
         for unit in ["SELU", "ReLU"]}  # over the second half of the layers
assert np.abs(last["SELU, alpha dropout"][1] - 1).max() < 0.1 and grown["ReLU"] > 4
assert last["SELU, dropout"][1].min() > 1.4 and grown["SELU"] < 1.1
reveal("09-selu", {(True, False): "with SELU", (False, True): "with ReLU and He's initialization",
                   (True, True): "with both", (False, False): "with neither"}[
    tuple(grown[unit] > 2 for unit in ["SELU", "ReLU"])])
judge("keeps the fixed point of SELU", {
    f"with {name}": np.abs(last[f"SELU, {name}"][1] - 1).max() < 0.1
    for name in ["alpha dropout", "dropout"]
}, ", ".join(f"{name}: variance {last[f'SELU, {name}'][1].mean():.1f}"
             for name in ["alpha dropout", "dropout"]))
plots.table({"after 50 layers": list(last), "mean": [mean for mean, _ in last.values()],
             "variance": [variance for _, variance in last.values()]})

# %% [markdown]
# SELU is forgiving: with plain dropout it settles at another fixed point, of a variance that is too
# large. ReLU has no fixed point. Each layer of dropout multiplies its mean square by
# $\frac{1}{1-r}$, and nothing takes that back.
#
# ## How sure is it?
#
# A net with dropout is many nets (lesson 08). Where they agree, the data have decided; where they
# differ, they have not. *Monte Carlo dropout* (Gal and Ghahramani, 2016) keeps dropping in
# inference, predicts many times, and reports mean and spread.
#
# The classic mistake is `model(x, training=True)`. It wakes all that has a training mode. Batch
# normalization then takes mean and variance from the batch that happens to be there, and moves its
# averages with each pass.
#
# ### Exercise 9.6 · `monte_carlo`
# *Difficulty 3 of 5 · needed again: in three experiments · 10 minutes*
#
# Which layers rest when frozen, even in training, you know from lesson 04; which do not, from lesson 07.
# `keras.models.clone_model` makes a copy that you may do anything to.

# %% exercise="monte_carlo" export="dropout"
def monte_carlo(model, inputs, num_passes=50):
    """Predict with dropout switched on, many times; all other layers are in inference.

    Args:
        model: Sequential or functional Keras model, with dropout in it. It stays as it is.
        inputs: what the model takes, `(batch, ...)`.
        num_passes: int > 0. Number of passes, each with masks of its own.

    Returns mean and standard deviation over the passes, two arrays of the outputs' shape.
    Reference: Gal and Ghahramani, 2016, Dropout as a Bayesian Approximation.
    """
    ### BEGIN SOLUTION
    # TODO: A copy of the model, with its weights: what is done to the copy leaves the model alone.
    awake = keras.models.clone_model(model)
    awake.set_weights(model.get_weights())
    # TODO: Freeze it: batch normalization then rests in training too, and dropout does not.
    awake.trainable = False
    # TODO: The passes, in training.
    outputs = ops.stack([awake(inputs, training=True) for _ in range(num_passes)])
    # TODO: Mean and standard deviation over the passes, as arrays.
    statistics = ops.mean(outputs, axis=0), ops.std(outputs, axis=0)
    return tuple(ops.convert_to_numpy(each) for each in statistics)
    ### END SOLUTION


# %%
check(monte_carlo, strict=True)
# hint("monte_carlo")      # one more hint each time you run it
# solution("monte_carlo")  # the course's own, and why it is written so
monte_carlo = finish(monte_carlo)

# %% [markdown]
# A net for digits, with batch normalization before each ReLU and dropout after. One image alone,
# and the same image among others, 50 passes each:

# %% tags=["nbval-ignore-output"]
def classifier():
    """Two hidden layers with batch normalization and dropout, and ten probabilities."""
    layers = [keras.Input((64,))]
    for _ in range(2):
        layers += [Dense(128), BatchNormalization(momentum=0.9), keras.layers.ReLU(), Dropout(0.5)]
    return keras.Sequential([*layers, Dense(10, activation="softmax")])


digits = sweep(classifier, (x_train, y_train), test=(x_test, y_test), steps=300, test_every=300,
               optimizer=keras.optimizers.Adam, learning_rate=0.002,
               loss="sparse_categorical_crossentropy")
print("test accuracy:", digits.test_accuracy.at(step=300).values.round(2))

# %% tags=["nbval-ignore-output"]
model, (image, label) = digits.model(seed=0), (x_test[:1], y_test[0])
before = model.get_weights()
ways = {
    "monte_carlo": lambda inputs: monte_carlo(model, inputs)[0],
    "training=True": lambda inputs: np.mean([model(inputs, training=True) for _ in range(50)], axis=0),
}
rows = {"way": [], "alone": [], "among 100": [], "weights moved": []}
for name, way in ways.items():
    rows["way"].append(name)
    rows["alone"].append(way(image)[0, label])
    rows["among 100"].append(way(x_test[:100])[0, label])
    moved = any(not np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))
    rows["weights moved"].append("yes" if moved else "no")
assert abs(rows["alone"][0] - rows["among 100"][0]) < 0.1 and rows["weights moved"] == ["no", "yes"]
assert rows["alone"][1] < rows["among 100"][1] - 0.3
print("probability of the right class:")
plots.table(rows)

# %% [markdown]
# Alone, each unit equals the mean of its batch: every image gives the same. And the net is another.
#
# ## "It knows what it does not know"
#
# First a curve: 100 noisy points of a sine between -1 and 1, nets with ReLU and with tanh. Beyond
# the points a net cannot know anything. Does the spread say so?

# %%
predict(
    "09-curve",
    "From |x| = 2 to 4, three times as far from the data: what does the spread do, ReLU | tanh?",
    choices=["grows | grows", "grows | stays", "stays | grows", "stays | stays"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
rng = np.random.default_rng(0)
x_curve = rng.uniform(-1, 1, (100, 1)).astype("float32")
y_curve = np.sin(4 * x_curve) + rng.normal(0, 0.1, x_curve.shape).astype("float32")
grid = np.linspace(-4, 4, 161, dtype="float32")[:, np.newaxis]


def regressor(activation):
    hidden = [[Dense(64, activation=activation), Dropout(0.1)] for _ in range(2)]
    return keras.Sequential([keras.Input((1,)), *sum(hidden, []), Dense(1)])


units = ["relu", "tanh"]
curves = sweep(regressor, (x_curve, y_curve), activation=units, steps=500, loss="mse",
               optimizer=keras.optimizers.Adam, learning_rate=0.01)
guesses = {
    unit: np.array([monte_carlo(curves.model(activation=unit, seed=seed), grid, 30) for seed in range(5)])
    for unit in units
}  # unit -> (seeds, mean and spread, points, 1)

# %% [markdown]
# The first seed as a figure, all five as numbers:

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
titles = ["ReLU: the spread grows, the truth is outside", "tanh: the spread stays"]
for ax, unit, title in zip(axes, units, titles, strict=True):
    mean, spread = guesses[unit][0, :, :, 0]
    ax.fill_between(grid[:, 0], mean - 2 * spread, mean + 2 * spread, color=plots.BLUE, alpha=0.2,
                    label="mean ± 2 spreads")
    ax.plot(grid, mean, color=plots.BLUE, label="mean of 30 passes")
    ax.plot(grid, np.sin(4 * grid), color="black", linestyle="--", label="truth")
    ax.scatter(x_curve, y_curve, s=8, color=plots.VERMILLION, label="data")
    ax.set(title=title, xlabel="x", ylabel="y")
axes[0].legend(loc="upper center")
plots.show(alt="Monte Carlo predictions of a sine learned between -1 and 1. With ReLU the spread grows "
           "away from the data, but the truth leaves it; with tanh it stays as it is.")

# %% tags=["nbval-ignore-output"]
distance = np.abs(grid[:, 0])  # from 0; the data end at 1
at_2, at_4 = np.abs(distance - 2) < 0.26, np.abs(distance - 4) < 0.51
growth, covered = {}, {}
for unit in units:
    mean, spread = np.moveaxis(guesses[unit][..., 0], 1, 0)  # (seeds, points) each
    growth[unit] = spread[:, at_4].mean(axis=1) / spread[:, at_2].mean(axis=1)
    within = np.abs(mean - np.sin(4 * grid[:, 0])) < 2 * spread
    covered[unit] = {"between -1 and 1": within[:, distance <= 1].mean(axis=1),
                     "beyond 2": within[:, distance >= 2].mean(axis=1)}
assert growth["relu"].min() > 1.7 and growth["tanh"].mean() < 1.4
said = {unit: "grows" if growth[unit].mean() > 1.5 else "stays" for unit in units}
reveal("09-curve", f"{said['relu']} | {said['tanh']}")
plots.table({"net": units, "spread at 4 over spread at 2": list(growth.values())}
            | {f"truth within 2 spreads, {place}": [covered[unit][place] for unit in units]
               for place in ["between -1 and 1", "beyond 2"]})

# %% [markdown]
# ReLU is made of straight lines, and lines that differ part; tanh levels off far from 0. And the
# growing spread of ReLU is still no error bar: beyond 2 the truth is mostly outside.
#
# Now images. The nets for digits have never seen noise, letters (shrunk to 8 by 8 and standardised),
# digits turned by 90 degrees, or digits of three times the contrast. The more uncertain net is the one
# with the higher entropy of its probabilities. AUROC is the probability that a strange image looks
# more uncertain than a digit of the test set: 1 is perfect, 0.5 is blind.

# %%
predict(
    "09-turned",
    "Digits turned by 90 degrees, AUROC of Monte Carlo dropout:",
    choices=["above 0.7: it notices", "0.4 to 0.7: nearly blind", "below 0.4: surer than of others"],
    guess=None,
)

# %%
(letters, _), _ = datasets.glyphs(num_train=600)
letters = letters[:, 2:26, 2:26, 0].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4)).reshape(-1, 64)
turned = np.rot90(x_test.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
strange = {"noise": np.random.default_rng(0).normal(size=(600, 64)),
           "letters": (letters - letters.mean()) / letters.std(),
           "turned digits": turned, "digits at 3x": 3 * x_test}


def entropy(probabilities):
    return -np.sum(probabilities * np.log(probabilities + 1e-12), axis=-1)


def auroc(familiar, unfamiliar):
    """The probability that an unfamiliar value is greater than a familiar one."""
    return np.mean(unfamiliar[:, np.newaxis] > familiar)

# %% [markdown]
# Each net predicts once as in inference, and by 50 passes. How many digits does it get right?

# %% tags=["nbval-ignore-output"]
shown = {"digits": x_test} | strange
everything = np.concatenate(list(shown.values())).astype("float32")
borders = np.cumsum([len(images) for images in shown.values()])[:-1]
scores = {(name, way): [] for name in strange for way in ["one pass", "Monte Carlo"]}
right = {name: [] for name in shown if "digits" in name}
for seed in range(5):
    model = digits.model(seed=seed)
    outputs = {"one pass": ops.convert_to_numpy(model(everything)),
               "Monte Carlo": monte_carlo(model, everything)[0]}
    for way, probabilities in outputs.items():
        parts = dict(zip(shown, np.split(probabilities, borders), strict=True))
        for name in strange:
            scores[name, way].append(auroc(entropy(parts["digits"]), entropy(parts[name])))
    for name, shares in right.items():  # of the last way
        shares.append(np.mean(parts[name].argmax(axis=1) == y_test))
scores = {key: np.array(values) for key, values in scores.items()}

# %% tags=["nbval-ignore-output"]
plots.dots({f"{name}, {way}": values for (name, way), values in scores.items()},
           title="It notices noise and letters, not turned digits",
           xlabel="AUROC (0.5 is blind)").axvline(0.5, color="black", linestyle=":")
plots.show(alt="AUROC of noise, letters, digits turned by 90 degrees and digits at three times the "
           "contrast, for one pass and for Monte Carlo dropout: high for the first two, with Monte Carlo "
           "near 0.5 for the others, with one pass far below.")
unknown = ["noise", "letters", "turned digits"]
caught = {name: scores[name, "Monte Carlo"] for name in unknown}
gain = {name: caught[name] - scores[name, "one pass"] for name in unknown}
assert min(each.min() for each in gain.values()) > 0 and caught["noise"].min() > 0.9
assert caught["turned digits"].mean() < 0.7 and max(right["turned digits"]) < 0.3
assert min(right["digits at 3x"]) > 0.8
level = np.digitize(caught["turned digits"].mean(), [0.4, 0.7])
reveal("09-turned", ["below 0.4: surer than of others", "0.4 to 0.7: nearly blind",
                     "above 0.7: it notices"][level])
judge("Monte Carlo dropout knows what it does not know",
      {f"for {name}": values.mean() > 0.8 for name, values in caught.items()}
      | {f"for {unit} far from the data": growth[unit].mean() > 1.5 for unit in units},
      "AUROC " + ", ".join(f"{values.mean():.2f}" for values in caught.values()))
judge("its spread covers the truth", {place: np.mean([covered[unit][place] for unit in units]) > 0.8
                                      for place in covered["relu"]},
      f"beyond 2: {100 * np.mean([covered[unit]['beyond 2'] for unit in units]):.0f} % of the points")
plots.table({"images": shown} | {f"AUROC, {way}": [scores.get((name, way), "") for name in shown]
                                 for way in ["one pass", "Monte Carlo"]}
            | {"accuracy, Monte Carlo": [right.get(name, "") for name in shown]})

# %% [markdown]
# At three times the contrast an AUROC below 0.5 is no failure: the net is surer, and right nearly as
# often as before. Turned digits are the failure: nine in ten are called by a wrong name, about as
# surely as upright ones by the right name. Masks can agree and be wrong together. A spread over them
# shows what they disagree about, and nothing else.
#
# ## A rate that is learned
#
# A rate has no gradient: a unit is there or it is not. *Concrete dropout* (Gal, Hron and Kendall,
# 2017) softens the mask. With the rate's logit $\ell = \log\frac{r}{1-r}$, a uniform random number
# $u$ and a small temperature $t$,
#
# $$\mathrm{mask} = 1 - \sigma\left(\frac{\ell + \log u - \log(1 - u)}{t}\right)$$
#
# is near 0 with probability $r$, near 1 otherwise, and differentiable in $\ell$.
#
# The training loss alone would drive the rate to 0: noise does not help to fit. What speaks for dropping
# is the penalty, which for one layer, $n$ examples, a prior length scale $l$, a kernel $W$ and $k$
# inputs is
#
# $$\frac{1}{n}\left(\frac{l^2}{2}\frac{\sum W^2}{1-r} - k\,H(r)\right) \qquad
# H(r) = -r\log r - (1-r)\log(1-r)$$
#
# ($W$ is the layer's kernel. The paper's $M$ is $W / (1 - r)$: its masks are not scaled up.) The entropy
# $H$ is largest at $r = 0.5$.
#
# ### Exercise 9.7 · `ConcreteDropout`
# *Difficulty 4 of 5 · needed again: below · 15 minutes*
#
# A wrapper: it drops the inputs of a layer, since the penalty needs that layer's kernel. Two gaps,
# the two formulas. `weight_regularizer` stands for $\frac{l^2}{2n}$, `dropout_regularizer` for
# $\frac{1}{n}$.

# %% exercise="ConcreteDropout" export="dropout"
class ConcreteDropout(keras.layers.Wrapper):
    """Drop the inputs of a layer, at a rate that is learned together with the weights.

    Training: `layer(inputs * mask / (1 - rate))`, where
    `mask = 1 - sigmoid((logit + log(uniform) - log(1 - uniform)) / temperature)` and
    `rate = sigmoid(logit)`. Inference: `layer(inputs)`. It adds to the loss
    `weight_regularizer * sum(kernel ** 2) / (1 - rate)
    + dropout_regularizer * num_inputs * (rate * log(rate) + (1 - rate) * log(1 - rate))`.

    Args:
        layer: `Dense`, or another with a `kernel` for the last axis of its inputs.
        weight_regularizer: float >= 0. Weight of the squared kernel, in units of the loss. For
            `num_examples` examples and a mean loss: squared prior length scale / 2 / num_examples.
        dropout_regularizer: float >= 0. Weight of the entropy. For a mean loss: 1 / num_examples.
        initial_rate: float in (0, 1). The rate to begin with.
        temperature: float > 0. How soft the mask is; at 0 it would be dropout's, without gradient.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: what the layer takes. Output shape: what the layer returns.
    Reference: Gal, Hron and Kendall, 2017, Concrete Dropout.
    """

    def __init__(
        self, layer, weight_regularizer=1e-6, dropout_regularizer=1e-5,
        initial_rate=0.1, temperature=0.1, seed=None, **kwargs,
    ):
        super().__init__(layer, **kwargs)
        for name, value in [("weight_regularizer", weight_regularizer),
                            ("dropout_regularizer", dropout_regularizer)]:
            check_number(name, value, lambda value: 0 <= value < np.inf, "a float of at least 0")
        check_number("initial_rate", initial_rate, lambda rate: 0 < rate < 1,
                     "a float value between 0 and 1, both excluded")
        check_number("temperature", temperature, lambda value: 0 < value < np.inf,
                     "a float greater than 0")
        self.weight_regularizer, self.dropout_regularizer = weight_regularizer, dropout_regularizer
        self.initial_rate, self.temperature = initial_rate, temperature
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        super().build(input_shape)
        if not hasattr(self.layer, "kernel"):
            raise ValueError(
                "`layer` must have a `kernel`, whose squares the penalty adds up, as Dense has. "
                f"Received: layer={self.layer}."
            )
        self.num_inputs = input_shape[-1]
        begin = keras.initializers.Constant(np.log(self.initial_rate / (1 - self.initial_rate)))
        self.logit = self.add_weight(name="logit", shape=(), initializer=begin, autocast=False)

    @property
    def rate(self):
        """The rate that it has learned so far."""
        return ops.sigmoid(self.logit)

    def relaxed_mask(self, inputs):
        """Numbers between 0 and 1 of the inputs' shape, most of them near an end: 1 where kept."""
        uniform = keras.random.uniform(
            ops.shape(inputs), dtype=self.logit.dtype, seed=self.seed_generator
        )
        ### BEGIN SOLUTION
        # TODO: Logistic noise: the logit of the uniform numbers.
        noise = ops.log(uniform) - ops.log(1 - uniform)
        # TODO: The learned logit with noise on it, sharpened: how far each unit is dropped.
        dropped = ops.sigmoid((self.logit + noise) / self.temperature)
        # TODO: The mask says how far it is kept.
        return 1 - dropped
        ### END SOLUTION

    def penalty(self):
        """What is added to the loss: it keeps weights small, and the rate from going to 0."""
        kernel = ops.cast(self.layer.kernel, self.logit.dtype)  # also of a layer in float16
        ### BEGIN SOLUTION
        # TODO: The squares of the kernel, which count more the higher the rate is. (1 - rate is
        # TODO: `ops.sigmoid(-logit)`, which is not rounded to 0.)
        kept = ops.sigmoid(-self.logit)
        weights = ops.sum(ops.square(kernel)) / kept
        # TODO: The entropy of one coin (`ops.log_sigmoid(logit)` is log(rate), also near 0).
        entropy = -self.rate * ops.log_sigmoid(self.logit) - kept * ops.log_sigmoid(-self.logit)
        # TODO: The first counts for the penalty, that of num_inputs coins against it.
        coins = self.num_inputs * entropy
        return self.weight_regularizer * weights - self.dropout_regularizer * coins
        ### END SOLUTION

    def call(self, inputs, training=False):
        self.add_loss(self.penalty())
        if training:
            check_floats(inputs)
            factors = self.relaxed_mask(inputs) / ops.sigmoid(-self.logit)  # 1 - rate, never 0
            inputs = inputs * ops.cast(factors, inputs.dtype)
        return self.layer(inputs)

    def get_config(self):
        arguments = ("weight_regularizer", "dropout_regularizer", "initial_rate", "temperature", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments}}

    def save_own_variables(self, store):
        super().save_own_variables(store)
        Dropout.save_own_variables(self, store)  # how far the stream of masks has come

    def load_own_variables(self, store):
        super().load_own_variables({"0": store["0"]})
        Dropout.load_own_variables(self, store)


# %%
check(ConcreteDropout, strict=True)
# hint("ConcreteDropout")      # one more hint each time you run it
# solution("ConcreteDropout")  # the course's own, and why it is written so
ConcreteDropout = finish(ConcreteDropout)

# %% [markdown]
# It should find more dropout where data are few. You may hope: also where labels are wrong.

# %%
predict(
    "09-rate",
    "What becomes of the rate with (a) more images | (b) a larger share of wrong labels?",
    choices=["falls | rises", "falls | falls", "rises | falls", "falls | stays"],
    guess=None,
)

# %% [markdown]
# Nets with 64 hidden units. (A small set is repeated to 1,200 rows, so that batches are of one size.)

# %%
def adaptive(n):
    """Two hidden layers; the inputs of the second are dropped at a rate that is learned."""
    hidden = Dense(64, activation="relu")
    hidden = ConcreteDropout(hidden, weight_regularizer=0.005 / n, dropout_regularizer=1 / n)
    return keras.Sequential([keras.Input((64,)), Dense(64, activation="relu"), hidden, Dense(10)])


def learned_rates(n, wrong_labels=0.0):
    """The rate after 1,000 steps on n images, for each of five seeds."""
    (images, labels), _ = datasets.digits(n, wrong_labels=wrong_labels)
    train = np.resize(images, (1200, 64)), np.resize(labels, 1200)
    runs = sweep(adaptive, train, n=[n], steps=1000, optimizer=keras.optimizers.Adam,
                 learning_rate=0.01)
    return [float(runs.model(n=n, seed=seed).layers[1].rate) for seed in range(5)]

# %% [markdown]
# First 50 to 1,200 images, then 200 images of which a share is labelled wrongly:

# %% tags=["nbval-ignore-output"]
sizes, shares = [50, 200, 1200], [0.0, 0.3, 0.6]
by_size = np.array([learned_rates(n) for n in sizes])  # (sizes, seeds)
by_share = np.array([by_size[1], *(learned_rates(200, share) for share in shares[1:])])
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
plots.lines(sizes, {"learned rate": by_size.T}, title="More images, less dropout",
            xlabel="training images", ylabel="rate", ax=left)
plots.lines(shares, {"learned rate": by_share.T}, title="More wrong labels, less dropout",
            xlabel="share of wrong labels, of 200 images", ylabel="rate", ax=right)
plots.show(alt="The learned rate falls as training images grow from 50 to 1200. It falls, too, as the "
           "share of wrong labels grows from 0 to 0.6.")

# %% tags=["nbval-ignore-output"]
change = {"more": np.diff(by_size, axis=0), "wrong": np.diff(by_share, axis=0)}  # (steps, seeds)
assert change["more"].max() < -0.05 and change["wrong"].sum(axis=0).max() < -0.1
said = {way: "falls" if np.all(each.mean(axis=1) < 0) else "rises or stays"
        for way, each in change.items()}
reveal("09-rate", f"{said['more']} | {said['wrong']}")
judge("a learned rate adapts", {"to the amount of data": change["more"].max() < 0,
                                "to wrong labels": change["wrong"].min() > 0},
      f"{by_size[0].mean():.2f} → {by_size[-1].mean():.2f} with more images, "
      f"{by_share[0].mean():.2f} → {by_share[-1].mean():.2f} with wrong labels")
plots.table({"images": [*sizes, 200, 200], "wrong labels": [0.0] * 3 + shares[1:],
             "learned rate": [*by_size, *by_share[1:]]})

# %% [markdown]
# With more data the penalty, a share of $\frac{1}{n}$, counts for less, and the rate falls. Where labels
# are wrong you would want *more* dropout (lesson 08). The learned rate goes the other way. It listens to
# the training loss alone. A reason may be (nothing here shows it) that noise is in the way of learning
# wrong labels by heart.
#
# ## Keras's own tests

# %% tags=["nbval-ignore-output"]
family = [SpatialDropout1D, SpatialDropout2D, GaussianDropout, GaussianNoise, AlphaDropout]
reports = keras_exams(family)

# %%
plots.table({"class": [block.__name__ for block in family],
             "Keras's tests passed": [f"{report.count('passed')} of {len(report.tests)}"
                                      for report in reports]})

# %% [markdown]
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# ## What can go wrong
#
# - **`training=True` for Monte Carlo passes.** Batch normalization joins in. So do layers that distort
#   images in training, also in your `monte_carlo`.
# - **`model.predict` for Monte Carlo passes.** It is inference: the spread is 0, and no error comes.
# - **Alpha dropout after ReLU.** It keeps a fixed point that ReLU does not have.
# - **SELU with Keras's default initializer.** The fixed point needs `lecun_normal`.
# - **A config that names your class.** `monte_carlo` copies a `ConcreteDropout` of your own `Dense`, or a
#   model inside the model that holds layers of yours, only inside
#   `with keras.saving.custom_object_scope({"Dense": Dense}):`, as with loading (lesson 01).
# - **A policy that is lost.** The config of Keras's (3.15) spatial dropouts names the dtype of
#   variables, not the policy: a layer in `mixed_float16` comes back in float32. Yours does not.
#
# ## In short
#
# Drop maps where neighbours are alike; set units to SELU's own "off" in a SELU net. The passes of Monte
# Carlo dropout disagree about some strange inputs, and agree about others, rightly (contrast) or
# wrongly (turned digits). A rate can be learned: here it falls with more data, and also with more
# wrong labels.
#
# ## Open questions
#
# 1. Which net has the larger Monte Carlo spread, one with rate 0.1 or one with 0.5? Should a measure of
#    ignorance depend on that?
# 2. A learned rate, one for each unit: what changes in the penalty?
# 3. Would a test-time rate of 0.9 notice the turned digits? Try it.
