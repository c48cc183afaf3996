"""What a run over a manifest prints: each row as it ends, each note once, and the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from imagecli.batch.item_plan import ItemPlan, ItemResult, result_errors
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.errors import options_as_fields
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.recover import WaitingError, WaitingResponse
from imagecli.batch.run_counts import RunCounts
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.gallery import NO_GALLERY, GalleryOutcome
from imagecli.commands.batch.kept_files import find_kept_files
from imagecli.commands.batch.plan_items import disk_state, planned_outputs
from imagecli.domain import Json
from imagecli.errors import EXIT_INCOMPLETE, ImagecliError, UnsavedError, signal_exit_code
from imagecli.events import Event, NoteEvent, WarningEvent
from imagecli.money import Cost, format_usd, format_usd_range
from imagecli.output.batch import COMMAND, BatchOutput, row_result
from imagecli.output.plain_progress import PlainProgress
from imagecli.pipeline.pipeline import OpenCall
from imagecli.pricing.command_cost import Budget
from imagecli.results import CommandResult

SCREEN_ITEMS: Final = 20
"""After more items than these the first errors may no longer be on the screen."""
NO_COST: Final = Cost(low_usd=0.0, high_usd=0.0, actual_usd=0.0, about="no images to create")


# --- events ----------------------------------------------------------------------------------------------------------

COUNTED_NOTES: Final = ("fitted", "converted")
"""Codes of notes that nearly every row can have: they are counted, and summed up in one note at the end."""
MAX_NOTES: Final = 1000


class BatchEventFilter:
    """Passes events on to the screen, each note only once."""

    def __init__(self, progress: PlainProgress) -> None:
        self._progress = progress
        self._notes: dict[NoteEvent | WarningEvent, None] = {}
        self._counted: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        if isinstance(event, (NoteEvent, WarningEvent)):
            self._emit_once(event)
        else:
            self._progress(event)

    def _emit_once(self, event: NoteEvent | WarningEvent) -> None:
        if event.code in COUNTED_NOTES:
            self._counted[event.code] += 1
        elif event not in self._notes:
            if len(self._notes) < MAX_NOTES:
                self._notes[event] = None
            self._progress(event)

    def emit_conversions(self) -> None:
        """Emits how many files are not the API's own bytes, and where the received images are."""
        if count := self._counted.total():
            files = "1 file" if count == 1 else f"{count:,} files"
            message = (
                f"cropped, resized or converted {files}; "
                "Content Credentials (C2PA) removed, originals kept as NAME.orig files"
            )
            self(NoteEvent(code="made", message=message))

    @property
    def notes(self) -> tuple[NoteEvent | WarningEvent, ...]:
        """The first notes and warnings of the run, `MAX_NOTES` at most."""
        return tuple(self._notes)


