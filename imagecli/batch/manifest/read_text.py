"""Reads a manifest in plain text: a prompt in each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imagecli.batch.manifest.content import ManifestContent, RawRow, iter_lines
from imagecli.batch.manifest.errors import Problems
from imagecli.formats import looks_like_image_name

_MAX_NAME_LENGTH: Final = 1000


def read_prompt_lines(text: str, problems: Problems) -> ManifestContent:
    """Reads a prompt from each line of *text*, verbatim except for the blanks around it.

    Skips empty lines and comments, which begin with `# `. A line that ends in an image extension is a problem: the text
    is probably a list of files.
    """
    return ManifestContent(rows=_build_rows(text, problems))


def _build_rows(text: str, problems: Problems) -> Iterator[RawRow]:
    count = 0
    for number, line in iter_lines(text):
        prompt = line.strip()
        if prompt == "#" or prompt.startswith(("# ", "#\t")):
            continue
        if len(prompt) < _MAX_NAME_LENGTH and looks_like_image_name(prompt):
            message = f"prompt {prompt[:100]!r} is an image file name, not a description"
            problems.add(number, message, hint='for input images, use a .jsonl file: {"command": "vary", "image": …}')
        count += 1
        yield RawRow(count, number, {"prompt": prompt})
