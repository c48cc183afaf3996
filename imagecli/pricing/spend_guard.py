"""The cap while requests run: one is sent only when what was billed, what is under way, and itself fit under it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from imagecli.config.sources import flag
from imagecli.errors import LimitError, NotSentError
from imagecli.money import at_least, dollars
from imagecli.pricing.budget import OVER_BUDGET, Budget, cap_words
from imagecli.results import Outcome
from imagecli.worker_pool import Slot


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

    def bought(self, index: int, slot: Slot, buy: Callable[[Permit], Outcome]) -> Outcome | None:
        """What *buy* gives; None, and nothing bought, once the cap has no room for another request.

        Raises NotSentError where *slot* does.
        """
        permit = Permit(self, index, slot)
        billed = self._budget.counted(index)
        try:
            outcome = buy(permit)
            told = self._budget.told(outcome)
            billed = billed if told is None else told
            return outcome
        except NotSentError:
            if permit.is_over:
                return None
            raise
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

    def enter(self, index: int) -> bool:
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

    def came(self, outcome: Outcome) -> None:
        """An answer tells what it cost, before its pictures are saved: from now on it counts that."""
        usd = self._budget.told(outcome)
        if outcome.usage and usd is not None:
            with self._changed:
                self._open[outcome.request] = usd
                self._changed.notify_all()

    def _leave(self, index: int, billed: float) -> None:
        """Nothing, for a request that never entered."""
        with self._changed:
            if self._open.pop(index, None) is not None:
                self._ended.add(index)
                self._billed += billed
                self._changed.notify_all()

    def _fits(self, counted: float) -> bool:
        return self._budget.allows(self._billed + sum(self._open.values()) + counted)


class Permit:
    """What a request needs to be sent: a slot, and room under the cap. Held until it is known what the answer cost."""

    def __init__(self, till: Till, index: int, slot: Slot) -> None:
        self._till, self._index, self._slot = till, index, slot
        self.is_over = False

    def __enter__(self) -> Permit:
        """Raises NotSentError where there is no slot any more, or no room."""
        with ExitStack() as stack:
            stack.enter_context(self._slot)
            self.is_over = not self._till.enter(self._index)
            if self.is_over:
                raise NotSentError
            stack.pop_all()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._slot.__exit__(kind, error, trace)

    def came(self, outcome: Outcome) -> None:
        """*outcome* holds what the answer tells, and no pictures yet."""
        self._till.came(outcome)
