"""Exam of lesson 09: dropout whose rate is learned.

The masks are relaxed: numbers between 0 and 1. Each of them tells where its rate's gradient must be, so
that temperature, signs and scaling are checked exactly on masks of chance: with `rate = sigmoid(logit)`
and `output = inputs * mask / (1 - rate)`,

    d output / d logit = inputs * (mask * rate - mask * (1 - mask) / temperature) / (1 - rate)

The penalty has no chance in it. What is left to chance is the share of the masks below a limit, and it
refuses a right answer less than once in 10^12 checks: `tests/test_dropout_family.py`.
"""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf

from ._exam import Exam, Mistake, see
from ._noise import (
    BATCH,
    REFUSALS,
    different,
    draws_anew_at_every_call,
    draws_anew_in_a_compiled_function,
    draws_for_every_unit_of_every_example,
    keeps_the_dtype,
    noise,
    numbers,
    passes_masks_on,
    refuses_integers,
    repeats_itself_by_its_seed,
    rests_in_inference,
    works_when_frozen,
)
from ._oracle import kept_shape, normal, outcome, reloaded, weight

CROWD = (400, 400)  # where the shares of masks are measured
SHARE_MARGIN = 0.01
SETTINGS = ((0.1, 1.0), (0.5, 0.1), (0.7, 0.3))  # rates and temperatures
LIMITS = (0.1, 0.5, 0.9)


class Unchanged(keras.Layer):
    """A layer with a kernel that passes its inputs on."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1],) * 2, initializer="ones")

    def call(self, inputs):
        return inputs


def bare(candidate):
    """Makes layers as `Dropout` does: by the rate alone, and with nothing behind the mask."""

    def make(rate, **arguments):
        inner = Unchanged(dtype=arguments.get("dtype"))
        return candidate(inner, initial_rate=rate, **arguments)

    return make


def of_the_mask(probe):
    """`probe`, of layers made by the rate alone, for a wrapper."""

    def look(candidate):
        return probe(bare(candidate))

    look.__name__, look.__doc__ = probe.__name__, probe.__doc__
    return look


def logistic(value):
    return 1 / (1 + np.exp(-value))


def logit(share):
    return np.log(share / (1 - share))


def returns_mask_and_penalty(candidate):
    """`relaxed_mask` and `penalty` return what they work out."""
    layer = prepared(candidate, 0.3)
    inputs = ops.ones((2, 5))
    for name, call in (
        ("relaxed_mask", lambda: layer.relaxed_mask(inputs)),
        ("penalty", lambda: layer.penalty()),
    ):
        received = "something" if not hasattr(layer, name) or call() is not None else None
        yield see(f"result of {name}", received, "something", "rate 0.3")


# --- The mask ---------------------------------------------------------------------------------------


def begins_at_its_rate(candidate):
    """The rate is a weight: its logit is trained, and begins where `initial_rate` says."""
    layer = candidate(keras.layers.Dense(3), initial_rate=0.2)
    layer.build((None, 4))
    trained = sorted(str(tuple(each.shape)) for each in layer.trainable_weights)
    right = ["()", "(3,)", "(4, 3)"]
    yield see("list of shapes of what is trained", trained, right, "Dense(3) and 4 features")
    yield see("logit", weight(layer, "logit"), logit(0.2), "initial_rate=0.2")


def has_the_masks_of_its_rate(candidate):
    """The masks are those of the formula: a share of `rate` is below 1/2, others below other limits."""
    # The share of 160,000 masks below a limit, within 0.01: exactly binomial, < 1e-14 for each.
    for rate, temperature in SETTINGS:
        layer = bare(candidate)(rate, temperature=temperature)
        masks = noise(layer, *CROWD) * (1 - rate)
        if different(masks, 0) < 400 or different(masks, 1) < 400:
            continue  # units share their masks, as another probe says: too few for a share
        right = [share_below(limit, rate, temperature) for limit in LIMITS]
        shares = [np.mean(masks < limit) for limit in LIMITS]
        given = f"rate {rate}, temperature {temperature} and 160,000 units"
        what = "shares of masks below 0.1, 0.5 and 0.9, and of all,"
        yield see(what, [*shares, 1.0], [*right, 1.0], given, SHARE_MARGIN)


def share_below(limit, rate, temperature):
    """How likely a relaxed mask is below `limit`."""
    return logistic(logit(rate) - temperature * logit(1 - limit))


def gradients_reach_inputs_and_rate(candidate):
    """The inputs' gradient is their factor; the rate's is that of the masks that were drawn."""
    inputs = tf.constant(1 + np.abs(normal(*BATCH)))
    for rate, temperature in ((0.2, 0.1), (0.6, 0.5)):
        layer = bare(candidate)(rate, temperature=temperature)
        layer.build(inputs.shape)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
        factor, slope = tape.gradient(
            outputs,
            (inputs, weight(layer, "logit").value),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        given = f"rate {rate}, temperature {temperature}"
        is_factor = np.allclose(numbers(factor) * numbers(inputs), numbers(outputs), atol=1e-4)
        yield see("claim that gradient * inputs is the output", is_factor, True, given)
        masks = numbers(outputs) / numbers(inputs) * (1 - rate)
        scaling = masks * rate * numbers(inputs) / (1 - rate)
        through = masks * (1 - masks) / temperature * numbers(inputs) / (1 - rate)
        nearly = 1e-4 * (scaling + through).sum()
        is_through = bool(abs(float(slope) - scaling.sum()) > nearly)
        yield see("claim that the logit's gradient comes through masks", is_through, True, given)
        is_right = bool(abs(float(slope) - (scaling - through).sum()) < nearly)
        yield see("claim that the logit's gradient is right", is_right, True, given)


# --- The penalty ------------------------------------------------------------------------------------


def prepared(candidate, rate, sizes=(5,), **arguments):
    """A layer around `Dense(3)` with weights that are not initial ones, and a learned rate."""
    layer = candidate(keras.layers.Dense(3), **arguments)
    layer.build((None, *sizes))
    layer.layer.kernel.assign(normal(sizes[-1], 3, seed=7))
    weight(layer, "logit").assign(logit(rate))
    return layer


def right_penalty(rate, weight_regularizer, dropout_regularizer):
    """The penalty of a `prepared` layer."""
    squares = np.sum(normal(5, 3, seed=7).astype("float64") ** 2)
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    return weight_regularizer * squares / (1 - rate) - dropout_regularizer * 5 * entropy


def penalizes_weights(candidate):
    """The loss grows by the kernel's squares, divided by 1 - rate, times `weight_regularizer`."""
    yield from _penalties(candidate, weight_regularizer=0.3, dropout_regularizer=0)


