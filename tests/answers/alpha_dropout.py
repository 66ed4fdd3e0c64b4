"""Right answers to the exercise on alpha dropout."""

import keras
from keras import ops

from solutions.blocks.dropout import AlphaDropout

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


class AsInThePaper(AlphaDropout):
    """a and b from their formulas, the mask by a choice."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        lowest, kept = -SCALE * ALPHA, 1 - self.rate
        a = (kept + lowest**2 * kept * self.rate) ** -0.5
        b = -a * self.rate * lowest
        return a * self.mixed(inputs, lowest) + b

    def mixed(self, inputs, lowest):
        return ops.where(self.draw_mask(inputs), inputs, ops.cast(lowest, inputs.dtype))


class ByAProduct(AsInThePaper):
    """The mask multiplies, as in Keras."""

    def mixed(self, inputs, lowest):
        kept = ops.cast(self.draw_mask(inputs), inputs.dtype)
        return kept * inputs + (1 - kept) * lowest


class ByDrops(AsInThePaper):
    """A mask of what is dropped, from uniform numbers below the rate."""

    def mixed(self, inputs, lowest):
        return inputs - ops.cast(~self.draw_mask(inputs), inputs.dtype) * (inputs - lowest)


class ByMomentsOfOneUnit(AsInThePaper):
    """Mean and variance worked out from both cases, each as likely as it is."""

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        lowest = -SCALE * ALPHA
        mean = self.rate * lowest
        mean_square = (1 - self.rate) * 1 + self.rate * lowest**2
        stddev = (mean_square - mean**2) ** 0.5
        return (self.mixed(inputs, lowest) - mean) / stddev


ANSWERS = {
    "AlphaDropout": [
        keras.layers.AlphaDropout,
        AsInThePaper,
        ByAProduct,
        ByDrops,
        ByMomentsOfOneUnit,
    ]
}
