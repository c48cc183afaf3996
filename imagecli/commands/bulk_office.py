"""A run's dealings with the provider's Batch API: what is away is asked for and fetched, what is missing handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from imagecli.batch.jobs.collecting import Collector
from imagecli.batch.jobs.finding import claim, resolve
from imagecli.batch.jobs.handing import Handed, Hander
from imagecli.batch.jobs.inputs import SentInputs
from imagecli.batch.jobs.slips import Slip
from imagecli.batch.ledger import Ledger
from imagecli.batch.order import Ended
from imagecli.batch.purchase import Purchase
from imagecli.batch.writing import Journal
from imagecli.commands.bench import Bench
from imagecli.commands.bulk import errand_of, orders_of, settling_of
from imagecli.commands.bulk_away import away, is_away
from imagecli.commands.bulk_checks import Shelf, check_all
from imagecli.commands.bulk_ends import Ends
from imagecli.commands.counter import Counter, lay_out_counter
from imagecli.commands.tools import run_id
from imagecli.domain import Json
from imagecli.errors import AuthenticationError, ImagecliError, UnsavedError
from imagecli.events import Awaited, Listen, Noted
from imagecli.outcome import Cost
from imagecli.providers.job import Job
from imagecli.spending.budget import Budget


def is_needed(bench: Bench, purchases: Sequence[Purchase], ledger: Ledger) -> bool:
    """Whether there is anything to ask or to hand in."""
    return any(purchase.decision.buy for purchase in purchases) or is_away(bench, purchases, ledger)


def open_office(
    bench: Bench,
    purchases: Sequence[Purchase],
    ledger: Ledger,
    journal: Journal,
    ends: Ends,
    listen: Listen,
    stack: ExitStack,
) -> Office:
    """The office, once it is known what the provider has.

    Raises AuthenticationError and OutputError, and what finding that out meets.
    """
    if bench.settings.no_key:
        raise bench.settings.no_key
    journal.open()
    for purchase in purchases:
        for entry in purchase.decision.entries:
            journal.write(entry)
    counter = lay_out_counter(bench.settings, bench.catalog, stack)
    bench.env.begun()
    resolve(counter.client, ledger, journal, listen)
    office = Office(bench=bench, ledger=ledger, journal=journal, ends=ends, listen=listen, counter=counter)
    office.look_again()
    orders, _ = orders_of(bench, office.purchases)
    if orders and claim(counter.client, orders, bench.manifest.digest, ledger, journal, listen):
        office.look_again()
    return office


@dataclass(slots=True, kw_only=True)
class Office:
    """Changes as the run goes on: what is away, and what has come back."""

    bench: Bench
    ledger: Ledger
    journal: Journal
    ends: Ends
    listen: Listen
    counter: Counter
    purchases: list[Purchase] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    """What is away."""
    handed: Cost | None = None
    """What rows that were handed in now can cost."""
    budget: Budget = field(init=False)
    """Prices of what is away."""
    _jobs: dict[str, Job] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    """The purchases that have ended in this run: they are not handed in again by it."""

    def look_again(self) -> None:
        """What becomes of every row now, by the journal and the disk."""
        self.purchases = self.bench.purchases(self.ledger)
        slips, self.budget = away(self.bench, self.purchases, self.ledger)
        self.slips = [slip for slip in slips if slip.entry.id not in self._over]
        self.ends.reprice(self.budget)

    def called_back(self) -> list[ImagecliError]:
        """Cancels every batch that is away; what was made until then still comes."""
        return self._for_each(lambda batch, slips: self._heard_of(self.counter.client.cancel(batch, self.listen)))

    def fetched(self) -> list[ImagecliError]:
        """Asks for every batch that is away, and saves what those have brought that have ended."""
        before = len(self._over)
        errors = self._for_each(self._fetch)
        if len(self._over) > before:
            self.look_again()
        jobs = [self._jobs[batch] for batch in self._batches() if batch in self._jobs]
        answered, total = sum(job.completed + job.failed for job in jobs), sum(job.total for job in jobs)
        self.listen(Awaited(batches=len(jobs), answered=answered, total=total))
        return errors

    def handed_in(self) -> list[ImagecliError]:
        """Hands in what is missing and has not failed in this run. Raises InputImageError, OutputError."""
        wanted = [purchase for purchase in self.purchases if purchase.wanted.id not in self._over]
        orders, budget = orders_of(self.bench, wanted)
        if not orders:
            return []
        if refusal := budget.refusal():
            return [refusal]
        check_all(orders, self.listen, make=True)
        shelf = Shelf()
        hander = Hander(
            client=self.counter.client,
            provider=self.bench.settings.provider,
            inputs=SentInputs(self.counter.client, lambda purchase: shelf.of(purchase.item.model)),
            journal=self.journal,
            manifest=self.bench.owner,
            digest=self.bench.manifest.digest,
            folder=self.bench.settings.state_dir / "batches",
        )
        errors: list[ImagecliError] = []

        def handed(one: Handed) -> None:
            if one.job:
                self._heard_of(one.job)
            if one.error:
                errors.append(one.error)

        try:
            hander.hand_in(orders, self.listen, handed)
        except ImagecliError as error:
            errors.append(error)
        self.handed = budget.cost()
        self.look_again()
        return errors

    def states(self) -> list[Json]:
        """What is known of every batch of this run, as `--json` has it."""
        return [
            {
                "id": job.id,
                "status": job.status,
                "total": job.total,
                "completed": job.completed,
                "failed": job.failed,
                "expires_at": job.expires_at,
            }
            for job in self._jobs.values()
        ]

    def _batches(self) -> dict[str, list[Slip]]:
        """What is away, by its batch."""
        found: dict[str, list[Slip]] = {}
        for slip in self.slips:
            found.setdefault(slip.entry.batch or "", []).append(slip)
        return found

    def _for_each(self, act: Callable[[str, list[Slip]], None]) -> list[ImagecliError]:
        """Does *act* for every batch that is away. One batch's trouble is not the others', unless the key is."""
        errors: list[ImagecliError] = []
        for batch, slips in self._batches().items():
            try:
                act(batch, slips)
            except ImagecliError as error:
                errors.append(error)
                if isinstance(error, AuthenticationError):
                    break
        return errors

    def _fetch(self, batch: str, slips: list[Slip]) -> None:
        collector = self._collector()
        try:
            job = self.counter.client.job(batch, self.listen)
        except ImagecliError as error:
            if error.code != "not_found":
                raise
            gone = UnsavedError(
                f"{batch} is not known there (any more): {error.message}",
                hint="it may have been billed; the same command hands its rows in again",
                code="batch_gone",
            )
            collector.give_up(slips, gone, self.listen, self._ended)
            return
        self._heard_of(job)
        if job.ended:
            collector.collect(job, slips, self.listen, self._ended)
            self._over.update(slip.entry.id for slip in slips)

    def _collector(self) -> Collector:
        settings = self.bench.settings
        errand = replace(errand_of(self.bench, run_id(self.bench.env)), base_url=self.counter.base_url)
        return Collector(
            client=self.counter.client,
            settling=settling_of(self.bench, self.budget, self.journal),
            results=self.counter.results,
            errand=errand,
            state_dir=settings.state_dir,
        )

    def _ended(self, ended: Ended) -> None:
        self._over.add(ended.order.purchase.wanted.id)
        self.ends.ended(ended)
        tally = self.ends.tally
        tally.to_buy = tally.bought + tally.failed + sum(slip.entry.id not in self._over for slip in self.slips)
        self.listen(tally.progress)

    def _heard_of(self, job: Job) -> None:
        """Says how a batch stands, where that is another state than the last that was said."""
        before = self._jobs.get(job.id)
        self._jobs[job.id] = job
        if before is None or before.status != job.status:
            self.listen(Noted(code="batch", message=_state(job)))


def _state(job: Job) -> str:
    """`batch_1: in progress, 3 of 20 answered, 1 failed`."""
    said = f"{job.id}: {job.status.replace('_', ' ')}"
    if job.total:
        said += f", {job.completed + job.failed:,} of {job.total:,} answered"
    return said + (f", {job.failed:,} failed" if job.failed else "")
