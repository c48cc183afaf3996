"""A response that no record vouches for: only the images in its bytes are used, and saved under new names.

Nothing is fetched, replaced or removed, and its description is not read: anyone may have written it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import IO

from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.client.spool import open_unrecorded
from imagecli.domain import OutputName
from imagecli.errors import UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, NoteEvent
from imagecli.http_message import ParsedResponse, ReturnedImage
from imagecli.images.integrity import inspect_image_file
from imagecli.naming import slugify
from imagecli.pipeline.fetch_image import inspect_staged
from imagecli.pipeline.finish_call import open_response, save_images
from imagecli.pipeline.partial_images import save_partial_images
from imagecli.pipeline.save import ImageSaver
from imagecli.prepared import PreparedCall
from imagecli.providers.response import parse_response
from imagecli.providers.salvage import salvage_images
from imagecli.results import CallResult
from imagecli.storage.atomic import translate_disk_errors
from imagecli.storage.staging import open_staged


def recover_images(body: Path, request: int, folder: Path, state_dir: Path, on_event: EventHandler) -> CallResult:
    """Save the images in the response *body* in *folder*, under names made of its id. The response stays.

    *request* numbers it in this command's report. All that goes wrong is in the outcome.
    """
    nothing = CallResult(request=request, requested=0, provider="", model="")
    try:
        with open_unrecorded(body) as file:
            if file:
                return _save(file, body.stem, request, folder, state_dir, on_event)
            on_event(NoteEvent(code="under_way", message=f"{body.stem} is under way in another process"))
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
    if inspect_image_file(file).format not in (None, "svg"):
        return _save_as_it_is(file, saver)
    try:
        with open_response(file, saver, _read_images) as response:
            # Only now it is known how many names are needed.
            saver = replace(saver, prepared=_prepared(id, request, folder, len(response.parsed.images)))
            return save_images(response, saver, ResultDownloader(timeouts=Timeouts(), direct=False))
    except UnsavedError as error:
        if last := save_partial_images(file, saver.prepared, on_event):
            error.rescued_path = str(last)
        raise


def _save_as_it_is(file: IO[bytes], saver: ImageSaver) -> CallResult:
    """A response that is itself an image."""
    prepared = saver.prepared
    folder = prepared.names[0].folder
    with translate_disk_errors(folder), open_staged(folder, label=prepared.id) as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        staged = inspect_staged(copy)
    saved = tuple(saver.save(0, staged, None))
    return CallResult(request=prepared.request, requested=1, provider="", model="", saved=saved)


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
        f"the response has only the address of an image: {image.url}",
        hint="recover --from fetches nothing; open the address yourself if you trust it",
        code="not_fetched",
    )
    return image._replace(url=None, hint=None, error=error)
