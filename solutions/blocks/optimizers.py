# Made from the sources named below by `python3 course.py build`, checksum a5e9b3a379af45f6
"""The blocks of the course in `optimizers`, as its lessons solve them.

check_rate: solutions/10_an_optimizer_of_your_own.py
GradientDescent: solutions/10_an_optimizer_of_your_own.py
SGD: solutions/10_an_optimizer_of_your_own.py
check_not_negative: solutions/11_per_parameter_rates.py
check_share: solutions/11_per_parameter_rates.py
Adagrad: solutions/11_per_parameter_rates.py
RMSprop: solutions/11_per_parameter_rates.py
Adadelta: solutions/11_per_parameter_rates.py
AdamArguments: solutions/12_adam.py
Adam: solutions/12_adam.py
AdamW: solutions/12_adam.py
Nadam: solutions/12_adam.py
Adamax: solutions/12_adam.py
counts_its_steps: solutions/12_adam.py
clip_gradients: solutions/13_schedules_clipping_averages.py
WeightAverage: solutions/13_schedules_clipping_averages.py
Lion: solutions/14_newer_optimizers.py
MuonArguments: solutions/14_newer_optimizers.py
Muon: solutions/14_newer_optimizers.py
ScheduleFreeAdamW: solutions/14_newer_optimizers.py
Lamb: solutions/14_newer_optimizers.py
"""

import keras
import numpy as np
from keras import ops

from solutions.blocks.dropout import check_number
from utils.quiet import tensorflow as tf


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
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        step = ops.multiply(gradient, rate)
        self.assign_sub(variable, step)


