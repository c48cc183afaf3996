"""The checks of `doctor`: of this machine first, then of the settings, then of the server."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from imagecli import __version__
from imagecli.catalog.catalog import Catalog
from imagecli.checks.check_request import check_model_life
from imagecli.commands.refused_key import explain_refused_key
from imagecli.config.paths import Folders
from imagecli.config.settings import Settings, load_settings
from imagecli.config.sources import SettingFlags
from imagecli.config.user_catalog import load_user_catalog
from imagecli.env import Env
from imagecli.errors import AuthenticationError, DiskError, ImagecliError, LimitError, OutputError, os_error_reason
from imagecli.output.doctor import Finding, finding_from_error
from imagecli.output.progress import FOR_A_KEY, notice_when_slow
from imagecli.output.terminal import terminal_columns
from imagecli.preview.terminals import choose_protocol, has_colors, has_true_color
from imagecli.quoting import printable_url, shell_quote
from imagecli.safe_open import check_private_folder
from imagecli.storage.preflight import check_folder


@dataclass(slots=True, kw_only=True)
class DoctorContext:
    """What the checks examine, and the results that later checks use."""

    env: Env
    flags: SettingFlags
    folder: Path
    """Where the command was typed."""
    folders: Folders
    catalog: Catalog | None = None
    """None until the settings without the key are known to be valid."""
    settings: Settings | None = None
    """None until the settings with the key are known to be valid."""
    models: list[str] = field(default_factory=list)
    """The models that the server lists."""


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table of checks."""

    topic: str
    """Of its errors."""
    run: Callable[[DoctorContext], Iterator[Finding]]
    """Yields findings; an ImagecliError that it raises becomes a finding."""


def run_checks(context: DoctorContext) -> Iterator[Finding]:
    """All findings of CHECKS."""
    for check in CHECKS:
        try:
            yield from check.run(context)
        except AuthenticationError as error:
            yield finding_from_error("server" if check.topic == "server" else "key", error)
        except ImagecliError as error:
            yield finding_from_error(check.topic, error)


def _check_versions(context: DoctorContext) -> Iterator[Finding]:
    """Versions of the packages behind most surprises, read without importing them."""
    packages = ", ".join(f"{name} {_version(name)}" for name in ("pillow", "requests", "urllib3", "typer"))
    message = f"imagecli {__version__}, Python {platform.python_version()}, {packages}, {platform.system()}"
    yield Finding(topic="versions", message=message)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _check_terminal(context: DoctorContext) -> Iterator[Finding]:
    """What the environment says about the terminal. The terminal itself is not queried: it may not respond."""
    env, environ = context.env, context.env.environ
    terminal = env.stderr.isatty()
    colors = "true color" if has_true_color(environ) else "basic colors"
    is_dumb = environ.get("TERM") == "dumb"
    if "NO_COLOR" in environ or not terminal or is_dumb or not has_colors(environ):
        colors = "no colors"
    protocol = choose_protocol(environ, color=colors != "no colors") if terminal and not is_dumb else None
    columns = terminal_columns(env)
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if name in environ), "no locale set")
    parts = [
        "interactive" if terminal else "stderr is not a terminal",
        f"{columns} columns" if columns else "",
        f"TERM={environ.get('TERM', '')}" if terminal else "",
        colors,
        f"images by {protocol}" if protocol else "",
        f"{locale}, {env.stdout.encoding}",
    ]
    message = ", ".join(part for part in parts if part)
    if (env.stdout.encoding or "").lower().replace("-", "") == "utf8":
        yield Finding(topic="terminal", message=message)
    else:
        yield Finding(
            topic="terminal", level="note", message=message, hint="set LC_ALL=C.UTF-8 to display every character"
        )


PROXY_VARIABLES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def _check_proxies(context: DoctorContext) -> Iterator[Finding]:
    """The proxy variables, which silently affect every request. Both spellings are used."""
    environ = context.env.environ
    for name in PROXY_VARIABLES:
        for spelling in (name, name.lower()):
            if spelling in environ:
                value = environ[spelling]
                if name != "NO_PROXY":
                    # A proxy is often written without its scheme.
                    value = printable_url(value if "://" in value else f"http://{value}")
                yield Finding(topic="proxy", level="note", message=f"{spelling} is {value}")


