"""The settings of a command, merged from flags, environment, project file, user file and defaults, in that order."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urlsplit

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow, shared_segments
from imagecli.choices import Preview
from imagecli.config.api_keys import Key, find_key
from imagecli.config.base_url import is_local, is_public, validate_base_url, without_endpoint
from imagecli.config.schema import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_MAX_WAIT,
    DEFAULT_PREVIEW,
    SettingValue,
    SettingValues,
    value_or,
)
from imagecli.config.sources import (
    CostLimit,
    SettingFlags,
    SettingsSources,
    chosen_provider,
    foreign_model_reason,
    lowest_cap,
    read_settings_sources,
)
from imagecli.domain import IfExists, RequestedSize, Secret, Shape, Size
from imagecli.env import Env
from imagecli.errors import AuthenticationError, SettingsError, UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.quoting import printable_url, shell_quote

if TYPE_CHECKING:
    from imagecli.config.presets import Preset


class ImageSettings(NamedTuple):
    """The image options that are settings too, those of flags included; None if nothing sets one."""

    model: str | None = None
    size: RequestedSize | Shape | None = None
    fit: Size | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None

    @classmethod
    def build(cls, effective: SettingValues) -> Self:
        return cls(
            model=value_or(effective.model, None),
            size=value_or(effective.size, None),
            fit=value_or(effective.fit, None),
            quality=value_or(effective.quality, None),
            background=value_or(effective.background, None),
            output_format=value_or(effective.output_format, None),
            output_compression=value_or(effective.output_compression, None),
        )


class Settings(NamedTuple):
    """All that a command may use, from the strongest source of each setting."""

    provider: ProviderRow
    base_url: str
    """Empty for a provider that runs in this process."""
    key: Key | None
    query: Mapping[str, str]
    """Query parameters of every request."""
    no_key: AuthenticationError | None
    """The error to raise before anything is sent, once all else is valid: the provider needs a key, and none is set."""
    headers: dict[str, str]
    """Of every request to the API: organization and project, if they are set, and the headers of the provider."""
    secret_headers: Mapping[str, Secret]
    """Those of `headers` that may hold a key: what `[providers.NAME]` sets."""
    image: ImageSettings
    output: str | None
    """File, folder or name template; None for the default."""
    is_output_from_project: bool
    """A project's file sets *output*: it may not lead out of the current folder."""
    if_exists: IfExists | None
    sidecar: bool
    """How each image was made is written beside it."""
    preview: Preview
    """How images are shown on a terminal."""
    timeout: float | None
    """Seconds; None for the defaults of the transport."""
    max_retries: int
    max_wait: float
    max_cost: float
    """The most that the command may cost, in USD."""
    max_cost_origin: str | None
    """What sets that limit; None for the built-in one."""
    origins: Mapping[str, str]
    """Setting → the `--flag`, variable or file that sets it, for messages."""
    state_dir: Path
    record_folders: tuple[Path, ...] = ()
    """`Folders.records`."""
    history: bool = True
    """Created images are recorded."""
    notes: tuple[NoteEvent, ...] = ()
    warnings: tuple[WarningEvent, ...] = ()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be printed: the key, and the provider's headers."""
        return (*([self.key.secret] if self.key else []), *self.secret_headers.values())