class SGD(keras.optimizers.Optimizer):
    """Gradient descent with momentum, and with Nesterov's look ahead.

    `m = momentum * m - learning_rate * gradient`, then `variable += m`; with `nesterov=True`
    instead `variable += momentum * m - learning_rate * gradient`, with the new `m`.

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


def check_not_negative(name, value):
    """Refuse what is below 0, NaN or no number."""
    check_number(name, value, lambda number: number >= 0, "a float of at least 0")


def check_share(name, value):
    """Refuse what cannot be the share of an average that is kept: below 0, 1 or more, NaN."""
    check_number(name, value, lambda share: 0 <= share < 1, "a float in [0, 1)")


class Adagrad(keras.optimizers.Optimizer):
    """A rate for each number, which falls as the squares of its gradients add up.

    `accumulator += gradient**2`, then
    `variable -= learning_rate * gradient / sqrt(accumulator + epsilon)`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        initial_accumulator_value: float of at least 0. What every accumulator starts from.
        epsilon: float of at least 0. Keeps the root away from 0.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Duchi et al., 2011, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12.
    """

    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        check_not_negative("initial_accumulator_value", initial_accumulator_value)
        check_not_negative("epsilon", epsilon)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        start = keras.initializers.Constant(self.initial_accumulator_value)
        self.accumulators = self.add_optimizer_variables(
            variables, "accumulator", initializer=start
        )

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        place = self._get_variable_index(variable)
        accumulator = self.accumulators[place]
        self.assign_add(accumulator, ops.square(gradient))
        root = ops.sqrt(accumulator + self.epsilon)
        self.assign_sub(variable, ops.divide(ops.multiply(gradient, rate), root))

    def get_config(self):
        start = {"initial_accumulator_value": self.initial_accumulator_value}
        return super().get_config() | start | {"epsilon": self.epsilon}


class RMSprop(keras.optimizers.Optimizer):
    """A rate for each number, by the size that its gradients have had lately.

    `velocity = rho * velocity + (1 - rho) * gradient**2`, then
    `variable -= learning_rate * gradient / sqrt(velocity + epsilon)`.

    With `centered=True` the square of an average gradient, kept like the velocity, is subtracted from
    the velocity under the root. With momentum, `m = momentum * m + step` and `variable -= m`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        rho: float in [0, 1). The share of the old averages that is kept.
        momentum: float in [0, 1). The share of the last step that is made again.
        epsilon: float of at least 0. Keeps the root away from 0.
        centered: bool. Whether to divide by the root of the variance instead of the mean square.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Hinton, 2012, "Neural networks for machine learning", lecture 6; centered: Graves, 2013,
    "Generating sequences with recurrent neural networks", equations 38 to 45.
    """

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **kwargs
    ):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        check_share("rho", rho)
        check_share("momentum", momentum)
        check_not_negative("epsilon", epsilon)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def build(self, variables):
        if self.built:
            return
        super().build(variables)

        def slots(name, are_needed=True):
            none = [None] * len(variables)
            return self.add_optimizer_variables(variables, name) if are_needed else none

        self.velocities = slots("velocity")
        self.momentums = slots("momentum", self.momentum)
        self.average_gradients = slots("average_gradient", self.centered)

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        place = self._get_variable_index(variable)
        velocity, average = self.velocities[place], self.average_gradients[place]
        momentum, new = self.momentums[place], 1 - self.rho
        squares = ops.multiply(new, ops.square(gradient))
        self.assign(velocity, ops.add(self.rho * velocity, squares))
        spread = velocity
        if self.centered:
            self.assign(average, ops.add(self.rho * average, ops.multiply(new, gradient)))
            spread = velocity - ops.square(average)
        step = ops.divide(ops.multiply(gradient, rate), ops.sqrt(spread + self.epsilon))
        if self.momentum:
            self.assign(momentum, ops.add(self.momentum * momentum, step))
            step = momentum
        self.assign_sub(variable, step)

    def get_config(self):
        config = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}
        return super().get_config() | config | {"centered": self.centered}


class Adadelta(keras.optimizers.Optimizer):
    """Steps as large as the last ones were, whatever the unit of the gradient.

    Both averages keep a share `rho`, as RMSprop's velocity does:

    `accumulated_grad`, the average of `gradient**2`, then
    `delta = -gradient * sqrt(accumulated_delta_var + epsilon) / sqrt(accumulated_grad + epsilon)`,
    `accumulated_delta_var`, the average of `delta**2`, and `variable += learning_rate * delta`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
            The paper has none: 1.0.
        rho: float in [0, 1). The share of the old averages that is kept.
        epsilon: float of at least 0, but 0 never makes a first step.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Zeiler, 2012, "ADADELTA: an adaptive learning rate method", algorithm 1.
    """

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        check_share("rho", rho)
        check_not_negative("epsilon", epsilon)
        self.rho, self.epsilon = rho, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["accumulated_grad", "accumulated_delta_var"]
        self.accumulated_grads, self.accumulated_delta_vars = self.add_optimizer_variables(
            variables, names
        )

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        place = self._get_variable_index(variable)
        squares, squared_steps = self.accumulated_grads[place], self.accumulated_delta_vars[place]
        new = ops.multiply(1 - self.rho, ops.square(gradient))
        self.assign(squares, ops.add(self.rho * squares, new))
        ratio = ops.sqrt(squared_steps + self.epsilon) / ops.sqrt(squares + self.epsilon)
        step = ops.multiply(gradient, ratio)
        new = ops.multiply(1 - self.rho, ops.square(step))
        self.assign(squared_steps, ops.add(self.rho * squared_steps, new))
        self.assign_sub(variable, ops.multiply(rate, step))

    def get_config(self):
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}


class AdamArguments(keras.optimizers.Optimizer):
    """What Adam and its relatives are told, and what they refuse; no slots and no update.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        beta_1: float in [0, 1). The share of the first moment that is kept in each step.
        beta_2: float in [0, 1). The same for the second moment.
        epsilon: float of at least 0. Keeps the step finite where the second moment is 0.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.
    """

    def __init__(self, learning_rate, beta_1, beta_2, epsilon, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        check_share("beta_1", beta_1)
        check_share("beta_2", beta_2)
        check_not_negative("epsilon", epsilon)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own


class Adam(AdamArguments):
    """A step by the mean of past gradients, over the root of the mean of their squares.

    In step t, counted from 1:
    `m += (g - m) * (1 - beta_1)`, `v += (g**2 - v) * (1 - beta_2)`,
    `bias_correction = sqrt(1 - beta_2**t) / (1 - beta_1**t)`,
    `w -= learning_rate * bias_correction * m / (sqrt(v) + epsilon)`.
    With `amsgrad=True` the largest v so far stands in for v.

    Args: learning_rate, beta_1, beta_2, epsilon, kwargs: see `AdamArguments`.
        amsgrad: bool. Whether a rate once lowered stays low.

    Reference: Kingma and Ba, 2015, "Adam: a method for stochastic optimization", the last formula
    of section 2; Reddi et al., 2018, "On the convergence of Adam and beyond".
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.velocities = self.add_optimizer_variables(variables, "velocity")
        if self.amsgrad:
            self.velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def bias_correction(self):
        """By how much a step is longer or shorter since both moments begin at 0. A float32."""
        step = ops.cast(self.iterations + 1, "float32")  # 1 in the first step
        return ops.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        rate = ops.cast(learning_rate * self.bias_correction(), dtype)
        m, v = self.momentums[place], self.velocities[place]
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))
        if self.amsgrad:
            largest = self.velocity_hats[place]
            self.assign(largest, ops.maximum(largest, v))
            v = largest
        self.assign_sub(variable, rate * m / (ops.sqrt(v) + self.epsilon))

    def get_config(self):
        return super().get_config() | {"amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam, and in each step every variable loses a share `learning_rate * weight_decay` of itself.

    `w -= learning_rate * weight_decay * w`, then Adam's step, whose moments see nothing of it.

    Args: learning_rate, beta_1, beta_2, epsilon, amsgrad, kwargs: see `Adam`.
        weight_decay: float of at least 0.

    Reference: Loshchilov and Hutter, 2019, "Decoupled weight decay regularization".
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        **kwargs,
    ):
        if weight_decay is None:
            raise ValueError(
                "Argument `weight_decay` must be a float. Received: weight_decay=None. "
                "Use Adam for no decay."
            )
        check_not_negative("weight_decay", weight_decay)
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs
        )

    def _apply_weight_decay(self, variables):
        """What Keras's base class would do before every step: here `update_step` does it."""

    def update_step(self, gradient, variable, learning_rate):
        if self._use_weight_decay(variable):
            share = ops.cast(learning_rate * self.weight_decay, variable.dtype)
            self.assign_sub(variable, share * variable)
        super().update_step(gradient, variable, learning_rate)


