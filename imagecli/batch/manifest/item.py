"""One request of a manifest, resolved and named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.batch.manifest.output_targets import OutputTarget
from imagecli.batch.manifest.resolve_settings import ResolvedSettings
from imagecli.catalog.model import ModelRow
from imagecli.domain import ImageRequest, Size


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
    resolved: ResolvedSettings
    prompt: str | None
    """The user's own prompt with its variables filled; None for a variation without one."""
    targets: tuple[tuple[OutputTarget, ...], ...]
    """For each image of the response its files. The first file of the first image identifies the item."""

    @property
    def model(self) -> ModelRow:
        """As it applies at the provider."""
        return self.resolved.model

    @property
    def model_named(self) -> bool:
        """True if the row, a flag or `[defaults]` names the model, False if it is the provider's current default."""
        return "model" in self.settings

    @property
    def settings(self) -> Mapping[str, Any]:
        """Command and settings by their wire names: parsed, but not resolved by the model."""
        return self.resolved.settings

    @property
    def command(self) -> str:
        return str(self.settings["command"])

    @property
    def folders(self) -> dict[Path, None]:
        """The folders that its files are saved in, in order."""
        return {target.folder: None for targets in self.targets for target in targets}

    @property
    def id(self) -> str:
        """How the journal names it: the path of its first file."""
        return self.targets[0][0].path

    @property
    def image_paths(self) -> tuple[tuple[str, ...], ...]:
        """For each image the paths of its files. Several paths of one image (`outputs`) are always written together."""
        return tuple(tuple([target.path for target in targets]) for targets in self.targets)

    @property
    def conversions(self) -> tuple[tuple[Size | None, str | None], ...] | None:
        """Fit and format of each file that is made of an image; None if there is only one, which has the row's."""
        if len(self.targets[0]) == 1:
            return None
        return tuple((target.fit, target.output_format) for target in self.targets[0])

    @property
    def row_values(self) -> dict[str, Any]:
        """The values that decide, with prompt and inputs, what the files will contain: for the request hash."""
        return {**self.settings, "outputs": self.conversions}
