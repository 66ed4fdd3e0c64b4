"""Exams of lesson 01's layers: a dense layer that computes, and one that keeps the whole contract."""

import copy
import json

import keras
import numpy as np

from utils.gradients import backpropagate

from ._exam import Exam, Mistake, see
from ._oracle import beside_keras, compiled, normal, outcome, reloaded, weight

KERAS = keras.layers.Dense


# --- Both layers ------------------------------------------------------------------------------------


def _everywhere(values):
    """Initial values in words: random ones are never the same twice, so no mistake would match."""
    values = np.unique(np.array(values))
    return f"{values[0]:g} everywhere" if len(values) == 1 else "different numbers"


def _roles(layer):
    """The trainable weights by the part they play, "kernel" or "bias", however they are called."""
    roles = {id(weight(layer, role)): role for role in ("kernel", "bias")}
    return [roles.get(id(each), each.name) for each in layer.trainable_weights]


def build_makes_kernel_and_bias(candidate):
    """`build` makes a kernel, a row a feature and a column a unit, and a bias of one number a unit."""
    layer = candidate(4)
    layer.build((5, 3))
    given = "inputs of shape (5, 3) and 4 units"
    kernel, bias = weight(layer, "kernel"), weight(layer, "bias")
    yield see("kernel", np.zeros(kernel.shape), np.zeros((3, 4)), given)
    yield see("bias", np.zeros(bias.shape), np.zeros(4), given)
    yield see("initial bias", _everywhere(bias), "0 everywhere", given)
    yield see("list of trainable weights", sorted(_roles(layer)), ["bias", "kernel"], given)


def kernel_starts_with_glorot_uniform(candidate):
    """The kernel starts as "glorot_uniform" draws it: even up to sqrt(6 / (features + units))."""
    for features, units in ((300, 200), (800, 100)):
        layer = candidate(units)
        layer.build((None, features))
        kernel, limit = np.array(weight(layer, "kernel")), np.sqrt(6 / (features + units))
        size, spread = np.abs(kernel).mean(), kernel.std()
        given = f"{features} features and {units} units"
        yield see("initial kernel's mean size", size, limit / 2, given, tolerance=0.02)
        right = limit / np.sqrt(3)
        yield see("initial kernel's standard deviation", spread, right, given, tolerance=0.02)
    other = candidate(units)
    other.build((None, features))
    same = np.array_equal(kernel, weight(other, "kernel"))
    yield see("kernel of a second layer", "the same" if same else "another", "another", given)


def multiplies_and_adds(candidate):
    """`inputs @ kernel + bias`, worked by hand: [1, 2] gives [11, 22, 41]."""
    layer = candidate(3)
    layer.build((None, 2))
    weight(layer, "kernel").assign([[1, 0, 3], [0, 1, 4]])
    weight(layer, "bias").assign([10, 20, 30])
    given = "kernel [[1, 0, 3], [0, 1, 4]] and bias [10, 20, 30]"
    yield see("output for [[1, 2]]", layer(np.array([[1, 2]], "float32")), [[11, 22, 41]], given)


def takes_any_number_of_examples(candidate):
    """The same weights serve a batch of any size, and each example is computed for itself."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), units=3)
    for size in (1, 3, 7):
        inputs = normal(size, 3, seed=size)
        yield see(
            "output", layer(inputs), right(inputs), f"a batch of {size}, 3 features and 3 units"
        )


def _gradients_beside_keras(candidate, shape, given, **arguments):
    """What a layer and Keras's hand back for the same inputs, of `shape`, and the same weights."""
    layer, right = beside_keras(candidate, KERAS, (None, *shape[1:]), units=2, **arguments)
    inputs, arriving = normal(*shape), normal(*shape[:-1], 2, seed=5)
    received, received_weights = backpropagate(layer, inputs, arriving)
    expected, expected_weights = backpropagate(right, inputs, arriving)
    yield see("gradient with respect to the inputs", received, expected, given)
    places = [id(each) for each in layer.trainable_weights]
    for theirs, gradient in zip(right.trainable_weights, expected_weights, strict=True):
        place = places.index(id(weight(layer, theirs.name)))
        yield see(f"gradient of the {theirs.name}", received_weights[place], gradient, given)


