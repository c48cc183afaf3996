"""`history list`, `show`, `cost` and `clear`."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from imagecli.cli import main
from imagecli.env import Env
from imagecli.history.database import open_history
from tests.conftest import Run, photo
from tests.history.conftest import ReadHistory

SANDBOX = ("--provider", "sandbox")
TTY = ("stdin", "stdout", "stderr")
QUIET = {"IMAGECLI_PREVIEW": "none"}


@pytest.fixture
def three_days(imagecli: Run, state: Path) -> None:
    """A cat, an owl and a tree, created on three days and billed differently."""
    for prompt, model, created, cost in (
        ("a white cat", "gpt-image-2", "2026-10-01T09:00:00Z", 0.25),
        ("an owl\tat 100%", "dall-e-3", "2026-11-22T23:59:59Z", None),
        ("a tree", "gpt-image-2", "2026-11-23T10:00:00Z", 0.05),
    ):
        imagecli("generate", prompt, *SANDBOX, "-m", model)
        with sqlite3.connect(state / "history.db") as connection:
            connection.execute(
                "UPDATE requests SET created = ?, cost_usd = ?, estimated_usd = 0.2, estimated_max_usd = 0.3 "
                "WHERE id = (SELECT max(id) FROM requests)",
                (created, cost),
            )
        connection.close()


def prompts(result: str) -> list[str]:
    return [line.split("\t")[-1] for line in result.splitlines()]


def test_in_a_pipe_each_image_is_a_line_with_tabs(three_days: None, imagecli: Run, read_history: ReadHistory) -> None:
    owl = read_history()[1]
    lines = imagecli("history", "list").stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].split("\t") == [owl.id, "2026-11-22T23:59:59Z", "dall-e-3", "", str(owl.path), "an owl at 100%"]
    assert lines[0].split("\t")[3] == "0.05"
    assert imagecli("history").stdout.splitlines() == lines


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ((), ["a tree", "an owl at 100%", "a white cat"]),
        (("CAT",), ["a white cat"]),
        (("100%",), ["an owl at 100%"]),
        (("a-tree.png",), ["a tree"]),
        (("%",), ["an owl at 100%"]),
        (("--model", "dall-e-3"), ["an owl at 100%"]),
        (("--limit", "1"), ["a tree"]),
        (("--since", "today"), ["a tree"]),
        (("--since", "yesterday"), ["a tree", "an owl at 100%"]),
        (("--since", "1d", "--until", "2026-11-22"), ["an owl at 100%"]),
        (("--until", "2026-11-22"), ["an owl at 100%", "a white cat"]),
        (("--since", "53d"), ["a tree", "an owl at 100%", "a white cat"]),
        (("--since", "52d"), ["a tree", "an owl at 100%"]),
        (("--since", "1w"), ["a tree", "an owl at 100%"]),
        (("nothing",), []),
    ],
)
def test_filters(argv: tuple[str, ...], expected: list[str], three_days: None, imagecli: Run) -> None:
    done = imagecli("history", "list", *argv)
    assert (done.exit_code, prompts(done.stdout)) == (0, expected)
    assert ("no image matches" in done.stderr) == (not expected)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("list", "--since", "soon"), "--since: 'soon' is not a date"),
        (("list", "--since", "2026-13-01"), "--since: '2026-13-01' is not a date"),
        (("cost", "--until", "99999999w"), "--until: '99999999w' is not a date"),
        (("list", "--since", "today", "--until", "yesterday"), "--until yesterday is before --since today"),
        (("show", "../etc"), "'../etc' is not the ID of an image"),
        (("show", "zzzzzz"), "the history has no image 'zzzzzz'"),
        (("rerun", "--quality", "high", "@last"), "the ID comes first"),
        (("clear",), "clear needs a confirmation, and there is no terminal"),
        (("frobnicate",), "unknown command 'frobnicate' for imagecli history"),
    ],
)
def test_invalid_arguments_are_two_lines(argv: tuple[str, ...], message: str, imagecli: Run) -> None:
    done = imagecli("history", *argv)
    assert done.exit_code == 2
    first, second = done.stderr.splitlines()
    assert first == f"imagecli: error: {message}"
    assert second.startswith("hint: ")


def test_the_hint_names_the_help_of_the_subcommand(imagecli: Run) -> None:
    assert imagecli("history", "gallery", "--frob").stderr.endswith("hint: imagecli history gallery --help\n")
    assert imagecli("history", "show").stderr.endswith("hint: imagecli history show --help\n")


def test_json_has_everything(three_days: None, imagecli: Run, folder: Path) -> None:
    document = imagecli("history", "list", "--json", "--limit", "2").json
    assert (document["command"], document["status"], document["total"]) == ("history", "ok", 3)
    tree, owl = document["images"]
    assert tree["path"] == str(folder / "a-tree.png")
    assert (tree["cost_usd"], tree["estimated_usd"], tree["estimated_max_usd"]) == (0.05, 0.2, 0.3)
    assert owl["cost_usd"] is None
    assert (owl["created"], owl["width"], owl["provider"], owl["inputs"]) == (
        "2026-11-22T23:59:59Z",
        1024,
        "sandbox",
        [],
    )


@pytest.mark.parametrize("columns", [40, 60, 90, 120])
def test_the_table_fits_the_terminal(
    columns: int, three_days: None, imagecli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagecli.output.history.terminal_columns", lambda env: columns)
    imagecli("generate", "白い猫" * 40, *SANDBOX, "-o", "long-name-of-a-file-that-nobody-wants-to-read.png")
    done = imagecli("history", "list", tty=TTY)
    from rich.cells import cell_len

    lines = done.stdout.splitlines()
    assert max(map(cell_len, lines)) < columns
    assert lines[0].split() == [
        "ID",
        "CREATED",
        *(["COST"] if columns >= 60 else []),
        *(["MODEL"] if columns >= 110 else []),
        *(["FILE"] if columns >= 90 else []),
        "PROMPT",
    ]
    assert lines[1].endswith("…")
    assert re.match(r"\w{6}  Oct 1 ", lines[4])


COLORS = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "IMAGECLI_PREVIEW": "auto"}


def test_on_a_terminal_each_image_has_a_thumbnail(imagecli: Run, folder: Path) -> None:
    for color in ("red", "blue", "lime", "white"):
        Image.new("RGB", (64, 64), color).save(folder / f"{color}.png")
        imagecli("edit", f"{color}.png", color, *SANDBOX, "-o", f"new-{color}.png")
    (folder / "new-red.png").unlink()
    (folder / "new-blue.png").write_bytes(b"another file")
    done = imagecli("history", "list", tty=TTY, env=COLORS)
    heading, *lines = done.stdout.splitlines()
    assert heading.startswith(f"{'':8}ID  ")
    assert [bool(re.match(" *\x1b.*▀", line)) for line in lines] == [True] * 4 + [False] * 4
    assert [re.sub("\x1b[^m]*m", "", line)[:8] for line in lines[4:]] == [" " * 8, " " * 6] * 2
    assert not done.stderr


def test_a_narrow_terminal_has_no_room_for_thumbnails(
    three_days: None, imagecli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagecli.output.history.terminal_columns", lambda env: 59)
    assert "\x1b" not in imagecli("history", "list", tty=TTY, env=COLORS).stdout


@pytest.mark.parametrize(
    ("words", "env", "tty"),
    [
        (("list",), COLORS, ()),
        (("list", "--json"), COLORS, TTY),
        (("list",), COLORS | {"NO_COLOR": "1"}, TTY),
        (("list",), COLORS | {"CI": "true"}, TTY),
        (("list",), COLORS | {"TERM": "dumb", "COLORTERM": ""}, TTY),
        (("list",), COLORS | {"IMAGECLI_PREVIEW": "none"}, TTY),
    ],
)
def test_thumbnails_are_drawn_only_if_they_are_visible(
    words: tuple[str, ...], env: dict[str, str], tty: tuple[str, ...], three_days: None, imagecli: Run
) -> None:
    done = imagecli("history", *words, tty=tty, env=env)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "a tree" in done.stdout


def test_a_prompt_can_t_control_the_terminal(imagecli: Run) -> None:
    imagecli("generate", "\x1b]0;owned\x07 cat\u202e", *SANDBOX, "-o", "cat.png")
    for argv in (("list",), ("show", "@last"), ("list", "--json"), ("show", "@last", "--json")):
        for tty in ((), TTY):
            text = imagecli("history", *argv, tty=tty).stdout
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)


def test_three_generations_are_a_tree(imagecli: Run, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    imagecli("edit", "@last", "at night", *SANDBOX, "-o", "night.png")
    imagecli("edit", "@last", "in snow", *SANDBOX, "-o", "snow.png")
    imagecli("edit", "@last~1", "in rain", *SANDBOX, "-o", "rain.png")
    cat, night, snow, rain = (image.id for image in read_history())
    for image in (cat, snow):
        lines = [
            line.removeprefix("tree: ").removesuffix("  ← this image")
            for line in imagecli("history", "show", image).stdout.splitlines()
            if line.startswith("tree: ")
        ]
        assert lines == [
            f"{cat}  a cat",
            f"└─ {night}  at night",
            f"   ├─ {snow}  in snow",
            f"   └─ {rain}  in rain",
        ]
    details = imagecli("history", "show", f"@{snow}", "--json").json
    assert [(node["id"], node["depth"]) for node in details["tree"]] == [(cat, 0), (night, 1), (snow, 2), (rain, 2)]
    assert details["images"][0]["inputs"][0]["id"] == night


def test_show_prints_how_it_was_created(imagecli: Run, folder: Path) -> None:
    photo(folder / "photo.jpg", 1024, 1024)
    imagecli("edit", "photo.jpg", "a hat", "--mask-rect", "0,0,50%,50%", "--quality", "low", *SANDBOX, "-o", "hat.png")
    text = imagecli("history", "show", "@last").stdout
    for line in (
        f"file: {folder / 'hat.png'}",
        "created: 2026-11-23 14:22:33 UTC",
        "prompt: a hat",
        "made by: gpt-image-2 at sandbox, imagecli edit",
        "input: photo.jpg",
        "cost: free",
        "options: quality low, output_format png, mask_rect 0,0,50%,50%",
    ):
        assert f"\n{line}\n" in f"\n{text}"
    photo(folder / "hat.png")
    assert "changed: the file was changed or replaced since" in imagecli("history", "show", "@last").stdout
    (folder / "hat.png").unlink()
    assert "missing: the file was moved or deleted since" in imagecli("history", "show", "@last").stdout


def test_costs_by_day_and_model(three_days: None, imagecli: Run) -> None:
    assert imagecli("history", "cost").stdout.splitlines() == [
        "2026-11-23\tsandbox\tgpt-image-2\t1\t$0.20 to $0.30\t$0.050",
        "2026-11-22\tsandbox\tdall-e-3\t1\t$0.20 to $0.30\tunknown",
        "2026-10-01\tsandbox\tgpt-image-2\t1\t$0.20 to $0.30\t$0.25",
        "total\t\t\t3\t$0.60 to $0.90\t$0.30, unknown for 1",
    ]
    document = imagecli("history", "cost", "--json").json
    assert document["total"]["actual_usd"] is None
    assert (document["total"]["known_usd"], document["total"]["unknown_requests"]) == (0.3, 1)
    assert [day["actual_usd"] for day in document["days"]] == [0.05, None, 0.25]
    november = imagecli("history", "cost", "--since", "2026-11-23", "--json").json
    assert november["total"]["actual_usd"] == 0.05
    assert imagecli("history", "cost", "--model", "dall-e-2").stdout == ""


def test_in_a_narrow_terminal_each_day_is_named_once(
    three_days: None, imagecli: Run, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagecli.output.terminal.terminal_columns", lambda env: 60)
    with sqlite3.connect(state / "history.db") as connection:
        connection.execute("UPDATE requests SET created = '2026-11-23T10:00:00Z'")
    connection.close()
    lines = imagecli("history", "cost", tty=TTY).stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["2026-11-23", "total"]
    assert {"  model: gpt-image-2", "  model: dall-e-3"} <= set(lines)


def test_clear_leaves_the_files_and_nothing_of_the_prompts(three_days: None, imagecli: Run, state: Path) -> None:
    (state / "history-damaged-1.db").write_bytes(b"a white cat")
    done = imagecli("history", "clear", "--before", "2026-11-01", "--yes")
    assert "removed 1 image from the history; the files stay" in done.stderr
    assert b"white cat" not in (state / "history.db").read_bytes()
    assert b"a tree" in (state / "history.db").read_bytes()
    imagecli("history", "clear", "--yes")
    assert imagecli("history", "list").stdout == ""
    assert b"a tree" not in b"".join(path.read_bytes() for path in state.glob("history*"))
    assert sorted(path.name for path in state.glob("history*.db")) == ["history.db"]
    assert Path("a-tree.png").exists()


def test_clear_gives_the_space_back(imagecli: Run, state: Path) -> None:
    """Free pages would still have the prompts."""
    imagecli("generate", "a cat " + "x" * 30_000, *SANDBOX, "-o", "cat.png")
    imagecli("history", "clear", "--yes")
    with sqlite3.connect(state / "history.db") as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize(("response", "listed_count"), [(b"y\n", 0), (b"\n", 3), (b"", 3)])
def test_clear_asks_on_a_terminal(
    response: bytes, listed_count: int, three_days: None, imagecli: Run, read_history: ReadHistory
) -> None:
    done = imagecli("history", "clear", stdin=response, tty=TTY)
    assert done.exit_code == 0
    assert "Remove 3 images from the history? The files stay. [y/N]" in done.stderr
    assert len(read_history()) == listed_count


def test_a_note_says_what_is_not_recorded_while_it_is_off(imagecli: Run) -> None:
    done = imagecli("history", env={"IMAGECLI_HISTORY": "false"})
    assert "the history is off (IMAGECLI_HISTORY): new images can't be found" in done.stderr


def test_a_note_on_a_terminal_says_how_to_find_it_again(imagecli: Run, read_history: ReadHistory) -> None:
    done = imagecli("generate", "a cat", *SANDBOX, tty=TTY, env=QUIET)
    (cat,) = read_history()
    assert f"recorded as @{cat.id} (@last); see imagecli history" in done.stderr
    done = imagecli("generate", "an owl", *SANDBOX, "-n", "3", tty=TTY, env=QUIET)
    assert "recorded as @last~2 to @last; see imagecli history" in done.stderr
    for words in (("--quiet",), ("--json",)):
        assert "recorded as" not in imagecli("generate", "an elk", *SANDBOX, *words, tty=TTY, env=QUIET).stderr
    assert "recorded as" not in imagecli("generate", "a hen", *SANDBOX).stderr


def test_show_and_info_know_the_history(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png", "--quality", "high")
    (cat,) = read_history()
    (folder / "cat.png").rename(folder / "renamed.png")
    text = imagecli("info", "renamed.png").stdout
    assert "prompt: a cat" in text
    assert f"source: history @{cat.id}" in text
    imagecli("generate", "an owl", *SANDBOX, "-o", "owl.png")
    assert imagecli("show", "@last", "--protocol", "kitty").exit_code == 0
    assert imagecli("show", f"@{cat.id}", "--protocol", "kitty").exit_code == 2
    assert imagecli("info", "@last", "--json").json["images"][0]["path"] == str(folder / "owl.png")


def test_rows_of_a_batch_are_recorded(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    photo(folder / "photo.png", 512, 512)
    rows = [
        {"prompt": "a tree", "output": "tree.png", "quality": "low"},
        {"prompt": "rocks", "output": "rocks.png", "n": 2},
        {"command": "edit", "image": "photo.png", "prompt": "in fall", "output": "fall.png"},
    ]
    (folder / "m.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert imagecli("batch", "m.jsonl", *SANDBOX, "-j", "1").exit_code == 0
    images = {image.path.name: image for image in read_history() if image.path}
    assert sorted(images) == ["fall.png", "rocks-1.png", "rocks-2.png", "tree.png"]
    assert images["tree.png"].options["quality"] == "low"
    assert images["tree.png"].command == "batch"
    assert images["tree.png"].manifest == folder / "m.jsonl"
    assert images["fall.png"].inputs[0].sha256
    assert imagecli("batch", "m.jsonl", *SANDBOX).exit_code == 0
    assert len(read_history()) == 4


@pytest.mark.slow
def test_rows_of_the_batch_api_are_recorded(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    assert imagecli("generate", "a photo", *SANDBOX, "-o", "photo.png").exit_code == 0
    (photo,) = read_history()
    rows = [
        {"prompt": "a tree", "output": "tree.png"},
        {"command": "edit", "image": "photo.png", "prompt": "in fall", "output": "fall.png"},
    ]
    (folder / "m.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert imagecli("batch", "m.jsonl", *SANDBOX, "--batch-api", "--wait").exit_code == 0
    images = {image.path.name: image for image in read_history() if image.path}
    assert sorted(images) == ["fall.png", "photo.png", "tree.png"]
    assert [(file.name, file.sha256, file.parent) for file in images["fall.png"].inputs] == [
        ("photo.png", photo.sha256, photo.id)
    ]


def test_a_batch_warns_once_if_its_rows_can_t_be_recorded(imagecli: Run, folder: Path, state: Path) -> None:
    (state / "history.db").mkdir(parents=True)
    (folder / "m.txt").write_text("".join(f"cat {number}\n" for number in range(25)))
    done = imagecli("batch", "m.txt", *SANDBOX, "-m", "dall-e-2", "--json")
    assert done.exit_code == 0
    summary = json.loads(done.stdout.splitlines()[-1])
    assert [warning["code"] for warning in summary["warnings"]].count("history_lost") == 1


def test_completion_offers_the_newest(
    imagecli: Run,
    read_history: ReadHistory,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    (cat,) = read_history()
    words = {"_IMAGECLI_COMPLETE": "complete_bash", "COMP_WORDS": "imagecli history show @", "COMP_CWORD": "3"}
    for name, value in {**words, "IMAGECLI_STATE_DIR": str(state)}.items():
        monkeypatch.setenv(name, value)
    assert main([], Env.real(has_stdout=True)) == 0
    assert capsys.readouterr().out.split() == ["@last", f"@{cat.id}"]


def test_times_are_stored_in_utc(read_history: ReadHistory, imagecli: Run, state: Path) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    with open_history(state) as (connection, _):
        (created,) = connection.execute("SELECT created FROM requests").fetchone()
    assert created == "2026-11-23T14:22:33Z"
    assert read_history()[0].created == datetime(2026, 11, 23, 14, 22, 33, tzinfo=UTC)


def test_show_and_info_print_the_same_local_time_with_its_zone(imagecli: Run) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png", "--sidecar")
    created = "created: 2026-11-23 14:22:33 UTC\n"
    assert created in imagecli("history", "show", "@last").stdout
    assert created in imagecli("info", "cat.png").stdout
    imagecli("history", "clear", "--yes")
    sidecar = Path("cat.png.json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"created": "in spring"}))
    assert "created: in spring\n" in imagecli("info", "cat.png").stdout
