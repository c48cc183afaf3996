"""Orders on their way into the provider's Batch API: inputs up, lines up, the journal told before and after.

Pictures on their way into a batch: each goes up once, however many rows send it, and lines name it by its id.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.api.discover import find_batch
from imagecli.batch.api.input_file import SUBMISSION, BatchInputFile, batch_metadata, build_input_files, planned_paths
from imagecli.batch.journal.entry import State
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.work_item import ItemPlan, WorkItem
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import input_sources
from imagecli.client.batch_api import BatchApiClient
from imagecli.domain import MEDIA_TYPES, Edit, Generate, ImageRequest, InputImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import EventHandler, WarningEvent
from imagecli.pipeline.inputs import InputCache
from imagecli.plan import PlannedCall
from imagecli.providers.batch_job import BatchJob
from imagecli.providers.request import build_batch_line
from imagecli.providers.uploads import FILENAME_EXTENSIONS, RequestImages


class UploadedInputs:
    """The input pictures of one run, up there."""

    def __init__(self, client: BatchApiClient, inputs: Callable[[ItemPlan], InputCache]) -> None:
        """*inputs* are those that are fitted for a purchase's model."""
        self._client, self._inputs = client, inputs
        self._known: dict[object, RequestImages] = {}
        self._ids: dict[str, str] = {}

    def upload_images(self, purchase: ItemPlan, ask: ImageRequest, on_event: EventHandler) -> RequestImages:
        """The pictures of *ask*, without their bytes. Raises InputImageError, and what sending them meets."""
        if isinstance(ask, Generate):
            return RequestImages()
        layers = (ask.mask, ask.markup) if isinstance(ask, Edit) else ()
        key = (purchase.item.model.name, input_sources(ask), layers, ask.input_fit)
        if key not in self._known:
            self._known[key] = self._upload_all(
                self._inputs(purchase).fit_inputs(ask, lambda event: None).images, on_event
            )
        return self._known[key]

    def _upload_all(self, fitted: RequestImages, on_event: EventHandler) -> RequestImages:
        return RequestImages(
            images=tuple(self._with_file_id(image, on_event) for image in fitted.images),
            mask=self._with_file_id(fitted.mask, on_event) if fitted.mask else None,
            markup=self._with_file_id(fitted.markup, on_event) if fitted.markup else None,
        )

    def _with_file_id(self, image: InputImage, on_event: EventHandler) -> InputImage:
        """*image* by its id. One that goes up as two sources is up there once."""
        digest = hashlib.sha256(image.data).hexdigest()
        if digest not in self._ids:
            self._ids[digest] = self._client.upload_file(
                image.data,
                filename=f"image.{FILENAME_EXTENSIONS.get(image.format, image.format)}",
                media_type=MEDIA_TYPES[image.format],
                purpose="vision",
                on_event=on_event,
            )
        return replace(image, data=b"", file_id=self._ids[digest])


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult:
    """What became of one input file."""

    orders: tuple[WorkItem, ...]
    job: BatchJob | None = None
    """The batch that was made of it."""
    error: ImagecliError | None = None
    """Why there is none, or none that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmitter:
    """Hands orders of one manifest in."""

    client: BatchApiClient
    provider: ProviderRow
    """With a Batch API."""
    inputs: UploadedInputs
    journal: JournalWriter
    manifest: Path
    """Whose journal it is."""
    digest: str
    """sha256 of the manifest."""
    folder: Path
    """Where input files lie until they are up."""

    def submit(
        self, orders: Sequence[WorkItem], on_event: EventHandler, handed: Callable[[SubmitResult], None]
    ) -> None:
        """Hands *orders* in, in as few batches as there can be, and tells *handed* of each.

        After one that was not made none is tried any more. With nothing handed in raises UsageError, DiskError, and
        whatever an input picture meets on its way up.
        """
        row = self.provider.batch
        assert row is not None

        def line_of(custom_id: str, request: PlannedCall, order: WorkItem) -> bytes:
            uploads = self.inputs.upload_images(order.plan, request.request, on_event)
            return build_batch_line(custom_id, request.request, uploads, self.provider)

        with ExitStack() as stack:
            for one in build_input_files(orders, line_of, row, self.folder, stack):
                result = self._submit_file(one, on_event)
                handed(result)
                if result.error:
                    return

    def _submit_file(self, one: BatchInputFile, on_event: EventHandler) -> SubmitResult:
        """One batch. Whatever happens, the journal says what may have been bought."""
        orders, submission = tuple(one.orders), uuid.uuid4().hex
        try:
            name = f"{self.manifest.stem}.jsonl"
            file_id = self.client.upload_file(
                one.path, filename=name, media_type="application/jsonl", purpose="batch", on_event=on_event
            )
            self._journal("sent", orders, submission)
        except ImagecliError as error:
            return SubmitResult(orders=orders, error=error)
        try:
            job = self._create_batch(file_id, one.endpoint, submission, on_event)
        except UnsavedError as error:
            return SubmitResult(orders=orders, error=error)
        except ImagecliError as error:
            self.client.delete_file(file_id, on_event)
            return SubmitResult(
                orders=orders, error=self._try_journal("failed", orders, submission, code=error.code) or error
            )
        return SubmitResult(
            orders=orders, job=job, error=self._try_journal("submitted", orders, submission, batch=job.id)
        )

    def _create_batch(self, file_id: str, endpoint: str, submission: str, on_event: EventHandler) -> BatchJob:
        """The batch. Where its answer was lost it is looked for; UnsavedError where it is not found."""
        metadata = batch_metadata(self.manifest.name, self.digest, submission)
        try:
            return self.client.create_batch(
                input_file_id=file_id, endpoint=endpoint, metadata=metadata, on_event=on_event
            )
        except UnsavedError as error:
            on_event(WarningEvent(code=error.code, message=f"{error.message}; looking whether the batch was made"))
            if job := find_batch(self.client, SUBMISSION, submission, on_event):
                return job
            error.hint = "the same command again looks for it, and hands in what was not"
            raise

    def _try_journal(
        self, state: State, orders: Sequence[WorkItem], submission: str, *, batch: str | None = None, code: str = ""
    ) -> DiskError | None:
        """What telling the journal met."""
        try:
            self._journal(state, orders, submission, batch=batch, code=code)
        except DiskError as error:
            return error
        return None

    def _journal(
        self, state: State, orders: Sequence[WorkItem], submission: str, *, batch: str | None = None, code: str = ""
    ) -> None:
        """Raises DiskError."""
        self.journal.write_all(
            [
                order.plan.planned.new_entry(
                    state, submission=submission, batch=batch, planned=planned_paths(order), error=code or None
                )
                for order in orders
            ]
        )
