"""An order carried out: the tools laid out, inputs and folders tried, then every request sent and finished.

What a purchase and a dry run have alike before the first request: the errand, and what can still be wrong.

What a signal must tell: what is saved, and what may have been paid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagecli import worker_pool
from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.plan import RequestPlan
from imagecli.config.keys import Key
from imagecli.errors import AuthenticationError, Terminated, UnsavedError, signal_exit_code
from imagecli.events import (
    Event,
    EventHandler,
    ImageSaved,
    RetryWait,
    RunStarted,
    SpoolOpened,
    UploadProgress,
    WarningEvent,
)
from imagecli.output.progress import PlainProgress
from imagecli.pipeline import execute
from imagecli.pipeline.build import build_pipeline, new_run_id, spool_places
from imagecli.pipeline.inputs import InputCache
from imagecli.pipeline.prepare import RunContext
from imagecli.pipeline.recover import discard_unanswered
from imagecli.plan import PlannedCall, count_images
from imagecli.pricing.budget import Budget
from imagecli.pricing.spend_guard import SpendGuard
from imagecli.results import CallResult, CommandResult
from imagecli.storage.preflight import check_folder, check_response_size


def build_run_context(desk: CommandContext, base_url: str, run_id: str) -> RunContext:
    """What all requests of the command have alike."""
    return RunContext(
        run_id=run_id,
        command=desk.command,
        provider=desk.settings.provider,
        base_url=base_url,
        query=desk.settings.query,
        if_exists=desk.settings.values.get("if_exists"),
        stdout=desk.output.kind == "stdout",
        keep_partials=desk.keep_partials,
    )


def check_inputs(requests: Iterable[PlannedCall], inputs: InputCache, on_event: EventHandler) -> None:
    """Reads and fits every picture that goes up. Raises InputImageError."""
    for request in requests:
        inputs.fit_inputs(request.request, on_event)


def check_folders(desk: CommandContext, requests: Collection[PlannedCall], *, make: bool) -> None:
    """Tries every folder that is saved to; *make*: missing ones are made. Raises OutputError, DiskError."""
    check_response_size(max((request.request.options.n for request in requests), default=1))
    if desk.output.kind != "stdout":
        for folder in dict.fromkeys(folder for request in requests for folder in request.folders):
            check_folder(folder, make=make)


class InterruptTracker:
    """Passes events on, and remembers which requests were sent and which pictures saved."""

    def __init__(self, listener: PlainProgress, provider: str, model: str) -> None:
        self._listener = listener
        self._provider, self._model = provider, model
        self._spools: dict[int, Path] = {}
        self._sent: set[int] = set()
        self._saved: list[ImageSaved] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, SpoolOpened):
            self._spools[event.request] = event.folder
        if isinstance(event, UploadProgress):
            self._sent.add(event.request)
        if isinstance(event, RetryWait):
            # The server has answered that it made nothing; it is not under way until it is sent again.
            self._sent.discard(event.request)
        if isinstance(event, ImageSaved):
            self._saved.append(event)
        self._listener(event)

    def interrupted_fields(self, signal: BaseException, outcomes: list[CallResult], asked: int) -> dict[str, Any]:
        """The report's fields after Ctrl-C or SIGTERM."""
        ended = {outcome.request for outcome in outcomes}
        open_requests = self._sent - ended
        half = tuple(event.image for event in self._saved if event.image.request not in ended)
        saved = len(half) + sum(len(outcome.saved) for outcome in outcomes)
        words = f"interrupted: {saved} of {asked} pictures saved"
        hint = "nothing else was sent"
        if open_requests:
            words += f"; {len(open_requests)} request{'s' * (len(open_requests) > 1)} under way may be billed"
            kept = " and ".join(
                sorted({str(folder) for request, folder in self._spools.items() if request in open_requests})
            )
            hint = f"imagecli recover saves what came, kept in {kept}; the provider's usage page tells what was billed"
        unfinished = [
            CallResult(
                request=request,
                asked=0,
                provider=self._provider,
                model=self._model,
                saved=tuple(image for image in half if image.request == request),
            )
            for request in open_requests
        ]
        return {
            "outcomes": tuple(sorted([*outcomes, *unfinished], key=lambda outcome: outcome.request)),
            "errors": (UnsavedError(words, hint=hint, code="interrupted"),),
            "signal_code": signal_exit_code(signal),
        }


