"""An order carried out: the tools laid out, inputs and folders tried, then every request sent and finished."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from imagecli import run, schedule
from imagecli.api.results import Results
from imagecli.api.transport import Transport
from imagecli.api.wire import Timeouts
from imagecli.commands.desk import Desk
from imagecli.commands.order import Order
from imagecli.commands.watch import Watch
from imagecli.errors import Terminated
from imagecli.events import Started, Warned
from imagecli.outcome import Outcome, Report
from imagecli.plan import Request, pictures
from imagecli.report.plain import Plain
from imagecli.store.places import check_folder


def purchase(desk: Desk, placed: Order, report: Report, listener: Plain) -> Report:
    """*report* with the outcome of every request of *placed*, or of as many as came before a signal or a last straw.

    Raises InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with ExitStack() as stack:
        tools = _tools(desk, stack)
        _try_all(desk, placed, tools, listener)
        if desk.settings.no_key:
            raise desk.settings.no_key
        listener(Started(requests=len(placed.requests), pictures=pictures(placed.requests)))
        outcomes: list[Outcome] = []

        def done(outcome: Outcome) -> bool:
            outcomes.append(outcome)
            return not outcome.is_final

        watch = Watch(listener, desk.settings.state_dir / "spool", desk.settings.provider.name, desk.row.name)
        try:
            schedule.run(
                lambda request, listen: run.carry_out(request, tools, listen),
                placed.requests,
                jobs=desk.settings.provider.jobs,
                listen=watch,
                done=done,
            )
        except (KeyboardInterrupt, Terminated) as signal:
            return replace(report, **watch.interrupted(signal, outcomes, pictures(placed.requests)))
    if unsent := len(placed.requests) - len(outcomes):
        saved = sum(len(outcome.saved) for outcome in outcomes)
        said = f"stopped: {saved} of {pictures(placed.requests)} pictures saved, {unsent} requests were not sent"
        listener(Warned(code="stopped", message=said))
    return replace(report, outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.request)))


def _try_all(desk: Desk, placed: Order, tools: run.Tools, listener: Plain) -> None:
    """What can still be wrong, found out before the first request is paid for."""
    for request in placed.requests:
        tools.inputs.fitted(request.ask, listener)
    if desk.output.kind != "stdout":
        for folder in _folders(placed.requests):
            check_folder(folder)


def _folders(requests: tuple[Request, ...]) -> list[Path]:
    return list(dict.fromkeys(name.folder for request in requests for name in request.names))


def _tools(desk: Desk, stack: ExitStack) -> run.Tools:
    settings = desk.settings
    base_url = settings.base_url
    if settings.provider.embedded:
        from imagecli.sandbox.server import Sandbox

        base_url = stack.enter_context(Sandbox()).base_url
    timeouts = Timeouts(silence=settings.timeout, total=settings.timeout) if settings.timeout else Timeouts()
    return run.Tools(
        errand=run.Errand(
            run_id=f"{desk.env.now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
            command=desk.command,
            provider=settings.provider,
            base_url=base_url,
            query=settings.query,
            if_exists=settings.values.get("if_exists"),
            stdout=desk.output.kind == "stdout",
        ),
        inputs=run.Inputs(desk.row),
        transport=Transport(
            key=settings.key.secret if settings.key else None,
            auth=settings.key.auth if settings.key else settings.provider.auth,
            headers=settings.headers,
            timeouts=timeouts,
            max_retries=settings.max_retries,
            max_wait=settings.max_wait,
            direct=settings.provider.embedded,
        ),
        results=Results(timeouts=timeouts, direct=settings.provider.embedded, max_wait=settings.max_wait),
        state_dir=settings.state_dir,
    )
