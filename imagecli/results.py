"""How requests ended, and what the whole command's exit code is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imagecli.errors import (
    EXIT_OK,
    EXIT_PARTIAL,
    POSSIBLY_BILLED,
    AuthenticationError,
    ImagecliError,
    QuotaError,
    most_severe_exit_code,
)

if TYPE_CHECKING:
    # For annotations alone: a usage error is shown without them.
    from imagecli.domain import Json, SavedImage, Size
    from imagecli.events import NoteEvent, PartialImage, WarningEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StdoutImage:
    """A picture that is to be written to stdout. Until that is done it stays where it can be recovered."""

    path: Path
    """Its bytes, whole, under a temporary name."""
    on_written: Callable[[], None] = field(repr=False)
    """Called when stdout has taken all of them."""
    save: Callable[[], Path] = field(repr=False)
    """Saves it as a file instead, where stdout fails, and returns where. Raises DiskError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """One request's end: what is saved, what went wrong, what the answer said about itself."""

    request: int
    asked: int
    provider: str
    model: str
    saved: tuple[SavedImage, ...] = ()
    errors: tuple[ImagecliError, ...] = ()
    status: int | None = None
    """HTTP status, where there was an answer."""
    request_id: str | None = None
    usage: dict[str, Any] | None = None
    svg_usage: dict[str, Any] | None = None
    """What the model that wrote an svg took."""
    unfetched: int = 0
    """Result URLs that were more than were asked for and not fetched; they are in the kept response."""
    stdout_image: StdoutImage | None = None
    """The picture that goes to stdout (`-o -`)."""

    @property
    def is_final(self) -> bool:
        """Whether the requests behind it would fail in the same way: no key, or no money."""
        return any(isinstance(error, (AuthenticationError, QuotaError)) for error in self.errors)

    @property
    def may_be_billed(self) -> bool:
        """Whether it was bought, or perhaps was: all but a refusal, and a failure before anything was made."""
        return bool(self.saved or not self.errors) or any(error.exit_code in POSSIBLY_BILLED for error in self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that stood there already and stays (--if-exists skip); nothing was bought for it."""

    path: Path
    bytes: int
    format: str | None
    """None where it is no picture that imagecli knows."""
    size: Size | None
    sha256: str
    before: tuple[int, int]
    """Request and index of the picture that follows it in the order asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A command's price in USD, None where it is not known."""

    low_usd: float | None = None
    high_usd: float | None = None
    actual_usd: float | None = None
    """What the answers' usage tells; None also where nothing was sent."""
    reported_usd: float | None = None
    """What it tells where not all of the bill can be known: all but *besides*."""
    unpriced_note: str = ""
    """What is billed besides, in words."""
    about: str = ""
    """What the first two are the price of, in words; or why they are not known."""

    @property
    def is_free(self) -> bool:
        return self.high_usd == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunUpload:
    """A picture that would go up: its field, its neutral name, what it is, and its length."""

    field: str
    filename: str
    media_type: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunRequest:
    """A request that a dry run did not send. Holds no key and no picture."""

    provider: str
    model: str
    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Json]
    """The fields; text where they go as a form."""
    files: tuple[DryRunUpload, ...]
    paths: tuple[Path, ...]
    """Where its pictures would be saved, as the user would type them."""
    cost: Cost


Status = Literal["ok", "partial", "failed", "planned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """A command's end, ready to be shown as lines or as JSON."""

    command: str
    outcomes: tuple[CallResult, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    partials: tuple[PartialImage, ...] = ()
    """Those of a stream that were kept as files, in order of arrival."""
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    errors: tuple[ImagecliError, ...] = ()
    """What went wrong outside any request."""
    signal_code: int | None = None
    """129, 130 or 143 when a signal ended it."""
    cost: Cost = Cost()
    planned: tuple[DryRunRequest, ...] | None = None
    """What a dry run would have sent; None where it was none."""

    @property
    def saved(self) -> tuple[SavedImage, ...]:
        return tuple(image for outcome in self.outcomes for image in outcome.saved)

    @property
    def images(self) -> tuple[SavedImage | SkippedFile, ...]:
        """What was bought and what was kept, in the order asked for."""
        places: list[tuple[tuple[int, int, int], SavedImage | SkippedFile]] = [
            *(((*kept.before, 0), kept) for kept in self.skipped),
            *(((image.request, image.index, 1), image) for image in self.saved),
        ]
        return tuple(image for _, image in sorted(places, key=lambda place: place[0]))

    @property
    def all_errors(self) -> tuple[ImagecliError, ...]:
        return self.errors + tuple(error for outcome in self.outcomes for error in outcome.errors)

    @property
    def exit_code(self) -> int:
        """design: interruption, then 9 where some pictures are there and some are not, else the gravest failure."""
        if self.signal_code:
            return self.signal_code
        if not self.all_errors:
            return EXIT_OK
        if self.planned is None and (self.saved or self.skipped):
            return EXIT_PARTIAL
        return most_severe_exit_code([error.exit_code for error in self.all_errors])

    @property
    def status(self) -> Status:
        if self.exit_code == EXIT_OK:
            return "ok" if self.planned is None else "planned"
        return "partial" if self.planned is None and (self.saved or self.skipped) else "failed"
