"""One run of a manifest at a time, by real processes: the holder is named, and the lock of a killed run is free."""

from __future__ import annotations

import json
import os
import platform
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagecli.batch.journal import lock
from imagecli.batch.journal.lock import _try_acquire, manifest_lock
from imagecli.batch.journal.paths import lock_path
from imagecli.batch.shards import Shard
from imagecli.errors import OutputError, UsageError
from tests.batch.obstacles import place_obstacle
from tests.children import Children

HOLDER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from imagecli.batch.journal.lock import manifest_lock
    with manifest_lock(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
    """
)
FIRST, SECOND, OTHER = Shard(index=1, of=3), Shard(index=2, of=3), Shard(index=1, of=2)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "assets.toml"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a held lock is short."""
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.2)


def lock_files(manifest: Path) -> list[str]:
    return [path.name for path in manifest.parent.iterdir()]


def test_a_lock_leaves_nothing_behind(manifest: Path) -> None:
    with manifest_lock(manifest):
        assert lock_files(manifest) == ["assets.journal.lock"]
    assert lock_files(manifest) == []


def test_a_second_run_is_an_error_that_names_the_holder(manifest: Path, children: Children) -> None:
    import subprocess

    process = children.start([sys.executable, "-c", HOLDER, str(manifest)], stdin=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"held\n"
    with pytest.raises(UsageError) as raised, manifest_lock(manifest):
        pass
    assert raised.value.code == "in_use"
    assert raised.value.exit_code == 2
    assert f"(process {process.pid} on {platform.node()}" in raised.value.message
    assert raised.value.hint == f"wait until it ends, or stop it: kill {process.pid}"
    process.kill()
    process.wait()
    assert lock_files(manifest) == ["assets.journal.lock"]
    with manifest_lock(manifest):
        pass
    assert lock_files(manifest) == []


@pytest.mark.usefixtures("hasty")
def test_a_holder_on_another_machine_must_be_ended_there(manifest: Path) -> None:
    with manifest_lock(manifest):
        lock_path(manifest).write_text('{"pid": 7, "host": "build-3"}\n')
        with pytest.raises(UsageError, match=r"\(process 7 on build-3\)") as raised, manifest_lock(manifest):
            pass
    assert raised.value.hint == "wait until it ends, or stop it on build-3: kill 7"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("words", ["", "nonsense", "[]", '{"pid": "x", "host": 1}', '{"pid":' * 3000])
def test_an_unreadable_holder_still_holds_the_lock(words: str, manifest: Path) -> None:
    with manifest_lock(manifest):
        lock_path(manifest).write_text(words)
        with pytest.raises(UsageError, match="an unknown process"), manifest_lock(manifest):
            pass


def test_the_lock_of_a_killed_run_is_taken_over(manifest: Path) -> None:
    lock_path(manifest).write_text(f'{{"pid": 1, "host": "{"here" * 100}"}}\n')
    lock_path(manifest, OTHER).write_text("")
    with manifest_lock(manifest):
        assert json.loads(lock_path(manifest).read_text()) == {"pid": os.getpid(), "host": platform.node()}
    assert lock_files(manifest) == []


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("holder", "requested", "allowed"),
    [
        (None, None, False),
        (None, FIRST, False),
        (FIRST, None, False),
        (FIRST, FIRST, False),
        (FIRST, SECOND, True),
        (FIRST, OTHER, False),
        (OTHER, SECOND, False),
    ],
)
def test_shards_without_common_rows_run_at_the_same_time(
    holder: Shard | None, requested: Shard | None, allowed: bool, manifest: Path
) -> None:
    with manifest_lock(manifest, holder), ExitStack() as stack:
        if allowed:
            stack.enter_context(manifest_lock(manifest, requested))
        else:
            with pytest.raises(UsageError):
                stack.enter_context(manifest_lock(manifest, requested))
        assert lock_path(manifest, holder).name in lock_files(manifest)
    assert lock_files(manifest) == []


def test_another_manifest_has_another_lock(manifest: Path) -> None:
    with manifest_lock(manifest), manifest_lock(manifest.with_name("icons.toml")):
        assert len(lock_files(manifest)) == 2


def test_an_error_inside_releases_the_lock(manifest: Path) -> None:
    with pytest.raises(ZeroDivisionError), manifest_lock(manifest):
        1 / 0  # noqa: B018
    assert lock_files(manifest) == []


def together(work: Callable[[int], None], threads: int = 8) -> None:
    """Does *work* in *threads* threads at the same time, 25 times each, with the thread's number."""
    gate = threading.Barrier(threads)

    def repeated(number: int) -> None:
        gate.wait()
        for _ in range(25):
            work(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(repeated, range(threads)))


def test_shards_that_find_a_stale_lock_do_not_mistake_each_other_for_its_holder(manifest: Path) -> None:
    def run(number: int) -> None:
        lock_path(manifest, OTHER).touch()
        with manifest_lock(manifest, Shard(index=number + 1, of=8)):
            pass

    together(run)
    assert lock_files(manifest) in ([], ["assets.journal.1-2.lock"])


@pytest.mark.slow
def test_of_many_runs_that_take_and_remove_the_same_lock_one_holds_it(manifest: Path) -> None:
    inside, most = [0], [0]

    def run(number: int) -> None:
        descriptor = None
        while descriptor is None:
            descriptor = _try_acquire(lock_path(manifest))
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0)
        inside[0] -= 1
        lock_path(manifest).unlink()
        os.close(descriptor)

    together(run)
    assert most == [1]


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't write"), manifest_lock(tmp_path / "none" / "assets.toml"):
        pass


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "folder", "other content"])
@pytest.mark.parametrize("of", [None, Shard(index=1, of=3)])
def test_another_file_under_the_lock_s_name_is_left_as_it_is(tmp_path: Path, kind: str, of: Shard | None) -> None:
    """The lock of this run, and that of a shard which would shut it out."""
    folder = tmp_path / "outside"
    folder.mkdir()
    target = folder / "profile"
    target.write_bytes(b"export A=1")
    manifest = tmp_path / "clone" / "assets.toml"
    manifest.parent.mkdir()
    path = lock_path(manifest, of)
    if kind == "other content":
        path.write_bytes(b"export A=1")
    else:
        place_obstacle(kind, path, target)
    before = path.lstat()
    with pytest.raises(OutputError, match="can't use lock file"), manifest_lock(manifest):
        pass
    assert os.path.samestat(path.lstat(), before)
    assert [entry.name for entry in folder.iterdir()] == ["profile"]
    assert target.read_bytes() == b"export A=1"


def test_a_lock_that_was_replaced_meanwhile_stays(manifest: Path) -> None:
    path = lock_path(manifest)
    with manifest_lock(manifest):
        path.unlink()
        path.write_bytes(b"another's")
    assert path.read_bytes() == b"another's"
