"""The actions of `recover`: list, delete or save the responses that were received but not saved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.client.spool import unrecorded_in
from imagecli.client.spool_trust import SPOOL_BESIDE, SpoolPlaces
from imagecli.commands.image.context import PaintedMask
from imagecli.commands.image.painted_mask import find_kept_masks, save_painted_mask
from imagecli.commands.image.record_history import record_recovered
from imagecli.config.paths import find_folders
from imagecli.config.settings import load_settings
from imagecli.config.sources import SettingFlags
from imagecli.config.user_catalog import load_catalog_with_providers, load_user_catalog
from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import ImagecliError, UsageError, os_error_reason
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.naming import parse_output
from imagecli.output.json_result import print_json_document
from imagecli.output.plain_progress import PlainProgress
from imagecli.output.progress import open_progress
from imagecli.output.recover import print_recoverable, recoverable_to_json
from imagecli.output.result import print_result
from imagecli.output.terminal import DisplayOptions, plural, print_note
from imagecli.pipeline import recover
from imagecli.pipeline.pipeline import build_downloader, discard_unanswered
from imagecli.pipeline.recover import RecoverableCall, recover_images
from imagecli.quoting import shell_quote
from imagecli.results import CallResult, CommandResult
from imagecli.safe_open import UnsafeFileError, check_folder_is_ours, real_path
from imagecli.storage.preflight import check_folder, stat_path
from imagecli.worker_pool import CallSlot, WorkerPool

NOTHING = "nothing to recover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A folder whose entries are not used, because this machine has no record of them."""

    folder: Path
    entries: int | None
    """None if the folder itself is not read."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverSession:
    """The calls left in the spool, and where their images are saved."""

    env: Env
    display: DisplayOptions
    places: SpoolPlaces
    calls: list[RecoverableCall]
    ignored: tuple[Ignored, ...]
    """Entries that are not used, near where the command was typed."""
    masks: tuple[PaintedMask, ...]
    """Painted for edits that were interrupted."""
    folder: Path | None
    """-o; None is the original folder of each image."""
    state_dir: Path

    @classmethod
    def find(cls, env: Env, display: DisplayOptions, output: str | None) -> RecoverSession:
        """Looks into the state folder, and wherever else this machine has a record of an entry.

        Raises UsageError for an *output* that is not a folder.
        """
        folder = _read_folder(output, env)
        folders = find_folders(env)
        places = SpoolPlaces(own=folders.state / "spool", records=folders.records)
        calls = recover.find_recoverable(places)
        return cls(
            env=env,
            display=display,
            places=places,
            calls=calls,
            ignored=tuple(_find_ignored(places, calls, dict.fromkeys((Path(), folder or Path())))),
            masks=tuple(find_kept_masks(folders.state)),
            folder=folder,
            state_dir=folders.state,
        )

    def print_list(self) -> None:
        """Prints the list."""
        if self.display.json:
            spools: list[Json] = [
                {"path": str(spool.folder.absolute()), "entries": spool.entries} for spool in self.ignored
            ]
            masks: list[Json] = [str(mask.stored_path) for mask in self.masks]
            document = {"left": recoverable_to_json(self.calls), "unrecorded": spools, "masks": masks}
            print_json_document("recover", document, self.env)
            return
        if self.calls:
            print_recoverable(self.calls, self.env)
        if not self.display.quiet:
            for text in (spool.message for spool in self.ignored):
                print_note(text, self.env)
            for mask in self.masks:
                print_note(f"{mask.stored_path} was painted for an edit that was interrupted", self.env)
            if not (self.calls or self.masks):
                print_note(NOTHING, self.env)

    def delete(self, ids: Sequence[str]) -> None:
        """Deletes the calls with these ids; none if one of them is missing or in progress, which raises UsageError."""
        calls = {call.spooled.id: call for call in self.calls}
        for call_id in ids:
            if call_id not in calls:
                raise UsageError(f"unknown response ID {call_id}", hint="run imagecli recover --list for the IDs")
            if calls[call_id].state == "under_way":
                raise UsageError(f"{call_id} is in use by another process", hint="stop that process first")
        for call_id in ids:
            recover.discard_recoverable(calls[call_id])
        if self.display.json:
            print_json_document("recover", {"deleted": list(ids)}, self.env)
        elif not self.display.quiet:
            print_note(f"deleted {', '.join(ids)}", self.env)

    def save(self) -> int:
        """Saves the images that can be saved, prints the result, and returns the exit code."""
        if self.folder:
            check_folder(self.folder)
        with open_progress(self.env, self.display) as listener:
            discard_unanswered(self.places, listener, every=True)
            calls = [call for call in self.calls if call.state not in ("nothing_came", "never_sent")]
            for spool in self.ignored:
                listener(WarningEvent(code="unrecorded", message=spool.message))
            for mask in self.masks:
                _, note = save_painted_mask(mask, self.folder or Path())
                listener(note)
            if not (self.calls or self.masks):
                listener(NoteEvent(code="nothing_left", message=NOTHING))
            outcomes = self._recover_all(calls, listener)
            report = CommandResult(command="recover", outcomes=tuple(outcomes), notes=tuple(listener.remarks))
        return print_result(self._record(report, calls, listener), self.display, self.env)

    def _record(self, report: CommandResult, calls: Sequence[RecoverableCall], on_event: EventHandler) -> CommandResult:
        """Records what is saved of *calls* in the history."""
        try:
            catalog, _ = load_catalog_with_providers(self.env)
        except ImagecliError:  # settings with an error
            catalog = load_shipped_catalog()
        pairs = [(calls[outcome.request].prepared, outcome) for outcome in report.outcomes if outcome.saved]
        saved = [(prepared, outcome) for prepared, outcome in pairs if prepared]
        return record_recovered(report, saved, catalog, self.state_dir, self.env, on_event)

    def _recover_all(self, calls: list[RecoverableCall], listener: PlainProgress) -> list[CallResult]:
        downloaders: dict[tuple[str, str] | None, ResultDownloader] = {}

        def recover_one(
            numbered_call: tuple[int, RecoverableCall], on_event: EventHandler, _: CallSlot
        ) -> CallResult | None:
            number, call = numbered_call
            if call.state == "under_way":
                message = f"{call.spooled.id} is in use by another process, which will save it"
                on_event(NoteEvent(code="under_way", message=message))
                return None
            access = self._access(call)
            if access not in downloaders:
                downloaders[access] = self._build_downloader(access)
            return recover.recover_call(call, number, self.folder, downloaders[access], self.state_dir, on_event)

        with WorkerPool(jobs=1, on_event=listener) as pool:
            return [result for result in pool.run(recover_one, list(enumerate(calls))) if result]

    def _access(self, call: RecoverableCall) -> tuple[str, str] | None:
        """The provider and the base URL whose key the result URLs of *call* may require; None if they require none.

        Only the state folder's own record decides where a key is sent.
        """
        if not call.has_own_urls or not call.prepared or call.spooled.body.parent != self.places.own:
            return None
        return call.prepared.provider, call.prepared.base_url

    def _build_downloader(self, access: tuple[str, str] | None) -> ResultDownloader:
        """With the key that a command with this provider and base URL has now, if it has one."""
        with suppress(ImagecliError):
            if access:
                flags = SettingFlags(provider=access[0], base_url=access[1])
                return build_downloader(load_settings(flags, self.env, load_user_catalog(self.env), Path()))
        return ResultDownloader(timeouts=Timeouts(), direct=False)


def save_from(env: Env, display: DisplayOptions, source: str, output: str | None) -> int:
    """Saves the images in the responses in *source*, whatever wrote them, prints the result, and returns the exit code.

    Raises UsageError for a *source* without responses and an *output* that is not a folder.
    """
    folder = _read_folder(output, env) or Path()
    bodies = _find_bodies(env.expand_home(source))
    check_folder(folder)
    state_dir = find_folders(env).state

    def recover_one(numbered: tuple[int, Path], on_event: EventHandler, _: CallSlot) -> CallResult:
        number, body = numbered
        return recover_images(body, number, folder, state_dir, on_event)

    with open_progress(env, display) as listener:
        with WorkerPool(jobs=1, on_event=listener) as pool:
            outcomes = list(pool.run(recover_one, list(enumerate(bodies))))
        responses = plural(len(bodies), "response")
        listener(NoteEvent(code="entries_kept", message=f"kept {responses} in {bodies[0].parent}; --from deletes none"))
        report = CommandResult(command="recover", outcomes=tuple(outcomes), notes=tuple(listener.remarks))
    return print_result(report, display, env)


def _find_bodies(source: str) -> list[Path]:
    """The responses in a folder that the user typed, or in the spool in it. Raises UsageError if there are none."""
    folder = real_path(Path(source))  # a link that is typed is followed, one that is found is not
    if os.path.lexists(folder / SPOOL_BESIDE):
        folder /= SPOOL_BESIDE
    try:
        bodies = [body for body in unrecorded_in(folder, ()) if os.path.lexists(body)]
    except OSError as error:
        raise UsageError(f"--from {source}: can't read {folder}: {os_error_reason(error)}") from error
    if not bodies:
        raise UsageError(
            f"--from {source}: no responses in {folder}",
            hint="imagecli recover --list",
        )
    return bodies


def _find_ignored(places: SpoolPlaces, calls: Sequence[RecoverableCall], folders: Iterable[Path]) -> Iterator[Ignored]:
    """The entries that are not used, in the state folder and in the spools in *folders*."""
    try:
        check_folder_is_ours(places.own, private=True)
    except UnsafeFileError as error:
        yield Ignored(folder=places.own, entries=None, message=f"ignored {places.own}: {os_error_reason(error)}")
    except OSError:
        pass  # there is none
    recorded_bodies = {call.spooled.body for call in calls}
    for folder in folders:
        spool = folder / SPOOL_BESIDE
        try:
            entries = len(unrecorded_in(spool, recorded_bodies))
        except OSError as error:
            yield Ignored(folder=spool, entries=None, message=f"ignored {spool}: {os_error_reason(error)}")
            continue
        if entries:
            yield Ignored(
                folder=spool,
                entries=entries,
                message=f"{spool} has {plural(entries, 'response')} that this machine has no record of; run "
                f"imagecli recover --from {shell_quote(folder)} to save the images",
            )


def _read_folder(output: str | None, env: Env) -> Path | None:
    """-o, which has to be a folder. Raises UsageError."""
    if output is None:
        return None
    pattern = parse_output(env.expand_home(output), look=stat_path)
    if pattern.kind != "folder":
        raise UsageError(f"-o {output} is not a folder", hint="use -o FOLDER/; each image keeps its name")
    return Path(pattern.text)
