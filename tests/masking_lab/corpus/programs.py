"""Statements of random programs, and whole programs: nested control flow around the expressions."""

import random
from collections import Counter
from typing import NamedTuple

from .grammar import Expressions

# The number of entries in x and y of each example; "empty": some x has none. The padded shapes are
# the same as far as possible, since JAX compiles for each shape.
BATCHES = (
    ("mixed", (3, 1, 4), (2, 3, 1)),
    ("mixed", (1, 4, 2), (3, 1, 2)),
    ("empty", (2, 0, 4), (1, 3, 2)),
    ("empty", (0, 4, 1), (3, 2, 1)),
    ("equal", (4, 4, 4), (3, 3, 3)),
    ("one", (4,), (3,)),
    ("all empty", (0, 0, 0), (1, 3, 2)),
)
SHARE = (8, 4, 6, 2, 2, 1, 1)


class Program(NamedTuple):
    """The text of `f(x, y, X, k, w, W)`, the constructs it uses, and the lengths to run it with."""

    seed: int
    text: str
    uses: Counter
    kind: str
    lengths: tuple


def program(seed, framework="torch", size=9):
    """One random program; `size` is about how many statements it has."""
    kind, *lengths = random.Random(seed).choices(BATCHES, SHARE)[0]
    return Writer(seed, framework, "empty" not in kind, size).program(kind, tuple(lengths))


