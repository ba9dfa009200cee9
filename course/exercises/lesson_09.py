"""Programs that write programs: lines backwards, and names that are bound once."""

import numpy as np

from .exercise import exercise, guess
from .oracles import slopes

# A program is a list of lines (y, op, a, b): y = a op b.
PROGRAMS = (
    (("y", "*", "x", "x"),),
    (("t", "*", "x", "w"), ("y", "+", "t", "x")),
    (("t", "*", "x", "w"), ("u", "*", "t", "t"), ("y", "+", "u", "t")),
)


def _run(lines, names):
    for y, op, a, b in lines:
        names[y] = names[a] * names[b] if op == "*" else names[a] + names[b]
    return names


def _adjoints(answer, lines, xp):
    """What the lines that were written leave in the adjoints of x and w."""
    written = answer(list(lines))
    if written is None or written is ...:
        return ...
    names = _run(lines, {"x": 3.0, "w": 2.0})
    names |= {f"b{name}": 0.0 for name in list(names)} | {"by": 1.0}
    for line in written.splitlines() if isinstance(written, str) else written:
        _carry_out(line, names)
    return names["bx"], names["bw"]


def _carry_out(line, names):
    if not isinstance(line, str):
        raise TypeError(f'a line is text, such as "bx += by"; this one is {line!r}')
    try:
        exec(line.strip(), names)
    except Exception as error:
        raise ValueError(f"the line {line!r} does not run ({error})") from None


exercise(
    "09.backward",
    stub="""
    def backward(lines): ...  # fill in: for lines (y, op, a, b), the lines of the backward pass
    """,
    cases=lambda random: [(lines,) for lines in PROGRAMS],
    ask=lambda answer, inputs, xp: _adjoints(answer, inputs[0], xp),
    expected=lambda lines: tuple(
        slopes(lambda x, w: _run(lines, {"x": x, "w": w})["y"], np.array(3.0), np.array(2.0),
               argnum=k) for k in (0, 1)
    ),
    frameworks=("torch",),
    hints=(
        "The last line comes first: by is known, and every line hands on to its inputs.",
        'For a sum: f"b{a} += b{y}", and the same for b. For a product the other factor comes in.',
        'For a product: f"b{a} += b{y} * {b}" and f"b{b} += b{y} * {a}".',
    ),
    solution="""
    def backward(lines):
        written = []
        # the last line is the first on the way back
        for y, op, a, b in reversed(lines):
            if op == "+":
                written += [f"b{a} += b{y}", f"b{b} += b{y}"]
            else:
                # each factor gets the other one, times what arrived at the product
                written += [f"b{a} += b{y} * {b}", f"b{b} += b{y} * {a}"]
        return written
    """,
    slips={
        "the lines are in the order of the program; on the way back the last comes first.": """
        def backward(lines):
            written = []
            for y, op, a, b in lines:
                if op == "+":
                    written += [f"b{a} += b{y}", f"b{b} += b{y}"]
                else:
                    written += [f"b{a} += b{y} * {b}", f"b{b} += b{y} * {a}"]
            return written
        """,
        "an adjoint is overwritten (=) where a name is read twice: it is added to (+=).": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                if op == "+":
                    written += [f"b{a} = b{y}", f"b{b} = b{y}"]
                else:
                    written += [f"b{a} = b{y} * {b}", f"b{b} = b{y} * {a}"]
            return written
        """,
        "in a product each factor gets the *other* one.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                if op == "+":
                    written += [f"b{a} += b{y}", f"b{b} += b{y}"]
                else:
                    written += [f"b{a} += b{y} * {a}", f"b{b} += b{y} * {b}"]
            return written
        """,
        "a product is treated like a sum.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                written += [f"b{a} += b{y}", f"b{b} += b{y}"]
            return written
        """,
        "only the first of the two inputs gets something.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                written += [f"b{a} += b{y}" + (f" * {b}" if op == "*" else "")]
            return written
        """,
        "t * t reads t twice: there too both factors get something.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                if a == b:
                    written += [f"b{a} += b{y}" + (f" * {b}" if op == "*" else "")]
                elif op == "+":
                    written += [f"b{a} += b{y}", f"b{b} += b{y}"]
                else:
                    written += [f"b{a} += b{y} * {b}", f"b{b} += b{y} * {a}"]
            return written
        """,
        "what is handed on is the adjoint of y (by), not its value.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                if op == "+":
                    written += [f"b{a} += {y}", f"b{b} += {y}"]
                else:
                    written += [f"b{a} += {y} * {b}", f"b{b} += {y} * {a}"]
            return written
        """,
        "the local slopes are right; each is to be multiplied by what arrived at y (by).": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                if op == "+":
                    written += [f"b{a} += 1", f"b{b} += 1"]
                else:
                    written += [f"b{a} += {b}", f"b{b} += {a}"]
            return written
        """,
        "a sum is treated like a product: each of its inputs gets what arrived, as it is.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                written += [f"b{a} += b{y} * {b}", f"b{b} += b{y} * {a}"]
            return written
        """,
        "the second input is added to (+=), the first overwritten (=): both are added to.": """
        def backward(lines):
            written = []
            for y, op, a, b in reversed(lines):
                if op == "+":
                    written += [f"b{a} = b{y}", f"b{b} += b{y}"]
                else:
                    written += [f"b{a} = b{y} * {b}", f"b{b} += b{y} * {a}"]
            return written
        """,
    },
)  # fmt: skip

