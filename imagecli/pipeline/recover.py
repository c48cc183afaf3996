"""Finds responses that earlier commands received and did not save, and saves them as those would have done.

Of a response that no record vouches for, only the images in its bytes are used, and saved under new names. Nothing of
it is fetched, replaced or removed, and its description is not read: anyone may have written it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple

from imagecli.client.address_policy import is_same_origin
from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.client.spool import (
    SpooledCall,
    hold_spooled,
    keep_beginning,
    list_spooled_calls,
    open_unrecorded,
    remove_spool_entry,
)
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.domain import OutputName, SavedImage
from imagecli.errors import (
    DiskError,
    ImagecliError,
    MemoryShortError,
    NetworkError,
    OutputError,
    RefusedError,
    UnsavedError,
    to_imagecli_error,
)
from imagecli.events import EventHandler, NoteEvent
from imagecli.naming import path_for_format, rebuild_name, slugify
from imagecli.pipeline.finish_call import (
    condense_response,
    is_only_fewer_images,
    is_spent,
    not_fetched,
    open_response,
    save_images,
)
from imagecli.pipeline.partial_images import save_partial_images
from imagecli.pipeline.pipeline import read_prepared, without_bill_hints
from imagecli.pipeline.save import ImageSaver
from imagecli.pipeline.write_sidecars import write_sidecars
from imagecli.prepared_call import ManifestRef, PreparedCall
from imagecli.providers.decompress import open_decompressed
from imagecli.providers.response import ParsedResponse, ReturnedImage, parse_response, salvage_images
from imagecli.results import CallResult
from imagecli.safe_open import is_below, real_path
from imagecli.storage.atomic_write import discard_all_staged
from imagecli.storage.preflight import check_folder

GONE_STATUSES: Final = (403, 404, 410)
"""Of a result URL that will not work again."""
_URL_CODES: Final = ("result_url", "result_refused")
RecoveryState = Literal["whole", "part", "no_pictures", "nothing_came", "never_sent", "under_way", "unknown"]


class RecoverableCall(NamedTuple):
    """A response in the spool, complete or not, and the call that it belongs to."""

    spooled: SpooledCall
    prepared: PreparedCall | None
    """None if the description can't be read."""
    state: RecoveryState
    has_own_urls: bool = False
    """Some result URLs in it are at the API's own origin, which may want the key."""

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


def recover_call(
    leftover: RecoverableCall,
    request: int,
    folder: Path | None,
    results: ResultDownloader,
    state_dir: Path,
    on_event: EventHandler,
    extras: Collection[int] | None = None,
) -> CallResult:
    """Saves the images of *leftover* under their planned names or in *folder*, and deletes it if nothing else is in it.

    *request* is its number in this command's report. *extras* are the images, by index, that their row does not need
    any more, and that go to the rescue folder; None for those of a row whose files exist. What goes wrong, bugs too,
    is in the result.
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
                raise UnsavedError("the record of this response can't be read", code="unreadable")
            prepared = _prepare_for_recovery(prepared, request, folder)
            if extras is None:
                extras = _find_extras(leftover.prepared or prepared) if prepared.part and not folder else ()
            saver = ImageSaver(
                prepared=prepared,
                rescue_folder=state_dir / "rescued",
                on_event=on_event,
                is_repeated=True,
                extras=extras,
            )
            if len(extras) < prepared.n:
                _check_folders(prepared)
            # Only the state folder's own record may open other addresses than public ones to result URLs.
            peer = leftover.spooled.peer if leftover.spooled.body.parent == state_dir / "spool" else None
            is_part = leftover.state == "part"
            outcome = _save_or_keep_partials(saver, body, results, peer, is_part=is_part)
            write_sidecars(outcome, saver, None)
        except Exception as problem:
            outcome = outcome._replace(errors=(to_imagecli_error(problem),))
    if prepared and prepared.free:
        outcome = without_bill_hints(outcome)
    if outcome.unfetched:
        on_event(not_fetched(outcome, leftover.spooled.body))
    return _discard_if_done(leftover, outcome, on_event)


def _find_extras(prepared: PreparedCall) -> list[int]:
    """The images, by index, of a row whose files exist and may not be replaced."""
    replaced = {path for path, _ in prepared.replaces}
    return [
        index
        for index in range(prepared.n)
        if all(
            path not in replaced and os.path.lexists(path)
            for path in (_planned_path(file.name, prepared) for file in prepared.destinations(index))
        )
    ]


def _planned_path(name: OutputName, prepared: PreparedCall) -> Path:
    return path_for_format(name, name.literal_format or prepared.output_format or "png")


def late_image_note(image: SavedImage, part: ManifestRef) -> NoteEvent:
    """The note about an image that was saved in the rescue folder because its row does not need it."""
    message = f"{part.id} no longer needs the image of an earlier request, which is saved as {image.path}"
    return NoteEvent(code="late", message=message)


def may_still_work(error: ImagecliError, age: float, url_ttl: float) -> bool:
    """Whether saving a response that failed with *error* can succeed later, as its images are complete or at a URL.

    *age* is that of the response, *url_ttl* how long its URLs work, both in seconds.
    """
    if isinstance(error, (DiskError, MemoryShortError, OutputError)) or error.code in ("outside", "bug"):
        return True
    return error.code in _URL_CODES and error.status not in GONE_STATUSES and age <= 2 * url_ttl


def _check_folders(prepared: PreparedCall) -> None:
    """Raises UnsavedError if a manifest's image would be saved outside its folder, because of a link made since."""
    for folder in prepared.folders:
        if prepared.root and not is_below(folder, prepared.root):
            raise UnsavedError(
                f"{folder} points to {real_path(folder)}, outside the manifest's folder",
                hint="use imagecli recover -o FOLDER/ to save it in FOLDER",
                code="outside",
            )


