"""Exams of lesson 07: the arithmetic of dropout, the layer, and a probe of its masks.

Masks are random, so probes look at what all right answers share, and never at Keras's own masks. What
is exact comes first: a unit is 0 or `x / (1 - rate)`. Where chance remains, a comment says how likely a
right answer is to be refused; `tests/test_dropout.py` computes it. All together it is less than 1e-12 a
check: less than 1e-8 for 10,000 checks.

A dropped NaN or infinity may be 0, as with `ops.where`, or NaN, as with a product: Keras has both,
depending on the backend.
"""

import itertools

import keras
import numpy as np
from keras import ops

from utils.gradients import backpropagate

from ._exam import Exam, Mistake, see
from ._noise import (
    BATCH,
    config_makes_it_again,
    different,
    draws_anew_at_every_call,
    draws_anew_in_a_compiled_function,
    draws_for_every_unit_of_every_example,
    factors,
    keeps_the_dtype,
    noise,
    numbers,
    passes_masks_on,
    refuses_integers,
    refuses_what_is_no_share,
    repeats_itself_by_its_seed,
    rests_in_inference,
    shares_by_its_noise_shape,
    using,
    works_when_frozen,
)
from ._oracle import kept_shape, normal, outcome, reloaded

KERAS = keras.layers.Dropout

# How much chance each probe takes.
RATES = (0.2, 0.5, 0.9)
SHARE_OF, SHARE_MARGIN = (400, 400), 0.01  # units whose dropped share is measured, and how exactly
CALLS = 16  # after which the number of dropped units has varied


# --- inverted_dropout -------------------------------------------------------------------------------


def by_hand(inverted_dropout):
    """At rate 0.2 what is kept is divided by 0.8, and the rest is 0."""
    inputs, mask = ops.array([1.0, 2.0, -3.0, 4.0]), ops.array([True, False, True, True])
    received = inverted_dropout(inputs, mask, 0.2)
    given = "inputs [1, 2, -3, 4], mask [True, False, True, True] and rate 0.2"
    yield see("output", received, [1.25, 0.0, -3.75, 5.0], given)


def keeps_the_mean(inverted_dropout):
    """The average over all masks, each as likely as it is, is the inputs themselves."""
    inputs = normal(3, seed=1)
    for rate in (0.1, 0.7):
        average = np.zeros(3)
        for mask in itertools.product([True, False], repeat=3):
            likelihood = np.prod(np.where(mask, 1 - rate, rate))
            outputs = inverted_dropout(ops.array(inputs), ops.array(mask), rate)
            average += likelihood * np.asarray(outputs)
        yield see("average over all masks", average, inputs, f"three inputs and rate {rate}")


def shares_a_mask(inverted_dropout):
    """A mask with fewer entries than the inputs is shared along the axes where it has size 1."""
    inputs, mask = normal(2, 4, 3), np.array([[[1, 0, 1]], [[0, 0, 1]]], "bool")
    received = inverted_dropout(ops.array(inputs), ops.array(mask), 0.5)
    given = "inputs of shape (2, 4, 3), a mask of shape (2, 1, 3) and rate 0.5"
    yield see("output", received, np.where(mask, inputs * 2, 0), given)


def stays_in_its_dtype(inverted_dropout):
    """Outputs have the dtype of the inputs."""
    for dtype in ("float16", "float64"):
        inputs = ops.cast(normal(4), dtype)
        received = inverted_dropout(inputs, ops.array([True, True, False, True]), 0.2)
        received = keras.backend.standardize_dtype(ops.convert_to_tensor(received).dtype)
        yield see("dtype of the output", received, dtype, f"{dtype} inputs")


def passes_gradients_where_it_keeps(inverted_dropout):
    """The gradient takes the path of the inputs: nothing where they are dropped, else 1 / (1 - rate)."""
    mask = np.array([True, False, True])
    received, _ = backpropagate(lambda x: inverted_dropout(x, mask, 0.2), normal(3), np.ones(3))
    yield see("gradient", received, [1.25, 0.0, 1.25], "mask [True, False, True] and rate 0.2")


# --- Dropout ----------------------------------------------------------------------------------------


def dropped(layer, *shape):
    """True where a training call on ones gives 0."""
    return noise(layer, *shape) == 0


