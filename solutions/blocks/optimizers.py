# Made from the sources named below by `python3 course.py build`, checksum 45848e499566fcf1
"""The blocks of the course in `optimizers`, as its lessons solve them.

check_rate: solutions/10_an_optimizer_of_your_own.py
GradientDescent: solutions/10_an_optimizer_of_your_own.py
SGD: solutions/10_an_optimizer_of_your_own.py
"""

import keras
import numpy as np
from keras import ops

from solutions.blocks.dropout import check_number


def check_rate(learning_rate):
    """Return the learning rate; refuse a number below 0 and NaN. Keras looks at the rest."""
    if isinstance(learning_rate, float):
        check_number("learning_rate", learning_rate, lambda rate: rate >= 0, "a float of at least 0")
    return learning_rate


class GradientDescent(keras.optimizers.Optimizer):
    """Gradient descent: `variable -= learning_rate * gradient`. It has no momentum yet.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Cauchy, 1847, Comptes rendus 25.
    """

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        step = ops.multiply(gradient, rate)
        self.assign_sub(variable, step)


class SGD(keras.optimizers.Optimizer):
    """Gradient descent with momentum, and with Nesterov's look ahead.

    `m = momentum * m - learning_rate * gradient`, then `variable += m`; with `nesterov=True`
    instead `variable += momentum * m - learning_rate * gradient`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        momentum: float in [0, 1]. The share of the last step that is made again.
        nesterov: bool. Whether to step as if the momentum had been followed already.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Sutskever et al., 2013, "On the importance of initialization and momentum in deep
    learning".
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        if not isinstance(momentum, (float, np.floating)) or not 0 <= momentum <= 1:
            raise ValueError(
                f"`momentum` must be a float between [0, 1]. Received: momentum={momentum!r}. "
                "Use momentum=0.0 for plain gradient descent."
            )
        self.momentum, self.nesterov = float(momentum), nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        step = ops.multiply(gradient, rate)
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, ops.subtract(m * self.momentum, step))
        self.assign_add(variable, ops.subtract(m * self.momentum, step) if self.nesterov else m)

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
