"""What a row of the table is. One row is one meaning; everything else in Tapestry reads it.

The kinds, and what the one statement `d` of the derivative is for each of them:

    pointwise   y_i = f(x_i)          one partial per input; ONE and NEG stand for 1 and -1
    linear      y = A x               the transpose: d(xp, g, like, **params) -> cotangents
    bilinear    y = a * b, any kind   one transpose per input: d[0](xp, g, b), d[1](xp, g, a)
    general     anything else         the pair (jvp, vjp)
    constant    flat or discrete      nothing
    composite   made of other rows    nothing: its only mathematics is `fn`, written over rows

`fn(xp, *xs, **params)` says what the operation computes; `xp` is the framework's thin namespace.
Parameters are keyword-only and axes are never negative. A row with many outputs returns a tuple,
and its derivative takes and gives tuples in their place. A cotangent may be given as a function
without arguments: it is called only if somebody wants it.
"""

import ast
import linecache
import sys
from dataclasses import dataclass, field

from .. import xp
from . import symbols

ONE, NEG = "one", "neg"
ROWS: dict[str, "Row"] = {}
CACHES: list = []  # dicts that others derive from ROWS: emptied whenever a row is added


@dataclass(eq=False, repr=False)
class Row:
    name: str
    kind: str
    fn: object
    d: object = None
    arity: int | None = 1  # None: any number of inputs
    outputs: int | str = 1  # "many": fn returns a tuple
    linear_in: tuple = (0,)  # linear rows: the inputs it is linear in; the others are kept
    keeps: str = ""  # general rows: which of "x" and "y" the reverse walk keeps
    kernel: object = None  # kernel(xp, g, y, x): g * partial by a fused kernel of PyTorch's
    fast: object = None  # a way through PyTorch's fused kernels (`fused`), tested against `fn`
    axes: object = None  # axes(ndims, **params) -> (for each input, where its axes go), output ndim
    batch: object = None  # batch(batched, **params) -> params with a batch axis in front, or None
    whole: object = None  # composite rows: the value by a kernel of PyTorch's, tested against `fn`
    calm: bool = False  # finite inputs give a finite result and finite slopes, and grow by a factor
    told: object = None  # told(xp, there, *xs) -> the inputs, with a mask of what is there
    mixes: object = None  # mixes(**params) -> the axes that stay, but whose entries meet: softmax
    moves: object = None  # moves(**params) -> the axes along which entries change places
    along: object = None  # along(m, *xs, **params): what it does along a ragged dim (masking_lab)
    identity: object = None  # what a dead entry is replaced with before it is reduced: -inf for max
    safe: float = 0.0  # what a dead entry is replaced with elsewhere: 1 under log and divide
    domain: tuple | str = (-2.0, 2.0)  # where the tests draw inputs from, or what kind
    cases: tuple = ()  # (shapes, params) the tests try, for rows with parameters
    torch: tuple = ()  # PyTorch's spellings
    jax: tuple = ()  # JAX's spellings
    prims: tuple = ()  # the lax primitives that mean this row
    means: tuple | None = None  # (row, params): a row of the table, with its parameters filled in
    tex: str = ""  # the formula, where it cannot be read off `fn`
    dtex: str = ""  # the derivative in words or LaTeX, where it cannot be read off `d`
    kinks: str = ""
    pitfalls: str = ""
    example: str = ""
    lesson: str = "00_tour.ipynb"
    file: str = ""
    line: int = 0
    _keep: dict = field(default_factory=dict)

    is_verb = True  # called on a boxed value, a row speaks the table's words

    def __call__(self, *xs, **params):
        """The operation itself, on values of either framework: `ROWS["tanh"](x)`."""
        return xp.call(self, xs, params)

    @property
    def __name__(self):
        return self.name

    def __repr__(self):
        return f"<row {self.name}: {self.kind}>"

    @property
    def section(self):
        """The file of the table this row stands in."""
        return self.file.replace("\\", "/").rsplit("/", 1)[-1]

    @property
    def formula(self):
        if self.tex:
            return self.tex
        return symbols.symbol(self.fn(symbols.Symbols(), *symbols.inputs(self.arity))).tex

    @property
    def partials(self):
        """LaTeX of each partial derivative (pointwise rows), read off `d`."""
        return tuple(self._partial(i).tex for i in range(self.arity)) if self.is_pointwise else ()

    @property
    def is_pointwise(self):
        return self.kind == "pointwise"

    @property
    def elementwise(self):
        return self.axes is right_aligned

    def _partial(self, i):
        if self.d[i] in (ONE, NEG):
            return symbols.symbol(1 if self.d[i] == ONE else -1)
        return symbols.symbol(
            self.d[i](symbols.Symbols(), symbols.output(), *symbols.inputs(self.arity))
        )

    def keep(self, active):
        """What the reverse walk keeps alive: `(output?, (input 0?, input 1?, ...))`.

        `active[i]` says whether anybody wants the derivative with respect to input i.
        """
        if active not in self._keep:
            self._keep[active] = self._what_to_keep(active)
        return self._keep[active]

    def _what_to_keep(self, active):
        n, wanted = len(active), [i for i, a in enumerate(active) if a]
        if self.kind == "pointwise":
            used = frozenset().union(*(self._partial(i).uses for i in wanted))
            return "y" in used, tuple(i in used for i in range(n))
        if self.kind == "bilinear":
            return False, tuple(any(j != i for j in wanted) for i in range(n))
        if self.kind == "linear":
            return False, tuple(
                self.linear_in != "all" and i not in self.linear_in for i in range(n)
            )
        if self.kind == "general":
            return "y" in self.keeps, ("x" in self.keeps,) * n
        return False, (self.kind == "composite",) * n

    @property
    def needs(self):
        """`keep` in words, for every input active."""
        n = self.arity or 1
        keep_y, keep_x = self.keep((True,) * n)
        names = symbols.NAMES.get(n, ())
        kept = [f"input {v}" for v, k in zip(names, keep_x, strict=False) if k]
        return ", ".join(kept + ["output y"] * keep_y) or "nothing"

    def source(self):
        """The text of the statement in the table, for `??`."""
        text = "".join(linecache.getlines(self.file))
        for node in ast.parse(text).body:
            if node.lineno <= self.line <= (node.end_lineno or 0):
                return ast.get_source_segment(text, node) or ""
        return ""


