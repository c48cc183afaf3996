"""The user's own files: changed without losing a comment, replaced as a whole, never readable by others."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.config import api_keys
from imagecli.config.files import replace_file
from imagecli.config.paths import Folders
from imagecli.config.toml_edit import remove_toml_value, set_toml_value
from imagecli.domain import Secret
from imagecli.errors import SettingsError

HERE = Path("config.toml")
TEXT = """\
# mine
size = "auto"  # as it comes

[providers.openai]
# two at once
jobs = 2
"""


@pytest.mark.parametrize(
    ("names", "value", "after"),
    [
        (("size",), "1024x1024", TEXT.replace('"auto"', '"1024x1024"')),
        (("providers", "openai", "jobs"), 3, TEXT.replace("jobs = 2", "jobs = 3")),
        (("providers", "openai", "timeout"), 5.5, TEXT + "timeout = 5.5\n"),
        (("providers", "mine", "jobs"), 1, TEXT + "\n[providers.mine]\njobs = 1\n"),
    ],
)
def test_only_the_value_changes(names: tuple[str, ...], value: Any, after: str) -> None:
    assert set_toml_value(TEXT, names, value, HERE) == after


def test_a_top_level_setting_is_not_put_into_a_table() -> None:
    after = set_toml_value(TEXT, ("model",), "x", HERE)
    assert tomllib.loads(after)["model"] == "x"
    assert all(line in after for line in TEXT.splitlines())


def test_removing_a_value_removes_nothing_else() -> None:
    after = remove_toml_value(TEXT, ("size",), HERE)
    assert after is not None
    assert tomllib.loads(after) == {"providers": {"openai": {"jobs": 2}}}
    assert "# two at once" in after
    assert remove_toml_value(TEXT, ("model",), HERE) is None
    assert remove_toml_value(TEXT, ("size", "x"), HERE) is None


def test_a_value_does_not_become_a_table() -> None:
    with pytest.raises(SettingsError, match="size is not a table"):
        set_toml_value(TEXT, ("size", "x"), 1, HERE)


def full(value: Any) -> Any:
    """Without empty tables, which mean nothing."""
    if not isinstance(value, dict):
        return value
    return {name: full(inner) for name, inner in value.items() if full(inner) != {}}


PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(2**31), 2**31)
    | st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abcd"), PLAIN, max_size=4),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=3),
    PLAIN,
)
def test_the_file_has_the_new_value_or_is_unchanged(document: dict[str, Any], names: list[str], value: Any) -> None:
    import tomlkit

    text = tomlkit.dumps(document)
    expected = tomllib.loads(text)
    place = expected
    for name in names[:-1]:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            with pytest.raises(SettingsError):
                set_toml_value(text, names, value, HERE)
            return
    place[names[-1]] = value
    try:
        after = set_toml_value(text, names, value, HERE)
    except SettingsError as error:
        assert "can't be changed safely" in error.message
        return
    assert full(tomllib.loads(after)) == full(expected)


def test_a_file_and_its_folders_are_created_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        replace_file(tmp_path / "a" / "b" / "c.toml", "x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c.toml")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("old")
    real.chmod(0o644)
    (tmp_path / "config.toml").symlink_to(real)
    replace_file(tmp_path / "config.toml", "new")
    assert (tmp_path / "config.toml").is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("new", 0o644)


def test_a_file_that_can_t_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SettingsError, match="can't write"):
        replace_file(tmp_path / "config.toml", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_keys_are_stored_together_with_comments_kept_and_mode_restored(tmp_path: Path) -> None:
    places = Folders(config=tmp_path, state=tmp_path)
    places.credentials.write_text('# work\nopenai = "sk-1"\n')
    places.credentials.chmod(0o400)
    api_keys.write_credential(places, "xai", Secret("sk-2"))
    api_keys.write_credential(places, "mine", None)
    assert api_keys.read_credentials(places) == {"openai": "sk-1", "xai": "sk-2", "mine": api_keys.IN_KEYRING}
    assert places.credentials.read_text().startswith("# work\n")
    assert stat.S_IMODE(places.credentials.stat().st_mode) == 0o600
    assert api_keys.remove_credential(places, "openai") == "sk-1"
    assert api_keys.remove_credential(places, "openai") is None
    assert "sk-1" not in places.credentials.read_text()
