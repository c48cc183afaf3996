"""A manifest, settled: settings in, rows read, and what becomes of each by the journal and the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from imagecli.batch.failed_manifest import journal_owner
from imagecli.batch.file_state import DiskState
from imagecli.batch.fingerprint import FileDigests
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.load import ManifestItems, load_items
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.planner import decide_item
from imagecli.batch.shards import Shard, cap_share
from imagecli.batch.work_item import ItemPlan, replace_originals_too, to_planned_item
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow, for_batch_api
from imagecli.config.settings import Settings, current_folder, load_settings
from imagecli.config.sources import NOT_RAISED, flag_name
from imagecli.config.user_catalog import load_user_catalog
from imagecli.domain import IfExists
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.events import EventHandler, NoteEvent
from imagecli.money import format_usd, round_up_usd
from imagecli.output.display import DisplayOptions
from imagecli.output.slow_notice import FOR_A_KEY, notice_when_slow
from imagecli.pricing import estimate
from imagecli.pricing.budget import describe_cap


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """One batch's settled circumstances."""

    env: Env
    catalog: Catalog
    settings: Settings
    manifest: Manifest
    """Without its rows: there may be very many, and the items say the same."""
    row_count: int
    owner: Path
    """Whose journal it is: the manifest, where that is a file."""
    manifest_items: ManifestItems
    display: DisplayOptions
    only: tuple[str, ...] = ()
    adopt: bool = False
    if_exists: IfExists | None = None
    shard: Shard | None = None
    batch_api: bool = False
    """Rows are handed in to the provider's Batch API, which it has."""
    allow_outside: bool = False
    """Rows may read files, and save through links, outside the manifest's folder and its repository."""

    @property
    def price_share(self) -> float:
        """What is billed, of the live price."""
        batch = self.settings.provider.batch
        return batch.price if self.batch_api and batch else 1.0

    def settings_with_cap_share(self) -> Settings:
        """The settings with this run's share of the cap."""
        if self.shard is None:
            return self.settings
        counts = [self._highest_cost(item) for item in self.manifest_items.items]
        mine = sum(
            count for item, count in zip(self.manifest_items.items, counts, strict=True) if self._is_in_shard(item)
        )
        share = round(cap_share(self.settings.max_cost, mine, sum(counts)), 9)
        # The built-in cap stays that: it is less strict than one that somebody said.
        origin = self.settings.max_cost_origin and f"the share {self.shard} of {describe_cap(self.settings)}"
        return replace(self.settings, max_cost=share, max_cost_origin=origin)

    def _highest_cost(self, item: ManifestItem) -> float:
        """USD that the whole of *item* can cost; where no price is known one purchase is like another."""
        price = estimate.estimate_price(item.request, item.model, self.settings.provider)
        return (price.high_usd or price.low_usd) if price else 0.0

    @property
    def chosen_items(self) -> Sequence[ManifestItem]:
        """The items that this run is about."""
        found = [item for item in self.manifest_items.items if self._is_chosen(item)]
        if not found and self.only:
            raise UsageError(
                f"no output of {self.manifest.name} is like {', '.join(self.only)}", hint=self._describe_selection()
            )
        return found

    def _is_chosen(self, item: ManifestItem) -> bool:
        paths = [target.path for targets in item.pictures for target in targets]
        if not self._is_in_shard(item):
            return False
        return not self.only or any(matches_output(path, glob) for path in paths for glob in self.only)

    def _is_in_shard(self, item: ManifestItem) -> bool:
        return self.shard is None or self.shard.contains(item.pictures[0][0].path)

    def _describe_selection(self) -> str:
        first = [item.pictures[0][0].path for item in self.manifest_items.items[:3]]
        return f"outputs are {', '.join(first)}{' …' * (len(self.manifest_items.items) > 3)}"

    def plan_items(self, ledger: JournalState) -> list[ItemPlan]:
        """What becomes of every chosen item. Raises InputImageError for an input that can't be read."""
        digests, disk = FileDigests(), self.standing()
        found = []
        for item in self.chosen_items:
            wanted = to_planned_item(item, self.settings.provider, self.settings.base_url, digests)
            decision = decide_item(wanted, ledger, disk, adopt=self.adopt, if_exists=self.if_exists)
            decision = replace_originals_too(decision, ledger)
            found.append(ItemPlan(item=item, planned=wanted, decision=decision))
        return found

    def standing(self) -> DiskState:
        """The disk below the manifest's folder."""
        return DiskState(self.manifest.folder, allow_outside=self.allow_outside)

    def emit_notes(self, on_event: EventHandler) -> None:
        """Says what is to be said before anything is bought."""
        for remark in self.manifest_items.notes:
            on_event(remark)
        for note in self.settings.notes:
            # Other settings say nothing to a manifest's rows.
            if note.code in ("project_owner", "provider", "max_cost"):
                on_event(note)
        for warning in self.settings.warnings:
            on_event(warning)


