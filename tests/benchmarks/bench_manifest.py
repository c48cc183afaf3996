"""How long 100,000 rows take to be read and checked, and what memory that needs, beside Python's own readers.

Run by hand: `python tests/benchmarks/bench_manifest.py [ROWS]`. Each run is a process of its own; seconds are of the
CPU, medians of three. What is promised: under 5 s and 200 MB.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

RUNS = 3

OURS = """
import resource, sys, time
from datetime import date
from pathlib import Path
from imagecli.batch.manifest.load_items import load_items
from imagecli.batch.manifest.read import read_manifest
from imagecli.catalog.catalog import load_shipped_catalog
rows = load_shipped_catalog()
provider = rows.provider("openai")
manifest = read_manifest(Path(sys.argv[1]))
found = load_items(
    manifest, flags={}, catalog=rows, provider=provider, base_url=provider.base_url, today=date(2026, 11, 23)
)
assert len(found.items) == int(sys.argv[2])
"""

PLAIN = """
import csv, json, resource, sys, time, tomllib
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
"""The file read, and nothing asked of it."""

TOLD = "\nprint(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"


def jsonl(count: int) -> Iterator[str]:
    for k in range(count):
        yield json.dumps(
            {"prompt": f"icon {k}, flat, on white, isometric", "output": f"icons/{k}.png", "quality": "low"}
        )


def slugs(count: int) -> Iterator[str]:
    for k in range(count):
        yield json.dumps({"prompt": f"{k} small flat icons on white, isometric, with soft shadows"})


def table(count: int) -> Iterator[str]:
    yield "id,prompt,output,size,quality"
    for k in range(count):
        yield f'{k},"icon {{id}}, flat, on white, isometric",icons/{{id}}.png,1024x1024,low'


def toml(count: int) -> Iterator[str]:
    for k in range(count):
        yield f'[[image]]\nprompt = "icon {k}, flat, on white, isometric"\noutput = "icons/{k}.png"\n'


def array(count: int) -> Iterator[str]:
    yield "[" + ",\n".join(jsonl(count)) + "]"


def yaml(count: int) -> Iterator[str]:
    for k in range(count):
        yield f'- prompt: "icon {k}, flat, on white, isometric"\n  output: icons/{k}.png\n  quality: low'


def prompts(count: int) -> Iterator[str]:
    for k in range(count):
        yield f"{k} small flat icons on white, isometric, with soft shadows"


FILES: dict[str, Callable[[int], Iterator[str]]] = {
    "literal.jsonl": jsonl,
    "rows.json": array,
    "rows.yaml": yaml,
    "slugs.jsonl": slugs,
    "templates.csv": table,
    "rows.toml": toml,
    "prompts.txt": prompts,
}


def measured(script: str, path: Path, count: int) -> tuple[float, float]:
    """CPU seconds and MB at the peak."""
    runs = []
    for _ in range(RUNS):
        ended = subprocess.run(
            [sys.executable, "-c", script + TOLD, path, str(count)], capture_output=True, text=True, check=True
        )
        runs.append([float(word) for word in ended.stdout.split()])
    seconds, memory = zip(*runs, strict=True)
    return statistics.median(seconds), statistics.median(memory)


def main(count: int) -> None:
    """Prints a line for each file."""
    with tempfile.TemporaryDirectory() as folder:
        for name, write in FILES.items():
            path = Path(folder) / name
            path.write_text("\n".join(write(count)))
            (ours, memory), (plain, floor) = (measured(script, path, count) for script in (OURS, PLAIN))
            said = (
                f"{name:14} {count:,} rows: {ours:5.2f} s, {memory:4.0f} MB; only read {plain:5.2f} s, {floor:4.0f} MB"
            )
            print(said)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
