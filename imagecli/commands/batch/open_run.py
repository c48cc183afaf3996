"""Opens a run over a manifest: lock, progress, journal and recovery; then the plans and the checks of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from imagecli.batch.item_finalizer import ItemFinalizer
from imagecli.batch.item_notes import merge_notes
from imagecli.batch.item_plan import ItemPlan
from imagecli.batch.journal.lock import manifest_lock
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.manifest.errors import options_as_fields
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.prune import Move, find_orphans, suggest_moves
from imagecli.batch.recovery_result import RecoveryResult, WaitingResponse
from imagecli.batch.shards import cap_share
from imagecli.catalog.model import ModelRow
from imagecli.client.spool import list_spooled_calls
from imagecli.commands.batch.context import BatchContext, emit_notes
from imagecli.commands.batch.plan_items import disk_state, is_in_shard, plan_items, planned_outputs
from imagecli.commands.batch.record_items import ItemRecorder
from imagecli.commands.batch.reporter import BatchEventFilter
from imagecli.config.settings import Settings
from imagecli.domain import Generate, ImageRequest
from imagecli.errors import InputImageError, OutputError
from imagecli.events import EventHandler
from imagecli.output.batch import BatchOutput
from imagecli.output.progress import open_batch_progress, open_progress
from imagecli.pipeline.prepare_call import InputsByModel, RunContext, inputs_key, spool_places
from imagecli.pricing import estimate
from imagecli.pricing.command_cost import Budget, describe_cap
from imagecli.storage.preflight import check_folder, check_response_size, discard_check_files
from imagecli.storage.sidecar import check_sidecar_name

MAX_IMAGES: Final = 10
"""The most images of one request."""

NOTHING_RECOVERED: Final = RecoveryResult()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """A run that has started."""

    context: BatchContext
    state: JournalState
    """What the journals say; the journal that is written keeps it up to date."""
    journal: JournalWriter
    events: BatchEventFilter
    output: BatchOutput
    resources: ExitStack
    """Closed at the end of the run."""
    recorder: ItemRecorder
    recovered: RecoveryResult = NOTHING_RECOVERED
    """What is left in the spool of earlier runs."""


@contextmanager
def open_batch_run(context: BatchContext, *, read_only: bool = False, with_notes: bool = True) -> Iterator[BatchRun]:
    """Locks the manifest, reads its journals, and saves what earlier runs received and did not save.

    *read_only*: nothing is locked, recovered or written.
    Raises UsageError if another run of the manifest is active, OutputError, DiskError.
    """
    path = context.manifest_path
    with ExitStack() as resources:
        if not read_only:
            resources.enter_context(manifest_lock(path, context.shard))
        choose = open_progress if read_only else open_batch_progress
        progress = resources.enter_context(choose(context.env, context.display))
        events = BatchEventFilter(progress)
        recorder = resources.enter_context(ItemRecorder(context, events))
        if with_notes:
            emit_notes(context, events)
        state = read_journals(path, events)
        run = BatchRun(
            context=context,
            state=state,
            journal=JournalWriter(path, context.shard, state),
            events=events,
            output=BatchOutput(context.env, context.display, progress),
            resources=resources,
            recorder=recorder,
        )
        yield replace(run, recovered=_recover_earlier_runs(run, read_only=read_only))


def _recover_earlier_runs(run: BatchRun, *, read_only: bool) -> RecoveryResult:
    """Saves what earlier runs of this manifest received and did not save. *read_only* only finds it."""
    if not read_only:
        for folder in dict.fromkeys(folder for item in run.context.manifest_items.items for folder in item.folders):
            discard_check_files(folder)
    settings, places = run.context.settings, spool_places(run.context.settings)
    if not list_spooled_calls(places):
        return NOTHING_RECOVERED
    from imagecli.batch.recover import JournalRecovery  # loads the HTTP client, which --check has no other use for
    from imagecli.pipeline.pipeline import build_downloader

    recovery = JournalRecovery(
        manifest_path=run.context.manifest_path,
        state_dir=settings.state_dir,
        places=places,
        url_ttl=settings.provider.url_ttl,
    )
    if read_only:
        return recovery.untried()
    if not recovery.find():
        return NOTHING_RECOVERED
    run.journal.open()
    result = recovery.finish(run.state, run.journal, build_downloader(settings), run.events)
    run.recorder.add_recovered(result.saved)
    return result


# --- the plan for each item ------------------------------------------------------------------------------------------


def plan_run(run: BatchRun) -> list[ItemPlan]:
    """The plan for every chosen item, whose notes are emitted. Raises OutputError for all outputs that stop the run."""
    plans = plan_items(run.context, run.state, run.recovered.waiting_requests)
    for note in merge_notes(note for plan in plans for note in plan.decision.notes):
        run.events(note)
    _raise_refusals([plan.decision.refusal for plan in plans if plan.decision.refusal])
    return plans


def check_renamed(run: BatchRun, plans: Sequence[ItemPlan]) -> None:
    """Raises OutputError if an image that would be paid for exists under an earlier name.

    It is only noted where another request costs nothing, or --if-exists overwrite allows it.
    """
    moves = find_moves(run, plans)
    if run.context.settings.provider.free or run.context.if_exists == "overwrite":
        for move in moves:
            run.events(move.note())
    else:
        _raise_refusals([move.refusal() for move in moves])


def find_moves(run: BatchRun, plans: Sequence[ItemPlan]) -> list[Move]:
    """Which missing images exist under an earlier name, and only have to be moved."""
    if not run.state.runs:
        return []
    missing = [
        (plan.identity, plan.decision)
        for plan in plans
        if plan.decision.kind == "missing" and any(map(run.state.files_by_hash, plan.identity.known_hashes))
    ]
    if not missing:  # usual, and looking for orphans takes a system call for each file
        return []
    context = run.context
    outputs = [path for item in context.manifest_items.items for path in planned_outputs(item)]
    orphans = find_orphans(outputs, run.state, disk_state(context))
    return suggest_moves(missing, orphans, context.manifest.folder)


def _raise_refusals(refusals: Sequence[OutputError]) -> None:
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise OutputConflictsError(refusals)


class OutputConflictsError(OutputError):
    """Several outputs exist that may not be replaced."""

    code = "outputs_in_the_way"

    def __init__(self, refusals: Sequence[OutputError]) -> None:
        hints = dict.fromkeys(error.hint for error in refusals if error.hint)
        super().__init__(
            f"existing files block {len(refusals):,} outputs; nothing was sent", hint="; ".join(list(hints)[:3])
        )
        self.code = refusals[0].code
        self._refusals = refusals

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(error.message for error in self._refusals)


def count_up_to_date(plans: Sequence[ItemPlan]) -> int:
    """How many of *plans* need nothing."""
    return sum(plan.decision.kind == "done" for plan in plans)


def find_waiting(run: BatchRun, plans: Sequence[ItemPlan]) -> tuple[WaitingResponse, ...]:
    """The paid responses that *plans* wait for."""
    ids = {plan.item.id for plan in plans if plan.decision.kind == "waiting"}
    return tuple(response for response in run.recovered.waiting if response.id in ids)


def find_pending_plans(plans: Sequence[ItemPlan], state: JournalState) -> list[ItemPlan]:
    """Those of *plans* that a provider's Batch API has, by the journal."""
    return [plan for plan in plans if is_pending(plan, state)]


