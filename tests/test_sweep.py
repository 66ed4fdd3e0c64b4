"""Many copies of a model trained at once: as Keras trains each alone."""

import keras
import numpy as np
import pytest

from solutions.blocks.layers import Dense
from solutions.blocks.normalization import BatchNormalization
from utils import datasets, plots, status
from utils import sweep as module
from utils.sweep import Runs, shuffled, sweep

DIGITS, DIGITS_TEST = datasets.digits()
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SCHEDULES = keras.optimizers.schedules


def network(depth=2, units=16, scale=None, dropout=0.0, normalized=True, penalty=None):
    initializer = keras.initializers.RandomNormal(stddev=scale) if scale else "glorot_uniform"
    layers = [keras.Input((64,))]
    for _ in range(depth):
        layers.append(Dense(units, kernel_initializer=initializer))
        if normalized:
            layers.append(BatchNormalization(momentum=0.9, gamma_regularizer=penalty))
        layers.append(keras.layers.Activation("relu"))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential([*layers, Dense(10)])


def convolutional():
    layers = [keras.Input((64,)), keras.layers.Reshape((8, 8, 1)), keras.layers.Conv2D(4, 3)]
    return keras.Sequential([*layers, BatchNormalization(), keras.layers.Flatten(), Dense(10)])


