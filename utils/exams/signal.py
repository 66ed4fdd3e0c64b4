"""Exams of lesson 02: the signal layer by layer, the gradient layer by layer, and the initial scale."""

import keras
import numpy as np

from utils.quiet import tensorflow as tf

from ._exam import Exam, Mistake, see
from ._oracle import normal, outcome


def _net(*hidden: int, activation: str = "tanh", use_bias: bool = True) -> keras.Sequential:
    """Dense layers of these sizes for three features, with random weights, the last without activation."""
    layers = [keras.layers.Dense(n, activation=activation, use_bias=use_bias) for n in hidden[:-1]]
    last = keras.layers.Dense(hidden[-1], use_bias=use_bias)
    net = keras.Sequential([keras.Input((3,)), *layers, last])
    for place, weight in enumerate(net.weights):
        weight.assign(normal(*weight.shape, seed=place, mean=0.2, scale=0.7))
    return net


def _kind(received):
    """What came back, in words: an array or a tensor is as good as the other, a list is not."""
    return "an array" if hasattr(received, "shape") else f"a {type(received).__name__}"


def _largest_change(net, before):
    """How far the weight that moved most has moved."""
    return max(np.abs(np.array(w) - b).max() for w, b in zip(net.weights, before, strict=True))


# --- activation_statistics --------------------------------------------------------------------------


def reads_a_single_layer(activation_statistics):
    """One layer, one row: outputs 1, 3 and 8 have mean 4 and standard deviation sqrt(26 / 3)."""
    net = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
    received = activation_statistics(net, np.array([[1.0], [3.0], [8.0]], "float32"))
    yield see("array of statistics", received, [[4.0, np.sqrt(26 / 3)]], "outputs 1, 3 and 8")


def reads_layer_after_layer(activation_statistics):
    """Each layer gets what the one before gives out; layers without weights count as well."""
    relu = keras.layers.Activation("relu")
    net = keras.Sequential([keras.Input((2,)), relu, keras.layers.Rescaling(2.0, offset=1.0)])
    inputs = np.array([[-1.0, 1.0], [2.0, 4.0]], "float32")
    outputs = np.array([0.0, 1.0, 2.0, 4.0])
    right = [[outputs.mean(), outputs.std()], [2 * outputs.mean() + 1, 2 * outputs.std()]]
    received = activation_statistics(net, inputs)
    yield see("array of statistics", received, right, "layers ReLU and 2 * x + 1")


def reads_dense_layers(activation_statistics):
    """A row for each layer, from the first to the last: its mean, then its standard deviation."""
    net, inputs = _net(5, 4, 2), normal(7, 3, mean=0.5)
    signal, right = inputs.astype("float64"), []
    for layer in net.layers:
        kernel, bias = layer.get_weights()
        signal = signal @ kernel + bias
        signal = signal if layer is net.layers[-1] else np.tanh(signal)
        right.append([signal.mean(), signal.std()])
    given, received = "three dense layers and a batch of 7", activation_statistics(net, inputs)
    yield see("array of statistics", received, right, given, tolerance=1e-4)


def reads_without_training(activation_statistics):
    """Layers that differ in training run as in inference, without `training=True`."""
    normalization = keras.layers.BatchNormalization(epsilon=1.0)  # inference: x / sqrt(2), at first
    net = keras.Sequential([keras.Input((1,)), normalization])
    outputs = np.array([[1.0], [3.0], [8.0]]) / np.sqrt(2)
    received = activation_statistics(net, np.array([[1.0], [3.0], [8.0]], "float32"))
    right = [[outputs.mean(), outputs.std()]]
    yield see("array of statistics", received, right, "a layer of batch normalization")


def reads_and_changes_nothing(activation_statistics):
    """Measuring changes no weight, and what comes back is an array."""
    net = _net(5, 4, 2)
    before = net.get_weights()
    received = activation_statistics(net, normal(7, 3))
    yield see("largest change of a weight", _largest_change(net, before), 0.0)
    yield see("result", _kind(received), "an array")


READ = "inputs = layer(inputs)\n        statistics.append((ops.mean(inputs), ops.std(inputs)))"

