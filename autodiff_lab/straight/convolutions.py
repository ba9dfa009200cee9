"""Convolution: the bias joins the kernel, and one backward kernel gives all three gradients.

The table states a convolution as a product of two inputs, each with a transpose of its own, and the
bias as an addition. PyTorch's kernels do these together.
"""

import torch

from .fusions import each, made_by, pairs
from .passes import makers, users

aten = torch.ops.aten
G, X, W, BIAS, MASK = 0, 1, 2, 3, -1  # the places of convolution_backward's arguments


def convolution_and_bias(program):
    """conv(x, w) + b, where b is laid along the channels"""
    count = users(program)

    def rewrite(line, made):
        for y, p in pairs(line):
            conv = made_by(made, y, "convolution")
            bias = made_by(made, p, "view")
            if conv is None or bias is None or count[y] != 1 or conv.args[2] is not None:
                continue
            b, ndim = bias.args[0], y.look.ndim - 2
            channels = (y.look.shape[1], *[1] * ndim)
            laid = b.look.ndim == 1 and p.look.shape == channels
            if laid and b.look.dtype == y.look.dtype:
                return line.derived(conv.func, (*conv.args[:2], b, *conv.args[3:]))
        return None

    each(program, "add", rewrite)


def one_backward(program):
    """The gradients of x and of w, asked for one after the other, from one call"""
    found, gone, made = {}, set(), makers(program)
    for line in program.lines:
        if line.name == "convolution_backward" and not _touched(program, line):
            key = id(line.args[G]), str(line.args[BIAS:MASK])
            first = found.setdefault(key, line)
            if first is not line and _join(first, line, made, program.lines):
                gone.add(id(line))
    program.lines = [line for line in program.lines if id(line) not in gone]


def _touched(program, line):
    return any(v.storage in program.written for v in line.reads())


def _join(first, second, made, lines):
    """The first of two calls does the second's work too, if what that reads is there by then."""
    for_x, for_w = (first, second) if first.args[MASK][0] else (second, first)
    if for_x.args[MASK] != [True, False, False] or for_w.args[MASK] != [False, True, False]:
        return False
    x, w = for_w.args[X], for_x.args[W]  # of the others only the shape is read
    here = lines.index(first)
    if any(v in made and lines.index(made[v]) > here for v in (x, w)):
        return False
    first.args = (first.args[G], x, w, *first.args[BIAS:MASK], [True, True, False])
    first.outs = [for_x.outs[0], for_w.outs[1], None]
    return True


def bias_of_backward(program):
    """sum(g) over all but the channels is the third gradient of the same call"""
    made, gone = makers(program), set()
    calls = {ln.args[G]: ln for ln in program.lines if ln.name == "convolution_backward"}
    for line in program.lines:
        call = calls.get(_summed(line, made))
        if call and call.args[BIAS] is None and not _read_before(program, line.out, call):
            sizes, mask = [line.out.look.size], [*call.args[MASK][:2], True]
            call.args = (*call.args[:BIAS], sizes, *call.args[BIAS + 1 : MASK], mask)
            call.outs = [*call.outs[:2], line.out]
            gone.add(id(line))
    program.lines = [line for line in program.lines if id(line) not in gone]


def _summed(line, made):
    """g, if this line ends g.sum(0).sum((1, 2), True).view(channels)."""
    if line.name != "view" or line.out.look.ndim != 1:
        return None
    outer = made_by(made, line.args[0], "sum")
    inner = outer and made_by(made, outer.args[0], "sum")
    if not inner or inner.args[1:] != ([0],) or outer.args[1:] != ([1, 2], True):
        return None
    return inner.args[0] if inner.args[0].look.ndim == 4 else None


def _read_before(program, y, call):
    here = program.lines.index(call)
    return _touched(program, call) or any(y in line.reads() for line in program.lines[:here])


ALL = (convolution_and_bias, one_backward, bias_of_backward)
