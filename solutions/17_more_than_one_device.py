# %% [markdown]
# # 17 · More than one device
#
# **You build** a loss, a treatment of gradients and a `SynchronizedBatchNormalization` that give the same
# result on several devices as on one.
#
# **You need** `BatchNormalization` (lesson 04), `SGD` (10) and `clip_gradients` (13; where yours are missing the
# course's own stand in). No GPU: two halves of your processor will do. Where there are two GPUs, the same
# cells take those.
#
# **It takes** about 55 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %%
Dense, clip_gradients = recall("Dense"), recall("clip_gradients")
BatchNormalization, SGD = recall("BatchNormalization"), recall("SGD")
(x_train, y_train), (x_test, y_test) = datasets.digits()

# %% [markdown]
# ## One model, several copies
#
# `tf.distribute.MirroredStrategy` keeps a copy of every variable on each device, a *replica* of the model.
# Each replica computes on its share of a batch; then they agree on one update and all stay the same. Agreeing
# takes one operation, the **all-reduce**: every replica hands in a tensor, every one gets the sum.
#
# TensorFlow can split a processor into several *logical* devices, as long as nothing has been computed.
# `utils/quiet.py`, where the course imports TensorFlow, does so right after the import, by
# `tf.config.set_logical_device_configuration`.

# %%
tf.get_logger().setLevel("ERROR")  # it would say at every start that these are no GPUs
gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
devices = gpus[:2] if len(gpus) > 1 else ["CPU:0", "CPU:1"]
adding_up = tf.distribute.ReductionToOneDevice()  # on GPUs leave it out: their own way is faster
two, one = tf.distribute.MirroredStrategy(devices, adding_up), tf.distribute.get_strategy()
with two.scope():
    weight = tf.Variable(3.0)
print(type(weight).__name__, [float(copy) for copy in two.experimental_local_results(weight)])

# %% [markdown]
# Variables that are made under `scope()` have a copy on each device. `strategy.run(function)` calls a function
# once for each replica. Inside of it, the *replica context* knows how many there are and adds up:

# %% export="distributed"
def all_sum(values):
    """The sum of `values` over all replicas, known to each; on one device `values` themselves.

    Every replica must call it, as often as the others, also one that has no examples.

    Args:
        values: number, tensor, or list of them: what this replica hands in, in the same shape
            as the others. Whole numbers become float32, so that a count can be divided by.

    Gradients flow through it: that of `values` here is the sum of what arrives on all replicas.
    """
    values = keras.tree.map_structure(lambda each: ops.add(each, 0.0), values)  # as floats
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)


# %%
def share(batch):
    """The part of a batch that this replica works on; all of it on one device."""
    replica = tf.distribute.get_replica_context()
    return batch[replica.replica_id_in_sync_group :: replica.num_replicas_in_sync]


batch = tf.constant([4.0, 1.0, 7.0, 2.0, 5.0])
for name, function in {"share": share, "all_sum": lambda x: all_sum(ops.sum(share(x)))}.items():
    print(f"{name}:", [each.numpy().tolist() for each in two.run(function, args=(batch,)).values])

# %% [markdown]
# ## A loss of which each replica knows a part
#
# Each replica takes the gradient of its own loss. A Keras optimizer, yours from lessons 10 to 14 included,
# then makes one gradient of those of all replicas, and every replica takes the same step.

# %%
predict(
    "17-own-mean",
    "Two replicas of 32; each divides its loss by its own 32. The step, beside one device with 64?",
    choices=["half as large", "the same", "twice as large"],
    guess=None,
)

# %% [markdown]
# The one gradient is the *sum* over the replicas, never their mean. So the losses of the replicas must add up
# to the mean over the **global batch**, and that one is not always divided evenly: the last batch of an epoch
# is what is left over. A replica may have no example at all; it still has to call `all_sum`, since the others
# wait for it.
#
# ### Exercise 17.1 · `global_mean`
# *Difficulty 2 of 5 · needed again: in every training step below · 8 minutes*
#
# Return this replica's share, a single number. Sample weights multiply the losses; Keras then divides by the
# number of examples, whatever they weigh.

