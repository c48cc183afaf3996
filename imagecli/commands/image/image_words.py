"""Divides the words of `edit` and `vary` into IMAGEs and the PROMPT, which is the last word unless it names an image.

Errors name the command that was probably meant: people forget quotes, swap the two, and mistype file names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.checks.urls import check_not_url
from imagecli.commands.flags import PromptFlags
from imagecli.commands.usage_errors import CURLY_QUOTES, QUALITIES
from imagecli.domain import MAX_IMAGE_BYTES
from imagecli.env import Env
from imagecli.errors import InputImageError, UsageError
from imagecli.formats import ENDINGS, looks_like_image_name
from imagecli.history.reference import is_reference
from imagecli.quoting import quote_command, shell_quote
from imagecli.storage.read import check_regular_file

_FILE_LIKE: Final = re.compile(r"[/\\]|\.[A-Za-z0-9]{1,5}$")
"""What a file name has and a prompt of one word has not."""
_EXAMPLE_PROMPT: Final = '"what the complete new image shows"'


class ImageWords(NamedTuple):
    """The arguments of `edit` or `vary`, as typed."""

    images: tuple[str, ...]
    """At least one; `-` is stdin."""
    prompt: str | None = None


def divide_words(words: Sequence[str], flags: PromptFlags, env: Env, command: str, *, needs_prompt: bool) -> ImageWords:
    """The images and the prompt in *words*. Raises UsageError if one is missing, or probably not what was meant."""
    for word in words:
        if not re.search(r"\s", word):
            check_not_url(word, "an input image")
    *images, last = words
    is_prompt_elsewhere = flags.prompt_option is not None or flags.prompt_file is not None or flags.editor
    is_image = _names_image(last, env) or (last == "-" and is_prompt_elsewhere)
    # A second prompt, which has several words, is not an image either: `read_prompts` refuses it.
    if not images or is_image or (is_prompt_elsewhere and " " not in last):
        divided = ImageWords(images=tuple(words))
    else:
        _check_prompt_word(last, images, env, command)
        divided = ImageWords(images=tuple(images), prompt=last)
    _check_image_words(divided, env, command)
    if needs_prompt and divided.prompt is None and not is_prompt_elsewhere:
        raise _missing_prompt_error(divided.images, env, command)
    return divided


def _names_image(word: str, env: Env) -> bool:
    """Whether *word* can only be an image: a file of that name exists, or it ends like one, or names a past result."""
    return looks_like_image_name(word) or is_reference(word) or _is_file(word, env)


def _is_file(word: str, env: Env) -> bool:
    try:
        return Path(env.expand_home(word)).is_file()
    except (OSError, ValueError):
        return False


def _check_prompt_word(word: str, images: Sequence[str], env: Env, command: str) -> None:
    """Raises UsageError if the last argument is probably a mistyped file name, or the value of `-q`."""
    if re.search(r"\s", word) or word == "-":
        return
    if word in QUALITIES and ("-q", word) in pairwise(env.argv):
        raise UsageError(f"unexpected argument {word!r}", hint=f"-q is --quiet; use --quality {word}")
    as_prompt = f"to use it as the prompt: --prompt {shell_quote(word)}"
    if _FILE_LIKE.search(word):
        try:
            check_regular_file(Path(env.expand_home(word)), MAX_IMAGE_BYTES)
        except InputImageError as error:
            separator = "" if (error.hint or "").endswith("?") else ";"
            raise error.with_facts(hint=f"{error.hint}{separator} {as_prompt}") from error
    near = next((name for ending in ENDINGS if _is_file(name := f"{word}.{ending}", env)), None)
    if near and command == "vary":  # whose prompt is optional
        hint = f"imagecli vary {quote_command([*images, near])}; {as_prompt}"
        raise UsageError(f"{word!r} is not a file, but {near} is", hint=hint)


def _check_image_words(words: ImageWords, env: Env, command: str) -> None:
    """Raises UsageError if some of several images are text: an unquoted prompt or file name, or swapped arguments."""
    images = words.images
    texts = [word for word in images if word != "-" and not _names_image(word, env)]
    if not texts or len(images) == 1:
        return
    place = images.index(texts[0])
    message = f"missing image: {texts[0]!r} is not a file"
    file_name = " ".join(images[place : place + 2])
    if _is_file(file_name, env):
        raise UsageError(message, hint=f"put the file name in quotes: {shell_quote(file_name)}")
    if words.prompt is None:
        if len(texts) == 1 and place < len(images) - 1:
            swapped = quote_command([*images[:place], *images[place + 1 :], texts[0]])
            raise UsageError(
                f"the prompt {texts[0]!r} must be the last argument",
                hint=f"did you swap them? imagecli {command} {swapped}",
            )
        return
    is_unquoted = len(texts) == len(images) - place and not any(_is_path_like(text, env) for text in texts)
    if is_unquoted and (place or " " not in words.prompt):
        prompt = " ".join([*texts, words.prompt]).strip(CURLY_QUOTES)
        command_line = quote_command([*(images[:place] or ("photo.jpg",)), prompt])
        raise UsageError(message, hint=f"put the prompt in quotes: imagecli {command} {command_line}")


def _is_path_like(text: str, env: Env) -> bool:
    """Whether *text* looks like a file name; `and/or` does only if there is a folder `and`."""
    folder, slash, name = text.rpartition("/")
    return bool(_FILE_LIKE.search(name if slash else text)) or (bool(slash) and Path(env.expand_home(folder)).is_dir())


def _missing_prompt_error(images: Sequence[str], env: Env, command: str) -> UsageError:
    """The error for a command without a prompt, or without an image."""
    last = images[-1]
    if last != "-" and not _names_image(last, env):
        hint = f"imagecli {command} photo.jpg {shell_quote(last)}; - instead of photo.jpg reads the image from stdin"
        return UsageError(f"missing image: {last!r} is not a file", hint=hint)
    if len(images) == 1:
        return UsageError("missing prompt", hint=_with_example_prompt(last, env))
    if looks_like_image_name(last) and not _is_file(last, env):
        message = f"missing prompt: {last!r} is an image file name, not a description"
        return UsageError(message, hint=f"to send it as text: --prompt {shell_quote(last)}")
    if _is_file(last, env) and not looks_like_image_name(last):
        return UsageError("missing prompt", hint=f"to read the prompt from {last}: -f {shell_quote(last)}")
    hint = _with_example_prompt(last, env)
    if command == "edit":
        hint += "; for one edit of several images, use --image FILE"
    return UsageError("missing prompt", hint=hint)


def _with_example_prompt(last: str, env: Env) -> str:
    """The command line with a prompt behind its *last* image."""
    place = len(env.argv) - env.argv[::-1].index(last)
    after = f" {quote_command(env.argv[place:])}" if env.argv[place:] else ""
    return f"imagecli {quote_command(env.argv[:place])} {_EXAMPLE_PROMPT}{after}"
