"""An order carried out: the tools laid out, inputs and folders tried, then every request sent and finished."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from imagecli import run, schedule
from imagecli.commands.desk import Desk
from imagecli.commands.order import Order
from imagecli.commands.preflight import check_folders, check_inputs, errand_of
from imagecli.commands.tools import lay_out, run_id, spool_places
from imagecli.commands.watch import Watch
from imagecli.config.keys import Key
from imagecli.errors import AuthenticationError, Terminated
from imagecli.events import Started, Warned
from imagecli.outcome import Outcome, Report
from imagecli.plan import Request, pictures
from imagecli.report.plain import Plain
from imagecli.run.recovery import clear_unanswered
from imagecli.spending.budget import Budget
from imagecli.spending.till import Till


def purchase(desk: Desk, placed: Order, report: Report, listener: Plain) -> Report:
    """*report* with the outcome of every request of *placed*, or of as many as came before a signal or a last straw.

    Raises InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with ExitStack() as stack:
        settings = desk.settings
        errand = errand_of(desk, settings.base_url, run_id(desk.env))
        tools = lay_out(settings, desk.catalog, errand, run.Inputs(desk.row), stack)
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
    desk: Desk, requests: tuple[Request, ...], tools: run.Tools, budget: Budget, report: Report, listener: Plain
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
        schedule.run(
            lambda request, listen, slot: till.bought(
                request.index, slot, lambda permit: run.carry_out(request, tools, listen, permit)
            ),
            requests,
            jobs=desk.settings.provider.jobs,
            ahead=True,
            listen=watch,
            done=done,
        )
    except (KeyboardInterrupt, Terminated) as signal:
        run.abandon({folder for request in requests for folder in request.folders}, tools)
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
