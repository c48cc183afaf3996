"""What has to be bought: every rule a row, over real files, and a decision for everything that can stand there."""

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
DRAWN = replace(HERO, provider="sandbox", sandbox=True)
FOUR = replace(HERO, image_paths=(("1.png",), ("2.png",), ("3.png",), ("4.png",)))
ICON = replace(HERO, image_paths=(("64.png", "512.png"),))
TWO_ICONS = replace(HERO, image_paths=(("a-64.png", "a-512.png"), ("b-64.png", "b-512.png")))


def record(path: str, content: bytes = b"GIF89a", planned: str | None = None) -> FileRecord:
    return FileRecord(path=path, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), planned=planned)


def saved(wanted: ItemIdentity = HERO, *paths: str) -> JournalEntry:
    """*wanted* as it was bought, with all its files or only *paths*."""
    planned = [path for picture in wanted.image_paths for path in picture]
    return wanted.new_entry("saved", files=tuple(record(path) for path in paths or planned))


def of_earlier_version(base_url: str) -> JournalEntry:
    """HERO as bought at *base_url* by a version that hashed it."""
    hashed = request_hash(HERO.row_hash, provider="openai", model=HERO.model, base_url=base_url)
    return replace(saved(), hash=hashed, base_url=base_url)


def ledger_of(entries: tuple[JournalEntry, ...]) -> JournalState:
    ledger = JournalState()
    for number, entry in enumerate(entries, start=1):
        ledger.add(replace(entry, run=entry.run or number))
    return ledger


class Disk(DiskState):
    """Takes every content for an image."""

    def image_problem(self, path: str) -> str | None:
        return None


def put(folder: Path, files: dict[str, bytes]) -> DiskState:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Disk(folder)