def keeps_or_drops(candidate):
    """In training a unit becomes 0 or `inputs / (1 - rate)`, at any rank."""
    # That none of 4,096 is dropped, or none kept: < 0.9**4096 < 1e-187.
    for rate, shape in ((0.2, (128, 128)), (0.5, (64, 4, 4, 2, 2)), (0.9, (300, 300))):
        layer, inputs = candidate(rate), normal(*shape)
        outputs = [layer(inputs, training=True) for _ in range(4)]
        given = f"rate {rate} and inputs of shape {shape}, training=True"
        yield see("shape of the output", np.shape(outputs[0]), shape, given)
        kept = [factors(each, inputs) for each in outputs]
        is_one = len(np.unique([factor for each in kept for factor in each if factor])) == 1
        yield see("claim that all that is kept has one factor, in four calls", is_one, True, given)
        if is_one:
            right = [0.0, np.round(1 / (1 - rate), 4)]
            yield see("list of factors, output / input,", kept[0], right, given)
    outputs = candidate(0.5)(normal(8), training=True)
    yield see("shape of the output", np.shape(outputs), (8,), "rate 0.5 and inputs of shape (8,)")


def drops_the_share_it_is_told(candidate, shape=SHARE_OF):
    """The share of the units that is dropped is `rate`."""
    # 160,000 units, within 0.01: exactly binomial, < 1e-14 for the three rates.
    for rate in RATES:
        mask = dropped(candidate(rate), *shape)
        if different(mask, 0) < 400 or different(mask, -1) < 400:
            continue  # units share their fate, as the next probe says: too few coins for a share
        share = mask.mean()
        shown = rate if abs(share - rate) < SHARE_MARGIN else np.round(share * 20) / 20
        yield see("share of dropped units (about)", shown, rate, f"rate {rate} and 160,000 fates")


def draws_without_a_quota(candidate):
    """The fates are independent, so that the number of dropped units varies from call to call."""
    # The same number of 4,096 fair coins in each of 16 calls: < 0.0125**15 < 1e-28.
    layer = candidate(0.5)
    counts = {int(dropped(layer, *BATCH).sum()) for _ in range(CALLS)}
    given = "inputs of shape (64, 64), rate 0.5, 16 calls"
    yield see("claim that the number of dropped units varies", len(counts) > 1, True, given)


def drops_nothing_or_all(candidate, shape=(8, 16)):
    """At rate 0 the inputs pass unchanged; at rate 1 everything is 0, and so is the gradient."""
    inputs = normal(*shape)
    yield see("output", candidate(0)(inputs, training=True), inputs, "rate 0", tolerance=0)
    layer = candidate(1.0)
    yield see("output", layer(inputs, training=True), 0 * inputs, "rate 1", tolerance=0)
    gradient, _ = backpropagate(layer, inputs, np.ones(shape), training=True)
    yield see("gradient", gradient, 0 * inputs, "rate 1", tolerance=0)


def gradients_take_the_same_mask(candidate, shape=BATCH):
    """The gradient is 0 where a unit was dropped, and 1 / (1 - rate) where it was kept."""
    layer, inputs, seen = candidate(0.2), np.ones(shape, "float32"), []

    def call(x):
        seen.append(layer(x, training=True))
        return seen[-1]

    gradient, _ = backpropagate(call, inputs, inputs)
    outputs = numbers(seen[-1])  # of ones: the factors themselves
    kept, given = outputs != 0, "inputs of ones, rate 0.2"
    where_kept = np.allclose(gradient[kept], outputs[kept])
    yield see("claim that the gradient is the factor, where kept", where_kept, True, given)
    yield see("claim that the gradient is 0, where dropped", not gradient[~kept].any(), True, given)


def refuses_what_is_no_noise_shape(candidate):
    """`noise_shape` is a list of positive integers and None, and fits the inputs."""
    for noise_shape in ("ab", (2, 1.5), (2, -1), (0, 2), 3):
        error = outcome(lambda shape=noise_shape: candidate(0.5, noise_shape=shape))
        yield see("`__init__`", error, "ValueError", f"{noise_shape=}")
    for noise_shape in ((3, 1), (2, 2), (2, 3, 1)):
        layer = candidate(0.5, noise_shape=noise_shape)
        error = outcome(lambda layer=layer: layer(np.ones((2, 3)), training=True))
        given = f"{noise_shape=} and inputs of shape (2, 3)"
        yield see("claim that the call is refused", error != "no error", True, given)


