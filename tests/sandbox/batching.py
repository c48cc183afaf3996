"""Files and batches for these tests, over plain HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import requests

from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
SMALL = {"model": "dall-e-2", "response_format": "b64_json", "size": "256x256"}


def line(custom_id: str, *, url: str = GENERATIONS, **body: Any) -> dict[str, Any]:
    """A request for a small image, unless *body* says more."""
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": {**SMALL, "prompt": custom_id, **body}}


def jsonl(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def upload(server: Sandbox, data: bytes, *, name: str = "in.jsonl", purpose: str = "batch", **more: str) -> Any:
    """The response's body; fails if it is refused."""
    response = send(server, data, name=name, purpose=purpose, **more)
    assert response.status_code == 200, response.text
    return response.json()


def send(server: Sandbox, data: bytes, *, name: str = "in.jsonl", **fields: str) -> requests.Response:
    return requests.post(f"{server.base_url}/files", data=fields, files={"file": (name, data)}, timeout=60)


def get(server: Sandbox, path: str, **query: Any) -> Any:
    response = requests.get(server.base_url + path, params=query, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def begin(server: Sandbox, lines: list[dict[str, Any]], *, endpoint: str = GENERATIONS, **more: Any) -> Any:
    """Uploads *lines* and creates a batch of them."""
    return create(server, input_file_id=upload(server, jsonl(lines))["id"], endpoint=endpoint, **more).json()


def create(server: Sandbox, **fields: Any) -> requests.Response:
    body = {"completion_window": "24h", "endpoint": GENERATIONS, **fields}
    return requests.post(f"{server.base_url}/batches", json=body, timeout=60)


def ended(server: Sandbox, batch: Any) -> Any:
    """*batch* when nothing more happens to it."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        batch = get(server, f"/batches/{batch['id']}")
        if batch["status"] in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.02)
    raise AssertionError(batch)


def content(server: Sandbox, file_id: str) -> list[Any]:
    """The lines of a file."""
    response = requests.get(f"{server.base_url}/files/{file_id}/content", timeout=60)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.content.splitlines()]


def run(server: Sandbox, lines: list[dict[str, Any]], **more: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The finished batch, and its responses and errors by custom_id."""
    batch = ended(server, begin(server, lines, **more))
    files = [content(server, batch[name]) if batch[name] else [] for name in ("output_file_id", "error_file_id")]
    responses, errors = ({line["custom_id"]: line for line in several} for several in files)
    return batch, responses, errors


def fast(*failures: str, **more: Any) -> Sandbox:
    """A sandbox in which a batch takes 6 ms."""
    return Sandbox(Options(speed=100_000, failures=tuple(Failure.parse(text) for text in failures), **more))


def counts(batch: Any) -> list[int]:
    """Its requests: in all, completed, failed."""
    return [batch["request_counts"][name] for name in ("total", "completed", "failed")]
