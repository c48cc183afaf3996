"""A user's models.toml: one row defines a model, a shipped row can be changed, and an error is named."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagecli.catalog.catalog import load_shipped_catalog, with_user_models
from imagecli.domain import Size
from imagecli.errors import UsageError
from tests.conftest import Run, read_image
from tests.documents import block


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """The user's file, not created yet."""
    (tmp_path / "config").mkdir(exist_ok=True)
    return tmp_path / "config" / "models.toml"


def test_a_row_of_two_lines_defines_a_model(imagecli: Run, rows: Path) -> None:
    rows.write_text('[models."gpt-image-3"]\nlike = "gpt-image-2"\n')
    done = imagecli("generate", "a cat", "-m", "gpt-image-3", "-s", "816x816", "--provider", "sandbox")
    assert done.exit_code == 0, done.stderr
    assert read_image(done.paths[0]).size == (816, 816)
    assert "unknown model" not in done.stderr


def test_a_models_own_limits_are_checked(imagecli: Run, rows: Path) -> None:
    rows.write_text(
        """
        [models.mine]
        like = "gpt-image-2"
        sizes = { set = ["512x512", "640x480"] }
        words.quality = ["draft", "final"]
        max_prompt = 10
        """
    )
    run = ("generate", "--provider", "sandbox", "-m", "mine")
    assert "it supports 512x512 or 640x480 (mine)" in imagecli(*run, "a cat", "-s", "1024x1024").stderr
    assert "--quality high: mine accepts draft, final" in imagecli(*run, "a cat", "--quality", "high").stderr
    assert "mine accepts at most 10" in imagecli(*run, "a very white cat").stderr
    done = imagecli(*run, "a cat", "-s", "640x480", "--quality", "final")
    assert done.exit_code == 0, done.stderr
    assert read_image(done.paths[0]).size == (640, 480)


