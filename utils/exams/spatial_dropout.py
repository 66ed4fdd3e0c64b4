"""Exams of lesson 09: dropout of whole features of a sequence, and of whole feature maps of an image.

Chance refuses a right answer less than once in 10^12 checks: `tests/test_dropout_family.py`.
"""

import keras
import numpy as np

from ._exam import Exam, Mistake, see
from ._noise import (
    config_makes_it_again,
    different,
    draws_anew_at_every_call,
    draws_anew_in_a_compiled_function,
    factors,
    few,
    keeps_the_dtype,
    noise,
    on,
    passes_masks_on,
    refuses_integers,
    refuses_what_is_no_share,
    repeats_itself_by_its_seed,
    rests_in_inference,
    shared_axes,
    using,
    works_when_frozen,
)
from ._oracle import kept_shape, normal, outcome
from .dropout import (
    drops_nothing_or_all,
    drops_the_share_it_is_told,
    gradients_take_the_same_mask,
)

SEQUENCES = (64, 3, 64)  # examples, times, features
IMAGES = (64, 2, 3, 64)  # examples, rows, columns, channels
MANY_SEQUENCES = (400, 2, 400)  # in which the dropped share is measured
FIRST = (64, 64, 2, 3)  # examples, channels, rows, columns
MANY_IMAGES = (400, 2, 2, 400)


def keeps_or_drops(candidate, shape):
    """In training a number becomes 0 or `inputs / (1 - rate)`."""
    # That none of 64 * 64 fates is to drop: 0.8**4096 < 1e-396.
    inputs = normal(*shape)
    found = few(factors(candidate(0.2)(inputs, training=True), inputs))
    yield see("list of factors, output / input,", found, [0.0, 1.25], f"rate 0.2, inputs {shape}")


def drops_whole_features(candidate):
    """A feature of an example is dropped at all times or at none."""
    yield from _fates(noise(candidate(0.5), *SEQUENCES), axes=(1,))


def drops_whole_maps(candidate):
    """A feature map of an example is dropped as a whole or not at all, wherever the channels are."""
    for data_format, shape, axes in (
        ("channels_last", IMAGES, (1, 2)),
        ("channels_first", FIRST, (2, 3)),
    ):
        yield from _fates(noise(candidate(0.5, data_format), *shape), axes, f", {data_format}")


def asks_keras_where_the_channels_are(candidate):
    """Without a `data_format` the channels are where Keras's setting says."""
    setting = keras.config.image_data_format()
    try:
        for data_format, shape, axes in (
            ("channels_last", IMAGES, (1, 2)),
            ("channels_first", FIRST, (2, 3)),
        ):
            keras.config.set_image_data_format(data_format)
            drawn = noise(candidate(0.5), *shape)
            yield from _fates(drawn, axes, f", with {data_format} as Keras's setting")
    finally:
        keras.config.set_image_data_format(setting)


def _fates(drawn, axes, given=""):
    """Along which axes a fate is shared, and whether each example and each feature has its own."""
    # 64 fair coins or more that all fall alike: 2**-63; two of 64 rows or columns of 64 fair coins
    # alike: 2 * 2016 / 2**64 < 1e-15.
    given = f"rate 0.5 and ones of shape {drawn.shape}{given}"
    received, right = shared_axes(drawn), str([*axes])
    yield see("list of axes along which nothing changes", received, right, given)
    if received == right:
        fates = drawn.max(axis=axes)  # (examples, features)
        yield see("number of examples with a mask of their own", different(fates, 0), 64, given)
        yield see("number of features with a mask of their own", different(fates, 1), 64, given)


def takes_sequences_alone(candidate):
    """Inputs have three axes; others are refused."""
    yield from _refuses(candidate, (4, 5), (4, 3, 2, 5))


def takes_images_alone(candidate):
    """Inputs have four axes; others are refused."""
    yield from _refuses(candidate, (4, 3, 5), (4, 3, 2, 2, 5))


def _refuses(candidate, *shapes):
    for shape in shapes:
        error = outcome(lambda shape=shape: candidate(0.5)(np.ones(shape)))
        yield see("call", error, "ValueError", f"inputs of shape {shape}")


def refuses_what_is_no_data_format(candidate):
    """`data_format` is "channels_last" or "channels_first"."""
    error = outcome(lambda: candidate(0.5, data_format="channels_middle"))
    yield see("`__init__`", error, "ValueError", "data_format='channels_middle'")


def knows_its_output_shape(candidate, sizes):
    """The output has the shape of the inputs, also where nothing is computed yet."""
    yield from kept_shape(candidate(0.5), *sizes)


# --- The exams --------------------------------------------------------------------------------------

