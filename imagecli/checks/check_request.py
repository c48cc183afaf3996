"""Checks a request against its model, and the model against today's date. Input images are checked by `images`."""

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
"""A warning is printed this many days before a model's last one."""


def check_model_life(row: ModelRow, provider: ProviderRow, base_url: str, today: date) -> tuple[WarningEvent, ...]:
    """A warning if the model ends soon. Raises UsageError, which names its successor, after its last day.

    Only for providers that retire models: other compatible servers keep them. On its last day it may still be served.
    """
    if row.shutdown is None or not (provider.retires and provider.uses_default_base_url(base_url)):
        return ()
    days = (row.shutdown - today).days
    if days < 0:
        raise UsageError(
            f"{row.name} was shut down on {row.shutdown}",
            hint=_suggest_successor(row, "makes pictures instead"),
            code="model_ended",
            flag="--model",
        )
    if days > NOTICE_DAYS:
        return ()
    when = ("today", "tomorrow")[days] if days < 2 else f"in {days} days"
    message = f"{row.name} is shut down {when}, on {row.shutdown}; {_suggest_successor(row, 'comes after it')}"
    return (WarningEvent(code="model_ends", message=message),)


def unknown_model_warnings(row: ModelRow) -> tuple[WarningEvent, ...]:
    """A warning if the chosen model has no row in the catalogue."""
    if row.known:
        return ()
    message = f"{row.name} is not in the catalogue: its options are not checked"
    return (WarningEvent(code="unknown_model", message=message),)


def _suggest_successor(row: ModelRow, does: str) -> str:
    return f"-m {row.successor} {does}" if row.successor else "-m names another model"


def check_request(request: ImageRequest, row: ModelRow, others: Iterable[ModelRow] = ()) -> tuple[WarningEvent, ...]:
    """The warnings on a request to the model *row*.

    Raises UsageError if the model does not support the request, with a hint that may name one of the *others*.
    """
    _check_operation(request, row)
    if isinstance(request, (Generate, Edit)):
        check_prompt_text(request.prompt, row)
    check_input_count(request, row)
    check_size(request.options.size, row)
    warnings = (*check_parameters(request, row, others), *check_framing(request, row))
    if row.known:
        check_pairs(request)
    return warnings


def _check_operation(request: ImageRequest, row: ModelRow) -> None:
    operation = OPERATIONS[type(request)]
    if row.known and operation not in row.operations:
        others = [word for word, kind in COMMANDS.items() if kind in row.operations]
        raise UsageError(
            f"{row.name} takes no {operation}",
            hint=f"it can {' and '.join(others)}; -m names another model",
            flag="--model",
        )


COMMANDS: Final[Mapping[str, Operation]] = {"generate": "generations", "edit": "edits", "vary": "variations"}
"""Command → the operation that it requests."""
