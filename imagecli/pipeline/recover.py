"""Finds responses that earlier commands received and did not save, and saves them as those would have done."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, NamedTuple

from imagecli.client.download import ResultDownloader
from imagecli.client.spool import SpooledCall, hold_spooled, list_spooled_calls, remove_spool_entry
from imagecli.client.spool_record import SpoolPlaces
from imagecli.errors import ImagecliError, NetworkError, RefusedError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.naming import rebuild_name
from imagecli.pipeline.finish_call import ResponseParser, is_only_fewer_images, not_fetched, open_response, save_images
from imagecli.pipeline.partial_images import save_partial_images
from imagecli.pipeline.prepare_call import map_folders, prepared_from_json, with_names
from imagecli.pipeline.save import ImageSaver
from imagecli.prepared import PreparedCall
from imagecli.providers.decompress import open_decompressed
from imagecli.providers.large_json import condense_body
from imagecli.providers.response import parse_response
from imagecli.results import CallResult
from imagecli.safe_open import real_path
from imagecli.storage.boundary import is_below
from imagecli.storage.preflight import check_folder
from imagecli.storage.staging import discard_all_staged

RecoveryState = Literal["whole", "part", "no_pictures", "nothing_came", "never_sent", "under_way", "unknown"]


class RecoverableCall(NamedTuple):
    """A response in the spool, complete or not, and the call that it belongs to."""

    spooled: SpooledCall
    prepared: PreparedCall | None
    """None if the description can't be read."""
    state: RecoveryState

    @property
    def when(self) -> datetime:
        """Local time."""
        return datetime.fromtimestamp(self.spooled.since).astimezone()


def find_recoverable(places: SpoolPlaces) -> list[RecoverableCall]:
    """The responses of earlier commands, the oldest first."""
    return [_to_recoverable(spooled) for spooled in list_spooled_calls(places)]


def discard_recoverable(leftover: RecoverableCall) -> None:
    """Deletes it without saving it."""
    remove_spool_entry(leftover.spooled.body, leftover.spooled.record)


def discard_unanswered(places: SpoolPlaces, on_event: EventHandler, *, warned_hashes: Collection[str] = ()) -> None:
    """Deletes entries without a response, and warns of those that may have been billed.

    *warned_hashes* are the hashes of manifest items about which the user was warned already.
    """
    removed = 0
    for spooled in list_spooled_calls(places):
        if spooled.alive or spooled.bytes:
            continue
        prepared = _read_prepared(spooled)
        if spooled.sent and not (prepared and prepared.part and prepared.part.hash in warned_hashes):
            request = _describe_spooled(spooled)
            message = f"an earlier request was sent, and no answer came; it may have been billed: {request}"
            on_event(WarningEvent(code="unanswered", message=message))
        remove_spool_entry(spooled.body, spooled.record)
        removed += 1
    if removed:
        entries = "an empty entry" if removed == 1 else f"{removed:,} empty entries"
        on_event(NoteEvent(code="removed", message=f"removed {entries} of earlier requests from the spool"))


def recover_call(
    leftover: RecoverableCall,
    request: int,
    folder: Path | None,
    results: ResultDownloader,
    state_dir: Path,
    on_event: EventHandler,
) -> CallResult:
    """Saves the images of *leftover* under their planned names or in *folder*, and deletes it if nothing else is in it.

    *request* is its number in this command's report. What goes wrong, bugs too, is in the result.
    """
    prepared = leftover.prepared
    outcome = CallResult(
        request=request,
        requested=prepared.n if prepared else 0,
        provider=prepared.provider if prepared else "",
        model=prepared.model if prepared else "",
    )
    with hold_spooled(leftover.spooled) as body:
        try:
            if body is None:
                return outcome
            if prepared is None:
                raise UnsavedError("what this answer belongs to can't be read", code="unreadable")
            prepared = _prepare_for_recovery(prepared, request, folder)
            _check_folders(prepared)
            saver = ImageSaver(
                prepared=prepared, rescue_folder=state_dir / "rescued", on_event=on_event, is_repeated=True
            )
            # Only the state folder's own record may open other addresses than public ones to result URLs.
            peer = leftover.spooled.peer if leftover.spooled.body.parent == state_dir / "spool" else None
            parse: ResponseParser = parse_response
            if leftover.state == "part":
                # Imported here, as every command that saves images imports this module.
                from imagecli.providers.salvage import salvage_images

                parse = salvage_images
            outcome = _save_or_keep_partials(saver, body, parse, results, peer)
        except Exception as problem:
            outcome = outcome._replace(errors=(to_imagecli_error(problem),))
    if outcome.unfetched:
        on_event(not_fetched(outcome, leftover.spooled.body))
    return _discard_if_done(leftover, outcome, on_event)


