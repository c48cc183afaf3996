"""The cap on what a command may cost: said by several places, the lowest holds, and only a flag goes over it."""

from __future__ import annotations

from typing import Final

from imagecli.config.table import SETTINGS

BUILT_IN: Final[float] = SETTINGS["max_cost"].default

NOT_RAISED: Final = ", which can't raise the built-in cap"
"""Behind a project's file or a manifest that says more than it may."""

Said = tuple[float, str]
"""USD, and where it was said."""


def settled(*, typed: Said | None, own: list[Said], project: Said | None) -> tuple[float, str | None]:
    """USD and where it was said; None where nobody said anything.

    *typed* is the flag's; *own* what the user's variable and file say; *project* what the project's file says, which
    can lower the built-in cap and never raise it.
    """
    if typed:
        return typed
    said = [*own, *([project] if project else [])]
    if not said:
        return BUILT_IN, None
    if project and not own and project[0] > BUILT_IN:
        return BUILT_IN, f"{project[1]}{NOT_RAISED}"
    return min(said)
