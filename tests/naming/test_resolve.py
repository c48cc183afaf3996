"""Every image gets a unique name before anything is paid for, and no file is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.domain import IfExists
from imagecli.errors import OutputError, UsageError
from imagecli.naming import (
    OutputPattern,
    PathKind,
    ResolvedName,
    parse_output,
    path_for_format,
    requested_format,
    resolve_names,
)
from imagecli.naming.filenames import byte_length, path_key

FIELDS: dict[str, str | int] = {
    "slug": "a-cat",
    "stem": "photo",
    "size": "1024x1024",
    "evil": "../../etc",
    "no": "",
    "dots": "..",
}


def disk(places: dict[str, PathKind] | None = None) -> Any:
    there: dict[str, PathKind] = {".": "folder", "out": "folder", **(places or {})}
    return lambda path: there.get(str(path), "missing")


def planned(output: str | None = None, look: Any = None, **changes: Any) -> list[ResolvedName]:
    look = look or disk()
    arguments: dict[str, Any] = {
        "count": 1,
        "fields": FIELDS,
        "default": "{slug}",
        "expected_format": "png",
        "if_exists": None,
        "taken": {},
    }
    return resolve_names(parse_output(output, look=look), look=look, **{**arguments, **changes})


def paths(*arguments: Any, format: str = "png", **changes: Any) -> list[str]:
    return [str(path_for_format(item.name, format)) for item in planned(*arguments, **changes)]


@pytest.mark.parametrize(
    ("output", "count", "result"),
    [
        (None, 1, ["a-cat.png"]),
        (None, 3, ["a-cat-1.png", "a-cat-2.png", "a-cat-3.png"]),
        ("out", 1, ["out/a-cat.png"]),
        ("new/", 1, ["new/a-cat.png"]),
        ("cat.png", 1, ["cat.png"]),
        ("cat.png", 2, ["cat-1.png", "cat-2.png"]),
        ("x/cat.PNG", 1, ["x/cat.PNG"]),
        ("v1.2", 1, ["v1.2.png"]),
        ("cat.xyz", 1, ["cat.xyz.png"]),
        ("../cat.png", 1, ["../cat.png"]),
        ("/x/cat.png", 1, ["/x/cat.png"]),
        ("{slug}-{n:02}", 2, ["a-cat-01.png", "a-cat-02.png"]),
        ("{size}/{slug}", 2, ["1024x1024/a-cat-1.png", "1024x1024/a-cat-2.png"]),
        ("{size}/", 1, ["1024x1024/a-cat.png"]),
        ("{n}/x", 2, ["1/x.png", "2/x.png"]),
        ("{slug}.{ext}", 1, ["a-cat.png"]),
        ("{no}", 1, ["picture.png"]),
        ("x/.{ext}", 1, ["x/picture.png"]),
        ("{dots}/{dots}", 1, ["picture/picture.png"]),
        ("{slug}-{ext}", 1, ["a-cat-png.png"]),
        ("/{slug}", 1, ["/a-cat.png"]),
        ("../{slug}", 1, ["../a-cat.png"]),
        (".{slug}", 1, [".a-cat.png"]),
        ("{{{slug}}}", 1, ["{a-cat}.png"]),
        ("-", 1, ["a-cat.png"]),
    ],
)
def test_names_before_paying(output: str | None, count: int, result: list[str]) -> None:
    assert paths(output, count=count) == result


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ("{evil}/{slug}", "etc/a-cat.png"),
        ("{no}/{slug}", "picture/a-cat.png"),
        ("x/{dots}/{slug}", "x/picture/a-cat.png"),
        ("..{no}/{slug}", "picture/a-cat.png"),
        (".{dots}/{slug}", "picture/a-cat.png"),
        ("{no}", "picture.png"),
        ("{slug}{no}.", "a-cat.png"),
        ("{no}-{slug}", "a-cat.png"),
        ("x/{no}--{slug}", "x/a-cat.png"),
        ("{no}-", "picture.png"),
        ("-{slug}", "-a-cat.png"),
        ("c{no}on", "_con.png"),
    ],
)
def test_values_never_leave_their_folder(output: str, result: str) -> None:
    assert paths(output) == [result]


@pytest.mark.parametrize(
    ("output", "format", "requested", "path"),
    [
        ("cat.png", "jpeg", "png", "cat.png"),
        ("cat.JPG", "png", "jpeg", "cat.JPG"),
        ("cat.jpeg", "jpeg", "jpeg", "cat.jpeg"),
        ("cat", "jpeg", None, "cat.jpg"),
        ("{slug}.png", "jpeg", "png", "a-cat.jpg"),
        ("{slug}.JPEG", "jpeg", "jpeg", "a-cat.JPEG"),
        ("{slug}.{ext}", "webp", None, "a-cat.webp"),
        ("{slug}-{ext}", "webp", None, "a-cat-webp.webp"),
        ("{file}", "png", "png", "shot.png"),
        (None, "gif", None, "a-cat.gif"),
        ("out/", "svg", None, "out/a-cat.svg"),
        ("{size}/", "webp", None, "1024x1024/a-cat.webp"),
    ],
)
def test_only_a_literal_ending_is_kept_over_other_bytes(
    output: str | None, format: str, requested: str | None, path: str
) -> None:
    fields = {**FIELDS, "file": "shot.png"}
    assert requested_format(parse_output(output, look=disk()), fields) == requested
    (item,) = planned(output, fields=fields)
    assert str(path_for_format(item.name, format)) == path
    assert item.name.literal_format == (requested if output and "{" not in output else None)


EXISTING = disk({"a-cat.png": "file", "a-cat_2.png": "file", "cat.png": "file", "cat-2.png": "file"})


@pytest.mark.parametrize(
    ("output", "if_exists", "path", "kept"),
    [
        (None, None, "a-cat_3.png", False),
        (None, "number", "a-cat_3.png", False),
        (None, "skip", "a-cat.png", True),
        (None, "overwrite", "a-cat.png", False),
        ("{slug}", None, "a-cat_3.png", False),
        ("cat.png", "number", "cat_2.png", False),
        ("cat.png", "skip", "cat.png", True),
        ("cat.png", "overwrite", "cat.png", False),
        ("cat.jpg", None, "cat.jpg", False),
        ("-", "fail", "a-cat_3.png", False),
    ],
)
def test_an_existing_name_follows_the_rule(
    output: str | None, if_exists: IfExists | None, path: str, kept: bool
) -> None:
    (item,) = planned(output, EXISTING, if_exists=if_exists)
    expected_format = "jpeg" if path.endswith("jpg") else "png"
    assert str(path_for_format(item.name, expected_format)) == path
    assert item.kept == (Path(path) if kept else None)


@pytest.mark.parametrize(
    ("output", "if_exists"), [("cat.png", None), ("cat.png", "fail"), (None, "fail"), ("{slug}.png", "fail")]
)
def test_an_existing_file_is_an_error_before_paying(output: str | None, if_exists: IfExists | None) -> None:
    with pytest.raises(OutputError, match="already exists") as caught:
        planned(output, EXISTING, if_exists=if_exists)
    assert all(word in (caught.value.hint or "") for word in ("--if-exists number", "skip", "overwrite"))


def test_each_of_several_literal_names_is_looked_up() -> None:
    with pytest.raises(OutputError, match=r"cat-2\.png already exists"):
        planned("cat.png", EXISTING, count=3)


def test_skip_keeps_existing_images_and_requests_the_rest() -> None:
    kept = [item.kept for item in planned("cat.png", EXISTING, count=3, if_exists="skip")]
    assert kept == [None, Path("cat-2.png"), None]


@pytest.mark.parametrize("if_exists", [None, "skip", "overwrite", "fail"])
@pytest.mark.parametrize(("place", "words"), [("folder", "is a folder"), ("other", "device or pipe")])
def test_a_folder_or_device_is_never_replaced(if_exists: IfExists | None, place: PathKind, words: str) -> None:
    look = disk({"v.png": place, "a-cat.png": place})
    with pytest.raises(OutputError, match=words):
        planned("v", look, if_exists=if_exists)
    if if_exists == "fail":
        with pytest.raises(OutputError, match=words):
            planned(None, look, if_exists=if_exists)
    else:
        assert paths(None, look, if_exists=if_exists) == ["a-cat_2.png"]


def test_existence_is_checked_with_the_expected_extension() -> None:
    assert paths(None, EXISTING, expected_format="webp", format="webp") == ["a-cat.webp"]
    assert paths("{slug}.webp", EXISTING, format="webp") == ["a-cat.webp"]


def test_two_requests_of_a_command_never_share_a_name() -> None:
    taken: dict[str, int] = {}
    slugs = ["cat", "Cat", "cat_2", "cat", "caf\u00e9", "cafe\u0301", "cat_2"]
    found = [paths(fields={"slug": slug}, taken=taken)[0] for slug in slugs]
    assert found == ["cat.png", "Cat_2.png", "cat_2_2.png", "cat_3.png", "café.png", "café_2.png", "cat_2_3.png"]


def test_a_number_that_another_name_uses_is_skipped() -> None:
    taken: dict[str, int] = {}
    found = [paths(fields={"slug": slug}, taken=taken)[0] for slug in ("cat_2", "cat", "cat")]
    assert found == ["cat_2.png", "cat.png", "cat_3.png"]


def test_overwrite_never_replaces_images_of_the_same_command() -> None:
    taken: dict[str, int] = {}
    found = [paths("cat.png", EXISTING, if_exists="overwrite", taken=taken)[0] for _ in range(2)]
    assert found == ["cat.png", "cat_2.png"]


def test_skip_finds_the_numbered_names_of_the_last_run_again() -> None:
    taken: dict[str, int] = {}
    kept = [planned(None, EXISTING, if_exists="skip", taken=taken)[0].kept for _ in range(3)]
    assert kept == [Path("a-cat.png"), Path("a-cat_2.png"), None]


def test_n_counts_over_the_whole_command() -> None:
    taken: dict[str, int] = {}
    first = paths("{n}", count=2, taken=taken, first=1, total=4)
    assert first + paths("{n}", count=2, taken=taken, first=3, total=4) == ["1.png", "2.png", "3.png", "4.png"]
    one = paths("cat.png", taken=taken, first=1, total=2)
    assert one + paths("cat.png", taken=taken, first=2, total=2) == ["cat-1.png", "cat-2.png"]


def test_a_thousand_equal_prompts_are_named_in_linear_time() -> None:
    requested = 0

    def look(path: Path) -> PathKind:
        nonlocal requested
        requested += 1
        return "missing"

    taken: dict[str, int] = {}
    for _ in range(1000):
        resolve_names(
            OutputPattern(kind="folder", text="."),
            count=1,
            fields={"slug": "x"},
            default="{slug}",
            expected_format="png",
            if_exists=None,
            look=look,
            taken=taken,
        )
    assert requested == 1000
    assert taken["x.png"] == 1000


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        ("x" * 252 + ".png", OutputError, "255 bytes"),
        ("猫" * 90, OutputError, "255 bytes"),
        ("x" * 256 + "/{slug}", OutputError, "255 bytes"),
        ("x" * 256 + "{slug}", OutputError, "255 bytes"),
        ("{ext}/{slug}", UsageError, "folder"),
        ("{slg}", UsageError, "slg"),
    ],
)
def test_impossible_names_are_refused(output: str, error: type[UsageError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        planned(output)
    assert caught.value.hint


def test_the_longest_literal_name_is_used_unchanged() -> None:
    assert paths("x" * 251 + ".png") == ["x" * 251 + ".png"]
    with pytest.raises(OutputError, match="255 bytes"):
        planned("x" * 251 + ".png", count=2)


def test_stdout_accepts_one_image() -> None:
    with pytest.raises(UsageError, match="stdout accepts one image; 2"):
        planned("-", count=2)


def test_a_long_value_is_cut_and_the_number_is_not() -> None:
    fields = {"slug": "猫" * 60, "stem": "s" * 255}
    names = paths("{stem}-{slug}-{n:03}", fields=fields, count=2)
    assert [name[-8:] for name in names] == ["-001.png", "-002.png"]
    assert all(byte_length(name) <= 255 for name in names)


values = st.text(max_size=80) | st.sampled_from(
    ["..", "../x", "/etc", "CON", ".", "", "x" * 300, "猫" * 200, "a\0b", "\udcff"]
)


@settings(deadline=None)
@given(
    slugs=st.lists(values, min_size=1, max_size=4),
    template=st.sampled_from(
        ["{v}", "d/{v}", "d/{v}/{v}", "d/{v}-{n:02}.png", "d/.{v}", "d/{v:.5}{v:->9}", "d/{v}.{ext}"]
    ),
    count=st.integers(1, 3),
    format=st.sampled_from(["png", "jpeg", "webp", "gif", "svg"]),
    full=st.booleans(),
)
def test_any_value_gives_unique_names_inside_the_folder(
    slugs: list[str], template: str, count: int, format: str, full: bool
) -> None:
    taken: dict[str, int] = {}
    look = (lambda path: "missing" if "_3" in path.name else "file") if full else disk()
    found = [
        Path(path)
        for value in slugs
        for path in paths(
            template, look, fields={"v": value}, count=count, taken=taken, expected_format=format, format=format
        )
    ]
    assert len({path_key(path) for path in found}) == len(found)
    for path in found:
        assert not path.is_absolute()
        assert path.parts[0] == "d" or len(path.parts) == 1
        assert len(path.parts) == 1 + template.count("/")
        assert all(byte_length(part) <= 255 and part not in ("", ".", "..") and "\0" not in part for part in path.parts)
