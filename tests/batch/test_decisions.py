"""Which rows have to be created: one row per rule, over real files, and a decision for every possible state."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecli.batch.decisions import Decision, decide_item
from imagecli.batch.file_state import DiskState
from imagecli.batch.item_identity import ItemIdentity
from imagecli.batch.item_notes import FileNote, merge_notes
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.request_hash import request_hash
from imagecli.events import NoteEvent, WarningEvent

HERO = ItemIdentity(
    id="hero",
    row_hash="row as written",
    provider="openai",
    base_url=None,
    model="gpt-image-2",
    model_named=False,
    image_paths=(("hero.png",),),
)
EDITED = replace(HERO, row_hash="row as edited")
BY_SANDBOX = replace(HERO, provider="sandbox", sandbox=True)
FOUR = replace(HERO, image_paths=(("1.png",), ("2.png",), ("3.png",), ("4.png",)))
ICON = replace(HERO, image_paths=(("64.png", "512.png"),))
TWO_ICONS = replace(HERO, image_paths=(("a-64.png", "a-512.png"), ("b-64.png", "b-512.png")))


def record(path: str, content: bytes = b"GIF89a", planned: str | None = None) -> FileRecord:
    return FileRecord(path=path, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), planned=planned)


def saved(identity: ItemIdentity = HERO, *paths: str) -> JournalEntry:
    """The entry of a saved *identity*, with all its files or only *paths*."""
    planned = [path for image in identity.image_paths for path in image]
    return identity.new_entry("saved", files=tuple(record(path) for path in paths or planned))


def of_earlier_version(base_url: str) -> JournalEntry:
    """HERO as saved for *base_url* by a version that hashed it."""
    hashed = request_hash(HERO.row_hash, provider="openai", model=HERO.model, base_url=base_url)
    return replace(saved(), hash=hashed, base_url=base_url)


def ledger_of(entries: tuple[JournalEntry, ...]) -> JournalState:
    ledger = JournalState()
    for number, entry in enumerate(entries, start=1):
        ledger.add(replace(entry, run=entry.run or number))
    return ledger


class Disk(DiskState):
    """Accepts every content as an image."""

    def image_problem(self, path: str) -> str | None:
        return None


def write_files(folder: Path, files: dict[str, bytes]) -> DiskState:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Disk(folder)


B = b"GIF89a"
"""The content of the file in `saved`."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A situation and its decision."""

    identity: ItemIdentity = HERO
    journal: tuple[JournalEntry, ...] = ()
    disk: dict[str, bytes] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    kind: str = "done"
    to_create: tuple[int, ...] = ()
    writes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    """The states that are to be recorded in the journal."""
    possibly_billed: bool = False
    refusal: str | None = None
    """The error's code."""


