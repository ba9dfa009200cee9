"""Random numbers without a state: the n-th number is a function of the key and of n.

    key = ad.random.key(0)                    two words of 32 bits, of no framework
    a, b = ad.random.split(key)               keys that have nothing to do with each other
    x = ad.random.normal(a, (3,), like="jax")

The function is Threefry-2x32 of twenty rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
numbers: as easy as 1, 2, 3", SC 2011): a block cipher that encrypts the counter n. What is drawn
does not depend on what was drawn before, on the framework, or on how many are drawn along with it;
and keys, bits and uniform numbers are, to the last bit, those that `jax.random` gives for the same
key. (`normal` goes through each framework's own inverse of the error function, and those agree to a
few units in the last place; so does `uniform` in a range whose width is no power of two, which
XLA may round once instead of twice.)

A key is a pair of integers: of NumPy, as `key` makes it, a JAX array (also JAX's own keys, and
under jit), or a tensor. `like` says where the numbers go: an array, "torch" or "jax". For
`ad.compile` on torch make the key a tensor: to a straight line an array of NumPy is a constant,
and it is recorded anew for each.
"""

import math
import sys

import numpy as np

from . import xp
from .errors import AutodiffError
from .table import ROWS
from .table.row import Row, right_aligned

MASK = 0xFFFFFFFF
ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)
WHICH = 'numbers of which framework? Say like="torch", like="jax" or like=x with an array x'


def key(seed):
    """The key of a whole number from 0 to 2**64 - 1.

    >>> key(7)
    array([0, 7], dtype=uint32)
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**64:
        raise AutodiffError(f"a seed is a whole number from 0 to 2**64 - 1, and not {seed!r}")
    return np.array([int(seed) >> 32, int(seed) & MASK], dtype=np.uint32)


def split(key, n=2):
    """`n` new keys, the rows of an array. Use the old key for nothing else.

    >>> split(key(0), 3).shape
    (3, 2)
    """
    key = _checked(key)
    return _as_keys(threefry(key, *_counters(key, (n,))))


def fold_in(key, data):
    """A new key for each whole number, such as that of a layer, an epoch or an example.

    >>> fold_in(key(0), 5)
    array([1524306142, 1887795613], dtype=uint32)
    """
    if xp.framework_of(key) is None and xp.framework_of(data):
        key = _handed(_checked(key), data, "uint32")
    key = _checked(key)
    return _as_keys(threefry(key, key[0] * 0, key[0] * 0 + _word(data, key)))


def bits(key, shape=(), like=None):
    """Whole numbers from 0 to 2**32 - 1, all equally likely (int64 in torch, uint32 in JAX)."""
    high, low = _words(key, shape, like)
    return _handed(high ^ low, like, "uint32")


def uniform(key, shape=(), low=0.0, high=1.0, dtype="float32", like=None):
    """Numbers of [low, high): multiples of 2**-23 (of 2**-52 in float64), then scaled.

    >>> import torch
    >>> uniform(key(0), (2,), like="torch")
    tensor([0.9477, 0.9786])
    """
    u = _handed(_fraction(*_words(key, shape, like), dtype), like)
    if (low, high) == (0.0, 1.0):
        return u
    low, high = np.array([low, high], dtype)
    return u * float(high - low) + float(low)


def _fraction(high, low, dtype):
    """Two words as a number of [0, 1); each step is exact."""
    if dtype == "float32":
        return _as_float((high ^ low) // 2**9, dtype) * 2.0**-23
    if dtype == "float64":
        return (_as_float(high, dtype) * 2.0**20 + _as_float(low // 2**12, dtype)) * 2.0**-52
    raise AutodiffError(f"random numbers are drawn as float32 or float64, not {dtype}; cast them")


def _as_float(x, dtype):
    verbs = xp.of(x)
    return verbs.astype(x, dtype) if verbs else x.astype(dtype)


def normal(key, shape=(), dtype="float32", like=None):
    """Numbers of the normal distribution with mean 0 and variance 1.

    >>> import torch
    >>> normal(key(0), (2,), like="torch")
    tensor([1.6226, 2.0253])
    """
    above = float(np.nextafter(np.array(-1.0, dtype), np.array(0.0, dtype)))
    return ROWS["erfinv"](uniform(key, shape, above, 1.0, dtype, like)) * math.sqrt(2)


def bernoulli(key, p=0.5, shape=(), like=None):
    """Booleans that are true with probability `p`."""
    return uniform(key, shape, like=like) < p


def categorical(key, logits):
    """One class per row of logits: the largest, after Gumbel noise was added (Gumbel 1954)."""
    tiny = float(np.finfo("float32").tiny)
    u = uniform(key, tuple(logits.shape), tiny, 1.0, like=logits)
    verbs = xp.of(logits)
    return verbs.argmax(logits - verbs.log(-verbs.log(u)), len(logits.shape) - 1)


def permutation(key, n, like=None):
    """The numbers from 0 to n - 1 in random order; of NumPy, where nobody says otherwise.

    They are sorted by random keys, as often as makes ties of all keys unlikely.
    """
    key = _checked(key if _is_known((n,)) else _handed(key, like, "uint32"))
    order = _counters(key, (n,))[1] + key[0] * 0
    for rounds in range(3):
        few = 2 ** (32 * rounds / 3)  # so many are in order after this many rounds
        if _is_known((n,)) and n <= few:
            break
        keys = split(key)
        key, now = _checked(keys[0]), _checked(keys[1])
        high, low = threefry(now, *_counters(now, (n,)))
        new = _sorted_by(high ^ low, order)
        order = new if _is_known((n,)) else xp.of(new).where(key[0] * 0 + n > few, new, order)
    return order if like is None else _handed(order, like)


# ----- the cipher -----
def threefry(key, high, low):
    """Twenty rounds on the two words of a counter; the key is added in after every four."""
    words = key[0], key[1], high, low
    for word in words:
        if getattr(word, "rank", 0) > 1:  # a masked batch: to it this is one operation
            return word.__torch_function__(_rounds, (), words)
    return _rounds(*words)


def _rounds(a, b, high, low):
    keys = a, b, a ^ b ^ 0x1BD11BDA
    high, low = _wrap(high + a), _wrap(low + b)
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            high = _wrap(high + low)
            low = high ^ _wrap(low * 2**r | low // 2 ** (32 - r))  # turned left by r bits
        high = _wrap(high + keys[(i + 1) % 3])
        low = _wrap(low + keys[(i + 2) % 3] + (i + 1))
    return high, low


_rounds.custom_row = Row(  # type: ignore[attr-defined]
    "threefry", "constant", lambda xp, *words: _rounds(*words), arity=4, outputs=2,
    axes=right_aligned,
)  # fmt: skip


def _wrap(word):
    """Back to 32 bits: JAX has such integers, torch and NumPy compute in 64."""
    return word if str(word.dtype) == "uint32" else word & MASK


def _word(data, key):
    """A whole number in the key's integers: JAX would take others together as int32."""
    verbs = xp.of(key)
    if verbs is None or verbs.name != "jax" or isinstance(data, int):
        return data
    return verbs.astype(verbs.asarray(data, key), key.dtype)


