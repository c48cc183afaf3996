"""Image requests and the exact HTTP requests they become. The literals are from the API reference, read 2026-11-22."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.client.exchange import Timeouts
from imagecli.client.paid_requests import Transport
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputImage, InputSource, MaskSource, Size, Vary
from imagecli.providers.request import RequestImages, build_http_request, join_url

ROW = load_shipped_catalog().provider("openai")
CAT = InputSource(name="secret/place/cat.png")
PNG = InputImage(data=b"png bytes\r\n--\x00", format="png", size=Size(8, 8), has_alpha=True)
JPEG = InputImage(data=b"jpeg bytes", format="jpeg", size=Size(8, 8), has_alpha=False)
WEBP = InputImage(data=b"webp bytes", format="webp", size=Size(8, 8), has_alpha=False)


def look(**set_by_user: Any) -> ImageOptions:
    return ImageOptions(**({"model": "m"} | set_by_user))


def generate(**set_by_user: Any) -> Generate:
    return Generate(prompt="a cat", options=look(**set_by_user))


EVERYTHING = {
    "quality": "high",
    "background": "opaque",
    "output_format": "webp",
    "output_compression": 0,
    "moderation": "low",
    "style": "vivid",
    "response_format": "url",
    "user": "u-1",
}


@pytest.mark.parametrize(
    ("image_request", "body"),
    [
        (generate(), {"model": "m", "prompt": "a cat"}),
        (generate(n=1), {"model": "m", "prompt": "a cat"}),
        (generate(n=3), {"model": "m", "prompt": "a cat", "n": 3}),
        (generate(size=Size(1536, 1024)), {"model": "m", "prompt": "a cat", "size": "1536x1024"}),
        (generate(size="auto"), {"model": "m", "prompt": "a cat", "size": "auto"}),
        (generate(**EVERYTHING), {"model": "m", "prompt": "a cat", **EVERYTHING}),
        (
            generate(params=(("seed", 7), ("deep", {"a": [1, None]}), ("flag", True))),
            {"model": "m", "prompt": "a cat", "seed": 7, "deep": {"a": [1, None]}, "flag": True},
        ),
        (generate(size=Size(8, 8), params=(("size", "2K"),)), {"model": "m", "prompt": "a cat", "size": "2K"}),
        (
            Generate(prompt=' "猫"\n{x} ', options=look()),
            {"model": "m", "prompt": ' "猫"\n{x} '},
        ),
    ],
)
def test_generations_send_json_with_the_set_fields_only(
    httpserver: HTTPServer, image_request: Generate, body: dict[str, Any]
) -> None:
    request = sent(httpserver, image_request)
    assert (request.method, request.path) == ("POST", "/v1/images/generations")
    assert request.content_type == "application/json"
    assert json.loads(request.raw) == body


MINIMAL = [("model", "m"), ("prompt", "blue")]


@pytest.mark.parametrize(
    ("image_request", "images", "mask", "path", "form", "files"),
    [
        (
            Edit(prompt="blue", images=(CAT,), options=look()),
            (PNG,),
            None,
            "edits",
            MINIMAL,
            [("image", "image.png", "image/png", PNG.data)],
        ),
        (
            Edit(prompt="blue", images=(CAT, CAT, CAT), options=look()),
            (PNG, JPEG, WEBP),
            None,
            "edits",
            MINIMAL,
            [
                ("image[]", "image.png", "image/png", PNG.data),
                ("image[]", "image1.jpg", "image/jpeg", JPEG.data),
                ("image[]", "image2.webp", "image/webp", WEBP.data),
            ],
        ),
        (
            Edit(prompt="blue", images=(CAT,), mask=MaskSource(file=CAT), options=look(n=2, size=Size(256, 256))),
            (JPEG,),
            PNG,
            "edits",
            [*MINIMAL, ("n", "2"), ("size", "256x256")],
            [("image", "image.jpg", "image/jpeg", JPEG.data), ("mask", "mask.png", "image/png", PNG.data)],
        ),
        (
            Edit(prompt="b\r\nx", images=(CAT,), options=look(output_compression=5)),
            (PNG,),
            None,
            "edits",
            [("model", "m"), ("prompt", "b\r\nx"), ("output_compression", "5")],
            [("image", "image.png", "image/png", PNG.data)],
        ),
        (
            Edit(
                prompt="blue",
                images=(CAT,),
                options=look(params=(("seed", 7), ("on", True), ("deep", {"a": 1, "b": {"c": "é"}}), ("l", [1]))),
            ),
            (PNG,),
            None,
            "edits",
            [*MINIMAL, ("seed", "7"), ("on", "true"), ("deep[a]", "1"), ("deep[b][c]", "é"), ("l", "[1]")],
            [("image", "image.png", "image/png", PNG.data)],
        ),
        (
            Vary(image=CAT, options=look(n=4, response_format="b64_json", user="u-1")),
            (PNG,),
            None,
            "variations",
            [("model", "m"), ("n", "4"), ("response_format", "b64_json"), ("user", "u-1")],
            [("image", "image.png", "image/png", PNG.data)],
        ),
    ],
)
def test_images_are_uploaded_as_a_form_under_neutral_names(
    httpserver: HTTPServer,
    image_request: ImageRequest,
    images: tuple[InputImage, ...],
    mask: InputImage | None,
    path: str,
    form: list[tuple[str, str]],
    files: list[tuple[str, str, str, bytes]],
) -> None:
    request = sent(httpserver, image_request, images, mask)
    assert request.path == f"/v1/images/{path}"
    assert (request.form, request.files) == (sorted(form), files)
    assert b"secret" not in request.raw


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://a.example/v1", "https://a.example/v1/images/edits"),
        ("https://a.example/v1/", "https://a.example/v1/images/edits"),
        ("https://a.example/v1///", "https://a.example/v1/images/edits"),
        ("https://a.example", "https://a.example/images/edits"),
        ("https://a.example/api/paas/v4", "https://a.example/api/paas/v4/images/edits"),
        ("https://a.example/v1?api-version=2&b=%20c", "https://a.example/v1/images/edits?api-version=2&b=%20c"),
        ("https://a.example/v1/?k=/x/", "https://a.example/v1/images/edits?k=/x/"),
        ("https://a.example/v1#top", "https://a.example/v1/images/edits"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/images/edits"),
    ],
)
def test_a_path_is_joined_to_its_base_url_by_one_slash(base_url: str, url: str) -> None:
    assert join_url(base_url, "/images/edits", {}) == url


@dataclass(frozen=True)
class Wired:
    """A request as another library read it off the wire."""

    method: str
    path: str
    content_type: str | None
    raw: bytes
    form: list[tuple[str, str]]
    files: list[tuple[str, str | None, str, bytes]]


def sent(
    server: HTTPServer, image_request: ImageRequest, images: tuple[InputImage, ...] = (), mask: InputImage | None = None
) -> Wired:
    received: list[Wired] = []

    def respond(request: Request) -> Response:
        raw = request.get_data(cache=True)
        files = []
        for field, file in request.files.items(multi=True):
            files.append((field, file.filename, file.mimetype, file.read()))
            file.close()
        form = sorted(request.form.items(multi=True))
        received.append(Wired(request.method, request.path, request.content_type, raw, form, files))
        return Response(b"{}")

    server.expect_request(re.compile("/v1/images/.*")).respond_with_handler(respond)
    transport = Transport(key=None, headers={}, timeouts=Timeouts(), max_retries=0, max_wait=1, direct=True)
    transport.send(
        build_http_request(image_request, RequestImages(images=images, mask=mask), ROW, server.url_for("/v1")),
        io.BytesIO(),
        0,
        lambda event: None,
    )
    (request,) = received
    return request