STATISTICS = Exam(
    name="activation_statistics",
    block="diagnostics",
    probes=(
        reads_a_single_layer,
        reads_layer_after_layer,
        reads_dense_layers,
        reads_without_training,
        reads_and_changes_nothing,
    ),
    mistakes=(
        Mistake(
            "variance",
            find="ops.std(inputs)",
            put="ops.var(inputs)",
            says="Your second column is the variance. Take its root, the standard deviation.",
        ),
        Mistake(
            "swapped",
            find="(ops.mean(inputs), ops.std(inputs))",
            put="(ops.std(inputs), ops.mean(inputs))",
            says="Your columns have changed places: the mean comes first.",
        ),
        Mistake(
            "before-the-layer",
            find=READ,
            put="statistics.append((ops.mean(inputs), ops.std(inputs)))\n        inputs = layer(inputs)",
            says="You look at what goes into each layer. Look at what comes out.",
        ),
        Mistake(
            "always-the-output",
            find=READ,
            put="outputs = model(inputs)\n"
            "        statistics.append((ops.mean(outputs), ops.std(outputs)))",
            says="All your rows are those of the model's output. Call the layers one by one.",
        ),
        Mistake(
            "mean-absolute",
            find="(ops.mean(inputs),",
            put="(ops.mean(ops.abs(inputs)),",
            says="Your first column is the mean of the absolute values. Leave `abs` away.",
        ),
        Mistake(
            "root-mean-square",
            find="ops.std(inputs)",
            put="ops.sqrt(ops.mean(ops.square(inputs)))",
            says="Your second column is the root of the mean square. The standard deviation measures "
            "from the mean.",
        ),
        Mistake(
            "per-unit",
            find="ops.std(inputs)",
            put="ops.mean(ops.std(inputs, axis=0))",
            says="You take the standard deviation of each unit and average those. Take it over all "
            "numbers of the layer at once.",
        ),
        Mistake(
            "per-example",
            find="ops.std(inputs)",
            put="ops.mean(ops.std(inputs, axis=-1))",
            says="You take the standard deviation within each example and average those. Take it over "
            "all numbers of the layer at once.",
        ),
        Mistake(
            "last-layer-missing",
            find="model.layers",
            put="model.layers[:-1]",
            says="The last layer is missing.",
        ),
        Mistake(
            "transposed",
            find="return np.array(statistics)",
            put="return np.array(statistics).T",
            says="Your array is transposed: a row for each layer, a column for each statistic.",
        ),
        Mistake(
            "not-handed-on",
            find=READ,
            put="outputs = layer(inputs)\n"
            "        statistics.append((ops.mean(outputs), ops.std(outputs)))",
            says="You give every layer the model's inputs. Each one gets the output of the one before: "
            "`inputs = layer(inputs)`.",
        ),
        Mistake(
            "return-in-the-loop",
            find="\n    return np.array(statistics)",
            put="\n        return np.array(statistics)",
            says="You return inside the loop, after the first layer. Move `return` out of it.",
        ),
        Mistake(
            "axis-0",
            find="(ops.mean(inputs), ops.std(inputs))",
            put="(ops.mean(inputs, axis=0), ops.std(inputs, axis=0))",
            says="With `axis=0` you get a number for each unit. Leave it away: one mean and one "
            "standard deviation over all numbers of the layer.",
        ),
        Mistake(
            "axis-1",
            find="(ops.mean(inputs), ops.std(inputs))",
            put="(ops.mean(inputs, axis=-1), ops.std(inputs, axis=-1))",
            says="With an `axis` you get a number for each example. Leave it away: one mean and one "
            "standard deviation over all numbers of the layer.",
        ),
        Mistake(
            "training",
            find="layer(inputs)",
            put="layer(inputs, training=True)",
            says="You run the layers with `training=True`: dropout drops and batch normalization takes "
            "the batch's statistics. Leave it away.",
        ),
        Mistake(
            "list",
            find="return np.array(statistics)",
            put="return statistics",
            says="You return a list. Wrap it in `np.array(…)`: the lesson takes columns out of it.",
        ),
    ),
    hints=(
        "A `Sequential` model keeps its layers, in their order, in `model.layers`.",
        "The output of one layer is the input of the next: one variable that changes in the loop will do.",
        "In the loop call the layer, then append the pair of `ops.mean` and `ops.std` of what came out. "
        "At the end make an array of the list.",
    ),
    why="A `Sequential` model is its layers, one after the other, so a loop over them is the model with "
    "a place to look in. The statistics are over batch and units together; what that hides is a "
    "question of its own, at the end of the lesson.",
)


# --- gradient_norms ---------------------------------------------------------------------------------


def _right_norms(net, inputs, labels):
    kernels = [layer.kernel.value for layer in net.layers if hasattr(layer, "kernel")]
    with tf.GradientTape() as tape:
        log_probabilities = tf.nn.log_softmax(net(inputs))
        loss = -tf.reduce_mean(tf.gather(log_probabilities, labels, axis=1, batch_dims=1))
    return [np.sqrt(np.sum(np.square(g))) for g in tape.gradient(loss, kernels)]


