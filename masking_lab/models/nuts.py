"""The No-U-Turn Sampler (Hoffman and Gelman 2014, Algorithm 3): a path doubles until it turns back.

Recursion in two places, decided by what was drawn and by where the path has come to.
"""

import numpy as np

from autodiff_lab import random as draw

STEP, DEEPEST = 0.4, 3


def nuts(lib, q, key, w):
    """One step of the chain from q, for a normal density whose precision is w; and its trips."""
    keys = draw.split(key, 3)
    p = draw.normal(keys[0], q.shape, "float64", like=q) + 0 * q
    level = log_density(q, p, w) + lib.log(draw.uniform(keys[1], (), 1e-6, 1.0, like=q))
    ends, best, count, depth, alive = (q, p, q, p), q, 1, 0, True
    while alive and depth < DEEPEST:
        coin, grow, pick = draw.split(draw.fold_in(keys[2], depth), 3)
        forward = draw.uniform(coin, (), like=q) < 0.5
        ends, new, more, alive = extended(lib, ends, level, forward, depth, grow, w)
        if alive and draw.uniform(pick, (), like=q) * count < more:
            best = new
        count, depth = count + more, depth + 1
        alive = alive and straight(ends)
    return best, depth


def extended(lib, ends, level, forward, depth, key, w):
    """A tree of paths grown at one end of another: new ends, a draw from it, its weight, is it
    well?"""
    q0, p0, q1, p1 = ends
    if forward:
        (_, _, q1, p1), new, more, alive = tree(lib, q1, p1, level, STEP, depth, key, w)
    else:
        (q0, p0, _, _), new, more, alive = tree(lib, q0, p0, level, -STEP, depth, key, w)
    return (q0, p0, q1, p1), new, more, alive


def tree(lib, q, p, level, step, depth, key, w):
    """2 ** depth steps from (q, p), as far as they do not turn back."""
    if depth == 0:
        q, p = leapfrog(q, p, step, w)
        energy = log_density(q, p, w)
        return (q, p, q, p), q, (1 if level < energy else 0), level < energy + 1000
    first, second, pick = draw.split(key, 3)
    ends, best, count, alive = tree(lib, q, p, level, step, depth - 1, first, w)
    if alive:
        ends, new, more, alive = extended(lib, ends, level, step > 0, depth - 1, second, w)
        if draw.uniform(pick, (), like=q) * (count + more) < more:
            best = new
        count, alive = count + more, alive and straight(ends)
    return ends, best, count, alive


def straight(ends):
    """Do both ends still move away from each other?"""
    q0, p0, q1, p1 = ends
    return ((q1 - q0) @ p0 >= 0) and ((q1 - q0) @ p1 >= 0)


def leapfrog(q, p, step, w):
    p = p - 0.5 * step * (w @ q)
    q = q + step * p
    return q, p - 0.5 * step * (w @ q)


def log_density(q, p, w):
    return -0.5 * (q @ (w @ q) + p @ p)


def examples(random, count, size=2):
    """Where each chain stands, and its key."""
    keys = draw.split(draw.key(int(random.integers(1000))), count).astype("int64")
    return [(random.normal(size=size), key) for key in keys]


def weights(random, size=2):
    """A precision matrix."""
    a = random.normal(size=(size, size))
    return a @ a.T + np.eye(size)
