"""Who sees a write? Programs that write into what has a second holder, and programs that may.

The oracle is Python: the program itself, run on numbers, and its slope by central differences.
A program of `SHARED` is refused: it would be wrong if writes went into copies.
"""

import copy

import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, array


def slope(f, x, h=1e-6):
    return (f(x + h) - f(x - h)) / (2 * h)


# ----- what is refused -----
def two_names(x):
    a = [x, x]
    b = a
    b[0] = x * x
    return a[0] * 3


def held_by_a_list(x):
    a = [x, x]
    rows = [a, a]
    a[0] = x * x
    return rows[1][0]


def appended_before_it_is_written(x):
    rows, row = [], [x, x]
    rows.append(row)
    row[1] = x * x
    return rows[0][1] * 2


def of_a_dict(x):
    d = {}
    e = d
    e["a"] = x * x
    return d.get("a", 0.0)


def item_of_a_loop(x):
    rows = [[x, x], [x, x]]
    for row in rows:
        row[0] = x * x
    return rows[0][0] + rows[1][0]


def unpacked(x):
    rows = [[x, x], [x, x]]
    a, _ = rows
    a[0] = x * x * x
    return rows[0][0]


def in_a_tuple(x):
    a = [x]
    pair = (a, x)
    a[0] = x * x * x
    return pair[0][0]


def one_of_two(x):
    a = [x]
    b = a if x > 0 else [x]
    b[0] = x * x * x
    return a[0]


def exchanged_and_held(x):
    a, b = [x], [x * 2]
    c = b
    a, b = b, a
    a[0] = x * x * x
    return c[0]


def row_of_a_matrix(x):
    rows = [[x, x], [x, x]]
    row = rows[0]
    row[0] = x * x
    return rows[0][0]


def rows_that_are_one(x):
    rows = [[0.0, 0.0]] * 2
    rows[0][1] = x * x
    return rows[1][1] + x


def identity(a):
    return a


def came_back(x):
    a = [x]
    b = identity(a)
    b[0] = x * x * x
    return a[0]


def writes_into(c, x):
    c[0] = x
    return x


def by_a_callee(x):
    c = [3.0, 1.0]
    y = writes_into(c, x)
    return y * c[0]


def by_a_callee_of_constants(x):
    c = [3.0, 1.0]
    y = x * c[0]
    z = writes_into(c, 5.0)
    return y * y * c[0] * z


def sorted_in_place(x):
    c = [3.0, 1.0]
    y = x * c[0]
    c.sort()
    return y * c[0]


def popped(x):
    c = [3.0, 1.0]
    y = x * c[0]
    z = c.pop(0)
    return y * z * y


def used_up(x):
    it = iter([2.0, 3.0, 4.0, 5.0])
    y = x * next(it)
    return y * y * next(it)


def longer_list_of_two_names(x):
    a = [x]
    b = a
    b += [x * x]
    return a[len(b) - 1]


def held_in_the_next_round(x):
    a, b = [x, x], [0.0, 0.0]
    for _ in range(3):
        b[0] = a[0] * x
        b[1] = a[0] + b[1]
        a = b
    return a[0] * a[1]


SHARED = [f for name, f in list(globals().items()) if getattr(f, "__module__", "") == __name__
          and name not in ("slope", "identity", "writes_into")]  # fmt: skip


@pytest.mark.parametrize("f", SHARED, ids=lambda f: f.__name__)
def test_a_write_that_somebody_else_would_see_is_refused(f):
    f(1.5)  # Python runs it
    with pytest.raises(ad.AutodiffError) as caught:
        ad.transform(f)
    head, line, caret = str(caught.value).split("\n")
    assert "test_transform_writes.py, line " in head and "^" in caret and line.strip()


# ----- what is not -----
def double_buffer(x):
    u = [0.0, x, 2 * x, x, 0.0]
    for _ in range(3):
        v = [u[0]]
        for i in range(1, 4):
            v.append(u[i] + 0.1 * x * (u[i - 1] - 2 * u[i] + u[i + 1]))
        v.append(u[4])
        u = v
    return u[1] * u[2]


def exchanged(x):
    u, v = [x, x], [0.0, 0.0]
    for _ in range(3):
        for i in range(2):
            v[i] = u[1 - i] * x + i
        u, v = v, u
    return u[0] * u[1]


def eliminated(x):
    """Gauss, on a list of lists: the determinant."""
    a = [[x * (i + 1) if i == j else x ** (j + 1) for j in range(3)] for i in range(3)]
    for k in range(3):
        for i in range(k + 1, 3):
            factor = a[i][k] / a[k][k]
            for j in range(k, 3):
                a[i][j] -= factor * a[k][j]
    return a[0][0] * a[1][1] * a[2][2]


def determinant(m):
    if len(m) == 1:
        return m[0][0]
    s = 0.0
    for j in range(len(m)):
        minor = [[m[i][k] for k in range(len(m)) if k != j] for i in range(1, len(m))]
        s = s + (-1) ** j * m[0][j] * determinant(minor)
    return s


def laplace(x):
    return determinant([[x, 1.0, x], [2.0, x * x, 1.0], [x, 3.0, x + 1]])


