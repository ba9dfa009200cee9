// The interactive view of a tape. The words are in the table, the pictures in the SVG of each scene,
// all made by Python; this only shows, hides and lights. Nothing is loaded.
function start(root) {
  const view = { root, data: JSON.parse(root.querySelector(".tp-data").textContent), opened: new Map(), at: -1 };
  view.heads = [...root.querySelectorAll("thead th")].map((h) => h.textContent);
  view.rows = [...root.querySelectorAll("tbody tr")].map((r) => [...r.cells].map((c) => c.textContent));
  view.words = Object.fromEntries(view.data.layers.map(([name]) => [name, view.heads.indexOf(name)]));
  root.dataset.lmSuppressShortcuts = "true"; // to JupyterLab: no shortcuts from in here
  build(view);
  show(view, view.data.top);
  view.data.open.forEach((b) => toggle(view, b, true));
  step(view, view.stops.length - 1);
  const first = root.querySelector(".tp-found li");
  look(view, first ? smallest(view, +first.dataset.b) : view.stops.at(-1)?.b ?? 0);
  if (first) into(view, view.stage.querySelector(".seen:not(.p)"));
  root.onkeydown = (event) => keys(view, event);
}

// ----- the page around the picture -----
function build(view) {
  const { root, data } = view, stage = root.querySelector(".tp-stage");
  view.stage = stage;
  const still = stage.querySelector("img"), text = still.src.slice(still.src.indexOf(",") + 1);
  const svg = new DOMParser().parseFromString(decodeURIComponent(text), "image/svg+xml").documentElement;
  view.style = svg.querySelector("style").textContent;
  view.described = svg.querySelector("desc").textContent;
  view.inner = new Map();
  for (const g of svg.querySelectorAll("[data-b]")) if (g.firstChild) view.inner.set(+g.dataset.b, g.innerHTML);
  for (const scene of data.scenes) scene[3] = scene[3].replace(/[\ue000-\ue0ff]/g, (c) => data.repeated[c.charCodeAt(0) - 0xe000]);
  for (const [, , , scene] of data.scenes) {
    for (const [, b, inside] of scene.matchAll(/<g data-b='(\d+)'[^>]*>(.*?)<\/g>/g)) if (inside) view.inner.set(+b, inside);
  }
  still.remove();
  view.layer = -1;
  view.tools = tools(view);
  view.bar = bar(view);
  view.card = element("div", "tp-card");
  view.card.setAttribute("aria-live", "polite");
  const row = element("div", "tp-row"), code = root.querySelector(".tp-code");
  stage.before(view.tools);
  stage.after(view.bar, row);
  row.append(view.card);
  if (code) { row.append(code); code.open = true; }
  link(view);
}

function tools(view) {
  const { data } = view, found = element("div", "tp-tools");
  if (data.flat !== null && data.folded !== null) {
    found.append(choice("shown as", [[data.folded, "calls and loops"], [data.flat, "single operations"]], data.top, (k) => {
      view.opened.clear();
      show(view, k);
      if (k === data.folded) data.open.forEach((b) => toggle(view, b, true));
      step(view, view.stops.length - 1);
    }));
  }
  if (data.layers.length) {
    const layers = [[-1, "nothing"], ...data.layers.map(([name], k) => [k, name])];
    found.append(choice("laid over", layers, -1, (k) => { view.layer = k; paint(view); }));
  }
  const find = Object.assign(element("input"), { type: "search", placeholder: "find ( / )" });
  find.setAttribute("aria-label", "find a name, an operation or a line");
  find.oninput = () => search(view, find.value, 0);
  find.onkeydown = (e) => { if (e.key === "Enter") search(view, find.value, 1); };
  view.find = find;
  view.note = element("span", "tp-note");
  found.append(find, view.note);
  return found;
}

function choice(label, options, chosen, change) {
  const box = element("label", "", label + " "), select = element("select");
  for (const [value, text] of options) select.append(Object.assign(element("option", "", text), { value, selected: value === chosen }));
  select.onchange = () => change(+select.value);
  box.append(select);
  return box;
}

function bar(view) {
  const { data } = view, found = element("div", "tp-bar"), told = element("output");
  const play = element("button", "", "play"), slider = Object.assign(element("input"), { type: "range", min: 0 });
  slider.setAttribute("aria-label", "step through the passes");
  slider.oninput = () => step(view, +slider.value);
  play.onclick = () => player(view, play);
  const track = element("div", "tp-track");
  track.append(slider);
  if (data.peak) track.append(chart(view));
  found.append(play, track, told);
  found.hidden = !data.runs; // a sea of nodes has an order, but no passes
  Object.assign(view, { slider, told });
  return found;
}

