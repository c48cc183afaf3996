"""One request of a manifest, resolved and named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.batch.manifest.output_targets import OutputTarget
from imagecli.catalog.model import ModelRow
from imagecli.domain import ImageRequest


class ManifestItem(NamedTuple):
    """One request of a manifest, and the files that are made of each image in its response.

    Built when the manifest is loaded. It knows nothing of journals and earlier runs.
    """

    row: int
    """From 1. Several items of one row are combinations of its variables."""
    line: int
    request: ImageRequest
    """Its `options.fit` is the row's if one file is made of each image. With several it is None, and each target has
    its own."""
    model: ModelRow
    """As it applies at the provider."""
    model_named: bool
    """True if the row, a flag or `[defaults]` names the model, False if it is the provider's current default."""
    prompt: str | None
    """The user's own prompt with its variables filled; None for a variation without one."""
    settings: Mapping[str, Any]
    """Command and settings by their wire names: parsed, but not resolved by the model."""
    targets: tuple[tuple[OutputTarget, ...], ...]
    """For each image of the response its files. The first file of the first image identifies the item."""

    @property
    def command(self) -> str:
        return str(self.settings["command"])

    @property
    def folders(self) -> dict[Path, None]:
        """The folders that its files are saved in, in order."""
        return {target.folder: None for targets in self.targets for target in targets}

    @property
    def row_values(self) -> dict[str, Any]:
        """The values that decide what the files will contain, for the request hash: neither file names nor inputs."""
        conversions = [(target.fit, target.output_format) for target in self.targets[0]]
        outputs = conversions if len(conversions) > 1 else None
        return {**self.settings, "prompt": self.prompt, "outputs": outputs}
