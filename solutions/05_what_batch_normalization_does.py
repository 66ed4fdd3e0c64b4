# %% [markdown]
# # 05 · What batch normalization does
#
# **You build** nothing today: you put your `BatchNormalization` on trial. Introductions make the
# same few claims for it. You guess, measure each one over five seeds, and end with a table of
# verdicts.
#
# **You need** `Dense`, `gradient_norms`, `BatchNormalizationTrainingOnly` and `BatchNormalization`
# (lessons 01 to 04; where yours is missing the course's own stands in).
#
# **It takes** about 55 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %%
Dense, gradient_norms = recall("Dense"), recall("gradient_norms")
BatchNormalization = recall("BatchNormalization")
BatchNormalizationTrainingOnly = recall("BatchNormalizationTrainingOnly")
(x_train, y_train), (x_test, y_test) = datasets.digits()
digits = dict(train=(x_train, y_train), test=(x_test, y_test))

# %% [markdown]
# ## The rules of the trial
#
# Every net here is a stack of equal blocks: your `Dense`, then the layers in `block`, 64 wide with
# He's initialization. `sweep` trains a net for each setting, learning rate and seed, many copies in
# one compiled loop, by gradient descent on batches of 64. It returns arrays whose axes have names:
# `.at(seed=0)` picks, `.mean("seed")` averages. Where a copy leaves the finite numbers its accuracy
# counts as 0. A claim is judged by code, under each condition you tried it in.

# %%
relu = keras.layers.ReLU


def normalize():
    return BatchNormalization(momentum=0.9)


def network(block, depth=8, scale=1.0, width=64):
    """Hidden layers, each followed by the layers of `block`, and ten logits."""
    layers = [keras.Input((64,))]
    for _ in range(depth):
        he = keras.initializers.VarianceScaling(2 * scale**2)
        layers += [Dense(width, kernel_initializer=he), *(layer() for layer in block)]
    return keras.Sequential([*layers, Dense(10)])


judge = plots.Verdicts("batch normalization …")

# %% [markdown]
# ## "It allows higher learning rates"

# %%
predict(
    "05-rate",
    "Eight layers: batch normalization raises the largest rate that works by what factor?",
    choices=["2 or less", "about 3", "10 or more"],
    guess=None,
)

# %% [markdown]
# Let a rate work if every seed passes 80 % on the test images after 200 steps. The figure shows the
# worst of five seeds. (BN stands for batch normalization.)

# %% tags=["nbval-ignore-output"]
blocks = {"none": [relu], "BN": [normalize, relu], "BN after ReLU": [relu, normalize]}
rates = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
runs = sweep(network, **digits, depth=[3, 8], block=blocks, learning_rate=rates, steps=200,
             test_every=10)
worst = runs.test_accuracy.at(step=200).min("seed")
arms = {f"{depth} layers, {block}": worst.at(depth=depth, block=block).values
        for depth in [3, 8] for block in blocks}
plots.heatmap(list(arms.values()), list(arms), rates, xlabel="learning rate", ylabel="",
              title="Normalized nets stand rates that plain ones do not")
plots.show(alt="Heat map of the worst test accuracy of five seeds, by learning rate: without "
           "normalization it falls to 0 from 1 on, with it only at 10.")
largest = {arm: max(np.extract(values >= 0.8, rates)) for arm, values in arms.items()}
gain = {n: largest[f"{n} layers, BN"] / largest[f"{n} layers, none"] for n in [3, 8]}
assert min(gain.values()) > 2.5
reveal("05-rate", ["2 or less", "about 3", "10 or more"][np.digitize(gain[8], [2.5, 9])])
judge("allows higher rates", {f"at depth {n}": gain[n] > 2 for n in gain},
      f"largest rate times {gain[3]:.0f} at depth 3, {gain[8]:.0f} at depth 8")
plots.table({"net": largest, "largest rate that works": [f"{each:g}" for each in largest.values()]})

# %% [markdown]
# The claim holds, and more so in the deeper net. It has an end: at 10 every arm fails.
#
# ## "It converges faster"
#
# Ask the same runs how many steps a net takes to 90 % on the test images: at the rate that is best
# for each arm, and at one small rate, 0.03, for all.

