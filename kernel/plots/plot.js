// Makes a drawing answer. All it tells stands in the table: a place in the picture is a row of it,
// or a row and a column. Pointer and arrow keys choose the place; Bokeh takes over if it can be had.
function start(root) {
  const stage = root.querySelector(".tp-stage"), still = stage.querySelector("img");
  const heads = words(root.querySelectorAll("thead th"));
  const rows = [...root.querySelectorAll("tbody tr")].map((r) => words(r.cells));
  if (still) still.outerHTML = decodeURIComponent(still.src.slice(still.src.indexOf(",") + 1));
  const svg = stage.querySelector("svg"), places = findPlaces(svg, rows, heads);
  const told = element("output", "tq-told");
  if (rows.length) stage.after(told);
  const state = { at: null, looks: [] };
  state.look = (at) => {
    state.at = at;
    told.textContent = sentence(heads, rows, at, places.wide);
    state.looks.forEach((show) => show(at));
  };
  if (svg) fromSvg(svg, places, state);
  if (rows.length) keys(stage, rows, heads, places.wide, state);
  stage.addEventListener("focus", () => { told.textContent ||= "the arrow keys walk through the values"; });
  const figure = root.querySelector(".tp-figure");
  if (!figure) return;
  let drawn = "", queue = Promise.resolve();
  const inTheme = () => {
    const json = themed(root, figure.textContent);
    if (json === drawn) return;
    drawn = json;
    queue = queue.then(() => fromBokeh(root, stage, json, svg, state)).catch(() => {});
  };
  inTheme();
  new MutationObserver(inTheme).observe(document.body, { attributeFilter: ["data-jp-theme-light", "class"] });
}

function words(cells) {
  return [...cells].map((c) => c.textContent);
}

function sentence(heads, rows, [r, c], wide) {
  const row = rows[r];
  if (!row) return "";
  if (wide) return `${row[0]}, ${heads[c + 1]}: ${row[c + 1]}`;
  return row.map((cell, k) => cell && (heads[k] ? `${heads[k]} ${cell}` : cell)).filter(Boolean).join(" \u00b7 ");
}

// ----- the keyboard: a place on from the last -----
function keys(stage, rows, heads, wide, state) {
  Object.assign(stage, { tabIndex: 0 }).setAttribute("role", "group");
  stage.setAttribute("aria-label", stage.closest(".tq-root").dataset.alt);
  const last = [rows.length - 1, wide ? heads.length - 2 : 0];
  const steps = wide
    ? { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }
    : { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  stage.addEventListener("keydown", (event) => {
    const by = steps[event.key], ends = { Home: [0, 0], End: last }[event.key];
    if (event.target !== stage || !(by || ends)) return;
    const from = state.at ?? [0, 0], inside = (k) => Math.min(last[k], Math.max(0, from[k] + by[k]));
    state.look(ends ?? (state.at ? [inside(0), inside(1)] : [0, 0]));
    event.preventDefault();
    event.stopPropagation();
  });
}

// ----- the SVG -----
function findPlaces(svg, rows, heads) {
  const grid = svg?.querySelector("[data-grid]"), marks = [...(svg?.querySelectorAll("[data-at]") ?? [])];
  const wide = Boolean(grid) || marks.some((m) => m.dataset.at.includes(" "));
  const runs = [...(svg?.querySelectorAll("[data-run]") ?? [])].map(pointsOf);
  return { grid: grid && grid.dataset.grid.split(" ").map(Number), marks, runs, wide };
}

function pointsOf(path) {
  return path.getAttribute("d").slice(1).split("L").map((p) => p.split(" ").map(Number));
}

function fromSvg(svg, { grid, marks, runs, wide }, state) {
  const ring = grid && add(svg, "rect", "ring"), dots = runs.map(() => add(svg, "circle", "ring"));
  for (const mark of marks) mark.onpointerenter = mark.onclick = () => state.look(placesOf(mark)[0]);
  if (grid || runs.length) svg.onpointermove = svg.onclick = (event) => {
    const here = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const at = grid ? cellUnder(grid, here) : [nearest(runs[0], here.x), 0];
    if (at) state.look(at);
  };
  state.looks.push(([r, c]) => {
    if (grid) ringAt(ring, grid, r, c);
    dots.forEach((dot, k) => put(dot, { cx: runs[k][r][0], cy: runs[k][r][1], r: 5 }));
    for (const mark of marks) {
      const on = placesOf(mark).some(([row, column]) => row === r && (!wide || column === c));
      mark.classList.toggle("on", on);
    }
  });
}

function nearest(points, x) {
  return points.reduce((best, p, k) => Math.abs(p[0] - x) < Math.abs(points[best][0] - x) ? k : best, 0);
}

function add(svg, tag, name) {
  const made = svg.appendChild(document.createElementNS(svg.namespaceURI, tag));
  made.setAttribute("class", name);
  return made;
}

function put(mark, values) {
  for (const [name, value] of Object.entries(values)) mark.setAttribute(name, value);
}

function placesOf(mark) {
  return mark.dataset.at.split("|").map(place);
}

function place(text) {
  const [r, c = 0] = text.split(" ").map(Number);
  return [r, c];
}

function cellUnder([x, y, w, h, rows, columns], point) {
  const r = Math.floor((point.y - y) / h * rows), c = Math.floor((point.x - x) / w * columns);
  return r >= 0 && c >= 0 && r < rows && c < columns ? [r, c] : null;
}

function ringAt(ring, [x, y, w, h, rows, columns], r, c) {
  put(ring, { x: x + w / columns * c, y: y + h / rows * r, width: w / columns, height: h / rows });
}

// ----- Bokeh -----
async function fromBokeh(root, stage, json, svg, state) {
  const Bokeh = await window.tapestryBokehJS(root.dataset);
  const holder = element("div", "tp-live");
  stage.querySelectorAll(".tp-live").forEach((old) => old.remove());
  svg?.removeAttribute("hidden");  // to stay if Bokeh fails
  stage.append(holder);
  try {
    const views = await Bokeh.embed.embed_item(JSON.parse(json), holder);
    state.looks = state.looks.slice(0, svg ? 1 : 0);
    connect([...views][0].model.document, state);
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", root.dataset.alt);
    svg?.setAttribute("hidden", "");
  } catch (error) {
    holder.remove();
    throw error;
  }
}

// A source of data knows the places of its marks: a column "at", or of cells their row and column.
function connect(page, state) {
  const sources = [...page._all_models.values()].filter((m) => m.type === "ColumnDataSource" && placesIn(m));
  let telling = false;
  for (const source of sources) {
    const tell = (k) => k !== undefined && !telling && state.look(placesIn(source)[k]);
    source.inspect.connect(() => tell(source.inspected.indices[0]));
    source.selected.change.connect(() => tell(source.selected.indices[0]));
  }
  state.looks.push((at) => {
    telling = true;  // what we select is no choice of the reader's
    for (const source of sources)
      source.selected.indices = placesIn(source).flatMap((p, k) => p[0] === at[0] && p[1] === at[1] ? [k] : []);
    telling = false;
  });
}

function placesIn({ name, data }) {
  return name === "cells" ? data.y.map((r, k) => [r, data.x[k]]) : data.at?.map(place);
}

function themed(root, json) {
  const set = getComputedStyle(root), light = JSON.parse(root.dataset.light);
  const now = Object.entries(light).map(([name, hex]) => [hex, set.getPropertyValue(`--tp-${name}`).trim()]);
  const map = Object.fromEntries(now);
  return json.replace(/"(#[0-9a-f]{6})"/g, (all, hex) => map[hex] ? `"${map[hex]}"` : all);
}
