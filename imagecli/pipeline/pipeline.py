"""What all calls of a command share, and one call from plan to saved images.

prepare → spool → reserve → send → parse → settle → save

Also builds the pipeline, its server and its downloader from the settings, and removes entries without a response that
earlier commands left in the spool.
"""

import os
import secrets
import time
import uuid
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from imagecli.catalog.catalog import Catalog
from imagecli.client.download import OriginAccess, ResultDownloader
from imagecli.client.exchange import HttpResponse, Timeouts
from imagecli.client.paid_requests import BeforeSend, Transport
from imagecli.client.session import Authorization
from imagecli.client.spool import (
    BODY,
    SpooledCall,
    SpoolEntry,
    hold_spooled,
    keep_beginning,
    list_spooled_calls,
    open_spool_entry,
    remove_spool_entry,
)
from imagecli.client.spool_trust import SPOOL_BESIDE, SpoolPlaces
from imagecli.config.settings import Settings
from imagecli.domain import OPERATIONS, Edit, ImageRequest, Secret
from imagecli.env import Env, format_time
from imagecli.errors import DiskError, ImagecliError, NotSentError, RefusedError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.http_request import HttpRequest
from imagecli.pipeline.finish_call import is_only_fewer_images, is_spent, not_fetched, open_response, save_images
from imagecli.pipeline.partial_images import PartialImageHandler, StreamTee, save_partial_images
from imagecli.pipeline.prepare_call import InputCache, RunContext, prepare_call
from imagecli.pipeline.save import ImageSaver
from imagecli.plan_calls import PlannedCall
from imagecli.prepared_call import PreparedCall, prepared_from_json, prepared_to_json
from imagecli.pricing.spend_guard import Reservation, SpendGuard
from imagecli.providers.decompress import TOO_LARGE, read_beginning
from imagecli.providers.errors import blocked_error
from imagecli.providers.request import RequestImages
from imagecli.providers.response import parse_or_salvage
from imagecli.providers.sse import HEAD_BYTES, is_stream
from imagecli.providers.undocumented_images import starts_as_image
from imagecli.results import CallResult
from imagecli.storage.atomic_write import discard_all_staged
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

    def result(self) -> CallResult:
        """What is saved of it so far, for a command that ends before it."""
        prepared = self.saver.prepared
        return CallResult(
            request=prepared.request,
            requested=0,
            provider=prepared.provider,
            model=prepared.model,
            saved=tuple(self.saver.saved),
            call_id=prepared.id,
        )


