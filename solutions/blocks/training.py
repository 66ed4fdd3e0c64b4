# Made from the sources named below by `python3 course.py build`, checksum a82dcdbfb828eb42
"""The blocks of the course in `training`, as its lessons solve them.

seed_states: solutions/18_capstone.py
Checkpoint: solutions/18_capstone.py
small_net: solutions/18_capstone.py
make_steps: solutions/18_capstone.py
goes_on_exactly: solutions/18_capstone.py
"""

import keras
import numpy as np
from keras import ops

from utils.quiet import tensorflow as tf


def seed_states(model):
    """The variables that say how far each stream of random numbers has come, in a fixed order."""
    return [each for each in model.variables if each.name == "seed_generator_state"]


class Checkpoint:
    """A training as it is now, in a folder.

    Args:
        folder: name of a folder that exists.
    """

    def __init__(self, folder):
        self.model_file, self.seeds_file = f"{folder}/model.keras", f"{folder}/seeds.npz"

    def save(self, model):
        """Keep all that the next steps of a compiled model depend on, save the data."""
        model.save(self.model_file)
        np.savez(self.seeds_file, *map(ops.convert_to_numpy, seed_states(model)))

    def load(self, custom_objects=None):
        """The model as it was; `custom_objects` has the classes that are not Keras's, by name."""
        model = keras.models.load_model(self.model_file, custom_objects)
        with np.load(self.seeds_file) as kept:
            for state, name in zip(seed_states(model), kept.files, strict=True):
                state.assign(kept[name])
        return model


def small_net():
    """A compiled net with slots, a schedule, moving statistics and two streams of masks."""
    layers = [keras.layers.Dropout(0.3, seed=1), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.5, seed=2), keras.layers.Dense(1)]
    net = keras.Sequential([keras.Input((4,)), *layers])
    net.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 20)), "mse")
    return net


def make_steps(net, number):
    """Train on, by a number of steps that are all on the same numbers."""
    inputs = np.sin(np.arange(24, dtype="float32")).reshape(6, 4)
    for _ in range(number):
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(net(inputs, training=True) - 1))
        weights = net.trainable_variables
        net.optimizer.apply(tape.gradient(loss, weights), weights)


def goes_on_exactly(checkpoint_class, folder):
    """Whether a training that was kept and loaded makes the steps that it would have made.

    Args:
        checkpoint_class: as `Checkpoint`.
        folder: an empty one.

    Returns True or False.
    """
    net = small_net()
    make_steps(net, 1)
    checkpoint_class(folder).save(net)
    make_steps(net, 1)
    right = net.get_weights()
    loaded = checkpoint_class(folder).load()
    make_steps(loaded, 1)
    pairs = zip(right, loaded.get_weights(), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)
