"""Exam of lesson 18's layer: a small window of weights, laid on every place of an image."""

import copy
import json

import keras
import numpy as np

from utils.gradients import backpropagate

from ._exam import Exam, Mistake, see
from ._oracle import beside_keras, compiled, normal, outcome, reloaded, weight

KERAS = keras.layers.Conv2D

SETTINGS = (  # shape of the inputs, arguments
    ((2, 5, 6, 3), {"filters": 4, "kernel_size": (3, 2)}),
    ((2, 5, 6, 3), {"filters": 4, "kernel_size": (2, 3), "padding": "same"}),
    ((2, 7, 8, 2), {"filters": 3, "kernel_size": 3, "strides": (2, 3), "padding": "same"}),
    ((2, 8, 7, 2), {"filters": 3, "kernel_size": (3, 2), "strides": (3, 2)}),
    ((2, 7, 9, 2), {"filters": 3, "kernel_size": (2, 3), "dilation_rate": (3, 2)}),
    ((2, 6, 7, 2), {"filters": 3, "kernel_size": 3, "dilation_rate": (1, 2), "padding": "same"}),
)


def _said(arguments):
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def build_makes_kernel_and_bias(candidate):
    """`build` makes a kernel (rows, columns, channels seen, filters) and a bias of a number a filter."""
    for groups, seen in ((1, 4), (2, 2)):
        layer = candidate(6, (3, 2), groups=groups)
        layer.build((None, 5, 5, 4))
        kernel, bias = weight(layer, "kernel"), weight(layer, "bias")
        given = f"kernel_size (3, 2), 4 channels, 6 filters and groups={groups}"
        yield see("kernel's shape", str(tuple(kernel.shape)), str((3, 2, seen, 6)), given)
        yield see("bias's shape", str(tuple(bias.shape)), "(6,)", given)
        roles = {id(kernel): "kernel", id(bias): "bias"}
        found = sorted(roles.get(id(each), each.name) for each in layer.trainable_weights)
        yield see("list of trainable weights", found, ["bias", "kernel"], given)


def weights_come_from_their_initializers(candidate):
    """Kernel and bias start as the initializers say: the kernel at random, the bias at 0, by default."""
    constant = keras.initializers.Constant
    layer = candidate(4, 2, kernel_initializer=constant(2.0), bias_initializer=constant(3.0))
    layer.build((None, 5, 5, 3))
    given = "kernel_initializer=Constant(2), bias_initializer=Constant(3)"
    for name, right in (("kernel", 2.0), ("bias", 3.0)):
        yield see(f"range of the initial {name}", _range(layer, name), [right, right], given)
    layer = candidate(100, 5)
    layer.build((None, 6, 6, 20))
    yield see("range of the initial bias", _range(layer, "bias"), [0, 0], "no initializer")
    limit = np.sqrt(6 / (25 * 120))  # Glorot's: 25 pixels times (20 channels + 100 filters)
    given = "no initializer, 20 channels, 100 filters and 5 by 5 pixels"
    received = np.array(_range(layer, "kernel"))
    yield see("range of the initial kernel", received, [-limit, limit], given, tolerance=0.02)


def _range(layer, name):
    values = np.array(weight(layer, name))
    return np.array([values.min(), values.max()])


def lays_the_window_on_every_place(candidate):
    """Worked by hand: the window [[1, 2], [3, 4]] on an image of three rows, and bias 100."""
    layer = candidate(1, 2)
    layer.build((None, 3, 3, 1))
    weight(layer, "kernel").assign(np.array([[1, 2], [3, 4]]).reshape(2, 2, 1, 1))
    weight(layer, "bias").assign([100])
    image = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], "float32")
    received = layer(image[np.newaxis, :, :, np.newaxis])
    right = np.array([[101, 104], [104, 105]]).reshape(1, 2, 2, 1)
    yield see("output", received, right, "the image [[1, 0, 0], [0, 0, 1], [0, 1, 0]]")


def takes_strides_padding_and_dilation(candidate):
    """With strides, padding and dilation, each one for rows and columns, it computes what Keras does."""
    for shape, arguments in SETTINGS:
        layer, right = beside_keras(candidate, KERAS, shape, **arguments)
        inputs = normal(*shape)
        given = f"inputs of shape {shape} and {_said(arguments)}"
        yield see("output", layer(inputs), right(inputs), given)


