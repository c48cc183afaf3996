"""An image is found under whatever name it has; one that the server only repeats from the request is not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.errors import ImagecliError, RefusedError, UnsavedError
from imagecli.providers.large_json import parse_json_joining_lists
from imagecli.providers.response import ReturnedImage, parse_response, salvage_images
from imagecli.providers.stream import read_stream
from imagecli.providers.undocumented_images import BASE64_FIELDS
from tests.client.raw import png

BASE = "https://api.example/v1"
ONE, TWO = (base64.b64encode(png(color=color)).decode() for color in ("red", "blue"))
URL = "https://cdn.example/a.png"


def read_images(document: Any) -> list[str | None]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [image.b64_json or image.url for image in parse_response(body, BASE).images]


@pytest.mark.parametrize("name", ["image", "image_base64", "b64", "base64", "bytesBase64Encoded", "content"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_image_is_recognized_by_its_beginning(name: str, format: str) -> None:
    text = base64.b64encode(png(format=format)).decode()
    assert read_images({"data": [{name: text}]}) == [text]
    assert read_images({"data": [{name: f"data:image/x;base64,{text}"}]}) == [text]
    assert read_images({name: text}) == [text]


@pytest.mark.parametrize(
    ("document", "images"),
    [
        ({"data": [{"image": {"b64": ONE}}, {"image": {"b64": TWO}}]}, [ONE, TWO]),
        ({"data": {"b64_json": ONE}}, [ONE]),
        ({"data": {"url": URL}}, [URL]),
        ({"data": {"images": [{"image": ONE}, {"image": TWO}]}}, [ONE, TWO]),
        ({"data": [], "images": [{"b64_json": ONE}]}, [ONE]),
        ({"data": [{"id": 1}], "images": [{"b64_json": ONE}]}, [ONE]),
        ({"output": [ONE, TWO]}, [ONE, TWO]),
        ({"artifacts": [{"base64": ONE, "seed": 1}]}, [ONE]),
        ({"code": 0, "message": "success", "image": ONE}, [ONE]),
        ({"data": [{"image_url": URL}]}, [URL]),
        ({"data": [{"image": {"url": URL}}]}, [URL]),
        ({"data": [{"b64_json": ONE, "thumbnail": TWO}]}, [ONE]),
        ({"data": [{"url": URL, "input": {"image": TWO}}]}, [URL]),
        ({"parameters": {"init_images": [TWO]}, "images": [ONE]}, [ONE]),
    ],
)
def test_other_shapes_are_read(document: Any, images: list[str]) -> None:
    assert read_images(document) == images


@pytest.mark.parametrize(
    "item",
    [
        {"id": "iVBORw0KGgo"},
        {"docs": URL},
        {"input": {"image": ONE}},
        {"request": ONE},
        {"parameters": {"init_images": [ONE]}},
    ],
)
def test_a_repeated_or_short_text_is_not_an_image(item: dict[str, Any]) -> None:
    assert parse_response(json.dumps({"data": [item]}).encode(), BASE).images == (ReturnedImage(),)
    with pytest.raises(UnsavedError):
        read_images(item)


def test_an_error_that_repeats_its_image_is_reported() -> None:
    with pytest.raises(RefusedError, match="too large"):
        read_images({"error": {"message": "too large"}, "image": ONE})


@pytest.mark.parametrize(
    ("body", "images"),
    [
        ('{"data": [{"b64_json": "%(one)s"}], "data": [{"b64_json": "%(two)s"}]}', [ONE, TWO]),
        ('{"data": [{"b64_json": "%(one)s"}], "data": null}', [ONE]),
        ('{"data": [{"b64_json": "%(one)s"}], "data": []}', [ONE]),
        ('{"images": [{"b64_json": "%(one)s"}], "images": [{"b64_json": "%(two)s"}]}', [ONE, TWO]),
        ('{"data": [{"b64_json": "%(one)s", "b64_json": ""}]}', [ONE]),
        ('{"data": [{"b64_json": "%(one)s", "revised_prompt": "a", "revised_prompt": "b"}]}', [ONE]),
    ],
)
def test_no_image_in_a_repeated_list_is_lost(body: str, images: list[str]) -> None:
    assert read_images((body % {"one": ONE, "two": TWO}).encode()) == images


@pytest.mark.slow
@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_without_repeated_names_is_read_as_usual(document: Any) -> None:
    assert parse_json_joining_lists(json.dumps(document)) == document


@pytest.mark.parametrize("name", BASE64_FIELDS)
def test_an_image_under_another_name_keeps_its_revised_prompt(name: str) -> None:
    (image,) = parse_response(json.dumps({"data": [{name: ONE, "revised_prompt": "a red cat"}]}).encode(), BASE).images
    assert (image.b64_json, image.revised_prompt) == (ONE, "a red cat")


def test_other_names_count_only_if_the_usual_ones_are_empty() -> None:
    assert read_images({"data": [{"url": URL, "image": TWO}]}) == [URL]
    assert read_images({"data": [{"b64_json": ONE, "image": TWO}]}) == [ONE]
    (image,) = parse_response(json.dumps({"data": [{"error": "no", "image": TWO}]}).encode(), BASE).images
    assert image.error and not image.b64_json


def test_streams_and_damaged_responses_are_searched_too() -> None:
    event = json.dumps({"type": "image_generation.completed", "image": ONE})
    assert len(read_stream(f"event: image_generation.completed\ndata: {event}\n\n".encode()).items) == 1
    partial = json.dumps({"type": "image_generation.partial_image", "image": ONE})
    with pytest.raises(ImagecliError):
        read_stream(f"data: {partial}\n\n".encode())
    cut = json.dumps({"data": [{"image": ONE}, {"image": TWO}]})[:-30].encode()
    assert [image.b64_json for image in salvage_images(cut, BASE).images] == [ONE]