class Nadam(AdamArguments):
    """Adam with Nesterov's look ahead.

    With `mu(t) = beta_1 * (1 - 0.5 * 0.96**t)` and `u(t) = mu(1) * … * mu(t)`, in step t:
    m and v as in Adam,
    `m_hat = mu(t + 1) * m / (1 - u(t + 1)) + (1 - mu(t)) * g / (1 - u(t))`,
    `v_hat = v / (1 - beta_2**t)`, `w -= learning_rate * m_hat / (sqrt(v_hat) + epsilon)`.

    Args: see `AdamArguments`.

    Reference: Dozat, 2016, "Incorporating Nesterov momentum into Adam".
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["momentum", "velocity"]
        self.momentums, self.velocities = self.add_optimizer_variables(variables, names)
        self._u_product = keras.Variable(1.0, name="u_product")  # Keras's tests ask for the name

    def mu(self, step):
        """The share of the momentum that counts in a step."""
        return self.beta_1 * (1 - 0.5 * 0.96 ** ops.cast(step, "float32"))

    def _backend_update_step(self, gradients, variables, learning_rate):
        """One step of the whole optimizer; it calls `update_step` for each variable."""
        self.assign(self._u_product, self._u_product * self.mu(self.iterations + 1))
        super()._backend_update_step(gradients, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        m, v = (slots[place] for slots in (self.momentums, self.velocities))
        step = ops.cast(self.iterations + 1, "float32")
        beta_2 = ops.cast(self.beta_2, "float32")  # rounded once: v and its correction agree
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * ops.cast(1 - beta_2, dtype))
        ahead, u = self.mu(step + 1), self._u_product
        of_m = ops.cast(ahead / (1 - u * ahead), dtype)
        of_gradient = ops.cast((1 - self.mu(step)) / (1 - u), dtype)
        v_hat = v / ops.cast(1 - beta_2**step, dtype)
        m_hat = ops.add(m * of_m, ops.multiply(gradient, of_gradient))
        rate = ops.cast(learning_rate, dtype)
        self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.epsilon))


# Extra: the largest of past gradients in place of their mean square.
class Adamax(AdamArguments):
    """Adam with the largest gradient of late in place of the mean square.

    In step t: m as in Adam, `u = max(beta_2 * u, |g|)`,
    `w -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)`.

    Args: see `AdamArguments`.

    Reference: Kingma and Ba, 2015, section 7.1.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["momentum", "norm"]
        self.momentums, self.norms = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        m, u = self.momentums[place], self.norms[place]
        step = ops.cast(self.iterations + 1, "float32")
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign(u, ops.maximum(u * self.beta_2, ops.abs(gradient)))
        rate = ops.cast(learning_rate / (1 - self.beta_1**step), dtype)
        self.assign_sub(variable, rate * m / (u + self.epsilon))


