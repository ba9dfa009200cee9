"""Write a straight line as Python: one line of text for each operation.

An operation is spelled the way a person would (`a * b`, `x.tanh()`, `torch.cat([a, b], 1)`) where
that spelling is the very same kernel, and else by its name at the dispatcher. A tensor that nobody
needs any more is written over instead of left to the allocator.
"""

import linecache

import torch

from .line import Value, is_guard, writes_to
from .wrap import words, wrapped

OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
# Entry by entry, so that the result may take the place of an input.
OVERWRITING = frozenset(
    "add sub mul div neg exp log tanh sigmoid sin cos sqrt rsqrt relu abs square reciprocal "
    "addmm".split()
)
# Kernels that write into another tensor by name; worth a slower call where the tensor is large.
INTO = {"tanh_backward": "grad_input", "sigmoid_backward": "grad_input",
        "threshold_backward": "grad_input"}  # fmt: skip
LARGE = 1024  # entries: smaller tensors are freed when the function returns
BASE, FUNCTIONS = torch._C.TensorBase, torch._C._VariableFunctions


class Writer:
    def __init__(self, program, names):
        self.program, self.names = program, dict(names)
        self.objects, self.header, self.body = {}, {}, []
        self.count, self.sharing = 0, {}  # a name -> the values that took it over
        self.last, self.last_of_storage = _last_uses(program)
        self.owned = program.owned()

    def function(self):
        part = where = None
        for i, line in enumerate(self.program.lines):
            if line.part != part:
                part, where = line.part, None
                self.body.append(f"    # ----- {part} -----")
            text = self._statement(i, line)
            if line.where is not None and line.where != where:
                where = line.where
                text = f"{text:40}  # line {where[1]}: {words(linecache.getline(*where))}"
            self.body.append(wrapped(text))
            self._forget(i, line)
        results = ", ".join(self.say(y) for y in self.program.returned())
        self.body.append(wrapped(f"return ({results},)"))
        arguments = ", ".join(self.names[v] for v in self.program.arguments)
        return f"def straight({arguments}):\n" + "\n".join(self.body) + "\n"

    # ----- one line -----
    def _statement(self, i, line):
        if is_guard(line):
            return self._guard(line)
        if line.listed:
            left = ", ".join("_" if y is None else self._new(y) for y in line.outs)
            return f"({left},) = {self._call(line)}"
        known = not line.outs or line.out in self.names
        if writes_to(line) and known:
            return self._call(line)
        over = self._overwritten(i, line)
        if over is not None:
            text = self._overwrite(line, over)
            self.names[line.out] = name = self.names[over]
            self.sharing.setdefault(name, []).append(line.out)
            return text
        return f"{self._new(line.out)} = {self._expression(line)}"

    def _guard(self, line):
        if line.name == "shape":
            return f"if {self.say(line.args[0])}.shape != {line.answer}: return None"
        if type(line.answer) is bool and line.name in ("_local_scalar_dense", "truth"):
            truth = "not " if line.answer else ""
            return f"if {truth}{self.say(line.args[0])}: return None"
        method = {"_local_scalar_dense": "item", "tolist": "tolist"}.get(line.name)
        found = f"{self.say(line.args[0])}.{method}()" if method else self._call(line)
        return f"if not same({found}, {self.say(line.answer)}): return None"

    def _expression(self, line):
        sign = OPERATORS.get(line.name)
        if sign and len(line.args) == 2 and not line.kwargs:
            a, b = line.args
            return f"{self.say(a)} {sign} {self.say(b)}"
        return self._call(line)

    def _call(self, line):
        name, args = line.name, list(line.args)
        keywords = [f"{k}={self.say(v)}" for k, v in line.kwargs.items() if not _is_default(k, v)]
        narrowed = self._narrow(line)
        if narrowed:
            return narrowed
        first = args[0] if args else None
        if isinstance(first, Value) and _is_method(line):
            rest = ", ".join([self.say(x) for x in args[1:]] + keywords)
            return f"{self.say(first)}.{name}({rest})"
        rest = ", ".join([self.say(x) for x in args] + keywords)
        return f"{self._function(line)}({rest})"

    def _narrow(self, line):
        if line.name != "slice" or len(line.args) not in (3, 4):
            return None
        x, dim, start = line.args[:3]
        length = line.out.look.shape[dim]
        return f"{self.say(x)}.narrow({dim}, {start or 0}, {length})"

    def _function(self, line):
        name = line.name
        found = getattr(torch, name, None)
        if found is not None and found is getattr(FUNCTIONS, name, None):
            self.header[name] = f"torch.{name}"
            return name
        overload = line.func._overloadname
        short = name if overload == "default" else f"{name}_{overload}"
        home = line.func.namespace, line.func.overloadpacket.__name__
        self.header[short] = f"torch.ops.{'.'.join(home)}.{overload}"
        return short

    # ----- in the place of a dead input -----
    def _overwritten(self, i, line):
        """The input whose memory the result may take: its last reader is this line."""
        into = line.name in INTO and line.out.look.size >= LARGE
        if (line.name not in OVERWRITING and not into) or line.kwargs or line.out in self.names:
            return None
        for x in line.args[: 2 if line.name in ("add", "mul") else 1]:
            if isinstance(x, Value) and self._may_overwrite(i, line, x):
                return x
        return None

    def _may_overwrite(self, i, line, x):
        y, others = line.out, [v for v in line.reads() if v is not x]
        if x.storage not in self.owned or self.last_of_storage[x.storage] != i:
            return False
        if x.kind != "result" or any(v.storage == x.storage for v in others):
            return False
        dense = 0 not in x.look.stride  # not one entry shown in many places
        return x.look.like(y.look) and dense and y.storage != x.storage

    def _overwrite(self, line, x):
        sign = OPERATORS.get(line.name)
        others = [v for v in line.args]
        if line.name in INTO:
            self.header[f"{line.name}_into"] = f"torch.ops.aten.{line.name}.{INTO[line.name]}"
            rest = ", ".join(self.say(v) for v in others)
            return f"{line.name}_into({rest}, {INTO[line.name]}={self.say(x)})"
        others.remove(x)
        if sign:
            other = others[0] if others else x
            return f"{self.say(x)} {sign}= {self.say(other)}"
        return f"{self.say(x)}.{line.name}_({', '.join(self.say(v) for v in others)})"

    # ----- names -----
    def _new(self, y):
        if y not in self.names:
            self.names[y] = f"v{self.count}"
            self.count += 1
        return self.names[y]

    def _forget(self, i, line):
        """Let go of the large tensors that were read for the last time."""
        done = {}
        for v in (*line.reads(), *(y for y in line.outs if y is not None)):
            name = self.names.get(v)
            large = v.kind == "result" and v.look.size >= LARGE
            if large and self.last.get(v, i) == i and name not in self._names_alive(i, v):
                done[name] = None
        if done:
            self.body.append(
                wrapped(f"del ({', '.join(done)})" if len(done) > 9 else f"del {', '.join(done)}")
            )

    def _names_alive(self, i, v):
        """An overwritten input and the result share one name."""
        name = self.names[v]
        return {name for y in self.sharing.get(name, ()) if self.last[y] > i}

    def say(self, x):
        """A value's name, or a Python object as it is written."""
        if isinstance(x, Value):
            return self._constant(x) if x.kind == "constant" else self.names[x]
        if isinstance(x, list):
            return f"[{', '.join(map(self.say, x))}]"
        if isinstance(x, tuple):
            return f"({', '.join(map(self.say, x))}{',' * (len(x) == 1)})"
        if isinstance(x, torch.device):
            return repr(str(x))
        if isinstance(x, torch.Generator):
            return self._object(x, "generator")
        if isinstance(x, float) and x != x:
            return "nan"
        return str(x) if type(x).__module__ == "torch" else repr(x)

    def _constant(self, x):
        if x in self.names:
            return self.names[x]
        self.names[x] = name = (
            f"k{sum(n[0] == 'k' and n[1:].isdigit() for n in self.names.values())}"
        )
        t = x.tensor
        if t.dim() == 0 and t.device.type == "cpu" and t.dtype in (torch.float32, torch.float64):
            number = {"nan": "nan", "inf": "inf", "-inf": "-inf"}.get(str(t.item()), repr(t.item()))
            self.header[name] = f"torch.tensor({number}, dtype={t.dtype})"
        else:
            self.objects[name] = t
        return name

    def _object(self, x, kind):
        name = next((n for n, o in self.objects.items() if o is x), None)
        name = name or f"{kind}{len(self.objects)}"
        self.objects[name] = x
        return name


def _is_default(name, value):
    return value is None or (name, value) in (("pin_memory", False), ("layout", torch.strided))


def _is_method(line):
    """Is there a method that is this very operation? `x.where(c, y)` is not `where(x, c, y)`."""
    found = getattr(BASE, line.name, None)
    takes_self = line.func._schema.arguments[0].name == "self"
    return takes_self and found is not None and getattr(torch.Tensor, line.name) is found


def _last_uses(program):
    """The index of the last line that reads each value, and each storage."""
    last, storages = {}, {}
    for i, line in enumerate(program.lines):
        for v in (*line.reads(), *(y for y in line.outs if y is not None)):
            last[v] = storages[v.storage] = i
    for v in program.returned():
        last[v] = storages[v.storage] = len(program.lines)
    return last, storages
