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
from imagecli.batch.manifest.schema import WantedFile
from imagecli.checks.parameters import inputs_of
from imagecli.domain import Ask, Name, Size
from imagecli.errors import OutputError
from imagecli.formats import ENDINGS
from imagecli.naming import Output, build_fields, build_names, check_ending, check_inside, parse_output
from imagecli.naming.resolve import TRUE_ENDINGS, file_for
from imagecli.storage.boundary import Boundary
from imagecli.templates import fields_in

_MOVING: Final = ("date", "time")
_IN_DEFAULTS: Final = frozenset({"slug", "stem"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One file that is made of a picture."""

    name: Name
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
class Place:
    """An output, read, with what is done to the picture for it."""

    output: Output
    fields: frozenset[str]
    """Those that stand in its braces."""
    wanted: WantedFile


class Places:
    """The outputs of one manifest in *folder*."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self._folder, self._boundary = folder, boundary
        self._folders: dict[Path, tuple[Path, str]] = {}
        self._outside: dict[Path, OutputError | None] = {}
        self._known: dict[WantedFile, Place] = {}

    def read(self, wanted: WantedFile) -> Place:
        """*wanted*, where it leads to a file below the folder. Raises UsageError or OutputError."""
        if wanted in self._known:
            return self._known[wanted]
        place = _read(wanted)
        if place.fields or place.output.kind == "folder":
            # Rows share templates and folders; a literal name is one row's.
            self._known[wanted] = place
        return place

    def targets(
        self,
        place: Place,
        ask: Ask,
        prompt: str | None,
        variables: Mapping[str, str],
        fit: Size | None,
        *,
        first: int,
        total: int,
    ) -> Iterator[Target]:
        """A file for each picture of *ask*; *first* and *total* are those of `naming.plan`. Raises UsageError."""
        default = "{stem}-{slug}" if inputs_of(ask) else "{slug}"
        used = place.fields | _IN_DEFAULTS if place.output.text.endswith(("/", ".")) else place.fields
        fields = {} if place.output.kind == "literal" else _fields(ask, prompt, variables, used)
        names = build_names(
            place.output, count=ask.rendering.n, fields=fields, default=default, first=first, total=total
        )
        asked = place.wanted.output_format
        expected = asked or ENDINGS.get((ask.rendering.output_format or "").lower(), "png")
        for name in names:
            kept, prefix = self._kept(name, asked)
            yield Target(name=kept, path=prefix + file_for(kept, expected), fit=place.wanted.fit or fit)

    def outside(self, folder: Path) -> OutputError | None:
        """Why *folder* can't be saved to, where it leads out of the manifest's. Each one is resolved once."""
        if folder not in self._outside:
            try:
                self._boundary.check_output_folder(folder)
                self._outside[folder] = None
            except OutputError as error:
                self._outside[folder] = error
        return self._outside[folder]

    def _kept(self, name: Name, asked: str | None) -> tuple[Name, str]:
        """*name* below the manifest's folder, its ending a promise: a template's as a literal one's; and how its path
        begins.
        """
        if name.folder not in self._folders:
            posix = name.folder.as_posix()
            self._folders[name.folder] = (self._folder / name.folder, "" if posix == "." else f"{posix}/")
        folder, prefix = self._folders[name.folder]
        ending = name.ending or (TRUE_ENDINGS[asked] if asked else None)
        promised = ENDINGS[ending.lower()] if ending else None
        return Name(folder=folder, stem=name.stem, ending=ending, literal_format=promised), prefix


def _read(wanted: WantedFile) -> Place:
    output = parse_output(wanted.output or None, look=None)
    if output.kind == "stdout":
        raise OutputError("- is stdout, and rows name files", hint="name a file, or a folder with / at its end")
    check_inside(output)
    fields = frozenset(fields_in(output.text)) if output.kind == "template" else frozenset()
    for name in _MOVING:
        if name in fields:
            said = f"output {output.text!r}: {{{name}}} would be another at the next run, which would buy it again"
            raise OutputError(said, hint="{slug}, {n}, {hash} or a variable stay what they are")
    return Place(output=output, fields=fields, wanted=wanted)


def check_files(places: Sequence[Place], made: str | None) -> None:
    """Raises OutputError where a file of several can't be made of a picture of the format *made*."""
    svg = made == "svg"
    for place in places:
        check_ending(place.output, svg=svg)
        wanted = place.wanted.output_format
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


def _fields(ask: Ask, prompt: str | None, variables: Mapping[str, str], used: frozenset[str]) -> dict[str, str | int]:
    """What a name can be made of; what costs time only where it is *used*."""
    sources = inputs_of(ask)
    return build_fields(
        prompt=prompt if "slug" in used else None,
        stem=sources[0].stem if sources else None,
        model=ask.rendering.model,
        size=ask.rendering.size,
        now=None,
        hash=plan.identity(ask, prompt) if "hash" in used else "",
        variables=variables,
    )