# %%
predict(
    "05-steps",
    "Both at rate 0.03, eight layers. Which reaches 90 % first, on average?",
    choices=["with batch normalization", "without"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
steps = (runs.test_accuracy.at(depth=8) >= 0.9).first("step")  # infinite where never reached
best = (-steps.mean("seed")).best("learning_rate")
at_best = {arm: steps.at(block=arm, learning_rate=best.at(block=arm)).mean() for arm in blocks}
at_small = {arm: steps.at(block=arm, learning_rate=0.03).mean() for arm in blocks}
shown = {arm: steps.at(block=arm).values.T for arm in ["none", "BN"]}  # (seeds, rates)
plots.lines(rates, {arm: np.where(np.isfinite(each), each, np.nan) for arm, each in shown.items()},
            title="Faster at high rates, slower at low ones", log="x", ylabel="steps to 90 %",
            xlabel="learning rate (no point: a seed never gets there)")
plots.show(alt="Steps to 90 % against learning rate, eight layers: at 0.03 more with "
           "normalization, from 0.1 on fewer, fewest near 1.")
quicker = at_best["none"] / at_best["BN"]
slower = at_small["BN"] / at_small["none"]
assert quicker > 1.8 and slower > 1.1
reveal("05-steps", "without" if slower > 1 else "with batch normalization")
judge("converges faster", {"at the best rate": quicker > 1.2, "at rate 0.03": slower < 1 / 1.2},
      f"{quicker:.1f} times fewer steps at the best rate, {slower:.1f} times more at 0.03")
plots.table({"eight layers": blocks, "best rate": [f"{best.at(block=arm):g}" for arm in blocks],
             "steps there": at_best.values(), "steps at 0.03": at_small.values()}, decimals=0)

# %% [markdown]
# A normalized net is faster *because* it stands the higher rate. At the same small rate it is the
# slower one: who adds the layer and keeps the rate may conclude that it does harm.
#
# ## "It belongs before the activation"
#
# The paper puts it there (Ioffe and Szegedy, 2015); much code does not. You have
# trained both orders already.

# %% tags=["nbval-ignore-output"]
final = runs.test_accuracy.at(depth=8, step=200)
best = final.mean("seed").best("learning_rate")
order = {arm: final.at(block=arm, learning_rate=best.at(block=arm)).values for arm in blocks}
plots.dots(order, title="Before or after the activation: no clear winner", decimals=3,
           xlabel="test accuracy at the best rate")
plots.show(alt="Test accuracy of five seeds for three arms: the two orders overlap.")
difference = order["BN"] - order["BN after ReLU"]
assert np.abs(difference.mean()) < 0.015
judge("belongs before the activation", {"": difference.mean() > 0.015},
      f"accuracy before - after: {np.abs(difference.mean()):.2f}")
plots.table({"": ["before the activation is ahead"], "seeds": [f"{np.sum(difference > 0)} of 5"],
             "by (mean)": [difference.mean()]})

# %% [markdown]
# ## "It depends less on the initialization"

# %%
predict(
    "05-scale",
    "Rate 0.3: at how many of five sizes does a net *without* normalization train?",
    choices=["1 at most", "2 or 3", "4 or 5"],
    guess=None,
)

# %% [markdown]
# Five layers, with first weights from a hundredth to ten times the right size of lesson 02. A size
# counts as trained if every seed passes 85 %.

# %%
scales = [0.01, 0.1, 1.0, 3.0, 10.0]
scaled = sweep(network, **digits, block={arm: blocks[arm] for arm in ["none", "BN"]}, depth=[5],
               scale=scales, learning_rate=[0.03, 0.3], steps=200)
reached = scaled.test_accuracy.at(depth=5, step=200)
forgiven = {0.03: "small", 0.3: "all"}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
for ax, rate in zip(axes, forgiven, strict=True):
    arms = {arm: reached.at(block=arm, learning_rate=rate).values.T for arm in ["none", "BN"]}
    plots.lines(scales, arms, title=f"Rate {rate}: {forgiven[rate]} weights forgiven", log="x",
                xlabel="size of the first weights (1: right)", ylabel="test accuracy", ax=ax)
axes[0].legend(loc=(0.02, 0.6), title="mean and range of 5 seeds")
axes[1].get_legend().remove()
plots.show(alt="Test accuracy against the size of the weights: without normalization a peak at 1, "
           "with it a plateau, which at rate 0.03 falls off for large weights.")

# %% tags=["nbval-ignore-output"]
train_at = (reached.min("seed") > 0.85).count("scale")
(few, many), (low, high) = [train_at.at(block=arm) for arm in ["none", "BN"]]  # rate 0.03, 0.3
assert low > few + 1 and high > many + 2
reveal("05-scale", ["1 at most", "2 or 3", "4 or 5"][np.digitize(many, [2, 4])])
judge("depends less on the initialization", {"at rate 0.03": low > few, "at rate 0.3": high > many},
      f"sizes of 5 that train: {few} → {low} at rate 0.03, {many} → {high} at 0.3")
plots.table({"sizes of 5 that train": ["none", "BN"], "rate 0.03": [few, low],
             "rate 0.3": [many, high]})

# %% [markdown]
# Multiply a kernel by ten, and the layer after it divides by ten again: the *function* of a
# normalized net does not know the size. Its training does. The gradient for those weights is ten
# times smaller, and the step, beside weights ten times larger, a hundred times. At the low
# rate it shows.
#
# ## "It mends the gradient flow"
#
# Lesson 02 left a patient, twenty sigmoid layers whose gradient never arrives, and a healthy net,
# ReLU with He's initialization. Read both again, the healthy one with thirty layers.

# %%
predict(
    "05-flow",
    "ReLU, 30 layers, He's weights. What does normalization do to gradients at the start?",
    choices=["keeps them level", "they shrink towards the input", "they grow towards the input"],
    guess=None,
)

# %% [markdown]
# The nets are new, and `gradient_norms` calls them in inference, where moving statistics are still
# 0 and 1. Lesson 03's class always takes those of its batch.

# %%
def sigmoid():
    return keras.layers.Activation("sigmoid")


def norms_by_layer(block, depth, scale):
    """Gradient norm of each hidden kernel before training, `(seeds, depth)`."""
    norms = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        net = network(block, depth, scale)
        norms.append(gradient_norms(net, x_train[:256], y_train[:256])[:depth])
    return np.array(norms)


flow = {}
for unit, layer, depth, scale in [("sigmoid", sigmoid, 20, 0.7), ("ReLU", relu, 30, 1.0)]:
    normalized = [BatchNormalizationTrainingOnly, layer]
    flow[unit] = {"none": norms_by_layer([layer], depth, scale),
                  "BN": norms_by_layer(normalized, depth, scale)}

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 4))
for ax, unit, title in zip(axes, flow, ["Sigmoid: mended", "ReLU: made worse"], strict=True):
    plots.per_layer(flow[unit], title=title, ylabel="norm of the kernel's gradient", ax=ax)
