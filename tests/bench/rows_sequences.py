"""Strategies for sequences against the best that a person would write by hand, on PyTorch.

Lengths are those of sentences in docstrings of Python's standard library.
"""

import functools
import re

from tests.bench.harness import bench
from tests.bench.rows_masking import plain_cell, trained

HAND, FUSED, LOOP = "packed by hand", "packed nn.GRU", "loop over the examples"
BATCH = 64


@functools.cache
def lengths():
    """The number of words of 64 sentences."""
    import argparse
    import collections
    import logging
    import unittest.mock

    modules = (argparse, collections, logging, unittest.mock, re, functools)
    texts = [x.__doc__ for m in modules for x in vars(m).values() if isinstance(x.__doc__, str)]
    sentences = [s.split() for text in texts for s in re.split(r"[.!?]\s", text)]
    counts = sorted({tuple(s) for s in sentences if s})  # each sentence once, in a fixed order
    step = len(counts) // BATCH
    return [len(s) for s in counts[::step][:BATCH]]


def batch(width):
    import torch

    import masking_lab as ml

    torch.manual_seed(0)
    return ml.batch([torch.randn(n, width) for n in lengths()])


def ours_of(f, strategy, b, weights):
    import masking_lab as ml

    run = ml.autobatch(f, strategy)
    return trained(lambda: run(b).data, weights)


def by_hand(b, cell, width):
    """Longest first, and a time step for as many as have one: what PackedSequence is for."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence

    p = pack_padded_sequence(b.data, b.lengths, batch_first=True, enforce_sorted=False)
    sizes = p.batch_sizes.tolist()
    h, ended = torch.zeros(sizes[0], width), []
    for x, n in zip(p.data.split(sizes), sizes, strict=True):
        if n < len(h):
            h, rest = h.split((n, len(h) - n))
            ended.append(rest)
        h = cell(x, h)
    return torch.cat([*ended, h][::-1])[p.unsorted_indices]


def fused(b, module, width):
    """PyTorch's own packed GRU, with the same weights."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence

    gru = torch.nn.GRU(width, width, batch_first=True)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(gru, name + "_l0").data = getattr(module, name).data

    def run():
        p = pack_padded_sequence(b.data, b.lengths, batch_first=True, enforce_sorted=False)
        return gru(p)[1][0]

    return trained(run, list(gru.parameters()))


def contenders(width, make_cell):
    import torch

    b, module = batch(width), torch.nn.GRUCell(width, width)
    weights = [module.weight_ih, module.weight_hh, module.bias_ih, module.bias_hh]
    cell, xs = make_cell(module, weights), b.unbatch()

    def last(x):
        h = torch.zeros(width)
        for x_t in x:
            h = cell(x_t, h)
        return h

    ours = {s: ours_of(last, s, b, weights) for s in ("masked", "shrink", "packed", "bucketed")}
    loop = trained(lambda: torch.stack([last(x) for x in xs]), weights)
    hand = trained(lambda: by_hand(b, cell, width), weights)
    return ours | {HAND: hand, FUSED: fused(b, module, width), LOOP: loop}


def _without(calls, *names):
    return {name: call for name, call in calls.items() if name not in names}


for _width in (128, 512):

    @bench(f"sequences, GRU of F.linear, D={_width}", baseline=HAND, needs=("torch",),
           must={"shrink": 1.25, "packed": 1.25})  # fmt: skip
    def gru_plain(width=_width):
        return _without(contenders(width, lambda module, weights: plain_cell(weights)), LOOP)

    @bench(f"sequences, nn.GRUCell, D={_width}", baseline=HAND, needs=("torch",),
           must={"shrink": 1.25, "packed": 1.25})  # fmt: skip
    def gru_module(width=_width):
        return _without(contenders(width, lambda module, weights: module), LOOP)


@bench("sequences, GRU against the loop, D=128", baseline=LOOP, needs=("torch",),
       must={"shrink": 1 / 8, "packed": 1 / 8})  # fmt: skip
def gru_against_the_loop():
    return _without(contenders(128, lambda module, weights: plain_cell(weights)), FUSED)


# ----- a tagger: a state for each word from both sides, and scores -----
@bench("sequences, BiGRU tagger, D=128", baseline=FUSED, needs=("torch",))
def tagger(width=128):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    b = batch(width)
    cells, head = [torch.nn.GRUCell(width, width) for _ in range(2)], torch.nn.Linear(2 * width, 5)
    gru = torch.nn.GRU(width, width, batch_first=True, bidirectional=True)
    for side, cell in zip(("", "_reverse"), cells, strict=True):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(gru, f"{name}_l0{side}").data = getattr(cell, name).data

    def walk(cell, x):
        h, states = torch.zeros(width), []
        for x_t in x:
            h = cell(x_t, h)
            states.append(h)
        return torch.stack(states)

    def tag(x):
        both = torch.cat([walk(cells[0], x), walk(cells[1], x.flip(0)).flip(0)], -1)
        return head(both).log_softmax(-1)

    def packed():
        p = pack_padded_sequence(b.data, b.lengths, batch_first=True, enforce_sorted=False)
        y, _ = gru(p)
        y = y._replace(data=head(y.data).log_softmax(-1))
        return pad_packed_sequence(y, batch_first=True)[0]

    weights = [p for m in (*cells, head) for p in m.parameters()]
    own = [*gru.parameters(), *head.parameters()]
    return {FUSED: trained(packed, own)} | {
        s: ours_of(tag, s, b, weights) for s in ("masked", "shrink", "packed")
    }
