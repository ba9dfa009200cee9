"""The reader of Python source: the right text, names as Python's symtable sees them, and back."""

import ast
import inspect
import linecache
import symtable
import textwrap

import pytest

from autodiff_lab import AutodiffError
from autodiff_lab.reading import MISSING, names, read

SCALE = 3.0


def plain(x, *rest, k: int = 2, **more):
    return x * SCALE + k


def decorator(f):
    return f


@decorator
@decorator
def decorated(x):
    return x + 1


class Thing:
    __secret = 5

    def method(self, x):
        return self.__secret * x

    def __call__(self, x):
        return x - 1


class Child(Thing):
    def method(self, x):
        return super().method(x) + 1


def closure(a):
    def inner(x):
        nonlocal a
        a = a + 1
        return a * x

    return inner


pair = lambda x: x + 1, lambda x: x * 2  # noqa: E731


FUNCTIONS = [
    (plain, 1.0),
    (decorated, 1.0),
    (Thing().method, 2.0),
    (Child().method, 2.0),
    (Thing(), 2.0),
    (closure(3), 2.0),
    (pair[0], 5.0),
    (pair[1], 5.0),
]


@pytest.mark.parametrize("f, x", FUNCTIONS)
def test_a_function_read_and_made_again_does_the_same(f, x):
    text = read(f)
    expected = f(x)
    if text.name == "inner":  # it counts its calls
        expected = f(x) + x
    assert text.function(text.tree)(x) == expected


@pytest.mark.parametrize("f, x", FUNCTIONS)
def test_the_printed_text_does_the_same(f, x):
    text = read(f)
    made = text.function_of(ast.unparse(text.tree))
    expected = f(x) + (x if text.name == "inner" else 0)
    assert made(x) == expected
    assert inspect.getsource(made).startswith("def ")


def test_cells_and_globals_are_the_functions_own_and_stay_so(monkeypatch):
    f = closure(10)
    again = read(f).function(read(f).tree)
    assert [f(1), again(1), f(1)] == [11, 12, 13]
    g = read(plain).function(read(plain).tree)
    monkeypatch.setitem(globals(), "SCALE", 100.0)
    assert g(1.0) == 102.0


def test_defaults_are_not_evaluated_again():
    calls = []

    def f(x, y=calls.append(1), *, z=calls.append(2)):  # noqa: B008
        return x, y, z

    text = read(f)
    text.function(text.tree)(1)
    assert calls == [1, 2]


def test_extra_names_do_not_reach_the_users_globals():
    text = read(decorated)
    tree = ast.parse("def decorated(x):\n    return helper(x)").body[0]
    assert text.function(tree, helper=lambda x: x + 41)(1) == 42
    assert "helper" not in globals() and "_outer" not in globals()


def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)


def test_a_function_that_calls_itself_does_so_by_what_its_name_means(monkeypatch):
    text = read(factorial)
    again = text.function_of(ast.unparse(text.tree))
    assert again(5) == 120 and again.__code__.co_name == "factorial"
    monkeypatch.setitem(globals(), "factorial", lambda n: 0)
    assert again(5) == 0


def test_an_error_shows_the_users_line():
    def f(x):
        y = x
        return y / 0

    text = read(f)
    with pytest.raises(ZeroDivisionError) as caught:
        text.function(text.tree)(1)
    last = caught.traceback[-1]
    assert str(last.path) == __file__
    assert last.lineno + 1 == f.__code__.co_firstlineno + 2


def test_a_refusal_points_with_a_caret():
    def f(x):
        öre = [1, 2]
        return öre[x : x + 1]

    text = read(f)
    where = text.tree.body[1].value
    message = str(text.refusal(where, "slices cannot be done; use an index"))
    head, line, caret = message.split("\n")
    assert head == (
        f"tests/autodiff_lab/test_reading.py, line {f.__code__.co_firstlineno + 2}, in f: "
        "slices cannot be done; use an index"
    )
    at = caret.index("^")
    assert line[at : caret.rindex("^") + 1] == "öre[x : x + 1]"


