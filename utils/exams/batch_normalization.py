"""Exams of lesson 04: moving averages, the switch between training and inference, and the whole layer."""

import keras
import numpy as np

from utils.gradients import backpropagate

from ._exam import Exam, Mistake, see
from ._oracle import (
    beside_keras,
    channels,
    compiled,
    kept_shape,
    normal,
    outcome,
    same_after_a_file,
    uses_of_arguments,
    weight,
)
from .batch_normalization_training import epsilon_is_inside_the_root, stays_exact_far_from_zero

KERAS = keras.layers.BatchNormalization


# --- update_moving_average --------------------------------------------------------------------------


def keeps_the_old_value(update_moving_average):
    """With momentum 0.9 the new value is nine parts old and one part new."""
    old, new = np.array([10.0, -4.0, 0.5], "float32"), np.array([20.0, 8.0, 0.5], "float32")
    received = update_moving_average(old.copy(), new.copy(), 0.9)
    given = "moving [10, -4, 0.5], batch_value [20, 8, 0.5] and momentum 0.9"
    yield see("moving average", received, 0.9 * old + 0.1 * new, given)


def momentum_is_the_share_that_stays(update_moving_average):
    """Momentum 1 changes nothing; momentum 0 forgets everything; 0.25 keeps a quarter."""
    old, new = normal(4, seed=1), normal(4, seed=2)
    for momentum, right in ((1.0, old), (0.0, new), (0.25, 0.25 * old + 0.75 * new)):
        received = update_moving_average(old.copy(), new.copy(), momentum)
        yield see("moving average", received, right, f"momentum {momentum}")


def averages_many_batches(update_moving_average):
    """After many batches it weighs the batch seen k steps ago by (1 - momentum) * momentum**k."""
    batches = normal(30, 3, seed=3)
    moving = np.zeros(3, "float32")
    for batch in batches:
        moving = update_moving_average(moving, batch.copy(), 0.8)
    right = np.sum(0.2 * 0.8 ** np.arange(29, -1, -1)[:, None] * batches, axis=0)
    yield see("moving average after 30 batches", moving, right, "momentum 0.8", tolerance=1e-4)


# --- Moving statistics, and which ones are used -----------------------------------------------------


def moving_statistics_start_at_zero_and_one(candidate):
    """A new layer has gamma 1, beta 0, moving_mean 0 and moving_variance 1, one value a channel."""
    layer = candidate()
    layer.build((None, 3))
    for name, right in (("gamma", 1), ("beta", 0), ("moving_mean", 0), ("moving_variance", 1)):
        yield see(f"initial {name}", weight(layer, name), np.full(3, right, "float32"))
    trainable = sorted(each.name for each in layer.trainable_weights)
    yield see("list of trainable weights", trainable, ["beta", "gamma"])


def inference_uses_moving_statistics(candidate):
    """In inference the moving statistics normalize; the batch has no say."""
    layer, right = beside_keras(candidate, KERAS, (None, 3))
    inputs = channels(6, 3)
    given = "inputs of shape (6, 3)"
    yield see(
        "output",
        layer(inputs, training=False),
        right(inputs, training=False),
        given + ", training=False",
    )
    yield see("output", layer(inputs), right(inputs), given + " and no word about training")
    yield see("output", layer(inputs[:1]), right(inputs[:1]), "a batch of one example")


def inference_changes_nothing(candidate):
    """Inference leaves the moving statistics as they are."""
    layer, right = beside_keras(candidate, KERAS, (None, 3))
    layer(channels(6, 3), training=False)
    for name in ("moving_mean", "moving_variance"):
        yield see(
            f"{name} after one call with training=False", weight(layer, name), weight(right, name)
        )


def training_uses_the_batch(candidate):
    """In training each channel is normalized by the mean and variance of the batch, at any rank."""
    for shape in ((6, 3), (4, 5, 3)):
        layer, right = beside_keras(candidate, KERAS, shape)
        received, expected = (each(channels(*shape), training=True) for each in (layer, right))
        yield see("output", received, expected, f"inputs of shape {shape}, training=True")


def training_moves_the_statistics(candidate):
    """Every training step moves both statistics by (1 - momentum) towards the batch's."""
    layer, right = beside_keras(candidate, KERAS, (None, 4, 3), momentum=0.7)
    for step in range(3):
        for each in (layer, right):
            each(channels(5, 4, 3, seed=step), training=True)
        for name in ("moving_mean", "moving_variance"):
            received, expected = weight(layer, name), weight(right, name)
            yield see(f"{name} after {step + 1} training calls", received, expected, "momentum 0.7")


def default_arguments(candidate):
    """Without arguments momentum is 0.99 and epsilon 0.001, as in Keras."""
    layer, right = beside_keras(candidate, KERAS, (None, 2))
    inputs = channels(4, 2) * 0.02
    yield see(
        "output", layer(inputs, training=True), right(inputs, training=True), "a tiny variance"
    )
    for name in ("moving_mean", "moving_variance"):
        yield see(f"{name} after one training call", weight(layer, name), weight(right, name))


