"""Write down what PyTorch computes while value and gradient run once.

The recorder stands where every tensor operation passes: at the dispatcher. So it sees what the walk
does and what the function does to any tensor, be it an argument, a closure's or a fresh random one;
and a value that becomes a Python number passes here too, as an answer that is guarded.
"""

import contextlib
import math
import os
import sys

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .. import reverse, source, trees
from ..errors import AutodiffError
from ..on_torch import front
from ..tape import Tape
from ..xp import verb
from ..xp.torch_verbs import TorchVerbs
from . import guards
from .line import Line, Look, Program, Value, mapped, values_in, writes_to


def record(f, args, kwargs, argnums, has_aux):
    """`(result, program, rebuild)` of `value_and_grad(f, argnums, has_aux)(*args, **kwargs)`."""
    leaves, _, rebuild = trees.flatten((args, kwargs))
    fresh = [_copied(x) if isinstance(x, torch.Tensor) else x for x in leaves]
    recorder = Recorder()
    recorder.know_generators((*leaves, *guards.surroundings(f)))
    for x in fresh:
        if isinstance(x, torch.Tensor):
            recorder.argument(x)
    new_args, new_kwargs = rebuild(fresh)
    before = guards.drawn_by_python()
    with recorder.watching():
        result = reverse.both(
            recorder.tape, f, new_args, new_kwargs, argnums=argnums, has_aux=has_aux
        )
    guards.check_drawn(f, before)
    found, _, rebuild = trees.flatten(result)
    outputs = [recorder.value(y) if isinstance(y, torch.Tensor) else y for y in found]
    recorder.program.outputs = outputs
    _write_back(recorder.program, leaves, fresh)
    return result, recorder.program, rebuild


def _copied(x):
    """The argument at another place in memory, so that it is not taken for a closure's tensor."""
    x = x.detach()
    storage = x.untyped_storage().clone()
    y = torch.empty(0, dtype=x.dtype, device=x.device)
    y.set_(storage, x.storage_offset(), x.shape, x.stride())
    y = torch._neg_view(y) if x.is_neg() else y
    return y.conj() if x.is_conj() else y


def _write_back(program, leaves, fresh):
    """What the function wrote into its arguments' copies, it wrote into the arguments."""
    pairs = [(x, y) for x, y in zip(leaves, fresh, strict=True) if isinstance(x, torch.Tensor)]
    written = [(x, y) for x, y in pairs if y.untyped_storage()._cdata in program.written]
    if not written:
        return
    tensors = [x for x, _ in pairs] + [v.tensor for v in program.closures]
    if len({x.untyped_storage()._cdata for x in tensors}) < len(tensors):
        raise AutodiffError(
            "the function writes into an argument that shares its memory with another tensor it "
            "uses; pass a clone"
        )
    for x, y in written:
        x.detach().copy_(y)


class Recorder:
    """Knows each tensor by the memory it looks at, and how."""

    def __init__(self):
        self.program = Program()
        self.known, self.ours = {}, set()
        self.part, self.where, self.node, self.truth = "forward", None, None, False

    def tape(self, verbs):
        return WatchedTape(Verbs(), self)

    def watching(self):
        return _Both(Functions(self), Operations(self))

    # ----- tensors -----
    def _know(self, tensor, kind):
        value = Value(tensor, kind)
        if kind != "closure":
            self.ours.add(value.storage)
        return self.known.setdefault(value.geometry, value)

    def argument(self, tensor):
        self.program.arguments.append(self._know(tensor, "argument"))

    def value(self, tensor):
        """A tensor that nobody here has made is the closure's."""
        if tensor.layout is not torch.strided:
            raise guards.without_strides(tensor)
        found = self.known.get((tensor.untyped_storage()._cdata, Look.of(tensor)))
        if found is None:
            if tensor.untyped_storage()._cdata in self.ours:
                raise AutodiffError(
                    f"a tensor of shape {tuple(tensor.shape)} looks at recorded memory in a way "
                    f"that was not recorded ({source.here()}); build it with torch's functions"
                )
            found = self._know(tensor, "closure")
            self.program.closures.append(found)
        return found

    def know_generators(self, things):
        """As they are before the function runs: it may set a seed."""
        devices = {x.device for x in things if isinstance(x, torch.Tensor)} | {torch.device("cpu")}
        found = [x for x in things if isinstance(x, torch.Generator)]
        for generator in (*map(_default_generator, devices), *found):
            if generator is not None:
                self.program.generators[generator] = generator.get_state()

    def before_draw(self, args, kwargs):
        device = next((x.device for x in args if isinstance(x, torch.Tensor)), None)
        device = torch.device(kwargs.get("device") or device or "cpu")
        generator = kwargs.get("generator") or _default_generator(device)
        if generator is not None:
            self.program.generators.setdefault(generator, generator.get_state())
            self.program.drawn.add(generator)

    # ----- lines -----
    def write(self, func, args, kwargs, answer):
        where = self._where()
        if func is LITERAL and args[0].untyped_storage().resizable():  # numpy's memory is not
            func, args = torch.ops.aten.clone.default, (self._literal(args[0]),)
        args = mapped(self.value, args, torch.Tensor)
        kwargs = mapped(self.value, kwargs, torch.Tensor)
        line = Line(func, args, kwargs, [], where, self.part)
        self.program.written.update(v.storage for v in writes_to(line))
        if not _has_tensors(answer):
            if any(True for _ in values_in((args, kwargs))) and answer is not None:
                line.answer = bool(answer) if self.truth else answer
                line.func = "truth" if self.truth else func
                self.program.lines.append(line)
            elif writes_to(line):
                self.program.lines.append(line)
            return
        line.listed = not isinstance(answer, torch.Tensor)
        found = list(answer) if line.listed else [answer]
        before = len(self.known)
        line.outs = [
            self._know(y, "result") if isinstance(y, torch.Tensor) else None for y in found
        ]
        if len(self.known) == before:  # it gave back what is known: a view once more, or its input
            line.outs, line.listed = [], False
            if not writes_to(line):
                return
        self.program.lines.append(line)
        if torch.Tag.dynamic_output_shape in func.tags:
            self._guard_shapes(line)

    def _literal(self, tensor):
        """`torch.tensor([1.0, 2.0])`: a constant, as it was before anybody wrote into it."""
        return Value(tensor.clone(), "constant")

    def _guard_shapes(self, line):
        for y in line.outs:
            if y is not None:
                shape = y.look.shape
                guard = Line("shape", (y,), {}, [], line.where, self.part, answer=shape)
                self.program.lines.append(guard)

    @contextlib.contextmanager
    def asked_for_truth(self):
        """`if x:` asks whether x is zero, not what it is."""
        self.truth = True
        try:
            yield
        finally:
            self.truth = False

    def guard(self, name, tensor, answer):
        line = Line(name, (self.value(tensor),), {}, [], self._where(), self.part, answer=answer)
        self.program.lines.append(line)

    def _where(self):
        if self.part == "forward":
            self.where = source.locate(front.__file__)[0]
            return self.where
        return self.node.where if self.node is not None else None


