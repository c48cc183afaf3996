"""Providers that settings define or change: their keys, their variables, and errors in them."""

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


def test_a_provider_of_the_user_is_like_another_without_its_variables(home: Home) -> None:
    home.user(MINE + 'like = "localai"\njobs = 2')
    settings = home.load({"provider": "mine"}, OPENAI)
    assert (settings.provider.name, settings.base_url) == ("mine", "http://localhost:8080/v1")
    assert (settings.provider.jobs, settings.provider.picture) == (2, "{base64}")
    assert (settings.key, settings.headers) == (None, {})


def test_without_like_it_is_like_openai_and_gets_no_openai_key(home: Home) -> None:
    home.user('[providers.mine]\nbase_url = "https://images.example/v1"')
    settings = home.load({"provider": "mine"}, OPENAI)
    assert settings.provider.paths["edits"] == "/images/edits"
    assert (settings.base_url, settings.key, settings.headers) == ("https://images.example/v1", None, {})
    assert settings.no_key
    assert "imagecli login mine" in (settings.no_key.hint or "")


def test_its_key_is_stored_under_its_own_name(home: Home) -> None:
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
    with pytest.raises(SettingsError, match="OPENAI_API_KEY holds the key of provider openai") as caught:
        home.load({"provider": name}, OPENAI)
    assert f"imagecli login {name}" in (caught.value.hint or "")


def test_a_shipped_row_is_changed_and_keeps_the_rest(home: Home) -> None:
    home.user('[providers.openai]\njobs = 1\ntimeout = 60\nquery = { tier = "slow" }')
    settings = home.load({}, {"OPENAI_API_KEY": "sk-1"})
    assert (settings.provider.jobs, settings.timeout, settings.query) == (1, 60.0, {"tier": "slow"})
    assert settings.base_url == "https://api.openai.com/v1"
    assert settings.provider.priced and settings.provider.retires
    assert settings.key


def test_at_another_base_url_prices_and_retirement_dates_are_unknown(home: Home) -> None:
    home.user('[providers.openai]\nbase_url = "https://gateway.example/v1"')
    settings = home.load({}, {"OPENAI_API_KEY": "sk-1"})
    assert settings.base_url == "https://gateway.example/v1"
    assert not (settings.provider.priced or settings.provider.retires or settings.provider.retired)


@pytest.mark.parametrize("flags", [{"timeout": 5.0}, {}])
def test_a_typed_timeout_overrides_the_providers(home: Home, flags: dict[str, float]) -> None:
    home.user(MINE + "timeout = 60")
    assert home.load({"provider": "mine", **flags}).timeout == flags.get("timeout", 60.0)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("[providers.shop]\njobs = 2", "unknown provider 'shop'", "openai"),
        ('[providers.mine]\nlike = "locai"', "unknown provider 'locai'", "did you mean local"),
        ("[providers.mine]\nlike = 5", "unknown provider '5'", ""),
        (MINE + "jbos = 2", "unknown setting in [providers.mine] 'jbos'", "did you mean jobs?"),
        (MINE + 'jobs = "two"', "[providers.mine] jobs: expected an integer from 1, found 'two'", ""),
        (MINE + "jobs = 0", "[providers.mine] jobs: expected an integer from 1, found 0", ""),
        (MINE + "jobs = true", "[providers.mine] jobs: expected an integer from 1, found true", ""),
        (MINE + 'auth = "basic"', "[providers.mine] auth: unknown value 'basic'", ""),
        (MINE + 'keys = ["MINE"]', "[providers.mine] keys", ""),
        (MINE + 'timeout = "soon"', "[providers.mine] timeout: expected a number of seconds", "timeout = 600"),
        (MINE + 'api_key = "sk-1"', "unknown setting in [providers.mine] 'api_key'", "imagecli login mine"),
        (MINE + "embedded = true", "unknown setting in [providers.mine] 'embedded'", ""),
        (MINE + 'name = "x"', "unknown setting in [providers.mine] 'name'", ""),
        ('[providers.mine]\nbase_url = "ftp://x/v1"', "[providers.mine] the base URL 'ftp://x/v1'", "http://"),
        ('[providers.mine]\nbase_url = "http://u:sk-1@x y/v1"', "[providers.mine]", ""),
    ],
)
def test_an_error_in_a_table_is_named_with_file_and_key(home: Home, text: str, words: str, hint: str) -> None:
    path = home.user(text)
    with pytest.raises(SettingsError) as caught:
        home.load()
    assert caught.value.message.startswith(f"{path}: ")
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "sk-1" not in caught.value.message + (caught.value.hint or "")


