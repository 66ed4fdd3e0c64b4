"""Exam of lesson 15: statistics of batch normalization measured again, with dropout off.

Dropout at rate 1 stands for any dropout: in training it gives 0, whatever chance has to say.
"""

import keras
import numpy as np

from solutions.blocks.normalization import BatchNormalization

from ._exam import Exam, Mistake, see
from ._oracle import normal, weight

LAYERS = keras.layers


def _net(*layers, shape=(3,)):
    """A model of these layers, each of its weights a random number, never an initial one."""
    model = keras.Sequential([keras.Input(shape), *layers])
    for place, each in enumerate(model.weights):
        if "seed" not in each.path:
            each.assign(normal(*each.shape, seed=place, mean=1.2, scale=0.5) ** 2 + 0.1)
    return model


def _normalizations(model):
    return [layer for layer in model.layers if hasattr(layer, "moving_mean")]


def _right(model, inputs):
    """Mean and variance for each normalization, in float64, as inference brings them."""
    statistics, values = [], np.asarray(inputs, "float64")
    for layer in model.layers:
        if hasattr(layer, "moving_mean"):
            axis = layer.axis % values.ndim
            others = tuple(each for each in range(values.ndim) if each != axis)
            mean, variance = (f(values, axis=others, keepdims=True) for f in (np.mean, np.var))
            statistics.append((np.ravel(mean), np.ravel(variance)))
            shape = mean.shape
            gamma, beta = (np.reshape(getattr(layer, n), shape) for n in ("gamma", "beta"))
            values = gamma * (values - mean) / np.sqrt(variance + layer.epsilon) + beta
        else:
            values = np.asarray(layer(values.astype("float32"), training=False), "float64")
    return statistics


def _look(reestimate_statistics, model, inputs, given):
    """What the normalizations of a model hold afterwards."""
    right = _right(model, inputs)
    reestimate_statistics(model, inputs)
    for place, (layer, (mean, variance)) in enumerate(
        zip(_normalizations(model), right, strict=True), start=1
    ):
        which = f" of normalization {place}" if len(right) > 1 else ""
        for name, value in (("moving_mean", mean), ("moving_variance", variance)):
            yield see(name + which, weight(layer, name), value, given, tolerance=1e-4)


def measures_what_reaches_the_layer(reestimate_statistics):
    """The mean of 1, 2, 3 and 6 is 3, the variance 3.5."""
    model = _net(LAYERS.BatchNormalization(), shape=(1,))
    reestimate_statistics(model, np.array([[1.0], [2.0], [3.0], [6.0]], "float32"))
    layer, given = model.layers[0], "a batch normalization and inputs 1, 2, 3 and 6"
    yield see("moving_mean", layer.moving_mean, [3.0], given)
    yield see("moving_variance", layer.moving_variance, [3.5], given)


def goes_through_the_net(reestimate_statistics):
    """Every normalization sees what the ones before it give out with their new statistics."""
    model = _net(
        LAYERS.Dense(4),
        LAYERS.BatchNormalization(epsilon=0.1),
        LAYERS.ReLU(),
        LAYERS.Dense(5),
        LAYERS.BatchNormalization(),
        LAYERS.Dense(2),
    )
    given = "two blocks of Dense, BatchNormalization and ReLU, and 12 examples"
    yield from _look(reestimate_statistics, model, normal(12, 3, mean=0.5), given)


def leaves_dropout_off(reestimate_statistics):
    """Dropout is off, as in inference."""
    model = _net(
        LAYERS.Dropout(1.0),
        LAYERS.BatchNormalization(),
        LAYERS.ReLU(),
        LAYERS.Dropout(1.0),
        LAYERS.Dense(4),
        LAYERS.BatchNormalization(),
    )
    given = "Dropout(1.0) before each of two normalizations"
    yield from _look(reestimate_statistics, model, normal(10, 3, mean=0.5), given)


def measures_all_examples_together(reestimate_statistics):
    """The variance is that of all examples, also of 300 of them, sorted by size."""
    inputs = np.sort(normal(300, 2, mean=1.0, scale=2.0), axis=0)
    model = _net(LAYERS.BatchNormalization(), shape=(2,))
    yield from _look(reestimate_statistics, model, inputs, "300 examples in rising order")


def finds_your_own_class(reestimate_statistics):
    """Your own BatchNormalization counts, too: it is no subclass of Keras's."""
    model = _net(LAYERS.Dense(4), BatchNormalization(), LAYERS.ReLU(), LAYERS.Dense(2))
    given = "the course's BatchNormalization after a Dense"
    yield from _look(reestimate_statistics, model, normal(9, 3), given)


