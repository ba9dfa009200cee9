"""Primitives of JAX that are several of the table's operations: each is a few nodes."""

from ..table.row import ROWS


def select(site):
    """select_n by number: the cases one after the other, as the row `where` takes them."""
    which, *cases = site.pairs
    chosen = cases[-1]
    for i, case in reversed(list(enumerate(cases[:-1]))):
        chosen = site.apply(ROWS["where"], [(_is(i, which[0]), None), case, chosen])
    return [chosen]


def _is(i, which):
    return which == i if which.dtype.kind != "b" else ~which


def tile(site):
    """Each axis gets a new one before it, and the two are merged."""
    (x, _), reps = site.pairs[0], site.eqn.params["reps"]
    shape = tuple(n for pair in zip(reps, x.shape, strict=True) for n in pair)
    places = tuple(range(1, len(shape), 2))
    wide = site.apply(ROWS["broadcast"], site.pairs, shape=shape, dims=places)
    merged = tuple(r * n for r, n in zip(reps, x.shape, strict=True))
    return [site.apply(ROWS["reshape"], [wide], shape=merged, old=shape)]


def pad(site):
    """Negative padding cuts: first everything is padded that is, then the rest is cut off."""
    low, high, gaps = zip(*site.eqn.params["padding_config"], strict=True)
    room = {"low": tuple(max(n, 0) for n in low), "high": tuple(max(n, 0) for n in high)}
    y, node = site.apply(ROWS["pad"], site.pairs, gaps=gaps, **room)
    start = tuple(max(-n, 0) for n in low)
    stop = tuple(size + min(n, 0) for size, n in zip(y.shape, high, strict=True))
    step = (1,) * len(start)
    return [site.apply(ROWS["slice"], [(y, node)], start=start, stop=stop, step=step)]
