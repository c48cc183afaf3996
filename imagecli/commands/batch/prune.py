"""`--prune`: files that were saved for a manifest and that no row makes any more: listed, removed if that is said."""

from __future__ import annotations

from imagecli.batch.failed_manifest import journal_owner
from imagecli.batch.file_state import DiskState
from imagecli.batch.journal.lock import manifest_lock
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.prune import find_orphans, remove_orphan
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.reporter import NO_COST, BatchEventFilter, planned_outputs
from imagecli.commands.confirm import confirm
from imagecli.errors import UsageError
from imagecli.output.batch import BatchOutput
from imagecli.output.choose_progress import open_progress
from imagecli.output.plan import plural
from imagecli.quoting import shell_quote


def run_prune(bench: BatchContext, *, yes: bool) -> int:
    """Lists the files on stdout; removes them with *yes*, or where a person agrees. Raises UsageError, DiskError."""
    if bench.manifest.path and journal_owner(bench.manifest.path) != bench.manifest.path:
        raise UsageError(
            f"{bench.manifest.name} holds the failed rows alone, and the others' pictures are not to be pruned",
            hint=f"imagecli batch {shell_quote(bench.owner)} --prune",
        )
    with open_progress(bench.env, bench.display) as heard:
        watch = BatchEventFilter(heard)
        ledger = read_journals(bench.owner, watch)
    standing = DiskState(bench.manifest.folder)
    planned = [path for item in bench.manifest_items.items for path in planned_outputs(item)]
    found = find_orphans(planned, ledger, standing)
    bulk = BatchOutput(bench.env, bench.display, heard)
    bulk.print_lines([str(bench.manifest.folder / orphan.record.path) for orphan in found])
    mine = [orphan for orphan in found if orphan.unchanged]
    removed = 0
    if mine and (yes or (bench.env.stdin.isatty() and confirm(f"Remove {plural(len(mine), 'file')}?", bench.env))):
        with manifest_lock(bench.owner):
            removed = sum(remove_orphan(orphan, bench.manifest.folder, standing) for orphan in mine)
    changed = len(found) - len(mine)
    said = f"{plural(len(found), 'file')} that no row makes any more"
    said += f", {removed:,} removed" if removed else "; --prune --yes removes them" * bool(mine and not yes)
    said += f", {changed:,} changed by hand and kept" if changed else ""
    bulk.print_summary(
        said if found else "every file that was saved is still a row's",
        (),
        NO_COST,
        watch.notes,
        summary={
            "orphans": [
                {"path": str((bench.manifest.folder / orphan.record.path).absolute()), "unchanged": orphan.unchanged}
                for orphan in found
            ],
            "removed": removed,
        },
    )
    return bulk.exit_code
