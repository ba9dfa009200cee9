"""Running reductions: entry k is made of the entries up to k, or from k on if `reverse`.

All but the running sum are composite: the same combination, first within pairs, then of pairs
(Blelloch 1990). Their derivatives follow, zeros and ties included.
"""

from .row import composite, linear, unchanged

CASES = (([(2, 5)], {"axis": 1, "reverse": False}), ([(4,)], {"axis": 0, "reverse": True}),
         ([(2, 1)], {"axis": 1, "reverse": False}), ([(0, 3)], {"axis": 0, "reverse": False}))


def along(xp, x, axis, start, stop, step=1):
    """x[start:stop:step] along one axis."""
    ndim = len(x.shape)
    return xp.slice(x, tuple(start if i == axis else 0 for i in range(ndim)),
                    tuple(stop if i == axis else n for i, n in enumerate(x.shape)),
                    tuple(step if i == axis else 1 for i in range(ndim)))  # fmt: skip


def padded(xp, x, axis, low, high, gaps=0, value=0.0):
    at = tuple(int(i == axis) for i in range(len(x.shape)))
    return xp.pad(x, value, *(tuple(k * n for k in at) for n in (low, high, gaps)))


def scan(xp, combine, x, axis):
    """y_k = combine(x_0, ..., x_k), in 2 log n steps."""
    if len(x.shape) == 0 or x.shape[axis] < 2:
        return x
    n = x.shape[axis]
    left, right = along(xp, x, axis, 0, n - 1, 2), along(xp, x, axis, 1, n, 2)
    odd = scan(xp, combine, combine(left, right), axis)
    even = along(xp, x, axis, 0, 1)
    if n > 2:
        before = along(xp, odd, axis, 0, (n - 1) // 2)
        even = xp.concat([even, combine(before, along(xp, x, axis, 2, n, 2))], axis)
    return padded(xp, even, axis, 0, (n + 1) % 2, 1) + padded(xp, odd, axis, 1, n % 2, 1)


def running(combine):
    def body(xp, x, *, axis, reverse=False):
        def both(a, b):
            return combine(xp, a, b)

        if reverse:
            return xp.flip(scan(xp, both, xp.flip(x, (axis,)), axis), (axis,))
        return scan(xp, both, x, axis)

    return body


cumprod = running(lambda xp, a, b: a * b)


def exclusive(xp, x, axis, reverse):
    """The running product without the entry itself."""
    n = x.shape[axis]
    if n == 0:
        return x
    if reverse:
        whole = cumprod(xp, along(xp, x, axis, 1, n), axis=axis, reverse=True)
        return padded(xp, whole, axis, 0, 1, value=1.0)
    return padded(xp, cumprod(xp, along(xp, x, axis, 0, n - 1), axis=axis), axis, 1, 0, value=1.0)


linear("cumsum", lambda xp, x, *, axis, reverse=False: xp.cumsum(x, axis, reverse),
       lambda xp, g, x, *, axis, reverse=False: (xp.cumsum(g, axis, not reverse),),
       axes=unchanged, identity=0.0,
       batch=lambda batched, *, axis, reverse=False: {"axis": axis + 1, "reverse": reverse},
       tex=r"y_k = \sum_{i \le k} x_i", dtex=r"\text{the running sum of } g \text{ from the end}",
       cases=CASES, example="cumsum([1., 2., 3.], axis=0, reverse=False) = [1., 3., 6.]")
def whole(identity):
    """Under a mask: dead entries change nothing that is live, in both directions."""
    return {"axes": unchanged, "along": lambda m, x, **_: m.run(identity),
            "batch": lambda batched, *, axis, **rest: {"axis": axis + 1, **rest}}  # fmt: skip


composite("cumprod", cumprod, cases=CASES, **whole(1.0), prims="cumprod",
          tex=r"y_k = \prod_{i \le k} x_i",
          pitfalls="Nothing is divided, so a zero does no harm to the derivative.",
          example="cumprod([1., 2., 3.], axis=0, reverse=False) = [1., 2., 6.]")
composite("cumlogsumexp", running(lambda xp, a, b: xp.logaddexp(a, b)), cases=CASES,
          **whole("lowest"),
          torch="logcumsumexp", jax="jax.lax.cumlogsumexp", prims="cumlogsumexp",
          tex=r"y_k = \log \sum_{i \le k} e^{x_i}",
          example="cumlogsumexp([0., 0.], axis=0, reverse=False) = [0., 0.69314718]")
composite("cummax", running(lambda xp, a, b: xp.maximum(a, b)), cases=CASES, torch="-",
          **whole("lowest"), jax="jax.lax.cummax", prims="cummax", tex=r"y_k = \max_{i \le k} x_i",
          kinks="ties share by halves in JAX; torch gives all to the entry at its index",
          example="cummax([1., 3., 2.], axis=0, reverse=False) = [1., 3., 3.]")
composite("cummin", running(lambda xp, a, b: xp.minimum(a, b)), cases=CASES, torch="-",
          **whole("highest"), jax="jax.lax.cummin", prims="cummin", tex=r"y_k = \min_{i \le k} x_i",
          kinks="ties share by halves in JAX; torch gives all to the entry at its index",
          example="cummin([3., 1., 2.], axis=0, reverse=False) = [3., 1., 1.]")
