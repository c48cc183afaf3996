"""Turns the rows of a manifest into items: each resolved, checked and named. All problems are reported together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from imagecli.batch.manifest.conflicts import PathConflicts, VariableColumns
from imagecli.batch.manifest.errors import Problems, options_as_fields
from imagecli.batch.manifest.expand import Expansion, ManifestFiles, expand
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.row_parser import RowParser
from imagecli.batch.manifest.row_settings import ManifestTarget
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.events import NoteEvent, WarningEvent
from imagecli.storage.preflight import Boundary

MAX_FILES: Final = 250_000
"""A manifest that makes more has a mistake in n, or in a product of vars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestItems:
    """The requests that a manifest stands for."""

    items: tuple[ManifestItem, ...]
    """In the order of its rows."""
    notes: tuple[NoteEvent | WarningEvent, ...]
    """To be printed before the first request; each only once."""
    reads: tuple[Path, ...] = ()
    """The files that its rows read: prompt files, images, masks and markups."""


def load_items(
    manifest: Manifest,
    *,
    flags: Mapping[str, Any],
    catalog: Catalog,
    provider: ProviderRow,
    base_url: str,
    today: date,
    allow_outside: bool = False,
) -> ManifestItems:
    """The items of *manifest* for *provider* at *base_url*. *flags*: field → the value of its flag, None if not given.

    A row's own value comes before a flag's, and that before `[defaults]`. With *allow_outside* rows may name files
    that are neither in the manifest's folder nor in its repository. Checks that input files exist, but reads prompt
    files only. Raises ManifestError with all problems, those of reading the manifest included.
    """
    problems = Problems(manifest.name, list(manifest.problems), manifest.more_problems)
    parser = RowParser(manifest, flags, problems)
    boundary = Boundary.around(manifest.folder, allow_outside=allow_outside)
    shared = Expansion(
        target=ManifestTarget(catalog=catalog, provider=provider, base_url=base_url, today=today),
        files=ManifestFiles(manifest.folder, boundary),
        problems=problems,
        conflicts=PathConflicts(manifest.path, manifest.folder, problems),
        columns=VariableColumns(manifest),
        notes={},
    )
    items: list[ManifestItem] = []
    file_count = 0
    for row in manifest.rows:
        parsed = parser.parse(row)
        if parsed is None:
            continue
        file_count += parsed.file_count
        if file_count > MAX_FILES:
            message = f"{file_count:,} files up to here, at most {MAX_FILES:,} are made"
            problems.add(row, message, hint="smaller n, fewer vars, or several manifests")
            break
        items += expand(row, parsed, shared)
    shared.columns.check(problems)
    shared.conflicts.check()
    problems.raise_if_any()
    return ManifestItems(
        items=tuple(items),
        notes=tuple(replace(note, message=options_as_fields(note.message)) for note in shared.notes),
        reads=tuple(shared.files.paths),
    )
