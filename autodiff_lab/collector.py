"""Python's search for reference cycles, held off while a tape is written and walked.

Whenever 700 more objects have been made than freed, CPython looks among the new ones for cycles
that nobody can reach, now and then among all there are (`gc`, "generations"). A tape is nothing but
new objects, and all of them are in use: every search is in vain, and a long tape is searched again
and again. Inside `held_off` only the number is larger, so what the recorded function itself leaves
behind is still found, and whether to collect at all stays with the user: `gc.disable()` is not
touched. Threads and nested tapes share one count of who is inside. The last to leave puts the
thresholds back, unless somebody else has set them in the meantime: then they are theirs.
"""

import gc
import threading

PATIENCE = 50_000  # new objects: some ten thousand nodes


class _HeldOff:
    """A context manager; the same one for all."""

    def __init__(self):
        self.inside, self.lock = 0, threading.Lock()
        self.before = self.ours = None

    def __enter__(self):
        with self.lock:
            if not self.inside:
                self.before = gc.get_threshold()
                young, *older = self.before
                if 0 < young < PATIENCE:  # 0: the user wants none
                    gc.set_threshold(PATIENCE, *older)
                self.ours = gc.get_threshold()
            self.inside += 1

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1
            if not self.inside and gc.get_threshold() == self.ours:
                gc.set_threshold(*self.before)


held_off = _HeldOff()
