"""Files that decide something are used only if they have the right owner, and only the right users can change
them.\n\nThe tests start as root, which can give files to others, and do the work as a user without its rights."""

from __future__ import annotations

import codecs
import importlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagecli import safe_open
from imagecli.config import api_keys
from imagecli.config.files import MAX_BYTES, read_private_file, read_project_file, read_user_file
from imagecli.config.paths import Folders
from imagecli.config.project import find_project, set_trusted, trusted_digest
from imagecli.config.user_catalog import load_catalog_with_providers, load_user_catalog
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import SettingsError
from imagecli.events import NoteEvent
from tests.config.conftest import Home
from tests.conftest import NOW, Run, Stream

ROOT, USER, OTHER = 0, 41001, 41002
LINE = 'model = "gpt-image-2"\n'

# Root's Python may be closed to other users, who then can't load what is not loaded yet.
codecs.lookup("utf-8-sig")
importlib.import_module("mmap")

pytestmark = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can give a file to another user"
)


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    """The block runs with the rights of *user*."""
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(ROOT)
        os.setegid(ROOT)


@pytest.fixture
def home() -> Iterator[Home]:
    """The home of USER; pytest's own folders are closed to other users."""
    place = Path(tempfile.mkdtemp())
    try:
        place.chmod(0o755)
        home_ = Home(place)
        for folder in (place, *place.rglob("*")):
            os.chown(folder, USER, USER)
        with acting_as(USER):
            try:
                Path(__file__).read_bytes()
            except PermissionError:
                pytest.skip("other users can't read this working tree")
        yield home_
    finally:
        shutil.rmtree(place)


def write_owned(path: Path, owner: int = USER, mode: int = 0o644, text: str = LINE) -> Path:
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


def link(path: Path, target: Path | str, owner: int = USER) -> Path:
    path.symlink_to(target)
    os.chown(path, owner, owner, follow_symlinks=False)
    return path


def env_of(home: Home, **environ: str) -> Env:
    return Env(stdin=Stream(), stdout=Stream(), stderr=Stream(), environ={**home.environ, **environ}, now=lambda: NOW)


# --- the user's own files --------------------------------------------------------------------------------------------

OWN_FILES = [
    (USER, 0o600, ""),
    (USER, 0o644, ""),
    (USER, 0o664, ""),
    (ROOT, 0o444, ""),
    (USER, 0o666, r"other users can change it \(mode 0666\)"),
    (USER, 0o602, r"other users can change it \(mode 0602\)"),
    (ROOT, 0o646, r"other users can change it \(mode 0646\)"),
    (OTHER, 0o644, rf"it is owned by another user \(uid {OTHER}\)"),
]
PRIVATE_FILES = [
    (USER, 0o600, ""),
    (USER, 0o400, ""),
    *((USER, mode, rf"can read or change it \(mode 0{mode:o}\)") for mode in (0o640, 0o620, 0o604, 0o602, 0o610)),
    (ROOT, 0o644, rf"another user \(uid {ROOT}\)"),
    (OTHER, 0o644, rf"another user \(uid {OTHER}\)"),
]


@pytest.mark.parametrize(
    ("read", "owner", "mode", "refusal"),
    [(read_user_file, *row) for row in OWN_FILES] + [(read_private_file, *row) for row in PRIVATE_FILES],
)
def test_an_own_file_is_read_if_its_owner_and_mode_are_right(
    home: Home, read: Callable[[Path], bytes | None], owner: int, mode: int, refusal: str
) -> None:
    path = write_owned(home.config / "file", owner, mode)
    with acting_as(USER):
        if not refusal:
            assert read(path) == LINE.encode()
            return
        with pytest.raises(SettingsError, match=refusal) as caught:
            read(path)
    assert (caught.value.code, caught.value.exit_code) == ("unsafe_file", 2)
    assert caught.value.message.startswith(f"refusing to use {path}: ")
    assert caught.value.hint
    if refusal.startswith("other"):
        assert caught.value.hint == f"chmod o-w {path}"
    elif refusal.startswith("can"):
        assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("name", ["config.toml", "models.toml", "credentials.toml", "trusted.json"])
