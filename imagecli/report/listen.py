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
