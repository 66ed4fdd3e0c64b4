"""Exams of lesson 18's checkpoints: one that forgets nothing, and a probe that convicts those that do."""

import tempfile

import keras
import numpy as np

from solutions.blocks.training import make_steps, seed_states, small_net

from ._exam import Exam, Mistake, see
from ._oracle import normal

GIVEN = "a net, kept and loaded"


def _trained(steps):
    """A net after steps from known weights, its streams of random numbers in different places."""
    net = small_net()
    for place, each in enumerate(net.weights):
        each.assign(normal(*each.shape, seed=place, mean=1, scale=0.3))
    make_steps(net, steps)
    for place, state in enumerate(seed_states(net)):
        state.assign([50 + place, 7 + place])
    return net


def _seeds(net):
    return np.array([np.array(state) for state in seed_states(net)])


def _by(candidate, net, use, **arguments):
    """What `use` makes of the net that another checkpoint loads."""
    with tempfile.TemporaryDirectory() as folder:
        candidate(folder).save(net)
        return use(candidate(folder).load(**arguments))


def brings_the_weights_back(candidate):
    """The weights and the moving statistics are those that were kept."""
    net = _trained(0)
    loaded = _by(candidate, net, lambda loaded: loaded.weights)
    for right, received in zip(net.weights, loaded, strict=True):
        yield see(right.path, received, right, GIVEN, tolerance=0)


def brings_the_streams_back(candidate):
    """Each dropout layer is where it was in its own stream of random numbers."""
    net = _trained(0)
    yield see("states of the streams", _by(candidate, net, _seeds), _seeds(net), GIVEN, tolerance=0)


def brings_the_optimizer_back(candidate):
    """The optimizer's counter and slots are those that were kept, and its schedule goes on."""
    net = _trained(2)
    given = "a net after two steps, kept and loaded"
    loaded = _by(candidate, net, lambda loaded: loaded.optimizer)
    yield see("optimizer's counter", loaded.iterations, 2, given)
    right = float(net.optimizer.learning_rate)
    yield see("learning rate", float(loaded.learning_rate), right, given)
    yield see("number of its variables", len(loaded.variables), len(net.optimizer.variables), given)
    for kept, received in zip(net.optimizer.variables, loaded.variables, strict=True):
        yield see(kept.path, received, kept, given, tolerance=0)


def goes_on(candidate):
    """A step from what was loaded leads to the same weights, bit for bit, as a step more."""
    net = _trained(2)
    given = "a net after two steps, kept and loaded, and a step more"
    with tempfile.TemporaryDirectory() as folder:
        candidate(folder).save(net)
        make_steps(net, 1)
        loaded = candidate(folder).load()
        make_steps(loaded, 1)
    for right, received in zip(net.weights, loaded.weights, strict=True):
        yield see(right.path, received, right, given, tolerance=0)


def keeps_what_was(candidate):
    """What is loaded is the net as it was when it was kept, whatever became of it."""
    net = _trained(0)
    weights, seeds = [np.array(each) for each in net.weights], _seeds(net)
    given = "a net that was changed after it was kept"
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = candidate(folder)
        checkpoint.save(net)
        _change(net)
        loaded = checkpoint.load()
    yield see("first weight", loaded.weights[0], weights[0], given, tolerance=0)
    yield see("states of the streams", _seeds(loaded), seeds, given, tolerance=0)


def keeps_the_newest(candidate):
    """Of a net that is kept twice, what is loaded is what it was the second time."""
    net = _trained(0)
    with tempfile.TemporaryDirectory() as folder:
        candidate(folder).save(net)
        _change(net)
        candidate(folder).save(net)
        loaded = candidate(folder).load()
    given = "a net that was kept, changed, and kept again"
    yield see("first weight", loaded.weights[0], net.weights[0], given, tolerance=0)
    yield see("states of the streams", _seeds(loaded), _seeds(net), given, tolerance=0)


def _change(net):
    net.weights[0].assign(net.weights[0] + 1)
    for state in seed_states(net):
        state.assign(state + 3)


