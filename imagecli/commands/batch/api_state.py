"""A run that uses the provider's Batch API: what is pending there, what is missing, and the state of its batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from imagecli.batch.api.discover import claim_found_batches
from imagecli.batch.api.duplicates import DuplicateFinder, resolve_unanswered
from imagecli.batch.api.pending_items import PendingItem, build_pending_item, find_stray_items
from imagecli.batch.item_plan import ItemPlan, ItemResult, estimate_item_cost
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.request_hash import base_url_for_journal, is_same_address
from imagecli.catalog.model import ModelRow
from imagecli.client.batch_api import BatchApiClient
from imagecli.client.download import ResultDownloader
from imagecli.client.file_and_batch_requests import ApiClient
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.open_run import BatchRun, build_budget, is_pending, number_calls
from imagecli.commands.batch.plan_items import plan_items, planned_outputs
from imagecli.commands.batch.reporter import BatchReporter
from imagecli.domain import ImageRequest, Json
from imagecli.errors import ImagecliError
from imagecli.events import BatchApiProgress, NoteEvent
from imagecli.money import Cost
from imagecli.pipeline.pipeline import build_downloader, server_of, timeouts_from_settings
from imagecli.pricing.command_cost import Budget
from imagecli.providers.batch_response import BatchJob
from imagecli.storage.atomic_write import discard_all_staged

SANDBOX_SPEED: Final = 600.0
"""An embedded sandbox's clock runs ten minutes a second, as the command waits for its batch."""

PricedCalls = list[tuple[ImageRequest, ModelRow]]
"""Calls, each with its model."""


@dataclass(slots=True, kw_only=True)
class BatchApiRun:
    """The state of a run; it changes as the run goes on."""

    run: BatchRun
    reporter: BatchReporter
    client: BatchApiClient
    downloader: ResultDownloader
    duplicates: DuplicateFinder
    errors: Sequence[ImagecliError] = ()
    """What was found when the run was opened, and belongs to no row."""
    base_url: str
    """Of the server, which an embedded provider has started."""
    plans: list[ItemPlan] = field(default_factory=list)
    pending_items: list[PendingItem] = field(default_factory=list)
    """What the provider has, including rows that were changed or removed since."""
    budget: Budget = field(init=False)
    """Prices of the pending items' calls."""
    fetched: set[str] = field(default_factory=set)
    """Batches of which everything was fetched that could be."""
    batch_jobs: dict[str, BatchJob] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    """Items that have ended in this run, which does not submit them again."""
    _priced: dict[tuple[str, str | None], PricedCalls] = field(default_factory=dict)
    """The calls of every item that was pending in this run, by its id and submission."""

    def refresh(self) -> None:
        """Plans every item anew, by the journal and the disk."""
        context = self.run.context
        self.plans = plan_items(context, self.run.state)
        items, priced = find_pending(self.run, self.plans)
        self.pending_items = [item for item in items if item.entry.batch not in self.fetched]
        for item in self.pending_items:
            if plan := item.plan:
                calls = priced[plan.first_call : plan.first_call + len(plan.call_sizes)]
                self._priced[item.entry.id, item.entry.submission] = calls
        self.budget = build_budget(context, priced)
        self.reporter.budget = self.budget
        self.emit_progress()

    def find_missing(self) -> list[ItemPlan]:
        """The items to submit: those that are missing and have not failed in this run."""
        return [
            plan
            for plan in self.plans
            if plan.decision.to_create and not self._is_pending(plan) and self._is_open(plan)
        ]

    def find_pending_plans(self) -> list[ItemPlan]:
        """The items of this run that are pending at the provider."""
        return [plan for plan in self.plans if self._is_pending(plan) and self._is_open(plan)]

    def _is_open(self, plan: ItemPlan) -> bool:
        return plan.item.id not in self._ended

    def _is_pending(self, plan: ItemPlan) -> bool:
        return is_pending(plan, self.run.state)

    def pending_by_batch(self) -> dict[str, list[PendingItem]]:
        """The pending items by the id of their batch."""
        batches: dict[str, list[PendingItem]] = {}
        for item in self.pending_items:
            batches.setdefault(item.entry.batch or "", []).append(item)
        return batches

    def update_batch(self, job: BatchJob) -> None:
        """Records the state of a batch, and notes it if its status has changed."""
        previous = self.batch_jobs.get(job.id)
        self.batch_jobs[job.id] = job
        if previous is None or previous.status != job.status:
            self.run.events(NoteEvent(code="batch", message=_describe_batch(job)))

    def add_batch(self, job: BatchJob, requests: int) -> None:
        """Records and notes a batch that was created."""
        self.batch_jobs[job.id] = job
        count = "1 request" if requests == 1 else f"{requests:,} requests"
        self.run.events(NoteEvent(code="batch", message=f"{job.id}: {count} submitted"))

    def add_result(self, result: ItemResult) -> None:
        """Counts, records and prints an item that has ended."""
        self._ended.add(result.plan.item.id)
        self._update_counts()
        self.reporter.counts.add(result)
        estimated = estimate_item_cost(result.plan, self.budget)
        self.run.recorder.add(result, estimated)
        self.reporter.print_result(result, estimated)
        self.emit_progress()

    def emit_progress(self) -> None:
        """Emits how far the run and its pending batches are."""
        self._update_counts()
        self.run.events(self.reporter.counts.progress())
        jobs = [self.batch_jobs[key] for key in self.pending_by_batch() if key in self.batch_jobs]
        completed, total = sum(job.completed + job.failed for job in jobs), sum(job.total for job in jobs)
        self.run.events(BatchApiProgress(batches=len(jobs), completed=completed, total=total))

    def _update_counts(self) -> None:
        open_items = sum(1 for item in self.pending_items if item.plan and item.entry.id not in self._ended)
        self.reporter.counts.to_create = len(self._ended) + open_items

    def close(self) -> None:
        """Counts and prints the items that are still missing or pending at the end of the run."""
        counts, pending = self.reporter.counts, self.find_pending_plans()
        counts.missing = len(self.find_missing())
        if self.run.context.settings.provider.embedded:
            # Its batches end with the command.
            counts.missing += len(pending)
            pending, self.pending_items = [], []
        counts.to_create = len(self._ended) + counts.missing
        counts.pending = len(pending)
        costs = {item.entry.id: estimate_item_cost(item.plan, self.budget) for item in self.pending_items if item.plan}
        self.reporter.print_pending(pending, self.run.state, costs)

    def cost(self) -> Cost:
        """What all items that were pending in this run can cost."""
        return build_budget(self.run.context, [pair for priced in self._priced.values() for pair in priced]).cost()

    def batch_states(self) -> list[Json]:
        """The batches of this run, for the JSON output."""
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
    """`batch_1: in progress, 3 of 20 done, 1 failed`."""
    text = f"{job.id}: {job.status.replace('_', ' ')}"
    if job.total:
        text += f", {job.completed + job.failed:,} of {job.total:,} done"
    if job.failed:
        text += f", {job.failed:,} failed"
    return text


