"""All speed figures, as interleaved ratios: `make bench`, or `python -m tests.bench`."""
