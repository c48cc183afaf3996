"""B: a 200 that holds something else than a whole image."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image

from tests.client.raw import http, images_body, png
from tests.faults.case import Case
from tests.faults.responses import PNG, images_response, json_response, large, linked

B64 = base64.b64encode(PNG).decode()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
NASTY = "\x1b[31m\x9b31m\u202e\r\n[/x]"


def said(body: bytes, *headers: str) -> tuple[bytes, ...]:
    return (http("200 OK", body, *headers),)


def item(**fields: Any) -> tuple[bytes, ...]:
    return (json_response({"data": [fields]}),)


def holding(data: bytes) -> tuple[bytes, ...]:
    return (http("200 OK", images_body(data)),)


def noise(format: str) -> bytes:
    into = io.BytesIO()
    Image.effect_noise((64, 48), 50).convert("RGB").save(into, format)
    return into.getvalue()


def broken_crc() -> bytes:
    data = bytearray(PNG)
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


def bomb() -> bytes:
    """40,000 x 40,000 pixels in 200 kB, whole and well made."""
    return blank_png(40_000)


@cache
def blank_png(side: int) -> bytes:
    """A square PNG of one bit a pixel, compressed row by row: in Pillow it would fill hundreds of megabytes."""
    compressor = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    rows = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def odd() -> dict[str, bytes]:
    """Bodies that hold no image, each in its own way."""
    return {
        "no items": b'{"data": []}',
        "null": b'{"data": null}',
        "a string": b'{"data": "x"}',
        "wrong items": b'{"data": [1, null, [], {}]}',
        "a list": b"[]",
        "null alone": b"null",
        "a number": b"5",
        "an empty object": b"{}",
    }


WHOLE = images_body(PNG)
TWO_LISTS = WHOLE[:-1] + b"," + images_body(png(9, 9), png(8, 9))[1:]
CASES = (
    Case(id="B1", case="a login page", posts=said(b"<html><title>Log in</title>", "Content-Type: text/html")),
    Case(id="B2", case="an error object", posts=(json_response({"error": {"message": "no", "code": "x"}}),)),
    Case(id="B3", case="empty", posts=said(b"")),
    Case(id="B3", case="204", posts=(http("204 No Content"),)),
    Case(id="B3", case="a job", posts=(json_response({"id": "job_1"}, status="202 Accepted"),)),
    *(Case(id="B4", case=name, posts=said(body)) for name, body in odd().items()),
    Case(id="B5", case="cut", posts=said(WHOLE[:-60])),
    Case(id="B5", case="a byte order mark", posts=said(b"\xef\xbb\xbf" + WHOLE)),
    Case(id="B5", case="not UTF-8 beside it", posts=said(b'{"id": "\xff\xfe",' + WHOLE[1:])),
    Case(id="B6", case="deep", posts=said(b"[" * 100_000 + b"]" * 100_000)),
    Case(
        id="B6", case="deep usage", posts=said(WHOLE[:-1] + b',"usage":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001)
    ),
    Case(id="B6", case="5000 digits", posts=said(WHOLE[:-1] + b',"created":' + b"9" * 5000 + b"}")),
    Case(id="B7", case="two of three", posts=(http("200 OK", images_body(PNG, png(9, 9))),), argv=("-n", "3")),
    Case(id="B8", case="three of one", posts=(http("200 OK", images_body(PNG, png(9, 9), png(8, 9))),)),
    Case(id="B8", case="two lists by one name", posts=said(TWO_LISTS)),
    Case(id="B9", case="null beside a url", posts=(linked(more={"b64_json": None}),)),
    Case(id="B9", case="null", posts=item(b64_json=None)),
    Case(id="B10", case="empty", posts=item(b64_json="")),
    Case(id="B10", case="a number", posts=item(b64_json=5)),
    Case(id="B10", case="not base64", posts=item(b64_json="%%%%" * 20)),
    Case(id="B10", case="not base64 beside a url", posts=(linked(more={"b64_json": "!!!!"}),)),
    Case(id="B11", case="the other alphabet", posts=item(b64_json=base64.urlsafe_b64encode(PNG).decode())),
    Case(id="B11", case="lines", posts=item(b64_json=base64.encodebytes(PNG).decode())),
    Case(id="B11", case="no padding", posts=item(b64_json=B64.rstrip("="))),
    Case(id="B11", case="a data URL", posts=item(b64_json="data:image/png;base64," + B64)),
    Case(id="B11", case="a name of its own", posts=item(image_base64=B64)),
    Case(id="B11", case="no list", posts=(json_response({"result": {"image": {"bytes": B64}}}),)),
    Case(id="B11", case="escaped slashes", posts=said(WHOLE.replace(b"/", b"\\/"))),
    Case(id="B12", case="16 MB", posts=images_response(large)),
    Case(id="B13", case="HTML", posts=holding(b"<html>sorry</html>")),
    Case(id="B13", case="SVG", posts=holding(SVG)),
    Case(id="B14", case="cut", posts=holding(PNG[:-20])),
    Case(id="B14", case="wrong CRC", posts=holding(broken_crc())),
    Case(id="B15", case="JPEG for PNG", posts=holding(noise("JPEG")), argv=("--output-format", "png")),
    Case(id="B15", case="WebP under a PNG's name", posts=holding(noise("WEBP")), argv=("-o", "x.png")),
    Case(id="B16", case="pixel bomb", posts=images_response(bomb), slow=True),
    Case(id="B16", case="pixel bomb to be converted", posts=images_response(bomb), argv=("-o", "x.jpg")),
    Case(
        id="B17", case="one of three", posts=(http("200 OK", images_body(PNG, PNG[:60], png(9, 9))),), argv=("-n", "3")
    ),
    Case(id="B18", case="two alike", posts=(http("200 OK", images_body(PNG, PNG)),), argv=("-n", "2")),
    Case(
        id="B19",
        case="prompt and request id",
        posts=(json_response({"data": [{"b64_json": B64, "revised_prompt": NASTY}]}, "x-request-id: a\x1b[31mb\x9b"),),
        argv=("-v",),
    ),
    Case(
        id="B19",
        case="in JSON",
        posts=(json_response({"data": [{"b64_json": B64, "revised_prompt": NASTY}]}),),
        argv=("--json",),
    ),
    Case(id="B20", case="text/html", posts=said(WHOLE, "Content-Type: text/html")),
    Case(id="B20", case="none", posts=said(WHOLE)),
    Case(id="B21", case="PNG", posts=said(PNG, "Content-Type: image/png")),
    Case(id="B21", case="JPEG", posts=said(noise("JPEG"), "Content-Type: application/octet-stream")),
    Case(id="B21", case="AVIF", posts=said(noise("AVIF"), "Content-Type: image/avif")),
    Case(id="B21", case="base64", posts=said(B64.encode(), "Content-Type: text/plain")),
    Case(id="B20", case="another charset", posts=said(WHOLE, "Content-Type: application/json; charset=utf-16")),
)
