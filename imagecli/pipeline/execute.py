"""One request from plan to picture, in two halves with `Prepared` between them: prepare, then finish.

The only room that knows the order of things. It announces, never prints, and keeps what is paid for.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from imagecli.client.download import Results
from imagecli.client.send import HttpAnswer
from imagecli.client.spool import BODY, Entry, open_entry
from imagecli.client.spool_record import SPOOL_BESIDE
from imagecli.client.transport import Transport
from imagecli.errors import DiskError, ImagecliError, NotSentError, UnsavedError, as_error
from imagecli.events import Event, Listen, Noted, Sent, Spooled, Waiting, Warned
from imagecli.http_message import HttpRequest
from imagecli.pipeline.decompress import beginning
from imagecli.pipeline.finish import finish, is_settled, not_fetched
from imagecli.pipeline.inputs import Inputs
from imagecli.pipeline.partial_images import Ear, Partials
from imagecli.pipeline.prepare import Errand, describe, prepare
from imagecli.plan import Request
from imagecli.prepared import Prepared
from imagecli.pricing.spend_guard import Permit
from imagecli.providers.sse import HEAD_BYTES, is_stream
from imagecli.results import Outcome
from imagecli.storage.staging import discard_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every request of a command shares."""

    errand: Errand
    inputs: Inputs
    transport: Transport
    results: Results
    state_dir: Path
    """Answers are kept in its `spool` until they are saved, or beside the output where it can't be written."""
    record_folders: tuple[Path, ...] = ()
    """For the records of those that are beside an output."""
    bench: Lock = field(default_factory=Lock)
    """Held by whoever decodes a picture."""


def carry_out(request: Request, tools: Tools, listen: Listen, permit: Permit) -> Outcome:
    """Buys and saves what *request* asks for. What goes wrong, bugs too, is in the outcome."""
    try:
        return _bought(request, tools, listen, permit)
    except NotSentError:
        raise
    except Exception as problem:
        error = as_error(problem)
        return Outcome(
            request=request.index,
            asked=request.ask.rendering.n,
            provider=tools.errand.provider.name,
            model=request.ask.rendering.model,
            errors=(_with_way_out(error, "imagecli recover --list tells of it"),),
            status=error.status,
            request_id=error.request_id,
        )


def _bought(request: Request, tools: Tools, listen: Listen, permit: Permit) -> Outcome:
    prepared, http = prepare(request, tools.inputs.fitted(request.ask, listen), tools.errand)
    folders = (tools.state_dir / "spool", prepared.names[0].folder / SPOOL_BESIDE)

    def moved(body: Path) -> None:
        listen(Spooled(request=request.index, folder=body.parent))

    description = describe(prepared)
    with (
        open_entry(prepared.id, description, folders, moved, tools.record_folders) as entry,
        ExitStack() as asking,
    ):
        asking.enter_context(permit)
        answer, lost = _answered(request, prepared, http, entry, tools, listen)

        def came(outcome: Outcome) -> None:
            permit.came(outcome)
            asking.close()

        if tools.errand.provider.embedded and (note := answer.headers.get("x-sandbox-note")):
            listen(Noted(code="sandbox", message=note))
        request_id = answer.headers.get("x-request-id")
        try:
            rescue_folder = tools.state_dir / "rescued"
            outcome = finish(
                prepared,
                entry.file,
                tools.results,
                rescue_folder,
                listen,
                came=came,
                release=entry.close,
                bench=tools.bench,
                peer=entry.peer,
            )
        except Exception as problem:
            error = _because(lost, as_error(problem))
            error.status, error.request_id = answer.status, request_id
            raise error from problem
        if lost:
            listen(Warned(code=lost.code, message=lost.message))
        if outcome.unfetched:
            listen(not_fetched(outcome, entry.keep()))
        for error in outcome.errors:
            error.request_id = request_id
            if not is_settled(error):
                error.rescued_path = error.rescued_path or str(entry.keep())
                _with_way_out(error, "imagecli recover tries it again")
        entry.open = outcome.parcel is not None
        return replace(outcome, status=answer.status, request_id=request_id)


def _answered(
    request: Request, prepared: Prepared, http: HttpRequest, entry: Entry, tools: Tools, listen: Listen
) -> tuple[HttpAnswer, ImagecliError | None]:
    """The answer, its body in *entry*; and what broke it off, where that was a stream: its events count as they came.

    Raises what broke any other answer. Servers stream unasked, and don't where they are asked.
    """
    asked = request.ask.rendering.partial_images
    ear = Ear(entry.file, Partials(prepared=prepared, asked=asked, listen=listen))

    def on_connect(peer: str | None) -> None:
        entry.peer = peer

    try:
        heard = _marking(entry, listen)
        answer = tools.transport.send(http, ear, request.index, heard, ear.enough, packed=True, on_connect=on_connect)
        return answer, None
    except (UnsavedError, DiskError) as error:
        if not is_stream(beginning(entry.file, HEAD_BYTES)):
            raise
        return HttpAnswer(status=200, headers={}), error


def _because(lost: ImagecliError | None, error: ImagecliError) -> ImagecliError:
    """*error*, with what broke the answer off where it is no more than a consequence of that."""
    if lost and isinstance(error, UnsavedError):
        lost.message += f"; {error.message}"
        return lost
    return error


def abandon(folders: Iterable[Path], tools: Tools) -> None:
    """Removes what was staged in *folders* for pictures that an interrupted command does not save."""
    for folder in {*folders, tools.state_dir / "rescued"}:
        discard_all(folder, tools.errand.run_id)


def _marking(entry: Entry, listen: Listen) -> Listen:
    """*listen*, and the spool hears of it when the request goes out, and when the server says it made nothing."""

    def heard(event: Event) -> None:
        if isinstance(event, (Sent, Waiting)):
            entry.mark(sent=isinstance(event, Sent))
        listen(event)

    return heard


def _with_way_out(error: ImagecliError, words: str) -> ImagecliError:
    """*error*, and where the answer itself is kept the command that does something with it."""
    if error.rescued_path and error.rescued_path.endswith(BODY):
        error.hint = f"{error.hint}; {words}" if error.hint else words
    return error
