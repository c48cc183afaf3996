"""A run's view of the provider's Batch API: what is away, what is missing, and what was heard of its batches.

What the Batch API has of a manifest: the rows that are away, those that changed meanwhile too, and their prices.

Where batches are handed in and fetched, laid out for a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from imagecli.batch.api.discover import claim_found_batches, resolve_unanswered
from imagecli.batch.api.pending import PendingItem, find_pending_item, find_stray_items
from imagecli.batch.fingerprint import base_url_for_hash
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.work_item import ItemPlan, ItemResult
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.client.api_client import ApiClient
from imagecli.client.batch_api import BatchApiClient
from imagecli.client.download import ResultDownloader
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.reporter import BatchReporter, estimate_item_cost
from imagecli.commands.batch.run import build_work_items
from imagecli.config.settings import Settings
from imagecli.domain import Json
from imagecli.events import BatchApiProgress, EventHandler, NoteEvent
from imagecli.pipeline.build import build_downloader, server_of, timeouts_from_settings
from imagecli.plan import PlannedCall
from imagecli.pricing.budget import Budget
from imagecli.providers.batch_job import BatchJob
from imagecli.results import Cost

PricedCalls = list[tuple[PlannedCall, ModelRow]]
"""Requests, each with its model."""


def find_pending(
    bench: BatchContext, purchases: Sequence[ItemPlan], ledger: JournalState
) -> tuple[list[PendingItem], PricedCalls]:
    """The slips of all that this run is about, and their requests, numbered in that order."""
    slips: list[PendingItem] = []
    priced: PricedCalls = []
    for purchase in purchases:
        slip = find_pending_item(purchase, ledger, len(priced), bench.owner)
        if slip and _is_at_provider(slip.entry, bench):
            slips.append(slip)
            priced += [(request, purchase.item.model) for request in (slip.item.calls() if slip.item else ())]
    if not bench.only:
        # Rows that are gone were bought all the same: what comes of them is kept.
        known = {item.pictures[0][0].path for item in bench.manifest_items.items}
        slips += [slip for slip in find_stray_items(ledger, known, bench.owner) if is_own_pending(slip.entry, bench)]
    return slips, priced


def pending_budget(bench: BatchContext, priced: PricedCalls) -> Budget:
    """What they cost by the Batch API."""
    return Budget.build(priced, bench.settings_with_cap_share(), fixed=True, share=bench.price_share)


def is_own_pending(entry: JournalEntry, bench: BatchContext) -> bool:
    """Whether it is with the provider that this run asks, and no other shard's."""
    return _is_at_provider(entry, bench) and (bench.shard is None or bench.shard.contains(entry.id))


def _is_at_provider(entry: JournalEntry, bench: BatchContext) -> bool:
    """Whether it is with the provider that this run asks."""
    provider = bench.settings.provider
    asked = (provider.name, base_url_for_hash(bench.settings.base_url, provider), provider.embedded)
    return (entry.provider, entry.base_url, entry.sandbox) == asked


BATCH_SPEED: Final = 600.0
"""The sandbox's batch is waited for in front of the screen: ten minutes of its clock are a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchApiServices:
    """Where batches are handed in and fetched."""

    client: BatchApiClient
    downloader: ResultDownloader
    base_url: str


def open_batch_api_services(settings: Settings, catalog: Catalog, stack: ExitStack) -> BatchApiServices:
    """The counter of the settings' provider, which has a Batch API. One that is embedded ends with *stack*."""
    assert settings.provider.batch is not None
    server = server_of(settings, catalog, stack, speed=BATCH_SPEED)
    calls = ApiClient(
        base_url=server.base_url,
        key=server.key,
        auth=server.auth,
        headers=settings.headers,
        query=settings.query,
        timeouts=timeouts_from_settings(settings),
        max_retries=settings.max_retries,
        max_wait=settings.max_wait,
        direct=settings.provider.embedded,
    )
    client = BatchApiClient(calls, settings.provider.batch)
    return BatchApiServices(client=client, downloader=build_downloader(settings), base_url=server.base_url)


def needs_batch_api(bench: BatchContext, purchases: Sequence[ItemPlan], ledger: JournalState) -> bool:
    """Whether there is anything to ask or to hand in."""
    return any(purchase.decision.buy for purchase in purchases) or bool(find_pending(bench, purchases, ledger)[0])


def open_batch_api_run(
    bench: BatchContext,
    ledger: JournalState,
    journal: JournalWriter,
    ends: BatchReporter,
    on_event: EventHandler,
    name: str,
    stack: ExitStack,
) -> BatchApiRun:
    """The office, once it is known what the provider has. *name* is the run's.

    Raises AuthenticationError and OutputError before anything is sent, and what finding that out meets.
    """
    if bench.settings.no_key:
        raise bench.settings.no_key
    journal.open()
    counter = open_batch_api_services(bench.settings, bench.catalog, stack)
    unknown = [entry for entry in ledger.pending() if entry.state == "sent" and is_own_pending(entry, bench)]
    resolve_unanswered(counter.client, unknown, journal, on_event)
    office = BatchApiRun(
        context=bench, ledger=ledger, journal=journal, reporter=ends, on_event=on_event, services=counter, name=name
    )
    office.refresh()
    orders, _ = build_work_items(bench, office.missing)
    if orders and claim_found_batches(counter.client, orders, bench.manifest.digest, ledger, journal, on_event):
        office.refresh()
    return office


