"""The end of an order: the journal is told what its answers brought, and what they stand in for is taken away.

The same for answers that came at once and for those that a batch of the provider held for a day.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.entries import Entry, FileRecord
from imagecli.batch.order import Ended, Order
from imagecli.batch.purchase import originals, records
from imagecli.batch.standing import Standing
from imagecli.batch.wanted import Wanted
from imagecli.batch.writing import Journal
from imagecli.errors import DiskError
from imagecli.outcome import Outcome
from imagecli.plan import Request
from imagecli.spending.budget import Budget


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
