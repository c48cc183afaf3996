"""Executes a plan: checks inputs, cost and folders, then sends and saves every call; reports an interruption."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from operator import attrgetter

from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.plan import RequestPlan
from imagecli.domain import Generate
from imagecli.errors import Terminated, UnsavedError, signal_exit_code
from imagecli.events import WarningEvent
from imagecli.naming import path_for_format
from imagecli.output.plain_progress import PlainProgress
from imagecli.output.terminal import plural
from imagecli.pipeline.pipeline import OpenCall, Pipeline, build_pipeline, discard_unanswered, new_run_id
from imagecli.pipeline.prepare_call import InputCache, RunContext, spool_places
from imagecli.plan_calls import PlannedCall, count_images
from imagecli.pricing.command_cost import Budget
from imagecli.pricing.spend_guard import SpendGuard
from imagecli.results import CallResult, CommandResult
from imagecli.storage.preflight import check_folder, check_response_size
from imagecli.worker_pool import WorkerPool


def build_run_context(context: CommandContext, run_id: str) -> RunContext:
    """The values that all calls of the command share."""
    return RunContext(
        run_id=run_id,
        command=context.command,
        provider=context.settings.provider,
        base_url=context.settings.base_url,
        query=context.settings.query,
        if_exists=context.settings.if_exists,
        stdout=context.output.kind == "stdout",
        keep_partials=context.keep_partials,
        sidecar=context.settings.sidecar,
        history=context.settings.history,
    )


def check_folders(calls: Collection[PlannedCall], context: CommandContext, *, make: bool) -> None:
    """Checks every folder that is saved to, and the names of sidecars; *make*: missing folders are created.

    Raises OutputError, DiskError.
    """
    check_response_size(max((call.request.options.n for call in calls), default=1))
    if context.output.kind != "stdout":
        for folder in dict.fromkeys(folder for call in calls for folder in call.folders):
            check_folder(folder, make=make)
        if context.settings.sidecar:
            from imagecli.storage.sidecar import check_sidecar_name  # few commands write sidecars

            for call in calls:
                for name in call.names:
                    check_sidecar_name(path_for_format(name, call.request.options.output_format or "png").name)


def execute_plan(plan: RequestPlan, context: CommandContext, progress: PlainProgress) -> CommandResult:
    """The results of all calls of *plan*, or of those that were executed before a signal or a final error.

    Raises InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    settings = context.settings
    budget = Budget.build([(call.request, context.model) for call in plan.calls], settings)
    with ExitStack() as stack:
        pipeline = build_pipeline(
            settings,
            context.catalog,
            build_run_context(context, new_run_id(context.env)),
            InputCache(context.model),
            SpendGuard(budget),
            stack,
        )
        if with_inputs := [call.request for call in plan.calls if not isinstance(call.request, Generate)]:
            from imagecli.pipeline.check_inputs import check_inputs

            check_inputs(with_inputs, pipeline.inputs, progress)
        if refusal := budget.refusal():
            return CommandResult(command=context.command, errors=(refusal,), cost=budget.cost())
        check_folders(plan.calls, context, make=True)
        if settings.no_key:
            raise settings.no_key
        discard_unanswered(spool_places(settings), progress)
        progress(budget.run_started())
        result = _execute_calls(plan.calls, context, pipeline, budget, progress)
    if warning := budget.overrun_warning(result.outcomes):
        progress(warning)
    outcomes = tuple(outcome._replace(cost=budget.result_cost(outcome)) for outcome in result.outcomes)
    return result._replace(outcomes=outcomes, cost=budget.cost(outcomes))


def _execute_calls(
    calls: tuple[PlannedCall, ...],
    context: CommandContext,
    pipeline: Pipeline,
    budget: Budget,
    progress: PlainProgress,
) -> CommandResult:
    """The results of *calls*, or of those executed before the cost limit, a signal or a final error."""
    requested = count_images(calls)
    results: list[CallResult] = []
    try:
        with WorkerPool(jobs=context.settings.provider.jobs, on_event=progress) as pool:
            for result in pool.run(pipeline.execute, calls):
                if result.errors:
                    from imagecli.commands.refused_key import explain_refused_keys

                    result = explain_refused_keys(result, context.settings)
                results.append(result)
                pipeline.end_call(result.request)
                if result.is_final:
                    pool.stop()
    except (KeyboardInterrupt, Terminated) as signal:
        in_flight = pipeline.interrupt(folder for call in calls for folder in call.folders)
        return _interrupted_result(context, budget, signal, results, in_flight, requested)
    _warn_of_unsent(results, calls, progress)
    return CommandResult(command=context.command, outcomes=_in_order(results), errors=pipeline.spend_guard.refusals())


def _in_order(results: Iterable[CallResult]) -> tuple[CallResult, ...]:
    return tuple(sorted(results, key=attrgetter("request")))


def _interrupted_result(
    context: CommandContext,
    budget: Budget,
    signal: BaseException,
    results: Sequence[CallResult],
    in_flight: Sequence[OpenCall],
    requested: int,
) -> CommandResult:
    """The result of a command that Ctrl-C or SIGTERM ended: what is saved, and what may be billed."""
    # A signal can come between a result and the end of its call.
    finished_requests = {result.request for result in results}
    in_flight = [call for call in in_flight if call.request not in finished_requests]
    unfinished = [call.result() for call in in_flight]
    saved_count = sum(len(result.saved) for result in (*results, *unfinished))
    message = f"interrupted: {saved_count} of {requested} images saved"
    hint = "nothing else was sent"
    if in_flight:
        message += f"; {budget.describe_in_flight([call.request for call in in_flight])}"
        folders = sorted({str(call.folder) for call in in_flight})
        hint = f"run imagecli recover to save what was received (in {' and '.join(folders)})"
        if not context.settings.provider.free:
            hint += "; the provider's usage page shows what was billed"
    return CommandResult(
        command=context.command,
        outcomes=_in_order((*results, *unfinished)),
        errors=(UnsavedError(message, hint=hint, code="interrupted"),),
        signal_code=signal_exit_code(signal),
    )


def _warn_of_unsent(results: list[CallResult], calls: tuple[PlannedCall, ...], progress: PlainProgress) -> None:
    if unsent_count := len(calls) - len(results):
        saved_count = sum(len(result.saved) for result in results)
        message = f"stopped: {saved_count} of {count_images(calls)} images saved"
        message += f"; {plural(unsent_count, 'request')} not sent"
        progress(WarningEvent(code="stopped", message=message))
