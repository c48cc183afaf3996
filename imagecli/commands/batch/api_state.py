"""A run's view of the provider's Batch API: what is away, what is missing, and what was heard of its batches.

What the Batch API has of a manifest: the rows that are away, those that changed meanwhile too, and their prices.

Where batches are handed in and fetched, laid out for a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from imagecli.batch.api.discover import claim, resolve
from imagecli.batch.api.pending import Slip, slip_of, strays
from imagecli.batch.fingerprint import place
from imagecli.batch.journal.entry import Entry
from imagecli.batch.journal.state import Ledger
from imagecli.batch.journal.writer import Journal
from imagecli.batch.work_item import Ended, Purchase
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.client.api_client import Calls
from imagecli.client.batch_api import Jobs
from imagecli.client.download import Results
from imagecli.commands.batch.context import Bench
from imagecli.commands.batch.reporter import Ends, cost_of
from imagecli.commands.batch.run import orders_of
from imagecli.config.settings import Settings
from imagecli.domain import Json
from imagecli.events import Awaited, Listen, Noted
from imagecli.pipeline.build import results_of, server_of, timeouts_of
from imagecli.plan import Request
from imagecli.pricing.budget import Budget
from imagecli.providers.batch_job import Job
from imagecli.results import Cost

Priced = list[tuple[Request, ModelRow]]
"""Requests, each with its model."""


def away(bench: Bench, purchases: Sequence[Purchase], ledger: Ledger) -> tuple[list[Slip], Priced]:
    """The slips of all that this run is about, and their requests, numbered in that order."""
    slips: list[Slip] = []
    priced: Priced = []
    for purchase in purchases:
        slip = slip_of(purchase, ledger, len(priced), bench.owner)
        if slip and _is_here(slip.entry, bench):
            slips.append(slip)
            priced += [(request, purchase.item.model) for request in (slip.order.requests() if slip.order else ())]
    if not bench.only:
        # Rows that are gone were bought all the same: what comes of them is kept.
        known = {item.pictures[0][0].path for item in bench.assets.items}
        slips += [slip for slip in strays(ledger, known, bench.owner) if is_mine(slip.entry, bench)]
    return slips, priced


def budget_of(bench: Bench, priced: Priced) -> Budget:
    """What they cost by the Batch API."""
    return Budget.of(priced, bench.cap(), fixed=True, share=bench.share)


def is_mine(entry: Entry, bench: Bench) -> bool:
    """Whether it is with the provider that this run asks, and no other shard's."""
    return _is_here(entry, bench) and (bench.shard is None or bench.shard.has(entry.id))


def _is_here(entry: Entry, bench: Bench) -> bool:
    """Whether it is with the provider that this run asks."""
    provider = bench.settings.provider
    asked = (provider.name, place(bench.settings.base_url, provider), provider.embedded)
    return (entry.provider, entry.base_url, entry.sandbox) == asked


BATCH_SPEED: Final = 600.0
"""The sandbox's batch is waited for in front of the screen: ten minutes of its clock are a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Where batches are handed in and fetched."""

    client: Jobs
    results: Results
    base_url: str


def lay_out_counter(settings: Settings, catalog: Catalog, stack: ExitStack) -> Counter:
    """The counter of the settings' provider, which has a Batch API. One that is embedded ends with *stack*."""
    assert settings.provider.batch is not None
    server = server_of(settings, catalog, stack, speed=BATCH_SPEED)
    calls = Calls(
        base_url=server.base_url,
        key=server.key,
        auth=server.auth,
        headers=settings.headers,
        query=settings.query,
        timeouts=timeouts_of(settings),
        max_retries=settings.max_retries,
        max_wait=settings.max_wait,
        direct=settings.provider.embedded,
    )
    client = Jobs(calls, settings.provider.batch)
    return Counter(client=client, results=results_of(settings), base_url=server.base_url)


def is_needed(bench: Bench, purchases: Sequence[Purchase], ledger: Ledger) -> bool:
    """Whether there is anything to ask or to hand in."""
    return any(purchase.decision.buy for purchase in purchases) or bool(away(bench, purchases, ledger)[0])


def open_office(
    bench: Bench, ledger: Ledger, journal: Journal, ends: Ends, listen: Listen, name: str, stack: ExitStack
) -> Office:
    """The office, once it is known what the provider has. *name* is the run's.

    Raises AuthenticationError and OutputError before anything is sent, and what finding that out meets.
    """
    if bench.settings.no_key:
        raise bench.settings.no_key
    journal.open()
    counter = lay_out_counter(bench.settings, bench.catalog, stack)
    bench.env.begun()
    unknown = [entry for entry in ledger.away() if entry.state == "sent" and is_mine(entry, bench)]
    resolve(counter.client, unknown, journal, listen)
    office = Office(bench=bench, ledger=ledger, journal=journal, ends=ends, listen=listen, counter=counter, name=name)
    office.look_again()
    orders, _ = orders_of(bench, office.missing)
    if orders and claim(counter.client, orders, bench.manifest.digest, ledger, journal, listen):
        office.look_again()
    return office


