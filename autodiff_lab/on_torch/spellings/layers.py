"""Spellings of layers and losses: PyTorch's arguments, in the words of the composite rows."""

import math

from ... import source, xp
from ...errors import AutodiffError


def _verbs():
    return xp.verbs("torch")


def _refuse(what, instead):
    raise AutodiffError(f"{what} ({source.here()}) has no row; {instead}")


def _row(name, *xs, **params):
    """A row whose inputs may be left out: a None at the end is no input."""
    while xs and xs[-1] is None:
        xs = xs[:-1]
    if any(x is None for x in xs):
        raise TypeError(f"{name} with a bias but no weight")
    return xs, params


# ----- normalisation -----
def _batch_norm(input, *args, **kwargs):
    if len(args) == 8:  # torch.batch_norm, whose order is another than F.batch_norm's
        w, b, m, v, training, momentum, eps, _ = args
        return _norm_with_statistics(input, m, v, w, b, training, momentum, eps)
    return _norm_with_statistics(input, *args, **kwargs)


def _norm_with_statistics(input, running_mean=None, running_var=None, weight=None, bias=None,
                          training=False, momentum=0.1, eps=1e-5):  # fmt: skip
    from ...table.normalisation import batch_norm_known

    if not training:
        return batch_norm_known(_verbs(), input, running_mean, running_var, weight, bias, eps=eps)
    if running_mean is not None:
        _update(input, running_mean, running_var, momentum)
    scale, params = _row("batch_norm", weight, bias, eps=eps)
    return _verbs().batch_norm(input, *scale, **params)


def _update(input, running_mean, running_var, momentum):
    """The side effect of training: running statistics, written outside of every tape."""
    import torch

    known = type(input) is torch.Tensor  # a batch that is not recorded: the weights are
    if hasattr(running_mean, "tape") or not (known or hasattr(input, "plain")):
        _refuse("batch_norm that writes into recorded running statistics", "pass plain buffers")
    x = (input if known else input.plain()).detach()
    axis = [i for i in range(x.ndim) if i != 1]
    with torch.no_grad():
        for known, new in ((running_mean, x.mean(axis)), (running_var, x.var(axis))):
            known.mul_(1 - momentum).add_(new.to(known.dtype), alpha=momentum)


def _instance_norm(input, *args, **kwargs):
    if len(args) == 8:
        w, b, m, v, use_input_stats, momentum, eps, _ = args
        args = (m, v, w, b, use_input_stats, momentum, eps)
    return _instance(input, *args, **kwargs)


def _instance(input, running_mean=None, running_var=None, weight=None, bias=None,
              use_input_stats=True, momentum=0.1, eps=1e-5):  # fmt: skip
    from ...table.normalisation import instance_norm

    if running_mean is not None:
        _refuse("instance_norm with running statistics", "build it with track_running_stats=False")
    return instance_norm(_verbs(), input, weight, bias, eps=eps)


def _group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    return _row("group_norm", input, weight, bias, groups=num_groups, eps=eps)


def _rms_norm(input, normalized_shape, weight=None, eps=None):
    import torch

    n = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    axis = tuple(range(input.ndim - n, input.ndim))
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    return _row("rms_norm", input, weight, axis=axis, eps=eps)


def _local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    return (input,), {"size": size, "alpha": alpha, "beta": beta, "k": k}


# ----- losses -----
def _how(size_average, reduce, reduction):
    if type(size_average) is int:  # the dispatcher's numbers
        return ("none", "mean", "sum")[size_average]
    if size_average is not None or reduce is not None:
        raise TypeError("size_average and reduce are old names: say reduction")
    return reduction


def _pair(**given):
    """A loss of x and a target: what is left are its own parameters, with these defaults."""

    def signature(input, target, size_average=None, reduce=None, reduction="mean", **params):
        if params.pop("weight", None) is not None:
            raise TypeError("a weight")
        own = {k: params.pop(k, v) for k, v in given.items()}
        if params:
            raise TypeError(f"unexpected {sorted(params)}")
        return (input, target), own | {"reduction": _how(size_average, reduce, reduction)}

    return signature


def _huber(input, target, reduction="mean", delta=1.0, weight=None):
    if weight is not None:
        raise TypeError("a weight")
    return (input, target), {"reduction": _how(None, None, reduction), "delta": delta}