def open_batch_api_run(run: BatchRun, reporter: BatchReporter) -> BatchApiRun:
    """Connects to the Batch API and finds the items of this manifest in it.

    Raises AuthenticationError and OutputError before anything is sent, and the errors of the requests.
    """
    context, settings = run.context, run.context.settings
    if settings.no_key:
        raise settings.no_key
    run.journal.open()
    assert settings.provider.batch is not None
    server = server_of(settings, context.catalog, run.resources, speed=SANDBOX_SPEED)
    api_client = ApiClient(
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
    client = BatchApiClient(api_client, settings.provider.batch)
    unanswered = [entry for entry in run.state.pending() if entry.state == "sent" and is_own_pending(entry, context)]
    duplicates = DuplicateFinder(
        client=client,
        manifest=context.manifest_path,
        digest=context.manifest.digest,
        known_submissions=run.state.submissions,
        state_dir=settings.state_dir,
        on_event=run.events,
    )
    errors = resolve_unanswered(duplicates, unanswered, run.journal)
    api_run = BatchApiRun(
        run=run,
        duplicates=duplicates,
        errors=errors,
        reporter=reporter,
        client=client,
        downloader=build_downloader(settings),
        base_url=server.base_url,
    )
    api_run.refresh()
    _discard_leftovers(api_run)
    missing, _ = number_calls(context, api_run.find_missing())
    digest, state_dir = context.manifest.digest, settings.state_dir
    if missing and claim_found_batches(client, missing, digest, run.state, run.journal, state_dir, run.events):
        api_run.refresh()
    return api_run


def batch_run_id(context: BatchContext) -> str:
    """The id of all runs that save results for this manifest and shard, of which only one is active at a time.

    So a run finds the staged files that a killed one left.
    """
    key = f"{context.manifest_path.absolute()} {context.shard or ''}"
    return f"batch-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _discard_leftovers(api_run: BatchApiRun) -> None:
    """Removes what a killed run had staged for the images of pending items."""
    context = api_run.run.context
    folders = {
        (context.manifest.folder / path).parent
        for item in api_run.pending_items
        for paths in item.entry.planned
        for path in paths
    }
    for folder in (*folders, context.settings.state_dir / "rescued"):
        discard_all_staged(folder, batch_run_id(context))


def needs_batch_api(run: BatchRun, plans: Sequence[ItemPlan]) -> bool:
    """Whether there is anything to submit or to download."""
    return any(plan.decision.to_create for plan in plans) or bool(find_pending(run, plans)[0])


def find_pending(run: BatchRun, plans: Sequence[ItemPlan]) -> tuple[list[PendingItem], PricedCalls]:
    """All items of this run that are pending at the provider, and their calls, numbered in that order."""
    context, state, manifest = run.context, run.state, run.context.manifest_path
    items: list[PendingItem] = []
    priced: PricedCalls = []
    for plan in plans:
        for entry in state.pending_entries(plan.item.id):
            if _is_at_provider(entry, context):
                item = build_pending_item(plan, entry, state, len(priced), manifest)
                items.append(item)
                priced += [(request, plan.item.model) for request in (item.plan.requests() if item.plan else ())]
    if not context.only:
        # Rows that were removed since are paid for, so their results are kept.
        known_ids = {planned_outputs(item)[0] for item in context.manifest_items.items}
        strays = find_stray_items(state, known_ids, manifest)
        items += [item for item in strays if is_own_pending(item.entry, context)]
    return items, priced


def is_own_pending(entry: JournalEntry, context: BatchContext) -> bool:
    """Whether the item is at the provider that this run uses, and in this run's shard."""
    return _is_at_provider(entry, context) and (context.shard is None or context.shard.contains(entry.id))


def _is_at_provider(entry: JournalEntry, context: BatchContext) -> bool:
    """Whether the item is at the provider that this run uses."""
    provider = context.settings.provider
    is_same_provider = (entry.provider, entry.sandbox) == (provider.name, provider.embedded)
    base_url = base_url_for_journal(context.settings.base_url, provider)
    return is_same_provider and is_same_address(entry.base_url, base_url)