class _Twice(keras.layers.Layer):
    """Stands for a class of the learner's own."""

    def call(self, inputs):
        return 2 * inputs


def takes_classes_of_your_own(candidate):
    """`custom_objects` has the classes that Keras does not know; a net without streams will do too."""
    net = keras.Sequential([keras.Input((4,)), _Twice(), keras.layers.Dense(1)])
    net.compile("sgd", "mse")
    make_steps(net, 1)
    given = "a net with a class of its own and no dropout"
    output = _by(
        candidate, net, lambda net: net(np.ones((1, 4))), custom_objects={"_Twice": _Twice}
    )
    yield see("output", output, net(np.ones((1, 4))), given, tolerance=0)


SAVE = "model.save(self.model_file)"
SEEDS = "np.savez(self.seeds_file, *map(ops.convert_to_numpy, seed_states(model)))"
LOAD = "model = keras.models.load_model(self.model_file, custom_objects)"
ASSIGN = "state.assign(kept[name])"
ANEW = (
    "; model.compile(type(model.optimizer).from_config(model.optimizer.get_config()), model.loss)"
)

CHECKPOINT = Exam(
    name="Checkpoint",
    block="training",
    probes=(
        brings_the_weights_back,
        brings_the_streams_back,
        brings_the_optimizer_back,
        goes_on,
        keeps_what_was,
        keeps_the_newest,
        takes_classes_of_your_own,
    ),
    mistakes=(
        Mistake(
            "streams-forgotten",
            find=ASSIGN,
            put="pass",
            says="You read the streams and do not put them back: `state.assign(…)`.",
        ),
        Mistake(
            "streams-of-the-start",
            find=SEEDS,
            put="np.savez(self.seeds_file, *[np.stack([state[0], 0]) for state in seed_states(model)])",
            says="Your streams begin anew: you keep their seeds, and not how far they have come.",
        ),
        Mistake(
            "streams-in-reverse",
            find="convert_to_numpy, seed_states(model))",
            put="convert_to_numpy, seed_states(model)[::-1])",
            says="You keep the streams in one order and put them back in another.",
        ),
        Mistake(
            "one-stream-for-all",
            find=ASSIGN,
            put="state.assign(kept[kept.files[0]])",
            says="You put the first stream into every layer. Each has its own.",
        ),
        Mistake(
            "streams-drawn",
            find=SEEDS,
            put="np.savez(self.seeds_file, *[state + 1 for state in seed_states(model)])",
            says="The streams that you keep are one further than those of the net.",
        ),
        Mistake(
            "compiled-anew",
            find=LOAD,
            put=LOAD + ANEW,
            says="You compile the loaded net anew. That makes a new optimizer: slots at zero, the schedule "
            "at its start. What `load_model` gives is compiled already.",
        ),
        Mistake(
            "not-compiled",
            find="load_model(self.model_file, custom_objects)",
            put="load_model(self.model_file, custom_objects, compile=False)",
            says="With `compile=False` the net comes without its optimizer.",
        ),
        Mistake(
            "counter-anew",
            find=LOAD,
            put=LOAD + "; model.optimizer.iterations.assign(0)",
            says="Your optimizer counts from 0 again, and with it the schedule. The slots went on.",
        ),
        Mistake(
            "slots-anew",
            find=LOAD,
            put=LOAD + "\n        for slot in model.optimizer.variables[2:]:\n"
            "            slot.assign(0 * slot)",
            says="Your optimizer's slots are at zero, though its counter goes on.",
        ),
        Mistake(
            "custom-objects-forgotten",
            find="load_model(self.model_file, custom_objects)",
            put="load_model(self.model_file)",
            says="You do not hand `custom_objects` to `load_model`: it finds Keras's own classes only.",
        ),
        Mistake(
            "nothing-returned",
            find="        return model",
            put="",
            says="`load` does not return the model.",
        ),
        Mistake(
            "kept-once",
            find=SAVE,
            put="import os; os.path.exists(self.model_file) or model.save(self.model_file)",
            says="Where there is a file already, you do not write. A checkpoint keeps the newest.",
        ),
        Mistake(
            "streams-kept-once",
            find=SEEDS,
            put=f"import os; os.path.exists(self.seeds_file) or {SEEDS}",
            says="Where there are streams already, you do not write them. A checkpoint keeps the newest.",
        ),
    ),
    hints=(
        "`model.save(…)` writes weights, statistics and the whole optimizer; "
        "`keras.models.load_model(…)` reads them, compiled and all. Only the streams are missing.",
        "`seed_states` gives the variables of the streams, of the loaded model in the same order as of the "
        "old one. Keep `np.array` of each, and assign them to those of the loaded model one by one.",
    ),
    why="One call keeps everything that Keras regards as weights. The streams are variables that it does "
    "not, so they go into a file of their own, by their order: names differ between two models in one "
    "process. A layer that keeps its own stream, as that of lesson 07, is assigned the same once more.",
)

