"""Finds the row of a manifest that created a file, in the journals of the file's folder and of those above it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.batch.journal.entry import JournalEntry, NewerSchemaError, parse_entry
from imagecli.batch.journal.reader import read_lines
from imagecli.safe_open import open_regular, real_path

MAX_FOLDERS: Final = 6


class FoundEntry(NamedTuple):
    """The entry of a row, and the journal that has it."""

    journal: Path
    entry: JournalEntry


def find_journal_entry(image: Path, sha256: str) -> FoundEntry | None:
    """The last entry whose files or originals have these bytes; None if there is none."""
    folder = real_path(image).parent
    for place in (folder, *folder.parents)[:MAX_FOLDERS]:
        with suppress(OSError):
            for journal in sorted(place.glob("*.journal*.jsonl")):
                if entry := _search(journal, sha256):
                    return FoundEntry(journal, entry)
        if (place / ".git").exists():
            return None
    return None


def _search(journal: Path, sha256: str) -> JournalEntry | None:
    found = None
    try:
        with os.fdopen(open_regular(journal, os.O_RDONLY, max_links=None), "rb") as file:
            for line in read_lines(file):
                if sha256.encode() in line:
                    with suppress(ValueError, NewerSchemaError):
                        entry = parse_entry(line)
                        if any(one.sha256 == sha256 for one in (*entry.files, *entry.originals)):
                            found = entry
    except OSError:
        return None
    return found
