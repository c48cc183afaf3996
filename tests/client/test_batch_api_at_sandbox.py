"""The Batch API's client and codecs against the sandbox's Batch API: submitted rows become images."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.client.batch_api import BatchApiClient
from imagecli.client.exchange import Timeouts
from imagecli.client.file_and_batch_requests import ApiClient
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputImage, InputSource, Size
from imagecli.errors import NetworkError, RefusedError, UsageError
from imagecli.events import Event
from imagecli.images.integrity import inspect_image
from imagecli.providers.batch_response import BatchJob, parse_line_images, parse_response_line
from imagecli.providers.request import RequestImages, build_batch_line
from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.client.raw import png

ROW = load_shipped_catalog().provider("sandbox")
LOOK = ImageOptions(model="gpt-image-2", size=Size(1024, 1024), quality="low")


def deaf(event: Event) -> None:
    """Ignores events."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Options(speed=6000)) as server:
        yield server


def client(server: Sandbox, path: str = "") -> BatchApiClient:
    assert ROW.batch
    calls = ApiClient(
        base_url=server.base_url + path,
        key=None,
        auth="none",
        headers={},
        query={},
        timeouts=Timeouts(),
        max_retries=2,
        max_wait=2,
        direct=True,
    )
    return BatchApiClient(calls, ROW.batch)


def generate(prompt: str) -> Generate:
    return Generate(prompt=prompt, options=LOOK)


def submit(
    jobs: BatchApiClient, folder: Path, asks: dict[str, tuple[ImageRequest, RequestImages]], operation: str
) -> BatchJob:
    rows = folder / "rows.jsonl"
    rows.write_bytes(
        b"".join(build_batch_line(name, request, uploads, ROW) for name, (request, uploads) in asks.items())
    )
    file_id = jobs.upload_file(
        rows, filename="rows.jsonl", media_type="application/jsonl", purpose="batch", on_event=deaf
    )
    return jobs.create_batch(
        input_file_id=file_id, endpoint=f"/v1/images/{operation}", metadata={"manifest": "a.toml"}, on_event=deaf
    )


def ended(jobs: BatchApiClient, job: BatchJob) -> BatchJob:
    limit = time.monotonic() + 30
    while not job.has_ended and time.monotonic() < limit:
        time.sleep(0.05)
        job = jobs.get_batch(job.id, deaf)
    assert job.has_ended, job
    return job


def lines(jobs: BatchApiClient, file_id: str | None) -> dict[str, bytes]:
    assert file_id
    file = io.BytesIO()
    jobs.download_file(file_id, file, deaf)
    assert jobs.get_file_size(file_id, deaf) == len(file.getvalue())
    return {parse_response_line(line).custom_id: line for line in file.getvalue().splitlines()}


