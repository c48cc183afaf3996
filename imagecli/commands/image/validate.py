"""Checks of what a command asks for, and where an option that they refuse was set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.checks.check import check, check_life
from imagecli.config.settings import Settings
from imagecli.config.sources import flag, way_to_drop
from imagecli.domain import Ask
from imagecli.errors import UsageError
from imagecli.events import Warned
from imagecli.providers.capabilities import check_carried


def judged(asks: Iterable[Ask], row: ModelRow, catalog: Catalog, settings: Settings, today: date) -> tuple[Warned, ...]:
    """What is to be said of *asks* before they are bought, each thing once. Raises UsageError where one can't be."""
    with naming_origins(settings):
        warnings = list(check_life(row, settings.provider, settings.base_url, today))
        for ask in asks:
            warnings += check(ask, row, catalog.models.values())
            warnings += check_carried(ask, settings.provider)
    return tuple(dict.fromkeys(warnings))


@contextmanager
def naming_origins(settings: Settings) -> Iterator[None]:
    """An option that is refused inside and was not typed is named by where it came from."""
    try:
        yield
    except UsageError as error:
        for name, origin in settings.origins.items():
            said = settings.values[name] if name == "model" else None
            if origin != flag(name) and error.message.partition(" ")[0].rstrip(":") in (flag(name), said):
                error.message += f"; {name} comes from {origin}"
                error.hint = _dropped(error.hint, name, origin)
        raise


def _dropped(hint: str | None, name: str, origin: str) -> str:
    """*hint*, with the way to be rid of what nobody typed."""
    untyped, way = f"leave {flag(name)} out", way_to_drop(name, origin)
    if hint and untyped in hint:
        return hint.replace(untyped, way)
    return f"{hint}; {way}" if hint else way
