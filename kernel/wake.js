// Ends each script: starts every picture once, the one it stands in or else all of the page.
const here = document.currentScript?.closest(".@ROOT@");
for (const root of here ? [here] : document.querySelectorAll(".@ROOT@")) {
  if (root.dataset.live) continue;
  root.dataset.live = "yes";
  start(root);
}

function element(tag, name = "", text = "") {
  return Object.assign(document.createElement(tag), { className: name, textContent: text });
}
