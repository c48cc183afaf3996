"""Validates an image request by the model's row in the catalog; `image_validation` does the same for its images.

Source: OpenAI API reference, images, read 2026-11-22. Moderation error: public issues and the changelog of
openai-python of 2026-10-14, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.choices import MAX_SEED
from imagecli.domain import Operation, Size
from imagecli.errors import UsageError
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.image_job import DeliveryOptions, ImageJob
from imagecli.sandbox.image_validation import natural_size, read_input_images
from imagecli.sandbox.parameters import (
    invalid_value_error,
    missing_parameter_error,
    read_flag,
    read_number,
    read_svg_options,
    read_whole_number,
    read_word,
    unknown_parameter_error,
    unsupported_value_error,
    wrong_type_error,
)
from imagecli.sandbox.request_body import ParsedForm
from imagecli.sizes import parse_size_in_pixels

COMPRESSED: Final = ("jpeg", "webp")
"""Formats with a compression level."""
TRANSPARENT: Final = ("png", "webp")
"""Formats that support a transparent background."""
NOT_STREAMED: Final = ("gif", "svg")
"""Formats that are never sent as a stream."""
FORMAT_PARAMETERS: Final = {"frame_count": "gif", "frame_duration_ms": "gif", "svg": "svg"}
"""Parameter → the only format it belongs to."""
CLASSIC_MODEL: Final = "dall-e-2"
DEFAULT_MODELS: Final[dict[Operation, str]] = {
    "generations": CLASSIC_MODEL,
    "edits": "gpt-image-1.5",
    "variations": CLASSIC_MODEL,
}
"""For requests without a model, as old clients send them. Source: openai-openapi @ f85dbe2 (2026-08-21)."""
DEFAULT_VALUES: Final = {
    "background": "auto",
    "moderation": "auto",
    "output_compression": 100,
    "output_format": "png",
    "partial_images": 0,
    "quality": "auto",
    "stream": False,
}
"""Values that are accepted for every model, since they change nothing. Source: the same."""
ENDPOINT_PARAMETERS: dict[Operation, frozenset[str]] = {
    "generations": frozenset({"prompt", "model", "n", "size"}),
    "edits": frozenset({"prompt", "model", "n", "size"}),
    "variations": frozenset({"model", "n", "size"}),
}
"""Parameters of an endpoint, whatever the model. Source: OpenAI API reference, images, read 2026-11-22."""
EDITS_ONLY = frozenset({"input_fidelity", "markup"})
"""Parameters of a row that are about input images. Source: the same."""
GIF_DEFAULTS: Final = {"frame_count": 9, "frame_duration_ms": 200}
"""Source: the same."""
VARIATION_PROMPT = "a variation"
BLOCKED_WORD: Final = "moderation_blocked"
"""A prompt with this word is always blocked, to try out moderation errors."""


def build_image_job(form: ParsedForm, operation: Operation, catalog: Catalog) -> ImageJob:
    """The job that *form* describes. Raises ApiError with the API's own body."""
    row = _read_model(form, operation, catalog)
    form = _without_defaults(form, row)
    _check_names(form, operation, row, catalog.provider("sandbox"))
    prompt = _read_prompt(form, operation, row)
    words = {name: read_word(form, name, row) for name in row.parameters if name in row.words and name != "svg"}
    output_format = words.get("output_format") or "png"
    numbers = {name: read_number(form, name, row, default) for name, default in GIF_DEFAULTS.items()}
    delivery = _read_delivery(form, row)
    check_combinations(form, output_format, row, stream=delivery.stream)
    compression = read_whole_number(form, "output_compression", 0, 100, 100)
    check_compression(compression, output_format, explicit="output_compression" in form.values)
    size = _read_size(form, row)
    images, mask, markup = read_input_images(form, operation, row)
    quality = words.get("quality")
    return ImageJob(
        operation=operation,
        row=row,
        prompt=prompt,
        n=read_whole_number(form, "n", 1, row.most_images(output_format), 1),
        size=size or natural_size(images, row),
        seed=read_whole_number(form, "seed", 0, MAX_SEED, 0) if "seed" in form.values else None,
        quality=quality if quality and quality != "auto" else _default_quality(row),
        background="transparent" if words.get("background") == "transparent" else "opaque",
        output_format=output_format,
        output_compression=compression,
        response_format=words.get("response_format") or next(iter(row.allowed_values("response_format")), None),
        frame_count=numbers["frame_count"] if output_format == "gif" else 1,
        frame_duration_ms=numbers["frame_duration_ms"] if output_format == "gif" else 0,
        svg=read_svg_options(form, row) if output_format == "svg" else None,
        delivery=delivery,
        images=images,
        mask=mask,
        markup=markup,
    )


def _read_model(form: ParsedForm, operation: Operation, catalog: Catalog) -> ModelRow:
    name = form.values.get("model", "")
    if not isinstance(name, str):
        raise wrong_type_error("model", "a string", name)
    row = catalog.models.get(name or _default_model(form, operation, catalog))
    if row is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise ApiError(message, status=404, code="model_not_found")
    if operation not in row.operations:
        supported = [model.name for model in catalog.models.values() if operation in model.operations]
        raise unsupported_value_error("model", name, supported)
    return row


