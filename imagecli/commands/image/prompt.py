"""Reads a command's prompt from the argument, --prompt, a file or stdin, and fills in --var."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagecli.checks.check_request import MAX_PROMPT_BYTES, check_prompt_argument, decode_prompt
from imagecli.commands.flags import PromptFlags
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.naming import check_variables
from imagecli.templates import combine_variables, fill_prompt

if TYPE_CHECKING:
    from imagecli.config.presets import Preset


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
    """The prompt before that, with that of a preset."""
    name_text: str | None = None
    """What files are named after if that is not the text: the user's own part of it, or the preset's name."""


def read_prompts(argument: str | None, flags: PromptFlags, env: Env, preset: Preset | None = None) -> list[Prompt]:
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
    prompts = fill_prompts(text, combine_variables(read_variables(flags.var or [])), preset)
    return [prompt._replace(name_text=flags.name_after or prompt.name_text) for prompt in prompts]


def fill_prompts(
    text: str | None, combinations: Sequence[Mapping[str, str]], preset: Preset | None = None
) -> list[Prompt]:
    """The user's *text*, within that of the *preset*, filled with each of *combinations*. Raises UsageError."""
    if preset and preset.prompt is not None:
        return [_fill_preset(text, variables, preset, preset.prompt) for variables in combinations]
    return [
        Prompt(text=None if text is None else fill_prompt(text, variables), variables=variables, typed=text)
        for variables in combinations
    ]


def _fill_preset(text: str | None, variables: Mapping[str, str], preset: Preset, template: str) -> Prompt:
    if "prompt" in variables and preset.accepts_prompt:
        raise UsageError(
            f"--var prompt: {{prompt}} in {preset} is the prompt itself", hint="give it as PROMPT, without --var"
        )
    if text is None and preset.accepts_prompt:
        return Prompt(text=None, variables=variables)
    if text is not None and not preset.accepts_prompt:
        raise UsageError(
            f"{preset} has no {{prompt}}, so your prompt would be ignored",
            hint="omit the prompt, or add {prompt} to the preset",
        )
    own = fill_prompt(text or "", variables)
    return Prompt(
        text=fill_prompt(template, {**variables, "prompt": own}),
        variables=variables,
        typed=template.replace("{prompt}", text or ""),
        name_text=own or preset.name,
    )


def read_preset(flags: PromptFlags, env: Env) -> Preset | None:
    """The preset of --preset. Raises UsageError if there is none of that name, SettingsError."""
    if flags.preset is None:
        return None
    from imagecli.config.presets import find_preset

    return find_preset(flags.preset, env)


def is_prompt_required(preset: Preset | None, *, default: bool) -> bool:
    """Whether the user must give a prompt: the *default*, unless the *preset* has one."""
    return preset.accepts_prompt if preset and preset.prompt is not None else default


def check_typed_prompt(prompt: str, env: Env) -> None:
    """Raises UsageError for a prompt that is a file's name or URL."""
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

        data = read_stdin(env, "the prompt", MAX_PROMPT_BYTES)
        _check_no_image(data, env)
        return decode_prompt(data, "stdin")
    if file is None:
        return word and _from_argv(word)
    from imagecli.checks.urls import check_not_url
    from imagecli.storage.read import read_bounded

    # A Path has lost one of a URL's slashes.
    check_not_url(re.sub(r"^(\w{2,}:/)(?=[^/])", r"\1/", str(file)), "a prompt", UsageError)
    path = Path(env.expand_home(str(file)))
    return decode_prompt(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))


def _check_no_image(data: bytes, env: Env) -> None:
    """Raises UsageError if *data* from stdin is an image: a last argument `-` is the prompt."""
    from imagecli.images.identify import detect_format

    if detect_format(memoryview(data)) not in (None, "svg"):  # an SVG is text
        command = "vary" if "vary" in env.argv[:1] else "edit"
        hint = f"to {command} it, put - before other images: imagecli {command} - …"
        raise UsageError("stdin is an image; expected the prompt", hint=hint)


def _from_argv(word: str) -> str:
    """A word of the command line as UTF-8, even if the locale made Python read it as ASCII."""
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return word
