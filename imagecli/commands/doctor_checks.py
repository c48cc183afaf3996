"""What `doctor` looks at on this machine: folders, terminal, versions, and settings that are unusual.

What `doctor` finds out about the provider: its key, whether its base URL answers, which models it lists.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from imagecli import __version__
from imagecli.catalog.catalog import Catalog
from imagecli.checks.check import check_model_life
from imagecli.config.base_url import printable_url
from imagecli.config.paths import Folders
from imagecli.config.schema import SETTINGS, environment_variable
from imagecli.config.settings import Settings
from imagecli.env import Env
from imagecli.errors import AuthenticationError, DiskError, ImagecliError, OutputError
from imagecli.output.doctor import Finding, finding_from_error
from imagecli.output.tables import terminal_columns
from imagecli.quoting import shell_quote
from imagecli.safe_open import check_private_folder
from imagecli.storage.preflight import check_folder


def check_doctor_folders(folders: Folders, current: Path) -> Iterator[Finding]:
    """The current folder must take pictures; the other two are missed only where something is kept in them."""
    try:
        check_folder(current, make=False)
        yield Finding(topic="here", message=f"{current} can be written to, {_free_space(current)} free")
    except (OutputError, DiskError) as error:
        yield finding_from_error("here", error)
    for topic, folder in (("settings folder", folders.config), ("state folder", folders.state)):
        yield _check_own_folder(topic, folder)


def _check_own_folder(topic: str, folder: Path) -> Finding:
    try:
        check_folder(folder, make=False)
    except (OutputError, DiskError) as error:
        return Finding(topic=topic, level="warning", message=error.message, hint=f"IMAGECLI_{_VARIABLES[topic]}=FOLDER")
    if not folder.is_dir():
        return Finding(topic=topic, message=f"{folder} is made when it is needed")
    if os.name == "posix" and folder.stat().st_mode & 0o002:
        hint = f"chmod o-w {shell_quote(folder)}"
        return Finding(topic=topic, level="warning", message=f"{folder} can be written to by anybody", hint=hint)
    try:
        check_private_folder(folder)
    except OSError as error:
        hint = f"IMAGECLI_{_VARIABLES[topic]}=FOLDER"
        return Finding(topic=topic, level="warning", message=f"{folder}: {error.strerror}", hint=hint)
    return Finding(topic=topic, message=f"{folder} can be written to, {_free_space(folder)} free")


_VARIABLES: Final = {"settings folder": "CONFIG_DIR", "state folder": "STATE_DIR"}


def _free_space(folder: Path) -> str:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "an unknown amount"
    return f"{free / 1024**3:,.1f} GB" if free >= 1024**3 else f"{free / 1024**2:,.0f} MB"


def check_terminal(env: Env) -> Finding:
    """What is known of it without asking it: it may not answer."""
    environ = env.environ
    terminal = env.stderr.isatty()
    colours = "true colour" if environ.get("COLORTERM") in ("truecolor", "24bit") else "colours by TERM"
    if "NO_COLOR" in environ or not terminal or environ.get("TERM", "dumb") == "dumb":
        colours = "no colours"
    wide = terminal_columns(env)
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if name in environ), "no locale")
    parts = [
        "a terminal" if terminal else "no terminal on stderr",
        f"{wide} columns" if wide else "",
        f"TERM={environ.get('TERM', '')}" if terminal else "",
        colours,
        f"{locale}, {env.stdout.encoding}",
    ]
    message = ", ".join(part for part in parts if part)
    if (env.stdout.encoding or "").lower().replace("-", "") != "utf8":
        return Finding(topic="terminal", level="note", message=message, hint="LC_ALL=C.UTF-8 shows every character")
    return Finding(topic="terminal", message=message)


def check_versions() -> Finding:
    """Of what is behind most surprises; nothing is imported for it."""
    packages = ("pillow", "requests", "urllib3", "typer")
    found = ", ".join(f"{name} {_version(name)}" for name in packages)
    message = f"imagecli {__version__}, Python {platform.python_version()}, {found}, {platform.system()}"
    return Finding(topic="versions", message=message)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def check_variables_in_use(env: Env, current: Path) -> Iterator[Finding]:
    """Variables that change what a command does without a word."""
    environ = env.environ
    for name in (spelled for upper in PROXIES for spelled in (upper, upper.lower()) if spelled in environ):
        value = environ[name] if name.upper() == "NO_PROXY" else printable_url(_proxy_url(environ[name]))
        yield Finding(topic="proxy", level="note", message=f"{name} is {value}")
    for name in (name for name in BUNDLES if name in environ):
        there = Path(environ[name]).exists()
        yield Finding(
            topic="certificates",
            level="note" if there else "warning",
            message=f"{name} is {environ[name]}" + ("" if there else ", which is not there"),
            hint=None if there else f"unset {name}, or name a file of PEM certificates",
        )
    names = [environment_variable(name) for name in SETTINGS if environment_variable(name) in environ]
    if names:
        said = ", ".join(names)
        yield Finding(
            topic="variables", level="note", message=f"settings come from {said}", hint="imagecli config show"
        )
    if (current / ".env").is_file():
        yield Finding(topic="variables", level="note", message=".env is here, and is not read", hint="set -a; . ./.env")


def _proxy_url(proxy: str) -> str:
    """A proxy is often written without its scheme."""
    return proxy if "://" in proxy else f"http://{proxy}"


SOME = 5
"""Names of models in one line."""


def check_doctor_key(settings: Settings) -> Finding:
    """That there is one, where, and how long; never what it is."""
    row, key = settings.provider, settings.key
    if settings.no_key:
        return finding_from_error("key", settings.no_key)
    if row.auth == "none":
        return Finding(topic="key", message=f"provider {row.name} wants none")
    if not key:
        return Finding(topic="key", message="none, and a server like this one may want none")
    return Finding(topic="key", message=f"set, {len(key.secret.reveal())} characters, from {key.origin}")


def check_provider(settings: Settings) -> Finding:
    """Whom a command would ask, and who said so."""
    origin = settings.origins.get("provider", "the default")
    where = f" at {printable_url(settings.base_url)}" if settings.base_url else ", started for the command"
    return Finding(topic="provider", message=f"{settings.provider.name}{where}; the provider comes from {origin}")


def check_server(settings: Settings, catalog: Catalog, today: date, models: list[str]) -> Iterator[Finding]:
    """Asks the server for its models, which go into *models*, and tells what that showed."""
    from imagecli.client.probe import list_server_models
    from imagecli.pipeline.build import server_of

    row, key = settings.provider, settings.key
    with ExitStack() as stack:
        server = server_of(settings, catalog, stack)
        try:
            listing = list_server_models(
                server.base_url,
                path=row.models_path,
                query=settings.query,
                key=server.key,
                auth=server.auth,
                headers=settings.headers,
                direct=row.embedded,
            )
        except ImagecliError as error:
            error.message = _redact(error.message, settings)
            if key and isinstance(error, AuthenticationError):
                error.message += f"; it comes from {key.origin}"
            yield finding_from_error("server", error)
            return
    where = f"{printable_url(server.base_url)} answers" if not row.embedded else "the sandbox starts and answers"
    if listing.models is None:
        said = f", and does not list its models: {_redact(listing.refusal, settings) or 'no list'}"
        untested = "whether address and key are right can't be tested without buying"
        yield Finding(topic="server", level="note", message=f"{where} (HTTP {listing.status}){said}; {untested}")
        return
    models += [_redact(name, settings) for name in listing.models]
    yield Finding(topic="server", message=where)
    yield _check_offered_models(models, catalog)
    yield from _check_ending_models(settings, catalog, today, models)


def _redact(text: str, settings: Settings) -> str:
    """A server's words without the key, should it have repeated it."""
    return settings.key.secret.redact(text) if settings.key else text


def _check_offered_models(models: list[str], catalog: Catalog) -> Finding:
    known = [name for name in catalog.models if name in models]
    if not known:
        some = ", ".join(models[:SOME]) + (", …" if len(models) > SOME else "")
        said = f"{len(models)} listed, none of the catalogue's: {some}" if models else "it lists none"
        return Finding(topic="models", level="note", message=said, hint="-m NAME" if models else None)
    return Finding(topic="models", message=f"{len(models)} listed; of the catalogue's: {', '.join(known)}")


def _check_ending_models(settings: Settings, catalog: Catalog, today: date, models: list[str]) -> Iterator[Finding]:
    """The models that it lists and that end soon."""
    for name in (name for name in catalog.models if name in models):
        try:
            warnings = check_model_life(catalog.models[name], settings.provider, settings.base_url, today)
        except ImagecliError:
            # Past its last day, and still listed: whoever asks for it is told.
            continue
        for warned in warnings:
            yield Finding(topic="models", level="warning", message=warned.message)
