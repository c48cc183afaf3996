"""`--prune`: lists the saved files whose rows no longer exist, and removes them if confirmed."""

from __future__ import annotations

from imagecli.batch.file_state import DiskState
from imagecli.batch.journal.lock import manifest_lock
from imagecli.batch.prune import find_orphans, remove_orphan
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.open_run import open_batch_run
from imagecli.commands.batch.plan_items import planned_outputs
from imagecli.commands.batch.reporter import NO_COST
from imagecli.commands.terminal_input import confirm
from imagecli.output.terminal import plural


def run_prune(context: BatchContext, *, yes: bool) -> int:
    """Lists the files on stdout; removes them with *yes*, or if the user confirms. Raises UsageError, DiskError."""
    with open_batch_run(context, read_only=True, with_notes=False) as run:
        folder = context.manifest.folder
    # Without following links out of the folder, whatever the options allow: nothing is removed there.
    disk = DiskState(folder)
    outputs = [path for item in context.manifest_items.items for path in planned_outputs(item)]
    orphans = find_orphans(outputs, run.state, disk)
    run.output.print_lines([str(folder / orphan.record.path) for orphan in orphans])
    unchanged = [orphan for orphan in orphans if orphan.unchanged]
    removed_count = 0
    if unchanged and (yes or _is_confirmed(len(unchanged), context)):
        with manifest_lock(context.manifest_path):
            removed_count = sum(remove_orphan(orphan, folder, disk) for orphan in unchanged)
    changed_count = len(orphans) - len(unchanged)
    message = f"{plural(len(orphans), 'saved file')} without a row"
    if not orphans:
        message = "nothing to remove: every saved file has a row"
    elif removed_count:
        message += f", {removed_count:,} removed"
    elif unchanged and not yes:
        message += " (remove with --prune --yes)"
    if changed_count:
        message += f", {changed_count:,} edited by hand and kept"
    run.output.print_summary(
        message,
        (),
        NO_COST,
        run.events.notes,
        summary={
            "orphans": [
                {"path": str((folder / orphan.record.path).absolute()), "unchanged": orphan.unchanged}
                for orphan in orphans
            ],
            "removed": removed_count,
        },
    )
    return run.output.exit_code


def _is_confirmed(count: int, context: BatchContext) -> bool:
    return context.env.stdin.isatty() and confirm(f"Remove {plural(count, 'file')}?", context.env)
