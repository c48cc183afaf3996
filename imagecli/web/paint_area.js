"use strict";
// The painted area as bytes, one for each pixel of the layer: 255 where the image may be edited, 0 where it is kept.
// Plain arithmetic instead of a canvas, because browsers smooth what a canvas draws and some falsify what it gives back.

const HISTORY_BYTES = 128 * 1024 * 1024;

class PaintedArea {
  constructor(width, height, bytes) {
    this.width = width;
    this.height = height;
    this.bytes = bytes;
    this.committed = bytes.slice(); // as of the last finished action
    this.past = [];
    this.future = [];
  }

  // A box inside the layer: whole pixels, its right and bottom edges not included.
  clip(left, top, right, bottom) {
    return {
      left: Math.max(0, Math.floor(left)),
      top: Math.max(0, Math.floor(top)),
      right: Math.min(this.width, Math.ceil(right)),
      bottom: Math.min(this.height, Math.ceil(bottom)),
    };
  }

  get everything() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  // Draws a line with a round brush. A pixel belongs to it if its center is inside; a soft brush fades towards its edge.
  drawLine(from, to, { radius, softness, erase }) {
    const box = this.clip(
      Math.min(from.x, to.x) - radius, Math.min(from.y, to.y) - radius,
      Math.max(from.x, to.x) + radius, Math.max(from.y, to.y) + radius,
    );
    const { bytes, width } = this;
    const dx = to.x - from.x, dy = to.y - from.y, squared = dx * dx + dy * dy;
    const inner = radius * (1 - softness), fade = radius - inner;
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left, index = y * width + x; x < box.right; x++, index++) {
        const px = x + 0.5 - from.x, py = y + 0.5 - from.y;
        const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
        const distance = (px - along * dx) ** 2 + (py - along * dy) ** 2;
        if (distance > radius * radius) continue;
        let value = 255;
        if (distance > inner * inner) {
          const part = (radius - Math.sqrt(distance)) / fade;
          value = Math.round(255 * part * part * (3 - 2 * part));
        }
        if (erase) bytes[index] = Math.min(bytes[index], 255 - value);
        else bytes[index] = Math.max(bytes[index], value);
      }
    }
    return box;
  }

  fillBox({ left, top, right, bottom }, value) {
    for (let y = top; y < bottom; y++) this.bytes.fill(value, y * this.width + left, y * this.width + right);
  }

  // Fills everything that the line through *points* goes around, also where it crosses itself.
  fillPolygon(points, value) {
    const xs = points.map((point) => point.x), ys = points.map((point) => point.y);
    const box = this.clip(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
    for (let y = box.top; y < box.bottom; y++) {
      const crossings = this.crossings(points, y + 0.5);
      for (let index = 0, winding = 0; index + 1 < crossings.length; index++) {
        winding += crossings[index].direction;
        if (!winding) continue;
        const left = Math.max(0, Math.ceil(crossings[index].x - 0.5));
        const right = Math.min(this.width, Math.ceil(crossings[index + 1].x - 0.5));
        if (left < right) this.bytes.fill(value, y * this.width + left, y * this.width + right);
      }
    }
    return box;
  }

  crossings(points, y) {
    const found = [];
    let from = points[points.length - 1];
    for (const to of points) {
      if (from.y <= y !== to.y <= y) {
        const x = from.x + ((y - from.y) * (to.x - from.x)) / (to.y - from.y);
        found.push({ x, direction: to.y > from.y ? 1 : -1 });
      }
      from = to;
    }
    return found.sort((one, other) => one.x - other.x);
  }

  // Fills the connected part around a point that is not painted yet; erasing, the part that is painted.
  fillConnected(startX, startY, erase) {
    const { bytes, width, height } = this;
    const value = erase ? 0 : 255;
    const isOpen = (index) => (erase ? bytes[index] > 0 : bytes[index] < 128);
    const box = { left: width, top: height, right: 0, bottom: 0 };
    const stack = [startY * width + startX];
    while (stack.length) {
      const index = stack.pop();
      if (!isOpen(index)) continue;
      const y = Math.floor(index / width), row = y * width;
      let left = index, right = index + 1;
      while (left > row && isOpen(left - 1)) left--;
      while (right < row + width && isOpen(right)) right++;
      bytes.fill(value, left, right);
      box.left = Math.min(box.left, left - row);
      box.right = Math.max(box.right, right - row);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
      for (const next of [y > 0 ? -width : 0, y + 1 < height ? width : 0]) {
        if (!next) continue;
        for (let at = left + next; at < right + next; at++) {
          // One entry for each run of open pixels.
          if (isOpen(at) && (at === left + next || !isOpen(at - 1))) stack.push(at);
        }
      }
    }
    return box;
  }

  invert() {
    const { bytes } = this;
    for (let index = 0; index < bytes.length; index++) bytes[index] = 255 - bytes[index];
  }

  // How many pixels are at least *value*.
  count(value) {
    const { bytes } = this;
    let found = 0;
    for (let index = 0; index < bytes.length; index++) if (bytes[index] >= value) found++;
    return found;
  }

  // --- history ------------------------------------------------------------------------------------------------------

  // Ends an action that changed pixels inside *box*. Returns whether it changed any.
  commit(box) {
    const before = this.copyOf(this.committed, box), after = this.copyOf(this.bytes, box);
    if (!before.some((value, index) => value !== after[index])) return false;
    this.paste(this.committed, box, after);
    this.past.push({ box, bytes: before });
    this.future = [];
    let total = this.past.reduce((sum, step) => sum + step.bytes.length, 0);
    while (total > HISTORY_BYTES && this.past.length > 1) total -= this.past.shift().bytes.length;
    return true;
  }

  // Reverts what an unfinished action changed inside *box*.
  rollBack(box) {
    this.paste(this.bytes, box, this.copyOf(this.committed, box));
  }

  undo() {
    return this.step(this.past, this.future);
  }

  redo() {
    return this.step(this.future, this.past);
  }

  // Exchanges the last step of *from* with the pixels; returns its box, or null if there is none.
  step(from, to) {
    const step = from.pop();
    if (!step) return null;
    to.push({ box: step.box, bytes: this.copyOf(this.bytes, step.box) });
    this.paste(this.bytes, step.box, step.bytes);
    this.paste(this.committed, step.box, step.bytes);
    return step.box;
  }

  copyOf(bytes, { left, top, right, bottom }) {
    const across = Math.max(0, right - left), copy = new Uint8Array(across * Math.max(0, bottom - top));
    for (let y = top, at = 0; y < bottom; y++, at += across) {
      copy.set(bytes.subarray(y * this.width + left, y * this.width + left + across), at);
    }
    return copy;
  }

  paste(bytes, { left, top, right, bottom }, copy) {
    const across = Math.max(0, right - left);
    for (let y = top, at = 0; y < bottom; y++, at += across) {
      bytes.set(copy.subarray(at, at + across), y * this.width + left);
    }
  }
}

// The smallest box around two boxes; either may be null.
function joinBoxes(one, other) {
  if (!one || !other) return one ?? other;
  return {
    left: Math.min(one.left, other.left),
    top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right),
    bottom: Math.max(one.bottom, other.bottom),
  };
}