def activation_comes_last(candidate):
    """The activation, a name or a function, is applied once, after the bias."""
    inputs = normal(2, 4, 4, 2)
    for activation in ("sigmoid", keras.ops.square):
        arguments = {"filters": 3, "kernel_size": 2, "activation": activation}
        layer, right = beside_keras(candidate, KERAS, inputs.shape, **arguments)
        for each in (layer, right):  # near 0, where an activation shows what came before it
            weight(each, "kernel").assign(normal(2, 2, 2, 3, seed=3, scale=0.2))
        name = getattr(activation, "__name__", activation)
        yield see("output", layer(inputs), right(inputs), f"activation {name}")


def goes_without_a_bias(candidate):
    """With `use_bias=False` there is no bias variable, and nothing is added."""
    arguments = {"filters": 3, "kernel_size": 2, "use_bias": False}
    layer, right = beside_keras(candidate, KERAS, (None, 4, 4, 2), **arguments)
    yield see("number of weights", len(layer.weights), 1, "use_bias=False")
    inputs = normal(2, 4, 4, 2)
    yield see("output", layer(inputs), right(inputs), "use_bias=False")


def learns_like_keras(candidate):
    """Gradients reach the inputs, the kernel and the bias, and are those of Keras."""
    shape, arguments = SETTINGS[2]
    layer, right = beside_keras(candidate, KERAS, shape, activation="tanh", **arguments)
    for each in (layer, right):
        weight(each, "kernel").assign(normal(3, 3, 2, 3, seed=3, scale=0.1))
    inputs = normal(*shape)
    arriving = normal(*right(inputs).shape, seed=5)
    given = f"inputs of shape {shape}, activation='tanh' and {_said(arguments)}"
    received, received_weights = backpropagate(layer, inputs, arriving)
    expected, expected_weights = backpropagate(right, inputs, arriving)
    yield see("gradient with respect to the inputs", received, expected, given)
    places = [id(each) for each in layer.trainable_weights]
    for theirs, gradient in zip(right.trainable_weights, expected_weights, strict=True):
        place = places.index(id(weight(layer, theirs.name)))
        yield see(f"gradient of the {theirs.name}", received_weights[place], gradient, given)


def knows_how_many_places_there_are(candidate):
    """`compute_output_shape` says what will come out, unknown sizes as None."""
    for shape, arguments in SETTINGS:
        sizes = (None, *shape[1:])
        right = KERAS(**arguments).compute_output_shape(sizes)
        given = f"input shape {sizes} and {_said(arguments)}"
        received = tuple(candidate(**arguments).compute_output_shape(sizes))
        yield see("output shape", str(received), str(right), given)
    for padding, right in (("valid", (None, None, 3, 4)), ("same", (None, None, 5, 4))):
        layer = candidate(4, 3, padding=padding)
        received = tuple(layer.compute_output_shape((None, None, 5, 2)))
        given = f"input shape (None, None, 5, 2), kernel_size=3 and padding={padding!r}"
        yield see("output shape", str(received), str(right), given)
    arguments = {"filters": 2, "kernel_size": 3, "strides": 2}
    received = candidate(**arguments)(keras.Input((None, 9, 1))).shape
    given = f"a symbolic input (None, None, 9, 1) and {_said(arguments)}"
    yield see("sizes of the output", str(tuple(received)), "(None, None, 4, 2)", given)


def works_inside_a_compiled_function(candidate):
    """Inside `tf.function`, where the sizes of the image are unknown, it computes the same."""
    arguments = {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}
    layer, right = beside_keras(candidate, KERAS, (None, None, None, 2), **arguments)
    inputs = normal(2, 5, 4, 2)
    given = f"inputs of shape (None, None, None, 2) and {_said(arguments)}"
    yield see("output", compiled(layer, inputs), right(inputs), given)


