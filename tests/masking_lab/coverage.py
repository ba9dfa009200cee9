"""What a mask does to each row and to each spelling: right, refused by name, or wrong.

    python -m tests.masking_lab.coverage [torch | jax] [words of a name]
"""

import math
import sys
import warnings

import numpy as np

import masking_lab as ml
from autodiff_lab import AutodiffError, xp
from masking_lab.lane import Lane, refill
from tests.helpers import array, native_grad, to_numpy

LENGTHS, OTHERS = (4, 2, 6, 3), (2, 5, 3, 1)
POISON = (0.0, math.nan, math.inf, 1e30)


def poisoned(b, value):
    verbs = xp.of(b.data)
    if not verbs.is_float(b.data.dtype):
        value = 77 if value else 0
    return ml.MaskedBatch(refill(verbs, Lane(b.data, b.sizes), value).data, b.sizes)


def inputs(name):
    """Examples `(x, q, i)`: two sequences, and whole numbers below the length of the first."""
    rng = np.random.default_rng(0)
    for n, m in zip(LENGTHS, OTHERS, strict=True):
        x, q = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
        i = rng.permutation(n)
        yield tuple(array(name, v) for v in (x, q, i))


def verdict(name, f, examples):
    """"right", "refused: why", "wrong: what", or "loop: what the loop itself says"."""
    try:
        loop = [f(*e) for e in examples]
    except Exception as error:
        return f"loop: {type(error).__name__} {str(error).splitlines()[0]}"
    batches = [ml.batch(list(column)) for column in zip(*examples, strict=True)]
    try:
        found = [ml.autobatch(f)(*(poisoned(b, v) for b in batches)) for v in POISON]
        gradients = [_gradient(f, batches, v) for v in POISON[: 1 + _smooth(loop[0]) * 3]]
    except (ml.MaskError, AutodiffError) as refusal:
        return f"refused: {refusal}"
    except NotImplementedError as error:
        return f"error: {error}"
    except Exception as error:
        return f"error: {type(error).__name__} {str(error).splitlines()[0] if str(error) else ''}"
    return _compared(name, f, examples, loop, found, gradients)


def _smooth(y):
    return "float" in str(y.dtype)


def _gradient(f, batches, value):
    """Of the first batch's data, every result weighed differently."""
    b = poisoned(batches[0], value)
    rest = [poisoned(x, value) for x in batches[1:]]

    def total(data):
        y = ml.autobatch(f)(ml.MaskedBatch(data, b.sizes), *rest)
        return sum((own * _weights(own)).sum() for own in y.unbatch())

    return to_numpy(native_grad(total, (0,))(b.data)[0]) if _is_smooth(f, batches) else None


def _is_smooth(f, batches):
    return _smooth(f(*(b.unbatch()[0] for b in batches)))


def _weights(y):
    framework = xp.framework_of(y)
    return array(framework, np.cos(np.arange(math.prod(y.shape))).reshape(tuple(y.shape)))


def _compared(name, f, examples, loop, found, gradients):
    for ours, theirs in zip(found[0].unbatch(), loop, strict=True):
        a, b = to_numpy(ours), to_numpy(theirs)
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"wrong: {a.dtype}{a.shape} instead of {b.dtype}{b.shape}"
        if not np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True):
            return f"wrong: {a.tolist()} instead of {b.tolist()}"
    for other in found[1:]:
        for a, b in zip(other.unbatch(), found[0].unbatch(), strict=True):
            if not np.array_equal(to_numpy(a), to_numpy(b), equal_nan=_smooth(a)):
                return "wrong: what the padding holds is seen"
    if gradients[0] is None:
        return "right"
    for value, g in zip(POISON, gradients, strict=False):
        for k, e in enumerate(examples):
            own = native_grad(lambda x, e=e: (f(x, *e[1:]) * _weights(f(*e))).sum(), (0,))(e[0])[0]
            own, n = to_numpy(own), len(e[0])
            if not np.allclose(g[k, :n], own, rtol=1e-8, atol=1e-9, equal_nan=True):
                return f"wrong: gradient {g[k, :n].tolist()} instead of {own.tolist()} ({value})"
            if (g[k, n:] != 0).any():
                return f"wrong: gradient of the padding {g[k, n:].tolist()} ({value})"
    return "right"


def main(names, words):
    from tests.masking_lab.spellings import SAYS

    counts = {}
    for name in names:
        examples = list(inputs(name))
        for title, f in SAYS[name]().items():
            if words and not any(w in title for w in words):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                told = verdict(name, f, examples)
            kind = told.partition(":")[0]
            counts[name, kind] = counts.get((name, kind), 0) + 1
            if kind != "right" or words:
                print(f"{name:6}{title:22}{told[:200]}", flush=True)
    print(counts)


if __name__ == "__main__":
    given = sys.argv[1:]
    frameworks = [g for g in given if g in ("torch", "jax")] or ["torch", "jax"]
    main(frameworks, [g for g in given if g not in ("torch", "jax")])