def load_settings(
    flags: SettingFlags,
    env: Env,
    catalog: Catalog,
    folder: Path,
    *,
    with_key: bool = True,
    expects_key: bool = False,
    preset: "Preset | None" = None,
) -> Settings:
    """The settings of a command typed in *folder*, with the options of its *preset*.

    With *with_key* false, a key is neither looked for nor missed; *expects_key*: a run would have one.
    Raises SettingsError, AuthenticationError for a malformed key, or UsageError, also if the key would be sent over
    plain http:// to a public host.
    """
    sources = read_settings_sources(flags, env, catalog, folder, preset)
    effective = sources.effective
    row = effective_provider(sources, catalog)
    notes = list(sources.notes)
    if reason := foreign_model_reason(row, sources, catalog):
        effective = effective._replace(model=None)
        notes.append(NoteEvent(code="model", message=reason))
    base_url, _ = resolve_base_url(row, sources, env, catalog)
    key = _find_key(row, sources, env) if with_key else None
    secret_headers = {} if row.embedded else sources.providers.overrides_of(row.name).headers
    has_key = key is not None or (expects_key and _usually_has_key(row, env))
    warnings = [
        *_check_encryption(
            base_url, secret_headers, has_key=has_key, is_allowed=value_or(effective.insecure_http, False)
        ),
        *_world_writable_warning(sources.folders.config),
        *_readable_headers_warning(sources.providers.field_origin(row.name, "headers")),
        *sources.warnings,
    ]
    needs_key = with_key and key is None and row.auth != "none" and not row.key_optional and not is_local(base_url)
    limit = effective_cap(sources)
    return Settings(
        provider=row,
        base_url=base_url,
        key=key,
        no_key=_no_key_error(row, sources, env, catalog, folder) if needs_key else None,
        query={**row.query, **{key: env.environ[name] for key, name in row.query_env.items() if name in env.environ}},
        headers={
            **row.fixed_headers,
            **_account_headers(row, env),
            **{name: value.reveal() for name, value in secret_headers.items()},
        },
        secret_headers=secret_headers,
        image=ImageSettings.build(effective),
        output=value_or(effective.output, None),
        is_output_from_project=effective.output is not None and effective.output is sources.project.output,
        if_exists=value_or(effective.if_exists, None),
        sidecar=value_or(effective.sidecar, False),
        preview=value_or(effective.preview, DEFAULT_PREVIEW),
        timeout=value_or(effective.timeout, None) or sources.providers.overrides_of(row.name).timeout,
        max_retries=value_or(effective.max_retries, DEFAULT_MAX_RETRIES),
        max_wait=value_or(effective.max_wait, DEFAULT_MAX_WAIT),
        max_cost=limit.usd,
        max_cost_origin=limit.origin,
        origins={name: setting.origin for name, setting in effective.named().items()},
        state_dir=sources.folders.state,
        record_folders=sources.folders.records,
        history=value_or(effective.history, True),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def effective_provider(sources: SettingsSources, catalog: Catalog) -> ProviderRow:
    """The row of the chosen provider, else of the default one. Raises UsageError if it is unknown."""
    name, origin = sources.effective.provider or (catalog.default_provider, "the default")
    return sources.providers.find(name, origin)


def effective_cap(sources: SettingsSources) -> CostLimit:
    """The cost limit of a command and its origin."""
    own = [sources.environment.max_cost, sources.user.max_cost]
    return lowest_cap(
        flag=sources.flags.max_cost,
        own=[limit for limit in own if limit],
        project=sources.project.max_cost,
    )


def resolve_base_url(row: ProviderRow, sources: SettingsSources, env: Env, catalog: Catalog) -> SettingValue[str]:
    """The base URL and its origin: the setting, the provider's own variable, or its row. Raises UsageError.

    A base URL in a file belongs to the provider that this file chooses. It is not used for another provider, whose key
    would be sent to the wrong server.
    """
    if row.embedded:
        if sources.flags.base_url:
            raise UsageError(
                f"provider {row.name} runs inside the command and has no base URL",
                hint="omit --provider to use the URL, or omit --base-url to use the sandbox",
            )
        return SettingValue("", "runs inside the command")
    base_url = (
        sources.flags.base_url
        or sources.environment.base_url
        or _base_url_from_files(row, sources, catalog)
        or _base_url_variable(row, env)
        or _base_url_of_row(row, sources)
    )
    if base_url is None:
        raise UsageError(
            f"provider {row.name} has no default base URL",
            hint=f"use --base-url {row.base_url_form or 'URL'}"
            + (f", or set {row.base_url_env}" if row.base_url_env else ""),
        )
    url = without_endpoint(validate_base_url(base_url.value))
    _check_form(url, row, sources)
    return SettingValue(url, base_url.origin)


def _check_form(base_url: str, row: ProviderRow, sources: SettingsSources) -> None:
    """Raises UsageError if *base_url* has the form that another provider with the same variable for it uses.

    A provider can have two forms of the API, and its portal shows URLs of one of them.
    """
    if row.base_url_env is None:
        return
    path = urlsplit(base_url).path
    if "/" not in path.strip("/"):  # one segment does not tell two forms apart, and the rows of all providers are many
        return
    own_length = max(_longest_shared(path, row), 1)
    for candidate in sources.providers.rows.values():
        if candidate.base_url_env == row.base_url_env and _longest_shared(path, candidate) > own_length:
            raise UsageError(
                f"the base URL ends with {path}, which is for provider {candidate.name}, not {row.name}",
                hint=f"use --provider {candidate.name}, or set {row.base_url_env}={row.base_url_form or 'URL'}",
            )


def _longest_shared(base_path: str, row: ProviderRow) -> int:
    return max((shared_segments(base_path, path) for path in row.paths.values()), default=0)


def _base_url_variable(row: ProviderRow, env: Env) -> SettingValue[str] | None:
    name = row.base_url_env
    return SettingValue(env.environ[name], name) if name and name in env.environ else None


def _base_url_of_row(row: ProviderRow, sources: SettingsSources) -> SettingValue[str] | None:
    origin = sources.providers.field_origin(row.name, "base_url") or f"provider {row.name}"
    return SettingValue(row.base_url, origin) if row.base_url else None


def _base_url_from_files(row: ProviderRow, sources: SettingsSources, catalog: Catalog) -> SettingValue[str] | None:
    """The base URL of a file, if that file, or else a weaker one, chooses this provider."""
    files = (sources.project, sources.user)
    for number, file in enumerate(files):
        if setting := file.base_url:
            return setting if chosen_provider(files[number:], catalog) == row.name else None
    return None


def _find_key(row: ProviderRow, sources: SettingsSources, env: Env) -> Key | None:
    if row.auth == "none":
        return None
    command = sources.providers.overrides_of(row.name).api_key_command
    providers = sources.providers.rows.values()
    return find_key(
        row,
        env,
        sources.folders,
        providers=providers,
        command=command,
        keyring=value_or(sources.effective.keyring, False),
    )


def _usually_has_key(row: ProviderRow, env: Env) -> bool:
    """Whether a request to the provider has a key, as far as that is known without looking for one."""
    return row.auth != "none" and (not row.key_optional or any(key.env in env.environ for key in row.keys))


def _no_key_error(
    row: ProviderRow, sources: SettingsSources, env: Env, catalog: Catalog, folder: Path
) -> AuthenticationError:
    """The error for a missing key, with the ways to set one."""
    message = f"no API key for {row.name}"
    setting = sources.effective.provider
    if setting and not sources.flags.provider:
        message += f", the provider set by {setting.origin}"
    # `login` does not look at flags and project files.
    is_own = chosen_provider((sources.environment, sources.user), catalog) == row.name
    hint = f"run `imagecli login{'' if is_own else f' {row.name}'}`"
    if env.in_ci and row.keys:
        hint = f"set {row.keys[0].env} from a CI secret"
    if not sources.flags.base_url:
        hint += ", or try it for free with --provider sandbox"
    # Tools built on python-dotenv would read it. It is not opened: a cloned repository may have put it there.
    if os.path.lexists(folder / ".env"):
        hint += "; imagecli does not read .env"
    return AuthenticationError(message, hint=hint, code="no_key")


def _account_headers(row: ProviderRow, env: Env) -> dict[str, str]:
    """The headers with organization and project. Raises SettingsError for a malformed id.

    OpenAI's names; API reference, read 2026-11-22.
    """
    headers = {}
    for header, name in (("OpenAI-Organization", row.organization_env), ("OpenAI-Project", row.project_env)):
        text = env.environ.get(name or "", "").strip()
        if not (text.isascii() and text.isprintable()):
            raise SettingsError(f"{name} contains an invalid character", hint="copy it again, without quotes")
        if text:
            headers[header] = text
    return headers


def _check_encryption(
    base_url: str, secret_headers: Mapping[str, Secret], *, has_key: bool, is_allowed: bool
) -> Iterator[WarningEvent]:
    """A warning if a key is sent over plain http:// to a public host. Raises UsageError unless that *is_allowed*."""
    has_secret = has_key or len(secret_headers) > 0
    if not has_secret or urlsplit(base_url).scheme != "http" or not is_public(base_url):
        return
    if not is_allowed:
        raise UsageError(
            f"{'the API key' if has_key else 'a header with a key'} would be sent over plain http:// to a public host, "
            f"{printable_url(base_url)}; nothing was sent",
            hint="use https://, or --insecure-http if you trust the network up to that host",
            code="insecure_base_url",
        )
    message = "the API key is sent unencrypted, over plain http:// to a public host; use https://"
    yield WarningEvent(code="insecure_base_url", message=message)


def _world_writable_warning(folder: Path) -> Iterator[WarningEvent]:
    """A warning if every user can write settings, and so a key command, into the settings folder."""
    try:
        is_open = os.name == "posix" and folder.stat().st_mode & stat.S_IWOTH
    except OSError:
        return
    if is_open:
        message = f"any user can write to {folder}; to fix it: chmod o-w {shell_quote(folder)}"
        yield WarningEvent(code="open_folder", message=message)


def _readable_headers_warning(origin: str | None) -> Iterator[WarningEvent]:
    """A warning if other users can read the file that sets the provider's headers."""
    try:
        is_readable = os.name == "posix" and origin and Path(origin).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except OSError:
        return
    if is_readable:
        message = (
            f"other users can read {origin}, and its headers may be a key; to fix it: chmod 600 {shell_quote(origin)}"
        )
        yield WarningEvent(code="readable_headers", message=message)
