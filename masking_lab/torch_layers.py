"""Layers of PyTorch's that reshape as if they saw a batch, written for one example.

`torch.nn.MultiheadAttention` (Vaswani et al. 2017) and with it the transformer layers end in one
function that counts tokens to split them; here it is once more, in operations that have rows.
"""

import math

import torch
import torch.nn.functional as F

from autodiff_lab import source

from .errors import MaskError


def attention_layer(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias,
                    bias_k, bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias,
                    training=True, key_padding_mask=None, need_weights=True, attn_mask=None,
                    use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None,
                    v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True,
                    is_causal=False):  # fmt: skip
    """`F.multi_head_attention_forward` of one example: its queries are (length, features)."""
    if any(x is not None for x in (bias_k, bias_v, static_k, static_v)) or add_zero_attn:
        raise _refusal("added or static keys", "leave bias_k, add_zero_attn and static_k out")
    if dropout_p and training:
        raise _refusal("dropout of the weights", "set dropout=0.0, or call eval() on the layer")
    if key_padding_mask is not None or query.ndim != 2:
        raise _refusal("a batch inside f", "write f for one example, whose keys are all there")
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected((query, key, value), in_proj_weight, in_proj_bias, separate)
    q, k, v = (x.reshape(x.shape[0], num_heads, x.shape[1] // num_heads).transpose(0, 1)
               for x in (q, k, v))  # fmt: skip
    if attn_mask is not None and _is_bool(attn_mask):
        attn_mask = ~attn_mask  # the layer says who is left out, the kernel who takes part
    weights = None
    if need_weights:
        y, weights = _with_weights(q, k, v, attn_mask)
        weights = weights.mean(0) if average_attn_weights else weights
    else:
        causal = is_causal and attn_mask is None
        y = F.scaled_dot_product_attention(q, k, v, attn_mask, is_causal=causal)
    y = y.transpose(0, 1).reshape(query.shape[0], embed_dim_to_check)
    return F.linear(y, out_proj_weight, out_proj_bias), weights


def _projected(inputs, weight, bias, separate):
    q, k, v = inputs
    if separate is None and q is k is v:
        return F.linear(q, weight, bias).chunk(3, -1)
    weights = weight.chunk(3) if separate is None else separate
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return [F.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]


def _with_weights(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf) if _is_bool(mask) else scores + mask
    weights = scores.softmax(-1)
    return weights @ v, weights


def _is_bool(mask):
    return mask.dtype == torch.bool


def _refusal(what, instead):
    return MaskError(f"{what} in an attention layer at {source.here()} has no mask rule; {instead}")


def dropout(input, p=0.5, training=True, inplace=False):
    if p and training:
        raise _refusal("dropout while training", "call eval(), or set p=0.0")
    return input


LAYERS = {"dropout": dropout, "multi_head_attention_forward": attention_layer}
