"""The files that rows read: prompts, which are read now, and pictures, which have to be there. Each asked for once.

Only regular files inside the manifest's boundary: a cloned repository can hold links and pipes under any name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagecli.batch.manifest.saying import Said
from imagecli.checks import MAX_PROMPT_BYTES, prompt_in
from imagecli.domain import MAX_PICTURE_BYTES, Source
from imagecli.errors import UsageError
from imagecli.store.boundary import Boundary
from imagecli.store.reading import check_regular_file, read_bounded


class Material:
    """What the rows of a manifest in *folder* read."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self._folder, self._boundary = folder, boundary
        self._known: dict[tuple[str, str], Any] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that rows have named so far, each once."""
        return tuple(dict.fromkeys(self._folder / name for _, name in self._known))

    def source(self, name: str) -> Source:
        """The picture that *name* stands for. Raises UsageError where there is no such file."""
        return self._once("picture", name)  # type: ignore[no-any-return]

    def prompt(self, said: Said) -> str | None:
        """The prompt as it was written, variables not filled. Raises UsageError for a file that is none."""
        if "prompt_file" in said.content:
            return self._once("prompt", said.content["prompt_file"])  # type: ignore[no-any-return]
        return said.content.get("prompt")

    def _once(self, kind: str, name: str) -> Any:
        if (kind, name) not in self._known:
            try:
                self._known[kind, name] = self._picture(name) if kind == "picture" else self._words(name)
            except UsageError as error:
                self._known[kind, name] = error
        found = self._known[kind, name]
        if isinstance(found, UsageError):
            raise found
        return found

    def _picture(self, name: str) -> Source:
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, MAX_PICTURE_BYTES)
        return Source(name=name, path=path)

    def _words(self, name: str) -> str:
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, MAX_PROMPT_BYTES, error=UsageError)
        return prompt_in(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))