# %% exercise="global_mean" export="distributed"
def global_mean(losses, sample_weight=None):
    """This replica's share of the mean loss over the global batch.

    The shares of all replicas add up to `sum(losses * sample_weight) / number of examples`.

    Args:
        losses: `(batch,)`, those of this replica's examples; there may be none.
        sample_weight: `(batch,)`, or None for 1 each.

    Returns: a float32 number.
    """
    losses = ops.cast(losses, "float32")  # a sum of float16 numbers overflows at 65,504
    ### BEGIN SOLUTION
    # TODO: Weigh the losses, where there are weights.
    if sample_weight is not None:
        losses = losses * ops.cast(sample_weight, losses.dtype)
    # TODO: Count the examples of all replicas: a replica without any asks as well.
    count = all_sum(ops.cast(ops.size(losses), losses.dtype))
    # TODO: Return what this replica adds to the mean.
    return ops.sum(losses) / count
    ### END SOLUTION


# %%
check(global_mean, strict=True)
# hint("global_mean")      # one more hint each time you run it
# solution("global_mean")  # the course's own, and why it is written so
global_mean = finish(global_mean)

# %% [markdown]
# What does Keras's `fit` do? Fit one weight $w$ to seven targets in two batches, four and then three examples,
# by the loss $(w - t)^2$. The last batch gives one replica two examples and the other one.

# %%
predict(
    "17-fit",
    "`fit` with batches of four and three on two replicas: is its weight that of one device?",
    choices=["yes", "no: the last batch is weighed unevenly", "no: every batch is"],
    guess=None,
)

# %%
ones, targets = np.ones((7, 1), "float32"), np.array([[1, 2, 3, 4, 1, 2, 30]], "float32").T


def by_fit(strategy, count):
    """The weight after `fit` on the first `count` examples, in batches of four."""
    with strategy.scope():
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((1,)), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(ones[:count], targets[:count], batch_size=4, shuffle=False, verbose=0)
    return float(layer.kernel[0, 0])


def by_hand(strategy, count, mean):
    """The same in a loop of our own, with this mean of the losses."""
    with strategy.scope():
        weight, optimizer = keras.Variable(0.0), SGD(0.1)
        optimizer.build([weight])

    def step(batch):
        with tf.GradientTape() as tape:
            loss = mean(tf.square(weight - share(batch)))
        optimizer.apply([tape.gradient(loss, weight.value)], [weight])

    for start in range(0, count, 4):
        strategy.run(step, args=(tf.constant(targets[start : min(start + 4, count), 0]),))
    return float(weight.numpy())

# %% [markdown]
# After the first batch alone, and after both:

# %%
ways = {
    "one device, fit": lambda count: by_fit(one, count),
    "one device, global_mean": lambda count: by_hand(one, count, global_mean),
    "two, fit": lambda count: by_fit(two, count),
    "two, each its own mean": lambda count: by_hand(two, count, ops.mean),
    "two, global_mean": lambda count: by_hand(two, count, global_mean),
}
weights = {name: [way(count) for count in (4, 7)] for name, way in ways.items()}
(alone_4, alone_7), (fit_4, fit_7) = weights["one device, fit"], weights["two, fit"]
assert np.allclose(weights["two, global_mean"], [alone_4, alone_7], atol=1e-5)
assert np.isclose(fit_4, alone_4, atol=1e-5) and abs(fit_7 - alone_7) > 0.5
doubled = weights["two, each its own mean"][0] / alone_4
answers = ["half as large", "the same", "twice as large"]
reveal("17-own-mean", answers[np.digitize(doubled, [0.7, 1.5])])
answers = ["yes", "no: the last batch is weighed unevenly", "no: every batch is"]
reveal("17-fit", answers[2 if abs(fit_4 - alone_4) > 0.01 else int(abs(fit_7 - alone_7) > 0.01)])
after_four, after_seven = zip(*weights.values(), strict=True)
plots.table({"": list(weights), "after four": after_four, "after seven": after_seven})