def _check_folders(prepared: PreparedCall) -> None:
    """Raises UnsavedError if a manifest's image would be saved outside its folder, because of a link made since."""
    for folder in prepared.folders:
        if prepared.root and not is_below(folder, prepared.root):
            raise UnsavedError(
                f"{folder} leads to {real_path(folder)}, outside the manifest's folder",
                hint="imagecli recover -o FOLDER/ saves it in FOLDER",
                code="outside",
            )


def _save_or_keep_partials(
    saver: ImageSaver, body: IO[bytes], parse: ResponseParser, downloader: ResultDownloader, peer: str | None
) -> CallResult:
    """Saves the images in *body*. If it has none, a stream's partial images are kept, and named in what is raised.

    Those that the command itself had kept are not kept again.
    """
    prepared = saver.prepared
    for folder in prepared.folders:
        check_folder(folder)
        discard_all_staged(folder, prepared.id)
    discard_all_staged(saver.rescue_folder, prepared.id)
    try:
        with open_response(body, saver, parse) as response:
            return save_images(response, saver, downloader, peer=peer)
    except UnsavedError as error:
        if not prepared.keep_partials and (last := save_partial_images(body, prepared, saver.on_event)):
            error.rescued_path = str(last)
        raise


def _discard_if_done(leftover: RecoverableCall, outcome: CallResult, on_event: EventHandler) -> CallResult:
    """Deletes the response unless there is more in it; if it stays, the error says where and how to delete it."""
    body = leftover.spooled.body
    stays = bool(outcome.unfetched)
    errors = []
    for error in outcome.errors:
        nothing_billed = isinstance(error, (RefusedError, NetworkError)) and not outcome.saved
        if not (error.rescued_path or is_only_fewer_images(error) or nothing_billed):
            stays = True
            hint = f"imagecli recover --delete {leftover.spooled.id} removes it"
            error = error.with_facts(rescued_path=str(body), hint=f"{error.hint}; {hint}" if error.hint else hint)
        errors.append(error)
    if not stays:
        remove_spool_entry(body, leftover.spooled.record)
        if not outcome.saved:
            on_event(
                NoteEvent(code="removed", message=f"removed {leftover.spooled.id} from the spool: it has no images")
            )
    return outcome._replace(errors=tuple(errors))


def _prepare_for_recovery(prepared: PreparedCall, request: int, folder: Path | None) -> PreparedCall:
    """*prepared*, so that nothing is overwritten and nothing goes to stdout."""
    renamed = with_names(prepared, rebuild_name)
    moved = map_folders(renamed, lambda planned: folder or _relative_folder(planned))
    # A file that the journal knows by its content may still be replaced by the same row's new image.
    replaces = tuple((path, sha256) for path, sha256 in moved.replaces if sha256 and not folder)
    # A folder that the user types may be anywhere.
    allow_outside = moved.allow_outside or folder is not None
    return moved._replace(request=request, if_exists=None, stdout=False, replaces=replaces, allow_outside=allow_outside)


def _relative_folder(folder: Path) -> Path:
    """*folder* as the user would type it now."""
    with suppress(OSError, ValueError):
        return folder.relative_to(Path.cwd())
    return folder


def _to_recoverable(spooled: SpooledCall) -> RecoverableCall:
    prepared = _read_prepared(spooled)
    return RecoverableCall(spooled=spooled, prepared=prepared, state=_find_state(spooled, prepared))


def _read_prepared(spooled: SpooledCall) -> PreparedCall | None:
    try:
        return prepared_from_json(spooled.text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _find_state(spooled: SpooledCall, prepared: PreparedCall | None) -> RecoveryState:
    if spooled.alive:
        return "under_way"
    if not spooled.bytes:
        return "nothing_came" if spooled.sent else "never_sent"
    if prepared is None:
        return "unknown"
    with hold_spooled(spooled) as body:
        if body is None:
            return "under_way"
        try:
            with open_decompressed(body, (spooled.body.parent,)) as plain:
                return _state_of_response(plain, prepared)
        except ImagecliError:  # too large, or no room: saving it will say so
            return "whole"


def _state_of_response(body: IO[bytes], prepared: PreparedCall) -> RecoveryState:
    condensed = condense_body(body)
    try:
        parse_response(condensed.body, prepared.base_url)
    except (RefusedError, NetworkError):
        return "no_pictures"
    except Exception:
        try:
            json.loads(condensed.body)
        except (ValueError, RecursionError):
            return "part"
        return "no_pictures"
    return "whole"


def _describe_spooled(spooled: SpooledCall) -> str:
    leftover = RecoverableCall(spooled=spooled, prepared=_read_prepared(spooled), state="nothing_came")
    facts = [f"{leftover.when:%Y-%m-%d %H:%M}"]
    if leftover.prepared:
        facts += [leftover.prepared.command, leftover.prepared.model, (leftover.prepared.prompt or "")[:60]]
    return ", ".join(fact for fact in facts if fact)
