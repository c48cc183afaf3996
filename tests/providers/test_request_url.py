"""Base URL and path become one URL, whatever part of the path the base URL already has."""

from __future__ import annotations

import pytest

from imagecli.providers.request import join_url

V1 = "/openai/v1/images/generations"
CLASSIC = "/openai/deployments/{model}/images/generations"


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://r.example", V1, "https://r.example/openai/v1/images/generations"),
        ("https://r.example/", V1, "https://r.example/openai/v1/images/generations"),
        ("https://r.example/openai", V1, "https://r.example/openai/v1/images/generations"),
        ("https://r.example/openai/v1/", V1, "https://r.example/openai/v1/images/generations"),
        ("https://r.example/openai/v1/images/generations", V1, "https://r.example/openai/v1/images/generations"),
        ("https://r.example/proxy/openai/v1", V1, "https://r.example/proxy/openai/v1/images/generations"),
        ("https://r.example/v1", V1, "https://r.example/v1/openai/v1/images/generations"),
        ("https://r.example/openai/v2", V1, "https://r.example/openai/v2/openai/v1/images/generations"),
        ("https://r.example", CLASSIC, "https://r.example/openai/deployments/my%2Fown%20one/images/generations"),
        (
            "https://r.example/openai/deployments",
            CLASSIC,
            "https://r.example/openai/deployments/my%2Fown%20one/images/generations",
        ),
        (
            "https://r.example/openai/deployments/other",
            CLASSIC,
            "https://r.example/openai/deployments/other/images/generations",
        ),
        ("https://r.example/v1", "/images/generations", "https://r.example/v1/images/generations"),
        (
            "https://r.example/v1/images/generations?k=1",
            "/images/generations",
            "https://r.example/v1/images/generations?k=1",
        ),
        ("https://r.example/api/v1", "/images", "https://r.example/api/v1/images"),
    ],
)
def test_a_path_in_the_base_url_is_not_doubled(base_url: str, path: str, url: str) -> None:
    assert join_url(base_url, path, {}, model="my/own one") == url


@pytest.mark.parametrize(
    ("base_url", "query", "url"),
    [
        ("https://r.example/v1", {"api-version": "preview"}, "https://r.example/v1/images?api-version=preview"),
        ("https://r.example/v1?api-version=2", {"api-version": "preview"}, "https://r.example/v1/images?api-version=2"),
        ("https://r.example/v1?api-version=", {"api-version": "preview"}, "https://r.example/v1/images?api-version="),
        ("https://r.example/v1?a=%20b", {"c": "d e"}, "https://r.example/v1/images?a=%20b&c=d+e"),
    ],
)
def test_a_query_on_the_base_url_is_kept_and_goes_first(base_url: str, query: dict[str, str], url: str) -> None:
    assert join_url(base_url, "/images", query) == url
