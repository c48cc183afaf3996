"""`imagecli login` and `logout`: how a key is typed, stored, never shown, and removed."""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
from pathlib import Path

import pexpect
import pytest

from tests.commands.conftest import write_user_file
from tests.conftest import Run

KEY = "sk-test-0123456789abcdef"


@pytest.mark.parametrize("typed", [["openai", "-"], ["-"], ["openai", "--stdin"], ["--stdin"]])
def test_a_key_is_read_from_stdin_and_stored_for_the_user_alone(imagecli: Run, home: Path, typed: list[str]) -> None:
    before = os.umask(0)
    try:
        result = imagecli("login", *typed, stdin=f"{KEY}\r\n".encode())
    finally:
        os.umask(before)
    assert (result.exit_code, result.stdout) == (0, "")
    assert str(home / "credentials.toml") in result.stderr
    assert KEY not in result.stderr
    assert tomllib.loads((home / "credentials.toml").read_text()) == {"openai": KEY}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home, home / "credentials.toml")] == [0o700, 0o600]
    assert "set, from" in imagecli("config", "list", "--origin").stdout


@pytest.mark.parametrize(("typed", "hint"), [("opena", "did you mean openai?"), ("hello", "available: openai, ")])
def test_an_unknown_provider_is_named_without_options_that_login_does_not_have(
    imagecli: Run, typed: str, hint: str
) -> None:
    result = imagecli("login", typed, "-", stdin=KEY.encode())
    assert result.exit_code == 2
    assert result.stderr.startswith(f"imagecli: error: unknown provider '{typed}'\nhint: {hint}")
    assert "--" not in result.stderr


@pytest.mark.parametrize(
    "key", [b"", b"\n", f"“{KEY}”".encode(), f"{KEY} {KEY}".encode(), f"{KEY}\r\nX-Evil: 1".encode(), b"\xff\xfe"]
)
def test_an_invalid_key_is_not_stored_and_not_printed(imagecli: Run, home: Path, key: bytes) -> None:
    result = imagecli("login", "openai", "-", stdin=key)
    assert result.exit_code in (2, 3)
    assert "the key" in result.stderr
    assert KEY not in result.stderr
    assert not home.exists()


def test_without_a_terminal_no_key_is_prompted_for(imagecli: Run) -> None:
    result = imagecli("login", stdin=KEY.encode())
    assert result.exit_code == 2
    assert "imagecli login openai - < FILE" in result.stderr


@pytest.mark.parametrize("words", [["openai", KEY], [KEY], ["0123456789abcdef0123456789abcdef"]])
def test_a_key_in_argv_is_refused(imagecli: Run, home: Path, words: list[str]) -> None:
    result = imagecli("login", *words)
    assert result.exit_code == 2
    assert "visible to every process" in result.stderr
    assert words[-1] not in result.stderr
    assert not home.exists()


def test_a_variable_that_overrides_the_stored_key_is_named(imagecli: Run) -> None:
    result = imagecli("login", "openai", "-", stdin=KEY.encode(), env={"OPENAI_API_KEY": "sk-other"})
    assert "OPENAI_API_KEY is set and overrides it" in result.stderr


def test_a_provider_without_keys_gets_none(imagecli: Run) -> None:
    result = imagecli("login", "sandbox", "-", stdin=KEY.encode())
    assert result.exit_code == 2
    assert "sandbox needs no key" in result.stderr
    assert imagecli("login", "opnai", "-", stdin=KEY.encode()).exit_code == 2
    chosen = imagecli("login", "-", stdin=KEY.encode(), env={"IMAGECLI_PROVIDER": "sandbox"})
    assert "imagecli login openai" in chosen.stderr


def test_a_key_is_removed(imagecli: Run, home: Path) -> None:
    imagecli("login", "openai", "-", stdin=KEY.encode())
    assert imagecli("logout", "openai").exit_code == 0
    assert KEY not in (home / "credentials.toml").read_text()
    assert imagecli("logout", "openai").exit_code == 2


def test_the_former_names_still_work_and_no_help_lists_them(imagecli: Run, home: Path) -> None:
    assert imagecli("config", "login", "openai", "-", stdin=KEY.encode()).exit_code == 0
    assert tomllib.loads((home / "credentials.toml").read_text()) == {"openai": KEY}
    assert imagecli("config", "login", "openai", "--delete").exit_code == 0
    assert tomllib.loads((home / "credentials.toml").read_text()) == {}
    assert "login" not in imagecli("config", "--help").stdout
    assert "login" not in imagecli("config", "logn").stderr


def test_a_key_file_that_others_can_read_is_not_written_to(imagecli: Run, home: Path) -> None:
    path = write_user_file(home, 'xai = "sk-2"', "credentials.toml", 0o644)
    result = imagecli("login", "openai", "-", stdin=KEY.encode())
    assert result.exit_code == 2
    assert f"chmod 600 {path}" in result.stderr
    assert path.read_text() == 'xai = "sk-2"'


