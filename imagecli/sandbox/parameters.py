"""One parameter at a time: the value of a form, judged by the model's row, or the API's refusal of it.

Which words and which numbers are legal is the row's to say; what is neither is of a kind named here. Codes: OpenAI API
reference and error guide, read 2026-11-22, where they name one. The wordings follow the API's manner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imagecli.catalog.model import ModelRow
from imagecli.domain import Svg
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.form import Form

FLAGS = {"true": True, "1": True, "false": False, "0": False}
"""How a form says yes and no."""

_WHOLE = re.compile(r"\s*-?[0-9]{1,20}\s*")


def word(form: Form, name: str, row: ModelRow) -> str | None:
    """One of the row's words, or any text where it lists none; None where nothing was sent."""
    value = form.values.get(name)
    allowed = row.allowed(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type(name, f"one of {listed(allowed)}" if allowed else "a string", value)
    if allowed and value not in allowed:
        raise invalid(name, f"Invalid value: '{value}'. Supported values are: {listed(allowed)}.")
    return value


def number(form: Form, name: str, row: ModelRow, usual: int) -> int:
    """A whole number inside the row's range; *usual* where nothing was sent."""
    low, high = row.ranges.get(name, (0, 2**31))
    return whole(form, name, low, high, usual)


def whole(form: Form, name: str, low: int, high: int, usual: int) -> int:
    """A whole number from *low* to *high*; as text only in a form, which knows no other kind."""
    value = form.values.get(name, usual)
    if form.text and isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if value < low:
        raise _out_of_range(name, value, "below minimum", f">= {low}", "integer_below_min_value")
    if value > high:
        raise _out_of_range(name, value, "above maximum", f"<= {high}", "integer_above_max_value")
    return value


def flag(form: Form, name: str) -> bool:
    """True or false; false where nothing was sent."""
    value = form.values.get(name, False)
    if form.text and isinstance(value, str):
        value = FLAGS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def author(form: Form, row: ModelRow) -> Svg:
    """The `svg` object: `{model, reasoning: {effort}}`, all of it optional."""
    svg = _object(form.values.get("svg", {}), "svg", ("model", "reasoning"))
    reasoning = _object(svg.get("reasoning", {}), "svg.reasoning", ("effort",))
    model, effort = svg.get("model"), reasoning.get("effort")
    for param, value in (("svg.model", model), ("svg.reasoning.effort", effort)):
        if value is not None and not isinstance(value, str):
            raise wrong_type(param, "a string", value)
    efforts = row.allowed("svg")
    if effort is not None and efforts and effort not in efforts:
        said = f"Invalid value: '{effort}'. Supported values are: {listed(efforts)}."
        raise invalid("svg.reasoning.effort", said)
    return Svg(model=model or None, effort=effort)


def _object(value: Any, param: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    for name in value:
        if name not in known:
            raise ApiError(f"Unknown parameter: '{param}.{name}'.", param=f"{param}.{name}", code="unknown_parameter")
    return {name: inner for name, inner in value.items() if inner is not None}


def _out_of_range(name: str, value: int, where: str, wanted: str, code: str) -> ApiError:
    message = f"Invalid '{name}': integer {where} value. Expected a value {wanted}, but got {value} instead."
    return ApiError(message, param=name, code=code)


def invalid(param: str, message: str) -> ApiError:
    """A value of the right kind that is not taken."""
    return ApiError(message, param=param, code="invalid_value")


def wrong_type(param: str, wanted: str, value: Any) -> ApiError:
    """A value of another kind than *wanted*."""
    kind = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal number", list: "an array"}
    got = kind.get(type(value), "an object")
    message = f"Invalid type for '{param}': expected {wanted}, but got {got} instead."
    return ApiError(message, param=param, code="invalid_type")


def listed(words: Iterable[str]) -> str:
    """'a', 'b', and 'c'."""
    quoted = [f"'{word}'" for word in words]
    return ", ".join(quoted) if len(quoted) < 2 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
