"""What a sea may and may not do: rules are exact, what may fail stays, the rest is refused."""

import math
import textwrap

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import AutodiffError
from tests.autodiff_lab.random_programs import defined
from tests.helpers import FRAMEWORKS, array

INF, NAN = math.inf, math.nan


def program(text, **names):
    f = defined(textwrap.dedent(text).lstrip("\n"))
    f.__globals__.update(names)
    return f


# ----- optimisation: smaller, and the same to the last bit -----
SHRINKS = [  # a body, what its text must say, what it must not
    ("return x * (3 * 4 + 1)", "return x * 13", "3 * 4"),
    ("a = x * x\n    b = x * x\n    return a + b", "a + a", "b"),
    ("a = x / 0\n    return x", "return x", "/"),
    ("if 1 > 2:\n        return f(x)\n    return x", "return x", "if"),
    ("for i in range(3):\n        x = x + i * 1 + 0 * i", "return None", "* 1"),
    ("y = (x, x + 1)\n    a, b = y\n    return b - a", "b - x", "("),
    ("a, b = x, 2\n    a, b = b, a\n    return a * b", "return 2 * x", ","),
    ("k = 0\n    for i in range(4):\n        k = k + 1 + 2\n    return k", "k + 3", "+ 2"),
]


@pytest.mark.parametrize("body, says, never", SHRINKS)
def test_what_falls_out(body, says, never):
    s = ad.sea(program(f"def f(x):\n    {body}\n"))
    raw = ad.sea(program(f"def f(x):\n    {body}\n"), optimize=False)
    text = s.source.split("\n", 1)[1]
    assert says in text and never not in text and len(s) <= len(raw)


EXACT = [  # what looks the same and is not
    ("x * 0", NAN), ("x * 0", INF), ("x * 0.0", -1.0), ("x + 0.0", -0.0), ("x + 0", -0.0),
    ("0.0 - x", 0.0), ("x - x", NAN), ("x - x", INF), ("x / x", 3.0), ("x == x", NAN),
    ("x * 1", True), ("x + 0", True), ("x / 1", 2), ("(x + 1e16) + 1.0", 1.0), ("x ** 0", 2.5),
    ("(x + 1) + 2", 1e16), ("1 + x", "text"), ("-(-x)", True), ("not not x", 5), ("x // 1", 2.5),
    ("(x * 0.1) * 10", 3.0), ("x < x", NAN), ("x and x", 0.0), ("2 ** 3 ** 2 * x", 2),
    ("(-2) ** 2 * x", 1), ("-2 ** 2 * x", 1), ("1e308 * 10 - x", 1.0), ("0.1 + 0.2 + x", 0.0),
]  # fmt: skip


@pytest.mark.parametrize("expression, x", EXACT)
def test_no_rule_changes_a_bit(expression, x):
    f = program(f"def f(x):\n    y = {expression}\n    return y\n")
    try:
        expected = f(x)
    except TypeError as e:
        with pytest.raises(TypeError, match=str(e)[:20]):
            ad.sea(f)(x)
        return
    for made in (ad.sea(f), ad.sea(f).function):
        assert repr(made(x)) == repr(expected)


KNOWN = [  # i is known to be an int; k, which begins as one, is not; nor is b
    "i - 2", "i - i", "i * 0", "0 * i", "i // 1", "2 + i + 3", "0 + i", "i + 0", "1 * i", "i <= i",
    "i != i", "i < 2", "i / 1", "(i - i) * x", "k // 1", "(k + 1) + 2", "k * 0", "k - 2", "k + i",
    "b + 0", "b * 1", "(i * 2) * 3", "i % 2 * k", "-i", "(i > 1) + 0", "i * 1.0", "i - 0.0",
]  # fmt: skip


