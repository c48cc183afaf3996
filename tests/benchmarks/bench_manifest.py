"""CPU time and peak memory of manifests with 100,000 rows: whole commands, and reading beside Python's own readers.

Run by hand: `python tests/benchmarks/bench_manifest.py [ROWS]`. Each figure is the median of three processes; commands
are also compared with a script that only parses the rows, hashes each, and looks for its file, since machines differ.
Targets for 100,000 rows: `--check` 5 s and 150 MB, 6 s up to the first request; a run of 10,000 finished rows 1 s.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

RUNS = 3
FINISHED_ROWS = 10_000
"""Of the run that has nothing to do."""

LOAD = """
import sys
from datetime import date
from pathlib import Path
from imagecli.batch.manifest.load_items import load_items
from imagecli.batch.manifest.read import read_manifest
from imagecli.catalog.catalog import load_shipped_catalog
catalog = load_shipped_catalog()
provider = catalog.provider("openai")
manifest = read_manifest(Path(sys.argv[1]))
loaded = load_items(
    manifest, flags={}, catalog=catalog, provider=provider, base_url=provider.base_url, today=date(2026, 11, 23)
)
assert len(loaded.items) == int(sys.argv[2])
"""
"""Reads and checks every row, as `imagecli batch` does."""

PARSE = """
import csv, json, sys, tomllib
path = sys.argv[1]
with open(path, "rb") as file:
    if path.endswith(".toml"):
        rows = tomllib.load(file)["image"]
    elif path.endswith(".json"):
        rows = json.load(file)
    elif path.endswith(".yaml"):
        import yaml
        rows = yaml.load(file, yaml.CSafeLoader)
    elif path.endswith(".csv"):
        rows = list(csv.DictReader(line.decode() for line in file))
    else:
        rows = [json.loads(line) if path.endswith(".jsonl") else line.decode() for line in file]
assert len(rows) == int(sys.argv[2])
"""
"""Only parses the file."""


MINIMAL = """
import hashlib, json, os, sys
rows = [json.loads(line) for line in open("rows.jsonl")]
for row in rows:
    row["hash"] = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
    if not os.path.exists(row["output"]):
        sys.stdout.write("missing  " + row["output"] + "\\n")
"""
"""The least that `--check` must do."""


class Usage(NamedTuple):
    """The resources that a process used."""

    seconds: float
    """Of CPU, user and system."""
    megabytes: float
    """Of memory, at the peak."""

    def __str__(self) -> str:
        return f"{self.seconds:5.2f} s, {self.megabytes:4.0f} MB"


def jsonl_lines(count: int) -> Iterator[str]:
    for k in range(count):
        yield json.dumps(
            {"prompt": f"icon {k}, flat, on white, isometric", "output": f"icons/{k}.png", "quality": "low"}
        )


def jsonl_lines_without_output(count: int) -> Iterator[str]:
    for k in range(count):
        yield json.dumps({"prompt": f"{k} small flat icons on white, isometric, with soft shadows"})


def csv_lines(count: int) -> Iterator[str]:
    yield "id,prompt,output,size,quality"
    for k in range(count):
        yield f'{k},"icon {{id}}, flat, on white, isometric",icons/{{id}}.png,1024x1024,low'


def toml_tables(count: int) -> Iterator[str]:
    for k in range(count):
        yield f'[[image]]\nprompt = "icon {k}, flat, on white, isometric"\noutput = "icons/{k}.png"\n'


def json_array(count: int) -> Iterator[str]:
    yield "[" + ",\n".join(jsonl_lines(count)) + "]"


def yaml_items(count: int) -> Iterator[str]:
    for k in range(count):
        yield f'- prompt: "icon {k}, flat, on white, isometric"\n  output: icons/{k}.png\n  quality: low'


def prompt_lines(count: int) -> Iterator[str]:
    for k in range(count):
        yield f"{k} small flat icons on white, isometric, with soft shadows"


FILES: dict[str, Callable[[int], Iterator[str]]] = {
    "rows.jsonl": jsonl_lines,
    "rows.json": json_array,
    "rows.yaml": yaml_items,
    "slugs.jsonl": jsonl_lines_without_output,
    "templates.csv": csv_lines,
    "rows.toml": toml_tables,
    "prompts.txt": prompt_lines,
}


def measure(command: Sequence[str], folder: Path, exit_code: int = 0) -> Usage:
    """The median usage of *command* in *folder*. Asserts its exit code."""
    return median([measure_once(command, folder, exit_code) for _ in range(RUNS)])


def measure_once(command: Sequence[str], folder: Path, exit_code: int = 0) -> Usage:
    with subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL) as process:
        usage, status = wait_for_usage(process)
    assert status == exit_code, status
    return usage


def wait_for_usage(process: subprocess.Popen[bytes]) -> tuple[Usage, int]:
    """The usage and the exit code of *process*, which ends by itself or was killed."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), process.returncode


