"""One picture that stands still, whatever the operation."""

from __future__ import annotations

from PIL import Image

from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.cutouts import cut_out
from imagecli.sandbox.painter.edits import edited
from imagecli.sandbox.painter.fonts import Wording
from imagecli.sandbox.painter.lettering import letter
from imagecli.sandbox.painter.scenes import palette_of, scene
from imagecli.sandbox.painter.signing import sign
from imagecli.sandbox.painter.variations import varied


def still(job: Job, index: int, wording: Wording) -> Image.Image:
    """Picture *index* of the job: RGB, or RGBA where something of it is transparent."""
    if job.operation == "variations":
        return varied(job, index)
    return edited(job, index, wording) if job.operation == "edits" else _generated(job, index, wording)


def unlettered(job: Job, index: int) -> Image.Image:
    """The same of an edit or a variation, without words."""
    return varied(job, index, signed=False) if job.operation == "variations" else edited(job, index, None)


def _generated(job: Job, index: int, wording: Wording) -> Image.Image:
    image = scene(job.prompt, index, job.size)
    palette = palette_of(job.prompt, index)
    if job.background == "transparent":
        return cut_out(image, wording, palette)
    area = (0, 0, *image.size)
    sign(image, area, letter(image, wording, palette, area))
    return image
