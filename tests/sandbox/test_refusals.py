"""Errors compared with literals: status, type, param, code, and the message.\n\nFrom the API's own error bodies (public
issues and reference, read 2026-11-22), not from the catalog."""

# ruff: noqa: E501  (a table reads better with a row a line)

from __future__ import annotations

import os
import struct
import zlib
from typing import Any

import pytest
import requests
from PIL import Image

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.requests_and_images import CLASSIC, GPT, encoded, hole, photo, post

INVALID = "invalid_request_error"
NEW = {"model": "gpt-image-2.6-flare"}
OLD = {"model": "gpt-image-1.5"}
USER = "image_generation_user_error"

PARAMETERS: list[tuple[dict[str, Any], int, str | None, str | None, str]] = [
    ({}, 400, "prompt", "missing_required_parameter", "Missing required parameter: 'prompt'."),
    ({"prompt": ""}, 400, "prompt", "empty_string", "empty string"),
    ({"prompt": " \n"}, 400, "prompt", "empty_string", "empty string"),
    ({"prompt": 7}, 400, "prompt", "invalid_type", "expected a string, but got an integer"),
    ({"prompt": "x" * 1001}, 400, "prompt", "string_above_max_length", "maximum length 1000, but got a string with length 1001"),
    ({**GPT, "prompt": "x" * 32001}, 400, "prompt", "string_above_max_length", "maximum length 32000"),
    ({"model": "dall-e-3", "prompt": "x" * 4001}, 400, "prompt", "string_above_max_length", "maximum length 4000"),
    ({"prompt": "x", "model": "dall-e-9"}, 404, None, "model_not_found", "`dall-e-9` does not exist"),
    ({"prompt": "x", "model": 3}, 400, "model", "invalid_type", "expected a string"),
    ({"prompt": "x", "size": "300x300"}, 400, "size", "invalid_value", "'256x256', '512x512', and '1024x1024'"),
    ({"prompt": "x", "size": "auto"}, 400, "size", "invalid_value", "Supported values"),
    ({"prompt": "x", "size": 256}, 400, "size", "invalid_type", "expected a string"),
    ({**GPT, "prompt": "x", "size": "1792x936"}, 400, "size", "invalid_value", "936 is not a multiple of 16"),
    ({**GPT, "prompt": "x", "size": "3856x1600"}, 400, "size", "invalid_value", "the maximum edge is 3840 pixels"),
    ({**GPT, "prompt": "x", "size": "256x256"}, 400, "size", "invalid_value", "the minimum is 655,360"),
    ({**GPT, "prompt": "x", "size": "big"}, 400, "size", "invalid_value", "Invalid size 'big'"),
    ({"prompt": "x", "n": 0}, 400, "n", "integer_below_min_value", "Expected a value >= 1, but got 0"),
    ({"prompt": "x", "n": 11}, 400, "n", "integer_above_max_value", "Expected a value <= 10, but got 11"),
    ({"model": "dall-e-3", "prompt": "x", "n": 2}, 400, "n", "integer_above_max_value", "<= 1"),
    ({"prompt": "x", "n": "2"}, 400, "n", "invalid_type", "expected an integer, but got a string"),
    ({"prompt": "x", "n": "many"}, 400, "n", "invalid_type", "expected an integer, but got a string"),
    ({"prompt": "x", "n": True}, 400, "n", "invalid_type", "got a boolean"),
    ({"prompt": "x", "n": 1.5}, 400, "n", "invalid_type", "got a decimal number"),
    ({"prompt": "x", "steps": 7}, 400, "steps", "unknown_parameter", "Unknown parameter: 'steps'."),
    ({"prompt": "x", "seed": -1}, 400, "seed", "integer_below_min_value", "Expected a value >= 0"),
    ({"prompt": "x", "quality": "high"}, 400, "quality", "unknown_parameter", "Unknown parameter: 'quality'."),
    ({**GPT, "prompt": "x", "response_format": "url"}, 400, "response_format", "unknown_parameter", "Unknown parameter: 'response_format'."),
    ({**GPT, "prompt": "x", "style": "vivid"}, 400, "style", "unknown_parameter", "Unknown parameter: 'style'."),
    ({**GPT, "prompt": "x", "quality": "hd"}, 400, "quality", "invalid_value", "'low', 'medium', 'high', and 'auto'"),
    ({**GPT, "prompt": "x", "background": "white"}, 400, "background", "invalid_value", "'transparent'"),
    ({**GPT, "prompt": "x", "output_format": "bmp"}, 400, "output_format", "invalid_value", "'png', 'jpeg', 'webp', 'gif', and 'svg'"),
    ({**GPT, "prompt": "x", "moderation": "none"}, 400, "moderation", "invalid_value", "'low', and 'auto'"),
    ({**GPT, "prompt": "x", "output_compression": 50}, 400, "output_compression", "invalid_value", "PNG"),
    ({**GPT, "prompt": "x", "output_format": "jpeg", "output_compression": 101}, 400, "output_compression", "integer_above_max_value", "<= 100"),
    ({**GPT, "prompt": "x", "output_format": "jpeg", "background": "transparent"}, 400, "background", "invalid_value", "ransparent"),
    ({"prompt": "x", "response_format": "base64"}, 400, "response_format", "invalid_value", "'url', and 'b64_json'"),
    ({**OLD, "prompt": "x", "output_format": "gif"}, 400, "output_format", "invalid_value", "'png', 'jpeg', and 'webp'"),
    ({**GPT, "prompt": "x", "quality": "max"}, 400, "quality", "invalid_value", "Invalid value: 'max'"),
    ({**OLD, "prompt": "x", "frame_count": 4}, 400, "frame_count", "unknown_parameter", "Unknown parameter: 'frame_count'."),
    ({**GPT, "prompt": "x", "input_fidelity": "high"}, 400, "input_fidelity", "unknown_parameter", "Unknown parameter: 'input_fidelity'."),
    ({**GPT, "prompt": "x", "stream": "true"}, 400, "stream", "invalid_type", "expected a boolean, but got a string"),
    ({**GPT, "prompt": "x", "stream": 1}, 400, "stream", "invalid_type", "expected a boolean, but got an integer"),
    ({**GPT, "prompt": "x", "partial_images": 1}, 400, "partial_images", "invalid_value", "'stream'"),
    ({**GPT, "prompt": "x", "stream": False, "partial_images": 1}, 400, "partial_images", "invalid_value", "'stream'"),
    ({**GPT, "prompt": "x", "stream": True, "partial_images": 4}, 400, "partial_images", "integer_above_max_value", "<= 3"),
    ({**GPT, "prompt": "x", "stream": True, "partial_images": -1}, 400, "partial_images", "integer_below_min_value", ">= 0"),
    ({**GPT, "prompt": "x", "safety_identifier": 7}, 400, "safety_identifier", "invalid_type", "expected a string"),
    ({**GPT, "prompt": "x", "user": ["me"]}, 400, "user", "invalid_type", "expected a string, but got an array"),
    ({"prompt": "x", "stream": True}, 400, "stream", "unknown_parameter", "Unknown parameter: 'stream'."),
    ({**NEW, "prompt": "x", "complexity": "huge"}, 400, "complexity", "invalid_value", "'low', 'medium', and 'high'"),
    ({**NEW, "prompt": "x", "frame_count": 4}, 400, "frame_count", "invalid_value", "'output_format' is 'gif'"),
    ({**NEW, "prompt": "x", "output_format": "svg", "frame_duration_ms": 40}, 400, "frame_duration_ms", "invalid_value", "'gif'"),
    ({**NEW, "prompt": "x", "output_format": "gif", "frame_count": 1}, 400, "frame_count", "integer_below_min_value", ">= 2"),
    ({**NEW, "prompt": "x", "output_format": "gif", "frame_count": 17}, 400, "frame_count", "integer_above_max_value", "<= 16"),
    ({**NEW, "prompt": "x", "output_format": "gif", "frame_duration_ms": 19}, 400, "frame_duration_ms", "integer_below_min_value", ">= 20"),
    ({**NEW, "prompt": "x", "output_format": "gif", "stream": True}, 400, "stream", "invalid_value", "not supported for GIF"),
    ({**NEW, "prompt": "x", "output_format": "gif", "output_compression": 100}, 400, "output_compression", "invalid_value", "GIF"),
    ({**NEW, "prompt": "x", "output_format": "gif", "background": "transparent"}, 400, "background", "invalid_value", "GIF"),
    ({**NEW, "prompt": "x", "output_format": "svg", "stream": True}, 400, "stream", "invalid_value", "not supported for SVG"),
    ({**NEW, "prompt": "x", "output_format": "svg", "output_compression": 50}, 400, "output_compression", "invalid_value", "SVG"),
    ({**NEW, "prompt": "x", "output_format": "svg", "n": 2}, 400, "n", "integer_above_max_value", "<= 1"),
    ({**NEW, "prompt": "x", "svg": {}}, 400, "svg", "invalid_value", "'output_format' is 'svg'"),
    ({**NEW, "prompt": "x", "output_format": "svg", "svg": "fine"}, 400, "svg", "invalid_type", "expected an object, but got a string"),
    ({**NEW, "prompt": "x", "output_format": "svg", "svg": {"effort": "low"}}, 400, "svg.effort", "unknown_parameter", "'svg.effort'"),
    ({**NEW, "prompt": "x", "output_format": "svg", "svg": {"model": 7}}, 400, "svg.model", "invalid_type", "expected a string"),
    ({**NEW, "prompt": "x", "output_format": "svg", "svg": {"reasoning": {"effort": "huge"}}}, 400, "svg.reasoning.effort", "invalid_value", "'minimal'"),
    ({**NEW, "prompt": "x", "response_format": "b64_json"}, 400, "response_format", "unknown_parameter", "'response_format'"),
    ({"model": "dall-e-3", "prompt": "x", "style": "plain"}, 400, "style", "invalid_value", "'vivid', and 'natural'"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "status", "param", "code", "words"), PARAMETERS)
