"""Programs of one example that write into lists, look things up and keep functions.

Each was once answered wrongly by some strategy, or stopped with an error from the inside. A vector
x of its own length, a shared weight w; np is torch or jax.numpy.
"""


def swaps(np, x, w):
    a = [v * w for v in x]
    for i in range(len(a)):
        for j in range(len(a) - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return np.stack(a)


def swaps_at_its_own_place(np, x, w):
    a = [v * w for v in x]
    for i in range(len(a)):
        m = i
        for j in range(i + 1, len(a)):
            if a[j] < a[m]:
                m = j
        a[i], a[m] = a[m], a[i]
    return np.stack(a)


def the_last_element(np, x, w):
    a = [v * w for v in x]
    a[-1] = a[-1] * 7
    a[len(a) // 2] = w
    return np.stack(a)


def the_first_that_was_kept(np, x, w):
    kept = [v * w for v in x if v > 0] + [w]
    kept[0] *= 7
    return np.stack(kept)


def a_part_of_a_list_is_a_list(np, x, w):
    a = [v * w for v in x]
    b = a[1:]
    b.append(w)
    b[0] = b[0] * 2
    return np.stack(a), sum(b)


def as_long_as_the_example(np, x, w):
    d = [0.0] * len(x)
    seen = len(x) * [0]
    for i, v in enumerate(x):
        d[i] = d[i - 1] + v * w
        seen[i] += 1
    return d[-1], sum(seen)


def a_table(np, x, w):
    n = len(x)
    best = [[0] * (n + 1) for _ in range(n + 1)]
    for i in range(n):
        for j in range(n):
            if x[i] * x[j] > 0:
                best[i + 1][j + 1] = best[i][j] + 1.5
            else:
                best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j])
    return best[n][n] * w


def a_list_in_a_list_grows(np, x, w):
    rows = [[v * w] for v in x]
    first = rows[0]
    first.append(w)
    return sum(rows[0]), len(rows[0])


def from_left_to_right(np, x, w):
    a, i = [v * w for v in x], 0
    a[i], i = w * 5, len(a) - 1
    last = a[i] = w * 7
    return np.stack(a), i, last


def among_some(np, x, w):
    total = w * 0
    for i in range(len(x)):
        if i not in (0, 2):
            total = total + x[i]
        if i in [1, len(x) - 1]:
            total = total * w
        if len(x) - i in {1, 3}:
            total = total + 1
    return total, len(x) in range(2, 4)


def of_numbers(np, x, w):
    q, r = divmod(len(x), 2)
    return w * q + r, 2 if type(len(x)) is int else 3


def sequences_as_a_whole(np, x, w):
    r = range(1, len(x) + 1)
    squares = [i * i for i in range(len(x))]
    return list(r)[-1] * w, sum(r), max(range(len(x))), len(r), r[-1], squares[-1], 2 in r


def a_function_of_each(np, x, w):
    return sum(map(lambda i: x[i] * w * i, range(len(x)))) + w


def functions_with_what_they_need(np, x, w):
    fs, total = [], w
    for v in x:
        fs.append(lambda u, v=v: u * v)
    for f in fs:
        total = total + f(w)
    return total


PROGRAMS = [f for f in list(globals().values()) if callable(f)]


# ----- not understood, and said so -----
def reads_what_the_loop_changes(np, x, w):
    h = w * 0

    def half():
        return h * 0.5

    for v in x:
        h = half() + v
    return h


def reads_what_the_branch_changes(np, x, w):
    h = w * 0
    half = lambda: h * 0.5  # noqa: E731
    if x[0] > 0:
        h = w * 3
        y = half()
    else:
        y = w
    return y


def functions_of_the_last_trip(np, x, w):
    fs = []
    for v in x:
        fs.append(lambda u: u * v)  # noqa: B023
    return fs[0](w)


def fills_a_list_from_outside(np, x, w):
    kept = []

    def keep(v):
        kept.append(v * w)

    for v in x:
        if v > 0:
            keep(v)
    return sum(kept) + len(kept)


def a_method_of_a_list(np, x, w):
    kept = []
    keep = kept.append
    for v in x:
        keep(v * w)
    return sum(kept)


def a_list_that_grows_on_the_way(np, x, w):
    a, total = [v * w for v in x], w
    for v in a:
        if v > 0.5 and len(a) < 8:
            a.append(v * 0.3)
        total = total + v
    return total


def a_set(np, x, w):
    seen = set()
    for v in x:
        seen.add(int(v))
    return len(seen) * w


def a_dict(np, x, w):
    return w * sum([{0: 1.0, 1: 2.0}.get(int(v), 9.0) for v in x])


def a_text(np, x, w):
    return w * len(str(len(x)))


def a_key(np, x, w):
    return w * len(f"{x[0]}")


def a_deque(np, x, w):
    from collections import deque

    last = deque(maxlen=2)
    for v in x:
        last.append(v * w)
    return sum(last)


def one_list_twice(np, x, w):
    rows = [[w]] * 2
    for v in x:
        rows[0].append(v)
    return sum(rows[1])


REFUSED = {
    one_list_twice: "stands several times",
    reads_what_the_loop_changes: "reads 'h'",
    reads_what_the_branch_changes: "reads 'h'",
    functions_of_the_last_trip: "reads 'v'",
    fills_a_list_from_outside: "function that has it from outside",
    a_method_of_a_list: "function that has it from outside",
    a_list_that_grows_on_the_way: "grows or shrinks",
    a_set: "a set",
    a_dict: "a set or a dict looks for one value",
    a_text: "a text is made",
    a_key: "a text is made",
    a_deque: "deque is changed",
}
