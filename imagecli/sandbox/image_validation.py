"""Validates input images, masks and markups, and raises the API's errors for those that a model does not accept.

Models with URLs get the errors of the DALL·E generation, all others `image_generation_user_error` (OpenAI API
reference, read 2026-11-22).
"""

from __future__ import annotations

from imagecli.catalog.model import ModelRow
from imagecli.domain import InputRule, Operation, Size
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.image_job import UploadedFile, UploadedImage
from imagecli.sandbox.parameters import missing_parameter_error, unknown_parameter_error
from imagecli.sandbox.request_body import ParsedForm


def read_input_images(
    form: ParsedForm, operation: Operation, row: ModelRow
) -> tuple[tuple[UploadedImage, ...], UploadedImage | None, UploadedImage | None]:
    """The decoded input images, mask and markup, as far as *operation* accepts them. Raises ApiError."""
    if operation == "generations":
        return (), None, None
    _check_image_counts(form, operation, row)
    images = tuple(_read_input_image(upload, row, index) for index, upload in enumerate(form.images, 1))
    mask, markup = (
        _read_overlay(uploads[0], images[0], row, kind) if uploads else None
        for kind, uploads in (("mask", form.masks), ("markup", form.markups))
    )
    if operation == "edits" and row.edits_need_alpha and mask is None and not images[0].has_alpha:
        raise ApiError("Invalid input image - format must be in ['RGBA', 'LA'], got RGB.")
    return images, mask, markup


def _check_image_counts(form: ParsedForm, operation: Operation, row: ModelRow) -> None:
    if not form.images:
        raise missing_parameter_error("image")
    if len(form.images) > row.max_images:
        raise ApiError(
            f"Invalid 'image': array too long. Expected an array with maximum length {row.max_images}, but got an "
            f"array with length {len(form.images)} instead.",
            param="image",
            code="array_above_max_length",
        )
    for name, uploads in (("mask", form.masks), ("markup", form.markups)):
        if operation == "variations" and uploads:
            raise unknown_parameter_error(name)
        if len(uploads) > 1:
            raise ApiError(f"Duplicate parameter: '{name}'.", param=name, code="duplicate_parameter")


def _read_input_image(upload: UploadedFile, row: ModelRow, number: int) -> UploadedImage:
    rule = row.image
    if row.allowed_values("response_format"):
        error = ApiError(f"Uploaded image must be a {_describe_rule(rule)} and less than {_megabytes(rule)} MB.")
    else:
        error = _user_error(
            f"Invalid image file or mode for image {number}, please check your image file. "
            f"It must be a {_describe_rule(rule)} and less than {_megabytes(rule)} MB.",
            "invalid_image_file",
            "image",
        )
    image = _decode_image(upload.data, rule, error)
    if rule.square and not image.size.is_square:
        size = image.size
        raise ApiError(f"Input images must be square but got image with dimensions ({size.width}, {size.height})")
    return image


def _read_overlay(upload: UploadedFile, image: UploadedImage, row: ModelRow, kind: str) -> UploadedImage:
    """A mask or a markup (*kind*): both have the size of the first image, and an alpha channel."""
    rule = row.mask
    limits = f"{kind} must be a {_describe_rule(rule)} and less than {_megabytes(rule)} MB"
    overlay = _decode_image(upload.data, rule, _overlay_error(row, kind, limits))
    if overlay.size != image.size:
        reason = f"{kind} size ({overlay.size}) does not match the input image size ({image.size})"
        raise _overlay_error(row, kind, reason)
    if rule.alpha and not overlay.has_alpha:
        raise _overlay_error(row, kind, f"{kind} image missing alpha channel")
    return overlay


def _decode_image(data: bytes, rule: InputRule, error: ApiError) -> UploadedImage:
    from imagecli.sandbox.painter.codec import UnreadableError, detect_upload_format, open_upload

    if len(data) > rule.max_bytes or detect_upload_format(data) not in rule.formats:
        raise error
    try:
        return open_upload(data)
    except UnreadableError:
        raise error from None


def _overlay_error(row: ModelRow, kind: str, reason: str) -> ApiError:
    message = f"Invalid {kind} image format - {reason}."
    classic = bool(row.allowed_values("response_format"))
    return ApiError(message) if classic else _user_error(message, f"invalid_{kind}_image_format", kind)


def _user_error(message: str, code: str, param: str) -> ApiError:
    return ApiError(message, type="image_generation_user_error", param=param, code=code)


def _describe_rule(rule: InputRule) -> str:
    names = [name.upper() for name in rule.formats]
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _megabytes(rule: InputRule) -> int:
    return (rule.max_bytes + 1) // 1024**2


def natural_size(images: tuple[UploadedImage, ...], row: ModelRow) -> Size:
    """The size of a request without one: the first input's if the model supports it, else the nearest that it supports.

    As with the real `auto`, a model with free sizes may return a size that a request may not ask for.
    """
    rule = row.sizes
    own = images[0].size if images else None
    if rule.set:
        if own is None:
            return max(rule.set, key=lambda size: (size.is_square, size.pixels))
        return own if own in rule.set else min(rule.set, key=lambda size: (_shape_difference(size, own), -size.pixels))
    if own is None:
        return Size(1024, 1024)
    shrink = min(1.0, (rule.max_edge or 10**9) / max(own.width, own.height))
    shrink = min(shrink, ((rule.max_pixels or 10**18) / own.pixels) ** 0.5)
    return own if shrink == 1.0 else Size(max(1, int(own.width * shrink)), max(1, int(own.height * shrink)))


def _shape_difference(size: Size, own: Size) -> float:
    """By which factor two aspect ratios differ; 1 if they are the same."""
    ratio = (size.width * own.height) / (size.height * own.width)
    return max(ratio, 1 / ratio)