def test_parameter_is_refused(
    sandbox: Sandbox, fields: dict[str, Any], status: int, param: str | None, code: str | None, words: str
) -> None:
    response = post(sandbox, "generations", fields)
    error = response.json()["error"]
    assert response.status_code == status
    assert words in error.pop("message")
    assert error == {"type": INVALID, "param": param, "code": code}


def noise(megabytes: float) -> bytes:
    """A PNG of about so many megabytes."""
    side = int((megabytes * 1024**2 / 3) ** 0.5) + 8
    return encoded(Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)), compress_level=0)


PHOTO = encoded(photo())
HOLE = encoded(hole())

IMAGES: list[tuple[str, dict[str, Any], dict[str, bytes], str, str | None, str | None, str]] = [
    ("edits", CLASSIC, {}, INVALID, "image", "missing_required_parameter", "Missing required parameter: 'image'."),
    ("variations", {}, {"mask": HOLE}, INVALID, "image", "missing_required_parameter", "image"),
    ("edits", CLASSIC, {"image": encoded(photo(256, 255))}, INVALID, None, None, "must be square but got image with dimensions (256, 255)"),
    ("variations", {}, {"image": encoded(photo(), "JPEG")}, INVALID, None, None, "Uploaded image must be a PNG and less than 4 MB."),
    ("variations", {}, {"image": b"GIF89a"}, INVALID, None, None, "must be a PNG"),
    ("variations", {}, {"image": b""}, INVALID, None, None, "must be a PNG"),
    ("variations", {}, {"image": PHOTO[:900]}, INVALID, None, None, "must be a PNG"),
    ("edits", CLASSIC, {"image": PHOTO}, INVALID, None, None, "format must be in ['RGBA', 'LA'], got RGB"),
    ("edits", CLASSIC, {"image": PHOTO, "mask": encoded(hole(128, 128))}, INVALID, None, None, "mask size (128x128) does not match the input image size (256x256)"),
    ("edits", CLASSIC, {"image": PHOTO, "mask": encoded(hole(mode="RGB"))}, INVALID, None, None, "missing alpha channel"),
    ("edits", CLASSIC, {"image": PHOTO, "mask": encoded(hole(mode="RGB"), "JPEG")}, INVALID, None, None, "mask must be a PNG"),
    ("edits", GPT, {"image": b"hello"}, USER, "image", "invalid_image_file", "Invalid image file or mode for image 1"),
    ("edits", GPT, {"image": encoded(photo(), "GIF")}, USER, "image", "invalid_image_file", "PNG, JPEG or WEBP and less than 50 MB"),
    ("edits", GPT, {"image": PHOTO, "mask": encoded(hole(128, 128))}, USER, "mask", "invalid_mask_image_format", "mask size (128x128)"),
    ("edits", GPT, {"image": PHOTO, "mask": encoded(hole(mode="RGB"))}, USER, "mask", "invalid_mask_image_format", "missing alpha channel"),
    ("edits", {"model": "dall-e-3"}, {"image": PHOTO}, INVALID, "model", "invalid_value", "'dall-e-2'"),
    ("variations", GPT, {"image": PHOTO}, INVALID, "model", "invalid_value", "Supported values are: 'dall-e-2'."),
    ("variations", {"prompt": "x"}, {"image": PHOTO}, INVALID, "prompt", "unknown_parameter", "Unknown parameter: 'prompt'."),
    ("variations", {}, {"image": PHOTO, "mask": HOLE}, INVALID, "mask", "unknown_parameter", "Unknown parameter: 'mask'."),
    ("variations", {"n": "11"}, {"image": PHOTO}, INVALID, "n", "integer_above_max_value", "got 11"),
    ("edits", {**GPT, "input_fidelity": "max"}, {"image": PHOTO}, INVALID, "input_fidelity", "invalid_value", "'high', and 'low'"),
    ("edits", {**GPT, "n": "two"}, {"image": PHOTO}, INVALID, "n", "invalid_type", "got a string"),
    ("edits", {**GPT, "stream": "perhaps"}, {"image": PHOTO}, INVALID, "stream", "invalid_type", "expected a boolean"),
    ("edits", GPT, {"image": PHOTO, "markup": encoded(hole(128, 128))}, USER, "markup", "invalid_markup_image_format", "markup size (128x128)"),
    ("edits", GPT, {"image": PHOTO, "markup": encoded(hole(mode="RGB"))}, USER, "markup", "invalid_markup_image_format", "missing alpha channel"),
    ("edits", GPT, {"image": PHOTO, "markup": encoded(photo(), "JPEG")}, USER, "markup", "invalid_markup_image_format", "must be a PNG"),
    ("edits", GPT, {"image": PHOTO, "markup": HOLE, "mask": HOLE}, INVALID, "markup", "invalid_value", "together with 'mask'"),
    ("edits", CLASSIC, {"image": PHOTO, "markup": HOLE}, INVALID, "markup", "unknown_parameter", "'markup'"),
    ("variations", {}, {"image": PHOTO, "markup": HOLE}, INVALID, "markup", "unknown_parameter", "'markup'"),
    ("edits", {**NEW, "output_format": "gif"}, {"image": PHOTO, "mask": HOLE}, INVALID, "mask", "invalid_value", "GIF"),
    ("edits", {**NEW, "output_format": "svg", "svg[reasoning][effort]": "huge"}, {"image": PHOTO}, INVALID, "svg.reasoning.effort", "invalid_value", "'huge'"),
    ("edits", {**NEW, "output_format": "svg", "svg[mood]": "x"}, {"image": PHOTO}, INVALID, "svg.mood", "unknown_parameter", "'svg.mood'"),
    ("edits", {**CLASSIC, "input_fidelity": "high"}, {"image": PHOTO}, INVALID, "input_fidelity", "unknown_parameter", "input_fidelity"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "fields", "files", "type", "param", "code", "words"), IMAGES)
