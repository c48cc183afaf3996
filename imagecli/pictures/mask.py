"""A mask made to lie on its image as it is sent: exactly the image's transform, and alpha 0 where may be changed.

What imagecli writes serves both habits at once: edited area white with alpha 0, the rest black and opaque.
"""

from __future__ import annotations

from PIL import Image, ImageChops

from imagecli.domain import Framing, InputImage, InputRule, Transform
from imagecli.pictures.beside import Layer, lay
from imagecli.pictures.decode import load, open_picture
from imagecli.pictures.fit import Fitted
from imagecli.pictures.look import Look
from imagecli.pictures.pixels import rendered

_UNCHANGED = (0, 0, 0, 255)
"""Black and opaque."""


def fit_mask(look: Look, rule: InputRule, image: Fitted, framing: Framing) -> Fitted:
    """*look* as *rule* wants it, lying on its *image*. Padding is opaque: unchanged. No value is invented in resizing.

    Raises MaskError as `lay` does.
    """
    mask = Layer(
        what="mask",
        is_clear="where the picture may change",
        way_out="erase the area to be edited and save as PNG with alpha",
        formats=rule.formats,
        modes=frozenset() if rule.white else frozenset({"RGBA"}),
        max_bytes=rule.max_bytes,
        drawn=_drawn,
        redrawn="rewritten as white and black with alpha",
    )
    return lay(mask, look, image, framing)


def coverage(mask: InputImage) -> float:
    """The share of *mask* that may be changed (alpha 0), from 0.0 to 1.0."""
    pixels = load(open_picture(mask.data, mask.format, "the mask"), "the mask")
    alpha = pixels.convert("RGBA").getchannel("A")
    return alpha.histogram()[0] / (alpha.width * alpha.height)


def _drawn(look: Look, transform: Transform) -> Image.Image:
    pixels, _ = rendered(look, transform, Image.Resampling.NEAREST, padding=_UNCHANGED)
    alpha = pixels.getchannel("A")
    white = ImageChops.invert(alpha)
    return Image.merge("RGBA", (white, white, white, alpha))