class Pipeline(NamedTuple):
    """What all calls of a command share. Threads may execute calls at the same time."""

    context: RunContext
    inputs: InputCache
    spend_guard: SpendGuard
    transport: Transport
    downloader: ResultDownloader
    spool_folder: Path
    """Responses are in it until they are saved, or beside the output if it can't be written."""
    rescue_folder: Path
    """For images whose own folder can't be written to."""
    record_folders: tuple[Path, ...]
    """For the records of those that are beside an output."""
    decode_lock: Lock
    """Held while an image is decoded."""
    open_calls: dict[int, OpenCall]
    """Request → its call, from when it has room under the cost limit until `end_call`."""
    warned: dict[str, int]
    """Text of a warning that concerns all requests → the request that reported it."""

    def execute(
        self,
        call: PlannedCall,
        on_event: EventHandler,
        slot: CallSlot,
        before_send: BeforeSend | None = None,
    ) -> CallResult:
        """Creates and saves the images of *call*. What goes wrong, bugs too, is in the result.

        Raises NotSentError if the pool was stopped or the cost limit has no room.
        """
        try:
            inputs = self.inputs.fit_inputs(call.request, on_event)
            prepared, request = prepare_call(call, inputs, self.context)
            saver = ImageSaver(
                prepared=prepared,
                rescue_folder=self.rescue_folder,
                on_event=on_event,
                original=_piped_original(call.request),
            )
            with (
                self._open_entry(prepared) as entry,
                self.spend_guard.reserve(call.index, slot) as reservation,
            ):
                self.open_calls[call.index] = OpenCall(entry=entry, saver=saver)
                response, broken_off = self._send(call, request, entry, saver, before_send)
                result = self._save(call, response, broken_off, entry, saver, reservation)
                # What a disk can't take, it can't take of the next call either.
                if any(isinstance(error, DiskError) for error in result.errors):
                    slot.stop_pool()
                if result.errors and self._may_request_base64(call.request):
                    result = result._replace(errors=tuple(map(_with_base64_hint, result.errors)))
            if not inputs.composition:  # else what it changed outside the mask is restored
                self._check_mask(inputs.images, result, on_event)
            result = result._replace(
                record=prepared.record, call_id=prepared.id if result.errors or result.unfetched else None
            )
            return without_bill_hints(result) if prepared.free else result
        except NotSentError:
            raise
        except Exception as problem:
            error = to_imagecli_error(problem)
            if isinstance(error, DiskError):
                slot.stop_pool()
            if self.context.provider.free:
                error = without_bill_hint(error)
            return CallResult(
                request=call.index,
                requested=call.request.options.n,
                provider=self.context.provider.name,
                model=call.request.options.model,
                errors=(_with_recover_hint(error, "see imagecli recover --list"),),
                status=error.status,
                request_id=error.request_id,
                call_id=self.context.call_id(call.index),
            )

    def end_call(self, request: int) -> None:
        """The result of the request is handled."""
        self.open_calls.pop(request, None)

    def _may_request_base64(self, request: ImageRequest) -> bool:
        """Whether the response could have had the image itself instead of its URL, had the user requested that."""
        provider, operation = self.context.provider, OPERATIONS[type(request)]
        accepted = "response_format" in self.inputs.model.parameters and not provider.refuses(
            "response_format", operation
        )
        return accepted and (request.options.response_format or provider.response_format) != "b64_json"

    def _open_entry(self, prepared: PreparedCall) -> SpoolEntry:
        folders = (self.spool_folder, prepared.names[0].folder / SPOOL_BESIDE)
        return open_spool_entry(prepared.id, prepared_to_json(prepared), folders, self.record_folders)

    def _send(
        self,
        call: PlannedCall,
        request: HttpRequest,
        entry: SpoolEntry,
        saver: ImageSaver,
        before_send: BeforeSend | None,
    ) -> tuple[HttpResponse, ImagecliError | None]:
        """The response, its body in *entry*; and the error that broke it off, if it is a stream or too large.

        Raises what broke off any other response. Servers stream without being asked to, and don't when they are asked.
        """
        options = call.request.options
        partials = PartialImageHandler(
            prepared=saver.prepared, requested=options.partial_images, on_event=saver.on_event
        )
        tee = StreamTee(entry, partials)
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
            if error.code != TOO_LARGE and not is_stream(read_beginning(entry.file, HEAD_BYTES)):
                raise
            return HttpResponse(status=200, headers={}), error
        if response.status >= 400:  # an error with image data; whether a stream was requested does not matter
            return response, None
        if options.stream or options.partial_images:
            # Imported where it is needed, like the other checks: most commands start without it.
            from imagecli.pipeline.check_result import missing_stream_warning

            self._warn_once(call, missing_stream_warning(options, entry.file, partials.arrived), saver)
        if header := self.context.provider.model_header:
            from imagecli.pipeline.check_result import other_model_warning

            used = response.headers.get(header.lower(), "").strip()
            self._warn_once(call, other_model_warning(used, options.model, self.context.provider.name), saver)
        is_sandbox = self.context.provider.embedded or response.is_from_sandbox(entry.peer)
        if is_sandbox and (note := response.headers.get("x-sandbox-note")):
            saver.on_event(NoteEvent(code="sandbox", message=note))
        return response, None

    def _warn_once(self, call: PlannedCall, warning: WarningEvent | None, saver: ImageSaver) -> None:
        """Reports a warning unless another request has already reported the same."""
        if warning and self.warned.setdefault(warning.message, call.index) == call.index:
            saver.on_event(warning)

    def _check_mask(self, images: RequestImages, result: CallResult, on_event: EventHandler) -> None:
        """Warns if the mask may have been ignored. Never raises: the images are paid for and saved."""
        provider = self.context.provider
        if images.mask is None or provider.mask_support_at(self.context.base_url) != "uncertain":
            return
        try:
            from imagecli.pipeline.check_result import mask_warnings

            for event in mask_warnings(images, result, provider.name, self.decode_lock):
                on_event(event)
        except Exception as problem:
            on_event(WarningEvent(code="bug", message=to_imagecli_error(problem).message))

    def _save(
        self,
        call: PlannedCall,
        response: HttpResponse,
        broken_off: ImagecliError | None,
        entry: SpoolEntry,
        saver: ImageSaver,
        reservation: Reservation,
    ) -> CallResult:
        """Parses what is in *entry*, settles its cost and saves its images. Raises ImagecliError if it has none.

        Of a response that is too large to be one, the spool keeps the beginning once its images are saved.
        """
        request_id, provider = response.headers.get("x-request-id"), self.context.provider
        folders = () if saver.prepared.stdout else saver.prepared.folders
        is_too_large = broken_off is not None and broken_off.code == TOO_LARGE
        if is_too_large and starts_as_image(read_beginning(entry.file, HEAD_BYTES)):
            keep_beginning(entry.file)  # an image without end is not decoded
        try:
            if _is_true(response, provider.blocked_header):
                raise blocked_error()
            with open_response(entry.file, saver) as condensed:
                is_too_large = is_too_large or condensed.is_too_large
                parsed = parse_or_salvage(condensed.body, saver.prepared.base_url, provider.blocked_if)
                if parsed.applied:
                    from imagecli.pipeline.check_result import not_applied_warning

                    self._warn_once(call, not_applied_warning(call.request.options, parsed.applied), saver)
                is_free = response.is_from_sandbox(entry.peer)
                # Another request is sent while the images are saved, if they probably can be.
                is_blocked = not all(os.access(folder, os.W_OK | os.X_OK) for folder in folders)
                reservation.settle(
                    parsed.usage, may_be_billed=parsed.may_be_billed, is_free=is_free, keeps_slot=is_blocked
                )
                result = save_images(
                    parsed,
                    condensed,
                    saver,
                    self.downloader,
                    decode_lock=self.decode_lock,
                    peer=entry.peer,
                    entry=entry,
                )
            if is_too_large and is_spent(result, parsed):
                keep_beginning(entry.file)
        except Exception as problem:
            if is_too_large and isinstance(problem, UnsavedError):
                if not saver.prepared.keep_partials:
                    save_partial_images(entry.file, saver.prepared, saver.on_event)
                keep_beginning(entry.file)
            error = _with_cause(broken_off, to_imagecli_error(problem))
            if response.status >= 400 and not isinstance(error, UnsavedError):
                # It was taken for its image data, so it does not prove that nothing was generated.
                error = UnsavedError(error.message, hint=_IMAGE_IN_ERROR, code=error.code)
            raise error.with_facts(status=response.status, request_id=request_id) from problem
        if broken_off:
            saver.on_event(WarningEvent(code=broken_off.code, message=broken_off.message))
        if result.unfetched:
            saver.on_event(not_fetched(result, entry.keep()))
        errors = []
        for error in result.errors:
            error = error.with_facts(request_id=request_id)
            if isinstance(error, DiskError):
                entry.keep()  # the next run of the manifest, or recover, saves it from here
            if not (is_only_fewer_images(error) or isinstance(error, RefusedError)):
                error = error.with_facts(rescued_path=error.rescued_path or str(entry.keep()))
                error = _with_recover_hint(error, "imagecli recover tries again")
            errors.append(error)
        # The spool keeps the response until stdout has the image.
        entry.open = result.stdout_image is not None
        result = result._replace(errors=tuple(errors), status=response.status, request_id=request_id, is_free=is_free)
        if saver.prepared.sidecar:
            from imagecli.pipeline.write_sidecars import write_sidecars

            write_sidecars(result, saver, 0.0 if is_free else self.spend_guard.price_usage(call.index, parsed.usage))
        return result

    def interrupt(self, folders: Iterable[Path]) -> list[OpenCall]:
        """Ends an interrupted command: no further image is saved, and what is staged in *folders* is removed.

        Returns the calls that were sent and not refused, and whose results are not handled: what may still be billed.
        """
        # Threads add calls meanwhile. The copy is made in one step, which no other thread can interrupt.
        calls = [call for call in self.open_calls.copy().values() if call.entry.sent]
        deadline = time.monotonic() + _SAVING_SECONDS
        for call in calls:  # an image that is just getting its name would be missing from `saved`
            call.saver.saving_lock.acquire(timeout=max(deadline - time.monotonic(), 0))
        for folder in {*folders, self.rescue_folder}:
            discard_all_staged(folder, self.context.run_id)
        return calls