def test_image_is_refused(
    sandbox: Sandbox,
    operation: str,
    fields: dict[str, Any],
    files: dict[str, bytes],
    type: str,
    param: str | None,
    code: str | None,
    words: str,
) -> None:
    prompt = {"prompt": "x"} if operation == "edits" else {"size": "256x256"}
    response = post(sandbox, operation, {**prompt, **fields}, **files)
    error = response.json()["error"]
    assert response.status_code == 400
    assert words in error.pop("message")
    assert error == {"type": type, "param": param, "code": code}


def test_classic_image_over_4_megabytes_is_refused(sandbox: Sandbox) -> None:
    response = post(sandbox, "variations", {}, image=noise(4.1))
    assert response.json()["error"]["message"] == "Uploaded image must be a PNG and less than 4 MB."


@pytest.mark.slow
def test_gpt_image_over_50_megabytes_is_refused_and_one_below_accepted(sandbox: Sandbox) -> None:
    response = post(sandbox, "edits", {**GPT, "prompt": "x"}, image=encoded(photo(64, 64)) + bytes(50 * 1024**2))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_image_file")
    assert post(sandbox, "edits", {**GPT, "prompt": "x"}, image=noise(8)).status_code == 200


def test_seventeen_images_are_refused(sandbox: Sandbox) -> None:
    parts = [("image[]", ("a.png", encoded(photo(16, 16)), "image/png"))] * 17
    response = requests.post(f"{sandbox.base_url}/images/edits", data={**GPT, "prompt": "x"}, files=parts, timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "array_above_max_length")


