"""One request from plan to picture, in two halves with `PreparedCall` between them: prepare, then finish.

The only room that knows the order of things. It announces, never prints, and keeps what is paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from imagecli.client.download import ResultDownloader
from imagecli.client.send import HttpResponse
from imagecli.client.spool import BODY, SpoolEntry, open_spool_entry
from imagecli.client.spool_record import SPOOL_BESIDE
from imagecli.client.transport import Transport
from imagecli.errors import DiskError, ImagecliError, NotSentError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, NoteEvent, SpoolOpened, WarningEvent
from imagecli.http_message import HttpRequest
from imagecli.pipeline.finish import finish_call, is_only_fewer_images, not_fetched
from imagecli.pipeline.inputs import InputCache
from imagecli.pipeline.partial_images import PartialImageHandler, StreamTee
from imagecli.pipeline.prepare import RunContext, prepare_call, prepared_to_json
from imagecli.plan import PlannedCall
from imagecli.prepared import PreparedCall
from imagecli.pricing.spend_guard import Reservation
from imagecli.providers.decompress import read_beginning
from imagecli.providers.sse import HEAD_BYTES, is_stream
from imagecli.results import CallResult
from imagecli.storage.staging import discard_all_staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What every request of a command shares."""

    context: RunContext
    inputs: InputCache
    transport: Transport
    downloader: ResultDownloader
    state_dir: Path
    """Answers are kept in its `spool` until they are saved, or beside the output where it can't be written."""
    record_folders: tuple[Path, ...] = ()
    """For the records of those that are beside an output."""
    decode_lock: Lock = field(default_factory=Lock)
    """Held by whoever decodes a picture."""


def execute_call(
    request: PlannedCall,
    tools: Pipeline,
    on_event: EventHandler,
    permit: Reservation,
    before_send: Callable[[], None] = lambda: None,
) -> CallResult:
    """Buys and saves what *request* asks for. What goes wrong, bugs too, is in the outcome.

    *before_send* is called in every attempt before anything is sent; if it raises, nothing is sent.
    """
    try:
        return _buy_images(request, tools, on_event, permit, before_send)
    except NotSentError:
        raise
    except Exception as problem:
        error = to_imagecli_error(problem)
        return CallResult(
            request=request.index,
            asked=request.request.options.n,
            provider=tools.context.provider.name,
            model=request.request.options.model,
            errors=(_with_recover_hint(error, "imagecli recover --list tells of it"),),
            status=error.status,
            request_id=error.request_id,
        )


def _buy_images(
    request: PlannedCall,
    tools: Pipeline,
    on_event: EventHandler,
    permit: Reservation,
    before_send: Callable[[], None],
) -> CallResult:
    prepared, http = prepare_call(request, tools.inputs.fit_inputs(request.request, on_event), tools.context)
    folders = (tools.state_dir / "spool", prepared.names[0].folder / SPOOL_BESIDE)

    def moved(body: Path) -> None:
        on_event(SpoolOpened(request=request.index, folder=body.parent))

    description = prepared_to_json(prepared)
    with (
        open_spool_entry(prepared.id, description, folders, moved, tools.record_folders) as entry,
        ExitStack() as asking,
    ):
        asking.enter_context(permit)
        answer, lost = _send_request(request, prepared, http, entry, tools, on_event, before_send)

        def came(outcome: CallResult) -> None:
            permit.record_reported_cost(outcome)
            asking.close()

        if tools.context.provider.embedded and (note := answer.headers.get("x-sandbox-note")):
            on_event(NoteEvent(code="sandbox", message=note))
        request_id = answer.headers.get("x-request-id")
        try:
            rescue_folder = tools.state_dir / "rescued"
            outcome = finish_call(
                prepared,
                entry.file,
                tools.downloader,
                rescue_folder,
                on_event,
                came=came,
                release=entry.close,
                bench=tools.decode_lock,
                peer=entry.peer,
            )
        except Exception as problem:
            error = _with_cause(lost, to_imagecli_error(problem))
            error.status, error.request_id = answer.status, request_id
            raise error from problem
        if lost:
            on_event(WarningEvent(code=lost.code, message=lost.message))
        if outcome.unfetched:
            on_event(not_fetched(outcome, entry.keep()))
        for error in outcome.errors:
            error.request_id = request_id
            if not is_only_fewer_images(error):
                error.rescued_path = error.rescued_path or str(entry.keep())
                _with_recover_hint(error, "imagecli recover tries it again")
        entry.open = outcome.stdout_image is not None
        return replace(outcome, status=answer.status, request_id=request_id)


def _send_request(
    request: PlannedCall,
    prepared: PreparedCall,
    http: HttpRequest,
    entry: SpoolEntry,
    tools: Pipeline,
    on_event: EventHandler,
    before_send: Callable[[], None],
) -> tuple[HttpResponse, ImagecliError | None]:
    """The answer, its body in *entry*; and what broke it off, where that was a stream: its events count as they came.

    Raises what broke any other answer. Servers stream unasked, and don't where they are asked.
    """
    asked = request.request.options.partial_images
    ear = StreamTee(entry.file, PartialImageHandler(prepared=prepared, asked=asked, on_event=on_event))
    try:
        response = tools.transport.send(
            http, ear, request.index, on_event, ear.enough, packed=True, before_send=before_send, entry=entry
        )
        return response, None
    except (UnsavedError, DiskError) as error:
        if not is_stream(read_beginning(entry.file, HEAD_BYTES)):
            raise
        return HttpResponse(status=200, headers={}), error


def _with_cause(lost: ImagecliError | None, error: ImagecliError) -> ImagecliError:
    """*error*, with what broke the answer off where it is no more than a consequence of that."""
    if lost and isinstance(error, UnsavedError):
        lost.message += f"; {error.message}"
        return lost
    return error


def discard_interrupted(folders: Iterable[Path], tools: Pipeline) -> None:
    """Removes what was staged in *folders* for pictures that an interrupted command does not save."""
    for folder in {*folders, tools.state_dir / "rescued"}:
        discard_all_staged(folder, tools.context.run_id)


def _with_recover_hint(error: ImagecliError, words: str) -> ImagecliError:
    """*error*, and where the answer itself is kept the command that does something with it."""
    if error.rescued_path and error.rescued_path.endswith(BODY):
        error.hint = f"{error.hint}; {words}" if error.hint else words
    return error
