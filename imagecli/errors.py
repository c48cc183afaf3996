"""The errors a user can meet, one class for each thing to do about it, and their exit codes.

    ImagecliError                 1  a bug of imagecli, if no other class fits
    ├─ UsageError                 2  flags and values; nothing was sent
    │  ├─ SettingsError           2  a settings file or variable
    │  ├─ InputImageError         2  an input is not an image, or not one that can be sent
    │  │  ├─ LargeImageError      2  it has more pixels than are decoded
    │  │  └─ MaskError            2  the mask does not fit its image
    │  └─ OutputError             2  the file or folder to save to, checked before paying
    ├─ AuthenticationError        3  key missing or refused
    ├─ RefusedError               4  the API refused the request
    │  └─ BlockedError            4  moderation blocked an image of a successful response, which may be billed
    ├─ LimitError                 5  rate limit or budget
    │  └─ QuotaError              5  the account is out of credit; no further request can succeed
    ├─ NetworkError               6  network or server; as far as its response says, nothing was billed
    ├─ UnsavedError               7  billed, or possibly billed, and not saved
    ├─ DiskError                  8  the local disk, after paying
    ├─ MemoryShortError           8  the local memory, perhaps after paying
    ├─ UnrecordedError           10  a response may exist already, in a folder that is not trusted
    └─ DuplicateBatchError       10  two batches have the same rows

Exit code 9 (partly done) has no class. Exit code 10 means that nothing failed and not all results exist yet. 129, 130
and 143 are signals. SEVERITY decides which of several failures sets the exit code.
"""

from __future__ import annotations

import errno
from typing import Final, Self

EXIT_OK: Final = 0
EXIT_PARTIAL: Final = 9
EXIT_INCOMPLETE: Final = 10
EXIT_HUNG_UP: Final = 129
EXIT_INTERRUPTED: Final = 130
EXIT_TERMINATED: Final = 143

SEVERITY: Final = (1, 7, 8, 3, 5, 4, 6, 2, EXIT_INCOMPLETE)
"""Exit codes of failed requests, the most severe first: a bug of imagecli, and last what was never sent."""


class ImagecliError(Exception):
    """An error with a message for the user, and often a hint."""

    exit_code = 1
    code = "error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        rescued_path: str | None = None,
        flag: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """What was found and what was expected. Untrusted text in it is sanitized when it is printed."""
        self.hint = hint
        """What to do, ideally a command."""
        if code:
            self.code = code
        self.status = status
        """HTTP status, if there was a response."""
        self.request_id = request_id
        self.rescued_path = rescued_path
        """The file that holds a response or image that was paid for."""
        self.flag = flag
        """The option that was refused (`--size`), wherever its value was set."""

    def with_context(self, context: str) -> Self:
        """A copy whose message ends with *context*: what was found farther from where the error was raised."""
        return self.with_facts(message=f"{self.message}; {context}")

    def with_facts(
        self,
        *,
        message: str | None = None,
        hint: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        rescued_path: str | None = None,
    ) -> Self:
        """A copy with what is given here, and everything else as it was."""
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__.update(self.__dict__)
        copy.message = message or self.message
        copy.hint = hint or self.hint
        copy.status = status or self.status
        copy.request_id = request_id or self.request_id
        copy.rescued_path = rescued_path or self.rescued_path
        copy.__cause__ = self.__cause__
        return copy.with_traceback(self.__traceback__)

    @property
    def may_be_billed(self) -> bool:
        """Whether something may be billed although this went wrong; a bug in imagecli leaves that open."""
        return self.exit_code in POSSIBLY_BILLED

    @property
    def lines(self) -> tuple[str, ...]:
        """Problems to print above the message, as editors and CI parse them: `assets.csv:12: size: …`."""
        return ()


class UsageError(ImagecliError):
    """Invalid flags or values; nothing was sent."""

    exit_code = 2
    code = "usage"


class SettingsError(UsageError):
    """An invalid settings file or environment variable."""

    code = "settings"


class InputImageError(UsageError):
    """An input that is not an image, or not one that the endpoint accepts."""

    code = "input_image"


class LargeImageError(InputImageError):
    """An image with more pixels than imagecli decodes."""

    code = "too_many_pixels"


class MaskError(InputImageError):
    """A mask that does not fit its image."""

    code = "mask"


