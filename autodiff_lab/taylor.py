"""Taylor mode: derivatives of any order along a curve, in one pass.

taylor : (a -> b), a, T a          ->  the coefficients of f(x + t v) in powers of t
jet    : (a -> b), a, T a, T a ... ->  the derivatives of f(x(t)), given those of x(t)

It is forward mode with a power series in place of the tangent (Griewank & Walther 2008, chapter 13;
Bettencourt, Johnson & Duvenaud 2019, "Taylor-mode automatic differentiation for higher-order
derivatives in JAX"). Order n costs some n^2 / 2 times the function, where `jvp` nested n deep costs
2^n times. What one operation does to a series is read off the table in `series`.
"""

import math
import os
from typing import NamedTuple

from . import table, trees, xp
from .calculus import push
from .errors import AutodiffError
from .forward import ForwardTape, checked, matched
from .series import Series, SeriesVerbs, at, or_zeros, over, times
from .tape import Tape
from .trace import trace


class Expansion(NamedTuple):
    """f(x + t v) as a polynomial in t: call it, or read off coefficients or derivatives."""

    coefficients: list

    @property
    def derivatives(self):
        """[f, f' v, f'' v v, ...]: coefficient k times k!"""
        return [_scaled(tree, k, times) for k, tree in enumerate(self.coefficients)]

    def __call__(self, t):
        """The value of the polynomial at t (Horner's scheme)."""
        by_leaf = zip(*map(trees.leaves, self.coefficients), strict=True)
        rebuild = trees.flatten(self.coefficients[0])[2]
        return rebuild([_horner(coefficients, t) for coefficients in by_leaf])


def taylor(f, x, order, along=None):
    """The Taylor expansion of `f(x + t * along)` in t, up to t^order.

    `x` is the one argument of `f`, and may be a container. `along` has its structure; left out it
    is 1 everywhere: for a single number that gives d/dx, for a function that acts on each entry
    alone every entry's own. The result is a polynomial that can be called, with `.coefficients`
    and `.derivatives`.

    >>> import torch
    >>> p = taylor(torch.exp, torch.tensor(0.0), order=3)
    >>> p.derivatives
    [tensor(1.), tensor(1.), tensor(1.), tensor(1.)]
    >>> p.coefficients[3], p(0.5)
    (tensor(0.1667), tensor(1.6458))
    """
    if not isinstance(order, int) or order < 0:
        raise AutodiffError(f"taylor(..., order={order!r}): say how far to go, 0 or more")
    directions = _ones(x) if along is None else matched((x,), (along,))
    tape = expand(f, (x,), [[v] for v in directions], order)
    return Expansion([tape.rebuild(coefficient(tape, k)) for k in range(order + 1)])


def jet(f, primals, series):
    """The derivatives of `f(x(t))` at t = 0, given those of the curve x(t) through `primals`.

    `series` has one list per primal, of the curve's first derivative, its second, and so on, each
    with that primal's structure; None stands for zero, and lists may differ in length. Returns
    `f(*primals)` and the list of its derivatives by t. `jax.experimental.jet` computes the same.

    >>> import torch
    >>> y, (first, second) = jet(torch.sin, (torch.tensor(0.0),), ([2.0, 1.0],))
    >>> float(y), float(first), float(second)
    (0.0, 2.0, 1.0)
    """
    primals, series = _lists(primals, series)
    order = max(map(len, series), default=0)
    given: list = [[] for _ in matched(primals, (None,) * len(primals))]
    for k in range(order):
        terms = matched(primals, tuple(s[k] if k < len(s) else None for s in series))
        for of_leaf, c in zip(given, terms, strict=True):
            of_leaf.append(_scaled(c, k + 1, over))
    tape = expand(f, primals, given, order)
    found = [_scaled(tape.rebuild(coefficient(tape, k)), k, times) for k in range(1, order + 1)]
    return tape.output, found


def _lists(primals, series):
    for given in (primals, series, *(series if isinstance(series, (list, tuple)) else ())):
        if given is not None and not isinstance(given, (list, tuple)):
            raise AutodiffError(
                "jet takes a tuple of primals and for each of them a list of derivatives, not a "
                f"{type(given).__name__}; write jet(f, (x,), ([dx, ddx],))"
            )
    if len(primals) != len(series):
        raise AutodiffError(
            f"jet was given {len(primals)} primals and {len(series)} series; give one list of "
            "derivatives per primal, as in jet(f, (x,), ([dx, ddx],))"
        )
    return tuple(primals), [terms or () for terms in series]


def expand(f, primals, given, order):
    """The tape of `f(*primals)`; `given` has the coefficients of each array among the primals."""
    return trace(lambda verbs: TaylorTape(verbs, order, given), f, primals)


def coefficient(tape, k):
    """Coefficient k of each output."""
    outputs = zip(tape.outputs, trees.leaves(tape.output), strict=True)
    return [_of_output(tape.xp, node, y, k) for node, y in outputs]


