"""The order of the roads to an answer: a name, a name with a mistake, shapes, words.

`answer(question)` gives an `Answer`, which `rendering` writes down. A question is what stands
after (or before) the question mark.
"""

from dataclasses import dataclass, field

from . import index
from .names import NAME, Names
from .ranking import Ranker
from .shapes import Shapes, as_einsum, as_layer, as_moves
from .signatures import NotShapes, is_query, parse, unknown_sizes
from .words import stem, terms

CERTAIN = 0.33  # below it we say that we do not know: `python -m tests.kernel.ask_quality`
NOTHING = "No public function that I tried does this to the shapes of its arguments alone."
FROM_NOWHERE = "No argument has the size {}: a parameter has to say it, as a layer's width does."
SAME = "What works entry by entry keeps the shape: `torch.tanh`, `jnp.exp`, `a + b`."
WEAK = frozenset(map(stem, "not no only each every all first last one two three always".split()))
_LOADED: dict = {}


@dataclass
class Answer:
    question: str
    road: str  # "name", "near", "shape", "words"
    entries: list = field(default_factory=list)  # the best first
    calls: list = field(default_factory=list)  # the road "shape": pairs of calls, PyTorch and JAX
    note: str = ""  # one sentence more
    sure: bool = True


def ranker(progress=index.silent):
    if "words" not in _LOADED:
        _LOADED["words"] = Ranker(index.arrays("words", progress))
        _LOADED["names"] = Names(_LOADED["words"].entries)
    return _LOADED["words"]


def names():
    return _LOADED["names"]


def shapes(progress=index.silent):
    if "shapes" not in _LOADED:
        _LOADED["shapes"] = Shapes(index.unpacked(index.arrays("shapes", progress)["shapes"]))
    return _LOADED["shapes"]


def answer(question, progress=index.silent):
    """What we know about a question."""
    question = " ".join(question.split()).rstrip("?").rstrip()
    if is_query(question):
        return by_shape(question, progress)
    ranker(progress)
    return by_name(question) or by_words(question)


def by_name(question):
    """The entry of this name or, for a typing mistake, the entries of names like it; or None."""
    name = question.removesuffix("()")
    entries = ranker().entries
    if found := names().exact(name):
        return Answer(question, "name", [entries[i] for i in found[:5]])
    if not NAME.match(name) or stem(name.lower()) in ranker().number:
        return None
    near = [i for other in names().near(name) for i in names().exact(other)]
    if not near:
        return None
    note = f"There is no `{name}` here. Written almost like it:"
    return Answer(question, "near", [entries[i] for i in dict.fromkeys(near)][:5], note=note)


def by_words(question):
    found, certainty = ranker().best(question)
    if not found or certainty < CERTAIN or set(terms(question)) <= WEAK:
        return Answer(question, "words", found[:3], sure=False)
    return Answer(question, "words", found)


def by_unknown_name(name, progress=index.silent):
    """For a name that Python does not know. None leaves IPython its own sentence."""
    ranker(progress)
    if found := by_name(name):
        return found
    known = [t in ranker().number for t in terms(name.replace("_", " "))]
    return by_words(name.replace("_", " ")) if known and all(known) else None


def by_shape(question, progress=index.silent):
    try:
        asked = parse(question)
    except NotShapes as error:
        return Answer(question, "shape", note=str(error), sure=False)
    calls = shapes(progress).find(asked)
    ways = (("By moving entries", as_moves(asked)), ("As a product of named indices",
            as_einsum(asked)))  # fmt: skip
    notes = [f"{how}: `{pair[0]}`, `{pair[1]}`." for how, pair in ways if pair]
    notes += [SAME] if len({*asked.inputs, *asked.outputs}) == 1 else []
    sure = bool(calls or notes)
    if not sure:
        new = ", ".join(f"`{size}`" for size in unknown_sizes(asked))
        notes = [NOTHING, as_layer(asked) or (FROM_NOWHERE.format(new) if new else "")]
    return Answer(question, "shape", calls=calls, note=" ".join(notes).strip(), sure=sure)
