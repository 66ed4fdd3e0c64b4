# %% [markdown]
# # 01 · A layer of your own
#
# **You build** `Dense`, the layer that every network begins with, as a real Keras class, and
# `numerical_gradient`, which tells you whether a gradient is right without knowing how it was made.
#
# **You need** Python, a little NumPy, and an idea of what a derivative is.
#
# **It takes** about 50 minutes. Run every cell in order, from the top (Shift+Enter).
#
# Lessons 03 and 04 build batch normalization, lesson 07 dropout, lessons 10 to 14 optimizers. All
# of them go into `keras.Sequential`, `fit` and `save` as Keras's own do, and for that a class has
# to keep a contract. Today you learn the contract on a layer that you know.

# %% tags=["setup"]

# %% [markdown]
# ## A layer does not know its size yet
#
# A dense layer multiplies its inputs by a matrix, the *kernel*, and adds a *bias*:
#
# $$y_{bj} = \sum_i x_{bi}\, k_{ij} + b_j
# \qquad\text{in code: } \texttt{outputs = inputs @ kernel + bias}$$
#
# ```text
# inputs (batch, features)  @  kernel (features, units)  +  bias (units,)  =  outputs (batch, units)
# ```
#
# The first axis counts examples, and no weight depends on how many there are. (PyTorch stores the
# kernel the other way round, `(units, features)`.) When you write `Dense(10)` you name the units.
# Nobody has said how many features will come. See what Keras does about it:

# %%
layer = keras.layers.Dense(10)
print("before the first input:", [(each.name, tuple(each.shape)) for each in layer.weights])
outputs = layer(np.ones((2, 64)))
print("after it:", [(each.name, tuple(each.shape)) for each in layer.weights])

# %% [markdown]
# No variables at first; then a kernel with as many rows as there were features. The first call
# hands the shape of its input to `build`, once, and `build` makes the variables. After that every
# call goes to `call`. So a layer is a class with three methods: `__init__` keeps the settings,
# `build` makes the variables, `call` computes.
#
# ### Exercise 1.1 · `DenseForward`
# *Difficulty 1 of 5 · needed again: in 1.2 · 8 minutes*
#
# Write `build` and `call`. `self.add_weight(name=…, shape=…, initializer=…)` makes a variable that
# Keras knows about; `ops.matmul` multiplies. From inputs of shape `(batch, features)` come outputs
# of shape `(batch, units)`. Start the kernel with `"glorot_uniform"` and the bias with `"zeros"`. A
# shape is a tuple, and a tuple of one is written with a comma: `(units,)`.


