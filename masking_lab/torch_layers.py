"""PyTorch's layers that are one call of many operations, written out for one example.

`nn.MultiheadAttention` (and with it `nn.TransformerEncoderLayer`) ends in one function of PyTorch's
("Attention is all you need", Vaswani et al. 2017); for lanes it is spelled in operations that have
rows.
"""

from autodiff_lab import source

from .errors import MaskError


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
    weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = weights if use_separate_proj_weight else in_proj_weight.chunk(3)
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    q, k, v = (
        _by_head(F.linear(x, w, b), num_heads)
        for x, w, b in zip((query, key, value), weights, biases, strict=True)
    )
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    for mask in (attn_mask, key_padding_mask):
        scores = scores if mask is None else _masked(scores, mask)
    chosen = F.softmax(scores, dim=-1)
    if dropout_p and training:
        chosen = F.dropout(chosen, dropout_p)
    y = chosen @ v
    y = y.transpose(0, 1).reshape(query.shape[0], num_heads * v.shape[-1])
    y = F.linear(y, out_proj_weight, out_proj_bias)
    if not need_weights:
        return y, None
    return y, chosen.mean(0) if average_attn_weights else chosen


def _by_head(x, heads):
    return x.reshape(x.shape[0], heads, x.shape[1] // heads).transpose(0, 1)


def _masked(scores, mask):
    """PyTorch's masks: True leaves a pair out, a number is added."""
    if str(mask.dtype) == "torch.bool":
        return scores.masked_fill(mask, float("-inf"))
    return scores + mask


LAYERS = {"multi_head_attention_forward": _attention}