# %% [markdown]
# A mean per replica doubles the step. `fit` divides each replica's own mean by the number of replicas: right
# for equal shares. In the last batch, the example that has a replica to itself weighs twice as much as each of
# the others. (The loss that `fit` reports is right all the same.)
#
# ## Statistics that cross the border
#
# `BatchNormalization` knows nothing of all this: each replica measures its own share. On eight GPUs with two
# large images each, it sees batches of two, not of sixteen.
#
# To measure the joined batch, join what can be added up: sums and counts. Averages cannot, once a replica has
# more examples than another, or its mask shows more. And the variance of the whole is not the mean of the
# replicas' variances: the variance of their means comes on top.
#
# ### Exercise 17.2 · `SynchronizedBatchNormalization`
# *Difficulty 4 of 5 · needed again: in the experiment · 20 minutes*
#
# The layer of lesson 04 takes its statistics from `batch_statistics`, and all the rest stays as it was. Given
# are `shown`, true where a value counts, and `axes`, those to sum over. Write the sum over all replicas first,
# then use it three times.

# %% exercise="SynchronizedBatchNormalization" export="distributed"
class SynchronizedBatchNormalization(BatchNormalization):
    """Batch normalization by the mean and variance over the batches of all replicas.

    `mean = sum(inputs) / count`, `variance = sum(square(inputs - mean)) / count`, the sums and the
    count over all replicas. On one device it is `BatchNormalization`.

    Args:
        **kwargs: as `BatchNormalization` takes them.

    Call arguments: inputs; training: bool; mask: inputs' shape without its last axis, True
    where a position counts towards the statistics.
    Input shape: any. Output shape: same as the input.
    """

    def shown(self, inputs, mask):
        everything = ops.ones_like(inputs, dtype="bool")
        if mask is None:
            return everything
        if len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "`mask` must have one dimension less than the inputs: all but the last. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}."
            )
        return ops.logical_and(everything, ops.expand_dims(ops.cast(mask, "bool"), -1))

    def batch_statistics(self, inputs, mask):
        rank, shown = len(inputs.shape), self.shown(inputs, mask)
        axes = [axis for axis in range(rank) if axis != self.axis % rank]
        ### BEGIN SOLUTION
        # TODO: The sum over `axes` of what is shown, here and on all replicas; keep the axes.
        def joined_sum(values):
            own_sum = ops.sum(ops.where(shown, values, 0), axes, keepdims=True)
            return all_sum(own_sum)

        # TODO: How many values of each feature are shown, as a float: at least 1.
        count = ops.maximum(joined_sum(ops.ones_like(inputs)), 1)
        # TODO: Mean and variance of the joined batch.
        mean = joined_sum(inputs) / count
        return mean, joined_sum(ops.square(inputs - mean)) / count
        ### END SOLUTION


# %%
check(SynchronizedBatchNormalization, strict=True)
# hint("SynchronizedBatchNormalization")      # one more hint each time you run it
# solution("SynchronizedBatchNormalization")  # the course's own, and why it is written so
SynchronizedBatchNormalization = finish(SynchronizedBatchNormalization)

# %% [markdown]
# Three layers on two replicas: yours from lesson 04, yours from here, Keras's with `synchronized=True`. How
# far is each from what Keras's layer says on *one* device, for a batch of eleven (six here, five there)?
# Once as it is, and once with 1,000 added to every input.

# %%
rng = np.random.default_rng(0)
inputs, arriving = rng.normal(size=(2, 11, 3)).astype("float32")


def both_ways(strategy, layer, inputs):
    """Outputs, input gradients and the moving variance of each replica, in training."""

    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * share(arriving))
        return outputs, tape.gradient(loss, inputs), layer.moving_variance.value + 0.0

    results = strategy.run(lambda: step(share(tf.constant(inputs))))
    return [strategy.experimental_local_results(result) for result in results]


