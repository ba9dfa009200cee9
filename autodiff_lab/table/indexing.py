"""Rows that choose entries by whole numbers. Reading and adding are each other's transpose.

    take_at     y[b] = x[i[b], j[b], ...]       add_at     the same entries of x, with b added
    take_along  y[k] = x[i[k]] along one axis   add_along  the same entries of x, with b added
    gather      lax's most general reading      scatter_add

An index has no derivative. Entries that are read twice get the sum of both cotangents.
"""

from .row import linear


class Index(tuple):
    """In `cases`: the shape of an index array, whose numbers lie below a bound."""

    def __new__(cls, shape, below):
        made = super().__new__(cls, shape)
        made.below = below
        return made


def zeros(xp, x, g):
    return xp.zeros(tuple(x.shape), g.dtype, g)


def nothing(xp, b):
    return xp.zeros(tuple(b.shape), b.dtype, b)


TWICE = r"\text{each entry of } g \text{ is added where it was read}"

# ----- by arrays of positions in the leading axes: advanced indexing -----
linear("take_at", lambda xp, x, *i: xp.take_at(x, *i),
       lambda xp, g, x, *i: (xp.add_at(zeros(xp, x, g), g, *i), *[None] * len(i)),
       along=lambda m, x, *i: m.chosen(x, *i),
       arity=None, torch="take torch.nn.functional.embedding", jax="take", prims="",
       tex=r"y_b = x_{i_b, j_b, \ldots}", dtex=TWICE,
       cases=(([(4, 3), Index((5,), 4)], {}), ([(4, 3, 2), Index((2, 2), 4), Index((2, 2), 3)], {}),
              ([(4,), Index((0,), 4)], {})),
       example="take_at([1., 2., 3.], [2, 0, 2]) = [3., 1., 3.]")
linear("add_at", lambda xp, x, b, *i: xp.add_at(x, b, *i),
       lambda xp, g, x, b, *i: (g, lambda: xp.take_at(g, *i), *[None] * len(i)),
       along=lambda m, x, b, *i: m.written(x, b, *i, add=True),
       arity=None, linear_in=(0, 1), torch="index_add", jax="-", prims="",
       tex=r"y = x, \text{ and } y_{i_b} \mathrel{+}= v_b",
       dtex=r"g, \text{ and } g \text{ read at the same places}",
       cases=(([(4, 3), (5, 3), Index((5,), 4)], {}),),
       example="add_at([1., 2.], [5., 6.], [1, 1]) = [1., 13.]")
linear("put_at", lambda xp, x, b, *i: xp.put_at(x, b, *i),
       lambda xp, g, x, b, *i: (xp.put_at(g, nothing(xp, b), *i), lambda: xp.take_at(g, *i),
                                *[None] * len(i)),
       along=lambda m, x, b, *i: m.written(x, b, *i, add=False),
       arity=None, linear_in=(0, 1), torch="index_put index_copy", jax="-", prims="",
       tex=r"y = x, \text{ but } y_{i_b} = v_b",
       dtex=r"g \text{ with zeros there, and } g \text{ read there}",
       pitfalls="Where a place is written twice PyTorch gives both values the cotangent, although "
                "only one of them is there.",
       cases=(([(4, 3), (1, 3), Index((1,), 4)], {}),),
       example="put_at([1., 2.], [5.], [1]) = [1., 5.]")

# ----- along one axis: an index for every entry -----
linear("take_along", lambda xp, x, i, *, axis: xp.take_along(x, i, axis),
       lambda xp, g, x, i, *, axis: (xp.add_along(zeros(xp, x, g), g, i, axis), None),
       along=lambda m, x, i, *, axis: m.chosen_along(x, i, axis),
       arity=2, torch="gather take_along_dim", jax="take_along_axis", prims="",
       tex=r"y_{kl} = x_{i_{kl}, l}", dtex=TWICE,
       cases=(([(4, 3), Index((2, 3), 4)], {"axis": 0}), ([(2, 3), Index((2, 5), 3)], {"axis": 1})),
       example="take_along([1., 2., 3.], [2, 0, 2], axis=0) = [3., 1., 3.]")
linear("add_along", lambda xp, x, b, i, *, axis: xp.add_along(x, b, i, axis),
       lambda xp, g, x, b, i, *, axis: (g, lambda: xp.take_along(g, i, axis), None),
       along=lambda m, x, b, i, *, axis: m.written_along(x, b, i, axis, add=True),
       arity=3, linear_in=(0, 1), torch="scatter_add", jax="-", prims="",
       tex=r"y = x, \text{ and } y_{i_{kl}, l} \mathrel{+}= v_{kl}",
       dtex=r"g, \text{ and } g \text{ read at the same places}",
       cases=(([(4, 3), (2, 3), Index((2, 3), 4)], {"axis": 0}),),
       example="add_along([1., 2.], [5., 6.], [1, 1], axis=0) = [1., 13.]")
