"""A pseudo-terminal on which tests start processes."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time

from tests.children import Children


class Terminal:
    """A pseudo-terminal that only reads, of which this is the other side."""

    def __init__(self, columns: int = 100, rows: int = 40) -> None:
        self.controller, self.terminal = os.openpty()
        self.resize(columns, rows)

    def start(self, children: Children, line: str, **options: object) -> subprocess.Popen[bytes]:
        tty = self.terminal
        return children.start(["sh", "-c", f"exec {line}"], stdin=tty, stdout=tty, stderr=tty, **options)

    def read_to_end(self, process: subprocess.Popen[bytes]) -> bytes:
        """Everything until *process* has ended."""
        data, deadline = b"", time.monotonic() + 60
        while True:
            has_ended = process.poll() is not None
            if select.select([self.controller], [], [], 0.1)[0]:
                data += os.read(self.controller, 65536)
            elif has_ended:
                return data
            assert time.monotonic() < deadline

    def resize(self, columns: int, rows: int = 40) -> None:
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        os.close(self.controller)
        os.close(self.terminal)
