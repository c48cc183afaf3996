"""The options of a request as records of it have them: by the names of the flags that set them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from imagecli.domain import OPERATIONS, Edit, ImageRequest, InputFile, Json, Vary
from imagecli.prepared_call import RequestRecord
from imagecli.serialization import to_plain

_NOT_OPTIONS: Final = frozenset(("prompt", "image", "images", "mask", "markup", "options", "input_fit", "composition"))
"""Fields of requests that are stored apart, or whose parts are options."""
_OTHER_FORM: Final = frozenset(("model", "n", "svg", "params"))
"""Fields of options that are stored apart, or set by flags with other names."""


def record_request(request: ImageRequest, inputs: tuple[InputFile, ...]) -> RequestRecord:
    """The record of *request*, which sent *inputs*."""
    return RequestRecord(OPERATIONS[type(request)], request_options(request), inputs)


def request_options(request: ImageRequest) -> dict[str, Json]:
    """Name of the flag with underscores → its value, or a list if it can be repeated. Only what differs from defaults.

    Without model, number of images, prompt and files. `format_of_name` says that the file name set the output format.
    """
    options = request.options
    flags = _changed_fields(options, _OTHER_FORM)
    if options.svg:
        flags |= {"svg_model": options.svg.model, "svg_reasoning_effort": options.svg.effort}
    if options.params:
        flags["param"] = [f"{name}={json.dumps(value)}" for name, value in options.params]
    flags |= _changed_fields(request, _NOT_OPTIONS)
    if isinstance(request, (Edit, Vary)):
        flags |= _changed_fields(request.input_fit)
    if isinstance(request, Edit) and (mask := request.mask):
        flags |= {"mask_invert": mask.invert, "mask_fit": mask.fit}
        for shape in mask.shapes:
            flags.setdefault(f"mask_{shape.kind}", []).append(str(shape))
    if isinstance(request, Edit) and request.composition:
        from imagecli.composition_options import composition_flags

        flags |= composition_flags(request.composition)
    return {name: value for name, value in flags.items() if value not in (None, False)}


def visible_options(options: Mapping[str, Json]) -> dict[str, Json]:
    """Recorded *options* without `format_of_name`, which no flag sets."""
    return {name: value for name, value in options.items() if name != "format_of_name"}


def describe_options(options: Mapping[str, Json]) -> str:
    """`quality low, mask_invert yes`, for people."""
    return ", ".join(f"{name} {_value_text(value)}" for name, value in visible_options(options).items())


def _value_text(value: Json) -> str:
    if isinstance(value, list):
        return " and ".join(map(_value_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _changed_fields(value: Any, omit: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a NamedTuple that differ from their defaults, as JSON has them."""
    return {
        name: to_plain(field)
        for name, field in value._asdict().items()
        if name not in omit and field != value._field_defaults.get(name)
    }
