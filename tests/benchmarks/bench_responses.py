"""CPU and memory from response to saved images, compared with scripts that people write.

Run it by hand: `python tests/benchmarks/bench_responses.py`. A loopback server in a separate process responds faster
than any client. Clients take turns, each run in a new process; CPU seconds (user and system) and peak memory are
medians. Compare ratios within one run only.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

RUNS = 5
IMAGECLI = "-c", "from imagecli.__main__ import run; run()", "generate", "a cat", "--quiet", "--base-url"

WITH_JSON = """
import base64, requests, sys
response = requests.post(sys.argv[1] + "/images/generations", json={"prompt": "a cat"}, timeout=(10, 300))
for index, item in enumerate(response.json()["data"]):
    with open(f"{index}.png", "wb") as file:
        file.write(base64.b64decode(item["b64_json"]))
"""
"""What most people write: json.loads and b64decode."""

IN_PIECES = """
import binascii, requests, sys
url = sys.argv[1] + "/images/generations"
response = requests.post(url, json={"prompt": "a cat"}, timeout=(10, 300), stream=True)
key, rest, out, count = b'"b64_json": "', b"", None, 0
for piece in response.iter_content(256 * 1024):
    rest += piece
    while True:
        if out is None:
            at = rest.find(key)
            if at < 0:
                rest = rest[-len(key):]
                break
            rest, out = rest[at + len(key):], open(f"{count}.png", "wb")
            count += 1
        end = rest.find(b'"')
        usable = len(rest) // 4 * 4 if end < 0 else end
        out.write(binascii.a2b_base64(rest[:usable]))
        rest = rest[usable:]
        if end < 0:
            break
        out.close()
        out = None
"""
"""One buffer, decoded as it arrives: the least that requests can do. Nothing is checked."""

WITH_CHECKS = """
import hashlib, os, zlib

class Image:
    def __init__(self, file):
        self.file, self.sha256, self.pixels = file, hashlib.sha256(), zlib.decompressobj()
        self.head, self.size, self.left, self.crc = b"", 33, 0, 0
    def write(self, data):
        self.file.write(data)
        self.sha256.update(data)
        data = memoryview(data)
        while data:
            if self.left:
                part, data = data[:self.left], data[self.left:]
                self.left, self.crc = self.left - len(part), zlib.crc32(part, self.crc)
                while part:
                    self.pixels.decompress(part, 1 << 17)
                    part = self.pixels.unconsumed_tail
                continue
            part, data = data[:self.size - len(self.head)], data[self.size - len(self.head):]
            self.head += part
            if len(self.head) == self.size:
                if self.size == 12:
                    assert int.from_bytes(self.head[:4]) == self.crc
                length, kind = self.head[-8:-4], self.head[-4:]
                self.head, self.size = b"", 8 if self.size == 33 else 12
                self.left, self.crc = int.from_bytes(length) if kind == b"IDAT" else 0, zlib.crc32(kind)
    def close(self):
        assert self.pixels.eof
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
""" + IN_PIECES.replace('open(f"{count}.png", "wb")', 'Image(open(f"{count}.png", "wb"))').replace(
    "    rest += piece", "    spool.write(piece)\n    rest += piece"
).replace("for piece", 'spool = open("body", "wb")\nfor piece', 1)
"""The same with imagecli's guarantees: the response in a file; each PNG checked (CRCs, pixels), hashed and synced."""


def build_png(size: int) -> bytes:
    """A PNG of about *size* bytes: noise that compresses by an eighth.

    A photo takes two to three times as long to decompress, byte for byte, because it is compressed more.
    """
    row, rows = 3_073, size * 8 // 7 // 3_073
    noise = bytearray(byte & 0x7F for byte in random.Random(size).randbytes(row * rows))
    noise[::row] = bytes(rows)
    packed = zlib.compress(noise, 6)
    pixels = b"".join(_build_chunk(b"IDAT", packed[at : at + 65_536]) for at in range(0, len(packed), 65_536))
    header = _build_chunk(b"IHDR", struct.pack(">IIBBBBB", row // 3, rows, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _build_chunk(b"IEND", b"")


def _build_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def serve(count: int, size: int) -> None:
    """Responds to every request with *count* images of *size* bytes. Prints its port, and ends with its parent."""
    text = base64.b64encode(build_png(size)).decode()
    body = json.dumps({"created": 0, "data": [{"b64_json": text}] * count}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"}" not in request:
                request += connection.recv(65_536)
            connection.sendall(head % len(body))
            connection.sendall(body)


@contextlib.contextmanager
def start_server(count: int, size: int) -> Iterator[str]:
    """Runs `serve` in a separate process; the base URL."""
    command = [sys.executable, __file__, "--serve", str(count), str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


def measure_run(arguments: tuple[str, ...], count: int) -> tuple[float, float]:
    """CPU seconds and peak MB of one run, which has to save *count* images."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**os.environ, "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else compilation would be measured
        with subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environ, stdout=subprocess.DEVNULL) as run:
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        saved = len(list(folder.glob("*.png")))
        assert (run.returncode, saved) == (0, count), (arguments, run.returncode, saved)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def compare_clients(count: int, size: int, clients: dict[str, tuple[str, ...]]) -> dict[str, tuple[float, float]]:
    """Median CPU and memory of each client, for a response with *count* images of *size* bytes. Prints them."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    with start_server(count, size) as url:
        for run in range(RUNS + 1):
            for name, arguments in clients.items():
                figures = measure_run((*arguments, url), count)
                if run:  # the first run writes bytecode
                    runs[name].append(figures)
    medians = {}
    for name, times in runs.items():
        cpu, peak = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"  {name:<18} {cpu:6.3f} s CPU  {peak:6.1f} MB")  # noqa: T201
        medians[name] = cpu, peak
    return medians


def print_ratio(what: str, ratio: float, target: float) -> None:
    print(f"  {what}: {ratio:.2f}   target <= {target}")  # noqa: T201


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--serve"]:
        return serve(int(arguments[1]), int(arguments[2]))
    *words, last = IMAGECLI
    one, ten = (*words, "-n", "1", last), (*words, "-n", "10", last)
    scripts = {
        "requests + json": ("-c", WITH_JSON),
        "requests in pieces": ("-c", IN_PIECES),
        "with our checks": ("-c", WITH_CHECKS),
    }
    print("one image of 3 MB")  # noqa: T201
    medium = compare_clients(1, 3_000_000, {"imagecli": one, **scripts})
    print_ratio("CPU / requests + json", medium["imagecli"][0] / medium["requests + json"][0], 1.35)
    print_ratio("MB", medium["imagecli"][1], 45)
    print("one image of 64 kB")  # noqa: T201
    small = compare_clients(1, 64_000, {"imagecli": one})
    print("ten images of 20 MB in one response")  # noqa: T201
    large = compare_clients(10, 20_000_000, {"imagecli": ten, **scripts})
    # Missed: decoding base64 and decompressing pixels each take half as long as such a script takes for everything.
    print_ratio("CPU / requests in pieces", large["imagecli"][0] / large["requests in pieces"][0], 1.6)
    print_ratio("CPU / the same with our checks", large["imagecli"][0] / large["with our checks"][0], 1.1)
    print_ratio("peak memory / one image of 64 kB", large["imagecli"][1] / small["imagecli"][1], 1.15)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