def _save_or_keep_partials(
    saver: ImageSaver, body: IO[bytes], downloader: ResultDownloader, peer: str | None, *, is_part: bool
) -> CallResult:
    """Saves the images in *body*. If it has none, a stream's partial images are kept, and named in what is raised.

    Those that the command itself had kept are not kept again. *body* is shortened if it is too large to be a response
    and all its images are saved.
    """
    prepared = saver.prepared
    for folder in prepared.folders:
        if len(saver.extras) < prepared.n:
            check_folder(folder)
        # Also if every file exists: a process killed right after it gave a file its name left the staged one.
        discard_all_staged(folder, prepared.id)
    discard_all_staged(saver.rescue_folder, prepared.id)
    is_too_large = False
    try:
        with open_response(body, saver) as condensed:
            is_too_large = condensed.is_too_large
            parse = salvage_images if is_part else parse_response
            parsed = parse(condensed.body, prepared.base_url)
            result = save_images(parsed, condensed, saver, downloader, peer=peer)
        if is_too_large and is_spent(result, parsed):
            keep_beginning(body)
        return result
    except UnsavedError as error:
        last = None if prepared.keep_partials else save_partial_images(body, prepared, saver.on_event)
        if is_too_large:
            keep_beginning(body)
        raise error.with_facts(rescued_path=str(last) if last else None) from error


def _discard_if_done(leftover: RecoverableCall, outcome: CallResult, on_event: EventHandler) -> CallResult:
    """Deletes the response unless there is more in it; if it stays, the error says where and how to delete it."""
    body = leftover.spooled.body
    stays = bool(outcome.unfetched)
    errors = []
    for error in outcome.errors:
        nothing_billed = isinstance(error, (RefusedError, NetworkError)) and not outcome.saved
        if isinstance(error, DiskError) or not (error.rescued_path or is_only_fewer_images(error) or nothing_billed):
            stays = True
            hint = f"imagecli recover --delete {leftover.spooled.id} removes it"
            error = error.with_facts(
                rescued_path=error.rescued_path or str(body), hint=f"{error.hint}; {hint}" if error.hint else hint
            )
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
    # A file that the journal knows by its content may still be replaced by the same row's new image.
    replaces = [
        (_relative_folder(path.parent) / path.name, sha256)
        for path, sha256 in prepared.replaces
        if sha256 and not folder
    ]
    return prepared._replace(
        request=request,
        names=tuple(_recovered_name(name, folder) for name in prepared.names),
        files=tuple(
            tuple(file._replace(name=_recovered_name(file.name, folder)) for file in files) for files in prepared.files
        ),
        if_exists=None,
        stdout=False,
        replaces=tuple(replaces),
        # A folder that the user types may be anywhere.
        allow_outside=prepared.allow_outside or folder is not None,
    )


def _recovered_name(name: OutputName, folder: Path | None) -> OutputName:
    """*name*, made to follow the rules for names, in *folder* or in its own."""
    return rebuild_name(name)._replace(folder=folder or _relative_folder(name.folder))


