"""`imagecli batch` through the real `main`: what is requested, what is not requested again, and what is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.batch.serving import COST, Server, refusal, serving
from tests.client.raw import png
from tests.conftest import Run, photo, read_image

ROWS = ["a cat", "an owl", "a fox"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def manifest(folder: Path, *rows: dict[str, Any], name: str = "assets.jsonl") -> Path:
    """A manifest of *rows*, or of ROWS, each with a file of its own."""
    found = rows or tuple({"prompt": prompt, "output": f"{prompt[-3:]}.png"} for prompt in ROWS)
    path = folder / name
    path.write_text("".join(json.dumps({"quality": "low", "size": "1024x1024", **row}) + "\n" for row in found))
    return path


def journal(folder: Path, name: str = "assets") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.journal.jsonl").read_text().splitlines()]


def objects(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


# --- requested once --------------------------------------------------------------------------------------------------


def test_every_row_is_requested_once_and_a_second_run_sends_nothing(
    imagecli: Run, folder: Path, server: Server
) -> None:
    manifest(folder)
    first = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    assert (first.exit_code, sorted(first.stdout.split())) == (0, ["cat.png", "fox.png", "owl.png"])
    assert sorted(server.prompts) == sorted(ROWS)
    assert first.stderr.endswith(f"imagecli: 3 created; cost: ${3 * COST:.3f}\n")
    second = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    assert (second.exit_code, second.stdout, second.stderr) == (0, "", "imagecli: 3 up to date\n")
    assert len(server.prompts) == 3


def test_the_journal_has_entries_before_and_after_a_request(imagecli: Run, folder: Path, server: Server) -> None:
    manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    sent, saved = journal(folder)
    assert (sent["state"], saved["state"], saved["cost_usd"]) == ("sent", "saved", pytest.approx(COST))
    assert [file["path"] for file in saved["files"]] == ["cat.png"]


def test_only_changed_rows_are_requested_again(imagecli: Run, folder: Path, server: Server) -> None:
    manifest(folder)
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    imagecli(*command)
    old = (folder / "cat.png").read_bytes()
    text = (folder / "assets.jsonl").read_text()
    (folder / "assets.jsonl").write_text(text.replace("a cat", "a big cat"))
    (folder / "owl.png").unlink()
    server.prompts.clear()
    result = imagecli(*command)
    assert (result.exit_code, sorted(server.prompts)) == (0, ["a big cat", "an owl"])
    assert "cat.png is stale: its row or an input has changed" in result.stderr
    assert (folder / "cat.png").read_bytes() != old
    assert not list(folder.glob("*_2*"))


def test_an_input_that_changed_makes_its_row_stale(imagecli: Run, folder: Path, server: Server) -> None:
    photo(folder / "in.jpg")
    manifest(folder, {"command": "edit", "image": "in.jpg", "prompt": "night", "output": "night.png"})
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    imagecli(*command)
    assert imagecli(*command, "--check").exit_code == 0
    photo(folder / "in.jpg", 200, 320)
    assert imagecli(*command, "--check").stdout == "stale    night.png\n"


def test_an_image_changed_by_hand_stays_and_stops_the_run_once_its_row_changes(
    imagecli: Run, folder: Path, server: Server
) -> None:
    path = manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    imagecli(*command)
    mine = png(32, 32, "#abcdef")
    (folder / "cat.png").write_bytes(mine)
    assert "cat.png was edited by hand and is kept" in imagecli(*command).stderr
    path.write_text(path.read_text().replace("a cat", "a dog"))
    result = imagecli(*command)
    assert (result.exit_code, len(server.prompts)) == (2, 1)
    assert (folder / "cat.png").read_bytes() == mine


def test_without_its_journal_nothing_is_requested_until_the_files_are_adopted(
    imagecli: Run, folder: Path, server: Server
) -> None:
    manifest(folder)
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    imagecli(*command)
    (folder / "assets.journal.jsonl").unlink()
    without_journal = imagecli(*command)
    assert without_journal.exit_code == 2
    assert "existing files block 3 outputs; nothing was sent\nhint: use --adopt" in without_journal.stderr
    assert imagecli(*command, "--adopt").exit_code == 0
    assert imagecli(*command).stderr == "imagecli: 3 up to date\n"
    assert len(server.prompts) == 3


def test_sandbox_images_are_replaced_by_a_real_provider_and_never_the_other_way(
    imagecli: Run, folder: Path, server: Server
) -> None:
    manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    assert imagecli("batch", "assets.jsonl", "--provider", "sandbox").exit_code == 0
    real_run = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    assert "cat.png is stale: created by the sandbox" in real_run.stderr
    content = (folder / "cat.png").read_bytes()
    again = imagecli("batch", "assets.jsonl", "--provider", "sandbox")
    assert (again.exit_code, again.stdout) == (0, "")
    assert (folder / "cat.png").read_bytes() == content


# --- several files of one response -----------------------------------------------------------------------------------


def test_several_files_are_created_from_one_response_and_the_original_stays(
    imagecli: Run, folder: Path, server: Server
) -> None:
    outputs = [
        {"output": "icons/16.png", "fit": "16x16"},
        {"output": "icons/32.webp", "fit": "32x32"},
        {"output": "icons/whole.png"},
    ]
    manifest(folder, {"prompt": "a bell", "outputs": outputs})
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    result = imagecli(*command)
    assert (result.exit_code, result.stdout.split()) == (0, ["icons/16.png", "icons/32.webp", "icons/whole.png"])
    sizes = {
        name: read_image(folder / "icons" / name).size for name in ("16.png", "32.webp", "whole.png", "16.orig.png")
    }
    assert sizes == {"16.png": (16, 16), "32.webp": (32, 32), "whole.png": (64, 64), "16.orig.png": (64, 64)}
    assert (folder / "icons/whole.png").read_bytes() == (folder / "icons/16.orig.png").read_bytes()
    assert len(server.prompts) == 1
    (folder / "icons/32.webp").unlink()
    assert imagecli(*command).exit_code == 0
    assert len(server.prompts) == 2
    assert sorted(path.name for path in (folder / "icons").iterdir()) == [
        "16.orig.png",
        "16.png",
        "32.webp",
        "whole.png",
    ]


# --- failures --------------------------------------------------------------------------------------------------------


def blocked(fields: dict[str, Any]) -> bytes | None:
    return refusal("400 Bad Request", "moderation_blocked") if "fox" in fields["prompt"] else None


def test_a_row_that_fails_stops_no_other_and_the_same_command_requests_it_alone(imagecli: Run, folder: Path) -> None:
    rows = [{"prompt": f"cat {number}", "output": f"{number}.png"} for number in range(19)]
    manifest(folder, *rows, {"prompt": "a fox", "output": "fox.png"})
    replies = iter([True])
    with serving(
        lambda fields: blocked(fields) if "fox" in fields["prompt"] and next(replies, None) else None
    ) as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        result = imagecli(*command, "-j", "8")
        assert (result.exit_code, len(result.stdout.split()), len(server.prompts)) == (9, 19, 20)
        assert "imagecli: error: assets.jsonl:20: " in result.stderr
        assert "19 created, 1 failed" in result.stderr
        assert not list(folder.glob("*.failed.*"))
        again = imagecli(*command)
        assert (again.exit_code, again.stdout, server.prompts[20:]) == (0, "fox.png\n", ["a fox"])
        assert imagecli(*command).stderr == "imagecli: 20 up to date\n"


def test_a_quota_error_stops_all_rows(imagecli: Run, folder: Path) -> None:
    manifest(folder, *({"prompt": f"cat {number}", "output": f"{number}.png"} for number in range(20)))
    with serving(lambda fields: refusal("429 Too Many Requests", "insufficient_quota")) as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "-j", "2")
    assert (result.exit_code, len(server.prompts) <= 4) == (5, True)
    assert "not sent" in result.stderr


def test_fail_fast_sends_nothing_after_a_failure(imagecli: Run, folder: Path) -> None:
    manifest(
        folder,
        {"prompt": "a fox", "output": "fox.png"},
        *({"prompt": f"c {k}", "output": f"{k}.png"} for k in range(9)),
    )
    with serving(blocked) as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "-j", "1", "--fail-fast")
    assert (result.exit_code, len(server.prompts) <= 2) == (4 if len(server.prompts) == 1 else 9, True)


# --- money -----------------------------------------------------------------------------------------------------------


def test_a_cost_limit_is_checked_before_anything_is_sent(imagecli: Run, folder: Path, server: Server) -> None:
    manifest(folder)
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "--max-cost", "0.001")
    assert (result.exit_code, server.prompts) == (5, [])
    assert "more than --max-cost 0.001; nothing was sent" in result.stderr
    assert not (folder / "assets.journal.jsonl").exists()


def test_the_cost_limit_of_the_manifest_applies_unless_a_flag_replaces_it(
    imagecli: Run, folder: Path, server: Server
) -> None:
    (folder / "a.toml").write_text(
        'max_cost = 0.001\n[[image]]\nprompt = "a cat"\nquality = "low"\nsize = "1024x1024"\n'
    )
    refused = imagecli("batch", "a.toml", "--base-url", server.base_url)
    assert (refused.exit_code, server.prompts) == (5, [])
    assert "more than the cost limit of $0.001 (max_cost in a.toml)" in refused.stderr
    assert imagecli("batch", "a.toml", "--base-url", server.base_url, "--max-cost", "1").exit_code == 0


def test_responses_that_cost_more_than_estimated_stop_the_run_at_the_limit(
    imagecli: Run, folder: Path, server: Server
) -> None:
    # Estimated at 0.006 each, billed 0.03.
    manifest(folder, *({"prompt": f"cat {number}", "output": f"{number}.png"} for number in range(10)))
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "--max-cost", "0.08", "-j", "1")
    assert (result.exit_code, len(result.stdout.split())) == (9, 3)
    assert len(server.prompts) == 3
    assert "3 created, 7 not sent" in result.stderr


# --- checks that send nothing ----------------------------------------------------------------------------------------


def test_check_needs_no_key_sends_nothing_and_reports_by_its_exit_code(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    before = imagecli("batch", "assets.jsonl", "--check")
    assert (before.exit_code, before.stdout) == (10, "missing  cat.png\nmissing  owl.png\nmissing  fox.png\n")
    assert [path.name for path in folder.iterdir()] == ["assets.jsonl"]
    rows = objects(imagecli("batch", "assets.jsonl", "--check", "--json").stdout)
    assert [(row["status"], row["exit_code"]) for row in rows] == [("stale", 10)] * 4
    assert (rows[1]["row"], rows[1]["state"], rows[1]["outputs"]) == (2, "missing", ["owl.png"])


def test_a_dry_run_shows_price_and_time_and_needs_no_key(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    result = imagecli("batch", "assets.jsonl", "--dry-run", "--rate", "1")
    assert (result.exit_code, [path.name for path in folder.iterdir()]) == (0, ["assets.jsonl"])
    assert "requests  3, for 3 images in 3 files\n" in result.stdout
    assert "price     about $0.018" in result.stdout
    assert "time      at least 2 min 00 s at 1 per minute\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rate", "50"), "at least 2 s at 50 per minute"),
        ((), "unknown; 1 round of 4 parallel requests (--rate gives an estimate)"),
        (("-j", "1"), "unknown; 3 rounds of 1 parallel request (--rate gives an estimate)"),
        (("--batch-api",), "up to 24h, with the Batch API"),
    ],
)
def test_a_dry_run_prints_the_time_if_it_is_known(
    imagecli: Run, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    manifest(folder)
    assert f"time      {message}\n" in imagecli("batch", "assets.jsonl", "--dry-run", *arguments).stdout


def test_a_dry_run_of_nothing_takes_no_time(imagecli: Run, folder: Path, server: Server) -> None:
    manifest(folder)
    imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "--dry-run")
    assert "items     0 to create, 3 up to date\n" in result.stdout
    assert "time" not in result.stdout


def test_a_dry_run_prints_complete_requests_for_other_tools(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    *rows, summary = objects(imagecli("batch", "assets.jsonl", "--dry-run", "--json").stdout)
    assert [row["requests"][0]["body"]["prompt"] for row in rows] == ROWS
    assert {row["status"] for row in rows} == {"planned"}
    assert (summary["summary"]["requests"], summary["summary"]["files"]) == (3, 3)
    assert summary["cost"]["estimated_max_usd"] == pytest.approx(
        sum(row["cost"]["estimated_max_usd"] for row in rows), abs=1e-5
    )


def test_prune_lists_orphans_and_removes_them_after_confirmation(imagecli: Run, folder: Path, server: Server) -> None:
    path = manifest(folder)
    imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    assert imagecli("batch", "assets.jsonl", "--prune").stdout == "fox.png\nowl.png\n"
    assert (folder / "fox.png").exists()
    assert imagecli("batch", "assets.jsonl", "--prune", "--yes").exit_code == 0
    assert sorted(found.name for found in folder.glob("*.png")) == ["cat.png"]


# --- output ----------------------------------------------------------------------------------------------------------


def test_json_is_one_object_per_row_and_a_summary_at_the_end(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    with serving(blocked) as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "--json")
    *rows, summary = objects(result.stdout)
    by_row = {row["row"]: row for row in rows}
    assert {number: row["status"] for number, row in by_row.items()} == {1: "ok", 2: "ok", 3: "failed"}
    assert (by_row[2]["images"][0]["row"], by_row[2]["images"][0]["request"]) == (2, 0)
    assert by_row[3]["errors"][0] | {"message": "", "hint": ""} == {
        "code": "moderation_blocked",
        "message": "",
        "hint": "",
        "status": 400,
        "request": 0,
        "row": 3,
        "rescued_path": None,
    }
    assert by_row[1]["cost"]["actual_usd"] == pytest.approx(COST)
    assert (summary["status"], summary["exit_code"], result.exit_code) == ("partial", 9, 9)
    assert summary["summary"] == {
        "rows": 3,
        "purchases": 3,
        "kept": 0,
        "bought": 2,
        "failed": 1,
        "submitted": 0,
        "waiting": 0,
        "not_sent": 0,
        "files": 2,
        "failed_manifest": None,
    }


def test_facts_of_an_unchanged_file_come_from_the_journal(imagecli: Run, folder: Path, server: Server) -> None:
    manifest(folder)
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    imagecli(*command)
    known = {file["path"]: file for entry in journal(folder) for file in entry.get("files", ())}
    # A file of the recorded length counts as the saved one. Another length: it is the user's, and read.
    (folder / "cat.png").write_bytes((folder / "cat.png").read_bytes()[:-1] + b"!")
    (folder / "owl.png").write_bytes((folder / "owl.png").read_bytes() + b"!")
    rows = objects(imagecli(*command, "--check", "--json").stdout)[:-1]
    images = {Path(image["path"]).name: image for row in rows for image in row["images"]}
    assert [(image["format"], image["width"], image["height"]) for image in images.values()] == [("png", 64, 64)] * 3
    same = {name: image["sha256"] == known[name]["sha256"] for name, image in images.items()}
    assert same == {"cat.png": True, "owl.png": False, "fox.png": True}
    assert images["owl.png"]["bytes"] == known["owl.png"]["bytes"] + 1
    folder.joinpath("fox.png").unlink()
    assert [row["images"] for row in objects(imagecli(*command, "--check", "--json").stdout)[2:-1]] == [[]]


def test_all_errors_are_reported_together_with_their_lines(imagecli: Run, folder: Path, server: Server) -> None:
    (folder / "a.jsonl").write_text('{"prompt": "a", "szie": "1x1"}\n{"prompt": 3}\n{"prompt": "ok"}\n')
    result = imagecli("batch", "a.jsonl", "--base-url", server.base_url)
    assert (result.exit_code, server.prompts) == (2, [])
    assert result.stderr.splitlines() == [
        "a.jsonl:1: unknown field 'szie'; did you mean size?",
        "a.jsonl:2: prompt: expected text, found 3; put it in quotes",
        "imagecli: error: a.jsonl has 2 problems; nothing was sent",
        "hint: fix the lines listed above",
    ]


@pytest.mark.parametrize(("glob", "real_run"), [("owl*", ["an owl"]), ("*.png", ROWS), ("[cf]*", ["a cat", "a fox"])])
def test_only_selects_rows_by_the_names_of_their_outputs(
    imagecli: Run, folder: Path, server: Server, glob: str, real_run: list[str]
) -> None:
    manifest(folder)
    assert imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "--only", glob).exit_code == 0
    assert sorted(server.prompts) == sorted(real_run)


def test_only_that_selects_no_row_is_refused(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    result = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--only", "dog*")
    assert (result.exit_code, result.stderr) == (
        2,
        "imagecli: error: no output of assets.jsonl matches dog*\nhint: its outputs are cat.png, owl.png, fox.png\n",
    )


def test_a_manifest_is_read_from_stdin_too(imagecli: Run, folder: Path, server: Server) -> None:
    command = ("batch", "-", "--base-url", server.base_url)
    assert imagecli(*command, stdin=b"a red fox\n").stdout == "a-red-fox.png\n"
    assert imagecli(*command, stdin=b"a red fox\n").stderr == "imagecli: 1 up to date\n"


def test_errors_about_inputs_and_folders_use_the_fields_of_rows(imagecli: Run, folder: Path, server: Server) -> None:
    (folder / "there").write_bytes(b"")
    manifest(folder, {"prompt": "a cat", "output": "there/cat.png"})
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    assert (result.exit_code, server.prompts) == (2, [])
    assert result.stderr.endswith("hint: choose another folder in the rows' output\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is Linux's")
@pytest.mark.parametrize("arguments", [[], ["--json"], ["--dry-run"], ["--check"], ["--prune"]])
def test_a_full_stdout_is_a_failure_in_every_mode(
    folder: Path, tmp_path: Path, server: Server, arguments: list[str]
) -> None:
    path = manifest(folder, {"prompt": "a cat", "output": "cat.png"}, {"prompt": "an owl", "output": "owl.png"})
    command = [sys.executable, "-m", "imagecli", "batch", "assets.jsonl", "--base-url", server.base_url]
    own = {"IMAGECLI_CONFIG_DIR": str(tmp_path / "config"), "IMAGECLI_STATE_DIR": str(tmp_path / "state")}
    if "--prune" in arguments:
        subprocess.run(command, cwd=folder, env=os.environ | own, check=True, capture_output=True, timeout=60)
        path.write_text(path.read_text().splitlines()[0] + "\n")
    with Path("/dev/full").open("wb") as full:
        typed = [*command, *arguments]
        done = subprocess.run(typed, cwd=folder, env=os.environ | own, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == (10 if "--check" in arguments else 8)
    assert b"can't write to stdout: no space left on device" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check", "--prune"], "--prune and --check can't be combined"),
        (["--yes"], "--yes requires --prune"),
        (["--rate", "0"], "invalid value for --rate"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    imagecli: Run, folder: Path, arguments: list[str], message: str
) -> None:
    manifest(folder)
    result = imagecli("batch", "assets.jsonl", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_terminal_shows_a_table_that_is_removed_at_the_end(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    with serving(blocked, latency=0.4) as server:
        result = imagecli(
            "batch", "assets.jsonl", "--base-url", server.base_url, "-j", "1", tty=("stderr",), env={"COLUMNS": "100"}
        )
    for heading in ("done", "failed", "waiting", "per minute", "cost", "time left"):
        assert heading in result.stderr
    assert "1/3" in result.stderr
    assert "2 created, 1 failed" in result.stderr.splitlines()[-1]
    assert result.stdout == "cat.png\nowl.png\n"
    elsewhere = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--only", "fox.png")
    assert "per minute" not in elsewhere.stderr


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--batch-api",), ("--check",)])
def test_an_image_whose_output_was_renamed_is_not_requested_again(
    imagecli: Run, folder: Path, options: tuple[str, ...]
) -> None:
    with serving() as server:
        batch = ("batch", "assets.jsonl", "--base-url", server.base_url)
        manifest(folder, {"prompt": "a cat", "output": "old.png"})
        assert imagecli(*batch).exit_code == 0
        manifest(folder, {"prompt": "a cat", "output": "new/cat.png"}, {"prompt": "an owl", "output": "owl.png"})
        found = imagecli(*batch, *options)
        assert found.exit_code == (10 if options == ("--check",) else 2)
        move = "mkdir -p new && mv old.png new/cat.png"
        assert f"new/cat.png already exists as old.png; to reuse it: {move}" in found.stderr
        assert server.prompts == ["a cat"]
        (folder / "new").mkdir(exist_ok=True)
        (folder / "old.png").rename(folder / "new" / "cat.png")
        assert imagecli(*batch).exit_code == 0
        assert server.prompts == ["a cat", "an owl"]


def test_several_renamed_outputs_are_reported_together_and_requested_if_the_user_wants_it(
    imagecli: Run, folder: Path, server: Server
) -> None:
    batch = ("batch", "assets.jsonl", "--base-url", server.base_url)
    manifest(folder)
    assert imagecli(*batch).exit_code == 0
    manifest(folder, *({"prompt": prompt, "output": f"new-{prompt[-3:]}.png"} for prompt in ROWS))
    refused = imagecli(*batch)
    assert (refused.exit_code, len(server.prompts)) == (2, 3)
    assert "existing files block 3 outputs; nothing was sent" in refused.stderr
    assert "to reuse it: mv owl.png new-owl.png" in refused.stderr
    assert imagecli(*batch, "--if-exists", "overwrite").exit_code == 0
    assert len(server.prompts) == 6
    assert len(list(folder.glob("*.png"))) == 6


@pytest.mark.parametrize("options", [(), ("--batch-api", "--wait")], ids=["live", "Batch API"])
def test_the_originals_of_other_images_stay_when_one_is_created_again(
    imagecli: Run, folder: Path, options: tuple[str, ...]
) -> None:
    manifest(folder, {"prompt": "a cat", "n": 3, "output": "{n}.png", "fit": "64x64", "quality": "low"})
    batch = ("batch", "assets.jsonl", "--provider", "sandbox", *options)
    assert imagecli(*batch).exit_code == 0
    originals = {path.name: path.read_bytes() for path in folder.glob("*.orig.png")}
    assert sorted(originals) == ["1.orig.png", "2.orig.png", "3.orig.png"]
    (folder / "2.png").unlink()
    assert imagecli(*batch).stdout == "2.png\n"
    kept = {path.name: path.read_bytes() for path in folder.glob("*.orig*.png")}
    assert {name: kept.get(name) for name in ("1.orig.png", "3.orig.png")} == {
        name: originals[name] for name in ("1.orig.png", "3.orig.png")
    }
    manifest(folder, {"prompt": "a dog", "n": 3, "output": "{n}.png", "fit": "64x64", "quality": "low"})
    assert imagecli(*batch).exit_code == 0
    assert sorted(path.name for path in folder.glob("*.orig*.png")) == sorted(originals)


def test_a_file_that_was_moved_is_its_new_rows_and_replaced_when_that_changes(imagecli: Run, folder: Path) -> None:
    manifest(folder, {"prompt": "a cat", "output": "old.png", "fit": "64x64"})
    with serving() as server:
        batch = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert imagecli(*batch).exit_code == 0
        manifest(folder, {"prompt": "a cat", "output": "new.png", "fit": "64x64"})
        (folder / "old.png").rename(folder / "new.png")
        assert imagecli(*batch).exit_code == 0
        assert len(server.prompts) == 1
        assert "nothing to remove" in imagecli("batch", "assets.jsonl", "--prune").stderr
        manifest(folder, {"prompt": "a dog", "output": "new.png", "fit": "64x64"})
        changed = imagecli(*batch, "--check")
        assert (changed.exit_code, changed.stdout) == (10, "stale    new.png\n"), changed.stderr
        assert imagecli(*batch).stdout == "new.png\n"
        assert server.prompts == ["a cat", "a dog"]