plots.show(alt="Gradient norm per layer. Sigmoid: falls towards the input, level with "
           "normalization. ReLU: level, grows towards the input with normalization.")
growth = {  # the factor for each layer nearer to the input, of each seed
    (unit, arm): np.exp([-np.polyfit(range(len(norms)), np.log(norms), 1)[0] for norms in seeds])
    for unit, arms in flow.items() for arm, seeds in arms.items()
}
theory = np.sqrt(np.pi / (np.pi - 1))
mended, worse = growth["sigmoid", "BN"], growth["ReLU", "BN"]
assert np.all(np.abs(mended - 1) < 0.06) and np.all(np.abs(worse - theory) < 0.05)
reveal("05-flow", ["they shrink towards the input", "keeps them level",
                   "they grow towards the input"][np.digitize(worse.mean(), [0.9, 1.1])])
off = {key: np.abs(np.log(values)).mean() for key, values in growth.items()}  # 0: level
judge("mends the gradient flow", {f"with {unit}": off[unit, "BN"] < off[unit, "none"]
                                  for unit in flow}, "growth for each layer: " + ", ".join(
    f"{unit} {growth[unit, 'none'].mean():.1f} → {growth[unit, 'BN'].mean():.1f}" for unit in flow))
plots.table({"net": [f"{unit}, {arm}" for unit, arm in growth],
             "growth for each layer towards the input": growth.values(),
             "theory": ["", "", "", f"{theory:.2f}"]})

# %% [markdown]
# Both halves are true. Where units saturate, normalization moves them back to their slope. Where
# the signal was well, it makes gradients *grow* towards the input, by $\sqrt{\pi/(\pi-1)}$ a layer
# (Yang and others, 2019, for wide nets), before the first step. Over eight
# layers that comes to little, over thirty to a great deal.
#
# ## "It smooths the loss"
#
# Walk down the gradient of one batch with steps of several sizes (after Santurkar and others,
# 2018). Over what range does the loss move, and how far does the gradient turn? Do it at the start,
# and after 200 steps, where a plain net trained at rate 0.01 and a normalized one at 0.03 have come
# to similar losses.