# --- goes_on_exactly --------------------------------------------------------------------------------


class _Right:
    """A checkpoint that forgets nothing, unless a subclass makes it. Memory stands for the disk."""

    disk = {}

    def __init__(self, folder):
        self.folder = folder

    def save(self, net):
        kept = (*net.optimizer.variables, *net.weights, *seed_states(net))
        self.disk[self.folder] = [np.array(each) for each in kept]

    def load(self, custom_objects=None):
        net = small_net()
        net.optimizer.build(net.trainable_variables)
        fresh = (*net.optimizer.variables, *net.weights, *seed_states(net))
        for each, kept in zip(fresh, self.disk[self.folder], strict=True):
            each.assign(kept)
        self.spoil(net)
        return net

    def spoil(self, net):
        pass


class _Anew(_Right):
    def spoil(self, net):
        net.compile(type(net.optimizer).from_config(net.optimizer.get_config()), net.loss)


class _ScheduleAnew(_Right):
    def spoil(self, net):
        net.optimizer.iterations.assign(0)


class _SlotsAnew(_Right):
    def spoil(self, net):
        for slot in net.optimizer.variables[2:]:
            slot.assign(0 * slot)


class _StreamsAnew(_Right):
    def spoil(self, net):
        for state in seed_states(net):
            state.assign([state[0], 0])


class _StatisticsAnew(_Right):
    def spoil(self, net):
        for each in net.non_trainable_weights:
            each.assign(0 * each + 1)


class _InMemory(_Right):
    def save(self, net):
        self.disk[self.folder] = net

    def load(self, custom_objects=None):
        return self.disk[self.folder]


class _InTheObject(_Right):
    """Reads no file: a second object, as in another process, has nothing."""

    net = None

    def save(self, net):
        super().save(net)
        self.net = super().load()

    def load(self, custom_objects=None):
        return self.net or small_net()


for _each in (_Right, *_Right.__subclasses__()):
    _each.__name__ = "Checkpoint"  # a name gives nothing away


def _verdict(goes_on_exactly, kind):
    with tempfile.TemporaryDirectory() as folder:
        return bool(goes_on_exactly(kind, folder))


def acquits_a_right_checkpoint(goes_on_exactly):
    """A checkpoint that forgets nothing passes, whatever its files are called."""
    yield see("verdict", _verdict(goes_on_exactly, _Right), True, "a right checkpoint")


def convicts_an_optimizer_anew(goes_on_exactly):
    """A checkpoint that loses the optimizer is found out, also where it loses only a part."""
    for given, kind in (
        ("a new optimizer", _Anew),
        ("a schedule at its start", _ScheduleAnew),
        ("slots at zero", _SlotsAnew),
    ):
        yield see("verdict", _verdict(goes_on_exactly, kind), False, given)


def convicts_streams_anew(goes_on_exactly):
    """A checkpoint whose dropout layers start their streams anew is found out."""
    yield see("verdict", _verdict(goes_on_exactly, _StreamsAnew), False, "streams at their start")


def convicts_statistics_anew(goes_on_exactly):
    """A checkpoint that loses the moving statistics is found out."""
    verdict = _verdict(goes_on_exactly, _StatisticsAnew)
    yield see("verdict", verdict, False, "moving statistics at their start")