def _relative_folder(folder: Path) -> Path:
    """*folder* as the user would type it now."""
    with suppress(OSError, ValueError):
        return folder.relative_to(Path.cwd())
    return folder


def _to_recoverable(spooled: SpooledCall) -> RecoverableCall:
    prepared = read_prepared(spooled)
    call = RecoverableCall(spooled=spooled, prepared=prepared, state="unknown")
    if spooled.alive:
        return call._replace(state="under_way")
    if not spooled.bytes:
        return call._replace(state="nothing_came" if spooled.sent else "never_sent")
    if prepared is None:
        return call
    with hold_spooled(spooled) as body:
        if body is None:
            return call._replace(state="under_way")
        try:
            with open_decompressed(body, (spooled.body.parent,)) as plain:
                condensed = condense_response(plain).body
        except ImagecliError:  # no room: saving it will say so
            return call._replace(state="whole")
    state, parsed = _parse_state(condensed, prepared.base_url)
    has_own_urls = any(image.url and is_same_origin(image.url, prepared.base_url) for image in parsed)
    return call._replace(state=state, has_own_urls=has_own_urls)


def _parse_state(condensed: bytes, base_url: str) -> tuple[RecoveryState, tuple[ReturnedImage, ...]]:
    """The state of a response, and the images in it if it is complete."""
    try:
        return "whole", parse_response(condensed, base_url).images
    except (RefusedError, NetworkError):
        return "no_pictures", ()
    except Exception:
        try:
            json.loads(condensed)
        except (ValueError, RecursionError):
            return "part", ()
        return "no_pictures", ()


def recover_images(body: Path, request: int, folder: Path, state_dir: Path, on_event: EventHandler) -> CallResult:
    """Save the images in the response *body* in *folder*, under names made of its id. The response stays.

    *request* numbers it in this command's report. All that goes wrong is in the outcome.
    """
    nothing = CallResult(request=request, requested=0, provider="", model="")
    try:
        with open_unrecorded(body) as file:
            if file:
                return _save(file, body.stem, request, folder, state_dir, on_event)
            on_event(NoteEvent(code="under_way", message=f"{body.stem} is in use by another process"))
            return nothing
    except Exception as problem:
        return nothing._replace(errors=(to_imagecli_error(problem),))


def _save(file: IO[bytes], id: str, request: int, folder: Path, state_dir: Path, on_event: EventHandler) -> CallResult:
    """Raises ImagecliError if it has no images."""
    saver = ImageSaver(
        prepared=_prepared(id, request, folder, 1),
        rescue_folder=state_dir / "rescued",
        on_event=on_event,
        is_repeated=True,
    )
    try:
        with open_response(file, saver) as condensed:
            parsed = _read_images(condensed.body, saver.prepared.base_url)
            # Only now it is known how many names are needed.
            saver.prepared = _prepared(id, request, folder, len(parsed.images))
            return save_images(parsed, condensed, saver, ResultDownloader(timeouts=Timeouts(), direct=False))
    except UnsavedError as error:
        if last := save_partial_images(file, saver.prepared, on_event):
            raise error.with_facts(rescued_path=str(last)) from error
        raise


def _prepared(id: str, request: int, folder: Path, count: int) -> PreparedCall:
    stem = slugify(id)
    stems = [stem] if count == 1 else [f"{stem}-{number + 1}" for number in range(count)]
    return PreparedCall(
        id=stem,
        request=request,
        command="recover",
        provider="",
        base_url="",
        model="",
        n=count,
        names=tuple(OutputName(folder=folder, stem=stem) for stem in stems),
        if_exists=None,
        stdout=False,
        prompt=None,
        output_format=None,
        size=None,
    )


def _read_images(body: bytes, base_url: str) -> ParsedResponse:
    """The images of a response, complete or not; an address is an error, so that it is never fetched."""
    try:
        parsed = parse_response(body, base_url)
    except UnsavedError:
        parsed = salvage_images(body, base_url)
    return parsed._replace(images=tuple(_without_url(image) for image in parsed.images))


def _without_url(image: ReturnedImage) -> ReturnedImage:
    if image.url is None or image.b64_json:
        return image._replace(url=None, hint=None)
    error = UnsavedError(
        f"the response has only the URL of an image: {image.url}",
        hint="recover --from downloads nothing; open the URL yourself if you trust it",
        code="not_fetched",
    )
    return image._replace(url=None, hint=None, error=error)
