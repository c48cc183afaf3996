"""A cloned repository may hold entries under imagecli's names: they are mentioned, and do nothing by
themselves.\n\n`recover --from`, which must be typed, saves the images in their bytes, and downloads and removes
nothing."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagecli.domain import OutputName
from imagecli.prepared_call import ManifestRef, prepared_to_json
from tests.children import Children, wait_until
from tests.client.raw import http, images_body, png, raw_server, silence, then
from tests.conftest import Run
from tests.pipeline.test_recover import opened, prepared_for

RED, BLUE = png(), png(color="blue")
COMMAND = [sys.executable, "-m", "imagecli"]
NO_RECORDS = {"TMPDIR": "/dev/null"}
"""Nothing can be recorded outside the state folder."""


def forge(spool: Path, body: bytes = b"", *, id: str = "run-0000", folder: Path | None = None, **more: Any) -> Path:
    """An entry as an attacker writes it: like a real one, but without a record. Returns the response's path."""
    spool.mkdir(exist_ok=True)
    (spool / f"{id}.json").write_text(prepared_to_json(prepared_for(folder or spool.parent, id, **more)))
    (spool / f"{id}.sent").write_text("")
    (spool / f"{id}.body").write_bytes(body or images_body(RED))
    return spool / f"{id}.body"


@pytest.fixture
def spool(folder: Path) -> Path:
    return folder / ".imagecli-spool"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder outside the clone, with a file in it."""
    place = tmp_path / "home"
    place.mkdir()
    (place / "notes.json").write_text("{}")
    return place


def files(folder: Path) -> dict[str, bytes]:
    """The files in *folder* except the history, which stays when everything is saved."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith("history.db")
    }


# --- forged entries --------------------------------------------------------------------------------------------------


def test_a_forged_entry_writes_replaces_and_downloads_nothing(
    imagecli: Run, folder: Path, spool: Path, home: Path, state: Path
) -> None:
    (home / "cat.png").write_bytes(BLUE)
    with raw_server(http("200 OK", RED)) as server:
        address = json.dumps({"data": [{"url": f"{server.base_url}/a.png"}]}).encode()
        forge(spool, folder=home, replaces=((home / "cat.png", None),), if_exists="overwrite")
        forge(spool, id="run-0001", folder=home, names=(OutputName(folder=home, stem="x/../.zshenv"),))
        forge(spool, address, id="run-0002", base_url=server.base_url)
        forge(spool, id="run-0003", folder=home)
        (spool / "run-0003.body").write_bytes(b"")
        before = files(folder), files(home)
        for arguments in (["recover"], ["recover", "--list"], ["recover", "-o", "."]):
            result = imagecli(*arguments)
            assert (result.exit_code, result.stdout) == (0, "")
            message = "has 4 responses that this machine has no record of; run imagecli recover --from . to save"
            assert message in result.stderr
        assert imagecli("recover", "--delete", "run-0000").exit_code == 2
        assert (
            imagecli("generate", "a dog", "--provider", "sandbox", "-o", str(state.parent / "out.png")).exit_code == 0
        )
        assert server.requests == []
    assert (files(folder), files(home)) == before
    assert files(state) == {}


def test_json_reports_unrecorded_entries(imagecli: Run, folder: Path, spool: Path) -> None:
    forge(spool)
    assert imagecli("recover", "--list", "--json").json["unrecorded"] == [{"path": str(spool), "entries": 1}]
    assert [one["code"] for one in imagecli("recover", "--json").json["warnings"]] == ["unrecorded", "nothing_left"]


def test_a_record_of_another_description_does_not_help_a_forged_entry(
    imagecli: Run, folder: Path, spool: Path, home: Path, state: Path
) -> None:
    entry = opened(spool, prepared_for(folder, "run-0000"), images_body(RED), records=state / "spooled-elsewhere")
    entry.keep()
    entry.close()
    forge(spool, folder=home)
    result = imagecli("recover")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "has 1 response that this machine has no record of" in result.stderr
    assert files(home) == {"notes.json": b"{}"}
    assert (spool / "run-0000.body").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "dangling", "circle", "device", "pipe"])