def is_pending(plan: ItemPlan, state: JournalState) -> bool:
    """Whether the item waits for results of a provider's Batch API, by the journal."""
    return plan.decision.kind != "done" and bool(state.pending_entries(plan.item.id))


def journal_existing_files(run: BatchRun, plans: Sequence[ItemPlan]) -> None:
    """Writes to the journal which existing files were found or adopted. Raises OutputError, DiskError."""
    if entries := [entry for plan in plans for entry in plan.decision.entries]:
        run.journal.open()
        run.journal.write_all(entries)


# --- the requests to send --------------------------------------------------------------------------------------------


def number_calls(context: BatchContext, plans: Sequence[ItemPlan]) -> tuple[tuple[ItemPlan, ...], Budget]:
    """Those of *plans* that create something, their calls numbered from 0, and what those can cost."""
    to_create: list[ItemPlan] = []
    priced: list[tuple[ImageRequest, ModelRow]] = []
    for plan in plans:
        if plan.decision.to_create:
            # Already so if *plans* are all of the run, of which there may be very many.
            is_numbered = plan.first_call == len(priced)
            to_create.append(plan if is_numbered else replace(plan, first_call=len(priced)))
            priced.extend((request, plan.item.model) for request in plan.requests())
    return tuple(to_create), build_budget(context, priced)


