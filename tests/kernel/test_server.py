"""The server extension: BokehJS from this machine, at an address that names its version."""

import json
from pathlib import Path

import pytest

import kernel
from kernel.server import bokeh_files


def test_the_installed_bokeh_is_found():
    bokeh = pytest.importorskip("bokeh")
    version, folder = bokeh_files()
    assert version == bokeh.__version__
    assert (Path(folder) / "bokeh.min.js").stat().st_size > 500_000


def test_the_configuration_names_this_module():
    file = Path(kernel.__file__).parent / "jupyter_server_config" / "tapestry.json"
    (module,) = json.loads(file.read_text())["ServerApp"]["jpserver_extensions"]
    assert module == "kernel.server"


def test_the_server_serves_that_file_and_no_other():
    pytest.importorskip("bokeh")
    web = pytest.importorskip("tornado.web")
    pytest.importorskip("jupyter_server")
    from kernel import server

    class App:
        web_app = web.Application(base_url="/base/")

    server._load_jupyter_server_extension(App)
    (rules,) = [
        r for r in App.web_app.default_router.rules if r.target is not App.web_app.wildcard_router
    ]
    (rule,) = rules.target.rules
    version, _ = bokeh_files()
    pattern = rule.matcher.regex
    assert pattern.match(f"/base/tapestry/bokeh/{version}/bokeh.min.js")
    assert pattern.match(f"/base/tapestry/bokeh/{version}/bokeh-widgets.min.js")
    assert not pattern.match(f"/base/tapestry/bokeh/{version}/../secret")
