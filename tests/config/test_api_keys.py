"""Where a key is found, what is not a valid key, and that its text is never printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.config import api_keys
from imagecli.config.api_keys import find_key
from imagecli.config.paths import Folders
from imagecli.config.user_catalog import load_catalog_with_providers
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import ImagecliError
from imagecli.output import progress
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import NOW, Run, Stream

OPENAI = load_shipped_catalog().provider("openai")
KEY = "sk-test-0123456789"


def find(place: Path, command: Sequence[str] = (), **environ: str) -> Secret | None:
    environ["IMAGECLI_CONFIG_DIR"] = str(place)
    env = Env(stdin=Stream(), stdout=Stream(), stderr=Stream(), environ=environ, now=lambda: NOW)
    places = Folders(config=place, state=place)
    key = find_key(
        OPENAI, env, places, providers=load_catalog_with_providers(env)[0].providers.values(), command=command
    )
    return key.secret if key else None


def stored(place: Path, text: str, mode: int = 0o600) -> Path:
    path = place / "credentials.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def script(place: Path, code: str) -> list[str]:
    path = place / "key.py"
    path.write_text(code)
    return [sys.executable, str(path)]


def revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def test_the_variable_comes_before_the_file_and_the_file_before_the_command(tmp_path: Path) -> None:
    command = script(tmp_path, "print('from-command')")
    assert revealed(find(tmp_path, command)) == "from-command"
    stored(tmp_path, 'openai = "from-file"')
    assert revealed(find(tmp_path, command)) == "from-file"
    assert revealed(find(tmp_path, command, OPENAI_API_KEY="from-variable")) == "from-variable"
    assert find(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("text", [KEY + "\n", f"  {KEY}\r\n", f"\t{KEY}"])
def test_white_space_around_a_key_is_not_part_of_it(tmp_path: Path, text: str) -> None:
    assert revealed(find(tmp_path, OPENAI_API_KEY=text)) == KEY


@pytest.mark.parametrize("text", [" ", "\n", ""])
def test_a_blank_key_counts_as_missing(tmp_path: Path, text: str) -> None:
    assert find(tmp_path, OPENAI_API_KEY=text) is None


@pytest.mark.parametrize(
    "text", [f"{KEY}\r\nX-Evil: 1", f"“{KEY}”", f"{KEY} {KEY}", f"{KEY}\x00", f"{KEY}\u200b", f"{KEY}\udce9"]
)
def test_an_invalid_key_is_refused_and_not_printed(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImagecliError) as caught:
        find(tmp_path, OPENAI_API_KEY=text)
    assert (caught.value.exit_code, caught.value.code) == (3, "bad_key")
    assert KEY not in caught.value.message + (caught.value.hint or "")
    assert "OPENAI_API_KEY" in caught.value.message


@pytest.mark.parametrize("quote", ['"', "'", "`"])
def test_a_key_in_quotes_is_refused_and_not_printed(tmp_path: Path, quote: str) -> None:
    with pytest.raises(ImagecliError, match="the key in OPENAI_API_KEY is wrapped in quotes") as caught:
        find(tmp_path, OPENAI_API_KEY=f"{quote}{KEY}{quote}")
    assert (caught.value.code, caught.value.hint) == ("bad_key", "remove the quotes")
    assert KEY not in caught.value.message


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_keys_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    path = stored(tmp_path, f'openai = "{KEY}"', mode)
    with pytest.raises(ImagecliError) as caught:
        find(tmp_path)
    assert caught.value.exit_code == 2
    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    ("text", "exit_code"), [(f'openai = ["{KEY}"]', 3), (f"openai = '{KEY}", 2), ("openai = 5", 3)]
)
def test_a_broken_credentials_file_shows_no_key(tmp_path: Path, text: str, exit_code: int) -> None:
    stored(tmp_path, text)
    with pytest.raises(ImagecliError) as caught:
        find(tmp_path)
    assert caught.value.exit_code == exit_code
    assert KEY not in caught.value.message


@pytest.mark.parametrize("text", ['azure = "x"', 'openai = ""', ""])
def test_a_file_without_this_providers_key_has_none(tmp_path: Path, text: str) -> None:
    stored(tmp_path, text)
    assert find(tmp_path) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f"import sys; print('{KEY}'); sys.exit(7)", "failed: exit code 7"),
        ("", "empty"),
        (f"print('{KEY}\\n{KEY}')", "contains an invalid character"),
        ("import os; os.write(1, b'\\xff\\xfe')", "contains an invalid character"),
    ],
)
def test_a_failing_key_command_is_reported_without_its_output(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(ImagecliError) as caught:
        find(tmp_path, script(tmp_path, code))
    assert (caught.value.exit_code, caught.value.code) == (3, "bad_key" if "character" in words else "no_key")
    assert words in caught.value.message
    assert KEY not in caught.value.message


def test_a_key_command_that_can_not_be_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImagecliError, match="failed: program not found"):
        find(tmp_path, ["no-such-program-anywhere"])
    with pytest.raises(ImagecliError, match="failed: permission denied"):
        find(tmp_path, [str(tmp_path)])


def test_a_key_command_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "KEY_COMMAND_SECONDS", 0.2)
    with pytest.raises(ImagecliError, match=r"failed: timed out after 0\.2 s") as caught:
        find(tmp_path, script(tmp_path, "import time; time.sleep(20)"))
    assert caught.value.code == "no_key"


def test_a_key_command_gets_no_stdin_and_no_shell(tmp_path: Path) -> None:
    """In a separate process, whose stdin holds the prompts."""
    code = "import sys; print(f'sk-{len(sys.stdin.read())}-{sys.argv[1]}')"
    (tmp_path / "config.toml").write_text(
        f"[providers.openai]\napi_key_command = {json.dumps([*script(tmp_path, code), '$HOME;x'])}"
    )
    environ = {"PATH": os.defpath, "IMAGECLI_CONFIG_DIR": str(tmp_path), "IMAGECLI_STATE_DIR": str(tmp_path)}
    with raw_server(http("200 OK", images_body(png()))) as server:
        command = [sys.executable, "-m", "imagecli", "batch", "-", "--base-url", server.base_url]
        subprocess.run(command, cwd=tmp_path, env=environ, input=b"a cat in the rain", check=True, capture_output=True)
    (request,) = server.requests
    assert b"a cat in the rain" in request
    assert b"Bearer sk-0-$HOME;x\r\n" in request


def test_a_key_command_does_not_see_the_keys_of_other_providers(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[providers.mine]\nbase_url = "http://localhost:1/v1"\nkeys = [{ env = "MINE" }]\n'
        'query_env = { code = "MY_QUERY_TOKEN", version = "MY_VERSION" }'
    )
    other_variables = {key.env for row in load_shipped_catalog().providers.values() for key in row.keys} - {
        "OPENAI_API_KEY"
    }
    assert {"AZURE_OPENAI_AD_TOKEN", "XAI_API_KEY"} < other_variables
    hidden = dict.fromkeys([*other_variables, "MINE", "MY_QUERY_TOKEN"], KEY)
    visible = {"OPENAI_API_KEY": " ", "OPENAI_ORG_ID": "org", "MY_VERSION": "1", "VAULT_TOKEN": "vault"}
    command = script(tmp_path, "import os; print('+'.join(sorted(os.environ)))")
    child_environ = revealed(find(tmp_path, command, **hidden, **visible))
    assert set((child_environ or "").split("+")) - {"LC_CTYPE"} == {*visible, "IMAGECLI_CONFIG_DIR"}


def program(folder: Path, key: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "key-tool").write_text(f"#!/bin/sh\necho {key}\n")
    (folder / "key-tool").chmod(0o755)


@pytest.mark.parametrize("entry", [".", "", "bin", "../work", "{folder}", "{folder}/../work", "{link}"])
def test_the_program_of_a_key_command_is_not_taken_from_the_current_folder(
    tmp_path: Path, folder: Path, entry: str
) -> None:
    for place in (folder, folder / "bin"):
        program(place, "from-the-clone")
    program(tmp_path / "tools", "from-the-tools")
    (tmp_path / "link").symlink_to(folder)
    path = entry.format(folder=folder, link=tmp_path / "link")
    with pytest.raises(ImagecliError, match="'key-tool' failed: program not found"):
        find(tmp_path, ["key-tool"], PATH=path)
    assert revealed(find(tmp_path, ["key-tool"], PATH=f"{path}:{tmp_path / 'tools'}")) == "from-the-tools"


@pytest.mark.parametrize("name", ["./key-tool", "bin/key-tool", "../work/key-tool", "."])
def test_a_relative_path_of_a_key_command_is_refused(tmp_path: Path, folder: Path, name: str) -> None:
    program(folder, "from-the-clone")
    program(folder / "bin", "from-the-clone")
    with pytest.raises(ImagecliError, match="is a relative path; expected the name of a program") as caught:
        find(tmp_path, [name])
    assert (caught.value.exit_code, caught.value.code) == (3, "no_key")
    assert str(tmp_path / "config.toml") in (caught.value.hint or "")


def test_the_program_of_a_key_command_may_be_in_the_home_folder(tmp_path: Path, folder: Path) -> None:
    program(folder / "~", "from-the-clone")
    program(tmp_path / "home", "from-home")
    assert revealed(find(tmp_path, ["~/key-tool"], HOME=str(tmp_path / "home"))) == "from-home"


def test_a_key_command_does_not_run_in_the_current_folder(tmp_path: Path, folder: Path) -> None:
    (folder / "keytool.py").write_text("print('from-the-clone')")
    command = [sys.executable, "-m", "keytool"]
    with pytest.raises(ImagecliError, match="failed: exit code 1"):
        find(tmp_path, command)
    (tmp_path / "keytool.py").write_text("print('from-the-settings')")
    assert revealed(find(tmp_path, command)) == "from-the-settings"


def test_a_secret_is_not_printed_by_accident() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]} {secret:}"


def test_a_server_on_this_machine_needs_no_key(imagecli: Run, sandbox: str) -> None:
    result = imagecli("generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--base-url", sandbox)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(("flags", "noted"), [([], True), (["--quiet"], False)])
def test_waiting_for_a_slow_key_command_is_reported(
    imagecli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], noted: bool
) -> None:
    monkeypatch.setattr(progress, "SLOW_SECONDS", 0.2)
    command = script(tmp_path, f"import time; time.sleep(0.7); print('{KEY}')")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(f"[providers.openai]\napi_key_command = {json.dumps(command)}")
    result = imagecli("generate", "x", "--base-url", "http://127.0.0.1:1/v1", "--max-retries", 0, *flags)
    assert result.exit_code == 6
    assert ("note: waiting for the API key; its command" in result.stderr) is noted