MISSING: dict[str, Any] = {"kind": "missing", "to_create": (0,), "writes": ("hero.png",)}
STALE: dict[str, Any] = {
    "kind": "stale",
    "to_create": (0,),
    "writes": ("hero.png",),
    "replaces": ("hero.png",),
    "notes": ("stale",),
}
ROWS: dict[str, Row] = {
    "a row that was never bought is bought": Row(**MISSING),
    "what was bought and stands there is done": Row(journal=(saved(),), disk={"hero.png": B}),
    "an output that was deleted is bought again": Row(journal=(saved(),), **MISSING),
    "a row that failed is bought": Row(journal=(HERO.new_entry("failed", error="moderation_blocked"),), **MISSING),
    "a row that was edited is bought again, and the old file replaced": Row(
        identity=EDITED, journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "an edited row that failed leaves the old file the journal's": Row(
        identity=EDITED, journal=(saved(), EDITED.new_entry("failed", error="x")), disk={"hero.png": B}, **STALE
    ),
    "the journal's word of a later run counts, wherever its line stands": Row(
        identity=EDITED,
        journal=(replace(saved(EDITED), run=2), replace(saved(), run=1)),
        disk={"hero.png": B},
    ),
    "another provider makes it stale": Row(
        identity=replace(HERO, provider="azure"), journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "of two clones' images under a name the one on the disk is the row's, not that of the later line": Row(
        journal=(saved(), HERO.new_entry("saved", files=(record("hero.png", b"OTHERS"),))),
        disk={"hero.png": B},
    ),
    "and that of the later line where it is on the disk": Row(
        journal=(saved(), HERO.new_entry("saved", files=(record("hero.png", b"OTHERS"),))),
        disk={"hero.png": b"OTHERS"},
    ),
    "a later line under another name leaves the name to the file on the disk": Row(
        journal=(saved(), HERO.new_entry("saved", files=(record("hero_2.png", b"OTHERS", planned="hero.png"),))),
        disk={"hero.png": B},
    ),
    "of two clones' images the one of the earlier row is stale": Row(
        identity=EDITED,
        journal=(saved(), EDITED.new_entry("saved", files=(record("hero.png", b"OTHERS"),))),
        disk={"hero.png": B},
        **STALE,
    ),
    "--adopt takes no image that the journal knows as another row's": Row(
        journal=(saved(replace(HERO, id="owl.png", row_hash="owl"), "owl.png"),),
        disk={"hero.png": B},
        flags={"adopt": True},
        kind="refused",
        refusal="output_of_another_row",
    ),
    "nor what came for another row before it was converted": Row(
        journal=(
            replace(HERO, id="owl.png", row_hash="owl").new_entry(
                "saved", files=(record("owl.png", b"made"),), originals=(record("owl.orig.jpg"),)
            ),
        ),
        disk={"hero.png": B},
        flags={"adopt": True},
        kind="refused",
        refusal="output_of_another_row",
    ),
    "another address of the same provider is a note": Row(
        identity=replace(HERO, base_url="http://box:8080/v1"),
        journal=(saved(),),
        disk={"hero.png": B},
        notes=("other_address",),
    ),
    "another spelling of the address is none, nor is it in the hash of an earlier version": Row(
        identity=replace(HERO, base_url="http://localhost:8080/v1"),
        journal=(of_earlier_version("http://127.0.0.1:8080/v1/"),),
        disk={"hero.png": B},
    ),
    "what an earlier version hashed with CRLF in it is up to date": Row(
        identity=replace(HERO, row_hash="row with LF", raw_row_hash="row as written"),
        journal=(saved(),),
        disk={"hero.png": B},
    ),
    "and with another address too": Row(
        identity=replace(HERO, row_hash="row with LF", raw_row_hash="row as written"),
        journal=(of_earlier_version("http://127.0.0.1:8080/v1/"),),
        disk={"hero.png": B},
        notes=("other_address",),
    ),
    "a moved file is found by the hash of an earlier version": Row(
        identity=replace(HERO, id="title", image_paths=(("title.png",),), base_url="http://box/v1"),
        journal=(of_earlier_version("http://box/v1"),),
        disk={"title.png": B},
        recorded=("adopted",),
    ),
    "another model in the row makes it stale": Row(
        identity=replace(HERO, model="gpt-image-3", model_named=True),
        journal=(saved(),),
        disk={"hero.png": B},
        **STALE,
    ),
    "another default model is a note": Row(
        identity=replace(HERO, model="gpt-image-3"),
        journal=(saved(),),
        disk={"hero.png": B},
        notes=("new_default_model",),
    ),
    "a row that names the model it had by default is no other": Row(
        identity=replace(HERO, model_named=True), journal=(saved(),), disk={"hero.png": B}
    ),
    "a row that names its model no more keeps what that made": Row(
        identity=replace(HERO, model="gpt-image-3"),
        journal=(saved(replace(HERO, model_named=True)),),
        disk={"hero.png": B},
        notes=("new_default_model",),
    ),
    "an edited row under another default model is stale": Row(
        identity=replace(EDITED, model="gpt-image-3"), journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "a row with another id and the same words keeps its picture": Row(
        identity=replace(HERO, id="title"), journal=(saved(),), disk={"hero.png": B}
    ),
    "a row that takes another's output over replaces what the journal knows": Row(
        identity=replace(EDITED, id="title"), journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "a picture changed by hand is kept": Row(
        journal=(saved(),), disk={"hero.png": b"painted over"}, notes=("changed_by_hand",)
    ),
    "a picture changed by hand whose row was edited is refused": Row(
        identity=EDITED,
        journal=(saved(),),
        disk={"hero.png": b"painted over"},
        kind="refused",
        refusal="output_edited",
    ),
    "changed by hand is seen also where the length is the same, before it would be replaced": Row(
        identity=EDITED, journal=(saved(),), disk={"hero.png": b"BOUGHT"}, kind="refused", refusal="output_edited"
    ),
    "--adopt settles a picture changed by hand": Row(
        identity=EDITED, journal=(saved(),), disk={"hero.png": b"mine"}, flags={"adopt": True}, recorded=("adopted",)
    ),
    "--adopt never takes a stale picture for a fresh one": Row(
        identity=EDITED, journal=(saved(),), disk={"hero.png": B}, flags={"adopt": True}, **STALE
    ),
    "a file that the journal does not know is never bought over": Row(
        disk={"hero.png": b"whose?"}, kind="refused", refusal="output_unknown"
    ),
    "an empty file is a file": Row(disk={"hero.png": b""}, kind="refused", refusal="output_unknown"),
    "a row that failed does not make an unknown file known": Row(
        journal=(HERO.new_entry("failed", error="x"),),
        disk={"hero.png": b"whose?"},
        kind="refused",
        refusal="output_unknown",
    ),
    "--adopt takes an unknown file": Row(disk={"hero.png": b"whose?"}, flags={"adopt": True}, recorded=("adopted",)),
    "--adopt buys what is missing": Row(flags={"adopt": True}, **MISSING),
    "--if-exists skip keeps an unknown file": Row(disk={"hero.png": b"whose?"}, flags={"if_exists": "skip"}),
    "--if-exists overwrite buys over an unknown file": Row(
        disk={"hero.png": b"whose?"},
        flags={"if_exists": "overwrite"},
        kind="stale",
        to_create=(0,),
        writes=("hero.png",),
        replaces=("hero.png",),
    ),
    "--if-exists overwrite buys nothing that is done": Row(
        journal=(saved(),), disk={"hero.png": B}, flags={"if_exists": "overwrite"}
    ),
    "--if-exists number can't be meant": Row(
        disk={"hero.png": b"whose?"}, flags={"if_exists": "number"}, kind="refused", refusal="output_unknown"
    ),
    "a folder under a file's name is refused": Row(disk={"hero.png/x": b""}, kind="refused", refusal="output_blocked"),
    "a folder is not adopted either": Row(
        disk={"hero.png/x": b""}, flags={"adopt": True}, kind="refused", refusal="output_blocked"
    ),
    "a sandbox picture is stale for a real provider": Row(journal=(saved(BY_SANDBOX),), disk={"hero.png": B}, **STALE),
    "a sandbox picture is done for the sandbox": Row(
        identity=BY_SANDBOX, journal=(saved(BY_SANDBOX),), disk={"hero.png": B}
    ),
    "the sandbox draws its own pictures anew": Row(
        identity=replace(BY_SANDBOX, row_hash="row as edited"),
        journal=(saved(BY_SANDBOX),),
        disk={"hero.png": B},
        **STALE,
    ),
    "the sandbox fills what is missing": Row(identity=BY_SANDBOX, journal=(saved(),), **MISSING),
    "the sandbox keeps what was bought": Row(identity=BY_SANDBOX, journal=(saved(),), disk={"hero.png": B}),
    "the sandbox keeps what was bought for a row that was edited since, and says so": Row(
        identity=replace(BY_SANDBOX, row_hash="row as edited"),
        journal=(saved(),),
        disk={"hero.png": B},
        notes=("sandbox_kept",),
    ),
    "the sandbox keeps a file that nobody knows": Row(
        identity=BY_SANDBOX, disk={"hero.png": b"whose?"}, notes=("sandbox_kept",)
    ),
    "the sandbox replaces none of these, whatever --if-exists says": Row(
        identity=BY_SANDBOX,
        disk={"hero.png": b"whose?"},
        flags={"if_exists": "overwrite"},
        notes=("sandbox_kept",),
    ),
    "the sandbox adopts nothing: it would stand for what a real provider made": Row(
        identity=BY_SANDBOX, disk={"hero.png": b"whose?"}, flags={"adopt": True}, notes=("sandbox_kept",)
    ),
    "a request without an answer is bought again, and that is said": Row(
        journal=(HERO.new_entry("sent"),), notes=("may_be_billed_twice",), possibly_billed=True, **MISSING
    ),
    "an answer that is not here is bought again, and that is said": Row(
        journal=(HERO.new_entry("sent"), HERO.new_entry("bought")),
        notes=("may_be_billed_twice",),
        possibly_billed=True,
        **MISSING,
    ),
    "a lost answer is bought again, and that is said": Row(
        journal=(HERO.new_entry("failed", error="lost", may_be_billed=True),),
        notes=("may_be_billed_twice",),
        possibly_billed=True,
        **MISSING,
    ),
    "a row that was edited after a lost answer is another purchase": Row(
        identity=EDITED, journal=(HERO.new_entry("sent"),), **MISSING
    ),
    "what the sandbox did not finish costs nothing": Row(
        identity=BY_SANDBOX, journal=(BY_SANDBOX.new_entry("sent"),), **MISSING
    ),
    "killed after saving: the file is the purchase's": Row(
        journal=(HERO.new_entry("sent"),), disk={"hero.png": B}, notes=("found",), recorded=("saved",)
    ),
    "killed after saving, and the default model is another today": Row(
        identity=replace(HERO, model="gpt-image-3"),
        journal=(HERO.new_entry("sent"),),
        disk={"hero.png": B},
        notes=("found",),
        recorded=("saved",),
    ),
    "killed after replacing a stale file: the new one is the purchase's": Row(
        identity=EDITED,
        journal=(saved(), EDITED.new_entry("sent")),
        disk={"hero.png": b"newer!"},
        notes=("found",),
        recorded=("saved",),
    ),
    "killed before replacing a stale file: it is stale, and may be billed twice": Row(
        identity=EDITED,
        journal=(saved(), EDITED.new_entry("sent")),
        disk={"hero.png": B},
        possibly_billed=True,
        **(STALE | {"notes": ("stale", "may_be_billed_twice")}),
    ),
    "killed, and the row edited since: nobody knows whose the file is": Row(
        identity=EDITED,
        journal=(HERO.new_entry("sent"),),
        disk={"hero.png": B},
        kind="refused",
        refusal="output_unknown",
    ),
    "three of four came: one is bought": Row(
        identity=FOUR,
        journal=(saved(FOUR, "1.png", "2.png", "4.png"),),
        disk={"1.png": B, "2.png": B, "4.png": B},
        kind="missing",
        to_create=(2,),
        writes=("3.png",),
    ),
    "one of four was paid for and damaged: one is bought, and that is said": Row(
        identity=FOUR,
        journal=(replace(saved(FOUR, "1.png", "2.png", "4.png"), may_be_billed=True),),
        disk={"1.png": B, "2.png": B, "4.png": B},
        kind="missing",
        to_create=(2,),
        writes=("3.png",),
        possibly_billed=True,
        notes=("may_be_billed_twice",),
    ),
    "one of four was deleted: one is bought": Row(
        identity=FOUR,
        journal=(saved(FOUR),),
        disk={"1.png": B, "3.png": B, "4.png": B},
        kind="missing",
        to_create=(1,),
        writes=("2.png",),
    ),
    "of four stale pictures the missing one is bought with the others": Row(
        identity=replace(FOUR, row_hash="row as edited"),
        journal=(saved(FOUR),),
        disk={"1.png": B, "2.png": B, "4.png": B},
        kind="stale",
        to_create=(0, 1, 2, 3),
        writes=("1.png", "2.png", "3.png", "4.png"),
        replaces=("1.png", "2.png", "4.png"),
        notes=("stale", "stale", "stale"),
    ),
    "killed while four were saved: two are found, two are bought": Row(
        identity=FOUR,
        journal=(FOUR.new_entry("sent"),),
        disk={"1.png": B, "2.png": B},
        kind="missing",
        to_create=(2, 3),
        writes=("3.png", "4.png"),
        possibly_billed=True,
        notes=("found", "found", "may_be_billed_twice"),
        recorded=("saved",),
    ),
    "one unknown file among four stops all of them": Row(
        identity=FOUR, disk={"3.png": b"whose?"}, kind="refused", refusal="output_unknown"
    ),
    "two sizes of one picture are made together": Row(
        identity=ICON,
        journal=(saved(ICON),),
        disk={"512.png": B},
        kind="missing",
        to_create=(0,),
        writes=("64.png", "512.png"),
        replaces=("512.png",),
    ),
    "a size that was changed by hand stays when the other is made": Row(
        identity=ICON,
        journal=(saved(ICON),),
        disk={"512.png": b"painted over"},
        kind="missing",
        to_create=(0,),
        writes=("64.png",),
        notes=("changed_by_hand",),
    ),
    "a missing size does not touch the sizes of other pictures": Row(
        identity=TWO_ICONS,
        journal=(saved(TWO_ICONS),),
        disk={"a-64.png": B, "a-512.png": B, "b-512.png": B},
        kind="missing",
        to_create=(1,),
        writes=("b-64.png", "b-512.png"),
        replaces=("b-512.png",),
    ),
    "a picture that was saved under its true ending is the one that was planned": Row(
        journal=(HERO.new_entry("saved", files=(record("hero.webp", planned="hero.png"),)),), disk={"hero.webp": B}
    ),
    "such a picture is replaced where it stands": Row(
        identity=EDITED,
        journal=(HERO.new_entry("saved", files=(record("hero.webp", planned="hero.png"),)),),
        disk={"hero.webp": B},
        **(STALE | {"replaces": ("hero.webp",)}),
    ),
    "such a picture that is gone leaves the planned name to judge": Row(
        journal=(HERO.new_entry("saved", files=(record("hero.webp", planned="hero.png"),)),),
        disk={"hero.png": b"whose?"},
        kind="refused",
        refusal="output_unknown",
    ),
    "an output renamed in the row is bought": Row(
        identity=replace(HERO, id="title.png", image_paths=(("title.png",),)),
        journal=(saved(),),
        disk={"hero.png": B},
        kind="missing",
        to_create=(0,),
        writes=("title.png",),
    ),
    "an output renamed in the row and moved is done": Row(
        identity=replace(HERO, id="title.png", image_paths=(("title.png",),)),
        journal=(saved(),),
        disk={"title.png": B},
        recorded=("adopted",),
    ),
    "an output moved to a row that asks for something else is not known": Row(
        identity=replace(EDITED, id="title.png", image_paths=(("title.png",),)),
        journal=(saved(),),
        disk={"title.png": B},
        kind="refused",
        refusal="output_of_another_row",
    ),
    "an output moved to another ending is not known": Row(
        identity=replace(HERO, image_paths=(("hero.webp",),)),
        journal=(saved(),),
        disk={"hero.webp": B},
        kind="refused",
        refusal="output_unknown",
    ),
    "an adopted file is done": Row(
        journal=(HERO.new_entry("adopted", files=(record("hero.png"),)),), disk={"hero.png": B}
    ),
    "an adopted file whose row was edited is stale": Row(
        identity=EDITED,
        journal=(HERO.new_entry("adopted", files=(record("hero.png"),)),),
        disk={"hero.png": B},
        **STALE,
    ),
}


def writes(decision: Decision, identity: ItemIdentity) -> tuple[str, ...]:
    return decision.written_paths(identity.image_paths)


def decided(row: Row, folder: Path) -> Decision:
    return decide_item(row.identity, ledger_of(row.journal), write_files(folder, row.disk), **row.flags)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_situation_has_its_rule(row: Row, tmp_path: Path) -> None:
    decision = decided(row, tmp_path)
    assert (decision.kind, decision.to_create, writes(decision, row.identity)) == (row.kind, row.to_create, row.writes)
    assert tuple(path for path, _ in decision.replaces) == row.replaces
    assert tuple(note.code for note in decision.notes) == row.notes
    assert tuple(entry.state for entry in decision.entries) == row.recorded
    assert decision.possibly_billed == row.possibly_billed
    assert (decision.refusal and decision.refusal.code) == row.refusal
    assert decision.refusal is None or decision.refusal.hint


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.recorded], ids=[name for name, row in ROWS.items() if row.recorded]
)
def test_recorded_entries_settle_the_files_they_name(row: Row, tmp_path: Path) -> None:
    ledger = ledger_of(row.journal)
    standing = write_files(tmp_path, row.disk)
    first = decide_item(row.identity, ledger, standing, **row.flags)
    for entry in first.entries:
        ledger.add(replace(entry, run=9))
    again = decide_item(row.identity, ledger, standing)
    assert (again.kind, again.to_create, again.possibly_billed, again.entries) == (
        first.kind,
        first.to_create,
        first.possibly_billed,
        (),
    )


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.to_create], ids=[n for n, row in ROWS.items() if row.to_create]
)
def test_after_saving_the_missing_rows_nothing_is_requested_again(row: Row, tmp_path: Path) -> None:
    ledger, standing = ledger_of(row.journal), write_files(tmp_path, row.disk)
    decision = decide_item(row.identity, ledger, standing, **row.flags)
    for entry in (*decision.entries, row.identity.new_entry("sent")):
        ledger.add(replace(entry, run=9))
    for path, sha256 in decision.replaces:
        assert sha256 is None or standing.sha256(path) == sha256
    written = writes(decision, row.identity)
    write_files(tmp_path, dict.fromkeys(written, b"new"))
    ledger.add(replace(row.identity.new_entry("saved", files=tuple(record(path, b"new") for path in written)), run=9))
    assert decide_item(row.identity, ledger, standing).kind == "done"


