"""The files that the images of a row are saved to: named by the templates of the commands, below the manifest's folder,
and the same in every run.

For that, names depend neither on the time nor on what is on the disk; a folder is written with a slash at its end, as
it may not exist yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from imagecli import plan_calls
from imagecli.batch.manifest.input_files import refuse_home
from imagecli.batch.manifest.schema import OutputSpec
from imagecli.domain import ImageRequest, OutputName, Size
from imagecli.errors import OutputError
from imagecli.formats import ENDINGS
from imagecli.naming import (
    OutputPattern,
    build_fields,
    build_names,
    check_output_ending,
    check_output_inside,
    parse_output,
)
from imagecli.naming.resolve import EXT, TRUE_ENDINGS
from imagecli.templates import fields_in

_TIME_FIELDS: Final = ("date", "time")
_DEFAULT_NAME_FIELDS: Final = frozenset({"slug", "stem"})


@dataclass(frozen=True, slots=True, eq=False)
class OutputFolder:
    """A folder of outputs. Equal to itself only: thousands of files share it."""

    path: Path
    """It begins with the manifest's."""
    prefix: str
    """The beginning of `OutputTarget.path` for its files: `icons/`, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetKind:
    """What files in the same folder, with the same extension and fit, have in common. Thousands of them share it."""

    folder: OutputFolder
    extension: str
    """Of `OutputTarget.path`."""
    is_written: bool
    """The extension was written, or given by `output_format`. Else the final one is that of the image's format."""
    fit: Size | None
    """The image is cropped and resized to exactly this."""


class OutputTarget(NamedTuple):
    """One file that is made of an image."""

    path: str
    """From the manifest's folder, with forward slashes. Without a written extension the final one may differ."""
    kind: TargetKind
    stem_template: str | None = None
    """The stem if it contains `naming.resolve.EXT`, else None: then it is that of *path*."""

    @property
    def output_format(self) -> str | None:
        """The format that the file must have, by its extension; the image is converted to it if need be. None: any."""
        return ENDINGS[self.kind.extension.lower()] if self.kind.is_written else None

    @property
    def fit(self) -> Size | None:
        """The image is cropped and resized to exactly this."""
        return self.kind.fit

    @property
    def folder(self) -> Path:
        """It begins with the manifest's."""
        return self.kind.folder.path

    @property
    def name(self) -> OutputName:
        kind = self.kind
        return OutputName(
            folder=kind.folder.path,
            stem=self.stem_template or self.path[len(kind.folder.prefix) : -len(kind.extension) - 1],
            ending=kind.extension if kind.is_written else None,
            literal_format=self.output_format,
        )


class OutputTemplate(NamedTuple):
    """An output, parsed."""

    output: OutputPattern
    fields: frozenset[str] = frozenset()
    """The names in its braces."""


@lru_cache(maxsize=1024)
def parse_output_template(text: str) -> OutputTemplate:
    """Parses the output of a row. Raises UsageError or OutputError, also for one outside the manifest's folder."""
    refuse_home(text)
    output = parse_output(text or None, look=None)
    if output.kind == "stdout":
        raise OutputError("- (stdout) is not a valid output in a manifest", hint="use a file, or a folder ending in /")
    check_output_inside(output)
    if output.kind != "template":
        return OutputTemplate(output)
    fields = fields_in(output.text)
    for name in _TIME_FIELDS:
        if name in fields:
            raise OutputError(
                f"output {output.text!r}: {{{name}}} changes with every run, which would create the image again",
                hint="use {slug}, {n}, {hash} or a variable instead",
            )
    return OutputTemplate(output, fields)


def build_targets(
    template: OutputTemplate,
    output_format: str | None,
    fit: Size | None,
    request: ImageRequest,
    prompt: str | None,
    variables: Mapping[str, str],
    *,
    root: Path,
    first: int,
    total: int,
) -> list[OutputTarget]:
    """A file below *root* for each image of *request*, fitted to *fit* and converted to *output_format* if given.

    *first* and *total* as in `naming.build_names`. Raises UsageError.
    """
    default = "{stem}-{slug}" if request.input_sources else "{slug}"
    uses_default = template.output.text.endswith(("/", "."))
    used = template.fields | _DEFAULT_NAME_FIELDS if uses_default else template.fields
    fields = {} if template.output.kind == "literal" else _build_name_fields(request, prompt, variables, used)
    names = build_names(
        template.output, count=request.options.n, fields=fields, default=default, first=first, total=total
    )
    expected_format = output_format or ENDINGS.get((request.options.output_format or "").lower(), "png")
    default_extension = TRUE_ENDINGS[expected_format]
    targets = []
    for name in names:
        # The extension decides the format, in a template as in a literal name.
        is_written = bool(name.ending or output_format)
        kind = _find_kind(root, name.folder, name.ending or default_extension, is_written, fit)
        has_ext = EXT in name.stem
        stem = name.stem.replace(EXT, default_extension) if has_ext else name.stem
        path = f"{kind.folder.prefix}{stem}.{kind.extension}"
        targets.append(OutputTarget(path, kind, name.stem if has_ext else None))
    return targets


@lru_cache(maxsize=1024)
def _find_kind(root: Path, folder: Path, extension: str, is_written: bool, fit: Size | None) -> TargetKind:
    return TargetKind(folder=_find_folder(root, folder), extension=extension, is_written=is_written, fit=fit)


@lru_cache(maxsize=1024)
def _find_folder(root: Path, folder: Path) -> OutputFolder:
    posix = folder.as_posix()
    return OutputFolder(root / folder, "" if posix == "." else f"{posix}/")


def check_output_formats(
    templates: Sequence[OutputTemplate], specs: Sequence[OutputSpec], image_format: str | None
) -> None:
    """Raises OutputError if one of a row's files can't be made of an image in *image_format* (None: any raster)."""
    svg = image_format == "svg"
    for template, spec in zip(templates, specs, strict=True):
        check_output_ending(template.output, svg=svg)
        required = spec.output_format
        from_name = ENDINGS.get(template.output.text.rpartition(".")[2].lower())
        if required and from_name and required != from_name:
            raise OutputError(
                f"output {template.output.text!r} implies {from_name}, but its output_format is {required}",
                hint="remove output_format, or change the extension",
            )
        final = required or from_name
        if final and (final == "svg") != svg:
            raise OutputError(
                f"output {template.output.text!r}: can't convert {image_format or 'a raster image'} to {final}",
                hint="use separate rows for SVG and raster images",
            )


def _build_name_fields(
    request: ImageRequest, prompt: str | None, variables: Mapping[str, str], used: frozenset[str]
) -> dict[str, str | int]:
    """The fields of a name. The expensive ones, slug and hash, are computed only if *used*."""
    sources = request.input_sources
    return build_fields(
        prompt=prompt if "slug" in used else None,
        stem=sources[0].stem if sources else None,
        model=request.options.model,
        size=request.options.size,
        now=None,
        hash=plan_calls.request_hash_for_name(request, prompt) if "hash" in used else "",
        variables=variables,
    )
