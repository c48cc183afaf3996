"""Turns one parsed row into its items: one, or one for each combination of its variables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from imagecli import plan_calls
from imagecli.batch.manifest.errors import RowProblems
from imagecli.batch.manifest.input_files import InputFiles
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.output_targets import (
    OutputTemplate,
    build_targets,
    check_output_formats,
    parse_output_template,
)
from imagecli.batch.manifest.resolve_settings import (
    ManifestTarget,
    ResolvedSettings,
    apply_format_of_output,
    check_request_shape,
    resolve_settings,
)
from imagecli.batch.manifest.row_parser import ParsedRow
from imagecli.batch.manifest.schema import OutputSpec
from imagecli.catalog.model import ModelRow
from imagecli.checks.check_request import COMMANDS, check_prompt_text
from imagecli.checks.model_parameters import ONLY_FOR
from imagecli.composition_options import EXTEND_PROMPT, build_composition_options
from imagecli.domain import (
    OPERATIONS,
    CompositionOptions,
    Edit,
    Generate,
    ImageOptions,
    ImageRequest,
    InputSource,
    MaskSource,
    Operation,
)
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.mask_shapes import build_mask_source
from imagecli.naming import check_variables, check_variables_used
from imagecli.pipeline.prepare_call import inputs_key
from imagecli.pipeline.resolve_composed import resolve_composed_edits
from imagecli.templates import check_placeholders, combine_variables, fill_prompt, find_braces


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What the rows of one manifest share while they are expanded, and what is collected from them."""

    target: ManifestTarget
    folder: Path
    """The manifest's."""
    files: InputFiles
    used_names: set[str] = field(default_factory=set)
    """The names in the braces of outputs and prompts, if the manifest is a table."""
    regions: dict[object, ImageOptions] = field(default_factory=dict)
    """Model and inputs of an edit whose result is pasted into its image → the options with the size of its region."""
    notes: dict[NoteEvent | WarningEvent, None] = field(default_factory=dict)
    """Each note once, in the order of the rows."""

    def add_notes(self, notes: Iterable[NoteEvent | WarningEvent]) -> None:
        for note in notes:
            self.notes[note] = None


class _RowInputs(NamedTuple):
    """The input images of a row, and how its results are composed with them."""

    images: tuple[InputSource, ...] = ()
    mask: MaskSource | None = None
    composition: CompositionOptions | None = None
    markup: InputSource | None = None


_NO_INPUTS: Final = _RowInputs()
_ONE_OUTPUT: Final = (OutputSpec(output=""),)
"""Of a row with `output`, which has no rules of its own for the file."""


@dataclass(slots=True)
class _RowParts:
    """What the items of one row have in common."""

    settings: ResolvedSettings
    prompt: str | None
    """As written, with its variables not filled."""
    templates: list[OutputTemplate]
    """Of the files that are made of each image."""
    inputs: _RowInputs


def build_items(row: ParsedRow, shared: Expansion, problems: RowProblems) -> Iterator[ManifestItem]:
    """Yields the items of *row*; none if it has problems, all of which are added to *problems*."""
    parts = _resolve_parts(row, shared, problems)
    if parts is None:
        return
    settings = _apply_format(row, parts, shared, problems)
    shared.add_notes(settings.notes)
    combinations = combine_variables(row.vars)
    for index, combination in enumerate(combinations):
        variables = {**row.columns, **combination} if combination else row.columns
        try:
            item = _build_item(row, parts, settings, variables, index, len(combinations), shared, problems)
        except UsageError as error:
            problems.add_error(error)
            return
        if item is None:
            return
        yield item


def _resolve_parts(row: ParsedRow, shared: Expansion, problems: RowProblems) -> _RowParts | None:
    """The parts of *row*; None if it has a problem."""
    is_complete = not problems.any
    settings, prompt = None, row.prompt
    templates: list[OutputTemplate] = []
    for output in [spec.output for spec in row.outputs] or [row.output]:
        try:
            templates.append(parse_output_template(output))
        except UsageError as error:
            problems.add_error(error, "output")
    try:
        settings = _resolve_settings(row, shared)
    except UsageError as error:
        problems.add_error(error)
    if row.prompt_file is not None and prompt is None:
        try:
            prompt = shared.files.read_prompt(row.prompt_file, row.line)
        except UsageError as error:
            problems.add_error(error, "prompt_file")
    inputs = _NO_INPUTS if row.kind.command == "generate" else _resolve_inputs(row, shared, problems)
    composition = inputs.composition
    if composition and composition.extension and prompt is None and row.prompt_file is None:
        prompt = EXTEND_PROMPT
    if is_complete:  # else a field is perhaps only missing because it is invalid
        _check_row(row, problems)
    if problems.any and settings:
        _check_settings(row, settings, composition, shared, problems)
    if problems.any or settings is None:
        return None
    return _RowParts(settings, prompt, templates, inputs)


