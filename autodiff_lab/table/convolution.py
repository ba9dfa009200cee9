"""Convolution, in any number of dims: three rows that are three sides of one trilinear form.

    T(x, w, g) = sum over n, o, i, c, k of  g[n, o, i] * x[n, c, s i + d k - p] * w[o, c, k]

`conv` is T without g, `conv_input` is T without x, `conv_weight` is T without w. So each is the
transpose of the others, and any order of derivative stays among the three (Dumoulin & Visin 2016;
`conv_input` is what is called a transposed convolution). The words are lax's: `padding` is a
`(low, high)` pair per spatial dim, negative where entries are dropped; `gaps` dilates x, `dilation`
dilates w; `layout` says which axis of x, w and y is batch, channel, space.
"""

from . import fused
from .pooling import size
from .row import bilinear, composite


def _plan(x, w, *, stride=None, padding=None, dilation=None, gaps=None, **rest):
    """A case of the tests: what is not said is 1, or no padding."""
    n = len(x) - 2
    return {"shapes": (x, w), "stride": stride or (1,) * n, "padding": padding or ((0, 0),) * n,
            "dilation": dilation or (1,) * n, "gaps": gaps or (1,) * n, **rest}


PLANS = (
    _plan((2, 3, 5), (4, 3, 3)),
    _plan((2, 2, 6), (3, 2, 2), stride=(2,), padding=((1, 1),), dilation=(2,)),
    _plan((1, 4, 5, 4), (4, 2, 2, 3), stride=(2, 1), padding=((1, 0), (0, 2)), groups=2),
    _plan((2, 1, 3), (1, 1, 2), gaps=(2,), padding=((-1, 1),)),
    _plan((4, 2, 4), (2, 2, 2), batch_groups=2),
    _plan((2, 5, 3), (2, 3, 4), layout=((0, 2, 1), (2, 1, 0), (0, 2, 1))),
    _plan((1, 2, 3, 3, 2), (2, 2, 2, 1, 2), stride=(1, 2, 1)),
)


