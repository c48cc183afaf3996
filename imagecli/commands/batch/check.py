"""`--check` and `--dry-run`: which images are missing or stale, and what creating them would send and cost."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from imagecli.batch.decisions import DecisionKind
from imagecli.batch.item_plan import ItemPlan, estimate_item_cost
from imagecli.batch.run_counts import RunCounts
from imagecli.batch.untrusted_responses import check_unrecorded
from imagecli.commands.batch.context import BatchContext, ConcurrencyOptions
from imagecli.commands.batch.gallery import write_batch_gallery
from imagecli.commands.batch.kept_files import find_kept_files
from imagecli.commands.batch.open_run import (
    BatchRun,
    check_inputs_and_folders,
    check_renamed,
    count_up_to_date,
    find_moves,
    number_calls,
    open_batch_run,
    plan_run,
)
from imagecli.commands.batch.plan_items import disk_state
from imagecli.commands.batch.reporter import NO_COST, item_keys
from imagecli.config.settings import Settings
from imagecli.errors import EXIT_INCOMPLETE
from imagecli.events import ignore_event
from imagecli.output.batch import COMMAND
from imagecli.output.dry_run import BatchDryRun, format_batch_dry_run
from imagecli.pipeline.prepare_call import InputsByModel, spool_places
from imagecli.plan_calls import PlannedCall
from imagecli.pricing.command_cost import Budget
from imagecli.providers.request import build_http_request
from imagecli.results import CommandResult, DryRunRequest
from imagecli.safe_open import real_path

MAX_ITEMS_SHOWN = 20
"""Items of a dry run whose files are listed; --json lists all."""


def run_check(context: BatchContext) -> int:
    """Lists what is missing or stale, and returns 10 if anything is. Raises OutputError for existing files."""
    with open_batch_run(context, read_only=True) as run:
        plans = plan_run(run)
        for move in find_moves(run, plans):
            run.events(move.note())
    gaps = [plan for plan in plans if plan.decision.kind != "done"]
    counts = RunCounts(total=len(plans), up_to_date=count_up_to_date(plans), missing=len(gaps))
    if context.display.json:
        for plan in plans:
            _print_row(run, plan)
    run.output.print_lines(f"{plan.decision.kind:<8} {path}" for plan in gaps for path in plan.writes or plan.outputs)
    message = f"{len(gaps):,} of {counts.total:,} missing or stale" if gaps else f"all {counts.total:,} up to date"
    if pending := _count(plans, "submitted"):
        message += f", {pending:,} of them pending in the Batch API"
    if waiting := _count(plans, "waiting"):
        message += f", {waiting:,} of them received by an earlier run"
    gallery = write_batch_gallery(context, counts)
    exit_code = counts.exit_code()
    run.output.print_summary(
        message,
        gallery.errors,
        NO_COST,
        run.events.notes,
        status=counts.status(),
        exit_code=exit_code,
        summary={
            "purchases": counts.total,
            "kept": counts.up_to_date,
            "missing_or_stale": counts.missing,
            "submitted": pending,
            **gallery.keys,
        },
    )
    return exit_code or run.output.exit_code


def _print_row(run: BatchRun, plan: ItemPlan) -> None:
    """Prints a row's JSON object: its files that exist, and whether those are all."""
    files = find_kept_files(plan, run.state, disk_state(run.context), run.context.manifest.folder)
    keys = item_keys(plan.item, plan.decision.kind)
    if plan.decision.kind != "done":
        keys |= {"status": "stale", "exit_code": EXIT_INCOMPLETE}
    run.output.print_row(plan.item.row, CommandResult(command=COMMAND, skipped=tuple(files), cost=NO_COST), **keys)


