"""Successful bodies: the classic one with URLs or base64, and the one that tells what was used."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from imagecli.sandbox.job import Job

SQUARE_TOKENS = {"low": 196, "medium": 1756, "high": 7024}
"""Output tokens of one 1024x1024 picture of gpt-image-2. Source: community calculators, read 2026-11-22: "about"."""


def body_of(job: Job, pictures: list[bytes], created: int, put: Callable[[bytes], str]) -> dict[str, Any]:
    """The JSON body; *put* gives a picture an address."""
    data = [{"url": put(one)} if job.response_format == "url" else {"b64_json": _base64(one)} for one in pictures]
    if job.is_classic:
        rewording = {"revised_prompt": job.prompt} if "style" in job.row.parameters else {}
        return {"created": created, "data": [{**rewording, **one} for one in data]}
    return {
        "created": created,
        "background": job.background,
        "data": data,
        "output_format": job.output_format,
        "quality": job.quality,
        "size": str(job.size),
        "usage": _usage(job),
    }


def _usage(job: Job) -> dict[str, Any]:
    """Plausible numbers: a token for about four characters, pictures by their area and quality."""
    text = max(1, len(job.prompt.encode()) // 4) + 6
    image = 1050 * (len(job.images) + (job.mask is not None))
    output = round(SQUARE_TOKENS.get(job.quality, 1756) * job.size.pixels / 1024**2) * job.n
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "total_tokens": text + image + output,
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
