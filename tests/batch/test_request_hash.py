"""The hash of a request: what changes it and what does not; and that it is stable across versions."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.request_hash import (
    FileDigests,
    base_url_for_journal,
    is_same_address,
    request_hash,
    row_json,
    with_lf,
)
from imagecli.catalog.provider import ProviderRow
from imagecli.domain import InputFit, Size, SvgOptions
from imagecli.errors import InputImageError
from imagecli.sizes import parse_size

FIELDS: dict[str, Any] = {
    "command": "edit",
    "prompt": "a cat, 猫",
    "n": 2,
    "size": Size(1024, 1536),
    "quality": "high",
    "params": {"seed": 7, "style": {"b": 1, "a": [1, 2.5, None]}},
    "framing": InputFit(crop="top"),
    "outputs": ({"suffix": "-64", "fit": Size(64, 64)},),
}
INPUTS = {"image": ["a" * 64, "b" * 64], "mask": ["c" * 64]}


def row_hash(fields: dict[str, Any], inputs: dict[str, list[str]], *, raw: bool = False) -> str:
    """The hash of a row with *fields*, the prompt among them."""
    prompt = fields.get("prompt")
    return row_json(fields, raw=raw).hash(prompt if raw or prompt is None else with_lf(prompt), inputs)


ROW_HASH = row_hash(FIELDS, INPUTS)


ROW = (
    '["imagecli row",{"command":"edit","framing":{"crop":"top"},"n":2,"outputs":[{"fit":"64x64","suffix":"-64"}],'
    '"params":{"seed":7,"style":{"a":[1,2.5,null],"b":1}},"prompt":"a cat, \\u732b","quality":"high",'
    f'"size":"1024x1536"}},{{"image":["{"a" * 64}","{"b" * 64}"],"mask":["{"c" * 64}"]}}]'
)


def test_the_hash_is_that_of_earlier_versions() -> None:
    """Another hash is another paid request for every user: the hashed fields of an unchanged row may never change."""
    assert hashlib.sha256(ROW.encode()).hexdigest() == ROW_HASH
    request = f'["imagecli request","{ROW_HASH}","openai",null,"gpt-image-2"]'
    expected = request_hash(ROW_HASH, provider="openai", base_url=None, model="gpt-image-2")
    assert hashlib.sha256(request.encode()).hexdigest() == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"command": "vary"},
        {"prompt": "a cat, 猫 "},
        {"prompt": None},
        {"n": 3},
        {"size": Size(1024, 1024)},
        {"size": "auto"},
        {"quality": None},
        {"params": {"seed": 8, "style": {"b": 1, "a": [1, 2.5, None]}}},
        {"params": {"seed": "7", "style": {"b": 1, "a": [1, 2.5, None]}}},
        {"framing": InputFit(crop="top", pad=True)},
        {"outputs": ({"suffix": "-64", "fit": Size(32, 32)},)},
        {"background": "opaque"},
    ],
)
def test_another_value_is_another_request(changed: dict[str, Any]) -> None:
    assert row_hash(FIELDS | changed, INPUTS) != ROW_HASH


@pytest.mark.parametrize(
    "same",
    [
        {"background": None},
        {"params": {"style": {"a": [1, 2.5, None], "b": 1}, "seed": 7}},
        {"size": parse_size("1024×1536")},
        {"model": "gpt-image-3"},
        {"stream": True, "partial_images": 2},
        {"response_format": "url", "user": "ci", "safety_identifier": "x"},
        {"outputs": [{"fit": Size(64, 64), "suffix": "-64"}]},
    ],
)
def test_options_that_do_not_change_the_image_do_not_change_the_request(same: dict[str, Any]) -> None:
    assert row_hash(dict(reversed((FIELDS | same).items())), INPUTS) == ROW_HASH


@pytest.mark.parametrize(
    "inputs",
    [
        {"image": ["b" * 64, "a" * 64], "mask": ["c" * 64]},
        {"image": ["a" * 64, "b" * 64]},
        {"image": ["a" * 64, "b" * 64], "markup": ["c" * 64]},
        {"image": ["a" * 64], "mask": ["b" * 64, "c" * 64]},
    ],
)
def test_other_inputs_are_another_request(inputs: dict[str, list[str]]) -> None:
    assert row_hash(FIELDS, inputs) != ROW_HASH


def test_a_field_without_inputs_is_not_hashed() -> None:
    assert row_hash(FIELDS, INPUTS | {"markup": []}) == ROW_HASH


def test_a_shape_is_hashed_as_written_and_a_default_is_not_hashed() -> None:
    assert row_hash({"size": parse_size("16:9")}, {}) == row_hash({"size": "16:9"}, {})
    assert row_hash({"svg": SvgOptions(effort="high")}, {}) == row_hash({"svg": {"effort": "high"}}, {})


def test_undecodable_text_has_a_hash_too() -> None:
    assert row_hash({"prompt": "\udcff"}, {}) != row_hash({"prompt": "?"}, {})


@pytest.mark.parametrize("changed", [{"provider": "azure"}, {"base_url": "http://x/v1"}, {"model": "dall-e-3"}])
def test_the_provider_is_part_of_the_request(changed: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"provider": "openai", "base_url": None, "model": "gpt-image-2"}
    assert request_hash(ROW_HASH, **(fields | changed)) != request_hash(ROW_HASH, **fields)


@pytest.mark.parametrize(
    ("base_url", "recorded"),
    [
        ("https://api.example.com/v1", None),
        ("https://api.example.com/v1/", None),
        ("https://me:secret@Other.Example.com:8443/v1/?key=secret#x", "https://other.example.com:8443/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_journal_records_only_base_urls_that_are_not_the_providers_own(base_url: str, recorded: str | None) -> None:
    assert base_url_for_journal(base_url, ProviderRow(name="x", base_url="https://api.example.com/v1")) == recorded


def test_the_embedded_server_has_a_random_port_that_is_not_hashed() -> None:
    assert base_url_for_journal("http://127.0.0.1:40123/v1", ProviderRow(name="sandbox", embedded=True)) is None


def test_a_file_is_read_once_and_completely(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(bytes(range(256)) * 20_000)
    digests = FileDigests()
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digests.digest(path) == (expected, expected)
    path.unlink()
    assert digests.digest(path) == (expected, expected)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a fox\nin the snow"},
        {"prompt": "a", "vars": {"style": "oil\n"}, "params": {"negative": ["blur\nnoise"]}},
        {"prompt": "a", "outputs": ({"suffix": "\n"},)},
    ],
)
def test_line_ends_that_git_converts_are_not_part_of_the_request(fields: dict[str, Any]) -> None:
    def with_crlf(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("\n", "\r\n")
        if isinstance(value, dict):
            return {name: with_crlf(inner) for name, inner in value.items()}
        return [with_crlf(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    assert row_hash(with_crlf(fields), {}) == row_hash(fields, {})
    assert row_hash(with_crlf(fields), {}, raw=True) != row_hash(fields, {}, raw=True) == row_hash(fields, {})


def test_a_text_has_one_digest_with_either_line_ends_and_an_image_is_never_changed(tmp_path: Path) -> None:
    texts = {"lf.svg": b"<svg>\n</svg>\n", "crlf.svg": b"<svg>\r\n</svg>\r\n", "a.png": b"\x89PNG\r\n\x1a\n\0\0"}
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
    lf, crlf, png = (FileDigests().digest(tmp_path / name) for name in texts)
    assert lf.sha256 == crlf.sha256 == lf.raw != crlf.raw
    assert png.sha256 == png.raw == hashlib.sha256(texts["a.png"]).hexdigest()


def test_a_path_that_is_not_a_file_is_an_immediate_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("none.png", "can't read"), ("", "not a file"), ("pipe", "not a file"), ("a\0b", "can't read")):
        with pytest.raises(InputImageError, match=why):
            FileDigests().digest(tmp_path / name)


@pytest.mark.parametrize(
    ("first", "other", "same"),
    [
        ("http://localhost:8080/v1", "http://127.0.0.1:8080/v1", True),
        ("http://localhost:8080/v1/", "http://[::1]:8080/v1", True),
        ("http://LOCALHOST/v1", "http://127.0.0.1:80/v1", True),
        ("https://api.example.com/v1", "https://api.example.com:443/v1/", True),
        ("https://api.example.com/v1", "https://API.example.com./v1", True),
        (None, None, True),
        ("not a url:x", "not a url:x", True),
        ("http://localhost:8080/v1", "http://localhost:8081/v1", False),
        ("http://localhost:8080/v1", "http://127.0.0.2:8080/v1", False),
        ("http://localhost:8080/v1", "http://localhost:8080/v2", False),
        ("http://api.example.com/v1", "https://api.example.com/v1", False),
        ("http://a:x/v1", "http://b:x/v1", False),
        ("http://localhost:8080/v1", None, False),
    ],
)
def test_an_address_is_the_same_however_it_is_spelled(first: str | None, other: str | None, same: bool) -> None:
    assert is_same_address(first, other) is same
    assert is_same_address(other, first) is same
