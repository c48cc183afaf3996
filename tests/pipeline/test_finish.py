"""After the response: everything received is kept, under its final name if it is complete and correct."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import resource
import socket
import subprocess
import sys
import textwrap
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from PIL import Image

from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.domain import OutputName, Size
from imagecli.errors import ImagecliError
from imagecli.events import Event, EventHandler, ImageSaved, NoteEvent, WarningEvent
from imagecli.images.integrity import inspect_image
from imagecli.pipeline.finish_call import open_response, save_images
from imagecli.pipeline.save import ImageSaver
from imagecli.prepared_call import OutputFile, PreparedCall, prepared_to_json
from imagecli.providers.response import parse_or_salvage
from imagecli.results import CallResult, CommandResult
from tests.client.raw import http, images_body, png, raw_server, then
from tests.images.sample_images import large_png, png_of, saved, scene

RED, BLUE, GREEN = png(), png(color="blue"), png(color="green")
JPEG, WEBP = png(format="JPEG"), png(format="WEBP")
AVIF, TIFF = saved(scene(), "AVIF"), saved(scene(), "TIFF")
HEIC = (Path(__file__).parents[1] / "data" / "pictures" / "turned.heic").read_bytes()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
CUT = RED[:-20]
HUGE = png_of((11_000, 11_000, 1, 0, 0, 0, 0), zlib.compress(bytes(1_376 * 11_000)))
"""Whole, and more pixels than are decoded."""


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedCall:
    return of(tmp_path, "cat")


def of(folder: Path, *stems: str, **more: Any) -> PreparedCall:
    literal = more.pop("literal", None)
    names = tuple(
        OutputName(folder=folder, stem=stem, literal_format=literal, ending={"jpeg": "jpg"}.get(literal, literal))
        for stem in stems
    )
    plain: dict[str, Any] = {
        "id": "run-0000",
        "request": 0,
        "command": "generate",
        "provider": "openai",
        "base_url": "http://127.0.0.1:1/v1",
        "model": "m",
        "n": len(stems),
        "names": names,
        "if_exists": None,
        "stdout": False,
        "prompt": "a cat",
        "output_format": None,
        "size": None,
    }
    return PreparedCall(**plain | more)


def finish_call(
    prepared: PreparedCall, body: IO[bytes], downloader: ResultDownloader, rescue_folder: Path, on_event: EventHandler
) -> CallResult:
    saver = ImageSaver(prepared=prepared, rescue_folder=rescue_folder, on_event=on_event)
    with open_response(body, saver) as condensed:
        parsed = parse_or_salvage(condensed.body, prepared.base_url)
        return save_images(parsed, condensed, saver, downloader)


def finished(prepared: PreparedCall, body: bytes) -> tuple[CallResult, list[Event]]:
    events: list[Event] = []
    results = ResultDownloader(timeouts=Timeouts(connect=1, silence=1, total=2), direct=True, max_wait=0.02)
    outcome = finish_call(prepared, io.BytesIO(body), results, prepared.names[0].folder / "rescued", events.append)
    return outcome, events


def code(outcome: CallResult) -> int:
    return CommandResult(command="generate", outcomes=(outcome,)).exit_code


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def codes(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, (NoteEvent, WarningEvent))]


def test_the_apis_bytes_are_on_disk(prepared: PreparedCall, tmp_path: Path) -> None:
    outcome, events = finished(prepared, images_body(RED, usage={"total_tokens": 9}))
    assert files(tmp_path) == {"cat.png": RED}
    assert (code(outcome), outcome.usage) == (0, {"total_tokens": 9})
    image = outcome.saved[0]
    assert (image.path, image.bytes, image.format, image.size) == (tmp_path / "cat.png", len(RED), "png", Size(8, 8))
    assert [event for event in events if isinstance(event, ImageSaved)] == [ImageSaved(image=image)]


@pytest.mark.parametrize(
    ("requested", "received", "left", "exit_code", "warnings"),
    [
        (("a", "b"), (RED, BLUE), {"a.png": RED, "b.png": BLUE}, 0, []),
        (("a", "b"), (RED, RED), {"a.png": RED, "b.png": RED}, 0, []),
        (("a", "b", "c"), (RED, BLUE), {"a.png": RED, "b.png": BLUE}, 9, []),
        (("a",), (RED, BLUE, GREEN), {"a.png": RED, "a_2.png": BLUE, "a_3.png": GREEN}, 0, ["more_pictures"]),
        (("a",), (JPEG,), {"a.jpg": JPEG}, 0, []),
        (("a", "b"), (WEBP, RED), {"a.webp": WEBP, "b.png": RED}, 0, []),
        (("a",), (CUT,), {"a.damaged.png.bin": CUT}, 7, []),
        (("a", "b", "c"), (RED, CUT, BLUE), {"a.png": RED, "b.damaged.png.bin": CUT, "c.png": BLUE}, 9, []),
        (("a",), (b"<html>no</html>",), {"a.damaged.png.bin": b"<html>no</html>"}, 7, []),
        (("a",), (SVG,), {"a.damaged.svg.bin": SVG}, 7, []),
        (("a",), (RED[:30] + b"\xff" + RED[31:],), {"a.damaged.png.bin": RED[:30] + b"\xff" + RED[31:]}, 7, []),
    ],
)
def test_received_bytes_are_saved_with_the_correct_extension(
    tmp_path: Path,
    requested: tuple[str, ...],
    received: tuple[bytes, ...],
    left: dict[str, bytes],
    exit_code: int,
    warnings: list[str],
) -> None:
    outcome, events = finished(of(tmp_path, *requested), images_body(*received))
    assert files(tmp_path) == left
    assert (code(outcome), codes(events)) == (exit_code, warnings)


@pytest.mark.parametrize("item", [None, {}, {"b64_json": None}, {"b64_json": "no base64!"}, {"url": "ftp://x/a"}, 5])
def test_one_bad_item_leaves_the_others(tmp_path: Path, item: Any) -> None:
    good = {"b64_json": base64.b64encode(RED).decode()}
    outcome, _ = finished(of(tmp_path, "a", "b"), json.dumps({"data": [item, good]}).encode())
    assert files(tmp_path) == {"b.png": RED}
    assert code(outcome) == 9
    alone, _ = finished(of(tmp_path, "c"), json.dumps({"data": [item]}).encode())
    assert (code(alone), len(alone.errors)) == (7, 1)


@pytest.mark.parametrize(
    ("requested", "more", "received", "warnings"),
    [
        ({"output_format": "webp"}, {}, RED, ["other_format"]),
        ({"output_format": "png"}, {}, RED, []),
        ({"size": Size(16, 16)}, {}, RED, ["other_size"]),
        ({"size": Size(8, 8)}, {}, RED, []),
    ],
)
def test_another_format_or_size_than_requested_is_a_warning(
    tmp_path: Path, requested: dict[str, Any], more: dict[str, Any], received: bytes, warnings: list[str]
) -> None:
    outcome, events = finished(of(tmp_path, "a", **requested), images_body(received))
    assert (code(outcome), codes(events)) == (0, warnings)


ACTIVE = b'<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'


@pytest.mark.parametrize(
    ("requested", "received", "warned"),
    [("svg", ACTIVE, ["active_svg"]), ("svg", SVG, []), ("png", HUGE, ["large_image"])],
)
def test_risky_images_are_saved_with_a_warning(
    tmp_path: Path, requested: str, received: bytes, warned: list[str]
) -> None:
    outcome, events = finished(of(tmp_path, "a", output_format=requested), images_body(received))
    assert (code(outcome), codes(events), files(tmp_path)) == (0, warned, {f"a.{requested}": received})


def test_as_many_urls_as_requested_and_four_more_are_downloaded(tmp_path: Path) -> None:
    with raw_server(http("200 OK", RED)) as server:
        data = [{"url": f"{server.base_url}/{number}.png"} for number in range(20)]
        where = of(tmp_path, "a", "b", base_url=server.base_url)
        outcome, events = finished(where, json.dumps({"data": data}).encode())
        requested = sorted(int(request.split(b"/v1/")[1].split(b".")[0]) for request in server.requests)
    assert requested == [0, 1, 2, 3, 4, 5]
    assert (code(outcome), outcome.unfetched, len(files(tmp_path))) == (0, 14, 6)
    assert codes(events) == ["more_pictures"]


def test_urls_beside_base64_leave_nothing_in_the_spool(tmp_path: Path) -> None:
    item = {"b64_json": base64.b64encode(RED).decode(), "url": "http://127.0.0.1:1/a.png"}
    outcome, _ = finished(of(tmp_path, "a"), json.dumps({"data": [item] * 9}).encode())
    assert (code(outcome), outcome.unfetched, len(files(tmp_path))) == (0, 0, 9)


def test_a_literal_extension_is_kept_by_converting_and_the_original_stays(tmp_path: Path) -> None:
    outcome, events = finished(of(tmp_path, "cat", literal="png", output_format="png"), images_body(JPEG))
    left = files(tmp_path)
    assert left["cat.orig.jpg"] == JPEG
    assert left["cat.png"].startswith(b"\x89PNG")
    assert sorted(left) == ["cat.orig.jpg", "cat.png"]
    assert (outcome.saved[0].format, outcome.saved[0].bytes) == ("png", len(left["cat.png"]))
    assert codes(events) == ["converted"]


def test_a_failed_conversion_keeps_the_original_and_its_cost(tmp_path: Path) -> None:
    outcome, _ = finished(of(tmp_path, "cat", literal="jpeg"), images_body(HUGE))
    (error,) = outcome.errors
    assert (code(outcome), error.code) == (7, "not_converted")
    assert error.rescued_path == str(tmp_path / "cat.orig.png")
    assert files(tmp_path) == {"cat.orig.png": HUGE}


LARGE = png(64, 34)


def test_fit_keeps_the_original_beside_the_resized_image(tmp_path: Path) -> None:
    outcome, events = finished(of(tmp_path, "cat", fit=Size(32, 16), size=Size(64, 34)), images_body(LARGE))
    left = files(tmp_path)
    assert left["cat.orig.png"] == LARGE
    assert sorted(left) == ["cat.orig.png", "cat.png"]
    image = outcome.saved[0]
    assert (image.path, image.size, image.bytes) == (tmp_path / "cat.png", Size(32, 16), len(left["cat.png"]))
    assert image.sha256 == hashlib.sha256(left["cat.png"]).hexdigest()
    assert [event.message for event in events if isinstance(event, NoteEvent)] == [
        f"{tmp_path / 'cat.png'} was cropped and resized from 64x34 to 32x16, Content Credentials (C2PA) removed; "
        f"the original is {tmp_path / 'cat.orig.png'}"
    ]


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (Size(64, 32), "cropped from 64x34 to 64x32"),
        (Size(32, 17), "resized from 64x34 to 32x17"),
        (Size(128, 68), "resized from 64x34 to 128x68"),
        (Size(64, 70), "cropped and resized from 64x34 to 64x70"),
    ],
)
def test_fit_notes_its_changes(tmp_path: Path, fit: Size, words: str) -> None:
    _, events = finished(of(tmp_path, "cat", fit=fit), images_body(LARGE))
    (note,) = [event for event in events if isinstance(event, NoteEvent)]
    assert (note.code, f"was {words}, Content" in note.message) == ("fitted", True)


def test_an_image_of_the_right_size_is_unchanged(tmp_path: Path) -> None:
    _, events = finished(of(tmp_path, "cat", fit=Size(64, 34)), images_body(LARGE))
    assert (files(tmp_path), codes(events)) == ({"cat.png": LARGE}, [])


def test_fit_and_a_literal_extension_are_one_conversion(tmp_path: Path) -> None:
    outcome, events = finished(of(tmp_path, "cat", literal="jpeg", fit=Size(32, 17)), images_body(LARGE))
    assert sorted(files(tmp_path)) == ["cat.jpg", "cat.orig.png"]
    assert (outcome.saved[0].format, outcome.saved[0].size) == ("jpeg", Size(32, 17))
    (note,) = [event for event in events if isinstance(event, NoteEvent)]
    assert "converted from png, resized from 64x34 to 32x17" in note.message


def test_an_svg_is_kept_unchanged_with_a_note(tmp_path: Path) -> None:
    _, events = finished(of(tmp_path, "cat", output_format="svg", fit=Size(4, 4)), images_body(SVG))
    assert (files(tmp_path), codes(events)) == ({"cat.svg": SVG}, ["not_fitted"])


def test_an_image_that_can_t_be_fitted_is_kept_unchanged(tmp_path: Path) -> None:
    outcome, _ = finished(of(tmp_path, "cat", fit=Size(4, 4)), images_body(HUGE))
    (error,) = outcome.errors
    assert (code(outcome), error.code) == (7, "not_fitted")
    assert error.rescued_path == str(tmp_path / "cat.orig.png")
    assert files(tmp_path) == {"cat.orig.png": HUGE}


def test_fit_applies_to_stdout_too(prepared: PreparedCall, tmp_path: Path) -> None:
    outcome, events = finished(prepared._replace(stdout=True, fit=Size(32, 17)), images_body(LARGE))
    assert outcome.stdout_image
    assert inspect_image(outcome.stdout_image.path.read_bytes()).size == Size(32, 17)
    assert codes(events) == ["fitted"]
    outcome.stdout_image.close()
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "b64_json", ["no base64!", base64.b64encode(CUT).decode(), base64.b64encode(b"<html>").decode(), "A" * 99_997]
)
def test_a_url_beside_invalid_base64_is_downloaded(tmp_path: Path, b64_json: str) -> None:
    with raw_server(http("200 OK", RED)) as server:
        item = {"b64_json": b64_json, "url": f"{server.base_url}/a.png"}
        where = of(tmp_path, "cat", base_url=server.base_url)
        outcome, _ = finished(where, json.dumps({"data": [item]}).encode())
    assert (code(outcome), files(tmp_path)) == (0, {"cat.png": RED})


def test_damaged_base64_is_rescued_if_its_url_fails(tmp_path: Path) -> None:
    item = {"b64_json": base64.b64encode(CUT).decode(), "url": "http://127.0.0.1:1/a.png"}
    outcome, _ = finished(of(tmp_path, "cat"), json.dumps({"data": [item]}).encode())
    assert (code(outcome), files(tmp_path)) == (7, {"cat.damaged.png.bin": CUT})


def test_large_images_in_escaped_json_are_complete(tmp_path: Path) -> None:
    large = large_png(900_000, random.Random(7))
    plain = base64.b64encode(large).decode()
    text = plain.replace("/", "\\/").replace("+", "\\u002b")
    lines = "\\r\\n".join(plain[at : at + 76] for at in range(0, len(plain), 76)).replace("+", "\\u002B")
    prompt = "a long prompt " * 4000
    body = '{"data": [{"revised_prompt": "%s", "b64_json": "data:image/png;base64,%s"}, {"b64_json": "%s"}]}'
    outcome, _ = finished(of(tmp_path, "a", "b"), (body % (prompt, lines, text)).encode())
    assert files(tmp_path) == {"a.png": large, "b.png": large}
    assert outcome.saved[0].revised_prompt == prompt


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    large = large_png(12_000_000)
    path = tmp_path / "body"
    path.write_bytes(images_body(large, large, large))
    results = ResultDownloader(timeouts=Timeouts(), direct=True)
    with path.open("rb") as body:
        tracemalloc.start()
        outcome = finish_call(of(tmp_path, "a", "b", "c"), body, results, tmp_path / "rescued", lambda event: None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert code(outcome) == 0
    assert peak < 12_000_000


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count what a process reads")
def test_an_image_that_is_a_png_is_not_read_back(tmp_path: Path) -> None:
    large = large_png(3_000_000)
    body = io.BytesIO(images_body(large))
    results = ResultDownloader(timeouts=Timeouts(), direct=True)
    before = bytes_read()
    outcome = finish_call(of(tmp_path, "a"), body, results, tmp_path / "rescued", lambda event: None)
    assert code(outcome) == 0
    assert bytes_read() - before < len(large) / 10
    assert outcome.saved[0].sha256 == hashlib.sha256(large).hexdigest()


def bytes_read() -> int:
    """The bytes that this process has read from files."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    finished(of(tmp_path, "a", "b", "c", fit=Size(4, 4), literal="jpeg"), images_body(RED, CUT, b"<html>"))
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


