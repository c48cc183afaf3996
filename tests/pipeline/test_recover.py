"""Paid responses that an ended command did not save are found, and saved as that command would have saved them."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from imagecli.client.spool import SpoolEntry, open_spool_entry
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.domain import OutputName
from imagecli.events import Event, NoteEvent, WarningEvent
from imagecli.pipeline.pipeline import discard_unanswered
from imagecli.prepared_call import ManifestRef, PreparedCall, prepared_to_json
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run
from tests.images.sample_images import chunk, large_png

NOWHERE = Path("/dev/null/spool")
"""No folder can be made there."""
RED, BLUE, JPEG = png(), png(color="blue"), png(format="JPEG")
Leave = Callable[..., str]


def prepared_for(folder: Path, id: str, n: int = 1, **more: Any) -> PreparedCall:
    stems = ["cat"] if n == 1 else [f"cat-{k + 1}" for k in range(n)]
    literal = more.pop("literal", None)
    plain: dict[str, Any] = {
        "id": id,
        "request": 0,
        "command": "generate",
        "provider": "openai",
        "base_url": "http://127.0.0.1:1/v1",
        "model": "gpt-image-2",
        "n": n,
        "names": tuple(OutputName(folder=folder, stem=stem, literal_format=literal, ending=literal) for stem in stems),
        "if_exists": None,
        "stdout": False,
        "prompt": "a white cat",
        "output_format": None,
        "size": None,
    }
    return PreparedCall(**plain | more)


def opened(
    spool: Path,
    prepared: PreparedCall,
    body: bytes,
    *,
    sent: bool = True,
    records: Path | None = None,
    peer: str | None = None,
) -> SpoolEntry:
    """An entry as a running command has it; with *records* one beside the output, recorded there."""
    folders = [spool] if records is None else [NOWHERE, spool]
    entry = open_spool_entry(
        prepared.id, prepared_to_json(prepared), folders, record_folders=[records] if records else []
    )
    if sent:
        entry.record_sent(peer)
    entry.write(body)
    return entry


@pytest.fixture
def leave(folder: Path, state: Path) -> Leave:
    """Leaves an entry as a killed process does, and returns its id."""

    def leave(
        body: bytes,
        *,
        id: str = "run-0000",
        sent: bool = True,
        spool: Path | None = None,
        into: Path = folder,
        peer: str | None = None,
        **more: Any,
    ) -> str:
        records = state / "spooled-elsewhere" if spool else None
        prepared = prepared_for(into, id, **more)
        entry = opened(spool or state / "spool", prepared, body, sent=sent, records=records, peer=peer)
        entry.keep()
        entry.close()
        return id

    return leave


def files(folder: Path) -> dict[str, bytes]:
    """The files in *folder* except the history, which stays when everything is saved."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("history.db")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("beside", "own", "key", "sent"),
    [
        (False, True, "sk-own", [False, True]),
        (False, True, "", [False]),
        (True, True, "sk-own", [False]),
        (False, False, "sk-own", [False]),
    ],
    ids=["recorded", "no key", "beside the output", "another origin"],
)
def test_result_urls_on_the_api_s_own_origin_are_downloaded_with_the_key_if_needed(
    imagecli: Run, leave: Leave, folder: Path, beside: bool, own: bool, key: str, sent: list[bool]
) -> None:
    """The key of the provider that the state folder's own record names, as for a command with its base URL."""
    with raw_server(http("401 No"), http("200 OK", RED)) as server:
        origin = f"http://127.0.0.1:{server.port}"
        base_url = f"{origin}/v1" if own else f"http://localhost:{server.port}/v1"
        body = json.dumps({"data": [{"url": f"{origin}/a.png"}]}).encode()
        leave(body, base_url=base_url, spool=folder / ".imagecli-spool" if beside else None)
        result = imagecli("recover", env={"OPENAI_API_KEY": key})
        assert [b"authorization: bearer sk-own" in request.lower() for request in server.requests] == sent
    assert result.exit_code == (0 if sent[-1] else 7)
    assert files(folder).get("cat.png") == (RED if sent[-1] else None)


