"""The precedence of settings, their origins, and what a settings file may not contain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.config.schema import SETTINGS, SettingValues
from imagecli.config.settings import ImageSettings
from imagecli.config.sources import SettingFlags
from imagecli.domain import Size
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError
from tests.config.conftest import LOCAL, Home


@pytest.mark.parametrize(
    ("line", "value", "origin"),
    [
        ("flag environment project user", "from-flag", "--model"),
        ("environment project user", "from-environment", "IMAGECLI_MODEL"),
        ("project user", "from-project", "imagecli.toml"),
        ("user", "from-user", "config.toml"),
        ("", None, None),
    ],
)
def test_the_nearest_setting_applies(home: Home, line: str, value: str | None, origin: str | None) -> None:
    if "user" in line:
        home.user('model = "from-user"')
    if "project" in line:
        home.in_project('model = "from-project"')
    environ = {"IMAGECLI_MODEL": "from-environment"} if "environment" in line else {}
    settings = home.load(LOCAL | ({"model": "from-flag"} if "flag" in line else {}), environ)
    assert settings.image.model == value
    setting_origin = settings.origins.get("model")
    assert (Path(setting_origin).name if setting_origin else None) == origin


@pytest.mark.parametrize(
    ("settings", "flags", "environ", "model"),
    [
        ('model = "gpt-image-1"', {"provider": "xai"}, {}, None),
        ("", {"provider": "xai"}, {"IMAGECLI_MODEL": "m"}, None),
        ('model = "gpt-image-1"', {**LOCAL, "provider": "local"}, {}, None),
        ('model = "sd-turbo"', {**LOCAL, "provider": "local"}, {}, "sd-turbo"),
        ('model = "gpt-image-1"', {"provider": "xai", "model": "gpt-image-1"}, {}, "gpt-image-1"),
        ('model = "m"\nprovider = "xai"', {"provider": "xai"}, {}, "m"),
        ('model = "m"\nprovider = "xai"', {}, {}, "m"),
        ('model = "m"', {}, {"IMAGECLI_PROVIDER": "xai"}, "m"),
        ('model = "m"', {"provider": "together"}, {}, "m"),
        ('model = "gpt-image-1"', {"provider": "sandbox"}, {}, "gpt-image-1"),
    ],
)
def test_a_model_that_was_set_for_another_provider_is_ignored(
    home: Home, settings: str, flags: dict[str, Any], environ: dict[str, str], model: str | None
) -> None:
    home.user(settings)
    loaded = home.load(flags, {"TOGETHER_API_KEY": "t", "XAI_API_KEY": "x", **environ})
    assert loaded.image.model == model
    assert bool(loaded.notes) is (model is None)


def test_layers_are_merged_setting_by_setting(home: Home) -> None:
    home.user('model = "m"\nsize = "512x512"\ntimeout = 5')
    home.in_project('size = "auto"\nif_exists = "skip"')
    settings = home.load(LOCAL | {"timeout": None}, {"IMAGECLI_MAX_RETRIES": "4", "IMAGECLI_SIZE": "256x256"})
    assert settings.image == ImageSettings(model="m", size=Size(256, 256))
    assert settings.if_exists == "skip"
    assert {name: Path(origin).name for name, origin in settings.origins.items()} == {
        "base_url": "--base-url",
        "model": "config.toml",
        "size": "IMAGECLI_SIZE",
        "timeout": "config.toml",
        "if_exists": "imagecli.toml",
        "max_retries": "IMAGECLI_MAX_RETRIES",
    }
    assert (settings.timeout, settings.max_retries, settings.max_wait) == (5.0, 4, 120.0)


def test_without_any_setting_the_defaults_apply(home: Home) -> None:
    settings = home.load({}, {"OPENAI_API_KEY": "sk-1"})
    assert (settings.provider.name, settings.base_url) == ("openai", "https://api.openai.com/v1")
    assert (settings.timeout, settings.max_retries, settings.max_wait) == (None, 2, 120.0)
    assert (settings.image, settings.output, settings.if_exists) == (ImageSettings(), None, None)
    assert settings.origins == {}


@pytest.mark.parametrize("up", [1, 2, 3])
def test_a_project_file_is_found_up_to_the_repository_and_no_further(home: Home, up: int) -> None:
    home.in_project('model = "p"', up)
    assert home.load().image.model == "p"


def test_a_file_above_the_repository_is_not_read(home: Home) -> None:
    home.in_project('model = "p"', 4)
    assert home.load().image.model is None


def test_the_nearest_project_file_is_the_only_one(home: Home) -> None:
    home.in_project('model = "far"\nsize = "auto"', 3)
    home.in_project('model = "near"', 1)
    assert home.load().image == ImageSettings(model="near")


@pytest.mark.parametrize(
    "text",
    ['base_url = "http://evil.example/v1"', '[providers.openai]\napi_key_command = ["curl", "evil.example"]'],
)
def test_a_project_file_can_t_decide_where_the_key_is_sent(home: Home, text: str) -> None:
    path = home.in_project(text)
    with pytest.raises(SettingsError) as caught:
        home.load()
    assert caught.value.message.startswith(
        f"{path} sets {text.split()[0].strip('[').partition('.')[0]}, which decides where"
    )


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("model = \n", "line 1", "fix"),
        ('size = "auto"\nmodel = x', "line 2", "fix"),
        ("\x00", "a NUL byte", "UTF-8"),
        ("a = " + "[" * 20_000, "not valid TOML", "fix"),
        ('modle = "x"', "unknown setting 'modle'", "did you mean model?"),
        ('api_key = "sk-1"', "unknown setting 'api_key'", "imagecli login"),
        ('[providers.openai]\napi_key_command = "op read x"', "api_key_command: expected a list of strings", "op"),
        ("[providers.openai]\napi_key_command = [1]", "api_key_command: expected text, found 1", "op"),
        ("size = 5", "size 5: expected text", "WIDTHxHEIGHT"),
        ('size = "big"', "invalid size 'big'", "1024x1024"),
        ('model = ""', "expected text", "name of the model"),
        ("model = true", "expected text", "name of the model"),
        ('if_exists = "ask"', "expected one of number, skip, overwrite, fail", "if_exists"),
        ('if_exists = ["skip"]', "expected one of", "if_exists"),
        *[(f"timeout = {value}", "number of seconds above 0", "timeout") for value in ("0", "-1", "nan", "inf", "[]")],
        *[(f"timeout = {value}", "number of seconds above 0", "") for value in ("true", '"soon"', "1e20", "9" * 400)],
        *[
            (f"max_retries = {value}", "an integer, 0 or more", "retries")
            for value in ("-1", "2.5", "inf", "nan", "{}")
        ],
        *[(f"max_retries = {value}", "an integer, 0 or more", "") for value in ("true", '"two"', "1e20", "9" * 400)],
        ("providers = 5", "providers", "[providers.NAME]"),
        ("providers.openai = 5", "providers", "[providers.NAME]"),
        ("[providers.opnai]", "unknown provider 'opnai'", "did you mean openai?"),
        ('[providers.openai]\napi_key = "sk-1"', "unknown setting in [providers.openai] 'api_key'", "api_key_command"),
    ],
)
def test_a_wrong_line_is_named_with_its_file(home: Home, text: str, words: str, hint: str) -> None:
    path = home.user(text)
    with pytest.raises(SettingsError) as caught:
        home.load()
    assert str(path) in caught.value.message
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "sk-1" not in caught.value.message
    assert len(caught.value.message) < 800


@pytest.mark.parametrize(
    ("variable", "value"),
    [("IMAGECLI_TIMEOUT", "soon"), ("IMAGECLI_MAX_RETRIES", "1.5"), ("IMAGECLI_SIZE", "big")],
)
def test_a_wrong_variable_is_named(home: Home, variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        home.load(LOCAL, {variable: value})


@pytest.mark.parametrize("flags", [{"timeout": float("nan")}, {"max_wait": -1.0}, {"size": "big"}])
def test_a_wrong_flag_is_named(home: Home, flags: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="--" + next(iter(flags)).replace("_", "-")):
        home.load(flags)


def test_a_file_that_can_t_be_read_is_named(home: Home) -> None:
    (home.config / "config.toml").mkdir()
    with pytest.raises(SettingsError, match=r"refusing to use .*config\.toml: it is a folder"):
        home.load()
    (home.config / "config.toml").rmdir()
    (home.config / "config.toml").write_bytes(b'model = "\xff"')
    with pytest.raises(SettingsError, match=r"can't read .*config\.toml"):
        home.load()


def test_a_byte_order_mark_is_accepted(home: Home) -> None:
    home.user('\ufeffmodel = "m"')
    assert home.load().image.model == "m"


def test_an_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGECLI_MODEL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    environ = Env.real(has_stdout=True).environ
    assert "IMAGECLI_MODEL" not in environ
    assert "OPENAI_API_KEY" not in environ
    assert environ["PATH"] == os.environ["PATH"]


def test_organization_and_project_become_headers_of_their_provider(home: Home) -> None:
    own = {"OPENAI_ORG_ID": " org-1\n", "OPENAI_PROJECT_ID": "proj_1"}
    assert home.load(LOCAL, own).headers == {"OpenAI-Organization": "org-1", "OpenAI-Project": "proj_1"}
    assert home.load({"provider": "sandbox"}, own).headers == {}
    assert home.load(LOCAL, {"OPENAI_ORG_ID": "  "}).headers == {}
    for text in ("org\r\nX: 1", "“org”"):
        with pytest.raises(SettingsError, match="OPENAI_ORG_ID"):
            home.load(LOCAL, {"OPENAI_ORG_ID": text})


def test_the_fixed_headers_of_a_row_are_sent_and_are_not_secret(home: Home) -> None:
    rows = load_shipped_catalog()
    row = rows.provider("openai")._replace(fixed_headers={"x-title": "imagecli"})
    settings = home.load(LOCAL, {"OPENAI_ORG_ID": "org-1"}, rows._replace(providers={"openai": row}))
    assert settings.headers == {"x-title": "imagecli", "OpenAI-Organization": "org-1"}
    assert settings.secrets == ()


def test_the_sandbox_reads_no_providers_variables(home: Home) -> None:
    openai = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    settings = home.load({"provider": "sandbox"}, openai)
    assert (settings.key, settings.base_url, settings.headers) == (None, "", {})


def test_the_sandbox_and_a_typed_base_url_exclude_each_other(home: Home) -> None:
    with pytest.raises(UsageError, match="no base URL"):
        home.load(LOCAL | {"provider": "sandbox"})
    home.user('base_url = "http://127.0.0.1:1/v1"')
    assert home.load({"provider": "sandbox"}).base_url == ""


def test_the_base_url_has_its_own_precedence(home: Home) -> None:
    own = {"OPENAI_BASE_URL": "http://127.0.0.1:1/own"}
    assert home.load({}, own).base_url == "http://127.0.0.1:1/own"
    home.user('base_url = "http://127.0.0.1:1/user"')
    assert home.load({}, own).base_url == "http://127.0.0.1:1/user"
    assert home.load(LOCAL, own).base_url == LOCAL["base_url"]


def test_an_unknown_provider_is_an_error_that_lists_the_known_ones(home: Home) -> None:
    with pytest.raises(UsageError, match="unknown provider 'x'") as caught:
        home.load({"provider": "x"})
    assert "openai" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("base_url", "refused"),
    [
        ("http://api.example/v1", True),
        ("http://8.8.8.8/v1", True),
        ("HTTP://api.example/v1", True),
        ("https://api.example/v1", False),
        ("http://10.0.0.7/v1", False),
        ("http://localhost:8080/v1", False),
        ("http://box.local/v1", False),
    ],
)
def test_a_key_over_plain_http_to_a_public_host_is_refused(home: Home, base_url: str, refused: bool) -> None:
    flags, key = {"base_url": base_url}, {"OPENAI_API_KEY": "sk-1"}
    if not refused:
        assert home.load(flags, key).warnings == ()
        return
    with pytest.raises(UsageError) as caught:
        home.load(flags, key)
    assert (caught.value.exit_code, caught.value.code) == (2, "insecure_base_url")
    assert "--insecure-http" in (caught.value.hint or "")
    for allowed in ({**flags, "insecure_http": True}, flags):
        settings = home.load(allowed, {**key, "IMAGECLI_INSECURE_HTTP": "true"} if allowed is flags else key)
        assert [warning.code for warning in settings.warnings] == ["insecure_base_url"]


def test_no_key_is_sent_over_plain_http(home: Home) -> None:
    assert home.load({"base_url": "http://api.example/v1"}).key is None


FREE = ", or try it for free with --provider sandbox"


@pytest.mark.parametrize(
    ("flags", "user", "environ", "message", "hint"),
    [
        ({}, "", {}, "for openai", f"run `imagecli login`{FREE}"),
        ({"provider": "xai"}, "", {}, "for xai", f"run `imagecli login xai`{FREE}"),
        (
            {},
            "",
            {"IMAGECLI_PROVIDER": "xai"},
            "for xai, the provider set by IMAGECLI_PROVIDER",
            f"run `imagecli login`{FREE}",
        ),
        (
            {"provider": "openai"},
            "",
            {"IMAGECLI_PROVIDER": "xai"},
            "for openai",
            f"run `imagecli login openai`{FREE}",
        ),
        ({"provider": "xai"}, 'provider = "xai"', {}, "for xai", f"run `imagecli login`{FREE}"),
        ({"base_url": "https://gw.example/v1"}, "", {}, "for openai", "run `imagecli login`"),
        ({}, "", {"CI": "true"}, "for openai", f"set OPENAI_API_KEY from a CI secret{FREE}"),
    ],
)
def test_a_missing_key_names_the_provider_and_the_way_to_store_one(
    home: Home, flags: dict[str, Any], user: str, environ: dict[str, str], message: str, hint: str
) -> None:
    home.user(user)
    missing = home.load(flags, environ).no_key
    assert missing
    assert (missing.exit_code, missing.code) == (3, "no_key")
    assert (missing.message, missing.hint) == (f"no API key {message}", hint)


def test_every_setting_has_a_typed_field() -> None:
    assert set(SettingValues._fields) == set(SETTINGS)
    assert set(SETTINGS) - set(SettingFlags._fields) == {"history", "keyring"}
    assert set(SettingFlags._fields) <= set(SETTINGS)


def test_every_setting_has_a_description() -> None:
    assert all(setting.about for setting in SETTINGS.values())


def test_a_variable_that_sets_nothing_is_warned_of(home: Home) -> None:
    warnings = home.load(environ={"IMAGECLI_MODLE": "x", "IMAGECLI_QQQ": "x"}).warnings
    assert [warning.message for warning in warnings if warning.code == "unknown_variable"] == [
        "unknown variable IMAGECLI_MODLE; did you mean IMAGECLI_MODEL?",
        "unknown variable IMAGECLI_QQQ",
    ]


def test_a_settings_folder_that_everyone_can_write_to_is_warned_of(home: Home) -> None:
    assert not home.load().warnings
    home.config.chmod(0o777)
    assert [warning.code for warning in home.load().warnings] == ["open_folder"]
