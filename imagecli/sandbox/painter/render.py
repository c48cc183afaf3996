"""GIFs: a scene in motion, or a light that goes round over an edited picture. They loop without a seam.

Earlier states of a finished picture, as a stream shows them: from broad patches of colour to nearly all of it.

One picture that stands still, whatever the operation.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

from PIL import Image, ImageFilter

from imagecli.domain import Size
from imagecli.sandbox.image_job import Job
from imagecli.sandbox.painter.caption import Wording, compose, letter, sign
from imagecli.sandbox.painter.edit import cut_out, edited, varied
from imagecli.sandbox.painter.encode import Painted, encode, flatten
from imagecli.sandbox.painter.scene import palette_of, scene
from imagecli.sandbox.painter.surface import Canvas

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


SAMPLES = 4
"""Frames that the common palette is made from."""
SAMPLE_EDGE = 320
"""Pixels of each."""


def moving(job: Job, index: int, wording: Wording) -> bytes:
    """Picture *index* as a GIF of so many frames."""
    frames = list(_in_few_colours(job, index, wording))
    out = io.BytesIO()
    milliseconds = max(10, round(job.frame_duration_ms / 10) * 10)
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, optimize=False)
    return out.getvalue()


def _in_few_colours(job: Job, index: int, wording: Wording) -> Iterator[Image.Image]:
    """One palette for all frames, so that nothing flickers; a frame in full colour is let go at once."""
    colours = _palette(job, index, wording)
    for frame in _frames(job, index, wording, range(job.frame_count)):
        yield frame.quantize(palette=colours, dither=Image.Dither.NONE)


def _palette(job: Job, index: int, wording: Wording) -> Image.Image:
    chosen = sorted({number * job.frame_count // SAMPLES for number in range(SAMPLES)})
    sheet = Image.new("RGB", (SAMPLE_EDGE, SAMPLE_EDGE * len(chosen)))
    for place, frame in enumerate(_frames(job, index, wording, chosen)):
        sheet.paste(frame.resize((SAMPLE_EDGE, SAMPLE_EDGE), Image.Resampling.BOX), (0, SAMPLE_EDGE * place))
    return sheet.quantize(256, method=Image.Quantize.MEDIANCUT)


def _frames(job: Job, index: int, wording: Wording, numbers: range | list[int]) -> Iterator[Image.Image]:
    """The frames of these numbers, RGB; the words stand still."""
    moments = [number / job.frame_count for number in numbers]
    if job.operation != "generations":
        picture = flatten(still(job, index, wording))
        yield from (_lit(picture, moment) for moment in moments)
        return
    first = scene(job.prompt, index, job.size)
    area = (0, 0, *first.size)
    words = compose(first, wording, palette_of(job.prompt, index), area)
    for moment in moments:
        image = scene(job.prompt, index, job.size, moment)
        if words:
            words.write(image)
        sign(image, area, words.place if words else None)
        yield image


def _lit(picture: Image.Image, moment: float) -> Image.Image:
    """A soft light on its way round the middle."""
    canvas = Canvas(Size(*picture.size), (0, 0, 0))
    canvas.image.paste(picture)
    angle, away = moment * math.tau, canvas.unit * 0.3
    at = (canvas.width / 2 + math.cos(angle) * away, canvas.height / 2 + math.sin(angle) * away)
    canvas.glow(at, canvas.unit * 0.55, (255, 250, 230), 0.75)
    return canvas.image
