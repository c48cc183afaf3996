"use strict";
// The viewer of a gallery's page: one image with its facts, before and after, lineage and command. After gallery.js.

let current = null, mode = "after";
/** The browser's history has an entry for the page without the viewer. */
let canGoBack = false;

/** The hash names the image in the viewer, so that the browser's Back button closes it and a reload keeps it. */
function show(id) {
  const address = `#${encodeURIComponent(id)}`;
  if (viewer.open) location.replace(address);
  else {
    location.hash = address;
    canGoBack = true;
  }
}

function readAddress() {
  let id = "";
  try {
    id = decodeURIComponent(location.hash.slice(1));
  } catch { /* not one of our addresses */ }
  const image = byId.get(id);
  if (image) openViewer(image);
  else if (viewer.open) viewer.close();
}

function openViewer(image) {
  const isChange = current !== image;
  current = image;
  if (!viewer.open) {
    viewer.showModal();
    viewer.focus();
  }
  if (isChange) fillViewer(image);
}

viewer.addEventListener("close", () => {
  const index = shown.indexOf(current);
  current = null;
  if (location.hash && canGoBack) history.back();
  else if (location.hash) location.replace("#");
  canGoBack = false;
  if (grid.clientWidth !== laidOutWidth) layOut();
  if (index >= 0) focusTile(index);
});

function fillViewer(image) {
  const index = shown.indexOf(image);
  $("position").textContent = index < 0 ? "Not among the filtered images" : `${numbers.format(index + 1)} of ${numbers.format(shown.length)}`;
  $("previous").disabled = index <= 0;
  $("next").disabled = index < 0 ? !shown.length : index === shown.length - 1;
  $("prompt").textContent = image.prompt || "(no prompt)";
  $("revised-block").hidden = !image.revised || image.revised === image.prompt;
  $("revised").textContent = image.revised || "";
  $("command-block").hidden = !image.command;
  // An option is not broken after its dashes.
  $("command").replaceChildren(...(image.command || "").split(/( --[\w-]+)/)
    .map((part, index) => (index % 2 ? element("span", {}, part) : part)));
  $("copy-text").textContent = "Copy as command";
  $("copied").textContent = "";
  fillFacts(image);
  fillLineage(image);
  showImage(image);
  viewer.querySelector(".panel").scrollTop = 0;
}

