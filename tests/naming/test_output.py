"""How `-o` is parsed, and the fields of names."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from imagecli.domain import Size
from imagecli.errors import ImagecliError, OutputError, UsageError
from imagecli.naming import OutputPattern, PathKind, build_fields, check_output_inside, parse_output

DISK: dict[str, PathKind] = {
    ".": "folder",
    "..": "folder",
    "out": "folder",
    "a{b}": "folder",
    "notes": "file",
    "/dev/full": "other",
    "pipe": "other",
}


def look(path: Path) -> PathKind:
    return DISK.get(str(path), "missing")


@pytest.mark.parametrize(
    ("text", "kind", "read"),
    [
        (None, "folder", "."),
        (".", "folder", "."),
        ("..", "folder", ".."),
        ("out", "folder", "out"),
        ("new/", "folder", "new/"),
        ("new/..", "folder", "new/.."),
        ("a{b}", "folder", "a{b}"),
        ("cat.png", "literal", "cat.png"),
        ("notes", "literal", "notes"),
        ("../x/cat", "literal", "../x/cat"),
        ("{{cat}}.png", "literal", "{cat}.png"),
        ("{slug}.png", "template", "{slug}.png"),
        ("{date}/", "template", "{date}/"),
        ("-", "stdout", "-"),
        ("/dev/stdout", "stdout", "-"),
    ],
)
def test_output_is_read(text: str | None, kind: str, read: str) -> None:
    output = parse_output(text, look=look)
    assert (output.kind, output.text) == (kind, read)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("a\0b", "contains characters"),
        ("a\ud800", "contains characters"),
        ("a{b", "unmatched '{'"),
        ("/dev/full", "device or pipe"),
        ("pipe", "device or pipe"),
    ],
)
def test_an_impossible_output_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_output(text, look=look)
    assert caught.value.hint


def fields(**variables: str) -> dict[str, str | int]:
    return build_fields(
        prompt="A cat",
        stem="photo",
        model="gpt-image-2",
        size=Size(1024, 1536),
        now=datetime(2026, 11, 23, 14, 2, 3),  # noqa: DTZ001 - local time, as names show it
        hash="0badcafe",
        variables=variables,
    )


def test_fields_are_known_before_the_request() -> None:
    assert fields(animal="cat") == {
        "slug": "a-cat",
        "stem": "photo",
        "model": "gpt-image-2",
        "size": "1024x1536",
        "date": "2026-11-23",
        "time": "140203",
        "hash": "0badcafe",
        "animal": "cat",
    }


@pytest.mark.parametrize("name", ["slug", "n", "ext", "hash", "", " a", "a:b", "{a}", "a!"])
def test_a_variable_with_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        fields(**{name: "x"})


@pytest.mark.parametrize("text", ["cat.png", "icons/{slug}-{n:02}.png", ".github/cat", "a/./b", "out/", "."])
def test_a_manifest_may_name_files_below_its_folder(text: str) -> None:
    check_output_inside(OutputPattern(kind="template", text=text))


@pytest.mark.parametrize(
    "text",
    ["../x", "a/../../x", "/etc/x", "..", "con.png", "a/NUL", "a:b", r"..\x", "x. ", "a\nb", "a/{slug}.", "a\u202eb"],
)
def test_a_manifest_may_not_name_files_elsewhere_or_with_unportable_names(text: str) -> None:
    with pytest.raises(OutputError):
        check_output_inside(OutputPattern(kind="template", text=text))


def test_errors_of_output_are_usage_errors_with_exit_2() -> None:
    with pytest.raises(ImagecliError) as caught:
        parse_output("", look=look)
    assert caught.value.exit_code == 2
