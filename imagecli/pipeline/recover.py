"""What earlier commands bought and did not save: told apart, and finished as they would have finished it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

from imagecli.client.download import Results
from imagecli.client.spool import Left, left_in, remove, taken
from imagecli.client.spool_record import SpoolPlaces
from imagecli.errors import ImagecliError, NetworkError, RefusedError, UnsavedError, as_error
from imagecli.events import Listen, Noted, Warned
from imagecli.http_message import Answer
from imagecli.naming import rebuild_name
from imagecli.pipeline.decompress import unpacked
from imagecli.pipeline.finish import finish, is_settled, not_fetched
from imagecli.pipeline.partial_images import keep_partials
from imagecli.pipeline.prepare import read_description, with_folders, with_names
from imagecli.prepared import Prepared
from imagecli.providers.large_json import condense
from imagecli.providers.response import decode
from imagecli.providers.salvage import salvage
from imagecli.results import Outcome
from imagecli.safe_open import real_path
from imagecli.storage.boundary import is_below
from imagecli.storage.preflight import check_folder
from imagecli.storage.staging import discard_all

State = Literal["whole", "part", "no_pictures", "nothing_came", "never_sent", "under_way", "unknown"]
Read = Callable[[bytes, str], Answer]
"""An answer's body, without long strings, and the base URL → its pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """An answer, or what there is of one, and what it answers."""

    left: Left
    prepared: Prepared | None
    """None where the description can't be read."""
    state: State

    @property
    def when(self) -> datetime:
        """Local time."""
        return datetime.fromtimestamp(self.left.since).astimezone()


def leftovers(places: SpoolPlaces) -> list[Leftover]:
    """What earlier commands left, the oldest first."""
    return [_leftover(left) for left in left_in(places)]


def forget(leftover: Leftover) -> None:
    """Takes it away, unsaved."""
    remove(leftover.left.body, leftover.left.record)


def clear_unanswered(places: SpoolPlaces, listen: Listen, *, told: Collection[str] = ()) -> None:
    """Takes away what no answer came to, and says what may have been billed all the same.

    *told* are the hashes of manifests' purchases of which that is said already.
    """
    removed = 0
    for left in left_in(places):
        if left.alive or left.bytes:
            continue
        prepared = _read(left)
        if left.sent and not (prepared and prepared.part and prepared.part.hash in told):
            said = f"an earlier request was sent, and no answer came; it may have been billed: {_about(left)}"
            listen(Warned(code="unanswered", message=said))
        remove(left.body, left.record)
        removed += 1
    if removed:
        entries = "an empty entry" if removed == 1 else f"{removed:,} empty entries"
        listen(Noted(code="removed", message=f"removed {entries} of earlier requests from the spool"))


def recover(
    leftover: Leftover, request: int, folder: Path | None, results: Results, state_dir: Path, listen: Listen
) -> Outcome:
    """Saves what *leftover* holds, under its planned names or in *folder*, and takes it away when nothing is left.

    *request* numbers it in this command's report. What goes wrong, bugs too, is in the outcome.
    """
    prepared = leftover.prepared
    outcome = Outcome(
        request=request,
        asked=prepared.n if prepared else 0,
        provider=prepared.provider if prepared else "",
        model=prepared.model if prepared else "",
    )
    with taken(leftover.left) as body:
        try:
            if body is None:
                return outcome
            if prepared is None:
                raise UnsavedError("what this answer belongs to can't be read", code="unreadable")
            read = salvage if leftover.state == "part" else decode
            planned = _as_planned(prepared, request, folder)
            _check_folders(planned)
            # Only the state folder's own record may open other addresses than public ones to result URLs.
            peer = leftover.left.peer if leftover.left.body.parent == state_dir / "spool" else None
            outcome = _or_partials(
                lambda: _finished(planned, body, read, results, state_dir, listen, peer), planned, body, listen
            )
        except Exception as problem:
            outcome = replace(outcome, errors=(as_error(problem),))
    if outcome.unfetched:
        listen(not_fetched(outcome, leftover.left.body))
    return _cleared(leftover, outcome, listen)


def _check_folders(prepared: Prepared) -> None:
    """Raises UnsavedError if a manifest's image would be saved outside its folder, because of a link made since."""
    for folder in prepared.folders:
        if prepared.root and not is_below(folder, prepared.root):
            raise UnsavedError(
                f"{folder} leads to {real_path(folder)}, outside the manifest's folder",
                hint="imagecli recover -o FOLDER/ saves it in FOLDER",
                code="outside",
            )


