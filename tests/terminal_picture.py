"""Draws what a terminal shows, text and half blocks, as a window with a title bar; for README and for the eye."""

from __future__ import annotations

import subprocess

import pyte
from PIL import Image, ImageDraw, ImageFont

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 10, 20, 16
MARGIN, BAR = 16, 36
BACKGROUND, BAR_COLOR, FOREGROUND = "#1a1b26", "#2a2c3d", "#d5d9f0"
LIGHTS = ("#ff5f57", "#febc2e", "#28c840")
NAMED = {
    "black": "#414868",
    "red": "#f7768e",
    "green": "#9ece6a",
    "brown": "#e0af68",
    "blue": "#7aa2f7",
    "magenta": "#bb9af7",
    "cyan": "#7dcfff",
    "white": "#c0caf5",
}
DIM = "#8b90ad"


def draw_terminal(output: bytes, columns: int, rows: int) -> Image.Image:
    """The window of a terminal that has received *output*, without the empty rows at its end."""
    screen = pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(output)
    used = max((row for row, line in enumerate(screen.display) if line.strip()), default=0) + 1
    size = (columns * CELL_WIDTH + 2 * MARGIN, used * CELL_HEIGHT + 2 * MARGIN + BAR)
    image = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0], BAR), fill=BAR_COLOR)
    for number, color in enumerate(LIGHTS):
        left = MARGIN + number * 22
        draw.ellipse((left, BAR // 2 - 6, left + 12, BAR // 2 + 6), fill=color)
    font = ImageFont.truetype(find_font(), FONT_SIZE)
    for row in range(used):
        for column in range(columns):
            draw_cell(draw, screen.buffer[row][column], column, row, font)
    return image


def draw_cell(
    draw: ImageDraw.ImageDraw, cell: pyte.screens.Char, column: int, row: int, font: ImageFont.FreeTypeFont
) -> None:
    left, top = MARGIN + column * CELL_WIDTH, MARGIN + BAR + row * CELL_HEIGHT
    right, middle, bottom = left + CELL_WIDTH - 1, top + CELL_HEIGHT // 2, top + CELL_HEIGHT - 1
    foreground = color_of(cell.fg, FOREGROUND)
    if cell.bg != "default":
        draw.rectangle((left, top, right, bottom), fill=color_of(cell.bg, BACKGROUND))
    if cell.data == "▀":
        draw.rectangle((left, top, right, middle - 1), fill=foreground)
    elif cell.data == "▄":
        draw.rectangle((left, middle, right, bottom), fill=foreground)
    elif cell.data.strip():
        draw.text((left, bottom - 4), cell.data, font=font, fill=foreground, anchor="ls")


def color_of(name: str, default: str) -> str:
    return default if name == "default" else NAMED.get(name) or f"#{name}"


def find_font() -> str:
    """A font with fixed widths."""
    done = subprocess.run(["fc-match", "-f", "%{file}", "DejaVu Sans Mono"], capture_output=True, text=True, check=True)
    return done.stdout