def test_a_name_that_was_created_meanwhile_is_numbered(prepared: PreparedCall, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"old")
    finished(prepared, images_body(RED))
    assert files(tmp_path) == {"cat.png": b"old", "cat_2.png": RED}


def test_overwrite_replaces_its_own_name_and_no_more(prepared: PreparedCall, tmp_path: Path) -> None:
    for name in ("cat.png", "cat_2.png"):
        (tmp_path / name).write_bytes(b"old")
    finished(prepared._replace(if_exists="overwrite"), images_body(RED, BLUE))
    assert files(tmp_path) == {"cat.png": RED, "cat_2.png": b"old", "cat_3.png": BLUE}


@pytest.mark.parametrize(
    ("known", "left"), [(b"old", {"cat.png": RED}), (b"other", {"cat.png": b"old", "cat_2.png": RED})]
)
def test_a_file_is_replaced_only_if_unchanged(tmp_path: Path, known: bytes, left: dict[str, bytes]) -> None:
    (tmp_path / "cat.png").write_bytes(b"old")
    replaces = ((tmp_path / "cat.png", hashlib.sha256(known).hexdigest()),)
    finished(of(tmp_path, "cat", replaces=replaces), images_body(RED))
    assert files(tmp_path) == left


def call_for_two_files(folder: Path, *, literal: str | None = None) -> PreparedCall:
    """One image from which two files are created: `cat`, and `cat-64.png`."""
    first = of(folder, "cat", literal=literal)
    further = of(folder, "cat-64", literal="png")
    return first._replace(files=((OutputFile(name=first.name(0)), OutputFile(name=further.name(0))),))


