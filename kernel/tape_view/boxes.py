"""The words on one box of the picture: what a node is called, what it did, what came out.

A box holds words and numbers only, never an array: a picture that is kept keeps no activations.
"""

from dataclasses import dataclass
from math import isfinite, isnan

from ..boxes import cut, expression, is_unsaid, operand, parameter
from ..values import NOT_COMPUTED, NOT_KEPT, short, summary
from .again import sent
from .alive import owners
from .folds import Fold
from .heat import heat, strip

UNALARMING = ("", "all zero")
TERMS, WEIGHED = 6, 200  # terms of a sum that are listed; nodes of a tape that they are weighed on
WIDEST = 24  # characters; longer labels are cut


@dataclass(frozen=True)
class Box:
    first: int  # the interval of the tape that it stands for, both ends included
    last: int
    kind: str  # "input", "op", "output", or the kind of a fold
    name: str
    op: str  # with operands and parameters
    heading: str  # the same, short enough for the picture
    value: str
    value_line: str
    adjoint: str | None  # None: not computed, which is not the same as 0
    adjoint_line: str
    shape: str = ""
    dtype: str = ""
    layout: str = ""  # strides, and whose memory it is; JAX has neither
    bytes: int = 0
    needs: str = ""
    at: tuple | None = None  # (number of the file, line)
    code: str = ""
    scope: str = ""
    equation: str = ""
    alarm: str = ""  # "NaN", "Inf", the same of the adjoint ("∂ NaN"), or "all zero"
    terms: int = 0  # how many contributions its adjoint is the sum of
    adds: str = ""  # who they come from
    heats: tuple = (None, None, None)  # of value and adjoint; of a loop, its adjoints by turn
    lanes: tuple | None = None  # words in place of value and adjoint, where there are none

    @property
    def below(self):
        """The adjoint in words: what is not computed is not 0."""
        return NOT_COMPUTED if self.adjoint is None else self.adjoint

    @property
    def is_fold(self):
        return self.lanes is None and self.kind in ("call", "loop", "turn", "more", "inputs")


