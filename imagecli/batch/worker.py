"""The end of an order: the journal is told what its answers brought, and what they stand in for is taken away.

The same for answers that came at once and for those that a batch of the provider held for a day.

One purchase carried out: the journal is told before the request goes out, and again when its files stand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imagecli.batch.file_state import Standing
from imagecli.batch.fingerprint import Wanted
from imagecli.batch.journal.entry import Entry, FileRecord
from imagecli.batch.journal.writer import Journal
from imagecli.batch.work_item import Ended, Order, Purchase, originals, records
from imagecli.errors import DiskError
from imagecli.events import Event, Listen, Noted, Sent, Warned
from imagecli.pipeline import execute
from imagecli.plan import Request
from imagecli.pricing.budget import Budget
from imagecli.pricing.spend_guard import Permit, Till
from imagecli.results import Outcome
from imagecli.worker_pool import Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Shared by all threads of a run."""

    budget: Budget
    journal: Journal
    standing: Standing
    folder: Path
    """The manifest's."""

    def settled(self, order: Order, requests: Sequence[Request], outcomes: Sequence[Outcome]) -> Ended:
        """What has become of *order*, whose first *requests* ended with *outcomes*; the journal is told.

        What telling it met is in the last outcome.
        """
        files = [
            record
            for outcome, request in zip(outcomes, requests, strict=False)
            if request.part
            for record in records(outcome.saved, request.part, self.folder)
        ]
        came = originals((image for outcome in outcomes for image in outcome.saved), self.folder)
        cost = self.cost(outcomes)
        try:
            self.journal.write(last_word(order.purchase.wanted, outcomes, files, came, cost))
        except DiskError as error:
            *others, last = outcomes
            outcomes = (*others, replace(last, errors=(*last.errors, error)))
        if not any(outcome.errors for outcome in outcomes):
            self._clear_replaced(order, (*files, *came))
        return Ended(order=order, outcomes=tuple(outcomes), cost_usd=cost)

    def cost(self, outcomes: Sequence[Outcome]) -> float | None:
        """USD that they were billed; None where one of them doesn't tell."""
        bills = [self.budget.billed(outcome) for outcome in outcomes]
        return None if None in bills else sum(bill for bill in bills if bill is not None)

    def _clear_replaced(self, order: Order, files: Sequence[FileRecord]) -> None:
        """Removes what was replaced and had another name, as pictures have their true endings."""
        saved = {record.path for record in files}
        for path, sha256 in order.purchase.decision.replaces:
            if path not in saved and sha256 and self.standing.may_remove(path, sha256):
                with contextlib.suppress(OSError):
                    (self.folder / path).unlink()


def last_word(
    wanted: Wanted,
    outcomes: Sequence[Outcome],
    files: Sequence[FileRecord],
    came: Sequence[FileRecord],
    cost_usd: float | None,
) -> Entry:
    """What the journal is told of a purchase whose requests have ended, as far as they were sent."""
    errors = [error for outcome in outcomes for error in outcome.errors]
    return wanted.entry(
        "saved" if files else "failed",
        files=tuple(files),
        originals=tuple(came),
        cost_usd=cost_usd,
        error=errors[0].code if errors else None,
        may_be_billed=any(outcome.errors and outcome.may_be_billed for outcome in outcomes),
    )


SAID_BEFORE = ("input_changed", "mask_coverage", "mask_empty", "mask_full")
"""Remarks on inputs, which were made when all of them were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Shared by all threads of a run."""

    tools: Callable[[Purchase], execute.Tools]
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

        return execute.carry_out(request, self.tools(order.purchase), heard, permit)


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
