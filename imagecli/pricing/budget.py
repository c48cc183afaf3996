"""What an order can cost, whether its cap allows that, and what it did cost. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from imagecli.catalog.model import ModelRow
from imagecli.config.settings import Settings
from imagecli.config.sources import flag, way_to_drop
from imagecli.errors import LimitError
from imagecli.events import Warned
from imagecli.money import at_least, between, dollars, typed
from imagecli.plan import Request, pictures
from imagecli.pricing import estimate
from imagecli.results import Cost, Outcome

OVER_BUDGET = "over_budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The prices of an order's requests, and the cap they are held against."""

    requests: tuple[Request, ...]
    rows: tuple[ModelRow, ...]
    """Each request's model."""
    settings: Settings
    estimates: tuple[estimate.Estimate | None, ...]
    fixed: bool = False
    """Requests say their quality themselves: a flag makes none of them cheaper."""
    share: float = 1.0
    """Of the live price; less where the Batch API makes them."""

    @classmethod
    def of(
        cls,
        wanted: Sequence[tuple[Request, ModelRow]],
        settings: Settings,
        *,
        fixed: bool = False,
        share: float = 1.0,
    ) -> Budget:
        prices = (estimate.estimate(request.ask, row, settings.provider) for request, row in wanted)
        return cls(
            requests=tuple(request for request, _ in wanted),
            rows=tuple(row for _, row in wanted),
            settings=settings,
            estimates=_alike(estimate.at_share(price, share) for price in prices),
            fixed=fixed,
            share=share,
        )

    def allows(self, usd: float) -> bool:
        """Whether the cap does, to a billionth: sums of fractions differ in their last digit."""
        return usd <= self.settings.max_cost + 1e-9

    def counted(self, index: int) -> float:
        """USD that the request counts against the cap while it is not known what it cost."""
        return self._counts(self.estimates[index])

    def refusal(self) -> LimitError | None:
        """Why nothing may be sent, if so."""
        price = estimate.total(self.estimates)
        explicit = self.settings.max_cost_origin is not None
        if explicit and self.requests and (price is None or price.high_usd is None):
            return self._unknown(price)
        counted = sum(map(self._counts, self.estimates))
        if price is None or self.allows(counted):
            return None
        many = pictures(self.requests)
        said = f"{many} pictures can cost" if many > 1 else "the picture can cost"
        return LimitError(
            f"{said} {dollars(counted, up=True)} ({self._shared(price)}), more than {cap_words(self.settings)}; "
            "nothing was sent",
            hint=self._way_out(counted, many),
            code=OVER_BUDGET,
        )

    def billed(self, outcome: Outcome) -> float | None:
        """USD that a request was billed; None where its answer doesn't tell."""
        return self._known(outcome, estimate.actual)

    def told(self, outcome: Outcome) -> float | None:
        """As `billed`, without what an answer's usage is silent of."""
        return self._known(outcome, estimate.told)

    def _known(self, outcome: Outcome, price: Callable[..., float | None]) -> float | None:
        ask = self.requests[outcome.request].ask
        known = price(outcome.usage, ask, self.rows[outcome.request], self.settings.provider)
        if known is None:
            return None if outcome.may_be_billed else 0.0
        return known * self.share

    def overrun(self, outcomes: Sequence[Outcome]) -> Warned | None:
        """What is to be said where it cost more than the cap; None where it did not, as far as anybody knows."""
        told = [self.told(outcome) for outcome in outcomes]
        known = sum(usd for usd in told if usd is not None)
        return self.passed(known, whole=None not in told and not any(map(self._besides, outcomes)))

    def passed(self, known: float, *, whole: bool) -> Warned | None:
        """As `overrun`, of *known* USD that were billed; *whole*: that is the whole bill."""
        if self.allows(known):
            return None
        least = "" if whole else "at least "
        said = f"it cost {least}{dollars(known, up=not least)}, more than {cap_words(self.settings)}"
        return Warned(code="cost_over_cap", message=said)

    def _besides(self, outcome: Outcome) -> str:
        return estimate.besides(self.requests[outcome.request].ask)

    def cost(self, outcomes: Sequence[Outcome] = ()) -> Cost:
        """The whole order's price; *outcomes* of the requests that were sent."""
        price = estimate.total(self.estimates)
        cost = _cost(price, self.about(price), _sum(map(self.billed, outcomes)))
        besides = next(filter(None, map(self._besides, outcomes)), "")
        return replace(cost, told_usd=_sum(map(self.told, outcomes)), besides=besides) if besides else cost

    def cost_of(self, index: int) -> Cost:
        """One request's price."""
        price = self.estimates[index]
        return _cost(price, self.about(price), None)

    def about(self, price: estimate.Estimate | None) -> str:
        if price is None:
            return self.why_unknown()
        if price.free or self._at_home():
            return self._shared(price)
        return f"{self._shared(price)}; if this server bills as {self.settings.provider.name} does"

    def _shared(self, price: estimate.Estimate) -> str:
        """What it is the price of, and that it is the Batch API's where it is."""
        if price.free or self.share == 1:
            return price.about
        part = "half" if self.share == 0.5 else f"{self.share:.0%}"
        return f"{price.about}; {part} of it, by the Batch API"

    def why_unknown(self) -> str:
        """Why a request has no price, in words."""
        if not self.rows:
            return "nothing is bought"
        if not self.settings.provider.priced:
            return f"what {self.settings.provider.name} bills is not in the catalogue"
        row = self._unpriced()
        if row.prices is None:
            return f"what {row.name} costs is not in the catalogue"
        return f"what this quality of {row.name} costs is not in the catalogue"

    def _unpriced(self) -> ModelRow:
        """The model of the first request without a price."""
        pairs = zip(self.rows, self.estimates, strict=True)
        return next((row for row, price in pairs if price is None), self.rows[0])

    def _unknown(self, price: estimate.Estimate | None) -> LimitError:
        why, other_model = self.why_unknown(), self.settings.provider.priced
        if price:
            why, other_model = "an svg's author is billed by a price that is not in the catalogue", False
        cap = cap_words(self.settings)
        lift = f"to lift the cap: {way_to_drop('max_cost', self.settings.max_cost_origin or '')}"
        return LimitError(
            f"the price is not known ({why}), and {cap} allows only known ones; nothing was sent",
            hint=f"{lift}; or name a model with a price: imagecli models" if other_model else lift,
            code=OVER_BUDGET,
        )

    def _counts(self, price: estimate.Estimate | None) -> float:
        """The upper end; but another server may bill nothing, so there the built-in cap stops only the lower end."""
        if price is None:
            return 0.0
        strict = self._at_home() or self.settings.max_cost_origin is not None
        return price.low_usd if price.high_usd is None or not strict else price.high_usd

    def _at_home(self) -> bool:
        return self.settings.provider.is_home(self.settings.base_url)

    def _way_out(self, counted: float, many: int) -> str:
        ways = [f"{flag('max_cost')} {at_least(counted)}"]
        if cheaper := self._cheaper():
            ways.insert(0, cheaper)
        elif many > 1:
            ways.insert(0, "ask for fewer pictures")
        return "; or ".join(ways)

    def _cheaper(self) -> str | None:
        """The best quality that the cap allows, and what it costs."""
        if self.fixed:
            return None
        asked = self.requests[0].ask.rendering.quality
        words = estimate.qualities(self.rows[0])
        for quality in reversed(words[: words.index(asked)] if asked in words else words):
            asks = [estimate.at_quality(request.ask, quality) for request in self.requests]
            pairs = zip(asks, self.rows, strict=True)
            live = (estimate.estimate(ask, row, self.settings.provider) for ask, row in pairs)
            priced = [estimate.at_share(price, self.share) for price in live]
            price = estimate.total(priced)
            if price and self.allows(sum(map(self._counts, priced))):
                return f"{flag('quality')} {quality} costs about {between(price.low_usd, price.high_usd)}"
        return None


def cap_words(settings: Settings) -> str:
    """The cap, and who said it."""
    origin = settings.max_cost_origin
    if origin == flag("max_cost"):
        return f"{origin} {typed(settings.max_cost)}"
    amount = f"cap of ${typed(settings.max_cost)}"
    return f"the {amount} ({origin})" if origin else f"the built-in {amount}"


def _alike(estimates: Iterable[estimate.Estimate | None]) -> tuple[estimate.Estimate | None, ...]:
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
