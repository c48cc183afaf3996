"""What goes to a provider and what comes back, as frozen values: the halves of `run` meet in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagecli.domain import IfExists, OutputName, Size, Transform


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that is made of a picture."""

    name: OutputName
    fit: Size | None = None
    """Cropped and resized to exactly this, after the picture was saved as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRef:
    """What a request is of a manifest."""

    manifest: str
    """Its path from the root."""
    id: str
    """The purchase's, as the journal has it."""
    hash: str
    planned: tuple[tuple[str, ...], ...]
    """For each picture the paths of its files as the manifest plans them, in the order of `PreparedCall.files`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCall:
    """All that is needed to finish a request whose answer has come, perhaps in another process and days later.

    JSON; lies in the spool before the POST. Holds no key and no input picture.
    """

    id: str
    """Names the spool files; unique to the run and the request."""
    request: int
    """0-based, in the order of the plan."""
    command: str
    provider: str
    base_url: str
    model: str
    n: int
    names: tuple[OutputName, ...]
    if_exists: IfExists | None
    stdout: bool
    """The one picture goes to stdout (`-o -`), not to *names*."""
    prompt: str | None
    output_format: str | None
    """What was asked for, if anything was."""
    size: Size | None
    """What was asked for, if it was pixels."""
    fit: Size | None = None
    """--fit: cropped and resized to exactly this, after the picture was saved as it came."""
    keep_partials: bool = False
    """Partial pictures of a stream are kept as files."""
    transform: Transform | None = None
    files: tuple[tuple[OutputFile, ...], ...] = ()
    """For each picture the files that are made of it, the first under its name; none here: that one alone."""
    replaces: tuple[tuple[Path, str | None], ...] = ()
    """Files that may be written over, each with the sha256 that it has to have still; None is any."""
    part: ManifestRef | None = None
    allow_outside: bool = False
    """The files of a manifest may be saved through links that lead out of its folder."""

    @property
    def root(self) -> Path | None:
        """The folder that everything is saved below, links resolved; None where the user typed the place."""
        return Path(self.part.manifest).parent if self.part and not self.allow_outside else None

    def name(self, index: int) -> OutputName:
        """Picture *index*'s; one that nobody asked for shares the last."""
        return self.names[min(index, len(self.names) - 1)]

    def destinations(self, index: int) -> tuple[OutputFile, ...]:
        """What is made of picture *index*; one that nobody asked for is only saved."""
        if index < len(self.files):
            return self.files[index]
        return (OutputFile(name=self.name(index), fit=None if self.files else self.fit),)

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that is saved to."""
        names = [*self.names, *(file.name for files in self.files for file in files)]
        return tuple(dict.fromkeys(name.folder for name in names))