@pytest.mark.parametrize("expression", KNOWN)
def test_algebra_on_what_is_known_is_pythons(expression):
    f = program(
        f"""
        def f(x):
            found, k, b = (), 0, True
            for i in range(4):
                k = k + 0.3
                found = (found, {expression})
                b = i > 1
            return found
        """
    )
    for made in (ad.sea(f), ad.sea(f).function):
        assert repr(made(NAN)) == repr(f(NAN))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_does_not_change_in_a_loop_stands_before_it(name):
    framework = pytest.importorskip("jax.numpy" if name == "jax" else "torch")
    f = program(
        """
        def f(x, w, n):
            for i in range(n):
                for j in range(n):
                    s = lib.sin(w) * w
                    x = x * s + lib.cos(w * i)
            return x
        """,
        lib=framework,
    )
    s = ad.sea(f)
    lines = s.source.split("\n")
    at = {word: next(i for i, line in enumerate(lines) if word in line)
          for word in ("lib.sin(w)", "lib.cos", "while i", "while j")}  # fmt: skip
    assert at["lib.sin(w)"] < at["while i"] < at["lib.cos"] < at["while j"]
    x, w = array(name, 0.3, "float64"), array(name, 0.7, "float64")
    assert float(s(x, w, 3)) == float(s.function(x, w, 3)) == pytest.approx(float(f(x, w, 3)))


STAYS = [  # in loops that make no trip, and behind tests that say no
    "for i in range(n):\n        y = y + 1 / x",
    "for i in range(n):\n        y = y + x ** -1",
    "while n > 0:\n        y = y + 7 // x\n        n = n - 1",
    "for i in range(n):\n        y = y + xs[x]",
    "for i in range(n):\n        y = y + math.log(x)",
    "if x:\n        y = 1 / x\n    if x:\n        y = 1 / x + 1",
    "for i in range(n):\n        if x is not None:\n            y = y + x * x",
    "for i in range(n):\n        y = y + forever(x)",
]


@pytest.mark.parametrize("body", STAYS)
def test_what_may_fail_stays_where_it_is(body):
    def forever(x):
        while x == 0:
            x = x * 2
        return x

    names = {"math": math, "xs": (), "forever": forever}
    f = program(f"def f(x, n):\n    y = 1\n    {body}\n    return y\n", **names)
    x, n = (None, 3) if "None" in body else (0, 0)
    assert f(x, n) == 1 == ad.sea(f)(x, n) == ad.sea(f).function(x, n)


def test_errors_are_pythons_own():
    f = program("def f(x, n):\n    for i in range(n):\n        x = x / (2 - i)\n    return x\n")
    for made in (ad.sea(f), ad.sea(f).function):
        with pytest.raises(ZeroDivisionError):
            made(1.0, 3)
        with pytest.raises(TypeError, match="float"):
            made(1.0, 3.0)  # range(3.0)
        with pytest.raises(TypeError, match="missing a required argument|positional argument"):
            made(1.0)


