"""Providers as rows of data: those that ship are whole, and a table laid over one says what is wrong with itself."""

from __future__ import annotations

from typing import Any

import pytest

from imagecli.catalog import KeyVariable, ProviderRow, load, overlaid

ROWS = load()
LOCAL = ["local", "sd-server", "localai", "lemonade", "vllm-omni", "sglang", "xinference"]


def test_the_providers_that_people_ask_for_have_rows() -> None:
    hosted = ["openai", "azure", "azure-classic", "openrouter", "xai", "together", "siliconflow", "ark", "zhipu"]
    assert sorted(ROWS.providers) == sorted([*hosted, *LOCAL, "sandbox"])


@pytest.mark.parametrize("name", ROWS.providers)
def test_a_row_is_whole(name: str) -> None:
    row = ROWS.provider(name)
    assert row.source
    assert row.embedded or row.base_url or row.base_url_form
    assert (row.base_url or "https://").startswith("http://127.0.0.1" if name in LOCAL and row.base_url else "https://")
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


def test_azure_is_one_resource_under_two_forms() -> None:
    v1, classic = ROWS.provider("azure"), ROWS.provider("azure-classic")
    assert v1.keys == classic.keys
    assert [key.auth for key in v1.keys] == ["api-key", "bearer"]
    assert variables(v1) <= variables(classic)


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
        ({"extra": {"steps": 4, "loras": [{"path": "x"}]}}, "extra", {"steps": 4, "loras": ({"path": "x"},)}),
        ({"edits_as": "json"}, "edits_as", "json"),
        ({"max_n": 1}, "max_n", 1),
        ({"silence": 60}, "silence", 60),
        ({"needs_model": False}, "needs_model", False),
    ],
)
def test_a_table_is_laid_over_a_row(table: dict[str, Any], field: str, value: object) -> None:
    assert getattr(overlaid(ROW, table), field) == value


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"maks": "m"}, "no field 'maks'; did you mean mask"),
        ({"like": "openai"}, "no field 'like'"),
        ({"name": "other"}, "no field 'name'"),
        ({"base_url": 7}, "base_url 7: text is wanted"),
        ({"auth": "basic"}, "auth 'basic': bearer or api-key or none is wanted"),
        ({"max_n": 0}, "max_n 0: a whole number from 1 is wanted"),
        ({"max_n": True}, "a whole number from 1 is wanted"),
        ({"silence": -1}, "a number above 0 is wanted"),
        ({"free": "yes"}, "free 'yes': true or false is wanted"),
        ({"images": "image"}, "a list of texts is wanted"),
        ({"images": [1]}, "a list of texts is wanted"),
        ({"paths": "/g"}, "a table is wanted"),
        ({"paths": {"paint": "/p"}}, "a table is wanted"),
        ({"renamed": {"size": 1}}, "a table is wanted"),
        ({"keys": ["A"]}, 'keys: a list of { env = "NAME"'),
        ({"keys": 7}, 'keys: a list of { env = "NAME"'),
        ({"keys": [{"env": "A", "auth": "basic"}]}, 'keys: a list of { env = "NAME"'),
    ],
)
def test_a_table_that_is_none_says_what_is_wanted(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        overlaid(ROW, table)
    assert words in str(caught.value)
