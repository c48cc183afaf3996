"""The state after a command is ended by a signal, a kill or a full disk: reported correctly, and recoverable."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.children import Children, wait_until
from tests.client.raw import http, images_body, linking, png, raw_server, silence, then
from tests.client.test_spool import MOUNT, can_mount
from tests.images.sample_images import large_png, saved, scene

COMMAND = [sys.executable, "-m", "imagecli"]
RED = png()
LARGE = saved(scene(600, 400), compress_level=0)
"""Some 700 kB: more than any pipe takes."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    return {
        "PATH": os.defpath,
        "HOME": str(tmp_path / "home"),
        "IMAGECLI_STATE_DIR": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "tmp"),
    }


def files(folder: Path) -> dict[str, bytes]:
    """The files in *folder* except the history, which stays when everything is saved."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("history.db")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def recovered(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "recover"], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_kill_while_stdout_is_not_read_loses_nothing(
    folder: Path, tmp_path: Path, environ: dict[str, str], children: Children
) -> None:
    with raw_server(http("200 OK", images_body(LARGE))) as server:
        arguments = ["generate", "cat", "-o", "-", "--base-url", server.base_url]
        process = children.start([*COMMAND, *arguments], cwd=folder, env=environ)
        assert process.stdout
        assert select.select([process.stdout], [], [], 30)[0]
        time.sleep(0.3)
        process.kill()
        process.wait(timeout=10)
    assert files(folder) == {}
    assert recovered(folder, environ).stdout == "cat.png\n"
    assert files(folder) == {"cat.png": LARGE}
    assert files(tmp_path / "state") == {}


def test_a_read_stdout_leaves_nothing_in_the_spool(
    folder: Path, tmp_path: Path, environ: dict[str, str], children: Children
) -> None:
    with raw_server(http("200 OK", images_body(LARGE))) as server:
        arguments = ["generate", "cat", "-o", "-", "--base-url", server.base_url]
        process = children.start([*COMMAND, *arguments], cwd=folder, env=environ)
        assert process.communicate(timeout=60)[0] == LARGE
    assert files(folder) == files(tmp_path / "state") == {}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("beside", [False, True])
def test_a_signal_names_the_folder_with_the_response(
    folder: Path,
    tmp_path: Path,
    environ: dict[str, str],
    children: Children,
    number: signal.Signals,
    code: int,
    beside: bool,
) -> None:
    if beside:
        (tmp_path / "state").write_text("no folder")
    spool = Path(".imagecli-spool") if beside else tmp_path / "state" / "spool"
    body = images_body(RED)
    with raw_server(then(http("200 OK", body[:-9], length=len(body)), silence(20))) as server:
        process = children.start([*COMMAND, "generate", "cat", "--base-url", server.base_url], cwd=folder, env=environ)
        wait_until(lambda: any(path.stat().st_size for path in (folder / spool).glob("*.body")), process)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=10)
    assert process.returncode == code
    assert f"run imagecli recover to save what was received (in {spool})".encode() in stderr
    after = recovered(folder, environ)
    assert after.returncode == 7
    assert "is incomplete" in after.stderr


def test_a_kill_while_a_refused_request_waits_reports_no_cost(
    folder: Path, tmp_path: Path, environ: dict[str, str], children: Children
) -> None:
    spool = tmp_path / "state" / "spool"
    with raw_server(http("429 Slow down", b'{"error": {"message": "slow"}}', "Retry-After: 30")) as server:
        process = children.start([*COMMAND, "generate", "cat", "--base-url", server.base_url], cwd=folder, env=environ)
        wait_until(lambda: server.requests and not list(spool.glob("*.sent")), process)
        process.kill()
        process.wait(timeout=10)
    assert list(spool.glob("*.json"))
    assert "billed" not in recovered(folder, environ).stderr


def test_ctrl_c_while_a_refused_request_waits_reports_no_cost(
    folder: Path, tmp_path: Path, environ: dict[str, str], children: Children
) -> None:
    spool = tmp_path / "state" / "spool"
    with raw_server(http("429 Slow down", b'{"error": {"message": "slow"}}', "Retry-After: 30")) as server:
        process = children.start([*COMMAND, "generate", "cat", "--base-url", server.base_url], cwd=folder, env=environ)
        wait_until(lambda: server.requests and not list(spool.glob("*.sent")), process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"interrupted: 0 of 1 images saved\nhint: nothing else was sent" in stderr
    assert b"billed" not in stderr


def test_ctrl_c_during_a_download_leaves_no_temporary_file(
    folder: Path, environ: dict[str, str], children: Children
) -> None:
    another = ".imagecli-another-0000-0123.part"
    (folder / another).write_bytes(b"of a run that lives")
    response = linking(lambda base_url: http("200 OK", json.dumps({"data": [{"url": f"{base_url}/a.png"}]}).encode()))
    half_response = then(http("200 OK", RED[:20], length=len(RED)), silence(20))
    with raw_server(response, half_response, http("200 OK", RED)) as server:
        arguments = ["generate", "cat", "--base-url", server.base_url]
        process = children.start([*COMMAND, *arguments], cwd=folder, env=environ)
        wait_until(lambda: any(path.stat().st_size for path in folder.glob(".imagecli-2*.part")), process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 130
        assert files(folder) == {another: b"of a run that lives"}
        after = recovered(folder, environ)
        assert after.stdout == "cat.png\n", after.stderr
    assert files(folder) == {another: b"of a run that lives", "cat.png": RED}


@pytest.mark.slow
class TestFullDisks:
    """Small disks, mounted for one command."""

    @pytest.fixture
    def small(self, tmp_path: Path) -> Path:
        place = tmp_path / "small"
        place.mkdir()
        if not can_mount(place):
            pytest.skip("no disk of one's own can be mounted here")
        return place

    def run(
        self, small: Path, environ: dict[str, str], folder: Path, *arguments: str, size: str = "40m"
    ) -> dict[str, object]:
        """The JSON of a command, with its exit code and the files it leaves on the small disk."""
        list_files = 'imagecli_code=$?; find "$0" -type f -printf "%p %s\\n" >&2; exit $imagecli_code'
        shell = ["sh", "-c", f'"$@"; {list_files}', str(small)]
        command = [*MOUNT, size, str(small), *shell, *COMMAND, *arguments, "--json"]
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        return {**json.loads(done.stdout), "stderr": done.stderr}

    def test_the_response_continues_beside_the_output(self, small: Path, folder: Path, environ: dict[str, str]) -> None:
        image = large_png(40_000_000, random.Random(5))
        with raw_server(http("200 OK", images_body(image))) as server:
            environ = {**environ, "IMAGECLI_STATE_DIR": str(small / "state")}
            report = self.run(small, environ, folder, "generate", "cat", "--base-url", server.base_url)
        assert (report["exit_code"], report["errors"]) == (0, [])
        assert files(folder) == {"cat.png": image}
        assert ".body" not in str(report["stderr"])

    def test_an_image_whose_own_disk_is_full_is_rescued(
        self, small: Path, folder: Path, tmp_path: Path, environ: dict[str, str]
    ) -> None:
        image = large_png(20_000_000, random.Random(6))
        with raw_server(http("200 OK", images_body(image))) as server:
            command = ("generate", "cat", "-o", f"{small}/out/", "--base-url", server.base_url)
            report = self.run(small, environ, folder, *command, size="18m")
        errors = report["errors"]
        assert isinstance(errors, list)
        (rescued,) = (tmp_path / "state" / "rescued").iterdir()
        assert (report["exit_code"], errors[0]["rescued_path"]) == (8, str(rescued))
        assert rescued.read_bytes() == image
        assert ".part" not in str(report["stderr"])

    def test_a_full_disk_everywhere_is_a_disk_error_that_keeps_the_received_part(
        self, small: Path, folder: Path, environ: dict[str, str]
    ) -> None:
        image = large_png(40_000_000, random.Random(7))
        with raw_server(http("200 OK", images_body(image))) as server:
            environ = {**environ, "IMAGECLI_STATE_DIR": str(small / "state")}
            out = f"{small}/out/"
            report = self.run(small, environ, folder, "generate", "cat", "-o", out, "--base-url", server.base_url)
        errors = report["errors"]
        assert isinstance(errors, list)
        assert (report["exit_code"], errors[0]["code"]) == (8, "disk")
        assert str(errors[0]["rescued_path"]).endswith(".body")
        assert "0000.body 4" in str(report["stderr"])  # 40 MB and more
