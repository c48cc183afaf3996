"""Finds responses beside a manifest's outputs that this machine has no record of, and stops the run because of them.

Such an entry may be an honest response (of another machine, or the record is lost), so its row is not requested again
unasked; or a forgery in a cloned repository, so nothing is saved, fetched, replaced or removed because of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from imagecli.batch.item_plan import ItemPlan
from imagecli.client.spool import list_spooled_calls, read_unrecorded_description, unrecorded_in
from imagecli.client.spool_trust import SPOOL_BESIDE, SpoolPlaces
from imagecli.errors import UnrecordedError
from imagecli.quoting import shell_quote


def check_unrecorded(plans: Iterable[ItemPlan], places: SpoolPlaces) -> None:
    """Raises UnrecordedError if an unrecorded entry names a row that would be requested."""
    recorded: Collection[Path] | None = None
    named_in: dict[Path, set[tuple[str, str]]] = {}
    for plan in plans:
        if not plan.decision.to_create:
            continue
        for folder in dict.fromkeys(targets[0].folder for targets in plan.item.targets):
            if folder not in named_in:
                if recorded is None:
                    recorded = {call.body for call in list_spooled_calls(places)}
                named_in[folder] = set(_rows_named_in(folder / SPOOL_BESIDE, recorded))
            if named_in[folder] and any(
                (plan.item.id, known) in named_in[folder] for known in plan.identity.known_hashes
            ):
                raise _refusal(plan.item.id, folder)


def _rows_named_in(spool: Path, recorded: Collection[Path]) -> Iterator[tuple[str, str]]:
    """Id and request hash of the rows that the unrecorded entries in *spool* have a response for, as they say."""
    with suppress(OSError):
        for body in unrecorded_in(spool, recorded):
            with suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
                if body.lstat().st_size:
                    part = json.loads(read_unrecorded_description(body))["part"]
                    yield str(part["id"]), str(part["hash"])


def _refusal(id: str, folder: Path) -> UnrecordedError:
    spool = folder / SPOOL_BESIDE
    save = f"save its images with imagecli recover --from {shell_quote(folder)}"
    return UnrecordedError(
        f"{spool} contains a response for {id} that this machine did not record; nothing was sent",
        hint=f"{save}, or remove {spool} to request the row again",
    )
