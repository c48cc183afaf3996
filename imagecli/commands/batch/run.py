"""A manifest carried out: what is missing or stale is bought, a row at a time on many threads.

What of a batch is tried before anything is paid for: its inputs, and the folders that it saves to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from imagecli.batch.counts import RunCounts
from imagecli.batch.journal.lock import manifest_lock
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.manifest.errors import options_as_fields
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.messages import merge_notes
from imagecli.batch.recover import JournalRecovery
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.work_item import ItemPlan, WorkItem, requests_to_send
from imagecli.batch.worker import ItemFinalizer, ItemWorker
from imagecli.catalog.model import ModelRow
from imagecli.checks.parameters import input_sources
from imagecli.client.download import ResultDownloader
from imagecli.client.send import Timeouts
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.reporter import BatchEventFilter, BatchReporter
from imagecli.commands.image.execute import add_key_origin
from imagecli.domain import Edit, Generate
from imagecli.errors import ImagecliError, InputImageError, OutputError, Terminated
from imagecli.events import EventHandler
from imagecli.output.batch import BatchOutput
from imagecli.output.choose_progress import open_batch_progress
from imagecli.pipeline.build import build_pipeline, new_run_id, spool_places
from imagecli.pipeline.inputs import InputCache
from imagecli.pipeline.prepare import RunContext
from imagecli.pipeline.recover import discard_unanswered
from imagecli.plan import PlannedCall
from imagecli.pricing.budget import Budget
from imagecli.pricing.spend_guard import SpendGuard
from imagecli.storage.preflight import check_folder, check_response_size
from imagecli.worker_pool import WorkerPool

MOST: Final = 10
"""No request asks for more pictures."""


def check_inputs_and_folders(orders: Sequence[WorkItem], on_event: EventHandler, *, make: bool) -> None:
    """Fits every input once and keeps none, and tries the folders. Raises InputImageError, OutputError."""
    shelf = InputsByModel()
    try:
        for item in _unique_inputs(orders):
            shelf.for_model(item.model).fit_inputs(item.request, on_event)
        check_response_size(max((min(order.plan.item.request.options.n, MOST) for order in orders), default=1))
        for folder in dict.fromkeys(folder for order in orders for folder in order.folders):
            check_folder(folder, make=make)
    except (InputImageError, OutputError) as error:
        # They speak to whoever types options; rows have fields.
        error.message, error.hint = options_as_fields(error.message), error.hint and options_as_fields(error.hint)
        raise


def _unique_inputs(orders: Sequence[WorkItem]) -> Iterator[ManifestItem]:
    """An item for each set of inputs that goes up: many rows send the same."""
    seen = set()
    for order in orders:
        item = order.plan.item
        if sources := input_sources(item.request):
            layers = (item.request.mask, item.request.markup) if isinstance(item.request, Edit) else ()
            framing = None if isinstance(item.request, Generate) else item.request.input_fit
            key = (item.model.name, sources, layers, framing)
            if key not in seen:
                seen.add(key)
                yield item


class InputsByModel:
    """Inputs by the model that they are fitted for."""

    def __init__(self) -> None:
        self._of: dict[str, InputCache] = {}

    def for_model(self, model: ModelRow) -> InputCache:
        """Those that are fitted for *model*."""
        return self._of.setdefault(model.name, InputCache(model))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyOptions:
    """How a run goes about it."""

    jobs: int | None = None
    """Purchases under way at once; None is the provider's own number."""
    rate: float | None = None
    """Pictures a minute."""
    fail_fast: bool = False


