"""Expressions of random programs, all typed, so that the loop over the examples can run them.

    array    an array without dims            number   an array, or a number of Python's
    vector   as long as x                     integer  an int of Python's, or an array
    pair     two numbers                      test     something with a truth value
    matrix   a pair for each entry of x

A program reads the example's own x, y, X, k and the shared w and W; `np` and `nn` are the
framework's. Values stay small and inside each operation's domain, so that nothing overflows; and
comparisons are with numbers that no computation gives, so that the last bit decides nothing.
(Generating programs that are valid by construction is Csmith's way: Yang et al., PLDI 2011.)
"""

import random
from collections import Counter

POINTWISE = """np.tanh np.sin np.cos np.abs np.square np.arctan np.exp(np.tanh np.log1p(np.square
np.sqrt(1+np.square np.expm1(np.tanh nn.relu nn.sigmoid nn.softplus nn.silu nn.gelu np.floor
np.log(1.5+np.sin np.sign np.arctan(np.sinh(np.tanh np.erf""".split()


class Expressions:
    """Writes expressions; `some` tells whether every example that comes here has an entry in x."""

    def __init__(self, seed, some, depth=3):
        self.random, self.some, self.depth = random.Random(seed), some, depth
        self.uses = Counter()
        self.names = {
            "array": ["w"], "number": [], "integer": ["k"], "vector": ["x"], "pair": [],
            "matrix": ["X"], "test": [], "list": [],
        }  # fmt: skip
        self.serial = Counter()

    # ----- choosing -----
    def write(self, kind, depth=0):
        """An expression of a kind: a leaf where it is deep enough."""
        leaves, others = WAYS[kind]
        ways = leaves if depth >= self.depth or self.random.random() < 0.3 else others
        return self.random.choice(ways)(self, depth + 1)

    def use(self, construct):
        self.uses[construct] += 1

    def pick(self, *things):
        return self.random.choice(things)

    def name(self, kind):
        return self.random.choice(self.names[kind])

    def fresh(self, stem):
        self.serial[stem] += 1
        return f"{stem}{self.serial[stem]}"

    def odd(self):
        """A number that nothing is equal to."""
        return self.pick(-0.731, -0.217, 0.0913, 0.283, 0.617, 1.139)

    # ----- arrays without dims -----
    def array_name(self, _):
        return self.name("array")

    def reduction(self, depth):
        v = self.write("vector", depth)
        self.use("op: reduction")
        ways = [f"np.sum({v})", f"({v}).sum()", f"np.prod(np.tanh({v}))", f"({v} @ {v})"]
        if self.some:
            ways += [f"({v}).mean()", f"np.logsumexp({v}, 0)", f"np.amax({v}, 0)", f"({v}).min()",
                     f"np.var({v}, correction=0)"]  # fmt: skip
        return self.pick(*ways)

    def matrix_reduction(self, depth):
        self.use("op: reduction of two dims")
        return f"({self.write('matrix', depth)}).sum()"

    def grid(self, depth):
        self.use("two ragged dims")
        a = f"np.tanh({self.write('vector', depth)}[:, None] * y[None, :])"
        return self.pick(
            f"{a}.sum()", f"({a} @ y).sum()", f"({a}.T @ x).sum()", f"{a}.sum(0).sum()"
        )

    def entry(self, depth):
        if not self.some:
            return self.name("array")
        self.use("index: own entry")
        vector = self.pick("x", self.name("vector"))
        return f"{vector}[{self.pick('0', '-1', 'len(x) - 1', 'k % len(x)')}]"

    def of_pair(self, depth):
        p = self.write("pair", depth)
        self.use("index: shared dim")
        return self.pick(f"({p})[0]", f"({p})[-1]", f"({p} @ {self.write('pair', depth)})")

    def shorter(self, _):
        self.use("slice of a ragged dim")
        return f"{self.name('vector')}[{self.pick('1:', ':2', '-2:', 'k:', ':-1', '1:3')}].sum()"

    def sum_of_arrays(self, depth):
        a, b = self.write("array", depth), self.write("number", depth)
        return self.pick(f"({a} + {b})", f"({a} - {b})", f"({b} + {a})", f"(-{a})")

    def product(self, depth):
        a, b = self.write("array", depth), self.write("array", depth)
        return self.pick(f"(np.tanh({a}) * {b})", f"({a} * {self.odd()})",
                         f"({a} / (1 + abs({b})))")  # fmt: skip

    def in_its_domain(self, depth):
        """An operation that the branch not taken must not run."""
        a = self.write("array", depth)
        self.use("gradient outside the domain")
        function, bound = self.pick(("np.log", 0.031), ("np.sqrt", 0.017), ("np.arctanh", None))
        if bound is None:
            return f"(np.arctanh({a}) if -0.97 < {a} < 0.97 else {a})"
        return f"({function}({a}) if {a} > {bound} else {self.write('array', depth)})"

    def helper(self, depth):
        self.use("call of one's own function")
        a, b = self.write("array", depth), self.write("array", depth)
        return f"{self.pick('helper', 'helper', 'cell')}({a}, {b})"

    # ----- numbers -----
    def number_name(self, _):
        return self.pick(*self.names["number"], *self.names["array"])

    def literal(self, _):
        return str(self.odd())

    def comprehension(self, depth):
        v = self.fresh("v")
        where, old = f" if {v} {self.pick('<', '>')} {self.odd()}" * self.random.randrange(2), ""
        self.use("comprehension" + " with if" * bool(where))
        self.names["array"].append(v)
        old = self.write("array", depth)
        self.names["array"].remove(v)
        over = self.pick("x", "x", "y", "x[1:]")
        form = f"{v} * {self.odd()} + {old} for {v} in {over}{where}"
        return self.pick(f"sum([{form}])", f"sum({form})", f"len([{form}])")

    def of_list(self, _):
        if not self.names["list"]:
            return self.literal(0)
        ys = self.name("list")
        self.use("list that grows")
        return self.pick(f"sum({ys})", f"len({ys})", f"sum([np.tanh(v) for v in {ys}])")

    def as_float(self, depth):
        self.use("builtin: int, float, bool")
        return f"(float({self.write('integer', depth)}) * 0.1)"

    # ----- integers -----
    def integer_name(self, _):
        return self.name("integer")

    def own_length(self, _):
        self.use("len, shape")
        return self.pick("len(x)", "len(y)", "x.shape[0]", "X.shape[0]")

    def small(self, _):
        return str(self.random.randrange(4))

    def integers(self, depth):
        a, b = self.write("integer", depth), self.write("integer", depth)
        return self.pick(f"({a} + {b})", f"({a} - {b})", f"({a} // 2)", f"({a} % 3)", f"({a} * 2)")

    def as_int(self, depth):
        self.use("builtin: int, float, bool")
        return f"int(np.tanh({self.write('array', depth)}) * 3)"

    # ----- truth values -----
    def comparison(self, depth):
        sign = self.pick("<", ">", "<=", ">=")
        if self.random.random() < 0.4:
            sign = self.pick(sign, "==", "!=")
            return f"{self.write('integer', depth)} {sign} {self.write('integer', depth)}"
        return f"{self.write('array', depth)} {sign} {self.odd()}"

    def test_name(self, depth):
        return self.name("test") if self.names["test"] else self.comparison(depth)

    def chained(self, depth):
        self.use("chained comparison")
        a = self.write("array", depth)
        low, high = sorted((self.odd(), self.odd()))
        return f"{low} < {a} <= {high}"

    def negation(self, depth):
        self.use("not, and, or")
        return f"not {self.write('test', depth)}"

    def joined(self, depth):
        self.use("not, and, or")
        a, b = self.write("test", depth), self.write("test", depth)
        return f"({a} {self.pick('and', 'or')} {b})"

    def any_all(self, _):
        self.use("builtin: any, all")
        v = self.fresh("v")
        return f"{self.pick('any', 'all')}({v} {self.pick('<', '>')} {self.odd()} for {v} in x)"

    # ----- vectors, pairs, matrices -----
    def vector_name(self, _):
        return self.name("vector")

    def vectors(self, depth):
        a, b = self.write("vector", depth), self.write("vector", depth)
        return self.pick(f"({a} + {b})", f"({a} - {self.write('array', depth)})",
                         f"(np.tanh({a}) * {b})")  # fmt: skip

    def backwards(self, depth):
        self.use("op: flip")
        return f"np.flip({self.write('vector', depth)}, (0,))"

    def along(self, depth):
        self.use("op: along the ragged dim")
        return f"{self.pick('np.cumsum', 'nn.softmax')}({self.write('vector', depth)}, 0)"

    def products(self, depth):
        self.use("op: matmul")
        m = self.write("matrix", depth)
        return self.pick(f"({m} @ {self.write('pair', depth)})", f"({m})[:, {self.pick(0, 1)}]",
                         f"({m}).sum(1)")  # fmt: skip

    def pair_name(self, _):
        return self.pick("(w * W[0])", *self.names["pair"])

    def row(self, _):
        if not self.some:
            return "W[1]"
        self.use("index: own entry")
        return self.pick("X[0]", "X[-1]", "X[len(X) // 2]")

    def pairs(self, depth):
        p, q = self.write("pair", depth), self.write("pair", depth)
        return self.pick(f"({p} + {q})", f"({p} @ W)", f"(W @ {p})", f"nn.softmax({p}, 0)")

    def over_rows(self, depth):
        m = self.write("matrix", depth)
        self.use("op: reduction")
        ways = [f"({m}).sum(0)", f"(x @ {m})"]
        return self.pick(*ways, *[f"({m}).mean(0)", f"np.amax({m}, 0)"] * self.some)

    def stacked(self, depth):
        self.use("op: stack")
        return f"np.stack([{self.write('array', depth)}, {self.write('array', depth)}])"

    def matrix_name(self, _):
        return self.name("matrix")

    def matrices(self, depth):
        m = self.write("matrix", depth)
        self.use("op: matmul")
        return self.pick(f"({m} @ W)", f"({m} + {self.write('pair', depth)})",
                         f"({m} * {self.write('vector', depth)}[:, None])")  # fmt: skip

    def attention(self, depth):
        self.use("attention")
        m = self.write("matrix", depth)
        return f"(nn.softmax({m} @ X.T, 1) @ X)" if self.some else f"nn.softmax({m} @ W, 1)"


