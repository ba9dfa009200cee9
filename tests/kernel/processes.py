"""Kernels as processes, asked over their sockets as a front end would."""

import contextlib
import subprocess
import sys

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

SECONDS = 60
TAPESTRY, PLAIN = "kernel", "ipykernel_launcher"


@contextlib.contextmanager
def kernel_process(module, root, folder):
    """A client of a kernel that runs `python -m module`; `client.stderr` is what it writes."""
    manager = KernelManager(connection_file=str(folder / f"{module}.json"))
    argv = [sys.executable, "-m", module, "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name=module, language="python")
    said = folder / f"{module}.stderr"
    with said.open("wb") as err:
        manager.start_kernel(cwd=str(root), stderr=err, stdout=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        client.stderr = said
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def run(client, code):
    """Execute code: the reply, and the messages of its outputs."""
    heard = []
    reply = client.execute_interactive(code, timeout=SECONDS, output_hook=heard.append)
    outputs = [m for m in heard if m["msg_type"] in ("display_data", "stream", "error")]
    assert reply["content"]["status"] == "ok", reply["content"]
    return reply["content"], outputs


def paged(client, line):
    """What a line with a question mark shows."""
    reply, outputs = run(client, line)
    (page,) = reply["payload"]
    assert outputs == []
    return page["data"]


def pointed_at(client, code, level=0):
    """What Shift-Tab shows with the cursor at the end of `code`; level 1 is Contextual Help's."""
    found = client.inspect(code, detail_level=level, reply=True, timeout=SECONDS)["content"]
    return found["data"]
