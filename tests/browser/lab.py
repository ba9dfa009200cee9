"""Drive a real JupyterLab as a learner would: open a notebook, run it, look at what is drawn."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token="]
FLAGS += ["--ServerApp.password=", "--ServerApp.port_retries=0"]
FLAGS += ["--LabApp.expose_app_in_browser=True"]  # gives the page `jupyterapp`
FOLDERS = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")


def find_browser():
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


# ----- the server -----


@contextlib.contextmanager
def server(root, private):
    """JupyterLab on the notebooks in `root`, with nothing of the user's own settings; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}": str(private / name) for name in FOLDERS}
    own |= {f"JUPYTERLAB_{name}_DIR": str(private / name) for name in ("SETTINGS", "WORKSPACES")}
    words = [sys.executable, "-m", "jupyterlab", *FLAGS]
    words += [f"--port={port}", f"--ServerApp.root_dir={root}"]
    log = private / "jupyterlab.log"
    with log.open("wb") as out:
        env = {**os.environ, **own, "IPYTHONDIR": str(private / "ipython")}
        process = subprocess.Popen(words, stdout=out, stderr=out, env=env)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()  # it shuts its kernels down
        process.wait(30)


def wait_for(url, process, log, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not answer at {url}:\n{log.read_text()[-3000:]}")


# ----- the page -----

OPEN = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session?.kernel?.info;
  return panel.sessionContext.session?.kernel?.name ?? "";
}"""
RUN_ALL = """async (seconds) => {
  const late = new Promise((_, fail) => setTimeout(fail, seconds * 1000, new Error("too slow")));
  await Promise.race([window.jupyterapp.commands.execute("notebook:run-all-cells"), late]);
}"""
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()"
MODEL = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
SHOW_CELL = """async (index) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  await notebook.scrollToItem(index, "start");
  notebook.widgets[index].node.setAttribute("data-test-cell", index);
}"""


class Lab:
    """One browser page on one server, with everything but the server cut off."""

    def __init__(self, context, url):
        self.url, self.refused, self.errors = url, [], []
        context.route("**/*", self._only_the_server)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _only_the_server(self, route):
        address = route.request.url
        if address.startswith((self.url, "data:", "blob:")):
            route.continue_()
        else:
            self.refused.append(address)
            route.abort()

    def open(self, name):
        """Open a notebook; the name of the kernel it got."""
        self.page.goto(f"{self.url}/doc/tree/{name}?reset", wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        return self.page.evaluate(OPEN)

    def run_all(self, seconds):
        """Run every cell and wait for the last; the notebook as it stands then, as plain data."""
        self.page.evaluate(RUN_ALL, seconds)
        return self.page.evaluate(MODEL)

    def show_cell(self, index):
        """Scroll to a cell, since only what is in sight is sure to be drawn; its output."""
        self.page.evaluate(SHOW_CELL, index)
        return self.page.locator(f'[data-test-cell="{index}"] .jp-Cell-outputWrapper')

    def close(self):
        """End the kernel: the next notebook wants its memory."""
        self.page.evaluate(SHUT_DOWN)