def convicts_what_keeps_no_file(goes_on_exactly):
    """A checkpoint that hands back what is in memory, which no other process has, is found out."""
    for given, kind in (
        ("the net itself, still in memory", _InMemory),
        ("a copy that only the saving object has", _InTheObject),
    ):
        yield see("verdict", _verdict(goes_on_exactly, kind), False, given)


VERDICT = "return all(np.array_equal(one, other) for one, other in pairs)"
RIGHT = "right = net.get_weights()"

GOES_ON = Exam(
    name="goes_on_exactly",
    block="training",
    probes=(
        acquits_a_right_checkpoint,
        convicts_an_optimizer_anew,
        convicts_streams_anew,
        convicts_statistics_anew,
        convicts_what_keeps_no_file,
    ),
    mistakes=(
        Mistake(
            "always-true",
            find=VERDICT,
            put="return True",
            says="You acquit every checkpoint. Compare the weights.",
        ),
        Mistake(
            "always-false",
            find=VERDICT,
            put="return False",
            says="You convict every checkpoint, right ones too.",
        ),
        Mistake(
            "upside-down",
            find=VERDICT,
            put="return not all(np.array_equal(one, other) for one, other in pairs)",
            says="Your verdict is upside down: True is for a checkpoint that goes on exactly.",
        ),
        Mistake(
            "any-weight",
            find="return all(",
            put="return any(",
            says="You acquit where one array is the same. All of them have to be.",
        ),
        Mistake(
            "nearly",
            find="np.array_equal(one, other)",
            put="np.allclose(one, other, atol=0.2)",
            says="You allow for a difference. A resumed training is the same bit for bit, or it is another.",
        ),
        Mistake(
            "unequal-steps",
            find=f"    make_steps(net, 1)\n    {RIGHT}",
            put=f"    {RIGHT}",
            says="The two nets do not make the same steps after the net was kept: one goes on, by as many "
            "steps as the other.",
        ),
        Mistake(
            "no-steps-at-all",
            find="make_steps(net, 1)\n    right = net.get_weights()\n"
            "    loaded = checkpoint_class(folder).load()\n    make_steps(loaded, 1)",
            put="right = net.get_weights()\n    loaded = checkpoint_class(folder).load()",
            says="You compare the weights before anybody goes on. Slots, schedule and streams show in "
            "the next steps only.",
        ),
        Mistake(
            "kept-at-the-start",
            find="    make_steps(net, 1)\n    checkpoint_class",
            put="    checkpoint_class",
            says="You keep a net that has made no step. There is nothing to forget yet: slots, counter "
            "and streams are at their start.",
        ),
        Mistake(
            "live-weights",
            find="pairs = zip(right, loaded.get_weights(), strict=True)",
            put="pairs = zip(net.get_weights(), loaded.get_weights(), strict=True)",
            says="You read the weights of the first net after the second has made its steps. If both are "
            "the same object in memory, they always agree: read them before you load.",
        ),
        Mistake(
            "one-object",
            find="checkpoint_class(folder).save(net)",
            put="checkpoint_class = (lambda kept: lambda _: kept)(checkpoint_class(folder)); "
            "checkpoint_class(folder).save(net)",
            says="You load with the object that saved. It may remember what no file holds: another process "
            "makes another object.",
        ),
    ),
    hints=(
        "Slots, schedule and streams cannot be seen in the weights that were kept, only in what the next "
        "steps do. Which two nets have to make the same steps?",
        "Train, save, train on and note the weights. Then load with a new checkpoint object, as another "
        "process would, make as many steps, and compare all weights exactly.",
    ),
    why="Whatever a checkpoint forgets, a step depends on it, or it would not matter: so the steps are "
    "compared, not the contents of files. Exactly, since any tolerance hides what is small at first. The "
    "weights are noted before the second net is loaded, and by another object, so that "
    "nothing in memory stands in for a file.",
)

EXAMS = (CHECKPOINT, GOES_ON)
