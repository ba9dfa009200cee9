"""`?how do I average only over the valid tokens`, `?(A,B,C),(A,C,D)->(A,B,D)`, `?sofmax`.

Questions are caught in a cell, answered from an index, and shown in the pager that `?x` uses.
Read it in this order:

    catch         the line of a cell becomes a call of `%ask`; names that Python does not know
    roads         the order of the roads: a name, a name with a mistake, shapes, words
    words         from a sentence to stems and directions; `glossary.txt` says what else they mean
    ranking       the scores of an index's entries, and whether the best is certain enough
    names         names, exactly or nearly
    signatures    shapes as types;  `shapes`: the search by them
    rendering     the list and the card, as Markdown and as text

    index         the index on disk, made anew when a version changes;  `build` makes it, in a
                  process of its own:
    harvest       the public callables of what is installed (`homes` says where they live)
    entries       twins as one answer; `phrases.txt` is what people say when they mean them
    lexicon       BM25 per field, by bm25s
    probe         what each function does to shapes, found by trying

How often it is right: `python -m tests.kernel.ask_quality`. Nothing here needs a network, and the
kernel imports neither framework for it.
"""
