"""Errors in a batch's input file are found line by line, and no input raises an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.catalog import catalog
from imagecli.sandbox.batches import input_lines
from imagecli.sandbox.batches.input_lines import BatchInput, read_batch_input, read_line_body
from tests.sandbox.batching import EDITS, GENERATIONS, jsonl, line

CATALOG = catalog.load_shipped_catalog()


def read(data: bytes, endpoint: str = GENERATIONS) -> BatchInput:
    return read_batch_input(data, endpoint, CATALOG)


def spoiled(**fields: Any) -> bytes:
    """A good line, then one with other *fields*; None takes a field out."""
    second = {name: value for name, value in {**line("b"), **fields}.items() if value is not None}
    return jsonl([line("a"), second])


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        (jsonl([line("a")]) + b"{", "invalid_json_line", None),
        (jsonl([line("a")]) + b"[]", "invalid_json_line", None),
        (jsonl([line("a")]) + b"[" * 100_000, "invalid_json_line", None),
        (jsonl([line("a")]) + b'"\xff"', "invalid_json_line", None),
        (spoiled(custom_id=None), "missing_required_parameter", "custom_id"),
        (spoiled(method=None), "missing_required_parameter", "method"),
        (spoiled(url=None), "missing_required_parameter", "url"),
        (spoiled(body=None), "missing_required_parameter", "body"),
        (spoiled(custom_id=7), "invalid_request", "custom_id"),
        (spoiled(custom_id=""), "invalid_request", "custom_id"),
        (spoiled(custom_id="a"), "duplicate_custom_id", "custom_id"),
        (spoiled(method="GET"), "invalid_method", "method"),
        (spoiled(url=EDITS), "url_mismatch", "url"),
        (spoiled(url="/v1/chat/completions"), "url_mismatch", "url"),
        (spoiled(body=[1]), "invalid_request", "body"),
        (spoiled(body={"model": "gpt-image-9"}), "model_not_found", "body.model"),
        (spoiled(body={"model": ["dall-e-2"]}), "model_not_found", "body.model"),
        (spoiled(body={"model": "gpt-image-2"}), "model_mismatch", "body.model"),
    ],
)
def test_invalid_line_is_named(data: bytes, code: str, param: str | None) -> None:
    (error,) = read(data).errors
    assert (error.code, error.param, error.line) == (code, param, 2)
    assert error.message


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n"])
def test_file_without_requests_is_an_error_without_a_line(data: bytes) -> None:
    (error,) = read(data).errors
    assert (error.code, error.line) == ("empty_file", None)


def test_invalid_lines_are_reported_up_to_a_limit() -> None:
    assert [error.line for error in read(b"{\n" + jsonl([line("a")]) + b"\n{").errors] == [1, 4]
    assert len(read(b"{\n" * 5000).errors) == 100


def test_valid_file_has_its_lines_model_and_images() -> None:
    bodies: list[dict[str, Any]] = [
        {"images": [{"file_id": "file-1"}, {"file_id": 3}, 4, {"image_url": "data:"}], "mask": {"file_id": "file-2"}},
        {"images": "none", "markup": {"file_id": "file-3"}},
    ]
    data = jsonl([line(str(n), url=EDITS, **body) for n, body in enumerate(bodies)]).replace(b"\n", b"\r\n\n")
    batch_input = read(data, EDITS)
    assert not batch_input.errors
    assert (batch_input.model, sorted(batch_input.file_ids)) == ("dall-e-2", ["file-1", "file-2", "file-3"])
    assert [read_line_body(data, entry) for entry in batch_input.lines] == [
        json.loads(text)["body"] for text in data.splitlines() if text
    ]


@pytest.mark.parametrize(("count", "codes"), [(50_000, []), (50_001, ["too_many_tasks"])])
def test_batch_of_more_than_fifty_thousand_fails(count: int, codes: list[str]) -> None:
    text = '{"custom_id":"%d","method":"POST","url":"/v1/images/generations","body":{}}\n'
    assert [error.code for error in read("".join(text % n for n in range(count)).encode()).errors] == codes


def test_file_of_more_than_two_hundred_megabytes_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert input_lines.MAX_BYTES == 200_000_000
    monkeypatch.setattr(input_lines, "MAX_BYTES", 1_000)
    assert [error.code for error in read(b" " * 1_001).errors] == ["file_too_large"]


NAMES = st.sampled_from(["custom_id", "method", "url", "body", "model", "images", "mask", "file_id"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["POST", GENERATIONS, "dall-e-2"]),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


@given(st.lists(JSON.map(json.dumps).map(str.encode) | st.binary()).map(b"\n".join))
def test_no_file_raises_an_exception(data: bytes) -> None:
    batch_input = read(data)
    assert batch_input.errors or batch_input.lines