@pytest.mark.parametrize(
    ("base_url", "peer", "beside", "allowed"),
    [
        ("http://box.example.com:{port}/v1", "127.0.0.1", False, True),
        ("http://127.0.0.1:{port}/v1", None, False, True),
        ("http://box.example.com:{port}/v1", None, False, False),
        ("http://box.example.com:{port}/v1", "192.168.1.5", False, False),
        ("http://box.example.com:{port}/v1", "no address", False, False),
        ("http://box.example.com:1/v1", "127.0.0.1", False, False),
        ("http://box.example.com:{port}/v1", "127.0.0.1", True, False),
    ],
)
def test_result_urls_may_lead_to_the_address_of_the_request(
    imagecli: Run, leave: Leave, folder: Path, base_url: str, peer: str | None, beside: bool, allowed: bool
) -> None:
    """According to the state folder's own record; an entry beside the output may be forged."""
    with raw_server(http("200 OK", RED)) as server:
        body = json.dumps({"data": [{"url": f"{server.base_url}/a.png"}]}).encode()
        spool = folder / ".imagecli-spool" if beside else None
        leave(body, base_url=base_url.format(port=server.port), peer=peer, spool=spool)
        result = imagecli("recover")
        assert len(server.requests) == allowed
    assert (result.exit_code, (folder / "cat.png").exists()) == ((0, True) if allowed else (7, False))


def test_a_complete_response_is_saved_under_its_planned_names_and_removed_from_the_spool(
    imagecli: Run, leave: Leave, folder: Path, state: Path
) -> None:
    leave(images_body(RED, BLUE), n=2)
    result = imagecli("recover")
    assert (result.exit_code, result.stdout) == (0, "cat-1.png\ncat-2.png\n")
    assert files(folder) == {"cat-1.png": RED, "cat-2.png": BLUE}
    assert files(state) == {}


LARGE = large_png(30_000, random.Random(12))
QUOTED = json.dumps({"error": {"message": f"can't read {images_body(LARGE).decode()}", "code": "500"}}).encode()
IN_AN_EVENT = b'event: result\ndata: {"type": "result", ' + images_body(RED)[1:] + b"\n\n"


@pytest.mark.parametrize(
    ("body", "image"),
    [
        (RED, RED),
        (base64.b64encode(RED), RED),
        (b'{"status": "working"}\n' + images_body(RED), RED),
        (IN_AN_EVENT, RED),
        (QUOTED, LARGE),
    ],
    ids=["image", "base64", "json-lines", "event", "quoted"],
)
def test_an_image_in_an_unusual_body_is_recovered(
    imagecli: Run, leave: Leave, folder: Path, state: Path, body: bytes, image: bytes
) -> None:
    leave(body)
    assert imagecli("recover", "--list", "--json").json["left"][0]["state"] in ("whole", "part")
    result = imagecli("recover")
    assert (result.exit_code, result.stdout, files(folder)) == (0, "cat.png\n", {"cat.png": image})
    assert files(state) == {}


def test_a_compressed_response_is_recovered_as_far_as_it_can_be_decompressed(
    imagecli: Run, leave: Leave, folder: Path, state: Path
) -> None:
    leave(gzip.compress(images_body(RED)), id="run-0000")
    leave(gzip.compress(images_body(BLUE, png(200, 200, "green")), 0)[:-300], id="run-0001", n=2)
    assert [one["state"] for one in imagecli("recover", "--list", "--json").json["left"]] == ["whole", "part"]
    result = imagecli("recover")
    assert (result.exit_code, result.stdout) == (9, "cat.png\ncat-1.png\n")
    assert files(folder) == {"cat.png": RED, "cat-1.png": BLUE}
    assert files(state) == {}


def test_nothing_to_recover_is_reported_and_not_a_failure(imagecli: Run) -> None:
    for arguments in (["recover"], ["recover", "--list"]):
        result = imagecli(*arguments)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "nothing to recover" in result.stderr


def test_images_saved_before_the_end_are_not_saved_twice_and_other_files_stay(
    imagecli: Run, leave: Leave, folder: Path
) -> None:
    leave(images_body(RED, BLUE), n=2, if_exists="overwrite")
    as_long = bytes(len(BLUE))
    (folder / "cat-1.png").write_bytes(RED)
    (folder / "cat-2.png").write_bytes(as_long)
    result = imagecli("recover")
    assert (result.exit_code, result.stdout) == (0, "cat-1.png\ncat-2_2.png\n")
    assert files(folder) == {"cat-1.png": RED, "cat-2.png": as_long, "cat-2_2.png": BLUE}