_SAVING_SECONDS: Final = 0.3
"""So long an interrupted command waits for images that are being saved: Ctrl-C ends it within a second."""


_IMAGE_IN_ERROR: Final = "the error response has image data, so it may have been billed"


def _piped_original(request: ImageRequest) -> bytes | None:
    """The first image of an edit, if it can't be read again."""
    return request.images[0].data if isinstance(request, Edit) else None


def _is_true(response: HttpResponse, header: str | None) -> bool:
    """Whether *response* has the *header*, if there is such a one, with the value `true`."""
    return header is not None and response.headers.get(header.lower(), "").strip().lower() == "true"


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


def _with_base64_hint(error: ImagecliError) -> ImagecliError:
    """*error*; with what avoids it if it is that of a result URL."""
    if error.code not in ("result_refused", "result_url", "result_expired"):
        return error
    return error.with_facts(hint=f"{error.hint}; --response-format b64_json avoids URLs")


def without_bill_hints(result: CallResult) -> CallResult:
    """*result* of a provider that bills nothing."""
    return result._replace(errors=tuple(without_bill_hint(error) for error in result.errors))


def without_bill_hint(error: ImagecliError) -> ImagecliError:
    """*error* of a provider that bills nothing: without the advice about a bill."""
    parts = [part for part in (error.hint or "").split("; ") if "billed" not in part and "usage page" not in part]
    return error if "; ".join(parts) == (error.hint or "") else error.with_facts(hint="; ".join(parts) or _HINT_FREE)


