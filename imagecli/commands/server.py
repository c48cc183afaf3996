"""What `doctor` finds out about the provider: its key, whether its base URL answers, which models it lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date

from imagecli.catalog import Catalog
from imagecli.checks.life import check_life
from imagecli.config import Settings
from imagecli.config.base_url import shown
from imagecli.errors import AuthenticationError, ImagecliError
from imagecli.report.findings import Finding, failed

SOME = 5
"""Names of models in one line."""


def look_at_key(settings: Settings) -> Finding:
    """That there is one, where, and how long; never what it is."""
    row, key = settings.provider, settings.key
    if settings.no_key:
        return failed("key", settings.no_key)
    if row.auth == "none":
        return Finding(topic="key", message=f"provider {row.name} wants none")
    if not key:
        return Finding(topic="key", message="none, and a server like this one may want none")
    return Finding(topic="key", message=f"set, {len(key.secret.reveal())} characters, from {key.origin}")


def look_at_provider(settings: Settings) -> Finding:
    """Whom a command would ask, and who said so."""
    origin = settings.origins.get("provider", "the default")
    where = f" at {shown(settings.base_url)}" if settings.base_url else ", started for the command"
    return Finding(topic="provider", message=f"{settings.provider.name}{where}; the provider comes from {origin}")


def look_at_server(settings: Settings, catalog: Catalog, today: date, models: list[str]) -> Iterator[Finding]:
    """Asks the server for its models, which go into *models*, and tells what that showed."""
    from imagecli.api.probe import models_at
    from imagecli.commands.tools import server_of

    row, key = settings.provider, settings.key
    with ExitStack() as stack:
        server = server_of(settings, catalog, stack)
        try:
            listing = models_at(
                server.base_url,
                path=row.models_path,
                query=settings.query,
                key=server.key,
                auth=server.auth,
                headers=settings.headers,
                direct=row.embedded,
            )
        except ImagecliError as error:
            error.message = _covered(error.message, settings)
            if key and isinstance(error, AuthenticationError):
                error.message += f"; it comes from {key.origin}"
            yield failed("server", error)
            return
    where = f"{shown(server.base_url)} answers" if not row.embedded else "the sandbox starts and answers"
    if listing.models is None:
        said = f", and does not list its models: {_covered(listing.refusal, settings) or 'no list'}"
        untested = "whether address and key are right can't be tested without buying"
        yield Finding(topic="server", level="note", message=f"{where} (HTTP {listing.status}){said}; {untested}")
        return
    models += [_covered(name, settings) for name in listing.models]
    yield Finding(topic="server", message=where)
    yield _offer(models, catalog)
    yield from _ending(settings, catalog, today, models)


def _covered(text: str, settings: Settings) -> str:
    """A server's words without the key, should it have repeated it."""
    return settings.key.secret.cover(text) if settings.key else text


def _offer(models: list[str], catalog: Catalog) -> Finding:
    known = [name for name in catalog.models if name in models]
    if not known:
        some = ", ".join(models[:SOME]) + (", …" if len(models) > SOME else "")
        said = f"{len(models)} listed, none of the catalogue's: {some}" if models else "it lists none"
        return Finding(topic="models", level="note", message=said, hint="-m NAME" if models else None)
    return Finding(topic="models", message=f"{len(models)} listed; of the catalogue's: {', '.join(known)}")


def _ending(settings: Settings, catalog: Catalog, today: date, models: list[str]) -> Iterator[Finding]:
    """The models that it lists and that end soon."""
    for name in (name for name in catalog.models if name in models):
        try:
            warnings = check_life(catalog.models[name], settings.provider, settings.base_url, today)
        except ImagecliError:
            # Past its last day, and still listed: whoever asks for it is told.
            continue
        for warned in warnings:
            yield Finding(topic="models", level="warning", message=warned.message)
