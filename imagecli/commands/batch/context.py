"""A batch command's settings, manifest and options as one value, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.manifest.content import ManifestContent
from imagecli.batch.manifest.load_items import ManifestItems, load_items
from imagecli.batch.manifest.read import MAX_BYTES, Format, Manifest, read_manifest, read_piped_manifest
from imagecli.batch.shards import Shard
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow, for_batch_api
from imagecli.checks.urls import check_not_url
from imagecli.commands.terminal_input import read_stdin
from imagecli.config.paths import current_folder
from imagecli.config.settings import Settings, load_settings
from imagecli.config.sources import NOT_RAISED, SettingFlags, flag_name
from imagecli.config.user_catalog import load_user_catalog
from imagecli.domain import IfExists
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.events import EventHandler, NoteEvent
from imagecli.money import format_usd, round_up_usd
from imagecli.output.progress import FOR_A_KEY, notice_when_slow
from imagecli.output.terminal import DisplayOptions
from imagecli.pricing.command_cost import describe_cap
from imagecli.web.gallery_target import GalleryTarget, parse_gallery_target

NOTED_SETTINGS = ("project_owner", "provider", "max_cost")
"""Codes of the settings' notes that matter to a batch: its rows ignore the other settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """Everything that a run over a manifest needs to know before it starts. Pure data."""

    env: Env
    catalog: Catalog
    settings: Settings
    manifest: Manifest
    """Without its content: there may be very many rows, and the items have all that is needed of them."""
    manifest_path: Path
    """Names the journal and the lock beside it; for a piped manifest `stdin` in the current folder."""
    manifest_items: ManifestItems
    display: DisplayOptions
    only: tuple[str, ...] = ()
    adopt: bool = False
    if_exists: IfExists | None = None
    shard: Shard | None = None
    batch_api: bool = False
    """Rows are submitted to the provider's Batch API, which it has."""
    gallery: GalleryTarget | None = None
    """The page to write at the end."""
    allow_outside: bool = False
    """Rows may read files, and save through links, outside the manifest's folder and its repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyOptions:
    """How fast a run may go, and when it stops."""

    jobs: int | None = None
    """Requests in flight at the same time; None is the provider's own number."""
    rate: float | None = None
    """Images per minute."""
    fail_fast: bool = False


def open_batch_context(
    env: Env,
    argument: str,
    format: Format | None,
    flags: SettingFlags,
    row_flags: Mapping[str, str | bool | None],
    display: DisplayOptions,
    *,
    with_key: bool,
    expects_key: bool,
    only: Iterable[str],
    adopt: bool,
    if_exists: IfExists | None,
    shard: Shard | None,
    batch_api: bool = False,
    allow_outside: bool = False,
    gallery: GalleryTarget | None = None,
) -> BatchContext:
    """Loads the settings, then the manifest that *argument* names.

    *flags* are those of the settings, *row_flags* those that rows have as fields too.
    Raises ManifestError with everything that is wrong in the rows; UsageError, SettingsError, AuthenticationError.
    """
    catalog = load_user_catalog(env)
    with notice_when_slow(FOR_A_KEY, env, quiet=display.quiet):
        settings = load_settings(flags, env, catalog, current_folder(), with_key=with_key, expects_key=expects_key)
    provider = with_batch_api(settings.provider) if batch_api else settings.provider
    manifest = read_manifest_argument(argument, format, env)
    items = load_items(
        manifest,
        flags=row_flags,
        catalog=catalog,
        provider=provider,
        base_url=settings.base_url,
        today=env.now().date(),
        allow_outside=allow_outside,
    )
    return BatchContext(
        env=env,
        catalog=catalog,
        settings=with_manifest_cap(settings, manifest),
        manifest=replace(manifest, content=ManifestContent()),
        manifest_path=manifest.path or manifest.folder / "stdin",
        manifest_items=items,
        display=display._replace(secrets=settings.secrets),
        only=tuple(only),
        adopt=adopt,
        if_exists=if_exists,
        shard=shard,
        batch_api=batch_api,
        allow_outside=allow_outside,
        gallery=gallery,
    )