def test_a_literal_name_is_kept_by_converting_and_only_once(imagecli: Run, leave: Leave, folder: Path) -> None:
    leave(images_body(JPEG), literal="png")
    (folder / "cat.orig.jpg").write_bytes(JPEG)
    assert imagecli("recover").stdout == "cat.png\n"
    assert sorted(files(folder)) == ["cat.orig.jpg", "cat.png"]


def test_names_are_relative_to_the_folder_of_the_command(
    imagecli: Run, leave: Leave, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder)
    leave(images_body(RED))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert imagecli("recover").stdout == f"{folder / 'cat.png'}\n"


def test_relative_folders_are_recorded_as_absolute(folder: Path) -> None:
    assert json.loads(prepared_to_json(prepared_for(Path("out"), "a")))["names"][0]["folder"] == str(folder / "out")


def test_a_folder_can_be_chosen_and_a_removed_one_is_created_again(imagecli: Run, leave: Leave, folder: Path) -> None:
    leave(images_body(RED))
    assert imagecli("recover", "-o", "rescued/").paths == [Path("rescued/cat.png")]
    leave(images_body(RED), id="run-0001", into=folder / "gone")
    assert imagecli("recover").paths == [Path("gone/cat.png")]


@pytest.mark.parametrize("output", ["cat.png", "{slug}.png", "-"])
def test_one_name_for_many_images_is_refused(imagecli: Run, leave: Leave, state: Path, output: str) -> None:
    leave(images_body(RED))
    result = imagecli("recover", "-o", output)
    assert result.exit_code == 2
    assert f"-o {output} is not a folder" in result.stderr
    assert len(files(state)) == 3


