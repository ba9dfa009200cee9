"""Which answers fit a question: the scores of its words, and the phrase that it is most like.

A word found in a name counts more than one in a sentence (`lexicon`), a phrase that says the same
as the question more than both: the cosine between the two, each word weighed by how rare it is.
"""

import difflib
import re

import numpy as np

from .index import unpacked
from .words import STOP, directions, glossary, stem, terms, widened

PHRASE = 2.0  # what a phrase that says exactly the question is worth, against a perfect name


POOL, FLOOR = 25, 0.1  # of so many, those that know little of the question lose most of their score
NAMED = 1.5  # for a function that the question names
EXPLAIN = re.compile(r"what (?:is|are|does)\b|why\b|explain\b|meaning of\b")
IDEA = 1.2  # somebody who asks so wants a paragraph rather than a function
SHOWN = 4  # names of an entry that are well known
ALIKE = 0.84  # of difflib's ratio: a typing mistake
EMPTY = frozenset(stem(word) for word in STOP if len(word) > 4)  # may be mistyped, too


class Sparse:
    """A matrix by rows: only what is asked for is touched."""

    def __init__(self, arrays, name):
        self.start, self.at = arrays[f"{name}_start"], arrays[f"{name}_at"]
        self.weight = arrays[f"{name}_weight"]

    def row(self, i):
        part = slice(self.start[i], self.start[i + 1])
        return self.at[part], self.weight[part]


class Ranker:
    def __init__(self, arrays):
        self.entries = unpacked(arrays["entries"])
        self.number = {t: i for i, t in enumerate(arrays["terms"].tolist())}
        self.idf = arrays["idf"]
        self.fields, self.phrases = Sparse(arrays, "field"), Sparse(arrays, "phrase")
        self.phrase_of = arrays["phrase_of"]
        self.prior = np.array([e["weight"] for e in self.entries], dtype=np.float32)
        self.ideas = np.array([bool(e["concept"]) for e in self.entries])
        self.rarest = float(self.idf.max(initial=1.0))
        self.phrase_norm = self._norms()
        self.leaf: dict = {}
        for i, entry in enumerate(self.entries):
            for name in entry["names"][:SHOWN] if not entry["concept"] else ():
                self.leaf.setdefault(name.lower().rpartition(".")[2], []).append(i)

    def _norms(self):
        squares = np.zeros(len(self.phrase_of), dtype=np.float32)
        for_term = np.repeat(self.idf**2, np.diff(self.phrases.start))
        np.add.at(squares, self.phrases.at, for_term)
        return np.sqrt(np.maximum(squares, 1e-6))

    def best(self, question, k=6):
        """The k best entries, best first, and how certain the first is: score times coverage."""
        stems = self._spelled(terms(question))
        weights = self._known(widened(stems) | dict.fromkeys(directions(question), 1.0))
        if not weights:
            return [], 0.0
        like = self._likeness(weights, stems)
        scores = (self._from_fields(weights, stems) + PHRASE * like) * self.prior
        scores *= np.where(self.ideas, IDEA, 1) if EXPLAIN.match(question.lower()) else 1
        for i in self._named(question):
            scores[i] += NAMED
        cover = {int(i): self._cover(stems, int(i)) for i in np.argsort(-scores)[:POOL]}
        for i, share in cover.items():
            scores[i] *= FLOOR + (1 - FLOOR) * share
        order = sorted(cover, key=lambda i: -scores[i])[:k]
        first = order[0]
        certainty = scores[first] * max(like[first], cover[first])
        return [self.entries[i] for i in order if scores[i] > 0], float(certainty)

    def _spelled(self, stems):
        """With typing mistakes mended, if that makes most of the strange words known."""
        strange = [s for s in stems if s not in self.number and (s,) not in glossary()]
        meant = {s: self._meant(s) for s in strange if len(s) > 4}
        mended = sum(s != other for s, other in meant.items())
        if 2 * mended <= len(strange):
            return stems
        return [m for s in stems if (m := meant.get(s, s)) not in EMPTY]

    def _meant(self, stem):
        """The word that looks most like it; it may be one that says nothing."""
        alike = [
            t for t in (*self.number, *EMPTY) if t[0] == stem[0] and abs(len(t) - len(stem)) < 3
        ]
        return next(iter(difflib.get_close_matches(stem, alike, 1, ALIKE)), stem)

    def _named(self, question):
        """The entries of which a name stands in the question: `zero_grad`, `lax.scan`.

        Of `x.grad`, where `x` is nothing that has a name here, those that arrays have.
        """
        for word in re.findall(r"\w+(?:[._]\w+)+", question.lower()):
            home, _, last = word.rpartition(".")
            found = self.leaf.get(last, ())
            methods = [i for i in found if self._is_method(i, last)] if len(home) == 1 else ()
            yield from methods or found

    def _is_method(self, entry, last):
        homes = [name.lower().split(".")[-2:] for name in self.entries[entry]["names"]]
        return any(home in (["tensor", last], ["array", last]) for home in homes)

    def _known(self, weights):
        return {self.number[t]: w for t, w in weights.items() if t in self.number}

    def _rarity(self, stems):
        """How much a question asks for; a word nobody knows is as rare as can be."""
        return [self.idf[self.number[t]] if t in self.number else self.rarest for t in stems]

    def _from_fields(self, weights, stems):
        scores = np.zeros(len(self.entries), dtype=np.float32)
        for term, weight in weights.items():
            at, value = self.fields.row(term)
            scores += weight * np.bincount(at, value, minlength=len(scores))
        return scores / max(sum(self._rarity(set(stems))), 1.0)

    def _likeness(self, weights, stems):
        """For each entry, the cosine between the question and the most similar of its phrases."""
        dots = np.zeros(len(self.phrase_of), dtype=np.float32)
        for term, weight in weights.items():
            dots[self.phrases.row(term)[0]] += weight * self.idf[term] ** 2
        asked = np.sqrt(sum(r * r for r in self._rarity(set(stems))))
        like = np.zeros(len(self.entries), dtype=np.float32)
        np.maximum.at(like, self.phrase_of, dots / (self.phrase_norm * max(asked, 1e-6)))
        return like

    def _cover(self, stems, entry):
        """The share of the question's words, by rarity, that the entry has in any field."""
        stems = list(dict.fromkeys(stems))
        rarity = self._rarity(stems)
        had = sum(r * self._has(entry, stem) for r, stem in zip(rarity, stems, strict=True))
        return had / sum(rarity) if stems else 0.0

    def _has(self, entry, stem):
        """1 if the entry has this word, less if only one that the glossary knows for it, or 0."""
        meant = self._known(widened([stem]))
        return max((w for t, w in meant.items() if entry in self.fields.row(t)[0]), default=0)
