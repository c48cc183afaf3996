"""Settings: flag, environment, project file, user file, default — in that order, each value with where it came from.

The only room that imports platformdirs and tomlkit. Reads settings and keys, writes them when told to; sends nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.config.base_url import is_local, is_public, printable_url, validate_base_url
from imagecli.config.keys import Key, find_key, no_key_error
from imagecli.config.schema import SETTINGS
from imagecli.config.sources import SettingsSources, foreign_model_reason, lowest_cap, read_settings_sources
from imagecli.env import Env
from imagecli.errors import AuthenticationError, SettingsError, UsageError
from imagecli.quoting import shell_quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a command may use, settled. Picture settings are None where nobody set them."""

    provider: ProviderRow
    base_url: str
    """Empty for a provider that is started for the command."""
    key: Key | None
    query: Mapping[str, str]
    """What every request's address ends with."""
    no_key: AuthenticationError | None
    """Why nothing can be sent: the provider wants a key and there is none. Raised when all else is in order."""
    headers: dict[str, str]
    """Organization and project, where the provider's row has such variables and they are set."""
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    """Setting → `--flag`, variable, or file it came from."""
    timeout: float | None
    """Seconds; None means the defaults of the transport."""
    max_retries: int
    max_wait: float
    max_cost: float
    """USD that the command may cost at most."""
    max_cost_origin: str | None
    """Where the cap was said; None where nobody said one and the built-in cap holds."""
    state_dir: Path
    record_folders: tuple[Path, ...] = ()
    """`Folders.records`."""
    notes: tuple[tuple[str, str], ...] = ()
    """What was decided here and not spelled out: code and message."""
    warnings: tuple[tuple[str, str], ...] = ()
    """code and message."""


def load_settings(
    flags: Mapping[str, Any], env: Env, catalog: Catalog, folder: Path, *, with_key: bool = True
) -> Settings:
    """The settings of a command typed in *folder*; *flags* hold what was typed, None where nothing was.

    *with_key* false asks nobody for a key, neither a file nor a command, and misses none.
    Raises SettingsError, AuthenticationError for a key that is none, or UsageError, also for a key that would go over
    plain http:// to a public host.
    """
    layers = read_settings_sources(flags, env, catalog, folder)
    said = layers.all_values()
    row = effective_provider(layers, catalog)
    if left_out := foreign_model_reason(row, layers, catalog):
        del said["model"]
    base_url, _ = resolve_base_url(row, layers, env, catalog)
    key = _find_key(row, layers, env) if with_key else None
    is_plain = key is not None and urlsplit(base_url).scheme == "http" and is_public(base_url)
    if is_plain and not effective_setting("insecure_http", layers):
        raise UsageError(
            f"the API key would go over plain http:// to a public host, {printable_url(base_url)}; nothing was sent",
            hint="use https://; or --insecure-http, if you trust the network up to that host",
            code="insecure_base_url",
        )
    needs_key = with_key and key is None and row.auth != "none" and not row.key_optional and not is_local(base_url)
    max_cost, max_cost_origin = effective_cap(layers)
    return Settings(
        provider=row,
        base_url=base_url,
        key=key,
        no_key=no_key_error(row, layers.folders) if needs_key else None,
        query={**row.query, **{name: env.environ[it] for name, it in row.query_env.items() if it in env.environ}},
        headers=_account_headers(row, env),
        values={name: value for name, (value, _) in said.items()},
        origins={name: origin for name, (_, origin) in said.items()},
        timeout=effective_setting("timeout", layers) or layers.providers.overrides_of(row.name).timeout,
        max_retries=effective_setting("max_retries", layers),
        max_wait=effective_setting("max_wait", layers),
        max_cost=max_cost,
        max_cost_origin=max_cost_origin,
        state_dir=layers.folders.state,
        record_folders=layers.folders.records,
        notes=(*layers.notes, *((("model", left_out),) if left_out else ())),
        warnings=(*_base_url_warnings(is_plain), *_world_writable_warning(layers.folders.config), *layers.warnings),
    )


def effective_setting(name: str, layers: SettingsSources) -> Any:
    """What holds for a setting: what the strongest place says, else its default."""
    said = layers.lookup(name)
    return said[0] if said else SETTINGS[name].default


