"""Carries out one item: journals it before its first request is sent, and again when its files are saved.

Results of the provider's Batch API are journalled by the same `ItemFinalizer`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.file_records import build_file_records, build_original_records
from imagecli.batch.file_state import DiskState
from imagecli.batch.fingerprint import ItemIdentity
from imagecli.batch.item_plan import ItemPlan, ItemResult
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.writer import JournalWriter
from imagecli.errors import DiskError, OverBudgetError
from imagecli.events import Event, EventHandler, NoteEvent, WarningEvent
from imagecli.pipeline.pipeline import Pipeline
from imagecli.pipeline.prepare_call import InputsByModel
from imagecli.plan_calls import PlannedCall
from imagecli.pricing.command_cost import Budget
from imagecli.results import CallResult
from imagecli.worker_pool import CallSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFinalizer:
    """Journals the results of items. Shared by all threads of a run."""

    budget: Budget
    journal: JournalWriter
    disk: DiskState
    folder: Path
    """The manifest's."""

    def finalize(self, plan: ItemPlan, calls: Sequence[PlannedCall], results: Sequence[CallResult]) -> ItemResult:
        """Journals the item of *plan*, whose first *calls* ended with *results*.

        If that fails, the error is in the last result.
        """
        files = [
            record
            for result, call in zip(results, calls, strict=False)
            if call.part
            for record in build_file_records(result.saved, call.part, self.folder)
        ]
        originals = build_original_records((image for result in results for image in result.saved), self.folder)
        cost = self.total_cost(results)
        try:
            self.journal.write(build_last_entry(plan.identity, results, files, originals, cost))
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


NOTES_GIVEN_BEFORE = ("input_changed", "mask_coverage", "mask_empty", "mask_full")
"""Notes on inputs, which were shown when all inputs were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWorker:
    """Carries out items. Shared by all threads of a run."""

    pipeline: Pipeline
    inputs: InputsByModel
    """Instead of the pipeline's, as each item has a model of its own."""
    finalizer: ItemFinalizer

    def run(self, plan: ItemPlan, on_event: EventHandler, slot: CallSlot) -> ItemResult:
        """The images of *plan*, created and saved. What goes wrong is in the results of its calls."""

        def without_repeated_notes(event: Event) -> None:
            if not (isinstance(event, (NoteEvent, WarningEvent)) and event.code in NOTES_GIVEN_BEFORE):
                on_event(event)

        pipeline = replace(self.pipeline, inputs=self.inputs.for_model(plan.item.model))
        sent_line = _SentLine(plan.identity, self.finalizer.journal)
        results: list[CallResult] = []
        is_over_budget = False
        calls = tuple(plan.calls())
        for call in calls:
            try:
                result = pipeline.execute(call, without_repeated_notes, slot, sent_line.write)
            except OverBudgetError:
                is_over_budget = True
                break
            results.append(result)
            if result.errors:
                break
        if sent_line.is_written:
            return replace(self.finalizer.finalize(plan, calls, results), is_over_budget=is_over_budget)
        cost = self.finalizer.total_cost(results)
        return ItemResult(plan=plan, results=tuple(results), cost_usd=cost, is_over_budget=is_over_budget)


class _SentLine:
    """The journal's `sent` line of one item, written before its first request is sent."""

    def __init__(self, identity: ItemIdentity, journal: JournalWriter) -> None:
        self._identity, self._journal = identity, journal
        self.is_written = False

    def write(self) -> None:
        """Writes the line, once. Raises DiskError: then nothing is sent."""
        if not self.is_written:
            self._journal.write(self._identity.new_entry("sent"))
            self.is_written = True