class OutputError(UsageError):
    """A file or folder that can't be saved to, found before paying."""

    code = "output"


class AuthenticationError(ImagecliError):
    """The key is missing or was refused."""

    exit_code = 3
    code = "authentication"


class RefusedError(ImagecliError):
    """The API refused the request: its policy, a parameter, the model."""

    exit_code = 4
    code = "refused"


class BlockedError(RefusedError):
    """Moderation blocked an image of a successful response; whether that is billed depends on the provider."""

    code = "moderation_blocked"
    may_be_billed = True


class LimitError(ImagecliError):
    """Quota, rate limit or budget."""

    exit_code = 5
    code = "rate_limited"


class QuotaError(LimitError):
    """The account is out of credit or over its limit: waiting does not help, and no further request can succeed."""

    code = "insufficient_quota"


class NetworkError(ImagecliError):
    """The network or the server failed, and as far as its response says, nothing was billed."""

    exit_code = 6
    code = "network"


class UnsavedError(ImagecliError):
    """Billed, or possibly billed, and not saved."""

    exit_code = 7
    code = "unsaved"


class DiskError(ImagecliError):
    """The local disk failed after a paid request."""

    exit_code = 8
    code = "disk"


class MemoryShortError(ImagecliError):
    """There was not enough memory, on this machine or within a limit."""

    exit_code = 8
    code = "memory"


class UnrecordedError(ImagecliError):
    """A response to a request that would be sent may be beside its output, but only the working tree says so."""

    exit_code = EXIT_INCOMPLETE
    code = "unrecorded"


class DuplicateBatchError(ImagecliError):
    """Two runs submitted the same rows to a Batch API, and the younger batch could not be cancelled."""

    exit_code = EXIT_INCOMPLETE
    code = "duplicate_batch"


POSSIBLY_BILLED: Final = (ImagecliError.exit_code, UnsavedError.exit_code, DiskError.exit_code)
"""Exit codes of errors after which something may be billed; a bug is one."""


def to_imagecli_error(error: BaseException) -> ImagecliError:
    """*error* if it is an ImagecliError; any other error as one that can be printed: a bug of imagecli."""
    if isinstance(error, ImagecliError):
        return error
    if isinstance(error, MemoryError):
        return MemoryShortError(
            "not enough memory",
            hint="close other programs, raise a limit (ulimit -v, a container's) or use smaller images; "
            "received responses are kept",
        )
    if isinstance(error, FileNotFoundError) and error.filename is None:  # os.getcwd()
        return DiskError(
            "the current folder no longer exists",
            hint="change to an existing folder; received responses are kept: imagecli recover --list",
            code="no_current_folder",
        )
    bug = ImagecliError(
        f"this is a bug in imagecli: {type(error).__name__}: {error}",
        hint="please report it with the output of --debug; received responses are kept",
        code="bug",
    )
    bug.__cause__ = error
    return bug


def is_disk_full(error: BaseException | None) -> bool:
    """Whether *error* says that a disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def most_severe_exit_code(codes: list[int]) -> int:
    """The exit code for several failures."""
    return min(codes, key=SEVERITY.index)


class InterruptedCommand(ImagecliError):  # noqa: N818 - Python's InterruptedError is another thing
    """Ctrl-C or SIGTERM while no request was in progress."""

    code = "interrupted"

    def __init__(self, signal: BaseException) -> None:
        super().__init__("interrupted")
        self.exit_code = signal_exit_code(signal)


class NotSentError(Exception):
    """A call was cancelled before anything of it was sent: not a failure, and nothing to report."""


class OverBudgetError(NotSentError):
    """The cost limit has no room for the call; `SpendGuard.refusals` says so once for all of them."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP, raised in the main thread to be handled like Ctrl-C."""

    def __init__(self, exit_code: int = EXIT_TERMINATED) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def signal_exit_code(signal: BaseException) -> int:
    """143 for SIGTERM, 129 for SIGHUP, 130 for Ctrl-C."""
    return signal.exit_code if isinstance(signal, Terminated) else EXIT_INTERRUPTED


def os_error_reason(error: OSError | ValueError) -> str:
    """Why a file could not be used, in lower case: `no space left on device`. ValueError: an impossible name."""
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return message[0].lower() + message[1:]
