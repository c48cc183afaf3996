"""An image that is streamed: partial images are shown and saved as they arrive, and stdout is the same as without."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imagecli.env import Env
from imagecli.events import DownloadProgress, RunStarted, UploadProgress
from imagecli.output.live_progress import LiveProgress
from imagecli.output.terminal import DisplayOptions
from tests.client.raw import raw_server
from tests.conftest import NOW, Run, Stream, read_image
from tests.pipeline.test_streams import BLUE, DONE, GREEN, JPEG, RED, completed, files, partial, stream


def slowly(*events: bytes, until: Callable[[int], bool]) -> Callable[[socket.socket], None]:
    """Sends each event, and the next one when *until* is true for its number; otherwise disconnects."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(stream())
        for number, event in enumerate(events):
            connection.sendall(event)
            end = time.monotonic() + 5
            while not until(number):
                if time.monotonic() > end:
                    return
                time.sleep(0.02)

    return respond


def test_a_partial_image_is_on_disk_while_the_image_is_generated(imagecli: Run, folder: Path) -> None:
    def is_saved(number: int) -> bool:
        return number == 2 or (folder / f"cat.partial-{number}.png").exists()

    with raw_server(slowly(partial(0, BLUE), partial(1, GREEN), completed(), until=is_saved)) as server:
        result = imagecli("generate", "cat", "--partial-images", 2, "--keep-partials", "--base-url", server.base_url)
    assert (result.exit_code, result.stdout) == (0, "cat.png\n")
    assert [line for line in result.stderr.splitlines() if "cost" not in line] == [
        "imagecli: note: partial image 0 is saved as cat.partial-0.png",
        "imagecli: note: partial image 1 is saved as cat.partial-1.png",
    ]
    assert files(folder) == {"cat.png": RED, "cat.partial-0.png": BLUE, "cat.partial-1.png": GREEN}


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        (["--stream"], []),
        (["--partial-images", 2], []),
        (["--partial-images", 2, "--quiet"], []),
        (["--keep-partials", "--quiet"], []),
        (["--partial-images", 2, "-v"], ["received partial 1/2 of request 1", "received partial 2/2 of request 1"]),
    ],
)
def test_in_a_pipe_only_the_path_is_printed(imagecli: Run, flags: list[object], lines: list[str]) -> None:
    with raw_server(stream(partial(), partial(1), completed(), DONE)) as server:
        result = imagecli("generate", "cat", *flags, "--base-url", server.base_url)
    assert (result.exit_code, result.stdout) == (0, "cat.png\n")
    messages = [line for line in result.stderr.splitlines() if "partial" in line]
    assert [line.startswith(f"imagecli: {words}") for line, words in zip(messages, lines, strict=True)] == [True] * len(
        messages
    )


def test_on_a_terminal_the_live_line_counts_partial_images(imagecli: Run) -> None:
    def a_while(number: int) -> bool:
        time.sleep(0.3)  # the line is drawn ten times a second
        return True

    with raw_server(slowly(partial(), partial(1), completed(), until=a_while)) as server:
        result = imagecli("generate", "cat", "--partial-images", 3, "--base-url", server.base_url, tty=("stderr",))
    assert (result.exit_code, result.stdout) == (0, "cat.png\n")
    assert "partial 1/3" in result.stderr
    assert "partial 2/3" in result.stderr
    assert "kept" not in result.stderr


def test_the_live_line_has_the_time_the_step_and_the_traffic_and_fits_its_terminal() -> None:
    env = Env(stdin=Stream(), stdout=Stream(), stderr=Stream(), environ={}, now=lambda: NOW)
    progress = LiveProgress(env, DisplayOptions(live=True))
    assert progress.__rich__().plain[1:] == " 0:00:00 preparing"
    for event in (
        RunStarted(requests=2, images=2),
        UploadProgress(request=0, sent=2_000, total=2_000),
        DownloadProgress(request=0, received=3_000_000, total=None),
    ):
        progress(event)
    assert progress.__rich__().plain[1:] == " 0:00:00 receiving 0/2 ↑2.0 kB ↓3.0 MB"
    progress._console.width = 20
    assert progress.__rich__().plain[1:] == " 0:00:00 receiv"


def test_json_lists_partial_images_separately(imagecli: Run, folder: Path) -> None:
    with raw_server(stream(partial(), completed())) as server:
        result = imagecli("generate", "cat", "--keep-partials", "--json", "--base-url", server.base_url)
    assert [image["path"] for image in result.json["images"]] == [str(folder / "cat.png")]
    path = str(folder / "cat.partial-0.png")
    assert result.json["partials"] == [{"path": path, "request": 0, "partial_image_index": 0}]
    (messages,) = [warning for warning in result.json["warnings"] if warning["code"] == "partial"]
    assert messages["message"].endswith("cat.partial-0.png")


