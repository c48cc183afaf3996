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

from imagecli.batch.api.discover import found_by
from imagecli.batch.api.input_file import SUBMISSION, InputFile, input_files, metadata_of, planned
from imagecli.batch.journal.entry import State
from imagecli.batch.journal.writer import Journal
from imagecli.batch.work_item import Order, Purchase
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import inputs_of
from imagecli.client.batch_api import Jobs
from imagecli.domain import MEDIA_TYPES, Ask, Edit, Generate, InputImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import Listen, Warned
from imagecli.pipeline.inputs import Inputs
from imagecli.plan import Request
from imagecli.providers.batch_job import Job
from imagecli.providers.request import batch_line
from imagecli.providers.uploads import FILENAME_ENDINGS, Uploads


class SentInputs:
    """The input pictures of one run, up there."""

    def __init__(self, client: Jobs, inputs: Callable[[Purchase], Inputs]) -> None:
        """*inputs* are those that are fitted for a purchase's model."""
        self._client, self._inputs = client, inputs
        self._known: dict[object, Uploads] = {}
        self._ids: dict[str, str] = {}

    def uploads(self, purchase: Purchase, ask: Ask, listen: Listen) -> Uploads:
        """The pictures of *ask*, without their bytes. Raises InputImageError, and what sending them meets."""
        if isinstance(ask, Generate):
            return Uploads()
        layers = (ask.mask, ask.markup) if isinstance(ask, Edit) else ()
        key = (purchase.item.model.name, inputs_of(ask), layers, ask.framing)
        if key not in self._known:
            self._known[key] = self._sent(self._inputs(purchase).fitted(ask, lambda event: None).uploads, listen)
        return self._known[key]

    def _sent(self, fitted: Uploads, listen: Listen) -> Uploads:
        return Uploads(
            images=tuple(self._named(image, listen) for image in fitted.images),
            mask=self._named(fitted.mask, listen) if fitted.mask else None,
            markup=self._named(fitted.markup, listen) if fitted.markup else None,
        )

    def _named(self, image: InputImage, listen: Listen) -> InputImage:
        """*image* by its id. One that goes up as two sources is up there once."""
        digest = hashlib.sha256(image.data).hexdigest()
        if digest not in self._ids:
            self._ids[digest] = self._client.upload(
                image.data,
                filename=f"image.{FILENAME_ENDINGS.get(image.format, image.format)}",
                media_type=MEDIA_TYPES[image.format],
                purpose="vision",
                listen=listen,
            )
        return replace(image, data=b"", file_id=self._ids[digest])


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What became of one input file."""

    orders: tuple[Order, ...]
    job: Job | None = None
    """The batch that was made of it."""
    error: ImagecliError | None = None
    """Why there is none, or none that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hander:
    """Hands orders of one manifest in."""

    client: Jobs
    provider: ProviderRow
    """With a Batch API."""
    inputs: SentInputs
    journal: Journal
    manifest: Path
    """Whose journal it is."""
    digest: str
    """sha256 of the manifest."""
    folder: Path
    """Where input files lie until they are up."""

    def hand_in(self, orders: Sequence[Order], listen: Listen, handed: Callable[[Handed], None]) -> None:
        """Hands *orders* in, in as few batches as there can be, and tells *handed* of each.

        After one that was not made none is tried any more. With nothing handed in raises UsageError, DiskError, and
        whatever an input picture meets on its way up.
        """
        row = self.provider.batch
        assert row is not None

        def line_of(custom_id: str, request: Request, order: Order) -> bytes:
            uploads = self.inputs.uploads(order.purchase, request.ask, listen)
            return batch_line(custom_id, request.ask, uploads, self.provider)

        with ExitStack() as stack:
            for one in input_files(orders, line_of, row, self.folder, stack):
                result = self._handed_in(one, listen)
                handed(result)
                if result.error:
                    return

    def _handed_in(self, one: InputFile, listen: Listen) -> Handed:
        """One batch. Whatever happens, the journal says what may have been bought."""
        orders, submission = tuple(one.orders), uuid.uuid4().hex
        try:
            name = f"{self.manifest.stem}.jsonl"
            file_id = self.client.upload(
                one.path, filename=name, media_type="application/jsonl", purpose="batch", listen=listen
            )
            self._tell("sent", orders, submission)
        except ImagecliError as error:
            return Handed(orders=orders, error=error)
        try:
            job = self._created(file_id, one.endpoint, submission, listen)
        except UnsavedError as error:
            return Handed(orders=orders, error=error)
        except ImagecliError as error:
            self.client.delete(file_id, listen)
            return Handed(orders=orders, error=self._told("failed", orders, submission, code=error.code) or error)
        return Handed(orders=orders, job=job, error=self._told("submitted", orders, submission, batch=job.id))

    def _created(self, file_id: str, endpoint: str, submission: str, listen: Listen) -> Job:
        """The batch. Where its answer was lost it is looked for; UnsavedError where it is not found."""
        metadata = metadata_of(self.manifest.name, self.digest, submission)
        try:
            return self.client.create(input_file_id=file_id, endpoint=endpoint, metadata=metadata, listen=listen)
        except UnsavedError as error:
            listen(Warned(code=error.code, message=f"{error.message}; looking whether the batch was made"))
            if job := found_by(self.client, SUBMISSION, submission, listen):
                return job
            error.hint = "the same command again looks for it, and hands in what was not"
            raise

    def _told(
        self, state: State, orders: Sequence[Order], submission: str, *, batch: str | None = None, code: str = ""
    ) -> DiskError | None:
        """What telling the journal met."""
        try:
            self._tell(state, orders, submission, batch=batch, code=code)
        except DiskError as error:
            return error
        return None

    def _tell(
        self, state: State, orders: Sequence[Order], submission: str, *, batch: str | None = None, code: str = ""
    ) -> None:
        """Raises DiskError."""
        self.journal.write_all(
            [
                order.purchase.wanted.entry(
                    state, submission=submission, batch=batch, planned=planned(order), error=code or None
                )
                for order in orders
            ]
        )