# %%
def distances(make_layer, shift):
    """How far all three are from those of one device, at most."""
    alone, moved = keras.layers.BatchNormalization(momentum=0.0), inputs + np.float32(shift)
    right = [part[0].numpy() for part in both_ways(one, alone, moved)]
    with two.scope():
        layer = make_layer(momentum=0.0)
        layer.build((None, 3))
    *received, variances = both_ways(two, layer, moved)
    gaps = [
        [whole[replica::2] - own for replica, own in enumerate(parts)]
        for whole, parts in zip(right, received, strict=False)
    ]
    gaps.append([right[-1] - own for own in variances])
    return [max(np.abs(each).max() for each in replicas) for replicas in gaps]

# %% tags=["nbval-ignore-output"]
Keras = keras.layers.BatchNormalization
arms = {"BatchNormalization": BatchNormalization, "yours": SynchronizedBatchNormalization,
        "Keras, synchronized=True": lambda **options: Keras(synchronized=True, **options)}
apart = {name: [distances(arm, shift) for shift in [0, 1000]] for name, arm in arms.items()}
assert max(apart["yours"][0]) < 1e-5 and min(apart["BatchNormalization"][0]) > 0.01
assert max(apart["yours"][1]) < 0.01 < max(apart["Keras, synchronized=True"][1])
rows = [(name, added) for name in arms for added in [0, 1000]]
measured = np.array([apart[name][added == 1000] for name, added in rows])
plots.table({"layer": [name for name, _ in rows], "added": [added for _, added in rows]}
            | {what: [f"{x:.0e}" for x in column] for what, column in
               zip(["outputs", "gradients", "moving variance"], measured.T, strict=True)})

# %% [markdown]
# Yours is one device's, up to rounding. Keras's takes the mean of the squares minus the square of the mean,
# which saves a round of messages and loses its digits where the mean is large (lesson 03's second formula).
# And without synchronization each replica has moving statistics of its own.
#
# Alone on one device it is still batch normalization, and Keras's tests say so:

# %% tags=["nbval-ignore-output"]
block = SynchronizedBatchNormalization
report = keras_exam(block, tests_of="BatchNormalization", without=("renorm",))

# %%
print(report.headline())

# %% [markdown]
# ## Two examples a device
#
# A net with two hidden layers, batches of four, 300 steps. On one device; on two replicas of two examples
# each, without and with synchronization; and on one device in batches of two, which is what each replica sees.
# For a seed, initial weights and examples are the same in every arm; each has the better of two rates.

# %%
predict(
    "17-two",
    "Two examples a replica, not synchronized. Test accuracy, beside one device with four?",
    choices=["within a point", "one to five points lower", "more than five points lower"],
    guess=None,
)


# %%
def network(normalization, dtype="float32"):
    """Two hidden layers of 64 units and ten outputs."""
    layers = [keras.Input((64,))]
    for _ in range(2):
        layers += [Dense(64, dtype=dtype), normalization(momentum=0.9, dtype=dtype)]
        layers += [keras.layers.ReLU(dtype=dtype)]
    return keras.Sequential([*layers, Dense(10, dtype="float32")])


def make_step(model, optimizer, gradients_for_update=list):
    """One training step of one replica, on its share of a batch."""

    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model(share(images), training=True)
            losses = ops.sparse_categorical_crossentropy(share(labels), logits, from_logits=True)
            loss = optimizer.scale_loss(global_mean(losses))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply(gradients_for_update(gradients), model.trainable_weights)

    return step


# %%
def trainer(strategy, normalization, dtype="float32", **preparation):
    """A model under a strategy, its optimizer, and a compiled loop with a step for each row."""
    with strategy.scope():
        model, optimizer = network(normalization, dtype), SGD(0.1)
        if dtype == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_weights)
    step = make_step(model, optimizer, **preparation)

    @tf.function
    def train(batches):
        for rows in batches:
            strategy.run(step, args=(tf.gather(x_train, rows), tf.gather(y_train, rows)))

    return model, optimizer, train


