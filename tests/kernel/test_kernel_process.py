"""The Tapestry kernel as a front end meets it: started as a process, asked over its sockets."""

import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

SECONDS = 60
SETUP = {"torch": "import torch", "jax": "import jax, jax.numpy as jnp"}
ASKED = {"torch": ("torch.tanh", "torch.Tensor.tanh"), "jax": ("jnp.tanh", "jax.lax.tanh")}


@pytest.fixture(scope="module")
def client(root, tmp_path_factory):
    """A client of one kernel, and what the kernel writes on stderr."""
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(connection_file=str(folder / "connection.json"))
    argv = [sys.executable, "-m", "kernel", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="Tapestry", language="python")
    with (folder / "stderr").open("wb") as err:
        manager.start_kernel(cwd=str(root), stderr=err, stdout=subprocess.DEVNULL)
    asker = manager.client()
    asker.start_channels()
    asker.wait_for_ready(timeout=SECONDS)
    asker.stderr = Path(folder / "stderr")
    yield asker
    asker.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client, code):
    """Execute code: the reply, and the messages of its outputs."""
    heard = []
    reply = client.execute_interactive(code, timeout=SECONDS, output_hook=heard.append)
    outputs = [m for m in heard if m["msg_type"] in ("display_data", "stream", "error")]
    assert reply["content"]["status"] == "ok", reply["content"]
    return reply["content"], outputs


def asked(client, name):
    """What `name?` shows, and what Shift-Tab on it shows."""
    (page,) = run(client, f"{name}?")[0]["payload"]
    inspected = client.inspect(name, reply=True, timeout=SECONDS)["content"]
    return page["data"], inspected["data"]


@pytest.mark.parametrize("framework", SETUP)
def test_every_road_to_help_shows_the_same_card(client, framework):
    run(client, SETUP[framework])
    shown = [data["text/markdown"] for name in ASKED[framework] for data in asked(client, name)]
    assert len(shown) == 4 and len(set(shown)) == 1
    for words in ("torch.tanh", "jax.numpy.tanh", r"1 - y^{2}", "00_tour.ipynb"):
        assert words in shown[0]


def test_what_has_no_row_gets_ipythons_own_help(client):
    for data in asked(client, "print"):
        assert set(data) == {"text/plain"}


def test_a_question_in_words_is_answered_in_the_pager_and_leaves_no_output(client):
    pytest.importorskip("bm25s")
    run(client, "%ask running total")  # may build the index, and shows how far it is
    for cell in ("?running total", "running total so far?", "?cumsumm"):
        content, outputs = run(client, cell)
        (page,) = content["payload"]
        assert page["source"] == "page" and not outputs
        assert set(page["data"]) == {"text/plain", "text/markdown"}
        assert all("cumsum" in form for form in page["data"].values())


def test_show_is_there_and_gives_one_output_in_four_forms(client):
    pytest.importorskip("torch")
    run(client, "import torch, autodiff_lab as ad\ntape = ad.record(torch.sin, torch.tensor(0.5))")
    _, outputs = run(client, "show(tape)")
    (output,) = outputs
    assert set(output["content"]["data"]) == {"text/plain", "text/html", "image/svg+xml"}
    assert "sin(" in output["content"]["data"]["text/plain"]


def test_the_kernel_says_nothing_on_stderr(client):
    run(client, "1 + 1")
    assert client.stderr.read_text() == ""
