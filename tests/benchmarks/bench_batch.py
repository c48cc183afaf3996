"""A batch of many rows: share of the ideal rate, CPU, new TLS connections, rate limits, memory.

Run by hand: `python tests/benchmarks/bench_batch.py [concurrency|connections|limits|size|terminal|photos]`, else all
parts. A server on loopback, in a process of its own, responds after half a second to any number of requests at the
same time, and measures from the first request to the last response: start-up is not included, but the CPU figures
include it. imagecli and threads that share one `requests.Session` take turns, and medians are printed. Only ratios
within one run mean anything.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import json
import math
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

RUNS = 5
TERMINAL_RUNS = 3
LATENCY = 0.5
"""Seconds that a request takes."""
ROWS = 200
MANY_ROWS = 10_000
LIMIT = 600
"""Images per minute, in a bucket of BURST."""
BURST = 10
LIMITED_ROWS = 100
PHOTO_COUNTS = 8, 15, 60
PHOTO_JOBS = 8
CERTIFICATE = Path(__file__).parent.parent / "client" / "own.pem"
IMAGECLI = sys.executable, "-m", "imagecli"
REQUESTS_THREADS = """
import base64, json, sys
from concurrent.futures import ThreadPoolExecutor
import requests, requests.adapters
url, jobs, headers = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
session = requests.Session()
session.headers.update(headers)
session.mount(url, requests.adapters.HTTPAdapter(pool_maxsize=jobs))
def create(row):
    response = session.post(url + "/images/generations", json={"prompt": row["prompt"]}, timeout=(10, 300))
    with open(row["output"], "wb") as file:
        file.write(base64.b64decode(response.json()["data"][0]["b64_json"]))
with ThreadPoolExecutor(jobs) as pool:
    list(pool.map(create, map(json.loads, open("rows.jsonl"))))
"""


# --- the server ------------------------------------------------------------------------------------------------------


class Server:
    """Responds with an image and counts, and if there is a limit, refuses requests as the API does."""

    def __init__(self, latency: float, limit: str) -> None:
        self.latency, self.limit = latency, limit
        # This file is run as a script, so the one beside it is no part of a package.
        image = importlib.import_module("bench_responses").build_png(64_000)
        self.body = json.dumps({"created": 0, "data": [{"b64_json": base64.b64encode(image).decode()}]}).encode()
        self.tokens, self.filled_at = float(BURST), 0.0
        self.first_request = self.last_response = 0.0
        self.responses = self.refusals = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(sum(lengths))
                is_last = b"\r\nconnection: close\r\n" in head
                writer.write(await self.respond(head, ["Connection: close"] if is_last else []))
                await writer.drain()
                if is_last:
                    break
        writer.close()

    async def respond(self, head: bytes, headers: list[str]) -> bytes:
        if head.startswith(b"get"):
            return format_response("200 OK", json.dumps(vars(self), default=lambda value: None).encode(), headers)
        now = time.monotonic()
        self.first_request = self.first_request or now
        if self.limit and not self.take_token(now):
            self.refusals += 1
            body = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'
            return format_response("429 Too Many Requests", body, [*headers, *self.retry_headers()])
        headers = headers + self.limit_headers()
        await asyncio.sleep(self.latency)
        self.last_response = time.monotonic()
        self.responses += 1
        return format_response("200 OK", self.body, headers)

    def take_token(self, now: float) -> bool:
        """Takes a token from the bucket. Returns whether there was one."""
        self.tokens = min(self.tokens + (now - (self.filled_at or now)) * LIMIT / 60, BURST)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def limit_headers(self) -> list[str]:
        if self.limit != "headers":
            return []
        return [
            f"x-ratelimit-limit-images: {LIMIT}",
            f"x-ratelimit-remaining-images: {int(self.tokens)}",
            f"x-ratelimit-reset-images: {(BURST - self.tokens) * 60 / LIMIT:.3f}s",
        ]

    def retry_headers(self) -> list[str]:
        wait = (1 - self.tokens) * 60 / LIMIT
        milliseconds = [f"retry-after-ms: {math.ceil(wait * 1000)}"] if self.limit == "headers" else []
        return [f"Retry-After: {math.ceil(wait)}", *milliseconds]


def format_response(status: str, body: bytes, headers: list[str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def serve(latency: float, limit: str, scheme: str) -> None:
    context = None
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(Server(latency, limit).handle, "127.0.0.1", 0, backlog=1024, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


@contextlib.contextmanager
def start_server(latency: float, limit: str = "", scheme: str = "http") -> Iterator[str]:
    """The base URL of `serve` in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(latency), limit, scheme]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"{scheme}://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


