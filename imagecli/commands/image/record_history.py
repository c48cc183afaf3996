"""After the images of a command are saved: records them in the history. A failure is a warning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from imagecli.catalog.catalog import Catalog
from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.prompt import Prompt
from imagecli.env import Env
from imagecli.errors import Terminated, signal_exit_code
from imagecli.events import EventHandler, WarningEvent
from imagecli.history.database import LOCK_SECONDS, HistoryError, open_history
from imagecli.history.record import RecordedCall, record_calls, record_ended_call, record_recovered_call
from imagecli.plan_calls import PlannedCall
from imagecli.prepared_call import PreparedCall
from imagecli.results import CallResult, CommandResult

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
    typed = {prompt.text: prompt for prompt in prompts}
    by_index = {call.index: call for call in calls}
    recorded = []
    for outcome in result.outcomes:
        call = by_index[outcome.request]
        prompt = typed.get(call.request.prompt)
        recorded.append(
            record_ended_call(call.request, outcome, context.command, context.settings.base_url)._replace(
                template=prompt.typed if prompt and prompt.variables else None,
                variables=prompt.variables if prompt else {},
                name_text=prompt.name_text if prompt and prompt.typed else None,
            )
        )
    return _write_history(result, recorded, context.settings.state_dir, context.env, on_event)


def record_recovered(
    result: CommandResult,
    saved: Iterable[tuple[PreparedCall, CallResult]],
    catalog: Catalog,
    state_dir: Path,
    env: Env,
    on_event: EventHandler,
) -> CommandResult:
    """As `record_history`, for the calls of earlier commands whose images were *saved* now."""
    calls = [record_recovered_call(prepared, outcome, catalog) for prepared, outcome in saved]
    recorded = [call for call in calls if call]
    return _write_history(result, recorded, state_dir, env, on_event) if recorded else result


def _write_history(
    result: CommandResult, calls: Sequence[RecordedCall], state_dir: Path, env: Env, on_event: EventHandler
) -> CommandResult:
    wait = _WAIT_AFTER_SIGNAL if result.signal_code else LOCK_SECONDS
    warning = None
    try:
        with open_history(state_dir, create=True) as (connection, warning):
            ids = record_calls(connection, calls, env.now(), wait=wait)
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
