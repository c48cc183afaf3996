"""One item of a manifest on its way: what the journal knows it as, what becomes of it, and the requests that buy it.

A purchase that is to be made, and what has become of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.file_state import Standing
from imagecli.batch.fingerprint import Digests, Wanted, place, said_hash
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.journal.state import Ledger
from imagecli.batch.manifest.item import Item
from imagecli.batch.manifest.targets import Target
from imagecli.batch.planner import Decision
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import inputs_of
from imagecli.domain import Ask, Edit, SavedImage
from imagecli.plan import Request, split
from imagecli.prepared import Destination, Part
from imagecli.results import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """An item, and what the journal and the disk make of it."""

    item: Item
    wanted: Wanted
    decision: Decision

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that are planned, from the manifest's folder."""
        return tuple(path for paths in self.wanted.pictures for path in paths)


def wanted_of(item: Item, provider: ProviderRow, base_url: str, digests: Digests) -> Wanted:
    """*item* as a journal knows it. Raises InputImageError for an input that can't be read."""
    return Wanted(
        id=item.pictures[0][0].path,
        said=said_hash(item.said, _inputs(item, digests)),
        provider=provider.name,
        base_url=place(base_url, provider),
        model=item.model.name,
        model_named=item.model_named,
        pictures=tuple(tuple(target.path for target in targets) for targets in item.pictures),
        sandbox=provider.embedded,
    )


def _inputs(item: Item, digests: Digests) -> dict[str, list[str]]:
    ask = item.ask
    layers = {"mask": ask.mask, "markup": ask.markup} if isinstance(ask, Edit) else {}
    sources = {"image": inputs_of(ask), **{name: (layer,) for name, layer in layers.items() if layer}}
    return {name: [digests.of(source.path) for source in of_field if source.path] for name, of_field in sources.items()}


def asks_of(purchase: Purchase) -> list[Ask]:
    """What is asked for to get what is missing: more than once where the model makes fewer at once."""
    ask = purchase.item.ask
    parts = split(len(purchase.decision.buy), purchase.item.model.most(ask.rendering.output_format))
    return [ask if n == ask.rendering.n else replace(ask, rendering=replace(ask.rendering, n=n)) for n in parts]


def requests_of(purchase: Purchase, first: int, manifest: Path) -> Iterator[Request]:
    """The requests that buy what is missing of *purchase*, numbered from *first*. *manifest* owns the journal."""
    item, decision = purchase.item, purchase.decision
    files = [tuple(_written(item.pictures[index], decision)) for index in decision.buy]
    begin = 0
    for number, ask in enumerate(asks_of(purchase)):
        mine = files[begin : begin + ask.rendering.n]
        begin += ask.rendering.n
        yield Request(
            index=first + number,
            ask=ask,
            names=tuple(targets[0].name for targets in mine),
            files=tuple(tuple(Destination(name=target.name, fit=target.fit) for target in targets) for targets in mine),
            replaces=tuple((manifest.parent / path, sha256) for path, sha256 in decision.replaces),
            part=Part(
                manifest=str(manifest.absolute()),
                id=purchase.wanted.id,
                hash=purchase.wanted.hash,
                planned=tuple(tuple(target.path for target in targets) for targets in mine),
            ),
        )


def _written(targets: Sequence[Target], decision: Decision) -> Iterable[Target]:
    """Those of a picture's files that are made; the others stay as they are."""
    return (target for target in targets if target.path in decision.writes)


def records(images: Iterable[SavedImage], part: Part, folder: Path) -> tuple[FileRecord, ...]:
    """What the journal is told of *images*, which a request for *part* has brought below the manifest's *folder*."""
    return tuple(
        record for image in images if image.path for record in (_record(image, image.path, part, folder),) if record
    )


def originals(images: Iterable[SavedImage], folder: Path) -> tuple[FileRecord, ...]:
    """The pictures as they came, which stand beside those of *images* that were changed."""
    disk = Standing(folder, allow_outside=True)
    found = []
    for path in dict.fromkeys(image.original for image in images if image.original):
        below = path.absolute().relative_to(folder.absolute()).as_posix()
        look = disk.look(below)
        found.append(FileRecord(path=below, sha256=disk.sha256(below), bytes=(look.bytes if look else None) or 0))
    return tuple(found)


def with_originals(decision: Decision, ledger: Ledger) -> Decision:
    """*decision*, where what came earlier may be replaced with what was made of it."""
    known = [found[0] for plan in decision.writes if (found := ledger.planned(plan))]
    old = {record.path: record.sha256 for entry in known for record in entry.originals}
    return replace(decision, replaces=(*decision.replaces, *old.items())) if old else decision


def _record(image: SavedImage, saved: Path, part: Part, folder: Path) -> FileRecord | None:
    """None for a picture that nobody asked for."""
    if image.index >= len(part.planned):
        return None
    path = saved.absolute().relative_to(folder.absolute()).as_posix()
    planned = part.planned[image.index][image.copy]
    return FileRecord(path=path, sha256=image.sha256, bytes=image.bytes, planned=None if planned == path else planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase that is to be made."""

    purchase: Purchase
    first: int
    """The number of its first request."""
    count: int
    manifest: Path
    """Whose journal it is."""

    def requests(self) -> tuple[Request, ...]:
        """Its requests, made when they are wanted: there may be thousands of orders."""
        return tuple(requests_of(self.purchase, self.first, self.manifest))

    @property
    def folders(self) -> set[Path]:
        """All that is saved to."""
        return {target.name.folder for targets in self.purchase.item.pictures for target in targets}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What has become of an order."""

    order: Order
    outcomes: tuple[Outcome, ...]
    """Of the requests that were sent; fewer than the order's where the cap had no room for one, or one failed."""
    cost_usd: float | None
    """None where the answers don't tell."""
    over_budget: bool = False
