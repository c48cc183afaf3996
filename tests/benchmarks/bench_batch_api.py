"""Rows of the Batch API: the time to submit and download them, and that memory does not grow with the images.\n\nRun by
hand: `python tests/benchmarks/bench_batch_api.py`. A server on loopback, in a separate process, completes a\nbatch
immediately. A dozen lines of plain Python do the same beside it, without a journal, image checks or recovery.\nWhole
processes, start-up included; only ratios within one run mean anything."""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SUBMITTED_ROWS = 10_000
FETCHED_ROWS = 2_000
SMALL, LARGE = 4_000, 1_000_000
"""Bytes of an image."""
SUBMIT = """
import json, sys, requests
url = sys.argv[1]
with open("in.jsonl", "w") as file:
    for number, line in enumerate(open("rows.jsonl")):
        body = {"model": "gpt-image-2", "prompt": json.loads(line)["prompt"], "n": 1, "size": "1024x1024"}
        row = {"custom_id": str(number), "method": "POST", "url": "/v1/images/generations", "body": body}
        file.write(json.dumps(row) + "\\n")
with open("in.jsonl", "rb") as file:
    form = {"purpose": "batch"}
    id = requests.post(url + "/files", data=form, files={"file": ("in.jsonl", file)}).json()["id"]
body = {"input_file_id": id, "endpoint": "/v1/images/generations", "completion_window": "24h"}
requests.post(url + "/batches", json=body).raise_for_status()
"""
FETCH = """
import base64, json, sys, requests
url = sys.argv[1]
(batch,) = requests.get(url + "/batches").json()["data"]
with requests.get(url + "/files/" + batch["output_file_id"] + "/content", stream=True) as answer:
    for number, line in enumerate(answer.iter_lines(65536)):
        with open(f"{number}.png", "wb") as file:
            file.write(base64.b64decode(json.loads(line)["response"]["body"]["data"][0]["b64_json"]))
"""


class Provider(BaseHTTPRequestHandler):
    """One batch, whose every image is the same."""

    protocol_version = "HTTP/1.1"
    image = b""
    ids: list[bytes] = []  # noqa: RUF012
    batches: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/files"):
            type(self).ids = re.findall(rb'"custom_id": ?"([^"]+)"', body)
            return self.send_json({"id": "file-in", "object": "file"})
        fields = json.loads(body)
        lines = len(self.ids)
        batch = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "status": "completed",
            "endpoint": fields["endpoint"],
            "input_file_id": fields["input_file_id"],
            "output_file_id": "file-out",
            "created_at": int(time.time()),
            "metadata": fields.get("metadata"),
            "request_counts": {"total": lines, "completed": lines, "failed": 0},
        }
        self.batches.append(batch)
        return self.send_json(batch)

    def do_GET(self) -> None:
        if self.path.endswith("/content"):
            return self.stream()
        if self.path.partition("?")[0].endswith("/batches"):
            return self.send_json({"object": "list", "data": self.batches, "has_more": False})
        return self.send_json(self.batches[-1])

    def send_json(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        usage = b'{"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010}'
        tail = b'", "response": {"status_code": 200, "body": {"data": [{"b64_json": "%s"}], "usage": %s}}}\n' % (
            base64.b64encode(self.image),
            usage,
        )
        self.send_response(200)
        self.send_header("Content-Length", str(sum(len(custom_id) + 15 + len(tail) for custom_id in self.ids)))
        self.end_headers()
        for custom_id in self.ids:
            self.wfile.write(b'{"custom_id": "%s%s' % (custom_id, tail))

    def log_message(self, *args: Any) -> None:
        """Silent."""


@contextlib.contextmanager
def provider(image_bytes: int) -> Iterator[str]:
    """The base URL of a `Provider` in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(image_bytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


def serve(image_bytes: int) -> None:
    # Beside this file, which is run as a script.
    Provider.image = importlib.import_module("bench_responses").build_png(image_bytes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()


def timed(command: list[str], folder: Path, expected: int) -> tuple[float, float]:
    """Seconds, and peak MB."""
    environ = {**os.environ, "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*"}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        _, stderr = process.communicate()
    seconds = time.perf_counter() - began
    assert process.returncode == expected, stderr
    return seconds, float(stderr.split()[-1]) / 1024


def with_memory(code: str) -> list[str]:
    """*code*, which prints its peak memory at the end."""
    return ["-c", f"{PRINT_MEMORY}\n{code}"]


PRINT_MEMORY = """
import atexit, os, resource, sys
atexit.register(lambda: os.write(2, b" %d" % resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def measure_batch(rows: int, image_bytes: int, *, plain: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Seconds and MB of submitting *rows*, and of downloading their results."""
    with tempfile.TemporaryDirectory() as name, provider(image_bytes) as url:
        folder = Path(name)
        lines = (json.dumps({"prompt": f"cat {k}", "output": f"{k}.png", "size": "1024x1024"}) for k in range(rows))
        (folder / "rows.jsonl").write_text("\n".join(lines))
        if plain:
            return timed([*with_memory(SUBMIT), url], folder, 0), timed([*with_memory(FETCH), url], folder, 0)
        typed = ["batch", "rows.jsonl", "--batch-api", "--base-url", url, "--quiet", "--max-cost", "1e6"]
        code = "import runpy; sys.argv[0] = 'imagecli'; runpy.run_module('imagecli', run_name='__main__')"
        submitted, downloaded = (
            timed([*with_memory(code), *typed], folder, 10),
            timed([*with_memory(code), *typed], folder, 0),
        )
        assert len(list(folder.glob("[0-9]*.png"))) == rows
        return submitted, downloaded


def show(words: str, figure: float, target: str = "") -> None:
    print(f"  {words}: {figure:.2f}" + (f"   target {target}" if target else ""))  # noqa: T201


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--serve"]:
        return serve(int(arguments[1]))
    for what, rows, size in (("submitted", SUBMITTED_ROWS, SMALL), ("fetched", FETCHED_ROWS, SMALL)):
        index = int(what == "fetched")
        ours, plain = (measure_batch(rows, size, plain=plain)[index][0] for plain in (False, True))
        print(f"{rows:,} rows {what}: {rows / ours:,.0f} a second, plain Python {rows / plain:,.0f}")  # noqa: T201
        show("times plain Python's time", ours / plain)
    few, many = (measure_batch(rows, LARGE, plain=False)[1][1] for rows in (30, 300))
    print("memory, images of 1 MB")  # noqa: T201
    show(f"MB of fetching 300 ({many:.1f}) to 30 ({few:.1f})", many / few, "about 1")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
