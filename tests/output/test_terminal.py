"""No untrusted text controls a terminal, and all of it stays readable."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecli.output.terminal import json_line, printable_path, write_line
from imagecli.quoting import MAX_CHARACTERS, sanitize
from tests.conftest import Stream

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
BIDI = [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
"""Every character with the Unicode property Bidi_Control (Unicode 16.0, PropList)."""
LINES = ["\u2028", "\u2029"]
SURROGATES = ["\ud800", "\udbff", "\udc80", "\udfff"]
HOSTILE = st.text(st.sampled_from([*CONTROLS, *BIDI, *LINES, *SURROGATES, *"[]\\x1b猫é🐈\u0301\u200d"]), max_size=60)


def control_characters(text: str) -> list[str]:
    """The characters of *text* on which a terminal would act; independent of the program's pattern."""
    return [
        character
        for character in text
        if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or character in BIDI or character == "\ufeff"
    ]


@given(HOSTILE | st.text(max_size=60))
@example("".join([*CONTROLS, *BIDI, *LINES, *SURROGATES]))
@example("\x9b31m\x1b]0;title\x07\x1b[31m\u202egnp")
def test_no_control_character_remains(text: str) -> None:
    sanitized = sanitize(text)
    assert control_characters(sanitized) == []
    assert sanitize(sanitized) == sanitized
    sanitized.encode()


@given(HOSTILE | st.text(max_size=60))
def test_everything_else_stays_in_its_order(text: str) -> None:
    sanitized = sanitize(text)
    rest = "".join(character for character in text if not control_characters(character))
    assert re.sub(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}| ", "", sanitized) == re.sub(
        r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}| ", "", rest
    )


@given(st.integers(0, 3), HOSTILE)
def test_no_length_makes_it_longer_than_its_escapes(over: int, text: str) -> None:
    sanitized = sanitize("x" * (MAX_CHARACTERS - 1 + over) + text)
    assert len(sanitized) <= MAX_CHARACTERS + max(1, 6 * len(text))


def units(text: str) -> bytes:
    """As JSON compares text: two escapes of surrogates in a row are one character."""
    return text.encode("utf-16", "surrogatepass")


@pytest.mark.parametrize("ascii_only", [True, False])
@given(HOSTILE | st.text(max_size=60))
@example("".join([*CONTROLS, *BIDI, *LINES, *SURROGATES]))
def test_json_controls_no_terminal_and_means_the_same(ascii_only: bool, text: str) -> None:
    line = json_line({text: [text, 1, None]}, ascii_only=ascii_only)
    assert control_characters(line) == []
    assert "\n" not in line
    line.encode("ascii" if ascii_only else "utf-8")
    ((key, (value, *others)),) = json.loads(line).items()
    assert units(key) == units(value) == units(text)
    assert others == [1, None]


def test_json_for_a_program_keeps_text_that_controls_nothing() -> None:
    assert json_line("猫 é 🐈 \u200d", ascii_only=False) == '"猫 é 🐈 \u200d"'


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@given(text=st.text(max_size=40))
def test_characters_that_a_stream_can_not_encode_are_escaped(encoding: str, text: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    write_line(stream, sanitize(text))
    stream.seek(0)
    assert stream.buffer.read().endswith(b"\n")


@pytest.mark.parametrize("path", ["-x.png", "--help", "-/x.png", "-"])
@pytest.mark.parametrize("tty", [True, False])
def test_a_path_is_never_an_option_of_the_next_command(path: str, tty: bool) -> None:
    assert printable_path(Path(path), Stream(tty=tty)) == f"./{path}"


@given(HOSTILE.filter(lambda text: "\0" not in text))
def test_a_path_is_one_line_and_exact_for_a_program(name: str) -> None:
    typed = printable_path(Path("a" + name.replace("/", "")), Stream())
    assert "\n" not in typed
    assert typed == "a" + name.replace("/", "").replace("\n", "\\x0a")
    assert control_characters(printable_path(Path("a" + name), Stream(tty=True))) == []
