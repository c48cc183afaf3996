"""Providers as rows of data: the shipped ones are complete, and an invalid table laid over one is reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.catalog.from_toml import overlay_provider
from imagecli.catalog.provider import BatchRow, KeyVariable, ProviderRow, for_batch_api, limit_to_provider
from imagecli.checks.model_parameters import check_input_count
from imagecli.checks.provider_fields import check_capabilities
from imagecli.domain import Edit, Generate, ImageOptions, InputSource, Size
from imagecli.errors import UsageError

ROWS = load_shipped_catalog()
HOSTED = [
    *("openai", "azure", "azure-classic", "openrouter", "xai", "together", "siliconflow", "ark", "byteplus", "zhipu"),
    *("zai", "gemini", "deepinfra", "recraft", "venice", "pollinations", "litellm", "vercel"),
]
LOCAL = ["local", "sd-server", "localai", "lemonade", "vllm-omni", "sglang", "xinference", "docker"]


def test_the_supported_providers_have_rows() -> None:
    assert sorted(ROWS.providers) == sorted([*HOSTED, *LOCAL, "sandbox"])


def test_the_topic_lists_the_providers() -> None:
    topic = (Path(__file__).parents[1] / "imagecli/topics/providers.md").read_text()
    table = topic.partition("| --- | --- |\n")[2].partition("\n\n")[0]
    assert re.findall(r"`([a-z-]+)`", table) == list(ROWS.providers)


@pytest.mark.parametrize("name", [*HOSTED, *LOCAL])
def test_a_row_names_its_source_and_when_it_was_read(name: str) -> None:
    assert ROWS.provider(name).source.endswith("read 2026-11-29")


@pytest.mark.parametrize("name", ROWS.providers)
def test_a_row_is_complete(name: str) -> None:
    row = ROWS.provider(name)
    assert row.source
    assert row.embedded or row.base_url or row.base_url_form
    own = ("http://127.0.0.1", "http://localhost")
    assert (row.base_url or "https://").startswith(own if name in LOCAL and row.base_url else "https://")
    assert "generations" in row.paths
    assert all(path.startswith("/") for path in row.paths.values())
    assert row.auth == "none" or row.keys or row.key_optional
    assert set(row.retired) <= set(row.paths)
    assert not row.keys or row.key_page


@pytest.mark.parametrize("name", ROWS.providers)
def test_a_variable_belongs_to_one_provider_or_to_rows_that_are_alike(name: str) -> None:
    row = ROWS.provider(name)
    for other in ROWS.providers.values():
        if (other.like or other.name) != (row.like or row.name):
            assert not variables(row) & variables(other)


def variables(row: ProviderRow) -> set[str]:
    own = (row.base_url_env, row.organization_env, row.project_env, *row.query_env.values())
    return {key.env for key in row.keys} | {name for name in own if name}


def test_azure_has_two_rows_for_one_resource() -> None:
    v1, classic = ROWS.provider("azure"), ROWS.provider("azure-classic")
    assert v1.keys == classic.keys
    assert [key.auth for key in v1.keys] == ["api-key", "bearer"]
    assert variables(v1) - {"AZURE_OPENAI_API_VERSION"} <= variables(classic)


COMPLETE: dict[str, Any] = {
    "path": "/b",
    "files_path": "/f",
    "endpoints": {"edits": "/v1/e"},
    "window": "24h",
    "max_requests": 9,
    "max_bytes": 1000,
    "price": 0.25,
}
ROW = ProviderRow(name="mine", paths={"generations": "/g", "edits": "/e"}, words={"quality": ("hd",)})


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ({"base_url": "http://localhost:1/v1"}, "base_url", "http://localhost:1/v1"),
        (
            {"keys": [{"env": "A"}, {"env": "B", "auth": "api-key"}]},
            "keys",
            (KeyVariable(env="A"), KeyVariable(env="B", auth="api-key")),
        ),
        ({"paths": {"edits": "/other"}}, "paths", {"generations": "/g", "edits": "/other"}),
        ({"paths": {"edits": ""}}, "paths", {"generations": "/g"}),
        ({"words": {"size": ["1K", "2K"]}}, "words", {"quality": ("hd",), "size": ("1K", "2K")}),
        ({"mask": ""}, "mask", None),
        ({"mask": "stencil"}, "mask", "stencil"),
        ({"images": ["image", "image2"]}, "images", ("image", "image2")),
        ({"picture": {"url": "{data_url}"}}, "picture", {"url": "{data_url}"}),
        ({"extra": {"steps": 4, "loras": [{"path": "x"}]}}, "extra", {"steps": 4, "loras": [{"path": "x"}]}),
        ({"edits_as": "json"}, "edits_as", "json"),
        ({"max_n": 1}, "max_n", 1),
        ({"silence": 60}, "silence", 60),
        ({"needs_model": False}, "needs_model", False),
        ({"sizes": {"multiple": 16, "set": ["512x512"]}}, "sizes", {"multiple": 16, "set": ["512x512"]}),
        ({"response_format": "url"}, "response_format", "url"),
        ({"response_format": ""}, "response_format", None),
        ({"accepted": ["quality"]}, "accepted", ("quality",)),
        ({"accepted": []}, "accepted", ()),
        ({"accepted": ""}, "accepted", None),
        ({"blocked_if": {"ok": False}}, "blocked_if", {"ok": False}),
        ({"blocked_header": "x-blocked"}, "blocked_header", "x-blocked"),
        ({"billed": "usage.cost"}, "billed", "usage.cost"),
        ({"billed_per_usd": 100}, "billed_per_usd", 100),
    ],
)
def test_a_table_is_laid_over_a_row(table: dict[str, Any], field: str, value: object) -> None:
    assert getattr(overlay_provider(ROW, table), field) == value


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"maks": "m"}, "unknown field 'maks'; did you mean mask"),
        ({"base_url": 7}, "base_url: expected text, found 7"),
        ({"auth": "basic"}, "auth: unknown value 'basic'; available: bearer, api-key, none"),
        ({"max_n": 0}, "max_n: expected an integer from 1, found 0"),
        ({"max_n": True}, "max_n: expected an integer from 1, found true"),
        ({"silence": -1}, "silence: expected a number above 0, found -1"),
        ({"free": "yes"}, "free: expected true or false, found 'yes'"),
        ({"billed": 1}, "billed: expected a path in a response's usage, such as usage.cost"),
        ({"billed": "cost"}, "billed: expected a path in a response's usage, such as usage.cost"),
        ({"billed": "usage."}, "billed: expected a path in a response's usage, such as usage.cost"),
        ({"billed_per_usd": 0}, "billed_per_usd: expected a number above 0, found 0"),
        ({"images": "image"}, "images: expected a list of strings"),
        ({"images": [1]}, "images: expected text, found 1"),
        ({"paths": "/g"}, "paths: expected a table"),
        ({"paths": {"paint": "/p"}}, "paths: unknown value 'paint'; available: generations, edits, variations"),
        ({"renamed": {"size": 1}}, "renamed.size: expected text, found 1"),
        ({"words": {"size": "1K"}}, "words.size: expected a list of strings"),
        ({"images": {"a": 1}}, "images: expected a list of strings"),
        ({"sizes": {"multiple": 0}}, "sizes.multiple: expected an integer from 1, found 0"),
        ({"sizes": {"multipel": 8}}, "sizes: unknown field 'multipel'; did you mean multiple?"),
        ({"sizes": {"min_pixels": 9, "max_pixels": 4}}, "sizes: min_pixels 9 is above max_pixels 4"),
        ({"response_format": "foo"}, "response_format: unknown value 'foo'"),
        ({"picture": "{nothing}"}, "picture: expected {data_url} or {base64} in place"),
        ({"picture": {"url": "x"}}, "picture: expected {data_url} or {base64} in place"),
        ({"picture": {"id": "{file_id}"}}, "picture: expected {data_url} or {base64} in place"),
        ({"batch": 7}, "batch: expected a table"),
        ({"batch": {"path": "/b"}}, "batch: files_path, endpoints, window, max_requests, max_bytes, price is missing"),
        ({"batch": {"max_bites": 1}}, "batch: unknown field 'max_bites'; did you mean max_bytes?"),
        ({"batch": {"price": 0}}, "batch.price: expected a number above 0, found 0"),
        ({"batch": {"endpoints": {"paint": "/p"}}}, "batch.endpoints: unknown value 'paint'"),
        (
            {"batch": {**COMPLETE, "picture": "x"}},
            "batch.picture: expected {file_id} or {data_url} or {base64} in place",
        ),
        ({"keys": ["A"]}, "keys: expected a table with the fields env, auth"),
        ({"keys": 7}, "keys: expected a list"),
        ({"keys": [{"env": "A", "auth": "basic"}]}, "keys.auth: unknown value 'basic'"),
    ],
)
def test_an_invalid_table_is_an_error_that_names_the_expected_value(table: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        overlay_provider(ROW, table)
    assert words in f"{caught.value.message}; {caught.value.hint}"


@pytest.mark.parametrize(
    ("provider", "named", "model", "accepted", "known"),
    [
        ("openai", None, "gpt-image-2", True, True),
        ("sandbox", None, "gpt-image-2", True, True),
        ("openai", "gpt-image-1.5", "gpt-image-1.5", True, True),
        ("xai", None, "grok-imagine-image", True, False),
        ("zhipu", None, "cogview-3-flash", True, False),
        ("local", None, "the server's default model", False, False),
        ("local", "sd-turbo", "sd-turbo", True, False),
        ("azure", "gpt-image-2", "gpt-image-2", True, True),
    ],
)
def test_the_model_is_the_named_one_or_the_providers(
    provider: str, named: str | None, model: str, accepted: bool, known: bool
) -> None:
    row = ROWS.model_for_provider(ROWS.provider(provider), named)
    assert (row.name, row.sent, row.known) == (model, accepted, known)


@pytest.mark.parametrize(
    "provider",
    [
        *("azure", "openrouter", "together", "siliconflow", "ark", "byteplus", "zai", "gemini", "deepinfra", "recraft"),
        *("venice", "pollinations", "litellm", "vercel", "xinference", "docker"),
    ],
)
def test_a_provider_without_a_default_model_requires_one(provider: str) -> None:
    with pytest.raises(UsageError) as caught:
        ROWS.model_for_provider(ROWS.provider(provider), None)
    assert (caught.value.hint or "").startswith("choose a model with -m; see imagecli providers ")


@pytest.mark.parametrize(
    ("provider", "limits"),
    [
        ("openai", (10, 16, ("png", "jpeg", "webp"), False)),
        ("azure", (10, 16, ("png", "jpeg"), False)),
        ("together", (4, 16, ("png", "jpeg", "webp"), False)),
        ("siliconflow", (10, 3, ("png", "jpeg", "webp"), False)),
        ("ark", (1, 14, ("png", "jpeg", "webp"), False)),
        ("xai", (10, 5, ("png", "jpeg"), False)),
        ("recraft", (6, 16, ("png", "jpeg", "webp"), False)),
        ("venice", (1, 16, ("png", "jpeg", "webp"), False)),
        ("pollinations", (1, 16, ("png", "jpeg", "webp"), False)),
        ("lemonade", (1, 16, ("png", "jpeg", "webp"), True)),
    ],
)
def test_a_models_limits_are_reduced_to_its_providers(provider: str, limits: tuple[object, ...]) -> None:
    row = ROWS.model_for_provider(ROWS.provider(provider), "gpt-image-2")
    assert (row.max_n, row.max_images, row.image.formats, row.mask.white) == limits


@pytest.mark.parametrize(
    ("provider", "words"), [("siliconflow", "5 input images; provider siliconflow accepts at most 3"), ("local", "")]
)
def test_too_many_images_are_rejected_with_the_owner_of_the_limit(provider: str, words: str) -> None:
    images = (InputSource(name="a.png"),) * 5
    request = Edit(prompt="x", images=images, options=ImageOptions(model="k"))
    row = ROWS.model_for_provider(ROWS.provider(provider), "k")
    if words:
        with pytest.raises(UsageError, match=words):
            check_input_count(request, row)
    else:
        check_input_count(request, row)


def test_an_unsupported_shape_is_named_as_a_ratio() -> None:
    request = Generate(prompt="x", options=ImageOptions(model="m", size=Size(1568, 1120)))
    with pytest.raises(UsageError, match="--size: provider xai has no aspect ratio near 7:5"):
        check_capabilities(request, ROWS.provider("xai"))


def test_a_provider_s_limits_of_sizes_are_laid_over_its_models() -> None:
    rule = ROWS.model_for_provider(ROWS.provider("zhipu"), None).sizes
    assert rule.objection(Size(1920, 1080)) == "1080 is not a multiple of 16"
    assert rule.covering(Size(1920, 1080)) == Size(1920, 1088)
    sizes = limit_to_provider(ROWS.model("gpt-image-2"), overlay_provider(ROW, {"sizes": {"max_edge": 2048}})).sizes
    assert (sizes.max_edge, sizes.multiple, sizes.auto) == (2048, 16, True)


@pytest.mark.parametrize("name", ROWS.providers)
def test_a_provider_with_a_batch_api_has_all_its_fields(name: str) -> None:
    batch = ROWS.provider(name).batch
    assert (batch is not None) == (name in ("openai", "sandbox"))
    if batch:
        assert batch.source
        assert (batch.path, batch.files_path, batch.window) == ("/batches", "/files", "24h")
        assert dict(batch.endpoints) == {"generations": "/v1/images/generations", "edits": "/v1/images/edits"}
        assert (batch.max_requests, batch.max_bytes, batch.price) == (50_000, 200_000_000, 0.5)
        assert (batch.images, batch.picture, batch.mask, batch.markup) == (
            ("images[]",),
            {"file_id": "{file_id}"},
            "mask",
            None,
        )


def test_a_table_adds_changes_and_removes_a_batch_api() -> None:
    changed = overlay_provider(ROW, {"batch": COMPLETE})
    assert changed.batch == BatchRow(**COMPLETE)
    assert overlay_provider(changed, {"batch": {"max_bytes": 7, "endpoints": {"edits": "/v2/e"}}}).batch == BatchRow(
        **COMPLETE | {"max_bytes": 7, "endpoints": {"edits": "/v2/e"}}
    )
    assert overlay_provider(changed, {"batch": ""}).batch is None


def test_a_row_in_a_batch_uses_only_what_the_batch_api_accepts() -> None:
    row = for_batch_api(overlay_provider(ROW, {"batch": COMPLETE}))
    assert (dict(row.paths), row.edits_as, row.images) == ({"edits": "/e"}, "json", ("images[]",))
