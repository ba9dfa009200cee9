"""What the kernel may cost: its start, a card, a look at a huge array, a cell that asks nothing.

These limits are times, not ratios to another way of doing the same. So the baseline does what must
be done anyway and then waits for what is allowed on top, and ours may not take longer than that.
"""

import itertools
import tempfile
import time
from pathlib import Path

from tests.bench.harness import bench

OURS = "tapestry"


def allowed(seconds, anyway=lambda: None):
    """The baseline: what has to be done, and a wait."""

    def wait():
        anyway()
        time.sleep(seconds)
        return 0.0

    return wait


def nought(call):
    """The contenders of a row must agree; here it is only the time that counts."""

    def run():
        call()
        return 0.0

    return run


PLAIN_START = "plain ipykernel, and 0.3 s"


@bench("kernel, start until it answers", baseline=PLAIN_START, needs=("ipykernel",),
       must={OURS: 1.0})  # fmt: skip
def start():
    from tests.kernel.processes import PLAIN, TAPESTRY, kernel_process

    folder, root = Path(tempfile.mkdtemp()), Path(__file__).resolve().parents[2]

    def started(module):
        with kernel_process(module, root, folder):
            pass

    return {
        PLAIN_START: allowed(0.3, lambda: started(PLAIN)),
        OURS: nought(lambda: started(TAPESTRY)),
    }


@bench("kernel, a card that nobody asked for before", baseline="50 ms", needs=("torch", "IPython"),
       must={OURS: 1.0})  # fmt: skip
def card():
    import torch  # noqa: F401

    import autodiff_lab as ad
    import kernel.card
    from kernel.help_text import help_bundle
    from kernel.made_of import rows_of

    rows = itertools.cycle(ad.table.ROWS.values())

    def ask():
        kernel.card._card.cache_clear()
        rows_of.cache_clear()
        help_bundle(next(rows), detail_level=1)

    return {"50 ms": allowed(0.05), OURS: nought(ask)}


@bench("kernel, `?` on a tensor of 100 MB", baseline="10 ms", needs=("torch", "IPython"),
       must={OURS: 1.0})  # fmt: skip
def huge():
    import torch

    from kernel.help_text import help_bundle

    x = torch.rand(5000, 5000)
    return {"10 ms": allowed(0.01), OURS: nought(lambda: help_bundle(x))}


PLAIN_CELL = "plain IPython, and 1 ms"


@bench("kernel, a cell that asks nothing", baseline=PLAIN_CELL, needs=("IPython",),
       must={OURS: 1.0})  # fmt: skip
def cell():
    import kernel

    plain, ours = shell(), shell()
    kernel.load_ipython_extension(ours)
    return {
        PLAIN_CELL: allowed(0.001, lambda: plain.run_cell("x = 1")),
        OURS: nought(lambda: ours.run_cell("x = 1")),
    }


def shell():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config({"HistoryManager": {"enabled": False}})
    return InteractiveShell(ipython_dir=tempfile.mkdtemp(), config=config)
