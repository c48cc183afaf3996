"""Refusals held against literals: status, type, param, code, and the words that say why.

Typed from the API's own error bodies (public issues and reference, read 2026-11-22), not from the catalogue.
"""

# ruff: noqa: E501  (a table reads better with a row a line)

from __future__ import annotations

import os
import struct
import zlib
from typing import Any

import pytest
import requests
from PIL import Image

from imagecli.sandbox.server import Options, Sandbox
from tests.sandbox.making import CLASSIC, GPT, encoded, hole, photo, post

INVALID = "invalid_request_error"
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
    ({**GPT, "prompt": "x", "size": "3856x1600"}, 400, "size", "invalid_value", "longest edge is 3840"),
    ({**GPT, "prompt": "x", "size": "256x256"}, 400, "size", "invalid_value", "at least 655,360"),
    ({**GPT, "prompt": "x", "size": "big"}, 400, "size", "invalid_value", "Invalid size 'big'"),
    ({"prompt": "x", "n": 0}, 400, "n", "integer_below_min_value", "Expected a value >= 1, but got 0"),
    ({"prompt": "x", "n": 11}, 400, "n", "integer_above_max_value", "Expected a value <= 10, but got 11"),
    ({"model": "dall-e-3", "prompt": "x", "n": 2}, 400, "n", "integer_above_max_value", "<= 1"),
    ({"prompt": "x", "n": "many"}, 400, "n", "invalid_type", "expected an integer, but got a string"),
    ({"prompt": "x", "n": True}, 400, "n", "invalid_type", "got a boolean"),
    ({"prompt": "x", "n": 1.5}, 400, "n", "invalid_type", "got a decimal number"),
    ({"prompt": "x", "seed": 7}, 400, "seed", "unknown_parameter", "Unknown parameter: 'seed'."),
    ({"prompt": "x", "quality": "high"}, 400, "quality", "unknown_parameter", "Unknown parameter: 'quality'."),
    ({**GPT, "prompt": "x", "response_format": "url"}, 400, "response_format", "unknown_parameter", "Unknown parameter: 'response_format'."),
    ({**GPT, "prompt": "x", "style": "vivid"}, 400, "style", "unknown_parameter", "Unknown parameter: 'style'."),
    ({**GPT, "prompt": "x", "quality": "hd"}, 400, "quality", "invalid_value", "'low', 'medium', 'high', and 'auto'"),
    ({**GPT, "prompt": "x", "background": "white"}, 400, "background", "invalid_value", "'transparent'"),
    ({**GPT, "prompt": "x", "output_format": "bmp"}, 400, "output_format", "invalid_value", "'png', 'jpeg', and 'webp'"),
    ({**GPT, "prompt": "x", "moderation": "none"}, 400, "moderation", "invalid_value", "'low', and 'auto'"),
    ({**GPT, "prompt": "x", "output_compression": 50}, 400, "output_compression", "invalid_value", "PNG"),
    ({**GPT, "prompt": "x", "output_format": "jpeg", "output_compression": 101}, 400, "output_compression", "integer_above_max_value", "<= 100"),
    ({**GPT, "prompt": "x", "output_format": "jpeg", "background": "transparent"}, 400, "background", "invalid_value", "ransparent"),
    ({"prompt": "x", "response_format": "base64"}, 400, "response_format", "invalid_value", "'url', and 'b64_json'"),
    ({"model": "dall-e-3", "prompt": "x", "style": "plain"}, 400, "style", "invalid_value", "'vivid', and 'natural'"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "status", "param", "code", "words"), PARAMETERS)
def test_parameter_is_refused(
    sandbox: Sandbox, fields: dict[str, Any], status: int, param: str | None, code: str | None, words: str
) -> None:
    answer = post(sandbox, "generations", fields)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert words in error.pop("message")
    assert error == {"type": INVALID, "param": param, "code": code}


def noise(megabytes: float) -> bytes:
    """A PNG of about so many megabytes."""
    side = int((megabytes * 1024**2 / 3) ** 0.5) + 8
    return encoded(Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)), compress_level=0)


