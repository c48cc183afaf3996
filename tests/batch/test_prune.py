"""--prune: files that no row creates any more are listed, and removed only if they are unchanged since they were
saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagecli.batch.decisions import decide_item
from imagecli.batch.file_state import DiskState
from imagecli.batch.journal.state import JournalState
from imagecli.batch.prune import find_orphans, remove_orphan, suggest_moves
from imagecli.errors import DiskError
from tests.batch.test_decisions import HERO, B, ledger_of, record, write_files
from tests.file_permissions import file_permissions_enforced

OLD = replace(HERO, id="old")


def pruned(folder: Path, planned: tuple[str, ...], ledger: JournalState) -> dict[str, bool]:
    return {orphan.record.path: orphan.unchanged for orphan in find_orphans(planned, ledger, DiskState(folder))}


def saved_ledger(*paths: str) -> JournalState:
    return ledger_of((OLD.new_entry("saved", files=tuple(record(path) for path in paths)),))


def test_planned_missing_and_unknown_files_are_not_orphans(tmp_path: Path) -> None:
    write_files(tmp_path, {"kept.png": B, "old.png": B, "mine.png": B, "a/changed.png": b"painted over"})
    ledger = saved_ledger("kept.png", "old.png", "gone.png", "a/changed.png")
    assert pruned(tmp_path, ("kept.png",), ledger) == {"a/changed.png": False, "old.png": True}


def test_an_image_with_its_correct_extension_is_still_planned(tmp_path: Path) -> None:
    write_files(tmp_path, {"hero.webp": B})
    ledger = ledger_of((HERO.new_entry("saved", files=(record("hero.webp", planned="hero.png"),)),))
    assert pruned(tmp_path, ("hero.png",), ledger) == {}
    assert pruned(tmp_path, (), ledger) == {"hero.webp": True}


OTHER = b"GIF87a of the other clone"


@pytest.mark.parametrize("other", [OTHER, B], ids=["another image", "the same image"])
@pytest.mark.parametrize("later", ["hero.png", "hero_2.png"])
@pytest.mark.parametrize("has_both", [False, True])
def test_a_row_keeps_its_file_whichever_of_two_merged_clones_saved_it(
    has_both: bool, later: str, other: bytes, tmp_path: Path
) -> None:
    """One clone saved hero.png, the other one hero_2.png; this disk has the second alone, or both."""
    first = HERO.new_entry("saved", files=(record("hero.png"),))
    second = HERO.new_entry("saved", files=(record("hero_2.png", other, planned="hero.png"),))
    write_files(tmp_path, {"hero_2.png": other} | ({"hero.png": B} if has_both else {}))
    ledger = ledger_of((second, first) if later == "hero.png" else (first, second))
    orphans = pruned(tmp_path, ("hero.png",), ledger)
    if not has_both:
        assert orphans == {}
        assert decide_item(HERO, ledger, DiskState(tmp_path)).kind == "done"
    else:  # the planned name is always the row's
        assert orphans == ({"hero_2.png": True} if later == "hero.png" else {})


def test_a_row_keeps_the_only_file_of_two_even_if_that_was_changed_by_hand(tmp_path: Path) -> None:
    write_files(tmp_path, {"hero_2.png": b"painted over"})
    second = HERO.new_entry("saved", files=(record("hero_2.png", OTHER, planned="hero.png"),))
    ledger = ledger_of((second, HERO.new_entry("saved", files=(record("hero.png"),))))
    assert pruned(tmp_path, ("hero.png",), ledger) == {}


def test_a_name_that_some_file_system_equates_with_a_planned_one_is_not_an_orphan(tmp_path: Path) -> None:
    write_files(tmp_path, {"Hero.png": B, "cafe\u0301.png": B})
    assert pruned(tmp_path, ("hero.PNG", "caf\u00e9.png"), saved_ledger("Hero.png", "cafe\u0301.png")) == {}


ICONS = replace(HERO, id="icon-32.png", image_paths=(("icon-32.png", "icon-64.png"),)).new_entry(
    "saved", files=(record("icon-32.png"), record("icon-64.png")), originals=(record("icon-32.orig.png"),)
)


@pytest.mark.parametrize(
    ("planned", "orphaned"),
    [
        (("icon-32.png", "icon-64.png"), []),
        (("icon-64.png",), ["icon-32.png"]),
        ((), ["icon-32.orig.png", "icon-32.png", "icon-64.png"]),
        (("icon-32.orig.png",), ["icon-32.png", "icon-64.png"]),
    ],
)
def test_an_original_belongs_to_the_files_created_from_it(
    tmp_path: Path, planned: tuple[str, ...], orphaned: list[str]
) -> None:
    write_files(tmp_path, dict.fromkeys(("icon-32.png", "icon-64.png", "icon-32.orig.png"), B))
    assert pruned(tmp_path, planned, ledger_of((ICONS,))) == dict.fromkeys(orphaned, True)


def test_a_file_belongs_to_the_row_that_saved_it_last(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"icon-32.png": B, "icon-32.orig.png": b"GIF87a newer"})
    again = replace(
        ICONS, run=2, files=(record("icon-32.png"),), originals=(record("icon-32.orig.png", b"GIF87a newer"),)
    )
    ledger = ledger_of((ICONS, again))
    assert pruned(tmp_path, ("icon-32.png",), ledger) == {}
    assert pruned(tmp_path, (), ledger) == {"icon-32.orig.png": True, "icon-32.png": True}
    moved = replace(HERO, id="new.png", image_paths=(("new.png",),))
    (message,) = suggest_moves(
        [(moved, decide_item(moved, ledger, standing))], find_orphans((), ledger, standing), Path()
    )
    assert message.message.startswith("new.png already exists as icon-32.png; to reuse it: ")


def test_a_renamed_output_can_be_moved_instead_of_requested(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"old.png": B, "old-2.png": B, "a b.webp": B, "changed.png": b"painted over"})
    ledger = saved_ledger("old.png", "a b.webp", "changed.png")
    ledger.add(replace(HERO, row_hash="another row").new_entry("saved", files=(record("old-2.png"),)))
    identities = [replace(OLD, id=path, image_paths=((path,),)) for path in ("1.png", "2.png", "3.webp")]
    orphans = find_orphans([identity.id for identity in identities], ledger, standing)
    message = suggest_moves(
        [(identity, decide_item(identity, ledger, standing)) for identity in identities], orphans, Path()
    )
    assert [note.message for note in message] == [
        "1.png already exists as old.png; to reuse it: mv old.png 1.png",
        '3.webp already exists as a b.webp; to reuse it: mv "a b.webp" 3.webp',
    ]
    (tmp_path / "old.png").rename(tmp_path / "1.png")
    assert decide_item(identities[0], ledger, standing).kind == "done"


def test_a_replaced_image_is_checked_against_its_last_entry(tmp_path: Path) -> None:
    write_files(tmp_path, {"old.png": b"GIF87a newer"})
    ledger = ledger_of(
        (
            OLD.new_entry("saved", files=(record("old.png"),)),
            OLD.new_entry("saved", files=(record("old.png", b"GIF87a newer"),)),
        )
    )
    assert pruned(tmp_path, (), ledger) == {"old.png": True}


def test_an_orphan_is_removed_with_the_folders_it_leaves_empty(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"a/b/old.png": B, "a/mine.txt": b""})
    (orphan,) = find_orphans((), saved_ledger("a/b/old.png"), standing)
    assert remove_orphan(orphan, tmp_path, standing)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "mine.txt"]
    assert find_orphans((), saved_ledger("a/b/old.png"), standing) == []


def test_a_file_changed_by_hand_is_not_removed_not_even_at_the_last_moment(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"1.png": B, "2.png": b"painted over"})
    write_files(tmp_path, {"3.png": b"BOUGHT"})
    first, second, third = find_orphans((), saved_ledger("1.png", "2.png", "3.png"), standing)
    assert (first.unchanged, second.unchanged, third.unchanged) == (True, False, False)
    (tmp_path / "1.png").write_bytes(b"BOUGHT")
    assert not remove_orphan(first, tmp_path, standing)
    assert not remove_orphan(second, tmp_path, standing)
    assert not remove_orphan(third, tmp_path, standing)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_is_removed_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    standing = write_files(tmp_path / "below", {})
    (tmp_path / "below" / "other.png").write_bytes(B)
    (tmp_path / "below" / "old.png").symlink_to("other.png")
    (orphan,) = find_orphans((), saved_ledger("old.png"), standing)
    assert remove_orphan(orphan, tmp_path / "below", standing)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["other.png"]


def test_a_file_that_can_not_be_removed_is_an_error(tmp_path: Path) -> None:
    standing = write_files(tmp_path, {"a/old.png": B})
    (orphan,) = find_orphans((), saved_ledger("a/old.png"), standing)
    (tmp_path / "a").chmod(0o500)
    try:
        with file_permissions_enforced(), pytest.raises(DiskError):
            remove_orphan(orphan, tmp_path, standing)
    finally:
        (tmp_path / "a").chmod(0o700)
