"""A manifest looked at, and nothing sent: is all of it there (`--check`), and what would be bought (`--dry-run`)?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from imagecli.batch.counts import RunCounts
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.state import JournalState
from imagecli.batch.prune import find_orphans, suggest_moves
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.work_item import ItemPlan, WorkItem
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.reporter import (
    NO_COST,
    BatchEventFilter,
    estimate_item_cost,
    find_kept_files,
    item_keys,
    planned_outputs,
)
from imagecli.commands.batch.run import (
    ConcurrencyOptions,
    InputsByModel,
    build_batch_run_context,
    build_work_items,
    check_inputs_and_folders,
    count_kept,
    plan_and_note,
)
from imagecli.commands.image.dry_run import build_dry_run_request
from imagecli.errors import EXIT_INCOMPLETE, ImagecliError
from imagecli.events import EventHandler
from imagecli.output.batch import COMMAND, BatchOutput
from imagecli.output.choose_progress import open_progress
from imagecli.output.plan import BatchDryRun, format_batch_dry_run
from imagecli.pipeline.build import spool_places
from imagecli.pipeline.prepare import prepare_call
from imagecli.pricing.budget import Budget
from imagecli.results import CommandResult, DryRunRequest
from imagecli.safe_open import real_path


def run_check(bench: BatchContext) -> int:
    """Lists what is missing or stale, and returns 10 where anything is. Raises OutputError for what is in the way."""
    with open_progress(bench.env, bench.display) as heard:
        watch = BatchEventFilter(heard)
        bench.emit_notes(watch)
        ledger = read_journals(bench.owner, watch)
        purchases = plan_and_note(bench, ledger, watch)
        _emit_moves(bench, purchases, ledger, watch)
    bulk = BatchOutput(bench.env, bench.display, heard)
    gaps = [purchase for purchase in purchases if purchase.decision.kind != "done"]
    away = [purchase for purchase in gaps if not purchase.decision.buy]
    tally = RunCounts(total=len(purchases), kept=count_kept(purchases), missing=len(gaps))
    if bench.display.json:
        for purchase in purchases:
            _print_row(purchase, ledger, bench, bulk)
    bulk.print_lines([f"{one.decision.kind:<8} {path}" for one in gaps for path in one.decision.writes or one.outputs])
    said = f"{len(gaps):,} of {tally.total:,} are missing or stale" if gaps else f"all {tally.total:,} are there"
    said += f", {len(away):,} of them with the Batch API" if away else ""
    bulk.print_summary(
        said,
        (),
        NO_COST,
        watch.notes,
        status=tally.status,
        exit_code=tally.exit_code,
        summary={
            "purchases": tally.total,
            "kept": tally.kept,
            "missing_or_stale": tally.missing,
            "submitted": len(away),
        },
    )
    return tally.exit_code or bulk.exit_code


def _emit_moves(
    bench: BatchContext, purchases: Sequence[ItemPlan], ledger: JournalState, on_event: EventHandler
) -> None:
    """What is missing under its new name alone need not be bought."""
    folder = bench.manifest.folder
    missing = [(one.planned, one.decision) for one in purchases if one.decision.kind == "missing"]
    if missing and ledger.runs:
        planned = [path for item in bench.manifest_items.items for path in planned_outputs(item)]
        for note in suggest_moves(missing, find_orphans(planned, ledger, bench.standing()), folder):
            on_event(note)


def _print_row(purchase: ItemPlan, ledger: JournalState, bench: BatchContext, bulk: BatchOutput) -> None:
    """A row's object: what of it is there, and whether that is all."""
    kept = find_kept_files(purchase, ledger, bench.standing(), bench.manifest.folder)
    keys = item_keys(purchase.item, purchase.decision.kind)
    if purchase.decision.kind != "done":
        keys |= {"status": "stale", "exit_code": EXIT_INCOMPLETE}
    bulk.print_row(purchase.item.row, CommandResult(command=COMMAND, skipped=tuple(kept), cost=NO_COST), **keys)


