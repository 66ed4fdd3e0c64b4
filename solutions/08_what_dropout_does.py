# %% [markdown]
# # 08 · What dropout does
#
# **You build** nothing today: you put your `Dropout` on trial. It is said to reduce overfitting, to
# break co-adaptation, to make an ensemble of one net. You guess, measure over five seeds, and end
# with a table of verdicts.
#
# **You need** `Dense`, `BatchNormalization` and `Dropout` (lessons 01, 04 and 07; where yours is
# missing the course's own stands in).
#
# **It takes** about 50 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %%
Dense, Dropout = recall("Dense"), recall("Dropout")
BatchNormalization = recall("BatchNormalization")

# %% [markdown]
# ## Four places to try it in
#
# All nets have two hidden layers, each followed by dropout, and are trained with Adam for 400 steps
# on batches of 64. What differs is how much there is to overfit to:
#
# - **wrong labels**: 300 images, a fifth of them labelled wrongly, and layers of 256 units, enough
#   to learn them all by heart;
# - **few images**: 150 of them, all labels right;
# - **many images**: 1,200, all labels right;
# - **narrow net**: the same 1,200, and layers of 16 units.
#
# `sweep` trains a net for each rate and seed, many copies in one compiled loop. A small set is
# repeated to 1,200 rows: that changes only the order, and one compiled loop serves all sizes.

# %%
places = {"wrong labels": (300, 0.2, 256), "few images": (150, 0.0, 256),
          "many images": (1200, 0.0, 256), "narrow net": (1200, 0.0, 16)}
data = {place: datasets.digits(n, wrong_labels=w) for place, (n, w, _) in places.items()}
x_test, y_test = data["many images"][1]


def network(rate, width=256, dropout=Dropout, normalize=False):
    """Two hidden layers, each followed by dropout, and ten logits."""
    layers = [keras.Input((64,))]
    for _ in range(2):
        normalization = [BatchNormalization(momentum=0.9)] if normalize else []
        layers += [Dense(width), *normalization, keras.layers.ReLU(), dropout(rate)]
    return keras.Sequential([*layers, Dense(10)])


def train(place, **settings):
    """Train networks on the data, and of the width, of a place."""
    (images, labels), test = data[place]
    repeated = np.resize(images, (1200, 64)), np.resize(labels, 1200)
    return sweep(lambda **setting: network(width=places[place][2], **setting), repeated, test=test,
                 steps=400, optimizer=keras.optimizers.Adam, learning_rate=0.001, **settings)

# %% [markdown]
# Three helpers read what `sweep` returns, and `judge` writes down a verdict: each claim is
# tried under several conditions, and code decides under which of them it held.

# %%
def logits(runs, images, **labels):
    """What the trained nets of five seeds say in inference, `(seeds, images, 10)`."""
    return np.array([runs.model(seed=seed, **labels)(images) for seed in range(5)])


def accuracy(outputs, labels):
    return np.mean(np.argmax(outputs, axis=-1) == labels, axis=-1)


def by_rate(values):
    """rate -> the value of each seed."""
    return {rate: values.at(rate=rate).values for rate in values.axes["rate"]}


judge = plots.Verdicts("dropout …")

# %% [markdown]
# ## Labels that are wrong
#
# A wrong label can be learned in one way only: by heart. So the share of wrong labels that a net
# has learned measures overfitting directly.

