"""Image URLs: signed, expiring, and refused as the blob store refused."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.sandbox import Options, Sandbox
from imagecli.sandbox.url_store import UrlStore
from tests.sandbox.requests_and_images import decoded, post

FIELDS = {"prompt": "a cat", "size": "256x256"}


def refused(response: requests.Response) -> tuple[int, str, str | None]:
    """Status, the code of the header, and the code of the XML."""
    assert response.headers["content-type"] == "application/xml"
    return (
        response.status_code,
        response.headers["x-ms-error-code"],
        ElementTree.fromstring(response.text).findtext("Code"),
    )


def test_url_returns_the_image_until_it_expires(sandbox: Sandbox) -> None:
    url = post(sandbox, "generations", FIELDS).json()["data"][0]["url"]
    response = requests.get(url, timeout=9)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    assert decoded(response.content).size == (256, 256)
    expiry = datetime.fromisoformat(parse_qs(urlsplit(url).query)["se"][0])
    assert 3590 < (expiry - datetime.now(UTC)).total_seconds() <= 3601


def test_url_is_on_the_requested_host(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.base_url).port
    response = requests.post(f"http://localhost:{port}/v1/images/generations", json=FIELDS, timeout=9)
    assert response.json()["data"][0]["url"].startswith(f"http://localhost:{port}/pictures/")


def test_expired_url_is_refused_with_its_times() -> None:
    with Sandbox(Options(url_ttl=0)) as server:
        url = post(server, "generations", FIELDS).json()["data"][0]["url"]
        response = requests.get(url, timeout=9)
    assert refused(response) == (403, "AuthenticationFailed", "AuthenticationFailed")
    detail = ElementTree.fromstring(response.text).findtext("AuthenticationErrorDetail")
    assert detail is not None
    assert parse_qs(urlsplit(url).query)["se"][0] in detail


def test_url_with_a_key_is_refused(sandbox: Sandbox) -> None:
    url = post(sandbox, "generations", FIELDS).json()["data"][0]["url"]
    response = requests.get(url, headers={"Authorization": "Bearer sk-x"}, timeout=9)
    assert refused(response) == (403, "AuthenticationFailed", "AuthenticationFailed")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("&sig=", "&sig=0", 403),
        ("&se=2", "&se=3", 403),
        ("/pictures/", "/pictures/x", 403),
    ],
)
def test_changed_url_is_refused(sandbox: Sandbox, old: str, new: str, status: int) -> None:
    url = post(sandbox, "generations", FIELDS).json()["data"][0]["url"]
    assert requests.get(url.replace(old, new), timeout=9).status_code == status


def test_unknown_image_is_not_found(sandbox: Sandbox) -> None:
    response = requests.get(sandbox.base_url.replace("/v1", "/pictures/none.png"), timeout=9)
    assert refused(response) == (404, "ResourceNotFound", "ResourceNotFound")


def test_old_images_are_removed_at_the_limit() -> None:
    shelf = UrlStore(60, SandboxClock(), capacity=1000)
    paths = [urlsplit(shelf.add(bytes(400), "host")).path for _ in range(4)]
    assert shelf.has(paths[-1])
    assert not shelf.has(paths[0])
