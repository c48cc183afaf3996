"""What is missing on its way to the provider's Batch API."""

from __future__ import annotations

import hashlib
from pathlib import Path

from imagecli.batch.jobs.handing import Handed, Hander
from imagecli.batch.jobs.inputs import SentInputs
from imagecli.commands.bench import Bench
from imagecli.commands.bulk import orders_of
from imagecli.commands.bulk_checks import Shelf, check_all
from imagecli.commands.bulk_office import Office
from imagecli.errors import ImagecliError
from imagecli.safe_open import make_private_folder


def handed_in(office: Office) -> list[ImagecliError]:
    """Hands in what is missing, and says what was in the way."""
    orders, budget = orders_of(office.bench, office.missing)
    if not orders:
        return []
    if refusal := budget.refusal():
        return [refusal]
    errors: list[ImagecliError] = []

    def handed(one: Handed) -> None:
        if one.job:
            office.handed(one.job, sum(order.count for order in one.orders))
        if one.error:
            errors.append(one.error)

    try:
        check_all(orders, office.listen, make=True)
        _hander(office).hand_in(orders, office.listen, handed)
    except ImagecliError as error:
        errors.append(error)
    office.look_again()
    return errors


def _hander(office: Office) -> Hander:
    bench, client, shelf = office.bench, office.counter.client, Shelf()
    return Hander(
        client=client,
        provider=bench.settings.provider,
        inputs=SentInputs(client, lambda purchase: shelf.of(purchase.item.model)),
        journal=office.journal,
        manifest=bench.owner,
        digest=bench.manifest.digest,
        folder=_folder(bench),
    )


def _folder(bench: Bench) -> Path:
    """Where input files lie until they are up: of this manifest and shard alone, as its lock is."""
    whose = f"{bench.owner.absolute()} {bench.shard or ''}"
    name = hashlib.sha256(whose.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    folder = bench.settings.state_dir / "batches"
    try:
        make_private_folder(folder)
    except OSError:
        return bench.owner.parent / f".imagecli-batch-{name}"
    return folder / name