linear("put_along", lambda xp, x, b, i, *, axis: xp.put_along(x, b, i, axis),
       lambda xp, g, x, b, i, *, axis: (xp.put_along(g, nothing(xp, b), i, axis),
                                        lambda: xp.take_along(g, i, axis), None),
       along=lambda m, x, b, i, *, axis: m.written_along(x, b, i, axis, add=False),
       arity=3, linear_in=(0, 1), torch="scatter", jax="-", prims="",
       tex=r"y = x, \text{ but } y_{i_{kl}, l} = v_{kl}",
       dtex=r"g \text{ with zeros there, and } g \text{ read there}",
       pitfalls="Where a place is written twice PyTorch gives both values the cotangent, although "
                "only one of them is there.",
       cases=(([(4, 3), (1, 3), Index((1, 3), 4)], {"axis": 0}),),
       example="put_along([1., 2.], [5.], [1], axis=0) = [1., 5.]")

# ----- a block whose first corner is computed -----
linear("dynamic_slice", lambda xp, x, *start, size: xp.dynamic_slice(x, *start, size=size),
       lambda xp, g, x, *start, size:
           (xp.dynamic_update_slice(zeros(xp, x, g), g, *start), *[None] * len(start)),
       arity=None, torch="-", jax="jax.lax.dynamic_slice", tex=r"y_k = x_{s + k}",
       dtex=r"g \text{ written into zeros at the same place}",
       pitfalls="A block that would reach over the edge is moved back inside.",
       cases=(([(4, 3), Index((), 4), Index((), 3)], {"size": (2, 2)}),),
       example="dynamic_slice([1., 2., 3.], 1, size=(2,)) = [2., 3.]")
linear("dynamic_update_slice", lambda xp, x, b, *start: xp.dynamic_update_slice(x, b, *start),
       lambda xp, g, x, b, *start:
           (xp.dynamic_update_slice(g, nothing(xp, b), *start),
            lambda: xp.dynamic_slice(g, *start, size=tuple(b.shape)), *[None] * len(start)),
       arity=None, linear_in=(0, 1), torch="-", jax="jax.lax.dynamic_update_slice",
       tex=r"y = x, \text{ but } y_{s + k} = v_k",
       dtex=r"g \text{ with zeros there, and the block of } g",
       cases=(([(4, 3), (2, 2), Index((), 4), Index((), 3)], {}),),
       example="dynamic_update_slice([1., 2., 3.], [7.], 1) = [1., 7., 3.]")

# ----- lax's own: `how` holds its dimension numbers and modes -----
linear("gather", lambda xp, x, i, *, how: xp.lax_gather(x, i, how),
       lambda xp, g, x, i, *, how: (xp.lax_add(zeros(xp, x, g), i, g, how.of_scatter()), None),
       arity=2, torch="-", jax="jax.lax.gather", tex=r"y_{bk} = x_{i_b + k}", dtex=TWICE,
       pitfalls="This is what JAX makes of x[i]; PyTorch's x[i] is take_at.")
linear("scatter_add", lambda xp, x, i, b, *, how: xp.lax_add(x, i, b, how),
       lambda xp, g, x, i, b, *, how: (g, None, lambda: xp.lax_gather(g, i, how.of_gather(x, b))),
       arity=3, linear_in=(0, 2), torch="-", jax="jax.lax.scatter_add", prims="scatter-add",
       tex=r"y = x, \text{ and } y_{i_b + k} \mathrel{+}= v_{bk}",
       dtex=r"g, \text{ and } g \text{ read at the same places}")
linear("scatter", lambda xp, x, i, b, *, how: xp.lax_put(x, i, b, how),
       lambda xp, g, x, i, b, *, how:
           (xp.lax_put(g, i, nothing(xp, b), how), None,
            lambda: xp.where(xp.lax_last(x, i, b, how),
                             xp.lax_gather(g, i, how.of_gather(x, b)), 0.0)),
       arity=3, linear_in=(0, 2), torch="-", jax="jax.lax.scatter", prims="scatter",
       tex=r"y = x, \text{ but } y_{i_b + k} = v_{bk}",
       dtex=r"g \text{ with zeros there, and } g \text{ read there by whoever wrote last}")
