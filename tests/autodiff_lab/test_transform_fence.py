"""What `transform` refuses, and how: a sentence with file, line and caret, before anything runs."""

import pytest

import autodiff_lab as ad
from autodiff_lab import AutodiffError

torch = pytest.importorskip("torch")

STATE = {"seen": 0}


def with_try(x):
    try:
        return x * 2
    except ValueError:
        return x


def with_with(x):
    with torch.no_grad():
        y = x * 2
    return y


def with_lambda(x):
    f = lambda v: v * 2  # noqa: E731
    return f(x)


def with_inner(x):
    def inner(v):
        return v * x

    return inner(x)


def with_comprehension(x):
    return {i: x * i for i in range(3)}[1]


def with_star(*xs):
    return xs[0] * 2


def with_generator(x):
    yield x * 2


def with_global(x):
    global STATE
    STATE = x
    return x * 2


def with_walrus(x):
    return (y := x * 2) + y


def with_attribute(x):
    STATE.value = x * 2
    return x


def with_else_of_loop(x):
    for _ in range(3):
        x = x * 2
    else:
        x = x + 1
    return x


def without_return(x):
    y = x * 2
    print(y)


def returns_sometimes(x):
    if x > 0:
        return x * 2


def with_keyword(x):
    return torch.sum(input=x * 2)


def with_in_place(x):
    y = x * 2
    y.mul_(3)
    return y


def with_in_place_used(x):
    y = x * 2
    z = y.add_(1)
    return z


def with_pop(x):
    ys = [x * 2]
    y = ys.pop()
    return y


def with_builtin_max(x):
    return max([x * 2, x])


def with_index(x):
    return x[x * 2]


def with_dict(x):
    d = {"a": x * 2}
    return d["a"]


def with_complex(x):
    return x * 2j


def with_alias(x):
    y = x
    y += torch.sin(x * 2)
    return y


def with_match(x):
    match x:
        case 1:
            return x * 2
    return x


def with_floor_division(x):
    return (x * 2) & 3


REFUSED = [
    (with_try, "try has no reverse", "try:"),
    (with_with, "with has no reverse", "with torch.no_grad():"),
    (with_lambda, "function inside", "lambda v: v * 2"),
    (with_inner, "function inside", "def inner(v):"),
    (with_comprehension, "dictcomp", "{i: x"),
    (with_star, "*args", "def with_star"),
    (with_generator, "generator", "yield"),
    (with_global, "global variable", "global STATE"),
    (with_walrus, ":=", "y := x * 2"),
    (with_attribute, "attribute that is written to", "STATE.value"),
    (with_else_of_loop, "else of a loop", "x = x + 1"),
    (without_return, "without returning", "print(y)"),
    (returns_sometimes, "without returning", "if x > 0:"),
    (with_keyword, "keyword argument", "x * 2"),
    (with_in_place, "thrown away", "y.mul_(3)"),
    (with_in_place_used, "writes into its tensor", "y.add_"),
    (with_pop, "changes its list", "ys.pop"),
    (with_builtin_max, "Python's max", "max("),
    (with_index, "index has no derivative", "x * 2"),
    (with_dict, "dict", '{"a": x * 2}'),
    (with_complex, "complex", "2j"),
    (with_alias, "another name may hold", "y +="),
    (with_match, "match", "match x:"),
    (with_floor_division, "no row", "(x * 2) & 3"),
]


@pytest.mark.parametrize("f, why, marked", REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_refused_with_file_line_and_caret(f, why, marked):
    with pytest.raises(AutodiffError) as raised:
        ad.transform(f)
    message, line, caret = str(raised.value).split("\n")
    assert "test_transform_fence.py, line " in message and f.__name__ in message
    assert why in message
    start = len(caret) - len(caret.lstrip())
    assert line[start:].startswith(marked.strip())


def test_a_callee_is_refused_where_it_is_written():
    def caller(x):
        return with_try(x) * 2

    with pytest.raises(AutodiffError, match="in with_try: try has no reverse"):
        ad.transform(caller)


def test_views_of_a_tensor_that_is_written_to():
    def swapped(x):
        x[0], x[1] = x[1], x[0]
        return x[0] * 2 + x[1]

    with pytest.raises(AutodiffError, match="clone"):
        ad.transform(swapped)(torch.tensor([1.0, 2.0]))
    assert ad.transform(swapped)([1.0, 2.0]) == (5.0, [1.0, 2.0])  # a list holds no views


def test_an_augmented_view_of_unknown_kind_is_asked_when_it_runs():
    def shared(x):
        y = x
        y += 1
        return y * x

    assert ad.transform(shared)(2.0) == (6.0, 5.0)
    with pytest.raises(AutodiffError, match="`y \\+= 1` would write"):
        ad.transform(shared)(torch.tensor(2.0))


def add(a, b):
    return 2 * (a + b)


def test_names_that_the_text_needs_itself():
    def local(x):
        at = x * 2
        return at

    def of_the_program(x):
        return x * add(1, 2)

    with pytest.raises(AutodiffError, match="calls at itself"):
        ad.transform(local)
    with pytest.raises(AutodiffError, match="reads add"):
        ad.transform(of_the_program)
    assert ad.transform(lambda x: add(x, x))(3.0) == (12.0, 4.0)  # it is transformed


def test_arguments_that_make_no_sense():
    def f(x):
        return x * 2

    with pytest.raises(AutodiffError, match="argument 1, but f has 1"):
        ad.transform(f, 1)
    with pytest.raises(AutodiffError, match="a real scalar, but .* shape \\(2,\\)"):
        ad.transform(f)(torch.ones(2))
    with pytest.raises(AutodiffError, match="real functions"):
        ad.transform(f)(torch.tensor(1j))
    with pytest.raises(AutodiffError, match="without Python source"):
        ad.transform(torch.sin)
    with pytest.raises(AutodiffError, match="scalars=True"):
        ad.transform(f, scalars=True)(torch.ones(2, 2))
