"""`check`: are these derivatives right? And if not, which ones, by how much, and where?

The derivatives of the whole function are held against slopes measured from outside, and forward
against reverse: <g, J dx> = <J'g, dx>. Then every node of the tape is checked alone, at the values
it really saw, so that a wrong row is named with its line.
"""

import contextlib

import numpy as np

from .. import trees, xp
from ..calculus import pull, push
from ..errors import AutodiffError, AutodiffTypeError
from ..forward import jvp
from ..linearize import LinearTape, pulled
from ..record import record
from ..reverse import vjp
from ..trace import _names, _no_arrays, trace
from .report import Report
from .slopes import judge, measure

ENTRIES = 32  # of each array: as many are tried, spread over it


def check(f, *args, rtol=None, atol=None, order=1):
    """Hold our derivatives of `f` at `args` against slopes measured from outside.

    Returns a report: true if they are right, and readable either way. It names the input, the
    output and the entry that are wrong, and the first operation whose own row is wrong, with its
    line. Computes in float64 where `f` can. At a kink any slope between the two sides is right.
    `order=2` also checks the derivative of the gradient, and so on.

    >>> import torch
    >>> check(torch.tanh, torch.tensor([0.5, -1.0]))
    <check of tanh: right. 2 entries, forward and reverse, and 1 operation alone, in float64>
    """
    framework = xp.framework(trees.leaves(args))
    if framework is None:
        raise AutodiffError(_no_arrays(f, args))
    if type(order) is not int or order < 1:
        raise AutodiffError(f"check(..., order={order!r}): say how many derivatives, 1 or more")
    with _in_double(framework):
        args = _as_double(f, args, framework)
        report = _check_once(f, args, rtol, atol)
        if order > 1 and report:
            again = check(_gradient(f, args), *args, rtol=rtol, atol=atol, order=order - 1)
            report.add_order(again)
    return report


def _check_once(f, args, rtol, atol):
    case = Case(f, args)
    if not case.differentiable:
        given = ", ".join(f"{n}: {x.dtype}" for n, x in zip(case.names, case.leaves, strict=True)
                          if xp.framework_of(x))  # fmt: skip
        raise AutodiffTypeError(f"no argument has a derivative to check ({given}); pass floats")
    report = Report(f, case.precision)
    if case.is_random():
        report.problem("gave two different answers to the same call, so nothing can be measured; "
                       "give it a fixed key or generator")  # fmt: skip
        return report
    rtol = 50 * case.eps**0.5 if rtol is None else rtol
    _check_nodes(case, report, rtol, atol)
    for at in case.differentiable:
        for entry in case.entries(at):
            _check_entry(case, report, at, entry, rtol, atol)
    _check_directions(case, report, rtol)
    return report


