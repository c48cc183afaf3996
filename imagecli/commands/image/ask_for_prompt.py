"""Asks the user for a prompt: a line at the terminal, or a text in an editor."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from imagecli.checks.check_request import decode_prompt
from imagecli.commands.editor import edit_file
from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.prompt import Prompt, check_typed_prompt, fill_prompts
from imagecli.commands.image.typed_prompt import keep_typed_prompt
from imagecli.commands.terminal_input import read_line
from imagecli.env import Env
from imagecli.errors import UsageError, os_error_reason

_EXPLANATION: Final = (
    "# Write the prompt above these lines. It is sent verbatim, without these lines.",
    "# Leave it empty to cancel.",
)


def ask_for_prompt(
    context: CommandContext, prompts: Sequence[Prompt], *, editor: bool
) -> tuple[CommandContext, list[Prompt]]:
    """*context* and *prompts*, whose variables are known, with the text that the user types.

    The context's command line has it then, too, so that a hint can repeat the command. Raises UsageError if nothing is
    typed; a missing key is an error before that.
    """
    if context.settings.no_key:
        raise context.settings.no_key
    text = _edit_prompt(context.env) if editor else read_line("Describe the image: ", context.env)
    if not text:
        raise UsageError("the prompt is empty; nothing was sent", hint='use --prompt "…"')
    command, *words = context.env.argv
    argv = (command, "--prompt", text, *(word for word in words if word != "--editor"))
    context = context._replace(env=context.env._replace(argv=argv), typed_prompt=text)
    with keep_typed_prompt(context):
        if not editor:
            check_typed_prompt(text, context.env)
        return context, fill_prompts(text, [prompt.variables for prompt in prompts], context.preset)


def _edit_prompt(env: Env) -> str:
    """What the user writes in a private temporary file, without the explanation and the blank lines around it."""
    descriptor, name = tempfile.mkstemp(prefix="imagecli-prompt-", suffix=".txt")  # with mode 0600
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(("", "", *_EXPLANATION, "")))
        edit_file(path, env)
        lines = decode_prompt(path.read_bytes(), "the edited prompt").splitlines()
    except OSError as error:
        raise UsageError(f"can't read the edited prompt: {os_error_reason(error)}", hint="use -f FILE") from error
    finally:
        path.unlink(missing_ok=True)
    return "\n".join(line for line in lines if line not in _EXPLANATION).strip()
