"""The course's Dropout beyond its exam, and how seldom chance makes the exam refuse a right answer."""

from math import comb, exp, lgamma, log
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from solutions.blocks.dropout import Dropout
from utils.exams import dropout as probes
from utils.exams import examine
from utils.exams._noise import BATCH, IMAGES
from utils.keras_exam import keras_exam
from utils.quiet import tensorflow as tf

KERAS = keras.layers.Dropout


# --- Chance -----------------------------------------------------------------------------------------


def binomial(count: int, probability: float, successes: int) -> float:
    """How likely exactly so many successes are."""
    ways = lgamma(count + 1) - lgamma(successes + 1) - lgamma(count - successes + 1)
    return exp(ways + successes * log(probability) + (count - successes) * log(1 - probability))


def outside(count: int, probability: float, margin: float) -> float:
    """How likely a share of successes is not within `margin` of its probability."""
    numbers = range(count + 1)
    far = (n for n in numbers if abs(n / count - probability) >= margin * (1 - 1e-9))
    return sum(binomial(count, probability, n) for n in far)


def test_chance_is_computed_rightly() -> None:
    assert sum(binomial(50, 0.3, n) for n in range(51)) == pytest.approx(1)
    assert outside(4, 0.5, 0.3) == pytest.approx(2 / 16)  # none, or all
    assert binomial(256, 0.5, 128) == pytest.approx(comb(256, 128) / 2**256)


def test_dropout_exam_refuses_a_right_answer_less_than_once_in_a_trillion_checks() -> None:
    examples, units = BATCH
    fates, coins = np.prod(IMAGES[1:]), examples * units
    two_alike = sum(comb(n, 2) * 2.0**-examples for n in (examples, units, int(fates)))
    most_likely = binomial(coins, 0.5, coins // 2)
    chances = {
        "keeps_or_drops": 8 * (0.8 ** (128 * 128) + 0.5**4096 + 0.9 ** (300 * 300)),
        "drops_the_share_it_is_told": sum(
            outside(int(np.prod(probes.SHARE_OF)), rate, probes.SHARE_MARGIN)
            for rate in probes.RATES
        ),
        "draws_for_every_unit_of_every_example": two_alike,
        "draws_without_a_quota": most_likely ** (probes.CALLS - 1),
        "draws_anew_at_every_call": 3 * comb(4, 2) * 2.0**-1022,  # and less: 2**-4096
        "repeats_itself_by_its_seed": 1e-9**2 + 2 * 2.0**-1022,
        "shares_by_its_noise_shape": 6 * 3 * 2.0**-63,
        "works_when_frozen": 2.0**-1022,
        "goes_on_after_a_file": 2 * 2.0**-1022,
    }
    assert sum(chances.values()) < 1e-12, chances


def test_probe_of_lesson_07_convicts_a_right_layer_less_than_once_in_a_trillion() -> None:
    assert 3 * outside(511 * 512, 0.5, 0.15) < 1e-12
    assert 2 * outside(511, 0.5, 0.15) < 1e-9  # naming: a mask shared along one axis only


@pytest.mark.parametrize("seed", range(10))
def test_dropout_exam_does_not_depend_on_chance(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    report = examine("Dropout", Dropout)
    assert report.passed, report


def test_dropout_exam_refuses_keras_own_for_its_memory_alone() -> None:
    report = examine("Dropout", KERAS)
    failed = [probe.name for probe in report.probes if not probe.ok]
    assert failed == ["goes_on_after_a_file"] and report.mistake == "stream-not-saved", report


# --- The layer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dropout_draws_anew_when_compiled(jit_compile: bool) -> None:
    layer = Dropout(0.5, seed=3)
    step = tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)
    masks = {step(tf.ones((8, 64))).numpy().tobytes() for _ in range(5)}
    assert len(masks) == 5


class Recorder(keras.Layer):
    """Counts how often each unit was 0, over all training steps."""

    def build(self, input_shape: tuple) -> None:
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.zeros = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training:
            self.steps.assign(self.steps + 1)
            self.zeros.assign(self.zeros + ops.sum(ops.cast(inputs == 0, "float32"), axis=0))
        return inputs


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_dropout_drops_in_fit_and_neither_in_evaluate_nor_predict() -> None:
    recorder = Recorder()
    model = keras.Sequential([keras.Input((32,)), Dropout(0.25, seed=1), recorder])
    model.compile("sgd", "mse", jit_compile=False)
    inputs = np.ones((640, 32), "float32")
    history = model.fit(inputs, inputs, batch_size=64, epochs=2, verbose=0).history
    assert float(recorder.steps) == 20
    share = recorder.zeros.numpy() / 1280  # each unit, over 1,280 examples
    assert np.abs(share - 0.25).max() < 0.1  # 8 standard deviations
    assert history["loss"][-1] == pytest.approx(1 / 3, abs=0.05)  # the variance, r / (1 - r)
    assert model.evaluate(inputs, inputs, verbose=0) == 0
    np.testing.assert_array_equal(model.predict(inputs, verbose=0), inputs)


def trained(model: keras.Model, epochs: int) -> keras.Model:
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(64, 8)), rng.normal(size=(64, 1))
    model.fit(inputs, targets, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return model


def test_dropout_training_that_is_resumed_goes_on_bit_for_bit(tmp_path: Path) -> None:
    def new() -> keras.Model:
        keras.utils.set_random_seed(0)
        hidden = [keras.layers.Dense(16), Dropout(0.5, seed=4), Dropout(0.2)]
        model = keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
        return model

    trained(new(), epochs=2).save(tmp_path / "model.keras")
    own = {"Dropout": Dropout}
    resumed = trained(keras.models.load_model(tmp_path / "model.keras", custom_objects=own), 3)
    for one, other in zip(resumed.variables, trained(new(), epochs=5).variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_dropout_takes_a_file_of_keras_own(tmp_path: Path) -> None:
    models = [
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), block(0.5)])
        for block in (KERAS, Dropout)
    ]
    models[0].save_weights(tmp_path / "it.weights.h5")
    models[1].load_weights(tmp_path / "it.weights.h5")
    np.testing.assert_array_equal(models[1](np.ones((1, 3))), models[0](np.ones((1, 3))))


