"""Random programs of nested control flow: every strategy against the loop over the examples."""

from .programs import program
from .run import outcome

SIZE = {"torch": 9, "jax": 5}


def check(framework, seed, report, strategy="masked"):
    """Write a program, run it both ways, and tell the report."""
    found = program(seed, framework, SIZE[framework])
    report.add(framework, strategy, found, outcome(found, framework, strategy))