def build_budget(context: BatchContext, priced: Sequence[tuple[ImageRequest, ModelRow]]) -> Budget:
    """What the calls can cost under this run's share of the cost limit."""
    return Budget.build(priced, settings_with_cap_share(context), fixed=True, share=price_share(context))


def build_batch_run_context(context: BatchContext, run_id: str) -> RunContext:
    """The values that all calls of a run share."""
    return RunContext(
        run_id=run_id,
        command="batch",
        provider=context.settings.provider,
        base_url=context.settings.base_url,
        query=context.settings.query,
        if_exists=None,
        stdout=False,
        allow_outside=context.allow_outside,
        history=context.settings.history,
    )


def build_finalizer(context: BatchContext, budget: Budget, journal: JournalWriter) -> ItemFinalizer:
    """The finalizer that journals the items of a run."""
    return ItemFinalizer(budget=budget, journal=journal, disk=disk_state(context), folder=context.manifest.folder)


# --- checks before any request ---------------------------------------------------------------------------------------


def check_inputs_and_folders(plans: Sequence[ItemPlan], on_event: EventHandler, *, make: bool) -> None:
    """Fits every input once, keeping none, and checks the output folders. Raises InputImageError, OutputError.

    *make*: missing folders are created.
    """
    inputs = InputsByModel()
    try:
        for item in _unique_inputs(plans):
            inputs.for_model(item.model).fit_inputs(item.request, on_event)
        check_response_size(max((min(plan.item.request.options.n, MAX_IMAGES) for plan in plans), default=1))
        for folder in dict.fromkeys(folder for plan in plans for folder in plan.item.folders):
            check_folder(folder, make=make, another="choose another folder in the rows' output")
        for plan in plans:
            for path in plan.outputs if plan.item.settings.get("sidecar") else ():
                check_sidecar_name(path.rpartition("/")[2])
    except (InputImageError, OutputError) as error:
        # The checks name command-line options; rows have fields.
        hint = error.hint and options_as_fields(error.hint)
        raise error.with_facts(message=options_as_fields(error.message), hint=hint) from error


def _unique_inputs(plans: Sequence[ItemPlan]) -> Iterator[ManifestItem]:
    """One item for each set of inputs: many rows send the same images."""
    seen = set()
    for plan in plans:
        item = plan.item
        if not isinstance(item.request, Generate):
            key = (item.model.name, inputs_key(item.request))
            if key not in seen:
                seen.add(key)
                yield item


def price_share(context: BatchContext) -> float:
    """The fraction of the live price that is billed."""
    batch_row = context.settings.provider.batch
    return batch_row.price if context.batch_api and batch_row else 1.0


def settings_with_cap_share(context: BatchContext) -> Settings:
    """The settings with this shard's share of the cost limit."""
    settings, shard = context.settings, context.shard
    if shard is None:
        return settings
    estimator = estimate.PriceEstimator(settings.provider)
    costs = [_highest_cost(item, estimator) for item in context.manifest_items.items]
    ours = sum(
        cost for item, cost in zip(context.manifest_items.items, costs, strict=True) if is_in_shard(item, context)
    )
    share = round(cap_share(settings.max_cost, ours, sum(costs)), 9)
    # The built-in limit stays what it is: it is less strict than an explicit one.
    origin = settings.max_cost_origin and f"shard {shard}'s share of {describe_cap(settings)}"
    return settings._replace(max_cost=share, max_cost_origin=origin)


def _highest_cost(item: ManifestItem, estimator: estimate.PriceEstimator) -> float:
    """USD that all images of *item* can cost; 0 if the price is unknown."""
    price = estimator.estimate(item.request, item.model)
    return (price.high_usd or price.low_usd) if price else 0.0
