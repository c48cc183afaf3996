"""Bodies held against the schemas of OpenAI's own API description (its snapshot of 2026-08-21)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from imagecli.sandbox.server import Sandbox
from tests.sandbox.making import CLASSIC, GPT, encoded, hole, photo, post

DOCUMENT = json.loads((Path(__file__).parents[1] / "data" / "openapi" / "images.json").read_text("utf-8"))


def hold(body: Any, schema: str) -> None:
    jsonschema.Draft202012Validator({**DOCUMENT, "$ref": f"#/components/schemas/{schema}"}).validate(body)


@pytest.mark.parametrize(
    "fields", [{"size": "256x256"}, {**CLASSIC, "n": 2}, GPT, {**GPT, "background": "transparent"}]
)
def test_generation_body_fits(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    hold(post(sandbox, "generations", {"prompt": "x", **fields}).json(), "ImagesResponse")


def test_edit_and_variation_bodies_fit(sandbox: Sandbox) -> None:
    image = encoded(photo(1024, 1024))
    hold(post(sandbox, "edits", {**GPT, "prompt": "x"}, image=image).json(), "ImagesResponse")
    mask = encoded(hole(1024, 1024))
    hold(post(sandbox, "edits", {"prompt": "x"}, image=image, mask=mask).json(), "ImagesResponse")
    hold(post(sandbox, "variations", {"n": 2}, image=image).json(), "ImagesResponse")


def test_error_and_models_bodies_fit(sandbox: Sandbox) -> None:
    hold(post(sandbox, "generations", {}).json(), "ErrorResponse")
    hold(requests.get(f"{sandbox.base_url}/models", timeout=9).json(), "ListModelsResponse")