def _default_model(form: ParsedForm, operation: Operation, catalog: Catalog) -> str:
    """The model of a request that names none: the classic one also for a form that only the classic one accepts."""
    name = DEFAULT_MODELS[operation]
    row, size = catalog.models[name], form.values.get("size")
    is_classic = "response_format" in form.values and "response_format" not in row.parameters
    if isinstance(size, str) and (pixels := parse_size_in_pixels(size)):
        is_classic = is_classic or row.sizes.objection(pixels) is not None
    return CLASSIC_MODEL if form.is_text and is_classic else name


def _without_defaults(form: ParsedForm, row: ModelRow) -> ParsedForm:
    """*form* without explicit defaults. A compression stays if the model has one: some formats refuse any."""
    values = {
        name: value
        for name, value in form.values.items()
        if not _is_default(name, value, form) or (name == "output_compression" and name in row.parameters)
    }
    return replace(form, values=values)


def _is_default(name: str, value: object, form: ParsedForm) -> bool:
    if name not in DEFAULT_VALUES:
        return False
    default = DEFAULT_VALUES[name]
    if form.is_text and isinstance(value, str):
        return value.strip().lower() in ("false", "0") if default is False else value.strip() == str(default)
    return type(value) is type(default) and value == default


def _check_names(form: ParsedForm, operation: Operation, row: ModelRow, sandbox: ProviderRow) -> None:
    names = ENDPOINT_PARAMETERS[operation] | set(row.parameters) - (EDITS_ONLY if operation != "edits" else set())
    names |= {"seed"} if operation in sandbox.seed else set()
    for name in form.values:
        if name not in names:
            raise unknown_parameter_error(name)


def _read_prompt(form: ParsedForm, operation: Operation, row: ModelRow) -> str:
    if operation == "variations":
        return VARIATION_PROMPT
    if "prompt" not in form.values:
        raise missing_parameter_error("prompt")
    prompt = form.values["prompt"]
    if not isinstance(prompt, str):
        raise wrong_type_error("prompt", "a string", prompt)
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


def _read_delivery(form: ParsedForm, row: ModelRow) -> DeliveryOptions:
    user, safety = read_word(form, "user", row), read_word(form, "safety_identifier", row)
    return DeliveryOptions(
        stream=read_flag(form, "stream"),
        partial_images=read_number(form, "partial_images", row, 0),
        safety_identifier=safety or user or None,
    )


def _read_size(form: ParsedForm, row: ModelRow) -> Size | None:
    text = form.values.get("size")
    if text is None:
        return None
    if not isinstance(text, str):
        raise wrong_type_error("size", "a string", text)
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
        words = [str(size) for size in row.sizes.set] + (["auto"] if row.sizes.auto else [])
        raise unsupported_value_error("size", text, words)
    reason = row.sizes.objection(size) if size else "expected 'auto' or WIDTHxHEIGHT"
    raise invalid_value_error("size", f"Invalid size '{text}': {reason}.")


def _default_quality(row: ModelRow) -> str:
    """The quality that `auto` stands for: the middle one of the row."""
    words = [word for word in row.allowed_values("quality") if word != "auto"]
    return words[(len(words) - 1) // 2] if words else "standard"


def check_combinations(form: ParsedForm, output_format: str, row: ModelRow, *, stream: bool) -> None:
    """Raises ApiError for parameters that exclude or need each other. *output_format* is the one that will be used."""
    for name, required in FORMAT_PARAMETERS.items():
        if name in form.values and output_format != required:
            raise invalid_value_error(name, f"'{name}' is only supported when 'output_format' is '{required}'.")
    if "partial_images" in form.values and not stream:
        raise invalid_value_error("partial_images", "'partial_images' is only supported when 'stream' is true.")
    if stream and output_format in NOT_STREAMED:
        raise invalid_value_error("stream", f"Streaming is not supported for {output_format.upper()} output format.")
    if form.values.get("background") == "transparent" and output_format not in TRANSPARENT:
        message = f"Transparent background is not supported for {output_format.upper()} output format."
        raise invalid_value_error("background", message)
    _check_overlays(form, output_format, row)


def check_compression(compression: int, output_format: str, *, explicit: bool) -> None:
    """Raises ApiError. 100 is no compression, so png accepts it."""
    kind = output_format.upper()
    if compression < 100 and output_format not in COMPRESSED:
        raise invalid_value_error(
            "output_compression", f"Compression less than 100 is not supported for {kind} output format."
        )
    if explicit and output_format in NOT_STREAMED:
        raise invalid_value_error("output_compression", f"Compression is not supported for {kind} output format.")


def _check_overlays(form: ParsedForm, output_format: str, row: ModelRow) -> None:
    if form.masks and form.markups:
        raise invalid_value_error("markup", "'markup' cannot be used together with 'mask'.")
    if form.masks and output_format == "gif":
        raise invalid_value_error("mask", "'mask' is not supported for GIF output format.")
    if form.markups and "markup" not in row.parameters:
        raise unknown_parameter_error("markup")


def check_moderation(prompt: str, request_id: str) -> None:
    """Raises ApiError for a prompt that contains BLOCKED_WORD."""
    if BLOCKED_WORD in prompt:
        raise moderation_error(request_id)


def moderation_error(request_id: str) -> ApiError:
    """The moderation error, which names the request."""
    return ApiError(
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        f"help.openai.com and include the request ID {request_id}. safety_violations=[sandbox].",
        type="image_generation_user_error",
        code="moderation_blocked",
        details={"moderation_details": {"moderation_stage": "input", "categories": ["sandbox"]}},
    )
