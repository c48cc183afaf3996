"""Manifests as their tests read and check them: from text, for a provider, on a fixed day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from imagecli.batch.manifest.errors import ManifestError
from imagecli.batch.manifest.load_items import ManifestItems, load_items
from imagecli.batch.manifest.read import Format, Manifest, parse_manifest
from imagecli.catalog.catalog import load_shipped_catalog
from tests.conftest import photo

TODAY = date(2026, 11, 23)
ROWS = load_shipped_catalog()


def manifest(text: str | bytes, format: Format = "jsonl", folder: Path = Path("assets")) -> Manifest:
    """*text*, read."""
    data = text.encode() if isinstance(text, str) else text
    return parse_manifest(data, format, path=folder / f"m.{format}", folder=folder, name=f"m.{format}")


def assets(text: str | bytes, format: Format = "jsonl", folder: Path = Path("assets"), **more: Any) -> ManifestItems:
    """The items of *text*."""
    return assets_of(manifest(text, format, folder), **more)


def assets_of(read: Manifest, provider: str = "sandbox", **flags: Any) -> ManifestItems:
    """The items of a manifest for *provider*."""
    row = ROWS.provider(provider)
    return load_items(read, flags=flags, catalog=ROWS, provider=row, base_url=row.base_url or "", today=TODAY)


def problems(text: str | bytes, format: Format = "jsonl", folder: Path = Path("assets"), **more: Any) -> list[str]:
    """The error messages for *text*; none if it is valid."""
    try:
        assets(text, format, folder, **more)
    except ManifestError as error:
        return list(error.lines)
    return []


def paths(items: ManifestItems) -> list[str]:
    """Every file, in the order of the rows."""
    return [target.path for item in items.items for image in item.targets for target in image]


def repository(folder: Path) -> Path:
    """*folder* with some inputs in it."""
    folder.mkdir(exist_ok=True)
    for name in ("cat.png", "dog.png"):
        photo(folder / name, 64, 64)
    photo(folder / "mask.png", 64, 64, "RGBA")
    (folder / "words.txt").write_text("a quiet harbour\n")
    return folder
