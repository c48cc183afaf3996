"""`--gallery`: a page with the images of a manifest, by its journal and the disk, for instance for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from imagecli.batch.file_state import choose_record
from imagecli.batch.item_command import build_item_command
from imagecli.batch.item_plan import ItemPlan
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.state import JournalState, RecordedFile
from imagecli.batch.manifest.output_targets import OutputTarget
from imagecli.batch.run_counts import RunCounts
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.kept_files import find_kept_file
from imagecli.commands.batch.plan_items import disk_state, plan_items
from imagecli.domain import Json
from imagecli.errors import ImagecliError, InterruptedCommand, Terminated, signal_exit_code
from imagecli.events import ignore_event
from imagecli.output.gallery import format_written_gallery
from imagecli.output.progress import open_progress
from imagecli.output.terminal import write_line
from imagecli.quoting import quote_command_for_pasting
from imagecli.results import SkippedFile
from imagecli.web.gallery import Gallery, GalleryImage, GalleryInput, write_gallery

_STATES: Final = {
    "missing": "missing",
    "stale": "out of date",
    "submitted": "pending",
    "waiting": "not saved yet",
    "refused": "not in the journal",
}
"""Kind of a decision → the state of a file that it is about."""


class GalleryOutcome(NamedTuple):
    """What became of the gallery of a run."""

    errors: tuple[ImagecliError, ...] = ()
    keys: Mapping[str, Json] = {}
    """For the summary's JSON object."""


NO_GALLERY: Final = GalleryOutcome()


def write_batch_gallery(context: BatchContext, counts: RunCounts) -> GalleryOutcome:
    """Writes the gallery that the options ask for, after everything else; a failure is counted and returned.

    Its images are those of the chosen rows as they are on the disk now. Not after a signal, which ends a run quickly.
    """
    target = context.gallery
    if target is None or counts.signal_code:
        return NO_GALLERY
    try:
        with open_progress(context.env, context.display) as progress:
            gallery = _build_gallery(context)
            written = write_gallery(gallery, target, progress)
    except (KeyboardInterrupt, Terminated) as signal:
        counts.signal_code = signal_exit_code(signal)
        return GalleryOutcome(errors=(InterruptedCommand(signal),))
    except ImagecliError as error:
        counts.gallery_exit_code = error.exit_code
        return GalleryOutcome(errors=(error.with_context("the gallery was not written"),))
    if not context.display.quiet:
        write_line(context.env.stderr, f"imagecli: {format_written_gallery(written)}")
    return GalleryOutcome(keys={"gallery": str(written.page.absolute())})


def _build_gallery(context: BatchContext) -> Gallery:
    # Read again: a run writes to its journals, and does not keep what it has written.
    state = read_journals(context.manifest_path, ignore_event)
    images = tuple(image for plan in plan_items(context, state) for image in _images_of_item(plan, state, context))
    return Gallery(
        title=context.manifest.name,
        images=images,
        order="listed",
        empty="The manifest has no rows yet.",
        portable=True,
    )


def _images_of_item(plan: ItemPlan, state: JournalState, context: BatchContext) -> Iterator[GalleryImage]:
    disk = disk_state(context)
    for targets in plan.item.targets:
        for target in targets:
            recorded = choose_record(state.files_planned_at(target.path), disk)
            file = find_kept_file(target.path, recorded, disk, context.manifest.folder)
            yield _describe_file(plan, target, file, recorded, context)


def _describe_file(
    plan: ItemPlan,
    target: OutputTarget,
    file: SkippedFile | None,
    recorded: RecordedFile | None,
    context: BatchContext,
) -> GalleryImage:
    entry = recorded.entry if recorded else None
    is_settled = plan.decision.kind == "done" or (file is not None and target.path not in plan.writes)
    cost = entry.cost_usd if entry else None
    provider = context.settings.provider.name
    words = build_item_command(
        plan.item, target.fit, {} if provider == context.catalog.default_provider else {"provider": provider}
    )
    return GalleryImage(
        id=target.path,
        file=file.path if file else None,
        prompt=plan.item.prompt or "",
        model=entry.model if entry else plan.item.model.name,
        provider=entry.provider if entry else provider,
        # The price of a request is divided among its files, so that the sum is right.
        cost_usd=cost / max(len(entry.files), 1) if entry and cost is not None and file else None,
        size=file.size if file else None,
        bytes=file.bytes if file else None,
        sha256=file.sha256 if file else None,
        command=quote_command_for_pasting(words),
        inputs=tuple(GalleryInput(name=source.name, file=source.path) for source in plan.item.request.input_sources),
        state="" if is_settled else _STATES[plan.decision.kind],
    )
