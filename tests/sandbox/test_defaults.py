"""Omitted fields, and fields set to their default: the values of the API description."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.requests_and_images import encoded, hole, photo, post

DEFAULTS = {
    "background": "auto",
    "moderation": "auto",
    "output_compression": 100,
    "output_format": "png",
    "partial_images": 0,
    "quality": "auto",
    "stream": False,
}


@pytest.mark.parametrize("model", [None, "dall-e-2", "dall-e-3", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.6-flare"])
def test_values_that_change_nothing_are_accepted_for_every_model(sandbox: Sandbox, model: str | None) -> None:
    fields = {"prompt": "a cat", "size": "1024x1024", **({"model": model} if model else {})}
    plain = post(sandbox, "generations", fields).json()
    response = post(sandbox, "generations", {**fields, **DEFAULTS})
    assert response.status_code == 200, response.text
    assert response.json().keys() == plain.keys()
    for name, value in DEFAULTS.items():
        assert post(sandbox, "generations", {**fields, name: value}).status_code == 200, name


@pytest.mark.parametrize("spelling", ["false", "False", "0"])
def test_a_form_spells_them_as_text(sandbox: Sandbox, spelling: str) -> None:
    fields = {**DEFAULTS, "model": "dall-e-2", "prompt": "a cat", "stream": spelling}
    response = post(sandbox, "edits", fields, image=encoded(photo()), mask=encoded(hole()))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("stream", "false", "unknown_parameter"),
        ("stream", 0, "unknown_parameter"),
        ("partial_images", 1, "unknown_parameter"),
        ("partial_images", False, "unknown_parameter"),
        ("quality", "high", "unknown_parameter"),
        ("output_format", "webp", "unknown_parameter"),
    ],
)
def test_any_other_value_is_refused_as_before(sandbox: Sandbox, name: str, value: Any, code: str) -> None:
    response = post(sandbox, "generations", {"model": "dall-e-2", "prompt": "a cat", name: value})
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


def test_an_edit_without_a_model_is_one_of_gpt_image(sandbox: Sandbox) -> None:
    response = post(sandbox, "edits", {"prompt": "a pool", "quality": "low"}, image=encoded(photo()))
    assert response.status_code == 200, response.text
    assert response.json()["quality"] == "low"
    assert "b64_json" in response.json()["data"][0]


@pytest.mark.parametrize("classic", [{"size": "256x256"}, {"size": "512x512"}, {"response_format": "url"}])
def test_a_form_that_only_the_classic_model_accepts_is_edited_by_it(sandbox: Sandbox, classic: dict[str, Any]) -> None:
    image, mask = encoded(photo()), encoded(hole())
    response = post(sandbox, "edits", {"prompt": "a pool", **classic}, image=image, mask=mask)
    assert response.status_code == 200, response.text
    assert list(response.json()["data"][0]) == ["url"]


def test_json_edits_are_never_classic(sandbox: Sandbox) -> None:
    body = {"prompt": "x", "images": [{"image_url": "data:image/png;base64,AAAA"}], "response_format": "url"}
    error = requests.post(f"{sandbox.base_url}/images/edits", json=body, timeout=9).json()["error"]
    assert (error["code"], error["param"]) == ("unknown_parameter", "response_format")


@pytest.mark.parametrize("path", ["/health", "/v1/health", "/health/"])
def test_its_health_can_be_requested_without_a_key(path: str) -> None:
    with Sandbox(Options(require_key="hush")) as server:
        origin = server.base_url.removesuffix("/v1")
        response = requests.get(origin + path, timeout=9)
        assert (response.status_code, json.loads(response.content)) == (200, {"status": "ok"})
        assert requests.head(origin + path, timeout=9).status_code == 200
        assert requests.post(origin + path, timeout=9).status_code == 405
