"""A streamed answer on its way into the spool, heard while it arrives: partial pictures announced, and kept if asked.

Whatever goes wrong with a partial picture costs that and no more: the answer lands in the spool before it is heard,
and it is from there that pictures are read.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from imagecli.client.send import MAX_ANSWER_BYTES
from imagecli.domain import ImageInfo
from imagecli.errors import DiskError, UnsavedError, to_imagecli_error
from imagecli.events import Event, EventHandler, NoteEvent, PartialImage, WarningEvent
from imagecli.images.integrity import inspect_image
from imagecli.naming import mark_path, path_for_format
from imagecli.prepared import PreparedCall
from imagecli.providers.decompress import Decompressor
from imagecli.providers.large_json import decode_base64
from imagecli.providers.sse import MAX_EVENT_BYTES, SseEvent, SseReader, looks_like_document
from imagecli.storage.atomic import save_file

_PIECE_BYTES: Final = 256 * 1024
GRACE_SECONDS: Final = 5.0
"""So long is waited for the end of a stream whose pictures are all there: its usage may follow, or one too many."""
MAX_INDEX: Final = 99


class StreamTee:
    """Stands between the line and the spool's file."""

    def __init__(self, file: IO[bytes], partials: PartialImageHandler, limit: int = MAX_EVENT_BYTES) -> None:
        self._file, self._partials = file, partials
        self._reader = SseReader(limit, skims=_is_finished_image)
        self._unpacker = Decompressor(MAX_ANSWER_BYTES)
        self._is_document: bool | None = None
        """JSON came all the same, or a page; None until anything came."""
        self._pictures = 0
        self._ended = False

    def write(self, piece: bytes, /) -> int:
        """Into the file first, as it came. Raises UnsavedError for an event that does not end."""
        written = self._file.write(piece)
        self._file.flush()
        self.feed(piece)
        return written

    def feed(self, piece: bytes) -> None:
        """What *piece* of the answer tells. Raises UnsavedError as `write`."""
        if not self._is_document:
            for part in self._unpacker.feed(piece):
                self._feed_part(part)

    def _feed_part(self, piece: bytes) -> None:
        if self._is_document is None and piece.strip():
            self._is_document = looks_like_document(piece)
        if not self._is_document:
            for event in self._reader.feed(piece):
                self._handle_event(event)

    def flush(self) -> None:
        """Nothing is held back."""

    def enough(self) -> float | None:
        """Seconds that more may take to come, when all that was asked for is there; None before."""
        if self._ended:
            return 0.0
        return GRACE_SECONDS if self._pictures >= self._partials.prepared.n else None

    def _handle_event(self, event: SseEvent) -> None:
        from imagecli.providers.stream import event_role, has_completed_image, parse_payload

        role = event_role(event)
        if has_completed_image(event):
            self._pictures += 1
        elif role == "end":
            self._ended = True
        elif role == "partial":
            try:
                self._partials.handle(parse_payload(event), pictures=self._pictures)
            except Exception as problem:
                # A bug of ours with what is only looked at must not lose what is bought.
                self._partials.on_event(WarningEvent(code="bug", message=to_imagecli_error(problem).message))


@dataclass(slots=True, kw_only=True)
class PartialImageHandler:
    """One request's partial pictures."""

    prepared: PreparedCall
    asked: int | None
    on_event: EventHandler
    received: int = 0

    def handle(self, payload: Any, *, pictures: int) -> None:
        """Announces what *payload* shows, if it shows anything; *pictures* have been completed before it."""
        data = _image_in(payload)
        identity = inspect_image(data)
        if identity.format in (None, "svg") or not identity.whole:
            self.on_event(
                WarningEvent(code="partial_damaged", message=f"a partial picture is not whole: {identity.problem}")
            )
            return
        index = payload.get("partial_image_index")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index <= MAX_INDEX:
            index = self.received
        self.received += 1
        path = self._save_partial(data, identity, index, pictures) if self.prepared.keep_partials else None
        self.on_event(
            PartialImage(
                request=self.prepared.request, partial_image_index=index, asked=self.asked, data=data, path=path
            )
        )

    def _save_partial(self, data: bytes, identity: ImageInfo, index: int, pictures: int) -> Path | None:
        """Beside the picture that is made, under a name that no picture has; None where the disk does not take it."""
        assert identity.format
        name = self.prepared.name(pictures)
        ending = path_for_format(replace(name, literal_format=None, ending=None), identity.format).suffix
        try:
            path = save_file(data, mark_path(path_for_format(name, identity.format), f".partial-{index}{ending}"))
        except DiskError as error:
            self.on_event(WarningEvent(code="partial_lost", message=f"a partial picture is not kept: {error.message}"))
            return None
        self.on_event(NoteEvent(code="partial", message=f"partial picture {index} is kept as {path}"))
        return path


def save_partial_images(body: IO[bytes], prepared: PreparedCall, on_event: EventHandler) -> Path | None:
    """Saves the partial pictures in the answer *body*, where they are all there is of it; the last one's path."""
    last: list[Path] = []

    def heard(event: Event) -> None:
        if isinstance(event, PartialImage) and event.path:
            last[:] = [event.path]
        on_event(event)

    partials = PartialImageHandler(prepared=replace(prepared, keep_partials=True), asked=None, on_event=heard)
    ear = StreamTee(io.BytesIO(), partials)
    body.seek(0)
    while piece := body.read(_PIECE_BYTES):
        ear.feed(piece)
    return last[0] if last else None


def _is_finished_image(name: str, head: bytes) -> bool:
    """Whether an event with that name and beginning shows a finished picture."""
    # Most answers are no stream, and pay nothing for it.
    from imagecli.providers.stream import event_role

    return event_role(SseEvent(name, head)) == "picture"


def _image_in(payload: Any) -> bytes:
    """A partial event's bytes, or none."""
    text = payload.get("b64_json") if isinstance(payload, dict) else None
    if not isinstance(text, str):
        return b""
    try:
        return b"".join(
            decode_base64([text.rpartition(",")[2].encode("utf-8", "replace")])
        )  # a data URL's base64 stands behind a comma
    except UnsavedError:
        return b""