// Bytes alive over both passes, under the slider; the line marks the step.
function chart(view) {
  const { chart, peak } = view.data, w = 600, h = 34, x = (i) => (w * i) / chart.length;
  const line = chart.map((v, i) => `H${x(i).toFixed(1)}V${(h - (h - 4) * v / peak).toFixed(1)}`).join("");
  const box = element("div", "tp-chart");
  box.innerHTML = `<svg viewBox="0 0 ${w} ${h}" preserveAspectRatio="none" role="img" aria-label="bytes alive: at most ${peak.toLocaleString("en")}"><path d="M0 ${h}${line}H${w}V${h}z"/><path class="t" d=""/></svg><span>bytes alive, at most ${peak.toLocaleString("en")}</span>`;
  view.mark = box.querySelector(".t");
  view.x = (i) => (w * i) / (2 * view.data.n);
  return box;
}

function player(view, button) {
  if (view.timer) return stop();
  if (view.at === view.stops.length - 1) step(view, 0);
  button.textContent = "pause";
  view.timer = setInterval(() => (view.at < view.stops.length - 1 && button.isConnected ? step(view, view.at + 1) : stop()), 700);
  function stop() {
    view.timer = clearInterval(view.timer);
    button.textContent = "play";
  }
}

// ----- scenes: the first, and below it those of open folds -----
function show(view, number) {
  view.stage.replaceChildren(Object.assign(element("style"), { textContent: view.style }));
  view.top = scene(view, number, view.stage, view.described);
  settle(view);
}

function scene(view, number, into, label) {
  const [title, boxes, ports, text] = view.data.scenes[number];
  const figure = element("div", "tp-scene");
  figure.innerHTML = text;
  const svg = figure.firstChild;
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", label || title);
  const nodes = [...svg.querySelectorAll("[data-b]")];
  nodes.forEach((g, k) => dress(view, g, k < ports));
  into.append(figure);
  return { figure, boxes, ports, nodes, edges: [...svg.querySelectorAll("[data-e]")] };
}

function dress(view, g, port) {
  const b = +g.dataset.b;
  g.innerHTML = view.inner.get(b) ?? "";
  g.setAttribute("role", "button");
  g.setAttribute("tabindex", -1);
  const [name, op, value, adjoint] = view.rows[b];
  const said = view.data.runs ? `value ${value}, adjoint ${adjoint}` : `${value}, ${adjoint}`;
  g.setAttribute("aria-label", `${port ? "from outside: " : ""}${name}, ${op}, ${said}`);
  if (b in view.data.inside && !port) {
    g.setAttribute("aria-expanded", "false");
    g.classList.add("opens");
  }
  g.onclick = () => { look(view, b, g); if (g.classList.contains("opens")) toggle(view, b); };
  g.onfocus = () => look(view, b, g);
}

function toggle(view, b, open = !view.opened.has(b)) {
  const parent = scenes(view).find((s) => s.boxes.includes(b, s.ports));
  if (!parent || open === view.opened.has(b)) return;
  const g = parent.nodes[parent.boxes.indexOf(b, parent.ports)];
  if (open) {
    const place = element("div", "tp-open"), made = scene(view, view.data.inside[b], place);
    const close = element("button", "", "close"), title = element("p", "", view.data.scenes[view.data.inside[b]][0] + " ");
    close.onclick = () => { toggle(view, b, false); g.focus(); };
    title.append(close);
    place.prepend(title);
    parent.figure.append(place);
    view.opened.set(b, { ...made, place });
  } else {
    for (const inner of view.opened.get(b).boxes) if (view.opened.has(inner)) toggle(view, inner, false);
    view.opened.get(b).place.remove();
    view.opened.delete(b);
  }
  g.setAttribute("aria-expanded", open);
  settle(view);
}

function scenes(view) {
  return [view.top, ...view.opened.values()];
}

// The steps are the boxes that can be seen: n forward, then those with an adjoint back.
function settle(view) {
  const { boxes, back } = view.data, seen = new Set(), now = view.stops?.[view.at], atEnd = view.at === view.stops?.length - 1;
  for (const s of scenes(view)) s.boxes.forEach((b, k) => k >= s.ports && !view.opened.has(b) && seen.add(b));
  const all = [...seen], order = (key, sign) => (p, q) => sign * (boxes[p][key] - boxes[q][key]) || sign * (p - q);
  const forward = all.sort(order(1, 1)).map((b) => ({ b, back: false }));
  const backward = back ? [...seen].sort(order(0, -1)).map((b) => ({ b, back: true })) : [];
  view.stops = [null, ...forward, ...backward];
  view.slider.max = view.stops.length - 1;
  const same = view.stops.findIndex((s) => s && now && s.b === now.b && s.back === now.back);
  step(view, atEnd || same < 0 ? view.stops.length - 1 : same);
}

