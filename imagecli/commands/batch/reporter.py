"""What becomes of rows, told as it does: to the tally, to stdout, and at the end to whoever asked.

Files of rows of which nothing is bought: what they are, by the journal, and by their bytes where it does not say.

Hears a batch: what is under way, for an interruption; and remarks, each once, however many rows it is about.
"""

from __future__ import annotations

import contextlib
import mmap
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagecli.batch.counts import RunCounts
from imagecli.batch.failed_manifest import failed_manifest_path, write_failed_manifest
from imagecli.batch.file_state import DiskState
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.work_item import ItemPlan, ItemResult, WorkItem
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.image.plan import inspect_skipped_file
from imagecli.domain import Json
from imagecli.errors import EXIT_INCOMPLETE, ImagecliError, OutputError, UnsavedError, signal_exit_code
from imagecli.events import Event, NoteEvent, RetryWait, SpoolOpened, UploadProgress, WarningEvent
from imagecli.images.identify import identify_image
from imagecli.money import format_usd, format_usd_range
from imagecli.output.batch import BatchOutput, row_result
from imagecli.output.progress import PlainProgress
from imagecli.pricing import estimate
from imagecli.pricing.budget import Budget
from imagecli.quoting import shell_quote
from imagecli.results import CommandResult, Cost, SkippedFile


def find_kept_files(purchase: ItemPlan, ledger: JournalState, standing: DiskState, folder: Path) -> list[SkippedFile]:
    """Those of a row, as far as they stand there."""
    found = []
    for plan in purchase.outputs:
        known = ledger.file_planned_at(plan)
        below = known[1].path if known else plan
        path, seen = folder / below, standing.stat(below)
        if seen and seen.bytes is None:
            continue  # a pipe, or a link that leads out of the folder
        with contextlib.suppress(OutputError):
            found.append(
                (_skipped_from_record(path, known[1]) if known else None) or inspect_skipped_file(path, (0, 0))[0]
            )
    return found


def _skipped_from_record(path: Path, record: FileRecord) -> SkippedFile | None:
    """*path* by its *record* and its headers; None where it is not of the recorded length.

    As for `judging`: of that length it is taken for what was saved, and not read whole.
    """
    try:
        seen = path.stat()
        if not (stat.S_ISREG(seen.st_mode) and seen.st_size == record.bytes > 0):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = identify_image(data)
    except (OSError, ValueError):
        return None
    return SkippedFile(
        path=path, bytes=record.bytes, format=found.format, size=found.size, sha256=record.sha256, before=(0, 0)
    )


MADE: Final = ("fitted", "converted")
"""Remarks on what every row of a kind has done to it: counted, and said together."""
MAX_REMARKS: Final = 1000


class BatchEventFilter:
    """Passes on what is not said yet."""

    def __init__(self, listener: PlainProgress) -> None:
        self._listener = listener
        self._said: dict[NoteEvent | WarningEvent, None] = {}
        self._spools: dict[int, Path] = {}
        self._sent: set[int] = set()
        self.made: Counter[str] = Counter()
        """How many files were made by changing what came."""

    def __call__(self, event: Event) -> None:
        match event:
            case SpoolOpened():
                self._spools[event.request] = event.folder
            case UploadProgress():
                self._sent.add(event.request)
            case RetryWait():
                # The server has answered that it made nothing; it is not under way until it is sent again.
                self._sent.discard(event.request)
            case NoteEvent() | WarningEvent():
                return self._emit_once(event)
        return self._listener(event)

    def _emit_once(self, event: NoteEvent | WarningEvent) -> None:
        if event.code in MADE:
            self.made[event.code] += 1
        elif event not in self._said:
            if len(self._said) < MAX_REMARKS:
                self._said[event] = None
            self._listener(event)

    def emit_conversions(self) -> None:
        """How many files are not what came, and where that is."""
        if many := self.made.total():
            files = "1 file was" if many == 1 else f"{many:,} files were"
            said = f"{files} cropped, resized or converted, without proof of origin; what came is in NAME.orig files"
            self(NoteEvent(code="made", message=said))

    @property
    def notes(self) -> tuple[NoteEvent | WarningEvent, ...]:
        return tuple(self._said)

    def end_call(self, request: int) -> None:
        """The request has ended."""
        self._sent.discard(request)
        self._spools.pop(request, None)

    @property
    def under_way(self) -> int:
        """Requests that were sent, and of which nothing is known."""
        return len(self._sent)

    @property
    def folders(self) -> list[Path]:
        """Where their answers are kept."""
        return sorted({folder for request, folder in self._spools.items() if request in self._sent})


