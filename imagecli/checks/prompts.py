"""Checks a prompt: its encoding, its length, and whether it is the name of a file by mistake."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from imagecli.catalog.model import ModelRow
from imagecli.domain import InputSource
from imagecli.errors import UsageError
from imagecli.formats import ENDINGS, OTHER_ENDINGS
from imagecli.quoting import shell_quote

MAX_PROMPT_BYTES: Final = 1024 * 1024
"""More than any model accepts; a larger file is not a prompt."""


def decode_prompt(data: bytes, name: str) -> str:
    """The text of a prompt file, without the final line end that editors add. Raises UsageError."""
    if len(data) > MAX_PROMPT_BYTES:
        raise UsageError(f"{name} is larger than 1 MB, which no prompt is")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 text (byte {error.start})", hint="a prompt file is text; a picture is edit's argument"
        ) from error
    return text.removesuffix("\n").removesuffix("\r")


def check_prompt_text(prompt: str, row: ModelRow) -> None:
    """Raise UsageError if the prompt is not Unicode, is empty, or is longer than the model accepts."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the prompt is not Unicode text (character {error.start + 1})", hint="type it in UTF-8, or -f FILE"
        ) from error
    if not prompt.strip():
        raise UsageError("the prompt is empty", hint='imagecli generate "a white siamese cat"')
    if len(prompt) > row.max_prompt:
        raise UsageError(
            f"the prompt has {len(prompt):,} characters; {row.name} takes {row.max_prompt:,}", hint="shorten it"
        )


def check_prompt_argument(prompt: str, exists: Callable[[Path], bool], image: InputSource | None = None) -> None:
    """Raise UsageError for a PROMPT argument that is a file's name, with the command that was probably meant.

    No one wants to pay for an image of "photo.jpg". *image* is the command's input image. --prompt accepts such text.
    """
    word = prompt.strip()
    if not word or "\n" in word or len(word) > 1000:
        return
    is_image = looks_like_image_name(word)
    is_file = exists(Path(word))
    if not (is_image or is_file):
        return
    message = f"the prompt {prompt!r} is {'a file' if is_file else 'named like a picture'}, not a description"
    suggestion = _suggest_prompt(word, is_image, image, exists)
    raise UsageError(message, hint=f'{suggestion}; --prompt "…" sends such words all the same')


def looks_like_image_name(word: str) -> bool:
    """Whether *word* ends with an image format's file extension."""
    ending = re.search(r"\S\.(\w+)$", word)
    return bool(ending and ending[1].lower() in {*ENDINGS, *OTHER_ENDINGS})


def _suggest_prompt(word: str, is_image: bool, image: InputSource | None, exists: Callable[[Path], bool]) -> str:
    if not is_image:
        return f"-f {shell_quote(word)} reads the prompt from it"
    file = shell_quote(word)
    if image is None:
        return f'imagecli edit {file} "what to change", or imagecli vary {file}'
    if image.path and not exists(image.path):
        return f"did you swap them? imagecli edit {file} {shell_quote(image.name)}"
    return (
        f'--image {file} adds a second picture: imagecli edit {shell_quote(image.name)} "what to change" --image {file}'
    )
