// The tools and what operates them: pointers, keys and buttons.

const $ = (id) => document.getElementById(id);
const stage = $("stage");
const view = new View(stage, $("sheet"), $("overlay"), $("guides"));
const SMALLEST_BRUSH = 2; // pixels of the layer

const state = {
  info: null,
  area: null, // a PaintedArea
  tool: "brush",
  isRemoving: false, // for rectangle, lasso and fill
  diameter: 40, // of the brush, in pixels of the layer
  softness: 0,
  action: null, // what the pressed pointer or the pressed brush of the keyboard draws
  lastPoint: null, // where the last line ended, for straight lines
  cursor: null, // a point of the stage
  isKeyboard: false, // the cursor is moved by keys
  isSpaceDown: false,
  isDirty: false, // painted since the page was loaded
};
const pointers = new Map(); // of touches that zoom, or of the button that moves the image

// --- actions: from pressing to lifting ------------------------------------------------------------------------------

function beginAction(point, reversed) {
  const isBrush = state.tool === "brush" || state.tool === "eraser";
  const erase = (isBrush ? state.tool === "eraser" : state.isRemoving) !== reversed;
  state.action = { tool: isBrush ? "brush" : state.tool, erase, start: point, points: [point], box: null };
  if (isBrush) continueLine(point, point);
}

function moveAction(point) {
  const { action } = state;
  const last = action.points[action.points.length - 1];
  if (action.tool === "brush") continueLine(last, point);
  // The corners that a lasso needs, and not one for each event.
  if (action.tool !== "lasso" || Math.hypot(point.x - last.x, point.y - last.y) * view.scale >= 2) action.points.push(point);
  if (action.tool === "brush") action.points = [point];
}

function continueLine(from, to) {
  const brush = { radius: state.diameter / 2, softness: state.softness, erase: state.action.erase };
  const box = state.area.drawLine(from, to, brush);
  state.action.box = joinBoxes(state.action.box, box);
  show(box);
}

function endAction(point) {
  const { action, area } = state, value = action.erase ? 0 : 255;
  state.action = null;
  let { box } = action;
  if (action.tool === "rectangle") {
    box = draggedBox(action.start, point);
    area.fillBox(box, value);
  } else if (action.tool === "lasso") {
    box = area.fillPolygon(action.points, value);
  } else if (action.tool === "fill") {
    const x = Math.floor(point.x), y = Math.floor(point.y);
    const isInside = x >= 0 && y >= 0 && x < area.width && y < area.height;
    box = isInside ? area.fillConnected(x, y, action.erase) : null;
  }
  state.lastPoint = point;
  finish(box);
}

function cancelAction() {
  const { action } = state;
  state.action = null;
  if (action?.box) {
    state.area.rollBack(action.box);
    show(action.box);
  }
  drawOutlines();
}

