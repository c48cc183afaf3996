"""Base URLs: which are valid, and which belong to this machine or a private network."""

from __future__ import annotations

import pytest

from imagecli.config.base_url import is_local, is_public, validate_base_url, without_endpoint
from imagecli.errors import UsageError
from tests.config.conftest import Home


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "localhost:8080/v1",
        "//host/v1",
        "/v1",
        "ftp://host/v1",
        "file:///etc/passwd",
        "http://",
        "http:///v1",
        "https://:8080/v1",
        "http://host:99999/v1",
        "http://host:port/v1",
        "http://host:0/v1",
        "http://[::1/v1",
        "http://[nonsense]/v1",
        "http://" + "a" * 64 + ".example/v1",
        "http://a..example/v1",
        "javascript:alert(1)",
    ],
)
def test_an_invalid_base_url_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate_base_url(text)
    assert "base URL" in caught.value.message
    assert "http://localhost:8080/v1" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "https://api.openai.com/v1",
        "http://localhost:8080",
        "HTTPS://API.example/v1/",
        "http://[::1]:8080/v1",
        "https://a.example/v1?api-version=2025-04-01",
        "https://bücher.example/v1",
        "https://a.example./v1",
    ],
)
def test_a_valid_base_url_stays_as_typed(text: str) -> None:
    assert validate_base_url(f"  {text}\n") == text


@pytest.mark.parametrize("text", ["ftp://me:hush@host/v1", "http://me:hush@:1/v1", "http://me:hush@host:99999/"])
def test_a_password_in_it_is_not_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate_base_url(text)
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("base_url", "local"),
    [
        ("http://localhost/v1", True),
        ("http://a.localhost/v1", True),
        ("http://localhost.:8080/v1", True),
        ("http://127.0.0.1./v1", True),
        ("http://127.1.2.3:80/v1", True),
        ("http://[::1]/v1", True),
        ("http://10.0.0.1/v1", True),
        ("http://192.168.1.5/v1", True),
        ("http://[fd00::1]/v1", True),
        ("http://printer.local/v1", True),
        ("http://8.8.8.8/v1", False),
        ("https://api.openai.com/v1", False),
        ("https://api.openai.com./v1", False),
        ("https://localhost.example/v1", False),
        ("https://notlocalhost/v1", False),
        ("", False),
    ],
)
def test_this_machine_and_private_networks_are_local(base_url: str, local: bool) -> None:
    assert is_local(base_url) is local


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("api.example.com", True),
        ("8.8.8.8", True),
        ("[2606:4700::1111]", True),
        ("localhost", False),
        ("localai", False),
        ("box.local", False),
        ("vllm.models.svc", False),
        ("gateway.internal.", False),
        ("10.1.2.3", False),
        ("100.101.102.103", False),
        ("[fd00::1]", False),
    ],
)
def test_a_host_is_public_unless_its_name_or_address_is_private(host: str, public: bool) -> None:
    assert is_public(f"http://{host}:8080/v1") is public


@pytest.mark.parametrize(
    ("typed", "base_url"),
    [
        ("https://a.example/v1/images/generations", "https://a.example/v1"),
        ("https://a.example/v1/images/edits/", "https://a.example/v1"),
        ("https://a.example/v1/images/variations?k=1", "https://a.example/v1?k=1"),
        ("https://a.example/api/v1/chat/completions", "https://a.example/api/v1"),
        ("https://a.example/images/generations", "https://a.example"),
        ("https://a.example/v1/models", "https://a.example/v1"),
        ("https://a.example/v1/responses?k=1", "https://a.example/v1?k=1"),
        ("https://a.example/openai/images/generations:submit?v=1", "https://a.example/openai?v=1"),
        ("https://a.example/v1/", "https://a.example/v1/"),
        ("https://a.example/models", "https://a.example/models"),
        ("https://a.example/my-images/generations/v1", "https://a.example/my-images/generations/v1"),
        ("https://a.example/my-images/edits", "https://a.example/my-images/edits"),
    ],
)
def test_the_path_of_a_request_is_not_part_of_a_base_url(typed: str, base_url: str) -> None:
    assert without_endpoint(typed) == base_url


AZURE_CLASSIC = "https://r.example/openai/deployments/img"


@pytest.mark.parametrize("end", ["", "/images/generations", "/images/edits?api-version=2025-04-01-preview"])
def test_a_url_of_azures_other_form_is_refused_with_the_provider_for_it(home: Home, end: str) -> None:
    environ = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": AZURE_CLASSIC + end}
    with pytest.raises(UsageError, match="which is for provider azure-classic, not azure") as caught:
        home.load({"provider": "azure"}, environ)
    assert "--provider azure-classic" in (caught.value.hint or "")
    settings = home.load({"provider": "azure-classic"}, environ)
    assert settings.base_url == AZURE_CLASSIC + end.removeprefix("/images/generations").removeprefix("/images/edits")
    with pytest.raises(UsageError, match="which is for provider azure, not azure-classic"):
        home.load({"provider": "azure-classic", "base_url": "https://r.example/openai/v1"}, environ)


@pytest.mark.parametrize("base_url", ["https://r.example/openai", "https://r.example/openai/v1", "https://r.example"])
def test_azures_endpoint_is_accepted_in_each_of_its_spellings(home: Home, base_url: str) -> None:
    assert home.load({"provider": "azure"}, {"AZURE_OPENAI_ENDPOINT": base_url}).base_url == base_url
    # OpenAI's own clients use Azure's v1 form, too.
    assert home.load({"base_url": base_url}).base_url == base_url
