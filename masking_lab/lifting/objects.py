"""The objects that names may stand for, and what these hold, at one place of a program.

An object is what a parameter is given, or what an expression makes, and each of its parts: `(root,
path)`, a path of indices and attributes, ANY where one is not known. A view of an array is a part
of it. The root is the parameter, or the expression: what it made when it last ran. What it made
before that, in an earlier trip of a loop, is `Old` (Balakrishnan and Reps 2006).
"""

import ast
from typing import NamedTuple

ANY = "?"
DEEP = 3  # a path is not followed further
LISTS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.DictComp,
         ast.GeneratorExp)  # fmt: skip
NONE: frozenset = frozenset()


class Old(NamedTuple):
    node: ast.expr


def node_of(root):
    return root.node if type(root) is Old else root


def made(e):
    return frozenset([(e, ())])


def is_list(objects):
    return any(isinstance(node_of(root), LISTS) and not path for root, path in objects)


def may_be_same(some, others):
    """May an object among these be the memory of one among those, or a part of it?"""
    return any(
        a[0] == b[0] and all(i == j or ANY in (i, j) for i, j in zip(a[1], b[1], strict=False))
        for a in some
        for b in others
    )


class State:
    """`names`: {name: its objects}; `inside`: {object: the (key, object) that it holds}."""

    def __init__(self, names, inside=None):
        self.names, self.inside = names, inside or {}

    def __eq__(self, other):
        return (self.names, self.inside) == (other.names, other.inside)

    def copy(self):
        return State(dict(self.names), dict(self.inside))

    def either(self, other):
        """After one of two ways."""
        return State(_either(self.names, other.names), _either(self.inside, other.inside))

    def aged(self, nodes):
        """Before these expressions run again."""
        new = State({n: _aged(objects, nodes) for n, objects in self.names.items()})
        for x, held in self.inside.items():
            (x,) = _aged([x], nodes)
            held = frozenset((k, y) for k, own in held for y in _aged([own], nodes))
            new.inside[x] = new.inside.get(x, NONE) | held
        return new

    def hold(self, owners, key, objects):
        for owner in owners:
            self.inside[owner] = self.inside.get(owner, NONE) | {(key, x) for x in objects}

    def part(self, objects, key):
        found = set()
        for root, path in objects:
            held = self.inside.get((root, path), NONE)
            found |= {x for k, x in held if k == key or ANY in (k, key)}
            if not isinstance(node_of(root), LISTS):  # what those hold is known
                found.add((root, (*path, key)[:DEEP]))
        return frozenset(found)

    def reached(self, objects):
        """The objects, and all that they hold."""
        found, todo = set(), list(objects)
        while todo:
            new = todo.pop()
            if new not in found:
                found.add(new)
                todo += [x for _, x in self.inside.get(new, NONE)]
        return frozenset(found)


def _aged(objects, nodes):
    return frozenset((Old(root) if root in nodes else root, path) for root, path in objects)


def _either(a, b):
    return {n: a.get(n, NONE) | b.get(n, NONE) for n in (*a, *b)}