_HINT_FREE = "this provider is free of charge; run the same command again"


def new_run_id(env: Env) -> str:
    """The beginning of the names of a run's files in the spool; unique."""
    return f"{env.now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def build_pipeline(
    settings: Settings,
    catalog: Catalog,
    context: RunContext,
    inputs: InputCache,
    spend_guard: SpendGuard,
    stack: ExitStack,
    *,
    per_minute: float | None = None,
) -> Pipeline:
    """The pipeline of a run. An embedded provider is started, and stopped when *stack* is closed.

    *per_minute*: the most images that are requested per minute.
    """
    server = server_of(settings, catalog, stack)
    timeouts = timeouts_from_settings(settings)
    return Pipeline(
        context=context._replace(base_url=server.base_url),
        inputs=inputs,
        spend_guard=spend_guard,
        transport=Transport(
            key=server.key,
            auth=server.auth,
            headers={**settings.provider.headers_at(server.base_url), **settings.headers},
            timeouts=timeouts,
            max_retries=settings.max_retries,
            max_wait=settings.max_wait,
            direct=settings.provider.embedded,
            per_minute=per_minute,
            retry_500=settings.provider.retries_500(server.base_url),
            free=settings.provider.free,
        ),
        downloader=build_downloader(settings),
        spool_folder=settings.state_dir / "spool",
        rescue_folder=settings.state_dir / "rescued",
        record_folders=settings.record_folders,
        decode_lock=Lock(),
        open_calls={},
        warned={},
    )


