"""`python -m tests.masking_lab.corpus`: random programs, batched and one example at a time.

Values, gradients and errors must be the loop's, no fill of the padding may change a bit, and what a
strategy says of a program that it refuses must be true. All programs are run masked, one in ten by
each other strategy. On JAX it is one in ten of these, since its operations are compiled one by one.
"""

import argparse
import sys
import time

from masking_lab.strategies import STRATEGIES

from . import check
from .report import Report


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.masking_lab.corpus", description=__doc__)
    parser.add_argument("--programs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="the first program's number")
    parser.add_argument("--framework", choices=("torch", "jax"), action="append")
    parser.add_argument("--strategy", choices=tuple(STRATEGIES), action="append")
    args = parser.parse_args()
    report, start = Report(), time.time()
    for framework in args.framework or ("torch", "jax"):
        for strategy in args.strategy or (name for name in STRATEGIES if name != "loop"):
            every = 10 if framework == "jax" and not args.framework else 1
            every *= 10 if strategy != "masked" and not args.strategy else 1
            for seed in range(args.seed, args.seed + args.programs, every):
                check(framework, seed, report, strategy)
    print(*report.lines(), sep="\n")
    print(f"{time.time() - start:.0f} s")
    return int(bool(report.failed))


if __name__ == "__main__":
    sys.exit(main())