class Writer(Expressions):
    """Writes statements, as lists of lines. `left` is the number that may still be written."""

    def __init__(self, seed, framework, some, size):
        super().__init__(seed, some)
        self.seed = seed
        self.framework, self.left = framework, size
        self.loops, self.given_back = 0, self.random.randrange(4)

    def program(self, kind, lengths):
        head = [*self.helper_functions(), "def f(x, y, X, k, w, W):",
                "    h, total, count, ys = w * 0.5, 0.0, 0, []",
                "    box, u, p = Box(w * 0.3), x * w, W[0] * 1.0"]  # fmt: skip
        self.add("array", "h", "box.h")
        self.add("number", "total")
        self.add("integer", "count", "box.calls")
        self.add("vector", "u")
        self.add("pair", "p")
        self.add("list", "ys")
        body = self.block(top=True)
        text = "\n".join([*head, *indented(body), f"    return {self.result('h')}", ""])
        self.use(f"lengths: {kind}")
        return Program(self.seed, text, self.uses, kind, lengths)

    def add(self, kind, *names):
        self.names[kind] = [*self.names[kind], *names]

    def helper_functions(self):
        """A function and an object of the user's own, with branches and exits."""
        outer, self.names = self.names, {**self.names, "array": ["a", "b"]}
        self.names |= {"integer": ["1"], "vector": [], "list": [], "matrix": []}
        body = [f"if a > {self.odd()}:", f"    return {self.simple()}"]
        if self.random.random() < 0.5:
            body += [f"for i in range({self.random.randrange(1, 4)}):",
                     f"    b = {self.simple()} + i * 0.1",
                     f"    if b {self.pick('<', '>')} {self.odd()}:",
                     f"        {self.pick('break', 'continue', 'return b * 2')}"]  # fmt: skip
        text = ["def helper(a, b):", *indented(body), f"    return {self.simple()}", ""]
        body = [f"if b < {self.odd()}:", "    return a", f"return {self.simple()} * self.scale"]
        text += ["class Cell:", "    scale = 0.5", "    def __call__(self, a, b):",
                 *indented(indented(body)), "", "cell = Cell()", ""]  # fmt: skip
        self.names = outer
        return text

    def simple(self):
        """A short expression of the names a and b."""
        a, b = self.pick("a", "b"), self.pick("a", "b")
        return self.pick(f"np.tanh({a} + {b})", f"({a} * {self.odd()})", f"(np.sin({a}) - {b})",
                         f"({a} if {b} > {self.odd()} else np.cos({b}))")  # fmt: skip

    def result(self, main):
        rest = f"{main} + {self.write('number', 2)}"
        return (f"{rest} + total", f"({rest} + total * 2.0, u, p)",
                f'{{"h": {rest}, "total": total + 0.0 * w, "u": u}}', f"({rest}, count + 0.0 * w)",
                )[self.given_back]  # fmt: skip

    # ----- blocks -----
    def block(self, top=False):
        """Some statements; names that they define are known inside only."""
        outer = dict(self.names)
        lines = []
        for _ in range(99 if top else self.random.randrange(1, 4)):
            if self.left <= 0 and lines:
                break
            self.left -= 1
            ways = SIMPLE if self.left <= 0 or self.loops > 2 else SIMPLE + NESTED
            lines += self.random.choice(ways)(self)
            if lines[-1].startswith(("return", "break", "continue")):
                break
        self.names = outer
        return lines

    def body(self, *more, before=()):
        """The lines of a loop's body."""
        self.loops += 1
        lines = [*before, *self.block()]
        if self.random.random() < 0.35 and not lines[-1].startswith(("return", "break", "conti")):
            lines += self.exit()
        self.loops -= 1
        return indented(lines)

    def exit(self):
        way = self.pick("break", "continue", "break", f"return {self.result('h')}")
        self.use(way.split()[0] + " in a branch of a loop")
        after = self.assign() if way == "continue" else []
        return [f"if {self.write('test', 1)}:", f"    {way}", *after]

    # ----- statements -----
    def assign(self):
        kind = self.pick("array", "array", "number", "integer", "vector", "pair")
        name = {"array": "h", "number": "total", "integer": "count", "vector": "u", "pair": "p"}
        if kind == "integer":
            return [f"count = min({self.write(kind)}, 5) + 0"]
        fresh = "1.0 * " if kind == "number" else ""  # `total += v` must not write into an input
        return [f"{name[kind]} = {fresh}{self.write(kind)}"]

    def augmented(self):
        self.use("augmented assignment")
        return [self.pick(f"h = h + {self.write('array')}", f"total += {self.write('number')}",
                          "count += 1", f"total -= {self.write('array')}",
                          f"total *= {self.odd()}")]  # fmt: skip

    def swap(self):
        self.use("tuple assignment")
        a, b = self.write("array"), self.write("array")
        t = self.fresh("t")
        self.add("array", t)
        return self.pick([f"h, {t} = {a}, h"], [f"({t}, h), count = (h, {b}), count + 1"])

    def attribute(self):
        self.use("attribute assignment")
        value = self.write("array")
        return [self.pick(f"box.h = {value} * 0.9", f"box.h = box.h + np.tanh({value})",
                          f"box.calls += {self.random.randrange(1, 3)}")]  # fmt: skip

    def indexed(self):
        self.use("indexed assignment")
        z, value = self.fresh("z"), self.write("array")
        if self.framework == "torch" and self.some:
            place = self.pick("0", "-1", "len(x) - 1", "k % len(x)", ":2")
            lines = [f"{z} = x * 1.0", f"{z}[{place}] {self.pick('=', '+=')} {value}"]
            self.add("vector", z)
            return lines
        lines = [f"{z} = [h, w, {self.write('array')}]", f"{z}[{self.pick(0, 1, -1)}] = {value}"]
        return [*lines, f"h = {z}[0] - {z}[1] * {z}[2]"]

    def append(self):
        if not self.names["list"]:
            return self.assign()
        self.use("append")
        return [f"ys.append({self.write('array')})"]

    def flag(self):
        t = self.fresh("t")
        lines = [f"{t} = {self.write('test')}"]
        self.add("test", t)
        return lines

    def assertion(self):
        self.use("assert")
        return [f"assert {self.pick('len(y) > 0', 'h == h or True', 'count < 99')}, 'never'"]

    def closure(self):
        self.use("closure")
        inner, a = self.fresh("inner"), self.write("array", 2)
        kind = self.pick("def", "lambda")
        if kind == "lambda":
            return [f"{inner} = lambda v: np.tanh(v + {a})", f"h = {inner}(h)"]
        return [f"def {inner}(v):", f"    if v > {self.odd()}:", f"        return v * {a}",
                f"    return {self.pick('h', 'w')} - v", f"h = {inner}({self.write('array')})",
                ]  # fmt: skip

    def branch(self):
        lines = [f"if {self.write('test')}:", *indented(self.block())]
        for _ in range(self.pick(0, 0, 1, 2)):
            self.use("elif")
            lines += [f"elif {self.write('test')}:", *indented(self.block())]
        if self.random.random() < 0.5:
            self.use("else")
            lines += ["else:", *indented(self.block())]
        self.use("if")
        return lines

    def guard(self):
        """What needs an entry, for the examples that have one."""
        if self.some:
            return self.branch()
        self.use("if on a length")
        self.some = True
        lines = [f"if {self.pick('len(x) > 0', 'x.shape[0] != 0')}:", *indented(self.block())]
        self.some = False
        return lines

    def one_sided(self):
        """A name that has a value on the examples that took a branch, and is read there."""
        self.use("name defined on one side")
        t, flag, sign = self.fresh("t"), self.fresh("flag"), self.pick("", "not ")
        lines = [f"{flag} = {sign}{self.write('test', 1)}", f"if {flag}:",
                 f"    {t} = {self.write('array', 1)}", *self.assign()]  # fmt: skip
        return [*lines, f"if {flag}:", f"    h = h * 0.5 + {t}"]

    def early_return(self):
        if self.random.random() < 0.5:
            return self.augmented()
        self.use("early return")
        return [f"if {self.write('test')}:", f"    return {self.result('h')}"]

    def for_loop(self):
        v, i = self.fresh("v"), self.fresh("i")
        construct, head, own = self.pick(*FOR)
        self.use(f"for: {construct}")
        outer, some = dict(self.names), self.some
        for kind, name in own.items():
            self.add(kind, name.format(v=v, i=i))
        self.some = some or "x" in construct
        if "grew" in construct:  # it must not grow while it is gone through
            self.names["list"] = []
        lines = [f"for {head.format(v=v, i=i, n=self.random.randrange(1, 4))}:", *self.body()]
        self.names, self.some = outer, some
        if self.random.random() < 0.2:
            self.use("loop else")
            lines += ["else:", *indented(self.block())]
        return lines

    def while_loop(self):
        n = self.fresh("n")
        self.use("while")
        end, test = self.random.randrange(1, 5), self.write("test", 1)
        outer = dict(self.names)
        self.add("integer", n)
        start, head, before = self.pick(
            (f"{n} = 0", f"while {n} < {end} and {test}:", [f"{n} += 1"]),
            (f"{n} = k + 1", f"while {n} > 0:", [f"{n} = {n} - 1"]),
            (f"{n} = len(x)", f"while {n} > 0 and not {test}:", [f"{n} -= 1"]),
            (f"{n} = 0", "while True:", [f"{n} += 1", f"if {n} > {end} or {test}:", "    break"]),
        )
        lines = [start, head, *self.body(before=before)]
        self.names = outer
        if self.random.random() < 0.2:
            self.use("loop else")
            lines += ["else:", *indented(self.block())]
        return lines


