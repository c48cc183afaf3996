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
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import Caption, draw_caption, draw_label, lay_out_caption
from imagecli.sandbox.painter.edit import cut_out, paint_edit, paint_variation
from imagecli.sandbox.painter.encode import PaintedImage, encode_image, flatten_on_white
from imagecli.sandbox.painter.scene import choose_palette, paint_scene
from imagecli.sandbox.painter.surface import Canvas

COARSEST = 10
"""Cells along the shorter edge that nothing is coarser than."""


def paint_earlier_states(picture: PaintedImage, job: ImageJob) -> Iterator[bytes]:
    """As many as were asked for, each in the picture's own format and size."""
    count = job.delivery.partial_images
    if picture.image is None:
        return
    for number in range(1, count + 1):
        yield encode_image(_coarsen(picture.image, number / (count + 1)), job)


def _coarsen(image: Image.Image, share: float) -> Image.Image:
    """*share* 0 has COARSEST cells, 1 is the picture; each step between adds as much detail as the one before."""
    unit = min(image.size)
    cell = max(1.0, (unit / COARSEST) ** (1 - share))
    small = image.resize((max(1, round(image.width / cell)), max(1, round(image.height / cell))), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(cell / 4))


def paint_still(job: ImageJob, index: int, wording: Caption) -> Image.Image:
    """InputPicture *index* of the job: RGB, or RGBA where something of it is transparent."""
    if job.operation == "variations":
        return paint_variation(job, index)
    return paint_edit(job, index, wording) if job.operation == "edits" else _paint_generated(job, index, wording)


def paint_without_caption(job: ImageJob, index: int) -> Image.Image:
    """The same of an edit or a variation, without words."""
    return paint_variation(job, index, signed=False) if job.operation == "variations" else paint_edit(job, index, None)


def _paint_generated(job: ImageJob, index: int, wording: Caption) -> Image.Image:
    image = paint_scene(job.prompt, index, job.size)
    palette = choose_palette(job.prompt, index)
    if job.background == "transparent":
        return cut_out(image, wording, palette)
    area = (0, 0, *image.size)
    draw_label(image, area, draw_caption(image, wording, palette, area))
    return image


SAMPLES = 4
"""Frames that the common palette is made from."""
SAMPLE_EDGE = 320
"""Pixels of each."""


def paint_gif(job: ImageJob, index: int, wording: Caption) -> bytes:
    """InputPicture *index* as a GIF of so many frames."""
    frames = list(_quantized_frames(job, index, wording))
    out = io.BytesIO()
    milliseconds = max(10, round(job.frame_duration_ms / 10) * 10)
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, optimize=False)
    return out.getvalue()


def _quantized_frames(job: ImageJob, index: int, wording: Caption) -> Iterator[Image.Image]:
    """One palette for all frames, so that nothing flickers; a frame in full colour is let go at once."""
    colours = _gif_palette(job, index, wording)
    for frame in _paint_frames(job, index, wording, range(job.frame_count)):
        yield frame.quantize(palette=colours, dither=Image.Dither.NONE)


def _gif_palette(job: ImageJob, index: int, wording: Caption) -> Image.Image:
    chosen = sorted({number * job.frame_count // SAMPLES for number in range(SAMPLES)})
    sheet = Image.new("RGB", (SAMPLE_EDGE, SAMPLE_EDGE * len(chosen)))
    for place, frame in enumerate(_paint_frames(job, index, wording, chosen)):
        sheet.paste(frame.resize((SAMPLE_EDGE, SAMPLE_EDGE), Image.Resampling.BOX), (0, SAMPLE_EDGE * place))
    return sheet.quantize(256, method=Image.Quantize.MEDIANCUT)


def _paint_frames(job: ImageJob, index: int, wording: Caption, numbers: range | list[int]) -> Iterator[Image.Image]:
    """The frames of these numbers, RGB; the words stand still."""
    moments = [number / job.frame_count for number in numbers]
    if job.operation != "generations":
        picture = flatten_on_white(paint_still(job, index, wording))
        yield from (_draw_light(picture, moment) for moment in moments)
        return
    first = paint_scene(job.prompt, index, job.size)
    area = (0, 0, *first.size)
    words = lay_out_caption(first, wording, choose_palette(job.prompt, index), area)
    for moment in moments:
        image = paint_scene(job.prompt, index, job.size, moment)
        if words:
            words.draw(image)
        draw_label(image, area, words.place if words else None)
        yield image


def _draw_light(picture: Image.Image, moment: float) -> Image.Image:
    """A soft light on its way round the middle."""
    canvas = Canvas(Size(*picture.size), (0, 0, 0))
    canvas.image.paste(picture)
    angle, away = moment * math.tau, canvas.unit * 0.3
    at = (canvas.width / 2 + math.cos(angle) * away, canvas.height / 2 + math.sin(angle) * away)
    canvas.glow(at, canvas.unit * 0.55, (255, 250, 230), 0.75)
    return canvas.image