def _smooth_l1(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    return (input, target), {"reduction": _how(size_average, reduce, reduction), "beta": beta}


def _checked(target, classes, ignore):
    """PyTorch refuses a class that does not exist; comparing with all classes would not notice."""
    if hasattr(target, "tape") or hasattr(target, "sizes"):
        return target
    low, high = target.aminmax() if target.numel() else (0, 0)
    if 0 <= int(low) and int(high) < classes:
        return target
    wrong = (target != ignore) & ((target < 0) | (target >= classes))
    if bool(wrong.any()):
        raise IndexError(
            f"target {int(target[wrong].reshape(-1)[0])} is out of bounds for {classes} classes"
        )
    return target


def _nll(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
         reduction="mean"):  # fmt: skip
    axis = 1 if input.ndim > 1 else 0
    target = _checked(target, input.shape[axis], ignore_index)
    how = _how(size_average, reduce, reduction)
    return _row("nll_loss", input, target, weight, axis=axis, ignore=ignore_index, reduction=how)


def _cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
                   reduction="mean", label_smoothing=0.0):  # fmt: skip
    import torch

    axis = 1 if input.ndim > 1 else 0
    how = _how(size_average, reduce, reduction)
    params = {"axis": axis, "ignore": ignore_index, "smoothing": label_smoothing}
    xs = (input, target) if weight is None else (input, target, weight)
    cross_entropy = _verbs().cross_entropy
    if not target.dtype.is_floating_point:
        _checked(target, input.shape[axis], ignore_index)
    if how != "mean" or not target.dtype.is_floating_point:
        return cross_entropy(*xs, reduction=how, **params)
    examples = math.prod(n for i, n in enumerate(input.shape) if i != axis)
    total = cross_entropy(*xs, reduction="sum", **params)
    return torch.divide(total, examples)


def _cross_entropy_directly(input, target, weight=None, size_average=None, ignore_index=-100,
                            reduce=None, reduction="mean", label_smoothing=0.0):  # fmt: skip
    """The one row it is where the target names classes."""
    if target.dtype.is_floating_point:
        raise TypeError("probabilities")
    axis = 1 if input.ndim > 1 else 0
    _checked(target, input.shape[axis], ignore_index)
    how = _how(size_average, reduce, reduction)
    params = {"axis": axis, "ignore": ignore_index, "reduction": how, "smoothing": label_smoothing}
    return _row("cross_entropy", input, target, weight, **params)


def _reduced(y, weight, how):
    y = y if weight is None else y * weight
    if how == "batchmean":
        return y.sum() / y.shape[0]
    return y if how == "none" else y.mean() if how == "mean" else y.sum()


def _bce(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    y = _verbs().binary_cross_entropy(input, target)
    return _reduced(y, weight, _how(size_average, reduce, reduction))


def _bce_with_logits(input, target, weight=None, size_average=None, reduce=None,
                     reduction="mean", pos_weight=None):  # fmt: skip
    from ...table.loss import bce_with_logits

    y = bce_with_logits(_verbs(), input, target, pos_weight)
    return _reduced(y, weight, _how(size_average, reduce, reduction))


def _kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    from ...table.loss import kl_div

    y = kl_div(_verbs(), input, target, log_target=log_target)
    return _reduced(y, None, _how(size_average, reduce, reduction))


def _cosine_similarity(x1, x2, dim=1, eps=1e-8):
    import torch

    from ...table.loss import cosine_similarity

    x1, x2 = torch.broadcast_tensors(x1, x2)
    if x1.ndim == 0:
        return _cosine_similarity(x1.reshape(1), x2.reshape(1), 0, eps).reshape(())
    return cosine_similarity(_verbs(), x1, x2, axis=(dim % x1.ndim,), eps=eps)


def _cosine_embedding(input1, input2, target, margin=0.0, size_average=None, reduce=None,
                      reduction="mean"):  # fmt: skip
    import torch

    cos = _cosine_similarity(input1, input2, dim=-1, eps=1e-12)
    apart = torch.where(target == -1, torch.relu(cos - margin), 0.0)
    y = torch.where(target == 1, 1 - cos, 0.0) + apart
    return _reduced(y, None, _how(size_average, reduce, reduction))


def _hinge_embedding(input, target, margin=1.0, size_average=None, reduce=None,
                     reduction="mean"):  # fmt: skip
    import torch

    y = torch.where(target != -1, input, 0.0)
    y = y + torch.where(target != 1, torch.relu(margin - input), 0.0)
    return _reduced(y, None, _how(size_average, reduce, reduction))


def _gaussian_nll(input, target, var, full=False, eps=1e-6, reduction="mean"):
    import torch

    if isinstance(var, float) or var.shape != input.shape:
        _refuse("gaussian_nll_loss with a variance of another shape", "expand it first")
    var = var + (torch.where(var < eps, eps, var) - var).detach()  # the bound has no derivative
    y = 0.5 * (torch.log(var) + (input - target) ** 2 / var)
    return _reduced(y + 0.5 * math.log(2 * math.pi) if full else y, None, reduction)


def _multi_margin(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None,
                  reduction="mean"):  # fmt: skip
    import torch

    if input.ndim < 2:
        input, target = input.reshape(1, -1), target.reshape(1)
    target = _checked(target, input.shape[1], None)
    mine = torch.nn.functional.one_hot(target, input.shape[1]) == 1
    won = torch.where(mine, input, 0.0).sum(1, keepdim=True)
    z = torch.relu(margin - won + input) ** p
    z = z if weight is None else z * weight[target][:, None]
    y = torch.where(mine, 0.0, z).sum(1) / input.shape[1]
    return _reduced(y, None, _how(size_average, reduce, reduction))


def _multilabel_margin(input, target, size_average=None, reduce=None, reduction="mean"):
    """The labels of an example end at the first -1. (PyTorch's own definition in simpler
    operations counts what stands behind it.)"""
    import torch

    batched = input.ndim > 1
    if not batched:
        input, target = input.reshape(1, -1), target.reshape(1, -1)
    labels = (target == -1).cumsum(1) == 0
    hits = torch.nn.functional.one_hot(torch.where(labels, target, 0), input.shape[1]) == 1
    hits = hits & labels.unsqueeze(-1)
    mine = torch.where(hits, input.unsqueeze(1), 0.0).sum(-1, keepdim=True)
    z = torch.relu(1 - mine + input.unsqueeze(1))
    counted = labels.unsqueeze(-1) & ~hits.any(1, keepdim=True)
    y = torch.where(counted, z, 0.0).sum((1, 2)) / input.shape[1]
    y = y if batched else y[0]
    return _reduced(y, None, _how(size_average, reduce, reduction))


# ----- distances between all pairs -----
def _cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    import torch

    if p == 0 or math.isinf(p):
        _refuse(f"cdist with p={p}", "take the differences and reduce them")
    apart = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if p == 1:
        return torch.abs(apart).sum(-1)
    total = (torch.abs(apart) ** p if p != 2 else torch.square(apart)).sum(-1)
    safe = torch.where(total > 0, total, 1.0)  # at 0 the derivative is 0
    return torch.where(total > 0, safe ** (1 / p) if p != 2 else torch.sqrt(safe), 0.0)


# ----- look up rows; the padding row gets no derivative -----
def _embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
               scale_grad_by_freq=False, sparse=False):  # fmt: skip
    import torch

    if input.dtype.is_floating_point:  # torch.embedding(weight, indices, ...)
        return _embedding(weight, input, None if padding_idx in (None, -1) else padding_idx)
    if max_norm is not None or scale_grad_by_freq:
        _refuse("embedding with max_norm or scale_grad_by_freq", "leave them out")
    y = weight[input]
    if padding_idx is None:
        return y
    padding = (input == padding_idx % weight.shape[0]).unsqueeze(-1)
    return torch.where(padding, y.detach(), y)