# --- The whole layer --------------------------------------------------------------------------------


def normalizes_along_any_axis(candidate):
    """`axis` names the channels' axis, at any rank, counted from either end."""
    for axis, shape in ((1, (4, 3, 5)), (-1, (4, 2, 2, 3)), (1, (2, 3, 4, 2)), (-2, (3, 2, 4))):
        layer, right = beside_keras(candidate, KERAS, shape, axis=axis)
        inputs = channels(*shape)
        for training in (True, False):
            yield see(
                "output",
                layer(inputs, training=training),
                right(inputs, training=training),
                f"axis={axis}, inputs of shape {shape}, training={training}",
            )
        yield see(
            "moving_mean",
            weight(layer, "moving_mean"),
            right.moving_mean,
            f"axis={axis}, shape {shape}",
        )


def ignores_masked_positions(candidate):
    """With a mask, statistics come from the unmasked positions alone."""
    inputs = channels(4, 5, 3)
    mask = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1]], "bool")
    one = np.zeros((4, 5), "bool")
    one[2, 1] = True
    for axis, shown, which in (
        (-1, mask, "a mask"),
        (1, mask, "a mask"),
        (-1, one, "a mask of one position"),
    ):
        given = f"axis={axis}, inputs of shape (4, 5, 3) and {which} of shape (4, 5)"
        layer, right = beside_keras(candidate, KERAS, (4, 5, 3), axis=axis, momentum=0.6)
        received, expected = (each(inputs, training=True, mask=shown) for each in (layer, right))
        yield see("output", received, expected, given + ", training=True")
        for name in ("moving_mean", "moving_variance"):
            yield see(name, weight(layer, name), weight(right, name), given)
        received, expected = (each(inputs, training=False, mask=shown) for each in (layer, right))
        yield see("output", received, expected, given + ", training=False")


def survives_a_mask_that_hides_everything(candidate):
    """A batch in which every position is masked gives finite numbers."""
    layer, right = beside_keras(candidate, KERAS, (2, 3, 2))
    inputs, mask = channels(2, 3, 2), np.zeros((2, 3), "bool")
    given = "inputs of shape (2, 3, 2) and a mask that is False everywhere"
    received, expected = (each(inputs, training=True, mask=mask) for each in (layer, right))
    yield see("output", received, expected, given, tolerance=1e-4)
    yield see("moving_mean", weight(layer, "moving_mean"), right.moving_mean, given)


def refuses_a_mask_of_the_wrong_rank(candidate):
    """A mask that has not one dimension less than the inputs is refused with a ValueError."""
    layer, _ = beside_keras(candidate, KERAS, (2, 3, 2))
    yield see(
        "call",
        outcome(lambda: layer(channels(2, 3, 2), training=True, mask=np.ones((2, 3, 2), "bool"))),
        "ValueError",
        "a mask with as many dimensions as the inputs",
    )


def passes_masks_on(candidate):
    """The layer supports masking: the mask of its inputs reaches the next layer."""
    yield see("supports_masking", candidate().supports_masking, True)


def leaves_out_what_is_switched_off(candidate):
    """`center=False` makes no beta, `scale=False` no gamma."""
    inputs = channels(6, 3)
    for arguments in ({"center": False}, {"scale": False}, {"center": False, "scale": False}):
        layer, right = beside_keras(candidate, KERAS, (None, 3), **arguments)
        given = ", ".join(f"{key}={value}" for key, value in arguments.items())
        yield see("number of weights", len(layer.weights), len(right.weights), given)
        for training in (True, False):
            received, expected = (each(inputs, training=training) for each in (layer, right))
            yield see("output", received, expected, f"{given}, training={training}")


def stays_put_when_frozen(candidate):
    """With `trainable = False` it behaves as in inference, even under training=True."""
    layer, right = beside_keras(candidate, KERAS, (None, 3))
    inputs = channels(6, 3)
    for each in (layer, right):
        each.trainable = False
        each.seen = each(inputs, training=True)
    given = "trainable = False, training=True"
    yield see("output", layer.seen, right.seen, given)
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), given)


def uses_what_it_is_given(candidate):
    """Initializers, regularizers and constraints reach the weights they are named after."""
    initial = {"beta": 2.0, "gamma": 3.0, "moving_mean": 4.0, "moving_variance": 5.0}
    yield from uses_of_arguments(candidate, (None, 2), **initial)


