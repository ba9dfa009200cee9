"""The `tapestry` command."""

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version

from course.copying import CopyError, copy_course


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except CopyError as error:
        print(f"tapestry: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tapestry", description="Work with the Tapestry course.")
    top.add_argument("--version", action="version", version=f"tapestry {installed_version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    course = commands.add_parser(
        "course",
        help="copy the notebooks into a folder to work in",
        description="Copy the notebooks, and the files they need, into DIR. Run it again after an "
        "upgrade: files you did not touch are brought up to date, and a file you changed is never "
        "overwritten: its new version comes to lie beside it as NAME.new.ipynb.",
    )
    course.add_argument("dir", metavar="DIR", help="made if it is not there")
    course.set_defaults(run=run_course)
    return top


def installed_version() -> str:
    try:
        return version("tapestry-labs")
    except PackageNotFoundError:
        return "(not installed)"


def run_course(args: argparse.Namespace) -> int:
    report = copy_course(args.dir, installed_version())
    for verb, names in report.items():
        if verb != "same":
            print("".join(f"{verb:8} {name}\n" for name in names), end="")
    print(f"{sum(map(len, report.values()))} files; start with: jupyter lab {args.dir}/index.ipynb")
    return 0