# %% exercise="DenseForward" export="layers"
class DenseForward(keras.Layer):
    """Connect every input to every unit, and no more: no activation, no config.

    `outputs = inputs @ kernel + bias`

    Args:
        units: int > 0. Number of outputs.

    Input shape: `(batch, features)`. Output shape: `(batch, units)`.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        ### BEGIN SOLUTION
        # TODO: A weight called "kernel": a row for each feature, a column for each unit.
        # TODO: A weight called "bias": one number for each unit.
        features = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(features, self.units), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        ### END SOLUTION

    def call(self, inputs):
        ### BEGIN SOLUTION
        # TODO: Multiply the inputs by the kernel and add the bias.
        return ops.matmul(inputs, self.kernel) + self.bias
        ### END SOLUTION


# %%
check(DenseForward, strict=True)
# hint("DenseForward")      # one more hint each time you run it
# solution("DenseForward")  # the course's own, and why it is written so
DenseForward = finish(DenseForward)

# %% [markdown]
# ## Keras trains what it has been told about
#
# `add_weight` does two things: it fills the variable, and it puts it on the layer's list. `fit`
# trains what is on the list, and `save` saves it. Here is your layer beside one that makes its
# kernel as a bare tensor:


# %%
class Forgetful(keras.Layer):
    """Multiply by a kernel that Keras never hears of."""

    def build(self, input_shape):
        self.kernel = keras.random.normal((input_shape[-1], 3))

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)


for layer in [DenseForward(3), Forgetful()]:
    layer(np.ones((1, 4)))
    print(type(layer).__name__, [each.name for each in layer.trainable_variables])

# %% [markdown]
# `Forgetful` gives outputs of the right shape, raises nothing, and will never learn: its list is
# empty. Look at `layer.trainable_variables` first when a layer of yours does not train.
#
# ## Who says that this is training?
#
# Batch normalization and dropout compute one thing in training and another afterwards. They learn
# which from an argument: a `call` that has a parameter `training` gets it from Keras. The layer
# below answers 1 in training and 0 otherwise, so you can see who says what.

# %%
predict(
    "01-training",
    "Which of model(x), fit, evaluate and predict run a layer with training=True?",
    choices=["only fit", "fit and evaluate", "fit and model(x)"],
    guess=None,
)


# %%
class TrainingFlag(keras.Layer):
    """Answer 1 in training and 0 otherwise, whatever comes in."""

    def call(self, inputs, training=False):
        return ops.ones_like(inputs) if training else ops.zeros_like(inputs)


model = keras.Sequential([TrainingFlag(), keras.layers.Dense(1, kernel_initializer="ones")])
model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mae")  # rate 0: nothing changes
zero = np.zeros((1, 1), "float32")  # as a target: then the loss is the flag
flags = {
    "model(x)": float(model(zero)[0, 0]),
    "model(x, training=True)": float(model(zero, training=True)[0, 0]),
    "fit": model.fit(zero, zero, verbose=0).history["loss"][0],
    "evaluate": model.evaluate(zero, zero, verbose=0),
    "predict": float(model.predict(zero, verbose=0)[0, 0]),
}
asked = [call for call in ("fit", "evaluate", "model(x)", "predict") if flags[call] == 1]
reveal("01-training", "only fit" if asked == ["fit"] else " and ".join(asked))
plots.table({"call": flags.keys(), "training": [flag == 1 for flag in flags.values()]})

# %% [markdown]
# A bare `model(x)` is inference. Whoever writes a training loop and forgets `training=True` trains
# with dropout off and batch normalization frozen, and nothing complains.
#
# ## The whole contract
#
# Your second class is the one that all later lessons stack. Beside the arithmetic it keeps four
# promises:
#
# - **Any rank.** Inputs may be `(batch, time, features)` or have more axes; only the last is
#   multiplied.
# - **Settings are data.** `get_config` returns a dictionary of plain values from which
#   `Dense.from_config(config)` makes the same layer. Saving and loading rest on it. Functions and
#   initializers become plain values with `keras.activations.serialize` and
#   `keras.initializers.serialize`.
# - **Shapes are known in advance.** `compute_output_shape` answers without computing anything.
# - **Masks pass through.** A sequence model marks padded positions with a mask; a layer that treats
#   positions one by one says `supports_masking = True` and the mask goes on to the next layer.
#
# ### Exercise 1.2 · `Dense`
# *Difficulty 2 of 5 · needed again: in every lesson · 15 minutes*
#
# The constructor is given; fill in the other four methods. `(batch, …, features)` becomes `(batch,
# …, units)`. The activation comes last, after the bias. Without `use_bias` there is no bias
# variable at all.


# %% exercise="Dense" export="layers"
class Dense(keras.Layer):
    """Connect every input to every unit.

    `outputs = activation(inputs @ kernel + bias)`

    Args:
        units: int > 0. Number of outputs.
        activation: name or function, applied to each output. Default None: they stay as they are.
        use_bias: bool. Whether a bias is added. Default True.
        kernel_initializer: name or initializer. Default "glorot_uniform".
        bias_initializer: name or initializer. Default "zeros".
        **kwargs: name, dtype and trainable, as for every layer.

    Input shape: `(batch, ..., features)`. Output shape: `(batch, ..., units)`.

    Raises:
        ValueError: `units` is not a positive integer, or the inputs have fewer than two axes.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"`units` must be a positive integer. Received: units={units!r}.")
        self.units = units
        self.activation = keras.activations.get(activation)  # a function, whatever was given
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self.input_spec = keras.InputSpec(min_ndim=2)  # anything less is refused with a message

    def build(self, input_shape):
        ### BEGIN SOLUTION
        # TODO: The kernel, as before, from its own initializer.
        # TODO: The bias from its own initializer, or None without `use_bias`.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer
            )
        ### END SOLUTION

    def call(self, inputs):
        ### BEGIN SOLUTION
        # TODO: Multiply by the kernel, add the bias if there is one, then apply the activation.
        outputs = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)
        ### END SOLUTION

    def compute_output_shape(self, input_shape):
        ### BEGIN SOLUTION
        # TODO: All axes as they come in, save the last.
        return (*input_shape[:-1], self.units)
        ### END SOLUTION

    def get_config(self):
        ### BEGIN SOLUTION
        # TODO: Begin with what the base class returns: name, dtype, trainable.
        # TODO: Add every argument of `__init__` under its own name, as plain values.
        config = super().get_config()
        config.update(
            units=self.units,
            activation=keras.activations.serialize(self.activation),
            use_bias=self.use_bias,
            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),
            bias_initializer=keras.initializers.serialize(self.bias_initializer),
        )
        return config
        ### END SOLUTION