# What every relative that drops is told by its base class, should an answer do without it.
REST = "if not training or self.rate == 0:"
APPLY = "return inverted_dropout(inputs, self.draw_mask(inputs), self.rate)"
GENERAL = (
    Mistake(
        "active-in-inference",
        find=REST,
        put="if self.rate == 0:",
        says="You drop in inference too. There the inputs pass unchanged.",
    ),
    Mistake(
        "inactive-in-training",
        find=REST,
        put="if True:",
        says="You drop nothing in training either. With training=True use a mask.",
    ),
    Mistake(
        "training-upside-down",
        find=REST,
        put="if training or self.rate == 0:",
        says="Training and inference have changed places.",
    ),
    Mistake(
        "no-rescale",
        find=APPLY,
        put="return ops.where(self.draw_mask(inputs), inputs, 0)",
        says="What is kept is not scaled up. Divide by 1 - rate.",
    ),
    Mistake(
        "same-mask-every-call",
        find="keras.random.uniform(shape, seed=self.seed_generator)",
        put="keras.random.uniform(shape, seed=self.seed or 0)",
        says="Every call has the same mask: an integer seed gives the same numbers each time. Hand over "
        "a generator instead.",
    ),
)

ONE = "super().__init__(rate, noise_shape=(None, 1, None), seed=seed, **kwargs)"

SPATIAL_1D = Exam(
    name="SpatialDropout1D",
    block="dropout",
    probes=(
        *on(SEQUENCES, rests_in_inference, keeps_or_drops),
        drops_whole_features,
        *on(MANY_SEQUENCES, drops_the_share_it_is_told),
        *on(SEQUENCES, draws_anew_at_every_call, draws_anew_in_a_compiled_function),
        *on(SEQUENCES, repeats_itself_by_its_seed, works_when_frozen, keeps_the_dtype),
        *on(SEQUENCES, drops_nothing_or_all, gradients_take_the_same_mask),
        *on((2, 2, 2), refuses_integers),
        refuses_what_is_no_share,
        takes_sequences_alone,
        passes_masks_on,
        using(knows_its_output_shape, sizes=(3, 5)),
        using(config_makes_it_again, rate=0.3),
    ),
    mistakes=(
        Mistake(
            "plain-dropout",
            find=ONE,
            put="super().__init__(rate, seed=seed, **kwargs)",
            says="You drop every number on its own, as plain dropout does. A feature shares its fate at all "
            "times: the mask has size 1 along axis 1.",
        ),
        Mistake(
            "drops-whole-times",
            find=ONE,
            put="super().__init__(rate, noise_shape=(None, None, 1), seed=seed, **kwargs)",
            says="You drop whole times: all features of a time have one fate. It is the other way round: the "
            "mask has size 1 along axis 1, the times.",
        ),
        Mistake(
            "one-mask-for-the-batch",
            find=ONE,
            put="super().__init__(rate, noise_shape=(1, 1, None), seed=seed, **kwargs)",
            says="All examples of a batch lose the same features. Each example has a mask of its own: None "
            "along axis 0.",
        ),
        Mistake(
            "shared-by-examples-alone",
            find=ONE,
            put="super().__init__(rate, noise_shape=(1, None, None), seed=seed, **kwargs)",
            says="Examples share the mask, and times do not. It is the other way round.",
        ),
        Mistake(
            "drops-whole-examples",
            find=ONE,
            put="super().__init__(rate, noise_shape=(None, 1, 1), seed=seed, **kwargs)",
            says="You drop all features of an example, or none. Each feature has a fate of its own: None "
            "along the last axis.",
        ),
        Mistake(
            "rate-as-keep-probability",
            find=ONE,
            put=ONE.replace("(rate,", "(1 - rate,"),
            says="Your rate is the share that is kept. Keras's is the share that is dropped.",
        ),
        Mistake(
            "seed-forgotten",
            find=ONE,
            put=ONE.replace(" seed=seed,", ""),
            says="The seed has no effect: hand it on.",
        ),
        Mistake(
            "name-and-dtype-forgotten",
            find=ONE,
            put=ONE.replace(", **kwargs", ""),
            says="`name`, `dtype` and whatever else a layer takes have no effect: hand on `**kwargs`.",
        ),
        Mistake(
            "takes-any-number-of-axes",
            find="self.input_spec = keras.layers.InputSpec(ndim=3)",
            put="pass",
            says="Inputs with two or four axes are taken. `InputSpec(ndim=3)` refuses them.",
        ),
        *GENERAL,
    ),
    hints=(
        "It is a `Dropout` whose mask is shared along one axis, the times. You have built what shares it.",
        "`noise_shape` has an entry for each axis of (batch, times, features): 1 where the mask is shared, "
        "None where it has the inputs' own size. Hand on `seed` and `**kwargs` too.",
    ),
    why="A feature at one time tells much about the same feature at the next: where plain dropout hides the "
    "one, the other still shows it. What is shared by all times hides it for good. Everything else is "
    "`Dropout`: one argument makes the relative.",
)

LAST, SHAPE = '"channels_last"', "(None, 1, 1, None) if last else (None, None, 1, 1)"
TWO = "super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)"