# --- rows and the summary --------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class BatchReporter:
    """Prints a run's results. It reads the counts and changes none of them."""

    context: BatchContext
    counts: RunCounts
    output: BatchOutput
    budget: Budget
    """Of the calls that items are numbered by."""
    waiting: Sequence[WaitingResponse] = ()
    """Paid responses of earlier runs that can't be saved yet."""
    _failed_lines: dict[int, None] = field(default_factory=dict)
    """Lines of the manifest whose items have failed."""

    def print_kept(self, plans: Sequence[ItemPlan], state: JournalState) -> None:
        """With --json, an object for each of *plans* that is up to date."""
        if not self.context.display.json:
            return
        folder, disk = self.context.manifest.folder, disk_state(self.context)
        for plan in plans:
            if plan.decision.kind == "done":
                files = find_kept_files(plan, state, disk, folder)
                result = CommandResult(command=COMMAND, skipped=tuple(files), cost=NO_COST)
                self.output.print_row(plan.item.row, result, **item_keys(plan.item, "kept"))

    def print_pending(self, plans: Sequence[ItemPlan], state: JournalState, costs: Mapping[str, Cost]) -> None:
        """With --json, an object for each of *plans*, all of which a provider's Batch API has.

        *costs*: their estimated costs by id, if known.
        """
        if not self.context.display.json:
            return
        for plan in plans:
            for entry in state.pending_entries(plan.item.id)[:1]:
                keys = item_keys(plan.item, "submitted")
                keys |= {"status": "submitted", "exit_code": EXIT_INCOMPLETE, "batch": entry.batch}
                result = CommandResult(command=COMMAND, cost=costs.get(entry.id, Cost()))
                self.output.print_row(plan.item.row, result, **keys)

    def print_waiting(self, plans: Sequence[ItemPlan]) -> None:
        """With --json, an object for each of *plans* whose paid response can't be saved yet."""
        responses = {response.id: response for response in self.waiting}
        for plan in plans if self.context.display.json else ():
            if plan.decision.kind == "waiting":
                error = WaitingError([responses[plan.item.id]])
                result = CommandResult(command=COMMAND, errors=(error,), cost=Cost())
                self.output.print_row(plan.item.row, result, **item_keys(plan.item, "waiting"))

    def print_result(self, result: ItemResult, estimated: Cost) -> None:
        """Prints an item that has ended, and is counted. *estimated* is what it could cost."""
        item = result.plan.item
        errors = [_with_field_names(error) for error in result_errors(result)]
        if result.results:
            row = row_result(result.results, estimated._replace(actual_usd=result.cost_usd))
            self.output.print_row(item.row, row, **item_keys(item, "failed" if errors else "bought"))
            if not errors:
                self.output.note_saved(row, self.counts.created + self.counts.failed, self.counts.to_create)
        if errors:
            self._failed_lines[item.line] = None
            self.output.print_failure(f"{self.context.manifest.name}:{item.line}", errors)

    def print_summary(
        self,
        errors: Sequence[ImagecliError],
        events: BatchEventFilter,
        *,
        cost: Cost | None = None,
        pending_cost: Cost | None = None,
        gallery: GalleryOutcome = NO_GALLERY,
        **more: Json,
    ) -> int:
        """Prints the summary and returns the exit code.

        *errors* are those that belong to no row. *cost* is what everything can cost if the budget covers only a part,
        *pending_cost* what the items can cost that the Batch API still has; *more* are keys of the JSON object.
        """
        counts = self.counts
        counts.waiting = len({response.id for response in self.waiting})
        if self.waiting:
            errors = (*errors, WaitingError(self.waiting))
        counts.exit_codes.update(error.exit_code for error in errors)
        events.emit_conversions()
        if warning := self.budget.cap_passed_warning(counts.billed_usd, is_complete=not counts.unpriced):
            events(warning)
        estimated = cost or self.budget.cost()
        is_unbilled = pending_cost and not (counts.created or counts.failed)
        total_cost = estimated._replace(actual_usd=None if is_unbilled else counts.actual_usd)
        exit_code = counts.exit_code()
        if counts.to_create > SCREEN_ITEMS and self._failed_lines:
            self.output.print_failed_lines(self.context.manifest.name, sorted(self._failed_lines))
        self.output.print_summary(
            "; ".join((format_counts(counts, total_cost, pending_cost), *self._next_steps(bool(pending_cost)))),
            (*errors, *gallery.errors),
            total_cost if counts.to_create or pending_cost else NO_COST,
            events.notes,
            status=counts.status(),
            exit_code=exit_code,
            summary={
                "rows": self.context.manifest_items.row_count,
                "purchases": counts.total,
                "kept": counts.up_to_date,
                "bought": counts.created,
                "failed": counts.failed,
                "submitted": counts.pending,
                "waiting": counts.waiting,
                "not_sent": counts.unsent,
                "files": counts.files,
                # Such a file is no longer written, but keys of the JSON output never go.
                "failed_manifest": None,
                **gallery.keys,
                **more,
            },
        )
        return exit_code or self.output.exit_code

    def _next_steps(self, is_own_pending: bool) -> Iterator[str]:
        """What to do next. *is_own_pending*: this run's own Batch API has some of the rows."""
        if self.counts.failed and not self.counts.signal_code:  # after a signal the hint says so
            yield "run the same command to retry the failed rows"
        if is_own_pending:
            yield "run the same command to download them"
        elif self.counts.pending and not self.context.batch_api:
            yield "use --batch-api to download them"


def _with_field_names(error: ImagecliError) -> ImagecliError:
    """*error*, whose hint names fields of rows instead of options of the commands for one image."""
    return error.with_facts(hint=options_as_fields(error.hint)) if error.hint else error


def interruption_error(
    signal: BaseException, counts: RunCounts, budget: Budget, in_flight: Sequence[OpenCall]
) -> ImagecliError:
    """The error for a run that Ctrl-C or SIGTERM ended; the signal's exit code and what may be billed are counted."""
    counts.signal_code = signal_exit_code(signal)
    message = f"interrupted: saved {counts.created:,} of {counts.to_create:,}"
    hint = "run the same command to resume"
    if in_flight:
        message += f"; {budget.describe_in_flight([call.request for call in in_flight])}"
        if not budget.settings.provider.free:
            counts.unpriced += len({call.saver.prepared.part for call in in_flight})
        folders = sorted({str(call.folder) for call in in_flight})
        hint += f"; it first saves the responses received so far, from {' and '.join(folders)}"
    return UnsavedError(message, hint=hint, code="interrupted")


def format_counts(counts: RunCounts, cost: Cost, pending_cost: Cost | None = None) -> str:
    """`17 created, 2 up to date, 1 failed; cost: $0.53`. *pending_cost* is what the Batch API's rows can cost."""
    parts = [
        (counts.created, "created"),
        (counts.pending, f"pending in the Batch API{_price_words(pending_cost)}"),
        (counts.up_to_date, "up to date"),
        (counts.failed, "failed"),
        (counts.waiting, "received but not saved yet"),
        # What was in flight when a signal came is among them.
        (counts.unsent, "unfinished" if counts.signal_code else "not sent"),
    ]
    text = ", ".join(f"{count:,} {words}" for count, words in parts if count) or "nothing to do"
    if cost.is_free or not (counts.created or counts.failed):
        return text
    if counts.is_from_sandbox and not counts.unpriced:
        return f"{text}; cost: free (sandbox)"
    if not counts.unpriced:
        return f"{text}; cost: {format_usd(counts.billed_usd)}"
    known_cost = f"{format_usd(counts.billed_usd)}, " if counts.billed_usd else ""
    return f"{text}; cost: {known_cost}unknown for {counts.unpriced:,}"


def _price_words(cost: Cost | None) -> str:
    if cost is None or cost.is_free or cost.low_usd is None:
        return ""
    return f" (about {format_usd_range(cost.low_usd, cost.high_usd)})"


def item_keys(item: ManifestItem, state: str) -> dict[str, Json]:
    """The keys of a row's JSON object that other commands do not have."""
    return {"line": item.line, "state": state, "outputs": [*planned_outputs(item)]}
