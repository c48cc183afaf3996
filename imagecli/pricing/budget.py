"""What an order can cost, whether its cap allows that, and what it did cost. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imagecli.catalog.model import ModelRow
from imagecli.config.settings import Settings
from imagecli.config.sources import flag_name, how_to_unset
from imagecli.errors import LimitError
from imagecli.events import WarningEvent
from imagecli.money import format_usd, format_usd_exact, format_usd_range, round_up_usd
from imagecli.plan import PlannedCall, count_images
from imagecli.pricing import estimate
from imagecli.results import CallResult, Cost

OVER_BUDGET = "over_budget"

UsagePrice = Callable[..., float | None]
"""`estimate.billed_usd` or `estimate.reported_usd`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The prices of an order's requests, and the cap they are held against."""

    requests: tuple[PlannedCall, ...]
    rows: tuple[ModelRow, ...]
    """Each request's model."""
    settings: Settings
    estimates: tuple[estimate.Estimate | None, ...]
    fixed: bool = False
    """Requests say their quality themselves: a flag makes none of them cheaper."""
    share: float = 1.0
    """Of the live price; less where the Batch API makes them."""

    @classmethod
    def build(
        cls,
        wanted: Sequence[tuple[PlannedCall, ModelRow]],
        settings: Settings,
        *,
        fixed: bool = False,
        share: float = 1.0,
    ) -> Budget:
        prices = (estimate.estimate_price(request.request, row, settings.provider) for request, row in wanted)
        return cls(
            requests=tuple(request for request, _ in wanted),
            rows=tuple(row for _, row in wanted),
            settings=settings,
            estimates=_share_equal(estimate.share_of_estimate(price, share) for price in prices),
            fixed=fixed,
            share=share,
        )

    def allows(self, usd: float) -> bool:
        """Whether the cap does, to a billionth: sums of fractions differ in their last digit."""
        return usd <= self.settings.max_cost + 1e-9

    def counted_usd(self, index: int) -> float:
        """USD that the request counts against the cap while it is not known what it cost."""
        return self._counted_price(self.estimates[index])

    def refusal(self) -> LimitError | None:
        """Why nothing may be sent, if so."""
        price = estimate.total_estimate(self.estimates)
        explicit = self.settings.max_cost_origin is not None
        if explicit and self.requests and (price is None or price.high_usd is None):
            return self._unknown_price_error(price)
        counted = sum(map(self._counted_price, self.estimates))
        if price is None or self.allows(counted):
            return None
        many = count_images(self.requests)
        said = f"{many} pictures can cost" if many > 1 else "the picture can cost"
        return LimitError(
            f"{said} {format_usd(counted, up=True)} ({self._describe_share(price)}), "
            f"more than {describe_cap(self.settings)}; nothing was sent",
            hint=self._over_budget_hint(counted, many),
            code=OVER_BUDGET,
        )

    def billed_usd(self, outcome: CallResult) -> float | None:
        """USD that a request was billed; None where its answer doesn't tell."""
        return self._known_usd(outcome, estimate.billed_usd)

    def reported_usd(self, outcome: CallResult) -> float | None:
        """As `billed_usd`, without what an answer's usage is silent of."""
        return self._known_usd(outcome, estimate.reported_usd)

    def _known_usd(self, outcome: CallResult, price: UsagePrice) -> float | None:
        usd = self._price_usage(outcome.request, outcome.usage, price)
        return 0.0 if usd is None and not outcome.may_be_billed else usd

    def reported_price(self, index: int, usage: Mapping[str, Any] | None) -> float | None:
        """USD that the *usage* in the response to request *index* comes to; None if that is unknown."""
        return self._price_usage(index, usage, estimate.reported_usd)

    def _price_usage(self, index: int, usage: Mapping[str, Any] | None, price: UsagePrice) -> float | None:
        usd = price(usage, self.requests[index].request, self.rows[index], self.settings.provider)
        return None if usd is None else usd * self.share

    def overrun_warning(self, outcomes: Sequence[CallResult]) -> WarningEvent | None:
        """What is to be said where it cost more than the cap; None where it did not, as far as anybody knows."""
        told = [self.reported_usd(outcome) for outcome in outcomes]
        known = sum(usd for usd in told if usd is not None)
        return self.cap_passed_warning(known, whole=None not in told and not any(map(self._unpriced_note, outcomes)))

    def cap_passed_warning(self, known: float, *, whole: bool) -> WarningEvent | None:
        """As `overrun_warning`, of *known* USD that were billed; *whole*: that is the whole bill."""
        if self.allows(known):
            return None
        least = "" if whole else "at least "
        said = f"it cost {least}{format_usd(known, up=not least)}, more than {describe_cap(self.settings)}"
        return WarningEvent(code="cost_over_cap", message=said)

    def _unpriced_note(self, outcome: CallResult) -> str:
        return estimate.unpriced_note(self.requests[outcome.request].request)

    def cost(self, outcomes: Sequence[CallResult] = ()) -> Cost:
        """The whole order's price; *outcomes* of the requests that were sent."""
        price = estimate.total_estimate(self.estimates)
        cost = _cost(price, self.describe_price(price), _sum(map(self.billed_usd, outcomes)))
        besides = next(filter(None, map(self._unpriced_note, outcomes)), "")
        return (
            replace(cost, reported_usd=_sum(map(self.reported_usd, outcomes)), unpriced_note=besides)
            if besides
            else cost
        )

    def cost_of(self, index: int) -> Cost:
        """One request's price."""
        price = self.estimates[index]
        return _cost(price, self.describe_price(price), None)

    def describe_price(self, price: estimate.Estimate | None) -> str:
        if price is None:
            return self.why_unknown()
        if price.is_free or self._uses_default_base_url():
            return self._describe_share(price)
        return f"{self._describe_share(price)}; if this server bills as {self.settings.provider.name} does"

    def _describe_share(self, price: estimate.Estimate) -> str:
        """What it is the price of, and that it is the Batch API's where it is."""
        if price.is_free or self.share == 1:
            return price.about
        part = "half" if self.share == 0.5 else f"{self.share:.0%}"
        return f"{price.about}; {part} of it, by the Batch API"

    def why_unknown(self) -> str:
        """Why a request has no price, in words."""
        if not self.rows:
            return "nothing is bought"
        if not self.settings.provider.priced:
            return f"what {self.settings.provider.name} bills is not in the catalogue"
        row = self._first_unpriced_model()
        if row.prices is None:
            return f"what {row.name} costs is not in the catalogue"
        return f"what this quality of {row.name} costs is not in the catalogue"

    def _first_unpriced_model(self) -> ModelRow:
        """The model of the first request without a price."""
        pairs = zip(self.rows, self.estimates, strict=True)
        return next((row for row, price in pairs if price is None), self.rows[0])

    def _unknown_price_error(self, price: estimate.Estimate | None) -> LimitError:
        why, other_model = self.why_unknown(), self.settings.provider.priced
        if price:
            why, other_model = "an svg's author is billed by a price that is not in the catalogue", False
        cap = describe_cap(self.settings)
        lift = f"to lift the cap: {how_to_unset('max_cost', self.settings.max_cost_origin or '')}"
        return LimitError(
            f"the price is not known ({why}), and {cap} allows only known ones; nothing was sent",
            hint=f"{lift}; or name a model with a price: imagecli models" if other_model else lift,
            code=OVER_BUDGET,
        )

    def _counted_price(self, price: estimate.Estimate | None) -> float:
        """The upper end; but another server may bill nothing, so there the built-in cap stops only the lower end."""
        if price is None:
            return 0.0
        strict = self._uses_default_base_url() or self.settings.max_cost_origin is not None
        return price.low_usd if price.high_usd is None or not strict else price.high_usd

    def _uses_default_base_url(self) -> bool:
        return self.settings.provider.uses_default_base_url(self.settings.base_url)

    def _over_budget_hint(self, counted: float, many: int) -> str:
        ways = [f"{flag_name('max_cost')} {round_up_usd(counted)}"]
        if cheaper := self._cheaper_quality():
            ways.insert(0, cheaper)
        elif many > 1:
            ways.insert(0, "ask for fewer pictures")
        return "; or ".join(ways)

    def _cheaper_quality(self) -> str | None:
        """The best quality that the cap allows, and what it costs."""
        if self.fixed:
            return None
        asked = self.requests[0].request.options.quality
        words = estimate.qualities_by_price(self.rows[0])
        for quality in reversed(words[: words.index(asked)] if asked in words else words):
            asks = [estimate.with_quality(request.request, quality) for request in self.requests]
            pairs = zip(asks, self.rows, strict=True)
            live = (estimate.estimate_price(ask, row, self.settings.provider) for ask, row in pairs)
            priced = [estimate.share_of_estimate(price, self.share) for price in live]
            price = estimate.total_estimate(priced)
            if price and self.allows(sum(map(self._counted_price, priced))):
                return f"{flag_name('quality')} {quality} costs about {format_usd_range(price.low_usd, price.high_usd)}"
        return None


def describe_cap(settings: Settings) -> str:
    """The cap, and who said it."""
    origin = settings.max_cost_origin
    if origin == flag_name("max_cost"):
        return f"{origin} {format_usd_exact(settings.max_cost)}"
    amount = f"cap of ${format_usd_exact(settings.max_cost)}"
    return f"the {amount} ({origin})" if origin else f"the built-in {amount}"


def _share_equal(estimates: Iterable[estimate.Estimate | None]) -> tuple[estimate.Estimate | None, ...]:
    """*estimates* in the memory of those that differ: thousands of rows can have one price."""
    known: dict[estimate.Estimate | None, estimate.Estimate | None] = {}
    return tuple(known.setdefault(estimate, estimate) for estimate in estimates)


def _sum(bills: Iterable[float | None]) -> float | None:
    """All of them together; None where one is not known, or there is none."""
    told = list(bills)
    known = [bill for bill in told if bill is not None]
    return sum(known) if known and len(known) == len(told) else None


def _cost(price: estimate.Estimate | None, about: str, actual: float | None) -> Cost:
    return Cost(
        low_usd=price.low_usd if price else None,
        high_usd=price.high_usd if price else None,
        actual_usd=actual,
        about=about,
    )