def knows_its_output_shape(candidate):
    """The output has the shape of the inputs, also where nothing is computed yet."""
    yield from kept_shape(candidate(0.5), 3, 5)


def goes_on_after_a_file(candidate):
    """Loaded from a `.keras` file it draws the masks that the saved one would have drawn next."""
    # Two masks of 4,096 fair coins alike: 2**-4096.
    layer = candidate(0.5, seed=7)
    begun = dropped(layer, *BATCH)
    loaded = reloaded(layer, (None, 64))
    received, right = (dropped(each, *BATCH) for each in (loaded, layer))
    given = "a model with this layer, after one training call, saved and loaded"
    starts_anew = np.array_equal(received, begun)
    yield see("claim that it begins with its first mask again", starts_anew, False, given)
    same = np.array_equal(received, right)
    yield see("claim that both drop the same units next", same, True, given)


# --- drops_independently ----------------------------------------------------------------------------


class _Shared(KERAS):
    """One mask for the axes where `shares` has a 1."""

    shares = (1, None)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return keras.random.dropout(inputs, self.rate, self.shares, seed=self.seed_generator)


class _SharedByUnits(_Shared):
    shares = (None, 1)


class _SharedByCalls(KERAS):
    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return keras.random.dropout(inputs, self.rate, seed=self.seed or 0)


class _SharedByAll(KERAS):
    """All or nothing, and the same at every call."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return ops.zeros_like(inputs) if (self.seed or 0) % 2 else inputs / (1 - self.rate)


class _Overlapping(KERAS):
    """Examples come in fours with one mask, as if a mask was drawn for every device."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (-(-inputs.shape[0] // 4), *inputs.shape[1:])
        kept = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        kept = ops.repeat(kept, 4, axis=0)[: inputs.shape[0]]
        return ops.where(kept, inputs / (1 - self.rate), 0)


for _culprit in (_Shared, _SharedByUnits, _SharedByCalls, _SharedByAll, _Overlapping):
    _culprit.__name__ = "Dropout"  # a name gives nothing away


def acquits_right_layers(drops_independently):
    """A right dropout passes, however often it is asked: Keras's own, and the one of this lesson."""
    # The reference's own chance to convict: a share of 260,000 fair coins 0.15 off one half, < 1e-12.
    for name, right in (("keras.layers.Dropout", KERAS), ("a right Dropout", DROPOUT.reference)):
        verdicts = [bool(drops_independently(right)) for _ in range(5)]
        yield see("number of acquittals in five", sum(verdicts), 5, name)


def convicts_one_mask_for_all_examples(drops_independently):
    """A layer with one mask for the whole batch is found out, and one with a mask for every four."""
    for culprit, given in (
        (_Shared, "one mask for all"),
        (_Overlapping, "one mask for every four"),
    ):
        yield see("verdict", bool(drops_independently(culprit)), False, f"{given} examples")


def convicts_one_mask_for_all_units(drops_independently):
    """A layer that drops all units of an example, or none, is found out."""
    verdict = bool(drops_independently(_SharedByUnits))
    yield see("verdict", verdict, False, "one fate for all units of an example")
    verdict = bool(drops_independently(_SharedByAll))
    yield see("verdict", verdict, False, "one fate for all units of all examples at all calls")


def convicts_one_mask_for_all_calls(drops_independently):
    """A layer that has the same mask at every call is found out."""
    yield see("verdict", bool(drops_independently(_SharedByCalls)), False, "one mask for all calls")


# --- The exams --------------------------------------------------------------------------------------

ANSWER = "return ops.where(mask, inputs / (1 - rate), 0)"