// ----- the scrubber -----
function step(view, at) {
  view.at = Math.max(0, Math.min(at, view.stops.length - 1));
  view.slider.value = view.at;
  const stop = view.stops[view.at];
  view.told.textContent = sentence(view, stop);
  view.slider.setAttribute("aria-valuetext", view.told.textContent);
  if (stop) look(view, stop.b);
  if (view.mark && stop) {
    const [first, last] = view.data.boxes[stop.b];
    view.mark.setAttribute("d", `M${view.x(stop.back ? 2 * view.data.n - 1 - first : last)} 0v34`);
  }
  paint(view);
}

function sentence(view, stop) {
  if (!stop) return "before the first step";
  const row = view.rows[stop.b], from = row[view.heads.indexOf("adjoint from")];
  const count = `step ${view.at} of ${view.stops.length - 1}: `;
  if (!stop.back) return `${count}value of ${row[0]}`;
  if (!view.data.boxes[stop.b][2]) return `${count}nothing flows back to ${row[0]}`;
  return `${count}adjoint of ${row[0]}` + (from ? `, added up from ${from}` : "");
}

function paint(view) {
  const stop = view.stops[view.at], last = view.at === view.stops.length - 1, { boxes } = view.data;
  const here = stop ? boxes[stop.b] : [-1, -1];
  const valued = (b) => stop && (stop.back || boxes[b][1] <= here[1]);
  const pulled = (b) => !view.data.back || last || (stop?.back && boxes[b][0] >= here[0]);
  for (const s of scenes(view)) {
    s.nodes.forEach((g, k) => {
      const b = s.boxes[k];
      g.classList.toggle("off-v", !valued(b));
      g.classList.toggle("off-a", !pulled(b));
      g.classList.toggle("now", !last && stop?.b === b);
      g.classList.toggle("back", !!stop?.back);
      cover(view, g, b);
    });
    for (const e of s.edges) {
      const [source, target] = e.dataset.e.split(" ").map((k) => s.boxes[k]);
      e.classList.toggle("lit", !last && !!stop && stop.b === (stop.back ? source : target));
      e.classList.toggle("back", !!stop?.back);
    }
  }
  view.note.textContent = view.layer < 0 ? "" : view.data.layers[view.layer][1];
}

// An overlay writes its word over the operation, and colours the head of the box by the level.
function cover(view, g, b) {
  g.querySelector(".tp-over")?.remove();
  if (view.layer < 0) return;
  const [name, , levels] = view.data.layers[view.layer], w = +g.querySelector("rect:not([x])").getAttribute("width");
  const over = document.createElementNS("http://www.w3.org/2000/svg", "g");
  over.setAttribute("class", `tp-over l${levels[b]}`);
  over.innerHTML = `<path d="M1 1h${w - 2}v22h-${w - 2}z"/><text x="11" y="17"></text>`;
  over.lastChild.textContent = `${view.rows[b][0]}  ${view.rows[b][view.words[name]]}`.slice(0, 36);
  g.append(over);
}

