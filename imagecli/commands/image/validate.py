"""Checks of what a command asks for, and where an option that they refuse was set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.checks.check import check_model_life, check_request
from imagecli.config.settings import Settings
from imagecli.config.sources import flag_name, how_to_unset
from imagecli.domain import ImageRequest
from imagecli.errors import UsageError
from imagecli.events import WarningEvent
from imagecli.providers.capabilities import check_capabilities


def validate_requests(
    asks: Iterable[ImageRequest], row: ModelRow, catalog: Catalog, settings: Settings, today: date
) -> tuple[WarningEvent, ...]:
    """What is to be said of *asks* before they are bought, each thing once. Raises UsageError where one can't be."""
    with name_option_origins(settings):
        warnings = list(check_model_life(row, settings.provider, settings.base_url, today))
        for ask in asks:
            warnings += check_request(ask, row, catalog.models.values())
            warnings += check_capabilities(ask, settings.provider)
    return tuple(dict.fromkeys(warnings))


@contextmanager
def name_option_origins(settings: Settings) -> Iterator[None]:
    """An option that is refused inside and was not typed is named by where it came from."""
    try:
        yield
    except UsageError as error:
        for name, origin in settings.origins.items():
            said = settings.values[name] if name == "model" else None
            if origin != flag_name(name) and error.message.partition(" ")[0].rstrip(":") in (flag_name(name), said):
                error.message += f"; {name} comes from {origin}"
                error.hint = _with_way_to_unset(error.hint, name, origin)
        raise


def _with_way_to_unset(hint: str | None, name: str, origin: str) -> str:
    """*hint*, with the way to be rid of what nobody typed."""
    untyped, way = f"leave {flag_name(name)} out", how_to_unset(name, origin)
    if hint and untyped in hint:
        return hint.replace(untyped, way)
    return f"{hint}; {way}" if hint else way
