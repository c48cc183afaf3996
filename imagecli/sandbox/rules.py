"""What the API takes and what it refuses, decided by the catalogue's rows. Pictures are judged in `picture_rules`.

Codes: OpenAI API reference and error guide, read 2026-11-22, where they name one. The wordings follow the API's manner.
"""

from __future__ import annotations

import re
from typing import Any

from imagecli.catalog import Catalog, ModelRow
from imagecli.domain import Operation, Size
from imagecli.errors import UsageError
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.forms import Form
from imagecli.sandbox.job import Job
from imagecli.sandbox.picture_rules import check_pictures, natural_size

DEFAULT_MODEL = "dall-e-2"
"""Where the request names none. Source: openai-openapi @ f85dbe2 (2026-08-21); clients of the DALL·E time send none."""

EVERYWHERE: dict[Operation, frozenset[str]] = {
    "generations": frozenset({"prompt", "model", "n", "size"}),
    "edits": frozenset({"prompt", "model", "n", "size"}),
    "variations": frozenset({"model", "n", "size"}),
}
"""Parameters that belong to an endpoint and not to a row. Source: OpenAI API reference, images, read 2026-11-22."""

WORDS = {"moderation": ("low", "auto"), "style": ("vivid", "natural"), "input_fidelity": ("high", "low")}
"""Legal words that no row lists. Source: the same."""

VARIATION_PROMPT = "a variation"


def judge(form: Form, operation: Operation, catalog: Catalog) -> Job:
    """The job that *form* asks for. Raises ApiError with the API's own body."""
    row = _row(form, operation, catalog)
    _check_names(form, operation, row)
    prompt = _prompt(form, operation, row)
    words = {name: _word(form, name, row) for name in ("quality", "background", "output_format", "response_format")}
    for name in WORDS:
        _word(form, name, row)
    output_format = words["output_format"] or "png"
    if words["background"] == "transparent" and output_format == "jpeg":
        raise _invalid("background", "Transparent background is not supported for JPEG output format.")
    asked = _size(form, row)
    images, mask = check_pictures(form, operation, row)
    return Job(
        operation=operation,
        row=row,
        prompt=prompt,
        n=_whole(form, "n", range(1, row.max_n + 1), 1),
        size=asked or natural_size(images, row),
        quality=words["quality"] if words["quality"] not in (None, "auto") else _usual_quality(row),
        background="transparent" if words["background"] == "transparent" else "opaque",
        output_format=output_format,
        output_compression=_compression(form, output_format),
        response_format=words["response_format"] or (next(iter(row.allowed("response_format")), None)),
        images=images,
        mask=mask,
    )


def _row(form: Form, operation: Operation, catalog: Catalog) -> ModelRow:
    name = form.values.get("model", DEFAULT_MODEL)
    if not isinstance(name, str):
        raise _wrong_type("model", "a string", name)
    row = catalog.models.get(name or DEFAULT_MODEL)
    if row is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise ApiError(message, status=404, code="model_not_found")
    if operation not in row.operations:
        takers = [other.name for other in catalog.models.values() if operation in other.operations]
        raise _invalid("model", f"Invalid value: '{name}'. Supported values are: {_listed(takers)}.")
    return row


def _check_names(form: Form, operation: Operation, row: ModelRow) -> None:
    known = EVERYWHERE[operation] | set(row.parameters)
    if operation == "edits" and not row.allowed("response_format"):
        known |= {"input_fidelity"}
    for name in form.values:
        if name not in known:
            raise ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def _prompt(form: Form, operation: Operation, row: ModelRow) -> str:
    if operation == "variations":
        return VARIATION_PROMPT
    if "prompt" not in form.values:
        raise ApiError("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    prompt = form.values["prompt"]
    if not isinstance(prompt, str):
        raise _wrong_type("prompt", "a string", prompt)
    if not prompt.strip():
        message = (
            "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string instead."
        )
        raise ApiError(message, param="prompt", code="empty_string")
    if len(prompt) > row.max_prompt:
        raise ApiError(
            f"Invalid 'prompt': string too long. Expected a string with maximum length {row.max_prompt}, but got a "
            f"string with length {len(prompt)} instead.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def _word(form: Form, name: str, row: ModelRow) -> str | None:
    value = form.values.get(name)
    allowed = row.allowed(name) or WORDS.get(name, ())
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_type(name, f"one of {_listed(allowed)}", value)
    if allowed and value not in allowed:
        raise _invalid(name, f"Invalid value: '{value}'. Supported values are: {_listed(allowed)}.")
    return value


def _whole(form: Form, name: str, allowed: range, usual: int) -> int:
    value = form.values.get(name, usual)
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,20}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, "an integer", value)
    if value < allowed[0]:
        raise _out_of_range(name, value, "below minimum", f">= {allowed[0]}", "integer_below_min_value")
    if value > allowed[-1]:
        raise _out_of_range(name, value, "above maximum", f"<= {allowed[-1]}", "integer_above_max_value")
    return value


def _compression(form: Form, output_format: str) -> int:
    compression = _whole(form, "output_compression", range(101), 100)
    if compression < 100 and output_format == "png":
        raise _invalid("output_compression", "Compression less than 100 is not supported for PNG output format.")
    return compression


def _size(form: Form, row: ModelRow) -> Size | None:
    text = form.values.get("size")
    if text is None:
        return None
    if not isinstance(text, str):
        raise _wrong_type("size", "a string", text)
    if text == "auto" and row.sizes.auto:
        return None
    objection = row.sizes.objection("auto") if text == "auto" else None
    try:
        size = None if objection else Size.parse(text)
    except UsageError:
        size = None
    if size and "x" in text and not row.sizes.objection(size):
        return size
    if row.sizes.set:
        words = [str(one) for one in row.sizes.set] + (["auto"] if row.sizes.auto else [])
        raise _invalid("size", f"Invalid value: '{text}'. Supported values are: {_listed(words)}.")
    reason = row.sizes.objection(size) if size else "expected 'auto' or WIDTHxHEIGHT"
    raise _invalid("size", f"Invalid size '{text}': {reason}.")


def _usual_quality(row: ModelRow) -> str:
    """What `auto` becomes: the middle of the row's words."""
    words = [word for word in row.allowed("quality") if word != "auto"]
    return words[(len(words) - 1) // 2] if words else "standard"


def _out_of_range(name: str, value: int, where: str, wanted: str, code: str) -> ApiError:
    message = f"Invalid '{name}': integer {where} value. Expected a value {wanted}, but got {value} instead."
    return ApiError(message, param=name, code=code)


def _invalid(param: str, message: str) -> ApiError:
    return ApiError(message, param=param, code="invalid_value")


def _wrong_type(param: str, wanted: str, value: Any) -> ApiError:
    kind = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal number", list: "an array"}
    got = kind.get(type(value), "an object")
    message = f"Invalid type for '{param}': expected {wanted}, but got {got} instead."
    return ApiError(message, param=param, code="invalid_type")


def _listed(words: Any) -> str:
    """'a', 'b', and 'c'."""
    quoted = [f"'{word}'" for word in words]
    return ", ".join(quoted) if len(quoted) < 2 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
