"""One bilinear row for every product that sums over an index: matmul, dot, bmm, linear, einsum.

The subscripts say everything. In "ij,jk->ik" the index j is summed; the transposes only move the
letters: the cotangent of a is "ik,jk->ij", that of b is "ij,ik->jk". An index that stands in one
place only (summed over one input alone) is not a contraction: the front ends sum it first.
"""

import functools

from . import fused
from .row import bilinear


def split(spec):
    inputs, output = spec.split("->")
    return (*inputs.split(","), output)


@functools.cache
def for_left(spec):
    a, b, y = split(spec)
    return f"{y},{b}->{a}"


@functools.cache
def for_right(spec):
    a, b, y = split(spec)
    return f"{a},{y}->{b}"


def _axes(ndims, *, spec, **_):
    """An index that is summed goes to a negative place, the same for both inputs."""
    *inputs, y = split(spec)
    return [tuple(y.index(i) if i in y else -ord(i) for i in x) for x in inputs], len(y)


def _batch(batched, *, spec, **rest):
    """Z is the batch index: on each input that is batched, and on the output."""
    a, b, y = split(spec)
    a, b = ("Z" * is_batched + x for x, is_batched in zip((a, b), batched.inputs, strict=True))
    return rest | {"spec": f"{a},{b}->Z{y}"}


bilinear("contract",
         lambda xp, a, b, *, spec, precision=None, dtype=None:
             xp.contract(a, b, spec, precision, dtype),
         (lambda xp, g, b, *, spec, precision=None, dtype=None:
             xp.contract(g, b, for_left(spec), precision, dtype),
          lambda xp, g, a, *, spec, precision=None, dtype=None:
             xp.contract(a, g, for_right(spec), precision, dtype)),
         axes=_axes, batch=_batch, identity=0.0, fast=fused.contract,
         torch="matmul mm bmm mv dot torch.einsum torch.Tensor.__matmul__",
         jax="matmul dot einsum vdot jax.lax.dot_general", prims="dot_general",
         tex=r"y_{ik} = \sum_j a_{ij} \, b_{jk}",
         dtex=r"\bar a_{ij} = \sum_k g_{ik} \, b_{jk}, \quad \bar b_{jk} = \sum_i a_{ij} \, g_{ik}",
         cases=(([(2, 3), (3, 4)], {"spec": "ij,jk->ik"}), ([(3,), (3,)], {"spec": "i,i->"}),
                ([(2, 3, 4), (2, 4, 5)], {"spec": "bij,bjk->bik"}),
                ([(2, 3), (4,)], {"spec": "ij,k->kij"}), ([(0, 3), (3, 2)], {"spec": "ij,jk->ik"}),
                ([(2, 0), (0, 2)], {"spec": "ij,jk->ik"})),
         calm=True, example="contract([[1., 2.]], [[3.], [4.]], spec='ij,jk->ik') = [[11.]]")
