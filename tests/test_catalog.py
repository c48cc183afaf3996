"""The catalog's rows are complete, have sources, and agree with the API's own documents (read 2026-11-22)."""

from __future__ import annotations

import pytest

from imagecli.catalog import tables
from imagecli.catalog.catalog import LazyRows, load_shipped_catalog
from imagecli.catalog.model import OPTIONAL
from imagecli.domain import MEDIA_TYPES, Size
from imagecli.errors import UsageError
from tests.regenerate import CATALOG, catalog_tables, toml_tables

ROWS = load_shipped_catalog()


def test_every_row_that_ships_is_valid() -> None:
    """A command builds only the rows it needs, so a wrong row would go unnoticed until somebody needs it."""
    for rows in (ROWS.models, ROWS.providers):
        assert [row.name for row in rows.values()] == list(rows)


def test_the_tables_that_a_command_loads_are_those_of_the_toml_files() -> None:
    assert (CATALOG / "tables.py").read_text("utf-8") == catalog_tables(), "run: python -m tests.regenerate"
    assert [toml_tables("models"), toml_tables("providers")] == [tables.MODELS, tables.PROVIDERS]


def test_a_row_is_built_when_it_is_looked_up_and_once() -> None:
    built: list[str] = []

    def build(name: str) -> str:
        built.append(name)
        return name.upper()

    rows = LazyRows(["a", "b"], build)
    assert (list(rows), len(rows), "a" in rows, "c" in rows, built) == (["a", "b"], 2, True, False, [])
    assert (rows["a"], rows["a"], rows.get("c"), built) == ("A", "A", None, ["a"])


@pytest.mark.parametrize("name", [*ROWS.models, "unknown"])
def test_a_model_row_is_complete(name: str) -> None:
    row = ROWS.model(name)
    assert row.source
    assert set(row.operations) <= {"generations", "edits", "variations"}
    assert set(row.parameters) <= {*OPTIONAL, "markup"}
    assert set(row.unstated) <= set(row.parameters)
    assert all(set(words) <= set(row.allowed_values(name)) for name, words in row.unstated_words.items())
    assert {*row.words, *row.ranges} <= set(row.parameters)
    assert set(row.allowed_values("output_format")) <= set(MEDIA_TYPES)
    assert (row.max_n >= 1, row.max_prompt >= 1000, row.max_images >= 1) == (True, True, True)
    for parameter in OPTIONAL:
        assert not row.allowed_values(parameter) or parameter in row.parameters
    for example in row.sizes.examples():
        assert row.sizes.objection("auto" if example == "auto" else Size.parse(example)) is None


def test_the_defaults_are_rows() -> None:
    assert ROWS.model(ROWS.default_model).known
    assert ROWS.default_model == "gpt-image-2"
    assert ROWS.provider(ROWS.default_provider).name == "openai"
    assert set(ROWS.vary_prompts) == {"subtle", "medium", "strong"}


def test_a_model_without_a_row_is_accepted_as_unknown() -> None:
    row = ROWS.model("somebody/flux-9")
    assert (row.name, row.known) == ("somebody/flux-9", False)


def test_a_provider_without_a_row_is_rejected_with_the_known_names() -> None:
    with pytest.raises(UsageError) as caught:
        ROWS.provider("nobody")
    assert "openai, azure, " in (caught.value.hint or "")


def test_dall_e_2_has_its_classic_limits() -> None:
    row = ROWS.model("dall-e-2")
    assert row.operations == ("generations", "edits", "variations")
    assert (row.max_prompt, row.max_n, row.max_images) == (1000, 10, 1)
    assert row.sizes.set == (Size(256, 256), Size(512, 512), Size(1024, 1024))
    for rule in (row.image, row.mask):
        assert (rule.formats, rule.square, rule.max_bytes < 4 * 1024**2) == (("png",), True, True)
    assert row.mask.alpha


def test_gpt_image_models_have_their_limits() -> None:
    row = ROWS.model("gpt-image-2")
    assert (row.max_prompt, row.max_n, row.max_images) == (32_000, 10, 16)
    assert (row.image.formats, row.image.square) == (("png", "jpeg", "webp"), False)
    assert row.image.max_bytes < 50 * 1024**2
    assert "response_format" not in row.parameters


@pytest.mark.parametrize(
    ("base_url", "offered"),
    [
        ("https://api.openai.com/v1", False),
        ("https://api.openai.com/v1/", False),
        ("http://localhost:8080/v1", True),
    ],
)
def test_a_retired_endpoint_is_still_available_at_other_providers(base_url: str, offered: bool) -> None:
    assert ROWS.provider("openai").offers("variations", base_url) is offered


@pytest.mark.parametrize(
    ("provider", "name", "known"),
    [
        ("openrouter", "openai/gpt-image-2", True),
        ("openrouter", "gpt-image-2", True),
        ("openrouter", "openai/gpt-image-99", False),
        ("openrouter", "google/gpt-image-2", False),
        ("openrouter", "openai/openai/gpt-image-2", False),
        ("openai", "openai/gpt-image-2", False),
    ],
)
def test_a_model_behind_a_vendors_prefix_has_its_limits_at_a_gateway(provider: str, name: str, known: bool) -> None:
    row = ROWS.model_for_provider(ROWS.provider(provider), name)
    assert (row.name, row.known) == (name, known)
    if known:
        assert row.sizes == ROWS.model("gpt-image-2").sizes
    if "/" in name:
        assert row.prices is None
