"""Turns one row into its items: one, or one for each combination of its variables.

The files that a row names must be regular files inside the manifest's boundary, as a cloned repository can hold links
and pipes under any name. Prompt files are read here; of images only the existence is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from imagecli import planned_call
from imagecli.batch.manifest.conflicts import PathConflicts, VariableColumns
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.raw_rows import RawRow
from imagecli.batch.manifest.row_parser import ParsedRow
from imagecli.batch.manifest.row_settings import (
    ManifestTarget,
    Notes,
    RequestShape,
    ResolvedSettings,
    RowSettings,
    apply_format_of_output,
    check_request_shape,
    resolve_settings,
)
from imagecli.batch.manifest.schema import OutputSpec
from imagecli.batch.manifest.targets import OutputTemplate, build_targets, check_output_formats, parse_output_template
from imagecli.checks.check_request import MAX_PROMPT_BYTES, check_prompt_text, decode_prompt
from imagecli.domain import MAX_PICTURE_BYTES, Edit, Generate, ImageRequest, InputSource
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.naming import check_variables, check_variables_used, find_braces
from imagecli.storage.preflight import Boundary
from imagecli.storage.read import check_regular_file, read_bounded
from imagecli.templates import combine_variables, fill_prompt

_FILE_FIELDS: Final = ("image", "mask", "markup", "prompt_file")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInputs:
    """The images that a row names."""

    images: tuple[InputSource, ...] = ()
    mask: InputSource | None = None
    markup: InputSource | None = None


_NO_INPUTS: Final = RowInputs()


class ManifestFiles:
    """The files that the rows of one manifest name. Each is looked at once, however many rows name it."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self.folder = folder
        self.paths: dict[Path, None] = {}
        """All input files that rows name, in the order of their first mention, whether they exist or not."""
        self._boundary = boundary
        self.find_image = cache(self._find_image)
        self.read_prompt_file = cache(self._read_prompt_file)
        self.check_output_folder = cache(boundary.check_output_folder)

    def _find_image(self, name: str) -> InputSource:
        """The image *name*. Raises UsageError if there is no such file, or a row may not read it."""
        return InputSource(name=name, path=self._checked_path(name, MAX_PICTURE_BYTES))

    def _read_prompt_file(self, name: str) -> str:
        """The text of the prompt file *name*. Raises UsageError."""
        path = self._checked_path(name, MAX_PROMPT_BYTES)
        return decode_prompt(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))

    def _checked_path(self, name: str, max_bytes: int) -> Path:
        path = self.folder / name
        self.paths[path] = None
        self._boundary.check_input(path)
        check_regular_file(path, max_bytes, error=UsageError)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What the rows of one manifest share while they are expanded."""

    target: ManifestTarget
    files: ManifestFiles
    problems: Problems
    conflicts: PathConflicts
    columns: VariableColumns
    notes: dict[NoteEvent | WarningEvent, None]
    """Each note once, in the order of the rows."""

    def add_notes(self, notes: Notes) -> None:
        if notes:
            self.notes.update(dict.fromkeys(notes))


def expand(row: RawRow, parsed: ParsedRow, shared: Expansion) -> Iterator[ManifestItem]:
    """Yields the items of *row*; none if it has a problem, all of which are added to `shared.problems`."""
    report = _RowProblems(row, shared.problems)
    templates = [report.catch("output", parse_output_template, spec) for spec in _output_specs(parsed)]
    settings = report.catch(None, _resolve_settings, parsed, shared)
    prompt = report.catch("prompt_file", _read_prompt, parsed, shared.files)
    inputs = _find_inputs(row, parsed, shared, report)
    for field, check in _CHECKS:
        report.catch(field, check, parsed)
    if report.any or settings is None:
        return
    valid_templates = [template for template in templates if template]
    shared.columns.mark_used(valid_templates, prompt)
    try:
        yield from _expand_combinations(row, parsed, settings, prompt, valid_templates, inputs, shared, report)
    except UsageError as error:
        shared.problems.add_error(row, error)


class _RowProblems:
    """The problems of one row."""

    def __init__(self, row: RawRow, problems: Problems) -> None:
        self._row, self._problems = row, problems
        self.any = False

    def catch(self, field: str | None, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result of *call*; None if it raises UsageError, which is added as a problem of *field*."""
        try:
            return call(*args, **kwargs)
        except UsageError as error:
            self.any = True
            self._problems.add_error(self._row, error, field)
            return None


