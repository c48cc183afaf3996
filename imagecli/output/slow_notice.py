"""Prints what a command waits for if that takes long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from imagecli.env import Env
from imagecli.output.settings import print_note

SECONDS: Final = 2.0
FOR_A_KEY: Final = "waiting for the key: its command or keyring may want an answer elsewhere"


@contextmanager
def notice_when_slow(text: str, env: Env, *, quiet: bool) -> Iterator[None]:
    """Print the note *text* if the body takes longer than SECONDS, unless *quiet*."""
    if quiet:
        yield
        return
    timer = threading.Timer(SECONDS, print_note, (text, env))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
