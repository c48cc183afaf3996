"""What the calls of a command can cost, whether the cost limit allows that, and what they did cost."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from imagecli.catalog.model import ModelRow
from imagecli.config.settings import Settings
from imagecli.config.sources import flag_name, how_to_unset
from imagecli.domain import ImageRequest
from imagecli.errors import LimitError
from imagecli.events import RunStarted, WarningEvent
from imagecli.money import (
    Cost,
    format_price_by_quality,
    format_usd,
    format_usd_exact,
    format_usd_range,
    round_up_usd,
)
from imagecli.pricing import estimate, usage_cost
from imagecli.results import CallResult

OVER_BUDGET = "over_budget"


class Budget(NamedTuple):
    """The prices of a command's calls, and its cost limit."""

    requests: tuple[ImageRequest, ...]
    """Of each call."""
    rows: tuple[ModelRow, ...]
    """The model of each call."""
    settings: Settings
    estimates: tuple[estimate.Estimate | None, ...]
    fixed: bool = False
    """Each item has its own quality: a flag makes none of them cheaper."""
    share: float = 1.0
    """Of the usual price; less with the Batch API."""

    @classmethod
    def build(
        cls,
        calls: Sequence[tuple[ImageRequest, ModelRow]],
        settings: Settings,
        *,
        fixed: bool = False,
        share: float = 1.0,
    ) -> Self:
        """*calls*: the request of each call, and its model."""
        estimator = estimate.PriceEstimator(settings.provider, share)
        return cls(
            requests=tuple(request for request, _ in calls),
            rows=tuple(row for _, row in calls),
            settings=settings,
            estimates=tuple(estimator.estimate(request, row) for request, row in calls),
            fixed=fixed,
            share=share,
        )

    def image_count(self) -> int:
        """How many images the calls request."""
        return sum(request.options.n for request in self.requests)

    def allows(self, usd: float) -> bool:
        """Whether *usd* is within the cost limit, to a billionth: sums of fractions differ in their last digit."""
        return usd <= self.settings.max_cost + 1e-9

    def counted_usd(self, index: int) -> float:
        """USD that the call counts against the cost limit while its cost is unknown."""
        return self._counted_price(self.estimates[index])

    def refusal(self) -> LimitError | None:
        """Why nothing may be sent; None if everything may."""
        price = estimate.total_estimate(self.estimates)
        explicit = self.settings.max_cost_origin is not None
        if explicit and self.requests and (price is None or price.high_usd is None):
            return self._unknown_price_error(price)
        highest_usd = sum(map(self._counted_price, self.estimates))
        if price is None or self.allows(highest_usd):
            return None
        count = self.image_count()
        subject = f"{count} images" if count > 1 else "the image"
        return LimitError(
            f"{subject} can cost {format_usd(highest_usd, up=True)} ({self._describe_share(price)}), "
            f"more than {describe_cap(self.settings)}; nothing was sent",
            hint=self._over_budget_hint(highest_usd, count),
            code=OVER_BUDGET,
        )

    def billed_usd(self, result: CallResult) -> float | None:
        """USD that a call was billed; None if its response does not report it."""
        return None if self._unpriced_note(result) else self.reported_usd(result)

    def reported_usd(self, result: CallResult) -> float | None:
        """As `billed_usd`, without what is billed in addition to the response's usage."""
        if result.is_free:
            return 0.0
        usd = self.reported_price(result.request, result.usage)
        return 0.0 if usd is None and not result.may_be_billed else usd

    def describe_in_flight(self, requests: Sequence[int]) -> str:
        """`2 requests in flight may be billed, up to $0.42`, of calls that an interrupted command sent."""
        text = f"{len(requests)} {'request' if len(requests) == 1 else 'requests'} in flight"
        if self.settings.provider.free:
            return text
        price = estimate.total_estimate([self.estimates[index] for index in requests])
        most = price and price.high_usd
        return f"{text} may be billed, up to {format_usd(most, up=True)}" if most else f"{text} may be billed"

    def reported_price(self, index: int, usage: Mapping[str, Any] | None) -> float | None:
        """USD that the *usage* in the response to request *index* comes to; None if that is unknown."""
        request, row = self.requests[index], self.rows[index]
        return usage_cost.reported_usd(usage, request, row, self.settings.provider, self.share)

    def overrun_warning(self, results: Sequence[CallResult]) -> WarningEvent | None:
        """The warning that the calls cost more than the limit; None if they did not, as far as it is known."""
        costs = [self.reported_usd(result) for result in results]
        known_usd = sum(usd for usd in costs if usd is not None)
        is_complete = None not in costs and not any(map(self._unpriced_note, results))
        return self.cap_passed_warning(known_usd, is_complete=is_complete)

    def cap_passed_warning(self, known_usd: float, *, is_complete: bool) -> WarningEvent | None:
        """As `overrun_warning`, for *known_usd* that were billed; *is_complete*: that is the complete bill."""
        if self.allows(known_usd):
            return None
        least = "" if is_complete else "at least "
        message = (
            f"the command cost {least}{format_usd(known_usd, up=not least)}, more than {describe_cap(self.settings)}"
        )
        return WarningEvent(code="cost_over_cap", message=message)

    def _unpriced_note(self, result: CallResult) -> str:
        if result.is_free:
            return ""
        return usage_cost.unpriced_note(self.requests[result.request], result.usage, self.settings.provider)

    def cost(self, results: Sequence[CallResult] = ()) -> Cost:
        """The price of all calls, and the cost of those that were sent, by their *results*."""
        price = estimate.total_estimate(self.estimates)
        cost = _cost(price, self.describe_price(price), _sum(map(self.billed_usd, results)))
        note = next(filter(None, map(self._unpriced_note, results)), "")
        if not note:
            return cost
        return cost._replace(reported_usd=_sum(map(self.reported_usd, results)), unpriced_note=note)

    def cost_by_quality(self) -> Cost:
        """The price of all calls, and what they cost at each quality."""
        requested = self.requests[0].options.quality if self.requests else None
        prices = {quality: estimate.total_estimate(self._estimates_at(quality)) for quality in self._qualities()}
        return self.cost()._replace(
            images=self.image_count(),
            quality=requested if requested in prices else None,
            by_quality=tuple(
                (quality, price.high_usd) for quality, price in prices.items() if price and price.high_usd
            ),
        )

    def run_started(self) -> RunStarted:
        """The event before the first request."""
        return RunStarted(
            requests=len(self.requests),
            images=self.image_count(),
            price="" if self.settings.provider.free else format_price_by_quality(self.cost_by_quality()),
        )

    def _qualities(self) -> tuple[str, ...]:
        """Those that all calls can be made at, the cheapest first; none if each call has its own."""
        return () if self.fixed or not self.rows else estimate.qualities_by_price(self.rows[0])

    def _estimates_at(self, quality: str) -> list[estimate.Estimate | None]:
        """The price of each call at *quality*."""
        pairs = zip(self.requests, self.rows, strict=True)
        prices = (
            estimate.estimate_price(estimate.with_quality(request, quality), row, self.settings.provider)
            for request, row in pairs
        )
        return [estimate.share_of_estimate(price, self.share) for price in prices]

    def cost_of(self, index: int) -> Cost:
        """The price of one call."""
        price = self.estimates[index]
        return _cost(price, self.describe_price(price), None)

    def result_cost(self, result: CallResult) -> Cost:
        """What the call of *result* could cost, and did, as far as that is known."""
        return self.cost_of(result.request)._replace(actual_usd=self.billed_usd(result))

    def describe_price(self, price: estimate.Estimate | None) -> str:
        """What *price* is the price of, or why it is unknown, in words."""
        if price is None:
            return self.why_unknown()
        if price.is_free or self._uses_default_base_url():
            return self._describe_share(price)
        return f"{self._describe_share(price)}; assuming this server bills like {self.settings.provider.name}"

    def _describe_share(self, price: estimate.Estimate) -> str:
        """What it is the price of, and whether it is the Batch API's."""
        if price.is_free or self.share == 1:
            return price.about
        part = "half price" if self.share == 0.5 else f"{self.share:.0%} of the price"
        return f"{price.about}; {part} with the Batch API"

    def why_unknown(self) -> str:
        """Why a call has no price, in words."""
        if not self.rows:
            return "no requests"
        if not self.settings.provider.priced:
            later = "; its responses report the cost" if self.settings.provider.billed else ""
            return f"imagecli has no prices for {self.settings.provider.name}{later}"
        row = self._first_unpriced_model()
        if row.prices is None:
            return f"imagecli has no price for {row.name}"
        return f"imagecli has no price for this quality of {row.name}"

    def _first_unpriced_model(self) -> ModelRow:
        """The model of the first call without a price."""
        pairs = zip(self.rows, self.estimates, strict=True)
        return next((row for row, price in pairs if price is None), self.rows[0])

    def _unknown_price_error(self, price: estimate.Estimate | None) -> LimitError:
        why, other_model = self.why_unknown(), self.settings.provider.priced
        if price:
            why, other_model = "imagecli has no price for the model that writes the SVG", False
        cap = describe_cap(self.settings)
        lift = f"to remove the cost limit: {how_to_unset('max_cost', self.settings.max_cost_origin or '')}"
        return LimitError(
            f"the price is unknown ({why}), and {cap} requires known prices; nothing was sent",
            hint=f"{lift}; or choose a model with a price: imagecli models" if other_model else lift,
            code=OVER_BUDGET,
        )

    def _counted_price(self, price: estimate.Estimate | None) -> float:
        """The upper end; but another server may bill nothing, so there the built-in limit uses the lower end."""
        if price is None:
            return 0.0
        strict = self._uses_default_base_url() or self.settings.max_cost_origin is not None
        return price.low_usd if price.high_usd is None or not strict else price.high_usd

    def _uses_default_base_url(self) -> bool:
        return self.settings.provider.uses_default_base_url(self.settings.base_url)

    def _over_budget_hint(self, highest_usd: float, count: int) -> str:
        ways = [f"{flag_name('max_cost')} {round_up_usd(highest_usd)}"]
        if cheaper := self._cheaper_quality():
            ways.insert(0, cheaper)
        elif count > 1:
            ways.insert(0, "request fewer images")
        return "; or ".join(ways)

    def _cheaper_quality(self) -> str | None:
        """The best quality that the cost limit allows, and its price."""
        requested, qualities = self.requests[0].options.quality, self._qualities()
        if requested in qualities:
            qualities = qualities[: qualities.index(requested)]
        for quality in reversed(qualities):
            prices = self._estimates_at(quality)
            price = estimate.total_estimate(prices)
            if price and self.allows(sum(map(self._counted_price, prices))):
                return f"{flag_name('quality')} {quality} costs about {format_usd_range(price.low_usd, price.high_usd)}"
        return None


def describe_cap(settings: Settings) -> str:
    """The cost limit and where it was set."""
    origin = settings.max_cost_origin
    if origin == flag_name("max_cost"):
        return f"{origin} {format_usd_exact(settings.max_cost)}"
    amount = f"cost limit of ${format_usd_exact(settings.max_cost)}"
    return f"the {amount} ({origin})" if origin else f"the built-in {amount}"


def _sum(bills: Iterable[float | None]) -> float | None:
    """All of them together; None if one is unknown, or there is none."""
    all_bills = list(bills)
    known_bills = [bill for bill in all_bills if bill is not None]
    return sum(known_bills) if known_bills and len(known_bills) == len(all_bills) else None


def _cost(price: estimate.Estimate | None, about: str, actual: float | None) -> Cost:
    return Cost(
        low_usd=price.low_usd if price else None,
        high_usd=price.high_usd if price else None,
        actual_usd=actual,
        about=about,
    )
