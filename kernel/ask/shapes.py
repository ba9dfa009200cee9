"""`?(A,B,C),(A,C,D)->(A,B,D)`: which functions do this to shapes.

`probe` found out what each public function does; here the question is held against that, with
other letters, with its arguments in another order, as a special case of something more general,
and against `einsum`, which can say many of them directly.
"""

import itertools
import math
import re
from dataclasses import dataclass

from .homes import short, side
from .signatures import Signature, canonical, einsum, matches, parse, variants

COMMON = (
    "matmul bmm dot sum mean max amax min argmax softmax where concatenate cat stack transpose "
    "swapaxes reshape ravel flatten unsqueeze squeeze expand_dims outer linear std var prod norm "
    "exp relu add mul multiply sub solve inv cholesky diagonal einsum cumsum sort"
).split()
EXACT, ORDER, SPECIAL = range(3)


@dataclass(frozen=True)
class Call:
    name: str  # dotted
    text: str  # what stands in its brackets; a, b, c are the arrays in the order of the question
    twin: str  # calls with the same twin mean the same
    how: int  # EXACT, ORDER: after changing the order of the arguments, SPECIAL: a special case

    def __str__(self):
        return f"{short(self.name)}({self.text})"


class Shapes:
    """All signatures and their calls, as `build` made them."""

    def __init__(self, table):
        self.table = table
        self.parsed = {text: parse(text) for text in table}
        self.spread: dict = {}
        for calls in table.values():
            for name, _, _ in calls:
                self.spread[name] = self.spread.get(name, 0) + 1

    def find(self, asked):
        """The calls that do what is asked, in pairs (PyTorch, JAX) of which one may be None."""
        found: dict = {}
        for variant in variants(asked):
            for order in itertools.permutations(range(len(variant.inputs))):
                inputs = tuple(variant.inputs[i] for i in order)
                for call in self._calls(canonical(Signature(inputs, variant.outputs)), order):
                    if call.how < found.get(call.name, call).how or call.name not in found:
                        found[call.name] = call
        return sorted(_pairs(found.values()), key=self._rank)

    def _calls(self, query, order):
        """The calls of one query whose arguments were put into this order."""
        straight = list(order) == sorted(order)
        for text, general in self.parsed.items():
            how = matches(general, query)
            if how:
                how = SPECIAL if how == "special" else EXACT if straight else ORDER
                for name, args, twin in self.table[text]:
                    yield Call(name, _in_order(args, order), twin, how)

    def _rank(self, pair):
        there = [call for call in pair if call]
        best = min(there, key=lambda call: call.how)
        leaves = {call.name.rpartition(".")[2] for call in there}
        common = min(COMMON.index(leaf) if leaf in COMMON else 99 for leaf in leaves)
        spread = min(self.spread[call.name] for call in there)
        return best.how, common, 2 - len(there), "=" in best.text, spread, best.name


def _in_order(args, order):
    """With `a` for the asker's first array, whatever place it has in the call."""
    if len(order) == 1:
        return args
    return re.sub(r"\b[abc]\b", lambda m: "abc"[order["abc".index(m[0])]], args)


def _pairs(calls):
    """Twins beside each other; of several names on one side the shortest call."""
    sides: dict = {}
    for call in sorted(calls, key=lambda call: (call.how, len(str(call)))):
        sides.setdefault(call.twin, {}).setdefault(side(call.name), call)
    return [(both.get("torch"), both.get("jax")) for both in sides.values()]


def as_einsum(asked):
    """The einsum that says it, as a pair of calls, or None."""
    for variant in variants(asked):
        text = einsum(canonical(variant))
        if text:
            arrays = ", ".join("abcd"[: len(asked.inputs)]) if len(asked.inputs) > 1 else "x"
            return tuple(f'{home}.einsum("{text}", {arrays})' for home in ("torch", "jnp"))
    return None


def as_moves(asked):
    """Reshapes and a permutation that do it, as a pair of calls, or None.

    `(B,T,H*D)->(B,H,T,D)` is `x.reshape(B, T, H, D).permute(0, 2, 1, 3)`: each dim is taken apart,
    the parts are put in their new order, and together again.
    """
    for variant in variants(asked):
        shapes = (*variant.inputs, *variant.outputs)
        if len(shapes) == 2 and not any("+" in str(d) for shape in shapes for d in shape):
            steps = _moves(*shapes) or _regrouped(*shapes)
            if steps:
                return tuple("x" + steps.format(permute=f) for f in ("permute", "transpose"))
    return None


def _moves(before, after):
    parts, wanted = _factors(before), _factors(after)
    if sorted(parts) != sorted(wanted) or (parts != wanted and len(set(parts)) < len(parts)):
        return ""
    order = "" if parts == wanted else ", ".join(str(parts.index(part)) for part in wanted)
    apart = order and parts != list(map(str, before))
    together = after != before if not order else wanted != list(map(str, after))
    return (
        (f".reshape({', '.join(parts)})" if apart else "")
        + (f".{{permute}}({order})" if order else "")
        + (f".reshape({', '.join(map(_size, after))})" if together else "")
    )


def _regrouped(before, after):
    """As many entries in the same order, the sizes being numbers: `(2,6)->(3,4)`."""
    sides = [_factors(shape) for shape in (before, after)]
    (named, other), (count, same) = zip(*map(_counted, sides), strict=True)
    fits = before != after and named == other and count == same
    return f".reshape({', '.join(map(_size, after))})" if fits else ""


def _counted(parts):
    """The letters, in their order, and the product of the numbers."""
    numbers = [int(part) for part in parts if part.isdigit()]
    return [part for part in parts if not part.isdigit()], math.prod(numbers)


def as_layer(asked):
    """One sentence on what gives the last dim another size, or ""."""
    (before, *more), (after, *others) = asked.inputs, asked.outputs
    widens = not more and not others and before[:-1] == after[:-1] and len(before) == len(after)
    if not widens or not before or before == after:
        return ""
    sizes = f"({_size(before[-1])}, {_size(after[-1])})"
    return f"A layer does: `torch.nn.Linear{sizes}`, or `x @ w` with a `w` of shape `{sizes}`."


def _factors(shape):
    """The letters of a shape, products taken apart; ones are nothing."""
    return [part for d in shape for part in str(d).split("*") if part != "1"]


def _size(dim):
    return str(dim).replace("*", " * ").replace("SIZE", "")