# %%
predict(
    "05-smooth",
    "After 200 steps: by what factor is the loss's range smaller with batch normalization?",
    choices=["below 3", "3 to 10", "above 10"],
    guess=None,
)

# %%
sizes = [0.0, 0.01, 0.03, 0.1, 0.3]
crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def loss_and_gradient(net):
    with tf.GradientTape() as tape:
        loss = crossentropy(y_train[:256], net(x_train[:256], training=True))
    return loss, tape.gradient(loss, net.trainable_variables)


def walk(net):
    """For each size of step: the loss there, how far the gradient turned, the length walked."""
    weights, results = net.trainable_variables, []
    start = [weight.numpy() for weight in weights]
    _, first = loss_and_gradient(net)
    for size in sizes:
        for weight, value, slope in zip(weights, start, first, strict=True):
            weight.assign(value - size * slope)
        loss, gradient = loss_and_gradient(net)
        turn = [now - then for now, then in zip(gradient, first, strict=True)]
        norms = tf.linalg.global_norm(turn), size * tf.linalg.global_norm(first)
        results.append([float(each) for each in (loss, *norms)])
    return np.transpose(results)  # (3, sizes)

# %% [markdown]
# Now five new nets of each kind, and five trained ones from the first sweep:

# %%
def walks(arm, rate=None):
    """Walks of five nets, new or trained at a rate: `(3, seeds, sizes)`."""
    results = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        copy = dict(depth=8, block=arm, learning_rate=rate, seed=seed)
        results.append(walk(runs.model(**copy) if rate else network(blocks[arm])))
    return np.swapaxes(results, 0, 1)


places = {"at the start": {"none": walks("none"), "BN": walks("BN")},
          "after 200 steps": {"none": walks("none", 0.01), "BN": walks("BN", 0.03)}}
figure, axes = plt.subplots(1, 2, figsize=(10, 4))
for ax, (place, arms) in zip(axes, places.items(), strict=True):
    plots.lines(sizes[1:], {arm: losses[:, 1:] for arm, (losses, _, _) in arms.items()}, log="xy",
                title=f"Down the gradient, {place}", ylabel="loss", xlabel="size of step", ax=ax)
plots.show(alt="Loss against size of step. At the start both arms begin alike; after 200 steps the "
           "loss without normalization climbs a hundredfold, with it falls gently.")

# %% tags=["nbval-ignore-output"]
def steepness(losses, turns, lengths):
    """Of each seed: the loss's range, the largest turn, and the largest turn for its length."""
    return np.array([np.ptp(losses, axis=1), turns.max(axis=1),
                     np.max(turns[:, 1:] / lengths[:, 1:], axis=1)])


ratios = {place: steepness(*arms["none"]) / steepness(*arms["BN"])
          for place, arms in places.items()}
early, late = ratios.values()  # without over with normalization: (3, seeds)
assert late.min() > 3 and np.all(late[0] > 20)
reveal("05-smooth", ["below 3", "3 to 10", "above 10"][np.digitize(np.median(late[0]), [3, 10])])
smoother = {place: int(np.sum(np.all(ratio > 1, axis=0))) for place, ratio in ratios.items()}
judge("smooths the loss", {place: count == 5 for place, count in smoother.items()},
      ", ".join(f"{place}: {count} of 5 seeds" for place, count in smoother.items()))
columns = ["smaller range", "gradient turns less", "turns less for the length"]
plots.table({"smaller with BN": columns} | {
    place: [f"{count} of 5" for count in np.sum(ratio > 1, axis=1)]
    for place, ratio in ratios.items()})

# %% [markdown]
# At the start the range decides nothing: part of it is the normalized net's quick descent. After
# 200 steps the claim holds in every seed, and by far. Not only because a normalized net has smaller
# gradients here, so that its walk is shorter: the last row divides by the length. A step three
# times as large as those it was trained with leads the plain net over a cliff. Of all explanations
# of the higher rates, this is the one that stands today.
#
# ## "It works by reducing covariate shift"
#
# So says the paper's title: the inputs of a layer stop moving while those before it learn. Then
# make them move again. After each normalization, `Noise` stretches and shifts every unit at random,
# anew at each call, alike for all images of a batch.