SPATIAL_2D = Exam(
    name="SpatialDropout2D",
    block="dropout",
    probes=(
        *on(IMAGES, rests_in_inference, keeps_or_drops),
        drops_whole_maps,
        asks_keras_where_the_channels_are,
        *on(MANY_IMAGES, drops_the_share_it_is_told),
        *on(IMAGES, draws_anew_at_every_call, draws_anew_in_a_compiled_function),
        *on(IMAGES, repeats_itself_by_its_seed, works_when_frozen, keeps_the_dtype),
        *on(IMAGES, drops_nothing_or_all, gradients_take_the_same_mask),
        *on((2, 2, 2, 2), refuses_integers),
        refuses_what_is_no_share,
        refuses_what_is_no_data_format,
        takes_images_alone,
        passes_masks_on,
        using(knows_its_output_shape, sizes=(2, 3, 5)),
        using(config_makes_it_again, rate=0.3, data_format="channels_first"),
    ),
    mistakes=(
        Mistake(
            "plain-dropout",
            find=SHAPE,
            put="None",
            says="You drop every number on its own, as plain dropout does. A feature map shares its fate at "
            "all places: the mask has size 1 along rows and columns.",
        ),
        Mistake(
            "channels-first-ignored",
            find=SHAPE,
            put="(None, 1, 1, None)",
            says='With data_format="channels_first" you still take the last axis for the channels.',
        ),
        Mistake(
            "data-formats-swapped",
            find=SHAPE,
            put="(None, None, 1, 1) if last else (None, 1, 1, None)",
            says="channels_last and channels_first have changed places.",
        ),
        Mistake(
            "drops-whole-columns",
            find=SHAPE,
            put="(None, 1, None, None) if last else (None, None, 1, None)",
            says="You drop whole columns of a feature map: the mask is shared along the rows alone. It has "
            "size 1 along both.",
        ),
        Mistake(
            "drops-whole-rows",
            find=SHAPE,
            put="(None, None, 1, None) if last else (None, None, None, 1)",
            says="You drop whole rows of a feature map: the mask is shared along the columns alone. It has "
            "size 1 along both.",
        ),
        Mistake(
            "drops-whole-pixels",
            find=SHAPE,
            put="(None, None, None, 1) if last else (None, 1, None, None)",
            says="You drop whole pixels: all channels of a place have one fate. It is the other way round.",
        ),
        Mistake(
            "one-mask-for-the-batch",
            find=SHAPE,
            put="(1, 1, 1, None) if last else (1, None, 1, 1)",
            says="All examples of a batch lose the same feature maps. Each has a mask of its own: None along "
            "axis 0.",
        ),
        Mistake(
            "drops-whole-examples",
            find=SHAPE,
            put="(None, 1, 1, 1)",
            says="You drop all feature maps of an example, or none. Each has a fate of its own: None where "
            "the channels are.",
        ),
        Mistake(
            "data-format-ignored",
            find='last = data_format == "channels_last"',
            put='last = keras.config.image_data_format() == "channels_last"',
            says="You ask Keras's setting even where a `data_format` was given. Ask the argument: the "
            "setting is in it where none was given.",
        ),
        Mistake(
            "setting-ignored",
            find="data_format or keras.config.image_data_format()",
            put="data_format or " + LAST,
            says="Without a `data_format` you take the channels to be last. Keras's setting says where: "
            "`keras.config.image_data_format()`.",
        ),
        Mistake(
            "data-format-not-checked",
            find='if data_format not in ("channels_first", "channels_last"):',
            put="if False:",
            says="Any text is taken for a `data_format`. Raise a ValueError.",
        ),
        Mistake(
            "rate-as-keep-probability",
            find=TWO,
            put=TWO.replace("(rate,", "(1 - rate,"),
            says="Your rate is the share that is kept. Keras's is the share that is dropped.",
        ),
        Mistake(
            "seed-forgotten",
            find=TWO,
            put=TWO.replace(" seed=seed,", ""),
            says="The seed has no effect: hand it on.",
        ),
        Mistake(
            "name-and-dtype-forgotten",
            find=TWO,
            put=TWO.replace(", **kwargs", ""),
            says="`name`, `dtype` and whatever else a layer takes have no effect: hand on `**kwargs`.",
        ),
        Mistake(
            "takes-any-number-of-axes",
            find="self.input_spec = keras.layers.InputSpec(ndim=4)",
            put="pass",
            says="Inputs with three or five axes are taken. `InputSpec(ndim=4)` refuses them.",
        ),
        Mistake(
            "config-without-data-format",
            find='{**super().get_config(), "data_format": self.data_format}',
            put="super().get_config()",
            says="`get_config` lacks `data_format`.",
        ),
        *GENERAL,
    ),
    hints=(
        "As in SpatialDropout1D, with two axes along which the mask is shared: rows and columns.",
        "(batch, rows, columns, channels) with channels last, (batch, channels, rows, columns) with "
        "channels first: write 1 for rows and columns, None for the others.",
    ),
    why="The layer asks once, when it is made, where the channels are, and keeps the answer in its config: a "
    "file then means the same wherever it is loaded.",
)

EXAMS = (SPATIAL_1D, SPATIAL_2D)
