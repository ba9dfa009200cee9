"""Programs that make things and change them: objects with lists, lists in lists, other containers.

`KEPT` must be the loop's under every strategy that takes them; what is in `UNFOLLOWED` is changed
for some examples only, and lifted code does not keep it apart: it must be refused, or be right.
"""

import collections
import heapq
from dataclasses import dataclass, field


class Box:
    def __init__(self, h):
        self.h, self.past = h, []
        self.seen = []

    def push(self, v):
        self.h = self.h + v
        self.past.append(self.h)
        if v[0] > 0:
            self.seen.append(v)


@dataclass
class Sum:
    h: object
    past: list = field(default_factory=list)


class Stack:
    def __init__(self, first=()):
        self.items = list(first)

    def push(self, v):
        self.items.append(v)

    def __len__(self):
        return len(self.items)


class Log:
    def __init__(self):
        self.entries = []


class Scaled(Log):
    def __init__(self, k):
        super().__init__()
        self.k = k

    def add(self, v):
        if v[0] + v[1] > 1:
            self.entries.append(v * self.k)


class Node:
    def __init__(self, v, kids):
        self.v, self.kids = v, kids


class Slots:
    __slots__ = ("v",)

    def __init__(self):
        self.v = 1.0


def start():
    return []


# ----- kept -----
def kept_in_an_object(x):
    b = Box(x[0] * 0)
    for v in x:
        b.push(v)
    return sum(b.past) + sum(b.seen) * 2


def kept_in_a_dataclass(x):
    s = Sum(x[0] * 0)
    for v in x:
        s.h = s.h + v
        s.past.append(s.h * 2)
    return sum(s.past)


def kept_by_a_base_class(x):
    s = Scaled(2.0)
    s.entries.append(x[0])
    for v in x:
        s.add(v)
    return sum(s.entries)


def kept_by_a_length(x):
    s = Stack()
    for v in x:
        if v[0] > 0:
            s.push(v)
    return x[0] * len(s)


def kept_in_a_tree(x):
    root = Node(x[0] * 0, [])
    for v in x:
        root.kids.append(Node(v, []))
    found = root.v
    for kid in root.kids:
        found = found + kid.v
    return found


def kept_by_a_function(x):
    s = start()
    for v in x:
        s.append(v * 2)
    return sum(s)


def kept_in_sums_of_lists(x):
    s = [x[0]] + [x[0]] * 2
    for v in x:
        s.append(v)
    return sum(s)


def kept_in_copies(x):
    first = [x[0], x[0]]
    s, t = first.copy(), sorted([2, 1])
    for v in x:
        s.append(v)
        t.append(v[0])
    return sum(s) * sum(t) + len(first)


def kept_in_lists_of_lists(x):
    s = [[], []]
    for i, v in enumerate(x):
        s[i % 2].append(v)
    return sum(s[0])


def kept_in_a_dict(x):
    d = {"a": []}
    for v in x:
        d["a"].append(v)
    return sum(d["a"])


def kept_in_one_of_two(x):
    s = [] if len(x) > 1 else [x[0]]
    for v in x:
        s.append(v)
    return sum(s)


def kept_in_a_counter(x):
    c = collections.Counter(a=0)
    for v in x:
        if v[0] > 0:
            c["a"] += 1
    return x[0] * c["a"]


KEPT = [f for name, f in list(globals().items()) if name.startswith("kept_")]


# ----- not followed -----
def a_deque(x):
    q = collections.deque()
    for v in x:
        if v[0] > 0:
            q.append(v)
    return sum(q) + x[0] * 0


def a_deque_that_turns(x):
    q = collections.deque([1.0, 2.0])
    if x[0, 0] > -1:
        q.rotate(1)
    return x[0] * q[0]


def a_set(x):
    s = set()
    for i in range(len(x)):
        if x[i, 0] > 0:
            s.add(i)
    return x[0] * len(s)


def a_heap(x):
    h = []
    for i in range(len(x)):
        if x[i, 0] > 0:
            heapq.heappush(h, i)
    return x[0] * len(h)


def an_iterator(x):
    numbers = iter([1.0, 2.0, 3.0])
    if x[0, 0] > -1:
        next(numbers)
    return x[0] * next(numbers)


def bytes_that_change(x):
    b = bytearray(2)
    if x[0, 0] > -1:
        b[0] = 1
    return x[0] * b[0]


def slots(x):
    s = Slots()
    if x[0, 0] > -1:
        s.v = 2.0
    return x[0] * s.v


def an_attribute_of_a_function(x):
    def f():
        return 0

    f.n = 0
    if x[0, 0] > -1:
        f.n = 1
    return x[0] * f.n


# ----- changed by the condition of a loop, which has it from around -----
def a_list_that_the_condition_changes(x):
    trips, found = [0], x[0]

    def more():
        trips.append(1)
        return len(trips) < x[-1, 0] + 4

    while more():
        found = found + 1
    return found


def a_count_that_the_condition_changes(x):
    n, found = [0], x[0]

    def more():
        n[0] = n[0] + 1
        return n[0] < x[-1, 0] + 3

    while more():
        found = found + 1
    return found


IN_CONDITIONS = [a_list_that_the_condition_changes, a_count_that_the_condition_changes]
UNFOLLOWED = [a_deque, a_deque_that_turns, a_set, a_heap, an_iterator, bytes_that_change, slots,
              an_attribute_of_a_function]  # fmt: skip
