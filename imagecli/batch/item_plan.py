"""What a run does about one item of a manifest, and the result.

ManifestItem → ItemIdentity → Decision → ItemPlan → PlannedCall, one or several → ItemResult
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.fingerprint import FileDigests, ItemIdentity, base_url_for_hash, row_hash
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.planner import Decision, Replacement
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import input_sources
from imagecli.domain import Edit, ImageRequest
from imagecli.plan_calls import PlannedCall, split_count
from imagecli.prepared_call import ManifestRef, OutputFile
from imagecli.results import CallResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """What a run does about one item: from the decision, once journals and disk are read, to the item's result."""

    item: ManifestItem
    identity: ItemIdentity
    decision: Decision
    manifest: Path
    """Names the journal."""
    first_call: int = 0
    """The number of its first call in the run, if it has any."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that are planned, from the manifest's folder."""
        return tuple(path for paths in self.identity.image_paths for path in paths)

    def requests(self) -> list[ImageRequest]:
        """The requests for what is missing; several if the model creates fewer images at once."""
        request = self.item.request
        most = self.item.model.most_images(request.options.output_format)
        return [
            request if n == request.options.n else request._replace(options=request.options._replace(n=n))
            for n in split_count(len(self.decision.to_create), most)
        ]

    def calls(self) -> Iterator[PlannedCall]:
        """The calls that create what is missing, built when they are needed: there may be thousands of items."""
        # Other files of an image that is created again are unchanged.
        files = [
            [target for target in self.item.targets[index] if target.path in self.decision.writes]
            for index in self.decision.to_create
        ]
        begin = 0
        for number, request in enumerate(self.requests(), self.first_call):
            files_of_call = files[begin : begin + request.options.n]
            begin += request.options.n
            yield PlannedCall(
                index=number,
                request=request,
                names=tuple(targets[0].name for targets in files_of_call),
                files=tuple(
                    tuple(OutputFile(name=target.name, fit=target.fit) for target in targets)
                    for targets in files_of_call
                ),
                replaces=tuple((self.manifest.parent / path, sha256) for path, sha256 in self.decision.replaces),
                part=ManifestRef(
                    manifest=str(self.manifest.absolute()),
                    id=self.identity.id,
                    hash=self.identity.hash,
                    planned=tuple(tuple(target.path for target in targets) for targets in files_of_call),
                ),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """The result of an item whose calls have ended."""

    plan: ItemPlan
    results: tuple[CallResult, ...]
    """Of the calls that were sent; fewer than planned if one failed or the cost limit had no room."""
    cost_usd: float | None
    """None if it is unknown."""
    is_over_budget: bool = False


def identify_item(item: ManifestItem, provider: ProviderRow, base_url: str, digests: FileDigests) -> ItemIdentity:
    """*item* as the journal knows it. Raises InputImageError if an input can't be read."""
    return ItemIdentity(
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


def replace_originals_too(decision: Decision, journal: JournalState) -> Decision:
    """*decision*, which may also replace the received images beside the files that it replaces."""
    entries = [recorded[0] for path in decision.writes if (recorded := journal.file_planned_at(path))]
    hashes = {record.path: record.sha256 for entry in entries for record in entry.originals}
    originals = [Replacement(path, sha256) for path, sha256 in hashes.items()]
    return replace(decision, replaces=(*decision.replaces, *originals)) if originals else decision