def test_every_own_file_is_read_that_way(home: Home, name: str) -> None:
    state = Path(home.environ["IMAGECLI_STATE_DIR"])
    state.mkdir()
    os.chown(state, USER, USER)
    write_owned((state if name == "trusted.json" else home.config) / name, OTHER)
    write_owned(home.project / "imagecli.toml", text="keyring = true")
    places = Folders(config=home.config, state=state)
    steps: dict[str, Callable[[], object]] = {
        "config.toml": lambda: load_catalog_with_providers(env_of(home)),
        "models.toml": lambda: load_user_catalog(env_of(home)),
        "credentials.toml": lambda: api_keys.write_credential(places, "openai", Secret("sk-1")),
        "trusted.json": home.load,
    }
    with acting_as(USER), pytest.raises(SettingsError, match=f"refusing to use .*{name}: it is owned by another user"):
        steps[name]()


@pytest.mark.parametrize("read", [read_user_file, read_private_file])
def test_an_own_file_may_be_a_link_of_the_user(home: Home, read: Callable[[Path], bytes | None]) -> None:
    path = link(home.config / "file", write_owned(home.project / "dotfile", mode=0o600))
    missing = link(home.config / "dangling", "nowhere")
    with acting_as(USER):
        assert read(path) == LINE.encode()
        assert read(missing) is None
    write_owned(home.project / "dotfile", OTHER)
    with acting_as(USER), pytest.raises(SettingsError, match="another user"):
        read(path)


@pytest.mark.parametrize("target", ["there", "nowhere"])
@pytest.mark.parametrize("read", [read_user_file, read_private_file])
def test_a_link_of_another_user_is_not_followed(home: Home, read: Callable[[Path], bytes | None], target: str) -> None:
    write_owned(home.config / "there", mode=0o600)
    path = link(home.config / "file", target, OTHER)
    with acting_as(USER), pytest.raises(SettingsError, match=rf"a symbolic link owned by another user \(uid {OTHER}\)"):
        read(path)