def test_a_further_file_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "cat-64.png").write_bytes(b"old")
    outcome, _ = finished(call_for_two_files(tmp_path), images_body(RED))
    assert files(tmp_path) == {"cat.png": RED, "cat-64.png": b"old", "cat-64_2.png": RED}
    assert [image.copy for image in outcome.saved] == [0, 1]


def test_conversions_for_a_further_file_are_noted(tmp_path: Path) -> None:
    outcome, events = finished(call_for_two_files(tmp_path), images_body(JPEG))
    assert (codes(events), [image.path for image in outcome.saved]) == (
        ["converted"],
        [tmp_path / "cat.jpg", tmp_path / "cat-64.png"],
    )


def test_an_unreadable_prompt_costs_no_image(tmp_path: Path) -> None:
    broken = b"x" * 20_000 + b"\\uZZZZ"
    body = images_body(RED).replace(b'"b64_json"', b'"revised_prompt": "' + broken + b'", "b64_json"')
    outcome, _ = finished(of(tmp_path, "cat"), body)
    assert [(image.path, image.revised_prompt) for image in outcome.saved] == [(tmp_path / "cat.png", None)]


REFUSED = b'event: error\ndata: {"type": "error", "error": {"message": "no", "code": "moderation_blocked"}}\n\n'


