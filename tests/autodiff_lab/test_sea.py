"""The sea of nodes against plain Python, and against the answers of SeaOfNodes/Simple's own tests.

Every program here runs four times: as Python, as a graph, as a graph that nobody simplified, and as
the Python that each of the two is scheduled back to.
"""

import pytest

import autodiff_lab as ad
from tests.autodiff_lab.random_programs import Program, defined
from tests.helpers import FRAMEWORKS, array, to_numpy


# ----- programs of the textbooks -----
def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def power(x, n):
    y = 1
    while n > 0:
        if n % 2 == 1:
            y = y * x
        x = x * x
        n //= 2
    return y


def babylonian(a, tolerance=1e-12):
    x = a
    while abs(x * x - a) > tolerance:
        x = (x + a / x) / 2
    return x


def horner(x, coefficients):
    y = 0
    for c in coefficients:
        y = y * x + c
    return y


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def smallest_factor(n):
    k = 2
    while k * k <= n:
        if n % k == 0:
            break
        k += 1
    else:
        k = n
    return k


def find(xs, wanted):
    for i, x in enumerate(xs):
        if x == wanted:
            return i


def pairs(n, m):
    total = 0
    for i in range(n):
        for j in range(m, 0, -2):
            if j == 3:
                continue
            if i * j > 12:
                break
            total += i * j
    return total


def dot(a, b):
    total = 0
    for x, y in zip(a, b):  # noqa: B905
        total += x * y
    return total


def between(a, b, c):
    if a < b < c and not (a == 0 or c == 9):
        return 1 if a else 2
    return max(a, b, c) - min(a, b, c)


def nested_returns(n):
    while True:
        for i in range(n):
            if i > 2:
                return i
        n = n + 1
        if n > 7:
            break
    return -n


def calls(a, b):
    return power(n=b, x=a) + gcd(a, b) + fibonacci(b)


def walrus(n):
    while (half := n // 2) > 1:
        n = half
    return n, half


class Machine:
    scale = 3

    def __init__(self, offset):
        self.offset = offset

    def once(self, x):
        return x * self.scale + self.offset

    def run(self, x, n):
        for _ in range(n):
            x = self.once(x)
        return x


PROGRAMS = [
    (gcd, (12, 18), (7, 5), (0, 3)),
    (collatz, (1,), (27,)),
    (power, (3, 5), (2, 0), (1.5, 3)),
    (babylonian, (2.0,), (9.0, 1e-3)),
    (horner, (2, (1, 2, 3)), (0.5, [4.0]), (1, ())),
    (fibonacci, (9,)),
    (is_even, (4,), (7,)),
    (smallest_factor, (91,), (97,), (4,)),
    (find, ([3, 1, 4], 4), ((), 1), (range(5), 9)),
    (pairs, (5, 6), (0, 3), (4, 9)),
    (dot, ([1, 2], [3, 4, 5])),
    (between, (1, 2, 3), (0, 1, 2), (1, 1, 9), (1, 5, 9)),
    (nested_returns, (1,), (5,)),
    (calls, (6, 4)),
    (walrus, (25,), (1,)),
    (Machine(5).run, (2, 3)),
]


@pytest.mark.parametrize("program, cases", [(p, cases) for p, *cases in PROGRAMS])
@pytest.mark.parametrize("optimize", [False, True])
def test_textbook_programs_are_what_python_says(program, cases, optimize):
    s = ad.sea(program, optimize=optimize)
    for case in cases:
        expected = program(*case)
        assert same(s(*case), expected) and same(s.function(*case), expected)


def same(a, b):
    """Equal to the last bit and in type: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    return repr(a) == repr(b)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_are_what_python_says(seed):
    program = defined(Program(seed).text)
    s, raw = ad.sea(program), ad.sea(program, optimize=False)
    assert len(s) <= len(raw)
    for case in [(3, 5, 2, 3), (0, 1, -4, 0), (7, -2, 1, 2)]:
        expected = program(*case)
        for made in (s, raw, s.function, raw.function):
            assert same(made(*case), expected), made


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_arrays_of_both_frameworks(name):
    a = array(name, 2.0, "float64")
    for made in (ad.sea(babylonian), ad.sea(babylonian).function):
        assert float(made(a)) == float(babylonian(a))
    xs = array(name, [1.0, 2.0, 3.0], "float64")
    assert float(ad.sea(dot)(xs, xs)) == 14.0
    assert to_numpy(ad.sea(horner)(xs, (1.0, 2.0))).tolist() == [3.0, 4.0, 5.0]


def test_a_bound_method_and_a_closure_are_read_as_they_are_now():
    offset = 1

    def f(x):
        return x + offset

    s = ad.sea(f)
    offset = 2
    assert s(1) == 2 and ad.sea(f)(1) == 3
