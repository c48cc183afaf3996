"""What becomes of rows, told as it does: to the tally, to stdout, and at the end to whoever asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imagecli import pricing
from imagecli.batch.failed import failed_path, write_failed
from imagecli.batch.ledger import Ledger
from imagecli.batch.manifest.item import Item
from imagecli.batch.order import Ended, Order
from imagecli.batch.purchase import Purchase
from imagecli.batch.tally import Tally
from imagecli.commands.bench import Bench
from imagecli.commands.bulk_kept import kept_files
from imagecli.commands.bulk_watch import BulkWatch
from imagecli.domain import Json
from imagecli.errors import EXIT_INCOMPLETE, ImagecliError, UnsavedError, signal_code
from imagecli.money import between, dollars
from imagecli.outcome import Cost, Report
from imagecli.quoting import quoted
from imagecli.report.bulk import Bulk, of_row
from imagecli.spending.budget import Budget


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
    price = pricing.total(budget.estimates[order.first : order.first + order.count])
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
