"""Creating and listing batches."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.sandbox.batches.routes import BatchRoutes
from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.fault_injection import FaultInjector
from imagecli.sandbox.files.store import FileStore, StoredBytes
from imagecli.sandbox.http_message import ServerRequest
from imagecli.sandbox.image_generator import ImageGenerator
from imagecli.sandbox.sandbox import Options, Sandbox
from imagecli.sandbox.url_store import UrlStore
from tests.sandbox.batching import (
    GENERATIONS,
    begin,
    create,
    ended,
    get,
    jsonl,
    line,
    upload,
)

CREATED = {"input_file_id": "GOOD"}
EXPIRY = {"anchor": "created_at"}
SECONDS = "output_expires_after.seconds"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({}, "input_file_id", "missing_required_parameter"),
        ({"input_file_id": "file-none"}, "input_file_id", "invalid_value"),
        ({"input_file_id": "PICTURE"}, "input_file_id", "invalid_value"),
        ({"input_file_id": 7}, "input_file_id", "invalid_type"),
        ({**CREATED, "endpoint": "/v1/images/variations"}, "endpoint", "invalid_value"),
        ({**CREATED, "endpoint": "/v1/chat/completions"}, "endpoint", "invalid_value"),
        ({**CREATED, "endpoint": None}, "endpoint", "missing_required_parameter"),
        ({**CREATED, "completion_window": "1h"}, "completion_window", "invalid_value"),
        ({**CREATED, "completion_window": None}, "completion_window", "missing_required_parameter"),
        ({**CREATED, "extra": 1}, "extra", "unknown_parameter"),
        ({**CREATED, "metadata": "x"}, "metadata", "invalid_type"),
        ({**CREATED, "metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
        ({**CREATED, "metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({**CREATED, "metadata": {"a": "x" * 513}}, "metadata.a", "string_above_max_length"),
        ({**CREATED, "metadata": {"k" * 65: "x"}}, f"metadata.{'k' * 65}", "string_above_max_length"),
        ({**CREATED, "output_expires_after": 7}, "output_expires_after.anchor", "invalid_value"),
        ({**CREATED, "output_expires_after": EXPIRY}, SECONDS, "invalid_type"),
        ({**CREATED, "output_expires_after": {**EXPIRY, "seconds": 9}}, SECONDS, "invalid_value"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_invalid_batch_is_refused(sandbox: Sandbox, fields: dict[str, Any], param: str, code: str) -> None:
    uploaded = {
        "GOOD": upload(sandbox, jsonl([line("a")]))["id"],
        "PICTURE": upload(sandbox, b"x", purpose="vision")["id"],
    }
    if fields.get("input_file_id") in uploaded:
        fields = {**fields, "input_file_id": uploaded[fields["input_file_id"]]}
    error = create(sandbox, **fields)
    assert (error.status_code, error.json()["error"]["param"], error.json()["error"]["code"]) == (400, param, code)


def test_largest_metadata_is_accepted_and_files_expire_as_requested() -> None:
    metadata = {f"{n:064}": "x" * 512 for n in range(16)}
    expiry = {"anchor": "created_at", "seconds": 2_592_000}
    with Sandbox(Options(speed=1000)) as server:
        batch = ended(server, begin(server, [line("a")], metadata=metadata, output_expires_after=expiry))
        file = get(server, f"/files/{batch['output_file_id']}")
    assert batch["metadata"] == metadata
    assert file["expires_at"] - file["created_at"] == pytest.approx(2592, abs=1)


def test_batches_are_listed_from_the_newest(sandbox: Sandbox) -> None:
    created = [begin(sandbox, [line("a")])["id"] for _ in range(3)][::-1]
    pages = [get(sandbox, "/batches", **query) for query in ({}, {"limit": 2}, {"limit": 2, "after": created[1]})]
    assert [[batch["id"] for batch in page["data"]] for page in pages] == [created, created[:2], created[2:]]
    assert [page["has_more"] for page in pages] == [False, True, False]
    assert (pages[1]["first_id"], pages[1]["last_id"]) == (created[0], created[1])
    assert requests.get(f"{sandbox.base_url}/batches", params={"limit": 101}, timeout=9).status_code == 400


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/cancel")])
def test_unknown_batch_is_not_found(sandbox: Sandbox, method: str, path: str) -> None:
    response = requests.request(method, f"{sandbox.base_url}/batches/batch_none{path}", timeout=9)
    assert (response.status_code, response.json()["error"]["message"]) == (404, "No batch found with id 'batch_none'.")


def test_oldest_batches_are_forgotten() -> None:
    clock = SandboxClock()
    files = FileStore(clock)
    routes = BatchRoutes(
        files, ImageGenerator(load_shipped_catalog(), FaultInjector(()), UrlStore(60, clock)), clock, capacity=2
    )
    file = files.add("in.jsonl", "batch", StoredBytes(jsonl([line("a")])), lifetime=None)
    body = json.dumps({"input_file_id": file.id, "endpoint": GENERATIONS, "completion_window": "24h"}).encode()
    order = ServerRequest(method="POST", target="/v1/batches", headers={}, body=body)
    created = [json.loads(routes.respond(order, []).body)["id"] for _ in range(3)]
    listed = json.loads(routes.respond(ServerRequest(method="GET", target="/v1/batches", headers={}), []).body)
    assert [batch["id"] for batch in listed["data"]] == [created[2], created[1]]
