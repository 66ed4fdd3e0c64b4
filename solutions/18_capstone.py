# %% [markdown]
# # 18 · Capstone
#
# **You build** the last missing block, a `Conv2D`, and from it and your own blocks a convolutional net.
# You train it beside the same net of Keras's own parts, then stop it, keep it, and go on in a process
# that has never seen this notebook. The end is your record through the course.
#
# **You need** `Dense` (lesson 01), `SpatialDropout2D` (09), `Dropout` (07), `CosineDecay` (13),
# `FusedBatchNormalization` and `FlatAdam` (16). Where yours is missing the course's own stands in.
#
# **It takes** about 60 minutes. Run every cell in order, from the top (Shift+Enter).

# %% tags=["setup"]

# %%
Dense, Dropout, SpatialDropout2D = recall("Dense"), recall("Dropout"), recall("SpatialDropout2D")
BatchNormalization, Adam = recall("FusedBatchNormalization"), recall("FlatAdam")
CosineDecay = recall("CosineDecay")

# %% [markdown]
# ## The missing block
#
# A dense layer on an image would have a weight for every pixel and would learn each letter anew at
# every place. A convolution has one small window of weights for a filter, and lays it on every place:
#
# $$y_{r,c,f} = b_f + \sum_{i,j,k} x_{r s + i d,\; c s + j d,\; k}\; w_{i,j,k,f}$$
#
# $s$ is the stride from one place to the next, $d$ the dilation, the distance between the pixels that the
# window sees. With `padding="same"` zeros surround the image, so that the window has a place on every
# pixel; with `"valid"` it stays inside. With several `groups` each filter sees its share of
# the channels only.
#
# What the layer is told, and what it refuses, is given.

# %% export="layers"
class Conv2DArguments(keras.Layer):
    """What a convolution is told, as Keras names it, and what it refuses; no computation."""

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format="channels_last",
        dilation_rate=1, groups=1, activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = self.positive("argument `filters`", filters)
        self.kernel_size = self.pair("kernel_size", kernel_size)
        self.strides = self.pair("strides", strides)
        self.dilation_rate = self.pair("dilation_rate", dilation_rate)
        self.padding, self.data_format = str(padding).lower(), data_format
        self.groups = self.positive("number of groups", groups)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.input_spec = keras.InputSpec(ndim=4)
        self.check()

    def positive(self, what, value):
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"Invalid value for {what}. Expected a positive integer. Received: {value!r}."
            )
        return value

    def pair(self, name, value):
        """A number for both axes, or one for each."""
        sizes = (value, value) if isinstance(value, int) else tuple(value)
        if len(sizes) != 2:
            raise ValueError(f"`{name}` must be an integer or two of them. Received: {value!r}.")
        return tuple(self.positive(f"argument `{name}`", size) for size in sizes)

    def check(self):
        if self.padding not in ("valid", "same"):
            raise ValueError(f'`padding` must be "valid" or "same". Received: {self.padding!r}.')
        if self.data_format not in (None, "channels_last"):
            raise ValueError(
                f'`data_format` must be "channels_last". Received: {self.data_format!r}. '
                "Turn the images with `ops.transpose` first."
            )
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, filters={self.filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def check_inputs(self, input_shape):
        """Refuse channels that make no equal groups, and images smaller than the window."""
        if input_shape[-1] % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, input_shape={input_shape}."
            )
        if 0 in (places := self.compute_output_shape(input_shape)[1:3]):
            raise ValueError(
                f"The window has no place in the image: {places}. "
                f"Received: kernel_size={self.kernel_size}, input_shape={input_shape}."
            )

    def get_config(self):
        names = (
            "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
            "groups", "activation", "use_bias", "kernel_initializer", "bias_initializer",
        )
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | keras.saving.serialize_keras_object(own)


# %% [markdown]
# ### Exercise 18.1 · `Conv2D`
# *Difficulty 3 of 5 · needed again: below · 15 minutes*
#
# `ops.conv` computes the sum. Yours is what a layer does around it: the shape of the kernel (rows and
# columns of the window, the channels that a filter sees, filters), the bias, the activation, and
# how many places the window has on a side.

