"""Chooses how progress is shown: a live line on a terminal, else plain lines."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.output.display_options import DisplayOptions
from imagecli.output.plain_progress import PlainProgress


def open_progress(env: Env, style: DisplayOptions) -> PlainProgress:
    """Progress for generate, edit and vary. Imports rich only for a live line."""
    if not style.live:
        return PlainProgress(env, style)
    from imagecli.output.live_progress import LiveProgress

    return LiveProgress(env, style)


def open_batch_progress(env: Env, style: DisplayOptions) -> PlainProgress:
    """Progress for a batch."""
    if not style.live:
        from imagecli.output.batch import BatchPlainProgress

        return BatchPlainProgress(env, style)
    from imagecli.output.batch_live import BatchLiveProgress

    return BatchLiveProgress(env, style)
