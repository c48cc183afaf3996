"""The Batch API's client and codecs at the sandbox's Batch API: what goes in comes out as pictures."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagecli.catalog.catalog import load
from imagecli.client.api_client import Calls
from imagecli.client.batch_api import Jobs
from imagecli.client.send import Timeouts
from imagecli.domain import Ask, Edit, Generate, InputImage, Rendering, Size, Source
from imagecli.errors import NetworkError, RefusedError, UsageError
from imagecli.events import Event
from imagecli.images.identify import judge
from imagecli.providers.batch_job import Job
from imagecli.providers.batch_response import read_line
from imagecli.providers.request import batch_line
from imagecli.providers.response import decode
from imagecli.providers.uploads import Uploads
from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.http_server import Options, Sandbox
from tests.client.raw import png

ROW = load().provider("sandbox")
LOOK = Rendering(model="gpt-image-2", size=Size(1024, 1024), quality="low")


def deaf(event: Event) -> None:
    """Nobody listens."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Options(speed=6000)) as server:
        yield server


def client(server: Sandbox, path: str = "") -> Jobs:
    assert ROW.batch
    calls = Calls(
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
    return Jobs(calls, ROW.batch)


def generate(prompt: str) -> Generate:
    return Generate(prompt=prompt, rendering=LOOK)


def handed_in(jobs: Jobs, folder: Path, asks: dict[str, tuple[Ask, Uploads]], operation: str) -> Job:
    rows = folder / "rows.jsonl"
    rows.write_bytes(b"".join(batch_line(name, ask, uploads, ROW) for name, (ask, uploads) in asks.items()))
    file_id = jobs.upload(rows, filename="rows.jsonl", media_type="application/jsonl", purpose="batch", listen=deaf)
    return jobs.create(
        input_file_id=file_id, endpoint=f"/v1/images/{operation}", metadata={"manifest": "a.toml"}, listen=deaf
    )


def ended(jobs: Jobs, job: Job) -> Job:
    limit = time.monotonic() + 30
    while not job.ended and time.monotonic() < limit:
        time.sleep(0.05)
        job = jobs.job(job.id, deaf)
    assert job.ended, job
    return job


def lines(jobs: Jobs, file_id: str | None) -> dict[str, bytes]:
    assert file_id
    came: list[bytes] = []
    jobs.content(file_id, came.append, deaf)
    return {read_line(line).custom_id: line for line in b"".join(came).splitlines()}


def test_what_is_handed_in_comes_out_as_pictures(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    asks: dict[str, tuple[Ask, Uploads]] = {name: (generate(name), Uploads()) for name in ("a fox", "an owl")}
    job = ended(jobs, handed_in(jobs, tmp_path, asks, "generations"))
    assert (job.status, job.total, job.completed, job.failed) == ("completed", 2, 2, 0)
    assert (dict(job.metadata), job.endpoint) == ({"manifest": "a.toml"}, "/v1/images/generations")
    answers = {name: decode(line, sandbox.base_url) for name, line in lines(jobs, job.output_file_id).items()}
    assert answers.keys() == asks.keys()
    for answer in answers.values():
        (found,) = answer.found
        assert judge(base64.b64decode(found.b64_json or "")).size == Size(1024, 1024)
        assert (answer.usage or {})["output_tokens"] == 196


def test_an_edit_names_its_picture_by_the_file_that_went_up_before(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    photo = png(64, 64)
    file_id = jobs.upload(photo, filename="image.png", media_type="image/png", purpose="vision", listen=deaf)
    image = InputImage(data=photo, format="png", size=Size(64, 64), has_alpha=False, file_id=file_id)
    ask = Edit(prompt="at night", images=(Source(name="photo.png"),), rendering=LOOK)
    job = ended(jobs, handed_in(jobs, tmp_path, {"night": (ask, Uploads(images=(image,)))}, "edits"))
    (line,) = lines(jobs, job.output_file_id).values()
    assert decode(line, sandbox.base_url).found[0].b64_json
    jobs.delete(file_id, deaf)
    with pytest.raises(RefusedError) as caught:
        jobs.content(file_id, lambda piece: None, deaf)
    assert caught.value.code == "not_found"


def test_a_line_that_is_refused_stands_in_the_error_file_with_its_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    asks: dict[str, tuple[Ask, Uploads]] = {
        "good": (generate("a fox"), Uploads()),
        "bad": (generate("moderation_blocked"), Uploads()),
    }
    job = ended(jobs, handed_in(jobs, tmp_path, asks, "generations"))
    assert (job.completed, job.failed) == (1, 1)
    errors = lines(jobs, job.error_file_id)
    assert list(errors) == ["bad"]
    with pytest.raises(RefusedError) as caught:
        decode(errors["bad"], sandbox.base_url)
    assert caught.value.code == "moderation_blocked"


def test_what_a_batch_had_no_time_for_can_be_handed_in_again(tmp_path: Path) -> None:
    with Sandbox(Options(speed=6000, failures=(Failure(what="batch_expired"),))) as server:
        jobs = client(server)
        asks: dict[str, tuple[Ask, Uploads]] = {name: (generate(name), Uploads()) for name in ("a", "b")}
        job = ended(jobs, handed_in(jobs, tmp_path, asks, "generations"))
        assert job.status == "expired"
        made, missing = lines(jobs, job.output_file_id), lines(jobs, job.error_file_id)
        assert ({*made, *missing}, len(made), len(missing)) == ({*asks}, 1, 1)
        for line in missing.values():
            with pytest.raises(NetworkError) as caught:
                decode(line, server.base_url)
            assert caught.value.code == "batch_expired"


def test_a_file_that_is_no_batch_s_input_fails_with_the_line_that_is_wrong(sandbox: Sandbox) -> None:
    jobs = client(sandbox)
    file_id = jobs.upload(
        b'{"custom_id": "a"}\n', filename="rows.jsonl", media_type="application/jsonl", purpose="batch", listen=deaf
    )
    job = ended(jobs, jobs.create(input_file_id=file_id, endpoint="/v1/images/generations", metadata={}, listen=deaf))
    assert job.status == "failed"
    assert job.errors[0].line == 1
    assert job.errors[0].message


def test_batches_are_listed_the_newest_first_over_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    jobs = client(sandbox)
    file_id = jobs.upload(
        batch_line("a", generate("a"), Uploads(), ROW),
        filename="rows.jsonl",
        media_type="application/jsonl",
        purpose="batch",
        listen=deaf,
    )
    made = [
        jobs.create(input_file_id=file_id, endpoint="/v1/images/generations", metadata={}, listen=deaf).id
        for _ in range(103)
    ]
    assert [job.id for job in jobs.jobs(deaf)] == made[::-1]


def test_a_batch_is_cancelled_and_cancelling_it_again_is_no_error(tmp_path: Path) -> None:
    with Sandbox(Options(speed=600)) as server:
        jobs = client(server)
        job = handed_in(jobs, tmp_path, {"a": (generate("a"), Uploads())}, "generations")
        assert jobs.cancel(job.id, deaf).status in ("cancelling", "cancelled")
        job = ended(jobs, job)
        assert job.status == "cancelled"
        assert jobs.cancel(job.id, deaf).status == "cancelled"


def test_what_the_sandbox_does_not_know_is_told_apart(sandbox: Sandbox) -> None:
    jobs = client(sandbox)
    with pytest.raises(RefusedError) as caught:
        jobs.job("batch_none", deaf)
    assert caught.value.code == "not_found"
    with pytest.raises(RefusedError, match="file-none"):
        jobs.create(input_file_id="file-none", endpoint="/v1/images/generations", metadata={}, listen=deaf)


def test_a_base_url_that_is_somewhere_else_has_no_batch_api(sandbox: Sandbox) -> None:
    assert list(client(sandbox).jobs(deaf)) == []
    with pytest.raises(UsageError, match=f"no Batch API at {sandbox.base_url}/nowhere"):
        list(client(sandbox, "/nowhere").jobs(deaf))
