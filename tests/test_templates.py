"""Braces of prompts stay unless the user named them; every brace of a name has a meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.errors import UsageError
from imagecli.templates import (
    NamePart,
    check_placeholders,
    combine_variables,
    fields_in,
    fill_name,
    fill_name_parts,
    fill_prompt,
    split_components,
)


@pytest.mark.parametrize(
    ("prompt", "variables", "filled"),
    [
        ("a {animal} on a {thing}", {"animal": "cat", "thing": "mat"}, "a cat on a mat"),
        ("a {animal} and a {dog}", {"animal": "cat"}, "a cat and a {dog}"),
        ('{"style": {"mood": "{mood}"}}', {"mood": "calm"}, '{"style": {"mood": "calm"}}'),
        ("{{a}} {a} {{b}}", {"a": "x"}, "{a} x {b}"),
        ("{a:02} {a!r} {a.b} {a[0]} { a }", {"a": "7"}, "{a:02} {a!r} {a.b} {a[0]} { a }"),
        ("{a}{b}", {"a": "{b}", "b": "{a}"}, "{b}{a}"),
        ("{a.b} {a+} {名}", {"a.b": "1", "a+": "2", "名": "3"}, "1 2 3"),
        (r"{a}", {"a": r"\1 \g<0>"}, r"\1 \g<0>"),
        ("{} {a", {"a": "x"}, "{} {a"),
        ("{a}", {}, "{a}"),
    ],
)
def test_only_named_braces_of_a_prompt_are_replaced(prompt: str, variables: dict[str, str], filled: str) -> None:
    assert fill_prompt(prompt, variables) == filled


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a {animl}", "{animal}"),
        ("a {Animal}", "{animal}"),
        ("a { animal }", "{animal}"),
        ("a {animal.name}", "{animal}"),
        ("a {animal[0]} in {color}", "{animal}"),
        ("a {aniaml} and a {animal}", "{animal}"),
        ("a {animal} in {colour}", "{color}"),
    ],
)
def test_a_misspelled_variable_of_a_prompt_is_an_error(prompt: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"expected {expected}") as caught:
        check_placeholders(prompt, ["animal", "color"])
    assert expected in (caught.value.hint or "")
    check_placeholders(prompt, [])


@pytest.mark.parametrize(
    "prompt", ["a {animal}", "a {{animl}}", "{mood} of {x}", '{"animl": 1}', "{animal:02}", "{", "{}"]
)
def test_other_braces_of_a_prompt_are_not_an_error(prompt: str) -> None:
    check_placeholders(prompt, ["animal", "color"])


@settings(deadline=None)
@given(st.text())
def test_a_prompt_without_variables_is_sent_verbatim(prompt: str) -> None:
    assert fill_prompt(prompt, {}) == prompt
    assert fill_prompt(prompt, {"never in text \0": "x"}) == prompt


FIELDS: dict[str, str | int] = {
    "slug": "a-cat",
    "n": 3,
    "size": "1024x1024",
    "row": "7",
    "code": "007",
    "my col": "x",
    "a.b": "y",
}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{slug}", "a-cat"),
        ("{slug}-{n:02}.png", "a-cat-03.png"),
        ("{n:03d}|{n:>4}|{n:<4}|{n:x}", "003|   3|3   |3"),
        ("{slug:.3}|{slug:_<8}", "a-c|a-cat___"),
        ("{row:03}|{code:02}|{row:04d}", "007|007|0007"),
        ("{{slug}} {{{slug}}}", "{slug} {a-cat}"),
        ("{my col} {a.b} { slug }", "x y a-cat"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_fields_of_a_name_are_replaced(template: str, name: str) -> None:
    assert fill_name(template, FIELDS) == name


@pytest.mark.parametrize(
    ("template", "message", "hint"),
    [
        ("{slig}", "{slig}", "did you mean {slug}?"),
        ("{zzz}", "{slug} {n} {size}", "--var zzz=VALUE"),
        ("{}", "{}", "--var NAME=VALUE"),
        ("{slug.__class__}", "{slug.__class__}", "--var slug.__class__=VALUE"),
        ("{slug[0]}", "{slug[0]}", "{slug}"),
        ("{slug!r}", "conversion", "{slug}"),
        ("{slug", "unmatched '{'", "{{"),
        ("slug}", "unmatched '}'", "}}"),
        ("{n:{n}}", "unmatched", "{{"),
        ("{n:999999999}", "999999999", "99"),
        ("{n:.999999999f}", "999999999", "99"),
        ("{n:100}", "100", "99"),
        ("{slug:d}", "text", "{n:02}"),
        ("{n:%Y}", "%Y", "{n:02}"),
        ("{n:.2}", "number", "{n:02}"),
    ],
)
def test_wrong_name_templates_are_errors_that_name_the_problem(template: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        fill_name(template, FIELDS)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@settings(deadline=None)
@given(st.text(alphabet="{}ansug:!.0123456789<>=-+/ x\0é", max_size=30))
def test_any_template_gives_a_name_or_a_usage_error(template: str) -> None:
    try:
        assert isinstance(fill_name(template, {"n": 1, "slug": "a"}), str)
    except UsageError as error:
        assert error.hint


def test_values_are_sanitized_after_formatting_and_not_expanded() -> None:
    parts = fill_name_parts("{{{a:/>4}{b}", {"a": "x", "b": "{a}"})
    assert parts == [NamePart("{", False), NamePart("///x", True), NamePart("{a}", True)]


def test_fields_in_a_template_are_found() -> None:
    assert fields_in("{{no}}/{a:02}/{ b }{a}") == {"a", "b"}


@pytest.mark.parametrize(
    ("template", "pieces"),
    [
        ("a/{b}/c", ["a", "{b}", "c"]),
        ("/{a:/>3}/", ["", "{a:/>3}", ""]),
        ("x{{/}}y", ["x{{", "}}y"]),
        ("", [""]),
    ],
)
def test_a_template_is_split_at_its_own_slashes(template: str, pieces: list[str]) -> None:
    assert list(split_components(template)) == pieces


def test_product_keeps_the_order_and_varies_the_last_variable_fastest() -> None:
    assert combine_variables({"a": ["1", "2"], "b": ["x", "y"]}) == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
    ]
    assert combine_variables({}) == [{}]
