"""The results of calls and commands, and the exit code that follows from them."""

from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from imagecli.errors import (
    EXIT_OK,
    EXIT_PARTIAL,
    AuthenticationError,
    ImagecliError,
    QuotaError,
    most_severe_exit_code,
)
from imagecli.money import Cost

if TYPE_CHECKING:
    # For annotations alone: a usage error is shown without them.
    from imagecli.domain import Json, SavedImage, Size
    from imagecli.events import NoteEvent, PartialImage, WarningEvent
    from imagecli.prepared_call import RequestRecord


class StdoutImage(Protocol):
    """An image that is to be written to stdout. Until it is closed its response stays recoverable."""

    @property
    def path(self) -> Path:
        """A temporary file with all its bytes."""

    def close(self) -> None:
        """To be called when all of them are written."""

    def save(self) -> Path:
        """Saves it as a file instead, if stdout fails, and returns the path. Raises DiskError."""


class CallResult(NamedTuple):
    """One call's result: what is saved, what went wrong, and what the response reports."""

    request: int
    requested: int
    provider: str
    model: str
    saved: "tuple[SavedImage, ...]" = ()
    errors: tuple[ImagecliError, ...] = ()
    status: int | None = None
    """HTTP status; None if there was no response."""
    request_id: str | None = None
    usage: dict[str, Any] | None = None
    svg_usage: dict[str, Any] | None = None
    """Tokens of the model that wrote an SVG."""
    is_free: bool = False
    """The server is the sandbox, which bills nothing, whatever the provider's row says."""
    unfetched: int = 0
    """Result URLs beyond those that were requested, which were not fetched; they are in the kept response."""
    stdout_image: StdoutImage | None = None
    """The image that goes to stdout (`-o -`)."""
    record: "RequestRecord | None" = None
    """As in `PreparedCall`, with the files that were sent; None also if the call failed."""
    cost: Cost = Cost()
    """What it could cost, and did; unknown until the command's costs are."""
    call_id: str | None = None
    """As in `PreparedCall`, if the spool may still have its response; None if all of it is saved."""

    @property
    def is_final(self) -> bool:
        """Whether all further requests would fail in the same way: no key, or no money."""
        return any(isinstance(error, (AuthenticationError, QuotaError)) for error in self.errors)

    @property
    def is_recorded(self) -> bool:
        """Whether the history has it: it saved an image, or may be billed without one."""
        return bool(self.saved) or self.may_be_billed

    @property
    def may_be_billed(self) -> bool:
        """True unless it was refused, or failed before anything was created."""
        return bool(self.saved or not self.errors) or any(error.may_be_billed for error in self.errors)


class SkippedFile(NamedTuple):
    """A file that exists already and is kept (--if-exists skip); nothing was requested for it."""

    path: Path
    bytes: int
    format: str | None
    """None if it is not an image that imagecli knows."""
    size: "Size | None"
    sha256: str
    before: tuple[int, int]
    """Request and index of the image that follows it in the order requested."""


class DryRunUpload(NamedTuple):
    """An image that would be uploaded."""

    field: str
    filename: str
    media_type: str
    bytes: int


class DryRunRequest(NamedTuple):
    """A request that a dry run did not send. Has no key and no image."""

    provider: str
    model: str
    method: str
    url: str
    headers: dict[str, str]
    body: "dict[str, Json]"
    """The fields; as text if they would be sent as a form."""
    files: tuple[DryRunUpload, ...]
    paths: tuple[Path, ...]
    """Where its images would be saved, as the user would type it."""
    cost: Cost
    images: int = 1
    inputs: tuple[str, ...] = ()
    """The files that are uploaded, as the user typed them."""


Status = Literal["ok", "partial", "failed", "planned"]


class CommandResult(NamedTuple):
    """A command's result, ready to be printed as lines or as JSON."""

    command: str
    outcomes: tuple[CallResult, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    partials: "tuple[PartialImage, ...]" = ()
    """Partial images that were kept as files, in order of arrival."""
    notes: "tuple[NoteEvent | WarningEvent, ...]" = ()
    errors: tuple[ImagecliError, ...] = ()
    """What went wrong outside of the calls."""
    signal_code: int | None = None
    """129, 130 or 143 if a signal ended it."""
    cost: Cost = Cost()
    recorded: tuple[str, ...] = ()
    """The IDs of the images in the history, in order."""
    planned: tuple[DryRunRequest, ...] | None = None
    """What a dry run would have sent; None if it was not a dry run."""

    @property
    def saved(self) -> "tuple[SavedImage, ...]":
        return tuple(image for outcome in self.outcomes for image in outcome.saved)

    @property
    def images(self) -> "tuple[SavedImage | SkippedFile, ...]":
        """Created images and kept files, in the order requested."""
        places: list[tuple[tuple[int, int, int], SavedImage | SkippedFile]] = [
            *(((*file.before, 0), file) for file in self.skipped),
            *(((image.request, image.index, 1), image) for image in self.saved),
        ]
        return tuple(image for _, image in sorted(places, key=itemgetter(0)))

    @property
    def all_errors(self) -> tuple[ImagecliError, ...]:
        return self.errors + tuple(error for outcome in self.outcomes for error in outcome.errors)

    @property
    def exit_code(self) -> int:
        """Interruption, then 9 if some images are saved and some are not, else the most serious failure."""
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
