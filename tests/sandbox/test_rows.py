"""Every model of the catalog works by its row: no model name is in the sandbox's code."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, ImageDraw

from imagecli.catalog import catalog
from imagecli.catalog.model import ModelRow
from imagecli.domain import Operation
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.http_message import ServerRequest
from imagecli.sandbox.image_job import UploadedFile
from imagecli.sandbox.request_body import ParsedForm, read_form
from imagecli.sandbox.request_validation import build_image_job
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.requests_and_images import encoded, events, hole, photo, post, read_images

ROWS = catalog.load_shipped_catalog()
PACKAGE = Path(__file__).parents[2] / "imagecli" / "sandbox"


@pytest.mark.parametrize("model", sorted(ROWS.models))
def test_every_model_paints(sandbox: Sandbox, model: str) -> None:
    response = post(sandbox, "generations", {"model": model, "prompt": "a cat"})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("model", sorted(ROWS.models))
def test_every_value_and_limit_of_a_row_is_accepted_and_its_neighbors_are_not(model: str) -> None:
    row = ROWS.models[model]
    for name in row.parameters:
        required_format = {"frame_count": "gif", "frame_duration_ms": "gif", "output_compression": "webp"}.get(name)
        with_it = {
            **({"output_format": required_format} if required_format else {}),
            **({"stream": True} if name == "partial_images" else {}),
        }
        for value, error in (
            *[(word, None) for word in row.allowed_values(name) if name != "svg"],
            *([("nonsense", "invalid_value")] if row.allowed_values(name) and name != "svg" else []),
            *[(end, None) for end in row.ranges.get(name, ())],
            *([(row.ranges[name][0] - 1, "integer_below_min_value")] if name in row.ranges else []),
            *([(row.ranges[name][1] + 1, "integer_above_max_value")] if name in row.ranges else []),
        ):
            assert refusal(row, {**with_it, name: value}) == error, (name, value)


def refusal(row: ModelRow, fields: dict[str, Any]) -> str | None:
    """The code with which a form is refused; as an edit where the model edits."""
    operation: Operation = "edits" if "edits" in row.operations else "generations"
    result = UploadedFile(name="image", data=encoded(hole(64, 64)))
    form = ParsedForm(
        values={"model": row.name, "prompt": "x", **fields}, images=(result,) if operation == "edits" else ()
    )
    try:
        build_image_job(form, operation, ROWS)
    except ApiError as error:
        return error.code
    return None


def test_no_model_name_is_in_the_code_except_the_defaults() -> None:
    code = {path.name: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    names = {(file, name) for file, text in code.items() for name in ROWS.models if f'"{name}"' in text}
    assert names == {("request_validation.py", "dall-e-2"), ("request_validation.py", "gpt-image-1.5")}


def test_model_of_an_additional_row_works_by_it() -> None:
    row = ROWS.models["gpt-image-2.6-flare"]._replace(name="tomorrow", max_n=3, words={"quality": ("fine", "auto")})
    rows = ROWS._replace(models={**ROWS.models, "tomorrow": row})
    with Sandbox(Options(catalog=rows)) as server:
        fields = {"model": "tomorrow", "prompt": "a cat", "quality": "fine"}
        assert post(server, "generations", fields).json()["quality"] == "fine"
        assert post(server, "generations", {**fields, "n": 4}).json()["error"]["param"] == "n"
        assert requests.get(f"{server.base_url}/models/tomorrow", timeout=9).json()["id"] == "tomorrow"


def test_list_has_the_shutdown_dates(sandbox: Sandbox) -> None:
    listed = {one["id"]: one for one in requests.get(f"{sandbox.base_url}/models", timeout=9).json()["data"]}
    assert set(listed) == set(ROWS.models)
    assert listed["gpt-image-1.5"]["shutdown_date"] == "2026-12-01"
    assert listed["dall-e-2"]["shutdown_date"] == "2026-05-12"
    assert listed["gpt-image-2"]["shutdown_date"] is None
    assert listed["gpt-image-2"]["created"] == 1_776_729_600


@pytest.mark.parametrize(
    ("fields", "echoed"),
    [
        ({"safety_identifier": "hashed"}, "hashed"),
        ({"user": "someone"}, "someone"),
        ({"safety_identifier": "hashed", "user": "someone"}, "hashed"),
        ({"safety_identifier": "", "user": "someone"}, "someone"),
        ({}, None),
    ],
)
def test_safety_identifier_is_echoed(sandbox: Sandbox, fields: dict[str, str], echoed: str | None) -> None:
    body = post(sandbox, "generations", {"model": "gpt-image-2", "prompt": "x", **fields}).json()
    assert body.get("safety_identifier") == echoed


def test_effective_values_replace_auto(sandbox: Sandbox) -> None:
    auto = {"quality": "auto", "background": "auto", "size": "auto"}
    body = post(sandbox, "generations", {"model": "gpt-image-2.5-flare", "prompt": "x", **auto}).json()
    assert [body[name] for name in ("quality", "background", "size")] == ["high", "opaque", "1024x1024"]


def test_markup_changes_covered_and_enclosed_areas(sandbox: Sandbox) -> None:
    source, markup = photo(256, 256), Image.new("RGBA", (256, 256))
    ImageDraw.Draw(markup).ellipse((90, 90, 170, 170), outline=(255, 0, 0, 255), width=4)
    fields = {"model": "gpt-image-2.5-flare", "prompt": "a moon"}
    (result,) = read_images(post(sandbox, "edits", fields, image=encoded(source), markup=encoded(markup)))
    assert result.getpixel((130, 130)) != source.getpixel((130, 130))
    assert [result.getpixel(place) for place in ((10, 10), (240, 128))] == [
        source.getpixel(place) for place in ((10, 10), (240, 128))
    ]
    assert (255, 0, 0) not in {color for _, color in result.convert("RGB").getcolors(1 << 20) or []}


def test_json_form_accepts_markup_and_streams(sandbox: Sandbox) -> None:
    image, markup = (
        {"image_url": "data:image/png;base64," + base64.b64encode(encoded(one)).decode()} for one in (photo(), hole())
    )
    body = {"model": "gpt-image-2.5-flare", "prompt": "x", "images": [image], "markup": markup, "moderation": "low"}
    response = requests.post(f"{sandbox.base_url}/images/edits", json={**body, "stream": True}, timeout=60)
    assert [name for name, _ in events(response)] == ["image_edit.completed"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("svg[model]", {"svg": {"model": "x"}}),
        ("svg[reasoning][effort]", {"svg": {"reasoning": {"effort": "x"}}}),
        ("svg[]", {"svg[]": "x"}),
        ("a[b", {"a[b": "x"}),
        ("a]", {"a]": "x"}),
        ("[b]", {"[b]": "x"}),
        ("a[b][c][d][e][f]", {"a[b][c][d][e][f]": "x"}),
    ],
)
def test_names_with_brackets_are_objects(name: str, values: dict[str, Any]) -> None:
    prepared = requests.Request("POST", "http://h/", files=[(name, (None, "x"))]).prepare()
    headers = {"content-type": prepared.headers["content-type"]}
    assert isinstance(prepared.body, bytes)
    request = ServerRequest(method="POST", target="/", headers=headers, body=prepared.body)
    assert read_form(request, multipart=True, files=None).values == values
