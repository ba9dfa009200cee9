"""Small random programs as text: branches, loops, break, continue, early return, tuples."""

import linecache
import random

NAMES = ("a", "b", "c")


class Program:
    """`text` is a function of a, b, c and n; a, b, c are numbers and n is a small count."""

    def __init__(self, seed, differentiable=False):
        self.random, self.smooth = random.Random(seed), differentiable
        self.fresh, self.lines = 0, []
        self.block("    ", 3, in_loop=False)
        self.lines.append(f"    return {self.expression(2)}")
        self.text = "def program(a, b, c, n):\n" + "\n".join(self.lines) + "\n"

    # ----- statements -----
    def block(self, indent, depth, in_loop):
        for _ in range(self.random.randint(1, 3)):
            kinds = ["assign", "assign", "swap", "update"]
            kinds += ["if", "if", "for", "while"] if depth > 0 else []
            kinds += ["leave"] if in_loop or depth < 3 else []
            kind = self.random.choice(kinds)
            getattr(self, "_" + kind)(indent, depth, in_loop)

    def add(self, indent, text):
        self.lines.append(indent + text)

    def _assign(self, indent, depth, in_loop):
        self.add(indent, f"{self.random.choice(NAMES)} = {self.expression(2)}")

    def _update(self, indent, depth, in_loop):
        sign, name = self.random.choice("+-*"), self.random.choice(NAMES)
        new = self.expression(1)
        # of a tensor, `a += 1` is a write, which a sea refuses
        plain = f"{name} = {name} {sign} {new}"
        self.add(indent, plain if self.smooth else f"{name} {sign}= {new}")

    def _swap(self, indent, depth, in_loop):
        x, y = self.random.sample(NAMES, 2)
        self.add(indent, f"{x}, {y} = {y}, {self.expression(1)}")

    def _if(self, indent, depth, in_loop):
        self.add(indent, f"if {self.test()}:")
        self.block(indent + "    ", depth - 1, in_loop)
        if self.random.random() < 0.3:
            self.add(indent, f"elif {self.test()}:")
            self.block(indent + "    ", depth - 1, in_loop)
        if self.random.random() < 0.6:
            self.add(indent, "else:")
            self.block(indent + "    ", depth - 1, in_loop)

    def _for(self, indent, depth, in_loop):
        self.fresh += 1
        i = f"i{self.fresh}"
        count = self.random.choice(["n", "3", "2", "n + 1", "1, 4", "4, 0, -2"])
        self.add(indent, f"for {i} in range({count}):")
        self.block(indent + "    ", depth - 1, True)
        if self.random.random() < 0.3:
            self.add(indent + "    ", f"{self.random.choice(NAMES)} = {self.number()} * {i}")
        self._else(indent, depth, in_loop)

    def _while(self, indent, depth, in_loop):
        self.fresh += 1
        k = f"k{self.fresh}"
        self.add(indent, f"{k} = 0")
        test = self.random.choice([f"{k} < n", f"{k} < 3 and {self.test()}", "True"])
        self.add(indent, f"while {test}:")
        self.add(indent + "    ", f"{k} = {k} + 1")
        if test == "True":
            self.add(indent + "    ", f"if {k} > 2:")
            self.add(indent + "        ", "break")
        self.block(indent + "    ", depth - 1, True)
        self._else(indent, depth, in_loop)

    def _else(self, indent, depth, in_loop):
        if self.random.random() < 0.15:
            self.add(indent, "else:")
            self.block(indent + "    ", depth - 1, in_loop)

    def _leave(self, indent, depth, in_loop):
        words = ["break", "continue"] if in_loop else []
        words += ["return"] if self.random.random() < 0.4 or not in_loop else []
        word = self.random.choice(words)
        self.add(indent, f"if {self.test()}:")
        self.add(indent + "    ", f"return {self.expression(1)}" if word == "return" else word)

    # ----- expressions: bounded, so that nothing grows out of all measure -----
    def expression(self, depth):
        kind = self.random.random()
        if depth == 0 or kind < 0.25:
            return self.random.choice([*NAMES, *NAMES, self.number()])
        if kind < 0.35:
            first, second = self.expression(depth - 1), self.expression(depth - 1)
            return f"({first} if {self.test()} else {second})"
        if kind < 0.42:
            return f"-{self.random.choice(NAMES)}"
        if kind < 0.5:
            return f"max({self.expression(depth - 1)}, {self.random.choice(NAMES)})"
        sign = self.random.choice("+-*/" if self.smooth else ["+", "-", "*", "//", "%", "*"])
        if sign in ("/", "//", "%"):
            return f"({self.expression(depth - 1)} {sign} {self.random.choice(['3', '7', '2'])})"
        text = f"({self.expression(depth - 1)} {sign} {self.expression(depth - 1)})"
        return f"{text} % 1009" if sign == "*" and not self.smooth else text

    def number(self):
        return self.random.choice(["0", "1", "2", "0.5", "3"] if self.smooth else "01235")

    def test(self):
        sign = self.random.choice(["<", ">", "<=", "!=", "=="])
        first = f"{self.random.choice(NAMES)} {sign} {self.expression(1)}"
        kind = self.random.random()
        if kind < 0.15:
            return f"{first} and {self.random.choice(NAMES)} > 0"
        if kind < 0.3:
            return f"not ({first} or {self.random.choice(NAMES)} < 1)"
        return first


def defined(text, title=None):
    """The function that a text defines, with its source where `inspect` finds it."""
    title = title or f"<program {hash(text)}>"
    linecache.cache[title] = (len(text), None, text.splitlines(True), title)
    space = {}
    exec(compile(text, title, "exec"), space)
    return [f for f in space.values() if callable(f) and hasattr(f, "__code__")][-1]