class Case:
    """One function at one point: what it gives, and what our walks say."""

    def __init__(self, f, args):
        self.f = f
        self.leaves, paths, self.rebuild = trees.flatten((args, {}))
        self.names = _names(f, args, paths)
        self.tape = trace(LinearTape, f, args)
        self.record = record(f, *args)
        self.verbs = self.tape.xp
        self.arrays = [i for i, x in enumerate(self.leaves) if xp.framework_of(x)]
        self.differentiable = [i for i in self.arrays if self._flows(self.leaves[i])]
        outputs, self.paths, _ = trees.flatten(self.tape.output)
        self.flowing = [i for i, y in enumerate(outputs) if self._flows(y)]
        self.eps = self._coarsest()
        self.precision = {1e-12: "float64", 1e-5: "float32"}.get(
            next((k for k in (1e-12, 1e-5) if self.eps < k), 1), "half precision"
        )
        rng = np.random.default_rng(0)
        outputs = [np.asarray(_numpy(outputs[i])) for i in self.flowing]
        self.gs = [_draw(rng, y.shape, np.iscomplexobj(y)) for y in outputs]
        self.seeds = self._seeds(self.gs)
        self.cotangents = pulled(self.tape, self.seeds) if self.flowing else []

    def _flows(self, x):
        return xp.framework_of(x) is not None and self.verbs.is_inexact(x.dtype)

    def _coarsest(self):
        """The machine precision of the least precise value on the way."""
        active = [n for n in self.record.nodes if n.active]
        return max([precision_of(n.dtype) for n in active], default=2.3e-16)

    def _seeds(self, gs):
        seeds, outputs = [None] * len(self.tape.outputs), trees.leaves(self.tape.output)
        for i, g in zip(self.flowing, gs, strict=True):
            g = np.conj(g) if self.verbs.name == "torch" else g
            seeds[i] = like(self.verbs, g, outputs[i])
        return seeds

    def values(self, at=None, step=None):
        """The outputs as numpy arrays, with one input moved by `step`."""
        leaves = list(self.leaves)
        if at is not None:
            leaves[at] = like(self.verbs, _numpy(leaves[at]) + step, leaves[at])
        args, kwargs = self.rebuild(leaves)
        outputs = trees.leaves(self.f(*args, **kwargs))
        return [np.asarray(_numpy(outputs[i])) for i in self.flowing]

    def is_random(self):
        pairs = zip(self.values(), self.values(), strict=True)
        return not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    def entries(self, at):
        shape = tuple(self.leaves[at].shape)
        n = int(np.prod(shape))
        chosen = range(n) if n <= ENTRIES else np.linspace(0, n - 1, ENTRIES).astype(int)
        return [tuple(int(k) for k in np.unravel_index(i, shape)) for i in chosen]

    def pushed(self, at, dx):
        dxs = [None] * len(self.leaves)
        dxs[at] = like(self.verbs, dx, self.leaves[at])
        dys = trees.leaves(jvp(self.f, self.rebuild(self.leaves)[0], self.rebuild(dxs)[0])[1])
        return [np.asarray(_numpy(dys[i])) for i in self.flowing]

    def pulled(self, at):
        return np.asarray(_numpy(self.cotangents[self.arrays.index(at)]))

    def where(self, at, entry):
        return self.names[at] + words(entry)

    def output(self, i, entry):
        return "output" + self.paths[self.flowing[i]] + words(entry)


# ----- the whole function, entry by entry -----
def _check_entry(case, report, at, entry, rtol, atol):
    x = np.asarray(_numpy(case.leaves[at]))
    unit = np.zeros(x.shape, x.dtype)
    unit[entry] = 1
    slopes = _slopes(case, at, unit, abs(x[entry]))
    columns, clean = case.pushed(at, unit), True
    for i, (ours, slope) in enumerate(zip(columns, slopes, strict=True)):
        verdict = judge(ours, slope, rtol, atol)
        clean &= not verdict.any()
        for out in map(tuple, np.argwhere(verdict)):
            report.entry("forward", int(verdict[out]), case.output(i, out),
                         case.where(at, entry), ours[out], slope, out)  # fmt: skip
    report.entries += 1
    if clean:
        _check_reverse(case, report, at, entry, slopes, rtol, atol or 0.0)


def _check_reverse(case, report, at, entry, slopes, rtol, atol):
    expected = sum(np.sum(g * s.value) for g, s in zip(case.gs, slopes, strict=True))
    size = sum(np.sum(abs(g * s.value)) + s.noise * s.value.size
               for g, s in zip(case.gs, slopes, strict=True))  # fmt: skip
    ours = case.pulled(at)[entry]
    if not abs(np.real(ours) - np.real(expected)) <= 2 * rtol * size + atol + 1e-300:
        what = f"d <g, output> / d {case.where(at, entry)}"
        report.say_wrong("reverse", what, np.real(ours), np.real(expected))


def _slopes(case, at, direction, size):
    slopes = measure(lambda t: case.values(at, t * direction), max(size, 0.1), case.eps)
    if size == 0 or all(np.isfinite(s.value).all() for s in slopes):
        return slopes
    return measure(lambda t: case.values(at, t * direction), size, case.eps)  # a step of its size


