"""A project's file decides where a key is sent only while the user trusts its exact content."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from imagecli.config.paths import Folders
from imagecli.config.project import find_project, nearest_project, set_trusted, trusted_digest
from imagecli.errors import SettingsError
from imagecli.events import NoteEvent
from tests.config.conftest import Home
from tests.conftest import Run

DELICATE = 'base_url = "http://127.0.0.1:1/project"'


def folders(home: Home) -> Folders:
    return Folders(config=home.config, state=Path(home.environ["IMAGECLI_STATE_DIR"]))


def trust(home: Home) -> None:
    project = find_project(home.project)
    assert project
    set_trusted(project.path, project.digest, folders(home))


@pytest.mark.parametrize("text", [DELICATE, "keyring = true", '[providers.openai]\napi_key_command = ["x"]'])
def test_sensitive_settings_are_refused_with_the_command_that_trusts_them(home: Home, text: str) -> None:
    path = home.in_project(text)
    with pytest.raises(SettingsError) as caught:
        home.load({})
    assert (caught.value.code, caught.value.exit_code) == ("untrusted", 2)
    assert f"imagecli config trust {path.parent}" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("user", "project", "flags", "environ"),
    [
        ("", "sandbox", {}, {}),
        ("", "openai", {}, {}),
        ('provider = "xai"', "xai", {}, {}),
        ('provider = "xai"', "sandbox", {}, {}),
        ("", "together", {}, {"IMAGECLI_PROVIDER": "xai"}),
        ("", "together", {"provider": "xai"}, {}),
    ],
)
def test_a_project_may_choose_the_users_provider_or_the_sandbox_or_one_that_is_not_used(
    home: Home, user: str, project: str, flags: dict[str, str], environ: dict[str, str]
) -> None:
    home.user(user)
    path = home.in_project(f'provider = "{project}"')
    settings = home.load(flags, environ)
    used = "xai" if flags or environ else project
    assert settings.provider.name == used
    own = "xai" if user else "openai"
    note = NoteEvent(code="provider", message=f"{path} sets provider {project}; yours is {own}")
    assert settings.notes == ((note,) if used == project != own else ())


@pytest.mark.parametrize(
    ("user", "project"),
    [
        ("", "together"),
        ('provider = "xai"', "openai"),
        ('[providers.mine]\nbase_url = "http://localhost:2/v1"', "mine"),
    ],
)
def test_a_project_that_chooses_another_provider_needs_trust(home: Home, user: str, project: str) -> None:
    home.user(user)
    path = home.in_project(f'provider = "{project}"')
    with pytest.raises(SettingsError, match=f"sets provider {project}, which is not yours") as caught:
        home.load({})
    assert caught.value.code == "untrusted"
    assert f"imagecli config trust {path.parent}" in (caught.value.hint or "")
    trust(home)
    settings = home.load({})
    assert settings.provider.name == project
    assert [note.code for note in settings.notes] == ["provider"]


def test_the_trust_command_names_a_provider_only_if_needed(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text('provider = "sandbox"')
    assert "sets nothing that requires trust" in imagecli("config", "trust", "--yes").stderr
    (folder / "imagecli.toml").write_text('provider = "xai"')
    refused = imagecli("generate", "a cat", "--dry-run")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert imagecli("config", "trust", "--yes").exit_code == 0
    planned = imagecli("generate", "a cat", "--dry-run")
    assert planned.exit_code == 0
    assert "sets provider xai; yours is openai" in planned.stderr


@pytest.mark.parametrize("trusted", [False, True])
def test_a_project_can_not_have_files_replaced(home: Home, trusted: bool) -> None:
    path = home.in_project('if_exists = "overwrite"' + f"\n{DELICATE}" * trusted)
    if trusted:
        trust(home)
    settings = home.load({})
    assert settings.if_exists is None
    (note,) = settings.notes
    assert note.code == "if_exists"
    assert str(path) in note.message
    home.user('if_exists = "skip"')
    assert home.load({}).if_exists == "skip"


def test_the_user_can_have_files_replaced_by_settings_variable_and_flag(home: Home) -> None:
    home.in_project('if_exists = "overwrite"')
    for settings in (home.load({"if_exists": "overwrite"}), home.load({}, {"IMAGECLI_IF_EXISTS": "overwrite"})):
        assert (settings.if_exists, settings.notes) == ("overwrite", ())
    home.user('if_exists = "overwrite"')
    assert home.load({}).if_exists == "overwrite"


def test_a_project_s_overwrite_replaces_nothing_and_its_output_does_not_follow_a_link_out(
    imagecli: Run, folder: Path
) -> None:
    (folder / "cat.png").write_text("mine")
    (folder / "imagecli.toml").write_text('if_exists = "overwrite"\noutput = "cat.png"\nprovider = "sandbox"')
    refused = imagecli("generate", "a cat")
    assert refused.exit_code == 2
    assert "cat.png already exists" in refused.stderr
    assert (folder / "cat.png").read_text() == "mine"
    (folder / "out").symlink_to(folder.parent)
    for output in ("out/cat.png", "out/", "out/{slug}"):
        (folder / "imagecli.toml").write_text(f'output = "{output}"\nprovider = "sandbox"')
        refused = imagecli("generate", "a cat")
        assert refused.exit_code == 2
        assert "output in imagecli.toml is outside the current folder" in refused.stderr
    assert not list(folder.parent.glob("*.png"))
    assert imagecli("generate", "a cat", "-o", "out/").exit_code == 0


def test_a_trusted_file_may_set_everything(home: Home) -> None:
    home.in_project(DELICATE + '\n[providers.mine]\nbase_url = "http://localhost:2/v1"')
    trust(home)
    assert home.load({}).base_url == "http://127.0.0.1:1/project"
    assert home.load({"provider": "mine"}).base_url == "http://localhost:2/v1"


def test_a_changed_file_is_no_longer_trusted(home: Home) -> None:
    home.in_project(DELICATE)
    trust(home)
    home.in_project(DELICATE + " ")
    with pytest.raises(SettingsError, match="has changed since you trusted it"):
        home.load({})


@pytest.mark.parametrize("through", ["trusted", "read"])
def test_trust_applies_to_the_file_and_not_to_a_link_to_it(home: Home, tmp_path: Path, through: str) -> None:
    path = home.in_project(DELICATE)
    (tmp_path / "link").symlink_to(path.parent)
    linked = tmp_path / "link" / path.name
    set_trusted(linked if through == "trusted" else path, "digest", folders(home))
    assert trusted_digest(linked if through == "read" else path, folders(home)) == "digest"


def test_a_repository_ends_the_search_also_where_git_is_a_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "imagecli.toml").write_text(DELICATE)
    git = tmp_path / "repository" / ".git"
    git.rmdir()
    git.write_text("gitdir: ../elsewhere/.git/worktrees/repository")
    assert nearest_project(home.project) is None


def test_trust_applies_to_that_folder_alone(home: Home, tmp_path: Path) -> None:
    path = home.in_project(DELICATE, 2)
    trust(home)
    nearer = home.project / "imagecli.toml"
    nearer.write_bytes(path.read_bytes())
    with pytest.raises(SettingsError, match="which decides where your API key is sent"):
        home.load({})


def test_a_trusted_file_still_does_not_raise_the_limit(home: Home) -> None:
    home.in_project(DELICATE + "\nmax_cost = 100")
    trust(home)
    assert home.load({}).max_cost == 5.0


def test_trust_is_stored_for_the_user_alone_and_can_be_revoked(home: Home) -> None:
    path = home.in_project(DELICATE)
    trust(home)
    known = folders(home).trusted_projects
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    assert list(json.loads(known.read_text())) == [str(path.resolve())]
    set_trusted(path, None, folders(home))
    with pytest.raises(SettingsError):
        home.load({})


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "{", "\xff", "[" * 100_000])
def test_a_damaged_trust_list_trusts_nothing_with_a_warning(home: Home, text: str) -> None:
    home.in_project(DELICATE)
    known = folders(home).trusted_projects
    known.parent.mkdir()
    known.write_text(text)
    known.chmod(0o600)
    with pytest.raises(SettingsError, match="is damaged") as caught:
        home.load({})
    assert f"rm {known}" in (caught.value.hint or "")
