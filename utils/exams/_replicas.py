"""An answer on two replicas: the two logical devices that `utils.quiet` makes of the processor."""

import functools
from collections.abc import Callable
from typing import Any

from utils.quiet import tensorflow as tf


class MissingDevice(Exception):
    """There is one device only, and two are needed."""


@functools.cache
def two_replicas() -> tf.distribute.Strategy:
    """A strategy with two replicas, on the processor whatever else there is."""
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(devices) < 2:
        raise MissingDevice(
            "This check needs two devices and finds one: TensorFlow was used before the course could "
            "ask it for two. Restart Python (in a notebook: restart the kernel) and begin with the set-up"
        )
    # Collective operations know no more than one strategy in a process, and a lesson has its own.
    adding_up = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices[:2], adding_up)


def on_replicas(function: Callable[..., Any], *parts: tuple[Any, ...]) -> list[Any]:
    """What `function` returns on each replica, in the order of the replicas.

    Args:
        function: runs on both at once.
        parts: its arguments on the first replica, then on the second.
    """
    strategy = two_replicas()
    arguments = strategy.experimental_distribute_values_from_function(
        lambda replica: tuple(map(tf.convert_to_tensor, parts[replica.replica_id_in_sync_group]))
    )
    returned = strategy.run(function, args=arguments)
    return [
        tf.nest.map_structure(functools.partial(of_replica, place=place), returned)
        for place in range(len(parts))
    ]


def of_replica(value: Any, place: int) -> Any:
    """A tensor or a variable as one of the replicas has it; what is no such thing, as it is."""
    own = two_replicas().experimental_local_results(value)
    return own[place] if len(own) > 1 else value
