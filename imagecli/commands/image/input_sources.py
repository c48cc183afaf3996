"""Reads the input images that a command names: files, or stdin."""

from __future__ import annotations

from pathlib import Path

from imagecli.checks.addresses import check_no_address
from imagecli.commands.terminal_input import read_stdin
from imagecli.domain import MAX_PICTURE_BYTES, InputSource
from imagecli.env import Env
from imagecli.errors import InputImageError


def read_input_source(word: str, env: Env) -> InputSource:
    """The image that *word* names: a file, or stdin for `-` (read now, at most 512 MB)."""
    if word != "-":
        check_no_address(word, "an input image")
        return InputSource(name=word, path=Path(env.expand_home(word)))
    data = read_stdin(env, "the image", MAX_PICTURE_BYTES)
    if len(data) > MAX_PICTURE_BYTES:
        raise InputImageError("stdin is larger than 512 MB, the limit for an input image")
    return InputSource(name="-", data=data)


def read_input_bytes(source: InputSource) -> bytes:
    """The file's content, at most 512 MB. Raises InputImageError."""
    if source.data is not None:
        return source.data
    from imagecli.storage.read import read_bounded

    assert source.path is not None
    return read_bounded(source.path, MAX_PICTURE_BYTES)
