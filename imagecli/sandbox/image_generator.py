"""Paints the images of a checked request, for single requests and for the lines of a batch.

The same request sent again gets the next images instead of the same ones, unless it has a seed.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from imagecli.catalog.catalog import Catalog
from imagecli.domain import Operation
from imagecli.sandbox.fault_injection import FaultInjector
from imagecli.sandbox.image_job import DeliveryOptions, ImageJob
from imagecli.sandbox.request_body import ParsedForm
from imagecli.sandbox.request_validation import build_image_job, check_moderation
from imagecli.sandbox.url_store import UrlStore

if TYPE_CHECKING:
    from imagecli.sandbox.painter.codec import PaintedImage

MAX_JOBS = 4096
"""Beyond these, the job that was requested longest ago is forgotten, and starts again with its first image."""


class RepeatCounter:
    """Counts the images of each job since the server started. Thread-safe."""

    def __init__(self, capacity: int = MAX_JOBS) -> None:
        self._capacity = capacity
        self._next_index_by_job: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def next_indices(self, job: ImageJob, form: ParsedForm) -> range:
        """The indices of this request's images: from 0, or from where the same job stopped.

        The same job has the same operation, model, prompt, size, options and input files (the bytes in *form*); n and
        delivery may differ.
        """
        key = _job_key(job, form)
        with self._lock:
            start = self._next_index_by_job.pop(key, 0)
            self._next_index_by_job[key] = start + job.n
            if len(self._next_index_by_job) > self._capacity:
                self._next_index_by_job.popitem(last=False)
        return range(start, start + job.n)


def _job_key(job: ImageJob, form: ParsedForm) -> bytes:
    """A digest, because prompts and images themselves would take too much memory."""
    options = replace(job, n=1, images=(), mask=None, markup=None, delivery=DeliveryOptions())
    files = [
        [hashlib.sha256(upload.data).hexdigest() for upload in uploads]
        for uploads in (form.images, form.masks, form.markups)
    ]
    return hashlib.sha256(repr((options, files)).encode("utf-8", "backslashreplace")).digest()


class ImageGenerator:
    """What all image requests of one server share: the catalog, the faults, the URLs, and which images were painted."""

    def __init__(self, catalog: Catalog, faults: FaultInjector, url_store: UrlStore) -> None:
        self.catalog = catalog
        self.faults = faults
        self.url_store = url_store
        self._repeats = RepeatCounter()

    def build_job(self, form: ParsedForm, operation: Operation, request_id: str) -> ImageJob:
        """The job that *form* describes. Raises ApiError."""
        job = build_image_job(form, operation, self.catalog)
        check_moderation(job.prompt, request_id)
        return job

    def reserve_indices(self, job: ImageJob, form: ParsedForm) -> range:
        """The indices of the job's images. Without a seed, no later request for the same job gets them."""
        if job.seed is not None:
            return range(job.seed, job.seed + job.n)
        return self._repeats.next_indices(job, form)


def paint_images(job: ImageJob, indices: range) -> Iterator[PaintedImage]:
    """The images of *indices*, each painted when the iterator reaches it."""
    from imagecli.sandbox.painter import paint_image

    return (paint_image(job, index) for index in indices)
