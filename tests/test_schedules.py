"""Schedules, clipping and averages beside Keras's: over all steps, in all precisions, saved and resumed."""

import importlib

import keras
import numpy as np
import pytest

from utils.quiet import tensorflow as tf

SCHEDULES = importlib.import_module("solutions.blocks.schedules")
OPTIMIZERS = importlib.import_module("solutions.blocks.optimizers")
KERAS = keras.optimizers.schedules
ARGUMENTS = {
    "ExponentialDecay": [
        {"decay_steps": 7, "decay_rate": 0.6},
        {"decay_steps": 7, "decay_rate": 0.6, "staircase": True},
    ],
    "CosineDecay": [
        {"decay_steps": 40},
        {"decay_steps": 40, "alpha": 0.2},
        {"decay_steps": 40, "alpha": 0.2, "warmup_target": 0.7, "warmup_steps": 13},
        {"decay_steps": 40, "warmup_target": 0.7, "warmup_steps": 0},
    ],
    "PolynomialDecay": [
        {"decay_steps": 30},
        {"decay_steps": 30, "end_learning_rate": 0.02, "power": 0.5},
        {"decay_steps": 30, "end_learning_rate": 0.02, "power": 2.0, "cycle": True},
    ],
    "PiecewiseConstantDecay": [{"boundaries": [5, 6, 40], "factors": [1.0, 0.5, 0.1, 2.0]}],
}
CASES = [
    pytest.param(name, arguments, id=f"{name}-{place}")
    for name, several in ARGUMENTS.items()
    for place, arguments in enumerate(several)
]


