"""A provider's Batch API: uploads and downloads files; creates, queries and cancels batches.

OpenAI API reference, files and batches, read 2026-11-22. Creating a batch is the paid request; all others are free.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Literal, NoReturn

from imagecli.catalog.provider import BatchRow
from imagecli.client.file_and_batch_requests import (
    LOST,
    ApiCall,
    ApiClient,
    FileUpload,
    quote_path_segment,
)
from imagecli.domain import Json
from imagecli.errors import ImagecliError, NetworkError, RefusedError, UnsavedError, UsageError
from imagecli.events import EventHandler
from imagecli.providers.batch_response import BatchJob, is_valid_id, parse_batch_job, parse_batch_jobs
from imagecli.providers.errors import parse_json

KEPT_SECONDS: Final = 31 * 24 * 3600
"""Files of batches expire after 30 days: what is older can't be fetched. OpenAI API reference, read 2026-11-22."""
PAGE: Final = 100
"""Batches on a page of the list: the maximum."""
NO_API: Final = (404, 405, 501)
"""Statuses of a server that does not know the path."""
EXPIRY: Final[Mapping[str, Mapping[str, str]]] = {
    "vision": {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(30 * 24 * 3600)}
}
"""Purpose → further fields: an image would be kept forever otherwise; a batch's file expires after 30 days anyway.
OpenAI API reference, files, read 2026-11-22."""
UNLIMITED_BYTES: Final = 2**60
"""A result file is as long as its images, and goes to the disk."""
NOT_THERE: Final = (404, 410)
"""Statuses for a batch or file that the provider does not have."""
GONE: Final = "not_found"
"""Code of the error for a batch or file that the provider does not have."""


