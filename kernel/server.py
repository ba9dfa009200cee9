"""A Jupyter server extension that serves the installed BokehJS, so pictures need no network.

A notebook that carried BokehJS would grow by megabytes, and a page without a network has no CDN.
The wheel enables this extension; without it the pictures fall back to the CDN and then to SVG.
"""

import re


def _jupyter_server_extension_points():
    return [{"module": "kernel.server"}]


def _load_jupyter_server_extension(app):
    from jupyter_server.base.handlers import FileFindHandler
    from jupyter_server.utils import url_path_join

    found = bokeh_files()
    if found is None:
        app.log.info("tapestry: Bokeh is not installed beside this server, so it is not served.")
        return
    version, folder = found
    url = url_path_join(app.web_app.settings["base_url"], "tapestry/bokeh", re.escape(version))
    files = r"(bokeh(?:-widgets|-tables)?\.min\.js)"
    route = (f"{url}/{files}", FileFindHandler, {"path": [folder]})
    app.web_app.add_handlers(".*$", [route])


def bokeh_files():
    """BokehJS's version and folder, or None. The version is in the address: caches stay right."""
    try:
        import bokeh
        from bokeh.util.paths import bokehjs_path
    except ImportError:
        return None
    return bokeh.__version__, str(bokehjs_path() / "js")
