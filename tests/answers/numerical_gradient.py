"""Central differences, answered in other ways."""

import numpy as np


def in_place(function, inputs, step=1e-3):
    """Moves one number of a copy and puts it back."""
    x = np.array(inputs, dtype=np.float64)
    gradient = np.empty(x.shape)
    it = np.nditer(x, flags=["multi_index"])
    for _ in it:
        where = it.multi_index
        kept = x[where]
        x[where] = kept + step
        above = float(function(x))
        x[where] = kept - step
        below = float(function(x))
        x[where] = kept
        gradient[where] = (above - below) / (2.0 * step)
    return gradient


def by_rows_of_the_identity(function, inputs, step=1e-3):
    """Each direction is a row of the identity, folded into the inputs' shape."""
    x = np.asarray(inputs, "float64")
    directions = np.eye(x.size).reshape(-1, *x.shape)
    slopes = [function(x + step * e) - function(x - step * e) for e in directions]
    return np.reshape(np.array(slopes, "float64") / step / 2, x.shape)


def with_flat_views(function, inputs, step=1e-3):
    """A flat view of the result, filled from first to last."""
    x = np.array(inputs).astype(float)
    gradient = np.zeros(x.shape)
    for place in range(x.size):
        values = []
        for sign in (1, -1):
            moved = x.copy()
            moved.flat[place] += sign * step
            values.append(function(moved))
        gradient.flat[place] = 0.5 * (values[0] - values[1]) / step
    return gradient


ANSWERS = {"numerical_gradient": [in_place, by_rows_of_the_identity, with_flat_views]}
