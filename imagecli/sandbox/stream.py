"""An answer as server-sent events: earlier states of each picture, then the picture itself.

Source: OpenAI API reference, images, streaming events, read 2026-11-22. No field tells which of several pictures an
event belongs to, so they come one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from imagecli.domain import Operation
from imagecli.sandbox.answers import as_base64, safety, used
from imagecli.sandbox.errors import internal
from imagecli.sandbox.job import Job
from imagecli.sandbox.usage import usage_of

if TYPE_CHECKING:
    from imagecli.sandbox.painter.pictures import Painted

KINDS: Final[dict[Operation, str]] = {"generations": "image_generation", "edits": "image_edit"}


def events(
    job: Job, painted: Iterator[Painted], now: Callable[[], int], pause: Callable[[], object]
) -> Iterator[bytes]:
    """The events of *painted*, each as soon as it is made; *pause* is waited through before each.

    What breaks on the way is told by a last event, as the status was sent long before.
    """
    try:
        for number, picture in enumerate(painted):
            yield from _of_picture(job, picture, now, pause, first=number == 0)
    except Exception:  # the boundary of a stream; GeneratorExit is none, and ends it
        yield _event("error", internal().body())


def _of_picture(
    job: Job, picture: Painted, now: Callable[[], int], pause: Callable[[], object], *, first: bool
) -> Iterator[bytes]:
    kind = KINDS.get(job.operation, "image_generation")
    from imagecli.sandbox.painter import earlier

    for index, data in enumerate(earlier(picture, job)):
        pause()
        yield _event(f"{kind}.partial_image", {**_fields(job, data, now()), "partial_image_index": index})
    pause()
    whole = {**_fields(job, picture.data, now()), "usage": usage_of(job, 1, inputs=first), **safety(job)}
    yield _event(f"{kind}.completed", whole)


def _fields(job: Job, data: bytes, created_at: int) -> dict[str, Any]:
    return {"b64_json": as_base64(data), "created_at": created_at, **used(job)}


def _event(name: str, payload: dict[str, Any]) -> bytes:
    data = json.dumps({"type": name, **payload}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode("utf-8", "replace")
