"""Sorting: the values come in another order, and so do the derivatives; the order has none."""

from .row import general, unchanged


def _order(xp, xs, axis, num_keys):
    """The places of the entries in sorted order: by the last key first, each time stably."""
    place = xp.arange(tuple(xs[0].shape), axis, None, xs[0])
    for key in reversed(xs[:num_keys]):
        by = xp.stable_order(xp.take_along(xp.stop_gradient(key), place, axis), axis)
        place = xp.take_along(place, by, axis)
    return place


def _sort(xp, *xs, axis, num_keys):
    place = _order(xp, xs, axis, num_keys)
    return tuple(xp.take_along(x, place, axis) for x in xs)


def _sort_jvp(xp, *args, axis, num_keys):
    n = len(args) // 2
    dxs, ys, xs = args[:n], args[n], args[n + 1 :]
    place = _order(xp, xs, axis, num_keys)
    return tuple(xp.take_along(dx, place, axis) if xp.is_inexact(y.dtype) else None
                 for dx, y in zip(dxs, ys, strict=True))  # fmt: skip


def _sort_vjp(xp, gs, ys, *xs, axis, num_keys):
    place = _order(xp, xs, axis, num_keys)
    return tuple(g if g is None else xp.add_along(xp.zeros_like(g), g, place, axis) for g in gs)


def _alike(ndims, **_):
    return [unchanged([n])[0][0] for n in ndims], ndims[0]


general("sort", _sort, _sort_jvp, _sort_vjp, keeps="x", outputs="many", arity=None,
        axes=_alike, moves=lambda *, axis, num_keys: [axis],
        along=lambda m, *xs, **_: m.run("last"),
        batch=lambda batched, *, axis, num_keys: {"axis": axis + 1, "num_keys": num_keys},
        torch="-", jax="jax.lax.sort", tex=r"y_k = x_{\pi(k)}, \text{ with } y_k \le y_{k + 1}",
        dtex=r"dy = dx \text{ in the new order}, \quad \bar x = g \text{ in the old order}",
        kinks="entries that tie stay in their order",
        cases=(([(2, 5)], {"axis": 1, "num_keys": 1}),
               ([(4,), (4,)], {"axis": 0, "num_keys": 2})),
        example="sort([3., 1., 2.], axis=0, num_keys=1) = [[1., 2., 3.]]")


# ----- the k largest -----
general("top_k", lambda xp, x, *, k, axis: xp.top_k(x, k, axis),
        lambda xp, dx, ys, x, *, k, axis: (xp.take_along(dx, ys[1], axis), None),
        lambda xp, gs, ys, x, *, k, axis: (xp.add_along(xp.zeros_like(x), gs[0], ys[1], axis),),
        keeps="xy", outputs="many", torch="-", jax="jax.lax.top_k", axes=unchanged,
        moves=lambda *, k, axis: [axis],
        along=lambda m, x, *, k, axis: m.run("lowest", {axis: None}),
        batch=lambda batched, *, k, axis: {"k": k, "axis": axis + 1},
        tex=r"y = \text{the } k \text{ largest entries, and their places}",
        dtex=r"dy = dx \text{ at their places}, \quad "
             r"\bar x = g \text{ at the places of the largest, zero elsewhere}",
        cases=(([(2, 5)], {"k": 2, "axis": 1}),),
        example="top_k([3., 1., 2.], k=2, axis=0) = [[3., 2.], [0, 2]]")