B = b"GIF89a"
"""What `saved` says was saved."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A situation and what is decided."""

    wanted: ItemIdentity = HERO
    journal: tuple[JournalEntry, ...] = ()
    disk: dict[str, bytes] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    kind: str = "done"
    to_create: tuple[int, ...] = ()
    writes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    """The states that the journal is to be told."""
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
        wanted=EDITED, journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "an edited row that failed leaves the old file the journal's": Row(
        wanted=EDITED, journal=(saved(), EDITED.new_entry("failed", error="x")), disk={"hero.png": B}, **STALE
    ),
    "the journal's word of a later run counts, wherever its line stands": Row(
        wanted=EDITED,
        journal=(replace(saved(EDITED), run=2), replace(saved(), run=1)),
        disk={"hero.png": B},
    ),
    "another provider makes it stale": Row(
        wanted=replace(HERO, provider="azure"), journal=(saved(),), disk={"hero.png": B}, **STALE
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
        wanted=EDITED,
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
        wanted=replace(HERO, base_url="http://box:8080/v1"),
        journal=(saved(),),
        disk={"hero.png": B},
        notes=("other_address",),
    ),
    "another spelling of the address is none, nor is it in the hash of an earlier version": Row(
        wanted=replace(HERO, base_url="http://localhost:8080/v1"),
        journal=(of_earlier_version("http://127.0.0.1:8080/v1/"),),
        disk={"hero.png": B},
    ),
    "what an earlier version hashed with CRLF in it is up to date": Row(
        wanted=replace(HERO, row_hash="row with LF", raw_row_hash="row as written"),
        journal=(saved(),),
        disk={"hero.png": B},
    ),
    "and with another address too": Row(
        wanted=replace(HERO, row_hash="row with LF", raw_row_hash="row as written"),
        journal=(of_earlier_version("http://127.0.0.1:8080/v1/"),),
        disk={"hero.png": B},
        notes=("other_address",),
    ),
    "a moved file is found by the hash of an earlier version": Row(
        wanted=replace(HERO, id="title", image_paths=(("title.png",),), base_url="http://box/v1"),
        journal=(of_earlier_version("http://box/v1"),),
        disk={"title.png": B},
        told=("adopted",),
    ),
    "another model in the row makes it stale": Row(
        wanted=replace(HERO, model="gpt-image-3", model_named=True),
        journal=(saved(),),
        disk={"hero.png": B},
        **STALE,
    ),
    "another default model is a note": Row(
        wanted=replace(HERO, model="gpt-image-3"),
        journal=(saved(),),
        disk={"hero.png": B},
        notes=("new_default_model",),
    ),
    "a row that names the model it had by default is no other": Row(
        wanted=replace(HERO, model_named=True), journal=(saved(),), disk={"hero.png": B}
    ),
    "a row that names its model no more keeps what that made": Row(
        wanted=replace(HERO, model="gpt-image-3"),
        journal=(saved(replace(HERO, model_named=True)),),
        disk={"hero.png": B},
        notes=("new_default_model",),
    ),
    "an edited row under another default model is stale": Row(
        wanted=replace(EDITED, model="gpt-image-3"), journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "a row with another id and the same words keeps its picture": Row(
        wanted=replace(HERO, id="title"), journal=(saved(),), disk={"hero.png": B}
    ),
    "a row that takes another's output over replaces what the journal knows": Row(
        wanted=replace(EDITED, id="title"), journal=(saved(),), disk={"hero.png": B}, **STALE
    ),
    "a picture changed by hand is kept": Row(
        journal=(saved(),), disk={"hero.png": b"painted over"}, notes=("changed_by_hand",)
    ),
    "a picture changed by hand whose row was edited is refused": Row(
        wanted=EDITED,
        journal=(saved(),),
        disk={"hero.png": b"painted over"},
        kind="refused",
        refusal="output_edited",
    ),
    "changed by hand is seen also where the length is the same, before it would be replaced": Row(
        wanted=EDITED, journal=(saved(),), disk={"hero.png": b"BOUGHT"}, kind="refused", refusal="output_edited"
    ),
    "--adopt settles a picture changed by hand": Row(
        wanted=EDITED, journal=(saved(),), disk={"hero.png": b"mine"}, flags={"adopt": True}, told=("adopted",)
    ),
    "--adopt never takes a stale picture for a fresh one": Row(
        wanted=EDITED, journal=(saved(),), disk={"hero.png": B}, flags={"adopt": True}, **STALE
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
    "--adopt takes an unknown file": Row(disk={"hero.png": b"whose?"}, flags={"adopt": True}, told=("adopted",)),
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
    "a sandbox picture is stale for a real provider": Row(journal=(saved(DRAWN),), disk={"hero.png": B}, **STALE),
    "a sandbox picture is done for the sandbox": Row(wanted=DRAWN, journal=(saved(DRAWN),), disk={"hero.png": B}),
    "the sandbox draws its own pictures anew": Row(
        wanted=replace(DRAWN, row_hash="row as edited"), journal=(saved(DRAWN),), disk={"hero.png": B}, **STALE
    ),
    "the sandbox fills what is missing": Row(wanted=DRAWN, journal=(saved(),), **MISSING),
    "the sandbox keeps what was bought": Row(wanted=DRAWN, journal=(saved(),), disk={"hero.png": B}),
    "the sandbox keeps what was bought for a row that was edited since, and says so": Row(
        wanted=replace(DRAWN, row_hash="row as edited"),
        journal=(saved(),),
        disk={"hero.png": B},
        notes=("sandbox_kept",),
    ),
    "the sandbox keeps a file that nobody knows": Row(
        wanted=DRAWN, disk={"hero.png": b"whose?"}, notes=("sandbox_kept",)
    ),
    "the sandbox replaces none of these, whatever --if-exists says": Row(
        wanted=DRAWN,
        disk={"hero.png": b"whose?"},
        flags={"if_exists": "overwrite"},
        notes=("sandbox_kept",),
    ),
    "the sandbox adopts nothing: it would stand for what a real provider made": Row(
        wanted=DRAWN, disk={"hero.png": b"whose?"}, flags={"adopt": True}, notes=("sandbox_kept",)
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
        wanted=EDITED, journal=(HERO.new_entry("sent"),), **MISSING
    ),
    "what the sandbox did not finish costs nothing": Row(wanted=DRAWN, journal=(DRAWN.new_entry("sent"),), **MISSING),
    "killed after saving: the file is the purchase's": Row(
        journal=(HERO.new_entry("sent"),), disk={"hero.png": B}, notes=("found",), told=("saved",)
    ),
    "killed after saving, and the default model is another today": Row(
        wanted=replace(HERO, model="gpt-image-3"),
        journal=(HERO.new_entry("sent"),),
        disk={"hero.png": B},
        notes=("found",),
        told=("saved",),
    ),
    "killed after replacing a stale file: the new one is the purchase's": Row(
        wanted=EDITED,
        journal=(saved(), EDITED.new_entry("sent")),
        disk={"hero.png": b"newer!"},
        notes=("found",),
        told=("saved",),
    ),
    "killed before replacing a stale file: it is stale, and may be billed twice": Row(
        wanted=EDITED,
        journal=(saved(), EDITED.new_entry("sent")),
        disk={"hero.png": B},
        possibly_billed=True,
        **(STALE | {"notes": ("stale", "may_be_billed_twice")}),
    ),
    "killed, and the row edited since: nobody knows whose the file is": Row(
        wanted=EDITED, journal=(HERO.new_entry("sent"),), disk={"hero.png": B}, kind="refused", refusal="output_unknown"
    ),
    "three of four came: one is bought": Row(
        wanted=FOUR,
        journal=(saved(FOUR, "1.png", "2.png", "4.png"),),
        disk={"1.png": B, "2.png": B, "4.png": B},
        kind="missing",
        to_create=(2,),
        writes=("3.png",),
    ),
    "one of four was paid for and damaged: one is bought, and that is said": Row(
        wanted=FOUR,
        journal=(replace(saved(FOUR, "1.png", "2.png", "4.png"), may_be_billed=True),),
        disk={"1.png": B, "2.png": B, "4.png": B},
        kind="missing",
        to_create=(2,),
        writes=("3.png",),
        possibly_billed=True,
        notes=("may_be_billed_twice",),
    ),
    "one of four was deleted: one is bought": Row(
        wanted=FOUR,
        journal=(saved(FOUR),),
        disk={"1.png": B, "3.png": B, "4.png": B},
        kind="missing",
        to_create=(1,),
        writes=("2.png",),
    ),
    "of four stale pictures the missing one is bought with the others": Row(
        wanted=replace(FOUR, row_hash="row as edited"),
        journal=(saved(FOUR),),
        disk={"1.png": B, "2.png": B, "4.png": B},
        kind="stale",
        to_create=(0, 1, 2, 3),
        writes=("1.png", "2.png", "3.png", "4.png"),
        replaces=("1.png", "2.png", "4.png"),
        notes=("stale", "stale", "stale"),
    ),
    "killed while four were saved: two are found, two are bought": Row(
        wanted=FOUR,
        journal=(FOUR.new_entry("sent"),),
        disk={"1.png": B, "2.png": B},
        kind="missing",
        to_create=(2, 3),
        writes=("3.png", "4.png"),
        possibly_billed=True,
        notes=("found", "found", "may_be_billed_twice"),
        told=("saved",),
    ),
    "one unknown file among four stops all of them": Row(
        wanted=FOUR, disk={"3.png": b"whose?"}, kind="refused", refusal="output_unknown"
    ),
    "two sizes of one picture are made together": Row(
        wanted=ICON,
        journal=(saved(ICON),),
        disk={"512.png": B},
        kind="missing",
        to_create=(0,),
        writes=("64.png", "512.png"),
        replaces=("512.png",),
    ),
    "a size that was changed by hand stays when the other is made": Row(
        wanted=ICON,
        journal=(saved(ICON),),
        disk={"512.png": b"painted over"},
        kind="missing",
        to_create=(0,),
        writes=("64.png",),
        notes=("changed_by_hand",),
    ),
    "a missing size does not touch the sizes of other pictures": Row(
        wanted=TWO_ICONS,
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
        wanted=EDITED,
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
        wanted=replace(HERO, id="title.png", image_paths=(("title.png",),)),
        journal=(saved(),),
        disk={"hero.png": B},
        kind="missing",
        to_create=(0,),
        writes=("title.png",),
    ),
    "an output renamed in the row and moved is done": Row(
        wanted=replace(HERO, id="title.png", image_paths=(("title.png",),)),
        journal=(saved(),),
        disk={"title.png": B},
        told=("adopted",),
    ),
    "an output moved to a row that asks for something else is not known": Row(
        wanted=replace(EDITED, id="title.png", image_paths=(("title.png",),)),
        journal=(saved(),),
        disk={"title.png": B},
        kind="refused",
        refusal="output_of_another_row",
    ),
    "an output moved to another ending is not known": Row(
        wanted=replace(HERO, image_paths=(("hero.webp",),)),
        journal=(saved(),),
        disk={"hero.webp": B},
        kind="refused",
        refusal="output_unknown",
    ),
    "an adopted file is done": Row(
        journal=(HERO.new_entry("adopted", files=(record("hero.png"),)),), disk={"hero.png": B}
    ),
    "an adopted file whose row was edited is stale": Row(
        wanted=EDITED, journal=(HERO.new_entry("adopted", files=(record("hero.png"),)),), disk={"hero.png": B}, **STALE
    ),
}


def decided(row: Row, folder: Path) -> Decision:
    return decide_item(row.wanted, ledger_of(row.journal), put(folder, row.disk), **row.flags)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_situation_has_its_rule(row: Row, tmp_path: Path) -> None:
    found = decided(row, tmp_path)
    assert (found.kind, found.to_create, found.writes) == (row.kind, row.to_create, row.writes)
    assert tuple(path for path, _ in found.replaces) == row.replaces
    assert tuple(note.code for note in found.notes) == row.notes
    assert tuple(entry.state for entry in found.entries) == row.told
    assert found.possibly_billed == row.possibly_billed
    assert (found.refusal and found.refusal.code) == row.refusal
    assert found.refusal is None or found.refusal.hint


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.told], ids=[name for name, row in ROWS.items() if row.told]
)
def test_what_the_journal_is_told_settles_the_files_it_is_told_of(row: Row, tmp_path: Path) -> None:
    ledger = ledger_of(row.journal)
    standing = put(tmp_path, row.disk)
    first = decide_item(row.wanted, ledger, standing, **row.flags)
    for entry in first.entries:
        ledger.add(replace(entry, run=9))
    again = decide_item(row.wanted, ledger, standing)
    assert (again.kind, again.to_create, again.possibly_billed, again.entries) == (
        first.kind,
        first.to_create,
        first.possibly_billed,
        (),
    )


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.to_create], ids=[n for n, row in ROWS.items() if row.to_create]
)
def test_after_what_is_to_be_bought_was_bought_nothing_is_bought_again(row: Row, tmp_path: Path) -> None:
    ledger, standing = ledger_of(row.journal), put(tmp_path, row.disk)
    found = decide_item(row.wanted, ledger, standing, **row.flags)
    for entry in (*found.entries, row.wanted.new_entry("sent")):
        ledger.add(replace(entry, run=9))
    for path, sha256 in found.replaces:
        assert sha256 is None or standing.sha256(path) == sha256
    put(tmp_path, dict.fromkeys(found.writes, b"new"))
    ledger.add(
        replace(row.wanted.new_entry("saved", files=tuple(record(path, b"new") for path in found.writes)), run=9)
    )
    assert decide_item(row.wanted, ledger, standing).kind == "done"


