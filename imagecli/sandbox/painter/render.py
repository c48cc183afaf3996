"""GIFs: a scene in motion, or a light that goes round over an edited picture. They loop without a seam."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.canvas import Canvas
from imagecli.sandbox.painter.fonts import Wording
from imagecli.sandbox.painter.lettering import compose
from imagecli.sandbox.painter.pictures import flatten
from imagecli.sandbox.painter.scenes import palette_of, scene
from imagecli.sandbox.painter.signing import sign
from imagecli.sandbox.painter.still import still

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
