"""The forms of a drawing, compared."""

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser


class Cells(HTMLParser):
    """The cells of a table, as a browser reads them."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.on = [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.on = tag in ("td", "th")
        if self.on:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.on = False

    def handle_data(self, data):
        if self.on:
            self.rows[-1][-1] += data


def forms(drawn):
    """The forms of a drawing, after a look that they say the same."""
    bundle = drawn._repr_mimebundle_()
    heads, rows = drawn.rows()
    table = Cells(bundle["text/html"].split("<table>")[1].split("</table>")[0]).rows
    assert table == [[str(c) for c in row] for row in [heads, *rows]]
    assert drawn.alt.rstrip(".") in bundle["text/plain"]
    root = ET.fromstring(bundle["image/svg+xml"])
    assert root.find("{*}desc").text == drawn.alt
    marked = [m.get("data-at") for m in root.iter() if m.get("data-at")]
    places = [int(at.split()[0]) for text in marked for at in text.split("|")]
    assert all(place < len(rows) for place in places)
    assert not hasattr(drawn, "data") or json.dumps(drawn.data())
    return bundle