# %% exercise="Conv2D" export="layers"
class Conv2D(Conv2DArguments):
    """Lay a small window of weights on every place of an image.

    Args:
        filters: int > 0. Number of channels that come out.
        kernel_size: int > 0, or one each for rows and columns. The window.
        strides: int > 0, or two. From one place of the window to the next.
        padding: "valid", inside the image, or "same", surrounded by zeros.
        data_format: "channels_last", the only one here.
        dilation_rate: int > 0, or two. From one pixel that the window sees to the next.
        groups: int > 0. In how many groups channels and filters are divided.
        activation: name or function. Default None: the outputs stay as they are.
        use_bias: bool. Whether each filter adds a number.
        kernel_initializer, bias_initializer: names or initializers.

    Input shape: `(batch, rows, columns, channels)`.
    Output shape: `(batch, places in a column, places in a row, filters)`.

    Raises:
        ValueError: an argument cannot be, or does not fit the others or the inputs.
    """

    def build(self, input_shape):
        self.check_inputs(input_shape)
        ### BEGIN SOLUTION
        # TODO: The kernel: a window for every filter, as deep as the channels that a filter sees.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, input_shape[-1] // self.groups, self.filters),
            initializer=self.kernel_initializer,
        )
        # TODO: The bias, a number for each filter, unless there is to be none.
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        ### END SOLUTION

    def call(self, inputs):
        ### BEGIN SOLUTION
        # TODO: The window at every place. `ops.conv` takes the groups from the kernel's shape.
        outputs = ops.conv(
            inputs, self.kernel, strides=self.strides, padding=self.padding,
            data_format="channels_last", dilation_rate=self.dilation_rate,
        )
        # TODO: Bias and activation.
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)
        ### END SOLUTION

    def places(self, size, window, stride, dilation):
        """How many places the window has on a side of `size` pixels; None where that is unknown."""
        ### BEGIN SOLUTION
        # TODO: Of an unknown size nothing can be said.
        if size is None:
            return None
        # TODO: How many pixels the window needs, those that it skips included; padded, one will do.
        needed = (window - 1) * dilation + 1 if self.padding == "valid" else 1
        # TODO: The first place, and another every `stride` pixels; no place in too small an image.
        return max((size - needed) // stride + 1, 0)
        ### END SOLUTION

    def compute_output_shape(self, input_shape):
        batch, *sizes, _ = input_shape
        sides = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return (batch, *(self.places(*side) for side in sides), self.filters)


# %%
check(Conv2D, strict=True)
# hint("Conv2D")
# solution("Conv2D")
Conv2D = finish(Conv2D)

# %% [markdown]
# Keras's own tests of its `Conv2D`, on yours. Not asked is what yours does not offer.

# %%
without = ["lora", "constraint", "data_format='channels_first'", "Conv1D", "Conv3D"]
report = keras_exam(Conv2D, without=without)
assert report.passed
report

# %% [markdown]
# ## A net of your own
#
# Three blocks of convolution, batch normalization and pooling. Dropout stands behind the last batch
# normalization, where it shifts no variance (lesson 15). `capstone` takes its classes from `parts`, so
# that the same lines make a net of yours and one of Keras's.
#
# The images are letters, drawn on the spot. With a network you may write `"fashion_mnist"` or `"cifar10"`
# for `"glyphs"`: they are fetched once and kept.

# %%
DATA, STEPS = "glyphs", 120
if DATA == "glyphs":
    (x_train, y_train), (x_test, y_test) = datasets.glyphs(num_train=2000)
else:
    (x_train, y_train), (x_test, y_test) = datasets.downloaded(DATA, num_train=2000)
plots.image_grid(x_train[:20], title="What the net is to read")
plots.show(alt="Twenty small noisy images of the letters A to J, in many fonts and turned.")

# %%
from types import SimpleNamespace

names = ["Conv2D", "BatchNormalization", "SpatialDropout2D", "Dropout", "Dense"]
yours = SimpleNamespace(
    Conv2D=Conv2D, BatchNormalization=BatchNormalization, SpatialDropout2D=SpatialDropout2D,
    Dropout=Dropout, Dense=Dense, Adam=Adam, CosineDecay=CosineDecay)
kerass = SimpleNamespace(
    **{name: getattr(keras.layers, name) for name in names}, Adam=keras.optimizers.Adam,
    CosineDecay=keras.optimizers.schedules.CosineDecay)


def capstone(parts):
    layers = [keras.Input(x_train.shape[1:])]
    for filters in (16, 32, 64):
        layers += [parts.Conv2D(filters, 3, padding="same", use_bias=False),
                   parts.BatchNormalization(momentum=0.9),
                   keras.layers.ReLU(), keras.layers.MaxPooling2D()]
    layers += [parts.SpatialDropout2D(0.1), keras.layers.Flatten(),
               parts.Dropout(0.3), parts.Dense(10)]
    net = keras.Sequential(layers)
    net.compile(parts.Adam(parts.CosineDecay(0.003, STEPS)),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return net

# %% [markdown]
# Which images come in which step is computed from the number of the step alone. That costs nothing now,
# and later there is nothing to remember.

# %%
def batch(step, images, labels, size=64):
    """The images and labels of a step: every epoch in an order of its own."""
    steps_per_epoch = len(images) // size
    epoch, place = divmod(step, steps_per_epoch)
    order = np.random.default_rng(epoch).permutation(len(images))
    rows = order[place * size : (place + 1) * size]
    return images[rows], labels[rows]

# %% [markdown]
# ## Stop, keep, go on
#
# A training that takes days will be stopped. To go on as if nothing had happened, every next step must
# come out the same, bit for bit. A step depends on the weights and the moving statistics, on the optimizer's
# moments and its counter (from which the schedule reads the rate), on where each dropout layer is in its stream
# of random numbers, and on the batch. The batch you have: `batch` needs the counter alone. A
# `.keras` file holds most of the rest, of any model. Not all:

# %% export="training"
def seed_states(model):
    """The variables that say how far each stream of random numbers has come, in a fixed order."""
    return [each for each in model.variables if each.name == "seed_generator_state"]


# %% [markdown]
# ### Exercise 18.2 · `Checkpoint`
# *Difficulty 3 of 5 · needed again: below · 10 minutes*
#
# Two files in a folder: the model as `model.keras`, and the streams as `seeds.npz`. `np.savez(file, *arrays)`
# keeps arrays; `np.load(file)` gives them back, by the names in its `files`.

# %% exercise="Checkpoint" export="training"
class Checkpoint:
    """A training as it is now, in a folder.

    Args:
        folder: name of a folder that exists.
    """

    def __init__(self, folder):
        self.model_file, self.seeds_file = f"{folder}/model.keras", f"{folder}/seeds.npz"

    def save(self, model):
        """Keep all that the next steps of a compiled model depend on, save the data."""
        ### BEGIN SOLUTION
        # TODO: The model: weights, statistics, and the optimizer with its slots and its schedule.
        model.save(self.model_file)
        # TODO: The streams, as arrays.
        np.savez(self.seeds_file, *map(ops.convert_to_numpy, seed_states(model)))
        ### END SOLUTION

    def load(self, custom_objects=None):
        """The model as it was; `custom_objects` has the classes that are not Keras's, by name."""
        ### BEGIN SOLUTION
        # TODO: The model, its optimizer included.
        model = keras.models.load_model(self.model_file, custom_objects)
        # TODO: Each stream where it was.
        with np.load(self.seeds_file) as kept:
            for state, name in zip(seed_states(model), kept.files, strict=True):
                state.assign(kept[name])
        return model
        ### END SOLUTION


# %%
check(Checkpoint, strict=True)
# hint("Checkpoint")
# solution("Checkpoint")
Checkpoint = finish(Checkpoint)

# %% [markdown]
# Half of a training, a stop, and the other half, beside one that was never stopped. Once from the
# `.keras` file alone, once with your checkpoint.

# %%
predict(
    "18-keras-file",
    "Which net goes on bit for bit from a .keras file alone?",
    choices=["both", "yours only", "Keras's only", "neither"],
    guess=None,
)

# %%
def train(net, until, images, labels):
    """Train from the step to which the net has come up to another."""
    for step in range(int(net.optimizer.iterations), until):
        net.train_on_batch(*batch(step, images, labels))


def same(ones, others):
    return all(np.array_equal(one, other) for one, other in zip(ones, others, strict=True))


def custom_objects(parts):
    return {each.__name__: each for each in vars(parts).values()}

# %%
goes_on = {}  # net -> from the .keras file alone, from a checkpoint
for name, parts in [("yours", yours), ("Keras's", kerass)]:
    folder = tempfile.mkdtemp()
    net, checkpoint = capstone(parts), Checkpoint(folder)
    train(net, 10, x_train, y_train)
    checkpoint.save(net)
    loaded = [keras.models.load_model(f"{folder}/model.keras", custom_objects(parts)),
              checkpoint.load(custom_objects(parts))]
    for each in (net, *loaded):
        train(each, 20, x_train, y_train)
    goes_on[name] = [same(net.get_weights(), each.get_weights()) for each in loaded]
alone, kept = zip(*goes_on.values(), strict=True)
assert all(kept) and not goes_on["Keras's"][0]
reveal("18-keras-file", ["neither", "Keras's only", "yours only", "both"][2 * alone[0] + alone[1]])
judge = plots.Verdicts("a net of your own blocks …")
judge("goes on bit for bit", {"from your checkpoint": goes_on["yours"][1],
                              "from a .keras file alone": goes_on["yours"][0]}, "10 + 10 steps")
judge("… as does one of Keras's", {"from your checkpoint": goes_on["Keras's"][1],
                                   "from a .keras file alone": goes_on["Keras's"][0]}, "the same")
plots.table({"net": goes_on, "from the .keras file alone": alone, "from your checkpoint": kept})

# %% [markdown]
# Keras's dropout does not write where it is in its stream: loaded, it draws other masks, and nothing
# says so. Yours wrote it down in lesson 07. The checkpoint mends both.

# %% [markdown]
# ## Beside Keras's own parts
#
# Five seeds. For each, both nets start from the same weights and see the same batches, step by step in
# turn: first one, then the other. So each pair of steps is timed under the same conditions, and
# each pair of accuracies differs in nothing but the dropout masks and the code.

# %%
predict(
    "18-accuracy",
    "Test accuracy of your net, less that of Keras's, mean of five pairs:",
    choices=["below -2 points", "within 2 points", "above 2 points"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
from time import perf_counter


def race(seed):
    """Train both nets, one step each in turn. The nets, and the seconds `(steps, 2)` they took."""
    keras.utils.set_random_seed(seed)
    nets = [capstone(yours), capstone(kerass)]
    nets[1].set_weights(nets[0].get_weights())
    seconds = np.zeros((STEPS, 2))
    for step in range(STEPS):
        if step == STEPS // 2:
            folders.append(Path(tempfile.mkdtemp()))
            Checkpoint(folders[-1]).save(nets[0])
        images, labels = batch(step, x_train, y_train)
        for place, net in enumerate(nets):
            start = perf_counter()
            net.train_on_batch(images, labels)
            seconds[step, place] = perf_counter() - start
    return nets, seconds[1:]  # the first step compiles


def accuracy(net):
    return np.mean(np.argmax(net(x_test, training=False), axis=-1) == y_test)


folders = []  # of the checkpoints
races = [race(seed) for seed in range(5)]

# %% tags=["nbval-ignore-output"]
accuracies = np.array([[accuracy(net) for net in nets] for nets, _ in races])  # (seeds, 2)
gap = accuracies[:, 0] - accuracies[:, 1]
ratio = np.array([np.median(seconds[:, 1] / seconds[:, 0]) for _, seconds in races])
plots.dots({"yours": accuracies[:, 0], "Keras": accuracies[:, 1]}, xlabel="test accuracy",
           title="Five pairs from the same weights", decimals=3)
for pair in accuracies:
    plt.plot(pair, [0, 1], color=plots.GREY, linewidth=1, zorder=0)
plots.show(alt="Test accuracy of both nets for five seeds, each pair joined by a line: the two "
           "rows cover the same range, and the lines lean both ways.")
if DATA == "glyphs":
    assert abs(gap.mean()) < 0.02 and accuracies.mean() > 0.8
reveal("18-accuracy", ["below -2 points", "within 2 points", "above 2 points"][
    np.digitize(gap.mean(), [-0.02, 0.02])])
judge("is as accurate", {"on average of five pairs": abs(gap.mean()) < 0.02},
      f"{100 * gap.mean():+.1f} ± {100 * gap.std():.1f} points")
judge("is as fast", {"here": np.median(ratio) >= 1},
      f"{np.median(ratio):.2f} times Keras's ({ratio.min():.2f} to {ratio.max():.2f})")
plots.table({"seed": range(5), "yours": accuracies[:, 0], "Keras": accuracies[:, 1],
             "Keras's seconds, over yours": ratio}, decimals=3)

# %% [markdown]
# Each pair differs by its dropout masks, so single differences go both ways, and their mean lies
# within their spread. The last column is the median over pairs of steps; above 1 yours is faster.
# It depends on the machine, so it is printed and not promised.
#
# ## A process that has never seen this notebook
#
# A `.keras` file has the *names* of your classes, not their text. So the text goes into the folder too, a
# file each, with the data and a script of a dozen lines. That is how you hand a model on. Where all blocks
# are yours, the folder needs neither this notebook nor the course.
#
# The checkpoint is the one that the race left half-way with seed 0. The net that was never stopped is
# still here: the new process has to come to its weights.

# %%
GO_ON = """
import sys
from importlib import import_module

import numpy as np
from Checkpoint import Checkpoint
from train import train

steps, *names = sys.argv[1:]
blocks = {name: getattr(import_module(name), name) for name in names}
net = Checkpoint(".").load(custom_objects=blocks)
with np.load("data.npz") as data:
    train(net, int(steps), data["images"], data["labels"])
np.savez("weights.npz", *net.get_weights())
"""

# %% tags=["nbval-ignore-output"]
import os
import subprocess
from utils.sources import standalone

folder, net = folders[0], races[0][0][0]  # the checkpoint half-way, and the net at its end
blocks = custom_objects(yours)
for name, block in {**blocks, "Checkpoint": Checkpoint, "train": train}.items():
    (folder / f"{name}.py").write_text(standalone(block), encoding="utf-8")
(folder / "go_on.py").write_text(GO_ON)
np.savez(folder / "data.npz", images=x_train, labels=y_train)

command = [sys.executable, "go_on.py", str(STEPS), *blocks]
environment = {**os.environ, "PYTHONPATH": str(root)}  # for blocks in which the course stands in
done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
assert done.returncode == 0, done.stderr
with np.load(folder / "weights.npz") as kept:
    is_same = same(net.get_weights(), [kept[name] for name in kept.files])
assert is_same
judge("goes on in a fresh process", {"bit for bit": is_same}, f"{STEPS // 2} steps")
sorted(file.name for file in folder.iterdir())

# %% [markdown]
# ## Find the bug
#
# A colleague compiles the loaded net once more, as one compiles a net. It trains, and nothing warns.

# %%
class ColleaguesCheckpoint(Checkpoint):
    def load(self, custom_objects=None):
        model = super().load(custom_objects)
        with keras.saving.custom_object_scope(custom_objects or {}):
            optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        model.compile(optimizer, model.loss)
        return model

# %%
predict(
    "18-colleague",
    "Stopped half-way, and trained on with the colleague's checkpoint: the test accuracy is…",
    choices=["2 points lower or more", "within 2 points", "2 points higher or more"],
    guess=None,
)

# %% tags=["nbval-ignore-output"]
scores, rates = [], []
for folder in folders:
    net = ColleaguesCheckpoint(folder).load(custom_objects(yours))
    rates.append([])
    for step in range(STEPS // 2, STEPS):
        net.train_on_batch(*batch(step, x_train, y_train))
        rates[-1].append(float(net.optimizer.learning_rate))
    scores.append(accuracy(net))

# %% tags=["nbval-ignore-output"]
lost = accuracies[:, 0] - scores
steps = np.arange(1, STEPS + 1)
right = [float(yours.CosineDecay(0.003, STEPS)(step)) for step in steps]
figure, (left, middle) = plt.subplots(1, 2, figsize=(10, 4))
plots.lines(steps, {"never stopped": right, "colleague": right[: STEPS // 2] + rates[0]},
            title="The rate jumps back up", xlabel="training step", ylabel="learning rate", ax=left)
plots.dots({"never stopped": accuracies[:, 0], "colleague": scores}, ax=middle, decimals=3,
           title="The bug looks like progress", xlabel="test accuracy")
plots.show(alt="Left, the rate falls in half a cosine; the colleague's starts anew half-way. "
           "Right, test accuracies of five seeds: the colleague's are all higher.")
if DATA == "glyphs":
    assert lost.mean() < -0.02
reveal("18-colleague", ["2 points higher or more", "within 2 points", "2 points lower or more"][
    np.digitize(lost.mean(), [-0.02, 0.02])])
judge("is spoilt by an optimizer that starts anew", {"by 2 points": lost.mean() > 0.02},
      f"{-100 * lost.mean():+.1f} ± {100 * lost.std():.1f} points")
plots.table({"seed": range(5), "never stopped": accuracies[:, 0], "colleague": scores}, decimals=3)

# %% [markdown]
# The moments are at zero again, the counter too, and with it the schedule: the rate jumps up half-way and
# never comes down to the end. Here that even helps, for so short a training gains by every
# long step; a longer schedule would have given the same, on purpose. A bug that looks like progress is
# one that nobody looks for. What convicts it is a comparison that allows for nothing.
#
# Given: a net with all that can be forgotten, and steps on it. Both are quick.

# %% export="training"
def small_net():
    """A compiled net with slots, a schedule, moving statistics and two streams of masks."""
    layers = [keras.layers.Dropout(0.3, seed=1), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.5, seed=2), keras.layers.Dense(1)]
    net = keras.Sequential([keras.Input((4,)), *layers])
    net.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 20)), "mse")
    return net


# %% export="training"
def make_steps(net, number):
    """Train on, by a number of steps that are all on the same numbers."""
    inputs = np.sin(np.arange(24, dtype="float32")).reshape(6, 4)
    for _ in range(number):
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(net(inputs, training=True) - 1))
        weights = net.trainable_variables
        net.optimizer.apply(tape.gradient(loss, weights), weights)


# %% [markdown]
# ### Exercise 18.3 · `goes_on_exactly`
# *Difficulty 3 of 5 · not needed again · 10 minutes*

# %% exercise="goes_on_exactly" export="training"
def goes_on_exactly(checkpoint_class, folder):
    """Whether a training that was kept and loaded makes the steps that it would have made.

    Args:
        checkpoint_class: as `Checkpoint`.
        folder: an empty one.

    Returns True or False.
    """
    net = small_net()
    ### BEGIN SOLUTION
    # TODO: Train, so that nothing is at its beginning any more; then keep the net.
    make_steps(net, 1)
    checkpoint_class(folder).save(net)
    # TODO: Go on. What do the weights come to?
    make_steps(net, 1)
    right = net.get_weights()
    # TODO: The same steps from what another checkpoint object loads: the same weights, bit for bit?
    loaded = checkpoint_class(folder).load()
    make_steps(loaded, 1)
    pairs = zip(right, loaded.get_weights(), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)
    ### END SOLUTION


# %%
check(goes_on_exactly, strict=True)
# hint("goes_on_exactly")
# solution("goes_on_exactly")
goes_on_exactly = finish(goes_on_exactly)

# %%
suspects = {"yours": Checkpoint, "the colleague's": ColleaguesCheckpoint}
verdicts = [goes_on_exactly(suspect, tempfile.mkdtemp()) for suspect in suspects.values()]
assert verdicts == [True, False]
plots.table({"checkpoint": suspects, "goes on exactly": verdicts})

# %% [markdown]
# ## The verdicts

# %% tags=["nbval-ignore-output"]
judge

# %% [markdown]
# ## Your record
#
# The course has kept what you checked and predicted. Here it is, for you alone: what you built, which
# known mistakes you met and mended, and how good your predictions were. Beside your hits stands what
# guessing would have hit: with three choices, every third.

# %% tags=["nbval-ignore-output"]
from utils import progress, record

events = progress.events()
plots.show(alt=record.draw(events))
record.keep(events)

# %% [markdown]
# The page is an HTML file that needs nothing else. Nothing in it names your machine.
#
# ## What can go wrong
#
# **Other random numbers after a load.** A layer of Keras that draws keeps its stream in `variables`, not in
# `weights`, and a `.keras` file holds weights. `save_weights` leaves out the optimizer too.
#
# **A class that is not found.** `load_model` asks for `custom_objects`, or for a class registered with
# `keras.saving.register_keras_serializable`. Either way the *text* has to be there: a class
# that lives in a notebook only dies with it.
#
# **Order by chance.** `fit` with `shuffle=True` draws the order of an epoch from a state of its own, and begins
# a new epoch where you resume in the middle of one. An order that is computed from the step needs
# no memory.
#
# **Killed while it saves.** A checkpoint that is overwritten in place may be half of the old and half of the
# new one. Save to a new folder and rename it when it is complete.
#
# **Bit for bit, elsewhere.** Another processor, another number of threads or a graphics card sums in another order.
# There compare within a tolerance, and test exactness where you have it.
#
# **Shapes of "same".** With a stride, Keras pads more at the end than at the beginning, PyTorch the same on both
# sides. Weights carried over then give other outputs.
#
# ## Summary
#
# - A convolution is a small dense layer at every place: few weights, the same everywhere.
# - A net of your blocks learns what Keras's learns, from the same weights, within the spread of seeds.
# - A training is more than its weights: slots, counter, schedule, streams, order of the data. What a `.keras` file
#   holds of these, you have measured.
# - A wrong resume trains, and may even look better. Only an exact comparison convicts it, and it is cheap.
#
# **To think about**
#
# 1. Training goes on with twice the batch size. What of the state still has a meaning, and what would you
#    change?
# 2. Which of your predictions surprised you most, and what did you believe that made it so?
# 3. Of all your blocks: which would you trust in production, and what would you test first?