def rewards_entropy(candidate):
    """The loss shrinks by the entropy of the masks, one for each feature, by `dropout_regularizer`."""
    yield from _penalties(candidate, weight_regularizer=0, dropout_regularizer=0.7)


def _penalties(candidate, **regularizers):
    for rate, sizes, training in ((0.1, (5,), True), (0.6, (5,), False), (0.6, (7, 5), True)):
        layer = prepared(candidate, rate, sizes, **regularizers)
        layer(np.ones((2, *sizes), "float32"), training=training)
        received = float(sum(layer.losses))
        given = ", ".join(f"{name} {value}" for name, value in regularizers.items())
        given = f"{given}, rate {rate}, training={training}, inputs of shape {(2, *sizes)}"
        yield see("sum of layer.losses", received, right_penalty(rate, **regularizers), given, 1e-4)


def learns_from_the_penalty(candidate):
    """The penalty's gradient reaches the kernel and the rate."""
    for rate in (0.1, 0.6):
        layer = prepared(candidate, rate, weight_regularizer=0.3, dropout_regularizer=0.7)
        variables = [weight(layer, "logit").value, layer.layer.kernel.value]
        with tf.GradientTape() as tape:
            layer(np.ones((2, 5), "float32"))
            total = sum(layer.losses)
        received = tape.gradient(
            total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        kernel = normal(5, 3, seed=7)
        of_weights = 0.3 * np.sum(kernel**2) * rate / (1 - rate)
        of_entropy = 0.7 * 5 * rate * (1 - rate) * logit(rate)
        given = f"rate {rate}, both regularizers"
        what = "gradient of the penalty with respect to the"
        yield see(f"{what} logit", received[0], of_weights + of_entropy, given, 1e-4)
        yield see(f"{what} kernel", received[1], 0.6 * kernel / (1 - rate), given, 1e-4)


def stays_finite(candidate):
    """Loss and outputs are finite where the rate is so close to 1 that it is rounded to it."""
    layer = prepared(candidate, 0.5, weight_regularizer=0.3, dropout_regularizer=0.7)
    weight(layer, "logit").assign(20)
    outputs = layer(np.ones((2, 5), "float32"), training=True)
    given = "a logit of 20, for which sigmoid(logit) is rounded to 1"
    for what, values in (("loss", sum(layer.losses)), ("outputs", outputs)):
        is_finite = bool(np.isfinite(numbers(values)).all())
        yield see(f"claim that the {what} is finite", is_finite, True, given)


def keeps_its_precision(candidate):
    """The rate is not rounded to 16 bits, whatever the layer computes in."""
    layer = prepared(candidate, 0.1, weight_regularizer=0, dtype="mixed_float16")
    layer(np.ones((2, 5), "float32"))
    received, right = float(sum(layer.losses)), right_penalty(0.1, 0, 1e-5)
    given = "dtype='mixed_float16', no weight_regularizer, rate 0.1"
    yield see("sum of layer.losses", received, right, given)


# --- What it is told, and what it hands on ----------------------------------------------------------


def refuses_what_is_no_number(candidate):
    """Rates are above 0 and below 1, temperatures above 0, regularizers 0 or more."""
    for name, values in {
        "initial_rate": (0.0, 1.0, -0.5, float("nan")),
        "temperature": (0.0, -1.0, float("inf")),
        "weight_regularizer": (-1.0, float("inf")),
        "dropout_regularizer": (-1.0, float("nan")),
    }.items():
        for value in values:
            settings = {name: value}
            error = outcome(lambda settings=settings: candidate(Unchanged(), **settings))
            yield see("claim that it is refused", error in REFUSALS, True, f"{name}={value}")


def refuses_a_layer_without_kernel(candidate):
    """A layer without a kernel has nothing to penalize."""
    layer = candidate(keras.layers.Activation("relu"))
    error = outcome(lambda: layer(np.ones((2, 3), "float32")))
    yield see("claim that it is refused", error != "no error", True, "Activation('relu')")


def knows_its_output_shape(candidate):
    """The output has the shape that the layer gives it, also where nothing is computed yet."""
    yield from kept_shape(bare(candidate)(0.5), 3, 5)


def config_makes_it_again(candidate):
    """`get_config` holds every argument; `from_config` makes the same layer again."""
    numbers_of_it = {
        "weight_regularizer": 0.2, "dropout_regularizer": 0.3, "initial_rate": 0.4,
        "temperature": 0.5, "seed": 6,
    }  # fmt: skip
    layer = candidate(keras.layers.Dense(3), **numbers_of_it)
    config = layer.get_config()
    keys = ["layer", *numbers_of_it]
    yield see("list of keys that get_config lacks", [k for k in keys if k not in config], [])
    again = candidate.from_config(dict(config))
    for key, right in numbers_of_it.items():
        received = str(again.get_config()[key])
        yield see(f"{key} after from_config", received, str(right), f"{key}={right}")
    yield see("units after from_config", getattr(again.layer, "units", None), 3, "Dense(3)")
    initial = candidate(keras.layers.Dense(3)).get_config()
    received = [str(initial[key]) for key in numbers_of_it]
    right = ["1e-06", "1e-05", "0.1", "0.1", "None"]
    yield see(f"list of {', '.join(numbers_of_it)}", received, right, "only a layer")


def comes_back_from_a_file(candidate):
    """Saved and loaded, it has its weights and its rate."""
    layer = prepared(candidate, 0.3)
    loaded = reloaded(layer, (None, 5))
    weights = zip(loaded.get_weights(), layer.get_weights(), strict=True)
    alike = all(np.array_equal(*pair) for pair in weights)
    yield see("claim that all weights are the same", alike, True, "a model with it, from a file")


# --- The exam ---------------------------------------------------------------------------------------

SEED = "seed=self.seed_generator"
NOISE = "noise = ops.log(uniform) - ops.log(1 - uniform)"
DROPPED = "dropped = ops.sigmoid((self.logit + noise) / self.temperature)"
MASK = "return 1 - dropped"
WEIGHTS = "weights = ops.sum(ops.square(kernel)) / kept"
ENTROPY = "entropy = -self.rate * ops.log_sigmoid(self.logit) - kept * ops.log_sigmoid(-self.logit)"
COINS = "coins = self.num_inputs * entropy"
PENALTY = "return self.weight_regularizer * weights - self.dropout_regularizer * coins"
FACTORS = "factors = self.relaxed_mask(inputs) / ops.sigmoid(-self.logit)"
KEPT = "kept = ops.sigmoid(-self.logit)\n"
LOSS = "self.add_loss(self.penalty())"

CONCRETE = Exam(
    name="ConcreteDropout",
    block="dropout",
    probes=(
        returns_mask_and_penalty,
        begins_at_its_rate,
        of_the_mask(rests_in_inference),
        of_the_mask(draws_for_every_unit_of_every_example),
        has_the_masks_of_its_rate,
        gradients_reach_inputs_and_rate,
        penalizes_weights,
        rewards_entropy,
        learns_from_the_penalty,
        stays_finite,
        of_the_mask(draws_anew_at_every_call),
        of_the_mask(draws_anew_in_a_compiled_function),
        of_the_mask(repeats_itself_by_its_seed),
        of_the_mask(works_when_frozen),
        of_the_mask(keeps_the_dtype),
        keeps_its_precision,
        of_the_mask(refuses_integers),
        refuses_what_is_no_number,
        refuses_a_layer_without_kernel,
        of_the_mask(passes_masks_on),
        knows_its_output_shape,
        config_makes_it_again,
        comes_back_from_a_file,
    ),
    mistakes=(
        Mistake(
            "logit-with-the-wrong-sign",
            find=DROPPED,
            put=DROPPED.replace("self.logit + noise", "noise - self.logit"),
            says="Your logit has the wrong sign: a share of 1 - rate is dropped.",
        ),
        Mistake(
            "mask-upside-down",
            find=MASK,
            put="return dropped",
            says="Your mask is 1 where a unit is dropped. It says how far it is kept: 1 - dropped.",
        ),
        Mistake(
            "rate-for-logit",
            find=DROPPED,
            put=DROPPED.replace("self.logit", "self.rate"),
            says="You add the noise to the rate. Add it to the logit: rate = sigmoid(logit).",
        ),
        Mistake(
            "log-of-the-rate",
            find=DROPPED,
            put=DROPPED.replace("self.logit", "ops.log(self.rate)"),
            says="log(rate) is half of the logit: log(rate) - log(1 - rate).",
        ),
        Mistake(
            "no-temperature",
            find=DROPPED,
            put="dropped = ops.sigmoid(self.logit + noise)",
            says="The temperature is missing: your masks are far from 0 and 1. Divide by it before the "
            "sigmoid.",
        ),
        Mistake(
            "multiplied-by-temperature",
            find=DROPPED,
            put=DROPPED.replace("/ self", "* self"),
            says="You multiply by the temperature. Divide: a low temperature makes sharp masks.",
        ),
        Mistake(
            "temperature-on-the-noise-alone",
            find=DROPPED,
            put="dropped = ops.sigmoid(self.logit + noise / self.temperature)",
            says="You divide the noise alone by the temperature. The logit is divided too.",
        ),
        Mistake(
            "temperature-on-the-logit-alone",
            find=DROPPED,
            put="dropped = ops.sigmoid(self.logit / self.temperature + noise)",
            says="You divide the logit alone by the temperature. The noise is divided too.",
        ),
        Mistake(
            "temperature-behind-the-sigmoid",
            find=DROPPED,
            put="dropped = ops.sigmoid(self.logit + noise) / self.temperature",
            says="You divide by the temperature after the sigmoid. Divide before it.",
        ),
        Mistake(
            "uniform-noise",
            find=NOISE,
            put="noise = uniform",
            says="Your noise is uniform. Take its logit: log(uniform) - log(1 - uniform).",
        ),
        Mistake(
            "half-a-logit",
            find=NOISE,
            put="noise = ops.log(uniform)",
            says="log(uniform) is half of the noise: subtract log(1 - uniform).",
        ),
        Mistake(
            "sum-of-the-logarithms",
            find=NOISE,
            put="noise = ops.log(uniform) + ops.log(1 - uniform)",
            says="You add the two logarithms. The logit is their difference.",
        ),
        Mistake(
            "normal-noise",
            find=NOISE,
            put="noise = keras.random.normal(ops.shape(inputs), seed=self.seed_generator)",
            says="Your noise is normal. With the logit of uniform numbers a share of exactly `rate` is "
            "dropped.",
        ),
        Mistake(
            "hard-masks",
            find=DROPPED,
            put='dropped = ops.cast(self.logit + noise > 0, "float32")',
            says="Your masks are 0 or 1: no gradient comes through to the rate. Relax them, by a sigmoid.",
        ),
        Mistake(
            "rounded-masks",
            find=MASK,
            put="return ops.round(1 - dropped)",
            says="You round the masks: no gradient comes through to the rate. Leave them between 0 and 1.",
        ),
        Mistake(
            "no-sigmoid",
            find=DROPPED,
            put=DROPPED.replace("ops.sigmoid", ""),
            says="Your masks are not between 0 and 1: the sigmoid is missing.",
        ),
        Mistake(
            "divided-twice",
            find=MASK,
            put="return (1 - dropped) / (1 - self.rate)",
            says="You divide the mask by 1 - rate. `call` does that already: the mask is between 0 and 1.",
        ),
        Mistake(
            "rate-cut-off",
            find=DROPPED,
            put=DROPPED.replace("self.logit", "ops.stop_gradient(self.logit)"),
            says="No gradient comes through the mask to the rate. Compute it from `self.logit`.",
        ),
        Mistake(
            "one-mask-for-the-batch",
            find="ops.shape(inputs), dtype",
            put="(1, *ops.shape(inputs)[1:]), dtype",
            says="All examples of a batch have the same mask. Draw a number for each unit of each example.",
        ),
        Mistake(
            "same-mask-every-call",
            find=SEED,
            put="seed=self.seed or 0",
            says="Every call has the same mask: an integer seed gives the same numbers each time. Hand over "
            "the generator instead.",
        ),
        Mistake(
            "seed-ignored",
            find=SEED,
            put="",
            says="The seed has no effect: hand over the layer's generator.",
        ),
        Mistake(
            "not-rescaled",
            find=FACTORS,
            put="factors = self.relaxed_mask(inputs)",
            says="What is kept is not divided by 1 - rate.",
        ),
        Mistake(
            "divided-by-the-rate",
            find=FACTORS,
            put="factors = self.relaxed_mask(inputs) / self.rate",
            says="You divide by the rate. Divide by 1 - rate, the share that is kept.",
        ),
        Mistake(
            "active-in-inference",
            find="if training:",
            put="if True:",
            says="You drop in inference too. There the layer gets its inputs unchanged.",
        ),
        Mistake(
            "training-upside-down",
            find="if training:",
            put="if not training:",
            says="Training and inference have changed places.",
        ),
        Mistake(
            "no-penalty",
            find=LOSS,
            put="pass",
            says="The loss does not grow: hand the penalty to `add_loss`.",
        ),
        Mistake(
            "penalty-in-training-alone",
            find=LOSS,
            put="if training:\n            self.add_loss(self.penalty())",
            says="The penalty is missing in inference. Like other regularizers it is part of every loss.",
        ),
        Mistake(
            "penalty-with-the-wrong-sign",
            find=PENALTY,
            put="return self.dropout_regularizer * coins - self.weight_regularizer * weights",
            says="Your penalty has the wrong sign: weights are punished, entropy is rewarded.",
        ),
        Mistake(
            "entropy-with-the-wrong-sign",
            find=PENALTY,
            put=PENALTY.replace(" - ", " + "),
            says="Your penalty grows with the entropy, which drives the rate to 0 or 1. Subtract it.",
        ),
        Mistake(
            "entropy-forgotten",
            find=PENALTY,
            put="return self.weight_regularizer * weights",
            says="The entropy is missing: nothing keeps the rate from going to 0.",
        ),
        Mistake(
            "weights-forgotten",
            find=PENALTY,
            put="return -self.dropout_regularizer * coins",
            says="The kernel's squares are missing.",
        ),
        Mistake(
            "regularizers-swapped",
            find=PENALTY,
            put="return self.dropout_regularizer * weights - self.weight_regularizer * coins",
            says="The two regularizers have changed places.",
        ),
        Mistake(
            "entropy-of-one-coin",
            find=COINS,
            put="coins = entropy",
            says="Your entropy is that of one coin. There is one for each feature: times num_inputs.",
        ),
        Mistake(
            "half-an-entropy",
            find=ENTROPY,
            put="entropy = -self.rate * ops.log_sigmoid(self.logit)",
            says="Half of the entropy is missing: -(1 - rate) * log(1 - rate).",
        ),
        Mistake(
            "entropy-in-bits",
            find=ENTROPY,
            put=ENTROPY.replace("entropy = ", "entropy = 1.4426950408889634 * (") + ")",
            says="Your logarithms are those of base 2. Take natural ones.",
        ),
        Mistake(
            "weights-not-divided",
            find=WEIGHTS,
            put="weights = ops.sum(ops.square(kernel))",
            says="The kernel's squares are not divided by 1 - rate: the rate has no part in that term.",
        ),
        Mistake(
            "weights-multiplied",
            find=WEIGHTS,
            put="weights = ops.sum(ops.square(kernel)) * kept",
            says="You multiply the kernel's squares by 1 - rate. Divide: it is the kernel behind a mask that "
            "is divided by it.",
        ),
        Mistake(
            "weights-divided-by-the-rate",
            find=WEIGHTS,
            put="weights = ops.sum(ops.square(kernel)) / self.rate",
            says="You divide the kernel's squares by the rate. Divide by 1 - rate.",
        ),
        Mistake(
            "absolute-weights",
            find=WEIGHTS,
            put=WEIGHTS.replace("square", "abs"),
            says="You add up absolute values. Take squares.",
        ),
        Mistake(
            "half-the-squares",
            find=WEIGHTS,
            put=WEIGHTS.replace("ops.sum", "0.5 * ops.sum"),
            says="You take half of the squares. The half is in `weight_regularizer` already.",
        ),
        Mistake(
            "weight-regularizer-forgotten",
            find=PENALTY,
            put=PENALTY.replace("self.weight_regularizer * ", ""),
            says="The kernel's squares are not multiplied by `weight_regularizer`.",
        ),
        Mistake(
            "dropout-regularizer-forgotten",
            find=PENALTY,
            put=PENALTY.replace("self.dropout_regularizer * ", ""),
            says="The entropy is not multiplied by `dropout_regularizer`.",
        ),
        Mistake(
            "infinite-at-rate-1",
            find=KEPT,
            put="kept = 1 - self.rate\n",
            says="Where the rate is rounded to 1, 1 - rate is 0, and your penalty is infinite or not a "
            "number. Take sigmoid(-logit) for 1 - rate, log_sigmoid of plus and minus the logit for the "
            "logarithms.",
        ),
        Mistake(
            "mean-for-sum",
            find=WEIGHTS,
            put=WEIGHTS.replace("ops.sum", "ops.mean"),
            says="You take the mean of the squares. Take their sum.",
        ),
        Mistake(
            "root-of-the-squares",
            find=WEIGHTS,
            put="weights = ops.sqrt(ops.sum(ops.square(kernel))) / kept",
            says="You take the root of the sum. The penalty is the sum of squares itself.",
        ),
        Mistake(
            "penalty-cut-off-from-the-rate",
            find=KEPT,
            put="kept = ops.stop_gradient(ops.sigmoid(-self.logit))\n",
            says="The penalty's gradient does not reach the rate. Compute it from `self.rate`.",
        ),
        Mistake(
            "penalty-cut-off-from-the-kernel",
            find=WEIGHTS,
            put=WEIGHTS.replace("kernel", "ops.stop_gradient(kernel)"),
            says="The penalty's gradient does not reach the kernel.",
        ),
        Mistake(
            "rate-not-trained",
            find="initializer=begin, autocast=False)",
            put="initializer=begin, autocast=False, trainable=False)",
            says="The rate is not trained: its weight is not trainable.",
        ),
        Mistake(
            "begins-with-the-rate-as-logit",
            find="np.log(self.initial_rate / (1 - self.initial_rate))",
            put="self.initial_rate",
            says="The logit begins at `initial_rate`. It begins where its sigmoid is that.",
        ),
        Mistake(
            "config-without-the-rate",
            find='"dropout_regularizer", "initial_rate", "temperature", "seed")',
            put='"dropout_regularizer", "temperature", "seed")',
            says="`get_config` lacks `initial_rate`.",
        ),
        Mistake(
            "config-without-the-temperature",
            find='"dropout_regularizer", "initial_rate", "temperature", "seed")',
            put='"dropout_regularizer", "initial_rate", "seed")',
            says="`get_config` lacks `temperature`.",
        ),
    ),
    hints=(
        "The logit of a share p is log(p) - log(1 - p). A uniform number is below `rate` exactly where its "
        "logit, with the sign turned, is above minus that of the rate.",
        "The mask: noise is the logit of the uniform numbers; the sigmoid of (logit + noise) / temperature "
        "says how far a unit is dropped, and 1 minus that how far it is kept.",
        "The penalty: the sum of the kernel's squares divided by 1 - rate, times its regularizer; less the "
        "entropy of one coin, -rate * log(rate) - (1 - rate) * log(1 - rate), times num_inputs, times its "
        "own.",
    ),
    why="The randomness stands apart from the rate, so that a gradient passes from the outputs through the "
    "sigmoid to the logit: where it falls, more is kept. `log_sigmoid(logit)` is log(rate), and stays finite "
    "where the rate is so close to 0 that it is rounded to it.",
)

EXAMS = (CONCRETE,)
