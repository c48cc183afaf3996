"""`--prune`: files that were saved for a manifest and that no row makes any more: listed, removed if that is said."""

from __future__ import annotations

from imagecli.batch.failed_manifest import owner_of
from imagecli.batch.file_state import Standing
from imagecli.batch.journal.lock import locked
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.prune import orphans, remove
from imagecli.commands.batch.context import Bench
from imagecli.commands.batch.reporter import NOTHING, BulkWatch, outputs_of
from imagecli.commands.confirm import agreed
from imagecli.errors import UsageError
from imagecli.output.batch import Bulk
from imagecli.output.choose_progress import open_listener
from imagecli.output.plan import counted
from imagecli.quoting import quoted


def prune(bench: Bench, *, yes: bool) -> int:
    """Lists the files on stdout; removes them with *yes*, or where a person agrees. Raises UsageError, DiskError."""
    if bench.manifest.path and owner_of(bench.manifest.path) != bench.manifest.path:
        raise UsageError(
            f"{bench.manifest.name} holds the failed rows alone, and the others' pictures are not to be pruned",
            hint=f"imagecli batch {quoted(bench.owner)} --prune",
        )
    with open_listener(bench.env, bench.style) as heard:
        watch = BulkWatch(heard)
        ledger = read_journals(bench.owner, watch)
    standing = Standing(bench.manifest.folder)
    planned = [path for item in bench.assets.items for path in outputs_of(item)]
    found = orphans(planned, ledger, standing)
    bulk = Bulk(bench.env, bench.style, heard)
    bulk.lines([str(bench.manifest.folder / orphan.record.path) for orphan in found])
    mine = [orphan for orphan in found if orphan.unchanged]
    removed = 0
    if mine and (yes or (bench.env.stdin.isatty() and agreed(f"Remove {counted(len(mine), 'file')}?", bench.env))):
        with locked(bench.owner):
            removed = sum(remove(orphan, bench.manifest.folder, standing) for orphan in mine)
    changed = len(found) - len(mine)
    said = f"{counted(len(found), 'file')} that no row makes any more"
    said += f", {removed:,} removed" if removed else "; --prune --yes removes them" * bool(mine and not yes)
    said += f", {changed:,} changed by hand and kept" if changed else ""
    bulk.summary(
        said if found else "every file that was saved is still a row's",
        (),
        NOTHING,
        watch.remarks,
        summary={
            "orphans": [
                {"path": str((bench.manifest.folder / orphan.record.path).absolute()), "unchanged": orphan.unchanged}
                for orphan in found
            ],
            "removed": removed,
        },
    )
    return bulk.exit_code
