"""Providers that settings define or change: which key they get, which variables they read, what is wrong in them."""

from __future__ import annotations

import pytest

from imagecli.errors import SettingsError, UsageError
from tests.config.conftest import Home
from tests.config.test_trust import trust

MINE = '[providers.mine]\nbase_url = "http://localhost:8080/v1"\n'
OPENAI = {
    "OPENAI_API_KEY": "sk-openai-0123456789",
    "OPENAI_BASE_URL": "http://127.0.0.1:1/openai",
    "OPENAI_ORG_ID": "org-1",
    "OPENAI_PROJECT_ID": "proj-1",
}


def test_a_provider_of_ones_own_is_like_another_and_has_nothing_of_its_name(home: Home) -> None:
    home.user(MINE + 'like = "localai"\njobs = 2')
    settings = home.load({"provider": "mine"}, OPENAI)
    assert (settings.provider.name, settings.base_url) == ("mine", "http://localhost:8080/v1")
    assert (settings.provider.jobs, settings.provider.picture) == (2, "{base64}")
    assert (settings.key, settings.headers) == (None, {})


def test_without_like_it_speaks_as_openai_and_its_key_stays_at_home(home: Home) -> None:
    home.user('[providers.mine]\nbase_url = "https://images.example/v1"')
    settings = home.load({"provider": "mine"}, OPENAI)
    assert settings.provider.paths["edits"] == "/images/edits"
    assert (settings.base_url, settings.key, settings.headers) == ("https://images.example/v1", None, {})
    assert settings.no_key
    assert "imagecli config login mine" in (settings.no_key.hint or "")


def test_its_key_stands_under_its_own_name(home: Home) -> None:
    home.user(MINE)
    home.user('openai = "sk-openai-1"\nmine = "sk-mine-1"', "credentials.toml").chmod(0o600)
    key = home.load({"provider": "mine"}, OPENAI).key
    assert key
    assert key.secret.reveal() == "sk-mine-1"


def test_its_key_may_come_from_a_variable_that_is_its_own(home: Home) -> None:
    home.user(MINE + 'keys = [{ env = "MINE_KEY", auth = "api-key" }]')
    key = home.load({"provider": "mine"}, {**OPENAI, "MINE_KEY": "abc"}).key
    assert key
    assert (key.secret.reveal(), key.auth, key.origin) == ("abc", "api-key", "MINE_KEY")


@pytest.mark.parametrize("name", ["mine", "xai"])
def test_a_key_variable_of_another_provider_is_refused(home: Home, name: str) -> None:
    home.user(f'[providers.{name}]\nbase_url = "http://x.example/v1"\nkeys = [{{ env = "OPENAI_API_KEY" }}]')
    with pytest.raises(SettingsError, match="OPENAI_API_KEY is the key of provider openai") as caught:
        home.load({"provider": name}, OPENAI)
    assert f"imagecli config login {name}" in (caught.value.hint or "")


def test_a_row_that_ships_is_changed_and_keeps_the_rest(home: Home) -> None:
    home.user('[providers.openai]\njobs = 1\ntimeout = 60\nquery = { tier = "slow" }')
    settings = home.load({}, {"OPENAI_API_KEY": "sk-1"})
    assert (settings.provider.jobs, settings.timeout, settings.query) == (1, 60.0, {"tier": "slow"})
    assert settings.base_url == "https://api.openai.com/v1"
    assert settings.provider.priced and settings.provider.retires
    assert settings.key


def test_at_another_base_url_nothing_is_known_of_prices_and_last_days(home: Home) -> None:
    home.user('[providers.openai]\nbase_url = "https://gateway.example/v1"')
    settings = home.load({}, {"OPENAI_API_KEY": "sk-1"})
    assert settings.base_url == "https://gateway.example/v1"
    assert not (settings.provider.priced or settings.provider.retires or settings.provider.retired)


@pytest.mark.parametrize("flags", [{"timeout": 5.0}, {}])
def test_a_typed_timeout_goes_before_the_providers(home: Home, flags: dict[str, float]) -> None:
    home.user(MINE + "timeout = 60")
    assert home.load({"provider": "mine", **flags}).timeout == flags.get("timeout", 60.0)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("[providers.mine]\njobs = 2", "no provider 'mine'", "openai"),
        ('[providers.mine]\nlike = "locai"', "no provider 'locai'", "did you mean local"),
        ("[providers.mine]\nlike = 5", "no provider '5'", ""),
        (MINE + "jbos = 2", "no setting in [providers.mine] 'jbos'", "did you mean jobs?"),
        (MINE + 'jobs = "two"', "[providers.mine] jobs: expected a whole number from 1, got 'two'", ""),
        (MINE + "jobs = 0", "[providers.mine] jobs: expected a whole number from 1, got 0", ""),
        (MINE + "jobs = true", "[providers.mine] jobs: expected a whole number from 1, got true", ""),
        (MINE + 'auth = "basic"', "[providers.mine] auth: unknown value 'basic'", ""),
        (MINE + 'keys = ["MINE"]', "[providers.mine] keys", ""),
        (MINE + 'timeout = "soon"', "[providers.mine] timeout: a number of seconds", "timeout = 600"),
        (MINE + 'api_key = "sk-1"', "no setting in [providers.mine] 'api_key'", "imagecli config login mine"),
        (MINE + "embedded = true", "no setting in [providers.mine] 'embedded'", ""),
        (MINE + 'name = "x"', "no setting in [providers.mine] 'name'", ""),
        ('[providers.mine]\nbase_url = "ftp://x/v1"', "[providers.mine] the base URL 'ftp://x/v1'", "http://"),
        ('[providers.mine]\nbase_url = "http://u:sk-1@x y/v1"', "[providers.mine]", ""),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_file_and_key(home: Home, text: str, words: str, hint: str) -> None:
    path = home.user(text)
    with pytest.raises(SettingsError) as caught:
        home.load()
    assert caught.value.message.startswith(f"{path}: ")
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "sk-1" not in caught.value.message + (caught.value.hint or "")


def test_a_base_url_in_a_file_is_left_behind_by_another_provider(home: Home) -> None:
    home.user('base_url = "http://127.0.0.1:1/mine"')
    assert home.load({}).base_url == "http://127.0.0.1:1/mine"
    assert home.load({"provider": "xai"}).base_url == "https://api.x.ai/v1"
    home.user('provider = "xai"\nbase_url = "http://127.0.0.1:1/mine"')
    assert home.load({}).base_url == "http://127.0.0.1:1/mine"
    home.in_project('provider = "together"')
    trust(home)
    assert home.load({}).base_url == "https://api.together.xyz/v1"
    assert home.load({}, {"IMAGECLI_BASE_URL": "http://127.0.0.1:1/v"}).base_url == "http://127.0.0.1:1/v"


def test_a_provider_without_a_base_url_says_how_to_give_one(home: Home) -> None:
    with pytest.raises(UsageError, match="azure has no base URL") as caught:
        home.load({"provider": "azure"})
    assert "AZURE_OPENAI_ENDPOINT" in (caught.value.hint or "")
