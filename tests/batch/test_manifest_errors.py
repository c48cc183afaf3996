"""All errors of a manifest are reported together, each with its line and field, before anything is requested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.manifest.errors import MAX_PRINTED, MAX_STORED, ManifestError, options_as_fields
from imagecli.batch.manifest.read import Format
from tests.batch.manifests import assets, problems, repository


def row(**fields: Any) -> str:
    return json.dumps({"prompt": "a cat", **fields})


BAD_QUALITY = "quality: ultra: gpt-image-2 accepts"
BAD_SIZE = "size: 100x100: 100 is not a multiple"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"quality": "ultra", "size": "100x100"}, [BAD_SIZE, BAD_QUALITY]),
        ({"quality": "ultra", "background": "blue"}, [BAD_QUALITY, "background: blue"]),
        ({"quality": ["x"], "size": "100x100"}, ["quality: expected text", BAD_SIZE]),
        ({"prompt": 7, "size": "100x100"}, ["prompt: expected text", BAD_SIZE]),
        ({"prompt": "", "quality": "ultra"}, ["the prompt is empty", BAD_QUALITY]),
        ({"qualty": "low", "size": "100x100"}, ["unknown field 'qualty'", BAD_SIZE]),
        ({"command": "edit", "image": "no.png", "size": "100x100"}, ["image: assets/no.png", BAD_SIZE]),
        ({"output": "../8.png", "quality": "ultra"}, ["output: '../8.png'", BAD_QUALITY]),
        ({"output": "8.bmp", "quality": "ultra"}, ["output: 8.bmp", BAD_QUALITY]),
        ({"size": "1x", "output": "../8.png"}, ["size: invalid size '1x'", "output: '../8.png'"]),
        (
            {"n": 0, "command": "edit", "image": "no.png", "mask": "gone.png"},
            ["n: exp", "image: as", "mask: as"],
        ),
        ({"n": 0, "prompt": None, "prompt_file": "no.txt"}, ["n: expected", "prompt_file: assets/no.txt"]),
        ({"size": "100x100", "output_compression": 50}, [BAD_SIZE, "output_compression: only for jpeg"]),
        ({"prompt": "{animl} {animal}", "vars": {"animal": "x"}, "quality": "ultra"}, ["prompt: unknown", BAD_QUALITY]),
        # A consequence of a problem is not reported as a second one.
        ({"qualty": "low", "output": "a.jpg", "output_compression": 50}, ["unknown field 'qualty'"]),
        ({"output": "8.bmp", "output_compression": 50}, ["output: 8.bmp"]),
        ({"model": 7, "quality": "ultra"}, ["model: expected text"]),
        ({"command": "vary", "image": "no.png"}, ["image: assets/no.png"]),
    ],
)
def test_all_problems_of_a_row_are_reported(fields: dict[str, Any], expected: list[str]) -> None:
    messages = problems(row(**fields))
    assert len(messages) == len(expected)
    assert all(line.startswith(f"m.jsonl:1: {start}") for line, start in zip(messages, expected, strict=True))


def test_a_misspelled_column_of_a_table_is_an_error() -> None:
    messages = problems("prompt,animal\na {animal},cat\na {anmial},dog\n", "csv")
    assert messages == [
        "m.csv:3: prompt: unknown variable {anmial}, expected {animal}; "
        "write {animal}, or {{anmial}} for literal braces"
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": "100x100"}, "m.jsonl:1: size: 100x100: 100 is not a multiple of 16 (gpt-image-2); use size "),
        ({"size": "big"}, "m.jsonl:1: size: invalid size 'big'"),
        ({"size": 1024}, "size: expected text, found 1024; put it in quotes"),
        ({"size": "50:1"}, "m.jsonl:1: size: 50:1: "),
        ({"fit": "99999x99999"}, "m.jsonl:1: fit: 99999x99999: it has"),
        ({"fit": "x"}, "m.jsonl:1: fit: invalid size 'x'"),
        ({"qualty": "low"}, "m.jsonl:1: unknown field 'qualty'; did you mean quality?"),
        ({"seed": -1}, "seed: expected 0 to 9,223,372,036,854,775,807, found -1"),
        ({"xyz": 7}, "unknown field 'xyz'; put your own variables in vars"),
        ({"quality": "ultra"}, "m.jsonl:1: quality: ultra: gpt-image-2 accepts low, medium, high, auto; use quality "),
        ({"quality": ["low"]}, "m.jsonl:1: quality: expected text, found a list"),
        ({"quality": ""}, "m.jsonl:1: quality: must not be empty"),
        ({"style": "vivid"}, "m.jsonl:1: style: not supported by gpt-image-2"),
        (
            {"output_compression": 50},
            "m.jsonl:1: output_compression: only for jpeg and webp, not for png; add output_",
        ),
        ({"output_compression": 101}, "output_compression: expected 0 to 100, found 101"),
        (
            {"prompt": "a {animl} or a {animal}", "vars": {"animal": "cat"}},
            "m.jsonl:1: prompt: unknown variable {animl}, expected {animal}; write {animal}, or {{animl}} for",
        ),
        ({"n": 0}, "m.jsonl:1: n: expected 1 to 100,000, found 0; use 1"),
        ({"n": -3}, "m.jsonl:1: n: expected 1 to 100,000, found -3"),
        ({"n": True}, "m.jsonl:1: n: expected an integer, found true"),
        ({"n": 2.0}, "m.jsonl:1: n: expected an integer, found 2.0"),
        ({"n": "2"}, "m.jsonl:1: n: expected an integer, found '2'"),
        ({"n": 10**30}, "m.jsonl:1: n: expected 1 to 100,000, found a very long number"),
        ({"prompt": ""}, "m.jsonl:1: the prompt is empty"),
        ({"prompt": None}, "m.jsonl:1: prompt: missing; add prompt or prompt_file"),
        ({"prompt": 7}, "m.jsonl:1: prompt: expected text, found 7"),
        ({"prompt": "x" * 32_001}, "m.jsonl:1: the prompt has 32,001 characters; gpt-image-2 accepts at most 32,000"),
        ({"prompt": "caf\udce9"}, "m.jsonl:1: prompt: 'caf\\udce9' is not valid Unicode (character 4)"),
        ({"prompt_file": "x.txt"}, "m.jsonl:1: prompt_file: conflicts with prompt"),
        ({"output": "a.png", "outputs": ["b.png"]}, "m.jsonl:1: outputs: conflicts with output"),
        ({"command": "generat"}, "command: expected generate, edit or vary, found 'generat'; did you mean gener"),
        ({"image": "cat.png"}, "m.jsonl:1: command: missing; set it to edit or vary for image"),
        (
            {"image": "cat.png", "mask": "m.png", "pad": True},
            "m.jsonl:1: command: missing; set it to edit for ",
        ),
        (
            {"command": "generate", "image": "cat.png"},
            "image: not available for generate; set command to edit or vary, or remove the field",
        ),
        ({"command": "edit"}, "m.jsonl:1: image: missing; edit needs an input image"),
        ({"command": "edit", "image": "cot.png"}, "image: assets/cot.png does not exist; did you mean assets/cat.png?"),
        ({"command": "edit", "image": "."}, "m.jsonl:1: image: assets is a folder, not a file"),
        ({"command": "edit", "image": "-"}, "m.jsonl:1: image: - (stdin) is not a valid input in a manifest"),
        ({"command": "edit", "image": []}, "m.jsonl:1: image: the list is empty"),
        ({"command": "edit", "image": "a\0b"}, "m.jsonl:1: image: invalid file name 'a\\x00b'"),
        ({"command": "edit", "image": "cat.png", "mask": "no.png"}, "m.jsonl:1: mask: assets/no.png does not exist"),
        ({"command": "edit", "image": ["cat.png"] * 17}, "17 input images; gpt-image-2 accepts at most 16"),
        ({"command": "edit", "image": "cat.png", "prompt": None}, "prompt: missing; add prompt or prompt_file"),
        ({"command": "edit", "image": "cat.png", "strength": "subtle"}, "m.jsonl:1: strength: not available for edit"),
        ({"command": "edit", "image": "cat.png", "crop": "middle"}, "crop: expected center, top"),
        ({"command": "vary", "image": ["cat.png", "dog.png"]}, "m.jsonl:1: image: expected one image, found 2"),
        ({"command": "vary", "image": "cat.png", "via": "variations"}, "endpoint does not accept a prompt"),
        ({"command": "vary", "image": "cat.png", "strength": "wild"}, "strength: expected subtle"),
        ({"param": {"a": {"b": [1e400]}}}, "Infinity is not valid JSON"),
        ({"param": {"model": "x"}}, "m.jsonl:1: param: model: this field has its own option; use model"),
        ({"param": "seed"}, "m.jsonl:1: param: 'seed' is not KEY=VALUE"),
        ({"param": json.loads("[" * 30 + "]" * 30)}, "m.jsonl:1: param: expected text, found a list"),
        ({"param": {"a": json.loads("[" * 30 + "]" * 30)}}, "param: nested more than 20 levels deep"),
        ({"param": {"a": 10**20}}, "m.jsonl:1: param: a very long number can't be expressed in JSON"),
        ({"vars": "x"}, "m.jsonl:1: vars: expected an object of names and values, found 'x'"),
        ({"vars": {"a": {}}}, "m.jsonl:1: vars: a: expected text or a number, found an object"),
        ({"vars": {"a": True}}, "m.jsonl:1: vars: a: expected text or a number, found true"),
        ({"vars": {"a": "x"}}, "m.jsonl:1: vars: a: {a} is used neither in the prompt nor in output"),
        (
            {"vars": {"name": "x"}, "prompt": "{nam}"},
            "the prompt contains {nam}: change it to {name}, or use vars nam=VALUE",
        ),
        ({"vars": {"date": "x"}, "prompt": "{date}"}, "vars: variable 'date' has the name of a built-in field"),
        ({"vars": {"a": []}, "prompt": "{a}"}, "m.jsonl:1: vars: a has no values"),
        ({"output": "/etc/x.png"}, "m.jsonl:1: output: '/etc/x.png' must stay inside the manifest's folder"),
        ({"output": "~/x.png"}, "m.jsonl:1: output: '~/x.png' is in the home folder"),
        ({"outputs": ["a.png", "~/b.png"]}, "m.jsonl:1: output: '~/b.png' is in the home folder"),
        ({"prompt": "x", "output": "~/"}, "m.jsonl:1: output: '~/' is in the home folder"),
        ({"command": "edit", "image": "~/x.png"}, "m.jsonl:1: image: '~/x.png' is in the home folder"),
        (
            {"command": "edit", "image": "cat.png", "mask": "~/x.png"},
            "m.jsonl:1: mask: '~/x.png' is in the home folder",
        ),
        ({"output": "../x.png"}, "m.jsonl:1: output: '../x.png' must stay inside the manifest's folder"),
        ({"output": "a/../../x.png"}, "m.jsonl:1: output: 'a/../../x.png' must stay inside the manifest's folder"),
        ({"output": "/dev/stdout"}, "m.jsonl:1: output: - (stdout) is not a valid output in a manifest"),
        ({"output": "-"}, "m.jsonl:1: output: - (stdout) is not a valid output"),
        ({"output": "CON.png"}, "m.jsonl:1: output: 'CON.png' is not a valid file name on every system"),
        ({"output": "a:b.png"}, "m.jsonl:1: output: 'a:b.png' is not a valid file name"),
        ({"output": "C:\\x.png"}, "is not a valid file name"),
        ({"output": "x./y.png"}, "is not a valid file name"),
        ({"output": "{date}/x.png"}, "output: '{date}/x.png': {date} changes with every run"),
        ({"output": "x-{time:>8}.png"}, "{time} changes with every run"),
        ({"output": "{slog}.png"}, "m.jsonl:1: unknown field {slog} in an output name; available:"),
        ({"output": "{slug.png"}, "unmatched '{'"),
        (
            {"output": "x.tiff", "model": "gpt-image-1"},
            "m.jsonl:1: output: x.tiff: can't save as tiff; expected png, jpg, webp, gif",
        ),
        (
            {"output": "x.svg", "model": "gpt-image-1"},
            "m.jsonl:1: output: x.svg: can't save as svg; expected png, jpg, webp, gif",
        ),
        ({"output": "x.png", "output_format": "webp"}, "output: x.png implies png, but output_format is webp"),
        ({"output": "x" * 300 + ".png"}, "too long; the limit is 255 bytes"),
        ({"outputs": []}, "m.jsonl:1: outputs: expected a list of files, found a list"),
        ({"outputs": [{}]}, "m.jsonl:1: outputs: expected a name or an object with output, found an object"),
        ({"outputs": [{"output": "a", "fot": "1x1"}]}, "outputs: unknown field 'fot'; did you mean fit?"),
        ({"outputs": [{"output": "a", "fit": "1"}]}, "m.jsonl:1: outputs: invalid size '1'"),
        ({"outputs": ["a.png", "../b.png"]}, "m.jsonl:1: output: '../b.png' must stay inside the manifest's folder"),
        ({"outputs": ["a.png", "a.png"]}, "m.jsonl:1: output: duplicate output a.png, first used in this row"),
        (
            {"outputs": ["a.png", "b.svg"]},
            "m.jsonl:1: output: b.svg: can't save as svg",
        ),
        ({"outputs": [{"output": "a.png", "output_format": "webp"}]}, "implies png, but its output_format is webp"),
        ({"model": "dall-e-3", "command": "edit", "image": "cat.png"}, "dall-e-3 does not support edits"),
        ({"background": "clear"}, "m.jsonl:1: background: clear: gpt-image-2 accepts "),
    ],
)
def test_an_invalid_row_is_an_error(
    fields: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "assets")
    monkeypatch.chdir(tmp_path)
    problem_lines = problems(row(**fields))
    assert len(problem_lines) == 1, problem_lines
    assert message in problem_lines[0]


@pytest.mark.parametrize(
    ("text", "format", "messages"),
    [
        ("prompt,qualty\na,high\nb,low", "csv", "m.csv:1: no row uses column 'qualty'; did you mean quality?"),
        ("prompt,animal\na {anmal},cat", "csv", "m.csv:1: no row uses column 'animal'; rows use {anmal}"),
        ("prompt,date\na,x", "csv", "m.csv:1: variable 'date' has the name of a built-in field"),
        ("n\n2", "csv", "m.csv:2: prompt: missing"),
        ("prompt,n\na,two", "csv", "m.csv:2: n: expected an integer, found 'two'"),
        ("prompt,n\na,-1", "csv", "m.csv:2: n: expected 1 to 100,000, found -1"),
        ("prompt,pad,command\na,perhaps,edit", "csv", "m.csv:2: pad: expected true or false, found 'perhaps'"),
        ("prompt,vars\na,{b", "csv", "m.csv:2: vars: '{b' is not valid JSON"),
        ("[defaults]\nqualty = 'low'\n[[image]]\nprompt = 'a'", "toml", "m.toml:1: unknown field 'defaults.qualty'"),
        ("[defaults]\nn = 0\n[[image]]\nprompt = 'a'", "toml", "m.toml:1: defaults.n: expected 1 to"),
        ("[[image]]\nprompt = 2026-11-23", "toml", "m.toml:1: prompt: expected text, found 2026-11-23"),
        ("[[image]]\nprompt='a'\n[image.param]\na = 2026-11-23", "toml", "2026-11-23 can't be expressed in JSON"),
        (
            "[defaults]\nprompt = 'a {thing}'\n[[image]]\n",
            "toml",
            "m.toml:3: prompt: the prompt in defaults contains {thing}, which the row does not define",
        ),
        ("- prompt: 7", "yaml", "m.yaml:1: prompt: expected text, found 7; put it in quotes"),
        ("- prompt: true", "yaml", "m.yaml:1: prompt: expected text, found true"),
    ],
)
def test_an_invalid_file_is_an_error(text: str, format: Format, messages: str) -> None:
    assert any(messages in line for line in problems(text, format)), problems(text, format)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("a.png", "a.png"),
        ("a.png", "A.PNG"),
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("stra\u00dfe.png", "STRASSE.png"),
        ("x/a.png", "x/./a.png"),
        ("a", "a.png"),
        ("a.jpg/b.png", "a.jpg"),
        ("a.jpg", "A.jpg/b/c.png"),
    ],
)
def test_two_images_for_one_file_are_refused_with_both_lines(first: str, other: str) -> None:
    (messages,) = problems("\n".join([row(output=first), "", row(prompt="b", output=other)]))
    assert "m.jsonl:3" in messages or "line 3" in messages
    assert "m.jsonl:1" in messages or "line 1" in messages


def test_two_prompts_that_begin_alike_need_different_names() -> None:
    words = "a very long prompt about a cat that sits on a wall in the sun and "
    (messages,) = problems("\n".join([row(prompt=words + "sleeps"), row(prompt=words + "sings")]))
    assert messages.startswith("m.jsonl:2: output: duplicate output a-very-long-prompt")
    assert "line 1" in messages


@pytest.mark.parametrize(
    ("output", "why"),
    [("cat.png", "line 1"), ("Cat.PNG", "line 1"), ("./x/../cat.png", "must stay inside"), ("dog.png", "line 1")],
)
def test_inputs_of_the_manifest_are_not_replaced(output: str, why: str, tmp_path: Path) -> None:
    folder = repository(tmp_path / "assets")
    text = row(output="x.png", command="edit", image=["./cat.png", str(folder / "dog.png")]) + "\n" + row(output=output)
    (messages,) = problems(text, folder=folder)
    assert why in messages


def test_the_manifest_itself_is_not_replaced() -> None:
    assert problems(row(output="m.png"), folder=Path("x")) == []
    from imagecli.batch.manifest.read import parse_manifest
    from tests.batch.manifests import assets_of

    read = parse_manifest(b"a cat", "text", path=Path("x/a-cat.png"), folder=Path("x"), name="a-cat.png")
    with pytest.raises(ManifestError) as caught:
        assets_of(read)
    assert "is an input on line 1" in caught.value.lines[0]


def test_all_problems_are_reported_together_in_the_order_of_lines() -> None:
    bare = json.dumps({"command": "edit", "quality": "ultra", "output": "/x"})
    text = "\n".join([row(n=0, size="x", quality="ultra"), "{", row(), bare, row(output="a-cat.png")])
    messages = [line.split(": ")[:2] for line in problems(text)]
    assert messages[:3] == [["m.jsonl:1", "n"], ["m.jsonl:1", "size"], ["m.jsonl:1", "quality"]]
    assert messages[3][0] == "m.jsonl:2"
    fields = ["image", "output", "prompt", "quality"]
    assert sorted(messages[4:-1]) == [["m.jsonl:4", name] for name in fields]
    assert messages[-1] == ["m.jsonl:5", "output"]


def test_of_very_many_problems_the_first_are_printed_and_the_others_counted() -> None:
    with pytest.raises(ManifestError) as caught:
        assets("\n".join(row(n=0) for _ in range(MAX_STORED + 500)))
    error = caught.value
    assert (error.exit_code, error.code) == (2, "manifest")
    assert len(error.lines) == MAX_PRINTED + 1
    assert error.lines[-1] == "m.jsonl: 1,450 more problems"
    assert error.message == "m.jsonl has 1,500 problems; nothing was sent"
    assert (error.problems[0].field, len(error.problems), error.more) == ("n", MAX_STORED, 500)


def test_an_untrusted_text_in_an_error_is_short() -> None:
    (messages,) = problems(row(n="x" * 100_000))
    assert len(messages) < 200


def test_a_retired_model_is_refused_at_its_own_provider_and_warned_of_elsewhere() -> None:
    (messages,) = problems(row(model="dall-e-3"), provider="openai")
    assert "dall-e-3 was shut down" in messages
    assert "model " in messages
    assert [first.code for first in assets(row(model="mine")).notes] == ["unknown_model"]


def test_an_option_that_a_provider_does_not_support_is_refused() -> None:
    (messages,) = problems(row(background="opaque"), provider="xai")
    assert messages.startswith("m.jsonl:1: background: not supported by provider xai")


def test_more_files_than_a_manifest_may_create_are_refused_before_planning() -> None:
    (messages,) = problems("\n".join([row(), row(prompt="{a}", n=100_000, vars={"a": ["x", "y", "z"]}), row(n=0)]))
    assert messages.startswith("m.jsonl:2: the manifest creates at least 300,001 files; the limit is 250,000; reduce n")
    (messages,) = problems(row(prompt="{a}{b}{c}", vars={name: list(range(1000)) for name in "abc"}))
    assert "1,000,000,000 files" in messages


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("--output-format png, or -o NAME.png", "output_format png, or output NAME.png"),
        ("--var a=b and -n 2", "vars a=b and n 2"),
        ("a--b -x --- non-n", "a--b -x --- non-n"),
    ],
)
def test_errors_name_fields(text: str, messages: str) -> None:
    assert options_as_fields(text) == messages