def learns_like_keras(candidate):
    """Gradients reach the inputs, the kernel and the bias, and are those of Keras."""
    yield from _gradients_beside_keras(candidate, (5, 3), "inputs of shape (5, 3)")


def works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, where inputs are symbols and the batch size is unknown, it computes the same."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), units=2)
    inputs = normal(4, 3)
    yield see("output", compiled(layer, inputs), right(inputs), "inputs of shape (None, 3)")


# --- Dense ------------------------------------------------------------------------------------------


def weights_come_from_their_initializers(candidate):
    """Kernel and bias start as the initializers say that were given for them."""
    constant = keras.initializers.Constant
    layer = candidate(4, kernel_initializer=constant(2.0), bias_initializer=constant(3.0))
    layer.build((None, 3))
    given = "kernel_initializer=Constant(2), bias_initializer=Constant(3)"
    yield see("initial kernel", _everywhere(weight(layer, "kernel")), "2 everywhere", given)
    yield see("initial bias", _everywhere(weight(layer, "bias")), "3 everywhere", given)


def activation_comes_last(candidate):
    """The activation, a name or a function, is applied once, after the bias."""
    inputs = normal(6, 3, scale=0.3)
    for activation in ("relu", "sigmoid", keras.ops.square):
        layer, right = beside_keras(candidate, KERAS, (None, 3), units=4, activation=activation)
        name = getattr(activation, "__name__", activation)
        yield see("output", layer(inputs - 0.5), right(inputs - 0.5), f"activation {name}")


def goes_without_a_bias(candidate):
    """With `use_bias=False` there is no bias variable, and nothing is added."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), units=4, use_bias=False)
    yield see("number of weights", len(layer.weights), 1, "use_bias=False")
    inputs = normal(5, 3)
    yield see("output", layer(inputs), right(inputs), "use_bias=False")


def takes_any_rank(candidate):
    """Only the last axis is multiplied; all others stay, however many there are."""
    for shape in ((2, 5, 3), (2, 3, 4, 5)):
        layer, right = beside_keras(candidate, KERAS, shape, units=4)
        inputs = normal(*shape)
        yield see("output", layer(inputs), right(inputs), f"inputs of shape {shape} and 4 units")


def learns_in_every_setting(candidate):
    """With an activation, without a bias and at any rank, the gradients are those of Keras."""
    settings = (
        ((5, 3), {"activation": "tanh"}),
        ((2, 4, 3), {"activation": "sigmoid"}),
        ((2, 4, 3), {"activation": "tanh", "use_bias": False}),
    )
    for shape, arguments in settings:
        said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        given = f"inputs of shape {shape} and {said}"
        yield from _gradients_beside_keras(candidate, shape, given, **arguments)


def compiles_in_every_setting(candidate):
    """Inside `tf.function` it also does without a bias, with an activation, at any rank."""
    arguments = {"units": 2, "activation": "tanh", "use_bias": False}
    layer, right = beside_keras(candidate, KERAS, (None, None, 3), **arguments)
    inputs = normal(2, 4, 3)
    given = "inputs of shape (None, None, 3), activation='tanh' and use_bias=False"
    yield see("output", compiled(layer, inputs), right(inputs), given)


def knows_its_output_shape(candidate):
    """`compute_output_shape` says what will come out, unknown sizes as None."""
    for shape, right in (((None, 3), (None, 4)), ((None, 7, 5, 3), (None, 7, 5, 4))):
        received = candidate(4).compute_output_shape(shape)
        received = tuple(received) if isinstance(received, list) else received
        yield see("output shape", str(received), str(right), f"input shape {shape} and 4 units")


def passes_masks_on(candidate):
    """The layer supports masking: the mask of its inputs reaches the next layer."""
    yield see("supports_masking", candidate(2).supports_masking, True)
    layer, right = beside_keras(candidate, KERAS, (None, 4, 3), units=2)
    inputs = normal(2, 4, 3)
    inputs[:, 2:] = 0
    masked = keras.layers.Masking()(inputs)
    average = keras.layers.GlobalAveragePooling1D()  # leaves out what the mask leaves out
    given = "a Masking layer before and an average after it, two of four positions masked"
    yield see("average", average(layer(masked)), average(right(masked)), given)


def refuses_what_cannot_be(candidate):
    """`units` that are no positive integer, and inputs of one axis, are refused with a ValueError."""
    for units in (0, -1, 2.5, "3"):
        call = outcome(lambda units=units: candidate(units))
        yield see("constructor", call, "ValueError", f"units={units!r}")
    yield see("constructor", outcome(lambda: candidate(1)), "no error", "units=1")
    call = outcome(lambda: candidate(2)(normal(3)))
    yield see("call", call, "ValueError", "inputs of shape (3,)")


def _meaning(key, value):
    """What a value in a config stands for; a name, an object's config and a text may mean the same."""
    if key == "activation":
        return keras.activations.get(value).__name__
    if key.endswith("initializer"):
        initializer = keras.initializers.get(value)
        return type(initializer).__name__, initializer and initializer.get_config()
    return value


