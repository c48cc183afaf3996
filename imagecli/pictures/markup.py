"""A drawing over the first picture, arrows and circles that show what is meant: made to lie on it as it is sent.

OpenAI API reference, read 2026-11-22: a PNG with transparent pixels, as large as the first image once that is upright.
"""

from __future__ import annotations

from PIL import Image

from imagecli.domain import Framing, Transform
from imagecli.pictures.beside import Layer, lay
from imagecli.pictures.fit import Fitted
from imagecli.pictures.look import SENDABLE, Look
from imagecli.pictures.pixels import rendered


def fit_markup(look: Look, max_bytes: int, image: Fitted, framing: Framing) -> Fitted:
    """*look* as PNG of at most *max_bytes*, lying on its *image*. Raises MaskError as `lay` does."""
    drawing = Layer(
        what="drawing",
        is_clear="where the picture shows through",
        way_out="draw on a transparent layer, and save that layer alone as PNG",
        formats=("png",),
        modes=SENDABLE,
        max_bytes=max_bytes,
        drawn=_drawn,
        redrawn="compressed anew",
    )
    return lay(drawing, look, image, framing)


def _drawn(look: Look, transform: Transform) -> Image.Image:
    pixels, _ = rendered(look, transform, Image.Resampling.LANCZOS)
    return pixels.convert("RGBA")