def counts_its_steps(optimizer_class):
    """Whether an Adam corrects its moments by the number of the step it is in, compiled or not.

    Args:
        optimizer_class: called as `optimizer_class(learning_rate=…, beta_1=…, beta_2=…)`.

    Returns True or False.
    """
    optimizer = optimizer_class(learning_rate=0.1, beta_1=0.5, beta_2=0.9)
    weights = [keras.Variable(np.zeros(2), name=name) for name in ["one", "other"]]
    optimizer.build(weights)
    # As `fit` does it: compiled, so that Python runs once and TensorFlow every time it is called.
    make_step = tf.function(lambda: optimizer.apply([tf.ones(2)] * 2, weights), autograph=False)
    places = [np.zeros((2, 2))]
    for _ in range(5):
        make_step()
        places.append(np.array([weight.numpy() for weight in weights]))
    return bool(np.all(np.abs(np.diff(places, axis=0) + 0.1) < 0.001))


def clip_gradients(gradients, clipvalue=None, clipnorm=None, global_clipnorm=None):
    """Limit gradients: each number, the norm of each gradient, or the norm of all together.

    A gradient above its limit is scaled down to it, so that it keeps its direction; one below stays
    as it is. Only `clipvalue`, which limits every number to [-clipvalue, clipvalue], turns it.

    Args:
        gradients: list of tensors; None for a variable without gradient, which stays None.
        clipvalue, clipnorm, global_clipnorm: float above 0, or None. At most one of them is given.

    Returns: a list as long as `gradients`.

    Raises:
        ValueError: more than one limit is given, or one that is not above 0.

    Reference: Pascanu, Mikolov and Bengio, 2013, "On the difficulty of training recurrent neural
    networks".
    """
    limits = {"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    if len(limits) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
            f"{', '.join(f'{name}={limit}' for name, limit in limits.items())}."
        )
    for name, limit in limits.items():
        check_number(name, limit, lambda number: number > 0, "a float above 0")
    if not limits:
        return list(gradients)
    if clipvalue:
        return [g if g is None else ops.clip(g, -clipvalue, clipvalue) for g in gradients]
    floats32 = [ops.zeros(()) if g is None else ops.cast(g, "float32") for g in gradients]
    squares = [ops.sum(ops.square(g)) for g in floats32]
    if global_clipnorm:
        squares = [sum(squares)] * len(squares)
    factors = [limit / ops.maximum(ops.sqrt(square), limit) for square in squares]
    pairs = zip(gradients, factors, strict=True)
    return [g if g is None else ops.multiply(g, ops.cast(f, g.dtype)) for g, f in pairs]


