"""What ended processes left in the spool: found, told from what is under way, taken over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from imagecli.api.locks import hold
from imagecli.api.spool import BODY, DESCRIPTION, SENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One request's place in the spool."""

    body: Path
    """Where its answer is; the file may be missing."""
    text: str
    """The description."""
    since: float
    """When it was begun, in seconds of the clock."""
    bytes: int
    """Of the answer."""
    sent: bool
    """The request went out, and no refusal came."""
    alive: bool
    """Its process is still at work."""
    peer: str | None = None
    """The address that the request was sent to, if that was recorded."""

    @property
    def id(self) -> str:
        return self.body.stem


def left_in(folders: Sequence[Path]) -> list[Left]:
    """What is in *folders*, the oldest first; what can't be read is not there."""
    found = []
    for folder in folders:
        with suppress(OSError):
            for path in sorted(folder.glob(f"*{DESCRIPTION}")):
                with suppress(OSError, UnicodeError):
                    found.append(_looked_at(path))
    return sorted(found, key=lambda left: left.since)


@contextmanager
def taken(left: Left) -> Iterator[IO[bytes] | None]:
    """Its answer, held until the block ends; None where another process holds it, or it is gone."""
    try:
        file = left.body.open("r+b", buffering=0)
    except OSError:
        yield None
        return
    with file:
        yield file if hold(file.fileno()) else None


def _looked_at(description: Path) -> Left:
    body = description.with_suffix(BODY)
    left = Left(
        body=body,
        text=description.read_text("utf-8"),
        since=description.stat().st_mtime,
        bytes=body.stat().st_size if body.exists() else 0,
        sent=description.with_suffix(SENT).exists(),
        alive=False,
        peer=_peer(description.with_suffix(SENT)),
    )
    with taken(left) as file:
        return Left(
            body=body,
            text=left.text,
            since=left.since,
            bytes=left.bytes,
            sent=left.sent,
            alive=file is None and body.exists(),
            peer=left.peer,
        )


def _peer(sent: Path) -> str | None:
    try:
        return sent.read_text("ascii") or None
    except (OSError, UnicodeError):
        return None
