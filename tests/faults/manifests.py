"""M: faults of a manifest, and of its server while many rows are processed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.conftest import Result
from tests.faults.case import After, Case, Child, Place
from tests.faults.responses import OK, PNG, refusal
from tests.faults.server import Lab
from tests.faults.statuses import NASTY

MANY = 100_000
"""As many rows as anybody has."""
SOME = 20_000
"""Enough to see what every row costs."""
CAT = '{"prompt": "a cat", "output": "cat.png"}\n'
TWO = CAT + '{"prompt": "an owl", "output": "owl.png"}\n'
STORM = 8
"""Rows that are under way at once when the server has had enough."""


def row(**fields: Any) -> str:
    return json.dumps({"prompt": "a cat", "output": "cat.png", **fields}) + "\n"


def reports_problems(*words: str) -> After:
    """Every problem is on its own line, with its file and line."""

    def check(place: Place, lab: Lab, result: Result) -> None:
        assert [word for word in words if word not in result.stderr] == []

    return check


def manifest(
    id: str,
    case: str,
    text: bytes | str | Callable[[], str],
    *argv: str,
    name: str = "m.jsonl",
    messages: Sequence[str] = (),
    **more: Any,
) -> Case:
    """*text*, created lazily if it is long, as a manifest; each of *messages* is part of its errors."""

    def write_file(place: Place) -> None:
        place.write_file(name, text() if callable(text) else text)

    given = {"before": write_file, "after": reports_problems(*messages), **more}
    return Case(id=id, case=case, command=("batch", name, *argv), **given)


def many(count: int, last: str = "") -> str:
    """*count* rows."""
    rows = (f'{{"prompt": "cat {number}", "output": "{number:06}.png"}}\n' for number in range(count - 1))
    return "".join(rows) + (last or row())


def every_row_is_there(place: Place, lab: Lab, result: Result) -> None:
    """One pause applies to all workers: they don't use up their attempts one after the other."""
    assert sorted(path.name for path in result.paths) == [f"{number}.png" for number in range(STORM)]
    assert f"{STORM} created" in result.stderr


def one_row_was_requested_again(place: Place, lab: Lab, result: Result) -> None:
    bodies = [json.loads(raw.partition(b"\r\n\r\n")[2]) for raw in lab.api.calls]
    assert sorted(body["prompt"] for body in bodies) == ["a big cat", "a cat", "an owl"]
    assert "cat.png is stale: its row or an input has changed" in result.stderr


EDITED_BETWEEN = (
    "/bin/sh",
    "-c",
    '"$@" >/dev/null 2>&1 || exit 99; sed "s/a cat/a big cat/" m.jsonl > new && mv new m.jsonl; exec "$@"',
    "sh",
)
"""Bought, edited, and typed again."""
FIT = '[[image]]\nprompt = "a cat"\nfit = '

BOUNDED = Child(shell="ulimit -d 240000")
"""200 MB are aimed at, counted otherwise."""