@pytest.mark.parametrize(
    ("requested", "warned", "failed"), [(1, ["moderation_blocked"], []), (2, [], ["moderation_blocked"])]
)
def test_an_error_of_a_stream_counts_if_an_image_is_missing(
    tmp_path: Path, requested: int, warned: list[str], failed: list[str]
) -> None:
    done = json.dumps({"type": "image_generation.completed", "b64_json": base64.b64encode(RED).decode()}).encode()
    body = REFUSED + b"event: image_generation.completed\ndata: " + done + b"\n\n"
    outcome, events = finished(of(tmp_path, *"ab"[:requested]), body)
    assert len(outcome.saved) == 1
    assert (codes(events), [error.code for error in outcome.errors]) == (warned, failed)


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file grows beyond *limit* bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


NOISE = saved(Image.effect_noise((128, 128), 90).convert("RGB"), "JPEG", quality=5)
"""Several times as large when it is a PNG."""


def test_a_conversion_on_a_full_disk_is_a_disk_error_and_the_image_stays(tmp_path: Path) -> None:
    with small_files(3 * len(NOISE)):
        outcome, _ = finished(of(tmp_path, "cat", literal="png"), images_body(NOISE))
    (error,) = outcome.errors
    assert error.exit_code == 8
    assert str(tmp_path / "cat.png") in error.message
    assert files(tmp_path) == {"cat.orig.jpg": NOISE}


