"""Weights of terms in entries: what is computed once, when the index is built.

Robertson and Zaragoza's BM25, one index for each field ("The Probabilistic Relevance Framework:
BM25 and Beyond", 2009), added up with a weight per field. bm25s computes it (Lu 2024): a matrix of
terms by entries that holds every score already, so that a question only has to add a few rows.
bm25s imports JAX where that is installed, which is why only the process that builds imports it.
"""

import numpy as np

from .words import directions, terms

WEIGHTS = {"name": 2.2, "said": 2.0, "first": 1.0, "rest": 0.35, "row": 0.3}


def lexicon(made):
    """Arrays for `ranking`: the terms, their weights in entries, and the phrases."""
    fields = {f: [_stems(e.fields[f]) for e in made] for f in ("name", "first", "rest", "row")}
    fields["said"] = [[t for p in e.phrases for t in terms(p)] for e in made]
    said = [(i, terms(p) + directions(p)) for i, e in enumerate(made) for p in e.phrases]
    vocabulary = sorted({t for docs in fields.values() for doc in docs for t in doc}
                        | {t for _, doc in said for t in doc})  # fmt: skip
    number = {t: i for i, t in enumerate(vocabulary)}
    docs = {f: [[number[t] for t in doc] for doc in docs] for f, docs in fields.items()}
    return {
        "terms": np.array(vocabulary),
        "idf": _idf(docs, len(vocabulary), len(made)),
        **_sparse("field", _fields(docs, len(vocabulary)), len(vocabulary)),
        **_phrases(said, number),
    }


def _stems(text):
    return terms(text) if isinstance(text, str) else text


def _idf(docs, n_terms, n_docs):
    held = np.zeros(n_terms)
    for i in range(n_docs):
        held[list({t for f in ("name", "first", "said") for t in docs[f][i]})] += 1
    return np.log(1 + (n_docs - held + 0.5) / (held + 0.5)).astype(np.float32)


def _fields(docs, n_terms):
    """(term, entry, weight) of every term in every entry, all fields added up."""
    parts = []
    for name, weight in WEIGHTS.items():
        of_term, entry, score = _bm25(docs[name], n_terms)
        parts.append((of_term, entry, score * weight))
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _bm25(docs, n_terms):
    import bm25s

    vocabulary = {str(i): i for i in range(n_terms)}
    ranker = bm25s.BM25(k1=1.2, b=0.5)
    ranker.index((docs, vocabulary), create_empty_token=False, show_progress=False)
    held = ranker.scores
    of_term = np.repeat(np.arange(len(held["indptr"]) - 1), np.diff(held["indptr"]))
    return of_term, held["indices"], held["data"]


def _sparse(name, triple, n_rows):
    """Rows of (column, weight), sorted by row: what `Sparse` in `ranking` reads."""
    row, column, weight = triple
    order = np.argsort(row, kind="stable")
    start = np.searchsorted(row[order], np.arange(n_rows + 1))
    return {
        f"{name}_start": start.astype(np.int64),
        f"{name}_at": column[order].astype(np.int32),
        f"{name}_weight": weight[order].astype(np.float32),
    }


def _phrases(said, number):
    """Which phrase has which terms, and whose phrase it is."""
    pairs = np.array([(number[t], p) for p, (_, doc) in enumerate(said) for t in set(doc)])
    pairs = pairs.reshape(-1, 2)
    triple = pairs[:, 0], pairs[:, 1], np.ones(len(pairs))
    whose = np.array([i for i, _ in said], dtype=np.int32)
    return {"phrase_of": whose, **_sparse("phrase", triple, len(number))}
