"""`--batch-api`: a run downloads results and submits missing rows; with `--wait` until nothing is pending."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli.batch.run_counts import RunCounts
from imagecli.batch.untrusted_responses import check_unrecorded
from imagecli.commands.batch.api_state import BatchApiRun, needs_batch_api, open_batch_api_run
from imagecli.commands.batch.api_steps import BatchWaiter, cancel_pending, fetch_finished, is_temporary, submit_missing
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.gallery import write_batch_gallery
from imagecli.commands.batch.open_run import (
    check_renamed,
    count_up_to_date,
    find_pending_plans,
    find_waiting,
    journal_existing_files,
    open_batch_run,
    plan_run,
    settings_with_cap_share,
)
from imagecli.commands.batch.reporter import BatchReporter
from imagecli.commands.refused_key import explain_refused_key
from imagecli.errors import AuthenticationError, ImagecliError, Terminated, UnsavedError, signal_exit_code
from imagecli.pipeline.prepare_call import spool_places
from imagecli.pricing.command_cost import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchApiMode:
    """How far a run goes."""

    wait: bool = False
    """Until nothing is pending."""
    cancel: bool = False
    """Cancels what is pending, and submits nothing."""


def run_batch_api(context: BatchContext, mode: BatchApiMode) -> int:
    """Fetches what has ended, submits what is missing, prints both, and returns the exit code.

    Raises UsageError, OutputError or AuthenticationError before anything is sent, and the errors of asking the
    provider for its batches.
    """
    with open_batch_run(context) as run:
        plans = plan_run(run)
        if not mode.cancel:
            check_renamed(run, plans)
            check_unrecorded(plans, spool_places(context.settings))
        counts = RunCounts(total=len(plans), up_to_date=count_up_to_date(plans))
        budget = Budget.build((), settings_with_cap_share(context))
        reporter = BatchReporter(
            context=context, counts=counts, output=run.output, budget=budget, waiting=find_waiting(run, plans)
        )
        reporter.print_kept(plans, run.state)
        reporter.print_waiting(plans)
        journal_existing_files(run, plans)
        if not needs_batch_api(run, plans):
            pending = find_pending_plans(plans, run.state)
            counts.pending = len(pending)
            reporter.print_pending(pending, run.state, {})
            return reporter.print_summary([], run.events, gallery=write_batch_gallery(context, counts))
        try:
            api_run = open_batch_api_run(run, reporter)
            errors = [explain_refused_key(error, context.settings) for error in _run_steps(api_run, mode)]
        except AuthenticationError as error:
            raise explain_refused_key(error, context.settings) from error
        api_run.close()
    pending_cost = api_run.budget.cost() if api_run.pending_items else None
    return reporter.print_summary(
        errors,
        run.events,
        cost=api_run.cost(),
        pending_cost=pending_cost,
        gallery=write_batch_gallery(context, counts),
        batches=api_run.batch_states(),
    )


def _run_steps(api_run: BatchApiRun, mode: BatchApiMode) -> list[ImagecliError]:
    """Cancels, fetches and submits as *mode* says, to wait until nothing is pending if it says so.

    Returns the errors that belong to no row; of a run that waits, those that another attempt does not help against.
    """
    errors = [*api_run.errors]
    if errors and mode.wait:
        return errors
    waiter = BatchWaiter() if mode.wait else None
    try:
        if mode.cancel:
            errors += cancel_pending(api_run)
        while True:
            fetch_errors = fetch_finished(api_run)
            final = [error for error in fetch_errors if not (waiter and is_temporary(error))]
            if not (mode.cancel or errors or fetch_errors):
                # Also a row that was changed while it was pending, when its earlier version has ended.
                final = submit_missing(api_run)
            errors += final
            if final or not (waiter and waiter.wait(api_run, fetch_errors)):
                return errors
    except (KeyboardInterrupt, Terminated) as signal:
        api_run.reporter.counts.signal_code = signal_exit_code(signal)
        errors.append(_interruption_error(api_run))
    return errors


def _interruption_error(api_run: BatchApiRun) -> ImagecliError:
    hint = "run the same command to resume"
    if api_run.run.context.settings.provider.embedded:
        return UnsavedError("interrupted: the sandbox's batches are lost", hint=hint, code="interrupted")
    pending = len(api_run.find_pending_plans())
    if not pending:
        return UnsavedError("interrupted", hint=hint, code="interrupted")
    rows, them = ("row is", "it") if pending == 1 else ("rows are", "them")
    message = f"interrupted: {pending:,} {rows} still pending in the Batch API"
    return UnsavedError(message, hint=f"{hint}, or add --cancel to cancel {them}", code="interrupted")