// Whole pixels, so that a rectangle has sharp edges.
function draggedBox(from, to) {
  const { width, height } = state.area;
  const within = (value, limit) => Math.min(Math.max(Math.round(value), 0), limit);
  const xs = [within(from.x, width), within(to.x, width)], ys = [within(from.y, height), within(to.y, height)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

// Records a change inside *box* for undo and for a reload.
function finish(box) {
  if (box && box.right > box.left && box.bottom > box.top && state.area.commit(box)) {
    show(box);
    changed();
  }
  drawOutlines();
}

function changed() {
  state.isDirty = true;
  server.sendDraft(state.area.bytes);
  showShare();
  announce($("share").textContent);
  $("undo").disabled = !state.area.past.length;
  $("redo").disabled = !state.area.future.length;
}

function takeStep(box) {
  if (!box) return;
  show(box);
  changed();
}

const commands = {
  undo: () => state.action || takeStep(state.area.undo()),
  redo: () => state.action || takeStep(state.area.redo()),
  invert() {
    state.area.invert();
    finish(state.area.everything);
  },
  clear() {
    state.area.fillBox(state.area.everything, 0);
    finish(state.area.everything);
  },
  async save() {
    if ($("save").disabled || state.action) return;
    $("save").disabled = true;
    if (await server.save(state.area.bytes)) {
      showEnd("Mask saved", "You can close this page and return to the terminal.", "done");
    } else {
      $("save").disabled = false;
      $("lost").hidden = false;
    }
  },
  async cancel() {
    if (state.isDirty && !confirm("Discard the painted mask?")) return;
    if (await server.cancel()) showEnd("Cancelled", "No mask was written. You can close this page.", "close");
  },
};

// --- what is shown --------------------------------------------------------------------------------------------------

let shareTimer = 0;

function show(box) {
  view.drawOverlay(state.area, box);
  // Counting takes milliseconds, so while painting it is done ten times a second at most.
  shareTimer ||= setTimeout(showShare, 100);
}

function showShare() {
  clearTimeout(shareTimer);
  shareTimer = 0;
  const { area, info } = state;
  const share = area.count(info.editedFrom) / area.bytes.length;
  $("share").textContent = !share ? "Paint the area to edit" : share === 1 ? "All of the image may change" : `${percent(share)} may change`;
  $("gauge").style.transform = `scaleX(${share})`;
  $("coverage").classList.toggle("some", share > 0);
  $("coverage").classList.toggle("all", share === 1);
  $("save").disabled = !share;
}

function percent(share) {
  if (share < 0.0005) return "Less than 0.1%";
  return share >= 0.9995 ? "More than 99.9%" : `${(share * 100).toFixed(1)}%`;
}

function announce(text) {
  $("announcement").textContent = text;
}

function drawOutlines() {
  view.clearOutlines();
  const { action, cursor, tool } = state;
  if (action?.tool === "rectangle") view.outlineBox(draggedBox(action.start, action.end ?? action.start));
  if (action?.tool === "lasso") view.outlinePolygon(action.points);
  if (!cursor || state.isSpaceDown) return;
  if (tool === "brush" || tool === "eraser") view.outlineBrush(cursor, state.diameter / 2, state.softness, state.isKeyboard);
  else view.outlineCross(cursor);
}

function showZoom() {
  const actual = (view.scale * state.info.layerWidth) / state.info.width;
  $("zoom-value").textContent = `${actual < 0.1 ? (actual * 100).toFixed(1) : Math.round(actual * 100)}%`;
  drawOutlines();
}

function showBrush() {
  const [min, max] = brushRange(), image = state.info.width / state.info.layerWidth;
  $("brush-size").value = (Math.log(state.diameter / min) / Math.log(max / min)) * 100;
  $("size-value").textContent = `${Math.round(state.diameter * image)} px`;
  $("softness").value = state.softness * 100;
  $("softness-value").textContent = `${Math.round(state.softness * 100)}%`;
  drawOutlines();
}

// While a slider is moved, there is no pointer over the image to show the brush.
function previewBrush() {
  state.cursor = { x: stage.clientWidth / 2, y: stage.clientHeight / 2 };
  showBrush();
}

function brushRange() {
  return [SMALLEST_BRUSH, Math.max(SMALLEST_BRUSH * 2, Math.max(state.area.width, state.area.height) / 2)];
}

function chooseTool(tool) {
  cancelAction();
  state.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", button.dataset.tool === tool);
  }
  const isBrush = tool === "brush" || tool === "eraser";
  $("brush-options").hidden = !isBrush;
  $("shape-options").hidden = isBrush;
  drawOutlines();
}

function chooseEffect(isRemoving) {
  state.isRemoving = isRemoving;
  for (const button of document.querySelectorAll("[data-effect]")) {
    button.setAttribute("aria-pressed", (button.dataset.effect === "remove") === isRemoving);
  }
}

function swapEffect() {
  if (state.tool === "brush" || state.tool === "eraser") chooseTool(state.tool === "brush" ? "eraser" : "brush");
  else chooseEffect(!state.isRemoving);
}

function resizeBrush(factor) {
  const [min, max] = brushRange();
  state.diameter = Math.min(Math.max(state.diameter * factor, min), max);
  showBrush();
}

function soften(step) {
  state.softness = Math.min(Math.max(Math.round((state.softness + step) * 20) / 20, 0), 1);
  showBrush();
}

function toggleOverlay() {
  const isOff = $("overlay").classList.toggle("off");
  $("toggle").setAttribute("aria-pressed", !isOff);
  $("toggle-icon").setAttribute("href", isOff ? "#i-eye-off" : "#i-eye");
}

function chooseColor(index) {
  view.color = index;
  document.documentElement.style.setProperty("--tint", `rgb(${OVERLAY_COLORS[view.colorIndex].join(" ")})`);
  view.drawOverlay(state.area, state.area.everything);
}

function zoom(factor) {
  view.zoomAtCenter(factor);
  showZoom();
}

function zoomToActualSize() {
  zoom(state.info.width / state.info.layerWidth / view.scale);
}

function fit() {
  view.fit();
  showZoom();
}

function showEnd(title, text, icon) {
  $("end-title").textContent = title;
  $("end-text").textContent = text;
  $("end-icon").setAttribute("href", `#i-${icon}`);
  $("end-download").hidden = icon !== "done";
  $("lost").hidden = true;
  $("end").showModal();
}

// The mask as a file, in black and white: in case the command can't receive it.
function download() {
  const { area, info } = state, canvas = document.createElement("canvas");
  Object.assign(canvas, { width: area.width, height: area.height });
  const image = new ImageData(area.width, area.height);
  for (let index = 0; index < area.bytes.length; index++) image.data.fill(area.bytes[index], index * 4, index * 4 + 3);
  for (let index = 3; index < image.data.length; index += 4) image.data[index] = 255;
  canvas.getContext("2d").putImageData(image, 0, 0);
  const link = document.createElement("a");
  link.download = `${info.name.replace(/^.*[/\\]|\.[^.]*$/g, "")}-mask.png`;
  canvas.toBlob((file) => {
    link.href = URL.createObjectURL(file);
    link.click();
    state.isDirty = false;
  });
}

// --- pointers -------------------------------------------------------------------------------------------------------

function isReversed(event) {
  return event.altKey || event.button === 2 || (event.buttons & 2) !== 0;
}

function onPointerDown(event) {
  const point = view.stagePoint(event), penIsDown = [...pointers.values()].some((one) => one.type === "pen");
  if (event.pointerType === "touch" && penIsDown) return; // the hand that holds the pen
  stage.setPointerCapture(event.pointerId);
  stage.focus({ preventScroll: true, focusVisible: false });
  event.preventDefault();
  pointers.set(event.pointerId, { ...point, type: event.pointerType, moves: event.button === 1 || state.isSpaceDown });
  setCursor(point, false);
  if (pointers.size > 1) {
    cancelAction(); // two fingers zoom
  } else if (!pointers.get(event.pointerId).moves) {
    const target = view.toLayer(point), isLine = event.shiftKey && state.lastPoint && /brush|eraser/.test(state.tool);
    beginAction(isLine ? state.lastPoint : target, isReversed(event));
    if (isLine) moveAction(target);
    drawOutlines();
  }
}

function onPointerMove(event) {
  const pointer = pointers.get(event.pointerId);
  const point = view.stagePoint(event);
  if (!pointer) {
    if (!pointers.size) setCursor(point, false);
    return;
  }
  if (pointers.size > 1) pinch(pointer, point);
  else if (pointer.moves) view.move(point.x - pointer.x, point.y - pointer.y);
  Object.assign(pointer, point);
  if (state.action) {
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) moveAction(view.toLayer(view.stagePoint(one)));
    state.action.end = view.toLayer(point);
  }
  setCursor(point, false);
}

