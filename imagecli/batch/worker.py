"""The end of an order: the journal is told what its answers brought, and what they stand in for is taken away.

The same for answers that came at once and for those that a batch of the provider held for a day.

One purchase carried out: the journal is told before the request goes out, and again when its files stand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.file_state import DiskState
from imagecli.batch.fingerprint import PlannedItem
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.work_item import ItemPlan, ItemResult, WorkItem, build_file_records, build_original_records
from imagecli.errors import DiskError, OverBudgetError
from imagecli.events import Event, EventHandler, NoteEvent, WarningEvent
from imagecli.pipeline.execute import Pipeline
from imagecli.plan import PlannedCall
from imagecli.pricing.budget import Budget
from imagecli.results import CallResult
from imagecli.worker_pool import CallSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFinalizer:
    """Shared by all threads of a run."""

    budget: Budget
    journal: JournalWriter
    disk: DiskState
    folder: Path
    """The manifest's."""

    def finalize(self, order: WorkItem, requests: Sequence[PlannedCall], outcomes: Sequence[CallResult]) -> ItemResult:
        """What has become of *order*, whose first *requests* ended with *outcomes*; the journal is told.

        What telling it met is in the last outcome.
        """
        files = [
            record
            for outcome, request in zip(outcomes, requests, strict=False)
            if request.part
            for record in build_file_records(outcome.saved, request.part, self.folder)
        ]
        came = build_original_records((image for outcome in outcomes for image in outcome.saved), self.folder)
        cost = self.total_cost(outcomes)
        try:
            self.journal.write(build_last_entry(order.plan.planned, outcomes, files, came, cost))
        except DiskError as error:
            *others, last = outcomes
            outcomes = (*others, replace(last, errors=(*last.errors, error)))
        if not any(outcome.errors for outcome in outcomes):
            self._remove_replaced(order, (*files, *came))
        return ItemResult(item=order, results=tuple(outcomes), cost_usd=cost)

    def total_cost(self, outcomes: Sequence[CallResult]) -> float | None:
        """USD that they were billed; None where one of them doesn't tell."""
        bills = [self.budget.billed_usd(outcome) for outcome in outcomes]
        return None if None in bills else sum(bill for bill in bills if bill is not None)

    def _remove_replaced(self, order: WorkItem, files: Sequence[FileRecord]) -> None:
        """Removes what was replaced and had another name, as pictures have their true endings."""
        saved = {record.path for record in files}
        for path, sha256 in order.plan.decision.replaces:
            if path not in saved and sha256 and self.disk.may_remove(path, sha256):
                with contextlib.suppress(OSError):
                    (self.folder / path).unlink()


def build_last_entry(
    wanted: PlannedItem,
    outcomes: Sequence[CallResult],
    files: Sequence[FileRecord],
    came: Sequence[FileRecord],
    cost_usd: float | None,
) -> JournalEntry:
    """What the journal is told of a purchase whose requests have ended, as far as they were sent."""
    errors = [error for outcome in outcomes for error in outcome.errors]
    return wanted.new_entry(
        "saved" if files else "failed",
        files=tuple(files),
        originals=tuple(came),
        cost_usd=cost_usd,
        error=errors[0].code if errors else None,
        may_be_billed=any(outcome.errors and outcome.may_be_billed for outcome in outcomes),
    )


NOTES_GIVEN_BEFORE = ("input_changed", "mask_coverage", "mask_empty", "mask_full")
"""Remarks on inputs, which were made when all of them were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWorker:
    """Shared by all threads of a run."""

    pipeline_for: Callable[[ItemPlan], Pipeline]
    finalizer: ItemFinalizer

    def run(self, item: WorkItem, on_event: EventHandler, slot: CallSlot) -> ItemResult:
        """The images of *item*, created and saved. What goes wrong is in the results of its calls."""

        def without_repeated_notes(event: Event) -> None:
            if not (isinstance(event, (NoteEvent, WarningEvent)) and event.code in NOTES_GIVEN_BEFORE):
                on_event(event)

        pipeline = self.pipeline_for(item.plan)
        sent_line = _SentLine(item.plan, self.finalizer.journal)
        results: list[CallResult] = []
        is_over_budget = False
        calls = item.calls()
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
            return replace(self.finalizer.finalize(item, calls, results), is_over_budget=is_over_budget)
        cost = self.finalizer.total_cost(results)
        return ItemResult(item=item, results=tuple(results), cost_usd=cost, is_over_budget=is_over_budget)


class _SentLine:
    """The journal's `sent` line of one item, written before its first request is sent."""

    def __init__(self, plan: ItemPlan, journal: JournalWriter) -> None:
        self._planned, self._journal = plan.planned, journal
        self.is_written = False

    def write(self) -> None:
        """Writes the line, once. Raises DiskError: then nothing is sent."""
        if not self.is_written:
            self._journal.write(self._planned.new_entry("sent"))
            self.is_written = True
