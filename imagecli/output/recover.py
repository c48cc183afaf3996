"""What is left in the spool, for people as a table and for programs as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.output.result import write_to_stdout
from imagecli.output.terminal import sanitize

if TYPE_CHECKING:
    from imagecli.domain import Json
    from imagecli.pipeline.recover import RecoverableCall

WORDS = {
    "whole": "whole answer",
    "part": "part of an answer",
    "no_pictures": "answer without pictures",
    "nothing_came": "nothing came, may be billed",
    "never_sent": "never sent",
    "under_way": "under way",
    "unknown": "not readable",
}
"""State → how people say it."""
_PROMPT_CHARACTERS = 40


def print_recoverable(found: Sequence[RecoverableCall], env: Env) -> None:
    """A line each: id, when, what was asked of whom, what is there of the answer, the prompt."""
    rows = [
        (
            one.spooled.id,
            f"{one.when:%Y-%m-%d %H:%M}",
            one.prepared.command if one.prepared else "?",
            one.prepared.model if one.prepared else "?",
            WORDS[one.state],
            _shorten_prompt((one.prepared.prompt or "") if one.prepared else ""),
        )
        for one in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    write_to_stdout(env, "".join(f"{sanitize(line)}\n" for line in lines).encode("utf-8", "backslashreplace"))


def recoverable_to_json(found: Sequence[RecoverableCall]) -> list[Json]:
    """The same for --json."""
    return [
        {
            "id": one.spooled.id,
            "state": one.state,
            "since": one.when.isoformat(timespec="seconds"),
            "bytes": one.spooled.bytes,
            "path": str(one.spooled.body.absolute()),
            "command": one.prepared.command if one.prepared else None,
            "provider": one.prepared.provider if one.prepared else None,
            "model": one.prepared.model if one.prepared else None,
            "prompt": one.prepared.prompt if one.prepared else None,
        }
        for one in found
    ]


def _shorten_prompt(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _PROMPT_CHARACTERS else f"{line[: _PROMPT_CHARACTERS - 1]}…"