function onPointerUp(event) {
  const pointer = pointers.get(event.pointerId);
  if (!pointer) return;
  pointers.delete(event.pointerId);
  if (state.action && event.type === "pointercancel") cancelAction();
  else if (state.action) endAction(view.toLayer(view.stagePoint(event)));
  if (event.pointerType !== "mouse") setCursor(null, false);
  // The finger that stays down after a pinch moves the image, and paints nothing.
  for (const other of pointers.values()) other.moves = true;
}

function pinch(pointer, point) {
  const other = [...pointers.values()].find((one) => one !== pointer);
  const before = Math.hypot(pointer.x - other.x, pointer.y - other.y), after = Math.hypot(point.x - other.x, point.y - other.y);
  view.move((point.x - pointer.x) / 2, (point.y - pointer.y) / 2);
  if (before > 0 && after > 0) view.zoomAt({ x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 }, after / before);
  showZoom();
}

function setCursor(point, isKeyboard) {
  state.cursor = point;
  state.isKeyboard = isKeyboard;
  drawOutlines();
}

function onWheel(event) {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 32 : 1;
  // Browsers report a pinch on a trackpad as scrolling with Ctrl.
  if (event.ctrlKey || event.metaKey) view.zoomAt(view.stagePoint(event), Math.exp(-Math.max(-60, Math.min(60, event.deltaY * unit)) / 150));
  else if (event.shiftKey && !event.deltaX) view.move(-event.deltaY * unit, 0);
  else view.move(-event.deltaX * unit, -event.deltaY * unit);
  showZoom();
}

