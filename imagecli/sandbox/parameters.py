"""Reads the parameters of a form, each of which must have a value that the model's row allows.

Codes: OpenAI API reference and error guide, read 2026-11-22, as far as they name one. Messages imitate the API's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imagecli.catalog.model import ModelRow
from imagecli.domain import SvgOptions
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.request_body import ParsedForm

FLAGS = {"true": True, "1": True, "false": False, "0": False}
"""Booleans as a form spells them."""

_INTEGER = re.compile(r"\s*-?[0-9]{1,20}\s*")


def read_word(form: ParsedForm, name: str, row: ModelRow) -> str | None:
    """One of the row's allowed values, or any text if it lists none; None if the form has no value."""
    value = form.values.get(name)
    allowed = row.allowed_values(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type_error(name, f"one of {join_quoted(allowed)}" if allowed else "a string", value)
    if allowed and value not in allowed:
        raise unsupported_value_error(name, value, allowed)
    return value


def read_number(form: ParsedForm, name: str, row: ModelRow, default: int) -> int:
    """An integer in the row's range; *default* if the form has no value."""
    low, high = row.ranges.get(name, (0, 2**31))
    return read_whole_number(form, name, low, high, default)


def read_whole_number(form: ParsedForm, name: str, low: int, high: int, default: int) -> int:
    """An integer from *low* to *high*; text is accepted only from a multipart form, which has no other type."""
    value = form.values.get(name, default)
    if form.is_text and isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type_error(name, "an integer", value)
    if value < low:
        raise _out_of_range_error(name, value, "below minimum", f">= {low}", "integer_below_min_value")
    if value > high:
        raise _out_of_range_error(name, value, "above maximum", f"<= {high}", "integer_above_max_value")
    return value


def read_flag(form: ParsedForm, name: str) -> bool:
    """A boolean; false if the form has no value."""
    value = form.values.get(name, False)
    if form.is_text and isinstance(value, str):
        value = FLAGS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise wrong_type_error(name, "a boolean", value)
    return value


def read_svg_options(form: ParsedForm, row: ModelRow) -> SvgOptions:
    """The `svg` object, `{model, reasoning: {effort}}`; every key is optional."""
    svg = _read_object(form.values.get("svg", {}), "svg", ("model", "reasoning"))
    reasoning = _read_object(svg.get("reasoning", {}), "svg.reasoning", ("effort",))
    model, effort = svg.get("model"), reasoning.get("effort")
    for param, value in (("svg.model", model), ("svg.reasoning.effort", effort)):
        if value is not None and not isinstance(value, str):
            raise wrong_type_error(param, "a string", value)
    efforts = row.allowed_values("svg")
    if effort is not None and efforts and effort not in efforts:
        raise unsupported_value_error("svg.reasoning.effort", effort, efforts)
    return SvgOptions(model=model or None, effort=effort)


def _read_object(value: Any, param: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type_error(param, "an object", value)
    for name in value:
        if name not in names:
            raise unknown_parameter_error(f"{param}.{name}")
    return {name: inner for name, inner in value.items() if inner is not None}


def _out_of_range_error(name: str, value: int, relation: str, expected: str, code: str) -> ApiError:
    message = f"Invalid '{name}': integer {relation} value. Expected a value {expected}, but got {value} instead."
    return ApiError(message, param=name, code=code)


def unknown_parameter_error(param: str) -> ApiError:
    """A parameter that the endpoint or the model does not have."""
    return ApiError(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def missing_parameter_error(param: str) -> ApiError:
    """A required parameter that was not sent."""
    return ApiError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def unsupported_value_error(param: str, value: str, supported: Iterable[str]) -> ApiError:
    """A word that is not one of those *supported*."""
    return invalid_value_error(param, f"Invalid value: '{value}'. Supported values are: {join_quoted(supported)}.")


def invalid_value_error(param: str, message: str) -> ApiError:
    """A value of the right type that is not accepted."""
    return ApiError(message, param=param, code="invalid_value")


def wrong_type_error(param: str, expected: str, value: Any) -> ApiError:
    """A value of another type than *expected*."""
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal number", list: "an array"}
    actual = names.get(type(value), "an object")
    message = f"Invalid type for '{param}': expected {expected}, but got {actual} instead."
    return ApiError(message, param=param, code="invalid_type")


def join_quoted(words: Iterable[str]) -> str:
    """'a', 'b', and 'c'."""
    quoted = [f"'{word}'" for word in words]
    return ", ".join(quoted) if len(quoted) < 2 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