def dry_run_batch(bench: BatchContext, pace: ConcurrencyOptions) -> int:
    """Shows what would be bought, for how much, and how long it takes at least."""
    errors: list[ImagecliError] = []
    with open_progress(bench.env, bench.display) as heard:
        watch = BatchEventFilter(heard)
        bench.emit_notes(watch)
        ledger = read_journals(bench.owner, watch)
        purchases = plan_and_note(bench, ledger, watch)
        _emit_moves(bench, purchases, ledger, watch)
        check_unrecorded(purchases, spool_places(bench.settings))
        orders, budget = build_work_items(bench, purchases)
        check_inputs_and_folders(orders, watch, make=False)
    if refusal := budget.refusal():
        errors.append(refusal)
    bulk = BatchOutput(bench.env, bench.display, heard)
    shown = _build_dry_run(bench, purchases, orders, budget, pace)
    if bench.display.json:
        _print_requests(bench, orders, budget, bulk, watch)
    bulk.print_lines(format_batch_dry_run(shown))
    bulk.print_summary(
        "nothing was sent: this was a dry run",
        errors,
        budget.cost() if orders else NO_COST,
        watch.notes,
        status="failed" if errors else "planned",
        exit_code=errors[0].exit_code if errors else 0,
        summary={
            "rows": shown.rows,
            "purchases": shown.purchases,
            "kept": shown.kept,
            "requests": shown.requests,
            "pictures": shown.pictures,
            "files": shown.files,
            "least_seconds": shown.least_seconds,
            "reads": [str(real_path(path)) for path in bench.manifest_items.reads],
        },
    )
    return errors[0].exit_code if errors else bulk.exit_code


def _build_dry_run(
    bench: BatchContext,
    purchases: Sequence[ItemPlan],
    orders: Sequence[WorkItem],
    budget: Budget,
    pace: ConcurrencyOptions,
) -> BatchDryRun:
    batch = bench.settings.provider.batch if bench.batch_api else None
    pictures = sum(len(order.plan.decision.buy) for order in orders)
    return BatchDryRun(
        manifest=bench.manifest.name,
        rows=bench.row_count,
        purchases=len(purchases),
        kept=count_kept(purchases),
        away=sum(purchase.decision.kind == "submitted" for purchase in purchases),
        requests=len(budget.requests),
        pictures=pictures,
        files=sum(len(order.plan.decision.writes) for order in orders),
        cost=budget.cost() if orders else NO_COST,
        # The first goes out at once.
        least_seconds=round(max(pictures - 1, 0) * 60 / pace.rate, 1) if pace.rate and not batch else None,
        rate=pace.rate,
        jobs=pace.jobs or bench.settings.provider.jobs,
        window=batch.window if batch else "",
        first=tuple((order.plan.decision.kind, path) for order in orders[:20] for path in order.plan.decision.writes),
        more=max(len(orders) - 20, 0),
        reads=tuple(_with_target(path, bench.manifest.folder) for path in bench.manifest_items.reads),
    )


def _with_target(path: Path, folder: Path) -> str:
    """*path*, and where it leads if links below the manifest's *folder* lead to another place."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    target = real_path(path)
    is_link = target != Path(os.path.normpath(real_path(folder) / inside))
    return f"{path}, a link to {target}" if is_link else str(path)


def _print_requests(
    bench: BatchContext, orders: Sequence[WorkItem], budget: Budget, bulk: BatchOutput, on_event: EventHandler
) -> None:
    """A row's object with all that its requests hold, for whoever sends them by other means."""
    shelf = InputsByModel()
    for order in orders:
        item = order.plan.item
        planned = tuple(_dry_run_requests(bench, order, budget, shelf))
        report = CommandResult(command=COMMAND, planned=planned, cost=estimate_item_cost(order, budget))
        bulk.print_row(item.row, report, **item_keys(item, order.plan.decision.kind))


def _dry_run_requests(
    bench: BatchContext, order: WorkItem, budget: Budget, shelf: InputsByModel
) -> Iterator[DryRunRequest]:
    errand = build_batch_run_context(bench, "dry-run")
    inputs = shelf.for_model(order.plan.item.model)
    for request in order.calls():
        _, http = prepare_call(request, inputs.fit_inputs(request.request, lambda event: None), errand)
        names = [file.name for files in request.files for file in files]
        yield replace(
            build_dry_run_request(request, http, budget, bench.settings, bench.env, names=names),
            cost=budget.cost_of(request.index),
        )
