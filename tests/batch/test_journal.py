"""The journal: written entries are read back after any damage; unreadable lines are reported and never stop a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecli.batch.journal.entry import FileRecord, JournalEntry, entry_to_line
from imagecli.batch.journal.paths import find_journals, journal_path
from imagecli.batch.journal.reader import MAX_BYTES, WARNED_LINES, read_journals
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.shards import Shard
from imagecli.errors import DiskError, OutputError, UsageError
from imagecli.events import Event, WarningEvent
from tests.batch.obstacles import place_obstacle
from tests.children import Children
from tests.file_permissions import file_permissions_enforced

SENT = JournalEntry(id="hero", hash="h" * 64, state="sent", provider="openai", model="gpt-image-2")
FILE = FileRecord(path="art/hero.png", sha256="a" * 64, bytes=12)
SAVED = replace(SENT, state="saved", files=(FILE,), cost_usd=0.042)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "assets.toml"
    path.write_text("")
    return path


def begun(manifest: Path, shard: Shard | None = None) -> JournalWriter:
    journal = JournalWriter(manifest, shard, read(manifest))
    journal.open()
    return journal


def read(manifest: Path, *, warned: list[str] | None = None) -> JournalState:
    warnings: list[str] = []

    def on_event(event: Event) -> None:
        assert isinstance(event, WarningEvent)
        assert event.code == "journal"
        warnings.append(event.message)

    ledger = read_journals(manifest, on_event)
    if warned is None:
        assert not warnings
    else:
        warned += warnings
    return ledger


def words(ledger: JournalState) -> tuple[dict[str, JournalEntry | None], list[str]]:
    """The observable state of a ledger."""
    ids = {f"id{number}" for number in range(4)} | {"hero"}
    return {id_: ledger.last_entry(id_) for id_ in ids}, [record.path for _, record in ledger.files()]


def test_a_manifest_without_a_journal_has_an_empty_one(manifest: Path) -> None:
    ledger = read(manifest)
    assert (ledger.runs, ledger.last_entry("hero"), list(ledger.files())) == (0, None, [])
    assert not journal_path(manifest).exists()


def test_written_entries_are_read_back(manifest: Path) -> None:
    journal = begun(manifest)
    journal.write(SENT)
    written = journal.write(SAVED)
    ledger = read(manifest)
    assert ledger.last_entry("hero") == written == replace(SAVED, manifest="assets.toml", run=1)
    assert ledger.file_planned_at("art/hero.png") == (written, FILE)


def test_a_line_has_its_documented_form(manifest: Path) -> None:
    journal = begun(manifest)
    journal.write(replace(SAVED, base_url="http://box:8080/v1", error="fewer_pictures", may_be_billed=True))
    journal.write(replace(SENT, id="猫", sandbox=True))
    first, second = journal_path(manifest).read_text("ascii").splitlines()
    assert first == (
        '{"base_url":"http://box:8080/v1","cost_usd":0.042,"error":"fewer_pictures","files":[{"bytes":12,'
        f'"path":"art/hero.png","sha256":"{"a" * 64}"}}],"hash":"{"h" * 64}","id":"hero","manifest":"assets.toml",'
        '"may_be_billed":true,"model":"gpt-image-2","provider":"openai","run":1,"schema":1,"state":"saved"}'
    )
    assert second == (
        f'{{"cost_usd":null,"hash":"{"h" * 64}","id":"\\u732b","manifest":"assets.toml","model":"gpt-image-2",'
        '"provider":"openai","run":1,"sandbox":true,"schema":1,"state":"sent"}'
    )


def test_entries_written_together_are_read_and_tell_the_pending_rows(manifest: Path) -> None:
    journal = begun(manifest)
    first, second = entries(2)
    planned = (("a.png", "b/c.png"),)
    pending = replace(first, state="submitted", files=(), submission="ours", batch="batch_1", planned=planned)
    assert [entry.id for entry in journal.write_all((pending, second))] == [first.id, second.id]
    ledger = read(manifest)
    assert [(entry.id, entry.batch, entry.planned) for entry in ledger.pending()] == [(first.id, "batch_1", planned)]
    assert ledger.submissions == {"ours"}


def test_files_of_a_run_before_one_that_failed_are_still_known() -> None:
    ledger = JournalState()
    for number, entry in enumerate((SAVED, replace(SENT, state="failed")), start=1):
        ledger.add(replace(entry, run=number))
    assert [file for _, file in ledger.files_by_hash(SAVED.hash)] == [FILE]


def test_rows_pending_at_an_embedded_server_failed_with_its_process(manifest: Path) -> None:
    """Nothing of it comes any more, so no file is planned either."""
    pending = replace(SENT, state="submitted", batch="batch_1", planned=(("a.png",),), sandbox=True)
    begun(manifest).write(pending)
    begun(manifest).write(replace(pending, id="owl", sandbox=False))
    state = read(manifest)
    ended, waiting = state.last_entry(pending.id), state.last_entry("owl")
    assert ended and waiting
    assert (ended.state, ended.planned, waiting.state, waiting.planned) == ("failed", (), "submitted", (("a.png",),))


def test_a_second_run_continues_the_numbering(manifest: Path) -> None:
    begun(manifest).write(SENT)
    assert begun(manifest).write(SENT).run == 2


def test_a_writer_knows_what_it_has_written(manifest: Path) -> None:
    ledger = read(manifest)
    journal = JournalWriter(manifest, None, ledger)
    assert ledger.last_entry("hero") is None
    journal.write(SENT)
    assert ledger.last_entry("hero") == read(manifest).last_entry("hero")


def test_a_closed_ledger_does_not_grow_while_the_file_does(manifest: Path) -> None:
    ledger = read(manifest)
    journal = JournalWriter(manifest, None, ledger)
    journal.open()
    journal.detach_state()
    journal.write(SAVED)
    assert ledger.last_entry(SAVED.id) is None
    known = read(manifest).last_entry(SAVED.id)
    assert known is not None
    assert known.state == "saved"


def test_the_journals_of_all_shards_are_read_together_and_no_others(manifest: Path) -> None:
    for number, shard in enumerate((None, Shard(index=1, of=3), Shard(index=2, of=3), Shard(index=5, of=12))):
        begun(manifest, shard).write(replace(SENT, id=f"id{number}"))
    for name in ("other.journal.jsonl", "assets.journal.0-3.jsonl", "assets.journal.1-3.jsonl.orig", "assets.jsonl"):
        (manifest.parent / name).write_bytes(entry_to_line(replace(SENT, id="hero")))
    assert [path.name for path, _ in find_journals(manifest)] == [
        "assets.journal.jsonl",
        "assets.journal.1-3.jsonl",
        "assets.journal.2-3.jsonl",
        "assets.journal.5-12.jsonl",
    ]
    last = words(read(manifest))[0]
    assert {id_ for id_, entry in last.items() if entry} == {"id0", "id1", "id2", "id3"}


def test_of_two_journals_the_later_run_wins(manifest: Path) -> None:
    begun(manifest, Shard(index=1, of=2)).write(SENT)
    begun(manifest).write(SAVED)
    begun(manifest, Shard(index=1, of=3)).write(replace(SENT, state="failed"))
    last = read(manifest).last_entry("hero")
    assert last is not None and last.state == "failed"


def test_a_name_with_the_signs_of_patterns_has_its_own_journal(tmp_path: Path) -> None:
    for name in ("a[1].toml", "a1.toml", "a*.toml"):
        begun(tmp_path / name).write(replace(SENT, id=name))
    assert [path.name for path, _ in find_journals(tmp_path / "a[1].toml")] == ["a[1].journal.jsonl"]
    assert [path.name for path, _ in find_journals(tmp_path / "a*.toml")] == ["a*.journal.jsonl"]


def entries(count: int) -> list[JournalEntry]:
    return [
        replace(
            SAVED if number % 3 else SENT,
            id=f"id{number % 4}",
            files=(replace(FILE, path=f"{number}.png", planned=f"{number}.webp"),) if number % 3 else (),
        )
        for number in range(count)
    ]


def test_a_journal_cut_at_any_byte_keeps_complete_lines_and_is_continued(manifest: Path) -> None:
    journal = begun(manifest)
    written = [journal.write(entry) for entry in entries(3)]
    path = journal_path(manifest)
    complete = path.read_bytes()
    ends = [0]
    for entry in written:
        ends.append(ends[-1] + len(entry_to_line(entry)))
    assert ends[-1] == len(complete)
    for cut in range(len(complete) + 1):
        path.write_bytes(complete[:cut])
        # A line that lacks only its line end is complete.
        count = sum(end - 1 <= cut for end in ends[1:])
        before = JournalState()
        for entry in written[:count]:
            before.add(entry)
        assert words(read(manifest)) == words(before), cut
        again = begun(manifest)
        assert path.read_bytes() == complete[: ends[count]], cut
        before.add(again.write(replace(SENT, state="failed")))
        assert words(read(manifest)) == words(before), cut


STATES = st.sampled_from(["sent", "bought", "saved", "failed", "adopted"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    runs=st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 3), STATES), min_size=1, max_size=5), st.floats(0, 1)), max_size=4
    )
)
def test_any_runs_each_killed_at_any_byte_lose_no_more_than_the_torn_line(
    runs: list[tuple[list[tuple[int, str]], float]], manifest: Path
) -> None:
    path = journal_path(manifest)
    path.unlink(missing_ok=True)
    complete: list[JournalEntry] = []
    for lines, share in runs:
        journal = begun(manifest)
        start = path.stat().st_size
        written = [journal.write(replace(SENT, id=f"id{number}", state=state)) for number, state in lines]  # type: ignore[arg-type]
        cut = start + int(share * (path.stat().st_size - start))
        os.truncate(path, cut)
        for entry in written:
            start += len(entry_to_line(entry))
            if start - 1 <= cut:
                complete.append(entry)
    expected = JournalState()
    for entry in complete:
        expected.add(entry)
    assert words(read(manifest)) == words(expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(garbage=st.binary(max_size=300))
def test_no_bytes_in_a_journal_stop_it(garbage: bytes, manifest: Path) -> None:
    path = journal_path(manifest)
    path.write_bytes(entry_to_line(SENT) + garbage + b"\n" + entry_to_line(SAVED) + garbage)
    assert read(manifest, warned=[]).last_entry("hero") == SAVED
    written = JournalWriter(manifest, None, JournalState())
    written.open()
    assert written.write(SENT) == read(manifest, warned=[]).last_entry("hero")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"state": "lost"}, "invalid state"),
        ({"state": ["sent"]}, "invalid state"),
        ({"id": 7}, "invalid id"),
        ({"id": None}, "missing id"),
        ({"cost_usd": -1}, "invalid cost_usd"),
        ({"cost_usd": True}, "invalid cost_usd"),
        ({"cost_usd": float("nan")}, "invalid cost_usd"),
        ({"run": 2**70}, "invalid run"),
        ({"sandbox": "yes"}, "invalid sandbox"),
        ({"batch": 1}, "invalid batch"),
        ({"planned": ["a.png"]}, "invalid planned"),
        ({"planned": [[]]}, "invalid planned"),
        ({"planned": [["../a.png"]]}, "invalid planned"),
        ({"files": {"path": "x"}}, "invalid files"),
        ({"files": ["x"]}, "invalid files"),
        ({"files": [{"path": "x"}]}, "missing sha256"),
        ({"files": [{"path": "x", "bytes": 1, "sha256": None}]}, "missing sha256"),
        ({"files": [{"path": "x", "bytes": 1, "sha256": "A" * 64}]}, "invalid sha256"),
        *(
            ({"files": [{"path": path, "bytes": 1, "sha256": "a" * 64}]}, "invalid path")
            for path in ("/etc/passwd", "../x", "a/../../x", "C:\\x", "\\\\host\\x", "a\\..\\..\\x", "", ".", "a\0b")
        ),
        ({"manifest": "../assets.csv"}, "invalid manifest"),
        ({"schema": "1"}, "no schema version"),
        ({"schema": None}, "no schema version"),
    ],
)
def test_an_invalid_line_is_reported_with_its_number(changed: dict[str, object], why: str, manifest: Path) -> None:
    line = json.dumps(json.loads(entry_to_line(SAVED)) | changed).encode() + b"\n"
    journal_path(manifest).write_bytes(entry_to_line(SENT) + line + entry_to_line(SENT))
    warned: list[str] = []
    assert read(manifest, warned=warned).last_entry("hero") == SENT
    assert warned == [f"{journal_path(manifest)}:2: skipped an unreadable line: {why}"]


@pytest.mark.parametrize("line", [b"[1]", b"nonsense", b"\xff\xfe", b'{"a":' * 5000, b"9" * 5000, b"x" * 3_000_000])
def test_a_line_that_is_not_an_object_is_reported(line: bytes, manifest: Path) -> None:
    journal_path(manifest).write_bytes(line + b"\n" + entry_to_line(SENT))
    warned: list[str] = []
    assert read(manifest, warned=warned).last_entry("hero") == SENT
    (warnings,) = warned
    assert warnings.startswith(f"{journal_path(manifest)}:1: skipped an unreadable line: ")


def test_of_many_invalid_lines_a_few_are_reported(manifest: Path) -> None:
    journal_path(manifest).write_bytes(b"?\n" * 1000 + entry_to_line(SENT))
    warned: list[str] = []
    assert read(manifest, warned=warned).last_entry("hero") == SENT
    assert len(warned) == WARNED_LINES + 1
    assert warned[-1].endswith(f": skipped {1000 - WARNED_LINES} more unreadable lines")


def test_both_sides_of_a_conflict_are_read_with_one_warning(manifest: Path) -> None:
    ours, theirs = (entry_to_line(replace(SENT, id=f"id{number}")) for number in range(2))
    journal_path(manifest).write_bytes(b"<<<<<<< HEAD\n" + ours + b"=======\n" + theirs + b">>>>>>> branch\n")
    warned: list[str] = []
    ledger = read(manifest, warned=warned)
    assert ledger.last_entry("id0") and ledger.last_entry("id1")
    assert warned == [f"{journal_path(manifest)}:1 contains git conflict markers; remove them (both sides are read)"]


def test_windows_line_ends_are_accepted(manifest: Path) -> None:
    journal_path(manifest).write_bytes((entry_to_line(SENT) + entry_to_line(SAVED)).replace(b"\n", b"\r\n"))
    assert read(manifest).last_entry("hero") == SAVED


def test_a_journal_of_a_newer_imagecli_is_an_error_with_a_way_out(manifest: Path) -> None:
    line = json.dumps(json.loads(entry_to_line(SENT)) | {"schema": 2, "state": "teleported"}).encode()
    journal_path(manifest).write_bytes(entry_to_line(SENT) + line)
    with pytest.raises(UsageError) as raised:
        read(manifest)
    assert raised.value.message.endswith(":2 was written by a newer imagecli (schema 2, expected 1)")
    assert raised.value.hint and "--adopt" in raised.value.hint
    JournalWriter(manifest, None, JournalState()).open()
    assert journal_path(manifest).read_bytes() == entry_to_line(SENT) + line + b"\n"


def test_fields_of_a_later_version_are_ignored(manifest: Path) -> None:
    line = json.dumps(json.loads(entry_to_line(SENT)) | {"colour": "red"}).encode() + b"\n"
    journal_path(manifest).write_bytes(line)
    assert read(manifest).last_entry("hero") == SENT


def test_a_journal_belongs_to_one_manifest(manifest: Path) -> None:
    begun(manifest).write(SENT)
    other = manifest.with_suffix(".csv")
    with pytest.raises(
        UsageError, match=r"assets\.journal\.jsonl is already the journal of assets\.toml, so assets\.csv can't"
    ):
        read(other)
    manifest.rename(other)
    assert read(other).last_entry("hero")


def test_a_journal_is_on_the_disk_when_it_is_opened(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def on_event(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", on_event)
    journal = begun(manifest)
    assert synced == [manifest.parent]
    journal.path.write_bytes(b'{"cost_us')
    begun(manifest)
    assert synced == [manifest.parent, journal.path]


def test_a_journal_that_begins_with_a_line_end_loses_its_torn_line_alone(manifest: Path) -> None:
    journal_path(manifest).write_bytes(b'\n{"cost_us')
    assert begun(manifest).path.read_bytes() == b"\n"


def test_a_folder_instead_of_the_journal_is_an_error(manifest: Path) -> None:
    journal_path(manifest).mkdir()
    with pytest.raises(UsageError, match="can't read journal"):
        read(manifest)
    with pytest.raises(OutputError, match="can't write journal"):
        JournalWriter(manifest, None, JournalState()).open()


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't read"):
        read(tmp_path / "none" / "assets.toml")


def test_a_folder_that_can_not_be_written_is_an_error_before_paying(manifest: Path) -> None:
    manifest.parent.chmod(0o500)
    try:
        with file_permissions_enforced(), pytest.raises(OutputError, match="can't write journal"):
            JournalWriter(manifest, None, JournalState()).open()
    finally:
        manifest.parent.chmod(0o700)


FULL = textwrap.dedent(
    """
    import resource, signal, sys
    from pathlib import Path
    from imagecli.batch.journal.entry import JournalEntry
    from imagecli.batch.journal.state import JournalState
    from imagecli.batch.journal.writer import JournalWriter
    from imagecli.errors import DiskError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = JournalWriter(Path(sys.argv[1]), None, JournalState())
    journal.open()
    sent = JournalEntry(id="hero", hash="h", state="sent", provider="openai", model="gpt-image-2")
    journal.write(sent)
    size = journal.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
    try:
        journal.write(sent)
    except DiskError as error:
        print(journal.path.stat().st_size == size, error.message)
    """
)


def test_a_full_disk_leaves_whole_lines(manifest: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, manifest], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"True can't write journal {journal_path(manifest)}: file too large")


def test_a_write_that_fails_is_an_error_of_the_disk(manifest: Path) -> None:
    journal = begun(manifest)
    journal.path.unlink()
    journal.path.mkdir()
    with pytest.raises(DiskError, match="can't write journal"):
        journal.write(SENT)


def test_a_journal_that_git_replaced_is_continued(manifest: Path) -> None:
    journal = begun(manifest)
    journal.write(replace(SENT, id="id0"))
    journal.path.unlink()
    journal.path.write_bytes(entry_to_line(replace(SENT, id="id1")).rstrip())
    journal.write(replace(SENT, id="id2"))
    last = words(read(manifest))[0]
    assert {id_ for id_, entry in last.items() if entry} == {"id1", "id2"}


def test_threads_write_whole_lines(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = begun(manifest)
    write = os.write
    # As a disk may: only part of the bytes.
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2 + 1]))
    threads = [threading.Thread(target=lambda: [journal.write(entry) for entry in entries(50)]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read(manifest)
    assert len(journal.path.read_bytes().splitlines()) == 400


WRITER = textwrap.dedent(
    """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from imagecli.batch.journal.entry import JournalEntry
    from imagecli.batch.journal.reader import read_journals
    from imagecli.batch.journal.writer import JournalWriter
    manifest = Path(sys.argv[1])
    journal = JournalWriter(manifest, None, read_journals(manifest, print))
    journal.open()
    sent = JournalEntry(id="", hash="h", state="sent", provider="openai", model="gpt-image-2")
    for number in range(10**6):
        print(journal.write(replace(sent, id=f"id{number % 4}")).id, flush=True)
    """
)


@pytest.mark.slow
def test_entries_written_before_a_kill_are_there_after_it(manifest: Path, children: Children) -> None:
    warnings = 0
    for number in range(1, 6):
        process = children.start([sys.executable, "-c", WRITER, str(manifest)])
        assert process.stdout
        for _ in range(number * 7):
            process.stdout.readline()
        process.kill()
        warnings += number * 7 + len(process.stdout.read().splitlines())
        assert len(journal_path(manifest).read_bytes().splitlines()) >= warnings
        read(manifest)


READER = textwrap.dedent(
    """
    import sys, tracemalloc
    from pathlib import Path
    from imagecli.batch.journal.reader import read_journals
    read_journals(Path(sys.argv[1]), print)
    tracemalloc.start()
    ledger = read_journals(Path(sys.argv[1]), print)
    print(*tracemalloc.get_traced_memory())
    """
)


def test_memory_grows_with_rows_and_not_with_lines(manifest: Path) -> None:
    journal_path(manifest).write_bytes(b"".join(entry_to_line(replace(SAVED, id=f"id{n % 50}")) for n in range(5_000)))
    done = subprocess.run([sys.executable, "-c", READER, manifest], capture_output=True, text=True, check=True)
    retained, peak = map(int, done.stdout.split())
    assert retained < 600_000  # the lines are 1.5 MB
    assert peak < 700_000


def outside(tmp_path: Path) -> Path:
    """A folder that is not the manifest's, with a file in it."""
    folder = tmp_path.parent / f"{tmp_path.name}-outside"
    folder.mkdir()
    (folder / "profile").write_bytes(b"export A=1\nexport B=2")
    return folder


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "folder"])
def test_a_journal_is_never_written_to_through_another_file(manifest: Path, tmp_path: Path, kind: str) -> None:
    folder = outside(tmp_path)
    journal = JournalWriter(manifest, None, JournalState())
    place_obstacle(kind, journal.path, folder / "profile")
    with pytest.raises(OutputError, match="can't write journal"):
        journal.open()
    with pytest.raises(DiskError, match="can't write journal"):
        journal.write(SENT)
    assert [path.name for path in folder.iterdir()] == ["profile"]
    assert (folder / "profile").read_bytes() == b"export A=1\nexport B=2"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_journal_is_never_read_through_another_file(manifest: Path, tmp_path: Path, kind: str) -> None:
    place_obstacle(kind, journal_path(manifest), outside(tmp_path) / "profile")
    with pytest.raises(UsageError, match="can't read journal") as raised:
        read(manifest)
    assert raised.value.code == "journal"


def test_an_endless_journal_is_refused(manifest: Path, tmp_path: Path) -> None:
    with journal_path(manifest).open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UsageError, match=r"larger than 1,024 MB"):
        read(manifest)


@pytest.mark.parametrize(
    "content", [b"export A=1\nexport B=2", b'{"a": 1}', b'{"a":', b"one\ntwo\n", b'{"cost_usd":1}\nmore']
)
def test_a_file_that_is_not_a_journal_is_left_as_it_is(manifest: Path, content: bytes) -> None:
    journal = JournalWriter(manifest, None, JournalState())
    journal.path.write_bytes(content)
    with pytest.raises(OutputError, match="not an imagecli journal"):
        journal.open()
    assert journal.path.read_bytes() == content


@pytest.mark.parametrize("length", [1, 5, 12, 40, 150])
def test_the_beginning_of_a_first_entry_is_a_journal(manifest: Path, length: int) -> None:
    journal = JournalWriter(manifest, None, JournalState())
    journal.path.write_bytes(entry_to_line(SAVED)[:length])
    journal.open()
    assert journal.path.read_bytes() == b""