def test_what_is_found_after_a_kill_was_made_by_the_model_of_then(tmp_path: Path) -> None:
    sent = HERO.new_entry("sent")
    found = decide_item(replace(HERO, model="gpt-image-3"), ledger_of((sent,)), put(tmp_path, {"hero.png": B}))
    assert [(entry.state, entry.model, entry.hash) for entry in found.entries] == [("saved", sent.model, sent.hash)]


def test_a_file_that_a_killed_run_may_have_replaced_is_not_taken_for_the_one_before_by_its_length(
    tmp_path: Path,
) -> None:
    found = decide_item(HERO, ledger_of((saved(), HERO.new_entry("sent"))), put(tmp_path, {"hero.png": b"BOUGHT"}))
    assert [entry.files for entry in found.entries] == [(record("hero.png", b"BOUGHT"),)]


def test_an_unchanged_file_is_not_read(tmp_path: Path) -> None:
    standing = put(tmp_path, {"hero.png": B})
    (tmp_path / "hero.png").write_bytes(b"BOUGHT")
    assert decide_item(HERO, ledger_of((saved(),)), standing).notes == ()


@pytest.mark.parametrize(
    ("wanted", "bought", "why"),
    [
        (EDITED, HERO, "its row or an input has changed"),
        (HERO, DRAWN, "created by the sandbox"),
        (replace(HERO, provider="azure"), HERO, "created by openai, now requested from azure"),
        (
            replace(HERO, model="gpt-image-3", model_named=True),
            HERO,
            "created with gpt-image-2, now requested with gpt-image-3",
        ),
    ],
)
def test_a_stale_picture_says_why(wanted: ItemIdentity, bought: ItemIdentity, why: str, tmp_path: Path) -> None:
    (note,) = decide_item(wanted, ledger_of((saved(bought),)), put(tmp_path, {"hero.png": B})).notes
    assert note.message == f"hero.png is stale: {why}"