# %%
check(Dense, strict=True)
# hint("Dense")      # one more hint each time you run it
# solution("Dense")  # the course's own, and why it is written so
Dense = finish(Dense)

# %% [markdown]
# ## What a config is, and what it is not
#
# Make a layer, take its config, and make a second layer from that.

# %%
predict(
    "01-config",
    "What does the copy share with the original?",
    choices=["settings and weights", "settings only", "neither"],
    guess=None,
)

# %%
original = Dense(3, activation="tanh", kernel_initializer="he_normal")
copy = Dense.from_config(original.get_config())
for layer in (original, copy):
    layer.build((None, 4))
same_settings = copy.get_config() == original.get_config()
same_weights = np.array_equal(copy.kernel, original.kernel)
shared = {(True, True): "settings and weights", (True, False): "settings only"}
reveal("01-config", shared.get((same_settings, same_weights), "neither"))

# %% [markdown]
# The config is the recipe, without the weights. A `.keras` file holds both: the config of every
# layer, from which loading builds the model, and then the arrays that fill it. Keras has a `Dense`
# of its own, so loading has to be told which class the name stands for.

# %%
model = keras.Sequential([keras.Input((4,)), Dense(8, activation="relu"), Dense(3)])
inputs = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "model.keras"
    model.save(file)
    loaded = keras.models.load_model(file, custom_objects={"Dense": Dense})

assert type(loaded.layers[0]) is Dense
assert np.array_equal(loaded(inputs), model(inputs)), "the loaded model computes something else"
print("outputs of the loaded model: the same, bit for bit")

# %% [markdown]
# ## A gradient you can trust
#
# TensorFlow differentiates your layers for you. In lesson 03 you will do it by hand, and then you
# need a judge that knows nothing about layers. Go a little to the left and a little to the right of
# each number and see how the function changes:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + h\,e_i) - f(x - h\,e_i)}{2h}
# \qquad\text{with } h = \texttt{step},\; e_i = \text{1 at position } i \text{ and 0 elsewhere}$$
#
# ### Exercise 1.3 · `numerical_gradient`
# *Difficulty 2 of 5 · needed again: in lesson 03 · 10 minutes*
#
# `function` takes an array and returns a number; `inputs` may have any shape, and the gradient has
# the same. Compute in float64, and leave the caller's array as it was. `np.ndindex(shape)` walks
# over all positions of an array.


# %% exercise="numerical_gradient" export="layers"
def numerical_gradient(function, inputs, step=1e-3):
    """Return the gradient of a function by central differences.

    `gradient[i] = (function(inputs + step * e_i) - function(inputs - step * e_i)) / (2 * step)`

    Args:
        function: takes a float64 array of the shape of `inputs`, returns a number.
        inputs: array of any shape. Stays as it is.
        step: float > 0. How far to go to either side. Default 1e-3.

    Returns: float64 array of the shape of `inputs`.
    """
    ### BEGIN SOLUTION
    # TODO: Make a float64 array of the inputs, and room for the gradient.
    # TODO: At each position in turn, ask the function a step above and a step below.
    # TODO: Divide the difference by the distance between the two.
    inputs = np.asarray(inputs, dtype="float64")
    gradient = np.zeros_like(inputs)
    for index in np.ndindex(inputs.shape):
        shift = np.zeros_like(inputs)
        shift[index] = step
        gradient[index] = (function(inputs + shift) - function(inputs - shift)) / (2 * step)
    return gradient
    ### END SOLUTION