def _is_plain(value):
    return outcome(lambda: json.dumps(value)) == "no error"


def config_makes_it_again(candidate):
    """`get_config` holds every argument as plain values; `from_config` makes the same layer again."""
    arguments = {
        "units": 5,
        "activation": "relu",
        "use_bias": False,
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.3),
        "bias_initializer": "ones",
        "name": "mine",
    }
    given = "another value than the default for every argument"
    right = {key: _meaning(key, value) for key, value in arguments.items()}
    layer = candidate(**arguments, dtype="mixed_float16", trainable=False)
    config = layer.get_config()
    if not isinstance(config, dict):
        yield see("result of get_config", config, "a dictionary", given)
        return
    missing = [key for key in arguments if key not in config]
    yield see("list of what get_config lacks", missing, [], given)
    bare = [key for key, value in config.items() if not _is_plain(value)]
    yield see("list of what no file can hold", bare, [], given)
    again = candidate.from_config(copy.deepcopy(config))
    received = again.get_config()
    received = {key: _meaning(key, received.get(key)) for key in arguments}
    yield see("config after from_config", received, right, given)
    yield see("`trainable` after from_config", again.trainable, False, "trainable=False")
    policy = again.dtype_policy.name
    yield see("dtype after from_config", policy, "mixed_float16", "dtype='mixed_float16'")


def config_is_its_own(candidate):
    """`get_config` says the same each time, and another layer's config does not change it."""
    layer = candidate(5, activation="relu", kernel_initializer="he_normal")
    first = layer.get_config()
    before = dict(first)

    def changed(config):
        return [key for key in {**before, **config} if config.get(key) != before.get(key)]

    candidate(3, use_bias=False, bias_initializer="ones").get_config()
    given = "a config made before that of another layer"
    yield see("list of what has changed", changed(first), [], given)
    given = "the second call of get_config"
    yield see("list of what has changed", changed(layer.get_config()), [], given)


def survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    arguments = {"units": 4, "activation": "tanh", "bias_initializer": "ones"}
    layer, _ = beside_keras(candidate, KERAS, (None, 3), **arguments)
    inputs = normal(5, 3, scale=0.1)
    given = "a model with this layer, saved and loaded"
    received = reloaded(layer, (None, 3))(inputs)
    yield see("output", received, layer(inputs), given, tolerance=0)


def computes_in_its_own_precision(candidate):
    """Under mixed precision the weights stay float32 and the outputs are float16."""
    layer, right = beside_keras(candidate, KERAS, (None, 3), units=4, dtype="mixed_float16")
    inputs = normal(5, 3).astype("float16")
    received, given = layer(inputs), "dtype='mixed_float16'"
    yield see("output", received, right(inputs), given, tolerance=2e-3)
    dtype = keras.backend.standardize_dtype(received.dtype)
    yield see("dtype of the output", dtype, "float16", given)
    yield see("dtype of the kernel", weight(layer, "kernel").dtype, "float32", given)


