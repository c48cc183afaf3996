"""One call from plan to saved images: prepare → spool → reserve → send → parse → settle → save."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import HttpResponse
from imagecli.client.spool import BODY, SpoolEntry, open_spool_entry
from imagecli.client.spool_record import SPOOL_BESIDE
from imagecli.client.transport import Transport
from imagecli.errors import DiskError, ImagecliError, NotSentError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.http_message import HttpRequest
from imagecli.pipeline.finish_call import is_only_fewer_images, not_fetched, open_response, save_images
from imagecli.pipeline.inputs import InputCache
from imagecli.pipeline.partial_images import PartialImageHandler, StreamTee
from imagecli.pipeline.prepare_call import RunContext, prepare_call, prepared_to_json
from imagecli.pipeline.save import ImageSaver
from imagecli.planned_call import PlannedCall
from imagecli.prepared import PreparedCall
from imagecli.pricing.spend_guard import Reservation, SpendGuard
from imagecli.providers.decompress import read_beginning
from imagecli.providers.sse import HEAD_BYTES, is_stream
from imagecli.results import CallResult
from imagecli.storage.staging import discard_all_staged
from imagecli.worker_pool import CallSlot


class OpenCall(NamedTuple):
    """A call that was begun, and whose result the command has not handled yet."""

    entry: SpoolEntry
    saver: ImageSaver

    @property
    def request(self) -> int:
        return self.saver.prepared.request

    @property
    def folder(self) -> Path:
        """Where its response is kept until it is saved."""
        return self.entry.body.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What all calls of a command share. Threads may execute calls at the same time."""

    context: RunContext
    inputs: InputCache
    spend_guard: SpendGuard
    transport: Transport
    downloader: ResultDownloader
    state_dir: Path
    """Responses are in its `spool` until they are saved, or beside the output if it can't be written."""
    record_folders: tuple[Path, ...] = ()
    """For the records of those that are beside an output."""
    decode_lock: Lock = field(default_factory=Lock)
    """Held while an image is decoded."""
    open_calls: dict[int, OpenCall] = field(default_factory=dict)
    """Request → its call, from when it has room under the cost limit until `end_call`."""

    def execute(
        self,
        call: PlannedCall,
        on_event: EventHandler,
        slot: CallSlot,
        before_send: Callable[[], None] = lambda: None,
    ) -> CallResult:
        """Creates and saves the images of *call*. What goes wrong, bugs too, is in the result.

        *before_send* is called in every attempt before anything is sent; if it raises, nothing is sent.
        Raises NotSentError if the pool was stopped or the cost limit has no room.
        """
        try:
            prepared, request = prepare_call(call, self.inputs.fit_inputs(call.request, on_event), self.context)
            saver = ImageSaver(prepared=prepared, rescue_folder=self.state_dir / "rescued", on_event=on_event)
            with (
                self._open_entry(prepared) as entry,
                self.spend_guard.reserve(call.index, slot) as reservation,
            ):
                self.open_calls[call.index] = OpenCall(entry=entry, saver=saver)
                response, broken_off = self._send(call, request, entry, saver, before_send)
                return self._save(response, broken_off, entry, saver, reservation)
        except NotSentError:
            raise
        except Exception as problem:
            error = to_imagecli_error(problem)
            return CallResult(
                request=call.index,
                requested=call.request.options.n,
                provider=self.context.provider.name,
                model=call.request.options.model,
                errors=(_with_recover_hint(error, "imagecli recover --list tells of it"),),
                status=error.status,
                request_id=error.request_id,
            )

    def end_call(self, request: int) -> None:
        """The result of the request is handled."""
        self.open_calls.pop(request, None)

    def in_flight(self) -> list[OpenCall]:
        """The calls that were sent and not refused, and whose results are not handled: what may still be billed."""
        # Threads add calls meanwhile. The copy is made in one step, which no other thread can interrupt.
        return [call for call in self.open_calls.copy().values() if call.entry.sent]

    def _open_entry(self, prepared: PreparedCall) -> SpoolEntry:
        folders = (self.state_dir / "spool", prepared.names[0].folder / SPOOL_BESIDE)
        return open_spool_entry(prepared.id, prepared_to_json(prepared), folders, self.record_folders)

    def _send(
        self,
        call: PlannedCall,
        request: HttpRequest,
        entry: SpoolEntry,
        saver: ImageSaver,
        before_send: Callable[[], None],
    ) -> tuple[HttpResponse, ImagecliError | None]:
        """The response, its body in *entry*; and the error that broke it off, if it is a stream with events in it.

        Raises what broke off any other response. Servers stream without being asked to, and don't when they are asked.
        """
        partials = PartialImageHandler(
            prepared=saver.prepared, requested=call.request.options.partial_images, on_event=saver.on_event
        )
        tee = StreamTee(entry.file, partials)
        try:
            response = self.transport.send(
                request,
                tee,
                call.index,
                saver.on_event,
                tee.enough,
                packed=True,
                before_send=before_send,
                entry=entry,
            )
        except (UnsavedError, DiskError) as error:
            if not is_stream(read_beginning(entry.file, HEAD_BYTES)):
                raise
            return HttpResponse(status=200, headers={}), error
        if self.context.provider.embedded and (note := response.headers.get("x-sandbox-note")):
            saver.on_event(NoteEvent(code="sandbox", message=note))
        return response, None

    def _save(
        self,
        response: HttpResponse,
        broken_off: ImagecliError | None,
        entry: SpoolEntry,
        saver: ImageSaver,
        reservation: Reservation,
    ) -> CallResult:
        """Parses what is in *entry*, settles its cost and saves its images. Raises ImagecliError if it has none."""
        request_id = response.headers.get("x-request-id")
        try:
            with open_response(entry.file, saver) as spooled:
                reservation.settle(spooled.parsed.usage, may_be_billed=spooled.parsed.may_be_billed)
                result = save_images(
                    spooled,
                    saver,
                    self.downloader,
                    decode_lock=self.decode_lock,
                    peer=entry.peer,
                    release=entry.close,
                )
        except Exception as problem:
            error = _with_cause(broken_off, to_imagecli_error(problem))
            raise error.with_facts(status=response.status, request_id=request_id) from problem
        if broken_off:
            saver.on_event(WarningEvent(code=broken_off.code, message=broken_off.message))
        if result.unfetched:
            saver.on_event(not_fetched(result, entry.keep()))
        errors = []
        for error in result.errors:
            error = error.with_facts(request_id=request_id)
            if not is_only_fewer_images(error):
                error = error.with_facts(rescued_path=error.rescued_path or str(entry.keep()))
                error = _with_recover_hint(error, "imagecli recover tries it again")
            errors.append(error)
        # The spool keeps the response until stdout has the image.
        entry.open = result.stdout_image is not None
        return result._replace(errors=tuple(errors), status=response.status, request_id=request_id)

    def discard_interrupted(self, folders: Iterable[Path]) -> None:
        """Removes what was staged in *folders* for images that an interrupted command does not save."""
        for folder in {*folders, self.state_dir / "rescued"}:
            discard_all_staged(folder, self.context.run_id)


def _with_cause(broken_off: ImagecliError | None, error: ImagecliError) -> ImagecliError:
    """*error*; or what broke the response off, if the error only follows from that."""
    if broken_off and isinstance(error, UnsavedError):
        return broken_off.with_context(error.message)
    return error


def _with_recover_hint(error: ImagecliError, hint: str) -> ImagecliError:
    """*error*, with the command that uses the response if that is kept."""
    if error.rescued_path and error.rescued_path.endswith(BODY):
        return error.with_facts(hint=f"{error.hint}; {hint}" if error.hint else hint)
    return error
