"""The responses left in the spool, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagecli.env import Env, format_time
from imagecli.output.terminal import print_lines, sanitize

if TYPE_CHECKING:
    from imagecli.domain import Json
    from imagecli.pipeline.recover import RecoverableCall

WORDS = {
    "whole": "complete response",
    "part": "partial response",
    "no_pictures": "response without images",
    "nothing_came": "no response, may be billed",
    "never_sent": "never sent",
    "under_way": "in progress",
    "unknown": "unreadable",
}
"""State → its description."""
NO_RESPONSE = "no response"
"""Its description for a provider that bills nothing."""
_PROMPT_CHARACTERS = 40


def print_recoverable(calls: Sequence[RecoverableCall], env: Env) -> None:
    """Print a table of the calls, a line each."""
    rows = [("ID", "DATE", "COMMAND", "MODEL", "STATE", "PROMPT"), *map(_table_row, calls)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    print_lines(map(sanitize, lines), env)


def _table_row(call: RecoverableCall) -> tuple[str, ...]:
    prepared = call.prepared
    state = NO_RESPONSE if call.state == "nothing_came" and prepared and prepared.free else WORDS[call.state]
    return (
        call.spooled.id,
        format_time(call.when),
        prepared.command if prepared else "?",
        prepared.model if prepared else "?",
        state,
        _shorten_prompt((prepared.prompt or "") if prepared else ""),
    )


def recoverable_to_json(calls: Sequence[RecoverableCall]) -> list[Json]:
    """The calls for --json."""
    return [
        {
            "id": call.spooled.id,
            "state": call.state,
            "since": call.when.isoformat(timespec="seconds"),
            "bytes": call.spooled.bytes,
            "path": str(call.spooled.body.absolute()),
            "command": call.prepared.command if call.prepared else None,
            "provider": call.prepared.provider if call.prepared else None,
            "model": call.prepared.model if call.prepared else None,
            "prompt": call.prepared.prompt if call.prepared else None,
        }
        for call in calls
    ]


def _shorten_prompt(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _PROMPT_CHARACTERS else f"{line[: _PROMPT_CHARACTERS - 1]}…"