class EachBatch(keras.callbacks.Callback):
    """What `fit` reports of each batch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict[str, float]] = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(logs)


def alone(model: keras.Model, optimizer, seed: int, steps: int, batch_size: int) -> list[dict]:
    """Train one model by `fit` on the batches that a sweep gives this seed."""
    inputs, labels = DIGITS
    rows = shuffled(labels, steps, batch_size, np.random.default_rng(seed)).ravel()
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    each = EachBatch()
    data = {"x": inputs[rows], "y": labels[rows], "batch_size": batch_size, "shuffle": False}
    model.fit(**data, verbose=0, callbacks=[each])
    return each.logs


# Adam makes a step of full length of a gradient that is only rounding, as that of a bias before
# batch normalization: there two right programs drift apart. So Adam trains a net without it.
@pytest.mark.parametrize("normalized, learning_rate, optimizer", [
    (True, 0.3, keras.optimizers.SGD),
    (True, 0.1, lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)),
    (False, 0.01, keras.optimizers.Adam),
    (False, 0.01, lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1)),
    (True, 0.3, lambda rate: keras.optimizers.SGD(SCHEDULES.CosineDecay(rate, 15, alpha=0.1))),
    (False, 0.01, lambda rate: keras.optimizers.Adam(SCHEDULES.ExponentialDecay(rate, 5, 0.5))),
    (True, 0.1, lambda rate: keras.optimizers.SGD(rate, clipnorm=0.5)),
    (True, 0.01, lambda rate: keras.optimizers.SGD(rate, gradient_accumulation_steps=4)),
])  # fmt: skip
def test_sweep_trains_as_fit_does_alone(normalized, learning_rate, optimizer):
    rates, seeds, steps = [learning_rate / 2, learning_rate], [3, 4], 20
    arguments = {"learning_rate": rates, "optimizer": optimizer, "batch_size": 32}

    def model():
        return network(penalty="l2", normalized=normalized)

    runs = sweep(model, DIGITS, seeds=seeds, steps=steps, **arguments)
    for rate in rates:
        for seed in seeds:
            keras.utils.set_random_seed(seed)
            logs = alone(model(), optimizer(rate), seed, steps, batch_size=32)
            for name, measured in (("loss", runs.loss), ("accuracy", runs.accuracy)):
                received = measured.at(learning_rate=rate, seed=seed).values
                np.testing.assert_allclose(received, [log[name] for log in logs], atol=1e-4)


def test_sweep_stacks_schedules_that_start_from_the_rate(capfd):
    for schedule in (
        lambda rate: SCHEDULES.CosineDecay(0.0, 9, warmup_target=rate, warmup_steps=3),
        lambda rate: SCHEDULES.PolynomialDecay(rate, 5),
        lambda rate: SCHEDULES.PiecewiseConstantDecay([4, 7], [rate, 0.1, 0.01]),
    ):
        sweep(
            network, DIGITS, seeds=[1, 2], learning_rate=[0.1, 0.2], steps=9,
            optimizer=lambda rate, schedule=schedule: keras.optimizers.SGD(schedule(rate)),
        )  # fmt: skip
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("make_model, optimizer, reason", [
    (convolutional, keras.optimizers.SGD, "TensorFlow does not map its operation Conv2D over copies"),
    (
        lambda: network(units=10),
        keras.optimizers.Muon,
        "its optimizer does not work element by element, so that one copy's update would depend "
        "on the others",
    ),
])  # fmt: skip
def test_sweep_says_why_it_trains_one_after_the_other(make_model, optimizer, reason, capfd):
    runs = sweep(
        make_model, DIGITS, test=DIGITS_TEST, seeds=[1, 2], learning_rate=0.02,
        optimizer=optimizer, steps=15, test_every=10,
    )  # fmt: skip
    captured = capfd.readouterr()
    sentence = f"Trained one after the other, since copies cannot be stacked: {reason}.\n"
    assert captured.out == sentence and captured.err == ""
    assert runs.test_accuracy.axes == {"seed": (1, 2), "step": (10, 15)}
    keras.utils.set_random_seed(2)
    logs = alone(make_model(), optimizer(0.02), 2, 15, batch_size=64)
    np.testing.assert_allclose(runs.loss.at(seed=2), [log["loss"] for log in logs], atol=1e-3)


def test_sweep_has_an_axis_for_everything_that_is_several():
    runs = sweep(
        network, DIGITS, test=DIGITS_TEST, seeds=range(2), steps=6, test_every=4,
        depth=[1, 2], scale={"small": 0.01, "large": 1.0}, batch_size=[8, 16],
        learning_rate=[0.01, 0.1, 1.0],
    )  # fmt: skip
    axes = {
        "depth": (1, 2), "scale": ("small", "large"), "batch_size": (8, 16),
        "learning_rate": (0.01, 0.1, 1.0), "seed": (0, 1),
    }  # fmt: skip
    assert runs.diverged.axes == axes
    assert runs.loss.axes == runs.accuracy.axes == axes | {"step": (1, 2, 3, 4, 5, 6)}
    assert runs.test_loss.axes == runs.test_accuracy.axes == axes | {"step": (4, 6)}


def test_sweep_measures_what_its_models_give():
    runs = sweep(network, DIGITS, test=DIGITS_TEST, seeds=[5, 6], scale=[0.1, 0.5], steps=30)
    labels = {"scale": 0.5, "seed": 6}
    model = runs.model(**labels)
    model.compile(loss=LOSS, metrics=["accuracy"])
    loss, accuracy = model.evaluate(*DIGITS_TEST, verbose=0)
    assert runs.test_loss.at(**labels, step=30) == pytest.approx(loss, abs=1e-5)
    assert runs.test_accuracy.at(**labels, step=30) == pytest.approx(accuracy, abs=1e-6)
    with pytest.raises(ValueError, match=r"Choose one copy: name a label of \['seed'\] as well."):
        runs.model(scale=0.5)


class RemembersItsMask(keras.layers.Layer):
    """Passes its inputs on, and keeps what dropout made of 200 ones."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = keras.layers.Dropout(0.5, seed=7)

    def build(self, input_shape):
        self.mask = self.add_weight(shape=(200,), trainable=False, name="mask")

    def call(self, inputs, training=None):
        self.mask.assign(self.dropout(keras.ops.ones((200,)), training=training))
        return inputs


def test_sweep_draws_random_numbers_for_each_copy_and_step_anew(stacks):
    def model():
        return keras.Sequential([keras.Input((64,)), RemembersItsMask(), Dense(10)])

    masks = []
    for steps in (1, 2):
        runs = sweep(model, DIGITS, seeds=[0, 1, 2], learning_rate=[0.1, 0.2], steps=steps)
        masks += [copy.weights[2] for copy in runs.copies]
    assert stacks == [6, 6]
    assert np.unique(masks, axis=0).shape == (12, 200)
    np.testing.assert_array_equal(np.unique(masks), [0, 2])
    assert 0.4 < np.mean(np.array(masks) == 0) < 0.6  # 2,400 draws: ten standard deviations


@pytest.fixture
def stacks(monkeypatch) -> list[int]:
    """How many copies each stack had that was trained together."""
    seen, original = [], module._together

    def together(program, state, stack, task):
        seen.append(len(stack.copies))
        return original(program, state, stack, task)

    monkeypatch.setattr(module, "_together", together)
    return seen


