"""`models` and `providers` show every row: as a table, in detail, and as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect
import pytest

from imagecli.catalog import catalog
from imagecli.domain import Size
from tests.conftest import Run

ROWS = catalog.load_shipped_catalog()


@pytest.mark.parametrize("command", ["models", "providers"])
def test_the_table_has_every_row_and_fits_80_columns(imagecli: Run, command: str) -> None:
    result = imagecli(command)
    names = [line.split()[0] for line in result.stdout.splitlines()[1:] if line][: len(getattr(ROWS, command))]
    assert (result.exit_code, names) == (0, list(getattr(ROWS, command)))
    assert max(len(line) for line in result.stdout.splitlines()) < 80
    assert result.stderr == ""


def test_the_table_has_the_price_of_a_square_at_three_qualities(imagecli: Run) -> None:
    rows = {line.split()[0]: line.split() for line in imagecli("models").stdout.splitlines() if line}
    assert rows["MODEL"] == ["MODEL", "LOW", "MEDIUM", "HIGH", "AVAILABLE"]
    assert rows["gpt-image-2"][:5] == ["gpt-image-2", "*", "$0.006", "$0.053", "$0.21"]
    assert rows["gpt-image-2.5-flare"][:4] == ["gpt-image-2.5-flare", "$0.006", "$0.013", "$0.053"]
    assert rows["dall-e-2"][1:4] == ["-", "-", "-"]


def test_the_table_names_the_default_with_its_reason_and_the_cheap_model_for_drafts(imagecli: Run) -> None:
    words = " ".join(imagecli("models").stdout.split())
    assert "* default: nearly every compatible server and gateway has it." in words
    assert "For drafts: -m gpt-image-2.5-flare, the cheapest model with no shutdown date" in words
    assert "($0.006 at low, $0.013 at medium)." in words
    document = imagecli("models", "--json").json
    assert (document["default"], document["drafts"]) == ("gpt-image-2", "gpt-image-2.5-flare")


def test_the_model_for_drafts_is_the_cheapest_without_an_end_date() -> None:
    for quality in ("low", "medium"):
        usd = {
            row.name: row.prices.output_tokens[quality][Size(1024, 1024)] * row.prices.image_out
            for row in ROWS.models.values()
            if row.prices and not row.shutdown
        }
        assert usd[ROWS.draft_model] == min(usd.values()), quality


def test_a_model_is_shown_with_price_dates_limits_and_source(imagecli: Run) -> None:
    output = imagecli("models", "gpt-image-1.5").stdout
    for words in (
        "shutdown: 2026-12-01",
        "successor: gpt-image-2.6-flare",
        "1024x1536",
        "$0.009",
        "OpenAI API reference",
    ):
        assert words in output
    assert max(len(line) for line in output.splitlines()) < 80


def test_a_gateways_name_of_a_model_is_explained(imagecli: Run) -> None:
    result = imagecli("models", "openai/gpt-image-2")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "name: openai/gpt-image-2")
    assert "The price is unknown." in result.stdout
    assert "openai/gpt-image-2 is gpt-image-2 at " in result.stderr
    assert "openrouter" in result.stderr
    (row,) = imagecli("models", "openai/gpt-image-2", "--json").json["models"]
    assert (row["name"], row["prices"], row["max_n"]) == ("openai/gpt-image-2", None, 10)
    assert imagecli("models", "nobody/gpt-image-2").exit_code == 2


def test_a_model_at_a_gateway_is_checked_and_has_no_known_price(imagecli: Run) -> None:
    words = ("generate", "a cat", "-m", "openai/gpt-image-2", "--provider", "openrouter", "--dry-run")
    refused = imagecli(*words, "-s", "1000x1000")
    assert (refused.exit_code, "--size 1000x1000: 1000 is not a multiple of 16" in refused.stderr) == (2, True)
    planned = imagecli(*words, "-s", "1024x1024")
    assert planned.exit_code == 0, planned.stderr
    assert "unknown model" not in planned.stderr
    assert "unknown" in next(line for line in planned.stdout.splitlines() if line.startswith("price"))


def test_a_model_past_its_last_day_has_ended(imagecli: Run) -> None:
    assert "ended 2026-05-12" in imagecli("models").stdout


def test_an_unknown_price_is_reported_as_unknown(imagecli: Run) -> None:
    assert "The price is unknown." in imagecli("models", "dall-e-3").stdout


def test_a_provider_is_shown_with_url_key_and_differences(imagecli: Run) -> None:
    output = imagecli("providers", "siliconflow").stdout
    for words in ("https://api.siliconflow.cn/v1", "SILICONFLOW_API_KEY", "size: image_size", "read 2026-11-29"):
        assert words in output


def test_notes_of_a_provider_have_a_line_each_and_defaults_are_omitted(imagecli: Run) -> None:
    lines = imagecli("providers", "xai").stdout.splitlines()
    assert "  images are JPEG" in lines
    assert {"mask: none", "markup: none", "size_auto: no", "keys: XAI_API_KEY"} <= set(lines)
    output = {line.partition(":")[0] for line in lines}
    assert not output & {"jobs", "silence", "mask_habit", "size_separator", "needs_model", "auth", "embedded"}


def test_a_fixed_set_of_sizes_is_printed_without_limits(imagecli: Run) -> None:
    output = imagecli("models", "dall-e-2").stdout
    assert "  set: 256x256, 512x512, 1024x1024\n" in output
    assert not any(name in output for name in ("multiple:", "min_pixels:", "long_edge:", "lends_fields"))


@pytest.mark.parametrize(
    "words",
    [["models"], ["models", "gpt-image-2"], ["providers"], ["providers", "xai"], ["doctor", "--provider", "sandbox"]],
)
def test_no_word_is_broken_on_a_narrow_terminal(tmp_path: Path, words: list[str]) -> None:
    environ = {"IMAGECLI_CONFIG_DIR": "c", "IMAGECLI_STATE_DIR": "s", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "imagecli", *words],
        env=environ,
        cwd=str(tmp_path),
        encoding="utf-8",
        dimensions=(60, 40),
        timeout=30,
    )
    lines = child.read().splitlines()
    child.close()
    assert child.exitstatus == 0, lines
    too_long = [line for line in lines if len(line) > 39 and len(line.split()) > 1]
    assert not [line for line in too_long if len(max(line.split(), key=len)) < 24], too_long
    assert len(lines) > 8


def test_a_retired_endpoint_is_not_listed(imagecli: Run) -> None:
    lines = {line.split()[0]: line for line in imagecli("providers").stdout.splitlines() if line}
    assert "GE-" in lines["openai"]
    assert "GEV" in lines["sandbox"]


@pytest.mark.parametrize("command", ["models", "providers"])
def test_json_has_every_row_completely(imagecli: Run, command: str) -> None:
    document = imagecli(command, "--json").json
    assert (document["schema"], document["command"], document["status"], document["exit_code"]) == (1, command, "ok", 0)
    assert [row["name"] for row in document[command]] == list(getattr(ROWS, command))
    assert all(row["source"] for row in document[command])


def test_json_of_one_model_has_its_figures(imagecli: Run) -> None:
    (row,) = imagecli("models", "gpt-image-2", "--json").json["models"]
    assert row["prices"]["output_tokens"]["high"]["1024x1024"] == 7024
    assert (row["released"], row["sizes"]["max_pixels"], row["max_images"]) == ("2026-04-21", 8_294_400, 16)


def test_an_unknown_name_gets_the_nearest_suggestion(imagecli: Run) -> None:
    result = imagecli("models", "gpt-image-3")
    assert result.exit_code == 2
    assert "did you mean gpt-image-" in result.stderr
    assert imagecli("providers", "nobody").exit_code == 2


def test_rows_of_the_user_are_listed(imagecli: Run, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "models.toml").write_text('[models.mine]\nlike = "gpt-image-2"\n')
    (config / "config.toml").write_text('[providers.attic]\nbase_url = "http://10.0.0.7:8080/v1"\nlike = "localai"\n')
    assert "\nmine " in imagecli("models").stdout
    assert "10.0.0.7" in imagecli("providers", "attic").stdout


UNTRUSTED = 'base_url = "http://127.0.0.1:1/v1"\n[providers.attic]\nbase_url = "http://10.0.0.7:8080/v1"\n'


@pytest.mark.parametrize("command", ["models", "providers"])
@pytest.mark.parametrize(
    ("project", "noted"),
    [
        (UNTRUSTED, "its providers are not listed"),
        ("[[", "its providers are not listed"),
        ('base_url = "http://127.0.0.1:1/v1"', ""),
        ("timeout = -5", ""),
    ],
)
def test_rows_are_shown_for_any_project_file(
    imagecli: Run, folder: Path, command: str, project: str, noted: str
) -> None:
    (folder / "imagecli.toml").write_text(project)
    result = imagecli(command)
    assert (result.exit_code, "attic" in result.stdout) == (0, False)
    assert ("gpt-image-2" if command == "models" else "openai") in result.stdout
    assert noted in result.stderr
    assert bool(result.stderr) is bool(noted)


def test_a_trusted_project_s_providers_are_listed(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text(UNTRUSTED)
    assert imagecli("config", "trust", "--yes").exit_code == 0
    result = imagecli("providers")
    assert ("\nattic " in result.stdout, result.stderr) == (True, "")


def test_prices_of_another_model_are_not_shown_for_unsupported_outputs(imagecli: Run, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    row = '[models.mine]\nlike = "gpt-image-2"\nsizes = { set = ["512x512"] }\nwords.quality = ["draft"]\n'
    (tmp_path / "config" / "models.toml").write_text(row)
    assert imagecli("models", "mine").stdout.endswith("The price is unknown.\n")
    (line,) = [line for line in imagecli("models").stdout.splitlines() if line.startswith("mine")]
    assert "-       -       -" in line
    (listed,) = imagecli("models", "mine", "--json").json["models"]
    assert listed["prices"]["output_tokens"] == {}
