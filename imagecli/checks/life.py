"""Does a model still answer where it is asked? Pure: today is handed in."""

from __future__ import annotations

from datetime import date
from typing import Final

from imagecli.catalog import ModelRow, ProviderRow
from imagecli.errors import UsageError
from imagecli.events import Warned

NOTICE_DAYS: Final = 60
"""How long before its last day a model is warned of."""


def check_life(row: ModelRow, provider: ProviderRow, base_url: str, today: date) -> tuple[Warned, ...]:
    """A warning where the model ends soon. Raises UsageError, which names its successor, after its last day.

    Only where models retire: servers of others that speak alike go on with them. On its last day it may still answer.
    """
    if row.shutdown is None or not (provider.retires and provider.is_home(base_url)):
        return ()
    left = (row.shutdown - today).days
    if left < 0:
        raise UsageError(
            f"{row.name} was shut down on {row.shutdown}",
            hint=_instead(row, "makes pictures instead"),
            code="model_ended",
        )
    if left > NOTICE_DAYS:
        return ()
    when = ("today", "tomorrow")[left] if left < 2 else f"in {left} days"
    said = f"{row.name} is shut down {when}, on {row.shutdown}; {_instead(row, 'comes after it')}"
    return (Warned(code="model_ends", message=said),)


def said_of_model(row: ModelRow) -> tuple[Warned, ...]:
    """A warning where the model that was named has no row."""
    if row.known:
        return ()
    return (Warned(code="unknown_model", message=f"{row.name} is not in the catalogue: its options are not checked"),)


def _instead(row: ModelRow, does: str) -> str:
    return f"-m {row.successor} {does}" if row.successor else "-m names another model"
