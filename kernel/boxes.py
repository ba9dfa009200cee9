"""The words on one box of the picture: what a node is called, what it did, what came out."""

from dataclasses import dataclass

from .values import NOT_COMPUTED, NOT_KEPT, short, summary

WIDEST = 24  # characters; longer labels are cut
UNSAID = (None, False)  # parameters that say nothing


@dataclass(frozen=True)
class Box:
    index: int | None  # position on the tape; None stands for nodes that are left out
    name: str
    op: str  # with operands and parameters
    call: str  # with operands only
    kind: str  # "input", "op", "output" or "gap"
    shape: str
    dtype: str
    bytes: int
    value: str
    value_line: str
    adjoint: str | None  # None: not computed, which is not the same as 0
    adjoint_line: str
    needs: str
    line: int | None
    code: str
    parents: tuple  # positions in `Picture.boxes`
    terms: int  # how many contributions its adjoint is the sum of

    @property
    def heading(self):
        """The operation, short enough for the picture."""
        room = WIDEST - len(self.name)
        return self.op if len(self.op) <= room else cut(self.call, room)

    @property
    def below(self):
        """The adjoint in words: what is not computed is not 0."""
        return NOT_COMPUTED if self.adjoint is None else self.adjoint


def box(node, parents, terms, is_end):
    """The box of a node; `parents` are the positions of the boxes it reads."""
    name = label(node)
    known = node.adjoint is not None
    return Box(
        index=node.index,
        name=cut(name, 10),
        op="" if node.op == "input" else cut(expression(node), 60),
        call="" if node.op == "input" else expression(node, params=False),
        kind="input" if node.op == "input" else "output" if is_end else "op",
        shape=str(tuple(node.shape)),
        dtype=str(node.dtype).replace("torch.", ""),
        bytes=node.bytes,
        value=NOT_KEPT if node.value is None else cut(short(node.value), WIDEST),
        value_line=NOT_KEPT if node.value is None else summary(node.value),
        adjoint=cut(short(node.adjoint), WIDEST) if known else None,
        adjoint_line=summary(node.adjoint) if known else NOT_COMPUTED,
        needs=node.needs,
        line=node.line,
        code=node.code,
        parents=parents,
        terms=terms,
    )


def gap_box(count, parents):
    """The box that stands for nodes which are not drawn."""
    words = dict.fromkeys(
        ("op", "call", "shape", "dtype", "value_line", "adjoint_line", "needs", "code"), ""
    )
    return Box(
        **words, index=None, name="...", kind="gap", bytes=0, line=None, adjoint="",
        value=f"{count} nodes not drawn", parents=parents, terms=0,
    )  # fmt: skip


def label(node):
    """What the picture calls a node: the argument's name, or its place on the tape."""
    return node.name or (f"v{node.index}" if node.index is not None else "const")


def expression(node, params=True):
    """`sum(v1, axis=(0,))`: the operation, its operands (constants in place), its parameters."""
    inputs = [_operand(p) for p in node.parents]
    named = [f"{k}={_param(v)}" for k, v in node.params.items() if params and v not in UNSAID]
    return f"{node.op}({', '.join(inputs + named)})"


def _operand(node):
    if node.index is not None:
        return label(node)
    return f"const{list(node.shape)}" if node.shape or node.value is None else short(node.value)


def _param(value):
    name = getattr(value, "__name__", None)  # a function's repr would show its address
    return name if name else cut(str(value).replace("torch.", ""), 16)


def cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "\u2026"
