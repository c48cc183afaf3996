"""The rows of a manifest as what they buy: each resolved, checked and named, or refused with all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from imagecli.batch.manifest.conflicts import PathConflicts, VariableColumns
from imagecli.batch.manifest.errors import Problems, options_as_fields
from imagecli.batch.manifest.expand import InputFiles, RequestBuilder, RowExpander
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.row_parser import RowParser
from imagecli.batch.manifest.settings import SettingsResolver
from imagecli.batch.manifest.targets import OutputTemplates
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.events import NoteEvent, WarningEvent
from imagecli.storage.boundary import Boundary

MAX_FILES: Final = 250_000
"""More than a manifest makes: it is a slip in n or in a product of vars."""

_SLIP: Final = "smaller n, fewer vars, or several manifests"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestItems:
    """What a manifest asks for."""

    items: tuple[ManifestItem, ...]
    """In the order of its rows."""
    notes: tuple[NoteEvent | WarningEvent, ...]
    """What is to be said of them before anything is bought, each thing once."""
    reads: tuple[Path, ...] = ()
    """The files that its rows read: prompts, pictures, masks and drawings."""


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
    """What *manifest* buys from *provider* at *base_url*. *flags* by the names of fields, None where not typed.

    With *allow_outside* rows may name files that are neither in its folder nor in its repository.

    A row's own word comes before a flag's, and that before `[defaults]`; settings say nothing. Looks whether input
    files are there, opens none of them but prompt files, and sends nothing. Raises ManifestError with all that is
    wrong, in the reading too.
    """
    problems = Problems(manifest.name, list(manifest.problems), manifest.more_problems)
    remarks: dict[NoteEvent | WarningEvent, None] = {}
    reading = RowParser(manifest, flags, problems)
    clashes = PathConflicts(manifest.path, manifest.folder, problems)
    columns = VariableColumns(manifest)
    boundary = Boundary.around(manifest.folder, allow_outside=allow_outside)
    material = InputFiles(manifest.folder, boundary)
    maker = RowExpander(
        settings=SettingsResolver(catalog, provider, base_url, today, remarks),
        outputs=OutputTemplates(manifest.folder, boundary),
        files=material,
        requests=RequestBuilder(catalog=catalog, provider=provider, base_url=base_url, notes=remarks),
        problems=problems,
        conflicts=clashes,
        columns=columns,
    )
    made: list[ManifestItem] = []
    files = 0
    for row in manifest.rows:
        said = reading.parse(row)
        if said is None:
            continue
        files += said.file_count
        if files > MAX_FILES:
            problems.add(row.line, f"{files:,} files up to here, at most {MAX_FILES:,} are made", hint=_SLIP)
            break
        made += maker.expand(row, said)
    columns.check(problems)
    clashes.check()
    problems.raise_if_any()
    said_by_fields = (replace(remark, message=options_as_fields(remark.message)) for remark in remarks)
    return ManifestItems(items=tuple(made), notes=tuple(said_by_fields), reads=material.paths)