REBOUND = (
    (("x", "*", "x", "x"), ("x", "+", "x", "x")),
    (("t", "+", "x", "w"), ("t", "*", "t", "x"), ("x", "*", "t", "t"), ("t", "+", "x", "t")),
)


def _renamed(lines):
    """Braun et al. (2013), for a straight line: the current version of each name."""
    version, new = {}, []
    for y, op, a, b in lines:
        a, b = (f"{n}{version[n]}" if n in version else n for n in (a, b))
        version[y] = version.get(y, 0) + 1
        new.append((f"{y}{version[y]}", op, a, b))
    return new


exercise(
    "09.ssa",
    stub="""
    def once(lines): ...  # fill in: the same program, where every name is bound once: x, x1, x2, ...
    """,
    cases=lambda random: [(lines,) for lines in REBOUND],
    ask=lambda answer, inputs, xp: _words(answer(list(inputs[0]))),
    expected=lambda lines: _words(_renamed(lines)),
    frameworks=("torch",),
    hints=(
        "Remember for each name its current version, and use it wherever the name is read.",
        "In x = x * x the right side reads the *old* x: look up a and b before the new version.",
        "The first time a name is bound it becomes name1; a name that was never bound stays as it is.",
    ),
    solution="""
    def once(lines):
        version, new = {}, []
        for y, op, a, b in lines:
            # what is read is the version before this line
            a, b = (f"{n}{version[n]}" if n in version else n for n in (a, b))
            version[y] = version.get(y, 0) + 1
            new.append((f"{y}{version[y]}", op, a, b))
        return new
    """,
    slips={
        "in x = x * x the right side reads the old x: look up before you count.": """
        def once(lines):
            version, new = {}, []
            for y, op, a, b in lines:
                version[y] = version.get(y, 0) + 1
                a, b = (f"{n}{version[n]}" if n in version else n for n in (a, b))
                new.append((f"{y}{version[y]}", op, a, b))
            return new
        """,
        "the names that are bound are new, but those that are read are still the old ones.": """
        def once(lines):
            version, new = {}, []
            for y, op, a, b in lines:
                version[y] = version.get(y, 0) + 1
                new.append((f"{y}{version[y]}", op, a, b))
            return new
        """,
        "every line has a number of its own; a version counts how often *this name* was bound.": """
        def once(lines):
            version, new = {}, []
            for k, (y, op, a, b) in enumerate(lines, 1):
                a, b = (f"{n}{version[n]}" if n in version else n for n in (a, b))
                version[y] = k
                new.append((f"{y}{k}", op, a, b))
            return new
        """,
        "the first version is 1: x itself is what came in.": """
        def once(lines):
            version, new = {}, []
            for y, op, a, b in lines:
                a, b = (f"{n}{version[n]}" if n in version else n for n in (a, b))
                version[y] = version.get(y, -1) + 1
                new.append((f"{y}{version[y]}", op, a, b))
            return new
        """,
        "nothing is renamed.": """
        def once(lines):
            return lines
        """,
        "what came in was never bound in the program: x stays x until a line binds it.": """
        def once(lines):
            version, new = {}, []
            for y, op, a, b in lines:
                a, b = (f"{n}{version.setdefault(n, 1)}" for n in (a, b))
                version[y] = version.get(y, 0) + 1
                new.append((f"{y}{version[y]}", op, a, b))
            return new
        """,
        "also a name that is bound for the first time gets a number: t becomes t1.": """
        def once(lines):
            version, new = {"x": 0, "w": 0}, []
            for y, op, a, b in lines:
                a, b = (f"{n}{version.get(n) or ''}" for n in (a, b))
                version[y] = version.get(y, -1) + 1
                new.append((f"{y}{version[y] or ''}", op, a, b))
            return new
        """,
        "two names are read in each line, and you renamed only the first.": """
        def once(lines):
            version, new = {}, []
            for y, op, a, b in lines:
                a = f"{a}{version[a]}" if a in version else a
                version[y] = version.get(y, 0) + 1
                new.append((f"{y}{version[y]}", op, a, b))
            return new
        """,
        "who reads gets the latest *so far*; you gave the last of the whole program.": """
        def once(lines):
            names = [y for y, *_ in lines]
            version, new = {}, []
            for y, op, a, b in lines:
                a, b = (f"{n}{names.count(n)}" if n in names else n for n in (a, b))
                version[y] = version.get(y, 0) + 1
                new.append((f"{y}{version[y]}", op, a, b))
            return new
        """,
        "the names are right; a version is written x1, without anything between.": """
        def once(lines):
            version, new = {}, []
            for y, op, a, b in lines:
                a, b = (f"{n}_{version[n]}" if n in version else n for n in (a, b))
                version[y] = version.get(y, 0) + 1
                new.append((f"{y}_{version[y]}", op, a, b))
            return new
        """,
    },
)