def run_batch(bench: BatchContext, pace: ConcurrencyOptions) -> int:
    """Buys what is missing or stale, shows it, and returns the exit code.

    Raises UsageError, LimitError, InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with (
        manifest_lock(bench.owner, bench.shard),
        open_batch_progress(bench.env, bench.display) as heard,
        ExitStack() as stack,
    ):
        watch = BatchEventFilter(heard)
        bench.emit_notes(watch)
        ledger = read_journals(bench.owner, watch)
        journal = JournalWriter(bench.owner, bench.shard, ledger)
        recover_earlier_runs(bench, ledger, journal, watch)
        purchases = plan_and_note(bench, ledger, watch)
        check_unrecorded(purchases, spool_places(bench.settings))
        orders, budget = build_work_items(bench, purchases)
        if refusal := budget.refusal():
            raise refusal
        check_inputs_and_folders(orders, watch, make=True)
        if orders and bench.settings.no_key:
            raise bench.settings.no_key
        journal.open()
        for purchase in purchases:
            for entry in purchase.decision.entries:
                journal.write(entry)
        tally = RunCounts(total=len(purchases), to_buy=len(orders), kept=count_kept(purchases))
        ends = BatchReporter(bench, tally, BatchOutput(bench.env, bench.display, heard), budget)
        ends.add_kept(purchases, ledger)
        ends.add_pending(purchases, ledger, {})
        errors = _run_items(bench, pace, orders, budget, journal, watch, ends, stack) if orders else []
    return ends.print_summary(errors, watch)


def recover_earlier_runs(
    bench: BatchContext, ledger: JournalState, journal: JournalWriter, on_event: EventHandler
) -> None:
    """Saves what earlier runs of this manifest had received and not saved."""
    settings = bench.settings
    recovery = JournalRecovery(owner=bench.owner, state_dir=settings.state_dir, places=spool_places(settings))
    if recovery.find():
        journal.open()
        recovery.finish(
            ledger, journal, ResultDownloader(timeouts=Timeouts(), direct=settings.provider.embedded), on_event
        )


def plan_and_note(bench: BatchContext, ledger: JournalState, on_event: EventHandler) -> list[ItemPlan]:
    """What becomes of every chosen item, and what is to be said of it. Raises OutputError with all that stands in the
    way.
    """
    purchases = bench.plan_items(ledger)
    for note in merge_notes(note for purchase in purchases for note in purchase.decision.notes):
        on_event(note)
    refused = [purchase.decision.refusal for purchase in purchases if purchase.decision.refusal]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise OutputConflictsError(refused)
    return purchases


class OutputConflictsError(OutputError):
    """Several outputs that nothing may be bought over."""

    code = "outputs_in_the_way"

    def __init__(self, refused: Sequence[OutputError]) -> None:
        hints = dict.fromkeys(error.hint for error in refused if error.hint)
        super().__init__(
            f"{len(refused):,} outputs are not to be bought over; nothing was sent", hint="; ".join(list(hints)[:3])
        )
        self.code = refused[0].code
        self._refused = refused

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(error.message for error in self._refused)


def build_work_items(bench: BatchContext, purchases: Sequence[ItemPlan]) -> tuple[tuple[WorkItem, ...], Budget]:
    """What is bought, and what that can cost."""
    orders: list[WorkItem] = []
    priced: list[tuple[PlannedCall, ModelRow]] = []
    for purchase in purchases:
        if purchase.decision.buy:
            asks, first = requests_to_send(purchase), len(priced)
            priced += [(PlannedCall(index=first + k, request=ask), purchase.item.model) for k, ask in enumerate(asks)]
            orders.append(WorkItem(plan=purchase, first=first, count=len(asks), manifest=bench.owner))
    return tuple(orders), Budget.build(priced, bench.settings_with_cap_share(), fixed=True, share=bench.price_share)


def count_kept(purchases: Sequence[ItemPlan]) -> int:
    """How many of them need nothing."""
    return sum(purchase.decision.kind == "done" for purchase in purchases)


def build_batch_run_context(bench: BatchContext, name: str) -> RunContext:
    """What all requests of a batch have alike."""
    return RunContext(
        run_id=name,
        command="batch",
        provider=bench.settings.provider,
        base_url=bench.settings.base_url,
        query=bench.settings.query,
        if_exists=None,
        stdout=False,
        allow_outside=bench.allow_outside,
    )


def build_finalizer(bench: BatchContext, budget: Budget, journal: JournalWriter) -> ItemFinalizer:
    """How the orders of *bench* end."""
    folder = bench.manifest.folder
    return ItemFinalizer(budget=budget, journal=journal, disk=bench.standing(), folder=folder)


def _run_items(
    bench: BatchContext,
    pace: ConcurrencyOptions,
    orders: tuple[WorkItem, ...],
    budget: Budget,
    journal: JournalWriter,
    watch: BatchEventFilter,
    ends: BatchReporter,
    stack: ExitStack,
) -> list[ImagecliError]:
    """What went wrong outside of rows, after every order was carried out, or as many as could be."""
    settings = bench.settings
    inputs = InputCache(bench.catalog.unknown_model)
    errand = build_batch_run_context(bench, new_run_id(bench.env))
    spend_guard = SpendGuard(budget)
    tools = build_pipeline(settings, bench.catalog, errand, inputs, spend_guard, stack, per_minute=pace.rate)
    journal.detach_state()
    doubted = {order.plan.planned.hash for order in orders if order.plan.decision.in_doubt}
    discard_unanswered(spool_places(settings), watch, told=doubted)
    shelf = InputsByModel()
    buyer = ItemWorker(
        pipeline_for=lambda purchase: replace(tools, inputs=shelf.for_model(purchase.item.model)),
        finalizer=build_finalizer(bench, budget, journal),
    )
    bench.env.on_work_begun()
    watch(ends.counts.progress)
    try:
        with WorkerPool(jobs=pace.jobs or settings.provider.jobs, on_event=watch) as pool:
            for result in pool.run(buyer.run, orders):
                for call_result in result.results:
                    watch.end_call(call_result.request)
                named = tuple(add_key_origin(call_result, settings.key) for call_result in result.results)
                ends.add(replace(result, results=named))
                watch(ends.counts.progress)
                is_final = any(call_result.is_final for call_result in result.results)
                failed = any(call_result.errors for call_result in result.results)
                if result.is_over_budget or is_final or (failed and pace.fail_fast):
                    pool.stop()
    except (KeyboardInterrupt, Terminated) as signal:
        tools.discard_interrupted(folder for order in orders for folder in order.folders)
        return [ends.interruption_error(signal, watch)]
    return [*spend_guard.refusals()]
