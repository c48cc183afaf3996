"""The sandbox's pictures (Pillow): the same pixels for the same request, Pillow and fonts."""

from __future__ import annotations

from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import MAX_CHARACTERS, build_caption
from imagecli.sandbox.painter.encode import PaintedImage, encode_image
from imagecli.sandbox.painter.render import paint_gif, paint_still
from imagecli.sandbox.painter.svg import draw_svg


def paint_picture(job: ImageJob, index: int) -> PaintedImage:
    """InputPicture *index* of the job."""
    wording = build_caption(job.prompt[:MAX_CHARACTERS])
    note = None if job.operation == "variations" else wording.note
    if job.output_format == "svg":
        return PaintedImage(data=draw_svg(job, index, wording), note=note)
    if job.output_format == "gif":
        return PaintedImage(data=paint_gif(job, index, wording), note=note)
    image = paint_still(job, index, wording)
    return PaintedImage(data=encode_image(image, job), image=image, note=note)
