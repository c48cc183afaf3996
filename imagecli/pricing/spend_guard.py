"""The cost limit while calls run: one is sent only if it fits beside what was billed and what is in flight."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from imagecli.config.sources import flag_name
from imagecli.errors import ImagecliError, LimitError, OverBudgetError
from imagecli.money import format_usd, round_up_usd
from imagecli.pricing.command_cost import OVER_BUDGET, Budget, describe_cap
from imagecli.worker_pool import CallSlot


class SpendGuard:
    """Shared by all threads of a command."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._condition = threading.Condition()
        self._billed_usd = 0.0
        """USD; a request that was possibly billed, at an unknown price, counts as `Budget.counted_usd`."""
        self._in_flight: dict[int, float] = {}
        """Call → USD that it counts."""
        self._remaining_usd = sum(map(budget.counted_usd, range(len(budget.estimates))))
        """USD that the calls count that have not ended."""
        self._refused_call: int | None = None

    def reserve(self, index: int, slot: CallSlot) -> Reservation:
        """To be entered: waits for *slot* and for room under the cost limit.

        Raises NotSentError if the pool was stopped, OverBudgetError if there is no room; then nothing may be sent.
        """
        return Reservation(self, index, slot)

    def refusals(self) -> tuple[LimitError, ...]:
        """Why calls were not sent, if the cost limit was the reason."""
        return () if self._refused_call is None else (self._refusal_error(self._refused_call),)

    def _refusal_error(self, index: int) -> LimitError:
        next_usd = self._budget.counted_usd(index)
        total = round(self._billed_usd + self._remaining_usd, 9)  # sums of fractions differ in their last digit
        next_one = f", and the next request can cost {format_usd(next_usd, up=True)}" if next_usd else ""
        return LimitError(
            f"up to {format_usd(self._billed_usd, up=True)} was spent{next_one}: "
            f"more than {describe_cap(self._budget.settings)}",
            hint=f"{flag_name('max_cost')} {round_up_usd(total)} is enough for all requests",
            code=OVER_BUDGET,
        )

    def enter(self, index: int) -> None:
        """Waits until there is room, or until nothing is in flight that could still turn out cheaper.

        Raises OverBudgetError if there is no room, and for every call after the first of those.
        """
        usd = self._budget.counted_usd(index)
        with self._condition:
            self._condition.wait_for(lambda: self._refused_call is not None or self._fits(usd) or not self._in_flight)
            if self._refused_call is None and not self._fits(usd):
                self._refused_call = index
                self._condition.notify_all()
            if self._refused_call is not None:
                raise OverBudgetError
            self._in_flight[index] = usd

    def end(self, index: int, billed_usd: float | None) -> None:
        """The call is no longer in flight; *billed_usd* is None if it was possibly billed at an unknown price."""
        with self._condition:
            usd = self._in_flight.pop(index)
            self._remaining_usd -= usd
            self._billed_usd += usd if billed_usd is None else billed_usd
            self._condition.notify_all()

    def price_usage(self, index: int, usage: Mapping[str, Any] | None) -> float | None:
        """USD that the *usage* of a response comes to; None if it is unknown."""
        return self._budget.reported_price(index, usage)

    def _fits(self, usd: float) -> bool:
        return self._budget.allows(self._billed_usd + sum(self._in_flight.values()) + usd)


class Reservation:
    """A slot and room under the cost limit for one call, from before it is sent until it is known what it cost."""

    def __init__(self, guard: SpendGuard, index: int, slot: CallSlot) -> None:
        self._guard, self._index, self._slot = guard, index, slot
        self._is_settled = False

    def __enter__(self) -> Reservation:
        self._slot.take()
        try:
            self._guard.enter(self._index)
        except BaseException:
            self._slot.keep()
            raise
        return self

    def settle(
        self,
        usage: Mapping[str, Any] | None,
        *,
        may_be_billed: bool = True,
        is_free: bool = False,
        keeps_slot: bool = False,
    ) -> None:
        """The response is parsed: counts what it cost instead of the estimate, and frees the slot.

        Images are saved after this, and the next request is sent in the meantime, unless the call *keeps_slot* until
        its result is handled.
        """
        usd = 0.0 if is_free else self._guard.price_usage(self._index, usage)
        self._end(0.0 if usd is None and not may_be_billed else usd)
        if keeps_slot:
            self._slot.keep()
        else:
            self._slot.release()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """If it is not settled, counts nothing if *error* says that nothing was billed, else the estimate."""
        if self._is_settled:
            return
        nothing_billed = isinstance(error, ImagecliError) and not error.may_be_billed
        self._end(0.0 if nothing_billed else None)
        if error:
            self._slot.keep()
        else:
            self._slot.release()

    def _end(self, billed_usd: float | None) -> None:
        self._is_settled = True
        self._guard.end(self._index, billed_usd)
