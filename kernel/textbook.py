"""The textbook's derivative of composite rows, for their cards.

A composite row states no derivative: it follows from the rows it is made of, and nothing computes
with what stands here. But a reader wants to see `softmax(x) - t`. Each form is a function that is
written once: called on letters it gives the card its LaTeX, called on numbers it is held against
the engine, on both frameworks (`tests/kernel/test_textbook.py`).

`t` is the language that these forms are written in: operators, the verbs of `xp` that `symbols`
knows, and those of `Letters`. Sums and means go over the axes that the row is about.
"""

import inspect

from autodiff_lab.table.symbols import ATOM, PRODUCT, SUM, Symbol, Symbols, call, join, symbol

PARAMETERS = {  # a row's parameters as its formula writes them
    "alpha": r"\alpha", "beta": r"\beta", "delta": r"\delta", "slope": "s", "scale": "s",
    "bound": r"\lambda", "low": "a", "high": "b", "value": "v", "threshold": r"\theta", "p": "p",
}  # fmt: skip


class Letters(Symbols):
    """The verbs that write instead of computing, and what has been given a name by `let`."""

    n = Symbol("n")  # the number of entries that are averaged
    count = Symbol("n - c", SUM)  # the same with a correction
    one = Symbol("1")
    epsilon = Symbol(r"\epsilon")
    sum = staticmethod(lambda x: Symbol(rf"\sum {symbol(x).at(PRODUCT)}", PRODUCT))
    mean = staticmethod(lambda x: call(r"\operatorname{mean}", x))
    sign = staticmethod(lambda x: call(r"\operatorname{sign}", x))
    normal = staticmethod(lambda x: call(r"\Phi", x))
    density = staticmethod(lambda x: call(r"\phi", x))
    softmax = staticmethod(lambda x: call(r"\operatorname{softmax}", x))
    later = staticmethod(lambda x: call(r"\operatorname{later}", x))
    product = staticmethod(lambda a, b: join(a, b, r"{} \, {}", PRODUCT, PRODUCT, PRODUCT))
    entrywise = staticmethod(lambda a, b: join(a, b, r"{} \odot {}", PRODUCT, PRODUCT, PRODUCT))
    turned = staticmethod(lambda a: Symbol(f"{symbol(a).at(ATOM)}^T"))
    chosen = staticmethod(lambda t, x: Symbol(r"\mathbf{1}_t"))

    def __init__(self):
        self.named: list = []

    def let(self, name, value):
        self.named.append(f"{name} = {symbol(value).tex}")
        return Symbol(name)

    def shared(self, value, like):
        """The cotangent of what all entries share: the sum over them."""
        return self.sum(value)


# ----- entry by entry: dy = slope dx, and the cotangent is slope g -----
def _mish(t, y, x):
    s = t.let("s", t.tanh(t.log(1 + t.exp(x))))
    return s + x * t.sigmoid(x) * (1 - s**2)


def _selu(t, y, x):
    return t.where(x > 0, 1.0507009873554805, y + 1.7580993408473766)


SLOPES = {
    "silu": lambda t, y, x: t.sigmoid(x) * (1 + x * (1 - t.sigmoid(x))),
    "gelu": lambda t, y, x: t.normal(x) + x * t.density(x),
    "mish": _mish,
    "elu": lambda t, y, x, *, alpha: t.where(x > 0, t.one, y + alpha),
    "selu": _selu,
    "celu": lambda t, y, x, *, alpha: t.where(x > 0, t.one, t.exp(x / alpha)),
    "leaky_relu": lambda t, y, x, *, slope: t.where(x > 0, t.one, slope),
    "softplus": lambda t, y, x, *, beta: t.sigmoid(beta * x),
    "softsign": lambda t, y, x: t.one / (1 + t.abs(x)) ** 2,
    "tanhshrink": lambda t, y, x: t.tanh(x) ** 2,
    "hardtanh": lambda t, y, x, *, low, high: t.where((x > low) & (x < high), t.one, 0),
    "relu6": lambda t, y, x: t.where((x > 0) & (x < 6), t.one, 0),
    "hardsigmoid": lambda t, y, x: t.where(t.abs(x) < 3, t.one / 6, 0),
    "hardswish": lambda t, y, x: t.where(t.abs(x) < 3, (2 * x + 3) / 6, t.where(x > 3, t.one, 0)),
    "softshrink": lambda t, y, x, *, bound: t.where(t.abs(x) > bound, t.one, 0),
    "hardshrink": lambda t, y, x, *, bound: t.where(t.abs(x) > bound, t.one, 0),
    "threshold": lambda t, y, x, *, bound: t.where(x > bound, t.one, 0),
}  # fmt: skip