def test_a_further_file_on_a_full_disk_is_an_error_that_names_the_image(tmp_path: Path) -> None:
    with small_files(3 * len(NOISE)):
        outcome, _ = finished(call_for_two_files(tmp_path), images_body(NOISE))
    (error,) = outcome.errors
    assert (error.exit_code, error.rescued_path) == (8, str(tmp_path / "cat.jpg"))
    assert files(tmp_path) == {"cat.jpg": NOISE}


def test_stdout_gets_the_first_image_and_files_the_others(prepared: PreparedCall, tmp_path: Path) -> None:
    outcome, _ = finished(prepared._replace(stdout=True), images_body(RED, BLUE))
    assert [image.path for image in outcome.saved] == [None, tmp_path / "cat_2.png"]
    assert outcome.stdout_image
    assert outcome.stdout_image.path.read_bytes() == RED
    outcome.stdout_image.close()
    assert files(tmp_path) == {"cat_2.png": BLUE}


def test_stdout_gets_the_first_image_even_if_the_second_arrives_earlier(prepared: PreparedCall, tmp_path: Path) -> None:
    def rest(connection: socket.socket) -> None:
        time.sleep(0.5)
        connection.sendall(RED[-9:])

    with raw_server(then(http("200 OK", RED)[:-9], rest)) as slow, raw_server(http("200 OK", BLUE)) as quick:
        items = [{"url": f"{server.base_url}/a.png"} for server in (slow, quick)]
        where = prepared._replace(stdout=True, base_url=slow.base_url)
        outcome, _ = finished(where, json.dumps({"data": items}).encode())
    assert outcome.stdout_image
    assert outcome.stdout_image.path.read_bytes() == RED


