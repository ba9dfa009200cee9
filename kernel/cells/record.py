"""Keep the recorded results of a notebook's `%%gpu` cells where clearing outputs leaves them.

    python -m kernel.cells.record lesson.ipynb ...

Run after the notebook was executed on an accelerator and saved: copies the outputs of each such
cell into the cell's metadata, which JupyterLab hands to the kernel with the cell.
"""

import json
import sys
from pathlib import Path

from .gpu import KEY, outputs_in


def keep(path):
    """Write the copies; how many cells have one."""
    notebook = json.loads(Path(path).read_text(encoding="utf-8"))
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code" or not "".join(cell["source"]).startswith("%%gpu"):
            continue
        outputs = outputs_in(cell)
        if outputs:
            cell["metadata"].setdefault(KEY, {})["outputs"] = outputs
            count += 1
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")
    return count


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {keep(name)} recorded")
