"""Partial images of a streamed response: reported while it arrives, and saved with --keep-partials.

The response is in the spool before its events are read, and final images are read from there: whatever goes wrong with
a partial image affects nothing else.
"""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from imagecli.client.exchange import BodyWriter
from imagecli.domain import ImageInfo
from imagecli.errors import DiskError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, NoteEvent, PartialImage, WarningEvent
from imagecli.images.integrity import inspect_image
from imagecli.naming import mark_path, path_for_format
from imagecli.prepared_call import PreparedCall
from imagecli.providers.decompress import GZIP_MAGIC, read_pieces
from imagecli.providers.large_json import decode_base64
from imagecli.providers.sse import MAX_EVENT_BYTES, SseEvent, SseReader, looks_like_document
from imagecli.storage.atomic_write import save_file

GRACE_SECONDS: Final = 5.0
"""How long to wait for the end of a stream whose images are all here: its usage may follow, or a further image."""
MAX_INDEX: Final = 99


class StreamTee:
    """Writes a response to the spool file, and reads its events."""

    def __init__(self, file: BodyWriter, partials: PartialImageHandler, limit: int = MAX_EVENT_BYTES) -> None:
        self._file, self._partials = file, partials
        self._reader = SseReader(limit, skims=_is_finished_image)
        self._is_document: bool | None = None
        """It is JSON or a page instead of a stream; None until the first bytes arrive."""
        self._images = 0
        self._ended = False

    def write(self, piece: bytes, /) -> int:
        """Writes to the file first, unchanged. Raises UnsavedError for an event that does not end."""
        written = self._file.write(piece)
        self._file.flush()
        self.feed(piece)
        return written

    def feed(self, piece: bytes) -> None:
        """Handles the events in *piece*. Raises UnsavedError as `write`."""
        if self._is_document is None and piece.strip():
            # A compressed response, which was not requested, is read when it is complete.
            self._is_document = looks_like_document(piece) or piece.startswith(GZIP_MAGIC)
        if self._is_document is False:
            for event in self._reader.feed(piece):
                self._handle_event(event)

    def flush(self) -> None:
        """Nothing to do: `write` flushes."""

    def enough(self) -> float | None:
        """Seconds to wait for more once all requested images are here; None before."""
        if self._ended:
            return 0.0
        return GRACE_SECONDS if self._images >= self._partials.prepared.n else None

    def _handle_event(self, event: SseEvent) -> None:
        from imagecli.providers.stream import event_role, has_completed_image, parse_payload

        role = event_role(event)
        if has_completed_image(event):
            self._images += 1
        elif role == "end":
            self._ended = True
        elif role == "partial":
            try:
                self._partials.handle(parse_payload(event), images=self._images)
            except Exception as problem:
                # A bug of ours with a partial image must not lose the final one.
                self._partials.on_event(WarningEvent(code="bug", message=to_imagecli_error(problem).message))


class PartialImageHandler:
    """Reports the partial images of one request."""

    def __init__(self, *, prepared: PreparedCall, requested: int | None, on_event: EventHandler) -> None:
        self.prepared, self.requested, self.on_event = prepared, requested, on_event
        self.arrived = 0
        """Partial images, damaged ones included."""
        self.received = 0
        self.last_path: Path | None = None
        """Where the last one was saved."""

    def handle(self, payload: Any, *, images: int) -> None:
        """Reports the image in *payload*, if it has one, behind *images* completed images."""
        self.arrived += 1
        data = _image_in(payload)
        identity = inspect_image(data)
        if identity.format in (None, "svg") or not identity.is_complete:
            self.on_event(
                WarningEvent(code="partial_damaged", message=f"a partial image is incomplete: {identity.problem}")
            )
            return
        index = payload.get("partial_image_index")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index <= MAX_INDEX:
            index = self.received
        self.received += 1
        path = self._save_partial(data, identity, index, images) if self.prepared.keep_partials else None
        self.last_path = path or self.last_path
        self.on_event(
            PartialImage(
                request=self.prepared.request, partial_image_index=index, requested=self.requested, data=data, path=path
            )
        )

    def _save_partial(self, data: bytes, identity: ImageInfo, index: int, images: int) -> Path | None:
        """Saved beside the final image, under a name that no image has; None if that fails."""
        assert identity.format
        name = self.prepared.name(images)
        ending = path_for_format(name._replace(literal_format=None, ending=None), identity.format).suffix
        try:
            path = save_file(data, mark_path(path_for_format(name, identity.format), f".partial-{index}{ending}"))
        except DiskError as error:
            self.on_event(WarningEvent(code="partial_lost", message=f"a partial image was not saved: {error.message}"))
            return None
        self.on_event(NoteEvent(code="partial", message=f"partial image {index} is saved as {path}"))
        return path


def save_partial_images(body: IO[bytes], prepared: PreparedCall, on_event: EventHandler) -> Path | None:
    """Saves the partial images in *body*, a stream without final ones, and returns the path of the last one."""
    partials = PartialImageHandler(prepared=prepared._replace(keep_partials=True), requested=None, on_event=on_event)
    tee = StreamTee(io.BytesIO(), partials)
    with suppress(UnsavedError):  # an event that does not end
        for piece in read_pieces(body):
            tee.feed(piece)
    return partials.last_path


def _is_finished_image(name: str, head: bytes) -> bool:
    """Whether an event with that name and beginning has a finished image."""
    # Imported only for a stream: most responses are not one.
    from imagecli.providers.stream import event_role

    return event_role(SseEvent(name, head)) == "image"


def _image_in(payload: Any) -> bytes:
    """The bytes of a partial event's image; empty if it has none."""
    fields = payload if isinstance(payload, dict) else {}
    text = fields.get("b64_json") or fields.get("partial_image_b64")
    if not isinstance(text, str):
        return b""
    try:
        return b"".join(
            decode_base64([text.rpartition(",")[2].encode("utf-8", "replace")])
        )  # in a data URL the base64 follows a comma
    except UnsavedError:
        return b""