def test_a_base_url_in_a_file_is_ignored_for_another_provider(home: Home) -> None:
    home.user('base_url = "http://127.0.0.1:1/mine"')
    assert home.load({}).base_url == "http://127.0.0.1:1/mine"
    assert home.load({"provider": "xai"}).base_url == "https://api.x.ai/v1"
    home.user('provider = "xai"\nbase_url = "http://127.0.0.1:1/mine"')
    assert home.load({}).base_url == "http://127.0.0.1:1/mine"
    home.in_project('provider = "together"')
    trust(home)
    assert home.load({}).base_url == "https://api.together.ai/v1"
    assert home.load({}, {"IMAGECLI_BASE_URL": "http://127.0.0.1:1/v"}).base_url == "http://127.0.0.1:1/v"


def test_a_provider_without_a_base_url_is_an_error_with_a_hint(home: Home) -> None:
    with pytest.raises(UsageError, match="azure has no default base URL") as caught:
        home.load({"provider": "azure"})
    assert "AZURE_OPENAI_ENDPOINT" in (caught.value.hint or "")


GATEWAY = MINE + 'headers = { x-gateway-key = "hush-0123456789", x-team = "art" }\n'


def test_headers_for_a_gateway_are_sent_by_their_own_provider_alone(home: Home) -> None:
    home.user(GATEWAY + '[providers.other]\nlike = "mine"\nbase_url = "http://localhost:8081/v1"').chmod(0o600)
    settings = home.load({"provider": "mine"})
    assert settings.headers == {"x-gateway-key": "hush-0123456789", "x-team": "art"}
    assert [secret.reveal() for secret in settings.secrets] == ["hush-0123456789", "art"]
    assert "hush" not in repr(settings.secret_headers)
    assert not settings.warnings
    for provider in ("other", "openai", "sandbox"):
        assert not home.load({"provider": provider}, OPENAI).secret_headers


def test_a_header_needs_trust_in_a_project_and_can_be_removed_there(home: Home) -> None:
    home.user(GATEWAY).chmod(0o600)
    home.in_project('[providers.mine]\nheaders = { x-team = "" }')
    with pytest.raises(SettingsError, match="sets providers"):
        home.load({"provider": "mine"})
    trust(home)
    assert home.load({"provider": "mine"}).headers == {"x-gateway-key": "hush-0123456789"}


def test_a_header_is_not_sent_over_plain_http_to_a_public_host(home: Home) -> None:
    home.user(GATEWAY.replace("http://localhost:8080", "http://gateway.example")).chmod(0o600)
    with pytest.raises(UsageError, match="a header with a key would be sent over plain http"):
        home.load({"provider": "mine"})


def test_a_file_with_headers_that_others_can_read_is_warned_of(home: Home) -> None:
    home.user(GATEWAY).chmod(0o644)
    (warning,) = home.load({"provider": "mine"}).warnings
    assert warning.code == "readable_headers"
    assert "chmod 600" in warning.message


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ('{ "x y" = "hush" }', "invalid header name"),
        ('{ "x\\r\\nb" = "hush" }', "invalid header name"),
        ('{ Authorization = "hush" }', "is reserved for the API key"),
        ('{ api-key = "hush" }', "is reserved for the API key"),
        ('{ Content-Length = "hush" }', "imagecli sets Content-Length itself"),
        ('{ host = "hush" }', "imagecli sets host itself"),
        ('{ x-a = "hush\\nx" }', "headers.x-a: it contains an invalid character"),
        ('{ x-a = "\u201chush\u201d" }', "headers.x-a: it contains an invalid character"),
        ("{ x-a = 5 }", "headers.x-a: expected text"),
        ('"hush"', "expected a table"),
    ],
)
def test_a_header_that_can_t_be_sent_is_refused_and_not_quoted(home: Home, headers: str, words: str) -> None:
    home.user(f"{MINE}headers = {headers}")
    with pytest.raises(SettingsError, match=words) as caught:
        home.load({"provider": "mine"})
    assert "hush" not in f"{caught.value.message} {caught.value.hint}"
