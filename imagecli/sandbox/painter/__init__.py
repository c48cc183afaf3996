"""The sandbox's images, painted with Pillow: the same request gives the same pixels on machines with the same fonts."""

from __future__ import annotations

from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import build_caption
from imagecli.sandbox.painter.codec import PaintedImage, encode_image
from imagecli.sandbox.painter.render import paint_gif, paint_still
from imagecli.sandbox.painter.svg import draw_svg


def paint_image(job: ImageJob, index: int) -> PaintedImage:
    """Image *index* of the job, in the format of the job."""
    caption = build_caption(job.prompt)
    note = None if job.operation == "variations" else caption.note
    if job.output_format == "svg":
        return PaintedImage(data=draw_svg(job, index, caption), note=note)
    if job.output_format == "gif":
        return PaintedImage(data=paint_gif(job, index, caption), note=note)
    image = paint_still(job, index, caption)
    return PaintedImage(data=encode_image(image, job), image=image, note=note)
