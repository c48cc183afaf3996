"""The Action's last step: the summary shows any output of a batch as text, and the log has no command from it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from batch_annotations import SHOWN, build_annotations
from batch_output import STATES, clean_text, read_output
from batch_report import SUMMARY_BYTES, main
from batch_summary import summary
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.batch.serving import refusal, serving
from tests.batch.test_batch import manifest
from tests.conftest import Result, Run
from tests.github.commands import Command, read_log

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                *("::error::", "##[set-output name=bought]9", "\n", "\r", "\n\n", "%0A", "%", ":", ",", "|", "`", "``"),
                *(
                    "</code>",
                    "</td></table>",
                    "<img src=x>",
                    "<!--",
                    "&lt;",
                    "[a](http://b.c)",
                    "@team",
                    "#1",
                    "www.x.org",
                ),
                *(
                    "\x1b[31m",
                    "\u202e",
                    "\x00",
                    "\udcff",
                    "\u2028",
                    "猫",
                    "a",
                    " ",
                    "\\",
                    "*",
                    "_",
                    "~~",
                    "assets.toml:7",
                ),
            ]
        ),
        max_size=12,
    ).map("".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(STATES) | JSON,
        "line": st.integers(0, 99) | JSON,
        "outputs": st.lists(HOSTILE, max_size=6) | JSON,
        "cost": st.fixed_dictionaries({"actual_usd": st.floats() | JSON}) | JSON,
        "errors": st.lists(
            st.fixed_dictionaries({"message": HOSTILE | JSON, "hint": HOSTILE | JSON, "code": HOSTILE | JSON}),
            max_size=7,
        )
        | JSON,
        "warnings": st.lists(st.fixed_dictionaries({"message": HOSTILE | JSON, "level": st.just("warning")})) | JSON,
        "summary": st.fixed_dictionaries({"bought": st.integers() | JSON, "missing_or_stale": JSON}) | JSON,
    },
)
LINE = ROW.map(lambda row: json.dumps(row).encode()) | JSON.map(lambda one: json.dumps(one).encode()) | st.binary()


@dataclass(frozen=True)
class Report:
    """The outcome of the step."""

    exit_code: int
    log: str
    summary: str
    outputs: dict[str, str]

    @property
    def commands(self) -> list[Command]:
        return read_log(self.log).commands


def report(
    folder: Path, lines: bytes | None, exit_code: object = 0, *, name: str = "assets.toml", shard: str = ""
) -> Report:
    """Runs the step on *lines*; None if the file is missing."""
    rows, outputs, page = (folder / part for part in ("said.jsonl", "outputs", "summary.md"))
    for path in (rows, outputs, page):
        path.unlink(missing_ok=True)
    if lines is not None:
        rows.write_bytes(lines)
    environ = {"OUTPUT": str(rows), "MANIFEST": name, "SHARD": shard, "EXIT_CODE": str(exit_code)}
    stdout = io.StringIO()
    code = main({**environ, "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(page)}, stdout)
    pairs = (line.partition("=") for line in outputs.read_text("utf-8").splitlines())
    return Report(code, stdout.getvalue(), page.read_text("utf-8"), {name: value for name, _, value in pairs})


class SummaryPage(HTMLParser):
    """The elements of a page, and the text in <code>."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[object] = []
        self.codes: list[str] = []
        self.others = ""
        self._within: list[str] = []
        # As GitHub does: HTML stays, and tables and bare addresses are read.
        self.feed(MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self._within.append(tag)
        if tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._within.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" in self._within:
            self.codes[-1] += data
        else:
            self.others += data


ELEMENTS = {"h3", "p", "table", "tr", "th", "td", "code", "details", "summary"}


# --- output of the real command --------------------------------------------------------------------------------------


def run_and_report(
    imagecli: Run, folder: Path, *rows: dict[str, Any], flags: Sequence[str] = (), **report_: Any
) -> tuple[Result, Report]:
    manifest(folder, *rows)
    result = imagecli("batch", "assets.jsonl", "--json", "--provider", "sandbox", *flags)
    return result, report(folder, result.raw_stdout, result.exit_code, name="assets.jsonl", **report_)


def test_a_run_is_summarized_with_failures_first_and_at_their_lines(imagecli: Run, folder: Path) -> None:
    rows = [{"prompt": word, "output": f"{word[:3]}.png"} for word in ("cat", "moderation_blocked", "owl")]
    result, report_ = run_and_report(imagecli, folder, *rows, shard="2/3", flags=["--shard", "1/1"])
    assert (result.exit_code, report_.exit_code) == (9, 9)
    assert report_.outputs == {"bought": "2", "failed": "1", "cost-usd": "0", "keep": "true"}
    assert "<p>2 created, 1 failed; exit 9</p>" in report_.summary
    page = SummaryPage(report_.summary)
    assert page.codes[:3] == ["assets.jsonl", "2/3", "mod.png"]
    assert [name for name in page.codes if name.endswith(".png")] == ["mod.png", "cat.png", "owl.png"]
    (only,) = report_.commands
    assert only.properties == {"file": "assets.jsonl", "line": "2", "title": "imagecli: moderation_blocked"}
    assert only.message.startswith("refused by the provider's policy")


def test_a_check_that_finds_gaps_lists_them(imagecli: Run, folder: Path) -> None:
    rows = [{"prompt": "cat", "output": "cat.png"}]
    _, report_ = run_and_report(imagecli, folder, *rows, flags=["--check"])
    assert (report_.exit_code, "<p>1 missing or stale; exit 10</p>" in report_.summary) == (10, True)
    assert [(command.name, command.message) for command in report_.commands] == [("error", "cat.png is missing")]


def test_a_plan_is_not_a_failure_and_prints_its_cost(imagecli: Run, folder: Path) -> None:
    manifest(folder, {"prompt": "cat", "output": "cat.png"})
    result = imagecli("batch", "assets.jsonl", "--json", "--dry-run")
    planned = report(folder, result.raw_stdout, result.exit_code)
    assert (planned.exit_code, planned.log, planned.outputs["cost-usd"]) == (0, "", "")
    most = json.loads(result.stdout.splitlines()[-1])["cost"]["estimated_max_usd"]
    assert f"<p>1 planned; cost: at most ${most:.3f}; exit 0</p>" in planned.summary


def test_a_run_with_nothing_to_do_has_no_annotations(imagecli: Run, folder: Path) -> None:
    run_and_report(imagecli, folder, {"prompt": "cat", "output": "cat.png"})
    _, report_ = run_and_report(imagecli, folder, {"prompt": "cat", "output": "cat.png"})
    assert (report_.exit_code, report_.log, report_.outputs["bought"]) == (0, "", "0")
    assert "<p>1 up to date; exit 0</p>" in report_.summary
    assert report_.summary.index("<details><summary>1 up to date</summary>") < report_.summary.index("cat.png")


def test_problems_of_a_manifest_are_annotated_at_their_lines(imagecli: Run, folder: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": "cat", "output": "cat.png"}, {"prompt": "owl", "qualty": "low"}]
    result, report_ = run_and_report(imagecli, folder, *rows)
    assert (result.exit_code, report_.exit_code, report_.outputs["cost-usd"]) == (2, 2, "")
    assert [command.properties.get("line") for command in report_.commands] == ["2", None]
    assert "unknown field 'qualty'" in report_.commands[0].message
    assert "qualty" in SummaryPage(report_.summary).codes[1]
    assert report_.commands[1].message.startswith("assets.jsonl has 1 problem")


def test_warnings_are_annotations_and_notes_are_not(imagecli: Run, folder: Path) -> None:
    manifest(folder, {"prompt": "cat", "output": "cat.png", "size": "landscape"})
    with serving() as server:
        result = imagecli("batch", "assets.jsonl", "--json", "--base-url", server.base_url)
    report_ = report(folder, result.raw_stdout, result.exit_code)
    levels = {one["code"]: one["level"] for one in json.loads(result.stdout.splitlines()[-1])["warnings"]}
    assert levels == {"size": "note", "other_size": "warning"}
    assert [one.name for one in report_.commands] == ["warning"]
    assert "received 64x64" in report_.commands[0].message


def test_a_servers_message_is_text_in_the_summary_and_no_command_in_the_log(imagecli: Run, folder: Path) -> None:
    markup = "</code></td><img src=x> [b](http://c.d) | `e` %0A::notice::f"
    message = f"no\n::error::a\n##[set-output name=bought]9\n\n{markup}"
    manifest(folder, {"prompt": "cat", "output": "cat.png"})
    with serving(lambda fields: refusal("400 Bad Request", "x", message)) as server:
        result = imagecli("batch", "assets.jsonl", "--json", "--base-url", server.base_url)
    report_ = report(folder, result.raw_stdout, result.exit_code)
    (only,) = report_.commands
    assert only.name == "error"
    assert "##[set-output name=bought]9" in only.message
    page = SummaryPage(report_.summary)
    assert set(page.elements) <= ELEMENTS
    assert any(markup in code for code in page.codes)


# --- possible output -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exit_code", ["", "x", "-1", "²"])
def test_a_step_that_did_not_run_fails_with_a_message(tmp_path: Path, exit_code: str) -> None:
    report_ = report(tmp_path, None, exit_code)
    assert (report_.exit_code, report_.outputs) == (1, {"bought": "0", "failed": "0", "cost-usd": "", "keep": "false"})
    assert "the run ended without a summary" in report_.summary


def test_the_reported_rows_of_a_killed_run_are_counted(tmp_path: Path) -> None:
    rows = b'{"state": "bought", "outputs": ["a.png"]}\n{"state": "failed"}\n{"state": "bou'
    report_ = report(tmp_path, rows, 137)
    assert (report_.exit_code, report_.outputs) == (137, {"bought": "1", "failed": "1", "cost-usd": "", "keep": "true"})
    assert "1 created, 1 failed; the run ended without a summary; 1 unreadable line; exit 137" in report_.summary


@pytest.mark.parametrize(
    ("lines", "exit_code", "keep"),
    [
        (b'{"status": "ok", "summary": {"bought": 0, "failed": 0, "submitted": 0}}', 0, "false"),
        (b'{"status": "submitted", "summary": {"bought": 0, "failed": 0, "submitted": 3}}', 10, "true"),
        (b'{"status": "failed", "summary": {"bought": 0, "failed": 1, "submitted": 0}}', 4, "true"),
        (b'{"status": "stale", "summary": {"missing_or_stale": 4}}', 10, "false"),
        (b'{"status": "failed", "errors": [{"message": "x"}]}', 2, "false"),
        (b"", 137, "true"),
        (b'{"status": "partial", "summary": {"bought": 0}}', 130, "true"),
    ],
)
def test_a_journal_is_saved_if_it_changed(tmp_path: Path, lines: bytes, exit_code: int, keep: str) -> None:
    assert report(tmp_path, lines, exit_code).outputs["keep"] == keep


@given(lines=st.lists(LINE, max_size=8).map(b"\n".join), name=HOSTILE, shard=HOSTILE)
def test_for_any_output_the_log_has_only_annotations_and_the_summary_text(
    tmp_path_factory: pytest.TempPathFactory, lines: bytes, name: str, shard: str
) -> None:
    report_ = report(tmp_path_factory.mktemp("report"), lines, 4, name=name, shard=shard)
    assert report_.exit_code == 4
    lines_of_log = report_.log.splitlines()
    assert len(report_.commands) == len(lines_of_log)
    assert {command.name for command in report_.commands} <= {"error", "warning"}
    assert report_.outputs.pop("keep") in ("true", "false")
    assert set(report_.outputs) == {"bought", "failed", "cost-usd"}
    assert all(set(value) <= set("0123456789.") for value in report_.outputs.values())
    page = SummaryPage(report_.summary)
    assert (set(page.elements) <= ELEMENTS, page.attributes) == (True, [])
    assert page.elements.count("h3") == 1


@given(message=HOSTILE, code=HOSTILE, name=HOSTILE, output=HOSTILE)
def test_untrusted_text_is_shown_unchanged(message: str, code: str, name: str, output: str) -> None:
    row = {"state": "failed", "line": 3, "outputs": [output], "errors": [{"message": message, "code": code}]}
    rows = read_output([json.dumps(row).encode()])
    page = SummaryPage(summary(rows, name, "", 4, SUMMARY_BYTES))
    assert page.codes == [
        value for value in (clean_text(name), clean_text(output), clean_text(message)) if value.strip()
    ]
    commands = read_log("\n".join(build_annotations(rows, name))).commands
    if clean_text(message):
        (only,) = commands
        assert (only.message, only.properties["line"]) == (clean_text(message), "3")
        assert only.properties["title"] == (f"imagecli: {clean_text(code).strip()}".removesuffix(": "))


@pytest.mark.parametrize(("count", "page", "last"), [(10, 10, "no 9"), (11, 10, "2 more in the job summary")])
@pytest.mark.parametrize("kind", ["error", "warning"])
def test_ten_annotations_of_a_kind_are_shown_and_the_rest_counted(
    tmp_path: Path, kind: str, count: int, page: int, last: str
) -> None:
    rows = [{"message": f"no {number}", "level": "warning"} for number in range(count)]
    document = {"warnings": rows} if kind == "warning" else {"errors": rows}
    commands = report(tmp_path, json.dumps(document).encode()).commands
    assert [command.name for command in commands] == [kind] * page
    assert (commands[-1].message, page) == (last, SHOWN)


@pytest.mark.parametrize("words", ["a" * 90, "猫" * 90])
def test_a_summary_stays_below_its_limit_and_counts_omitted_rows(tmp_path: Path, words: str) -> None:
    rows = [{"state": "bought", "outputs": [words]} for _ in range(20_000)]
    rows[15_000]["state"] = "failed"
    report_ = report(tmp_path, "\n".join(json.dumps(row) for row in rows).encode())
    assert SUMMARY_BYTES - 600 < len(report_.summary.encode()) <= SUMMARY_BYTES
    page = SummaryPage(report_.summary)
    omitted = 20_000 - (page.elements.count("tr") - 1)
    assert omitted > 1000
    assert f"{omitted:,} more not shown." in report_.summary
    assert "<td>failed</td>" in report_.summary.split("</tr>")[1]


def test_a_summary_that_does_not_fit_is_omitted() -> None:
    assert summary(read_output([]), "assets.toml", "", 0, 20) == ""


@pytest.mark.parametrize(
    ("name", "message", "properties"),
    [
        ("assets.toml", "assets.toml:7: no", {"file": "assets.toml", "line": "7"}),
        ("./art/assets.toml", "art/assets.toml:12: see a/b:3", {"file": "art/assets.toml", "line": "12"}),
        ("art/assets.toml", "other.toml:12: no", {"file": "art/assets.toml"}),
        ("/tmp/assets.toml", "/tmp/assets.toml:12: no", {"line": "12"}),
        ("-", "stdin:3: no", {}),
    ],
)
def test_an_annotation_is_at_the_manifests_line(name: str, message: str, properties: dict[str, str]) -> None:
    rows = read_output([json.dumps({"errors": [{"message": message}]}).encode()])
    (only,) = read_log("\n".join(build_annotations(rows, name))).commands
    assert only.properties == {**properties, "title": "imagecli"}