def median(usages: Sequence[Usage]) -> Usage:
    return Usage(*map(statistics.median, zip(*usages, strict=True)))


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "OPENAI_API_KEY": "sk-0", "IMAGECLI_STATE_DIR": f"{folder}/state", "NO_PROXY": "*"}


def batch(*options: str) -> list[str]:
    return [sys.executable, "-m", "imagecli", "batch", "rows.jsonl", "--quiet", "--max-cost", "1e6", *options]


def tiny_png() -> bytes:
    """A complete image of one pixel."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(4))),
        (b"IEND", b""),
    ]
    parts = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
             for kind, data in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def write_rows(folder: Path, count: int) -> None:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("\n".join(jsonl_lines(count)))


def finish_rows(folder: Path, count: int) -> None:
    """Writes a file for each row, and a journal that records it."""
    (folder / "icons").mkdir()
    image = tiny_png()
    for k in range(count):
        (folder / f"icons/{k}.png").write_bytes(image)
    subprocess.run(batch("--adopt"), cwd=folder, env=environment(folder), check=True)


def measure_first_request(folder: Path) -> Usage:
    """The usage of a run until it connects to the server, which then ends it."""
    usages = []
    for _ in range(RUNS):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            command = batch("--base-url", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
            with subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL) as process:
                connection, _ = listener.accept()
                process.kill()
                connection.close()
                usages.append(wait_for_usage(process)[0])
    return median(usages)


def measure_commands(folder: Path, count: int) -> None:
    """Prints a line for each command over *count* rows."""
    new, finished, few = (folder / name for name in ("new", "finished", "few"))
    for folder_of_rows, rows in ((new, count), (finished, count), (few, FINISHED_ROWS)):
        write_rows(folder_of_rows, rows)
    minimal = [sys.executable, "-c", MINIMAL]
    beside = measure(minimal, new)
    show(f"minimal script, {count:,} missing rows", beside)
    show(f"--check of {count:,} missing rows", measure(batch("--check"), new, 10), "5 s, 150 MB", beside)
    show(f"--dry-run --json of {count:,} rows", measure(batch("--dry-run", "--json"), new), "", beside)
    show(f"first request of {count:,} rows", measure_first_request(new), "6 s", beside)
    finish_rows(finished, count)
    beside = measure(minimal, finished)
    show(f"minimal script, {count:,} finished rows", beside)
    show(f"--check of {count:,} finished rows", measure(batch("--check"), finished), "5 s, 150 MB", beside)
    finish_rows(few, FINISHED_ROWS)
    beside = measure(minimal, few)
    show(f"minimal script, {FINISHED_ROWS:,} finished rows", beside)
    show(f"run of {FINISHED_ROWS:,} finished rows", measure(batch(), few), "1 s", beside)


def measure_formats(folder: Path, count: int) -> None:
    """Prints a line for each format."""
    for name, write in FILES.items():
        path = folder / name
        path.write_text("\n".join(write(count)))
        loaded, parsed = (
            measure([sys.executable, "-c", script, str(path), str(count)], folder) for script in (LOAD, PARSE)
        )
        show(f"{name} only parsed", parsed)
        show(f"{name} loaded", loaded, beside=parsed)


def show(name: str, usage: Usage, target: str = "", beside: Usage | None = None) -> None:
    """Prints a line; *beside*: what the CPU time is compared with."""
    ratio = f"   x {usage.seconds / beside.seconds:.1f}" if beside else ""
    print(f"{name:38} {usage}{ratio}" + (f"   target {target}" if target else ""))  # noqa: T201


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        measure_commands(Path(name), count)
        measure_formats(Path(name), count)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
