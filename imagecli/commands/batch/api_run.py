"""A manifest by the provider's Batch API: what is done is fetched, what is missing handed in; each run is a step on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from imagecli.batch.counts import RunCounts
from imagecli.batch.journal.lock import manifest_lock
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.work_item import ItemPlan
from imagecli.commands.batch.api_state import BatchApiRun, needs_batch_api, open_batch_api_run
from imagecli.commands.batch.api_steps import cancel_pending, fetch_finished, submit_missing, wait_for_batches
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.reporter import BatchEventFilter, BatchReporter
from imagecli.commands.batch.run import count_kept, plan_and_note, recover_earlier_runs
from imagecli.errors import ImagecliError, Terminated, UnsavedError, UsageError, signal_exit_code
from imagecli.output.batch import BatchOutput
from imagecli.output.choose_progress import open_batch_progress
from imagecli.pipeline.build import new_run_id, spool_places
from imagecli.pricing.budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchApiMode:
    """How far a run goes."""

    wait: bool = False
    """Until all is there."""
    cancel: bool = False
    """Nothing is handed in, and what is away is called back."""


def run_batch_api(bench: BatchContext, mode: BatchApiMode) -> int:
    """One step on: fetches what is done, hands in what is missing, shows both, and returns the exit code.

    Raises UsageError, OutputError or AuthenticationError before anything is sent, and what asking for the state of
    things meets.
    """
    _check_not_embedded(bench, mode)
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
        if not mode.cancel:
            check_unrecorded(purchases, spool_places(bench.settings))
        tally = RunCounts(total=len(purchases), kept=count_kept(purchases))
        ends = BatchReporter(
            bench,
            tally,
            BatchOutput(bench.env, bench.display, heard),
            Budget.build((), bench.settings_with_cap_share()),
        )
        ends.add_kept(purchases, ledger)
        _journal_found_files(purchases, journal)
        if not needs_batch_api(bench, purchases, ledger):
            ends.add_pending(purchases, ledger, {})
            return ends.print_summary([], watch)
        office = open_batch_api_run(bench, ledger, journal, ends, watch, new_run_id(bench.env), stack)
        errors = _run_step(office, mode)
        office.close()
    away = office.budget.cost() if office.pending_items else None
    return ends.print_summary(errors, watch, cost=office.cost(), away=away, batches=office.batch_states())


def _journal_found_files(purchases: Sequence[ItemPlan], journal: JournalWriter) -> None:
    """Tells the journal of files that were found or adopted. Raises OutputError, DiskError."""
    if entries := [entry for purchase in purchases for entry in purchase.decision.entries]:
        journal.open()
        journal.write_all(entries)


def _run_step(office: BatchApiRun, mode: BatchApiMode) -> list[ImagecliError]:
    """What went wrong outside of rows."""
    errors: list[ImagecliError] = []
    try:
        if mode.cancel:
            errors += cancel_pending(office)
        if mode.wait:
            errors += wait_for_batches(office, hand_in=not mode.cancel)
        else:
            errors += fetch_finished(office)
            if not mode.cancel and not errors:
                errors += submit_missing(office)
    except (KeyboardInterrupt, Terminated) as signal:
        office.reporter.counts.signal_code = signal_exit_code(signal)
        errors.append(_interruption_error(office))
    return errors


def _check_not_embedded(bench: BatchContext, mode: BatchApiMode) -> None:
    """Raises UsageError where what is handed in would be gone with the command."""
    if bench.settings.provider.embedded and not mode.wait:
        raise UsageError(
            "the sandbox of a command ends with it, and so do its batches; nothing was sent",
            hint="add --wait; or imagecli sandbox in another terminal, and --base-url with the address that it prints",
        )


def _interruption_error(office: BatchApiRun) -> ImagecliError:
    hint = "run the same command again: it goes on where this one stopped"
    if office.context.settings.provider.embedded:
        return UnsavedError("interrupted: the sandbox's batches end with it", hint=hint, code="interrupted")
    if away := len(office.pending):
        rows, them = ("row", "it") if away == 1 else ("rows", "them")
        said = f"interrupted: the Batch API has {away:,} {rows}, and goes on"
        return UnsavedError(said, hint=f"{hint}; --cancel calls {them} back", code="interrupted")
    return UnsavedError("interrupted", hint=hint, code="interrupted")
