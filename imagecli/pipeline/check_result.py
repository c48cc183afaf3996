"""Warnings about what was requested and not applied: a stream, a model, a parameter, transparency, a mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

from imagecli.domain import MAX_PICTURE_BYTES, ImageOptions, SavedImage
from imagecli.events import NoteEvent, WarningEvent
from imagecli.images.identify import identify_image
from imagecli.pipeline.save import MAX_USUAL_PIXELS
from imagecli.providers.decompress import read_beginning
from imagecli.providers.errors import MAX_CODE, shorten_text
from imagecli.providers.request import RequestImages
from imagecli.providers.sse import HEAD_BYTES, is_stream
from imagecli.results import CallResult, StdoutImage

MASK_THRESHOLD: Final = 0.1
"""A larger share of changes outside the mask is a warning: `images.compare_edit` says what was measured."""


def missing_stream_warning(options: ImageOptions, body: IO[bytes], partials: int) -> WarningEvent | None:
    """A warning if the response is not the stream that was requested, or has none of the requested partial images.

    *body* is that of the response, *partials* the number of partial images in it.
    """
    beginning = read_beginning(body, HEAD_BYTES)
    if not is_stream(beginning):
        if not beginning.lstrip().startswith(b"{"):
            return None  # an error will say what it is instead
        count = f", and none of the {options.partial_images} partial images" if options.partial_images else ""
        return WarningEvent(code="no_stream", message=f"the server ignored the request for a stream: no events{count}")
    if options.partial_images and not partials:
        message = f"the server sent none of the {options.partial_images} requested partial images"
        return WarningEvent(code="no_partials", message=message)
    return None


def other_model_warning(used: str, model: str, provider: str) -> WarningEvent | None:
    """A warning if the provider reports that it *used* another model than *model*; an empty text reports nothing."""
    if not used or not model or used.lower() == model.lower():
        return None
    return WarningEvent(code="other_model", message=f"{provider} used {shorten_text(used, MAX_CODE)}, not {model}")


def not_applied_warning(options: ImageOptions, applied: Mapping[str, str]) -> WarningEvent | None:
    """A warning if the response reports other parameters than those requested; *applied* are those that it reports.

    Size, format and transparency are not compared here, but read from the images themselves.
    """
    background = None if options.background == "transparent" else options.background
    differences = [
        f"{name} {applied[name]} instead of {requested}"
        for name, requested in (("quality", options.quality), ("background", background))
        if requested not in (None, "auto") and applied.get(name, requested) != requested
    ]
    if not differences:
        return None
    return WarningEvent(code="not_applied", message=f"the server reports {' and '.join(differences)}")


def opaque_image_warning(images: Iterable[tuple[SavedImage, Path | None]]) -> WarningEvent | None:
    """A warning if one of *images* is opaque although transparency was requested, one for all of them.

    Each is given with the file that it was received as. What can't be decoded is not reported here.
    """
    from imagecli.errors import ImagecliError
    from imagecli.images.pillow_io import has_transparent_pixels
    from imagecli.storage.read import read_bounded

    for image, path in images:
        if path is None or not _is_decodable(image):
            continue
        try:
            data = read_bounded(path, MAX_PICTURE_BYTES)
            if has_transparent_pixels(data, identify_image(data).format or image.format, str(path)):
                continue
        except (ImagecliError, OSError):
            continue
        message = "requested a transparent background, received an opaque image"
        return WarningEvent(code="not_transparent", message=message)
    return None


def mask_warnings(
    images: RequestImages, result: CallResult, provider: str, decode_lock: AbstractContextManager[object]
) -> Iterator[NoteEvent | WarningEvent]:
    """A warning if the area outside the mask changed in an image of *result*, one for all of them.

    *images* are those that were sent. A note if none can be compared.
    """
    if images.mask is None:
        return
    shares: dict[str, float] = {}
    compared = [image for image in result.saved if not image.copy]
    for image in compared:
        with decode_lock:
            share = _changed_share(images, image, received_path(image, result.stdout_image))
        if share is not None:
            shares[str(image.path or "the image on stdout")] = share
    changed = {name: share for name, share in shares.items() if share > MASK_THRESHOLD}
    if compared and not shares:
        message = f"provider {provider} may ignore masks, and its result can't be compared with the original"
        yield NoteEvent(code="mask_unchecked", message=message)
    if changed:
        name = max(changed, key=lambda name: changed[name])
        others = f" (and in {len(changed) - 1} more)" if len(changed) > 1 else ""
        message = f"{changed[name]:.0%} of the area outside the mask changed in {name}{others}"
        yield WarningEvent(code="mask_ignored", message=f"{message}; provider {provider} may have ignored the mask")


def received_path(image: SavedImage, stdout_image: StdoutImage | None) -> Path | None:
    """Where the image is as it was received, or as near to that as it was kept."""
    return image.original or image.path or (stdout_image.path if stdout_image else None)


def _is_decodable(image: SavedImage) -> bool:
    """Whether *image* has pixels, and not so many that decoding them may need too much memory."""
    return image.format != "svg" and image.size is not None and image.size.pixels <= MAX_USUAL_PIXELS


def _changed_share(images: RequestImages, image: SavedImage, path: Path | None) -> float | None:
    """The share outside the mask that changed; None if it is unknown."""
    from imagecli.errors import ImagecliError
    from imagecli.images.compare_edit import changed_outside_mask
    from imagecli.storage.read import read_bounded

    if images.mask is None or path is None or not _is_decodable(image):
        return None
    try:
        return changed_outside_mask(images.images[0], images.mask, read_bounded(path, MAX_PICTURE_BYTES))
    except (ImagecliError, OSError):
        return None
