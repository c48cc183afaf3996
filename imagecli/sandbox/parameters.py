"""One parameter at a time: the value of a form, judged by the model's row, or the API's refusal of it.

Which words and which numbers are legal is the row's to say; what is neither is of a kind named here. Codes: OpenAI API
reference and error guide, read 2026-11-22, where they name one. The wordings follow the API's manner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imagecli.catalog.model import ModelRow
from imagecli.domain import SvgOptions
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.form import ParsedForm

FLAGS = {"true": True, "1": True, "false": False, "0": False}
"""How a form says yes and no."""

_WHOLE = re.compile(r"\s*-?[0-9]{1,20}\s*")


def read_word(form: ParsedForm, name: str, row: ModelRow) -> str | None:
    """One of the row's words, or any text where it lists none; None where nothing was sent."""
    value = form.values.get(name)
    allowed = row.allowed_values(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type_error(name, f"one of {join_quoted(allowed)}" if allowed else "a string", value)
    if allowed and value not in allowed:
        raise invalid_value_error(name, f"Invalid value: '{value}'. Supported values are: {join_quoted(allowed)}.")
    return value


def read_number(form: ParsedForm, name: str, row: ModelRow, usual: int) -> int:
    """A whole number inside the row's range; *usual* where nothing was sent."""
    low, high = row.ranges.get(name, (0, 2**31))
    return read_whole_number(form, name, low, high, usual)


def read_whole_number(form: ParsedForm, name: str, low: int, high: int, usual: int) -> int:
    """A whole number from *low* to *high*; as text only in a form, which knows no other kind."""
    value = form.values.get(name, usual)
    if form.is_text and isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type_error(name, "an integer", value)
    if value < low:
        raise _out_of_range_error(name, value, "below minimum", f">= {low}", "integer_below_min_value")
    if value > high:
        raise _out_of_range_error(name, value, "above maximum", f"<= {high}", "integer_above_max_value")
    return value


def read_flag(form: ParsedForm, name: str) -> bool:
    """True or false; false where nothing was sent."""
    value = form.values.get(name, False)
    if form.is_text and isinstance(value, str):
        value = FLAGS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise wrong_type_error(name, "a boolean", value)
    return value


def read_svg_options(form: ParsedForm, row: ModelRow) -> SvgOptions:
    """The `svg` object: `{model, reasoning: {effort}}`, all of it optional."""
    svg = _read_object(form.values.get("svg", {}), "svg", ("model", "reasoning"))
    reasoning = _read_object(svg.get("reasoning", {}), "svg.reasoning", ("effort",))
    model, effort = svg.get("model"), reasoning.get("effort")
    for param, value in (("svg.model", model), ("svg.reasoning.effort", effort)):
        if value is not None and not isinstance(value, str):
            raise wrong_type_error(param, "a string", value)
    efforts = row.allowed_values("svg")
    if effort is not None and efforts and effort not in efforts:
        said = f"Invalid value: '{effort}'. Supported values are: {join_quoted(efforts)}."
        raise invalid_value_error("svg.reasoning.effort", said)
    return SvgOptions(model=model or None, effort=effort)


def _read_object(value: Any, param: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type_error(param, "an object", value)
    for name in value:
        if name not in known:
            raise ApiError(f"Unknown parameter: '{param}.{name}'.", param=f"{param}.{name}", code="unknown_parameter")
    return {name: inner for name, inner in value.items() if inner is not None}


def _out_of_range_error(name: str, value: int, where: str, wanted: str, code: str) -> ApiError:
    message = f"Invalid '{name}': integer {where} value. Expected a value {wanted}, but got {value} instead."
    return ApiError(message, param=name, code=code)


def invalid_value_error(param: str, message: str) -> ApiError:
    """A value of the right kind that is not taken."""
    return ApiError(message, param=param, code="invalid_value")


def wrong_type_error(param: str, wanted: str, value: Any) -> ApiError:
    """A value of another kind than *wanted*."""
    kind = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal number", list: "an array"}
    got = kind.get(type(value), "an object")
    message = f"Invalid type for '{param}': expected {wanted}, but got {got} instead."
    return ApiError(message, param=param, code="invalid_type")


def join_quoted(words: Iterable[str]) -> str:
    """'a', 'b', and 'c'."""
    quoted = [f"'{word}'" for word in words]
    return ", ".join(quoted) if len(quoted) < 2 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