def test_stdout_gets_the_image_alone(imagecli: Run, folder: Path) -> None:
    with raw_server(stream(partial(), completed())) as server:
        result = imagecli("generate", "cat", "--keep-partials", "-o", "-", "--base-url", server.base_url)
    assert (result.exit_code, result.raw_stdout) == (0, RED)
    assert files(folder) == {"cat.partial-0.png": BLUE}


@pytest.mark.parametrize(
    ("argv", "events", "there", "left"),
    [
        pytest.param(
            ["-o", "x.png"], [partial(0, JPEG)], {}, {"x.png": RED, "x.partial-0.jpg": JPEG}, id="its true ending"
        ),
        pytest.param(
            ["-o", "new/x.png"], [partial()], {}, {"new/x.png": RED, "new/x.partial-0.png": BLUE}, id="beside it"
        ),
        pytest.param(
            [],
            [partial()],
            {"cat.partial-0.png": b"mine"},
            {"cat.png": RED, "cat.partial-0.png": b"mine", "cat.partial-0_2.png": BLUE},
            id="never over another file",
        ),
        pytest.param(
            ["-o", "x.png", "--if-exists", "overwrite"],
            [partial()],
            {"x.png": b"old", "x.partial-0.png": b"mine"},
            {"x.png": RED, "x.partial-0.png": b"mine", "x.partial-0_2.png": BLUE},
            id="nor where the picture may",
        ),
        pytest.param(
            ["-n", 2],
            [partial(0, BLUE), completed(RED), partial(0, GREEN)],
            {},
            {"cat-1.png": RED, "cat-1.partial-0.png": BLUE, "cat-2.partial-0.png": GREEN, "cat-2.png": RED},
            id="by the picture that comes next",
        ),
        pytest.param(
            [],
            [partial(index) for index in (-1, 10**30, True, "../x", None)],  # type: ignore[arg-type]
            {},
            {"cat.png": RED, **{f"cat.partial-{k}.png": BLUE for k in range(5)}},
            id="counted where the number is none",
        ),
        pytest.param(
            [], [partial(0, RED[:-9]), partial(1, b"<svg/>"), partial(2, b"")], {}, {"cat.png": RED}, id="bad"
        ),
    ],
)
def test_partial_images_are_saved_under_separate_names(
    imagecli: Run,
    folder: Path,
    argv: list[object],
    events: list[bytes],
    there: dict[str, bytes],
    left: dict[str, bytes],
) -> None:
    for name, data in there.items():
        (folder / name).write_bytes(data)
    with raw_server(stream(*events, completed())) as server:
        result = imagecli("generate", "cat", "--keep-partials", *argv, "--base-url", server.base_url)
    assert (result.exit_code, files(folder)) == (0, left)
    assert result.stderr.count("is incomplete") == (3 if left == {"cat.png": RED} else 0)


def test_a_partial_image_that_can_not_be_saved_costs_no_image(imagecli: Run, folder: Path) -> None:
    def is_moved(number: int) -> bool:
        if number == 0:
            (folder / "in").rename(folder / "away")
        if number == 1:
            time.sleep(0.5)
            (folder / "away").rename(folder / "in")
        return True

    events = (b": ready\n\n", partial(), completed())
    with raw_server(slowly(*events, until=is_moved)) as server:
        result = imagecli("generate", "cat", "--keep-partials", "-o", "in/cat.png", "--base-url", server.base_url)
    assert (result.exit_code, files(folder)) == (0, {"in/cat.png": RED})
    assert "warning: a partial image was not saved: can't write in/cat.partial-0.png" in result.stderr


def test_the_sandbox_streams_partial_images_that_are_saved(imagecli: Run, folder: Path, sandbox: str) -> None:
    result = imagecli(
        *("generate", "a white siamese cat", "--partial-images", 2, "--keep-partials", "-s", "1024x1024"),
        *("-o", "cat.png", "--base-url", sandbox, "--json"),
    )
    assert (result.exit_code, [Path(image["path"]).name for image in result.json["images"]]) == (0, ["cat.png"])
    assert sorted(files(folder)) == ["cat.partial-0.png", "cat.partial-1.png", "cat.png"]
    assert {read_image(folder / name).size for name in files(folder)} == {(1024, 1024)}
    assert result.json["requests"][0]["usage"]["output_tokens"] > 200


def test_partial_images_that_are_not_requested_can_not_be_saved(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--stream", "--partial-images", "0", "--keep-partials", "--dry-run")
    assert result.exit_code == 2
    assert "--keep-partials can't be combined with --partial-images 0" in result.stderr