# %%
def accuracies(strategy, normalization, batch_size, rates=(0.03, 0.1), seeds=range(5), **options):
    """Test accuracy after 300 steps for each seed, `(seeds,)`, at the rate with the best mean."""
    (model, optimizer, train), by_rate = trainer(strategy, normalization, **options), []
    for rate in rates:
        optimizer.learning_rate = rate
        for seed in seeds:
            keras.utils.set_random_seed(seed)
            model.set_weights(network(normalization).get_weights())
            rng = np.random.default_rng(seed)
            train(tf.constant(rng.integers(len(x_train), size=(300, batch_size))))
            guesses = np.argmax(ops.convert_to_numpy(model(x_test, training=False)), axis=1)
            by_rate.append(np.mean(guesses == y_test))
    by_rate = np.reshape(by_rate, (len(rates), -1))
    return by_rate[np.argmax(by_rate.mean(axis=1))]

# %% tags=["nbval-ignore-output"]
arms = {
    "one device, batches of 4": accuracies(one, BatchNormalization, 4),
    "two of 2, synchronized": accuracies(two, SynchronizedBatchNormalization, 4),
    "two of 2, not synchronized": accuracies(two, BatchNormalization, 4),
    "one device, batches of 2": accuracies(one, BatchNormalization, 2),
}
ax = plots.dots(arms, title="Two replicas of two have to talk", xlabel="test accuracy")
ax.set_xlim(0.4, 0.97)
plots.show(alt="Dots of test accuracy: one device with four and two synchronized replicas high and "
           "close together; two replicas that are not synchronized and batches of two far below.")
whole, synchronized, alone, of_two = arms.values()
assert np.abs(whole.mean() - synchronized.mean()) < 0.02 and (synchronized - alone).min() > 0.05
lost = 100 * (whole - alone).mean()
answers = ["within a point", "one to five points lower", "more than five points lower"]
reveal("17-two", answers[np.digitize(lost, [1, 5])])
plots.table({"": list(arms), "test accuracy": list(arms.values())})

# %% [markdown]
# Without synchronization each replica has the trouble that lesson 06 showed at batches of two; that two of them
# average their gradients makes up for a part of it. With it they are one device again: not bit for bit, since
# sums are taken in another order, but the mean accuracies are less than two points apart.
#
# ## Half precision, and one bad gradient
#
# GPUs compute several times as fast in 16 bits. Under the policy `mixed_float16` layers compute in float16 and
# keep their variables in float32; yours takes its statistics in float32 as well. But a small gradient is 0 in
# float16. So `LossScaleOptimizer` multiplies the loss by a large number and divides the gradients by it; where
# one is infinite or NaN, it is to skip the step. (bfloat16 has the range of float32, and needs none of this.)
#
# That, and clipping, depend on *the* gradient, and each replica begins with one of its own. Hand two replicas
# different gradients for a weight that is 0, with a rate of 1:

# %%
predict(
    "17-overflow",
    "Only the second replica's gradient is infinite. What does Keras's loss scaling do?",
    choices=["skips the step", "leaves that gradient out", "takes the step: the weight is lost"],
    guess=None,
)


# %%
def updated(wrap, pair, prepare=list, **options):
    """A weight that was 0, after one update at rate 1 by a pair of gradients, one on each replica."""
    with two.scope():
        weight = keras.Variable(0.0)
        optimizer = wrap(keras.optimizers.SGD(1.0, **options))
        optimizer.build([weight])

    def step():
        gradient = tf.reduce_sum(share(tf.constant(pair)))  # its share is one of the two
        optimizer.apply(prepare([gradient]), [weight])

    tf.function(lambda: two.run(step))()
    return float(weight.numpy())


def unscaled(optimizer):
    """The optimizer as it is."""
    return optimizer


def scaled(optimizer):
    """Loss scaling by 1: only the search for gradients that are not finite."""
    return keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)


