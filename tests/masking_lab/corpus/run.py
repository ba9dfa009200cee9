"""One program, run by the loop and by `autobatch`, and what came of it."""

import linecache
import math
import re
import warnings
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from masking_lab.batches.masked_batch import is_batch
from tests.helpers import array, module, to_numpy

POISON = (0.0, math.nan, math.inf, 1e30)
MAX_TRIPS = 100


class Outcome(NamedTuple):
    """`kind` is "same", "both raise", "refused", "mismatch" or "another error"."""

    kind: str
    words: str = ""


def outcome(program, framework, strategy="masked"):
    """Run the program both ways; compare values and gradients, and the fills bit for bit."""
    f = function(program, framework)
    return both(framework, f, *inputs(program, framework), strategy=strategy,
                max_trips=MAX_TRIPS)  # fmt: skip


def both(framework, f, examples, shared, **options):
    """What came of running `f(*example, *shared)` for all examples, by the loop and batched."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = attempt(lambda: by_loop(framework, f, examples, shared))
        found = [
            attempt(lambda fill=fill: batched(framework, f, examples, shared, fill, **options))
            for fill in POISON
        ]
    return compared(want, found)


def function(program, framework):
    """`f` from its text, which stays readable, as that of a notebook cell does."""
    title = f"<program {framework} {program.seed}>"
    linecache.cache[title] = (len(program.text), None, program.text.splitlines(True), title)
    names = namespace(framework)
    exec(compile(program.text, title, "exec"), names)
    return names["f"]


def box(h):
    return SimpleNamespace(h=h, calls=0)


def namespace(framework):
    if framework == "torch":
        from torch.nn import functional as nn

        return {"np": module("torch"), "nn": nn, "Box": box}
    import jax
    from jax import nn

    extra = {"erf": jax.scipy.special.erf, "logsumexp": jax.nn.logsumexp}
    lib = SimpleNamespace(**{**vars(module("jax")), **extra})
    return {"np": lib, "nn": nn, "Box": box}


def inputs(program, framework):
    """`(x, y, X, k)` of each example, and the shared w and W."""
    rng = np.random.default_rng(program.seed)
    examples = []
    for n, m in zip(*program.lengths, strict=True):
        parts = rng.normal(size=n), rng.normal(size=m), rng.normal(size=(n, 2)), rng.integers(0, 4)
        examples.append([array(framework, part) for part in parts])
    return examples, [array(framework, v) for v in (0.8, rng.normal(size=(2, 2)))]


# ----- both ways -----
def by_loop(framework, f, examples, shared):
    """The results of all examples; the gradients of each example's arrays, and of the shared."""
    leaves, _, rebuild = ad.trees.flatten(([tuple(e) for e in examples], tuple(shared)))

    def run(leaves):
        own, weights = rebuild(leaves)
        return [f(*e, *weights) for e in own]

    return differentiated(framework, run, leaves)


def batched(framework, f, examples, shared, fill, **options):
    """The same from one call."""
    columns = ml.batch([tuple(e) for e in examples]), tuple(shared)
    parts, _, rebuild = ad.trees.flatten(columns, is_leaf=is_batch)
    sizes = [p.sizes if is_batch(p) else None for p in parts]

    def run(leaves):
        made = [
            d if s is None else ml.MaskedBatch(d, s) for d, s in zip(leaves, sizes, strict=True)
        ]
        own, weights = rebuild(made)
        return each(ml.autobatch(f, **options)(*own, *weights), len(examples))

    leaves = [filled(p, fill) if is_batch(p) else p for p in parts]
    results, gradients = differentiated(framework, run, leaves)
    kinds = [s for s, x in zip(sizes, leaves, strict=True) if inexact(x)]
    own = [ml.MaskedBatch(g, s).unbatch() for g, s in zip(gradients, kinds, strict=True) if s]
    own = own or [[] for s in kinds if s is not None]
    return results, [g for e in zip(*own, strict=True) for g in e] + gradients[len(own) :]


def each(result, count):
    """What `autobatch` gives back, one example after the other."""
    parts, _, rebuild = ad.trees.flatten(result, is_leaf=is_batch)
    rows = [p.unbatch() for p in parts]
    return [rebuild([r[i] for r in rows]) for i in range(count)]


