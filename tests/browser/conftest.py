import os

import pytest

from course.copying import copy_course
from tests.browser import lab

HOW = "no Chromium here: install one (Debian: apt-get install chromium) for the browser checks"


# Not for the session: while playwright is open its event loop counts as running in this thread,
# and tests that follow in this worker could neither start a kernel nor a playwright of their own.
@pytest.fixture(scope="module")
def browser():
    """A headless Chromium that the system has; playwright's own would be a download."""
    path = lab.find_browser()
    if path is None:
        stop = pytest.fail if os.environ.get("TAPESTRY_REQUIRE_BROWSER") == "1" else pytest.skip
        stop(HOW)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def lab_url(browser, tmp_path_factory):
    """One JupyterLab for the notebooks, on copies of the notebooks made as a learner makes them."""
    root, private = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("private")
    copy_course(root, "test")
    with lab.server(root, private) as url:
        yield url


@pytest.fixture
def page(browser, lab_url):
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        opened = lab.Lab(context, lab_url)
        yield opened
        opened.close()