function fillFacts(image) {
  const file = image.file && image.can_open
    ? element("a", { href: image.file, target: "_blank", rel: "noopener noreferrer" }, image.path) : image.path;
  const facts = [
    ["Model", [image.model, image.provider && `(${image.provider})`].filter(Boolean).join(" ")],
    ["Cost", image.cost === null ? (image.path ? "unknown" : "") : formatUsd(image.cost)],
    ["Size", [image.width && `${image.width} × ${image.height}`, image.bytes && formatBytes(image.bytes)].filter(Boolean).join(", ")],
    ["Created", image.created ? times.format(new Date(image.created)) : ""],
    ["State", image.state],
    ["File", file],
    ["ID", data.ids ? image.id : ""],
  ];
  $("facts").replaceChildren(...facts.filter(([, value]) => value)
    .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

// Lineage: the tree of the first image that this one was made from, by edits and variations.

const MAX_LINEAGE = 60;

function fillLineage(image) {
  let root = image;
  for (const seen = new Set([image]); ;) {
    const parent = root.inputs.map((input) => byId.get(input.id)).find((found) => found && !seen.has(found));
    if (!parent) break;
    seen.add(parent);
    root = parent;
  }
  const drawn = new Set();
  const tree = branch(root, image, drawn);
  // Inputs that are in this gallery are part of the tree.
  const inputs = image.inputs.filter((input) => !byId.has(input.id) || !drawn.has(byId.get(input.id)));
  const entries = inputs.map(inputRow);
  if (entries.length) entries.at(-1).append(element("ul", {}, tree));
  else if (drawn.size > 1) entries.push(tree);
  $("lineage").replaceChildren(...entries);
  $("lineage-block").hidden = !$("lineage").hasChildNodes();
}

function branch(image, marked, drawn) {
  drawn.add(image);
  const entry = element("button", { type: "button", "aria-current": image === marked ? "true" : null },
    smallImage(image.thumb), element("span", { dir: "auto" }, image.prompt || image.name));
  entry.addEventListener("click", () => show(image.id));
  const row = element("li", {}, entry);
  const more = element("ul");
  for (const child of children.get(image.id) ?? []) {
    if (!drawn.has(child) && drawn.size < MAX_LINEAGE) more.append(branch(child, marked, drawn));
  }
  if (more.hasChildNodes()) row.append(more);
  return row;
}

function inputRow(input) {
  return element("li", {}, element("div", { class: "input" }, smallImage(input.thumb), element("span", { dir: "auto" }, input.name)));
}

function smallImage(source) {
  return source ? element("img", { src: source, alt: "", loading: "lazy" }) : element("i", { class: "blank" });
}

// The image itself, and its before and after.

function beforeOf(image) {
  const input = image.inputs[0];
  if (!input || !image.thumb) return null;
  const parent = byId.get(input.id);
  const before = parent ?? input;
  return before.thumb ? before : null;
}

function showImage(image) {
  const before = beforeOf(image);
  $("notice").hidden = true;
  $("frame").hidden = !image.thumb;
  $("modes").hidden = !before;
  $("image").alt = image.prompt || image.name;
  $("before").alt = before ? `Before: ${before.name}` : "";
  loadBest($("image"), image);
  if (before) loadBest($("before"), before);
  else $("before").removeAttribute("src");
  if (!image.thumb) notify(image.note || image.state || "There is no preview of this image.");
  fitFrame();
  setMode("after");
}

/** Shows the thumbnail immediately and the file itself as soon as it is loaded. */
function loadBest(target, image) {
  target.src = image.thumb ?? "";
  if (!image.thumb) return target.removeAttribute("src");
  target.dataset.shows = image.id ?? "";
  if (!image.file) {
    if (image === current && image.note) notify(image.note);
    return undefined;
  }
  const full = new Image();
  full.onload = () => {
    if (target.dataset.shows === (image.id ?? "")) target.src = full.src;
  };
  full.onerror = () => {
    if (current === image) notify("The original file is missing, or this browser can’t show it. This is its thumbnail.");
  };
  full.src = image.file;
  return undefined;
}

function notify(text) {
  $("notice").textContent = text;
  $("notice").hidden = false;
}

/** The largest box with the image's shape that fits the stage. */
function fitFrame() {
  if (!current) return;
  const style = getComputedStyle($("stage"));
  const width = $("stage").clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  // Beside the panel the stage is as high as the window; above it, the stage is as high as the image.
  const isAbove = $("stage").offsetWidth === viewer.clientWidth;
  const height = isAbove ? window.innerHeight * 0.62
    : $("stage").clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  const own = { width: current.width || 1, height: current.height || 1 };
  const scale = Math.min(width / own.width, height / own.height, Math.max(1, 640 / Math.max(own.width, own.height)));
  Object.assign($("frame").style, { width: `${own.width * scale}px`, height: `${own.height * scale}px` });
}

new ResizeObserver(fitFrame).observe($("stage"));

function setMode(chosen) {
  mode = chosen;
  const compares = mode === "compare";
  $("before").hidden = mode === "after";
  $("split").hidden = $("handle").hidden = !compares;
  if (compares) moveSplit();
  else $("before").style.clipPath = "none";
  for (const button of $("modes").children) button.setAttribute("aria-pressed", button.dataset.mode === mode);
}

function moveSplit() {
  const percent = Number($("split").value);
  $("before").style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
  $("handle").style.left = `${percent}%`;
}

$("split").addEventListener("input", moveSplit);
$("modes").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  setMode(button.dataset.mode);
  if (mode === "compare") $("split").focus();
});

function step(by) {
  const index = shown.indexOf(current) + by;
  if (index >= 0 && index < shown.length) show(shown[index].id);
}

$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("close").addEventListener("click", () => viewer.close());

viewer.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === $("split")) return;
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "b" && !$("modes").hidden) setMode({ after: "before", before: "compare", compare: "after" }[mode]);
  else if (event.key === "c" && current.command) copyCommand();
});

let touch = null;
$("stage").addEventListener("pointerdown", (event) => {
  touch = event.pointerType === "touch" && event.isPrimary && event.target !== $("split") ? { x: event.clientX, y: event.clientY } : null;
});
$("stage").addEventListener("pointerup", (event) => {
  if (!touch || !event.isPrimary) return;
  const x = event.clientX - touch.x, y = event.clientY - touch.y;
  touch = null;
  if (Math.abs(x) > 48 && Math.abs(x) > 2 * Math.abs(y)) step(x < 0 ? 1 : -1);
});
$("stage").addEventListener("pointercancel", () => { touch = null; });

// --- copy as command ------------------------------------------------------------------------------------------------

async function copyCommand() {
  let done = true;
  try {
    await navigator.clipboard.writeText(current.command);
  } catch {
    done = copySelection();
  }
  $("copy-text").textContent = $("copied").textContent = done ? "Copied" : "Selected: copy it with Ctrl+C";
}

/** For browsers that allow no access to the clipboard. The text stays selected. */
function copySelection() {
  getSelection().selectAllChildren($("command"));
  return document.execCommand("copy");
}

$("copy").addEventListener("click", copyCommand);

// --- start ----------------------------------------------------------------------------------------------------------

const orders = Object.keys(ORDERS).filter((name) => name === data.order
  || (name === "cost" && images.some((image) => image.cost))
  || (name !== "listed" && name !== "cost" && images.some((image) => image.created)));
sort.append(...orders.map((name) => element("option", { value: name }, ORDERS[name].label)));
sort.value = data.order;
sort.closest("label").hidden = orders.length < 2;
window.addEventListener("hashchange", readAddress);
changeOrder();
readAddress();