def config_makes_it_again(candidate):
    """`get_config` holds every argument; `from_config` makes the same layer again."""
    arguments = {
        "axis": 1,
        "momentum": 0.8,
        "epsilon": 0.25,
        "center": False,
        "scale": False,
        "beta_initializer": "ones",
        "gamma_initializer": "he_normal",
        "moving_mean_initializer": "ones",
        "moving_variance_initializer": "zeros",
        "beta_regularizer": "l1",
        "gamma_regularizer": "l2",
        "beta_constraint": "non_neg",
        "gamma_constraint": "unit_norm",
        "name": "mine",
    }
    config, right = candidate(**arguments).get_config(), KERAS(**arguments).get_config()
    yield see(
        "list of keys that get_config lacks", [key for key in arguments if key not in config], []
    )
    as_objects = [key for key in arguments if type(config.get(key)) is not type(right[key])]
    yield see("list of values in get_config that JSON cannot hold", as_objects, [])
    if as_objects:
        return
    yield see(
        "config after from_config",
        {
            key: value
            for key, value in candidate.from_config(dict(config)).get_config().items()
            if key in right
        },
        {key: value for key, value in right.items() if key in config},
        "another value than the default for every argument",
    )


def survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    layer, _ = beside_keras(candidate, KERAS, (None, 3), epsilon=0.1)
    yield from same_after_a_file(layer, channels(5, 3))


def computes_in_float32_inside(candidate):
    """Under mixed precision it takes and gives float16, and computes in float32 between."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), dtype="mixed_float16", momentum=0.5)
    inputs = (channels(6, 3) * 400).astype("float16")  # their squares and variance exceed float16
    given = "float16 inputs of around 1,000, dtype='mixed_float16'"
    for training in (True, False):
        received, expected = (each(inputs, training=training) for each in (layer, right))
        yield see("output", received, expected, f"{given}, training={training}", tolerance=2e-3)
        yield see(
            "dtype of the output", keras.backend.standardize_dtype(received.dtype), "float16", given
        )
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), given, tolerance=1e-4)
    yield see("dtype of moving_variance", weight(layer, "moving_variance").dtype, "float32", given)


def works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, with sizes unknown, it computes the same and still moves its statistics."""
    layer, right = beside_keras(candidate, KERAS, (None, None, 3))
    inputs = channels(4, 2, 3)
    given = "inputs of shape (None, None, 3) in tf.function, training=True"
    yield see("output", compiled(layer, inputs, training=True), right(inputs, training=True), given)
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), given)
    received, expected = compiled(layer, inputs, training=False), right(inputs, training=False)
    yield see("output", received, expected, given.replace("True", "False"))


def keeps_the_dtype(candidate):
    """Outputs have the dtype of the layer's policy, bfloat16 as well as float16."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), dtype="mixed_bfloat16")
    inputs = keras.ops.cast(channels(6, 3), "bfloat16")
    received, expected = (each(inputs, training=True) for each in (layer, right))
    given = "dtype='mixed_bfloat16'"
    yield see(
        "dtype of the output", keras.backend.standardize_dtype(received.dtype), "bfloat16", given
    )
    yield see("output", received, expected, given, tolerance=2e-2)


def knows_its_output_shape(candidate):
    """The output has the shape of the inputs, also where nothing is computed yet."""
    yield from kept_shape(candidate(axis=1), 3, 5)


def masks_in_a_compiled_function(candidate):
    """A mask works inside `tf.function` too, and leaves a frozen layer's statistics alone."""
    layer, right = beside_keras(candidate, KERAS, (None, None, 3), momentum=0.6)
    inputs = channels(4, 2, 3)
    mask = np.array([[1, 1], [1, 0], [0, 0], [1, 1]], "bool")
    received = compiled(layer, inputs, training=True, mask=mask)
    expected = right(inputs, training=True, mask=mask)
    given = "inputs of shape (None, None, 3) and a mask in tf.function"
    yield see("output", received, expected, given)
    for each in (layer, right):
        each.trainable = False
        each(inputs, training=True, mask=mask)
    for name in ("moving_mean", "moving_variance"):
        yield see(name, weight(layer, name), weight(right, name), f"{given}, then once more frozen")


def gradients_ignore_masked_positions(candidate):
    """With a mask the gradients are those of Keras's layer too."""
    layer, right = beside_keras(candidate, KERAS, (None, 4, 3))
    inputs, arriving = channels(3, 4, 3), normal(3, 4, 3, seed=5)
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]], "bool")
    received, _ = backpropagate(layer, inputs, arriving, training=True, mask=mask)
    expected, _ = backpropagate(right, inputs, arriving, training=True, mask=mask)
    given = "inputs of shape (3, 4, 3) and a mask"
    yield see("gradient with respect to the inputs", received, expected, given)


# --- Clues: single steps of the class as the lesson lays it out -------------------------------------


def notes_the_axes(candidate):
    """`build` notes the axes to average over, and the shape in which (features,) meets the inputs."""
    for axis, shape, axes, aligned in (
        (-1, (None, 4, 3), (0, 1), (1, 1, 3)),
        (1, (None, 3, 4), (0, 2), (1, 3, 1)),
    ):
        layer = candidate(axis=axis)
        layer.build(shape)
        given = f"axis={axis} and inputs of shape {shape}"
        if hasattr(layer, "reduction_axes"):
            noted = sorted(a % 3 for a in layer.reduction_axes)
            yield see("list of reduction_axes", str(noted), str(sorted(axes)), given)
        if hasattr(layer, "aligned_shape"):
            noted = str(tuple(3 if n == -1 else n for n in layer.aligned_shape))
            yield see("aligned_shape, with 3 for -1,", noted, str(aligned), given)


