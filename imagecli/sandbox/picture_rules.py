"""Which pictures and masks are taken, and the refusals of those that are not.

Classic rows (those that hand out URLs) are refused in the manner of the DALL·E time, the others with
`image_generation_user_error` (OpenAI API reference, read 2026-11-22).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagecli.catalog import ModelRow
from imagecli.domain import InputRule, Operation, Size
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.forms import Form
from imagecli.sandbox.job import Upload

if TYPE_CHECKING:
    from imagecli.sandbox.painter.pictures import Picture


def check_pictures(form: Form, operation: Operation, row: ModelRow) -> tuple[tuple[Picture, ...], Picture | None]:
    """The decoded inputs and mask of an operation that takes them. Raises ApiError."""
    if operation == "generations":
        return (), None
    _check_counts(form, operation, row)
    images = tuple(_picture(upload, row, index) for index, upload in enumerate(form.images, 1))
    mask = _mask(form.masks[0], images[0], row) if form.masks else None
    if operation == "edits" and row.allowed("response_format") and mask is None and not images[0].has_alpha:
        raise ApiError("Invalid input image - format must be in ['RGBA', 'LA'], got RGB.")
    return images, mask


def _check_counts(form: Form, operation: Operation, row: ModelRow) -> None:
    if not form.images:
        raise ApiError("Missing required parameter: 'image'.", param="image", code="missing_required_parameter")
    if len(form.images) > row.max_images:
        raise ApiError(
            f"Invalid 'image': array too long. Expected an array with maximum length {row.max_images}, but got an "
            f"array with length {len(form.images)} instead.",
            param="image",
            code="array_above_max_length",
        )
    if operation == "variations" and form.masks:
        raise ApiError("Unknown parameter: 'mask'.", param="mask", code="unknown_parameter")
    if len(form.masks) > 1:
        raise ApiError("Duplicate parameter: 'mask'.", param="mask", code="duplicate_parameter")


def _picture(upload: Upload, row: ModelRow, number: int) -> Picture:
    rule = row.image
    if row.allowed("response_format"):
        wrong = ApiError(f"Uploaded image must be a {_words(rule)} and less than {_megabytes(rule)} MB.")
    else:
        wrong = _user_error(
            f"Invalid image file or mode for image {number}, please check your image file. It must be a {_words(rule)} "
            f"and less than {_megabytes(rule)} MB.",
            "invalid_image_file",
            "image",
        )
    picture = _decoded(upload.data, rule, wrong)
    if rule.square and not picture.size.is_square:
        size = picture.size
        raise ApiError(f"Input images must be square but got image with dimensions ({size.width}, {size.height})")
    return picture


def _mask(upload: Upload, image: Picture, row: ModelRow) -> Picture:
    rule = row.mask
    picture = _decoded(
        upload.data, rule, _mask_error(row, f"mask must be a {_words(rule)} and less than {_megabytes(rule)} MB")
    )
    if picture.size != image.size:
        raise _mask_error(row, f"mask size ({picture.size}) does not match the input image size ({image.size})")
    if rule.alpha and not picture.has_alpha:
        raise _mask_error(row, "mask image missing alpha channel")
    return picture


def _decoded(data: bytes, rule: InputRule, wrong: ApiError) -> Picture:
    from imagecli.sandbox.painter.pictures import UnreadableError, format_of, open_picture

    if len(data) > rule.max_bytes or format_of(data) not in rule.formats:
        raise wrong
    try:
        return open_picture(data)
    except UnreadableError:
        raise wrong from None


def _mask_error(row: ModelRow, reason: str) -> ApiError:
    message = f"Invalid mask image format - {reason}."
    return (
        ApiError(message)
        if row.allowed("response_format")
        else _user_error(message, "invalid_mask_image_format", "mask")
    )


def _user_error(message: str, code: str, param: str) -> ApiError:
    return ApiError(message, type="image_generation_user_error", param=param, code=code)


def _words(rule: InputRule) -> str:
    names = [name.upper() for name in rule.formats]
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _megabytes(rule: InputRule) -> int:
    return (rule.max_bytes + 1) // 1024**2


def natural_size(images: tuple[Picture, ...], row: ModelRow) -> Size:
    """The size where none is asked for: the first input's own where the row makes it, else the nearest that it makes.

    Rows of free sizes may, as the real `auto`, answer with a size that can't be asked for.
    """
    rule = row.sizes
    own = images[0].size if images else None
    if rule.set:
        if own is None:
            return max(rule.set, key=lambda size: (size.is_square, size.pixels))
        return own if own in rule.set else min(rule.set, key=lambda size: (_skew(size, own), -size.pixels))
    if own is None:
        return Size(1024, 1024)
    shrink = min(1.0, (rule.max_edge or 10**9) / max(own.width, own.height))
    shrink = min(shrink, ((rule.max_pixels or 10**18) / own.pixels) ** 0.5)
    return own if shrink == 1.0 else Size(max(1, int(own.width * shrink)), max(1, int(own.height * shrink)))


def _skew(size: Size, own: Size) -> float:
    """How far apart two shapes are, 1 for equal."""
    ratio = (size.width * own.height) / (size.height * own.width)
    return max(ratio, 1 / ratio)