def _of_output(verbs, node, y, k):
    if k == 0:
        return y
    if node is not None and node.tangent is not None:
        return or_zeros(node.tangent, k)
    return verbs.zeros(tuple(y.shape), y.dtype, y) if xp.framework_of(y) else 0.0


def _scaled(tree, k, by):
    """The tree times, or over, k!"""
    factor = math.prod(map(float, range(1, k + 1)))  # inf from 171! on
    return trees.map(lambda c: by(factor, c), tree) if k > 1 else tree


def _horner(coefficients, t):
    *rest, total = coefficients
    for c in reversed(rest):
        total = total * t + c
    return total


def _ones(x):
    """1 for all that can move; where nothing can, for all, so that it is refused by name."""
    arrays = [leaf for leaf in trees.leaves(x) if xp.framework_of(leaf)]
    moves = [xp.of(v).is_inexact(v.dtype) for v in arrays]
    pairs = zip(arrays, moves, strict=True)
    return [xp.of(v).ones_like(v) if can or not any(moves) else None for v, can in pairs]


def _is_of_the_table(row):
    return os.path.dirname(row.file) == os.path.dirname(table.__file__)


# ----- the tape -----
class TaylorTape(ForwardTape):
    """A tape whose nodes carry a power series each, up to `order`."""

    def __init__(self, verbs, order, given):
        super().__init__(verbs, given)
        self.order, self.series = order, SeriesVerbs(verbs)

    def input(self, value, name):
        """Of each input the coefficients from the first on were given; None for a zero."""
        node = Tape.input(self, value, name)
        given = [checked(self.xp, c, value, name) for c in next(self.tangents)]
        return self.give(node, value, given[: self.order])

    def add(self, row, parents, values, params, y, scope=(), where=None, frozen=False):
        node = self._node(row, (), params, y, frozen)
        flows = not frozen and self.xp.is_inexact(y.dtype) and row.kind != "constant"
        return self.give(node, y, self._expanded(row, parents, values, params, y) if flows else ())

    def add_many(self, row, parents, values, params, ys, scope=(), where=None, frozen=False):
        nodes = [self._node(row, (), params, y, frozen) for y in ys]
        found = () if frozen else self._expanded(row, parents, values, params, tuple(ys))
        for node, y, coefficients in zip(nodes, ys, found or [()] * len(nodes), strict=True):
            self.give(node, y, coefficients)
        return nodes

    # ----- what a node carries -----
    def give(self, node, y, coefficients):
        """Let the node carry a series: the coefficients behind its value y."""
        node.active = any([c is not None for c in coefficients or ()])
        if node.active:
            zeros = [None] * (self.order - len(coefficients))
            node.tangent = Series(self.series, y, None)
            node.tangent.known += [*coefficients, *zeros]
        return node

    def carried(self, node):
        """The coefficients behind the value as arrays: what a loop carries along."""
        if node.tangent is None:
            return None
        return tuple(or_zeros(node.tangent, k) for k in range(1, self.order + 1))

    # ----- one operation -----
    def _expanded(self, row, parents, values, params, y):
        """The coefficients of the output, or of each output; () where nothing moves."""
        moving = [p.tangent for p in parents if p.tangent is not None]
        if not moving:
            return ()
        pairs = zip(parents, values, strict=True)
        xs = [x if p.tangent is None else p.tangent for p, x in pairs]
        if row.kind not in ("linear", "bilinear") and not _is_of_the_table(row):
            return self._by_users_rule(row, xs, params, y)
        found = self.series.apply(row, xs, params, y)
        many = row.outputs != 1
        coefficients = [self._all_of(s) for s in (found if many else [found])]
        for s in (*moving, *self.series.made):
            s.forget()
        self.series.made.clear()
        return coefficients if many else coefficients[0]

    def _all_of(self, y):
        return [at(y, k) for k in range(1, self.order + 1)]

    def _by_users_rule(self, row, xs, params, y):
        """y' = rule(x', y, x), where the rule is anybody's code: recorded and expanded itself.

        It reads y, so it runs once per order, each time knowing one more coefficient of y.
        """
        if row.outputs != 1:
            raise AutodiffError(
                f"Taylor mode does not go through {row.name}, a row with many outputs that was "
                "added to the table; give each output a row of its own, or nest ad.jvp"
            )
        moving = [x for x in xs if isinstance(x, Series)]

        def rule(slopes, y, moved):
            slopes, moved = iter(slopes), iter(moved)
            dxs = [next(slopes) if isinstance(x, Series) else None for x in xs]
            now = [next(moved) if isinstance(x, Series) else x for x in xs]
            return push(row, self.xp, y, now, dxs, params)

        primals = [or_zeros(x, 1) for x in moving], y, [x.value for x in moving]
        rates = [[times(k, x.at(k)) for k in range(2, self.order + 1)] for x in moving]
        known = [x.known[1:] for x in moving]
        found: list = []
        for k in range(self.order):
            tape = expand(rule, primals, [*rates, found, *known], k)
            found = [*found, over(k + 1, coefficient(tape, k)[0])]
        return found