# --- one run of a client ---------------------------------------------------------------------------------------------


class RunFigures(NamedTuple):
    """One run of a client."""

    seconds: float
    """From the first request to the last response."""
    cpu_ms: float
    """Of one image."""
    mb: float
    """The most memory at any time."""
    responses: int
    refusals: int


def run(
    rows: int,
    jobs: int,
    *,
    threads: bool = False,
    latency: float = LATENCY,
    limit: str = "",
    scheme: str = "http",
    reuse: bool = True,
    photos: Sequence[Path] = (),
    stderr: int | None = None,
) -> RunFigures:
    """Creates *rows* images with imagecli, or with requests on *threads*, which *reuse* connections.

    *photos*: row k edits photo k instead. *stderr*: where progress is shown.
    """
    with tempfile.TemporaryDirectory() as name, start_server(latency, limit, scheme) as url:
        folder = Path(name)
        if photos:
            write_edits(folder, rows, photos)
        else:
            write_manifest(folder / "rows.jsonl", rows)
        command = [*IMAGECLI, "batch", "rows.jsonl", "--base-url", url, "-j", str(jobs), "--max-cost", "1e6"]
        if stderr is None:
            command.append("--quiet")
        if threads:
            headers = json.dumps({} if reuse else {"Connection": "close"})
            command = [sys.executable, "-c", REQUESTS_THREADS, url, str(jobs), headers]
        environ = {
            **os.environ,
            "IMAGECLI_STATE_DIR": f"{folder}/state",
            "NO_PROXY": "*",
            "REQUESTS_CA_BUNDLE": str(CERTIFICATE),
            "TERM": "xterm",
        }
        environ.pop("CI", None)  # in CI a terminal gets lines only
        with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=stderr) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        context = ssl.create_default_context(cafile=CERTIFICATE) if scheme == "https" else None
        with urllib.request.urlopen(f"{url}/stats", context=context) as response:
            stats: dict[str, Any] = json.load(response)
        assert (process.returncode, len(list(folder.glob("[0-9]*.png")))) == (0, rows), process.returncode
    return RunFigures(
        seconds=stats["last_response"] - stats["first_request"],
        cpu_ms=(used.ru_utime + used.ru_stime) * 1000 / rows,
        mb=used.ru_maxrss / 1024,
        responses=stats["responses"],
        refusals=stats["refusals"],
    )


def write_manifest(path: Path, rows: int, **fields: str) -> None:
    lines = [json.dumps({"prompt": f"cat {k}", "output": f"{k}.png", **fields}) for k in range(rows)]
    path.write_text("\n".join(lines))


def write_edits(folder: Path, rows: int, photos: Sequence[Path]) -> None:
    lines = []
    for k, photo in enumerate(photos[:rows]):
        (folder / f"photo-{photo.name}").write_bytes(photo.read_bytes())
        edit = {"command": "edit", "image": f"photo-{photo.name}", "prompt": f"at night {k}", "output": f"{k}.png"}
        lines.append(json.dumps(edit))
    (folder / "rows.jsonl").write_text("\n".join(lines))


# --- what is measured ------------------------------------------------------------------------------------------------