# %%
check(numerical_gradient, strict=True)
# hint("numerical_gradient")      # one more hint each time you run it
# solution("numerical_gradient")  # the course's own, and why it is written so
numerical_gradient = finish(numerical_gradient)

# %% [markdown]
# ## How small should the step be?
#
# In the formula the error shrinks with the square of the step. A computer subtracts two nearly
# equal numbers and divides what is left by `2 * step`, so rounding has its say too. The test
# function is `sum(tanh(x))`, whose gradient is `1 - tanh(x)**2`.

# %%
predict(
    "01-step",
    "Steps from 1 down to 1e-12, everything in float64: which step has the smallest error?",
    choices=["around 1e-02", "around 1e-05", "around 1e-12"],
    guess=None,
)


# %%
def gradient_error(step, dtype, seed):
    """Relative error of `numerical_gradient` where the function computes in `dtype`."""
    inputs = np.random.default_rng(seed).normal(size=10)
    gradient = numerical_gradient(lambda x: np.tanh(x.astype(dtype)).sum(), inputs, step)
    exact = 1 - np.tanh(inputs) ** 2
    return np.linalg.norm(gradient - exact) / np.linalg.norm(exact)


steps = 10.0 ** np.arange(-12, 1)
errors = {
    dtype: np.array([[gradient_error(step, dtype, seed) for step in steps] for seed in range(5)])
    for dtype in ("float64", "float32")
}
plots.lines(steps, errors, log="xy", title="Too large a step is wrong, and so is too small a one",
            xlabel="step", ylabel="relative error of the gradient")
plt.axvline(1e-3, color="black", linewidth=1, linestyle=":")
plots.show(alt="Relative error against step, both logarithmic: float64 falls and rises like a V; "
           "float32 turns at a larger step and lies flat, near 1, at the smallest steps; a dotted "
           "line marks the default.")

# %%
best = {dtype: steps[np.argmin(error.mean(axis=0))] for dtype, error in errors.items()}
at_default = [error[:, steps == 1e-3] for error in errors.values()]
assert np.max(at_default) < 1e-3
reveal("01-step", f"around {best['float64']:.0e}")
growth = [np.mean(error[:, -2] / error[:, -3]) for error in errors.values()]  # from 0.01 to 0.1
plots.table({
    "the function computes in": errors.keys(),
    "best step": [f"{step:.0e}" for step in best.values()],
    "at 1e-3 the error is below 0.001": [f"{np.sum(e < 1e-3)} of 5 seeds" for e in at_default],
    "from 0.01 to 0.1 it grows 80 to 120 times": [80 < factor < 120 for factor in growth],
})

# %% [markdown]
# On the right the formula is too coarse: ten times the step, a hundred times the error. On the left
# rounding takes over, and with float32 it does so much earlier. From 1e-9 down float32 lies flat at
# 1: both calls return the same number, so the gradient comes out as 0. The default (dotted) is best
# for neither and good enough for both, which is what you want from a default: Keras computes in
# float32.
#
# Now hold your layer to it. `gradients.backpropagate` returns TensorFlow's gradients of
# `sum(layer(inputs) * output_gradient)`; `stateless_call` runs your layer with any weights you hand
# it.

# %%
layer = Dense(3, activation="tanh", dtype="float64")
layer.build((None, 4))
rng = np.random.default_rng(0)
inputs, output_gradient = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
input_gradient, weight_gradients = gradients.backpropagate(layer, inputs, output_gradient)


def total(inputs, kernel, bias):
    outputs, _ = layer.stateless_call([kernel, bias], [], inputs)
    return np.sum(outputs * output_gradient)


kernel, bias = layer.get_weights()
by_differences = [
    numerical_gradient(lambda x: total(x, kernel, bias), inputs),
    numerical_gradient(lambda k: total(inputs, k, bias), kernel),
    numerical_gradient(lambda b: total(inputs, kernel, b), bias),
]
for ours, theirs in zip(by_differences, [input_gradient, *weight_gradients], strict=True):
    assert np.linalg.norm(ours - theirs) < 1e-5 * np.linalg.norm(theirs)