def measures_what_a_mask_shows(candidate):
    """`batch_statistics` returns mean and variance of what the mask shows, as `moments` would."""
    if not hasattr(candidate, "batch_statistics"):
        return
    layer = candidate()
    layer.build((None, 4, 3))
    inputs = channels(2, 4, 3)
    mask = np.array([[1, 1, 0, 0], [1, 0, 1, 1]], "bool")
    mean, variance = layer.batch_statistics(keras.ops.convert_to_tensor(inputs), mask)
    given = "inputs of shape (2, 4, 3) and a mask of shape (2, 4)"
    yield see("mean of `batch_statistics`", mean, inputs[mask].mean(0)[None, None], given)
    yield see("variance of `batch_statistics`", variance, inputs[mask].var(0)[None, None], given)


def gradients_are_those_of_keras(candidate):
    """Gradients with respect to the inputs, gamma and beta are those of Keras's layer."""
    inputs, arriving = channels(3, 4, 3), normal(3, 4, 3, seed=5)
    for training in (True, False):
        layer, right = beside_keras(candidate, KERAS, (None, 4, 3))
        given = f"inputs of shape (3, 4, 3), training={training}"
        received, received_weights = backpropagate(layer, inputs, arriving, training=training)
        expected, expected_weights = backpropagate(right, inputs, arriving, training=training)
        yield see("gradient with respect to the inputs", received, expected, given)
        for name in ("gamma", "beta"):
            mine = [w.path for w in layer.trainable_weights].index(weight(layer, name).path)
            its = [w.path for w in right.trainable_weights].index(weight(right, name).path)
            yield see(f"gradient of {name}", received_weights[mine], expected_weights[its], given)


# --- The exams --------------------------------------------------------------------------------------

MOVING_AVERAGE = Exam(
    name="update_moving_average",
    block="normalization",
    probes=(keeps_the_old_value, momentum_is_the_share_that_stays, averages_many_batches),
    mistakes=(
        Mistake(
            "momentum-swapped",
            find="return momentum * moving + (1 - momentum) * batch_value",
            put="return (1 - momentum) * moving + momentum * batch_value",
            says="Your momentum is the share of the new value, as PyTorch has it. In Keras it is the "
            "share of the old value that stays.",
        ),
        Mistake(
            "sum-instead-of-average",
            find="return momentum * moving + (1 - momentum) * batch_value",
            put="return momentum * moving + batch_value",
            says="You add the whole batch value. Add (1 - momentum) of it, so that the weights sum to 1.",
        ),
        Mistake(
            "old-value-whole",
            find="return momentum * moving",
            put="return moving",
            says="You keep the whole old value and add to it. Keep `momentum` of it.",
        ),
        Mistake(
            "batch-value-only",
            find="return momentum * moving + (1 - momentum) * batch_value",
            put="return batch_value",
            says="You forget the old value: what you return is the newest batch alone.",
        ),
        Mistake(
            "plain-average",
            find="return momentum * moving + (1 - momentum) * batch_value",
            put="return (moving + batch_value) / 2",
            says="You take the middle of both, whatever the momentum is.",
        ),
        Mistake(
            "momentum-ignored",
            find="return momentum * moving + (1 - momentum) * batch_value",
            put="return 0.99 * moving + 0.01 * batch_value",
            says="You keep 0.99 whatever `momentum` was given. Use `momentum`.",
        ),
        Mistake(
            "wrong-sign",
            find="return momentum * moving + (1",
            put="return momentum * moving - (1",
            says="You subtract the new part. Add it.",
        ),
    ),
    hints=(
        "It is an average of two numbers with the weights `momentum` and `1 - momentum`.",
        "With momentum 0.99 one batch changes little. Which of the two then has the weight 0.99?",
        "The old value times `momentum`, plus the batch's value times what is left of 1.",
    ),
    why="An average with exponentially fading weights: the batch k steps ago counts "
    "`(1 - momentum) * momentum**k`. Nothing but the average itself has to be remembered.",
)

ONE_AXIS = (
    moving_statistics_start_at_zero_and_one,
    training_uses_the_batch,
    inference_uses_moving_statistics,
    inference_changes_nothing,
    training_moves_the_statistics,
    default_arguments,
    epsilon_is_inside_the_root,
    stays_exact_far_from_zero,
    works_inside_a_compiled_function,
    gradients_are_those_of_keras,
)

