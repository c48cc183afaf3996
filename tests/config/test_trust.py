"""A project's file decides where a key goes only while its user trusts just what it says."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from imagecli.config.folders import Folders
from imagecli.config.project import find_project, nearest_project
from imagecli.config.trust import remember, trusted_digest
from imagecli.errors import SettingsError
from tests.config.conftest import Home

DELICATE = 'base_url = "http://127.0.0.1:1/project"'


def folders(home: Home) -> Folders:
    return Folders(config=home.config, state=Path(home.environ["IMAGECLI_STATE_DIR"]))


def trust(home: Home) -> None:
    project = find_project(home.project)
    assert project
    remember(project.path, project.digest, folders(home))


@pytest.mark.parametrize("text", [DELICATE, "keyring = true", '[providers.openai]\napi_key_command = ["x"]'])
def test_what_is_delicate_is_refused_with_the_way_to_trust_it(home: Home, text: str) -> None:
    path = home.in_project(text)
    with pytest.raises(SettingsError) as caught:
        home.load({})
    assert (caught.value.code, caught.value.exit_code) == ("untrusted", 2)
    assert f"imagecli config trust {path.parent}" in (caught.value.hint or "")


def test_a_trusted_file_may_say_everything(home: Home) -> None:
    home.in_project(DELICATE + '\n[providers.mine]\nbase_url = "http://localhost:2/v1"')
    trust(home)
    assert home.load({}).base_url == "http://127.0.0.1:1/project"
    assert home.load({"provider": "mine"}).base_url == "http://localhost:2/v1"


def test_a_changed_file_is_trusted_no_more(home: Home) -> None:
    home.in_project(DELICATE)
    trust(home)
    home.in_project(DELICATE + " ")
    with pytest.raises(SettingsError, match="has changed since it was trusted"):
        home.load({})


@pytest.mark.parametrize("through", ["trusted", "read"])
def test_trust_is_of_the_file_and_not_of_the_link_that_led_to_it(home: Home, tmp_path: Path, through: str) -> None:
    path = home.in_project(DELICATE)
    (tmp_path / "link").symlink_to(path.parent)
    linked = tmp_path / "link" / path.name
    remember(linked if through == "trusted" else path, "digest", folders(home))
    assert trusted_digest(linked if through == "read" else path, folders(home)) == "digest"


def test_a_repository_ends_the_search_also_where_git_is_a_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "imagecli.toml").write_text(DELICATE)
    git = tmp_path / "repository" / ".git"
    git.rmdir()
    git.write_text("gitdir: ../elsewhere/.git/worktrees/repository")
    assert nearest_project(home.project) is None


def test_trust_holds_for_that_folder_alone(home: Home, tmp_path: Path) -> None:
    path = home.in_project(DELICATE, 2)
    trust(home)
    nearer = home.project / "imagecli.toml"
    nearer.write_bytes(path.read_bytes())
    with pytest.raises(SettingsError, match="which a project's file may not"):
        home.load({})


def test_a_trusted_file_still_does_not_raise_the_cap(home: Home) -> None:
    home.in_project(DELICATE + "\nmax_cost = 100")
    trust(home)
    assert home.load({}).max_cost == 5.0


def test_what_is_trusted_is_written_for_the_user_alone_and_can_be_taken_back(home: Home) -> None:
    path = home.in_project(DELICATE)
    trust(home)
    known = folders(home).trusted
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    assert list(json.loads(known.read_text())) == [str(path.resolve())]
    remember(path, None, folders(home))
    with pytest.raises(SettingsError):
        home.load({})


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "{", "\xff", "[" * 100_000])
def test_a_damaged_list_trusts_nothing_and_says_so(home: Home, text: str) -> None:
    home.in_project(DELICATE)
    known = folders(home).trusted
    known.parent.mkdir()
    known.write_text(text)
    known.chmod(0o600)
    with pytest.raises(SettingsError, match="is damaged") as caught:
        home.load({})
    assert f"rm {known}" in (caught.value.hint or "")