# ----- both directions of what mixes entries: f(t, y, x, dx) and f(t, y, g, *inputs) -----
def _standard(t, x):
    """What the norms share: one over the spread, and the entries in these units."""
    centred = x - t.mean(x)
    r = t.let("r", t.one / t.sqrt(t.mean(centred**2) + t.epsilon))
    return r, t.let(r"\hat x", r * (x - t.mean(x)))


def _norm_forward(t, y, x, dx, w):
    r, unit = _standard(t, x)
    return r * w * (dx - t.mean(dx) - unit * t.mean(unit * dx))


def _norm_back(t, y, g, x, w, b):
    r, unit = _standard(t, x)
    v = t.let("v", w * g)
    back = r * (v - t.mean(v) - unit * t.mean(unit * v))
    return {"x": back, "w": t.shared(g * unit, w), "b": t.shared(g, b)}


def _rms_back(t, y, g, x, w):
    r = t.let("r", t.one / t.sqrt(t.mean(x**2) + t.epsilon))
    unit = t.let(r"\hat x", r * x)
    v = t.let("v", w * g)
    return {"x": r * (v - unit * t.mean(unit * v)), "w": t.shared(g * unit, w)}


def _linear_back(t, y, g, x, w, b):
    product, turned = t.product, t.turned
    return {"x": product(g, w), "w": product(turned(g), x), "b": t.shared(g, b)}


def _cosine_back(t, y, g, a, b):
    size_a, size_b = t.sqrt(t.sum(a**2)), t.sqrt(t.sum(b**2))
    return {"a": g / size_a * (b / size_b - y * a / size_a),
            "b": g / size_b * (a / size_a - y * b / size_b)}  # fmt: skip


def _attention_back(t, y, g, q, k, v, *, scale):
    """The scores S pass through a softmax, row by row."""
    product, turned, each = t.product, t.turned, t.entrywise
    p = t.let("P", t.softmax(scale * product(q, turned(k))))
    of_p = t.let(r"\bar P", product(g, turned(v)))
    of_s = t.let(r"\bar S", each(p, of_p - t.sum(each(p, of_p))))
    return {"Q": scale * product(of_s, k), "K": scale * product(turned(of_s), q),
            "V": product(turned(p), g)}  # fmt: skip


def _rnn_back(t, y, g, x, h, wx, wh, b):
    product, turned = t.product, t.turned
    d = t.let("d", g * (1 - y**2))
    return {"x": product(d, wx), "h": product(d, wh), "W_x": product(turned(d), x),
            "W_h": product(turned(d), h), "b": t.shared(d, b)}  # fmt: skip


def _huber_slope(t, x, delta):
    return t.where(t.abs(x) <= delta, x, delta * t.sign(x))


