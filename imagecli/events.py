"""What happens on the way, announced as frozen events to the one listener in `Env`.

Work announces and never prints; `report` is the only listener.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from imagecli.domain import SavedImage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The plan stands: *requests* will be sent for *pictures* pictures."""

    requests: int
    pictures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolOpened:
    """A request's answer will be kept in *folder* until it is saved; announced again when that has changed."""

    request: int
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadProgress:
    """*sent* of *total* bytes of a request's body are on their way."""

    request: int
    sent: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProgress:
    """*received* bytes of an answer or a result URL have come; *total* where it is known."""

    request: int
    received: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialImage:
    """A stream has shown an earlier state of a picture, a whole picture itself."""

    request: int
    partial_image_index: int
    """0-based, in order of arrival."""
    asked: int | None = None
    """So many of a picture's earlier states were asked for; it may be there before all of them came."""
    data: bytes = field(repr=False)
    """The picture's bytes, whole."""
    path: Path | None = None
    """Where it was kept (--keep-partials)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryWait:
    """A request waits *seconds* before it is sent (again); *why* in words."""

    request: int
    seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSaved:
    """A picture is whole on disk under its final name."""

    image: SavedImage


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent:
    """Something was changed or decided that the user did not spell out; *code* is stable, *message* for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningEvent:
    """Something may not be what the user wants; *code* is stable, *message* for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is: *done* of *total* purchases are saved."""

    done: int
    failed: int
    total: int
    billed_usd: float
    unknown: bool
    """Something besides was billed, and nobody knows how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchApiProgress:
    """The provider's Batch API is at work: it has answered *answered* of *total* requests, as far as it says so."""

    batches: int
    answered: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Still at work after *elapsed* seconds; announced every 30 s."""

    elapsed: float


Event: TypeAlias = (
    RunStarted
    | SpoolOpened
    | UploadProgress
    | DownloadProgress
    | PartialImage
    | RetryWait
    | ImageSaved
    | NoteEvent
    | WarningEvent
    | BatchProgress
    | BatchApiProgress
    | Heartbeat
)

EventHandler: TypeAlias = Callable[[Event], None]
"""Whoever hears: work announces to it and never prints."""
