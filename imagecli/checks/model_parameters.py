"""Checks the parameters of a request: whether its model accepts each one, and whether they exclude each other.

Source of the rules: OpenAI API reference, images, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from imagecli.catalog.catalog import first_living_model
from imagecli.catalog.model import OPTIONAL, ModelRow
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, SvgOptions
from imagecli.errors import UsageError
from imagecli.events import WarningEvent
from imagecli.formats import ENDINGS
from imagecli.suggestions import join_alternatives, suggest


def flag_for_field(name: str, value: object = None) -> str:
    """The flag that sets the field *name*; *value* decides if the field has several flags."""
    if name == "svg":
        return "--svg-model" if isinstance(value, SvgOptions) and value.effort is None else "--svg-reasoning-effort"
    return "--" + name.replace("_", "-")


OWN_FIELDS: Final[Mapping[str, str]] = {
    **{name: flag_for_field(name) for name in ("model", "size", *OPTIONAL)},
    "prompt": "--prompt",
    "n": "-n",
    "image": "imagecli edit IMAGE --image FILE",
    "image[]": "imagecli edit IMAGE --image FILE",
    "images": "imagecli edit IMAGE --image FILE",
    "mask": "imagecli edit IMAGE --mask FILE",
    "markup": "imagecli edit IMAGE --markup FILE",
}
"""Fields that --param can't set → what sets them. --param would bypass checks and the price, or change the response."""

LENT: Final = frozenset({"size", *OPTIONAL}) - {"stream", "partial_images"}
"""Those of them that --param may set for a model whose price and checks don't depend on them."""

_NO_CROP = ("center", "none")
"""Values of `crop` that have no effect if the model needs no square image; the first is the default."""


def check_framing(request: ImageRequest, row: ModelRow) -> Iterator[WarningEvent]:
    """A warning for --crop or --pad without an effect. Raises UsageError if they exclude each other."""
    if isinstance(request, Generate):
        return
    crop, pad = f"--crop {request.input_fit.crop}", request.input_fit.pad
    crops = request.input_fit.crop not in _NO_CROP
    if pad and crops:
        raise UsageError(f"--pad can't be used with {crop}", hint="omit one of them")
    if (pad or crops) and not row.image.square:
        message = f"{'--pad' if pad else crop} has no effect: {row.name} does not require square images"
        yield WarningEvent(code="no_effect", message=message)


def needs_alpha(request: ImageRequest, row: ModelRow) -> bool:
    """Whether the image's own transparency is the mask: in a legacy edit without one."""
    return isinstance(request, Edit) and not request.has_mask and row.edits_need_alpha


def check_input_count(request: ImageRequest, row: ModelRow) -> None:
    """Raise UsageError if there are more input images than one request accepts."""
    count = len(request.input_sources)
    if count > row.max_images:
        limiter = row.images_by or row.name
        raise UsageError(
            f"{count} input images; {limiter} accepts at most {row.max_images}", hint="use fewer input images"
        )


ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "output_compression": ("jpeg", "webp"),
    "frame_count": ("gif",),
    "frame_duration_ms": ("gif",),
    "svg": ("svg",),
}
"""Parameter → the output formats that it applies to."""

WHOLE: Final = ("gif", "svg")
"""Formats that can't be streamed, and that other formats can't be converted to: a still image has no animation."""


def check_pairs(request: ImageRequest) -> None:
    """Raise UsageError if two parameters exclude each other."""
    options = request.options
    output_format = options.output_format or "png"
    for name, formats in ONLY_FOR.items():
        value = getattr(options, name)
        if value is not None and output_format not in formats:
            flag = flag_for_field(name, value)
            raise UsageError(
                f"{flag}: only for {' and '.join(formats)}, not for {output_format}",
                hint=f"add --output-format {formats[-1]}, or use a file name ending in .{formats[-1]}",
                flag=flag,
            )
    if options.background == "transparent" and output_format not in ("png", "webp"):
        raise UsageError(
            f"a transparent background requires png or webp, not {output_format}", hint="use --output-format png"
        )
    if options.fit and output_format == "svg":
        raise UsageError(
            "--fit: can't be used with svg, which has no pixels",
            hint="omit --fit: an svg is sharp at any size",
            flag="--fit",
        )
    _check_stream(options, output_format)
    if isinstance(request, Edit):
        _check_mask(request, output_format)
    elif options.input_fidelity is not None:
        raise UsageError("--input-fidelity: only for edits", hint="imagecli edit IMAGE --input-fidelity high")


def _check_stream(options: ImageOptions, output_format: str) -> None:
    if options.stream and output_format in WHOLE:
        raise UsageError(
            f"--stream: can't be used with {output_format}",
            hint="omit --stream and --partial-images, or use --output-format png",
        )
    if options.partial_images is not None and not options.stream:
        raise UsageError("--partial-images requires --stream", hint="add --stream")


def _check_mask(request: Edit, output_format: str) -> None:
    if request.mask and output_format == "gif":
        raise UsageError("--mask: can't be used with gif", hint="use --output-format png, or omit --mask")
    if request.composition and output_format in WHOLE:
        raise UsageError(
            f"a result in {output_format} can't be pasted into the original image",
            hint="use --output-format png, or omit --keep-outside, --crop-to-mask and --extend",
        )
    if request.has_mask and request.markup:
        flag = "--mask" if request.mask else "--extend"
        raise UsageError(f"{flag} can't be used with --markup", hint="omit one of them")
    if request.composition and request.input_fit.input_size:
        raise UsageError(
            "--input-size can't be used with --keep-outside, --crop-to-mask or --extend",
            hint="use --size for the size of the part that is sent",
        )


