"""PyTorch's layers that are one call of many operations, written out for one example.

`nn.MultiheadAttention` (and with it `nn.TransformerEncoderLayer`) ends in one function of PyTorch's
("Attention is all you need", Vaswani et al. 2017); for lanes it is spelled in operations that have
rows. `nn.GRUCell` and `nn.LSTMCell` give one example a batch axis, and take it away again; lanes
have one already.
"""

import sys

from autodiff_lab import source, xp

from ..errors import MaskError
from ..lane import Lane, shared


def _attention(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias,
               bias_k, bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias,
               training=True, key_padding_mask=None, need_weights=True, attn_mask=None,
               use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None,
               v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True,
               is_causal=False):  # fmt: skip
    """`(outputs, weights)` of queries of shape (n, e), keys and values of shape (m, e)."""
    from torch.nn import functional as F

    unusual = (bias_k, bias_v, static_k, static_v)
    if query.ndim != 2 or add_zero_attn or any(x is not None for x in unusual):
        raise MaskError(
            f"multi-head attention at {source.here()} is called for one example with queries of "
            f"{query.ndim} dims, or with bias_k, static_k or add_zero_attn; give it queries of "
            "shape (length, features), without these"
        )
    apart = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    parts = _projected((query, key, value), in_proj_weight, in_proj_bias, apart)
    q, k, v = (_by_head(x, num_heads) for x in parts)
    masks, chosen = [mask for mask in (attn_mask, key_padding_mask) if mask is not None], None
    if need_weights or masks or (dropout_p and training):
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        for mask in masks:
            scores = _masked(scores, mask)
        chosen = F.softmax(scores, dim=-1)
        if dropout_p and training:
            chosen = F.dropout(chosen, dropout_p)
        y = chosen @ v
    else:
        y = F.scaled_dot_product_attention(q, k, v, is_causal=is_causal)
    y = y.transpose(0, 1).reshape(query.shape[0], num_heads * v.shape[-1])
    y = F.linear(y, out_proj_weight, out_proj_bias)
    if not need_weights:
        return y, None
    return y, chosen.mean(0) if average_attn_weights else chosen


def _projected(inputs, weight, bias, apart):
    """Queries, keys and values; of one and the same input by one product."""
    from torch.nn import functional as F

    q, k, v = inputs
    if apart is None and q is k is v:
        return F.linear(q, weight, bias).chunk(3, -1)
    weights = weight.chunk(3) if apart is None else apart
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return [F.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]


def _by_head(x, heads):
    return x.reshape(x.shape[0], heads, x.shape[1] // heads).transpose(0, 1)


def _masked(scores, mask):
    """PyTorch's masks: True leaves a pair out, a number is added."""
    if str(mask.dtype) == "torch.bool":
        return scores.masked_fill(mask, float("-inf"))
    return scores + mask


LAYERS = {"multi_head_attention_forward": _attention}


# ----- cells -----
_CELLS = {"GRUCell": "gru_cell", "LSTMCell": "lstm_cell"}


def cell(m):
    """A cell of PyTorch's as what it computes for one example; anything else as it is."""
    nn = sys.modules["torch"].nn
    name = _CELLS.get(type(m).__name__)
    if name is None or type(m) is not getattr(nn, type(m).__name__) or _is_watched(nn, m):
        return m
    compute = getattr(sys.modules["torch"], name)

    def run(input, hx=None):
        states = hx if isinstance(hx, tuple) else (hx,)
        if any(getattr(x, "ndim", None) != 1 for x in (input, *states)):
            return m(input, hx)
        x, *states = _own(input, *states)
        hx = tuple(states) if isinstance(hx, tuple) else states[0]
        return compute(x, hx, m.weight_ih, m.weight_hh, m.bias_ih, m.bias_hh)

    return run


def _own(*xs):
    """Each example's own, also where all share it, as the first state of a loop."""
    count = next(x.examples for x in xs if isinstance(x, Lane))
    return [x if isinstance(x, Lane) else shared(xp.of(x), count, x) for x in xs]


def _is_watched(nn, m):
    """Do hooks want to see what it is called with?"""
    everywhere = nn.modules.module
    return any((m._forward_hooks, m._forward_pre_hooks, m._backward_hooks, m._backward_pre_hooks,
                everywhere._global_forward_hooks, everywhere._global_forward_pre_hooks,
                everywhere._global_backward_hooks,
                everywhere._global_backward_pre_hooks))  # fmt: skip
