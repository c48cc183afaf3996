"""Draws what a terminal shows, text, half blocks and kitty's images, as a window; for README and for the eye."""

from __future__ import annotations

import base64
import io
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pyte
from PIL import Image, ImageDraw, ImageFont

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 10, 20, 16
"""Cells are as large as the program assumes if the terminal doesn't report their size."""
MARGIN, BAR = 16, 32
BACKGROUND, BAR_COLOR, FOREGROUND = "#1a1b26", "#2a2c3d", "#d5d9f0"
LIGHTS = ("#ff5f57", "#febc2e", "#28c840")
NAMED = {"red": "#f7768e", "green": "#9ece6a", "brown": "#e0af68", "blue": "#7aa2f7", "cyan": "#7dcfff"}
PROMPT = "\x1b[32m$\x1b[0m "
KITTY_IMAGE = re.compile(rb"\x1b_Ga=T[^\x1b]*?c=(\d+),r=(\d+)[^;]*;([^\x1b]*)\x1b\\((?:\x1b_Gm=[^\x1b]*\x1b\\)*)")


def record_session(commands: Sequence[str], columns: int, rows: int, folder: Path, environ: dict[str, str]) -> bytes:
    """What a terminal receives while *commands* are typed at a prompt and carried out in *folder*."""
    output = b""
    for command in commands:
        child = pexpect.spawn("/bin/sh", ["-c", command], dimensions=(rows, columns), env=environ, cwd=folder)
        output += f"{PROMPT}{command}\r\n".encode() + child.read()
    return output + f"{PROMPT}".encode()


def draw_terminal(output: bytes, columns: int, rows: int) -> Image.Image:
    """The window of a terminal that has received *output*, as tall as its content."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    images, end = [], 0
    for match in KITTY_IMAGE.finditer(output):
        stream.feed(output[end : match.start()])
        images.append((decode_image(match), screen.cursor.x, screen.cursor.y))
        stream.feed(b"\n" * (int(match[2]) - 1))
        end = match.end()
    stream.feed(output[end:])
    used = screen.cursor.y + 1
    window = Image.new("RGB", (columns * CELL_WIDTH + 2 * MARGIN, used * CELL_HEIGHT + 2 * MARGIN + BAR), BACKGROUND)
    draw = ImageDraw.Draw(window)
    draw.rectangle((0, 0, window.width, BAR), fill=BAR_COLOR)
    for number, color in enumerate(LIGHTS):
        left = MARGIN + number * 22
        draw.ellipse((left, BAR // 2 - 6, left + 12, BAR // 2 + 6), fill=color)
    font = ImageFont.truetype(find_font(), FONT_SIZE)
    for row in range(used):
        for column in range(columns):
            draw_cell(draw, screen.buffer[row][column], column, row, font)
    for image, column, row in images:
        window.paste(image, (MARGIN + column * CELL_WIDTH, MARGIN + BAR + row * CELL_HEIGHT), image)
    return window


def decode_image(match: re.Match[bytes]) -> Image.Image:
    """The image of kitty's sequences, as large as its cells."""
    data = match[3] + b"".join(re.findall(rb";([^\x1b]*)\x1b", match[4]))
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")
    return image.resize((int(match[1]) * CELL_WIDTH, int(match[2]) * CELL_HEIGHT))


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