def test_image_with_too_many_pixels_is_refused_by_its_header(sandbox: Sandbox) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = bytearray(encoded(photo(16, 16)))
    bomb[12:33] = header + struct.pack(">I", zlib.crc32(header))
    response = post(sandbox, "edits", {**GPT, "prompt": "x"}, image=bytes(bomb))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_image_file")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/images/generations", 405, "Not allowed to GET on /v1/images/generations"),
        ("DELETE", "/models", 405, "Not allowed to DELETE"),
        ("GET", "/nowhere", 404, "Invalid URL (GET /v1/nowhere)"),
        ("POST", "/images/other", 404, "Invalid URL (POST /v1/images/other)"),
        ("GET", "/models/none", 404, "The model 'none' does not exist"),
        ("POST", "/images/generations", 400, "could not parse the JSON body"),
        ("POST", "/images/edits", 400, "could not parse the JSON body"),
        ("POST", "/images/variations", 400, "expected multipart/form-data"),
    ],
)
def test_route_method_and_body_are_refused(sandbox: Sandbox, method: str, path: str, status: int, words: str) -> None:
    response = requests.request(method, sandbox.base_url + path, data=b"{'", timeout=9)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


def test_body_that_is_not_an_object_is_refused(sandbox: Sandbox) -> None:
    for body in ("[]", "null", "7", "[" * 5000):
        response = requests.post(f"{sandbox.base_url}/images/generations", data=body, timeout=9)
        assert (response.status_code, response.json()["error"]["type"]) == (400, INVALID)


KEYED = "sk-proj-abcdefghijklmnop"


@pytest.mark.parametrize(
    ("headers", "status", "code", "words"),
    [
        ({}, 401, None, "You didn't provide an API key."),
        ({"Authorization": "Bearer "}, 401, None, "You didn't provide an API key."),
        ({"Authorization": "Bearer sk-wrongwrongwrongwxyz"}, 401, "invalid_api_key", "Incorrect API key provided: sk-wrong********wxyz."),
        ({"Authorization": "Bearer short"}, 401, "invalid_api_key", "provided: *****."),
        ({"Authorization": f"Bearer {KEYED}"}, 200, None, ""),
    ],
)  # fmt: skip
def test_key_is_required(headers: dict[str, str], status: int, code: str | None, words: str) -> None:
    with Sandbox(Options(require_key=KEYED)) as server:
        response = requests.get(f"{server.base_url}/models", headers=headers, timeout=9)
        assert response.status_code == status
        if status != 200:
            assert words in response.json()["error"]["message"]
            assert response.json()["error"]["code"] == code
            paid = requests.post(f"{server.base_url}/images/generations", headers=headers, json={}, timeout=9)
            assert paid.status_code == 401
