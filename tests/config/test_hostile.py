"""Any content of a settings file gives settings or an error with the file's name, never a traceback."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagecli.config.schema import SETTINGS
from imagecli.errors import ImagecliError, SettingsError, UsageError
from tests.config.conftest import LOCAL, Home
from tests.conftest import Run

KEY = "sk-canary-0123456789"
NAMES = st.sampled_from([*SETTINGS, "api_key", "providers", "presets", "modle", ""])
LEAVES = (
    st.none().map(lambda _: "")
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.dates()
    | st.times()
    | st.text(max_size=8)
    | st.sampled_from(["auto", "1024x1024", "skip", "openai", "http://127.0.0.1:1/v1", "nan", "\x1b[31m", KEY])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["openai", "mine", "base_url", "like", "prompt", "size", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@contextmanager
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as place:
        yield Home(Path(place))


def loaded(home: Home) -> ImagecliError | None:
    """The outcome: an imagecli error, or settings."""
    try:
        home.load(LOCAL)
    except (SettingsError, UsageError) as error:
        return error
    return None


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.booleans())
@example({"timeout": float("nan")}, True)
@example({"providers": {"openai": {"base_url": ["http://127.0.0.1:1"]}}}, False)
@example({"providers": {"mine": {"like": {"x": 1}}}}, True)
def test_any_document_is_settings_or_an_error(document: dict[str, Any], own: bool) -> None:
    try:
        text = tomlkit.dumps(document)
    except (ValueError, TypeError):  # not representable in TOML
        return
    with home() as place:
        path = place.user(text) if own else place.in_project(text)
        error = loaded(place)
    if error:
        assert error.exit_code == 2
        # `keyring = true` is valid, and there may be no keyring here.
        assert path.name in error.message or "keyring" in error.message
        assert len(error.message) < 1000


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text("[]{}=\"'\\\n\r.#a1 \x00\ufeff", max_size=40).map(str.encode))
@example(b"\xff\xfem\0")
@example(b"a = " + b"[" * 50_000)
@example(b"a = " + b"9" * 5000)
@example(b"'''\n" * 3)
def test_any_bytes_are_settings_or_an_error(data: bytes) -> None:
    with home() as place:
        path = place.config / "config.toml"
        path.write_bytes(data)
        error = loaded(place)
    assert error is None or (error.exit_code == 2 and str(path) in error.message)


@pytest.mark.parametrize("text", [f'api_key = "{KEY}', f'model = "{KEY}" x', f"[{KEY}\n", f'"{KEY}" = [\n'])
def test_an_invalid_toml_file_is_named_without_its_content(text: str) -> None:
    with home() as place:
        place.user(text)
        error = loaded(place)
    assert error
    assert KEY not in error.message + (error.hint or "")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 20_000, "2026-13-45", "\x1b[31m"])
def test_a_value_that_no_setting_can_have_is_not_written(imagecli: Run, tmp_path: Path, value: str) -> None:
    result = imagecli("config", "set", "timeout", value)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "timeout" in result.stderr
    assert not (tmp_path / "config" / "config.toml").exists()


VARIABLES = st.dictionaries(
    st.sampled_from([f"IMAGECLI_{name.upper()}" for name in SETTINGS]),
    st.text(st.characters(exclude_characters="\0"), max_size=12) | st.sampled_from(["nan", "1e400", "-0", "٣", "auto"]),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(VARIABLES)
def test_any_variables_are_settings_or_an_error(variables: dict[str, str]) -> None:
    with home() as place:
        try:
            place.load(LOCAL, {name: value for name, value in variables.items() if value})
        except UsageError as error:
            assert error.exit_code == 2
            assert any(name in error.message or name[9:].lower() in error.message.lower() for name in variables)
