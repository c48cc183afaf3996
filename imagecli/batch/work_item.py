"""One item of a manifest at work: its plan, the calls that create what is missing, and their result."""

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
from imagecli.planned_call import PlannedCall, split_count
from imagecli.prepared import ManifestRef, OutputFile
from imagecli.results import CallResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """An item, how the journal knows it, and what is to be done about it."""

    item: ManifestItem
    planned: PlannedItem
    decision: Decision

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that are planned, from the manifest's folder."""
        return tuple(path for paths in self.planned.image_paths for path in paths)


def to_planned_item(item: ManifestItem, provider: ProviderRow, base_url: str, digests: FileDigests) -> PlannedItem:
    """*item* as the journal knows it. Raises InputImageError if an input can't be read."""
    return PlannedItem(
        id=item.targets[0][0].path,
        row_hash=row_hash(item.row_values, _input_digests(item, digests)),
        provider=provider.name,
        base_url=base_url_for_hash(base_url, provider),
        model=item.model.name,
        model_named=item.model_named,
        image_paths=tuple(tuple(target.path for target in targets) for targets in item.targets),
        sandbox=provider.embedded,
    )


def _input_digests(item: ManifestItem, digests: FileDigests) -> dict[str, list[str]]:
    request = item.request
    sources = {"image": input_sources(request)}
    if isinstance(request, Edit):
        layers = {"mask": request.mask, "markup": request.markup}
        sources |= {name: (layer,) for name, layer in layers.items() if layer}
    return {
        name: [digests.sha256(source.path) for source in of_field if source.path] for name, of_field in sources.items()
    }


def requests_to_send(plan: ItemPlan) -> list[ImageRequest]:
    """The requests for what is missing; several if the model creates fewer images at once."""
    request = plan.item.request
    counts = split_count(len(plan.decision.to_create), plan.item.model.most_images(request.options.output_format))
    return [
        request if n == request.options.n else request._replace(options=request.options._replace(n=n)) for n in counts
    ]


def calls_to_send(plan: ItemPlan, first: int, manifest: Path) -> Iterator[PlannedCall]:
    """The calls that create what is missing of *plan*, numbered from *first*. *manifest* owns the journal."""
    item, decision = plan.item, plan.decision
    files = [tuple(_targets_to_write(item.targets[index], decision)) for index in decision.to_create]
    begin = 0
    for number, request in enumerate(requests_to_send(plan)):
        files_of_call = files[begin : begin + request.options.n]
        begin += request.options.n
        yield PlannedCall(
            index=first + number,
            request=request,
            names=tuple(targets[0].name for targets in files_of_call),
            files=tuple(
                tuple(OutputFile(name=target.name, fit=target.fit) for target in targets) for targets in files_of_call
            ),
            replaces=tuple((manifest.parent / path, sha256) for path, sha256 in decision.replaces),
            part=ManifestRef(
                manifest=str(manifest.absolute()),
                id=plan.planned.id,
                hash=plan.planned.hash,
                planned=tuple(tuple(target.path for target in targets) for targets in files_of_call),
            ),
        )


def _targets_to_write(targets: Sequence[OutputTarget], decision: Decision) -> Iterable[OutputTarget]:
    """Those of an image's files that are written; the others are unchanged."""
    return (target for target in targets if target.path in decision.writes)


def build_file_records(images: Iterable[SavedImage], part: ManifestRef, folder: Path) -> tuple[FileRecord, ...]:
    """The journal's records of *images*, which a call for *part* has saved below the manifest's *folder*."""
    records = (_build_file_record(image, image.path, part, folder) for image in images if image.path)
    return tuple(record for record in records if record)


def build_original_records(images: Iterable[SavedImage], folder: Path) -> tuple[FileRecord, ...]:
    """The journal's records of the received images that are kept beside those of *images* that were converted."""
    disk = DiskState(folder, allow_outside=True)
    records = []
    for path in dict.fromkeys(image.original for image in images if image.original):
        relative = path.absolute().relative_to(folder.absolute()).as_posix()
        info = disk.stat(relative)
        records.append(
            FileRecord(path=relative, sha256=disk.sha256(relative), bytes=(info.bytes if info else None) or 0)
        )
    return tuple(records)


def replace_originals_too(decision: Decision, journal: JournalState) -> Decision:
    """*decision*, which may also replace the received images beside the files that it replaces."""
    entries = [recorded[0] for path in decision.writes if (recorded := journal.file_planned_at(path))]
    hashes = {record.path: record.sha256 for entry in entries for record in entry.originals}
    originals = [Replacement(path, sha256) for path, sha256 in hashes.items()]
    return replace(decision, replaces=(*decision.replaces, *originals)) if originals else decision


def _build_file_record(image: SavedImage, saved: Path, part: ManifestRef, folder: Path) -> FileRecord | None:
    """None for an image beyond those that were requested."""
    if image.index >= len(part.planned):
        return None
    path = saved.absolute().relative_to(folder.absolute()).as_posix()
    planned = part.planned[image.index][image.copy]
    return FileRecord(path=path, sha256=image.sha256, bytes=image.bytes, planned=None if planned == path else planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """An item with something to create."""

    plan: ItemPlan
    first: int
    """The number of its first call."""
    count: int
    manifest: Path
    """The manifest that owns the journal."""

    def calls(self) -> tuple[PlannedCall, ...]:
        """Its calls, built when they are needed: there may be thousands of items."""
        return tuple(calls_to_send(self.plan, self.first, self.manifest))

    @property
    def folders(self) -> set[Path]:
        """All folders that it saves in."""
        return {target.name.folder for targets in self.plan.item.targets for target in targets}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """The result of an item."""

    item: WorkItem
    results: tuple[CallResult, ...]
    """Of the calls that were sent; fewer than planned if one failed or the cost limit had no room."""
    cost_usd: float | None
    """None if it is unknown."""
    is_over_budget: bool = False