def compare_concurrency() -> None:
    for jobs, target in ((16, 0.98), (64, 0.98), (128, 1.0)):
        ideal = math.ceil(ROWS / jobs) * LATENCY
        turns = [(run(ROWS, jobs), run(ROWS, jobs, threads=True)) for _ in range(RUNS)]
        share, threads_share = (statistics.median(ideal / turn[client].seconds for turn in turns) for client in (0, 1))
        cpu, threads_cpu = (statistics.median(turn[client].cpu_ms for turn in turns) for client in (0, 1))
        print(f"{ROWS} rows, {LATENCY} s each, {jobs} at the same time")  # noqa: T201
        show("share of the ideal rate, imagecli", share)
        show("share of the ideal rate, requests threads", threads_share)
        show("imagecli's share of that of requests threads", share / threads_share, f">= {target:.2f}")
        show("CPU ms an image, imagecli", cpu, "<= 6" if jobs == 64 else "")
        show("CPU ms an image, requests threads", threads_cpu)


def compare_connections() -> None:
    """What a new TLS connection costs: imagecli makes one for each request, because none may be used twice."""
    print(f"{ROWS} rows, 16 at the same time: CPU ms an image")  # noqa: T201
    turns = [
        (
            run(ROWS, 16, latency=0.05),
            run(ROWS, 16, latency=0.05, scheme="https"),
            run(ROWS, 16, latency=0.05, scheme="https", threads=True),
            run(ROWS, 16, latency=0.05, scheme="https", threads=True, reuse=False),
        )
        for _ in range(RUNS)
    ]
    plain, tls, reused, new = (statistics.median(turn[client].cpu_ms for turn in turns) for client in range(4))
    show("imagecli, new connections", plain)
    show("imagecli, new TLS connections", tls)
    show("  a new TLS connection and decryption", tls - plain)
    show("requests threads, TLS connections reused", reused)
    show("requests threads, new TLS connections", new)
    show("  a new TLS connection", new - reused)


def compare_limits() -> None:
    ideal = (LIMITED_ROWS - BURST) * 60 / LIMIT
    for limit, target in (("headers", ">= 0.98, 429s <= 3"), ("seconds", ">= 0.90, 429s <= 8")):
        figures = run(LIMITED_ROWS, 16, latency=0.05, limit=limit)
        source = "x-ratelimit headers" if limit == "headers" else "Retry-After in whole seconds"
        print(f"{LIMITED_ROWS} rows, {LIMIT} a minute, {source}: {figures.responses} responses")  # noqa: T201
        show(f"share of the permitted rate, {figures.refusals} 429s", ideal / figures.seconds, target)
    run_with_small_limit()


def run_with_small_limit() -> None:
    """Under the sandbox's limit of 50 images a minute, with a clock that runs 20 times as fast."""
    speed, limit = 20, 50
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_manifest(folder / "rows.jsonl", ROWS, size="256x256")
        log = folder / "log"
        port = find_free_port()
        sandbox = [*IMAGECLI, "sandbox", "--port", str(port), "--rate-limit", str(limit), "--speed", str(speed)]
        with log.open("wb") as file, subprocess.Popen(sandbox, stdout=file, stderr=file) as server:
            wait_for_port(port)
            url = f"http://127.0.0.1:{port}/v1"
            batch = [*IMAGECLI, "batch", "rows.jsonl", "--base-url", url, "-m", "dall-e-2", "-j", "16", "--quiet"]
            environ = {**os.environ, "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*"}
            started = time.monotonic()
            code = subprocess.run(batch, cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=False).returncode
            seconds = time.monotonic() - started
            server.terminate()
        requests = [line for line in log.read_text().splitlines() if "/images/generations" in line]
        refusals = sum(" 429" in line for line in requests)
        created = len(list(folder.glob("*.png")))
    print(f"{ROWS} rows, {limit} a minute, {speed} times as fast: exit {code}, {created} created")  # noqa: T201
    show("429s per row", refusals / ROWS, "<= 0.03")
    show("share of the permitted rate, start-up included", (ROWS - limit) * 60 / limit / speed / seconds)


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)


