"""`mask`: masking as a transformation of its own, to be composed with others.

A function of one example of *some* size becomes a function of padded arrays and their true lengths.
Where `autobatch` hides the batch, this leaves it to whoever comes next: `jax.vmap` or `torch.vmap`
over arrays and lengths. JAX had a `jax.mask` until 2022, and spelled sizes in the same way.
"""

import functools

from autodiff_lab import trees, xp
from autodiff_lab.errors import AutodiffError

from .batches.masked_batch import is_batch
from .errors import MaskError
from .lane import Lane
from .strategies.masked import run_lanes


def mask(f, spec):
    """`mask(f, spec)(*padded, lengths) -> (padded, out_lengths)`.

    `spec` says how each argument of `f` is shaped: sizes with a name are each example's own, and
    what is given is padded to some more. "n, 4" is a matrix of n rows; "n, m" has two such sizes;
    "n, ..." leaves the other dims open; "" is a scalar. None is for what is no example's own, such
    as weights. For several arguments give a tuple of these; an argument that is a container has a
    container of them, and for one argument a string is enough.

    `lengths` is a dict such as {"n": 3, "m": 2}, or the lengths in the order in which the spec
    first names them, or one number if there is but one. `out_lengths` has the structure of f's
    result, with the length of the ragged dim in place of each array: () if it has none, a tuple if
    it has several. Sizes that `f` computes (n + m in a concatenation) are computed of the lengths.

        padded, out_lengths = mask(f, "n, 4")(x, 3)
        padded[:out_lengths]  ==  f(x[:3])                     and what lies in x[3:] never matters

    Lengths may be traced: `jax.jit(jax.vmap(mask(f, spec)))` and `torch.vmap(mask(f, spec))` run a
    batch, and gradients flow through. A size that tracing froze (Python's int(n), or an `if` on it)
    is an error and never a wrong answer. Lengths are not looked at while tracing, so one that is
    larger than the padding is noticed only if it is a plain number.

    >>> import torch
    >>> centred = mask(lambda x: x - x.mean(), "n")
    >>> padded, n = centred(torch.tensor([1.0, 3.0, 99.0]), 2)
    >>> padded.tolist(), n.item()
    ([-1.0, 1.0, 0.0], 2)
    >>> xs, lengths = torch.tensor([[1.0, 3.0], [5.0, 99.0]]), torch.tensor([2, 1])
    >>> torch.vmap(mask(lambda x: x.mean(), "n"))(xs, lengths)[0].tolist()
    [2.0, 5.0]

    >>> import jax, jax.numpy as jnp
    >>> pairs = mask(lambda x, y: jnp.concatenate([x, y]), ("n", "m"))
    >>> x, y = jnp.arange(3.0), jnp.arange(10.0, 14.0)
    >>> padded, total = pairs(x, y, {"n": 2, "m": 1})
    >>> padded[:total].tolist()
    [0.0, 1.0, 10.0]
    >>> batched = jax.jit(jax.vmap(mask(lambda x: x.mean(), "n")))
    >>> batched(jnp.array([[1.0, 3.0], [5.0, 99.0]]), jnp.array([2, 1]))[0].tolist()
    [2.0, 5.0]
    """
    specs = list(spec) if isinstance(spec, (tuple, list)) else [spec]
    order = list(dict.fromkeys(n for s in trees.leaves(specs) for n in _words(s) if _is_name(n)))

    @functools.wraps(f)
    def masked(*args, **kwargs):
        if len(args) != len(specs) + 1:
            raise MaskError(
                f"mask({_name(f)}) was called with {len(args)} arguments; its spec has "
                f"{len(specs)}, and the lengths come after them"
            )
        leaves, paths, rebuild = trees.flatten(tuple(args[:-1]))
        found = _matched(tuple(args[:-1]), specs)
        like = next((x for x, s in zip(leaves, found, strict=True) if s is not None), None)
        verbs = xp.of(like)
        if verbs is None:
            raise MaskError(
                f"mask({_name(f)}) was called without an array that the spec gives a size; "
                "pass torch.Tensors or JAX arrays, and name their ragged sizes in the spec"
            )
        named = _lengths(verbs, order, args[-1], like)
        sizes = _Sizes(verbs, named)
        lanes = [x if s is None else sizes.lane(x, s, f"argument {p}")
                 for x, s, p in zip(leaves, found, paths, strict=True)]  # fmt: skip
        result = run_lanes(f, rebuild(lanes), kwargs, 1, like, whole=True)
        return _opened(result)

    return masked


