"""Every format gives the same rows, with their line numbers; an invalid manifest is refused with its line."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imagecli.batch.manifest.errors import ManifestError
from imagecli.batch.manifest.read import Format, manifest_format, read_manifest, read_piped_manifest
from imagecli.errors import UsageError
from tests.batch.manifests import assets_of, manifest, problems

JSONL = '{"prompt": "a"}\n\n  \n{"prompt": "b"}'
CSV = 'prompt,output\n"two\nlines",a.png\n\nb,b.png'
TOML = 'max_cost = 2\n[defaults]\nquality = "low"\nprompt = """\n[[image]]\n"""\n[[image]] # one\nn = 2\n\n[[image]]\n'
JSON = '[{"prompt": "a"},\n\n{"prompt": "b",\n"n": 2}, {"prompt": "c"}\n]\n'
YAML = "max_cost: 2\ndefaults:\n  quality: low\nimage:\n- prompt: a\n\n- {prompt: b}\n"


@pytest.mark.parametrize(
    ("text", "format", "lines"),
    [
        (JSONL, "jsonl", [1, 4]),
        ("\ufeff" + JSONL.replace("\n", "\r\n"), "jsonl", [1, 4]),
        (JSONL + "\n", "jsonl", [1, 4]),
        ('{"prompt": "a\u2028b"}\n{"prompt": "\\u0085"}', "jsonl", [1, 2]),
        (JSON, "json", [1, 3, 4]),
        ("\ufeff\n" + JSON.replace("\n", "\r\n"), "json", [2, 4, 5]),
        (CSV, "csv", [2, 5]),
        ("\ufeff" + CSV.replace("\n", "\r\n") + "\r\n", "csv", [2, 5]),
        (CSV.replace(",", ";"), "csv", [2, 5]),
        (CSV.replace(",", "\t"), "tsv", [2, 5]),
        ("prompt,note,,\na,b,,\n", "csv", [2]),
        ("\n\nprompt\na\n", "csv", [4]),
        (TOML, "toml", [7, 10]),
        (TOML.replace("\n", "\r\n"), "toml", [7, 10]),
        ("image = [{prompt = 'a'},\n{prompt = 'b'}]", "toml", [1, 1]),
        (YAML, "yaml", [5, 7]),
        ("- prompt: a\n  n: 1\n- prompt: b", "yaml", [1, 3]),
        ("a cat\n\n# a note\n  a dog  \n#ff0000 square\n#\n", "text", [1, 4, 5]),
    ],
)
def test_rows_have_the_line_they_begin_on(text: str, format: Format, lines: list[int]) -> None:
    read = manifest(text, format)
    rows = list(read.content.rows)
    assert [row.line for row in rows] == lines
    assert [row.number for row in rows] == list(range(1, len(lines) + 1))
    assert not read.problems.stored


@pytest.mark.parametrize(("text", "format"), [(TOML, "toml"), (YAML, "yaml")])
def test_defaults_and_the_cost_limit_are_at_the_top(text: str, format: Format) -> None:
    read = manifest(text, format)
    assert (read.content.max_cost, read.content.defaults["quality"]) == (2.0, "low")


def test_cells_of_a_table_are_kept_with_their_line_breaks_and_quotes() -> None:
    read = manifest('id,prompt\n7,"say ""hi"",\r\nthen go"\n8\n', "csv")
    assert [dict(row.fields) for row in read.content.rows] == [
        {"id": "7", "prompt": 'say "hi",\r\nthen go'},
        {"id": "8", "prompt": ""},
    ]


def test_yaml_reads_words_as_they_look() -> None:
    row = "{prompt: no, size: 16:9, when: 2026-11-04, code: 010, n: 2, pad: true, x: ~}"
    (read,) = manifest(f"- {row}", "yaml").content.rows
    assert dict(read.fields) == {
        "prompt": "no",
        "size": "16:9",
        "when": "2026-11-04",
        "code": 10,
        "n": 2,
        "pad": True,
        "x": None,
    }


@pytest.mark.parametrize(
    ("scalar", "reason"),
    [
        ("0o10", "is a number in YAML 1.2"),
        ("0x1F", "is a number in YAML 1.2"),
        ("-.inf", "is a number in YAML 1.2"),
        (".NaN", "is a number in YAML 1.2"),
        ("1" * 19, "has too many digits"),
        ("0." + "1" * 39, "has too many digits"),
    ],
)
def test_a_yaml_number_that_was_read_differently_is_refused_until_it_is_quoted(scalar: str, reason: str) -> None:
    (line,) = problems(f"- prompt: a {{x}}\n  vars:\n    x: {scalar}", "yaml")
    assert line == f"m.yaml:3: '{scalar}' {reason}{' for a number' if 'digits' in reason else ''}; put it in quotes"
    (read,) = manifest(f'- vars: {{x: "{scalar}"}}', "yaml").content.rows
    assert read.fields == {"vars": {"x": scalar}}


@pytest.mark.parametrize(
    ("text", "format", "line"),
    [
        ("", "jsonl", "m.jsonl:1: no rows; for example {"),
        ("\n \n", "text", "m.text:1: no rows"),
        ("prompt\n", "csv", "m.csv:1: no rows"),
        ("", "csv", "m.csv:1: no rows"),
        ("[defaults]\nn = 1\n", "toml", "m.toml:1: no rows; start each row with [[image]]"),
        ("", "yaml", "m.yaml:1: no rows"),
        (b"\xff\xfea\0", "jsonl", "m.jsonl:1: it is UTF-16"),
        (b'{"prompt": "a"}\n{\0}', "jsonl", "m.jsonl:2: it contains a NUL byte"),
        (b"a\nb\xe9\n", "text", "m.text:2: byte 0xe9 is not valid UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "csv", "m.csv:1: byte 0x89 is not valid UTF-8"),
        ('{"prompt": "a"}\n{"prompt": ', "jsonl", "m.jsonl:2: invalid JSON at column 12"),
        ("# note\n", "jsonl", "JSON Lines has no comments"),
        ('[{"prompt": "a"}]', "jsonl", "m.jsonl:1: expected an object on each line"),
        ('{\n"prompt": "a"}', "jsonl", "for an array of rows, use --format json"),
        ('{"prompt": "a", "prompt": "b"}', "jsonl", "m.jsonl:1: duplicate key 'prompt'"),
        ('{"vars": {"a": 1, "a": 2}}', "jsonl", "duplicate key 'a'"),
        ('{"n": NaN}', "jsonl", "NaN is not valid JSON"),
        ('{"n": ' + "9" * 5000 + "}", "jsonl", "a number has too many digits"),
        ('{"a":' * 100_000, "jsonl", "nested too deep"),
        ('{"prompt": "' + "x" * 5_000_000 + '"}', "jsonl", "the limit is 1,000,000"),
        ("", "json", "m.json:1: no rows; for example [{"),
        (" [ ] ", "json", "m.json:1: no rows"),
        (
            '{"prompt": "a"}\n{"prompt": "b"}',
            "json",
            "m.json:1: expected a list of rows; invalid JSON at column 1: Expecting '['; for one row per line",
        ),
        ("[1,\n{}]", "json", "m.json:1: expected an object for each row"),
        ('[{},\n{"n": 1,\n"n": 2}, {}]', "json", "m.json:2: duplicate key 'n'"),
        ('[{},\n{"n": NaN}]', "json", "m.json:2: NaN is not valid JSON"),
        ('[{},\n{"n": ' + "9" * 5000 + "}]", "json", "m.json:2: a number has too many digits"),
        ("[{},\n" + "[" * 100_000, "json", "m.json:2: nested too deeply"),
        ('[{},\n{"prompt": "' + "x" * 5_000_000 + '"}]', "json", "m.json:2: the row has 5,000,0"),
        (
            '[{"n": 1}\n{"n": 2}]',
            "json",
            "m.json:2: expected a list of rows; invalid JSON at column 1: Expecting ','",
        ),
        ('[{"n": 1},\n]', "json", "m.json:2: expected a list of rows; invalid JSON at column 1: Expecting value"),
        ("[{}]\n[{}]", "json", "m.json:2: expected a list of rows; invalid JSON at column 1: Extra data"),
        ("prompt,prompt\na,b", "csv", "m.csv:1: duplicate column 'prompt'"),
        ("output-format,output_format\na,b", "csv", "m.csv:1: duplicate column 'output_format'"),
        ("prompt,,n\na,b,1", "csv", "m.csv:1: a column has no name"),
        ("prompt\na,b", "csv", "m.csv:2: found 2 cells, expected at most 1"),
        ('prompt\na\n"b\nc', "csv", "m.csv:3: invalid quotes"),
        ('prompt\n"a"b', "csv", "m.csv:2: invalid quotes"),
        ("prompt\n" + "x" * 200_000, "csv", "m.csv:2: invalid quotes: field larger"),
        ("a = ", "toml", "m.toml:1: invalid TOML: Invalid value"),
        ("a = 1\nb = [", "toml", "m.toml:2: invalid TOML"),
        ("a = 1\n\na = 2", "toml", "m.toml:3: invalid TOML: Cannot overwrite a value"),
        ("a = " + "9" * 5000, "toml", "a number has too many digits"),
        ("a = " + "[" * 5000, "toml", "m.toml:1: invalid TOML: "),
        ("image = 7", "toml", "m.toml:1: image: expected rows, found 7"),
        ("image = [7]", "toml", "m.toml:1: image 1: expected a row, found 7"),
        ("image = [{prompt='a'}, {prompt='b', n=0}]", "toml", "m.toml:1: image 2: n: expected 1 to"),
        ("[image]\nprompt = 'a'", "toml", "m.toml:1: image: expected rows, found an object"),
        ("[[images]]\nprompt = 'a'", "toml", "m.toml:1: unknown top-level key 'images'; did you mean image?"),
        ("quality = 'low'\n[[image]]\nprompt = 'a'", "toml", "m.toml:1: quality: not allowed at the top level"),
        ("defaults = 1\n[[image]]\nprompt = 'a'", "toml", "m.toml:1: defaults: expected a table, found 1"),
        ("max_cost = -1\n[[image]]\nprompt = 'a'", "toml", "m.toml:1: max_cost: expected an amount in USD"),
        ("max_cost = nan\n[[image]]\nprompt = 'a'", "toml", "m.toml:1: max_cost: expected an amount in USD"),
        ("- prompt: a\n- {prompt: b", "yaml", "invalid YAML"),
        ("- prompt: a\n  prompt: b", "yaml", "m.yaml:2: duplicate key 'prompt'"),
        ("- &a {prompt: x}\n- *a", "yaml", "m.yaml:1: anchors and aliases"),
        ("- !!python/object/apply:os.system [ls]", "yaml", "m.yaml:1: the tag"),
        ("- a\n", "yaml", "row 1: expected an object, found 'a'"),
        ("just words", "yaml", "expected a list of rows, found 'just words'"),
        ("- prompt: a\n---\n- prompt: b", "yaml", "m.yaml:2: expected one document, found a second"),
        ("- {[a]: 1}", "yaml", "m.yaml:1: expected a name, found a list or an object"),
        ("- " + "[" * 100 + "]" * 100, "yaml", "nested more than 50"),
        ("cat.png\na dog", "text", "m.text:1: prompt 'cat.png' is an image file name"),
    ],
)
def test_an_invalid_manifest_is_refused_with_its_line(text: str | bytes, format: Format, line: str) -> None:
    assert any(line in messages for messages in problems(text, format)), problems(text, format)


def test_a_bad_line_does_not_hide_the_others() -> None:
    messages = problems('{"prompt": \n{"prompt": "a", "nn": 1}\n[]\n')
    assert [line.split(": ")[0] for line in messages] == ["m.jsonl:1", "m.jsonl:2", "m.jsonl:3"]
    messages = problems('[{"n": 0},\n{"n": NaN},\n7,\n{"nn": 1, "prompt": "a"}]', "json")
    assert sorted({line.split(": ")[0] for line in messages}) == ["m.json:1", "m.json:2", "m.json:3", "m.json:4"]


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jsonl", "jsonl"),
        ("a.NDJSON", "jsonl"),
        ("a.json", "json"),
        ("b.csv", "csv"),
        ("b.tab", "tsv"),
        ("c.yml", "yaml"),
        ("d.txt", "text"),
    ],
)
def test_the_extension_gives_the_format(name: str, format: Format) -> None:
    assert manifest_format(Path(name)) == format


def test_an_unknown_extension_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match="unknown manifest extension") as caught:
        manifest_format(Path("assets.md"))
    assert "--format jsonl|json|csv" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b' {"prompt": "a"}', "jsonl"),
        (b"\xef\xbb\xbf{}", "jsonl"),
        (b'[\n{"prompt": "a"}]', "json"),
        (b"[a cat]\n", "text"),
        (b"a cat\n", "text"),
    ],
)
def test_the_format_of_stdin_is_detected(data: bytes, format: Format) -> None:
    read = read_piped_manifest(data)
    assert (read.format, read.path, read.name) == (format, None, "stdin")
    assert read_piped_manifest(b"prompt\na", "csv").format == "csv"


def test_a_manifest_on_disk_knows_its_folder_and_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "assets.jsonl"
    path.write_bytes(b'{"prompt": "a"}')
    read = read_manifest(path)
    assert (read.path, read.folder, read.name) == (path, tmp_path, str(path))
    assert read.digest == hashlib.sha256(b'{"prompt": "a"}').hexdigest()
    with pytest.raises(UsageError, match="does not exist"):
        read_manifest(tmp_path / "other.jsonl")


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc"])
WORDS = st.text(LETTERS, min_size=1).filter(lambda text: text.strip() == text)
NAMED = st.from_regex(r"[a-z]{1,12}(/[a-z]{1,12})?\.png", fullmatch=True)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(NAMED, min_size=1, max_size=5, unique=True))
    rows_ = []
    for name in names:
        row: dict[str, Any] = {"prompt": draw(WORDS), "output": name}
        if draw(st.booleans()):
            row["n"] = draw(st.integers(1, 12))
        if draw(st.booleans()):
            row["quality"] = draw(st.sampled_from(["low", "high"]))
        if draw(st.booleans()):
            row["size"] = draw(st.sampled_from(["1024x1024", "16:9", "auto"]))
        rows_.append(row)
    return rows_


def as_csv(items: list[dict[str, Any]], separator: str = ",") -> str:
    text = io.StringIO()
    columns = ["prompt", "output", "n", "quality", "size"]
    writer = csv.DictWriter(text, columns, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(items)
    return text.getvalue()


def as_toml(items: list[dict[str, Any]]) -> str:
    return "\n".join(
        "\n".join(["[[image]]", *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in row.items())])
        for row in items
    )


class Quoted(str):
    """Text that YAML writes in quotes."""


yaml.SafeDumper.add_representer(
    Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def quoted(row: dict[str, Any]) -> dict[str, Any]:
    return {name: Quoted(value) if isinstance(value, str) else value for name, value in row.items()}


WRITERS: dict[Format, Any] = {
    "jsonl": lambda items: "\n".join(json.dumps(row, ensure_ascii=False) for row in items),
    "json": lambda items: json.dumps(items, ensure_ascii=False, indent=1),
    "csv": as_csv,
    "tsv": lambda items: as_csv(items, "\t"),
    "toml": as_toml,
    # In quotes, because PyYAML reads as text what YAML 1.2 reads as a number: 0E0.
    "yaml": lambda items: yaml.safe_dump({"image": [quoted(row) for row in items]}, allow_unicode=True),
}


@given(rows())
def test_the_same_rows_are_the_same_items_in_every_format(items: list[dict[str, Any]]) -> None:
    results = [items_or_errors(write(items), kind) for kind, write in WRITERS.items()]
    assert results == [results[0]] * len(results)


def items_or_errors(text: str, kind: Format) -> list[Any]:
    """The items, or the errors, without line numbers."""
    try:
        return [
            (item.row, item.request, item.row_values, item.targets) for item in assets_of(manifest(text, kind)).items
        ]
    except ManifestError as error:
        return [(problem.field, problem.message) for problem in error.problems]


@given(st.binary(max_size=300), st.sampled_from(["jsonl", "json", "csv", "tsv", "toml", "yaml", "text"]))
def test_no_bytes_cause_a_bug(data: bytes, format: Format) -> None:
    try:
        assets_of(manifest(data, format))
    except ManifestError as error:
        assert error.lines
