"""Running an answer: how long it may take, what it prints, what it does to what it was given."""

import _thread
import contextlib
import io
import sys
import threading
import time

import numpy as np

from autodiff_lab import trees
from kernel.values import numpy_of

PATIENCE = 20  # seconds for one case; right answers take one, most of it JAX's compiler
MOST = 2000  # characters that an answer may print in one case


ENDLESS = "it was stopped after"


class Endless(Exception):
    """It was stopped; nobody knows whether it would have ended."""


@contextlib.contextmanager
def patience(seconds):
    """Stops what takes longer, as the stop button would: where that works, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    rang, timer = threading.Event(), threading.Timer(seconds, lambda: _ring(rang))
    timer.daemon = True
    timer.start()
    try:
        yield
        _settle(timer, rang)
    except KeyboardInterrupt:
        if not rang.is_set():  # it was the learner who stopped it
            raise
        raise Endless(f"{ENDLESS} {seconds:g} seconds") from None
    finally:
        timer.cancel()


def _ring(rang):
    rang.set()
    _thread.interrupt_main()


def _settle(timer, rang):
    """An alarm that went off as the answer ended must not hit whatever runs next."""
    timer.cancel()
    with contextlib.suppress(KeyboardInterrupt):
        while rang.is_set():
            time.sleep(0.01)


@contextlib.contextmanager
def heard():
    """Gives a list that will hold what is printed; that is passed on afterwards, but for floods."""
    printed, into = [], io.StringIO()
    try:
        with contextlib.redirect_stdout(into):
            yield printed
    finally:
        printed.append(into.getvalue())
        cut = "\n... and so on\n" if len(printed[0]) > MOST else ""
        sys.stdout.write(printed[0][:MOST] + cut)


def written(given, inputs):
    """Has an answer written into an array that it was given?"""
    pairs = zip(trees.leaves(given), trees.leaves(inputs), strict=True)
    return any(not np.array_equal(numpy_of(new), old, equal_nan=True)
               for new, old in pairs if isinstance(old, np.ndarray))  # fmt: skip


def left(yours, inputs):
    """Did NumPy's arrays come back for a framework's?"""
    given = any(isinstance(x, np.ndarray) for x in trees.leaves(inputs))
    return given and any(isinstance(x, np.ndarray) for x in trees.leaves(yours))
