"""Waits for what the provider's Batch API has."""

from __future__ import annotations

import time
from typing import Final

from imagecli.commands.bulk_office import Office
from imagecli.errors import ImagecliError, LimitError, NetworkError, QuotaError, UnsavedError
from imagecli.events import Heartbeat, Warned
from imagecli.schedule import HEARTBEAT_SECONDS

FIRST_LOOK: Final = 1.0
"""Seconds until a batch is asked for again; ever longer then, up to the next."""
MAX_PAUSE: Final = 60.0
LONGEST: Final = 26 * 3600.0
"""Seconds that are waited in all: a batch has a day, and some time to end in."""


def waited(office: Office) -> list[ImagecliError]:
    """Fetches until nothing is away any more, or a day and some is over; what went wrong for good."""
    began = beat = time.monotonic()
    pause = FIRST_LOOK
    while office.slips:
        time.sleep(pause)
        pause = min(pause * 1.5, MAX_PAUSE)
        now = time.monotonic()
        if now - beat >= HEARTBEAT_SECONDS:
            beat = now
            office.listen(Heartbeat(elapsed=now - began))
        if now - began > LONGEST:
            office.listen(Warned(code="still_away", message="the batch has not ended in its time: look again later"))
            return []
        errors = office.fetched()
        if final := [error for error in errors if not _passes(error)]:
            return final
        for error in errors:
            office.listen(Warned(code=error.code, message=f"{error.message}; asked again in {pause:.0f} s"))
    return []


def _passes(error: ImagecliError) -> bool:
    """Whether it may be over when a batch is asked for again."""
    return isinstance(error, (NetworkError, LimitError, UnsavedError)) and not isinstance(error, QuotaError)
