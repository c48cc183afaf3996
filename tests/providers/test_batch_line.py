"""Requests and the lines of a batch they become. The literals are from the API reference, read 2026-11-22."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.catalog.provider import for_batch_api
from imagecli.checks.provider_fields import check_capabilities
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputImage, InputSource, MaskSource, Size, Vary
from imagecli.errors import UsageError
from imagecli.providers.request import RequestImages, build_batch_line

ROW = load_shipped_catalog().provider("openai")
CAT = InputSource(name="cat.png")
PNG = InputImage(data=b"png bytes", format="png", size=Size(8, 8), has_alpha=True)


def up(file_id: str) -> InputImage:
    return PNG._replace(file_id=file_id)


def look(**more: Any) -> ImageOptions:
    return ImageOptions(**{"model": "m", **more})


def generate(prompt: str = "a cat", **more: Any) -> Generate:
    return Generate(prompt=prompt, options=look(**more))


def edit(*, mask: InputSource | None = None, count: int = 1, **more: Any) -> Edit:
    return Edit(prompt="blue", images=(CAT,) * count, mask=mask and MaskSource(file=mask), options=look(**more))


@pytest.mark.parametrize(
    ("request_", "uploads", "url", "body"),
    [
        (generate(), RequestImages(), "/v1/images/generations", {"model": "m", "prompt": "a cat"}),
        (
            generate(n=3, size=Size(1536, 1024), quality="high", moderation="low"),
            RequestImages(),
            "/v1/images/generations",
            {"model": "m", "prompt": "a cat", "n": 3, "size": "1536x1024", "quality": "high", "moderation": "low"},
        ),
        (
            generate(stream=True, partial_images=2, params=(("seed", 7), ("stream", True))),
            RequestImages(),
            "/v1/images/generations",
            {"model": "m", "prompt": "a cat", "seed": 7},
        ),
        (
            edit(),
            RequestImages(images=(up("file-a"),)),
            "/v1/images/edits",
            {"model": "m", "prompt": "blue", "images": [{"file_id": "file-a"}]},
        ),
        (
            edit(count=2, mask=CAT, moderation="low"),
            RequestImages(images=(up("file-a"), up("file-b")), mask=up("file-m")),
            "/v1/images/edits",
            {
                "model": "m",
                "prompt": "blue",
                "moderation": "low",
                "images": [{"file_id": "file-a"}, {"file_id": "file-b"}],
                "mask": {"file_id": "file-m"},
            },
        ),
    ],
)
def test_a_line_has_the_body_of_a_live_request(
    request_: ImageRequest, uploads: RequestImages, url: str, body: dict[str, Any]
) -> None:
    line = build_batch_line("row-1", request_, uploads, ROW)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"custom_id": "row-1", "method": "POST", "url": url, "body": body}


@pytest.mark.parametrize("prompt", ["猫\n\u2028\r\x85", "a \ud800 b", '"}\\', ""])
def test_a_line_is_ascii_and_one_line_for_any_prompt(prompt: str) -> None:
    line = build_batch_line("é", generate(prompt), RequestImages(), ROW)
    assert line.isascii()
    assert line.splitlines() == [line[:-1]]
    assert json.loads(line)["body"]["prompt"] == prompt


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Vary(image=CAT, options=look()), r"provider openai \(Batch API\) does not support variations"),
        (generate(stream=True), r"--stream: not supported by provider openai \(Batch API\)"),
        (generate(partial_images=1), "--partial-images: not supported by provider openai"),
        (edit()._replace(markup=CAT), r"--markup: not supported by provider openai \(Batch API\)"),
    ],
)
def test_unsupported_fields_of_a_batch_are_refused_by_its_row(request_: ImageRequest, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_capabilities(request_, for_batch_api(ROW))


def test_a_field_undocumented_for_forms_alone_gives_no_warning_in_a_line() -> None:
    assert check_capabilities(edit(moderation="low"), ROW)
    assert check_capabilities(edit(moderation="low"), for_batch_api(ROW)) == ()
