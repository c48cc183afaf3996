"""Chooses the size of edits whose result is pasted into the original image, before names and price are planned."""

from __future__ import annotations

from collections.abc import Sequence

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.domain import CompositionOptions, Edit, ImageRequest, InputSource, Size
from imagecli.errors import InputImageError
from imagecli.pipeline.fit_request import read_image_header, read_mask_header, read_source


def resolve_composed_edits(
    requests: Sequence[ImageRequest], row: ModelRow, provider: ProviderRow
) -> list[ImageRequest]:
    """*requests*, in which edits with a composition have the size at which their region is sent.

    The result must have the shape of what is sent, so its size is not left to the model; and it is requested as a PNG,
    unless the user requested another format: it is encoded again. An input from a pipe is read here, once. One that
    can't be sent stays as it is: `check_inputs` reports it with all others.
    """
    return [
        _resolve_edit(request, request.composition, row, provider)
        if isinstance(request, Edit) and request.composition
        else request
        for request in requests
    ]


def _resolve_edit(request: Edit, composition: CompositionOptions, row: ModelRow, provider: ProviderRow) -> Edit:
    from imagecli.images.fit_region import choose_region_size

    options, mask = request.options, request.mask
    if options.format_of_name:
        options = options._replace(output_format=None, format_of_name=False)
    try:
        images = (read_if_pipe(request.images[0]), *request.images[1:])
        if mask and mask.file:
            mask = mask._replace(file=read_if_pipe(mask.file))
        if not (isinstance(options.size, Size) or provider.refuses("size", "edits")):
            header = read_image_header(images[0])
            size = choose_region_size(header, mask, read_mask_header(mask), composition, row.sizes)
            options = options._replace(size=size)
    except InputImageError:
        return request
    return request._replace(images=images, mask=mask, options=options)


def read_if_pipe(source: InputSource) -> InputSource:
    """*source*; with its data if it is a file that can be read only once."""
    if source.data is not None or source.path is None or source.path.is_file() or not source.path.exists():
        return source
    return source._replace(data=read_source(source))