def test_an_image_that_stdout_refuses_is_saved_as_a_file(prepared: PreparedCall, tmp_path: Path) -> None:
    outcome, _ = finished(prepared._replace(stdout=True), images_body(RED))
    assert outcome.stdout_image
    assert outcome.stdout_image.save() == tmp_path / "cat.png"
    assert files(tmp_path) == {"cat.png": RED}


def test_a_requested_svg_is_saved(tmp_path: Path) -> None:
    finished(of(tmp_path, "cat", output_format="svg"), images_body(SVG))
    assert files(tmp_path) == {"cat.svg": SVG}


def test_a_removed_folder_loses_no_image(tmp_path: Path) -> None:
    missing = of(tmp_path / "gone", "cat")
    events: list[Event] = []
    results = ResultDownloader(timeouts=Timeouts(), direct=True)
    outcome = finish_call(missing, io.BytesIO(images_body(RED)), results, tmp_path / "rescued", events.append)
    assert code(outcome) == 8
    assert outcome.errors[0].rescued_path == str(tmp_path / "rescued" / "cat.run-0000-0.png")
    assert files(tmp_path) == {"rescued/cat.run-0000-0.png": RED}


B64 = base64.b64encode(RED)


@pytest.mark.parametrize(
    ("body", "saved"),
    [
        (RED, "cat.png"),
        (JPEG, "cat.jpg"),
        (WEBP, "cat.webp"),
        (AVIF, "cat.avif"),
        (base64.b64encode(AVIF), "cat.avif"),
        (images_body(HEIC), "cat.heic"),
        (HEIC, "cat.heic"),
        (json.dumps({"output": [base64.b64encode(HEIC).decode()]}).encode(), "cat.heic"),
        (TIFF, "cat.tiff"),
        (json.dumps({"output": [base64.b64encode(TIFF).decode()]}).encode(), "cat.tiff"),
        (B64, "cat.png"),
        (b"\n" + base64.encodebytes(RED), "cat.png"),
        (b"data:image/png;base64," + B64, "cat.png"),
        (b'"' + B64 + b'"', "cat.png"),
        (json.dumps([{"b64_json": B64.decode()}]).encode(), "cat.png"),
        (b'{"status": "working"}\n' + images_body(RED), "cat.png"),
        (images_body(RED) + b"\n<!-- added by a proxy -->", "cat.png"),
        (gzip.compress(RED), "cat.png"),
    ],
    ids=[
        "png",
        "jpeg",
        "webp",
        "avif",
        "avif-base64",
        "heic-usual",
        "heic",
        "heic-hidden",
        "tiff",
        "tiff-hidden",
        "base64",
        "base64-lines",
        "data-url",
        "string",
        "list",
        "json-lines",
        "trailer",
        "gzip",
    ],
)
def test_an_image_in_an_unusual_body_is_saved(prepared: PreparedCall, tmp_path: Path, body: bytes, saved: str) -> None:
    outcome, _ = finished(prepared, body)
    assert (code(outcome), list(files(tmp_path))) == (0, [saved])
    assert inspect_image(files(tmp_path)[saved]).is_complete


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (RED, "cat.damaged.png.bin"),
        (AVIF, "cat.damaged.avif.bin"),
        (HEIC, "cat.damaged.heic.bin"),
        (TIFF, "cat.damaged.tiff.bin"),
    ],
    ids=["png", "avif", "heic", "tiff"],
)
def test_a_body_that_is_a_truncated_image_is_kept_as_damaged(
    prepared: PreparedCall, tmp_path: Path, image: bytes, name: str
) -> None:
    outcome, _ = finished(prepared, image[:-20])
    assert (code(outcome), files(tmp_path)) == (7, {name: image[:-20]})


