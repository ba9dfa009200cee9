"""Answers from outside: slopes by central differences, in NumPy's float64, that know no rule."""

import numpy as np


def slopes(f, *args, argnum=0, h=1e-6):
    """The gradient of `f(*args)`, a number, with respect to one argument.

    >>> slopes(lambda x: (x * x).sum(), np.array([1.0, 2.0])).round(6).tolist()
    [2.0, 4.0]
    """
    return jacobian(f, *args, argnum=argnum, h=h)


def jacobian(f, *args, argnum=0, h=1e-6):
    """How each entry of `f(*args)` moves with each entry of one argument.

    >>> jacobian(lambda x: 3 * x, np.array([1.0, 2.0])).round(6).tolist()
    [[3.0, 0.0], [0.0, 3.0]]
    """
    x = np.asarray(args[argnum], float)

    def moved(k, by):
        new = x.flatten()
        new[k] += by
        return np.asarray(f(*args[:argnum], new.reshape(x.shape), *args[argnum + 1 :]), float)

    columns = [(moved(k, h) - moved(k, -h)) / (2 * h) for k in range(x.size)]
    return (
        np.stack(columns, -1).reshape(columns[0].shape + x.shape) if columns else np.zeros(x.shape)
    )
