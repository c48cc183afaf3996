"""Journals the result of one item whose calls have ended, and removes the files that it replaces.

Results of live requests and of the provider's Batch API are journalled alike.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.file_records import build_file_records, build_original_records
from imagecli.batch.file_state import DiskState
from imagecli.batch.item_identity import ItemIdentity
from imagecli.batch.item_plan import ItemPlan, ItemResult
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.writer import JournalWriter
from imagecli.errors import DiskError
from imagecli.plan_calls import PlannedCall
from imagecli.pricing.command_cost import Budget
from imagecli.results import CallResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFinalizer:
    """Journals the results of items. Shared by all threads of a run."""

    budget: Budget
    journal: JournalWriter
    disk: DiskState
    folder: Path
    """The manifest's."""

    def finalize(
        self,
        plan: ItemPlan,
        calls: Sequence[PlannedCall],
        results: Sequence[CallResult],
        submitted: JournalEntry | None = None,
    ) -> ItemResult:
        """Journals the item of *plan*, whose first *calls* ended with *results*.

        *submitted* is the entry by which a provider's Batch API had it. The last entry names its submission: another
        one may be pending.
        If that fails, the error is in the last result.
        """
        files = [
            record
            for result, call in zip(results, calls, strict=False)
            if call.part
            for record in build_file_records(result.saved, call.part)
        ]
        originals = build_original_records((image for result in results for image in result.saved), self.folder)
        cost = self.total_cost(results)
        try:
            entry = build_last_entry(plan.identity, results, files, originals, cost)
            if submitted:
                entry = replace(entry, submission=submitted.submission, batch=submitted.batch)
            self.journal.write(entry)
        except DiskError as error:
            *others, last = results
            results = (*others, last._replace(errors=(*last.errors, error)))
        if not any(result.errors for result in results):
            self._remove_replaced(plan, (*files, *originals))
        return ItemResult(plan=plan, results=tuple(results), cost_usd=cost)

    def total_cost(self, results: Sequence[CallResult]) -> float | None:
        """USD that they were billed; None if one of them does not tell."""
        bills = [self.budget.billed_usd(result) for result in results]
        return None if None in bills else sum(bill for bill in bills if bill is not None)

    def _remove_replaced(self, plan: ItemPlan, files: Sequence[FileRecord]) -> None:
        """Removes replaced files that had another name: the extension follows the format that was received."""
        saved = {record.path for record in files}
        for path, sha256 in plan.decision.replaces:
            if path not in saved and sha256 and self.disk.may_remove(path, sha256):
                with contextlib.suppress(OSError):
                    (self.folder / path).unlink()


def build_last_entry(
    identity: ItemIdentity,
    results: Sequence[CallResult],
    files: Sequence[FileRecord],
    originals: Sequence[FileRecord],
    cost_usd: float | None,
) -> JournalEntry:
    """The journal entry of an item whose calls have ended, as far as they were sent."""
    errors = [error for result in results for error in result.errors]
    return identity.new_entry(
        "saved" if files else "failed",
        files=tuple(files),
        originals=tuple(originals),
        cost_usd=cost_usd,
        error=errors[0].code if errors else None,
        may_be_billed=any(result.errors and result.may_be_billed for result in results),
    )