def test_an_image_found_after_a_kill_has_the_model_of_its_request(tmp_path: Path) -> None:
    sent = HERO.new_entry("sent")
    decision = decide_item(
        replace(HERO, model="gpt-image-3"), ledger_of((sent,)), write_files(tmp_path, {"hero.png": B})
    )
    assert [(entry.state, entry.model, entry.hash) for entry in decision.entries] == [("saved", sent.model, sent.hash)]


def test_a_file_that_a_killed_run_may_have_replaced_is_not_identified_by_its_length(
    tmp_path: Path,
) -> None:
    decision = decide_item(
        HERO, ledger_of((saved(), HERO.new_entry("sent"))), write_files(tmp_path, {"hero.png": b"BOUGHT"})
    )
    assert [entry.files for entry in decision.entries] == [(record("hero.png", b"BOUGHT"),)]


def test_an_unchanged_file_is_not_read(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"hero.png": B})
    (tmp_path / "hero.png").write_bytes(b"BOUGHT")
    assert decide_item(HERO, ledger_of((saved(),)), standing).notes == ()


@pytest.mark.parametrize(
    ("identity", "saved_as", "why"),
    [
        (EDITED, HERO, "its row or an input has changed"),
        (HERO, BY_SANDBOX, "created by the sandbox"),
        (replace(HERO, provider="azure"), HERO, "created by openai, now requested from azure"),
        (
            replace(HERO, model="gpt-image-3", model_named=True),
            HERO,
            "created with gpt-image-2, now requested with gpt-image-3",
        ),
    ],
)
def test_a_stale_image_says_why(identity: ItemIdentity, saved_as: ItemIdentity, why: str, tmp_path: Path) -> None:
    (note,) = decide_item(identity, ledger_of((saved(saved_as),)), write_files(tmp_path, {"hero.png": B})).notes
    assert note.message == f"hero.png is stale: {why}"


