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
from imagecli.commands.image.context import Desk
from imagecli.commands.image.plan import Order
from imagecli.config.keys import Key
from imagecli.errors import AuthenticationError, Terminated, UnsavedError, signal_code
from imagecli.events import Event, Listen, Saved, Sent, Spooled, Started, Waiting, Warned
from imagecli.output.progress import Plain
from imagecli.pipeline import execute
from imagecli.pipeline.build import lay_out, run_id, spool_places
from imagecli.pipeline.inputs import Inputs
from imagecli.pipeline.prepare import Errand
from imagecli.pipeline.recover import clear_unanswered
from imagecli.plan import Request, pictures
from imagecli.pricing.budget import Budget
from imagecli.pricing.spend_guard import Till
from imagecli.results import Outcome, Report
from imagecli.storage.preflight import check_answers, check_folder


def errand_of(desk: Desk, base_url: str, run_id: str) -> Errand:
    """What all requests of the command have alike."""
    return Errand(
        run_id=run_id,
        command=desk.command,
        provider=desk.settings.provider,
        base_url=base_url,
        query=desk.settings.query,
        if_exists=desk.settings.values.get("if_exists"),
        stdout=desk.output.kind == "stdout",
        keep_partials=desk.keep_partials,
    )


def check_inputs(requests: Iterable[Request], inputs: Inputs, listen: Listen) -> None:
    """Reads and fits every picture that goes up. Raises InputImageError."""
    for request in requests:
        inputs.fitted(request.ask, listen)


def check_folders(desk: Desk, requests: Collection[Request], *, make: bool) -> None:
    """Tries every folder that is saved to; *make*: missing ones are made. Raises OutputError, DiskError."""
    check_answers(max((request.ask.rendering.n for request in requests), default=1))
    if desk.output.kind != "stdout":
        for folder in dict.fromkeys(folder for request in requests for folder in request.folders):
            check_folder(folder, make=make)


class Watch:
    """Passes events on, and remembers which requests were sent and which pictures saved."""

    def __init__(self, listener: Plain, provider: str, model: str) -> None:
        self._listener = listener
        self._provider, self._model = provider, model
        self._spools: dict[int, Path] = {}
        self._sent: set[int] = set()
        self._saved: list[Saved] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Spooled):
            self._spools[event.request] = event.folder
        if isinstance(event, Sent):
            self._sent.add(event.request)
        if isinstance(event, Waiting):
            # The server has answered that it made nothing; it is not under way until it is sent again.
            self._sent.discard(event.request)
        if isinstance(event, Saved):
            self._saved.append(event)
        self._listener(event)

    def interrupted(self, signal: BaseException, outcomes: list[Outcome], asked: int) -> dict[str, Any]:
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
            Outcome(
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
            "signal_code": signal_code(signal),
        }


def purchase(desk: Desk, placed: Order, report: Report, listener: Plain) -> Report:
    """*report* with the outcome of every request of *placed*, or of as many as came before a signal or a last straw.

    Raises InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with ExitStack() as stack:
        settings = desk.settings
        errand = errand_of(desk, settings.base_url, run_id(desk.env))
        tools = lay_out(settings, desk.catalog, errand, Inputs(desk.row), stack)
        check_inputs(placed.requests, tools.inputs, listener)
        budget = Budget.of([(request, desk.row) for request in placed.requests], settings)
        if refusal := budget.refusal():
            return replace(report, errors=(*report.errors, refusal), cost=budget.cost())
        check_folders(desk, placed.requests, make=True)
        if settings.no_key:
            raise settings.no_key
        clear_unanswered(spool_places(settings), listener)
        return _carried_out(desk, placed.requests, tools, budget, report, listener)


def _carried_out(
    desk: Desk, requests: tuple[Request, ...], tools: execute.Tools, budget: Budget, report: Report, listener: Plain
) -> Report:
    """*report* after every request was sent, or as many as the cap, a signal or a last straw let."""
    asked = pictures(requests)
    desk.env.begun()
    listener(Started(requests=len(requests), pictures=asked))
    till = Till(budget)
    outcomes: list[Outcome] = []

    def done(outcome: Outcome | None) -> bool:
        if outcome is None:
            return False
        outcomes.append(outcome)
        say_whose_key(outcome, desk.settings.key)
        return not outcome.is_final

    watch = Watch(listener, desk.settings.provider.name, desk.row.name)
    try:
        worker_pool.run(
            lambda request, listen, slot: till.bought(
                request.index, slot, lambda permit: execute.carry_out(request, tools, listen, permit)
            ),
            requests,
            jobs=desk.settings.provider.jobs,
            ahead=True,
            listen=watch,
            done=done,
        )
    except (KeyboardInterrupt, Terminated) as signal:
        execute.abandon({folder for request in requests for folder in request.folders}, tools)
        ended = watch.interrupted(signal, outcomes, asked)
        _say_overrun(budget, ended["outcomes"], listener)
        return replace(report, **ended, cost=budget.cost(ended["outcomes"]))
    _say_unsent(outcomes, requests, listener)
    _say_overrun(budget, outcomes, listener)
    return replace(
        report,
        outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.request)),
        errors=(*report.errors, *till.refusals()),
        cost=budget.cost(outcomes),
    )


def say_whose_key(outcome: Outcome, key: Key | None) -> None:
    """A key that was refused is named by where it was found; there may be a better one elsewhere."""
    for error in outcome.errors:
        if key and isinstance(error, AuthenticationError):
            error.message += f"; the key comes from {key.origin}"


def _say_overrun(budget: Budget, outcomes: Sequence[Outcome], listener: Plain) -> None:
    if overrun := budget.overrun(outcomes):
        listener(overrun)


def _say_unsent(outcomes: list[Outcome], requests: tuple[Request, ...], listener: Plain) -> None:
    if unsent := len(requests) - len(outcomes):
        saved = sum(len(outcome.saved) for outcome in outcomes)
        said = f"stopped: {saved} of {pictures(requests)} pictures saved, {unsent} requests were not sent"
        listener(Warned(code="stopped", message=said))
