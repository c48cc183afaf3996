"""The errors a user can meet, one class for each thing to do about it, and their exit codes.

    ImagecliError                 1  a bug of ours, when nothing narrower fits
    ├─ UsageError                 2  flags and values; nothing was sent
    │  ├─ SettingsError           2  a settings file or variable
    │  ├─ InputImageError         2  an input is no picture, or not one that can be sent
    │  │  ├─ LargeImageError      2  it has more pixels than are decoded
    │  │  └─ MaskError            2  the mask does not fit its image
    │  └─ OutputError             2  the place to save to, found out before paying
    ├─ AuthenticationError        3  key missing or refused
    ├─ RefusedError               4  the API refused the request
    ├─ LimitError                 5  rate limit or budget
    │  └─ QuotaError              5  the account is out of money; nothing after it can succeed
    ├─ NetworkError               6  network or server; nothing was bought as far as its answer says
    ├─ UnsavedError               7  bought, or perhaps bought, and not saved
    ├─ DiskError                  8  the local disk, after paying
    ├─ MemoryShortError           8  the local memory, perhaps after paying
    └─ UnrecordedError           10  a response may be here already, in a place that is not believed

9 (partly done) is no error's own, and 10 (nothing failed, not all is there yet) is one's alone. 129, 130 and 143 are
signals. The graver of two failures is decided by GRAVITY.
"""

from __future__ import annotations

from typing import Final, Self

EXIT_OK: Final = 0
EXIT_PARTIAL: Final = 9
EXIT_INCOMPLETE: Final = 10
EXIT_HUNG_UP: Final = 129
EXIT_INTERRUPTED: Final = 130
EXIT_TERMINATED: Final = 143

SEVERITY: Final = (1, 7, 8, 3, 5, 4, 6, 2, EXIT_INCOMPLETE)
"""Exit codes of failed requests, gravest first: a bug of ours above all, what was never sent last."""


class ImagecliError(Exception):
    """Something went wrong that has a sentence, and often a way out."""

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
        """What was found and what was wanted. Foreign text in it is made harmless where it is shown."""
        self.hint = hint
        """The command or setting that mends it."""
        if code:
            self.code = code
        self.status = status
        """HTTP status, where there was an answer."""
        self.request_id = request_id
        self.rescued_path = rescued_path
        """Where bytes that were paid for were kept."""
        self.flag = flag
        """The option that was refused (`--size`), wherever its value was set."""

    def with_context(self, context: str) -> Self:
        """A copy whose message ends with *context*: what was found farther from where the error was raised."""
        copy = self.with_facts()
        copy.message = f"{self.message}; {context}"
        return copy

    def with_facts(
        self,
        *,
        hint: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        rescued_path: str | None = None,
    ) -> Self:
        """A copy with what is given here, and everything else as it was."""
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__.update(self.__dict__)
        copy.hint = hint or self.hint
        copy.status = status or self.status
        copy.request_id = request_id or self.request_id
        copy.rescued_path = rescued_path or self.rescued_path
        copy.__cause__ = self.__cause__
        return copy.with_traceback(self.__traceback__)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said line by line, above the message: `assets.csv:12: size: …`, as editors and CI look for it."""
        return ()


class UsageError(ImagecliError):
    """Flags or values that can't be taken; nothing was sent."""

    exit_code = 2
    code = "usage"


class SettingsError(UsageError):
    """A settings file or an environment variable that can't be taken."""

    code = "settings"


class InputImageError(UsageError):
    """An input that is no picture, or not one the endpoint takes."""

    code = "input_image"


class LargeImageError(InputImageError):
    """A picture of more pixels than are decoded."""

    code = "too_many_pixels"


class MaskError(InputImageError):
    """A mask that does not fit its image."""

    code = "mask"


class OutputError(UsageError):
    """A place that can't be saved to, found out before paying."""

    code = "output"


class AuthenticationError(ImagecliError):
    """The key is missing or was refused."""

    exit_code = 3
    code = "authentication"


class RefusedError(ImagecliError):
    """The API refused the request: its policy, a parameter, the model."""

    exit_code = 4
    code = "refused"


class LimitError(ImagecliError):
    """Quota, rate limit or budget."""

    exit_code = 5
    code = "rate_limited"


class QuotaError(LimitError):
    """The account is out of credit or over its limit: waiting does not help, and nothing after it can succeed."""

    code = "insufficient_quota"


class NetworkError(ImagecliError):
    """The network or the server failed, and nothing was bought as far as its answer says."""

    exit_code = 6
    code = "network"


class UnsavedError(ImagecliError):
    """Bought, or perhaps bought, and not saved."""

    exit_code = 7
    code = "unsaved"


class DiskError(ImagecliError):
    """The local disk failed after the purchase."""

    exit_code = 8
    code = "disk"


class MemoryShortError(ImagecliError):
    """This machine, or a limit on it, had no more memory to give."""

    exit_code = 8
    code = "memory"


class UnrecordedError(ImagecliError):
    """A response to a request that would be sent may be beside its output, but only the working tree says so."""

    exit_code = EXIT_INCOMPLETE
    code = "unrecorded"


POSSIBLY_BILLED: Final = (ImagecliError.exit_code, UnsavedError.exit_code, DiskError.exit_code)
"""Exit codes of errors after which something may be billed; a bug is one."""


def to_imagecli_error(error: BaseException) -> ImagecliError:
    """*error* where it is ours; what nobody foresaw as an error that can be shown beside others."""
    if isinstance(error, ImagecliError):
        return error
    if isinstance(error, MemoryError):
        return MemoryShortError(
            "there is not enough memory for it",
            hint="end what else runs, raise a limit (ulimit -v, a container's), or use smaller pictures; "
            "an answer that came is kept",
        )
    found = ImagecliError(
        f"this is a bug of imagecli: {type(error).__name__}: {error}",
        hint="please report it with what --debug adds; an answer that came is kept",
        code="bug",
    )
    found.__cause__ = error
    return found


def most_severe_exit_code(codes: list[int]) -> int:
    """The exit code that speaks for several failures."""
    return min(codes, key=SEVERITY.index)


class InterruptedCommand(ImagecliError):  # noqa: N818 - Python's InterruptedError is another thing
    """Ctrl-C or SIGTERM while no request was under way."""

    code = "interrupted"

    def __init__(self, signal: BaseException) -> None:
        super().__init__("interrupted")
        self.exit_code = signal_exit_code(signal)


class NotSentError(Exception):
    """A call was cancelled before anything of it was sent: not a failure, and nothing to report."""


class OverBudgetError(NotSentError):
    """The cost limit has no room for the call; `SpendGuard.refusals` says so once for all of them."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP, raised in the main thread so that it is answered where Ctrl-C is."""

    def __init__(self, exit_code: int = EXIT_TERMINATED) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def signal_exit_code(signal: BaseException) -> int:
    """143 for SIGTERM, 129 for SIGHUP, 130 for Ctrl-C."""
    return signal.exit_code if isinstance(signal, Terminated) else EXIT_INTERRUPTED
