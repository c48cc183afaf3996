"""The first half of a call: its inputs fitted, its HTTP request, and the `PreparedCall` that saving its images needs.

Input images are read and fitted to the endpoint once, and shared by all requests that send them.
"""

from __future__ import annotations

import hashlib
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
    InputFile,
    InputImage,
    InputRole,
    InputSource,
    MaskSource,
    Size,
    Transform,
    Vary,
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
        transparent=options.background == "transparent",
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
    files: tuple[InputFile, ...] = ()
    """The inputs as they were read, the mask and the markup last."""
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """What was changed, and how much the mask allows to change."""


@dataclass(slots=True)
class _CacheSlot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    fitted: FittedInputs | None = None


class InputCache:
    """Fits inputs for one model. Threads that need the same images wait for the first of them."""

    def __init__(self, model: ModelRow) -> None:
        self.model = model
        self._slots: OrderedDict[object, _CacheSlot] = OrderedDict()
        self._noted: set[NoteEvent | WarningEvent] = set()
        self._lock = threading.Lock()

    def fit_inputs(self, request: ImageRequest, on_event: EventHandler) -> FittedInputs:
        """The images of *request* as they are sent; every change is noted, once. Raises InputImageError."""
        if isinstance(request, Generate):
            return FittedInputs()
        with self._lock:
            slot = self._slots.setdefault(inputs_key(request), _CacheSlot())
            while len(self._slots) > MEMORY:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.fitted is None:
                slot.fitted = _fit_all(request, self.model)
                with self._lock:
                    new = [note for note in slot.fitted.notes if note not in self._noted]
                    self._noted.update(new)
                for note in new:
                    on_event(note)
            return slot.fitted

    def check_headers(self, request: Edit | Vary) -> None:
        """Reads the images of *request* without decoding or keeping them.

        Raises InputImageError if one is not a complete image, or can't be sent because of its shape.
        """
        from imagecli.images.fit_input import check_input
        from imagecli.images.header import read_header

        for source in input_sources(request):
            check_input(read_header(_read_source(source), source.label), self.model.image, request.input_fit)

    def depends_on_pixels(self, request: Edit | Vary) -> bool:
        """Whether only the pixels show that *request* can be sent: those of a mask or drawing, or its transparency."""
        has_layers = isinstance(request, Edit) and bool(request.mask or request.markup)
        return has_layers or needs_alpha(request, self.model)


def inputs_key(request: Edit | Vary) -> object:
    """The same for all requests that send the same images, and different for others."""
    layers = (request.mask, request.markup) if isinstance(request, Edit) else (None, None)
    return input_sources(request), layers, request.input_fit


class InputsByModel:
    """Input images, prepared once for each model."""

    def __init__(self) -> None:
        self._caches: dict[str, InputCache] = {}

    def for_model(self, model: ModelRow) -> InputCache:
        """The inputs that are fitted for *model*."""
        return self._caches.setdefault(model.name, InputCache(model))


def _fit_all(request: Edit | Vary, row: ModelRow) -> FittedInputs:
    """The images of *request*, with mask and markup, fitted to the rules of *row*. Raises InputImageError."""
    from imagecli.images.fit_input import fit_input
    from imagecli.images.fit_mask import fit_mask, mask_coverage
    from imagecli.images.fit_overlay import fit_markup
    from imagecli.images.header import read_header

    sources, input_fit = input_sources(request), request.input_fit
    transparent = needs_alpha(request, row)
    files: list[InputFile] = []
    headers = [read_header(_read_input(source, "image", files), source.label) for source in sources]
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
        mask_file = request.mask.file
        mask_header = read_header(_read_input(mask_file, "mask", files), mask_file.label) if mask_file else None
        fitted_mask = fit_mask(request.mask, mask_header, row.mask, fitted[0], input_fit)
        mask = fitted_mask.image
        notes += [*_change_notes(request.mask, fitted_mask.changes), _coverage_note(request.mask, mask)]
    if isinstance(request, Edit) and request.markup:
        markup_header = read_header(_read_input(request.markup, "markup", files), request.markup.label)
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


def _read_input(source: InputSource, role: InputRole, files: list[InputFile]) -> bytes:
    """The bytes of *source*, which is added to *files*."""
    data = _read_source(source)
    sha256 = hashlib.sha256(data).hexdigest()
    files.append(InputFile(role=role, name=source.name, path=source.path, sha256=sha256))
    return data


def _change_notes(source: InputSource | MaskSource, changes: tuple[str, ...]) -> list[NoteEvent]:
    """One note about what was changed, if anything was."""
    return [NoteEvent(code="input_changed", message=f"{source.label}: {', '.join(changes)}")] if changes else []


def _coverage_note(mask: MaskSource, image: InputImage) -> NoteEvent | WarningEvent:
    """How much of the image may change."""
    from imagecli.images.fit_mask import mask_coverage
    from imagecli.images.mask_area import format_share

    share = mask_coverage(image)
    if share == 1:
        message = f"{mask.label} covers the complete image: all of it may change"
        return WarningEvent(code="mask_full", message=message)
    message = f"{mask.label}: {format_share(share)} of the image may change"
    if share > 0.5:
        message += f"; {'omit' if mask.invert else 'add'} --mask-invert to edit the rest instead"
    return NoteEvent(code="mask_coverage", message=message)