def measures_over_pixels(reestimate_statistics):
    """Images: a mean for each channel, over examples and pixels."""
    model = _net(LAYERS.BatchNormalization(), shape=(4, 5, 3))
    given = "images of shape (4, 5, 3)"
    yield from _look(reestimate_statistics, model, normal(6, 4, 5, 3, mean=0.3), given)


def asks_for_the_axis(reestimate_statistics):
    """The layer's `axis` says where the channels are."""
    model = _net(LAYERS.BatchNormalization(axis=1), shape=(3, 4, 5))
    given = "images of shape (3, 4, 5) and axis=1"
    yield from _look(reestimate_statistics, model, normal(6, 3, 4, 5, mean=0.3), given)


def includes_frozen_layers(reestimate_statistics):
    """A frozen normalization is measured as well."""
    model = _net(LAYERS.Dense(3), LAYERS.BatchNormalization(), LAYERS.ReLU(), BatchNormalization())
    for layer in _normalizations(model):
        layer.trainable = False
    given = "two normalizations with trainable=False"
    yield from _look(reestimate_statistics, model, normal(8, 3), given)


def changes_nothing_else(reestimate_statistics):
    """All else stays as it was: weights, momentum, rates, what is trainable."""
    model = _net(
        LAYERS.Dense(4),
        BatchNormalization(momentum=0.8),
        LAYERS.ReLU(),
        LAYERS.Dropout(0.3),
        LAYERS.BatchNormalization(momentum=0.7),
    )
    for place in (0, 4):
        model.layers[place].trainable = False
    seeds = np.array(model.layers[3].seed_generator.state)
    kept = [w for w in model.weights if "moving" not in w.path and "seed" not in w.path]
    before = [np.array(w) for w in kept]
    inputs = normal(8, 3)
    as_given = inputs.copy()
    reestimate_statistics(model, inputs)
    moved = max(np.abs(np.array(w) - b).max() for w, b in zip(kept, before, strict=True))
    yield see("largest change of another weight", moved, 0.0)
    yield see("array of inputs afterwards", inputs, as_given)
    numbers = [model.layers[1].momentum, model.layers[3].rate, model.layers[4].momentum]
    yield see("list of momentum, rate and momentum", numbers, [0.8, 0.3, 0.7])
    is_kept = [layer.trainable for layer in model.layers] == [False, True, True, True, False]
    yield see("answer to 'is every `trainable` as it was?'", is_kept, True)
    drawn = int(np.sum(np.array(model.layers[3].seed_generator.state) != seeds))
    yield see("number of changes in the state of dropout's seeds", drawn, 0)


FINDS = 'if hasattr(layer, "moving_mean"):'
AXES = "axes = [axis for axis in range(rank) if axis != layer.axis % rank]"
MOMENTS = "mean, variance = ops.moments(inputs, axes)"
MEAN, VARIANCE = "layer.moving_mean.assign(mean)", "layer.moving_variance.assign(variance)"
ON = "inputs = layer(inputs, training=False)"
LOOP = "for layer in model.layers:"
BODY = f"""{FINDS}
            rank = len(inputs.shape)
            {AXES}
            {MOMENTS}
            {MEAN}
            {VARIANCE}
        {ON}"""


def _in_training(before: str = "", calls: str = "model(inputs, training=True)") -> str:
    """What to put for `LOOP`: the whole model in training, and no loop that does anything."""
    return f"{before}{calls}\n    for layer in []:"


NO_MOMENTUM = (
    "for layer in model.layers:\n"
    '        if hasattr(layer, "moving_mean"):\n'
    "            layer.momentum, layer.trainable = 0.0, True\n    "
)
NO_RATES = (
    "for layer in model.layers:\n"
    '        if hasattr(layer, "rate"):\n'
    "            layer.rate = 0.0\n    "
)

