"""`imagecli help`: the help of a command, a topic, or the list of both."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imagecli.commands import completers
from imagecli.errors import UsageError


def help(  # noqa: A001 - the command is called so
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND|TOPIC", help="command or topic to show", autocompletion=completers.complete_help
        ),
    ] = None,
) -> None:
    """Print the help of a command or topic.

    Examples:
      imagecli help
      imagecli help generate
      imagecli help exit-codes
      imagecli help agents > SKILL.md  # a skill file for coding agents
    """
    from imagecli.output.help import print_help
    from imagecli.topics import TOPICS, read_topic

    topic = read_topic(words[0]) if words and len(words) == 1 and words[0] in TOPICS else None
    command = _find_command(ctx.find_root(), words or [])
    if command is None and topic is None:
        raise _unknown_word_error(" ".join(words or []))
    print_help(command.get_help() if command else None, topic, ctx.obj)


def _find_command(context: Any, words: list[str]) -> Any:
    """The context of the command that *words* name below *context*; None if they name none."""
    for word in words:
        group = context.command
        if not hasattr(group, "list_commands") or word not in group.list_commands(context):
            return None
        command = group.get_command(context, word)
        context = command.context_class(command, info_name=word, parent=context)
    return context


def _unknown_word_error(words: str) -> UsageError:
    from imagecli.commands import NAMES
    from imagecli.suggestions import suggest
    from imagecli.topics import TOPICS

    near = suggest(words, [*NAMES, *TOPICS], cutoff=0.5)
    hint = f"did you mean imagecli help {near}?" if near else "run imagecli help for a list of commands and topics"
    return UsageError(f"unknown command or topic {words!r}", hint=hint)
