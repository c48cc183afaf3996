"""Where the pictures of a row go: names by the templates of the commands, below the manifest's folder, known for ever.

What a rerun could not tell again has no place in them: neither the day and the hour, nor what stands on the disk. A
folder is written with a slash at its end, as it may not be there yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagecli import plan
from imagecli.batch.manifest.schema import OutputSpec
from imagecli.checks.parameters import input_sources
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
from imagecli.naming.resolve import TRUE_ENDINGS, filename_for_format
from imagecli.storage.boundary import Boundary
from imagecli.templates import fields_in

_MOVING: Final = ("date", "time")
_IN_DEFAULTS: Final = frozenset({"slug", "stem"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTarget:
    """One file that is made of a picture."""

    name: OutputName
    """Its folder begins at the manifest's. Where an ending was written, the picture is converted to it if need be."""
    path: str
    """From the manifest's folder, with forward slashes. Without a written ending the true one may turn out another."""
    fit: Size | None = None
    """Cropped and resized to exactly this."""

    @property
    def output_format(self) -> str | None:
        """What it has to be; None takes what comes."""
        return self.name.literal_format


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTemplate:
    """An output, read, with what is done to the picture for it."""

    output: OutputPattern
    fields: frozenset[str]
    """Those that stand in its braces."""
    spec: OutputSpec


class OutputTemplates:
    """The outputs of one manifest in *folder*."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self._folder, self._boundary = folder, boundary
        self._folders: dict[Path, tuple[Path, str]] = {}
        self._outside: dict[Path, OutputError | None] = {}
        self._known: dict[OutputSpec, OutputTemplate] = {}

    def parse(self, wanted: OutputSpec) -> OutputTemplate:
        """*wanted*, where it leads to a file below the folder. Raises UsageError or OutputError."""
        if wanted in self._known:
            return self._known[wanted]
        place = _parse_template(wanted)
        if place.fields or place.output.kind == "folder":
            # Rows share templates and folders; a literal name is one row's.
            self._known[wanted] = place
        return place

    def targets(
        self,
        place: OutputTemplate,
        ask: ImageRequest,
        prompt: str | None,
        variables: Mapping[str, str],
        fit: Size | None,
        *,
        first: int,
        total: int,
    ) -> Iterator[OutputTarget]:
        """A file for each image of *ask*; *first* and *total* as in `naming.resolve_names`. Raises UsageError."""
        default = "{stem}-{slug}" if input_sources(ask) else "{slug}"
        used = place.fields | _IN_DEFAULTS if place.output.text.endswith(("/", ".")) else place.fields
        fields = {} if place.output.kind == "literal" else _name_fields(ask, prompt, variables, used)
        names = build_names(place.output, count=ask.options.n, fields=fields, default=default, first=first, total=total)
        asked = place.spec.output_format
        expected = asked or ENDINGS.get((ask.options.output_format or "").lower(), "png")
        for name in names:
            kept, prefix = self._resolve_path(name, asked)
            yield OutputTarget(name=kept, path=prefix + filename_for_format(kept, expected), fit=place.spec.fit or fit)

    def outside(self, folder: Path) -> OutputError | None:
        """Why *folder* can't be saved to, where it leads out of the manifest's. Each one is resolved once."""
        if folder not in self._outside:
            try:
                self._boundary.check_output_folder(folder)
                self._outside[folder] = None
            except OutputError as error:
                self._outside[folder] = error
        return self._outside[folder]

    def _resolve_path(self, name: OutputName, asked: str | None) -> tuple[OutputName, str]:
        """*name* below the manifest's folder, its ending a promise: a template's as a literal one's; and how its path
        begins.
        """
        if name.folder not in self._folders:
            posix = name.folder.as_posix()
            self._folders[name.folder] = (self._folder / name.folder, "" if posix == "." else f"{posix}/")
        folder, prefix = self._folders[name.folder]
        ending = name.ending or (TRUE_ENDINGS[asked] if asked else None)
        promised = ENDINGS[ending.lower()] if ending else None
        return OutputName(folder=folder, stem=name.stem, ending=ending, literal_format=promised), prefix


def _parse_template(wanted: OutputSpec) -> OutputTemplate:
    output = parse_output(wanted.output or None, look=None)
    if output.kind == "stdout":
        raise OutputError("- is stdout, and rows name files", hint="name a file, or a folder with / at its end")
    check_output_inside(output)
    fields = frozenset(fields_in(output.text)) if output.kind == "template" else frozenset()
    for name in _MOVING:
        if name in fields:
            said = f"output {output.text!r}: {{{name}}} would be another at the next run, which would buy it again"
            raise OutputError(said, hint="{slug}, {n}, {hash} or a variable stay what they are")
    return OutputTemplate(output=output, fields=fields, spec=wanted)


def check_output_formats(places: Sequence[OutputTemplate], made: str | None) -> None:
    """Raises OutputError where a file of several can't be made of a picture of the format *made*."""
    svg = made == "svg"
    for place in places:
        check_output_ending(place.output, svg=svg)
        wanted = place.spec.output_format
        ending = ENDINGS.get(place.output.text.rpartition(".")[2].lower())
        if wanted and ending and wanted != ending:
            raise OutputError(
                f"output {place.output.text!r} asks for {ending}, its output_format for {wanted}",
                hint="leave one of them out",
            )
        final = wanted or ending
        if final and (final == "svg") != svg:
            raise OutputError(
                f"output {place.output.text!r}: of {made or 'a picture'} no {final} is made",
                hint="rows of their own for svg and for pixels",
            )


def _name_fields(
    ask: ImageRequest, prompt: str | None, variables: Mapping[str, str], used: frozenset[str]
) -> dict[str, str | int]:
    """What a name can be made of; what costs time only where it is *used*."""
    sources = input_sources(ask)
    return build_fields(
        prompt=prompt if "slug" in used else None,
        stem=sources[0].stem if sources else None,
        model=ask.options.model,
        size=ask.options.size,
        now=None,
        hash=plan.request_hash_for_name(ask, prompt) if "hash" in used else "",
        variables=variables,
    )