// --- keys -----------------------------------------------------------------------------------------------------------

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  b: () => chooseTool("brush"), e: () => chooseTool("eraser"), r: () => chooseTool("rectangle"),
  l: () => chooseTool("lasso"), f: () => chooseTool("fill"), x: swapEffect,
  "[": () => resizeBrush(1 / 1.15), "]": () => resizeBrush(1.15), "{": () => soften(-0.1), "}": () => soften(0.1),
  i: commands.invert, Delete: commands.clear, Backspace: commands.clear,
  o: toggleOverlay, c: () => chooseColor(view.colorIndex + 1),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit, 1: zoomToActualSize,
  "?": () => $("shortcuts").showModal(),
};
const CONTROL_KEYS = { z: commands.undo, "shift+z": commands.redo, y: commands.redo, s: commands.save };

function onKeyDown(event) {
  if (document.querySelector("dialog[open]") || server.hasEnded) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  let run = null;
  if (event.ctrlKey || event.metaKey) run = CONTROL_KEYS[event.shiftKey ? `shift+${key}` : key];
  else if (document.activeElement === stage && ARROWS[key]) run = () => moveByKey(ARROWS[key], event);
  else if (document.activeElement === stage && key === "Enter") run = () => event.repeat || pressByKey(event);
  else if (key === " " && !event.target.closest("button, input")) run = () => setSpace(true);
  else if (key === "Escape") run = cancelAction;
  else if (!event.altKey) run = KEYS[key];
  if (!run) return;
  event.preventDefault();
  run();
}

function setSpace(isDown) {
  state.isSpaceDown = isDown;
  stage.classList.toggle("moving", isDown);
  drawOutlines();
}

// A quarter of the brush, or a few pixels for shapes; with Shift eight times as far.
function moveByKey([across, down], event) {
  const isBrush = state.tool === "brush" || state.tool === "eraser";
  const step = (isBrush ? Math.max(state.diameter / 4, 1) : Math.max(4 / view.scale, 1)) * (event.shiftKey ? 8 : 1);
  const { width, height } = state.area, from = keyboardPoint();
  const point = {
    x: Math.min(Math.max(from.x + across * step, 0), width), y: Math.min(Math.max(from.y + down * step, 0), height),
  };
  if (state.action) {
    moveAction(point);
    state.action.end = point;
  }
  keepInView(point);
  setCursor(view.toStage(point), true);
}