# %%
predict(
    "08-rate",
    "A fifth of 300 labels is wrong. Which rate gives the best accuracy on the test images?",
    choices=["0 or 0.1", "0.3 or 0.5", "0.7", "0.9"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
rates = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9]
runs = {"wrong labels": train("wrong labels", rate=rates)}
(images, labels), _ = data["wrong labels"]
wrong = labels != datasets.digits(300)[0][1]
tested = by_rate(runs["wrong labels"].test_accuracy.at(step=400))
learned = {rate: accuracy(logits(runs["wrong labels"], images[wrong], rate=rate), labels[wrong])
           for rate in rates}
figure, axes = plt.subplots(1, 2, figsize=(10, 4))
columns = {"test accuracy": tested, "share of the wrong labels": learned}
titles = ["It helps up to rate 0.7, 0.9 harms", "Fewer wrong labels are learned"]
for ax, (what, each), title in zip(axes, columns.items(), titles, strict=True):
    plots.lines(rates, {"dropout": np.transpose(list(each.values()))}, title=title, xlabel="rate",
                ylabel=what, ax=ax)
plots.show(alt="Against the rate: test accuracy climbs up to rate 0.7 and falls off at 0.9; the "
           "share of wrong labels learned is all up to 0.1 and falls steeply after 0.3.")
best = max(rates, key=lambda rate: tested[rate].mean())
assert np.all(tested[0.7] - tested[0.0] > 0.04) and tested[0.9].mean() < tested[0.0].mean() - 0.1
assert learned[0.0].min() > 0.95 and learned[0.7].max() < 0.5
reveal("08-rate", ["0 or 0.1", "0.3 or 0.5", "0.7", "0.9"][np.digitize(best, [0.2, 0.6, 0.8])])
plots.table({"rate": [str(rate) for rate in rates], "test accuracy": tested.values(),
             "wrong labels learned": learned.values()})

# %% [markdown]
# The claim holds, where there is nonsense to learn: a net that loses other units at every step
# cannot hold on to single images. At 0.9 it can hold on to nothing else either.
#
# Does dropout *prevent* memorising? Follow three of the rates through training.

# %%
predict(
    "08-early",
    "No dropout, but stopped at the best step, against rate 0.5 after 400 steps: who wins?",
    choices=["stopping early", "dropout by 3 points or more", "dropout by less"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
curves = runs["wrong labels"].test_accuracy
shown = {rate: curves.at(rate=rate) for rate in [0.0, 0.5, 0.7]}
plots.lines(curves.axes["step"], {f"rate {rate}": each.values for rate, each in shown.items()},
            title="Dropout puts memorising off", xlabel="step", ylabel="test accuracy")
plots.show(alt="Test accuracy against step: without dropout it falls from step 75 on; at rate 0.5 "
           "it climbs higher, and falls later and more slowly; at 0.7 it does not fall yet.")
best_step = {rate: each.mean("seed").best("step") for rate, each in shown.items()}
peak = {rate: each.at(step=best_step[rate]).values for rate, each in shown.items()}
ahead = {rate: np.mean(tested[rate] - peak[0.0]) for rate in [0.5, 0.7]}
assert np.mean(peak[0.0] - tested[0.0]) > 0.04 and np.mean(peak[0.5] - tested[0.5]) > 0.01
assert ahead[0.5] < 0.005 < ahead[0.7]
reveal("08-early", ["stopping early", "dropout by less", "dropout by 3 points or more"][
    np.digitize(ahead[0.5], [0, 0.03])])
judge("beats stopping early", {f"at rate {rate}": gain > 0 for rate, gain in ahead.items()},
      ", ".join(f"rate {rate}: {100 * gain:+.1f} points" for rate, gain in ahead.items()))
plots.table({"rate": [str(rate) for rate in shown], "best step": best_step.values(),
             "accuracy there": peak.values(), "after 400 steps": [tested[rate] for rate in shown]})

# %% [markdown]
# It puts memorising off. A net first learns what the images have in common, dropout or not; then
# it begins with the exceptions, and dropout makes that slow. Who stops a plain net in time has much
# of the gain at no cost; a net with dropout gains from being stopped, too. (The test images chose
# the step here, which flatters stopping.)
#
# ## Labels that are right
#
# Now the three places without nonsense.

# %%
predict(
    "08-clean",
    "150 images, all labels right. What does rate 0.5 do for the test accuracy?",
    choices=["gains 2 points or more", "less than 2 points either way", "loses 2 points or more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
tried = [0.0, 0.1, 0.5, 0.7]
runs |= {place: train(place, rate=tried) for place in places if place not in runs}
final = {place: by_rate(each.test_accuracy.at(step=400)) for place, each in runs.items()}
gains = {place: np.transpose([each[rate] - each[0.0] for rate in tried])  # (seeds, rates)
         for place, each in final.items()}
plots.lines(tried, gains, title="Without nonsense to learn there is little to gain", xlabel="rate",
            ylabel="test accuracy gained (cut)")
plt.ylim(-0.12, 0.12)
plots.show(alt="Accuracy gained against rate. Wrong labels: up to a tenth. Few and many images: "
           "level, many slightly below zero at 0.7. Narrow net: falls from rate 0.1 on.")
gain = {place: dict(zip(tried, each.mean(axis=0), strict=True)) for place, each in gains.items()}
assert abs(gain["few images"][0.5]) < 0.015 and abs(gain["many images"][0.5]) < 0.015
assert gain["many images"][0.7] < -0.003 and gain["narrow net"][0.1] < -0.003
assert np.all(gains["narrow net"][:, 2:] < -0.05)
reveal("08-clean", ["loses 2 points or more", "less than 2 points either way",
                    "gains 2 points or more"][np.digitize(gain["few images"][0.5], [-0.02, 0.02])])
plots.table({"place": gain, "accuracy at rate 0": [each[0.0] for each in final.values()]}
            | {f"gained at {rate}": [each[rate] for each in gain.values()] for rate in tried[1:]})

# %% [markdown]
# A net that knows few images by heart takes no harm, where their labels are right. With many images
# a high rate costs a little, in a narrow net every rate costs, and 0.5 a great deal. There the net
# *underfits*: too few units to begin with, and half of them missing.
#
# Three claims can be judged. Overfitting is the accuracy on the training images minus that on the
# test images.

# %% tags=["nbval-ignore-output"]
gap = {rate: {} for rate in [0.0, 0.5]}  # rate -> place -> overfitting of each seed
for rate, place in [(rate, place) for rate in gap for place in places]:
    known = accuracy(logits(runs[place], data[place][0][0], rate=rate), data[place][0][1])
    gap[rate][place] = known - final[place][rate]
smaller = {place: np.mean(gap[0.0][place] - gap[0.5][place]) for place in places}
to_best = {place: max(each.values()) - each[0.5] for place, each in gain.items()}
named = dict(zip(places, ["on wrong labels", "on few images", "on many", "in a narrow net"],
                 strict=True))
judge("reduces overfitting", {named[place]: smaller[place] > 0.05 for place in places},
      "gap smaller by " + ", ".join(f"{100 * each:.1f}" for each in smaller.values()) + " points")
judge("improves generalization", {named[place]: gain[place][0.5] > 0.01 for place in places},
      "gained " + ", ".join(f"{100 * gain[place][0.5]:.1f}" for place in places) + " points")
judge("is best near rate 0.5", {named[place]: to_best[place] < 0.01 for place in places},
      "to the best rate " + ", ".join(f"{100 * each:.1f}" for each in to_best.values()) + " points")
assert smaller["wrong labels"] > 0.08 and max(list(smaller.values())[1:]) < 0.04
plots.table({"overfitting": places} | {f"rate {rate}": gap[rate].values() for rate in gap})

# %% [markdown]
# Few images leave a gap as well, and dropout leaves it as it is: what the net lacks there is
# images, not restraint. All three claims stand or fall with the place.
#
# ## The forgotten rescaling
#
# Lesson 07 divided what is kept by `1 - rate`. `Forgetful` takes that back in training, so that in
# inference every hidden layer is twice as large as the next one ever saw it.

# %%
class Forgetful(Dropout):
    """Dropout that does not scale up what it keeps."""

    def call(self, inputs, training=False):
        outputs = super().call(inputs, training=training)
        return outputs * (1 - self.rate) if training else outputs


predict(
    "08-forgotten",
    "150 images, rate 0.5, the rescaling forgotten. The test accuracy…",
    choices=["stays within 2 points", "falls by 2 to 10", "falls by more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
kinds = {"right": Dropout, "forgotten": Forgetful}
rescaled = train("few images", rate=[0.5], dropout=kinds)
right, forgotten = ({"accuracy": rescaled.test_accuracy.at(rate=0.5, dropout=kind, step=400).values,
                     "loss": rescaled.test_loss.at(rate=0.5, dropout=kind, step=400).values}
                    for kind in kinds)
figure, axes = plt.subplots(1, 2, figsize=(10, 2.6))
for ax, what, title in zip(axes, right, ["Accuracy hides it", "Loss shows it"], strict=True):
    plots.dots({"rescaled": right[what], "forgotten": forgotten[what]}, title=title,
               xlabel=f"test {what}", ax=ax)
axes[0].set_xlim(0.85, 1)
axes[1].set_xlim(0, None)
plots.show(alt="Test accuracy of five seeds, the same with and without rescaling; the test loss "
           "without it is far larger.")
less = np.mean(right["accuracy"] - forgotten["accuracy"])
times = forgotten["loss"] / right["loss"]
assert abs(less) < 0.015 and np.all(times > 1.5)
reveal("08-forgotten", ["stays within 2 points", "falls by 2 to 10", "falls by more"][
    np.digitize(less, [0.02, 0.1])])
judge("needs its rescaling", {"for the loss": times.mean() > 1.2, "for the accuracy": less > 0.01},
      f"forgotten: {100 * abs(less):.0f} points of accuracy, loss times {times.mean():.1f}")
plots.table({"": ["rescaled", "forgotten"]} | {
    f"test {what}": [right[what], forgotten[what]] for what in right})

# %% [markdown]
# Larger hidden layers make larger logits. Which of them is the largest hardly changes; how sure
# the net is of it does, and where it errs it errs with conviction. Accuracy does not ask. Watch
# the loss.
#
# ## "It is an ensemble"
#
# Every mask cuts another net out of the one you train. In inference you could draw masks on, and
# average the probabilities of many such nets; the scaled net is said to stand for that average
# (Srivastava and others, 2014). Compare the two, and, as a third, five nets trained apart without
# dropout, whose probabilities are averaged.

# %%
predict(
    "08-masks",
    "Wrong labels, rate 0.5: the average over 100 masks, beside the one scaled net, has…",
    choices=["2 points fewer errors", "about as many", "2 points more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
counts = [1, 5, 20, 100]


def error_of_masks(net):
    """Error of the average over 1, 5, 20 and 100 masks."""
    draw = tf.function(lambda: tf.nn.softmax(net(x_test, training=True)))
    chances = np.array([draw() for _ in range(counts[-1])])  # (masks, images, 10)
    return [1 - accuracy(chances[:count].mean(axis=0), y_test) for count in counts]


figure, axes = plt.subplots(1, 2, figsize=(10, 4))
masks, scaled, apart = {}, {}, {}
for ax, place in zip(axes, ["wrong labels", "few images"], strict=True):
    masks[place] = np.array(
        [error_of_masks(runs[place].model(rate=0.5, seed=seed)) for seed in range(5)])
    scaled[place] = 1 - final[place][0.5]
    five = tf.nn.softmax(logits(runs[place], x_test, rate=0.0)).numpy().mean(axis=0)
    apart[place] = float(1 - accuracy(five, y_test))
    level = np.repeat(scaled[place][:, None], len(counts), axis=1)
    plots.lines(counts, {"average of masks": masks[place], "one scaled net": level}, log="x", ax=ax,
                title=f"{place.capitalize()}: scaling is as good", xlabel="masks", ylabel="error")
    ax.set_ylim(0, None)
plots.show(alt="Error against number of masks averaged: falls towards that of the one scaled net.")

# %% tags=["nbval-ignore-output"]
better = {place: np.mean(scaled[place] - masks[place][:, -1]) for place in masks}
assert all(abs(each) < 0.015 for each in better.values())
assert np.all(masks["wrong labels"][:, 0] > scaled["wrong labels"] + 0.03)
assert apart["wrong labels"] > scaled["wrong labels"].mean() + 0.02
reveal("08-masks", ["2 points more", "about as many", "2 points fewer errors"][
    np.digitize(better["wrong labels"], [-0.02, 0.02])])
judge("is an ensemble", {
    "as the average of its masks": max(map(abs, better.values())) < 0.02,
    "as nets trained apart": abs(apart["wrong labels"] - scaled["wrong labels"].mean()) < 0.02,
}, f"errors on wrong labels: scaled {scaled['wrong labels'].mean():.2f}, 100 masks "
   f"{masks['wrong labels'][:, -1].mean():.2f}, five plain nets {apart['wrong labels']:.2f}")
plots.table({"error": ["one plain net", "five plain nets, averaged", "one scaled net"]
             + [f"average of masks: {count}" for count in counts]} | {
    place: [1 - final[place][0.0], apart[place], scaled[place], *masks[place].T]
    for place in masks})

# %% [markdown]
# The average over masks needs many of them to come to where the scaled net is at once, and it does
# not go past it. So much for the ensemble, as far as inference goes. As an explanation it goes less
# far: five plain nets have all learned the same wrong labels, and their average has learned them
# too. What dropout does here it does *in training*.
#
# ## "It breaks co-adaptation"
#
# Units co-adapt when each is of use only in the company of particular others. Then the loss of some
# should ruin the rest. Train an autoencoder, which has to put its 64 inputs out again, with 256
# hidden units and dropout among them; then remove hidden units at random, for good. Each net
# gets the better of two treatments, with and without scaling up what is left.

# %%
predict(
    "08-ablation",
    "Half of the hidden units removed: the plain net's error is how many times the dropout net's?",
    choices=["below 1", "1 to 2", "above 2"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
def autoencoder(rate):
    return keras.Sequential([
        keras.Input((64,)), Dense(256), keras.layers.ReLU(), Dropout(rate), Dense(64)])


(x_train, _), _ = data["many images"]
coders = sweep(autoencoder, (x_train, x_train), test=(x_test, x_test), loss="mean_squared_error",
               rate=[0.0, 0.5], steps=1000, optimizer=keras.optimizers.Adam, learning_rate=0.001)
removed = [0.0, 0.1, 0.25, 0.5, 0.75]


def look_inside(rate, seed):
    """Error with each share of the units removed; share of zeros; correlation between units."""
    net, errors = coders.model(rate=rate, seed=seed), []
    hidden = ops.convert_to_numpy(net.layers[1](net.layers[0](x_test)))  # (images, units)
    order = np.random.default_rng(seed).permutation(256)
    for share in removed:
        left = hidden * (order >= share * 256)
        outputs = [net.layers[-1](each) for each in [left, left / (1 - share)]]
        errors.append(min(np.mean((each - x_test) ** 2) for each in outputs))
    alive = hidden[:, hidden.std(axis=0) > 0].T
    pairs = np.corrcoef(alive)[np.triu_indices(len(alive), 1)]
    return errors, np.mean(hidden == 0), np.mean(np.abs(pairs))

# %% tags=["nbval-ignore-output"]
damage, zeros, correlation = {}, {}, {}
for arm, rate in {"none": 0.0, "dropout": 0.5}.items():
    found = zip(*(look_inside(rate, seed) for seed in range(5)), strict=True)
    damage[arm], zeros[arm], correlation[arm] = map(np.array, found)
plots.lines(removed, damage, title="Dropout: worse when whole, better when units are lost", log="y",
            xlabel="share of the hidden units removed", ylabel="mean squared error")
plots.show(alt="Error against the share of units removed. Without dropout it begins far lower, "
           "and climbs far higher from the first tenth on.")
ratio = damage["none"] / damage["dropout"]  # (seeds, shares)
assert ratio[:, 0].max() < 0.2 and ratio[:, 3].min() > 2.5
assert np.all(zeros["dropout"] > zeros["none"] + 0.1)
lower = correlation["none"].mean() - correlation["dropout"].mean()
assert lower < 0.05
reveal("08-ablation", ["below 1", "1 to 2", "above 2"][np.digitize(ratio[:, 3].mean(), [1, 2])])
judge("breaks co-adaptation", {"by the loss of units": ratio[:, 3].mean() > 2,
                               "by correlation": lower > 0.05},
      f"error with half removed: {damage['none'][:, 3].mean():.2f} → "
      f"{damage['dropout'][:, 3].mean():.2f}; correlation {correlation['none'].mean():.2f} → "
      f"{correlation['dropout'].mean():.2f}")
plots.table({"": damage, "error, whole": [each[:, 0] for each in damage.values()],
             "half removed": [each[:, 3] for each in damage.values()],
             "activations that are 0": zeros.values(), "correlation": correlation.values()},
            decimals=3)

# %% [markdown]
# Units that have learned to do without one another: that half of the claim holds, at the price of
# the net's precision. The features become sparser too, as the paper reports. The usual gloss,
# "dropout decorrelates units", does not show here: the mean correlation of two units hardly moves.
#
# And "robust features"? To missing units, yes. To noisy *images*? Ask the classifiers.

# %% tags=["nbval-ignore-output"]
noisy = x_test + np.random.default_rng(0).normal(size=x_test.shape).astype("float32")
lost = {}  # (place, rate) -> accuracy lost to the noise, of each seed
for place, rate in [(p, rate) for p in ["wrong labels", "many images"] for rate in [0.0, 0.5]]:
    noisy_accuracy = accuracy(logits(runs[place], noisy, rate=rate), y_test)
    lost[place, rate] = final[place][rate] - noisy_accuracy
spared = {place: 1 - lost[place, 0.5].mean() / lost[place, 0.0].mean()
          for place in ["wrong labels", "many images"]}
assert max(spared.values()) < 0.4
judge("makes robust features", {"against lost units": ratio[:, 3].mean() > 2,
                                "against noisy images": min(spared.values()) > 0.5},
      "of what noise costs, spared: " + ", ".join(
          f"{100 * each:.0f} % ({place})" for place, each in spared.items()))
plots.table({"accuracy lost to noise": spared} | {
    f"rate {rate}": [lost[place, rate] for place in spared] for rate in [0.0, 0.5]})

# %% [markdown]
# Little of the loss is spared. Robustness is robustness *to something*: here, to what the net met
# in training.
#
# ## "Batch normalization replaces it"
#
# Many nets have dropped dropout for batch normalization. Lesson 05 saw one such net learn wrong
# labels by heart. Give it a fairer chance: batches of 16, where its own noise is greater, too, and
# both layers together.

# %%
predict(
    "08-both",
    "Wrong labels: both layers together, beside dropout alone at rate 0.5, test accuracy?",
    choices=["3 points better or more", "within 3 points", "3 points worse or more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
normalized = train("wrong labels", normalize=[True], rate=[0.0], batch_size=[16, 64])
both = train("wrong labels", normalize=[True], rate=[0.5])
arms = {"none": (runs["wrong labels"], dict(rate=0.0)),
        "dropout": (runs["wrong labels"], dict(rate=0.5)),
        "BN": (normalized, dict(normalize=True, rate=0.0, batch_size=64)),
        "BN, batches of 16": (normalized, dict(normalize=True, rate=0.0, batch_size=16)),
        "both": (both, dict(normalize=True, rate=0.5))}
reached = {arm: each.test_accuracy.at(step=400, **copy).values
           for arm, (each, copy) in arms.items()}
by_heart = {arm: accuracy(logits(each, images[wrong], **copy), labels[wrong])
            for arm, (each, copy) in arms.items()}
plots.dots(reached, title="Normalization does not replace dropout", xlabel="test accuracy")
plots.show(alt="Test accuracy of five arms: without, with normalization, and with it in small "
           "batches alike; dropout and both together about five points ahead.")
ahead = {arm: np.sum(reached["dropout"] > reached[arm]) for arm in ["BN", "BN, batches of 16"]}
together = np.mean(reached["both"] - reached["dropout"])
assert min(ahead.values()) >= 4 and min(by_heart["BN"]) > 0.9 and abs(together) < 0.03
assert by_heart["both"].mean() > by_heart["dropout"].mean() + 0.05
reveal("08-both", ["3 points worse or more", "within 3 points", "3 points better or more"][
    np.digitize(together, [-0.03, 0.03])])
judge("is replaced by batch normalization", {"": max(ahead.values()) < 3},
      "seeds with dropout ahead of " + ", ".join(f"{arm}: {ahead[arm]} of 5" for arm in ahead))
plots.table({"arm": arms, "test accuracy": reached.values(),
             "wrong labels learned": by_heart.values()})

# %% [markdown]
# In batches of 16 too the normalized net learns the wrong labels by heart, even though 400 such
# steps show it each image a quarter as often. Both layers together come to where dropout is alone,
# and learn more of the wrong labels on the way there. Lesson 15 takes up the pair.
#
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# All this is small: dense nets, 8×8 images, labels that are wrong at random. Where a net is large
# beside its data, and the data untidy, the first place is nearer to yours than the third.
#
# ## What can go wrong
#
# - **Dropout out of habit.** In a net that does not overfit it makes underfitting worse. Look at
#   the gap between training and test first, both in inference.
# - **One rate for all.** In the narrow net 0.5 costs more than it gains on wrong labels. The right
#   rate depends on the width that is left, and on what there is to memorise.
# - **Too few steps.** Dropout slows learning down; an arm with it that stops when the other has
#   converged is judged too early. Train longer, and see where rate 0.7 ends.
# - **Accuracy alone.** It did not see that the rescaling was missing.
# - **A dropout gain that was early stopping.** Compare with the plain net at its best step.
#
# ## In short
#
# Dropout hinders a net from learning single examples by heart, for a time that grows with the rate.
# That pays where examples mislead, does next to nothing where they do not, and harms where units
# are scarce. One scaled net does what the average over masks does. Units become able to do without
# one another, not uncorrelated, and not robust to everything. Batch normalization is no substitute.
#
# ## Open questions
#
# 1. Dropout on the inputs hides pixels. Would it spare more of what noisy images cost? What should
#    it cost on clean ones?
# 2. Does the best rate depend on how many labels are wrong, or on how many images there are?
#    Lesson 09 lets a net learn its rate; guess what it will do.
# 3. With twice the units at rate 0.5 a net keeps as many as it had. Does that rescue the narrow
#    one?
