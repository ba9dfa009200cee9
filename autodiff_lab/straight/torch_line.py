"""A recorded PyTorch function as something to run: its text, its guards, its check.

Before a line is trusted it is run once, from the same random state, and compared with what was
recorded. So nothing that the dispatcher cannot see makes a wrong line.
"""

import keyword
import linecache
import re
import weakref

import torch

from .. import trees
from ..errors import AutodiffError
from ..trace import _names
from . import guards
from .line import Value, is_guard
from .passes import shorten
from .torch_record import record as record_program
from .torch_record import same
from .torch_text import Writer

TOLERANCE = {torch.float64: 1e-8, torch.complex128: 1e-8, torch.float32: 1e-3,
             torch.complex64: 1e-3}  # fmt: skip


def record(f, args, kwargs, argnums, has_aux, name):
    """`(result, variant)`: the result of this run, and the line for the next ones."""
    leaves, paths, _ = trees.flatten((args, kwargs))
    names = _argument_names(f, args, leaves, paths)
    for fuse in (True, False):
        result, program, rebuild = record_program(f, args, kwargs, argnums, has_aux)
        variant = Variant(f, program, rebuild, names, name, fuse)
        before = {g: program.generators[g] for g in program.drawn}
        if variant.repeats(leaves, result, before):
            return result, variant
        _set_states(before)  # for the next try
    raise AutodiffError(
        f"{getattr(f, '__name__', 'the function')} does not do the same when its operations are "
        "repeated: it depends on something no straight line can see (a seed that is set inside, "
        "data that left PyTorch); pass that as an argument, or use value_and_grad"
    )


class Variant:
    """One straight line, right for the arguments and surroundings that it was recorded with."""

    def __init__(self, f, program, rebuild, names, filename, fuse=True):
        shorten(program, fuse)
        self._effects(program)
        named = dict(zip(program.arguments, names, strict=True))
        named |= _closure_names(f, program, names)
        writer = Writer(program, named)
        body = writer.function()
        self.closures = [v.tensor for v in program.closures]
        self.geometry = [_geometry(t) for t in self.closures]
        self.source = _header(f, program, named, writer) + body
        objects = writer.objects | {named[v]: v.tensor for v in program.closures}
        self.straight = _executed(self.source, objects, filename)
        self.filename = filename
        weakref.finalize(self, linecache.cache.pop, filename, None)
        self._remember_output(program, rebuild)
        self.casts = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")

    def _effects(self, program):
        """What has to be put back when a guard fails in the middle."""
        guarded = any(is_guard(line) for line in program.lines)
        self.generators = program.drawn
        self.writes = [
            (i, v.kind)
            for kind in (program.arguments, program.closures)
            for i, v in enumerate(kind)
            if v.storage in program.written
        ]
        self.shared = _sharing([v.storage for v in (*program.arguments, *program.closures)])
        self.restores = guarded and bool(self.generators or self.writes)

    def _remember_output(self, program, rebuild):
        self.rebuild = rebuild
        self.statics = [None if isinstance(y, Value) else y for y in program.outputs]
        self.places = [i for i, y in enumerate(program.outputs) if isinstance(y, Value)]
        ours = [y.kind == "result" for y in program.returned()]
        self.given = [i for i, ok in zip(self.places, ours, strict=True) if not ok]

    def run(self, leaves, around):
        """The result, or MISSED."""
        from . import MISSED

        if not guards.unchanged(self.around, around) or not self._finds_closures():
            return MISSED
        tensors = [x for x in leaves if isinstance(x, torch.Tensor)]
        if self.writes:
            storages = [x.untyped_storage()._cdata for x in (*tensors, *self.closures)]
            if _sharing(storages) != self.shared:
                return MISSED
        saved = self._save(tensors) if self.restores else None
        found = self._call(tensors)
        if found is None:
            if saved is not None:
                self._restore(tensors, saved)
            return MISSED
        return self._result(found)

    def _call(self, tensors):
        with _below_autograd():
            if not self.casts:
                return self.straight(*tensors)
            with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
                return self.straight(*tensors)

    def _result(self, found):
        outputs = list(self.statics)
        for i, y in zip(self.places, found, strict=True):
            outputs[i] = y
        for i in self.given:  # an argument given back: out of torch's graph, as by value_and_grad
            outputs[i] = outputs[i].detach() if outputs[i].requires_grad else outputs[i]
        return self.rebuild(outputs)

    def _finds_closures(self):
        return all([_geometry(t) == g for t, g in zip(self.closures, self.geometry, strict=True)])

    def _written(self, tensors):
        return [tensors[i] if kind == "argument" else self.closures[i] for i, kind in self.writes]

    def _save(self, tensors):
        return _states(self.generators), [x.detach().clone() for x in self._written(tensors)]

    def _restore(self, tensors, saved):
        _set_states(saved[0])
        for x, before in zip(self._written(tensors), saved[1], strict=True):
            x.detach().copy_(before)

    def repeats(self, leaves, result, before):
        """Does the line give again what was recorded, draws included?"""
        if self.writes:
            return True  # it cannot be repeated
        after = _states(before)
        _set_states(before)
        found = self._call([x for x in leaves if isinstance(x, torch.Tensor)])
        drawn = all(torch.equal(after[g], g.get_state()) for g in before)
        _set_states(after)
        if found is None or not drawn:
            return False
        pairs = zip(trees.leaves(self._result(found)), trees.leaves(result), strict=True)
        return all(_close(a, b) for a, b in pairs)


