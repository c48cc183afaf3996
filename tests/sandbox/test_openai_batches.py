"""Today's `openai` package submits batches, polls them and reads their results."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.batching import EDITS, jsonl, line
from tests.sandbox.requests_and_images import GPT, decoded, encoded, hole, photo

Endpoint = Literal["/v1/images/generations", "/v1/images/edits"]


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    """Of a sandbox in which a batch takes half a second."""
    with (
        Sandbox(Options(speed=1200)) as server,
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
    ):
        yield client


def begin(
    client: openai.OpenAI, lines: list[dict[str, Any]], endpoint: Endpoint = "/v1/images/generations"
) -> openai.types.Batch:
    file = client.files.create(file=("in.jsonl", jsonl(lines)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"manifest": "ab12"}
    )


def ended(client: openai.OpenAI, batch: openai.types.Batch) -> openai.types.Batch:
    limit = time.monotonic() + 20
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        assert time.monotonic() < limit, batch
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    return batch


def test_batch_from_a_file_on_disk_to_its_images(client: openai.OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(jsonl([line("a"), line("b", size="1x1")]))
    with path.open("rb") as opened:
        file = client.files.create(file=opened, purpose="batch")
    assert (file.filename, file.bytes, file.status) == ("rows.jsonl", path.stat().st_size, "processed")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/images/generations", completion_window="24h", metadata={"a": "b"}
    )
    assert (batch.status, batch.output_file_id, batch.metadata) == ("validating", None, {"a": "b"})
    batch = ended(client, batch)
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 1)
    assert batch.usage is not None
    output = json.loads(client.files.content(batch.output_file_id or "").text)
    image = base64.b64decode(output["response"]["body"]["data"][0]["b64_json"])
    assert (output["custom_id"], decoded(image).size) == ("a", (256, 256))
    refused = [json.loads(one) for one in client.files.content(batch.error_file_id or "").iter_lines()]
    assert [one["response"]["status_code"] for one in refused] == [400]


def test_edits_by_uploaded_images(client: openai.OpenAI) -> None:
    image, mask = (client.files.create(file=("a.png", encoded(one)), purpose="vision").id for one in (photo(), hole()))
    body = {**GPT, "prompt": "a pool", "images": [{"file_id": image}], "mask": {"file_id": mask}}
    lines = [{"custom_id": "a", "method": "POST", "url": EDITS, "body": body}]
    batch = ended(client, begin(client, lines, "/v1/images/edits"))
    output = json.loads(client.files.content(batch.output_file_id or "").text)
    assert decoded(base64.b64decode(output["response"]["body"]["data"][0]["b64_json"])).size == (256, 256)


def test_batches_and_files_are_listed_page_by_page(client: openai.OpenAI) -> None:
    output = [begin(client, [line("a")]).id for _ in range(5)]
    assert [one.id for one in client.batches.list(limit=2)] == output[::-1]
    assert len([one.id for one in client.files.list(limit=2, purpose="batch")]) == 5
    (first, *_) = client.files.list(order="asc")
    assert client.files.delete(first.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(first.id)


def test_batch_is_cancelled_once(client: openai.OpenAI) -> None:
    batch = client.batches.cancel(begin(client, [line("a")]).id)
    assert (batch.status, batch.cancelling_at is not None) == ("cancelling", True)
    assert ended(client, batch).status == "cancelled"
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_invalid_file_is_reported_by_line(client: openai.OpenAI) -> None:
    batch = ended(client, begin(client, [line("a"), line("a")]))
    assert batch.errors is not None
    assert [(one.code, one.line) for one in batch.errors.data or []] == [("duplicate_custom_id", 2)]


def test_file_of_another_kind_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
        client.files.create(file=("in.json", b"{}"), purpose="batch")