def right_aligned(ndims, **_):
    """Elementwise: axes line up from the right, as in broadcasting."""
    out = max(ndims)
    return [tuple(range(out - n, out)) for n in ndims], out


def unchanged(ndims, **_):
    return [tuple(range(n)) for n in ndims], ndims[0]


def positive(n):
    """A size that is computed, and not below 0: a number, or an array of each example's own."""
    return max(n, 0) if isinstance(n, int) else n.clip(0)


def _spellings(prefixes, given, name):
    """`"neg Tensor.neg"` -> dotted names; a word without a dot gets each of the prefixes."""
    words = [w for w in (given or name).split() if w != "-"]  # "-": it has no such function
    return tuple(p + w for w in words for p in (("",) if "." in w else prefixes))


def _add(name, kind, fn, torch="", jax="", prims=None, **rest):
    frame = sys._getframe(2)
    row = Row(
        name=name,
        kind=kind,
        fn=fn,
        torch=_spellings(("torch.", "torch.Tensor."), torch, name),
        jax=_spellings(("jax.numpy.",), jax, name),
        prims=tuple((name if prims is None else prims).split()),
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        **rest,
    )
    ROWS[name] = row
    for cache in CACHES:
        cache.clear()
    return row


def pointwise(name, fn, d, arity=1, **rest):
    """A row that acts on each entry alone. `d` is one partial per input."""
    d = d if isinstance(d, tuple) else (d,)
    return _add(name, "pointwise", fn, d=d, arity=arity, axes=right_aligned, **rest)


def linear(name, fn, d, **rest):
    """A row that is linear in its inputs: forward it is itself, `d` is its transpose."""
    return _add(name, "linear", fn, d=d, **rest)


def bilinear(name, fn, d, **rest):
    """A row that is linear in each of its two inputs: `d` is one transpose per input."""
    return _add(name, "bilinear", fn, d=d, arity=2, **rest)


def general(name, fn, jvp, vjp, keeps="xy", **rest):
    """A row that states both directions; the tests hold them against each other."""
    return _add(name, "general", fn, d=(jvp, vjp), keeps=keeps, **rest)


def constant(name, fn, arity=1, axes=right_aligned, **rest):
    """A row whose derivative is zero or does not exist."""
    return _add(name, "constant", fn, arity=arity, axes=axes, **rest)


def composite(name, fn, **rest):
    """A row made of other rows: derivative, mask behaviour and card follow from `fn`."""
    return _add(name, "composite", fn, prims=rest.pop("prims", ""), **rest)