class BatchReporter:
    """Counts and shows; keeps the numbers of the rows that failed, and nothing else of any."""

    def __init__(self, bench: BatchContext, tally: RunCounts, bulk: BatchOutput, budget: Budget) -> None:
        self.counts = tally
        self._bench, self._bulk, self._budget = bench, bulk, budget
        self._failed: set[int] = set()

    def add_pending(self, purchases: Sequence[ItemPlan], ledger: JournalState, prices: Mapping[str, Cost]) -> None:
        """Those of *purchases* that a provider's Batch API has, counted; an object of each for those who want one.

        *prices*: what they can cost, by their ids, as far as that is known.
        """
        for purchase in purchases:
            if (entry := ledger.last_entry(purchase.planned.id)) and entry.is_pending:
                self.counts.pending += 1
                if self._bench.display.json:
                    keys = item_keys(purchase.item, "submitted")
                    keys |= {"status": "submitted", "exit_code": EXIT_INCOMPLETE, "batch": entry.batch}
                    report = CommandResult(command="batch", cost=prices.get(entry.id, Cost()))
                    self._bulk.print_row(purchase.item.row, report, **keys)

    def set_budget(self, budget: Budget) -> None:
        """The requests are numbered anew."""
        self._budget = budget

    def add_kept(self, purchases: Sequence[ItemPlan], ledger: JournalState) -> None:
        """The rows of which nothing is bought, for those who want an object of each."""
        if self._bench.display.json:
            folder, standing = self._bench.manifest.folder, self._bench.standing()
            for purchase in purchases:
                if purchase.decision.kind == "done":
                    kept = find_kept_files(purchase, ledger, standing, folder)
                    report = CommandResult(command="batch", skipped=tuple(kept), cost=NO_COST)
                    self._bulk.print_row(purchase.item.row, report, **item_keys(purchase.item, "kept"))

    def add(self, ended: ItemResult) -> None:
        """One more."""
        self.counts.add(ended)
        item = ended.item.plan.item
        errors = [error for outcome in ended.results for error in outcome.errors]
        if ended.results:
            cost = replace(estimate_item_cost(ended.item, self._budget), actual_usd=ended.cost_usd)
            state = "failed" if errors else "bought"
            report = row_result(ended.results, cost)
            self._bulk.print_row(item.row, report, **item_keys(item, state))
            if not errors:
                self._bulk.note_made(report, self.counts.bought + self.counts.failed, self.counts.to_buy)
        if errors:
            self._failed.add(item.row)
            self._bulk.print_failure(f"{self._bench.manifest.name}:{item.line}", errors)

    def interruption_error(self, signal: BaseException, watch: BatchEventFilter) -> ImagecliError:
        """What to say to Ctrl-C or SIGTERM."""
        self.counts.signal_code = signal_exit_code(signal)
        words = f"interrupted: {self.counts.bought:,} of {self.counts.to_buy:,} saved"
        hint = "run the same command again: it goes on where this one stopped"
        if watch.under_way:
            many = "request" if watch.under_way == 1 else "requests"
            words += f"; {watch.under_way} {many} under way may be billed"
            kept = " and ".join(str(folder) for folder in watch.folders)
            hint += f", and saves first what came, kept in {kept}" if kept else ""
        return UnsavedError(words, hint=hint, code="interrupted")

    def print_summary(
        self,
        errors: Sequence[ImagecliError],
        watch: BatchEventFilter,
        *,
        cost: Cost | None = None,
        away: Cost | None = None,
        **more: Json,
    ) -> int:
        """The summary, and the exit code.

        *cost* is what all of it can cost where the budget is not of all of it, *away* what rows can that the Batch API
        has still; *more* are keys of the object.
        """
        self.counts.codes.update(error.exit_code for error in errors)
        failed = self._write_failed_manifest()
        tally = self.counts
        watch.emit_conversions()
        if overrun := self._budget.cap_passed_warning(tally.billed_usd, whole=not tally.unknown):
            watch(overrun)
        cost = cost or self._budget.cost()
        actual = None if away and not (tally.bought or tally.failed) else tally.actual_usd
        paid = Cost(low_usd=cost.low_usd, high_usd=cost.high_usd, actual_usd=actual, about=cost.about)
        self._bulk.print_summary(
            "; ".join((format_counts(tally, paid, away), *self._next_steps(failed, here=bool(away)))),
            errors,
            paid if tally.to_buy or away else NO_COST,
            watch.notes,
            status=tally.status,
            exit_code=tally.exit_code,
            summary={
                "rows": self._bench.row_count,
                "purchases": tally.total,
                "kept": tally.kept,
                "bought": tally.bought,
                "failed": tally.failed,
                "submitted": tally.pending,
                "not_sent": tally.unsent,
                "files": tally.files,
                "failed_manifest": str(failed.absolute()) if failed else None,
                **more,
            },
        )
        return tally.exit_code or self._bulk.exit_code

    def _next_steps(self, failed: Path | None, *, here: bool) -> Iterator[str]:
        """What to type next. *here*: this run's own Batch API has something."""
        if failed:
            typed = f"{shell_quote(failed)}{' --batch-api' * self._bench.batch_api}"
            yield f"imagecli batch {typed} runs the failed rows again"
        if here:
            yield "the same command fetches them"
        elif self.counts.pending and not self._bench.batch_api:
            yield "--batch-api fetches them"

    def _write_failed_manifest(self) -> Path | None:
        bench = self._bench
        if not self._failed and (bench.only or self.counts.unsent):
            return None
        return write_failed_manifest(bench.manifest, failed_manifest_path(bench.owner, bench.shard), self._failed)


