"""The pictures that go up: read once, fitted to their endpoint once, shared by all requests that send them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from imagecli.catalog.model import ModelRow
from imagecli.checks.parameters import inputs_of, needs_alpha
from imagecli.domain import MAX_PICTURE_BYTES, Ask, Edit, Framing, Generate, InputImage, Source, Transform
from imagecli.errors import InputImageError
from imagecli.events import Listen, Noted, Warned
from imagecli.providers.uploads import Uploads

MEMORY = 4
"""So many different sets of inputs are kept for the next request that sends the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The pictures of one ask as they are sent."""

    uploads: Uploads = field(default_factory=Uploads)
    transform: Transform | None = None
    """The first image's: mask and markup belong to that one."""


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    fit: Fit | None = None


class Inputs:
    """Fits inputs for one model. Threads that want the same pictures wait for the first of them."""

    def __init__(self, row: ModelRow) -> None:
        self._row = row
        self._slots: OrderedDict[object, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def fitted(self, ask: Ask, listen: Listen) -> Fit:
        """The pictures of *ask*, as they are sent; every change is announced, once. Raises InputImageError."""
        if isinstance(ask, Generate):
            return Fit()
        layers = (ask.mask, ask.markup) if isinstance(ask, Edit) else (None, None)
        with self._lock:
            slot = self._slots.setdefault((inputs_of(ask), layers, ask.framing), _Slot())
            while len(self._slots) > MEMORY:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.fit is None:
                slot.fit = _fit(inputs_of(ask), layers, ask.framing, self._row, needs_alpha(ask, self._row), listen)
            return slot.fit


def _fit(
    sources: tuple[Source, ...],
    layers: tuple[Source | None, Source | None],
    framing: Framing,
    row: ModelRow,
    transparent: bool,
    listen: Listen,
) -> Fit:
    """*layers* are the mask and the drawing."""
    from imagecli.images.fit_input import fit
    from imagecli.images.header import look
    from imagecli.images.overlay import fit_markup, fit_mask

    looks = [look(_read(source), source.label) for source in sources]
    if transparent and not looks[0].has_alpha:
        raise InputImageError(
            f"{sources[0].label} has no transparent part, and {row.name} changes only what is transparent",
            hint="--mask mask.png marks what may change: a PNG of the same size, transparent there",
        )
    fitted = []
    for source, seen in zip(sources, looks, strict=True):
        fitted.append(fit(seen, row.image, framing))
        _announce(source, fitted[-1].changes, listen)
    mask = markup = None
    if stencil := layers[0]:
        masked = fit_mask(look(_read(stencil), stencil.label), row.mask, fitted[0], framing)
        mask = masked.image
        _announce(stencil, masked.changes, listen)
        _warn_of_coverage(stencil, mask, listen)
    if drawing := layers[1]:
        drawn = fit_markup(look(_read(drawing), drawing.label), row.image.max_bytes, fitted[0], framing)
        markup = drawn.image
        _announce(drawing, drawn.changes, listen)
    images = tuple(one.image for one in fitted)
    return Fit(uploads=Uploads(images=images, mask=mask, markup=markup), transform=fitted[0].transform)


def _read(source: Source) -> bytes:
    from imagecli.storage.read import read_bounded

    if source.data is not None:
        return source.data
    assert source.path is not None
    return read_bounded(source.path, MAX_PICTURE_BYTES)


def _announce(source: Source, changes: tuple[str, ...], listen: Listen) -> None:
    if changes:
        listen(Noted(code="input_changed", message=f"{source.label}: {', '.join(changes)}"))


def _warn_of_coverage(mask: Source, image: InputImage, listen: Listen) -> None:
    from imagecli.images.overlay import coverage

    share = coverage(image)
    if share == 0:
        listen(Warned(code="mask_empty", message=f"{mask.label} is opaque everywhere: nothing may change"))
    elif share == 1:
        listen(Warned(code="mask_full", message=f"{mask.label} is transparent everywhere: all of it may change"))
    else:
        listen(Noted(code="mask_coverage", message=f"{mask.label}: {share:.1%} of the picture may change"))
