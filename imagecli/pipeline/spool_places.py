"""Where the responses of earlier commands are."""

from __future__ import annotations

from imagecli.client.spool_trust import SpoolPlaces
from imagecli.config.settings import Settings


def spool_places(settings: Settings) -> SpoolPlaces:
    """Where earlier commands left responses that imagecli saves or deletes."""
    return SpoolPlaces(own=settings.state_dir / "spool", records=settings.record_folders)
