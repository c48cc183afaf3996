"""The command line that requests an image again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from imagecli.domain import Json
from imagecli.history.query import HistoryImage, HistoryInput

_PROMPT_FLAGS: Final = ("--prompt", "--prompt-file", "-f", "--editor")
_PROVIDER_FLAGS: Final = ("--provider", "--base-url")
_NAME_FLAGS: Final = ("--output", "-o", "--output-format")


def build_command_line(image: HistoryImage, inputs: Sequence[Path], changes: Sequence[str] = ()) -> list[str]:
    """The words of the command that requests one image like *image*, without `imagecli`.

    *inputs* are the files of its inputs; that of a painted mask is not used. *changes* are options that replace those
    of the image, as typed.
    """
    words = list(_command_and_files(image, list(zip(image.inputs, inputs, strict=True))))
    if image.model:
        words += ["--model", image.model]
    if not has_flag(changes, _PROVIDER_FLAGS):
        words += ["--provider", image.provider]
        words += ["--base-url", image.base_url] if image.base_url else []
    for name, value in image.options.items():
        is_set_by_name = name == "output_format" and "format_of_name" in image.options
        if name != "format_of_name" and not (is_set_by_name and has_flag(changes, _NAME_FLAGS)):
            words += _option_words(name, value, changes)
    words += _prompt_words(image, changes)
    return [*words, *changes]


def _command_and_files(image: HistoryImage, files: Sequence[tuple[HistoryInput, Path]]) -> Iterator[str]:
    """The command, its IMAGE, and the options with further files."""
    images = [str(path) for file, path in files if file.role == "image"]
    if image.operation == "generations":
        yield "generate"
        return
    is_variation = image.operation == "variations"
    # An edit that `vary` chose has its built-in prompt.
    yield "vary" if is_variation or image.command == "vary" else "edit"
    yield from images[:1]
    if is_variation or image.command == "vary":
        yield from ("--via", image.operation)
    for further in images[1:]:
        yield from ("--image", further)
    for file, path in files:
        if file.is_painted:
            yield "--paint"
        elif file.role != "image":
            yield from (f"--{file.role}", str(path))


def _option_words(name: str, value: Json, changes: Sequence[str]) -> Iterator[str]:
    """The words of an option; none if *changes* set it, except for --param, which can set several fields."""
    flag = "--" + name.replace("_", "-")
    if name != "param" and has_flag(changes, (flag,)):
        return
    for one in value if isinstance(value, list) else [value]:
        if one is True:
            yield flag
        else:
            yield from (flag, str(one))


def _prompt_words(image: HistoryImage, changes: Sequence[str]) -> Iterator[str]:
    """The prompt and its variables, as far as *changes* leave them."""
    is_replaced = has_flag(changes, _PROMPT_FLAGS)
    prompt = image.prompt if image.template is None else image.template
    if not is_replaced and prompt is not None:
        yield from ("--prompt", prompt)
    # A variable that the new prompt and name don't use would be an error.
    texts = [*changes, *([] if is_replaced else [prompt or ""])]
    for name, value in image.variables.items():
        is_used = any("{" + name in text for text in texts)
        is_changed = any(word.removeprefix("--var=").startswith(f"{name}=") for word in changes)
        if is_used and not is_changed:
            yield from ("--var", f"{name}={value}")


def has_flag(words: Sequence[str], flags: Sequence[str]) -> bool:
    """Whether one of *words* sets one of *flags*: `--size 1x1`, `--size=1x1`, `-s1x1`."""
    return any(
        word.partition("=")[0] == flag or (len(flag) == 2 and word.startswith(flag)) for word in words for flag in flags
    )