def _default_generator(device):
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or torch.cuda.current_device()]
    return torch.default_generator if device.type == "cpu" else None


def _has_tensors(answer):
    if isinstance(answer, (list, tuple)):
        return any(_has_tensors(y) for y in answer)
    return isinstance(answer, torch.Tensor)


# ----- the tape tells which node is being walked -----
class WatchedTape(Tape):
    def __init__(self, verbs, recorder):
        super().__init__(verbs)
        self.nodes, self.recorder = WatchedNodes(recorder), recorder

    def finish(self, leaves, rebuild, nodes):
        self.recorder.part = "backward"
        return super().finish(leaves, rebuild, nodes)


class WatchedNodes(list):
    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def append(self, node):
        node.where = self.recorder.where
        super().append(node)

    def __reversed__(self):
        for node in super().__reversed__():
            self.recorder.node = node
            yield node
        self.recorder.node = None


class Verbs(TorchVerbs):
    """Where one operation of PyTorch does what a verb does in several."""

    @verb
    def pad(self, x, value, low, high, gaps):
        if any(gaps) or not isinstance(value, (int, float)):
            return super().pad(x, value, low, high, gaps)
        sizes = [n for pair in zip(reversed(low), reversed(high), strict=True) for n in pair]
        return self.lib.constant_pad_nd(x, sizes, value)

    def add_to(self, total, x):
        return total + x  # what may be written over is decided when all lines are known

    def add_product_to(self, total, a, b):
        return total + a @ b


LITERAL = torch.ops.aten.lift_fresh.default


# ----- the two places to stand -----
class Operations(TorchDispatchMode):
    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any([getattr(t, "rank", 0) for t in types]):
            return NotImplemented  # a box: its own operation comes here once it is unboxed
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.recorder.before_draw(args, kwargs)
        seen, given = func, args
        if torch.Tag.inplace_view in func.tags:  # `x.squeeze_(0)`: afterwards x looks otherwise
            with torch._C.DisableTorchFunction():
                seen, given = _out_of_place(func), (self.recorder.value(args[0]), *args[1:])
        answer = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():  # what the recorder itself asks is no one's business
            self.recorder.write(seen, given, kwargs, answer)
        return answer


def _out_of_place(func):
    """The function that gives another view, for the one that changes what its tensor looks at."""
    name = func.overloadpacket.__name__
    found = getattr(torch.ops.aten, name.rstrip("_"), None)
    if name in ("set_", "resize_", "resize_as_") or not hasattr(found, func._overloadname):
        raise AutodiffError(
            f"Tensor.{name} ({source.here()}) changes what memory a tensor looks at, which a "
            "straight line cannot follow; use a function that returns a new tensor"
        )
    return getattr(found, func._overloadname)


class Functions(TorchFunctionMode):
    """The few ways to a tensor's data that the dispatcher does not see."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = func.__name__
        if name in HIDDEN and not _asked_by_us():
            raise AutodiffError(
                f"Tensor.{name} ({source.here()}) leads out of PyTorch, where no straight line can "
                "follow; use torch's own functions there, or do not compile this function"
            )
        plain = args and isinstance(args[0], torch.Tensor) and not getattr(args[0], "rank", 0)
        if name == "__bool__" and plain:
            with self.recorder.asked_for_truth():
                return func(*args)
        answer = func(*args, **(kwargs or {}))
        if name == "tolist" and plain:
            self.recorder.guard("tolist", args[0], answer)
        return answer


def _asked_by_us():
    """The labs look at storages themselves, and know what they do."""
    frame = sys._getframe(2)
    while source.is_library(file := frame.f_code.co_filename) and not file.startswith(_LAB):
        frame = frame.f_back
    return file.startswith(_LAB)


_LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
HIDDEN = frozenset("numpy __array__ __dlpack__ untyped_storage storage set_ share_memory_".split())


class _Both:
    def __init__(self, *modes):
        self.modes = modes

    def __enter__(self):
        for mode in self.modes:
            mode.__enter__()

    def __exit__(self, *error):
        for mode in reversed(self.modes):
            mode.__exit__(*error)


def same(a, b):
    """Equal, and NaN equals NaN."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return type(a) is type(b) and a == b
