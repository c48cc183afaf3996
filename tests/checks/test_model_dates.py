"""Models are retired on a date at their own provider; the date is a parameter, so every test has its own."""

from __future__ import annotations

from datetime import date

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.checks.check_request import check_model_life
from imagecli.errors import UsageError
from tests.conftest import Run

ROWS = load_shipped_catalog()
OPENAI = ROWS.provider("openai")
HOME = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("model", "today", "words"),
    [
        ("gpt-image-1", "2026-10-24", "gpt-image-1 was shut down on 2026-10-23"),
        ("gpt-image-1", "2026-11-22", "gpt-image-1 was shut down on 2026-10-23"),
        ("dall-e-2", "2026-11-22", "dall-e-2 was shut down on 2026-05-12"),
        ("dall-e-3", "2026-11-22", "dall-e-3 was shut down on 2026-05-12"),
        ("gpt-image-1.5", "2026-12-02", "gpt-image-1.5 was shut down on 2026-12-01"),
        ("gpt-image-1.5-2025-12-16", "2027-01-01", "was shut down on 2026-12-01"),
        ("gpt-image-1-mini", "2026-12-02", "was shut down on 2026-12-01"),
        ("chatgpt-image-latest", "2026-12-02", "was shut down on 2026-12-01"),
    ],
)
def test_a_retired_model_is_refused_with_its_successor(model: str, today: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_model_life(ROWS.model(model), OPENAI, HOME, date.fromisoformat(today))
    assert words in caught.value.message
    assert "-m gpt-image-2.6-flare" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("today", "words"),
    [
        ("2026-10-02", "shuts down in 60 days, on 2026-12-01"),
        ("2026-11-22", "gpt-image-1.5 shuts down in 9 days, on 2026-12-01; use -m gpt-image-2.6-flare"),
        ("2026-11-30", "shuts down tomorrow"),
        ("2026-12-01", "shuts down today"),
    ],
)
def test_a_model_that_retires_soon_is_warned_of(today: str, words: str) -> None:
    (warning,) = check_model_life(ROWS.model("gpt-image-1.5"), OPENAI, HOME, date.fromisoformat(today))
    assert warning.code == "model_ends"
    assert words in warning.message


@pytest.mark.parametrize(
    ("model", "provider", "base_url", "today"),
    [
        ("gpt-image-1.5", "openai", HOME, "2026-10-01"),
        ("gpt-image-2", "openai", HOME, "2036-01-01"),
        ("somebody/flux-9", "openai", HOME, "2036-01-01"),
        ("dall-e-2", "openai", "http://localhost:8080/v1", "2026-11-22"),
        ("dall-e-2", "openai", "https://api.example/v1", "2026-11-22"),
        ("dall-e-2", "sandbox", "", "2026-11-22"),
        ("gpt-image-1", "sandbox", "", "2026-11-22"),
    ],
)
def test_an_available_model_has_no_warning(model: str, provider: str, base_url: str, today: str) -> None:
    assert check_model_life(ROWS.model(model), ROWS.provider(provider), base_url, date.fromisoformat(today)) == ()


@pytest.mark.parametrize("name", [row.name for row in ROWS.providers.values() if row.name != "openai"])
def test_other_providers_may_still_offer_a_retired_model(name: str) -> None:
    row = ROWS.provider(name)
    assert check_model_life(ROWS.model("gpt-image-1"), row, row.base_url or "", date(2036, 1, 1)) == ()


def test_a_retired_model_without_a_successor_is_refused_too() -> None:
    row = ROWS.model("gpt-image-1")._replace(successor=None)
    with pytest.raises(UsageError, match="was shut down") as caught:
        check_model_life(row, OPENAI, HOME, date(2026, 11, 22))
    assert caught.value.hint == "choose another model: imagecli models"


def test_the_command_refuses_a_retired_model_before_it_needs_a_key(imagecli: Run) -> None:
    done = imagecli("generate", "a cat", "-m", "gpt-image-1")
    assert done.exit_code == 2
    assert "gpt-image-1 was shut down on 2026-10-23" in done.stderr
    assert "-m gpt-image-2.6-flare" in done.stderr


def test_the_command_names_where_a_retired_model_was_set(imagecli: Run) -> None:
    done = imagecli("generate", "a cat", env={"IMAGECLI_MODEL": "dall-e-3"})
    assert done.exit_code == 2
    assert "2026-05-12; model comes from IMAGECLI_MODEL" in done.stderr


def test_a_retired_model_still_works_in_the_sandbox(imagecli: Run) -> None:
    done = imagecli("generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox")
    assert (done.exit_code, len(done.paths)) == (0, 1)
    assert "shut down" not in done.stderr


def test_the_warning_is_printed_once_before_the_missing_key(imagecli: Run) -> None:
    done = imagecli("generate", "a {x}", "--var", "x=cat", "--var", "x=owl", "-m", "gpt-image-1.5")
    assert done.exit_code == 3
    assert done.stderr.count("shuts down in 8 days, on 2026-12-01") == 1
