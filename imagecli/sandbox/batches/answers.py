"""The files that a batch leaves: its lines' answers, made while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from imagecli.sandbox.batches.work import Work


class Answers:
    """A file's content whose length is known once it was made."""

    def __init__(self, work: Work, make: Callable[[], Iterator[bytes]]) -> None:
        self._work = work
        self._make = make
        self._size: int | None = None

    @property
    def weight(self) -> int:
        return self._work.weight

    def size(self) -> int:
        if self._size is None:
            self._size = sum(map(len, self._make()))
        return self._size

    def parts(self) -> Iterator[bytes]:
        return self._make()