def estimate_item_cost(order: WorkItem, budget: Budget) -> Cost:
    """What the requests of *order* can cost together."""
    price = estimate.total_estimate(budget.estimates[order.first : order.first + order.count])
    about = budget.describe_price(price)
    return Cost(low_usd=price.low_usd, high_usd=price.high_usd, about=about) if price else Cost(about=about)


def item_keys(item: ManifestItem, state: str) -> dict[str, Json]:
    """What an object of a row has besides."""
    return {"line": item.line, "state": state, "outputs": [*planned_outputs(item)]}


def planned_outputs(item: ManifestItem) -> list[str]:
    """The files that are planned, from the manifest's folder."""
    return [target.path for targets in item.pictures for target in targets]


NO_COST = Cost(low_usd=0.0, high_usd=0.0, actual_usd=0.0, about="nothing is bought")


def _price_words(cost: Cost | None) -> str:
    if cost is None or cost.is_free or cost.low_usd is None:
        return ""
    return f" for about {format_usd_range(cost.low_usd, cost.high_usd)}"


def format_counts(tally: RunCounts, cost: Cost, away: Cost | None = None) -> str:
    """`17 bought, 2 kept, 1 failed; cost: $0.53`. *away* is what the Batch API's rows can cost."""
    counts = [
        (tally.bought, "bought"),
        (tally.pending, "with the Batch API" + _price_words(away)),
        (tally.kept, "kept as they are"),
        (tally.failed, "failed"),
        # What was under way when a signal came is among them.
        (tally.unsent, "not ended" if tally.signal_code else "not sent"),
    ]
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "nothing to do"
    if cost.is_free or not (tally.bought or tally.failed):
        return said
    if tally.unknown:
        known = f"{format_usd(tally.billed_usd)}, and " * bool(tally.billed_usd)
        return f"{said}; cost: {known}not told of {tally.unknown:,}"
    return f"{said}; cost: {format_usd(tally.billed_usd)}"
