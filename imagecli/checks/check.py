"""What can be known before paying: does this request fit its model? Pure; pictures are judged by `pictures`.

Does a model still answer where it is asked? Pure: today is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import check_framing, check_input_count, check_pairs, check_parameters
from imagecli.checks.prompts import check_prompt_text
from imagecli.checks.sizes import check_size
from imagecli.domain import OPERATIONS, Edit, Generate, ImageRequest, Operation
from imagecli.errors import UsageError
from imagecli.events import WarningEvent

NOTICE_DAYS: Final = 60
"""How long before its last day a model is warned of."""


def check_model_life(row: ModelRow, provider: ProviderRow, base_url: str, today: date) -> tuple[WarningEvent, ...]:
    """A warning where the model ends soon. Raises UsageError, which names its successor, after its last day.

    Only where models retire: servers of others that speak alike go on with them. On its last day it may still answer.
    """
    if row.shutdown is None or not (provider.retires and provider.uses_default_base_url(base_url)):
        return ()
    left = (row.shutdown - today).days
    if left < 0:
        raise UsageError(
            f"{row.name} was shut down on {row.shutdown}",
            hint=_suggest_successor(row, "makes pictures instead"),
            code="model_ended",
            flag="--model",
        )
    if left > NOTICE_DAYS:
        return ()
    when = ("today", "tomorrow")[left] if left < 2 else f"in {left} days"
    said = f"{row.name} is shut down {when}, on {row.shutdown}; {_suggest_successor(row, 'comes after it')}"
    return (WarningEvent(code="model_ends", message=said),)


def unknown_model_warnings(row: ModelRow) -> tuple[WarningEvent, ...]:
    """A warning where the model that was named has no row."""
    if row.known:
        return ()
    return (
        WarningEvent(code="unknown_model", message=f"{row.name} is not in the catalogue: its options are not checked"),
    )


def _suggest_successor(row: ModelRow, does: str) -> str:
    return f"-m {row.successor} {does}" if row.successor else "-m names another model"


def check_request(ask: ImageRequest, row: ModelRow, others: Iterable[ModelRow] = ()) -> tuple[WarningEvent, ...]:
    """What is to be said of *ask* where it fits *row*.

    Raises UsageError with what was found, what is taken, and the nearest way; it may name one of the *others*.
    """
    _check_operation(ask, row)
    if isinstance(ask, (Generate, Edit)):
        check_prompt_text(ask.prompt, row)
    check_input_count(ask, row)
    check_size(ask.options.size, row)
    warnings = (*check_parameters(ask, row, others), *check_framing(ask, row))
    if row.known:
        check_pairs(ask)
    return warnings


def _check_operation(ask: ImageRequest, row: ModelRow) -> None:
    operation = OPERATIONS[type(ask)]
    if row.known and operation not in row.operations:
        others = [word for word, kind in COMMANDS.items() if kind in row.operations]
        raise UsageError(
            f"{row.name} takes no {operation}",
            hint=f"it can {' and '.join(others)}; -m names another model",
            flag="--model",
        )


COMMANDS: Final[Mapping[str, Operation]] = {"generate": "generations", "edit": "edits", "vary": "variations"}
"""How operations are called at the prompt."""