@pytest.mark.parametrize("settings, sizes", [
    ({"scale": [0.01, 0.1, 1.0]}, [12]),  # other initial weights, the same computation
    ({"depth": [1, 2]}, [4, 4]),
    ({"penalty": {"none": None, "l2": "l2", "none again": None}}, [8, 4]),
])  # fmt: skip
def test_sweep_stacks_what_computes_the_same(stacks, settings, sizes):
    sweep(network, DIGITS, seeds=[0, 1], learning_rate=[0.1, 0.2], steps=2, **settings)
    assert stacks == sizes


def test_sweep_compiles_what_it_has_compiled_before_only_once():
    module._programs.clear()

    def train(optimizer, momentum=0.9):
        def model():
            layers = [keras.Input((64,)), Dense(8), BatchNormalization(momentum=momentum)]
            return keras.Sequential([*layers, Dense(10)])

        sweep(model, DIGITS, seeds=[0, 1], learning_rate=0.1, optimizer=optimizer, steps=2)
        return len(module._programs)

    assert train(keras.optimizers.SGD) == 1
    assert train(keras.optimizers.SGD) == 1
    assert train(lambda rate: keras.optimizers.SGD(rate, momentum=0.5)) == 2
    assert train(lambda rate: keras.optimizers.SGD(rate, momentum=0.6)) == 3
    assert train(keras.optimizers.SGD, momentum=0.8) == 4


def test_sweep_of_other_rates_and_seeds_uses_the_compiled_loop_rightly():
    first, second = (
        {"seeds": [s, s + 1], "learning_rate": [r, 2 * r]} for s, r in ((0, 0.1), (4, 0.3))
    )
    sweep(network, DIGITS, steps=5, **first)
    again = sweep(network, DIGITS, steps=5, **second)
    module._programs.clear()
    anew = sweep(network, DIGITS, steps=5, **second)
    np.testing.assert_array_equal(again.loss.values, anew.loss.values)


def test_sweep_a_diverging_copy_is_marked_and_disturbs_no_other():
    def train(rates) -> Runs:
        arguments = {"learning_rate": rates, "seeds": [0, 1], "steps": 20, "test_every": 10}
        return sweep(network, DIGITS, test=DIGITS_TEST, normalized=[False], **arguments)

    wild, calm = (train(rates).__dict__ for rates in ([0.1, 1e8], [0.1, 0.2]))
    assert wild["diverged"].at(normalized=False).values.tolist() == [[False, False], [True, True]]
    assert not calm["diverged"].values.any()
    for name in ("loss", "accuracy", "test_loss", "test_accuracy"):
        received, right = (runs[name].at(learning_rate=0.1).values for runs in (wild, calm))
        np.testing.assert_array_equal(received, right)
    lost = wild["loss"].at(normalized=False, learning_rate=1e8)
    assert np.isfinite(lost.values[:, 0]).all() and np.isnan(lost.values[:, -1]).all()
    assert not wild["test_accuracy"].at(learning_rate=1e8).values.any()
    assert "diverged" in repr(plots.table({"rate": [1e8], "loss": [lost.at(step=20).values]}))


def test_sweep_follows_the_batches_it_is_given():
    def sorted_by_class(labels, steps, batch_size, generator):
        return np.argsort(labels, kind="stable")[: steps * batch_size].reshape(steps, batch_size)

    arguments = {"seeds": [0, 1], "steps": 20, "batch_size": 32, "batches": sorted_by_class}
    runs = sweep(network, DIGITS, learning_rate=1.0, **arguments)
    assert runs.accuracy.at(step=3).values.tolist() == [1.0, 1.0]  # only zeros so far


def test_sweep_of_numbers_has_no_accuracy():
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(80, 3))
    data = inputs, inputs @ [[1.0], [2.0], [3.0]]

    def linear():
        return keras.Sequential([keras.Input((3,)), Dense(1)])

    runs = sweep(linear, data, test=data, seeds=range(3), loss="mse", batch_size=16, steps=100)
    assert runs.accuracy is None and runs.test_accuracy is None
    assert runs.test_loss.at(step=100).max() < 1e-3


def test_sweep_draws_a_bar_that_ends_at_all(monkeypatch):
    shown = []
    monkeypatch.setattr(module, "status_line", lambda is_shown: shown.append)
    sweep(network, DIGITS, seeds=[0, 1], depth=[1, 2], steps=40)
    percentages = [int(text[-5:-1]) for text in shown[:-1]]
    assert percentages == [31, 50, 81, 100] and shown[-1] == ""
    assert status.bar(1, 2, width=4) == "██░░  50 %"


