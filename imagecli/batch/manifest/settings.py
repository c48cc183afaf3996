"""The settings of rows as what is asked for, checked by model and provider: once for all that say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.check import COMMANDS, check, check_life, said_of_model
from imagecli.checks.output_format import Makes
from imagecli.domain import Ask, Edit, Framing, Generate, Rendering, Size
from imagecli.errors import UsageError
from imagecli.events import Noted, Warned
from imagecli.image_options import rendering_of, with_format_of_name
from imagecli.naming import Output
from imagecli.providers.capabilities import check_carried

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a row's settings come to."""

    settings: Mapping[str, Any]
    """As they were said."""
    row: ModelRow
    rendering: Rendering
    framing: Framing


class Looks:
    """Those of one manifest. What is to be said of them goes to *remarks*, each thing once."""

    def __init__(
        self,
        catalog: Catalog,
        provider: ProviderRow,
        base_url: str,
        today: date,
        remarks: dict[Noted | Warned, None],
    ) -> None:
        self._catalog, self._provider, self._base_url, self._today = catalog, provider, base_url, today
        self._remarks = remarks
        self._known: dict[object, object] = {}

    def look(self, settings: Mapping[str, Any], fit: Size | None, *, several: bool) -> Look:
        """What *settings* ask for. *fit* is the largest that is wanted; with *several* files each is fitted by itself.

        Raises UsageError.
        """
        return self._once(("look", _key(settings), fit, several), lambda: self._look(settings, fit, several=several))

    def named(self, look: Look, output: Output, *, flagged: bool, variables: Mapping[str, str]) -> Rendering:
        """The rendering for an *output* whose ending may ask for a format. Raises UsageError."""
        tail = output.text if "{" in output.text else output.text[output.text.rfind(".") :]
        key = ("named", id(look), output.kind, tail, flagged, tuple(variables) if "{" in tail else ())
        # Only what can be taken is remembered by its ending: a refusal names the whole.
        if found := self._known.get(key):
            assert isinstance(found, Rendering)
            return found
        makes = Makes(
            row=look.row,
            provider=self._provider,
            operation=COMMANDS[look.settings["command"]],
            others=self._catalog.models.values(),
        )
        made, converted = with_format_of_name(look.rendering, output, makes, flagged, variables)
        if converted:
            self._remarks[converted] = None
        self._known[key] = made
        return made

    def check(self, ask: Ask, row: ModelRow) -> None:
        """Raises UsageError where model or provider don't take *ask*, whatever its prompt says."""
        shape: tuple[object, ...] = (type(ask), id(ask.rendering))
        if isinstance(ask, Edit):
            shape = (*shape, len(ask.images), ask.mask is None, ask.markup is None)
        self._once(("check", *shape), lambda: self._check(ask, row))

    def _look(self, settings: Mapping[str, Any], fit: Size | None, *, several: bool) -> Look:
        row = self._once(("model", settings.get("model")), lambda: self._model(settings.get("model")))
        rendering, notes = rendering_of({**settings, "fit": fit}, row)
        if self._provider.size_as != "aspect_ratio":
            # Where the ratio itself is sent, the server chooses the pixels.
            self._remarks.update(dict.fromkeys(notes))
        framing = {name: settings[name] for name in Framing.__dataclass_fields__ if name in settings}
        return Look(
            settings=settings,
            row=row,
            rendering=replace(rendering, fit=None) if several else rendering,
            framing=Framing(**framing),
        )

    def _model(self, name: str | None) -> ModelRow:
        row = self._catalog.model_at(self._provider, name)
        remarks = check_life(row, self._provider, self._base_url, self._today)
        self._remarks.update(dict.fromkeys((*remarks, *(said_of_model(row) if name else ()))))
        return row

    def _check(self, ask: Ask, row: ModelRow) -> None:
        spoken = replace(ask, prompt="-") if isinstance(ask, (Generate, Edit)) else ask
        self._remarks.update(dict.fromkeys(check(spoken, row, self._catalog.models.values())))
        self._remarks.update(dict.fromkeys(check_carried(ask, self._provider)))

    def _once(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._known:
            try:
                self._known[key] = make()
            except UsageError as error:
                self._known[key] = error
        found: Any = self._known[key]
        if isinstance(found, UsageError):
            raise found
        return found  # type: ignore[no-any-return]


def _key(settings: Mapping[str, Any]) -> object:
    """The same for settings that say the same; 1 and true are not the same in a --param."""
    if "param" in settings:
        settings = {**settings, "param": repr(settings["param"])}
    return tuple(settings.items())
