"""One row → the purchases that it asks for: one, or one for each combination of its variables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from imagecli.batch.manifest.asking import Asking, Inputs, check_pictures, check_prompt
from imagecli.batch.manifest.clashes import Clashes
from imagecli.batch.manifest.columns import Columns
from imagecli.batch.manifest.fields import WantedFile
from imagecli.batch.manifest.item import Item
from imagecli.batch.manifest.looks import Look, Looks
from imagecli.batch.manifest.material import Material
from imagecli.batch.manifest.problems import Problems
from imagecli.batch.manifest.rows import Row
from imagecli.batch.manifest.saying import Said
from imagecli.batch.manifest.targets import Place, Places, check_files
from imagecli.checks import check_prompt_text
from imagecli.domain import Rendering, Source
from imagecli.errors import UsageError
from imagecli.naming import braces_in, check_used, check_variables
from imagecli.templates import fill_prompt, product

_READ: Final = ("image", "mask", "markup", "prompt_file")
_NOTHING: Final = Inputs(images=(), mask=None, markup=None)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes the items of one manifest; what is wrong with a row goes to *problems*."""

    looks: Looks
    places: Places
    material: Material
    asking: Asking
    problems: Problems
    clashes: Clashes
    columns: Columns

    def items(self, row: Row, said: Said) -> Iterator[Item]:
        """What *row* asks for; nothing where it holds a problem."""
        before, line = self.problems.count, row.line
        places = [self._tried(line, "output", self.places.read, one) for one in _wanted(said)]
        look = self._tried(line, None, self._look, said)
        typed = self._tried(line, "prompt_file", self.material.prompt, said)
        inputs = self._inputs(line, said)
        for field, check in _CHECKS:
            self._tried(line, field, check, said)
        if self.problems.count > before or look is None:
            return
        found = [place for place in places if place]
        self.columns.use(found, typed)
        try:
            yield from self._combined(row, said, look, typed, found, inputs)
        except UsageError as error:
            self.problems.refuse(line, error)

    def _combined(
        self, row: Row, said: Said, look: Look, typed: str | None, places: Sequence[Place], inputs: Inputs
    ) -> Iterator[Item]:
        values = said.content.get("vars", {})
        own = said.own.get("vars", {})
        if own:
            check_used(own, typed, *(place.output for place in places))
        if typed and said.own.keys().isdisjoint(("prompt", "prompt_file")):
            _check_filled(typed, {**said.columns, **values})
        combinations = product(values) if values else ({},)
        rendering = self._named(said, look, places, {**said.columns, **dict.fromkeys(values, "")})
        first, total = 1, rendering.n * len(combinations)
        for combination in combinations:
            variables = {**said.columns, **combination} if combination else said.columns
            prompt = None if typed is None else fill_prompt(typed, variables)
            ask = self.asking.ask(said, look, rendering, prompt, inputs)
            if ask.prompt is not None:
                check_prompt_text(ask.prompt, look.row)
            self.looks.check(ask, look.row)
            files = [
                self.places.targets(place, ask, prompt, variables, said.settings.get("fit"), first=first, total=total)
                for place in places
            ]
            pictures = tuple(zip(*files, strict=True))
            targets = [target for picture in pictures for target in picture]
            for target in targets:
                self.clashes.makes(target.path, row.line)
            for folder in dict.fromkeys(target.name.folder for target in targets):
                if error := self.places.outside(folder):
                    self.problems.refuse(row.line, error, "output")
            yield Item(
                row=row.number,
                line=row.line,
                ask=ask,
                model=look.row,
                model_named="model" in said.settings,
                prompt=prompt,
                variables=variables,
                settings=look.settings,
                pictures=pictures,
            )
            first += rendering.n

    def _look(self, said: Said) -> Look:
        several = said.content.get("outputs", ())
        fits = [fit for one in several if (fit := one.fit or said.settings.get("fit"))]
        fit = max(fits, key=lambda size: size.pixels, default=None) if several else said.settings.get("fit")
        return self.looks.look({"command": said.command, **said.settings}, fit, several=len(several) > 1)

    def _named(self, said: Said, look: Look, places: Sequence[Place], variables: Mapping[str, str]) -> Rendering:
        """The rendering, with the format that the first name asks for where nothing else does."""
        flagged = "output_format" in said.own
        several = "outputs" in said.content
        if several and flagged:
            made = look.rendering
        else:
            made = self.looks.named(look, places[0].output, flagged=flagged, variables=variables)
        if several:
            check_files(places, made.output_format)
        return made

    def _inputs(self, line: int, said: Said) -> Inputs:
        """The pictures of a row, those that are there."""
        if said.content.keys().isdisjoint(_READ):
            return _NOTHING
        found: dict[str, tuple[Source, ...]] = {}
        for name in ("image", "mask", "markup"):
            words = said.content.get(name, ())
            words = (words,) if isinstance(words, str) else words
            found[name] = tuple(
                source for word in words if (source := self._tried(line, name, self.material.source, word))
            )
            for word in words:
                self.clashes.reads(word, line)
        if "prompt_file" in said.content:
            self.clashes.reads(said.content["prompt_file"], line)
        mask, markup = (next(iter(found[name]), None) for name in ("mask", "markup"))
        return Inputs(images=found["image"], mask=mask, markup=markup)

    def _tried(self, line: int, field: str | None, make: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | None:
        """What *make* makes; None, and a problem, where it can't."""
        try:
            return make(*args, **more)
        except UsageError as error:
            self.problems.refuse(line, error, field)
            return None


def _wanted(said: Said) -> tuple[WantedFile, ...]:
    """The files that are made of each picture."""
    several: tuple[WantedFile, ...] = said.content.get("outputs", ())
    return several or (WantedFile(output=said.content.get("output", "")),)


def _check_filled(prompt: str, variables: Collection[str]) -> None:
    """Raises UsageError where the prompt of `[defaults]` has a name in braces that its row does not fill.

    Braces of a row's own prompt may be meant to be seen.
    """
    for name in braces_in(prompt):
        if name.isidentifier() and name not in variables:
            raise UsageError(
                f"prompt: that of defaults has {{{name}}}, and the row does not say what it is",
                hint=f"vars with {name}, or a prompt of its own",
            )


def _check_variables(said: Said) -> None:
    values = said.content.get("vars")
    if not values:
        return
    check_variables(values)
    for name, one in values.items():
        if not one:
            raise UsageError(f"{name} has no value", hint="leave it out, or name one")


_CHECKS: Final = (("prompt", check_prompt), ("image", check_pictures), ("vars", _check_variables))
"""Field → what a row has to satisfy in it whatever else is wrong."""