def with_nan():
    inputs, labels = DIGITS
    inputs = inputs.copy()
    inputs[[7, 30], 5] = np.nan
    return inputs, labels


def frozen():
    model = network()
    model.trainable = False
    return model


RATE = "`learning_rate` must be greater than 0 and finite: try 0.1, and powers of ten around it."
LIST = "must be a list of values, or a dictionary with a name for each."


@pytest.mark.parametrize("changed, message", [
    ({"learning_rate": 0.0}, f"{RATE} Received: learning_rate=0.0."),
    ({"learning_rate": [0.1, np.inf]}, f"{RATE} Received: learning_rate=inf."),
    ({"learning_rate": "large"}, f"{RATE} Received: learning_rate='large'."),
    (
        {"seeds": [3]},
        "`seeds` must be at least two different ints: one run says nothing about the spread. "
        "Received: seeds=[3]. Use seeds=range(5).",
    ),
    (
        {"train": with_nan()},
        "`train` must hold finite numbers alone. Received: inputs with NaN or infinity in 2 of 1200 "
        "examples, the first at row 7. Leave those examples out, or replace the values.",
    ),
    (
        {"test": (DIGITS_TEST[0], DIGITS_TEST[1][:5])},
        "`test` must hold as many labels as inputs, and at least one. "
        "Received: 597 inputs, 5 labels.",
    ),
    (
        {"train": DIGITS[0]},
        "`train` must be a pair of inputs and labels, as in (x_train, y_train). Received: ndarray.",
    ),
    ({"steps": 0}, "`steps` must be an int of at least 1. Received: steps=0."),
    ({"steps": "all"}, "`steps` must be an int of at least 1. Received: steps='all'."),
    ({"test_every": 9}, "`test_every` must be an int from 1 to 5. Received: test_every=9."),
    ({"batch_size": 5000}, "`batch_size` must be an int from 1 to 1200. Received: batch_size=5000."),
    ({"depth": 3}, f"`depth` {LIST} Received: depth=3."),
    ({"depth": []}, f"`depth` {LIST} Received: depth=[]."),
    ({"units": [[8], [9]]}, f"`units` {LIST} Received: units=[[8], [9]]."),
    ({"depth": [1, 1]}, "`depth` holds a value twice. Received: depth=[1, 1]."),
    (
        {"batches": lambda labels, steps, size, generator: np.arange(size)},
        "`batches` must return rows of shape (steps, batch_size), here (5, 64). "
        "Received: shape (64,).",
    ),
    (
        {"batches": lambda labels, steps, size, generator: np.full((steps, size), len(labels))},
        "`batches` must return rows of the training data, ints from 0 to 1199. "
        "Received: rows from 1200 to 1200.",
    ),
    (
        {"make_model": keras.Sequential},
        "`make_model` must return a built Keras model, as one that begins with keras.Input. "
        "Received from make_model(): <Sequential name=sequential, built=False>.",
    ),
    (
        {"make_model": frozen},
        "`make_model` must return a model with trainable weights: here there is nothing to train. "
        "Received from make_model(): 'sequential' with 14 weights, none of them trainable. "
        "Is a layer missing, or `trainable` False?",
    ),
])  # fmt: skip
def test_sweep_says_what_is_wrong_with_its_arguments(changed, message):
    arguments = {"make_model": network, "train": DIGITS, "seeds": [0, 1], "steps": 5} | changed
    keras.backend.clear_session()
    with pytest.raises(ValueError) as caught:
        sweep(arguments.pop("make_model"), arguments.pop("train"), **arguments)
    assert str(caught.value) == message


class HalvesTheRate(keras.optimizers.SGD):
    """It overrides what Keras's TensorFlow optimizers override, too."""

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        super()._backend_update_step(grads, trainable_variables, 0.5 * learning_rate)


def test_sweep_keeps_what_an_optimizer_has_of_its_own(capfd):
    given = {"seeds": [1, 2], "steps": 5}
    halved = sweep(network, DIGITS, optimizer=HalvesTheRate, learning_rate=0.2, **given)
    plain = sweep(network, DIGITS, optimizer=keras.optimizers.SGD, learning_rate=0.1, **given)
    np.testing.assert_allclose(halved.loss.values, plain.loss.values, rtol=1e-5)
    assert capfd.readouterr().out == ""