def compare_size() -> None:
    few, many = (run(rows, 16, latency=0.0) for rows in (ROWS, MANY_ROWS))
    threads = run(MANY_ROWS, 16, latency=0.0, threads=True)
    print(f"{MANY_ROWS:,} rows without latency, 16 at the same time")  # noqa: T201
    show("CPU ms an image, imagecli", many.cpu_ms)
    show("CPU ms an image, requests threads", threads.cpu_ms)
    show("CPU ms an image besides the network: the difference", many.cpu_ms - threads.cpu_ms, "<= 4")
    show(f"memory ({many.mb:.1f} MB) compared with {ROWS} rows ({few.mb:.1f} MB)", many.mb / few.mb, "<= 1.2")


def compare_terminal() -> None:
    """What the table on a terminal costs: stderr is a terminal that is read, or a pipe."""
    terminal, pipe, redraws = [], [], []
    for _ in range(TERMINAL_RUNS):
        started = time.monotonic()
        figures, output = run_and_read(*os.openpty())
        redraws.append(output.count(b"\x1b[1A\x1b[2K") / (time.monotonic() - started))
        terminal.append(figures.cpu_ms)
        pipe.append(run_and_read(*os.pipe())[0].cpu_ms)
    print(f"{MANY_ROWS:,} rows without latency, 16 at the same time, stderr on a terminal or in a pipe")  # noqa: T201
    show("CPU ms an image, terminal", statistics.median(terminal))
    show("CPU ms an image, pipe", statistics.median(pipe))
    show("terminal compared with pipe", statistics.median(terminal) / statistics.median(pipe), "<= 1.03")
    show("redraws a second", max(redraws), "<= 10")


def run_and_read(reader: int, writer: int) -> tuple[RunFigures, bytes]:
    """A run with stderr on *writer*, and everything that arrives at *reader*."""
    with ThreadPoolExecutor(1) as pool:
        output = pool.submit(read_to_end, reader)
        figures = run(MANY_ROWS, 16, latency=0.0, stderr=writer)
        os.close(writer)
        return figures, output.result()


def read_to_end(descriptor: int) -> bytes:
    pieces = []
    with open(descriptor, "rb", buffering=0) as file, contextlib.suppress(OSError):  # a terminal's end is an error
        while piece := file.read(65536):
            pieces.append(piece)
    return b"".join(pieces)


def show(label: str, figure: float, target: str = "") -> None:
    print(f"  {label}: {figure:.3f}" + (f"   target {target}" if target else ""))  # noqa: T201


def compare_photos() -> None:
    """The memory of edits of large photos: that of the photos in flight, and not that of all."""
    with tempfile.TemporaryDirectory() as name:
        photos = write_photos(Path(name), max(PHOTO_COUNTS))
        figures = [run(count, PHOTO_JOBS, latency=0.05, photos=photos) for count in PHOTO_COUNTS]
    print(f"edits of noisy photos of about 5 MB, {PHOTO_JOBS} at the same time")  # noqa: T201
    for count, edits in zip(PHOTO_COUNTS, figures, strict=True):
        show(f"memory of {count} edits in MB", edits.mb)
    show("the most compared with the fewest", figures[-1].mb / figures[0].mb, "about 1")


def write_photos(folder: Path, count: int) -> list[Path]:
    """Noisy photos in *folder*, by turns JPEG and PNG, all different."""
    from PIL import Image

    photos = []
    for k in range(count):
        if k % 2:
            photo, path = Image.effect_noise((1290, 1290), 60 + k), folder / f"{k}.png"
            bands = [photo, photo.transpose(Image.Transpose.ROTATE_90), photo.transpose(Image.Transpose.ROTATE_180)]
        else:
            photo, path = Image.effect_noise((2400, 1800), 60 + k), folder / f"{k}.jpg"
            bands = [
                photo,
                photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
                photo.transpose(Image.Transpose.ROTATE_180),
            ]
        Image.merge("RGB", bands).save(path, quality=92, compress_level=1)
        photos.append(path)
    return photos


PARTS = {
    "concurrency": compare_concurrency,
    "connections": compare_connections,
    "limits": compare_limits,
    "size": compare_size,
    "terminal": compare_terminal,
    "photos": compare_photos,
}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--serve"]:
        latency, limit, scheme = arguments[1:]
        asyncio.run(serve(float(latency), limit, scheme))
        return
    for part in arguments or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main(sys.argv[1:])