def _words(lines):
    """Each line as one word, to be compared; lines that are text already are taken as they are."""
    if lines is None or lines is ...:
        return ...
    return tuple(
        np.array(line if isinstance(line, str) else " ".join(map(str, line))) for line in lines
    )


guess(
    "09.fate",
    "fate",
    say='Fill in "one node", "folded", "before it" (the loop), "inside" (the loop) or "gone".',
    answers={
        "x * x, written on two lines": "one node",
        "3 + 4": "folded",
        "w * w in a loop that changes only x": "before it",
        "x * w in a loop that changes x": "inside",
        "an unused y = exp(x)": "gone",
    },
    why="the same inputs, the same node; and a node lies where its inputs let it",
    hints=(
        "A node is its operation and its inputs: two that are the same are one.",
        "A node floats; it is placed as early as its inputs are there, and outside of loops.",
        "Print ad.sea(f).source for a function of three lines.",
    ),
    slips={
        "what the loop changes cannot be computed before it.": {
            "x * w in a loop that changes x": "before it"
        },
        "w does not change in the loop, so w * w need not be computed in it.": {
            "w * w in a loop that changes only x": "inside"
        },
        "nobody reads y, so the end does not reach it.": {"an unused y = exp(x)": "one node"},
        "3 + 4 is known while the graph is built.": {"3 + 4": "one node"},
        "x * x on two lines has one operation and the same inputs twice.": {
            "x * x, written on two lines": "inside"
        },
        "x is not known while the graph is built, so x * x cannot be; but it is there twice.": {
            "x * x, written on two lines": "folded"
        },
        "x * x is needed, so it does not go; but the second is the first.": {
            "x * x, written on two lines": "gone"
        },
        "the value of 3 + 4 is needed: 7 stays, and nothing is left to add.": {"3 + 4": "gone"},
        "w is not known while the graph is built; but the loop does not change it.": {
            "w * w in a loop that changes only x": "folded"
        },
        "x is not known while the graph is built; and that nobody reads y is.": {
            "an unused y = exp(x)": "folded"
        },
        "x is another in each trip, and so is x * w.": {
            "x * w in a loop that changes x": "one node"
        },
    },
)