print("sum 6.5, clipped to 1:", updated(unscaled, [6.0, 0.5], global_clipnorm=1.0))
for pair in ([np.inf, 1.0], [1.0, np.inf]):
    print("gradients", pair, "->", updated(scaled, pair))
lost_weight = not np.isfinite(updated(scaled, [1.0, np.inf]))
reveal("17-overflow", "takes the step: the weight is lost" if lost_weight else "skips the step")

# %% [markdown]
# Keras looks at gradients before the replicas have added theirs up. The clipped step is 1.5 long, not 1: each
# replica clipped its own. And only the first replica is asked whether gradients are finite (Keras 3.15). The
# remedy fits in front of any optimizer: add up first, then look. The optimizer will add up again what it is
# handed.
#
# ### Exercise 17.3 · `joined_gradients`
# *Difficulty 2 of 5 · needed again: below · 6 minutes*

# %% exercise="joined_gradients" export="distributed"
def joined_gradients(gradients, **limits):
    """What every replica hands to its optimizer: an equal part of the joined and clipped gradient.

    The optimizer's sum over the replicas is then the joined gradient, clipped once. And where that is
    not finite, every replica sees it.

    Args:
        gradients: list of tensors, those of this replica's share of the loss.
        **limits: clipvalue, clipnorm or global_clipnorm, as `clip_gradients` takes them.

    Returns: a list of tensors like `gradients`, the same on every replica.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    ### BEGIN SOLUTION
    # TODO: Add up what all replicas have.
    gradients = [all_sum(gradient) for gradient in gradients]
    # TODO: Clip the sum.
    gradients = clip_gradients(gradients, **limits)
    # TODO: Hand out equal parts.
    return [gradient / replicas for gradient in gradients]
    ### END SOLUTION


# %%
check(joined_gradients, strict=True)
# hint("joined_gradients")      # one more hint each time you run it
# solution("joined_gradients")  # the course's own, and why it is written so
joined_gradients = finish(joined_gradients)

# %%
def clip(gradients):
    return joined_gradients(gradients, global_clipnorm=1.0)


bad = [1.0, np.inf]
steps = [updated(unscaled, [6.0, 0.5], clip), updated(scaled, bad, joined_gradients)]
assert np.allclose(steps, [-1, 0])
print("sum 6.5, clipped to 1:", steps[0])
print("gradients", bad, "->", steps[1])

# %% [markdown]
# Now the net on two replicas with synchronized statistics, in three precisions, in batches of 32:

# %% tags=["nbval-ignore-output"]
from utils.quiet import quiet_stderr

print(f"least float16 above 0: {np.finfo(np.float16).smallest_subnormal:.0e}")
policies = ["float32", "mixed_bfloat16", "mixed_float16"]
sync, join = SynchronizedBatchNormalization, {"gradients_for_update": joined_gradients}
with quiet_stderr():  # many a processor has no float16 of its own, and TensorFlow says so
    by_policy = {p: accuracies(two, sync, 32, rates=[0.1], dtype=p, **join) for p in policies}
layer = sync(dtype="mixed_float16")
outputs = layer(1000 + 300 * inputs, training=True)  # their squares are beyond float16
assert layer.moving_variance.dtype == "float32" and np.isfinite(layer.moving_variance).all()
print("float16, outputs:", outputs.dtype.name, "statistics:", layer.moving_variance.dtype)
worst = max(abs(by_policy["float32"].mean() - values.mean()) for values in by_policy.values())
assert worst < 0.02
plots.table({"policy": policies, "test accuracy": list(by_policy.values())})

# %% [markdown]
# Half the bits cost nothing here. What they gain shows on hardware that computes in them.
#
# ## Twice the devices, half the time?

# %%
predict(
    "17-fast",
    "Two logical devices on one processor, batches of 512. How fast, beside one device?",
    choices=["about twice as fast", "a little faster", "as fast", "slower"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
batches = tf.constant(np.random.default_rng(0).integers(len(x_train), size=(20, 512)))
trainers = {"one": trainer(one, BatchNormalization)[-1], "two": trainer(two, sync)[-1]}
seconds = {name: [] for name in trainers}
for _ in range(8):  # in turn, since a machine has good and bad moments
    for name, train in trainers.items():
        start = tf.timestamp()
        train(batches)
        seconds[name].append(float(tf.timestamp() - start))
ratios = np.divide(seconds["one"], seconds["two"])[1:]  # the first of each was spent on tracing
speedup = np.median(ratios)
answers = ["slower", "as fast", "a little faster", "about twice as fast"]
reveal("17-fast", answers[np.digitize(speedup, [0.95, 1.05, 1.8])])
print(f"one device takes {speedup:.1f} times as long as two")

# %% [markdown]
# The two logical devices share the same cores, which one device could use as well; what comes on top are
# threads, copies and messages. On two GPUs there are two sets of cores, and then the messages decide.
#
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge = plots.Verdicts("claim")
judge("a mean on each replica is right", {"": abs(doubled - 1) < 0.1},
      f"the step is {doubled:.1f} times that of one device")
judge("Keras's fit is one device", {"for equal shares": abs(fit_4 - alone_4) < 1e-4,
                                    "for a last batch of three": abs(fit_7 - alone_7) < 1e-4},
      f"weight {fit_7:.2f} beside {alone_7:.2f}")
judge("synchronized = one device", {"": max(apart["yours"][0]) < 1e-5},
      f"apart {max(apart['yours'][0]):.0e}; accuracy {synchronized.mean():.2f}, {whole.mean():.2f}")
judge("without it two of 2 are as good as one of 4", {"": lost < 1}, f"{lost:.0f} points lower")
judge("Keras's loss scaling sees every overflow", {"": not lost_weight},
      "not on the second replica" if lost_weight else "on both replicas")
judge("half precision costs accuracy", {"": worst > 0.02}, f"{100 * worst:.1f} points at most")
judge("two devices are twice as fast", {"": speedup > 1.8}, f"{speedup:.1f} times as fast")
judge

# %% [markdown]
# ## What can go wrong
#
# - **Variables made outside `scope()`** live on one device. Keras's optimizers stop at them with an
#   `AssertionError` that says nothing.
# - **`batch_size` in `fit` is the global one.** Twice the devices with the same number means half as much for
#   each: here begins the trouble with batch normalization.
# - **A larger global batch** takes fewer steps per epoch. Rate, warm-up and the momentum of the moving
#   statistics were tuned for the old number.
# - **A first batch of uneven shares** stops Keras 3.15's `fit` with an error about `AddN`; a last batch that
#   leaves a replica without examples makes `gamma` of a `BatchNormalization` NaN. Drop the remainder,
#   or write the loop.
# - **`if` around `all_sum`**: every replica must take part, as often and in the same order as the others. One
#   that does not leaves the rest waiting, or stops with an error about `merge_call`.
# - **A tensor before the split**: then TensorFlow splits no processor any more. Restart the kernel, and run
#   the set-up first.
# - **Dropout made under `scope()`** (Keras 3.15): every replica has a copy of the seed's state, so that all
#   draw the same masks. Run the cell below.

# %%
# Extra:
with two.scope():
    dropout = keras.layers.Dropout(0.5, seed=1)
masks = two.run(lambda: dropout(tf.ones(1000), training=True)).values
print("both replicas drop the same units:", np.array_equal(*masks))

# %% [markdown]
# ## In short
#
# What is summed over replicas must be summable: shares of a mean, sums and counts, gradients before they are
# clipped. Then several devices compute what one would. Where a layer looks at its batch, a small share is a
# small batch, until it asks the others.
#
# ## Open questions
#
# 1. `SynchronizedBatchNormalization` sends three tensors a layer in two rounds. Can you do it in one round
#    without losing digits? (Each replica's count, mean and variance are enough.)
# 2. Group normalization (lesson 06) needs no messages. When would you still take batch statistics?
# 3. `joined_gradients` sends the gradients twice over: once itself, once in the optimizer. How would you
#    have the optimizer leave out its own?
