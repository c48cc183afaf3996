"""Plans the items of a batch command: which are chosen, and what the journal and the disk say about them."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from imagecli.batch.decisions import decide_item, replace_originals_too
from imagecli.batch.file_state import DiskState
from imagecli.batch.item_identity import ItemIdentifier
from imagecli.batch.item_plan import ItemPlan
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.commands.batch.context import BatchContext
from imagecli.errors import UsageError


def planned_outputs(item: ManifestItem) -> list[str]:
    """The files that *item* creates, relative to the manifest's folder. The first is the item's id in the journal."""
    return [target.path for targets in item.targets for target in targets]


def choose_items(context: BatchContext) -> list[ManifestItem]:
    """The items of this run's shard with an output that `--only` matches. Raises UsageError if none matches."""
    items = context.manifest_items.items
    chosen = [item for item in items if is_in_shard(item, context) and _is_selected(item, context)]
    if not chosen and context.only:
        first = [planned_outputs(item)[0] for item in items[:3]]
        more = " …" if len(items) > 3 else ""
        raise UsageError(
            f"no output of {context.manifest.name} matches {', '.join(context.only)}",
            hint=f"its outputs are {', '.join(first)}{more}",
        )
    return chosen


def is_in_shard(item: ManifestItem, context: BatchContext) -> bool:
    """Whether this run's shard has *item*."""
    return context.shard is None or context.shard.contains(planned_outputs(item)[0])


def _is_selected(item: ManifestItem, context: BatchContext) -> bool:
    return not context.only or any(
        matches_output(path, glob) for path in planned_outputs(item) for glob in context.only
    )


def matches_output(path: str, glob: str) -> bool:
    """Whether *glob* matches the output's path, or its file name alone."""
    return fnmatchcase(path, glob) or fnmatchcase(PurePosixPath(path).name, glob)


def plan_items(context: BatchContext, state: JournalState, waiting: Collection[tuple[str, str]] = ()) -> list[ItemPlan]:
    """The plan for every chosen item, by the journal and the disk. Their calls are numbered from 0.

    *waiting*: see `decide_item`.

    Raises InputImageError for an input that can't be read, UsageError if `--only` matches nothing.
    """
    identifier = ItemIdentifier(context.settings.provider, context.settings.base_url)
    disk, manifest = disk_state(context), str(context.manifest_path.absolute())
    plans = []
    call_count = 0
    for item in choose_items(context):
        identity = identifier.identify(item)
        decision = decide_item(identity, state, disk, adopt=context.adopt, if_exists=context.if_exists, waiting=waiting)
        plan = ItemPlan(
            item=item,
            decision=replace_originals_too(decision, identity.image_paths, state),
            manifest=manifest,
            folder=context.manifest.folder,
            identifier=identifier,
            first_call=call_count,
        )
        plans.append(plan)
        call_count += len(plan.call_sizes) if decision.to_create else 0
    return plans


def disk_state(context: BatchContext) -> DiskState:
    """The files in the manifest's folder; links out of it are followed only if the options allow that."""
    return DiskState(context.manifest.folder, allow_outside=context.allow_outside)
