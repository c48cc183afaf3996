"""The cap while requests run: one is sent only when what was billed, what is under way, and itself fit under it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from imagecli.config.layers import flag
from imagecli.errors import LimitError
from imagecli.money import at_least, dollars
from imagecli.outcome import Outcome
from imagecli.spending.budget import OVER_BUDGET, Budget, cap_words


class Till:
    """Shared by all threads of a command."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._changed = threading.Condition()
        self._billed = 0.0
        """USD; a request that may have been bought and did not tell counts as `Budget.counted`."""
        self._open: dict[int, float] = {}
        """Request under way → what it counts."""
        self._ended: set[int] = set()
        self._refused: int | None = None

    def bought(self, index: int, buy: Callable[[], Outcome]) -> Outcome | None:
        """What *buy* gives; None, and nothing bought, once the cap has no room for another request."""
        if not self._enter(index):
            return None
        billed = self._budget.counted(index)
        try:
            outcome = buy()
            told = self._budget.told(outcome)
            billed = billed if told is None else told
            return outcome
        finally:
            self._leave(index, billed)

    def refusals(self) -> tuple[LimitError, ...]:
        """Why requests were not sent, where the cap was the reason; else nothing."""
        return () if self._refused is None else (self._error(self._refused),)

    def _error(self, refused: int) -> LimitError:
        counted = self._budget.counted(refused)
        unsent = (index for index in range(len(self._budget.estimates)) if index not in self._ended)
        whole = self._billed + sum(map(self._budget.counted, unsent))
        next_one = f" and the next request can cost {dollars(counted, up=True)}" if counted else ""
        return LimitError(
            f"{dollars(self._billed, up=True)} may be spent{next_one}, more than {cap_words(self._budget.settings)}",
            hint=f"{flag('max_cost')} {at_least(whole)} would have sufficed for all",
            code=OVER_BUDGET,
        )

    def _enter(self, index: int) -> bool:
        """Waits until there is room, or until nothing is under way that could still turn out cheaper."""
        counted = self._budget.counted(index)
        with self._changed:
            self._changed.wait_for(lambda: self._refused is not None or self._fits(counted) or not self._open)
            if self._refused is None and not self._fits(counted):
                self._refused = index
                self._changed.notify_all()
            if self._refused is not None:
                return False
            self._open[index] = counted
            return True

    def _leave(self, index: int, billed: float) -> None:
        with self._changed:
            del self._open[index]
            self._ended.add(index)
            self._billed += billed
            self._changed.notify_all()

    def _fits(self, counted: float) -> bool:
        return self._budget.allows(self._billed + sum(self._open.values()) + counted)