def _check_certificates(context: DoctorContext) -> Iterator[Finding]:
    """The variables that replace the trusted certificates."""
    environ = context.env.environ
    for name in CERTIFICATE_VARIABLES:
        if name not in environ:
            continue
        if Path(environ[name]).exists():
            yield Finding(topic="certificates", level="note", message=f"{name} is {environ[name]}")
        else:
            message = f"{name} is {environ[name]}, which does not exist"
            hint = f"unset {name}, or set it to a file of PEM certificates"
            yield Finding(topic="certificates", level="warning", message=message, hint=hint)


def _check_env_file(context: DoctorContext) -> Iterator[Finding]:
    """A file of variables that other tools read."""
    if (context.folder / ".env").is_file():
        message = "this folder has a .env file, which imagecli does not read"
        yield Finding(topic="variables", level="note", message=message, hint="to load it: set -a; . ./.env; set +a")


def _check_provider(context: DoctorContext) -> Iterator[Finding]:
    """The provider in use and what chose it, without its key, which is checked separately."""
    catalog = load_user_catalog(context.env)
    settings = load_settings(context.flags, context.env, catalog, context.folder, with_key=False)
    context.catalog = catalog
    origin = settings.origins.get("provider")
    where = f" at {printable_url(settings.base_url)}" if settings.base_url else ", built in"
    reason = f"set by {origin}" if origin else "the default provider"
    yield Finding(topic="provider", message=f"{settings.provider.name}{where} ({reason})")


def _check_current_folder(context: DoctorContext) -> Iterator[Finding]:
    """Whether images can be saved in the current folder."""
    check_folder(context.folder, make=False)
    yield Finding(topic="current folder", message=f"{context.folder} is writable, {_free_space(context.folder)}")


def _check_settings_folder(context: DoctorContext) -> Iterator[Finding]:
    """The folder of settings and keys, which is needed only to store some."""
    yield _check_own_folder("settings folder", context.folders.config, "IMAGECLI_CONFIG_DIR=FOLDER")


def _check_state_folder(context: DoctorContext) -> Iterator[Finding]:
    """The folder of responses, which is created when it is needed."""
    yield _check_own_folder("state folder", context.folders.state, "IMAGECLI_STATE_DIR=FOLDER")


def _check_own_folder(topic: str, folder: Path, hint: str) -> Finding:
    try:
        check_folder(folder, make=False)
    except (OutputError, DiskError) as error:
        return Finding(topic=topic, level="warning", message=error.message, hint=hint)
    if not folder.is_dir():
        return Finding(topic=topic, message=f"{folder} is created when needed")
    if os.name == "posix" and folder.stat().st_mode & 0o002:
        message = f"{folder} is writable by everyone"
        return Finding(topic=topic, level="warning", message=message, hint=f"chmod o-w {shell_quote(folder)}")
    try:
        check_private_folder(folder)
    except OSError as error:
        return Finding(topic=topic, level="warning", message=f"{folder}: {os_error_reason(error)}", hint=hint)
    return Finding(topic=topic, message=f"{folder} is writable, {_free_space(folder)}")


def _free_space(folder: Path) -> str:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "free space unknown"
    return f"{free / 1024**3:,.1f} GB free" if free >= 1024**3 else f"{free / 1024**2:,.0f} MB free"


def _check_settings(context: DoctorContext) -> Iterator[Finding]:
    """The settings with the key, and the notes and warnings on them. Skipped if the provider's check failed."""
    if context.catalog is None:
        return
    with notice_when_slow(FOR_A_KEY, context.env, quiet=False):
        context.settings = load_settings(context.flags, context.env, context.catalog, context.folder)
    for note in context.settings.notes:
        yield Finding(topic="settings", level="note", message=note.message)
    for warning in context.settings.warnings:
        if warning.code != "open_folder":  # a finding on the settings folder already
            yield Finding(topic="settings", level="warning", message=warning.message)


