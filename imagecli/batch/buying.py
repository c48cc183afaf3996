"""One purchase carried out: the journal is told before the request goes out, and again when its files stand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imagecli import run
from imagecli.batch.entries import FileRecord
from imagecli.batch.purchase import Purchase, originals, records, requests_of
from imagecli.batch.standing import Standing
from imagecli.batch.writing import Journal
from imagecli.errors import DiskError
from imagecli.events import Event, Listen, Noted, Sent, Warned
from imagecli.outcome import Outcome
from imagecli.plan import Request
from imagecli.spending.budget import Budget
from imagecli.spending.till import Till

SAID_BEFORE = ("input_changed", "mask_coverage", "mask_empty", "mask_full")
"""Remarks on inputs, which were made when all of them were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase that is to be made."""

    purchase: Purchase
    first: int
    """The number of its first request."""
    count: int
    manifest: Path
    """Whose journal it is."""

    def requests(self) -> tuple[Request, ...]:
        """Its requests, made when they are wanted: there may be thousands of orders."""
        return tuple(requests_of(self.purchase, self.first, self.manifest))

    @property
    def folders(self) -> set[Path]:
        """All that is saved to."""
        return {target.name.folder for targets in self.purchase.item.pictures for target in targets}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What has become of an order."""

    order: Order
    outcomes: tuple[Outcome, ...]
    """Of the requests that were sent; fewer than the order's where the cap had no room for one, or one failed."""
    cost_usd: float | None
    """None where the answers don't tell."""
    over_budget: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Shared by all threads of a run."""

    tools: Callable[[Purchase], run.Tools]
    budget: Budget
    till: Till
    journal: Journal
    standing: Standing
    folder: Path
    """The manifest's."""

    def buy(self, order: Order, listen: Listen) -> Ended:
        """What has become of *order*. Whatever goes wrong is in the outcomes."""
        told = _Told(order.purchase, self.journal)
        outcomes: list[Outcome] = []
        over = False
        requests = order.requests()
        for request in requests:
            outcome = self.till.bought(request.index, partial(self._bought, order, request, told, listen))
            if outcome is None:
                over = True
                break
            outcomes.append(outcome)
            if outcome.errors:
                break
        outcomes = self._written_down(order, requests, outcomes, told)
        bills = [self.budget.billed(outcome) for outcome in outcomes]
        cost = None if None in bills else sum(bill for bill in bills if bill is not None)
        return Ended(order=order, outcomes=tuple(outcomes), cost_usd=cost, over_budget=over)

    def _bought(self, order: Order, request: Request, told: _Told, listen: Listen) -> Outcome:
        def heard(event: Event) -> None:
            if isinstance(event, Sent):
                told.sent()
            if not (isinstance(event, (Noted, Warned)) and event.code in SAID_BEFORE):
                listen(event)

        return run.carry_out(request, self.tools(order.purchase), heard)

    def _written_down(
        self, order: Order, requests: Sequence[Request], outcomes: list[Outcome], told: _Told
    ) -> list[Outcome]:
        """*outcomes*, with the journal told of them, and with what that met."""
        if not told.is_sent:
            return outcomes
        files = [
            record
            for outcome, request in zip(outcomes, requests, strict=False)
            if request.part
            for record in records(outcome.saved, request.part, self.folder)
        ]
        came = originals((image for outcome in outcomes for image in outcome.saved), self.folder)
        try:
            told.ended(outcomes, files, came, self.budget)
        except DiskError as error:
            last = outcomes[-1]
            return [*outcomes[:-1], replace(last, errors=(*last.errors, error))]
        if not any(outcome.errors for outcome in outcomes):
            self._clear_replaced(order, (*files, *came))
        return outcomes

    def _clear_replaced(self, order: Order, files: Sequence[FileRecord]) -> None:
        """Removes what was replaced and had another name, as pictures have their true endings."""
        saved = {record.path for record in files}
        for path, sha256 in order.purchase.decision.replaces:
            if path not in saved and sha256 and self.standing.may_replace(path, sha256):
                with contextlib.suppress(OSError):
                    (self.folder / path).unlink()


class _Told:
    """What the journal was told of one order."""

    def __init__(self, purchase: Purchase, journal: Journal) -> None:
        self._wanted, self._journal = purchase.wanted, journal
        self.is_sent = False

    def sent(self) -> None:
        """Before the first byte goes out. Raises DiskError: then nothing is sent."""
        if not self.is_sent:
            self._journal.write(self._wanted.entry("sent"))
            self.is_sent = True

    def ended(
        self,
        outcomes: Sequence[Outcome],
        files: Sequence[FileRecord],
        came: Sequence[FileRecord],
        budget: Budget,
    ) -> None:
        """After all that could be saved is. Raises DiskError."""
        errors = [error for outcome in outcomes for error in outcome.errors]
        bills = [budget.billed(outcome) for outcome in outcomes]
        lost = any(outcome.errors and outcome.may_be_billed for outcome in outcomes)
        self._journal.write(
            self._wanted.entry(
                "saved" if files else "failed",
                files=tuple(files),
                originals=tuple(came),
                cost_usd=None if None in bills else sum(bill for bill in bills if bill is not None),
                error=errors[0].code if errors else None,
                may_be_billed=lost,
            )
        )
