"""PyTorch's own operator database, run through our walks and held against torch.autograd.

`torch.testing._internal` lists every operation with sample inputs: the same list that PyTorch tests
its own derivatives with. For each entry this module tells what becomes of it:

    passed    vjp, jvp and second order agree on every sample taken
    in part   some samples agree, the others are refused
    refused   every sample is refused with an AutodiffError

and everything else is an error of ours, raised. `op_db.txt` beside this page lists what did not
pass; `python -m tests.outside.op_db [names]` prints the outcomes, and `write` writes that list.
"""

import functools
import itertools
import re
import sys
import warnings
from collections import Counter
from pathlib import Path

import torch
from torch.utils import _pytree as pytree

import autodiff_lab as ad

LISTED = Path(__file__).with_name("op_db.txt")
DTYPES = {"float64": torch.float64, "complex128": torch.complex128}
LOOK, TAKE, LARGEST = 60, 6, 2000  # samples looked at, samples taken, their entries at most


class Wrong(AssertionError):
    """A value or a derivative that differs, or an exception that is not AutodiffError."""


@functools.cache
def entries(dtype=torch.float64):
    """The differentiable operations of the database by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    chosen = [op for op in op_db if op.supports_autograd and dtype in op.dtypes]
    return {name_of(op): op for op in chosen}


def name_of(op):
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


# ----- samples -----
def samples(op, dtype=torch.float64):
    """A few small samples that differ, first of all in what is no tensor."""
    torch.manual_seed(0)
    found = op.sample_inputs("cpu", dtype, requires_grad=True)
    small = [s for s in itertools.islice(found, LOOK) if size(s) <= LARGEST]
    kinds: dict = {}
    for s in small:
        kinds.setdefault(str(pytree.tree_map_only(torch.Tensor, _rank, parts(s))), []).append(s)
    rounds = itertools.zip_longest(*kinds.values())
    return [s for group in rounds for s in group if s is not None][:TAKE]


def parts(sample):
    return (sample.input, sample.args, sample.kwargs)


def _rank(x):
    return f"{x.dtype}[{x.ndim}]"


def size(sample):
    return sum(x.numel() for x in pytree.tree_leaves(parts(sample)) if isinstance(x, torch.Tensor))


class Problem:
    """One sample as a function of its differentiable tensors, and what PyTorch says about it."""

    def __init__(self, op, sample):
        self.op, self.sample = op, sample
        self.leaves, self.spec = pytree.tree_flatten(parts(sample))
        self.at = [i for i, x in enumerate(self.leaves) if _differentiable(x)]
        self.xs = [self.leaves[i].detach() for i in self.at]
        self.outputs = None

    def __call__(self, *xs):
        """The outputs that have a derivative. What the operation writes to is a copy."""
        leaves = [x.detach().clone() if isinstance(x, torch.Tensor) else x for x in self.leaves]
        for i, x in zip(self.at, xs, strict=True):
            leaves[i] = x
        self.written = [x for i, x in enumerate(leaves) if i not in self.at]
        torch.manual_seed(0)
        first, args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        wrapper = self.op.gradcheck_wrapper  # it makes A symmetric, say
        y = wrapper(self.op.get_op(), first, *args, **kwargs)
        y = self.sample.output_process_fn_grad(y)
        found = pytree.tree_leaves(y)
        if self.outputs is None:  # PyTorch runs first and says what is differentiable
            self.outputs = [i for i, y in enumerate(found) if _differentiable(y)]
        return tuple(found[i] for i in self.outputs)

    def leaf_inputs(self):
        return [x.clone().requires_grad_() for x in self.xs]


def _differentiable(x):
    return isinstance(x, torch.Tensor) and x.requires_grad


def like(xs, seed):
    made = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(x.shape, dtype=x.dtype, generator=made) for x in xs)


def wide(x):
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def inner(cs, xs):
    """A real number from many tensors."""
    terms = [(wide(c) * wide(x)).sum() for c, x in zip(cs, xs, strict=True) if x is not None]
    nothing = torch.zeros((), dtype=torch.float64)
    return sum([torch.real(t) if t.is_complex() else t for t in terms], nothing)


# ----- what PyTorch says -----
def torch_vjp(problem, create_graph=False):
    xs = problem.leaf_inputs()
    ys = problem(*xs)
    gs = like(ys, 1)
    found = torch.autograd.grad(ys, xs, gs, create_graph=create_graph, allow_unused=True)
    return xs, ys, gs, found


def torch_jvp(problem, dxs):
    try:
        return torch.func.jvp(problem, tuple(problem.xs), dxs)[1]
    except (RuntimeError, NotImplementedError):
        return None  # no forward formula


def torch_second(problem):
    """The gradient of a number made of the gradient, or None where PyTorch has no second order."""
    try:
        xs, _, _, found = torch_vjp(problem, create_graph=True)
        number = inner(like(xs, 2), found)
        if not _differentiable(number):
            return [None] * len(xs)
        return torch.autograd.grad(number, xs, allow_unused=True)
    except (RuntimeError, NotImplementedError):
        return None


# ----- ours -----
def check(op, sample):
    """Raise Wrong where we differ, AutodiffError where we refuse; False if there is no oracle."""
    problem = Problem(op, sample)
    try:
        xs, ys, gs, found = torch_vjp(problem)
    except (RuntimeError, NotImplementedError, TypeError):
        return False  # PyTorch itself has no derivative here
    theirs_written = problem.written
    ours, pullback = run(ad.vjp, problem, *problem.xs)
    compare("value", ours, ys)
    compare("what was written to", _tensors(problem.written), _tensors(theirs_written))
    compare("vjp", run(pullback, gs), found)
    check_jvp(problem, gs, found)
    if op.supports_gradgrad:
        check_second(problem, gs)
    return True


def _tensors(xs):
    return [x for x in xs if isinstance(x, torch.Tensor)]


def check_jvp(problem, gs, found):
    dxs = like(problem.xs, 3)
    theirs = torch_jvp(problem, dxs)
    dys = run(ad.jvp, problem, tuple(problem.xs), dxs)[1]
    if theirs is not None and not any(_overflows(a, b) for a, b in zip(dys, theirs, strict=True)):
        return compare("jvp", dys, theirs, 1e-5)  # logcumsumexp: theirs is off by 3e-6
    left = inner([g.conj() for g in gs], dys)  # <g, J dx> = <J^T g, dx>
    right = inner([dx.conj() for dx in dxs], found)
    exact = all(y.dtype in (torch.float64, torch.complex128) for y in dys)
    compare("jvp by its transpose", [left], [right], 1e-6 if exact else 0.05)


def _overflows(ours, theirs):
    """PyTorch's forward formula gave NaN where ours, to be held against its reverse, did not."""
    return bool((theirs.isnan() & ~ours.isnan()).any())


