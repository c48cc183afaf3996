// What is seen of the image: zoom and position, the overlay, the outline of the brush and of shapes being drawn.

const MAX_SCALE = 24;
const OVERLAY_COLORS = [[255, 32, 110], [0, 200, 120], [40, 120, 255], [255, 190, 0]];
const OVERLAY_OPACITY = 0.5;

class View {
  constructor(stage, sheet, overlay, guides) {
    Object.assign(this, { stage, sheet, overlay, guides });
    this.context = overlay.getContext("2d");
    this.scale = 1;
    this.x = this.y = 0; // of the image's top left corner, in pixels of the stage
    this.isFitted = true;
    this.colorIndex = 0;
  }

  setLayer(width, height) {
    Object.assign(this, { width, height });
    this.overlay.width = width;
    this.overlay.height = height;
    this.sheet.style.width = `${width}px`;
    this.sheet.style.height = `${height}px`;
    this.fit();
  }

  // The part of the stage that no panel covers.
  get room() {
    const { clientWidth, clientHeight } = this.stage;
    const isNarrow = matchMedia("(max-width: 720px)").matches;
    const side = isNarrow ? 12 : 40, top = isNarrow ? 52 : 80, bottom = isNarrow ? 12 : 80;
    return { left: side, top, width: Math.max(clientWidth - 2 * side, 1), height: Math.max(clientHeight - top - bottom, 1) };
  }

  get fitScale() {
    const { width, height } = this.room;
    return Math.min(Math.max(Math.min(width / this.width, height / this.height), 0.01), 8);
  }

  fit() {
    const { left, top, width, height } = this.room;
    this.isFitted = true;
    this.scale = this.fitScale;
    this.x = left + (width - this.width * this.scale) / 2;
    this.y = top + (height - this.height * this.scale) / 2;
    this.apply();
  }

  // Zooms by *factor* around a point of the stage, which stays where it is.
  zoomAt(point, factor) {
    const least = Math.min(this.fitScale / 2, 1), scale = Math.min(Math.max(this.scale * factor, least), MAX_SCALE);
    this.x = point.x - ((point.x - this.x) * scale) / this.scale;
    this.y = point.y - ((point.y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.move(0, 0);
  }

  zoomAtCenter(factor) {
    this.zoomAt({ x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }, factor);
  }

  move(dx, dy) {
    if (dx || dy) this.isFitted = false;
    // A part of the image always stays in view.
    const keep = 48, across = this.width * this.scale, down = this.height * this.scale;
    this.x = Math.min(Math.max(this.x + dx, keep - across), this.stage.clientWidth - keep);
    this.y = Math.min(Math.max(this.y + dy, keep - down), this.stage.clientHeight - keep);
    this.apply();
  }

  apply() {
    this.sheet.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.sheet.classList.toggle("enlarged", this.scale >= 3);
  }

  stagePoint(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  toLayer(point) {
    return { x: (point.x - this.x) / this.scale, y: (point.y - this.y) / this.scale };
  }

  toStage(point) {
    return { x: this.x + point.x * this.scale, y: this.y + point.y * this.scale };
  }

  // --- the overlay --------------------------------------------------------------------------------------------------

  set color(index) {
    this.colorIndex = index % OVERLAY_COLORS.length;
    const [red, green, blue] = OVERLAY_COLORS[this.colorIndex];
    this.palette = new Uint32Array(256);
    const bytes = new Uint8Array(this.palette.buffer);
    for (let value = 0; value < 256; value++) {
      bytes.set([red, green, blue, Math.round(value * OVERLAY_OPACITY)], value * 4);
    }
    [this.border] = new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer);
  }

  // Draws the area inside *box*, with an opaque border, which is visible on an image of the overlay's own color.
  drawOverlay(area, box) {
    // A pixel more on each side, because a border depends on its neighbors.
    const { left, top, right, bottom } = area.clip(box.left - 1, box.top - 1, box.right + 1, box.bottom + 1);
    if (right <= left || bottom <= top) return;
    const image = new ImageData(right - left, bottom - top), pixels = new Uint32Array(image.data.buffer);
    const { bytes, width, height } = area, { palette } = this;
    for (let y = top, at = 0; y < bottom; y++) {
      const up = y > 0 ? -width : 0, down = y + 1 < height ? width : 0;
      for (let x = left, index = y * width + left; x < right; x++, index++, at++) {
        const value = bytes[index];
        const isBorder = value >= 128 && (bytes[index + up] < 128 || bytes[index + down] < 128
          || (x > 0 && bytes[index - 1] < 128) || (x + 1 < width && bytes[index + 1] < 128));
        pixels[at] = isBorder ? this.border : palette[value];
      }
    }
    this.context.putImageData(image, left, top);
  }

  // --- outlines, in pixels of the stage -----------------------------------------------------------------------------

  clearOutlines() {
    this.guides.replaceChildren();
  }

  // A dark and a light line together are visible on every image.
  addOutline(name, attributes, ...classes) {
    for (const shade of ["dark", "light"]) {
      const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
      shape.classList.add(shade, ...classes);
      this.guides.append(shape);
    }
  }

  outlineBrush(center, radius, softness, hasCross) {
    const shown = Math.max(radius * this.scale, 2), inner = shown * (1 - softness);
    this.addOutline("circle", { cx: center.x, cy: center.y, r: shown });
    if (softness > 0 && inner > 3) this.addOutline("circle", { cx: center.x, cy: center.y, r: inner }, "dashed");
    if (hasCross || shown < 5) this.outlineCross(center);
  }

  outlineCross({ x, y }) {
    this.addOutline("path", { d: `M${x - 8} ${y}h5M${x + 3} ${y}h5M${x} ${y - 8}v5M${x} ${y + 3}v5` });
  }

  outlineBox(box) {
    const from = this.toStage({ x: box.left, y: box.top }), to = this.toStage({ x: box.right, y: box.bottom });
    const attributes = { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
    this.addOutline("rect", attributes, "dashed");
  }

  outlinePolygon(points) {
    const text = points.map((point) => this.toStage(point)).map(({ x, y }) => `${x},${y}`).join(" ");
    this.addOutline("polygon", { points: text }, "dashed");
  }
}