# ----- attention -----
def _attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
               enable_gqa=False):  # fmt: skip
    import torch

    if dropout_p:
        _refuse("scaled_dot_product_attention with dropout", "set dropout_p=0.0")
    if enable_gqa:
        key, value = (_repeated(x, query.shape[-3] // x.shape[-3]) for x in (key, value))
    batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    q, k, v = (x if x.shape[:-2] == batch else x.expand(*batch, *x.shape[-2:])
               for x in (query, key, value))  # fmt: skip
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    mask = () if attn_mask is None else (attn_mask,)
    return _verbs().attention(q, k, v, *mask, scale=scale, causal=is_causal)


def _attention_inside(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False,
                      dropout_mask=None, *, scale=None, enable_gqa=False):  # fmt: skip
    """The dispatcher's, which also gives the weights: nobody reads them."""
    import torch

    y = _attention(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)
    return y, torch.empty(0, dtype=y.dtype, device=y.device)


def _repeated(x, times):
    """Each head, `times` times in a row."""
    *lead, heads, n, m = x.shape
    x = x.unsqueeze(-3).expand(*lead, heads, times, n, m)
    return x.reshape(*lead, heads * times, n, m)


SIGNATURES = {
    "group_norm": ("group_norm", _group_norm), "rms_norm": ("rms_norm", _rms_norm),
    "local_response_norm": ("local_response_norm", _local_response_norm),
    "mse_loss": ("mse_loss", _pair()), "l1_loss": ("l1_loss", _pair()),
    "huber_loss": ("huber_loss", _huber), "smooth_l1_loss": ("smooth_l1_loss", _smooth_l1),
    "nll_loss": ("nll_loss", _nll),
}  # fmt: skip
REWRITES = {
    "batch_norm": _batch_norm, "instance_norm": _instance_norm, "embedding": _embedding,
    "cross_entropy": _cross_entropy, "binary_cross_entropy": _bce,
    "binary_cross_entropy_with_logits": _bce_with_logits, "kl_div": _kl_div,
    "cosine_similarity": _cosine_similarity, "cosine_embedding_loss": _cosine_embedding,
    "hinge_embedding_loss": _hinge_embedding, "gaussian_nll_loss": _gaussian_nll,
    "multi_margin_loss": _multi_margin, "multilabel_margin_loss": _multilabel_margin,
    "cdist": _cdist,
    "scaled_dot_product_attention": _attention,
    "_scaled_dot_product_attention_math": _attention_inside,
}  # fmt: skip
DIRECTLY = {"cross_entropy": ("cross_entropy", _cross_entropy_directly)}