PICTURES: list[tuple[str, dict[str, Any], dict[str, bytes], str, str | None, str | None, str]] = [
    ("edits", CLASSIC, {}, INVALID, "image", "missing_required_parameter", "Missing required parameter: 'image'."),
    ("variations", {}, {"mask": encoded(hole())}, INVALID, "image", "missing_required_parameter", "image"),
    ("edits", CLASSIC, {"image": encoded(photo(256, 255))}, INVALID, None, None, "must be square but got image with dimensions (256, 255)"),
    ("variations", {}, {"image": encoded(photo(), "JPEG")}, INVALID, None, None, "Uploaded image must be a PNG and less than 4 MB."),
    ("variations", {}, {"image": b"GIF89a"}, INVALID, None, None, "must be a PNG"),
    ("variations", {}, {"image": b""}, INVALID, None, None, "must be a PNG"),
    ("variations", {}, {"image": encoded(photo())[:900]}, INVALID, None, None, "must be a PNG"),
    ("edits", CLASSIC, {"image": encoded(photo())}, INVALID, None, None, "format must be in ['RGBA', 'LA'], got RGB"),
    ("edits", CLASSIC, {"image": encoded(photo()), "mask": encoded(hole(128, 128))}, INVALID, None, None, "mask size (128x128) does not match the input image size (256x256)"),
    ("edits", CLASSIC, {"image": encoded(photo()), "mask": encoded(hole(mode="RGB"))}, INVALID, None, None, "missing alpha channel"),
    ("edits", CLASSIC, {"image": encoded(photo()), "mask": encoded(hole(mode="RGB"), "JPEG")}, INVALID, None, None, "mask must be a PNG"),
    ("edits", GPT, {"image": b"hello"}, USER, "image", "invalid_image_file", "Invalid image file or mode for image 1"),
    ("edits", GPT, {"image": encoded(photo(), "GIF")}, USER, "image", "invalid_image_file", "PNG, JPEG or WEBP and less than 50 MB"),
    ("edits", GPT, {"image": encoded(photo()), "mask": encoded(hole(128, 128))}, USER, "mask", "invalid_mask_image_format", "mask size (128x128)"),
    ("edits", GPT, {"image": encoded(photo()), "mask": encoded(hole(mode="RGB"))}, USER, "mask", "invalid_mask_image_format", "missing alpha channel"),
    ("edits", {"model": "dall-e-3"}, {"image": encoded(photo())}, INVALID, "model", "invalid_value", "'dall-e-2'"),
    ("variations", GPT, {"image": encoded(photo())}, INVALID, "model", "invalid_value", "Supported values are: 'dall-e-2'."),
    ("variations", {"prompt": "x"}, {"image": encoded(photo())}, INVALID, "prompt", "unknown_parameter", "Unknown parameter: 'prompt'."),
    ("variations", {}, {"image": encoded(photo()), "mask": encoded(hole())}, INVALID, "mask", "unknown_parameter", "Unknown parameter: 'mask'."),
    ("variations", {"n": "11"}, {"image": encoded(photo())}, INVALID, "n", "integer_above_max_value", "got 11"),
    ("edits", {**GPT, "input_fidelity": "max"}, {"image": encoded(photo())}, INVALID, "input_fidelity", "invalid_value", "'high', and 'low'"),
    ("edits", {**CLASSIC, "input_fidelity": "high"}, {"image": encoded(photo())}, INVALID, "input_fidelity", "unknown_parameter", "input_fidelity"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "fields", "files", "type", "param", "code", "words"), PICTURES)
def test_picture_is_refused(
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
    answer = post(sandbox, operation, {**prompt, **fields}, **files)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert words in error.pop("message")
    assert error == {"type": type, "param": param, "code": code}


def test_classic_image_over_4_megabytes_is_refused(sandbox: Sandbox) -> None:
    answer = post(sandbox, "variations", {}, image=noise(4.1))
    assert answer.json()["error"]["message"] == "Uploaded image must be a PNG and less than 4 MB."


@pytest.mark.slow
def test_gpt_image_over_50_megabytes_is_refused_and_one_under_it_taken(sandbox: Sandbox) -> None:
    answer = post(sandbox, "edits", {**GPT, "prompt": "x"}, image=encoded(photo(64, 64)) + bytes(50 * 1024**2))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_image_file")
    assert post(sandbox, "edits", {**GPT, "prompt": "x"}, image=noise(8)).status_code == 200


def test_seventeen_images_are_refused(sandbox: Sandbox) -> None:
    parts = [("image[]", ("a.png", encoded(photo(16, 16)), "image/png"))] * 17
    answer = requests.post(f"{sandbox.base_url}/images/edits", data={**GPT, "prompt": "x"}, files=parts, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "array_above_max_length")


def test_picture_with_too_many_pixels_is_refused_by_its_header(sandbox: Sandbox) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = bytearray(encoded(photo(16, 16)))
    bomb[12:33] = header + struct.pack(">I", zlib.crc32(header))
    answer = post(sandbox, "edits", {**GPT, "prompt": "x"}, image=bytes(bomb))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_image_file")


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
    answer = requests.request(method, sandbox.base_url + path, data=b"{'", timeout=9)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_body_that_is_no_object_is_refused(sandbox: Sandbox) -> None:
    for body in ("[]", "null", "7", "[" * 5000):
        answer = requests.post(f"{sandbox.base_url}/images/generations", data=body, timeout=9)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, INVALID)


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
def test_key_is_asked_for(headers: dict[str, str], status: int, code: str | None, words: str) -> None:
    with Sandbox(Options(require_key=KEYED)) as server:
        answer = requests.get(f"{server.base_url}/models", headers=headers, timeout=9)
        assert answer.status_code == status
        if status != 200:
            assert words in answer.json()["error"]["message"]
            assert answer.json()["error"]["code"] == code
            paid = requests.post(f"{server.base_url}/images/generations", headers=headers, json={}, timeout=9)
            assert paid.status_code == 401
