"""Hears a batch: what is under way, for an interruption; and remarks, each once, however many rows it is about."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from imagecli.events import Event, Noted, Sent, Spooled, Waiting, Warned
from imagecli.report.plain import Plain

MADE: Final = ("fitted", "converted")
"""Remarks on what every row of a kind has done to it: counted, and said together."""
MAX_REMARKS: Final = 1000


class BulkWatch:
    """Passes on what is not said yet."""

    def __init__(self, listener: Plain) -> None:
        self._listener = listener
        self._said: dict[Noted | Warned, None] = {}
        self._spools: dict[int, Path] = {}
        self._sent: set[int] = set()
        self.made: Counter[str] = Counter()
        """How many files were made by changing what came."""

    def __call__(self, event: Event) -> None:
        match event:
            case Spooled():
                self._spools[event.request] = event.folder
            case Sent():
                self._sent.add(event.request)
            case Waiting():
                # The server has answered that it made nothing; it is not under way until it is sent again.
                self._sent.discard(event.request)
            case Noted() | Warned():
                return self._remark(event)
        return self._listener(event)

    def _remark(self, event: Noted | Warned) -> None:
        if event.code in MADE:
            self.made[event.code] += 1
        elif event not in self._said:
            if len(self._said) < MAX_REMARKS:
                self._said[event] = None
            self._listener(event)

    def say_made(self) -> None:
        """How many files are not what came, and where that is."""
        if many := self.made.total():
            files = "1 file was" if many == 1 else f"{many:,} files were"
            said = f"{files} cropped, resized or converted, without proof of origin; what came is in NAME.orig files"
            self(Noted(code="made", message=said))

    @property
    def remarks(self) -> tuple[Noted | Warned, ...]:
        return tuple(self._said)

    def over(self, request: int) -> None:
        """The request has ended."""
        self._sent.discard(request)
        self._spools.pop(request, None)

    @property
    def under_way(self) -> int:
        """Requests that were sent, and of which nothing is known."""
        return len(self._sent)

    @property
    def folders(self) -> list[Path]:
        """Where their answers are kept."""
        return sorted({folder for request, folder in self._spools.items() if request in self._sent})
