"""Many at once: how full a batch keeps what it may use, how it meets a limit, and that its memory does not grow.

Run by hand: `python tests/benchmarks/bench_batch.py`. A server on loopback, in a process of its own, takes half a
second for each answer, as many at once as are asked, and measures from the first request to the last answer: start-up
is left out. imagecli and threads with one `requests.Session` take turns. Only ratios within one run mean anything.
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
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LATENCY = 0.5
ROWS = 200
LIMIT = 600
"""Pictures a minute, in a bucket of BURST."""
BURST = 10
IMAGECLI = sys.executable, "-m", "imagecli"
LIMITED_ROWS = 100
TERMINAL_ROWS = 10_000
THREADS = """
import base64, json, sys
from concurrent.futures import ThreadPoolExecutor
import requests, requests.adapters
url, jobs = sys.argv[1], int(sys.argv[2])
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=jobs))
def make(row):
    answer = session.post(url + "/images/generations", json={"prompt": row["prompt"]}, timeout=(10, 300))
    with open(row["output"], "wb") as file:
        file.write(base64.b64decode(answer.json()["data"][0]["b64_json"]))
with ThreadPoolExecutor(jobs) as pool:
    list(pool.map(make, map(json.loads, open("rows.jsonl"))))
"""


class Serving:
    """Answers, counts, and where there is a limit refuses as the API does."""

    def __init__(self, latency: float, limit: str) -> None:
        self.latency, self.limit = latency, limit
        # Beside this file, which is run as a script.
        picture = importlib.import_module("bench_answers").picture
        text = base64.b64encode(picture(64_000)).decode()
        self.body = json.dumps({"created": 0, "data": [{"b64_json": text}]}).encode()
        self.level, self.filled = float(BURST), 0.0
        self.first = self.last = 0.0
        self.answered = self.refused = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                await reader.readexactly(length)
                writer.write(await self.said(head))
                await writer.drain()
                if b"connection: close" in head.lower():
                    break
        writer.close()

    async def said(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            return http("200 OK", json.dumps(vars(self), default=lambda value: None).encode())
        now = time.monotonic()
        self.first = self.first or now
        headers = self.taken(now)
        if headers is None:
            self.refused += 1
            return http(
                "429 Too Many Requests",
                b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}',
                *self.told(),
            )
        await asyncio.sleep(self.latency)
        self.last = time.monotonic()
        self.answered += 1
        return http("200 OK", self.body, *headers)

    def taken(self, now: float) -> tuple[str, ...] | None:
        """A token; None where there is none."""
        if not self.limit:
            return ()
        self.level = min(self.level + (now - (self.filled or now)) * LIMIT / 60, BURST)
        self.filled = now
        if self.level < 1:
            return None
        self.level -= 1
        if self.limit == "seconds":
            return ()
        return (f"x-ratelimit-limit-images: {LIMIT}", f"x-ratelimit-remaining-images: {int(self.level)}",
                f"x-ratelimit-reset-images: {(BURST - self.level) * 60 / LIMIT:.3f}s")  # fmt: skip

    def told(self) -> tuple[str, ...]:
        wait = (1 - self.level) * 60 / LIMIT
        if self.limit == "seconds":
            return (f"Retry-After: {math.ceil(wait)}",)
        return f"Retry-After: {math.ceil(wait)}", f"retry-after-ms: {math.ceil(wait * 1000)}"


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def serve(latency: float, limit: str) -> None:
    server = await asyncio.start_server(Serving(latency, limit).answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


@contextlib.contextmanager
def serving(latency: float, limit: str = "") -> Iterator[str]:
    """The base URL of `serve` in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(latency), limit]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


def run(
    rows: int, jobs: int, *, threads: bool = False, latency: float = LATENCY, limit: str = "", stderr: int | None = None
) -> dict[str, Any]:
    """What the server saw of one run, with its CPU seconds and peak MB; with *stderr*, not a quiet run."""
    with tempfile.TemporaryDirectory() as name, serving(latency, limit) as url:
        folder = Path(name)
        lines = [json.dumps({"prompt": f"cat {k}", "output": f"{k}.png"}) for k in range(rows)]
        (folder / "rows.jsonl").write_text("\n".join(lines))
        ours = [
            "-m",
            "imagecli",
            "batch",
            "rows.jsonl",
            "--base-url",
            url,
            "-j",
            str(jobs),
            *(["--quiet"] if stderr is None else []),
            "--max-cost",
            "1e6",
        ]
        command = [sys.executable, *(["-c", THREADS, url, str(jobs)] if threads else ours)]
        environ = {**os.environ, "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*", "TERM": "xterm"}
        environ.pop("CI", None)  # or the terminal would get lines alone
        with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=stderr) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        with urllib.request.urlopen(f"{url}/stats") as answer:
            seen: dict[str, Any] = json.load(answer)
        assert (process.returncode, len(list(folder.glob("[0-9]*.png")))) == (0, rows), process.returncode
    return seen | {
        "seconds": seen["last"] - seen["first"],
        "cpu": used.ru_utime + used.ru_stime,
        "mb": used.ru_maxrss / 1024,
    }