def test_a_recorded_entry_beside_the_output_is_saved_from_any_folder(
    imagecli: Run, leave: Leave, folder: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(images_body(RED), spool=folder / ".imagecli-spool")
    monkeypatch.chdir(tmp_path)
    assert imagecli("recover").stdout == f"{Path('work') / 'cat.png'}\n"
    assert files(folder) == {"cat.png": RED}
    assert files(state) == {}


@pytest.mark.parametrize(
    ("body", "state_word"),
    [
        (images_body(RED)[:-30], "part"),
        (b"{", "part"),
        (b"\x00\xff\xfe", "part"),
        (b'{"data": []}', "no_pictures"),
        (b'data: {"type": "image_generation.partial_image", "b64_json": "QQ=="}\n\n', "part"),
    ],
)
def test_an_incomplete_response_stays_until_it_is_deleted(
    imagecli: Run, leave: Leave, state: Path, folder: Path, body: bytes, state_word: str
) -> None:
    run = leave(body)
    assert [row["state"] for row in imagecli("recover", "--list", "--json").json["left"]] == [state_word]
    result = imagecli("recover", "--json")
    (error,) = result.json["errors"]
    assert (result.exit_code, error["rescued_path"]) == (7, str(state / "spool" / f"{run}.body"))
    assert f"imagecli recover --delete {run}" in error["hint"]
    assert Path(error["rescued_path"]).read_bytes() == body
    assert imagecli("recover", "--delete", run).exit_code == 0
    assert files(state) == files(folder) == {}


@pytest.mark.parametrize("large", [0, 40_000])
def test_the_complete_images_of_a_truncated_response_are_saved(
    imagecli: Run, leave: Leave, folder: Path, state: Path, large: int
) -> None:
    red, blue = (data[:33] + chunk(b"tEXt", b"a\0" + b"x" * large) + data[33:] for data in (RED, BLUE))
    leave(images_body(red, blue, RED)[:-60], n=3)
    result = imagecli("recover", "--json")
    assert result.exit_code == 9
    assert [error["code"] for error in result.json["errors"]] == ["fewer_pictures"]
    assert files(folder) == {"cat-1.png": red, "cat-2.png": blue}
    assert files(state) == {}


def test_a_request_without_a_response_is_reported_once(imagecli: Run, leave: Leave, state: Path) -> None:
    leave(b"")
    result = imagecli("recover")
    assert result.exit_code == 0
    assert "got no response and may have been billed" in result.stderr
    assert "a white cat" in result.stderr
    assert files(state) == {}


def test_a_provider_that_bills_nothing_is_not_reported_as_billing(imagecli: Run, leave: Leave) -> None:
    leave(b"", free=True)
    leave(b'{"data": [', id="run-0001", free=True)
    listed = imagecli("recover", "--list").stdout
    assert "no response" in listed
    result = imagecli("recover")
    assert "got no response: " in result.stderr
    assert result.exit_code == 7
    assert not [word for word in ("billed", "usage page") if word in listed + result.stderr]


def test_the_next_command_reports_it_too(imagecli: Run, leave: Leave, state: Path) -> None:
    leave(b"")
    with raw_server(http("200 OK", images_body(RED))) as server:
        result = imagecli("generate", "a dog", "--json", "--base-url", server.base_url)
    assert "unanswered" in [warning["code"] for warning in result.json["warnings"]]
    assert (result.exit_code, files(state)) == (0, {})


def test_a_request_without_a_response_is_reported_only_by_related_commands(
    imagecli: Run, leave: Leave, folder: Path, state: Path
) -> None:
    """A row's lost response is said by the batch of its manifest, another command's by a command of its kind."""
    refs = [
        ManifestRef(manifest=str(folder / name), id="x.png", hash="0", planned=()) for name in ("m.txt", "other.txt")
    ]
    leave(b"", id="run-a")
    for ref, run in zip(refs, ("run-b", "run-c"), strict=True):
        leave(b"", id=run, part=ref)
    (folder / "m.txt").write_text("a dog\n")

    def warned(*argv: str) -> int:
        return imagecli(*argv).stderr.count("got no response")

    with raw_server(http("200 OK", images_body(RED))) as server:
        base_url = ("--base-url", server.base_url)
        assert warned("batch", "m.txt", *base_url) == 1
        assert sorted(path.name for path in state.rglob("*.body")) == ["run-a.body", "run-c.body"]
        assert warned("generate", "a dog", *base_url) == 1
        assert warned("generate", "a dog", *base_url) == 0
        assert [path.name for path in state.rglob("*.body")] == ["run-c.body"]
    assert (warned("recover"), warned("recover"), files(state)) == (1, 0, {})


def test_of_commands_that_start_together_one_reports_it(state: Path, leave: Leave) -> None:
    places, together = SpoolPlaces(own=state / "spool", records=()), Barrier(4)

    def discard(events: list[Event]) -> None:
        together.wait(timeout=5)
        discard_unanswered(places, events.append)

    for _ in range(20):
        leave(b"")
        events: list[Event] = []
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(discard, [events] * 4))
        discard_unanswered(places, events.append)  # all may have considered it in flight
        codes = [event.code for event in events if isinstance(event, (NoteEvent, WarningEvent))]
        assert sorted(codes) == ["removed", "unanswered"]


def test_a_request_that_was_never_sent_is_removed_silently(imagecli: Run, leave: Leave, state: Path) -> None:
    leave(b"", sent=False)
    result = imagecli("recover")
    assert result.exit_code == 0
    assert "billed" not in result.stderr
    assert files(state) == {}


def test_a_request_that_waits_for_its_response_is_not_touched(imagecli: Run, folder: Path, state: Path) -> None:
    with opened(state / "spool", prepared_for(folder, "live-0000"), b""):
        assert "billed" not in imagecli("recover").stderr
        with raw_server(http("200 OK", images_body(RED))) as server:
            assert imagecli("generate", "a dog", "--base-url", server.base_url).exit_code == 0
        assert len(files(state)) == 3


def test_a_request_in_flight_is_not_touched(imagecli: Run, leave: Leave, folder: Path, state: Path) -> None:
    leave(images_body(BLUE), id="dead-0000")
    with opened(state / "spool", prepared_for(folder, "live-0000"), images_body(RED)):
        listed = imagecli("recover", "--list", "--json").json["left"]
        result = imagecli("recover")
        assert imagecli("recover", "--delete", "live-0000").exit_code == 2
        assert [row["state"] for row in listed] == ["whole", "under_way"]
        assert (result.exit_code, files(folder)) == (0, {"cat.png": BLUE})
        assert "live-0000 is in use" in result.stderr
        assert len(files(state)) == 3


