"""The course's BatchNormalization beside Keras's, more widely than a check has time for."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from solutions.blocks.normalization import BatchNormalization
from utils.exams._oracle import beside_keras, channels, normal, weight
from utils.gradients import backpropagate
from utils.keras_exam import keras_exam
from utils.quiet import tensorflow as tf

KERAS = keras.layers.BatchNormalization
SHAPES = [(6, 3), (4, 5, 3), (2, 3, 4, 3), (2, 2, 3, 2, 3)]
RANKS_AND_AXES = [(s, a) for s in SHAPES for a in range(-len(s), len(s)) if a % len(s) != 0]


def assert_same(one: object, other: object, tolerance: float = 1e-5) -> None:
    one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    scale = np.abs(other).max() or 1.0
    np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=tolerance)


def assert_same_state(layer: keras.Layer, right: keras.Layer, tolerance: float = 1e-5) -> None:
    for theirs in right.weights:
        assert_same(weight(layer, theirs.name), theirs, tolerance)


@pytest.mark.parametrize(("shape", "axis"), RANKS_AND_AXES)
def test_batch_normalization_is_keras_at_any_rank_and_axis(shape: tuple, axis: int) -> None:
    layer, right = beside_keras(BatchNormalization, KERAS, shape, axis=axis)
    inputs, arriving = channels(*shape), normal(*shape, seed=1)
    for training in (True, False):
        assert_same(layer(inputs, training=training), right(inputs, training=training))
        mine, my_weights = backpropagate(layer, inputs, arriving, training=training)
        theirs, their_weights = backpropagate(right, inputs, arriving, training=training)
        assert_same(mine, theirs)
        for one, other in zip(my_weights, their_weights, strict=True):
            assert_same(one, other)
    assert_same_state(layer, right)


@pytest.mark.parametrize(("center", "scale"), [*itertools.product([True, False], repeat=2)])
def test_batch_normalization_has_keras_weights(center: bool, scale: bool) -> None:
    layer, right = beside_keras(BatchNormalization, KERAS, (None, 3), center=center, scale=scale)
    described = [
        [(w.name, w.shape, w.trainable, w.dtype) for w in each.weights] for each in (layer, right)
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize(
    "policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float64"]
)
@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_does_not_overflow(policy: str, training: bool) -> None:
    layer, right = beside_keras(BatchNormalization, KERAS, (None, 3), dtype=policy, momentum=0.0)
    inputs = ops.cast(channels(64, 3) * 2000, layer.compute_dtype)  # up to 30,000: squares are 10⁹
    received, expected = layer(inputs, training=training), right(inputs, training=training)
    assert received.dtype == expected.dtype
    assert np.isfinite(ops.convert_to_numpy(ops.cast(received, "float32"))).all()
    coarse = {"float64": 1e-5}.get(policy, 4e-3 if "bfloat16" not in policy else 2e-2)
    assert_same(ops.cast(received, "float32"), ops.cast(expected, "float32"), coarse)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_batch_normalization_compiles(jit_compile: bool) -> None:
    layer, right = beside_keras(BatchNormalization, KERAS, (None, 4, 3))
    step = tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)
    for seed in range(3):
        inputs = channels(5, 4, 3, seed=seed)
        assert_same(step(inputs), right(inputs, training=True))
    assert_same_state(layer, right)


def test_batch_normalization_trains_as_keras_does() -> None:
    histories = []
    for layer_class in (BatchNormalization, KERAS):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((6,)), keras.layers.Dense(8), layer_class(), keras.layers.Dense(2)]
        )
        # Not Adam: it makes full steps of the rounding left in the gradient of the first bias,
        # which batch normalization cancels.
        model.compile("sgd", "mse")
        inputs = channels(64, 6)
        history = model.fit(inputs, inputs[:, :2], batch_size=16, epochs=3, verbose=0)
        histories.append((history.history["loss"], model.predict(inputs, verbose=0)))
    for one, other in zip(*histories, strict=True):
        assert_same(one, other)


def test_batch_normalization_survives_a_file_bit_for_bit(tmp_path) -> None:
    model = keras.Sequential(
        [keras.Input((5, 3)), BatchNormalization(axis=1, epsilon=0.1, gamma_regularizer="l2")]
    )
    model.compile("adam", "mse")
    inputs = channels(8, 5, 3)
    model.fit(inputs, inputs, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"BatchNormalization": BatchNormalization}
    )
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
    np.testing.assert_array_equal(
        loaded.predict(inputs, verbose=0), model.predict(inputs, verbose=0)
    )
    for one, other in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_batch_normalization_config_is_keras_without_renorm() -> None:
    mine, theirs = BatchNormalization(name="it").get_config(), KERAS(name="it").get_config()
    mine.pop("registered_name", None)
    assert mine == {key: value for key, value in theirs.items() if "renorm" not in key}


def test_batch_normalization_refuses_an_axis_that_is_not_there() -> None:
    with pytest.raises(ValueError) as caught:
        BatchNormalization(axis=3).build((None, 4))
    assert str(caught.value) == (
        "`axis` must be an axis of the inputs: an integer from -2 to 1. "
        "Received: axis=3, input_shape=(None, 4)."
    )


def test_batch_normalization_passes_keras_exam() -> None:
    report = keras_exam(BatchNormalization, without=("renorm",), show_progress=False)
    assert report.passed, repr(report)