def out_shape(*, shapes, stride, padding, dilation, gaps, batch_groups=1, layout=None, **_):
    """The shape of `conv(x, w)`."""
    (x, w), n = shapes, len(stride)
    lhs, rhs, out = layout or (range(n + 2),) * 3
    x, w = [x[i] for i in lhs], [w[i] for i in rhs]
    y = [x[0] // batch_groups, w[0]]
    for size, k, s, (low, high), d, gap in zip(x[2:], w[2:], stride, padding, dilation, gaps,
                                               strict=True):  # fmt: skip
        padded = low + (max(0, (size - 1) * gap + 1) if size else 0) + high
        y.append(max(0, (padded - (k - 1) * d - 1) // s + 1))
    return tuple(y[list(out).index(i)] for i in range(n + 2))


def _cases(first, second):
    """The same plans for each side of the form: 0 is x, 1 is w, 2 is y."""
    pairs = ((p, (*p["shapes"], out_shape(**p))) for p in PLANS)
    return tuple(([sides[first], sides[second]], p) for p, sides in pairs)


# ----- under a mask: examples become more examples, or groups where the weights differ too -----
def _axes(ndims, *, layout=None, groups=1, batch_groups=1, **_):
    """Batch and output channels stay; input channels are summed; space is not moved into."""
    n = ndims[0]
    lhs, rhs, out = layout or (range(n),) * 3
    whole = batch_groups == 1 and layout is None
    x = {lhs[0]: out[0] if whole else None, lhs[1]: -1 if groups == 1 and whole else None}
    w = {rhs[0]: out[1] if groups == 1 and whole else None, rhs[1]: x[lhs[1]]}
    return [tuple(side.get(i) for i in range(n)) for side in (x, w)], n


def _along(m, x, w, *, layout=None, **p):
    """Along space: dead entries are zero like the padding, and outputs are counted by each size."""
    if layout is not None:
        lhs, rhs, out = layout
        y = m.apply("conv", m.apply("permute", x, axes=tuple(lhs)),
                    m.apply("permute", w, axes=tuple(rhs)), **_standard(p, lhs, rhs))
        return m.apply("permute", y, axes=tuple(sorted(range(len(out)), key=lambda i: out[i])))
    if p.get("batch_groups", 1) != 1:
        m.refuse("mixes groups of images along a ragged dim")
    kernel, plan = p["shapes"][1][2:], zip(p["stride"], p["padding"], p["dilation"], p["gaps"],
                                           strict=True)  # fmt: skip
    return m.run(0.0, {a: (0, a, lambda n, k=k, how=how: size(n, k, *how))
                       for a, (k, how) in enumerate(zip(kernel, plan, strict=True), 2)})


def _standard(p, lhs, rhs):
    x, w = p["shapes"]
    return p | {"layout": None, "shapes": (tuple(x[i] for i in lhs), tuple(w[i] for i in rhs))}


def _together(xp, x, w, *, lead=(False, False), **p):
    """`lead` says which input carries an axis of examples in front."""
    if not any(lead):
        return xp.conv(x, w, **p)
    many = (x if lead[0] else w).shape[0]
    if not lead[1]:
        y = xp.conv(xp.reshape(x, (many * x.shape[1], *x.shape[2:])), w, **_many(p, many, 1))
        return xp.reshape(y, (many, y.shape[0] // many, *y.shape[1:]))
    if not lead[0]:
        x = xp.broadcast(x, (many, *x.shape), tuple(range(1, len(x.shape) + 1)))
    x = xp.permute(x, (1, 0, *range(2, len(x.shape))))  # each example is a group of channels
    x = xp.reshape(x, (x.shape[0], many * x.shape[2], *x.shape[3:]))
    w = xp.reshape(w, (many * w.shape[1], *w.shape[2:]))
    p = p | {"shapes": (tuple(x.shape), tuple(w.shape)), "groups": many * p.get("groups", 1)}
    y = xp.conv(x, w, **p)
    y = xp.reshape(y, (y.shape[0], many, y.shape[1] // many, *y.shape[2:]))
    return xp.permute(y, (1, 0, *range(2, len(y.shape))))


def _many(p, many, axis):
    x, w = p["shapes"]
    return p | {"shapes": ((many * x[0], *x[1:]), w)}


bilinear("conv", _together,
         (lambda xp, g, w, **p: xp.conv_input(g, w, **p),
          lambda xp, g, x, **p: xp.conv_weight(g, x, **p)),
         axes=_axes, along=_along, batch=lambda batched, **p: p | {"lead": batched.inputs},
         torch="torch.conv1d torch.conv2d torch.conv3d",
         jax="jax.lax.conv_general_dilated jax.lax.conv jax.lax.conv_with_general_padding",
         prims="conv_general_dilated",
         tex=r"y_{n o i} = \sum_{c, k} x_{n, c, s i + d k - p} \, w_{o c k}",
         dtex=r"\bar x = \text{conv\_input}(g, w), \quad \bar w = \text{conv\_weight}(g, x)",
         pitfalls="The kernel is not flipped: mathematics calls this a cross-correlation.",
         cases=_cases(0, 1),
         example="conv([[[1., 2., 4.]]], [[[1., -1.]]], shapes=((1, 1, 3), (1, 1, 2)), "
                 "stride=(1,), padding=((0, 0),), dilation=(1,), gaps=(1,)) = [[[-1., -2.]]]")

bilinear("conv_input", lambda xp, g, w, **p: xp.conv_input(g, w, **p),
         (lambda xp, x, w, **p: xp.conv(x, w, **p),
          lambda xp, x, g, **p: xp.conv_weight(g, x, **p)),
         torch="torch.conv_transpose1d torch.conv_transpose2d torch.conv_transpose3d", jax="-",
         prims="",
         tex=r"x_{n c j} = \sum_{o, i, k : s i + d k - p = j} g_{n o i} \, w_{o c k}",
         dtex=r"\bar g = \text{conv}(\dot x, w), \quad \bar w = \text{conv\_weight}(g, \dot x)",
         pitfalls="Not an inverse of conv. Sizes that the stride jumps over are not unique: torch "
                  "asks for output_padding.",
         cases=_cases(2, 1),
         example="conv_input([[[1., 2.]]], [[[1., -1.]]], shapes=((1, 1, 3), (1, 1, 2)), "
                 "stride=(1,), padding=((0, 0),), dilation=(1,), gaps=(1,)) = [[[1., 1., -2.]]]")

bilinear("conv_weight", lambda xp, g, x, **p: xp.conv_weight(g, x, **p),
         (lambda xp, w, x, **p: xp.conv(x, w, **p),
          lambda xp, w, g, **p: xp.conv_input(g, w, **p)),
         torch="-", jax="-", prims="",
         tex=r"w_{o c k} = \sum_{n, i} g_{n o i} \, x_{n, c, s i + d k - p}",
         dtex=r"\bar g = \text{conv}(x, \dot w), \quad \bar x = \text{conv\_input}(g, \dot w)",
         cases=_cases(2, 0),
         example="conv_weight([[[1., 2.]]], [[[1., 2., 4.]]], shapes=((1, 1, 3), (1, 1, 2)), "
                 "stride=(1,), padding=((0, 0),), dilation=(1,), gaps=(1,)) = [[[5., 10.]]]")


# ----- as layers have it: with a bias -----
def _with_bias(xp, x, w, b=None, *, stride, padding, dilation, groups):
    y = xp.conv(x, w, shapes=(tuple(x.shape), tuple(w.shape)), stride=stride, padding=padding,
                dilation=dilation, gaps=(1,) * len(stride), groups=groups)  # fmt: skip
    return y if b is None else y + xp.reshape(b, (b.shape[0],) + (1,) * len(stride))


LAYER = {"stride": (1,), "padding": ((1, 1),), "dilation": (1,), "groups": 1}
WIDE = {"stride": (2, 1), "padding": ((1, 1), (0, 0)), "dilation": (1, 2), "groups": 2}
composite("conv_with_bias", _with_bias, arity=None, fast=fused.conv, torch="-", jax="-",
          cases=(([(2, 3, 5), (4, 3, 3), (4,)], LAYER), ([(2, 4, 5, 6), (6, 2, 3, 2)], WIDE),
                 ([(2, 3, 5), (4, 3, 2), (4,)], LAYER | {"padding": ((0, 1),)})),
          tex=r"y = x * w + b", pitfalls="b has one entry per channel of the output.",
          example="conv_with_bias([[[1., 2.]]], [[[3.]]], [1.], stride=(1,), padding=((0, 0),), "
                  "dilation=(1,), groups=1) = [[[4., 7.]]]")