def effective_provider(layers: SettingsSources, catalog: Catalog) -> ProviderRow:
    """The row of the provider that was named, else of the default one. Raises UsageError."""
    name, origin = layers.lookup("provider") or (catalog.default_provider, "the default")
    return layers.providers.find(name, origin)


def effective_cap(layers: SettingsSources) -> tuple[float, str | None]:
    """USD that a command may cost, and where that was said; None where nobody said it."""
    typed, variable, project, user = (
        place.lookup("max_cost") for place in (layers.flags, layers.environment, layers.project, layers.user)
    )
    return lowest_cap(typed=typed, own=[said for said in (variable, user) if said], project=project)


def resolve_base_url(row: ProviderRow, layers: SettingsSources, env: Env, catalog: Catalog) -> tuple[str, str]:
    """The base URL and where it comes from: the setting, the provider's own variable, its row. Raises UsageError.

    A file's base URL belongs to the provider that was chosen there: for another one it does not hold, so that no key
    goes to a place that was meant for somebody else's.
    """
    if row.embedded:
        if layers.flags.lookup("base_url"):
            raise UsageError(
                f"provider {row.name} is started for the command, so it has no base URL",
                hint="leave --provider out to use the URL, or --base-url out to use the sandbox",
            )
        return "", "started for the command"
    found = (
        layers.flags.lookup("base_url")
        or layers.environment.lookup("base_url")
        or _base_url_from_files(row, layers, catalog)
        or _base_url_variable(row, env)
        or (row.base_url or "", layers.providers.field_origin(row.name, "base_url") or f"provider {row.name}")
    )
    if not found[0]:
        raise UsageError(
            f"provider {row.name} has no base URL of its own",
            hint=f"--base-url {row.base_url_form or 'URL'}" + (f", or {row.base_url_env}" if row.base_url_env else ""),
        )
    return validate_base_url(found[0]), found[1]


def _base_url_variable(row: ProviderRow, env: Env) -> tuple[str, str] | None:
    name = row.base_url_env or ""
    return (env.environ[name], name) if name in env.environ else None


def _base_url_from_files(row: ProviderRow, layers: SettingsSources, catalog: Catalog) -> tuple[str, str] | None:
    """The setting of a file, where the provider chosen by that file, or a weaker one, is this one."""
    files = (layers.project, layers.user)
    for place, weaker in ((layers.project, files), (layers.user, files[1:])):
        if said := place.lookup("base_url"):
            chosen = next((found[0] for file in weaker if (found := file.lookup("provider"))), catalog.default_provider)
            return said if chosen == row.name else None
    return None


def _find_key(row: ProviderRow, layers: SettingsSources, env: Env) -> Key | None:
    if row.auth == "none":
        return None
    command = layers.providers.overrides_of(row.name).api_key_command
    providers = layers.providers.rows.values()
    return find_key(
        row, env, layers.folders, providers=providers, command=command, keyring=effective_setting("keyring", layers)
    )


def _account_headers(row: ProviderRow, env: Env) -> dict[str, str]:
    """OpenAI's names of the two headers; API reference, read 2026-11-22. Raises SettingsError for text that is none."""
    named = {"OpenAI-Organization": row.organization_env, "OpenAI-Project": row.project_env}
    found = {header: (name, env.environ.get(name or "", "").strip()) for header, name in named.items()}
    for name, text in found.values():
        if not (text.isascii() and text.isprintable()):
            raise SettingsError(f"{name} holds a character that no id has", hint="copy it again, without quotes")
    return {header: text for header, (_, text) in found.items() if text}


def _base_url_warnings(is_plain: bool) -> tuple[tuple[str, str], ...]:
    message = "the API key goes over plain http:// to a public host; https:// keeps it secret"
    return (("insecure_base_url", message),) if is_plain else ()


def _world_writable_warning(folder: Path) -> tuple[tuple[str, str], ...]:
    """A warning where anybody may put settings, and so a key command, into the user's folder."""
    try:
        is_open = os.name == "posix" and folder.stat().st_mode & stat.S_IWOTH
    except OSError:
        return ()
    if not is_open:
        return ()
    return (("open_folder", f"{folder} can be written to by anybody: chmod o-w {shell_quote(folder)}"),)


def current_folder() -> Path:
    """Where the command was typed. Raises SettingsError where that folder is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise SettingsError("the current folder does not exist any more", hint="cd to one that does") from error
