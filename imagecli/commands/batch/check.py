"""A manifest looked at, and nothing sent: is all of it there (`--check`), and what would be bought (`--dry-run`)?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from imagecli.batch.counts import Tally
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.state import Ledger
from imagecli.batch.prune import moves, orphans
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.work_item import Order, Purchase
from imagecli.commands.batch.context import Bench
from imagecli.commands.batch.reporter import NOTHING, BulkWatch, cost_of, kept_files, keys_of, outputs_of
from imagecli.commands.batch.run import Pace, Shelf, check_all, decided, errand_of, kept_of, orders_of
from imagecli.commands.image.dry_run import planned_request
from imagecli.errors import EXIT_INCOMPLETE, ImagecliError
from imagecli.events import Listen
from imagecli.output.batch import COMMAND, Bulk
from imagecli.output.choose_progress import open_listener
from imagecli.output.plan import Plan, batch_plan_lines
from imagecli.pipeline.build import spool_places
from imagecli.pipeline.prepare import prepare
from imagecli.pricing.budget import Budget
from imagecli.results import PlannedRequest, Report
from imagecli.safe_open import real_path


def check(bench: Bench) -> int:
    """Lists what is missing or stale, and returns 10 where anything is. Raises OutputError for what is in the way."""
    with open_listener(bench.env, bench.style) as heard:
        watch = BulkWatch(heard)
        bench.remark(watch)
        ledger = read_journals(bench.owner, watch)
        purchases = decided(bench, ledger, watch)
        _say_moves(bench, purchases, ledger, watch)
    bulk = Bulk(bench.env, bench.style, heard)
    gaps = [purchase for purchase in purchases if purchase.decision.kind != "done"]
    away = [purchase for purchase in gaps if not purchase.decision.buy]
    tally = Tally(total=len(purchases), kept=kept_of(purchases), gaps=len(gaps))
    if bench.style.json:
        for purchase in purchases:
            _show_row(purchase, ledger, bench, bulk)
    bulk.lines([f"{one.decision.kind:<8} {path}" for one in gaps for path in one.decision.writes or one.outputs])
    said = f"{len(gaps):,} of {tally.total:,} are missing or stale" if gaps else f"all {tally.total:,} are there"
    said += f", {len(away):,} of them with the Batch API" if away else ""
    bulk.summary(
        said,
        (),
        NOTHING,
        watch.remarks,
        status=tally.status,
        exit_code=tally.exit_code,
        summary={
            "purchases": tally.total,
            "kept": tally.kept,
            "missing_or_stale": tally.gaps,
            "submitted": len(away),
        },
    )
    return tally.exit_code or bulk.exit_code


def _say_moves(bench: Bench, purchases: Sequence[Purchase], ledger: Ledger, listen: Listen) -> None:
    """What is missing under its new name alone need not be bought."""
    folder = bench.manifest.folder
    missing = [(one.wanted, one.decision) for one in purchases if one.decision.kind == "missing"]
    if missing and ledger.runs:
        planned = [path for item in bench.assets.items for path in outputs_of(item)]
        for note in moves(missing, orphans(planned, ledger, bench.standing()), folder):
            listen(note)


def _show_row(purchase: Purchase, ledger: Ledger, bench: Bench, bulk: Bulk) -> None:
    """A row's object: what of it is there, and whether that is all."""
    kept = kept_files(purchase, ledger, bench.standing(), bench.manifest.folder)
    keys = keys_of(purchase.item, purchase.decision.kind)
    if purchase.decision.kind != "done":
        keys |= {"status": "stale", "exit_code": EXIT_INCOMPLETE}
    bulk.row(purchase.item.row, Report(command=COMMAND, kept=tuple(kept), cost=NOTHING), **keys)


def rehearse(bench: Bench, pace: Pace) -> int:
    """Shows what would be bought, for how much, and how long it takes at least."""
    errors: list[ImagecliError] = []
    with open_listener(bench.env, bench.style) as heard:
        watch = BulkWatch(heard)
        bench.remark(watch)
        ledger = read_journals(bench.owner, watch)
        purchases = decided(bench, ledger, watch)
        _say_moves(bench, purchases, ledger, watch)
        check_unrecorded(purchases, spool_places(bench.settings))
        orders, budget = orders_of(bench, purchases)
        check_all(orders, watch, make=False)
    if refusal := budget.refusal():
        errors.append(refusal)
    bulk = Bulk(bench.env, bench.style, heard)
    shown = _plan(bench, purchases, orders, budget, pace)
    if bench.style.json:
        _show_requests(bench, orders, budget, bulk, watch)
    bulk.lines(batch_plan_lines(shown))
    bulk.summary(
        "nothing was sent: this was a dry run",
        errors,
        budget.cost() if orders else NOTHING,
        watch.remarks,
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
            "reads": [str(real_path(path)) for path in bench.assets.reads],
        },
    )
    return errors[0].exit_code if errors else bulk.exit_code


def _plan(bench: Bench, purchases: Sequence[Purchase], orders: Sequence[Order], budget: Budget, pace: Pace) -> Plan:
    batch = bench.settings.provider.batch if bench.batch_api else None
    pictures = sum(len(order.purchase.decision.buy) for order in orders)
    return Plan(
        manifest=bench.manifest.name,
        rows=bench.rows,
        purchases=len(purchases),
        kept=kept_of(purchases),
        away=sum(purchase.decision.kind == "submitted" for purchase in purchases),
        requests=len(budget.requests),
        pictures=pictures,
        files=sum(len(order.purchase.decision.writes) for order in orders),
        cost=budget.cost() if orders else NOTHING,
        # The first goes out at once.
        least_seconds=round(max(pictures - 1, 0) * 60 / pace.rate, 1) if pace.rate and not batch else None,
        rate=pace.rate,
        jobs=pace.jobs or bench.settings.provider.jobs,
        window=batch.window if batch else "",
        first=tuple(
            (order.purchase.decision.kind, path) for order in orders[:20] for path in order.purchase.decision.writes
        ),
        more=max(len(orders) - 20, 0),
        reads=tuple(_with_target(path, bench.manifest.folder) for path in bench.assets.reads),
    )


def _with_target(path: Path, folder: Path) -> str:
    """*path*, and where it leads if links below the manifest's *folder* lead to another place."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    target = real_path(path)
    is_link = target != Path(os.path.normpath(real_path(folder) / inside))
    return f"{path}, a link to {target}" if is_link else str(path)


def _show_requests(bench: Bench, orders: Sequence[Order], budget: Budget, bulk: Bulk, listen: Listen) -> None:
    """A row's object with all that its requests hold, for whoever sends them by other means."""
    shelf = Shelf()
    for order in orders:
        item = order.purchase.item
        planned = tuple(_planned(bench, order, budget, shelf))
        report = Report(command=COMMAND, planned=planned, cost=cost_of(order, budget))
        bulk.row(item.row, report, **keys_of(item, order.purchase.decision.kind))


def _planned(bench: Bench, order: Order, budget: Budget, shelf: Shelf) -> Iterator[PlannedRequest]:
    errand = errand_of(bench, "dry-run")
    inputs = shelf.of(order.purchase.item.model)
    for request in order.requests():
        _, http = prepare(request, inputs.fitted(request.ask, lambda event: None), errand)
        names = [file.name for files in request.files for file in files]
        yield replace(
            planned_request(request, http, budget, bench.settings, bench.env, names=names),
            cost=budget.cost_of(request.index),
        )
