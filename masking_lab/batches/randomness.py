"""Random numbers in a batch: a key for each example; generators that have a state are refused.

What a key draws does not depend on the other examples, on their order or on padding
(`autodiff_lab.random`). A generator with a state is drawn from once for all examples, or in another
order than in the loop: no example would get what it gets alone. Such a call is refused where it is
met: by its name where `f` makes it or where it is given a lane (`SHARED`), and else because the
state has moved when `f` is done, which is looked at the first time that `f` runs.
"""

import random as python_random
import sys
from contextvars import ContextVar

from autodiff_lab import random, source, trees, xp

from ..errors import MaskError
from ..once import Remembered
from ..setting import setting
from .masked_batch import MaskedBatch, is_batch


def keys(key, b):
    """A key for each example of a batch (or for each of `b` examples), as a batch of keys.

    The i-th is `ad.random.fold_in(key, i)`; given to `autobatch(f)` beside the batch, each example
    draws what it draws alone. They are of the batch's framework, and of JAX's own type if `key` is.

    >>> import torch
    >>> from masking_lab import autobatch, batch
    >>> xs = batch([torch.ones(3), torch.ones(1)])
    >>> noisy = autobatch(lambda x, key: x + random.normal(key, x.shape, like=x))
    >>> noisy(xs, keys(random.key(0), xs)).unbatch()[1]
    tensor([-1.4425])
    """
    first = next((x for x in trees.flatten(b, is_leaf=is_batch)[0] if is_batch(x)), None)
    if first is None and not isinstance(b, int):
        raise MaskError(
            f"keys(key, batch) takes a MaskedBatch, or how many examples there are, and not a "
            f"{type(b).__name__}"
        )
    words = random.split(key, b if first is None else len(first))
    verbs = xp.of(words) or (None if first is None else xp.of(first.data))
    if verbs is None:
        raise MaskError("keys of which framework? Give keys(key, batch) the batch instead of its "
                        "size, or a key of torch or JAX")  # fmt: skip
    if verbs.name == "torch":
        data = verbs.lib.as_tensor(words.astype("int64") if xp.of(words) is None else words,
                                   device=None if first is None else first.data.device)  # fmt: skip
        return MaskedBatch(data, (None,))
    data = verbs.lib.asarray(words)
    if not str(getattr(key, "dtype", "")).startswith("key<"):
        return MaskedBatch(data, (None,))
    of_jax = sys.modules["jax"].random
    return MaskedBatch(of_jax.wrap_key_data(data, impl=of_jax.key_impl(key)), ())


# ----- functions that draw from a generator with a state -----
DROPOUTS = frozenset(
    "dropout alpha_dropout feature_dropout feature_alpha_dropout dropout1d dropout2d dropout3d "
    "dropout_ alpha_dropout_ native_dropout rrelu".split()
)
SHARED = DROPOUTS | frozenset(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal "
    "poisson binomial gumbel_softmax bernoulli_ cauchy_ exponential_ geometric_ log_normal_ "
    "normal_ random_ uniform_ xavier_uniform_ xavier_normal_ kaiming_uniform_ "
    "kaiming_normal_ trunc_normal_ orthogonal_ sparse_ sample rsample sample_n".split()
)
INSTEAD = {
    "normal": "normal(key, shape, like=x)", "uniform": "uniform(key, shape, like=x)",
    "bernoulli": "bernoulli(key, p, shape, like=x)", "randperm": "permutation(key, n, like=x)",
    "multinomial": "categorical(key, logits)",
}  # fmt: skip
INSTEAD |= dict.fromkeys(("randn", "randn_like", "normal_", "gauss"), INSTEAD["normal"])
INSTEAD |= dict.fromkeys(("rand", "rand_like", "uniform_", "random"), INSTEAD["uniform"])
INSTEAD |= {"bernoulli_": INSTEAD["bernoulli"], "permutation": INSTEAD["randperm"]}
GENERATORS = {  # the modules of their types -> what their methods are called
    "random": "random.", "numpy.random.mtrand": "numpy.random.",
    "numpy.random._generator": "numpy.random.Generator.",
}  # fmt: skip
QUIET = ("seed", "getstate", "setstate", "get_state", "set_state", "spawn", "Random")


