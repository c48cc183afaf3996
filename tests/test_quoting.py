"""Hints can be pasted: a quoted text is one word for a shell, and the same text."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.quoting import CONTROL_CHARACTERS, shell_quote, shell_quote_for_pasting


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("photo.jpg", "photo.jpg"),
        ("my photo.jpg", '"my photo.jpg"'),
        ("it's", '"it\'s"'),
        ("", '""'),
        ("5 $", "'5 $'"),
        ("wow!", "'wow!'"),
        ('a "b"', "'a \"b\"'"),
    ],
)
def test_a_word_is_quoted_if_needed(word: str, typed: str) -> None:
    assert shell_quote(word) == typed


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_shell_reads_the_same_word(word: str) -> None:
    assert shlex.split(shell_quote(word)) == [word]


@pytest.mark.parametrize(
    "word", ["a cat", "two\nlines", "it's", "tab\there", "\x03rm -rf ~\n", "'\x1b[201~\\n", "\u202egnp.exe", "5 $\x07"]
)
def test_bash_reads_the_same_word_and_no_control_characters_remain(word: str) -> None:
    quoted = shell_quote_for_pasting(word)
    assert not CONTROL_CHARACTERS.search(quoted.replace("\n", ""))
    done = subprocess.run(
        ["bash", "-c", f"printf %s {quoted}"], check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout.decode() == word