function keyboardPoint() {
  return state.cursor ? view.toLayer(state.cursor) : { x: state.area.width / 2, y: state.area.height / 2 };
}

function pressByKey(event) {
  const point = keyboardPoint();
  if (state.action) {
    endAction(point);
  } else {
    beginAction(point, event.altKey);
    // There is nothing to draw while the fill tool is pressed.
    if (state.tool === "fill") endAction(point);
    else announce("Pressed. Arrow keys draw, Enter lifts.");
  }
  setCursor(view.toStage(point), true);
}

function keepInView(point) {
  const { x, y } = view.toStage(point), margin = 24, { clientWidth, clientHeight } = stage;
  const dx = x < margin ? margin - x : Math.min(0, clientWidth - margin - x);
  const dy = y < margin ? margin - y : Math.min(0, clientHeight - margin - y);
  if (dx || dy) view.move(dx, dy);
}

// --- start ----------------------------------------------------------------------------------------------------------

function listen() {
  stage.addEventListener("pointerdown", onPointerDown);
  stage.addEventListener("pointermove", onPointerMove);
  stage.addEventListener("pointerup", onPointerUp);
  stage.addEventListener("pointercancel", onPointerUp);
  stage.addEventListener("pointerleave", () => state.isKeyboard || setCursor(null, false));
  stage.addEventListener("wheel", onWheel, { passive: false });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("keydown", onKeyDown);
  addEventListener("keyup", (event) => event.key === " " && setSpace(false));
  addEventListener("blur", () => setSpace(false));
  addEventListener("resize", () => (view.isFitted ? fit() : view.move(0, 0)));
  addEventListener("beforeunload", (event) => state.isDirty && !server.hasEnded && event.preventDefault());
  const clicks = {
    undo: commands.undo, redo: commands.redo, invert: commands.invert, clear: commands.clear, save: commands.save,
    cancel: commands.cancel, help: KEYS["?"], toggle: toggleOverlay, color: KEYS.c, fit, keep: download,
    "end-download": download, "zoom-in": KEYS["+"], "zoom-out": KEYS["-"], "zoom-value": zoomToActualSize,
  };
  for (const [id, run] of Object.entries(clicks)) $(id).addEventListener("click", run);
  for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => chooseTool(button.dataset.tool));
  for (const button of document.querySelectorAll("[data-effect]")) {
    button.addEventListener("click", () => chooseEffect(button.dataset.effect === "remove"));
  }
  document.querySelector("[data-close]").addEventListener("click", () => $("shortcuts").close());
  $("end").addEventListener("cancel", (event) => event.preventDefault());
  $("brush-size").addEventListener("input", () => {
    const [min, max] = brushRange();
    state.diameter = min * (max / min) ** ($("brush-size").value / 100);
    previewBrush();
  });
  $("softness").addEventListener("input", () => {
    state.softness = $("softness").value / 100;
    previewBrush();
  });
  for (const id of ["brush-size", "softness"]) $(id).addEventListener("change", () => setCursor(null, false));
}

async function start() {
  server.watch((isRunning) => ($("lost").hidden = isRunning));
  const [info, bytes] = await Promise.all([server.fetchInfo(), server.fetchArea()]);
  state.info = info;
  state.area = new PaintedArea(info.layerWidth, info.layerHeight, bytes);
  state.diameter = Math.max(SMALLEST_BRUSH, Math.min(info.layerWidth, info.layerHeight) * 0.08);
  const file = info.name.replace(/^.*[/\\]/, "");
  document.title = `${file} – paint a mask`;
  $("name").textContent = file;
  $("size").textContent = `${info.width} × ${info.height}`;
  $("image").src = "image";
  await $("image").decode();
  $("loading").remove();
  view.setLayer(info.layerWidth, info.layerHeight);
  chooseColor(0);
  showShare();
  showZoom();
  showBrush();
  listen();
  stage.focus({ focusVisible: false });
  document.documentElement.dataset.ready = "true";
}

start().catch(() => ($("lost").hidden = false));
