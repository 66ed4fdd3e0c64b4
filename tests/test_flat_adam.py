"""`FlatAdam` beside Keras's Adam over fifty steps, whichever way its variables go."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from solutions.blocks.fast import FlatAdam, shared_vectors
from tests.test_optimizers import FEATURES, assert_same, sparse, trained
from utils.exams._oracle import normal
from utils.quiet import tensorflow as tf

ROOT = Path(__file__).parent.parent
KERAS = keras.optimizers.Adam
ARGUMENTS = {"learning_rate": 0.1, "beta_2": 0.9}


def pair(**arguments):
    """`FlatAdam` and Keras's Adam, with the same arguments; `bias` does not decay."""
    made = [make(**(ARGUMENTS | arguments)) for make in (FlatAdam, KERAS)]
    if "weight_decay" in arguments:
        for optimizer in made:
            optimizer.exclude_from_weight_decay(var_names=["bias"])
    return made


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(4)])


def data():
    return np.random.default_rng(0).normal(size=(2, 32, 4)).astype("float32")


@pytest.mark.parametrize("feature", FEATURES)
def test_flat_adam_moves_as_keras_does(feature):
    mine, right = pair(**FEATURES[feature])
    assert_same(trained(mine), trained(right))


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_flat_adam_takes_sparse_gradients(jit_compile):
    mine, right = pair()
    assert_same(trained(mine, sparse, jit_compile), trained(right, sparse, jit_compile))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_flat_adam_compiled_moves_the_same(jit_compile):
    mine, right = pair()
    assert_same(trained(mine, jit_compile=jit_compile), trained(right, jit_compile=jit_compile))


def test_flat_adam_inside_a_loss_scale_optimizer():
    def make(optimizer):
        return keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=16.0)

    assert_same(*(trained(make(each), steps=10) for each in pair()))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_flat_adam_takes_large_variables_and_several_dtypes(jit_compile):
    dtypes = {"float32": 1e-6, "float64": 1e-6, "float16": 2e-2}
    shapes = [(3, 2), (200, 200), (5,), (), (300, 300)]

    def moved(optimizer):
        own = [keras.Variable(normal(*shape), dtype=dtype) for dtype in dtypes for shape in shapes]
        optimizer.build(own)
        step = tf.function(
            lambda given: optimizer.apply(given, own), autograph=False, jit_compile=jit_compile
        )
        for number in range(50):
            step([tf.cast(normal(*each.shape, seed=number), each.dtype) for each in own])
        return own

    made = (make(learning_rate=0.01, beta_2=0.9) for make in (FlatAdam, KERAS))
    for mine, right in zip(*map(moved, made), strict=True):
        np.testing.assert_allclose(mine, right, atol=2 * dtypes[right.dtype])


def test_flat_adam_leaves_frozen_layers_alone():
    weights = []
    for make in (FlatAdam, KERAS):
        model = network()
        model.compile(make(0.05), "mse")
        model.layers[0].trainable = False
        before = model.layers[0].get_weights()
        model.fit(*data(), batch_size=8, epochs=3, shuffle=False, verbose=0)
        for value, old in zip(model.layers[0].get_weights(), before, strict=True):
            np.testing.assert_array_equal(value, old)
        weights.append(model.get_weights())
    for mine, right in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-6)


def test_flat_adam_saved_and_resumed_goes_on_bit_for_bit(tmp_path):
    model = network()
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.5)
    model.compile(FlatAdam(rate, use_ema=True), "mse")
    model.fit(*data(), batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"FlatAdam": FlatAdam}
    )
    for each in (model, resumed):
        each.fit(*data(), batch_size=8, shuffle=False, verbose=0)
    state = resumed.weights + resumed.optimizer.variables
    for mine, other in zip(state, model.weights + model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_shared_vectors_hold_every_place_once_and_no_more_than_fits():
    draw = np.random.default_rng(0)
    own = [
        keras.Variable(
            np.zeros(int(draw.integers(1, 40))), dtype=str(draw.choice(["float32", "float16"]))
        )
        for _ in range(60)
    ]
    vectors = shared_vectors(own, 30)
    assert sorted(place for places in vectors for place in places) == list(range(60))
    assert len(vectors) < 60
    for places in vectors:
        assert len({own[place].dtype for place in places}) == 1
        assert len(places) == 1 or sum(own[place].shape[0] for place in places) <= 30
    assert shared_vectors(own, 0) == [[place] for place in range(60)]


def test_flat_adam_under_a_strategy_goes_variable_by_variable():
    program = """
import tensorflow as tf
[processor] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from solutions.blocks.fast import FlatAdam
from tests.test_flat_adam import data, network

weights = []
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = network()
    model.compile(FlatAdam(0.05), "mse")
model.fit(*data(), batch_size=8, epochs=3, shuffle=False, verbose=0)
alone = network()
alone.compile(keras.optimizers.Adam(0.05), "mse")
alone.fit(*data(), batch_size=8, epochs=3, shuffle=False, verbose=0)
for mine, right in zip(model.get_weights(), alone.get_weights(), strict=True):
    np.testing.assert_allclose(mine, right, atol=1e-6)
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
