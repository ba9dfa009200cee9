"""Run a notebook's cells in the kernel it names, wherever that kernel comes from."""

import sys

import nbformat
from jupyter_client.manager import start_new_kernel


def main(path: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    name = notebook.metadata.kernelspec.name
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    manager, client = start_new_kernel(kernel_name=name, startup_timeout=120)
    try:
        for number, cell in enumerate(cells, start=1):
            run(client, number, cell)
    finally:
        manager.shutdown_kernel(now=True)
    print(f"kernel {name!r} started and ran {len(cells)} cells")


def run(client, number: int, cell) -> None:
    reply = client.execute_interactive(cell.source, timeout=120, output_hook=lambda _: None)
    may_raise = "raises-exception" in cell.metadata.get("tags", [])
    if reply["content"]["status"] != "ok" and not may_raise:
        sys.exit(f"code cell {number} failed:\n" + "\n".join(reply["content"]["traceback"]))


if __name__ == "__main__":
    main(sys.argv[1])
