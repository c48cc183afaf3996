"""Pastes a result into the original image of its edit, as the `Composition` says, perhaps days after the request."""

from __future__ import annotations

import hashlib

from imagecli.domain import MAX_IMAGE_BYTES, DigitalSourceType, Size
from imagecli.errors import ImagecliError
from imagecli.prepared_call import Composition
from imagecli.storage.read import read_bounded


def compose_result(
    result: bytes,
    composition: Composition,
    original: bytes | None,
    format: str,
    fit: Size | None,
    source_type: DigitalSourceType,
) -> tuple[bytes, str]:
    """The composed image in *format*, and how it was made: words that follow "was".

    *original* holds the bytes of an original that can't be read again. Raises ImagecliError if it is missing or has
    changed, and if the result can't be pasted into it.
    """
    from imagecli.images.compose import compose
    from imagecli.images.convert_output import encode_pixels

    composed = compose(_read_original(composition, original), result, composition)
    data = encode_pixels(composed.pixels, format, source_type, fit, composed.profile, composed.exif)
    phrases = [f"composed with {composition.label}", *composed.notes]
    if fit and fit != Size(*composed.pixels.size):
        phrases.append(f"cropped and resized to {fit}")
    return data, ", ".join((*phrases, describe_change(composed.changed_share)))


def describe_change(share: float) -> str:
    """What the model had changed outside the mask."""
    if share < _LEAST_SHARE:
        return "outside the mask the model had changed nothing visible"
    return f"the model had changed {share:.0%} of the area outside the mask, which is restored"


_LEAST_SHARE = 0.005


def _read_original(composition: Composition, data: bytes | None) -> bytes:
    """The original, unchanged since the request. Raises ImagecliError."""
    if data is None and composition.original is None:
        raise ImagecliError(f"{composition.label} was read from a pipe, and is no longer available")
    if data is None:
        assert composition.original is not None
        data = read_bounded(composition.original, MAX_IMAGE_BYTES)
    if hashlib.sha256(data).hexdigest() != composition.sha256:
        raise ImagecliError(f"{composition.label} has changed since the request")
    return data
