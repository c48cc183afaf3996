"""The server that a command connects to."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import requests

from imagecli.catalog import catalog
from imagecli.config.settings import Settings, load_settings
from imagecli.config.sources import SettingFlags
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.pipeline.pipeline import server_of
from tests.conftest import NOW, Stream


def settings_for(tmp_path: Path, flags: SettingFlags) -> Settings:
    environ = {"IMAGECLI_CONFIG_DIR": str(tmp_path / "config"), "IMAGECLI_STATE_DIR": str(tmp_path / "state")}
    env = Env(stdin=Stream(), stdout=Stream(), stderr=Stream(), environ=environ, now=lambda: NOW)
    return load_settings(flags, env, catalog.load_shipped_catalog(), tmp_path)


def test_an_embedded_sandbox_accepts_only_its_own_key(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, SettingFlags(provider="sandbox"))
    with ExitStack() as stack:
        first, other = (server_of(settings, catalog.load_shipped_catalog(), stack) for _ in range(2))
        for server, key, status in (
            (first, first.key, 200),
            (first, None, 401),
            (first, Secret("any"), 401),
            (first, other.key, 401),
        ):
            headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
            assert requests.get(f"{server.base_url}/models", headers=headers, timeout=9).status_code == status


def test_any_other_server_gets_the_key_of_the_settings(tmp_path: Path) -> None:
    base_url = "http://127.0.0.1:8080/v1"
    with ExitStack() as stack:
        settings = settings_for(tmp_path, SettingFlags(base_url=base_url))
        server = server_of(settings, catalog.load_shipped_catalog(), stack)
    assert (server.base_url, server.key) == (base_url, None)
