"""Waits for what the provider's Batch API has."""

from __future__ import annotations

import time
from typing import Final

from imagecli.commands.bulk_fetching import fetched
from imagecli.commands.bulk_handing import handed_in
from imagecli.commands.bulk_office import Office
from imagecli.errors import ImagecliError, LimitError, NetworkError, QuotaError, UnsavedError
from imagecli.events import Heartbeat, Listen, Warned
from imagecli.schedule import HEARTBEAT_SECONDS

FIRST_LOOK: Final = 1.0
"""Seconds until a batch is asked for again; ever longer then, up to the next."""
MAX_PAUSE: Final = 60.0
LONGEST: Final = 26 * 3600.0
"""Seconds that are waited in all: a batch has a day, and some time to end in."""


def waited(office: Office, *, hand_in: bool) -> list[ImagecliError]:
    """Fetches, and hands in what is missing, until nothing is away any more, or a day and some is over.

    Gives what went wrong for good. A row that changed while it was away is handed in when its earlier self has come.
    """
    heart, pause = _Heart(), FIRST_LOOK
    while True:
        errors = fetched(office)
        if final := [error for error in errors if not _passes(error)]:
            return final
        for error in errors:
            office.listen(Warned(code=error.code, message=f"{error.message}; asked again in {pause:.0f} s"))
        if hand_in and not errors and (refused := handed_in(office)):
            return refused
        if not office.slips:
            return []
        if heart.age > LONGEST:
            office.listen(Warned(code="still_away", message="the batch has not ended in its time: look again later"))
            return []
        heart.beat(pause, office.listen)
        pause = min(pause * 1.5, MAX_PAUSE)


def _passes(error: ImagecliError) -> bool:
    """Whether it may be over when a batch is asked for again."""
    return isinstance(error, (NetworkError, LimitError, UnsavedError)) and not isinstance(error, QuotaError)


class _Heart:
    """Sleeps, and says now and then that it does."""

    def __init__(self) -> None:
        self._began = self._beat = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self._began

    def beat(self, seconds: float, listen: Listen) -> None:
        """Sleeps for *seconds*."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, max(self._beat + HEARTBEAT_SECONDS - time.monotonic(), 0.0)))
            if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
                self._beat = time.monotonic()
                listen(Heartbeat(elapsed=self.age))
