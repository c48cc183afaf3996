"""Validates the body of `POST /v1/batches`.

Source: OpenAI API reference, create batch, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from imagecli.domain import Operation
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.routes import check_file_lifetime
from imagecli.sandbox.files.store import MONTH
from imagecli.sandbox.parameters import (
    invalid_value_error,
    missing_parameter_error,
    unknown_parameter_error,
    unsupported_value_error,
    wrong_type_error,
)

ENDPOINTS: Final[Mapping[str, Operation]] = MappingProxyType(
    {"/v1/images/generations": "generations", "/v1/images/edits": "edits"}
)
REQUIRED: Final = ("input_file_id", "endpoint", "completion_window")
WINDOWS: Final = ("24h",)

MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512
"""Limits of metadata: pairs, characters of a key, characters of a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBatchRequest:
    """A valid body; its input file has not been checked yet."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Mapping[str, str] | None
    lifetime: float
    """Seconds until the output files expire."""


def parse_create_request(values: dict[str, Any]) -> CreateBatchRequest:
    """The request in a JSON body. Raises ApiError 400."""
    for name in values:
        if name not in (*REQUIRED, "metadata", "output_expires_after"):
            raise unknown_parameter_error(name)
    texts = {name: _read_text(values, name) for name in REQUIRED}
    for name, words in (("endpoint", ENDPOINTS), ("completion_window", WINDOWS)):
        if texts[name] not in words:
            raise unsupported_value_error(name, texts[name], words)
    return CreateBatchRequest(
        **texts,
        metadata=_read_metadata(values.get("metadata")),
        lifetime=_read_lifetime(values.get("output_expires_after")),
    )


def _read_text(values: dict[str, Any], name: str) -> str:
    if name not in values:
        raise missing_parameter_error(name)
    value = values[name]
    if not isinstance(value, str):
        raise wrong_type_error(name, "a string", value)
    return value


def _read_metadata(pairs: Any) -> Mapping[str, str] | None:
    if pairs is None:
        return None
    if not isinstance(pairs, dict):
        raise wrong_type_error("metadata", "an object", pairs)
    if len(pairs) > MAX_PAIRS:
        message = (
            f"Invalid 'metadata': too many properties. Expected at most {MAX_PAIRS}, but got {len(pairs)} instead."
        )
        raise ApiError(message, param="metadata", code="object_above_max_properties")
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise wrong_type_error(f"metadata.{key}", "a string", value)
        for part, text, limit in (("key", key, MAX_KEY), ("value", value, MAX_VALUE)):
            if len(text) > limit:
                message = (
                    f"Invalid 'metadata': {part} too long. Expected at most {limit} characters, but got {len(text)}."
                )
                raise ApiError(message, param=f"metadata.{key}"[:80], code="string_above_max_length")
    return pairs


def _read_lifetime(policy: Any) -> float:
    if policy is None:
        return MONTH
    seconds = policy.get("seconds") if isinstance(policy, dict) else None
    if not isinstance(policy, dict) or policy.get("anchor") != "created_at":
        raise invalid_value_error("output_expires_after.anchor", "Invalid value. Supported values are: 'created_at'.")
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise wrong_type_error("output_expires_after.seconds", "an integer", seconds)
    return check_file_lifetime(seconds, "output_expires_after.seconds")
