"""The responses of earlier runs that remain in the spool. Not part of `recover`, which loads the HTTP client."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imagecli.errors import ImagecliError, UnsavedError
from imagecli.events import EventHandler, NoteEvent
from imagecli.prepared_call import PreparedCall
from imagecli.results import CallResult

if TYPE_CHECKING:
    from imagecli.pipeline.recover import RecoverableCall

MAX_IDS_IN_HINT = 3


class WaitingResponse(NamedTuple):
    """A paid response in the spool that can't be saved yet. Its item is not requested again."""

    id: str
    """Of the item."""
    request_hash: str
    spool_id: str
    error: ImagecliError | None
    """Why it can't be saved; None if that was not tried."""


class RecoveryResult(NamedTuple):
    """What recovery saved, and the responses that remain in the spool."""

    waiting: tuple[WaitingResponse, ...] = ()
    useless: tuple[tuple[RecoverableCall, str], ...] = ()
    """Entries that nothing more can be saved from, with the id of their item."""
    saved: tuple[tuple[PreparedCall, CallResult], ...] = ()
    """What was saved, for the history."""

    @property
    def waiting_requests(self) -> frozenset[tuple[str, str]]:
        """Id and request hash of the items that wait."""
        return frozenset((response.id, response.request_hash) for response in self.waiting)

    def remove_useless(self, settled: Collection[str], on_event: EventHandler) -> None:
        """Removes what earlier attempts at the *settled* items left in the spool."""
        from imagecli.pipeline.recover import discard_recoverable

        removed = [call for call, item_id in self.useless if item_id in settled and call.spooled.body.exists()]
        for call in removed:
            discard_recoverable(call)
        if removed:
            count = "1 response" if len(removed) == 1 else f"{len(removed):,} responses"
            message = f"removed {count} of earlier attempts from the spool; the images of their rows are saved"
            on_event(NoteEvent(code="removed", message=message))


class WaitingError(UnsavedError):
    """Rows with a paid response that can't be saved yet."""

    code = "waiting"

    def __init__(self, waiting: Sequence[WaitingResponse]) -> None:
        first, many = waiting[0], len(waiting) > 1
        rows = f"{len(waiting):,} rows have paid responses" if many else f"{first.id} has a paid response"
        deletions = " ".join(f"--delete {response.spool_id}" for response in waiting[:MAX_IDS_IN_HINT])
        more = "; imagecli recover --list shows the others" if len(waiting) > MAX_IDS_IN_HINT else ""
        discard = f"or discard {'them' if many else 'it'} and pay again: imagecli recover {deletions}{more}"
        super().__init__(
            f"{rows} that can't be saved yet{'' if many else _reason(first)}",
            hint=f"run the same command later, {discard}",
        )
        self._waiting = waiting

    @property
    def lines(self) -> tuple[str, ...]:
        if len(self._waiting) == 1:
            return ()
        return tuple(f"{response.id}{_reason(response)}" for response in self._waiting)


def _reason(response: WaitingResponse) -> str:
    return f": {response.error.message}" if response.error else ""
