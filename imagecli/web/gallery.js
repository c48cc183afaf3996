"use strict";
// The page of a gallery. It reads the JSON beside it, loads images and nothing else, and has no network access.
// Texts come from people and servers: they are only ever set as textContent or as attributes, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const images = data.images;
const byId = new Map(images.map((image) => [image.id, image]));
const children = new Map();
for (const image of images) {
  for (const input of image.inputs) {
    if (byId.has(input.id)) children.set(input.id, [...(children.get(input.id) ?? []), image]);
  }
}
if (data.order === "newest") for (const list of children.values()) list.reverse();

const $ = (id) => document.getElementById(id);
const grid = $("grid"), filter = $("filter"), sort = $("sort"), viewer = $("viewer");

function element(name, attributes = {}, ...content) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) created.setAttribute(key, value === true ? "" : value);
  }
  created.append(...content.filter((part) => part !== null));
  return created;
}

// --- texts ----------------------------------------------------------------------------------------------------------

const numbers = new Intl.NumberFormat("en-US");
const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function formatUsd(usd) {
  if (usd === 0) return "free";
  if (usd < 0.001) return "less than $0.001";
  return `$${usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: usd < 0.1 ? 3 : 2 })}`;
}

function formatBytes(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function plural(count, word) {
  return `${numbers.format(count)} ${word}${count === 1 ? "" : "s"}`;
}

function summarize(shown) {
  const known = shown.filter((image) => image.cost !== null);
  const unknown = shown.filter((image) => image.cost === null && image.path).length;
  const total = known.reduce((sum, image) => sum + image.cost, 0);
  const count = shown.length === images.length ? plural(images.length, "image")
    : `${numbers.format(shown.length)} of ${plural(images.length, "image")}`;
  const cost = known.length ? formatUsd(total) : null;
  const rest = unknown ? `${cost ? "" : "cost "}unknown for ${numbers.format(unknown)}` : null;
  const states = [...new Set(shown.map((image) => image.state))].filter(Boolean)
    .map((state) => `${numbers.format(shown.filter((image) => image.state === state).length)} ${state}`);
  return [count, ...states, [cost, rest].filter(Boolean).join(", ")].filter(Boolean).join(" · ");
}

// --- filter and sort ------------------------------------------------------------------------------------------------

const ORDERS = {
  listed: { label: "Manifest order", compare: (one, other) => one.order - other.order },
  newest: { label: "Newest first", compare: (one, other) => (other.time - one.time) || one.order - other.order },
  oldest: { label: "Oldest first", compare: (one, other) => (one.time - other.time) || one.order - other.order },
  cost: { label: "Most expensive first", compare: (one, other) => (other.cost ?? -1) - (one.cost ?? -1) || one.order - other.order },
};

images.forEach((image, index) => {
  image.order = index;
  image.time = image.created ? Date.parse(image.created) : 0;
  image.text = normalize([image.prompt, image.revised, image.model, image.provider, image.name, image.state, image.id].filter(Boolean).join("\n"));
});

function normalize(text) {
  return text.normalize("NFKC").toLowerCase();
}

function select() {
  const words = normalize(filter.value).split(/\s+/).filter(Boolean);
  return sorted.filter((image) => words.every((word) => image.text.includes(word)));
}

let sorted = images, shown = images;

function update() {
  shown = select();
  $("summary").textContent = summarize(shown);
  $("empty").hidden = shown.length > 0;
  $("empty-text").textContent = images.length ? `No image matches “${filter.value.trim()}”.` : data.empty;
  $("clear").hidden = !images.length;
  active = 0;
  layOut();
}

function changeOrder() {
  sorted = [...images].sort(ORDERS[sort.value].compare);
  update();
}

// --- the grid: rows of equal height, of which only those near the screen exist ----------------------------------------

const GAP = 16, ROW_GAP = 22, MARGIN = 900;
let rows = [], places = [], active = 0, caption = 0, laidOutWidth = 0;
const rendered = new Map();

function layOut() {
  const width = grid.clientWidth;
  const isNarrow = width < 600;
  const height = isNarrow ? 190 : width < 1600 ? 230 : 270;
  laidOutWidth = width;
  caption = isNarrow ? 64 : 46;
  grid.classList.toggle("narrow", isNarrow);
  rows = [];
  places = new Array(shown.length);
  let top = 0;
  for (let first = 0; first < shown.length;) {
    const ratios = [];
    let sum = 0;
    while (first + ratios.length < shown.length) {
      const ratio = clampedRatio(shown[first + ratios.length]);
      const before = rowHeight(width, ratios.length, sum), after = rowHeight(width, ratios.length + 1, sum + ratio);
      // With one more image the row would be too low by more than it is too high without it.
      if (ratios.length && height / after > before / height) break;
      ratios.push(ratio);
      sum += ratio;
    }
    // The last row is not stretched; a single image is not much taller than the others.
    const isLast = first + ratios.length === shown.length;
    const fitting = Math.min(rowHeight(width, ratios.length, sum), height * (isLast ? 1.1 : 1.5));
    let left = 0;
    ratios.forEach((ratio, offset) => {
      places[first + offset] = { row: rows.length, left, width: Math.min(ratio * fitting, width) };
      left += ratio * fitting + GAP;
    });
    rows.push({ first, end: first + ratios.length, top, height: fitting });
    top += fitting + caption + ROW_GAP;
    first += ratios.length;
  }
  grid.style.height = `${top}px`;
  for (const tile of rendered.values()) tile.remove();
  rendered.clear();
  render();
}

/** The height at which *count* images fill the width, whose ratios have the sum *ratios*. */
function rowHeight(width, count, ratios) {
  return count ? (width - GAP * (count - 1)) / ratios : Infinity;
}

function clampedRatio(image) {
  return image.width && image.height ? Math.min(2.4, Math.max(0.66, image.width / image.height)) : 1;
}

function render() {
  const start = window.scrollY - grid.offsetTop - MARGIN, end = start + window.innerHeight + 2 * MARGIN;
  const wanted = new Set();
  for (let number = firstRow(start); number < rows.length && rows[number].top < end; number++) {
    for (let index = rows[number].first; index < rows[number].end; index++) wanted.add(index);
  }
  // Also the active tile, wherever it is: without it the Tab key and the arrows would start again at the top.
  if (active < shown.length) wanted.add(active);
  for (const [index, tile] of rendered) {
    if (!wanted.has(index)) {
      tile.remove();
      rendered.delete(index);
    }
  }
  for (const index of wanted) {
    if (!rendered.has(index)) rendered.set(index, buildTile(index));
  }
  // In reading order, for screen readers and the Tab key.
  let previous = null;
  for (const index of [...wanted].sort((one, other) => one - other)) {
    const tile = rendered.get(index);
    if (tile.parentNode !== grid || tile.previousSibling !== previous) grid.insertBefore(tile, previous ? previous.nextSibling : grid.firstChild);
    previous = tile;
  }
  markActive();
}

function firstRow(top) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height + caption < top) low = middle + 1;
    else high = middle;
  }
  return low;
}