INVERTED = Exam(
    name="inverted_dropout",
    block="dropout",
    probes=(
        by_hand,
        keeps_the_mean,
        shares_a_mask,
        stays_in_its_dtype,
        passes_gradients_where_it_keeps,
    ),
    mistakes=(
        Mistake(
            "no-rescale",
            find=ANSWER,
            put="return ops.where(mask, inputs, 0)",
            says="You leave what is kept as it is. On average the outputs are then too small: divide by "
            "1 - rate.",
        ),
        Mistake(
            "multiplies-by-kept-share",
            find=ANSWER,
            put="return ops.where(mask, inputs * (1 - rate), 0)",
            says="You multiply by 1 - rate what should be divided by it.",
        ),
        Mistake(
            "divides-by-rate",
            find=ANSWER,
            put="return ops.where(mask, inputs / rate, 0)",
            says="You divide by the rate, as if it was the share that is kept. It is the share that is "
            "dropped: divide by 1 - rate.",
        ),
        Mistake(
            "multiplies-by-rate",
            find=ANSWER,
            put="return ops.where(mask, inputs * rate, 0)",
            says="You multiply by the rate. Divide by 1 - rate, the share that is kept.",
        ),
        Mistake(
            "keeps-the-variance",
            find=ANSWER,
            put="return ops.where(mask, inputs / ops.sqrt(1 - rate), 0)",
            says="You divide by the root of 1 - rate. That keeps the mean square; the mean asks for "
            "1 - rate itself.",
        ),
        Mistake(
            "adds-the-rate",
            find=ANSWER,
            put="return ops.where(mask, inputs * (1 + rate), 0)",
            says="You multiply by 1 + rate. That is close to 1 / (1 - rate) for small rates only.",
        ),
        Mistake(
            "mask-upside-down",
            find=ANSWER,
            put="return ops.where(mask, 0, inputs / (1 - rate))",
            says="You drop what the mask keeps. True marks a unit that is kept.",
        ),
        Mistake(
            "mask-ignored",
            find=ANSWER,
            put="return inputs / (1 - rate)",
            says="You scale everything and drop nothing: what the mask marks False becomes 0.",
        ),
        Mistake(
            "scales-nothing-drops-nothing",
            find=ANSWER,
            put="return inputs",
            says="You return the inputs. Drop what the mask marks False, and divide the rest by 1 - rate.",
        ),
        Mistake(
            "divides-by-this-mask",
            find=ANSWER,
            put='return ops.where(mask, inputs / ops.mean(ops.cast(mask, "float32")), 0)',
            says="You divide by the share that this one mask keeps. The mean is kept over all masks with "
            "the probability: divide by 1 - rate.",
        ),
        Mistake(
            "output-becomes-float32",
            find=ANSWER,
            put='return ops.where(mask, ops.cast(inputs, "float32") / (1 - rate), 0)',
            says="Your outputs are float32 whatever the inputs are. Keep their dtype.",
        ),
        Mistake(
            "detached",
            find=ANSWER,
            put="return ops.where(mask, ops.stop_gradient(inputs) / (1 - rate), 0)",
            says="No gradient flows back to the inputs: stay with keras.ops, without NumPy and without "
            "stop_gradient.",
        ),
    ),
    hints=(
        "The mean of the output is (1 - rate) * s * x. It is to be x.",
        "`ops.where(condition, a, b)` takes a where the condition is True, b elsewhere; a mask of "
        "zeros and ones, cast to the inputs' dtype, can multiply.",
    ),
    why="`where` rather than a product: an infinity that is dropped becomes 0, while `0 * inf` is NaN. The "
    "factor stands beside the inputs and not beside the mask, so that no cast is needed.",
)

APPLY = "return inverted_dropout(inputs, self.draw_mask(inputs), self.rate)"
DRAW = "return keras.random.uniform(shape, seed=self.seed_generator) >= self.rate"
REST = "        if not training or self.rate == 0:\n            return inputs\n"
GENERATOR = "self.seed_generator = keras.random.SeedGenerator(seed)"
CONFIG = 'config = {"rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}'
SHAPE = "shape = ops.shape(inputs)"

