"""`imagecli config`: what is printed, written and prompted for, and that keys are never printed."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pexpect
import pytest
from pytest_httpserver import HTTPServer

from imagecli.config.schema import SETTINGS
from tests.commands.conftest import write_user_file
from tests.conftest import Run

KEY = "sk-test-0123456789abcdef"


def rows(imagecli: Run, **environ: str) -> dict[str, Any]:
    """The settings of `config list --json` by name."""
    result = imagecli("config", "list", "--json", env=environ)
    assert result.exit_code == 0, result.stderr
    return {row["name"]: row for row in result.json["settings"]}


# --- path ------------------------------------------------------------------------------------------------------------


def test_paths_are_printed_whether_they_exist_or_not(imagecli: Run, home: Path, folder: Path, state: Path) -> None:
    (folder / "imagecli.toml").write_text("not = [toml")
    write_user_file(home, "")
    result = imagecli("config", "path", "--json")
    paths = {row["name"]: (row["path"], row["exists"]) for row in result.json["paths"]}
    assert paths["settings"] == (str(home / "config.toml"), True)
    assert paths["credentials"] == (str(home / "credentials.toml"), False)
    assert paths["state"] == (str(state), False)
    assert paths["project"] == (str(folder / "imagecli.toml"), True)
    lines = imagecli("config", "path").stdout.splitlines()
    assert f"credentials  {home / 'credentials.toml'}  (does not exist)" in lines


def test_one_path_alone_is_for_a_script(imagecli: Run, home: Path) -> None:
    assert imagecli("config", "path", "settings").stdout == f"{home / 'config.toml'}\n"
    wrong = imagecli("config", "path", "setings")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "settings" in wrong.stderr


# --- show ------------------------------------------------------------------------------------------------------------


def test_every_setting_is_printed_with_its_origin(imagecli: Run, home: Path, folder: Path) -> None:
    user = write_user_file(home, 'model = "u"\nmax_cost = 20\nquality = "low"')
    (folder / "imagecli.toml").write_text('model = "p"\nmax_cost = 2')
    settings = rows(imagecli, IMAGECLI_SIZE="512x512")
    project = str(folder / "imagecli.toml")
    assert (settings["model"]["value"], settings["model"]["origin"]) == ("p", project)
    assert (settings["max_cost"]["value"], settings["max_cost"]["origin"]) == (2.0, project)
    assert (settings["quality"]["value"], settings["quality"]["origin"]) == ("low", str(user))
    assert (settings["size"]["value"], settings["size"]["origin"]) == ("512x512", "IMAGECLI_SIZE")
    assert (settings["provider"]["value"], settings["provider"]["origin"]) == ("openai", "default")
    assert (settings["max_wait"]["value"], settings["max_wait"]["origin"]) == (120.0, "default")
    assert (settings["fit"]["value"], settings["fit"]["origin"]) == (None, None)


def test_printed_settings_are_valid_in_a_settings_file(imagecli: Run, home: Path) -> None:
    write_user_file(home, 'model = "a \\"b\\""\n[providers.mine]\nbase_url = "http://localhost:1/v1"\njobs = 2')
    plain = imagecli("config", "list").stdout
    for text in (plain, imagecli("config", "list", "--origin").stdout):
        document = tomllib.loads(text)
        assert (document["model"], document["providers"]["mine"]["jobs"]) == ('a "b"', 2)
    assert "# default" not in plain


def test_a_key_is_only_reported_as_set(imagecli: Run, home: Path) -> None:
    write_user_file(home, f'openai = "{KEY}"', "credentials.toml")
    for environ, origin in (({"OPENAI_API_KEY": KEY}, "OPENAI_API_KEY"), ({}, str(home / "credentials.toml"))):
        result = imagecli("config", "list", "--origin", env=environ)
        assert f"# key of openai: set, from {origin}" in result.stdout
        assert KEY not in result.stdout + result.stderr
    assert rows(imagecli)["key of openai"]["remark"] == "set"


def test_a_key_command_is_named_and_not_run(imagecli: Run, home: Path, folder: Path) -> None:
    command = [sys.executable, "-c", "open('ran', 'w')"]
    write_user_file(home, f"[providers.openai]\napi_key_command = {json.dumps(command)}")
    assert "# key of openai: set, from api_key_command" in imagecli("config", "list", "--origin").stdout
    assert not (folder / "ran").exists()


def test_secrets_of_a_base_url_are_not_shown(imagecli: Run, home: Path) -> None:
    write_user_file(home, '[providers.mine]\nbase_url = "https://me:hunter2@x.example/v1?key=hunter2"\n')
    result = imagecli("config", "list", env={"IMAGECLI_BASE_URL": "https://me:hunter2@x.example/v1?key=hunter2"})
    assert "https://[hidden]@x.example/v1?[hidden]" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_invalid_settings_stop_list_with_the_same_error_as_a_command(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text('base_url = "http://evil.example/v1"')
    result = imagecli("config", "list", "--json")
    assert (result.exit_code, result.json["errors"][0]["code"]) == (2, "untrusted")


@pytest.mark.parametrize("command", [("generate", "a cat"), ("doctor",)])
def test_an_env_file_is_not_opened(folder: Path, state: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    os.mkfifo(folder / ".env")  # opening it would wait for a writer
    environ = {
        "PATH": os.environ["PATH"],
        "IMAGECLI_CONFIG_DIR": str(tmp_path / "config"),
        "IMAGECLI_STATE_DIR": str(state),
    }
    argv = [sys.executable, "-m", "imagecli", *command, "--provider", "sandbox"]
    assert subprocess.run(argv, cwd=folder, env=environ, capture_output=True, timeout=60).returncode == 0


# --- get -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "gpt-image-2"),
        ("provider", "openai"),
        ("max_cost", "20"),
        ("max-cost", "20"),
        ("size", ""),
        ("keyring", "false"),
        ("providers.mine.base_url", "http://localhost:1/v1"),
        ("providers.mine.jobs", "2"),
        ("providers.openai.base_url", "https://api.openai.com/v1"),
        ("providers.openai.headers", ""),
    ],
)
def test_a_value_is_printed_alone(imagecli: Run, home: Path, name: str, value: str) -> None:
    write_user_file(home, 'max_cost = 20\n[providers.mine]\nbase_url = "http://localhost:1/v1"\njobs = 2')
    result = imagecli("config", "get", name)
    assert (result.exit_code, result.stdout) == (0, f"{value}\n" if value else ""), result.stderr
    assert ("not set" in result.stderr) is (value == "")


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("modle", "unknown setting 'modle'", "did you mean model?"),
        ("colour", "unknown setting 'colour'", "provider, base_url, model"),
        ("api_key", "api_key is a key, and keys are never printed", "imagecli config list to see whether it is set"),
        ("providers.nope.base_url", "unknown provider 'nope'", "available: openai"),
        ("providers.openai.bas_url", "unknown setting 'providers.openai.bas_url'", "did you mean base_url?"),
        ("providers.openai", "unknown setting 'providers.openai'", ""),
    ],
)
def test_an_unknown_setting_has_no_value(imagecli: Run, name: str, words: str, hint: str) -> None:
    result = imagecli("config", "get", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert hint in result.stderr


def test_a_value_has_its_origin_in_json(imagecli: Run) -> None:
    result = imagecli("config", "get", "model", "--json", env={"IMAGECLI_MODEL": "dall-e-2"})
    assert result.json["settings"] == [
        {"name": "model", "value": "dall-e-2", "origin": "IMAGECLI_MODEL", "remark": None}
    ]


def test_show_is_still_an_alias_of_list(imagecli: Run) -> None:
    assert imagecli("config", "show", "--origin").stdout == imagecli("config", "list", "--origin").stdout
    assert "show" not in imagecli("config", "--help").stdout


# --- edit ------------------------------------------------------------------------------------------------------------


def editor(tmp_path: Path, program: str) -> str:
    """The command of an editor that carries out *program* on the text `text` of the file that it is given."""
    script = tmp_path / "my editor.py"
    script.write_text(
        f"import sys, pathlib\npath = pathlib.Path(sys.argv[-1])\ntext = path.read_text()\n{program}\n"
        "path.write_text(text)\nprint('drawn by the editor')\n"
    )
    return f'{sys.executable} "{script}" --wait'


def test_edit_creates_a_file_whose_every_line_is_a_comment(imagecli: Run, home: Path, tmp_path: Path) -> None:
    result = imagecli("config", "edit", env={"EDITOR": editor(tmp_path, "")})
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    path = home / "config.toml"
    text = path.read_text()
    assert f"{path} is valid" in result.stderr
    assert tomllib.loads(text) == {}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text(re.sub(r"^# (?=[a-z_]+ = |\[)", "", text, flags=re.M))
    assert set(tomllib.loads(path.read_text())) == {*SETTINGS, "presets", "providers"}
    assert imagecli("config", "list").exit_code == 0


def test_edit_opens_the_file_as_it_is_with_visual_before_editor(imagecli: Run, home: Path, tmp_path: Path) -> None:
    path = write_user_file(home, "# mine\n")
    environ = {"VISUAL": editor(tmp_path, "text += 'size = \"auto\"'"), "EDITOR": "no-such-editor"}
    assert imagecli("config", "edit", env=environ).exit_code == 0
    assert path.read_text() == '# mine\nsize = "auto"'


def test_an_edited_file_is_checked(imagecli: Run, home: Path, tmp_path: Path) -> None:
    result = imagecli("config", "edit", env={"EDITOR": editor(tmp_path, "text = 'modle = 1'")})
    assert result.exit_code == 2
    assert "unknown setting 'modle'" in result.stderr and "did you mean model?" in result.stderr
    assert (home / "config.toml").read_text() == "modle = 1"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (None, "no editor found"),
        ("no-such-editor", "editor 'no-such-editor' (from EDITOR) not found"),
        ("./ed", "editor './ed' (from EDITOR) not found"),
        ("ed", "editor 'ed' (from EDITOR) not found"),
        ("false", "failed with exit code 1"),
        ("'ed", "unclosed quote"),
    ],
)
def test_an_editor_that_can_t_be_used_is_named(
    imagecli: Run, folder: Path, tmp_path: Path, command: str | None, words: str
) -> None:
    (folder / "ed").write_text("#!/bin/sh\ntouch ran\n")
    (folder / "ed").chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "false").symlink_to("/bin/false")
    environ = {"PATH": f".{os.pathsep}{folder}{os.pathsep}{tmp_path / 'bin'}"}
    result = imagecli("config", "edit", env=environ | ({"EDITOR": command} if command else {}))
    assert result.exit_code == 2
    assert words in result.stderr and "hint: " in result.stderr
    assert not (folder / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("again", [True, False])
def test_on_a_terminal_an_invalid_file_can_be_edited_again(home: Path, tmp_path: Path, again: bool) -> None:
    program = "text = 'size = \"auto\"' if 'modle' in text else 'modle = 1'"
    environ = {
        "PATH": os.environ["PATH"],
        "IMAGECLI_CONFIG_DIR": str(home),
        "HOME": str(tmp_path),
        "EDITOR": editor(tmp_path, program),
    }
    child = pexpect.spawn(sys.executable, ["-m", "imagecli", "config", "edit"], env=environ, encoding="utf-8")
    child.expect_exact("did you mean model?")
    child.expect_exact("Edit it again? [y/N] ")
    child.sendline("y" if again else "")
    child.expect_exact("is valid" if again else "is not valid")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == (0 if again else 2)
    assert (home / "config.toml").read_text() == ('size = "auto"' if again else "modle = 1")


# --- set and unset ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "typed", "line"),
    [
        ("model", "gpt-image-2", 'model = "gpt-image-2"'),
        ("model", "2024", 'model = "2024"'),
        ("model", '"quoted"', 'model = "quoted"'),
        ("timeout", "60", "timeout = 60"),
        ("size", "1024x1024", 'size = "1024x1024"'),
        ("keyring", "true", "keyring = true"),
        ("output", "x\ny = 1", 'output = "x\\ny = 1"'),
    ],
)
def test_a_setting_is_written_as_loading_reads_it(imagecli: Run, home: Path, name: str, typed: str, line: str) -> None:
    write_user_file(home, "# mine\nmax_wait = 30 # short\n")
    result = imagecli("config", "set", name, typed)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    assert (home / "config.toml").read_text() == f"# mine\nmax_wait = 30 # short\n{line}\n"
    assert rows(imagecli)[name]["origin"] == str(home / "config.toml")


def test_setting_a_field_creates_a_provider_of_the_user(imagecli: Run, home: Path) -> None:
    for name, value in (("base_url", "http://localhost:8080/v1"), ("like", "localai"), ("query.tier", "slow")):
        assert imagecli("config", "set", f"providers.mine.{name}", value).exit_code == 0
    table = {"base_url": "http://localhost:8080/v1", "like": "localai", "query": {"tier": "slow"}}
    assert tomllib.loads((home / "config.toml").read_text()) == {"providers": {"mine": table}}
    assert imagecli("config", "unset", "providers.mine").exit_code == 0
    assert imagecli("config", "unset", "providers.mine").exit_code == 2


def test_removing_the_last_field_removes_the_table_of_a_provider(imagecli: Run, home: Path) -> None:
    write_user_file(home, '[providers.mine]\nbase_url = "http://localhost:1/v1"\n')
    assert imagecli("config", "unset", "providers.mine.base_url").exit_code == 0
    assert tomllib.loads((home / "config.toml").read_text()) == {}


@pytest.mark.parametrize(
    ("typed", "words", "hint"),
    [
        (["modle", "x"], "unknown setting 'modle'", "did you mean model?"),
        (["timeout", "soon"], "a number of seconds", "timeout"),
        (["timeout", "-5"], "timeout '-5': expected a number of seconds above 0", "timeout"),
        (["output_compression", "400"], "output_compression '400': expected an integer from 0 to 100", ""),
        (["if_exists", "ask"], "one of number, skip, overwrite, fail", ""),
        (["providers.mine.jobs", "2"], "unknown provider 'mine'", ""),
        (["providers.openai.jbos", "2"], "'jbos'", "did you mean jobs?"),
        (["providers", "2"], "is a table, not a setting", "providers.NAME.base_url"),
        (["a b", "2"], "invalid setting name 'a b'", ""),
        (["", "2"], "invalid setting name", ""),
    ],
)
def test_an_invalid_value_is_not_written(imagecli: Run, home: Path, typed: list[str], words: str, hint: str) -> None:
    path = write_user_file(home, "# mine\n")
    result = imagecli("config", "set", *typed)
    assert result.exit_code == 2
    assert words in result.stderr
    assert hint in result.stderr
    assert path.read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("name", "word", "strange"),
    [
        ("quality", "ultra", True),
        ("quality", "hd", False),
        ("output_format", "jpg", True),
        ("output_format", "jpeg", False),
        ("model", "ultra", False),
    ],
)
def test_a_value_that_no_model_accepts_is_warned_of(
    imagecli: Run, home: Path, name: str, word: str, strange: bool
) -> None:
    result = imagecli("config", "set", name, word)
    assert result.exit_code == 0
    assert (f"note: no known model accepts {name} {word}; available: " in result.stderr) is strange
    assert rows(imagecli)[name]["value"] == word


@pytest.mark.parametrize(
    "typed", [["api_key", KEY], ["openai_token", "x"], ["providers.openai.api_key", KEY], ["model", KEY], ["key", "x"]]
)
def test_a_key_is_not_accepted_in_argv(imagecli: Run, home: Path, typed: list[str]) -> None:
    result = imagecli("config", "set", *typed)
    assert result.exit_code == 2
    assert "imagecli login" in result.stderr
    assert KEY not in result.stderr
    assert not home.exists()


def test_an_invalid_file_is_named_with_its_line_and_not_changed(imagecli: Run, home: Path) -> None:
    path = write_user_file(home, 'model = "x\nsize = "auto"\n')
    result = imagecli("config", "set", "size", "auto")
    assert result.exit_code == 2
    assert "(at line 1, column" in result.stderr
    assert path.read_text() == 'model = "x\nsize = "auto"\n'


def test_a_source_that_overrides_a_written_setting_is_named(imagecli: Run, folder: Path) -> None:
    message = imagecli("config", "set", "model", "x", env={"IMAGECLI_MODEL": "y"}).stderr
    assert "IMAGECLI_MODEL sets model too" in message
    (folder / "imagecli.toml").write_text('size = "auto"')
    assert "imagecli.toml sets size too" in imagecli("config", "set", "size", "512x512").stderr


# --- trust -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def delicate(folder: Path) -> Path:
    """A project's file that needs trust."""
    path = folder / "imagecli.toml"
    path.write_text('base_url = "http://127.0.0.1:1/\\u001b[31m"')
    return path