def check_second(problem, gs):
    theirs = torch_second(problem)
    if theirs is None:
        return

    def number(*xs):
        return inner(like(xs, 2), ad.vjp(problem, *xs)[1](gs))

    y, pullback = run(ad.vjp, number, *problem.xs)
    ours = run(pullback, torch.ones_like(y))
    compare("second order", ours, [_known(a, b) for a, b in zip(ours, theirs, strict=True)])


def _known(ours, theirs):
    """A NaN of PyTorch's at second order says that there is no answer, not which."""
    return theirs if theirs is None else torch.where(theirs.isnan(), ours, theirs)


def run(f, *args):
    try:
        return f(*args)
    except ad.AutodiffError:
        raise
    except Exception as e:
        raise Wrong(f"{type(e).__name__} instead of AutodiffError: {e}") from e


def compare(what, ours, theirs, tolerance=1e-6):
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if b is None:
            b = torch.zeros_like(a)
        if a.shape != b.shape or a.dtype != b.dtype:
            raise Wrong(f"{what} {i}: {a.dtype}{list(a.shape)}, not {b.dtype}{list(b.shape)}")
        if a.layout == torch.strided and not torch.allclose(
            a, b, tolerance, tolerance / 100, equal_nan=True
        ):
            raise Wrong(f"{what} {i}: {a.flatten()[:6]}, not {b.flatten()[:6]}")


# ----- one entry, all entries -----
def outcome(name, dtype=torch.float64):
    """`(outcome, why)` of one entry; raises Wrong."""
    op = entries(dtype)[name]
    agreed, why = 0, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in samples(op, dtype):
            try:
                agreed += check(op, sample)
            except ad.AutodiffError as e:
                why = why or short(str(e))
    if why is None:
        return ("passed", "") if agreed else ("no oracle", "PyTorch has no derivative here")
    return ("in part" if agreed else "refused"), why


def short(why):
    """The reason without the place: `no row for torch.kthvalue`."""
    why = " ".join(why.split())
    why = re.sub(r"^inside torch\.\w+: ", "", why)
    why = re.sub(r" ?\(line .*?`\)| at line .*?`(?=[ ,;:)]|$)|;.*|: from autodiff_lab.*", "", why)
    return why[:100].strip()


def outcomes(names, dtype):
    for name in names:
        try:
            yield name, *outcome(name, dtype)
        except Wrong as e:
            yield name, "WRONG", " ".join(str(e).split())


def listed():
    """What `op_db.txt` says: `{dtype: {name: (outcome, why)}}`, and PyTorch's version."""
    version, tables = None, {}
    for line in LISTED.read_text().splitlines():
        if line.startswith("PyTorch"):
            version = line.split()[1]
        elif line in DTYPES:
            table = tables.setdefault(line, {})
        elif line and not line.startswith("#"):
            found, name, why = (part.strip() for part in line.split("|", 2))
            table[name] = (found, why)
    return version, tables


def write(results):
    lines = ["# Entries of PyTorch's operator database that do not pass, and why.",
             "# python -m tests.outside.op_db write", "", f"PyTorch {version()}"]  # fmt: skip
    for dtype, rows in results.items():
        counts = Counter(found for _, found, _ in rows)
        lines += ["", dtype, "# " + ", ".join(f"{n} {found}" for found, n in counts.items())]
        lines += [f"{found:9} | {name} | {why}" for name, found, why in rows if found != "passed"]
    LISTED.write_text("\n".join(lines) + "\n")


def version():
    return ".".join(torch.__version__.split(".")[:2])


def main():
    asked = sys.argv[1:]
    names = [a for a in asked if a not in (*DTYPES, "write")]
    results = {}
    for dtype in [d for d in DTYPES if d in asked] or DTYPES:
        rows = results[dtype] = []
        for row in outcomes(names or entries(DTYPES[dtype]), DTYPES[dtype]):
            rows.append(row)
            print("{:40} {:9} {}".format(*row), flush=True)
        print(dtype, dict(Counter(found for _, found, _ in rows)))
    if "write" in asked:
        write(results)


if __name__ == "__main__":
    main()
