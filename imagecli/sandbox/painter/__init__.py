"""The sandbox's pictures (Pillow): the same pixels for the same request, Pillow and fonts."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont

from imagecli.sandbox.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """One finished picture in its asked-for format."""

    data: bytes = field(repr=False)
    note: str | None = None


def paint(job: Job, index: int) -> Painted:
    """Picture *index* of the job."""
    seed = hashlib.sha256(f"{job.prompt}/{index}".encode()).digest()
    image = Image.new("RGB", (job.size.width, job.size.height), tuple(seed[:3]))
    ImageDraw.Draw(image).text((10, 10), "sandbox", font=ImageFont.load_default(20))
    out = io.BytesIO()
    image.save(out, job.output_format)
    return Painted(data=out.getvalue())
