"""How often each job was asked for, so that asking again gives the next pictures instead of the same ones.

From a form to its pictures: the way that live requests and the lines of a batch share.
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
from imagecli.sandbox.form import ParsedForm
from imagecli.sandbox.image_job import DeliveryOptions, ImageJob
from imagecli.sandbox.url_store import UrlStore
from imagecli.sandbox.validation import build_image_job, check_moderation

if TYPE_CHECKING:
    from imagecli.sandbox.painter.encode import PaintedImage

MAX_JOBS = 4096
"""The job that was asked for the longest time ago is forgotten first, and begins anew."""


class RepeatCounter:
    """Counts pictures of each job since the server began. Safe between threads."""

    def __init__(self, capacity: int = MAX_JOBS) -> None:
        self._capacity = capacity
        self._painted: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def next_indices(self, job: ImageJob, form: ParsedForm) -> range:
        """The indices of this request's pictures: from 0, then from where the same job stopped.

        The same job has the same operation, row, prompt, size, options and input
        files, which *form* holds as they were sent; n and the delivery may differ.
        """
        key = _job_key(job, form)
        with self._lock:
            start = self._painted.pop(key, 0)
            self._painted[key] = start + job.n
            if len(self._painted) > self._capacity:
                self._painted.popitem(last=False)
        return range(start, start + job.n)


def _job_key(job: ImageJob, form: ParsedForm) -> bytes:
    """A digest: prompts and pictures themselves would be too much to keep."""
    asked = replace(job, n=1, images=(), mask=None, markup=None, delivery=DeliveryOptions())
    sent = (form.images, form.masks, form.markups)
    files = [[hashlib.sha256(upload.data).hexdigest() for upload in uploads] for uploads in sent]
    return hashlib.sha256(repr((asked, files)).encode("utf-8", "backslashreplace")).digest()


class ImageService:
    """What takes requests for pictures, one server's for all its requests."""

    def __init__(self, catalog: Catalog, saboteur: FaultInjector, shelf: UrlStore) -> None:
        self.catalog = catalog
        self.saboteur = saboteur
        self.shelf = shelf
        self._tally = RepeatCounter()

    def build_job(self, form: ParsedForm, operation: Operation, request_id: str) -> ImageJob:
        """The job that *form* asks for. Raises ApiError."""
        job = build_image_job(form, operation, self.catalog)
        check_moderation(job.prompt, request_id)
        return job

    def reserve_indices(self, job: ImageJob, form: ParsedForm) -> range:
        """The indices of the job's pictures, which no later request for the same gets."""
        return self._tally.next_indices(job, form)

    @staticmethod
    def paint(job: ImageJob, numbers: range) -> Iterator[PaintedImage]:
        """The pictures of these indices, each when it is asked for."""
        from imagecli.sandbox.painter import paint_image

        return (paint_image(job, index) for index in numbers)
