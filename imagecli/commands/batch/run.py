"""Creates the missing images of a manifest by live requests, one for each item, many at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from imagecli.batch.file_state import choose_record
from imagecli.batch.item_plan import ItemPlan, estimate_item_cost
from imagecli.batch.item_worker import ItemWorker
from imagecli.batch.run_counts import RunCounts
from imagecli.batch.untrusted_responses import check_unrecorded
from imagecli.commands.batch.context import BatchContext, ConcurrencyOptions
from imagecli.commands.batch.gallery import write_batch_gallery
from imagecli.commands.batch.open_run import (
    BatchRun,
    build_batch_run_context,
    build_finalizer,
    check_inputs_and_folders,
    check_renamed,
    count_up_to_date,
    find_pending_plans,
    find_waiting,
    journal_existing_files,
    number_calls,
    open_batch_run,
    plan_run,
)
from imagecli.commands.batch.plan_items import disk_state
from imagecli.commands.batch.reporter import BatchReporter, interruption_error
from imagecli.commands.refused_key import explain_refused_keys
from imagecli.errors import ImagecliError, Terminated
from imagecli.events import EventHandler, WarningEvent
from imagecli.pipeline.pipeline import build_pipeline, discard_unanswered, new_run_id
from imagecli.pipeline.prepare_call import InputCache, InputsByModel, spool_places
from imagecli.pricing.spend_guard import SpendGuard
from imagecli.worker_pool import WorkerPool


def run_batch(context: BatchContext, options: ConcurrencyOptions) -> int:
    """Creates what is missing or stale, prints the results, and returns the exit code.

    Raises UsageError, LimitError, InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with open_batch_run(context) as run:
        plans = plan_run(run)
        check_renamed(run, plans)
        check_unrecorded(plans, spool_places(context.settings))
        to_create, budget = number_calls(context, plans)
        if refusal := budget.refusal():
            raise refusal
        check_inputs_and_folders(to_create, run.events, make=True)
        if to_create and context.settings.no_key:
            raise context.settings.no_key
        run.journal.open()
        journal_existing_files(run, plans)
        pending = find_pending_plans(plans, run.state)
        counts = RunCounts(
            total=len(plans), to_create=len(to_create), up_to_date=count_up_to_date(plans), pending=len(pending)
        )
        reporter = BatchReporter(
            context=context, counts=counts, output=run.output, budget=budget, waiting=find_waiting(run, plans)
        )
        reporter.print_kept(plans, run.state)
        reporter.print_waiting(plans)
        reporter.print_pending(pending, run.state, {})
        # Also if nothing is to be created: another machine may have settled the rows.
        possibly_billed = {plan.identity.hash for plan in to_create if plan.decision.possibly_billed}
        places = spool_places(context.settings)
        discard_unanswered(places, run.events, manifest=context.manifest_path, warned_hashes=possibly_billed)
        settled = {
            plan.item.id: _existing_files(run, plan) if to_create else ()
            for plan in plans
            if plan.decision.kind == "done"
        }
        errors = _run_items(run, options, to_create, reporter, settled) if to_create else []
        run.recovered.remove_useless(settled, run.events)
        if to_create:
            counts.missing = _note_deleted_files(settled, run.events)
    return reporter.print_summary(errors, run.events, gallery=write_batch_gallery(context, counts))


def _existing_files(run: BatchRun, plan: ItemPlan) -> tuple[str, ...]:
    """The files of an item that is up to date, as the user would type them."""
    folder, disk = run.context.manifest.folder, disk_state(run.context)
    recorded = [(path, choose_record(run.state.files_planned_at(path), disk)) for path in plan.outputs]
    names = [(path, file.file.path if file else path) for path, file in recorded]
    return tuple(str(folder / (saved if (folder / saved).exists() else path)) for path, saved in names)


def _note_deleted_files(settled: Mapping[str, tuple[str, ...]], on_event: EventHandler) -> int:
    """Warns of files that were deleted during the run. Returns how many items lack one."""
    incomplete = 0
    for paths in settled.values():
        deleted = [path for path in paths if not Path(path).exists()]
        incomplete += bool(deleted)
        for path in deleted:
            message = f"{path} was deleted during the run; run the same command to create it again"
            on_event(WarningEvent(code="deleted", message=message))
    return incomplete


def _run_items(
    run: BatchRun,
    options: ConcurrencyOptions,
    plans: tuple[ItemPlan, ...],
    reporter: BatchReporter,
    settled: dict[str, tuple[str, ...]],
) -> list[ImagecliError]:
    """Creates the items of *plans*, or as many as can be created, and returns what went wrong outside of them.

    The ids of created items and their files are added to *settled*.
    """
    context, settings, events, counts = run.context, run.context.settings, run.events, reporter.counts
    inputs = InputCache(context.catalog.unknown_model)
    run_context = build_batch_run_context(context, new_run_id(context.env))
    spend_guard = SpendGuard(reporter.budget)
    pipeline = build_pipeline(
        settings, context.catalog, run_context, inputs, spend_guard, run.resources, per_minute=options.rate
    )
    run.journal.detach_state()
    worker = ItemWorker(
        pipeline=pipeline,
        inputs=InputsByModel(),
        finalizer=build_finalizer(context, reporter.budget, run.journal),
    )
    events(reporter.budget.run_started())
    events(counts.progress())
    try:
        with WorkerPool(jobs=options.jobs or settings.provider.jobs, on_event=events) as pool:
            for result in pool.run(worker.run, plans):
                for call_result in result.results:
                    pipeline.end_call(call_result.request)
                explained = tuple(explain_refused_keys(call_result, settings) for call_result in result.results)
                counts.add(result)
                estimated = estimate_item_cost(result.plan, reporter.budget)
                run.recorder.add(result, estimated)
                reporter.print_result(replace(result, results=explained), estimated)
                events(counts.progress())
                is_final = any(call_result.is_final for call_result in result.results)
                failed = any(call_result.errors for call_result in result.results)
                if not (failed or result.is_over_budget):
                    settled[result.plan.item.id] = tuple(
                        str(image.path) for call_result in result.results for image in call_result.saved
                    )
                if result.is_over_budget or is_final or (failed and options.fail_fast):
                    pool.stop()
    except (KeyboardInterrupt, Terminated) as signal:
        in_flight = pipeline.interrupt(folder for plan in plans for folder in plan.item.folders)
        run.recorder.add_recovered((call.saver.prepared, call.result()) for call in in_flight if call.saver.saved)
        return [interruption_error(signal, counts, reporter.budget, in_flight)]
    return [*spend_guard.refusals()]