@pytest.mark.parametrize(
    ("response", "exit_code", "leftover_count"),
    [(http("200 OK", RED), 0, 0), (http("403 No", b"AuthenticationFailed"), 7, 3), (http("404 No"), 7, 3)],
)
def test_a_valid_url_is_downloaded_and_an_expired_one_reported(
    imagecli: Run, leave: Leave, folder: Path, state: Path, response: bytes, exit_code: int, leftover_count: int
) -> None:
    with raw_server(response) as server:
        body = json.dumps({"data": [{"url": f"{server.base_url}/a.png?sig=hush"}]}).encode()
        leave(body, base_url=server.base_url)
        result = imagecli("recover", env={"OPENAI_API_KEY": "sk-test-0123456789"})
        assert not any(b"sk-test" in request for request in server.requests)
    assert (result.exit_code, len(files(state))) == (exit_code, leftover_count)
    assert files(folder) == ({"cat.png": RED} if not exit_code else {})
    assert "hush" not in result.stderr
    assert ("expired" in result.stderr) is (b"Authentication" in response)


def test_damaged_images_get_rescue_names_and_the_response_is_removed(
    imagecli: Run, leave: Leave, folder: Path, state: Path
) -> None:
    leave(images_body(RED[:-9], BLUE), n=2)
    result = imagecli("recover", "--json")
    assert (result.exit_code, result.json["status"]) == (9, "partial")
    assert files(folder) == {"cat-1.damaged.png.bin": RED[:-9], "cat-2.png": BLUE}
    assert files(state) == {}


def test_staged_files_of_a_dead_process_are_removed(imagecli: Run, leave: Leave, folder: Path) -> None:
    leave(images_body(RED))
    (folder / ".imagecli-run-0000-0123.part").write_bytes(RED[:20])
    (folder / ".imagecli-other-0000-0123.part").write_bytes(b"a living one's")
    imagecli("recover")
    assert sorted(files(folder)) == [".imagecli-other-0000-0123.part", "cat.png"]


def test_several_responses_are_saved_in_the_order_of_their_requests(imagecli: Run, leave: Leave) -> None:
    leave(images_body(RED), id="b-0000")
    leave(b"{", id="c-0000")
    leave(images_body(BLUE), id="a-0000")
    result = imagecli("recover", "--json")
    assert result.exit_code == 9
    assert [Path(image["path"]).name for image in result.json["images"]] == ["cat.png", "cat_2.png"]
    assert [error["request"] for error in result.json["errors"]] == [1]


def test_list_prints_a_line_per_response_and_changes_nothing(imagecli: Run, leave: Leave, state: Path) -> None:
    leave(images_body(RED), prompt="a\x1b[31m\ncat " * 20)
    before = files(state)
    heading, line = imagecli("recover", "--list").stdout.splitlines()
    assert heading.split() == ["ID", "DATE", "COMMAND", "MODEL", "STATE", "PROMPT"]
    assert line.startswith("run-0000  ")
    assert "generate  gpt-image-2  complete response" in line
    assert "\x1b" not in line
    assert len(line) < 140
    assert files(state) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"names": 5}', "null", "\x00"])
def test_an_invalid_description_does_not_affect_the_others(
    imagecli: Run, leave: Leave, folder: Path, state: Path, text: str
) -> None:
    leave(images_body(BLUE), id="bad-0000")
    leave(images_body(RED), id="good-0000")
    (state / "spool" / "bad-0000.json").write_text(text)
    result = imagecli("recover", "--json")
    assert (result.exit_code, files(folder)) == (9, {"cat.png": RED})
    assert (state / "spool" / "bad-0000.body").read_bytes() == images_body(BLUE)
    assert "bug" not in result.stderr


def test_an_unknown_id_removes_nothing(imagecli: Run, leave: Leave, state: Path) -> None:
    leave(images_body(RED))
    result = imagecli("recover", "--delete", "run-0000", "--delete", "run-9999", "--json")
    assert (result.exit_code, result.json["exit_code"]) == (2, 2)
    assert len(files(state)) == 3


def test_a_response_for_stdout_becomes_a_file(imagecli: Run, leave: Leave) -> None:
    leave(images_body(RED), stdout=True)
    assert imagecli("recover").stdout == "cat.png\n"