# %%
class Noise(keras.Layer):
    """Stretch and shift each unit at random, anew at each call."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs):
        numbers = keras.random.uniform(
            (2, inputs.shape[-1]), -0.6, 0.6, seed=self.seed_generator)
        return ops.exp(numbers[0]) * inputs + numbers[1]

# %%
predict(
    "05-noise",
    "With this noise after every normalization, eight layers at rate 1: the net…",
    choices=["learns nothing", "loses half of its accuracy", "trains nearly as well"],
    guess=None,
)

# %% [markdown]
# The noise goes on in inference, so the test images can be read in two ways: by the moving
# statistics, or by the statistics of the test batch itself. Read them in both.

# %%
noisy = sweep(network, **digits, block={"noisy BN": [normalize, Noise, relu]}, depth=[8],
              learning_rate=[0.03, 1.0], steps=200)
nets = {"none": runs, "BN": runs, "noisy BN": noisy}
batch, moving = {}, {}  # (arm, rate) -> test accuracy of each seed
for arm, results in nets.items():
    for rate in [0.03, 1.0]:
        copies = dict(depth=8, block=arm, learning_rate=rate)
        moving[arm, rate] = results.test_accuracy.at(step=200, **copies).values
        logits = [results.model(seed=seed, **copies)(x_test, training=True) for seed in range(5)]
        batch[arm, rate] = np.mean(np.argmax(logits, axis=-1) == y_test, axis=-1)

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
for ax, rate, place in zip(axes, [0.03, 1.0], ["far behind", "close"], strict=True):
    plots.dots({arm: batch[arm, rate] for arm in nets}, title=f"Rate {rate}: noisy BN is {place}",
               xlabel="test accuracy, batch statistics", ax=ax)
plots.show(alt="Test accuracy of three arms. At rate 0.03 noisy normalization is last; at rate 1 "
           "it is close to clean normalization, and without any, nothing is learned.")
none, clean, shifting = (batch[arm, 1.0].mean() for arm in nets)
kept = (shifting - none) / (clean - none)  # of what normalization gains
catch = np.mean(batch["noisy BN", 1.0] - moving["noisy BN", 1.0])
behind = np.mean(batch["none", 0.03] - batch["noisy BN", 0.03])
assert kept > 0.85 and catch > 0.02 and behind > 0.08
reveal("05-noise", ["learns nothing", "loses half of its accuracy", "trains nearly as well"][
    np.digitize(kept, [0.25, 0.8])])
judge("works by reducing covariate shift", {"": kept < 0.5},
      f"share of the gain that is left with shifts put back: {kept:.1f}")
plots.table({"arm": nets} | {f"rate {rate}, {name}": [values[arm, rate] for arm in nets]
             for rate in [0.03, 1.0] for name, values in [("batch", batch), ("moving", moving)]})

# %% [markdown]
# Every layer's inputs jump at every step, and the net trains where a plain one is lost. Shift is
# not what had kept the plain one from it. But look at the other columns before you quote this. By
# the moving statistics, those used in practice, the noisy net is worse: an average over many noises
# fits none of them. And at 0.03 it is worse than no normalization. Shift does harm; its absence is
# not what makes high rates possible.
#
# ## "It regularizes", "it replaces dropout"
#
# An image comes out differently in each company, and that noise is said to regularize. Measure it
# first: one training image among random others, in trained nets, at several batch sizes.

# %%
predict(
    "05-law",
    "Batches 16 times larger: the noise in an image's logits becomes how many times smaller?",
    choices=["about 2", "about 4", "about 16"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
batch_sizes, net = [8, 16, 32, 64, 128, 256], network(blocks["BN"], depth=3)


@tf.function(input_signature=[tf.TensorSpec((None, None, 64))])
def first_logits(batches):
    return tf.map_fn(lambda batch: net(batch, training=True)[0], batches)


noise = np.zeros((5, len(batch_sizes)))
for seed, column in np.ndindex(noise.shape):
    net.set_weights(runs.model(depth=3, block="BN", learning_rate=0.3, seed=seed).get_weights())
    rows = np.random.default_rng(seed).integers(1, 1200, (200, batch_sizes[column]))
    rows[:, 0] = 0  # the image in question
    noise[seed, column] = np.std(first_logits(x_train[rows]), axis=0).mean()
law = noise[:, 0].mean() * np.sqrt(batch_sizes[0] / np.array(batch_sizes))
plots.lines(batch_sizes, {"measured": noise, "one over the root": law}, log="xy",
            title="The noise falls nearly with the root of the batch size",
            xlabel="batch size", ylabel="standard deviation of a logit")
plots.show(alt="Noise of a logit against batch size, logarithmic: close to a line of slope -1/2.")
slopes = np.polyfit(np.log(batch_sizes), np.log(noise.T), 1)[0]  # of each seed
assert np.all(np.abs(slopes + 0.5) < 0.09)
reveal("05-law", ["about 2", "about 4", "about 16"][np.digitize(16 ** -slopes.mean(), [2.8, 8])])
plots.table({"": ["slope"], "measured": [slopes], "theory": [-0.5]})

# %% [markdown]
# A mean over $B$ random examples errs by a multiple of $1/\sqrt B$, and so does what rests on it.
# The noise is real. Does it do what dropout is for? Take 300 images, a fifth of them wrongly
# labelled, and layers wide enough to learn them by heart. Beside normalization put Keras's
# `Dropout(0.5)`, which zeroes half of the units at random in training (you build it in lesson 07).

# %%
def halve():
    return keras.layers.Dropout(0.5)


predict(
    "05-memory",
    "What share of the wrong labels does the batch-normalized net learn by heart?",
    choices=["next to none", "about half", "nearly all"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
train, test = datasets.digits(300, wrong_labels=0.2)
wrong = train[1] != datasets.digits(300)[0][1]
arms = {"none": [relu], "BN": [normalize, relu], "dropout": [relu, halve]}
taught = sweep(network, train, test=test, block=arms, depth=[2], width=[256], steps=300,
               optimizer=keras.optimizers.Adam, learning_rate=0.001)
accuracy, learned = {}, {}
for arm in arms:
    copies = dict(depth=2, width=256, block=arm)
    accuracy[arm] = taught.test_accuracy.at(step=300, **copies).values
    logits = [taught.model(seed=seed, **copies)(train[0]) for seed in range(5)]
    learned[arm] = np.mean((np.argmax(logits, axis=-1) == train[1])[:, wrong], axis=-1)
plots.dots(learned, title="Normalization learns the wrong labels by heart",
           xlabel="share of the wrong labels learned")
plots.show(alt="Share of wrong labels learned: all without and with normalization, under half "
           "with dropout.")
ahead = int(np.sum(accuracy["dropout"] > accuracy["BN"]))
assert learned["BN"].min() > 0.95 and learned["dropout"].max() < 0.7 and ahead == 5
share = np.digitize(learned["BN"].mean(), [0.2, 0.9])
reveal("05-memory", ["next to none", "about half", "nearly all"][share])
judge("regularizes", {"as noise that falls with the batch": np.abs(slopes.mean() + 0.5) < 0.1,
                      "against wrong labels": learned["BN"].mean() < 0.9},
      f"slope {slopes.mean():.1f}; wrong labels learned: {100 * learned['BN'].mean():.0f} %")
judge("replaces dropout", {"": ahead < 3}, f"wrong labels: dropout ahead in {ahead} of 5 seeds")
plots.table({"arm": arms, "test accuracy": accuracy.values(),
             "wrong labels learned": learned.values()})

# %% [markdown]
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# All this is small: dense nets, 1,200 images, plain gradient descent. Elsewhere a margin may
# differ; the question "under which condition?" stays.
#
# ## What can go wrong
#
# - **One learning rate for all arms.** Whoever picks it decides who wins. Give each arm its best.
# - **One seed.** The heat map shows the worst of five. Draw `max("seed")` instead, and see which
#   cells change.
# - **The wrong mode.** An instrument that calls a new net without `training=True` reads moving
#   statistics of 0 and 1, and finds that normalization does nothing.
# - **A bias before the layer.** `Dense` adds it, the mean takes it away again. It costs memory and
#   learns nothing.
# - **An explanation that sounds right.** The paper's layer works; its title was put to the test
#   three years later.
#
# ## In short
#
# Batch normalization lets you take larger steps, and much of its other fame follows from that. It
# puts saturated units back to work and forgives bad first weights. At small rates it does not
# help, it lets gradients grow where none needed mending, it does not keep a net from learning
# nonsense by heart, and steady inputs are not its secret.
#
# ## Open questions
#
# 1. Every normalized kernel may be scaled without effect on the outputs. Why does rate 10 fail all
#    the same? Which weights are not protected?
# 2. Do gradients still grow by that factor in each layer after ten steps? Train, then measure.
# 3. The noise grows as batches shrink. From which size on does it do harm? (Lesson 06.)
