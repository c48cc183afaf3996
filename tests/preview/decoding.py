"""Decodes the output for a terminal back to pixels, as the terminal does."""

from __future__ import annotations

import base64
import io
import re

import pyte
from PIL import Image


def decode_kitty(text: str) -> tuple[Image.Image, dict[str, str]]:
    """The image, and the first sequence's options."""
    pieces = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert text == "".join(f"\x1b_G{control};{piece}\x1b\\" for control, piece in pieces) + "\n"
    assert all(len(piece) == 4096 for _, piece in pieces[:-1])
    assert 0 < len(pieces[-1][1]) <= 4096
    options = [dict(pair.split("=") for pair in control.split(",")) for control, _ in pieces]
    assert [one.pop("m") for one in options] == ["1"] * (len(pieces) - 1) + ["0"]
    assert not any(options[1:])
    return png("".join(piece for _, piece in pieces)), options[0]


def decode_iterm(text: str) -> tuple[Image.Image, dict[str, str]]:
    """The image, and the options."""
    match = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07\n", text)
    assert match
    return png(match[2]), dict(pair.split("=") for pair in match[1].split(";"))


def png(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    assert image.format == "PNG"
    return image.convert("RGBA")


def decode_sixel(text: str) -> Image.Image:
    """The image; where no sixel was set it is transparent."""
    head = re.match(r'\x1bP0;1;0q"1;1;(\d+);(\d+)', text)
    assert head
    assert text.endswith("\x1b\\\n")
    image = Image.new("RGBA", (int(head[1]), int(head[2])))
    pixels = image.load()
    assert pixels is not None
    palette: dict[int, tuple[int, int, int, int]] = {}
    color, left, top = 0, 0, 0
    for command in re.finditer(
        r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)", text[head.end() : -3]
    ):
        number, red, green, blue, count, repeated, single, back, down = command.groups()
        if number:
            color = int(number)
            if red:
                palette[color] = (round(int(red) * 2.55), round(int(green) * 2.55), round(int(blue) * 2.55), 255)
        elif back:
            left = 0
        elif down:
            left, top = 0, top + 6
        else:
            bits = ord(repeated or single) - 63
            end = left + int(count or 1)
            for place in [(column, top + row) for column in range(left, end) for row in range(6) if bits >> row & 1]:
                assert pixels[place] == (0, 0, 0, 0), "drawn twice"
                pixels[place] = palette[color]
            left = end
    return image


def decode_blocks(text: str, columns: int = 200, rows: int = 100) -> Image.Image:
    """The image that a terminal of *columns* × *rows* shows, two pixels for each cell; empty halves are transparent."""
    screen = pyte.Screen(columns, rows + 1)  # the cursor ends below the image
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    image = Image.new("RGBA", (columns, 2 * rows))
    for row in range(rows):
        for column in range(columns):
            cell = screen.buffer[row][column]
            upper, lower = {"▀": (cell.fg, cell.bg), "▄": (cell.bg, cell.fg)}.get(cell.data, (cell.bg, cell.bg))
            for half, color in enumerate((upper, lower)):
                if color != "default":
                    image.putpixel((column, 2 * row + half), (*bytes.fromhex(color), 255))
    return image
