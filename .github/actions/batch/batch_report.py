"""The step that reports a batch: summary, annotations, outputs and exit code. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from batch_annotations import build_annotations
from batch_output import BatchOutput, read_output
from batch_summary import summary

SUMMARY_BYTES = 1 << 20
"""A larger summary is rejected completely (CreateStepSummaryCommand of GitHub's runner, read 2026-11-23)."""

SIGNALS = 128
"""Exit codes above this are of runs that a signal ended."""


def main(environ: Mapping[str, str], stdout: TextIO) -> int:
    """Write summary, annotations and outputs, and return the exit code of the command; 1 if it did not run."""
    output = BatchOutput()
    with contextlib.suppress(OSError, ValueError), Path(environ.get("OUTPUT", "")).open("rb") as file:
        output = read_output(file)
    manifest, code = environ.get("MANIFEST", ""), environ.get("EXIT_CODE", "")
    exit_code = int(code) if code.isascii() and code.isdigit() else 1
    for line in build_annotations(output, manifest):
        stdout.write(f"{line}\n")
    path = Path(environ["GITHUB_STEP_SUMMARY"])
    before = path.stat().st_size if path.exists() else 0
    shard = environ.get("SHARD", "")
    text = summary(output, manifest, shard, exit_code, SUMMARY_BYTES - before - 1)
    append(path, f"\n{text}" if text else "")
    cost = "" if output.cost_usd is None else f"{output.cost_usd:.6f}".rstrip("0").rstrip(".")
    counts = {state: output.count(state) for state in ("bought", "failed", "submitted")}
    # The journal has new entries; after a signal it may have some.
    keep = any(counts.values()) or exit_code >= SIGNALS
    outputs = {
        "bought": counts["bought"],
        "failed": counts["failed"],
        "cost-usd": cost,
        "keep": "true" if keep else "false",
    }
    append(Path(environ["GITHUB_OUTPUT"]), "".join(f"{name}={value}\n" for name, value in outputs.items()))
    return exit_code


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


if __name__ == "__main__":
    with open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False) as stdout:
        sys.exit(main(os.environ, stdout))
