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


# ----- the graph itself: what Simple's tests say of the same programs -----
def while_twice(arg):
    a = 1
    while a < 10:
        a = a + 1
        a = a + 2
    return a


def while_two(arg):
    a = 1
    while arg:
        a = 2
    return a


def while_if(arg):
    a = 1
    b = 2
    while a < 10:
        if a == 2:
            a = 3
        else:
            b = 4
        b = b + 1
        a = a + 1
    return b


def while_nested(arg):
    total = 0
    i = 0
    while i < arg:
        i = i + 1
        j = 0
        while j < arg:
            total = total + j
            j = j + 1
    return total


def while_behind_if(arg):
    a = 1
    if arg:
        pass
    else:
        while a < 10:
            a = a + 1
    return a


def if_true(arg):
    a = 1
    if 1 == 1:
        a = 2
    else:
        a = 3
    b = 4
    if arg == 2:
        b = a
    else:
        b = 5
    return b


def if_three(arg):
    a = 1
    if arg == 1:
        if arg == 2:
            a = 2
        else:
            a = 3
    elif arg == 3:
        a = 4
    else:
        a = 5
    return a


def if_three_folded(arg):
    a = 1
    if arg == 1:
        if 1 == 2:
            a = 2
        else:
            a = 3
    elif arg == 3:
        a = 4
    else:
        a = 5
    return a


def if_data(arg):
    a = 1
    if arg == 1:
        a = arg + 2
    else:
        a = arg - 3
    return a


SIMPLE = [  # SeaOfNodes/Simple, Chapter07Test and Chapter08Test, without the numbers of the nodes
    (while_twice, False, "Phi(Loop,1,((Phi_a+1)+2))"),
    (while_twice, True, "Phi(Loop,1,(Phi_a+3))"),
    (while_two, True, "Phi(Loop,1,2)"),
    (while_if, True, "Phi(Loop,2,(Phi(Region,Phi_b,4)+1))"),
    (while_nested, True, "Phi(Loop,0,Phi(Loop,Phi_total,(Phi_total+Phi(Loop,0,(Phi_j+1)))))"),
    (while_behind_if, True, "Phi(Region,1,Phi(Loop,1,(Phi_a+1)))"),
    (if_true, True, "Phi(Region,2,5)"),
    (if_three, True, "Phi(Region,Phi(Region,2,3),Phi(Region,4,5))"),
    (if_three_folded, True, "Phi(Region,3,Phi(Region,4,5))"),
    (if_data, True, "Phi(Region,(arg+2),(arg-3))"),
]


@pytest.mark.parametrize("program, optimize, expected", SIMPLE)
def test_the_graph_is_that_of_simple(program, optimize, expected):
    s = ad.sea(program, optimize=optimize)
    (end,) = s.stop.control
    assert said(end.data[0], ()) == expected


def said(node, asked):
    """A value as Simple prints it."""
    if node.kind == "phi":
        if node in asked:
            return f"Phi_{node.label.split(' ')[1]}"
        values = ",".join(said(x, (*asked, node)) for x in node.data)
        return f"Phi({node.control[0].kind.capitalize()},{values})"
    if node.kind == "op":
        return "(" + node.op.name.join(said(x, asked) for x in node.data) + ")"
    return node.name or str(node.value)


def with_a_branch(x, w, n):
    y = x
    for i in range(n):  # noqa: B007  a loop has a counter, read or not
        s = w * w
        if y > 2:
            y = y - s
        else:
            y = y * x + s
    return y


TABLE = """\
node  what     data     control  placed in
%0    start
%1    param x                    %0
%2    param w                    %0
%3    param n                    %0
%4    index    %3       %0       %0
%5    0                          %0
%6    1                          %0
%7    loop              %0 %23
%8    phi i    %5 %24   %7       %7
%9    <        %8 %4             %7
%10   if       %9       %7       %7
%11   true              %10
%12   false             %10
%13   s = *    %2 %2             %0
%14   phi y    %1 %25   %7       %7
%15   2                          %0
%16   >        %14 %15           %11
%17   if       %16      %11      %11
%18   true              %17
%19   false             %17
%20   y = -    %14 %13           %18
%21   *        %14 %1            %19
%22   y = +    %21 %13           %19
%23   region            %18 %19
%24   +        %8 %6             %23
%25   phi y    %20 %22  %23      %23
%26   return   %14      %12      %12
%27   stop              %26"""


def test_a_loop_with_a_branch_can_be_followed_by_hand():
    """By hand: s = w * w stands before the loop (%0), both phis of the loop wait for its end."""
    s = ad.sea(with_a_branch)
    head, *rows = str(s).split("\n")
    width = rows[0].index("line")
    assert head == "<sea of with_a_branch: 28 nodes, 2 branches, 1 loop>"
    assert [row[:width].rstrip() for row in rows] == TABLE.split("\n")
    assert [row[width:] for row in rows if row[width:]][
        3
    ] == f"{line_of(with_a_branch) + 3}: s = w * w"
    assert s.follow(1.5, 0.5, 2).split("\n") == [
        "%0 start", "%7 loop: i = 0, y = 1.5", "%11 true", "%19 false",
        "%23 region: y = 2.5", "%7 loop: i = 1, y = 2.5", "%11 true", "%18 true",
        "%23 region: y = 2.25", "%7 loop: i = 2, y = 2.25", "%12 false", "returns 2.25",
    ]  # fmt: skip


def line_of(f):
    return f.__code__.co_firstlineno


@pytest.mark.parametrize("program", [with_a_branch, pairs, nested_returns, smallest_factor])
def test_the_model_is_whole_and_always_the_same(program):
    s = ad.sea(program)
    nodes = s.model()["nodes"]
    assert [node["index"] for node in nodes] == list(range(len(s)))
    kinds = {node["index"]: node["kind"] for node in nodes}
    control = {"start", "region", "loop", "if", "true", "false", "return", "stop"}
    for node in nodes:
        assert all(kinds[x] in control for x in node["control"])
        assert all(kinds[x] not in control for x in node["data"])
        if node["kind"] == "phi":
            assert len(node["data"]) == len(nodes[node["control"][0]]["control"])
        assert node["line"] is None or node["line"] > 0
    assert str(ad.sea(program)) == str(s) and ad.sea(program).source == s.source
    drawn = s.dot()
    assert drawn.count(" -> ") == sum(len(n["data"]) + len(n["control"]) for n in nodes)
    assert drawn.count("dashed") == sum(k == "loop" for k in kinds.values())