def inspect_parameters(
    request: ImageRequest, row: ModelRow, other_models: Iterable[ModelRow]
) -> Iterator[WarningEvent | UsageError]:
    """A warning for each parameter or value that is not documented for *row*, and an error for each it does not accept.

    The hint names the nearest value, or one of the *other_models* that accepts it.
    """
    options = request.options
    if options.n < 1:
        yield UsageError(f"-n {options.n}: expected at least 1", hint="use -n 1")
    for key, _ in options.params:
        try:
            _check_extra_param(key, options, row)
        except UsageError as error:
            yield error
    values = {name: value for name in OPTIONAL if (value := getattr(options, name)) is not None}
    if isinstance(request, Edit) and request.markup:
        values["markup"] = request.markup
    for name, value in values.items():
        try:
            _check_parameter(name, value, row, other_models)
            _check_word(name, value, row, other_models)
            _check_range(name, value, row)
        except UsageError as error:
            yield error
            continue
        word = _word_in(value)
        if not row.surely_takes(name, word):
            flag = flag_for_field(name, value)
            message = flag if name in row.unstated else f"{flag} {word}"
            message += f": not documented for {row.name}; imagecli sends it anyway"
            supporting = first_living_model(
                model for model in other_models if model.surely_takes(name, word) and _model_accepts(model, name, word)
            )
            if supporting:
                message += f"; -m {supporting} supports it"
            yield WarningEvent(code="unstated", message=message)
        elif _is_outside(name, value, row):
            low, high = row.ranges[name]
            message = f"{flag_for_field(name)} {value}: {row.name} documents {low:,} to {high:,}; imagecli sends it"
            yield WarningEvent(code="unstated", message=message)


def _check_extra_param(key: str, options: ImageOptions, row: ModelRow) -> None:
    """Raise UsageError for a --param that has a flag, unless the row lends its field and the flag is not used."""
    if key == "seed" and options.seed is not None:
        raise UsageError("--param seed: can't be used with --seed", hint="omit one of them")
    if key not in OWN_FIELDS:
        return
    if not (row.lends_fields and key in LENT):
        raise UsageError(f"--param {key}: this field has its own option", hint=f"use {OWN_FIELDS[key]}")
    if getattr(options, key) is not None:
        raise UsageError(f"--param {key}: can't be used with {flag_for_field(key)}", hint="omit one of them")


def _check_parameter(name: str, value: object, row: ModelRow, other_models: Iterable[ModelRow]) -> None:
    if name in row.parameters:
        return
    flag = flag_for_field(name, value)
    supporting = first_living_model(model for model in other_models if model.surely_takes(name, _word_in(value)))
    hint = f"omit {flag}, or choose another model: imagecli models"
    if name == "response_format":
        hint = "omit --response-format: this model always returns base64"
    elif supporting:
        hint = f"omit {flag}, or use -m {supporting}"
    raise UsageError(f"{flag}: not supported by {row.name}", hint=hint, flag=flag)


def _check_word(name: str, value: object, row: ModelRow, other_models: Iterable[ModelRow]) -> None:
    allowed, word = row.allowed_values(name), _word_in(value)
    if _model_accepts(row, name, word):
        return
    flag, near = flag_for_field(name, value), _nearest_word(str(word), allowed) or join_alternatives(allowed)
    supporting = first_living_model(
        model for model in other_models if word in model.allowed_values(name) and model.surely_takes(name, word)
    )
    hint = f"use {flag} {near}" + (f"; for {word}, use -m {supporting}" if supporting else "")
    raise UsageError(f"{flag} {word}: {row.name} accepts {', '.join(allowed)}", hint=hint, flag=flag)


def _word_in(value: object) -> str | None:
    """A parameter's value if it is one of a set of words, else None."""
    word = value.effort if isinstance(value, SvgOptions) else value
    return word if isinstance(word, str) else None


def _model_accepts(row: ModelRow, name: str, word: str | None) -> bool:
    return word is None or not row.allowed_values(name) or word in row.allowed_values(name)


def _is_outside(name: str, value: object, row: ModelRow) -> bool:
    """Whether a number is outside of the documented range; then it is within the undocumented one."""
    return name in row.ranges and isinstance(value, int) and not row.ranges[name][0] <= value <= row.ranges[name][1]


def _check_range(name: str, value: object, row: ModelRow) -> None:
    if name not in row.ranges or not isinstance(value, int):
        return
    low, high = row.unstated_ranges.get(name) or row.ranges[name]
    if not low <= value <= high:
        flag = flag_for_field(name)
        raise UsageError(
            f"{flag} {value}: {row.name} accepts {low:,} to {high:,}",
            hint=f"use {flag} {min(max(value, low), high)}",
            flag=flag,
        )


def _nearest_word(value: str, allowed: tuple[str, ...]) -> str | None:
    """The word of *allowed* that was probably meant: `jpeg` for JPG, `high` for hd."""
    word = ENDINGS.get(value.lower(), value.lower())
    if _SYNONYMS.get(word) in allowed:
        return _SYNONYMS[word]
    return suggest(word, allowed)


_SYNONYMS: Final = {"hd": "high", "standard": "medium", "high": "hd", "medium": "standard", "low": "standard"}
"""Quality of some models → quality of others."""
