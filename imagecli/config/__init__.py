"""Settings: flag, environment, project file, user file, default — in that order, each value with where it came from.

The only room that imports platformdirs. Reads settings and keys; sends and saves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagecli.catalog import Catalog, ProviderRow
from imagecli.config.base_url import checked as checked_base_url
from imagecli.config.base_url import is_local
from imagecli.config.caps import settled as settled_cap
from imagecli.config.keys import USER_FILE, Key, find_key, no_key
from imagecli.config.layers import (
    checked,
    flag,
    from_environment,
    from_flags,
    project_file,
    provider_tables,
    read_file,
    unknown_variables,
)
from imagecli.config.table import variable
from imagecli.env import Env
from imagecli.errors import AuthenticationError, SettingsError, UsageError

Layer = tuple[Mapping[str, Any], Callable[[str], str]]
"""What one place sets, and how a setting of it is called there."""


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
    warnings: tuple[tuple[str, str], ...] = ()
    """code and message."""


def load(flags: Mapping[str, Any], env: Env, catalog: Catalog, folder: Path) -> Settings:
    """The settings of a command typed in *folder*; *flags* hold what was typed, None where nothing was.

    Raises SettingsError, UsageError, or AuthenticationError for a key that is none.
    """
    config_dir, state_dir = _folders(env)
    user_file = config_dir / USER_FILE
    user = read_file(user_file)
    tables = provider_tables(user.pop("providers", {}), user_file, catalog.providers)
    project, project_path = project_file(folder) or ({}, "")
    layers: list[Layer] = [
        (from_flags(flags), flag),
        (from_environment(env), variable),
        (project, lambda name: project_path),
        (checked(user, user_file), lambda name: str(user_file)),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer, origin in reversed(layers):
        values |= layer
        origins |= {name: origin(name) for name in layer}
    max_cost, max_cost_origin = _cap(layers)
    row = catalog.provider(values.get("provider", catalog.default_provider))
    base_url = _base_url(row, values, origins, env)
    key = None if row.auth == "none" else find_key(row, env, config_dir, tables.get(row.name, {}))
    needs_key = key is None and row.auth != "none" and not row.key_optional and not is_local(base_url)
    return Settings(
        provider=row,
        base_url=base_url,
        key=key,
        no_key=no_key(row, config_dir) if needs_key else None,
        query={**row.query, **{name: env.environ[it] for name, it in row.query_env.items() if it in env.environ}},
        headers=_headers(row, env),
        values=values,
        origins=origins,
        timeout=values.get("timeout"),
        max_retries=values.get("max_retries", 2),
        max_wait=values.get("max_wait", 120.0),
        max_cost=max_cost,
        max_cost_origin=max_cost_origin,
        state_dir=state_dir,
        warnings=(*_warnings(base_url, key), *unknown_variables(env)),
    )


def _cap(layers: list[Layer]) -> tuple[float, str | None]:
    """The cap of flag, environment, project file and user file."""
    typed, variable, project, user = (
        (it["max_cost"], at("max_cost")) if "max_cost" in it else None for it, at in layers
    )
    return settled_cap(typed=typed, own=[said for said in (variable, user) if said], project=project)


def _folders(env: Env) -> tuple[Path, Path]:
    """The user's settings folder and the state folder."""
    import platformdirs

    config = env.environ.get("IMAGECLI_CONFIG_DIR") or platformdirs.user_config_dir("imagecli")
    state = env.environ.get("IMAGECLI_STATE_DIR") or platformdirs.user_state_dir("imagecli")
    return Path(config), Path(state)


def _base_url(row: ProviderRow, values: Mapping[str, Any], origins: Mapping[str, str], env: Env) -> str:
    """Flag and setting first, then the provider's own variable, then its row."""
    if row.embedded:
        if origins.get("base_url") == flag("base_url"):
            raise UsageError(
                f"provider {row.name} is started for the command, so it has no base URL",
                hint="leave --provider out to use the URL, or --base-url out to use the sandbox",
            )
        return ""
    own = env.environ.get(row.base_url_env or "")
    return checked_base_url(values.get("base_url") or own or row.base_url or "")


def _headers(row: ProviderRow, env: Env) -> dict[str, str]:
    """OpenAI's names of the two headers; API reference, read 2026-11-22. Raises SettingsError for text that is none."""
    named = {"OpenAI-Organization": row.organization_env, "OpenAI-Project": row.project_env}
    found = {header: (name, env.environ.get(name or "", "").strip()) for header, name in named.items()}
    for name, text in found.values():
        if not (text.isascii() and text.isprintable()):
            raise SettingsError(f"{name} holds a character that no id has", hint="copy it again, without quotes")
    return {header: text for header, (_, text) in found.items() if text}


def _warnings(base_url: str, key: Key | None) -> tuple[tuple[str, str], ...]:
    if key and base_url.startswith("http://") and not is_local(base_url):
        return (("insecure_base_url", "the key goes over plain http:// to a public host; https:// keeps it secret"),)
    return ()


def current_folder() -> Path:
    """Where the command was typed. Raises SettingsError where that folder is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise SettingsError("the current folder does not exist any more", hint="cd to one that does") from error
