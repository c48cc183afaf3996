"""The input files that the rows of a manifest name: prompt files and images.

They must be regular files inside the manifest's boundary, as a cloned repository can contain links and pipes under
any name. Prompt files are read here; of images only the existence is checked.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from imagecli.checks.check_request import MAX_PROMPT_BYTES, decode_prompt
from imagecli.checks.urls import check_not_url
from imagecli.domain import MAX_IMAGE_BYTES, InputSource
from imagecli.env import begins_at_home
from imagecli.errors import UsageError
from imagecli.storage.boundary import Boundary
from imagecli.storage.read import check_regular_file, read_bounded


def refuse_home(name: str) -> None:
    """Raises UsageError if *name* begins with `~/`: a manifest gives the same result on every machine."""
    if begins_at_home(name):
        raise UsageError(
            f"{name!r} is in the home folder; expected a path relative to the manifest",
            hint=f"if a folder really has this name, write ./{name}",
        )


class InputFiles:
    """The input files that the rows of one manifest name. Each is checked once, no matter how many rows name it."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self.first_lines: dict[str, int] = {}
        """The name of each file, whether it exists or not → the first line that names it."""
        self._folder, self._boundary = folder, boundary
        self._find_image = cache(self._find_image_once)
        self._read_prompt = cache(self._read_prompt_once)

    def find_image(self, name: str, line: int) -> InputSource:
        """The image *name*. Raises UsageError if there is no such file, or a row may not read it."""
        self.first_lines.setdefault(name, line)
        return self._find_image(name)

    def read_prompt(self, name: str, line: int) -> str:
        """The text of the prompt file *name*. Raises UsageError."""
        self.first_lines.setdefault(name, line)
        return self._read_prompt(name)

    def _find_image_once(self, name: str) -> InputSource:
        return InputSource(name=name, path=self._check_path(name, MAX_IMAGE_BYTES))

    def _read_prompt_once(self, name: str) -> str:
        path = self._check_path(name, MAX_PROMPT_BYTES)
        return decode_prompt(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))

    def _check_path(self, name: str, max_bytes: int) -> Path:
        refuse_home(name)
        check_not_url(name, "an input file", UsageError)
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, max_bytes, error=UsageError)
        return path