# ----- all entries at once: forward against reverse -----
def _check_directions(case, report, rtol):
    rng = np.random.default_rng(1)
    for at in case.differentiable:
        x = np.asarray(_numpy(case.leaves[at]))
        dx = _draw(rng, x.shape, np.iscomplexobj(x))
        forward = [g * dy for g, dy in zip(case.gs, case.pushed(at, dx), strict=True)]
        reverse = case.pulled(at) * dx
        left, right = (np.real(sum(np.sum(t) for t in ts)) for ts in (forward, [reverse]))
        size = sum(np.sum(abs(t)) for t in (*forward, reverse))
        if not abs(left - right) <= 10 * case.eps**0.75 * size + 1e-300:
            what = f"<g, J d{case.names[at]}>"
            report.say_wrong("forward against reverse", what, right, left)


# ----- each operation alone -----
def _check_nodes(case, report, rtol, atol):
    for node in case.record.nodes:
        if node.row is None or not node.active or node.part not in (None, 0):
            continue
        if (
            node.row.fn is None
        ):  # a rule of JAX's own, met in a jaxpr: only the whole can be measured
            continue
        report.nodes += 1
        for problem in node_problems(case.verbs, node, rtol, atol):
            report.at_node(node, problem)


def node_problems(verbs, node, rtol, atol):
    """What is wrong with one node's row at the values this node saw: sentences."""
    xs = [p.value for p in node.parents]
    y = node.value if node.group is None else tuple(n.value for n in node.group)
    rng = np.random.default_rng(2)
    rtol = max(rtol, 50 * max(precision_of(node.dtype), _of_inputs(node)) ** 0.5)
    gs = [_draw(rng, np.shape(_numpy(v)), np.iscomplexobj(_numpy(v))) for v in _tuple(y)]
    for i, parent in enumerate(node.parents):
        if parent.active:
            yield from _input_problems(verbs, node, i, xs, y, gs, rng, rtol, atol)


def _of_inputs(node):
    return max([precision_of(p.dtype) for p in node.parents if p.active], default=0.0)


def _input_problems(verbs, node, i, xs, y, gs, rng, rtol, atol):
    x, row = np.asarray(_numpy(xs[i])), node.row
    if x.size == 0:
        return
    dx, slopes = _node_slopes(verbs, node, i, xs, x, _draw(rng, x.shape, np.iscomplexobj(x)))
    dxs = [like(verbs, dx, xs[i]) if k == i else None for k in range(len(xs))]
    dys = push(row, verbs, y, xs, dxs, node.params)
    dys = [None] * len(slopes) if dys is None else _tuple(dys)
    name, right = _input_name(node, i), True
    for dy, slope in zip(dys, slopes, strict=True):
        ours = np.zeros_like(slope.value) if dy is None else np.asarray(_numpy(dy))
        verdict = judge(ours, slope, rtol, atol)
        right &= not verdict.any()
        if (verdict == 1).any():
            at = tuple(np.argwhere(verdict == 1)[0])
            yield (
                f"forward, by {name}: the tangent{words(at)} is {ours[at]:.6g}, "
                f"measured {slope.value[at]:.6g}"
            )
    if right:
        yield from _pull_problem(verbs, node, i, xs, y, gs, dx, slopes, rtol, name)


def _node_slopes(verbs, node, i, xs, x, signs):
    """A direction in which every entry moves in proportion, and the slopes along it."""
    for least in (0.1, 0.0):  # so that a tiny entry under a logarithm stays positive
        dx = signs * np.maximum(abs(x), least)

        def moved(t, dx=dx):
            new = list(xs)
            new[i] = like(verbs, x + t * dx, xs[i])
            return [np.asarray(_numpy(v)) for v in _tuple(node.row.fn(verbs, *new, **node.params))]

        slopes = measure(moved, 1.0, max(precision_of(node.dtype), _of_inputs(node)))
        if all(np.isfinite(s.value).all() for s in slopes):
            break
    return dx, slopes


