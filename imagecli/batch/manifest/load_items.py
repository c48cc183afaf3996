"""Turns the rows of a manifest into items: each parsed, resolved, checked and named, and then compared with the others.
All problems are reported together.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from imagecli.batch.manifest.build_items import Expansion, build_items
from imagecli.batch.manifest.cross_row_checks import OutputPaths, check_columns
from imagecli.batch.manifest.errors import RowProblems, options_as_fields
from imagecli.batch.manifest.input_files import InputFiles
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.output_targets import OutputFolder
from imagecli.batch.manifest.read import NO_ROWS, Manifest
from imagecli.batch.manifest.resolve_settings import ManifestTarget
from imagecli.batch.manifest.row_parser import RowParser
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.storage.boundary import Boundary

MAX_FILES: Final = 250_000
"""A manifest with more files has a mistake in n, or in a product of vars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestItems:
    """The requests of a manifest."""

    row_count: int
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
    problems = manifest.problems
    parser = RowParser(manifest.content, flags, problems)
    boundary = Boundary.around(manifest.folder, allow_outside=allow_outside)
    default_model = None
    # A provider without a default model is a problem of the rows that name none.
    with suppress(UsageError):
        default_model = catalog.model_for_provider(provider, None)
    shared = Expansion(
        target=ManifestTarget(
            catalog=catalog, provider=provider, base_url=base_url, today=today, default_model=default_model
        ),
        folder=manifest.folder,
        files=InputFiles(manifest.folder, boundary),
    )
    checked_folders: set[OutputFolder] = set()
    items: list[ManifestItem] = []
    outputs = OutputPaths()
    row_count = file_count = 0
    for raw_row in manifest.content.rows:
        row_count += 1
        row_problems = RowProblems(problems, raw_row.line, raw_row.name)
        row = parser.parse(raw_row, row_problems)
        if row is None:
            continue
        file_count += row.file_count
        if file_count > MAX_FILES:
            message = f"the manifest creates at least {file_count:,} files; the limit is {MAX_FILES:,}"
            row_problems.add(message, hint="reduce n or vars, or split the manifest")
            break
        for item in build_items(row, shared, row_problems):
            items.append(item)
            outputs.add(item, row_problems)
            for folder in dict.fromkeys([target.kind.folder for targets in item.targets for target in targets]):
                if folder not in checked_folders:
                    try:
                        boundary.check_output_folder(folder.path)
                        checked_folders.add(folder)
                    except UsageError as error:
                        row_problems.add_error(error, "output")
    if not row_count:
        if not problems.stored:
            problems.add(manifest.content.header_line, "no rows", hint=NO_ROWS[manifest.format])
        problems.raise_if_any()
    check_columns(manifest.content, shared.used_names, problems)
    outputs.check(manifest, shared.files.first_lines, problems)
    problems.raise_if_any()
    return ManifestItems(
        row_count=row_count,
        items=tuple(items),
        notes=tuple(note._replace(message=options_as_fields(note.message)) for note in shared.notes),
        reads=tuple(dict.fromkeys(manifest.folder / name for name in shared.files.first_lines)),
    )
