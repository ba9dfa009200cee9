// The interactive view of a tape. Everything it shows stands in the output already: the picture in
// the img, the words in the table. One scrubber drives two drawings: the SVG at once, and the Bokeh
// figure in its place as soon as BokehJS has come.
(() => {
  const here = document.currentScript?.closest(".tp-root");
  for (const root of here ? [here] : document.querySelectorAll(".tp-root")) {
    if (root.dataset.live) continue;
    root.dataset.live = "yes";
    start(root);
  }

  function start(root) {
    const stage = root.querySelector(".tp-stage");
    const rows = [...root.querySelectorAll("tbody tr")].map((r) => [...r.cells].map((c) => c.textContent));
    const heads = [...root.querySelectorAll("thead th")].map((h) => h.textContent);
    const state = scrubber(root, rows, heads);
    let drawing = fromSvg(stage, state);
    state.changed = () => drawing(state);
    state.set(state.last);
    const figure = root.querySelector(".tp-figure");
    const better = () => fromBokeh(root, stage, figure, state).then((d) => { drawing = d; d(state); }, () => {});
    if (!figure) return;
    better();
    new MutationObserver(better).observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  }

  // ----- the scrubber: n steps forward, then n steps back -----
  function scrubber(root, rows, heads) {
    const n = rows.length, back = root.dataset.backward === "yes";
    const bar = element("div", "tp-bar"), card = element("div", "tp-card");
    const play = element("button", "", "play"), told = element("output");
    const slider = Object.assign(element("input"), { type: "range", min: 0, max: back ? 2 * n : n });
    slider.setAttribute("aria-label", "step through the passes");
    card.setAttribute("aria-live", "polite");
    bar.append(play, slider, told);
    root.querySelector(".tp-stage").after(bar, card);
    const state = { n, last: +slider.max, step: 0, now: -1, back: false, changed: () => {} };
    state.shows = (k) => k < state.step;
    state.pulled = (k) => !back || state.step >= 2 * n - k;
    state.set = (step) => {
      state.step = +step;
      state.back = state.step > n;
      state.now = state.back ? 2 * n - state.step : state.step - 1;
      slider.value = step;
      told.textContent = sentence(state, rows);
      state.look(state.now);
      state.changed();
    };
    state.look = (k) => k in rows && card.replaceChildren(...words(heads, rows[k]));
    slider.oninput = () => state.set(slider.value);
    play.onclick = () => player(state, play);
    return state;
  }

  function sentence(state, rows) {
    if (state.now < 0) return "before the first step";
    const name = rows[state.now][0];
    return `step ${state.step} of ${state.last}: ` + (state.back ? `adjoint of ${name}` : `value of ${name}`);
  }

  function words(heads, row) {
    return heads.flatMap((head, i) => [element("b", "", head), element("span", "", row[i])]);
  }

  function player(state, button) {
    if (state.timer) return stop();
    if (state.step === state.last) state.set(0);
    button.textContent = "pause";
    state.timer = setInterval(() => state.step < state.last && button.isConnected ? state.set(state.step + 1) : stop(), 700);
    function stop() {
      state.timer = clearInterval(state.timer);
      button.textContent = "play";
    }
  }

  // ----- drawing one: the SVG -----
  function fromSvg(stage, state) {
    const still = stage.querySelector("img"), text = still.src.slice(still.src.indexOf(",") + 1);
    still.outerHTML = decodeURIComponent(text);
    const svg = stage.querySelector("svg");
    const nodes = [...svg.querySelectorAll("g")], edges = [...svg.querySelectorAll("[data-e]")];
    nodes.forEach((g, k) => { g.onmouseenter = g.onclick = () => state.look(k); });
    return () => {
      nodes.forEach((g, k) => {
        g.classList.toggle("off-v", !state.shows(k));
        g.classList.toggle("off-a", !state.pulled(k));
        g.classList.toggle("now", k === state.now && state.step < state.last);
        g.classList.toggle("back", state.back);
      });
      for (const e of edges) {
        e.classList.toggle("lit", lit(state, ...e.dataset.e.split(" ").map(Number)));
        e.classList.toggle("back", state.back);
      }
    };
  }

  // Forward, a node lights what it reads; backward, what its adjoint is summed from.
  function lit(state, source, target) {
    return state.step < state.last && (state.back ? source : target) === state.now;
  }

  // ----- drawing two: Bokeh -----
  async function fromBokeh(root, stage, figure, state) {
    const Bokeh = await bokehJS(root.dataset);
    const look = colours(root), place = element("div", "tp-live"), svg = stage.querySelector("svg");
    stage.querySelectorAll(".tp-live").forEach((old) => old.remove());
    svg.removeAttribute("hidden");  // to be measured, and to stay if Bokeh fails
    stage.append(place);
    try {
      const views = await Bokeh.embed.embed_item(JSON.parse(look.apply(figure.textContent)), place);
      const draw = bokehDrawing([...views][0].model, svg, look, state);
      place.setAttribute("role", "img");
      place.setAttribute("aria-label", svg.querySelector("desc").textContent);
      svg.setAttribute("hidden", "");
      return draw;
    } catch (error) {
      place.remove();
      throw error;
    }
  }

  function bokehDrawing(figure, svg, look, state) {
    const source = (name) => figure.document.get_model_by_name(name);
    const nodes = source("nodes"), edges = source("edges");
    const boxes = readBoxes(svg, look), curves = readCurves(svg);
    source("heads").data = readHeads(svg);
    source("stubs").data = readStubs(svg);
    nodes.inspect.connect(() => state.look(nodes.inspected.indices[0]));
    nodes.selected.change.connect(() => state.look(nodes.selected.indices[0]));
    fitText(figure);
    return () => {
      const colour = state.back ? look.back : look.forward;
      const now = (k) => k === state.now && state.step < state.last;
      const step = boxes.map((b, k) => ({ ...b,
        va: b.v_shown * (state.shows(k) ? 1 : 0.08), aa: b.v_shown * (state.pulled(k) ? 1 : 0.08),
        rim: now(k) ? colour : look.rim, rim_w: now(k) ? 2.5 : 1 }));
      nodes.data = columns(step);
      edges.data = columns(curves.map((c) => (lit(state, c.source, c.target)
        ? { ...c, color: colour, wide: 2.5 } : { ...c, color: look.lines, wide: 1.5 })));
    };
  }

  // ----- what the SVG holds, as columns for Bokeh -----
  function columns(rows) {
    return Object.fromEntries(Object.keys(rows[0] ?? {}).map((key) => [key, rows.map((r) => r[key])]));
  }

  function readBoxes(svg, look) {
    return [...svg.querySelectorAll("g")].map((g) => {
      const [x, y] = g.getAttribute("transform").match(/-?\d+/g).map(Number);
      const [head, v, a, sum] = [...g.querySelectorAll("text")];
      const name = head.firstChild.textContent, op = head.textContent.slice(name.length + 1);
      return { x, y, name, op, op_x: x + 15 + head.firstChild.getComputedTextLength(),
        v: v?.textContent ?? "", a: a?.textContent ?? "", sum: sum?.textContent ?? "",
        mark: g.querySelector(".m") ? getComputedStyle(g.querySelector(".m")).fill : "transparent",
        ...adjointLook(g.querySelector(".o"), look), v_shown: g.querySelector(".v") ? 1 : 0 };
    });
  }

  function adjointLook(unknown, look) {
    return unknown ? { below: look.none, ink: look.faint, style: "italic" }
      : { below: look.adjoint, ink: look.ink, style: "normal" };
  }

  // The paths use M (start), H (level) and C (curve with two control points) only.
  function readCurves(svg) {
    return [...svg.querySelectorAll("[data-e]")].flatMap((path) => {
      const [source, target] = path.dataset.e.split(" ").map(Number), found = [];
      let x0, y0;
      for (const [, command, text] of path.getAttribute("d").matchAll(/([MHC])([\d. -]+)/g)) {
        const n = text.trim().split(" ").map(Number);
        const [x1, y1] = command === "H" ? [n[0], y0] : n.slice(-2);
        if (command !== "M") found.push({ x0, y0, x1, y1, xm: (x0 + x1) / 2, source, target });
        [x0, y0] = [x1, y1];
      }
      return found;
    });
  }

  function readHeads(svg) {
    const ends = [...svg.querySelectorAll("[data-e]")].map((p) => p.getPointAtLength(p.getTotalLength()));
    return { xs: ends.map((p) => [p.x, p.x + 6, p.x]), ys: ends.map((p) => [p.y - 8, p.y - 4, p.y]) };
  }

  function readStubs(svg) {
    const texts = [...svg.querySelectorAll("svg > text")], at = (k) => texts.map((t) => +t.getAttribute(k));
    return { x: at("x"), y: at("y").map((y) => y - 4), name: texts.map((t) => t.textContent) };
  }

  // Bokeh's letters have a size on the screen, its boxes one in the data: keep the two together.
  function fitText(figure) {
    const texts = figure.renderers.map((r) => r.glyph).filter((g) => g?.type === "Text");
    const fit = () => {
      const scale = figure.inner_width / Math.abs(figure.x_range.end - figure.x_range.start);
      for (const t of texts) t.text_font_size = { value: `${(12 * scale).toFixed(2)}px` };
    };
    for (const p of ["start", "end"]) figure.x_range.properties[p].change.connect(fit);
    figure.properties.inner_width.change.connect(fit);
    fit();
  }

  function colours(root) {
    const set = getComputedStyle(root), light = JSON.parse(root.dataset.light);
    const of = (name) => set.getPropertyValue(`--tp-${name}`).trim();
    const apply = (json) => Object.keys(light).reduce((j, name) => j.replaceAll(light[name], of(name)), json);
    const themed = Object.fromEntries(Object.keys(light).map((name) => [name, of(name)]));
    const { forward, back, lines } = root.dataset;
    return { ...themed, apply, forward, back, lines };
  }

  // ----- BokehJS, once per page: from this Jupyter server, else from the CDN, else not at all -----
  function bokehJS({ bokeh, sri }) {
    if (window.Bokeh) return window.Bokeh.version === bokeh ? Promise.resolve(window.Bokeh) : Promise.reject();
    window.tapestryBokeh ??= {};
    return (window.tapestryBokeh[bokeh] ??= fetchBokeh(bokeh, sri));
  }

  async function fetchBokeh(version, sri) {
    const page = document.getElementById("jupyter-config-data");
    const base = page && JSON.parse(page.textContent).baseUrl;
    const local = base ? script(`${base}tapestry/bokeh/${version}/bokeh.min.js`) : Promise.reject();
    await local.catch(() => script(`https://cdn.bokeh.org/bokeh/release/bokeh-${version}.min.js`, sri));
    return window.Bokeh;
  }

  function script(src, sri) {
    return new Promise((loaded, failed) => {
      const s = Object.assign(element("script"), { src, onload: loaded, onerror: failed });
      if (sri) Object.assign(s, { integrity: sri, crossOrigin: "anonymous" });
      document.head.append(s);
    });
  }

  function element(tag, name = "", text = "") {
    return Object.assign(document.createElement(tag), { className: name, textContent: text });
  }
})();
