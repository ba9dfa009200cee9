"""`python -m tests.masking_lab.corpus`: random programs, batched and one example at a time.

Values, gradients and errors must be the loop's, and no fill of the padding may change a bit. On JAX
one program in ten is run, since its operations are compiled one by one.
"""

import argparse
import sys
import time

from . import check
from .report import Report


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.masking_lab.corpus", description=__doc__)
    parser.add_argument("--programs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="the first program's number")
    parser.add_argument("--framework", choices=("torch", "jax"), action="append")
    args = parser.parse_args()
    report, start = Report(), time.time()
    for framework in args.framework or ("torch", "jax"):
        every = 10 if framework == "jax" and not args.framework else 1
        for seed in range(args.seed, args.seed + args.programs, every):
            check(framework, seed, report)
    print(*report.lines(), sep="\n")
    print(f"{time.time() - start:.0f} s")
    return int(bool(report.failed))


if __name__ == "__main__":
    sys.exit(main())