@dataclass(slots=True, kw_only=True)
class Office:
    """Changes as the run goes on."""

    bench: Bench
    ledger: Ledger
    journal: Journal
    ends: Ends
    listen: Listen
    counter: Counter
    name: str
    purchases: list[Purchase] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    """What is away."""
    budget: Budget = field(init=False)
    """Prices of what is away."""
    done: set[str] = field(default_factory=set)
    """Batches of which all was fetched that could be."""
    jobs: dict[str, Job] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    """The purchases that have ended in this run: they are not handed in again by it."""
    _priced: dict[str, Priced] = field(default_factory=dict)
    """The requests of every row that was away in this run."""

    def look_again(self) -> None:
        """What becomes of every row now, by the journal and the disk."""
        self.purchases = self.bench.purchases(self.ledger)
        slips, priced = away(self.bench, self.purchases, self.ledger)
        self.slips = [slip for slip in slips if slip.entry.batch not in self.done]
        for slip in self.slips:
            if order := slip.order:
                self._priced[slip.entry.id] = priced[order.first : order.first + order.count]
        self.budget = budget_of(self.bench, priced)
        self.ends.reprice(self.budget)
        self.show_progress()

    @property
    def missing(self) -> list[Purchase]:
        """What is to be handed in, and has not failed in this run."""
        return [one for one in self.purchases if one.decision.buy and not self._is_away(one) and self._is_open(one)]

    @property
    def away(self) -> list[Purchase]:
        """What the provider has of the rows that this run is about."""
        return [one for one in self.purchases if self._is_away(one) and self._is_open(one)]

    def _is_open(self, purchase: Purchase) -> bool:
        return purchase.wanted.id not in self._over

    def _is_away(self, purchase: Purchase) -> bool:
        last = self.ledger.last(purchase.wanted.id)
        return last is not None and last.is_away

    def batches(self) -> dict[str, list[Slip]]:
        """What is away, by its batch."""
        found: dict[str, list[Slip]] = {}
        for slip in self.slips:
            found.setdefault(slip.entry.batch or "", []).append(slip)
        return found

    def hear(self, job: Job) -> None:
        """Says how a batch stands, where that is another state than the last that was said."""
        before = self.jobs.get(job.id)
        self.jobs[job.id] = job
        if before is None or before.status != job.status:
            self.listen(Noted(code="batch", message=_state(job)))

    def handed(self, job: Job, requests: int) -> None:
        """Says that a batch was made."""
        self.jobs[job.id] = job
        many = "1 request" if requests == 1 else f"{requests:,} requests"
        self.listen(Noted(code="batch", message=f"{job.id}: {many} handed in"))

    def ended(self, ended: Ended) -> None:
        """A row has, and is told."""
        self._over.add(ended.order.purchase.wanted.id)
        self._count()
        self.ends.ended(ended)
        self.show_progress()

    def show_progress(self) -> None:
        """How far it is, to whoever listens."""
        self._count()
        self.listen(self.ends.tally.progress)
        there = [self.jobs[batch] for batch in self.batches() if batch in self.jobs]
        answered, total = sum(job.completed + job.failed for job in there), sum(job.total for job in there)
        self.listen(Awaited(batches=len(there), answered=answered, total=total))

    def _count(self) -> None:
        ended = len(self._over)
        left = sum(1 for slip in self.slips if slip.order and slip.entry.id not in self._over)
        self.ends.tally.to_buy = ended + left

    def close(self) -> None:
        """Counts and tells what the run leaves behind."""
        tally = self.ends.tally
        tally.gaps = len(self.missing)
        tally.to_buy = len(self._over) + tally.gaps
        prices = {slip.entry.id: cost_of(slip.order, self.budget) for slip in self.slips if slip.order}
        self.ends.away(self.away, self.ledger, prices)

    def cost(self) -> Cost:
        """What all rows that were away in this run can cost."""
        return budget_of(self.bench, [pair for priced in self._priced.values() for pair in priced]).cost()

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
            for job in self.jobs.values()
        ]


def _state(job: Job) -> str:
    """`batch_1: in progress, 3 of 20 answered, 1 failed`."""
    said = f"{job.id}: {job.status.replace('_', ' ')}"
    if job.total:
        said += f", {job.completed + job.failed:,} of {job.total:,} answered"
    return said + (f", {job.failed:,} failed" if job.failed else "")