def _opened(result):
    """The one example of each batch, and its lengths."""
    leaves, _, rebuild = trees.flatten(result, is_leaf=is_batch)
    data = [b.data[0] if is_batch(b) else b for b in leaves]
    return rebuild(data), rebuild([_own(b) if is_batch(b) else () for b in leaves])


def _own(b):
    lengths = b.lengths
    return tuple(n[0] for n in lengths) if isinstance(lengths, tuple) else lengths[0]


def _name(f):
    return getattr(f, "__name__", "f")


# ----- the spec -----
def _words(spec):
    """`"n, 4"` -> ["n", "4"]."""
    if spec is not None and not isinstance(spec, str):
        raise MaskError(f"a spec has a string or None for each array, such as 'n, 4', not {spec!r}")
    words = [w.strip() for w in spec.split(",")] if spec and spec.strip() else []
    for w in words:
        if not (_is_name(w) or w.isdigit() or w == "..."):
            raise MaskError(
                f"the spec {spec!r} has {w!r} for a size; write a name, a number or '...', and "
                "give a computed size a name of its own"
            )
    if words.count("...") > 1:
        raise MaskError(f"the spec {spec!r} has '...' twice; nobody knows which dims are which")
    return words


def _is_name(word):
    return word.isidentifier()


def _matched(args, specs):
    """The spec of each leaf."""
    try:
        return trees.flatten_like(args, tuple(specs), "the spec")
    except AutodiffError as error:
        raise MaskError(f"{error}; a spec has its argument's structure") from None


def _lengths(verbs, order, given, like):
    """Each name's own length, with a batch axis of one."""
    if not isinstance(given, dict):
        given = given if isinstance(given, (tuple, list)) else (given,)
        if len(given) != len(order):
            raise MaskError(
                f"{len(given)} lengths were given for the sizes {', '.join(order) or 'of none'}; "
                f"pass a dict such as {dict.fromkeys(order, 3)}"
            )
        given = dict(zip(order, given, strict=True))
    if set(given) != set(order):
        raise MaskError(
            f"lengths were given for {', '.join(map(str, given)) or 'nothing'}, and the spec names "
            f"{', '.join(order) or 'nothing'}; give one for each"
        )
    return {name: _one(verbs, name, n, like) for name, n in given.items()}


def _one(verbs, name, n, like):
    n = verbs.asarray(n, like)
    if tuple(n.shape) or verbs.is_inexact(n.dtype) or n.dtype == verbs.bool_type:
        raise MaskError(
            f"the length of {name} is one whole number, not {n.dtype} of shape {tuple(n.shape)}; "
            "for a batch use vmap, or ml.autobatch"
        )
    return verbs.reshape(n, (1,))


class _Sizes:
    """The named sizes of one call: what each is padded to, and its own length."""

    def __init__(self, verbs, lengths):
        self.verbs, self.lengths, self.padded = verbs, lengths, {}

    def lane(self, x, spec, path):
        """An argument as a batch of one."""
        if xp.framework_of(x) is None:
            raise MaskError(f"{path} is a {type(x).__name__}, and its spec {spec!r} is an array's")
        words, shape = self._words(spec, tuple(x.shape), path), tuple(x.shape)
        for word, n in zip(words, shape, strict=True):
            self._check(word, n, spec, shape, path)
        data = self.verbs.reshape(x, (1, *shape))
        return Lane(data, [self.lengths.get(w) for w in words])

    def _words(self, spec, shape, path):
        words = _words(spec)
        at = words.index("...") if "..." in words else len(words)
        given = len(words) - ("..." in words)
        if given > len(shape) or ("..." not in words and given < len(shape)):
            raise MaskError(f"{path} has shape {shape}, which has other dims than {spec!r}")
        return [*words[:at], *["..."] * (len(shape) - given), *words[at + 1 :]]

    def _check(self, word, n, spec, shape, path):
        if word.isdigit() and int(word) != n:
            raise MaskError(f"{path} has shape {shape}, which is not {spec!r}")
        if not _is_name(word):
            return
        if self.padded.setdefault(word, n) != n:
            raise MaskError(
                f"{word} is padded to {self.padded[word]} in one place and to {n} in {path}; pad "
                "equal sizes alike, or give them two names"
            )
        self._check_length(word, n)

    def _check_length(self, word, n):
        try:
            own = int(self.lengths[word][0])
        except Exception:  # under tracing nobody knows
            return
        if not 0 <= own <= n:
            raise MaskError(f"the length {word}={own} does not lie between 0 and the padded {n}")
