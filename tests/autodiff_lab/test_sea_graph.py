"""The graph itself: what SeaOfNodes/Simple's own tests say of the same programs, and by hand."""

import pytest

import autodiff_lab as ad
from tests.autodiff_lab.test_sea import nested_returns, pairs, smallest_factor


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
