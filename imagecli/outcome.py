"""How requests ended, and what the whole command's exit code is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imagecli.errors import EXIT_OK, EXIT_PARTIAL, AuthenticationError, ImagecliError, QuotaError, gravest

if TYPE_CHECKING:
    # For annotations alone: a usage error is shown without them.
    from imagecli.domain import SavedImage
    from imagecli.events import Noted, Warned


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
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
    stdout: bytes | None = field(default=None, repr=False)
    """The picture that goes to stdout (`-o -`)."""

    @property
    def is_final(self) -> bool:
        """Whether the requests behind it would fail in the same way: no key, or no money."""
        return any(isinstance(error, (AuthenticationError, QuotaError)) for error in self.errors)


Status = Literal["ok", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A command's end, ready to be shown as lines or as JSON."""

    command: str
    outcomes: tuple[Outcome, ...] = ()
    kept: tuple[Path, ...] = ()
    """Files that stood there already and stay (--if-exists skip); nothing was bought for them."""
    remarks: tuple[Noted | Warned, ...] = ()
    errors: tuple[ImagecliError, ...] = ()
    """What went wrong outside any request."""
    signal_code: int | None = None
    """130 or 143 when a signal ended it."""

    @property
    def saved(self) -> tuple[SavedImage, ...]:
        return tuple(image for outcome in self.outcomes for image in outcome.saved)

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
        if self.saved or self.kept:
            return EXIT_PARTIAL
        return gravest([error.exit_code for error in self.all_errors])

    @property
    def status(self) -> Status:
        if self.exit_code == EXIT_OK:
            return "ok"
        return "partial" if self.saved or self.kept else "failed"