def test_a_row_has_its_own_price(imagecli: Run, rows: Path) -> None:
    rows.write_text(
        """
        [models.mine]
        like = "gpt-image-2"
        [models.mine.prices]
        text_in = 1
        image_in = 1
        image_out = 1000.0
        month = "2026-11"
        output_tokens.high.1024x1024 = 2000
        """
    )
    done = imagecli(
        "generate", "a cat", "-m", "mine", "--quality", "high", "-s", "square", "--dry-run", "--json",
        env={"OPENAI_API_KEY": "sk-none"},
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert round(done.json["cost"]["estimated_max_usd"], 2) == 2.0


def test_a_user_row_can_retire_a_model(imagecli: Run, rows: Path) -> None:
    rows.write_text('[models.old]\nlike = "gpt-image-2"\nshutdown = 2026-01-01\nsuccessor = "new"\n')
    done = imagecli("generate", "a cat", "-m", "old")
    assert (done.exit_code, "old was shut down on 2026-01-01" in done.stderr) == (2, True)
    assert "-m new" in done.stderr


def test_a_shipped_row_is_changed_and_keeps_the_rest(imagecli: Run, rows: Path) -> None:
    rows.write_text('[models.dall-e-2]\nmax_prompt = 5\n[models."gpt-image-2"]\nwords.moderation = ["off"]\n')
    run = ("generate", "--provider", "sandbox")
    assert "dall-e-2 accepts at most 5" in imagecli(*run, "a white cat", "-m", "dall-e-2").stderr
    assert "it supports 256x256" in imagecli(*run, "a cat", "-m", "dall-e-2", "-s", "300x300").stderr
    assert "gpt-image-2 accepts off" in imagecli(*run, "a cat", "--moderation", "low").stderr
    assert "accepts low, medium, high, auto" in imagecli(*run, "a cat", "--quality", "best").stderr


def test_a_shipped_price_is_changed_for_all_its_models() -> None:
    rows = with_user_models({"prices": {"two": {"image_out": 99.0}}}, "mine.toml")
    prices = rows.model("gpt-image-2-2026-04-21").prices
    assert prices is not None
    assert (prices.image_out, prices.text_in, prices.source) == (99.0, 5.0, "mine.toml")
    assert prices.output_tokens["high"][Size(1024, 1024)] == 7024


def test_a_row_without_like_accepts_what_it_does_not_limit() -> None:
    row = with_user_models({"models": {"flux": {"max_n": 4, "released": date(2026, 1, 2)}}}, "mine.toml").model("flux")
    assert (row.known, row.max_n, row.source, row.released) == (True, 4, "mine.toml", date(2026, 1, 2))
    assert row.sizes.objection(Size(777, 333)) is None
    assert not row.allowed_values("quality")


def test_part_of_an_input_rule_can_be_set() -> None:
    row = with_user_models({"models": {"m": {"like": "gpt-image-2", "image": {"max_bytes": 1000}}}}, "x").model("m")
    assert (row.image.max_bytes, row.image.formats) == (1000, ("png", "jpeg", "webp"))


def test_a_removed_parameter_has_no_values() -> None:
    row = with_user_models({"models": {"m": {"like": "gpt-image-2", "parameters": ["user"]}}}, "x").model("m")
    assert (row.parameters, row.words, row.ranges) == (("user",), {}, {})


def test_a_row_that_is_like_itself_changes_itself() -> None:
    row = with_user_models({"models": {"dall-e-3": {"like": "dall-e-3", "max_prompt": 7}}}, "x").model("dall-e-3")
    assert (row.max_prompt, row.max_n, row.allowed_values("style")) == (7, 1, ("vivid", "natural"))


def test_a_shipped_row_can_be_like_another() -> None:
    row = with_user_models({"models": {"dall-e-2": {"like": "gpt-image-2"}}}, "x").model("dall-e-2")
    assert (row.operations, row.shutdown, row.max_prompt) == (("generations", "edits"), None, 32_000)


def test_the_shipped_rows_are_valid_by_the_same_rules() -> None:
    shipped = load_shipped_catalog()
    again = with_user_models({"models": {name: {} for name in shipped.models}}, "x")
    for name, row in shipped.models.items():
        assert again.model(name).words == row.words
        assert again.model(name).sizes == row.sizes


def test_without_a_file_the_shipped_rows_apply(imagecli: Run) -> None:
    assert imagecli("generate", "a cat", "--provider", "sandbox", "-s", "512x512").exit_code == 2


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("[models.x\n", "models.toml is not valid TOML: ", "fix that line"),
        ("[models.x]\nmax_n = \n", "(at line 2", "fix that line"),
        ("[models.x]\nmax_m = 3\n", "models.x: unknown field 'max_m'", "did you mean max_n?"),
        ("[models.x]\nknown = true\n", "models.x: unknown field 'known'", ""),
        ("[model.x]\n", "unknown table 'model'", '[models."model"]'),
        ("max_n = 3\n", "unknown field 'max_n'", '[models."NAME"]'),
        ("[models]\nx = 3\n", "models.x: expected a table", ""),
        ("models = 3\n", "models: expected a table", ""),
        ('[models.x]\nlike = "x"\n', "models.x: like refers to the row itself", ""),
        ("[models.x]\nsizes = { min_pixels = 9, max_pixels = 4 }\n", "min_pixels 9 is above max_pixels 4", ""),
        ("[sizes.x]\nmin_pixels = 9\nmax_pixels = 4\n", "sizes.x: min_pixels 9 is above max_pixels 4", ""),
        ("[sizes.x]\nmin_pixels = 99\nmax_edge = 4\n", "sizes.x: min_pixels 99 is above max_edge 4", ""),
        (
            '[models.x]\nlike = "gpt-image-22"\n',
            "models.x.like: unknown value 'gpt-image-22'",
            "did you mean gpt-image-2",
        ),
        ("[models.x]\nlike = 3\n", "models.x.like: expected text, found 3", ""),
        ("[models.x]\nmax_n = 0\n", "models.x.max_n: expected an integer from 1, found 0", "imagecli models"),
        ("[models.x]\nmax_n = true\n", "models.x.max_n: expected an integer from 1, found true", ""),
        ("[models.x]\nmax_n = 1.5\n", "models.x.max_n: expected an integer from 1, found 1.5", ""),
        (
            '[models.x]\nshutdown = "2026-12-01"\n',
            "models.x.shutdown: expected a date without quotes, such as 2026-11-04, found '2026-12-01'",
            "",
        ),
        ("[models.x]\nshutdown = 2026-12-01T00:00:00\n", "models.x.shutdown: expected a date", ""),
        ('[models.x]\noperations = ["edit"]\n', "models.x.operations: unknown value 'edit'", "did you mean edits?"),
        ('[models.x]\noperations = "edits"\n', "models.x.operations: expected a list", ""),
        ('[models.x]\nsizes = "fre"\n', "models.x.sizes: unknown value 'fre'", "did you mean free?"),
        (
            '[models.x]\nsizes = { set = ["big"] }\n',
            "models.x.sizes.set: expected WIDTHxHEIGHT in pixels",
            "",
        ),
        ("[models.x]\nsizes = { sets = [] }\n", "models.x.sizes: unknown field 'sets'", "did you mean set?"),
        (
            "[models.x]\nsizes = { max_ratio = 0.5 }\n",
            "models.x.sizes.max_ratio: expected a number from 1, found 0.5",
            "",
        ),
        ('[models.x]\nwords = { qality = ["a"] }\n', "models.x.words: unknown value 'qality'", "did you mean quality?"),
        ('[models.x]\nwords.quality = "high"\n', "models.x.words.quality: expected a list of strings", ""),
        ("[models.x]\nwords.quality = [1]\n", "models.x.words.quality: expected text, found 1", ""),
        (
            "[models.x]\nranges.frame_count = [16, 2]\n",
            "models.x.ranges.frame_count: expected a list of the lowest and the highest number",
            "",
        ),
        ("[models.x]\nranges.frame_count = [2]\n", "models.x.ranges.frame_count: expected a list of", ""),
        ("[models.x]\nimage.max_byte = 3\n", "models.x.image: unknown field 'max_byte'", "max_bytes"),
        ('[models.x]\nimage.formats = ["bmp"]\n', "models.x.image.formats: unknown value 'bmp'", ""),
        ('[models.x]\nprices = "tow"\n', "models.x.prices: unknown value 'tow'", "did you mean two?"),
        ("[models.x]\nprices = { text_in = 1 }\n", "models.x.prices: image_in, image_out, month is missing", ""),
        ("[models.x]\nprices.text_in = -1\n", "models.x.prices.text_in: expected a number from 0, found -1", ""),
        ("[models.x]\nprices.text_in = nan\n", "models.x.prices.text_in: expected a number from 0, found nan", ""),
        (
            "[models.x]\nprices.output_tokens.low.big = 3\n",
            "output_tokens.low: expected WIDTHxHEIGHT in pixels",
            "",
        ),
        ("[prices.mine]\ntext_in = 1\n", "prices.mine: image_in, image_out, month is missing", ""),
        ('[models.a]\nlike = "b"\n[models.b]\nlike = "a"\n', "circular like: ", "remove like from one of them"),
    ],
)
def test_an_error_is_named_with_its_place(imagecli: Run, rows: Path, text: str, words: str, hint: str) -> None:
    rows.write_text(text)
    done = imagecli("generate", "a cat", "--provider", "sandbox", "--json")
    assert done.exit_code == 2, done.stderr
    (error,) = json.loads(done.stdout)["errors"]
    assert error["code"] == "settings"
    assert error["message"].startswith(str(rows))
    assert words in error["message"]
    assert hint in (error["hint"] or "")


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(
        ["gpt-image-2", "a", "b", "free", "two", "edits", "png", "1x1", "gpt-image", "unknown", "quality"]
    )
    | st.dates()
)
INNER = st.sampled_from(
    ["set", "usual", "auto", "text_in", "image_in", "image_out", "month", "quality", "frame_count", "low", "max_bytes"]
)
TABLE = st.dictionaries(INNER, LEAVES | st.lists(LEAVES, max_size=2), max_size=5)
FIELD = st.sampled_from(["like", "shutdown", "operations", "sizes", "max_n", "image", "words", "ranges", "prices", "x"])
ROW = st.dictionaries(FIELD, LEAVES | st.lists(LEAVES, max_size=3) | TABLE, max_size=3)
NAME = st.sampled_from(["a", "b", "gpt-image-2", "gpt-image", "unknown", "models"])
TABLES = {
    kind: st.dictionaries(NAME, row, max_size=2) | LEAVES
    for kind, row in {"models": ROW, "families": ROW, "sizes": TABLE, "prices": TABLE, "x": TABLE}.items()
}


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({}, optional=TABLES))
@example({"families": {"gpt-image-2": {"max_prompt": 1}}})
@example({"models": {"a": {"like": "b"}, "b": {"like": "a"}}})
def test_any_tables_are_rows_or_an_error(tables: dict[str, object]) -> None:
    try:
        rows = with_user_models(tables, "mine.toml")
    except UsageError as error:
        assert error.message
    else:
        assert set(load_shipped_catalog().models) <= set(rows.models)


def test_the_file_in_the_topic_is_valid(imagecli: Run, rows: Path) -> None:
    rows.write_text(block("toml", "# models.toml\n"))
    done = imagecli("generate", "a cat", "-m", "my-model", "-s", "2:2", "--quality", "best", "--provider", "sandbox")
    assert "--quality best: my-model accepts draft, final" in done.stderr