CASES = (
    manifest("M1", "no JSON", CAT + "a cat\n", messages=["m.jsonl:2: invalid JSON at column 1"]),
    manifest("M1", "a cut line", CAT + '{"prompt": "an ow', messages=["m.jsonl:2: invalid JSON"]),
    manifest("M1", "no object", CAT + '["a cat"]\n', messages=["m.jsonl:2: expected an object"]),
    manifest(
        "M1",
        "several, all told",
        'x\n\n{"n": 0}\n',
        messages=["m.jsonl:1: ", "m.jsonl:3: n: expected 1 to", "2 problems"],
    ),
    manifest("M1", "a quote that never ends", 'prompt\na cat\n"an owl\n', name="m.csv", messages=["m.csv:3: "]),
    manifest("M1", "broken TOML", FIT + '"64x64"\noutput =\n', name="m.toml", messages=["m.toml:4: invalid TOML"]),
    manifest("M2", "a byte order mark", b"\xef\xbb\xbf" + TWO.encode()),
    manifest("M2", "CR LF", TWO.replace("\n", "\r\n")),
    manifest("M2", "blank lines", "\n\n" + TWO.replace("\n", "\n  \n\t\n")),
    manifest("M2", "no last line end", TWO.rstrip()),
    manifest("M2", "a spreadsheet's", b'\xef\xbb\xbfprompt;n\r\n"a;cat";1\r\n;\r\nan owl;\r\n', name="m.csv"),
    manifest("M3", "no byte", ""),
    manifest("M3", "blanks", " \n\r\n\t\n"),
    manifest("M3", "a mark alone", b"\xef\xbb\xbf"),
    manifest("M3", "a header alone", "prompt,output\n", name="m.csv"),
    manifest("M3", "defaults alone", "[defaults]\nquality = 'low'\n", name="m.toml"),
    manifest("M3", "comments alone", "# a cat\n", name="m.txt"),
    Case(id="M3", case="an empty stdin", command=("batch", "-")),
    manifest("M4", "the same file", CAT + CAT, messages=["m.jsonl:2: output: duplicate output cat.png, first used"]),
    manifest("M4", "the same prompt", '{"prompt": "a cat"}\n' * 2, messages=["m.jsonl:2: ", "line 1"]),
    manifest("M4", "large and small letters", CAT + row(output="CAT.png"), messages=["m.jsonl:2: ", "line 1"]),
    manifest(
        "M4", "a value of a column", "prompt,output,a\nx,{a}.png,1\ny,{a}.png,1\n", name="m.csv", messages=["line 2"]
    ),
    manifest("M4", "of one row", row(outputs=["a.png", "a.png"], output=None), messages=["m.jsonl:1: ", "this row"]),
    manifest("M5", "an unknown field", row(qualty="low"), messages=["did you mean quality?"]),
    manifest("M5", "no prompt", '{"output": "cat.png"}\n', messages=["m.jsonl:1: prompt: missing"]),
    manifest(
        "M5", "a list for a prompt", row(prompt=["a cat"]), messages=["m.jsonl:1: prompt: expected text, found a list"]
    ),
    manifest("M5", "a word for a number", row(n="many"), messages=["m.jsonl:1: n: "]),
    manifest("M5", "true for a number", row(n=True), messages=["m.jsonl:1: n: expected an integer, found true"]),
    manifest("M5", "NaN", '{"prompt": "a cat", "n": NaN}\n', messages=["NaN is not valid JSON"]),
    manifest("M5", "5000 digits", f'{{"prompt": "a cat", "n": {"9" * 5000}}}\n', messages=["too many digits"]),
    manifest("M5", "a field twice", '{"prompt": "a cat", "prompt": "an owl"}\n', messages=["duplicate key"]),
    manifest("M5", "an input that is not there", row(command="edit", image="no.png"), messages=["no.png"]),
    manifest("M6", "one too many of a row", row(n=100_001, output="{n}.png"), messages=["m.jsonl:1: n: "]),
    manifest(
        "M6",
        "a product of values",
        row(vars={k: [*"abcdefghij"] for k in "uvwxyz"}, prompt="{u}{v}{w}{x}{y}{z}", output=""),
    ),
    manifest(
        "M6", "as many as a row may have", row(n=100_000, output="{n}.png"), messages=["$5"], slow=True, seconds=60
    ),
    manifest(
        "M6", "its own cap", "max_cost = 0.001\n" + FIT + '"64x64"\n', name="m.toml", messages=["max_cost in m.toml"]
    ),
    manifest("M6", "--max-cost", row(n=9, output="{n}.png"), "--max-cost", "0.01", messages=["--max-cost 0.01"]),
    manifest("M7", "latin-1", CAT.encode() + b'{"prompt": "caf\xe9"}\n', messages=["m.jsonl:2: byte 0xe9"]),
    manifest("M7", "UTF-16", CAT.encode("utf-16"), messages=["m.jsonl:1: it is UTF-16, expected UTF-8"]),
    manifest("M7", "UTF-16 without a mark", CAT.encode("utf-16-le"), messages=["NUL"]),
    manifest(
        "M7", "a NUL byte", CAT.encode() + b'{"prompt": "a\0cat"}\n', messages=["m.jsonl:2: it contains a NUL byte"]
    ),
    manifest("M7", "half of a pair", '{"prompt": "a \\ud83d cat"}\n', messages=["m.jsonl:1: "]),
    manifest("M7", "a picture", PNG, messages=["m.jsonl:3: it contains a NUL byte"]),
    Case(id="M7", case="a picture, through stdin", command=("batch", "-"), stdin=PNG),
    manifest(
        "M8",
        "one mistake, in the last line",
        lambda: many(MANY, '{"prompt": 1}\n'),
        messages=[f"m.jsonl:{MANY}: prompt: expected text, found 1"],
        child=BOUNDED,
        slow=True,
        seconds=120,
    ),
    manifest(
        "M8",
        "a mistake in every line",
        lambda: '{"promt": "a cat"}\n' * SOME,
        messages=["m.jsonl: 19,950 more"],
        slow=True,
        seconds=120,
    ),
    manifest("M8", "looked at", lambda: many(SOME), "--check", child=BOUNDED, slow=True, seconds=120),
    manifest("M9", "bought", row(prompt=NASTY, output=None) + row(output=f"{NASTY[-4:]}.png")),
    manifest("M9", "refused", row(prompt=NASTY), posts=(refusal("400 Bad Request", NASTY, code=NASTY),)),
    manifest("M9", "in mistakes", row(**{NASTY: NASTY}, n=NASTY, image=NASTY, vars={NASTY: NASTY})),
    manifest("M9", "a name", row(output=NASTY + ".png")),
    manifest("M9", "a column", f'prompt,"{NASTY}"\na,{NASTY[:4]}\n', name="m.csv"),
    manifest("M10", "brackets", CAT + "[" * 100_000 + "]" * 100_000 + "\n", messages=["m.jsonl:2: nested too deeply"]),
    manifest("M10", "brackets in a field", row(param="X").replace('"X"', '{"a":' * 500 + "1" + "}" * 500)),
    manifest(
        "M10", "a line of 5 MB", lambda: CAT + row(prompt="x" * 5_000_000), messages=["m.jsonl:2: the line has 5,000,0"]
    ),
    manifest("M10", "brackets in TOML", "a = " + "[" * 20_000 + "]" * 20_000, name="m.toml", messages=["m.toml:1: "]),
    manifest("M10", "a cell of 5 MB", lambda: "prompt\n" + "x" * 5_000_000, name="m.csv", messages=["m.csv:2: "]),
    manifest(
        "M11",
        "a prompt",
        TWO,
        child=Child(by=EDITED_BETWEEN),
        replaces=("m.jsonl",),
        after=one_row_was_requested_again,
    ),
    manifest(
        "M12",
        "all workers refused",
        "".join(row(prompt=f"cat {number}", output=f"{number}.png") for number in range(STORM)),
        "-j",
        str(STORM),
        posts=(*[refusal("429 Too Many Requests", "slow down", "retry-after-ms: 200")] * 2, OK),
        after=every_row_is_there,
    ),
)