def matches_output(path: str, glob: str) -> bool:
    """Whether an output has a name that *glob* means: its whole path, or the last part of it."""
    return fnmatchcase(path, glob) or fnmatchcase(PurePosixPath(path).name, glob)


def open_batch_context(
    env: Env,
    read: Callable[[], Manifest],
    flags: dict[str, Any],
    fields: dict[str, Any],
    style: DisplayOptions,
    *,
    with_key: bool,
    only: Sequence[str],
    adopt: bool,
    if_exists: IfExists | None,
    shard: Shard | None,
    batch_api: bool = False,
    allow_outside: bool = False,
) -> BatchContext:
    """The bench for the manifest that *read* gives. *flags* are settings', *fields* are those that rows have too.

    Raises ManifestError with all that is wrong in its rows; UsageError, SettingsError, AuthenticationError.
    """
    rows = load_user_catalog(env)
    with notice_when_slow(FOR_A_KEY, env, quiet=style.quiet):
        settings = load_settings(flags, env, rows, current_folder(), with_key=with_key)
    provider = with_batch_api(settings.provider) if batch_api else settings.provider
    manifest = read()
    assets = load_items(
        manifest,
        flags=fields,
        catalog=rows,
        provider=provider,
        base_url=settings.base_url,
        today=env.now().date(),
        allow_outside=allow_outside,
    )
    return BatchContext(
        env=env,
        catalog=rows,
        settings=with_manifest_cap(settings, manifest),
        manifest=replace(manifest, rows=()),
        row_count=len(manifest.rows),
        owner=journal_owner(manifest.path) if manifest.path else manifest.folder / "stdin",
        manifest_items=assets,
        display=replace(style, secret=settings.key.secret if settings.key else None),
        only=tuple(only),
        adopt=adopt,
        if_exists=if_exists,
        shard=shard,
        batch_api=batch_api,
        allow_outside=allow_outside,
    )


def with_batch_api(provider: ProviderRow) -> ProviderRow:
    """*provider* as it holds for rows that are handed in. Raises UsageError where it has no Batch API."""
    if provider.batch is None:
        raise UsageError(
            f"provider {provider.name} has no Batch API that imagecli knows; nothing was sent",
            hint="leave --batch-api out: rows are bought one by one; imagecli providers NAME tells who has one",
        )
    return for_batch_api(provider)


def check_exclusive_modes(modes: Mapping[str, bool], *, yes: bool) -> None:
    """Raises UsageError where two of *modes* are typed, and for a *yes* to nothing."""
    typed = [mode for mode, wanted in modes.items() if wanted]
    if len(typed) > 1:
        raise UsageError(f"{' and '.join(typed)}: each does something of its own", hint="leave one of them out")
    if yes and typed != ["--prune"]:
        raise UsageError("--yes agrees to what --prune lists", hint="--prune --yes; or leave --yes out")


def check_batch_api_options(live: Mapping[str, object], *, batch_api: bool, wait: bool) -> None:
    """Raises UsageError for an option that says nothing of the Batch API, or nothing without it."""
    if wait and not batch_api:
        raise UsageError("--wait waits for the Batch API", hint="--batch-api --wait; or leave --wait out")
    typed = [option for option, value in live.items() if value]
    if batch_api and typed:
        raise UsageError(
            f"{typed[0]} is for live requests: the Batch API has its own pace", hint=f"leave {typed[0]} out"
        )


def with_manifest_cap(settings: Settings, manifest: Manifest) -> Settings:
    """*settings* with the manifest's limit, which can lower theirs; only the flag replaces both."""
    limit, origin = manifest.max_cost, settings.max_cost_origin
    if limit is None or origin == flag_name("max_cost") or (origin and limit == settings.max_cost):
        return settings
    name = f"max_cost in {manifest.name}"
    if limit <= settings.max_cost:
        return replace(settings, max_cost=limit, max_cost_origin=name)
    message = (
        f"{name} is {format_usd(limit)}, and a manifest can only lower the limit: {describe_cap(settings)} holds; "
        f"{flag_name('max_cost')} {round_up_usd(limit)} raises it"
    )
    # Somebody wants a limit to hold, so that unknown prices are refused as they are under any other.
    origin = origin or f"{name}{NOT_RAISED}"
    note = NoteEvent(code="max_cost", message=message)
    return replace(settings, max_cost_origin=origin, notes=(*settings.notes, note))
