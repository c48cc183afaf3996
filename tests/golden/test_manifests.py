"""Manifests that 48b1051 read: every row keeps its request hash, its id and the paths of its files.

The expected values beside them are literals, written once from 48b1051; don't regenerate them. Where they differ,
users who run such a manifest again pay for every image a second time.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.item_identity import ItemIdentifier
from imagecli.batch.manifest.errors import ManifestError, Problems
from imagecli.batch.manifest.load_items import load_items
from imagecli.batch.manifest.read import Manifest, read_manifest
from imagecli.catalog.catalog import load_shipped_catalog

GOLDEN = Path(__file__).parent.parent / "data" / "golden" / "manifests"
SAMPLE = GOLDEN.parent.parent / "assets" / "assets.toml"
CHANGED_BY_YAML_1_2 = GOLDEN / "differs.yaml"
MANIFESTS = sorted(
    path for path in GOLDEN.iterdir() if path.is_file() and path.suffix != ".json" and path != CHANGED_BY_YAML_1_2
)

TODAY = date(2026, 5, 1)
"""dall-e-2 and dall-e-3 still answer."""
WAYS: dict[str, dict[str, Any]] = {
    "openai": {"provider": "openai", "base_url": None, "flags": {}},
    "elsewhere": {
        "provider": "openai",
        "base_url": "http://me:pw@LOCALHOST:8000/v1/?a=b",
        "flags": {"model": "gpt-image-2.6-flare", "quality": None},
    },
    "sandbox": {"provider": "sandbox", "base_url": None, "flags": {}},
}
"""How the command was typed: provider, --base-url, and the flags that rows have as fields."""


def read_rows(read: Manifest, way: str) -> list[dict[str, Any]]:
    """The items of a manifest. The only place that names classes and functions of the program."""
    catalog = load_shipped_catalog()
    provider = catalog.provider(WAYS[way]["provider"])
    base_url = WAYS[way]["base_url"] or provider.base_url or ""
    result = load_items(
        read,
        flags=WAYS[way]["flags"],
        catalog=catalog,
        provider=provider,
        base_url=base_url,
        today=TODAY,
    )
    rows, identifier = [], ItemIdentifier(provider, base_url)
    for item in result.items:
        known = identifier.identify(item)
        rows.append(
            {
                "row": item.row,
                "id": known.id,
                "hash": known.known_hashes[-1],  # as the version that wrote the file hashed it
                "model": known.model,
                "model_named": known.model_named,
                "prompt": item.prompt,
                "outputs": [list(paths) for paths in known.image_paths],
            }
        )
    return rows


def read_each_row(path: Path, way: str) -> list[list[dict[str, Any]] | None]:
    """Per row its items; None if it is refused."""
    read = read_manifest(path)
    rows_by_line: list[list[dict[str, Any]] | None] = []
    rows = list(read.content.rows)
    ends = [row.line for row in rows[1:]] + [2**31]
    for row, end in zip(rows, ends, strict=True):
        stored = [problem for problem in read.problems.stored if row.line <= problem.line < end]
        try:
            one_row = replace(read.content, rows=(row,))
            rows_by_line.append(read_rows(replace(read, content=one_row, problems=Problems(read.name, stored)), way))
        except ManifestError:
            rows_by_line.append(None)
    return rows_by_line


def expected(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / f"{path.name}.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", [*MANIFESTS, SAMPLE], ids=lambda path: path.name)
def test_every_row_keeps_its_hash_its_id_and_its_paths(path: Path, way: str) -> None:
    assert read_rows(read_manifest(path), way) == expected(path)[way]


@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_yaml_1_2_reads_differently_keeps_its_hash_or_is_refused(way: str) -> None:
    rows, expected_rows = read_each_row(CHANGED_BY_YAML_1_2, way), expected(CHANGED_BY_YAML_1_2)[way]
    assert len(rows) == len(expected_rows)
    assert [row or expected_rows[number] for number, row in enumerate(rows)] == expected_rows
    # Octal, hexadecimal, infinite, not a number, two with too many digits, and parameters with an octal number.
    assert [number for number, row in enumerate(rows, 1) if row is None] == [2, 3, 4, 5, 8, 9, 10]
