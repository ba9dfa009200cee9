"""`?`, Shift-Tab and Contextual Help: put our card beside, or in place of, IPython's own text.

IPython asks the `mime_hooks` of its inspector on both roads (`obj?` and an inspect request).
Markdown carries the card, since ipykernel drops HTML there; plain text serves terminals. Before
IPython 8.21 there are no hooks, and the inspector's one formatting method is wrapped instead.
"""

import inspect
import weakref

SECTIONS = (("Signature", "definition"), ("Docstring", "docstring"), ("File", "file"))
SOURCE = ("Source", "source")  # for `??`
_last: tuple = (lambda: None, {})  # a weak reference to what was asked about, and the answer


def install(ip, undo):
    inspector = ip.inspector
    if hasattr(inspector, "mime_hooks"):
        ours = {"text/markdown": Hook(inspector, _markdown), "text/plain": Hook(inspector, _plain)}
        for mime, hook in ours.items():
            hook.install(mime)
            undo.callback(hook.remove, mime)
    else:
        _wrap_get_info(inspector, undo)


def help_bundle(obj, detail_level=0):
    """What `help_text` says. The labs behind it are imported for the first question, not before."""
    from . import help_text

    return help_text.help_bundle(obj, detail_level)


class Hook:
    """One entry of `mime_hooks`: answers for what has a card, else asks who was there before."""

    def __init__(self, inspector, answer):
        self.inspector, self.answer, self.active = inspector, answer, True

    def install(self, mime):
        hooks = self.inspector.mime_hooks
        self.before = hooks.get(mime)
        self.inspector.mime_hooks = {**hooks, mime: self}

    def remove(self, mime):
        """Step out, without disturbing a hook that somebody put in front of us since."""
        self.active = False
        hooks = dict(self.inspector.mime_hooks)
        if hooks.get(mime) is self:
            hooks.pop(mime)
            hooks |= {mime: self.before} if self.before else {}
            self.inspector.mime_hooks = hooks

    def __call__(self, data, info=None):  # IPython 8.21 passes (obj, info), later ones one argument
        found = self._answer(data) if self.active else None
        if found is None and self.before:
            return self.before(data) if info is None else self.before(data, info)
        return found

    def _answer(self, data):
        try:
            return self.answer(data)
        except Exception:  # an exception here would leave the front end waiting for ever
            return None


def _bundle(data):
    """IPython 8.22 and later pass their hook data; 8.21 passes the object itself."""
    global _last
    if type(data).__name__ != "InspectorHookData":
        return help_bundle(data)
    if _last[0]() is not data:  # asked once for each mime: a GPU need not be read twice
        _last = weakref.ref(data), help_bundle(data.obj, data.detail_level)
    return _last[1]


def _markdown(data):
    return _bundle(data).get("text/markdown")


def _plain(data):
    """The card, then the parts of IPython's own help that tell something new."""
    text = _bundle(data).get("text/plain")
    if text is None:
        return None
    info = getattr(data, "info_dict", None) or {}
    asked = (*SECTIONS, SOURCE) if getattr(data, "detail_level", 0) else SECTIONS
    return [("Tapestry", f"\n{text}\n"), *((t, info[k]) for t, k in asked if info.get(k))]


# ----- before IPython 8.21 -----
def _wrap_get_info(inspector, undo):
    original = inspector._get_info
    signature = inspect.signature(type(inspector)._get_info)
    active = [True]

    def get_info(*args, **kwargs):
        bundle = original(*args, **kwargs)
        try:
            asked = signature.bind(inspector, *args, **kwargs).arguments
            card = help_bundle(asked["obj"], asked.get("detail_level", 0)) if active else {}
            return {**bundle, **card, "text/plain": _above(card, bundle)} if card else bundle
        except Exception:
            return bundle

    undo.callback(_unwrap, inspector, get_info, original, "_get_info" in vars(inspector))
    undo.callback(active.clear)  # somebody who wrapped us since goes on calling us
    inspector._get_info = get_info


def _above(card, bundle):
    return f"{card['text/plain']}\n\n{bundle['text/plain']}"


def _unwrap(inspector, ours, original, theirs):
    if vars(inspector).get("_get_info") is not ours:
        return
    if theirs:  # who wrapped it before us
        inspector._get_info = original
    else:
        del inspector._get_info
