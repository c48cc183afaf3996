"""Carries out one item: journals it before its first request is sent, and again when its calls have ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagecli.batch.item_finalizer import ItemFinalizer
from imagecli.batch.item_identity import ItemIdentity
from imagecli.batch.item_plan import ItemPlan, ItemResult, result_errors
from imagecli.batch.journal.writer import JournalWriter
from imagecli.errors import DiskError, OverBudgetError
from imagecli.events import DownloadProgress, Event, EventHandler, ImageSaved, NoteEvent, UploadProgress, WarningEvent
from imagecli.pipeline.pipeline import Pipeline
from imagecli.pipeline.prepare_call import InputsByModel
from imagecli.results import CallResult
from imagecli.worker_pool import CallSlot

NOTES_GIVEN_BEFORE = ("input_changed", "mask_coverage", "mask_full")
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

        def report(event: Event) -> None:
            # A batch counts items, not bytes or images; every event wakes the main thread.
            is_omitted = isinstance(event, (UploadProgress, DownloadProgress, ImageSaved)) or (
                isinstance(event, (NoteEvent, WarningEvent)) and event.code in NOTES_GIVEN_BEFORE
            )
            if not is_omitted:
                on_event(event)

        pipeline = self.pipeline._replace(inputs=self.inputs.for_model(plan.item.model))
        sent_line = _SentLine(plan.identity, self.finalizer.journal)
        results: list[CallResult] = []
        is_over_budget = False
        calls = tuple(plan.calls())
        for call in calls:
            try:
                result = pipeline.execute(call, report, slot, sent_line.write)
            except OverBudgetError:
                is_over_budget = True
                break
            results.append(result)
            if result.errors:
                break
        if sent_line.is_written:
            ended = self.finalizer.finalize(plan, calls, results)
            if any(isinstance(error, DiskError) for error in result_errors(ended)):
                slot.stop_pool()  # the journal can't be written
            return replace(ended, is_over_budget=True) if is_over_budget else ended
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
