"""One purchase carried out: the journal is told before the request goes out, and again when its files stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from imagecli import run
from imagecli.batch.order import Ended, Order
from imagecli.batch.purchase import Purchase
from imagecli.batch.settling import Settling
from imagecli.batch.writing import Journal
from imagecli.events import Event, Listen, Noted, Sent, Warned
from imagecli.outcome import Outcome
from imagecli.plan import Request
from imagecli.slots import Slot
from imagecli.spending.till import Permit, Till

SAID_BEFORE = ("input_changed", "mask_coverage", "mask_empty", "mask_full")
"""Remarks on inputs, which were made when all of them were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Shared by all threads of a run."""

    tools: Callable[[Purchase], run.Tools]
    till: Till
    settling: Settling

    def buy(self, order: Order, listen: Listen, slot: Slot) -> Ended:
        """What has become of *order*. Whatever goes wrong is in the outcomes."""
        told = _Told(order.purchase, self.settling.journal)
        outcomes: list[Outcome] = []
        over = False
        requests = order.requests()
        for request in requests:
            outcome = self.till.bought(request.index, slot, partial(self._bought, order, request, told, listen))
            if outcome is None:
                over = True
                break
            outcomes.append(outcome)
            if outcome.errors:
                break
        if told.is_sent:
            return replace(self.settling.settled(order, requests, outcomes), over_budget=over)
        cost = self.settling.cost(outcomes)
        return Ended(order=order, outcomes=tuple(outcomes), cost_usd=cost, over_budget=over)

    def _bought(self, order: Order, request: Request, told: _Told, listen: Listen, permit: Permit) -> Outcome:
        def heard(event: Event) -> None:
            if isinstance(event, Sent):
                told.sent()
            if not (isinstance(event, (Noted, Warned)) and event.code in SAID_BEFORE):
                listen(event)

        return run.carry_out(request, self.tools(order.purchase), heard, permit)


class _Told:
    """Whether the journal was told of one order."""

    def __init__(self, purchase: Purchase, journal: Journal) -> None:
        self._wanted, self._journal = purchase.wanted, journal
        self.is_sent = False

    def sent(self) -> None:
        """Before the first byte goes out. Raises DiskError: then nothing is sent."""
        if not self.is_sent:
            self._journal.write(self._wanted.entry("sent"))
            self.is_sent = True