DROPOUT = Exam(
    name="Dropout",
    block="dropout",
    probes=(
        rests_in_inference,
        keeps_or_drops,
        drops_the_share_it_is_told,
        draws_for_every_unit_of_every_example,
        draws_without_a_quota,
        draws_anew_at_every_call,
        draws_anew_in_a_compiled_function,
        repeats_itself_by_its_seed,
        shares_by_its_noise_shape,
        drops_nothing_or_all,
        gradients_take_the_same_mask,
        works_when_frozen,
        keeps_the_dtype,
        refuses_integers,
        refuses_what_is_no_share,
        refuses_what_is_no_noise_shape,
        passes_masks_on,
        knows_its_output_shape,
        using(config_makes_it_again, rate=0.3, noise_shape=(None, 1)),
        goes_on_after_a_file,
    ),
    mistakes=(
        Mistake(
            "no-rescale",
            find=APPLY,
            put="return ops.where(self.draw_mask(inputs), inputs, 0)",
            says="What is kept is not scaled up: on average outputs are smaller in training than in "
            "inference. Divide by 1 - rate.",
        ),
        Mistake(
            "multiplies-by-kept-share",
            find=APPLY,
            put="return ops.where(self.draw_mask(inputs), inputs * (1 - self.rate), 0)",
            says="You multiply by 1 - rate what should be divided by it.",
        ),
        Mistake(
            "divides-by-rate",
            find=APPLY,
            put="return ops.where(self.draw_mask(inputs), inputs / self.rate, 0)",
            says="You divide by the rate. It is the share that is dropped: divide by 1 - rate.",
        ),
        Mistake(
            "multiplies-by-rate",
            find=APPLY,
            put="return ops.where(self.draw_mask(inputs), inputs * self.rate, 0)",
            says="You multiply by the rate. Divide by 1 - rate, the share that is kept.",
        ),
        Mistake(
            "keeps-the-variance",
            find=APPLY,
            put="return ops.where(self.draw_mask(inputs), inputs / ops.sqrt(1 - self.rate), 0)",
            says="You divide by the root of 1 - rate. That keeps the mean square; the mean asks for "
            "1 - rate itself.",
        ),
        Mistake(
            "rescaled-twice",
            find=APPLY,
            put=APPLY + " / (1 - self.rate)",
            says="You divide by 1 - rate twice: `inverted_dropout` does it already.",
        ),
        Mistake(
            "divides-by-this-mask",
            find=APPLY,
            put="mask = self.draw_mask(inputs)\n"
            '        return ops.where(mask, inputs / ops.mean(ops.cast(mask, "float32")), 0)',
            says="You divide by the share that this one mask keeps, another factor at each call. The mean "
            "is kept over all masks: divide by 1 - rate.",
        ),
        Mistake(
            "rate-as-keep-probability",
            find="self.rate\n\n    def call",
            put="1 - self.rate\n\n    def call",
            says="You keep a unit with the probability `rate`, as TensorFlow 1's keep_prob did. Keras's rate "
            "is the share that is dropped.",
        ),
        Mistake(
            "keep-probability-throughout",
            find=APPLY,
            put="self_rate, self.rate = self.rate, 1 - self.rate\n"
            "        outputs = inverted_dropout(inputs, self.draw_mask(inputs), self.rate)\n"
            "        self.rate = self_rate\n"
            "        return outputs",
            says="Your rate is the share that is kept, as TensorFlow 1's keep_prob or the paper's p. Keras's "
            "is the share that is dropped. (At 0.5 nobody sees the difference.)",
        ),
        Mistake(
            "rate-ignored-in-the-mask",
            find=">= self.rate\n\n    def call",
            put=">= 0.5\n\n    def call",
            says="You drop half of the units, whatever the rate is. Compare with `self.rate`.",
        ),
        Mistake(
            "normal-numbers",
            find="keras.random.uniform(",
            put="keras.random.normal(",
            says="Your numbers are normal, not uniform: the share of them below `rate` is not `rate`.",
        ),
        Mistake(
            "active-in-inference",
            find="if not training or self.rate == 0:",
            put="if self.rate == 0:",
            says="You drop in inference too. There the inputs pass unchanged.",
        ),
        Mistake(
            "inactive-in-training",
            find=REST,
            put="        return inputs\n",
            says="You drop nothing in training either. With training=True use a mask.",
        ),
        Mistake(
            "training-upside-down",
            find="if not training or self.rate == 0:",
            put="if training or self.rate == 0:",
            says="Training and inference have changed places.",
        ),
        Mistake(
            "active-unless-told",
            find="def call(self, inputs, training=False):",
            put="def call(self, inputs, training=True):",
            says="Without a word about training your layer drops. The default is inference: training=False.",
        ),
        Mistake(
            "scales-in-inference-too",
            find="            return inputs\n",
            put="            return inputs if training else inputs * (1 - self.rate)\n",
            says="In inference you multiply by 1 - rate. Training has scaled already: pass the inputs on.",
        ),
        Mistake(
            "scales-in-inference-instead",
            find=REST + "        " + APPLY,
            put="        if not training:\n"
            "            return inputs * (1 - self.rate)\n"
            "        return ops.where(self.draw_mask(inputs), inputs, 0)",
            says="You scale in inference instead of training. It works, but Keras's dropout is inverted: "
            "divide by 1 - rate in training, and pass the inputs on in inference.",
        ),
        Mistake(
            "one-mask-for-the-batch",
            find="        " + DRAW,
            put="        shape = (1, *shape[1:])\n        " + DRAW,
            says="All examples of a batch have the same mask. Draw one element for each unit of each "
            "example.",
        ),
        Mistake(
            "one-mask-for-all-units",
            find="        " + DRAW,
            put="        shape = (shape[0], *[1 for size in shape[1:]])\n        " + DRAW,
            says="All units of an example have the same fate. Draw one element for each unit of each "
            "example.",
        ),
        Mistake(
            "one-mask-for-a-channel",
            find=SHAPE,
            put="shape = ops.shape(inputs)\n"
            "        if self.noise_shape is None and len(shape) > 2:\n"
            "            shape = (shape[0], *[1 for size in shape[1:-1]], shape[-1])",
            says="A channel has one fate at all its positions: that is spatial dropout. Draw one element "
            "for each number.",
        ),
        Mistake(
            "one-mask-for-a-position",
            find=SHAPE,
            put="shape = ops.shape(inputs)\n"
            "        if self.noise_shape is None and len(shape) > 2:\n"
            "            shape = (*shape[:-1], 1)",
            says="All channels of a position have one fate. Draw one element for each number.",
        ),
        Mistake(
            "quota",
            find=DRAW,
            put="shape = [int(size) for size in shape]\n"
            "        count = int(np.prod(shape))\n"
            "        order = keras.random.shuffle(ops.arange(count), seed=self.seed_generator)\n"
            "        return ops.reshape(order, shape) >= int(self.rate * count)",
            says="You drop exactly a share of `rate` in every call, so that the fates depend on each other "
            "(and the sizes must be known). Let each unit have a random number of its own.",
        ),
        Mistake(
            "same-mask-every-call",
            find="seed=self.seed_generator)",
            put="seed=self.seed or 0)",
            says="Every call has the same mask: an integer seed gives the same numbers each time. Hand over "
            "the generator instead.",
        ),
        Mistake(
            "same-mask-every-call-with-a-seed",
            find="seed=self.seed_generator)",
            put="seed=self.seed)",
            says="With a seed every call has the same mask: an integer gives the same numbers each time. "
            "Hand over the generator instead.",
        ),
        Mistake(
            "new-generator-every-call",
            find="seed=self.seed_generator)",
            put="seed=keras.random.SeedGenerator(self.seed))",
            says="A generator that is made anew at every call begins anew. Make it once, in `__init__`.",
        ),
        Mistake(
            "mask-from-numpy",
            find="return keras.random.uniform(shape, seed=self.seed_generator)",
            put="shape = [64 if size is None or hasattr(size, 'graph') else size for size in shape]\n"
            "        return np.random.default_rng(self.seed).random(shape)",
            says="Your mask comes from NumPy: a seed gives the same mask at every call, and inside "
            "tf.function, as in `fit`, it is drawn once for all calls. Use keras.random.",
        ),
        Mistake(
            "seed-ignored",
            find=GENERATOR,
            put="self.seed_generator = keras.random.SeedGenerator()",
            says="The seed has no effect: hand it to the generator.",
        ),
        Mistake(
            "seed-of-zero",
            find=GENERATOR,
            put="self.seed_generator = keras.random.SeedGenerator(seed or 0)",
            says="Layers without a seed all drop the same units. Hand `seed` to the generator as it is, None "
            "too.",
        ),
        Mistake(
            "seed-fixed",
            find=GENERATOR,
            put="self.seed_generator = keras.random.SeedGenerator(1337)",
            says="The seed is the same for all layers, whatever was given. Hand `seed` to the generator.",
        ),
        Mistake(
            "global-generator",
            find="seed=self.seed_generator)",
            put="seed=None)",
            says="Your numbers come from Keras's global generator: the layer's seed has no effect, and a "
            "file does not hold how far the masks have come. Use the layer's own.",
        ),
        Mistake(
            "noise-shape-ignored",
            find="if self.noise_shape is not None:",
            put="if False:",
            says="`noise_shape` has no effect: the mask has its shape, not that of the inputs.",
        ),
        Mistake(
            "noise-shape-none-as-one",
            find="shape = [size if wanted is None else wanted for wanted, size in pairs]",
            put="shape = [1 if wanted is None else wanted for wanted, size in pairs]",
            says="None in `noise_shape` stands for the inputs' own size there; you share the mask instead.",
        ),
        Mistake(
            "noise-shape-turned-round",
            find="shape = [size if wanted is None else wanted for wanted, size in pairs]",
            put="shape = [1 if wanted is None else size for wanted, size in pairs]",
            says="You share the mask where `noise_shape` is None. It is shared where the entry is 1.",
        ),
        Mistake(
            "noise-shape-as-it-is",
            find="shape = [size if wanted is None else wanted for wanted, size in pairs]",
            put="shape = self.noise_shape",
            says="A `noise_shape` with None in it is no shape yet: fill in the inputs' own sizes.",
        ),
        Mistake(
            "sizes-must-be-known",
            find=SHAPE,
            put="shape = tuple(inputs.shape)",
            says="`inputs.shape` has None where a size is not known before a compiled function runs, as the "
            "batch's in `fit`. `ops.shape(inputs)` gives it.",
        ),
        Mistake(
            "freezing-stops-it",
            find="if not training or self.rate == 0:",
            put="if not training or not self.trainable or self.rate == 0:",
            says="A frozen layer drops nothing. That is batch normalization's rule: dropout goes by "
            "`training` alone.",
        ),
        Mistake(
            "detached",
            find=APPLY,
            put="return inverted_dropout(ops.stop_gradient(inputs), self.draw_mask(inputs), self.rate)",
            says="No gradient flows back to the inputs: stay with keras.ops, without stop_gradient.",
        ),
        Mistake(
            "gradient-through-all",
            find=APPLY,
            put="outputs = inverted_dropout(inputs, self.draw_mask(inputs), self.rate)\n"
            "        return inputs + ops.stop_gradient(outputs - inputs)",
            says="The gradient passes where units were dropped. It takes the same mask as the outputs.",
        ),
        Mistake(
            "output-becomes-float32",
            find=APPLY,
            put='return ops.cast(inverted_dropout(inputs, self.draw_mask(inputs), self.rate), "float32")',
            says="In training your outputs are float32 whatever the inputs are. Keep their dtype.",
        ),
        Mistake(
            "rate-one-divides-by-zero",
            find="if training and self.rate == 1:",
            put="if False:",
            says="At rate 1 you divide by 0: outputs or gradients are NaN. Nothing is kept: return zeros.",
        ),
        Mistake(
            "integers-taken",
            find=APPLY,
            put="inputs = ops.cast(inputs, self.compute_dtype)\n        " + APPLY,
            says="Integers in training become floating-point numbers without a word. Raise a ValueError.",
        ),
        Mistake(
            "rate-not-checked",
            find="if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate <= 1:",
            put="if False:",
            says="A rate that is no share is taken without a word. Raise a ValueError outside 0 to 1.",
        ),
        Mistake(
            "nan-as-rate",
            find="or not 0 <= rate <= 1:",
            put="or rate < 0 or rate > 1:",
            says="NaN is neither below 0 nor above 1, and slips through. Ask `not 0 <= rate <= 1`.",
        ),
        Mistake(
            "noise-shape-not-checked",
            find="None if noise_shape is None else self.checked(noise_shape)",
            put="noise_shape",
            says="A `noise_shape` that is no list of positive integers and None is taken without a word.",
        ),
        Mistake(
            "masks-not-supported",
            find="self.supports_masking = True",
            put="self.supports_masking = False",
            says="The mask of the inputs does not reach the next layer: set supports_masking to True.",
        ),
        Mistake(
            "no-config",
            find="return {**super().get_config(), **config}",
            put="return super().get_config()",
            says="`get_config` holds none of your own arguments.",
        ),
        Mistake(
            "config-without-rate",
            find=CONFIG,
            put='config = {"noise_shape": self.noise_shape, "seed": self.seed}',
            says="`get_config` lacks `rate`.",
        ),
        Mistake(
            "config-without-noise-shape",
            find=CONFIG,
            put='config = {"rate": self.rate, "seed": self.seed}',
            says="`get_config` lacks `noise_shape`.",
        ),
        Mistake(
            "config-without-seed",
            find=CONFIG,
            put='config = {"rate": self.rate, "noise_shape": self.noise_shape}',
            says="`get_config` lacks `seed`.",
        ),
        Mistake(
            "stream-not-saved",
            find='store["seed_state"] = self.seed_generator.state',
            put="pass",
            says="Loaded from a file, the layer begins with its first masks again, as Keras's own does. Save "
            "the generator's state with it: `save_own_variables`, `load_own_variables`.",
        ),
    ),
    hints=(
        "Go gap by gap and run the check after each. The generator: `keras.random.SeedGenerator`, made in "
        "`__init__` and kept as `self.seed_generator`.",
        "The mask's shape is `ops.shape(inputs)`, or an entry of `noise_shape` wherever that is not None. A "
        "uniform number is at least `rate` with the probability 1 - rate: then the unit stays.",
        "In `call`, two cases: no training (or rate 0), where the inputs go out as they came in; and "
        "training, where `inverted_dropout` gets the inputs, a new mask and the rate.",
    ),
    why="One method draws, one applies, so that a relative can draw its masks in another way. Uniform "
    "numbers are float32 whatever the layer computes in: in 16 bits the probabilities would be coarse. "
    "`ops.shape` and the generator work inside compiled functions, on every backend. The generator's "
    "state is saved, unlike in Keras: not only the seed but how far its stream has come.",
)

