"""The relatives of Dropout beyond their exams, and how seldom chance makes these refuse right answers."""

from math import comb, erfc, exp, log, sqrt
from pathlib import Path

import keras
import numpy as np
import pytest

from solutions.blocks import dropout as blocks
from solutions.blocks.dropout import (
    AlphaDropout,
    ConcreteDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    monte_carlo,
)
from tests.test_dropout import binomial, outside
from utils.exams import (
    Mistake,
    alpha_dropout,
    concrete_dropout,
    examine,
    exams,
    gaussian_noise,
    monte_carlo_dropout,
    spatial_dropout,
)
from utils.exams._noise import BATCH
from utils.exams.dropout import RATES, SHARE_MARGIN, SHARE_OF
from utils.keras_exam import keras_exam

NAMES = (
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ConcreteDropout",
    "monte_carlo",
)


# --- Chance -----------------------------------------------------------------------------------------

# What nearly all exams ask: 64 rows and 64 columns of fair coins differ, whole draws of 1,000 coins do,
# and three layers without a seed have not the same one of 10**9.
TWO_ALIKE = 2 * comb(64, 2) * 2.0**-64
ALWAYS = 2 * TWO_ALIKE + 20 * 2.0**-999 + 1e-18


def test_spatial_exams_refuse_a_right_answer_less_than_once_in_a_trillion_checks() -> None:
    fates = [spatial_dropout.SEQUENCES[0], spatial_dropout.SEQUENCES[-1]]
    assert fates == [64, 64] and spatial_dropout.MANY_IMAGES[::3] == SHARE_OF
    shares = sum(outside(int(np.prod(SHARE_OF)), rate, SHARE_MARGIN) for rate in RATES)
    assert ALWAYS + shares + 0.8 ** (64 * 64) + 4 * (TWO_ALIKE + 3 * 2.0**-63) < 1e-12


def test_gaussian_exams_refuse_a_right_answer_less_than_once_in_a_trillion_checks() -> None:
    count, margin = int(np.prod(gaussian_noise.CROWD)), gaussian_noise.MARGIN
    mean = erfc(
        margin * sqrt(count) / sqrt(2)
    )  # the margin is 3 % of the standard deviation or more
    spread = 2 * exp(
        -count / 2 * min(c - 1 - log(c) for c in ((1 - margin) ** 2, (1 + margin) ** 2))
    )
    # Were mean and spread off by as much, the share within 0.6 of it would be by less than 0.014: the
    # rest is left to the distribution of the sample, twice (Dvoretzky, Kiefer and Wolfowitz).
    left = (gaussian_noise.NEAR * gaussian_noise.NEAR_MARGIN - 0.014) / 2
    near = 2 * exp(-2 * count * left**2)
    assert ALWAYS + 3 * (mean + spread + near) < 1e-12


def test_share_near_the_mean_is_that_of_normal_numbers() -> None:
    def share(mean: float, reach: float) -> float:
        low, high = (mean - reach) / sqrt(2), (mean + reach) / sqrt(2)
        return (erfc(low) - erfc(high)) / 2

    assert share(0, 0.6) == pytest.approx(gaussian_noise.NEAR, abs=1e-4)
    margin = gaussian_noise.MARGIN
    off = [share(mean, 0.6 * spread) for mean in (0, margin) for spread in (1 - margin, 1 + margin)]
    assert max(abs(each - gaussian_noise.NEAR) for each in off) < 0.014


def test_alpha_exam_refuses_a_right_answer_less_than_once_in_a_trillion_checks() -> None:
    units = int(np.prod(alpha_dropout.MANY))
    fewest = int(alpha_dropout.FEWEST * units)
    few_dropped = sum(binomial(units, min(RATES), n) for n in range(fewest + 1))
    few_kept = sum(binomial(units, 1 - max(RATES), n) for n in range(fewest + 1))
    shares = sum(outside(int(np.prod(SHARE_OF)), rate, SHARE_MARGIN) for rate in RATES)
    same_zeros = 0.9**units + 2 * 0.5**units
    assert ALWAYS + 6 * (few_dropped + few_kept) + shares + same_zeros + 18 * 2.0**-63 < 1e-12


def test_monte_carlo_exam_refuses_a_right_answer_less_than_once_in_a_trillion_checks() -> None:
    passes, kept = monte_carlo_dropout.PASSES, 1 - monte_carlo_dropout.RATE
    units = int(np.prod(monte_carlo_dropout.CROWD))
    missing = sum((1 - binomial(passes, kept, n)) ** units for n in range(passes + 1))
    assert 8 * missing < 1e-12


def test_concrete_exam_refuses_a_right_answer_less_than_once_in_a_trillion_checks() -> None:
    count = int(np.prod(concrete_dropout.CROWD))
    shares = [
        concrete_dropout.share_below(limit, *setting)
        for setting in concrete_dropout.SETTINGS
        for limit in concrete_dropout.LIMITS
    ]
    chance = sum(outside(count, share, concrete_dropout.SHARE_MARGIN) for share in shares)
    assert ALWAYS + chance < 1e-12 and BATCH == (64, 64)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", NAMES)
