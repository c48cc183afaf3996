"""Shows the progress of a command: a live line on a terminal, else plain lines; or a note if a step is slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from imagecli.env import Env
from imagecli.output.plain_progress import BatchPlainProgress, PlainProgress
from imagecli.output.terminal import DisplayOptions, print_note


def open_progress(env: Env, display: DisplayOptions) -> PlainProgress:
    """Progress for generate, edit and vary. Imports rich only for a live line."""
    if not display.live:
        return PlainProgress(env, display)
    from imagecli.output.live_progress import LiveProgress

    return LiveProgress(env, display)


def open_batch_progress(env: Env, display: DisplayOptions) -> PlainProgress:
    """Progress for a batch."""
    if not display.live:
        return BatchPlainProgress(env, display)
    from imagecli.output.batch_live import BatchLiveProgress

    return BatchLiveProgress(env, display)


SLOW_SECONDS: Final = 2.0
FOR_A_KEY: Final = "waiting for the API key; its command or the keyring may be asking for confirmation"


@contextmanager
def notice_when_slow(text: str, env: Env, *, quiet: bool) -> Iterator[None]:
    """Print the note *text* if the body takes longer than SLOW_SECONDS, unless *quiet*."""
    if quiet:
        yield
        return
    timer = threading.Timer(SLOW_SECONDS, print_note, (text, env))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
