"""Which field an error calls unknown, in the words and shapes of many servers; and when it names none, or two."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.providers.errors import unknown_field

ADDED = ("response_format", "style", "stream")


def openai(message: str = "no", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | more}


def forbidden(*fields: str, type: str = "extra_forbidden") -> dict[str, Any]:
    return {
        "detail": [{"type": type, "loc": ["body", field], "msg": "Extra inputs are not permitted"} for field in fields]
    }


MISSING = {"type": "missing", "loc": ["body", "prompt"], "msg": "Field required"}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (openai(code="unknown_parameter", param="response_format"), "response_format"),
        (openai(code="unsupported_parameter", param="style"), "style"),
        (openai("Unknown parameter: 'response_format'."), "response_format"),
        (openai("Unrecognized request argument supplied: response_format"), "response_format"),
        (openai("Unrecognized request arguments supplied: style"), "style"),
        (openai("Unrecognised parameter: style"), "style"),
        (openai("Unsupported parameter: `stream`"), "stream"),
        (openai("Unexpected field: style"), "style"),
        (openai("'style' is not supported with this model"), "style"),
        ({"error": "Unknown parameter: response_format"}, "response_format"),
        ({"message": "Unexpected keyword argument 'style'"}, "style"),
        (forbidden("response_format"), "response_format"),
        (forbidden("style", type="value_error.extra"), "style"),
        ({"detail": "style: extra fields not permitted"}, "style"),
        ("Unknown parameter: 'style'", "style"),
        (openai("litellm.UnsupportedParamsError: openai does not support parameters: ['style']"), "style"),
        ({"message": ["property style should not exist"], "statusCode": 400}, "style"),
        (openai('Invalid JSON payload received. Unknown name "style": Cannot find field.'), "style"),
        ({"error": "StableDiffusionPipeline.__call__() got an unexpected keyword argument 'style'"}, "style"),
        ({"code": 20015, "message": "不支持的参数：style"}, "style"),
        (openai("field style is not recognized"), "style"),
        ({"code": "Client specified an invalid argument", "error": "Argument not supported: style"}, "style"),
        (openai("litellm.UnsupportedParamsError: Setting style='vivid' is not supported by vertex_ai."), "style"),
        (openai("response_format is not supported for this model"), "response_format"),
        ({"error": {"issues": [{"message": "Unrecognized key(s) in object: 'style'"}]}}, "style"),
        (openai("Unknown parameter: responseFormat"), "response_format"),
        (openai("unknown param stream"), "stream"),
        # the user's own, or nobody's
        (openai(code="unknown_parameter", param="quality"), None),
        (openai("Unknown parameter: 'quality'."), None),
        # two at once
        (forbidden("style", "stream"), None),
        (openai("Unknown parameter: 'style'. Unknown parameter: 'quality'."), None),
        # one that is unknown, and one that is wrong for another reason
        ({"detail": [*forbidden("style")["detail"], MISSING]}, None),
        # known, and refused for its value
        (openai("Invalid value: 'vivid'.", code="invalid_value", param="style"), None),
        (openai("style must be natural", param="style"), None),
        (openai(), None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_at_most_one_added_field_is_found(document: Any, field: str | None) -> None:
    for status in (400, 422, 500):
        if status == 500 and not isinstance(document, dict):
            continue
        assert unknown_field(status, json.dumps(document).encode(), ADDED) == field


@pytest.mark.parametrize(
    "body",
    [
        b"unrecognized field: style",
        b"Failed to deserialize the JSON body: unknown field `style`, expected one of `prompt`, `n`",
    ],
    ids=["sd-server", "axum"],
)
def test_an_error_in_plain_text_is_read_too(body: bytes) -> None:
    assert unknown_field(422, body, ADDED) == "style"
    assert unknown_field(500, body, ADDED) is None


@pytest.mark.parametrize("status", [200, 401, 403, 404, 409, 429, 502, 503])
def test_only_a_refused_request_is_read(status: int) -> None:
    body = json.dumps(openai(code="unknown_parameter", param="style")).encode()
    assert unknown_field(status, body, ADDED) is None


@pytest.mark.parametrize(
    "body",
    [
        b"Unknown parameter: 'style'",
        json.dumps(openai("Unknown parameter: 'style'; upstream request timed out")).encode(),
        json.dumps(openai("Unknown parameter: 'style'", data=[{"b64_json": "iVBORw0KGgo" + "A" * 60}])).encode(),
    ],
)
def test_a_failure_that_may_have_generated_an_image_is_not_repaired(body: bytes) -> None:
    assert unknown_field(500, body, ADDED) is None


def test_nothing_is_found_if_no_field_was_added() -> None:
    assert unknown_field(400, json.dumps(openai(code="unknown_parameter", param="style")).encode(), ()) is None


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([*ADDED, "body"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["error", "detail", "loc", "type", "msg", "message", "param", "code"]), inner)
    ),
    max_leaves=20,
)


@given(DOCUMENTS | st.binary(max_size=60))
def test_no_body_raises_an_exception(document: Any) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert unknown_field(400, body, ADDED) in (*ADDED, None)