def test_an_adopted_file_is_recorded_unchanged(tmp_path: Path) -> None:
    (entry,) = decide_item(HERO, JournalState(), write_files(tmp_path, {"hero.png": b"mine"}), adopt=True).entries
    assert entry == HERO.new_entry("adopted", files=(record("hero.png", b"mine"),))


_CONTENTS = st.sampled_from([None, b"", b"GIF89a", b"BOUGHT", b"painted over"])
_ROWS = st.sampled_from([HERO, EDITED, BY_SANDBOX, FOUR, ICON, replace(HERO, model="m3"), replace(HERO, id="title")])
_ENTRIES = st.builds(
    lambda identity, state, may_be_billed, run: replace(
        identity.new_entry(state, files=saved(identity).files if state in ("saved", "adopted") else ()),
        may_be_billed=may_be_billed,
        run=run,
    ),
    _ROWS,
    st.sampled_from(["sent", "bought", "saved", "failed", "adopted"]),
    st.booleans(),
    st.integers(0, 3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    identity=_ROWS,
    entries=st.lists(_ENTRIES, max_size=5),
    contents=st.lists(_CONTENTS, min_size=7, max_size=7),
    adopt=st.booleans(),
    if_exists=st.sampled_from([None, "number", "skip", "overwrite", "fail"]),
)
def test_every_state_has_a_decision_and_none_replaces_an_unknown_file(
    identity: ItemIdentity,
    entries: list[JournalEntry],
    contents: list[bytes | None],
    adopt: bool,
    if_exists: Any,
    tmp_path: Path,
) -> None:
    names = ("hero.png", "1.png", "2.png", "3.png", "4.png", "64.png", "512.png")
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).unlink(missing_ok=True)
        if content is not None:
            (tmp_path / name).write_bytes(content)
    ledger = ledger_of(tuple(entries))
    decision = decide_item(identity, ledger, DiskState(tmp_path), adopt=adopt, if_exists=if_exists)
    assert (decision.kind == "refused") == (decision.refusal is not None)
    assert bool(decision.to_create) == (decision.kind in ("missing", "stale")) == bool(writes(decision, identity))
    planned = {path for index in decision.to_create for path in identity.image_paths[index]}
    assert set(decision.unchanged) <= planned
    replaced = dict(decision.replaces)
    for path in writes(decision, identity):
        if (tmp_path / path).exists() and if_exists != "overwrite":
            # Known by its name, or by its content if it was saved for this request and moved.
            assert replaced[path] == hashlib.sha256(B).hexdigest()
            assert ledger.file_at(path) or ledger.files_by_hash(identity.hash)
            # A change by hand that kept the length is detected when the file is written: nothing is lost.
            replaced_itself = DiskState(tmp_path).sha256(path) == replaced[path]
            assert replaced_itself == ((tmp_path / path).read_bytes() == B)
    json.dumps([note.message for note in decision.notes])


