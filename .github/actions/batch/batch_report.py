"""The step that tells what a batch came to: summary, annotations, outputs, and its exit code. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from batch_annotations import annotated
from batch_said import Said, read
from batch_summary import summary

SUMMARY_BYTES = 1 << 20
"""A step's summary beyond this is refused whole (CreateStepSummaryCommand of GitHub's runner, read 2026-11-23)."""

SIGNALS = 128
"""Exit codes from here on are of runs that a signal ended."""


def main(environ: Mapping[str, str], stdout: TextIO) -> int:
    """Writes all three, and returns the exit code of the command; 1 where it did not run."""
    said = Said()
    with contextlib.suppress(OSError, ValueError), Path(environ.get("SAID", "")).open("rb") as file:
        said = read(file)
    manifest, given = environ.get("MANIFEST", ""), environ.get("EXIT_CODE", "")
    exit_code = int(given) if given.isascii() and given.isdigit() else 1
    for line in annotated(said, manifest):
        stdout.write(f"{line}\n")
    path = Path(environ["GITHUB_STEP_SUMMARY"])
    before = path.stat().st_size if path.exists() else 0
    shard = environ.get("SHARD", "")
    shown = summary(said, manifest, shard, exit_code, SUMMARY_BYTES - before - 1)
    append(path, f"\n{shown}" if shown else "")
    cost = "" if said.cost_usd is None else f"{said.cost_usd:.6f}".rstrip("0").rstrip(".")
    counts = {state: said.count(state) for state in ("bought", "failed", "submitted")}
    # The journal has something new; of a run that was ended it may have.
    keep = any(counts.values()) or exit_code >= SIGNALS
    outputs = {
        "bought": counts["bought"],
        "failed": counts["failed"],
        "cost-usd": cost,
        "keep": "true" if keep else "false",
    }
    append(Path(environ["GITHUB_OUTPUT"]), "".join(f"{name}={value}\n" for name, value in outputs.items()))
    return exit_code


def append(path: Path, words: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(words)


if __name__ == "__main__":
    with open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False) as stdout:
        sys.exit(main(os.environ, stdout))