@dataclass(slots=True, kw_only=True)
class BatchApiRun:
    """Changes as the run goes on."""

    context: BatchContext
    ledger: JournalState
    journal: JournalWriter
    reporter: BatchReporter
    on_event: EventHandler
    services: BatchApiServices
    name: str
    plans: list[ItemPlan] = field(default_factory=list)
    pending_items: list[PendingItem] = field(default_factory=list)
    """What is away."""
    budget: Budget = field(init=False)
    """Prices of what is away."""
    done: set[str] = field(default_factory=set)
    """Batches of which all was fetched that could be."""
    batch_jobs: dict[str, BatchJob] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    """The purchases that have ended in this run: they are not handed in again by it."""
    _priced: dict[str, PricedCalls] = field(default_factory=dict)
    """The requests of every row that was away in this run."""

    def refresh(self) -> None:
        """What becomes of every row now, by the journal and the disk."""
        self.plans = self.context.plan_items(self.ledger)
        slips, priced = find_pending(self.context, self.plans, self.ledger)
        self.pending_items = [slip for slip in slips if slip.entry.batch not in self.done]
        for slip in self.pending_items:
            if order := slip.item:
                self._priced[slip.entry.id] = priced[order.first : order.first + order.count]
        self.budget = pending_budget(self.context, priced)
        self.reporter.set_budget(self.budget)
        self.show_progress()

    @property
    def missing(self) -> list[ItemPlan]:
        """What is to be handed in, and has not failed in this run."""
        return [one for one in self.plans if one.decision.buy and not self._is_pending(one) and self._is_open(one)]

    @property
    def pending(self) -> list[ItemPlan]:
        """What the provider has of the rows that this run is about."""
        return [one for one in self.plans if self._is_pending(one) and self._is_open(one)]

    def _is_open(self, purchase: ItemPlan) -> bool:
        return purchase.planned.id not in self._over

    def _is_pending(self, purchase: ItemPlan) -> bool:
        last = self.ledger.last_entry(purchase.planned.id)
        return last is not None and last.is_pending

    def pending_by_batch(self) -> dict[str, list[PendingItem]]:
        """What is away, by its batch."""
        found: dict[str, list[PendingItem]] = {}
        for slip in self.pending_items:
            found.setdefault(slip.entry.batch or "", []).append(slip)
        return found

    def update_batch(self, job: BatchJob) -> None:
        """Says how a batch stands, where that is another state than the last that was said."""
        before = self.batch_jobs.get(job.id)
        self.batch_jobs[job.id] = job
        if before is None or before.status != job.status:
            self.on_event(NoteEvent(code="batch", message=_describe_batch(job)))

    def add_batch(self, job: BatchJob, requests: int) -> None:
        """Says that a batch was made."""
        self.batch_jobs[job.id] = job
        many = "1 request" if requests == 1 else f"{requests:,} requests"
        self.on_event(NoteEvent(code="batch", message=f"{job.id}: {many} handed in"))

    def add_result(self, ended: ItemResult) -> None:
        """A row has, and is told."""
        self._over.add(ended.item.plan.planned.id)
        self._update_counts()
        self.reporter.add(ended)
        self.show_progress()

    def show_progress(self) -> None:
        """How far it is, to whoever listens."""
        self._update_counts()
        self.on_event(self.reporter.counts.progress)
        there = [self.batch_jobs[batch] for batch in self.pending_by_batch() if batch in self.batch_jobs]
        answered, total = sum(job.completed + job.failed for job in there), sum(job.total for job in there)
        self.on_event(BatchApiProgress(batches=len(there), answered=answered, total=total))

    def _update_counts(self) -> None:
        ended = len(self._over)
        left = sum(1 for slip in self.pending_items if slip.item and slip.entry.id not in self._over)
        self.reporter.counts.to_buy = ended + left

    def close(self) -> None:
        """Counts and tells what the run leaves behind."""
        tally = self.reporter.counts
        tally.missing = len(self.missing)
        tally.to_buy = len(self._over) + tally.missing
        prices = {slip.entry.id: estimate_item_cost(slip.item, self.budget) for slip in self.pending_items if slip.item}
        self.reporter.add_pending(self.pending, self.ledger, prices)

    def cost(self) -> Cost:
        """What all rows that were away in this run can cost."""
        return pending_budget(self.context, [pair for priced in self._priced.values() for pair in priced]).cost()

    def batch_states(self) -> list[Json]:
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
            for job in self.batch_jobs.values()
        ]


def _describe_batch(job: BatchJob) -> str:
    """`batch_1: in progress, 3 of 20 answered, 1 failed`."""
    said = f"{job.id}: {job.status.replace('_', ' ')}"
    if job.total:
        said += f", {job.completed + job.failed:,} of {job.total:,} answered"
    return said + (f", {job.failed:,} failed" if job.failed else "")
