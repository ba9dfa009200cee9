"""`%%gpu`: a cell for an accelerator, that shows its recorded result where there is none.

The record is the cell's own output, as it stands in the notebook. A run begins its output with a
note, whose metadata says on what, when and with which versions; `replay` finds that output and
displays it again, the note with its metadata first, so that saving keeps the record. Nothing else
is needed: nbclient, nbval and Colab run such a cell like any other.

A kernel does not know its notebook. In order: what JupyterLab sends along with the cell (its
metadata, where `kernel.cells.record` keeps a copy that survives "clear all outputs"), what Colab
answers, the file that the Jupyter server or VS Code named, the notebooks in the working directory.
There the cell is found by its text.
"""

import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from .running import names_set, parsed, refuse, run

KEY = "tapestry"  # in the metadata of the note, and of the cell
FRAMEWORKS = ("torch", "jax")
NOTHING = (
    "Not run: there is no accelerator here, and no recorded result of this cell was found. Run it "
    "where there is one (on Colab: Runtime, Change runtime type), or here with %%gpu --cpu."
)


def gpu(ip, line, cell):
    words = line.split()
    wrong = [w for w in words if w not in (*FRAMEWORKS, "--cpu")]
    if wrong:
        refuse(f"%%gpu takes torch, jax or --cpu, and got {wrong[0]!r}")
    asked = [w for w in words if w in FRAMEWORKS]
    tree, file = parsed(ip, cell)
    device = accelerator(asked or _meant(cell))
    if device is None and "--cpu" not in words:
        return replay(ip, cell, tree)
    _note({"device": device or "CPU", **_when()}, "Ran")
    value = run(ip, tree, file, ip.user_ns)
    return None if cell.rstrip().endswith(";") else value


# ----- is there an accelerator? -----
def _meant(cell):
    """The frameworks that the cell names, else those that are imported, else all that are here."""
    named = [f for f in FRAMEWORKS if f in cell or (f == "jax" and "jnp" in cell)]
    imported = [f for f in FRAMEWORKS if f in sys.modules]
    return named or imported or [f for f in FRAMEWORKS if find_spec(f)]


def accelerator(frameworks):
    """The name of one that each of the frameworks sees, or None."""
    found = [{"torch": _of_torch, "jax": _of_jax}[f]() for f in frameworks]
    return found[0] if found and all(found) else None


def _of_torch():
    try:
        import torch
    except ImportError:
        return None
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        return "mps"
    return "xpu" if torch.xpu.is_available() else None


def _of_jax():
    try:
        import jax

        device = jax.devices()[0]
    except (ImportError, RuntimeError):
        return None
    return None if device.platform == "cpu" else device.device_kind


def _when():
    names = [f for f in FRAMEWORKS if f in sys.modules]
    versions = {name: sys.modules[name].__version__ for name in names}
    return {"date": time.strftime("%Y-%m-%d"), "versions": versions}


# ----- the note and the record -----
def _note(record, verb, missing=()):
    from IPython.display import display

    versions = ", ".join(f"{name} {v}" for name, v in record["versions"].items())
    told = ", ".join(filter(None, [f"{verb} on {record['device']}", record["date"], versions]))
    told += "."
    if verb == "Recorded":
        told += " There is no accelerator here: this is what it gave there."
        told += f" Not set here: {', '.join(missing)}." if missing else ""
    page = f"<p><em>{told}</em></p>"
    metadata = {KEY: {"recorded": record}}
    display({"text/plain": told, "text/html": page}, raw=True, metadata=metadata)


def replay(ip, cell, tree):
    """Display the recorded output of this cell."""
    outputs = next(filter(None, (outputs_in(c) for c in _same_cells(ip, cell))), None)
    if outputs is None:  # no error: "run all" shall go on
        print(NOTHING)
        return
    note, *rest = outputs
    _note(recorded(note), "Recorded", names_set(tree))
    for output in rest:
        _display(output)


def recorded(output):
    return output.get("metadata", {}).get(KEY, {}).get("recorded")


def outputs_in(cell):
    """The recorded outputs of a cell of a notebook, the note first; None if there are none."""
    kept = cell.get("metadata", {}).get(KEY, {}).get("outputs")
    for outputs in (cell.get("outputs", []), kept or []):
        start = next((k for k, o in enumerate(outputs) if recorded(o)), None)
        failed = any(o["output_type"] == "error" for o in outputs)
        if start is not None and not failed and recorded(outputs[start])["device"] != "CPU":
            return outputs[start:]
    return None


def _display(output):
    from IPython.display import display

    if output["output_type"] == "stream":
        stream = sys.stderr if output.get("name") == "stderr" else sys.stdout
        stream.write(_joined(output["text"]))
        stream.flush()
    else:
        data = {mime: _joined(value) for mime, value in output["data"].items()}
        display(data, raw=True, metadata=output.get("metadata", {}))


def _joined(value):
    """Notebook files keep texts as lists of lines."""
    return "".join(value) if isinstance(value, list) else value


# ----- where the notebook may be -----
def _same_cells(ip, cell):
    """Cells with this text, from wherever the notebook can be read."""
    yield {"metadata": _metadata_sent(ip)}
    for notebook in _notebooks(ip):
        for other in notebook.get("cells", []):
            magic, _, body = _joined(other.get("source", "")).partition("\n")
            if magic.startswith("%%gpu") and body.strip() == cell.strip():
                yield other


def _metadata_sent(ip):
    """What the front end said about the cell: JupyterLab sends its metadata."""
    try:
        return ip.get_parent().get("metadata", {})
    except Exception:  # a shell without a front end, or an old one
        return {}


def _notebooks(ip):
    if "google.colab" in sys.modules:
        yield from _from_colab()
    named = [os.environ.get("JPY_SESSION_NAME"), ip.user_ns.get("__vsc_ipynb_file__")]
    here = sorted(Path.cwd().glob("*.ipynb"), key=os.path.getmtime, reverse=True)
    for path in dict.fromkeys([*(Path(n) for n in named if n), *here[:50]]):
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there, or not a notebook
            continue


def _from_colab():
    try:
        from google.colab import _message

        yield _message.blocking_request("get_ipynb", timeout_sec=5)["ipynb"]
    except Exception:  # a private door of Colab's: it may be closed
        return