@pytest.mark.parametrize(("response", "trusted"), [(b"y\n", True), (b"yes\n", True), (b"\n", False), (b"", False)])
def test_the_trust_prompt_lists_what_would_be_allowed(
    imagecli: Run, delicate: Path, response: bytes, trusted: bool
) -> None:
    result = imagecli("config", "trust", stdin=response, tty=("stdin",))
    assert result.exit_code == (0 if trusted else 2)
    assert "base_url = 'http://127.0.0.1:1/" in result.stderr
    assert "\x1b" not in result.stderr
    refused = "untrusted" in imagecli("config", "list", "--json").stdout
    assert refused is not trusted


def test_without_a_terminal_trust_requires_yes(imagecli: Run, delicate: Path, folder: Path) -> None:
    result = imagecli("config", "trust", stdin=b"y\n")
    assert result.exit_code == 2
    assert f"imagecli config trust {folder} --yes" in result.stderr
    assert imagecli("config", "trust", folder, "--yes").exit_code == 0
    assert "already trusted" in imagecli("config", "trust", "--yes").stderr
    assert imagecli("config", "trust", "--remove").exit_code == 0
    assert "untrusted" in imagecli("config", "list", "--json").stdout


def test_a_file_that_needs_no_trust_gets_none(imagecli: Run, folder: Path, state: Path) -> None:
    assert imagecli("config", "trust", "--yes").exit_code == 2
    (folder / "imagecli.toml").write_text('model = "x"')
    assert "nothing that requires trust" in imagecli("config", "trust", "--yes").stderr
    assert not state.exists()


