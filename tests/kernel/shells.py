"""A shell as the notebook's kernel has one, without a front end."""

import atexit
import contextlib
import io

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import kernel


@contextlib.contextmanager
def bare(folder):
    """An IPython shell that writes no history and leaves nothing."""
    config = Config({"HistoryManager": {"enabled": False}})
    ip = InteractiveShell(ipython_dir=str(folder), config=config)
    yield ip
    kernel.unload_ipython_extension(ip)
    atexit.unregister(ip.atexit_operations)


@contextlib.contextmanager
def shell(folder):
    """The same with the extension loaded."""
    with bare(folder) as ip:
        kernel.load_ipython_extension(ip)
        yield ip


def run(ip, code, fails=False):
    """Run a cell; its result and what it printed on both streams."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        done = ip.run_cell(code, store_history=True)
    assert done.success is not fails, printed.getvalue()
    return done.result, printed.getvalue()