@pytest.mark.parametrize("source", [False, True])
def test_a_file_with_the_spools_name_is_not_touched(
    imagecli: Run, folder: Path, spool: Path, home: Path, kind: str, source: bool
) -> None:
    forge(home / "spool")
    targets = {"folder": home / "spool", "file": home / "notes.json", "dangling": home / "x", "circle": spool}
    if kind == "pipe":
        os.mkfifo(spool)
    else:
        spool.symlink_to(targets.get(kind, Path("/dev/zero")))
    before = files(home)
    result = imagecli("recover", *(["--from", "."] if source else []))
    assert result.exit_code == (2 if source else 0)
    assert "it is a symbolic link or not a folder" in result.stderr
    assert files(home) == before
    assert [path.name for path in folder.iterdir()] == [spool.name]


@pytest.mark.parametrize("kind", ["folder", "dangling", "circle"])
def test_no_response_is_spooled_through_a_link(
    imagecli: Run, folder: Path, spool: Path, home: Path, state: Path, kind: str
) -> None:
    state.write_text("not a folder")
    spool.symlink_to({"folder": home, "dangling": home / "x", "circle": spool}[kind])
    with raw_server(http("200 OK", images_body(RED))) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url)
        assert server.requests == []
    assert result.exit_code == 2
    assert "it is a symbolic link" in result.stderr
    assert files(home) == {"notes.json": b"{}"}


def test_a_name_from_an_entry_is_rebuilt_by_the_naming_rules(imagecli: Run, folder: Path, state: Path) -> None:
    names = (
        OutputName(folder=folder, stem="../../up", ending="zshenv", literal_format="zshenv"),
        OutputName(folder=folder, stem="cat", ending="pth"),
    )
    entry = opened(state / "spool", prepared_for(folder, "run-0000", n=2, names=names), images_body(RED, BLUE))
    entry.keep()
    entry.close()
    assert imagecli("recover").exit_code == 0
    assert files(folder) == {"up.png": RED, "cat.png": BLUE}


def test_a_manifests_image_does_not_follow_a_link_that_was_created_later(
    imagecli: Run, folder: Path, state: Path, home: Path
) -> None:
    part = ManifestRef(manifest=str(folder / "assets.jsonl"), id="out/cat.png", hash="0", planned=(("out/cat.png",),))
    entry = opened(state / "spool", prepared_for(folder / "out", "run-0000", part=part), images_body(RED))
    entry.keep()
    entry.close()
    (folder / "out").symlink_to(home)
    result = imagecli("recover", "--json")
    assert (result.exit_code, result.json["errors"][0]["code"]) == (7, "outside")
    assert files(home) == {"notes.json": b"{}"}
    assert imagecli("recover", "-o", "rescued/").stdout == "rescued/cat.png\n"
    assert files(state) == {}


# --- recover --from --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [".", ".imagecli-spool"])
def test_from_saves_the_images_under_new_names_and_leaves_the_entries(
    imagecli: Run, folder: Path, spool: Path, home: Path, source: str
) -> None:
    forge(spool, folder=home)
    forge(spool, images_body(RED, BLUE), id="Run/../0001".replace("/", "_"), folder=home)
    (spool / "run-0000.json").write_text("damaged")
    (folder / "run-0000.png").write_bytes(b"another image")
    before = files(spool)
    result = imagecli("recover", "--from", source)
    assert (result.exit_code, result.stdout.split()) == (0, ["run-0001-1.png", "run-0001-2.png", "run-0000_2.png"])
    assert f"kept 2 responses in {spool}; --from deletes none" in result.stderr
    assert files(spool) == before
    assert files(home) == {"notes.json": b"{}"}
    assert (folder / "run-0000.png").read_bytes() == b"another image"
    assert [(folder / name).read_bytes() for name in result.stdout.split()] == [RED, BLUE, RED]