def one_layer_by_hand(gradient_norms):
    """For one layer the gradient is inputs.T @ (probabilities - one_hot) / batch."""
    net, inputs, labels = _net(4), normal(6, 3, seed=1), np.array([0, 1, 2, 3, 0, 1])
    kernel, bias = net.get_weights()
    logits = (inputs @ kernel + bias).astype("float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = np.linalg.norm(inputs.T @ (probabilities - np.eye(4)[labels]) / 6)
    given = "one dense layer and a batch of 6"
    try:
        received = gradient_norms(net, inputs, labels)
    except Exception as error:
        about = "a gradient that is None" if "None" in str(error) else "something else"
        yield see("error", about, about, given)  # no fault by itself: it tells mistakes apart
        raise
    yield see("array of norms", received, [right], given)


def one_number_for_each_kernel(gradient_norms):
    """A number for each kernel, from the first layer to the last."""
    for hidden in ((5, 4, 3), (2, 6, 6, 5)):
        net, inputs = _net(*hidden), normal(8, 3, seed=2)
        labels = np.arange(8) % hidden[-1]
        right = _right_norms(net, inputs, labels)
        given = f"dense layers of {hidden} units and a batch of 8"
        yield see("array of norms", gradient_norms(net, inputs, labels), right, given)


def passes_over_layers_without_a_kernel(gradient_norms):
    """Layers without a kernel are passed over, and a bias is not a kernel."""
    dense = _net(4, 3, use_bias=False).layers
    net = keras.Sequential([keras.Input((3,)), dense[0], keras.layers.Activation("relu"), dense[1]])
    inputs, labels = normal(5, 3, seed=3), np.array([0, 1, 2, 1, 0])
    right = _right_norms(net, inputs, labels)
    given = "a dense layer, an activation layer and a dense layer, all without bias"
    yield see("array of norms", gradient_norms(net, inputs, labels), right, given)


def leaves_the_model_alone(gradient_norms):
    """Measuring changes no weight, and what comes back is an array."""
    net = _net(5, 4, 3)
    before = net.get_weights()
    received = gradient_norms(net, normal(4, 3), np.array([0, 1, 2, 0]))
    yield see("largest change of a weight", _largest_change(net, before), 0.0)
    yield see("result", _kind(received), "an array")


NORM = "ops.norm(gradient)"
TAPE = (
    "with tf.GradientTape() as tape:\n"
    "        losses = keras.losses.sparse_categorical_crossentropy(\n"
    "            labels, model(inputs), from_logits=True\n"
    "        )"
)

NORMS = Exam(
    name="gradient_norms",
    block="diagnostics",
    probes=(
        one_layer_by_hand,
        one_number_for_each_kernel,
        passes_over_layers_without_a_kernel,
        leaves_the_model_alone,
    ),
    mistakes=(
        Mistake(
            "logits-as-probabilities",
            find="from_logits=True",
            put="from_logits=False",
            says="The loss takes your logits for probabilities. Say `from_logits=True`.",
        ),
        Mistake(
            "summed-loss",
            find="loss = ops.mean(losses)",
            put="loss = ops.sum(losses)",
            says="Your loss is the sum over the batch. Take the mean: else the batch size is in the "
            "gradient.",
        ),
        Mistake(
            "squared-norm",
            find=NORM,
            put="ops.sum(ops.square(gradient))",
            says="You return the sum of squares. The norm is its root.",
        ),
        Mistake(
            "absolute-sum",
            find=NORM,
            put="ops.sum(ops.abs(gradient))",
            says="You add up absolute values. The Euclidean norm is the root of the sum of squares.",
        ),
        Mistake(
            "mean-absolute",
            find=NORM,
            put="ops.mean(ops.abs(gradient))",
            says="You average absolute values. The norm is the root of the sum of squares.",
        ),
        Mistake(
            "root-mean-square",
            find=NORM,
            put="ops.sqrt(ops.mean(ops.square(gradient)))",
            says="You average the squares before the root. The norm adds them up.",
        ),
        Mistake(
            "largest",
            find=NORM,
            put="ops.max(ops.abs(gradient))",
            says="You return the largest entry. The norm is the root of the sum of squares.",
        ),
        Mistake(
            "biases-too",
            find='[layer.kernel for layer in model.layers if hasattr(layer, "kernel")]',
            put="model.trainable_variables",
            says="You measure all trainable variables, biases too. Take the kernels alone.",
        ),
        Mistake(
            "backwards",
            find="in tape.gradient(loss, kernels)]",
            put="in tape.gradient(loss, kernels)[::-1]]",
            says="Your norms run from the last layer to the first. Begin at the input.",
        ),
        Mistake(
            "norms-of-the-weights",
            find="tape.gradient(loss, kernels)",
            put="kernels",
            says="You measure the kernels themselves. Measure the loss's gradient for each.",
        ),
        Mistake(
            "relative",
            find="[ops.norm(gradient) for gradient in tape.gradient(loss, kernels)]",
            put="[ops.norm(g) / ops.norm(k) for g, k in zip(tape.gradient(loss, kernels), kernels)]",
            says="You divide each norm by that of the kernel. Return the gradient's own norm.",
        ),
        Mistake(
            "outside-the-tape",
            find=TAPE,
            put="outputs = model(inputs)\n    " + TAPE.replace("model(inputs)", "outputs"),
            says="The tape saw nothing of the model, and its gradients are None. Call `model(inputs)` "
            "inside the `with` block; `model.predict` leaves no trace there either.",
        ),
        Mistake(
            "logits-first",
            find="labels, model(inputs), from_logits",
            put="model(inputs), labels, from_logits",
            says="The loss takes the labels first, then the logits.",
        ),
        Mistake(
            "every-layer-has-a-kernel",
            find=' if hasattr(layer, "kernel")]',
            put="]",
            says="Not every layer has a kernel: pass over those without one, as "
            '`hasattr(layer, "kernel")` tells.',
        ),
        Mistake(
            "list",
            find=f"np.array([{NORM} for gradient in tape.gradient(loss, kernels)])",
            put=f"[{NORM} for gradient in tape.gradient(loss, kernels)]",
            says="You return a list. Wrap it in `np.array(…)`.",
        ),
    ),
    hints=(
        "Three steps: which variables, the loss under a tape, a norm for each gradient.",
        "`keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)` gives a loss "
        "for each example. Call the model *inside* the `with` block.",
        "`hasattr(layer, ...)` tells the layers with a kernel from the others. After the block, "
        "`tape.gradient` takes the mean loss and the list of kernels and returns a list as long.",
    ),
    why="The tape records only what is computed inside its block, the model's call included. The mean "
    "over the batch makes the numbers comparable between batch sizes. `from_logits=True` matters: "
    "softmax and logarithm taken together do not overflow.",
)


# --- initial_scale ----------------------------------------------------------------------------------


def keeps_a_linear_signal(initial_scale):
    """Without activation, and for tanh: sqrt(1 / fan_in)."""
    for fan_in, right in ((4, 0.5), (100, 0.1), (50, np.sqrt(1 / 50))):
        for activation in ("linear", "tanh"):
            given = f"fan_in={fan_in}, activation={activation!r}"
            yield see("scale", initial_scale(fan_in, activation), right, given)


def makes_up_for_relu(initial_scale):
    """For ReLU: sqrt(2 / fan_in)."""
    for fan_in, right in ((2, 1.0), (200, 0.1), (50, 0.2)):
        given = f"fan_in={fan_in}, activation='relu'"
        yield see("scale", initial_scale(fan_in, "relu"), right, given)


def refuses_other_activations(initial_scale):
    """Other names are refused with a ValueError that says which are known and which one came."""
    for name in ("sigmoid", "leaky_relu", "tan", ""):
        given = f"activation={name!r}"
        returned = []
        call = outcome(lambda name=name, to=returned: to.append(initial_scale(64, name)))
        yield see("call", call, "ValueError", given)
        for result in returned:  # where nothing was raised
            is_error = isinstance(result, Exception)
            yield see(
                "result", "an error" if is_error else result, "an error that is raised", given
            )
    try:
        initial_scale(64, "sigmoid")
    except Exception as error:
        lacks = [word for word in ("linear", "tanh", "relu", "sigmoid") if word not in str(error)]
        yield see("list of what the message lacks", lacks, [], "activation='sigmoid'")


GAINS = 'gains = {"linear": 1.0, "tanh": 1.0, "relu": 2.0}\n    if activation not in gains:'
SCALE = "np.sqrt(gains[activation] / fan_in)"

INITIAL_SCALE = Exam(
    name="initial_scale",
    block="diagnostics",
    probes=(keeps_a_linear_signal, makes_up_for_relu, refuses_other_activations),
    mistakes=(
        Mistake(
            "variance",
            find=SCALE,
            put="gains[activation] / fan_in",
            says="You return the variance. Take the root: the standard deviation is asked for.",
        ),
        Mistake(
            "relu-like-linear",
            find='"relu": 2.0',
            put='"relu": 1.0',
            says="You treat ReLU like no activation. It sets half of the signal to zero: twice the "
            "variance makes up for it.",
        ),
        Mistake(
            "linear-like-relu",
            find='"linear": 1.0, "tanh": 1.0',
            put='"linear": 2.0, "tanh": 2.0',
            says="You use ReLU's factor of 2 for all. It belongs to ReLU alone.",
        ),
        Mistake(
            "tanh-gain",
            find='"tanh": 1.0',
            put='"tanh": 25 / 9',
            says="You use PyTorch's gain of 5/3 for tanh. Here tanh counts as linear: 1 / fan_in.",
        ),
        Mistake(
            "root-of-fan-in-only",
            find=SCALE,
            put="gains[activation] / np.sqrt(fan_in)",
            says="You take the root of `fan_in` alone, so that ReLU gets twice the scale. The factor "
            "belongs under the root too: it is the variance that is doubled.",
        ),
        Mistake(
            "limit-of-uniform",
            find=SCALE,
            put="np.sqrt(3 * gains[activation] / fan_in)",
            says="You return the limit of uniform numbers, which is sqrt(3) times their standard "
            "deviation.",
        ),
        Mistake(
            "upside-down",
            find=SCALE,
            put="np.sqrt(fan_in / gains[activation])",
            says="Your fraction is upside down: the more inputs a unit has, the smaller its weights.",
        ),
        Mistake(
            "multiplied",
            find=SCALE,
            put="np.sqrt(gains[activation] * fan_in)",
            says="You multiply by `fan_in`. Divide: the more inputs a unit has, the smaller its weights.",
        ),
        Mistake(
            "root-of-the-gain-only",
            find=SCALE,
            put="np.sqrt(gains[activation]) / fan_in",
            says="You take the root of the gain alone. `fan_in` belongs under the root too: the root "
            "of a variance is asked for.",
        ),
        Mistake(
            "gain-of-a-half",
            find='"relu": 2.0',
            put='"relu": 0.5',
            says="You halve the variance for ReLU. ReLU halves the signal's mean square; twice the "
            "variance makes up for it.",
        ),
        Mistake(
            "always-true",
            find=GAINS,
            put="gains = {activation: 1.0}\n    if False:",
            says='You return sqrt(1 / fan_in) for every name. `activation == "linear" or "tanh"` is '
            'always true: write `activation in ("linear", "tanh")`.',
        ),
        Mistake(
            "substring",
            find=GAINS,
            put='gains = {"linear": 1.0, "tanh": 1.0, "tan": 1.0, "": 1.0, "relu": 2.0}\n'
            "    if activation not in gains:",
            says='You look for the name in a text, and `in` finds parts of words there: "tan" and an '
            "empty name are taken for known. Look in a tuple or a dictionary.",
        ),
        Mistake(
            "one-name-refused",
            find="if activation not in gains:",
            put='gains.setdefault(activation, 1.0)\n    if activation == "sigmoid":',
            says="You refuse one name and take all others for linear. Refuse every name that is not "
            "known.",
        ),
        Mistake(
            "error-returned",
            find="raise ValueError(",
            put="return ValueError(",
            says="You return the error, and the caller goes on with it as if it were a number. Write "
            "`raise`.",
        ),
        Mistake(
            "error-printed",
            find="raise ValueError(",
            put="return print(",
            says="For an unknown name your function prints at most and returns None. Write `raise "
            "ValueError(…)`: an error that is only printed stops nobody.",
        ),
        Mistake(
            "unknown-taken-for-linear",
            find="if activation not in gains:",
            put="gains.setdefault(activation, 1.0)\n    if False:",
            says="You take every other activation for a linear one. Raise a ValueError instead: a "
            'misspelt name would go unnoticed. (`activation == "linear" or "tanh"` is always true; '
            '`activation in ("linear", "tanh")` asks for both.)',
        ),
        Mistake(
            "key-error",
            find="if activation not in gains:",
            put="if False:",
            says="An unknown activation ends in a KeyError. Look first, and raise a ValueError that "
            "says which names are known and which one came.",
        ),
    ),
    hints=(
        "The variance is what the formula above gives: 1 / fan_in, and for ReLU twice that.",
        "A dictionary from the name to the factor does for all three, and shows at once which names "
        "are known.",
        "Look the name up; if it is not there, raise a `ValueError` with the known names and the one "
        "that came. Divide the factor by `fan_in` and take the root.",
    ),
    why="The dictionary is the list of what is known, for the computation and for the message. An "
    "unknown name raises: with a silent default a misspelt one would start a network too small by a "
    "factor per layer, which is how this lesson began.",
)

EXAMS = (STATISTICS, NORMS, INITIAL_SCALE)
