"""The result of a leaderboard: plain data, and a page of text made from nothing else."""

import json
import sys
from dataclasses import asdict, dataclass

import autodiff_lab as ad

from ..batches.padding_waste import waste
from . import advice
from .case import lengths_of
from .text import page


@dataclass
class Board:
    """What a leaderboard found. `rows` has a dict for each strategy, the best first."""

    name: str
    framework: str
    device: str
    examples: int
    lengths: list  # entries of each example, in the batch that has most of them
    padding: float  # shares of the work on padding, if all is padded to the longest
    attention: float
    gradient: str  # who takes it
    fewest_calls: int | None
    rows: list
    recommendation: str
    reason: str

    @classmethod
    def of(cls, case, rows, fewest):
        padded = waste(case.batches)
        return cls(
            case.name, _version(case.verbs.name), _device(case), case.count,
            lengths_of(case.batches), padded.padding, padded.attention,
            _called(case.backward or ad.grad), fewest,
            sorted(rows, key=_place), *advice.recommended(rows),
        )  # fmt: skip

    def to_json(self):
        """All of it as text that other programs can read."""
        return json.dumps(asdict(self), indent=1)

    def __repr__(self):
        return page(self)


def _place(row):
    """The fastest first; behind those that were timed the wrong ones, then the others."""
    return row["speedup"] is None, row["equal"] is None, -(row["speedup"] or 0.0)


def _called(f):
    return "ad.grad" if f is ad.grad else getattr(f, "__qualname__", repr(f))


def _version(framework):
    return f"{framework} {sys.modules[framework].__version__}"


def _device(case):
    device = case.batches[0].device
    return str(device) if case.verbs.name == "torch" else str(getattr(device, "platform", device))