def test_a_saved_image_moved_to_one_of_two_outputs_is_created_again_with_the_other(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"512.png": B})
    decision = decide_item(ICON, ledger_of((saved(),)), standing)
    assert (decision.kind, writes(decision, ICON)) == ("missing", ("64.png", "512.png"))
    assert decision.replaces == (("512.png", hashlib.sha256(B).hexdigest()),)


PENDING = HERO.new_entry("submitted", submission="one", batch="batch_1", planned=(("hero.png",),))


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize("standing", [{}, {"hero.png": b"anything"}], ids=["nothing there", "a file there"])
@pytest.mark.parametrize("state", ["submitted", "sent"])
def test_a_row_pending_at_the_batch_api_is_not_requested_again(
    state: str, standing: dict[str, bytes], adopt: bool, tmp_path: Path
) -> None:
    ledger = ledger_of((replace(PENDING, state=state),))  # type: ignore[arg-type]
    decision = decide_item(HERO, ledger, write_files(tmp_path, standing), adopt=adopt)
    assert (decision.kind, decision.to_create, decision.notes) == ("submitted", (), ())


def test_a_batch_of_an_ended_sandbox_process_delays_no_row(tmp_path: Path) -> None:
    ledger = ledger_of((replace(PENDING, provider="sandbox", sandbox=True),))
    assert decide_item(HERO, ledger, write_files(tmp_path, {})).kind == "missing"
    assert decide_item(BY_SANDBOX, ledger, write_files(tmp_path, {})).kind == "submitted"


