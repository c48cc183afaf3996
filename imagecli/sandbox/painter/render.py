"""Renders one image of a job, whatever its operation and format: the still image, its partial states, or a GIF."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

from PIL import Image, ImageChops, ImageFilter

from imagecli.domain import Size
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import Area, Caption, Lettering, lay_out_letterings
from imagecli.sandbox.painter.codec import PaintedImage, encode_image, flatten_on_white
from imagecli.sandbox.painter.colors import Palette
from imagecli.sandbox.painter.edit import (
    badge_mask,
    fit_to_size,
    largest_opening,
    outside_marks,
    paint_print,
    paint_variation,
    pin_images,
)
from imagecli.sandbox.painter.scene import choose_palette, paint_scene
from imagecli.sandbox.painter.shapes import Glow, draw_glow

COARSEST = 10
"""The fewest cells along the shorter edge of an earlier state."""


class JobPainter:
    """Paints image *index* of a job in three steps: `paint_ground`, `lay_out`, `finish`."""

    def __init__(self, job: ImageJob, index: int) -> None:
        self.job = job
        self.index = index
        self.palette: Palette = choose_palette(job.prompt, index)
        self.source = fit_to_size(job.images[0].image, job.size) if job.operation == "edits" else None
        self.fixed = self._fixed_area()
        self.area, self.alpha = self._writable_area_and_alpha()

    def paint_ground(self, moment: float = 0.0) -> Image.Image:
        """An RGB image without words; *moment*, 0 to 1, is the position in an animation's loop."""
        job = self.job
        if job.operation == "generations":
            return paint_scene(job.prompt, self.index, job.size, moment)
        if self.source and self.fixed:
            ground = self.source.convert("RGB")
            box = ImageChops.invert(self.fixed).getbbox()
            if box:
                scene_size = Size(box[2] - box[0], box[3] - box[1])
                ground.paste(paint_scene(job.prompt, self.index, scene_size, moment), box)
            return ground
        if self.source:
            ground = paint_print(flatten_on_white(self.source), self.palette)
            pin_images(ground, [flatten_on_white(image.image) for image in job.images[1:]])
        else:
            ground = paint_variation(flatten_on_white(job.images[0].image), self.index, job.size)
        if moment:
            _add_moving_light(ground, moment)
        return ground

    def lay_out(self, ground: Image.Image, caption: Caption) -> list[Lettering]:
        """The words of the image; a variation has no caption."""
        drawn_caption = None if self.job.operation == "variations" else caption
        return lay_out_letterings(ground, drawn_caption, self.palette, self.area)

    def finish(self, ground: Image.Image, letterings: list[Lettering]) -> Image.Image:
        """*ground* with its words, limited to the mask: RGB, or RGBA if something is transparent."""
        for lettering in letterings:
            lettering.draw(ground)
        if self.source and self.fixed:
            ground = Image.composite(self.source.convert("RGB"), ground, self.fixed)
        if self.alpha:
            ground.putalpha(self.alpha)
        return ground

    def _fixed_area(self) -> Image.Image | None:
        """255 where a pixel of the source stays, 0 where it is new; None if every pixel is new.

        Decided by the mask's alpha, by the marks, or by the alpha of a classic image.
        """
        job = self.job
        if self.source is None:
            return None
        if job.mask is not None:
            return fit_to_size(job.mask.image, job.size).getchannel("A")
        if job.markup is not None:
            return outside_marks(fit_to_size(job.markup.image, job.size).getchannel("A"))
        return self.source.getchannel("A") if job.is_classic else None

    def _writable_area_and_alpha(self) -> tuple[Area, Image.Image | None]:
        """Where words may be, and the alpha of the finished image."""
        job, size = self.job, self.job.size
        full_box = (0, 0, size.width, size.height)
        transparent = job.background == "transparent"
        if self.source and self.fixed:
            new = ImageChops.invert(self.fixed)
            # What was transparent outside the mask stays transparent.
            has_alpha = self.source.mode == "RGBA" and not job.is_classic and job.output_format != "jpeg"
            return largest_opening(new), ImageChops.lighter(self.source.getchannel("A"), new) if has_alpha else None
        if self.source and transparent:
            alpha = self.source.getchannel("A") if self.source.mode == "RGBA" else badge_mask(size)
            return largest_opening(alpha), alpha
        if job.operation == "generations" and transparent:
            inset = round(min(size.width, size.height) * 0.16)
            return (inset, inset, size.width - inset, size.height - inset), badge_mask(size)
        return full_box, None


def _add_moving_light(image: Image.Image, moment: float) -> None:
    """A soft light on its way round the center of an image that has nothing else that moves."""
    unit, angle = min(image.size), moment * math.tau
    center = (image.width / 2 + math.cos(angle) * unit * 0.3, image.height / 2 + math.sin(angle) * unit * 0.3)
    draw_glow(image, Glow(center, unit * 0.55, (255, 250, 230), 0.75))


def paint_still(job: ImageJob, index: int, caption: Caption) -> Image.Image:
    """Image *index* of the job: RGB, or RGBA if something is transparent."""
    painter = JobPainter(job, index)
    ground = painter.paint_ground()
    return painter.finish(ground, painter.lay_out(ground, caption))


def paint_gif(job: ImageJob, index: int, caption: Caption) -> bytes:
    """Image *index* of the job as a GIF that loops without a seam; its words stand still."""
    painter = JobPainter(job, index)
    letterings = painter.lay_out(painter.paint_ground(), caption)
    frames: list[Image.Image] = []
    for number in range(job.frame_count):
        ground = painter.paint_ground(number / job.frame_count)
        frame = flatten_on_white(painter.finish(ground, letterings))
        # The first frame's palette for all of them, so that nothing flickers.
        palette = frames[0] if frames else frame.quantize(256, method=Image.Quantize.MEDIANCUT)
        frames.append(frame.quantize(palette=palette, dither=Image.Dither.NONE))
    out = io.BytesIO()
    milliseconds = max(10, round(job.frame_duration_ms / 10) * 10)
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, optimize=False)
    return out.getvalue()


def paint_earlier_states(image: PaintedImage, job: ImageJob) -> Iterator[bytes]:
    """The partial images of a stream, each in the image's own format and size, from broad patches to nearly all."""
    count = job.delivery.partial_images
    if image.image is None:
        return
    for number in range(1, count + 1):
        yield encode_image(_coarsen(image.image, number / (count + 1)), job)


def _coarsen(image: Image.Image, share: float) -> Image.Image:
    """*share* 0 has COARSEST cells, 1 is the image; each step between adds as much detail as the one before."""
    cell = max(1.0, (min(image.size) / COARSEST) ** (1 - share))
    small = image.resize((max(1, round(image.width / cell)), max(1, round(image.height / cell))), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(cell / 4))