class BatchApiClient:
    """One for each command. A batch of the provider is called a job here."""

    def __init__(self, calls: ApiClient, row: BatchRow) -> None:
        self._calls, self._row = calls, row

    @property
    def peer(self) -> str | None:
        """The address that the last request was sent to, if it is known."""
        return self._calls.peer

    @property
    def is_sandbox(self) -> bool:
        """Whether the last response was the sandbox's."""
        return self._calls.is_sandbox

    def upload_file(
        self,
        source: Path | bytes,
        *,
        filename: str,
        media_type: str,
        purpose: Literal["batch", "vision"],
        on_event: EventHandler,
    ) -> str:
        """Uploads a file, retrying until it is complete, and returns its id. It is read while it is sent.

        Raises UsageError if there is no Batch API, or *source* can't be read.
        """
        fields = {"purpose": purpose, **EXPIRY.get(purpose, {})}
        form = FileUpload(source=source, filename=filename, media_type=media_type, fields=fields)
        call = ApiCall(method="POST", path=self._row.files_path, form=form, is_long=True)
        try:
            document = parse_json(self._calls.send(call, on_event))
        except ImagecliError as error:
            if error.status == 413 and purpose == "batch":
                hint = f"set a smaller batch.max_bytes in [providers.NAME]; it is {self._row.max_bytes:,}"
                raise error.with_facts(hint=hint) from error
            self._raise_no_batch_api(error)
        file_id = document.get("id") if isinstance(document, dict) else None
        if not isinstance(file_id, str) or not is_valid_id(file_id):
            raise NetworkError(
                f"{self._calls.printable_base_url} accepted a file but returned no file ID",
                hint=_HINT_API,
                code="no_file",
            )
        return file_id

    def create_batch(
        self, *, input_file_id: str, endpoint: str, metadata: Mapping[str, str], on_event: EventHandler
    ) -> BatchJob:
        """Creates a batch from an uploaded file: the paid request.

        Raises UnsavedError if the response was lost, and the batch may exist; the request is not sent a second time.
        """
        body: dict[str, Json] = {
            "input_file_id": input_file_id,
            "endpoint": endpoint,
            "completion_window": self._row.window,
            "metadata": {**metadata},
        }
        call = ApiCall(method="POST", path=self._row.path, json=body, free=False)
        try:
            return parse_batch_job(parse_json(self._calls.send(call, on_event)))
        except UnsavedError as error:
            hint = "the batch may have been created; check the provider's batches page before you run the command again"
            raise error.with_facts(hint=hint) from error
        except ImagecliError as error:
            if input_file_id in error.message:
                raise
            self._raise_no_batch_api(error)

    def get_batch(self, id: str, on_event: EventHandler) -> BatchJob:
        """The current state of a batch. Raises RefusedError (`not_found`) if the provider does not know it."""
        return self._request_batch(ApiCall(path=self._item_path(self._row.path, id)), id, on_event)

    def list_batches(self, on_event: EventHandler, *, since: float | None = None) -> Iterator[BatchJob]:
        """The batches of the key's project, the newest first; each page is requested when it is needed.

        Only those that were created *since* a Unix time; by default those whose files still exist.
        """
        earliest = time.time() - KEPT_SECONDS if since is None else since
        query, seen = {"limit": str(PAGE)}, {""}
        while True:
            try:
                page = self._calls.send(ApiCall(path=self._row.path, query=query), on_event)
                jobs, after = parse_batch_jobs(parse_json(page))
            except ImagecliError as error:
                self._raise_no_batch_api(error)
            for job in jobs:
                if job.created_at and job.created_at < earliest:
                    return
                yield job
            if after is None or after in seen:
                return
            seen.add(after)
            query = {"limit": str(PAGE), "after": after}

    def cancel_batch(self, id: str, on_event: EventHandler) -> BatchJob:
        """Cancels a batch and returns its state; one that had ended before stays as it was."""
        call = ApiCall(method="POST", path=f"{self._item_path(self._row.path, id)}/cancel", final_statuses=(409,))
        try:
            return self._request_batch(call, id, on_event)
        except RefusedError as error:
            if error.status not in (400, 409):
                raise
            job = self.get_batch(id, on_event)
            if error.status == 409 or job.has_ended:
                return job
            raise

    def get_file_size(self, file_id: str, on_event: EventHandler) -> int | None:
        """The size of a file in bytes; None if the provider does not report it."""
        try:
            call = ApiCall(path=self._item_path(self._row.files_path, file_id), max_tries=1)
            document = parse_json(self._calls.send(call, on_event))
        except ImagecliError:
            return None
        size = document.get("bytes") if isinstance(document, dict) else None
        return size if type(size) is int else None

    def download_file(self, file_id: str, file: IO[bytes], on_event: EventHandler) -> None:
        """Writes the content of a provider's file to *file*, which is empty: any number of bytes, in a day at most.

        Retried only as long as *file* is empty: raises UnsavedError if a response broke off, and leaves in *file* what
        was received of it. Raises RefusedError (`not_found`) if the provider does not have the file, DiskError.
        """
        call = ApiCall(
            path=f"{self._item_path(self._row.files_path, file_id)}/content",
            max_bytes=UNLIMITED_BYTES,
            is_long=True,
            may_retry_partial=False,
        )
        try:
            self._calls.send(call, on_event, file)
        except ImagecliError as error:
            if error.status in NOT_THERE:
                raise _not_found_error(file_id, error) from error
            if error.code in LOST:
                raise UnsavedError(error.message, hint=_HINT_STAYS, code=error.code) from error
            raise

    def delete_file(self, file_id: str, on_event: EventHandler) -> None:
        """Deletes a file at the provider. Tried once; failures are ignored."""
        with suppress(ImagecliError):
            path = self._item_path(self._row.files_path, file_id)
            self._calls.send(ApiCall(method="DELETE", path=path, max_tries=1), on_event)

    def _request_batch(self, call: ApiCall, id: str, on_event: EventHandler) -> BatchJob:
        try:
            return parse_batch_job(parse_json(self._calls.send(call, on_event)))
        except ImagecliError as error:
            if error.status in NOT_THERE:
                raise _not_found_error(id, error) from error
            raise

    def _item_path(self, path: str, id: str) -> str:
        if not is_valid_id(id):
            raise UsageError("invalid batch or file ID", hint="the journal may be damaged")
        return f"{path}/{quote_path_segment(id)}"

    def _raise_no_batch_api(self, error: ImagecliError) -> NoReturn:
        """Raises *error*, or a clearer one if the server does not know a path that every Batch API has."""
        if error.status not in NO_API:
            raise error
        message = f"no Batch API at {self._calls.printable_base_url} (HTTP {error.status}); nothing was submitted"
        raise UsageError(
            message, hint="run the command without --batch-api", code="no_batch_api", status=error.status
        ) from error


def _not_found_error(id: str, error: ImagecliError) -> RefusedError:
    return RefusedError(
        f"the provider has no batch or file {id} (HTTP {error.status})",
        hint="batch files are kept for 30 days; check that the API key belongs to the same project",
        code=GONE,
        status=error.status,
        request_id=error.request_id,
    )


_HINT_API: Final = "check that the server at --base-url has a Batch API, or run the command without --batch-api"
_HINT_STAYS: Final = "the results stay at the provider; run the same command again to download them"