// ----- one box: its card, its heat maps, its line -----
function look(view, b, focused) {
  if (!(b in view.rows)) return;
  view.seen = b;
  const cells = view.heads.flatMap((head, k) => (view.rows[b][k] ? [element("b", "", head), element("span", "", view.rows[b][k])] : []));
  const [value, adjoint, turns] = view.data.heats[b] ?? [];
  const maps = [["value", value], ["adjoint", adjoint], ["|adjoint| by turn", turns]].filter(([, h]) => h).map(([what, h]) => map(what, h));
  const row = element("div", "tp-maps");
  row.append(...maps);
  view.card.replaceChildren(...cells, row);
  const at = view.data.boxes[b].slice(3).join(":");
  view.root.querySelectorAll(".tp-code li").forEach((li) => li.classList.toggle("here", li.dataset.at === at));
  for (const s of scenes(view)) s.nodes.forEach((g, k) => {
    g.classList.toggle("seen", s.boxes[k] === b);
    g.setAttribute("tabindex", s.boxes[k] === b ? 0 : -1);
  });
  if (focused) into(view, focused);
  if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

// Blue below zero, vermillion above; a cross is NaN, a dot infinite.
function map(what, [rows, columns, cells, scale, shown]) {
  const side = Math.max(4, Math.min(16, Math.floor(220 / Math.max(rows, columns)))), tall = rows > 1 ? side : 16;
  const squares = [...cells].map((c, i) => {
    const x = (i % columns) * side, y = Math.floor(i / columns) * tall, v = (c.charCodeAt(0) - 77) / 12;
    if (c === "!" || c === "^") return `<rect class="${c === "!" ? "nan" : "inf"}" x="${x}" y="${y}" width="${side}" height="${tall}"/><text x="${x + side / 2}" y="${y + tall / 2}">${c === "!" ? "×" : "∞"}</text>`;
    return `<rect class="${v < 0 ? "neg" : "pos"}" x="${x}" y="${y}" width="${side}" height="${tall}" fill-opacity="${Math.abs(v).toFixed(2)}"/>`;
  });
  const told = `${what}: ${rows} by ${columns}, ${scale}${shown ? `, ${shown}` : ""}`;
  const box = element("figure", "tp-map");
  box.innerHTML = `<svg role="img" aria-label="heat map of the ${told}" width="${columns * side}" height="${rows * tall}">${squares.join("")}</svg>`;
  box.append(element("figcaption", "", told));
  return box;
}

// ----- lines and boxes, both ways -----
function link(view) {
  for (const li of view.root.querySelectorAll(".tp-code li")) {
    const mine = view.data.boxes.flatMap((b, k) => (b.slice(3).join(":") === li.dataset.at ? [k] : []));
    if (!mine.length) continue;
    Object.assign(li, { tabIndex: 0, className: "linked", onclick: () => hit(view, mine) });
    li.setAttribute("role", "button");
    li.onkeydown = (e) => { if (e.key === "Enter") hit(view, mine); };
  }
  for (const li of view.root.querySelectorAll(".tp-found li")) {
    Object.assign(li, { tabIndex: 0, onclick: () => hit(view, [+li.dataset.b]) });
    li.setAttribute("role", "button");
    li.onkeydown = (e) => { if (e.key === "Enter") hit(view, [+li.dataset.b]); };
  }
}

// Light these boxes; if none of them can be seen, open what they are in.
function hit(view, boxes) {
  const visible = () => scenes(view).flatMap((s) => s.nodes.filter((g, k) => k >= s.ports && boxes.includes(s.boxes[k])));
  if (!visible().length) reveal(view, boxes[0]);
  view.stage.querySelectorAll(".hit").forEach((g) => g.classList.remove("hit"));
  visible().forEach((g) => g.classList.add("hit"));
  const first = visible()[0];
  look(view, first ? +first.dataset.b : boxes[0], first);
  into(view, first);
}

function reveal(view, b) {
  const around = Object.entries(view.data.inside).find(([, k]) => view.data.scenes[k][1].includes(b, view.data.scenes[k][2]));
  if (!around) return;
  reveal(view, +around[0]);
  toggle(view, +around[0], true);
}

// Scroll the stage, and not the page that it is on.
function into(view, g) {
  if (!g) return;
  const box = g.getBoundingClientRect(), stage = view.stage.getBoundingClientRect();
  if (box.bottom > stage.bottom || box.top < stage.top) view.stage.scrollTop += box.top - stage.top - stage.height / 3;
}

function smallest(view, b) {
  return b in view.rows ? b : 0;
}

function search(view, text, skip) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return hit(view, []);
  const found = view.rows.flatMap((r, b) => (`${r[0]} ${r[1]} ${r.at(-1)}`.toLowerCase().includes(wanted) ? [b] : []));
  const next = found.find((b) => b > view.seen) ?? found[0];
  view.note.textContent = `${found.length} found`;
  if (!found.length) return;
  hit(view, skip ? [next] : found);
  view.find.focus();
}

// What is typed here is for the view: JupyterLab would move between cells.
function keys(view, event) {
  event.stopPropagation();
  const typing = ["INPUT", "SELECT"].includes(event.target.tagName), box = event.target.closest("[data-b]");
  const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "/" && !typing) view.find.focus();
  else if (event.key === "Escape" && view.seen in view.data.inside) toggle(view, view.seen, false);
  else if (typing || !box || !view.stage.contains(box)) return;
  else if (move) {
    step(view, view.at + move);
    view.stage.querySelector(`.seen[tabindex="0"]`)?.focus({ preventScroll: false });
  } else if (event.key === "Enter" || event.key === " ") {
    if (box.classList.contains("opens")) toggle(view, +box.dataset.b);
  } else if (event.key === "Home" || event.key === "End") step(view, event.key === "Home" ? 0 : view.stops.length - 1);
  else return;
  event.preventDefault();
}