def test_submitted_requests_become_images(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    asks: dict[str, tuple[ImageRequest, RequestImages]] = {
        name: (generate(name), RequestImages()) for name in ("a fox", "an owl")
    }
    job = ended(jobs, submit(jobs, tmp_path, asks, "generations"))
    assert (job.status, job.total, job.completed, job.failed) == ("completed", 2, 2, 0)
    assert (dict(job.metadata), job.endpoint) == ({"manifest": "a.toml"}, "/v1/images/generations")
    responses = {
        name: parse_line_images(line, sandbox.base_url) for name, line in lines(jobs, job.output_file_id).items()
    }
    assert responses.keys() == asks.keys()
    for response in responses.values():
        (found,) = response.images
        assert inspect_image(base64.b64decode(found.b64_json or "")).size == Size(1024, 1024)
        assert (response.usage or {})["output_tokens"] == 196


def test_an_edit_refers_to_its_image_by_the_uploaded_file(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    photo = png(64, 64)
    file_id = jobs.upload_file(photo, filename="image.png", media_type="image/png", purpose="vision", on_event=deaf)
    image = InputImage(data=photo, format="png", size=Size(64, 64), has_alpha=False, file_id=file_id)
    request = Edit(prompt="at night", images=(InputSource(name="photo.png"),), options=LOOK)
    job = ended(jobs, submit(jobs, tmp_path, {"night": (request, RequestImages(images=(image,)))}, "edits"))
    (line,) = lines(jobs, job.output_file_id).values()
    assert parse_line_images(line, sandbox.base_url).images[0].b64_json
    jobs.delete_file(file_id, deaf)
    with pytest.raises(RefusedError) as caught:
        jobs.download_file(file_id, io.BytesIO(), deaf)
    assert caught.value.code == "not_found"


def test_a_refused_line_is_in_the_error_file_with_its_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    asks: dict[str, tuple[ImageRequest, RequestImages]] = {
        "good": (generate("a fox"), RequestImages()),
        "bad": (generate("moderation_blocked"), RequestImages()),
    }
    job = ended(jobs, submit(jobs, tmp_path, asks, "generations"))
    assert (job.completed, job.failed) == (1, 1)
    errors = lines(jobs, job.error_file_id)
    assert list(errors) == ["bad"]
    with pytest.raises(RefusedError) as caught:
        parse_line_images(errors["bad"], sandbox.base_url)
    assert caught.value.code == "moderation_blocked"


def test_unfinished_lines_of_an_expired_batch_can_be_submitted_again(tmp_path: Path) -> None:
    with Sandbox(Options(speed=6000, failures=(Failure(fault="batch_expired"),))) as server:
        jobs = client(server)
        asks: dict[str, tuple[ImageRequest, RequestImages]] = {
            name: (generate(name), RequestImages()) for name in ("a", "b")
        }
        job = ended(jobs, submit(jobs, tmp_path, asks, "generations"))
        assert job.status == "expired"
        created, missing = lines(jobs, job.output_file_id), lines(jobs, job.error_file_id)
        assert ({*created, *missing}, len(created), len(missing)) == ({*asks}, 1, 1)
        for line in missing.values():
            with pytest.raises(NetworkError) as caught:
                parse_line_images(line, server.base_url)
            assert caught.value.code == "batch_expired"


def test_an_invalid_input_file_fails_with_its_wrong_line(sandbox: Sandbox) -> None:
    jobs = client(sandbox)
    file_id = jobs.upload_file(
        b'{"custom_id": "a"}\n', filename="rows.jsonl", media_type="application/jsonl", purpose="batch", on_event=deaf
    )
    job = ended(
        jobs, jobs.create_batch(input_file_id=file_id, endpoint="/v1/images/generations", metadata={}, on_event=deaf)
    )
    assert job.status == "failed"
    assert job.errors[0].line == 1
    assert job.errors[0].message


def test_batches_are_listed_newest_first_over_several_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    file_id = jobs.upload_file(
        build_batch_line("a", generate("a"), RequestImages(), ROW),
        filename="rows.jsonl",
        media_type="application/jsonl",
        purpose="batch",
        on_event=deaf,
    )
    created = [
        jobs.create_batch(input_file_id=file_id, endpoint="/v1/images/generations", metadata={}, on_event=deaf).id
        for _ in range(103)
    ]
    assert [job.id for job in jobs.list_batches(deaf)] == created[::-1]


def test_cancelling_a_batch_twice_is_not_an_error(tmp_path: Path) -> None:
    with Sandbox(Options(speed=600)) as server:
        jobs = client(server)
        job = submit(jobs, tmp_path, {"a": (generate("a"), RequestImages())}, "generations")
        assert jobs.cancel_batch(job.id, deaf).status in ("cancelling", "cancelled")
        job = ended(jobs, job)
        assert job.status == "cancelled"
        assert jobs.cancel_batch(job.id, deaf).status == "cancelled"


def test_unknown_ids_of_batches_and_files_are_distinguished(sandbox: Sandbox) -> None:
    jobs = client(sandbox)
    with pytest.raises(RefusedError) as caught:
        jobs.get_batch("batch_none", deaf)
    assert caught.value.code == "not_found"
    with pytest.raises(RefusedError, match="file-none"):
        jobs.create_batch(input_file_id="file-none", endpoint="/v1/images/generations", metadata={}, on_event=deaf)


def test_a_base_url_with_another_path_has_no_batch_api(sandbox: Sandbox) -> None:
    assert list(client(sandbox).list_batches(deaf)) == []
    with pytest.raises(UsageError, match=f"no Batch API at {sandbox.base_url}/nowhere"):
        list(client(sandbox, "/nowhere").list_batches(deaf))
