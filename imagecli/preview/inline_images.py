"""Encodes an image as a PNG in an escape sequence, for kitty's graphics protocol and for iTerm2's.

The terminal decodes the PNG and scales it to the cells. Sources: sw.kovidgoyal.net/kitty/graphics-protocol and
iterm2.com/documentation-images.html.
"""

from __future__ import annotations

import base64
from typing import Final

from PIL import Image

from imagecli.images.pillow_io import encode_with_pillow
from imagecli.preview.window import Cells

_PIECE: Final = 4096
"""The most base64 characters that one kitty sequence may have."""


def encode_kitty(image: Image.Image, cells: Cells) -> str:
    """*image* over *cells*, in pieces. q=2 keeps the terminal from answering."""
    text = _encode_png(image)
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    controls = [f"a=T,f=100,q=2,c={cells.columns},r={cells.rows},", *[""] * (len(pieces) - 1)]
    last = len(pieces) - 1
    return (
        "".join(
            f"\x1b_G{control}m={int(number < last)};{piece}\x1b\\"
            for number, (control, piece) in enumerate(zip(controls, pieces, strict=True))
        )
        + "\n"
    )


def encode_iterm(image: Image.Image, cells: Cells) -> str:
    """*image* over *cells*. Its ratio is already that of the cells."""
    text = _encode_png(image)
    options = f"inline=1;width={cells.columns};height={cells.rows};preserveAspectRatio=0"
    return f"\x1b]1337;File={options}:{text}\x07\n"


def _encode_png(image: Image.Image) -> str:
    return base64.b64encode(encode_with_pillow(image, "png", compress_level=1)).decode("ascii")