def pair(name, arguments, rate=0.3):
    """A schedule of the course, and Keras's."""
    if name == "PiecewiseConstantDecay":
        values = [rate * factor for factor in arguments["factors"]]
        arguments = {"boundaries": arguments["boundaries"], "values": values}
    else:
        arguments = {"initial_learning_rate": rate, **arguments}
    return [getattr(module, name)(**arguments) for module in (SCHEDULES, KERAS)]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_schedule_is_kerass_at_every_step(name, arguments):
    mine, right = pair(name, arguments)
    for step in range(130):
        assert float(mine(step)) == pytest.approx(float(right(step)), rel=2e-6, abs=1e-8), step


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_schedule_has_the_dtype_of_its_rate(name, arguments, dtype):
    mine, right = pair(name, arguments, tf.constant(0.3, dtype))
    tolerance = {"float16": 4e-3, "bfloat16": 3e-2}.get(dtype, 2e-6)
    for step in range(0, 60, 3):
        value, other = mine(tf.constant(step, "int64")), right(tf.constant(step, "int64"))
        assert value.dtype == other.dtype == dtype
        assert float(value) == pytest.approx(float(other), abs=tolerance)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_schedule_compiled_is_the_same(name, arguments, jit_compile):
    mine, _ = pair(name, arguments)
    compiled = tf.function(mine, jit_compile=jit_compile, autograph=False)
    for step in (0, 5, 6, 13, 14, 39, 40, 41, 99):
        if arguments.get("staircase") and jit_compile and step % 7 == 0:
            continue  # XLA may divide by multiplying: just before or just after the stair
        assert float(compiled(tf.constant(step))) == pytest.approx(float(mine(step)), rel=1e-5)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_schedule_of_an_int_is_that_of_a_float(name, arguments):
    if name == "PiecewiseConstantDecay":
        ints, floats = (
            SCHEDULES.PiecewiseConstantDecay([5], [kind(1), 0.5]) for kind in (int, float)
        )
    else:
        ints, floats = (pair(name, arguments, kind(1))[0] for kind in (int, float))
    for step in (0, 3, 20, 99):
        assert float(ints(step)) == float(floats(step))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_training_with_a_schedule_stopped_saved_and_resumed(name, arguments, tmp_path):
    inputs, targets = np.random.default_rng(0).normal(size=(2, 32, 4)).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile(keras.optimizers.SGD(pair(name, arguments)[0], momentum=0.9), "mse")

    def train(model):
        model.fit(inputs, targets, batch_size=4, shuffle=False, verbose=0)

    train(model)
    model.save(tmp_path / "model.keras")
    make = getattr(SCHEDULES, name)
    resumed = keras.models.load_model(tmp_path / "model.keras", custom_objects={name: make})
    schedule = resumed.optimizer._learning_rate
    assert type(schedule) is make
    assert schedule.get_config() == model.optimizer._learning_rate.get_config()
    for each in (model, resumed):
        train(each)
    assert int(resumed.optimizer.iterations) == 16
    for mine, other in zip(resumed.weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_schedules_say_what_they_refuse():
    for name in ("ExponentialDecay", "CosineDecay", "PolynomialDecay"):
        with pytest.raises(ValueError) as raised:
            getattr(SCHEDULES, name)(0.1, 0, 0.5)
        assert str(raised.value) == (
            "Argument `decay_steps` must be > 0. Received: decay_steps=0. "
            "It counts training steps (batches), not epochs."
        )
    with pytest.raises(ValueError) as raised:
        SCHEDULES.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    assert str(raised.value) == (
        "The length of boundaries should be 1 less than the length of values. Received: "
        "boundaries=[1, 2] of length 2, and values=[0.1, 0.2] of length 2. "
        "The first value is that of the steps before all boundaries."
    )


# Clipping


def some_gradients(seed, dtype="float32"):
    generator = np.random.default_rng(seed)
    scales = 10.0 ** generator.uniform(-3, 3, size=4)
    shapes = [(5, 3), (3,), (1,), (2, 2, 2)]
    return [
        tf.constant(scale * generator.normal(size=shape), dtype)
        for scale, shape in zip(scales, shapes, strict=True)
    ]


@pytest.mark.parametrize("limit", ["clipvalue", "clipnorm", "global_clipnorm"])
@pytest.mark.parametrize("seed", range(10))
def test_clipped_gradients_make_the_steps_of_kerass_optimizers(limit, seed):
    given = {limit: 0.7}
    gradients = some_gradients(seed)
    mine, right = ([keras.Variable(tf.zeros_like(g)) for g in gradients] for _ in range(2))
    keras.optimizers.SGD(1.0).apply(OPTIMIZERS.clip_gradients(gradients, **given), mine)
    keras.optimizers.SGD(1.0, **given).apply(gradients, right)
    for value, other in zip(mine, right, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm"])
def test_norms_of_16_bits_do_not_overflow(limit):
    gradients = [tf.constant([300.0, 400.0], "float16")]
    (clipped,) = OPTIMIZERS.clip_gradients(gradients, **{limit: 1.0})
    assert clipped.dtype == "float16"
    np.testing.assert_allclose(clipped, [0.6, 0.8], rtol=2e-3)


def test_clipping_says_what_it_refuses():
    with pytest.raises(ValueError) as raised:
        OPTIMIZERS.clip_gradients([], clipvalue=1.0, clipnorm=2.0)
    assert str(raised.value) == (
        "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
        "Received: clipvalue=1.0, clipnorm=2.0."
    )
    with pytest.raises(ValueError) as raised:
        OPTIMIZERS.clip_gradients([], clipnorm=0.0)
    assert str(raised.value) == (
        "Invalid value received for argument `clipnorm`. Expected a float above 0. "
        "Received: clipnorm=0.0."
    )


# Averages


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99, 1.0])
def test_average_is_that_of_kerass_optimizers(momentum):
    own, right = ([keras.Variable(tf.ones((3, 2))), keras.Variable([1.0])] for _ in range(2))
    plain = keras.optimizers.SGD(0.1)
    with_average = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=momentum)
    average = OPTIMIZERS.WeightAverage(own, momentum)
    generator = np.random.default_rng(0)
    for _ in range(30):
        gradients = [tf.constant(generator.normal(size=v.shape), "float32") for v in own]
        plain.apply(gradients, own)
        average.update()
        with_average.apply(gradients, right)
    average.swap()
    with_average.finalize_variable_values(right)
    for value, other in zip(own, right, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-5)
