"""From a sentence to terms: split, shortened to stems, with the glossary's words and directions.

"How do I convert numpy arrays to torch?" becomes `numpy array torch from:numpy into:torch`: what is
known of a question is a handful of stems, and what stands on which side of its "to". The stems
follow the easy half of Porter ("An algorithm for suffix stripping", 1980): they only have to
fall together, and are never shown.
"""

import functools
import re
from pathlib import Path

STOP = frozenset(
    """a about am an and any are as at be been but by can could did do does doing done for from get
    gets getting give gives go goes going got had has have having he help her here his how i i'd
    i'm i've if im in into is isn't it it's its just know let like make makes making may me might
    must my need needs no nor now of on onto or our ours out own please s same shall she should
    show so some such t tell than that that's the their them then there these they thing things
    this those through to too try trying up us use used using very want wants was way we were what
    what's when where which while who why will with work works would you your something somehow
    turn convert change really actually possible find compute calculate obtain perform question
    problem way ways correctly properly proper explain happen happens supposed understand confused
    easy simple whole became become becomes few suddenly someone anyone anybody hi hello maybe
    """.split()
)
KEPT = frozenset("no not out same if while for like up find whole".split())  # not empty in a name
TOWARDS = frozenset("to into onto as".split())
WORD = re.compile(r"[a-z]+|\d+")
COMPOUND = re.compile(
    r"^(nan|arg|cum|is|log|flat)(sum|prod|max|min|mean|median|std|var|sort|where|partition|"
    r"quantile|percentile|nan|inf|finite|close|nonzero|softmax)$"
)
ENDINGS = (
    ("ational", "ate"), ("ization", "ize"), ("isation", "ize"), ("ations", "ate"),
    ("ation", "ate"), ("iveness", "ive"), ("fulness", "ful"), ("ities", "ity"), ("ements", "ement"),
    ("ising", "ize"), ("ised", "ize"), ("ises", "ize"), ("ise", "ize"), ("izing", "ize"),
    ("ized", "ize"), ("izes", "ize"), ("izer", "ize"), ("iser", "ize"), ("ers", "er"),
    ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ies", "y"), ("ed", ""),
    ("ing", ""), ("ly", ""), ("s", ""),
)  # fmt: skip
ODD = {
    "axes": "axis", "indices": "index", "indexes": "index", "matrices": "matrix", "data": "data",
    "vertices": "vertex", "bias": "bias", "loss": "loss", "losses": "loss", "this": "this",
    "gradients": "gradient", "grad": "gradient", "grads": "gradient", "jax": "jax", "less": "less",
    "maxes": "max", "class": "class", "classes": "class", "axis": "axis", "string": "string",
    "process": "process", "during": "during", "nothing": "nothing", "thing": "thing",
    "seed": "seed", "need": "need", "speed": "speed", "feed": "feed", "embed": "embed",
    "embedding": "embed", "embeddings": "embed", "padding": "pad", "padded": "pad", "pads": "pad",
    "vec": "vector", "vecs": "vector", "mat": "matrix", "arr": "array", "rand": "random",
    "fn": "function", "func": "function", "funcs": "function", "img": "image", "lr": "lr",
    "shapes": "shape", "sizes": "size", "sized": "size", "bytes": "byte", "batches": "batch",
    "batched": "batch", "batching": "batch", "ints": "int", "floats": "float", "dims": "dim",
    "dimensions": "dim", "dimension": "dim", "dimensional": "dim", "initialise": "initial",
    "initialize": "initial", "initialisation": "initial", "initialization": "initial",
    "initializer": "initial", "initializers": "initial", "init": "initial", "colour": "color",
    "neighbours": "neighbor", "neighbors": "neighbor", "centre": "center", "normalise": "norm",
    "normalize": "norm", "normalized": "norm", "normalised": "norm", "normalization": "norm",
    "normalisation": "norm", "ones": "ones", "value": "element", "values": "element",
    "entry": "element", "entries": "element", "elements": "element", "items": "element",
    "lens": "length", "len": "length",
}  # fmt: skip