def test_an_adopted_file_is_recorded_as_it_stands(tmp_path: Path) -> None:
    (entry,) = decide_item(HERO, JournalState(), put(tmp_path, {"hero.png": b"mine"}), adopt=True).entries
    assert entry == HERO.new_entry("adopted", files=(record("hero.png", b"mine"),))


_CONTENTS = st.sampled_from([None, b"", b"GIF89a", b"BOUGHT", b"painted over"])
_WANTED = st.sampled_from([HERO, EDITED, DRAWN, FOUR, ICON, replace(HERO, model="m3"), replace(HERO, id="title")])
_ENTRIES = st.builds(
    lambda wanted, state, may_be_billed, run: replace(
        wanted.new_entry(state, files=saved(wanted).files if state in ("saved", "adopted") else ()),
        may_be_billed=may_be_billed,
        run=run,
    ),
    _WANTED,
    st.sampled_from(["sent", "bought", "saved", "failed", "adopted"]),
    st.booleans(),
    st.integers(0, 3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    wanted=_WANTED,
    entries=st.lists(_ENTRIES, max_size=5),
    contents=st.lists(_CONTENTS, min_size=7, max_size=7),
    adopt=st.booleans(),
    if_exists=st.sampled_from([None, "number", "skip", "overwrite", "fail"]),
)
def test_everything_has_a_decision_and_none_buys_over_what_is_not_known(
    wanted: ItemIdentity,
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
    found = decide_item(wanted, ledger, DiskState(tmp_path), adopt=adopt, if_exists=if_exists)
    assert (found.kind == "refused") == (found.refusal is not None)
    assert bool(found.to_create) == (found.kind in ("missing", "stale")) == bool(found.writes)
    planned = {path for index in found.to_create for path in wanted.image_paths[index]}
    assert set(found.writes) <= planned
    replaced = dict(found.replaces)
    for path in found.writes:
        if (tmp_path / path).exists() and if_exists != "overwrite":
            # Known by its name, or by its content where it was bought for this request and moved.
            assert replaced[path] == hashlib.sha256(B).hexdigest()
            assert ledger.file_at(path) or ledger.files_by_hash(wanted.hash)
            # A change by hand that kept the length is seen when it is written: nothing is lost by it.
            written_over = DiskState(tmp_path).sha256(path) == replaced[path]
            assert written_over == ((tmp_path / path).read_bytes() == B)
    json.dumps([note.message for note in found.notes])


def test_a_bought_picture_that_was_moved_to_one_of_two_outputs_is_made_anew_with_the_other(tmp_path: Path) -> None:
    standing = put(tmp_path, {"512.png": B})
    found = decide_item(ICON, ledger_of((saved(),)), standing)
    assert (found.kind, found.writes) == ("missing", ("64.png", "512.png"))
    assert found.replaces == (("512.png", hashlib.sha256(B).hexdigest()),)


AWAY = HERO.new_entry("submitted", submission="one", batch="batch_1", planned=(("hero.png",),))


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize("standing", [{}, {"hero.png": b"anything"}], ids=["nothing there", "a file there"])
@pytest.mark.parametrize("state", ["submitted", "sent"])
def test_what_the_batch_api_has_is_not_bought_again_whatever_stands_there(
    state: str, standing: dict[str, bytes], adopt: bool, tmp_path: Path
) -> None:
    ledger = ledger_of((replace(AWAY, state=state),))  # type: ignore[arg-type]
    found = decide_item(HERO, ledger, put(tmp_path, standing), adopt=adopt)
    assert (found.kind, found.to_create, found.writes, found.notes) == ("submitted", (), (), ())


def test_the_sandboxs_batch_ended_with_its_process_and_holds_nothing_up(tmp_path: Path) -> None:
    ledger = ledger_of((replace(AWAY, provider="sandbox", sandbox=True),))
    assert decide_item(HERO, ledger, put(tmp_path, {})).kind == "missing"
    assert decide_item(DRAWN, ledger, put(tmp_path, {})).kind == "submitted"


def test_a_row_that_changed_while_it_was_away_is_said_and_waited_for(tmp_path: Path) -> None:
    found = decide_item(EDITED, ledger_of((AWAY,)), put(tmp_path, {}))
    assert found.kind == "submitted"
    assert [note.code for note in found.notes] == ["changed_meanwhile"]


def test_what_another_providers_batch_api_has_is_said_to_be_there(tmp_path: Path) -> None:
    elsewhere = replace(HERO, provider="other", base_url="http://there/v1")
    found = decide_item(elsewhere, ledger_of((AWAY,)), put(tmp_path, {}))
    assert (found.kind, [note.message for note in found.notes]) == (
        "submitted",
        ["hero is pending in batch_1 at openai; a run for that provider downloads it"],
    )


def test_what_this_servers_batch_api_has_under_another_spelling_is_its_own(tmp_path: Path) -> None:
    here = replace(HERO, base_url="http://localhost:8080/v1")
    ledger = ledger_of((replace(AWAY, base_url="http://127.0.0.1:8080/v1"),))
    found = decide_item(here, ledger, put(tmp_path, {}))
    assert (found.kind, found.notes) == ("submitted", ())


def test_a_row_that_a_free_provider_may_have_made_is_not_said_to_be_billed_twice(tmp_path: Path) -> None:
    sent = ledger_of((replace(AWAY, state="sent", batch=None, submission=None),))
    assert [note.code for note in decide_item(HERO, sent, put(tmp_path, {})).notes] == ["may_be_billed_twice"]
    assert decide_item(replace(HERO, free=True), sent, put(tmp_path, {})).notes == ()


def test_what_has_come_back_is_judged_as_ever(tmp_path: Path) -> None:
    ledger = ledger_of((AWAY, saved()))
    assert decide_item(HERO, ledger, put(tmp_path, {"hero.png": B})).kind == "done"
    (tmp_path / "hero.png").unlink()
    assert decide_item(HERO, ledger_of((AWAY, HERO.new_entry("failed"))), put(tmp_path, {})).kind == "missing"


@pytest.mark.parametrize("many", [1, 3, 4, 1200])
def test_of_many_files_alike_one_is_named_and_the_others_are_counted(many: int) -> None:
    stale = [FileNote(code="stale", path=f"{number}.png", text="is stale: as it is") for number in range(many)]
    twice = FileNote(code="may_be_billed_twice", path="0.png", text="was sent once", is_warning=True)
    *said, last = merge_notes([*stale, twice])
    assert last == WarningEvent(code="may_be_billed_twice", message="0.png was sent once")
    if many <= 3:
        assert [note.message for note in said] == [f"{number}.png is stale: as it is" for number in range(many)]
    else:
        assert said == [NoteEvent(code="stale", message=f"0.png is stale: as it is (and {many - 1:,} more files)")]


def test_of_what_may_be_billed_twice_each_is_named() -> None:
    notes = [
        FileNote(path=f"{number}.png", text="x", code="may_be_billed_twice", is_warning=True) for number in range(9)
    ]
    assert [event.message for event in merge_notes(notes)] == [f"{number}.png x" for number in range(9)]
