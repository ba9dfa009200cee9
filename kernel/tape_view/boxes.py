"""The words on one box of the picture: what a node is called, what it did, what came out.

A box holds words and numbers only, never an array: a picture that is kept keeps no activations.
"""

from dataclasses import dataclass
from math import isnan

from ..values import NOT_COMPUTED, NOT_KEPT, short, summary
from .folds import Fold
from .heat import heat

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
    bytes: int = 0
    needs: str = ""
    at: tuple | None = None  # (number of the file, line)
    code: str = ""
    scope: str = ""
    equation: str = ""
    alarm: str = ""  # "NaN", "Inf" or "all zero"
    terms: int = 0  # how many contributions its adjoint is the sum of
    adds: str = ""  # who they come from
    heats: tuple = (None, None)  # of the value and of the adjoint
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
        self.cells = cells  # of a heat map
        self.prefix = prefix
        self.ends = {n.index for n in tape.outputs if n is not None}
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
            shape=str(tuple(n.shape)), dtype=_dtype(n), bytes=n.bytes,
            value=NOT_KEPT if n.value is None else cut(short(n.value), WIDEST),
            value_line=NOT_KEPT if n.value is None else summary(n.value),
            adjoint=cut(short(n.adjoint), WIDEST) if known else None,
            adjoint_line=summary(n.adjoint) if known else NOT_COMPUTED,
            needs="" if n.needs == "nothing" else n.needs,
            at=self.at(n.where), code=n.code, scope=" > ".join(n.scope or ()), equation=self.equation(n),
            alarm=self.alarm(n.index), terms=len(self.adders.get(n.index, ())),
            adds=self._adds(n.index),
            heats=(heat(n.value, self.cells), heat(n.adjoint, self.cells)),
        )  # fmt: skip

    def fold(self, f: Fold):
        """A fold shows the value that leaves it last."""
        end, count = self.tape.nodes[f.stop - 1], f" ×{f.count}" if f.count > 1 else ""
        known, name = end.adjoint is not None, self.label(end)
        op = f"{len(f):,} {'inputs' if f.kind == 'inputs' else 'operations'}"
        alarms = [a for a in map(self.alarm, range(f.first, f.stop)) if a in ("NaN", "Inf")]
        return Box(
            first=f.first, last=f.stop - 1, kind=f.kind, name=cut(f.name, 20) + count,
            op=op, heading=op,
            value=cut(f"{name} = {short(end.value)}", WIDEST) if end.value is not None else NOT_KEPT,
            value_line=f"{name}: {summary(end.value)}" if end.value is not None else NOT_KEPT,
            adjoint=cut(short(end.adjoint), WIDEST) if known else None,
            adjoint_line=f"{name}: {summary(end.adjoint)}" if known else NOT_COMPUTED,
            bytes=sum(n.bytes for n in self.tape.nodes[f.first : f.stop]),
            shape=str(tuple(end.shape)), dtype=_dtype(end), at=self.at(f.where), scope="",
            code=code_at(f.where), adds=self._adds(end.index), alarm=alarms[0] if alarms else "",
        )  # fmt: skip

    def _adds(self, index):
        """Who adds to the adjoint of a node: those that read it, and have an adjoint."""
        adders = self.adders.get(index, ())
        more = f" and {len(adders) - 6} more" if len(adders) > 6 else ""
        return ", ".join(dict.fromkeys(self.label(a) for a in adders[:6])) + more

    def at(self, where):
        return (self.files[where[0]], where[1]) if where and where[0] in self.files else None

    def alarm(self, index):
        s = self.sizes.values[index]
        adjoint = self.sizes.adjoints[index]
        for size in (s, adjoint):
            if size is not None and (isnan(size) or size == float("inf")):
                return "NaN" if isnan(size) else "Inf"
        zero = s == 0 and self.tape.nodes[index].shape != ()
        return "all zero" if zero else ""

    def label(self, node):
        """The argument's name, the variable's, or the node's place on the tape."""
        return "const" if node.index is None else self.prefix + self.names[node.index]

    def expression(self, node, params=True):
        """`sum(v1, axis=(0,))`: the operation, its operands (constants in place), its parameters."""
        inputs = [self._operand(p) for p in node.parents]
        named = [f"{k}={_param(v)}" for k, v in (node.params or {}).items()
                 if params and not callable(v) and not _is_unsaid(v)]  # fmt: skip
        part = "" if node.part is None else f"[{node.part}]"
        return f"{node.op}({', '.join(inputs + named)}){part}"

    def _operand(self, node):
        if node.index is not None:
            return self.label(node)
        return f"const{list(node.shape)}" if node.shape or node.value is None else short(node.value)

    def equation(self, node):
        """The equation of the jaxpr, in the names of the picture."""
        eqn = node.equation
        if eqn is None:
            return ""
        kinds = " ".join(_aval(v.aval) for v in eqn.outvars)
        params = " ".join(f"{k}={_param(v)}" for k, v in eqn.params.items() if not _is_unsaid(v))
        reads = " ".join(self._operand(p) for p in node.parents)
        return f"{self.label(node)}:{kinds} = {eqn.primitive.name}[{params}] {reads}".replace("[]", "")


def _is_unsaid(value):
    return value is None or value is False


def _dtype(node):
    return getattr(node.dtype, "__name__", str(node.dtype)).replace("torch.", "")


def _aval(aval):
    short_name = str(aval.dtype).replace("float", "f").replace("uint", "u").replace("int", "i")
    return f"{short_name}[{','.join(map(str, aval.shape))}]"


def _param(value):
    name = getattr(value, "__name__", None)  # a function's repr would show its address
    return name if name else cut(str(value).replace("torch.", ""), 16)


def code_at(where):
    import linecache

    return linecache.getline(*where).strip() if where else ""


def cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "\u2026"
