"""Which listener a command gets: a moving line on a terminal, else plain lines."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.output.display import Style
from imagecli.output.progress import Plain


def open_listener(env: Env, style: Style) -> Plain:
    """rich is imported only where something moves."""
    if not style.live:
        return Plain(env, style)
    from imagecli.output.live import Live

    return Live(env, style)


def open_bulk_listener(env: Env, style: Style) -> Plain:
    """As `open_listener`, for a batch."""
    if not style.live:
        from imagecli.output.batch import BulkPlain

        return BulkPlain(env, style)
    from imagecli.output.batch_live import BulkLive

    return BulkLive(env, style)
