"""The settings of rows as what is asked for, checked by model and provider: once for all that say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.check import COMMANDS, check_model_life, check_request, unknown_model_warnings
from imagecli.checks.output_format import FormatSupport
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputFit, Size
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.image_options import apply_format_of_name, build_image_options
from imagecli.naming import OutputPattern
from imagecli.providers.capabilities import check_capabilities

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSettings:
    """What a row's settings come to."""

    settings: Mapping[str, Any]
    """As they were said."""
    model: ModelRow
    options: ImageOptions
    input_fit: InputFit


class SettingsResolver:
    """Those of one manifest. What is to be said of them goes to *remarks*, each thing once."""

    def __init__(
        self,
        catalog: Catalog,
        provider: ProviderRow,
        base_url: str,
        today: date,
        remarks: dict[NoteEvent | WarningEvent, None],
    ) -> None:
        self._catalog, self._provider, self._base_url, self._today = catalog, provider, base_url, today
        self._remarks = remarks
        self._known: dict[object, object] = {}

    def resolve(self, settings: Mapping[str, Any], fit: Size | None, *, several: bool) -> ResolvedSettings:
        """What *settings* ask for. *fit* is the largest that is wanted; with *several* files each is fitted by itself.

        Raises UsageError.
        """
        return self._cached(
            ("look", _cache_key(settings), fit, several), lambda: self._resolve(settings, fit, several=several)
        )

    def with_format_of_name(
        self, look: ResolvedSettings, output: OutputPattern, *, flagged: bool, variables: Mapping[str, str]
    ) -> ImageOptions:
        """The rendering for an *output* whose ending may ask for a format. Raises UsageError."""
        tail = output.text if "{" in output.text else output.text[output.text.rfind(".") :]
        key = ("named", id(look), output.kind, tail, flagged, tuple(variables) if "{" in tail else ())
        # Only what can be taken is remembered by its ending: a refusal names the whole.
        if found := self._known.get(key):
            assert isinstance(found, ImageOptions)
            return found
        makes = FormatSupport(
            row=look.model,
            provider=self._provider,
            operation=COMMANDS[look.settings["command"]],
            others=self._catalog.models.values(),
        )
        made, converted = apply_format_of_name(look.options, output, makes, flagged, variables)
        if converted:
            self._remarks[converted] = None
        self._known[key] = made
        return made

    def check_request(self, ask: ImageRequest, row: ModelRow) -> None:
        """Raises UsageError where model or provider don't take *ask*, whatever its prompt says."""
        shape: tuple[object, ...] = (type(ask), id(ask.options))
        if isinstance(ask, Edit):
            shape = (*shape, len(ask.images), ask.mask is None, ask.markup is None)
        self._cached(("check", *shape), lambda: self._check_request(ask, row))

    def _resolve(self, settings: Mapping[str, Any], fit: Size | None, *, several: bool) -> ResolvedSettings:
        row = self._cached(("model", settings.get("model")), lambda: self._find_model(settings.get("model")))
        rendering, notes = build_image_options({**settings, "fit": fit}, row)
        if self._provider.size_as != "aspect_ratio":
            # Where the ratio itself is sent, the server chooses the pixels.
            self._remarks.update(dict.fromkeys(notes))
        framing = {name: settings[name] for name in InputFit.__dataclass_fields__ if name in settings}
        return ResolvedSettings(
            settings=settings,
            model=row,
            options=replace(rendering, fit=None) if several else rendering,
            input_fit=InputFit(**framing),
        )

    def _find_model(self, name: str | None) -> ModelRow:
        row = self._catalog.model_for_provider(self._provider, name)
        remarks = check_model_life(row, self._provider, self._base_url, self._today)
        self._remarks.update(dict.fromkeys((*remarks, *(unknown_model_warnings(row) if name else ()))))
        return row

    def _check_request(self, ask: ImageRequest, row: ModelRow) -> None:
        spoken = replace(ask, prompt="-") if isinstance(ask, (Generate, Edit)) else ask
        self._remarks.update(dict.fromkeys(check_request(spoken, row, self._catalog.models.values())))
        self._remarks.update(dict.fromkeys(check_capabilities(ask, self._provider)))

    def _cached(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._known:
            try:
                self._known[key] = make()
            except UsageError as error:
                self._known[key] = error
        found: Any = self._known[key]
        if isinstance(found, UsageError):
            raise found
        return found  # type: ignore[no-any-return]


def _cache_key(settings: Mapping[str, Any]) -> object:
    """The same for settings that say the same; 1 and true are not the same in a --param."""
    if "param" in settings:
        settings = {**settings, "param": repr(settings["param"])}
    return tuple(settings.items())