def test_a_row_that_changed_while_pending_is_noted_and_waited_for(tmp_path: Path) -> None:
    decision = decide_item(EDITED, ledger_of((PENDING,)), write_files(tmp_path, {}))
    assert decision.kind == "submitted"
    assert [note.code for note in decision.notes] == ["changed_meanwhile"]


def test_a_row_pending_at_another_provider_is_reported(tmp_path: Path) -> None:
    elsewhere = replace(HERO, provider="other", base_url="http://there/v1")
    decision = decide_item(elsewhere, ledger_of((PENDING,)), write_files(tmp_path, {}))
    assert (decision.kind, [note.message for note in decision.notes]) == (
        "submitted",
        ["hero is pending in batch_1 at openai; a run for that provider downloads it"],
    )


def test_a_row_pending_under_another_spelling_of_the_url_is_recognized(tmp_path: Path) -> None:
    here = replace(HERO, base_url="http://localhost:8080/v1")
    ledger = ledger_of((replace(PENDING, base_url="http://127.0.0.1:8080/v1"),))
    decision = decide_item(here, ledger, write_files(tmp_path, {}))
    assert (decision.kind, decision.notes) == ("submitted", ())


def test_a_row_of_a_free_provider_is_not_reported_as_billed_twice(tmp_path: Path) -> None:
    sent = ledger_of((replace(PENDING, state="sent", batch=None, submission=None),))
    assert [note.code for note in decide_item(HERO, sent, write_files(tmp_path, {})).notes] == ["may_be_billed_twice"]
    assert decide_item(replace(HERO, free=True), sent, write_files(tmp_path, {})).notes == ()