def _finished(
    prepared: Prepared,
    body: IO[bytes],
    read: Read,
    results: Results,
    state_dir: Path,
    listen: Listen,
    peer: str | None,
) -> Outcome:
    rescue_folder = state_dir / "rescued"
    for folder in prepared.folders:
        check_folder(folder)
        discard_all(folder, prepared.id)
    discard_all(rescue_folder, prepared.id)
    return finish(prepared, body, results, rescue_folder, listen, again=True, read=read, peer=peer)


def _or_partials(finished: Callable[[], Outcome], prepared: Prepared, body: IO[bytes], listen: Listen) -> Outcome:
    """What *finished* gives. Where that is no picture, a stream's partial ones are kept, and named by what it raises.

    Those that the command itself had kept are not kept again.
    """
    try:
        return finished()
    except UnsavedError as error:
        if not prepared.keep_partials and (kept := keep_partials(body, prepared, listen)):
            error.rescued_path = str(kept)
        raise


def _cleared(leftover: Leftover, outcome: Outcome, listen: Listen) -> Outcome:
    """Takes the answer away unless there is more to be had of it; what stays is said with its way out."""
    body = leftover.left.body
    stays = bool(outcome.unfetched)
    for error in outcome.errors:
        nothing_bought = isinstance(error, (RefusedError, NetworkError)) and not outcome.saved
        if not (error.rescued_path or is_settled(error) or nothing_bought):
            stays = True
            error.rescued_path = str(body)
            away = f"imagecli recover --delete {leftover.left.id} removes it"
            error.hint = f"{error.hint}; {away}" if error.hint else away
    if not stays:
        remove(body, leftover.left.record)
        if not outcome.saved:
            listen(Noted(code="removed", message=f"removed {leftover.left.id} from the spool: it has no images"))
    return outcome


def _as_planned(prepared: Prepared, request: int, folder: Path | None) -> Prepared:
    """*prepared* for another day: nothing is overwritten, nothing goes to stdout."""
    named = with_names(prepared, rebuild_name)
    moved = with_folders(named, lambda planned: folder or _from_here(planned))
    # What a manifest's journal knows by its content may still be replaced by what the same row has bought.
    replaces = tuple((path, sha256) for path, sha256 in moved.replaces if sha256 and not folder)
    # A folder that the user types may be anywhere.
    allow_outside = moved.allow_outside or folder is not None
    return replace(moved, request=request, if_exists=None, stdout=False, replaces=replaces, allow_outside=allow_outside)


def _from_here(folder: Path) -> Path:
    """*folder* as the user would type it now."""
    with suppress(OSError, ValueError):
        return folder.relative_to(Path.cwd())
    return folder


def _leftover(left: Left) -> Leftover:
    prepared = _read(left)
    return Leftover(left=left, prepared=prepared, state=_state(left, prepared))


def _read(left: Left) -> Prepared | None:
    try:
        return read_description(left.text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _state(left: Left, prepared: Prepared | None) -> State:
    if left.alive:
        return "under_way"
    if not left.bytes:
        return "nothing_came" if left.sent else "never_sent"
    if prepared is None:
        return "unknown"
    with taken(left) as body:
        if body is None:
            return "under_way"
        try:
            with unpacked(body, (left.body.parent,)) as plain:
                return _state_of_answer(plain, prepared)
        except ImagecliError:  # of too many bytes, or no room: saving it will say so
            return "whole"


def _state_of_answer(body: IO[bytes], prepared: Prepared) -> State:
    condensed = condense(body)
    try:
        decode(condensed.body, prepared.base_url)
    except (RefusedError, NetworkError):
        return "no_pictures"
    except Exception:
        try:
            json.loads(condensed.body)
        except (ValueError, RecursionError):
            return "part"
        return "no_pictures"
    return "whole"


def _about(left: Left) -> str:
    leftover = Leftover(left=left, prepared=_read(left), state="nothing_came")
    facts = [f"{leftover.when:%Y-%m-%d %H:%M}"]
    if leftover.prepared:
        facts += [leftover.prepared.command, leftover.prepared.model, (leftover.prepared.prompt or "")[:60]]
    return ", ".join(fact for fact in facts if fact)
