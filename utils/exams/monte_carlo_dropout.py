"""Exam of lesson 09: predictions with dropout switched on, many times, and nothing else in training.

A dropout at rate 0.8 makes 0 or 5 of a one. The mean of three passes is then one of four numbers, and
the spread one of two: exact values, whatever the masks are. Chance refuses a right answer less than once
in 10^12 checks: `tests/test_dropout_family.py`.
"""

import functools

import keras
import numpy as np

from solutions.blocks.normalization import BatchNormalization

from ._exam import Exam, Mistake, see
from ._noise import few, numbers
from ._oracle import normal
from .dropout import DROPOUT

RATE, PASSES, CROWD = 0.8, 3, (100, 100)  # of the probes: 10,000 units
MEANS = [0.0, 1.67, 3.33, 5.0]  # of three passes, as shares of what inference gives
SPREADS = [0.0, 2.36]
LAYERS = keras.layers


def distinct(values):
    """The different values, rounded, in a few words; of the right shape, or they are left to chance."""
    if np.shape(values) != CROWD:
        return "numbers in another shape"
    return few(np.unique(np.round(numbers(values), 2) + 0.0))


@functools.lru_cache
def drops(monte_carlo):
    """Whether a pass differs from inference; one that fails is left to the probes."""
    # That each of 10,000 units is kept: 0.2**10000.
    model = keras.Sequential([keras.Input(CROWD[1:]), LAYERS.Dropout(RATE)])
    try:
        mean, _ = monte_carlo(model, np.ones(CROWD, "float32"), num_passes=1)
        return not np.array_equal(numbers(mean), np.ones(CROWD))
    except Exception:
        return True


def if_it_drops(probe):
    """`probe`, unless nothing is dropped: `predict` would take long to say no more than that."""

    @functools.wraps(probe)
    def look(monte_carlo):
        if drops(monte_carlo):
            yield from probe(monte_carlo)

    return look


def drops_in_every_pass(monte_carlo):
    """In each pass units are dropped."""
    given = f"Dropout({RATE}), inputs of ones and num_passes=1"
    yield see("claim that units are dropped", drops(monte_carlo), True, given)


def takes_the_mean_of_passes_that_differ(monte_carlo):
    """Every pass has masks of its own, and the first result is the mean over the passes."""
    # That one of the four means is missing: 4 * (1 - 0.2**3)**10000 < 1e-34.
    ones = np.ones(CROWD, "float32")
    for seed in (None, 3):
        model = keras.Sequential([keras.Input(CROWD[1:]), LAYERS.Dropout(RATE, seed=seed)])
        mean, spread = monte_carlo(model, ones, num_passes=PASSES)
        given = f"Dropout({RATE}, seed={seed}), inputs of ones and num_passes={PASSES}"
        for what, values in (("mean", mean), ("spread", spread)):
            yield see(f"shape of the {what}", np.shape(values), CROWD, given)
        yield see("list of means", distinct(mean), MEANS, given)


def measures_the_spread(monte_carlo):
    """The second result is the standard deviation over the passes: it divides by their number."""
    # As above.
    model = keras.Sequential([keras.Input(CROWD[1:]), LAYERS.Dropout(RATE)])
    _, spread = monte_carlo(model, np.ones(CROWD, "float32"), num_passes=PASSES)
    given = f"Dropout({RATE}), inputs of ones and num_passes={PASSES}, passes of 0 and of 5"
    yield see("list of spreads", distinct(spread), SPREADS, given)


def makes_fifty_passes_unless_told(monte_carlo):
    """Without a word about it there are 50 passes."""
    model = keras.Sequential([keras.Input(CROWD[1:]), LAYERS.Dropout(RATE)])
    mean, _ = monte_carlo(model, np.ones(CROWD, "float32"))
    passes = numbers(mean) * 50 / 5  # in which a unit was kept
    is_fifty = np.allclose(passes, np.round(passes), atol=1e-3) and len(np.unique(passes)) > 5
    given = f"Dropout({RATE}) and inputs of ones"
    yield see("claim that means are fiftieths of 5", is_fifty, True, given)


def leaves_normalization_in_inference(monte_carlo):
    """Batch normalization stays in inference: it uses its moving averages, and does not move them."""
    normalization = LAYERS.BatchNormalization()
    yield from _rests(monte_carlo, normalization, normalization, "BatchNormalization of Keras")


