"""The settings of rows, resolved by model and provider and checked. Rows with the same settings share one result."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from imagecli.batch.manifest.row_parser import RowKind
from imagecli.build_image_options import apply_format_of_name, build_svg_options, options_for_model
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import OPTIONAL, ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.check_request import (
    COMMANDS,
    FormatSupport,
    check_model_life,
    collect_errors,
    inspect_request,
    unknown_model_warnings,
)
from imagecli.checks.provider_fields import check_capabilities
from imagecli.domain import (
    CompositionOptions,
    Edit,
    Generate,
    ImageOptions,
    ImageRequest,
    InputFit,
    InputSource,
    MaskSource,
    Operation,
    Size,
    Vary,
)
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.naming import OutputPattern
from imagecli.naming.output_pattern import OutputKind

Notes = tuple[NoteEvent | WarningEvent, ...]

_DISTINCT: Final = 4096
"""Different settings that are remembered. Most manifests have a few, for up to 100,000 rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ManifestTarget:
    """Where the requests of a manifest go. Equal to itself only, so that results are cached per manifest."""

    catalog: Catalog
    provider: ProviderRow
    base_url: str
    today: date
    default_model: ModelRow | None = None
    """Of rows that name no model; None if the provider has none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResolvedSettings:
    """What the settings of a row mean for its model. Equal to itself only: rows of the same kind share it."""

    settings: Mapping[str, Any]
    """As given."""
    model: ModelRow
    options: ImageOptions
    input_fit: InputFit
    notes: Notes


@lru_cache(maxsize=_DISTINCT)
def resolve_settings(target: ManifestTarget, kind: RowKind, fit: Size | None, several: bool) -> ResolvedSettings:
    """The settings of a row for its model at the target. Raises UsageError if they don't go together.

    *fit*: the largest of the row's files. *several*: the row makes several files of each image, and each is fitted on
    its own.
    """
    values = kind.settings
    name = values.get("model")
    default_model = None if name else target.default_model
    model = default_model or target.catalog.model_for_provider(target.provider, name)
    notes: list[NoteEvent | WarningEvent] = list(
        check_model_life(model, target.provider, target.base_url, target.today)
    )
    if name:
        notes += unknown_model_warnings(model, target.catalog.models)
    options, size_notes = options_for_model(_build_options(values, fit), values.get("size"), model)
    if target.provider.size_as != "aspect_ratio":
        # A provider that takes the ratio itself chooses the pixels, so notes about them would be wrong.
        notes += size_notes
    input_fit = InputFit(**{name: values[name] for name in InputFit._fields if name in values})
    return ResolvedSettings(
        settings=values,
        model=model,
        options=options._replace(fit=None) if several else options,
        input_fit=input_fit,
        notes=tuple(notes),
    )


_COPIED: Final = ("seed", *(name for name in OPTIONAL if name != "svg"))
"""Fields of a row that have the same name and value in `ImageOptions`."""


def _build_options(values: Mapping[str, Any], fit: Size | None) -> ImageOptions:
    """The options of a row with the settings *values*, before its model and size are resolved."""
    return ImageOptions(
        model="",
        n=values.get("n", 1),
        fit=fit,
        svg=build_svg_options(values.get("svg_model"), values.get("svg_reasoning_effort")),
        params=tuple(values.get("param", ())),
        **{name: values[name] for name in _COPIED if name in values},
    )


def apply_format_of_output(
    target: ManifestTarget,
    settings: ResolvedSettings,
    output: OutputPattern,
    *,
    flagged: bool,
    variables: Collection[str],
) -> ResolvedSettings:
    """*settings* with the format that the extension of *output* asks for; *flagged*: `output_format` is given too.

    Raises UsageError if the extension and `output_format` differ, OutputError if no image of that format is made.
    """
    names = tuple(variables) if "{" in output.text else ()
    if output.kind != "literal":
        return _apply_format(target, settings, output.kind, output.text, flagged, names)
    # Only the extension of a literal name counts, so that names with the same one share the result.
    stem, dot, extension = output.text.rpartition("/")[2].rpartition(".")
    same_extension = f"x.{extension}" if dot and stem else "x"
    try:
        return _apply_format(target, settings, "literal", same_extension, flagged, ())
    except UsageError:  # raised again, with the whole name in its message
        return _apply_format(target, settings, "literal", output.text, flagged, names)


@lru_cache(maxsize=_DISTINCT)
def _apply_format(
    target: ManifestTarget,
    settings: ResolvedSettings,
    kind: OutputKind,
    text: str,
    flagged: bool,
    variables: tuple[str, ...],
) -> ResolvedSettings:
    output = OutputPattern(kind=kind, text=text)
    support = FormatSupport(
        row=settings.model,
        provider=target.provider,
        operation=COMMANDS[settings.settings["command"]],
        other_models=target.catalog.models.values(),
    )
    options, warning = apply_format_of_name(settings.options, output, support, flagged, variables)
    if warning is None and options == settings.options:
        return settings
    return replace(settings, options=options, notes=(*settings.notes, warning) if warning else settings.notes)


_ANY_IMAGE: Final = InputSource(name="image.png", path=Path("image.png"))


class RequestShape(NamedTuple):
    """What was found about the requests of a row."""

    notes: Notes
    errors: tuple[UsageError, ...]
    """Why the model or the provider doesn't accept them."""


@lru_cache(maxsize=_DISTINCT)
def check_request_shape(
    target: ManifestTarget,
    settings: ResolvedSettings,
    operation: Operation,
    image_count: int,
    has_mask: bool,
    has_markup: bool,
    composition: CompositionOptions | None,
) -> RequestShape:
    """What is wrong with requests that differ only in their prompts and files, and what to note about them.

    Prompts are not checked.
    """
    request: ImageRequest
    if operation == "generations":
        request = Generate(prompt="any", options=settings.options)
    elif operation == "edits":
        request = Edit(
            prompt="any",
            images=(_ANY_IMAGE,) * image_count,
            mask=MaskSource(file=_ANY_IMAGE) if has_mask else None,
            markup=_ANY_IMAGE if has_markup else None,
            options=settings.options,
            input_fit=settings.input_fit,
            composition=composition,
        )
    else:
        request = Vary(image=_ANY_IMAGE, options=settings.options, input_fit=settings.input_fit)
    warnings, errors = inspect_request(request, settings.model, target.catalog.models.values())
    refusals: list[UsageError] = []
    if not errors:
        with collect_errors(refusals):
            warnings += check_capabilities(request, target.provider)
    return RequestShape(notes=warnings, errors=(*errors, *refusals))