def test_a_downloaded_row_is_decided_like_any_other(tmp_path: Path) -> None:
    ledger = ledger_of((PENDING, saved()))
    assert decide_item(HERO, ledger, write_files(tmp_path, {"hero.png": B})).kind == "done"
    (tmp_path / "hero.png").unlink()
    assert (
        decide_item(HERO, ledger_of((PENDING, HERO.new_entry("failed"))), write_files(tmp_path, {})).kind == "missing"
    )


@pytest.mark.parametrize("many", [1, 3, 4, 1200])
def test_of_many_equal_notes_one_is_printed_and_the_others_counted(many: int) -> None:
    stale = [FileNote(code="stale", path=f"{number}.png", text="is stale: as it is") for number in range(many)]
    twice = FileNote(code="may_be_billed_twice", path="0.png", text="was sent once", is_warning=True)
    *notes, last = merge_notes([*stale, twice])
    assert last == WarningEvent(code="may_be_billed_twice", message="0.png was sent once")
    if many <= 3:
        assert [note.message for note in notes] == [f"{number}.png is stale: as it is" for number in range(many)]
    else:
        assert notes == [NoteEvent(code="stale", message=f"0.png is stale: as it is (and {many - 1:,} more files)")]


def test_every_row_that_may_be_billed_twice_is_named() -> None:
    notes = [
        FileNote(path=f"{number}.png", text="x", code="may_be_billed_twice", is_warning=True) for number in range(9)
    ]
    assert [event.message for event in merge_notes(notes)] == [f"{number}.png x" for number in range(9)]
