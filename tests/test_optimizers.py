"""The course's optimizers beside Keras's over fifty steps, with everything that a Keras optimizer can do.

Four variables are trained, two of different shapes and two of the same. What an exam looks at in a few
steps is held here to 1e-6 of the largest variable after every one of fifty.
"""

import importlib

import keras
import numpy as np
import pytest

from utils.exams._optimizers import gradients, variables
from utils.exams.schedule_free import Published
from utils.quiet import tensorflow as tf

BLOCK = importlib.import_module("solutions.blocks.optimizers")
STEPS = 50
RULES = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "Adagrad": [{"epsilon": 0.01}],
    "RMSprop": [{}, {"momentum": 0.9, "centered": True}],
    "Adadelta": [{}],
    "Adam": [{}, {"amsgrad": True, "beta_2": 0.9}],
    "AdamW": [{}],
    "Nadam": [{}],
    "Adamax": [{}],
    "Lion": [{}],
    "Muon": [{}],
    "ScheduleFreeAdamW": [{}],
    "Lamb": [{}],
}
FEATURES = {
    "plain": {},
    "schedule": {"learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 40, alpha=0.1)},
    "clipnorm": {"clipnorm": 0.5},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.2},
    "weight_decay": {"weight_decay": 0.1},
    "ema": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    "accumulation": {"gradient_accumulation_steps": 3},
    "loss_scale_factor": {"loss_scale_factor": 64.0},
}
NO_SPARSE = {"Muon"}  # nor do Keras's
MENDED = {"ScheduleFreeAdamW": Published}  # Keras's own strays from the paper on TensorFlow
CASES = [
    pytest.param(name, arguments, id=" ".join([name, *map(str, arguments.values())]))
    for name, several in RULES.items()
    for arguments in several
]


def trained(optimizer, arriving=gradients, jit_compile=None, steps=STEPS):
    """The variables after every step."""
    own = variables()
    optimizer.build(own)

    def apply(given):
        optimizer.apply(given, own)

    if jit_compile is not None:
        apply = tf.function(apply, jit_compile=jit_compile)
    for step in range(steps):
        given = arriving(step)
        apply([each if isinstance(each, tf.IndexedSlices) else tf.constant(each) for each in given])
        yield [variable.numpy() for variable in own]


def assert_same(mine, right):
    for step, (received, expected) in enumerate(zip(mine, right, strict=True), start=1):
        for place, (value, other) in enumerate(zip(received, expected, strict=True)):
            largest = max(1.0, np.abs(other).max())
            off = np.abs(value - other).max() / largest
            assert off <= 1e-6, f"step {step}, variable {place}: off by {off:.2g}"


def pair(name, arguments):
    """An optimizer of the course, and Keras's."""
    arguments = {"learning_rate": 0.1, **arguments}
    right = MENDED.get(name) or getattr(keras.optimizers, name)
    made = [make(**arguments) for make in (getattr(BLOCK, name), right)]
    if arguments.get("weight_decay"):
        for optimizer in made:
            optimizer.exclude_from_weight_decay(var_names=["bias"])
    return made


def sparse(step):
    """The gradient of `kernel` as that of an embedding: rows and their places, none of them twice."""
    kernel, *rest = gradients(step)
    rows = [[0], [2, 0], [1, 2]][step % 3]
    return [tf.IndexedSlices(kernel[rows], tf.constant(rows), tf.constant([3, 2])), *rest]


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_optimizer_moves_as_keras_does(name, arguments, feature):
    mine, right = pair(name, arguments | FEATURES[feature])
    assert_same(trained(mine), trained(right))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_optimizer_takes_sparse_gradients(name, arguments):
    if name in NO_SPARSE:
        pytest.skip("Keras's own does not")
    mine, right = pair(name, arguments)
    assert_same(trained(mine, sparse), trained(right, sparse))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_optimizer_compiled_by_xla_moves_the_same(name, arguments):
    mine, right = pair(name, arguments)
    assert_same(trained(mine, jit_compile=True), trained(right, jit_compile=True))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_optimizer_inside_a_loss_scale_optimizer(name, arguments):
    def scaled(step):  # once the scale was too high: that step must be left out
        return [each * (np.inf if step == 4 else 16.0) for each in gradients(step)]

    wrapped = [
        keras.optimizers.LossScaleOptimizer(each, initial_scale=16.0, dynamic_growth_steps=1000)
        for each in pair(name, arguments)
    ]
    assert_same(*(trained(each, scaled, steps=10) for each in wrapped))
    assert [int(each.inner_optimizer.iterations) for each in wrapped] == [9, 9]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_training_stopped_saved_and_resumed_is_training_that_went_on(name, arguments, tmp_path):
    inputs, targets = np.random.default_rng(0).normal(size=(2, 32, 4)).astype("float32")
    keras.utils.set_random_seed(0)
    make = getattr(BLOCK, name)
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.5)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(4)])
    model.compile(make(learning_rate=rate, **arguments), "mse")

    def train(model):
        model.fit(inputs, targets, batch_size=8, epochs=2, shuffle=False, verbose=0)

    train(model)
    model.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(tmp_path / "model.keras", custom_objects={name: make})
    for each in (model, resumed):
        train(each)
    assert type(resumed.optimizer) is make and int(resumed.optimizer.iterations) == 16
    for mine, other in zip(
        resumed.weights + resumed.optimizer.variables,
        model.weights + model.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_fit_trains_the_same_compiled_and_not(name, arguments):
    inputs, targets = np.random.default_rng(0).normal(size=(2, 32, 4)).astype("float32")
    losses = []
    for run_eagerly in (True, False):  # compiled, the optimizer is built while the step is traced
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        optimizer = getattr(BLOCK, name)(learning_rate=0.05, **arguments)
        model.compile(optimizer, "mse", run_eagerly=run_eagerly)
        history = model.fit(inputs, targets, batch_size=8, epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_optimizer_refuses_what_cannot_be(name):
    make = getattr(BLOCK, name)
    for rate in (-0.1, float("nan")):
        message = f"argument `learning_rate`. Expected a float of at least 0. Received: learning_rate={rate}."
        with pytest.raises(ValueError) as raised:
            make(learning_rate=rate)
        assert message in str(raised.value)
    for argument in ("momentum", "rho", "beta_1", "beta_2"):
        if argument in make().get_config() and name != "SGD":
            with pytest.raises(ValueError, match=rf"`{argument}`.*Received: {argument}=1"):
                make(**{argument: 1.5})
    own = variables()
    optimizer = make(0.1)
    optimizer.build(own[:2])
    with pytest.raises(ValueError, match="Unknown variable: .*recreate a new optimizer"):
        optimizer.apply(gradients(0), own)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], own[:2])