def cell(source, number=1):
    """As IPython runs a cell: compiled under a name that only linecache knows."""
    source = textwrap.dedent(source)
    file = f"ipykernel_{number}/{abs(hash(source))}.py"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space = {}
    exec(compile(source, file, "exec"), space)
    return space


def test_functions_of_notebook_cells():
    f = cell("""
        a = 3
        def f(x):
            return a * x
        """)["f"]
    text = read(f)
    assert text.function(text.tree)(2) == 6
    assert str(text.refusal(text.tree.body[0], "no")).startswith("notebook cell, line 4, in f")


def test_values_of_names():
    later = []

    def f(x):
        return x, SCALE, later, unknown_name, len, never  # noqa: F821

    text = read(f)
    assert text.value("SCALE") == 3.0 and text.value("later") is later
    assert text.value("len") is len and text.value("unknown_name") is MISSING
    assert text.value("never") is MISSING
    if not later:
        return
    never = 1


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: len, "without Python source"),
        (lambda: int, "without Python source"),
        (lambda: eval("lambda x: x"), "compiled as '<string>'"),
        (lambda: (lambda x: x + 1, lambda x: x + 1)[0], None),
    ],
)
def test_what_has_no_text_is_refused_in_a_sentence(make, words):
    if words is None:
        assert read(make()).function(read(make()).tree)(1) == 2
        return
    with pytest.raises(AutodiffError, match=words):
        read(make())


def test_a_text_that_has_changed_is_refused():
    space = cell("def f(x):\n    return x\n", 2)
    file = space["f"].__code__.co_filename
    linecache.cache[file] = (1, None, ["\n", "def f(x):\n", "    return x\n"], file)
    with pytest.raises(AutodiffError, match="f changed since it was defined; run its cell"):
        read(space["f"])


PROGRAMS = [
    "a = b + c\nd = a\ne += d",
    "for i, (j, k) in enumerate(xs):\n    y[i] = j.z\nelse:\n    w = k",
    "while n > 0:\n    n -= 1\nwith open(p) as q:\n    r = q.read()",
    "def g(u, v=w, *s, **t):\n    return u + v + o\nh = lambda m: m + l\nz = g(h)",
    "def g(u):\n    nonlocal_ = u\n    def k():\n        return nonlocal_ + far\n    return k",
    "a = [i * j for i in xs for j in i if j > t]\nb = {k: v for k, v in d}\nc = sum(x for x in y)",
    "try:\n    import os.path as p, sys\nexcept (E, F) as e:\n    raise G from e",
    "if (n := f(x)) > 3 and not y:\n    del z\nprint(n, *a, **b)",
    "class C(B, metaclass=M):\n    pass\nc = C",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_names_are_those_of_pythons_own_symbol_table(program):
    tree = ast.parse(program)
    table = symtable.symtable(f"def f():\n{textwrap.indent(program, '    ')}", "p", "exec")
    f = table.get_children()[0]
    inner = {s for t in f.get_children() if t.get_type() == "function" for s in t.get_frees()}
    read_below = {n for t in f.get_children() for n in _globals_below(t)}
    assert set(names.bound(tree)) == {s.get_name() for s in f.get_symbols() if s.is_assigned() or
                                      s.is_imported() or s.is_namespace()} - {"listcomp", "lambda",
                                      "dictcomp", "genexpr"}  # fmt: skip
    own = {s.get_name() for s in f.get_symbols() if s.is_referenced()}
    expected = own | inner | read_below
    assert set(names.used(tree)) - {"e", "n", "z"} == expected - {"e", "n", "z", ".0"}


def _globals_below(table):
    found = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    for child in table.get_children():
        found |= _globals_below(child)
    return found


def test_the_object_of_a_bound_method_is_known():
    thing = Thing()
    assert read(thing.method).value("self") is thing
    assert read(Thing.method).value("self") is MISSING
