"""Before a command sends anything: saves the images of earlier ones that could not be written to the same folder.

A rerun then finds that its file exists, and pays for the image again only with --if-exists overwrite.
"""

from __future__ import annotations

from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.plan import RequestPlan
from imagecli.commands.image.record_history import record_recovered
from imagecli.events import EventHandler, NoteEvent, ignore_event
from imagecli.pipeline.pipeline import build_downloader
from imagecli.pipeline.prepare_call import spool_places
from imagecli.pipeline.recover import find_recoverable, recover_call
from imagecli.results import CommandResult
from imagecli.safe_open import real_path


def save_rescued(plan: RequestPlan, context: CommandContext, on_event: EventHandler) -> bool:
    """Saves what earlier commands rescued because a folder of *plan* failed. Returns whether anything was saved.

    What still can't be saved is left for `recover`.
    """
    settings = context.settings
    folders = {real_path(folder) for call in plan.calls for folder in call.folders}
    saved = []
    for number, call in enumerate(find_recoverable(spool_places(settings))):
        prepared = call.prepared
        if call.state != "whole" or prepared is None or prepared.part or prepared.stdout:
            continue
        if folders.isdisjoint(map(real_path, prepared.folders)) or not any(
            (settings.state_dir / "rescued").glob(f"*.{call.spooled.id}-*")
        ):
            continue
        result = recover_call(call, number, None, build_downloader(settings), settings.state_dir, ignore_event)
        for image in result.saved:
            message = f"saved {image.path}, which an earlier command could not write"
            on_event(NoteEvent(code="recovered", message=message))
        if result.saved:
            saved.append((prepared, result))
    record_recovered(
        CommandResult(command="recover"), saved, context.catalog, settings.state_dir, context.env, on_event
    )
    return bool(saved)
