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

from imagecli.batch.counts import Tally
from imagecli.batch.failed_manifest import failed_path, write_failed
from imagecli.batch.file_state import Standing
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.journal.state import Ledger
from imagecli.batch.manifest.item import Item
from imagecli.batch.work_item import Ended, Order, Purchase
from imagecli.commands.batch.context import Bench
from imagecli.commands.image.plan import described
from imagecli.domain import Json
from imagecli.errors import EXIT_INCOMPLETE, ImagecliError, OutputError, UnsavedError, signal_code
from imagecli.events import Event, Noted, Sent, Spooled, Waiting, Warned
from imagecli.images.identify import identify
from imagecli.money import between, dollars
from imagecli.output.batch import Bulk, of_row
from imagecli.output.progress import Plain
from imagecli.pricing import estimate
from imagecli.pricing.budget import Budget
from imagecli.quoting import quoted
from imagecli.results import Cost, Kept, Report


def kept_files(purchase: Purchase, ledger: Ledger, standing: Standing, folder: Path) -> list[Kept]:
    """Those of a row, as far as they stand there."""
    found = []
    for plan in purchase.outputs:
        known = ledger.planned(plan)
        below = known[1].path if known else plan
        path, seen = folder / below, standing.look(below)
        if seen and seen.bytes is None:
            continue  # a pipe, or a link that leads out of the folder
        with contextlib.suppress(OutputError):
            found.append((_as_recorded(path, known[1]) if known else None) or described(path, (0, 0))[0])
    return found


def _as_recorded(path: Path, record: FileRecord) -> Kept | None:
    """*path* by its *record* and its headers; None where it is not of the recorded length.

    As for `judging`: of that length it is taken for what was saved, and not read whole.
    """
    try:
        seen = path.stat()
        if not (stat.S_ISREG(seen.st_mode) and seen.st_size == record.bytes > 0):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = identify(data)
    except (OSError, ValueError):
        return None
    return Kept(
        path=path, bytes=record.bytes, format=found.format, size=found.size, sha256=record.sha256, before=(0, 0)
    )


MADE: Final = ("fitted", "converted")
"""Remarks on what every row of a kind has done to it: counted, and said together."""
MAX_REMARKS: Final = 1000


class BulkWatch:
    """Passes on what is not said yet."""

    def __init__(self, listener: Plain) -> None:
        self._listener = listener
        self._said: dict[Noted | Warned, None] = {}
        self._spools: dict[int, Path] = {}
        self._sent: set[int] = set()
        self.made: Counter[str] = Counter()
        """How many files were made by changing what came."""

    def __call__(self, event: Event) -> None:
        match event:
            case Spooled():
                self._spools[event.request] = event.folder
            case Sent():
                self._sent.add(event.request)
            case Waiting():
                # The server has answered that it made nothing; it is not under way until it is sent again.
                self._sent.discard(event.request)
            case Noted() | Warned():
                return self._remark(event)
        return self._listener(event)

    def _remark(self, event: Noted | Warned) -> None:
        if event.code in MADE:
            self.made[event.code] += 1
        elif event not in self._said:
            if len(self._said) < MAX_REMARKS:
                self._said[event] = None
            self._listener(event)

    def say_made(self) -> None:
        """How many files are not what came, and where that is."""
        if many := self.made.total():
            files = "1 file was" if many == 1 else f"{many:,} files were"
            said = f"{files} cropped, resized or converted, without proof of origin; what came is in NAME.orig files"
            self(Noted(code="made", message=said))

    @property
    def remarks(self) -> tuple[Noted | Warned, ...]:
        return tuple(self._said)

    def over(self, request: int) -> None:
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


