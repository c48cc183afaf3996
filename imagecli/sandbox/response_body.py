"""Successful response bodies: classic ones with URLs or base64, those with parameters and usage, and event streams.

Shapes: OpenAI API reference, images and streaming events, read 2026-11-22; 100 tokens for a partial image: third-party
documentation, same day. Token counts come from the price table of the model's row and are approximate.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from imagecli.catalog.model import edge_ratio, estimate_tokens, listed_tokens
from imagecli.domain import Operation, Size
from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.errors import internal_error
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.url_store import UrlStore

if TYPE_CHECKING:
    from imagecli.sandbox.painter.codec import PaintedImage

PARTIAL: Final = 100
"""Output tokens of one partial image."""
INPUT_IMAGE: Final = 1050
"""Input tokens of one image, mask or markup: plausible, because no formula is published."""
DEFAULT_TOKENS: Final = {Size(1024, 1024): 1056}
"""Output tokens if the row has no table."""
KINDS: Final[dict[Operation, str]] = {"generations": "image_generation", "edits": "image_edit"}
"""What the names of an operation's events begin with."""


def build_usage(job: ImageJob, images: int, *, inputs: bool = True) -> dict[str, Any]:
    """The usage of as many *images*; without *inputs*, the tokens of the request are counted elsewhere."""
    text = max(1, len(job.prompt.encode("utf-8", "replace")) // 4) + 6 if inputs else 0
    image = INPUT_IMAGE * (len(job.images) + (job.mask is not None) + (job.markup is not None)) if inputs else 0
    output = (tokens_per_image(job) + PARTIAL * job.delivery.partial_images) * images
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "total_tokens": text + image + output,
    }


def build_svg_usage(job: ImageJob, drawings: list[bytes]) -> dict[str, Any]:
    """The usage of the model that writes the SVG, which is billed separately."""
    efforts = job.row.allowed_values("svg")
    effort = job.svg.effort if job.svg else None
    output_tokens = sum(map(len, drawings)) // 4
    thought = 256 * efforts.index(effort) if effort in efforts else 256
    input_tokens = len(job.prompt.encode("utf-8", "replace")) // 4 + 200
    return {
        "model": (job.svg.model if job.svg else None) or "sandbox-svg",
        "input_tokens": input_tokens,
        "output_tokens": output_tokens + thought,
        "reasoning_tokens": thought,
        "total_tokens": input_tokens + output_tokens + thought,
    }


def tokens_per_image(job: ImageJob) -> int:
    """Output tokens of one image: by the table, or estimated from its most similar size.

    The frames of a GIF share one square sheet, which is at most as large as the largest image of the model.
    """
    table = (job.row.prices.output_tokens if job.row.prices else {}).get(job.quality) or DEFAULT_TOKENS
    if job.frame_count == 1:
        tokens = listed_tokens(table, job.size) or estimate_tokens(table, job.size.pixels, edge_ratio(job.size))
    else:
        sheet_pixels = min(job.size.pixels * job.frame_count, job.row.sizes.max_pixels or 2**62)
        tokens = estimate_tokens(table, sheet_pixels, 1.0)
    return max(1, round(tokens))


def build_response_body(
    job: ImageJob, images: list[bytes], created: int, url_store: UrlStore, host: str
) -> dict[str, Any]:
    """The JSON body. Images that are returned by URL are put into *url_store*; *host* is the host and port in it."""
    if job.response_format == "url":
        data = [{"url": url_store.add(image, host)} for image in images]
    else:
        data = [{"b64_json": encode_base64(image)} for image in images]
    if job.is_classic:
        revised = {"revised_prompt": job.prompt} if "style" in job.row.parameters else {}
        return {"created": created, "data": [{**revised, **item} for item in data]}
    usage = build_usage(job, len(images))
    details = {"image_tokens": usage["output_tokens"], "text_tokens": 0}
    return {
        "created": created,
        **used_parameters(job),
        "data": data,
        "usage": {**usage, "output_tokens_details": details},
        **({"svg_usage": build_svg_usage(job, images)} if job.svg else {}),
        **safety_fields(job),
    }


def used_parameters(job: ImageJob) -> dict[str, str]:
    """The values used for parameters that may be `auto` or missing in the request."""
    return {
        "background": job.background,
        "output_format": job.output_format,
        "quality": job.quality,
        "size": str(job.size),
    }


def safety_fields(job: ImageJob) -> dict[str, str]:
    """The identifier of the request, repeated."""
    identifier = job.delivery.safety_identifier
    return {"safety_identifier": identifier} if identifier else {}


def encode_base64(data: bytes) -> str:
    """Base64 without line breaks and without a prefix."""
    return base64.b64encode(data).decode("ascii")


def build_events(job: ImageJob, images: Iterator[PaintedImage], clock: SandboxClock) -> Iterator[bytes]:
    """The server-sent events of *images*, each as soon as it exists.

    No field says to which image an event belongs, so images come one after the other. An exception becomes the last
    event, because the status has been sent.
    """
    try:
        for number, image in enumerate(images):
            yield from _image_events(job, image, clock, first=number == 0)
    except Exception:  # the boundary of a stream; GeneratorExit is not caught, and ends it
        yield _encode_event("error", internal_error().body())


def _image_events(job: ImageJob, image: PaintedImage, clock: SandboxClock, *, first: bool) -> Iterator[bytes]:
    from imagecli.sandbox.painter.render import paint_earlier_states

    kind = KINDS.get(job.operation, "image_generation")
    for index, data in enumerate(paint_earlier_states(image, job)):
        fields = _event_fields(job, data, clock.unix_now())
        yield _encode_event(f"{kind}.partial_image", {**fields, "partial_image_index": index})
    completed = {
        **_event_fields(job, image.data, clock.unix_now()),
        "usage": build_usage(job, 1, inputs=first),
        **safety_fields(job),
    }
    yield _encode_event(f"{kind}.completed", completed)


def _event_fields(job: ImageJob, data: bytes, created_at: int) -> dict[str, Any]:
    return {"b64_json": encode_base64(data), "created_at": created_at, **used_parameters(job)}


def _encode_event(name: str, payload: dict[str, Any]) -> bytes:
    data = json.dumps({"type": name, **payload}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode("utf-8", "replace")
