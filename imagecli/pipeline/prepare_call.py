"""The first half of a call: its inputs fitted, its HTTP request, and the `PreparedCall` that saving its images needs.

Input images are read and fitted to the endpoint once, and shared by all requests that send them.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.model_parameters import needs_alpha
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.config.settings import Settings
from imagecli.domain import (
    Edit,
    Generate,
    IfExists,
    ImageRequest,
    InputFit,
    Size,
    Vary,
)
from imagecli.errors import InputImageError
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.http_request import HttpRequest
from imagecli.plan_calls import PlannedCall
from imagecli.prepared_call import PreparedCall
from imagecli.providers.request import FittedInputs, build_http_request
from imagecli.request_options import record_request


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
    sidecar: bool = False
    """As in `PlannedCall`, for all calls."""
    history: bool = False
    """As in `PreparedCall`."""
    query: Mapping[str, str] = MappingProxyType({})
    """The query of every request's URL."""

    def call_id(self, index: int) -> str:
        """The id of call *index*, as in `PreparedCall`."""
        return f"{self.run_id}-{index:04}"


def spool_places(settings: Settings) -> SpoolPlaces:
    """Where earlier commands left responses that imagecli saves or deletes."""
    return SpoolPlaces(own=settings.state_dir / "spool", records=settings.record_folders)


def prepare_call(call: PlannedCall, inputs: FittedInputs, context: RunContext) -> tuple[PreparedCall, HttpRequest]:
    """What is sent, and all that is needed to save its images later. Sends nothing."""
    http = build_http_request(call.request, inputs.images, context.provider, context.base_url, context.query)
    return build_prepared_call(call, context, inputs), http


def build_prepared_call(call: PlannedCall, context: RunContext, inputs: FittedInputs) -> PreparedCall:
    """All that is needed to save the images of *call*, which sends *inputs*."""
    request, options = call.request, call.request.options
    sidecar = call.sidecar or context.sidecar
    return PreparedCall(
        id=context.call_id(call.index),
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
        transform=inputs.transform,
        files=call.files,
        replaces=call.replaces,
        part=call.part,
        allow_outside=context.allow_outside,
        free=context.provider.free,
        # What an edit keeps of its image was not created by the model. A variation keeps no part of it.
        source_type="compositeWithTrainedAlgorithmicMedia" if isinstance(request, Edit) else "trainedAlgorithmicMedia",
        composition=inputs.composition,
        sidecar=sidecar,
        history=context.history,
        record=record_request(request, inputs.files) if sidecar or context.history else None,
        transparent=options.background == "transparent",
    )


@lru_cache(maxsize=8)
def _without_secrets(url: str) -> str:
    """*url* without user and password: results from the base URL's own host are fetched without them, too."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def fit_sent_inputs(call: PlannedCall, model: ModelRow) -> FittedInputs:
    """The inputs of *call*, which another process sent, fitted again if its images are composed or have a sidecar.

    Raises InputImageError if they can no longer be composed.
    """
    request = call.request
    if isinstance(request, Generate):
        return FittedInputs()
    from imagecli.pipeline.fit_request import fit_request

    if isinstance(request, Edit) and request.composition:
        return fit_request(request, model)
    if call.sidecar:
        with suppress(InputImageError):  # the sidecar lists no inputs then
            return fit_request(request, model)
    return FittedInputs()


MAX_CACHED_INPUTS = 4
"""Sets of fitted inputs that are kept for further requests with the same inputs."""


class _CacheSlot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fitted: FittedInputs | None = None


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
            while len(self._slots) > MAX_CACHED_INPUTS:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.fitted is None:
                from imagecli.memory import return_large_blocks
                from imagecli.pipeline.fit_request import fit_request

                return_large_blocks()
                slot.fitted = fit_request(request, self.model)
                with self._lock:
                    new = [note for note in slot.fitted.notes if note not in self._noted]
                    self._noted.update(new)
                for note in new:
                    on_event(note)
            return slot.fitted

    def check_undamaged(self, request: Edit | Vary) -> None:
        """Checks the images of *request* without converting or keeping them.

        Raises InputImageError if one is not a complete image, or can't be sent because of its shape.
        """
        from imagecli.images.fit_input import check_input
        from imagecli.pipeline.fit_request import read_image_header

        headers = [read_image_header(source) for source in request.input_sources]
        framing = request.input_fit
        if isinstance(request, Edit) and request.composition:
            from imagecli.images.edit_region import extended_box

            extended_box(headers[0].size, request.composition.extension, headers[0].name)
            framing = InputFit()  # another part of the image is sent
        for header in headers:
            check_input(header, self.model.image, framing)

    def depends_on_pixels(self, request: Edit | Vary) -> bool:
        """Whether only the pixels show that *request* can be sent: those of a mask or drawing, or its transparency."""
        has_layers = isinstance(request, Edit) and bool(request.mask or request.markup)
        return has_layers or needs_alpha(request, self.model)


def inputs_key(request: Edit | Vary) -> object:
    """The same for all requests that send the same images, and different for others."""
    if isinstance(request, Vary):
        return request.image, request.input_fit
    size = request.options.size if request.composition else None
    return request.images, request.mask, request.markup, request.input_fit, request.composition, size


class InputsByModel:
    """Input images, prepared once for each model."""

    def __init__(self) -> None:
        self._caches: dict[str, InputCache] = {}

    def for_model(self, model: ModelRow) -> InputCache:
        """The inputs that are fitted for *model*."""
        return self._caches.setdefault(model.name, InputCache(model))
