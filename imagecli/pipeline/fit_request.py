"""Fits the input images of one request to the rules of its model: images, mask and markup as they are sent.

Of an edit whose result is pasted into its first image, a part of that image is sent: `images.fit_region`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imagecli.catalog.model import ModelRow
from imagecli.checks.model_parameters import needs_alpha
from imagecli.domain import (
    MAX_PICTURE_BYTES,
    CompositionOptions,
    Edit,
    InputFile,
    InputRole,
    InputSource,
    MaskSource,
    Size,
    Vary,
)
from imagecli.errors import InputImageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.providers.request import FittedInputs, RequestImages

if TYPE_CHECKING:
    from imagecli.images.header import ImageHeader  # imports Pillow


def fit_request(request: Edit | Vary, row: ModelRow) -> FittedInputs:
    """The images of *request*, with mask and markup, fitted to the rules of *row*. Raises InputImageError."""
    if isinstance(request, Edit) and request.composition:
        return _fit_composed(request, request.composition, row)
    return _fit_complete(request, row)


def _fit_complete(request: Edit | Vary, row: ModelRow) -> FittedInputs:
    """The images of a request whose result is saved as it is received."""
    from imagecli.images.fit_input import fit_input
    from imagecli.images.fit_mask import fit_mask, mask_coverage
    from imagecli.images.fit_overlay import fit_markup

    sources, input_fit = request.input_sources, request.input_fit
    transparent = needs_alpha(request, row)
    files: list[InputFile] = []
    headers = [_read_input(source, "image", files) for source in sources]
    if transparent and not headers[0].has_alpha:
        raise _no_transparency_error(sources[0], row)
    fitted = [fit_input(header, row.image, input_fit) for header in headers]
    notes: list[NoteEvent | WarningEvent] = []
    for source, one in zip(sources, fitted, strict=True):
        notes += _change_notes(source, one.changes)
    if transparent and not mask_coverage(fitted[0].image):
        raise _no_transparency_error(sources[0], row)
    mask = markup = None
    if isinstance(request, Edit) and request.mask:
        mask_header = _read_input(request.mask.file, "mask", files) if request.mask.file else None
        fitted_mask = fit_mask(request.mask, mask_header, row.mask, fitted[0], input_fit)
        mask = fitted_mask.image
        coverage = _coverage_note(request.mask.label, mask_coverage(mask), request.mask)
        notes += [*_change_notes(request.mask, fitted_mask.changes), coverage]
    if isinstance(request, Edit) and request.markup:
        markup_header = _read_input(request.markup, "markup", files)
        fitted_markup = fit_markup(markup_header, row.image.max_bytes, fitted[0], input_fit)
        markup = fitted_markup.image
        notes += _change_notes(request.markup, fitted_markup.changes)
    images = tuple(one.image for one in fitted)
    return FittedInputs(
        images=RequestImages(images=images, mask=mask, markup=markup),
        transform=fitted[0].transform,
        files=tuple(files),
        notes=tuple(notes),
    )


def _fit_composed(request: Edit, options: CompositionOptions, row: ModelRow) -> FittedInputs:
    """The images of an edit whose result is pasted into the first of them."""
    from imagecli.images.fit_input import fit_input
    from imagecli.images.fit_region import fit_region

    first, *further = request.images
    files: list[InputFile] = []
    header = _read_input(first, "image", files)
    further_headers = [_read_input(source, "image", files) for source in further]
    region = fit_region(
        header,
        request.mask,
        _read_input(request.mask.file, "mask", files) if request.mask and request.mask.file else None,
        options,
        (row.image, row.mask, row.sizes),
        request.options.size,
        request.input_fit,
    )
    notes: list[NoteEvent | WarningEvent] = []
    if isinstance(request.options.size, Size):
        notes.append(NoteEvent(code="size", message=f"{first.label}: requesting {request.options.size}"))
    notes += _change_notes(first, region.image.changes)
    if request.mask:
        notes += _change_notes(request.mask, region.mask.changes)
    notes += [NoteEvent(code="region", message=note) for note in region.notes]
    notes.append(_coverage_note(region.mask.name, region.coverage, request.mask))
    images = [region.image.image]
    for source, further_header in zip(further, further_headers, strict=True):
        fitted = fit_input(further_header, row.image, request.input_fit)
        images.append(fitted.image)
        notes += _change_notes(source, fitted.changes)
    path = None if first.data is not None else first.path
    return FittedInputs(
        images=RequestImages(images=tuple(images), mask=region.mask.image),
        transform=region.image.transform,
        composition=region.composition._replace(original=path, sha256=files[0].sha256),
        files=tuple(files),
        notes=tuple(notes),
    )


def _no_transparency_error(image: InputSource, row: ModelRow) -> InputImageError:
    return InputImageError(
        f"{image.label} has no transparent area, and {row.name} edits only transparent areas",
        hint="mark the area to edit with --mask FILE or --mask-rect X,Y,WIDTH,HEIGHT",
    )


def read_source(source: InputSource) -> bytes:
    """The bytes of an input. Raises InputImageError."""
    from imagecli.storage.read import read_bounded

    if source.data is not None:
        return source.data
    assert source.path is not None
    return read_bounded(source.path, MAX_PICTURE_BYTES)


def read_image_header(source: InputSource) -> ImageHeader:
    """The header of an input. Raises InputImageError."""
    from imagecli.images.header import read_header

    return read_header(read_source(source), source.label)


def read_mask_header(mask: MaskSource | None) -> ImageHeader | None:
    """The header of a mask's file; None if it has none. Raises InputImageError."""
    return read_image_header(mask.file) if mask and mask.file else None


def _read_input(source: InputSource, role: InputRole, files: list[InputFile]) -> ImageHeader:
    """The header of *source*, which is added to *files*. Raises InputImageError."""
    from imagecli.images.header import read_header

    data = read_source(source)
    sha256 = hashlib.sha256(data).hexdigest()
    files.append(InputFile(role=role, name=source.name, path=source.path, sha256=sha256))
    return read_header(data, source.label)


def _change_notes(source: InputSource | MaskSource, changes: tuple[str, ...]) -> list[NoteEvent]:
    """One note about what was changed, if anything was."""
    return [NoteEvent(code="input_changed", message=f"{source.label}: {', '.join(changes)}")] if changes else []


def _coverage_note(name: str, share: float, mask: MaskSource | None) -> NoteEvent | WarningEvent:
    """How much of the image may change. *mask* is the user's; without one it is that of an extension."""
    from imagecli.images.mask_area import format_share

    if share == 1:
        return WarningEvent(code="mask_full", message=f"{name} covers the complete image: all of it may change")
    message = f"{name}: {format_share(share)} of the image may change"
    if share > 0.5 and mask:
        message += f"; {'omit' if mask.invert else 'add'} --mask-invert to edit the rest instead"
    return NoteEvent(code="mask_coverage", message=message)