def read_manifest_argument(argument: str, format: Format | None, env: Env) -> Manifest:
    """The manifest at the path *argument*; `-` is stdin. Raises UsageError, ManifestError."""
    if argument != "-":
        check_not_url(argument, "a manifest", UsageError)
        return read_manifest(Path(env.expand_home(argument)), format)
    data = read_stdin(env, "the manifest", MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"the manifest on stdin is larger than {MAX_BYTES // 1024**2} MB", hint="split it into several"
        )
    return read_piped_manifest(data, format)


def with_batch_api(provider: ProviderRow) -> ProviderRow:
    """*provider* with the limits of its Batch API. Raises UsageError if it has none."""
    if provider.batch is None:
        raise UsageError(
            f"provider {provider.name} has no Batch API; nothing was sent",
            hint="omit --batch-api to send one request per row",
        )
    return for_batch_api(provider)


def refuse_sandbox_without_wait(context: BatchContext) -> None:
    """Raises UsageError for the embedded sandbox: it ends with the command, and batches not waited for end with it."""
    if context.settings.provider.embedded:
        raise UsageError(
            "--batch-api needs --wait with the sandbox, whose batches end with the command; nothing was sent",
            hint="add --wait, or run imagecli sandbox in another terminal and pass its URL with --base-url",
        )


def with_manifest_cap(settings: Settings, manifest: Manifest) -> Settings:
    """*settings* with the manifest's cost limit, which can only lower theirs; the flag replaces both."""
    limit, origin = manifest.content.max_cost, settings.max_cost_origin
    if limit is None or origin == flag_name("max_cost") or (origin and limit == settings.max_cost):
        return settings
    name = f"max_cost in {manifest.name}"
    if limit <= settings.max_cost:
        return settings._replace(max_cost=limit, max_cost_origin=name)
    message = (
        f"{name} is {format_usd(limit)}, but a manifest can only lower the limit; {describe_cap(settings)} applies "
        f"(raise it with {flag_name('max_cost')} {round_up_usd(limit)})"
    )
    # The manifest asks for a limit, so unknown prices are refused as they are under any other explicit limit.
    origin = origin or f"{name}{NOT_RAISED}"
    note = NoteEvent(code="max_cost", message=message)
    return settings._replace(max_cost_origin=origin, notes=(*settings.notes, note))


def check_exclusive_modes(modes: Mapping[str, bool], *, yes: bool) -> None:
    """Raises UsageError if two of *modes* are typed, or `--yes` without `--prune`."""
    flags = [mode for mode, is_typed in modes.items() if is_typed]
    if len(flags) > 1:
        raise UsageError(f"{' and '.join(flags)} can't be combined", hint="use one of them")
    if yes and flags != ["--prune"]:
        raise UsageError("--yes requires --prune", hint="add --prune, or remove --yes")


def parse_gallery_option(text: str, env: Env, modes: Mapping[str, bool]) -> GalleryTarget:
    """The gallery that --gallery *text* names; none of *modes* writes one. Raises UsageError, OutputError."""
    if flags := [mode for mode, is_typed in modes.items() if is_typed]:
        raise UsageError(f"--gallery and {flags[0]} can't be combined", hint="use --check instead of it")
    return parse_gallery_target(env.expand_home(text), "--gallery")


def check_batch_api_options(live: Mapping[str, object], *, batch_api: bool, wait: bool) -> None:
    """Raises UsageError for an option that only works without the Batch API, or only with it."""
    if wait and not batch_api:
        raise UsageError("--wait requires --batch-api", hint="add --batch-api, or remove --wait")
    flags = [option for option, value in live.items() if value]
    if batch_api and flags:
        raise UsageError(f"{flags[0]} can't be used with the Batch API", hint=f"remove {flags[0]}")


def emit_notes(context: BatchContext, on_event: EventHandler) -> None:
    """Emits the notes and warnings about the manifest and the settings, before anything is requested."""
    for note in context.manifest_items.notes:
        on_event(note)
    for note in context.settings.notes:
        if note.code in NOTED_SETTINGS:
            on_event(note)
    for warning in context.settings.warnings:
        on_event(warning)
