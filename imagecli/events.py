"""Progress events: frozen values that a command's work reports and that `output` shows.

They are for the screen only: no guarantee (journal, spool mark, budget) depends on one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from imagecli.domain import SavedImage


class RunStarted(NamedTuple):
    """The plan is made: *requests* will be sent for *images* images."""

    requests: int
    images: int
    price: str = ""
    """What they can cost, in words; empty if nothing is billed."""


class UploadProgress(NamedTuple):
    """*sent* of *total* bytes of a request's body are sent."""

    request: int
    sent: int
    total: int


class DownloadProgress(NamedTuple):
    """*received* bytes of a response or a result URL are here; *total* is None if it is unknown."""

    request: int
    received: int
    total: int | None


class PartialImage(NamedTuple):
    """A stream has shown an earlier state of an image, itself a complete image."""

    request: int
    partial_image_index: int
    """0-based, in order of arrival."""
    data: bytes
    """All bytes of the image."""
    requested: int | None = None
    """How many earlier states were requested; the image may be finished before all of them arrive."""
    path: Path | None = None
    """Where it was saved (--keep-partials)."""


class RetryWait(NamedTuple):
    """A request waits *seconds* before it is sent, or sent again; *why* in words."""

    request: int
    seconds: float
    why: str


class ImageSaved(NamedTuple):
    """An image is complete on disk under its final name."""

    image: SavedImage


class NoteEvent(NamedTuple):
    """Something was changed or decided that the user did not ask for; *code* is stable, *message* is for people."""

    code: str
    message: str


class WarningEvent(NamedTuple):
    """Something may not be what the user wants; *code* is stable, *message* is for people."""

    code: str
    message: str


class BatchProgress(NamedTuple):
    """How far a batch is: *done* of *total* items are saved."""

    done: int
    failed: int
    total: int
    billed_usd: float
    unknown: bool
    """Something else was billed, at an unknown price."""


class BatchApiProgress(NamedTuple):
    """The provider's Batch API has finished *answered* of *total* requests, as far as it says so."""

    batches: int
    answered: int
    total: int


class GalleryProgress(NamedTuple):
    """The thumbnails of *done* of *total* images of a gallery exist."""

    done: int
    total: int
    elapsed: float
    """Seconds."""
    heartbeat: bool = False
    """True every 30 s."""


class Heartbeat(NamedTuple):
    """Still at work after *elapsed* seconds; reported every 30 s."""

    elapsed: float


Event: TypeAlias = (
    RunStarted
    | UploadProgress
    | DownloadProgress
    | PartialImage
    | RetryWait
    | ImageSaved
    | NoteEvent
    | WarningEvent
    | BatchProgress
    | BatchApiProgress
    | GalleryProgress
    | Heartbeat
)

EventHandler: TypeAlias = Callable[[Event], None]
"""Receives events; work reports to it and never prints."""


def ignore_event(event: Event) -> None:
    """Does nothing with *event*."""
