"""What goes to a provider and what comes back, as frozen values: the halves of `run` meet in them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imagecli.domain import IfExists, Json, Name, Size, Transform
from imagecli.errors import ImagecliError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFile:
    """One file of a multipart form: neutral name, true media type."""

    name: str
    """The form field: image, image[], mask, markup."""
    filename: str
    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request as a provider's codec made it. The key is not in it: the transport adds that."""

    method: str
    url: str
    json: dict[str, Json] | None = None
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[HttpFile, ...] = ()
    added: tuple[str, ...] = ()
    """Fields that the user did not set: one of them may be left out when the server doesn't know it."""

    def without(self, field: str) -> HttpRequest:
        """The same request without *field*, which is one of `added`."""
        return replace(
            self,
            json={key: value for key, value in self.json.items() if key != field} if self.json is not None else None,
            form=tuple(pair for pair in self.form if pair[0] != field),
            added=tuple(name for name in self.added if name != field),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A file that is made of a picture."""

    name: Name
    fit: Size | None = None
    """Cropped and resized to exactly this, after the picture was saved as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a request is of a manifest."""

    manifest: str
    """Its path from the root."""
    id: str
    """The purchase's, as the journal has it."""
    hash: str
    planned: tuple[tuple[str, ...], ...]
    """For each picture the paths of its files as the manifest plans them, in the order of `Prepared.files`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
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
    names: tuple[Name, ...]
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
    files: tuple[tuple[Destination, ...], ...] = ()
    """For each picture the files that are made of it, the first under its name; none here: that one alone."""
    replaces: tuple[tuple[Path, str | None], ...] = ()
    """Files that may be written over, each with the sha256 that it has to have still; None is any."""
    part: Part | None = None
    allow_outside: bool = False
    """The files of a manifest may be saved through links that lead out of its folder."""

    @property
    def root(self) -> Path | None:
        """The folder that everything is saved below, links resolved; None where the user typed the place."""
        return Path(self.part.manifest).parent if self.part and not self.allow_outside else None

    def name(self, index: int) -> Name:
        """Picture *index*'s; one that nobody asked for shares the last."""
        return self.names[min(index, len(self.names) - 1)]

    def destinations(self, index: int) -> tuple[Destination, ...]:
        """What is made of picture *index*; one that nobody asked for is only saved."""
        if index < len(self.files):
            return self.files[index]
        return (Destination(name=self.name(index), fit=None if self.files else self.fit),)

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that is saved to."""
        names = [*self.names, *(file.name for files in self.files for file in files)]
        return tuple(dict.fromkeys(name.folder for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One picture of an answer: base64 text, an address, or both; neither when it is missing.

    The base64 comes first. Where it is none, and there is an address, that is fetched: the other was a stand-in.
    """

    b64_json: str | None = field(default=None, repr=False)
    url: str | None = None
    hint: str | None = None
    """What helps where nothing answers at the address."""
    error: ImagecliError | None = None
    """What the server says of a picture that is missing."""
    revised_prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider's codec read out of a successful body."""

    found: tuple[Found, ...]
    usage: dict[str, Any] | None = None
    svg_usage: dict[str, Any] | None = None
    """What the model that wrote an svg took; billed besides."""
    errors: tuple[ImagecliError, ...] = ()
    """What it says went wrong with further pictures."""