KERNEL_OF_FORWARD = (
    "self.add_weight(\n"
    '            name="kernel", shape=(features, self.units), initializer="glorot_uniform"\n'
    "        )"
)
NOT_NUMPY = (
    "You compute with NumPy inside `call`. No gradient comes through it, and inside `fit` there is "
    "nothing to compute with yet. `ops.matmul` does the same for tensors."
)
BATCH_AXIS = (
    "You read the number of features from the first axis of `input_shape`. That is the batch; the "
    "features are the last axis."
)
IN_EITHER_BUILD = (  # the line stands in both classes
    Mistake(
        "bias-shape-number",
        find="shape=(self.units,)",
        put="shape=self.units",
        says="You give a number for the bias's shape. A shape is a tuple, and a tuple of one is "
        "written with a comma: `(self.units,)`.",
    ),
    Mistake(
        "bias-of-two-axes",
        find="shape=(self.units,)",
        put="shape=(1, self.units)",
        says="Your bias is a matrix of one row. It is a vector: its shape is `(self.units,)`.",
    ),
    Mistake(
        "weight-not-kept",
        find="self.kernel = self.add_weight(",
        put="kernel = self.add_weight(",
        says="`call` does not find a weight that `build` makes. Keep it on the layer, under the same name in "
        "both: `self.kernel = self.add_weight(…)`.",
    ),
)
TRANSPOSED = (
    "Your kernel is transposed: (units, features). Keras keeps a row for each feature and a column "
    "for each unit: (features, units)."
)

FORWARD = Exam(
    name="DenseForward",
    block="layers",
    probes=(
        build_makes_kernel_and_bias,
        kernel_starts_with_glorot_uniform,
        multiplies_and_adds,
        takes_any_number_of_examples,
        learns_like_keras,
        works_inside_a_compiled_function,
    ),
    mistakes=(
        Mistake(
            "kernel-transposed",
            find="shape=(features, self.units)",
            put="shape=(self.units, features)",
            says=TRANSPOSED,
        ),
        Mistake(
            "features-from-the-batch-axis",
            find="features = input_shape[-1]",
            put="features = input_shape[0]",
            says=BATCH_AXIS,
        ),
        Mistake(
            "bias-per-feature",
            find="shape=(self.units,)",
            put="shape=(features,)",
            says="Your bias has a number for each feature. It is added to the outputs: one for each "
            "unit.",
        ),
        Mistake(
            "bias-per-weight",
            find="shape=(self.units,)",
            put="shape=(features, self.units)",
            says="Your bias has the shape of the kernel. It is a vector: one number for each unit.",
        ),
        Mistake(
            "bias-starts-at-one",
            find='initializer="zeros"',
            put='initializer="ones"',
            says="Your bias starts at 1. It starts at 0.",
        ),
        Mistake(
            "bias-missing",
            find="self.kernel) + self.bias",
            put="self.kernel)",
            says="The bias has no effect: add it to the product.",
        ),
        Mistake(
            "bias-subtracted",
            find="self.kernel) + self.bias",
            put="self.kernel) - self.bias",
            says="You subtract the bias. Add it.",
        ),
        Mistake(
            "bias-added-first",
            find="ops.matmul(inputs, self.kernel) + self.bias",
            put="ops.matmul(inputs + ops.mean(self.bias), self.kernel)",
            says="You add the bias to the inputs. Multiply first, then add it to the product.",
        ),
        Mistake(
            "kernel-starts-at-zero",
            find='initializer="glorot_uniform"',
            put='initializer="zeros"',
            says="Your kernel starts at 0: all units compute the same and would learn the same. "
            'Start it with "glorot_uniform".',
        ),
        Mistake(
            "kernel-normal",
            find='initializer="glorot_uniform"',
            put='initializer="random_normal"',
            says='Your kernel starts with "random_normal", whose spread is 0.05 for any size. '
            '"glorot_uniform" fits it to the number of features and units.',
        ),
        Mistake(
            "kernel-glorot-normal",
            find='initializer="glorot_uniform"',
            put='initializer="glorot_normal"',
            says='Your kernel starts with "glorot_normal". The exercise, like Keras, starts with '
            '"glorot_uniform".',
        ),
        Mistake(
            "kernel-not-registered",
            find=KERNEL_OF_FORWARD,
            put="keras.random.uniform((features, self.units), -0.1, 0.1)",
            says="Keras does not know of your kernel, so it would never be trained or saved. Make it "
            "with `self.add_weight`.",
        ),
        Mistake(
            "kernel-frozen",
            find='initializer="glorot_uniform"',
            put='initializer="glorot_uniform", trainable=False',
            says="Your kernel is not trainable: leave `trainable=False` away.",
        ),
        Mistake(
            "factors-swapped",
            find="ops.matmul(inputs, self.kernel)",
            put="ops.matmul(self.kernel, inputs)",
            says="You multiply the kernel by the inputs. The inputs come first: (batch, features) @ "
            "(features, units).",
        ),
        *IN_EITHER_BUILD,
        Mistake(
            "relu-added",
            find="ops.matmul(inputs, self.kernel) + self.bias",
            put="ops.relu(ops.matmul(inputs, self.kernel) + self.bias)",
            says="You apply ReLU. This layer has no activation: return the sum as it is.",
        ),
        Mistake(
            "one-seed",
            find='initializer="glorot_uniform"',
            put="initializer=keras.initializers.GlorotUniform(seed=0)",
            says="Your kernel starts from a fixed seed: all layers of one size would be the same. "
            'Say "glorot_uniform".',
        ),
        Mistake(
            "one-limit",
            find='initializer="glorot_uniform"',
            put="initializer=keras.initializers.RandomUniform(-np.sqrt(6 / 500), np.sqrt(6 / 500))",
            says='Your kernel starts within the same limit at any size. "glorot_uniform" fits it to '
            "the number of features and units.",
        ),
        Mistake(
            "numpy",
            find="ops.matmul(inputs, self.kernel)",
            put="np.matmul(inputs, self.kernel)",
            says=NOT_NUMPY,
        ),
    ),
    hints=(
        "Which shape must the kernel have, so that (batch, features) @ kernel is (batch, units)? The "
        "bias is added to every row of that product.",
        "`input_shape[-1]` is the number of features, `self.units` the number of units. `add_weight` "
        "returns the variable; keep it as `self.kernel` or `self.bias`.",
        "In `build`: two calls of `self.add_weight`, with the shapes (features, units) and (units,). In "
        "`call`: the matrix product of inputs and kernel, plus the bias, returned.",
    ),
    why="`build` runs once, at the first input, and is the only place where the number of features is "
    "known. The bias broadcasts: `(batch, units) + (units,)` adds it to every row. `ops.matmul` works "
    "on every backend, and in compiled functions as well as on plain arrays.",
)