WITH_MOVING_STATISTICS = Exam(
    name="BatchNormalizationWithMovingStatistics",
    block="normalization",
    probes=ONE_AXIS,
    mistakes=(
        Mistake(
            "always-the-batch",
            find="        if training:\n",
            put="        if True:\n",
            says="You use the batch's statistics in inference too. There the moving ones normalize, so "
            "that an output does not depend on the other examples of its batch.",
        ),
        Mistake(
            "never-the-batch",
            find="                moving.assign(update_moving_average(moving, batch_value, self.momentum))",
            put="                moving.assign(update_moving_average(moving, batch_value, self.momentum))\n"
            "            mean, variance = self.moving_mean, self.moving_variance",
            says="You normalize with the moving statistics during training. There the batch's own do; "
            "the moving ones only follow.",
        ),
        Mistake(
            "training-upside-down",
            find="        if training:\n",
            put="        if not training:\n",
            says="Training and inference have changed places.",
        ),
        Mistake(
            "statistics-never-move",
            find="moving.assign(update_moving_average(moving, batch_value, self.momentum))",
            put="pass",
            says="The moving statistics never move: in inference they are still 0 and 1. Assign the new "
            "value in every training call.",
        ),
        Mistake(
            "mean-never-moves",
            find="for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):",
            put="for moving, batch_value in ((self.moving_variance, variance),):",
            says="moving_variance follows the batches, moving_mean does not.",
        ),
        Mistake(
            "variance-never-moves",
            find="for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):",
            put="for moving, batch_value in ((self.moving_mean, mean),):",
            says="moving_mean follows the batches, moving_variance does not.",
        ),
        Mistake(
            "momentum-swapped",
            find="update_moving_average(moving, batch_value, self.momentum)",
            put="update_moving_average(moving, batch_value, 1 - self.momentum)",
            says="Your momentum is the share of the new value, as PyTorch has it. In Keras it is the "
            "share of the old value that stays.",
        ),
        Mistake(
            "momentum-ignored",
            find="update_moving_average(moving, batch_value, self.momentum)",
            put="update_moving_average(moving, batch_value, 0.99)",
            says="You use 0.99 whatever `momentum` was given. Use `self.momentum`.",
        ),
        Mistake(
            "last-batch-only",
            find="update_moving_average(moving, batch_value, self.momentum)",
            put="batch_value",
            says="Your moving statistics are those of the last batch. Move a share of (1 - momentum).",
        ),
        Mistake(
            "moving-variance-starts-at-zero",
            find='initializer="ones", name="moving_variance"',
            put='initializer="zeros", name="moving_variance"',
            says="moving_variance starts at 0: a new layer divides by nearly nothing. It starts at 1.",
        ),
        Mistake(
            "moving-mean-starts-at-one",
            find='initializer="zeros", name="moving_mean"',
            put='initializer="ones", name="moving_mean"',
            says="moving_mean starts at 1. It starts at 0.",
        ),
        Mistake(
            "statistics-trainable",
            find='name="moving_mean", trainable=False',
            put='name="moving_mean", trainable=True',
            says="A moving statistic is trainable: the optimizer would change it by gradients. "
            "Make both with trainable=False.",
        ),
        Mistake(
            "both-statistics-trainable",
            find='name="moving_mean", trainable=False\n        )\n'
            "        self.moving_variance = self.add_weight(\n"
            '            shape=features, initializer="ones", name="moving_variance", trainable=False',
            put='name="moving_mean"\n        )\n'
            "        self.moving_variance = self.add_weight(\n"
            '            shape=features, initializer="ones", name="moving_variance"',
            says="The moving statistics are trainable: the optimizer would change them by gradients. "
            "Make them with trainable=False.",
        ),
        Mistake(
            "default-momentum",
            find="momentum=0.99",
            put="momentum=0.9",
            says="Your default momentum is 0.9. In Keras it is 0.99.",
        ),
        Mistake(
            "default-epsilon",
            find="momentum=0.99, epsilon=1e-3",
            put="momentum=0.99, epsilon=1e-5",
            says="Your default epsilon is 1e-5, as PyTorch has it. In Keras it is 1e-3.",
        ),
        Mistake(
            "unbiased-moving-variance",
            find="for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):",
            put="n = ops.cast(ops.size(inputs) / inputs.shape[-1], variance.dtype)\n"
            "            for moving, batch_value in "
            "((self.moving_mean, mean), (self.moving_variance, variance * n / (n - 1))):",
            says="Your moving variance follows the variance with n - 1, as PyTorch has it. In Keras it "
            "follows the batch's variance as it is, divided by n.",
        ),
        Mistake(
            "moving-standard-deviation",
            find="for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):",
            put="for moving, batch_value in ((self.moving_mean, mean), "
            "(self.moving_variance, ops.sqrt(variance))):",
            says="You move moving_variance towards the standard deviation. It follows the variance.",
        ),
        Mistake(
            "epsilon-outside-the-root",
            find="self.momentum))\n"
            "        normalized = (inputs - mean) / ops.sqrt(variance + self.epsilon)",
            put="self.momentum))\n"
            "        normalized = (inputs - mean) / (ops.sqrt(variance) + self.epsilon)",
            says="You add epsilon to the standard deviation. It belongs inside the root, to the variance.",
        ),
    ),
    hints=(
        "`self.add_weight(..., trainable=False)` makes a variable that no optimizer touches.",
        "In `call`, choose the statistics with `if training:`, then normalize once, below it.",
        "In training: take `moments` of the batch, then `self.moving_mean.assign(update_moving_average("
        "...))`, the same for the variance. `moments` keeps its axes; the variables have one: "
        "`ops.reshape(mean, (-1,))`.",
    ),
    why="Mean and variance are chosen first, and used in one place. The gradient must not pass through "
    "the moving statistics, and does not: they are assigned, not returned.",
)

