"""Plain data to NamedTuples and back: type hints are checked, and an error names the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import pytest

from imagecli.errors import UsageError
from imagecli.serialization import Count, Limits, OneOf, Positive, Text, check_table, read_table, to_plain
from imagecli.sizes import Size


def even(value: Any) -> int:
    if type(value) is not int or value % 2:
        raise ValueError("expected an even number")
    return value


class Inner(NamedTuple):
    name: Text
    number: Count = 1


class Outer(NamedTuple):
    inner: Inner
    size: Size
    path: Path | None = None
    day: date | None = None
    word: Literal["a", "b"] = "a"
    flag: bool = False
    share: Positive = 1
    pair: tuple[int, str] = (0, "")
    several: tuple[Inner, ...] = ()
    counts: Mapping[Size, Count] = MappingProxyType({})
    animal: Annotated[str, OneOf(("cat", "dog"))] = "cat"
    twice: Annotated[int, even] = 2
    ratio: Annotated[float, Limits(1, 9)] | None = None
    either: int | Inner | None = None
    anything: Any = None


COMPLETE: dict[str, Any] = {"inner": {"name": "x"}, "size": "1x2"}
FULL = Outer(
    inner=Inner(name="x", number=3),
    size=Size(1, 2),
    path=Path("a/b"),
    word="b",
    flag=True,
    share=0.5,
    pair=(4, "five"),
    several=(Inner(name="y"), Inner(name="z")),
    counts={Size(3, 4): 5},
    animal="dog",
    twice=4,
    ratio=1.5,
    either=Inner(name="e"),
    anything={"k": [1, None]},
)


def test_written_values_are_read_back() -> None:
    assert read_table(Outer, to_plain(FULL)) == FULL


class Pair(NamedTuple):
    left: Inner
    right: int = 2


def test_a_named_tuple_is_a_table_and_a_tuple_is_a_list() -> None:
    pair = Pair(left=Inner(name="x"))
    plain = {"left": {"name": "x", "number": 1}, "right": 2}
    assert to_plain(pair) == plain
    assert to_plain({"pairs": (pair, pair), "tuple": (1, 2)}) == {"pairs": [plain, plain], "tuple": [1, 2]}
    assert read_table(Pair, {"left": {"name": "x"}}) == pair
    assert type(read_table(Pair, plain)) is Pair
    with pytest.raises(UsageError, match=r"t: expected a table with the fields left, right"):
        read_table(Pair, [{"name": "x"}, 2], "t")
    with pytest.raises(UsageError, match=r"t: left is missing"):
        read_table(Pair, {}, "t")
    assert read_table(Pair, {"right": 3}, over=pair) == Pair(left=Inner(name="x"), right=3)


def test_missing_fields_have_their_defaults() -> None:
    assert read_table(Outer, COMPLETE) == Outer(inner=Inner(name="x"), size=Size(1, 2))


def test_a_date_is_a_toml_date_and_written_in_iso_format() -> None:
    row = read_table(Outer, {**COMPLETE, "day": date(2026, 11, 29)})
    assert (row.day, to_plain(row)["day"]) == (date(2026, 11, 29), "2026-11-29")


def test_fields_can_be_omitted() -> None:
    assert to_plain(Inner(name="x"), omit={"number"}) == {"name": "x"}


def test_a_table_laid_over_a_value_merges_tables_and_empty_text_removes() -> None:
    row = read_table(Outer, {"inner": {"number": 7}, "path": "", "counts": {"3x4": "", "1x1": 2}}, over=FULL)
    assert (row.inner, row.path, row.counts, row.size) == (Inner(name="x", number=7), None, {Size(1, 1): 2}, FULL.size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inner": {}}, "t.inner: name is missing"),
        ({"inner": {"name": ""}}, "t.inner.name: expected text, found ''"),
        ({"inner": {"name": "x", "number": True}}, "t.inner.number: expected an integer from 1, found true"),
        ({"inner": 5}, "t.inner: expected a table with the fields name, number"),
        ({"inner": {"name": "x", "nmber": 1}}, "t.inner: unknown field 'nmber'"),
        ({"size": "big"}, "t.size: expected WIDTHxHEIGHT in pixels, found 'big'"),
        ({"day": "2026-11-29"}, "t.day: expected a date without quotes, such as 2026-11-04, found '2026-11-29'"),
        ({"word": "c"}, "t.word: unknown value 'c'"),
        ({"word": 3}, "t.word: expected text, found 3"),
        ({"flag": 1}, "t.flag: expected true or false, found 1"),
        ({"share": 0}, "t.share: expected a number above 0, found 0"),
        ({"share": float("nan")}, "t.share: expected a number above 0, found nan"),
        ({"pair": [1]}, "t.pair: expected a list of 2 values, found 1"),
        ({"pair": [1, 2]}, "t.pair: expected text, found 2"),
        ({"several": [{"name": "x"}, {"number": 1}]}, "t.several: name is missing"),
        ({"counts": {"3x4": 0}}, "t.counts.3x4: expected an integer from 1, found 0"),
        ({"counts": {"x": 1}}, "t.counts: expected WIDTHxHEIGHT in pixels, found 'x'"),
        ({"animal": "cow"}, "t.animal: unknown value 'cow'"),
        ({"twice": 3}, "t.twice: expected an even number"),
        ({"ratio": 10}, "t.ratio: expected a number from 1 to 9, found 10"),
    ],
)
def test_a_wrong_value_is_named_with_its_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_table(Outer, {**COMPLETE, **change}, "t")
    assert caught.value.message == message


def test_a_check_accepts_missing_fields_and_rejects_wrong_ones() -> None:
    check_table(Outer, {"inner": {"number": 2}}, "t")
    with pytest.raises(UsageError, match=r"t\.inner\.number: expected an integer from 1, found 0"):
        check_table(Outer, {"inner": {"number": 0}}, "t")


def test_text_in_place_of_a_table_or_list_is_not_quoted() -> None:
    for field_name in ("inner", "several", "counts"):
        with pytest.raises(UsageError) as caught:
            read_table(Outer, {**COMPLETE, field_name: "sk-secret"})
        assert "sk-" not in f"{caught.value.message}{caught.value.hint}"
