"""Reads a command's prompt from the argument, --prompt, a file or stdin, and fills in --var."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imagecli.checks.check_request import MAX_PROMPT_BYTES, check_prompt_argument, decode_prompt
from imagecli.commands.flags import PromptFlags
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.naming import check_variables
from imagecli.templates import combine_variables, fill_prompt


def read_variables(pairs: Sequence[str]) -> dict[str, list[str]]:
    """The values of each name in NAME=VALUE pairs. Raises UsageError."""
    values: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--var {pair!r} is not NAME=VALUE", hint="for example --var animal=cat")
        values.setdefault(name, []).append(value)
    check_variables(values)
    return values


class Prompt(NamedTuple):
    """One prompt, and the variables that were filled in."""

    text: str | None
    variables: Mapping[str, str]
    typed: str | None = None
    """The prompt as it was typed, before that."""


def read_prompts(argument: str | None, flags: PromptFlags, env: Env) -> list[Prompt]:
    """The prompts of a command: one, or one for each combination of --var. Their text is None if none was given.

    Raises UsageError.
    """
    sources = [place for place in (argument, flags.prompt_option, flags.prompt_file) if place is not None]
    if len(sources) + flags.editor > 1:
        raise UsageError(
            "more than one prompt given", hint="use only one of PROMPT, --prompt, --prompt-file and --editor"
        )
    if argument is not None and argument != "-":
        check_typed_prompt(argument, env)
    text = _read_text(argument if argument is not None else flags.prompt_option, flags.prompt_file, env)
    values = read_variables(flags.var or [])
    return [
        Prompt(text=None if text is None else fill_prompt(text, variables), variables=variables, typed=text)
        for variables in combine_variables(values)
    ]


def check_typed_prompt(prompt: str, env: Env) -> None:
    """Raises UsageError for a prompt that is a file's name or address."""
    check_prompt_argument(prompt, is_file=_exists(Path(env.expand_home(prompt.strip()))))


def check_one_stdin(*words: object) -> None:
    """Raises UsageError if more than one of *words* is `-`."""
    if sum(str(word) == "-" for word in words if word is not None) > 1:
        raise UsageError("- (stdin) can be used only once", hint="use a file for all but one of them")


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read_text(word: str | None, file: Path | None, env: Env) -> str | None:
    if word == "-" or str(file) == "-":
        from imagecli.commands.terminal_input import read_stdin

        return decode_prompt(read_stdin(env, "the prompt", MAX_PROMPT_BYTES), "stdin")
    if file is None:
        return word and _from_argv(word)
    from imagecli.checks.addresses import check_no_address
    from imagecli.storage.read import read_bounded

    # A Path has lost one of an address's slashes.
    check_no_address(re.sub(r"^(\w{2,}:/)(?=[^/])", r"\1/", str(file)), "a prompt", UsageError)
    path = Path(env.expand_home(str(file)))
    return decode_prompt(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))


def _from_argv(word: str) -> str:
    """A word of the command line as UTF-8, even if the locale made Python read it as ASCII."""
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return word
