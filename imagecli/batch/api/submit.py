"""Submits items to the provider's Batch API: uploads inputs and lines, and journals before and after each batch."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from imagecli.batch.api.discover import find_batch
from imagecli.batch.api.input_file import BatchInputFile, build_input_files
from imagecli.batch.api.submission_ids import SUBMISSION, batch_metadata
from imagecli.batch.item_plan import ItemPlan, planned_paths
from imagecli.batch.journal.entry import JournalEntry, State
from imagecli.batch.journal.writer import JournalWriter
from imagecli.catalog.provider import ProviderRow
from imagecli.client.batch_api import BatchApiClient
from imagecli.domain import MEDIA_TYPES, Generate, ImageRequest, InputImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import EventHandler, WarningEvent, ignore_event
from imagecli.pipeline.prepare_call import InputCache, inputs_key
from imagecli.plan_calls import PlannedCall
from imagecli.providers.batch_response import BatchJob
from imagecli.providers.request import FILENAME_EXTENSIONS, RequestImages, build_batch_line


class UploadedInputs:
    """The input images of one run at the provider: each is uploaded once, and lines name it by its id."""

    def __init__(self, client: BatchApiClient) -> None:
        self._client = client
        self._caches: dict[str, InputCache] = {}
        """By the model that they are fitted for."""
        self._uploads: dict[object, RequestImages] = {}
        self._ids: dict[str, str] = {}

    def upload_images(self, plan: ItemPlan, request: ImageRequest, on_event: EventHandler) -> RequestImages:
        """The images of *request*, by their ids. Raises InputImageError, and what uploading does."""
        if isinstance(request, Generate):
            return RequestImages()
        key = (plan.item.model.name, inputs_key(request))
        if key not in self._uploads:
            cache = self._caches.setdefault(plan.item.model.name, InputCache(plan.item.model))
            # The notes about them were emitted when all inputs were checked.
            fitted = cache.fit_inputs(request, ignore_event).images
            self._uploads[key] = RequestImages(
                images=tuple(self._with_file_id(image, on_event) for image in fitted.images),
                mask=self._with_file_id(fitted.mask, on_event) if fitted.mask else None,
                markup=self._with_file_id(fitted.markup, on_event) if fitted.markup else None,
            )
        return self._uploads[key]

    def _with_file_id(self, image: InputImage, on_event: EventHandler) -> InputImage:
        """*image* by its id. An image that has several sources is uploaded once."""
        digest = hashlib.sha256(image.data).hexdigest()
        if digest not in self._ids:
            self._ids[digest] = self._client.upload_file(
                image.data,
                filename=f"image.{FILENAME_EXTENSIONS.get(image.format, image.format)}",
                media_type=MEDIA_TYPES[image.format],
                purpose="vision",
                on_event=on_event,
            )
        return image._replace(data=b"", file_id=self._ids[digest])


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult:
    """What became of one input file."""

    plans: tuple[ItemPlan, ...]
    job: BatchJob | None = None
    """The batch that was created from it."""
    sent: tuple[JournalEntry, ...] = ()
    """The journal's entries of its items, which do not name the batch yet."""
    error: ImagecliError | None = None
    """Why there is no batch, or none that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmitter:
    """Submits items of one manifest."""

    client: BatchApiClient
    provider: ProviderRow
    """It has a Batch API."""
    inputs: UploadedInputs
    journal: JournalWriter
    manifest: Path
    """Names the journal."""
    digest: str
    """SHA-256 of the manifest."""
    folder: Path
    """For the input files, until they are uploaded."""
    on_event: EventHandler

    def submit(self, plans: Sequence[ItemPlan]) -> Iterator[SubmitResult]:
        """Submits the items of *plans* in as few batches as possible, and yields the result of each batch.

        It ends at the first error.

        Raises UsageError, DiskError and what uploading an input image does, before anything is submitted.
        """
        row = self.provider.batch
        assert row is not None
        with ExitStack() as stack:
            for input_file in build_input_files(plans, self._build_line, row, self.folder, stack):
                result = self._submit_file(input_file)
                yield result
                if result.error:
                    return

    def _build_line(self, custom_id: str, call: PlannedCall, plan: ItemPlan) -> bytes:
        images = self.inputs.upload_images(plan, call.request, self.on_event)
        return build_batch_line(custom_id, call.request, images, self.provider)

    def _submit_file(self, input_file: BatchInputFile) -> SubmitResult:
        """Creates one batch. Whatever happens, the journal tells what may have been billed."""
        plans, submission = tuple(input_file.plans), uuid.uuid4().hex
        sent = self._entries("sent", plans, submission)
        try:
            file_id = self.client.upload_file(
                input_file.path,
                filename=f"{self.manifest.stem}.jsonl",
                media_type="application/jsonl",
                purpose="batch",
                on_event=self.on_event,
            )
            self.journal.write_all(sent)
        except ImagecliError as error:
            return SubmitResult(plans=plans, error=error)
        metadata = batch_metadata(self.manifest.name, self.digest, submission)
        job: BatchJob | None
        try:
            job = self.client.create_batch(
                input_file_id=file_id, endpoint=input_file.endpoint, metadata=metadata, on_event=self.on_event
            )
        except UnsavedError as lost:
            job = self._find_lost_batch(lost, submission)
            if job is None:
                hint = "run the same command again: it finds the batch, or submits the rows again"
                return SubmitResult(plans=plans, error=lost.with_facts(hint=hint))
        except ImagecliError as error:
            self.client.delete_file(file_id, self.on_event)
            journal_error = self.try_journal(self._entries("failed", plans, submission, code=error.code))
            return SubmitResult(plans=plans, error=journal_error or error)
        return SubmitResult(plans=plans, job=job, sent=tuple(sent))

    def _find_lost_batch(self, lost: UnsavedError, submission: str) -> BatchJob | None:
        """Looks for the batch whose response was *lost*; None if the provider does not have it."""
        message = f"{lost.message}; checking whether the batch was created"
        self.on_event(WarningEvent(code=lost.code, message=message))
        return find_batch(self.client, SUBMISSION, submission, self.on_event)

    def try_journal(self, entries: Sequence[JournalEntry]) -> DiskError | None:
        """Writes *entries*; the error is returned, as the batch exists or not all the same."""
        try:
            self.journal.write_all(entries)
        except DiskError as error:
            return error
        return None

    def _entries(
        self, state: State, plans: Sequence[ItemPlan], submission: str, *, code: str | None = None
    ) -> list[JournalEntry]:
        """The journal entries for a new state of the items of *plans*."""
        return [
            plan.identity.new_entry(state, submission=submission, planned=planned_paths(plan), error=code)
            for plan in plans
        ]
