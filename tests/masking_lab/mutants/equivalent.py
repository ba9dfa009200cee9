"""Mutants that change nothing that anybody could see, each with the reason."""

EQUIVALENT: dict = {}
