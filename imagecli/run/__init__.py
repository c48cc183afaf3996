"""One request from plan to picture, in two halves with `Prepared` between them: prepare, then finish.

The only room that knows the order of things. It announces, never prints, and keeps what is paid for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.api.results import Results
from imagecli.api.spool import open_entry
from imagecli.api.transport import Transport
from imagecli.errors import as_error
from imagecli.events import Listen, Noted
from imagecli.outcome import Outcome
from imagecli.plan import Request
from imagecli.run.finish import finish
from imagecli.run.inputs import Inputs as Inputs
from imagecli.run.prepare import Errand as Errand
from imagecli.run.prepare import describe, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every request of a command shares."""

    errand: Errand
    inputs: Inputs
    transport: Transport
    results: Results
    state_dir: Path
    """Answers are kept in its `spool` until they are saved, or beside the output where it can't be written."""


def carry_out(request: Request, tools: Tools, listen: Listen) -> Outcome:
    """Buys and saves what *request* asks for. What goes wrong, bugs too, is in the outcome."""
    try:
        return _bought(request, tools, listen)
    except Exception as problem:
        error = as_error(problem)
        return Outcome(
            request=request.index,
            asked=request.ask.rendering.n,
            provider=tools.errand.provider.name,
            model=request.ask.rendering.model,
            errors=(error,),
            status=error.status,
            request_id=error.request_id,
        )


def _bought(request: Request, tools: Tools, listen: Listen) -> Outcome:
    prepared, http = prepare(request, tools.inputs.fitted(request.ask, listen), tools.errand)
    folders = (tools.state_dir / "spool", prepared.names[0].folder / ".imagecli-spool")
    with open_entry(prepared.id, describe(prepared), folders) as entry:
        answer = tools.transport.send(http, entry.file, request.index, listen)
        if tools.errand.provider.embedded and (note := answer.headers.get("x-sandbox-note")):
            listen(Noted(code="sandbox", message=note))
        request_id = answer.headers.get("x-request-id")
        try:
            outcome = finish(prepared, entry.read(), tools.results, tools.state_dir / "rescued", listen)
        except Exception as problem:
            error = as_error(problem)
            error.status, error.request_id = answer.status, request_id
            raise error from problem
        for error in outcome.errors:
            # The answer itself stays too: it has the addresses, and the text of what could not be decoded.
            error.request_id = request_id
            kept = entry.keep()
            error.rescued_path = error.rescued_path or str(kept)
        return replace(outcome, status=answer.status, request_id=request_id)
