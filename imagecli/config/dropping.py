"""What to type so that a setting is no longer said where it was said."""

from __future__ import annotations

from pathlib import Path

from imagecli.config.caps import NOT_RAISED
from imagecli.config.layers import PROJECT_FILE, flag
from imagecli.config.table import variable


def way_to_drop(name: str, origin: str) -> str:
    """How the setting *name* is taken out of its *origin*: a flag, a variable, or a file."""
    origin = origin.removesuffix(NOT_RAISED)
    if origin == flag(name):
        return f"leave {origin} out"
    if origin == variable(name):
        return f"unset {origin}"
    if origin.startswith(f"{name} in "):
        return f"take {origin.replace(' in ', ' out of ', 1)}"
    if Path(origin).name == PROJECT_FILE:
        return f"take {name} out of {origin}"
    return f"imagecli config unset {name}"
