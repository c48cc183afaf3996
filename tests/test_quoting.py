"""Hints can be pasted: what they quote is one word for a shell, the same one."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.quoting import shell_quote


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
def test_a_word_is_quoted_where_it_needs_it(word: str, typed: str) -> None:
    assert shell_quote(word) == typed


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_shell_reads_the_same_word(word: str) -> None:
    assert shlex.split(shell_quote(word)) == [word]