def _resolve_settings(row: ParsedRow, shared: Expansion) -> ResolvedSettings:
    fit = row.kind.settings.get("fit")
    if row.outputs:
        fits = [spec_fit for spec in row.outputs if (spec_fit := spec.fit or fit)]
        fit = max(fits, key=attrgetter("pixels"), default=None)
    resolved = resolve_settings(shared.target, row.kind, fit, len(row.outputs) > 1)
    shared.add_notes(resolved.notes)
    return resolved


def _resolve_inputs(row: ParsedRow, shared: Expansion, problems: RowProblems) -> _RowInputs:
    images = [_find_image("image", name, row, shared, problems) for name in row.image]
    return _RowInputs(
        images=tuple(image for image in images if image),
        mask=_build_mask(row, shared, problems),
        composition=_build_composition(row, problems),
        markup=_find_image("markup", row.markup, row, shared, problems) if row.markup else None,
    )


def _find_image(field: str, name: str, row: ParsedRow, shared: Expansion, problems: RowProblems) -> InputSource | None:
    """The image *name* of *row*; None if a row may not read it, which is a problem of *field*."""
    try:
        return shared.files.find_image(name, row.line)
    except UsageError as error:
        problems.add_error(error, field)
        return None


def _build_mask(row: ParsedRow, shared: Expansion, problems: RowProblems) -> MaskSource | None:
    """The mask of *row*; None if it has none, or one with a problem."""
    file = _find_image("mask", row.mask, row, shared, problems) if row.mask else None
    settings = row.kind.settings
    shapes = (*settings.get("mask_rect", ()), *settings.get("mask_ellipse", ()))
    invert, fit = settings.get("mask_invert", False), settings.get("mask_fit", False)
    if row.mask and not file:
        return None
    try:
        return build_mask_source(file, shapes, invert=invert, fit=fit)
    except UsageError as error:
        problems.add_error(error)
        return None


def _build_composition(row: ParsedRow, problems: RowProblems) -> CompositionOptions | None:
    """How the results of *row* are composed; None if they are saved as received, or one of its fields has a problem."""
    names = ("keep_outside", "crop_to_mask", "crop_padding", "anchor")
    settings = row.kind.settings
    fields = {name: settings[name] for name in names if name in settings}
    try:
        return build_composition_options(**fields, extension=settings.get("extend"), has_mask=_has_mask(row))
    except UsageError as error:
        problems.add_error(error)
        return None


def _has_mask(row: ParsedRow) -> bool:
    """Whether a mask of the user's is sent."""
    settings = row.kind.settings
    return row.mask is not None or bool(settings.get("mask_rect") or settings.get("mask_ellipse"))


def _check_row(row: ParsedRow, problems: RowProblems) -> None:
    """Checks that apply regardless of other problems."""
    command = row.kind.command
    has_prompt = row.prompt is not None or row.prompt_file is not None or "extend" in row.kind.settings
    if command != "vary" and not has_prompt:
        problems.add("missing", field="prompt", hint="add prompt or prompt_file")
    if command != "generate" and not row.image:
        problems.add("missing", field="image", hint=f"{command} needs an input image, such as photo.jpg")
    if command == "vary" and len(row.image) > 1:
        problems.add(f"expected one image, found {len(row.image)}", field="image", hint="use one row for each image")
    if row.vars:
        try:
            check_variables(row.vars)
        except UsageError as error:
            problems.add_error(error, "vars")
    for name, values in row.vars.items():
        if not values:
            problems.add(f"{name} has no values", field="vars", hint="add at least one, or remove it")


def _apply_format(row: ParsedRow, parts: _RowParts, shared: Expansion, problems: RowProblems) -> ResolvedSettings:
    """The settings of *row* with the format that its output asks for. Its braces are checked, too."""
    variables = {**row.columns, **row.vars} if row.columns else row.vars
    try:
        _check_braces(row, parts, variables, shared)
    except UsageError as error:
        problems.add_error(error)
    settings, has_format = parts.settings, "output_format" in row.kind.own
    try:
        if not (row.outputs and has_format):
            output = parts.templates[0].output
            settings = apply_format_of_output(shared.target, settings, output, flagged=has_format, variables=variables)
        if row.outputs:
            check_output_formats(parts.templates, row.outputs, settings.options.output_format)
    except UsageError as error:
        problems.add_error(error)
    return _without_format_rules(settings) if problems.any else settings