def warped(x):
    """Soft dynamic time warping (Cuturi and Blondel 2017), with cells in a dict by pairs."""
    a, b, cells = [x, 2.0, 0.5 * x], [1.5, 0.7], {}
    for i in range(3):
        for j in range(2):
            d = (a[i] - b[j]) ** 2
            if i and j:
                d = d + min(cells[i - 1, j], cells[i, j - 1], cells[i - 1, j - 1])
            elif i or j:
                d = d + (cells[i - 1, j] if i else cells[i, j - 1])
            cells[i, j] = d
    return cells[2, 1]


def insertion_sort(x):
    a = [v * x for v in (2.0, 1.0, 3.0, 0.5)]
    for i in range(1, 4):
        j = i
        while j > 0 and a[j - 1] > a[j]:
            a[j - 1], a[j] = a[j], a[j - 1]
            j -= 1
    return a[0] + 2 * a[1] + 3 * a[2] * a[3]


def casteljau(x):
    points = [1.0, 3.0, -2.0 * x, 4.0]
    for r in range(1, 4):
        points = [(1 - x) * points[i] + x * points[i + 1] for i in range(4 - r)]
    return points[0]


def orthogonal(x):
    basis = []
    for row in ([x, 0.2], [0.5, x * x]):
        v = row
        for b in basis:
            along = sum(p * q for p, q in zip(v, b))  # noqa: B905
            v = [p - along * q for p, q in zip(v, b)]  # noqa: B905
        length = sum([p * p for p in v]) ** 0.5
        basis.append([p / length for p in v])
    return basis[1][0] * basis[0][1]


def joined(x):
    a = [x] + [x * x]
    a += [a[-1] * x]
    a[1:] = [a[2], a[1]]
    return a[0] * a[1] + a[2]


def by_keyword(x):
    return scaled(y=x * x, x=x)


def scaled(x, y, *, factor=2.0):
    return x * y * factor + y


def from_the_end(x):
    i, s = 7, 0.0
    for v in reversed([x * i for i in range(3)]):
        s = s * x + v
    return s * i


def extremes(x):
    return max(x, x * x, 1.0) * min(x, 2.0) + max(0.0, -x)


def drawn(x):
    rng = __import__("random").Random(3)
    y = x * rng.random()
    for _ in range(rng.randint(2, 5)):
        y = y * x * rng.random()
    return y


def counted(x):
    k, total = [0], 0.0
    for _ in range(3):
        k[0] += 1
        total = total + x * k[0]
    return total * x


FINE = (double_buffer, exchanged, eliminated, laplace, warped, insertion_sort, casteljau,
        orthogonal, joined, by_keyword, from_the_end, extremes, drawn, counted)  # fmt: skip


@pytest.mark.parametrize("name", ("numbers", *FRAMEWORKS))
@pytest.mark.parametrize("f", FINE, ids=lambda f: f.__name__)
def test_a_write_that_nobody_else_sees(f, name):
    x = 1.3 if name == "numbers" else array(name, 1.3)
    value, gradient = ad.transform(f)(copy.copy(x))
    assert float(value) == pytest.approx(f(1.3))
    assert float(gradient) == pytest.approx(slope(f, 1.3), rel=1e-6)


# ----- PyTorch's `+=`, which writes into the tensor -----
def named_twice(x):
    y = x * 1.0
    z = y
    z += 1
    return y * x


def named_twice_before_a_loop(x):
    y = x * 1.0
    z = y
    for _ in range(3):
        z += 1
    return y * x


def of_a_list(x):
    y = x * 1.0
    t = [y, x]
    y += 1
    return t[0] * y


def with_a_view(x):
    y = x * 1.0
    z = y.reshape(())
    y += 1
    return z * y


def given_away(x):
    y = x * 1.0
    t = identity(y)
    y += 1
    return t * y


@pytest.mark.parametrize("read", (ad.transform, lambda f: ad.sea(f).grad()), ids=("text", "sea"))
@pytest.mark.parametrize(
    "f", (named_twice, named_twice_before_a_loop, of_a_list, with_a_view, given_away)
)
def test_adding_in_place_to_what_is_seen_elsewhere(f, read):
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    with pytest.raises(ad.AutodiffError, match="write"):
        read(f)(torch.tensor(1.5))
    value, gradient = read(f)(jnp.asarray(1.5))  # a new array, there
    assert float(value) == pytest.approx(float(f(jnp.asarray(1.5))))
    assert float(gradient) == pytest.approx(
        slope(lambda x: float(f(jnp.asarray(x))), 1.5, 1e-2), rel=1e-2
    )


# ----- what the text alone does not tell -----
def lists_joined(xs, ys):
    zs = xs + ys
    return zs[2] * zs[0]


def list_repeated(xs, n):
    zs = xs * n
    return zs[2] * zs[0]


def writes(a, b):
    a[0] = a[0] * 3
    return a[0] * b[0]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_lists_as_arguments_are_told_from_arrays_when_it_runs(name):
    xs, ys = ([array(name, v) for v in pair] for pair in ((1.0, 2.0), (3.0, 4.0)))
    for f, args in ((lists_joined, (xs, ys)), (list_repeated, (xs, 2))):
        with pytest.raises(ad.AutodiffError, match=r"joined by \+ or repeated"):
            ad.transform(f)(*args)


def test_one_argument_under_two_names_is_refused_where_it_is_written():
    xs, ys = [2.0, 1.0], [2.0, 1.0]
    assert ad.transform(writes, (0, 1))(xs, ys) == (12.0, ([6.0, 0.0], [6.0, 0.0]))
    with pytest.raises(ad.AutodiffError, match="as two arguments .*give a copy"):
        ad.transform(writes, (0, 1))(xs, xs)