class WeightAverage:
    """An exponential moving average of weights, as Keras's optimizers keep it with `use_ema=True`.

    `average = momentum * average + (1 - momentum) * variable` after every step of the optimizer;
    the first time `average = variable`.

    Args:
        variables: list of variables, as `model.trainable_variables`.
        momentum: float in [0, 1]. The share of the old average that is kept.

    Reference: Polyak and Juditsky, 1992, "Acceleration of stochastic approximation by averaging", for
    the average with equal weights.
    """

    def __init__(self, variables, momentum=0.99):
        check_number("momentum", momentum, lambda share: 0 <= share <= 1, "a float in [0, 1]")
        self.variables, self.momentum = list(variables), momentum
        self.averages = [
            keras.Variable(ops.zeros_like(variable), trainable=False) for variable in self.variables
        ]
        self.updates = keras.Variable(0, trainable=False, dtype="int32")

    def update(self):
        """Take the weights as they are now into the average."""
        kept = ops.where(self.updates == 0, 0.0, self.momentum)
        for average, variable in zip(self.averages, self.variables, strict=True):
            average.assign(average * kept + variable * (1 - kept))
        self.updates.assign_add(1)

    def swap(self):
        """Exchange weights and averages: once to evaluate the average, once more to train on."""
        for average, variable in zip(self.averages, self.variables, strict=True):
            value = ops.copy(variable)
            variable.assign(average)
            average.assign(value)


