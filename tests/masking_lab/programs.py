"""Programs of one example, with the control flow in which autobatchers have gone wrong.

A vector x of its own length, a shared weight w; np is torch, jax.numpy, or numpy itself.
"""

from types import SimpleNamespace


def the_body_changes_the_predicate(np, x, w):
    y = x[0] * w
    if y > 0:
        y = y - 1
    else:
        y = y + 10
    return y


def nested_branches(np, x, w):
    y = x.sum() * w
    if x[0] > 0:
        if x[-1] > 0:
            y = y + 1
        else:
            y = np.exp(y)
    elif x[-1] > 0:
        y = y * 3
    return y


def the_other_branch_leaves_the_domain(np, x, w):
    if x[0] > 0:
        return np.sqrt(x[0]) * w + np.log(x[0] * w)
    return w / (x[0] - 1)


def a_loop_that_would_not_end_elsewhere(np, x, w):
    a, trips = abs(x[0]) * w, 0
    if x[0] > 0:
        while a < 10:
            a = a * 2
            trips += 1
    return a + trips


def nested_loops_with_their_own_trips(np, x, w):
    total = 0.0 * w
    for i in range(len(x)):
        j = 0
        while j < i:
            total = total + x[j] * w * i
            j += 1
    return total


def break_on_one(np, x, w):
    h = w * 0
    for v in x:
        if v * w > 0.6:
            break
        h = np.tanh(h + v * w)
    return h


def continue_on_one(np, x, w):
    h = w * 0
    for t in range(len(x)):
        if x[t] < 0:
            continue
        h = np.tanh(h + x[t] * w)
    return h


def early_returns(np, x, w):
    if x[0] < -0.4:
        return w * 7
    for i, v in enumerate(x):
        if v * w > 1:
            return v * w + i
        k = 0
        while k < 3:
            k += 1
            if v * k > 0.9:
                return v * k * w
    return w * -1


def for_else(np, x, w):
    for v in x:
        if v > 1:
            found = v * w
            break
    else:
        found = w
    return found


def assignments(np, x, w):
    a, (b, c) = x[0], (x[-1], w)
    box = SimpleNamespace(value=w * 0, calls=0)
    for v in x:
        if v > 0:
            a, b = b * v, a + c
            box.value += v
            box.calls += 1
    return a * w + b + box.value * box.calls


def short_circuits(np, x, w):
    h = w * 1
    for v in x:
        if (v > 0 and np.log(v) < 0.1) or not (v < 1 or v * w < 9):
            h = h * (np.sqrt(v) if v > 0 else -v)
        if 0 < v <= 1 < h + 2:
            h = h + 1
    return h


def lists_that_grow(np, x, w):
    kept, every = [], []
    for v in x:
        every.append(v * w)
        if v > 0:
            kept.append(np.tanh(v * w))
    total = sum(kept) + len(kept)
    for k in kept:
        total = total * 0.9 + k
    return {"every": np.stack(every), "total": total}


def comprehensions(np, x, w):
    return sum([v * w for v in x if v > 0]) + sum(2 * v for v in x) + max(abs(v) for v in x)


def backwards(np, x, w):
    h = w * 0
    for t in reversed(range(len(x))):
        h = np.tanh(h * w + x[t])
    for v in reversed(x):
        h = h + v * h
    return h


def together(np, x, w):
    h = w * 0
    for i, (a, b) in enumerate(zip(x, x[1:])):  # noqa: B905
        h = h + a * b * w * i
    return h + x[-1] + x[len(x) - 1] + x[1:].sum()


def steps_and_starts(np, x, w):
    h = w * 0
    for t in range(1, len(x), 2):
        h = h * w + x[t] + t
    for t in range(len(x) - 1, -1, -1):
        h = h * w + x[t]
    return h


def forever(np, x, w):
    h, i = x[0] * w, 0
    while True:
        i += 1
        if h > 5 or i == 20:
            break
        h = h * h + 0.5
    return h


def helper(np, v, w):
    if v < 0:
        return np.exp(v) * w
    for k in range(3):
        if v * k > 1:
            return v * k * w
    return v


def calls_of_ones_own(np, x, w):
    def inner(v):
        return helper(np, v, w) + (1 if v > 0 else scale)

    scale = x[0]
    return sum(inner(v) for v in x)


class Cell:
    def __init__(self, np, w):
        self.np, self.w = np, w

    def __call__(self, h, v):
        if v < 0:
            return h
        return self.np.tanh(self.w * h + v)

    def run(self, x):
        h = self.w * 0
        for v in x:
            h = self(h, v)
        return h


def methods_and_objects(np, x, w):
    return Cell(np, w).run(x)


def numbers_of_python(np, x, w):
    count, best, seen = 0, -9.0, False
    for v in x:
        count += 1 if v > 0 else 0
        best = max(best, v)
        seen = seen or bool(v > 1)
    level = int(best * 3) % 4
    return best * w + count + level + (5.0 if seen else 0.0) + float(count) / 2


def recursion(np, x, w):
    def power(n):
        if n == 0:
            return w * 0 + 1
        half = power(n // 2)
        return half * half * (w if n % 2 == 1 else 1)

    return power(len(x)) + x[0]


def a_running_state(np, x, w):
    state, path = (w * 0, w * 0 + 1), []
    for v in x:
        a, b = state
        state = (np.tanh(a + v * b), b * w)
        path.append(state[0])
    return np.stack(path)


def numbers_as_truth(np, x, w):
    n, total = len(x), 0.0 * w
    while n:
        n -= 1
        total = total * 0.5 + x[n] * w
    return total


def lists_that_stay_empty(np, x, w):
    kept = [v * w for v in x if v > 0.6]
    if not kept:
        return w * 5
    return sum(kept) if kept and len(kept) < 2 else max(kept)


def sizes_of_sizes(np, x, w):
    n = x.shape[0]
    return (x[:, None] * x[None, :] * w).sum() / (n * n) + n**3


def names_of_a_trip(np, x, w):
    """Names that a trip, or a branch, uses for itself."""
    h = w * 0
    for v in x:
        if v > 0.6:
            step = v * w
        elif v > 0:
            step = w
        else:
            if v < -0.4:
                down = v * 2
            else:
                down = w * 0
            step = down * w
        h = np.tanh(h + step) if step > 0 else h + step
    return h


PROGRAMS = [
    the_body_changes_the_predicate, nested_branches, the_other_branch_leaves_the_domain,
    a_loop_that_would_not_end_elsewhere, nested_loops_with_their_own_trips, break_on_one,
    continue_on_one, early_returns, for_else, assignments, short_circuits, lists_that_grow,
    comprehensions, backwards, together, steps_and_starts, forever, calls_of_ones_own,
    methods_and_objects, numbers_of_python, numbers_as_truth, lists_that_stay_empty,
    sizes_of_sizes, recursion, a_running_state, names_of_a_trip,
]  # fmt: skip