def refusal(name, place):
    how = INSTEAD.get(name.rpartition(".")[2])
    how = f"ad.random.{how}" if how else "the functions of ad.random"
    if name.rpartition(".")[2] in DROPOUTS:
        how = "ad.nn.ops.dropout(key, x, rate), or switch it off with eval()"
    return MaskError(
        f"{name} at {place} draws from a generator that all examples share, so none would get the "
        f"numbers that it gets alone; give f a key for each example, ml.keys(key, batch), and draw "
        f"with {how}"
    )


def dropout(name):
    """A dropout of PyTorch's, called with a lane: nothing to do, unless it is training."""

    def answer(input, *args, **kwargs):
        if is_on(name, args, kwargs):
            raise refusal(f"torch.nn.functional.{name}", source.here())
        return input

    return answer


def is_on(name, args, kwargs):
    """Does this call of a dropout leave anything out? `args` come after the input."""
    p = kwargs.get("p", args[0] if args else 0.5)
    on = kwargs.get("training", kwargs.get("train", args[1] if len(args) > 1 else name != "rrelu"))
    return bool(on) and bool(p)


def refuse(name):
    """What is answered to another function of PyTorch's that draws, called with a lane."""

    def answer(*args, **kwargs):
        raise refusal(f"torch.{name}", source.here())

    return answer


# ----- calls that lifted code makes -----
_inside: ContextVar = ContextVar("inside", default=False)


def check(f, args, kwargs):
    """Refuse a call of the user's that draws from a generator with a state."""
    if _inside.get():
        name = drawing(f, args, kwargs)
        if name is not None:
            raise refusal(name, source.here())


def drawing(f, args=(), kwargs=None):
    """The name of a function that draws from a generator with a state, or None."""
    owner, name = getattr(f, "__self__", None), getattr(f, "__name__", None)
    prefix = GENERATORS.get(type(owner).__module__) if owner is not None else None
    if prefix is not None:
        return None if name in QUIET else f"{prefix}{name}"
    if name not in SHARED:
        return None
    torch = sys.modules.get("torch")
    module = getattr(f, "__module__", None) or type(owner).__module__
    if torch is None or module.split(".")[0] != "torch":
        return None
    if name in DROPOUTS and not is_on(name, args[1:], kwargs or {}):
        return None
    return f"{module}.{name}" if owner is None else f"{type(owner).__name__}.{name}"


# ----- draws that no call shows: inside of a library, without a lane -----
_known = Remembered()


def watched(f, run):
    """`run()`, a batched call of `f`, from which no generator with a state may come out moved."""
    with setting(_inside, True):
        code = getattr(getattr(f, "__func__", f), "__code__", f)
        if code in _known:
            return run()
        before = _states()
        result = run()
        if not _same(before, _states()):
            _find(run)
        _known.add(code)
        return result


def _states():
    """Of the generators that everybody shares; Python's, NumPy's and PyTorch's."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    found = [python_random.getstate()]
    if numpy:
        found.append(numpy.random.get_state()[1:])
    if hasattr(torch, "default_generator"):
        found.append((torch.default_generator.get_state().numpy(),))
    return found


def _same(before, after):
    def plain(state):
        return [x.tobytes() if hasattr(x, "tobytes") else x for x in state]

    # PyTorch may come last, imported in between
    return all(plain(a) == plain(b) for a, b in zip(before, after, strict=False))


def _find(run):
    """Who drew? It runs again, watched; if nothing moves now, it was another thread."""
    found = []

    def spy(frame, event, called):
        if event == "c_call" and not found and drawing(called):
            while frame is not None and source.is_library(frame.f_code.co_filename):
                frame = frame.f_back
            where = frame and (frame.f_code.co_filename, frame.f_lineno)
            found.append((drawing(called), source.words(where)))

    before, old = _states(), sys.getprofile()
    sys.setprofile(spy)
    try:
        run()
    finally:
        sys.setprofile(old)
    if not _same(before, _states()):
        raise refusal(*(found[0] if found else ("something in f", "an unknown line")))
