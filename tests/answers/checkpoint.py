"""Checkpoints, and the probe that convicts those that forget, answered in other ways."""

import json
import pickle
from pathlib import Path

import keras
import numpy as np
from keras import ops

from solutions.blocks.training import make_steps, seed_states, small_net


class WithPaths:
    """Paths, and a file for each stream."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def save(self, model):
        model.save(self.folder / "model.keras")
        for number, state in enumerate(seed_states(model)):
            np.save(self.folder / f"stream{number}.npy", ops.convert_to_numpy(state))

    def load(self, custom_objects=None):
        model = keras.saving.load_model(self.folder / "model.keras", custom_objects=custom_objects)
        for number, state in enumerate(seed_states(model)):
            state.assign(np.load(self.folder / f"stream{number}.npy"))
        return model


class WithJson(WithPaths):
    """The streams as text."""

    def save(self, model):
        model.save(self.folder / "net.keras", overwrite=True)
        states = [ops.convert_to_numpy(state).tolist() for state in seed_states(model)]
        (self.folder / "seeds.json").write_text(json.dumps(states))

    def load(self, custom_objects=None):
        with keras.saving.custom_object_scope(custom_objects or {}):
            model = keras.models.load_model(self.folder / "net.keras")
        for state, kept in zip(
            seed_states(model), json.loads((self.folder / "seeds.json").read_text()), strict=True
        ):
            state.assign(kept)
        return model


class AllVariables(WithPaths):
    """Weights and streams by their place, once more; the file has the rest."""

    def kept(self, model):
        return [*model.weights, *seed_states(model)]

    def save(self, model):
        model.save(self.folder / "model.keras")
        values = [ops.convert_to_numpy(each) for each in self.kept(model)]
        (self.folder / "values.pickle").write_bytes(pickle.dumps(values))

    def load(self, custom_objects=None):
        model = keras.models.load_model(self.folder / "model.keras", custom_objects)
        values = pickle.loads((self.folder / "values.pickle").read_bytes())
        for variable, value in zip(self.kept(model), values, strict=True):
            variable.assign(value)
        return model


class CompiledByHand(WithPaths):
    """Compiles anew, and then brings the optimizer's variables back."""

    def save(self, model):
        super().save(model)
        values = [ops.convert_to_numpy(each) for each in model.optimizer.variables]
        np.savez(self.folder / "optimizer.npz", *values)

    def load(self, custom_objects=None):
        model = super().load(custom_objects)
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        with np.load(self.folder / "optimizer.npz") as kept:
            if len(kept.files) > 2:
                optimizer.build(model.trainable_variables)
            for variable, name in zip(optimizer.variables, kept.files, strict=True):
                variable.assign(kept[name])
        model.compile(optimizer, model.loss)
        return model


class OneAfterTheOther(WithPaths):
    """Collects the streams layer by layer; reads both files before it builds anything."""

    def states(self, model):
        return [v for layer in model.layers for v in layer.variables if "seed_gen" in v.path]

    def save(self, model):
        np.savez(
            self.folder / "s", **{f"s{n}": s.numpy() for n, s in enumerate(self.states(model))}
        )
        model.save(f"{self.folder}/model.keras")

    def load(self, custom_objects=None):
        with np.load(self.folder / "s.npz") as file:
            kept = [file[f"s{number}"] for number in range(len(file.files))]
        model = keras.models.load_model(f"{self.folder}/model.keras", custom_objects)
        for state, value in zip(self.states(model), kept, strict=True):
            state.assign(ops.convert_to_tensor(value))
        return model


def by_loop(checkpoint_class, folder):
    net = small_net()
    make_steps(net, 3)
    checkpoint_class(folder).save(net)
    make_steps(net, 2)
    expected = net.get_weights()
    other = checkpoint_class(folder).load()
    make_steps(other, 2)
    for one, another in zip(expected, other.get_weights(), strict=True):
        if (one != another).any():
            return False
    return True


def loaded_twice(checkpoint_class, folder):
    """Two loads that go on must agree with the first net, each."""
    net = small_net()
    make_steps(net, 1)
    checkpoint_class(folder).save(net)
    others = [checkpoint_class(folder).load(), checkpoint_class(folder).load()]
    results = []
    for each in (net, *others):
        make_steps(each, 1)
        results.append(each.get_weights())
    return all(
        np.array_equal(one, other)
        for result in results[1:]
        for one, other in zip(results[0], result, strict=True)
    )


def as_one_vector(checkpoint_class, folder):
    def come_to(net):
        make_steps(net, 1)
        return np.concatenate([np.ravel(weights) for weights in net.get_weights()])

    net = small_net()
    come_to(net)
    checkpoint_class(folder).save(net)
    right = come_to(net)
    return bool((come_to(checkpoint_class(folder).load()) == right).all())


def loss_and_weights(checkpoint_class, folder):
    net = small_net()
    make_steps(net, 2)
    checkpoint_class(folder).save(net)
    make_steps(net, 4)
    right = [weights.tobytes() for weights in net.get_weights()]
    loaded = checkpoint_class(folder).load()
    make_steps(loaded, 4)
    return [weights.tobytes() for weights in loaded.get_weights()] == right


def all_variables(checkpoint_class, folder):
    """Compares the streams and the optimizer's variables too."""

    def everything(net):
        kept = [*net.weights, *net.optimizer.variables, *seed_states(net)]
        return [ops.convert_to_numpy(each).copy() for each in kept]

    net = small_net()
    make_steps(net, 1)
    checkpoint_class(folder).save(net)
    make_steps(net, 1)
    right = everything(net)
    loaded = checkpoint_class(folder).load()
    make_steps(loaded, 1)
    return np.all([np.array_equal(*pair) for pair in zip(right, everything(loaded), strict=True)])


ANSWERS = {
    "Checkpoint": [WithPaths, WithJson, AllVariables, CompiledByHand, OneAfterTheOther],
    "goes_on_exactly": [by_loop, loaded_twice, as_one_vector, loss_and_weights, all_variables],
}
