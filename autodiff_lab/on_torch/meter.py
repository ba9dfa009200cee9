"""Bytes alive on PyTorch: every storage, from the operation that makes it until nobody has it.

Nobody tells when a storage is gone: all of them are asked whenever there might be a new peak. Where
there are very many that would take as long as their square; then a peak that is not even FINE
higher than the last one is let pass.
"""

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

MANY, FINE = 1000, 1 / 64


class Meter(TorchDispatchMode):
    """While it is entered, `alive()` is the number of bytes that came since, and are still held."""

    def __init__(self, watch):
        super().__init__()
        self.watch, self.storages, self.bytes = watch, {}, 0
        watch.alive = self.alive

    def alive(self):
        gone = [key for key, (ref, _) in self.storages.items() if ref.expired()]
        for key in gone:
            self.bytes -= self.storages.pop(key)[1]
        return self.bytes

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any([getattr(t, "rank", 0) for t in types]):
            return NotImplemented  # a box: its own operation comes here once it is unboxed
        given = _keys(args)
        y = func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunction():
            for x in y if isinstance(y, (tuple, list)) else (y,):
                self._note(x, given)
        fine = FINE if len(self.storages) > MANY else 0
        if self.bytes > self.watch.report.peak_bytes * (1 + fine):  # unless some are gone: look
            self.watch.look()
        return y

    def _note(self, x, given):
        if type(x) not in (torch.Tensor, torch.nn.Parameter):
            return
        storage = x.untyped_storage()
        key = storage._cdata
        if key in given or key in self.storages:
            return  # a view, or a result that was written into an argument
        self.storages[key] = StorageWeakRef(storage), storage.nbytes()
        self.bytes += storage.nbytes()


def _keys(args):
    """The storages that go in: they are not new."""
    found = set()
    for x in args:
        if type(x) in (list, tuple):
            found |= _keys(x)
        elif type(x) in (torch.Tensor, torch.nn.Parameter):
            found.add(x.untyped_storage()._cdata)
    return found