def in_a_small_limit() -> None:
    """Under 50 pictures a minute of a sandbox whose minute is three seconds: what is lost, and what is refused."""
    speed, limit = 20, 50
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [json.dumps({"prompt": f"cat {k}", "output": f"{k}.png", "size": "256x256"}) for k in range(ROWS)]
        (folder / "rows.jsonl").write_text("\n".join(lines))
        log = folder / "log"
        port = free_port()
        sandbox = [*IMAGECLI, "sandbox", "--port", str(port), "--rate-limit", str(limit), "--speed", str(speed)]
        with log.open("wb") as file, subprocess.Popen(sandbox, stdout=file, stderr=file) as server:
            wait_for(port)
            url = f"http://127.0.0.1:{port}/v1"
            batch = [*IMAGECLI, "batch", "rows.jsonl", "--base-url", url, "-m", "dall-e-2", "-j", "16", "--quiet"]
            environ = {**os.environ, "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*"}
            began = time.monotonic()
            code = subprocess.run(batch, cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=False).returncode
            seconds = time.monotonic() - began
            server.terminate()
        asked = [line for line in log.read_text().splitlines() if "/images/generations" in line]
        refused = sum(" 429" in line for line in asked)
        made = len(list(folder.glob("*.png")))
    print(f"{ROWS} rows under {limit} a minute, sped up {speed} times: exit {code}, {made} made")  # noqa: T201
    show("429s to rows", refused / ROWS, "<= 0.03")
    show("share of the rate, start-up included", (ROWS - limit) * 60 / limit / speed / seconds)


def on_a_terminal() -> None:
    """Many rows with stderr on a terminal that is read, and in a pipe: the CPU of both, and how often it is redrawn."""
    cpu: dict[str, list[float]] = {"terminal": [], "pipe": []}
    redraws = []
    for name in ("terminal", "pipe") * 3:
        began = time.monotonic()
        seen, output = read_stderr(name)
        cpu[name].append(seen["cpu"])
        if name == "terminal":
            redraws.append(output.count(b"\x1b[1A\x1b[2K") / (time.monotonic() - began))
    print(f"{TERMINAL_ROWS:,} rows, 16 at once, stderr on a terminal or in a pipe")  # noqa: T201
    terminal, pipe = (statistics.median(cpu[name]) for name in ("terminal", "pipe"))
    show(f"CPU on a terminal ({terminal:.1f} s) to a pipe ({pipe:.1f} s)", terminal / pipe, "<= 1.03")
    show("redraws a second", max(redraws), "<= 10")


def read_stderr(name: str) -> tuple[dict[str, Any], bytes]:
    """A run whose stderr is a *name*, terminal or pipe, and all that was read from it."""
    reader, writer = os.openpty() if name == "terminal" else os.pipe()
    with ThreadPoolExecutor(1) as pool:
        output = pool.submit(read_to_end, reader)
        seen = run(TERMINAL_ROWS, 16, latency=0.0, stderr=writer)
        os.close(writer)
        return seen, output.result()


def read_to_end(descriptor: int) -> bytes:
    """All bytes of a pipe or of a terminal, whose end is an error."""
    pieces = []
    with open(descriptor, "rb", buffering=0) as file, contextlib.suppress(OSError):
        while piece := file.read(65536):
            pieces.append(piece)
    return b"".join(pieces)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)


def show(words: str, figure: float, target: str = "") -> None:
    print(f"  {words}: {figure:.3f}" + (f"   target {target}" if target else ""))  # noqa: T201


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--serve"]:
        return asyncio.run(serve(float(arguments[1]), arguments[2]))
    for jobs, target in ((16, ">= 0.97"), (64, ">= 0.97"), (128, ">= 0.60")):
        ideal = math.ceil(ROWS / jobs) * LATENCY
        print(f"{ROWS} rows, {LATENCY} s each, {jobs} at once: share of the ideal")  # noqa: T201
        for name in ("imagecli", "requests threads"):
            seen = run(ROWS, jobs, threads=name != "imagecli")
            show(f"{name} ({seen['cpu'] * 1000 / ROWS:.1f} ms CPU a picture)", ideal / seen["seconds"], target)
    ideal = (LIMITED_ROWS - BURST) * 60 / LIMIT
    for limit, target in (("headers", ">= 0.98, 429s <= 3"), ("seconds", ">= 0.95, 429s <= 8")):
        seen = run(LIMITED_ROWS, 16, latency=0.05, limit=limit)
        print(f"{LIMITED_ROWS} rows under {LIMIT} a minute, told by {limit}: {seen['answered']} answered")  # noqa: T201
        show(f"share of the rate, {seen['refused']} refused", ideal / seen["seconds"], target)
    in_a_small_limit()
    on_a_terminal()
    print("memory, 16 at once")  # noqa: T201
    few, many = (run(rows, 16, latency=0.0)["mb"] for rows in (200, 10_000))
    show(f"MB of 10,000 rows ({many:.1f}) to 200 ({few:.1f})", many / few, "about 1")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
