"""What `recover` does with what was left: shows it, removes it, or saves it and says how that went."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagecli import worker_pool
from imagecli.client.download import Results
from imagecli.client.send import Timeouts
from imagecli.client.spool import unrecorded_in
from imagecli.client.spool_record import SPOOL_BESIDE, SpoolPlaces
from imagecli.config.paths import folders
from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.events import Listen, Noted, Warned
from imagecli.naming import parse_output
from imagecli.output.choose_progress import open_listener
from imagecli.output.display import Style
from imagecli.output.progress import Plain
from imagecli.output.recover import as_rows, show_leftovers
from imagecli.output.result import show
from imagecli.output.settings import note, show_document
from imagecli.pipeline import recover
from imagecli.pipeline.recover import Leftover
from imagecli.pipeline.recover_unrecorded import recover_images
from imagecli.quoting import quoted
from imagecli.results import Outcome, Report
from imagecli.safe_open import UnsafeFileError, check_folder_is_ours, real_path
from imagecli.storage.preflight import check_folder, look
from imagecli.worker_pool import Slot

NOTHING = "nothing is left to be saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A folder with entries that nothing but their own place says are ours."""

    folder: Path
    entries: int | None
    """None if the folder itself is not read."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What was left, and where it may go."""

    env: Env
    style: Style
    places: SpoolPlaces
    found: list[Leftover]
    ignored: tuple[Ignored, ...]
    """Entries that are not used, near where the command was typed."""
    folder: Path | None
    """-o; None is where each picture was to go."""
    state_dir: Path

    @classmethod
    def find(cls, env: Env, style: Style, output: str | None) -> Salvage:
        """Looks into the state folder, and wherever else this machine has a record of an entry.

        Raises UsageError for an *output* that is not a folder.
        """
        folder = _read_folder(output)
        ours = folders(env)
        places = SpoolPlaces(own=ours.state / "spool", records=ours.records)
        found = recover.leftovers(places)
        return cls(
            env=env,
            style=style,
            places=places,
            found=found,
            ignored=tuple(_find_ignored(places, found, dict.fromkeys((Path(), folder or Path())))),
            folder=folder,
            state_dir=ours.state,
        )

    def show(self) -> None:
        """The list, on stdout."""
        if self.style.json:
            rows: list[Json] = [{"path": str(one.folder.absolute()), "entries": one.entries} for one in self.ignored]
            show_document("recover", {"left": as_rows(self.found), "unrecorded": rows}, self.env)
            return
        if self.found:
            show_leftovers(self.found, self.env)
        if not self.style.quiet:
            for text in (one.message for one in self.ignored):
                note(text, self.env)
            if not self.found:
                note(NOTHING, self.env)

    def delete(self, ids: Sequence[str]) -> None:
        """Removes these, unsaved. Raises UsageError for one that is not there or under way; then none is removed."""
        known = {one.left.id: one for one in self.found}
        for wanted in ids:
            if wanted not in known:
                raise UsageError(f"nothing with the id {wanted} is left", hint="imagecli recover --list shows the ids")
            if known[wanted].state == "under_way":
                raise UsageError(f"{wanted} is under way in another process", hint="end that one first")
        for wanted in ids:
            recover.forget(known[wanted])
        if self.style.json:
            show_document("recover", {"deleted": list(ids)}, self.env)
        elif not self.style.quiet:
            note(f"removed {', '.join(ids)}", self.env)

    def save(self) -> int:
        """Saves what can be, shows how that went, and returns the exit code."""
        if self.folder:
            check_folder(self.folder)
        with open_listener(self.env, self.style) as listener:
            recover.clear_unanswered(self.places, listener)
            left = [one for one in self.found if one.state not in ("nothing_came", "never_sent")]
            for one in self.ignored:
                listener(Warned(code="unrecorded", message=one.message))
            if not self.found:
                listener(Noted(code="nothing_left", message=NOTHING))
            outcomes = self._outcomes(left, listener)
            report = Report(command="recover", outcomes=tuple(outcomes), remarks=tuple(listener.remarks))
        return show(report, self.style, self.env)

    def _outcomes(self, left: list[Leftover], listener: Plain) -> list[Outcome]:
        outcomes: list[Outcome] = []
        results = Results(timeouts=Timeouts(), direct=False)

        def work(numbered: tuple[int, Leftover], listen: Listen, slot: Slot) -> Outcome | None:
            number, one = numbered
            if one.state == "under_way":
                said = f"{one.left.id} is under way in another process, which will save it"
                listen(Noted(code="under_way", message=said))
                return None
            return recover.recover(one, number, self.folder, results, self.state_dir, listen)

        def done(outcome: Outcome | None) -> bool:
            outcomes.extend([outcome] if outcome else [])
            return True

        self.env.begun()
        worker_pool.run(work, list(enumerate(left)), jobs=1, listen=listener, done=done)
        return outcomes


