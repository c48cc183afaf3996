"""The sandbox's pictures (Pillow): the same pixels for the same request, Pillow and fonts."""

from __future__ import annotations

from PIL import Image

from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.cutouts import cut_out
from imagecli.sandbox.painter.edits import edited
from imagecli.sandbox.painter.fonts import Wording, word
from imagecli.sandbox.painter.lettering import MAX_CHARACTERS, letter, sign
from imagecli.sandbox.painter.pictures import Painted, encode
from imagecli.sandbox.painter.scenes import palette_of, scene
from imagecli.sandbox.painter.variations import varied


def paint(job: Job, index: int) -> Painted:
    """Picture *index* of the job."""
    if job.operation == "variations":
        return Painted(data=encode(varied(job, index), job))
    wording = word(job.prompt[:MAX_CHARACTERS])
    image = edited(job, index, wording) if job.operation == "edits" else _generated(job, index, wording)
    return Painted(data=encode(image, job), note=wording.note)


def _generated(job: Job, index: int, wording: Wording) -> Image.Image:
    image = scene(job.prompt, index, job.size)
    palette = palette_of(job.prompt, index)
    if job.background == "transparent":
        return cut_out(image, wording, palette)
    area = (0, 0, *image.size)
    sign(image, area, letter(image, wording, palette, area))
    return image