class Lion(keras.optimizers.Optimizer):
    """A step of the same size for every number: only the sign of its gradients counts.

    `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, and only then
    `m = beta_2 * m + (1 - beta_2) * g`.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        beta_1: float in (0, 1]. The momentum's share in the step.
        beta_2: float in [0, 1). The share of the momentum that is kept in each step.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `weight_decay`.

    Reference: Chen et al., 2023, "Symbolic discovery of optimization algorithms".
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs):
        super().__init__(learning_rate=check_rate(learning_rate), **kwargs)
        if not isinstance(beta_1, (int, float, np.floating)) or not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates "
                f"to SignSGD. Received: beta_1={beta_1}. 0 itself is refused too."
            )
        check_share("beta_2", beta_2)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        m = self.momentums[self._get_variable_index(variable)]
        mixture = ops.add(m * self.beta_1, ops.multiply(gradient, 1 - self.beta_1))
        self.assign_sub(variable, rate * ops.sign(mixture))
        self.assign(m, ops.add(m * self.beta_2, ops.multiply(gradient, 1 - self.beta_2)))

    def get_config(self):
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}


class MuonArguments(keras.optimizers.Optimizer):
    """What Muon is told, its slots, and Adam's step for what is not a matrix.

    Args:
        learning_rate: float of at least 0, a `LearningRateSchedule`, or a function without arguments.
        adam_beta_1, adam_beta_2: floats in [0, 1). The shares that Adam's two moments keep.
        adam_weight_decay: float of at least 0, or None. The decay of what goes by Adam.
        epsilon: float of at least 0. Keeps Adam's step finite where the second moment is 0.
        weight_decay: float of at least 0, or None. The decay of the matrices.
        exclude_layers: list of strings, patterns (`re`) of variable paths that go by Adam as well,
            such as the last layer's. None for an empty list.
        exclude_embeddings: bool. Whether embeddings go by Adam as well.
        muon_a, muon_b, muon_c: floats. Coefficients of the Newton–Schulz iteration.
        adam_lr_ratio: float of at least 0. Adam's learning rate over Muon's.
        momentum: float in [0, 1). The share of the last step that is made again.
        ns_steps: int of at least 0. Newton–Schulz iterations.
        nesterov: bool. Whether to look ahead.
        rms_rate: float of at least 0, or None. Root mean square of an update at rate 1; None leaves
            it as it comes.
        kwargs: what every Keras optimizer takes, as `clipnorm` or `use_ema`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(
            learning_rate=check_rate(learning_rate), weight_decay=weight_decay, **kwargs
        )
        check_share("adam_beta_1", adam_beta_1)
        check_share("adam_beta_2", adam_beta_2)
        check_share("momentum", momentum)
        check_not_negative("epsilon", epsilon)
        check_not_negative("adam_lr_ratio", adam_lr_ratio)
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay, self.epsilon = adam_weight_decay, epsilon
        self.adam_lr_ratio = adam_lr_ratio
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps = momentum, ns_steps
        self.nesterov, self.rms_rate = nesterov, rms_rate

    def _should_use_adamw(self, variable):
        import re

        if len(variable.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.adam_velocities = [
            self.add_variable_from_reference(variable, "velocity")
            if self._should_use_adamw(variable)
            else None
            for variable in variables
        ]

    def _apply_weight_decay(self, variables):
        for variable in variables:
            by_adam = self._should_use_adamw(variable)
            decay = self.adam_weight_decay if by_adam else self.weight_decay
            if decay and self._use_weight_decay(variable):
                share = ops.cast(self.learning_rate * decay, variable.dtype)
                self.assign_sub(variable, ops.multiply(variable, share))

    def _adamw_update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        m, v = self.momentums[place], self.adam_velocities[place]
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1 - self.adam_beta_2**step) / (1 - self.adam_beta_1**step)
        rate = ops.cast(learning_rate * self.adam_lr_ratio * correction, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        self.assign_add(m, ops.multiply(ops.subtract(gradient, m), 1 - self.adam_beta_1))
        new = ops.subtract(ops.square(gradient), v)
        self.assign_add(v, ops.multiply(new, 1 - self.adam_beta_2))
        self.assign_sub(variable, ops.divide(rate * m, ops.sqrt(v) + self.epsilon))

    def get_config(self):
        names = [
            "adam_beta_1", "adam_beta_2", "adam_weight_decay", "epsilon", "exclude_layers",
            "exclude_embeddings", "muon_a", "muon_b", "muon_c", "adam_lr_ratio", "momentum",
            "ns_steps", "nesterov", "rms_rate",
        ]  # fmt: skip
        return super().get_config() | {name: getattr(self, name) for name in names}


class Muon(MuonArguments):
    """For each matrix a step whose singular values are all about equal; Adam for the rest.

    `m = momentum * m + g`, with Nesterov's look ahead `g + momentum * m` in its place, then
    `w -= learning_rate * lr_adjust(zeropower_via_newtonschulz5(m, ns_steps))`.

    Args: see `MuonArguments`.

    Reference: Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks"; the
    adjusted rate: Liu et al., 2025, "Muon is scalable for LLM training".
    """

    def zeropower_via_newtonschulz5(self, x, steps):
        """Move the singular values of a matrix towards 1, and leave its singular vectors.

        From `x / norm(x)`, `steps` times `x = a x + b (x xᵀ) x + c (x xᵀ)² x`.
        """
        is_tall = x.shape[0] > x.shape[1]
        x = ops.transpose(x) if is_tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(steps):
            gram = ops.matmul(x, ops.transpose(x))
            polynomial = self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)
            x = self.muon_a * x + ops.matmul(polynomial, x)
        return ops.transpose(x) if is_tall else x

    def lr_adjust(self, x):
        """Scale an orthogonal matrix so that its root mean square is `rms_rate`.

        That of an orthogonal one is 1 over the root of its longer side.
        """
        if self.rms_rate is None:
            return x
        return x * (self.rms_rate * max(x.shape) ** 0.5)

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        if self.adam_velocities[place] is not None:
            self._adamw_update_step(gradient, variable, learning_rate)
            return
        gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))
        m = self.momentums[place]
        self.assign(m, m * self.momentum + gradient)
        direction = gradient + m * self.momentum if self.nesterov else m
        update = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        self.assign_sub(variable, rate * self.lr_adjust(update))


