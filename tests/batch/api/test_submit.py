"""`imagecli batch --batch-api` through the real `main`: submitted, checked, downloaded, and then nothing more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.batch.api.conftest import Batch, edit, images_in, journal, manifest, row, server, states
from tests.batch.front import Front, respond_with
from tests.conftest import Run, photo, read_image

FILES = ["cat.png", "fox.png", "owl.png"]
HALF_PRICE = (7 * 2.0 + 272 * 8.0) / 1_000_000 / 2
"""USD: of gpt-image-1-mini a million text tokens cost 2, of a low image's 8; the sandbox counts 7 of the former."""


def test_rows_are_submitted_together_and_recorded_before_and_after(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    result = batch()
    assert (result.exit_code, result.stdout) == (10, "")
    first, last = result.stderr.splitlines()
    assert first == f"imagecli: note: {front.batches[0]['id']}: 3 requests submitted"
    assert last.startswith("imagecli: 3 pending in the Batch API (about $0.0")
    assert last.endswith("; run the same command to download them")
    assert states(folder) == ["sent"] * 3 + ["submitted"] * 3
    (there,) = front.batches
    entries = journal(folder)
    assert {entry["submission"] for entry in entries} == {there["metadata"]["imagecli_submission"]}
    assert [entry.get("batch") for entry in entries] == [None] * 3 + [there["id"]] * 3
    assert [entry["planned"] for entry in entries[:3]] == [[["cat.png"]], [["owl.png"]], [["fox.png"]]]
    assert len(front.requests_like("POST /v1/images/.*")) == 0


def test_a_second_run_prints_the_state_and_creates_nothing_twice(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    batch()
    entries = journal(folder)
    again = batch()
    assert (again.exit_code, again.stdout) == (10, "")
    assert f"{front.batches[0]['id']}: in progress, 0 of 3 done" in again.stderr
    assert (len(front.batches), journal(folder)) == (1, entries)


def test_finished_rows_are_saved_for_half_the_price_and_the_next_run_sends_nothing(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    assert batch().exit_code == 10
    result = batch()
    assert (result.exit_code, sorted(result.stdout.split())) == (0, FILES)
    assert images_in(folder) == FILES
    saved = [entry for entry in journal(folder) if entry["state"] == "saved"]
    assert [entry["cost_usd"] for entry in saved] == pytest.approx([HALF_PRICE] * 3)
    assert f"3 created; cost: ${3 * HALF_PRICE:.3f}" in result.stderr
    count = len(front.requests)
    again = batch()
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "imagecli: 3 up to date\n")
    assert len(front.requests) == count


def test_wait_ends_when_every_image_is_saved(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    result = batch("--wait")
    assert (result.exit_code, sorted(result.stdout.split())) == (0, FILES)
    assert len(front.batches) == 1


def test_the_embedded_sandbox_requires_wait(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    refused = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--batch-api")
    assert (refused.exit_code, states(folder)) == (2, [])
    assert "add --wait" in refused.stderr
    waited = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--batch-api", "--wait")
    assert (waited.exit_code, images_in(folder)) == (0, FILES)
    assert all(entry["sandbox"] for entry in journal(folder))


def test_a_live_run_requests_no_pending_row_and_names_its_batch(
    imagecli: Run, batch: Batch, front: Front, folder: Path
) -> None:
    path = manifest(folder)
    front.asleep = True
    batch()
    path.write_text(path.read_text() + json.dumps({**row("a hen"), "model": "gpt-image-1-mini", "quality": "low"}))
    live = imagecli("batch", "assets.jsonl", "--base-url", front.base_url)
    assert (live.exit_code, live.stdout) == (10, "hen.png\n")
    assert "3 pending in the Batch API" in live.stderr
    assert "use --batch-api to download them" in live.stderr
    assert len(front.requests_like("POST /v1/images/generations")) == 1


def test_check_lists_pending_rows(imagecli: Run, batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    batch()
    count = len(front.requests)
    look = imagecli("batch", "assets.jsonl", "--base-url", front.base_url, "--check")
    assert (look.exit_code, len(front.requests)) == (10, count)
    assert look.stdout == "submitted cat.png\nsubmitted owl.png\nsubmitted fox.png\n"


def test_only_submits_the_rows_that_it_selects(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    assert batch("--only", "owl*").exit_code == 10
    assert [entry["id"] for entry in journal(folder)] == ["owl.png"] * 2
    front.asleep = False
    # This run ignores the other rows and prints nothing about them.
    again = batch("--only", "cat*")
    assert (again.exit_code, images_in(folder)) == (10, [])
    assert batch().exit_code == 10
    assert (batch().exit_code, images_in(folder)) == (0, FILES)
    assert [batch["request_counts"]["total"] for batch in front.batches] == [1, 1, 1]


def test_shards_submit_only_their_own_rows(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, *(row(f"a {name}") for name in ("cat", "owl", "fox", "hen", "elk", "ant")))
    front.asleep = True
    assert [batch("--shard", f"{index}/2").exit_code for index in (1, 2)] == [10, 10]
    front.asleep = False
    first = batch("--shard", "1/2")
    assert first.exit_code == 0
    assert images_in(folder) == sorted(first.stdout.split())
    assert batch("--shard", "2/2").exit_code == 0
    assert len(images_in(folder)) == 6
    assert len(front.batches) == 2
    assert batch("--check").exit_code == 0


def test_a_shard_does_not_touch_rows_that_another_one_is_submitting(batch: Batch, front: Front, folder: Path) -> None:
    rows = [row(f"a {name}") for name in ("cat", "owl", "fox", "hen", "elk", "ant")]
    manifest(folder, *rows)
    front.asleep = True
    batch("--shard", "1/2")
    # The journal of a run in progress: sent, and no batch created yet.
    mine = folder / "assets.journal.1-2.jsonl"
    mine.write_text("".join(line + "\n" for line in mine.read_text().splitlines() if '"sent"' in line))
    before = mine.read_text()
    assert batch("--shard", "2/2").exit_code == 10
    theirs = [json.loads(line) for line in (folder / "assets.journal.2-2.jsonl").read_text().splitlines()]
    assert mine.read_text() == before
    assert {entry["id"] for entry in theirs}.isdisjoint(json.loads(line)["id"] for line in before.splitlines())


def test_an_image_of_several_rows_is_uploaded_once(batch: Batch, front: Front, folder: Path) -> None:
    photo(folder / "in.png", 64, 64)
    photo(folder / "other.png", 96, 96)
    rows: list[dict[str, Any]] = [
        {"command": "edit", "image": "in.png", "prompt": "at night", "output": "night.png"},
        {"command": "edit", "image": "in.png", "prompt": "at noon", "output": "noon.png"},
        {"command": "edit", "image": ["other.png", "in.png"], "prompt": "together", "output": "both.png"},
    ]
    manifest(folder, *rows)
    assert batch().exit_code == 10
    vision = [part for part in front.requests_like("POST /v1/files") if b'"purpose"\r\n\r\nvision' in part.body]
    assert len(vision) == 2
    assert front.batches[0]["endpoint"] == "/v1/images/edits"
    assert (batch().exit_code, images_in(folder)) == (0, ["both.png", "in.png", "night.png", "noon.png", "other.png"])


def test_a_variation_is_submitted_as_an_edit_and_svg_and_gif_rows_are_accepted(
    batch: Batch, front: Front, folder: Path
) -> None:
    photo(folder / "in.jpg", 64, 64)
    manifest(
        folder,
        {"command": "vary", "image": "in.jpg", "output": "varied.png"},
        {"prompt": "a wheel", "output": "wheel.svg", "model": "gpt-image-2.6-flare", "size": "auto"},
        {"prompt": "a flag", "output": "flag.gif", "model": "gpt-image-2", "size": "auto"},
    )
    submitted = batch()
    assert submitted.exit_code == 10, submitted.stderr
    fetched = batch()
    assert (fetched.exit_code, sorted(fetched.stdout.split())) == (
        0,
        ["flag.gif", "varied.png", "wheel.svg"],
    ), fetched.stderr
    assert read_image(folder / "flag.gif").format == "GIF"
    assert (folder / "wheel.svg").read_text().lstrip().startswith(("<svg", "<?xml"))
    assert {part["endpoint"] for part in front.batches} == {"/v1/images/generations", "/v1/images/edits"}


@pytest.mark.slow
def test_many_images_of_one_row_and_several_files_of_one_image(batch: Batch, front: Front, folder: Path) -> None:
    outputs = [{"output": "16.png", "fit": "16x16"}, {"output": "32.webp", "fit": "32x32"}, {"output": "whole.png"}]
    many = {"prompt": "a leaf", "n": 12, "output": "leaf.png"}
    manifest(folder, many, {"prompt": "a bell", "outputs": outputs})
    assert batch().exit_code == 10
    assert front.batches[0]["request_counts"]["total"] == 3
    result = batch()
    assert result.exit_code == 0, result.stderr
    leaves = sorted(f"leaf-{number}.png" for number in range(1, 13))
    assert [name for name in images_in(folder) if name.startswith("leaf")] == leaves
    assert len({(folder / name).read_bytes() for name in leaves}) == 12
    assert [read_image(folder / name).size for name in ("16.png", "32.webp")] == [(16, 16), (32, 32)]
    (folder / "leaf-11.png").unlink()
    (folder / "leaf-3.png").unlink()
    assert batch("--wait").exit_code == 0
    assert [name for name in images_in(folder) if name.startswith("leaf")] == leaves
    assert [part["request_counts"]["total"] for part in front.batches] == [1, 3]
    assert journal(folder)[-1]["files"][0]["path"] == "leaf-3.png"


def test_json_objects_describe_pending_rows_with_null_for_unknown_values(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    front.asleep = True
    *rows, summary = map(json.loads, batch("--json").stdout.splitlines())
    there = front.batches[0]["id"]
    assert [(part["status"], part["exit_code"], part["state"], part["batch"]) for part in rows] == [
        ("submitted", 10, "submitted", there)
    ] * 3
    assert {part["cost"]["actual_usd"] for part in (*rows, summary)} == {None}
    assert all(part["cost"]["estimated_usd"] > 0 for part in rows)
    assert summary["cost"]["estimated_usd"] == pytest.approx(
        sum(part["cost"]["estimated_usd"] for part in rows), abs=1e-5
    )
    assert (summary["status"], summary["exit_code"], summary["summary"]["submitted"]) == ("submitted", 10, 3)
    assert [(part["id"], part["status"]) for part in summary["summary"]["batches"]] == [(there, "in_progress")]
    looked = json.loads(batch("--json").stdout.splitlines()[-1])
    assert (looked["cost"]["actual_usd"], looked["cost"]["estimated_usd"]) == (None, summary["cost"]["estimated_usd"])
    front.asleep = False
    *rows, summary = map(json.loads, batch("--json").stdout.splitlines())
    assert {(part["status"], part["state"]) for part in rows} == {("ok", "bought")}
    assert summary["cost"]["actual_usd"] == pytest.approx(sum(part["cost"]["actual_usd"] for part in rows))
    assert summary["cost"]["estimated_usd"] == pytest.approx(looked["cost"]["estimated_usd"])


def test_a_cost_limit_is_checked_before_anything_is_uploaded(batch: Batch, front: Front, folder: Path) -> None:
    photo(folder / "in.png", 64, 64)
    manifest(folder, {"command": "edit", "image": "in.png", "prompt": "at night", "output": "night.png"})
    result = batch("--max-cost", "0.000001")
    assert (result.exit_code, front.requests_like("POST .*"), states(folder)) == (5, [], [])
    assert "1 not sent" in result.stderr


def test_an_input_that_is_not_an_image_stops_submitting_but_not_downloading(
    batch: Batch, front: Front, folder: Path
) -> None:
    path = manifest(folder, row("a cat"))
    batch()
    (folder / "in.png").write_bytes(b"no picture")
    bad = {"command": "edit", "image": "in.png", "prompt": "at night", "output": "night.png", "size": "1024x1024"}
    path.write_text(path.read_text() + json.dumps(bad) + "\n")
    result = batch()
    assert (result.exit_code, images_in(folder)) == (9, ["cat.png", "in.png"])
    assert "1 created, 1 not sent" in result.stderr
    assert len(front.batches) == 1
    (folder / "cat.png").unlink()
    path.write_text(json.dumps(bad) + "\n")
    nothing = batch()
    assert (nothing.exit_code, front.requests_like("POST /v1/batches")[1:]) == (2, [])


def test_without_a_key_nothing_is_sent(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    result = imagecli("batch", "assets.jsonl", "--batch-api")
    assert (result.exit_code, result.stdout, states(folder)) == (3, "", [])
    assert "no API key for openai" in result.stderr


def test_the_key_is_sent_to_its_provider_and_written_to_no_file(
    imagecli: Run, front: Front, folder: Path, state: Path
) -> None:
    manifest(folder)
    env = {"OPENAI_API_KEY": "sk-verysecretindeed", "OPENAI_BASE_URL": front.base_url}
    errors = []
    for _ in range(2):
        errors.append(imagecli("batch", "assets.jsonl", "--batch-api", "--debug", env=env))
        front.settle()
    assert [part.exit_code for part in errors] == [10, 0]
    assert all("verysecretindeed" not in part.stderr + part.stdout for part in errors)
    files = [path for root in (folder, state) for path in root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"verysecretindeed" in path.read_bytes()]


def test_a_provider_without_a_batch_api_is_an_error(imagecli: Run, folder: Path) -> None:
    manifest(folder)
    command = ("batch", "assets.jsonl", "--batch-api", "--provider", "xai", "--base-url", "http://127.0.0.1:1/v1")
    result = imagecli(*command)
    assert (result.exit_code, states(folder)) == (2, [])
    assert "provider xai has no Batch API; nothing was sent" in result.stderr


def test_a_server_without_a_batch_api_is_an_error_that_leaves_nothing(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.once("GET /v1/batches.*", respond_with("404 Not Found", {"error": {"message": "no such route"}}))
    result = batch()
    assert (result.exit_code, states(folder)) == (2, [])
    assert "no Batch API at" in result.stderr


def test_adopted_files_are_recorded_in_the_journal(imagecli: Run, batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch("--wait")
    (folder / "assets.journal.jsonl").unlink()
    count = len(front.requests)
    assert batch().exit_code == 2
    assert batch("--adopt").exit_code == 0
    assert (states(folder), len(front.requests)) == (["adopted"] * 3, count)
    assert batch().stderr == "imagecli: 3 up to date\n"


def test_no_submitted_file_remains_afterwards(batch: Batch, state: Path, folder: Path) -> None:
    manifest(folder)
    batch()
    assert (state / "batches").is_dir()
    assert not list((state / "batches").iterdir())


def test_a_batch_is_submitted_without_a_state_folder(batch: Batch, state: Path, folder: Path) -> None:
    manifest(folder)
    state.write_bytes(b"no folder")
    assert (batch().exit_code, batch().exit_code) == (10, 0)
    assert images_in(folder) == FILES
    assert not list(folder.glob(".*"))


def test_failed_lines_fail_their_rows_and_the_rest_is_saved(batch: Batch, folder: Path) -> None:
    manifest(folder)
    with server("moderation_blocked:1") as front:
        assert batch(at=front).exit_code == 10
        result = batch(at=front)
        assert (result.exit_code, len(images_in(folder))) == (9, 2)
        assert "run the same command to retry the failed rows" in result.stderr
        failed = [entry for entry in journal(folder) if entry["state"] == "failed"]
        assert [(entry["error"], entry["cost_usd"]) for entry in failed] == [("moderation_blocked", 0.0)]
        # It is submitted again alone.
        assert batch(at=front).exit_code == 10
        assert front.batches[0]["request_counts"]["total"] == 1


def test_an_edited_row_is_submitted_again(batch: Batch, front: Front, folder: Path) -> None:
    path = manifest(folder)
    batch("--wait")
    old = (folder / "cat.png").read_bytes()
    edit(path, "a cat", "a big cat")
    assert batch("--wait").exit_code == 0
    assert (folder / "cat.png").read_bytes() != old
    assert images_in(folder) == FILES
    assert front.batches[0]["request_counts"]["total"] == 1