const COMPARE_ICON = "M10 3v14M4 6h3v8H4zM13 6h3v8h-3z";

function icon(path) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

function buildTile(index) {
  const image = shown[index], place = places[index], row = rows[place.row];
  const content = image.thumb
    ? element("img", { src: image.thumb, alt: image.prompt || image.name, decoding: "async", draggable: "false" })
    : element("span", { class: "nothing" }, element("strong", {}, image.state || "No preview"), image.note || image.name);
  const button = element("button", { class: "open", type: "button", tabindex: "-1" }, content);
  if (image.thumb && image.state) button.append(element("span", { class: "badge" }, image.state));
  if (beforeOf(image)) button.append(element("span", { class: "mark", title: "Has a before and after" }, icon(COMPARE_ICON)));
  button.style.height = `${row.height}px`;
  button.addEventListener("click", () => show(image.id));
  button.addEventListener("focus", () => { active = index; markActive(); });
  const meta = [image.model, image.cost === null ? null : formatUsd(image.cost)].filter(Boolean).join(" · ");
  const words = element("div", { class: "caption" },
    element("p", { class: "words", dir: "auto", title: image.prompt || null }, image.prompt || image.name),
    element("p", { class: "meta" }, meta));
  const tile = element("li", { class: "tile", "aria-setsize": shown.length, "aria-posinset": index + 1 }, button, words);
  Object.assign(tile.style, { left: `${place.left}px`, top: `${row.top}px`, width: `${place.width}px`, height: `${row.height + caption}px` });
  return tile;
}

function markActive() {
  for (const [index, tile] of rendered) tile.firstChild.tabIndex = index === active ? 0 : -1;
}

function focusTile(index) {
  active = Math.max(0, Math.min(shown.length - 1, index));
  const row = rows[places[active].row];
  const top = grid.offsetTop + row.top - $("filter").closest("header").offsetHeight - GAP;
  const bottom = grid.offsetTop + row.top + row.height + caption + GAP;
  if (top < window.scrollY) window.scrollTo({ top });
  else if (bottom > window.scrollY + window.innerHeight) window.scrollTo({ top: bottom - window.innerHeight });
  render();
  rendered.get(active).firstChild.focus({ preventScroll: true });
}

/** The image in the row above (-1) or below (1) that is nearest. */
function neighbor(step) {
  const place = places[active], row = rows[place.row + step];
  if (!row) return active;
  const middle = place.left + place.width / 2;
  let best = row.first;
  for (let index = row.first; index < row.end; index++) {
    const distance = (at) => Math.abs(places[at].left + places[at].width / 2 - middle);
    if (distance(index) < distance(best)) best = index;
  }
  return best;
}

grid.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = {
    ArrowLeft: () => active - 1, ArrowRight: () => active + 1, ArrowUp: () => neighbor(-1), ArrowDown: () => neighbor(1),
    Home: () => 0, End: () => shown.length - 1,
  }[event.key];
  if (target) {
    event.preventDefault();
    focusTile(target());
  }
});

document.addEventListener("keydown", (event) => {
  if (viewer.open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && document.activeElement !== filter) {
    event.preventDefault();
    filter.focus();
    filter.select();
  } else if (["ArrowLeft", "ArrowRight"].includes(event.key) && document.activeElement === document.body && shown.length) {
    focusTile(active);
  }
});

filter.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && filter.value) {
    event.preventDefault();
    filter.value = "";
    update();
  } else if ((event.key === "ArrowDown" || event.key === "Enter") && shown.length) {
    event.preventDefault();
    focusTile(0);
  }
});

let frame = 0;
function renderSoon() {
  frame ||= requestAnimationFrame(() => { frame = 0; render(); });
}

filter.addEventListener("input", () => { window.scrollTo({ top: 0 }); update(); });
sort.addEventListener("change", changeOrder);
$("clear").addEventListener("click", () => { filter.value = ""; update(); filter.focus(); });
window.addEventListener("scroll", renderSoon, { passive: true });
// Behind the viewer nothing is laid out, so that the page is where it was when that closes.
new ResizeObserver(() => { if (!viewer.open) layOut(); }).observe(document.querySelector("main"));