print("inputs, kernel, bias: all three gradients agree to 1 in 100,000")

# %% [markdown]
# Two roads that share no code arrive at the same numbers. Such a test does not know how a gradient
# was made, so no mistake can hide in both; in lesson 03 it judges one that you derive by hand.
#
# ## Your layer against Keras's
#
# The digits that ship with the course are 8 by 8 pixels, ten classes. You train a small network on
# them twice from the same seed: with your `Dense`, then with Keras's.

# %%
predict(
    "01-same",
    "How far apart are the two loss curves?",
    choices=["nowhere apart", "apart in the digits after the third", "visibly apart"],
    guess=None,
)

# %%
(x_train, y_train), (x_test, y_test) = datasets.digits()


def train(dense, seed):
    """Train two dense layers; return the loss after each epoch and the accuracy on test images."""
    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.Input((64,)), dense(32, activation="relu"), dense(10)])
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.SGD(0.1), cross_entropy, jit_compile=False)  # too small for XLA
    history = net.fit(x_train, y_train, batch_size=32, epochs=8, verbose=0)
    return history.history["loss"], np.mean(np.argmax(net(x_test), axis=-1) == y_test)


runs = {
    name: [train(dense, seed) for seed in range(5)]
    for name, dense in {"yours": Dense, "Keras": keras.layers.Dense}.items()
}
losses = {name: np.array([loss for loss, _ in results]) for name, results in runs.items()}
accuracies = {name: np.array([right for _, right in results]) for name, results in runs.items()}

# %%
plots.lines(np.arange(1, 9), losses, title="One curve: your layer trains as Keras's does",
            xlabel="epoch", ylabel="training loss (nats)")
plots.show(alt="Training loss over 8 epochs for both layers, mean and range of 5 seeds: "
           "the two curves lie on each other.")

apart = np.max(np.abs(losses["yours"] - losses["Keras"]))
assert apart < 1e-4 and accuracies["yours"].min() > 0.9
reveal("01-same", "nowhere apart" if apart < 1e-5 else
       "apart in the digits after the third" if apart < 1e-3 else "visibly apart")
plots.table({"layer": accuracies.keys(), "test accuracy, 5 seeds": accuracies.values()})

# %% [markdown]
# Same names, same shapes, same initializers, same order: the same numbers, up to rounding. Every
# block in this course is held to that standard, and where one differs from Keras's the lesson says
# why.
#
# ## What can go wrong
#
# - **Variables made in `call`.** A new variable at every call never learns, and in `fit` TensorFlow
#   refuses it. Make them in `build`.
# - **An argument missing from `get_config`.** Everything works until somebody loads the file a week
#   later, and then the layer has the default instead. Compare `from_config(get_config())` with the
#   original.
# - **`self.activation = activation`.** A name like `"relu"` is a text and cannot be called.
#   `keras.activations.get` takes names, functions and None.
# - **NumPy inside `call`.** It works on concrete arrays and fails in `fit`, where inputs are
#   symbols. `keras.ops` works in both, and on other backends too.
# - **Finite differences at a kink.** Where ReLU's input is within a step of zero, the two sides
#   have different slopes, and their mean is the gradient of neither. Check with a smooth
#   activation.
# - **Loading without `custom_objects`.** The name `Dense` then means Keras's class, not yours.
#
# ## Summary
#
# - `__init__` keeps settings, `build` makes variables once the input's shape is known, `call`
#   computes.
# - Keras trains and saves what `add_weight` put on the list, and nothing else.
# - `training=True` comes from `fit`, or from you.
# - `get_config` is the recipe without the weights; a file holds both.
# - Central differences judge any gradient, at a step that is neither too large nor too small.
#
# ## Open questions
#
# 1. Central differences cost two calls for each number. A network has thousands of weights: how
#    would you check its gradient with two calls in total?
# 2. Complex numbers give derivatives without any subtraction: `imag(f(x + 1j * step)) / step`. What
#    would the left half of the V look like? What must `f` be made of?
# 3. `Dense` starts its kernel with "glorot_uniform". Why not all zeros, or all ones? Lesson 02
#    measures what the starting scale does to a deep network.
