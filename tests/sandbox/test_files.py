"""`/v1/files`: uploads can be downloaded, listed, are limited, and expire."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.files.store import FileStore, StoredBytes
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.batching import get, send, upload


def test_upload_is_described_and_downloaded_byte_for_byte(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 1000
    file = upload(sandbox, data, name="größe 1.jsonl")
    assert file["id"].startswith("file-")
    assert file["created_at"] == pytest.approx(time.time(), abs=5)
    assert file["expires_at"] - file["created_at"] == 30 * 24 * 3600
    rest = {name: file[name] for name in ("object", "bytes", "filename", "purpose", "status")}
    assert rest == {
        "object": "file",
        "bytes": 256_000,
        "filename": "größe 1.jsonl",
        "purpose": "batch",
        "status": "processed",
    }
    assert get(sandbox, f"/files/{file['id']}") == file
    response = requests.get(f"{sandbox.base_url}/files/{file['id']}/content", timeout=9)
    assert (response.content, response.headers["content-type"]) == (data, "application/octet-stream")


def test_images_live_until_they_are_deleted(sandbox: Sandbox) -> None:
    file = upload(sandbox, b"x", name="a.png", purpose="vision")
    assert "expires_at" not in file
    deleted = requests.delete(f"{sandbox.base_url}/files/{file['id']}", timeout=9)
    assert (deleted.status_code, deleted.json()) == (200, {"id": file["id"], "object": "file", "deleted": True})
    for path in ("", "/content"):
        assert requests.get(f"{sandbox.base_url}/files/{file['id']}{path}", timeout=9).status_code == 404


def test_unknown_file_is_not_found(sandbox: Sandbox) -> None:
    response = requests.get(f"{sandbox.base_url}/files/file-none", timeout=9)
    error = {"message": "No such File object: file-none", "type": "invalid_request_error", "param": "id", "code": None}
    assert (response.status_code, response.json()) == (404, {"error": error})
    assert requests.delete(f"{sandbox.base_url}/files/file-none", timeout=9).status_code == 404


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        ({}, ["3", "2", "1"], False),
        ({"order": "asc"}, ["1", "2", "3"], False),
        ({"limit": 2}, ["3", "2"], True),
        ({"limit": 3}, ["3", "2", "1"], False),
        ({"after": 1}, ["1"], False),
        ({"after": 2, "order": "asc", "limit": 1}, ["2"], True),
        ({"purpose": "vision"}, ["2"], False),
        ({"purpose": "evals"}, [], False),
    ],
    ids=str,
)
def test_files_are_listed(sandbox: Sandbox, query: dict[str, Any], names: list[str], more: bool) -> None:
    uploaded = [
        upload(sandbox, b"x", name=f"{n}.jsonl", purpose="vision" if n == 2 else "batch")["id"] for n in (1, 2, 3)
    ]
    if "after" in query:
        query = {**query, "after": uploaded[1] if query["after"] == 1 else uploaded[0]}
    listed = get(sandbox, "/files", **query)
    assert [file["filename"].removesuffix(".jsonl") for file in listed["data"]] == names
    ends = [listed["data"][0]["id"], listed["data"][-1]["id"]] if names else ["", ""]
    assert (listed["has_more"], [listed["first_id"], listed["last_id"]]) == (more, ends)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"order": "up"}, "order"),
        ({"after": "file-none"}, "after"),
    ],
    ids=str,
)
def test_invalid_list_request_is_refused(sandbox: Sandbox, query: dict[str, Any], param: str) -> None:
    response = requests.get(f"{sandbox.base_url}/files", params=query, timeout=9)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


EXPIRY = {"purpose": "batch", "expires_after[anchor]": "created_at"}


@pytest.mark.parametrize(
    ("fields", "name", "data", "param", "code"),
    [
        ({}, "a.jsonl", b"x", "purpose", "missing_required_parameter"),
        ({"purpose": "fun"}, "a.jsonl", b"x", "purpose", "invalid_value"),
        ({"purpose[x]": "batch"}, "a.jsonl", b"x", "purpose", "invalid_value"),
        ({"purpose": "batch"}, "a.json", b"x", "file", None),
        ({"purpose": "batch"}, "a.jsonl", b"", "file", None),
        ({"purpose": "batch", "extra": "1"}, "a.jsonl", b"x", "extra", "unknown_parameter"),
        ({**EXPIRY, "expires_after[seconds]": "3599"}, "a.jsonl", b"x", "expires_after[seconds]", "invalid_value"),
        ({**EXPIRY, "expires_after[seconds]": "2592001"}, "a.jsonl", b"x", "expires_after[seconds]", "invalid_value"),
        ({**EXPIRY, "expires_after[seconds]": "long"}, "a.jsonl", b"x", "expires_after[seconds]", "invalid_value"),
        (EXPIRY, "a.jsonl", b"x", "expires_after[seconds]", "invalid_value"),
        ({**EXPIRY, "expires_after[anchor]": "now"}, "a.jsonl", b"x", "expires_after[anchor]", "invalid_value"),
        ({"purpose": "batch", "expires_after": "soon"}, "a.jsonl", b"x", "expires_after[anchor]", "invalid_value"),
    ],
    ids=str,
)  # fmt: skip
def test_invalid_upload_is_refused(
    sandbox: Sandbox, fields: dict[str, str], name: str, data: bytes, param: str, code: str | None
) -> None:
    response = send(sandbox, data, name=name, **fields)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, param, code)


def test_upload_without_a_file_is_refused(sandbox: Sandbox) -> None:
    response = requests.post(f"{sandbox.base_url}/files", files={"purpose": (None, "batch")}, timeout=9)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "file")
    bare = requests.post(f"{sandbox.base_url}/files", json={"purpose": "batch"}, timeout=9)
    assert (bare.status_code, bare.json()["error"]["param"]) == (400, "purpose")


@pytest.mark.parametrize("purpose", ["user_data", "assistants", "fine-tune", "evals"])
def test_files_of_restricted_purposes_can_not_be_downloaded(sandbox: Sandbox, purpose: str) -> None:
    file = upload(sandbox, b"x", purpose=purpose)
    response = requests.get(f"{sandbox.base_url}/files/{file['id']}/content", timeout=9)
    message = f"Not allowed to download files of purpose: {purpose}"
    assert (response.status_code, response.json()["error"]["message"]) == (400, message)


def test_file_expires() -> None:
    with Sandbox(Options(speed=36_000)) as server:
        file = upload(server, b"x", **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"})
        assert get(server, f"/files/{file['id']}") == file
        time.sleep(0.15)
        assert requests.get(f"{server.base_url}/files/{file['id']}", timeout=9).status_code == 404
        assert get(server, "/files")["data"] == []


def test_oldest_files_are_removed_at_the_limit() -> None:
    files = FileStore(SandboxClock(), capacity=1000)
    ids = [files.add(str(n), "vision", StoredBytes(bytes(400)), lifetime=None).id for n in range(3)]
    assert [file.id for file in files.all()] == ids[1:]
    files.delete(ids[1])
    files.add("4", "vision", StoredBytes(bytes(600)), lifetime=None)
    assert files.get(ids[2])
    huge = files.add("5", "vision", StoredBytes(bytes(5000)), lifetime=None)
    assert [file.id for file in files.all()] == [huge.id]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/files", 405),
        ("POST", "/files/file-none", 405),
        ("POST", "/files/file-none/content", 405),
        ("GET", "/files/file-none/other", 404),
        ("PUT", "/batches", 405),
        ("DELETE", "/batches/batch_none", 405),
        ("GET", "/batches/batch_none/cancel", 405),
        ("GET", "/batches/batch_none/other", 404),
    ],
)
def test_route_and_method_are_refused(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    response = requests.request(method, sandbox.base_url + path, timeout=9)
    assert (response.status_code, set(response.json()["error"])) == (status, {"message", "type", "param", "code"})


@pytest.mark.parametrize("path", ["/files", "/files/file-none", "/files/file-none/content", "/batches", "/batches/b"])
def test_key_is_required_for_files_and_batches(path: str) -> None:
    with Sandbox(Options(require_key="sk-right")) as server:
        assert requests.get(server.base_url + path, timeout=9).status_code == 401
        right = {"Authorization": "Bearer sk-right"}
        assert requests.get(server.base_url + path, headers=right, timeout=9).status_code in (200, 404)
