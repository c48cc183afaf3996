"""Pictures with a transparent background: a scene as a badge with round corners."""

from __future__ import annotations

from PIL import Image, ImageDraw

from imagecli.sandbox.painter.fonts import Wording
from imagecli.sandbox.painter.lettering import letter
from imagecli.sandbox.painter.palettes import Palette
from imagecli.sandbox.painter.signing import sign


def cut_out(image: Image.Image, wording: Wording, palette: Palette) -> Image.Image:
    """RGBA: *image* inside a badge, its words included, and alpha 0 around it."""
    width, height = image.size
    margin = round(min(width, height) * 0.06)
    inset = round(min(width, height) * 0.16)
    area = (inset, inset, width - inset, height - inset)
    sign(image, area, letter(image, wording, palette, area))
    badge = Image.new("RGBA", image.size)
    badge.paste(image, mask=_badge(image.size, margin))
    return badge


def _badge(size: tuple[int, int], margin: int) -> Image.Image:
    fine = 2
    mask = Image.new("L", (size[0] * fine, size[1] * fine))
    box = (margin * fine, margin * fine, (size[0] - margin) * fine, (size[1] - margin) * fine)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(size) * fine * 0.26, fill=255)
    return mask.reduce(fine)