def _expand_combinations(
    row: RawRow,
    parsed: ParsedRow,
    settings: ResolvedSettings,
    prompt_template: str | None,
    templates: Sequence[OutputTemplate],
    inputs: RowInputs,
    shared: Expansion,
    report: _RowProblems,
) -> Iterator[ManifestItem]:
    values = parsed.content.get("vars", {})
    if own_values := parsed.own.get("vars", {}):
        check_variables_used(own_values, prompt_template, *(template.output for template in templates))
    if prompt_template and parsed.own.keys().isdisjoint(("prompt", "prompt_file")):
        _check_braces_filled(prompt_template, {**parsed.columns, **values})
    settings = _resolve_format(parsed, settings, templates, {**parsed.columns, **values}, shared.target)
    shared.add_notes(settings.notes)
    combinations = combine_variables(values) if values else [{}]
    n = settings.options.n
    for index, combination in enumerate(combinations):
        variables = {**parsed.columns, **combination} if combination else parsed.columns
        prompt = None if prompt_template is None else fill_prompt(prompt_template, variables)
        request = _build_request(parsed, settings, prompt, inputs, shared)
        if request.prompt is not None:
            check_prompt_text(request.prompt, settings.model)
        shared.add_notes(check_request_shape(shared.target, RequestShape.build(settings, request)))
        files_by_template = [
            build_targets(
                template,
                request,
                prompt,
                variables,
                parsed.settings.get("fit"),
                root=shared.files.folder,
                first=1 + index * n,
                total=n * len(combinations),
            )
            for template in templates
        ]
        targets = tuple(zip(*files_by_template, strict=True))
        folders: dict[Path, None] = {}
        for files in targets:
            for target in files:
                shared.conflicts.add_output(target.path, row)
                folders[target.name.folder] = None
        for folder in folders:
            report.catch("output", shared.files.check_output_folder, folder)
        yield ManifestItem(
            row=row.number,
            line=row.line,
            request=request,
            model=settings.model,
            model_named="model" in parsed.settings,
            prompt=prompt,
            variables=variables,
            settings=settings.settings,
            targets=targets,
        )


def _output_specs(parsed: ParsedRow) -> tuple[OutputSpec, ...]:
    """The files that are made of each image."""
    specs: tuple[OutputSpec, ...] = parsed.content.get("outputs", ())
    return specs or (OutputSpec(output=parsed.content.get("output", "")),)


def _resolve_settings(parsed: ParsedRow, shared: Expansion) -> ResolvedSettings:
    specs: tuple[OutputSpec, ...] = parsed.content.get("outputs", ())
    row_fit = parsed.settings.get("fit")
    fits = [fit for spec in specs if (fit := spec.fit or row_fit)]
    largest = max(fits, key=lambda size: size.pixels, default=None) if specs else row_fit
    values = {"command": parsed.command, **parsed.settings}
    resolved = resolve_settings(shared.target, RowSettings.build(values, largest, several=len(specs) > 1))
    shared.add_notes(resolved.notes)
    return resolved


def _resolve_format(
    parsed: ParsedRow,
    settings: ResolvedSettings,
    templates: Sequence[OutputTemplate],
    variables: Mapping[str, str],
    target: ManifestTarget,
) -> ResolvedSettings:
    """*settings* with the format that the first file name asks for, if nothing else asks for one."""
    flagged = "output_format" in parsed.own
    several = "outputs" in parsed.content
    if not (several and flagged):
        settings = apply_format_of_output(target, settings, templates[0].output, flagged=flagged, variables=variables)
    if several:
        check_output_formats(templates, settings.options.output_format)
    return settings