def test_dropout_config_is_keras_own() -> None:
    arguments = {"rate": 0.3, "noise_shape": [None, 1], "seed": 2, "name": "it"}
    mine, theirs = Dropout(**arguments).get_config(), KERAS(**arguments).get_config()
    assert mine == theirs


@pytest.mark.parametrize("noise_shape", [(3,), (1,), (1, 3), (2, 1, 3)])
def test_dropout_noise_shape_meets_the_inputs_at_the_last_axis(noise_shape: tuple) -> None:
    outputs = Dropout(0.5, noise_shape=noise_shape)(np.ones((2, 4, 3)), training=True)
    mask = ops.convert_to_numpy(outputs)
    axes = [
        axis for axis, size in enumerate((1,) * (3 - len(noise_shape)) + noise_shape) if size == 1
    ]
    np.testing.assert_array_equal(
        mask, np.broadcast_to(mask.max(tuple(axes), keepdims=True), (2, 4, 3))
    )


@pytest.mark.parametrize("rate", [-0.5, 1.5, float("nan"), "0.5", None, [0.5]])
def test_dropout_refuses_what_is_no_rate(rate: object) -> None:
    with pytest.raises(ValueError) as caught:
        Dropout(rate)
    assert str(caught.value) == (
        "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
        f"Received: rate={rate!r}. It is the share to drop; rate=0 switches dropout off."
    )


@pytest.mark.parametrize(
    ("noise_shape", "says"),
    [
        (
            "ab",
            "Expected a tuple or list of integers. Received: 'ab'. "
            "Write noise_shape=(None, 1, None) to share one mask along axis 1.",
        ),
        (
            (2, 1.5),
            "Expected all elements to be integers or None. Received: 1.5 in noise_shape=(2, 1.5).",
        ),
        (
            (2, 0),
            "Expected all dimensions to be positive integers or None. "
            "Received: 0 in noise_shape=(2, 0).",
        ),
    ],
)
def test_dropout_refuses_what_is_no_noise_shape(noise_shape: object, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        Dropout(0.5, noise_shape=noise_shape)
    assert str(caught.value) == f"Invalid value received for argument `noise_shape`. {says}"


@pytest.mark.parametrize("noise_shape", [(3, 1), (2, 2), (2, 3, 1)])
def test_dropout_refuses_a_noise_shape_that_does_not_fit(noise_shape: tuple) -> None:
    with pytest.raises(ValueError) as caught:
        Dropout(0.5, noise_shape=noise_shape)(np.ones((2, 3)), training=True)
    assert (
        "`noise_shape` must fit the inputs: along each axis their size, 1 or None. "
        f"Received: noise_shape={noise_shape}, inputs.shape=(2, 3)."
    ) in str(caught.value)


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_dropout_refuses_integers_in_training(dtype: str) -> None:
    inputs = ops.ones((2, 3), dtype)
    np.testing.assert_array_equal(Dropout(0.5)(inputs), inputs)
    with pytest.raises(ValueError) as caught:
        Dropout(0.5)(inputs, training=True)
    assert (
        "`inputs` must be floating-point numbers in training: what is kept is divided by 1 - rate. "
        f'Received: dtype={dtype}. Cast them first, as with `ops.cast(inputs, "float32")`.'
    ) in str(caught.value)


def test_dropout_passes_keras_exam() -> None:
    report = keras_exam(Dropout, show_progress=False)
    assert report.passed and len(report.tests) == 14, repr(report)
