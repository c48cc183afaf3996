"""One purchase of a manifest, resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagecli.batch.manifest.targets import OutputTarget
from imagecli.catalog.model import ModelRow
from imagecli.domain import ImageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestItem:
    """One purchase: what is asked for, and the files that are made of each picture that comes."""

    row: int
    """From 1; several items of one row are combinations of its variables."""
    line: int
    request: ImageRequest
    """Its `options.fit` is that of the row where each picture becomes one file. Where it becomes several it is None,
    and each target has its own."""
    model: ModelRow
    """As it holds at the provider."""
    model_named: bool
    """The row, a flag or `[defaults]` names it; else it is the provider's default of today."""
    prompt: str | None
    """The user's own words, filled; None where a variation goes without them."""
    variables: Mapping[str, str]
    settings: Mapping[str, Any]
    """Command and settings by the wire's words: parsed, and not resolved by the model."""
    pictures: tuple[tuple[OutputTarget, ...], ...]
    """For each picture of the ask its files, the first of them the one it is bought for."""

    @property
    def command(self) -> str:
        return str(self.settings["command"])

    @property
    def row_values(self) -> dict[str, Any]:
        """All that decides what the files hold, as it was written: without the names of files, and without inputs."""
        made = [(target.fit, target.output_format) for target in self.pictures[0]]
        return {**self.settings, "prompt": self.prompt, "outputs": made if len(made) > 1 else None}