class Ends:
    """Counts and shows; keeps the numbers of the rows that failed, and nothing else of any."""

    def __init__(self, bench: Bench, tally: Tally, bulk: Bulk, budget: Budget) -> None:
        self.tally = tally
        self._bench, self._bulk, self._budget = bench, bulk, budget
        self._failed: set[int] = set()

    def away(self, purchases: Sequence[Purchase], ledger: Ledger, prices: Mapping[str, Cost]) -> None:
        """Those of *purchases* that a provider's Batch API has, counted; an object of each for those who want one.

        *prices*: what they can cost, by their ids, as far as that is known.
        """
        for purchase in purchases:
            if (entry := ledger.last(purchase.wanted.id)) and entry.is_away:
                self.tally.away += 1
                if self._bench.style.json:
                    keys = keys_of(purchase.item, "submitted")
                    keys |= {"status": "submitted", "exit_code": EXIT_INCOMPLETE, "batch": entry.batch}
                    report = Report(command="batch", cost=prices.get(entry.id, Cost()))
                    self._bulk.row(purchase.item.row, report, **keys)

    def reprice(self, budget: Budget) -> None:
        """The requests are numbered anew."""
        self._budget = budget

    def kept(self, purchases: Sequence[Purchase], ledger: Ledger) -> None:
        """The rows of which nothing is bought, for those who want an object of each."""
        if self._bench.style.json:
            folder, standing = self._bench.manifest.folder, self._bench.standing()
            for purchase in purchases:
                if purchase.decision.kind == "done":
                    kept = kept_files(purchase, ledger, standing, folder)
                    report = Report(command="batch", kept=tuple(kept), cost=NOTHING)
                    self._bulk.row(purchase.item.row, report, **keys_of(purchase.item, "kept"))

    def ended(self, ended: Ended) -> None:
        """One more."""
        self.tally.count(ended)
        item = ended.order.purchase.item
        errors = [error for outcome in ended.outcomes for error in outcome.errors]
        if ended.outcomes:
            cost = replace(cost_of(ended.order, self._budget), actual_usd=ended.cost_usd)
            state = "failed" if errors else "bought"
            report = of_row(ended.outcomes, cost)
            self._bulk.row(item.row, report, **keys_of(item, state))
            if not errors:
                self._bulk.made(report, self.tally.bought + self.tally.failed, self.tally.to_buy)
        if errors:
            self._failed.add(item.row)
            self._bulk.failed(f"{self._bench.manifest.name}:{item.line}", errors)

    def interrupted(self, signal: BaseException, watch: BulkWatch) -> ImagecliError:
        """What to say to Ctrl-C or SIGTERM."""
        self.tally.signal_code = signal_code(signal)
        words = f"interrupted: {self.tally.bought:,} of {self.tally.to_buy:,} saved"
        hint = "run the same command again: it goes on where this one stopped"
        if watch.under_way:
            many = "request" if watch.under_way == 1 else "requests"
            words += f"; {watch.under_way} {many} under way may be billed"
            kept = " and ".join(str(folder) for folder in watch.folders)
            hint += f", and saves first what came, kept in {kept}" if kept else ""
        return UnsavedError(words, hint=hint, code="interrupted")

    def shown(
        self,
        errors: Sequence[ImagecliError],
        watch: BulkWatch,
        *,
        cost: Cost | None = None,
        away: Cost | None = None,
        **more: Json,
    ) -> int:
        """The summary, and the exit code.

        *cost* is what all of it can cost where the budget is not of all of it, *away* what rows can that the Batch API
        has still; *more* are keys of the object.
        """
        self.tally.codes.update(error.exit_code for error in errors)
        failed = self._failed_manifest()
        tally = self.tally
        watch.say_made()
        if overrun := self._budget.passed(tally.billed_usd, whole=not tally.unknown):
            watch(overrun)
        cost = cost or self._budget.cost()
        actual = None if away and not (tally.bought or tally.failed) else tally.actual_usd
        paid = Cost(low_usd=cost.low_usd, high_usd=cost.high_usd, actual_usd=actual, about=cost.about)
        self._bulk.summary(
            "; ".join((sentence(tally, paid, away), *self._ways_on(failed, here=bool(away)))),
            errors,
            paid if tally.to_buy or away else NOTHING,
            watch.remarks,
            status=tally.status,
            exit_code=tally.exit_code,
            summary={
                "rows": self._bench.rows,
                "purchases": tally.total,
                "kept": tally.kept,
                "bought": tally.bought,
                "failed": tally.failed,
                "submitted": tally.away,
                "not_sent": tally.unsent,
                "files": tally.files,
                "failed_manifest": str(failed.absolute()) if failed else None,
                **more,
            },
        )
        return tally.exit_code or self._bulk.exit_code

    def _ways_on(self, failed: Path | None, *, here: bool) -> Iterator[str]:
        """What to type next. *here*: this run's own Batch API has something."""
        if failed:
            typed = f"{quoted(failed)}{' --batch-api' * self._bench.batch_api}"
            yield f"imagecli batch {typed} runs the failed rows again"
        if here:
            yield "the same command fetches them"
        elif self.tally.away and not self._bench.batch_api:
            yield "--batch-api fetches them"

    def _failed_manifest(self) -> Path | None:
        bench = self._bench
        if not self._failed and (bench.only or self.tally.unsent):
            return None
        return write_failed(bench.manifest, failed_path(bench.owner, bench.shard), self._failed)


def cost_of(order: Order, budget: Budget) -> Cost:
    """What the requests of *order* can cost together."""
    price = estimate.total(budget.estimates[order.first : order.first + order.count])
    about = budget.about(price)
    return Cost(low_usd=price.low_usd, high_usd=price.high_usd, about=about) if price else Cost(about=about)


def keys_of(item: Item, state: str) -> dict[str, Json]:
    """What an object of a row has besides."""
    return {"line": item.line, "state": state, "outputs": [*outputs_of(item)]}


def outputs_of(item: Item) -> list[str]:
    """The files that are planned, from the manifest's folder."""
    return [target.path for targets in item.pictures for target in targets]


NOTHING = Cost(low_usd=0.0, high_usd=0.0, actual_usd=0.0, about="nothing is bought")


def _for(cost: Cost | None) -> str:
    if cost is None or cost.is_free or cost.low_usd is None:
        return ""
    return f" for about {between(cost.low_usd, cost.high_usd)}"


def sentence(tally: Tally, cost: Cost, away: Cost | None = None) -> str:
    """`17 bought, 2 kept, 1 failed; cost: $0.53`. *away* is what the Batch API's rows can cost."""
    counts = [
        (tally.bought, "bought"),
        (tally.away, "with the Batch API" + _for(away)),
        (tally.kept, "kept as they are"),
        (tally.failed, "failed"),
        # What was under way when a signal came is among them.
        (tally.unsent, "not ended" if tally.signal_code else "not sent"),
    ]
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "nothing to do"
    if cost.is_free or not (tally.bought or tally.failed):
        return said
    if tally.unknown:
        known = f"{dollars(tally.billed_usd)}, and " * bool(tally.billed_usd)
        return f"{said}; cost: {known}not told of {tally.unknown:,}"
    return f"{said}; cost: {dollars(tally.billed_usd)}"