def fill(path: Path, kind: str) -> None:
    """Makes *path* something that is not a settings file."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(path.name)
        case "huge":
            with path.open("wb") as file:
                file.truncate(MAX_BYTES + 1)
    path.chmod(0o600) if kind in ("pipe", "folder", "huge") else None
    os.chown(path, USER, USER, follow_symlinks=False)


KINDS = {
    "pipe": "a named pipe, not a file",
    "folder": "a folder, not a file",
    "device": "a device, not a file",
    "loop": "a symbolic link",
    "huge": "larger than 1,000,000 bytes",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [read_user_file, read_private_file])
def test_an_own_file_is_a_regular_one_of_a_bounded_size(
    home: Home, read: Callable[[Path], bytes | None], kind: str
) -> None:
    fill(home.config / "file", kind)
    with acting_as(USER), pytest.raises(SettingsError, match=f"refusing to use .*file: it .*{KINDS[kind]}"):
        read(home.config / "file")


def test_root_uses_the_files_of_the_owner_of_its_settings_folder(home: Home) -> None:
    write_owned(home.config / "config.toml", mode=0o600)
    assert read_user_file(home.config / "config.toml") == LINE.encode()
    assert read_private_file(home.config / "config.toml") == LINE.encode()
    write_owned(home.config / "config.toml", OTHER, 0o600)
    with pytest.raises(SettingsError, match="another user"):
        read_user_file(home.config / "config.toml")


def test_on_a_disk_that_stores_no_modes_only_keys_are_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    types = frozenset(mount.partition(" - ")[2].split(" ")[0] for mount in mounts)
    path = write_owned(home.config / "config.toml", mode=0o777)
    with acting_as(USER):
        with pytest.raises(SettingsError):
            read_user_file(path)
        monkeypatch.setattr(safe_open, "_WITHOUT_MODES", types)
        assert read_user_file(path) == LINE.encode()
        with pytest.raises(SettingsError):
            read_private_file(path)


# --- a project's file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", [1, 2, 3])
@pytest.mark.parametrize(
    ("owner", "mode", "refusal"),
    [
        (USER, 0o644, ""),
        (USER, 0o664, ""),
        (ROOT, 0o644, ""),
        (OTHER, 0o644, rf"it is owned by another user \(uid {OTHER}\)"),
        (USER, 0o666, r"other users can change it \(mode 0666\)"),
        (OTHER, 0o666, "it is owned by another user"),
    ],
)
def test_a_project_s_file_is_read_if_its_owner_and_mode_are_right(
    home: Home, up: int, owner: int, mode: int, refusal: str
) -> None:
    path = home.in_project(LINE, up)
    write_owned(path, owner, mode)
    with acting_as(USER):
        if not refusal:
            project = find_project(home.project)
            assert project
            assert (project.path, project.note) == (path, None)
            return
        with pytest.raises(SettingsError, match=refusal) as caught:
            home.load()
    assert caught.value.message.startswith(f"refusing to use {path}: ")
    assert caught.value.hint


def test_the_owner_of_the_current_folder_may_own_the_project_s_file(home: Home) -> None:
    write_owned(home.in_project(LINE), OTHER)
    os.chown(home.project, OTHER, OTHER)
    with acting_as(USER):
        assert home.load().notes == ()


def test_a_file_in_a_folder_open_to_all_does_not_affect_a_repository(home: Home) -> None:
    folder = home.config.parent
    folder.chmod(0o1777)
    write_owned(folder / "imagecli.toml", OTHER)
    (folder / "mine").mkdir()
    os.chown(folder / "mine", USER, USER)
    with acting_as(USER):
        with pytest.raises(SettingsError, match="another user") as caught:
            find_project(folder / "mine")
        assert "git init" in (caught.value.hint or "")
        (folder / "mine" / ".git").mkdir()
        assert find_project(folder / "mine") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_s_file_is_a_regular_one_of_a_bounded_size(home: Home, kind: str) -> None:
    path = home.project / "imagecli.toml"
    fill(path, kind)
    problem = {"device": "a link to a file outside", "loop": "symbolic link"}.get(kind, KINDS[kind])
    with acting_as(USER), pytest.raises(SettingsError, match=f"refusing to use .*: it .*{problem}"):
        home.load()


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        ("../shared.toml", ""),
        ("nowhere.toml", "a broken link"),
        ("../../../config/config.toml", "a link to a file outside"),
        ("../../../nowhere", "a link to a file outside"),
        ("out/config.toml", "a link to a file outside"),
        ("../foreign.toml", "it is owned by another user"),
    ],
)
def test_a_project_s_file_may_be_a_link_inside_its_repository(home: Home, target: str, refusal: str) -> None:
    write_owned(home.project.parent / "shared.toml")
    write_owned(home.project.parent / "foreign.toml", OTHER)
    write_owned(home.config / "config.toml")
    link(home.project / "out", home.config)
    link(home.project / "imagecli.toml", target)
    with acting_as(USER):
        if not refusal:
            assert find_project(home.project)
            return
        with pytest.raises(SettingsError, match=refusal):
            find_project(home.project)


def test_without_a_repository_a_link_must_stay_in_its_folder(home: Home) -> None:
    (home.config.parent / "repository" / ".git").rmdir()
    write_owned(home.project.parent / "shared.toml")
    link(home.project / "imagecli.toml", "../shared.toml")
    with acting_as(USER), pytest.raises(SettingsError, match="a link to a file outside"):
        find_project(home.project)


@pytest.mark.parametrize("user", [ROOT, USER])
def test_as_root_and_in_ci_another_owner_of_the_repository_is_a_note(home: Home, user: int) -> None:
    path = write_owned(home.in_project(LINE), OTHER)
    environ = {"CI": "true"} if user == USER else {}
    with acting_as(user), pytest.raises(SettingsError, match="another user"):
        home.load(environ=environ)  # the repository is not OTHER's, this file alone is
    os.chown(path.parent, OTHER, OTHER)
    with acting_as(user):
        notes = home.load(environ=environ).notes
    with acting_as(USER), pytest.raises(SettingsError, match="another user"):
        home.load()
    reason = "CI is set" if user == USER else "it runs as root"
    message = f"{path} belongs to another user (uid {OTHER}); imagecli uses it because {reason}"
    assert notes == (NoteEvent(code="project_owner", message=message),)


def test_in_ci_a_project_s_file_may_be_open_to_all(home: Home) -> None:
    path = write_owned(home.in_project(LINE), mode=0o666)
    with acting_as(USER):
        assert read_project_file(path, home.project, in_ci=True) == (LINE.encode(), None)
        with pytest.raises(SettingsError):
            home.load(environ={"CI": "false"})


# --- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "mode", "linked_by", "refusal"),
    [
        (USER, 0o700, None, ""),
        (USER, 0o775, None, ""),
        (USER, 0o700, USER, ""),
        (USER, 0o777, None, r"other users can change it \(mode 0777\)"),
        (OTHER, 0o755, None, rf"it is owned by another user \(uid {OTHER}\)"),
        (ROOT, 0o755, None, rf"it is owned by another user \(uid {ROOT}\)"),
        (USER, 0o700, OTHER, rf"a symbolic link owned by another user \(uid {OTHER}\)"),
    ],
)
def test_trust_is_neither_read_nor_stored_in_a_state_folder_that_others_can_change(
    home: Home, owner: int, mode: int, linked_by: int | None, refusal: str
) -> None:
    state = Path(home.environ["IMAGECLI_STATE_DIR"])
    real = state if linked_by is None else state.with_name("elsewhere")
    real.mkdir()
    real.chmod(mode)
    os.chown(real, owner, owner)
    if linked_by is not None:
        link(state, real, linked_by)
    project = write_owned(home.in_project(LINE))
    places = Folders(config=home.config, state=state)
    with acting_as(USER):
        if not refusal:
            set_trusted(project, "digest", places)
            assert trusted_digest(project, places) == "digest"
            return
        with pytest.raises(SettingsError, match=refusal):
            set_trusted(project, "digest", places)
        with pytest.raises(SettingsError, match=refusal):
            trusted_digest(project, places)
    assert list(real.iterdir()) == []


def test_files_of_login_and_trust_are_private_for_any_umask(home: Home) -> None:
    top = home.config.parent / "new"
    places = Folders(config=top / "config" / "imagecli", state=top / "state" / "imagecli")
    with acting_as(USER):
        before = os.umask(0)
        try:
            api_keys.write_credential(places, "openai", Secret("sk-1"))
            set_trusted(write_owned(home.in_project(LINE)), "digest", places)
        finally:
            os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (top, *top.rglob("*")) if path.is_dir()}
    files = {stat.S_IMODE(path.stat().st_mode) for path in top.rglob("*") if path.is_file()}
    assert (modes, files) == ({0o700}, {0o600})


# --- as it is typed --------------------------------------------------------------------------------------------------


def test_a_refused_project_stops_a_command_but_not_the_catalog(home: Home, imagecli: Run) -> None:
    path = write_owned(home.in_project('[providers.mine]\nbase_url = "http://127.0.0.1:1/v1"'), OTHER)
    here = Path.cwd()
    try:
        os.chdir(home.project)
        with acting_as(USER):
            refused = imagecli("generate", "a cat", "--provider", "sandbox", "--json", env=home.environ)
            rows = imagecli("providers", env=home.environ)
    finally:
        os.chdir(here)
    assert (refused.exit_code, refused.json["errors"][0]["code"]) == (2, "unsafe_file")
    assert f"refusing to use {path}" in refused.json["errors"][0]["message"]
    assert list(home.project.iterdir()) == []
    assert rows.exit_code == 0
    assert "sandbox" in rows.stdout


def test_a_batch_and_doctor_report_the_owner_too(home: Home, imagecli: Run) -> None:
    write_owned(home.in_project(LINE), OTHER)
    os.chown(home.project.parent, OTHER, OTHER)
    here = Path.cwd()
    try:
        os.chdir(home.project)
        (home.project / "rows.jsonl").write_text('{"prompt": "a cat", "output": "cat.png"}')
        batch = imagecli("batch", "rows.jsonl", "--provider", "sandbox", "--json", env=home.environ)
        looked = imagecli("doctor", "--provider", "sandbox", "--json", env=home.environ)
    finally:
        os.chdir(here)
    assert "project_owner" in batch.stdout
    assert batch.exit_code == 0
    assert any("it runs as root" in finding["message"] for finding in looked.json["findings"])


def test_doctor_names_a_state_folder_of_another_user(home: Home, imagecli: Run) -> None:
    state = Path(home.environ["IMAGECLI_STATE_DIR"])
    state.mkdir()
    os.chown(state, OTHER, OTHER)
    project = imagecli("doctor", "--provider", "sandbox", "--json", env=home.environ).json["findings"]
    of_state = next(finding for finding in project if finding["topic"] == "state folder")
    assert (of_state["level"], f"owned by another user (uid {OTHER})" in of_state["message"]) == ("warning", True)


def test_completion_works_in_a_refused_project(home: Home) -> None:
    write_owned(home.in_project('[providers.mine]\nbase_url = "http://127.0.0.1:1/v1"'), OTHER)
    write_owned(home.config / "config.toml", text='[providers.own]\nbase_url = "http://127.0.0.1:1/v1"')
    here = Path.cwd()
    try:
        os.chdir(home.project)
        with acting_as(USER):
            rows, refusal = load_catalog_with_providers(env_of(home))
    finally:
        os.chdir(here)
    assert "own" in rows.providers
    assert "mine" not in rows.providers
    assert refusal
    assert refusal.code == "unsafe_file"
