"""Lesson 17: two logical devices for everybody, and checks that stay in hand where replicas have threads."""

import threading

import keras
import numpy as np
import pytest

from solutions.blocks import optimizers
from solutions.blocks.distributed import SynchronizedBatchNormalization, joined_gradients
from tests.written import written
from utils.exams import _replicas, examine
from utils.exams._oracle import normal
from utils.quiet import tensorflow as tf

ANSWER = """
import tensorflow as tf
from solutions.blocks.distributed import SynchronizedBatchNormalization as Right
class SynchronizedBatchNormalization(Right):
    def batch_statistics(self, inputs, mask):
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            {}
        return super().batch_statistics(inputs, mask)
"""


def answer(body: str) -> type:
    return written(ANSWER.format(body), "SynchronizedBatchNormalization")


def test_course_has_two_logical_devices() -> None:
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert names == ["/device:CPU:0", "/device:CPU:1"]


def test_exception_on_a_replica_names_the_line() -> None:
    candidate = answer("raise RuntimeError('out of ideas')")
    message = examine("SynchronizedBatchNormalization", candidate).message
    assert "RuntimeError in your line 7" in message and "out of ideas" in message
    assert "Every replica normalizes by the mean" in message


def test_endless_loop_on_a_replica_is_stopped() -> None:
    before = threading.active_count()
    message = examine("SynchronizedBatchNormalization", answer("while True: pass")).message
    assert "still computing" in message and "line 7, `while True: pass`" in message
    assert threading.active_count() == before


def test_replica_that_takes_no_part_is_told() -> None:
    candidate = answer(
        "if tf.distribute.get_replica_context().replica_id_in_sync_group: return [inputs[:1]] * 2"
    )
    report = examine("SynchronizedBatchNormalization", candidate)
    assert not report.passed and "merge_call" in report.message


def test_check_works_after_one_that_was_stopped() -> None:
    examine("SynchronizedBatchNormalization", answer("while True: pass"))
    assert examine("SynchronizedBatchNormalization", SynchronizedBatchNormalization).passed


def test_one_device_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    first = tf.config.list_logical_devices("CPU")[:1]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: first)
    _replicas.two_replicas.cache_clear()
    report = examine("joined_gradients", joined_gradients)
    message = report.message
    assert report.mistake is None
    assert "This check needs two devices and finds one" in message
    assert "Restart Python" in message and "MissingDevice" not in message


def test_synchronized_layer_under_a_compiled_strategy() -> None:
    strategy, inputs = _replicas.two_replicas(), tf.constant(normal(10, 4))
    right = keras.layers.BatchNormalization(momentum=0.5)
    expected = right(inputs, training=True)
    with strategy.scope():
        layer = SynchronizedBatchNormalization(momentum=0.5)
        layer.build(inputs.shape)

    @tf.function
    def outputs():
        return strategy.run(
            lambda: layer(
                inputs[tf.distribute.get_replica_context().replica_id_in_sync_group :: 2],
                training=True,
            )
        )

    for replica, received in enumerate(outputs().values):
        np.testing.assert_allclose(received, expected[replica::2], atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), right.moving_variance, atol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Lion", "Muon"])
def test_optimizer_of_the_course_adds_up_over_replicas(name: str) -> None:
    strategy, start = _replicas.two_replicas(), normal(3, 2)
    gradients = normal(4, 2, 3, 2, seed=1)  # steps, replicas, the weight's shape

    def trained(prepare) -> np.ndarray:
        variable, optimizer = keras.Variable(start), getattr(optimizers, name)(0.1)
        optimizer.build([variable])
        replica = tf.distribute.get_strategy().num_replicas_in_sync > 1

        @tf.function
        def step(pair):
            def update():
                place = tf.distribute.get_replica_context().replica_id_in_sync_group
                own = pair[place] if replica else pair[0] + pair[1]
                optimizer.apply(prepare([own]), [variable])

            tf.distribute.get_strategy().run(update)

        for pair in gradients:
            step(tf.constant(pair))
        return variable.numpy()

    expected = trained(list)
    with strategy.scope():
        for prepare in (list, joined_gradients):
            np.testing.assert_allclose(trained(prepare), expected, atol=1e-5)
