"""What `recover` does with what was left: shows it, removes it, or saves it and says how that went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagecli import schedule
from imagecli.api.results import Results
from imagecli.api.wire import Timeouts
from imagecli.config.folders import folders
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.events import Listen, Noted
from imagecli.naming import parse_output
from imagecli.outcome import Outcome, Report
from imagecli.report.final import show
from imagecli.report.leftovers import as_rows, show_leftovers
from imagecli.report.listen import open_listener
from imagecli.report.plain import Plain
from imagecli.report.settings import note, show_document
from imagecli.report.style import Style
from imagecli.run import recovery
from imagecli.run.recovery import Leftover
from imagecli.slots import Slot
from imagecli.store.places import check_folder, look

NOTHING = "nothing is left to be saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What was left, and where it may go."""

    env: Env
    style: Style
    places: tuple[Path, ...]
    """Where answers lie."""
    found: list[Leftover]
    folder: Path | None
    """-o; None is where each picture was to go."""
    state_dir: Path

    @classmethod
    def find(cls, env: Env, style: Style, output: str | None) -> Salvage:
        """Looks into the state folder, and beside the places where a command could have been typed.

        Raises UsageError for an *output* that is no folder.
        """
        folder = None
        if output is not None:
            read = parse_output(output, look=look)
            if read.kind != "folder":
                raise UsageError(f"-o {output} is no folder", hint="each picture has its name: -o FOLDER/")
            folder = Path(read.text)
        state_dir = folders(env).state
        places = (state_dir / "spool", *(place / recovery.BESIDE for place in {Path(), folder or Path()}))
        found = recovery.leftovers(places)
        return cls(env=env, style=style, places=places, found=found, folder=folder, state_dir=state_dir)

    def show(self) -> None:
        """The list, on stdout."""
        if self.style.json:
            show_document("recover", {"left": as_rows(self.found)}, self.env)
        elif self.found:
            show_leftovers(self.found, self.env)
        elif not self.style.quiet:
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
            recovery.forget(known[wanted])
        if self.style.json:
            show_document("recover", {"deleted": list(ids)}, self.env)
        elif not self.style.quiet:
            note(f"removed {', '.join(ids)}", self.env)

    def save(self) -> int:
        """Saves what can be, shows how that went, and returns the exit code."""
        if self.folder:
            check_folder(self.folder)
        with open_listener(self.env, self.style) as listener:
            recovery.clear_unanswered(self.places, listener)
            left = [one for one in self.found if one.state not in ("nothing_came", "never_sent")]
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
            return recovery.recover(one, number, self.folder, results, self.state_dir, listen)

        def done(outcome: Outcome | None) -> bool:
            outcomes.extend([outcome] if outcome else [])
            return True

        self.env.begun()
        schedule.run(work, list(enumerate(left)), jobs=1, listen=listener, done=done)
        return outcomes
