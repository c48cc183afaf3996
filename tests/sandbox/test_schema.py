"""Every JSON that goes out, held against the schemas of OpenAI's own API description (its snapshot of 2026-08-21).

A key that the schemas don't know is refused too, unless NEWER lists it: what came after the snapshot, and only that.
What the description's own examples write as null, and its schemas leave out, is in EMPTY.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from imagecli.catalog import catalog
from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.batching import begin, content, ended, fast, get, line, upload
from tests.sandbox.requests_and_images import CLASSIC, GPT, encoded, events, hole, photo, post

DOCUMENT = json.loads((Path(__file__).parents[1] / "data" / "openapi" / "images.json").read_text("utf-8"))

SIZE = {"type": "string", "pattern": "^[1-9][0-9]*x[1-9][0-9]*$"}
QUALITY = {"enum": ["low", "medium", "high", "xhigh", "max"]}
TOKENS = {"type": "integer", "minimum": 0}
SVG_USAGE = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        **dict.fromkeys(("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens"), TOKENS),
    },
    "required": ["model", "input_tokens", "output_tokens", "reasoning_tokens", "total_tokens"],
    "additionalProperties": False,
}
MODERATION = {
    "type": "object",
    "properties": {
        "moderation_stage": {"enum": ["input", "output", "unknown"]},
        "categories": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["moderation_stage", "categories"],
    "additionalProperties": False,
}
TEXT = {"type": "string"}
EVENTS = {
    "image_generation.partial_image": "ImageGenPartialImageEvent",
    "image_generation.completed": "ImageGenCompletedEvent",
    "image_edit.partial_image": "ImageEditPartialImageEvent",
    "image_edit.completed": "ImageEditCompletedEvent",
}

NEWER: dict[tuple[str, str], dict[str, Any]] = {
    ("ImagesResponse", "size"): SIZE,
    ("ImagesResponse", "quality"): QUALITY,
    ("ImagesResponse", "output_format"): {"enum": ["png", "webp", "jpeg", "gif", "svg"]},
    ("ImagesResponse", "safety_identifier"): TEXT,
    ("ImagesResponse", "svg_usage"): SVG_USAGE,
    ("Model", "shutdown_date"): {"type": ["string", "null"], "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"},
    ("Error", "moderation_details"): MODERATION,
    **{(schema, "size"): SIZE for schema in EVENTS.values()},
    **{(schema, "quality"): QUALITY for schema in EVENTS.values()},
    **{(schema, "safety_identifier"): TEXT for name, schema in EVENTS.items() if name.endswith("completed")},
}  # fmt: skip
"""(schema, property) → what it is today. Source: openai-python 3.54.0, types of 2026-11-17."""


STATUSES = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
EMPTY = {"Batch": ("errors", "output_file_id", "error_file_id", *(f"{status}_at" for status in STATUSES))}
"""Schema → properties that are null until there is something to tell. Source: the snapshot's examples of batches."""


def strict() -> dict[str, Any]:
    """The schemas with what is NEWER, and closed against all else."""
    document: dict[str, Any] = copy.deepcopy(DOCUMENT)
    schemas = document["components"]["schemas"]
    for (schema, name), newer in NEWER.items():
        schemas[schema]["properties"][name] = newer
    for schema, names in EMPTY.items():
        for name in names:
            schemas[schema]["properties"][name] = {"anyOf": [schemas[schema]["properties"][name], {"type": "null"}]}
    for schema in schemas.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


STRICT = strict()


def hold(body: Any, schema: str) -> None:
    jsonschema.Draft202012Validator({**STRICT, "$ref": f"#/components/schemas/{schema}"}).validate(body)


NEW = {"model": "gpt-image-2.6-flare"}