def leaves_your_normalization_in_inference(monte_carlo):
    """Batch normalization of the course, which is no subclass of Keras's, stays in inference too."""
    normalization = BatchNormalization()
    yield from _rests(monte_carlo, normalization, normalization, "BatchNormalization of the course")


def leaves_normalization_inside_in_inference(monte_carlo):
    """Batch normalization in a model inside the model stays in inference too."""
    normalization = LAYERS.BatchNormalization()
    inner = keras.Sequential([keras.Input(CROWD[1:]), normalization])
    yield from _rests(monte_carlo, normalization, inner, "a model of BatchNormalization")


def _rests(monte_carlo, normalization, layer, what):
    """What becomes of `normalization`, which is `layer` or inside it, in front of a dropout."""
    # Of inputs of 5 the batch's own statistics make 3, beta; initial averages 5; the right ones 7.
    # That one of the four means is missing: as above.
    inputs = np.full(CROWD, 5, "float32")
    model = keras.Sequential([keras.Input(CROWD[1:]), layer, LAYERS.Dropout(RATE)])
    normalization.set_weights([np.full(CROWD[1], value) for value in (2, 3, 4, 0.249)])
    before = [numbers(each) for each in model.weights]
    mean, _ = monte_carlo(model, inputs, num_passes=PASSES)
    unmoved = all(
        np.array_equal(*pair) for pair in zip(before, map(numbers, model.weights), strict=True)
    )
    given = f"{what}, Dropout({RATE}), equal inputs and num_passes={PASSES}"
    yield see("claim that the moving averages are as before", unmoved, True, given)
    yield see("list of means, mean / inference,", distinct(numbers(mean) / 7), MEANS, given)


def leaves_the_model_as_it_is(monte_carlo):
    """The model is afterwards what it was: weights, what is trainable, and what it predicts."""
    inputs, frozen = normal(*CROWD), LAYERS.Dense(4, trainable=False)
    layers = [LAYERS.Dense(8), LAYERS.BatchNormalization(), LAYERS.Dropout(RATE), frozen]
    model = keras.Sequential([keras.Input(CROWD[1:]), *layers])
    inference = numbers(model(inputs))
    monte_carlo(model, inputs, num_passes=PASSES)
    trainable = [str(each.trainable) for each in (model, *model.layers)]
    right = ["True", "True", "True", "True", "False"]
    given = "Dense, BatchNormalization, Dropout and a frozen Dense"
    yield see("list of `trainable`, of the model and its layers,", trainable, right, given)
    alike = np.array_equal(numbers(model(inputs)), inference)
    yield see("claim that inference gives the same, bit for bit", alike, True, given)


def reaches_every_dropout(monte_carlo):
    """Dropout works wherever it stands: beside a skip connection, in a model inside the model."""
    # As above.
    ones, inputs = np.ones(CROWD, "float32"), keras.Input(CROWD[1:])
    skip = keras.Model(inputs, LAYERS.Dropout(RATE)(inputs) + inputs)
    mean, _ = monte_carlo(skip, ones, num_passes=PASSES)
    right = [1 + value for value in MEANS]
    yield see("list of means", distinct(mean), right, f"inputs of ones, Dropout({RATE}) added")
    inner = keras.Sequential([keras.Input(CROWD[1:]), LAYERS.Dropout(RATE)])
    nested = keras.Sequential([keras.Input(CROWD[1:]), inner, LAYERS.Activation("linear")])
    mean, _ = monte_carlo(nested, ones, num_passes=PASSES)
    given = f"inputs of ones, a model of Dropout({RATE}) in a model"
    yield see("list of means", distinct(mean), MEANS, given)


def wakes_the_whole_family(monte_carlo):
    """It is not Keras's `Dropout` alone that is switched on: yours is, and so are the relatives."""
    # That 30,000 units of Gaussian noise, or 100 maps of three fair coins, are all the same: < 1e-60.
    relatives = (DROPOUT.reference, LAYERS.GaussianDropout, LAYERS.AlphaDropout)
    for relative in (*relatives, LAYERS.SpatialDropout1D):
        model = keras.Sequential([keras.Input((3, CROWD[1])), relative(0.5)])
        _, spread = monte_carlo(model, np.ones((100, 3, CROWD[1]), "float32"), num_passes=PASSES)
        is_on = bool(numbers(spread).any())
        origin = "Keras" if relative.__module__.startswith("keras") else "the course"
        given = f"{relative.__name__} of {origin}"
        yield see("claim that passes differ", is_on, True, given)


# --- The exam ---------------------------------------------------------------------------------------

