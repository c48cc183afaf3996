"""What an answer says of the tokens it took: the price table's figures where the row has one. All of it "about".

Shape: OpenAI API reference, images, read 2026-11-22; 100 tokens a partial picture: third-party documentation, same day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from imagecli.domain import Size
from imagecli.sandbox.job import Job

PARTIAL: Final = 100
"""Output tokens of one partial picture."""
PICTURE_IN: Final = 1050
"""Input tokens of one picture, mask or markup: plausible, as no formula is printed."""
PLAIN: Final = {Size(1024, 1024): 1056}
"""Output tokens where the row has no table."""


def usage_of(job: Job, pictures: int, *, inputs: bool = True) -> dict[str, Any]:
    """Of so many *pictures*; without *inputs* what was sent is counted elsewhere."""
    text = max(1, len(job.prompt.encode("utf-8", "replace")) // 4) + 6 if inputs else 0
    image = PICTURE_IN * (len(job.images) + (job.mask is not None) + (job.markup is not None)) if inputs else 0
    output = (picture_tokens(job) + PARTIAL * job.delivery.partial_images) * pictures
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "total_tokens": text + image + output,
    }


def svg_usage_of(job: Job, drawings: list[bytes]) -> dict[str, Any]:
    """What the author of the svg took; its tokens are billed apart."""
    efforts = job.row.allowed("svg")
    effort = job.svg.effort if job.svg else None
    written = sum(len(one) for one in drawings) // 4
    thought = 256 * efforts.index(effort) if effort in efforts else 256
    read = len(job.prompt.encode("utf-8", "replace")) // 4 + 200
    return {
        "model": (job.svg.model if job.svg else None) or "sandbox-svg",
        "input_tokens": read,
        "output_tokens": written + thought,
        "reasoning_tokens": thought,
        "total_tokens": read + written + thought,
    }


def picture_tokens(job: Job) -> int:
    """Output tokens of one picture: the table's, or those of the nearest size of the table by area.

    The frames of a gif lie on one sheet, which is as large as the model makes at most.
    """
    table = (job.row.prices.output_tokens if job.row.prices else {}).get(job.quality) or PLAIN
    if job.frame_count == 1:
        return table.get(job.size) or _scaled(table, job.size.pixels)
    return _scaled(table, min(job.size.pixels * job.frame_count, job.row.sizes.max_pixels or 2**62))


def _scaled(table: Mapping[Size, int], pixels: int) -> int:
    """Tokens for so many *pixels*."""
    nearest = min(table, key=lambda size: abs(math.log(pixels / size.pixels)))
    return max(1, round(table[nearest] * pixels / nearest.pixels))
