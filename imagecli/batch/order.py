"""A purchase that is to be made, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagecli.batch.purchase import Purchase, requests_of
from imagecli.outcome import Outcome
from imagecli.plan import Request


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
