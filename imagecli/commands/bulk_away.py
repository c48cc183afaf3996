"""What the Batch API has of a manifest: the rows that are away, those that changed meanwhile too, and their prices."""

from __future__ import annotations

from collections.abc import Sequence

from imagecli.batch.entries import Entry
from imagecli.batch.hashing import place
from imagecli.batch.jobs.slips import Slip, slip_of, strays
from imagecli.batch.ledger import Ledger
from imagecli.batch.purchase import Purchase
from imagecli.catalog import ModelRow
from imagecli.commands.bench import Bench
from imagecli.plan import Request
from imagecli.spending.budget import Budget

Priced = list[tuple[Request, ModelRow]]
"""Requests, each with its model."""


def away(bench: Bench, purchases: Sequence[Purchase], ledger: Ledger) -> tuple[list[Slip], Priced]:
    """The slips of all that this run is about, and their requests, numbered in that order."""
    slips: list[Slip] = []
    priced: Priced = []
    for purchase in purchases:
        slip = slip_of(purchase, ledger, len(priced), bench.owner)
        if slip and _is_here(slip.entry, bench):
            slips.append(slip)
            priced += [(request, purchase.item.model) for request in (slip.order.requests() if slip.order else ())]
    if not bench.only:
        # Rows that are gone were bought all the same: what comes of them is kept.
        known = {item.pictures[0][0].path for item in bench.assets.items}
        slips += [slip for slip in strays(ledger, known, bench.owner) if is_mine(slip.entry, bench)]
    return slips, priced


def budget_of(bench: Bench, priced: Priced) -> Budget:
    """What they cost by the Batch API."""
    return Budget.of(priced, bench.cap(), fixed=True, share=bench.share)


def is_mine(entry: Entry, bench: Bench) -> bool:
    """Whether it is with the provider that this run asks, and no other shard's."""
    return _is_here(entry, bench) and (bench.shard is None or bench.shard.has(entry.id))


def _is_here(entry: Entry, bench: Bench) -> bool:
    """Whether it is with the provider that this run asks."""
    provider = bench.settings.provider
    asked = (provider.name, place(bench.settings.base_url, provider), provider.embedded)
    return (entry.provider, entry.base_url, entry.sandbox) == asked
