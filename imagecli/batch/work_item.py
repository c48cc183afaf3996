"""One item of a manifest on its way: what the journal knows it as, what becomes of it, and the requests that buy it.

A purchase that is to be made, and what has become of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.file_state import DiskState
from imagecli.batch.fingerprint import FileDigests, PlannedItem, base_url_for_hash, row_hash
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.targets import OutputTarget
from imagecli.batch.planner import Decision, Replacement
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import input_sources
from imagecli.domain import Edit, ImageRequest, SavedImage
from imagecli.plan import PlannedCall, split_count
from imagecli.prepared import ManifestRef, OutputFile
from imagecli.results import CallResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """An item, and what the journal and the disk make of it."""

    item: ManifestItem
    planned: PlannedItem
    decision: Decision

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that are planned, from the manifest's folder."""
        return tuple(path for paths in self.planned.pictures for path in paths)


def to_planned_item(item: ManifestItem, provider: ProviderRow, base_url: str, digests: FileDigests) -> PlannedItem:
    """*item* as a journal knows it. Raises InputImageError for an input that can't be read."""
    return PlannedItem(
        id=item.pictures[0][0].path,
        row_hash=row_hash(item.row_values, _input_digests(item, digests)),
        provider=provider.name,
        base_url=base_url_for_hash(base_url, provider),
        model=item.model.name,
        model_named=item.model_named,
        pictures=tuple(tuple(target.path for target in targets) for targets in item.pictures),
        sandbox=provider.embedded,
    )


def _input_digests(item: ManifestItem, digests: FileDigests) -> dict[str, list[str]]:
    ask = item.request
    layers = {"mask": ask.mask, "markup": ask.markup} if isinstance(ask, Edit) else {}
    sources = {"image": input_sources(ask), **{name: (layer,) for name, layer in layers.items() if layer}}
    return {
        name: [digests.sha256(source.path) for source in of_field if source.path] for name, of_field in sources.items()
    }


def requests_to_send(purchase: ItemPlan) -> list[ImageRequest]:
    """What is asked for to get what is missing: more than once where the model makes fewer at once."""
    ask = purchase.item.request
    parts = split_count(len(purchase.decision.buy), purchase.item.model.most_images(ask.options.output_format))
    return [ask if n == ask.options.n else replace(ask, options=replace(ask.options, n=n)) for n in parts]


def calls_to_send(purchase: ItemPlan, first: int, manifest: Path) -> Iterator[PlannedCall]:
    """The requests that buy what is missing of *purchase*, numbered from *first*. *manifest* owns the journal."""
    item, decision = purchase.item, purchase.decision
    files = [tuple(_targets_to_write(item.pictures[index], decision)) for index in decision.buy]
    begin = 0
    for number, ask in enumerate(requests_to_send(purchase)):
        mine = files[begin : begin + ask.options.n]
        begin += ask.options.n
        yield PlannedCall(
            index=first + number,
            request=ask,
            names=tuple(targets[0].name for targets in mine),
            files=tuple(tuple(OutputFile(name=target.name, fit=target.fit) for target in targets) for targets in mine),
            replaces=tuple((manifest.parent / path, sha256) for path, sha256 in decision.replaces),
            part=ManifestRef(
                manifest=str(manifest.absolute()),
                id=purchase.planned.id,
                hash=purchase.planned.hash,
                planned=tuple(tuple(target.path for target in targets) for targets in mine),
            ),
        )


def _targets_to_write(targets: Sequence[OutputTarget], decision: Decision) -> Iterable[OutputTarget]:
    """Those of a picture's files that are made; the others stay as they are."""
    return (target for target in targets if target.path in decision.writes)


def build_file_records(images: Iterable[SavedImage], part: ManifestRef, folder: Path) -> tuple[FileRecord, ...]:
    """What the journal is told of *images*, which a request for *part* has brought below the manifest's *folder*."""
    return tuple(
        record
        for image in images
        if image.path
        for record in (_build_file_record(image, image.path, part, folder),)
        if record
    )


def build_original_records(images: Iterable[SavedImage], folder: Path) -> tuple[FileRecord, ...]:
    """The pictures as they came, which stand beside those of *images* that were changed."""
    disk = DiskState(folder, allow_outside=True)
    found = []
    for path in dict.fromkeys(image.original for image in images if image.original):
        below = path.absolute().relative_to(folder.absolute()).as_posix()
        look = disk.stat(below)
        found.append(FileRecord(path=below, sha256=disk.sha256(below), bytes=(look.bytes if look else None) or 0))
    return tuple(found)


def replace_originals_too(decision: Decision, ledger: JournalState) -> Decision:
    """*decision*, where what came earlier may be replaced with what was made of it."""
    known = [found[0] for plan in decision.writes if (found := ledger.file_planned_at(plan))]
    old = {record.path: record.sha256 for entry in known for record in entry.originals}
    return (
        replace(decision, replaces=(*decision.replaces, *map(Replacement, old.keys(), old.values())))
        if old
        else decision
    )


def _build_file_record(image: SavedImage, saved: Path, part: ManifestRef, folder: Path) -> FileRecord | None:
    """None for a picture that nobody asked for."""
    if image.index >= len(part.planned):
        return None
    path = saved.absolute().relative_to(folder.absolute()).as_posix()
    planned = part.planned[image.index][image.copy]
    return FileRecord(path=path, sha256=image.sha256, bytes=image.bytes, planned=None if planned == path else planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """A purchase that is to be made."""

    plan: ItemPlan
    first: int
    """The number of its first request."""
    count: int
    manifest: Path
    """Whose journal it is."""

    def calls(self) -> tuple[PlannedCall, ...]:
        """Its requests, made when they are wanted: there may be thousands of orders."""
        return tuple(calls_to_send(self.plan, self.first, self.manifest))

    @property
    def folders(self) -> set[Path]:
        """All that is saved to."""
        return {target.name.folder for targets in self.plan.item.pictures for target in targets}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What has become of an order."""

    item: WorkItem
    results: tuple[CallResult, ...]
    """Of the requests that were sent; fewer than the order's where the cap had no room for one, or one failed."""
    cost_usd: float | None
    """None where the answers don't tell."""
    is_over_budget: bool = False
