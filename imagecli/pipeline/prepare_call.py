"""The first half of a call: its inputs fitted, its HTTP request, and the `PreparedCall` that saving its images needs.

Input images are read and fitted to the endpoint once, and shared by all requests that send them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.model_parameters import input_sources, needs_alpha
from imagecli.domain import (
    MAX_PICTURE_BYTES,
    Edit,
    Generate,
    IfExists,
    ImageRequest,
    InputFit,
    InputImage,
    InputSource,
    MaskSource,
    Size,
    Transform,
)
from imagecli.errors import InputImageError
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.http_request import HttpRequest
from imagecli.plan_calls import PlannedCall
from imagecli.prepared_call import PreparedCall
from imagecli.providers.request import RequestImages, build_http_request


class RunContext(NamedTuple):
    """What all calls of a command have in common."""

    run_id: str
    command: str
    provider: ProviderRow
    base_url: str
    if_exists: IfExists | None
    stdout: bool
    keep_partials: bool = False
    allow_outside: bool = False
    """As in `PreparedCall`."""
    query: Mapping[str, str] = MappingProxyType({})
    """The query of every request's URL."""


def prepare_call(call: PlannedCall, inputs: FittedInputs, context: RunContext) -> tuple[PreparedCall, HttpRequest]:
    """What is sent, and all that is needed to save its images later. Sends nothing."""
    http = build_http_request(call.request, inputs.images, context.provider, context.base_url, context.query)
    return build_prepared_call(call, context, inputs.transform), http


def build_prepared_call(call: PlannedCall, context: RunContext, transform: Transform | None = None) -> PreparedCall:
    """All that is needed to save the images of *call*; *transform* is its first input's."""
    request, options = call.request, call.request.options
    return PreparedCall(
        id=f"{context.run_id}-{call.index:04}",
        request=call.index,
        command=context.command,
        provider=context.provider.name,
        base_url=_without_secrets(context.base_url),
        model=options.model,
        n=options.n,
        names=call.names,
        if_exists=context.if_exists,
        stdout=context.stdout,
        prompt=request.prompt,
        output_format=options.output_format,
        # A server that is sent a ratio chooses the pixels itself.
        size=options.size if isinstance(options.size, Size) and context.provider.size_as != "aspect_ratio" else None,
        fit=options.fit,
        keep_partials=context.keep_partials,
        transform=None if isinstance(request, Generate) else transform,
        files=call.files,
        replaces=call.replaces,
        part=call.part,
        allow_outside=context.allow_outside,
        free=context.provider.free,
        # What an edit keeps of its image was not created by the model. A variation keeps no part of it.
        source_type="compositeWithTrainedAlgorithmicMedia" if isinstance(request, Edit) else "trainedAlgorithmicMedia",
    )


def _without_secrets(url: str) -> str:
    """*url* without user and password: results from the base URL's own host are fetched without them, too."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


MEMORY = 4
"""So many different sets of inputs are kept for the next request that sends the same."""


class FittedInputs(NamedTuple):
    """The images of one request as they are sent."""

    images: RequestImages = RequestImages()
    transform: Transform | None = None
    """The first image's: mask and markup belong to that one."""


@dataclass(slots=True)
class _CacheSlot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    fitted: FittedInputs | None = None


class InputCache:
    """Fits inputs for one model. Threads that need the same images wait for the first of them."""

    def __init__(self, model: ModelRow) -> None:
        self.model = model
        self._slots: OrderedDict[object, _CacheSlot] = OrderedDict()
        self._lock = threading.Lock()

    def fit_inputs(self, request: ImageRequest, on_event: EventHandler) -> FittedInputs:
        """The images of *request* as they are sent; every change is noted, once. Raises InputImageError."""
        if isinstance(request, Generate):
            return FittedInputs()
        layers = (request.mask, request.markup) if isinstance(request, Edit) else (None, None)
        with self._lock:
            slot = self._slots.setdefault((input_sources(request), layers, request.input_fit), _CacheSlot())
            while len(self._slots) > MEMORY:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.fitted is None:
                slot.fitted = _fit_all(
                    input_sources(request),
                    layers,
                    request.input_fit,
                    self.model,
                    needs_alpha(request, self.model),
                    on_event,
                )
            return slot.fitted