def filled(b, value):
    """The data of a batch with something else in the padding."""
    if b.mask is None or "bool" in str(b.data.dtype):
        return b.data
    value = value if inexact(b.data) else int(value != 0) * 10**6
    mask = b.mask
    for axis, n in enumerate(b.sizes, start=1):
        mask = (
            mask
            if n is not None
            else xp.of(b.data).reshape(mask, (*mask.shape[:axis], 1, *mask.shape[axis:]))
        )
    return xp.of(b.data).where(mask, b.data, value)


def inexact(x):
    return xp.of(x).is_inexact(x.dtype)


def differentiated(framework, run, leaves):
    """The results of `run(leaves)`, and the framework's own gradients of their weighted sum."""
    places = [i for i, x in enumerate(leaves) if inexact(x)]

    def scored(floats):
        new = dict(zip(places, floats, strict=True))
        results = run([new.get(i, x) for i, x in enumerate(leaves)])
        return score(results), results

    floats = [leaves[i] for i in places]
    if framework == "jax":
        import jax

        gradients, results = jax.grad(scored, has_aux=True)(floats)
        return numbers(results), [to_numpy(g) for g in gradients]
    import torch

    floats = [x.detach().clone().requires_grad_() for x in floats]
    total, results = scored(floats)
    found = [None] * len(floats)
    if getattr(total, "requires_grad", False):
        found = torch.autograd.grad(total, floats, allow_unused=True)
    gradients = [
        torch.zeros_like(x) if g is None else g for g, x in zip(found, floats, strict=True)
    ]
    return numbers(results), [to_numpy(g) for g in gradients]


def score(results):
    """A sum in which no two examples weigh the same."""
    total = 0.0
    for i, result in enumerate(results):
        for leaf in ad.trees.leaves(result):
            total = total + (1 + 0.3 * i) * (leaf.sum() if hasattr(leaf, "sum") else leaf)
    return total


def numbers(results):
    return [[to_numpy(leaf) for leaf in ad.trees.leaves(r)] for r in results]


# ----- what came of it -----
def attempt(run):
    """What `run` gives, or the exception that it raises."""
    try:
        return run()
    except Exception as error:
        return error


def compared(want, found):
    first = found[0]
    if isinstance(first, ml.MaskError):
        return Outcome("refused", reason(first))
    kinds = [type(y).__name__ for y in (want, *found)]
    if any(isinstance(y, Exception) for y in (want, *found)):
        same = len(set(kinds)) == 1
        told = next(y for y in (first, want, *found) if isinstance(y, Exception))
        return Outcome("both raise" if same else "another error",
                       kinds[0] if same else f"{', '.join(kinds)}: {told}")  # fmt: skip
    for i, y in enumerate(found):
        where = difference(y, want)
        if where:
            return Outcome("mismatch", f"padding {POISON[i]}: {where}")
        if fingerprint(y) != fingerprint(first):
            return Outcome("mismatch", f"padding {POISON[i]} changes a bit")
    return Outcome("same")


def difference(found, want):
    """The first number that is not the loop's, in words; "" if there is none."""
    for part, ours, theirs in zip(("value", "gradient"), flat(found), flat(want), strict=True):
        if len(ours) != len(theirs):
            return f"{len(ours)} {part}s for {len(theirs)}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if a.shape != b.shape or not np.allclose(a, b, 1e-8, 1e-9, equal_nan=True):
                return f"{part} {i} is {a.tolist()}, in the loop {b.tolist()}"
    return ""


def flat(outcome):
    results, gradients = outcome
    return [leaf for leaves in results for leaf in leaves], gradients


def fingerprint(outcome):
    return [np.ascontiguousarray(a).tobytes() for part in flat(outcome) for a in part]


def reason(error):
    """Why it was refused, without the names and numbers of this program."""
    text = re.sub(r"\s+", " ", str(error).split("\n")[0])
    text = re.sub(r"`[^`]*`|<program[^>]*>,?|line \d+|\[[^\]]*\]|'[^']*'", "~", text)
    return re.sub(r"[\d.]+", "#", text)[:110]
