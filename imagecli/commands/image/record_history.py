"""After the images of a command are saved: records them in the history. A failure is a warning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.prompt import Prompt
from imagecli.errors import Terminated, signal_exit_code
from imagecli.events import EventHandler, WarningEvent
from imagecli.history.database import LOCK_SECONDS, HistoryError, open_history
from imagecli.history.record import RecordedCall, record_calls
from imagecli.plan_calls import PlannedCall
from imagecli.results import CommandResult

_WAIT_AFTER_SIGNAL: Final = 0.5
"""Seconds: Ctrl-C ends a command within a second."""


def record_history(
    result: CommandResult,
    calls: Sequence[PlannedCall],
    prompts: Iterable[Prompt],
    context: CommandContext,
    on_event: EventHandler,
) -> CommandResult:
    """*result* with the IDs of its images, or a warning if they can't be recorded. *calls* are those of its plan."""
    typed = {prompt.text: prompt for prompt in prompts if prompt.variables}
    by_index = {call.index: call for call in calls}
    recorded = []
    for outcome in result.outcomes:
        call = by_index[outcome.request]
        prompt = typed.get(call.request.prompt)
        recorded.append(
            RecordedCall(
                request=call.request,
                result=outcome,
                command=context.command,
                base_url=context.settings.base_url,
                template=prompt.typed if prompt else None,
                variables=prompt.variables if prompt else {},
            )
        )
    wait = _WAIT_AFTER_SIGNAL if result.signal_code else LOCK_SECONDS
    warning = None
    try:
        with open_history(context.settings.state_dir, create=True) as (connection, warning):
            ids = record_calls(connection, recorded, context.env.now(), wait=wait)
            result = result._replace(recorded=tuple(ids))
    except HistoryError as error:
        warning = WarningEvent(code="history_lost", message=f"the history entry was lost: {error.message}")
    except (KeyboardInterrupt, Terminated) as signal:
        warning = WarningEvent(code="history_lost", message="the history entry was lost: interrupted")
        result = result._replace(signal_code=signal_exit_code(signal))
    if warning is None:
        return result
    on_event(warning)
    return result._replace(notes=(*result.notes, warning))
