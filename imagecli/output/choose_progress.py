"""Which listener a command gets: a moving line on a terminal, else plain lines."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.report.plain import Plain
from imagecli.report.style import Style


def open_listener(env: Env, style: Style) -> Plain:
    """rich is imported only where something moves."""
    if not style.live:
        return Plain(env, style)
    from imagecli.report.live import Live

    return Live(env, style)


def open_bulk_listener(env: Env, style: Style) -> Plain:
    """As `open_listener`, for a batch."""
    if not style.live:
        from imagecli.report.bulk import BulkPlain

        return BulkPlain(env, style)
    from imagecli.report.bulk_live import BulkLive

    return BulkLive(env, style)
