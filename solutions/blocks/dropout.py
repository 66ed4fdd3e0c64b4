# Made from the sources named below by `python3 course.py build`, checksum 331fc52ab8e389f7
"""The blocks of the course in `dropout`, as its lessons solve them.

inverted_dropout: solutions/07_dropout.py
DropoutArguments: solutions/07_dropout.py
Dropout: solutions/07_dropout.py
drops_independently: solutions/07_dropout.py
"""

import keras
import numpy as np
from keras import ops


def inverted_dropout(inputs, mask, rate):
    """Zero the inputs where `mask` is False, and scale up the others so that the mean is kept.

    Args:
        inputs: tensor of floating-point numbers.
        mask: boolean tensor that broadcasts against `inputs`; True where a unit is kept.
        rate: float in [0, 1). The probability with which each entry of the mask is False.

    Output shape and dtype: those of the inputs.
    Reference: Srivastava et al., 2014, JMLR 15, section 4, where `p` is `1 - rate`, and inference
    scales instead.
    """
    return ops.where(mask, inputs / (1 - rate), 0)


class DropoutArguments(keras.Layer):
    """What dropout is told, as Keras names it, and what it refuses; no computation."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                f"Received: rate={rate!r}. It is the share to drop; rate=0 switches dropout off."
            )
        self.rate, self.seed = float(rate), seed
        self.noise_shape = None if noise_shape is None else self.checked(noise_shape)
        self.supports_masking = True
        # There are no weights to build, unless a subclass has some.
        self.built = type(self).build is keras.Layer.build

    def checked(self, noise_shape):
        refused = "Invalid value received for argument `noise_shape`."
        if not isinstance(noise_shape, (list, tuple)):
            raise ValueError(
                f"{refused} Expected a tuple or list of integers. Received: {noise_shape!r}. "
                "Write noise_shape=(None, 1, None) to share one mask along axis 1."
            )
        for size in noise_shape:
            if size is not None and not isinstance(size, int):
                raise ValueError(
                    f"{refused} Expected all elements to be integers or None. "
                    f"Received: {size!r} in noise_shape={noise_shape}."
                )
            if size is not None and size <= 0:
                raise ValueError(
                    f"{refused} Expected all dimensions to be positive integers or None. "
                    f"Received: {size} in noise_shape={noise_shape}."
                )
        return tuple(noise_shape)

    def check_inputs(self, inputs):
        """Refuse what cannot be dropped out: integers, and a shape that `noise_shape` does not fit."""
        if not keras.backend.is_float_dtype(inputs.dtype):
            raise ValueError(
                "`inputs` must be floating-point numbers in training: what is kept is divided by "
                f"1 - rate. Received: dtype={keras.backend.standardize_dtype(inputs.dtype)}. Cast "
                'them first, as with `ops.cast(inputs, "float32")`.'
            )
        wanted, sizes = self.noise_shape or (), tuple(inputs.shape)
        pairs = zip(wanted[::-1], sizes[::-1], strict=False)
        fits = all(size is None or want in (None, 1, size) for want, size in pairs)
        if len(wanted) > len(sizes) or not fits:
            raise ValueError(
                "`noise_shape` must fit the inputs: along each axis their size, 1 or None. "
                f"Received: noise_shape={wanted}, inputs.shape={sizes}."
            )

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(DropoutArguments):
    """Zero a random fraction of the inputs during training.

    Training: `where(uniform >= rate, inputs / (1 - rate), 0)`. Inference: `inputs`.

    Args:
        rate: float in [0, 1]. Probability with which each unit is set to zero.
        noise_shape: tuple of ints and None, or None, the default: a mask of the inputs' shape.
            None in the tuple stands for the inputs' size, 1 for a mask shared along that axis.
        seed: int, or None for other masks in every layer.

    Call arguments: inputs; training: bool, default False.
    Input shape: any. Output shape: same as the input.
    Reference: Srivastava et al., 2014, JMLR 15, section 4.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, noise_shape, seed, **kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw_mask(self, inputs):
        """Booleans in a shape that broadcasts against the inputs: True where a unit is kept."""
        self.check_inputs(inputs)
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            own = shape[len(shape) - len(self.noise_shape) :]  # they meet at the last axis
            pairs = zip(self.noise_shape, own, strict=True)
            shape = [size if wanted is None else wanted for wanted, size in pairs]
        return keras.random.uniform(shape, seed=self.seed_generator) >= self.rate

    def call(self, inputs, training=False):
        if training and self.rate == 1:  # nothing is kept, and 1 / (1 - rate) is infinite
            return ops.zeros_like(inputs)
        if not training or self.rate == 0:
            return inputs
        return inverted_dropout(inputs, self.draw_mask(inputs), self.rate)

    def get_config(self):
        config = {"rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **config}

    def save_own_variables(self, store):
        store["seed_state"] = self.seed_generator.state  # how far the stream of masks has come

    def load_own_variables(self, store):
        if "seed_state" in store.keys():  # a file with Keras's own layer has none
            self.seed_generator.state.assign(store["seed_state"])


def drops_independently(layer_class):
    """Whether masks of `layer_class(0.5)` differ between examples, between units, between calls.

    Args:
        layer_class: a dropout, called as `layer_class(0.5)(inputs, training=True)`.

    Returns True or False.
    """
    layer, inputs = layer_class(0.5), np.ones((512, 512), "float32")  # (examples, units)
    first, second = (
        ops.convert_to_numpy(layer(inputs, training=True)) == 0 for _ in range(2)
    )  # True where a unit is dropped, in the first and in the second call
    examples = np.mean(first[1:] == first[:-1])
    units = np.mean(first[:, 1:] == first[:, :-1])
    calls = np.mean(first == second)
    return bool(np.all(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15))