# ----- ways that serve several kinds -----
def pointwise(kind):
    def way(self, depth):
        function = self.random.choice(POINTWISE)
        self.use("op: pointwise")
        return f"{function}({self.write(kind, depth)})" + ")" * function.count("(")

    return way


def where(kind):
    def way(self, depth):
        a, b, c = (self.write(kind, depth) for _ in range(3))
        self.use("op: where, maximum")
        return self.pick(f"np.where({a} > {self.odd()}, {b}, {c})", f"np.maximum({a}, {b})")

    return way


def chosen(kind):
    def way(self, depth):
        a, b = self.write(kind, depth), self.write(kind, depth)
        self.use("conditional expression")
        return f"({a} if {self.write('test', depth)} else {b})"

    return way


def extreme(kind):
    def way(self, depth):
        a, b = self.write(kind, depth), self.write(kind, depth)
        self.use("builtin: min, max, abs")
        return self.pick(f"min({a}, {b})", f"max({a}, {b})", f"abs({a})")

    return way


_E = Expressions
WAYS = {
    "array": (
        [_E.array_name, _E.array_name, _E.entry],
        [_E.array_name, _E.reduction, _E.matrix_reduction, _E.grid, _E.entry, _E.of_pair,
         _E.shorter, _E.sum_of_arrays, _E.product, _E.in_its_domain, _E.helper, _E.helper,
         pointwise("array"), where("array"), chosen("array"), extreme("array")],
    ),
    "number": (
        [_E.number_name, _E.literal],
        [_E.number_name, _E.comprehension, _E.of_list, _E.as_float, _E.sum_of_arrays,
         chosen("number"), extreme("number")],
    ),
    "integer": (
        [_E.integer_name, _E.small, _E.own_length],
        [_E.integer_name, _E.integers, _E.as_int, chosen("integer"), extreme("integer")],
    ),
    "test": (
        [_E.comparison, _E.test_name],
        [_E.comparison, _E.chained, _E.negation, _E.joined, _E.any_all],
    ),
    "vector": (
        [_E.vector_name],
        [_E.vectors, _E.backwards, _E.along, _E.products, pointwise("vector"),
         where("vector")],
    ),
    "pair": ([_E.pair_name, _E.row], [_E.pairs, _E.over_rows, _E.stacked, pointwise("pair")]),
    "matrix": ([_E.matrix_name], [_E.matrices, _E.attention, pointwise("matrix")]),
}  # fmt: skip