def test_from_saves_the_same_image_once(imagecli: Run, folder: Path, spool: Path) -> None:
    forge(spool)
    results = [imagecli("recover", "--from", ".", "--json") for _ in range(2)]
    assert [[image["path"] for image in one.json["images"]] for one in results] == [[str(folder / "run-0000.png")]] * 2
    assert sorted(path.name for path in folder.iterdir()) == [".imagecli-spool", "run-0000.png"]


def test_from_saves_into_the_chosen_folder(imagecli: Run, folder: Path, spool: Path) -> None:
    forge(spool)
    assert imagecli("recover", "--from", ".", "-o", "rescued/").stdout == "rescued/run-0000.png\n"


@pytest.mark.parametrize(
    ("body", "saved"),
    [
        (RED, [RED]),
        (gzip.compress(images_body(RED)), [RED]),
        (images_body(RED, BLUE)[:-20], [RED]),
        (
            b'data: {"type": "image_generation.completed", "b64_json": "%s"}\n\n' % base64.b64encode(RED),
            [RED],
        ),
        (b'{"data": [{"b64_json": "%s", "url": "http://127.0.0.1:1/a.png"}]}' % base64.b64encode(RED), [RED]),
    ],
)
def test_from_reads_every_form_of_response(
    imagecli: Run, folder: Path, spool: Path, body: bytes, saved: list[bytes]
) -> None:
    forge(spool, body)
    result = imagecli("recover", "--from", ".")
    assert [path.read_bytes() for path in sorted(folder.glob("*.png"))] == saved, result.stderr


def test_from_prints_a_url_and_does_not_download_it(imagecli: Run, folder: Path, spool: Path) -> None:
    with raw_server(http("200 OK", RED)) as server:
        url = f"{server.base_url}/a.png"
        forge(spool, json.dumps({"data": [{"url": url}]}).encode(), base_url=server.base_url)
        result = imagecli("recover", "--from", ".", "--json")
        assert server.requests == []
    (error,) = result.json["errors"]
    assert (result.exit_code, error["code"]) == (7, "not_fetched")
    assert url in error["message"]
    assert list(folder.glob("*.png")) == []


def test_from_reads_regular_files_only(imagecli: Run, folder: Path, spool: Path, home: Path) -> None:
    (home / "secret").write_bytes(images_body(RED))
    forge(spool)
    (spool / "run-0000.body").unlink()
    (spool / "run-0000.body").symlink_to(home / "secret")
    os.mkfifo(spool / "run-0001.body")
    result = imagecli("recover", "--from", ".")
    assert result.exit_code != 0
    assert list(folder.glob("*.png")) == []


@pytest.mark.parametrize("arguments", [["--list"], ["--delete", "run-0000"], ["-o", "cat.png"]])
def test_from_only_saves(imagecli: Run, folder: Path, spool: Path, arguments: list[str]) -> None:
    forge(spool)
    assert imagecli("recover", "--from", ".", *arguments).exit_code == 2


@pytest.mark.parametrize("source", ["nowhere", "file", "empty"])
def test_from_requires_a_folder_with_responses(imagecli: Run, folder: Path, source: str) -> None:
    (folder / "file").write_text("")
    (folder / "empty").mkdir()
    result = imagecli("recover", "--from", source)
    assert result.exit_code == 2
    assert "no responses in" in result.stderr or "can't read" in result.stderr