BATCH_NORMALIZATION = Exam(
    name="BatchNormalization",
    block="normalization",
    probes=(
        *ONE_AXIS,
        normalizes_along_any_axis,
        leaves_out_what_is_switched_off,
        stays_put_when_frozen,
        ignores_masked_positions,
        survives_a_mask_that_hides_everything,
        refuses_a_mask_of_the_wrong_rank,
        passes_masks_on,
        uses_what_it_is_given,
        config_makes_it_again,
        survives_a_file,
        computes_in_float32_inside,
        keeps_the_dtype,
        knows_its_output_shape,
        masks_in_a_compiled_function,
        gradients_ignore_masked_positions,
    ),
    clues=(notes_the_axes, measures_what_a_mask_shows),
    mistakes=(
        Mistake(
            "unbiased-variance",
            find="            mean, variance = self.batch_statistics(inputs, mask)\n",
            put="            mean, variance = self.batch_statistics(inputs, mask)\n"
            "            n = ops.cast(ops.size(inputs) / ops.size(mean), variance.dtype)\n"
            "            variance = variance * n / (n - 1)\n",
            says="Your variance divides by n - 1. Keras, like the paper, divides by n.",
        ),
        Mistake(
            "unbiased-moving-variance",
            find="            self.follow(self.moving_variance, variance)",
            put="            n = ops.cast(ops.size(inputs) / ops.size(mean), variance.dtype)\n"
            "            self.follow(self.moving_variance, variance * n / (n - 1))",
            says="Your moving variance follows the variance with n - 1, as PyTorch has it. In Keras it "
            "follows the batch's variance as it is, divided by n.",
        ),
        Mistake(
            "frozen-layer-still-moves",
            find="if training and self.trainable:",
            put="if training:",
            says="A frozen layer (`trainable = False`) still normalizes with the batch and moves its "
            "statistics. In Keras it runs in inference mode.",
        ),
        Mistake(
            "training-ignored",
            find="if training and self.trainable:",
            put="if self.trainable:",
            says="You use the batch's statistics in inference too. There the moving ones normalize.",
        ),
        Mistake(
            "training-upside-down",
            find="if training and self.trainable:",
            put="if not training and self.trainable:",
            says="Training and inference have changed places.",
        ),
        Mistake(
            "normalizes-with-the-moving-statistics",
            find="            self.follow(self.moving_variance, variance)",
            put="            self.follow(self.moving_variance, variance)\n"
            "            mean, variance = self.moving_mean, self.moving_variance",
            says="You normalize with the moving statistics during training. There the batch's own do; "
            "the moving ones only follow.",
        ),
        Mistake(
            "mean-never-moves",
            find="            self.follow(self.moving_mean, mean)\n",
            put="",
            says="moving_variance follows the batches, moving_mean does not.",
        ),
        Mistake(
            "variance-never-moves",
            find="            self.follow(self.moving_variance, variance)",
            put="            pass",
            says="moving_mean follows the batches, moving_variance does not.",
        ),
        Mistake(
            "momentum-swapped",
            find="update_moving_average(old_value, batch_value, self.momentum)",
            put="update_moving_average(batch_value, old_value, self.momentum)",
            says="Your momentum is the share of the new value, as PyTorch has it. In Keras it is the "
            "share of the old value that stays.",
        ),
        Mistake(
            "momentum-ignored",
            find="update_moving_average(old_value, batch_value, self.momentum)",
            put="update_moving_average(old_value, batch_value, 0.99)",
            says="You use 0.99 whatever `momentum` was given. Use `self.momentum`.",
        ),
        Mistake(
            "epsilon-outside-the-root",
            find="ops.rsqrt(align(variance) + self.epsilon)",
            put="1 / (ops.sqrt(align(variance)) + self.epsilon)",
            says="You add epsilon to the standard deviation. It belongs inside the root, to the variance.",
        ),
        Mistake(
            "epsilon-missing",
            find="ops.rsqrt(align(variance) + self.epsilon)",
            put="ops.rsqrt(align(variance))",
            says="epsilon is missing: a feature that is constant in a batch divides by zero.",
        ),
        Mistake(
            "epsilon-ignored",
            find="ops.rsqrt(align(variance) + self.epsilon)",
            put="ops.rsqrt(align(variance) + 1e-3)",
            says="You add 0.001 whatever `epsilon` was given. Use `self.epsilon`.",
        ),
        Mistake(
            "divides-by-variance",
            find="ops.rsqrt(align(variance) + self.epsilon)",
            put="ops.reciprocal(align(variance) + self.epsilon)",
            says="You divide by the variance. Divide by its root, the standard deviation.",
        ),
        Mistake(
            "not-centred",
            find="(inputs - align(mean))",
            put="inputs",
            says="You divide without subtracting the mean first.",
        ),
        Mistake(
            "axis-ignored",
            find="if axis != self.axis % rank)",
            put="if axis != rank - 1)",
            says="You keep the last axis, whatever `axis` says. Keep the axis it names.",
        ),
        Mistake(
            "negative-axis-forgotten",
            find="if axis != self.axis % rank)",
            put="if axis != self.axis)",
            says="A negative `axis`, as the default -1, matches no axis, so that you average over all of "
            "them. Count it from the end first: `axis % rank`.",
        ),
        Mistake(
            "batch-axis-only",
            find="tuple(axis for axis in range(rank) if axis != self.axis % rank)",
            put="(0,)",
            says="You average over the batch alone. With more axes than two, average over all but `axis`.",
        ),
        Mistake(
            "layer-normalization",
            find="tuple(axis for axis in range(rank) if axis != self.axis % rank)",
            put="(self.axis % rank,)",
            says="You average over the features' axis: that is layer normalization. Average over all others.",
        ),
        Mistake(
            "mask-ignored",
            find="            mean, variance = self.batch_statistics(inputs, mask)\n",
            put="            mean, variance = self.batch_statistics(inputs, None)\n",
            says="The mask has no effect: masked positions count towards the statistics.",
        ),
        Mistake(
            "masked-count",
            find="count = ops.sum(ops.cast(shown, inputs.dtype), self.reduction_axes, keepdims=True)",
            put="count = ops.sum(ops.ones_like(inputs), self.reduction_axes, keepdims=True)",
            says="You leave masked positions out of the sum and still divide by all of them. Divide by the "
            "number that the mask shows.",
        ),
        Mistake(
            "masked-count-of-positions",
            find="count = ops.sum(ops.cast(shown, inputs.dtype), self.reduction_axes, keepdims=True)",
            put="count = ops.sum(ops.cast(shown, inputs.dtype))",
            says="You divide by the number of shown values of all features together. Each feature has "
            "its own count.",
        ),
        Mistake(
            "mask-in-the-mean-only",
            find="return mean, average(ops.square(inputs - mean))",
            put="return mean, ops.mean(ops.square(inputs - mean), self.reduction_axes, keepdims=True)",
            says="The mean leaves masked positions out, the variance does not.",
        ),
        Mistake(
            "mask-upside-down",
            find="ops.where(shown, values, 0)",
            put="ops.where(shown, 0, values)",
            says="You count what the mask hides. True marks the positions that count.",
        ),
        Mistake(
            "mask-inverted",
            find='ops.cast(mask, "bool"), -1)',
            put='ops.logical_not(ops.cast(mask, "bool")), -1)',
            says="You count what the mask hides. True marks the positions that count.",
        ),
        Mistake(
            "masked-values-as-zeros",
            find="        mean = average(inputs)\n"
            "        return mean, average(ops.square(inputs - mean))",
            put="        return moments(ops.where(shown, inputs, 0), self.reduction_axes)",
            says="You set what the mask hides to 0 and let the zeros count. Leave them out of the sums, "
            "and divide by the number of positions shown.",
        ),
        Mistake(
            "statistics-swapped",
            find="            self.follow(self.moving_mean, mean)\n"
            "            self.follow(self.moving_variance, variance)",
            put="            self.follow(self.moving_mean, variance)\n"
            "            self.follow(self.moving_variance, mean)",
            says="moving_mean follows the variance, and moving_variance the mean. Swap them.",
        ),
        Mistake(
            "statistics-never-move",
            find="            self.follow(self.moving_mean, mean)\n"
            "            self.follow(self.moving_variance, variance)\n",
            put="",
            says="The moving statistics never move: in inference they are still 0 and 1. Let both "
            "`follow` the batch's in every training call.",
        ),
        Mistake(
            "empty-mask-divides-by-zero",
            find="ops.maximum(count, 1)",
            put="count",
            says="A batch that is masked everywhere divides 0 by 0. Let the count be at least 1.",
        ),
        Mistake(
            "mask-of-any-rank",
            find="if len(mask.shape) != len(inputs.shape) - 1:",
            put="if len(mask.shape) > len(inputs.shape):",
            says="A mask of the wrong rank is taken without a word. It has one dimension less than the "
            "inputs; raise a ValueError otherwise.",
        ),
        Mistake(
            "scale-ignored",
            find="        if self.scale:\n            outputs = outputs * align(self.gamma)\n",
            put="",
            says="gamma has no effect: multiply the normalized inputs by it.",
        ),
        Mistake(
            "center-ignored",
            find="        if self.center:\n            outputs = outputs + align(self.beta)\n",
            put="",
            says="beta has no effect: add it at the end.",
        ),
        Mistake(
            "beta-before-gamma",
            find="            outputs = outputs * align(self.gamma)\n"
            "        if self.center:\n"
            "            outputs = outputs + align(self.beta)\n",
            put="            outputs = (outputs + (align(self.beta) if self.center else 0))"
            " * align(self.gamma)\n"
            "        elif self.center:\n"
            "            outputs = outputs + align(self.beta)\n",
            says="You add beta before multiplying by gamma. Multiply first, then add beta.",
        ),
        Mistake(
            "scale-false-not-handled",
            find="        if self.scale:\n            outputs",
            put="        if True:\n            outputs",
            says="With scale=False there is no gamma: leave the multiplication out.",
        ),
        Mistake(
            "center-false-not-handled",
            find="        if self.center:\n            outputs",
            put="        if True:\n            outputs",
            says="With center=False there is no beta: leave the addition out.",
        ),
        Mistake(
            "statistics-detached",
            find="mean, variance = self.batch_statistics(inputs, mask)",
            put="mean, variance = self.batch_statistics(ops.stop_gradient(inputs), mask)",
            says="Outputs are right, gradients are not: none flows through the mean and the variance.",
        ),
        Mistake(
            "one-pass",
            find="            mean, variance = self.batch_statistics(inputs, mask)\n",
            put="            mean, _ = self.batch_statistics(inputs, mask)\n"
            "            square, _ = self.batch_statistics(ops.square(inputs), mask)\n"
            "            variance = square - ops.square(mean)\n",
            says="mean(square(x)) - square(mean(x)) loses its digits where the mean is large beside the "
            "spread. Average square(x - mean).",
        ),
        Mistake(
            "float16-inside",
            find='inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))',
            put="inputs = ops.cast(inputs, self.compute_dtype)",
            says="You compute in float16, where a square overflows above 65,504. Cast to float32 first, "
            "and back at the end.",
        ),
        Mistake(
            "output-stays-float32",
            find="return ops.cast(outputs, self.compute_dtype)",
            put="return outputs",
            says="Under mixed precision your outputs stay float32. Cast them back to the compute dtype.",
        ),
        Mistake(
            "no-config",
            find="return {**super().get_config(), **keras.saving.serialize_keras_object(config)}",
            put="return super().get_config()",
            says="`get_config` holds none of your own arguments: a layer loaded from a file has the "
            "defaults again.",
        ),
        Mistake(
            "config-without-axis",
            find='"axis", "momentum", "epsilon",',
            put='"momentum", "epsilon",',
            says="`get_config` lacks `axis`.",
        ),
        Mistake(
            "config-without-momentum",
            find='"axis", "momentum", "epsilon",',
            put='"axis", "epsilon",',
            says="`get_config` lacks `momentum`.",
        ),
        Mistake(
            "config-without-epsilon",
            find='"axis", "momentum", "epsilon",',
            put='"axis", "momentum",',
            says="`get_config` lacks `epsilon`.",
        ),
        Mistake(
            "config-without-center-and-scale",
            find='"center", "scale", "synchronized",',
            put='"synchronized",',
            says="`get_config` lacks `center` and `scale`.",
        ),
        Mistake(
            "config-without-initializers",
            find='            "beta_initializer", "gamma_initializer",\n'
            '            "moving_mean_initializer", "moving_variance_initializer",\n',
            put="",
            says="`get_config` lacks the initializers.",
        ),
        Mistake(
            "config-without-regularizers",
            find='"beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",',
            put='"beta_constraint", "gamma_constraint",',
            says="`get_config` lacks the regularizers.",
        ),
        Mistake(
            "config-of-objects",
            find="**keras.saving.serialize_keras_object(config)}",
            put="**config}",
            says="`get_config` holds initializers, regularizers and constraints as objects. JSON cannot "
            "hold them: serialize them, as with `keras.saving.serialize_keras_object`.",
        ),
        Mistake(
            "masks-not-supported",
            find="self.supports_masking = True",
            put="self.supports_masking = False",
            says="The mask of the inputs does not reach the next layer: set supports_masking to True.",
        ),
    ),
    hints=(
        "Go region by region and run the check after each: its message says how far you are. For the axes: "
        "`self.axis % rank` counts a negative axis from the front.",
        "With a mask: sum what it shows, `ops.where(shown, values, 0)`, and divide by how many it shows. "
        "In `call`: `if training and self.trainable`.",
        "`aligned_shape` is -1 where the features are and 1 elsewhere. `get_config`: collect all that "
        "`__init__` takes in a dictionary and hand it to `keras.saving.serialize_keras_object`.",
    ),
    why="Statistics are chosen in one place and used in one place. Inputs are cast to float32 (or wider) "
    "before any square is taken and cast back at the end. The count of a mask is at least 1, so that a "
    "batch of padding alone gives finite numbers. `get_config` names each argument once.",
)

EXAMS = (MOVING_AVERAGE, WITH_MOVING_STATISTICS, BATCH_NORMALIZATION)