SERIALIZED = (
    "activation=keras.activations.serialize(self.activation),\n"
    "            use_bias=self.use_bias,\n"
    "            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),\n"
    "            bias_initializer=keras.initializers.serialize(self.bias_initializer),\n"
)

DENSE = Exam(
    name="Dense",
    block="layers",
    probes=(
        build_makes_kernel_and_bias,
        kernel_starts_with_glorot_uniform,
        weights_come_from_their_initializers,
        multiplies_and_adds,
        takes_any_number_of_examples,
        activation_comes_last,
        goes_without_a_bias,
        takes_any_rank,
        knows_its_output_shape,
        passes_masks_on,
        refuses_what_cannot_be,
        learns_like_keras,
        learns_in_every_setting,
        works_inside_a_compiled_function,
        compiles_in_every_setting,
        computes_in_its_own_precision,
        config_makes_it_again,
        config_is_its_own,
        survives_a_file,
    ),
    mistakes=(
        Mistake(
            "kernel-transposed",
            find="shape=(input_shape[-1], self.units)",
            put="shape=(self.units, input_shape[-1])",
            says=TRANSPOSED,
        ),
        Mistake(
            "features-from-the-batch-axis",
            find="shape=(input_shape[-1], self.units)",
            put="shape=(input_shape[0], self.units)",
            says=BATCH_AXIS,
        ),
        Mistake(
            "features-from-the-second-axis",
            find="shape=(input_shape[-1], self.units)",
            put="shape=(input_shape[1], self.units)",
            says="You read the number of features from axis 1. With more than two axes they are "
            "elsewhere: always in the last one, `input_shape[-1]`.",
        ),
        Mistake(
            "bias-per-feature",
            find="shape=(self.units,)",
            put="shape=(input_shape[-1],)",
            says="Your bias has a number for each feature. It is added to the outputs: one for each "
            "unit.",
        ),
        Mistake(
            "kernel-initializer-ignored",
            find="initializer=self.kernel_initializer,",
            put='initializer="glorot_uniform",',
            says="`kernel_initializer` has no effect: start the kernel with `self.kernel_initializer`.",
        ),
        Mistake(
            "bias-initializer-ignored",
            find="initializer=self.bias_initializer",
            put='initializer="zeros"',
            says="`bias_initializer` has no effect: start the bias with `self.bias_initializer`.",
        ),
        Mistake(
            "initializers-swapped",
            find="initializer=self.bias_initializer",
            put="initializer=self.kernel_initializer",
            says="Your bias starts with the kernel's initializer. It has one of its own.",
        ),
        Mistake(
            "bias-missing",
            find="outputs = outputs + self.bias",
            put="pass",
            says="The bias has no effect: add it to the product.",
        ),
        Mistake(
            "bias-made-but-not-used",
            find="if self.use_bias:\n            self.bias = self.add_weight(",
            put="if True:\n            self.bias = self.add_weight(",
            says="You make a bias even with `use_bias=False`. It would be counted and saved: make none.",
        ),
        Mistake(
            "use-bias-ignored",
            find="if self.use_bias:\n            outputs",
            put="if True:\n            outputs",
            says="You add the bias even with `use_bias=False`, where there is none.",
        ),
        Mistake(
            "activation-missing",
            find="return self.activation(outputs)",
            put="return outputs",
            says="The activation has no effect: return `self.activation` of the sum.",
        ),
        Mistake(
            "activation-before-bias",
            find="if self.use_bias:\n            outputs = outputs + self.bias\n"
            "        return self.activation(outputs)",
            put="outputs = self.activation(outputs)\n        if self.use_bias:\n"
            "            outputs = outputs + self.bias\n        return outputs",
            says="You apply the activation before the bias is added. It comes last.",
        ),
        Mistake(
            "activation-twice",
            find="return self.activation(outputs)",
            put="return self.activation(self.activation(outputs))",
            says="You apply the activation twice. Once is enough.",
        ),
        Mistake(
            "relu-always",
            find="return self.activation(outputs)",
            put="return ops.relu(outputs)",
            says="You apply ReLU whatever `activation` is. Apply `self.activation`.",
        ),
        *IN_EITHER_BUILD,
        Mistake(
            "bias-not-kept",
            find="            self.bias = self.add_weight(",
            put="            bias = self.add_weight(",
            says="You make a bias and do not keep it: `self.bias = self.add_weight(…)`.",
        ),
        Mistake(
            "numpy",
            find="ops.matmul(inputs, self.kernel)",
            put="np.matmul(inputs, self.kernel)",
            says=NOT_NUMPY,
        ),
        Mistake(
            "output-shape-of-two-axes",
            find="return (*input_shape[:-1], self.units)",
            put="return (input_shape[0], self.units)",
            says="Your output shape always has two axes. Keep all axes of the input shape but the last.",
        ),
        Mistake(
            "output-shape-of-the-input",
            find="return (*input_shape[:-1], self.units)",
            put="return input_shape",
            says="Your output shape is the input shape. Its last axis becomes `units`.",
        ),
        Mistake(
            "output-shape-appended",
            find="return (*input_shape[:-1], self.units)",
            put="return (*input_shape, self.units)",
            says="Your output shape has an axis too many: `units` takes the place of the last axis.",
        ),
        Mistake(
            "output-shape-number",
            find="return (*input_shape[:-1], self.units)",
            put="return self.units",
            says="Your output shape is a number. It is a tuple of all axes: those of the input shape, "
            "with `units` for the last.",
        ),
        Mistake(
            "output-shape-plus-number",
            find="return (*input_shape[:-1], self.units)",
            put="return input_shape[:-1] + self.units",
            says="`input_shape[:-1]` is a tuple and `self.units` a number, and they cannot be added. A "
            "tuple of one is written with a comma: `(self.units,)`.",
        ),
        Mistake(
            "output-shape-nested",
            find="return (*input_shape[:-1], self.units)",
            put="return (input_shape[:-1], self.units)",
            says="Your output shape holds a tuple inside a tuple. Add the two: `input_shape[:-1] + "
            "(self.units,)`.",
        ),
        Mistake(
            "config-none",
            find="return config",
            put="return None",
            says="`get_config` returns None: is its `return` missing? If it ends in `config = "
            "config.update(…)`: `update` changes the dictionary and itself returns None.",
        ),
        Mistake(
            "config-without-base",
            find="config = super().get_config()",
            put="config = {}",
            says="Your config lacks what the base class knows: name, dtype, trainable. Begin with "
            "`super().get_config()`.",
        ),
        Mistake(
            "config-only-base",
            find="config.update(",
            put="dict(",
            says="Your config holds only what the base class knows. Add every argument of `__init__`.",
        ),
        Mistake(
            "config-without-units",
            find="            units=self.units,\n",
            put="",
            says="`units` is missing from your config: without it the layer cannot be made again.",
        ),
        Mistake(
            "config-without-activation",
            find="            activation=keras.activations.serialize(self.activation),\n",
            put="",
            says="`activation` is missing from your config: a loaded layer would have none.",
        ),
        Mistake(
            "config-without-use-bias",
            find="            use_bias=self.use_bias,\n",
            put="",
            says="`use_bias` is missing from your config: a loaded layer would always have a bias.",
        ),
        Mistake(
            "config-without-initializers",
            find="            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),\n"
            "            bias_initializer=keras.initializers.serialize(self.bias_initializer),\n",
            put="",
            says="The initializers are missing from your config: a copy of the layer would start "
            "otherwise.",
        ),
        Mistake(
            "config-holds-a-function",
            find="keras.activations.serialize(self.activation)",
            put="self.activation",
            says="Your config holds the activation as a function. A file cannot: write "
            "`keras.activations.serialize(self.activation)`.",
        ),
        Mistake(
            "config-holds-objects",
            find=SERIALIZED,
            put="activation=self.activation,\n            use_bias=self.use_bias,\n"
            "            kernel_initializer=self.kernel_initializer,\n"
            "            bias_initializer=self.bias_initializer,\n",
            says="Your config holds the activation and the initializers as objects. A file cannot: "
            "write `keras.activations.serialize(…)` and `keras.initializers.serialize(…)`.",
        ),
        Mistake(
            "config-holds-initializers",
            find=SERIALIZED,
            put="activation=keras.activations.serialize(self.activation),\n"
            "            use_bias=self.use_bias,\n"
            "            kernel_initializer=self.kernel_initializer,\n"
            "            bias_initializer=self.bias_initializer,\n",
            says="Your config holds both initializers as objects. A file cannot: write "
            "`keras.initializers.serialize(…)`.",
        ),
        Mistake(
            "config-holds-an-initializer",
            find="keras.initializers.serialize(self.kernel_initializer)",
            put="self.kernel_initializer",
            says="Your config holds an initializer as an object. A file cannot: write "
            "`keras.initializers.serialize(…)`.",
        ),
    ),
    hints=(
        "`build` and `call` are those of `DenseForward` with two changes each: where the weights "
        "start, and whether there is a bias. The activation is a function, ready to be called.",
        "A shape is a tuple: `input_shape[:-1]` is all of it but the last size, and a tuple of one is "
        "written `(self.units,)`. `ops.matmul` takes inputs of any rank as they are.",
        "`get_config`: take the dictionary of `super().get_config()`, add `units` and `use_bias` as "
        "they are, the activation through `keras.activations.serialize` and both initializers through "
        "`keras.initializers.serialize`, and return it.",
    ),
    why="`__init__` turns names into objects once, so that `build` and `call` need not ask what they "
    "were given, and `get_config` turns them back into plain values. Only `build` looks at the last "
    "axis, so the layer takes any rank. Keras's own `Dense` has the same weights under the same names, "
    "and beyond these arguments it takes regularizers and constraints.",
)

EXAMS = (FORWARD, DENSE)
