"""Mutation check: knock out one protection of masking_lab at a time; the tests must notice.

(DeMillo, Lipton and Sayward 1978.) Protections are found in the source: each AND of masks, each
select, each filling of dead entries and each value that they are filled with.
"""
