"""The sandbox's pictures (Pillow): the same pixels for the same request, Pillow and fonts."""

from __future__ import annotations

from imagecli.sandbox.image_job import Job
from imagecli.sandbox.painter.caption import MAX_CHARACTERS, word
from imagecli.sandbox.painter.encode import Painted, encode
from imagecli.sandbox.painter.render import moving, still
from imagecli.sandbox.painter.svg import drawing


def paint(job: Job, index: int) -> Painted:
    """Picture *index* of the job."""
    wording = word(job.prompt[:MAX_CHARACTERS])
    note = None if job.operation == "variations" else wording.note
    if job.output_format == "svg":
        return Painted(data=drawing(job, index, wording), note=note)
    if job.output_format == "gif":
        return Painted(data=moving(job, index, wording), note=note)
    image = still(job, index, wording)
    return Painted(data=encode(image, job), image=image, note=note)
