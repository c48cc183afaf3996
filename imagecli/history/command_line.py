"""The command line that requests an image again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from imagecli.catalog.tables import PROVIDERS
from imagecli.composition_options import EXTEND_PROMPT
from imagecli.domain import ENDINGS, Json
from imagecli.history.query import HistoryImage, HistoryInput
from imagecli.naming.resolve import TRUE_ENDINGS

_PROMPT_FLAGS: Final = ("--prompt", "--prompt-file", "-f", "--editor")
_PROVIDER_FLAGS: Final = ("--provider", "--base-url")
_NAME_FLAGS: Final = ("--output", "-o", "--output-format")
_COMPOSING_OPTIONS: Final = ("keep_outside", "crop_to_mask", "extend")
"""Options for which the result is encoded again, in the format of its name."""
_FITTING_OPTIONS: Final = ("fit", *_COMPOSING_OPTIONS)
"""Options for which imagecli chooses the size that is requested."""
_FITTING_FLAGS: Final = (
    *("--fit", "--extend", "--anchor", "--crop-to-mask", "--crop-padding", "--model", "-m", *_PROVIDER_FLAGS),
    *("--mask", "--mask-rect", "--mask-ellipse", "--mask-polygon", "--mask-invert", "--input-size"),
)
"""Flags that this choice depends on."""


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
    for name, value in _options_to_repeat(image, changes).items():
        is_set_by_name = name == "output_format" and "format_of_name" in image.options
        if name != "format_of_name" and not (is_set_by_name and has_flag(changes, _NAME_FLAGS)):
            words += _option_words(name, value, changes)
    words += _prompt_words(image, changes)
    words += _name_words(image, changes)
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


def _options_to_repeat(image: HistoryImage, changes: Sequence[str]) -> Mapping[str, Json]:
    """The options of *image*, without a size that fits the image and not *changes*."""
    is_fitted = any(name in image.options for name in _FITTING_OPTIONS)
    if not (is_fitted and has_flag(changes, _FITTING_FLAGS)):
        return image.options
    return {name: value for name, value in image.options.items() if name != "size"}


def _option_words(name: str, value: Json, changes: Sequence[str]) -> Iterator[str]:
    """The words of an option; none if *changes* set it, except for --param, which can set several fields."""
    flag = "--" + name.replace("_", "-")
    if name != "param" and has_flag(changes, (flag,)):
        return
    for item in value if isinstance(value, list) else [value]:
        if item is True:
            yield flag
        else:
            yield from (flag, str(item))


def _name_words(image: HistoryImage, changes: Sequence[str]) -> Iterator[str]:
    """The -o that gives the image its format again, if only its name had set that."""
    if has_flag(changes, _NAME_FLAGS):
        return
    if any(name in image.options for name in _COMPOSING_OPTIONS):
        if image.format != image.options.get("output_format", "png"):
            yield from ("-o", f"{{stem}}-{{slug}}.{TRUE_ENDINGS[image.format]}")
    elif image.path and _is_converted_by_name(image):
        # Only a name that is typed in full decides the format of an image that the API sends in another one.
        yield from ("-o", image.path.name)
        if not has_flag(changes, ("--if-exists",)):
            yield from ("--if-exists", "number")


def _is_converted_by_name(image: HistoryImage) -> bool:
    """Whether the image was converted to the format of its file's name, and not only cropped or resized."""
    return image.original is not None and ENDINGS.get(image.original.suffix[1:].lower()) != image.format


def _prompt_words(image: HistoryImage, changes: Sequence[str]) -> Iterator[str]:
    """The prompt and its variables, as far as *changes* leave them."""
    is_replaced = has_flag(changes, _PROMPT_FLAGS)
    prompt = image.prompt if image.template is None else image.template
    if image.command == "vary" and (strength := _strength_of(prompt)):
        if not is_replaced:
            yield from _option_words("strength", strength, changes)
        return
    if "extend" in image.options and prompt == EXTEND_PROMPT:
        return
    if not is_replaced and prompt is not None:
        yield from ("--prompt", prompt)
    if image.name_text is not None and not has_flag(changes, (*_PROMPT_FLAGS, "--var")):
        yield from ("--name-after", image.name_text)
    # A variable that the new prompt and name don't use would be an error.
    texts = [*changes, *([] if is_replaced else [prompt or ""])]
    for name, value in image.variables.items():
        is_used = any("{" + name in text for text in texts)
        is_changed = any(word.removeprefix("--var=").startswith(f"{name}=") for word in changes)
        if is_used and not is_changed:
            yield from ("--var", f"{name}={value}")


def _strength_of(prompt: str | None) -> str | None:
    """The --strength whose built-in prompt is *prompt*."""
    prompts: Mapping[str, str] = PROVIDERS["vary_prompts"]
    return next((strength for strength, text in prompts.items() if text == prompt), None)


def has_flag(words: Sequence[str], flags: Sequence[str]) -> bool:
    """Whether one of *words* sets one of *flags*: `--size 1x1`, `--size=1x1`, `-s1x1`."""
    return any(
        word.partition("=")[0] == flag or (len(flag) == 2 and word.startswith(flag)) for word in words for flag in flags
    )