# --- a clone without forged entries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", ["runtime", "temporary", "nowhere"])
def test_a_kill_with_an_unwritable_state_folder_is_recovered(
    folder: Path, spool: Path, tmp_path: Path, children: Children, recorded: str
) -> None:
    (tmp_path / "state").write_text("not a folder")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "runtime").mkdir(mode=0o700)
    environ = {
        "PATH": os.defpath,
        "HOME": str(tmp_path / "home"),
        "IMAGECLI_STATE_DIR": str(tmp_path / "state"),
        "TMPDIR": "/dev/null" if recorded == "nowhere" else str(tmp_path / "tmp"),
        **({"XDG_RUNTIME_DIR": str(tmp_path / "runtime")} if recorded == "runtime" else {}),
    }
    body = images_body(RED)
    with raw_server(then(http("200 OK", body, length=len(body) + 1), silence(20))) as server:
        process = children.start([*COMMAND, "generate", "cat", "--base-url", server.base_url], cwd=folder, env=environ)
        wait_until(lambda: any(path.stat().st_size >= len(body) for path in spool.glob("*.body")), process)
        process.kill()
        process.wait(timeout=10)
    if recorded != "nowhere":
        record_folder = tmp_path / "runtime" / "imagecli" if recorded == "runtime" else tmp_path / "tmp"
        assert [path.suffix for path in record_folder.rglob("*") if path.is_file()] == [".json"]
    plain = run(["recover"], folder, environ)
    if recorded == "nowhere":
        assert (plain.returncode, plain.stdout) == (0, "")
        assert "imagecli recover --from . to save" in plain.stderr
        saved = run(["recover", "--from", "."], folder, environ)
        assert saved.returncode == 0, saved.stderr
        assert (folder / saved.stdout.strip()).read_bytes() == RED
        assert spool.is_dir()
        return
    assert (plain.returncode, plain.stdout) == (0, "cat.png\n"), plain.stderr
    assert files(folder) == {"cat.png": RED}
    assert [path for path in record_folder.rglob("*") if path.is_file()] == []


def run(arguments: list[str], folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_any_record_a_response_is_still_saved_and_kept(
    imagecli: Run, folder: Path, spool: Path, state: Path
) -> None:
    state.write_text("not a folder")
    with raw_server(http("200 OK", images_body(RED)), http("200 OK", b'{"data": [')) as server:
        saved = imagecli("generate", "a cat", "--base-url", server.base_url, env=NO_RECORDS)
        assert (saved.exit_code, files(folder)) == (0, {"a-cat.png": RED})
        unsaved = imagecli("generate", "a dog", "--base-url", server.base_url, env=NO_RECORDS)
    assert unsaved.exit_code == 7
    assert len(list(spool.glob("*.body"))) == 1


def test_an_entry_of_an_earlier_version_in_the_state_folder_is_recovered(
    imagecli: Run, folder: Path, state: Path
) -> None:
    spool = state / "spool"
    spool.mkdir(mode=0o700, parents=True)
    document = json.loads(prepared_to_json(prepared_for(folder, "run-0000")))
    (spool / "run-0000.json").write_text(json.dumps({key: document[key] for key in OLD_KEYS}))
    (spool / "run-0000.body").write_bytes(images_body(RED))
    assert imagecli("recover").stdout == "cat.png\n"
    assert files(state) == {}


OLD_KEYS = (
    *("id", "request", "command", "provider", "base_url", "model", "n", "names", "if_exists", "stdout", "prompt"),
    *("output_format", "size", "fit", "keep_partials", "transform", "files", "replaces", "part"),
)
"""Of a description at version 48b1051."""


def test_responses_removed_unsaved_are_reported(imagecli: Run, folder: Path, state: Path) -> None:
    for number in range(2):
        entry = opened(state / "spool", prepared_for(folder, f"run-000{number}"), b"", sent=False)
        entry.keep()
        entry.close()
    assert "removed 2 empty entries of earlier requests from the spool" in imagecli("recover").stderr
    assert files(state) == {}


def test_a_state_spool_that_others_can_access_is_reported(imagecli: Run, state: Path) -> None:
    (state / "spool").mkdir(parents=True)
    (state / "spool").chmod(0o777)
    assert f"ignored {state / 'spool'}: other users can access it (mode 0777)" in imagecli("recover").stderr
