"""Keeps the prompt that the user typed on the terminal or in an editor if the command fails."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.rest_hint import MAX_COMMAND
from imagecli.errors import ImagecliError, os_error_reason
from imagecli.events import NoteEvent, WarningEvent
from imagecli.output.terminal import print_note
from imagecli.quoting import quote_command_for_pasting, shell_quote


@contextmanager
def keep_typed_prompt(context: CommandContext) -> Iterator[None]:
    """Prints how to use the typed prompt of *context* again if the block raises; without one it does nothing."""
    try:
        yield
    except ImagecliError:
        if context.typed_prompt:
            print_note(typed_prompt_note(context, context.typed_prompt).message, context.env)
        raise


def typed_prompt_note(context: CommandContext, prompt: str) -> NoteEvent | WarningEvent:
    """The command with the typed *prompt*; or the file that it is saved in, if it has several lines or is long."""
    command = quote_command_for_pasting(("imagecli", *context.env.argv))
    if "\n" not in command and len(command) <= MAX_COMMAND:
        return NoteEvent(code="typed_prompt", message=f"to use your prompt again: {command}")
    try:
        descriptor, name = tempfile.mkstemp(prefix="imagecli-prompt-", suffix=".txt")  # with mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(prompt)
    except OSError as error:
        return WarningEvent(code="prompt_lost", message=f"your prompt could not be saved: {os_error_reason(error)}")
    return NoteEvent(code="typed_prompt", message=f"your prompt is saved; to use it again: -f {shell_quote(name)}")