@pytest.mark.parametrize(
    "fields",
    [
        {"size": "256x256"},
        {**CLASSIC, "n": 2, "size": "256x256"},
        {"model": "dall-e-3"},
        GPT,
        {**GPT, "background": "transparent", "size": "1280x720", "safety_identifier": "hashed"},
        {**NEW, "quality": "max", "size": "1536x864"},
        {**NEW, "output_format": "gif", "frame_count": 2, "size": "1024x656"},
        {**NEW, "output_format": "svg", "svg": {"reasoning": {"effort": "none"}}},
    ],
    ids=str,
)
def test_generation_body_fits(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    response = post(sandbox, "generations", {"prompt": "x", **fields})
    assert response.status_code == 200, response.text
    hold(response.json(), "ImagesResponse")


def test_edit_and_variation_bodies_fit(sandbox: Sandbox) -> None:
    image = encoded(photo(1024, 1024))
    hold(post(sandbox, "edits", {**GPT, "prompt": "x"}, image=image).json(), "ImagesResponse")
    mask = encoded(hole(1024, 1024))
    hold(post(sandbox, "edits", {"prompt": "x"}, image=image, mask=mask).json(), "ImagesResponse")
    hold(post(sandbox, "variations", {"n": 2}, image=image).json(), "ImagesResponse")


@pytest.mark.parametrize("fields", [GPT, {**NEW, "quality": "xhigh", "size": "1280x720", "user": "someone"}], ids=str)
def test_every_event_fits(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    live = {**fields, "prompt": "x", "stream": True, "partial_images": 2, "n": 2, "output_format": "webp"}
    sent_events = events(post(sandbox, "generations", live))
    sent_events += events(post(sandbox, "edits", live, image=encoded(photo())))
    for name, payload in sent_events:
        hold(payload, EVENTS[name])
    assert {name for name, _ in sent_events} == set(EVENTS)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"prompt": "x", "model": "none"},
        {**GPT, "prompt": "x", "style": "vivid"},
        {**GPT, "prompt": "moderation_blocked"},
        {**GPT, "prompt": "x", "stream": True, "n": 0},
    ],
    ids=str,
)
def test_refusal_fits(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    response = post(sandbox, "generations", fields)
    assert response.status_code >= 400
    hold(response.json(), "ErrorResponse")


@pytest.mark.parametrize("what", ["401", "404", "429", "500", "503", "insufficient_quota", "moderation_blocked"])
def test_injected_failure_fits(what: str) -> None:
    with Sandbox(Options(failures=(Failure.parse(what),))) as server:
        hold(post(server, "generations", {"prompt": "x"}).json(), "ErrorResponse")


def test_models_fit(sandbox: Sandbox) -> None:
    hold(requests.get(f"{sandbox.base_url}/models", timeout=9).json(), "ListModelsResponse")
    for name in catalog.load_shipped_catalog().models:
        hold(requests.get(f"{sandbox.base_url}/models/{name}", timeout=9).json(), "Model")


def test_files_fit(sandbox: Sandbox) -> None:
    hold(get(sandbox, "/files"), "ListFilesResponse")
    hold(upload(sandbox, b"x", name="a.png", purpose="vision"), "OpenAIFile")
    hold(upload(sandbox, b"x"), "OpenAIFile")
    hold(get(sandbox, "/files"), "ListFilesResponse")
    hold(requests.get(f"{sandbox.base_url}/files/none", timeout=9).json(), "ErrorResponse")


@pytest.mark.parametrize("failure", ["batch_failed%2", "batch_expired", "502%3"])
def test_batch_and_its_lines_fit(failure: str) -> None:
    with fast(failure) as server:
        for _ in range(2):
            started = begin(server, [line("a"), line("b", n=2), line("c", size="1x1")], metadata={"a": "b"})
            hold(started, "Batch")
            batch = ended(server, started)
            hold(batch, "Batch")
        for file in get(server, "/files", purpose="batch_output")["data"]:
            for line_ in content(server, file["id"]):
                assert set(line_) == {"id", "custom_id", "response", "error"}
                response = line_["response"]
                if response:
                    hold(response["body"], "ImagesResponse" if response["status_code"] == 200 else "ErrorResponse")
        hold(get(server, "/batches"), "ListBatchesResponse")
        hold(requests.get(f"{server.base_url}/batches/none", timeout=9).json(), "ErrorResponse")


def test_batch_in_progress_and_cancelled_fits(sandbox: Sandbox) -> None:
    batch = begin(sandbox, [line("a")])
    hold(requests.post(f"{sandbox.base_url}/batches/{batch['id']}/cancel", timeout=9).json(), "Batch")


def test_no_property_of_the_snapshot_is_listed_as_newer() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert all(schemas[schema]["properties"].get(name) != newer for (schema, name), newer in NEWER.items())


@pytest.mark.parametrize(
    "body", [{"created": 1, "data": [], "extra": 1}, {"created": "now"}, {"created": 1, "size": "big"}]
)
def test_a_body_that_does_not_fit_is_detected(body: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        hold(body, "ImagesResponse")