def _read_prompt(parsed: ParsedRow, files: ManifestFiles) -> str | None:
    """The prompt as written, with its variables not filled. Raises UsageError for an unreadable prompt file."""
    if "prompt_file" in parsed.content:
        return files.read_prompt_file(parsed.content["prompt_file"])
    return parsed.content.get("prompt")


def _find_inputs(row: RawRow, parsed: ParsedRow, shared: Expansion, report: _RowProblems) -> RowInputs:
    """The existing images that a row names; the others are problems."""
    if parsed.content.keys().isdisjoint(_FILE_FIELDS):
        return _NO_INPUTS
    images: dict[str, list[InputSource]] = {}
    for field in ("image", "mask", "markup"):
        names = parsed.content.get(field, ())
        names = (names,) if isinstance(names, str) else names
        sources = [report.catch(field, shared.files.find_image, name) for name in names]
        images[field] = [source for source in sources if source]
        for name in names:
            shared.conflicts.add_input(name, row.line)
    if "prompt_file" in parsed.content:
        shared.conflicts.add_input(parsed.content["prompt_file"], row.line)
    return RowInputs(
        images=tuple(images["image"]),
        mask=next(iter(images["mask"]), None),
        markup=next(iter(images["markup"]), None),
    )


def _build_request(
    parsed: ParsedRow, settings: ResolvedSettings, prompt: str | None, inputs: RowInputs, shared: Expansion
) -> ImageRequest:
    """The request that the row's command makes of the same values. Raises UsageError if no endpoint can do it."""
    if parsed.command == "generate":
        return Generate(prompt=prompt or "", options=settings.options)
    if parsed.command == "edit":
        return Edit(
            prompt=prompt or "",
            images=inputs.images,
            options=settings.options,
            mask=inputs.mask,
            markup=inputs.markup,
            input_fit=settings.input_fit,
        )
    request, note = planned_call.build_variation(
        inputs.images[0],
        prompt,
        settings.options,
        settings.input_fit,
        via=parsed.settings.get("via", "auto"),
        strength=parsed.settings.get("strength"),
        provider=shared.target.provider,
        base_url=shared.target.base_url,
        row=settings.model,
        catalog=shared.target.catalog,
    )
    shared.notes[NoteEvent(code="endpoint", message=note)] = None
    return request


def _check_braces_filled(prompt: str, variables: Collection[str]) -> None:
    """Raises UsageError if the prompt of `[defaults]` has a name in braces that its row does not fill.

    Not checked for a row's own prompt, whose braces may be literal.
    """
    for name in find_braces(prompt):
        if name.isidentifier() and name not in variables:
            raise UsageError(
                f"prompt: that of defaults has {{{name}}}, and the row does not say what it is",
                hint=f"vars with {name}, or a prompt of its own",
            )


def _check_prompt_given(parsed: ParsedRow) -> None:
    if parsed.command != "vary" and parsed.content.keys().isdisjoint(("prompt", "prompt_file")):
        question = "what shall the picture show?" if parsed.command == "generate" else "what shall change?"
        raise UsageError(f"there is none: {question}", hint="prompt or prompt_file holds it")


def _check_image_count(parsed: ParsedRow) -> None:
    count = len(parsed.content.get("image", ()))
    if parsed.command != "generate" and not count:
        raise UsageError("there is no picture", hint=f"{parsed.command} wants one: image = photo.jpg")
    if parsed.command == "vary" and count > 1:
        raise UsageError(f"{count} pictures, and vary takes one", hint="a row for each")


def _check_variables(parsed: ParsedRow) -> None:
    variables: Mapping[str, Sequence[Any]] = parsed.content.get("vars", {})
    if not variables:
        return
    check_variables(variables)
    for name, values in variables.items():
        if not values:
            raise UsageError(f"{name} has no value", hint="leave it out, or name one")


_CHECKS: Final = (("prompt", _check_prompt_given), ("image", _check_image_count), ("vars", _check_variables))
"""Field → a check of it that applies whatever else is wrong with the row."""
