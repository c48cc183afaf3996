"""The sandbox's pictures (Pillow): the same pixels for the same request, Pillow and fonts."""

from __future__ import annotations

from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.drawing import drawing
from imagecli.sandbox.painter.fonts import word
from imagecli.sandbox.painter.lettering import MAX_CHARACTERS
from imagecli.sandbox.painter.moving import moving
from imagecli.sandbox.painter.pictures import Painted, encode
from imagecli.sandbox.painter.states import earlier as earlier
from imagecli.sandbox.painter.still import still


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
