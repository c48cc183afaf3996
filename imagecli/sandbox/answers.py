"""Successful bodies: the classic one with URLs or base64, and the one that tells what was used."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from imagecli.sandbox.job import Job
from imagecli.sandbox.usage import svg_usage_of, usage_of


def body_of(job: Job, pictures: list[bytes], created: int, put: Callable[[bytes], str]) -> dict[str, Any]:
    """The JSON body; *put* gives a picture an address."""
    data = [{"url": put(one)} if job.response_format == "url" else {"b64_json": as_base64(one)} for one in pictures]
    if job.is_classic:
        rewording = {"revised_prompt": job.prompt} if "style" in job.row.parameters else {}
        return {"created": created, "data": [{**rewording, **one} for one in data]}
    usage = usage_of(job, len(pictures))
    made = {"image_tokens": usage["output_tokens"], "text_tokens": 0}
    return {
        "created": created,
        **used(job),
        "data": data,
        "usage": {**usage, "output_tokens_details": made},
        **({"svg_usage": svg_usage_of(job, pictures)} if job.svg else {}),
        **safety(job),
    }


def used(job: Job) -> dict[str, str]:
    """What was used, where the request said `auto` or nothing."""
    return {
        "background": job.background,
        "output_format": job.output_format,
        "quality": job.quality,
        "size": str(job.size),
    }


def safety(job: Job) -> dict[str, str]:
    """The identifier that the request came with, said again."""
    identifier = job.delivery.safety_identifier
    return {"safety_identifier": identifier} if identifier else {}


def as_base64(data: bytes) -> str:
    """Without line breaks and without a prefix."""
    return base64.b64encode(data).decode("ascii")