COPY = "awake = keras.models.clone_model(model)"
WEIGHTS = "awake.set_weights(model.get_weights())"
FREEZE = "awake.trainable = False"
STACK = "outputs = ops.stack([awake(inputs, training=True) for _ in range(num_passes)])"
STATISTICS = "statistics = ops.mean(outputs, axis=0), ops.std(outputs, axis=0)"

MONTE_CARLO = Exam(
    name="monte_carlo",
    block="dropout",
    probes=(
        drops_in_every_pass,
        *map(
            if_it_drops,
            (
                takes_the_mean_of_passes_that_differ,
                measures_the_spread,
                makes_fifty_passes_unless_told,
                leaves_normalization_in_inference,
                leaves_your_normalization_in_inference,
                leaves_normalization_inside_in_inference,
                leaves_the_model_as_it_is,
                reaches_every_dropout,
                wakes_the_whole_family,
            ),
        ),
    ),
    mistakes=(
        Mistake(
            "predicts",
            find=STACK,
            put=STACK.replace("training=True", "training=False"),
            says="Your passes are in inference, as those of `predict`: nothing is dropped, and all are the "
            "same. Call the model with training=True.",
        ),
        Mistake(
            "normalization-in-training",
            find=STACK,
            put=STACK.replace("awake(", "model("),
            says="You call the whole model with training=True. That wakes batch normalization too: it uses "
            "the statistics of this batch, and moves its averages. Freeze it, in a copy of the model.",
        ),
        Mistake(
            "normalization-in-training-in-a-copy",
            find=FREEZE,
            put="pass",
            says="In your copy batch normalization uses the statistics of this batch. A layer with "
            "trainable=False rests in training too; dropout does not.",
        ),
        Mistake(
            "freezes-keras-normalization-alone",
            find=FREEZE,
            put="for layer in awake._flatten_layers():\n"
            "        if isinstance(layer, keras.layers.BatchNormalization):\n"
            "            layer.trainable = False",
            says="You freeze batch normalizations of Keras's class alone. Yours is no subclass of it, and "
            "goes on training. Freeze the whole copy: dropout does not notice.",
        ),
        Mistake(
            "freezes-your-normalization-alone",
            find=FREEZE,
            put="from solutions.blocks.normalization import BatchNormalization\n"
            "    for layer in awake._flatten_layers():\n"
            "        if isinstance(layer, BatchNormalization):\n"
            "            layer.trainable = False",
            says="You freeze batch normalizations of your own class alone. Keras's is no subclass of it, and "
            "goes on training. Freeze the whole copy: dropout does not notice.",
        ),
        Mistake(
            "freezes-outer-normalization-alone",
            find=FREEZE,
            put="for layer in awake.layers:\n"
            '        if type(layer).__name__ == "BatchNormalization":\n'
            "            layer.trainable = False",
            says="You look for batch normalization among the model's own layers. One in a model inside the "
            "model goes on training. Freeze the whole copy.",
        ),
        Mistake(
            "freezes-outer-normalization-of-keras-alone",
            find=FREEZE,
            put="for layer in awake.layers:\n"
            "        if isinstance(layer, keras.layers.BatchNormalization):\n"
            "            layer.trainable = False",
            says="You freeze batch normalizations of Keras's class, among the model's own layers, and none "
            "else: not yours, which is no subclass of it, and none in a model inside the model. Freeze the "
            "whole copy: dropout does not notice.",
        ),
        Mistake(
            "freezes-the-model-itself",
            find=COPY,
            put="awake = model",
            says="You freeze the model itself, and leave it so: it cannot be trained any more. Freeze a "
            "copy, or give back what was trainable.",
        ),
        Mistake(
            "thaws-all-layers",
            find=STACK,
            put=STACK.replace("awake(", "model(").replace(
                "outputs", "model.trainable = False\n    outputs"
            )
            + "\n    model.trainable = True",
            says="Layers that were frozen before are trainable afterwards: `model.trainable = True` reaches "
            "all of them. Work with a copy, or give each layer back what it had.",
        ),
        Mistake(
            "weights-forgotten",
            find=WEIGHTS,
            put="pass",
            says="Your copy has weights of its own: `clone_model` does not copy them.",
        ),
        Mistake(
            "one-pass-repeated",
            find=STACK,
            put="outputs = ops.stack([awake(inputs, training=True)] * num_passes)",
            says="You make one pass and count it many times. Call the model anew for each.",
        ),
        Mistake(
            "a-copy-for-each-pass",
            find=STACK,
            put="passes = []\n"
            "    for _ in range(num_passes):\n"
            "        awake = keras.models.clone_model(model)\n"
            "        awake.set_weights(model.get_weights())\n"
            "        awake.trainable = False\n"
            "        passes.append(awake(inputs, training=True))\n"
            "    outputs = ops.stack(passes)",
            says="You copy the model for each pass: a dropout with a seed begins anew and has the same masks "
            "every time. Make one copy.",
        ),
        Mistake(
            "layer-by-layer",
            find=STACK,
            put="passes = []\n"
            "    for _ in range(num_passes):\n"
            "        values = inputs\n"
            "        for layer in model.layers:\n"
            "            if not isinstance(layer, keras.layers.InputLayer):\n"
            "                dropping = isinstance(layer, keras.layers.Dropout)\n"
            "                values = layer(values, training=dropping)\n"
            "        passes.append(values)\n"
            "    outputs = ops.stack(passes)",
            says="You call one layer after the other. Skip connections get lost, and dropout in a model "
            "inside the model, or of another class than Keras's, stays off.",
        ),
        Mistake(
            "variance",
            find=STATISTICS,
            put=STATISTICS.replace("ops.std", "ops.var"),
            says="Your second result is the variance. Take its root.",
        ),
        Mistake(
            "divides-by-one-less",
            find=STATISTICS,
            put=STATISTICS + "\n    statistics = (statistics[0], statistics[1] * "
            "(num_passes / (num_passes - 1)) ** 0.5)",
            says="You divide by num_passes - 1. Here the standard deviation divides by num_passes.",
        ),
        Mistake(
            "error-of-the-mean",
            find=STATISTICS,
            put=STATISTICS + "\n    statistics = (statistics[0], statistics[1] / num_passes**0.5)",
            says="You divide by the root of num_passes: that is how well the mean is known. The spread says "
            "how far single passes lie apart.",
        ),
        Mistake(
            "range-for-spread",
            find=STATISTICS,
            put="statistics = (ops.mean(outputs, axis=0), "
            "ops.max(outputs, axis=0) - ops.min(outputs, axis=0))",
            says="Your second result is how far the largest pass is from the smallest. That grows with the "
            "number of passes: take the standard deviation.",
        ),
        Mistake(
            "median",
            find=STATISTICS,
            put="statistics = ops.median(outputs, axis=0), ops.std(outputs, axis=0)",
            says="Your first result is the median. Take the mean.",
        ),
        Mistake(
            "sum",
            find=STATISTICS,
            put=STATISTICS.replace("ops.mean", "ops.sum"),
            says="Your first result is the sum of the passes. Divide by their number.",
        ),
        Mistake(
            "over-the-batch",
            find=STATISTICS,
            put=STATISTICS.replace("axis=0", "axis=1"),
            says="You take mean and spread over the examples. They are over the passes, and have the shape "
            "of the outputs.",
        ),
        Mistake(
            "over-everything",
            find=STATISTICS,
            put="statistics = ops.mean(outputs), ops.std(outputs)",
            says="You take mean and spread over all axes. They are over the passes, axis 0, and have the "
            "shape of the outputs.",
        ),
        Mistake(
            "spread-first",
            find=STATISTICS,
            put="statistics = ops.std(outputs, axis=0), ops.mean(outputs, axis=0)",
            says="The mean comes first, then the spread.",
        ),
        Mistake(
            "one-pass-too-few",
            find=STACK,
            put=STACK.replace("range(num_passes)", "range(num_passes - 1)"),
            says="You make one pass less than asked for.",
        ),
        Mistake(
            "num-passes-ignored",
            find=STACK,
            put=STACK.replace("range(num_passes)", "range(50)"),
            says="You make 50 passes, whatever was asked for.",
        ),
    ),
    hints=(
        "Two things happen with training=True: dropout drops, and batch normalization takes the batch's "
        "statistics. What did lesson 04 do to a batch normalization so that it rests?",
        "A frozen batch normalization rests in training too, a frozen dropout does not. "
        "`keras.models.clone_model` makes a copy to freeze, without its weights.",
        "`ops.stack` puts the passes along a new first axis: mean and standard deviation go over that.",
    ),
    why="The copy costs little beside the passes, and nothing has to be given back afterwards, whatever goes "
    "wrong in between. It is frozen as a whole: dropout has nothing to train and does not notice.",
)

EXAMS = (MONTE_CARLO,)
