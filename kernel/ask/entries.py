"""What can be an answer: twins of all frameworks together, and the cards for ideas.

An `Entry` is one answer. Functions become one entry where they have the same name in homes of one
family, are one object, stand in one row of the table for one meaning, or on one line of
`phrases.txt`; so `?` shows PyTorch's and JAX's spelling side by side and no list is filled with
five names of the same thing.
"""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .homes import FALSE_FRIENDS, HOMES, home_of, long, side
from .words import name_terms, stem

SAME = ("pointwise", "constant", "composite")  # rows whose spellings all mean the same
LONGEST = 60  # words of one member's documentation that count


@dataclass
class Entry:
    names: list  # dotted names, the best known first
    line: str  # what it is, in one sentence
    concept: str = ""  # the name of its card, if it is a card for an idea
    row: str = ""  # the name of its row in the table
    weight: float = 1.0
    phrases: list = field(default_factory=list)  # what people say when they mean it
    fields: dict = field(default_factory=dict)  # what the ranker reads: name, first, rest

    def shown(self):
        """What is kept for showing; the rest is only for the ranker."""
        kept = asdict(self)
        del kept["fields"], kept["phrases"]
        return kept


def entries(found):
    """All entries: `found` is what `harvest` brings."""
    by_name = {f.name: f for f in found}
    leader = leaders(found)
    groups: dict = {}
    for name in by_name:
        groups.setdefault(leader(name), []).append(name)
    said = phrases()
    made = [_entry([by_name[n] for n in names], said) for names in groups.values()]
    return [e for e in made if e.line or len(e.names) > 1] + _concepts()


# ----- who belongs together -----
def leaders(found):
    """A function that gives the first member of a name's group."""
    parent = {f.name: f.name for f in found}

    def leader(name):
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    def join(names):
        first, *rest = [leader(n) for n in names if n in parent] or [None]
        for other in rest:
            parent[leader(other)] = leader(first)

    for names in [*_twins(found), *_rows(), *(names for names, _ in phrase_lines())]:
        join(names)
    return leader


def _twins(found):
    """Same family and same last name, or one object under several names."""
    together: dict = {}
    for f in found:
        home, leaf = home_of(f.name)
        family = f.name.startswith("torch") if f.name in FALSE_FRIENDS else HOMES[home][0]
        together.setdefault((family, leaf.lower().rstrip("_")), []).append(f.name)
        if getattr(f.thing, "__name__", "") not in ("", "<lambda>"):
            together.setdefault(id(f.thing), []).append(f.name)
    return together.values()


def _rows():
    from autodiff_lab.table import ROWS

    for row in ROWS.values():
        n = None if row.kind in SAME else 1
        yield [*row.torch[:n], *row.jax[:n]]


# ----- phrases -----
def phrase_lines():
    """The lines of `phrases.txt`: names that mean one thing, and what people say for it."""
    for line in (Path(__file__).parent / "phrases.txt").read_text("utf-8").splitlines():
        names, colon, said = line.partition(":")
        if colon and not line.startswith("#"):
            yield [long(n) for n in names.split()], [s.strip() for s in said.split(";")]


def phrases():
    """{dotted name: (place on its line, phrases)}"""
    found: dict = {}
    for names, said in phrase_lines():
        for place, name in enumerate(names):
            found.setdefault(name, (place, []))[1].extend(said)
    return found


# ----- one entry -----
def _entry(members, said):
    order = {f.name: (said.get(f.name, (99,))[0], _standing(f.name), i)
             for i, f in enumerate(members)}  # fmt: skip
    members = sorted(members, key=lambda f: order[f.name])
    names = [f.name for f in members]
    row = _row_of(names)
    told = list(dict.fromkeys(p for n in names for p in said.get(n, (0, ()))[1]))
    firsts = list(dict.fromkeys(f.first for f in members if f.first))
    return Entry(
        names=names,
        line=(firsts or told or [""])[0],
        row=row.name if row else "",
        weight=_weight(members),
        phrases=told,
        fields={
            "name": [t for n in names for t in _name_field(n)],
            "first": " ".join(firsts[:3]),
            "rest": " ".join(_cut(f.rest) for f in members[:3]),
            "row": f"{row.name} {row.pitfalls} {row.kinks}".replace("_", " ") if row else "",
        },
    )


def _standing(name):
    """Whether a name is what people write: not in place, not a synonym from far away."""
    home, leaf = home_of(name)
    return leaf.endswith("_"), -HOMES[home][1], "arc" in leaf


def _weight(members):
    best = max(HOMES[home_of(f.name)[0]][1] for f in members)
    if not any(f.first for f in members):
        best *= 0.6
    known = {side(f.name) for f in members} & {"torch", "jax", "ours"}
    return best * (1 + 0.03 * (len(known) - 1))


def _name_field(name):
    home, leaf = home_of(name)
    return name_terms(leaf)


def _cut(text):
    return " ".join(text.split()[:LONGEST])


def _row_of(names):
    from autodiff_lab.table import find

    return next((row for n in names[:4] if (row := find(n))), None)


# ----- the cards for ideas -----
def _concepts():
    from ..concepts import concepts

    return [_concept(card) for card in concepts().values()]


def _concept(card):
    names = [long(n) for n in (*card.ours, *card.torch, *card.jax)]
    first, _, rest = card.text.partition(". ")
    return Entry(
        names=names,
        line=" ".join(re.sub(r"[*`]", "", first).split()),
        concept=card.name,
        weight=1.05,
        phrases=[card.name, *card.aliases],
        fields={
            "name": [stem(w) for w in re.findall(r"[a-z]+", card.name.lower())],
            "first": first,
            "rest": rest,
            "row": "",
        },
    )
