"""A file that --if-exists skip keeps: what it is, as far as its bytes tell."""

from __future__ import annotations

import hashlib
from pathlib import Path

from imagecli.domain import MAX_PICTURE_BYTES
from imagecli.errors import OutputError
from imagecli.events import Warned
from imagecli.outcome import Kept
from imagecli.pictures.judge import judge
from imagecli.store.reading import read_bounded


def described(path: Path, before: tuple[int, int]) -> tuple[Kept, Warned | None]:
    """*path* as a report tells of it, and a warning where it is no whole picture.

    *before* is the request and index of the picture that follows it. Raises OutputError for what can't be read.
    """
    data = read_bounded(path, MAX_PICTURE_BYTES, error=OutputError)
    found = judge(data)
    kept = Kept(
        path=path,
        bytes=len(data),
        format=found.format,
        size=found.size,
        sha256=hashlib.sha256(data).hexdigest(),
        before=before,
    )
    if found.format and found.whole:
        return kept, None
    problem = found.problem if data else "empty"
    return kept, Warned(code="kept_no_picture", message=f"{path} is kept, and is no whole picture: {problem}")
