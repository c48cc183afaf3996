"""Writes how each image of a call was made beside it, once the images are saved. A failure is a warning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from imagecli import __version__
from imagecli.creation_record import CreationRecord, record_to_json
from imagecli.domain import Json, SavedImage
from imagecli.errors import DiskError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.pipeline.save import ImageSaver
from imagecli.prepared_call import PreparedCall
from imagecli.results import CallResult
from imagecli.safe_open import check_still_below
from imagecli.storage.sidecar import SCHEMA, sidecar_path, write_sidecar


def write_sidecars(result: CallResult, saver: ImageSaver, cost_usd: float | None) -> None:
    """Writes a sidecar beside each image of *result* that is in a file, if the command or its row wants them.

    *cost_usd* is the cost of the complete request. Images in the rescue folder get none. What goes wrong is reported as
    a warning: the images are saved.
    """
    prepared = saver.prepared
    if not prepared.sidecar:
        return
    request = _describe_call(result, prepared, cost_usd)
    for image in result.saved:
        if image.path is None or image.path.parent == saver.rescue_folder:
            continue
        document = _build_document(image, request)
        overwrite = prepared.if_exists == "overwrite" and image.index < prepared.n
        try:
            check_still_below(image.path.parent, prepared.root)
            written = write_sidecar(image.path, document, overwrite=overwrite)
        except DiskError as error:
            message = f"{image.path} is saved, but not its sidecar: {error.message}"
            saver.on_event(WarningEvent(code="no_sidecar", message=message))
            continue
        if written != sidecar_path(image.path):
            message = f"{sidecar_path(image.path)} is another file; the sidecar is {written}"
            saver.on_event(NoteEvent(code="sidecar_numbered", message=message))


_PRIVATE: Final = frozenset({"user", "safety_identifier", "format_of_name"})
"""Options that say who requested the image, or nothing about it."""


def _describe_call(result: CallResult, prepared: PreparedCall, cost_usd: float | None) -> dict[str, Json]:
    """What the sidecars of all images of a call have in common."""
    images = len({image.index for image in result.saved})
    request = prepared.record
    record = CreationRecord(
        options={name: value for name, value in request.options.items() if name not in _PRIVATE} if request else {},
        inputs=request.inputs if request else (),
        command=prepared.command,
        provider=prepared.provider,
        model=prepared.model,
        prompt=prepared.prompt,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        request_id=result.request_id,
        request_images=images,
        usage=result.usage if result.svg_usage is None else {**(result.usage or {}), "svg": result.svg_usage},
        cost_usd=None if cost_usd is None else round(cost_usd / max(images, 1), 6),
    )
    return record_to_json(record)


def _build_document(image: SavedImage, request: Mapping[str, Json]) -> dict[str, Json]:
    assert image.path is not None
    return {
        "schema": SCHEMA,
        "imagecli": __version__,
        "file": image.path.name,
        "sha256": image.sha256,
        "bytes": image.bytes,
        "format": image.format,
        "width": image.size.width if image.size else None,
        "height": image.size.height if image.size else None,
        "original": image.original.name if image.original else None,
        **request,
        "revised_prompt": image.revised_prompt,
    }
