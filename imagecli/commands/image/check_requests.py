"""Checks requests before anything is sent, and tells where a refused option was set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.checks.check_request import check_model_life, check_request
from imagecli.config.settings import Settings
from imagecli.config.sources import flag_name, how_to_unset
from imagecli.domain import ImageRequest
from imagecli.errors import UsageError
from imagecli.events import WarningEvent
from imagecli.providers.request import check_capabilities


def validate_requests(
    requests: Iterable[ImageRequest], row: ModelRow, catalog: Catalog, settings: Settings, today: date
) -> tuple[WarningEvent, ...]:
    """Warnings about *requests*, each once. Raises UsageError if the model or provider can't execute one."""
    with name_option_origins(settings):
        warnings = list(check_model_life(row, settings.provider, settings.base_url, today))
        for request in requests:
            warnings += check_request(request, row, catalog.models.values())
            warnings += check_capabilities(request, settings.provider)
    return tuple(dict.fromkeys(warnings))


@contextmanager
def name_option_origins(settings: Settings) -> Iterator[None]:
    """Adds to an error about an option that was not typed where its value comes from, and how to unset it."""
    try:
        yield
    except UsageError as error:
        for name, origin in settings.origins.items():
            if error.flag == flag_name(name) != origin:
                hint = _add_way_to_unset(error.hint, name, origin)
                raise error.with_context(f"{name} comes from {origin}").with_facts(hint=hint) from error
        raise


def _add_way_to_unset(hint: str | None, name: str, origin: str) -> str:
    """*hint*, with a way to unset the option instead of advice to omit a flag that was not typed."""
    omit_flag, way = f"leave {flag_name(name)} out", how_to_unset(name, origin)
    if hint and omit_flag in hint:
        return hint.replace(omit_flag, way)
    return f"{hint}; {way}" if hint else way
