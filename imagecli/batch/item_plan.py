"""What a run does with one item of a manifest, and the result.

ManifestItem → ItemIdentity → Decision → ItemPlan → PlannedCall, one or several → ItemResult
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagecli.batch.decisions import Decision
from imagecli.batch.item_identity import ItemIdentity
from imagecli.batch.manifest.item import ManifestItem
from imagecli.domain import ImageRequest
from imagecli.errors import ImagecliError
from imagecli.money import Cost
from imagecli.plan_calls import PlannedCall, request_images
from imagecli.prepared_call import ManifestRef, OutputFile
from imagecli.pricing import estimate
from imagecli.pricing.command_cost import Budget
from imagecli.results import CallResult
from imagecli.safe_open import absolute_text


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
        """The requests for what is missing; several if the model creates fewer images per request."""
        most = self.item.model.most_images(self.item.request.options.output_format)
        missing = self.decision.to_create
        return [
            request_images(self.item.request, missing[first], min(most, len(missing) - first))
            for first in range(0, len(missing), most)
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
                    manifest=absolute_text(self.manifest),
                    id=self.identity.id,
                    hash=self.identity.hash,
                    planned=tuple(tuple(target.path for target in targets) for targets in files_of_call),
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
    end = plan.first_call + len(plan.requests())
    price = estimate.total_estimate(budget.estimates[plan.first_call : end])
    about = budget.describe_price(price)
    return Cost(low_usd=price.low_usd, high_usd=price.high_usd, about=about) if price else Cost(about=about)
