"""A purchase that a provider's batch has: what was handed in of it, and how what comes of that is finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from imagecli.batch.api.input_file import Place, key_of
from imagecli.batch.journal.entry import Entry
from imagecli.batch.journal.state import Ledger
from imagecli.batch.planner import Decision
from imagecli.batch.work_item import Order, Purchase, asks_of
from imagecli.domain import Name
from imagecli.pipeline.prepare import Errand, prepared_of
from imagecli.prepared import Destination, Part, Prepared
from imagecli.results import Outcome


@dataclass(slots=True, kw_only=True)
class Slip:
    """A purchase that is away, and what has come of it so far."""

    entry: Entry
    """The journal's last word on it."""
    order: Order | None
    """None where its row has changed, or is gone."""
    manifest: Path
    """Whose journal it is."""
    replaces: tuple[tuple[str, str | None], ...] = ()
    """Files that what comes stands in for, as they were when it was last looked: `Decision.replaces`."""
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """By the first picture of each request."""

    @property
    def key(self) -> str:
        return key_of(self.entry.id, self.entry.hash)

    @property
    def missing(self) -> int:
        """Pictures of which nothing has come."""
        return len(self.entry.planned) - sum(outcome.asked for outcome in self.outcomes.values())

    def prepared(self, place: Place, errand: Errand) -> Prepared | None:
        """How the answer for *place* is finished; None for one that was never asked for."""
        if place.n < 1 or place.begin + place.n > len(self.entry.planned):
            return None
        if self.order is None:
            return self._as_it_was(place, errand)
        begin = 0
        for request in self.order.requests():
            if (begin, request.ask.rendering.n) == (place.begin, place.n):
                return prepared_of(request, errand)
            begin += request.ask.rendering.n
        return None

    def prepared_at(self, begin: int, n: int, errand: Errand) -> Prepared | None:
        """As `prepared`, for the *n* pictures from *begin* on."""
        return self.prepared(Place(key=self.key, begin=begin, n=n), errand)

    def _as_it_was(self, place: Place, errand: Errand) -> Prepared:
        """For a row that says something else by now: its pictures get the names that they were bought for."""
        planned = self.entry.planned[place.begin : place.begin + place.n]
        names = tuple(_name(paths[0], self.manifest.parent) for paths in planned)
        return Prepared(
            id=f"{errand.run_id}-{place}",
            request=0,
            command=errand.command,
            provider=self.entry.provider,
            base_url=errand.base_url,
            model=self.entry.model,
            n=place.n,
            names=names,
            if_exists=None,
            stdout=False,
            prompt=None,
            output_format=None,
            size=None,
            files=tuple((Destination(name=name),) for name in names),
            replaces=tuple((self.manifest.parent / path, sha256) for path, sha256 in self.replaces),
            part=Part(
                manifest=str(self.manifest.absolute()),
                id=self.entry.id,
                hash=self.entry.hash,
                planned=tuple(paths[:1] for paths in planned),
            ),
            allow_outside=errand.allow_outside,
        )


def _name(path: str, folder: Path) -> Name:
    """A file that gets the true ending of what comes."""
    planned = PurePosixPath(path)
    return Name(folder=folder / planned.parent, stem=planned.stem)


def slip_of(purchase: Purchase, ledger: Ledger, first: int, manifest: Path) -> Slip | None:
    """The slip of a *purchase* that is away, its requests numbered from *first*; None where it is not."""
    entry = ledger.last(purchase.wanted.id)
    if entry is None or not entry.is_away:
        return None
    replaces = _replaced(entry, ledger)
    order = _order(purchase, entry, replaces, first, manifest)
    return Slip(entry=entry, order=order, manifest=manifest, replaces=replaces)


def _order(
    purchase: Purchase, entry: Entry, replaces: tuple[tuple[str, str | None], ...], first: int, manifest: Path
) -> Order | None:
    """What was asked for then, as far as the row still says that."""
    places = {target.path: index for index, targets in enumerate(purchase.item.pictures) for target in targets}
    buy = tuple(dict.fromkeys(places[paths[0]] for paths in entry.planned if paths[0] in places))
    if not purchase.wanted.is_asked_by(entry) or len(buy) < len(entry.planned) or not buy:
        return None
    writes = tuple(path for paths in entry.planned for path in paths if path in places)
    decision = Decision(kind="missing", buy=buy, writes=writes, replaces=replaces)
    # What the journal is told is of the request that was made, of a model that may be no default any more.
    wanted = replace(purchase.wanted, model=entry.model)
    asked = replace(purchase, wanted=wanted, decision=decision)
    return Order(purchase=asked, first=first, count=len(asks_of(asked)), manifest=manifest)


def _replaced(entry: Entry, ledger: Ledger) -> tuple[tuple[str, str | None], ...]:
    """The files of the journal that stand where *entry* was planned, those beside them too."""
    known = [found for paths in entry.planned for path in paths if (found := ledger.planned(path))]
    old = {record.path: record.sha256 for _, record in known}
    return tuple((old | {record.path: record.sha256 for told, _ in known for record in told.originals}).items())


def strays(ledger: Ledger, known: set[str], manifest: Path) -> Iterator[Slip]:
    """The slips of what is away and of no row that is *known* by its id."""
    for entry in list(ledger.away()):
        if entry.id not in known:
            yield Slip(entry=entry, order=None, manifest=manifest, replaces=_replaced(entry, ledger))