FORWARD = {
    "mean": lambda t, y, x, dx: t.mean(dx),
    "softmax": lambda t, y, x, dx: y * (dx - t.sum(y * dx)),
    "log_softmax": lambda t, y, x, dx: dx - t.sum(t.exp(y) * dx),
    "layer_norm": _norm_forward,
}
BACK = {
    "lerp": lambda t, y, g, a, b, w: {"a": (1 - w) * g, "b": w * g, "w": (b - a) * g},
    "addcmul": lambda t, y, g, x, a, b, *, value: {"x": g, "a": value * b * g, "b": value * a * g},
    "addcdiv": lambda t, y, g, x, a, b, *, value: {
        "x": g, "a": value / b * g, "b": -value * a / b**2 * g},
    "mean": lambda t, y, g, x: {"x": g / t.n},
    "var": lambda t, y, g, x: {"x": 2 / t.count * g * (x - t.mean(x))},
    "std": lambda t, y, g, x: {"x": g / (t.count * y) * (x - t.mean(x))},
    "norm": lambda t, y, g, x, *, p: {"x": g * t.sign(x) * (t.abs(x) / y) ** (p - 1)},
    "softmax": lambda t, y, g, x: {"x": y * (g - t.sum(y * g))},
    "log_softmax": lambda t, y, g, x: {"x": g - t.exp(y) * t.sum(g)},
    "cumprod": lambda t, y, g, x: {"x": t.later(g * y) / x},
    "cumlogsumexp": lambda t, y, g, x: {"x": t.exp(x) * t.later(g * t.exp(-y))},
    "linear": _linear_back,
    "add_product": lambda t, y, g, c, a, b: {
        "c": g, "a": t.product(g, t.turned(b)), "b": t.product(t.turned(a), g)},
    **dict.fromkeys(("layer_norm", "batch_norm", "instance_norm", "group_norm"), _norm_back),
    "rms_norm": _rms_back,
    "batch_norm_known": lambda t, y, g, x, m, v, w: {
        "x": g * w / t.sqrt(v + t.epsilon),
        "w": t.shared(g * (x - m) / t.sqrt(v + t.epsilon), w)},
    "attention": _attention_back,
    "rnn_cell": _rnn_back,
    "mse_loss": lambda t, y, g, x, a: {"x": 2 * g / t.n * (x - a), "t": -2 * g / t.n * (x - a)},
    "l1_loss": lambda t, y, g, x, a: {"x": g / t.n * t.sign(x - a), "t": -g / t.n * t.sign(x - a)},
    "huber_loss": lambda t, y, g, x, a, *, delta: {"x": g / t.n * _huber_slope(t, x - a, delta)},
    "smooth_l1_loss": lambda t, y, g, x, a, *, beta: {
        "x": g / t.n * t.where(t.abs(x - a) < beta, (x - a) / beta, t.sign(x - a))},
    "nll_loss": lambda t, y, g, x, a: {"x": -g / t.n * t.chosen(a, x)},
    "cross_entropy": lambda t, y, g, x, a: {"x": g / t.n * (t.softmax(x) - a)},
    "binary_cross_entropy_with_logits": lambda t, y, g, x, a: {
        "x": g * (t.sigmoid(x) - a), "t": -g * x},
    "kl_div": lambda t, y, g, x, a: {"x": -g * a, "t": g * (t.log(a) + 1 - x)},
    "cosine_similarity": _cosine_back,
}  # fmt: skip
LETTERS = {  # the inputs of a row, where they are not all called x
    "lerp": "a b w", "addcmul": "x a b", "addcdiv": "x a b", "linear": "x w b",
    "add_product": "c a b", "layer_norm": "x w b", "batch_norm": "x w b",
    "batch_norm_known": "x m v w", "instance_norm": "x w b", "group_norm": "x w b",
    "rms_norm": "x w", "attention": "Q K V", "rnn_cell": "x h W_x W_h b",
    "cosine_similarity": "a b", "mse_loss": "x t", "l1_loss": "x t",
    "huber_loss": "x t", "smooth_l1_loss": "x t", "nll_loss": "x t", "cross_entropy": "x t",
    "binary_cross_entropy_with_logits": "x t", "kl_div": "x t",
}  # fmt: skip
SAID = {  # what a letter stands for
    "gelu": r"\phi = \Phi'", "cross_entropy": r"t \text{ as a one-hot row}",
    "nll_loss": r"\mathbf{1}_t \text{ the one-hot row of } t", "softplus": r"\beta x < \theta",
    "cumprod": r"\operatorname{later}(v)_i = \sum_{k \ge i} v_k",
    "cumlogsumexp": r"\operatorname{later}(v)_i = \sum_{k \ge i} v_k",
    "attention": r"\text{sums along the keys}",
}  # fmt: skip


# ----- as LaTeX -----
def forward(row):
    """`dy = ...`, or "" where no form is stated."""
    if row.name in SLOPES:
        return f"dy = {_times(_slope(row, Letters()), 'dx')}"
    form = FORWARD.get(row.name)
    if form is None:
        return ""
    weights = _names(row)[1 : len(inspect.signature(form).parameters) - 3]
    return f"dy = {form(Letters(), *map(Symbol, ('y', 'x', 'dx', *weights))).tex}"


def reverse(row):
    r"""`\bar x = ...` for each input, or "" where no form is stated."""
    if row.name in SLOPES:
        return rf"\bar x = {_times(_slope(row, Letters()), 'g')}"
    made = _back(row, Letters())
    return r", \quad ".join(rf"\bar {_bare(x)} = {value.tex}" for x, value in made.items())


def letters(row):
    """What the letters in these two stand for, or ""."""
    used = Letters()
    _slope(row, used) if row.name in SLOPES else _back(row, used)
    return r", \quad ".join([*used.named, *filter(None, [SAID.get(row.name)])])


def _slope(row, t):
    form = SLOPES[row.name]
    return form(t, Symbol("y"), Symbol("x"), **_parameters(form))


def _back(row, t):
    form = BACK.get(row.name)
    if form is None:
        return {}
    return form(t, Symbol("y"), Symbol("g"), *map(Symbol, _names(row)), **_parameters(form))


def _names(row):
    return LETTERS.get(row.name, "x").split()


def _parameters(form):
    asked = inspect.signature(form).parameters.values()
    return {p.name: Symbol(PARAMETERS[p.name]) for p in asked if p.kind is p.KEYWORD_ONLY}


def _times(slope, factor):
    return (slope * Symbol(factor)).tex


def _bare(name):
    return name if len(name) == 1 else f"{{{name}}}"
