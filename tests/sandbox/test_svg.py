"""SVGs: true vectors of the same scene, with the words as text, and nothing that runs or comes from elsewhere."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagecli.catalog import catalog
from imagecli.images.identify import identify_image
from imagecli.sandbox.image_job import UploadedFile
from imagecli.sandbox.painter import paint_image
from imagecli.sandbox.painter.scene import TERRAINS
from imagecli.sandbox.request_body import ParsedForm
from imagecli.sandbox.request_validation import build_image_job
from imagecli.sandbox.sandbox import Sandbox
from imagecli.sizes import Size
from tests.sandbox.requests_and_images import encoded, photo, post

SVG = {"model": "gpt-image-2.6-flare", "prompt": "a small boat", "output_format": "svg"}
XMLNS = "{http://www.w3.org/2000/svg}"
HARMLESS = {
    "svg", "title", "desc", "defs", "g", "rect", "circle", "polygon", "text",
    "linearGradient", "radialGradient", "stop", "filter", "feGaussianBlur",
}  # fmt: skip


def painted(index: int = 0, *, small: bool = False, **fields: Any) -> bytes:
    job = build_image_job(ParsedForm(values={**SVG, **fields}), "generations", catalog.load_shipped_catalog())
    return paint_image(replace(job, size=Size(320, 240)) if small else job, index).data


def words(root: ElementTree.Element) -> str:
    return " ".join(text.text or "" for text in root.iter(f"{XMLNS}text"))


def check_harmless(data: bytes) -> ElementTree.Element:
    """The root of a document of which each part is known, and which points nowhere but into itself."""
    root = ElementTree.fromstring(data)
    assert {element.tag.removeprefix(XMLNS) for element in root.iter()} <= HARMLESS
    names = {element.get("id") for element in root.iter()}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert "href" not in name
            assert "http" not in value
            assert all(target in names for target in re.findall(r"url\(#?([^)]*)\)", value))
    return root


def test_response_is_a_drawing_with_the_cost_of_its_author_model(sandbox: Sandbox) -> None:
    fields = {**SVG, "svg": {"model": "gpt-6", "reasoning": {"effort": "high"}}, "safety_identifier": "me"}
    body = post(sandbox, "generations", fields).json()
    root = check_harmless(base64.b64decode(body["data"][0]["b64_json"]))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("1024", "1024", "0 0 1024 1024")
    assert body["output_format"] == "svg"
    bill = body["svg_usage"]
    assert bill["model"] == "gpt-6"
    assert bill["total_tokens"] == bill["input_tokens"] + bill["output_tokens"]
    assert 0 < bill["reasoning_tokens"] < bill["output_tokens"]


@pytest.mark.parametrize("index", range(len(TERRAINS)))
@pytest.mark.parametrize("size", ["1024x1024", "1536x512", "512x1536"])
def test_every_landscape_is_a_harmless_document_with_its_words(index: int, size: str) -> None:
    data = painted(index, size=size)
    root = check_harmless(data)
    assert "a small boat" in words(root)
    assert "sandbox" in words(root)
    assert root.findtext(f"{XMLNS}title") == "a small boat"
    info = identify_image(data)
    assert (info.format, info.size, info.is_complete) == ("svg", Size(*map(int, size.split("x"))), True)
    assert len(data) < 600_000


def test_same_prompt_gives_the_same_bytes() -> None:
    assert painted(1) == painted(1)
    assert painted(1) != painted(2)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(prompt=st.text(min_size=1).filter(str.strip))
@example(prompt="\x1b\x85\x08")
def test_no_prompt_breaks_the_document(prompt: str) -> None:
    check_harmless(painted(0, prompt=prompt, small=True))


@pytest.mark.parametrize(
    "prompt", ["<script>alert(1)</script>", "]]>&amp;\"'", "\x00\ufffe\uffff", "\u200b", "猫", "שלום"]
)
def test_hostile_prompt_is_only_text(prompt: str) -> None:
    check_harmless(painted(0, prompt=prompt, small=True))


def test_edited_image_becomes_tiles_with_the_words() -> None:
    image = UploadedFile(name="image", data=encoded(photo(320, 240)))
    data = paint_image(
        build_image_job(ParsedForm(values=SVG, images=(image,)), "edits", catalog.load_shipped_catalog()), 0
    ).data
    root = check_harmless(data)
    assert (root.get("width"), root.get("height")) == ("320", "240")
    assert len(list(root.iter(f"{XMLNS}rect"))) > 200
    assert "a small boat" in words(root)