# ----- checks -----
def _geometry(x):
    return x.data_ptr(), x.shape, x.stride(), x.dtype, x.device


def _states(generators):
    return {g: g.get_state() for g in generators}


def _set_states(states):
    for generator, state in states.items():
        generator.set_state(state)


def _sharing(storages):
    """Which of the tensors look at the same memory."""
    places = {}
    return [places.setdefault(s, i) for i, s in enumerate(storages)]


def _close(a, b):
    if not isinstance(b, torch.Tensor):
        return same(a, b) or a is b
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
    a, b = a.detach(), b.detach()
    if not (b.is_floating_point() or b.is_complex()):
        return torch.equal(a, b)
    scale = b[torch.isfinite(b)].abs().max().item() if torch.isfinite(b).any() else 1.0
    tolerance = TOLERANCE.get(b.dtype, 5e-2)
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def _below_autograd():
    """The operations themselves, without a look at torch's graph."""
    guard = getattr(torch._C, "_AutoDispatchBelowAutograd", None)
    return torch.no_grad() if guard is None else guard()


# ----- names and text -----
def _argument_names(f, args, leaves, paths):
    names = []
    for leaf, name in zip(leaves, _names(f, args, paths), strict=True):
        if isinstance(leaf, torch.Tensor):
            names.append(_new_name(name, names))
    return names


def _closure_names(f, program, taken):
    found, taken = {}, list(taken)
    known = guards.names_of(f, [v.tensor for v in program.closures])
    for i, v in enumerate(program.closures):
        found[v] = _new_name(known.get(i, f"c{i}"), taken)
        taken.append(found[v])
    return found


def _new_name(wanted, taken):
    """`params['w']` as an identifier that nothing else here is called."""
    name = re.sub(r"\W+", "_", wanted).strip("_") or "x"
    if keyword.iskeyword(name) or hasattr(torch, name) or re.fullmatch(r"[vk]\d+|same|torch", name):
        name += "_"
    while name in taken:
        name += "_"
    return name


def _header(f, program, named, writer):
    code = getattr(f, "__code__", None)
    place = f", line {code.co_firstlineno} of {code.co_filename}" if code else ""
    lines = [f"# value and gradient of {getattr(f, '__name__', 'f')}{place}"]
    for v in (*program.arguments, *program.closures):
        lines.append(f"# {named[v]}: {_kind(v.look)}" + ", by reference" * (v.kind == "closure"))
    for name, x in writer.objects.items():
        lines.append(
            f"# {name}: " + (_kind(x) if isinstance(x, torch.Tensor) else type(x).__name__)
        )
    lines.append("import torch\n")
    lines += [f"{name} = {text}" for name, text in writer.header.items()]
    return "\n".join(lines) + "\n\n\n"


def _kind(x):
    return f"{str(x.dtype).removeprefix('torch.')}{list(x.shape)}"


def _executed(source, objects, filename):
    linecache.cache[filename] = len(source), None, source.splitlines(True), filename
    space = {
        "same": same,
        "nan": float("nan"),
        "inf": float("inf"),
        "__name__": filename,
        **objects,
    }
    exec(compile(source, filename, "exec"), space)
    for name, found in space.items():  # an operation's own entry, without the look for its type
        space[name] = getattr(found, "_op", found) if hasattr(found, "_overloadname") else found
    return space["straight"]
