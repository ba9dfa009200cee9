"""What `?` says about an object: its row's card, or a live card of a tape, node or gradient."""

from . import card_text
from .card import card

HOMES = {"torch": "torch.Tensor.", "jax": "jax.numpy.", "jaxlib": "jax.numpy."}


def help_bundle(obj, detail_level=0):
    """`{"text/markdown": ..., "text/plain": ...}`, or `{}` for an object we know nothing about."""
    import autodiff_lab as ad

    from .live import live_card

    found = card(ad.table.find(obj) or _method(obj)) if callable(obj) else None
    if found is None:
        return live_card(obj)
    more = detail_level > 0
    return {
        "text/markdown": card_text.markdown(found, source=more),
        "text/plain": card_text.text(found, source=more),
    }


def _method(obj):
    """The row of a method of an array in the learner's hands: `x.sum?`."""
    import autodiff_lab as ad

    framework = type(getattr(obj, "__self__", None)).__module__.partition(".")[0]
    home = HOMES.get(framework)
    if home is None:
        return None
    name = obj.__name__.removeprefix("_")  # JAX calls its method `_sum`
    return ad.table.find(home + name)
