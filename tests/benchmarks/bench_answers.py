"""What an answer's pictures cost on their way to the disk, CPU and memory, beside scripts that people write.

Run by hand: `python tests/benchmarks/bench_answers.py`. A server on loopback, in a process of its own, answers faster
than any client. Clients take turns, each run a process of its own; CPU seconds (user and system) and peak memory are
medians. Only ratios within one run mean anything.
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

WHOLE = """
import base64, requests, sys
answer = requests.post(sys.argv[1] + "/images/generations", json={"prompt": "a cat"}, timeout=(10, 300))
for k, item in enumerate(answer.json()["data"]):
    with open(f"{k}.png", "wb") as file:
        file.write(base64.b64decode(item["b64_json"]))
"""
"""What most people write: json.loads and b64decode."""

PIECES = """
import binascii, requests, sys
url = sys.argv[1] + "/images/generations"
answer = requests.post(url, json={"prompt": "a cat"}, timeout=(10, 300), stream=True)
key, rest, out, count = b'"b64_json": "', b"", None, 0
for piece in answer.iter_content(256 * 1024):
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
"""One buffer, decoded as it comes: the least that requests can do. It believes whatever comes."""

CHECKED = """
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
""" + PIECES.replace('open(f"{count}.png", "wb")', 'Image(open(f"{count}.png", "wb"))').replace(
    "    rest += piece", "    spool.write(piece)\n    rest += piece"
).replace("for piece", 'spool = open("body", "wb")\nfor piece', 1)
"""The same with what imagecli promises: the answer in a file, every PNG's CRCs and pixels checked, hashed, synced."""


def picture(size: int) -> bytes:
    """A whole PNG of about *size* bytes: noise that packs by an eighth, as photographs hardly do better."""
    row, rows = 3_073, size * 8 // 7 // 3_073
    noise = bytearray(byte & 0x7F for byte in random.Random(size).randbytes(row * rows))
    noise[::row] = bytes(rows)
    packed = zlib.compress(noise, 6)
    pixels = b"".join(_chunk(b"IDAT", packed[at : at + 65_536]) for at in range(0, len(packed), 65_536))
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", row // 3, rows, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def serve(count: int, size: int) -> None:
    """Answers every request with *count* pictures of *size* bytes. Says its port, and ends with its parent."""
    text = base64.b64encode(picture(size)).decode()
    body = json.dumps({"created": 0, "data": [{"b64_json": text}] * count}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            asked = b""
            while b"}" not in asked:
                asked += connection.recv(65_536)
            connection.sendall(head % len(body))
            connection.sendall(body)


@contextlib.contextmanager
def server(count: int, size: int) -> Iterator[str]:
    """The base URL of `serve` in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(count), str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


def measured(arguments: tuple[str, ...], count: int) -> tuple[float, float]:
    """CPU seconds and peak MB of one run, which has to make *count* pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**os.environ, "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling would be measured
        with subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environ, stdout=subprocess.DEVNULL) as run:
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        made = len(list(folder.glob("*.png")))
        assert (run.returncode, made) == (0, count), (arguments, run.returncode, made)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def medians(count: int, size: int, **clients: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """CPU and memory of each client, on an answer of *count* pictures of *size* bytes."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    with server(count, size) as url:
        for run in range(RUNS + 1):
            for name, arguments in clients.items():
                figures = measured((*arguments, url), count)
                if run:  # the first run writes bytecode
                    runs[name].append(figures)
    found = {}
    for name, times in runs.items():
        cpu, peak = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"  {name:<10} {cpu:6.3f} s CPU  {peak:6.1f} MB")  # noqa: T201
        found[name] = cpu, peak
    return found


def ratio(words: str, figure: float, target: float) -> None:
    print(f"  {words}: {figure:.2f}   target <= {target}")  # noqa: T201


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--serve"]:
        return serve(int(arguments[1]), int(arguments[2]))
    ours = *IMAGECLI[:-1], "-n", "1", IMAGECLI[-1]
    ten = *IMAGECLI[:-1], "-n", "10", IMAGECLI[-1]
    print("one picture of 3 MB")  # noqa: T201
    one = medians(1, 3_000_000, imagecli=ours, whole=("-c", WHOLE), checked=("-c", CHECKED))
    ratio("CPU to requests + json.loads + b64decode", one["imagecli"][0] / one["whole"][0], 1.35)
    ratio("MB", one["imagecli"][1], 45)
    print("one picture of 64 kB")  # noqa: T201
    small = medians(1, 64_000, imagecli=ours)
    print("ten pictures of 20 MB in one answer")  # noqa: T201
    scripts = {"whole": ("-c", WHOLE), "pieces": ("-c", PIECES), "checked": ("-c", CHECKED)}
    many = medians(10, 20_000_000, imagecli=ten, **scripts)
    # Missed: zlib needs as long for the pixels as such a script for everything.
    ratio("CPU to requests in pieces", many["imagecli"][0] / many["pieces"][0], 1.6)
    ratio("CPU to the same with our checks", many["imagecli"][0] / many["checked"][0], 1.1)
    ratio("peak to one picture of 64 kB", many["imagecli"][1] / small["imagecli"][1], 1.15)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