class ScheduleFreeAdamW(AdamArguments):
    """AdamW whose averages make up for a schedule of the learning rate.

    Three sequences: z makes the steps; x is the mean of all z so far, to be evaluated with; y, between
    the two, is where gradients are computed: the variable itself. In step t, counted from 1:
    `v += (g**2 - v) * (1 - beta_2)`, `v_hat = v / (1 - beta_2**t)`,
    `z -= learning_rate * g / (sqrt(v_hat) + epsilon)`,
    `x += (z - x) / t`, `y = (1 - beta_1) * z + beta_1 * x`.

    Args: learning_rate, beta_2, epsilon, kwargs: see `AdamArguments`.
        beta_1: float in (0, 1). How near to x the gradients are computed.
        warmup_steps: int of at least 0. Steps in which the learning rate climbs to its value.

    Reference: Defazio et al., 2024, "The road less scheduled".
    """

    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        **kwargs,
    ):
        check_number("beta_1", beta_1, lambda share: 0 < share < 1, "a float in (0, 1)")
        check_not_negative("warmup_steps", warmup_steps)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.warmup_steps = warmup_steps

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # z starts where the variable is, by its initializer: `fit` builds an optimizer while it traces
        # the step, and an `assign` there is written into a trace that never runs.
        self.momentums = [
            self.add_variable_from_reference(
                each, "momentum", initializer=lambda shape, dtype, each=each: ops.copy(each)
            )
            for each in variables
        ]
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def average(self, variable):
        """x of a variable: nobody keeps it, since it follows from y and z."""
        z = self.momentums[self._get_variable_index(variable)]
        return (variable - z * (1 - self.beta_1)) / self.beta_1

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        z, v = self.momentums[place], self.velocities[place]
        t = ops.cast(self.iterations + 1, "float32")  # 1 in the first step
        if self.warmup_steps:
            learning_rate = learning_rate * ops.minimum(t / self.warmup_steps, 1)
        gradient, rate = (ops.cast(x, dtype) for x in (gradient, learning_rate))
        beta_2 = ops.cast(self.beta_2, "float32")  # rounded once: v and its correction agree
        x = self.average(variable)
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * ops.cast(1 - beta_2, dtype))
        v_hat = v / ops.cast(1 - beta_2**t, dtype)
        step = ops.divide(ops.multiply(gradient, rate), ops.sqrt(v_hat) + self.epsilon)
        self.assign_sub(z, step)
        x = x + (z - x) / ops.cast(t, dtype)
        self.assign(variable, z * (1 - self.beta_1) + x * self.beta_1)

    def get_config(self):
        return super().get_config() | {"warmup_steps": self.warmup_steps}


# Extra: Adam's direction, in steps as long as a share of the variable they change.
class Lamb(AdamArguments):
    """Adam's direction, in steps whose length is a share of the variable's own.

    Moments as in Adam, both corrected: `m_hat = m / (1 - beta_1**t)`, `v_hat = v / (1 - beta_2**t)`,
    `direction = m_hat / (sqrt(v_hat) + epsilon)`,
    `trust = norm(w) / norm(direction)`, or 1 where either is 0,
    `w -= learning_rate * trust * direction`.

    Args: learning_rate, beta_1, beta_2, epsilon, kwargs: see `AdamArguments`.

    Reference: You et al., 2020, "Large batch optimization for deep learning: training BERT in 76
    minutes".
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def norm(self, x):
        return ops.sqrt(ops.sum(ops.square(x)))

    def update_step(self, gradient, variable, learning_rate):
        dtype, place = variable.dtype, self._get_variable_index(variable)
        gradient, rate = (ops.cast(x, dtype) for x in (gradient, learning_rate))
        m, v = self.momentums[place], self.velocities[place]
        t = ops.cast(self.iterations + 1, "float32")  # 1 in the first step
        self.assign_add(m, ops.subtract(gradient, m) * (1 - self.beta_1))
        self.assign_add(v, ops.subtract(ops.square(gradient), v) * (1 - self.beta_2))
        m_hat = m / ops.cast(1 - self.beta_1**t, dtype)
        v_hat = v / ops.cast(1 - self.beta_2**t, dtype)
        direction = m_hat / (ops.sqrt(v_hat) + self.epsilon)
        own, other = self.norm(variable), self.norm(direction)
        trust = ops.where(ops.logical_and(own > 0, other > 0), own / other, 1)
        self.assign_sub(variable, rate * trust * direction)