# What a loop goes through, its head, and the names that its body knows.
FOR = (
    ("entries of x", "{v} in x", {"array": "{v}"}),
    ("entries of x", "{v} in x", {"array": "{v}"}),
    ("range of x", "{i} in range(len(x))", {"array": "x[{i}]", "integer": "{i}", "pair": "X[{i}]"}),
    ("range of x with steps", "{i} in range(1, len(x), 2)", {"array": "x[{i}]", "integer": "{i}"}),
    ("range of x backwards", "{i} in range(len(x) - 1, -1, -1)", {"array": "x[{i}]"}),
    ("range of a number", "{i} in range({n})", {"integer": "{i}"}),
    ("range of an own number", "{i} in range(k)", {"integer": "{i}"}),
    ("enumerate of x", "{i}, {v} in enumerate(x)", {"array": "{v}", "integer": "{i}"}),
    ("zip of x", "{v}, {i} in zip(x, y)", {"array": "{v}", "number": "{i}"}),
    ("reversed of x", "{v} in reversed(x)", {"array": "{v}"}),
    ("slice of x", "{v} in x[1:]", {"array": "{v}"}),
    ("reversed of x", "{v} in reversed(x[1:])", {"array": "{v}"}),
    ("rows of x", "{v} in X", {"pair": "{v}"}),
    ("another length", "{v} in y", {"array": "{v}"}),
    ("a list of Python", "{v} in [h, w, 2.0 * w]", {"array": "{v}"}),
    ("a list that grew", "{v} in ys", {"array": "{v}"}),
)
SIMPLE = [
    Writer.assign, Writer.assign, Writer.assign, Writer.augmented, Writer.augmented, Writer.swap,
    Writer.attribute, Writer.indexed, Writer.append, Writer.append, Writer.flag,
    Writer.early_return, Writer.assertion,
]  # fmt: skip
NESTED = [
    Writer.branch, Writer.branch, Writer.branch, Writer.guard, Writer.one_sided, Writer.closure,
    Writer.for_loop, Writer.for_loop, Writer.for_loop, Writer.for_loop, Writer.while_loop,
    Writer.while_loop,
]  # fmt: skip


def indented(lines):
    return ["    " + line for line in lines]