@pytest.mark.slow
def test_a_key_typed_at_a_terminal_is_not_shown(home: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "IMAGECLI_CONFIG_DIR": str(home), "HOME": str(tmp_path)}
    child = pexpect.spawn(sys.executable, ["-m", "imagecli", "login"], env=environ, encoding="utf-8", timeout=30)
    child.expect_exact("Create a key at https://platform.openai.com/api-keys")
    child.expect_exact("Paste your OpenAI API key (hidden): ")
    child.sendline(KEY)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert KEY not in child.before
    assert tomllib.loads((home / "credentials.toml").read_text()) == {"openai": KEY}


# --- the system's keyring --------------------------------------------------------------------------------------------

BACKEND = """
import json, pathlib
from keyring.backend import KeyringBackend
FILE = pathlib.Path(__file__).with_name("kept.json")
class Kept(KeyringBackend):
    priority = 1
    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")
    def set_password(self, service, username, password):
        FILE.write_text(json.dumps(self._all() | {f"{service} {username}": password}))
    def delete_password(self, service, username):
        kept = self._all(); del kept[f"{service} {username}"]; FILE.write_text(json.dumps(kept))
"""


@pytest.fixture
def keyring(tmp_path: Path) -> dict[str, str]:
    """The variables for a keyring in a file: a backend of the test, selected as keyring documents it."""
    place = tmp_path / "backend"
    place.mkdir()
    (place / "kept.py").write_text(BACKEND)
    return {"PYTHONPATH": str(place), "PYTHON_KEYRING_BACKEND": "kept.Kept", "HOME": str(tmp_path)}


def test_a_key_is_stored_in_the_keyring_and_used_from_there(imagecli: Run, home: Path, keyring: dict[str, str]) -> None:
    result = imagecli("login", "openai", "-", "--keyring", stdin=KEY.encode(), env=keyring)
    assert result.exit_code == 0, result.stderr
    assert KEY not in (home / "credentials.toml").read_text() + result.stderr
    assert json.loads((Path(keyring["PYTHONPATH"]) / "kept.json").read_text()) == {"imagecli openai": KEY}
    doctor_output = imagecli("doctor", "--base-url", "http://127.0.0.1:1/v1", env=keyring).stdout
    assert f"key: set, {len(KEY)} characters, from the system keyring" in doctor_output
    assert imagecli("logout", "openai", env=keyring).exit_code == 0
    assert json.loads((Path(keyring["PYTHONPATH"]) / "kept.json").read_text()) == {}


def test_the_keyring_is_used_only_if_settings_say_so(imagecli: Run, home: Path, keyring: dict[str, str]) -> None:
    (Path(keyring["PYTHONPATH"]) / "kept.json").write_text(json.dumps({"imagecli openai": KEY}))
    here = ("doctor", "--base-url", "http://127.0.0.1:1/v1")
    assert "key: not set" in imagecli(*here, env=keyring).stdout
    write_user_file(home, "keyring = true")
    assert "from the system keyring" in imagecli(*here, env=keyring).stdout


def test_without_the_key_in_the_keyring_the_command_is_used(imagecli: Run, home: Path, keyring: dict[str, str]) -> None:
    write_user_file(home, 'keyring = true\n[providers.openai]\napi_key_command = ["printf", "sk-of-the-command"]')
    output = imagecli("doctor", "--base-url", "http://127.0.0.1:1/v1", env=keyring).stdout
    assert "key: set, 17 characters, from api_key_command" in output


def test_a_key_removed_from_the_keyring_is_reported_as_missing(
    imagecli: Run, home: Path, keyring: dict[str, str]
) -> None:
    write_user_file(home, "[openai]\nkeyring = true\n", "credentials.toml")
    result = imagecli("generate", "a cat", env=keyring)
    assert result.exit_code == 3
    assert "the key of openai is no longer in the system keyring" in result.stderr
    assert "imagecli login openai" in result.stderr


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"])
def test_a_keyring_that_stores_nothing_is_detected(
    imagecli: Run, home: Path, keyring: dict[str, str], backend: str
) -> None:
    environ = {**keyring, "PYTHON_KEYRING_BACKEND": backend}
    result = imagecli("login", "openai", "-", "--keyring", stdin=KEY.encode(), env=environ)
    assert result.exit_code == 2
    assert "keyring" in result.stderr
    assert KEY not in result.stderr
    assert not home.exists()


def test_a_keyring_py_of_the_current_folder_is_not_run(imagecli: Run, folder: Path, keyring: dict[str, str]) -> None:
    (folder / "keyring.py").write_text("open('ran', 'w')")
    assert imagecli("login", "openai", "-", "--keyring", stdin=KEY.encode(), env=keyring).exit_code == 0
    assert json.loads((Path(keyring["PYTHONPATH"]) / "kept.json").read_text()) == {"imagecli openai": KEY}
    assert not (folder / "ran").exists()