class Words:
    """Makes the boxes of one tape: its names, sizes and terms are looked up once."""

    def __init__(self, tape, names, sizes, files, cells=0, prefix=""):
        self.tape, self.names, self.sizes, self.files = tape, names, sizes, files
        self.owners = owners(tape)
        self.cells = cells  # of a heat map
        self.prefix = prefix
        self.ends = {n.index for n in tape.outputs if n is not None}
        self.sent: dict = {}  # node -> what it sends back to its parents
        self.adders: dict = {}
        for n in tape.nodes:
            for p in n.parents if n.adjoint is not None else ():
                if p.index is not None and p.active:
                    self.adders.setdefault(p.index, []).append(n)

    def node(self, n):
        name, known = self.label(n), n.adjoint is not None
        op = "" if n.op == "input" else cut(self.expression(n), 60)
        room = WIDEST - len(name)
        heading = op if len(op) <= room else self.expression(n, params=False)
        return Box(
            first=n.index, last=n.index,
            kind="input" if n.op == "input" else "output" if n.index in self.ends else "op",
            name=cut(name, 14), op=op, heading=cut(heading, max(room, 8)) if op else "",
            shape=str(tuple(n.shape)), dtype=_dtype(n), layout=self.layout(n), bytes=n.bytes,
            value=NOT_KEPT if n.value is None else cut(short(n.value), WIDEST),
            value_line=NOT_KEPT if n.value is None else summary(n.value),
            adjoint=cut(short(n.adjoint), WIDEST) if known else None,
            adjoint_line=summary(n.adjoint) if known else NOT_COMPUTED,
            needs="" if n.needs == "nothing" else n.needs,
            at=self.at(n.where), code=n.code, scope=" > ".join(n.scope or ()),
            equation=self.equation(n), alarm=self.alarm(n.index),
            terms=len(self.adders.get(n.index, ())), adds=self._adds(n.index),
            heats=(heat(n.value, self.cells), heat(n.adjoint, self.cells), None),
        )  # fmt: skip

    def fold(self, f: Fold):
        """A fold shows the value that leaves it last."""
        end, count = self.tape.nodes[f.stop - 1], f" ×{f.count}" if f.count > 1 else ""
        known, name = end.adjoint is not None, self.label(end)
        op = f"{len(f):,} {'inputs' if f.kind == 'inputs' else 'operations'}"
        value = NOT_KEPT if end.value is None else cut(f"{name} = {short(end.value)}", WIDEST)
        alarms = sorted(a for a in map(self.alarm, range(f.first, f.stop)) if a not in UNALARMING)
        return Box(
            first=f.first, last=f.stop - 1, kind=f.kind, name=cut(f.name, 20) + count,
            op=op, heading=op if len(f.name + count + op) < WIDEST else f"{len(f):,} ops",
            value=value,
            value_line=NOT_KEPT if end.value is None else f"{name}: {summary(end.value)}",
            adjoint=cut(short(end.adjoint), WIDEST) if known else None,
            adjoint_line=f"{name}: {summary(end.adjoint)}" if known else NOT_COMPUTED,
            bytes=sum(n.bytes for n in self.tape.nodes[f.first : f.stop]),
            shape=str(tuple(end.shape)), dtype=_dtype(end), at=self.at(f.where), scope="",
            code=code_at(f.where), adds=self._adds(end.index), heats=(None, None, self._turns(f)),
            alarm=alarms[0] if alarms else "",
        )  # fmt: skip

    def _adds(self, index):
        """Who adds to the adjoint of a node: those that read it and have one; and how much."""
        adders = list(dict.fromkeys(self.adders.get(index, ())))
        more = f" and {len(adders) - TERMS} more" if len(adders) > TERMS else ""
        if 1 < len(adders) <= TERMS and len(self.tape.nodes) <= WEIGHED:
            return ", ".join(f"{self.label(a)} ({self._sent(a, index)})" for a in adders)
        return ", ".join(self.label(a) for a in adders[:TERMS]) + more

    def _sent(self, adder, index):
        if adder not in self.sent:
            self.sent[adder] = sent(self.tape, adder)
        found = self.sent[adder] or ()
        mine = [c for p, c in zip(adder.parents, found, strict=False) if p.index == index]
        return " and ".join(short(c) for c in mine if c is not None) or "..."

    def _turns(self, f):
        """The adjoints at the ends of a loop's turns."""
        each, rest = divmod(len(f), f.count)
        if f.kind != "loop" or rest:
            return None
        sizes = [self.sizes.adjoints[i] for i in range(f.first + each - 1, f.stop, each)]
        return strip(sizes) if all(s is not None and isfinite(s) for s in sizes) else None

    def layout(self, n):
        """How the entries lie in memory: PyTorch's strides, and the node whose memory it is."""
        try:
            strides, offset = n.value.stride(), n.value.storage_offset()
        except (AttributeError, RuntimeError):  # of JAX, not kept, or sparse
            return ""
        told = [f"strides {tuple(strides)}"] * bool(strides) + [f"offset {offset}"] * bool(offset)
        owner = self.owners[n.index]
        told += [f"memory of {self.label(self.tape.nodes[owner])}"] * (owner != n.index)
        return ", ".join(told)

    def at(self, where):
        return (self.files[where[0]], where[1]) if where and where[0] in self.files else None

    def alarm(self, index):
        """What is wrong with the value, or else with the adjoint."""
        value, adjoint = self.sizes.values[index], self.sizes.adjoints[index]
        for mark, size in (("", value), ("∂ ", adjoint)):
            if size is not None and not isfinite(size):
                return mark + ("NaN" if isnan(size) else "Inf")
        return "all zero" if value == 0 and self.tape.nodes[index].shape != () else ""

    def label(self, node):
        """The argument's name, the variable's, or the node's place on the tape."""
        return "const" if node.index is None else self.prefix + self.names[node.index]

    def expression(self, node, params=True):
        return expression(node, params, self.label)

    def equation(self, node):
        """The equation of the jaxpr, in the names of the picture."""
        eqn = node.equation
        if eqn is None:
            return ""
        kinds = " ".join(_aval(v.aval) for v in eqn.outvars)
        params = " ".join(f"{k}={parameter(v)}" for k, v in eqn.params.items() if not is_unsaid(v))
        reads = " ".join(operand(p, self.label) for p in node.parents)
        operation = eqn.primitive.name + (f"[{params}]" if params else "")
        return f"{self.label(node)}:{kinds} = {operation} {reads}"


def _dtype(node):
    return getattr(node.dtype, "__name__", str(node.dtype)).replace("torch.", "")


def _aval(aval):
    short_name = str(aval.dtype).replace("float", "f").replace("uint", "u").replace("int", "i")
    return f"{short_name}[{','.join(map(str, aval.shape))}]"


def code_at(where):
    import linecache

    return linecache.getline(*where).strip() if where else ""