def spool_places(settings: Settings) -> SpoolPlaces:
    """Where earlier commands left responses that imagecli saves or deletes."""
    return SpoolPlaces(own=settings.state_dir / "spool", records=settings.record_folders)


class Server(NamedTuple):
    """Where requests go, and the key that they carry."""

    base_url: str
    key: Secret | None
    auth: str
    """How the key is sent."""


def server_of(settings: Settings, catalog: Catalog, stack: ExitStack, *, speed: float = 1.0) -> Server:
    """The provider's server. An embedded one is started, with its clock running *speed* times as fast.

    An embedded server accepts only a random key that nothing but this process knows.
    """
    if not settings.provider.embedded:
        key = settings.key
        return Server(
            base_url=settings.base_url,
            key=key.secret if key else None,
            auth=key.auth if key else settings.provider.auth,
        )
    from imagecli.sandbox.sandbox import Options, Sandbox

    random = secrets.token_urlsafe(32)
    sandbox = stack.enter_context(Sandbox(Options(catalog=catalog, speed=speed, require_key=random)))
    return Server(base_url=sandbox.base_url, key=Secret(random), auth=settings.provider.auth)


def timeouts_from_settings(settings: Settings) -> Timeouts:
    """How long to wait for a connection, for the next byte, and in total."""
    silence = settings.timeout or settings.provider.silence
    return Timeouts(silence=silence, total=settings.timeout or max(silence, Timeouts().total))


def build_downloader(settings: Settings) -> ResultDownloader:
    """Downloads result URLs; those at the API's own origin with the key, if they want it."""
    key = settings.key
    auth = Authorization(key.secret, key.auth) if key else Authorization(None)
    return ResultDownloader(
        timeouts=timeouts_from_settings(settings),
        direct=settings.provider.embedded,
        max_wait=settings.max_wait,
        access=OriginAccess(settings.base_url, auth, settings.headers) if key or settings.headers else None,
    )


def discard_unanswered(
    places: SpoolPlaces,
    on_event: EventHandler,
    *,
    manifest: Path | None = None,
    every: bool = False,
    warned_hashes: Collection[str] = (),
) -> None:
    """Deletes entries without a response, and warns of those that may have been billed.

    Only the entries of *manifest*'s items; without one, those of commands without a manifest, or *every* entry.
    *warned_hashes* are the hashes of items about which the user was warned already.
    """
    removed = 0
    for spooled in list_spooled_calls(places):
        if spooled.alive or spooled.bytes:
            continue
        prepared = read_prepared(spooled)
        part = prepared.part if prepared else None
        if not every and (part.manifest if part else None) != (str(manifest.absolute()) if manifest else None):
            continue
        # Of several commands that start at the same time, the one that has the lock warns and removes.
        with hold_spooled(spooled) as body:
            if body is None:
                if not spooled.body.exists():
                    remove_spool_entry(spooled.body, spooled.record)  # the rest of one that was half removed
                continue
            if spooled.sent and not (part and part.hash in warned_hashes):
                request = _describe_spooled(spooled, prepared)
                billed = "" if prepared and prepared.free else " and may have been billed"
                message = f"an earlier request got no response{billed}: {request}"
                on_event(WarningEvent(code="unanswered", message=message))
            remove_spool_entry(spooled.body, spooled.record)
            removed += 1
    if removed:
        entries = "an empty entry" if removed == 1 else f"{removed:,} empty entries"
        on_event(NoteEvent(code="removed", message=f"removed {entries} of earlier requests from the spool"))


def read_prepared(spooled: SpooledCall) -> PreparedCall | None:
    """The call that a response in the spool belongs to; None if its description can't be read."""
    try:
        return prepared_from_json(spooled.text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _describe_spooled(spooled: SpooledCall, prepared: PreparedCall | None) -> str:
    facts = [format_time(datetime.fromtimestamp(spooled.since, UTC))]
    if prepared:
        facts += [prepared.command, prepared.model, (prepared.prompt or "")[:60]]
    return ", ".join(fact for fact in facts if fact)
