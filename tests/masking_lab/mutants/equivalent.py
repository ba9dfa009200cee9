"""Mutants that change nothing that anybody could see, each with the reason."""

EQUIVALENT = {
    "masking_lab/strategies/masked.py  _lane  refill(verbs, x, 0.0)  ->  x": (
        "each rule replaces what it must; where zeros are known to be there it need not"
    ),
    "masking_lab/indexing.py  _entry  i < 0  ->  i <= 0": "another way to the same entry",
    "masking_lab/indexing.py  _bound  b < 0  ->  b <= 0": "more padding, but the same length",
    "masking_lab/lifting/writing.py  hits  here & (own - 1 == (place if isinstance(place, int) "
    "else place[:, None]))  ->  own - 1 == (place if isinstance(place, int) else place[:, None])": (
        "what is written into elements that an example does not have is nobody's"
    ),
}
