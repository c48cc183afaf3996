"""Processes that tests start: Ctrl-C reaches them however pytest was started, and none outlives its test."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A process started in this block handles SIGINT in the default way.\n"""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Children:
    """Starts processes and ends those that are still running."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes]:
        """A process whose stdout and stderr are pipes unless *options* (Popen's) differ."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        with interruptible():
            self._started.append(subprocess.Popen(argv, **options))
        return self._started[-1]

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait(timeout=10)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):  # what was buffered for a closed pipe
                        stream.close()
