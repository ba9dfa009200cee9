"""Running the operations of a recorded tape again: to time them, or on other inputs."""

from time import perf_counter


def replay(tape, inputs):
    """Every node's value for other inputs (`{index: value}`); None where it cannot be run again."""
    found = [inputs.get(n.index, n.value) if n.row is None else None for n in tape.nodes]
    for node in tape.nodes:
        if node.row is None or node.part:
            continue
        xs = [p.value if p.index is None else found[p.index] for p in node.parents]
        ys = _run(tape, node, xs)
        for n, y in zip(node.group or [node], ys, strict=False):
            found[n.index] = y
    return found


def _run(tape, node, xs):
    if node.row.fn is None or "pull" in node.params or any(x is None for x in xs):
        return (None,) * len(node.group or [node])
    try:
        y = node.row.fn(tape.xp, *xs, **node.params)
    except Exception:  # an index out of range, say: nobody can tell what would have come
        return (None,) * len(node.group or [node])
    return tuple(y) if node.group else (y,)


def times(tape):
    """Seconds forward and back for each node: of three runs by itself the shortest."""
    forward, back = [0.0] * len(tape.nodes), [0.0] * len(tape.nodes)
    for node in tape.nodes:
        xs = [p.value for p in node.parents]
        if node.row is None or node.part or any(x is None for x in xs):
            continue
        forward[node.index] = _best(tape, lambda node=node, xs=xs: _run(tape, node, xs))
        if node.adjoint is not None and node.group is None and "pull" not in node.params:
            back[node.index] = _best(tape, lambda node=node, xs=xs: _pull(tape, node, xs))
    return forward, back


def sent(tape, node):
    """What the reverse walk sends from a node to each of its parents, or None."""
    from autodiff_lab import AutodiffError

    xs = [p.value for p in node.parents]
    complex_numbers = node.adjoint is None or tape.xp.is_complex(node.dtype)
    if complex_numbers or node.group or "pull" in node.params or any(x is None for x in xs):
        return None
    try:
        return [c() if callable(c) else c for c in _pull(tape, node, xs)]
    except (AutodiffError, TypeError, ValueError, RuntimeError):
        return None


def _pull(tape, node, xs):
    from autodiff_lab.calculus import pull

    wanted = [p.active for p in node.parents]
    return pull(node.row, tape.xp, node.adjoint, node.value, xs, node.params, wanted)


def _best(tape, run):
    found = []
    for _ in range(3):
        start = perf_counter()
        y = run()
        _wait(tape, y)
        found.append(perf_counter() - start)
    return min(found)


def _wait(tape, y):
    """Both frameworks answer before a GPU has finished, and JAX before a CPU has."""
    if tape.framework == "jax":
        import jax

        jax.block_until_ready([v for v in y if v is not None and not callable(v)])
    elif any(getattr(v, "is_cuda", False) for v in y):
        import torch

        torch.cuda.synchronize()
