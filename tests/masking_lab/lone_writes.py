"""Programs on PyTorch that write into arrays where nobody else sees it: they must be batched."""

import torch

from tests.masking_lab.shared_writes import Sum, zeros


def cell(v, h, w):
    h += torch.tanh(v @ w)
    return h


def summed(total, n):
    total += n
    return total


class Cell(torch.nn.Module):
    def forward(self, v, h, w):
        h += v @ w
        return h


CELL = Cell()


def alone_in_a_function(x, w):
    h = zeros()
    for v in x:
        h = cell(v, h, w)
    return h


def alone_in_a_module(x, w):
    h = zeros()
    for v in x:
        h = CELL(v, h, w)
    return h


def alone_in_a_branch(x, w):
    total = zeros().sum()
    for v in x:
        if v.sum() > 0:
            total = summed(total, v.sum())
    return total


def alone_from_a_number(x, w):
    best = s = 0.0
    for v in x:
        s += v.sum()
        best = best + s
    return best


def alone_as_a_length(x, w):
    n, k = len(x), x.shape[0]
    m = n
    n += 1
    k += 2
    return x.sum() * n + m * k


def alone_in_an_object(x, w):
    s = Sum()
    for v in x:
        s.add(v)
    return s.h / s.n


def alone_in_a_row(x, w):
    def first(buffer, v):
        buffer[0] = v[0]
        return buffer

    buffer = zeros()
    for v in x:
        buffer = first(buffer, v)
    return buffer


def alone_in_a_dict(x, w):
    d = {"n": zeros().sum()}

    def bump(d, v):
        d["n"] += v.sum()

    for v in x:
        bump(d, v)
    return d["n"]


def alone_after_a_copy(x, w):
    out, h = torch.zeros(5, 2, dtype=torch.float64), zeros()
    for t in range(len(x)):
        h += x[t]
        out[t] = h
    return out


def alone_in_a_pair(x, w):
    state = (zeros(), zeros())
    for v in x:
        h, c = state
        c = c + v
        c *= 0.5
        h = torch.tanh(c)
        h *= 2
        state = h, c
    return state[0]


def alone_in_each_trip(x, w):
    h, out = zeros(), []
    for v in x:
        h = h + v
        y = h * 2
        y += v
        out.append(y)
    return sum(out)


def alone_after_it_was_new(x, w):
    alpha = x[0]
    for t in range(1, len(x)):
        alpha = torch.logsumexp(alpha[:, None] + w, 0)
        alpha += x[t]
    return alpha


def alone_in_a_table(x, w):
    table = [zeros().sum() for _ in range(3)]
    for v in x:
        new = [table[0] + v[0]]
        for j in range(1, 3):
            new.append(torch.minimum(new[j - 1], table[j]) + v[1])
        table = new
    return table[-1]


ALONE = [f for name, f in list(globals().items()) if name.startswith("alone_")]
