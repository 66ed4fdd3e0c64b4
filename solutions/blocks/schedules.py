# Made from the sources named below by `python3 course.py build`, checksum 00bdb4cce6e708e0
"""The blocks of the course in `schedules`, as its lessons solve them.

floats: solutions/13_schedules_clipping_averages.py
check_decay_steps: solutions/13_schedules_clipping_averages.py
ExponentialDecay: solutions/13_schedules_clipping_averages.py
CosineDecay: solutions/13_schedules_clipping_averages.py
PiecewiseConstantDecay: solutions/13_schedules_clipping_averages.py
PolynomialDecay: solutions/13_schedules_clipping_averages.py
"""

import keras
import numpy as np
from keras import ops

from solutions.blocks.optimizers import check_rate


def floats(rate, *others):
    """`rate` as a tensor of floats, also where it is an int, and `others` in its dtype."""
    rate = ops.convert_to_tensor(rate)
    if not keras.backend.is_float_dtype(rate.dtype):
        rate = ops.cast(rate, keras.config.floatx())
    return rate, *(ops.cast(other, rate.dtype) for other in others)


def check_decay_steps(decay_steps):
    """Return the number of steps; refuse one that is not above 0."""
    if not decay_steps > 0:
        raise ValueError(
            f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}. "
            "It counts training steps (batches), not epochs."
        )
    return decay_steps


class ExponentialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is multiplied by `decay_rate` in the course of every `decay_steps` steps.

    `initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: float of at least 0. The rate of step 0.
        decay_steps: int above 0.
        decay_rate: float above 0. The factor.
        staircase: bool. Whether `step / decay_steps` is rounded down.
        name: string.

    Raises:
        ValueError: `decay_steps` is not above 0, or the rate is below 0.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False,
        name="ExponentialDecay",
    ):
        self.initial_learning_rate = check_rate(initial_learning_rate)
        self.decay_steps, self.decay_rate = check_decay_steps(decay_steps), decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step):
        rate, step, decay_steps, decay_rate = floats(
            self.initial_learning_rate, step, self.decay_steps, self.decay_rate
        )
        times = step / decay_steps
        if self.staircase:
            times = ops.floor(times)
        return rate * decay_rate**times

    def get_config(self):
        names = "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name"
        return {name: getattr(self, name) for name in names}


class CosineDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine wave from the rate down to `alpha` times the rate; before it, a warm-up.

    With `share = min(step / decay_steps, 1)`, the rate is
    `initial_learning_rate * (alpha + (1 - alpha) * (1 + cos(pi * share)) / 2)`.

    Args:
        initial_learning_rate: float of at least 0. The rate of step 0.
        decay_steps: int above 0. Length of the wave; after it the rate stays where it is.
        alpha: float. The share of the rate that is left at the end.
        name: string.
        warmup_target: float or None. Where the line leads, and the wave starts. Without it there
            is no warm-up.
        warmup_steps: int of at least 0. Length of the line.

    Raises:
        ValueError: `decay_steps` is not above 0, or the rate is below 0.

    Reference: Loshchilov and Hutter, 2017, "SGDR: stochastic gradient descent with warm restarts".
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay",
        warmup_target=None, warmup_steps=0,
    ):
        self.initial_learning_rate = check_rate(initial_learning_rate)
        self.decay_steps, self.alpha = check_decay_steps(decay_steps), alpha
        self.warmup_target, self.warmup_steps, self.name = warmup_target, warmup_steps, name

    def __call__(self, step):
        rate, step = floats(self.initial_learning_rate, step)
        if self.warmup_target is None:
            return self.wave(step, rate)
        target, length = (ops.cast(x, rate.dtype) for x in (self.warmup_target, self.warmup_steps))
        line = rate + (target - rate) * step / length
        return ops.where(step < length, line, self.wave(step - length, target))

    def wave(self, step, rate):
        """The rate on the wave, `step` steps after its start from `rate`."""
        share = ops.minimum(step / self.decay_steps, 1)
        wave = (1 + ops.cos(np.pi * share)) / 2
        return rate * (self.alpha + (1 - self.alpha) * wave)

    def get_config(self):
        names = "initial_learning_rate", "decay_steps", "alpha"
        names += "name", "warmup_target", "warmup_steps"
        return {name: getattr(self, name) for name in names}


# Extra:
class PiecewiseConstantDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`values[0]` up to step `boundaries[0]`, then `values[1]` up to `boundaries[1]`, and so on.

    Args:
        boundaries: list of numbers, each larger than the one before. The last step of each value.
        values: list of floats, one more than boundaries.
        name: string.

    Raises:
        ValueError: the number of values is not one more than that of the boundaries.
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of "
                f"length {len(values)}. The first value is that of the steps before all boundaries."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        boundaries = [ops.cast(boundary, step.dtype) for boundary in self.boundaries]
        first, *others = floats(*self.values)
        rate = first
        for boundary, value in zip(boundaries, others, strict=True):
            rate = ops.where(step > boundary, value, rate)
        return rate

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


# Extra:
class PolynomialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """From one rate down to another: in a straight line, or in another power of what is left.

    With `left = 1 - min(step / decay_steps, 1)`, the rate is
    `end_learning_rate + (initial_learning_rate - end_learning_rate) * left ** power`.

    Args:
        initial_learning_rate: float of at least 0. The rate of step 0.
        decay_steps: int above 0.
        end_learning_rate: float. The rate after `decay_steps` steps.
        power: float above 0.
        cycle: bool. Whether `decay_steps` is multiplied, past its end, by the first integer that
            makes it as large as `step`.
        name: string.

    Raises:
        ValueError: `decay_steps` is not above 0, or the rate is below 0.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = check_rate(initial_learning_rate)
        self.decay_steps = check_decay_steps(decay_steps)
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step):
        rate, step, decay_steps, end, power = floats(
            self.initial_learning_rate, step, self.decay_steps, self.end_learning_rate, self.power
        )
        if self.cycle:
            decay_steps *= ops.maximum(ops.ceil(step / decay_steps), 1)
        left = ops.maximum(1 - step / decay_steps, 0)
        return end + (rate - end) * left**power

    def get_config(self):
        names = "initial_learning_rate", "decay_steps", "end_learning_rate"
        names += "power", "cycle", "name"
        return {name: getattr(self, name) for name in names}
