"""Files of rows of which nothing is bought: what they are, by the journal, and by their bytes where it does not say."""

from __future__ import annotations

import contextlib
import mmap
import stat
from pathlib import Path

from imagecli.batch.entries import FileRecord
from imagecli.batch.ledger import Ledger
from imagecli.batch.purchase import Purchase
from imagecli.batch.standing import Standing
from imagecli.commands.kept import described
from imagecli.errors import OutputError
from imagecli.outcome import Kept
from imagecli.pictures.judge import identify


def kept_files(purchase: Purchase, ledger: Ledger, standing: Standing, folder: Path) -> list[Kept]:
    """Those of a row, as far as they stand there."""
    found = []
    for plan in purchase.outputs:
        known = ledger.planned(plan)
        below = known[1].path if known else plan
        path, seen = folder / below, standing.look(below)
        if seen and seen.bytes is None:
            continue  # a pipe, or a link that leads out of the folder
        with contextlib.suppress(OutputError):
            found.append((_as_recorded(path, known[1]) if known else None) or described(path, (0, 0))[0])
    return found


def _as_recorded(path: Path, record: FileRecord) -> Kept | None:
    """*path* by its *record* and its headers; None where it is not of the recorded length.

    As for `judging`: of that length it is taken for what was saved, and not read whole.
    """
    try:
        seen = path.stat()
        if not (stat.S_ISREG(seen.st_mode) and seen.st_size == record.bytes > 0):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = identify(data)
    except (OSError, ValueError):
        return None
    return Kept(
        path=path, bytes=record.bytes, format=found.format, size=found.size, sha256=record.sha256, before=(0, 0)
    )