def _words(key, shape, like):
    """Two words for each entry of the shape: the cipher of its place."""
    if like is None and xp.framework_of(key) is None:
        _checked(key)
        raise AutodiffError(WHICH)
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    key = _checked(key if _is_known(shape) else _handed(key, like, "uint32"))
    return threefry(key, *_counters(key, shape))


def _is_known(shape):
    """Or is a size each example's own, in a masked batch?"""
    return all(isinstance(n, (int, np.integer)) for n in shape)


def _counters(key, shape):
    """The two words of each place, counted row by row: the high one is 0."""
    if _is_known(shape):
        device = {"device": key.device} if xp.framework_of(key) == "torch" else {}
        places = _lib(key).arange(math.prod(shape), dtype=key.dtype, **device).reshape(shape)
        return places * 0, places
    verbs = xp.of(key)
    places, below = verbs.zeros((), key.dtype, key), 1
    for axis in reversed(range(len(shape))):
        places = places + verbs.arange(shape, axis, key.dtype, key) * below
        below = shape[axis] * below
    return places * 0, places


# ----- keys: a pair of words in the framework's own integers, NumPy's where nobody has asked -----
def _checked(key):
    """The pair in integers that threefry can compute with."""
    if hasattr(key, "dtype") and str(key.dtype).startswith("key<"):
        key = sys.modules["jax"].random.key_data(key)
    if not hasattr(key, "shape") or tuple(key.shape) != (2,) or "int" not in str(key.dtype):
        what = f"{key.dtype} of shape {tuple(key.shape)}" if hasattr(key, "shape") else repr(key)
        raise AutodiffError(
            f"a key is a pair of integers, as ad.random.key(0) gives it, not {what}"
        )
    verbs = xp.of(key)
    if verbs is None:
        return np.asarray(key).astype(np.int64)
    return verbs.astype(key, verbs.dtype("int64" if verbs.name == "torch" else "uint32"))


def _as_keys(words):
    lib = _lib(words[0])
    keys = lib.stack(words, -1)
    return keys.astype(np.uint32) if lib is np else keys


def _handed(x, like, dtype=None):
    """What was drawn with NumPy, as an array of the framework that was asked for."""
    name = like if isinstance(like, str) else xp.framework_of(like)
    own = xp.framework_of(x)
    if own is not None:
        if name not in (None, own):
            raise AutodiffError(f"a key of {own} draws numbers of {own}, and not of {name}")
        return x
    if name not in ("torch", "jax"):
        raise AutodiffError(WHICH)
    verbs = xp.verbs(name)
    if name == "jax":
        return verbs.lib.asarray(x, dtype)
    return verbs.lib.tensor(x, device=getattr(like, "device", None))


def _lib(x):
    verbs = xp.of(x)
    return verbs.lib if verbs else np


def _sorted_by(words, x):
    if xp.framework_of(words) == "jax":
        return xp.of(words).lax.sort((words, x), num_keys=1, is_stable=True)[1]
    if _lib(words) is np:
        return x[np.argsort(words, kind="stable")]
    return x[_lib(words).argsort(words, stable=True)]