# --- the group -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ([], "imagecli config --help"),
        (["lsit"], "did you mean imagecli config list?"),
        (["x"], "available commands: list, get, set, unset, edit, path, trust\n"),
    ],
)
def test_an_unknown_subcommand_is_an_error_that_lists_the_valid_ones(
    imagecli: Run, typed: list[str], hint: str
) -> None:
    result = imagecli("config", *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr


def test_no_env_file_is_read(imagecli: Run, folder: Path) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY={KEY}\nIMAGECLI_MODEL=x\n")
    result = imagecli("generate", "a cat")
    assert result.exit_code == 3
    assert rows(imagecli)["model"]["origin"] == "default"


def test_a_key_is_in_no_output_file_or_argument_of_a_run(imagecli: Run, tmp_path: Path, sandbox: str) -> None:
    typed = ("-m", "dall-e-2", "-s", "256x256", "--base-url", sandbox, "--debug")
    result = imagecli("generate", "a cat", *typed, env={"OPENAI_API_KEY": KEY})
    assert result.exit_code == 0, result.stderr
    assert KEY not in result.stdout + result.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "command",
    [
        ("generate", "a cat", "--debug"),
        ("generate", "a cat", "--debug", "--json"),
        ("generate", "a cat", "--dry-run", "--json"),
        ("batch", "m.txt", "--debug"),
        ("doctor", "--provider", "gw"),
        ("config", "list"),
        ("config", "list", "--json"),
        ("providers", "gw", "--json"),
    ],
)
def test_a_gateway_s_header_is_in_no_output_even_if_the_server_repeats_it(
    imagecli: Run, tmp_path: Path, folder: Path, httpserver: HTTPServer, command: tuple[str, ...]
) -> None:
    refusal = json.dumps({"error": {"message": f"the token {KEY} is unknown"}})
    httpserver.expect_request(re.compile("/v1/.*")).respond_with_data(refusal, 400, {"x-request-id": KEY})
    (tmp_path / "config").mkdir(exist_ok=True)
    settings = tmp_path / "config" / "config.toml"
    settings.write_text(
        f'[providers.gw]\nbase_url = "{httpserver.url_for("/v1")}"\ntakes_default_model = true\n'
        f'headers = {{ cf-aig-authorization = "{KEY}" }}\n'
    )
    settings.chmod(0o600)
    (folder / "m.txt").write_text("a cat\n")
    typed = ("--provider", "gw") if command[0] in ("generate", "batch") else ()
    result = imagecli(*command, *typed)
    assert KEY not in result.stdout + result.stderr
    if "generate" in command and "--dry-run" not in command:
        assert [request.headers["cf-aig-authorization"] for request, _ in httpserver.log] == [KEY]
        assert "the token [key] is unknown" in result.stdout + result.stderr


def test_help_loads_none_of_what_settings_need() -> None:
    program = "import sys; from imagecli.__main__ import run\ntry: run()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, "config", "set", "-h"], capture_output=True, text=True)
    assert done.returncode == 0
    assert not {"tomlkit", "platformdirs", "requests", "keyring"} & set(done.stderr.split())
