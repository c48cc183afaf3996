"""What an answer says of the tokens it took: the price table's figures where the row has one. All of it "about".

Shape: OpenAI API reference, images, read 2026-11-22; 100 tokens a partial picture: third-party documentation, same day.

Successful bodies: the classic one with URLs or base64, and the one that tells what was used.

An answer as server-sent events: earlier states of each picture, then the picture itself.

Source: OpenAI API reference, images, streaming events, read 2026-11-22. No field tells which of several pictures an
event belongs to, so they come one after the other.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from imagecli.domain import Operation, Size
from imagecli.sandbox.errors import internal_error
from imagecli.sandbox.image_job import ImageJob

if TYPE_CHECKING:
    from imagecli.sandbox.painter.encode import PaintedImage

PARTIAL: Final = 100
"""Output tokens of one partial picture."""
PICTURE_IN: Final = 1050
"""Input tokens of one picture, mask or markup: plausible, as no formula is printed."""
PLAIN: Final = {Size(1024, 1024): 1056}
"""Output tokens where the row has no table."""


def build_usage(job: ImageJob, pictures: int, *, inputs: bool = True) -> dict[str, Any]:
    """Of so many *pictures*; without *inputs* what was sent is counted elsewhere."""
    text = max(1, len(job.prompt.encode("utf-8", "replace")) // 4) + 6 if inputs else 0
    image = PICTURE_IN * (len(job.images) + (job.mask is not None) + (job.markup is not None)) if inputs else 0
    output = (tokens_per_picture(job) + PARTIAL * job.delivery.partial_images) * pictures
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "total_tokens": text + image + output,
    }


def build_svg_usage(job: ImageJob, drawings: list[bytes]) -> dict[str, Any]:
    """What the author of the svg took; its tokens are billed apart."""
    efforts = job.row.allowed_values("svg")
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


def tokens_per_picture(job: ImageJob) -> int:
    """Output tokens of one picture: the table's, or those of the nearest size of the table by area.

    The frames of a gif lie on one sheet, which is as large as the model makes at most.
    """
    table = (job.row.prices.output_tokens if job.row.prices else {}).get(job.quality) or PLAIN
    if job.frame_count == 1:
        return table.get(job.size) or _scale_tokens(table, job.size.pixels)
    return _scale_tokens(table, min(job.size.pixels * job.frame_count, job.row.sizes.max_pixels or 2**62))


def _scale_tokens(table: Mapping[Size, int], pixels: int) -> int:
    """Tokens for so many *pixels*."""
    nearest = min(table, key=lambda size: abs(math.log(pixels / size.pixels)))
    return max(1, round(table[nearest] * pixels / nearest.pixels))


def build_response_body(
    job: ImageJob, pictures: list[bytes], created: int, put: Callable[[bytes], str]
) -> dict[str, Any]:
    """The JSON body; *put* gives a picture an address."""
    data = [{"url": put(one)} if job.response_format == "url" else {"b64_json": encode_base64(one)} for one in pictures]
    if job.is_classic:
        rewording = {"revised_prompt": job.prompt} if "style" in job.row.parameters else {}
        return {"created": created, "data": [{**rewording, **one} for one in data]}
    usage = build_usage(job, len(pictures))
    made = {"image_tokens": usage["output_tokens"], "text_tokens": 0}
    return {
        "created": created,
        **used_parameters(job),
        "data": data,
        "usage": {**usage, "output_tokens_details": made},
        **({"svg_usage": build_svg_usage(job, pictures)} if job.svg else {}),
        **safety_fields(job),
    }


def used_parameters(job: ImageJob) -> dict[str, str]:
    """What was used, where the request said `auto` or nothing."""
    return {
        "background": job.background,
        "output_format": job.output_format,
        "quality": job.quality,
        "size": str(job.size),
    }


def safety_fields(job: ImageJob) -> dict[str, str]:
    """The identifier that the request came with, said again."""
    identifier = job.delivery.safety_identifier
    return {"safety_identifier": identifier} if identifier else {}


def encode_base64(data: bytes) -> str:
    """Without line breaks and without a prefix."""
    return base64.b64encode(data).decode("ascii")


KINDS: Final[dict[Operation, str]] = {"generations": "image_generation", "edits": "image_edit"}


def build_events(
    job: ImageJob, painted: Iterator[PaintedImage], now: Callable[[], int], pause: Callable[[], object]
) -> Iterator[bytes]:
    """The events of *painted*, each as soon as it is made; *pause* is waited through before each.

    What breaks on the way is told by a last event, as the status was sent long before.
    """
    try:
        for number, picture in enumerate(painted):
            yield from _picture_events(job, picture, now, pause, first=number == 0)
    except Exception:  # the boundary of a stream; GeneratorExit is none, and ends it
        yield _encode_event("error", internal_error().body())


def _picture_events(
    job: ImageJob, picture: PaintedImage, now: Callable[[], int], pause: Callable[[], object], *, first: bool
) -> Iterator[bytes]:
    kind = KINDS.get(job.operation, "image_generation")
    from imagecli.sandbox.painter.render import paint_earlier_states

    for index, data in enumerate(paint_earlier_states(picture, job)):
        pause()
        yield _encode_event(f"{kind}.partial_image", {**_event_fields(job, data, now()), "partial_image_index": index})
    pause()
    whole = {
        **_event_fields(job, picture.data, now()),
        "usage": build_usage(job, 1, inputs=first),
        **safety_fields(job),
    }
    yield _encode_event(f"{kind}.completed", whole)


def _event_fields(job: ImageJob, data: bytes, created_at: int) -> dict[str, Any]:
    return {"b64_json": encode_base64(data), "created_at": created_at, **used_parameters(job)}


def _encode_event(name: str, payload: dict[str, Any]) -> bytes:
    data = json.dumps({"type": name, **payload}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode("utf-8", "replace")