@pytest.mark.parametrize(("image", "format"), [(AVIF, "avif"), (HEIC, "heic"), (TIFF, "tiff")])
def test_an_image_that_can_only_be_received_is_converted_to_the_typed_extension(
    tmp_path: Path, image: bytes, format: str
) -> None:
    outcome, events = finished(of(tmp_path, "cat", literal="png"), image)
    left = files(tmp_path)
    assert sorted(left) == [f"cat.orig.{format}", "cat.png"]
    assert left[f"cat.orig.{format}"] == image
    assert inspect_image(left["cat.png"]).size == outcome.saved[0].size
    assert codes(events) == ["converted"]


def test_large_bodies_that_are_images_are_saved(prepared: PreparedCall, tmp_path: Path) -> None:
    large = large_png(5_000_000, random.Random(1))
    for number, body in enumerate((large, base64.b64encode(large))):
        outcome, _ = finished(of(tmp_path, str(number)), body)
        assert (code(outcome), (tmp_path / f"{number}.png").read_bytes() == large) == (0, True)


def test_images_are_counted_and_not_list_items(tmp_path: Path) -> None:
    items = [{"b64_json": B64.decode()}, {}]
    outcome, _ = finished(of(tmp_path, "a", "b", "c"), json.dumps({"data": items}).encode())
    assert "1 of 3" in outcome.errors[-1].message
    outcome, events = finished(of(tmp_path, "d"), json.dumps({"data": [*items, {}]}).encode())
    assert "more_pictures" not in codes(events)


@pytest.mark.parametrize(
    ("body", "exit_code"), [(b"", 7), (b"<html>", 6), (b'{"error": "no"}', 4), (b'{"data": []}', 7)]
)
def test_a_response_without_images_is_an_error(prepared: PreparedCall, body: bytes, exit_code: int) -> None:
    with pytest.raises(ImagecliError) as caught:
        finished(prepared, body)
    assert caught.value.exit_code == exit_code


def test_another_process_finishes_from_the_description_and_the_body_alone(
    prepared: PreparedCall, tmp_path: Path, python: Callable[[str], str]
) -> None:
    (tmp_path / "a.json").write_text(prepared_to_json(prepared))
    (tmp_path / "a.body").write_bytes(images_body(RED))
    warnings = python(
        f"""
        from pathlib import Path
        from imagecli.client.download import ResultDownloader
        from imagecli.client.exchange import Timeouts
        from imagecli.pipeline.finish_call import open_response, save_images
        from imagecli.prepared_call import prepared_from_json
        from imagecli.pipeline.save import ImageSaver
        from imagecli.providers.response import parse_response
        folder = Path({str(tmp_path)!r})
        prepared = prepared_from_json((folder / "a.json").read_text())
        results = ResultDownloader(timeouts=Timeouts(), direct=False)
        saver = ImageSaver(prepared=prepared, rescue_folder=folder / "rescued", on_event=lambda event: None)
        with open(folder / "a.body", "rb") as body, open_response(body, saver) as condensed:
            parsed = parse_response(condensed.body, prepared.base_url)
            outcome = save_images(parsed, condensed, saver, results)
        print(outcome.saved[0].path, outcome.saved[0].sha256)
        """
    )
    assert warnings.split()[0] == str(tmp_path / "cat.png")
    assert (tmp_path / "cat.png").read_bytes() == RED


@pytest.fixture
def python(tmp_path: Path) -> Callable[[str], str]:
    """Runs code in a separate process."""

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    return run