VERDICT = "return bool(np.all(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15))"

PROBE = Exam(
    name="drops_independently",
    block="dropout",
    probes=(
        acquits_right_layers,
        convicts_one_mask_for_all_examples,
        convicts_one_mask_for_all_units,
        convicts_one_mask_for_all_calls,
    ),
    mistakes=(
        Mistake(
            "always-true",
            find=VERDICT,
            put="return True",
            says="You acquit every layer. Compare the fates: between examples, units and calls.",
        ),
        Mistake(
            "always-false",
            find=VERDICT,
            put="return False",
            says="You convict every layer, right ones too.",
        ),
        Mistake(
            "upside-down",
            find=VERDICT,
            put="return not np.all(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15)",
            says="Your verdict is upside down: True is for a layer whose masks are independent.",
        ),
        Mistake(
            "or-for-and",
            find=VERDICT,
            put="return bool(np.any(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15))",
            says="You acquit a layer that satisfies one of the three conditions. It has to satisfy all.",
        ),
        Mistake(
            "examples-forgotten",
            find="[examples, units, calls]",
            put="[units, calls]",
            says="You do not find out a mask that the examples of a batch share.",
        ),
        Mistake(
            "units-forgotten",
            find="[examples, units, calls]",
            put="[examples, calls]",
            says="You do not find out a mask that all units of an example share.",
        ),
        Mistake(
            "calls-forgotten",
            find="[examples, units, calls]",
            put="[examples, units]",
            says="You do not find out a mask that is the same at every call.",
        ),
        Mistake(
            "exactly-one-half",
            find="< 0.15",
            put="< 1e-6",
            says="You convict right layers: chance seldom gives exactly one half. Allow for it.",
        ),
        Mistake(
            "too-lenient",
            find="< 0.15",
            put="< 0.45",
            says="Your margin is so wide that examples which share a mask in fours slip through. So many "
            "coins come much closer to one half.",
        ),
    ),
    hints=(
        "One fate is a coin: two independent ones are the same half of the time. Take the mean of `==`.",
        "Three comparisons: each example with the next one (`first[1:]` and `first[:-1]`), each unit with "
        "the next one, the first call with the second.",
        "The share of n fair coins has a standard deviation of 0.5 / sqrt(n), a thousandth for as many as "
        "here. A shared mask is at 1. Any margin well between the two will do.",
    ),
    why="At rate 0.5 the shares are those of fair coins, so a right class comes within 0.15 of one half in "
    "all but one of 10^12 tries, whatever its random numbers are, and a shared mask is at 1. No second "
    "implementation is needed, and no mask is compared with a known one.",
)

EXAMS = (INVERTED, DROPOUT, PROBE)