def sees_its_group_alone(candidate):
    """With two groups, each half of the filters sees one half of the channels."""
    arguments = {"filters": 4, "kernel_size": 2, "groups": 2}
    layer = candidate(**arguments)
    layer.build((None, 2, 2, 4))
    kernel, inputs = normal(2, 2, 2, 4), normal(1, 2, 2, 4, seed=1)
    weight(layer, "kernel").assign(kernel)
    right = [np.sum(inputs[0, :, :, f // 2 * 2 :][:, :, :2] * kernel[..., f]) for f in range(4)]
    yield see("output", layer(inputs), np.reshape(right, (1, 1, 1, 4)), _said(arguments))


def refuses_what_cannot_be(candidate):
    """Arguments that cannot be, and inputs that do not fit, are refused with a ValueError."""
    for arguments in (
        {"filters": 0, "kernel_size": 1},
        {"filters": 2.5, "kernel_size": 1},
        {"filters": 2, "kernel_size": (1, 0)},
        {"filters": 2, "kernel_size": (1, 2, 3)},
        {"filters": 2, "kernel_size": 2, "strides": (1, 0)},
        {"filters": 2, "kernel_size": 2, "dilation_rate": 0},
        {"filters": 2, "kernel_size": 2, "padding": "causal"},
        {"filters": 4, "kernel_size": 2, "groups": 0},
        {"filters": 5, "kernel_size": 2, "groups": 2},
        {"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": (2, 1)},
    ):
        error = outcome(lambda arguments=arguments: candidate(**arguments))
        yield see("constructor", error, "ValueError", _said(arguments))
    error = outcome(lambda: candidate(1, 1, 1, "SAME", data_format="channels_last"))
    yield see("constructor", error, "no error", "filters=1, kernel_size=1, padding='SAME'")
    for shape, arguments in (
        ((2, 4, 4), {}),
        ((2, 4, 4, 3), {"groups": 2}),
        ((2, 4, 1, 2), {}),
        ((2, 1, 4, 2), {}),
        ((2, 4, 4, 2), {"dilation_rate": (1, 4)}),
    ):
        layer = candidate(2, 2, **arguments)
        error = outcome(lambda layer=layer, shape=shape: layer(normal(*shape)))
        given = f"inputs of shape {shape}, kernel_size=2 {_said(arguments)}".strip()
        yield see("call", error, "ValueError", given)
    error = outcome(lambda: candidate(2, 2)(normal(2, 2, 2, 1)))
    yield see("call", error, "no error", "inputs of shape (2, 2, 2, 1), kernel_size=2")


def _meaning(key, value):
    """What a value in a config stands for; a name, an object's config and a text may mean the same."""
    if key == "activation":
        return keras.activations.get(value).__name__
    if key.endswith("initializer"):
        initializer = keras.initializers.get(value)
        return type(initializer).__name__, initializer and initializer.get_config()
    return list(value) if isinstance(value, tuple) else value


def _is_plain(value):
    return outcome(lambda: json.dumps(value)) == "no error"


def config_makes_it_again(candidate):
    """`get_config` holds every argument as plain values; `from_config` makes the same layer again."""
    for different in ({"strides": [2, 3]}, {"dilation_rate": [2, 3]}):
        arguments = {
            "filters": 4,
            "kernel_size": [3, 2],
            "padding": "same",
            "data_format": "channels_last",
            "groups": 2,
            "activation": "relu",
            "use_bias": False,
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.3),
            "bias_initializer": "ones",
            "name": "mine",
            **different,
        }
        given = "another value than the default for every argument"
        right = {key: _meaning(key, value) for key, value in arguments.items()}
        layer = candidate(**arguments, dtype="mixed_float16", trainable=False)
        config = layer.get_config()
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


def survives_a_file(candidate):
    """Saved in a `.keras` file and loaded, its output is the same bit for bit."""
    arguments = {"filters": 3, "kernel_size": 2, "activation": "tanh"}
    layer, _ = beside_keras(candidate, KERAS, (None, 4, 4, 2), **arguments)
    inputs = normal(2, 4, 4, 2, scale=0.1)
    received = reloaded(layer, (None, 4, 4, 2))(inputs)
    given = "a model with this layer, saved and loaded"
    yield see("output", received, layer(inputs), given, tolerance=0)


def computes_in_its_own_precision(candidate):
    """Under mixed precision the weights stay float32 and the outputs are float16."""
    arguments = {"filters": 3, "kernel_size": 2, "dtype": "mixed_float16"}
    layer, right = beside_keras(candidate, KERAS, (None, 4, 4, 2), **arguments)
    inputs, given = normal(2, 4, 4, 2).astype("float16"), "dtype='mixed_float16'"
    received = layer(inputs)
    yield see("output", received, right(inputs), given, tolerance=2e-3)
    dtype = keras.backend.standardize_dtype(received.dtype)
    yield see("dtype of the output", dtype, "float16", given)
    yield see("dtype of the kernel", weight(layer, "kernel").dtype, "float32", given)


KERNEL_SHAPE = "shape=(*self.kernel_size, input_shape[-1] // self.groups, self.filters)"
NEEDED = 'needed = (window - 1) * dilation + 1 if self.padding == "valid" else 1'
PLACES = "return max((size - needed) // stride + 1, 0)"
ADD_BIAS = "outputs = outputs + self.bias"
STRIDES = "inputs, self.kernel, strides=self.strides, padding=self.padding,"
BIAS = """self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )"""

CONV2D = Exam(
    name="Conv2D",
    block="layers",
    probes=(
        build_makes_kernel_and_bias,
        weights_come_from_their_initializers,
        lays_the_window_on_every_place,
        takes_strides_padding_and_dilation,
        activation_comes_last,
        goes_without_a_bias,
        learns_like_keras,
        knows_how_many_places_there_are,
        works_inside_a_compiled_function,
        refuses_what_cannot_be,
        config_makes_it_again,
        survives_a_file,
        computes_in_its_own_precision,
        sees_its_group_alone,
    ),
    mistakes=(
        Mistake(
            "groups-forgotten",
            find="input_shape[-1] // self.groups",
            put="input_shape[-1]",
            says="Your windows are as deep as all channels. With groups a filter sees its share of them: "
            "`input_shape[-1] // self.groups`.",
        ),
        Mistake(
            "filters-before-channels",
            find=KERNEL_SHAPE,
            put="shape=(*self.kernel_size, self.filters, input_shape[-1] // self.groups)",
            says="Your kernel has the filters before the channels. Keras, and `ops.conv`, have them last: "
            "(rows, columns, channels, filters).",
        ),
        Mistake(
            "filters-first",
            find=KERNEL_SHAPE,
            put="shape=(self.filters, input_shape[-1] // self.groups, *self.kernel_size)",
            says="Your kernel has the filters first, as PyTorch's. Keras has rows and columns first: "
            "(rows, columns, channels, filters).",
        ),
        Mistake(
            "window-turned",
            find="shape=(*self.kernel_size, input",
            put="shape=(*self.kernel_size[::-1], input",
            says="Your window is turned: columns before rows. `kernel_size` has the rows first.",
        ),
        Mistake(
            "window-square",
            find="shape=(*self.kernel_size, input",
            put="shape=(self.kernel_size[0], self.kernel_size[0], input",
            says="Your window has as many columns as rows. `kernel_size` has a number for each.",
        ),
        Mistake(
            "channels-of-the-batch",
            find="input_shape[-1] // self.groups, self",
            put="input_shape[1] // self.groups, self",
            says="You read the number of channels from axis 1 of `input_shape`. They are the last axis.",
        ),
        Mistake(
            "bias-of-the-channels",
            find="shape=(self.filters,)",
            put="shape=(input_shape[-1],)",
            says="Your bias has a number for each channel that comes in. It has one for each filter.",
        ),
        Mistake(
            "bias-shared",
            find="shape=(self.filters,)",
            put="shape=(1,)",
            says="Your bias is one number for all filters. Each filter has its own.",
        ),
        Mistake(
            "kernel-initializer-ignored",
            find="            initializer=self.kernel_initializer,\n",
            put='            initializer="glorot_uniform",\n',
            says="Your kernel always starts with Glorot's numbers: `kernel_initializer` is not used.",
        ),
        Mistake(
            "bias-initializer-ignored",
            find="initializer=self.bias_initializer",
            put='initializer="zeros"',
            says="Your bias always starts at 0: `bias_initializer` is not used.",
        ),
        Mistake(
            "bias-always",
            find=f"if self.use_bias:\n            {BIAS}",
            put=f"if True:\n            {BIAS}",
            says="You make a bias with `use_bias=False` too. Then there is to be none.",
        ),
        Mistake(
            "bias-not-trainable",
            find='name="bias", shape=(self.filters,),',
            put='name="bias", trainable=False, shape=(self.filters,),',
            says="Your bias does not learn: `add_weight(..., trainable=False)`.",
        ),
        Mistake(
            "bias-not-added",
            find=ADD_BIAS,
            put="pass",
            says="You make a bias and do not add it.",
        ),
        Mistake(
            "activation-forgotten",
            find="return self.activation(outputs)",
            put="return outputs",
            says="You do not apply the activation. `self.activation` is a function, ready to be called.",
        ),
        Mistake(
            "activation-before-bias",
            find=f"        if self.use_bias:\n            {ADD_BIAS}\n        return self.activation(outputs)",  # noqa: E501
            put=f"        outputs = self.activation(outputs)\n        if self.use_bias:\n"
            f"            {ADD_BIAS}\n        return outputs",
            says="You apply the activation before the bias is added. It comes last.",
        ),
        Mistake(
            "activation-twice",
            find="return self.activation(outputs)",
            put="return self.activation(self.activation(outputs))",
            says="You apply the activation twice.",
        ),
        Mistake(
            "strides-forgotten",
            find="strides=self.strides, padding",
            put="padding",
            says="You do not hand the strides to `ops.conv`: the window goes on by one pixel.",
        ),
        Mistake(
            "strides-turned",
            find="strides=self.strides, padding",
            put="strides=self.strides[::-1], padding",
            says="You hand the strides to `ops.conv` columns first. They are (rows, columns).",
        ),
        Mistake(
            "one-stride",
            find="strides=self.strides, padding",
            put="strides=self.strides[0], padding",
            says="You take the stride of the rows for the columns too.",
        ),
        Mistake(
            "padding-forgotten",
            find="padding=self.padding,",
            put="",
            says="You do not hand `padding` to `ops.conv`, which then stays inside the image.",
        ),
        Mistake(
            "padding-always",
            find="padding=self.padding,",
            put='padding="same",',
            says='You pad always. With padding="valid" the window stays inside the image.',
        ),
        Mistake(
            "dilation-forgotten",
            find=" dilation_rate=self.dilation_rate,\n        )",
            put="\n        )",
            says="You do not hand `dilation_rate` to `ops.conv`: the window sees neighbouring pixels.",
        ),
        Mistake(
            "dilation-turned",
            find=" dilation_rate=self.dilation_rate,\n        )",
            put=" dilation_rate=self.dilation_rate[::-1],\n        )",
            says="You hand the dilation to `ops.conv` columns first. It is (rows, columns).",
        ),
        Mistake(
            "unknown-size-computed",
            find="        if size is None:\n            return None\n",
            put="",
            says="You compute with a size that is not known. `places` returns None where `size` is None.",
        ),
        Mistake(
            "unknown-size-zero",
            find="            return None\n",
            put="            return 0\n",
            says="Of an unknown size you say that the window has 0 places. Unknown stays None.",
        ),
        Mistake(
            "one-place-short",
            find=PLACES,
            put="return max((size - needed) // stride, 0)",
            says="You count the steps between places. There is one place more than steps: + 1.",
        ),
        Mistake(
            "places-without-window",
            find=NEEDED,
            put="needed = 1",
            says="You count the places as if the image were padded. Inside it the window needs its own "
            "size of pixels.",
        ),
        Mistake(
            "places-always-inside",
            find=NEEDED,
            put="needed = (window - 1) * dilation + 1",
            says='You count the places inside the image always. With padding="same" the first pixel '
            "is a place already.",
        ),
        Mistake(
            "places-without-dilation",
            find=NEEDED,
            put='needed = window if self.padding == "valid" else 1',
            says="You count the pixels that the window sees, not those that it skips. From the first to "
            "the last it needs (window - 1) * dilation + 1.",
        ),
        Mistake(
            "places-dilation-times-window",
            find=NEEDED,
            put='needed = window * dilation if self.padding == "valid" else 1',
            says="A window of w pixels has w - 1 gaps: it needs (w - 1) * dilation + 1, not w * dilation.",
        ),
        Mistake(
            "places-without-stride",
            find=PLACES,
            put="return max(size - needed + 1, 0)",
            says="You count every pixel as a place. With a stride there is a place on every "
            "`stride`-th pixel only.",
        ),
        Mistake(
            "places-rounded-up",
            find=PLACES,
            put="return max(-(-(size - needed) // stride) + 1, 0)",
            says="You round up. A place that the window does not fill is none: round down.",
        ),
        Mistake(
            "places-a-fraction",
            find=PLACES,
            put="return max((size - needed) / stride + 1, 0)",
            says="You count parts of a place: `//` divides and rounds down.",
        ),
    ),
    hints=(
        "`build` is that of `Dense` with another shape: rows and columns of the window first, then the "
        "channels that one filter sees, then the filters. With groups, a filter sees its group only.",
        "`call`: hand everything to `ops.conv`: inputs, kernel, strides, padding, data_format and "
        "dilation_rate. It reads the groups off the kernel's shape. Then bias and activation, as in `Dense`.",
        "`places`: draw a row of seven pixels and a window of three. With stride 2 it starts at pixels "
        "0, 2 and 4. From the first start to the last possible one there are size - needed pixels; "
        "a dilation of 2 spreads three pixels over five. Padded, the window may start at every pixel.",
    ),
    why="The kernel has no axis for places: that every place has the same window is what makes it a "
    "convolution, and what makes it small. `ops.conv` does the sum on every backend. `places` is one "
    "formula for both paddings: with zeros around the image a single pixel is enough for a place.",
)

EXAMS = (CONV2D,)
