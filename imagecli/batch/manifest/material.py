"""The files that rows read: prompts, which are read now, and pictures, which have to be there. Each asked for once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagecli.batch.manifest.saying import Said
from imagecli.checks import MAX_PROMPT_BYTES, prompt_in
from imagecli.domain import Source
from imagecli.errors import UsageError
from imagecli.store.reading import check_file, read_bounded


class Material:
    """What the rows of a manifest in *folder* read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], Any] = {}

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
        check_file(path)
        return Source(name=name, path=path)

    def _words(self, name: str) -> str:
        path = self._folder / name
        return prompt_in(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))