REESTIMATE = Exam(
    name="reestimate_statistics",
    block="normalization",
    probes=(
        measures_what_reaches_the_layer,
        goes_through_the_net,
        leaves_dropout_off,
        measures_all_examples_together,
        finds_your_own_class,
        measures_over_pixels,
        asks_for_the_axis,
        includes_frozen_layers,
        changes_nothing_else,
    ),
    mistakes=(
        Mistake(
            "dropout-on",
            find=ON,
            put=ON.replace("False", "True"),
            says="You call the layers with training=True: dropout is on again, and so are the statistics "
            "that you want to be rid of.",
        ),
        Mistake(
            "one-call-in-training",
            find=LOOP,
            put=_in_training(),
            says="One call in training moves the averages a single step, by 1 - momentum, and with dropout "
            "on. Measure the statistics and assign them.",
        ),
        Mistake(
            "momentum-zero-dropout-on",
            find=LOOP,
            put=_in_training(
                "momenta = {}\n    for layer in model.layers:\n"
                '        if hasattr(layer, "moving_mean"):\n'
                "            momenta[layer], layer.momentum = layer.momentum, 0.0\n    ",
                "model(inputs, training=True)\n"
                "    for layer in momenta:\n"
                "        layer.momentum = momenta[layer]",
            ),
            says="With momentum 0 a call in training takes the batch's statistics, but dropout drops in it, "
            "and frozen layers do not follow.",
        ),
        Mistake(
            "momentum-left-at-zero-dropout-on",
            find=LOOP,
            put=_in_training(NO_MOMENTUM.replace(", layer.trainable = 0.0, True", " = 0.0")),
            says="With momentum 0 a call in training takes the batch's statistics, but dropout drops in it, "
            "frozen layers do not follow, and the momentum stays 0 afterwards.",
        ),
        Mistake(
            "called-in-training-first",
            find=LOOP,
            put="model(inputs, training=True)\n    " + LOOP,
            says="You call the model in training first. That draws a mask and so changes the state of "
            "dropout's seeds; nothing else may change. Leave that call out.",
        ),
        Mistake(
            "thawed",
            find=FINDS,
            put=FINDS + "\n            layer.trainable = True",
            says="You set `trainable` to True on frozen layers and leave it so. It need not be touched: "
            "`assign` works on a frozen layer too.",
        ),
        Mistake(
            "momentum-and-rates-left-at-zero",
            find=LOOP,
            put=_in_training(NO_MOMENTUM + NO_RATES),
            says="You set momentum and rates to 0 for one call in training, and leave them there. Give them "
            "back, or measure in inference.",
        ),
        Mistake(
            "average-with-momentum",
            find=MEAN,
            put="mean = update_moving_average(layer.moving_mean, mean, 0.99)\n"
            "            variance = update_moving_average(layer.moving_variance, variance, 0.99)\n"
            "            " + MEAN,
            says="You mix the new statistics into the old ones by a momentum. The old ones are what is "
            "wrong: replace them.",
        ),
        Mistake(
            "replaced-by-a-tensor",
            find=f"{MEAN}\n            {VARIANCE}",
            put="layer.moving_mean, layer.moving_variance = mean, variance",
            says="You put tensors in place of the layer's variables. Its `weights`, which are what is "
            "saved, keep the old values: use `assign`.",
        ),
        Mistake(
            "mean-of-variances",
            find=MOMENTS,
            put="parts = [ops.moments(inputs[start : start + 32], axes) "
            "for start in range(0, len(inputs), 32)]\n"
            "            mean, variance = (ops.mean(ops.stack(each), axis=0) "
            "for each in zip(*parts))",
            says="You average the statistics of batches of 32. The mean of their variances lacks the "
            "variance of their means: measure all examples together.",
        ),
        Mistake(
            "first-batch-only",
            find=MOMENTS,
            put=MOMENTS.replace("inputs", "inputs[:32]"),
            says="You measure the first 32 examples. Measure all of them.",
        ),
        Mistake(
            "old-statistics-before-it",
            find=f"{MEAN}\n            {VARIANCE}\n        {ON}",
            put=f"outputs = layer(inputs, training=False)\n            {MEAN}\n            {VARIANCE}\n"
            f"            inputs = outputs\n        else:\n            {ON}",
            says="Your layers give out what the old statistics make of their inputs. Assign the new ones "
            "first, and call the layer then.",
        ),
        Mistake(
            "unbiased-variance",
            find=VARIANCE,
            put="count = float(np.prod([inputs.shape[axis] for axis in axes]))\n            "
            + VARIANCE.replace("variance)", "variance * count / (count - 1))"),
            says="Your variance divides by n - 1. Keras, like the paper, divides by n.",
        ),
        Mistake(
            "variance-plus-epsilon",
            find=VARIANCE,
            put=VARIANCE.replace("variance)", "variance + layer.epsilon)"),
            says="You store the variance plus epsilon. The layer adds it itself: store the variance.",
        ),
        Mistake(
            "standard-deviation",
            find=VARIANCE,
            put=VARIANCE.replace("variance)", "ops.sqrt(variance))"),
            says="You store the standard deviation. The layer takes the root itself: store the variance.",
        ),
        Mistake(
            "around-the-old-mean",
            find=MOMENTS,
            put=MOMENTS + "\n            variance = variance + (mean - layer.moving_mean) ** 2",
            says="You measure the variance around the old mean. Measure it around the new one.",
        ),
        Mistake(
            "square-without-mean",
            find=MOMENTS,
            put=MOMENTS + "\n            variance = variance + mean**2",
            says="Your variance is the mean square. Subtract the mean first.",
        ),
        Mistake(
            "variance-only",
            find=MEAN,
            put="pass",
            says="Your moving means stay the old ones. Assign both statistics.",
        ),
        Mistake(
            "mean-only",
            find=VARIANCE,
            put="pass",
            says="Your moving variances stay the old ones. Assign both statistics.",
        ),
        Mistake(
            "swapped",
            find=MOMENTS,
            put="variance, mean = ops.moments(inputs, axes)",
            says="Mean and variance have changed places.",
        ),
        Mistake(
            "outputs-measured",
            find=MOMENTS,
            put="mean, variance = ops.moments(layer(inputs, training=False), axes)",
            says="You measure what the layer gives out. Measure what reaches it.",
        ),
        Mistake(
            "measured-after-the-layer",
            find=BODY,
            put=f"{ON}\n        {BODY.removesuffix(ON).rstrip()}",
            says="You call the layer first and measure what it gave out. Measure what reaches it, assign, "
            "and call it then.",
        ),
        Mistake(
            "not-handed-on",
            find=ON,
            put="layer(inputs, training=False)",
            says="You give every layer the model's inputs. Each one gets the output of the one before.",
        ),
        Mistake(
            "normalizations-passed-over",
            find=ON,
            put='if not hasattr(layer, "moving_mean"):\n            ' + ON,
            says="Your inputs pass by the normalizations. They have to go through them too, with the new "
            "statistics.",
        ),
        Mistake(
            "first-normalization-only",
            find=VARIANCE,
            put=VARIANCE + "\n            break",
            says="You stop after the first normalization. Go on through the net.",
        ),
        Mistake(
            "keras-class-only",
            find=FINDS,
            put="if isinstance(layer, keras.layers.BatchNormalization):",
            says="You look for Keras's class. Yours is no subclass of it, and keeps its old statistics: ask "
            "for `moving_mean`.",
        ),
        Mistake(
            "your-class-only",
            find=FINDS,
            put="if isinstance(layer, BatchNormalization):",
            says="You look for your own class. Keras's is no subclass of it, and keeps its old statistics: "
            "ask for `moving_mean`.",
        ),
        Mistake(
            "frozen-left-out",
            find=FINDS,
            put='if hasattr(layer, "moving_mean") and layer.trainable:',
            says="You leave frozen layers out. Their statistics may be as wrong as the others'.",
        ),
        Mistake(
            "axis-0-only",
            find=AXES,
            put="axes = [0]",
            says="You measure over the examples alone. Where there are pixels it is over these too: over "
            "every axis but the features'.",
        ),
        Mistake(
            "last-axis",
            find=AXES,
            put="axes = list(range(rank - 1))",
            says="You take the last axis for that of the features. Ask the layer for its `axis`.",
        ),
        Mistake(
            "all-axes",
            find=AXES,
            put="axes = list(range(rank))",
            says="You measure over all axes. Leave out the features': each has a mean of its own.",
        ),
        Mistake(
            "negative-axis",
            find=AXES,
            put="axes = [axis for axis in range(rank) if axis != layer.axis]",
            says="An `axis` of -1 equals none of 0, 1, …: take it modulo the rank.",
        ),
    ),
    hints=(
        "Walk through `model.layers` as in lesson 02, each layer getting what the one before gave out.",
        "`hasattr` tells a batch normalization by its `moving_mean`. Its statistics are over every axis but "
        "`layer.axis`, which may be negative.",
        "Assign first, call the layer then: what it gives out must be by the new statistics. And say "
        "training=False.",
    ),
    why="Assigned layer by layer, the new statistics are exact: each normalization is measured when all "
    "before it are done. A call in training with momentum 0 comes to the same where dropout can be switched "
    "off and nothing is frozen; here nothing has to be switched, and nothing given back.",
)

EXAMS = (REESTIMATE,)