def test_exams_of_the_family_do_not_depend_on_chance(name: str, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    report = examine(name, getattr(blocks, name))
    assert report.passed, report


# --- What a learner reads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("GaussianDropout", gaussian_noise.APPLY),
        ("GaussianNoise", gaussian_noise.ADD),
        ("AlphaDropout", alpha_dropout.BACK),
        ("ConcreteDropout", concrete_dropout.MASK),
        ("ConcreteDropout", concrete_dropout.PENALTY),
        ("monte_carlo", "return tuple("),
    ],
)
def test_forgotten_return_is_named(name: str, line: str) -> None:
    exam = exams()[name]
    without = Mistake("", find=line, put=line.removeprefix("return "), says="")
    assert "None" in (said := str(examine(name, exam.with_mistake(without))))
    assert "is a `return` missing?" in said


def test_passes_of_predict_are_named_in_time() -> None:
    exam = exams()["monte_carlo"]
    put = monte_carlo_dropout.STACK.replace(
        "awake(inputs, training=True)", "awake.predict(inputs, verbose=0)"
    )
    slow = exam.with_mistake(Mistake("", find=monte_carlo_dropout.STACK, put=put, says=""))
    assert examine("monte_carlo", slow).mistake == "predicts"


# --- As Keras's -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer_class", "count"),
    [
        (SpatialDropout1D, 3),
        (SpatialDropout2D, 3),
        (GaussianDropout, 2),
        (GaussianNoise, 2),
        (AlphaDropout, 6),
    ],
)
def test_relatives_pass_keras_exam(layer_class: type, count: int) -> None:
    report = keras_exam(layer_class, show_progress=False)
    assert report.passed and len(report.tests) == count, repr(report)


@pytest.mark.parametrize(
    "layer_class",
    [SpatialDropout1D, SpatialDropout2D, GaussianDropout, GaussianNoise, AlphaDropout],
)
def test_relatives_have_keras_config(layer_class: type) -> None:
    mine = layer_class(0.3, seed=2, name="it", dtype="mixed_float16").get_config()
    keras_class = getattr(keras.layers, layer_class.__name__)
    theirs = keras_class(0.3, seed=2, name="it", dtype="mixed_float16").get_config()
    assert set(theirs) <= set(mine)
    assert all(mine[key] == theirs[key] for key in theirs if key != "dtype")
    assert mine["dtype"]["config"]["name"] == "mixed_float16"  # Keras's spatial ones lose it


# --- After a file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (SpatialDropout1D(0.5, seed=1), (64, 3, 8)),
        (SpatialDropout2D(0.5, seed=1), (64, 2, 2, 8)),
        (GaussianDropout(0.5, seed=1), (64, 8)),
        (GaussianNoise(0.5, seed=1), (64, 8)),
        (AlphaDropout(0.5, seed=1), (64, 8)),
        (ConcreteDropout(keras.layers.Dense(8), initial_rate=0.4, seed=1), (64, 8)),
    ],
)
def test_relatives_go_on_after_a_file(layer: keras.Layer, shape: tuple, tmp_path: Path) -> None:
    inputs = np.ones(shape, "float32")
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    begun = np.asarray(model(inputs, training=True))
    model.save(tmp_path / "it.keras")
    own = {type(layer).__name__: type(layer)}
    loaded = keras.models.load_model(tmp_path / "it.keras", custom_objects=own)
    received = np.asarray(loaded(inputs, training=True))
    assert not np.array_equal(received, begun)
    np.testing.assert_array_equal(received, model(inputs, training=True))


# --- Concrete dropout -------------------------------------------------------------------------------


def test_concrete_dropout_learns_its_rate_in_fit() -> None:
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(256, 8)), rng.normal(size=(256, 1))
    rates = {}
    for regularizer in (0.0, 1.0):
        layer = ConcreteDropout(keras.layers.Dense(1), 0, regularizer, initial_rate=0.2, seed=1)
        model = keras.Sequential([keras.Input((8,)), layer])
        model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
        model.fit(inputs, targets, epochs=5, verbose=0)
        rates[regularizer] = float(layer.rate)
    assert rates[1.0] > 0.3 > rates[0.0]  # entropy is rewarded: towards one half


@pytest.mark.parametrize("logit", [-200.0, -20.0, 12.0])
def test_concrete_dropout_penalty_is_finite(logit: float) -> None:
    layer = ConcreteDropout(keras.layers.Dense(3), weight_regularizer=0, dropout_regularizer=1)
    layer.build((None, 5))
    layer.logit.assign(logit)
    penalty = float(layer.penalty())
    assert np.isfinite(penalty) and abs(penalty) < 1e-3


# --- Monte Carlo ------------------------------------------------------------------------------------


def test_monte_carlo_knows_the_spread_of_a_linear_net() -> None:
    """Dropout at rate r of w * x has the standard deviation |w * x| * sqrt(r / (1 - r)), summed up."""
    rate, weights = 0.5, np.array([[1.0], [2.0], [-3.0]], "float32")
    dense = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((3,)), Dropout(rate, seed=1), dense])
    dense.kernel.assign(weights)
    mean, spread = monte_carlo(model, np.ones((2000, 3), "float32"), num_passes=20)
    assert mean.mean() == pytest.approx(0, abs=0.2)  # 10 standard deviations
    assert np.sqrt(np.mean(spread**2) * 20 / 19) == pytest.approx(sqrt(14), rel=0.05)
