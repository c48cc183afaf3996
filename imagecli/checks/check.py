"""What can be known before paying: does this request fit its model? Pure; pictures are judged by `pictures`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from imagecli.catalog import ModelRow
from imagecli.checks.endings import Makes as Makes
from imagecli.checks.flags import OWN_FIELDS as OWN_FIELDS
from imagecli.checks.framing import check_framing
from imagecli.checks.inputs import check_count
from imagecli.checks.inputs import inputs_of as inputs_of
from imagecli.checks.inputs import needs_alpha as needs_alpha
from imagecli.checks.life import check_life as check_life
from imagecli.checks.life import said_of_model as said_of_model
from imagecli.checks.pairs import WHOLE as WHOLE
from imagecli.checks.pairs import check_pairs
from imagecli.checks.parameters import check_parameters
from imagecli.checks.prompts import MAX_PROMPT_BYTES as MAX_PROMPT_BYTES
from imagecli.checks.prompts import check_prompt_argument as check_prompt_argument
from imagecli.checks.prompts import check_prompt_text as check_prompt_text
from imagecli.checks.prompts import ends_like_picture as ends_like_picture
from imagecli.checks.prompts import prompt_in as prompt_in
from imagecli.checks.sizes import check_size
from imagecli.checks.sizes import settled_size as settled_size
from imagecli.domain import OPERATIONS, Ask, Edit, Generate, Operation
from imagecli.errors import UsageError
from imagecli.events import Warned


def check(ask: Ask, row: ModelRow, others: Iterable[ModelRow] = ()) -> tuple[Warned, ...]:
    """What is to be said of *ask* where it fits *row*.

    Raises UsageError with what was found, what is taken, and the nearest way; it may name one of the *others*.
    """
    _check_operation(ask, row)
    if isinstance(ask, (Generate, Edit)):
        check_prompt_text(ask.prompt, row)
    check_count(ask, row)
    check_size(ask.rendering.size, row)
    warnings = (*check_parameters(ask, row, others), *check_framing(ask, row))
    if row.known:
        check_pairs(ask)
    return warnings


def _check_operation(ask: Ask, row: ModelRow) -> None:
    operation = OPERATIONS[type(ask)]
    if row.known and operation not in row.operations:
        others = [word for word, kind in COMMANDS.items() if kind in row.operations]
        raise UsageError(
            f"{row.name} takes no {operation}", hint=f"it can {' and '.join(others)}; -m names another model"
        )


COMMANDS: Final[Mapping[str, Operation]] = {"generate": "generations", "edit": "edits", "vary": "variations"}
"""How operations are called at the prompt."""
