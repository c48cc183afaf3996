"""What a run does with one item of a manifest, and the result.

ManifestItem → ItemIdentity → Decision → ItemPlan → PlannedCall, one or several → ItemResult
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.decisions import Decision
from imagecli.batch.item_identity import ItemIdentifier, ItemIdentity
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.output_targets import OutputTarget
from imagecli.domain import ImageRequest
from imagecli.errors import ImagecliError
from imagecli.money import Cost
from imagecli.plan_calls import PlannedCall, request_images, split_count
from imagecli.prepared_call import ManifestRef, OutputFile
from imagecli.pricing import estimate
from imagecli.pricing.command_cost import Budget
from imagecli.results import CallResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """What a run does about one item: from the decision, once journals and disk are read, to the item's result."""

    item: ManifestItem
    decision: Decision
    manifest: str
    """Its absolute path, which names the journal."""
    folder: Path
    """The manifest's, as the user would type it."""
    identifier: ItemIdentifier
    submitted_model: str | None = None
    """The model that a provider's Batch API has it for, if that may no longer be the default."""
    first_call: int = 0
    """The number of its first call in the run, if it has any."""

    @property
    def identity(self) -> ItemIdentity:
        """The item as the journal knows it. Computed when needed: there may be thousands of items."""
        identity = self.identifier.identify(self.item)
        return replace(identity, model=self.submitted_model) if self.submitted_model else identity

    @property
    def outputs(self) -> tuple[str, ...]:
        """The files that are planned, from the manifest's folder."""
        return tuple(path for paths in self.item.image_paths for path in paths)

    @property
    def writes(self) -> tuple[str, ...]:
        """Those of the planned files that the requested images are saved to."""
        return self.decision.written_paths(self.item.image_paths)

    @property
    def call_sizes(self) -> tuple[int, ...]:
        """How many images each of its calls requests; several if the model creates fewer images per request."""
        return split_count(
            len(self.decision.to_create), self.item.model.most_images(self.item.request.options.output_format)
        )

    def requests(self) -> Iterator[ImageRequest]:
        """The requests for what is missing, one for each call."""
        begin = 0
        for n in self.call_sizes:
            yield request_images(self.item.request, self.decision.to_create[begin], n)
            begin += n

    def requests_with_targets(self) -> Iterator[tuple[ImageRequest, list[list[OutputTarget]]]]:
        """The requests, each with the files that are made of its images."""
        begin = 0
        for request in self.requests():
            indexes = self.decision.to_create[begin : begin + request.options.n]
            begin += request.options.n
            # Other files of an image that is created again are unchanged.
            yield (
                request,
                [
                    [target for target in self.item.targets[index] if target.path not in self.decision.unchanged]
                    for index in indexes
                ],
            )

    def calls(self) -> Iterator[PlannedCall]:
        """The calls that create what is missing, built when they are needed: there may be thousands of items."""
        identity = self.identity
        for number, (request, targets_by_image) in enumerate(self.requests_with_targets(), self.first_call):
            files = tuple(
                tuple(OutputFile(name=target.name, fit=target.fit) for target in targets)
                for targets in targets_by_image
            )
            yield PlannedCall(
                index=number,
                request=request,
                names=tuple(files_of_image[0].name for files_of_image in files),
                files=files,
                replaces=tuple((self.folder / path, sha256) for path, sha256 in self.decision.replaces),
                part=ManifestRef(
                    manifest=self.manifest,
                    id=identity.id,
                    hash=identity.hash,
                    planned=tuple(tuple(target.path for target in targets) for targets in targets_by_image),
                ),
                sidecar=self.item.settings.get("sidecar", False),
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


def result_errors(result: ItemResult) -> list[ImagecliError]:
    """What went wrong with an item, in all of its calls."""
    return [error for call_result in result.results for error in call_result.errors]


def planned_paths(plan: ItemPlan) -> tuple[tuple[str, ...], ...]:
    """The planned files of each image that *plan* requests, as the journal records them."""
    parts = [call.part for call in plan.calls()]
    return tuple(paths for part in parts if part for paths in part.planned)


def estimate_item_cost(plan: ItemPlan, budget: Budget) -> Cost:
    """What the calls of *plan* can cost together."""
    end = plan.first_call + len(plan.call_sizes)
    price = estimate.total_estimate(budget.estimates[plan.first_call : end])
    about = budget.describe_price(price)
    return Cost(low_usd=price.low_usd, high_usd=price.high_usd, about=about) if price else Cost(about=about)
