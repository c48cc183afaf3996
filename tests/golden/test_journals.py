"""Journals that runs of 48b1051 wrote are still understood, and nothing in them is requested again.\n\nEach folder
holds a manifest, its journals, the files that existed there and the expected state, written once by\n48b1051; don't
regenerate them."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.journal.reader import read_journals
from imagecli.events import Event, WarningEvent
from tests.conftest import Run

GOLDEN = Path(__file__).parent.parent / "data" / "golden" / "journals"
FOLDERS = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
each_folder = pytest.mark.parametrize("golden", FOLDERS, ids=lambda path: path.name)


def read_state(manifest: Path) -> dict[str, Any]:
    """The state in the journals of a manifest. The only place that names classes and functions of the program."""
    events: list[Event] = []
    ledger = read_journals(manifest, events.append)
    last = {name: ledger.last_entry(name) for name in ids_in(manifest.parent)}
    hashes = sorted({entry.hash for entry in last.values() if entry})
    return {
        "runs": ledger.runs,
        "manifests": sorted(ledger.manifests),
        "submissions": sorted(ledger.submissions),
        "warnings": sum(isinstance(event, WarningEvent) for event in events),
        "away": sorted(entry.id for entry in ledger.pending()),
        "last": {name: as_json(entry) for name, entry in last.items()},
        "in_doubt": [name for name, entry in last.items() if entry and entry.is_possibly_billed],
        "files": {file.path: [entry.id, as_json(file)] for entry, file in ledger.files()},
        "planned": {
            file.planned: file.path
            for _, file in ledger.files()
            if file.planned and ledger.file_planned_at(file.planned)
        },
        "brought": {
            digest: [[entry.id, file.path] for entry, file in ledger.files_by_hash(digest)] for digest in hashes
        },
    }


def ids_in(folder: Path) -> list[str]:
    """The ids of all complete lines."""
    ids = set()
    for path in folder.glob("*.journal*.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.startswith(b"{") and line.endswith(b"\n"):
                ids.add(json.loads(line)["id"])
    return sorted(ids)


def as_json(value: Any) -> Any:
    """A value with its fields, without those that are empty."""
    if is_dataclass(value):
        pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: as_json(inner) for name, inner in pairs if inner not in (None, "", (), False)}
    return [as_json(inner) for inner in value] if isinstance(value, tuple) else value


def expected(golden: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((golden / "expected.json").read_text("utf-8"))
    return document


@each_folder
def test_a_journal_is_understood_as_before(golden: Path) -> None:
    assert read_state(golden / "m.jsonl") == expected(golden)["state"]


@each_folder
def test_the_same_rows_are_done_missing_or_pending(golden: Path, imagecli: Run, folder: Path) -> None:
    shutil.copytree(golden, folder, dirs_exist_ok=True)
    for check in expected(golden)["checks"]:
        result = imagecli("batch", "m.jsonl", "--check", "--json", *check["arguments"])
        objects = [json.loads(line) for line in result.stdout.splitlines()]
        assert {row["outputs"][0]: row["state"] for row in objects if "outputs" in row} == check["rows"]
        assert result.exit_code == check["exit_code"]