def _build_item(
    row: ParsedRow,
    parts: _RowParts,
    settings: ResolvedSettings,
    variables: Mapping[str, str],
    index: int,
    count: int,
    shared: Expansion,
    problems: RowProblems,
) -> ManifestItem | None:
    """The item for combination *index*, from 0, of the *count* that the row's variables have. None if the row has a
    problem. Raises UsageError.
    """
    prompt = None if parts.prompt is None else fill_prompt(parts.prompt, variables)
    request = _build_request(row, parts, settings, prompt, shared)
    if prompt is not None:
        try:
            check_prompt_text(prompt, settings.model)
        except UsageError as error:
            problems.add_error(error)
    if not index:
        _check_shape(row, settings, parts.inputs.composition, shared, problems, OPERATIONS[type(request)])
    if problems.any:
        return None
    n, fit = settings.options.n, settings.settings.get("fit")
    files_by_template = []
    for template, spec in zip(parts.templates, row.outputs or _ONE_OUTPUT, strict=True):
        files = build_targets(
            template,
            spec.output_format,
            spec.fit or fit,
            request,
            prompt,
            variables,
            root=shared.folder,
            first=1 + index * n,
            total=count * n,
        )
        files_by_template.append(files)
    return ManifestItem(
        row=row.number,
        line=row.line,
        request=request,
        resolved=settings,
        prompt=prompt,
        targets=tuple(zip(*files_by_template, strict=True)),
    )


def _check_braces(row: ParsedRow, parts: _RowParts, variables: Collection[str], shared: Expansion) -> None:
    """Raises UsageError for an unused or misspelled variable of the row, and for a name in the prompt of `[defaults]`
    that the row does not fill. Other braces in a row's own prompt may be literal: they get a note.
    """
    if row.columns:
        shared.used_names.update(*(template.fields for template in parts.templates), find_braces(parts.prompt or ""))
    if row.own_vars:
        check_variables_used(row.own_vars, parts.prompt, *(template.output for template in parts.templates))
    if not parts.prompt or "{" not in parts.prompt:
        return
    check_placeholders(parts.prompt, variables)
    is_own = not row.kind.own.isdisjoint(("prompt", "prompt_file"))
    for name in find_braces(parts.prompt):
        if name.isidentifier() and name not in variables:
            if is_own:
                message = f"{{{name}}} in a prompt is not a variable or column; it is sent unchanged"
                shared.add_notes([NoteEvent(code="literal_braces", message=message)])
            else:
                raise UsageError(
                    f"prompt: the prompt in defaults contains {{{name}}}, which the row does not define",
                    hint=f"add {name} to vars, or give the row its own prompt",
                )


def _build_request(
    row: ParsedRow, parts: _RowParts, settings: ResolvedSettings, prompt: str | None, shared: Expansion
) -> ImageRequest:
    """The request for the row's command. Raises UsageError if no endpoint can carry it out."""
    if row.kind.command == "generate":
        return Generate(prompt=prompt or "", options=settings.options)
    if row.kind.command == "edit":
        edit = Edit(
            prompt=prompt or "",
            images=parts.inputs.images,
            options=settings.options,
            mask=parts.inputs.mask,
            markup=parts.inputs.markup,
            input_fit=settings.input_fit,
            composition=parts.inputs.composition,
        )
        return _resolve_size(edit, settings.model, shared) if edit.composition else edit
    request, note = plan_calls.build_variation(
        parts.inputs.images[0],
        prompt,
        settings.options,
        settings.input_fit,
        via=row.kind.settings.get("via", "auto"),
        strength=row.kind.settings.get("strength"),
        provider=shared.target.provider,
        base_url=shared.target.base_url,
        row=settings.model,
        catalog=shared.target.catalog,
    )
    shared.add_notes([NoteEvent(code="endpoint", message=note)])
    return request


def _resolve_size(edit: Edit, model: ModelRow, shared: Expansion) -> Edit:
    """*edit* with the size of the region that it sends. The same inputs are read only once."""
    key = (model.name, inputs_key(edit), edit.options.output_format, edit.options.format_of_name)
    if key not in shared.regions:
        (resolved,) = resolve_composed_edits([edit], model, shared.target.provider)
        shared.regions[key] = resolved.options
    options = shared.regions[key]
    return edit._replace(
        options=edit.options._replace(
            size=options.size, output_format=options.output_format, format_of_name=options.format_of_name
        )
    )


def _check_settings(
    row: ParsedRow,
    settings: ResolvedSettings,
    composition: CompositionOptions | None,
    shared: Expansion,
    problems: RowProblems,
) -> None:
    """Adds to *problems* what is wrong with the settings of a row whose items are not built."""
    command = row.kind.command
    if command != "vary":  # that may become an edit
        _check_shape(row, _without_format_rules(settings), composition, shared, problems, COMMANDS[command])


def _without_format_rules(settings: ResolvedSettings) -> ResolvedSettings:
    """*settings* without the parameters of single formats: the format that the row's output asks for is not known."""
    nothing: dict[str, Any] = dict.fromkeys(ONLY_FOR)
    return replace(settings, options=settings.options._replace(**nothing))


def _check_shape(
    row: ParsedRow,
    settings: ResolvedSettings,
    composition: CompositionOptions | None,
    shared: Expansion,
    problems: RowProblems,
    operation: Operation,
) -> None:
    """Adds to *problems* why the model or the provider doesn't accept the requests of *row*."""
    shape = check_request_shape(
        shared.target, settings, operation, len(row.image), _has_mask(row), row.markup is not None, composition
    )
    for error in shape.errors:
        problems.add_error(error)
    shared.add_notes(shape.notes)
