// BokehJS, once per page: from this Jupyter server, else from the CDN, else not at all.
window.tapestryBokehJS ??= (() => {
  async function bokehJS({ bokeh: version, parts = "", sri = "" }) {
    window.tapestryBokeh ??= {};
    if (window.Bokeh && window.Bokeh.version !== version) throw new Error("another BokehJS is here");
    const hashes = sri.split(" "), more = parts.split(" ").filter(Boolean);
    if (!window.Bokeh) await (window.tapestryBokeh[version] ??= fetchPart(version, "", hashes[0]).then(() => window.Bokeh));
    for (const [k, part] of more.entries())
      await (window.tapestryBokeh[version + part] ??= fetchPart(version, part, hashes[k + 1]));
    return window.Bokeh;
  }

  async function fetchPart(version, part, hash) {
    const page = document.getElementById("jupyter-config-data");
    const base = page && JSON.parse(page.textContent).baseUrl;
    const local = base ? script(`${base}tapestry/bokeh/${version}/bokeh${part}.min.js`) : Promise.reject();
    await local.catch(() => script(`https://cdn.bokeh.org/bokeh/release/bokeh${part}-${version}.min.js`, hash));
  }

  function script(src, hash) {
    return new Promise((onload, onerror) => {
      const s = Object.assign(document.createElement("script"), { src, onload, onerror });
      if (hash) Object.assign(s, { integrity: hash, crossOrigin: "anonymous" });
      document.head.append(s);
    });
  }

  return bokehJS;
})();