def save_from(env: Env, style: Style, source: str, output: str | None) -> int:
    """Saves the images in the responses in *source*, whatever wrote them, shows how that went, returns the exit code.

    Raises UsageError for a *source* without responses and an *output* that is not a folder.
    """
    folder = _read_folder(output) or Path()
    bodies = _find_bodies(source)
    check_folder(folder)
    state_dir = folders(env).state
    outcomes: list[Outcome] = []

    def work(numbered: tuple[int, Path], listen: Listen, slot: Slot) -> Outcome:
        number, body = numbered
        return recover_images(body, number, folder, state_dir, listen)

    def done(outcome: Outcome | None) -> bool:
        outcomes.extend([outcome] if outcome else [])
        return True

    with open_listener(env, style) as listener:
        env.begun()
        worker_pool.run(work, list(enumerate(bodies)), jobs=1, listen=listener, done=done)
        responses = "1 response stays" if len(bodies) == 1 else f"{len(bodies):,} responses stay"
        listener(Noted(code="entries_kept", message=f"{responses} in {bodies[0].parent}; imagecli removes none there"))
        report = Report(command="recover", outcomes=tuple(outcomes), remarks=tuple(listener.remarks))
    return show(report, style, env)


def _find_bodies(source: str) -> list[Path]:
    """The responses in a folder that the user typed, or in the spool in it. Raises UsageError if there are none."""
    folder = real_path(Path(source))  # a link that is typed is followed, one that is found is not
    if os.path.lexists(folder / SPOOL_BESIDE):
        folder /= SPOOL_BESIDE
    try:
        bodies = [body for body in unrecorded_in(folder, ()) if os.path.lexists(body)]
    except OSError as error:
        raise UsageError(f"--from {source}: can't read {folder}: {error.strerror}") from error
    if not bodies:
        raise UsageError(f"--from {source}: no responses in {folder}", hint="imagecli recover --list")
    return bodies


def _find_ignored(places: SpoolPlaces, found: Sequence[Leftover], folders: Iterable[Path]) -> Iterator[Ignored]:
    """What is not used in the state folder, and in the spools in *folders*."""
    try:
        check_folder_is_ours(places.own, private=True)
    except UnsafeFileError as error:
        yield Ignored(folder=places.own, entries=None, message=f"{places.own} is not used: {error.strerror}")
    except OSError:
        pass  # there is none
    recorded = {one.left.body for one in found}
    for folder in folders:
        spool = folder / SPOOL_BESIDE
        try:
            entries = len(unrecorded_in(spool, recorded))
        except OSError as error:
            yield Ignored(folder=spool, entries=None, message=f"{spool} is not used: {error.strerror}")
            continue
        if entries:
            yield Ignored(
                folder=spool,
                entries=entries,
                message=f"{spool} has {'1 entry' if entries == 1 else f'{entries:,} entries'} that this machine has no "
                f"record of; imagecli recover --from {quoted(folder)} saves the images in them",
            )


def _read_folder(output: str | None) -> Path | None:
    """-o, which has to be a folder. Raises UsageError."""
    if output is None:
        return None
    read = parse_output(output, look=look)
    if read.kind != "folder":
        raise UsageError(f"-o {output} is no folder", hint="each picture has its name: -o FOLDER/")
    return Path(read.text)
