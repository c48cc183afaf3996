"""A user's home for settings: a config folder, a repository with a project, an environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import Catalog, load_shipped_catalog
from imagecli.config.settings import Settings, load_settings
from imagecli.config.sources import SettingFlags
from imagecli.env import Env
from tests.conftest import NOW, Stream

LOCAL = {"base_url": "http://127.0.0.1:1/v1"}


class Home:
    """A user's settings, a repository with a project in it, and an environment."""

    def __init__(self, place: Path) -> None:
        self.config, self.project = place / "config", place / "repository" / "deep" / "er"
        self.config.mkdir()
        self.project.mkdir(parents=True)
        (place / "repository" / ".git").mkdir()
        self.environ = {"IMAGECLI_CONFIG_DIR": str(self.config), "IMAGECLI_STATE_DIR": str(place / "state")}

    def user(self, text: str, name: str = "config.toml") -> Path:
        (self.config / name).write_text(text)
        return self.config / name

    def in_project(self, text: str, up: int = 2) -> Path:
        path = [self.project, *self.project.parents][up - 1] / "imagecli.toml"
        path.write_text(text)
        return path

    def load(
        self,
        flags: Mapping[str, Any] = LOCAL,
        environ: Mapping[str, str] | None = None,
        catalog: Catalog | None = None,
    ) -> Settings:
        env = Env(
            stdin=Stream(),
            stdout=Stream(),
            stderr=Stream(),
            environ={**self.environ, **(environ or {})},
            now=lambda: NOW,
        )
        return load_settings(SettingFlags(**flags), env, catalog or load_shipped_catalog(), self.project)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