class InputsByModel:
    """Input images, prepared once for each model."""

    def __init__(self) -> None:
        self._caches: dict[str, InputCache] = {}

    def for_model(self, model: ModelRow) -> InputCache:
        """The inputs that are fitted for *model*."""
        return self._caches.setdefault(model.name, InputCache(model))


def _fit_all(
    sources: tuple[InputSource, ...],
    layers: tuple[MaskSource | None, InputSource | None],
    input_fit: InputFit,
    row: ModelRow,
    transparent: bool,
    on_event: EventHandler,
) -> FittedInputs:
    """*layers* are the mask and the markup."""
    from imagecli.images.fit_input import fit_input
    from imagecli.images.fit_mask import fit_mask, mask_coverage
    from imagecli.images.fit_overlay import fit_markup
    from imagecli.images.header import read_header

    headers = [read_header(_read_source(source), source.label) for source in sources]
    if transparent and not headers[0].has_alpha:
        raise _no_transparency_error(sources[0], row)
    fitted = []
    for source, header in zip(sources, headers, strict=True):
        fitted.append(fit_input(header, row.image, input_fit))
        _note_changes(source, fitted[-1].changes, on_event)
    if transparent and not mask_coverage(fitted[0].image):
        raise _no_transparency_error(sources[0], row)
    mask = markup = None
    if mask_source := layers[0]:
        mask_file = mask_source.file
        mask_header = read_header(_read_source(mask_file), mask_file.label) if mask_file else None
        fitted_mask = fit_mask(mask_source, mask_header, row.mask, fitted[0], input_fit)
        mask = fitted_mask.image
        _note_changes(mask_source, fitted_mask.changes, on_event)
        _report_coverage(mask_source, mask, on_event)
    if markup_source := layers[1]:
        fitted_markup = fit_markup(
            read_header(_read_source(markup_source), markup_source.label), row.image.max_bytes, fitted[0], input_fit
        )
        markup = fitted_markup.image
        _note_changes(markup_source, fitted_markup.changes, on_event)
    images = tuple(one.image for one in fitted)
    return FittedInputs(images=RequestImages(images=images, mask=mask, markup=markup), transform=fitted[0].transform)


def _no_transparency_error(image: InputSource, row: ModelRow) -> InputImageError:
    return InputImageError(
        f"{image.label} has no transparent area, and {row.name} edits only transparent areas",
        hint="mark the area to edit with --mask FILE or --mask-rect X,Y,WIDTH,HEIGHT",
    )


def _read_source(source: InputSource) -> bytes:
    from imagecli.storage.read import read_bounded

    if source.data is not None:
        return source.data
    assert source.path is not None
    return read_bounded(source.path, MAX_PICTURE_BYTES)


def _note_changes(source: InputSource | MaskSource, changes: tuple[str, ...], on_event: EventHandler) -> None:
    if changes:
        on_event(NoteEvent(code="input_changed", message=f"{source.label}: {', '.join(changes)}"))


def _report_coverage(mask: MaskSource, image: InputImage, on_event: EventHandler) -> None:
    from imagecli.images.fit_mask import mask_coverage
    from imagecli.images.mask_area import format_share

    share = mask_coverage(image)
    if share == 1:
        on_event(
            WarningEvent(code="mask_full", message=f"{mask.label} covers the complete image: all of it may change")
        )
        return
    message = f"{mask.label}: {format_share(share)} of the image may change"
    if share > 0.5:
        message += f"; {'omit' if mask.invert else 'add'} --mask-invert to edit the rest instead"
    on_event(NoteEvent(code="mask_coverage", message=message))
