"""What lies on an image, its mask or a drawing: it gets exactly the transform that the image got."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagecli.domain import Transform
from imagecli.errors import InputImageError, MaskError
from imagecli.pictures.fit import TURNED, Fitted
from imagecli.pictures.look import Look


def its_transform(look: Look, image: Fitted, what: str) -> Transform:
    """The transform of *image* for *look*, a *what* of the image's upright size; none for one of its sent size.

    Raises MaskError for any other size.
    """
    if look.size == image.transform.upright:
        return image.transform
    if look.size == image.image.size:
        return Transform(upright=look.size)
    turned = " after rotation" if TURNED in image.changes else ""
    sent = "" if image.transform.upright == image.image.size else f" (sent as {image.image.size})"
    its_image = f"{image.name} is {image.transform.upright}{turned}{sent}"
    raise MaskError(
        f"{look.name} is {look.size}, {its_image}; a {what} has its image's size",
        hint=f"scale the {what} to {image.transform.upright}",
    )


def as_its_image(transform: Transform) -> str | None:
    """What was done to it, as a phrase."""
    done = [("cropped", transform.crop), ("padded", transform.pad), ("resized", transform.size)]
    words = [word for word, step in done if step]
    return f"{' and '.join(words)} as its image" if words else None


@contextmanager
def as_mask_error() -> Iterator[None]:
    """What is wrong with a picture that lies on another is raised as the MaskError that it is."""
    try:
        yield
    except MaskError:
        raise
    except InputImageError as error:
        raise MaskError(error.message, hint=error.hint) from error