def execute_plan(
    desk: CommandContext, placed: RequestPlan, report: CommandResult, listener: PlainProgress
) -> CommandResult:
    """*report* with the outcome of every request of *placed*, or of as many as came before a signal or a last straw.

    Raises InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with ExitStack() as stack:
        settings = desk.settings
        errand = build_run_context(desk, settings.base_url, new_run_id(desk.env))
        tools = build_pipeline(settings, desk.catalog, errand, InputCache(desk.model), stack)
        check_inputs(placed.calls, tools.inputs, listener)
        budget = Budget.build([(request, desk.model) for request in placed.calls], settings)
        if refusal := budget.refusal():
            return replace(report, errors=(*report.errors, refusal), cost=budget.cost())
        check_folders(desk, placed.calls, make=True)
        if settings.no_key:
            raise settings.no_key
        discard_unanswered(spool_places(settings), listener)
        return _execute_calls(desk, placed.calls, tools, budget, report, listener)


def _execute_calls(
    desk: CommandContext,
    requests: tuple[PlannedCall, ...],
    tools: execute.Pipeline,
    budget: Budget,
    report: CommandResult,
    listener: PlainProgress,
) -> CommandResult:
    """*report* after every request was sent, or as many as the cap, a signal or a last straw let."""
    asked = count_images(requests)
    listener(RunStarted(requests=len(requests), pictures=asked))
    till = SpendGuard(budget)
    outcomes: list[CallResult] = []

    def done(outcome: CallResult | None) -> bool:
        if outcome is None:
            return False
        outcomes.append(outcome)
        add_key_origin(outcome, desk.settings.key)
        return not outcome.is_final

    watch = InterruptTracker(listener, desk.settings.provider.name, desk.model.name)
    try:
        worker_pool.run_in_threads(
            lambda request, on_event, slot: till.run_within_cap(
                request.index, slot, lambda permit: execute.execute_call(request, tools, on_event, permit)
            ),
            requests,
            jobs=desk.settings.provider.jobs,
            ahead=True,
            on_event=watch,
            done=done,
        )
    except (KeyboardInterrupt, Terminated) as signal:
        execute.discard_interrupted({folder for request in requests for folder in request.folders}, tools)
        ended = watch.interrupted_fields(signal, outcomes, asked)
        _warn_of_overrun(budget, ended["outcomes"], listener)
        return replace(report, **ended, cost=budget.cost(ended["outcomes"]))
    _warn_of_unsent(outcomes, requests, listener)
    _warn_of_overrun(budget, outcomes, listener)
    return replace(
        report,
        outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.request)),
        errors=(*report.errors, *till.refusals()),
        cost=budget.cost(outcomes),
    )


def add_key_origin(outcome: CallResult, key: Key | None) -> None:
    """A key that was refused is named by where it was found; there may be a better one elsewhere."""
    for error in outcome.errors:
        if key and isinstance(error, AuthenticationError):
            error.message += f"; the key comes from {key.origin}"


def _warn_of_overrun(budget: Budget, outcomes: Sequence[CallResult], listener: PlainProgress) -> None:
    if overrun := budget.overrun_warning(outcomes):
        listener(overrun)


def _warn_of_unsent(outcomes: list[CallResult], requests: tuple[PlannedCall, ...], listener: PlainProgress) -> None:
    if unsent := len(requests) - len(outcomes):
        saved = sum(len(outcome.saved) for outcome in outcomes)
        said = f"stopped: {saved} of {count_images(requests)} pictures saved, {unsent} requests were not sent"
        listener(WarningEvent(code="stopped", message=said))
