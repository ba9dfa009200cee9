"""`python -m course` is the `tapestry` command."""

import sys

from course.cli import main

if __name__ == "__main__":
    sys.exit(main())