def terms(text):
    """The stems of a text, in its order and without the words that say nothing.

    >>> terms("How do I get the gradients of my losses?")
    ['gradient', 'loss']
    """
    return [stem(word) for word in _plain_words(text) if word not in STOP]


def name_terms(name):
    """The stems of a dotted name: every part of `log_softmax` or `BatchNorm1d` counts."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = [w for w in re.findall(WORD, spaced.lower()) if w not in STOP or w in KEPT]
    parts = [part for w in found if (m := COMPOUND.match(w)) for part in m.groups()]
    return [stem(w) for w in found + parts]


REPLACED = re.compile(r"^(.*\b(?:replace|replacing|fill|overwrite|substitute)\b.*) (?:with|by) ")
FRAMES = re.compile(r"\bdifferences? between\b|(?<=^what does )(.+) mean$")
SAME = ((r"\bnot[- ]a[- ]number\b", "nan"), (r"\bin[- ]place\b", "inplace"),
        (r"\b(?:element|entry)[- ]?wise\b|\bentry by entry\b", "elementwise"))  # fmt: skip
BRANCH = re.compile(r"^(?:an? )?if (?=(?:else )?(?:in|inside|under|with|on|statement)\b)")


def _plain_words(text):
    text = re.sub(r"n['’]t\b", " not", text.lower().strip(" ?"))
    text = re.sub(r"\bw\.?r\.?t\b", "with respect to", text)
    for spelled, word in SAME:
        text = re.sub(spelled, word, text)
    text = re.sub(REPLACED, r"\1 to ", re.sub(FRAMES, r" \1 ", re.sub(BRANCH, "branch ", text)))
    return re.findall(WORD, re.sub(r"['’]s\b|['’]", "", text))


@functools.lru_cache(100_000)
def stem(word):
    if word in ODD:
        return ODD[word]
    for ending, instead in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            if ending in ("ed", "ing") and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]  # stopping, stop
            break
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


# ----- directions -----
def directions(text):
    """`from:` and `into:` terms of "X to Y", "from X to Y", "Y from X".

    >>> directions("how to convert numpy arrays to torch"), directions("tensor from a list")
    (['from:numpy', 'from:array', 'into:torch'], ['into:tensor', 'from:list'])
    """
    words = _plain_words(text)
    for at, word in enumerate(words):
        before, after = _said(words[:at]), _said(words[at + 1 :])
        if before and after and word in TOWARDS:
            return [f"from:{w}" for w in before] + [f"into:{w}" for w in after]
        if before and after and word == "from" and not TOWARDS & set(words[at:]):
            return [f"into:{w}" for w in before] + [f"from:{w}" for w in after]
    return []


def _said(words):
    """The stems among some words; of "go from X", those of X."""
    if "from" in words:
        words = words[words.index("from") + 1 :]
    return [stem(w) for w in words if w not in STOP]


# ----- the glossary -----
@functools.cache
def glossary():
    """{stems of a phrase: {stem: weight}}: what else a question with these words may mean."""
    found: dict = {}
    for line in (Path(__file__).parent / "glossary.txt").read_text("utf-8").splitlines():
        phrases, arrow, meanings = line.partition("->")
        if not arrow or line.startswith("#"):
            continue
        for phrase in phrases.split(","):
            known = found.setdefault(tuple(terms(phrase)), {})
            known |= {stem(word): 1.0 for word in re.findall(WORD, meanings)}
    found.pop((), None)
    return found


def widened(stems, share=0.5):
    """{term: weight} of a question: its own stems count 1, what the glossary adds less."""
    weights = dict.fromkeys(stems, 1.0)
    longest = max(map(len, glossary()), default=0)
    for n in range(1, longest + 1):
        for i in range(len(stems) - n + 1):
            for term in glossary().get(tuple(stems[i : i + n]), ()):
                weights[term] = max(weights.get(term, 0.0), share * (1 if n == 1 else 1.4))
    return weights
