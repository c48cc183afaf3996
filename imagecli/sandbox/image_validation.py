"""Which pictures and masks are taken, and the refusals of those that are not.

Classic rows (those that hand out URLs) are refused in the manner of the DALL·E time, the others with
`image_generation_user_error` (OpenAI API reference, read 2026-11-22).
"""

from __future__ import annotations

from imagecli.catalog.model import ModelRow
from imagecli.domain import InputRule, Operation, Size
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.form import Form
from imagecli.sandbox.image_job import Picture, Upload


def check_pictures(
    form: Form, operation: Operation, row: ModelRow
) -> tuple[tuple[Picture, ...], Picture | None, Picture | None]:
    """The decoded inputs, mask and markup of an operation that takes them. Raises ApiError."""
    if operation == "generations":
        return (), None, None
    _check_counts(form, operation, row)
    images = tuple(_picture(upload, row, index) for index, upload in enumerate(form.images, 1))
    mask, markup = (
        _drawn(uploads[0], images[0], row, kind) if uploads else None
        for kind, uploads in (("mask", form.masks), ("markup", form.markups))
    )
    if operation == "edits" and row.edits_need_alpha and mask is None and not images[0].has_alpha:
        raise ApiError("Invalid input image - format must be in ['RGBA', 'LA'], got RGB.")
    return images, mask, markup


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
    for name, uploads in (("mask", form.masks), ("markup", form.markups)):
        if operation == "variations" and uploads:
            raise ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        if len(uploads) > 1:
            raise ApiError(f"Duplicate parameter: '{name}'.", param=name, code="duplicate_parameter")


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


def _drawn(upload: Upload, image: Picture, row: ModelRow, kind: str) -> Picture:
    """A mask or a markup (*kind*): both lie on the first picture, and are seen through."""
    rule = row.mask
    limits = f"{kind} must be a {_words(rule)} and less than {_megabytes(rule)} MB"
    picture = _decoded(upload.data, rule, _drawn_error(row, kind, limits))
    if picture.size != image.size:
        said = f"{kind} size ({picture.size}) does not match the input image size ({image.size})"
        raise _drawn_error(row, kind, said)
    if rule.alpha and not picture.has_alpha:
        raise _drawn_error(row, kind, f"{kind} image missing alpha channel")
    return picture


def _decoded(data: bytes, rule: InputRule, wrong: ApiError) -> Picture:
    from imagecli.sandbox.painter.encode import UnreadableError, format_of, open_picture

    if len(data) > rule.max_bytes or format_of(data) not in rule.formats:
        raise wrong
    try:
        return open_picture(data)
    except UnreadableError:
        raise wrong from None


def _drawn_error(row: ModelRow, kind: str, reason: str) -> ApiError:
    message = f"Invalid {kind} image format - {reason}."
    classic = bool(row.allowed("response_format"))
    return ApiError(message) if classic else _user_error(message, f"invalid_{kind}_image_format", kind)


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