def dry_run_batch(context: BatchContext, options: ConcurrencyOptions) -> int:
    """Prints what would be requested, for how much, and how long that takes at least."""
    with open_batch_run(context, read_only=True) as run:
        plans = plan_run(run)
        check_renamed(run, plans)
        check_unrecorded(plans, spool_places(context.settings))
        to_create, budget = number_calls(context, plans)
        check_inputs_and_folders(to_create, run.events, make=False)
    refusal = budget.refusal()
    dry_run = _build_dry_run(context, plans, to_create, budget, options)
    if context.display.json:
        _print_requests(run, to_create, budget)
    run.output.print_lines(format_batch_dry_run(dry_run))
    run.output.print_summary(
        "dry run: nothing was sent",
        [refusal] if refusal else [],
        dry_run.cost,
        run.events.notes,
        status="failed" if refusal else "planned",
        exit_code=refusal.exit_code if refusal else 0,
        summary={
            "rows": dry_run.rows,
            "purchases": dry_run.items,
            "kept": dry_run.up_to_date,
            "requests": dry_run.requests,
            "pictures": dry_run.images,
            "files": dry_run.files,
            "least_seconds": dry_run.min_seconds,
            "reads": [str(real_path(path)) for path in context.manifest_items.reads],
        },
    )
    return refusal.exit_code if refusal else run.output.exit_code


def _count(plans: Sequence[ItemPlan], kind: DecisionKind) -> int:
    return sum(plan.decision.kind == kind for plan in plans)


def _build_dry_run(
    context: BatchContext,
    plans: Sequence[ItemPlan],
    to_create: Sequence[ItemPlan],
    budget: Budget,
    options: ConcurrencyOptions,
) -> BatchDryRun:
    batch_row = context.settings.provider.batch if context.batch_api else None
    images = sum(len(plan.decision.to_create) for plan in to_create)
    first_plans = to_create[:MAX_ITEMS_SHOWN]
    return BatchDryRun(
        manifest=context.manifest.name,
        rows=context.manifest_items.row_count,
        items=len(plans),
        up_to_date=count_up_to_date(plans),
        pending=_count(plans, "submitted"),
        waiting=_count(plans, "waiting"),
        requests=len(budget.requests),
        images=images,
        files=sum(len(plan.writes) for plan in to_create),
        cost=budget.cost() if to_create else NO_COST,
        # The first image is requested immediately.
        min_seconds=round(max(images - 1, 0) * 60 / options.rate, 1) if options.rate and not batch_row else None,
        rate=options.rate,
        jobs=options.jobs or context.settings.provider.jobs,
        window=batch_row.window if batch_row else "",
        first=tuple((plan.decision.kind, path) for plan in first_plans for path in plan.writes),
        more=len(to_create) - len(first_plans),
        reads=tuple(_with_target(path, context.manifest.folder) for path in context.manifest_items.reads),
    )


def _with_target(path: Path, folder: Path) -> str:
    """*path*, and its target if links below the manifest's *folder* lead elsewhere."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    target = real_path(path)
    is_link = target != Path(os.path.normpath(real_path(folder) / inside))
    return f"{path}, a link to {target}" if is_link else str(path)


def _print_requests(run: BatchRun, plans: Sequence[ItemPlan], budget: Budget) -> None:
    """Prints each row's JSON object with its complete requests, so that other tools can send them."""
    from imagecli.commands.image.dry_run import printable_headers  # loads the HTTP client

    inputs, headers = InputsByModel(), printable_headers(run.context.settings, run.context.env)
    for plan in plans:
        requests = tuple(_dry_run_requests(run.context.settings, plan, budget, inputs, headers))
        result = CommandResult(command=COMMAND, planned=requests, cost=estimate_item_cost(plan, budget))
        run.output.print_row(plan.item.row, result, **item_keys(plan.item, plan.decision.kind))


def _dry_run_requests(
    settings: Settings, plan: ItemPlan, budget: Budget, inputs: InputsByModel, headers: dict[str, str]
) -> Iterator[DryRunRequest]:
    from imagecli.commands.image.dry_run import build_dry_run_request

    cache = inputs.for_model(plan.item.model)
    for number, (request, targets_by_image) in enumerate(plan.requests_with_targets(), plan.first_call):
        # The inputs were checked before, with their notes.
        images = cache.fit_inputs(request, ignore_event).images
        http = build_http_request(request, images, settings.provider, settings.base_url, settings.query)
        names = [
            target.name._replace(folder=_absolute_folder(target.folder))
            for targets in targets_by_image
            for target in targets
        ]
        yield build_dry_run_request(
            PlannedCall(index=number, request=request), http, budget, settings, headers, names=names
        )


@lru_cache(maxsize=1024)
def _absolute_folder(folder: Path) -> Path:
    """Cached, as thousands of files share few folders."""
    return folder.absolute()