def _check_key(context: DoctorContext) -> Iterator[Finding]:
    """Whether there is a key, its origin and its length, but never the key."""
    if context.settings is None:
        return
    row, key = context.settings.provider, context.settings.key
    if context.settings.no_key:
        raise context.settings.no_key
    if row.auth == "none":
        yield Finding(topic="key", message=f"provider {row.name} needs none")
    elif not key:
        yield Finding(topic="key", message="not set; this server may not need one")
    else:
        yield Finding(topic="key", message=f"set, {len(key.secret.reveal())} characters, from {key.origin}")


MODELS_SHOWN: Final = 5
"""How many unknown models one line names."""


def _check_server(context: DoctorContext) -> Iterator[Finding]:
    """Ask the server for its models, and report whether it responds, which ones it lists and which of them end soon."""
    from imagecli.client.server_models import list_server_models
    from imagecli.pipeline.pipeline import server_of

    if context.settings is None or context.catalog is None:
        return
    settings, row = context.settings, context.settings.provider
    with ExitStack() as stack:
        server = server_of(settings, context.catalog, stack)
        try:
            listing = list_server_models(
                row.base_for(server.base_url, row.models_path or ""),
                path=row.models_path,
                query=settings.query,
                key=server.key,
                auth=server.auth,
                headers=settings.headers,
                direct=row.embedded,
            )
        except ImagecliError as error:
            failure = explain_refused_key(error, settings)
            raise failure.with_facts(message=_redact(failure.message, settings), hint=_advice(error)) from error
    where = f"{printable_url(server.base_url)} responds" if not row.embedded else "the sandbox starts and responds"
    if listing.models is None:
        reason = _redact(listing.refusal, settings) or "no list"
        untested = "the base URL and key can't be verified without a paid request"
        message = f"{where} (HTTP {listing.status}) but does not list its models: {reason}; {untested}"
        yield Finding(topic="server", level="note", message=message)
        return
    context.models = [_redact(name, settings) for name in listing.models]
    yield Finding(topic="server", message=where)
    yield _check_offered_models(context.models, context.catalog)
    yield from _check_ending_models(context, settings, context.catalog)


def _advice(error: ImagecliError) -> str | None:
    """What to do about an error of the request for models, which costs nothing; None if the error's own hint fits."""
    if isinstance(error, LimitError) and error.code == "rate_limited":
        return "wait a minute, then run imagecli doctor again"
    if error.status and error.status >= 500:
        return "the server has a problem; run imagecli doctor again later"
    return None


def _redact(text: str, settings: Settings) -> str:
    """A server's text without the key and other secrets, in case the server repeats one."""
    for secret in settings.secrets:
        text = secret.redact(text)
    return text


def _check_offered_models(models: list[str], catalog: Catalog) -> Finding:
    catalog_names = [name for name in catalog.models if name in models]
    if catalog_names:
        return Finding(topic="models", message=f"{len(models)} listed; known to imagecli: {', '.join(catalog_names)}")
    if not models:
        return Finding(topic="models", level="note", message="the server lists none")
    names = ", ".join(models[:MODELS_SHOWN]) + (", …" if len(models) > MODELS_SHOWN else "")
    message = f"{len(models)} listed, none known to imagecli: {names}"
    return Finding(topic="models", level="note", message=message, hint="choose one with -m NAME")


def _check_ending_models(context: DoctorContext, settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """The listed models that will be shut down soon."""
    today = context.env.now().date()
    for name, row in catalog.models.items():
        if name not in context.models:
            continue
        try:
            warnings = check_model_life(row, settings.provider, settings.base_url, today)
        except ImagecliError:
            continue  # listed after its last day: an error for those who request it
        for warning in warnings:
            yield Finding(topic="models", level="warning", message=warning.message)


CHECKS: Final = (
    Check("versions", _check_versions),
    Check("terminal", _check_terminal),
    Check("proxy", _check_proxies),
    Check("certificates", _check_certificates),
    Check("variables", _check_env_file),
    Check("settings", _check_provider),
    Check("current folder", _check_current_folder),
    Check("settings folder", _check_settings_folder),
    Check("state folder", _check_state_folder),
    Check("settings", _check_settings),
    Check("key", _check_key),
    Check("server", _check_server),
)
"""All checks, in the order in which a command would meet the problems."""