# ----- refused: file, line and caret -----
REFUSED = [
    ("print(x)", "print(x)", "its value is not used"),
    ("y = print(x)", "print(x)", "print is not known to be without effect"),
    ("x[0] = 1", "x[0]", "writing into a container"),
    ("x.a = 1", "x.a", "writing into a container"),
    ("x[0] += 1", "x[0]", "writing into a container"),
    ("x.append(1)", "x.append(1)", "its value is not used"),
    ("y = x.append(1)", "x.append(1)", "the method append is not known"),
    ("y = x.add_(1)", "x.add_(1)", "the method add_ is not known"),
    ("y = x(1)", "x(1)", "nobody can know what x will be"),
    ("y = torch.rand(3)", "torch.rand(3)", "torch.rand is not known to be without effect"),
    ("y = random.random()", "random.random()", "random.random is not known"),
    ("y = np.save(x, x)", "np.save(x, x)", "np.save is not known"),
    ("y = jax.debug.print(x)", "jax.debug.print(x)", "jax.debug.print is not known"),
    ("y = nowhere(x)", "nowhere", "the name nowhere is not defined"),
    ("y = math.nowhere(x)", "math.nowhere", "math has no nowhere"),
    ("y = z\n    z = 1", "z", "z has no value here"),
    ("if x:\n        y = 1\n    z = y", "y", "y may have no value here"),
    ("for i in range(x):\n        y = i\n    z = y + i", "y", "y may have no value here"),
    ("for i in range(0, 5, x):\n        pass", "x", "the step of a range"),
    ("y = [i for i in x]", "[i for i in x]", "`ListComp` is not read"),
    ("y = lambda a: a", "lambda a: a", "`Lambda` is not read"),
    ("y = f'{x}'", "f'{x}'", "`JoinedStr` is not read"),
    ("y = (yield x)", "yield x", "`Yield` is not read"),
    ("a, *b = x", "*b", "a star is not read"),
    ("y = max(*x)", "*x", "a star is not read"),
    ("y = dict(**x)", "dict(**x)", "** is not read"),
    ("try:\n        y = 1\n    except E:\n        y = 2", None, "exceptions cannot be caught"),
    ("with x:\n        y = 1", None, "`with` is an effect"),
    ("raise ValueError(x)", "raise ValueError(x)", "raising is an effect"),
    ("assert x", "assert x", "an assertion is an effect"),
    ("import math", "import math", "an import is an effect"),
    ("del x", "del x", "a name cannot be deleted"),
    ("global g\n    g = x", "global g", "global names cannot be written"),
    ("def g():\n        return 1", None, "a function inside a function"),
    ("match x:\n        case 1:\n            y = 1", None, "`match` is not read"),
    ("while True:\n        pass", None, "it never returns"),
]


@pytest.mark.parametrize("body, at, why", REFUSED)
def test_refused_with_file_line_and_caret(body, at, why):
    names = {n: pytest.importorskip(n) for n in ("torch", "jax", "random") if n in body}

    text = f"def f(x):\n    {body}\n    return x\n"
    f = program(text, math=math, np=np, **names)
    with pytest.raises(AutodiffError) as caught:
        ad.sea(f)
    head, line, caret = str(caught.value).split("\n")
    number = int(head.split("line ")[1].split(",")[0])
    assert why in head and ", in f: " in head and head.startswith("<program ")
    assert line.strip() == text.split("\n")[number - 1].strip()
    if at is not None:
        assert line[caret.index("^") : caret.rindex("^") + 1] == at


def test_what_is_refused_in_a_called_function_is_refused_there():
    inner = program("def inner(x):\n    print(x)\n    return x\n")
    f = program("def f(x):\n    return inner(x) + 1\n", inner=inner)
    with pytest.raises(AutodiffError, match=", line 2, in inner: its value is not used"):
        ad.sea(f)


@pytest.mark.parametrize(
    "text", ["def f(x, *more):\n    return x\n", "def f(**x):\n    return x\n"]
)
def test_starred_parameters_are_refused(text):
    with pytest.raises(AutodiffError, match="are not read; name each parameter"):
        ad.sea(program(text))


def test_adding_in_place_would_write_into_the_callers_tensor():
    torch = pytest.importorskip("torch")
    f = program("def f(x, n):\n    for i in range(n):\n        x += 1\n    return x\n")
    assert ad.sea(f)(2, 3) == 5
    for made in (ad.sea(f), ad.sea(f).function, ad.sea(f).grad()):
        with pytest.raises(AutodiffError, match=r"line 3, in f: x is a tensor or a list here"):
            made(torch.ones(2), 3)


@pytest.mark.parametrize("body", ["y = x * 1\n    z = y\n    y += 1", "y = x[0]\n    y += 1"])
def test_adding_in_place_to_what_has_two_names_is_refused_for_tensors(body):
    torch = pytest.importorskip("torch")
    f = program(f"def f(x):\n    {body}\n    return y\n")
    number = (3,) if "[" in body else 3
    for made in (ad.sea(f), ad.sea(f).function):
        assert made(number) == 4
        with pytest.raises(AutodiffError, match="known by another name too"):
            made(torch.ones(2))


def test_a_function_without_text_is_refused():
    with pytest.raises(AutodiffError, match="without Python source"):
        ad.sea(len)
