"""Processes that tests start: Ctrl-C reaches them however pytest was started, and none outlives its test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


def wait_until(condition: Callable[[], object], process: subprocess.Popen[Any] | None = None) -> None:
    """Returns when *condition* is true; fails after 30 seconds, or if *process* ends before."""
    deadline = time.monotonic() + 30
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def command_environ(home: Path) -> dict[str, str]:
    """Variables for a shell that finds the command of this environment, and nothing of the user's."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "IMAGECLI_STATE_DIR": str(home / "state"),
        "LANG": "C.UTF-8",
    }


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
