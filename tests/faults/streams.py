"""S: responses that are event streams."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.client.raw import http, images_body, png
from tests.faults.case import Case, Child
from tests.faults.responses import OK, PNG, cut, dripping, endless, refusal, silent
from tests.faults.server import Act, Call

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"
STREAM = ("--stream", "--partial-images", "1")


def event(kind: str, **fields: Any) -> bytes:
    kind = f"image_generation.{kind}"
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def partial(k: int = 0) -> bytes:
    return event("partial_image", partial_image_index=k, b64_json=base64.b64encode(png(4, 4)).decode())


def completed(data: bytes = PNG) -> bytes:
    return event("completed", b64_json=base64.b64encode(data).decode(), usage={"total_tokens": 5})


def stream(*events: bytes) -> tuple[bytes, ...]:
    """A stream that ends well; a second request would be billed again."""
    return (HEAD + b"".join(events),)


def with_url(call: Call) -> None:
    call.send(HEAD + event("completed", url=call.lab.results.url + "/x.png") + DONE)


def strangely() -> bytes:
    """Everything the rules of event streams allow, around one image."""
    data = json.dumps({"type": "image_generation.completed", "b64_json": base64.b64encode(PNG).decode()})
    first, second = data.split(", ", 1)
    return (
        b"\xef\xbb\xbf: hello\r\nretry: 100\r\n\r\n\r\nid: 7\r\nevent:image_generation.completed\r\n"
        + f"data:{first},\r\ndata: {second}\r\n\r\n".encode()
        + DONE
    )


COMPLETE = HEAD + partial() + completed()
POSTS: dict[str, tuple[str, tuple[bytes | Act, ...]]] = {
    "after partials": ("S1", (cut(HEAD + partial()), OK)),
    "in the last event": ("S1", (cut(COMPLETE[:-90], by_reset=True), OK)),
    "reset after the picture": ("S2", (cut(COMPLETE, by_reset=True), OK)),
    "no last line": ("S2", (cut(COMPLETE.rstrip(b"\n")), OK)),
    "all that is allowed": ("S3", stream(strangely())),
    "seven bytes at a time": ("S3", (dripping(COMPLETE + DONE, 0.0005, 7), OK)),
    "unknown events": ("S4", stream(event("new", a=1), b"event: x\ndata: not JSON\n\n", completed(), DONE)),
    "an error": ("S5", stream(b'data: {"error": {"message": "boom", "code": "server_error"}}\n\n')),
    "an error after partials": (
        "S5",
        stream(partial(), b'data: {"error": {"message": "boom", "code": "server_error"}}\n\n'),
    ),
    "a refusal after partials": (
        "S5",
        stream(partial(), b'event: error\ndata: {"error": {"message": "no", "code": "moderation_blocked"}}\n\n'),
    ),
    "a refusal": ("S5", stream(b'event: error\ndata: {"error": {"message": "no", "code": "moderation_blocked"}}\n\n')),
    "only the end": ("S6", stream(DONE)),
    "nothing": ("S6", stream()),
    "JSON that is none": ("S7", stream(b'event: image_generation.completed\ndata: {"b64_json": "iVBO\n\n', DONE)),
    "base64 that is none": ("S7", stream(event("completed", b64_json="%%%" * 30), DONE)),
    "silence": ("S8", (silent(HEAD + partial()), OK)),
    "plain JSON": ("S9", (http("200 OK", images_body(PNG), "Content-Type: application/json"), OK)),
    "a url": ("S10", (with_url, OK)),
    "an event without end": ("S11", (endless(HEAD + b"data: ", b"x" * 2**20), OK)),
    "429 before it": ("S12", (refusal("429 Too Many Requests", "x", "retry-after-ms: 20"), COMPLETE + DONE)),
}
CASES = tuple(
    Case(
        id=row,
        case=name,
        posts=posts,
        argv=(*STREAM, *(("--timeout", "1") if row == "S8" else ())),
        # As a process, because the memory of a response of hundreds of megabytes would stay in the tests' process.
        child=Child() if name == "an event without end" else None,
        slow=name == "an event without end",
    )
    for name, (row, posts) in POSTS.items()
)
