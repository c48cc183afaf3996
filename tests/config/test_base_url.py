"""Base URLs: which can be asked, and which are this machine's or a private network's."""

from __future__ import annotations

import pytest

from imagecli.config.base_url import is_local, is_public, validate_base_url
from imagecli.errors import UsageError


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
def test_what_can_t_be_asked_is_refused(text: str) -> None:
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
def test_what_can_be_asked_stays_as_typed(text: str) -> None:
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
