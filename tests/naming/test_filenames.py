"""File names are readable, safe on every system, and within the byte limit."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.naming import mark_path, number_path, slugify
from imagecli.naming.filenames import byte_length, path_key, safe_component, safe_value


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a white siamese cat", "a-white-siamese-cat"),
        ("A White, Siamese -- Cat!", "a-white-siamese-cat"),
        ("  ../../etc/passwd  ", "etc-passwd"),
        ("一只白色的暹罗猫", "一只白色的暹罗猫"),
        ("猫,在 月亮上", "猫-在-月亮上"),
        ("Ärger im Büro", "ärger-im-büro"),
        ("cafe\u0301", "café"),
        ("हिन्दी में बिल्ली", "हिन्दी-में-बिल्ली"),
        ("แมวสีขาว", "แมวสีขาว"),
        ("قطة بيضاء", "قطة-بيضاء"),
        ("a ❤️ b 👩‍💻", "a-b"),
        ("x² 1️⃣ ½", "x²-1-½"),
        ("--help", "help"),
        ("İstanbul", "i̇stanbul"),
        ("", "picture"),
        ("🙂!?", "picture"),
        ("\u0301\u0301", "picture"),
        ("\ud800\0\x1b[31m", "31m"),
        ("CON", "con"),
    ],
)
def test_slug_of_a_prompt(prompt: str, name: str) -> None:
    assert slugify(prompt) == name


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("word " * 30, "-".join(["word"] * 12)),
        ("word " * 12, "-".join(["word"] * 12)),
        ("a " + "x" * 100, "a-" + "x" * 58),
        ("y" * 100, "y" * 60),
        ("猫" * 100, "猫" * 60),
        ("𠀀" * 100, "𠀀" * 45),
    ],
)
def test_a_long_slug_is_cut_at_a_word_if_that_leaves_half(prompt: str, name: str) -> None:
    assert slugify(prompt) == name


@settings(deadline=None)
@given(st.text())
def test_every_slug_is_short_safe_and_composed(prompt: str) -> None:
    name = slugify(prompt)
    assert 0 < len(name) <= 60
    assert byte_length(name) <= 180
    assert unicodedata.is_normalized("NFC", name)
    assert name == safe_value(name)
    assert not name.startswith("-")
    assert not name.endswith("-")
    assert "--" not in name


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("../../etc", "etc"),
        ("/etc/passwd", "etc-passwd"),
        (r"C:\x", "C-x"),
        ('a<b>"c"|d?*', "a-b-c-d-"),
        ("..", ""),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("name. . ", "name"),
        ("a\0b\nc\x7f\x9b", "a-b-c-"),
        ("cat\u202egnp.exe", "cat-gnp.exe"),
        ("photo\udcff", "photo-"),
        ("my photo (2)", "my photo (2)"),
        ("👩‍💻", "👩‍💻"),
    ],
)
def test_values_are_sanitized(value: str, safe: str) -> None:
    assert safe_value(value) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("", "picture"),
        (".", "picture"),
        ("..", "picture"),
        ("a.", "a"),
        ("con", "_con"),
        ("NUL.png", "_NUL.png"),
        ("com1", "_com1"),
        ("LPT³.x", "_LPT³.x"),
        ("com10", "com10"),
        ("console", "console"),
    ],
)
def test_components_are_sanitized(text: str, safe: str) -> None:
    assert safe_component(text) == safe


@pytest.mark.parametrize(
    ("path", "k", "result"),
    [
        ("cat.png", 2, "cat_2.png"),
        ("a/b/v1.2.png", 13, "a/b/v1.2_13.png"),
        ("cat", 2, "cat_2"),
        ("x" * 251 + ".png", 2, "x" * 249 + "_2.png"),
        ("猫" * 83 + ".png", 10, "猫" * 82 + "_10.png"),
    ],
)
def test_numbers_stay_within_the_byte_limit_of_a_name(path: str, k: int, result: str) -> None:
    assert number_path(Path(path), k) == Path(result)
    assert byte_length(number_path(Path(path), k).name) <= 255


def test_a_mark_replaces_the_extension_within_the_byte_limit() -> None:
    assert mark_path(Path("a/cat.png"), ".orig.jpg") == Path("a/cat.orig.jpg")
    assert byte_length(mark_path(Path("é" * 125 + ".png"), ".damaged.png.bin").name) <= 255


@pytest.mark.parametrize(("one", "other"), [("Cat.png", "cat.PNG"), ("caf\u00e9", "cafe\u0301"), ("STRASSE", "straße")])
def test_names_that_some_file_system_equates_have_one_key(one: str, other: str) -> None:
    assert path_key(Path(one)) == path_key(Path(other))
