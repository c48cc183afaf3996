"""How many requests are out at once: each has a slot from when it goes out until its answer has come.

What is done before and behind needs none, so that a slot is never kept by somebody who saves a picture.
"""

from __future__ import annotations

import threading

from imagecli.errors import NotSentError


class Slots:
    """Shared by all threads of a run."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._free = count
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def slot(self) -> Slot:
        """For one item."""
        return Slot(self)

    def stop(self) -> None:
        """No item begins any more: those that wait for their first slot are sent away."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def take(self, *, begun: bool) -> None:
        """Back when there was one free. Raises NotSentError for an item that is not *begun*, once all is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or (self._stopped and not begun))
            if self._stopped and not begun:
                raise NotSentError
            self._free -= 1

    def give(self) -> None:
        """Lets the next one have it."""
        with self._changed:
            self._free += 1
            self._changed.notify()


class Slot:
    """One item's, for each of its requests anew: who has begun may end.

    Whoever fails keeps it until `leave`: what went wrong may be the last straw, and then nobody else is to be sent.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._begun = self._kept = False

    def __enter__(self) -> None:
        if not self._kept:
            self._slots.take(begun=self._begun)
        self._begun = True

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._kept = error is not None
        if not self._kept:
            self._slots.give()

    def leave(self) -> None:
        """All of the item has been heard."""
        if self._kept:
            self._slots.give()
