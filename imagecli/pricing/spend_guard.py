"""The cap while requests run: one is sent only when what was billed, what is under way, and itself fit under it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from imagecli.config.sources import flag_name
from imagecli.errors import LimitError, NotSentError
from imagecli.money import format_usd, round_up_usd
from imagecli.pricing.budget import OVER_BUDGET, Budget, describe_cap
from imagecli.results import CallResult
from imagecli.worker_pool import CallSlot


class SpendGuard:
    """Shared by all threads of a command."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._changed = threading.Condition()
        self._billed = 0.0
        """USD; a request that may have been bought and did not tell counts as `Budget.counted_usd`."""
        self._open: dict[int, float] = {}
        """Request under way → what it counts."""
        self._ended: set[int] = set()
        self._refused: int | None = None

    def run_within_cap(self, index: int, slot: CallSlot, buy: Callable[[Reservation], CallResult]) -> CallResult | None:
        """What *buy* gives; None, and nothing bought, once the cap has no room for another request.

        Raises NotSentError where *slot* does.
        """
        permit = Reservation(self, index, slot)
        billed = self._budget.counted_usd(index)
        try:
            outcome = buy(permit)
            told = self._budget.reported_usd(outcome)
            billed = billed if told is None else told
            return outcome
        except NotSentError:
            if permit.is_over_cap:
                return None
            raise
        finally:
            self._end_call(index, billed)

    def refusals(self) -> tuple[LimitError, ...]:
        """Why requests were not sent, where the cap was the reason; else nothing."""
        return () if self._refused is None else (self._refusal_error(self._refused),)

    def _refusal_error(self, refused: int) -> LimitError:
        counted = self._budget.counted_usd(refused)
        unsent = (index for index in range(len(self._budget.estimates)) if index not in self._ended)
        whole = self._billed + sum(map(self._budget.counted_usd, unsent))
        next_one = f" and the next request can cost {format_usd(counted, up=True)}" if counted else ""
        return LimitError(
            f"{format_usd(self._billed, up=True)} may be spent{next_one}, "
            f"more than {describe_cap(self._budget.settings)}",
            hint=f"{flag_name('max_cost')} {round_up_usd(whole)} would have sufficed for all",
            code=OVER_BUDGET,
        )

    def try_enter(self, index: int) -> bool:
        """Waits until there is room, or until nothing is under way that could still turn out cheaper."""
        counted = self._budget.counted_usd(index)
        with self._changed:
            self._changed.wait_for(lambda: self._refused is not None or self._fits(counted) or not self._open)
            if self._refused is None and not self._fits(counted):
                self._refused = index
                self._changed.notify_all()
            if self._refused is not None:
                return False
            self._open[index] = counted
            return True

    def record_reported_cost(self, outcome: CallResult) -> None:
        """An answer tells what it cost, before its pictures are saved: from now on it counts that."""
        usd = self._budget.reported_usd(outcome)
        if outcome.usage and usd is not None:
            with self._changed:
                self._open[outcome.request] = usd
                self._changed.notify_all()

    def _end_call(self, index: int, billed: float) -> None:
        """Nothing, for a request that never entered."""
        with self._changed:
            if self._open.pop(index, None) is not None:
                self._ended.add(index)
                self._billed += billed
                self._changed.notify_all()

    def _fits(self, counted: float) -> bool:
        return self._budget.allows(self._billed + sum(self._open.values()) + counted)


class Reservation:
    """What a request needs to be sent: a slot, and room under the cap. Held until it is known what the answer cost."""

    def __init__(self, till: SpendGuard, index: int, slot: CallSlot) -> None:
        self._till, self._index, self._slot = till, index, slot
        self.is_over_cap = False

    def __enter__(self) -> Reservation:
        """Raises NotSentError where there is no slot any more, or no room."""
        with ExitStack() as stack:
            stack.enter_context(self._slot)
            self.is_over_cap = not self._till.try_enter(self._index)
            if self.is_over_cap:
                raise NotSentError
            stack.pop_all()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._slot.__exit__(kind, error, trace)

    def record_reported_cost(self, outcome: CallResult) -> None:
        """*outcome* holds what the answer tells, and no pictures yet."""
        self._till.record_reported_cost(outcome)
