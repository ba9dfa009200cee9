"""Bytes alive on PyTorch: every storage, from the operation that makes it until nobody has it."""

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode


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
        if self.bytes > self.watch.report.peak_bytes:  # unless some are gone: then look closely
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