def _pull_problem(verbs, node, i, xs, y, gs, dx, slopes, rtol, name):
    seeds = tuple(like(verbs, g, v) if verbs.is_inexact(v.dtype) else None
                  for g, v in zip(gs, _tuple(y), strict=True))  # fmt: skip
    seed = seeds[0] if node.group is None else seeds
    wanted = [k == i for k in range(len(xs))]
    c = pull(node.row, verbs, seed, y, xs, node.params, wanted)[i]
    c = np.zeros_like(dx) if c is None else np.asarray(_numpy(c))
    flows = [s is not None for s in seeds]
    terms = [g * s.value for g, s, k in zip(gs, slopes, flows, strict=True) if k]
    expected, ours = np.real(sum(np.sum(t) for t in terms)), np.real(np.sum(c * dx))
    size = sum(np.sum(abs(t)) for t in terms) + sum(s.noise * s.value.size for s in slopes)
    if not abs(ours - expected) <= 2 * rtol * size + 1e-300:
        yield f"reverse, by {name}: <cotangent, dx> is {ours:.6g}, measured {expected:.6g}"


def _input_name(node, i):
    parent = node.parents[i]
    return parent.name or f"input {i} ({parent.op})"


# ----- arrays -----
def _tuple(y):
    return tuple(y) if isinstance(y, (tuple, list)) else (y,)


def _numpy(x):
    x = x.detach().cpu() if hasattr(x, "detach") else x
    if "bfloat16" in str(getattr(x, "dtype", "")):
        x = x.float() if hasattr(x, "float") else x.astype("float32")
    found = np.asarray(x)
    return found.astype("float64") if found.dtype.kind == "f" else found


def like(verbs, value, x):
    return verbs.astype(verbs.asarray(np.asarray(value), x), x.dtype)


def _draw(rng, shape, is_complex):
    """Numbers between 1/2 and 1 with a sign: no entry may hide."""
    drawn = rng.uniform(0.5, 1.0, shape) * rng.choice([-1.0, 1.0], shape)
    return drawn + 1j * rng.uniform(0.5, 1.0, shape) if is_complex else drawn


def precision_of(dtype):
    name = str(dtype).rsplit(".", 1)[-1]
    known = {"float64": 2.3e-16, "complex128": 2.3e-16, "float32": 1.2e-7, "complex64": 1.2e-7}
    return known.get(name, 1e-3 if name == "float16" else 8e-3)


# ----- float64 -----
@contextlib.contextmanager
def _in_double(framework):
    """JAX keeps to float32 unless it is asked."""
    if framework != "jax":
        yield
        return
    import jax

    asked = getattr(jax, "enable_x64", None)
    if asked is None:
        from jax.experimental import enable_x64 as asked
    with asked(True):
        yield


def _as_double(f, args, framework):
    """The arguments in float64, unless `f` does not take them so."""
    verbs = xp.verbs(framework)

    def widened(x):
        if xp.framework_of(x) is None or not verbs.is_float(x.dtype):
            return x
        return verbs.astype(verbs.detached(x), verbs.dtype("float64"))

    wide = trees.map(widened, args)
    try:
        f(*wide)
    except Exception:  # weights of its own in float32, say: then we check what there is
        return args
    return wide


def _gradient(f, args):
    """A function whose first derivatives are the second derivatives of `f`."""
    seeds = Case(f, args).seeds

    def gradient(*xs):
        y, pullback = vjp(f, *xs)
        return pullback(trees.flatten(y)[2](seeds))

    gradient.__name__ = f"the gradient of {getattr(f, '__name__', 'f')}"
    return gradient


# ----- words -----
def words(entry):
    return "".join(f"[{int(i)}]" for i in entry)
