"""Earlier states of a finished picture, as a stream shows them: from broad patches of colour to nearly all of it."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageFilter

from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.pictures import Painted, encode

COARSEST = 10
"""Cells along the shorter edge that nothing is coarser than."""


def earlier(picture: Painted, job: Job) -> Iterator[bytes]:
    """As many as were asked for, each in the picture's own format and size."""
    count = job.delivery.partial_images
    if picture.image is None:
        return
    for number in range(1, count + 1):
        yield encode(_coarse(picture.image, number / (count + 1)), job)


def _coarse(image: Image.Image, share: float) -> Image.Image:
    """*share* 0 has COARSEST cells, 1 is the picture; each step between adds as much detail as the one before."""
    unit = min(image.size)
    cell = max(1.0, (unit / COARSEST) ** (1 - share))
    small = image.resize((max(1, round(image.width / cell)), max(1, round(image.height / cell))), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(cell / 4))
